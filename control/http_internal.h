/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the HTTP server only. All of it is the management thread's. */
#ifndef CONTROL_HTTP_INTERNAL_H
#define CONTROL_HTTP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <ev.h>
#include <microhttpd.h>

#include "control/api.h"
#include "control/audit.h"

struct exchange;
struct follower;

/* What a connection's client is to do next; each has its own deadline. */
enum conn_state {
	CONN_REQUEST, /* send a request, or the rest of one */
	CONN_ANSWER, /* take the answer */
	CONN_FOLLOW, /* read events, if there are any: no deadline */
	CONN_STATES
};

struct http_conn {
	TAILQ_ENTRY(http_conn) link;
	struct http_listener *listener;
	int fd; /* MHD's */
	struct origin origin;
	enum conn_state state;
	double since; /* of the loop's clock; when the state began */
	bool cut; /* was told to end */
	size_t answer; /* bytes of the answer that is being sent */
	struct exchange *exchange; /* its request comes in, or is being answered */
	struct follower *follower;
};

TAILQ_HEAD(http_conns, http_conn);
TAILQ_HEAD(exchanges, exchange);

/* A socket that we listen on. */
struct http_listener {
	struct http_server *server;
	const char *path; /* NULL for TCP */
	bool read_only;
	bool metrics_only;
	struct MHD_Daemon *daemon;
	int fd;
	ev_io ready;
	ev_timer timeout;
};

struct http_server {
	struct management *m;
	struct http_listener listeners[2];
	unsigned n_listeners;
	struct http_conns conns[CONN_STATES]; /* by rising since */
	unsigned n_conns, max_conns, n_followers;
	struct exchanges held; /* their answers wait for a sync, within http_listener_run only */
	unsigned n_held;
	size_t bodies, answers; /* bytes that are held, without the small ones */
	bool crowded; /* has been told */
	ev_timer sweep;
};

/* Bodies and answers up to this size are outside of the budgets: there is always room. */
#define HTTP_SMALL (64u << 10)

/* ---- http_conn.c ---------------------------------------------------------------- */

void http_conn_limits(struct http_server *s);
/* For MHD_OPTION_NOTIFY_CONNECTION; cls is the listener. */
void http_conn_notify(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode code);
struct http_conn *http_conn_of(struct MHD_Connection *c);
/* The state begins anew. */
void http_conn_enter(struct http_conn *conn, enum conn_state state);
/* Its client is gone or too slow: MHD finds the connection closed. */
void http_conn_cut(struct http_conn *conn);
/* Whoever is past a deadline is cut; runs every second. */
void http_conn_sweep(struct http_server *s);

/* ---- http_events.c -------------------------------------------------------------- */

/* Answer with events, from behind `after`; follow goes on with those that come. */
enum MHD_Result http_follow(
	struct http_conn *conn, struct MHD_Connection *c, uint64_t after, bool follow);
/* The connection has ended or is to end: it is not left asleep. */
void http_follower_wake(struct http_conn *conn);

/* ---- http_metrics.c ------------------------------------------------------------- */

enum MHD_Result http_metrics(struct http_conn *conn, struct MHD_Connection *c, bool peers);
/* A listening TCP socket; or -1 with a one-line reason in err. */
int http_metrics_listen(const struct ip_endpoint *e, char *err, size_t err_size);

/* ---- http.c --------------------------------------------------------------------- */

/* Queues r, whose body it consumes. */
enum MHD_Result http_answer(struct MHD_Connection *c, struct api_response *r);
/* Let MHD work. */
void http_listener_run(struct http_listener *l);
/* Forget what came of a body, so that others have room; its request will be refused. */
bool http_exchange_give_up(struct exchange *x);

#endif
