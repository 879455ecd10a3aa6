/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading and checking; peer_db_text.c writes. */
#include "control/peer_db.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/key.h"
#include "control/peer_delta.h"
#include "control/seen_set.h"
#include "control/yaml_tree.h"
#include "crypto_accel/crypto_accel.h"

#define FILE_SIZE_MAX (512u << 20) /* bytes; a million peers take about 200 MiB */
#define KEY_PATH_SIZE 96
#define PEERS_MAX 1000000 /* the most that any max_peers allows */

/* Hashed as bytes, so it must have no padding. */
_Static_assert(sizeof(struct ip_prefix) == 18, "no padding");

/* A load under way. */
struct load {
	struct peer_db *db;
	size_t capacity;
	/* Each entry's number: the peer's index, and in the low half the line. */
	struct seen_set names, keys, prefixes;
	size_t index; /* of the peer being read */
	char *err;
	size_t err_size;
};

/* An error about one key of the peer being read, or about the peer where key is NULL. */
static int __attribute__((format(printf, 4, 5)))
peer_error(struct load *l, unsigned line, const char *key, const char *fmt, ...)
{
	char path[KEY_PATH_SIZE], text[512];
	va_list ap;

	snprintf(path, sizeof(path), "peers[%zu]%s%.64s", l->index, key != NULL ? "." : "",
		key != NULL ? key : "");
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return yerror(l->err, l->err_size, l->db->path, line, path, "%s", text);
}

static int
no_memory(struct load *l)
{
	return yerror(l->err, l->err_size, l->db->path, 0, "file", "cannot be read: out of memory");
}

static bool
is_text(const struct ynode *node)
{
	return node->kind == YNODE_SCALAR && !ynode_is_null(node);
}

/* ---- names ---------------------------------------------------------------- */

bool
peer_name_valid(const char *name)
{
	size_t n =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	/* "." and ".." would be lost in the path of a URL. */
	return n >= 1 && n < PEER_NAME_SIZE && name[n] == '\0' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 && !key_shaped(name);
}

void
peer_name_generate(char name[PEER_NAME_SIZE], const uint8_t key[32], unsigned attempt)
{
	int n = snprintf(
		name, PEER_NAME_SIZE, "peer-%02x%02x%02x%02x", key[0], key[1], key[2], key[3]);

	if (attempt > 1)
		snprintf(name + n, PEER_NAME_SIZE - n, "-%u", attempt);
}

/* ---- endpoints ----------------------------------------------------------- */

static bool
is_unicast(const struct ip_addr *a)
{
	static const struct ip_addr any = {.family = IP_V6};

	if (a->family == IP_V4)
		return a->bytes[0] != 0 && a->bytes[0] < 224;
	return a->bytes[0] != 0xff && !ip_addr_equal(a, &any);
}

bool
peer_endpoint_parse(struct ip_endpoint *out, const char *text)
{
	struct ip_endpoint e;

	if (!ip_endpoint_parse(&e, text) || !is_unicast(&e.addr))
		return false;
	*out = e;
	return true;
}

/* ---- the keys of a peer ------------------------------------------------- */

static int
read_name(struct load *l, struct peer_spec *p, const struct ynode *node)
{
	char found[YNODE_SHOW_SIZE];

	if (!is_text(node) || !peer_name_valid(node->text))
		return peer_error(l, node->line, node->key,
			"expected a name of 1 to 63 letters, digits, '.', '_' or '-', not shaped "
			"like a key, found %s",
			ynode_show(found, node));
	memcpy(p->name, node->text, node->n + 1);
	return 0;
}

static int
read_public_key(struct load *l, struct peer_spec *p, const struct ynode *node)
{
	char found[YNODE_SHOW_SIZE];

	if (!is_text(node) || !key_parse(p->public_key, node->text))
		return peer_error(l, node->line, node->key,
			"expected a key of 32 bytes in base64, found %s", ynode_show(found, node));
	return 0;
}

static int
read_preshared_key(struct load *l, struct peer_spec *p, const struct ynode *node)
{
	/* What was found may be most of a secret: it is not shown. */
	if (!is_text(node) || !key_parse(p->preshared_key, node->text))
		return peer_error(l, node->line, node->key, "expected a key of 32 bytes in base64");
	/* All zero is how the protocol says "none". */
	p->has_preshared_key = !sodium_is_zero(p->preshared_key, sizeof(p->preshared_key));
	return 0;
}

static int
read_allowed_ips(struct load *l, struct peer_spec *p, const struct ynode *node)
{
	char found[YNODE_SHOW_SIZE], key[KEY_PATH_SIZE];

	p->allowed_ips_line = node->line;
	if (ynode_is_null(node))
		return 0;
	if (node->kind != YNODE_LIST || node->n > PEER_ALLOWED_IPS_MAX)
		return peer_error(l, node->line, node->key,
			"expected a list of at most %d prefixes, found %s", PEER_ALLOWED_IPS_MAX,
			node->kind == YNODE_LIST ? "more" : ynode_show(found, node));
	if (node->n == 0)
		return 0;
	p->allowed_ips = calloc(node->n, sizeof(*p->allowed_ips));
	if (p->allowed_ips == NULL)
		return no_memory(l);
	for (const struct ynode *m = node->first; m != NULL; m = m->next) {
		struct ip_prefix prefix;

		if (!is_text(m) || !ip_prefix_parse(&prefix, m->text)) {
			snprintf(key, sizeof(key), "%s[%u]", node->key, p->n);
			return peer_error(l, m->line, key,
				"expected an address or ADDRESS/LENGTH, found %s",
				ynode_show(found, m));
		}
		p->allowed_ips[p->n++] = ip_prefix_network(&prefix);
	}
	return 0;
}

static int
read_endpoint(struct load *l, struct peer_spec *p, const struct ynode *node)
{
	char found[YNODE_SHOW_SIZE];

	if (!is_text(node) || !peer_endpoint_parse(&p->endpoint, node->text))
		return peer_error(l, node->line, node->key,
			"expected a unicast ADDRESS:PORT or [ADDRESS]:PORT in numbers (names are "
			"not looked up), found %s",
			ynode_show(found, node));
	return 0;
}

static int
read_keepalive(struct load *l, struct peer_spec *p, const struct ynode *node)
{
	char found[YNODE_SHOW_SIZE];
	unsigned long v = 65536;

	if (is_text(node) && !node->quoted && node->n <= 5 &&
		strspn(node->text, "0123456789") == node->n)
		v = strtoul(node->text, NULL, 10);
	if (v > 65535)
		return peer_error(l, node->line, node->key,
			"expected seconds as a whole number from 0 (off) to 65535, found %s",
			ynode_show(found, node));
	p->persistent_keepalive = v;
	return 0;
}

static const struct peer_key {
	const char *name;
	bool required;
	int (*read)(struct load *l, struct peer_spec *p, const struct ynode *node);
} peer_keys[] = {
	{"name", true, read_name},
	{"public_key", true, read_public_key},
	{"preshared_key", false, read_preshared_key},
	{"allowed_ips", false, read_allowed_ips},
	{"endpoint", false, read_endpoint},
	{"persistent_keepalive", false, read_keepalive},
};
#define N_PEER_KEYS (sizeof(peer_keys) / sizeof(peer_keys[0]))

static int
read_peer(struct load *l, struct peer_spec *p, const struct ynode *node)
{
	char found[YNODE_SHOW_SIZE];

	p->line = node->line;
	p->allowed_ips_line = node->line;
	if (node->kind != YNODE_MAP)
		return peer_error(l, node->line, NULL,
			"expected a peer (name, public_key, ...), found %s",
			ynode_show(found, node));
	for (const struct ynode *m = node->first; m != NULL; m = m->next) {
		size_t i = 0;

		while (i < N_PEER_KEYS && strcmp(peer_keys[i].name, m->key) != 0)
			i++;
		if (i == N_PEER_KEYS)
			return peer_error(l, m->line, m->key,
				"unknown key, expected name, public_key, preshared_key, "
				"allowed_ips, endpoint or persistent_keepalive");
		if (peer_keys[i].read(l, p, m) < 0)
			return -1;
	}
	for (size_t i = 0; i < N_PEER_KEYS; i++) {
		if (peer_keys[i].required && ynode_find(node, peer_keys[i].name) == NULL)
			return peer_error(l, node->line, peer_keys[i].name,
				"expected a value, found nothing");
	}
	return 0;
}

/* ---- duplicates --------------------------------------------------------- */

static unsigned
key_line(const struct ynode *peer, const char *key)
{
	const struct ynode *node = ynode_find(peer, key);

	return node != NULL ? node->line : peer->line;
}

/* Remember that the peer being read has this. As seen_insert. */
static int
note(struct load *l, struct seen_set *set, const void *data, size_t len, unsigned line,
	uint64_t *first)
{
	int ret = seen_insert(set, data, len, (uint64_t)l->index << 32 | line, first);

	return ret < 0 ? no_memory(l) : ret;
}

static int
duplicate(struct load *l, unsigned line, const char *key, const char *what, uint64_t first)
{
	size_t other = first >> 32;

	if (other == l->index)
		return peer_error(l, line, key, "expected once, found %s again", what);
	return peer_error(l, line, key,
		"expected no duplicate, %s is that of peer %s (line %u) too", what,
		l->db->peers[other].name, (unsigned)first);
}

/* Texts are made for errors only: this runs for every peer of many. */
static int
check_peer_unique(struct load *l, const struct peer_spec *p, const struct ynode *node)
{
	char key[KEY_PATH_SIZE], text[IP_PREFIX_STRLEN], key_text[KEY_STRLEN];
	const struct ynode *list = ynode_find(node, "allowed_ips");
	const struct ynode *m = list != NULL ? list->first : NULL;
	unsigned line = key_line(node, "name");
	uint64_t first;
	int ret = note(l, &l->names, p->name, strlen(p->name), line, &first);

	if (ret != 0)
		return ret < 0 ? -1 : duplicate(l, line, "name", p->name, first);
	line = key_line(node, "public_key");
	ret = note(l, &l->keys, p->public_key, KEY_LEN, line, &first);
	if (ret != 0)
		return ret < 0 ? -1
			       : duplicate(l, line, "public_key",
					 key_format(key_text, p->public_key), first);
	for (unsigned i = 0; i < p->n; i++, m = m->next) {
		const struct ip_prefix *prefix = &p->allowed_ips[i];

		ret = note(l, &l->prefixes, prefix, sizeof(*prefix), m->line, &first);
		if (ret == 0)
			continue;
		snprintf(key, sizeof(key), "allowed_ips[%u]", i);
		return ret < 0 ? -1
			       : duplicate(l, m->line, key, ip_prefix_format(text, prefix), first);
	}
	return 0;
}

/* ---- loading ------------------------------------------------------------ */

/* Not realloc: that would leave preshared keys behind. */
static int
grow_peers(struct load *l)
{
	size_t capacity = l->capacity == 0 ? 64 : l->capacity * 2;
	size_t size = l->db->n * sizeof(*l->db->peers);
	struct peer_spec *peers = calloc(capacity, sizeof(*peers));

	if (peers == NULL)
		return no_memory(l);
	if (size > 0) {
		memcpy(peers, l->db->peers, size);
		crypto_wipe(l->db->peers, size);
	}
	free(l->db->peers);
	l->db->peers = peers;
	l->capacity = capacity;
	return 0;
}

static int
load_peer(void *arg, const struct ynode *node, size_t index, char *err, size_t err_size)
{
	struct load *l = arg;
	struct peer_spec *p;

	l->index = index;
	l->err = err;
	l->err_size = err_size;
	if (index >= PEERS_MAX)
		return peer_error(l, node->line, NULL, "expected at most %d peers", PEERS_MAX);
	if (l->db->n == l->capacity && grow_peers(l) < 0)
		return -1;
	p = &l->db->peers[l->db->n++];
	if (read_peer(l, p, node) < 0)
		return -1;
	return check_peer_unique(l, p, node);
}

/* The file does not exist; could it be created? */
static int
check_directory(const char *path, char *err, size_t err_size)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
	char *dir = slash == NULL ? strdup(".") : strndup(path, len);
	struct stat st;
	int ret = 0;

	if (dir == NULL || stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		ret = yerror(err, err_size, path, 0, "file",
			"expected a file, or at least its directory, to exist");
	free(dir);
	return ret;
}

int
peer_db_load(const char *path, struct peer_db *out, char *err, size_t err_size)
{
	struct load l = {.db = out, .err = err, .err_size = err_size};
	struct ytree *tree;
	int ret;

	*out = (struct peer_db){.path = strdup(path)};
	if (out->path == NULL)
		return yerror(err, err_size, path, 0, "file", "cannot be read: out of memory");
	if (ytree_open(&tree, path, FILE_SIZE_MAX, err, err_size) < 0) {
		ret = errno == ENOENT ? check_directory(path, err, err_size) : -1;
		if (ret < 0)
			peer_db_free(out);
		return ret;
	}
	out->id = ytree_file_id(tree);
	seen_init(&l.names);
	seen_init(&l.keys);
	seen_init(&l.prefixes);
	ret = ytree_read_list(tree, "peers", load_peer, &l, err, err_size);
	seen_fini(&l.names);
	seen_fini(&l.keys);
	seen_fini(&l.prefixes);
	ytree_close(tree);
	if (ret < 0)
		peer_db_free(out);
	return ret;
}

void
peer_db_free(struct peer_db *db)
{
	for (size_t i = 0; i < db->n; i++) {
		crypto_wipe(db->peers[i].preshared_key, sizeof(db->peers[i].preshared_key));
		free(db->peers[i].allowed_ips);
	}
	if (db->delta != NULL)
		peer_delta_fini(db->delta);
	free(db->delta);
	free(db->peers);
	free(db->path);
	*db = (struct peer_db){0};
}

/* The prefixes of dbs[i], beside those of the earlier ones. */
static int
check_one_across(struct seen_set *seen, const struct peer_db *dbs, const char *const *interfaces,
	unsigned i, char *err, size_t err_size)
{
	char key[KEY_PATH_SIZE], text[IP_PREFIX_STRLEN];

	for (size_t j = 0; j < dbs[i].n; j++) {
		const struct peer_spec *p = &dbs[i].peers[j];

		for (unsigned k = 0; k < p->n; k++) {
			uint64_t first, number = (uint64_t)i << 32 | j;
			const struct ip_prefix *prefix = &p->allowed_ips[k];
			int ret = seen_insert(seen, prefix, sizeof(*prefix), number, &first);

			if (ret < 0)
				return yerror(err, err_size, dbs[i].path, 0, "file",
					"cannot be checked: out of memory");
			if (ret == 0 || first == number)
				continue;
			snprintf(key, sizeof(key), "peers[%zu].allowed_ips[%u]", j, k);
			return yerror(err, err_size, dbs[i].path, p->allowed_ips_line, key,
				"expected no duplicate, %s of peer %s on interface %s is that of "
				"peer %s on interface %s too",
				ip_prefix_format(text, prefix), p->name, interfaces[i],
				dbs[first >> 32].peers[(uint32_t)first].name,
				interfaces[first >> 32]);
		}
	}
	return 0;
}

int
peer_db_check_across(const struct peer_db *dbs, const char *const *interfaces, unsigned n,
	char *err, size_t err_size)
{
	struct seen_set seen;
	int ret = 0;

	seen_init(&seen);
	for (unsigned i = 0; i < n && ret == 0; i++)
		ret = check_one_across(&seen, dbs, interfaces, i, err, err_size);
	seen_fini(&seen);
	return ret;
}
