/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_accel/crypto_accel.h"
#include "dataplane/index_table.h"
#include "tests/unit/eal.h"

#define N 1024

static struct index_table table;
static uint32_t indices[N];

static int
setup(void **state)
{
	char err[128];

	return eal_setup(state) != 0 || crypto_init(err, sizeof(err)) != 0 ? -1 : 0;
}

static void
test_each_index_leads_to_its_owner_alone(void **state)
{
	uint32_t one_more;

	assert_int_equal(index_table_init(&table, N), 0);
	for (uintptr_t i = 0; i < N; i++)
		assert_true(index_alloc(&table, (void *)(i + 1), &indices[i]));
	for (uintptr_t i = 0; i < N; i++) {
		assert_ptr_equal(index_owner(&table, indices[i]), (void *)(i + 1));
		/* Another index of the same slot is nobody's. */
		assert_null(index_owner(&table, indices[i] ^ 0x80000000));
		assert_null(index_lookup(&table, indices[i]));
	}
	/* Refused beyond a load of one half, rather than ever slower. */
	while (index_alloc(&table, &table, &one_more))
		assert_true(table.used <= table.mask / 2 + 1);
	assert_int_equal(table.used, table.mask / 2 + 1);
	index_table_fini(&table);
}

static void
test_sessions_come_and_go(void **state)
{
	struct session *s = (void *)indices;
	uint32_t index;

	assert_int_equal(index_table_init(&table, N), 0);
	assert_true(index_alloc(&table, &table, &index));
	index_publish(&table, index, s);
	assert_ptr_equal(index_lookup(&table, index), s);
	index_publish(&table, index, NULL);
	assert_null(index_lookup(&table, index));
	index_free(&table, index ^ 0x80000000); /* not allocated: nothing happens */
	assert_ptr_equal(index_owner(&table, index), &table);
	index_free(&table, index);
	assert_null(index_owner(&table, index));
	assert_int_equal(table.used, 0);
	index_table_fini(&table);
}

/* "Session indices from a predictable generator": high bits and slot are drawn anew. */
static void
test_predictable_session_index(void **state)
{
	unsigned same_slot = 0, ones[32] = {0};

	assert_int_equal(index_table_init(&table, N), 0);
	for (unsigned i = 0; i < N; i++) {
		assert_true(index_alloc(&table, &table, &indices[i]));
		index_free(&table, indices[i]);
		if (i > 0)
			same_slot += ((indices[i] ^ indices[i - 1]) & table.mask) == 0;
		for (unsigned bit = 0; bit < 32; bit++)
			ones[bit] += indices[i] >> bit & 1;
	}
	assert_true(same_slot < 16);
	/* Ten standard deviations either way: a stuck bit fails, chance does not. */
	for (unsigned bit = 0; bit < 32; bit++)
		assert_in_range(ones[bit], N / 2 - 160, N / 2 + 160);
	index_table_fini(&table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_index_leads_to_its_owner_alone),
		cmocka_unit_test(test_sessions_come_and_go),
		cmocka_unit_test(test_predictable_session_index),
	};

	return cmocka_run_group_tests(tests, setup, eal_teardown);
}
