/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON members to a peer's spec, and from there into the registry's open transaction. */
#include "control/api_internal.h"

#include <stdlib.h>
#include <string.h>

#include "crypto_accel/crypto_accel.h"

/* A spec that is being edited. */
struct edit {
	struct peer_spec spec;
	bool set_endpoint;
	bool has_public_key;
	uint8_t public_key[KEY_LEN]; /* as the body names it */
};

static int
bad(struct refusal *why, const char *field, const char *expected)
{
	return refuse(why, 400, "bad_value", field, "%s: expected %s", field, expected);
}

static int
set_name(struct edit *e, json_t *value, struct refusal *why)
{
	const char *s = json_string_value(value);

	if (s == NULL || !peer_name_valid(s))
		return bad(why, "name",
			"1 to 63 of A-Z a-z 0-9 . _ - and nothing that looks like a key");
	strcpy(e->spec.name, s);
	return 0;
}

static int
set_public_key(struct edit *e, json_t *value, struct refusal *why)
{
	const char *s = json_string_value(value);

	if (s == NULL || !key_parse_any(e->public_key, s))
		return bad(why, "public_key", "32 bytes in base64");
	e->has_public_key = true;
	return 0;
}

static int
set_preshared_key(struct edit *e, json_t *value, struct refusal *why)
{
	static const uint8_t zero[KEY_LEN];
	const char *s = json_string_value(value);

	crypto_wipe(e->spec.preshared_key, KEY_LEN);
	e->spec.has_preshared_key = false;
	if (json_is_null(value))
		return 0;
	if (s == NULL || !key_parse_any(e->spec.preshared_key, s))
		return bad(why, "preshared_key", "32 bytes in base64, or null");
	/* All zero is the protocol's way to say none. */
	e->spec.has_preshared_key = !crypto_equal(e->spec.preshared_key, zero, KEY_LEN);
	return 0;
}

static int
set_allowed_ips(struct edit *e, json_t *value, struct refusal *why)
{
	unsigned cap = 0;
	json_t *item;
	size_t i;

	if (!json_is_array(value))
		return bad(why, "allowed_ips", "a list of prefixes");
	if (json_array_size(value) > PEER_ALLOWED_IPS_MAX)
		return refuse(why, 400, "bad_value", "allowed_ips",
			"allowed_ips: expected at most %d of them", PEER_ALLOWED_IPS_MAX);
	free(e->spec.allowed_ips);
	e->spec.allowed_ips = NULL;
	e->spec.n = 0;
	json_array_foreach(value, i, item) {
		const char *s = json_string_value(item);
		struct ip_prefix p;

		if (s == NULL || !ip_prefix_parse(&p, s))
			return refuse(why, 400, "bad_value", "allowed_ips",
				"allowed_ips: expected a prefix such as 10.8.0.2/32 or "
				"fd00::2/128, got \"%.60s\"",
				s != NULL ? s : "something else");
		peer_spec_add_prefix(&e->spec, &cap, &p);
	}
	return 0;
}

static int
set_endpoint(struct edit *e, json_t *value, struct refusal *why)
{
	const char *s = json_string_value(value);

	e->set_endpoint = true;
	memset(&e->spec.endpoint, 0, sizeof(e->spec.endpoint));
	if (json_is_null(value))
		return 0;
	if (s == NULL || !peer_endpoint_parse(&e->spec.endpoint, s))
		return bad(why, "endpoint",
			"a unicast ADDRESS:PORT or [ADDRESS]:PORT in numbers (names are not looked "
			"up), or null");
	return 0;
}

static int
set_keepalive(struct edit *e, json_t *value, struct refusal *why)
{
	json_int_t v = json_integer_value(value);

	if (json_is_null(value))
		v = 0;
	else if (!json_is_integer(value) || v < 0 || v > UINT16_MAX)
		return bad(why, "persistent_keepalive", "0 to 65535 seconds");
	e->spec.persistent_keepalive = v;
	return 0;
}

static const struct member {
	const char *name;
	int (*set)(struct edit *e, json_t *value, struct refusal *why);
} members[] = {
	{"name", set_name},
	{"public_key", set_public_key},
	{"preshared_key", set_preshared_key},
	{"allowed_ips", set_allowed_ips},
	{"endpoint", set_endpoint},
	{"persistent_keepalive", set_keepalive},
};

static const struct member *
find_member(const char *name)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

static int
set_members(struct edit *e, json_t *object, struct refusal *why)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return refuse(why, 400, "bad_value", NULL, "expected an object");
	json_object_foreach(object, name, value) {
		const struct member *member = find_member(name);

		if (member == NULL)
			return refuse(why, 400, "unknown_member", name, "%s: no such member", name);
		if (member->set(e, value, why) != 0)
			return -1;
	}
	return 0;
}

static int
store(struct management *m, struct edit *e, uint8_t key[KEY_LEN], struct refusal *why)
{
	memcpy(key, e->spec.public_key, KEY_LEN);
	if (registry_put(m->registry, &e->spec, why) != 0)
		return -1;
	if (e->set_endpoint)
		registry_mark_endpoint(m->registry, key);
	return 0;
}

/* Who is meant: the id, the name and the key of the body have to agree. */
static int
identify_put(struct management *m, unsigned iface, const char *id, struct edit *e,
	const struct peer_spec **old, struct refusal *why)
{
	uint8_t key[KEY_LEN];
	bool id_is_key = key_parse_any(key, id);

	if (id_is_key) {
		if (e->has_public_key && memcmp(key, e->public_key, KEY_LEN) != 0)
			return refuse(why, 409, "key_mismatch", "public_key",
				"public_key is not the one that the request is for");
		memcpy(e->public_key, key, KEY_LEN);
		e->has_public_key = true;
	} else {
		if (!peer_name_valid(id))
			return bad(why, "name",
				"1 to 63 of A-Z a-z 0-9 . _ - and nothing that looks like a key");
		if (e->spec.name[0] != '\0' && strcmp(e->spec.name, id) != 0)
			return refuse(why, 409, "name_mismatch", "name",
				"name is not the one that the request is for; PATCH renames");
		strcpy(e->spec.name, id);
	}
	*old = !id_is_key ? registry_by_name(m->registry, iface, e->spec.name) : NULL;
	if (*old != NULL && !e->has_public_key)
		memcpy(e->public_key, (*old)->public_key, KEY_LEN);
	else if (!e->has_public_key)
		return refuse(why, 400, "missing", "public_key", "public_key: expected one");
	else if (*old != NULL && memcmp((*old)->public_key, e->public_key, KEY_LEN) != 0)
		return refuse(why, 409, "name_taken", "name",
			"%s already has a peer %s with another public key",
			m->ifaces[iface].config->name, e->spec.name);
	*old = registry_by_key(m->registry, iface, e->public_key);
	memcpy(e->spec.public_key, e->public_key, KEY_LEN);
	return 0;
}

int
api_edit_put(struct management *m, unsigned iface, const char *id, json_t *object, bool create_only,
	bool *created, uint8_t key[KEY_LEN], struct refusal *why)
{
	struct edit e = {0};
	const struct peer_spec *old = NULL;
	int rc = -1;

	if (set_members(&e, object, why) != 0 || identify_put(m, iface, id, &e, &old, why) != 0)
		goto out;
	if (old != NULL && create_only) {
		refuse(why, 409, "exists", strcmp(old->name, e.spec.name) ? "public_key" : "name",
			"%s already has this peer, named %s", m->ifaces[iface].config->name,
			old->name);
		goto out;
	}
	/* By name, a key that is there under another one is not renamed by the way. */
	if (old != NULL && e.spec.name[0] != '\0' && strcmp(old->name, e.spec.name) != 0) {
		refuse(why, 409, "key_taken", "public_key",
			"peer %s of %s already has this public key", old->name,
			m->ifaces[iface].config->name);
		goto out;
	}
	if (e.spec.name[0] == '\0' && old != NULL)
		strcpy(e.spec.name, old->name);
	else if (e.spec.name[0] == '\0')
		registry_free_name(m->registry, iface, e.spec.public_key, e.spec.name);
	*created = old == NULL;
	rc = store(m, &e, key, why);
out:
	peer_spec_fini(&e.spec);
	return rc;
}

int
api_edit_patch(struct management *m, unsigned iface, const char *id, json_t *object,
	uint8_t key[KEY_LEN], struct refusal *why)
{
	const struct peer_spec *old;
	struct edit e = {0};
	int rc = -1;

	old = api_find_peer(m, iface, id, why);
	if (old == NULL)
		return -1;
	e.spec = peer_spec_copy(old);
	if (set_members(&e, object, why) != 0)
		goto out;
	if (e.has_public_key && memcmp(e.public_key, e.spec.public_key, KEY_LEN) != 0) {
		refuse(why, 409, "key_mismatch", "public_key",
			"a peer's public key cannot change; add another peer");
		goto out;
	}
	rc = store(m, &e, key, why);
out:
	peer_spec_fini(&e.spec);
	return rc;
}

int
api_edit_delete(struct management *m, unsigned iface, const char *id, struct refusal *why)
{
	const struct peer_spec *spec = api_find_peer(m, iface, id, why);
	uint8_t key[KEY_LEN];

	if (spec == NULL)
		return -1;
	/* Removing frees the spec that holds the key. */
	memcpy(key, spec->public_key, KEY_LEN);
	registry_remove(m->registry, key);
	return 0;
}
