/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the peers of all interfaces are configured to be. Pure memory: no I/O,
 * no locks; belongs to the management thread.
 *
 * Changes are made inside a transaction on one interface, which ends by commit
 * or by rollback. Prefixes are unique over all interfaces: within one, a prefix
 * given to a peer leaves the peer that had it; over two, it is refused.
 *
 * Running out of memory for these small objects ends the program: there is no
 * useful state to go on with, and Linux kills rather than refuses anyway.
 */
#ifndef CONTROL_REGISTRY_H
#define CONTROL_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/peer_db.h"
#include "control/refusal.h"

struct registry;

/* names[i] is that of interface i, for messages; copied. */
struct registry *registry_create(const char *const *names, unsigned n_ifaces, uint32_t max_peers);
/* Wipes preshared keys. NULL is fine. */
void registry_destroy(struct registry *r);

/* ---- reading; what is returned lives until the next change ---------------- */

size_t registry_count(const struct registry *r, unsigned iface);
/* Rises with each transaction on the interface that changed something. */
uint64_t registry_version(const struct registry *r, unsigned iface);
const struct peer_spec *registry_by_key(
	const struct registry *r, unsigned iface, const uint8_t key[32]);
const struct peer_spec *registry_by_name(
	const struct registry *r, unsigned iface, const char *name);
/*
 * Peers in the order in which they were added. Returns the first one behind
 * *cursor and moves *cursor to it; NULL when there is none. 0 is before all.
 * A cursor stays good while peers come and go.
 */
const struct peer_spec *registry_next(const struct registry *r, unsigned iface, uint64_t *cursor);

/* Whose prefix is exactly this, and on which interface; NULL when it is nobody's. */
const struct peer_spec *registry_owner(
	const struct registry *r, const struct ip_prefix *prefix, unsigned *iface);

/* ---- changing ------------------------------------------------------------- */

/* No other transaction is open. */
void registry_begin(struct registry *r, unsigned iface);

/*
 * Make the peer of spec->public_key be this, adding it if need be. Prefixes
 * are network prefixes and may repeat. All of spec is copied. Returns 0, or -1
 * with the reason, and then nothing has changed.
 */
int registry_put(struct registry *r, const struct peer_spec *spec, struct refusal *why);
/* Note that the transaction sets this peer's endpoint, not just leaves it. */
void registry_mark_endpoint(struct registry *r, const uint8_t key[32]);
/* Within the open transaction: the peer is one that a hook let in. registry_put takes that back. */
void registry_mark_transient(struct registry *r, const uint8_t key[32]);
/* False when there is no such peer. */
bool registry_remove(struct registry *r, const uint8_t key[32]);
void registry_remove_all(struct registry *r);

/* What the open transaction does to one peer; valid until it is changed or ended. */
struct registry_change {
	const struct peer_spec *before, *after; /* NULL: not there */
	uint64_t cursor; /* of before, as registry_next gives it */
	bool set_endpoint;
};
/*
 * The net effect of the open transaction, removals first: then whoever applies
 * it in this order never holds more peers than before or after. Returns how
 * many; *changes is to be freed by the caller.
 */
size_t registry_changes(const struct registry *r, struct registry_change **changes);

void registry_commit(struct registry *r);
void registry_rollback(struct registry *r);

/*
 * A name for a peer that came without one, taken by no other of the interface:
 * the one that it had when the open transaction began, or a new one.
 */
void registry_free_name(
	const struct registry *r, unsigned iface, const uint8_t key[32], char name[PEER_NAME_SIZE]);

/* ---- specs as values -------------------------------------------------------- */

/* A copy that owns its allowed_ips. */
struct peer_spec peer_spec_copy(const struct peer_spec *spec);
/* Add a prefix, host bits cleared. cap is the room in allowed_ips, kept by the caller. */
void peer_spec_add_prefix(struct peer_spec *spec, unsigned *cap, const struct ip_prefix *p);
/* Wipes the preshared key and frees allowed_ips. */
void peer_spec_fini(struct peer_spec *spec);

#endif
