/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The body of checksum_sum_sse2 and checksum_sum_avx2 in vectors of the
 * compiler's own, of VECTOR_LEN bytes: each file gives its width and its flags.
 * AVX-512 has masks for the last bytes and is written apart.
 */
#ifndef DATAPLANE_CHECKSUM_VECTOR_H
#define DATAPLANE_CHECKSUM_VECTOR_H

#include "dataplane/checksum_impl.h"

typedef uint32_t words __attribute__((vector_size(VECTOR_LEN)));
typedef uint64_t pairs __attribute__((vector_size(VECTOR_LEN)));
typedef words unaligned_words __attribute__((aligned(1), may_alias));

static inline words
load(const uint8_t *p)
{
	words v = *(const unaligned_words *)p;

	__asm__("" : "+x"(v)); /* or gcc loads it twice, once for each sum */
	return v;
}

static inline uint64_t
sum_of_lanes(words v, words w)
{
	pairs low = (pairs)v & UINT32_MAX, low2 = (pairs)w & UINT32_MAX;
	pairs p = low + ((pairs)v >> 32) + low2 + ((pairs)w >> 32);
	uint64_t sum = 0;

	for (unsigned i = 0; i < VECTOR_LEN / sizeof(p[0]); i++)
		sum += p[i];
	return sum;
}

static inline uint64_t
checksum_sum_vectors(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	while (len >= VECTOR_LEN) {
		size_t n = (len < CHECKSUM_CHUNK ? len : CHECKSUM_CHUNK) / VECTOR_LEN;
		words all = {0}, hi = {0}, all2 = {0}, hi2 = {0};

		len -= n * VECTOR_LEN;
		for (; n >= 2; n -= 2, p += 2 * VECTOR_LEN) {
			words v = load(p), w = load(p + VECTOR_LEN);

			all += v;
			hi += v >> 16;
			all2 += w;
			hi2 += w >> 16;
		}
		if (n != 0) {
			words v = load(p);

			all += v;
			hi += v >> 16;
			p += VECTOR_LEN;
		}
		all += all2;
		hi += hi2;
		sum += sum_of_lanes(hi, all - (hi << 16));
	}
	return sum + checksum_tail(p, len);
}

#endif
