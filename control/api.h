/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The routes of the control socket (docs/openapi.yaml), apart from HTTP
 * itself: a request as a value in, a response as a value out.
 */
#ifndef CONTROL_API_H
#define CONTROL_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/management_state.h"

/* Arguments of a query. */
#define API_ARGUMENTS(X) X(limit) X(after) X(dry_run) X(follow) X(peers)
enum api_argument {
#define X(name) ARG_##name,
	API_ARGUMENTS(X)
#undef X
		ARG_COUNT
};
/* -1: there is none of this name. */
int api_find_argument(const char *name);

struct api_request {
	const char *method;
	const char *path; /* percent-decoded */
	const char *args[ARG_COUNT]; /* NULL when absent */
	const char *strange_arg; /* one that there is not, or that came twice; else NULL */
	const char *content_type; /* NULL when absent */
	const char *if_match; /* only if it still has this ETag; NULL when absent */
	const char *if_none_match; /* "*" makes a PUT create and never replace */
	bool metrics_only; /* came by TCP, where there is nothing else */
	bool read_only; /* came by the socket on which nothing can be changed */
	const struct origin *origin; /* for changes: who asks */
	const char *body;
	size_t body_len;
};

struct api_response {
	int status;
	char *body; /* malloc'ed; NULL with 204 */
	const char *content_type; /* of body; NULL is JSON; static */
	const char *allow; /* methods, with 405; static */
	char etag[48]; /* quoted; "" for none */
	/* Instead of a body: events, from behind a cursor, and whether to go on with new ones. */
	bool events, events_follow;
	uint64_t events_after;
	bool metrics, metrics_peers; /* likewise: metrics, and whether each peer's are among them */
};

/* Management thread only. Always fills *out; the caller frees out->body. */
void api_handle(struct management *m, const struct api_request *req, struct api_response *out);

/* Also for refusals that HTTP itself makes. */
void api_refuse(struct api_response *out, const struct refusal *why);

#endif
