/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In control's and the data plane's place: remembers what control_apply told
 * it, as the real one would, and refuses on demand.
 */
#ifndef TESTS_FAKE_CONTROL_H
#define TESTS_FAKE_CONTROL_H

#include "control/audit.h"
#include "control/events.h"
#include "control/management_state.h"

#define FAKE_PEERS_MAX 4096

struct fake_peer {
	bool used;
	uint8_t iface, public_key[32], preshared_key[32];
	bool has_preshared_key;
	char name[PEER_NAME_SIZE];
	struct ip_prefix *allowed_ips;
	unsigned n;
	struct ip_endpoint endpoint;
	uint16_t persistent_keepalive;
};

extern struct fake_control {
	struct fake_peer peers[FAKE_PEERS_MAX];
	unsigned n; /* slots ever used */
	unsigned refuse_at; /* the change with this number is refused, once; 0 is none */
	unsigned keys_set;
	uint8_t private_key[32];
} fake;

/* A directory, a configuration with wg0 (10.8.0.1/16, 51820) and wg1 (51821), no peers, ready. */
void fake_start(struct management *m);
void fake_stop(struct management *m);
extern char fake_dir[64];
extern struct events *fake_events; /* 64 are kept */

struct fake_peer *fake_find(unsigned iface, const uint8_t key[32]);
/* The registry, control and the files on disk say the same about every peer. */
void fake_check_agreement(struct management *m);

#endif
