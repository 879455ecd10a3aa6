/* SPDX-License-Identifier: BSD-3-Clause */
/* The next free address, against a walk through small networks address by address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/free_address.h"

static struct ip_prefix
prefix(const char *s)
{
	struct ip_prefix p;

	assert_true(ip_prefix_parse(&p, s));
	return p;
}

static const char *
find(const char *network, struct ip_prefix *taken, size_t n)
{
	static char text[IP_ADDR_STRLEN];
	struct ip_prefix own = prefix(network);
	struct ip_addr a;

	return free_address_find(&own, taken, n, &a) ? ip_addr_format(text, &a) : "none";
}

static void
test_first_and_last_are_left_out(void **state)
{
	struct ip_prefix taken[] = {prefix("10.8.0.1"), prefix("10.8.0.2")};

	assert_string_equal(find("10.8.0.1/24", NULL, 0), "10.8.0.1");
	assert_string_equal(find("10.8.0.1/30", taken, 2), "none");
	assert_string_equal(find("10.8.0.0/31", NULL, 0), "10.8.0.0");
	assert_string_equal(find("10.8.0.1/32", taken, 1), "none");
	assert_string_equal(find("fd00:8::1/64", NULL, 0), "fd00:8::1");
	assert_string_equal(find("::/0", NULL, 0), "::1");
}

static void
test_gaps_and_nets(void **state)
{
	struct ip_prefix taken[] = {prefix("10.8.1.0/24"), prefix("10.8.0.1"),
		prefix("10.8.0.0/25"), prefix("10.8.0.128/25")};
	struct ip_prefix six[] = {prefix("fd00::/65"), prefix("fd00::1")};

	assert_string_equal(find("10.8.0.1/16", taken, 4), "10.8.2.0");
	assert_string_equal(find("10.8.0.1/23", taken, 4), "none");
	assert_string_equal(find("fd00::1/64", six, 2), "fd00::8000:0:0:0");
}

static bool
covered(uint32_t host, const struct ip_prefix *taken, size_t n)
{
	struct ip_addr a = {.family = IP_V4, .bytes = {10, 8, host >> 8, host}};

	for (size_t i = 0; i < n; i++)
		if (ip_prefix_contains(&taken[i], &a))
			return true;
	return false;
}

static void
test_against_a_walk(void **state)
{
	srandom(7);
	for (unsigned round = 0; round < 2000; round++) {
		struct ip_prefix taken[40];
		size_t n = random() % 40;
		char expected[IP_ADDR_STRLEN] = "none";
		unsigned host;

		for (size_t i = 0; i < n; i++) {
			taken[i] = (struct ip_prefix){
				.addr = {.family = IP_V4, .bytes = {10, 8, 0, random() % 64}},
				.len = 27 + random() % 6};
			taken[i] = ip_prefix_network(&taken[i]);
		}
		for (host = 1; host < 63; host++)
			if (!covered(host, taken, n))
				break;
		if (host < 63)
			snprintf(expected, sizeof(expected), "10.8.0.%u", host);
		assert_string_equal(find("10.8.0.7/26", taken, n), expected);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_and_last_are_left_out),
		cmocka_unit_test(test_gaps_and_nets),
		cmocka_unit_test(test_against_a_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
