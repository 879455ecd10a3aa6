/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/service.h"

#include <inttypes.h>

#include <systemd/sd-daemon.h>

#include "control/management_state.h"
#include "dataplane/dataplane.h"
#include "dataplane/log.h"

bool
service_alive(struct service *s)
{
	const struct dataplane *dp = s->m->dataplane;
	struct peer_info nobody = {0};
	bool all = true;

	/* Answered by the control lcore; a lock-up there ends the waiting by the watchdog. */
	control_peer_info(s->m->control, &nobody, 1);
	for (unsigned w = 0; w < dataplane_n_workers(dp); w++) {
		const struct worker_stats *stats = dataplane_worker_stats(dp, w);
		uint64_t now = __atomic_load_n(&stats->busy_cycles, __ATOMIC_RELAXED) +
			       __atomic_load_n(&stats->idle_cycles, __ATOMIC_RELAXED);

		if (now == s->cycles[w]) {
			if (!s->stuck)
				log_error("the worker on lcore %u stands still",
					dataplane_worker_lcore(dp, w));
			all = false;
		}
		s->cycles[w] = now;
	}
	s->stuck = !all;
	return all;
}

static void
on_alive(struct ev_loop *loop, ev_timer *w, int revents)
{
	if (service_alive(w->data))
		sd_notify(0, "WATCHDOG=1");
}

void
service_start(struct service *s, struct management *m)
{
	uint64_t us;

	s->m = m;
	if (sd_watchdog_enabled(0, &us) <= 0)
		return;
	/* Thrice in its time: one turn may be late on a busy machine. */
	ev_timer_init(&s->alive, on_alive, us / 3e6, us / 3e6);
	s->alive.data = s;
	ev_timer_start(m->loop, &s->alive);
}

void
service_stop(struct service *s)
{
	if (s->m != NULL)
		ev_timer_stop(s->m->loop, &s->alive);
}

void
service_ready(const struct management *m)
{
	size_t peers = 0;

	for (unsigned i = 0; i < m->n_ifaces; i++)
		peers += registry_count(m->registry, i);
	sd_notifyf(0, "READY=1\nSTATUS=%u interface%s, %zu peer%s", m->n_ifaces,
		m->n_ifaces == 1 ? "" : "s", peers, peers == 1 ? "" : "s");
}

void
service_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}
