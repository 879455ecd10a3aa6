/* SPDX-License-Identifier: BSD-3-Clause */
/* The defer queue is still experimental API in 22.11. */
#define ALLOW_EXPERIMENTAL_API
#include <rte_errno.h>
#include <rte_malloc.h>

#include "dataplane/rcu.h"

#define DEFER_QUEUE_SIZE 65536
#define RECLAIM_AT_ONCE 1024

struct deferred {
	void (*fn)(void *arg);
	void *arg;
};

struct rcu {
	struct rte_rcu_qsbr *qsbr;
	struct rte_rcu_qsbr_dq *dq;
	unsigned waiting; /* in dq */
	bool reclaiming;
};

/*
 * The queue has just seen these reports, but in a library, where
 * ThreadSanitizer does not look: see them once more where it does. Were one
 * missing, what that reader did since its last one would still be a race.
 */
static void
show_reports(const struct rcu *rcu)
{
#ifdef __SANITIZE_THREAD__
	for (uint32_t i = 0; i < rcu->qsbr->max_threads; i++)
		(void)__atomic_load_n(&rcu->qsbr->qsbr_cnt[i].cnt, __ATOMIC_ACQUIRE);
#else
	(void)rcu;
#endif
}

static void
run_deferred(void *p, void *entries, unsigned n)
{
	struct deferred *d = entries;
	struct rcu *rcu = p;

	show_reports(rcu);
	rcu->waiting -= n;
	for (unsigned i = 0; i < n; i++)
		d[i].fn(d[i].arg);
}

struct rcu *
rcu_create(unsigned n_readers)
{
	static unsigned serial; /* names of defer queues are process-wide */
	char name[RTE_RCU_QSBR_DQ_NAMESIZE];
	struct rte_rcu_qsbr_dq_parameters params = {
		.name = name,
		.size = DEFER_QUEUE_SIZE,
		.esize = sizeof(struct deferred),
		.trigger_reclaim_limit = UINT32_MAX, /* rcu_defer does it */
		.max_reclaim_size = RECLAIM_AT_ONCE,
		.free_fn = run_deferred,
	};
	struct rcu *rcu = rte_zmalloc("rcu", sizeof(*rcu), 0);

	if (rcu == NULL)
		return NULL;
	snprintf(name, sizeof(name), "wgdp_defer%u", serial++);
	rcu->qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(n_readers), RTE_CACHE_LINE_SIZE);
	if (rcu->qsbr == NULL || rte_rcu_qsbr_init(rcu->qsbr, n_readers) != 0)
		goto fail;
	params.v = rcu->qsbr;
	params.p = rcu;
	rcu->dq = rte_rcu_qsbr_dq_create(&params);
	if (rcu->dq == NULL)
		goto fail;
	return rcu;
fail:
	rte_free(rcu->qsbr);
	rte_free(rcu);
	return NULL;
}

void
rcu_destroy(struct rcu *rcu)
{
	if (rcu == NULL)
		return;
	while (rcu_reclaim(rcu))
		;
	rte_rcu_qsbr_dq_delete(rcu->dq);
	rte_free(rcu->qsbr);
	rte_free(rcu);
}

struct rte_rcu_qsbr *
rcu_qsbr(struct rcu *rcu)
{
	return rcu->qsbr;
}

void
rcu_defer(struct rcu *rcu, void (*fn)(void *arg), void *arg)
{
	struct deferred d = {fn, arg};
	bool within;

	/* What runs may defer in its turn; run from there, it would nest as deep as the queue. */
	if (rcu->waiting >= DEFER_QUEUE_SIZE / 2 && !rcu->reclaiming)
		rcu_reclaim(rcu);
	if (rte_rcu_qsbr_dq_enqueue(rcu->dq, &d) == 0) {
		rcu->waiting++;
		return;
	}
	/* The queue is full: waiting here is the bounded way out. */
	rcu_synchronize(rcu);
	within = rcu->reclaiming;
	rcu->reclaiming = true;
	fn(arg);
	rcu->reclaiming = within;
}

bool
rcu_reclaim(struct rcu *rcu)
{
	unsigned freed = 0, pending = 0, available = 0;
	bool within = rcu->reclaiming;

	rcu->reclaiming = true;
	rte_rcu_qsbr_dq_reclaim(rcu->dq, RECLAIM_AT_ONCE, &freed, &pending, &available);
	rcu->reclaiming = within;
	return pending != 0;
}

void
rcu_synchronize(struct rcu *rcu)
{
	rte_rcu_qsbr_synchronize(rcu->qsbr, RTE_QSBR_THRID_INVALID);
}
