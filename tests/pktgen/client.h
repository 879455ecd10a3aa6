/* SPDX-License-Identifier: BSD-3-Clause */
/* The clients that are played, their keys and sessions. */
#ifndef PKTGEN_CLIENT_H
#define PKTGEN_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control/cookie.h"
#include "control/noise.h"
#include "dataplane/addr.h"
#include "dataplane/replay.h"
#include "tests/pktgen/options.h"

/* A session index is the client's number, and above it what makes it another each time. */
#define CLIENT_NUMBER_BITS 20
#define CLIENT_NUMBER_MASK ((1U << CLIENT_NUMBER_BITS) - 1)

struct session {
	uint32_t local_index, remote_index;
	uint64_t born_ns; /* 0: there is none */
	uint64_t counter; /* of the next packet sent */
	bool unconfirmed; /* the server initiated it, and has sent nothing on it yet */
	uint8_t send[NOISE_KEY_LEN], receive[NOISE_KEY_LEN];
	struct replay_window replay;
};

enum client_state {
	CLIENT_IDLE, /* in no list */
	CLIENT_QUEUED, /* to send an initiation */
	CLIENT_WAITING, /* for a response */
};

struct client {
	uint32_t number;
	struct ip_endpoint source;
	struct ip_addr inner;
	struct noise_identity identity;
	struct noise_peer server;
	struct cookie_peer cookie;
	/* the handshake */
	enum client_state state;
	TAILQ_ENTRY(client) link; /* in the list of its state */
	uint64_t asked_ns; /* when the first initiation of this handshake was sent; 0 not yet */
	uint64_t sent_ns; /* and the last one */
	bool has_cookie; /* a cookie reply came to the initiation sent last */
	bool made_ahead; /* initiation is ready, but for its macs */
	struct message_initiation initiation;
	/* what came of it: current and, while it lives, the one before */
	uint32_t generation;
	unsigned current;
	struct session sessions[2];
	uint64_t last_sent_ns, last_received_ns; /* data or keepalive */
};

TAILQ_HEAD(client_list, client);

/*
 * Reads the key file, or makes it, and derives everybody's keys from it.
 * Returns NULL with a one-line reason in err.
 */
struct client *clients_create(const struct options *o, char *err, size_t err_size);
/* Wipes them. NULL is fine. */
void clients_destroy(struct client *clients, unsigned n);

/* The session that the client sends on at this time; NULL when there is none. */
struct session *client_session(struct client *c, uint64_t now_ns);
/* The one of that local index, which may be the one before; NULL when there is none. */
struct session *client_find_session(struct client *c, uint32_t local_index, uint64_t now_ns);
/* An index for the next session. */
uint32_t client_next_index(struct client *c);
/* After a handshake: becomes the current one. */
void client_add_session(struct client *c, uint32_t local_index, uint32_t remote_index,
	const struct noise_keys *keys, uint64_t now_ns);
/* The same as responder: nothing is sent on it before something came on it. */
void client_add_answered(struct client *c, uint32_t local_index, uint32_t remote_index,
	const struct noise_keys *keys, uint64_t now_ns);
/* A packet has authenticated under it. */
void client_confirm(struct client *c, const struct session *s);

#endif
