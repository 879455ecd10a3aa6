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
#define TIMESTAMP_STEP_NS (50 * NS_PER_MS)

struct sealing {
	struct rte_mbuf *m[BURST];
	struct peer_dp *peer[BURST];
	struct session *session[BURST];
	struct endpoint_dp endpoint[BURST];
	uint8_t ecn[BURST]; /* of the inner header, copied out */
	struct aead_op op[BURST];
	unsigned n;
};

/* May the session send? A rekey that is due is asked for on the way. */
static bool
session_may_send(struct worker *w, struct peer_dp *peer, const struct session *s)
{
	uint64_t counter;

	if (s == NULL) {
		worker_want_handshake(w, peer);
		return false;
	}
	counter = atomic_load_explicit(&s->send_counter, memory_order_relaxed);
	if (unlikely(w->now_ns >= s->reject_ns || counter >= REJECT_AFTER_MESSAGES - BURST)) {
		worker_want_handshake(w, peer);
		return false;
	}
	if (unlikely(w->now_ns >= s->rekey_send_ns || counter >= REKEY_AFTER_MESSAGES))
		worker_want_handshake(w, peer);
	return true;
}

static uint8_t
inner_ecn(const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);

	if (m->data_len == 0)
		return 0;
	return ip[0] >> 4 == 4 ? ip[1] & 3 : (ip[1] >> 4) & 3;
}

static void
refuse_no_endpoint(struct worker *w, const struct encap_packet *p, uint8_t iface)
{
	struct fwd_packet fwd = {
		.m = p->m,
		.from_peer = p->from_peer,
		.iface = p->from_iface,
		.port = p->from_port,
	};

	if (p->m->data_len == 0) {
		worker_drop(w, p->m, DROP_no_endpoint, iface);
		return;
	}
	fwd.family = *rte_pktmbuf_mtod(p->m, uint8_t *) >> 4;
	worker_drop_icmp(w, &fwd, DROP_no_endpoint, iface, ERROR_HOST_UNREACHABLE, 0);
}

static void
select_session(struct worker *w, const struct encap_packet *p, struct sealing *out)
{
	struct peer_dp *peer = worker_peer(w, p->peer_id);
	struct session *s;
	unsigned i = out->n;

	if (unlikely(peer == NULL)) {
		worker_drop(w, p->m, DROP_no_peer, PKT_NO_IFACE);
		return;
	}
	peer_endpoint_read(peer, &out->endpoint[i]);
	if (unlikely(out->endpoint[i].family == IP_NONE)) {
		refuse_no_endpoint(w, p, peer->iface);
		return;
	}
	s = atomic_load_explicit(&peer->current, memory_order_acquire);
	if (unlikely(!session_may_send(w, peer, s))) {
		if (p->m->data_len > 0)
			worker_stage(w, peer, p->m);
		else /* control asked for a keepalive while the session went away */
			rte_pktmbuf_free(p->m);
		return;
	}
	out->m[i] = p->m;
	out->peer[i] = peer;
	out->session[i] = s;
	out->ecn[i] = inner_ecn(p->m);
	out->n++;
}

/* Padding, header and room for the tag around one inner packet. */
static bool
frame_message(struct worker *w, struct sealing *b, unsigned i, uint64_t counter)
{
	struct rte_mbuf *m = b->m[i];
	uint16_t len = m->data_len, mtu = w->dp->ifaces[b->peer[i]->iface].mtu;
	/* Never past the MTU, so that an observer learns nothing and no path breaks. */
	uint16_t padded = RTE_MIN(RTE_ALIGN(len, MESSAGE_PADDING), RTE_MAX(len, mtu));
	struct message_data *header;
	char *tail = rte_pktmbuf_append(m, padded - len + NOISE_TAG_LEN);

	if (unlikely(tail == NULL))
		return false;
	memset(tail, 0, padded - len);
	header = (void *)rte_pktmbuf_prepend(m, sizeof(*header));
	if (unlikely(header == NULL))
		return false;
	header->type_le = rte_cpu_to_le_32(MESSAGE_DATA);
	header->receiver_index_le = rte_cpu_to_le_32(b->session[i]->remote_index);
	header->counter_le = rte_cpu_to_le_64(counter);
	b->op[i] = (struct aead_op){
		.key = b->session[i]->send_key,
		.counter = counter,
		.data = (uint8_t *)(header + 1),
		.length = padded,
	};
	return true;
}

/* One atomic addition for each run of packets of the same session, in their order. */
static void
frame_messages(struct worker *w, struct sealing *b)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < b->n;) {
		struct session *s = b->session[i];
		unsigned run = 1;
		uint64_t counter;

		while (i + run < b->n && b->session[i + run] == s)
			run++;
		counter = atomic_fetch_add_explicit(&s->send_counter, run, memory_order_relaxed);
		for (unsigned end = i + run; i < end; i++, counter++) {
			if (unlikely(counter >= REJECT_AFTER_MESSAGES ||
				     !frame_message(w, b, i, counter))) {
				worker_drop(w, b->m[i], DROP_over_mtu, b->peer[i]->iface);
				continue;
			}
			if (kept != i) {
				b->m[kept] = b->m[i];
				b->peer[kept] = b->peer[i];
				b->session[kept] = b->session[i];
				b->endpoint[kept] = b->endpoint[i];
				b->ecn[kept] = b->ecn[i];
				b->op[kept] = b->op[i];
			}
			kept++;
		}
	}
	b->n = kept;
}

static void
note_sent(struct worker *w, struct peer_dp *peer, uint16_t wg_len, bool is_data)
{
	struct peer_worker *pw = &w->peers[peer->id];
	uint64_t now = w->now_ns;

	counter_add(&pw->tx_packets, 1);
	counter_add(&pw->tx_bytes, wg_len);
	if (now - atomic_load_explicit(&peer->last_tx_ns, memory_order_relaxed) > TIMESTAMP_STEP_NS)
		atomic_store_explicit(&peer->last_tx_ns, now, memory_order_relaxed);
	if (atomic_load_explicit(&peer->rx_data_since_ns, memory_order_relaxed) != 0)
		atomic_store_explicit(&peer->rx_data_since_ns, 0, memory_order_relaxed);
	if (is_data && atomic_load_explicit(&peer->tx_data_since_ns, memory_order_relaxed) == 0) {
		atomic_store_explicit(&peer->tx_data_since_ns, now, memory_order_relaxed);
		worker_tell_traffic(w, peer);
	}
}

/*
 * The outer UDP checksum is always filled in (RFC 8200 demands it for IPv6;
 * for IPv4 it lets NATs and offloads do their work): by the port, or here.
 */
static void
outer_udp_checksum(struct rte_mbuf *m, const struct port *port, struct rte_udp_hdr *udp,
	const void *addresses, size_t addresses_len, uint16_t udp_len)
{
	uint64_t pseudo = checksum_sum(addresses, addresses_len) + rte_cpu_to_be_16(IPPROTO_UDP) +
			  rte_cpu_to_be_16(udp_len);

	if (port->hw_tx_udp_csum) {
		udp->dgram_cksum = (uint16_t)~checksum_finish(pseudo);
		m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
		m->l2_len = RTE_ETHER_HDR_LEN;
		return;
	}
	udp->dgram_cksum = 0;
	udp->dgram_cksum = checksum_finish(pseudo + checksum_sum(udp, udp_len));
	if (udp->dgram_cksum == 0) /* RFC 768: zero would mean "none" */
		udp->dgram_cksum = 0xffff;
}

static void
outer_ipv4(struct worker *w, struct rte_mbuf *m, const struct port *port,
	const struct endpoint_dp *ep, uint8_t ecn, uint16_t listen_port_be)
{
	uint16_t wg_len = m->data_len;
	struct rte_ipv4_hdr *ip;
	struct rte_udp_hdr *udp;

	ip = (void *)rte_pktmbuf_prepend(m, sizeof(*ip) + sizeof(*udp));
	udp = (void *)(ip + 1);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.type_of_service = ecn,
		.total_length = rte_cpu_to_be_16(wg_len + sizeof(*ip) + sizeof(*udp)),
		.packet_id = rte_cpu_to_be_16(w->ipv4_id++),
		.time_to_live = OUTER_TTL,
		.next_proto_id = IPPROTO_UDP,
	};
	memcpy(&ip->src_addr, ep->source, 4);
	memcpy(&ip->dst_addr, ep->addr, 4);
	*udp = (struct rte_udp_hdr){
		.src_port = listen_port_be,
		.dst_port = ep->port_be,
		.dgram_len = rte_cpu_to_be_16(wg_len + sizeof(*udp)),
	};
	outer_udp_checksum(m, port, udp, &ip->src_addr, 8, wg_len + sizeof(*udp));
	if (port->hw_tx_ipv4_csum || port->hw_tx_udp_csum)
		m->ol_flags |= RTE_MBUF_F_TX_IPV4;
	m->l3_len = sizeof(*ip);
	if (port->hw_tx_ipv4_csum) {
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		m->l2_len = RTE_ETHER_HDR_LEN;
	} else {
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
}

static void
outer_ipv6(struct rte_mbuf *m, const struct port *port, const struct endpoint_dp *ep, uint8_t ecn,
	uint16_t listen_port_be)
{
	uint16_t wg_len = m->data_len;
	struct rte_ipv6_hdr *ip;
	struct rte_udp_hdr *udp;
	uint8_t *addresses;

	ip = (void *)rte_pktmbuf_prepend(m, sizeof(*ip) + sizeof(*udp));
	udp = (void *)(ip + 1);
	addresses = (uint8_t *)ip + offsetof(struct rte_ipv6_hdr, src_addr);
	ip->vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)ecn << 20);
	ip->payload_len = rte_cpu_to_be_16(wg_len + sizeof(*udp));
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = OUTER_TTL;
	memcpy(addresses, ep->source, 16);
	memcpy(addresses + 16, ep->addr, 16);
	*udp = (struct rte_udp_hdr){
		.src_port = listen_port_be,
		.dst_port = ep->port_be,
		.dgram_len = rte_cpu_to_be_16(wg_len + sizeof(*udp)),
	};
	if (port->hw_tx_udp_csum)
		m->ol_flags |= RTE_MBUF_F_TX_IPV6;
	m->l3_len = sizeof(*ip);
	outer_udp_checksum(m, port, udp, addresses, 32, wg_len + sizeof(*udp));
}

static void
send_sealed(struct worker *w, struct sealing *b, unsigned i)
{
	const struct endpoint_dp *ep = &b->endpoint[i];
	const struct iface_dp *iface = &w->dp->ifaces[b->peer[i]->iface];
	struct rte_mbuf *m = b->m[i];
	const struct port *port;

	note_sent(w, b->peer[i], m->data_len, b->op[i].length > 0);
	if (fib_kind(ep->route) == FIB_PORT) {
		port = &w->dp->ports.port[fib_id(ep->route)];
	} else if (fib_kind(ep->route) == FIB_VIA) {
		port = &w->dp->ports.port[w->fib->gateways[fib_id(ep->route)].port];
	} else {
		worker_drop(w, m, DROP_no_route, b->peer[i]->iface);
		return;
	}
	m->ol_flags = 0;
	if (ep->family == IP_V4)
		outer_ipv4(w, m, port, ep, b->ecn[i], rte_cpu_to_be_16(iface->listen_port));
	else
		outer_ipv6(m, port, ep, b->ecn[i], rte_cpu_to_be_16(iface->listen_port));
	if (unlikely(m->pkt_len > port->mtu)) {
		worker_drop(w, m, DROP_over_mtu, b->peer[i]->iface);
		return;
	}
	worker_output(w, m, ep->route, ep->family, ep->addr);
}

void
worker_encap(struct worker *w, const struct encap_packet *in, unsigned n)
{
	struct sealing b;

	b.n = 0;
	for (unsigned i = 0; i < n; i++)
		select_session(w, &in[i], &b);
	frame_messages(w, &b);
	worker_stage_done(w, STAGE_encap, n);
	if (b.n == 0)
		return;
	aead_seal_burst(w->aead, b.op, b.n);
	worker_stage_done(w, STAGE_seal, b.n);
	for (unsigned i = 0; i < b.n; i++)
		send_sealed(w, &b, i);
	worker_stage_done(w, STAGE_output, b.n);
}
