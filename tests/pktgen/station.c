/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/station.h"

#include <arpa/inet.h>
#include <string.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <rte_arp.h>

#include "dataplane/checksum.h"

#define ND_HOPS 255 /* RFC 4861: proves that no router has forwarded it */

/* Neighbour solicitation or advertisement with the one option that matters here. */
struct nd_message {
	struct rte_ether_hdr eth;
	struct ip6_hdr ip;
	uint8_t type, code;
	uint16_t checksum;
	uint32_t flags;
	uint8_t target[16];
	uint8_t option, option_len; /* the latter in units of 8 bytes */
	uint8_t mac[6];
} __attribute__((packed, aligned(2)));

_Static_assert(sizeof(struct nd_message) == STATION_FRAME_MAX, "a message with its option");

/* The last four bytes of an address: those that a range counts through. */
static uint32_t
tail_of(const struct ip_addr *a)
{
	uint32_t tail;

	memcpy(&tail, a->bytes + (a->family == IP_V4 ? 0 : 12), sizeof(tail));
	return ntohl(tail);
}

struct ip_addr
address_plus(const struct ip_addr *a, uint32_t n)
{
	struct ip_addr sum = *a;
	uint32_t tail = htonl(tail_of(a) + n);

	memcpy(sum.bytes + (a->family == IP_V4 ? 0 : 12), &tail, sizeof(tail));
	return sum;
}

bool
station_owns(const struct station *s, const struct ip_addr *a, uint32_t *number)
{
	uint32_t n = tail_of(a) - tail_of(&s->first);

	if (s->n_addresses > 0 && a->family == s->first.family && n < s->n_addresses &&
		(a->family == IP_V4 || memcmp(a->bytes, s->first.bytes, 12) == 0)) {
		if (number != NULL)
			*number = n;
		return true;
	}
	return ip_addr_equal(a, &s->own);
}

static struct ip_addr
addr_of(uint8_t family, const void *bytes)
{
	struct ip_addr a = {.family = family};

	memcpy(a.bytes, bytes, ip_addr_len(family));
	return a;
}

static void
learn(struct station *s, const struct ip_addr *who, const void *mac)
{
	if (!ip_addr_equal(who, &s->neighbour))
		return;
	memcpy(&s->neighbour_mac, mac, sizeof(s->neighbour_mac));
	s->resolved = true;
}

/* ---- ARP --------------------------------------------------------------------- */

static size_t
write_arp(const struct station *s, uint8_t *out, uint16_t opcode, const struct ip_addr *from,
	const struct ip_addr *to, const struct rte_ether_addr *to_mac)
{
	struct rte_ether_hdr eth = {
		.src_addr = s->mac, .dst_addr = *to_mac, .ether_type = htons(RTE_ETHER_TYPE_ARP)};
	struct rte_arp_hdr arp = {
		.arp_hardware = htons(RTE_ARP_HRD_ETHER),
		.arp_protocol = htons(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = 4,
		.arp_opcode = htons(opcode),
		.arp_data = {.arp_sha = s->mac},
	};

	memcpy(&arp.arp_data.arp_sip, from->bytes, 4);
	memcpy(&arp.arp_data.arp_tip, to->bytes, 4);
	if (opcode == RTE_ARP_OP_REPLY)
		arp.arp_data.arp_tha = *to_mac;
	memcpy(out, &eth, sizeof(eth));
	memcpy(out + sizeof(eth), &arp, sizeof(arp));
	return sizeof(eth) + sizeof(arp);
}

static size_t
receive_arp(struct station *s, const uint8_t *frame, size_t len, uint8_t *out)
{
	struct rte_arp_hdr arp;
	struct ip_addr from, to;

	if (len < RTE_ETHER_HDR_LEN + sizeof(arp))
		return 0;
	memcpy(&arp, frame + RTE_ETHER_HDR_LEN, sizeof(arp));
	if (arp.arp_hardware != htons(RTE_ARP_HRD_ETHER) ||
		arp.arp_protocol != htons(RTE_ETHER_TYPE_IPV4))
		return 0;
	from = addr_of(IP_V4, &arp.arp_data.arp_sip);
	to = addr_of(IP_V4, &arp.arp_data.arp_tip);
	learn(s, &from, &arp.arp_data.arp_sha);
	if (arp.arp_opcode != htons(RTE_ARP_OP_REQUEST) || !station_owns(s, &to, NULL))
		return 0;
	return write_arp(s, out, RTE_ARP_OP_REPLY, &to, &from, &arp.arp_data.arp_sha);
}

/* ---- neighbour discovery (RFC 4861) -------------------------------------------- */

static uint16_t
nd_checksum(const struct nd_message *m)
{
	size_t len = sizeof(*m) - offsetof(struct nd_message, type);

	return checksum_finish(
		checksum_sum((const uint8_t *)m + offsetof(struct nd_message, ip) +
				     offsetof(struct ip6_hdr, ip6_src),
			32) +
		htons((uint16_t)len) + htons(IPPROTO_ICMPV6) +
		checksum_sum((const uint8_t *)m + offsetof(struct nd_message, type), len));
}

static size_t
write_nd(const struct station *s, uint8_t *out, uint8_t type, const struct ip_addr *from,
	const struct ip_addr *to, const struct ip_addr *target, const struct rte_ether_addr *to_mac)
{
	bool advert = type == ND_NEIGHBOR_ADVERT;
	struct nd_message m = {
		.eth = {.src_addr = s->mac,
			.dst_addr = *to_mac,
			.ether_type = htons(RTE_ETHER_TYPE_IPV6)},
		.type = type,
		.flags = advert ? ND_NA_FLAG_SOLICITED | ND_NA_FLAG_OVERRIDE : 0,
		.option = advert ? ND_OPT_TARGET_LINKADDR : ND_OPT_SOURCE_LINKADDR,
		.option_len = 1,
	};

	m.ip.ip6_flow = htonl(6U << 28);
	m.ip.ip6_plen = htons(sizeof(m) - offsetof(struct nd_message, type));
	m.ip.ip6_nxt = IPPROTO_ICMPV6;
	m.ip.ip6_hlim = ND_HOPS;
	memcpy(&m.ip.ip6_src, from->bytes, 16);
	memcpy(&m.ip.ip6_dst, to->bytes, 16);
	memcpy(m.target, target->bytes, 16);
	memcpy(m.mac, &s->mac, sizeof(m.mac));
	m.checksum = nd_checksum(&m);
	memcpy(out, &m, sizeof(m));
	return sizeof(m);
}

/* The link-layer address option of the given type; NULL when there is none. */
static const uint8_t *
find_option(const uint8_t *at, size_t len, uint8_t type)
{
	while (len >= 8 && at[1] != 0 && at[1] * 8U <= len) {
		if (at[0] == type)
			return at + 2;
		len -= at[1] * 8U;
		at += at[1] * 8U;
	}
	return NULL;
}

static size_t
receive_nd(struct station *s, const uint8_t *frame, size_t len, uint8_t *out)
{
	const size_t fixed = offsetof(struct nd_message, option);
	struct nd_message m;
	const struct ip_addr nobody = {.family = IP_V6};
	struct ip_addr from, target;
	struct rte_ether_addr to_mac;
	const uint8_t *mac;

	if (len < fixed)
		return 0;
	memcpy(&m, frame, fixed);
	if (m.ip.ip6_nxt != IPPROTO_ICMPV6 || m.ip.ip6_hlim != ND_HOPS || m.code != 0)
		return 0;
	target = addr_of(IP_V6, m.target);
	from = addr_of(IP_V6, &m.ip.ip6_src);
	if (m.type == ND_NEIGHBOR_ADVERT) {
		mac = find_option(frame + fixed, len - fixed, ND_OPT_TARGET_LINKADDR);
		learn(s, &target, mac != NULL ? mac : m.eth.src_addr.addr_bytes);
		return 0;
	}
	/* Duplicate address detection asks from no address: then it is for us to stay silent. */
	if (m.type != ND_NEIGHBOR_SOLICIT || ip_addr_equal(&from, &nobody) ||
		!station_owns(s, &target, NULL))
		return 0;
	mac = find_option(frame + fixed, len - fixed, ND_OPT_SOURCE_LINKADDR);
	memcpy(&to_mac, mac != NULL ? mac : m.eth.src_addr.addr_bytes, sizeof(to_mac));
	learn(s, &from, &to_mac);
	return write_nd(s, out, ND_NEIGHBOR_ADVERT, &target, &from, &target, &to_mac);
}

size_t
station_receive(struct station *s, const uint8_t *frame, size_t len, uint8_t *out)
{
	uint16_t type;

	if (len < RTE_ETHER_HDR_LEN)
		return 0;
	memcpy(&type, frame + 2 * RTE_ETHER_ADDR_LEN, sizeof(type));
	return type == htons(RTE_ETHER_TYPE_ARP) ? receive_arp(s, frame, len, out)
						 : receive_nd(s, frame, len, out);
}

size_t
station_ask(const struct station *s, uint8_t *out)
{
	struct rte_ether_addr mac = {.addr_bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct ip_addr group = {.family = IP_V6, .bytes = {0xff, 2, [11] = 1, [12] = 0xff}};

	if (s->neighbour.family == IP_V4)
		return write_arp(s, out, RTE_ARP_OP_REQUEST, &s->own, &s->neighbour, &mac);
	/* RFC 4291, section 2.7.1: the solicited-node address; RFC 2464: its MAC. */
	memcpy(group.bytes + 13, s->neighbour.bytes + 13, 3);
	mac.addr_bytes[0] = mac.addr_bytes[1] = 0x33;
	memcpy(mac.addr_bytes + 2, group.bytes + 12, 4);
	return write_nd(s, out, ND_NEIGHBOR_SOLICIT, &s->own, &group, &s->neighbour, &mac);
}
