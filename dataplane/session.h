/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The derived keys of one handshake. Control creates, publishes and retires
 * it; the owner worker (the one that received the handshake message) alone
 * opens with it and writes its replay window; any worker may seal with it.
 *
 * What a packet touches is gathered in few lines, since with thousands of
 * peers each of them comes from the L3 cache: receive and owner on the way in,
 * send, owner and the peer's first line on the way out.
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

/*
 * A time on a session, in units of 16 us of dp_now_ns; 0 is never. It wraps
 * after 19 hours, which a session does not live to see.
 */
typedef uint32_t session_time;

#define SESSION_TIME_SHIFT 14

static inline session_time
session_time_of(uint64_t now_ns)
{
	session_time t = (session_time)(now_ns >> SESSION_TIME_SHIFT);

	return t != 0 ? t : 1;
}

/* What such a time leaves of dp_now_ns. */
static inline uint64_t
session_time_round(uint64_t ns)
{
	return ns >> SESSION_TIME_SHIFT << SESSION_TIME_SHIFT;
}

/* In dp_now_ns, rounded; t is within nine hours of now_ns. */
static inline uint64_t
session_time_ns(session_time t, uint64_t now_ns)
{
	uint64_t now = now_ns >> SESSION_TIME_SHIFT;

	return t == 0 ? 0 : (now + (uint64_t)(int32_t)(t - (uint32_t)now)) << SESSION_TIME_SHIFT;
}

/* Where the session's last packet came from and went to, while the peer is known to be there. */
#define SESSION_SEEN (UINT32_C(1) << 16)

struct session {
	/*
	 * Send. Every sealing worker writes send_counter, once for each run of
	 * packets of a burst, and last_tx; the rest is read only.
	 */
	alignas(RTE_CACHE_LINE_SIZE) uint8_t send_key[32];
	_Atomic uint64_t send_counter;
	/*
	 * dp_now_ns from which on who sends looks closer: an initiator asks for a
	 * rekey then, and from reject_ns on nobody sends.
	 */
	uint64_t rekey_send_ns;
	uint32_t remote_index;
	_Atomic session_time last_tx; /* control reads */

	/* Links of the peer's lists; control writes, workers read sibling. */
	alignas(RTE_CACHE_LINE_SIZE) _Atomic(struct session *) sibling;
	struct session *next_retired; /* control only */

	/* Receive. Written before publication, then read only but for the last two. */
	alignas(RTE_CACHE_LINE_SIZE) uint8_t recv_key[32];
	struct peer_dp *peer; /* freed only after every session of it */
	uint64_t reject_ns; /* dp_now_ns from which on it must not be used */
	uint32_t local_index;
	uint32_t peer_id; /* of peer: known without touching it */
	uint8_t iface;
	uint8_t owner; /* worker */
	bool initiator;
	/* Owner writes; others read confirmed, of a peer's next. */
	atomic_bool confirmed; /* initiators: from the start */
	bool refreshed; /* the late rekey on receive was asked for */

	/*
	 * Owner: the owner worker writes. Control reads the counters and times.
	 * Workers that seal write the two words of unanswered data, too.
	 */
	alignas(RTE_CACHE_LINE_SIZE) _Atomic uint64_t rx_packets;
	_Atomic uint64_t rx_bytes;
	uint64_t seen_addresses; /* IPv4 source and destination, as in the header; owner only */
	/*
	 * SESSION_SEEN and the UDP source port. Whoever else writes the peer's
	 * endpoint sets it to 0 after that: the owner is to compare again.
	 */
	_Atomic uint32_t seen_port;
	_Atomic session_time last_rx, last_rx_data;
	_Atomic session_time rx_data_since; /* first data received that nothing was sent after */
	_Atomic session_time tx_data_since; /* first data sent that nothing was received after */
	/* Workers set it when they have told of traffic; control clears it to be told again. */
	atomic_bool traffic_told;
	struct replay_window replay;
};

_Static_assert(offsetof(struct session, replay) % RTE_CACHE_LINE_SIZE == 48,
	"the head of the window shares the owner's line, its ring begins the next one");
_Static_assert(offsetof(struct session, sibling) == RTE_CACHE_LINE_SIZE &&
		       offsetof(struct session, rx_packets) == 3 * RTE_CACHE_LINE_SIZE,
	"one line each to send, to receive and for the owner");

#endif
