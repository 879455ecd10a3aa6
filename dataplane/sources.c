/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/sources.h"

#include <rte_common.h>
#include <rte_malloc.h>

#include "crypto_accel/crypto_accel.h"

#define SLOTS_A_PEER 4

int
sources_init(struct sources *s, uint32_t peers)
{
	uint64_t slots = rte_align64pow2((uint64_t)peers * SLOTS_A_PEER);

	crypto_random(&s->factor, sizeof(s->factor));
	crypto_random(&s->summand, sizeof(s->summand));
	s->mask = slots - 1;
	s->known = rte_zmalloc("known sources", slots * sizeof(*s->known), RTE_CACHE_LINE_SIZE);
	return s->known != NULL ? 0 : -1;
}

void
sources_fini(struct sources *s)
{
	rte_free(s->known);
	s->known = NULL;
}

void
sources_learn(struct sources *s, const struct ip_addr *peer)
{
	uint64_t hash = source_hash(s, peer);

	atomic_store_explicit(&s->known[hash & s->mask], hash, memory_order_relaxed);
}
