/* SPDX-License-Identifier: BSD-3-Clause */
#include "app/wg_conf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/key.h"
#include "crypto_accel/crypto_accel.h"

enum section { NONE, INTERFACE, PEER };

struct parser {
	struct wg_conf *out;
	wg_conf_tell *tell;
	void *arg;
	unsigned line, interface_line;
	enum section section;
	const char *key; /* of the line at hand */
	char comment[PEER_NAME_SIZE]; /* a name in the comments since the last key or section */
	unsigned address_cap, allowed_cap;
	size_t peer_cap;
	bool peer_has_key;
};

static void __attribute__((format(printf, 3, 4)))
problem(struct parser *p, bool unsupported, const char *fmt, ...)
{
	struct wg_conf_problem what = {p->line, p->key, NULL, unsupported};
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	what.text = text;
	p->tell(p->arg, &what);
}

#define BAD(p, ...) problem((p), false, __VA_ARGS__)

static void *
grow(void *array, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 16;
	array = reallocarray(array, *cap, size);
	if (array == NULL)
		abort();
	return array;
}

static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	for (n = strlen(s); n > 0 && strchr(" \t\r", s[n - 1]) != NULL; n--)
		s[n - 1] = '\0';
	return s;
}

static bool
parse_u16(const char *s, unsigned max, uint16_t *out)
{
	unsigned long v;

	if (*s == '\0' || strlen(s) > 5 || s[strspn(s, "0123456789")] != '\0')
		return false;
	v = strtoul(s, NULL, 10);
	if (v > max)
		return false;
	*out = v;
	return true;
}

/* ---- names ------------------------------------------------------------------------ */

/*
 * Programs that make such files put clients' names into comments: "### Client
 * alice", "# Name = alice", "# BEGIN_PEER alice". What a name cannot hold becomes '-'.
 */
static void
note_comment(struct parser *p, const char *s)
{
	static const char *const leads[] = {
		"client", "name", "friendly_name", "begin_peer", "peer", NULL};
	char name[PEER_NAME_SIZE];
	size_t n = 0;

	s += strspn(s, "# \t");
	if (*s == '[')
		return; /* a section that somebody took out */
	for (unsigned i = 0; leads[i] != NULL; i++) {
		size_t len = strlen(leads[i]);

		if (strncasecmp(s, leads[i], len) == 0 && strchr(" \t=:", s[len]) != NULL &&
			s[len] != '\0') {
			s += len + strspn(s + len, " \t=:");
			break;
		}
	}
	if (strchr(s, '=') != NULL)
		return; /* a key likewise */
	for (; *s != '\0' && n < sizeof(name) - 1; s++) {
		bool good = isalnum((unsigned char)*s) || strchr("._-", *s) != NULL;

		if (good || (n > 0 && name[n - 1] != '-'))
			name[n++] = good ? *s : '-';
	}
	while (n > 0 && name[n - 1] == '-')
		n--;
	name[n] = '\0';
	if (peer_name_valid(name))
		strcpy(p->comment, name);
}

/* ---- [Interface] ------------------------------------------------------------------ */

static void
set_private_key(struct parser *p, char *value)
{
	p->out->has_private_key = key_parse(p->out->private_key, value);
	if (!p->out->has_private_key)
		BAD(p, "expected 32 bytes in base64");
}

static void
set_listen_port(struct parser *p, char *value)
{
	if (!parse_u16(value, 65535, &p->out->listen_port) || p->out->listen_port == 0)
		BAD(p, "expected 1 to 65535, found %.40s", value);
}

static void
set_mtu(struct parser *p, char *value)
{
	if (!parse_u16(value, 9000, &p->out->mtu) || p->out->mtu < 576)
		BAD(p, "expected 576 to 9000, found %.40s", value);
}

static void
add_addresses(struct parser *p, char *value)
{
	struct wg_conf *c = p->out;

	for (char *s; (s = strsep(&value, ",")) != NULL;) {
		size_t cap = p->address_cap;
		struct ip_prefix prefix;

		s = trim(s);
		if (!ip_prefix_parse(&prefix, s)) {
			BAD(p, "expected ADDRESS/LENGTH, found %.60s", s);
			continue;
		}
		c->addresses = grow(c->addresses, c->n_addresses, &cap, sizeof(prefix));
		p->address_cap = cap;
		c->addresses[c->n_addresses++] = prefix;
	}
}

/* ---- [Peer] ----------------------------------------------------------------------- */

static struct peer_spec *
peer(struct parser *p)
{
	return &p->out->peers[p->out->n_peers - 1];
}

static void
set_public_key(struct parser *p, char *value)
{
	p->peer_has_key = key_parse(peer(p)->public_key, value);
	if (!p->peer_has_key)
		BAD(p, "expected 32 bytes in base64");
}

static void
set_preshared_key(struct parser *p, char *value)
{
	static const uint8_t zero[KEY_LEN];

	if (!key_parse(peer(p)->preshared_key, value))
		BAD(p, "expected 32 bytes in base64");
	/* All zero is the protocol's way to say none. */
	peer(p)->has_preshared_key = !crypto_equal(peer(p)->preshared_key, zero, KEY_LEN);
}

static void
add_allowed_ips(struct parser *p, char *value)
{
	struct peer_spec *spec = peer(p);

	spec->allowed_ips_line = p->line;
	for (char *s; (s = strsep(&value, ",")) != NULL;) {
		size_t cap = p->allowed_cap;
		struct ip_prefix prefix;

		s = trim(s);
		if (*s == '\0')
			continue; /* wg takes an empty list */
		if (!ip_prefix_parse(&prefix, s)) {
			BAD(p, "expected ADDRESS/LENGTH, found %.60s", s);
			continue;
		}
		spec->allowed_ips = grow(spec->allowed_ips, spec->n, &cap, sizeof(prefix));
		p->allowed_cap = cap;
		spec->allowed_ips[spec->n++] = ip_prefix_network(&prefix);
	}
}

static void
set_endpoint(struct parser *p, char *value)
{
	const char *colon = strrchr(value, ':');

	if (peer_endpoint_parse(&peer(p)->endpoint, value))
		return;
	if (colon != NULL && value[strcspn(value, "[]")] == '\0' &&
		value[strspn(value, "0123456789.:")] != '\0')
		problem(p, true,
			"wgdp looks up no names: write the address (getent ahosts %.*s), or leave "
			"it out where the peer calls first",
			(int)(colon - value > 80 ? 80 : colon - value), value);
	else
		BAD(p, "expected a unicast ADDRESS:PORT, found %.60s", value);
}

static void
set_keepalive(struct parser *p, char *value)
{
	if (strcasecmp(value, "off") == 0)
		peer(p)->persistent_keepalive = 0;
	else if (!parse_u16(value, 65535, &peer(p)->persistent_keepalive))
		BAD(p, "expected 0 to 65535 or off, found %.40s", value);
}

/* ---- keys ------------------------------------------------------------------------- */

#define NO_COMMANDS \
	"wgdp runs no commands: it forwards by itself (routes: in wgdp.yaml say where to); NAT " \
	"and packet filters belong on the router behind it"

static const struct key {
	enum section section;
	const char *name;
	void (*set)(struct parser *p, char *value);
	/* Where set is NULL: what to do instead, and the value that is as good as none. */
	const char *instead, *harmless;
} keys[] = {
	{INTERFACE, "PrivateKey", set_private_key},
	{INTERFACE, "ListenPort", set_listen_port},
	{INTERFACE, "Address", add_addresses},
	{INTERFACE, "MTU", set_mtu},
	{INTERFACE, "PreUp", NULL, NO_COMMANDS},
	{INTERFACE, "PostUp", NULL, NO_COMMANDS},
	{INTERFACE, "PreDown", NULL, NO_COMMANDS},
	{INTERFACE, "PostDown", NULL, NO_COMMANDS},
	{INTERFACE, "Table", NULL,
		"there are no kernel routes to put somewhere: allowed_ips lead to peers, routes: "
		"in "
		"wgdp.yaml to everything else",
		"auto"},
	{INTERFACE, "SaveConfig", NULL,
		"leave it out: wgdp saves each change of a peer in peer_db before it says done",
		"false"},
	{INTERFACE, "FwMark", NULL,
		"leave it out: the tunnel's own packets never enter a tunnel in wgdp", "off"},
	{INTERFACE, "DNS", NULL,
		"it is for clients: wgdp-ctl client-config --dns puts it into their files"},
	{PEER, "PublicKey", set_public_key},
	{PEER, "PresharedKey", set_preshared_key},
	{PEER, "AllowedIPs", add_allowed_ips},
	{PEER, "Endpoint", set_endpoint},
	{PEER, "PersistentKeepalive", set_keepalive},
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static void
apply(struct parser *p, char *value)
{
	const struct key *elsewhere = NULL;

	for (const struct key *k = keys; k < keys + N_KEYS; k++) {
		if (strcasecmp(k->name, p->key) != 0)
			continue;
		if (k->section != p->section) {
			elsewhere = k;
			continue;
		}
		if (k->set != NULL)
			k->set(p, value);
		else if (k->harmless == NULL || strcasecmp(value, k->harmless) != 0)
			problem(p, true, "%s", k->instead);
		return;
	}
	if (elsewhere != NULL)
		BAD(p, "this belongs into the section [%s]",
			elsewhere->section == PEER ? "Peer" : "Interface");
	else
		BAD(p, "not a key of wg-quick");
}

/* ---- sections --------------------------------------------------------------------- */

/* The peer's section is complete. */
static void
end_peer(struct parser *p)
{
	unsigned line = p->line;

	if (p->section != PEER || p->peer_has_key)
		return;
	p->line = peer(p)->line;
	p->key = "[Peer]";
	BAD(p, "has no valid PublicKey");
	p->line = line;
}

static void
begin_section(struct parser *p, const char *s)
{
	end_peer(p);
	p->key = s;
	if (strcasecmp(s, "[Interface]") == 0) {
		p->section = INTERFACE;
		if (p->interface_line != 0)
			BAD(p, "there is one at line %u already", p->interface_line);
		p->interface_line = p->line;
	} else if (strcasecmp(s, "[Peer]") == 0) {
		p->section = PEER;
		p->out->peers =
			grow(p->out->peers, p->out->n_peers, &p->peer_cap, sizeof(*p->out->peers));
		memset(&p->out->peers[p->out->n_peers++], 0, sizeof(*p->out->peers));
		peer(p)->line = p->line;
		strcpy(peer(p)->name, p->comment);
		p->allowed_cap = 0;
		p->peer_has_key = false;
	} else {
		p->section = NONE;
		BAD(p, "expected [Interface] or [Peer]");
	}
	p->comment[0] = '\0';
}

static void
parse_line(struct parser *p, char *s)
{
	char *equals, *hash = strchr(s, '#');

	if (hash != NULL) {
		note_comment(p, hash);
		*hash = '\0';
	}
	s = trim(s);
	/* A comment right below [Peer] names it as well. */
	if (p->section == PEER && p->comment[0] != '\0' && peer(p)->name[0] == '\0' &&
		!p->peer_has_key) {
		strcpy(peer(p)->name, p->comment);
		p->comment[0] = '\0';
	}
	if (*s == '\0')
		return;
	if (*s == '[') {
		begin_section(p, s);
		return;
	}
	p->comment[0] = '\0';
	equals = strchr(s, '=');
	p->key = s;
	if (equals == NULL) {
		BAD(p, "expected KEY = VALUE");
		return;
	}
	*equals = '\0';
	p->key = trim(s);
	if (p->section == NONE)
		BAD(p, "stands before any section");
	else
		apply(p, trim(equals + 1));
}

/* ---- all peers together --------------------------------------------------------------- */

static int
by_key(const void *a, const void *b)
{
	const struct peer_spec *x = *(struct peer_spec *const *)a;
	const struct peer_spec *y = *(struct peer_spec *const *)b;
	int rc = memcmp(x->public_key, y->public_key, KEY_LEN);

	return rc != 0 ? rc : x->line < y->line ? -1 : x->line > y->line;
}

static int
by_name(const void *a, const void *b)
{
	const struct peer_spec *x = *(struct peer_spec *const *)a;
	const struct peer_spec *y = *(struct peer_spec *const *)b;
	int rc = strcmp(x->name, y->name);

	return rc != 0 ? rc : x->line < y->line ? -1 : x->line > y->line;
}

/* Each key once; each name once, the first in the file keeps it. */
static void
check_identities(struct parser *p)
{
	size_t n = p->out->n_peers;
	struct peer_spec **sorted = calloc(n + 1, sizeof(*sorted));
	bool again = true;

	if (sorted == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		sorted[i] = &p->out->peers[i];
		if (sorted[i]->name[0] == '\0')
			peer_name_generate(sorted[i]->name, sorted[i]->public_key, 1);
	}
	qsort(sorted, n, sizeof(struct peer_spec *), by_key);
	p->key = "PublicKey";
	for (size_t i = 1; i < n; i++) {
		if (memcmp(sorted[i]->public_key, sorted[i - 1]->public_key, KEY_LEN) != 0)
			continue;
		p->line = sorted[i]->line;
		BAD(p, "the peer at line %u has the same key: make one section of the two",
			(unsigned)sorted[i - 1]->line);
	}
	for (unsigned attempt = 1; again; attempt++) {
		qsort(sorted, n, sizeof(struct peer_spec *), by_name);
		again = false;
		for (size_t i = 1; i < n; i++) {
			if (strcmp(sorted[i]->name, sorted[i - 1]->name) != 0)
				continue;
			peer_name_generate(sorted[i]->name, sorted[i]->public_key, attempt);
			again = true;
			i++; /* what is compared next is not in order any more */
		}
	}
	free(sorted);
}

struct claim {
	const struct ip_prefix *prefix;
	const struct peer_spec *peer;
};

static int
by_prefix(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int rc = memcmp(&x->prefix->addr, &y->prefix->addr, sizeof(x->prefix->addr));

	if (rc != 0)
		return rc;
	if (x->prefix->len != y->prefix->len)
		return x->prefix->len < y->prefix->len ? -1 : 1;
	return x->peer->line < y->peer->line ? -1 : x->peer->line > y->peer->line;
}

/* wg gives a prefix to the last one who claims it, silently; here both are named. */
static void
check_claims(struct parser *p)
{
	struct claim *claims;
	size_t n = 0, k = 0;
	char text[IP_PREFIX_STRLEN];

	for (size_t i = 0; i < p->out->n_peers; i++)
		n += p->out->peers[i].n;
	claims = calloc(n + 1, sizeof(*claims));
	if (claims == NULL)
		abort();
	for (size_t i = 0; i < p->out->n_peers; i++)
		for (unsigned j = 0; j < p->out->peers[i].n; j++)
			claims[k++] =
				(struct claim){&p->out->peers[i].allowed_ips[j], &p->out->peers[i]};
	qsort(claims, n, sizeof(*claims), by_prefix);
	for (size_t i = 1; i < n; i++) {
		if (!ip_prefix_equal(claims[i].prefix, claims[i - 1].prefix) ||
			claims[i].peer == claims[i - 1].peer)
			continue;
		p->line = claims[i].peer->allowed_ips_line;
		p->key = "AllowedIPs";
		BAD(p, "%s is also that of the peer at line %u: only one can have it",
			ip_prefix_format(text, claims[i].prefix),
			(unsigned)claims[i - 1].peer->line);
	}
	free(claims);
}

void
wg_conf_parse(char *text, struct wg_conf *out, wg_conf_tell *tell, void *arg)
{
	struct parser p = {.out = out, .tell = tell, .arg = arg};
	char *line;

	memset(out, 0, sizeof(*out));
	while ((line = strsep(&text, "\n")) != NULL) {
		p.line++;
		parse_line(&p, line);
	}
	end_peer(&p);
	check_identities(&p);
	check_claims(&p);
}

void
wg_conf_free(struct wg_conf *c)
{
	for (size_t i = 0; i < c->n_peers; i++) {
		crypto_wipe(c->peers[i].preshared_key, KEY_LEN);
		free(c->peers[i].allowed_ips);
	}
	crypto_wipe(c->private_key, KEY_LEN);
	free(c->peers);
	free(c->addresses);
	memset(c, 0, sizeof(*c));
}
