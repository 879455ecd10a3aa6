/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A gateway whose workers run when the test says so, with ports in memory:
 *
 *	clients 203.0.113.0/24, 2001:db8:f::/48      LAN 10.20.0.0/24, fd00:20::/64
 *	        |  (neighbours of wan0)                  |
 *	     wan0 192.0.2.1/24, 2001:db8::1/48        lan0 10.20.0.1/24, fd00:20::1/64
 *	        +----------------- gateway --------------+
 *	 wg0 10.8.0.1/16 fd00:8::1/64 port 51820, MTU 1420, hairpin allowed
 *	 wg1 10.9.0.1/16 fd00:9::1/64 port 51821, MTU 1280, hairpin denied
 *
 * 203.0.113.0/24 and 2001:db8:f::/48 are reached through 192.0.2.254 and
 * 2001:db8::254; both gateways and the LAN hosts .2 are resolved.
 */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "dataplane/dataplane.h"
#include "dataplane/publish.h"
#include "dataplane/worker.h"

#define RIG_WAN 0
#define RIG_LAN 1
#define RIG_PORTS 2
#define RIG_WORKERS_MAX 2
#define RIG_QUEUE 1024
#define RIG_PACKET_MAX 2048

/* Frames that wait for the gateway, or that it has sent. */
struct rig_queue {
	struct rte_mbuf *m[RIG_QUEUE];
	unsigned first, n;
	unsigned room; /* TX only: how many the port still takes */
};

struct rig {
	struct dataplane *dp;
	unsigned n_workers;
	unsigned wakes; /* of control */
	struct rig_queue rx[RIG_PORTS][RIG_WORKERS_MAX], tx[RIG_PORTS][RIG_WORKERS_MAX];
};

extern struct rig rig;

struct rig_session {
	struct session *session;
	uint8_t send_key[32], recv_key[32]; /* as the gateway names them */
	uint32_t local_index, remote_index;
	uint64_t next_counter; /* of packets to the gateway */
};

struct rig_peer {
	struct peer_dp *peer;
	uint32_t id, generation;
	uint8_t iface;
	struct ip_endpoint endpoint;
	struct rig_session s;
};

/* Bytes of an IP packet, a message or a frame. */
struct rig_packet {
	uint8_t data[RIG_PACKET_MAX];
	uint16_t len;
};

/* ---- life: cmocka's setups and teardown --------------------------------------- */

int rig_eal_setup(void **state);
int rig_eal_teardown(void **state);
int rig_setup(void **state); /* one worker */
int rig_setup_two_workers(void **state);
/* Fails the test when an mbuf is missing. */
int rig_teardown(void **state);

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
#define RIG_TEST_TWO(f) cmocka_unit_test_setup_teardown(f, rig_setup_two_workers, rig_teardown)

/* ---- control ---------------------------------------------------------------------- */

/* allowed is a list of prefixes with commas between; endpoint NULL is unknown. */
struct rig_peer rig_peer(uint8_t iface, const char *allowed, const char *endpoint);
void rig_allow(struct rig_peer *p, const char *prefix);
/* A session in both directions; current tells whether workers seal with it. */
void rig_session(struct rig_peer *p, bool initiator, uint8_t owner, bool current);
void rig_session_retire(struct rig_peer *p);
void rig_neigh(uint8_t port, const char *addr, bool resolved);
/* Let grace periods end and run what waits for them; turns all workers. */
void rig_reclaim(void);

/* ---- workers ---------------------------------------------------------------------- */

void rig_turn(unsigned worker);
/* Until nothing moves any more. */
void rig_turn_all(void);
struct worker *rig_worker(unsigned worker);
/* Sum over interfaces and workers. */
uint64_t rig_drops(enum drop_reason reason);
/* No drop at all since the last call but n of this reason, with this interface. */
void rig_expect_drops(enum drop_reason reason, unsigned iface, uint64_t n);
void rig_expect_no_drops(void);
/* Likewise charged to peers: none since the last call but n of this reason, to p; NULL: to none. */
void rig_expect_charged(const struct rig_peer *p, enum peer_drop reason, uint64_t n);
/* The next event; fails if there is none. */
struct dp_event rig_event(enum dp_event_type type);
void rig_expect_no_event(void);
struct rte_mbuf *rig_punted(enum punt_ring ring); /* NULL: none */

/* ---- packets ------------------------------------------------------------------------ */

struct rig_ip {
	const char *src, *dst; /* of one family */
	uint16_t len; /* of the whole packet */
	uint8_t ttl; /* 0: 64 */
	uint8_t tos;
	bool df;
	uint32_t tag; /* what the payload is made of */
};

/* An IP packet of protocol 253 (RFC 3692) with a checksum where IPv4 has one. */
void rig_ip(struct rig_packet *out, const struct rig_ip *what);
/* Seal an inner packet (or a keepalive, len 0) for the gateway. */
void rig_seal(struct rig_packet *out, const struct rig_peer *p, uint64_t counter, const void *inner,
	uint16_t len);
/* UDP and IP around a message; addresses with ports. tos of the outer header. */
void rig_outer(struct rig_packet *out, const char *from, const char *to, uint8_t tos,
	const struct rig_packet *message);
/* Ethernet around it, to the port's MAC, into its first RX queue or another. */
void rig_receive(uint8_t port, const struct rig_packet *ip);
void rig_receive_on(uint8_t port, unsigned queue, const struct rig_packet *ip);
void rig_receive_frame(uint8_t port, unsigned queue, const void *frame, uint16_t len);
/* All of it for a peer at its endpoint, with its next counter. */
void rig_receive_from(struct rig_peer *p, const struct rig_ip *inner);
void rig_receive_keepalive(struct rig_peer *p);

/* What a port sent, in order, over its queues; false when nothing is left. IP packet. */
bool rig_sent(uint8_t port, struct rig_packet *ip);
unsigned rig_n_sent(uint8_t port);
/*
 * The next packet to a peer: checks the outer headers, and opens it. Returns
 * the length of the text with its padding, and the counter.
 */
uint16_t rig_sent_to(const struct rig_peer *p, struct rig_packet *inner, uint64_t *counter);
/* Fails unless the port's next packet is this one, its TTL lower by one. */
void rig_expect_forwarded(uint8_t port, const struct rig_ip *what);
/* The same, out of a tunnel's packet. */
void rig_expect_tunnelled(const struct rig_peer *p, const struct rig_ip *what);
void rig_expect_silence(void);

#endif
