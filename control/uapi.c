/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets of the userspace API: bounded clients, none of which can hold up another. */
#include "control/uapi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/audit.h"
#include "control/management_state.h"
#include "control/unix_listen.h"
#include "dataplane/log.h"

#define CLIENTS_MAX 32u
#define REQUEST_MAX (64u << 20) /* 100 000 peers with everything take about 30 MiB */
#define REQUESTS_MAX (128u << 20) /* of all clients together */
#define IDLE_TIMEOUT_S 30.
#define READ_CHUNK 65536u
#define PEERS_AT_ONCE 128u
#define ACCEPT_PAUSE_S 1.
#define VERB_LEN 6u /* of "get=1\n" and "set=1\n" */

struct listener {
	struct uapi_server *server;
	unsigned iface;
	char path[108];
	ev_io io;
	ev_timer pause; /* running: no descriptor was left for the next client */
};

struct client {
	struct uapi_server *server;
	unsigned iface;
	ev_io io;
	ev_timer idle;
	struct uapi_text in, out;
	size_t sent; /* of out */
	size_t searched; /* of in, for the empty line */
	bool printing; /* a get is under way */
	bool closing; /* once out is sent */
	uint64_t cursor;
	struct client *prev, *next;
};

struct uapi_server {
	struct management *m;
	struct listener *listeners;
	unsigned n_listeners;
	struct client *clients;
	unsigned n_clients;
	bool crowded; /* the latest client was turned away */
	size_t held; /* bytes of requests */
};

/* ---- clients -------------------------------------------------------------------- */

static void
client_close(struct client *c)
{
	struct uapi_server *s = c->server;

	ev_io_stop(s->m->loop, &c->io);
	ev_timer_stop(s->m->loop, &c->idle);
	close(c->io.fd);
	s->held -= c->in.cap;
	uapi_text_fini(&c->in);
	uapi_text_fini(&c->out);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->clients = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	s->n_clients--;
	free(c);
}

static void
watch(struct client *c, int events)
{
	if ((c->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(c->server->m->loop, &c->io);
	ev_io_set(&c->io, c->io.fd, events);
	ev_io_start(c->server->m->loop, &c->io);
}

/* errno as wireguard-go gives it: negative, 0 for success. */
static void
end_answer(struct client *c, int error)
{
	char line[32];

	uapi_text_append(&c->out, line, snprintf(line, sizeof(line), "errno=%d\n\n", -error));
}

/* The next piece of a get. The registry may have changed since the last one; the cursor holds. */
static void
print_more(struct client *c)
{
	uapi_text_fini(&c->out);
	c->sent = 0;
	if (!c->printing)
		return;
	c->printing = uapi_print_peers(c->server->m, c->iface, &c->cursor, PEERS_AT_ONCE, &c->out);
	if (!c->printing)
		end_answer(c, 0);
}

/* Drop the first n bytes of what came in. */
static void
consume(struct client *c, size_t n)
{
	struct uapi_text rest = {0};

	if (c->in.len > n)
		uapi_text_append(&rest, c->in.data + n, c->in.len - n);
	c->server->held -= c->in.cap;
	uapi_text_fini(&c->in);
	c->in = rest;
	c->server->held += c->in.cap;
	c->searched = 0;
}

static void
refuse_client(struct client *c, int error)
{
	end_answer(c, error);
	c->closing = true;
}

/* Where the first request ends, its empty line included; 0 when it is not complete. */
static size_t
request_end(struct client *c)
{
	const char *found;
	size_t from = c->searched > 0 ? c->searched - 1 : 0;

	if (c->in.len == 0)
		return 0;
	found = memmem(c->in.data + from, c->in.len - from, "\n\n", 2);
	c->searched = c->in.len;
	return found != NULL ? found + 2 - c->in.data : 0;
}

/*
 * Serve the first complete request, if there is one. Nothing is being sent:
 * while an answer is, the client is watched for writing only.
 */
static void
serve(struct client *c)
{
	struct management *m = c->server->m;
	struct refusal why;
	size_t end;

	if (c->closing)
		return;
	if (c->in.len >= VERB_LEN && memcmp(c->in.data, "get=1\n", VERB_LEN) != 0 &&
		memcmp(c->in.data, "set=1\n", VERB_LEN) != 0) {
		refuse_client(c, EPROTO);
		return;
	}
	end = request_end(c);
	if (end == 0)
		return;
	if (end < VERB_LEN) {
		refuse_client(c, EPROTO);
	} else if (c->in.data[0] == 's') {
		struct origin origin = origin_of_socket("wg", c->io.fd);
		int rc = uapi_set(m, c->iface, c->in.data, end, &origin, &why);

		end_answer(c, rc == 0 ? 0 : refusal_errno(&why));
	} else if (end != VERB_LEN + 1) {
		refuse_client(c, EPROTO); /* get takes no lines */
	} else {
		uapi_print_interface(m, c->iface, &c->out);
		c->printing = true;
		c->cursor = 0;
	}
	consume(c, end);
}

/* False when the client is gone. */
static bool
client_write(struct client *c)
{
	ssize_t n;

	while (c->sent < c->out.len) {
		n = send(c->io.fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			client_close(c);
			return false;
		}
		c->sent += n;
		ev_timer_again(c->server->m->loop, &c->idle);
	}
	if (c->sent < c->out.len) {
		watch(c, EV_WRITE);
		return true;
	}
	print_more(c);
	if (c->out.len == 0 && c->closing) {
		client_close(c);
		return false;
	}
	if (c->out.len == 0)
		serve(c);
	/* Back to the loop between pieces, so that others get their turn. */
	watch(c, c->out.len > 0 ? EV_WRITE : EV_READ);
	return true;
}

static void
client_read(struct client *c)
{
	struct uapi_server *s = c->server;
	static char chunk[READ_CHUNK]; /* of the one management thread */
	size_t cap = c->in.cap;
	ssize_t n = recv(c->io.fd, chunk, sizeof(chunk), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c);
		return;
	}
	if (c->in.len + n > REQUEST_MAX || s->held + 2 * (c->in.len + n) > REQUESTS_MAX) {
		refuse_client(c, E2BIG);
	} else {
		uapi_text_append(&c->in, chunk, n);
		s->held += c->in.cap - cap;
		ev_timer_again(s->m->loop, &c->idle);
		serve(c);
	}
	explicit_bzero(chunk, n);
	if (c->out.len > 0)
		client_write(c);
}

static void
on_client(struct ev_loop *loop, ev_io *w, int revents)
{
	if (revents & EV_WRITE)
		client_write(w->data);
	else
		client_read(w->data);
}

static void
on_idle(struct ev_loop *loop, ev_timer *w, int revents)
{
	client_close(w->data);
}

/* ---- listeners -------------------------------------------------------------------- */

static void
client_open(struct listener *l, int fd)
{
	struct uapi_server *s = l->server;
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->server = s;
	c->iface = l->iface;
	c->next = s->clients;
	if (c->next != NULL)
		c->next->prev = c;
	s->clients = c;
	s->n_clients++;
	ev_io_init(&c->io, on_client, fd, EV_READ);
	c->io.data = c;
	ev_io_start(s->m->loop, &c->io);
	ev_timer_init(&c->idle, on_idle, 0., IDLE_TIMEOUT_S);
	c->idle.data = c;
	ev_timer_again(s->m->loop, &c->idle);
}

static void
on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
	struct listener *l = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS)
			return; /* gone before it was accepted */
		log_warn("%s: %s", l->path, strerror(errno));
		ev_io_stop(loop, &l->io);
		ev_timer_again(loop, &l->pause);
		return;
	}
	if (l->server->n_clients >= CLIENTS_MAX) {
		/* Told once, not for each: whoever opens so many opens more. */
		if (!l->server->crowded)
			log_warn("%s: more than %u clients at once", l->path, CLIENTS_MAX);
		l->server->crowded = true;
		close(fd);
		return;
	}
	l->server->crowded = false;
	client_open(l, fd);
}

static void
on_pause_over(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct listener *l = w->data;

	ev_timer_stop(loop, w);
	ev_io_start(loop, &l->io);
}

static int
listener_init(struct listener *l, struct uapi_server *s, unsigned iface, char *err, size_t err_size)
{
	struct management *m = s->m;
	int fd;

	l->server = s;
	l->iface = iface;
	/* config.c has checked that it fits. */
	snprintf(l->path, sizeof(l->path), "%s/%s.sock", m->config->control.uapi_dir,
		m->ifaces[iface].config->name);
	fd = unix_listen(l->path, 0600, (uid_t)-1, (gid_t)-1, CLIENTS_MAX, err, err_size);
	if (fd < 0)
		return -1;
	ev_io_init(&l->io, on_accept, fd, EV_READ);
	ev_set_priority(&l->io, -1); /* those who have gone make room first */
	l->io.data = l;
	ev_io_start(m->loop, &l->io);
	ev_init(&l->pause, on_pause_over);
	l->pause.repeat = ACCEPT_PAUSE_S;
	l->pause.data = l;
	return 0;
}

struct uapi_server *
uapi_server_create(struct management *m, char *err, size_t err_size)
{
	struct uapi_server *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->listeners = calloc(m->n_ifaces, sizeof(*s->listeners))) == NULL)
		abort();
	s->m = m;
	for (unsigned i = 0; i < m->n_ifaces; i++) {
		if (listener_init(&s->listeners[i], s, i, err, err_size) != 0) {
			uapi_server_destroy(s);
			return NULL;
		}
		s->n_listeners++;
	}
	return s;
}

void
uapi_server_destroy(struct uapi_server *s)
{
	if (s == NULL)
		return;
	while (s->clients != NULL)
		client_close(s->clients);
	for (unsigned i = 0; i < s->n_listeners; i++) {
		ev_io_stop(s->m->loop, &s->listeners[i].io);
		ev_timer_stop(s->m->loop, &s->listeners[i].pause);
		close(s->listeners[i].io.fd);
		unlink(s->listeners[i].path);
	}
	free(s->listeners);
	free(s);
}
