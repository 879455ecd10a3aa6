/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to checksum*.c and their test: the implementations, one a file with
 * its own -m flags.
 *
 * The way they all add: in 32-bit lanes, hi sums the upper halves (v >> 16) and
 * all sums the lanes as they are, modulo 2^32. The sum of the lower halves is
 * then all - (hi << 16), exact while a lane has taken no more than 2^16 words of
 * each kind. That is one operation a vector less than masking the halves apart.
 */
#ifndef DATAPLANE_CHECKSUM_IMPL_H
#define DATAPLANE_CHECKSUM_IMPL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

uint64_t checksum_sum_sse2(const void *data, size_t len);
uint64_t checksum_sum_avx2(const void *data, size_t len);
uint64_t checksum_sum_avx512(const void *data, size_t len);

struct checksum_impl {
	const char *name;
	uint64_t (*sum)(const void *data, size_t len);
	int (*usable)(void); /* on this CPU */
};

#define CHECKSUM_IMPLS 3
/* Best first. */
extern const struct checksum_impl checksum_impls[CHECKSUM_IMPLS];

/* Bytes after which lanes are emptied: 2^16 vectors of the narrowest kind. */
#define CHECKSUM_CHUNK (UINT64_C(16) << 16)

/* The last bytes, fewer than a vector; an odd one counts as followed by zero (RFC 1071). */
static inline uint64_t
checksum_tail(const uint8_t *p, size_t len)
{
	uint64_t sum = 0, w64;
	uint32_t w32;
	uint16_t w16;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&w64, p, 8);
		sum += (w64 & 0xffffffff) + (w64 >> 32);
	}
	if (len & 4) {
		memcpy(&w32, p, 4);
		sum += w32;
		p += 4;
	}
	if (len & 2) {
		memcpy(&w16, p, 2);
		sum += w16;
		p += 2;
	}
	if (len & 1)
		sum += *p;
	return sum;
}

#endif
