/* SPDX-License-Identifier: BSD-3-Clause */
/* The way up: events and punted packets, each through a bounded ring of its own. */
#include <rte_ether.h>
#include <rte_ring_elem.h>

#include "dataplane/messages.h"
#include "dataplane/worker.h"

bool
worker_event(struct worker *w, const struct dp_event *event)
{
	if (rte_ring_sp_enqueue_elem(w->events, (void *)(uintptr_t)event, sizeof(*event)) != 0) {
		w->stats.drops[DROP_queue_full][IFACE_NONE]++;
		return false;
	}
	w->wake_control = true;
	return true;
}

void
worker_punt(struct worker *w, struct rte_mbuf *m, enum punt_ring ring)
{
	if (rte_ring_sp_enqueue(w->punt[ring], m) != 0) {
		worker_drop(w, m, DROP_queue_full, pkt_meta(m)->iface);
		return;
	}
	w->wake_control = true;
}

/* Initiation and response end in their macs. A mac2 of zeros is none: section 5.4.4. */
static bool
carries_mac2(const struct rte_mbuf *m)
{
	static const uint8_t none[COOKIE_LEN];
	const uint8_t *message = rte_pktmbuf_mtod(m, const uint8_t *);

	return message[0] != MESSAGE_COOKIE_REPLY &&
	       memcmp(message + m->data_len - COOKIE_LEN, none, COOKIE_LEN) != 0;
}

void
worker_punt_handshake(struct worker *w, struct rte_mbuf *m, const struct ip_addr *source)
{
	uint64_t hash = source_hash(&w->dp->sources, source);
	struct pkt_meta *meta = pkt_meta(m);
	enum punt_ring ring = PUNT_RING_HANDSHAKE;

	if (source_known(&w->dp->sources, hash))
		ring = PUNT_RING_KNOWN;
	else if (carries_mac2(m))
		ring = PUNT_RING_MAC2;
	meta->source = source_bucket(hash);
	if (!shares_put(
		    &w->shares[ring], rte_ring_free_count(w->punt[ring]), meta->port, meta->source))
		worker_drop(w, m, DROP_queue_full, meta->iface);
	else
		worker_punt(w, m, ring);
}

static void
count_drop_of_peer(struct worker *w, enum peer_drop reason, uint8_t iface, uint32_t peer_id)
{
	w->stats.drops[peer_drop_reason[reason]][iface < IFACE_MAX ? iface : IFACE_NONE]++;
	peer_drop_add(w->dp, peer_id, reason);
}

void
worker_drop_of_peer(struct worker *w, struct rte_mbuf *m, enum peer_drop reason, uint8_t iface,
	uint32_t peer_id)
{
	count_drop_of_peer(w, reason, iface, peer_id);
	rte_pktmbuf_free(m);
}

bool
worker_punt_room(const struct worker *w, unsigned eighths)
{
	const struct rte_ring *r = w->punt[PUNT_RING_LOCAL];

	return rte_ring_count(r) < rte_ring_get_capacity(r) * eighths / 8;
}

struct icmp_kind {
	uint8_t type4, code4; /* RFC 792, RFC 1812 */
	uint8_t type6, code6; /* RFC 4443 */
};

static const struct icmp_kind icmp_kinds[] = {
	[ERROR_NET_UNREACHABLE] = {3, 0, 1, 0},
	[ERROR_HOST_UNREACHABLE] = {3, 1, 1, 3},
	[ERROR_PROHIBITED] = {3, 13, 1, 1},
	[ERROR_TOO_BIG] = {3, 4, 2, 0},
	[ERROR_TTL_EXCEEDED] = {11, 0, 3, 0},
};

void
worker_drop_icmp(struct worker *w, const struct fwd_packet *p, enum peer_drop reason, uint8_t iface,
	uint32_t peer_id, enum packet_error error, uint32_t mtu)
{
	const struct icmp_kind *kind = &icmp_kinds[error];

	count_drop_of_peer(w, reason, iface, peer_id);
	*pkt_meta(p->m) = (struct pkt_meta){
		.kind = PKT_PUNT_ICMP,
		.port = p->port,
		.iface = p->iface,
		.worker = w->id,
		.icmp_type = p->family == IP_V4 ? kind->type4 : kind->type6,
		.icmp_code = p->family == IP_V4 ? kind->code4 : kind->code6,
		.family = p->family,
		/* The frame's header, where there was one, says whether it was a broadcast. */
		.l3_off = p->port < PORT_MAX && p->from_peer == PKT_NO_PEER ? RTE_ETHER_HDR_LEN : 0,
		.icmp_info = mtu,
		.peer_id = p->from_peer,
	};
	/* The packet is counted already: a full ring costs the answer only. */
	if (!worker_punt_room(w, 4) || rte_ring_sp_enqueue(w->punt[PUNT_RING_LOCAL], p->m) != 0)
		rte_pktmbuf_free(p->m);
	else
		w->wake_control = true;
}

/*
 * Raise an event of a peer, once until control clears the flag. The flag comes
 * first: set after the event, it could undo the clearing that answers it, and
 * the peer would never be heard of again.
 */
static void
tell_once(struct worker *w, struct peer_dp *peer, atomic_bool *told, enum dp_event_type type)
{
	struct dp_event event = {
		.type = type,
		.worker = w->id,
		.peer_id = peer->id,
		.peer_generation = peer->generation,
	};

	/* Most packets find it set: they must not take the line from other readers. */
	if (atomic_load_explicit(told, memory_order_relaxed) ||
		atomic_exchange_explicit(told, true, memory_order_relaxed))
		return;
	if (!worker_event(w, &event))
		atomic_store_explicit(told, false, memory_order_relaxed);
}

void
worker_want_handshake(struct worker *w, struct peer_dp *peer)
{
	tell_once(w, peer, &peer->handshake_wanted, DP_WANT_HANDSHAKE);
}

void
worker_tell_traffic(struct worker *w, struct session *s)
{
	tell_once(w, s->peer, &s->traffic_told, DP_TRAFFIC);
}
