/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Publish and retire: how control changes what workers see. Called by
 * control/publish.c alone, on the control lcore.
 *
 * Objects go in this order: a peer, its endpoint, its allowed-IPs, its
 * sessions; and out in the opposite one. Every retire unlinks at once and
 * frees after a grace period.
 */
#ifndef DATAPLANE_PUBLISH_H
#define DATAPLANE_PUBLISH_H

#include "dataplane/dataplane.h"

/* ---- peers ------------------------------------------------------------------- */

/*
 * NULL when there are max_peers already or memory is out. May wait for the ids
 * of peers that were retired just before.
 */
struct peer_dp *dp_peer_publish(struct dataplane *dp, uint8_t iface);
/*
 * The caller has retired its sessions and removed its allowed-IPs. Two phases:
 * workers can no longer find it; after a grace period they drop what they have
 * staged for its id and confirm; then the id is free again.
 */
void dp_peer_retire(struct dataplane *dp, struct peer_dp *peer);
void dp_peer_identity(const struct peer_dp *peer, uint32_t *id, uint32_t *generation);

/*
 * source is the gateway's address to send from, or NULL to choose the one that
 * fits the route. An endpoint of family IP_NONE is "unknown".
 */
void dp_peer_set_endpoint(struct dataplane *dp, struct peer_dp *peer,
	const struct ip_endpoint *endpoint, const struct ip_addr *source);
/* Where the peer is; false when unknown. source may be NULL. */
bool dp_peer_endpoint(
	const struct peer_dp *peer, struct ip_endpoint *endpoint, struct ip_addr *source);

/* 0; or -1 with a reason and nothing changed. taken_from: the id of the peer that had it (it
 * may be this one), or PKT_NO_PEER. */
int dp_peer_allow(struct dataplane *dp, struct peer_dp *peer, const struct ip_prefix *prefix,
	uint32_t *taken_from, char *err, size_t err_size);
void dp_peer_disallow(struct dataplane *dp, struct peer_dp *peer, const struct ip_prefix *prefix);
/* Make all allow and disallow since the last call visible; waits for a grace period. */
void dp_allow_commit(struct dataplane *dp);

/* Workers may ask for a handshake again. */
void dp_peer_handshake_answered(struct peer_dp *peer);
bool dp_peer_handshake_wanted(const struct peer_dp *peer);

struct dp_counters {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};
void dp_peer_counters(
	const struct dataplane *dp, const struct peer_dp *peer, struct dp_counters *out);

/* What was dropped of the peer's, by enum peer_drop. */
void dp_peer_drops(
	const struct dataplane *dp, const struct peer_dp *peer, uint64_t packets[PEER_DROP_COUNT]);

/* Snapshot for the timers; times as dp_now_ns, 0 is never or none. */
struct dp_traffic {
	uint64_t last_rx_ns, last_tx_ns, last_rx_data_ns;
	uint64_t rx_data_since_ns, tx_data_since_ns;
};
void dp_peer_traffic(const struct peer_dp *peer, struct dp_traffic *out);
/*
 * Have workers raise DP_TRAFFIC again, or not. The flag and the words are not
 * ordered: after clearing it, look at the words once more a moment later.
 */
void dp_peer_traffic_told(struct peer_dp *peer, bool told);
/* A handshake message of the peer was authenticated, or one was sent: it counts as traffic. */
void dp_peer_note_received(struct peer_dp *peer);
void dp_peer_note_sent(struct peer_dp *peer);

/* ---- indices and sessions -------------------------------------------------------- */

/* A fresh index for a handshake or session of owner (control's object). */
bool dp_index_alloc(struct dataplane *dp, void *owner, uint32_t *index);
void dp_index_free(struct dataplane *dp, uint32_t index);
void *dp_index_owner(const struct dataplane *dp, uint32_t index);

struct session_params {
	const uint8_t *send_key, *recv_key; /* 32 bytes each, copied */
	uint32_t local_index; /* allocated */
	uint32_t remote_index;
	bool initiator;
	uint8_t owner; /* worker that received the handshake message */
};
/* Workers can open with it from now on. NULL when out of memory. */
struct session *dp_session_publish(
	struct dataplane *dp, struct peer_dp *peer, const struct session_params *params);
/* Workers can no longer find it; wiped and freed after a grace period. The index stays the
 * caller's. */
void dp_session_retire(struct dataplane *dp, struct session *session);
/* What workers seal with; NULL: they stage. */
void dp_peer_set_current(struct peer_dp *peer, struct session *session);
/* What they seal with instead of current as soon as it is confirmed; NULL: nothing. To be unset
 * before the session is retired, as current is. */
void dp_peer_set_next(struct peer_dp *peer, struct session *session);

/* ---- messages to workers ------------------------------------------------------------ */

/* Send what is staged; with keepalive, worker `owner` sends an empty packet if it has nothing. */
void dp_flush_staged(
	struct dataplane *dp, const struct peer_dp *peer, bool keepalive, uint8_t owner);
void dp_drop_staged(struct dataplane *dp, const struct peer_dp *peer);
/* Have one worker seal and send an empty packet. */
void dp_send_keepalive(struct dataplane *dp, const struct peer_dp *peer);

#endif
