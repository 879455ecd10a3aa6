/* SPDX-License-Identifier: BSD-3-Clause */
/* rte_lpm's look-up over the tables that lpm4.c fills, against a list of all prefixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/lpm4.h"
#include "tests/unit/eal.h"

#define GROUPS 8
#define KNOWN_MAX 64

struct known {
	uint32_t ip, next_hop;
	uint8_t len; /* 0: free */
};

static struct known known[KNOWN_MAX];
static struct rcu *rcu;
static struct lpm4 *lpm;

static int
setup(void **state)
{
	return eal_setup_mb("512");
}

static int
lpm_setup(void **state)
{
	for (unsigned i = 0; i < KNOWN_MAX; i++)
		known[i].len = 0;
	srand(1);
	rcu = rcu_create(1);
	lpm = rcu != NULL ? lpm4_create("test", GROUPS, rcu) : NULL;
	return lpm == NULL ? -1 : 0;
}

static int
lpm_teardown(void **state)
{
	rcu_destroy(rcu);
	lpm4_destroy(lpm);
	return 0;
}

static uint32_t
network(uint32_t ip, uint8_t len)
{
	return len == 0 ? 0 : ip & ~(uint32_t)0 << (32 - len);
}

/* The longest prefix shorter than below that has ip; NULL: none. */
static const struct known *
longest(uint32_t ip, uint8_t below)
{
	const struct known *best = NULL;

	for (unsigned i = 0; i < KNOWN_MAX; i++) {
		const struct known *k = &known[i];

		if (k->len != 0 && k->len < below && network(ip, k->len) == k->ip &&
			(best == NULL || k->len > best->len))
			best = k;
	}
	return best;
}

static void
take_out(struct known *k)
{
	const struct known *up = longest(k->ip, k->len);

	lpm4_remove(lpm, k->ip, k->len, up != NULL ? up->len : 0, up != NULL ? up->next_hop : 0);
	k->len = 0;
}

static void
check(uint32_t ip)
{
	const struct known *k = longest(ip, 33);
	uint32_t next_hop;

	if (rte_lpm_lookup(lpm4_table(lpm), ip, &next_hop) != 0)
		assert_null(k);
	else
		assert_true(k != NULL && k->next_hop == next_hop);
}

/* Two neighbouring /24 and what is around them. */
static void
check_all(void)
{
	for (uint32_t ip = 0x0a0101f0; ip < 0x0a010410; ip++)
		check(ip);
	for (uint32_t i = 0; i < 256; i++)
		check(i << 24 | 1);
}

/* Of any length, so that they nest, and often ends of the same range. */
static void
test_oracle(void **state)
{
	for (unsigned round = 0; round < 3000; round++) {
		uint8_t len = rand() % 3 ? 20 + rand() % 13 : 1 + rand() % 32;
		uint32_t ip = network(0x0a010200 + rand() % 512, len);
		struct known *k = NULL, *room = NULL;

		for (unsigned i = 0; i < KNOWN_MAX; i++) {
			if (known[i].len == len && known[i].ip == ip)
				k = &known[i];
			else if (known[i].len == 0)
				room = &known[i];
		}
		if (k != NULL && rand() % 2) {
			take_out(k);
		} else if (k != NULL || room != NULL) {
			k = k != NULL ? k : room;
			*k = (struct known){ip, 1 + rand() % 1000, len};
			assert_true(lpm4_set(lpm, ip, len, k->next_hop));
		} else {
			take_out(&known[rand() % KNOWN_MAX]);
		}
		if (round % 8 == 0)
			check_all();
	}
	/* Until few are left in a group, and then none. */
	for (unsigned i = 0; i < KNOWN_MAX; i++) {
		if (known[i].len != 0)
			take_out(&known[i]);
		check_all();
	}
	/* All groups have come back. */
	for (uint32_t i = 0; i < GROUPS; i++)
		assert_true(lpm4_set(lpm, i << 8, 25, 1));
	assert_false(lpm4_set(lpm, GROUPS << 8, 25, 1));
	assert_true(lpm4_set(lpm, GROUPS << 8, 24, 1));
}

/* Of each length, a prefix at the end of its /24 outlives the one that shared its group. */
static void
test_a_group_stays_for_its_last_prefix(void **state)
{
	for (uint8_t len = 25; len <= 32; len++) {
		known[0] = (struct known){network(0x0a0102ff, len), len, len};
		known[1] = (struct known){0x0a010200, 99, 32};
		for (unsigned i = 0; i < 2; i++)
			assert_true(lpm4_set(lpm, known[i].ip, known[i].len, known[i].next_hop));
		take_out(&known[1]);
		check_all();
		take_out(&known[0]);
		check_all();
	}
}

/* As long as one who looks up may be on the way to a group, nobody else gets it. */
static void
test_groups_are_reused_only_after_a_grace_period(void **state)
{
	struct rte_rcu_qsbr *qsbr = rcu_qsbr(rcu);
	const struct rte_lpm *table = lpm4_table(lpm);
	uint32_t group;

	assert_true(lpm4_set(lpm, 0x0a000001, 32, 7));
	group = table->tbl24[0x0a0000].next_hop;
	rte_rcu_qsbr_thread_register(qsbr, 0);
	rte_rcu_qsbr_thread_online(qsbr, 0);
	lpm4_remove(lpm, 0x0a000001, 32, 0, 0);
	for (uint32_t i = 1; i < GROUPS; i++) {
		assert_true(lpm4_set(lpm, i << 8, 32, 1));
		assert_int_not_equal(table->tbl24[i].next_hop, group);
		rcu_reclaim(rcu);
	}
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	rte_rcu_qsbr_thread_unregister(qsbr, 0);
	assert_true(lpm4_set(lpm, GROUPS << 8, 32, 1));
	assert_int_equal(table->tbl24[GROUPS].next_hop, group);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_oracle, lpm_setup, lpm_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_group_stays_for_its_last_prefix, lpm_setup, lpm_teardown),
		cmocka_unit_test_setup_teardown(
			test_groups_are_reused_only_after_a_grace_period, lpm_setup, lpm_teardown),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
