/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static unsigned
family_bits(uint8_t family)
{
	return family == IP_V4 ? 32 : family == IP_V6 ? 128 : 0;
}

static unsigned
family_bytes(uint8_t family)
{
	return family_bits(family) / 8;
}

/* Decimal digits without sign, blank or leading zero; -1 on anything else or above max. */
static long
parse_decimal(const char *s, long max)
{
	long v = 0;

	if (*s == '\0' || (*s == '0' && s[1] != '\0'))
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
		if (v > max)
			return -1;
	}
	return v;
}

bool
ip_addr_parse(struct ip_addr *out, const char *s)
{
	struct ip_addr a = {0};

	if (inet_pton(AF_INET, s, a.bytes) == 1)
		a.family = IP_V4;
	else if (inet_pton(AF_INET6, s, a.bytes) == 1)
		a.family = IP_V6;
	else
		return false;
	*out = a;
	return true;
}

/* s[0..len) as an address. */
static bool
parse_part(struct ip_addr *out, const char *s, size_t len)
{
	char buf[IP_ADDR_STRLEN];

	if (len >= sizeof(buf))
		return false;
	memcpy(buf, s, len);
	buf[len] = '\0';
	return ip_addr_parse(out, buf);
}

bool
ip_prefix_parse(struct ip_prefix *out, const char *s)
{
	const char *slash = strchr(s, '/');
	struct ip_prefix p = {0};
	long len;

	if (slash == NULL) {
		if (!ip_addr_parse(&p.addr, s))
			return false;
		len = family_bits(p.addr.family);
	} else {
		if (!parse_part(&p.addr, s, slash - s))
			return false;
		len = parse_decimal(slash + 1, family_bits(p.addr.family));
		if (len < 0)
			return false;
	}
	p.len = len;
	*out = p;
	return true;
}

bool
ip_endpoint_parse(struct ip_endpoint *out, const char *s)
{
	const char *colon = strrchr(s, ':');
	struct ip_endpoint e = {0};
	bool bracketed = *s == '[';
	long port;

	if (colon == NULL)
		return false;
	if (bracketed) {
		if (colon - s < 2 || colon[-1] != ']' || !parse_part(&e.addr, s + 1, colon - s - 2))
			return false;
	} else if (!parse_part(&e.addr, s, colon - s)) {
		return false;
	}
	/* Brackets belong to IPv6 alone: "2001:db8::1:51820" could be read in two ways. */
	if (bracketed != (e.addr.family == IP_V6))
		return false;
	port = parse_decimal(colon + 1, 65535);
	if (port <= 0)
		return false;
	e.port = port;
	*out = e;
	return true;
}

char *
ip_addr_format(char buf[IP_ADDR_STRLEN], const struct ip_addr *a)
{
	if (a->family == IP_NONE)
		snprintf(buf, IP_ADDR_STRLEN, "none");
	else
		inet_ntop(a->family == IP_V4 ? AF_INET : AF_INET6, a->bytes, buf, IP_ADDR_STRLEN);
	return buf;
}

char *
ip_prefix_format(char buf[IP_PREFIX_STRLEN], const struct ip_prefix *p)
{
	char addr[IP_ADDR_STRLEN];

	ip_addr_format(addr, &p->addr);
	if (p->addr.family == IP_NONE)
		snprintf(buf, IP_PREFIX_STRLEN, "%s", addr);
	else
		snprintf(buf, IP_PREFIX_STRLEN, "%s/%u", addr, p->len);
	return buf;
}

char *
ip_endpoint_format(char buf[IP_ENDPOINT_STRLEN], const struct ip_endpoint *e)
{
	char addr[IP_ADDR_STRLEN];

	ip_addr_format(addr, &e->addr);
	if (e->addr.family == IP_NONE)
		snprintf(buf, IP_ENDPOINT_STRLEN, "%s", addr);
	else if (e->addr.family == IP_V6)
		snprintf(buf, IP_ENDPOINT_STRLEN, "[%s]:%u", addr, e->port);
	else
		snprintf(buf, IP_ENDPOINT_STRLEN, "%s:%u", addr, e->port);
	return buf;
}

/* IPv4 goes where IPv6 has ff00::/8, which is multicast and no source. */
uint64_t
ip_addr_site(const struct ip_addr *a)
{
	unsigned len = a->family == IP_V4 ? 4 : 8;
	uint64_t site = 0;

	for (unsigned i = 0; i < len; i++)
		site = site << 8 | a->bytes[i];
	return a->family == IP_V4 ? 0xffffffff00000000ULL | site : site;
}

bool
ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, family_bytes(a->family)) == 0;
}

bool
ip_endpoint_equal(const struct ip_endpoint *a, const struct ip_endpoint *b)
{
	return ip_addr_equal(&a->addr, &b->addr) && a->port == b->port;
}

bool
ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return ip_addr_equal(&a->addr, &b->addr) && a->len == b->len;
}

struct ip_prefix
ip_prefix_network(const struct ip_prefix *p)
{
	struct ip_prefix n = *p;
	unsigned byte = p->len / 8;

	if (p->len >= family_bits(p->addr.family))
		return n;
	n.addr.bytes[byte] &= 0xff00u >> (p->len % 8);
	memset(n.addr.bytes + byte + 1, 0, sizeof(n.addr.bytes) - byte - 1);
	return n;
}

bool
ip_prefix_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	unsigned bytes = p->len / 8;
	uint8_t mask = 0xff00u >> (p->len % 8);

	if (p->addr.family != a->family || p->addr.family == IP_NONE)
		return false;
	if (memcmp(p->addr.bytes, a->bytes, bytes) != 0)
		return false;
	return mask == 0 || ((p->addr.bytes[bytes] ^ a->bytes[bytes]) & mask) == 0;
}
