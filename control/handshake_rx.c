/* SPDX-License-Identifier: BSD-3-Clause */
/* Received handshake messages, a batch at a time, through the pure modules. */
#include <stdio.h>
#include <string.h>

#include "control/local.h"
#include "control/outer.h"
#include "control/publish.h"
#include "control/received.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

#define LOAD_SCALE 256 /* of dataplane_handshake_load */
#define REJECT_LINES_A_SECOND 5
/* Each costs a multiplication and a place in the ring of events; clients repeat after 5 s. */
#define UNKNOWN_A_SECOND 50

/* Count it, and log why, a few times a second; false for what is too much for a log. */
static bool
log_rejected(const struct received *r, const struct peer *peer, const char *why)
{
	struct control *c = r->c;

	dataplane_count_peer_drop(c->dp, PEER_DROP_handshake_rejected, r->iface_id,
		peer != NULL ? peer->id : PKT_NO_PEER);
	if (!per_second_allow(&c->reject_lines, REJECT_LINES_A_SECOND, r->now_ns, NULL))
		return false;
	log_warn("%s: rejected handshake from %s: %s",
		peer != NULL ? peer_label(peer) : r->iface->name, handshake_endpoint_text(&r->from),
		why);
	return true;
}

/* Neither log nor events are filled by whoever floods. */
static void
reject(const struct received *r, const struct peer *peer, const char *why)
{
	struct event e = {.type = EVENT_rejected, .iface = r->iface_id, .endpoint = r->from};

	if (!log_rejected(r, peer, why))
		return;
	snprintf(e.reason, sizeof(e.reason), "%s", why);
	if (peer != NULL)
		handshake_tell(peer, EVENT_rejected, &r->from, why, NULL);
	else
		events_push(r->c->events, &e);
}

/*
 * An initiation that is proper in all but that no peer has its key. Only its
 * second part proves that the sender holds the key that the first part names:
 * without that nobody is told of it, or anyone could put keys into others' mouths.
 */
static void
tell_unknown(const struct received *r, const struct noise_initiation_job *job)
{
	struct control *c = r->c;
	struct noise_initiation_job copy = *job;
	struct noise_peer stranger;
	struct event e = {.type = EVENT_unknown_key,
		.iface = r->iface_id,
		.endpoint = r->from,
		.has_key = true};
	bool proper;

	if (!per_second_allow(&c->unknown, UNKNOWN_A_SECOND, r->now_ns, NULL))
		return;
	memcpy(e.public_key, job->in.remote_static, sizeof(e.public_key));
	noise_peer_init(&stranger, e.public_key, NULL);
	copy.peer = &stranger;
	noise_prepare_peers(&copy, 1);
	proper = copy.verdict == NOISE_OK && noise_accept_initiation(copy.id, &stranger, copy.msg,
						     &copy.in, r->now_ns) == NOISE_OK;
	noise_peer_fini(&stranger);
	crypto_wipe(&copy, sizeof(copy));
	if (proper)
		events_push(c->events, &e);
}

static void
learn_endpoint(struct peer *peer, const struct received *r)
{
	struct ip_endpoint known;

	if (peer->connected && dp_peer_endpoint(peer->dp, &known, NULL) &&
		!ip_endpoint_equal(&known, &r->from))
		handshake_roamed(peer, &r->from);
	dp_peer_set_endpoint(r->c->dp, peer->dp, &r->from, &r->to.addr);
}

static void
note_accepted(struct peer *peer, const struct received *r)
{
	learn_endpoint(peer, r);
	local_heard(r->c->local, r->port, &r->from.addr, &r->mac, r->now_ns);
	peer->handshake_rx_bytes += r->len;
	dp_peer_note_received(peer->dp);
	timers_handshake_received(&peer->timers, r->now_ns);
}

/* The session is derived: publish it and answer. */
static void
answer_initiation(struct peer *peer, struct noise_initiation_job *job, uint32_t remote_index,
	const struct received *r)
{
	if (job->verdict != NOISE_OK || !publish_responder_session(peer, &job->keys,
						job->local_index, remote_index, r->worker)) {
		dp_index_free(r->c->dp, job->local_index);
		reject(r, peer,
			job->verdict != NOISE_OK ? noise_verdict_name(job->verdict)
						 : "out of memory");
		return;
	}
	note_accepted(peer, r);
	timers_session_derived(&peer->timers, r->now_ns);
	cookie_add_macs(&peer->cookie, &job->response, sizeof(job->response), r->now_ns);
	if (handshake_send(peer, r->worker, &job->response, sizeof(job->response)))
		timers_response_sent(&peer->timers, r->now_ns);
	handshake_rearm(peer);
}

/* Keeps the jobs whose verdict is good, and what belongs to them; says why of the others. */
static unsigned
keep_good(struct noise_initiation_job *jobs, const struct received **r, struct peer **peers,
	unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		if (jobs[i].verdict != NOISE_OK) {
			reject(r[i], peers[i], noise_verdict_name(jobs[i].verdict));
			continue;
		}
		jobs[kept] = jobs[i];
		r[kept] = r[i];
		peers[kept++] = peers[i];
	}
	return kept;
}

static unsigned
find_peers(struct noise_initiation_job *jobs, const struct received **r, struct peer **peers,
	unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct peer *peer = peer_find(r[i]->c, r[i]->iface_id, jobs[i].in.remote_static);

		if (peer == NULL) {
			log_rejected(r[i], NULL, "no peer has this key");
			tell_unknown(r[i], &jobs[i]);
			continue;
		}
		jobs[kept] = jobs[i];
		jobs[kept].peer = &peer->noise;
		r[kept] = r[i];
		peers[kept++] = peer;
	}
	return kept;
}

/* For each session that will be, its index; r and peers as in keep_good. */
static unsigned
allocate_indices(struct control *c, struct noise_initiation_job *jobs, const struct received **r,
	struct peer **peers, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!dp_index_alloc(c->dp, peers[i], &jobs[i].local_index)) {
			reject(r[i], peers[i], "the index table is full");
			continue;
		}
		jobs[kept] = jobs[i];
		r[kept] = r[i];
		peers[kept++] = peers[i];
	}
	return kept;
}

/* The noise code's steps, each over the whole batch. r is consumed. */
static void
receive_initiations(struct control *c, const struct received **r, unsigned n)
{
	struct noise_initiation_job jobs[MESSAGES_A_TURN];
	struct peer *peers[MESSAGES_A_TURN] = {NULL};
	uint32_t remote_index[MESSAGES_A_TURN];

	for (unsigned i = 0; i < n; i++)
		jobs[i] = (struct noise_initiation_job){
			.id = &r[i]->iface->identity, .msg = r[i]->data};
	noise_consume_initiations(jobs, n);
	n = keep_good(jobs, r, peers, n);
	n = find_peers(jobs, r, peers, n);
	noise_prepare_peers(jobs, n);
	for (unsigned i = 0; i < n; i++)
		jobs[i].verdict = noise_accept_initiation(
			jobs[i].id, jobs[i].peer, jobs[i].msg, &jobs[i].in, r[i]->now_ns);
	n = keep_good(jobs, r, peers, n);
	n = allocate_indices(c, jobs, r, peers, n);
	for (unsigned i = 0; i < n; i++)
		remote_index[i] = jobs[i].in.remote_index;
	noise_create_responses(jobs, n);
	for (unsigned i = 0; i < n; i++)
		answer_initiation(peers[i], &jobs[i], remote_index[i], r[i]);
	crypto_wipe(jobs, sizeof(jobs));
}

/* Whose initiation a response answers; NULL if there is none under its index. */
static struct peer *
find_initiator(const struct received *r)
{
	const struct message_response *msg = r->data;
	uint32_t index = rte_le_to_cpu_32(msg->receiver_index_le);
	struct peer *peer = dp_index_owner(r->c->dp, index);

	if (peer == NULL || peer->iface != r->iface_id || !peer->initiation_pending ||
		peer->initiation_index != index)
		return NULL;
	return peer;
}

static void
accept_response(struct peer *peer, const struct noise_response_job *job, const struct received *r)
{
	uint32_t index = peer->initiation_index;

	peer->initiation_pending = false; /* the index is the session's now */
	if (!publish_initiator_session(peer, &job->keys, index, job->remote_index, r->worker)) {
		dp_index_free(r->c->dp, index);
		reject(r, peer, "out of memory");
		return;
	}
	note_accepted(peer, r);
	timers_session_derived(&peer->timers, r->now_ns);
	handshake_completed(peer, r->now_ns, "initiator");
	/* The responder may use the session only after a packet from us. */
	dp_flush_staged(r->c->dp, peer->dp, true, r->worker);
	handshake_rearm(peer);
}

static void
receive_responses(const struct received **r, unsigned n)
{
	struct noise_response_job jobs[MESSAGES_A_TURN];
	struct peer *peers[MESSAGES_A_TURN];
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct peer *peer = find_initiator(r[i]);

		if (peer == NULL) {
			reject(r[i], NULL, "a response to nothing that was sent");
			continue;
		}
		jobs[kept] = (struct noise_response_job){
			.id = &r[i]->iface->identity, .peer = &peer->noise, .msg = r[i]->data};
		r[kept] = r[i];
		peers[kept++] = peer;
	}
	noise_consume_responses(jobs, kept);
	for (unsigned i = 0; i < kept; i++) {
		if (jobs[i].verdict == NOISE_OK)
			accept_response(peers[i], &jobs[i], r[i]);
		else
			reject(r[i], peers[i], noise_verdict_name(jobs[i].verdict));
	}
	crypto_wipe(jobs, sizeof(jobs));
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

static void
parse(struct control *c, enum punt_ring ring, struct rte_mbuf *m, uint64_t now, struct received *r)
{
	const struct pkt_meta *meta = pkt_meta(m);
	const struct rte_ether_hdr *frame;

	*r = (struct received){
		.c = c,
		.iface = &c->ifaces[meta->iface],
		.iface_id = meta->iface,
		.worker = meta->worker,
		.data = rte_pktmbuf_mtod(m, const void *),
		.len = m->data_len,
		.now_ns = now,
		.port = meta->port,
		.ring = ring,
		.source = meta->source,
	};
	frame = rte_pktmbuf_mtod_offset(m, const struct rte_ether_hdr *, -(int)meta->wg_off);
	rte_ether_addr_copy(&frame->src_addr, &r->mac);
	outer_parse(m, &r->from, &r->to);
}

static enum message_type
type_of(const struct received *r)
{
	uint32_t type_le;

	memcpy(&type_le, r->data, sizeof(type_le));
	return (enum message_type)rte_le_to_cpu_32(type_le); /* rx.c let through three */
}

/* Several at once cost the macs and the noise code little more than one. */
static unsigned
poll_ring(struct control *c, enum punt_ring ring, uint64_t now, bool loaded)
{
	const struct received *admitted[MESSAGES_A_TURN], *responses[MESSAGES_A_TURN];
	unsigned n_admitted = 0, n_initiations = 0, n_responses = 0;
	struct received r[MESSAGES_A_TURN];
	struct rte_mbuf *m[MESSAGES_A_TURN];
	unsigned n = dataplane_punted(c->dp, ring, m, MESSAGES_A_TURN);

	for (unsigned i = 0; i < n; i++) {
		parse(c, ring, m[i], now, &r[i]);
		if (type_of(&r[i]) == MESSAGE_COOKIE_REPLY)
			receive_cookie_reply(&r[i]);
		else
			admitted[n_admitted++] = &r[i];
	}
	n_admitted = admit(admitted, n_admitted, loaded);
	for (unsigned i = 0; i < n_admitted; i++) {
		if (type_of(admitted[i]) == MESSAGE_INITIATION)
			admitted[n_initiations++] = admitted[i];
		else
			responses[n_responses++] = admitted[i];
	}
	receive_initiations(c, admitted, n_initiations);
	receive_responses(responses, n_responses);
	rte_pktmbuf_free_bulk(m, n);
	return n;
}

/* A batch of each ring: what comes with more goes first, but not without end. */
unsigned
handshake_poll(struct control *c)
{
	uint64_t now = dp_now_ns();
	bool loaded = under_load_update(&c->load, dataplane_handshake_load(c->dp), LOAD_SCALE, now);
	unsigned n = 0;

	for (unsigned ring = 0; ring < PUNT_RINGS_HANDSHAKE; ring++)
		n += poll_ring(c, ring, now, loaded);
	return n;
}
