/* SPDX-License-Identifier: BSD-3-Clause */
/* Follows the events of peers, and writes down where they were last heard of. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/events.h"
#include "control/last_seen.h"
#include "control/management_state.h"
#include "dataplane/log.h"

#define EVERY_S 0.25
#define USED_NS (10 * UINT64_C(1000000000)) /* between two times of use on the disk */
#define EVENTS_AT_ONCE 64u
#define SWEEP_AT_ONCE 512u

static uint64_t
wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

void
management_seen_create(struct management *m)
{
	for (unsigned i = 0; i < m->n_ifaces; i++)
		m->ifaces[i].seen = last_seen_open(m->config->interfaces[i].peer_db);
}

void
management_seen_recall(
	struct management *m, const struct peer_spec *spec, struct peer_change *change)
{
	const struct last_seen *seen = m->ifaces[change->iface].seen;
	const struct sighting *s = last_seen_find(seen, spec->public_key);

	if (s == NULL)
		return;
	change->last_handshake_ns = s->handshake_ns;
	/* An endpoint that was configured since then is news. */
	if (s->endpoint.addr.family == IP_NONE ||
		!ip_endpoint_equal(&s->configured, &spec->endpoint))
		return;
	change->endpoint = s->endpoint;
	change->call_back = last_seen_alive(seen, s);
}

static void
note(struct management *m, unsigned iface, const uint8_t key[32],
	const struct ip_endpoint *endpoint, uint64_t handshake_ns)
{
	const struct peer_spec *spec = registry_by_key(m->registry, iface, key);
	struct sighting s = {.endpoint = *endpoint, .handshake_ns = handshake_ns};

	if (spec == NULL)
		return;
	memcpy(s.public_key, key, sizeof(s.public_key));
	s.configured = spec->endpoint;
	last_seen_note(m->ifaces[iface].seen, &s);
}

/* Events were lost: ask control about everybody. */
static void
sweep(struct management *m, unsigned iface)
{
	const struct peer_spec *specs[SWEEP_AT_ONCE];
	struct peer_info *info = calloc(SWEEP_AT_ONCE, sizeof(*info));
	uint64_t cursor = 0;
	unsigned n;

	if (info == NULL)
		abort();
	do {
		n = 0;
		while (n < SWEEP_AT_ONCE &&
			(specs[n] = registry_next(m->registry, iface, &cursor)) != NULL)
			n++;
		management_peer_info(m, iface, specs, info, n);
		for (unsigned i = 0; i < n; i++)
			if (info[i].last_handshake_ns != 0)
				note(m, iface, specs[i]->public_key, &info[i].endpoint,
					info[i].last_handshake_ns);
	} while (n == SWEEP_AT_ONCE);
	free(info);
}

static void
follow(struct management *m)
{
	struct event events[EVENTS_AT_ONCE];
	struct event_gap gap;
	size_t n;

	do {
		n = events_read(m->events, &m->seen_cursor, events, EVENTS_AT_ONCE, &gap);
		for (unsigned i = 0; gap.missed && i < m->n_ifaces; i++)
			sweep(m, i);
		for (size_t i = 0; i < n; i++) {
			const struct event *e = &events[i];
			bool handshake = e->type == EVENT_connected || e->type == EVENT_rekeyed;

			if (handshake || e->type == EVENT_roamed)
				note(m, e->iface, e->public_key, &e->endpoint,
					handshake ? e->time_ns : 0);
		}
	} while (n == EVENTS_AT_ONCE);
}

/* Not where it was taken for now, but where it was told to be. */
void
management_seen_changed(
	struct management *m, unsigned iface, const struct registry_change *list, size_t n)
{
	struct last_seen *seen = m->ifaces[iface].seen;

	for (size_t i = 0; i < n; i++) {
		const struct peer_spec *after = list[i].after;
		const struct sighting *s;

		if (after == NULL) {
			last_seen_forget(seen, list[i].before->public_key);
			continue;
		}
		s = last_seen_find(seen, after->public_key);
		if (s != NULL && list[i].set_endpoint)
			note(m, iface, after->public_key, &after->endpoint, 0);
	}
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct management *m = w->data;
	uint64_t now = wall_ns();
	bool touch = now - m->seen_flushed_ns >= USED_NS;

	follow(m);
	if (touch)
		m->seen_flushed_ns = now;
	for (unsigned i = 0; i < m->n_ifaces; i++)
		last_seen_flush(m->ifaces[i].seen, now, touch);
}

void
management_seen_start(struct management *m)
{
	m->seen_cursor = events_last(m->events);
	ev_timer_init(&m->seen_timer, on_timer, EVERY_S, EVERY_S);
	m->seen_timer.data = m;
	ev_timer_start(m->loop, &m->seen_timer);
	m->seen_running = true;
}

void
management_seen_destroy(struct management *m)
{
	/* One that never ran may be another gateway's shadow: it leaves the files alone. */
	if (m->seen_running) {
		follow(m);
		for (unsigned i = 0; i < m->n_ifaces; i++)
			last_seen_flush(m->ifaces[i].seen, wall_ns(), true);
	}
	for (unsigned i = 0; i < m->n_ifaces; i++) {
		last_seen_close(m->ifaces[i].seen);
		m->ifaces[i].seen = NULL;
	}
}
