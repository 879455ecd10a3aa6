/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is connected, and for how long: nobody holds a place that others need.
 * A client has an absolute time for a request and another for taking the
 * answer, so a byte a second keeps nothing open; and where all places are taken,
 * who has been waiting longest makes room for who comes.
 */
#include "control/http_internal.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "control/management_state.h"
#include "dataplane/log.h"

#define CONNS_MAX 1024u
#define CONNS_MIN 32u
#define FDS_OF_OTHERS 256u /* DPDK's, files, the userspace API */
#define REQUEST_S 30. /* for a request, from its first byte; and between two */
#define ANSWER_S 120. /* for taking an answer: a page of 10 000 peers is some MiB */

/* As many as descriptors allow, which are raised as far as they may be. */
void
http_conn_limits(struct http_server *s)
{
	struct rlimit fds;

	for (unsigned i = 0; i < CONN_STATES; i++)
		TAILQ_INIT(&s->conns[i]);
	s->max_conns = CONNS_MIN;
	if (getrlimit(RLIMIT_NOFILE, &fds) != 0)
		return;
	if (fds.rlim_cur < CONNS_MAX + FDS_OF_OTHERS) {
		rlim_t want = CONNS_MAX + FDS_OF_OTHERS;
		struct rlimit more = {.rlim_cur = want < fds.rlim_max ? want : fds.rlim_max,
			.rlim_max = fds.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			fds = more;
	}
	if (fds.rlim_cur >= CONNS_MAX + FDS_OF_OTHERS)
		s->max_conns = CONNS_MAX;
	else if (fds.rlim_cur > CONNS_MIN + FDS_OF_OTHERS)
		s->max_conns = (unsigned)fds.rlim_cur - FDS_OF_OTHERS;
}

struct http_conn *
http_conn_of(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void
http_conn_enter(struct http_conn *conn, enum conn_state state)
{
	struct http_server *s = conn->listener->server;

	TAILQ_REMOVE(&s->conns[conn->state], conn, link);
	conn->state = state;
	conn->since = ev_now(s->m->loop);
	TAILQ_INSERT_TAIL(&s->conns[state], conn, link);
}

void
http_conn_cut(struct http_conn *conn)
{
	if (conn->cut)
		return;
	conn->cut = true;
	shutdown(conn->fd, SHUT_RDWR);
	http_follower_wake(conn);
}

/* Followers stay: there are but a few of them. */
static void
make_room(struct http_server *s)
{
	for (unsigned state = CONN_REQUEST; state <= CONN_ANSWER; state++) {
		struct http_conn *conn;

		TAILQ_FOREACH(conn, &s->conns[state], link) {
			if (conn->cut)
				continue;
			http_conn_cut(conn);
			return;
		}
	}
}

static struct http_conn *
conn_open(struct http_listener *l, struct MHD_Connection *c)
{
	struct http_server *s = l->server;
	struct http_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		abort();
	conn->listener = l;
	conn->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	conn->origin = origin_of_socket("the control socket", conn->fd);
	if (s->n_conns >= s->max_conns) {
		if (!s->crowded)
			log_warn("control socket: more than %u connections; those that wait "
				 "longest are closed",
				s->max_conns);
		s->crowded = true;
		make_room(s);
	}
	conn->state = CONN_REQUEST;
	conn->since = ev_now(s->m->loop);
	TAILQ_INSERT_TAIL(&s->conns[CONN_REQUEST], conn, link);
	s->n_conns++;
	return conn;
}

void
http_conn_notify(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct http_listener *l = cls;
	struct http_conn *conn = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = conn_open(l, c);
	} else if (conn != NULL) {
		TAILQ_REMOVE(&l->server->conns[conn->state], conn, link);
		l->server->n_conns--;
		free(conn);
		*context = NULL;
	}
}

void
http_conn_sweep(struct http_server *s)
{
	static const double allowed[] = {[CONN_REQUEST] = REQUEST_S, [CONN_ANSWER] = ANSWER_S};
	double now = ev_now(s->m->loop);
	struct http_conn *conn;

	for (unsigned state = CONN_REQUEST; state <= CONN_ANSWER; state++) {
		TAILQ_FOREACH(conn, &s->conns[state], link) {
			if (conn->since + allowed[state] > now)
				break;
			http_conn_cut(conn);
		}
	}
	/* MHD does not look at one that sleeps: nobody else sees that it is gone. */
	TAILQ_FOREACH(conn, &s->conns[CONN_FOLLOW], link) {
		struct pollfd p = {.fd = conn->fd};

		if (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL))
			http_conn_cut(conn);
	}
	s->crowded = s->crowded && s->n_conns >= s->max_conns;
}
