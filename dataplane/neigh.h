/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbour table: which MAC answers for an address on a port. Control
 * alone inserts, changes and removes; workers look up without a lock.
 */
#ifndef DATAPLANE_NEIGH_H
#define DATAPLANE_NEIGH_H

#include <stdatomic.h>
#include <stdint.h>
#include <rte_ether.h>
#include <rte_rcu_qsbr.h>

#include "dataplane/addr.h"

/*
 * hw packs the MAC (bits 0-47, first octet lowest) and NEIGH_VALID, so that
 * one load gives a consistent answer; 0 is "not resolved".
 */
#define NEIGH_VALID (UINT64_C(1) << 63)

struct neigh {
	struct ip_addr addr; /* written by control before it becomes visible */
	uint8_t port; /* struct port.id */
	uint32_t index; /* constant, below the table's capacity: control's own state beside it */
	_Atomic uint64_t hw; /* control writes, workers read */
	_Atomic uint64_t
		used_ns; /* workers write at most once a second; control reads for ageing */
};

struct neigh_table;

/* capacity entries; NULL when out of memory. */
struct neigh_table *neigh_table_create(unsigned capacity, struct rte_rcu_qsbr *qsbr);
void neigh_table_destroy(struct neigh_table *t);

/* Any thread that is online in qsbr; the entry stays valid until it reports quiescent. NULL: none.
 */
struct neigh *neigh_lookup(const struct neigh_table *t, uint8_t port, const struct ip_addr *addr);

/*
 * Counts removals. Whoever keeps entries from one quiescent report to the next
 * must forget them when it has changed.
 */
uint32_t neigh_removals(const struct neigh_table *t);

/* Control only. Insert returns the existing entry if there is one; NULL when full. */
struct neigh *neigh_insert(struct neigh_table *t, uint8_t port, const struct ip_addr *addr);
void neigh_remove(struct neigh_table *t, struct neigh *n);
/* Iterate: *cursor starts at 0; NULL at the end. */
struct neigh *neigh_next(struct neigh_table *t, uint32_t *cursor);

static inline uint64_t
neigh_pack(const struct rte_ether_addr *mac)
{
	uint64_t hw = NEIGH_VALID;

	for (int i = 0; i < 6; i++)
		hw |= (uint64_t)mac->addr_bytes[i] << (8 * i);
	return hw;
}

#endif
