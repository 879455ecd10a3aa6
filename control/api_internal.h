/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the API only. */
#ifndef CONTROL_API_INTERNAL_H
#define CONTROL_API_INTERNAL_H

#include <jansson.h>

#include "control/api.h"

/* A matched route's request. */
struct api_call {
	struct management *m;
	const struct api_request *req;
	unsigned iface; /* where the path names one */
	const char *id; /* of a peer, likewise */
	json_t *json; /* the body, where the method has one */
	bool dry_run; /* say what would be, and change nothing */
	struct api_response *out; /* for headers, and for a body that is text already */
	json_t *errors; /* all that is wrong with a batch: a new reference, or NULL */
};

/*
 * A handler fills *body (a new reference, or NULL for none) and returns the
 * HTTP status; or fills *why and returns -1. A body that is text already goes to
 * call->out->body instead, from malloc, with its content_type unless that is JSON.
 */
typedef int api_handler(struct api_call *call, json_t **body, struct refusal *why);

api_handler api_status, api_drops, api_memory, api_workers, api_interfaces, api_interface;
api_handler api_peers_list, api_peers_batch;
api_handler api_peer_get, api_peer_put, api_peer_patch, api_peer_delete, api_peer_drops;
api_handler api_events, api_reload, api_metrics;

/* Add to call->errors. */
void api_note_error(struct api_call *call, const struct refusal *why);

/* Decimal digits only; false on anything else or above max. */
bool api_parse_number(const char *s, uint64_t max, uint64_t *out);

/* ---- ETags: of what is configured, not of counters ---- */

void api_peer_etag(
	struct api_response *out, const struct management *m, const struct peer_spec *spec);
/* Of all peers of an interface. */
void api_peers_etag(struct api_response *out, const struct management *m, unsigned iface);
/* 0 when If-Match, if there is one, names out->etag; "" there is for what does not exist. */
int api_check_match(const struct api_call *call, struct refusal *why);

/* ---- lines of the events; new references ---- */

struct event;
struct event_gap;
json_t *api_event_json(const struct management *m, const struct event *e);
/* Its seq is a cursor from which nothing more is missed. */
json_t *api_gap_json(const struct event_gap *gap);

/* The peer that id names, by name or key; NULL with a 404 in *why. */
const struct peer_spec *api_find_peer(
	const struct management *m, unsigned iface, const char *id, struct refusal *why);

/* ---- one change, by PUT, PATCH or in a batch ---- */

/*
 * Apply members of a JSON object to the registry's open transaction. `id` names
 * the peer, by name or key. *created tells whether it is new; key gets its
 * public key.
 */
int api_edit_put(struct management *m, unsigned iface, const char *id, json_t *object,
	bool create_only, bool *created, uint8_t key[KEY_LEN], struct refusal *why);
int api_edit_patch(struct management *m, unsigned iface, const char *id, json_t *object,
	uint8_t key[KEY_LEN], struct refusal *why);
int api_edit_delete(struct management *m, unsigned iface, const char *id, struct refusal *why);

#endif
