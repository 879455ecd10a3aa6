/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/api_internal.h"

enum { GET, PUT, PATCH, DELETE, POST, METHODS };
static const char *const method_name[METHODS] = {"GET", "PUT", "PATCH", "DELETE", "POST"};

#define ARG(name) (1u << ARG_##name)

/*
 * A segment "{if}" or "{id}" matches anything that is not empty. Each method has
 * the arguments that it takes: any other is refused, for a misspelt dry_run
 * must not change anything.
 */
static const struct route {
	const char *path;
	const char *allow;
	struct {
		api_handler *handler;
		unsigned args;
	} on[METHODS];
} routes[] = {
	{"/v1/status", "GET", {[GET] = {api_status}}},
	{"/v1/interfaces", "GET", {[GET] = {api_interfaces}}},
	{"/v1/interfaces/{if}", "GET", {[GET] = {api_interface}}},
	{"/v1/interfaces/{if}/peers", "GET, PATCH",
		{[GET] = {api_peers_list, ARG(limit) | ARG(after)},
			[PATCH] = {api_peers_batch, ARG(dry_run)}}},
	{"/v1/interfaces/{if}/peers/{id}", "GET, PUT, PATCH, DELETE",
		{[GET] = {api_peer_get},
			[PUT] = {api_peer_put, ARG(dry_run)},
			[PATCH] = {api_peer_patch, ARG(dry_run)},
			[DELETE] = {api_peer_delete, ARG(dry_run)}}},
	{"/v1/interfaces/{if}/peers/{id}/drops", "GET", {[GET] = {api_peer_drops}}},
	{"/v1/drops", "GET", {[GET] = {api_drops}}},
	{"/v1/memory", "GET", {[GET] = {api_memory}}},
	{"/v1/workers", "GET", {[GET] = {api_workers}}},
	{"/v1/reload", "POST", {[POST] = {api_reload, ARG(dry_run)}}},
	{"/metrics", "GET", {[GET] = {api_metrics, ARG(peers)}}},
	{"/v1/events", "GET", {[GET] = {api_events, ARG(after) | ARG(follow)}}},
};

static const char *const argument_name[ARG_COUNT] = {
#define X(name) #name,
	API_ARGUMENTS(X)
#undef X
};

int
api_find_argument(const char *name)
{
	for (int i = 0; i < ARG_COUNT; i++)
		if (strcmp(argument_name[i], name) == 0)
			return i;
	return -1;
}

#define SEGMENT_SIZE 128

/* Match path against pattern; what stands for {if} and {id} is copied out. */
static bool
match(const char *pattern, const char *path, char iface[SEGMENT_SIZE], char id[SEGMENT_SIZE])
{
	while (*pattern != '\0') {
		char *out = strncmp(pattern, "{if}", 4) == 0   ? iface
			    : strncmp(pattern, "{id}", 4) == 0 ? id
							       : NULL;
		size_t len = strcspn(path, "/");

		if (out == NULL) {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		if (len == 0 || len >= SEGMENT_SIZE)
			return false;
		memcpy(out, path, len);
		out[len] = '\0';
		path += len;
		pattern += 4;
	}
	return *path == '\0';
}

static void
set_body(struct api_response *out, json_t *body)
{
	out->body = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
}

static json_t *
error_json(const struct refusal *why)
{
	json_t *error = json_pack("{ss ss}", "code", why->code, "message", why->message);

	json_object_set_new(
		error, "field", why->field[0] != '\0' ? json_string(why->field) : json_null());
	if (why->index >= 0)
		json_object_set_new(error, "index", json_integer(why->index));
	return error;
}

/* errors: a list of all of them, or NULL; consumed. */
static void
refuse_with(struct api_response *out, const struct refusal *why, json_t *errors)
{
	json_t *body = json_pack("{so}", "error", error_json(why));

	if (errors != NULL)
		json_object_set_new(body, "errors", errors);
	out->status = why->status;
	set_body(out, body);
}

void
api_refuse(struct api_response *out, const struct refusal *why)
{
	refuse_with(out, why, NULL);
}

void
api_note_error(struct api_call *call, const struct refusal *why)
{
	if (call->errors == NULL)
		call->errors = json_array();
	json_array_append_new(call->errors, error_json(why));
}

/*
 * Media types of JSON, with any parameters; none at all is taken for JSON. So
 * is what curl -d says by itself: no browser reaches a unix socket, and the
 * parser is strict.
 */
static bool
is_json(const char *type)
{
	static const char *const known[] = {"application/json", "application/merge-patch+json",
		"application/x-www-form-urlencoded"};
	size_t len = type != NULL ? strcspn(type, "; \t") : 0;

	if (type == NULL)
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == len && strncasecmp(known[i], type, len) == 0)
			return true;
	return false;
}

static int
parse_body(struct api_call *call, struct refusal *why)
{
	const struct api_request *req = call->req;
	json_error_t error;
	char *near;

	if (!is_json(req->content_type))
		return refuse(why, 415, "unsupported_media_type", NULL,
			"the body has to be application/json");
	call->json = json_loadb(
		req->body_len > 0 ? req->body : "", req->body_len, JSON_REJECT_DUPLICATES, &error);
	if (call->json != NULL)
		return 0;
	/* What stands there may be a secret: it is not repeated. */
	near = strstr(error.text, " near ");
	if (near != NULL)
		*near = '\0';
	return refuse(why, 400, "bad_json", NULL, "line %d, column %d: %s", error.line,
		error.column, error.text);
}

static int
check_arguments(struct api_call *call, unsigned allowed, struct refusal *why)
{
	const struct api_request *req = call->req;
	const char *strange = req->strange_arg, *dry_run = req->args[ARG_dry_run];

	for (unsigned i = 0; strange == NULL && i < ARG_COUNT; i++)
		if (req->args[i] != NULL && !(allowed & 1u << i))
			strange = argument_name[i];
	if (strange != NULL)
		return refuse(why, 400, "unknown_argument", strange,
			"%s: not an argument of this request, or given twice", strange);
	if (dry_run == NULL || strcmp(dry_run, "false") == 0)
		return 0;
	call->dry_run = true;
	if (strcmp(dry_run, "true") == 0)
		return 0;
	return refuse(why, 400, "bad_value", "dry_run", "dry_run: expected true or false");
}

static int
dispatch(struct api_call *call, const struct route *route, const char *iface, json_t **body,
	struct refusal *why)
{
	int found, method;

	for (method = 0; method < METHODS; method++)
		if (strcmp(call->req->method, method_name[method]) == 0)
			break;
	if (method == METHODS && strcmp(call->req->method, "HEAD") == 0)
		method = GET; /* the server leaves the body out */
	if (method == METHODS || route->on[method].handler == NULL) {
		call->out->allow = route->allow;
		return refuse(why, 405, "method_not_allowed", NULL, "%s only allows %s",
			route->path, route->allow);
	}
	if (call->req->read_only && method != GET)
		return refuse(why, 403, "read_only", NULL,
			"nothing can be changed by this socket; use control.socket");
	if (check_arguments(call, route->on[method].args, why) != 0)
		return -1;
	if (iface[0] != '\0') {
		found = management_find_iface(call->m, iface);
		if (found < 0)
			return refuse(why, 404, "no_such_interface", NULL,
				"there is no interface %s", iface);
		call->iface = found;
	}
	if ((method == PUT || method == PATCH) && parse_body(call, why) != 0)
		return -1;
	return route->on[method].handler(call, body, why);
}

void
api_handle(struct management *m, const struct api_request *req, struct api_response *out)
{
	char iface[SEGMENT_SIZE] = "", id[SEGMENT_SIZE] = "";
	struct api_call call = {.m = m, .req = req, .id = id, .out = out};
	const struct route *route = NULL;
	struct refusal why;
	json_t *body = NULL;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; route == NULL && i < sizeof(routes) / sizeof(routes[0]); i++) {
		iface[0] = id[0] = '\0';
		if (match(routes[i].path, req->path, iface, id))
			route = &routes[i];
	}
	if (req->metrics_only && route != NULL && strcmp(route->path, "/metrics") != 0)
		route = NULL;
	if (route == NULL) {
		refuse(&why, 404, "no_such_route", NULL, "there is nothing at %s", req->path);
		api_refuse(out, &why);
		return;
	}
	out->status = dispatch(&call, route, iface, &body, &why);
	if (out->status < 0) {
		out->etag[0] = '\0';
		refuse_with(out, &why, call.errors);
	} else if (out->body == NULL) {
		set_body(out, body);
	}
	json_decref(call.json);
}
