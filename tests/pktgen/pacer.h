/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many packets are due: an open loop, which does not slow down because
 * the other side does. Pure; times in ns of any monotonic clock.
 */
#ifndef PKTGEN_PACER_H
#define PKTGEN_PACER_H

#include <stdint.h>

/*
 * What a stall of the generator (another process on its CPU) has left undone is
 * made up for only this far, since a burst at line rate would overflow
 * queues which the rate asked for would not. The rest is never sent, and counted.
 */
#define PACER_CATCH_UP_NS 2000000ULL
#define PACER_CATCH_UP_MIN 64

struct pacer {
	double per_ns; /* 0: as fast as it goes */
	uint64_t start_ns;
	uint64_t done; /* taken, and given up */
	uint64_t missed; /* given up */
	uint64_t backlog_max;
};

/* per_second 0 is without limit. */
void pacer_start(struct pacer *p, double per_second, uint64_t now_ns);
/* At most max. Also gives up what is too late. */
unsigned pacer_due(struct pacer *p, uint64_t now_ns, unsigned max);
/* n of them were sent. */
void pacer_take(struct pacer *p, unsigned n);
/* Until the next one is due; 0 when one is. */
uint64_t pacer_wait_ns(const struct pacer *p, uint64_t now_ns);

#endif
