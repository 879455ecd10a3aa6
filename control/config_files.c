/* SPDX-License-Identifier: BSD-3-Clause */
/* The files that wgdp.yaml names: private keys and peer databases. */
#include "control/config_schema.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/key.h"
#include "control/peer_store.h"
#include "control/peer_db.h"
#include "crypto_accel/crypto_accel.h"

/* The one absolute name of a file that need not exist, in a directory that must. NULL if not. */
static char *
canonical(const char *path)
{
	char *real = realpath(path, NULL), *dir, *out = NULL;
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;

	if (real != NULL)
		return real;
	dir = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : slash - path);
	real = dir != NULL ? realpath(dir, NULL) : NULL;
	if (real != NULL && asprintf(&out, "%s/%s", strcmp(real, "/") == 0 ? "" : real, base) < 0)
		out = NULL;
	free(real);
	free(dir);
	return out;
}

static bool
same_file(const char *a, const char *b)
{
	char *x = canonical(a), *y = canonical(b);
	bool same = x != NULL && y != NULL && strcmp(x, y) == 0;
	struct stat s, t;

	/* Hard links have two names. */
	if (!same && stat(a, &s) == 0 && stat(b, &t) == 0)
		same = s.st_dev == t.st_dev && s.st_ino == t.st_ino;
	free(x);
	free(y);
	return same;
}

static int
read_private_key(const struct ynode *root, struct config *c, unsigned i, char *err, size_t err_size)
{
	const struct config_place place = {"interfaces", i, "private_key_file", -1};
	struct config_interface *iface = &c->interfaces[i];
	char reason[256];
	bool exposed;

	if (key_read_file(iface->private_key_file, iface->private_key, &exposed, reason,
		    sizeof(reason)) < 0)
		return config_error(
			root, c, &place, err, err_size, "%s (%s)", reason, iface->private_key_file);
	if (sodium_is_zero(iface->private_key, sizeof(iface->private_key)))
		return config_error(root, c, &place, err, err_size,
			"expected a key, found all zeros (%s)", iface->private_key_file);
	if (exposed)
		config_warn(root, c, &place, "every user of this system can read %s",
			iface->private_key_file);
	return 0;
}

/* wgdp rewrites a peer database: it must be nothing else's file. */
static int
check_peer_db(const struct ynode *root, struct config *c, unsigned i, char *err, size_t err_size)
{
	const struct config_place place = {"interfaces", i, "peer_db", -1};
	const char *path = c->interfaces[i].peer_db;
	char *name = canonical(path);

	if (name == NULL)
		return config_error(root, c, &place, err, err_size,
			"expected a file in a directory that exists, found \"%.256s\"", path);
	free(name);
	if (same_file(path, c->path))
		return config_error(root, c, &place, err, err_size,
			"expected a file of its own, found this one");
	for (unsigned j = 0; j < c->n_interfaces; j++) {
		if (same_file(path, c->interfaces[j].private_key_file))
			return config_error(root, c, &place, err, err_size,
				"expected a file of its own, found the private key of interface %s",
				c->interfaces[j].name);
		if (j < i && same_file(path, c->interfaces[j].peer_db))
			return config_error(root, c, &place, err, err_size,
				"expected a file of its own, found that of interface %s",
				c->interfaces[j].name);
	}
	return 0;
}

int
rules_check_files(const struct ynode *root, struct config *c, char *err, size_t err_size)
{
	for (unsigned i = 0; i < c->n_interfaces; i++) {
		if (read_private_key(root, c, i, err, err_size) < 0)
			return -1;
	}
	for (unsigned i = 0; i < c->n_interfaces; i++) {
		if (check_peer_db(root, c, i, err, err_size) < 0)
			return -1;
	}
	return 0;
}

/* ---- peers -------------------------------------------------------------- */

static int
check_peers(const struct config *c, const struct peer_db *dbs, char *err, size_t err_size)
{
	const char **names = calloc(c->n_interfaces, sizeof(*names));
	size_t n = 0;
	int ret;

	if (names == NULL)
		return yerror(
			err, err_size, c->path, 0, "file", "cannot be checked: out of memory");
	for (unsigned i = 0; i < c->n_interfaces; i++)
		names[i] = c->interfaces[i].name;
	ret = peer_db_check_across(dbs, names, c->n_interfaces, err, err_size);
	free(names);
	for (unsigned i = 0; i < c->n_interfaces && ret == 0; i++) {
		size_t room = c->dataplane.max_peers - n;

		n += dbs[i].n;
		if (dbs[i].n > room)
			ret = yerror(err, err_size, dbs[i].path, dbs[i].peers[room].line, "peers",
				"expected at most %u peers on all interfaces (max_peers), found "
				"more",
				c->dataplane.max_peers);
	}
	return ret;
}

int
config_load_peers(const struct config *c, struct peer_db **dbs, char *err, size_t err_size)
{
	int ret = 0;

	*dbs = calloc(c->n_interfaces, sizeof(**dbs));
	if (*dbs == NULL)
		return yerror(
			err, err_size, c->path, 0, "file", "cannot be checked: out of memory");
	for (unsigned i = 0; i < c->n_interfaces && ret == 0; i++)
		ret = peer_store_load(c->interfaces[i].peer_db, &(*dbs)[i], err, err_size);
	if (ret == 0)
		ret = check_peers(c, *dbs, err, err_size);
	if (ret < 0) {
		config_free_peers(c, *dbs);
		*dbs = NULL;
	}
	return ret;
}

void
config_free_peers(const struct config *c, struct peer_db *dbs)
{
	if (dbs == NULL)
		return;
	for (unsigned i = 0; i < c->n_interfaces; i++)
		peer_db_free(&dbs[i]);
	free(dbs);
}
