/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/pktgen/ndr.h"

/* The search against a gateway that forwards up to capacity, by a generator that reaches limit. */
static struct ndr
search(double highest, double resolution, double capacity, double limit)
{
	struct ndr n;
	double offered;

	ndr_start(&n, highest, resolution);
	do {
		offered = n.next < limit ? n.next : limit;
	} while (ndr_step(&n, offered, offered <= capacity));
	return n;
}

static void
finds_the_capacity(void **state)
{
	const double capacities[] = {1234, 99000, 512345, 999999};

	for (unsigned i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		double c = capacities[i];
		struct ndr n = search(1e6, 0.01, c, 1e9);

		assert_true(n.passed <= c);
		assert_true(n.passed >= c * 0.98);
		assert_in_range(n.trials, 2, 20);
	}
}

static void
highest_rate_that_passes_is_the_answer(void **state)
{
	struct ndr n = search(1e6, 0.01, 2e6, 1e9);

	assert_true(n.passed == 1e6);
	assert_int_equal(n.trials, 1);
}

static void
generator_may_be_the_limit(void **state)
{
	struct ndr n = search(1e6, 0.01, 2e6, 3e5);

	assert_true(n.passed == 3e5);
	assert_true(n.limited);
	n = search(1e6, 0.01, 1e5, 3e5);
	assert_true(n.passed <= 1e5 && n.passed > 0.98e5);
	assert_false(n.limited);
}

static void
nothing_passes_and_it_ends(void **state)
{
	struct ndr n = search(1e6, 0.001, 0, 1e9);

	assert_true(n.passed == 0);
	assert_in_range(n.trials, 2, NDR_TRIALS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_capacity),
		cmocka_unit_test(highest_rate_that_passes_is_the_answer),
		cmocka_unit_test(generator_may_be_the_limit),
		cmocka_unit_test(nothing_passes_and_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
