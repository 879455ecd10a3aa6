/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/replay.h"

struct step {
	uint64_t counter;
	bool accepted;
};

static void
walk(const struct step *steps, size_t n)
{
	struct replay_window w = {0};

	for (size_t i = 0; i < n; i++)
		if (replay_accept(&w, steps[i].counter) != steps[i].accepted)
			fail_msg("step %zu: counter %llu", i, (unsigned long long)steps[i].counter);
}

#define WALK(...) \
	do { \
		static const struct step steps[] = {__VA_ARGS__}; \
		walk(steps, sizeof(steps) / sizeof(steps[0])); \
	} while (0)

static void
first_counters(void **state)
{
	WALK({0, true}, {0, false}, {1, true}, {1, false}, {9, true}, {8, true}, {7, true},
		{7, false}, {8, false}, {9, false}, {10, true}, {2, true}, {2, false}, {0, false});
	WALK({5, true}, {0, true}, {0, false});
	WALK({63, true}, {64, true}, {63, false}, {62, true}, {65, true}, {64, false});
}

static void
window_is_8128_below_the_greatest(void **state)
{
	assert_int_equal(REPLAY_WINDOW, 8128);
	WALK({REPLAY_WINDOW, true}, {0, true}, {0, false}, {1, true});
	WALK({REPLAY_WINDOW + 1, true}, {0, false}, {1, true}, {1, false}, {2, true});
	WALK({0, true}, {REPLAY_WINDOW, true}, {0, false});
	WALK({20000, true}, {20000 - REPLAY_WINDOW, true}, {20000 - REPLAY_WINDOW - 1, false});
}

static void
great_leaps_forget_all(void **state)
{
	WALK({3, true}, {3 + REPLAY_BITS, true}, {3, false}, {3 + REPLAY_BITS, false},
		{3 + REPLAY_BITS - 64, true});
	WALK({3, true}, {1ULL << 40, true}, {(1ULL << 40) - 8000, true}, {3, false},
		{(1ULL << 40) + 1, true});
	/* Exactly round the ring: the same word and bit. */
	WALK({100, true}, {100 + REPLAY_BITS, true}, {100 + REPLAY_BITS, false},
		{101 + REPLAY_BITS, true}, {99 + REPLAY_BITS, true});
}

static void
counters_end_at_reject_after_messages(void **state)
{
	WALK({REJECT_AFTER_MESSAGES - 1, true}, {REJECT_AFTER_MESSAGES - 1, false},
		{REJECT_AFTER_MESSAGES, false}, {REJECT_AFTER_MESSAGES + 1, false},
		{UINT64_MAX, false}, {REJECT_AFTER_MESSAGES - 2, true});
	WALK({UINT64_MAX, false}, {0, true}, {1, true});
	assert_true(REJECT_AFTER_MESSAGES == 0xffffffffffffdfffULL);
}

static void
in_order_and_in_reverse(void **state)
{
	struct replay_window w = {0};

	for (uint64_t i = 0; i < 3 * REPLAY_BITS; i++) {
		assert_true(replay_accept(&w, i));
		assert_false(replay_accept(&w, i));
	}
	memset(&w, 0, sizeof(w));
	for (uint64_t i = 0; i <= REPLAY_WINDOW; i++)
		assert_true(replay_accept(&w, REPLAY_WINDOW - i));
	for (uint64_t i = 0; i <= REPLAY_WINDOW; i++)
		assert_false(replay_accept(&w, i));
}

/* One byte a counter: obviously right, and slow. */
#define ORACLE_SPAN 400000

static bool
oracle_accept(uint8_t *seen, uint64_t *greatest, uint64_t counter)
{
	if (*greatest > counter && *greatest - counter > REPLAY_WINDOW)
		return false;
	if (seen[counter])
		return false;
	seen[counter] = 1;
	if (counter > *greatest)
		*greatest = counter;
	return true;
}

static void
agrees_with_a_slow_oracle(void **state)
{
	uint8_t *seen = calloc(1, ORACLE_SPAN);

	assert_non_null(seen);
	for (unsigned seed = 1; seed <= 20; seed++) {
		struct replay_window w = {0};
		uint64_t greatest = 0;

		srandom(seed);
		memset(seen, 0, ORACLE_SPAN);
		for (int i = 0; i < 100000; i++) {
			/* Mostly around the greatest, at times behind the window or ahead. */
			int64_t reach = random() % 50 == 0 ? 20000 : random() % 5 == 0 ? 8200 : 40;
			int64_t c = (int64_t)greatest + 8 - random() % reach;

			if (random() % 3000 == 0)
				c = (int64_t)greatest + random() % 12000;
			if (c < 0 || c >= ORACLE_SPAN)
				continue;
			if (replay_accept(&w, c) != oracle_accept(seen, &greatest, c))
				fail_msg("seed %u, step %d, counter %lld, greatest %llu", seed, i,
					(long long)c, (unsigned long long)greatest);
		}
		assert_true(greatest > 10 * REPLAY_BITS);
	}
	free(seen);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_counters),
		cmocka_unit_test(window_is_8128_below_the_greatest),
		cmocka_unit_test(great_leaps_forget_all),
		cmocka_unit_test(counters_end_at_reject_after_messages),
		cmocka_unit_test(in_order_and_in_reverse),
		cmocka_unit_test(agrees_with_a_slow_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
