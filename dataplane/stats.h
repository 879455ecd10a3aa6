/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers count. Each worker writes its own block with plain stores;
 * any thread reads them with relaxed loads and adds them up.
 */
#ifndef DATAPLANE_STATS_H
#define DATAPLANE_STATS_H

#include <stdint.h>

#include "dataplane/drop.h"
#include "dataplane/port.h"

/* WireGuard interfaces of one gateway. */
#define IFACE_MAX 64
#define IFACE_NONE IFACE_MAX /* drops that belong to no interface */

#define STAGES(X) \
	X(mailbox) \
	X(rx) \
	X(classify) \
	X(handoff) \
	X(decap) \
	X(open) \
	X(deliver) /* after opening: replay, endpoint, source check */ \
	X(forward) \
	X(encap) \
	X(seal) \
	X(output) /* outer headers and checksums, next hop */ \
	X(tx)

enum stage {
#define X(name) STAGE_##name,
	STAGES(X)
#undef X
		STAGE_COUNT
};

extern const char *const stage_name[STAGE_COUNT];

#define BURST_CLASSES 7

static inline unsigned
burst_class(unsigned packets)
{
	return 31 - (unsigned)__builtin_clz(packets);
}

struct worker_stats {
	uint64_t busy_cycles; /* TSC, of loop turns that had work */
	uint64_t idle_cycles; /* TSC, all others, naps included */
	uint64_t rx_packets, tx_packets; /* at the ports */
	/* Bursts that a queue gave, by size: 1, 2 to 3, 4 to 7, and so on up to a full one. */
	uint64_t rx_bursts[BURST_CLASSES];
	uint64_t stage_cycles[STAGE_COUNT]; /* TSC, extrapolated from the turns that are timed */
	uint64_t stage_packets[STAGE_COUNT];
	uint64_t drops[DROP_REASON_COUNT][IFACE_MAX + 1];
};

#endif
