/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/local.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "control/icmp.h"
#include "control/resolver.h"

#define BURST 32

/*
 * Answers a second, and at once. Errors: in all as many as Linux sends
 * (icmp_msgs_per_sec), and enough to one host for path MTU discovery of many
 * flows. Echoes: what a flood ping may take of control's time.
 */
#define ERROR_RATE 1000
#define ERROR_BURST 200
#define ERROR_RATE_EACH 10
#define ERROR_BURST_EACH 20
#define ECHO_RATE 20000
#define ECHO_BURST 2000
#define ECHO_RATE_EACH 10000
#define ECHO_BURST_EACH 1000

#define UDP_PROTO 17
#define TCP_PROTO 6
#define ICMP4_UNREACHABLE 3
#define ICMP4_PORT_UNREACHABLE 3
#define ICMP6_UNREACHABLE 1
#define ICMP6_PORT_UNREACHABLE 4

struct local {
	struct dataplane *dp;
	const struct ports *ports;
	struct resolver *resolver;
	struct icmp_limiter errors, echoes;
	uint8_t n_ifaces;
	struct iface_config ifaces[IFACE_MAX];
};

static void
count(struct local *l, enum drop_reason reason, struct rte_mbuf *m)
{
	const struct pkt_meta *meta = pkt_meta(m);

	dataplane_count_drop(l->dp, reason, meta->iface < l->n_ifaces ? meta->iface : IFACE_NONE);
}

static void
send_frame(void *arg, uint8_t port, const void *frame, uint16_t len)
{
	struct local *l = arg;
	struct rte_mbuf *m = rte_pktmbuf_alloc(dataplane_pool(l->dp));
	struct pkt_meta *meta;
	char *data;

	if (m == NULL) {
		dataplane_count_drop(l->dp, DROP_no_mbuf, IFACE_NONE);
		return;
	}
	data = rte_pktmbuf_append(m, len); /* an mbuf holds any frame of ours */
	memcpy(data, frame, len);
	meta = pkt_meta(m);
	memset(meta, 0, sizeof(*meta));
	meta->kind = PKT_INJECT_FRAME;
	meta->port = port;
	meta->iface = PKT_NO_IFACE;
	meta->peer_id = PKT_NO_PEER;
	dataplane_inject(l->dp, l->ports->port[port].tx_worker, m);
}

static void
neigh_done(void *arg, uint8_t port, const struct ip_addr *addr, bool resolved)
{
	struct local *l = arg;

	dataplane_neigh_done(l->dp, port, addr, resolved);
}

struct local *
local_create(struct dataplane *dp, unsigned neigh_capacity, const struct iface_config *ifaces,
	uint8_t n_ifaces, uint64_t now_ns)
{
	struct local *l = calloc(1, sizeof(*l));
	struct resolver_ops ops = {send_frame, neigh_done, l};
	uint64_t seed[2];

	if (l == NULL || n_ifaces > IFACE_MAX ||
		getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		goto fail;
	l->dp = dp;
	l->ports = dataplane_ports(dp);
	l->n_ifaces = n_ifaces;
	if (n_ifaces != 0)
		memcpy(l->ifaces, ifaces, n_ifaces * sizeof(*ifaces));
	icmp_limiter_init(&l->errors, ERROR_RATE, ERROR_BURST, ERROR_RATE_EACH, ERROR_BURST_EACH,
		seed[0], now_ns);
	icmp_limiter_init(&l->echoes, ECHO_RATE, ECHO_BURST, ECHO_RATE_EACH, ECHO_BURST_EACH,
		seed[1], now_ns);
	l->resolver = resolver_create(l->ports, dataplane_neighbours(dp), neigh_capacity, &ops);
	if (l->resolver == NULL)
		goto fail;
	return l;
fail:
	free(l);
	return NULL;
}

void
local_destroy(struct local *l)
{
	if (l == NULL)
		return;
	resolver_destroy(l->resolver);
	free(l);
}

/* ---- packets ------------------------------------------------------------- */

/* An IP packet with what is known of its way here. */
struct packet {
	struct rte_mbuf *m;
	uint8_t *ip;
	uint16_t len;
	struct ip_addr src, dst;
	uint8_t proto;
	/* The frame that it came in, or NULL when it came out of a tunnel. */
	const struct rte_ether_hdr *eth;
};

static bool
parse(struct packet *p, struct rte_mbuf *m)
{
	const struct pkt_meta *meta = pkt_meta(m);

	memset(p, 0, sizeof(*p));
	p->m = m;
	p->ip = rte_pktmbuf_mtod(m, uint8_t *);
	p->len = rte_pktmbuf_data_len(m);
	if (m->nb_segs != 1 || p->len < 20)
		return false;
	if (p->ip[0] >> 4 == 4) {
		p->src.family = p->dst.family = IP_V4;
		memcpy(p->src.bytes, p->ip + 12, 4);
		memcpy(p->dst.bytes, p->ip + 16, 4);
		p->proto = p->ip[9];
	} else if (p->ip[0] >> 4 == 6 && p->len >= 40) {
		p->src.family = p->dst.family = IP_V6;
		memcpy(p->src.bytes, p->ip + 8, 16);
		memcpy(p->dst.bytes, p->ip + 24, 16);
		p->proto = p->ip[6];
	} else {
		return false;
	}
	if (meta->peer_id == PKT_NO_PEER && meta->l3_off == RTE_ETHER_HDR_LEN &&
		rte_pktmbuf_headroom(m) >= RTE_ETHER_HDR_LEN)
		p->eth = (const struct rte_ether_hdr *)(const void *)(p->ip - RTE_ETHER_HDR_LEN);
	return true;
}

/*
 * Send the answer that now fills m, len bytes from its IP header. It is routed
 * by its destination, into a tunnel too. A link-local destination has no route:
 * the answer goes back to the station that the question came from.
 */
static void
answer(struct local *l, struct rte_mbuf *m, uint16_t len, const struct rte_ether_addr *back)
{
	struct pkt_meta *meta = pkt_meta(m);
	unsigned worker = meta->worker;
	uint8_t port = meta->port;

	m->data_len = len;
	m->pkt_len = len;
	m->ol_flags = 0;
	m->packet_type = 0;
	m->tx_offload = 0;
	memset(meta, 0, sizeof(*meta));
	meta->iface = PKT_NO_IFACE;
	meta->peer_id = PKT_NO_PEER;
	meta->kind = PKT_INJECT_INNER;
	if (back != NULL) {
		struct rte_ether_hdr *eth;

		/* Workers look at the length of what they route only. */
		if (len > l->ports->port[port].mtu) {
			count(l, DROP_over_mtu, m);
			rte_pktmbuf_free(m);
			return;
		}
		eth = (struct rte_ether_hdr *)(void *)rte_pktmbuf_prepend(m, sizeof(*eth));
		eth->dst_addr = *back;
		eth->src_addr = l->ports->port[port].mac;
		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
		meta->kind = PKT_INJECT_FRAME;
		meta->port = port;
		worker = l->ports->port[port].tx_worker;
	}
	dataplane_inject(l->dp, worker, m);
}

/* Where an answer leaves without a route: *mac, or NULL. False when it cannot leave at all. */
static bool
way_back(const struct packet *p, struct rte_ether_addr *mac, struct rte_ether_addr **back)
{
	*back = NULL;
	if (!ip_addr_is_link_local(&p->src) && !ip_addr_is_link_local(&p->dst))
		return true;
	if (p->eth == NULL)
		return false;
	*mac = p->eth->src_addr;
	*back = mac;
	return true;
}

/* The interface's address that shares a prefix with to, else its first of the family. */
static const struct ip_addr *
iface_address(const struct iface_config *iface, const struct ip_addr *to)
{
	const struct ip_addr *first = NULL;

	for (unsigned i = 0; i < iface->n_addresses; i++) {
		const struct ip_prefix *a = &iface->addresses[i];

		if (ip_prefix_contains(a, to))
			return &a->addr;
		if (first == NULL && a->addr.family == to->family)
			first = &a->addr;
	}
	return first;
}

/*
 * Who an error is from: the side that the packet came from (RFC 1812, 4.3.2.4).
 * A side without an address of the family borrows one from another side.
 */
static const struct ip_addr *
error_source(const struct local *l, const struct packet *p)
{
	const struct pkt_meta *meta = pkt_meta(p->m);
	const struct ip_addr *a = NULL;

	if (meta->peer_id != PKT_NO_PEER && meta->iface < l->n_ifaces)
		a = iface_address(&l->ifaces[meta->iface], &p->src);
	else if (meta->port < l->ports->n)
		a = port_source_address(&l->ports->port[meta->port], &p->src);
	for (unsigned i = 0; a == NULL && i < l->ports->n; i++)
		a = port_source_address(&l->ports->port[i], &p->src);
	for (unsigned i = 0; a == NULL && i < l->n_ifaces; i++)
		a = iface_address(&l->ifaces[i], &p->src);
	return a;
}

/* Takes m. False, with m still the caller's, when no error may be sent about the packet. */
static bool
send_error(struct local *l, struct packet *p, const struct ip_addr *from, uint8_t type,
	uint8_t code, uint32_t info, uint64_t now_ns)
{
	struct rte_ether_addr mac, *back;
	uint8_t error[ICMP_ERROR_MAX];
	struct pkt_meta meta = *pkt_meta(p->m);
	size_t len;

	if (from == NULL || (p->eth != NULL && rte_is_multicast_ether_addr(&p->eth->dst_addr)) ||
		!way_back(p, &mac, &back))
		return false;
	len = icmp_error(error, from, type, code, info, p->ip, p->len);
	if (len == 0)
		return false;
	if (!icmp_limiter_allow(&l->errors, &p->src, now_ns)) {
		count(l, DROP_icmp_limited, p->m);
		rte_pktmbuf_free(p->m);
		return true;
	}
	rte_pktmbuf_reset(p->m);
	*pkt_meta(p->m) = meta;
	memcpy(rte_pktmbuf_mtod(p->m, void *), error, len);
	answer(l, p->m, len, back);
	return true;
}

/* Each takes m, or returns false with it still the caller's. */
static bool
echo(struct local *l, struct packet *p, uint64_t now_ns)
{
	struct rte_ether_addr mac, *back;
	size_t len;

	if ((p->eth != NULL && rte_is_multicast_ether_addr(&p->eth->dst_addr)) ||
		!way_back(p, &mac, &back))
		return false;
	len = icmp_echo_reply(p->ip, p->len);
	if (len == 0)
		return false;
	if (!icmp_limiter_allow(&l->echoes, &p->src, now_ns)) {
		count(l, DROP_icmp_limited, p->m);
		rte_pktmbuf_free(p->m);
		return true;
	}
	answer(l, p->m, len, back);
	return true;
}

static bool
neighbour_discovery(struct local *l, struct packet *p, uint64_t now_ns)
{
	bool ok = p->eth != NULL &&
		  resolver_nd(l->resolver, pkt_meta(p->m)->port, (const uint8_t *)p->eth,
			  p->len + RTE_ETHER_HDR_LEN, now_ns);

	if (ok)
		rte_pktmbuf_free(p->m);
	return ok;
}

static bool
is_fragment(const struct packet *p)
{
	return p->src.family == IP_V4 && (p->ip[6] & 0x3f) + p->ip[7] != 0;
}

/* A packet to an address of the gateway. Fragments are not put together for it. */
static bool
to_us(struct local *l, struct packet *p, uint64_t now_ns)
{
	bool v6 = p->src.family == IP_V6;

	if (v6 && p->proto == ICMP6_PROTO && p->len > 40 && p->ip[40] >= 133 && p->ip[40] <= 137)
		return neighbour_discovery(l, p, now_ns);
	if (p->proto == (v6 ? ICMP6_PROTO : ICMP4_PROTO))
		return echo(l, p, now_ns);
	if ((p->proto == UDP_PROTO || p->proto == TCP_PROTO) && !is_fragment(p)) {
		struct ip_addr from = p->dst;

		return send_error(l, p, &from, v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE,
			v6 ? ICMP6_PORT_UNREACHABLE : ICMP4_PORT_UNREACHABLE, 0, now_ns);
	}
	return false;
}

static void
handle(struct local *l, struct rte_mbuf *m, uint64_t now_ns)
{
	const struct pkt_meta *meta = pkt_meta(m);
	struct packet p;

	switch (meta->kind) {
	case PKT_PUNT_ARP:
		if (m->nb_segs == 1 &&
			resolver_arp(l->resolver, meta->port, rte_pktmbuf_mtod(m, uint8_t *),
				rte_pktmbuf_data_len(m), now_ns)) {
			rte_pktmbuf_free(m);
			return;
		}
		break;
	case PKT_PUNT_LOCAL:
		if (parse(&p, m) && to_us(l, &p, now_ns))
			return;
		break;
	case PKT_PUNT_ICMP:
		/* The worker has counted why it dropped the packet; an answer is not owed. */
		if (!parse(&p, m) || p.src.family != meta->family ||
			!send_error(l, &p, error_source(l, &p), meta->icmp_type, meta->icmp_code,
				meta->icmp_info, now_ns))
			rte_pktmbuf_free(m);
		return;
	}
	count(l, DROP_local_unhandled, m);
	rte_pktmbuf_free(m);
}

unsigned
local_poll(struct local *l, uint64_t now_ns)
{
	struct rte_mbuf *m[BURST];
	unsigned n = dataplane_punted(l->dp, PUNT_RING_LOCAL, m, BURST);

	for (unsigned i = 0; i < n; i++)
		handle(l, m[i], now_ns);
	return n;
}

void
local_want_neigh(struct local *l, const struct dp_event *event, uint64_t now_ns)
{
	resolver_want(l->resolver, event->port, &event->addr, now_ns);
}

void
local_heard(struct local *l, uint8_t port, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, uint64_t now_ns)
{
	resolver_heard(l->resolver, port, addr, mac, now_ns);
}

uint64_t
local_tick(struct local *l, uint64_t now_ns)
{
	return resolver_tick(l->resolver, now_ns);
}
