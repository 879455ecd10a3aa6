/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/frame.h"

#include <arpa/inet.h>
#include <string.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

#include "dataplane/checksum.h"

#define HOPS 64

void
frame_write_ether(uint8_t *at, const struct rte_ether_addr *from_mac,
	const struct rte_ether_addr *to_mac, uint8_t family)
{
	struct rte_ether_hdr eth = {
		.dst_addr = *to_mac,
		.src_addr = *from_mac,
		.ether_type = htons(family == IP_V4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6),
	};

	memcpy(at, &eth, sizeof(eth));
}

static uint64_t
pseudo_sum(const struct ip_addr *from, const struct ip_addr *to, size_t len)
{
	size_t n = ip_addr_len(from->family);

	return checksum_sum(from->bytes, n) + checksum_sum(to->bytes, n) + htons((uint16_t)len) +
	       htons(IPPROTO_UDP);
}

static void
write_ip(uint8_t *at, const struct ip_addr *from, const struct ip_addr *to, uint8_t tos, size_t len)
{
	struct ip6_hdr ip6 = {0};
	struct iphdr ip4 = {
		.version = 4, .ihl = 5, .tos = tos, .ttl = HOPS, .protocol = IPPROTO_UDP};

	if (from->family == IP_V4) {
		ip4.tot_len = htons((uint16_t)(sizeof(ip4) + len));
		memcpy(&ip4.saddr, from->bytes, 4);
		memcpy(&ip4.daddr, to->bytes, 4);
		ip4.check = checksum_finish(checksum_sum(&ip4, sizeof(ip4)));
		memcpy(at, &ip4, sizeof(ip4));
		return;
	}
	ip6.ip6_flow = htonl(6U << 28 | (uint32_t)tos << 20);
	ip6.ip6_plen = htons((uint16_t)len);
	ip6.ip6_nxt = IPPROTO_UDP;
	ip6.ip6_hlim = HOPS;
	memcpy(&ip6.ip6_src, from->bytes, 16);
	memcpy(&ip6.ip6_dst, to->bytes, 16);
	memcpy(at, &ip6, sizeof(ip6));
}

void
frame_write_udp(uint8_t *at, const struct rte_ether_addr *from_mac,
	const struct rte_ether_addr *to_mac, const struct ip_endpoint *from,
	const struct ip_endpoint *to, uint8_t tos, size_t payload_len)
{
	size_t len = sizeof(struct udphdr) + payload_len;
	uint8_t *l4 = at + frame_udp_overhead(from->addr.family) - sizeof(struct udphdr);
	struct udphdr udp = {
		.source = htons(from->port), .dest = htons(to->port), .len = htons((uint16_t)len)};

	frame_write_ether(at, from_mac, to_mac, from->addr.family);
	write_ip(at + RTE_ETHER_HDR_LEN, &from->addr, &to->addr, tos, len);
	memcpy(l4, &udp, sizeof(udp));
	udp.check =
		checksum_finish(pseudo_sum(&from->addr, &to->addr, len) + checksum_sum(l4, len));
	if (udp.check == 0)
		udp.check = 0xffff;
	memcpy(l4, &udp, sizeof(udp));
}

/* ---- and taken apart -------------------------------------------------------- */

/* Fills in f->ip and its length, and the addresses; false when a length is wrong. */
static bool
parse_v4(uint8_t *at, size_t len, struct frame *f, uint8_t *protocol, size_t *header)
{
	struct iphdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, at, sizeof(ip));
	*header = ip.ihl * 4U;
	f->ip_len = ntohs(ip.tot_len);
	if (ip.version != 4 || *header < sizeof(ip) || f->ip_len < *header || f->ip_len > len ||
		(ip.frag_off & htons(IP_MF | IP_OFFMASK)) != 0)
		return false;
	f->from.addr.family = f->to.addr.family = IP_V4;
	memcpy(f->from.addr.bytes, &ip.saddr, 4);
	memcpy(f->to.addr.bytes, &ip.daddr, 4);
	*protocol = ip.protocol;
	return true;
}

static bool
parse_v6(uint8_t *at, size_t len, struct frame *f, uint8_t *protocol, size_t *header)
{
	struct ip6_hdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, at, sizeof(ip));
	*header = sizeof(ip);
	f->ip_len = sizeof(ip) + ntohs(ip.ip6_plen);
	if (at[0] >> 4 != 6 || f->ip_len > len || ip.ip6_nxt == IPPROTO_FRAGMENT)
		return false;
	f->from.addr.family = f->to.addr.family = IP_V6;
	memcpy(f->from.addr.bytes, &ip.ip6_src, 16);
	memcpy(f->to.addr.bytes, &ip.ip6_dst, 16);
	*protocol = ip.ip6_nxt;
	return true;
}

static enum frame_kind
parse_udp(uint8_t *at, size_t len, bool check, struct frame *f)
{
	struct udphdr udp;
	size_t udp_len;

	if (len < sizeof(udp))
		return FRAME_DAMAGED;
	memcpy(&udp, at, sizeof(udp));
	udp_len = ntohs(udp.len);
	if (udp_len < sizeof(udp) || udp_len > len)
		return FRAME_DAMAGED;
	/* On IPv4 a sender may leave it out. */
	if (check && !(udp.check == 0 && f->from.addr.family == IP_V4) &&
		checksum_finish(pseudo_sum(&f->from.addr, &f->to.addr, udp_len) +
				checksum_sum(at, udp_len)) != 0)
		return FRAME_DAMAGED;
	f->from.port = ntohs(udp.source);
	f->to.port = ntohs(udp.dest);
	f->payload = at + sizeof(udp);
	f->payload_len = udp_len - sizeof(udp);
	return FRAME_UDP;
}

void
frame_parse(uint8_t *at, size_t len, bool check_udp, struct frame *f)
{
	size_t header = 0;
	uint8_t protocol = 0;
	uint16_t type;
	bool good;

	memset(f, 0, sizeof(*f));
	if (len < RTE_ETHER_HDR_LEN)
		return;
	memcpy(&type, at + 2 * RTE_ETHER_ADDR_LEN, sizeof(type));
	f->ip = at + RTE_ETHER_HDR_LEN;
	len -= RTE_ETHER_HDR_LEN;
	if (type == htons(RTE_ETHER_TYPE_ARP)) {
		f->kind = FRAME_NEIGHBOUR;
		return;
	}
	if (type == htons(RTE_ETHER_TYPE_IPV4))
		good = parse_v4(f->ip, len, f, &protocol, &header);
	else if (type == htons(RTE_ETHER_TYPE_IPV6))
		good = parse_v6(f->ip, len, f, &protocol, &header);
	else
		return;
	if (!good)
		f->kind = FRAME_DAMAGED;
	else if (protocol == IPPROTO_UDP)
		f->kind = parse_udp(f->ip + header, f->ip_len - header, check_udp, f);
	else if (protocol == IPPROTO_ICMPV6 && f->ip_len > header &&
		 (f->ip[header] == ND_NEIGHBOR_SOLICIT || f->ip[header] == ND_NEIGHBOR_ADVERT))
		f->kind = FRAME_NEIGHBOUR;
	else
		f->kind = FRAME_IP;
}
