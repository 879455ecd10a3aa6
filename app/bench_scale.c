/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wgdp-bench path with two workers, and under overload. Each worker has queues,
 * packets and peers of its own, as RSS would give it: what is measured is what
 * they share (tables, the buffers' pool, caches and memory of the machine).
 * Beside it, in turns, a loop of nothing but AEAD on the same CPUs, since two
 * CPUs of a machine are seldom twice one.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "app/bench.h"
#include "app/bench_gateway.h"
#include "app/bench_path.h"

#define ROUNDS_MAX 256
#define BUFFER_SIZE 1536
#define AEAD_BURST 32

/* One worker's part of a measurement. */
struct leg {
	unsigned worker, together; /* legs that begin at once */
	enum bench_way way;
	unsigned size;
	bool aead; /* only that */
	double offered; /* cycles from one arrival to the next; 0: all wait from the start */
	double rate; /* packets a cycle; the result */
	int status;
};

static uint8_t buffers[GATEWAY_WORKERS_MAX][GATEWAY_REFILL][BUFFER_SIZE];
static struct aead_op ops[GATEWAY_WORKERS_MAX][GATEWAY_REFILL];
static uint8_t keys[GATEWAY_REFILL][AEAD_KEY_LEN];
static struct aead_ctx *aead[GATEWAY_WORKERS_MAX];
static atomic_uint arrived;

static void
seal_all(unsigned worker)
{
	for (unsigned i = 0; i < GATEWAY_REFILL; i += AEAD_BURST)
		aead_seal_burst(aead[worker], ops[worker] + i, AEAD_BURST);
}

/* Sealed once before it is timed, as the packets of a refill are: both find the same caches. */
static void
prepare_aead(const struct leg *leg)
{
	for (unsigned i = 0; i < GATEWAY_REFILL; i++)
		ops[leg->worker][i] = (struct aead_op){.key = keys[i],
			.counter = i,
			.data = buffers[leg->worker][i],
			.length = RTE_ALIGN(leg->size, MESSAGE_PADDING)};
	seal_all(leg->worker);
}

static int
run_leg(void *arg)
{
	struct leg *leg = arg;
	struct worker *w = gateway_worker(leg->worker);
	uint64_t start;

	leg->status = 0;
	if (leg->aead)
		prepare_aead(leg);
	else
		leg->status = gateway_refill(leg->worker, leg->way, leg->size);
	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < leg->together)
		rte_pause();
	gateway_arrivals(leg->worker, leg->offered);
	start = bench_tsc();
	if (leg->aead)
		seal_all(leg->worker);
	while (!leg->aead && leg->status == 0 && gateway_pending(leg->worker) > 0)
		worker_turn(w);
	leg->rate = (double)GATEWAY_REFILL / (double)(bench_tsc() - start);
	return leg->status;
}

/* Packets a cycle of both workers, or of one alone; below 0: mbufs were out. */
static double
measure(const struct leg *what, bool both, unsigned alone)
{
	struct leg leg[2] = {*what, *what};
	unsigned other = rte_get_next_lcore(-1, 1, 0);
	bool remote = both || alone == 1;

	gateway_drain_events();
	atomic_store(&arrived, 0);
	leg[1].worker = 1;
	leg[0].together = leg[1].together = both ? 2 : 1;
	if (remote)
		rte_eal_remote_launch(run_leg, &leg[1], other);
	if (both || alone == 0)
		run_leg(&leg[0]);
	if (remote)
		rte_eal_wait_lcore(other);
	if (leg[0].status != 0 || leg[1].status != 0)
		return -1;
	return (both || alone == 0 ? leg[0].rate : 0) + (remote ? leg[1].rate : 0);
}

/*
 * The best decile: a round lasts a thousand times longer than a burst, and one in
 * which anything else ran on either CPU says nothing about the other rounds.
 */
static double
undisturbed(double *rates, unsigned n)
{
	struct bench_result r;

	bench_percentiles(&r, rates, n);
	return r.cycles_p90;
}

/* ---- two workers ------------------------------------------------------------------- */

int
bench_scale_case(struct bench_result *r, enum bench_way way, unsigned rounds)
{
	static double one[ROUNDS_MAX], two[ROUNDS_MAX], aead_one[ROUNDS_MAX], aead_two[ROUNDS_MAX];
	struct leg path = {.way = way, .size = r->size}, only = path;
	double both;

	only.aead = true;
	for (unsigned i = 0; i < rounds + 1; i++) {
		unsigned at = i > 0 ? i - 1 : 0; /* the first one warms up */

		one[at] = measure(&path, false, i % 2);
		two[at] = measure(&path, true, 0);
		aead_one[at] = measure(&only, false, i % 2);
		aead_two[at] = measure(&only, true, 0);
		if (one[at] < 0 || two[at] < 0)
			return -1;
	}
	both = undisturbed(two, rounds);
	r->cycles_median = 2 / two[rounds / 2]; /* of each worker */
	r->cycles_p10 = 2 / both;
	r->cycles_p90 = 2 / two[rounds / 10];
	r->mpps = both * (double)bench_tsc_hz() / 1e6;
	r->gbps = both / 2 * r->size * 8 * (double)bench_tsc_hz() / 1e9;
	r->scaling = both / undisturbed(one, rounds) / 2;
	r->aead_scaling = undisturbed(aead_two, rounds) / undisturbed(aead_one, rounds) / 2;
	return 0;
}

/* ---- overload ---------------------------------------------------------------------- */

int
bench_overload_case(struct bench_result *r, enum bench_way way, unsigned rounds)
{
	static const double offered[] = {0.8, 0.9, 1, 1.25, 2, 4};
	static double sample[RTE_DIM(offered)][ROUNDS_MAX];
	struct leg leg = {.way = way, .size = r->size};
	double capacity = 0, best = 0, last = 0;

	for (unsigned i = 0; i < 3; i++) {
		double rate = measure(&leg, false, 0);

		if (rate < 0)
			return -1;
		capacity = RTE_MAX(capacity, rate);
	}
	for (unsigned i = 0; i < rounds; i++) {
		for (unsigned k = 0; k < RTE_DIM(offered); k++) {
			leg.offered = 1 / (capacity * offered[k]);
			sample[k][i] = measure(&leg, false, 0);
			if (sample[k][i] < 0)
				return -1;
		}
	}
	for (unsigned k = 0; k < RTE_DIM(offered); k++) {
		last = undisturbed(sample[k], rounds);
		best = RTE_MAX(best, last);
	}
	r->cycles_median = 1 / sample[RTE_DIM(offered) - 1][rounds / 2];
	r->cycles_p10 = 1 / last;
	r->cycles_p90 = 1 / sample[RTE_DIM(offered) - 1][rounds / 10];
	r->mpps = last * (double)bench_tsc_hz() / 1e6;
	r->gbps = last * r->size * 8 * (double)bench_tsc_hz() / 1e9;
	r->overload = last / best;
	return 0;
}

int
bench_scale_init(unsigned n_workers)
{
	crypto_random(keys, sizeof(keys));
	for (unsigned w = 0; w < n_workers; w++) {
		aead[w] = aead_ctx_create();
		if (aead[w] == NULL)
			return -1;
	}
	return 0;
}

void
bench_scale_fini(void)
{
	for (unsigned w = 0; w < GATEWAY_WORKERS_MAX; w++)
		aead_ctx_destroy(aead[w]);
}
