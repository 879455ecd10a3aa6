/* SPDX-License-Identifier: BSD-3-Clause */
/* What control sends down: messages in order, and packets to send. */
#include <rte_ring_elem.h>

#include "dataplane/worker.h"

#define MESSAGES_A_TURN 64

static void
send_keepalive(struct worker *w, uint32_t peer_id)
{
	struct rte_mbuf *m;

	if (worker_peer(w, peer_id) == NULL)
		return;
	m = rte_pktmbuf_alloc(w->dp->pool);
	if (m == NULL) {
		w->stats.drops[DROP_no_mbuf][IFACE_NONE]++;
		return;
	}
	worker_encap(w,
		&(struct encap_packet){
			.m = m,
			.peer_id = peer_id,
			.from_peer = PKT_NO_PEER,
			.from_iface = PKT_NO_IFACE,
			.from_port = PORT_MAX,
		},
		1);
}

static void
forget_peer(struct worker *w, const struct dp_message *msg)
{
	worker_drop_staged(w, msg->peer_id);
	memset(&w->peers[msg->peer_id], 0, sizeof(w->peers[msg->peer_id]));
	atomic_fetch_sub_explicit(msg->pending, 1, memory_order_release);
}

static void
handle(struct worker *w, const struct dp_message *msg)
{
	switch ((enum dp_message_type)msg->type) {
	case MSG_FLUSH_STAGED:
		if (msg->keepalive && w->peers[msg->peer_id].n_staged == 0)
			send_keepalive(w, msg->peer_id);
		worker_flush_staged(w, msg->peer_id);
		break;
	case MSG_DROP_STAGED:
		worker_drop_staged(w, msg->peer_id);
		break;
	case MSG_KEEPALIVE:
		send_keepalive(w, msg->peer_id);
		break;
	case MSG_PEER_GONE:
		forget_peer(w, msg);
		break;
	case MSG_NEIGH_DONE:
		worker_neigh_done(w, msg->port, &msg->addr, msg->resolved);
		break;
	}
}

unsigned
worker_mailbox_poll(struct worker *w)
{
	struct dp_message msgs[MESSAGES_A_TURN];
	unsigned n = rte_ring_sc_dequeue_burst_elem(
		w->mailbox, msgs, sizeof(msgs[0]), MESSAGES_A_TURN, NULL);

	for (unsigned i = 0; i < n; i++)
		handle(w, &msgs[i]);
	if (n > 0)
		worker_stage_done(w, STAGE_mailbox, n);
	return n;
}

/* Outer packets of the gateway: routes only, so that they never enter a tunnel. */
static void
inject_outer(struct worker *w, struct rte_mbuf *m)
{
	struct ip_addr dst = {.family = pkt_meta(m)->family};
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	fib_dst route;

	memcpy(dst.bytes, ip_header_destination(dst.family, ip), ip_addr_len(dst.family));
	route = fib_lookup(w->fib, &dst)->route;
	if (fib_kind(route) != FIB_PORT && fib_kind(route) != FIB_VIA)
		worker_drop(w, m, DROP_no_route, pkt_meta(m)->iface);
	else
		worker_output(w, m, route, dst.family, dst.bytes);
}

unsigned
worker_inject_poll(struct worker *w)
{
	struct rte_mbuf *m[BURST];
	struct fwd_packet inner[BURST];
	unsigned n = rte_ring_sc_dequeue_burst(w->inject, (void **)m, BURST, NULL), n_inner = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct pkt_meta *meta = pkt_meta(m[i]);

		if (meta->kind == PKT_INJECT_FRAME)
			worker_tx(w, meta->port, m[i]);
		else if (meta->kind == PKT_INJECT_OUTER)
			inject_outer(w, m[i]);
		else
			inner[n_inner++] = (struct fwd_packet){
				.m = m[i],
				.ip = rte_pktmbuf_mtod(m[i], uint8_t *),
				.from_peer = PKT_NO_PEER,
				.family = *rte_pktmbuf_mtod(m[i], uint8_t *) >> 4,
				.iface = PKT_NO_IFACE,
				.port = PORT_MAX,
			};
	}
	if (n > 0) {
		worker_stage_done(w, STAGE_mailbox, n);
		/* Control has left there what it had no room to answer; now there is some. */
		w->wake_control |= !rte_ring_empty(w->punt[PUNT_RING_HANDSHAKE]);
	}
	if (n_inner > 0)
		worker_forward(w, inner, n_inner);
	return n;
}
