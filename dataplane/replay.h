/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replay window in the manner of RFC 6479: a ring of words, the one that the
 * window slides into is cleared instead of shifting all. The newest word is
 * not in the ring yet but beside the greatest counter, so that packets in
 * order touch one line, and the ring at every 64th.
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
/*
 * One word of the ring waits for the newest. Counters up to this much below the
 * greatest are accepted.
 */
#define REPLAY_WINDOW (REPLAY_BITS - 64)

/* All zero is a new session's. */
struct replay_window {
	uint64_t greatest; /* counter accepted so far */
	uint64_t newest; /* the word of greatest */
	uint64_t ring[REPLAY_WORDS]; /* those before it */
};

/* The newest word goes into the ring, and those that the window slides over are clear. */
static inline void
replay_slide(struct replay_window *w, uint64_t counter)
{
	uint64_t from = w->greatest / 64, over = counter / 64 - from - 1;

	w->ring[from % REPLAY_WORDS] = w->newest;
	if (over > REPLAY_WORDS)
		over = REPLAY_WORDS;
	for (uint64_t i = 1; i <= over; i++)
		w->ring[(from + i) % REPLAY_WORDS] = 0;
	w->newest = 0;
}

static inline bool
replay_accept_late(struct replay_window *w, uint64_t counter)
{
	uint64_t *word = counter / 64 == w->greatest / 64 ? &w->newest
							  : &w->ring[counter / 64 % REPLAY_WORDS];
	uint64_t bit = UINT64_C(1) << (counter % 64);

	if (w->greatest - counter > REPLAY_WINDOW || (*word & bit) != 0)
		return false;
	*word |= bit;
	return true;
}

/*
 * True when the counter is new, and then it is not new any more. The same
 * counters as in Linux and wireguard-go pass: also the one exactly
 * REPLAY_WINDOW below the greatest, and none from REJECT_AFTER_MESSAGES on.
 */
static inline bool
replay_accept(struct replay_window *w, uint64_t counter)
{
	if (__builtin_expect(counter <= w->greatest, 0))
		return replay_accept_late(w, counter);
	if (__builtin_expect(counter >= REJECT_AFTER_MESSAGES, 0))
		return false;
	if (counter / 64 != w->greatest / 64)
		replay_slide(w, counter);
	w->greatest = counter;
	w->newest |= UINT64_C(1) << (counter % 64);
	return true;
}

#endif
