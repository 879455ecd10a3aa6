/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fair shares of a bounded ring. Under tail drop whoever sends most keeps all
 * others out; here a port, and a source, may hold at most a certain part of
 * what is still free: dynamic thresholds, as buffers of switches have them
 * (Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory
 * Packet Switches", IEEE/ACM Transactions on Networking 6(2), 1998). One that
 * floods alone gets much, many get less each, and room is always left for the
 * next one. Nobody needs to be told of or forgotten: what is held is the
 * difference of two counters.
 *
 * Sources share buckets of a hash (sources.h): who has bad luck shares the lot
 * of a neighbour in it, whom nobody can choose.
 */
#ifndef DATAPLANE_SHARES_H
#define DATAPLANE_SHARES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <rte_common.h>

#include "dataplane/port.h"
#include "dataplane/sources.h"

/*
 * A port may hold as much as is free, so half of the ring alone; a source a
 * quarter of that, so a fifth alone: more than the eighth from which on
 * cookies are demanded, or a flood from one source would never be load.
 */
#define SHARES_SOURCE_PART 4

struct share_counts {
	_Atomic uint32_t port[PORT_MAX]; /* by struct port.id */
	_Atomic uint32_t source[SOURCE_BUCKETS];
} __rte_cache_aligned;

struct shares {
	struct share_counts put; /* the worker writes */
	struct share_counts taken; /* control writes, the worker reads */
};

/* Worker: count one more in, of which so many fit; false when port or source hold their share. */
bool shares_put(struct shares *s, unsigned free, uint8_t port, uint16_t source);
/* Control: one was taken out. */
void shares_take(struct shares *s, uint8_t port, uint16_t source);

#endif
