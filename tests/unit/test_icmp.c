/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "control/icmp.h"

#define MS UINT64_C(1000000)
#define SEC (1000 * MS)

/*
 * Whole packets, put together and summed outside of this project. Between
 * 10.8.0.2 / fd00:8::2, who asks, and 10.8.0.1 / fd00:8::1, who answers.
 */
static const uint8_t echo4[] = {0x45, 0xb9, 0x00, 0x29, 0xbe, 0xef, 0x40, 0x00, 0x3f, 0x01, 0x68,
	0x19, 0x0a, 0x08, 0x00, 0x02, 0x0a, 0x08, 0x00, 0x01, 0x08, 0x00, 0xb4, 0xbb, 0x12, 0x34,
	0x00, 0x07, 0x77, 0x67, 0x64, 0x70, 0x20, 0x70, 0x69, 0x6e, 0x67, 0x20, 0x31, 0x32, 0x33};
static const uint8_t echo4_options[] = {0x46, 0xb9, 0x00, 0x2d, 0xbe, 0xef, 0x40, 0x00, 0x3f, 0x01,
	0xd3, 0x10, 0x0a, 0x08, 0x00, 0x02, 0x0a, 0x08, 0x00, 0x01, 0x94, 0x04, 0x00, 0x00, 0x08,
	0x00, 0xb4, 0xbb, 0x12, 0x34, 0x00, 0x07, 0x77, 0x67, 0x64, 0x70, 0x20, 0x70, 0x69, 0x6e,
	0x67, 0x20, 0x31, 0x32, 0x33};
static const uint8_t echo4_reply[] = {0x45, 0xb8, 0x00, 0x29, 0xbe, 0xef, 0x00, 0x00, 0x40, 0x01,
	0xa7, 0x1a, 0x0a, 0x08, 0x00, 0x01, 0x0a, 0x08, 0x00, 0x02, 0x00, 0x00, 0xbc, 0xbb, 0x12,
	0x34, 0x00, 0x07, 0x77, 0x67, 0x64, 0x70, 0x20, 0x70, 0x69, 0x6e, 0x67, 0x20, 0x31, 0x32,
	0x33};
static const uint8_t echo6[] = {0x6b, 0x91, 0x23, 0x45, 0x00, 0x15, 0x3a, 0x3f, 0xfd, 0x00, 0x00,
	0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00,
	0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x80,
	0x00, 0x42, 0x57, 0x12, 0x34, 0x00, 0x07, 0x77, 0x67, 0x64, 0x70, 0x20, 0x70, 0x69, 0x6e,
	0x67, 0x20, 0x31, 0x32, 0x33};
static const uint8_t echo6_reply[] = {0x6b, 0x81, 0x23, 0x45, 0x00, 0x15, 0x3a, 0x40, 0xfd, 0x00,
	0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xfd,
	0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
	0x81, 0x00, 0x41, 0x57, 0x12, 0x34, 0x00, 0x07, 0x77, 0x67, 0x64, 0x70, 0x20, 0x70, 0x69,
	0x6e, 0x67, 0x20, 0x31, 0x32, 0x33};
static const uint8_t udp4[] = {0x45, 0x00, 0x00, 0x20, 0x00, 0x77, 0x40, 0x00, 0x01, 0x11, 0x33,
	0x43, 0x0a, 0x08, 0x00, 0x02, 0xcb, 0x00, 0x71, 0x09, 0x9c, 0x40, 0x00, 0x35, 0x00, 0x0c,
	0x00, 0x00, 0x61, 0x62, 0x63, 0x64};
static const uint8_t udp4_expired[] = {0x45, 0xc0, 0x00, 0x3c, 0x00, 0x00, 0x00, 0x00, 0x40, 0x01,
	0x65, 0xef, 0x0a, 0x08, 0x00, 0x01, 0x0a, 0x08, 0x00, 0x02, 0x0b, 0x00, 0x93, 0xb7, 0x00,
	0x00, 0x00, 0x00, 0x45, 0x00, 0x00, 0x20, 0x00, 0x77, 0x40, 0x00, 0x01, 0x11, 0x33, 0x43,
	0x0a, 0x08, 0x00, 0x02, 0xcb, 0x00, 0x71, 0x09, 0x9c, 0x40, 0x00, 0x35, 0x00, 0x0c, 0x00,
	0x00, 0x61, 0x62, 0x63, 0x64};
static const uint8_t udp4_too_big[] = {0x45, 0xc0, 0x00, 0x3c, 0x00, 0x00, 0x00, 0x00, 0x40, 0x01,
	0x65, 0xef, 0x0a, 0x08, 0x00, 0x01, 0x0a, 0x08, 0x00, 0x02, 0x03, 0x04, 0x96, 0x4f, 0x00,
	0x00, 0x05, 0x64, 0x45, 0x00, 0x00, 0x20, 0x00, 0x77, 0x40, 0x00, 0x01, 0x11, 0x33, 0x43,
	0x0a, 0x08, 0x00, 0x02, 0xcb, 0x00, 0x71, 0x09, 0x9c, 0x40, 0x00, 0x35, 0x00, 0x0c, 0x00,
	0x00, 0x61, 0x62, 0x63, 0x64};
static const uint8_t udp6[] = {0x60, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x11, 0x40, 0xfd, 0x00, 0x00,
	0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x20, 0x01,
	0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x9c,
	0x40, 0x00, 0x35, 0x00, 0x0c, 0x00, 0x00, 0x61, 0x62, 0x63, 0x64};
static const uint8_t udp6_unreachable[] = {0x60, 0x00, 0x00, 0x00, 0x00, 0x3c, 0x3a, 0x40, 0xfd,
	0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0xfd, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x01, 0x03, 0x07, 0x10, 0x00, 0x00, 0x00, 0x00, 0x60, 0x00, 0x00, 0x00, 0x00, 0x0c,
	0x11, 0x40, 0xfd, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x02, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x09, 0x9c, 0x40, 0x00, 0x35, 0x00, 0x0c, 0x00, 0x00, 0x61, 0x62, 0x63,
	0x64};
static const uint8_t udp6_too_big[] = {0x60, 0x00, 0x00, 0x00, 0x00, 0x3c, 0x3a, 0x40, 0xfd, 0x00,
	0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xfd,
	0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
	0x02, 0x00, 0x00, 0xaf, 0x00, 0x00, 0x05, 0x64, 0x60, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x11,
	0x40, 0xfd, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x02, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x09, 0x9c, 0x40, 0x00, 0x35, 0x00, 0x0c, 0x00, 0x00, 0x61, 0x62, 0x63, 0x64};

static struct ip_addr
addr(const char *s)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(&a, s));
	return a;
}

/* ---- echo ---------------------------------------------------------------- */

static void
test_echo_known_answers(void **state)
{
	static const struct {
		const uint8_t *in, *out;
		size_t in_len, out_len;
	} rows[] = {
		{echo4, echo4_reply, sizeof(echo4), sizeof(echo4_reply)},
		{echo4_options, echo4_reply, sizeof(echo4_options), sizeof(echo4_reply)},
		{echo6, echo6_reply, sizeof(echo6), sizeof(echo6_reply)},
	};
	uint8_t p[128];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* Bytes behind the packet (Ethernet padding) are not part of it. */
		memset(p, 0xee, sizeof(p));
		memcpy(p, rows[i].in, rows[i].in_len);
		assert_int_equal(icmp_echo_reply(p, rows[i].in_len + 6), rows[i].out_len);
		assert_memory_equal(p, rows[i].out, rows[i].out_len);
	}
}

static void
expect_no_echo(const uint8_t *in, size_t len, size_t at, uint8_t value)
{
	uint8_t p[128], before[128];

	memcpy(p, in, len);
	if (at < len)
		p[at] = value;
	memcpy(before, p, len);
	if (icmp_echo_reply(p, len) != 0)
		fail_msg("answered with byte %zu = %02x", at, value);
	assert_memory_equal(p, before, len);
}

static void
test_echo_refused(void **state)
{
	for (size_t len = 0; len < sizeof(echo4); len++)
		expect_no_echo(echo4, len, len, 0);
	for (size_t len = 0; len < sizeof(echo6); len++)
		expect_no_echo(echo6, len, len, 0);
	expect_no_echo(echo4_reply, sizeof(echo4_reply), 200, 0);
	expect_no_echo(echo6_reply, sizeof(echo6_reply), 200, 0);
	expect_no_echo(udp4, sizeof(udp4), 200, 0);
	expect_no_echo(udp6, sizeof(udp6), 200, 0);
	expect_no_echo(echo4, sizeof(echo4), 40, 0); /* checksum */
	expect_no_echo(echo6, sizeof(echo6), 60, 0);
	expect_no_echo(echo4, sizeof(echo4), 6, 0x20); /* first fragment */
	expect_no_echo(echo4, sizeof(echo4), 7, 1); /* a later one */
	expect_no_echo(echo4, sizeof(echo4), 0, 0x44); /* header too short */
	expect_no_echo(echo4, sizeof(echo4), 12, 224); /* from a group */
	expect_no_echo(echo4, sizeof(echo4), 16, 224); /* to a group */
	expect_no_echo(echo4, sizeof(echo4), 12, 127);
	expect_no_echo(echo6, sizeof(echo6), 24, 0xff);
}

/* ---- errors -------------------------------------------------------------- */

static void
test_error_known_answers(void **state)
{
	struct ip_addr from4 = addr("10.8.0.1"), from6 = addr("fd00:8::1");
	uint8_t out[ICMP_ERROR_MAX];

	assert_int_equal(
		icmp_error(out, &from4, 11, 0, 0, udp4, sizeof(udp4)), sizeof(udp4_expired));
	assert_memory_equal(out, udp4_expired, sizeof(udp4_expired));
	assert_int_equal(
		icmp_error(out, &from4, 3, 4, 1380, udp4, sizeof(udp4)), sizeof(udp4_too_big));
	assert_memory_equal(out, udp4_too_big, sizeof(udp4_too_big));
	assert_int_equal(
		icmp_error(out, &from6, 1, 3, 0, udp6, sizeof(udp6)), sizeof(udp6_unreachable));
	assert_memory_equal(out, udp6_unreachable, sizeof(udp6_unreachable));
	assert_int_equal(
		icmp_error(out, &from6, 2, 0, 1380, udp6, sizeof(udp6)), sizeof(udp6_too_big));
	assert_memory_equal(out, udp6_too_big, sizeof(udp6_too_big));
}

/* As much of the packet as fits 576 or 1280 bytes, and nothing beyond its own end. */
static void
test_error_quotes(void **state)
{
	struct ip_addr from4 = addr("10.8.0.1"), from6 = addr("fd00:8::1");
	uint8_t p[2000], out[ICMP_ERROR_MAX + 1];

	for (size_t len = sizeof(udp6); len <= 1500; len++) {
		size_t n;

		for (size_t i = 0; i < sizeof(p); i++)
			p[i] = i;
		memcpy(p, udp4, sizeof(udp4));
		p[2] = len >> 8;
		p[3] = len;
		out[ICMP_ERROR_MAX] = 0x5a;
		n = icmp_error(out, &from4, 3, 1, 0, p, len + 4);
		assert_int_equal(n, len + 28 > 576 ? 576 : len + 28);
		assert_memory_equal(out + 28, p, n - 28);
		memcpy(p, udp6, sizeof(udp6));
		p[4] = (len - 40) >> 8;
		p[5] = len - 40;
		n = icmp_error(out, &from6, 1, 3, 0, p, len + 4);
		assert_int_equal(n, len + 48 > 1280 ? 1280 : len + 48);
		assert_memory_equal(out + 48, p, n - 48);
		assert_true(icmp6_checksum_ok(out, n));
		assert_int_equal(out[ICMP_ERROR_MAX], 0x5a);
	}
}

static size_t
error_about(const uint8_t *in, size_t len, size_t at, uint8_t value, uint8_t type)
{
	struct ip_addr from = addr(in[0] >> 4 == 4 ? "10.8.0.1" : "fd00:8::1");
	uint8_t p[128], out[ICMP_ERROR_MAX];

	memcpy(p, in, len);
	if (at < len)
		p[at] = value;
	return icmp_error(out, &from, type, 0, 0, p, len);
}

static void
test_no_errors_about_these(void **state)
{
	struct ip_addr from4 = addr("10.8.0.1");
	uint8_t out[ICMP_ERROR_MAX], p[128];

	/* ICMP errors; queries and their answers are fair */
	assert_int_equal(error_about(udp4_expired, sizeof(udp4_expired), 200, 0, 3), 0);
	assert_int_equal(error_about(udp6_unreachable, sizeof(udp6_unreachable), 200, 0, 1), 0);
	assert_int_not_equal(error_about(echo4, sizeof(echo4), 200, 0, 3), 0);
	assert_int_not_equal(error_about(echo6_reply, sizeof(echo6_reply), 200, 0, 1), 0);
	assert_int_equal(error_about(echo4, sizeof(echo4), 20, 5, 3), 0); /* redirect */
	assert_int_equal(error_about(echo6, sizeof(echo6), 40, 137, 1), 0);
	/* fragments: the first may be answered */
	assert_int_equal(error_about(udp4, sizeof(udp4), 7, 1, 3), 0);
	assert_int_not_equal(error_about(udp4, sizeof(udp4), 6, 0x20, 3), 0);
	/* groups, broadcast, martians */
	assert_int_equal(error_about(udp4, sizeof(udp4), 16, 224, 3), 0);
	assert_int_equal(error_about(udp4, sizeof(udp4), 16, 255, 3), 0);
	assert_int_equal(error_about(udp4, sizeof(udp4), 12, 0, 3), 0);
	assert_int_equal(error_about(udp4, sizeof(udp4), 12, 127, 3), 0);
	assert_int_equal(error_about(udp4, sizeof(udp4), 12, 240, 3), 0);
	assert_int_equal(error_about(udp6, sizeof(udp6), 8, 0xff, 1), 0);
	assert_int_equal(error_about(udp6, sizeof(udp6), 24, 0xff, 1), 0);
	assert_int_not_equal(error_about(udp6, sizeof(udp6), 24, 0xff, 2), 0);
	memcpy(p, udp6, sizeof(udp6));
	memset(p + 8, 0, 16);
	assert_int_equal(error_about(p, sizeof(udp6), 200, 0, 1), 0); /* :: */
	assert_int_equal(error_about(p, sizeof(udp6), 23, 1, 1), 0); /* ::1 */
	/* malformed, or of the other family */
	for (size_t len = 1; len < sizeof(udp4); len++)
		assert_int_equal(error_about(udp4, len, 200, 0, 3), 0);
	for (size_t len = 1; len < sizeof(udp6); len++)
		assert_int_equal(error_about(udp6, len, 200, 0, 1), 0);
	assert_int_equal(icmp_error(out, &from4, 3, 0, 0, udp6, sizeof(udp6)), 0);
	assert_int_equal(icmp_error(out, &from4, 3, 0, 0, udp4, 0), 0);
}

/* An ICMPv6 error stays one behind extension headers, whole or cut short. */
static void
test_extension_headers(void **state)
{
	struct ip_addr from = addr("fd00:8::1");
	uint8_t p[64] = {0}, out[ICMP_ERROR_MAX];
	const size_t len = sizeof(p);

	memcpy(p, udp6, 40);
	p[5] = len - 40;
	p[6] = 0; /* hop-by-hop, 8 bytes */
	p[40] = 44; /* fragment */
	p[48] = 58;
	p[56] = 1; /* destination unreachable */
	assert_int_equal(icmp_error(out, &from, 1, 0, 0, p, len), 0);
	p[56] = 128;
	assert_int_not_equal(icmp_error(out, &from, 1, 0, 0, p, len), 0);
	p[51] = 8; /* a later fragment */
	assert_int_equal(icmp_error(out, &from, 1, 0, 0, p, len), 0);
	p[51] = 1; /* the first one of several */
	assert_int_not_equal(icmp_error(out, &from, 1, 0, 0, p, len), 0);
	p[41] = 200; /* longer than the packet */
	assert_int_equal(icmp_error(out, &from, 1, 0, 0, p, len), 0);
}

/* ---- limits -------------------------------------------------------------- */

static unsigned
allowed(struct icmp_limiter *l, const char *to, unsigned n, uint64_t now)
{
	struct ip_addr a = addr(to);
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += icmp_limiter_allow(l, &a, now);
	return count;
}

static void
test_limit_of_one_destination(void **state)
{
	struct icmp_limiter l;
	uint64_t now = 5 * SEC;

	icmp_limiter_init(&l, 1000, 1000, 10, 20, 12345, now);
	assert_int_equal(allowed(&l, "192.0.2.1", 100, now), 20);
	assert_int_equal(allowed(&l, "192.0.2.1", 100, now + 99 * MS), 0);
	assert_int_equal(allowed(&l, "192.0.2.1", 100, now + 100 * MS), 1);
	assert_int_equal(allowed(&l, "192.0.2.1", 100, now + 1100 * MS), 10);
	assert_int_equal(allowed(&l, "192.0.2.1", 100, now + 3600 * SEC), 20);
	/* A clock that stands still or steps back gives nothing. */
	assert_int_equal(allowed(&l, "192.0.2.1", 100, now), 0);
}

static void
test_limit_ipv6_counts_a_network(void **state)
{
	struct icmp_limiter l;

	icmp_limiter_init(&l, 1000, 1000, 10, 20, 12345, SEC);
	assert_int_equal(allowed(&l, "2001:db8::1", 15, SEC), 15);
	assert_int_equal(allowed(&l, "2001:db8::2", 15, SEC), 5);
}

static void
test_limit_in_all(void **state)
{
	struct icmp_limiter l;
	unsigned count = 0;

	icmp_limiter_init(&l, 1000, 200, 10, 20, 12345, SEC);
	for (unsigned i = 0; i < 1000; i++) {
		struct ip_addr a = {.family = IP_V4, .bytes = {10, 0, i >> 8, i}};

		count += icmp_limiter_allow(&l, &a, SEC);
	}
	assert_int_equal(count, 200);
	/* Small steps of the clock lose nothing: 1 s in steps of 0.3 ms. */
	for (unsigned i = 0; i < 3334; i++) {
		struct ip_addr a = {.family = IP_V4, .bytes = {10, 0, i >> 8, i}};

		count += icmp_limiter_allow(&l, &a, SEC + i * 300000);
	}
	assert_in_range(count, 1195, 1200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo_known_answers),
		cmocka_unit_test(test_echo_refused),
		cmocka_unit_test(test_error_known_answers),
		cmocka_unit_test(test_error_quotes),
		cmocka_unit_test(test_no_errors_about_these),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_limit_of_one_destination),
		cmocka_unit_test(test_limit_ipv6_counts_a_network),
		cmocka_unit_test(test_limit_in_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
