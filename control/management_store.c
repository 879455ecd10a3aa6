/* SPDX-License-Identifier: BSD-3-Clause */
/* The peer databases' checkpoints, in the management thread's loop. */
#include <time.h>

#include "control/management_state.h"
#include "control/peer_store.h"

static uint64_t
monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* From a checkpoint's thread. */
static void
on_thread_done(void *arg)
{
	struct management *m = arg;

	if (m->loop != NULL)
		ev_async_send(m->loop, &m->store_wake);
}

void
management_stores_create(struct management *m, const struct peer_db *dbs)
{
	for (unsigned i = 0; i < m->n_ifaces; i++)
		m->ifaces[i].store = peer_store_create(m->config->interfaces[i].peer_db, &dbs[i],
			m->registry, i, on_thread_done, m);
}

/* Before the loop sleeps: whatever it has done may have made a checkpoint due. */
static void
on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct management *m = w->data;
	uint64_t now = monotonic_ns(), next = UINT64_MAX;

	for (unsigned i = 0; i < m->n_ifaces && m->ready; i++) {
		uint64_t one = peer_store_turn(m->ifaces[i].store, now);

		if (one < next)
			next = one;
	}
	ev_timer_stop(loop, &m->store_timer);
	if (next == UINT64_MAX)
		return;
	ev_timer_set(&m->store_timer, next / 1e9, 0.);
	ev_timer_start(loop, &m->store_timer);
}

/* Only to end the sleep. */
static void
on_wake(struct ev_loop *loop, ev_async *w, int revents)
{
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
}

void
management_stores_start(struct management *m)
{
	ev_async_init(&m->store_wake, on_wake);
	ev_async_start(m->loop, &m->store_wake);
	ev_init(&m->store_timer, on_timer);
	ev_prepare_init(&m->store_prepare, on_prepare);
	m->store_prepare.data = m;
	ev_prepare_start(m->loop, &m->store_prepare);
}

void
management_stores_destroy(struct management *m)
{
	for (unsigned i = 0; i < m->n_ifaces; i++) {
		peer_store_destroy(m->ifaces[i].store);
		m->ifaces[i].store = NULL;
	}
}
