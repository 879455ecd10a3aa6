/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lets ASan see into the mbuf pool, which to it is one block of memory: a free
 * mbuf may not be touched at all, a received one only within its frame until a
 * stage that may write around it has it.
 */
#ifndef TESTS_FUZZ_MBUFS_H
#define TESTS_FUZZ_MBUFS_H

#include <stdbool.h>
#include <stdint.h>
#include <rte_mbuf.h>

struct mbuf_counts {
	uint64_t taken; /* from the pool */
	uint64_t freed; /* to it: packets, whatever the number of segments */
	uint64_t unsent; /* of freed: keepalives that there was no session for */
	uint64_t fragmenting; /* of freed: packets that went on as fragments, or failed to */
	uint64_t icmp; /* punted to be answered: counted as drops already */
	uint64_t decapsulated; /* packets from a tunnel that reached the forwarding stage */
};
extern struct mbuf_counts mbuf_counts;

/* Nothing of the pool is in use. */
void mbufs_watch(struct rte_mempool *pool);
/* A frame of len bytes in segments of at most `segment` bytes. Fenced where it is only one. */
struct rte_mbuf *mbufs_frame(
	struct rte_mempool *pool, const void *frame, uint16_t len, uint16_t segment);

#endif
