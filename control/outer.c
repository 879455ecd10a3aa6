/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "control/outer.h"
#include "dataplane/checksum.h"

#define DSCP_AF41 0x88 /* in the TOS octet: handshakes go before bulk data, as in Linux */
#define OUTER_TTL 64

static uint16_t
udp_checksum(
	const void *addresses, size_t addresses_len, const struct rte_udp_hdr *udp, uint16_t len)
{
	uint16_t sum = checksum_finish(checksum_sum(addresses, addresses_len) +
				       rte_cpu_to_be_16(IPPROTO_UDP) + rte_cpu_to_be_16(len) +
				       checksum_sum(udp, len));

	return sum != 0 ? sum : 0xffff;
}

static void
add_udp(struct rte_mbuf *m, const struct ip_endpoint *from, const struct ip_endpoint *to)
{
	uint16_t len = m->data_len + sizeof(struct rte_udp_hdr);
	struct rte_udp_hdr *udp = (void *)rte_pktmbuf_prepend(m, sizeof(*udp));

	*udp = (struct rte_udp_hdr){
		.src_port = rte_cpu_to_be_16(from->port),
		.dst_port = rte_cpu_to_be_16(to->port),
		.dgram_len = rte_cpu_to_be_16(len),
	};
}

static void
add_ipv4(struct rte_mbuf *m, const struct ip_endpoint *from, const struct ip_endpoint *to)
{
	struct rte_udp_hdr *udp = rte_pktmbuf_mtod(m, struct rte_udp_hdr *);
	uint16_t udp_len = m->data_len;
	struct rte_ipv4_hdr *ip = (void *)rte_pktmbuf_prepend(m, sizeof(*ip));

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.type_of_service = DSCP_AF41,
		.total_length = rte_cpu_to_be_16(m->data_len),
		.time_to_live = OUTER_TTL,
		.next_proto_id = IPPROTO_UDP,
	};
	memcpy(&ip->src_addr, from->addr.bytes, 4);
	memcpy(&ip->dst_addr, to->addr.bytes, 4);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	udp->dgram_cksum = udp_checksum(&ip->src_addr, 8, udp, udp_len);
}

static void
add_ipv6(struct rte_mbuf *m, const struct ip_endpoint *from, const struct ip_endpoint *to)
{
	struct rte_udp_hdr *udp = rte_pktmbuf_mtod(m, struct rte_udp_hdr *);
	uint16_t udp_len = m->data_len;
	struct rte_ipv6_hdr *ip = (void *)rte_pktmbuf_prepend(m, sizeof(*ip));
	uint8_t *addresses = (uint8_t *)ip + offsetof(struct rte_ipv6_hdr, src_addr);

	ip->vtc_flow = rte_cpu_to_be_32(6u << 28 | DSCP_AF41 << 20);
	ip->payload_len = rte_cpu_to_be_16(udp_len);
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = OUTER_TTL;
	memcpy(addresses, from->addr.bytes, 16);
	memcpy(addresses + 16, to->addr.bytes, 16);
	udp->dgram_cksum = udp_checksum(addresses, 32, udp, udp_len);
}

bool
outer_send(struct dataplane *dp, unsigned worker, uint8_t iface, const struct ip_endpoint *from,
	const struct ip_endpoint *to, const void *message, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(dataplane_pool(dp));

	if (m == NULL) {
		dataplane_count_drop(dp, DROP_no_mbuf, iface);
		return false;
	}
	memcpy(rte_pktmbuf_append(m, len), message, len);
	add_udp(m, from, to);
	if (to->addr.family == IP_V4)
		add_ipv4(m, from, to);
	else
		add_ipv6(m, from, to);
	*pkt_meta(m) = (struct pkt_meta){
		.kind = PKT_INJECT_OUTER,
		.iface = iface,
		.family = to->addr.family,
		.peer_id = PKT_NO_PEER,
	};
	return dataplane_inject(dp, worker, m);
}

void
outer_parse(struct rte_mbuf *m, struct ip_endpoint *from, struct ip_endpoint *to)
{
	const struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *message = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *ip = message - (meta->wg_off - meta->l3_off);
	const struct rte_udp_hdr *udp = (const void *)(message - sizeof(*udp));
	const uint8_t *src = ip_header_source(meta->family, ip);
	unsigned len = ip_addr_len(meta->family);

	*from = (struct ip_endpoint){.addr.family = meta->family};
	*to = *from;
	memcpy(from->addr.bytes, src, len);
	memcpy(to->addr.bytes, src + len, len);
	from->port = rte_be_to_cpu_16(udp->src_port);
	to->port = rte_be_to_cpu_16(udp->dst_port);
}
