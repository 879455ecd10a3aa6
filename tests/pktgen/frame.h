/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet frames around UDP payloads and inner packets. Pure. */
#ifndef PKTGEN_FRAME_H
#define PKTGEN_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <rte_ether.h>

#include "dataplane/addr.h"

/* Of handshake messages; data has 0 (the Linux implementation does so). */
#define FRAME_TOS_AF41 0x88

/* Ethernet, IP and UDP together. */
static inline size_t
frame_udp_overhead(uint8_t family)
{
	return RTE_ETHER_HDR_LEN + (family == IP_V4 ? 20 : 40) + 8;
}

/*
 * Writes the headers, frame_udp_overhead() bytes from `at` on; the payload
 * stands behind them already, for the checksum covers it.
 */
void frame_write_udp(uint8_t *at, const struct rte_ether_addr *from_mac,
	const struct rte_ether_addr *to_mac, const struct ip_endpoint *from,
	const struct ip_endpoint *to, uint8_t tos, size_t payload_len);
/* For an IP packet of the family. */
void frame_write_ether(uint8_t *at, const struct rte_ether_addr *from_mac,
	const struct rte_ether_addr *to_mac, uint8_t family);

enum frame_kind {
	FRAME_OTHER, /* neither of the following; let it be */
	FRAME_NEIGHBOUR, /* ARP, or ICMPv6 neighbour solicitation or advertisement */
	FRAME_UDP,
	FRAME_IP, /* another IP packet */
	FRAME_DAMAGED, /* UDP with a wrong length or checksum, or a fragment */
};

struct frame {
	enum frame_kind kind;
	uint8_t *ip; /* UDP and IP: where the IP packet begins, */
	size_t ip_len; /* and its own length, without Ethernet's padding */
	struct ip_endpoint from, to; /* UDP only, as the payload */
	uint8_t *payload;
	size_t payload_len;
};

/* check_udp: verify the UDP checksum too. */
void frame_parse(uint8_t *at, size_t len, bool check_udp, struct frame *f);

#endif
