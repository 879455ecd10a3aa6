/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/pktgen/histogram.h"

static struct histogram h;

static int
empty(void **state)
{
	histogram_reset(&h);
	return 0;
}

static void
nothing_is_zero(void **state)
{
	assert_int_equal(histogram_percentile(&h, 50), 0);
	assert_int_equal(histogram_mean(&h), 0);
}

static void
small_values_are_exact(void **state)
{
	for (unsigned v = 1; v <= 100; v++)
		histogram_add(&h, v);
	assert_int_equal(histogram_percentile(&h, 0), 1);
	assert_int_equal(histogram_percentile(&h, 1), 1);
	assert_int_equal(histogram_percentile(&h, 50), 50);
	assert_int_equal(histogram_percentile(&h, 99), 99);
	assert_int_equal(histogram_percentile(&h, 99.5), 100);
	assert_int_equal(histogram_percentile(&h, 100), 100);
	assert_int_equal(histogram_mean(&h), 50);
}

static int
ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Against sorting: values from all magnitudes. */
static void
large_values_are_within_a_64th(void **state)
{
	enum { N = 20000 };
	static uint64_t v[N];
	const double ps[] = {0.1, 1, 10, 50, 90, 99, 99.9, 99.99};
	uint64_t x = 88172645463325252ULL;

	for (unsigned i = 0; i < N; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v[i] = x >> (23 + i % 38);
		histogram_add(&h, v[i]);
	}
	qsort(v, N, sizeof(v[0]), ascending);
	assert_int_equal(h.min, v[0]);
	assert_int_equal(h.max, v[N - 1]);
	for (unsigned i = 0; i < sizeof(ps) / sizeof(ps[0]); i++) {
		uint64_t exact = v[(unsigned)(N * ps[i] / 100 + 0.999999) - 1];

		assert_in_range(histogram_percentile(&h, ps[i]), exact - exact / 64, exact);
	}
}

static void
beyond_the_range_is_kept_as_the_largest(void **state)
{
	histogram_add(&h, 7);
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, 1ULL << HISTOGRAM_VALUE_BITS);
	assert_int_equal(h.count, 3);
	assert_true(histogram_percentile(&h, 60) >= 63ULL << (HISTOGRAM_VALUE_BITS - 6));
	assert_true(histogram_percentile(&h, 100) == UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_zero, empty),
		cmocka_unit_test_setup(small_values_are_exact, empty),
		cmocka_unit_test_setup(large_values_are_within_a_64th, empty),
		cmocka_unit_test_setup(beyond_the_range_is_kept_as_the_largest, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
