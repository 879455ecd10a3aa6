/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GET /v1/events: JSON lines, as they happen. What a client does not read stays
 * in the ring, never here: each holds a cursor and a few lines. MHD's connection
 * sleeps while there is nothing to tell.
 */
#include "control/http_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "control/api_internal.h"
#include "control/events.h"
#include "control/management_state.h"

#define EVENTS_AT_ONCE 32
#define FOLLOWERS_MAX 64
#define BLOCK_SIZE 16384 /* that MHD asks for at once */

struct follower {
	struct http_conn *conn;
	struct MHD_Connection *c;
	uint64_t cursor;
	bool follow;
	bool asleep; /* MHD has suspended the connection */
	char *text; /* lines that are being sent */
	size_t len, sent;
};

static void
add_line(struct follower *f, json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT), *grown;
	size_t n = strlen(text);

	grown = realloc(f->text, f->len + n + 1);
	if (grown == NULL)
		abort();
	memcpy(grown + f->len, text, n);
	grown[f->len + n] = '\n';
	f->text = grown;
	f->len += n + 1;
	free(text);
	json_decref(line);
}

/* The next few lines; false when there are none. */
static bool
refill(struct follower *f)
{
	struct management *m = f->conn->listener->server->m;
	struct event events[EVENTS_AT_ONCE];
	struct event_gap gap;
	size_t n = events_read(m->events, &f->cursor, events, EVENTS_AT_ONCE, &gap);

	free(f->text);
	f->text = NULL;
	f->len = f->sent = 0;
	if (gap.missed)
		add_line(f, api_gap_json(&gap));
	for (size_t i = 0; i < n; i++)
		add_line(f, api_event_json(m, &events[i]));
	return f->len > 0;
}

static ssize_t
on_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct follower *f = cls;
	size_t n;

	if (f->conn->cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (f->sent == f->len && !refill(f)) {
		if (!f->follow)
			return MHD_CONTENT_READER_END_OF_STREAM;
		f->asleep = true;
		MHD_suspend_connection(f->c);
		return 0;
	}
	n = f->len - f->sent < max ? f->len - f->sent : max;
	memcpy(buf, f->text + f->sent, n);
	f->sent += n;
	return n;
}

static void
on_end(void *cls)
{
	struct follower *f = cls;

	f->conn->follower = NULL;
	f->conn->listener->server->n_followers--;
	free(f->text);
	free(f);
}

void
http_follower_wake(struct http_conn *conn)
{
	struct follower *f = conn->follower;

	if (f == NULL || !f->asleep)
		return;
	f->asleep = false;
	MHD_resume_connection(f->c);
}

enum MHD_Result
http_follow(struct http_conn *conn, struct MHD_Connection *c, uint64_t after, bool follow)
{
	struct http_server *s = conn->listener->server;
	struct MHD_Response *response;
	struct follower *f;
	enum MHD_Result rc;

	if (s->n_followers >= FOLLOWERS_MAX) {
		struct api_response r = {0};
		struct refusal why;

		refuse(&why, 503, "busy", NULL, "%u clients follow the events already",
			FOLLOWERS_MAX);
		api_refuse(&r, &why);
		return http_answer(c, &r);
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		abort();
	f->conn = conn;
	f->c = c;
	f->cursor = after;
	f->follow = follow;
	conn->follower = f;
	s->n_followers++;
	/* Who reads nothing at all is ended by MHD's timeout, who reads slowly finds gaps. */
	http_conn_enter(conn, CONN_FOLLOW);
	response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_read, f, on_end);
	if (response == NULL) {
		on_end(f);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-ndjson");
	rc = MHD_queue_response(c, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return rc;
}
