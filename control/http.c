/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/http_internal.h"
#include "control/management_state.h"
#include "control/unix_listen.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

#define BODY_MAX (16u << 20)
#define BODIES_MAX (64u << 20) /* of all connections together, small ones apart */
#define ANSWERS_MAX (256u << 20) /* likewise, while they are being sent */
#define METRICS_CONNS_MAX 32u
#define BACKLOG 1024 /* a connect() that finds it full fails at once */
#define LEAVING_MAX 128u /* those who are to make room are still there when others come */
#define HEADERS_MAX (32u << 10) /* memory of a connection, request line and headers included */
#define IDLE_TIMEOUT_S 30u
#define SWEEP_S 1.
#define GIVE_UP_S 2. /* a large body has that long before others may have its room */

/* One request while its body comes in. */
struct exchange {
	struct http_conn *conn;
	char *body;
	size_t len, cap;
	size_t dropped; /* bytes that came after the refusal */
	int refused; /* status, once the body is too much; the rest of it is dropped */
	/* The answer to a change waits until the disk has it. */
	TAILQ_ENTRY(exchange) link; /* in the server's held */
	struct MHD_Connection *connection;
	bool answered;
	struct api_response response;
};

/* ---- body --------------------------------------------------------------------- */

static size_t
budgeted(size_t bytes)
{
	return bytes > HTTP_SMALL ? bytes : 0;
}

static void
exchange_drop_body(struct exchange *x)
{
	if (x->body != NULL)
		crypto_wipe(x->body, x->len); /* preshared keys come this way */
	free(x->body);
	x->conn->listener->server->bodies -= budgeted(x->cap);
	x->body = NULL;
	x->len = x->cap = 0;
}

bool
http_exchange_give_up(struct exchange *x)
{
	if (x == NULL || budgeted(x->cap) == 0)
		return false;
	exchange_drop_body(x);
	x->refused = 503;
	return true;
}

/* Whoever has been sending a large body for longest, and for long, loses it. */
static bool
make_room(struct http_server *s, const struct exchange *x)
{
	double now = ev_now(s->m->loop);
	struct http_conn *conn;

	TAILQ_FOREACH(conn, &s->conns[CONN_REQUEST], link) {
		if (conn->since + GIVE_UP_S > now)
			break;
		if (conn->exchange != x && http_exchange_give_up(conn->exchange))
			return true;
	}
	return false;
}

/* Room for more; 0, or the status to refuse with. */
static int
exchange_grow(struct exchange *x, size_t need)
{
	struct http_server *s = x->conn->listener->server;
	size_t cap = x->cap * 2 > need ? x->cap * 2 : need, len = x->len;
	char *grown;

	if (cap > BODY_MAX)
		cap = BODY_MAX;
	while (s->bodies - budgeted(x->cap) + budgeted(cap) > BODIES_MAX)
		if (!make_room(s, x))
			return 503;
	grown = malloc(cap);
	if (grown == NULL)
		return 503;
	if (len > 0)
		memcpy(grown, x->body, len);
	exchange_drop_body(x);
	s->bodies += budgeted(cap);
	x->body = grown;
	x->len = len;
	x->cap = cap;
	return 0;
}

/* False when the client goes on and on. */
static bool
exchange_add(struct exchange *x, const char *data, size_t n)
{
	if (x->refused == 0 && x->len + n > BODY_MAX)
		x->refused = 413;
	else if (x->refused == 0 && x->len + n > x->cap)
		x->refused = exchange_grow(x, x->len + n);
	if (x->refused != 0) {
		exchange_drop_body(x);
		x->dropped += n;
		return x->dropped <= BODY_MAX;
	}
	memcpy(x->body + x->len, data, n);
	x->len += n;
	return true;
}

/* ---- answers ------------------------------------------------------------------ */

enum MHD_Result
http_answer(struct MHD_Connection *c, struct api_response *r)
{
	size_t len = r->body != NULL ? strlen(r->body) : 0;
	struct MHD_Response *response;
	enum MHD_Result rc;

	response = MHD_create_response_from_buffer(
		len, r->body, r->body != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (response == NULL) {
		free(r->body);
		return MHD_NO;
	}
	if (r->body != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
			r->content_type != NULL ? r->content_type : "application/json");
	if (r->allow != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
	if (r->etag[0] != '\0')
		MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, r->etag);
	rc = MHD_queue_response(c, r->status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result
refuse_request(struct MHD_Connection *c, int status)
{
	struct api_response r = {0};
	struct refusal why;

	if (status == 413)
		refuse(&why, 413, "too_large", NULL, "a body may have at most %u bytes", BODY_MAX);
	else
		refuse(&why, 503, "busy", NULL, "too much is being sent at once; try again");
	api_refuse(&r, &why);
	return http_answer(c, &r);
}

/* Answers that nobody takes are not let pile up. */
static enum MHD_Result
answer(struct http_conn *conn, struct MHD_Connection *c, struct api_response *r)
{
	struct http_server *s = conn->listener->server;
	size_t size = budgeted(r->body != NULL ? strlen(r->body) : 0);

	if (s->answers + size > ANSWERS_MAX) {
		free(r->body);
		return refuse_request(c, 503);
	}
	s->answers += size;
	conn->answer = size;
	http_conn_enter(conn, CONN_ANSWER);
	return http_answer(c, r);
}

static const char *
header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static enum MHD_Result
on_argument(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct api_request *req = cls;
	int arg = api_find_argument(name);

	/* Given twice, it is not known which one is meant. */
	if (arg < 0 || req->args[arg] != NULL)
		req->strange_arg = name;
	else
		req->args[arg] = value != NULL ? value : "";
	return MHD_YES;
}

static enum MHD_Result
handle(struct exchange *x, struct MHD_Connection *c, const char *url, const char *method)
{
	struct http_conn *conn = x->conn;
	struct http_server *s = conn->listener->server;
	struct api_request req = {
		.method = method,
		.path = url,
		.content_type = header(c, MHD_HTTP_HEADER_CONTENT_TYPE),
		.if_match = header(c, MHD_HTTP_HEADER_IF_MATCH),
		.if_none_match = header(c, MHD_HTTP_HEADER_IF_NONE_MATCH),
		.metrics_only = conn->listener->metrics_only,
		.read_only = conn->listener->read_only,
		.origin = &conn->origin,
		.body = x->body,
		.body_len = x->len,
	};
	struct api_response r;

	MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, on_argument, &req);
	s->m->defer_sync = true;
	api_handle(s->m, &req, &r);
	s->m->defer_sync = false;
	exchange_drop_body(x);
	if (r.events)
		return http_follow(conn, c, r.events_after, r.events_follow);
	if (r.metrics)
		return http_metrics(conn, c, r.metrics_peers);
	if (management_is_synced(s->m))
		return answer(conn, c, &r);
	/* What is only read waits too: it may tell of what the disk does not have yet. */
	x->response = r;
	x->connection = c;
	TAILQ_INSERT_TAIL(&s->held, x, link);
	s->n_held++;
	MHD_suspend_connection(c);
	return MHD_YES;
}

/* One sync for all that were held. Returns whether there were any. */
static bool
release_held(struct http_server *s)
{
	struct refusal why;
	struct exchange *x;
	int rc;

	if (s->n_held == 0)
		return false;
	rc = management_sync(s->m, &why);
	while ((x = TAILQ_FIRST(&s->held)) != NULL) {
		TAILQ_REMOVE(&s->held, x, link);
		if (rc != 0) {
			free(x->response.body);
			x->response = (struct api_response){0};
			api_refuse(&x->response, &why);
		}
		x->answered = true;
		MHD_resume_connection(x->connection);
	}
	s->n_held = 0;
	return true;
}

static bool
announces_too_much(struct MHD_Connection *c)
{
	const char *length = header(c, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length != NULL && strtoull(length, NULL, 10) > BODY_MAX;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
	const char *version, const char *data, size_t *data_size, void **state)
{
	struct exchange *x = *state;

	if (x == NULL) {
		x = calloc(1, sizeof(*x));
		if (x == NULL)
			return MHD_NO;
		x->conn = http_conn_of(c);
		x->conn->exchange = x;
		*state = x;
		http_conn_enter(x->conn, CONN_REQUEST);
		/* Answered before the body: the connection ends with it. */
		return announces_too_much(c) ? refuse_request(c, 413) : MHD_YES;
	}
	if (*data_size > 0) {
		bool more = exchange_add(x, data, *data_size);

		*data_size = 0;
		return more ? MHD_YES : MHD_NO;
	}
	if (x->refused != 0)
		return refuse_request(c, x->refused);
	if (x->answered) {
		struct api_response r = x->response;

		x->response.body = NULL;
		return answer(x->conn, c, &r);
	}
	return handle(x, c, url, method);
}

static void
on_completed(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode toe)
{
	struct exchange *x = *state;

	if (x == NULL)
		return;
	exchange_drop_body(x);
	free(x->response.body);
	x->conn->exchange = NULL;
	x->conn->listener->server->answers -= x->conn->answer;
	x->conn->answer = 0;
	http_conn_enter(x->conn, CONN_REQUEST);
	free(x);
	*state = NULL;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Percent-decoding in place, but "%00" stays as it is: a NUL would end the
 * string, and "alice%00x" would be taken for alice.
 */
static size_t
unescape(void *cls, struct MHD_Connection *c, char *s)
{
	char *out = s, *start = s;

	while (*s != '\0') {
		int hi = s[0] == '%' ? hex_digit(s[1]) : -1;
		int lo = hi >= 0 ? hex_digit(s[2]) : -1;

		if (lo < 0 || (hi == 0 && lo == 0)) {
			*out++ = *s++;
			continue;
		}
		*out++ = hi << 4 | lo;
		s += 3;
	}
	*out = '\0';
	return out - start;
}

/* ---- loop --------------------------------------------------------------------- */

static unsigned
connections(const struct http_listener *l)
{
	return MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* Let it work, then sleep no longer than it allows. */
void
http_listener_run(struct http_listener *l)
{
	struct ev_loop *loop = l->server->m->loop;
	MHD_UNSIGNED_LONG_LONG ms;
	struct http_server *s = l->server;
	unsigned before, held;

	/*
	 * At its limit it stops to watch the listening socket, and takes that up again
	 * only when it is run after a connection has ended: nothing else would wake it.
	 */
	do {
		before = connections(l);
		held = s->n_held;
		MHD_run(l->daemon);
		/* More may have come meanwhile, to share a sync. */
	} while (connections(l) < before || s->n_held > held || release_held(s));
	ev_timer_stop(loop, &l->timeout);
	if (MHD_get_timeout(l->daemon, &ms) == MHD_YES) {
		ev_timer_set(&l->timeout, ms / 1000.0, 0.);
		ev_timer_start(loop, &l->timeout);
	}
}

static void
on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	http_listener_run(w->data);
}

static void
on_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
	http_listener_run(w->data);
}

static void
run_all(struct http_server *s)
{
	for (unsigned i = 0; i < s->n_listeners; i++)
		http_listener_run(&s->listeners[i]);
}

static void
on_sweep(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct http_server *s = w->data;

	http_conn_sweep(s);
	run_all(s);
}

static void
wake_followers(struct http_server *s)
{
	struct http_conn *conn;

	TAILQ_FOREACH(conn, &s->conns[CONN_FOLLOW], link) {
		http_follower_wake(conn);
	}
}

void
http_server_tell_events(struct http_server *s)
{
	if (s->n_followers == 0)
		return;
	wake_followers(s);
	run_all(s);
}

/* ---- life --------------------------------------------------------------------- */

/* Serve what comes to fd, which is the listener's from here on. */
static int
listener_init(struct http_server *s, const char *path, int fd, char *err, size_t err_size)
{
	struct http_listener *l = &s->listeners[s->n_listeners];
	const union MHD_DaemonInfo *info;

	if (fd < 0)
		return -1;
	l->server = s;
	l->path = path;
	l->fd = fd;
	s->n_listeners++;
	ev_init(&l->timeout, on_timeout);
	l->timeout.data = l;
	ev_init(&l->ready, on_ready);
	l->ready.data = l;
	l->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_request, l, MHD_OPTION_LISTEN_SOCKET, l->fd, MHD_OPTION_CONNECTION_LIMIT,
		s->max_conns + LEAVING_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, l, MHD_OPTION_NOTIFY_CONNECTION,
		http_conn_notify, l, MHD_OPTION_UNESCAPE_CALLBACK, unescape, s, MHD_OPTION_END);
	info = l->daemon != NULL ? MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (info == NULL) {
		snprintf(err, err_size, "%s: no HTTP server: %s",
			path != NULL ? path : "control.metrics_listen", strerror(errno));
		return -1;
	}
	ev_io_set(&l->ready, info->epoll_fd, EV_READ);
	ev_io_start(s->m->loop, &l->ready);
	return 0;
}

static struct http_server *
server_create(struct management *m)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->m = m;
	TAILQ_INIT(&s->held);
	http_conn_limits(s);
	ev_timer_init(&s->sweep, on_sweep, SWEEP_S, SWEEP_S);
	s->sweep.data = s;
	ev_timer_start(m->loop, &s->sweep);
	return s;
}

struct http_server *
http_server_create(struct management *m, char *err, size_t err_size)
{
	const struct config_control *k = &m->config->control;
	uid_t owner = k->has_owner ? k->owner : (uid_t)-1;
	struct http_server *s = server_create(m);
	gid_t group = k->has_group ? k->group : (gid_t)-1;
	int fd = unix_listen(k->socket, k->mode, owner, group, BACKLOG, err, err_size);

	if (listener_init(s, k->socket, fd, err, err_size) != 0)
		goto fail;
	if (k->readonly_socket == NULL)
		return s;
	s->listeners[s->n_listeners].read_only = true;
	group = k->has_readonly_group ? k->readonly_group : (gid_t)-1;
	fd = unix_listen(
		k->readonly_socket, k->readonly_mode, owner, group, BACKLOG, err, err_size);
	if (listener_init(s, k->readonly_socket, fd, err, err_size) == 0)
		return s;
fail:
	http_server_destroy(s);
	return NULL;
}

/*
 * A server of its own: any local user may connect, and is not to take the place
 * of somebody on the control socket.
 */
struct http_server *
http_metrics_server_create(struct management *m, char *err, size_t err_size)
{
	struct http_server *s = server_create(m);
	int fd;

	if (s->max_conns > METRICS_CONNS_MAX)
		s->max_conns = METRICS_CONNS_MAX;
	s->listeners[0].read_only = s->listeners[0].metrics_only = true;
	fd = http_metrics_listen(&m->config->control.metrics_listen, err, err_size);
	if (listener_init(s, NULL, fd, err, err_size) == 0)
		return s;
	http_server_destroy(s);
	return NULL;
}

void
http_server_destroy(struct http_server *s)
{
	if (s == NULL)
		return;
	ev_timer_stop(s->m->loop, &s->sweep);
	wake_followers(s); /* MHD does not end with sleepers */
	for (unsigned i = 0; i < s->n_listeners; i++) {
		struct http_listener *l = &s->listeners[i];

		ev_io_stop(s->m->loop, &l->ready);
		ev_timer_stop(s->m->loop, &l->timeout);
		if (l->path != NULL)
			unlink(l->path);
		if (l->daemon != NULL)
			MHD_stop_daemon(l->daemon); /* closes the listening socket */
		else
			close(l->fd);
	}
	free(s);
}
