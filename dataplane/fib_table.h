/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lookup side of the forwarding table: rte_lpm for IPv4 (lpm4.h), and two rte_lpm6
 * for IPv6 since rte_lpm6 cannot be changed under its readers. Private to fib.c.
 */
#ifndef DATAPLANE_FIB_TABLE_H
#define DATAPLANE_FIB_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/fib.h"

struct fib_table;

struct fib_table *fib_table_create(
	struct fib *fib, uint32_t max_prefixes, struct rcu *rcu, char *err, size_t err_size);
void fib_table_destroy(struct fib_table *t);
/* Add or change; false when a table is full. */
bool fib_table_set(struct fib_table *t, const struct ip_prefix *prefix, uint32_t entry);
/* What covers it from here on, for IPv4: the longest prefix above it and its entry, or 0 and 0. */
void fib_table_remove(
	struct fib_table *t, const struct ip_prefix *prefix, uint8_t up_len, uint32_t up_entry);
/* See fib_commit. */
void fib_table_commit(struct fib_table *t);

#endif
