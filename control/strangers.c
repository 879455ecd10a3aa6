/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/strangers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>
#include <uthash.h>

#include "control/api_internal.h"
#include "control/audit.h"
#include "control/events.h"
#include "control/management_state.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

#define EVENTS_AT_ONCE 64
#define QUESTIONS_MAX 64u /* at once */
#define QUESTIONS_A_SECOND 50u
#define ANSWER_S 4. /* before the client's next try */
#define ANSWER_MAX (64u << 10)
#define REFUSED_S 20. /* a key that got a no is not asked about for that long */
#define REFUSED_SLOTS 1024u /* power of two; a newer no takes the place of an older one */
#define LOOK_S 1. /* for those who have fallen silent */
#define LOOK_AT_ONCE 512
#define ARRIVE_S 30. /* who was let in has that long to try again: it does so every 5 s */

struct who {
	uint8_t key[KEY_LEN];
	uint32_t iface; /* no padding: hashed as bytes */
};

/* Asked, and not answered yet. */
struct question {
	struct strangers *s;
	struct who who;
	ev_io io;
	ev_timer limit;
	char *answer;
	size_t len;
	struct question *prev, *next;
};

/* Somebody who was let in. */
struct guest {
	struct who who;
	double since;
	UT_hash_handle hh;
};

struct strangers {
	struct management *m;
	uint64_t cursor; /* in the events */
	struct question *questions;
	unsigned n_questions;
	double second; /* in which so many were asked */
	unsigned asked;
	struct {
		struct who who;
		double until;
	} refused[REFUSED_SLOTS];
	struct guest *guests;
	struct guest *look; /* where the next look begins */
	ev_timer looks;
	double told; /* when the log was last told of a failure */
};

/* ---- answers -------------------------------------------------------------------- */

static void
question_end(struct question *q)
{
	struct strangers *s = q->s;

	ev_io_stop(s->m->loop, &q->io);
	ev_timer_stop(s->m->loop, &q->limit);
	close(q->io.fd);
	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		s->questions = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	s->n_questions--;
	if (q->answer != NULL)
		crypto_wipe(q->answer, ANSWER_MAX); /* preshared keys come this way */
	free(q->answer);
	free(q);
}

/* A hook that is broken is told of now and then, not for each client. */
static void
tell_failure(struct strangers *s, uint32_t iface, const char *what)
{
	double now = ev_now(s->m->loop);

	if (s->told != 0 && now - s->told < 10.)
		return;
	s->told = now;
	log_warn("%s: unknown_peer_hook %s: %s", s->m->ifaces[iface].config->name,
		s->m->ifaces[iface].hook != NULL ? s->m->ifaces[iface].hook : "", what);
}

static unsigned
slot_of(const struct who *who)
{
	unsigned slot;

	memcpy(&slot, who->key, sizeof(slot));
	return (slot ^ who->iface) % REFUSED_SLOTS;
}

static void
remember_refused(struct strangers *s, const struct who *who)
{
	unsigned slot = slot_of(who);

	s->refused[slot].who = *who;
	s->refused[slot].until = ev_now(s->m->loop) + REFUSED_S;
}

/* The peer that the answer describes, into the registry and into force. */
static int
let_in(struct strangers *s, const struct who *who, json_t *peer, struct refusal *why)
{
	static const struct origin origin = {.via = "the hook for unknown peers"};
	struct management *m = s->m;
	char id[KEY_URL_STRLEN];
	uint8_t key[KEY_LEN];
	struct guest *g;
	bool created;

	registry_begin(m->registry, who->iface);
	if (api_edit_put(m, who->iface, key_format_url(id, who->key), peer, true, &created, key,
		    why) != 0) {
		registry_rollback(m->registry);
		return -1;
	}
	registry_mark_transient(m->registry, key);
	if (management_commit(m, who->iface, NULL, &origin, why) != 0)
		return -1;
	HASH_FIND(hh, s->guests, who, sizeof(*who), g);
	if (g == NULL) {
		g = calloc(1, sizeof(*g));
		if (g == NULL)
			abort();
		g->who = *who;
		HASH_ADD(hh, s->guests, who, sizeof(g->who), g);
	}
	g->since = ev_now(m->loop);
	return 0;
}

static void
on_answer(struct question *q)
{
	struct strangers *s = q->s;
	json_error_t error;
	json_t *answer = json_loadb(q->answer, q->len, JSON_REJECT_DUPLICATES, &error), *peer;
	struct refusal why;

	peer = json_object_get(answer, "peer");
	if (json_is_true(json_object_get(answer, "allow")) && json_is_object(peer)) {
		/* Somebody may have added it meanwhile: as good. */
		if (registry_by_key(s->m->registry, q->who.iface, q->who.key) == NULL &&
			let_in(s, &q->who, peer, &why) != 0) {
			tell_failure(s, q->who.iface, why.message);
			remember_refused(s, &q->who);
		}
	} else {
		if (!json_is_false(json_object_get(answer, "allow")))
			tell_failure(s, q->who.iface,
				"expected {\"allow\": true, \"peer\": {...}} or {\"allow\": "
				"false}");
		remember_refused(s, &q->who);
	}
	json_decref(answer);
	question_end(q);
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct question *q = w->data;
	ssize_t n = recv(w->fd, q->answer + q->len, ANSWER_MAX - q->len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		q->len += n;
		if (q->answer[q->len - 1] == '\n') {
			on_answer(q);
			return;
		}
		if (q->len < ANSWER_MAX)
			return;
	} else if (n == 0 && q->len > 0) {
		on_answer(q);
		return;
	}
	tell_failure(q->s, q->who.iface, n > 0 ? "its answer is too long" : "no answer");
	question_end(q);
}

static void
on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct question *q = w->data;

	tell_failure(q->s, q->who.iface, "no answer in time");
	question_end(q);
}

/* ---- questions ------------------------------------------------------------------ */

/* Connected, with the question sent; or -1, told. */
static int
send_question(struct strangers *s, const struct event *e)
{
	const struct managed_iface *f = &s->m->ifaces[e->iface];
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	json_t *o = api_event_json(s->m, e);
	char *text = json_dumps(o, JSON_COMPACT);
	size_t len = strlen(text);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	text[len] = '\n'; /* for the terminator: it is sent by length */
	json_decref(o);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", f->hook);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		send(fd, text, len + 1, MSG_NOSIGNAL) != (ssize_t)len + 1) {
		tell_failure(s, e->iface, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	free(text);
	return fd;
}

static bool
may_ask(struct strangers *s, const struct who *who)
{
	double now = ev_now(s->m->loop);
	unsigned slot = slot_of(who);

	if (registry_by_key(s->m->registry, who->iface, who->key) != NULL)
		return false;
	if (s->refused[slot].until > now && memcmp(&s->refused[slot].who, who, sizeof(*who)) == 0)
		return false;
	for (const struct question *q = s->questions; q != NULL; q = q->next)
		if (memcmp(&q->who, who, sizeof(*who)) == 0)
			return false;
	if (now - s->second >= 1.) {
		s->second = now;
		s->asked = 0;
	}
	return s->n_questions < QUESTIONS_MAX && s->asked++ < QUESTIONS_A_SECOND;
}

static void
ask(struct strangers *s, const struct event *e)
{
	struct who who = {.iface = e->iface};
	struct question *q;
	int fd;

	memcpy(who.key, e->public_key, sizeof(who.key));
	if (s->m->ifaces[e->iface].hook == NULL || !may_ask(s, &who))
		return;
	fd = send_question(s, e);
	if (fd < 0)
		return;
	q = calloc(1, sizeof(*q));
	if (q == NULL || (q->answer = malloc(ANSWER_MAX)) == NULL)
		abort();
	q->s = s;
	q->who = who;
	q->next = s->questions;
	if (q->next != NULL)
		q->next->prev = q;
	s->questions = q;
	s->n_questions++;
	ev_io_init(&q->io, on_readable, fd, EV_READ);
	q->io.data = q;
	ev_io_start(s->m->loop, &q->io);
	ev_timer_init(&q->limit, on_limit, ANSWER_S, 0.);
	q->limit.data = q;
	ev_timer_start(s->m->loop, &q->limit);
}

void
strangers_turn(struct strangers *s)
{
	struct event events[EVENTS_AT_ONCE];
	struct event_gap gap;
	size_t n;

	if (s == NULL)
		return;
	do {
		n = events_read(s->m->events, &s->cursor, events, EVENTS_AT_ONCE, &gap);
		for (size_t i = 0; i < n; i++)
			if (events[i].type == EVENT_unknown_key && events[i].iface < s->m->n_ifaces)
				ask(s, &events[i]);
	} while (n == EVENTS_AT_ONCE);
}

/* ---- guests --------------------------------------------------------------------- */

static void
forget(struct strangers *s, struct guest *g)
{
	if (s->look == g)
		s->look = g->hh.next;
	HASH_DEL(s->guests, g);
	free(g);
}

static void
see_out(struct strangers *s, struct guest *g, const struct peer_spec *spec)
{
	static const struct origin origin = {.via = "unknown_peer_idle"};
	struct management *m = s->m;
	uint8_t key[KEY_LEN];
	struct refusal why;

	memcpy(key, spec->public_key, sizeof(key)); /* removing frees the spec */
	registry_begin(m->registry, g->who.iface);
	registry_remove(m->registry, key);
	if (management_commit(m, g->who.iface, NULL, &origin, &why) == 0)
		forget(s, g);
	else
		log_warn("%s: %s", m->ifaces[g->who.iface].config->name, why.message);
}

static void
look_at(struct strangers *s, struct guest *g)
{
	struct management *m = s->m;
	const struct peer_spec *spec = registry_by_key(m->registry, g->who.iface, g->who.key);
	double silent = ev_now(m->loop) - g->since;
	struct peer_info info;

	/* Removed by somebody, or made a peer like others. */
	if (spec == NULL || !spec->transient) {
		forget(s, g);
		return;
	}
	if (silent < m->ifaces[g->who.iface].hook_idle)
		return;
	management_peer_info(m, g->who.iface, &spec, &info, 1);
	if (info.silent_ms == UINT64_MAX
			? silent >= ARRIVE_S
			: info.silent_ms / 1000 >= m->ifaces[g->who.iface].hook_idle)
		see_out(s, g, spec);
}

static void
on_look(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct strangers *s = w->data;
	unsigned n = HASH_COUNT(s->guests);

	for (unsigned i = 0; i < n && i < LOOK_AT_ONCE; i++) {
		struct guest *g = s->look != NULL ? s->look : s->guests;

		s->look = g->hh.next;
		look_at(s, g);
	}
}

/* ---- life ----------------------------------------------------------------------- */

struct strangers *
strangers_create(struct management *m)
{
	struct strangers *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->m = m;
	s->cursor = events_last(m->events);
	ev_timer_init(&s->looks, on_look, LOOK_S, LOOK_S);
	s->looks.data = s;
	ev_timer_start(m->loop, &s->looks);
	return s;
}

void
strangers_destroy(struct strangers *s)
{
	struct guest *g, *next;

	if (s == NULL)
		return;
	ev_timer_stop(s->m->loop, &s->looks);
	while (s->questions != NULL)
		question_end(s->questions);
	HASH_ITER(hh, s->guests, g, next) {
		HASH_DEL(s->guests, g);
		free(g);
	}
	free(s);
}
