/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drives a peer's handshakes and timers: initiations and keepalives out,
 * events of workers in. Together with handshake_rx.c, an operator reads here
 * why a client is (not) connected: connected, roamed, rekeyed, expired, rejected.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control/outer.h"
#include "control/publish.h"
#include "control/state.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

/* Nothing is due before 10 s after the first unanswered data: half of that is soon enough. */
#define TRAFFIC_RECHECK_NS (5 * NS_PER_SEC)
#define TRAFFIC_AGAIN_NS (1 * NS_PER_SEC)
/* A peer that sends from two places in turns is told of once in that time. */
#define ROAM_LINE_NS (10 * NS_PER_SEC)
#define PEER_LINES_A_SECOND 1000

/* ---- events ---------------------------------------------------------------------- */

void
handshake_tell(const struct peer *peer, enum event_type type, const struct ip_endpoint *endpoint,
	const char *reason, const char *role)
{
	struct event e = {
		.type = (uint8_t)type,
		.iface = peer->iface,
		.has_key = true,
		.role = role,
	};

	memcpy(e.public_key, peer->noise.remote_static, sizeof(e.public_key));
	snprintf(e.name, sizeof(e.name), "%s", peer->name);
	if (endpoint != NULL)
		e.endpoint = *endpoint;
	snprintf(e.reason, sizeof(e.reason), "%s", reason != NULL ? reason : "");
	events_push(peer->control->events, &e);
}

/*
 * Whether there is room for another line about a peer. Writing one takes longer
 * than a handshake's packets do, and whoever reads the log may be slower still.
 */
static bool
may_log(struct control *c, uint64_t now)
{
	uint32_t left_out;
	bool allowed = per_second_allow(&c->peer_lines, PEER_LINES_A_SECOND, now, &left_out);

	if (left_out > 0)
		log_info("%u more lines about peers were left out: the events have them", left_out);
	return allowed;
}

static uint64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

const char *
handshake_endpoint_text(const struct ip_endpoint *e)
{
	static char text[IP_ENDPOINT_STRLEN];

	return ip_endpoint_format(text, e);
}

/* ---- timers ---------------------------------------------------------------------- */

static void
traffic_of(const struct peer *peer, struct peer_traffic *out)
{
	struct dp_traffic t;

	dp_peer_traffic(peer->dp, &t);
	*out = (struct peer_traffic){
		.last_rx_ns = t.last_rx_ns,
		.last_tx_ns = t.last_tx_ns,
		.rx_data_since_ns = t.rx_data_since_ns,
		.tx_data_since_ns = t.tx_data_since_ns,
		.last_rx_data_ns = t.last_rx_data_ns,
	};
}

static void
watch(struct peer *peer, enum traffic_watch state, uint64_t recheck_ns)
{
	peer->watch = state;
	peer->recheck_ns = recheck_ns;
}

/*
 * Workers tell of unanswered data once (DP_TRAFFIC) and then are silent.
 * Either the timers follow the traffic from there, or nothing was due: then
 * workers are asked to tell again, not at once but a while later, so that a
 * busy peer costs an event every few seconds and not one a packet.
 */
static void
follow_traffic(struct peer *peer, uint64_t now, bool told)
{
	if (timers_watching(&peer->timers)) {
		dp_peer_traffic_told(peer->dp, true);
		watch(peer, WATCH_TIMERS, 0);
	} else if (told || peer->watch == WATCH_TIMERS) {
		watch(peer, WATCH_TOLD, now + TRAFFIC_RECHECK_NS);
	}
}

static void
recheck_traffic(struct peer *peer, uint64_t now)
{
	struct peer_traffic traffic;
	bool again = peer->watch == WATCH_AGAIN;

	dp_peer_traffic_told(peer->dp, false);
	traffic_of(peer, &traffic);
	timers_traffic(&peer->timers, now, &traffic);
	/* Flag and words are not ordered, so a worker may have kept silent just now. */
	watch(peer, again ? WATCH_IDLE : WATCH_AGAIN, again ? 0 : now + TRAFFIC_AGAIN_NS);
	follow_traffic(peer, now, false);
}

void
handshake_rearm(struct peer *peer)
{
	struct ev_loop *loop = peer->control->loop;
	uint64_t now = dp_now_ns(), due = timers_next(&peer->timers);

	if (peer->recheck_ns != 0 && peer->recheck_ns < due)
		due = peer->recheck_ns;
	if (peer->idle_ns != 0 && peer->idle_ns < due)
		due = peer->idle_ns;
	ev_timer_stop(loop, &peer->wakeup);
	if (due == TIMERS_NEVER)
		return;
	ev_timer_set(&peer->wakeup, due > now ? (double)(due - now) / 1e9 : 0., 0.);
	ev_timer_start(loop, &peer->wakeup);
}

static void
expire(struct peer *peer)
{
	publish_retire_sessions(peer);
	noise_peer_clear_handshake(&peer->noise);
	if (peer->initiation_pending)
		dp_index_free(peer->control->dp, peer->initiation_index);
	peer->initiation_pending = false;
	if (peer->connected) {
		if (may_log(peer->control, dp_now_ns()))
			log_info("%s: expired, keys wiped", peer_label(peer));
		handshake_tell(peer, EVENT_expired, NULL, NULL, NULL);
	}
	peer->connected = false;
	peer->idle_ns = 0;
}

void
handshake_forget(struct peer *peer)
{
	peer->connected = false;
	expire(peer);
	dp_drop_staged(peer->control->dp, peer->dp);
	timers_sessions_gone(&peer->timers);
	dp_peer_handshake_answered(peer->dp);
}

/* ---- out --------------------------------------------------------------------------- */

/* To the peer's endpoint, as an authenticated packet of ours. */
bool
handshake_send(struct peer *peer, unsigned worker, const void *message, uint16_t len)
{
	struct control *c = peer->control;
	struct ip_endpoint to, from = {.port = c->ifaces[peer->iface].listen_port};

	if (!dp_peer_endpoint(peer->dp, &to, &from.addr)) {
		dataplane_count_peer_drop(c->dp, PEER_DROP_no_endpoint, peer->iface, peer->id);
		return false;
	}
	if (!outer_send(c->dp, worker, peer->iface, &from, &to, message, len))
		return false;
	peer->handshake_tx_bytes += len;
	dp_peer_note_sent(peer->dp);
	return true;
}

/*
 * Each packet and each persistent keepalive for the peer comes here again: the
 * reason is told once, until it changes, the peer does, or a handshake succeeds.
 */
static void
abandon(struct peer *peer, const char *why)
{
	if (peer->abandoned_why != why)
		log_info("%s: cannot start a handshake: %s", peer_label(peer), why);
	peer->abandoned_why = why;
	timers_handshake_abandoned(&peer->timers);
	dp_drop_staged(peer->control->dp, peer->dp);
	dp_peer_handshake_answered(peer->dp);
}

/* Every initiation has a fresh index; that of an unanswered one is given back. */
static bool
draw_initiation_index(struct peer *peer)
{
	struct dataplane *dp = peer->control->dp;

	if (peer->initiation_pending)
		dp_index_free(dp, peer->initiation_index);
	peer->initiation_pending = dp_index_alloc(dp, peer, &peer->initiation_index);
	return peer->initiation_pending;
}

static void
send_initiation(struct peer *peer)
{
	struct control *c = peer->control;
	struct message_initiation msg;
	struct ip_endpoint endpoint;
	enum noise_verdict verdict;

	if (!dp_peer_endpoint(peer->dp, &endpoint, NULL)) {
		abandon(peer, "its endpoint is not known");
		return;
	}
	if (!draw_initiation_index(peer)) {
		abandon(peer, "the index table is full");
		return;
	}
	verdict = noise_create_initiation(&c->ifaces[peer->iface].identity, &peer->noise,
		peer->initiation_index, wall_ns(), &msg);
	if (verdict != NOISE_OK) {
		dp_index_free(c->dp, peer->initiation_index);
		peer->initiation_pending = false;
		abandon(peer, noise_verdict_name(verdict));
		return;
	}
	cookie_add_macs(&peer->cookie, &msg, sizeof(msg), dp_now_ns());
	dataplane_peer_is_at(c->dp, &endpoint.addr); /* for the response */
	handshake_send(peer, peer->id % dataplane_n_workers(c->dp), &msg, sizeof(msg));
	log_debug("%s: sent an initiation to %s", peer_label(peer),
		handshake_endpoint_text(&endpoint));
}

void
handshake_wakeup(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct peer *peer = timer->data;
	struct control *c = peer->control;
	uint64_t now = dp_now_ns();
	struct peer_traffic traffic;
	struct ip_endpoint endpoint;
	uint32_t actions;

	(void)loop;
	(void)events;
	if (peer->recheck_ns != 0 && now >= peer->recheck_ns)
		recheck_traffic(peer, now);
	if (peer->idle_ns != 0 && now >= peer->idle_ns) {
		peer->idle_ns = 0;
		handshake_tell(peer, EVENT_idle, NULL, NULL, NULL);
	}
	traffic_of(peer, &traffic);
	actions = timers_run(&peer->timers, now, &traffic);
	if (actions & TIMERS_CLEAR_SOURCE && dp_peer_endpoint(peer->dp, &endpoint, NULL))
		dp_peer_set_endpoint(c->dp, peer->dp, &endpoint, NULL);
	if (actions & TIMERS_SEND_INITIATION)
		send_initiation(peer);
	if (actions & TIMERS_DROP_STAGED) {
		if (may_log(c, now))
			log_info("%s: gave up: no answer to handshakes for 90 s", peer_label(peer));
		handshake_tell(peer, EVENT_unanswered,
			dp_peer_endpoint(peer->dp, &endpoint, NULL) ? &endpoint : NULL, NULL, NULL);
		dp_drop_staged(c->dp, peer->dp);
		dp_peer_handshake_answered(peer->dp);
	}
	if (actions & (TIMERS_SEND_KEEPALIVE | TIMERS_SEND_PERSISTENT)) {
		if (publish_session_usable(peer, now))
			dp_send_keepalive(c->dp, peer->dp);
		else if (actions & TIMERS_SEND_PERSISTENT)
			timers_want_handshake(&peer->timers, now);
	}
	if (actions & TIMERS_WIPE_KEYS)
		expire(peer);
	follow_traffic(peer, now, false);
	handshake_rearm(peer);
}

void
handshake_completed(struct peer *peer, uint64_t now, const char *role)
{
	struct ip_endpoint endpoint;

	peer->last_handshake_wall_ns = wall_ns();
	timers_handshake_complete(&peer->timers, now);
	dp_peer_handshake_answered(peer->dp);
	if (dp_peer_endpoint(peer->dp, &endpoint, NULL))
		dataplane_peer_is_at(peer->control->dp, &endpoint.addr);
	if (may_log(peer->control, now))
		log_info("%s: %s at %s as %s", peer_label(peer),
			peer->connected ? "rekeyed" : "connected",
			handshake_endpoint_text(&endpoint), role);
	handshake_tell(
		peer, peer->connected ? EVENT_rekeyed : EVENT_connected, &endpoint, NULL, role);
	peer->connected = true;
	peer->idle_ns = now + REJECT_AFTER_TIME_NS;
	peer->abandoned_why = NULL;
}

void
handshake_roamed(struct peer *peer, const struct ip_endpoint *to)
{
	uint64_t now = dp_now_ns();

	if (peer->roam_line_ns != 0 && now - peer->roam_line_ns < ROAM_LINE_NS)
		return;
	peer->roam_line_ns = now;
	if (may_log(peer->control, now))
		log_info("%s: roamed to %s", peer_label(peer), handshake_endpoint_text(to));
	handshake_tell(peer, EVENT_roamed, to, NULL, NULL);
}

/* ---- events of workers ----------------------------------------------------------------- */

static void
want_handshake(struct peer *peer, uint64_t now)
{
	timers_want_handshake(&peer->timers, now);
	/* Late news of the old session are ignored: then workers may ask again. */
	if (!timers_handshaking(&peer->timers))
		dp_peer_handshake_answered(peer->dp);
	handshake_rearm(peer);
}

static void
confirmed(struct peer *peer, uint32_t local_index, uint64_t now)
{
	if (!publish_confirmed(peer, local_index))
		return;
	handshake_completed(peer, now, "responder");
	dp_flush_staged(peer->control->dp, peer->dp, false, 0);
	handshake_rearm(peer);
}

void
handshake_event(struct control *c, const struct dp_event *event)
{
	struct peer *peer = peer_find_id(c, event->peer_id, event->peer_generation);
	uint64_t now = dp_now_ns();
	struct peer_traffic traffic;
	struct ip_endpoint endpoint;

	if (peer == NULL)
		return;
	switch ((enum dp_event_type)event->type) {
	case DP_WANT_HANDSHAKE:
		want_handshake(peer, now);
		break;
	case DP_SESSION_CONFIRMED:
		confirmed(peer, event->local_index, now);
		break;
	case DP_ENDPOINT_MOVED:
		if (dp_peer_endpoint(peer->dp, &endpoint, NULL)) {
			dataplane_peer_is_at(c->dp, &endpoint.addr);
			handshake_roamed(peer, &endpoint);
		}
		break;
	case DP_TRAFFIC:
		traffic_of(peer, &traffic);
		timers_traffic(&peer->timers, now, &traffic);
		follow_traffic(peer, now, true);
		handshake_rearm(peer);
		break;
	case DP_WANT_NEIGH:
		break; /* control.c's */
	}
}
