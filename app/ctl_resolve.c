/* SPDX-License-Identifier: BSD-3-Clause */
/* Which peer is meant by what was typed, and which one may have been meant. */
#include "app/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/key.h"
#include "control/peer_db.h"

#define PEERS_MAX 1000000u /* dataplane.max_peers allows no more */

/* A change wants this much of a key: fewer characters may be those of another peer. */
#define PREFIX_TO_CHANGE 6

/* ---- keys --------------------------------------------------------------------------- */

int
ctl_public_key(const char *typed, uint8_t key[KEY_LEN])
{
	if (key_parse_any(key, typed))
		return CTL_OK;
	if (access(typed, R_OK) == 0)
		return ctl_read_key(typed, "public_key", key);
	return ctl_refused("public_key: expected 32 bytes in base64 (44 characters, as wg pubkey "
			   "prints), or a file that holds them");
}

/* The peer's id in a path: a name as it is, a key in the alphabet of URLs. */
static int
peer_id(const char *typed, char id[PEER_NAME_SIZE])
{
	uint8_t key[KEY_LEN];

	if (key_parse_any(key, typed)) {
		key_format_url(id, key);
		return CTL_OK;
	}
	if (strchr(typed, '/') != NULL && !key_shaped(typed) && access(typed, F_OK) == 0) {
		if (ctl_read_key(typed, "public_key", key) != CTL_OK)
			return CTL_REFUSED;
		key_format_url(id, key);
		return CTL_OK;
	}
	if (strlen(typed) >= PEER_NAME_SIZE || strncmp(typed, "./", 2) == 0)
		return ctl_refused("%s: no such file, and no peer's name or key", typed);
	snprintf(id, PEER_NAME_SIZE, "%s", typed);
	/* The beginning of a key: a slash would part the path. */
	for (char *s = id; *s != '\0'; s++)
		*s = *s == '/' ? '_' : *s;
	return CTL_OK;
}

/* ---- what there is -------------------------------------------------------------------- */

int
ctl_get_peers(struct ctl *c, const char *iface, json_t **peers)
{
	const char *path[] = {"interfaces", iface, "peers", NULL};
	char query[80] = "limit=1000", before[80];
	const char *next;
	json_t *page;
	size_t n;

	*peers = json_array();
	do {
		if (ctl_request(c, "GET", NULL, false, &page, path, query) != CTL_OK)
			goto refused;
		n = json_array_size(json_object_get(page, "peers"));
		json_array_extend(*peers, json_object_get(page, "peers"));
		next = json_string_value(json_object_get(page, "next"));
		strcpy(before, query);
		if (next != NULL)
			snprintf(query, sizeof(query), "limit=1000&after=%.48s", next);
		json_decref(page);
		if (next != NULL && (n == 0 || json_array_size(*peers) >= PEERS_MAX ||
					    strcmp(query, before) == 0)) {
			ctl_refused("%s: its list of peers has no end; is that wgdp's socket?",
				c->socket);
			goto refused;
		}
	} while (next != NULL);
	return CTL_OK;
refused:
	json_decref(*peers);
	*peers = NULL;
	return CTL_REFUSED;
}

void
ctl_tell_no_interface(struct ctl *c, const char *message)
{
	const char *path[] = {"interfaces", NULL}, *names[65] = {NULL}, *near, *quoted;
	json_t *answer = NULL, *item, *list;
	char *all;
	long status;
	size_t i;

	if (ctl_try(c, "GET", NULL, false, &answer, path, NULL, &status) != CTL_OK)
		return;
	list = json_array();
	json_array_foreach(json_object_get(answer, "interfaces"), i, item) {
		if (i < 64)
			names[i] = ctl_text(item, "name");
		json_array_append(list, json_object_get(item, "name"));
	}
	quoted = strrchr(message, ' ');
	near = quoted != NULL ? ctl_did_you_mean(quoted + 1, names) : NULL;
	all = ctl_join(list, 8);
	if (near != NULL)
		ctl_refused("%s; did you mean %s?", message, near);
	else
		ctl_refused("%s; there is: %s", message, all);
	free(all);
	json_decref(list);
	json_decref(answer);
}

/*
 * Peers whose name or key begins with what was typed: how many, and the first of
 * them in *found (borrowed). `by_name` tells whether names count.
 */
static size_t
begins_with(const json_t *peers, const char *typed, bool by_name, json_t **found)
{
	size_t i, n = 0, len = strlen(typed);
	json_t *peer;

	json_array_foreach(peers, i, peer) {
		if (strncmp(ctl_text(peer, "public_key"), typed, len) != 0 &&
			!(by_name && strncmp(ctl_text(peer, "name"), typed, len) == 0))
			continue;
		if (n++ == 0)
			*found = peer;
	}
	return n;
}

/* The one peer that is meant by a beginning; else NULL, and why has been told. */
static json_t *
meant(struct ctl *c, const json_t *peers, bool changes, const char *message)
{
	const char **names = calloc(json_array_size(peers) + 1, sizeof(*names)), *near;
	const char *typed = c->args[1];
	json_t *peer, *found = NULL;
	size_t i, n;

	if (names == NULL)
		abort();
	json_array_foreach(peers, i, peer)
		names[i] = ctl_text(peer, "name");
	n = changes && strlen(typed) < PREFIX_TO_CHANGE
		    ? 0
		    : begins_with(peers, typed, !changes, &found);
	near = ctl_did_you_mean(typed, names);
	if (n > 1) {
		ctl_refused("%s: %zu peers of %s begin with it; type more of one, such as %s",
			typed, n, c->args[0], ctl_text(found, "name"));
	} else if (n == 0) {
		/* What is no typing mistake may be a beginning that is not enough for a change. */
		if (near == NULL && begins_with(peers, typed, true, &found) > 0)
			near = ctl_text(found, "name");
		if (near != NULL)
			ctl_refused("%s; did you mean %s?", message, near);
		else
			ctl_refused("%s; wgdp-ctl show %s lists them", message, c->args[0]);
	}
	free(names);
	return n == 1 ? found : NULL;
}

static bool
is_code(const json_t *answer, const char *code)
{
	return strcmp(ctl_text(json_object_get(answer, "error"), "code"), code) == 0;
}

int
ctl_peer_request(struct ctl *c, const char *method, const char *part, json_t *body, json_t **answer)
{
	char id[PEER_NAME_SIZE];
	const char *path[] = {"interfaces", c->args[0], "peers", id, part, NULL};
	bool changes = strcmp(method, "GET") != 0;
	json_t *peers = NULL, *peer = NULL;
	long status;
	int rc = peer_id(c->args[1], id);

	if (rc == CTL_OK)
		rc = ctl_try(c, method, json_incref(body), false, answer, path, NULL, &status);
	if (rc != CTL_OK)
		goto out;
	if (status >= 200 && status < 300)
		goto out;
	rc = CTL_REFUSED;
	/* For programs: what was asked for, or the refusal as it came. */
	if (c->json || !is_code(*answer, "no_such_peer")) {
		ctl_tell_error(c, status, *answer);
		*answer = NULL;
		goto out;
	}
	if (ctl_get_peers(c, c->args[0], &peers) == CTL_OK)
		peer = meant(
			c, peers, changes, ctl_text(json_object_get(*answer, "error"), "message"));
	json_decref(*answer);
	*answer = NULL;
	if (peer != NULL) {
		c->args[1] = c->resolved;
		snprintf(c->resolved, sizeof(c->resolved), "%s", ctl_text(peer, "name"));
		path[3] = c->resolved;
		rc = ctl_request(c, method, json_incref(body), false, answer, path, NULL);
	}
	json_decref(peers);
out:
	json_decref(body);
	return rc;
}
