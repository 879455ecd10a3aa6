/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes and what they were before; checkpoints are in peer_store_checkpoint.c. */
#include "control/peer_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/peer_store_state.h"
#include "control/yaml_tree.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

/* ---- what peers were before ----------------------------------------------------- */

struct before *
before_find(const struct before *map, const uint8_t key[32])
{
	struct before *b;

	HASH_FIND(hh, map, key, 32, b);
	return b;
}

/* Returns it when it is new. */
struct before *
before_add(struct before **map, const uint8_t key[32], const struct peer_spec *spec)
{
	struct before *b;

	if (before_find(*map, key) != NULL)
		return NULL;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		abort();
	memcpy(b->public_key, key, sizeof(b->public_key));
	if (spec != NULL) {
		b->existed = true;
		b->spec = peer_spec_copy(spec);
	}
	HASH_ADD(hh, *map, public_key, sizeof(b->public_key), b);
	return b;
}

void
before_clear(struct before **map)
{
	struct before *b, *next;

	HASH_ITER(hh, *map, b, next) {
		HASH_DEL(*map, b);
		peer_spec_fini(&b->spec);
		free(b);
	}
	*map = NULL;
}

/* ---- start ---------------------------------------------------------------------- */

static int
fold_record(void *arg, const uint8_t *payload, size_t len, char *err, size_t err_size)
{
	return peer_delta_add(arg, payload, len, err, err_size);
}

static int
read_journals(const char *path, struct peer_delta *delta, uint64_t *last, char *err, size_t size)
{
	struct journal_names names;
	struct journal_read got;
	char text[256] = "";
	int ret = journal_names_find(path, &names);

	if (ret != 0)
		return yerror(
			err, size, path, 0, "journal", "cannot be listed: %s", strerror(errno));
	for (size_t i = 0; i < names.n && ret == 0; i++) {
		char *name = journal_name(path, names.numbers[i]);

		ret = journal_read(name, fold_record, delta, &got, text, sizeof(text));
		if (ret != 0)
			yerror(err, size, path, 0, "journal", "%s", text[0] != '\0' ? text : name);
		else if (got.torn > 0)
			log_warn("%s: the last %ju bytes were never acknowledged and are left out",
				name, (uintmax_t)got.torn);
		*last = names.numbers[i];
		free(name);
	}
	free(names.numbers);
	return ret;
}

int
peer_store_load(const char *path, struct peer_db *out, char *err, size_t err_size)
{
	struct peer_delta *delta = calloc(1, sizeof(*delta));
	size_t taken = 0;
	int ret;

	if (delta == NULL)
		abort();
	ret = peer_db_load(path, out, err, err_size);
	if (ret == 0) {
		out->delta = delta;
		ret = read_journals(path, delta, &out->last_journal, err, err_size);
		if (ret == 0 && delta->entries != NULL)
			ret = peer_delta_apply(delta, out, &taken, err, err_size);
		if (ret != 0)
			peer_db_free(out);
	} else {
		free(delta);
	}
	if (taken > 0)
		log_warn(
			"%s: %zu allowed_ips were given to other peers at run time and leave those "
			"that have them in the file",
			path, taken);
	return ret;
}

struct peer_store *
peer_store_create(const char *path, const struct peer_db *db, struct registry *registry,
	unsigned iface, void (*wake)(void *arg), void *arg)
{
	struct peer_store *s = calloc(1, sizeof(*s));
	struct peer_delta_entry *e, *next;

	if (s == NULL || (s->path = strdup(path)) == NULL)
		abort();
	s->journal.fd = -1;
	s->registry = registry;
	s->iface = iface;
	s->wake = wake;
	s->arg = arg;
	s->id = db->id;
	s->last_journal = db->last_journal;
	s->stale = db->last_journal != 0;
	if (db->delta == NULL)
		return s;
	HASH_ITER(hh, db->delta->entries, e, next) {
		before_add(&s->base, e->public_key, e->existed ? &e->before : NULL);
	}
	return s;
}

void
peer_store_free(struct peer_store *s)
{
	journal_close(&s->journal);
	before_clear(&s->base);
	before_clear(&s->snap);
	before_clear(&s->group);
	free(s->path);
	free(s);
}

/* ---- changes -------------------------------------------------------------------- */

static int
cannot_write(const struct peer_store *s, const char *name, char *err, size_t err_size)
{
	int error = errno;

	snprintf(err, err_size, "%s: cannot be written: %s", name != NULL ? name : s->path,
		strerror(error));
	errno = error;
	return -1;
}

int
journal_begin(struct peer_store *s, struct journal *out)
{
	char *name = journal_name(s->path, s->last_journal + 1);
	int ret = journal_create(out, name);

	if (ret == 0)
		s->last_journal++;
	free(name);
	return ret;
}

/* Its first change since the snapshot began; it may be in it already. */
static void
snap_add(struct peer_store *s, const uint8_t key[32], const struct registry_change *c)
{
	struct before *b = before_add(&s->snap, key, c->before);

	if (b != NULL)
		b->written = s->phase == CHECKPOINT_WRITING || c->cursor <= s->cursor;
}

int
peer_store_append(struct peer_store *s, const struct registry_change *changes, size_t n, char *err,
	size_t err_size)
{
	uint8_t *record;
	size_t len;
	int ret;

	s->in_use = true;
	if (s->journal.fd < 0 && journal_begin(s, &s->journal) != 0) {
		char *name = journal_name(s->path, s->last_journal + 1);

		ret = cannot_write(s, name, err, err_size);
		free(name);
		return ret;
	}
	record = peer_delta_encode(changes, n, &len);
	if (record == NULL)
		abort();
	ret = journal_append(&s->journal, record, len);
	if (ret != 0)
		cannot_write(s, s->journal.path, err, err_size);
	crypto_wipe(record, len);
	free(record);
	if (ret != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct peer_spec *before = changes[i].before;
		const uint8_t *key = (before != NULL ? before : changes[i].after)->public_key;

		before_add(&s->group, key, before);
		before_add(&s->base, key, before);
		if (s->phase != CHECKPOINT_NONE)
			snap_add(s, key, &changes[i]);
	}
	return 0;
}

bool
peer_store_is_synced(const struct peer_store *s)
{
	return s->group == NULL;
}

int
peer_store_sync(struct peer_store *s, char *err, size_t err_size)
{
	if (s->group == NULL)
		return 0;
	if (journal_sync(&s->journal) != 0)
		return cannot_write(s, s->journal.path, err, err_size);
	before_clear(&s->group);
	if (s->adopting)
		peer_store_adopted(s);
	return 0;
}

size_t
peer_store_unsynced(const struct peer_store *s, struct peer_store_before **list)
{
	size_t n = 0;
	struct before *b, *next;

	*list = calloc(HASH_COUNT(s->group) + 1, sizeof(**list));
	if (*list == NULL)
		abort();
	HASH_ITER(hh, s->group, b, next) {
		memcpy((*list)[n].public_key, b->public_key, sizeof(b->public_key));
		(*list)[n++].before = b->existed ? &b->spec : NULL;
	}
	return n;
}

void
peer_store_take_back(struct peer_store *s)
{
	if (journal_take_back(&s->journal) != 0)
		log_error("%s: %s; nothing can be changed until the file beside it has been "
			  "written anew",
			s->journal.path, strerror(errno));
	before_clear(&s->group);
	/* The edit is not in force after all. */
	if (s->adopting)
		s->id = s->id_before;
	s->adopting = false;
}

/* ---- the file, edited by hand ------------------------------------------------------ */

bool
peer_store_edited(const struct peer_store *s)
{
	static const struct file_id none;
	struct file_id now;

	/* One that is not there holds nothing that could be overwritten. */
	return file_id_read(s->path, &now) == 0 && !file_id_equal(&now, &none) &&
	       !file_id_equal(&now, &s->id);
}

static bool
spec_equal(const struct peer_spec *a, const struct peer_spec *b)
{
	if (strcmp(a->name, b->name) != 0 || a->has_preshared_key != b->has_preshared_key ||
		!crypto_equal(a->preshared_key, b->preshared_key, sizeof(a->preshared_key)) ||
		!ip_endpoint_equal(&a->endpoint, &b->endpoint) ||
		a->persistent_keepalive != b->persistent_keepalive || a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (!ip_prefix_equal(&a->allowed_ips[i], &b->allowed_ips[i]))
			return false;
	return true;
}

/* NULL stands for a peer that is not there. */
static bool
same_peer(const struct peer_spec *a, const struct peer_spec *b)
{
	return a == NULL || b == NULL ? a == b : spec_equal(a, b);
}

/* The peers that changed since the file was written, as they are now. */
static void
running_delta(const struct peer_store *s, struct peer_delta *d)
{
	struct before *b, *next;

	HASH_ITER(hh, s->base, b, next) {
		const struct peer_spec *now = registry_by_key(s->registry, s->iface, b->public_key);
		struct peer_delta_entry *e = calloc(1, sizeof(*e));

		if (e == NULL)
			abort();
		memcpy(e->public_key, b->public_key, sizeof(e->public_key));
		e->gone = now == NULL;
		if (now != NULL)
			e->spec = peer_spec_copy(now);
		HASH_ADD(hh, d->entries, public_key, sizeof(e->public_key), e);
	}
}

int
peer_store_read_edit(struct peer_store *s, struct peer_db *out, size_t *kept, char *names,
	size_t names_size, char *err, size_t err_size)
{
	static const struct file_id none;
	struct peer_delta *d = calloc(1, sizeof(*d));
	struct peer_delta_entry *e, *next;
	size_t taken = 0, used = 0;
	int ret = peer_db_load(s->path, out, err, err_size);

	if (d == NULL)
		abort();
	*kept = 0;
	if (names_size > 0)
		names[0] = '\0';
	if (ret != 0) {
		free(d);
		return -1;
	}
	out->delta = d;
	if (file_id_equal(&out->id, &none) && !file_id_equal(&s->id, &none)) {
		peer_db_free(out);
		return yerror(err, err_size, s->path, 0, "file",
			"expected the peers of this interface, found no such file");
	}
	running_delta(s, d);
	ret = peer_delta_apply(d, out, &taken, err, err_size);
	out->says_all = taken == 0;
	HASH_ITER(hh, d->entries, e, next) {
		const struct before *b = before_find(s->base, e->public_key);
		const struct peer_spec *file = e->existed ? &e->before : NULL;
		const struct peer_spec *now = registry_by_key(s->registry, s->iface, e->public_key);

		if (same_peer(file, now))
			continue;
		out->says_all = false;
		if (same_peer(file, b->existed ? &b->spec : NULL))
			continue;
		(*kept)++;
		if (used < names_size)
			used += snprintf(names + used, names_size - used, "%s%s",
				used > 0 ? ", " : "", (now != NULL ? now : file)->name);
	}
	if (ret != 0)
		peer_db_free(out);
	return ret;
}
