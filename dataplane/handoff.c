/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From worker to worker: transport data to the session's owner, and frames to
 * the worker that sends on a port with too few TX queues. The receiver looks
 * the session up again: a pointer in a ring could outlive its grace period.
 */
#include "dataplane/worker.h"

void
worker_handoff(struct worker *w, uint8_t to, struct rte_mbuf *m)
{
	struct tx_buffer *b = &w->to_worker[to];

	if (b->n == BURST)
		worker_handoff_flush(w);
	b->m[b->n++] = m;
}

void
worker_handoff_flush(struct worker *w)
{
	for (unsigned to = 0; to < w->dp->n_workers; to++) {
		struct tx_buffer *b = &w->to_worker[to];
		struct worker *other = w->dp->workers[to];
		unsigned sent;

		if (b->n == 0)
			continue;
		sent = rte_ring_mp_enqueue_burst(other->handoff, (void **)b->m, b->n, NULL);
		for (unsigned i = sent; i < b->n; i++)
			worker_drop(w, b->m[i], DROP_queue_full, pkt_meta(b->m[i])->iface);
		b->n = 0;
		if (sent > 0)
			worker_wake(other);
	}
}

static void
rebuild(struct rte_mbuf *m, struct rx_data *d)
{
	const struct pkt_meta *meta = pkt_meta(m);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	*d = (struct rx_data){
		.m = m,
		.l3 = frame + meta->l3_off,
		.wg = frame + meta->wg_off,
		.wg_len = meta->wg_len,
		.tos = meta->tos,
		.family = meta->family,
		.iface = meta->iface,
		.port = meta->port,
	};
}

unsigned
worker_handoff_poll(struct worker *w)
{
	struct rte_mbuf *m[BURST];
	struct rx_data data[BURST];
	unsigned n = rte_ring_sc_dequeue_burst(w->handoff, (void **)m, BURST, NULL), n_data = 0;

	if (n == 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		if (pkt_meta(m[i])->kind == PKT_HANDOFF_TX)
			worker_tx(w, pkt_meta(m[i])->port, m[i]);
		else
			rebuild(m[i], &data[n_data++]);
	}
	worker_stage_done(w, STAGE_handoff, n);
	if (n_data > 0)
		worker_decap(w, data, n_data);
	return n;
}
