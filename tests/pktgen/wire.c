/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/wire.h"

#include <string.h>
#include <rte_ethdev.h>

#include "tests/pktgen/frame.h"

void
wire_init(struct wire *w, const struct port *port, struct rte_mempool *pool,
	const struct attachment *a)
{
	memset(w, 0, sizeof(*w));
	w->port = port->dpdk_id;
	w->pool = pool;
	w->station.mac = port->mac;
	w->station.own = a->address.addr;
	w->station.neighbour = a->next_hop;
	w->station.neighbour_mac = a->next_hop_mac;
	w->station.resolved = a->has_mac;
}

struct rte_mbuf *
wire_alloc(struct wire *w, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (m == NULL) {
		w->no_mbuf++;
		return NULL;
	}
	if (rte_pktmbuf_append(m, len) == NULL) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	return m;
}

void
wire_flush(struct wire *w)
{
	unsigned sent = 0;

	while (sent < w->queued) {
		unsigned n = RTE_MIN(w->queued - sent, (unsigned)WIRE_BURST);
		uint64_t bytes[WIRE_BURST];
		unsigned taken;

		/* Once taken, a frame is the driver's. */
		for (unsigned i = 0; i < n; i++)
			bytes[i] = w->queue[sent + i]->pkt_len;
		taken = rte_eth_tx_burst(w->port, 0, w->queue + sent, n);
		for (unsigned i = 0; i < taken; i++)
			w->tx_bytes += bytes[i];
		w->tx_frames += taken;
		sent += taken;
		if (taken < n)
			break;
	}
	w->queued -= sent;
	if (sent > 0 && w->queued > 0)
		memmove(w->queue, w->queue + sent, w->queued * sizeof(w->queue[0]));
}

bool
wire_send_udp(struct wire *w, const struct ip_endpoint *from, const struct ip_endpoint *to,
	uint8_t tos, const void *payload, size_t len)
{
	size_t overhead = frame_udp_overhead(from->addr.family);
	struct rte_mbuf *m = wire_space(w) > 0 ? wire_alloc(w, overhead + len) : NULL;
	uint8_t *at;

	if (m == NULL)
		return false;
	at = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(at + overhead, payload, len);
	frame_write_udp(at, &w->station.mac, &w->station.neighbour_mac, from, to, tos, len);
	wire_queue(w, m);
	return true;
}

static void
send_small(struct wire *w, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = len > 0 && wire_space(w) > 0 ? wire_alloc(w, len) : NULL;

	if (m == NULL)
		return;
	memcpy(rte_pktmbuf_mtod(m, void *), frame, len);
	wire_queue(w, m);
}

void
wire_ask(struct wire *w)
{
	uint8_t frame[STATION_FRAME_MAX];

	send_small(w, frame, station_ask(&w->station, frame));
}

void
wire_answer(struct wire *w, const uint8_t *frame, size_t len)
{
	uint8_t answer[STATION_FRAME_MAX];

	send_small(w, answer, station_receive(&w->station, frame, len, answer));
}
