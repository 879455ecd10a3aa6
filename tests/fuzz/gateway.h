/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole gateway in memory, packet path and control, of the topology that
 * tests/unit/rig.h draws, with two workers. Its clients:
 *
 *	0  wg0  10.8.0.2 fd00:8::2 192.168.77.0/24  at 203.0.113.5:7777
 *	1  wg0  10.8.0.3 fd00:8::3 10.30.0.0/16     at [2001:db8:f::5]:7777, with a psk
 *	2  wg1  10.9.0.2 198.51.100.0/24            where nobody knows
 *	3  wg1  10.9.0.3 fd00:9::3                  at 192.0.2.77:7777, unresolved neighbour
 *	4  wg0  10.8.0.66, a public key of low order, at 203.0.113.6:7777
 *	5  wg0  10.8.0.67, the gateway's own public key, at 203.0.113.7:7777
 *
 * Everything is as at start before each input, and time stands but for
 * gateway_advance.
 */
#ifndef TESTS_FUZZ_GATEWAY_H
#define TESTS_FUZZ_GATEWAY_H

#include "control/state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/rig.h"

#define GATEWAY_CLIENTS 6
#define GATEWAY_PEERS 4 /* of the clients, those that can have a session */

/* Derived keys that the gateway holds, or once held. */
struct gateway_session {
	unsigned client;
	uint8_t iface;
	uint8_t to_gateway[32];
	uint32_t local_index; /* the gateway's */
	uint64_t next_counter;
};

struct gateway_client {
	uint8_t iface;
	struct noise_identity id;
	struct noise_peer gateway; /* as the client sees it */
	struct cookie_peer cookie; /* likewise */
	struct ip_endpoint endpoint; /* to send from */
	struct peer *peer; /* as the gateway sees the client; NULL: removed */
};

extern struct control *gateway_control;
extern struct gateway_client gateway_clients[GATEWAY_CLIENTS];

void gateway_init(void);
void gateway_begin(void);
/* Everything that is under way ends; fails when an mbuf is missing. */
void gateway_end(void);

/* Add the client's peer again, after gateway_remove. */
void gateway_add(unsigned client);
void gateway_remove(unsigned client);
/* A session without a handshake. False when there is no such peer. */
bool gateway_session(unsigned client, bool initiator, unsigned worker, struct gateway_session *out);
void gateway_receive(
	uint8_t port, unsigned queue, const void *frame, uint16_t len, uint16_t segment);
/* To the port's MAC, with the ethertype that fits the packet; no checksum is made. */
void gateway_receive_ip(uint8_t port, unsigned queue, const struct rig_packet *ip);
/*
 * Workers and control until nothing moves. Every frame that is sent is looked
 * at and given to sent(), if there is one; every packet has to end under a name.
 */
void gateway_run(void (*sent)(uint8_t port, const uint8_t *frame, uint16_t len));
/* Time goes on; peers' and neighbours' timers run when due. */
void gateway_advance(uint64_t ns);
uint64_t gateway_now(void);

#endif
