/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP and ICMPv6 messages over plain buffers that hold whole IP packets. Pure,
 * for any thread; a limiter belongs to one thread.
 */
#ifndef CONTROL_ICMP_H
#define CONTROL_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/addr.h"

/* IPv4 protocol and IPv6 next header */
#define ICMP4_PROTO 1
#define ICMP6_PROTO 58

/* The longest error: all of RFC 4443's minimum MTU. IPv4's end at 576 (RFC 1812, 4.3.2.3). */
#define ICMP_ERROR_MAX 1280

/*
 * Turn the echo request in packet into its reply, in place. Returns the reply's
 * length; 0, with the packet as it was, when this is no echo request to a single
 * host, is a fragment, has a wrong checksum, or is shorter than it says.
 */
size_t icmp_echo_reply(uint8_t *packet, size_t len);

/*
 * Write an error about packet into out, which holds ICMP_ERROR_MAX bytes; src is
 * of the packet's family. info is the second word of the ICMP header: the
 * next-hop MTU, or 0. Returns the error's length; 0 when there must be none:
 * about an ICMP error, a fragment other than the first, a packet to or from
 * anything but a single host, or one that is malformed (RFC 1812, 4.3.2.7;
 * RFC 4443, 2.4 (e)). Packet too big alone may be about a multicast.
 */
size_t icmp_error(uint8_t *out, const struct ip_addr *src, uint8_t type, uint8_t code,
	uint32_t info, const uint8_t *packet, size_t len);

/* Checksum of an ICMPv6 message with its pseudo-header is right. packet starts at the IP header. */
bool icmp6_checksum_ok(const uint8_t *packet, size_t len);
/* Store it; the message starts right behind the IPv6 header. */
void icmp6_set_checksum(uint8_t *packet, size_t len);

/*
 * How many messages may leave, in all and to one destination: an IPv4 address
 * or an IPv6 /64. Token buckets of our own rather than rte_meter's: those count
 * bytes of a colour on the TSC, these count messages on the caller's clock in 16
 * bytes each. Destinations are hashed into a fixed number of buckets, and those
 * that meet in one share it: no flood can make the table grow.
 */
#define ICMP_LIMIT_BUCKETS 256

struct icmp_bucket {
	uint64_t stamp_ns; /* when tokens was right */
	uint32_t tokens; /* thousandths of a message */
};

struct icmp_limiter {
	uint32_t total_rate, total_burst; /* messages a second; messages */
	uint32_t each_rate, each_burst;
	uint64_t seed; /* so that nobody can aim at a bucket */
	struct icmp_bucket total;
	struct icmp_bucket each[ICMP_LIMIT_BUCKETS];
};

void icmp_limiter_init(struct icmp_limiter *l, uint32_t total_rate, uint32_t total_burst,
	uint32_t each_rate, uint32_t each_burst, uint64_t seed, uint64_t now_ns);
/* May a message go to this destination now? Takes a token if so. */
bool icmp_limiter_allow(struct icmp_limiter *l, const struct ip_addr *to, uint64_t now_ns);

#endif
