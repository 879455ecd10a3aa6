/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drives the pure modules: handshake messages in and out, events of workers,
 * and each peer's timers. An operator reads here why a client is (not)
 * connected: connected, roamed, rekeyed, expired, rejected.
 */
#include <string.h>
#include <time.h>

#include "control/outer.h"
#include "control/publish.h"
#include "control/state.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

#define MESSAGES_A_TURN 64
#define LOAD_SCALE 256 /* of dataplane_handshake_load */
#define REJECT_LINES_A_SECOND 5
/* Nothing is due before 10 s after the first unanswered data: half of that is soon enough. */
#define TRAFFIC_RECHECK_NS (5 * NS_PER_SEC)
#define TRAFFIC_AGAIN_NS (1 * NS_PER_SEC)

/* A handshake message on its way through here. */
struct received {
	struct control *c;
	struct iface *iface;
	uint8_t iface_id;
	uint8_t worker;
	struct ip_endpoint from, to;
	const void *data;
	uint16_t len;
	uint64_t now_ns;
};

static uint64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static const char *
endpoint_text(const struct ip_endpoint *e)
{
	static char text[IP_ENDPOINT_STRLEN];

	return ip_endpoint_format(text, e);
}

/* Count it, and say why, a few times a second: whoever floods does not fill the log. */
static void
reject(const struct received *r, enum drop_reason reason, const struct peer *peer, const char *why)
{
	struct control *c = r->c;
	uint64_t second = r->now_ns / NS_PER_SEC;

	dataplane_count_drop(c->dp, reason, r->iface_id);
	if (second != c->reject_log_second) {
		c->reject_log_second = second;
		c->reject_log_lines = 0;
	}
	if (c->reject_log_lines++ >= REJECT_LINES_A_SECOND)
		return;
	log_warn("%s: rejected handshake from %s: %s",
		peer != NULL ? peer_label(peer) : r->iface->name, endpoint_text(&r->from), why);
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
	if (peer->connected)
		log_info("%s: expired, keys wiped", peer_label(peer));
	peer->connected = false;
}

void
handshake_forget(struct peer *peer)
{
	peer->connected = false;
	expire(peer);
	dp_drop_staged(peer->control->dp, peer->dp);
	timers_handshake_abandoned(&peer->timers);
	dp_peer_handshake_answered(peer->dp);
}

/* ---- out --------------------------------------------------------------------------- */

/* To the peer's endpoint, as an authenticated packet of ours. */
static bool
send_to_peer(struct peer *peer, unsigned worker, const void *message, uint16_t len)
{
	struct control *c = peer->control;
	struct ip_endpoint to, from = {.port = c->ifaces[peer->iface].listen_port};

	if (!dp_peer_endpoint(peer->dp, &to, &from.addr)) {
		dataplane_count_drop(c->dp, DROP_no_endpoint, peer->iface);
		return false;
	}
	if (!outer_send(c->dp, worker, peer->iface, &from, &to, message, len))
		return false;
	peer->handshake_tx_bytes += len;
	dp_peer_note_sent(peer->dp);
	return true;
}

static void
abandon(struct peer *peer, const char *why)
{
	log_info("%s: cannot start a handshake: %s", peer_label(peer), why);
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
	send_to_peer(peer, peer->id % dataplane_n_workers(c->dp), &msg, sizeof(msg));
	log_debug("%s: sent an initiation to %s", peer_label(peer), endpoint_text(&endpoint));
}

static void
send_cookie_reply(const struct received *r)
{
	struct message_cookie_reply reply;

	cookie_create_reply(&r->iface->checker, r->data, r->len, &r->from, r->now_ns, &reply);
	outer_send(r->c->dp, r->worker, r->iface_id, &r->to, &r->from, &reply, sizeof(reply));
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
	traffic_of(peer, &traffic);
	actions = timers_run(&peer->timers, now, &traffic);
	if (actions & TIMERS_CLEAR_SOURCE && dp_peer_endpoint(peer->dp, &endpoint, NULL))
		dp_peer_set_endpoint(c->dp, peer->dp, &endpoint, NULL);
	if (actions & TIMERS_SEND_INITIATION)
		send_initiation(peer);
	if (actions & TIMERS_DROP_STAGED) {
		log_info("%s: gave up: no answer to handshakes for 90 s", peer_label(peer));
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

/* ---- in ------------------------------------------------------------------------------ */

static void
learn_endpoint(struct peer *peer, const struct received *r)
{
	struct ip_endpoint known;

	if (peer->connected && dp_peer_endpoint(peer->dp, &known, NULL) &&
		!ip_endpoint_equal(&known, &r->from))
		log_info("%s: roamed to %s", peer_label(peer), endpoint_text(&r->from));
	dp_peer_set_endpoint(r->c->dp, peer->dp, &r->from, &r->to.addr);
}

static void
note_accepted(struct peer *peer, const struct received *r)
{
	learn_endpoint(peer, r);
	peer->handshake_rx_bytes += r->len;
	dp_peer_note_received(peer->dp);
	timers_handshake_received(&peer->timers, r->now_ns);
}

static void
completed(struct peer *peer, uint64_t now, const char *role)
{
	struct ip_endpoint endpoint;

	peer->last_handshake_wall_ns = wall_ns();
	timers_handshake_complete(&peer->timers, now);
	dp_peer_handshake_answered(peer->dp);
	dp_peer_endpoint(peer->dp, &endpoint, NULL);
	log_info("%s: %s at %s as %s", peer_label(peer), peer->connected ? "rekeyed" : "connected",
		endpoint_text(&endpoint), role);
	peer->connected = true;
}

/* The initiation is genuine and new: derive the session and answer. */
static void
answer_initiation(struct peer *peer, struct noise_initiation *in, const struct received *r)
{
	struct message_response response;
	struct noise_keys keys;
	enum noise_verdict verdict;
	uint32_t index;

	if (!dp_index_alloc(r->c->dp, peer, &index)) {
		crypto_wipe(in, sizeof(*in));
		reject(r, DROP_handshake_rejected, peer, "the index table is full");
		return;
	}
	uint32_t remote_index = in->remote_index;

	verdict = noise_create_response(&peer->noise, in, index, &response, &keys);
	if (verdict != NOISE_OK ||
		!publish_responder_session(peer, &keys, index, remote_index, r->worker)) {
		dp_index_free(r->c->dp, index);
		crypto_wipe(&keys, sizeof(keys));
		reject(r, DROP_handshake_rejected, peer,
			verdict != NOISE_OK ? noise_verdict_name(verdict) : "out of memory");
		return;
	}
	crypto_wipe(&keys, sizeof(keys));
	note_accepted(peer, r);
	timers_session_derived(&peer->timers, r->now_ns);
	cookie_add_macs(&peer->cookie, &response, sizeof(response), r->now_ns);
	if (send_to_peer(peer, r->worker, &response, sizeof(response)))
		timers_response_sent(&peer->timers, r->now_ns);
	handshake_rearm(peer);
}

static void
receive_initiation(const struct received *r)
{
	const struct message_initiation *msg = r->data;
	struct noise_initiation in;
	struct peer *peer;
	enum noise_verdict verdict;

	verdict = noise_consume_initiation(&r->iface->identity, msg, &in);
	if (verdict != NOISE_OK) {
		reject(r, DROP_handshake_rejected, NULL, noise_verdict_name(verdict));
		return;
	}
	peer = peer_find(r->c, r->iface_id, in.remote_static);
	if (peer == NULL) {
		crypto_wipe(&in, sizeof(in));
		reject(r, DROP_handshake_rejected, NULL, "no peer has this key");
		return;
	}
	verdict = noise_accept_initiation(&r->iface->identity, &peer->noise, msg, &in, r->now_ns);
	if (verdict != NOISE_OK) {
		reject(r, DROP_handshake_rejected, peer, noise_verdict_name(verdict));
		return;
	}
	answer_initiation(peer, &in, r);
}

static void
receive_response(const struct received *r)
{
	const struct message_response *msg = r->data;
	uint32_t index = rte_le_to_cpu_32(msg->receiver_index_le), remote_index;
	struct peer *peer = dp_index_owner(r->c->dp, index);
	struct noise_keys keys;
	enum noise_verdict verdict;

	if (peer == NULL || peer->iface != r->iface_id || !peer->initiation_pending ||
		peer->initiation_index != index) {
		reject(r, DROP_handshake_rejected, NULL, "a response to nothing that was sent");
		return;
	}
	verdict = noise_consume_response(
		&r->iface->identity, &peer->noise, msg, &keys, &remote_index);
	if (verdict != NOISE_OK) {
		reject(r, DROP_handshake_rejected, peer, noise_verdict_name(verdict));
		return;
	}
	peer->initiation_pending = false; /* the index is the session's now */
	if (!publish_initiator_session(peer, &keys, index, remote_index, r->worker)) {
		dp_index_free(r->c->dp, index);
		crypto_wipe(&keys, sizeof(keys));
		reject(r, DROP_handshake_rejected, peer, "out of memory");
		return;
	}
	crypto_wipe(&keys, sizeof(keys));
	note_accepted(peer, r);
	timers_session_derived(&peer->timers, r->now_ns);
	completed(peer, r->now_ns, "initiator");
	/* The responder may use the session only after a packet from us. */
	dp_flush_staged(r->c->dp, peer->dp, true, r->worker);
	handshake_rearm(peer);
}

static void
receive_cookie_reply(const struct received *r)
{
	const struct message_cookie_reply *msg = r->data;
	struct peer *peer = dp_index_owner(r->c->dp, rte_le_to_cpu_32(msg->receiver_index_le));

	/* It proves nothing about where it came from: no roaming, no log line. */
	if (peer == NULL || peer->iface != r->iface_id ||
		!cookie_consume_reply(&peer->cookie, msg, r->now_ns))
		dataplane_count_drop(r->c->dp, DROP_cookie_rejected, r->iface_id);
}

/* mac1 always; under load mac2 and the source's share too. */
static bool
admit(const struct received *r, bool loaded)
{
	enum cookie_verdict verdict =
		cookie_check(&r->iface->checker, r->data, r->len, &r->from, r->now_ns, loaded);

	if (verdict == COOKIE_MAC1_INVALID) {
		dataplane_count_drop(r->c->dp, DROP_mac1_invalid, r->iface_id);
		return false;
	}
	if (!loaded)
		return true;
	if (verdict != COOKIE_MAC2_VALID) {
		dataplane_count_drop(r->c->dp, DROP_mac2_required, r->iface_id);
		send_cookie_reply(r);
		return false;
	}
	if (!ratelimiter_allow(r->c->limiter, &r->from.addr, r->now_ns)) {
		dataplane_count_drop(r->c->dp, DROP_handshake_limited, r->iface_id);
		return false;
	}
	return true;
}

static void
receive(struct control *c, struct rte_mbuf *m, bool loaded, uint64_t now)
{
	const struct pkt_meta *meta = pkt_meta(m);
	struct received r = {
		.c = c,
		.iface = &c->ifaces[meta->iface],
		.iface_id = meta->iface,
		.worker = meta->worker,
		.data = rte_pktmbuf_mtod(m, const void *),
		.len = m->data_len,
		.now_ns = now,
	};
	uint32_t type_le;

	outer_parse(m, &r.from, &r.to);
	memcpy(&type_le, r.data, sizeof(type_le));
	switch (rte_le_to_cpu_32(type_le)) { /* lengths were checked in rx.c */
	case MESSAGE_INITIATION:
		if (admit(&r, loaded))
			receive_initiation(&r);
		break;
	case MESSAGE_RESPONSE:
		if (admit(&r, loaded))
			receive_response(&r);
		break;
	case MESSAGE_COOKIE_REPLY:
		receive_cookie_reply(&r);
		break;
	}
	rte_pktmbuf_free(m);
}

unsigned
handshake_poll(struct control *c)
{
	struct rte_mbuf *m[MESSAGES_A_TURN];
	uint64_t now = dp_now_ns();
	bool loaded = under_load_update(&c->load, dataplane_handshake_load(c->dp), LOAD_SCALE, now);
	unsigned n = dataplane_punted(c->dp, PUNT_RING_HANDSHAKE, m, MESSAGES_A_TURN);

	for (unsigned i = 0; i < n; i++)
		receive(c, m[i], loaded, dp_now_ns());
	return n;
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
	completed(peer, now, "responder");
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
		if (dp_peer_endpoint(peer->dp, &endpoint, NULL))
			log_info("%s: roamed to %s", peer_label(peer), endpoint_text(&endpoint));
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
