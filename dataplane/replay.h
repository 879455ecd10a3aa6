/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replay window in the manner of RFC 6479: a ring of words, the one that the
 * window slides into is cleared instead of shifting all.
 *
 * The session's owner worker alone reads and writes it, and only for packets
 * that have authenticated: a forged counter must not move the window.
 */
#ifndef DATAPLANE_REPLAY_H
#define DATAPLANE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/messages.h"

#define REPLAY_BITS 8192
#define REPLAY_WORDS (REPLAY_BITS / 64)
/* One word is always being reused. Counters up to this much below the greatest are accepted. */
#define REPLAY_WINDOW (REPLAY_BITS - 64)

/*
 * All zero is a new session's. Embedded at an offset of 56 modulo 64, greatest
 * shares a line with what stands before it and a packet touches just one line
 * of the ring.
 */
struct replay_window {
	uint64_t greatest; /* counter accepted so far */
	uint64_t ring[REPLAY_WORDS];
};

/* The word that will be touched, to prefetch it. */
static inline const void *
replay_line(const struct replay_window *w, uint64_t counter)
{
	return &w->ring[(counter / 64) % REPLAY_WORDS];
}

/* Clear the words that the window slides into. */
static inline void
replay_slide(struct replay_window *w, uint64_t counter)
{
	uint64_t from = w->greatest / 64, steps = counter / 64 - from;

	if (steps > REPLAY_WORDS)
		steps = REPLAY_WORDS;
	for (uint64_t i = 1; i <= steps; i++)
		w->ring[(from + i) % REPLAY_WORDS] = 0;
}

/*
 * True when the counter is new, and then it is not new any more. The same
 * counters as in Linux and wireguard-go pass: also the one exactly
 * REPLAY_WINDOW below the greatest, and none from REJECT_AFTER_MESSAGES on.
 */
static inline bool
replay_accept(struct replay_window *w, uint64_t counter)
{
	uint64_t *slot = &w->ring[counter / 64 % REPLAY_WORDS];
	uint64_t bit = UINT64_C(1) << (counter % 64);

	if (__builtin_expect(counter > w->greatest, 1)) {
		if (__builtin_expect(counter >= REJECT_AFTER_MESSAGES, 0))
			return false;
		if (counter / 64 != w->greatest / 64)
			replay_slide(w, counter);
		w->greatest = counter;
	} else if (w->greatest - counter > REPLAY_WINDOW || (*slot & bit) != 0) {
		return false;
	}
	*slot |= bit;
	return true;
}

#endif
