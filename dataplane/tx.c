/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames gather for each port and leave at the end of the turn, or when a burst is full. */
#include <rte_ethdev.h>

#include "dataplane/worker.h"

static void
port_flush(struct worker *w, uint8_t port_id)
{
	const struct port *port = &w->dp->ports.port[port_id];
	struct tx_buffer *b = &w->tx[port_id];
	uint64_t start = rte_rdtsc(), cycles;
	unsigned sent = rte_eth_tx_burst(port->dpdk_id, port->worker_txq[w->id], b->m, b->n);

	/* A full buffer is flushed in the middle of another stage: charge tx, not that one. */
	cycles = rte_rdtsc() - start;
	w->mark_tsc += cycles;
	w->stats.stage_cycles[STAGE_tx] += cycles;
	w->stats.stage_packets[STAGE_tx] += b->n;
	w->stats.tx_packets += sent;
	for (unsigned i = sent; i < b->n; i++)
		worker_drop(w, b->m[i], DROP_tx_full, PKT_NO_IFACE);
	b->n = 0;
}

void
worker_tx(struct worker *w, uint8_t port_id, struct rte_mbuf *m)
{
	const struct port *port = &w->dp->ports.port[port_id];
	struct tx_buffer *b = &w->tx[port_id];

	if (unlikely(!atomic_load_explicit(&port->link_up, memory_order_relaxed))) {
		worker_drop(w, m, DROP_link_down, PKT_NO_IFACE);
		return;
	}
	if (unlikely(port->worker_txq[w->id] == PORT_NO_QUEUE)) {
		*pkt_meta(m) = (struct pkt_meta){
			.kind = PKT_HANDOFF_TX, .port = port_id, .iface = PKT_NO_IFACE};
		worker_handoff(w, port->tx_worker, m);
		return;
	}
	b->m[b->n++] = m;
	if (b->n == BURST)
		port_flush(w, port_id);
}

void
worker_tx_flush(struct worker *w)
{
	for (uint8_t port = 0; port < w->dp->ports.n; port++)
		if (w->tx[port].n > 0)
			port_flush(w, port);
}
