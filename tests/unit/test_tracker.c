/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "tests/pktgen/tracker.h"

static struct tracker t;

static int
fresh(void **state)
{
	t = (struct tracker){0};
	return 0;
}

static void
all_in_order(void **state)
{
	for (uint64_t i = 0; i < 3 * TRACKER_BITS; i++)
		assert_int_equal(tracker_receive(&t, i), TRACKER_IN_ORDER);
}

static void
each_once_more_is_a_duplicate(void **state)
{
	for (uint64_t i = 0; i < 20000; i++) {
		assert_int_equal(tracker_receive(&t, i), TRACKER_IN_ORDER);
		assert_int_equal(tracker_receive(&t, i), TRACKER_DUPLICATE);
		if (i >= TRACKER_WINDOW)
			assert_int_equal(
				tracker_receive(&t, i - TRACKER_WINDOW), TRACKER_DUPLICATE);
		if (i > TRACKER_WINDOW)
			assert_int_equal(
				tracker_receive(&t, i - TRACKER_WINDOW - 1), TRACKER_TOO_LATE);
	}
}

static void
overtaken_is_reordered_and_not_lost(void **state)
{
	assert_int_equal(tracker_receive(&t, 5), TRACKER_IN_ORDER);
	assert_int_equal(tracker_receive(&t, 3), TRACKER_REORDERED);
	assert_int_equal(tracker_receive(&t, 0), TRACKER_REORDERED);
	assert_int_equal(tracker_receive(&t, 3), TRACKER_DUPLICATE);
	assert_int_equal(tracker_receive(&t, 6), TRACKER_IN_ORDER);
}

/* Against an array that remembers everything. */
static void
agrees_with_a_slow_oracle(void **state)
{
	enum { N = 200000 };
	static bool seen[N + 40000];
	uint64_t greatest = 0;
	bool any = false;

	srand(1);
	for (unsigned i = 0; i < N; i++) {
		uint64_t jump = rand() % 1000 == 0 ? 20000 : 20, n = greatest + rand() % jump;
		enum tracker_verdict expected;

		n -= n >= 9000 ? rand() % 9000 * (rand() % 2) : 0;
		if (n >= N)
			break;
		if (!any || n > greatest)
			expected = TRACKER_IN_ORDER;
		else if (greatest - n > TRACKER_WINDOW)
			expected = TRACKER_TOO_LATE;
		else
			expected = seen[n] ? TRACKER_DUPLICATE : TRACKER_REORDERED;
		assert_int_equal(tracker_receive(&t, n), expected);
		if (expected != TRACKER_TOO_LATE)
			seen[n] = true;
		greatest = !any || n > greatest ? n : greatest;
		any = true;
	}
	assert_true(greatest > 50000);
}

static void
number_is_found_from_its_low_half(void **state)
{
	const uint64_t wrap = 1ULL << 32;

	assert_int_equal(tracker_unwrap(&t, 0), 0);
	assert_int_equal(tracker_unwrap(&t, 100), 100);
	tracker_receive(&t, 4);
	assert_int_equal(tracker_unwrap(&t, 2), 2);
	tracker_receive(&t, wrap - 3);
	assert_true(tracker_unwrap(&t, UINT32_MAX) == wrap - 1);
	assert_true(tracker_unwrap(&t, 1) == wrap + 1);
	tracker_receive(&t, wrap + 1);
	assert_true(tracker_unwrap(&t, UINT32_MAX) == wrap - 1);
	assert_true(tracker_unwrap(&t, 0) == wrap);
	assert_true(tracker_unwrap(&t, 7) == wrap + 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_in_order, fresh),
		cmocka_unit_test_setup(each_once_more_is_a_duplicate, fresh),
		cmocka_unit_test_setup(overtaken_is_reordered_and_not_lost, fresh),
		cmocka_unit_test_setup(agrees_with_a_slow_oracle, fresh),
		cmocka_unit_test_setup(number_is_found_from_its_low_half, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
