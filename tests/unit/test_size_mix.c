/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/pktgen/size_mix.h"

static void
one_size(void **state)
{
	struct size_mix m;
	char err[128];

	assert_int_equal(size_mix_parse(&m, "512", 48, 1500, err, sizeof(err)), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(size_mix_next(&m), 512);
	assert_int_equal(size_mix_largest(&m), 512);
}

static void
mix_has_its_proportions(void **state)
{
	struct size_mix m;
	char err[128];
	unsigned small = 0, middle = 0, large = 0;

	assert_int_equal(size_mix_parse(&m, "imix", 48, 1500, err, sizeof(err)), 0);
	for (unsigned i = 0; i < 1200; i++) {
		unsigned size = size_mix_next(&m);

		small += size == 48;
		middle += size == 576;
		large += size == 1424;
		/* Spread evenly, and so exact at the end of each dozen. */
		if (i % 12 == 11)
			assert_int_equal(large, i / 12 + 1);
	}
	assert_int_equal(small, 700);
	assert_int_equal(middle, 400);
	assert_int_equal(large, 100);
	assert_int_equal(size_mix_largest(&m), 1424);
	assert_true(size_mix_mean(&m) > 338.6 && size_mix_mean(&m) < 338.7);
}

static void
nonsense_is_refused(void **state)
{
	const char *const bad[] = {"", "x", "64:", "64,", ",64", "64;65", "-64", "64:0", "64:1001",
		"47", "1501", "64:1:1", " 64", "1,2,3,4,5,6,7,8,9", "99999999999999999999",
		"64:1,65:1,66:1,67:1,68:1,69:1,70:1,71:1,72:1"};
	struct size_mix m;
	char err[128];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = '\0';
		assert_int_equal(size_mix_parse(&m, bad[i], 48, 1500, err, sizeof(err)), -1);
		assert_true(strlen(err) > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_size),
		cmocka_unit_test(mix_has_its_proportions),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
