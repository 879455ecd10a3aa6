/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Look-ups for a burst of packets of both families at once: add each packet's
 * address in turn, then look all up, then read the entries by packet.
 */
#ifndef DATAPLANE_FIB_BURST_H
#define DATAPLANE_FIB_BURST_H

#include <string.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>

#include "dataplane/fib.h"

#define FIB_BURST_MAX 64

/* Set n4, n6 and is6 to zero before the first address. */
struct fib_burst {
	unsigned n4, n6;
	uint64_t is6; /* a bit a packet */
	uint32_t ip4[FIB_BURST_MAX]; /* host order, in the order of the packets */
	uint8_t ip6[FIB_BURST_MAX][16];
	uint32_t entry[FIB_BURST_MAX]; /* by packet, after fib_burst_lookup */
};

/* addr: 4 or 16 bytes in network order. */
static inline void
fib_burst_add(struct fib_burst *b, uint8_t family, const uint8_t *addr)
{
	if (likely(family == IP_V4)) {
		uint32_t be;

		memcpy(&be, addr, sizeof(be));
		b->ip4[b->n4++] = rte_be_to_cpu_32(be);
	} else {
		b->is6 |= UINT64_C(1) << (b->n4 + b->n6);
		memcpy(b->ip6[b->n6++], addr, 16);
	}
}

static inline void
fib_burst_lookup_mixed(const struct fib *fib, struct fib_burst *b)
{
	uint32_t entry4[FIB_BURST_MAX], entry6[FIB_BURST_MAX];
	unsigned n4 = 0, n6 = 0;

	if (b->n4 > 0)
		fib_lookup4(fib, b->ip4, entry4, b->n4);
	fib_lookup6(fib, b->ip6, entry6, b->n6);
	for (unsigned i = 0; i < b->n4 + b->n6; i++)
		b->entry[i] = b->is6 >> i & 1 ? entry6[n6++] : entry4[n4++];
}

static inline void
fib_burst_lookup(const struct fib *fib, struct fib_burst *b)
{
	if (unlikely(b->n6 > 0))
		fib_burst_lookup_mixed(fib, b);
	else
		fib_lookup4(fib, b->ip4, b->entry, b->n4);
}

#endif
