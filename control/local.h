/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is addressed to the gateway itself, or what it must answer with an ICMP
 * error: the consumer of PUNT_RING_LOCAL. Runs on control.
 */
#ifndef CONTROL_LOCAL_H
#define CONTROL_LOCAL_H

#include "dataplane/dataplane.h"

struct local;

/* capacity is the neighbour table's. ifaces are copied. NULL when out of memory. */
struct local *local_create(struct dataplane *dp, unsigned neigh_capacity,
	const struct iface_config *ifaces, uint8_t n_ifaces, uint64_t now_ns);
void local_destroy(struct local *l);

/* Handle a burst of what was punted; returns how many there were (0: the rings are empty). */
unsigned local_poll(struct local *l, uint64_t now_ns);
/* A DP_WANT_NEIGH event. */
void local_want_neigh(struct local *l, const struct dp_event *event, uint64_t now_ns);
/* See resolver_heard. */
void local_heard(struct local *l, uint8_t port, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, uint64_t now_ns);
/* Timers. Returns when to call it next, in ns; earlier does no harm. */
uint64_t local_tick(struct local *l, uint64_t now_ns);

#endif
