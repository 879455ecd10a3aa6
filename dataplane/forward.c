/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where cleartext goes: into a tunnel, out of a port, to the gateway itself,
 * or nowhere, with the ICMP error that says so.
 */
#include <rte_ip.h>

#include "dataplane/fib_burst.h"
#include "dataplane/worker.h"

#define FRAGMENTS_MAX 16 /* of one packet: 9000 bytes at an MTU of 576 */

/* RFC 4861: a neighbour that probes an address of ours, or answers to one. */
static bool
is_discovery(const struct fwd_packet *p)
{
	const uint8_t *ip = p->ip;

	return p->family == IP_V6 && p->m->data_len > sizeof(struct rte_ipv6_hdr) &&
	       ip[offsetof(struct rte_ipv6_hdr, proto)] == IPPROTO_ICMPV6 &&
	       ip[sizeof(struct rte_ipv6_hdr)] >= 133 && ip[sizeof(struct rte_ipv6_hdr)] <= 137 &&
	       p->from_peer == PKT_NO_PEER;
}

static void
punt_local(struct worker *w, const struct fwd_packet *p)
{
	const uint8_t *ip = p->ip;
	bool fragment;

	/* No reassembly: RFC 791's offset and more-fragments, or RFC 8200's fragment header. */
	if (p->family == IP_V4)
		fragment = (((const struct rte_ipv4_hdr *)(const void *)ip)->fragment_offset &
				   rte_cpu_to_be_16(
					   RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0;
	else
		fragment =
			((const struct rte_ipv6_hdr *)(const void *)ip)->proto == IPPROTO_FRAGMENT;
	if (fragment) {
		worker_drop(w, p->m, DROP_rx_outer_fragment, p->iface);
		return;
	}
	if (!worker_punt_room(w, 6) && !is_discovery(p)) {
		worker_drop(w, p->m, DROP_queue_full, p->iface);
		return;
	}
	*pkt_meta(p->m) = (struct pkt_meta){
		.kind = PKT_PUNT_LOCAL,
		.port = p->port,
		.iface = p->iface,
		.worker = w->id,
		.family = p->family,
		.l3_off = RTE_ETHER_HDR_LEN,
		.peer_id = p->from_peer,
	};
	worker_punt(w, p->m, PUNT_RING_LOCAL);
}

/* TTL, or hop limit: false when it ends here. The gateway's own packets are not hops. */
static bool
decrement_ttl(const struct fwd_packet *p)
{
	if (p->port == PORT_MAX)
		return true;
	if (p->family == IP_V4) {
		struct rte_ipv4_hdr *ip = (void *)p->ip;
		uint32_t sum;

		if (ip->time_to_live <= 1)
			return false;
		ip->time_to_live--;
		/* RFC 1624: the word with TTL in its first octet got smaller by 0x0100. */
		sum = ip->hdr_checksum + rte_cpu_to_be_16(0x0100);
		ip->hdr_checksum = (uint16_t)(sum + (sum >= 0xffff));
	} else {
		struct rte_ipv6_hdr *ip = (void *)p->ip;

		if (ip->hop_limits <= 1)
			return false;
		ip->hop_limits--;
	}
	return true;
}

static bool
dont_fragment(const struct fwd_packet *p)
{
	const struct rte_ipv4_hdr *ip = (const void *)p->ip;

	return p->family == IP_V6 || (ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG));
}

/*
 * RFC 1812, 5.3.7 and RFC 4291, 2.5: a source that no answer may go to. Not
 * IPv4's link-local ones, which networks between routers do use.
 */
static bool
martian_source(const struct fwd_packet *p)
{
	const uint8_t *ip = p->ip;
	const uint8_t *src6 = ip_header_source(IP_V6, ip);
	uint64_t high, low;
	uint8_t first;

	if (p->family == IP_V4) {
		first = *ip_header_source(IP_V4, ip);
		return first == 0 || first == 127 || first >= 224;
	}
	memcpy(&high, src6, sizeof(high));
	memcpy(&low, src6 + 8, sizeof(low));
	return src6[0] == 0xff || ipv6_is_link_local(src6) ||
	       (high == 0 && rte_be_to_cpu_64(low) <= 1);
}

struct out {
	struct encap_packet encap[BURST];
	unsigned n_encap;
};

/* Into a tunnel or out of a port; the packet fits. */
static inline void
send_one(struct worker *w, const struct fwd_packet *p, fib_dst dst, struct out *out)
{
	if (fib_kind(dst) != FIB_PEER) {
		worker_output(w, p->m, dst, p->family, ip_header_destination(p->family, p->ip));
		return;
	}
	if (out->n_encap == BURST) {
		worker_encap(w, out->encap, out->n_encap);
		out->n_encap = 0;
	}
	out->encap[out->n_encap++] = (struct encap_packet){
		.m = p->m,
		.peer_id = fib_id(dst),
		.from_peer = p->from_peer,
		.from_iface = p->iface,
		.from_port = p->port,
	};
}

static __rte_noinline void
send_fragments(struct worker *w, const struct fwd_packet *p, fib_dst dst, uint16_t mtu,
	uint8_t iface, struct out *out)
{
	struct rte_mbuf *fragments[FRAGMENTS_MAX];
	struct fwd_packet f = *p;
	int n = worker_fragment4(w, p->m, mtu, fragments, FRAGMENTS_MAX);

	if (n <= 0) {
		worker_drop(w, p->m, DROP_no_mbuf, iface);
		return;
	}
	for (int i = 0; i < n; i++) {
		f.m = fragments[i];
		f.ip = rte_pktmbuf_mtod(f.m, uint8_t *);
		send_one(w, &f, dst, out);
	}
}

/* A way out: how much fits, and whose drops are counted there. */
struct way {
	uint16_t mtu;
	uint8_t iface;
};

/* Into a tunnel; false where the packet must not go there, and then it is gone. */
static inline bool
way_to_peer(struct worker *w, const struct fwd_packet *p, fib_dst dst, struct way *way)
{
	const struct peer_dp *peer = worker_peer(w, fib_id(dst));
	const struct iface_dp *iface;

	if (unlikely(peer == NULL)) {
		worker_drop_icmp(
			w, p, PEER_DROP_no_peer, p->iface, p->from_peer, ERROR_HOST_UNREACHABLE, 0);
		return false;
	}
	iface = &w->dp->ifaces[peer->iface];
	if (p->from_peer != PKT_NO_PEER && !(iface->hairpin && w->dp->ifaces[p->iface].hairpin)) {
		worker_drop_icmp(w, p, PEER_DROP_hairpin_denied, p->iface, p->from_peer,
			ERROR_PROHIBITED, 0);
		return false;
	}
	*way = (struct way){.mtu = iface->mtu, .iface = peer->iface};
	return true;
}

/* What goes neither into a tunnel nor out of a port. */
static __rte_noinline void
end_here(struct worker *w, const struct fwd_packet *p, fib_dst dst)
{
	switch (fib_kind(dst)) {
	case FIB_LOCAL:
		punt_local(w, p);
		return;
	case FIB_UNASSIGNED:
		worker_drop_icmp(w, p, PEER_DROP_no_peer, (uint8_t)fib_id(dst), p->from_peer,
			ERROR_HOST_UNREACHABLE, 0);
		return;
	case FIB_MARTIAN:
		worker_drop_of_peer(w, p->m, PEER_DROP_martian, p->iface, p->from_peer);
		return;
	case FIB_NONE:
	default:
		worker_drop_icmp(
			w, p, PEER_DROP_no_route, p->iface, p->from_peer, ERROR_NET_UNREACHABLE, 0);
		return;
	}
}

/* False: the packet is gone. */
static inline bool
find_way(struct worker *w, const struct fwd_packet *p, fib_dst dst, struct way *way)
{
	uint32_t port;

	switch (fib_kind(dst)) {
	case FIB_PEER:
		return way_to_peer(w, p, dst, way);
	case FIB_PORT:
		port = fib_id(dst);
		break;
	case FIB_VIA:
		port = w->fib->gateways[fib_id(dst)].port;
		break;
	default:
		end_here(w, p, dst);
		return false;
	}
	*way = (struct way){.mtu = w->dp->ports.port[port].mtu, .iface = PKT_NO_IFACE};
	return true;
}

/*
 * A packet that has a way and must not take it: charged to who sent it, or else
 * to who it is for. Out of line, so that those that take it pay nothing.
 */
static __rte_noinline __rte_cold void
refuse_way(struct worker *w, const struct fwd_packet *p, fib_dst dst, enum peer_drop reason,
	uint8_t iface, uint16_t mtu)
{
	uint32_t peer = p->from_peer;

	if (peer == PKT_NO_PEER && fib_kind(dst) == FIB_PEER)
		peer = fib_id(dst);
	if (reason == PEER_DROP_martian)
		worker_drop_of_peer(w, p->m, reason, iface, peer);
	else if (reason == PEER_DROP_ttl_exceeded)
		worker_drop_icmp(w, p, reason, iface, peer, ERROR_TTL_EXCEEDED, 0);
	else
		worker_drop_icmp(w, p, reason, iface, peer, ERROR_TOO_BIG, mtu);
}

static inline void
dispatch(struct worker *w, const struct fwd_packet *p, fib_dst dst, struct out *out)
{
	struct way way;

	if (unlikely(!find_way(w, p, dst, &way)))
		return;
	if (unlikely(martian_source(p)))
		refuse_way(w, p, dst, PEER_DROP_martian, p->iface, 0);
	else if (unlikely(!decrement_ttl(p)))
		refuse_way(w, p, dst, PEER_DROP_ttl_exceeded, way.iface, 0);
	else if (likely(p->m->pkt_len <= way.mtu))
		send_one(w, p, dst, out);
	else if (dont_fragment(p))
		refuse_way(w, p, dst, PEER_DROP_over_mtu, way.iface, way.mtu);
	else
		send_fragments(w, p, dst, way.mtu, way.iface, out);
}

static inline bool
begins_peer(const fib_dst *dst, unsigned i)
{
	return fib_kind(dst[i]) == FIB_PEER && (i == 0 || dst[i] != dst[i - 1]);
}

/* Where each packet goes; what is known of peers among them is on its way into the cache. */
static inline void
find_destinations(struct worker *w, const struct fwd_packet *in, unsigned n, fib_dst *dst)
{
	struct fib_burst burst;
	bool peers = false;

	burst.n4 = burst.n6 = 0;
	burst.is6 = 0;
	for (unsigned i = 0; i < n; i++)
		fib_burst_add(&burst, in[i].family, ip_header_destination(in[i].family, in[i].ip));
	fib_burst_lookup(w->fib, &burst);
	for (unsigned i = 0; i < n; i++) {
		dst[i] = w->fib->entries[burst.entry[i]].forward;
		if (begins_peer(dst, i)) {
			rte_prefetch0(&w->dp->peers[fib_id(dst[i])]);
			peers = true;
		}
	}
	for (unsigned i = 0; peers && i < n; i++)
		if (begins_peer(dst, i))
			rte_prefetch0(worker_peer(w, fib_id(dst[i])));
}

void
worker_forward(struct worker *w, const struct fwd_packet *in, unsigned n)
{
	fib_dst dst[BURST];
	struct out out;

	out.n_encap = 0;
	find_destinations(w, in, n, dst);
	for (unsigned i = 0; i < n; i++)
		dispatch(w, &in[i], dst[i], &out);
	worker_stage_done(w, STAGE_forward, n);
	if (out.n_encap > 0)
		worker_encap(w, out.encap, out.n_encap);
}
