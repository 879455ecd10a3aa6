/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshake messages under load: when load begins, and how many of them a
 * source may have processed. Pure, single-threaded (control lcore), no DPDK.
 */
#ifndef CONTROL_RATELIMITER_H
#define CONTROL_RATELIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/addr.h"
#include "dataplane/sources.h"

#define RATELIMITER_PER_SECOND 20
#define RATELIMITER_BURST 5

struct ratelimiter;

/*
 * Keeps track of at most `sources` sources at once (rounded up to a power of
 * two, at least 64), 16 bytes each, all allocated here. NULL: out of memory.
 */
struct ratelimiter *ratelimiter_create(unsigned sources);
void ratelimiter_destroy(struct ratelimiter *r);

/*
 * May one more message of this source (an IPv4 address, or the /64 of an IPv6
 * one) be processed? Constant time. A source for which there is no room left
 * is refused: call it for genuine sources (mac2 was valid) only.
 */
bool ratelimiter_allow(struct ratelimiter *r, const struct ip_addr *source, uint64_t now_ns);

/*
 * Cookie replies for a bucket of sources: their addresses may be spoofed, and
 * the one who owns them has not asked. Enough for all who are behind one NAT
 * and come at once. Starts as all zero.
 */
#define REPLIES_PER_SECOND 512
struct reply_limiter {
	uint64_t second;
	uint16_t sent[SOURCE_BUCKETS]; /* in this second */
};
bool reply_limiter_allow(struct reply_limiter *l, uint16_t bucket, uint64_t now_ns);

/* Starts as all zero. */
struct per_second {
	uint64_t second;
	uint32_t asked; /* in this second */
};

/*
 * Is this among the first `most` of its second? Where it is the first of a new
 * one, *refused (unless NULL) is how many were not in the second before; else 0.
 */
bool per_second_allow(struct per_second *p, uint32_t most, uint64_t now_ns, uint32_t *refused);

/* Starts as all zero. */
struct under_load {
	uint64_t until_ns;
};

/*
 * queued of capacity handshake messages wait: are we under load? From an
 * eighth of the capacity on, and for one second after.
 */
bool under_load_update(struct under_load *u, unsigned queued, unsigned capacity, uint64_t now_ns);

#endif
