/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "control/api.h"
#include "control/management_state.h"
#include "control/unix_listen.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

#define BODY_MAX (16u << 20)
#define BODIES_MAX (64u << 20) /* of all connections together */
#define CONNECTIONS_MAX 64u
#define HEADERS_MAX (32u << 10) /* memory of a connection, request line and headers included */
#define IDLE_TIMEOUT_S 30u

struct http_server {
	struct management *m;
	struct MHD_Daemon *daemon;
	int listen_fd;
	ev_io ready;
	ev_timer timeout;
	size_t bodies; /* bytes held for bodies now */
};

/* One request while its body comes in. */
struct exchange {
	struct http_server *server;
	char *body;
	size_t len, cap;
	int refused; /* status, once the body is too much; the rest of it is dropped */
};

/* ---- body --------------------------------------------------------------------- */

static void
exchange_drop_body(struct exchange *x)
{
	if (x->body != NULL)
		crypto_wipe(x->body, x->len); /* preshared keys come this way */
	free(x->body);
	x->server->bodies -= x->cap;
	x->body = NULL;
	x->len = x->cap = 0;
}

static void
exchange_add(struct exchange *x, const char *data, size_t n)
{
	if (x->refused != 0)
		return;
	if (x->len + n > BODY_MAX) {
		x->refused = 413;
	} else if (x->len + n > x->cap) {
		size_t cap = x->cap * 2 > x->len + n ? x->cap * 2 : x->len + n;
		char *grown;

		if (x->server->bodies - x->cap + cap > BODIES_MAX) {
			x->refused = 503;
		} else if ((grown = malloc(cap)) == NULL) {
			x->refused = 503;
		} else {
			size_t len = x->len;

			if (len > 0)
				memcpy(grown, x->body, len);
			exchange_drop_body(x);
			x->server->bodies += cap;
			x->body = grown;
			x->len = len;
			x->cap = cap;
		}
	}
	if (x->refused != 0) {
		exchange_drop_body(x);
		return;
	}
	memcpy(x->body + x->len, data, n);
	x->len += n;
}

/* ---- answers ------------------------------------------------------------------ */

static enum MHD_Result
answer(struct MHD_Connection *c, struct api_response *r)
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
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	if (r->allow != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
	rc = MHD_queue_response(c, r->status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result
answer_too_much(struct MHD_Connection *c, int status)
{
	struct api_response r = {0};
	struct refusal why;

	if (status == 413)
		refuse(&why, 413, "too_large", NULL, "a body may have at most %u bytes", BODY_MAX);
	else
		refuse(&why, 503, "busy", NULL, "too much is being sent at once; try again");
	api_refuse(&r, &why);
	return answer(c, &r);
}

static const char *
header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static enum MHD_Result
handle(struct exchange *x, struct MHD_Connection *c, const char *url, const char *method)
{
	struct api_request req = {
		.method = method,
		.path = url,
		.limit = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "limit"),
		.after = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "after"),
		.content_type = header(c, MHD_HTTP_HEADER_CONTENT_TYPE),
		.if_none_match = header(c, MHD_HTTP_HEADER_IF_NONE_MATCH),
		.body = x->body,
		.body_len = x->len,
	};
	struct api_response r;

	api_handle(x->server->m, &req, &r);
	exchange_drop_body(x);
	return answer(c, &r);
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
		x->server = cls;
		*state = x;
		/* Answered before the body: the connection ends with it. */
		return announces_too_much(c) ? answer_too_much(c, 413) : MHD_YES;
	}
	if (*data_size > 0) {
		exchange_add(x, data, *data_size);
		*data_size = 0;
		return MHD_YES;
	}
	if (x->refused != 0)
		return answer_too_much(c, x->refused);
	return handle(x, c, url, method);
}

static void
on_completed(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode toe)
{
	struct exchange *x = *state;

	if (x != NULL) {
		exchange_drop_body(x);
		free(x);
		*state = NULL;
	}
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
connections(const struct http_server *s)
{
	return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* Let it work, then sleep no longer than it allows. */
static void
run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;
	unsigned before;

	/*
	 * At the limit it stops to watch the listening socket, and takes that up again
	 * only when it is run after a connection has ended: nothing else would wake it.
	 */
	do {
		before = connections(s);
		MHD_run(s->daemon);
	} while (connections(s) < before);
	ev_timer_stop(s->m->loop, &s->timeout);
	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES) {
		ev_timer_set(&s->timeout, ms / 1000.0, 0.);
		ev_timer_start(s->m->loop, &s->timeout);
	}
}

static void
on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	run(w->data);
}

static void
on_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
	run(w->data);
}

struct http_server *
http_server_create(struct management *m, char *err, size_t err_size)
{
	const struct config_control *config = &m->config->control;
	struct http_server *s = calloc(1, sizeof(*s));
	const union MHD_DaemonInfo *info;

	if (s == NULL)
		abort();
	s->m = m;
	s->listen_fd = unix_listen(config->socket, config->mode,
		config->has_group ? config->group : (gid_t)-1, CONNECTIONS_MAX, err, err_size);
	if (s->listen_fd < 0) {
		free(s);
		return NULL;
	}
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, s,
		MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_UNESCAPE_CALLBACK,
		unescape, s, MHD_OPTION_END);
	info = s->daemon != NULL ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (info == NULL) {
		snprintf(err, err_size, "%s: no HTTP server: %s", config->socket, strerror(errno));
		http_server_destroy(s);
		return NULL;
	}
	ev_io_init(&s->ready, on_ready, info->epoll_fd, EV_READ);
	s->ready.data = s;
	ev_io_start(m->loop, &s->ready);
	ev_init(&s->timeout, on_timeout);
	s->timeout.data = s;
	return s;
}

void
http_server_destroy(struct http_server *s)
{
	if (s == NULL)
		return;
	ev_io_stop(s->m->loop, &s->ready);
	ev_timer_stop(s->m->loop, &s->timeout);
	unlink(s->m->config->control.socket);
	if (s->daemon != NULL)
		MHD_stop_daemon(s->daemon); /* closes the listening socket */
	else
		close(s->listen_fd);
	free(s);
}
