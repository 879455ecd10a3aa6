/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/resolver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/resolver_wire.h"
#include "dataplane/clock.h"
#include "dataplane/log.h"

/* RFC 4861, 10; ARP entries live by the same times. */
#define RETRANS_NS NS_PER_SEC
#define TRIES 3
#define REACHABLE_NS (30 * NS_PER_SEC)
/* Ours: how long an entry that nobody uses is kept, and a failure is remembered. */
#define UNUSED_NS (600 * NS_PER_SEC)
#define FAILED_NS NS_PER_SEC
/* An entry used this recently is never evicted. */
#define IN_USE_NS (60 * NS_PER_SEC)
/* How often a stale entry is looked at: did a worker use it? */
#define STALE_POLL_NS NS_PER_SEC
/* The MAC of an entry changes at most this often, so that a fight cannot flood the log. */
#define MOVE_LOCK_NS NS_PER_SEC
#define CONFLICT_LOG_NS (10 * NS_PER_SEC)
/* RFC 5227, 2.3: two announcements two seconds apart. */
#define ANNOUNCE_NUM 2
#define ANNOUNCE_NS (2 * NS_PER_SEC)

/*
 * incomplete: nothing known, asking everyone; workers hold packets for it.
 * reachable: confirmed not long ago. stale: usable, not confirmed. probe: usable,
 * asking the one that had it. failed: nobody answered, remembered for a while.
 */
enum state { FREE, INCOMPLETE, REACHABLE, STALE, PROBE, FAILED };

struct entry {
	struct neigh *n; /* NULL while FREE */
	enum state state;
	uint8_t tries; /* solicitations sent in this state */
	bool wanted; /* someone waits for ops->done */
	uint64_t deadline_ns; /* when the state is to be looked at */
	uint64_t since_ns; /* of the last confirmation or, without one, of its making */
	uint64_t moved_ns;
};

struct port_state {
	bool up; /* as of the last tick */
	uint8_t announcements; /* still to send */
	uint64_t announce_ns;
	uint64_t conflict_ns; /* last one that was logged and answered */
};

struct resolver {
	const struct ports *ports;
	struct neigh_table *table;
	struct resolver_ops ops;
	unsigned capacity, used;
	unsigned hand; /* of the eviction's clock */
	struct port_state port[PORT_MAX];
	struct entry entries[]; /* by struct neigh.index */
};

struct resolver *
resolver_create(const struct ports *ports, struct neigh_table *table, unsigned capacity,
	const struct resolver_ops *ops)
{
	struct resolver *r = calloc(1, sizeof(*r) + capacity * sizeof(r->entries[0]));

	if (r == NULL)
		return NULL;
	r->ports = ports;
	r->table = table;
	r->capacity = capacity;
	r->ops = *ops;
	return r;
}

void
resolver_destroy(struct resolver *r)
{
	free(r);
}

/* ---- entries ------------------------------------------------------------- */

static struct entry *
find(struct resolver *r, uint8_t port, const struct ip_addr *a)
{
	struct neigh *n = neigh_lookup(r->table, port, a);

	return n == NULL ? NULL : &r->entries[n->index];
}

static struct rte_ether_addr
entry_mac(const struct entry *e)
{
	uint64_t hw = atomic_load_explicit(&e->n->hw, memory_order_relaxed);
	struct rte_ether_addr mac;

	for (int i = 0; i < 6; i++)
		mac.addr_bytes[i] = hw >> (8 * i);
	return mac;
}

static bool
has_mac(const struct entry *e)
{
	return (atomic_load_explicit(&e->n->hw, memory_order_relaxed) & NEIGH_VALID) != 0;
}

static bool
used_since(const struct entry *e, uint64_t when_ns)
{
	return atomic_load_explicit(&e->n->used_ns, memory_order_relaxed) > when_ns;
}

static void
tell(struct resolver *r, struct entry *e, bool resolved)
{
	if (!e->wanted)
		return;
	e->wanted = false;
	r->ops.done(r->ops.arg, e->n->port, &e->n->addr, resolved);
}

/* Unlinks first, so that nobody finds an entry whose waiters have been told of the failure. */
static void
drop(struct resolver *r, struct entry *e)
{
	struct ip_addr addr = e->n->addr;
	uint8_t port = e->n->port;
	bool wanted = e->wanted;

	atomic_store_explicit(&e->n->hw, 0, memory_order_relaxed);
	neigh_remove(r->table, e->n);
	memset(e, 0, sizeof(*e));
	r->used--;
	if (wanted)
		r->ops.done(r->ops.arg, port, &addr, false);
}

/* How readily an entry is given up, 0 is not at all; a higher rank goes first. */
static unsigned
evict_rank(const struct entry *e, uint64_t now_ns)
{
	switch (e->state) {
	case FREE:
		return 0;
	case FAILED:
		return 4;
	case INCOMPLETE: /* whoever is there answers within milliseconds */
		return e->tries > 1 ? 3 : 1;
	default:
		if (atomic_load_explicit(&e->n->used_ns, memory_order_relaxed) == 0)
			return e->state == STALE ? 3 : 2;
		return used_since(e, now_ns - RTE_MIN(now_ns, IN_USE_NS)) ? 0 : 2;
	}
}

/*
 * Make room. A sweep over the link leaves unanswered entries, a flood of ARP
 * stale ones that nobody used: these go, those in use never do. The hand goes on
 * from where it was, so entries of equal rank go in turns.
 */
static bool
evict(struct resolver *r, uint64_t now_ns)
{
	struct entry *best = NULL;
	unsigned best_rank = 0;

	for (unsigned i = 0; i < r->capacity && best_rank < 3; i++) {
		struct entry *e = &r->entries[r->hand];
		unsigned rank = evict_rank(e, now_ns);

		r->hand = (r->hand + 1) % r->capacity;
		if (rank > best_rank) {
			best_rank = rank;
			best = e;
		}
	}
	if (best == NULL)
		return false;
	drop(r, best);
	return true;
}

/* An eighth stays free, since an evicted slot comes back only after a grace period. */
static struct entry *
make(struct resolver *r, uint8_t port, const struct ip_addr *a, uint64_t now_ns)
{
	struct neigh *n;
	struct entry *e;

	if (r->used >= r->capacity - r->capacity / 8 && !evict(r, now_ns))
		return NULL;
	n = neigh_insert(r->table, port, a);
	if (n == NULL)
		return NULL;
	e = &r->entries[n->index];
	memset(e, 0, sizeof(*e));
	e->n = n;
	e->since_ns = now_ns;
	r->used++;
	return e;
}

/* ---- sending ------------------------------------------------------------- */

/* Ask for the entry's address: everyone, or only the one who has it so far. */
static void
solicit(struct resolver *r, struct entry *e, bool unicast, uint64_t now_ns)
{
	const struct port *p = &r->ports->port[e->n->port];
	const struct ip_addr *src = port_source_address(p, &e->n->addr);
	uint8_t frame[RESOLVER_FRAME_MAX];
	struct rte_ether_addr mac;
	uint16_t len;

	e->tries++;
	e->deadline_ns = now_ns + RETRANS_NS;
	if (src == NULL)
		return;
	mac = entry_mac(e);
	len = solicitation_build(frame, p, src, &e->n->addr, unicast ? &mac : NULL);
	r->ops.send_frame(r->ops.arg, p->id, frame, len);
}

static void
announce(struct resolver *r, const struct port *p, const struct ip_addr *a)
{
	uint8_t frame[RESOLVER_FRAME_MAX];

	r->ops.send_frame(r->ops.arg, p->id, frame, announcement_build(frame, p, a));
}

static void
conflict(struct resolver *r, const struct port *p, const struct ip_addr *a,
	const struct rte_ether_addr *mac, uint64_t now_ns)
{
	struct port_state *s = &r->port[p->id];
	char addr[IP_ADDR_STRLEN], text[RTE_ETHER_ADDR_FMT_SIZE];

	/* Our own frame, reflected by a switch */
	if (rte_is_same_ether_addr(mac, &p->mac))
		return;
	if (s->conflict_ns != 0 && now_ns - s->conflict_ns < CONFLICT_LOG_NS)
		return;
	s->conflict_ns = now_ns;
	rte_ether_format_addr(text, sizeof(text), mac);
	log_warn("port %s: %s also uses our address %s", p->name, text, ip_addr_format(addr, a));
	announce(r, p, a); /* RFC 5227, 2.4 (c): defend it */
}

/* ---- states -------------------------------------------------------------- */

static void
set_reachable(struct resolver *r, struct entry *e, uint64_t now_ns)
{
	e->state = REACHABLE;
	e->tries = 0;
	e->since_ns = now_ns;
	e->deadline_ns = now_ns + REACHABLE_NS;
	tell(r, e, true);
}

static void
set_stale(struct resolver *r, struct entry *e, uint64_t now_ns)
{
	e->state = STALE;
	e->tries = 0;
	e->since_ns = now_ns;
	e->deadline_ns = now_ns + STALE_POLL_NS;
	tell(r, e, true);
}

static void
set_mac(struct resolver *r, struct entry *e, const struct rte_ether_addr *mac, uint64_t now_ns)
{
	const struct port *p = &r->ports->port[e->n->port];
	char addr[IP_ADDR_STRLEN], text[RTE_ETHER_ADDR_FMT_SIZE];

	if (has_mac(e)) {
		e->moved_ns = now_ns;
		rte_ether_format_addr(text, sizeof(text), mac);
		log_info("port %s: %s moved to %s", p->name, ip_addr_format(addr, &e->n->addr),
			text);
	}
	/* Workers use the MAC alone: nothing is ordered by this. */
	atomic_store_explicit(&e->n->hw, neigh_pack(mac), memory_order_relaxed);
}

static bool
same_mac(const struct entry *e, const struct rte_ether_addr *mac)
{
	return atomic_load_explicit(&e->n->hw, memory_order_relaxed) == neigh_pack(mac);
}

static bool
may_move(const struct entry *e, uint64_t now_ns)
{
	return e->moved_ns == 0 || now_ns - e->moved_ns >= MOVE_LOCK_NS;
}

/*
 * A sender told us its address unasked: in an ARP request, a gratuitous ARP, or
 * a solicitation. A known entry follows it (RFC 826's merge; RFC 4861, 7.2.3),
 * unconfirmed. A new one is made only for somebody who is about to talk to us,
 * and only while half of the table is free, so that a flood of these finds no
 * way to push anything out.
 */
static void
learn(struct resolver *r, uint8_t port, const struct ip_addr *a, const struct rte_ether_addr *mac,
	bool to_us, uint64_t now_ns)
{
	struct entry *e = find(r, port, a);

	if (e == NULL) {
		if (!to_us || r->used >= r->capacity / 2)
			return;
		e = make(r, port, a, now_ns);
		if (e == NULL)
			return;
	} else if (same_mac(e, mac) || (has_mac(e) && !may_move(e, now_ns))) {
		return;
	}
	set_mac(r, e, mac, now_ns);
	set_stale(r, e, now_ns);
}

void
resolver_heard(struct resolver *r, uint8_t port, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, uint64_t now_ns)
{
	struct entry *e;

	if (port >= r->ports->n || !port_may_reach(&r->ports->port[port], addr) ||
		port_owns(&r->ports->port[port], addr) || !rte_is_valid_assigned_ether_addr(mac))
		return;
	/* Its sender may be any peer, and its source spoofed: what is known stands. */
	e = find(r, port, addr);
	if (e == NULL || !has_mac(e))
		learn(r, port, addr, mac, true, now_ns);
}

void
resolver_want(struct resolver *r, uint8_t port, const struct ip_addr *addr, uint64_t now_ns)
{
	struct entry *e;

	if (port >= r->ports->n)
		return;
	e = find(r, port, addr);
	if (e != NULL && e->state == FAILED) {
		r->ops.done(r->ops.arg, port, addr, false);
		return;
	}
	if (e != NULL && has_mac(e)) {
		r->ops.done(r->ops.arg, port, addr, true);
		return;
	}
	if (e == NULL) {
		if (port_may_reach(&r->ports->port[port], addr))
			e = make(r, port, addr, now_ns);
		if (e == NULL) {
			r->ops.done(r->ops.arg, port, addr, false);
			return;
		}
		e->state = INCOMPLETE;
		solicit(r, e, false, now_ns);
	}
	e->wanted = true;
}

/* ---- receiving ----------------------------------------------------------- */

bool
resolver_arp(struct resolver *r, uint8_t port, const uint8_t *frame, uint16_t len, uint64_t now_ns)
{
	const struct port *p;
	bool to_us, on_link;
	struct arp_msg m;
	struct entry *e;

	if (port >= r->ports->n || !arp_parse(&m, frame, len))
		return false;
	p = &r->ports->port[port];
	if (port_owns(p, &m.spa)) {
		conflict(r, p, &m.spa, &m.sha, now_ns);
		return true;
	}
	if (rte_is_same_ether_addr(&m.sha, &p->mac))
		return false;
	to_us = port_owns(p, &m.tpa);
	on_link = port_may_reach(p, &m.spa);
	e = on_link ? find(r, port, &m.spa) : NULL;
	/* An answer that we asked for, to us alone */
	if (e != NULL && m.op == ARP_REPLY && to_us && e->tries > 0 &&
		memcmp(frame, &p->mac, sizeof(p->mac)) == 0) {
		if (!same_mac(e, &m.sha))
			set_mac(r, e, &m.sha, now_ns);
		set_reachable(r, e, now_ns);
		return true;
	}
	if (on_link)
		learn(r, port, &m.spa, &m.sha, to_us && m.op == ARP_REQUEST, now_ns);
	if (to_us && m.op == ARP_REQUEST) {
		struct arp_msg reply = {
			.op = ARP_REPLY, .sha = p->mac, .spa = m.tpa, .tha = m.sha, .tpa = m.spa};
		uint8_t out[RESOLVER_FRAME_MAX];

		r->ops.send_frame(r->ops.arg, port, out, arp_build(out, &reply, &m.sha));
	}
	return to_us || e != NULL;
}

/* RFC 4861, 7.2.3 and 7.2.4 */
static bool
solicitation(struct resolver *r, const struct port *p, const struct nd_msg *m, uint64_t now_ns)
{
	bool dad = addr_is_unspecified(&m->src);
	struct rte_ether_addr to = m->has_lla ? m->lla : m->eth_src;
	struct nd_msg reply = {.type = ND_ADVERT,
		.flags = NA_ROUTER | NA_OVERRIDE | (dad ? 0 : NA_SOLICITED),
		.eth_src = p->mac,
		.src = m->target,
		.dst = m->src,
		.target = m->target,
		.has_lla = true,
		.lla = p->mac};
	uint8_t out[RESOLVER_FRAME_MAX];

	if (!port_owns(p, &m->target))
		return false;
	if (port_owns(p, &m->src)) {
		conflict(r, p, &m->src, &m->eth_src, now_ns);
		return true;
	}
	if (rte_is_same_ether_addr(&m->eth_src, &p->mac))
		return false; /* our own frame, reflected */
	if (dad) {
		conflict(r, p, &m->target, &m->eth_src, now_ns);
		reply.dst = (struct ip_addr){.family = IP_V6, .bytes = {0xff, 0x02, [15] = 1}};
		to = multicast_mac(&reply.dst);
	} else if (m->has_lla && port_may_reach(p, &m->src)) {
		learn(r, p->id, &m->src, &m->lla, true, now_ns);
	}
	r->ops.send_frame(r->ops.arg, p->id, out, nd_build(out, &reply, &to));
	return true;
}

/* RFC 4861, 7.2.5 */
static bool
advertisement(struct resolver *r, const struct port *p, const struct nd_msg *m, uint64_t now_ns)
{
	bool override = (m->flags & NA_OVERRIDE) != 0;
	struct entry *e;
	bool differs, solicited;

	if (port_owns(p, &m->target)) {
		conflict(r, p, &m->target, &m->eth_src, now_ns);
		return true;
	}
	e = find(r, p->id, &m->target);
	if (e == NULL || e->state == FAILED)
		return false;
	/* Solicited is what answers us: nobody else's word confirms anything. */
	solicited = (m->flags & NA_SOLICITED) != 0 && port_owns(p, &m->dst) && e->tries > 0;
	if (e->state == INCOMPLETE) {
		if (!m->has_lla)
			return false;
	} else {
		differs = m->has_lla && !same_mac(e, &m->lla);
		if (differs && (!override || !(solicited || may_move(e, now_ns)))) {
			if (e->state == REACHABLE)
				set_stale(r, e, now_ns);
			return true;
		}
		if (!differs && !solicited)
			return true;
	}
	if (m->has_lla && !same_mac(e, &m->lla))
		set_mac(r, e, &m->lla, now_ns);
	if (solicited)
		set_reachable(r, e, now_ns);
	else
		set_stale(r, e, now_ns);
	return true;
}

bool
resolver_nd(struct resolver *r, uint8_t port, const uint8_t *frame, uint16_t len, uint64_t now_ns)
{
	const struct port *p;
	struct nd_msg m;

	if (port >= r->ports->n || !nd_parse(&m, frame, len))
		return false;
	p = &r->ports->port[port];
	return m.type == ND_SOLICIT ? solicitation(r, p, &m, now_ns)
				    : advertisement(r, p, &m, now_ns);
}

/* ---- time ---------------------------------------------------------------- */

static void
step(struct resolver *r, struct entry *e, uint64_t now_ns)
{
	switch (e->state) {
	case FREE:
		return;
	case INCOMPLETE:
		if (e->tries < TRIES) {
			solicit(r, e, false, now_ns);
			return;
		}
		e->state = FAILED;
		e->deadline_ns = now_ns + FAILED_NS;
		tell(r, e, false);
		return;
	case REACHABLE:
		/* In use: confirm it before anyone can be told a wrong address for long. */
		if (used_since(e, e->since_ns)) {
			e->state = PROBE;
			e->tries = 0;
			solicit(r, e, true, now_ns);
		} else {
			set_stale(r, e, now_ns);
		}
		return;
	case STALE:
		if (used_since(e, e->since_ns)) {
			e->state = PROBE;
			e->tries = 0;
			solicit(r, e, true, now_ns);
		} else if (now_ns - e->since_ns >= UNUSED_NS) {
			drop(r, e);
		} else {
			e->deadline_ns = now_ns + STALE_POLL_NS;
		}
		return;
	case PROBE:
		if (e->tries < TRIES) {
			solicit(r, e, true, now_ns);
			return;
		}
		/* Its address may have moved: ask everyone. Packets wait from here on. */
		atomic_store_explicit(&e->n->hw, 0, memory_order_relaxed);
		e->state = INCOMPLETE;
		e->tries = 0;
		solicit(r, e, false, now_ns);
		return;
	case FAILED:
		drop(r, e);
		return;
	}
}

/* When a link comes up, at the start too, the switches behind it have to learn where we are. */
static void
announce_tick(struct resolver *r, const struct port *p, uint64_t now_ns)
{
	struct port_state *s = &r->port[p->id];
	bool up = atomic_load_explicit(&p->link_up, memory_order_relaxed);

	if (up && !s->up) {
		s->announcements = ANNOUNCE_NUM;
		s->announce_ns = now_ns;
	}
	s->up = up;
	if (!up || s->announcements == 0 || now_ns < s->announce_ns)
		return;
	for (unsigned i = 0; i < p->n_addresses; i++)
		announce(r, p, &p->addresses[i].addr);
	s->announcements--;
	s->announce_ns = now_ns + ANNOUNCE_NS;
}

uint64_t
resolver_tick(struct resolver *r, uint64_t now_ns)
{
	uint64_t next_ns = now_ns + NS_PER_SEC; /* for links that come up */

	for (unsigned i = 0; i < r->ports->n; i++)
		announce_tick(r, &r->ports->port[i], now_ns);
	for (unsigned i = 0, left = r->used; i < r->capacity && left > 0; i++) {
		struct entry *e = &r->entries[i];

		if (e->state == FREE)
			continue;
		left--;
		if (now_ns >= e->deadline_ns)
			step(r, e, now_ns);
		if (e->state != FREE && e->deadline_ns < next_ns)
			next_ns = e->deadline_ns;
	}
	return next_ns;
}
