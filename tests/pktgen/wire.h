/* SPDX-License-Identifier: BSD-3-Clause */
/* One port with what waits to be sent on it. */
#ifndef PKTGEN_WIRE_H
#define PKTGEN_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <rte_mbuf.h>

#include "dataplane/port.h"
#include "tests/pktgen/options.h"
#include "tests/pktgen/station.h"

#define WIRE_BURST 64
#define WIRE_QUEUE 512 /* frames */

struct wire {
	uint16_t port; /* of DPDK */
	struct rte_mempool *pool;
	struct station station;
	struct rte_mbuf *queue[WIRE_QUEUE];
	unsigned queued;
	uint64_t tx_frames, tx_bytes; /* that the driver took; without the FCS */
	uint64_t rx_frames, rx_bytes;
	uint64_t no_mbuf;
};

void wire_init(struct wire *w, const struct port *port, struct rte_mempool *pool,
	const struct attachment *a);
/* Room for len bytes, already accounted for in the mbuf; NULL when there is no buffer. */
struct rte_mbuf *wire_alloc(struct wire *w, size_t len);
static inline unsigned
wire_space(const struct wire *w)
{
	return WIRE_QUEUE - w->queued;
}
/* The caller has asked wire_space() before. */
static inline void
wire_queue(struct wire *w, struct rte_mbuf *m)
{
	w->queue[w->queued++] = m;
}
/* Gives the driver what waits; what it does not take, waits on. */
void wire_flush(struct wire *w);
/* UDP to the next hop; the payload is copied. False when there is no room or no buffer. */
bool wire_send_udp(struct wire *w, const struct ip_endpoint *from, const struct ip_endpoint *to,
	uint8_t tos, const void *payload, size_t len);
/* Sends a question for the next hop's MAC. */
void wire_ask(struct wire *w);
/* Answers ARP and neighbour discovery. */
void wire_answer(struct wire *w, const uint8_t *frame, size_t len);

#endif
