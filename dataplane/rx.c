/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the port to one of three ways: transport data to decap, other IP to
 * forward, everything slow to control. The UDP checksum of WireGuard messages
 * is not looked at: what it would protect is authenticated (mac1 or AEAD).
 */
#include <immintrin.h>
#include <rte_arp.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "dataplane/worker.h"

/* Frames fetched before they are looked at: a packet takes some 30 cycles, the L3 cache 100 to 200.
 */
#define PREFETCH_AHEAD 8u

struct classified {
	struct rx_data data[BURST];
	struct fwd_packet plain[BURST];
	unsigned n_data, n_plain;
	uint64_t local4_be; /* of ours, that the previous message went to; UINT64_MAX: none */
};

static bool
is_local4(const struct dataplane *dp, uint32_t addr_be)
{
	for (uint32_t i = 0; i < dp->n_local4; i++)
		if (dp->local4_be[i] == addr_be)
			return true;
	return false;
}

static bool
is_local6(const struct dataplane *dp, const uint8_t addr[16])
{
	for (uint32_t i = 0; i < dp->n_local6; i++)
		if (memcmp(dp->local6[i], addr, 16) == 0)
			return true;
	return false;
}

static void
punt_handshake(struct worker *w, const struct port *port, const struct rx_data *d)
{
	struct pkt_meta *meta = pkt_meta(d->m);
	const uint8_t *frame = rte_pktmbuf_mtod(d->m, const uint8_t *);
	struct ip_addr source = {.family = d->family};

	memcpy(source.bytes, ip_header_source(d->family, d->l3), ip_addr_len(d->family));
	*meta = (struct pkt_meta){
		.kind = PKT_PUNT_HANDSHAKE,
		.port = port->id,
		.iface = d->iface,
		.worker = w->id,
		.tos = d->tos,
		.family = d->family,
		.l3_off = (uint16_t)(d->l3 - frame),
		.wg_off = (uint16_t)(d->wg - frame),
		.peer_id = PKT_NO_PEER,
	};
	d->m->data_off += meta->wg_off;
	d->m->data_len = d->m->pkt_len = d->wg_len;
	worker_punt_handshake(w, d->m, &source);
}

/* What is not transport data, by type and exact length: to control. */
static void
classify_handshake(
	struct worker *w, const struct port *port, const struct rx_data *d, uint32_t type)
{
	if ((type == MESSAGE_INITIATION && d->wg_len == sizeof(struct message_initiation)) ||
		(type == MESSAGE_RESPONSE && d->wg_len == sizeof(struct message_response)) ||
		(type == MESSAGE_COOKIE_REPLY && d->wg_len == sizeof(struct message_cookie_reply)))
		punt_handshake(w, port, d);
	else
		worker_drop(w, d->m, DROP_rx_malformed, d->iface);
}

static inline bool
is_local(const struct dataplane *dp, uint8_t family, const uint8_t *l3, struct classified *out)
{
	uint32_t addr_be;

	if (family == IP_V6)
		return is_local6(dp, l3 + offsetof(struct rte_ipv6_hdr, dst_addr));
	addr_be = ((const struct rte_ipv4_hdr *)(const void *)l3)->dst_addr;
	if (unlikely(addr_be != out->local4_be)) {
		if (!is_local4(dp, addr_be))
			return false;
		out->local4_be = addr_be;
	}
	return true;
}

/* True when it was a datagram for an interface (and is gone). */
static inline bool
classify_udp(struct worker *w, const struct port *port, struct rte_mbuf *m, uint8_t *l3,
	uint16_t l3_len, uint16_t l4_len, uint8_t family, uint8_t tos, struct classified *out)
{
	const struct rte_udp_hdr *udp = (const void *)(l3 + l3_len);
	const struct message_data *msg = (const void *)(udp + 1);
	struct rx_data *d = &out->data[out->n_data];
	uint32_t dgram_len;
	uint8_t iface;

	if (unlikely(l4_len < sizeof(*udp)))
		return false;
	iface = w->dp->iface_of_port_be[udp->dst_port];
	if (iface == PKT_NO_IFACE || !is_local(w->dp, family, l3, out))
		return false;
	dgram_len = rte_be_to_cpu_16(udp->dgram_len);
	if (unlikely(dgram_len < sizeof(*udp) + sizeof(msg->type_le) || dgram_len > l4_len)) {
		worker_drop(w, m, DROP_rx_malformed, iface);
		return true;
	}
	*d = (struct rx_data){
		.m = m,
		.l3 = l3,
		.wg = (uint8_t *)l3 + l3_len + sizeof(*udp),
		.wg_len = dgram_len - sizeof(*udp),
		.tos = tos,
		.family = family,
		.iface = iface,
		.port = port->id,
	};
	if (likely(msg->type_le == RTE_LE32(MESSAGE_DATA) && d->wg_len >= MESSAGE_DATA_MIN_LEN)) {
		index_prefetch(&w->dp->index, rte_le_to_cpu_32(msg->receiver_index_le));
		out->n_data++; /* it stays in its slot */
	} else {
		classify_handshake(w, port, d, rte_le_to_cpu_32(msg->type_le));
	}
	return true;
}

static inline void
to_forward(const struct port *port, struct rte_mbuf *m, void *ip, uint16_t len, uint8_t family,
	struct classified *out)
{
	m->data_off += RTE_ETHER_HDR_LEN;
	m->data_len = m->pkt_len = len; /* without Ethernet padding */
	/* Outer headers may come before it, padding and tag behind it. */
	rte_prefetch0((uint8_t *)ip - RTE_CACHE_LINE_SIZE);
	rte_prefetch0((uint8_t *)ip + len);
	out->plain[out->n_plain++] = (struct fwd_packet){
		.m = m,
		.ip = ip,
		.from_peer = PKT_NO_PEER,
		.family = family,
		.iface = PKT_NO_IFACE,
		.port = port->id,
	};
}

/* RFC 1071: the words of a header without options add up to all ones, which is as good as zero. */
static inline bool
ipv4_sum_good(const struct rte_ipv4_hdr *ip)
{
	unsigned long long words[2], sum;
	uint32_t destination, low;
	unsigned char carry;

	memcpy(words, ip, sizeof(words));
	memcpy(&destination, &ip->dst_addr, sizeof(destination));
	carry = _addcarry_u64(0, words[0], words[1], &sum);
	carry = _addcarry_u64(carry, sum, destination, &sum);
	sum += carry;
	carry = _addcarry_u32(0, (uint32_t)sum, sum >> 32, &low);
	low = (low & 0xffff) + (low >> 16) + carry;
	return low == 0xffff || low == 2 * 0xffff;
}

static inline bool
ipv4_checksum_good(const struct port *port, const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip,
	uint16_t header_len)
{
	if (port->hw_rx_ipv4_csum) {
		uint64_t flags = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

		if (flags == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
			return true;
		if (flags == RTE_MBUF_F_RX_IP_CKSUM_BAD)
			return false;
	}
	return likely(header_len == sizeof(*ip)) ? ipv4_sum_good(ip)
						 : rte_raw_cksum(ip, header_len) == 0xffff;
}

/* The header is good, and the packet is for us or to be forwarded. */
static inline void
ipv4_payload(struct worker *w, const struct port *port, struct rte_mbuf *m, struct rte_ipv4_hdr *ip,
	uint16_t header_len, uint16_t total, struct classified *out)
{
	if (ip->next_proto_id == IPPROTO_UDP &&
		(ip->fragment_offset &
			rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) == 0 &&
		classify_udp(w, port, m, (uint8_t *)ip, header_len, total - header_len, IP_V4,
			ip->type_of_service, out))
		return;
	to_forward(port, m, ip, total, IP_V4, out);
}

static void
classify_ipv4(struct worker *w, const struct port *port, struct rte_mbuf *m, bool broadcast,
	struct classified *out)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, void *, RTE_ETHER_HDR_LEN);
	uint16_t have = m->data_len - RTE_ETHER_HDR_LEN, header_len, total;

	if (have < sizeof(*ip)) {
		worker_drop(w, m, DROP_rx_truncated, PKT_NO_IFACE);
		return;
	}
	header_len = (ip->version_ihl & 0x0f) * 4;
	total = rte_be_to_cpu_16(ip->total_length);
	if (ip->version_ihl >> 4 != 4 || header_len < sizeof(*ip) || total < header_len) {
		worker_drop(w, m, DROP_rx_malformed, PKT_NO_IFACE);
		return;
	}
	if (total > have) {
		worker_drop(w, m, DROP_rx_truncated, PKT_NO_IFACE);
		return;
	}
	if (!ipv4_checksum_good(port, m, ip, header_len)) {
		worker_drop(w, m, DROP_rx_malformed, PKT_NO_IFACE);
		return;
	}
	if (broadcast) { /* RFC 1122, 3.3.6: link broadcasts are not for forwarding */
		worker_drop(w, m, DROP_rx_unsupported, PKT_NO_IFACE);
		return;
	}
	ipv4_payload(w, port, m, ip, header_len, total, out);
}

static void
punt_local6(struct worker *w, const struct port *port, struct rte_mbuf *m, uint16_t len)
{
	*pkt_meta(m) = (struct pkt_meta){
		.kind = PKT_PUNT_LOCAL,
		.port = port->id,
		.iface = PKT_NO_IFACE,
		.worker = w->id,
		.l3_off = RTE_ETHER_HDR_LEN,
		.peer_id = PKT_NO_PEER,
	};
	m->data_off += RTE_ETHER_HDR_LEN;
	m->data_len = m->pkt_len = len;
	worker_punt(w, m, PUNT_RING_LOCAL);
}

static void
classify_ipv6(struct worker *w, const struct port *port, struct rte_mbuf *m, bool group,
	struct classified *out)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, void *, RTE_ETHER_HDR_LEN);
	uint16_t have = m->data_len - RTE_ETHER_HDR_LEN;
	const uint8_t *dst = (const uint8_t *)ip + offsetof(struct rte_ipv6_hdr, dst_addr);
	uint32_t vtc, total;

	if (have < sizeof(*ip)) {
		worker_drop(w, m, DROP_rx_truncated, PKT_NO_IFACE);
		return;
	}
	vtc = rte_be_to_cpu_32(ip->vtc_flow);
	total = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	if (vtc >> 28 != 6) {
		worker_drop(w, m, DROP_rx_malformed, PKT_NO_IFACE);
		return;
	}
	if (total > have) {
		worker_drop(w, m, DROP_rx_truncated, PKT_NO_IFACE);
		return;
	}
	if (group && dst[0] != 0xff) { /* as with IPv4: not for forwarding */
		worker_drop(w, m, DROP_rx_unsupported, PKT_NO_IFACE);
		return;
	}
	if (ip->proto == IPPROTO_UDP && classify_udp(w, port, m, (uint8_t *)ip, sizeof(*ip),
						total - sizeof(*ip), IP_V6, vtc >> 20, out))
		return;
	/* Neighbour discovery is link-local or multicast; nothing else of these is for us. */
	if (dst[0] == 0xff || ipv6_is_link_local(dst)) {
		if (ip->proto == IPPROTO_ICMPV6)
			punt_local6(w, port, m, total);
		else
			worker_drop(w, m, DROP_rx_unsupported, PKT_NO_IFACE);
		return;
	}
	to_forward(port, m, ip, total, IP_V6, out);
}

/* Every frame, whatever is in it. */
static __rte_noinline void
classify_any(struct worker *w, const struct port *port, struct rte_mbuf *m, struct classified *out)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	bool group;

	if (unlikely(m->nb_segs > 1 && rte_pktmbuf_linearize(m) != 0)) {
		worker_drop(w, m, DROP_rx_truncated, PKT_NO_IFACE);
		return;
	}
	if (unlikely(m->data_len < RTE_ETHER_HDR_LEN)) {
		worker_drop(w, m, DROP_rx_truncated, PKT_NO_IFACE);
		return;
	}
	group = rte_is_multicast_ether_addr(&eth->dst_addr);
	if (!group && !rte_is_same_ether_addr(&eth->dst_addr, &port->mac)) {
		worker_drop(w, m, DROP_rx_not_for_us, PKT_NO_IFACE);
		return;
	}
	switch (eth->ether_type) {
	case RTE_BE16(RTE_ETHER_TYPE_IPV4):
		classify_ipv4(w, port, m, group, out);
		return;
	case RTE_BE16(RTE_ETHER_TYPE_IPV6):
		classify_ipv6(w, port, m, group, out);
		return;
	case RTE_BE16(RTE_ETHER_TYPE_ARP):
		*pkt_meta(m) = (struct pkt_meta){
			.kind = PKT_PUNT_ARP,
			.port = port->id,
			.iface = PKT_NO_IFACE,
			.worker = w->id,
			.peer_id = PKT_NO_PEER,
		};
		worker_punt(w, m, PUNT_RING_LOCAL);
		return;
	default:
		worker_drop(w, m, DROP_rx_unsupported, PKT_NO_IFACE);
	}
}

/* An Ethernet header to our own address, and IPv4 without options. */
static inline bool
usual_headers(const struct port *port, const uint8_t *frame)
{
	uint64_t destination, ours;
	uint32_t type; /* and what follows it */

	memcpy(&destination, frame, sizeof(destination));
	memcpy(&ours, &port->mac,
		sizeof(ours)); /* what stands behind it in the struct is cut off */
	memcpy(&type, frame + offsetof(struct rte_ether_hdr, ether_type), sizeof(type));
	return (destination ^ ours) << 16 == 0 &&
	       (type & 0xffffff) == (RTE_BE16(RTE_ETHER_TYPE_IPV4) | 0x45 << 16);
}

/* The usual frame in few steps; whatever is odd about others, classify_any says. */
static inline void
classify(struct worker *w, const struct port *port, struct rte_mbuf *m, struct classified *out)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ipv4_hdr *ip = (void *)(frame + RTE_ETHER_HDR_LEN);
	uint32_t total;

	if (likely(m->nb_segs == 1 && m->data_len >= RTE_ETHER_HDR_LEN + sizeof(*ip) &&
		    usual_headers(port, frame))) {
		total = rte_be_to_cpu_16(ip->total_length);
		if (likely(total >= sizeof(*ip) && RTE_ETHER_HDR_LEN + total <= m->data_len &&
			    ipv4_checksum_good(port, m, ip, sizeof(*ip)))) {
			ipv4_payload(w, port, m, ip, sizeof(*ip), total, out);
			return;
		}
	}
	classify_any(w, port, m, out);
}

static unsigned
rx_queue_poll(struct worker *w, const struct rx_queue *q)
{
	const struct port *port = &w->dp->ports.port[q->port];
	struct rte_mbuf *m[BURST];
	struct classified c;
	unsigned n = rte_eth_rx_burst(port->dpdk_id, q->queue, m, BURST);

	if (n == 0)
		return 0;
	w->stats.rx_packets += n;
	w->stats.rx_bursts[burst_class(n)]++;
	worker_stage_done(w, STAGE_rx, n);
	c.n_data = c.n_plain = 0;
	c.local4_be = UINT64_MAX;
	for (unsigned i = 0; i < RTE_MIN(n, PREFETCH_AHEAD); i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (unsigned i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + PREFETCH_AHEAD], void *));
		classify(w, port, m[i], &c);
	}
	worker_stage_done(w, STAGE_classify, n);
	if (c.n_data > 0)
		worker_decap(w, c.data, c.n_data);
	if (c.n_plain > 0)
		worker_forward(w, c.plain, c.n_plain);
	return n;
}

_Static_assert(1 << (BURST_CLASSES - 1) == BURST, "a full burst has a class of its own");

unsigned
worker_rx_poll(struct worker *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n_rxq; i++)
		n += rx_queue_poll(w, &w->rxq[i]);
	return n;
}
