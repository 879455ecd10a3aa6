/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is sent in a run of some seconds, and what became of it. A flow is what
 * one client sends (flow n), or what is sent to it from the LAN port (flow
 * clients + n).
 */
#ifndef PKTGEN_TRAFFIC_H
#define PKTGEN_TRAFFIC_H

#include "crypto_accel/crypto_accel.h"
#include "tests/pktgen/client.h"
#include "tests/pktgen/histogram.h"
#include "tests/pktgen/inner.h"
#include "tests/pktgen/pacer.h"
#include "tests/pktgen/tracker.h"
#include "tests/pktgen/wire.h"

#define TRAFFIC_BURST 32

/* Of one run. Bytes are those of inner IP packets. */
struct results {
	double rate; /* asked for; 0: none */
	double seconds; /* of sending */
	uint64_t sent, sent_bytes;
	uint64_t missed; /* never sent, because the generator was too late */
	uint64_t no_session; /* never sent either */
	uint64_t received, received_bytes; /* each packet once */
	uint64_t reordered, duplicates, too_late;
	uint64_t damaged; /* a wrong checksum, length or filling */
	uint64_t misdelivered; /* right, but at the wrong place */
	uint64_t foreign; /* none of ours, or of an earlier run */
	struct histogram latency; /* ns */
};

/* Also of handshakes; since the start. */
struct rx_counters {
	uint64_t data, data_bytes; /* transport messages that authenticated; UDP payload */
	uint64_t keepalives;
	uint64_t auth_failed, replayed, unknown_index, initiations_ignored;
	uint64_t frame_damaged, udp_other, misaddressed;
};

struct flow {
	uint64_t next; /* the number of the next packet sent */
	struct tracker tracker;
};

struct traffic {
	const struct options *options;
	struct client *clients;
	struct wire *wan, *lan;
	struct aead_ctx *aead;
	struct flow *flows;
	unsigned n_flows;
	struct spread spread;
	struct size_mix sizes;
	struct pacer pacer;
	uint32_t run; /* tells this run's packets from those of the one before */
	bool down_next; /* TRAFFIC_BOTH */
	uint64_t tx_data, tx_data_bytes; /* transport messages with data, since the start */
	/* sealed ahead */
	struct rte_mempool *ahead_pool;
	struct rte_mbuf **ahead; /* n_ahead of them, each a frame; NULL where it has been sent */
	uint64_t *sent_at; /* ns */
	uint64_t n_ahead, next_ahead;
	struct results results;
	struct rx_counters counters;
};

/* Returns 0; or -1 with the reason in err. */
int traffic_init(struct traffic *t, const struct options *o, struct client *clients,
	struct wire *wan, struct wire *lan, char *err, size_t err_size);
void traffic_fini(struct traffic *t);

/* Forget the run before, and begin another one at this rate. */
void traffic_begin(struct traffic *t, double rate);
/*
 * Seal the packets of the run, up to n; to be called until it returns false,
 * and the port wants reading in between.
 */
bool traffic_seal_ahead(struct traffic *t, uint64_t n);
/* From now on packets are due. */
void traffic_start(struct traffic *t, uint64_t now_ns);
/* Sends what is due; returns how many. */
unsigned traffic_turn(struct traffic *t, uint64_t now_ns);
/* Frees what was sealed and not sent; what was sent may still arrive. */
void traffic_stop(struct traffic *t);

/* An inner packet came out of the client's tunnel; client NULL: at the LAN port. */
void traffic_receive(
	struct traffic *t, struct client *c, const uint8_t *inner, size_t len, uint64_t now_ns);

/* Bytes of mbuf that the longest frame wants, and how much memory n such buffers take. */
uint16_t traffic_mbuf_room(const struct options *o);
uint64_t traffic_memory(const struct options *o, uint64_t n);

#endif
