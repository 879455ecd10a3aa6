/* SPDX-License-Identifier: BSD-3-Clause */
/* What wgdp-ctl prints: widths, units and which name was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/ctl.h"

static unsigned
line(const unsigned *width, unsigned n)
{
	unsigned sum = 2 * (n - 1);

	for (unsigned i = 0; i < n; i++)
		sum += width[i];
	return sum;
}

static void
test_what_fits_stays(void **state)
{
	unsigned width[] = {8, 44, 5};
	const bool fixed[] = {false, false, true};

	assert_int_equal(ctl_table_layout(width, fixed, 3, 61), 3);
	assert_int_equal(width[0], 8);
	assert_int_equal(width[1], 44);
	assert_int_equal(width[2], 5);
}

static void
test_the_widest_text_gives_way(void **state)
{
	unsigned width[] = {20, 44, 15};
	const bool fixed[] = {false, false, true};

	assert_int_equal(ctl_table_layout(width, fixed, 3, 60), 3);
	assert_int_equal(line(width, 3), 60);
	assert_int_equal(width[0], 20);
	assert_int_equal(width[2], 15);
}

static void
test_columns_go_when_narrowing_is_not_enough(void **state)
{
	for (unsigned room = 1; room < 120; room++) {
		unsigned width[] = {30, 12, 12, 40, 9, 3};
		const bool fixed[] = {false, true, true, false, true, false};
		unsigned n = ctl_table_layout(width, fixed, 6, room);

		assert_in_range(n, 1, 6);
		assert_true(n == 1 || line(width, n) <= room);
		assert_true(width[0] >= CTL_CELL_MIN);
		if (n > 1)
			assert_int_equal(width[1], 12); /* a number is never cut */
	}
}

static void
test_bytes(void **state)
{
	char buf[CTL_HUMAN_SIZE];

	assert_string_equal(ctl_human_bytes(buf, 0), "0 B");
	assert_string_equal(ctl_human_bytes(buf, 1023), "1023 B");
	assert_string_equal(ctl_human_bytes(buf, 1024), "1.00 KiB");
	assert_string_equal(ctl_human_bytes(buf, 1024 * 1024 - 1), "1.00 MiB");
	assert_string_equal(ctl_human_bytes(buf, UINT64_MAX), "16.00 EiB");
}

static void
test_rates(void **state)
{
	char buf[CTL_HUMAN_SIZE];

	assert_string_equal(ctl_human_rate(buf, 0, 1), "0 bit/s");
	assert_string_equal(ctl_human_rate(buf, 100, 0), "0 bit/s");
	assert_string_equal(ctl_human_rate(buf, 125, 2), "500 bit/s");
	assert_string_equal(ctl_human_rate(buf, 125000, 1), "1.0 Mbit/s");
	assert_string_equal(ctl_human_rate(buf, UINT64_C(1250000000), 1), "10.0 Gbit/s");
}

static void
test_durations(void **state)
{
	char buf[CTL_HUMAN_SIZE];

	assert_string_equal(ctl_human_duration(buf, 59), "59s");
	assert_string_equal(ctl_human_duration(buf, 60), "1m 0s");
	assert_string_equal(ctl_human_duration(buf, 3599), "59m 59s");
	assert_string_equal(ctl_human_duration(buf, 86399), "23h 59m");
	assert_string_equal(ctl_human_duration(buf, 90000), "1d 1h");
	assert_string_equal(ctl_human_age(buf, 0), "never");
}

static void
test_did_you_mean(void **state)
{
	const char *const names[] = {"show", "set-peer", "add-peer", "wg0", NULL};

	assert_string_equal(ctl_did_you_mean("shwo", names), "show");
	assert_string_equal(ctl_did_you_mean("addpeer", names), "add-peer");
	assert_string_equal(ctl_did_you_mean("wg1", names), "wg0");
	assert_null(ctl_did_you_mean("drops", names));
	assert_null(ctl_did_you_mean("", names));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_fits_stays),
		cmocka_unit_test(test_the_widest_text_gives_way),
		cmocka_unit_test(test_columns_go_when_narrowing_is_not_enough),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_did_you_mean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
