/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/checksum_impl.h"

#include <emmintrin.h>

#define LOAD(p) _mm_loadu_si128((const __m128i *)(const void *)(p))

static uint64_t
lanes(__m128i v)
{
	v = _mm_add_epi64(_mm_and_si128(v, _mm_set1_epi64x(0xffffffff)), _mm_srli_epi64(v, 32));
	v = _mm_add_epi64(v, _mm_unpackhi_epi64(v, v));
	return _mm_cvtsi128_si64(v);
}

uint64_t
checksum_sum_sse2(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	while (len >= 16) {
		size_t n = (len < CHECKSUM_CHUNK ? len : CHECKSUM_CHUNK) / 16;
		__m128i all = _mm_setzero_si128(), hi = all, all2 = all, hi2 = all;

		len -= n * 16;
		for (; n >= 2; n -= 2, p += 32) {
			__m128i v = LOAD(p), w = LOAD(p + 16);

			__asm__("" : "+x"(v), "+x"(w)); /* or gcc loads them twice */
			all = _mm_add_epi32(all, v);
			hi = _mm_add_epi32(hi, _mm_srli_epi32(v, 16));
			all2 = _mm_add_epi32(all2, w);
			hi2 = _mm_add_epi32(hi2, _mm_srli_epi32(w, 16));
		}
		if (n != 0) {
			all = _mm_add_epi32(all, LOAD(p));
			hi = _mm_add_epi32(hi, _mm_srli_epi32(LOAD(p), 16));
			p += 16;
		}
		all = _mm_add_epi32(all, all2);
		hi = _mm_add_epi32(hi, hi2);
		sum += lanes(hi) + lanes(_mm_sub_epi32(all, _mm_slli_epi32(hi, 16)));
	}
	return sum + checksum_tail(p, len);
}
