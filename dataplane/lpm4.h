/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fills an rte_lpm in rte_lpm_add's place. That one searches all rules of a
 * length for each that it adds or removes, and all tbl8 groups for a free one:
 * with 100 000 prefixes 40 us a change, and 25 s for all when each has a /24 of
 * its own. The rules are in fib.c's rib already, which says what covers a prefix
 * that is removed; so what is left is the tables, in DPDK's layout, for its
 * look-up. Private to fib_table.c; control writes, workers look up.
 */
#ifndef DATAPLANE_LPM4_H
#define DATAPLANE_LPM4_H

#include <stdbool.h>
#include <stdint.h>
#include <rte_lpm.h>

#include "dataplane/rcu.h"

struct lpm4;

/* groups: how many /24 may hold longer prefixes at a time. NULL when out of memory. */
struct lpm4 *lpm4_create(const char *name, uint32_t groups, struct rcu *rcu);
/* Readers have ended, and nothing is deferred any more. */
void lpm4_destroy(struct lpm4 *l);
/* For rte_lpm_lookup. */
struct rte_lpm *lpm4_table(const struct lpm4 *l);

/* len is 1 to 32, ip in host order. Add or change; false when no group is left. */
bool lpm4_set(struct lpm4 *l, uint32_t ip, uint8_t len, uint32_t next_hop);
/* It is there. up_len and up: the longest one that covers it now; 0 where there is none. */
void lpm4_remove(struct lpm4 *l, uint32_t ip, uint8_t len, uint8_t up_len, uint32_t up);

#endif
