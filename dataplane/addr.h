/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, prefixes and endpoints as values; pure, usable from any thread. */
#ifndef DATAPLANE_ADDR_H
#define DATAPLANE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ip_family {
	IP_NONE = 0, /* the all-zero value of each struct below means "unset" */
	IP_V4 = 4,
	IP_V6 = 6,
};

struct ip_addr {
	uint8_t family; /* enum ip_family */
	uint8_t bytes[16]; /* network order; IPv4 in the first four, the rest zero */
};

struct ip_prefix {
	struct ip_addr addr;
	uint8_t len; /* 0 to 32 or 128 */
};

struct ip_endpoint {
	struct ip_addr addr;
	uint16_t port; /* host order */
};

#define IP_ADDR_STRLEN 46
#define IP_PREFIX_STRLEN 50
#define IP_ENDPOINT_STRLEN 54

/* Each parses the whole string and returns false, leaving *out alone, on anything else. */
bool ip_addr_parse(struct ip_addr *out, const char *s);
/* "192.0.2.1/24"; a bare address is a host prefix. Host bits are kept as given. */
bool ip_prefix_parse(struct ip_prefix *out, const char *s);
/* "192.0.2.1:51820" or "[2001:db8::1]:51820"; port 1 to 65535. Numeric only. */
bool ip_endpoint_parse(struct ip_endpoint *out, const char *s);

/* Each writes a terminated string of at most the length above and returns buf. */
char *ip_addr_format(char buf[IP_ADDR_STRLEN], const struct ip_addr *a);
char *ip_prefix_format(char buf[IP_PREFIX_STRLEN], const struct ip_prefix *p);
char *ip_endpoint_format(char buf[IP_ENDPOINT_STRLEN], const struct ip_endpoint *e);

/*
 * What one who sends can have many of counts as one: an IPv4 address as it is,
 * of an IPv6 address its /64. As a number.
 */
uint64_t ip_addr_site(const struct ip_addr *a);

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b);
bool ip_endpoint_equal(const struct ip_endpoint *a, const struct ip_endpoint *b);
bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b);
/* The host bits cleared. */
struct ip_prefix ip_prefix_network(const struct ip_prefix *p);
bool ip_prefix_contains(const struct ip_prefix *p, const struct ip_addr *a);

/* Bytes of an address of this family. */
static inline unsigned
ip_addr_len(uint8_t family)
{
	return family == IP_V4 ? 4 : 16;
}

/* Where an IP header has its addresses (RFC 791, RFC 8200): the destination follows the source. */
static inline const uint8_t *
ip_header_source(uint8_t family, const uint8_t *header)
{
	return header + (family == IP_V4 ? 12 : 8);
}

static inline const uint8_t *
ip_header_destination(uint8_t family, const uint8_t *header)
{
	return ip_header_source(family, header) + ip_addr_len(family);
}

/* fe80::/10 (RFC 4291, section 2.5.6). address: 16 bytes in network order. */
static inline bool
ipv6_is_link_local(const uint8_t *address)
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static inline bool
ip_addr_is_link_local(const struct ip_addr *a)
{
	return a->family == IP_V6 && ipv6_is_link_local(a->bytes);
}

#endif
