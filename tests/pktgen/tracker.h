/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What became of the numbered packets of one flow: arrived, arrived twice, or
 * overtaken by a later one (RFC 4737, section 3.3: a number below the greatest
 * seen so far). What is lost, is what was sent less what arrived. Pure.
 */
#ifndef PKTGEN_TRACKER_H
#define PKTGEN_TRACKER_H

#include <stdint.h>

/*
 * Numbers this far below the greatest are told apart from duplicates; it must
 * exceed the replay window of the gateway (8128), which drops what is later.
 * One word of it is always being reused.
 */
#define TRACKER_BITS 8256
#define TRACKER_WORDS (TRACKER_BITS / 64)
#define TRACKER_WINDOW (TRACKER_BITS - 64)

enum tracker_verdict {
	TRACKER_IN_ORDER,
	TRACKER_REORDERED,
	TRACKER_DUPLICATE,
	TRACKER_TOO_LATE, /* before the window: whether it came before, nobody knows */
};

struct tracker {
	uint64_t next; /* one above the greatest number seen */
	uint64_t ring[TRACKER_WORDS];
};

/* All zero is a new flow's. number counts from 0. */
enum tracker_verdict tracker_receive(struct tracker *t, uint64_t number);
/* The packet's number, of which it carries the low 32 bits: the nearest to what is expected. */
uint64_t tracker_unwrap(const struct tracker *t, uint32_t low);

#endif
