/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that await a session stay on the worker that staged them: at most
 * 128 a peer, shared out among the workers, the oldest dropped first, and at
 * most an eighth of the mempool for all peers together.
 */
#include "dataplane/worker.h"

static struct rte_mbuf *
unstage(struct worker *w, struct peer_worker *pw)
{
	struct rte_mbuf *m = pw->staged_head;

	pw->staged_head = pkt_meta(m)->next;
	if (pw->staged_head == NULL)
		pw->staged_tail = NULL;
	pw->n_staged--;
	w->n_staged--;
	return m;
}

void
worker_stage(struct worker *w, struct peer_dp *peer, struct rte_mbuf *m)
{
	struct peer_worker *pw = &w->peers[peer->id];

	if (pw->n_staged >= w->staged_max_peer)
		worker_drop_of_peer(w, unstage(w, pw), PEER_DROP_stage_full, peer->iface, peer->id);
	if (w->n_staged >= w->staged_max) {
		worker_drop_of_peer(w, m, PEER_DROP_stage_full, peer->iface, peer->id);
		return;
	}
	pkt_meta(m)->next = NULL;
	if (pw->staged_tail != NULL)
		pkt_meta(pw->staged_tail)->next = m;
	else
		pw->staged_head = m;
	pw->staged_tail = m;
	pw->n_staged++;
	w->n_staged++;
}

void
worker_flush_staged(struct worker *w, uint32_t peer_id)
{
	struct peer_worker *pw = &w->peers[peer_id];
	/* Not more than there are now: without a session they would be staged again. */
	uint32_t left = pw->n_staged;

	w->flushing = true;
	while (left > 0) {
		struct encap_packet batch[BURST];
		unsigned n = 0;

		while (n < BURST && left > 0) {
			batch[n++] = (struct encap_packet){
				.m = unstage(w, pw),
				.peer_id = peer_id,
				.from_peer = PKT_NO_PEER,
				.from_iface = PKT_NO_IFACE,
				.from_port = PORT_MAX,
			};
			left--;
		}
		worker_encap(w, batch, n);
	}
	w->flushing = false;
}

void
worker_drop_staged(struct worker *w, uint32_t peer_id)
{
	struct peer_worker *pw = &w->peers[peer_id];
	struct peer_dp *peer = worker_peer(w, peer_id);

	while (pw->n_staged > 0)
		worker_drop_of_peer(w, unstage(w, pw), PEER_DROP_stage_expired,
			peer != NULL ? peer->iface : PKT_NO_IFACE,
			peer != NULL ? peer_id : PKT_NO_PEER);
}
