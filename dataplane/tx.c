/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames gather for each port and leave at the end of the turn, or when a burst is full. */
#include <rte_ethdev.h>

#include "dataplane/worker.h"

static void
drop_all(struct worker *w, struct tx_buffer *b, enum drop_reason reason)
{
	for (unsigned i = 0; i < b->n; i++)
		worker_drop(w, b->m[i], reason, PKT_NO_IFACE);
}

/* To the worker that has a TX queue of this port. */
static void
hand_off_all(struct worker *w, struct tx_buffer *b, const struct port *port)
{
	for (unsigned i = 0; i < b->n; i++) {
		*pkt_meta(b->m[i]) = (struct pkt_meta){
			.kind = PKT_HANDOFF_TX, .port = port->id, .iface = PKT_NO_IFACE};
		worker_handoff(w, port->tx_worker, b->m[i]);
	}
}

static void
send_all(struct worker *w, struct tx_buffer *b, const struct port *port)
{
	unsigned sent = rte_eth_tx_burst(port->dpdk_id, port->worker_txq[w->id], b->m, b->n);

	w->stats.tx_packets += sent;
	for (unsigned i = sent; i < b->n; i++)
		worker_drop(w, b->m[i], DROP_tx_full, PKT_NO_IFACE);
}

/* Empty a port's buffer one way or the other; how many packets it was. */
static unsigned
flush_port(struct worker *w, uint8_t port_id)
{
	const struct port *port = &w->dp->ports.port[port_id];
	struct tx_buffer *b = &w->tx[port_id];
	unsigned n = b->n;

	if (unlikely(!atomic_load_explicit(&port->link_up, memory_order_relaxed)))
		drop_all(w, b, DROP_link_down);
	else if (unlikely(port->worker_txq[w->id] == PORT_NO_QUEUE))
		hand_off_all(w, b, port);
	else
		send_all(w, b, port);
	b->n = 0;
	return n;
}

void
worker_tx_flush_full(struct worker *w, uint8_t port)
{
	uint64_t before = w->mark_tsc, start = w->timed ? rte_rdtsc() : 0;

	/* In the middle of another stage, which goes on being charged from where it was. */
	w->mark_tsc = start;
	worker_stage_done(w, STAGE_tx, flush_port(w, port));
	w->mark_tsc = before + (w->mark_tsc - start);
}

void
worker_tx_flush(struct worker *w)
{
	unsigned n = 0;

	for (uint8_t port = 0; port < w->dp->ports.n; port++)
		if (w->tx[port].n > 0)
			n += flush_port(w, port);
	if (n > 0)
		worker_stage_done(w, STAGE_tx, n);
}
