/* SPDX-License-Identifier: BSD-3-Clause */
/* The IPv4 table against a list of prefixes, searched from the longest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/fib4.h"
#include "dataplane/rcu.h"
#include "tests/unit/eal.h"

#define N_GROUPS 12
#define STEPS 20000
#define BASE 0x0a000000u /* prefixes of 12 bits and more in 16 networks of 256 addresses */

struct known {
	uint32_t ip, value;
	uint8_t len;
};

static struct known known[200];
static unsigned n_known;

static uint32_t
mask(uint8_t len)
{
	return UINT32_MAX << (32 - len);
}

/* The longest that covers ip with less than `below` bits; NULL for none. */
static const struct known *
longest(uint32_t ip, uint8_t below)
{
	const struct known *best = NULL;

	for (unsigned i = 0; i < n_known; i++)
		if (known[i].len < below && (ip & mask(known[i].len)) == known[i].ip &&
			(best == NULL || known[i].len > best->len))
			best = &known[i];
	return best;
}

static void
check(const struct fib4 *t, uint32_t ip)
{
	const struct known *k = longest(ip, 33);
	uint32_t word = fib4_lookup(t, ip);

	if (k == NULL)
		assert_int_equal(word, 0);
	else
		assert_int_equal(word & FIB4_VALUE_MASK, k->value);
}

static void
remove_one(struct fib4 *t, unsigned i)
{
	struct known k = known[i];
	const struct known *up = longest(k.ip, k.len);

	fib4_remove(t, k.ip, k.len, up != NULL ? up->len : 0, up != NULL ? up->value : 0);
	known[i] = known[--n_known];
}

static void
test_against_a_list(void **state)
{
	struct rcu *rcu = rcu_create(1);
	unsigned refused = 0;
	struct fib4 t;

	assert_non_null(rcu);
	assert_int_equal(fib4_init(&t, N_GROUPS, rcu), 0);
	srand(7);
	for (unsigned step = 0; step < STEPS; step++) {
		uint8_t len = rand() % 3 == 0 ? 12 + rand() % 13 : 25 + rand() % 8;
		uint32_t ip = (BASE | (rand() & 0xfff)) & mask(len);
		unsigned i = 0;

		while (i < n_known && !(known[i].ip == ip && known[i].len == len))
			i++;
		if (i < n_known && rand() % 3 != 0) {
			remove_one(&t, i);
		} else if (n_known < 200 || i < n_known) {
			uint32_t value = rand() & FIB4_VALUE_MASK;

			if (fib4_set(&t, ip, len, value)) {
				known[i] = (struct known){ip, value, len};
				n_known += i == n_known;
			} else {
				refused++;
			}
		} else {
			remove_one(&t, rand() % n_known);
		}
		for (unsigned k = 0; k < 8; k++)
			check(&t, BASE | (rand() & 0x1fff));
		check(&t, ip);
		check(&t, ip | ~mask(len));
	}
	/* Sixteen networks want a group each at times, and there are twelve. */
	assert_true(refused > 0);
	while (n_known > 0)
		remove_one(&t, n_known - 1);
	for (uint32_t ip = BASE; ip < BASE + 0x2000; ip++)
		assert_int_equal(fib4_lookup(&t, ip), 0);
	while (rcu_reclaim(rcu))
		;
	assert_int_equal(t.n_free, N_GROUPS);
	fib4_fini(&t);
	rcu_destroy(rcu);
}

/* A reader that is in a group keeps it from being used for another network. */
static void
test_a_group_waits_for_its_readers(void **state)
{
	struct rcu *rcu = rcu_create(1);
	struct fib4 t;

	assert_int_equal(fib4_init(&t, 2, rcu), 0);
	rte_rcu_qsbr_thread_register(rcu_qsbr(rcu), 0);
	rte_rcu_qsbr_thread_online(rcu_qsbr(rcu), 0);
	assert_true(fib4_set(&t, BASE | 1, 32, 5));
	fib4_remove(&t, BASE | 1, 32, 0, 0);
	rcu_reclaim(rcu);
	assert_int_equal(t.n_free, 1);
	rte_rcu_qsbr_quiescent(rcu_qsbr(rcu), 0);
	rte_rcu_qsbr_thread_offline(rcu_qsbr(rcu), 0);
	while (rcu_reclaim(rcu))
		;
	assert_int_equal(t.n_free, 2);
	fib4_fini(&t);
	rcu_destroy(rcu);
}

static int
setup(void **state)
{
	return eal_setup_mb("512");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_list),
		cmocka_unit_test(test_a_group_waits_for_its_readers),
	};

	return cmocka_run_group_tests(tests, setup, eal_teardown);
}
