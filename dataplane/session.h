/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The derived keys of one handshake. Control creates, publishes and retires
 * it; the owner worker (the one that received the handshake message) alone
 * opens with it and writes its replay window; any worker may seal with it.
 */
#ifndef DATAPLANE_SESSION_H
#define DATAPLANE_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <rte_common.h>

#include "dataplane/replay.h"

struct peer_dp;

struct session {
	/* Line 0, for opening. Written before publication, then read only. */
	alignas(RTE_CACHE_LINE_SIZE) uint8_t recv_key[32];
	struct peer_dp *peer; /* freed only after every session of it */
	uint64_t reject_ns; /* dp_now_ns from which on it must not be used */
	uint32_t local_index;
	uint32_t peer_id; /* of peer: known without touching it */
	uint8_t iface;
	uint8_t owner; /* worker */
	bool initiator;

	/* Line 1, for sealing. */
	alignas(RTE_CACHE_LINE_SIZE) uint8_t send_key[32];
	uint64_t rekey_send_ns; /* sending after it asks for a rekey; UINT64_MAX: never */
	uint32_t remote_index;

	/* The one line that every sealing worker writes; reserved once per run of a burst. */
	alignas(RTE_CACHE_LINE_SIZE) _Atomic uint64_t send_counter;

	/*
	 * The owner writes, from here on; others read confirmed alone, of a peer's
	 * next. The window's greatest shares the line of the flags.
	 */
	alignas(RTE_CACHE_LINE_SIZE) atomic_bool confirmed; /* initiators: from the start */
	bool refreshed; /* the late rekey on receive was asked for */
	uint64_t rekey_recv_ns; /* receiving after it asks for a rekey; UINT64_MAX: never */
	uint8_t pad[40];
	struct replay_window replay;
};

_Static_assert(offsetof(struct session, replay) % RTE_CACHE_LINE_SIZE == 56,
	"a packet touches one line of the window's ring");

#endif
