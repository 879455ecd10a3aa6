/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one clock of workers and control: nanoseconds since start, from the
 * TSC. Both sides compare each other's timestamps, so both must read the same
 * clock; the error of the TSC's calibration (1e-4) matters to no timer here.
 */
#ifndef DATAPLANE_CLOCK_H
#define DATAPLANE_CLOCK_H

#include <stdint.h>
#include <rte_cycles.h>

#include "dataplane/messages.h"

struct dp_clock {
	uint64_t base_tsc;
	uint64_t mult; /* ns per cycle, 32.32 fixed point */
};
extern struct dp_clock dp_clock; /* written once by dp_clock_init before threads start */

/* After rte_eal_init. Time starts at one second, so that 0 can mean "never". */
void dp_clock_init(void);

static inline uint64_t
dp_ns_of_tsc(uint64_t tsc)
{
	return NS_PER_SEC +
	       (uint64_t)(((unsigned __int128)(tsc - dp_clock.base_tsc) * dp_clock.mult) >> 32);
}

static inline uint64_t
dp_now_ns(void)
{
	return dp_ns_of_tsc(rte_rdtsc());
}

#endif
