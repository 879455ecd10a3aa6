/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where handshake messages come from: a site (ip_addr_site) becomes a number
 * by a hash with a random key, so that nobody outside can tell which sites
 * share a bucket; and those that peers are at are remembered, so that a flood
 * from everywhere else does not hold up their rekeys.
 */
#ifndef DATAPLANE_SOURCES_H
#define DATAPLANE_SOURCES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/addr.h"

/* A flood of spoofed addresses is in all of them, one from some hundred hosts in few. */
#define SOURCE_BUCKETS 4096u /* a power of two; numbers fit 16 bits */

struct sources {
	/* Written before workers start, read by all. */
	unsigned __int128 factor, summand;
	uint64_t mask; /* slots of known - 1 */
	/*
	 * Hashes of sites, each in the slot that its low bits name, in place of
	 * whoever was there: a hint, and peers come again with every handshake.
	 * 0: none. Control writes, workers read.
	 */
	_Atomic uint64_t *known;
};

/* Room for so many peers at a load that few of them lose their place. 0, or -1 (out of memory). */
int sources_init(struct sources *s, uint32_t peers);
void sources_fini(struct sources *s);

/*
 * Strongly universal (Dietzfelbinger, "Universal Hashing and k-wise Independent
 * Random Variables via Integer Arithmetic without Primes", STACS 1996).
 */
static inline uint64_t
source_hash(const struct sources *s, const struct ip_addr *from)
{
	return (uint64_t)((s->factor * ip_addr_site(from) + s->summand) >> 64);
}

/* From other bits than the slot in known. */
static inline uint16_t
source_bucket(uint64_t hash)
{
	return (uint16_t)(hash >> 48) % SOURCE_BUCKETS;
}

/* Control: a peer is there. */
void sources_learn(struct sources *s, const struct ip_addr *peer);

static inline bool
source_known(const struct sources *s, uint64_t hash)
{
	return atomic_load_explicit(&s->known[hash & s->mask], memory_order_relaxed) == hash;
}

#endif
