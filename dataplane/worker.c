/* SPDX-License-Identifier: BSD-3-Clause */
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include <rte_rcu_qsbr.h>

#include "dataplane/worker.h"

#define HOUSEKEEPING_NS (100 * NS_PER_MS)
/* Naps begin after this many empty turns and grow from the first to the second length. */
#define IDLE_TURNS_BEFORE_NAP 64
#define NAP_MIN_NS (20 * 1000)
#define NAP_MAX_NS (500 * 1000)

void
worker_wake(struct worker *w)
{
	uint64_t one = 1;

	/* Pairs with the fence in nap(): either we see it napping or it sees our ring entry. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&w->napping, memory_order_relaxed) &&
		write(w->wake_fd, &one, sizeof(one)) < 0)
		return; /* the counter is at its end: it is awake already */
}

static bool
rings_empty(const struct worker *w)
{
	return rte_ring_empty(w->mailbox) && rte_ring_empty(w->inject) &&
	       rte_ring_empty(w->handoff);
}

/*
 * Sleep until a ring is filled or the time is over. Ports have no wake-up that
 * every driver offers, so the time bounds the latency of the first packet.
 */
static void
nap(struct worker *w)
{
	uint32_t doublings = RTE_MIN((w->idle_turns - IDLE_TURNS_BEFORE_NAP) / 16, 5u);
	struct timespec t = {.tv_nsec = RTE_MIN(NAP_MIN_NS << doublings, NAP_MAX_NS)};
	struct pollfd fd = {.fd = w->wake_fd, .events = POLLIN};
	uint64_t count;

	rte_rcu_qsbr_thread_offline(w->dp->qsbr, w->id);
	atomic_store_explicit(&w->napping, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (rings_empty(w) && !atomic_load_explicit(&w->stop, memory_order_relaxed) &&
		ppoll(&fd, 1, &t, NULL) > 0 && read(w->wake_fd, &count, sizeof(count)) < 0)
		count = 0;
	atomic_store_explicit(&w->napping, false, memory_order_relaxed);
	rte_rcu_qsbr_thread_online(w->dp->qsbr, w->id);
}

static void
housekeeping(struct worker *w)
{
	if (w->now_ns < w->next_housekeeping_ns)
		return;
	w->next_housekeeping_ns = w->now_ns + HOUSEKEEPING_NS;
	worker_neigh_housekeeping(w);
}

/* One reading of the TSC ends a turn and begins the next, so that busy and idle miss nothing. */
static void
begin_turn(struct worker *w)
{
	uint64_t now = rte_rdtsc();

	if (w->idle_turns == 0)
		w->stats.busy_cycles += now - w->turn_tsc;
	else
		w->stats.idle_cycles += now - w->turn_tsc;
	w->turn_tsc = w->mark_tsc = now;
	w->timed = w->busy_turns % STAGE_SAMPLING == 0;
	w->now_ns = dp_ns_of_tsc(now);
	w->now = session_time_of(w->now_ns);
}

void
worker_turn(struct worker *w)
{
	unsigned work;

	begin_turn(w);
	worker_neigh_refresh(w);

	work = worker_mailbox_poll(w);
	work += worker_inject_poll(w);
	work += worker_handoff_poll(w);
	work += worker_rx_poll(w);
	worker_tx_flush(w);
	worker_handoff_flush(w);
	if (w->wake_control) {
		w->wake_control = false;
		w->dp->wake_control(w->dp->wake_arg);
	}
	housekeeping(w);
	rte_rcu_qsbr_quiescent(w->dp->qsbr, w->id);
	if (w->dp->adaptive_idle && work == 0 && w->idle_turns >= IDLE_TURNS_BEFORE_NAP)
		nap(w);
	w->busy_turns += work > 0;
	w->idle_turns = work > 0 ? 0 : w->idle_turns + 1;
}

int
worker_main(void *arg)
{
	struct worker *w = arg;

	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* naps are shorter than the default of 50 us */
	rte_rcu_qsbr_thread_register(w->dp->qsbr, w->id);
	rte_rcu_qsbr_thread_online(w->dp->qsbr, w->id);
	w->turn_tsc = rte_rdtsc();
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed))
		worker_turn(w);
	rte_rcu_qsbr_thread_offline(w->dp->qsbr, w->id);
	rte_rcu_qsbr_thread_unregister(w->dp->qsbr, w->id);
	return 0;
}
