/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What transactions made of peers: as bytes of a journal's record, and as the
 * sum of many records, which is laid over a peer database that was read from
 * its file. A record says what each peer that it touched became, so laying the
 * sum over a file that has some of it already changes nothing. Pure memory.
 *
 * A record is a list of changes. Each begins with a byte, 1 for "is this" or 2
 * for "is gone", and the public key. "is this" goes on with: u8 length of the
 * name, name; u8 flags (1: a preshared key follows), preshared key; u16
 * keepalive; u8 family (0, 4, 6), address (16 bytes), u16 port; u32 number of
 * prefixes, each u8 family, u8 length, address (16 bytes). Little-endian.
 */
#ifndef CONTROL_PEER_DELTA_H
#define CONTROL_PEER_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "control/peer_db.h"
#include "control/registry.h"

/* Malloc'ed bytes of a record, to be wiped and freed. NULL when out of memory. */
uint8_t *peer_delta_encode(const struct registry_change *changes, size_t n, size_t *len);

struct peer_delta_entry {
	uint8_t public_key[32];
	bool gone;
	bool moved; /* it was gone in between: it comes behind all others */
	struct peer_spec spec; /* unless gone; owns its allowed_ips */
	/* Filled by peer_delta_apply: how it was in the database. */
	bool existed;
	struct peer_spec before;
	UT_hash_handle hh; /* in the order in which they were added */
};

struct peer_delta {
	struct peer_delta_entry *entries;
};

/* Add a record. Returns 0; or -1 with the reason in err when it is none. */
int peer_delta_add(
	struct peer_delta *d, const uint8_t *record, size_t len, char *err, size_t err_size);
/*
 * Make db what it became, taking the specs out of d and putting those that it
 * had there into before. Within an interface what
 * was changed at run time wins: a prefix that it shares with another peer
 * leaves that one. Two peers of one name are an error. *taken counts prefixes
 * that changed hands. Returns 0, or -1 with the error line.
 */
int peer_delta_apply(
	struct peer_delta *d, struct peer_db *db, size_t *taken, char *err, size_t err_size);
void peer_delta_fini(struct peer_delta *d);

#endif
