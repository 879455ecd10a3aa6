/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker lcore and the stages of its packet path. Private to this room.
 * Everything in struct worker belongs to that worker's thread unless the
 * field says otherwise.
 */
#ifndef DATAPLANE_WORKER_H
#define DATAPLANE_WORKER_H

#include <stdalign.h>
#include <rte_ring.h>

#include "crypto_accel/crypto_accel.h"
#include "dataplane/clock.h"
#include "dataplane/dataplane.h"
#include "dataplane/fib.h"
#include "dataplane/index_table.h"
#include "dataplane/mailbox.h"
#include "dataplane/peer_dp.h"
#include "dataplane/session.h"
#include "dataplane/shares.h"

#define BURST 64 /* packets a stage handles at once */
/*
 * One busy turn of so many is timed by stage, and counts for all: reading the
 * TSC takes some 25 cycles, a stage with it 1 to 2 % of a turn. A prime, so
 * as not to keep step with traffic.
 */
#define STAGE_SAMPLING 7
#define NEIGH_HOLDS 64 /* neighbours that packets of a worker may wait for */
#define NEIGH_HOLD_PACKETS 32 /* waiting for one neighbour */
#define NEIGH_HINTS 256 /* a power of two */

/* One peer's state on one worker: counters (any thread reads) and staged packets. */
struct peer_worker {
	_Atomic uint64_t tx_packets, tx_bytes;
	struct rte_mbuf *staged_head, *staged_tail;
	uint32_t n_staged;
} __rte_cache_aligned;

/*
 * Drops that are charged to one peer, since its id was given out. Drops are
 * seldom, and any thread may have one to charge: they share the counters.
 */
struct peer_drops {
	_Atomic uint64_t packets[PEER_DROP_COUNT];
} __rte_cache_aligned;

/* Transport data on its way through decap. */
struct rx_data {
	struct rte_mbuf *m; /* data at the Ethernet header */
	uint8_t *l3; /* outer IP header */
	uint8_t *wg; /* WireGuard header */
	uint16_t wg_len; /* of the whole message */
	uint8_t tos; /* of the outer header */
	uint8_t family; /* of the outer header */
	uint8_t iface;
	uint8_t port;
};

/* A cleartext packet on its way through forward. */
struct fwd_packet {
	struct rte_mbuf *m; /* data at the IP header, exactly the IP packet */
	uint8_t *ip; /* the header */
	uint32_t from_peer; /* or PKT_NO_PEER */
	uint8_t family;
	uint8_t iface; /* of from_peer, or PKT_NO_IFACE */
	uint8_t port; /* where it came in */
};

/* A packet for a peer on its way through encap. */
struct encap_packet {
	struct rte_mbuf *m; /* data at the inner IP header; empty is a keepalive */
	uint32_t peer_id;
	uint32_t from_peer; /* of the packet, for answers to it */
	uint8_t from_iface;
	uint8_t from_port;
};

struct neigh_hold {
	struct ip_addr addr; /* family IP_NONE: free */
	uint8_t port;
	bool asked; /* control has been told */
	uint16_t n;
	uint64_t since_ns;
	struct rte_mbuf *head, *tail;
};

/* Saves the way through the table of neighbours. */
struct neigh_hint {
	uint64_t low, high; /* the address, in memory order */
	struct neigh *neigh; /* NULL: no hint */
	uint8_t family;
	uint8_t port;
};

/*
 * What the previous packet that left through a port got in front: neighbours
 * come in runs. Forgotten at every turn.
 */
struct last_hop {
	fib_dst dst; /* FIB_NONE: nothing is remembered */
	uint8_t family; /* of the packet */
	uint8_t port;
	uint64_t low, high; /* of the destination, in memory order; 0 behind a gateway */
	struct rte_ether_hdr ethernet;
};

struct tx_buffer {
	unsigned n;
	struct rte_mbuf *m[BURST];
};

struct rx_queue {
	uint8_t port;
	uint16_t queue;
};

struct worker {
	/* Set before start. */
	struct dataplane *dp;
	uint8_t id;
	uint32_t lcore;
	struct fib *fib;
	struct aead_ctx *aead;
	struct rx_queue rxq[PORT_MAX * 4];
	unsigned n_rxq;
	uint32_t staged_max; /* all peers together */
	uint32_t staged_max_peer;

	/* Rings: the other end is control, or another worker. */
	struct rte_ring *mailbox; /* control produces */
	struct rte_ring *inject; /* control produces */
	struct rte_ring *handoff; /* the other workers produce */
	struct rte_ring *events; /* control consumes */
	struct rte_ring *punt[PUNT_RING_COUNT]; /* control consumes */
	int wake_fd; /* eventfd: ends a nap */
	atomic_bool napping; /* this worker writes; whoever fills a ring reads */
	atomic_bool stop; /* control writes */
	bool wake_due; /* control only: it has filled a ring, and not woken the worker yet */

	/* A turn of the loop. */
	uint64_t now_ns;
	session_time now; /* the same */
	uint64_t turn_tsc; /* begin of the turn */
	uint64_t mark_tsc; /* end of the last stage, where the turn is timed */
	uint64_t busy_turns;
	bool timed; /* stages are charged, for those of the next turns too */
	bool wake_control; /* something was put into a ring for control */
	uint32_t idle_turns; /* without work up to now; 0: the last one had some */
	uint64_t next_housekeeping_ns;

	uint32_t n_staged;
	bool flushing; /* staged packets are on their way through encap */
	uint16_t ipv4_id; /* outer packets leave with DF clear: RFC 6864 wants them distinct */
	struct peer_worker *peers; /* by peer id */
	struct tx_buffer tx[PORT_MAX];
	struct tx_buffer to_worker[WORKER_MAX];
	struct last_hop last_hop;
	struct neigh_hint neigh_hints[NEIGH_HINTS]; /* forgotten whenever an entry is removed */
	uint32_t neigh_removals; /* when it was last forgotten */
	struct neigh_hold holds[NEIGH_HOLDS];

	struct shares shares[PUNT_RINGS_HANDSHAKE]; /* of punt; control counts what it takes */
	struct worker_stats stats; /* any thread reads */
} __rte_cache_aligned;

struct iface_dp {
	char name[16];
	uint16_t listen_port_be;
	uint16_t mtu;
	bool hairpin;
} __rte_aligned(32); /* for a shift in place of a multiplication */

/* A retired peer whose id is not free yet. */
struct retired_peer {
	struct retired_peer *next;
	struct dataplane *dp;
	struct peer_dp *peer;
	_Atomic uint32_t pending; /* workers that still hold state of the id */
};

/* Peers of neighbouring ids. The fuzz harnesses have one a chunk, to see what outlives it. */
#ifndef PEER_CHUNK
#define PEER_CHUNK 64
#endif
struct peer_chunk {
	struct peer_dp *peers; /* NULL: none is in use */
	uint32_t n; /* in use */
};

#define LOCAL_MAX (PORT_MAX * (PORT_ADDR_MAX + 1))

struct dataplane {
	/* Read by all threads, written before start. */
	struct rte_mempool *pool;
	struct ports ports;
	struct fib *fib;
	struct index_table index;
	_Atomic(struct peer_dp *) *peers; /* by id; control publishes */
	struct iface_dp ifaces[IFACE_MAX];
	uint8_t n_ifaces;
	uint8_t n_workers;
	bool adaptive_idle;
	uint8_t iface_of_port_be[UINT16_MAX + 1]; /* by UDP port, or PKT_NO_IFACE */
	uint32_t n_local4, n_local6; /* the ports' addresses: outer destinations */
	uint32_t local4_be[LOCAL_MAX];
	uint8_t local6[LOCAL_MAX][16];
	struct neigh_table *neighbours;
	struct sources sources;
	struct rcu *rcu;
	struct rte_rcu_qsbr *qsbr;
	void (*wake_control)(void *arg);
	void *wake_arg;
	struct worker *workers[WORKER_MAX];
	struct peer_drops *peer_drops; /* by id; any thread adds and reads, control clears */

	/* Control only. */
	uint32_t max_peers;
	uint32_t *free_ids;
	uint32_t n_free_ids;
	uint32_t *generations; /* by id */
	struct peer_chunk *peer_chunks; /* by id / PEER_CHUNK */
	struct retired_peer *retired; /* grace period over, waiting for workers to confirm */
	_Atomic uint64_t n_peers, n_sessions; /* any thread reads */
	uint64_t control_drops[DROP_REASON_COUNT][IFACE_MAX + 1]; /* any thread reads */
	bool running;
};

/* ---- small things every stage uses ------------------------------------------- */

static inline void
worker_drop(struct worker *w, struct rte_mbuf *m, enum drop_reason reason, uint8_t iface)
{
	w->stats.drops[reason][iface < IFACE_MAX ? iface : IFACE_NONE]++;
	rte_pktmbuf_free(m);
}

/* peer_id may be PKT_NO_PEER. Whoever adds has found the peer since it was last quiescent. */
static inline void
peer_drop_add(struct dataplane *dp, uint32_t peer_id, enum peer_drop reason)
{
	if (peer_id != PKT_NO_PEER)
		atomic_fetch_add_explicit(
			&dp->peer_drops[peer_id].packets[reason], 1, memory_order_relaxed);
}

/*
 * As worker_drop, and charged to the peer, unless that is PKT_NO_PEER. Out of
 * line: packets that go on pay nothing for it.
 */
void worker_drop_of_peer(struct worker *w, struct rte_mbuf *m, enum peer_drop reason, uint8_t iface,
	uint32_t peer_id);

/* Charge the cycles since the previous call to this stage, in a turn that is timed. */
static inline void
worker_stage_done(struct worker *w, enum stage stage, unsigned packets)
{
	uint64_t now;

	w->stats.stage_packets[stage] += packets;
	if (likely(!w->timed))
		return;
	now = rte_rdtsc();
	w->stats.stage_cycles[stage] += (now - w->mark_tsc) * STAGE_SAMPLING;
	w->mark_tsc = now;
}

static inline struct peer_dp *
worker_peer(const struct worker *w, uint32_t id)
{
	return atomic_load_explicit(&w->dp->peers[id], memory_order_acquire);
}

/* Owner-only counters that other threads read: no atomic addition needed. */
static inline void
counter_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* End a nap of the worker that reads a ring, after something was put into it. */
void worker_wake(struct worker *w);

/* ---- up (punt.c) ----------------------------------------------------------------- */

/* False when the ring is full; the caller must be able to raise it again. */
bool worker_event(struct worker *w, const struct dp_event *event);
/* Takes the packet; a full ring is queue_full. The caller has filled the meta. */
void worker_punt(struct worker *w, struct rte_mbuf *m, enum punt_ring ring);
/* A handshake message, data at its type, from there; into the ring that it deserves. */
void worker_punt_handshake(struct worker *w, struct rte_mbuf *m, const struct ip_addr *source);
/*
 * Whether a packet that control need not see may take room in its local ring:
 * up to so many eighths. The rest is for ARP and neighbour discovery, or a
 * flood of what is answered with ICMP would cut the neighbours off.
 */
bool worker_punt_room(const struct worker *w, unsigned eighths);
/* What the sender of a packet is told of its end; punt.c has the ICMP types and codes. */
enum packet_error {
	ERROR_NET_UNREACHABLE,
	ERROR_HOST_UNREACHABLE,
	ERROR_PROHIBITED,
	ERROR_TOO_BIG,
	ERROR_TTL_EXCEEDED,
};
/*
 * As worker_drop_of_peer, and control is to answer it with an ICMP error. Takes the packet.
 * mtu: ERROR_TOO_BIG.
 */
void worker_drop_icmp(struct worker *w, const struct fwd_packet *p, enum peer_drop reason,
	uint8_t iface, uint32_t peer_id, enum packet_error error, uint32_t mtu);
/* Ask control for a handshake with the peer, once until control clears the flag. */
void worker_want_handshake(struct worker *w, struct peer_dp *peer);

/* Tell control, once until it takes that back, that there is unanswered data on a session. */
void worker_tell_traffic(struct worker *w, struct session *s);

/* ---- stages ------------------------------------------------------------------------ */

/* rx.c */
unsigned worker_rx_poll(struct worker *w);
/* decap.c: n up to BURST; forwards what comes out. */
void worker_decap(struct worker *w, struct rx_data *in, unsigned n);
/* forward.c: n up to BURST. */
void worker_forward(struct worker *w, const struct fwd_packet *in, unsigned n);
/* encap.c: n up to BURST. */
void worker_encap(struct worker *w, const struct encap_packet *in, unsigned n);
/* stage.c: await a session. */
void worker_stage(struct worker *w, struct peer_dp *peer, struct rte_mbuf *m);
void worker_flush_staged(struct worker *w, uint32_t peer_id);
void worker_drop_staged(struct worker *w, uint32_t peer_id);
/* output.c: the way of worker_output for a neighbour that was not the previous packet's. */
void worker_output_next(
	struct worker *w, struct rte_mbuf *m, fib_dst dst, uint8_t family, const uint8_t *addr);
/* Fill in the Ethernet header of packets that go there; false when the neighbour is not resolved.
 */
bool worker_next_hop(struct worker *w, fib_dst dst, uint8_t family, const uint8_t *addr,
	struct rte_ether_hdr *eth);
void worker_neigh_done(struct worker *w, uint8_t port, const struct ip_addr *addr, bool resolved);
/* At the start of a turn: forget the last hop, and hints to entries that may be reused. */
void worker_neigh_refresh(struct worker *w);
void worker_neigh_housekeeping(struct worker *w);
/* handoff.c */
void worker_handoff(struct worker *w, uint8_t to, struct rte_mbuf *m);
void worker_handoff_flush(struct worker *w);
unsigned worker_handoff_poll(struct worker *w);
/* tx.c: what has gathered for all ports, at the end of a turn; or a full burst before that. */
void worker_tx_flush(struct worker *w);
void worker_tx_flush_full(struct worker *w, uint8_t port);
/* mailbox.c */
unsigned worker_mailbox_poll(struct worker *w);
unsigned worker_inject_poll(struct worker *w);
/* frag.c: split an IPv4 packet with DF clear; out holds up to max. Takes the packet if it succeeds
 * (> 0). */
int worker_fragment4(
	struct worker *w, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out, unsigned max);
/* Send at the end of the turn, or when a burst has gathered. Data at the Ethernet header. */
static inline void
worker_tx(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	struct tx_buffer *b = &w->tx[port];
	unsigned n = b->n;

	b->m[n] = m;
	b->n = n + 1;
	if (unlikely(n + 1 == BURST))
		worker_tx_flush_full(w, port);
}

static inline void
worker_add_ethernet(
	struct worker *w, struct rte_mbuf *m, uint8_t port, const struct rte_ether_hdr *eth)
{
	if (unlikely(m->data_off < sizeof(*eth))) {
		worker_drop(w, m, DROP_no_mbuf, PKT_NO_IFACE);
		return;
	}
	m->data_off -= sizeof(*eth);
	m->data_len += sizeof(*eth);
	m->pkt_len = m->data_len;
	memcpy(rte_pktmbuf_mtod(m, void *), eth, sizeof(*eth));
	worker_tx(w, port, m);
}

static inline void
address_words(uint8_t family, const uint8_t *addr, uint64_t *low, uint64_t *high)
{
	uint32_t v4;

	if (likely(family == IP_V4)) {
		memcpy(&v4, addr, 4);
		*low = v4;
		*high = 0;
	} else {
		memcpy(low, addr, 8);
		memcpy(high, addr + 8, 8);
	}
}

/* Data at a complete IP packet for dst (FIB_PORT or FIB_VIA), whose address is addr. */
static inline void
worker_output(
	struct worker *w, struct rte_mbuf *m, fib_dst dst, uint8_t family, const uint8_t *addr)
{
	const struct last_hop *last = &w->last_hop;
	uint64_t low = 0, high = 0;

	if (fib_kind(dst) != FIB_VIA)
		address_words(family, addr, &low, &high);
	if (likely(((last->dst ^ dst) | (last->family ^ family) | (last->low ^ low) |
			   (last->high ^ high)) == 0))
		worker_add_ethernet(w, m, last->port, &last->ethernet);
	else
		worker_output_next(w, m, dst, family, addr);
}

/* worker.c: one turn of the loop. The thread is the worker's, online in the grace periods. */
void worker_turn(struct worker *w);
/* The lcore's main function; arg is the struct worker. */
int worker_main(void *arg);

#endif
