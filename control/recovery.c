/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/recovery.h"

#include "control/state.h"
#include "dataplane/log.h"
#include "dataplane/port.h"

/* 1600 initiations a second: with their responses about a quarter of a core. */
#define TICK_S 0.005
#define INITIATIONS_A_TICK 8
#define TICK_NS (NS_PER_MS * 2) /* nor longer than this at once */
/*
 * Of 256. Responses that wait are to be served first: at an eighth control is
 * under load, wants cookies, and whoever then answers is lost for this round.
 */
#define LOAD_MAX 8
#define ROUNDS 4
/* Paper, section 6.1: no peer gets more initiations than one every 5 s. */
#define ROUND_NS (REKEY_TIMEOUT_NS + NS_PER_SEC / 2)
/* A NIC's link takes seconds to come up, and what is sent before is lost. */
#define LINKS_NS (5 * NS_PER_SEC)

static void
leave(struct recovery *r, struct peer *peer)
{
	TAILQ_REMOVE(&r->waiting, peer, recovery_link);
	peer->recovering = false;
	r->n--;
	if (r->n > 0)
		return;
	log_info("recovery: %u of %u peers that had sessions are back", r->back, r->total);
	r->total = r->back = 0;
	ev_timer_stop(r->control->loop, &r->timer);
}

/* Without repetitions by its timers: those would not be paced. */
static void
call(struct peer *peer, uint64_t now)
{
	timers_want_handshake(&peer->timers, now);
	handshake_wakeup(peer->control->loop, &peer->wakeup, 0);
	timers_handshake_abandoned(&peer->timers);
	handshake_rearm(peer);
}

static bool
links_are_up(struct recovery *r, uint64_t now)
{
	const struct ports *ports = dataplane_ports(r->control->dp);

	if (r->links_until_ns == 0)
		r->links_until_ns = now + LINKS_NS;
	if (now >= r->links_until_ns)
		return true;
	for (unsigned i = 0; i < ports->n; i++)
		if (!atomic_load_explicit(&ports->port[i].link_up, memory_order_relaxed))
			return false;
	return true;
}

static void
on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct recovery *r = timer->data;
	uint64_t start = dp_now_ns(), now = start;

	(void)loop;
	(void)events;
	if (!links_are_up(r, start) || dataplane_handshake_load(r->control->dp) > LOAD_MAX)
		return;
	for (unsigned i = 0; i < INITIATIONS_A_TICK && now - start < TICK_NS; now = dp_now_ns()) {
		struct peer *peer = TAILQ_FIRST(&r->waiting);

		if (peer == NULL || peer->recovery_due_ns > now)
			return;
		/* It came by itself, or a packet for it has begun a handshake. */
		if (peer->connected || timers_handshaking(&peer->timers)) {
			r->back += peer->connected;
			leave(r, peer);
			continue;
		}
		if (peer->recovery_rounds == 0) {
			leave(r, peer);
			continue;
		}
		peer->recovery_rounds--;
		call(peer, now);
		i++;
		TAILQ_REMOVE(&r->waiting, peer, recovery_link);
		peer->recovery_due_ns = now + ROUND_NS;
		TAILQ_INSERT_TAIL(&r->waiting, peer, recovery_link);
	}
}

void
recovery_init(struct recovery *r, struct control *control)
{
	*r = (struct recovery){.control = control};
	TAILQ_INIT(&r->waiting);
	ev_timer_init(&r->timer, on_tick, TICK_S, TICK_S);
	r->timer.data = r;
}

void
recovery_add(struct recovery *r, struct peer *peer)
{
	if (peer->recovering)
		return;
	peer->recovering = true;
	peer->recovery_rounds = ROUNDS;
	peer->recovery_due_ns = 0;
	TAILQ_INSERT_HEAD(&r->waiting, peer, recovery_link);
	r->total++;
	if (r->n++ == 0)
		ev_timer_start(r->control->loop, &r->timer);
}

void
recovery_remove(struct recovery *r, struct peer *peer)
{
	if (peer->recovering)
		leave(r, peer);
}
