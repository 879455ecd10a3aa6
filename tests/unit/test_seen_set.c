/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sodium.h>

#include "control/seen_set.h"

/* Far above what a set holds by chance where half of the slots are free. */
#define LONGEST_RUN 500

static void
test_duplicates(void **state)
{
	struct seen_set s;
	uint64_t first = 99;

	seen_init(&s);
	assert_int_equal(seen_insert(&s, "ab", 2, 7, &first), 0);
	assert_int_equal(seen_insert(&s, "a", 1, 8, &first), 0);
	assert_int_equal(seen_insert(&s, "", 0, 9, &first), 0);
	assert_int_equal(first, 99);
	assert_int_equal(seen_insert(&s, "ab", 2, 10, &first), 1);
	assert_int_equal(first, 7);
	assert_int_equal(seen_insert(&s, "", 0, 11, &first), 1);
	assert_int_equal(first, 9);
	seen_fini(&s);
}

static void
test_all_are_found_after_growing(void **state)
{
	struct seen_set s;
	uint64_t first = 0;

	seen_init(&s);
	for (uint64_t i = 0; i < 10000; i++)
		assert_int_equal(seen_insert(&s, &i, sizeof(i), i, &first), 0);
	for (uint64_t i = 0; i < 10000; i++) {
		assert_int_equal(seen_insert(&s, &i, sizeof(i), 0, &first), 1);
		assert_int_equal(first, i);
	}
	assert_int_equal(s.used, 10000);
	seen_fini(&s);
}

/* An insertion walks a run of used slots: where none is long, all are cheap. */
static void
test_adding_peers_in_quadratic_time(void **state)
{
	struct seen_set s;
	uint64_t first;
	unsigned run = 0;

	seen_init(&s);
	for (uint32_t i = 0; i < 10000; i++) {
		seen_insert(&s, &i, sizeof(i), i, &first);
		assert_true(s.used * 2 <= s.size);
	}
	for (size_t i = 0; i < s.size; i++) {
		run = s.slots[i].used ? run + 1 : 0;
		assert_in_range(run, 0, LONGEST_RUN);
	}
	seen_fini(&s);
}

static int
setup(void **state)
{
	return sodium_init() < 0 ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_all_are_found_after_growing),
		cmocka_unit_test(test_adding_peers_in_quadratic_time),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
