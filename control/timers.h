/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer's timers as a pure state machine: section 6 of the paper. It has no
 * clock and no event loop; the caller hands in monotonic time (above 0) and
 * events, arms one wake-up for timers_next(), and at that time calls
 * timers_run() and does what it says. Belongs to the control lcore.
 *
 * Control sees no packets. Workers keep a struct peer_traffic of time stamps
 * a peer, and control reads a snapshot. Nothing is re-armed per packet: when
 * the wake-up comes, timers_run() looks at a fresh snapshot, and often finds
 * that the true deadline has moved on. It moves to earlier only when
 * rx_data_since_ns or tx_data_since_ns leaves 0. Then the worker tells
 * control, which calls timers_traffic(). While timers_watching() is true that
 * is not needed: control looks again within 10 s, before anything new can
 * be due. So a worker tells but once (say, by an atomic flag that it sets), and
 * control takes that back when watching ends: clear the flag, then take
 * another snapshot for timers_traffic(), then set the flag if that watches.
 *
 * A peer without sessions, handshake and persistent keepalive has no deadline.
 */
#ifndef CONTROL_TIMERS_H
#define CONTROL_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/messages.h"

#define TIMERS_NEVER UINT64_MAX

/*
 * Monotonic ns, 0 is never or none. A keepalive is an authenticated packet but
 * not a data packet. Whoever sends or receives for the peer keeps the words,
 * control too: an initiation, response or accepted handshake message counts
 * as an authenticated packet.
 */
struct peer_traffic {
	uint64_t last_rx_ns; /* any authenticated packet; to 16 us */
	uint64_t last_tx_ns; /* likewise */
	/* First data packet received that nothing was sent after. */
	uint64_t rx_data_since_ns;
	/* First data packet sent that nothing authenticated was received after. */
	uint64_t tx_data_since_ns;
	uint64_t last_rx_data_ns; /* to 16 us */
};

/* What timers_run() asks for; in the order in which to do it. */
enum timers_action {
	/* Forget the local address that answers leave from. */
	TIMERS_CLEAR_SOURCE = 1 << 0,
	/* Send one now; timers_run() has counted it as sent at its now_ns. */
	TIMERS_SEND_INITIATION = 1 << 1,
	/* No answer for 90 s: drop what is staged for the peer. */
	TIMERS_DROP_STAGED = 1 << 2,
	/* On the current session, if there is one. */
	TIMERS_SEND_KEEPALIVE = 1 << 3,
	/* Likewise; without a session call timers_want_handshake() instead. */
	TIMERS_SEND_PERSISTENT = 1 << 4,
	/* Retire all sessions and noise_peer_clear_handshake(). */
	TIMERS_WIPE_KEYS = 1 << 5,
};

/* Private but for its size. */
struct timers {
	uint64_t deadline_ns; /* of all below, given the snapshot in seen */
	struct peer_traffic seen;
	uint64_t seen_ns; /* when that was */
	uint64_t handshake_tx_ns; /* last initiation or response sent */
	uint64_t handshake_rx_ns; /* last one accepted */
	uint64_t retry_ns; /* when the next initiation is due; 0: none wanted */
	uint64_t complete_ns; /* last completed handshake */
	uint64_t wipe_ns; /* 0: nothing to wipe */
	uint64_t keepalive_tx_ns; /* last passive keepalive asked for */
	uint64_t keepalive_another_ns; /* since when another one is due in 10 s; 0: none */
	uint64_t unanswered_done_ns; /* data unanswered since then has had its handshake */
	uint64_t persistent_base_ns; /* interval counts from here at the earliest */
	uint64_t persistent_ns; /* interval; 0: off */
	uint32_t unanswered_jitter_ns;
	uint8_t attempts; /* initiations sent since the last want */
	bool persistent_due; /* just switched on: at once */
};

void timers_init(struct timers *t);
/* 0 is off. The first one is due at once when it was off before. */
void timers_set_persistent(struct timers *t, uint64_t now_ns, uint16_t seconds);

/* The one wake-up that the peer needs, or TIMERS_NEVER. May be in the past: run at once. */
uint64_t timers_next(const struct timers *t);
/* Does what is due and returns a set of enum timers_action, 0 when the deadline had moved. */
uint32_t timers_run(struct timers *t, uint64_t now_ns, const struct peer_traffic *traffic);

/* See above: the deadline follows the traffic, workers need not tell of it. */
bool timers_watching(const struct timers *t);

/*
 * Events. After each of them timers_next() may have changed.
 */
/* A worker saw rx_data_since_ns or tx_data_since_ns leave 0. Returns timers_next(). */
uint64_t timers_traffic(struct timers *t, uint64_t now_ns, const struct peer_traffic *traffic);
/*
 * A packet waits for a session, or a session is to be renewed (REKEY_AFTER_*,
 * received at 165 s). The initiation comes from timers_run(), now or as soon
 * as 5 s have passed since the last handshake message sent; a want within 5 s
 * of a completed handshake is late news of the old session, and ignored.
 */
void timers_want_handshake(struct timers *t, uint64_t now_ns);
/* An initiation is due or awaits its response: a further want would change nothing. */
bool timers_handshaking(const struct timers *t);
/* The initiation asked for could not be made or has nowhere to go: no retries. */
void timers_handshake_abandoned(struct timers *t);
/*
 * All sessions were taken away, and what was under way: from now on a want is
 * no late news of an old session, however short ago the last handshake was.
 */
void timers_sessions_gone(struct timers *t);
/* The initiation asked for left; only needed when later than timers_run()'s now_ns. */
void timers_initiation_sent(struct timers *t, uint64_t now_ns);
void timers_response_sent(struct timers *t, uint64_t now_ns);
/* An initiation or response of the peer was accepted. */
void timers_handshake_received(struct timers *t, uint64_t now_ns);
/* New keys, in either role. */
void timers_session_derived(struct timers *t, uint64_t now_ns);
/*
 * The initiator has consumed the response, or the first packet has
 * authenticated under the responder's next session.
 */
void timers_handshake_complete(struct timers *t, uint64_t now_ns);

#endif
