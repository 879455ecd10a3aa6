/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/pktgen/spread.h"

enum { N = 100, DRAWS = 200000 };

static void
count(const char *text, unsigned *counts)
{
	struct spread s;
	char err[128];

	memset(counts, 0, N * sizeof(counts[0]));
	assert_int_equal(spread_parse(&s, text, err, sizeof(err)), 0);
	assert_int_equal(spread_init(&s, N), 0);
	for (unsigned i = 0; i < DRAWS; i++) {
		unsigned c = spread_next(&s);

		assert_true(c < N);
		counts[c]++;
	}
	spread_fini(&s);
}

static void
even_takes_turns(void **state)
{
	unsigned counts[N];

	count("even", counts);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(counts[i], DRAWS / N);
}

static void
random_is_uniform(void **state)
{
	unsigned counts[N];

	count("random", counts);
	for (unsigned i = 0; i < N; i++)
		assert_in_range(counts[i], DRAWS / N * 85 / 100, DRAWS / N * 115 / 100);
}

/* With s = 1 the k-th comes 1/k as often as the first. */
static void
zipf_has_its_law(void **state)
{
	unsigned counts[N];

	count("zipf:1", counts);
	assert_in_range(counts[0], DRAWS * 18 / 100, DRAWS * 21 / 100);
	assert_in_range(counts[1], counts[0] * 46 / 100, counts[0] * 54 / 100);
	assert_in_range(counts[9], counts[0] * 8 / 100, counts[0] * 12 / 100);
	assert_true(counts[N - 1] > 0);
}

static void
nonsense_is_refused(void **state)
{
	const char *const bad[] = {"", "evenly", "zipf", "zipf:", "zipf:0", "zipf:6", "zipf:1x"};
	struct spread s;
	char err[128];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(spread_parse(&s, bad[i], err, sizeof(err)), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(even_takes_turns),
		cmocka_unit_test(random_is_uniform),
		cmocka_unit_test(zipf_has_its_law),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
