/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ARP (RFC 826, 5227) and IPv6 neighbour discovery (RFC 4861): fills the
 * neighbour table, answers for the ports' own addresses and announces them.
 * Runs on control; time is what the caller says it is. Frames start at their
 * Ethernet header.
 */
#ifndef CONTROL_RESOLVER_H
#define CONTROL_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/neigh.h"
#include "dataplane/port.h"

struct resolver;

struct resolver_ops {
	/* Send it on the port; the frame is the callee's only during the call. */
	void (*send_frame)(void *arg, uint8_t port, const void *frame, uint16_t len);
	/* An address asked for with resolver_want is in the table, or is not to be had. */
	void (*done)(void *arg, uint8_t port, const struct ip_addr *addr, bool resolved);
	void *arg;
};

/* capacity is the table's. NULL when out of memory. */
struct resolver *resolver_create(const struct ports *ports, struct neigh_table *table,
	unsigned capacity, const struct resolver_ops *ops);
void resolver_destroy(struct resolver *r);

/* Traffic waits for this address. Answered by ops->done, possibly before this returns. */
void resolver_want(struct resolver *r, uint8_t port, const struct ip_addr *addr, uint64_t now_ns);

/*
 * A received frame: ARP, or an ICMPv6 packet of types 133 to 137. False when
 * there was nothing in it for us: malformed, or not for an address of ours.
 */
bool resolver_arp(
	struct resolver *r, uint8_t port, const uint8_t *frame, uint16_t len, uint64_t now_ns);
bool resolver_nd(
	struct resolver *r, uint8_t port, const uint8_t *frame, uint16_t len, uint64_t now_ns);

/*
 * An authenticated handshake message came from this address in a frame from
 * this MAC. Where nothing is known of an address on the link, that is where the
 * answer goes, unconfirmed: many clients that come back at once need not wait
 * for ARP, nor for room among what does.
 */
void resolver_heard(struct resolver *r, uint8_t port, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, uint64_t now_ns);

/* Retries, ageing, announcements. Returns when to call it next, in ns; earlier does no harm. */
uint64_t resolver_tick(struct resolver *r, uint64_t now_ns);

#endif
