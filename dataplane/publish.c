/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_malloc.h>
#include <rte_pause.h>
#include <rte_ring_elem.h>

#include "dataplane/publish.h"
#include "dataplane/rcu.h"
#include "dataplane/worker.h"

/* A full mailbox means a worker far behind: wait this long for it before giving up. */
#define MAILBOX_WAIT_NS (1 * NS_PER_SEC)
/* Ids of peers that were just removed are free after a grace period and a turn of each worker. */
#define ID_WAIT_NS (1 * NS_PER_SEC)

/* dp_peer_allow passes the one on as the other. */
_Static_assert(PKT_NO_PEER == FIB_NO_PEER, "no peer is no peer");

/* ---- messages ---------------------------------------------------------------------- */

static void
post(struct worker *w, const struct dp_message *msg)
{
	uint64_t deadline = 0;

	/* Nobody reads any more: waiting a second for each of many peers would never end. */
	if (!w->dp->running)
		return;
	while (rte_ring_sp_enqueue_elem(w->mailbox, (void *)(uintptr_t)msg, sizeof(*msg)) != 0) {
		worker_wake(w);
		if (deadline == 0)
			deadline = dp_now_ns() + MAILBOX_WAIT_NS;
		/* MSG_PEER_GONE must arrive, or its id would never be free again. */
		if (msg->type != MSG_PEER_GONE && dp_now_ns() > deadline) {
			dataplane_count_drop(w->dp, DROP_queue_full, PKT_NO_IFACE);
			return;
		}
		rte_pause();
	}
	w->wake_due = true;
}

void
dataplane_wake_workers(struct dataplane *dp)
{
	for (unsigned i = 0; i < dp->n_workers; i++) {
		struct worker *w = dp->workers[i];

		if (w->wake_due) {
			w->wake_due = false;
			worker_wake(w);
		}
	}
}

static void
post_all(struct dataplane *dp, const struct dp_message *msg)
{
	for (unsigned i = 0; i < dp->n_workers; i++)
		post(dp->workers[i], msg);
}

void
dp_flush_staged(struct dataplane *dp, const struct peer_dp *peer, bool keepalive, uint8_t owner)
{
	for (unsigned i = 0; i < dp->n_workers; i++)
		post(dp->workers[i], &(struct dp_message){.type = MSG_FLUSH_STAGED,
					     .keepalive = keepalive && i == owner,
					     .peer_id = peer->id});
}

void
dp_drop_staged(struct dataplane *dp, const struct peer_dp *peer)
{
	post_all(dp, &(struct dp_message){.type = MSG_DROP_STAGED, .peer_id = peer->id});
}

void
dp_send_keepalive(struct dataplane *dp, const struct peer_dp *peer)
{
	post(dp->workers[peer->id % dp->n_workers],
		&(struct dp_message){.type = MSG_KEEPALIVE, .peer_id = peer->id});
}

void
dataplane_neigh_done(struct dataplane *dp, uint8_t port, const struct ip_addr *addr, bool resolved)
{
	post_all(dp,
		&(struct dp_message){
			.type = MSG_NEIGH_DONE, .port = port, .resolved = resolved, .addr = *addr});
}

/* ---- peers ------------------------------------------------------------------------- */

/* With max_peers in use, one may be replaced by another before its id is free again. */
static bool
wait_for_id(struct dataplane *dp)
{
	uint64_t deadline = dp_now_ns() + ID_WAIT_NS;

	dataplane_wake_workers(dp);
	while (dp->n_free_ids == 0 && dataplane_reclaim(dp) && dp_now_ns() < deadline)
		rte_pause();
	return dp->n_free_ids > 0;
}

/*
 * Peers are allocated by the chunk: rte_malloc puts 128 bytes in front of each
 * allocation, as much as a peer is.
 */
static struct peer_dp *
peer_take(struct dataplane *dp, uint32_t id)
{
	struct peer_chunk *chunk = &dp->peer_chunks[id / PEER_CHUNK];
	struct peer_dp *peer;

	if (chunk->peers == NULL)
		chunk->peers = rte_zmalloc(
			"peer_dp", PEER_CHUNK * sizeof(*chunk->peers), RTE_CACHE_LINE_SIZE);
	if (chunk->peers == NULL)
		return NULL;
	chunk->n++;
	peer = &chunk->peers[id % PEER_CHUNK];
	memset(peer, 0, sizeof(*peer));
	return peer;
}

static void
peer_give_back(struct dataplane *dp, uint32_t id)
{
	struct peer_chunk *chunk = &dp->peer_chunks[id / PEER_CHUNK];

	if (--chunk->n > 0)
		return;
	rte_free(chunk->peers);
	chunk->peers = NULL;
}

/*
 * No worker has a drop of the id's last peer left to charge: what leads to its
 * id was gone before the grace period that freed it, but for what was staged,
 * which each worker drops before it confirms.
 */
static void
clear_drops(struct peer_drops *drops)
{
	for (unsigned i = 0; i < PEER_DROP_COUNT; i++)
		atomic_store_explicit(&drops->packets[i], 0, memory_order_relaxed);
}

struct peer_dp *
dp_peer_publish(struct dataplane *dp, uint8_t iface)
{
	struct peer_dp *peer;
	uint32_t id;

	if (dp->n_free_ids == 0 && !wait_for_id(dp))
		return NULL;
	id = dp->free_ids[dp->n_free_ids - 1];
	peer = peer_take(dp, id);
	if (peer == NULL)
		return NULL;
	dp->n_free_ids--;
	peer->id = id;
	peer->generation = ++dp->generations[id];
	peer->iface = iface;
	clear_drops(&dp->peer_drops[id]);
	atomic_store_explicit(&dp->peers[id], peer, memory_order_release);
	atomic_fetch_add_explicit(&dp->n_peers, 1, memory_order_relaxed);
	return peer;
}

/*
 * Removal. Phase one, now: the table of peers, the forwarding table and the
 * index table no longer lead to the peer, so a worker that still uses it found
 * it in its current turn. Phase two, after a grace period: no worker uses it,
 * and none can stage another packet for its id, so a message that drops what
 * is staged is the last word. When every worker has confirmed it, the id is
 * reused; the generation tells events of the old peer apart.
 */
static void
retire_phase_two(void *arg)
{
	struct retired_peer *r = arg;
	struct dataplane *dp = r->dp;

	/* Unless the caller did: the published IPv6 table may still lead to the id. */
	fib_commit(dp->fib);
	r->next = dp->retired;
	dp->retired = r;
	if (!dp->running) {
		atomic_store(&r->pending, 0);
		return;
	}
	atomic_store(&r->pending, dp->n_workers);
	post_all(
		dp, &(struct dp_message){
			    .type = MSG_PEER_GONE, .peer_id = r->peer->id, .pending = &r->pending});
}

void
dp_peer_retire(struct dataplane *dp, struct peer_dp *peer)
{
	struct retired_peer *r = rte_zmalloc("retired", sizeof(*r), 0);

	atomic_store_explicit(&dp->peers[peer->id], NULL, memory_order_release);
	atomic_fetch_sub_explicit(&dp->n_peers, 1, memory_order_relaxed);
	if (r == NULL)
		rte_panic("out of memory while a peer is removed\n");
	r->dp = dp;
	r->peer = peer;
	rcu_defer(dp->rcu, retire_phase_two, r);
}

/* Free the ids that every worker has confirmed. True while some are left. */
static bool
collect_retired(struct dataplane *dp)
{
	struct retired_peer **link = &dp->retired, *r;
	uint32_t id;

	while ((r = *link) != NULL) {
		/* A full queue lets the peer's turn come before its sessions'. */
		if (atomic_load_explicit(&r->pending, memory_order_acquire) != 0 ||
			r->peer->retired != NULL) {
			link = &r->next;
			continue;
		}
		*link = r->next;
		id = r->peer->id;
		dp->free_ids[dp->n_free_ids++] = id;
		peer_give_back(dp, id);
		rte_free(r);
	}
	return dp->retired != NULL;
}

bool
dataplane_reclaim(struct dataplane *dp)
{
	bool more = rcu_reclaim(dp->rcu);

	return collect_retired(dp) || more;
}

void
dp_peer_identity(const struct peer_dp *peer, uint32_t *id, uint32_t *generation)
{
	*id = peer->id;
	*generation = peer->generation;
}

void
dp_peer_set_endpoint(struct dataplane *dp, struct peer_dp *peer, const struct ip_endpoint *endpoint,
	const struct ip_addr *source)
{
	struct endpoint_dp ep = {.family = endpoint->addr.family};

	if (ep.family != IP_NONE) {
		ep.port_be = rte_cpu_to_be_16(endpoint->port);
		memcpy(ep.addr, endpoint->addr.bytes, 16);
		ep.route = fib_lookup(dp->fib, &endpoint->addr)->route;
		if (source == NULL) {
			uint32_t id = fib_id(ep.route);
			const struct ip_addr *to = &endpoint->addr;

			if (fib_kind(ep.route) == FIB_VIA) {
				to = &dp->fib->gateways[id].addr;
				id = dp->fib->gateways[id].port;
			}
			if (fib_kind(ep.route) == FIB_PORT || fib_kind(ep.route) == FIB_VIA)
				source = port_source_address(&dp->ports.port[id], to);
		}
		if (source != NULL)
			memcpy(ep.source, source->bytes, 16);
		else
			ep.route = 0; /* no address of that family on the way: not reachable */
	}
	while (!peer_endpoint_write(peer, &ep))
		rte_pause(); /* a worker is writing; what control was told to set wins */
	peer_endpoint_unseen(peer, NULL);
}

bool
dp_peer_endpoint(const struct peer_dp *peer, struct ip_endpoint *endpoint, struct ip_addr *source)
{
	struct endpoint_dp ep;

	peer_endpoint_read(peer, &ep);
	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->addr.family = ep.family;
	memcpy(endpoint->addr.bytes, ep.addr, 16);
	endpoint->port = rte_be_to_cpu_16(ep.port_be);
	if (source != NULL) {
		source->family = ep.family;
		memcpy(source->bytes, ep.source, 16);
	}
	return ep.family != IP_NONE;
}

int
dp_peer_allow(struct dataplane *dp, struct peer_dp *peer, const struct ip_prefix *prefix,
	uint32_t *taken_from, char *err, size_t err_size)
{
	return fib_allowed_add(dp->fib, prefix, peer->iface, peer->id, taken_from, err, err_size);
}

void
dp_peer_disallow(struct dataplane *dp, struct peer_dp *peer, const struct ip_prefix *prefix)
{
	fib_allowed_remove(dp->fib, prefix, peer->id);
}

void
dp_allow_commit(struct dataplane *dp)
{
	fib_commit(dp->fib);
}

void
dp_peer_handshake_answered(struct peer_dp *peer)
{
	atomic_store_explicit(&peer->handshake_wanted, false, memory_order_relaxed);
}

bool
dp_peer_handshake_wanted(const struct peer_dp *peer)
{
	return atomic_load_explicit(&peer->handshake_wanted, memory_order_relaxed);
}

/* Control is the lists' only writer. */
static struct session *
first_session(const struct peer_dp *peer)
{
	return atomic_load_explicit(&peer->sessions, memory_order_relaxed);
}

static struct session *
next_session(const struct session *s)
{
	return atomic_load_explicit(&s->sibling, memory_order_relaxed);
}

static void
add_received(const struct session *s, uint64_t *packets, uint64_t *bytes)
{
	*packets += atomic_load_explicit(&s->rx_packets, memory_order_relaxed);
	*bytes += atomic_load_explicit(&s->rx_bytes, memory_order_relaxed);
}

void
dp_peer_counters(const struct dataplane *dp, const struct peer_dp *peer, struct dp_counters *out)
{
	*out = (struct dp_counters){.rx_packets = peer->rx_packets, .rx_bytes = peer->rx_bytes};
	for (const struct session *s = first_session(peer); s != NULL; s = next_session(s))
		add_received(s, &out->rx_packets, &out->rx_bytes);
	for (const struct session *s = peer->retired; s != NULL; s = s->next_retired)
		add_received(s, &out->rx_packets, &out->rx_bytes);
	for (unsigned i = 0; i < dp->n_workers; i++) {
		const struct peer_worker *pw = &dp->workers[i]->peers[peer->id];

		out->tx_packets += atomic_load_explicit(&pw->tx_packets, memory_order_relaxed);
		out->tx_bytes += atomic_load_explicit(&pw->tx_bytes, memory_order_relaxed);
	}
}

void
dp_peer_drops(
	const struct dataplane *dp, const struct peer_dp *peer, uint64_t packets[PEER_DROP_COUNT])
{
	const struct peer_drops *drops = &dp->peer_drops[peer->id];

	for (unsigned i = 0; i < PEER_DROP_COUNT; i++)
		packets[i] = atomic_load_explicit(&drops->packets[i], memory_order_relaxed);
}

/* A time that a worker keeps in a session. */
static uint64_t
time_of(const _Atomic session_time *t, uint64_t now)
{
	return session_time_ns(atomic_load_explicit(t, memory_order_relaxed), now);
}

/*
 * When anything was last received, or sent, but on this session, where the
 * workers themselves take back what is answered.
 */
static void
last_elsewhere(const struct peer_dp *peer, const struct session *but, uint64_t now, uint64_t *rx,
	uint64_t *tx)
{
	*rx = peer->last_rx_ns;
	*tx = peer->last_tx_ns;
	for (const struct session *s = first_session(peer); s != NULL; s = next_session(s)) {
		if (s == but)
			continue;
		*rx = RTE_MAX(*rx, time_of(&s->last_rx, now));
		*tx = RTE_MAX(*tx, time_of(&s->last_tx, now));
	}
}

/*
 * Since when data on a session is unanswered; 0: it is not. What another
 * session has answered, or a handshake message, is taken back here, so that
 * workers tell of what comes after it. last: data there that may have come
 * after that already.
 */
static uint64_t
unanswered(_Atomic session_time *since, session_time last, uint64_t answered, uint64_t now)
{
	session_time was = atomic_load_explicit(since, memory_order_relaxed);

	if (was == 0 || session_time_ns(was, now) >= answered)
		return session_time_ns(was, now);
	if (session_time_ns(last, now) < answered)
		last = 0;
	atomic_compare_exchange_strong_explicit(
		since, &was, last, memory_order_relaxed, memory_order_relaxed);
	return session_time_ns(last, now);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

void
dp_peer_traffic(const struct peer_dp *peer, struct dp_traffic *out)
{
	uint64_t now = dp_now_ns(), rx, tx;

	*out = (struct dp_traffic){0};
	last_elsewhere(peer, NULL, now, &out->last_rx_ns, &out->last_tx_ns);
	for (struct session *s = first_session(peer); s != NULL; s = next_session(s)) {
		session_time last = atomic_load_explicit(&s->last_rx_data, memory_order_relaxed);

		last_elsewhere(peer, s, now, &rx, &tx);
		out->last_rx_data_ns = RTE_MAX(out->last_rx_data_ns, session_time_ns(last, now));
		out->rx_data_since_ns = earlier(
			out->rx_data_since_ns, unanswered(&s->rx_data_since, last, tx, now));
		out->tx_data_since_ns =
			earlier(out->tx_data_since_ns, unanswered(&s->tx_data_since, 0, rx, now));
	}
}

void
dp_peer_traffic_told(struct peer_dp *peer, bool told)
{
	for (struct session *s = first_session(peer); s != NULL; s = next_session(s))
		atomic_store_explicit(&s->traffic_told, told, memory_order_relaxed);
}

void
dp_peer_note_received(struct peer_dp *peer)
{
	peer->last_rx_ns = session_time_round(dp_now_ns());
	for (struct session *s = first_session(peer); s != NULL; s = next_session(s))
		atomic_store_explicit(&s->tx_data_since, 0, memory_order_relaxed);
}

void
dp_peer_note_sent(struct peer_dp *peer)
{
	peer->last_tx_ns = session_time_round(dp_now_ns());
	for (struct session *s = first_session(peer); s != NULL; s = next_session(s))
		atomic_store_explicit(&s->rx_data_since, 0, memory_order_relaxed);
}

/* ---- indices and sessions ------------------------------------------------------------ */

bool
dp_index_alloc(struct dataplane *dp, void *owner, uint32_t *index)
{
	return index_alloc(&dp->index, owner, index);
}

void
dp_index_free(struct dataplane *dp, uint32_t index)
{
	index_free(&dp->index, index);
}

void *
dp_index_owner(const struct dataplane *dp, uint32_t index)
{
	return index_owner(&dp->index, index);
}

struct session *
dp_session_publish(struct dataplane *dp, struct peer_dp *peer, const struct session_params *params)
{
	struct session *s = rte_zmalloc("session", sizeof(*s), RTE_CACHE_LINE_SIZE);
	uint64_t now = dp_now_ns();

	if (s == NULL)
		return NULL;
	memcpy(s->recv_key, params->recv_key, sizeof(s->recv_key));
	memcpy(s->send_key, params->send_key, sizeof(s->send_key));
	s->peer = peer;
	s->peer_id = peer->id;
	s->local_index = params->local_index;
	s->remote_index = params->remote_index;
	s->iface = peer->iface;
	s->owner = params->owner;
	s->initiator = params->initiator;
	s->confirmed = params->initiator;
	s->reject_ns = now + REJECT_AFTER_TIME_NS;
	s->rekey_send_ns = params->initiator ? now + REKEY_AFTER_TIME_NS : s->reject_ns;
	s->sibling = first_session(peer);
	atomic_store_explicit(&peer->sessions, s, memory_order_release);
	atomic_fetch_add_explicit(&dp->n_sessions, 1, memory_order_relaxed);
	index_publish(&dp->index, s->local_index, s);
	return s;
}

/* Its owner counts no more: what it has counted goes to the peer. */
static void
fold(struct session *s)
{
	struct peer_dp *peer = s->peer;
	struct session **link = &peer->retired;
	uint64_t now = dp_now_ns();

	add_received(s, &peer->rx_packets, &peer->rx_bytes);
	peer->last_rx_ns = RTE_MAX(peer->last_rx_ns, time_of(&s->last_rx, now));
	peer->last_tx_ns = RTE_MAX(peer->last_tx_ns, time_of(&s->last_tx, now));
	while (*link != s)
		link = &(*link)->next_retired;
	*link = s->next_retired;
}

static void
session_free(void *arg)
{
	struct session *s = arg;

	fold(s);
	crypto_wipe(s, sizeof(*s));
	rte_free(s);
}

/* A worker that is there already walks on, for the session keeps its link. */
static void
leave_siblings(struct session *s)
{
	_Atomic(struct session *) *link = &s->peer->sessions;

	while (atomic_load_explicit(link, memory_order_relaxed) != s)
		link = &atomic_load_explicit(link, memory_order_relaxed)->sibling;
	atomic_store_explicit(link, next_session(s), memory_order_release);
	s->next_retired = s->peer->retired;
	s->peer->retired = s;
}

void
dp_session_retire(struct dataplane *dp, struct session *s)
{
	leave_siblings(s);
	index_publish(&dp->index, s->local_index, NULL);
	atomic_fetch_sub_explicit(&dp->n_sessions, 1, memory_order_relaxed);
	rcu_defer(dp->rcu, session_free, s);
}

void
dp_peer_set_current(struct peer_dp *peer, struct session *session)
{
	atomic_store_explicit(&peer->current, session, memory_order_release);
}

void
dp_peer_set_next(struct peer_dp *peer, struct session *session)
{
	atomic_store_explicit(&peer->next, session, memory_order_release);
}
