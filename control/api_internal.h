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
};

/*
 * A handler fills *body (a new reference, or NULL for none) and returns the
 * HTTP status; or fills *why and returns -1.
 */
typedef int api_handler(struct api_call *call, json_t **body, struct refusal *why);

api_handler api_status, api_drops, api_workers, api_interfaces, api_interface;
api_handler api_peers_list, api_peers_batch;
api_handler api_peer_get, api_peer_put, api_peer_patch, api_peer_delete;

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
