/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/resolver_wire.h"

#include <string.h>

#include "control/icmp.h"

#define ETH_LEN 14
#define ARP_LEN 28
#define IP6_LEN 40
#define ND_LEN 24 /* ICMPv6 header and target */
#define OPT_SOURCE_LLA 1
#define OPT_TARGET_LLA 2

static uint16_t
get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

bool
mac_is_unicast(const struct rte_ether_addr *mac)
{
	return (mac->addr_bytes[0] & 1) == 0 && !rte_is_zero_ether_addr(mac);
}

bool
addr_is_unspecified(const struct ip_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

bool
addr_is_multicast(const struct ip_addr *a)
{
	return a->family == IP_V4 ? (a->bytes[0] & 0xf0) == 0xe0 : a->bytes[0] == 0xff;
}

struct ip_addr
solicited_node(const struct ip_addr *a)
{
	struct ip_addr g = {.family = IP_V6, .bytes = {0xff, 0x02, [11] = 1, [12] = 0xff}};

	memcpy(&g.bytes[13], &a->bytes[13], 3);
	return g;
}

struct rte_ether_addr
multicast_mac(const struct ip_addr *group)
{
	struct rte_ether_addr mac = {{0x33, 0x33}};

	memcpy(&mac.addr_bytes[2], &group->bytes[12], 4);
	return mac;
}

static void
put_eth(uint8_t *p, const struct rte_ether_addr *dst, const struct rte_ether_addr *src,
	uint16_t type)
{
	memcpy(p, dst, 6);
	memcpy(p + 6, src, 6);
	put16(p + 12, type);
}

bool
arp_parse(struct arp_msg *m, const uint8_t *frame, uint16_t len)
{
	const uint8_t *p = frame + ETH_LEN;

	if (len < ETH_LEN + ARP_LEN || get16(frame + 12) != RTE_ETHER_TYPE_ARP)
		return false;
	/* Ethernet, IPv4, and their lengths */
	if (get16(p) != 1 || get16(p + 2) != RTE_ETHER_TYPE_IPV4 || p[4] != 6 || p[5] != 4)
		return false;
	memset(m, 0, sizeof(*m));
	m->op = get16(p + 6);
	memcpy(&m->sha, p + 8, 6);
	m->spa.family = m->tpa.family = IP_V4;
	memcpy(m->spa.bytes, p + 14, 4);
	memcpy(&m->tha, p + 18, 6);
	memcpy(m->tpa.bytes, p + 24, 4);
	return (m->op == ARP_REQUEST || m->op == ARP_REPLY) && mac_is_unicast(&m->sha);
}

uint16_t
arp_build(uint8_t frame[RESOLVER_FRAME_MAX], const struct arp_msg *m,
	const struct rte_ether_addr *eth_dst)
{
	uint8_t *p = frame + ETH_LEN;

	memset(frame, 0, RESOLVER_FRAME_MAX);
	put_eth(frame, eth_dst, &m->sha, RTE_ETHER_TYPE_ARP);
	put16(p, 1);
	put16(p + 2, RTE_ETHER_TYPE_IPV4);
	p[4] = 6;
	p[5] = 4;
	put16(p + 6, m->op);
	memcpy(p + 8, &m->sha, 6);
	memcpy(p + 14, m->spa.bytes, 4);
	memcpy(p + 18, &m->tha, 6);
	memcpy(p + 24, m->tpa.bytes, 4);
	return ETH_LEN + ARP_LEN;
}

/* Options: type, length in units of 8 bytes. False when one is malformed. */
static bool
parse_options(struct nd_msg *m, const uint8_t *p, size_t len)
{
	uint8_t wanted = m->type == ND_SOLICIT ? OPT_SOURCE_LLA : OPT_TARGET_LLA;

	while (len > 0) {
		if (len < 2 || p[1] == 0 || p[1] * 8u > len)
			return false;
		if (p[0] == wanted && p[1] == 1) {
			m->has_lla = true;
			memcpy(&m->lla, p + 2, 6);
			if (!mac_is_unicast(&m->lla))
				return false;
		}
		len -= p[1] * 8u;
		p += p[1] * 8u;
	}
	return true;
}

bool
nd_parse(struct nd_msg *m, const uint8_t *frame, uint16_t len)
{
	const uint8_t *ip = frame + ETH_LEN, *p = ip + IP6_LEN;
	struct ip_addr group;
	uint16_t icmp_len;

	if (len < ETH_LEN + IP6_LEN + ND_LEN || get16(frame + 12) != RTE_ETHER_TYPE_IPV6)
		return false;
	icmp_len = get16(ip + 4);
	/* A hop limit of 255 proves that no router has forwarded it. */
	if (ip[0] >> 4 != 6 || ip[6] != ICMP6_PROTO || ip[7] != 255 || icmp_len < ND_LEN ||
		icmp_len > len - ETH_LEN - IP6_LEN || p[1] != 0 ||
		!icmp6_checksum_ok(ip, IP6_LEN + icmp_len))
		return false;
	memset(m, 0, sizeof(*m));
	m->type = p[0];
	m->flags = p[4];
	memcpy(&m->eth_src, frame + 6, 6);
	m->src.family = m->dst.family = m->target.family = IP_V6;
	memcpy(m->src.bytes, ip + 8, 16);
	memcpy(m->dst.bytes, ip + 24, 16);
	memcpy(m->target.bytes, p + 8, 16);
	if ((m->type != ND_SOLICIT && m->type != ND_ADVERT) || addr_is_multicast(&m->target) ||
		addr_is_multicast(&m->src) || !mac_is_unicast(&m->eth_src) ||
		!parse_options(m, p + ND_LEN, icmp_len - ND_LEN))
		return false;
	if (m->type == ND_ADVERT)
		return !addr_is_unspecified(&m->src) &&
		       !(addr_is_multicast(&m->dst) && (m->flags & NA_SOLICITED) != 0);
	group = solicited_node(&m->target);
	return !addr_is_unspecified(&m->src) || (!m->has_lla && ip_addr_equal(&m->dst, &group));
}

uint16_t
nd_build(uint8_t frame[RESOLVER_FRAME_MAX], const struct nd_msg *m,
	const struct rte_ether_addr *eth_dst)
{
	uint8_t *ip = frame + ETH_LEN, *p = ip + IP6_LEN;
	uint16_t icmp_len = ND_LEN + (m->has_lla ? 8 : 0);

	memset(frame, 0, RESOLVER_FRAME_MAX);
	put_eth(frame, eth_dst, &m->eth_src, RTE_ETHER_TYPE_IPV6);
	ip[0] = 0x60;
	put16(ip + 4, icmp_len);
	ip[6] = ICMP6_PROTO;
	ip[7] = 255;
	memcpy(ip + 8, m->src.bytes, 16);
	memcpy(ip + 24, m->dst.bytes, 16);
	p[0] = m->type;
	p[4] = m->flags;
	memcpy(p + 8, m->target.bytes, 16);
	if (m->has_lla) {
		p[ND_LEN] = m->type == ND_SOLICIT ? OPT_SOURCE_LLA : OPT_TARGET_LLA;
		p[ND_LEN + 1] = 1;
		memcpy(p + ND_LEN + 2, &m->lla, 6);
	}
	icmp6_set_checksum(ip, IP6_LEN + icmp_len);
	return ETH_LEN + IP6_LEN + icmp_len;
}

uint16_t
announcement_build(uint8_t frame[RESOLVER_FRAME_MAX], const struct port *p, const struct ip_addr *a)
{
	struct rte_ether_addr to = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	if (a->family == IP_V4) {
		struct arp_msg m = {.op = ARP_REQUEST, .sha = p->mac, .spa = *a, .tpa = *a};

		return arp_build(frame, &m, &to);
	} else {
		struct nd_msg m = {.type = ND_ADVERT,
			.flags = NA_ROUTER | NA_OVERRIDE,
			.eth_src = p->mac,
			.src = *a,
			.dst = {.family = IP_V6, .bytes = {0xff, 0x02, [15] = 1}},
			.target = *a,
			.has_lla = true,
			.lla = p->mac};

		to = multicast_mac(&m.dst);
		return nd_build(frame, &m, &to);
	}
}

uint16_t
solicitation_build(uint8_t frame[RESOLVER_FRAME_MAX], const struct port *p,
	const struct ip_addr *src, const struct ip_addr *target, const struct rte_ether_addr *known)
{
	struct rte_ether_addr to = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	if (target->family == IP_V4) {
		struct arp_msg m = {.op = ARP_REQUEST, .sha = p->mac, .spa = *src, .tpa = *target};

		return arp_build(frame, &m, known != NULL ? known : &to);
	} else {
		struct nd_msg m = {.type = ND_SOLICIT,
			.eth_src = p->mac,
			.src = *src,
			.dst = known != NULL ? *target : solicited_node(target),
			.target = *target,
			.has_lla = true,
			.lla = p->mac};

		to = known != NULL ? *known : multicast_mac(&m.dst);
		return nd_build(frame, &m, &to);
	}
}

/* ---- the ports' addresses ------------------------------------------------ */

bool
port_owns(const struct port *p, const struct ip_addr *a)
{
	for (unsigned i = 0; i < p->n_addresses; i++)
		if (ip_addr_equal(&p->addresses[i].addr, a))
			return true;
	return false;
}

/* The first and the last address of an IPv4 prefix are no hosts, except in a /31 or /32. */
static bool
is_network_or_broadcast(const struct ip_prefix *prefix, const struct ip_addr *a)
{
	uint32_t host = 0, mask;

	if (prefix->addr.family != IP_V4 || prefix->len > 30)
		return false;
	for (unsigned i = 0; i < 4; i++)
		host = host << 8 | a->bytes[i];
	mask = UINT32_MAX >> prefix->len;
	return (host & mask) == 0 || (host & mask) == mask;
}

bool
port_may_reach(const struct port *p, const struct ip_addr *a)
{
	if (port_owns(p, a) || addr_is_multicast(a) || addr_is_unspecified(a))
		return false;
	for (unsigned i = 0; i < p->n_addresses; i++)
		if (ip_prefix_contains(&p->addresses[i], a))
			return !is_network_or_broadcast(&p->addresses[i], a);
	return false;
}
