/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/handshaker.h"

#include <endian.h>
#include <string.h>
#include <time.h>

#include "control/key.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/clock.h"
#include "tests/pktgen/frame.h"

/* Each costs up to three multiplications; between them the port wants to be read. */
#define INITIATIONS_A_TURN 8

void
handshaker_init(struct handshaker *h, const struct options *o, struct wire *wire)
{
	memset(h, 0, sizeof(*h));
	h->options = o;
	h->wire = wire;
	h->retry_ns = o->retry_ms * NS_PER_MS;
	h->timeout_ns = (uint64_t)(o->handshake_timeout * 1e9);
	TAILQ_INIT(&h->beginning);
	TAILQ_INIT(&h->repeating);
	TAILQ_INIT(&h->waiting);
	handshaker_set_rate(h, o->handshake_rate, dp_now_ns());
}

void
handshaker_set_rate(struct handshaker *h, double rate, uint64_t now_ns)
{
	pacer_start(&h->pacer, rate, now_ns);
}

static struct client_list *
queue_of(struct handshaker *h, const struct client *c)
{
	return c->asked_ns != 0 ? &h->repeating : &h->beginning;
}

static void
enqueue(struct handshaker *h, struct client *c)
{
	c->state = CLIENT_QUEUED;
	TAILQ_INSERT_TAIL(queue_of(h, c), c, link);
	h->n_queued++;
}

/* Whoever has begun goes first. */
static struct client *
first_queued(struct handshaker *h)
{
	struct client *c = TAILQ_FIRST(&h->repeating);

	return c != NULL ? c : TAILQ_FIRST(&h->beginning);
}

static void
dequeue(struct handshaker *h, struct client *c)
{
	if (c->state == CLIENT_QUEUED) {
		TAILQ_REMOVE(queue_of(h, c), c, link);
		h->n_queued--;
	} else if (c->state == CLIENT_WAITING) {
		TAILQ_REMOVE(&h->waiting, c, link);
		h->n_waiting--;
		h->n_unanswered -= !c->has_cookie;
	}
	c->state = CLIENT_IDLE;
}

void
handshaker_add(struct handshaker *h, struct client *c)
{
	if (c->state != CLIENT_IDLE)
		return;
	c->asked_ns = 0;
	enqueue(h, c);
}

static uint64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static bool
make(struct client *c)
{
	return noise_create_initiation(&c->identity, &c->server, client_next_index(c), wall_ns(),
		       &c->initiation) == NOISE_OK;
}

void
handshaker_make_ahead(struct handshaker *h, struct client *c)
{
	c->made_ahead = make(c);
}

/* False when the port takes no more; then it is tried again in the next turn. */
static bool
initiate(struct handshaker *h, struct client *c, uint64_t now_ns)
{
	if (wire_space(h->wire) == 0)
		return false;
	dequeue(h, c);
	if (!c->made_ahead && !make(c)) {
		/* The server's public key is of low order, or our own. */
		h->failed++;
		return true;
	}
	c->made_ahead = false;
	cookie_add_macs(&c->cookie, &c->initiation, sizeof(c->initiation), now_ns);
	wire_send_udp(h->wire, &c->source, &h->options->server, FRAME_TOS_AF41, &c->initiation,
		sizeof(c->initiation));
	h->initiations++;
	h->retries += c->asked_ns != 0;
	c->sent_ns = now_ns;
	if (c->asked_ns == 0)
		c->asked_ns = now_ns;
	c->state = CLIENT_WAITING;
	c->has_cookie = false;
	TAILQ_INSERT_TAIL(&h->waiting, c, link);
	h->n_waiting++;
	h->n_unanswered++;
	return true;
}

static bool
expire(struct handshaker *h, uint64_t now_ns)
{
	bool any = false;
	struct client *c;

	while ((c = TAILQ_FIRST(&h->waiting)) != NULL && now_ns - c->sent_ns >= h->retry_ns) {
		any = true;
		dequeue(h, c);
		if (now_ns - c->asked_ns < h->timeout_ns) {
			enqueue(h, c);
			continue;
		}
		noise_peer_clear_handshake(&c->server);
		h->failed++;
	}
	return any;
}

bool
handshaker_turn(struct handshaker *h, uint64_t now_ns)
{
	bool any = expire(h, now_ns);
	unsigned n;

	if (h->n_queued == 0 || h->n_unanswered >= h->options->handshake_window)
		return any;
	n = pacer_due(&h->pacer, now_ns, INITIATIONS_A_TURN);
	for (unsigned i = 0;
		i < n && h->n_queued > 0 && h->n_unanswered < h->options->handshake_window; i++) {
		/* Its own time: the ones before it took theirs. */
		if (!initiate(h, first_queued(h), dp_now_ns()))
			break;
		pacer_take(&h->pacer, 1);
		any = true;
	}
	return any;
}

void
handshaker_give_up(struct handshaker *h)
{
	struct client *c;

	while ((c = first_queued(h)) != NULL || (c = TAILQ_FIRST(&h->waiting)) != NULL) {
		dequeue(h, c);
		noise_peer_clear_handshake(&c->server);
		h->failed++;
	}
}

bool
handshaker_idle(const struct handshaker *h)
{
	return h->n_queued == 0 && h->n_waiting == 0;
}

/* ---- answers ------------------------------------------------------------------- */

static void
finish(struct handshaker *h, struct client *c, const struct noise_response_job *job,
	uint64_t arrived_ns)
{
	client_add_session(
		c, le32toh(job->msg->receiver_index_le), job->remote_index, &job->keys, arrived_ns);
	dequeue(h, c);
	h->done++;
	h->last_done_ns = arrived_ns;
	histogram_add(&h->latency, arrived_ns - c->sent_ns);
	histogram_add(&h->total, arrived_ns - c->asked_ns);
	/* Until it hears from us under the new keys, the server may not use them. */
	handshaker_keepalive(h, c, arrived_ns);
}

void
handshaker_respond(struct handshaker *h, struct client *const *clients,
	const struct message_response *const *messages, unsigned n, uint64_t arrived_ns)
{
	struct noise_response_job jobs[NOISE_BATCH];

	for (unsigned i = 0; i < n; i++)
		jobs[i] = (struct noise_response_job){.id = &clients[i]->identity,
			.peer = &clients[i]->server,
			.msg = messages[i]};
	noise_consume_responses(jobs, n);
	for (unsigned i = 0; i < n; i++) {
		if (jobs[i].verdict == NOISE_OK)
			finish(h, clients[i], &jobs[i], arrived_ns);
		else
			h->rejected++;
	}
	crypto_wipe(jobs, n * sizeof(jobs[0]));
}

/* Whoever waits for a response of the server goes on doing so: both may begin at once. */
bool
handshaker_answer(struct handshaker *h, struct client *c, const struct message_initiation *msg,
	uint64_t now_ns)
{
	struct message_response response;
	struct noise_initiation in;
	struct noise_keys keys;
	uint32_t index = client_next_index(c);
	bool ok = wire_space(h->wire) > 0 &&
		  noise_consume_initiation(&c->identity, msg, &in) == NOISE_OK;

	if (!ok)
		return false;
	if (!crypto_equal(in.remote_static, h->options->server_key, KEY_LEN) ||
		noise_accept_initiation(&c->identity, &c->server, msg, &in, now_ns) != NOISE_OK ||
		noise_create_response(&c->server, &in, index, &response, &keys) != NOISE_OK) {
		crypto_wipe(&in, sizeof(in));
		return false;
	}
	cookie_add_macs(&c->cookie, &response, sizeof(response), now_ns);
	wire_send_udp(h->wire, &c->source, &h->options->server, FRAME_TOS_AF41, &response,
		sizeof(response));
	client_add_answered(c, index, in.remote_index, &keys, now_ns);
	crypto_wipe(&keys, sizeof(keys));
	h->answered++;
	return true;
}

void
handshaker_cookie(struct handshaker *h, struct client *c, const struct message_cookie_reply *msg,
	uint64_t now_ns)
{
	if (!cookie_consume_reply(&c->cookie, msg, now_ns)) {
		h->rejected++;
		return;
	}
	h->cookies++;
	/* That is an answer: others may go on, while this one waits for its time to repeat. */
	if (c->state == CLIENT_WAITING && !c->has_cookie) {
		c->has_cookie = true;
		h->n_unanswered--;
	}
}

void
handshaker_keepalive(struct handshaker *h, struct client *c, uint64_t now_ns)
{
	struct session *s = client_session(c, now_ns);
	struct {
		struct message_data header;
		uint8_t tag[NOISE_TAG_LEN];
	} msg;

	if (s == NULL || wire_space(h->wire) == 0)
		return;
	msg.header = (struct message_data){.type_le = htole32(MESSAGE_DATA),
		.receiver_index_le = htole32(s->remote_index),
		.counter_le = htole64(s->counter)};
	aead_seal_one(msg.tag, NULL, 0, NULL, 0, s->counter++, s->send);
	if (wire_send_udp(h->wire, &c->source, &h->options->server, 0, &msg, sizeof(msg))) {
		h->keepalives++;
		c->last_sent_ns = now_ns;
	}
}
