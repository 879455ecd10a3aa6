/* SPDX-License-Identifier: BSD-3-Clause */
/* How a change becomes real: control first, then the disk, then the answer. */
#include "control/management_state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/audit.h"
#include "control/peer_store.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

/* ---- the private key's file --------------------------------------------------- */

/*
 * Write and sync a new file beside path: what can fail (space, rights) fails
 * here, before anything is in force. tmp gets its name.
 */
static int
key_file_prepare(const char *path, const uint8_t key[KEY_LEN], char *tmp, size_t tmp_size)
{
	char text[KEY_STRLEN + 1];
	int fd, saved;

	if ((size_t)snprintf(tmp, tmp_size, "%s.XXXXXX", path) >= tmp_size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(tmp, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return -1;
	key_format(text, key);
	text[KEY_STRLEN - 1] = '\n';
	if (write(fd, text, KEY_STRLEN) == KEY_STRLEN && fsync(fd) == 0) {
		crypto_wipe(text, sizeof(text));
		close(fd);
		return 0;
	}
	saved = errno;
	crypto_wipe(text, sizeof(text));
	close(fd);
	unlink(tmp);
	errno = saved;
	return -1;
}

static int
key_file_replace(const char *path, const char *tmp)
{
	char dir[PATH_MAX];
	int fd, rc;

	if (rename(tmp, path) != 0)
		return -1;
	snprintf(dir, sizeof(dir), "%s", path);
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/* ---- control ------------------------------------------------------------------ */

static struct peer_change
change_to(uint8_t iface, const struct peer_spec *spec)
{
	struct peer_change c = {
		.op = CHANGE_PUT,
		.iface = iface,
		.name = spec->name,
		.has_preshared_key = spec->has_preshared_key,
		.allowed_ips = spec->allowed_ips,
		.n_allowed_ips = spec->n,
		.endpoint = spec->endpoint,
		.persistent_keepalive = spec->persistent_keepalive,
	};

	memcpy(c.public_key, spec->public_key, sizeof(c.public_key));
	memcpy(c.preshared_key, spec->preshared_key, sizeof(c.preshared_key));
	return c;
}

static struct peer_change
deletion(uint8_t iface, const struct peer_spec *spec)
{
	struct peer_change c = {.op = CHANGE_DELETE, .iface = iface, .name = spec->name};

	memcpy(c.public_key, spec->public_key, sizeof(c.public_key));
	return c;
}

static void
changes_free(struct peer_change *c, size_t n)
{
	crypto_wipe(c, n * sizeof(*c));
	free(c);
}

/*
 * Make control be as before the transaction, of which the first `applied`
 * changes took hold. Those that did not may still have lost prefixes to those
 * that did, so every peer that was there is put again.
 */
static void
undo(struct management *m, uint8_t iface, const struct registry_change *list, size_t n,
	size_t applied, const struct peer_info *before)
{
	struct peer_change *changes = calloc(n + 1, sizeof(*changes));
	char field[32], err[160];
	size_t k = 0;

	if (changes == NULL)
		abort();
	for (size_t i = 0; i < applied; i++)
		if (list[i].before == NULL)
			changes[k++] = deletion(iface, list[i].after);
	for (size_t i = 0; i < n; i++) {
		if (list[i].before == NULL)
			continue;
		changes[k] = change_to(iface, list[i].before);
		/* Where it was last heard of, which the change may have overwritten. */
		changes[k].set_endpoint = list[i].after == NULL || list[i].set_endpoint;
		if (before[i].endpoint.addr.family != IP_NONE)
			changes[k].endpoint = before[i].endpoint;
		k++;
	}
	if (control_apply(m->control, changes, k, field, sizeof(field), err, sizeof(err)) != k)
		log_error("%s: a refused change could not be taken back: %s",
			m->ifaces[iface].config->name, err);
	changes_free(changes, k);
}

static int
apply(struct management *m, uint8_t iface, const struct registry_change *list, size_t n,
	const struct peer_info *before, struct refusal *why)
{
	struct peer_change *changes = calloc(n + 1, sizeof(*changes));
	char field[32] = "", err[160] = "";
	uint32_t done;

	if (changes == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		changes[i] = list[i].after != NULL ? change_to(iface, list[i].after)
						   : deletion(iface, list[i].before);
		changes[i].set_endpoint =
			list[i].after != NULL && (list[i].set_endpoint || list[i].before == NULL);
	}
	done = control_apply(m->control, changes, n, field, sizeof(field), err, sizeof(err));
	if (done < n) {
		refuse(why, 409, "refused", field, "peer %s: %s",
			changes[done].name != NULL ? changes[done].name : "?", err);
		undo(m, iface, list, n, done, before);
	}
	changes_free(changes, n);
	return done < n ? -1 : 0;
}

/* ---- disk --------------------------------------------------------------------- */

/* What of the changes the disk is to know: those whom a hook lets in are as if not there. */
static struct registry_change *
lasting(const struct registry_change *list, size_t n, size_t *n_lasting)
{
	struct registry_change *out = calloc(n + 1, sizeof(*out));

	if (out == NULL)
		abort();
	*n_lasting = 0;
	for (size_t i = 0; i < n; i++) {
		struct registry_change c = list[i];

		if (c.before != NULL && c.before->transient)
			c.before = NULL;
		if (c.after != NULL && c.after->transient)
			c.after = NULL;
		if (c.before != NULL || c.after != NULL)
			out[(*n_lasting)++] = c;
	}
	return out;
}

static void
install_key(struct management *m, unsigned iface, const uint8_t private_key[KEY_LEN])
{
	struct managed_iface *f = &m->ifaces[iface];

	control_set_private_key(m->control, iface, private_key);
	memcpy(f->private_key, private_key, KEY_LEN);
	x25519_base(f->public_key, private_key);
}

void
management_take_key(struct management *m, unsigned iface, const uint8_t private_key[KEY_LEN],
	const struct origin *origin)
{
	install_key(m, iface, private_key);
	audit_private_key(m, iface, origin);
}

static int
disk_error(struct refusal *why, const char *field, const char *path)
{
	int status = errno == ENOSPC || errno == EDQUOT ? 507 : 500;

	return refuse(why, status, "not_saved", field, "%s: %s", path, strerror(errno));
}

/* errno and err are the store's. */
static int
store_error(struct refusal *why, const char *err)
{
	int status = errno == ENOSPC || errno == EDQUOT ? 507 : 500;

	return refuse(why, status, "not_saved", NULL, "%s", err);
}

/* Make the disk forget a transaction that it has taken: the opposite follows it. */
static void
unsave_peers(struct peer_store *store, const struct registry_change *list, size_t n)
{
	struct registry_change *opposite = calloc(n + 1, sizeof(*opposite));
	char err[CONFIG_ERROR_SIZE];

	if (opposite == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		opposite[i] =
			(struct registry_change){.before = list[i].after, .after = list[i].before};
	if (n > 0 && (peer_store_append(store, opposite, n, err, sizeof(err)) != 0 ||
			     peer_store_sync(store, err, sizeof(err)) != 0))
		log_error("%s", err);
	free(opposite);
}

static int
save_peers(struct management *m, struct peer_store *store, const struct registry_change *list,
	size_t n, struct refusal *why)
{
	char err[CONFIG_ERROR_SIZE];

	if (peer_store_append(store, list, n, err, sizeof(err)) != 0)
		return store_error(why, err);
	if (m->defer_sync || peer_store_sync(store, err, sizeof(err)) == 0)
		return 0;
	store_error(why, err);
	peer_store_take_back(store);
	return -1;
}

/* The disk's half of a transaction that changes n peers and, unless NULL, the private key. */
static int
persist(struct management *m, unsigned iface, const struct registry_change *list, size_t n,
	const uint8_t *private_key, struct refusal *why)
{
	const struct managed_iface *f = &m->ifaces[iface];
	char path[PATH_MAX], tmp[PATH_MAX];

	/* A symbolic link stays one: what it points to is replaced. */
	if (realpath(f->config->private_key_file, path) == NULL)
		snprintf(path, sizeof(path), "%s", f->config->private_key_file);
	if (private_key != NULL && key_file_prepare(path, private_key, tmp, sizeof(tmp)) != 0)
		return disk_error(why, "private_key", path);
	if (n > 0 && save_peers(m, f->store, list, n, why) != 0) {
		if (private_key != NULL)
			unlink(tmp);
		return -1;
	}
	if (private_key == NULL || key_file_replace(path, tmp) == 0)
		return 0;
	disk_error(why, "private_key", path);
	unlink(tmp);
	/* Renamed but not known to be durable: the answer is no, so the old one goes back. */
	if (key_file_prepare(path, f->private_key, tmp, sizeof(tmp)) == 0 &&
		key_file_replace(path, tmp) != 0)
		unlink(tmp);
	unsave_peers(f->store, list, n);
	return -1;
}

int
management_check_ready(const struct management *m, struct refusal *why)
{
	if (m->ready)
		return 0;
	return refuse(why, 503, "starting", NULL, "peers are still being loaded; try again");
}

int
management_commit(struct management *m, unsigned iface, const uint8_t *private_key,
	const struct origin *origin, struct refusal *why)
{
	struct registry_change *list, *disk;
	size_t n = registry_changes(m->registry, &list), n_disk;
	struct peer_info *before = calloc(n + 1, sizeof(*before));
	int rc = -1, saved;

	if (before == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		before[i].iface = iface;
		memcpy(before[i].public_key,
			(list[i].before != NULL ? list[i].before : list[i].after)->public_key,
			KEY_LEN);
	}
	if (management_check_ready(m, why) != 0)
		goto rollback;
	if (n > 0) {
		control_peer_info(m->control, before, n);
		if (apply(m, iface, list, n, before, why) != 0)
			goto rollback;
	}
	disk = lasting(list, n, &n_disk);
	saved = persist(m, iface, disk, n_disk, private_key, why);
	free(disk);
	if (saved != 0) {
		undo(m, iface, list, n, n, before);
		registry_rollback(m->registry);
		log_error("%s: %s", m->ifaces[iface].config->name, why->message);
		goto out;
	}
	if (private_key != NULL)
		management_take_key(m, iface, private_key, origin);
	audit_changes(m, iface, list, n, origin);
	management_seen_changed(m, iface, list, n);
	registry_commit(m->registry);
	rc = 0;
	goto out;
rollback:
	registry_rollback(m->registry);
out:
	free(list);
	free(before);
	return rc;
}

/* ---- several transactions, one sync ----------------------------------------------- */

/* Registry and control as they were when the disk last confirmed. */
static void
undo_unsynced(struct management *m, unsigned iface)
{
	static const struct origin origin = {.via = "the failing disk"};
	struct peer_store_before *list;
	struct registry_change *changes;
	size_t n = peer_store_unsynced(m->ifaces[iface].store, &list), n_changes;
	struct refusal why;
	struct peer_info *nothing;

	registry_begin(m->registry, iface);
	/* Names and prefixes that peers have swapped must all be free first. */
	for (size_t i = 0; i < n; i++)
		registry_remove(m->registry, list[i].public_key);
	for (size_t i = 0; i < n; i++) {
		if (list[i].before == NULL)
			continue;
		if (registry_put(m->registry, list[i].before, &why) != 0)
			log_error("%s: %s", m->ifaces[iface].config->name, why.message);
		registry_mark_endpoint(m->registry, list[i].public_key);
	}
	n_changes = registry_changes(m->registry, &changes);
	nothing = calloc(n_changes + 1, sizeof(*nothing));
	if (nothing == NULL)
		abort();
	if (apply(m, iface, changes, n_changes, nothing, &why) != 0)
		log_error("%s: a change that is not on the disk could not be taken back: %s",
			m->ifaces[iface].config->name, why.message);
	audit_changes(m, iface, changes, n_changes, &origin);
	registry_commit(m->registry);
	free(nothing);
	free(changes);
	free(list);
	peer_store_take_back(m->ifaces[iface].store);
}

int
management_sync(struct management *m, struct refusal *why)
{
	char err[CONFIG_ERROR_SIZE];
	int rc = 0;

	for (unsigned i = 0; i < m->n_ifaces; i++) {
		if (peer_store_sync(m->ifaces[i].store, err, sizeof(err)) == 0)
			continue;
		rc = store_error(why, err);
		log_error("%s: %s", m->ifaces[i].config->name, err);
		undo_unsynced(m, i);
	}
	return rc;
}

bool
management_is_synced(const struct management *m)
{
	for (unsigned i = 0; i < m->n_ifaces; i++)
		if (!peer_store_is_synced(m->ifaces[i].store))
			return false;
	return true;
}
