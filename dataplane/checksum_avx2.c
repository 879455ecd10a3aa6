/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/checksum_impl.h"

#include <immintrin.h>

#define LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))

static uint64_t
lanes(__m256i v)
{
	__m128i w;

	v = _mm256_add_epi64(
		_mm256_and_si256(v, _mm256_set1_epi64x(0xffffffff)), _mm256_srli_epi64(v, 32));
	w = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
	w = _mm_add_epi64(w, _mm_unpackhi_epi64(w, w));
	return _mm_cvtsi128_si64(w);
}

uint64_t
checksum_sum_avx2(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	while (len >= 32) {
		size_t n = (len < CHECKSUM_CHUNK ? len : CHECKSUM_CHUNK) / 32;
		__m256i all = _mm256_setzero_si256(), hi = all, all2 = all, hi2 = all;

		len -= n * 32;
		for (; n >= 2; n -= 2, p += 64) {
			__m256i v = LOAD(p), w = LOAD(p + 32);

			__asm__("" : "+x"(v), "+x"(w)); /* or gcc loads them twice */
			all = _mm256_add_epi32(all, v);
			hi = _mm256_add_epi32(hi, _mm256_srli_epi32(v, 16));
			all2 = _mm256_add_epi32(all2, w);
			hi2 = _mm256_add_epi32(hi2, _mm256_srli_epi32(w, 16));
		}
		if (n != 0) {
			all = _mm256_add_epi32(all, LOAD(p));
			hi = _mm256_add_epi32(hi, _mm256_srli_epi32(LOAD(p), 16));
			p += 32;
		}
		all = _mm256_add_epi32(all, all2);
		hi = _mm256_add_epi32(hi, hi2);
		sum += lanes(hi) + lanes(_mm256_sub_epi32(all, _mm256_slli_epi32(hi, 16)));
	}
	return sum + checksum_tail(p, len);
}
