/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transport data on its way in: find the session, open the burst, and only for
 * what authenticated look at the replay window, the endpoint and the inside.
 */
#include <rte_ip.h>
#include <rte_udp.h>

#include "dataplane/fib_burst.h"
#include "dataplane/worker.h"

#define MOVED_STEP_NS NS_PER_SEC

struct opened {
	const struct rx_data *data[BURST];
	struct session *session[BURST];
	struct aead_op op[BURST];
	unsigned n;
};

/* What came out, and whence it claims to come. */
struct inner {
	struct fwd_packet packet[BURST];
	unsigned n;
	struct fib_burst sources;
};

static void
handoff_data(struct worker *w, const struct rx_data *d, uint8_t owner)
{
	const uint8_t *frame = rte_pktmbuf_mtod(d->m, const uint8_t *);

	*pkt_meta(d->m) = (struct pkt_meta){
		.kind = PKT_HANDOFF_DECAP,
		.port = d->port,
		.iface = d->iface,
		.worker = w->id,
		.tos = d->tos,
		.family = d->family,
		.l3_off = (uint16_t)(d->l3 - frame),
		.wg_off = (uint16_t)(d->wg - frame),
		.wg_len = d->wg_len,
	};
	worker_handoff(w, owner, d->m);
}

/*
 * The sessions that the indices might be of, on their way into the cache: what
 * select_sessions reads, and what deliver will write after the burst is opened.
 */
static inline void
find_candidates(struct worker *w, const struct rx_data *in, unsigned n, struct session **candidates)
{
	for (unsigned i = 0; i < n; i++) {
		const struct message_data *msg = (const void *)in[i].wg;

		candidates[i] =
			index_lookup(&w->dp->index, rte_le_to_cpu_32(msg->receiver_index_le));
		if (candidates[i] == NULL || (i > 0 && candidates[i] == candidates[i - 1]))
			continue;
		rte_prefetch0(candidates[i]->recv_key);
		rte_prefetch0(&candidates[i]->rx_packets);
	}
}

/* May the session receive a message with this index, here and now? */
static inline bool
usable(struct worker *w, const struct session *s, const struct rx_data *d, uint32_t index)
{
	if (unlikely(s == NULL || s->local_index != index || s->iface != d->iface)) {
		worker_drop(w, d->m, DROP_unknown_index, d->iface);
		return false;
	}
	if (unlikely(w->now_ns >= s->reject_ns)) {
		worker_drop_of_peer(w, d->m, PEER_DROP_session_expired, d->iface, s->peer_id);
		return false;
	}
	if (unlikely(s->owner != w->id)) {
		handoff_data(w, d, s->owner);
		return false;
	}
	if (unlikely(d->family != IP_V4)) /* same_endpoint will read it */
		rte_prefetch0(&s->peer->current);
	return true;
}

/*
 * Consecutive messages of a session are judged once: index and interface are
 * compared with those of the last one that was found usable. Nothing of a
 * session changes before the message authenticates.
 */
static inline void
select_sessions(struct worker *w, const struct rx_data *in, unsigned n, struct opened *out)
{
	struct session *candidates[BURST], *s = NULL;
	unsigned kept = 0;

	find_candidates(w, in, n, candidates);
	for (unsigned i = 0; i < n; i++) {
		const struct rx_data *d = &in[i];
		const struct message_data *msg = (const void *)d->wg;
		uint32_t index = rte_le_to_cpu_32(msg->receiver_index_le);
		uint64_t counter = rte_le_to_cpu_64(msg->counter_le);

		if (s == NULL || s->local_index != index || s->iface != d->iface) {
			s = candidates[i];
			if (!usable(w, s, d, index)) {
				s = NULL;
				continue;
			}
		}
		if (unlikely(counter >= REJECT_AFTER_MESSAGES)) {
			worker_drop_of_peer(
				w, d->m, PEER_DROP_session_expired, d->iface, s->peer_id);
			continue;
		}
		out->data[kept] = d;
		out->session[kept] = s;
		out->op[kept++] = (struct aead_op){
			.key = s->recv_key,
			.counter = counter,
			.data = d->wg + sizeof(*msg),
			.length = d->wg_len - MESSAGE_DATA_OVERHEAD,
		};
	}
	out->n = kept;
}

/*
 * At most so often for each peer: one that hops between two addresses would
 * fill the ring of events, and the log, with every packet.
 */
static void
tell_moved(struct worker *w, struct peer_dp *peer)
{
	struct dp_event event = {
		.type = DP_ENDPOINT_MOVED,
		.worker = w->id,
		.peer_id = peer->id,
		.peer_generation = peer->generation,
	};
	uint64_t last = atomic_load_explicit(&peer->moved_ns, memory_order_relaxed);

	if (w->now_ns - last >= MOVED_STEP_NS && worker_event(w, &event))
		atomic_store_explicit(&peer->moved_ns, w->now_ns, memory_order_relaxed);
}

/*
 * Is the peer still where this packet comes from, and do we answer from the
 * address that it went to? Read without the lock: a torn read only leads to
 * one more write.
 */
static inline bool
same_endpoint(const struct endpoint_dp *known, const struct rx_data *d)
{
	const struct rte_udp_hdr *udp = (const void *)(d->wg - sizeof(*udp));

	if (known->family != d->family || known->port_be != udp->src_port)
		return false;
	if (likely(d->family == IP_V4)) {
		const struct rte_ipv4_hdr *ip = (const void *)d->l3;

		return memcmp(known->addr, &ip->src_addr, 4) == 0 &&
		       memcmp(known->source, &ip->dst_addr, 4) == 0;
	} else {
		const struct rte_ipv6_hdr *ip = (const void *)d->l3;

		return memcmp(known->addr, &ip->src_addr, 16) == 0 &&
		       memcmp(known->source, &ip->dst_addr, 16) == 0;
	}
}

/*
 * The same in the session's own line, for IPv4: packets that come from where
 * the last one came from do not touch the peer.
 */
static inline bool
seen_there(const struct session *s, const struct rx_data *d)
{
	const struct rte_udp_hdr *udp = (const void *)(d->wg - sizeof(*udp));
	uint64_t addresses;

	if (unlikely(d->family != IP_V4))
		return same_endpoint(&s->peer->endpoint, d);
	memcpy(&addresses, ip_header_source(IP_V4, d->l3), sizeof(addresses));
	return addresses == s->seen_addresses &&
	       atomic_load_explicit(&s->seen_port, memory_order_relaxed) ==
		       (SESSION_SEEN | udp->src_port);
}

/* Roaming: the outer source of an authenticated packet is where the peer is now. */
static void
learn_endpoint(struct worker *w, struct session *s, const struct rx_data *d)
{
	struct peer_dp *peer = s->peer;
	const struct rte_udp_hdr *udp = (const void *)(d->wg - sizeof(*udp));
	const uint8_t *src = ip_header_source(d->family, d->l3);
	unsigned len = ip_addr_len(d->family);
	const struct endpoint_dp *known = &peer->endpoint;
	struct endpoint_dp now = {.family = d->family, .port_be = udp->src_port};
	struct ip_addr addr = {.family = d->family};
	bool moved;

	memcpy(addr.bytes, src, len);
	memcpy(now.addr, src, len);
	memcpy(now.source, src + len, len);
	now.route = fib_lookup(w->fib, &addr)->route;
	moved = known->family != now.family || known->port_be != now.port_be ||
		memcmp(known->addr, now.addr, len) != 0;
	if (!peer_endpoint_write(peer, &now))
		return;
	peer_endpoint_unseen(peer, s);
	if (moved)
		tell_moved(w, peer);
}

/*
 * A packet that did not come from where the session's last one did, or the
 * peer's endpoint was written since. It is noted as seen before the endpoint is
 * read, and others take that back after they have written it: whoever comes
 * second finds what the other did.
 */
static __rte_noinline void
compare_endpoint(struct worker *w, struct session *s, const struct rx_data *d)
{
	const struct rte_udp_hdr *udp = (const void *)(d->wg - sizeof(*udp));
	uint32_t seen = 0;

	if (d->family == IP_V4) {
		memcpy(&s->seen_addresses, ip_header_source(IP_V4, d->l3),
			sizeof(s->seen_addresses));
		seen = SESSION_SEEN | udp->src_port;
	}
	atomic_store_explicit(&s->seen_port, seen, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (!same_endpoint(&s->peer->endpoint, d))
		learn_endpoint(w, s, d);
}

/* An initiator that receives late in a session asks for the next one, once. */
static __rte_noinline void
refresh(struct worker *w, struct session *s)
{
	/* Late packets of the session before the current one mean nothing. */
	if (!s->initiator || s->refreshed ||
		atomic_load_explicit(&s->peer->current, memory_order_relaxed) != s)
		return;
	s->refreshed = true;
	worker_want_handshake(w, s->peer);
}

/*
 * Packet by packet, whatever the burst brings: with thousands of peers the next
 * one is of another session, and adding up the runs costs more than it saves.
 */
static inline void
note_received(struct worker *w, struct session *s, uint32_t message_len, uint32_t text)
{
	counter_add(&s->rx_packets, 1);
	counter_add(&s->rx_bytes, message_len);
	atomic_store_explicit(&s->last_rx, w->now, memory_order_relaxed);
	if (unlikely(atomic_load_explicit(&s->tx_data_since, memory_order_relaxed) != 0))
		atomic_store_explicit(&s->tx_data_since, 0, memory_order_relaxed);
	if (unlikely(w->now_ns + REJECT_AFTER_TIME_NS - REKEY_ON_RECEIVE_NS >= s->reject_ns))
		refresh(w, s);
	if (text == 0)
		return;
	atomic_store_explicit(&s->last_rx_data, w->now, memory_order_relaxed);
	if (unlikely(atomic_load_explicit(&s->rx_data_since, memory_order_relaxed) == 0)) {
		atomic_store_explicit(&s->rx_data_since, w->now, memory_order_relaxed);
		worker_tell_traffic(w, s);
	}
}

static void
confirm(struct worker *w, struct session *s)
{
	struct dp_event event = {
		.type = DP_SESSION_CONFIRMED,
		.worker = w->id,
		.peer_id = s->peer->id,
		.peer_generation = s->peer->generation,
		.local_index = s->local_index,
	};

	/* If the ring is full the next packet tries again. */
	if (worker_event(w, &event))
		atomic_store_explicit(&s->confirmed, true, memory_order_relaxed);
}

/*
 * RFC 6040, 4.2: the outer header has a congestion mark, which goes to the
 * inner one. False where the inner packet cannot carry it.
 */
static __rte_noinline bool
combine_ecn4(struct rte_ipv4_hdr *ip)
{
	uint8_t was = ip->type_of_service;

	if ((was & 3) == 3)
		return true;
	if ((was & 3) == 0)
		return false;
	ip->type_of_service |= 3;
	/* RFC 1624, eqn. 3, on the word that holds version, length and TOS. */
	uint32_t sum = (uint16_t)~ip->hdr_checksum + (uint16_t)~rte_cpu_to_be_16(was) +
		       rte_cpu_to_be_16(ip->type_of_service);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->hdr_checksum = (uint16_t)~sum;
	return true;
}

static __rte_noinline bool
combine_ecn6(struct rte_ipv6_hdr *ip)
{
	uint32_t vtc = rte_be_to_cpu_32(ip->vtc_flow);
	uint8_t was = (vtc >> 20) & 3;

	if (was == 3)
		return true;
	if (was == 0)
		return false;
	ip->vtc_flow = rte_cpu_to_be_32(vtc | 3u << 20);
	return true;
}

/* The length that the inner header claims, without padding; 0 if it is not an IP packet. */
static inline uint32_t
inner_length(const uint8_t *ip, uint32_t have, uint8_t *family)
{
	const struct rte_ipv4_hdr *v4 = (const void *)ip;
	const struct rte_ipv6_hdr *v6 = (const void *)ip;
	uint32_t header_len, total;

	if (unlikely(have < sizeof(*v4)))
		return 0;
	if (likely(ip[0] >> 4 == 4)) {
		*family = IP_V4;
		header_len = (ip[0] & 0x0f) * 4;
		total = rte_be_to_cpu_16(v4->total_length);
	} else if (ip[0] >> 4 == 6 && have >= sizeof(*v6)) {
		*family = IP_V6;
		header_len = sizeof(*v6);
		total = header_len + rte_be_to_cpu_16(v6->payload_len);
	} else {
		return 0;
	}
	if (unlikely(header_len < sizeof(*v4) || total < header_len || total > have))
		return 0;
	return total;
}

/* After authentication: replay, endpoint, keepalive, inner length. */
static inline void
deliver(struct worker *w, const struct rx_data *d, struct session *s, const struct aead_op *op,
	struct inner *out)
{
	struct rte_mbuf *m = d->m;
	uint32_t len;
	uint8_t family = 0;

	if (unlikely(op->result != AEAD_OK)) {
		worker_drop_of_peer(w, m, PEER_DROP_auth_failed, d->iface, s->peer_id);
		return;
	}
	if (unlikely(!replay_accept(&s->replay, op->counter))) {
		worker_drop_of_peer(w, m, PEER_DROP_replay, d->iface, s->peer_id);
		return;
	}
	if (unlikely(!atomic_load_explicit(&s->confirmed, memory_order_relaxed)))
		confirm(w, s);
	if (unlikely(!seen_there(s, d)))
		compare_endpoint(w, s, d);
	note_received(w, s, d->wg_len, op->length);
	if (op->length == 0) { /* a keepalive has done its work */
		rte_pktmbuf_free(m);
		return;
	}
	len = inner_length(op->data, op->length, &family);
	if (unlikely(len == 0)) {
		worker_drop_of_peer(w, m, PEER_DROP_inner_malformed, d->iface, s->peer_id);
		return;
	}
	if (unlikely((d->tos & 3) == 3) && !(family == IP_V4 ? combine_ecn4((void *)op->data)
							     : combine_ecn6((void *)op->data))) {
		worker_drop_of_peer(w, m, PEER_DROP_ecn_invalid, d->iface, s->peer_id);
		return;
	}
	fib_burst_add(&out->sources, family, ip_header_source(family, op->data));
	m->data_off = (uint16_t)(op->data - (uint8_t *)m->buf_addr);
	m->data_len = m->pkt_len = len;
	out->packet[out->n++] = (struct fwd_packet){
		.m = m,
		.ip = op->data,
		.from_peer = s->peer_id,
		.family = family,
		.iface = d->iface,
		.port = d->port,
	};
}

/* Cryptokey routing: the longest allowed-IP of the source must be this very peer's. */
static inline void
check_sources(struct worker *w, struct inner *in)
{
	unsigned kept = 0;

	fib_burst_lookup(w->fib, &in->sources);
	for (unsigned i = 0; i < in->n; i++) {
		struct fwd_packet *p = &in->packet[i];

		if (unlikely(w->fib->entries[in->sources.entry[i]].owner != p->from_peer)) {
			worker_drop_of_peer(
				w, p->m, PEER_DROP_source_not_allowed, p->iface, p->from_peer);
			continue;
		}
		if (unlikely(kept != i))
			in->packet[kept] = *p;
		kept++;
	}
	in->n = kept;
}

void
worker_decap(struct worker *w, struct rx_data *in, unsigned n)
{
	struct opened opened;
	struct inner inner;

	select_sessions(w, in, n, &opened);
	worker_stage_done(w, STAGE_decap, n);
	if (opened.n == 0)
		return;
	aead_open_burst(w->aead, opened.op, opened.n);
	worker_stage_done(w, STAGE_open, opened.n);
	inner.n = inner.sources.n4 = inner.sources.n6 = 0;
	inner.sources.is6 = 0;
	for (unsigned i = 0; i < opened.n; i++)
		deliver(w, opened.data[i], opened.session[i], &opened.op[i], &inner);
	check_sources(w, &inner);
	worker_stage_done(w, STAGE_deliver, opened.n);
	if (inner.n > 0)
		worker_forward(w, inner.packet, inner.n);
}
