/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Internet checksum (RFC 1071) over large payloads: it is taken over
 * every sealed packet, so it is vectorised and chosen by CPUID at start.
 */
#ifndef DATAPLANE_CHECKSUM_H
#define DATAPLANE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Choose the implementation; once, before workers start. */
void checksum_init(void);
/* "avx512", "avx2" or "sse2". */
const char *checksum_name(void);

/*
 * One's complement sum of len bytes taken as 16-bit words in memory order, not
 * folded to 16 bits and not complemented: any value that is congruent mod
 * 65535. Sums of parts that start at even offsets may be added up.
 */
extern uint64_t (*checksum_sum)(const void *data, size_t len);

/* Fold and complement; the result is stored into the packet as it is. */
static inline uint16_t
checksum_finish(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The same for a sum of at most 2^16 words. */
static inline uint16_t
checksum_finish32(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

#endif
