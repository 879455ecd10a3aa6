/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/tracker.h"

/* The window slides up to number; the words that it enters are cleared. */
static void
advance(struct tracker *t, uint64_t number)
{
	uint64_t from = t->next == 0 ? 0 : (t->next - 1) / 64;
	uint64_t steps = number / 64 - from;

	if (steps > TRACKER_WORDS)
		steps = TRACKER_WORDS;
	for (uint64_t i = 1; i <= steps; i++)
		t->ring[(from + i) % TRACKER_WORDS] = 0;
	t->next = number + 1;
}

enum tracker_verdict
tracker_receive(struct tracker *t, uint64_t number)
{
	uint64_t *word = &t->ring[(number / 64) % TRACKER_WORDS];
	uint64_t bit = 1ULL << (number % 64);

	if (number >= t->next) {
		advance(t, number);
		*word |= bit;
		return TRACKER_IN_ORDER;
	}
	if (t->next - 1 - number > TRACKER_WINDOW)
		return TRACKER_TOO_LATE;
	if (*word & bit)
		return TRACKER_DUPLICATE;
	*word |= bit;
	return TRACKER_REORDERED;
}

uint64_t
tracker_unwrap(const struct tracker *t, uint32_t low)
{
	int32_t ahead = (int32_t)(low - (uint32_t)t->next);

	/* Nothing is before the flow's beginning. */
	if (ahead < 0 && t->next < -(uint64_t)(int64_t)ahead)
		return low;
	return t->next + (int64_t)ahead;
}
