/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/pktgen/pacer.h"

#define T0 5000000000ULL
#define MS 1000000ULL

static void
grants_the_rate_and_no_more(void **state)
{
	struct pacer p;
	unsigned total = 0;

	pacer_start(&p, 1000, T0);
	for (uint64_t t = 0; t < 10000 * MS; t += MS / 4) {
		unsigned n = pacer_due(&p, T0 + t, 32);

		pacer_take(&p, n);
		total += n;
		assert_in_range(total, t / MS, t / MS + 1);
	}
	assert_int_equal(total, 10000);
	assert_int_equal(p.missed, 0);
}

static void
what_was_not_taken_stays_due(void **state)
{
	struct pacer p;

	pacer_start(&p, 1e6, T0);
	assert_int_equal(pacer_due(&p, T0 + MS, 32), 32);
	assert_int_equal(pacer_due(&p, T0 + MS, 4096), 1001);
	pacer_take(&p, 1000);
	assert_int_equal(pacer_due(&p, T0 + MS, 4096), 1);
}

static void
a_stall_is_made_up_for_by_a_bounded_burst(void **state)
{
	struct pacer p;

	pacer_start(&p, 1e6, T0);
	/* 2 ms of it, and the rest is given up. */
	assert_int_equal(pacer_due(&p, T0 + 100 * MS, 1000000), 2000);
	assert_int_equal(p.missed, 98001);
	pacer_take(&p, 2000);
	assert_int_equal(pacer_due(&p, T0 + 100 * MS, 32), 0);
	assert_int_equal(pacer_due(&p, T0 + 101 * MS, 1000000), 1000);
}

static void
slow_rates_may_catch_up_a_little(void **state)
{
	struct pacer p;

	pacer_start(&p, 100, T0);
	assert_int_equal(pacer_due(&p, T0 + 500 * MS, 1000), 51);
	assert_int_equal(pacer_due(&p, T0 + 5000 * MS, 1000), PACER_CATCH_UP_MIN);
}

static void
no_rate_is_no_limit(void **state)
{
	struct pacer p;

	pacer_start(&p, 0, T0);
	assert_int_equal(pacer_due(&p, T0, 32), 32);
	pacer_take(&p, 32);
	assert_int_equal(pacer_due(&p, T0, 32), 32);
	assert_int_equal(pacer_wait_ns(&p, T0), 0);
}

static void
says_how_long_to_wait(void **state)
{
	struct pacer p;

	pacer_start(&p, 10, T0);
	assert_int_equal(pacer_wait_ns(&p, T0), 0);
	pacer_take(&p, 1);
	assert_int_equal(pacer_wait_ns(&p, T0 + 30 * MS), 70 * MS);
	assert_int_equal(pacer_wait_ns(&p, T0 + 200 * MS), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grants_the_rate_and_no_more),
		cmocka_unit_test(what_was_not_taken_stays_due),
		cmocka_unit_test(a_stall_is_made_up_for_by_a_bounded_burst),
		cmocka_unit_test(slow_rates_may_catch_up_a_little),
		cmocka_unit_test(no_rate_is_no_limit),
		cmocka_unit_test(says_how_long_to_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
