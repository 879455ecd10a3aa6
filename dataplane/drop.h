/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every packet that ends anywhere but in tx ends under one of these names.
 * The list feeds the enum, the CLI, JSON and metrics; names are a contract
 * with operators: add, never rename.
 */
#ifndef DATAPLANE_DROP_H
#define DATAPLANE_DROP_H

#include <stdint.h>

#define DROP_REASONS(X) \
	X(rx_malformed) /* header fields contradict each other or the frame */ \
	X(rx_truncated) /* frame shorter than its IP length (a GSO frame cut off) */ \
	X(rx_outer_fragment) /* fragment sent to a tunnel's address */ \
	X(rx_unsupported) /* ethertype or multicast that nothing here handles */ \
	X(rx_not_for_us) /* unicast frame for another station */ \
	X(martian) /* multicast, loopback, link-local ...: never forwarded */ \
	X(unknown_index) /* transport data for no live session */ \
	X(session_expired) /* session older than REJECT_AFTER_TIME or out of counters */ \
	X(mac1_invalid) \
	X(mac2_required) /* under load: answered with a cookie reply */ \
	X(handshake_rejected) /* bad length, unknown peer, replayed timestamp ... */ \
	X(handshake_limited) /* rate limiter of a source under load */ \
	X(cookie_rejected) \
	X(auth_failed) \
	X(replay) \
	X(inner_malformed) \
	X(source_not_allowed) \
	X(ecn_invalid) /* congestion mark on a packet that cannot carry it, RFC 6040 */ \
	X(no_peer) /* inner destination routed to a peer that is gone */ \
	X(no_endpoint) \
	X(stage_full) /* more than a peer, or all of them, may hold for a session */ \
	X(stage_expired) /* handshake gave up, or the peer was removed */ \
	X(over_mtu) \
	X(ttl_exceeded) \
	X(no_route) \
	X(neigh_failed) /* next hop did not answer, or too many wait for it */ \
	X(hairpin_denied) \
	X(queue_full) /* a ring between threads, or the share of it that is the sender's */ \
	X(inject_full) /* an answer or message of ours: the ring to the worker that sends it */ \
	X(tx_full) /* the port's transmit queue */ \
	X(link_down) \
	X(no_mbuf) \
	X(local_unhandled) /* to the gateway itself, but nothing here answers it */ \
	X(icmp_limited) /* answer suppressed by the rate limit */

enum drop_reason {
#define X(name) DROP_##name,
	DROP_REASONS(X)
#undef X
		DROP_REASON_COUNT
};

/* Indexed by enum drop_reason. */
extern const char *const drop_reason_name[DROP_REASON_COUNT];

/*
 * Those that are charged to a peer too, where it is known; in the order from
 * above. What is wrong with a message is charged to the peer that it claims to
 * come from, proven or not; what is wrong with a packet to the peer that sent
 * it, or where none did, to the one that it is for; and what is wrong with the
 * way to a peer to that peer. Each packet is charged to one peer at most.
 */
#define PEER_DROP_REASONS(X) \
	X(martian) \
	X(session_expired) \
	X(handshake_rejected) /* as far as a message's peer is known */ \
	X(auth_failed) \
	X(replay) \
	X(inner_malformed) \
	X(source_not_allowed) \
	X(ecn_invalid) \
	X(no_peer) /* the sender's */ \
	X(no_endpoint) \
	X(stage_full) \
	X(stage_expired) \
	X(over_mtu) \
	X(ttl_exceeded) \
	X(no_route) \
	X(hairpin_denied)

enum peer_drop {
#define X(name) PEER_DROP_##name,
	PEER_DROP_REASONS(X)
#undef X
		PEER_DROP_COUNT
};

/* Two lines of counters a peer. */
_Static_assert(PEER_DROP_COUNT <= 16, "there is no room for more");

/* Indexed by enum peer_drop: the enum drop_reason. */
extern const uint8_t peer_drop_reason[PEER_DROP_COUNT];

#endif
