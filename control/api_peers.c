/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes of peers: listing, reading, and the transactions around the edits of api_edit.c. */
#include "control/api_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/free_address.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX 10000
#define BATCH_ERRORS_MAX 100
#define TAKEN_SHOWN 20u

const struct peer_spec *
api_find_peer(const struct management *m, unsigned iface, const char *id, struct refusal *why)
{
	const struct peer_spec *spec;
	uint8_t key[KEY_LEN];

	if (key_parse_any(key, id))
		spec = registry_by_key(m->registry, iface, key);
	else
		spec = registry_by_name(m->registry, iface, id);
	if (spec == NULL)
		refuse(why, 404, "no_such_peer", NULL, "%s has no peer %s",
			m->ifaces[iface].config->name, id);
	return spec;
}

/*
 * As JSON, but for its closing brace, by hand: a page has up to 10 000, and as jansson's objects
 * each of them would cost twenty allocations. Names have no character that wants escaping.
 */
static void
write_peer(FILE *out, const struct management *m, unsigned iface, const struct peer_spec *spec,
	const struct peer_info *info)
{
	const struct ip_endpoint *e =
		info->endpoint.addr.family != IP_NONE ? &info->endpoint : &spec->endpoint;
	char key[KEY_STRLEN], prefix[IP_PREFIX_STRLEN], endpoint[IP_ENDPOINT_STRLEN];

	fprintf(out,
		"{\"name\":\"%s\",\"public_key\":\"%s\",\"interface\":\"%s\","
		"\"has_preshared_key\":%s,\"transient\":%s,\"allowed_ips\":[",
		spec->name, key_format(key, spec->public_key), m->ifaces[iface].config->name,
		spec->has_preshared_key ? "true" : "false", spec->transient ? "true" : "false");
	for (unsigned i = 0; i < spec->n; i++)
		fprintf(out, "%s\"%s\"", i > 0 ? "," : "",
			ip_prefix_format(prefix, &spec->allowed_ips[i]));
	if (e->addr.family != IP_NONE)
		fprintf(out, "],\"endpoint\":\"%s\"", ip_endpoint_format(endpoint, e));
	else
		fputs("],\"endpoint\":null", out);
	fprintf(out,
		",\"persistent_keepalive\":%u,\"last_handshake_ns\":%" PRIu64
		",\"rx_bytes\":%" PRIu64 ",\"tx_bytes\":%" PRIu64 ",\"rx_packets\":%" PRIu64
		",\"tx_packets\":%" PRIu64 ",\"session\":",
		spec->persistent_keepalive, info->last_handshake_ns, info->rx_bytes, info->tx_bytes,
		info->rx_packets, info->tx_packets);
	if (info->has_session)
		fprintf(out, "{\"role\":\"%s\",\"age_ms\":%" PRIu64 ",\"local_index\":%" PRIu32 "}",
			info->initiator ? "initiator" : "responder", info->session_age_ms,
			info->local_index);
	else
		fputs("null", out);
}

/* To be written to; *text is the whole after end_text. */
static FILE *
begin_text(char **text, size_t *len)
{
	FILE *out = open_memstream(text, len);

	if (out == NULL)
		abort();
	return out;
}

static void
end_text(FILE *out)
{
	if (fclose(out) != 0)
		abort();
}

/* taken: what write_taken made, or NULL. */
static void
answer_peer(struct api_call *call, const struct peer_spec *spec, const char *taken)
{
	struct peer_info info;
	size_t len;
	FILE *out = begin_text(&call->out->body, &len);

	management_peer_info(call->m, call->iface, &spec, &info, 1);
	write_peer(out, call->m, call->iface, spec, &info);
	fprintf(out, "%s}", taken != NULL ? taken : "");
	end_text(out);
	api_peer_etag(call->out, call->m, spec);
}

int
api_peers_list(struct api_call *call, json_t **body, struct refusal *why)
{
	const char *const *args = call->req->args;
	struct management *m = call->m;
	uint64_t limit = LIMIT_DEFAULT, cursor = 0, peek;
	const struct peer_spec **specs;
	struct peer_info *info;
	size_t n = 0, len;
	FILE *out;

	if (args[ARG_limit] != NULL &&
		(!api_parse_number(args[ARG_limit], LIMIT_MAX, &limit) || limit == 0))
		return refuse(why, 400, "bad_value", "limit", "expected 1 to %d", LIMIT_MAX);
	if (args[ARG_after] != NULL && !api_parse_number(args[ARG_after], INT64_MAX, &cursor))
		return refuse(why, 400, "bad_value", "after",
			"expected what \"next\" of an earlier answer was");
	specs = calloc(limit, sizeof(*specs));
	info = calloc(limit, sizeof(*info));
	if (specs == NULL || info == NULL)
		abort();
	while (n < limit) {
		specs[n] = registry_next(m->registry, call->iface, &cursor);
		if (specs[n] == NULL)
			break;
		n++;
	}
	management_peer_info(m, call->iface, specs, info, n);
	out = begin_text(&call->out->body, &len);
	fputs("{\"peers\":[", out);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			fputc(',', out);
		write_peer(out, m, call->iface, specs[i], &info[i]);
		fputc('}', out);
	}
	peek = cursor;
	if (registry_next(m->registry, call->iface, &peek) != NULL)
		fprintf(out, "],\"next\":\"%" PRIu64 "\"}", cursor);
	else
		fputs("],\"next\":null}", out);
	end_text(out);
	api_peers_etag(call->out, m, call->iface);
	free(specs);
	free(info);
	return 200;
}

int
api_peer_get(struct api_call *call, json_t **body, struct refusal *why)
{
	const struct peer_spec *spec = api_find_peer(call->m, call->iface, call->id, why);

	if (spec == NULL)
		return -1;
	answer_peer(call, spec, NULL);
	return 200;
}

int
api_peer_drops(struct api_call *call, json_t **body, struct refusal *why)
{
	const struct peer_spec *spec = api_find_peer(call->m, call->iface, call->id, why);
	struct peer_drop_info drops;
	json_t *list;

	if (spec == NULL)
		return -1;
	management_peer_drops(call->m, call->iface, &spec, &drops, 1);
	list = json_array();
	for (unsigned i = 0; i < PEER_DROP_COUNT; i++)
		json_array_append_new(
			list, json_pack("{ss sI}", "reason", drop_reason_name[peer_drop_reason[i]],
				      "packets", (json_int_t)drops.packets[i]));
	*body = json_pack("{so}", "drops", list);
	return 200;
}

/*
 * The member that names those whose allowed-IPs the peer of this key gets by the
 * open transaction; NULL when there are none. To be freed.
 */
static char *
write_taken(const struct management *m, const uint8_t key[KEY_LEN])
{
	struct registry_change *list;
	size_t n = registry_changes(m->registry, &list), names = 0, len;
	char *text = NULL;
	FILE *out = begin_text(&text, &len);

	for (size_t i = 0; i < n && names < TAKEN_SHOWN; i++)
		if (list[i].before != NULL && list[i].after != NULL &&
			memcmp(list[i].after->public_key, key, KEY_LEN) != 0)
			fprintf(out, "%s\"%s\"", names++ > 0 ? "," : ",\"taken_from\":[",
				list[i].after->name);
	if (names > 0)
		fputc(']', out);
	end_text(out);
	free(list);
	if (names > 0)
		return text;
	free(text);
	return NULL;
}

/*
 * End the transaction that an edit with this result was made in; key, unless
 * NULL, is that of the peer to show as it is, or as it would be.
 */
static int
finish(struct api_call *call, int edited, const uint8_t *key, struct refusal *why)
{
	struct management *m = call->m;
	char *taken;

	if (edited != 0) {
		registry_rollback(m->registry);
		return -1;
	}
	taken = key != NULL ? write_taken(m, key) : NULL;
	if (call->dry_run)
		edited = management_check_ready(m, why);
	else
		edited = management_commit(m, call->iface, NULL, call->req->origin, why);
	if (edited == 0 && key != NULL)
		answer_peer(call, registry_by_key(m->registry, call->iface, key), taken);
	free(taken);
	if (call->dry_run)
		registry_rollback(m->registry);
	return edited;
}

/* If-Match against the peer as it is; 0 when it may be changed. */
static int
check_peer_match(struct api_call *call, struct refusal *why)
{
	struct refusal none;
	const struct peer_spec *spec;

	if (call->req->if_match == NULL)
		return 0;
	spec = api_find_peer(call->m, call->iface, call->id, &none);
	if (spec != NULL)
		api_peer_etag(call->out, call->m, spec);
	return api_check_match(call, why);
}

int
api_peer_put(struct api_call *call, json_t **body, struct refusal *why)
{
	const char *match = call->req->if_none_match;
	uint8_t key[KEY_LEN];
	bool created;
	int rc;

	if (check_peer_match(call, why) != 0 ||
		free_address_fill(call->m, call->iface, call->id, call->json, why) != 0)
		return -1;
	registry_begin(call->m->registry, call->iface);
	rc = api_edit_put(call->m, call->iface, call->id, call->json,
		match != NULL && strcmp(match, "*") == 0, &created, key, why);
	if (finish(call, rc, key, why) != 0)
		return -1;
	return created ? 201 : 200;
}

int
api_peer_patch(struct api_call *call, json_t **body, struct refusal *why)
{
	uint8_t key[KEY_LEN];
	int rc;

	if (check_peer_match(call, why) != 0)
		return -1;
	registry_begin(call->m->registry, call->iface);
	rc = api_edit_patch(call->m, call->iface, call->id, call->json, key, why);
	return finish(call, rc, key, why) != 0 ? -1 : 200;
}

int
api_peer_delete(struct api_call *call, json_t **body, struct refusal *why)
{
	int rc;

	if (check_peer_match(call, why) != 0)
		return -1;
	call->out->etag[0] = '\0';
	registry_begin(call->m->registry, call->iface);
	rc = api_edit_delete(call->m, call->iface, call->id, why);
	return finish(call, rc, NULL, why) == 0 ? 204 : -1;
}

/*
 * Take op and id out of a batch's entry, so that what is left is checked like a
 * body of its own. Without an id, the public key or else the name names the peer.
 */
static int
take_op_and_id(json_t *entry, char op[8], char id[PEER_NAME_SIZE], struct refusal *why)
{
	static const char *const naming[] = {"id", "public_key", "name"};
	const char *s = json_string_value(json_object_get(entry, "op"));

	if (s == NULL ||
		(strcmp(s, "put") != 0 && strcmp(s, "patch") != 0 && strcmp(s, "delete") != 0))
		return refuse(
			why, 400, "bad_value", "op", "expected \"put\", \"patch\" or \"delete\"");
	strcpy(op, s);
	json_object_del(entry, "op");
	id[0] = '\0';
	for (unsigned i = 0; i < 3 && id[0] == '\0'; i++) {
		json_t *value = json_object_get(entry, naming[i]);

		if (value == NULL)
			continue;
		s = json_string_value(value);
		if (s == NULL || s[0] == '\0' || strlen(s) >= PEER_NAME_SIZE)
			return refuse(why, 400, "bad_value", naming[i],
				"expected a peer's name or public key");
		strcpy(id, s);
		if (i == 0 || strcmp(op, "delete") == 0)
			json_object_del(entry, naming[i]);
	}
	return 0;
}

/* One entry of a batch: what PUT, PATCH or DELETE of the peer would do. */
static int
edit_entry(struct api_call *call, json_t *entry, struct refusal *why)
{
	char op[8], id[PEER_NAME_SIZE];
	uint8_t key[KEY_LEN];
	bool created;

	if (!json_is_object(entry))
		return refuse(why, 400, "bad_value", NULL, "expected an object");
	if (take_op_and_id(entry, op, id, why) != 0)
		return -1;
	if (id[0] == '\0')
		return refuse(why, 400, "missing", "id", "expected a peer's name or public key");
	if (strcmp(op, "patch") == 0)
		return api_edit_patch(call->m, call->iface, id, entry, key, why);
	if (strcmp(op, "put") == 0)
		return api_edit_put(call->m, call->iface, id, entry, false, &created, key, why);
	if (json_object_size(entry) != 0)
		return refuse(why, 400, "unknown_member", NULL, "delete takes an id and no more");
	return api_edit_delete(call->m, call->iface, id, why);
}

/* All entries, and what is wrong with each, up to a number; the first one is why. */
static int
edit_entries(struct api_call *call, struct refusal *why)
{
	struct refusal one;
	json_t *entry;
	size_t i, wrong = 0;

	json_array_foreach(call->json, i, entry) {
		if (edit_entry(call, entry, &one) == 0)
			continue;
		one.index = (int)i;
		if (wrong++ == 0)
			*why = one;
		api_note_error(call, &one);
		if (wrong == BATCH_ERRORS_MAX)
			break;
	}
	return wrong == 0 ? 0 : -1;
}

int
api_peers_batch(struct api_call *call, json_t **body, struct refusal *why)
{
	size_t n = json_array_size(call->json);

	if (!json_is_array(call->json))
		return refuse(why, 400, "bad_value", NULL, "expected a list of changes");
	api_peers_etag(call->out, call->m, call->iface);
	if (api_check_match(call, why) != 0)
		return -1;
	registry_begin(call->m->registry, call->iface);
	if (finish(call, edit_entries(call, why), NULL, why) != 0)
		return -1;
	api_peers_etag(call->out, call->m, call->iface);
	*body = json_pack("{sI}", "applied", (json_int_t)(call->dry_run ? 0 : n));
	return 200;
}
