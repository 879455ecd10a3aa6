/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/checksum.h"
#include "tests/pktgen/inner.h"

static struct inner
packet(bool v4, bool icmp, uint16_t size)
{
	struct inner p = {.icmp = icmp, .size = size};

	assert_true(ip_addr_parse(&p.from, v4 ? "10.8.0.1" : "fd00:8::1"));
	assert_true(ip_addr_parse(&p.to, v4 ? "10.8.1.200" : "fd00:8::2:1"));
	p.mark = (struct mark){
		.run = 0x12345678, .flow = 70000, .number_low = 99, .stamp = 1ULL << 40};
	return p;
}

static void
for_each_kind(void (*check)(const struct inner *p))
{
	for (unsigned kind = 0; kind < 4; kind++) {
		bool v4 = kind & 1;
		uint16_t min = v4 ? INNER_MIN_V4 : INNER_MIN_V6;
		const uint16_t sizes[] = {min, min + 1, 576, 1423, INNER_MAX};

		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct inner p = packet(v4, kind & 2, sizes[i]);

			check(&p);
		}
	}
}

static void
check_round_trip(const struct inner *p)
{
	static uint8_t at[INNER_MAX + 16];
	struct inner got;

	memset(at, 0, sizeof(at));
	inner_build(at, p);
	for (unsigned padding = 0; padding < 16; padding += 5) {
		assert_int_equal(inner_parse(at, p->size + padding, &got), INNER_OK);
		assert_true(ip_addr_equal(&got.from, &p->from));
		assert_true(ip_addr_equal(&got.to, &p->to));
		assert_memory_equal(&got.mark, &p->mark, sizeof(got.mark));
		assert_int_equal(got.size, p->size);
		assert_int_equal(got.icmp, p->icmp);
		assert_false(got.reply);
	}
	at[p->size + 3] = 1;
	assert_int_equal(inner_parse(at, p->size + 16, &got), INNER_DAMAGED);
}

static void
what_is_built_is_read_back(void **state)
{
	for_each_kind(check_round_trip);
}

/* Any byte but those of IPv6 that no checksum covers. */
static void
check_damage(const struct inner *p)
{
	static uint8_t at[INNER_MAX];
	struct inner got;

	for (unsigned i = 0; i < p->size; i += i < 80 ? 1 : 97) {
		inner_build(at, p);
		at[i] ^= 0x10;
		if (p->from.family == IP_V6 && (i < 4 || i == 7))
			continue;
		assert_int_not_equal(inner_parse(at, p->size, &got), INNER_OK);
	}
}

static void
damage_is_seen(void **state)
{
	for_each_kind(check_damage);
}

static void
check_cut(const struct inner *p)
{
	static uint8_t at[INNER_MAX];
	struct inner got;

	inner_build(at, p);
	for (unsigned len = 0; len < p->size; len += len < 80 ? 1 : 97)
		assert_int_equal(inner_parse(at, len, &got), INNER_DAMAGED);
}

static void
what_is_cut_short_is_damaged(void **state)
{
	for_each_kind(check_cut);
}

static void
others_packets_are_foreign(void **state)
{
	struct inner p = packet(true, false, 100), got;
	uint8_t at[100];

	inner_build(at, &p);
	at[23] ^= 1; /* the destination port */
	assert_int_equal(inner_parse(at, sizeof(at), &got), INNER_FOREIGN);
}

static int
setup(void **state)
{
	checksum_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_is_read_back),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(what_is_cut_short_is_damaged),
		cmocka_unit_test(others_packets_are_foreign),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
