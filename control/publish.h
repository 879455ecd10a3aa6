/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The only caller of the packet path's publish and retire: key slots and
 * allowed-IPs of a peer as workers are to see them. Control lcore.
 */
#ifndef CONTROL_PUBLISH_H
#define CONTROL_PUBLISH_H

#include "control/noise.h"
#include "control/peer.h"
#include "dataplane/publish.h"

/* ---- key slots (paper, section 6.1, and what Linux does with crossing handshakes) ---- */

/*
 * A session that the gateway initiated: it is current at once. With a
 * responder's session still pending in next, that one becomes previous and
 * current is dropped; else current becomes previous. False: out of memory.
 */
bool publish_initiator_session(struct peer *peer, const struct noise_keys *keys,
	uint32_t local_index, uint32_t remote_index, uint8_t worker);
/* A session that the peer initiated: it replaces next and discards previous. */
bool publish_responder_session(struct peer *peer, const struct noise_keys *keys,
	uint32_t local_index, uint32_t remote_index, uint8_t worker);
/* A packet has authenticated under next: it becomes current. False: index is not next's. */
bool publish_confirmed(struct peer *peer, uint32_t local_index);
/* All slots. */
void publish_retire_sessions(struct peer *peer);
/* The current session may still send. */
bool publish_session_usable(const struct peer *peer, uint64_t now_ns);

#endif
