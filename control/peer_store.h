/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer database of an interface on disk while the gateway runs: the YAML
 * file, and beside it journals ("wg0.peers.yaml.journal-7") with what has changed
 * since. docs/peer-database.md tells what survives what.
 *
 * Changes are appended to the newest journal and synced; that acknowledges
 * them. A while later a checkpoint writes the YAML anew: a new journal begins,
 * the peers as they were at that moment are written out by a thread of its own,
 * and when the file is in place the older journals are removed. Laying a
 * journal over a file that has its changes already changes nothing, so a
 * crash at any point loses nothing.
 *
 * A file that was edited by hand is never overwritten: checkpoints then wait
 * until peer_store_adopt, and the journal goes on.
 *
 * Belongs to the management thread.
 */
#ifndef CONTROL_PEER_STORE_H
#define CONTROL_PEER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/durable.h"
#include "control/peer_db.h"
#include "control/registry.h"

struct peer_store;

/* ---- start -------------------------------------------------------------------- */

/*
 * peer_db_load, and what journals beside the file say laid over it. Changes
 * nothing on disk. A torn tail of a journal is left out with a log line.
 * Returns 0; or -1 with the error line in err.
 */
int peer_store_load(const char *path, struct peer_db *out, char *err, size_t err_size);

/*
 * db is as peer_store_load made it, its peers are in the registry as interface
 * iface. Touches nothing on disk before the first change. wake is called from
 * another thread when peer_store_turn has something to do; it may be NULL.
 */
struct peer_store *peer_store_create(const char *path, const struct peer_db *db,
	struct registry *registry, unsigned iface, void (*wake)(void *arg), void *arg);
/*
 * Wait for a checkpoint under way, and write the YAML if it lacks anything, so
 * that no journal remains. NULL is fine.
 */
void peer_store_destroy(struct peer_store *s);

/* ---- changes ------------------------------------------------------------------ */

/*
 * Note what the registry's open transaction has done, before it is committed.
 * From here on it survives a kill -9. Returns 0; or -1 with errno and the
 * reason in err, and then it will not be found on the disk.
 */
int peer_store_append(struct peer_store *s, const struct registry_change *changes, size_t n,
	char *err, size_t err_size);
/* All appended changes onto the disk. -1: they are to be undone; see peer_store_unsynced. */
int peer_store_sync(struct peer_store *s, char *err, size_t err_size);
bool peer_store_is_synced(const struct peer_store *s);

/*
 * After peer_store_sync has failed: what the peers that changed since the last
 * good one were before. Valid until peer_store_take_back, which also makes the
 * journal forget them.
 */
struct peer_store_before {
	uint8_t public_key[32];
	const struct peer_spec *before; /* NULL: it was not there */
};
size_t peer_store_unsynced(const struct peer_store *s, struct peer_store_before **list);
void peer_store_take_back(struct peer_store *s);

/* ---- checkpoints --------------------------------------------------------------- */

/*
 * A bounded share of the work that is due. Returns after how many ns to call
 * it again: 0 for at once, UINT64_MAX for when wake is called or something has
 * changed. now_ns is any monotonic clock.
 */
uint64_t peer_store_turn(struct peer_store *s, uint64_t now_ns);

enum peer_store_state {
	PEER_STORE_SAVED, /* the YAML says all */
	PEER_STORE_JOURNALED, /* it lacks what the journal has */
	PEER_STORE_EDITED, /* it was edited by hand: reload takes that over */
	PEER_STORE_FAILING, /* it cannot be written; the journal can */
};
enum peer_store_state peer_store_state(const struct peer_store *s);
uint64_t peer_store_journal_bytes(const struct peer_store *s);

/* ---- the file, edited by hand --------------------------------------------------- */

/* Is the file another one than the one that was last written or read? */
bool peer_store_edited(const struct peer_store *s);
/*
 * Read the file as the peers that are wanted: what it says, but for peers that
 * have changed at run time since it was written and that the edit left alone:
 * those stay as they are. *kept counts peers that both have changed: they stay as they
 * are too, and their names are in names, as far as there is room. Returns 0, or
 * -1 with the error line in err. out is to be freed by peer_db_free.
 */
int peer_store_read_edit(struct peer_store *s, struct peer_db *out, size_t *kept, char *names,
	size_t names_size, char *err, size_t err_size);
/*
 * The registry is what edit said, and committed: the file that it was read from
 * counts as known, and may be replaced. Where it says all, it is left as it is,
 * comments included.
 */
void peer_store_adopt(struct peer_store *s, const struct peer_db *edit);

#endif
