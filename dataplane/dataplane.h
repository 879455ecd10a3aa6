/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between the packet path and everything above it. State goes down
 * by publish/retire; events and punted packets come up through bounded rings.
 *
 * Threads: unless a comment says otherwise, a function here belongs to the
 * control lcore. "Any thread" functions only read.
 */
#ifndef DATAPLANE_DATAPLANE_H
#define DATAPLANE_DATAPLANE_H

#include <stdbool.h>
#include <stdint.h>
#include <rte_mbuf.h>

#include "dataplane/addr.h"
#include "dataplane/drop.h"
#include "dataplane/neigh.h"
#include "dataplane/pkt.h"
#include "dataplane/port.h"
#include "dataplane/stats.h"

struct dataplane;
struct peer_dp; /* a peer as workers see it */
struct session; /* derived keys as workers see them */

/* ---- life ---------------------------------------------------------------- */

#define ROUTE_MAX 1024
#define NEIGHBOURS_MAX 4096 /* entries of the neighbour table */

struct route_config {
	struct ip_prefix to;
	struct ip_addr via; /* on a connected prefix of a port */
};

struct iface_config {
	char name[16];
	uint16_t listen_port;
	uint16_t mtu; /* of the inner packet */
	struct ip_prefix addresses[PORT_ADDR_MAX]; /* the gateway's own, inside */
	uint8_t n_addresses;
	bool hairpin; /* peer to peer allowed */
};

struct dataplane_config {
	uint8_t n_workers;
	uint32_t worker_lcores[WORKER_MAX]; /* EAL lcore ids */
	bool adaptive_idle; /* nap when idle, else poll without end */
	uint32_t max_peers;
	uint32_t max_prefixes; /* allowed-IPs of all peers together */
	const struct port_config *ports;
	uint8_t n_ports;
	const struct iface_config *ifaces;
	uint8_t n_ifaces;
	const struct route_config *routes;
	uint32_t n_routes;
	/* Called by workers after they have put something into a ring for control. */
	void (*wake_control)(void *arg);
	void *wake_arg;
};

/* After rte_eal_init and crypto_init. NULL with a one-line reason in err. */
struct dataplane *dataplane_create(
	const struct dataplane_config *config, char *err, size_t err_size);
/* Launch the workers on their lcores. 0, or -1. */
int dataplane_start(struct dataplane *dp);
/* Stop the workers and wait for them. */
void dataplane_stop(struct dataplane *dp);
/* After stop: free everything, wipe keys; returns how many mbufs did not come back. */
unsigned dataplane_destroy(struct dataplane *dp);
/* Run deferred frees; control calls it often while it returns true (work is pending). */
bool dataplane_reclaim(struct dataplane *dp);

/* ---- any thread: what there is ------------------------------------------- */

struct rte_mempool *dataplane_pool(struct dataplane *dp);
struct ports *dataplane_ports(struct dataplane *dp);
struct neigh_table *dataplane_neighbours(struct dataplane *dp);
unsigned dataplane_n_workers(const struct dataplane *dp);
const struct worker_stats *dataplane_worker_stats(const struct dataplane *dp, unsigned worker);
uint32_t dataplane_worker_lcore(const struct dataplane *dp, unsigned worker);
/* Drops that control itself decides (bad handshakes and the like); control only. */
void dataplane_count_drop(struct dataplane *dp, enum drop_reason reason, uint8_t iface);
/* Likewise, and charged to the peer, unless that is PKT_NO_PEER. */
void dataplane_count_peer_drop(
	struct dataplane *dp, enum peer_drop reason, uint8_t iface, uint32_t peer_id);
/* Sum over workers and control. */
uint64_t dataplane_drops(const struct dataplane *dp, enum drop_reason reason, unsigned iface);
/* Bytes allocated for peers and for sessions. */
void dataplane_memory(const struct dataplane *dp, uint64_t *peers, uint64_t *sessions);
/* Bytes of DPDK's memory that are allocated, for whatever. Who allocates waits meanwhile. */
uint64_t dataplane_allocated(void);

/* ---- up ------------------------------------------------------------------ */

enum dp_event_type {
	DP_WANT_HANDSHAKE, /* data to send without a good session, or rekey due */
	DP_SESSION_CONFIRMED, /* first packet authenticated under a responder's new session */
	DP_ENDPOINT_MOVED, /* at most once a second for each peer */
	DP_TRAFFIC, /* first unanswered data: timers want to look */
	DP_WANT_NEIGH,
};

struct dp_event {
	uint8_t type; /* enum dp_event_type */
	uint8_t worker;
	uint8_t port; /* DP_WANT_NEIGH */
	uint32_t peer_id, peer_generation;
	uint32_t local_index; /* DP_SESSION_CONFIRMED */
	struct ip_addr addr; /* DP_WANT_NEIGH */
};

/* Up to n of them from all workers, fairly; returns how many. */
unsigned dataplane_events(struct dataplane *dp, struct dp_event *events, unsigned n);

/*
 * Handshake messages by what speaks for their sender, so that those who come
 * with more are not lost among those who come with nothing.
 */
enum punt_ring {
	PUNT_RING_KNOWN, /* handshake messages from where a peer is: dataplane_peer_is_at */
	PUNT_RING_MAC2, /* others that carry a mac2, right or wrong */
	PUNT_RING_HANDSHAKE, /* all others */
	PUNT_RING_LOCAL, /* ARP, neighbour discovery, and what is for the gateway itself */
	PUNT_RING_COUNT
};
#define PUNT_RINGS_HANDSHAKE 3 /* the first ones */

/*
 * Packets for control, which frees or injects each. Of PUNT_RING_HANDSHAKE no
 * more than can be answered (dataplane_answers): what is too much ends in the
 * worker, by fair shares.
 */
unsigned dataplane_punted(
	struct dataplane *dp, enum punt_ring ring, struct rte_mbuf **m, unsigned n);
/* How many handshake messages wait at the worker with most, in 1/256 of a ring's size. */
unsigned dataplane_handshake_load(const struct dataplane *dp);
/* Handshake messages from there go before others. A hint: places are few, and taken over. */
void dataplane_peer_is_at(struct dataplane *dp, const struct ip_addr *source);

/* ---- down ---------------------------------------------------------------- */

/*
 * Give a packet to a worker for sending; its meta says how (PKT_INJECT_*).
 * Takes the mbuf in any case; counts inject_full and returns false when full.
 */
bool dataplane_inject(struct dataplane *dp, unsigned worker, struct rte_mbuf *m);

/*
 * End the naps of workers that were given something by a call of control's, be
 * it a packet or a message: once for all that a turn of its loop has for them.
 */
void dataplane_wake_workers(struct dataplane *dp);
/*
 * How many packets may go to a worker in answer to whoever asks: the rest of
 * the room is for what we send by ourselves or to peers.
 */
unsigned dataplane_answers(const struct dataplane *dp, unsigned worker);

/* The neighbour's answer, or its failure, is known: send or drop what waits for it. */
void dataplane_neigh_done(
	struct dataplane *dp, uint8_t port, const struct ip_addr *addr, bool resolved);

#endif
