/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Into the tunnel: the peer's current session or the stage, one reservation of
 * counters for each run of packets of a session, padding, sealing, and the
 * outer headers.
 */
#include <rte_ip.h>
#include <rte_udp.h>

#include "dataplane/checksum.h"
#include "dataplane/worker.h"

#define OUTER_TTL 64
#define OUTER6_LEN (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr) + sizeof(struct rte_udp_hdr))

/*
 * All workers together cannot reserve counters up to the limit from below
 * this one, so that nobody looks again at what was reserved.
 */
#define LAST_RESERVATION (REJECT_AFTER_MESSAGES - WORKER_MAX * BURST)

/* Consecutive packets of a burst for one peer: what they share is looked up once. */
struct run {
	struct peer_dp *peer;
	struct session *session;
	struct endpoint_dp endpoint;
	uint32_t peer_id;
	uint16_t mtu, listen_port_be; /* of its interface */
	unsigned n;
};

struct sealing {
	struct rte_mbuf *m[BURST]; /* as they came: op says where the message is */
	struct aead_op op[BURST];
	uint8_t ecn[BURST]; /* of the inner header, copied out */
	unsigned n; /* packets, in the order of the runs */
	struct run runs[BURST];
	unsigned n_runs;
};

/*
 * The headers of all packets to one endpoint, but for lengths, ECN, id and
 * checksums: what follows the Ethernet header is kept as the words that it is
 * written in. What depends on the way alone outlasts the run.
 */
struct outer {
	fib_dst route; /* FIB_NONE: nothing is known yet */
	uint8_t family;
	bool resolved; /* the Ethernet header is filled in */
	const struct port *port; /* NULL: no route */
	uint32_t message_max; /* that fits the port's MTU */
	uint8_t len;
	/* Ethernet's, and the first two bytes of IPv4's */
	alignas(16) uint8_t ethernet[RTE_ETHER_HDR_LEN + 2];
	uint8_t addresses[32]; /* IPv4: source and destination in 8 bytes; IPv6: in 32 */
	uint32_t ports;
	uint32_t address_sum; /* of the addresses and the protocol */
	uint32_t ip_sum; /* of the IPv4 header: addresses, TTL, protocol and the first byte */
	uint32_t udp_sum; /* of address_sum and the ports */
};

/* May the session send? A rekey that is due, or more than that, is asked for on the way. */
static bool
session_may_send(struct worker *w, struct peer_dp *peer, const struct session *s)
{
	uint64_t counter;

	if (s == NULL) {
		worker_want_handshake(w, peer);
		return false;
	}
	counter = atomic_load_explicit(&s->send_counter, memory_order_relaxed);
	if (likely(w->now_ns < s->rekey_send_ns && counter < REKEY_AFTER_MESSAGES))
		return true;
	worker_want_handshake(w, peer);
	return w->now_ns < s->reject_ns && counter < LAST_RESERVATION;
}

static void
refuse_no_endpoint(struct worker *w, const struct encap_packet *p, uint8_t iface)
{
	struct fwd_packet fwd = {
		.m = p->m,
		.ip = rte_pktmbuf_mtod(p->m, uint8_t *),
		.from_peer = p->from_peer,
		.iface = p->from_iface,
		.port = p->from_port,
	};

	if (p->m->data_len == 0) {
		worker_drop_of_peer(w, p->m, PEER_DROP_no_endpoint, iface, p->peer_id);
		return;
	}
	fwd.family = *fwd.ip >> 4;
	worker_drop_icmp(
		w, &fwd, PEER_DROP_no_endpoint, iface, p->peer_id, ERROR_HOST_UNREACHABLE, 0);
}

/*
 * Without a current session there are staged packets, which go first: control
 * has them flushed when it makes next the current one.
 */
static struct session *
sealing_session(const struct peer_dp *peer)
{
	/* In this order, for control sets current before it unsets next. */
	struct session *next = atomic_load_explicit(&peer->next, memory_order_acquire);
	struct session *current = atomic_load_explicit(&peer->current, memory_order_acquire);

	if (unlikely(next != NULL) && current != NULL &&
		atomic_load_explicit(&next->confirmed, memory_order_relaxed))
		return next;
	return current;
}

/*
 * Begin a run of packets for a peer. False when its packets cannot be sealed
 * now, and then the packet is gone.
 */
static bool
begin_run(struct worker *w, const struct encap_packet *p, struct sealing *out)
{
	struct run *run = &out->runs[out->n_runs];
	struct peer_dp *peer = worker_peer(w, p->peer_id);
	const struct iface_dp *iface;

	if (unlikely(peer == NULL)) {
		worker_drop_of_peer(w, p->m, PEER_DROP_no_peer, PKT_NO_IFACE, p->from_peer);
		return false;
	}
	peer_endpoint_read(peer, &run->endpoint);
	if (unlikely(run->endpoint.family == IP_NONE)) {
		refuse_no_endpoint(w, p, peer->iface);
		return false;
	}
	run->session = sealing_session(peer);
	if (unlikely(!session_may_send(w, peer, run->session))) {
		if (p->m->data_len > 0)
			worker_stage(w, peer, p->m);
		else /* control asked for a keepalive while the session went away */
			rte_pktmbuf_free(p->m);
		return false;
	}
	/* A session has come, and control's word of it not yet: what waits for it goes first. */
	if (unlikely(w->peers[p->peer_id].n_staged > 0) && !w->flushing)
		worker_flush_staged(w, p->peer_id);
	iface = &w->dp->ifaces[peer->iface];
	run->peer = peer;
	run->peer_id = p->peer_id;
	run->mtu = iface->mtu;
	run->listen_port_be = iface->listen_port_be;
	run->n = 0;
	out->n_runs++;
	return true;
}

static void
select_session(struct worker *w, const struct encap_packet *p, struct sealing *out)
{
	if ((out->n_runs == 0 || out->runs[out->n_runs - 1].peer_id != p->peer_id) &&
		!begin_run(w, p, out))
		return;
	out->m[out->n++] = p->m;
	out->runs[out->n_runs - 1].n++;
}

static inline uint8_t
inner_ecn(const uint8_t *ip)
{
	return (ip[0] >> 4 == 4 ? ip[1] : ip[1] >> 4) & 3;
}

/* Padding, header and room for the tag around one inner packet of a single segment. */
static inline bool
frame_message(struct rte_mbuf *m, const struct session *s, uint32_t mtu, uint64_t counter,
	struct aead_op *op)
{
	uint8_t *text = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t len = m->data_len;
	/* Never past the MTU, so that an observer learns nothing and no path breaks. */
	uint32_t padded = RTE_MIN(RTE_ALIGN(len, MESSAGE_PADDING), RTE_MAX(len, mtu));
	struct message_data *header = (struct message_data *)(void *)text - 1;

	if (unlikely(m->data_off < sizeof(*header) + OUTER6_LEN ||
		     m->data_off + padded + NOISE_TAG_LEN > m->buf_len))
		return false;
	/* At most 15 bytes are padding; the tag will cover the rest. */
	memset(text + len, 0, MESSAGE_PADDING);
	header->type_le = rte_cpu_to_le_32(MESSAGE_DATA);
	header->receiver_index_le = rte_cpu_to_le_32(s->remote_index);
	header->counter_le = rte_cpu_to_le_64(counter);
	*op = (struct aead_op){
		.key = s->send_key,
		.counter = counter,
		.data = text,
		.length = padded,
	};
	return true;
}

/* The packets of a run, the first of them at i; they come to stand from *kept on. */
static inline void
frame_run(struct worker *w, struct sealing *b, struct run *run, unsigned i, unsigned *kept)
{
	uint64_t counter = atomic_fetch_add_explicit(
		&run->session->send_counter, run->n, memory_order_relaxed);
	unsigned k = *kept;

	for (unsigned end = i + run->n; i < end; i++, counter++) {
		struct rte_mbuf *m = b->m[i];

		if (unlikely(!frame_message(m, run->session, run->mtu, counter, &b->op[k]))) {
			worker_drop_of_peer(
				w, m, PEER_DROP_over_mtu, run->peer->iface, run->peer_id);
			continue;
		}
		b->ecn[k] = m->data_len == 0 ? 0 : inner_ecn(b->op[k].data);
		b->m[k++] = m;
	}
	run->n = k - *kept;
	*kept = k;
}

/* One atomic addition for each run of packets of the same session, in their order. */
static void
frame_messages(struct worker *w, struct sealing *b)
{
	unsigned i = 0, kept = 0;

	for (unsigned r = 0; r < b->n_runs; r++) {
		unsigned n = b->runs[r].n;

		frame_run(w, b, &b->runs[r], i, &kept);
		i += n;
	}
	b->n = kept;
}

static void
note_sent(struct worker *w, const struct run *run, uint64_t bytes, bool is_data)
{
	struct peer_worker *pw = &w->peers[run->peer_id];
	struct session *s = run->session;

	counter_add(&pw->tx_packets, run->n);
	counter_add(&pw->tx_bytes, bytes);
	atomic_store_explicit(&s->last_tx, w->now, memory_order_relaxed);
	if (atomic_load_explicit(&s->rx_data_since, memory_order_relaxed) != 0)
		atomic_store_explicit(&s->rx_data_since, 0, memory_order_relaxed);
	if (is_data && atomic_load_explicit(&s->tx_data_since, memory_order_relaxed) == 0) {
		atomic_store_explicit(&s->tx_data_since, w->now, memory_order_relaxed);
		worker_tell_traffic(w, s);
	}
}

/* ---- outer headers ---------------------------------------------------------------- */

/* Sum of 16-bit words in memory order, of at most 2^32. */
static inline uint32_t
sum_of_64(uint64_t word)
{
	uint64_t sum = (word & 0xffffffff) + (word >> 32);

	return (uint32_t)((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32));
}

/* Port, next hop and Ethernet header of the way to an endpoint. */
static __rte_noinline void
outer_way(struct worker *w, const struct endpoint_dp *ep, struct outer *o)
{
	static const uint8_t ipv4_begins[2] = {0x45, 0};
	uint16_t ip_len =
		ep->family == IP_V4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);

	o->route = ep->route;
	o->family = ep->family;
	o->port = NULL;
	if (fib_kind(ep->route) == FIB_PORT)
		o->port = &w->dp->ports.port[fib_id(ep->route)];
	else if (fib_kind(ep->route) == FIB_VIA)
		o->port = &w->dp->ports.port[w->fib->gateways[fib_id(ep->route)].port];
	if (unlikely(o->port == NULL))
		return;
	o->len = RTE_ETHER_HDR_LEN + ip_len + sizeof(struct rte_udp_hdr);
	o->message_max = o->port->mtu - (o->len - RTE_ETHER_HDR_LEN);
	memcpy(o->ethernet + RTE_ETHER_HDR_LEN, ipv4_begins, sizeof(ipv4_begins));
	o->resolved = worker_next_hop(w, ep->route, ep->family, ep->addr, (void *)o->ethernet);
}

/* Gateways are few, and most peers behind the same one. */
static inline bool
outer_same_way(const struct outer *o, const struct endpoint_dp *ep)
{
	return o->route == ep->route && o->family == ep->family && fib_kind(ep->route) == FIB_VIA &&
	       o->resolved;
}

static inline void
outer_begin(struct worker *w, const struct run *run, struct outer *o)
{
	const struct endpoint_dp *ep = &run->endpoint;
	uint64_t words[4];

	if (unlikely(!outer_same_way(o, ep)))
		outer_way(w, ep, o);
	o->ports = run->listen_port_be | (uint32_t)ep->port_be << 16;
	if (likely(ep->family == IP_V4)) {
		uint32_t source, destination;

		memcpy(&source, ep->source, sizeof(source));
		memcpy(&destination, ep->addr, sizeof(destination));
		words[0] = source | (uint64_t)destination << 32;
		memcpy(o->addresses, words, 8);
		o->address_sum = sum_of_64(words[0]);
		o->ip_sum = o->address_sum + 0x45 + (OUTER_TTL | IPPROTO_UDP << 8);
	} else {
		memcpy(o->addresses, ep->source, 16);
		memcpy(o->addresses + 16, ep->addr, 16);
		memcpy(words, o->addresses, sizeof(words));
		o->address_sum = sum_of_64(words[0]) + sum_of_64(words[1]) + sum_of_64(words[2]) +
				 sum_of_64(words[3]);
	}
	o->address_sum += rte_cpu_to_be_16(IPPROTO_UDP);
	o->udp_sum = o->address_sum + sum_of_64(o->ports);
}

/* Ask the port for the checksums that it has granted; what it wants to find is filled in. */
static void
offload_checksums(struct rte_mbuf *m, const struct outer *o, struct rte_udp_hdr *udp)
{
	const struct port *port = o->port;
	uint16_t ip_len = o->len - RTE_ETHER_HDR_LEN - sizeof(*udp);

	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = ip_len;
	m->ol_flags |= o->family == IP_V4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
	if (port->hw_tx_udp_csum) {
		m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
		udp->dgram_cksum = (uint16_t)~checksum_finish(o->address_sum + udp->dgram_len);
	}
	if (port->hw_tx_ipv4_csum && o->family == IP_V4) {
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		((struct rte_ipv4_hdr *)(void *)((uint8_t *)udp - ip_len))->hdr_checksum = 0;
	}
}

/*
 * In whole words: what was stored narrow a moment ago cannot be loaded wide
 * without waiting for it.
 */
static inline void
put_ipv4(uint8_t *frame, const struct outer *o, uint16_t total_be, uint16_t id, uint8_t ecn)
{
	uint8_t *ip = frame + RTE_ETHER_HDR_LEN;
	uint64_t word = total_be | (uint64_t)id << 16 | (uint64_t)OUTER_TTL << 48 |
			(uint64_t)IPPROTO_UDP << 56;
	uint16_t sum = checksum_finish32(o->ip_sum + ((uint32_t)ecn << 8) + total_be + id);

	memcpy(frame, o->ethernet, sizeof(o->ethernet));
	ip[1] = ecn;
	memcpy(ip + 2, &word, 8);
	memcpy(ip + 10, &sum, 2);
	memcpy(ip + 12, o->addresses, 8);
}

static inline void
put_ipv6(uint8_t *frame, const struct outer *o, uint16_t payload_be, uint8_t ecn)
{
	struct rte_ipv6_hdr *ip = (void *)(frame + RTE_ETHER_HDR_LEN);

	memcpy(frame, o->ethernet, RTE_ETHER_HDR_LEN);
	ip->vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)ecn << 20);
	ip->payload_len = payload_be;
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = OUTER_TTL;
	memcpy((uint8_t *)ip + offsetof(struct rte_ipv6_hdr, src_addr), o->addresses, 32);
}

/*
 * The outer UDP checksum is always filled in (RFC 8200 demands it for IPv6;
 * for IPv4 it lets NATs and offloads do their work): by the port, or here.
 * The message is summed before the headers stand in front of it: a wide load
 * over stores that have just been made would wait for them.
 */
static inline void
outer_put(struct worker *w, struct rte_mbuf *m, const struct outer *o, const struct aead_op *op,
	uint8_t ecn)
{
	uint8_t *message = op->data - sizeof(struct message_data), *frame = message - o->len;
	struct rte_udp_hdr *udp = (void *)(message - sizeof(*udp));
	uint32_t message_len = op->length + MESSAGE_DATA_OVERHEAD;
	uint32_t udp_len = sizeof(*udp) + message_len;
	uint64_t sum = o->port->hw_tx_udp_csum ? 0 : checksum_sum(message, message_len), word;
	uint16_t udp_len_be = rte_cpu_to_be_16(udp_len);

	m->data_off = (uint16_t)(frame - (uint8_t *)m->buf_addr);
	m->data_len = m->pkt_len = o->len + message_len;
	m->ol_flags = 0;
	if (likely(o->family == IP_V4))
		put_ipv4(frame, o, rte_cpu_to_be_16(sizeof(struct rte_ipv4_hdr) + udp_len),
			w->ipv4_id++, ecn);
	else
		put_ipv6(frame, o, udp_len_be, ecn);
	sum = checksum_finish(sum + o->udp_sum + 2 * (uint32_t)udp_len_be);
	if (sum == 0)
		sum = 0xffff; /* RFC 768: zero would mean "none" */
	word = o->ports | (uint64_t)udp_len_be << 32 | sum << 48;
	memcpy(udp, &word, sizeof(word));
	if (unlikely(o->port->hw_tx_udp_csum || o->port->hw_tx_ipv4_csum))
		offload_checksums(m, o, udp);
}

static inline void
send_one(struct worker *w, struct rte_mbuf *m, const struct run *run, const struct outer *o,
	const struct aead_op *op, uint8_t ecn)
{
	if (unlikely(op->length + MESSAGE_DATA_OVERHEAD > o->message_max)) {
		worker_drop_of_peer(w, m, PEER_DROP_over_mtu, run->peer->iface, run->peer_id);
		return;
	}
	outer_put(w, m, o, op, ecn);
	if (likely(o->resolved)) {
		worker_tx(w, o->port->id, m);
		return;
	}
	rte_pktmbuf_adj(m, RTE_ETHER_HDR_LEN);
	worker_output(w, m, run->endpoint.route, o->family, run->endpoint.addr);
}

static void
drop_run(struct worker *w, const struct sealing *b, const struct run *run, unsigned i)
{
	for (unsigned end = i + run->n; i < end; i++)
		worker_drop_of_peer(w, b->m[i], PEER_DROP_no_route, run->peer->iface, run->peer_id);
}

/* The packets of a run, the first of them at i. */
static inline void
send_run(struct worker *w, const struct sealing *b, const struct run *run, unsigned i,
	struct outer *o)
{
	unsigned end = i + run->n;
	uint64_t text = 0;

	/* None could be framed: nothing is sent that timers should know of. */
	if (unlikely(i == end))
		return;
	for (unsigned k = i; k < end; k++)
		text += b->op[k].length;
	outer_begin(w, run, o);
	if (unlikely(o->port == NULL))
		drop_run(w, b, run, i);
	else
		do
			send_one(w, b->m[i], run, o, &b->op[i], b->ecn[i]);
		while (++i < end);
	note_sent(w, run, text + run->n * MESSAGE_DATA_OVERHEAD, text > 0);
}

/* The sessions, and what note_sent will touch. forward.c has fetched the peers. */
static inline void
prefetch_sessions(const struct worker *w, const struct encap_packet *in, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct peer_dp *peer;
		const struct session *s;

		if (i > 0 && in[i].peer_id == in[i - 1].peer_id)
			continue;
		peer = worker_peer(w, in[i].peer_id);
		if (unlikely(peer == NULL))
			continue;
		s = atomic_load_explicit(&peer->current, memory_order_acquire);
		if (unlikely(s == NULL))
			continue;
		rte_prefetch0(&s->send_key);
		rte_prefetch0(&s->rx_data_since);
		rte_prefetch0(&w->peers[in[i].peer_id]);
	}
}

void
worker_encap(struct worker *w, const struct encap_packet *in, unsigned n)
{
	struct sealing b;
	struct outer o;

	b.n = b.n_runs = 0;
	prefetch_sessions(w, in, n);
	for (unsigned i = 0; i < n; i++)
		select_session(w, &in[i], &b);
	frame_messages(w, &b);
	worker_stage_done(w, STAGE_encap, n);
	if (b.n == 0)
		return;
	aead_seal_burst(w->aead, b.op, b.n);
	worker_stage_done(w, STAGE_seal, b.n);
	o.route = fib_dst_make(FIB_NONE, 0);
	for (unsigned r = 0, i = 0; r < b.n_runs; i += b.runs[r++].n)
		send_run(w, &b, &b.runs[r], i, &o);
	worker_stage_done(w, STAGE_output, b.n);
}
