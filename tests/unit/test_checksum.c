/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/checksum.h"
#include "dataplane/checksum_impl.h"

/* RFC 1071, section 4.1, word by word; the words are taken in memory order. */
static uint16_t
oracle(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint64_t)p[i] << (i % 2 == 0 ? 0 : 8);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Allocated so that its end is the buffer's: a sanitizer sees a byte read too far. */
static void
check(const struct checksum_impl *impl, const uint8_t *from, size_t len, size_t offset)
{
	uint8_t *buf = malloc(offset + len);
	uint16_t want, got;

	assert_non_null(offset + len == 0 ? (void *)1 : buf);
	if (len != 0)
		memcpy(buf + offset, from, len);
	want = oracle(buf + offset, len);
	got = checksum_finish(impl->sum(buf + offset, len));
	if (got != want)
		fail_msg("%s: length %zu, offset %zu: %04x, not %04x", impl->name, len, offset, got,
			want);
	free(buf);
}

static void
test_every_length_and_alignment(void **state)
{
	uint8_t data[2048];
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(data); i++) {
		x = x * 1664525 + 1013904223;
		data[i] = x >> 24;
	}
	for (unsigned i = 0; i < CHECKSUM_IMPLS; i++) {
		if (!checksum_impls[i].usable())
			continue;
		for (size_t len = 0; len <= sizeof(data); len++)
			check(&checksum_impls[i], data, len, len % 64);
		for (size_t offset = 0; offset < 64; offset++) {
			check(&checksum_impls[i], data, 1420, offset);
			check(&checksum_impls[i], data, 61, offset);
		}
	}
}

/* All ones carry in every lane; all zeros must give zero, not its other form. */
static void
test_extremes(void **state)
{
	static const size_t lens[] = {0, 1, 2, 63, 64, 65, 1500, 65535, 65536, CHECKSUM_CHUNK - 1,
		CHECKSUM_CHUNK, CHECKSUM_CHUNK + 1, 9 * CHECKSUM_CHUNK + 77};
	size_t max = lens[sizeof(lens) / sizeof(lens[0]) - 1];
	uint8_t *data = malloc(max);

	assert_non_null(data);
	for (unsigned i = 0; i < CHECKSUM_IMPLS; i++) {
		if (!checksum_impls[i].usable())
			continue;
		for (size_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++) {
			memset(data, 0xff, max);
			check(&checksum_impls[i], data, lens[l], 0);
			memset(data, 0, max);
			check(&checksum_impls[i], data, lens[l], 0);
			assert_int_equal(checksum_impls[i].sum(data, lens[l]), 0);
		}
	}
	free(data);
}

/* The parts of a packet add up, and a packet with its checksum in place sums to zero. */
static void
test_parts_and_verification(void **state)
{
	/* RFC 1071's own example, section 3: 0001 f203 f4f5 f6f7 sum to ddf2 */
	static const uint8_t rfc[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	uint8_t p[100];
	uint16_t c;

	checksum_init();
	c = checksum_finish(checksum_sum(rfc, 8));
	assert_memory_equal(&c, ((uint8_t[]){0x22, 0x0d}), 2);
	for (unsigned i = 0; i < sizeof(p); i++)
		p[i] = 7 * i;
	assert_int_equal(checksum_finish(checksum_sum(p, 34) + checksum_sum(p + 34, 66)),
		oracle(p, sizeof(p)));
	memset(p + 10, 0, 2);
	c = checksum_finish(checksum_sum(p, sizeof(p)));
	memcpy(p + 10, &c, 2);
	assert_int_equal(checksum_finish(checksum_sum(p, sizeof(p))), 0);
	assert_int_equal(checksum_finish(UINT64_MAX), 0);
	assert_int_equal(checksum_finish(0), 0xffff);
}

static void
test_choice(void **state)
{
	unsigned i = 0;

	checksum_init();
	while (!checksum_impls[i].usable())
		i++;
	assert_string_equal(checksum_name(), checksum_impls[i].name);
	assert_ptr_equal(checksum_sum, checksum_impls[i].sum);
	assert_true(checksum_impls[CHECKSUM_IMPLS - 1].usable());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length_and_alignment),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_parts_and_verification),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
