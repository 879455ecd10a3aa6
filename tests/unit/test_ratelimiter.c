/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "control/ratelimiter.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/messages.h"

#define T0 (1000 * NS_PER_SEC)

static struct ip_addr
addr(const char *s)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(&a, s));
	return a;
}

static struct ip_addr
numbered(uint32_t n)
{
	struct ip_addr a = {
		.family = IP_V4, .bytes = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};

	return a;
}

static unsigned
allowed(struct ratelimiter *r, const struct ip_addr *a, uint64_t now_ns, unsigned tries)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += ratelimiter_allow(r, a, now_ns);
	return n;
}

static void
burst_of_5_then_one_each_50_ms(void **state)
{
	struct ratelimiter *r = ratelimiter_create(1000);
	struct ip_addr a = addr("192.0.2.1");

	assert_int_equal(allowed(r, &a, T0, 100), 5);
	assert_int_equal(allowed(r, &a, T0 + 50 * NS_PER_MS - 1, 10), 0);
	assert_int_equal(allowed(r, &a, T0 + 50 * NS_PER_MS, 10), 1);
	assert_int_equal(allowed(r, &a, T0 + 200 * NS_PER_MS, 10), 3);
	assert_int_equal(allowed(r, &a, T0 + 10 * NS_PER_SEC, 10), 5);
	ratelimiter_destroy(r);
}

static void
flood_gets_20_each_second(void **state)
{
	struct ratelimiter *r = ratelimiter_create(1000);
	struct ip_addr a = addr("192.0.2.1");
	unsigned n = 0;

	for (uint64_t t = 0; t < 10 * NS_PER_SEC; t += NS_PER_MS)
		n += ratelimiter_allow(r, &a, T0 + t);
	assert_in_range(n, 200, 205);
	ratelimiter_destroy(r);
}

static void
sources_are_ipv4_addresses_and_ipv6_64s(void **state)
{
	struct ratelimiter *r = ratelimiter_create(1000);
	struct ip_addr v4 = addr("192.0.2.1"), other_v4 = addr("192.0.2.2");
	struct ip_addr v6 = addr("2001:db8:0:1::1"), same_64 = addr("2001:db8:0:1:ffff::2");
	struct ip_addr other_64 = addr("2001:db8:0:2::1");
	struct ip_addr like_v4 = addr("0:0:c000:201::"); /* its bits in the low half */

	assert_int_equal(allowed(r, &v4, T0, 9), 5);
	assert_int_equal(allowed(r, &other_v4, T0, 9), 5);
	assert_int_equal(allowed(r, &like_v4, T0, 9), 5);
	assert_int_equal(allowed(r, &v6, T0, 3), 3);
	assert_int_equal(allowed(r, &same_64, T0, 9), 2);
	assert_int_equal(allowed(r, &other_64, T0, 9), 5);
	ratelimiter_destroy(r);
}

static void
many_sources_never_get_more_and_make_room_again(void **state)
{
	struct ratelimiter *r = ratelimiter_create(1024);
	unsigned served = 0, again;

	/* Far more than there is room for: none gets a sixth, the surplus is refused. */
	for (uint32_t i = 0; i < 100000; i++) {
		struct ip_addr a = numbered(i);
		unsigned n = allowed(r, &a, T0, 6);

		assert_true(n == 0 || n == 5);
		served += n == 5;
	}
	assert_in_range(served, 900, 1024);
	for (uint32_t i = 0; i < 100000; i++) {
		struct ip_addr a = numbered(i);

		assert_false(ratelimiter_allow(r, &a, T0));
	}
	/* When their tokens are back, their places are free. */
	again = 0;
	for (uint32_t i = 200000; i < 300000; i++) {
		struct ip_addr a = numbered(i);

		again += allowed(r, &a, T0 + 250 * NS_PER_MS, 6) == 5;
	}
	assert_in_range(again, 900, 1024);
	ratelimiter_destroy(r);
}

static void
ten_thousand_clients_at_once_are_served(void **state)
{
	struct ratelimiter *r = ratelimiter_create(32768);
	unsigned served = 0;

	for (uint32_t i = 0; i < 10000; i++) {
		struct ip_addr a = numbered(i);

		served += ratelimiter_allow(r, &a, T0);
	}
	assert_in_range(served, 9900, 10000);
	ratelimiter_destroy(r);
}

/* A source must not get a second place when an earlier one in its set is freed. */
static void
freed_places_do_not_double_a_source(void **state)
{
	struct ratelimiter *r = ratelimiter_create(64);
	struct ip_addr a[40];
	unsigned n[40] = {0};

	for (uint32_t i = 0; i < 40; i++)
		a[i] = numbered(i);
	for (uint64_t t = 0; t < 5 * NS_PER_SEC; t += 10 * NS_PER_MS)
		for (uint32_t i = 0; i < 40; i++)
			if (i >= 20 || t % (600 * NS_PER_MS) < 20 * NS_PER_MS)
				n[i] += ratelimiter_allow(r, &a[i], T0 + t);
	for (uint32_t i = 0; i < 40; i++)
		assert_in_range(n[i], 0, 105);
	ratelimiter_destroy(r);
}

/* Whose address is spoofed gets so many of them, others lose nothing by it. */
static void
replies_to_a_bucket_are_bounded_each_second(void **state)
{
	static struct reply_limiter l;

	for (unsigned second = 0; second < 3; second++) {
		uint64_t now = T0 + second * NS_PER_SEC;

		for (unsigned i = 0; i < REPLIES_PER_SECOND; i++)
			assert_true(reply_limiter_allow(&l, 7, now + i));
		assert_false(reply_limiter_allow(&l, 7, now));
		assert_false(reply_limiter_allow(&l, 7, now + NS_PER_SEC - 1));
		assert_true(reply_limiter_allow(&l, 8, now + NS_PER_SEC - 1));
		assert_true(reply_limiter_allow(&l, SOURCE_BUCKETS - 1, now + NS_PER_SEC - 1));
	}
}

static void
so_many_a_second_and_how_many_were_more(void **state)
{
	struct per_second p = {0};
	uint32_t refused;

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(per_second_allow(&p, 3, T0 + i, NULL), i < 3);
	assert_true(per_second_allow(&p, 3, T0 + NS_PER_SEC, &refused));
	assert_int_equal(refused, 2);
	assert_true(per_second_allow(&p, 3, T0 + NS_PER_SEC, &refused));
	assert_int_equal(refused, 0);
	assert_true(per_second_allow(&p, 3, T0 + 2 * NS_PER_SEC, &refused));
	assert_int_equal(refused, 0);
}

static void
cookie_threshold_is_an_eighth_of_the_queue_for_a_second(void **state)
{
	struct under_load u = {0};

	assert_false(under_load_update(&u, 0, 4096, T0));
	assert_false(under_load_update(&u, 511, 4096, T0));
	assert_true(under_load_update(&u, 512, 4096, T0));
	assert_true(under_load_update(&u, 0, 4096, T0 + NS_PER_SEC - 1));
	assert_false(under_load_update(&u, 0, 4096, T0 + NS_PER_SEC));
	assert_true(under_load_update(&u, 4096, 4096, T0 + 2 * NS_PER_SEC));
	assert_true(under_load_update(&u, 600, 4096, T0 + 3 * NS_PER_SEC - 1));
	assert_true(under_load_update(&u, 0, 4096, T0 + 4 * NS_PER_SEC - 2));
}

static void
load_begins_in_tiny_queues_too_but_not_in_empty_ones(void **state)
{
	struct under_load u = {0};

	assert_false(under_load_update(&u, 0, 4, T0));
	assert_true(under_load_update(&u, 1, 4, T0));
}

static int
setup(void **state)
{
	char err[128];

	return crypto_init(err, sizeof(err));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_of_5_then_one_each_50_ms),
		cmocka_unit_test(flood_gets_20_each_second),
		cmocka_unit_test(sources_are_ipv4_addresses_and_ipv6_64s),
		cmocka_unit_test(many_sources_never_get_more_and_make_room_again),
		cmocka_unit_test(ten_thousand_clients_at_once_are_served),
		cmocka_unit_test(freed_places_do_not_double_a_source),
		cmocka_unit_test(replies_to_a_bucket_are_bounded_each_second),
		cmocka_unit_test(so_many_a_second_and_how_many_were_more),
		cmocka_unit_test(cookie_threshold_is_an_eighth_of_the_queue_for_a_second),
		cmocka_unit_test(load_begins_in_tiny_queues_too_but_not_in_empty_ones),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
