/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The routes of the control socket (docs/openapi.yaml), apart from HTTP
 * itself: a request as a value in, a response as a value out.
 */
#ifndef CONTROL_API_H
#define CONTROL_API_H

#include <stdbool.h>
#include <stddef.h>

#include "control/management_state.h"

struct api_request {
	const char *method;
	const char *path; /* percent-decoded */
	const char *limit, *after; /* query arguments; NULL when absent */
	const char *content_type; /* NULL when absent */
	const char *if_none_match; /* "*" makes a PUT create and never replace */
	const struct origin *origin; /* for changes: who asks */
	const char *body;
	size_t body_len;
};

struct api_response {
	int status;
	char *body; /* JSON, malloc'ed; NULL with 204 */
	const char *allow; /* methods, with 405; static */
};

/* Management thread only. Always fills *out; the caller frees out->body. */
void api_handle(struct management *m, const struct api_request *req, struct api_response *out);

/* Also for refusals that HTTP itself makes. */
void api_refuse(struct api_response *out, const struct refusal *why);

#endif
