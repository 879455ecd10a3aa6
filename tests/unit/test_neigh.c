/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/neigh.h"
#include "tests/unit/eal.h"

#define CAPACITY 256

static struct rte_rcu_qsbr *qsbr;

/* One worker, thread 0, that is online. */
static int
setup(void **state)
{
	if (eal_setup(state) != 0)
		return -1;
	qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(4));
	if (qsbr == NULL || rte_rcu_qsbr_init(qsbr, 4) != 0)
		return -1;
	rte_rcu_qsbr_thread_register(qsbr, 0);
	rte_rcu_qsbr_thread_online(qsbr, 0);
	return 0;
}

static int
teardown(void **state)
{
	free(qsbr);
	return eal_teardown(state);
}

static struct ip_addr
addr4(unsigned i)
{
	return (struct ip_addr){.family = IP_V4, .bytes = {10, 0, i >> 8, i}};
}

static void
test_insert_lookup_remove(void **state)
{
	struct neigh_table *t = neigh_table_create(CAPACITY, qsbr);
	struct ip_addr a = addr4(1), v6 = {.family = IP_V6, .bytes = {10, 0, 0, 1}};
	struct rte_ether_addr mac = {{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};
	struct neigh *n, *other;

	assert_non_null(t);
	assert_null(neigh_lookup(t, 0, &a));
	n = neigh_insert(t, 0, &a);
	assert_non_null(n);
	assert_int_equal(atomic_load(&n->hw), 0);
	assert_int_equal(n->port, 0);
	assert_true(ip_addr_equal(&n->addr, &a));
	assert_ptr_equal(neigh_insert(t, 0, &a), n);
	atomic_store(&n->hw, neigh_pack(&mac));
	assert_ptr_equal(neigh_lookup(t, 0, &a), n);
	assert_true(atomic_load(&n->hw) == (NEIGH_VALID | UINT64_C(0x554433221102)));

	/* The port and the family belong to the key. */
	assert_null(neigh_lookup(t, 1, &a));
	assert_null(neigh_lookup(t, 0, &v6));
	other = neigh_insert(t, 1, &a);
	assert_ptr_not_equal(other, n);
	assert_ptr_not_equal(neigh_insert(t, 0, &v6), n);

	neigh_remove(t, n);
	assert_null(neigh_lookup(t, 0, &a));
	assert_ptr_equal(neigh_lookup(t, 1, &a), other);
	neigh_table_destroy(t);
	neigh_table_destroy(NULL);
}

/* A worker may still hold what has been removed, until it reports quiescent. */
static void
test_reuse_waits_for_workers(void **state)
{
	struct neigh_table *t = neigh_table_create(CAPACITY, qsbr);
	struct ip_addr a, extra = addr4(CAPACITY);
	struct neigh *n, *held;

	for (unsigned i = 0; i < CAPACITY; i++) {
		a = addr4(i);
		assert_non_null(neigh_insert(t, 0, &a));
	}
	assert_null(neigh_insert(t, 0, &extra));
	a = addr4(7);
	held = neigh_lookup(t, 0, &a);
	neigh_remove(t, held);
	assert_null(neigh_insert(t, 0, &extra));
	assert_true(ip_addr_equal(&held->addr, &a));
	rte_rcu_qsbr_quiescent(qsbr, 0);
	n = neigh_insert(t, 0, &extra);
	assert_ptr_equal(n, held);
	assert_true(ip_addr_equal(&n->addr, &extra));
	assert_ptr_equal(neigh_lookup(t, 0, &extra), n);
	assert_null(neigh_lookup(t, 0, &a));
	neigh_table_destroy(t);
}

static void
test_iteration(void **state)
{
	struct neigh_table *t = neigh_table_create(CAPACITY, qsbr);
	bool seen[100] = {false};
	struct ip_addr a;
	uint32_t cursor = 0;
	unsigned count = 0;
	struct neigh *n;

	assert_null(neigh_next(t, &cursor));
	for (unsigned i = 0; i < 100; i++) {
		a = addr4(i);
		assert_non_null(neigh_insert(t, 0, &a));
	}
	/* Removing the current one while iterating is allowed. */
	for (cursor = 0; (n = neigh_next(t, &cursor)) != NULL; count++) {
		assert_true(n->index < CAPACITY);
		assert_false(seen[n->addr.bytes[3]]);
		seen[n->addr.bytes[3]] = true;
		if (n->addr.bytes[3] % 2 == 0)
			neigh_remove(t, n);
	}
	assert_int_equal(count, 100);
	for (cursor = 0, count = 0; (n = neigh_next(t, &cursor)) != NULL; count++)
		assert_int_equal(n->addr.bytes[3] % 2, 1);
	assert_int_equal(count, 50);
	neigh_table_destroy(t);
}

/* Slots of the hash come back: many times its size in keys pass through it. */
static void
test_churn(void **state)
{
	struct neigh_table *t = neigh_table_create(CAPACITY, qsbr);

	for (unsigned i = 0; i < 40000; i++) {
		struct ip_addr a = addr4(i);
		struct neigh *n = neigh_insert(t, 0, &a);

		assert_non_null(n);
		assert_ptr_equal(neigh_lookup(t, 0, &a), n);
		if (i >= CAPACITY / 2) {
			a = addr4(i - CAPACITY / 2);
			neigh_remove(t, neigh_lookup(t, 0, &a));
		}
		rte_rcu_qsbr_quiescent(qsbr, 0);
	}
	neigh_table_destroy(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_insert_lookup_remove),
		cmocka_unit_test(test_reuse_waits_for_workers),
		cmocka_unit_test(test_iteration),
		cmocka_unit_test(test_churn),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
