/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port's place on its Ethernet: answers ARP and neighbour solicitations for
 * a range of addresses, and finds out the MAC of one neighbour, through which
 * everything goes. Pure: frames in, frames out.
 */
#ifndef PKTGEN_STATION_H
#define PKTGEN_STATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <rte_ether.h>

#include "dataplane/addr.h"

/* The longest frame that comes out of here. */
#define STATION_FRAME_MAX 86

struct station {
	struct rte_ether_addr mac;
	struct ip_addr own; /* asks with it */
	struct ip_addr first; /* of n_addresses consecutive ones that are ours beside own */
	uint32_t n_addresses;
	struct ip_addr neighbour;
	struct rte_ether_addr neighbour_mac;
	bool resolved;
};

/* Is a of the range, or own? *number is its place in the range, where it is of it. */
bool station_owns(const struct station *s, const struct ip_addr *a, uint32_t *number);

/*
 * Takes an ARP packet or a neighbour discovery message: learns the neighbour's
 * MAC from it, and writes an answer to out where one is due. Returns the
 * answer's length, 0 when there is none.
 */
size_t station_receive(struct station *s, const uint8_t *frame, size_t len, uint8_t *out);
/* Writes a question for the neighbour's MAC; returns its length. */
size_t station_ask(const struct station *s, uint8_t *out);

/* The n-th address behind a (32 bits are counted, the carry beyond them is lost). */
struct ip_addr address_plus(const struct ip_addr *a, uint32_t n);

#endif
