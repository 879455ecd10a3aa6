/* SPDX-License-Identifier: BSD-3-Clause */
/* Management asks, control answers: in order, and changes in slices. */
#include <stdio.h>
#include <string.h>
#include <sodium.h>

#include "control/publish.h"
#include "control/request.h"
#include "control/state.h"
#include "dataplane/log.h"

/* Changes applied, or peers described, between two looks at packets and timers. */
#define SLICE 64
/* Nor longer than this: in a large table an allowed-IP takes up to a millisecond. */
#define SLICE_NS (5 * NS_PER_MS)
#define PREFIX_STEPS 16 /* of a change of allowed-IPs between two looks at the clock */

enum request_type { REQUEST_APPLY, REQUEST_PEER_INFO, REQUEST_PEER_DROPS, REQUEST_PRIVATE_KEY };

struct request {
	struct request *next;
	enum request_type type;
	bool answered; /* under the queue's lock */
	uint32_t n, done;
	/* REQUEST_APPLY */
	const struct peer_change *changes;
	char *field, *err;
	size_t field_size, err_size;
	/* Of changes[done]. */
	struct prefix_edit edit;
	bool fresh; /* the peer was added by it */
	bool only_fresh; /* all that is not committed yet are peers that were added */
	/* REQUEST_PEER_INFO */
	struct peer_info *info;
	/* REQUEST_PEER_DROPS */
	struct peer_drop_info *drops;
	/* REQUEST_PRIVATE_KEY */
	uint8_t iface;
	const uint8_t *private_key;
};

/* ---- the asking thread ---------------------------------------------------------- */

/* Blocks; false when control is closed. */
static bool
ask(struct control *c, struct request *r)
{
	struct request_queue *q = &c->requests;

	pthread_mutex_lock(&q->lock);
	if (q->closed) {
		pthread_mutex_unlock(&q->lock);
		return false;
	}
	if (q->last != NULL)
		q->last->next = r;
	else
		q->first = r;
	q->last = r;
	control_wake(c);
	while (!r->answered && !q->closed)
		pthread_cond_wait(&q->answered, &q->lock);
	pthread_mutex_unlock(&q->lock);
	if (!r->answered)
		prefix_edit_fini(&r->edit); /* the loop has ended in the middle of it */
	return r->answered;
}

uint32_t
control_apply(struct control *c, const struct peer_change *changes, uint32_t n, char *field,
	size_t field_size, char *err, size_t err_size)
{
	struct request r = {
		.type = REQUEST_APPLY,
		.n = n,
		.changes = changes,
		.field = field,
		.field_size = field_size,
		.err = err,
		.err_size = err_size,
		.only_fresh = true,
	};

	if (n > 0 && !ask(c, &r)) {
		snprintf(field, field_size, "%s", "");
		snprintf(err, err_size, "the gateway is shutting down");
	}
	return r.done;
}

void
control_peer_info(struct control *c, struct peer_info *info, uint32_t n)
{
	struct request r = {.type = REQUEST_PEER_INFO, .n = n, .info = info};

	if (n > 0)
		ask(c, &r);
}

void
control_peer_drops(struct control *c, struct peer_drop_info *drops, uint32_t n)
{
	struct request r = {.type = REQUEST_PEER_DROPS, .n = n, .drops = drops};

	if (n > 0)
		ask(c, &r);
}

void
control_set_private_key(struct control *c, uint8_t iface, const uint8_t private_key[32])
{
	struct request r = {
		.type = REQUEST_PRIVATE_KEY,
		.n = 1,
		.iface = iface,
		.private_key = private_key,
	};

	ask(c, &r);
}

/* ---- the control lcore ------------------------------------------------------------ */

static bool
is_own_key(const struct control *c, uint8_t iface, const uint8_t public_key[32])
{
	return sodium_memcmp(c->ifaces[iface].identity.static_public, public_key, 32) == 0;
}

static void
refuse(const struct request *r, const char *field)
{
	snprintf(r->field, r->field_size, "%s", field);
}

/* All of a PUT but what can fail. */
static void
set_plain(struct peer *peer, const struct peer_change *change)
{
	struct control *c = peer->control;
	uint64_t now = dp_now_ns();

	snprintf(peer->name, sizeof(peer->name), "%s", change->name);
	noise_peer_set_psk(&peer->noise, change->has_preshared_key ? change->preshared_key : NULL);
	if (change->set_endpoint) {
		dp_peer_set_endpoint(c->dp, peer->dp, &change->endpoint, NULL);
		/* Workers that were told "no endpoint" may find one now. */
		dp_peer_handshake_answered(peer->dp);
	}
	/* The interface's own key never leads to a session: nothing to keep alive. */
	timers_set_persistent(&peer->timers, now,
		is_own_key(c, peer->iface, change->public_key) ? 0 : change->persistent_keepalive);
	peer->persistent_keepalive = change->persistent_keepalive;
	peer->abandoned_why = NULL;
	if (change->last_handshake_ns != 0)
		peer->last_handshake_wall_ns = change->last_handshake_ns;
	if (change->call_back && !is_own_key(c, peer->iface, change->public_key))
		recovery_add(&c->recovery, peer);
	handshake_rearm(peer);
}

/* DONE: nothing to be done; MORE: r->edit is under way. */
static enum edit_state
begin_change(struct control *c, const struct peer_change *change, struct request *r)
{
	struct peer *peer = peer_find(c, change->iface, change->public_key);
	bool put = change->op == CHANGE_PUT;

	if (peer == NULL && !put)
		return EDIT_DONE;
	r->fresh = peer == NULL;
	if (r->fresh)
		peer = peer_create(c, change->iface, change->public_key, r->err, r->err_size);
	if (peer == NULL) {
		refuse(r, "public_key");
		return EDIT_REFUSED;
	}
	/* It may be heard of before its prefixes are all there, but not without its psk. */
	if (r->fresh)
		set_plain(peer, change);
	if (prefix_edit_begin(&r->edit, peer, put ? change->allowed_ips : NULL,
		    put ? change->n_allowed_ips : 0, r->err, r->err_size) == 0)
		return EDIT_MORE;
	refuse(r, "allowed_ips");
	if (r->fresh)
		peer_destroy(peer);
	return EDIT_REFUSED;
}

static enum edit_state
apply_some(struct control *c, struct request *r, uint32_t *budget)
{
	const struct peer_change *change = &r->changes[r->done];
	enum edit_state state = EDIT_MORE;
	struct peer *peer;

	if (r->edit.list == NULL)
		state = begin_change(c, change, r);
	if (state != EDIT_MORE)
		return state;
	peer = r->edit.peer;
	state = prefix_edit_run(&r->edit, budget, r->err, r->err_size);
	if (state == EDIT_MORE)
		return EDIT_MORE;
	if (state == EDIT_REFUSED) {
		refuse(r, "allowed_ips");
		if (r->fresh)
			peer_destroy(peer);
	} else if (change->op == CHANGE_DELETE) {
		peer_destroy(peer);
	} else if (!r->fresh) {
		set_plain(peer, change);
	}
	return state;
}

/* True when the request is finished. */
static bool
apply_slice(struct control *c, struct request *r)
{
	uint32_t end = RTE_MIN(r->done + SLICE, r->n);
	uint64_t start = dp_now_ns();
	enum edit_state state;
	bool finished;

	do {
		uint32_t budget = PREFIX_STEPS;

		state = apply_some(c, r, &budget);
		r->only_fresh &= r->fresh;
		r->done += state == EDIT_DONE;
	} while (state != EDIT_REFUSED && r->done < end && dp_now_ns() - start < SLICE_NS);
	finished = state == EDIT_REFUSED || r->done == r->n;
	/*
	 * A commit waits for every worker. New peers can wait for the end of the
	 * request, or ten thousand of them would have hundreds of commits; what takes
	 * something away cannot, since what it frees waits for the commit.
	 */
	if (finished || !r->only_fresh) {
		dp_allow_commit(c->dp);
		r->only_fresh = true;
	}
	return finished;
}

static void
describe(struct control *c, struct peer_info *info)
{
	struct peer *peer = peer_find(c, info->iface, info->public_key);
	struct peer_info out = {.iface = info->iface};
	struct dp_counters counters;
	struct dp_traffic traffic;
	uint64_t now;

	memcpy(out.public_key, info->public_key, sizeof(out.public_key));
	if (peer == NULL) {
		*info = out;
		return;
	}
	dp_peer_counters(c->dp, peer->dp, &counters);
	out.active = !is_own_key(c, peer->iface, info->public_key);
	dp_peer_endpoint(peer->dp, &out.endpoint, NULL);
	out.last_handshake_ns = peer->last_handshake_wall_ns;
	dp_peer_traffic(peer->dp, &traffic);
	now = dp_now_ns();
	out.silent_ms = traffic.last_rx_ns == 0     ? UINT64_MAX
			: traffic.last_rx_ns >= now ? 0
						    : (now - traffic.last_rx_ns) / NS_PER_MS;
	out.rx_bytes = counters.rx_bytes + peer->handshake_rx_bytes;
	out.tx_bytes = counters.tx_bytes + peer->handshake_tx_bytes;
	out.rx_packets = counters.rx_packets;
	out.tx_packets = counters.tx_packets;
	out.has_session = publish_session_usable(peer, dp_now_ns());
	if (out.has_session) {
		out.initiator = peer->current.initiator;
		out.session_age_ms = (dp_now_ns() - peer->current.born_ns) / NS_PER_MS;
		out.local_index = peer->current.local_index;
	}
	*info = out;
}

static bool
describe_slice(struct control *c, struct request *r)
{
	uint32_t end = RTE_MIN(r->done + SLICE, r->n);

	while (r->done < end)
		describe(c, &r->info[r->done++]);
	return r->done == r->n;
}

static bool
drops_slice(struct control *c, struct request *r)
{
	uint32_t end = RTE_MIN(r->done + SLICE, r->n);

	for (; r->done < end; r->done++) {
		struct peer_drop_info *d = &r->drops[r->done];
		struct peer *peer = peer_find(c, d->iface, d->public_key);

		if (peer != NULL)
			dp_peer_drops(c->dp, peer->dp, d->packets);
	}
	return r->done == r->n;
}

static void
set_private_key(struct control *c, uint8_t iface_id, const uint8_t private_key[32])
{
	struct iface *iface = &c->ifaces[iface_id];

	noise_identity_set(&iface->identity, private_key);
	cookie_checker_init(&iface->checker, iface->identity.static_public);
	for (uint32_t id = 0; id < c->max_peers; id++) {
		struct peer *peer = c->by_id[id];

		if (peer == NULL || peer->iface != iface_id)
			continue;
		handshake_forget(peer);
		timers_set_persistent(&peer->timers, dp_now_ns(),
			is_own_key(c, iface_id, peer->noise.remote_static)
				? 0
				: peer->persistent_keepalive);
		handshake_rearm(peer);
	}
	log_info("%s: private key changed", iface->name);
}

static bool
serve(struct control *c, struct request *r)
{
	switch (r->type) {
	case REQUEST_APPLY:
		return apply_slice(c, r);
	case REQUEST_PEER_INFO:
		return describe_slice(c, r);
	case REQUEST_PEER_DROPS:
		return drops_slice(c, r);
	case REQUEST_PRIVATE_KEY:
		set_private_key(c, r->iface, r->private_key);
		return true;
	}
	return true;
}

bool
request_poll(struct control *c)
{
	struct request_queue *q = &c->requests;
	struct request *r;
	bool more;

	pthread_mutex_lock(&q->lock);
	r = q->first; /* stays at the head, and alive, until it is answered */
	pthread_mutex_unlock(&q->lock);
	if (r == NULL)
		return false;
	if (!serve(c, r))
		return true;
	pthread_mutex_lock(&q->lock);
	q->first = r->next;
	if (q->first == NULL)
		q->last = NULL;
	more = q->first != NULL;
	r->answered = true;
	pthread_cond_broadcast(&q->answered);
	pthread_mutex_unlock(&q->lock);
	return more;
}

void
control_close(struct control *c)
{
	struct request_queue *q = &c->requests;

	pthread_mutex_lock(&q->lock);
	q->closed = true;
	q->first = q->last = NULL;
	pthread_cond_broadcast(&q->answered);
	pthread_mutex_unlock(&q->lock);
}

bool
control_closed(struct control *c)
{
	bool closed;

	pthread_mutex_lock(&c->requests.lock);
	closed = c->requests.closed;
	pthread_mutex_unlock(&c->requests.lock);
	return closed;
}
