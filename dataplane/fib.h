/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarding table of a routing domain: own addresses, connected and
 * static routes and the allowed-IPs of all interfaces in one rte_lpm (IPv4)
 * and one left-right pair of rte_lpm6. One lookup answers three questions:
 *
 *   forward  where a packet to this address goes. At equal prefixes a route
 *            wins over an allowed-IP, and that over the unassigned rest of a
 *            tunnel's own prefix.
 *   route    the same from routes alone: the way of outer packets, which
 *            never resolve to a peer.
 *   owner    which peer may send from this address: the longest allowed-IP
 *            that covers it, whatever routes stand beside it.
 *
 * Control writes; workers look up, online in the grace periods. The
 * authoritative prefixes are in an rte_rib, which also finds what an addition
 * covers.
 */
#ifndef DATAPLANE_FIB_H
#define DATAPLANE_FIB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <rte_lpm.h>

#include "dataplane/addr.h"

struct rcu;
struct rte_lpm6;

/* A destination: kind in the top byte, an id below. */
typedef uint32_t fib_dst;

enum fib_kind {
	FIB_NONE = 0,
	FIB_PEER, /* id: peer */
	FIB_PORT, /* id: port; the destination itself is the neighbour */
	FIB_VIA, /* id: gateway; see fib_gateway */
	FIB_LOCAL, /* the gateway itself */
	FIB_UNASSIGNED, /* id: interface whose prefix it is; no peer has it */
	FIB_MARTIAN, /* multicast, loopback, link-local, ...: never forwarded */
};

#define FIB_ID_MASK 0xffffffu
#define FIB_NO_PEER UINT32_MAX

static inline fib_dst
fib_dst_make(enum fib_kind kind, uint32_t id)
{
	return (uint32_t)kind << 24 | (id & FIB_ID_MASK);
}

static inline enum fib_kind
fib_kind(fib_dst d)
{
	return (enum fib_kind)(d >> 24);
}

static inline uint32_t
fib_id(fib_dst d)
{
	return d & FIB_ID_MASK;
}

/* What a prefix resolves to, interned: LPM next hops are indices of these. */
struct fib_entry {
	fib_dst forward;
	fib_dst route;
	uint32_t owner; /* peer id, or FIB_NO_PEER */
	uint32_t references; /* control only */
};

struct fib_gateway {
	struct ip_addr addr;
	uint8_t port;
};

struct fib_control; /* the authoritative prefixes */

struct fib {
	struct rte_lpm *lpm4;
	_Atomic(struct rte_lpm6 *) lpm6; /* the active one of two */
	_Atomic uint32_t default4, default6; /* rte_lpm refuses depth 0 */
	struct fib_entry *entries;
	struct fib_gateway *gateways;
	struct fib_control *control;
};

/* Room for max_prefixes; NULL with a reason in err. */
struct fib *fib_create(uint32_t max_prefixes, struct rcu *rcu, char *err, size_t err_size);
void fib_destroy(struct fib *fib);

/* Control. 0; or -1 with a reason in err and nothing changed. */
int fib_route_add(
	struct fib *fib, const struct ip_prefix *prefix, fib_dst dst, char *err, size_t err_size);
/* A route via a gateway; interns it. */
int fib_route_add_via(struct fib *fib, const struct ip_prefix *prefix, const struct ip_addr *via,
	uint8_t port, char *err, size_t err_size);
/* The prefix of a tunnel: unassigned addresses in it go nowhere. */
int fib_tunnel_add(
	struct fib *fib, const struct ip_prefix *prefix, uint8_t iface, char *err, size_t err_size);
/*
 * Give an allowed-IP to a peer of an interface. *taken_from is the peer that
 * had it: FIB_NO_PEER if nobody, the same peer if nothing changes. Refused when
 * another interface has it.
 */
int fib_allowed_add(struct fib *fib, const struct ip_prefix *prefix, uint8_t iface, uint32_t peer,
	uint32_t *taken_from, char *err, size_t err_size);
/* Remove it if this peer has it; false if not. */
bool fib_allowed_remove(struct fib *fib, const struct ip_prefix *prefix, uint32_t peer);
/*
 * IPv4 changes are visible at once. IPv6 changes gather in the inactive copy:
 * commit publishes them, waits for a grace period and repeats them in the
 * other copy.
 */
void fib_commit(struct fib *fib);

/* ---- workers --------------------------------------------------------------- */

/* ips in host order; entry indices come out. */
static inline void
fib_lookup4(const struct fib *fib, const uint32_t *ips, uint32_t *out, unsigned n)
{
	uint32_t miss = atomic_load_explicit(&fib->default4, memory_order_relaxed);

	/* The look-ups do not wait for each other: one pass costs less than lookup_bulk's two. */
	for (unsigned i = 0; i < n; i++)
		if (rte_lpm_lookup(fib->lpm4, ips[i], &out[i]) != 0)
			out[i] = miss;
}

void fib_lookup6(const struct fib *fib, uint8_t (*ips)[16], uint32_t *out, unsigned n);
/* One address of either family. */
const struct fib_entry *fib_lookup(const struct fib *fib, const struct ip_addr *addr);

#endif
