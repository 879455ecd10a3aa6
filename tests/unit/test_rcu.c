/* SPDX-License-Identifier: BSD-3-Clause */
/* Deferred work waits for readers, and may defer in its turn without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/rcu.h"
#include "tests/unit/eal.h"

#define MANY 100000 /* more than the queue holds */

static struct rcu *rcu;
static unsigned runs, depth, deepest;

static int
setup(void **state)
{
	runs = depth = deepest = 0;
	rcu = rcu_create(1);
	return rcu != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	rcu_destroy(rcu);
	return 0;
}

static void
count(void *arg)
{
	(void)arg;
	runs++;
}

static void
test_waits_for_the_reader(void **state)
{
	struct rte_rcu_qsbr *qsbr = rcu_qsbr(rcu);

	assert_int_equal(rte_rcu_qsbr_thread_register(qsbr, 0), 0);
	rte_rcu_qsbr_thread_online(qsbr, 0);
	rcu_defer(rcu, count, NULL);
	assert_true(rcu_reclaim(rcu));
	assert_int_equal(runs, 0);
	rte_rcu_qsbr_quiescent(qsbr, 0);
	assert_false(rcu_reclaim(rcu));
	assert_int_equal(runs, 1);
	rcu_defer(rcu, count, NULL);
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	assert_false(rcu_reclaim(rcu));
	assert_int_equal(runs, 2);
}

/* As the second phase of a peer's removal does with forwarding entries. */
static void
defer_two(void *arg)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	rcu_defer(rcu, count, NULL);
	rcu_defer(rcu, count, NULL);
	depth--;
	runs++;
	(void)arg;
}

static void
test_many_peers_overflow_the_stack(void **state)
{
	for (unsigned i = 0; i < MANY; i++)
		rcu_defer(rcu, defer_two, NULL);
	while (rcu_reclaim(rcu))
		;
	assert_int_equal(runs, 3 * MANY);
	assert_int_equal(deepest, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_waits_for_the_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_many_peers_overflow_the_stack, setup, teardown),
	};

	return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
