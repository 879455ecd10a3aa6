/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to resolver*.c and their test: the frames of ARP and neighbour discovery. */
#ifndef CONTROL_RESOLVER_WIRE_H
#define CONTROL_RESOLVER_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <rte_ether.h>

#include "dataplane/addr.h"
#include "dataplane/port.h"

/* Room for any frame that is built here. */
#define RESOLVER_FRAME_MAX 96

#define ARP_REQUEST 1
#define ARP_REPLY 2
#define ND_SOLICIT 135
#define ND_ADVERT 136

/* Flags of an advertisement. */
#define NA_ROUTER 0x80
#define NA_SOLICITED 0x40
#define NA_OVERRIDE 0x20

struct arp_msg {
	uint16_t op;
	struct rte_ether_addr sha, tha;
	struct ip_addr spa, tpa;
};

struct nd_msg {
	uint8_t type; /* ND_SOLICIT or ND_ADVERT */
	uint8_t flags; /* NA_* */
	struct rte_ether_addr eth_src;
	struct ip_addr src, dst, target;
	bool has_lla; /* the source's (solicitation) or target's (advertisement) */
	struct rte_ether_addr lla;
};

/* False on anything malformed. */
bool arp_parse(struct arp_msg *m, const uint8_t *frame, uint16_t len);
/* All of the checks of RFC 4861, 7.1.1 and 7.1.2. */
bool nd_parse(struct nd_msg *m, const uint8_t *frame, uint16_t len);

/* Each returns the frame's length. */
uint16_t arp_build(uint8_t frame[RESOLVER_FRAME_MAX], const struct arp_msg *m,
	const struct rte_ether_addr *eth_dst);
uint16_t nd_build(uint8_t frame[RESOLVER_FRAME_MAX], const struct nd_msg *m,
	const struct rte_ether_addr *eth_dst);

/* Tell the link who has this address: RFC 5227, 2.3; RFC 4861, 7.2.6. */
uint16_t announcement_build(
	uint8_t frame[RESOLVER_FRAME_MAX], const struct port *p, const struct ip_addr *a);
/* Ask for target: everyone (known is NULL), or only the one who has it so far. */
uint16_t solicitation_build(uint8_t frame[RESOLVER_FRAME_MAX], const struct port *p,
	const struct ip_addr *src, const struct ip_addr *target,
	const struct rte_ether_addr *known);

bool port_owns(const struct port *p, const struct ip_addr *a);
/* An address that another station on this port's link can have. */
bool port_may_reach(const struct port *p, const struct ip_addr *a);

bool mac_is_unicast(const struct rte_ether_addr *mac);
bool addr_is_unspecified(const struct ip_addr *a);
bool addr_is_multicast(const struct ip_addr *a);
struct ip_addr solicited_node(const struct ip_addr *a);
/* The Ethernet address of an IPv6 multicast group. */
struct rte_ether_addr multicast_mac(const struct ip_addr *group);

#endif
