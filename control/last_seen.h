/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where peers were last heard of and when they last had a handshake, in a file
 * beside their database ("wg0.peers.yaml.seen"), so that a gateway that starts
 * finds them again. Written lazily and never synced: a kill -9 loses what came
 * in the last moment, a power cut what came in the last half minute or so; a
 * damaged entry is left out. Nothing in it is a secret but for who was where.
 *
 *   file   64 bytes: "wgdp-seen-1\n" and zeros up to 16, u64 when it was last
 *          known to be in use (ns since the epoch), zeros; then entries
 *   entry  96 bytes: public key; endpoint, and the one that was configured
 *          then, each u8 family, address (16 bytes), u16 port; u64 time of the
 *          last handshake; zeros; u64 BLAKE2b over what precedes it. All zero
 *          is free.
 *
 * Belongs to the management thread.
 */
#ifndef CONTROL_LAST_SEEN_H
#define CONTROL_LAST_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/addr.h"

struct last_seen;

struct sighting {
	uint8_t public_key[32];
	struct ip_endpoint endpoint; /* family IP_NONE: only the handshake is known */
	struct ip_endpoint configured; /* in the database, when it was seen */
	uint64_t handshake_ns; /* since the epoch; 0: never */
};

/*
 * Read the file beside the database at path. Never fails: what cannot be read is
 * not known, with a log line. The file is created by the first flush.
 */
struct last_seen *last_seen_open(const char *path);
/* Flush before. NULL is fine. */
void last_seen_close(struct last_seen *l);

/* NULL when nothing is known. Valid until the next note or forget. */
const struct sighting *last_seen_find(const struct last_seen *l, const uint8_t key[32]);
/* When the gateway that wrote it was last known to run; 0: there was no file. */
uint64_t last_seen_used_ns(const struct last_seen *l);
/*
 * Had it a session when that gateway ended? Its last handshake was then no
 * longer ago than a session lives.
 */
bool last_seen_alive(const struct last_seen *l, const struct sighting *s);

/* A handshake_ns of 0 keeps the one that is known. */
void last_seen_note(struct last_seen *l, const struct sighting *s);
void last_seen_forget(struct last_seen *l, const uint8_t key[32]);
/*
 * Write what has changed, if anything has or touch is set, and with it now_ns
 * (since the epoch) as time of use. A failure is logged once.
 */
void last_seen_flush(struct last_seen *l, uint64_t now_ns, bool touch);

#endif
