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

struct next_hop {
	const uint8_t *addr; /* 4 or 16 bytes */
	uint8_t family;
	uint8_t port;
};

/* Whose MAC a packet for addr gets; dst is FIB_PORT or FIB_VIA. */
static inline struct next_hop
next_hop_of(const struct worker *w, fib_dst dst, uint8_t family, const uint8_t *addr)
{
	const struct fib_gateway *gateway;

	if (fib_kind(dst) != FIB_VIA)
		return (struct next_hop){addr, family, (uint8_t)fib_id(dst)};
	gateway = &w->fib->gateways[fib_id(dst)];
	return (struct next_hop){gateway->addr.bytes, gateway->addr.family, gateway->port};
}

static struct ip_addr
hop_addr(const struct next_hop *hop)
{
	struct ip_addr a = {.family = hop->family};

	memcpy(a.bytes, hop->addr, ip_addr_len(hop->family));
	return a;
}

/* The packed MAC, or a value without NEIGH_VALID. */
static inline uint64_t
neigh_hw(struct worker *w, const struct next_hop *hop)
{
	struct neigh_hint key = {.family = hop->family, .port = hop->port}, *hint;
	struct neigh *n;
	uint64_t hw;

	address_words(hop->family, hop->addr, &key.low, &key.high);
	hint = &w->neigh_hints[((key.low ^ key.high) * UINT64_C(0x9e3779b97f4a7c15) >> 56 ^
				       hop->port) %
			       NEIGH_HINTS];
	if (unlikely(hint->neigh == NULL || hint->low != key.low || hint->high != key.high ||
		     hint->family != key.family || hint->port != key.port)) {
		struct ip_addr addr = hop_addr(hop);

		key.neigh = neigh_lookup(w->dp->neighbours, hop->port, &addr);
		*hint = key;
	}
	n = hint->neigh;
	if (unlikely(n == NULL))
		return 0;
	hw = atomic_load_explicit(&n->hw, memory_order_relaxed);
	if (w->now_ns - atomic_load_explicit(&n->used_ns, memory_order_relaxed) >
			NEIGH_USED_STEP_NS &&
		(hw & NEIGH_VALID))
		atomic_store_explicit(&n->used_ns, w->now_ns, memory_order_relaxed);
	return hw;
}

static inline void
put_ethernet(struct rte_ether_hdr *eth, const struct port *port, uint8_t family, uint64_t hw)
{
	memcpy(&eth->dst_addr, &hw, RTE_ETHER_ADDR_LEN); /* little-endian host: x86 only */
	eth->src_addr = port->mac;
	eth->ether_type =
		family == IP_V4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
}

bool
worker_next_hop(struct worker *w, fib_dst dst, uint8_t family, const uint8_t *addr,
	struct rte_ether_hdr *eth)
{
	struct next_hop hop = next_hop_of(w, dst, family, addr);
	uint64_t hw = neigh_hw(w, &hop);

	if (unlikely(!(hw & NEIGH_VALID)))
		return false;
	put_ethernet(eth, &w->dp->ports.port[hop.port], family, hw);
	return true;
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
	struct rte_ether_hdr eth;

	put_ethernet(&eth, &w->dp->ports.port[h->port], h->addr.family, hw);
	for (; m != NULL; m = next) {
		next = pkt_meta(m)->next;
		if (hw & NEIGH_VALID)
			worker_add_ethernet(w, m, h->port, &eth);
		else
			worker_drop(w, m, DROP_neigh_failed, PKT_NO_IFACE);
	}
	*h = (struct neigh_hold){.addr.family = IP_NONE};
}

void
worker_output_next(
	struct worker *w, struct rte_mbuf *m, fib_dst dst, uint8_t family, const uint8_t *addr)
{
	struct next_hop hop = next_hop_of(w, dst, family, addr);
	uint64_t hw = neigh_hw(w, &hop);

	if (likely(hw & NEIGH_VALID)) {
		struct last_hop *last = &w->last_hop;

		*last = (struct last_hop){.dst = dst, .family = family, .port = hop.port};
		if (fib_kind(dst) != FIB_VIA)
			address_words(family, addr, &last->low, &last->high);
		put_ethernet(&last->ethernet, &w->dp->ports.port[hop.port], family, hw);
		worker_add_ethernet(w, m, hop.port, &last->ethernet);
	} else {
		struct ip_addr wanted = hop_addr(&hop);

		hold(w, m, hop.port, &wanted);
	}
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

	w->last_hop.dst = fib_dst_make(FIB_NONE, 0);
	if (likely(removals == w->neigh_removals))
		return;
	w->neigh_removals = removals;
	memset(w->neigh_hints, 0, sizeof(w->neigh_hints));
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
