/* SPDX-License-Identifier: BSD-3-Clause */
/* GET /v1/events: its arguments, and events as JSON. */
#include "control/api_internal.h"

#include <inttypes.h>
#include <string.h>

#include "control/events.h"

bool
api_parse_number(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || v > (max - (*s - '0')) / 10)
			return false;
		v = v * 10 + (*s - '0');
	}
	*out = v;
	return true;
}

int
api_events(struct api_call *call, json_t **body, struct refusal *why)
{
	const char *after = call->req->args[ARG_after], *follow = call->req->args[ARG_follow];
	struct api_response *out = call->out;

	if (after != NULL && !api_parse_number(after, INT64_MAX, &out->events_after))
		return refuse(why, 400, "bad_value", "after", "expected the seq of an event, or 0");
	if (follow != NULL && strcmp(follow, "true") != 0 && strcmp(follow, "false") != 0)
		return refuse(why, 400, "bad_value", "follow", "follow: expected true or false");
	out->events_follow = follow == NULL || strcmp(follow, "true") == 0;
	out->events = true;
	return 200;
}

json_t *
api_event_json(const struct management *m, const struct event *e)
{
	char key[KEY_STRLEN], endpoint[IP_ENDPOINT_STRLEN];
	json_t *o = json_pack("{sI sI ss}", "seq", (json_int_t)e->seq, "time_ns",
		(json_int_t)e->time_ns, "type", event_type_name(e->type));

	if (e->iface < m->n_ifaces)
		json_object_set_new(o, "interface", json_string(m->ifaces[e->iface].config->name));
	if (e->name[0] != '\0')
		json_object_set_new(o, "peer", json_string(e->name));
	if (e->has_key)
		json_object_set_new(o, "public_key", json_string(key_format(key, e->public_key)));
	if (e->endpoint.addr.family != IP_NONE)
		json_object_set_new(
			o, "endpoint", json_string(ip_endpoint_format(endpoint, &e->endpoint)));
	if (e->role != NULL)
		json_object_set_new(o, "role", json_string(e->role));
	if (e->reason[0] != '\0')
		json_object_set_new(o, "reason", json_string(e->reason));
	if (e->via != NULL)
		json_object_set_new(o, "via", json_string(e->via));
	if (e->has_caller) {
		json_object_set_new(o, "uid", json_integer(e->uid));
		json_object_set_new(o, "pid", json_integer(e->pid));
	}
	return o;
}

json_t *
api_gap_json(const struct event_gap *gap)
{
	json_t *o = json_pack("{sI ss}", "seq", (json_int_t)(gap->oldest - 1), "type", "gap");

	json_object_set_new(
		o, "lost", gap->counted ? json_integer((json_int_t)gap->lost) : json_null());
	return o;
}
