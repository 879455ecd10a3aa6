/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A token bucket is kept as one time stamp, the moment at which it will be
 * full again (the "theoretical arrival time" of the generic cell rate
 * algorithm, ITU-T I.371). A source whose moment has passed is the same as
 * one never seen, so its place may be taken without loss: garbage collection
 * is looking for such a place, and no source outlives its last message by
 * more than 250 ms.
 *
 * The table is set-associative: a source may only stand in one set of 8, chosen
 * by a keyed hash. So each call looks at two cache lines whatever an attacker
 * sends, memory is what was allocated at first, and nobody can aim at a set.
 *
 * rte_meter does not fit: its buckets count bytes in TSC cycles over three
 * colours and take 40 bytes and more each, the table of sources and its
 * garbage would be still ours to write, and this module is free of DPDK.
 */
#include "control/ratelimiter.h"

#include <stdlib.h>
#include <string.h>

#include "crypto_accel/crypto_accel.h"
#include "dataplane/messages.h"

#define WAYS 8
#define TOKEN_NS (NS_PER_SEC / RATELIMITER_PER_SECOND)

struct source {
	uint64_t site; /* ip_addr_site() */
	uint64_t full_ns; /* when all tokens are back; 0 in a place never used */
};

struct ratelimiter {
	uint8_t hash_key[16];
	uint32_t set_mask;
	struct source *sources; /* WAYS a set */
};

struct ratelimiter *
ratelimiter_create(unsigned sources)
{
	struct ratelimiter *r = malloc(sizeof(*r));
	size_t n = 64;

	if (r == NULL)
		return NULL;
	while (n < sources)
		n *= 2;
	r->sources = aligned_alloc(64, n * sizeof(*r->sources));
	if (r->sources == NULL) {
		free(r);
		return NULL;
	}
	memset(r->sources, 0, n * sizeof(*r->sources));
	r->set_mask = n / WAYS - 1;
	crypto_random(r->hash_key, sizeof(r->hash_key));
	return r;
}

void
ratelimiter_destroy(struct ratelimiter *r)
{
	if (r == NULL)
		return;
	free(r->sources);
	free(r);
}

bool
ratelimiter_allow(struct ratelimiter *r, const struct ip_addr *source, uint64_t now_ns)
{
	uint64_t site = ip_addr_site(source);
	struct source *set, *found = NULL;
	uint32_t hash;

	blake2s((uint8_t *)&hash, sizeof(hash), &site, sizeof(site), r->hash_key,
		sizeof(r->hash_key));
	set = &r->sources[(size_t)(hash & r->set_mask) * WAYS];
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].full_ns > now_ns) {
			if (set[i].site != site)
				continue;
			found = &set[i];
			break;
		}
		found = &set[i]; /* free; but the source may yet have a place of its own */
	}
	if (found == NULL)
		return false;
	if (found->full_ns <= now_ns) {
		found->site = site;
		found->full_ns = now_ns;
	}
	if (found->full_ns - now_ns > (RATELIMITER_BURST - 1) * TOKEN_NS)
		return false;
	found->full_ns += TOKEN_NS;
	return true;
}

bool
reply_limiter_allow(struct reply_limiter *l, uint16_t bucket, uint64_t now_ns)
{
	uint64_t second = now_ns / NS_PER_SEC;

	if (second != l->second) {
		memset(l->sent, 0, sizeof(l->sent));
		l->second = second;
	}
	if (l->sent[bucket] >= REPLIES_PER_SECOND)
		return false;
	l->sent[bucket]++;
	return true;
}

bool
per_second_allow(struct per_second *p, uint32_t most, uint64_t now_ns, uint32_t *refused)
{
	uint64_t second = now_ns / NS_PER_SEC;

	if (refused != NULL)
		*refused = 0;
	if (second != p->second) {
		if (refused != NULL && p->asked > most)
			*refused = p->asked - most;
		*p = (struct per_second){.second = second};
	}
	return p->asked++ < most;
}

bool
under_load_update(struct under_load *u, unsigned queued, unsigned capacity, uint64_t now_ns)
{
	unsigned threshold = (capacity + 7) / 8; /* rounded up: an empty queue is no load */

	if (queued >= threshold)
		u->until_ns = now_ns + UNDER_LOAD_STICKY_NS;
	return now_ns < u->until_ns;
}
