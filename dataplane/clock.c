/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clock.h"

struct dp_clock dp_clock;

void
dp_clock_init(void)
{
	dp_clock.base_tsc = rte_rdtsc();
	dp_clock.mult = (uint64_t)(((unsigned __int128)NS_PER_SEC << 32) / rte_get_tsc_hz());
}
