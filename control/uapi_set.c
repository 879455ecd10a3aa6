/* SPDX-License-Identifier: BSD-3-Clause */
/* set=1: lines into one transaction. */
#include "control/uapi.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "control/management_state.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

/* What stands between one public_key line and the next. */
struct section {
	bool open, existed, remove, update_only, set_endpoint;
	struct peer_spec spec;
	unsigned cap; /* room in spec.allowed_ips */
};

struct set {
	struct management *m;
	unsigned iface;
	unsigned line; /* from 1 */
	bool has_private_key;
	uint8_t private_key[KEY_LEN];
	struct section peer;
};

typedef int line_handler(struct set *s, const char *value, struct refusal *why);

static int
bad(const struct set *s, struct refusal *why, const char *field, const char *expected)
{
	return refuse(
		why, 400, "bad_value", field, "line %u: %s: expected %s", s->line, field, expected);
}

static bool
parse_hex_key(uint8_t key[KEY_LEN], const char *hex)
{
	size_t len;

	return strlen(hex) == KEY_LEN * 2 &&
	       sodium_hex2bin(key, KEY_LEN, hex, KEY_LEN * 2, NULL, &len, NULL) == 0 &&
	       len == KEY_LEN;
}

/* Decimal, at most max; -1 on anything else. */
static int64_t
parse_number(const char *s, uint32_t max)
{
	uint64_t v = 0;

	if (*s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
		if (v > max)
			return -1;
	}
	return v;
}

/* ---- the interface's lines ------------------------------------------------------ */

static int
on_private_key(struct set *s, const char *value, struct refusal *why)
{
	const uint8_t *current = s->m->ifaces[s->iface].private_key;
	static const uint8_t zero[KEY_LEN];
	uint8_t key[KEY_LEN];

	if (!parse_hex_key(key, value))
		return bad(s, why, "private_key", "64 hexadecimal digits");
	if (crypto_equal(key, zero, KEY_LEN))
		return bad(s, why, "private_key", "a key: an interface here always has one");
	key[0] &= 248; /* RFC 7748, section 5 */
	key[31] = (key[31] & 127) | 64;
	/* The same again must not end sessions: `wg setconf` sends it every time. */
	s->has_private_key = !crypto_equal(key, current, KEY_LEN);
	memcpy(s->private_key, key, KEY_LEN);
	crypto_wipe(key, sizeof(key));
	return 0;
}

static int
on_listen_port(struct set *s, const char *value, struct refusal *why)
{
	if (parse_number(value, UINT16_MAX) == s->m->ifaces[s->iface].config->listen_port)
		return 0;
	return refuse(why, 400, "bad_value", "listen_port",
		"line %u: listen_port: cannot change while running; change it in %s", s->line,
		s->m->config->path);
}

static int
on_fwmark(struct set *s, const char *value, struct refusal *why)
{
	return parse_number(value, 0) == 0 ? 0
					   : bad(s, why, "fwmark", "0: there are no marks here");
}

static int
on_replace_peers(struct set *s, const char *value, struct refusal *why)
{
	if (strcmp(value, "true") != 0)
		return bad(s, why, "replace_peers", "true");
	registry_remove_all(s->m->registry);
	return 0;
}

/* ---- a peer's lines --------------------------------------------------------------- */

static int
end_section(struct set *s, struct refusal *why)
{
	struct section *p = &s->peer;
	int rc = 0;

	if (!p->open)
		return 0;
	if (p->remove) {
		registry_remove(s->m->registry, p->spec.public_key);
	} else if (p->existed || !p->update_only) {
		rc = registry_put(s->m->registry, &p->spec, why);
		if (rc == 0 && p->set_endpoint)
			registry_mark_endpoint(s->m->registry, p->spec.public_key);
	}
	peer_spec_fini(&p->spec);
	memset(p, 0, sizeof(*p));
	return rc;
}

static int
on_public_key(struct set *s, const char *value, struct refusal *why)
{
	struct section *p = &s->peer;
	const struct peer_spec *old;
	uint8_t key[KEY_LEN];

	if (!parse_hex_key(key, value))
		return bad(s, why, "public_key", "64 hexadecimal digits");
	if (end_section(s, why) != 0)
		return -1;
	old = registry_by_key(s->m->registry, s->iface, key);
	p->open = true;
	p->existed = old != NULL;
	if (old != NULL) {
		p->spec = peer_spec_copy(old);
		p->cap = old->n;
	} else {
		memcpy(p->spec.public_key, key, KEY_LEN);
		registry_free_name(s->m->registry, s->iface, key, p->spec.name);
	}
	return 0;
}

static int
on_remove(struct set *s, const char *value, struct refusal *why)
{
	s->peer.remove = true;
	return strcmp(value, "true") == 0 ? 0 : bad(s, why, "remove", "true");
}

static int
on_update_only(struct set *s, const char *value, struct refusal *why)
{
	s->peer.update_only = true;
	return strcmp(value, "true") == 0 ? 0 : bad(s, why, "update_only", "true");
}

static int
on_preshared_key(struct set *s, const char *value, struct refusal *why)
{
	static const uint8_t zero[KEY_LEN];

	if (!parse_hex_key(s->peer.spec.preshared_key, value))
		return bad(s, why, "preshared_key", "64 hexadecimal digits");
	s->peer.spec.has_preshared_key = !crypto_equal(s->peer.spec.preshared_key, zero, KEY_LEN);
	return 0;
}

static int
on_endpoint(struct set *s, const char *value, struct refusal *why)
{
	s->peer.set_endpoint = true;
	return peer_endpoint_parse(&s->peer.spec.endpoint, value)
		       ? 0
		       : bad(s, why, "endpoint",
				 "a unicast ADDRESS:PORT or [ADDRESS]:PORT in numbers");
}

static int
on_keepalive(struct set *s, const char *value, struct refusal *why)
{
	int64_t v = parse_number(value, UINT16_MAX);

	if (v < 0)
		return bad(s, why, "persistent_keepalive_interval", "0 to 65535");
	s->peer.spec.persistent_keepalive = v;
	return 0;
}

static int
on_replace_allowed_ips(struct set *s, const char *value, struct refusal *why)
{
	s->peer.spec.n = 0;
	return strcmp(value, "true") == 0 ? 0 : bad(s, why, "replace_allowed_ips", "true");
}

static void
drop_prefix(struct peer_spec *spec, const struct ip_prefix *p)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < spec->n; i++)
		if (!ip_prefix_equal(&spec->allowed_ips[i], p))
			spec->allowed_ips[kept++] = spec->allowed_ips[i];
	spec->n = kept;
}

static int
on_allowed_ip(struct set *s, const char *value, struct refusal *why)
{
	struct section *p = &s->peer;
	bool minus = *value == '-';
	struct ip_prefix prefix;

	if (minus || *value == '+')
		value++;
	if (!ip_prefix_parse(&prefix, value))
		return bad(s, why, "allowed_ip", "a prefix such as 10.8.0.2/32");
	prefix = ip_prefix_network(&prefix);
	if (minus) {
		drop_prefix(&p->spec, &prefix);
		return 0;
	}
	if (p->spec.n >= PEER_ALLOWED_IPS_MAX)
		return refuse(why, 413, "too_many", "allowed_ip",
			"line %u: allowed_ip: a peer may have at most %d", s->line,
			PEER_ALLOWED_IPS_MAX);
	peer_spec_add_prefix(&p->spec, &p->cap, &prefix);
	return 0;
}

static int
on_protocol_version(struct set *s, const char *value, struct refusal *why)
{
	return strcmp(value, "1") == 0 ? 0 : bad(s, why, "protocol_version", "1");
}

static const struct line_kind {
	const char *key;
	bool of_peer;
	line_handler *handle;
} line_kinds[] = {
	{"private_key", false, on_private_key},
	{"listen_port", false, on_listen_port},
	{"fwmark", false, on_fwmark},
	{"replace_peers", false, on_replace_peers},
	{"remove", true, on_remove},
	{"update_only", true, on_update_only},
	{"preshared_key", true, on_preshared_key},
	{"endpoint", true, on_endpoint},
	{"persistent_keepalive_interval", true, on_keepalive},
	{"replace_allowed_ips", true, on_replace_allowed_ips},
	{"allowed_ip", true, on_allowed_ip},
	{"protocol_version", true, on_protocol_version},
};

/* ---- all lines ---------------------------------------------------------------------- */

static int
on_line(struct set *s, char *line, struct refusal *why)
{
	char *value = strchr(line, '=');

	if (value == NULL)
		return refuse(why, 400, "bad_line", NULL, "line %u: expected key=value", s->line);
	*value++ = '\0';
	if (strcmp(line, "public_key") == 0)
		return on_public_key(s, value, why);
	for (size_t i = 0; i < sizeof(line_kinds) / sizeof(line_kinds[0]); i++)
		if (strcmp(line_kinds[i].key, line) == 0 && line_kinds[i].of_peer == s->peer.open)
			return line_kinds[i].handle(s, value, why);
	return refuse(why, 400, "bad_line", line, "line %u: %s: not known %s", s->line, line,
		s->peer.open ? "for a peer" : "for an interface");
}

static int
on_lines(struct set *s, char *text, size_t len, struct refusal *why)
{
	const char *end = text + len;

	while (text < end) {
		char *newline = memchr(text, '\n', end - text);

		s->line++;
		if (newline == NULL || memchr(text, '\0', newline - text) != NULL)
			return refuse(
				why, 400, "bad_line", NULL, "line %u: not a line of text", s->line);
		*newline = '\0';
		if (newline == text)
			break; /* the empty line that ends a request */
		if (s->line > 1 && on_line(s, text, why) != 0)
			return -1;
		text = newline + 1;
	}
	return end_section(s, why);
}

int
uapi_set(struct management *m, unsigned iface, char *text, size_t len, const struct origin *origin,
	struct refusal *why)
{
	struct set s = {.m = m, .iface = iface};
	int rc;

	registry_begin(m->registry, iface);
	rc = on_lines(&s, text, len, why);
	if (rc == 0)
		rc = management_commit(
			m, iface, s.has_private_key ? s.private_key : NULL, origin, why);
	else
		registry_rollback(m->registry);
	if (rc != 0 && why->status < 500) /* those have been logged as errors */
		log_warn("%s: wg: %s", m->ifaces[iface].config->name, why->message);
	peer_spec_fini(&s.peer.spec);
	crypto_wipe(&s, sizeof(s));
	return rc;
}
