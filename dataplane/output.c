/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last step of layer 3: which MAC, or a bounded wait for it while control
 * resolves the neighbour.
 */
#include <rte_ether.h>
#include <rte_ip.h>

#include "dataplane/worker.h"

/* Longer than control tries (three times a second apart), should its answer be lost. */
#define HOLD_TIMEOUT_NS (5 * NS_PER_SEC)
#define NEIGH_USED_STEP_NS NS_PER_SEC

static struct neigh *
neigh_find(struct worker *w, uint8_t port, const struct ip_addr *addr)
{
	uint32_t hash, words[4];
	struct neigh *n;

	memcpy(words, addr->bytes, 16);
	hash = (words[0] ^ words[1] ^ words[2] ^ words[3]) * 0x9e3779b1u;
	struct neigh **cached = &w->neigh_cache[(hash >> 20 ^ port) % NEIGH_CACHE];

	n = *cached;
	if (n != NULL && n->port == port && ip_addr_equal(&n->addr, addr))
		return n;
	n = neigh_lookup(w->dp->neighbours, port, addr);
	*cached = n;
	return n;
}

static void
add_ethernet(struct worker *w, struct rte_mbuf *m, uint8_t port_id, uint8_t family, uint64_t hw)
{
	const struct port *port = &w->dp->ports.port[port_id];
	struct rte_ether_hdr *eth = (void *)rte_pktmbuf_prepend(m, sizeof(*eth));

	if (unlikely(eth == NULL)) {
		worker_drop(w, m, DROP_no_mbuf, PKT_NO_IFACE);
		return;
	}
	memcpy(&eth->dst_addr, &hw, RTE_ETHER_ADDR_LEN); /* little-endian host: x86 only */
	eth->src_addr = port->mac;
	eth->ether_type =
		family == IP_V4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	worker_tx(w, port_id, m);
}

static struct neigh_hold *
hold_find(struct worker *w, uint8_t port, const struct ip_addr *addr)
{
	for (unsigned i = 0; i < NEIGH_HOLDS; i++)
		if (w->holds[i].port == port && ip_addr_equal(&w->holds[i].addr, addr))
			return &w->holds[i];
	return NULL;
}

static struct neigh_hold *
hold_start(struct worker *w, uint8_t port, const struct ip_addr *addr)
{
	for (unsigned i = 0; i < NEIGH_HOLDS; i++) {
		struct neigh_hold *h = &w->holds[i];

		if (h->addr.family != IP_NONE)
			continue;
		*h = (struct neigh_hold){.addr = *addr, .port = port, .since_ns = w->now_ns};
		return h;
	}
	return NULL;
}

static void
hold(struct worker *w, struct rte_mbuf *m, uint8_t port, const struct ip_addr *addr)
{
	struct neigh_hold *h = hold_find(w, port, addr);

	if (h == NULL)
		h = hold_start(w, port, addr);
	if (h == NULL || h->n == NEIGH_HOLD_PACKETS) {
		worker_drop(w, m, DROP_neigh_failed, PKT_NO_IFACE);
		return;
	}
	pkt_meta(m)->next = NULL;
	if (h->tail != NULL)
		pkt_meta(h->tail)->next = m;
	else
		h->head = m;
	h->tail = m;
	h->n++;
	if (!h->asked)
		h->asked = worker_event(w, &(struct dp_event){.type = DP_WANT_NEIGH,
						   .worker = w->id,
						   .port = port,
						   .addr = *addr});
}

static void
hold_end(struct worker *w, struct neigh_hold *h, uint64_t hw)
{
	struct rte_mbuf *m = h->head, *next;

	for (; m != NULL; m = next) {
		next = pkt_meta(m)->next;
		if (hw & NEIGH_VALID)
			add_ethernet(w, m, h->port, h->addr.family, hw);
		else
			worker_drop(w, m, DROP_neigh_failed, PKT_NO_IFACE);
	}
	*h = (struct neigh_hold){.addr.family = IP_NONE};
}

void
worker_output(
	struct worker *w, struct rte_mbuf *m, fib_dst dst, uint8_t family, const uint8_t *addr)
{
	struct ip_addr next_hop = {.family = family};
	uint8_t port = (uint8_t)fib_id(dst);
	struct neigh *n;
	uint64_t hw;

	if (fib_kind(dst) == FIB_VIA) {
		const struct fib_gateway *gateway = &w->fib->gateways[fib_id(dst)];

		next_hop = gateway->addr;
		port = gateway->port;
	} else {
		memcpy(next_hop.bytes, addr, family == IP_V4 ? 4 : 16);
	}
	n = neigh_find(w, port, &next_hop);
	hw = n != NULL ? atomic_load_explicit(&n->hw, memory_order_relaxed) : 0;
	if (unlikely(!(hw & NEIGH_VALID))) {
		hold(w, m, port, &next_hop);
		return;
	}
	if (w->now_ns - atomic_load_explicit(&n->used_ns, memory_order_relaxed) >
		NEIGH_USED_STEP_NS)
		atomic_store_explicit(&n->used_ns, w->now_ns, memory_order_relaxed);
	add_ethernet(w, m, port, family, hw);
}

void
worker_neigh_done(struct worker *w, uint8_t port, const struct ip_addr *addr, bool resolved)
{
	struct neigh_hold *h = hold_find(w, port, addr);
	struct neigh *n;

	if (h == NULL)
		return;
	n = resolved ? neigh_lookup(w->dp->neighbours, port, addr) : NULL;
	hold_end(w, h, n != NULL ? atomic_load_explicit(&n->hw, memory_order_relaxed) : 0);
}

void
worker_neigh_refresh(struct worker *w)
{
	uint32_t removals = neigh_removals(w->dp->neighbours);

	if (likely(removals == w->neigh_removals))
		return;
	w->neigh_removals = removals;
	memset(w->neigh_cache, 0, sizeof(w->neigh_cache));
}

void
worker_neigh_housekeeping(struct worker *w)
{
	for (unsigned i = 0; i < NEIGH_HOLDS; i++) {
		struct neigh_hold *h = &w->holds[i];

		if (h->addr.family != IP_NONE && w->now_ns - h->since_ns > HOLD_TIMEOUT_NS)
			hold_end(w, h, 0);
	}
}
