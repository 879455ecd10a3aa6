/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hot half of a peer: what workers read and write. Its cold half
 * (struct peer in control/) holds keys, timers and configuration.
 */
#ifndef DATAPLANE_PEER_DP_H
#define DATAPLANE_PEER_DP_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <rte_common.h>
#include <rte_pause.h>

#include "dataplane/addr.h"
#include "dataplane/fib.h"
#include "dataplane/session.h"

/* Where the peer is, and the way there. */
struct endpoint_dp {
	uint8_t family; /* enum ip_family; IP_NONE: unknown */
	uint16_t port_be;
	uint8_t addr[16];
	uint8_t source[16]; /* the address that the peer used for us (sticky) */
	fib_dst route; /* to addr: a port or a gateway; FIB_NONE: no route */
};

struct peer_dp {
	/*
	 * Line 0: what sealing reads, and next to never written.
	 * Written by control, read by workers.
	 */
	alignas(RTE_CACHE_LINE_SIZE) _Atomic(struct session *) current; /* to seal with; or NULL */
	/*
	 * A responder's new session, until control has heard that it is confirmed;
	 * or NULL. From its owner's confirmation on it seals in place of current:
	 * a peer that started anew cannot open what the old session sealed.
	 */
	_Atomic(struct session *) next;
	uint8_t iface;
	/* Workers set it when they have asked for a handshake; control clears it. */
	atomic_bool handshake_wanted;

	/*
	 * Sequence lock: odd while somebody writes. Writers (the session's owner
	 * worker on an authenticated packet, control on a handshake or a change)
	 * take it by compare-and-swap.
	 */
	_Atomic uint32_t endpoint_seq;
	struct endpoint_dp endpoint;

	/*
	 * Line 1: cold. What is received is counted, and times are kept, in the
	 * sessions; what was in those that are freed is added up here. Control's,
	 * but for two: workers walk the list of sessions, which lose their place in
	 * it when they are retired, and owners of sessions write moved_ns.
	 */
	alignas(RTE_CACHE_LINE_SIZE) _Atomic(struct session *) sessions;
	struct session *retired; /* not freed yet: may still count */
	uint64_t rx_packets, rx_bytes; /* on sessions that are freed */
	uint64_t last_rx_ns, last_tx_ns; /* there, or a handshake message; dp_now_ns */
	_Atomic uint64_t moved_ns; /* DP_ENDPOINT_MOVED was raised */
	/* Written by control before publication. */
	uint32_t id; /* in the table of peers; reused after removal */
	uint32_t generation; /* tells a reused id apart */
};

_Static_assert(offsetof(struct peer_dp, sessions) == RTE_CACHE_LINE_SIZE, "one line to seal with");

/* Any thread online in the grace periods, or control. */
static inline void
peer_endpoint_read(const struct peer_dp *p, struct endpoint_dp *out)
{
	uint32_t before, after;

	do {
		while ((before = atomic_load_explicit(&p->endpoint_seq, memory_order_acquire)) & 1)
			rte_pause();
		*out = p->endpoint;
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&p->endpoint_seq, memory_order_relaxed);
	} while (before != after);
}

/* False, with nothing written, when another writer is at it: its endpoint is as fresh. */
static inline bool
peer_endpoint_write(struct peer_dp *p, const struct endpoint_dp *ep)
{
	uint32_t seq = atomic_load_explicit(&p->endpoint_seq, memory_order_relaxed);

	if ((seq & 1) || !atomic_compare_exchange_strong_explicit(&p->endpoint_seq, &seq, seq + 1,
				 memory_order_acquire, memory_order_relaxed))
		return false;
	atomic_thread_fence(memory_order_release);
	p->endpoint = *ep;
	atomic_store_explicit(&p->endpoint_seq, seq + 2, memory_order_release);
	return true;
}

/*
 * After peer_endpoint_write: the peer's sessions, but for the writer's own, are
 * to compare their next packet with it. Control, or a worker online in the
 * grace periods.
 */
static inline void
peer_endpoint_unseen(struct peer_dp *p, const struct session *own)
{
	struct session *s;

	atomic_thread_fence(memory_order_seq_cst);
	for (s = atomic_load_explicit(&p->sessions, memory_order_acquire); s != NULL;
		s = atomic_load_explicit(&s->sibling, memory_order_acquire))
		if (s != own)
			atomic_store_explicit(&s->seen_port, 0, memory_order_relaxed);
}

#endif
