/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/inner.h"

#include <arpa/inet.h>
#include <string.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#include "dataplane/checksum.h"

#define HOPS 64
#define PATTERN_STEPS 64
#define MARK_AT 8 /* behind the UDP header or the ICMP echo header */

static bool
is_v4(const struct inner *p)
{
	return p->from.family == IP_V4;
}

/*
 * Any slice of INNER_MAX bytes of it is a filling. It does not repeat within a
 * packet, so that a piece of it at the wrong place is seen.
 */
static const uint8_t *
pattern(uint32_t number)
{
	static uint8_t bytes[INNER_MAX + PATTERN_STEPS];
	static bool made;
	uint32_t x = 1;

	for (size_t i = 0; !made && i < sizeof(bytes); i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = x >> 24;
	}
	made = true;
	return bytes + number % PATTERN_STEPS;
}

/* The sum over addresses, length and protocol that UDP and ICMPv6 begin with. */
static uint64_t
pseudo_sum(const struct inner *p, uint8_t protocol, size_t len)
{
	size_t n = is_v4(p) ? 4 : 16;

	return checksum_sum(p->from.bytes, n) + checksum_sum(p->to.bytes, n) +
	       htons((uint16_t)len) + htons(protocol);
}

static void
build_v4(uint8_t *at, const struct inner *p)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(p->size),
		.frag_off = htons(IP_DF),
		.ttl = HOPS,
		.protocol = p->icmp ? IPPROTO_ICMP : IPPROTO_UDP,
	};

	memcpy(&ip.saddr, p->from.bytes, 4);
	memcpy(&ip.daddr, p->to.bytes, 4);
	ip.check = checksum_finish(checksum_sum(&ip, sizeof(ip)));
	memcpy(at, &ip, sizeof(ip));
}

static void
build_v6(uint8_t *at, const struct inner *p)
{
	struct ip6_hdr ip = {0};

	ip.ip6_flow = htonl(6U << 28);
	ip.ip6_plen = htons(p->size - sizeof(ip));
	ip.ip6_nxt = p->icmp ? IPPROTO_ICMPV6 : IPPROTO_UDP;
	ip.ip6_hlim = HOPS;
	memcpy(&ip.ip6_src, p->from.bytes, 16);
	memcpy(&ip.ip6_dst, p->to.bytes, 16);
	memcpy(at, &ip, sizeof(ip));
}

static void
build_echo(uint8_t *at, const struct inner *p, size_t len)
{
	struct icmphdr echo = {
		.type = is_v4(p) ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
		.un.echo.id = htons((uint16_t)p->mark.flow),
		.un.echo.sequence = htons((uint16_t)p->mark.number_low),
	};
	uint64_t sum = is_v4(p) ? 0 : pseudo_sum(p, IPPROTO_ICMPV6, len);

	memcpy(at, &echo, sizeof(echo));
	echo.checksum = checksum_finish(sum + checksum_sum(at, len));
	memcpy(at, &echo, sizeof(echo));
}

static void
build_udp(uint8_t *at, const struct inner *p, size_t len)
{
	struct udphdr udp = {
		/* Different flows take different RX queues and paths. */
		.source = htons((uint16_t)(1024 + p->mark.flow % 60000)),
		.dest = htons(INNER_UDP_PORT),
		.len = htons((uint16_t)len),
	};

	memcpy(at, &udp, sizeof(udp));
	udp.check = checksum_finish(pseudo_sum(p, IPPROTO_UDP, len) + checksum_sum(at, len));
	if (udp.check == 0)
		udp.check = 0xffff;
	memcpy(at, &udp, sizeof(udp));
}

void
inner_build(uint8_t *at, const struct inner *p)
{
	size_t header = is_v4(p) ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	uint8_t *l4 = at + header, *fill = l4 + MARK_AT + sizeof(p->mark);

	memcpy(l4 + MARK_AT, &p->mark, sizeof(p->mark));
	memcpy(fill, pattern(p->mark.number_low), at + p->size - fill);
	if (is_v4(p))
		build_v4(at, p);
	else
		build_v6(at, p);
	if (p->icmp)
		build_echo(l4, p, p->size - header);
	else
		build_udp(l4, p, p->size - header);
}

/* ---- and read back --------------------------------------------------------- */

/* Fills in addresses, size and protocol; returns the header's length, 0 when it is damaged. */
static size_t
parse_ip(const uint8_t *at, size_t len, struct inner *p, uint8_t *protocol)
{
	struct iphdr ip4;
	struct ip6_hdr ip6;

	if (len >= sizeof(ip4) && at[0] == 0x45) {
		memcpy(&ip4, at, sizeof(ip4));
		p->from.family = p->to.family = IP_V4;
		memcpy(p->from.bytes, &ip4.saddr, 4);
		memcpy(p->to.bytes, &ip4.daddr, 4);
		p->size = ntohs(ip4.tot_len);
		*protocol = ip4.protocol;
		if (checksum_finish(checksum_sum(&ip4, sizeof(ip4))) != 0 ||
			p->size < sizeof(ip4) || p->size > len)
			return 0;
		return sizeof(ip4);
	}
	if (len < sizeof(ip6) || at[0] >> 4 != 6)
		return 0;
	memcpy(&ip6, at, sizeof(ip6));
	p->from.family = p->to.family = IP_V6;
	memcpy(p->from.bytes, &ip6.ip6_src, 16);
	memcpy(p->to.bytes, &ip6.ip6_dst, 16);
	*protocol = ip6.ip6_nxt;
	if (ntohs(ip6.ip6_plen) > len - sizeof(ip6))
		return 0;
	p->size = sizeof(ip6) + ntohs(ip6.ip6_plen);
	return sizeof(ip6);
}

/* Is it a packet of the kind that we send, or the answer to one? */
static bool
is_ours(const uint8_t *l4, uint8_t protocol, struct inner *p)
{
	struct udphdr udp;

	memcpy(&udp, l4, sizeof(udp));
	p->icmp = protocol != IPPROTO_UDP;
	if (protocol == IPPROTO_UDP)
		return udp.dest == htons(INNER_UDP_PORT);
	if (protocol == IPPROTO_ICMP && is_v4(p)) {
		p->reply = l4[0] == ICMP_ECHOREPLY;
		return p->reply || l4[0] == ICMP_ECHO;
	}
	if (protocol == IPPROTO_ICMPV6 && !is_v4(p)) {
		p->reply = l4[0] == ICMP6_ECHO_REPLY;
		return p->reply || l4[0] == ICMP6_ECHO_REQUEST;
	}
	return false;
}

static bool
padding_is_zero(const uint8_t *at, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= at[i];
	return any == 0;
}

enum inner_verdict
inner_parse(const uint8_t *at, size_t len, struct inner *p)
{
	uint8_t protocol;
	const uint8_t *l4, *fill;
	size_t header, l4_len;
	uint64_t sum;

	memset(p, 0, sizeof(*p));
	header = parse_ip(at, len, p, &protocol);
	if (header == 0)
		return INNER_DAMAGED;
	l4 = at + header;
	l4_len = p->size - header;
	if (l4_len < MARK_AT || !is_ours(l4, protocol, p))
		return INNER_FOREIGN;
	if (l4_len < MARK_AT + sizeof(p->mark) || p->size > INNER_MAX)
		return INNER_DAMAGED;
	sum = protocol == IPPROTO_ICMP ? 0 : pseudo_sum(p, protocol, l4_len);
	if (checksum_finish(sum + checksum_sum(l4, l4_len)) != 0)
		return INNER_DAMAGED;
	memcpy(&p->mark, l4 + MARK_AT, sizeof(p->mark));
	fill = l4 + MARK_AT + sizeof(p->mark);
	if (memcmp(fill, pattern(p->mark.number_low), at + p->size - fill) != 0 ||
		!padding_is_zero(at + p->size, len - p->size))
		return INNER_DAMAGED;
	return INNER_OK;
}
