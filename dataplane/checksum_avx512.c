/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/checksum_impl.h"

#include <immintrin.h>

struct acc {
	__m512i all, hi;
};

static inline void
add(struct acc *a, __m512i v)
{
	__asm__("" : "+v"(v)); /* or gcc loads it from memory twice */
	a->all = _mm512_add_epi32(a->all, v);
	a->hi = _mm512_add_epi32(a->hi, _mm512_srli_epi32(v, 16));
}

/* Both halves are congruent to their sum, so one reduction serves both. */
static inline uint64_t
total(const struct acc *a)
{
	const __m512i low = _mm512_set1_epi64(0xffffffff);
	__m512i lo = _mm512_sub_epi32(a->all, _mm512_slli_epi32(a->hi, 16));
	__m512i s = _mm512_add_epi64(_mm512_and_si512(lo, low), _mm512_srli_epi64(lo, 32));

	s = _mm512_add_epi64(s, _mm512_and_si512(a->hi, low));
	s = _mm512_add_epi64(s, _mm512_srli_epi64(a->hi, 32));
	return _mm512_reduce_add_epi64(s);
}

/* What a lane holds of 64 bits, as two sums of 32; short enough that nothing carries out. */
static inline __m512i
halves(__m512i v)
{
	const __m512i low = _mm512_set1_epi64(0xffffffff);

	return _mm512_add_epi64(_mm512_and_si512(v, low), _mm512_srli_epi64(v, 32));
}

/* Without what prepares and ends the way of long ones. */
static inline uint64_t
sum_short(const uint8_t *p, size_t len)
{
	__m512i sum = _mm512_setzero_si512();

	for (; len >= 64; len -= 64, p += 64)
		sum = _mm512_add_epi64(sum, halves(_mm512_loadu_si512(p)));
	sum = _mm512_add_epi64(sum, halves(_mm512_maskz_loadu_epi8(((__mmask64)1 << len) - 1, p)));
	return _mm512_reduce_add_epi64(sum);
}

uint64_t
checksum_sum_avx512(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	if (len < 256)
		return sum_short(p, len);
	do {
		size_t n = len < CHECKSUM_CHUNK ? len : CHECKSUM_CHUNK;
		struct acc a = {_mm512_setzero_si512(), _mm512_setzero_si512()}, b = a;

		len -= n;
		/* A load across a cache line costs two; an odd start would swap the bytes. */
		if (n >= 256 && ((uintptr_t)p & 1) == 0) {
			size_t head = -(uintptr_t)p & 63;

			add(&b, _mm512_maskz_loadu_epi8(((__mmask64)1 << head) - 1, p));
			n -= head;
			p += head;
		}
		for (; n >= 128; n -= 128, p += 128) {
			add(&a, _mm512_loadu_si512(p));
			add(&b, _mm512_loadu_si512(p + 64));
		}
		if (n >= 64) {
			add(&a, _mm512_loadu_si512(p));
			n -= 64;
			p += 64;
		}
		/* A masked load does not touch the bytes that it leaves out. */
		add(&b, _mm512_maskz_loadu_epi8(((__mmask64)1 << n) - 1, p));
		p += n;
		a.all = _mm512_add_epi32(a.all, b.all);
		a.hi = _mm512_add_epi32(a.hi, b.hi);
		sum += total(&a);
	} while (len != 0);
	return sum;
}
