/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the store only. */
#ifndef CONTROL_PEER_STORE_STATE_H
#define CONTROL_PEER_STORE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <uthash.h>

#include "control/journal.h"
#include "control/peer_db_text.h"
#include "control/peer_delta.h"
#include "control/peer_store.h"

/* What a peer was at some moment, kept once it has changed since. */
struct before {
	uint8_t public_key[32];
	bool existed;
	bool written; /* in the snapshot under way */
	struct peer_spec spec;
	UT_hash_handle hh;
};

enum checkpoint_phase {
	CHECKPOINT_NONE,
	CHECKPOINT_FORMATTING, /* by turns */
	CHECKPOINT_WRITING, /* by its thread */
};

struct peer_store {
	char *path;
	struct registry *registry;
	unsigned iface;
	void (*wake)(void *arg);
	void *arg;

	struct file_id id; /* of the file as last written or read */
	/* A file that says all was read; its changes are still to be synced. */
	bool adopting;
	struct file_id id_before;
	struct journal journal; /* the newest one */
	uint64_t last_journal; /* its number; of the next one less one when there is none */
	bool stale; /* there are older journals, or one of an earlier run */
	/* What has changed since: the file; the snapshot under way; the last sync. */
	struct before *base, *snap, *group;

	enum checkpoint_phase phase;
	uint64_t due_ns; /* of the next one; 0: not set */
	uint64_t began_ns, rest_until_ns;
	uint64_t cursor; /* in the registry, while formatting */
	uint64_t keep_from; /* the journal that began with the snapshot */
	struct peer_db_text text;
	bool in_use; /* by this gateway: what is on disk is its to change */
	bool told_edited, told_failing;

	/* The thread's while it runs. */
	pthread_t thread;
	struct file_id new_id;
	char error[512]; /* "" when it went well */
	bool was_edited;
	atomic_bool done; /* set by the thread, last */
};

/* peer_store.c */
struct before *before_find(const struct before *map, const uint8_t key[32]);
/* spec NULL: it was not there. Returns NULL when the map knows the peer already. */
struct before *before_add(struct before **map, const uint8_t key[32], const struct peer_spec *spec);
void before_clear(struct before **map);
int journal_begin(struct peer_store *s, struct journal *out);
void peer_store_free(struct peer_store *s);

/* peer_store_checkpoint.c */
void peer_store_adopted(struct peer_store *s);

/* peer_store_files.c: the journals beside a database. */
struct journal_names {
	uint64_t *numbers; /* rising; to be freed */
	size_t n;
};
char *journal_name(const char *path, uint64_t number); /* malloc'ed */
int journal_names_find(const char *path, struct journal_names *out);
/* Those below this number, the oldest first. -1 with errno of the first failure. */
int journals_remove(const char *path, uint64_t below);

#endif
