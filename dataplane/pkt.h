/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What travels with an mbuf when it leaves the burst that it arrived in: in
 * the mbuf's private area, written by the thread that puts the packet into a
 * ring or a queue, read by the one that takes it out.
 */
#ifndef DATAPLANE_PKT_H
#define DATAPLANE_PKT_H

#include <stdint.h>
#include <rte_mbuf.h>

#define PKT_NO_PEER UINT32_MAX
#define PKT_NO_IFACE UINT8_MAX

enum pkt_kind {
	/* worker to control (punt) */
	PKT_PUNT_HANDSHAKE, /* data at the WireGuard header; src/dst and ports are in the meta */
	PKT_PUNT_ARP, /* data at the Ethernet header */
	PKT_PUNT_LOCAL, /* data at the IP header: to an address of the gateway */
	PKT_PUNT_ICMP, /* data at the IP header: answer with icmp_type/code/info */
	/* control to worker (inject) */
	PKT_INJECT_FRAME, /* data at the Ethernet header: send on port */
	PKT_INJECT_OUTER, /* data at the IP header: routed, never into a tunnel */
	PKT_INJECT_INNER, /* data at the IP header: forwarded as if it came from the gateway */
	/* worker to worker (handoff) */
	PKT_HANDOFF_DECAP, /* data at the Ethernet header, l3_off and l4 fields set */
	PKT_HANDOFF_TX, /* data at the Ethernet header: send on port */
};

struct pkt_meta {
	struct rte_mbuf *next; /* list link while staged or waiting for a neighbour */
	uint8_t kind; /* enum pkt_kind */
	uint8_t port; /* struct port.id: where it came from, or is to leave */
	uint8_t iface; /* WireGuard interface, or PKT_NO_IFACE */
	uint8_t worker; /* that received it */
	uint8_t tos; /* of the outer header */
	uint8_t icmp_type, icmp_code;
	uint8_t family; /* enum ip_family of the packet that data points to; which ICMP */
	uint16_t l3_off; /* of the outer IP header from the Ethernet header */
	uint16_t wg_off; /* of the WireGuard header from the Ethernet header */
	uint16_t wg_len; /* of the WireGuard message (handoff) */
	uint16_t source; /* bucket of the outer source (PKT_PUNT_HANDSHAKE) */
	uint32_t icmp_info; /* next-hop MTU, or 0 */
	uint32_t peer_id; /* the packet came out of this peer's tunnel, or PKT_NO_PEER */
};

static inline struct pkt_meta *
pkt_meta(struct rte_mbuf *m)
{
	return (struct pkt_meta *)rte_mbuf_to_priv(m);
}

/*
 * Whole lines, so that frames begin where a line does: the headers down to
 * WireGuard's over IPv4 (58 bytes) are then in a single one.
 */
#define PKT_PRIV_SIZE RTE_ALIGN(sizeof(struct pkt_meta), RTE_CACHE_LINE_SIZE)

#endif
