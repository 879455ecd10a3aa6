/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/pacer.h"

void
pacer_start(struct pacer *p, double per_second, uint64_t now_ns)
{
	double backlog = per_second / 1e9 * PACER_CATCH_UP_NS;

	*p = (struct pacer){.per_ns = per_second / 1e9, .start_ns = now_ns};
	p->backlog_max = backlog > PACER_CATCH_UP_MIN ? (uint64_t)backlog : PACER_CATCH_UP_MIN;
}

unsigned
pacer_due(struct pacer *p, uint64_t now_ns, unsigned max)
{
	uint64_t target, backlog;

	if (p->per_ns <= 0)
		return max;
	/* The first one is due at once. */
	target = (uint64_t)((double)(now_ns - p->start_ns) * p->per_ns) + 1;
	if (target <= p->done)
		return 0;
	backlog = target - p->done;
	if (backlog > p->backlog_max) {
		p->missed += backlog - p->backlog_max;
		p->done += backlog - p->backlog_max;
		backlog = p->backlog_max;
	}
	return backlog < max ? (unsigned)backlog : max;
}

void
pacer_take(struct pacer *p, unsigned n)
{
	p->done += n;
}

uint64_t
pacer_wait_ns(const struct pacer *p, uint64_t now_ns)
{
	double at;

	if (p->per_ns <= 0)
		return 0;
	at = (double)p->start_ns + (double)p->done / p->per_ns;
	return at > (double)now_ns ? (uint64_t)(at - (double)now_ns) : 0;
}
