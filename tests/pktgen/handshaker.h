/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes clients initiate at a rate, a bounded number of them at once; repeats
 * what stays unanswered, with the cookie if there came one, as clients do.
 */
#ifndef PKTGEN_HANDSHAKER_H
#define PKTGEN_HANDSHAKER_H

#include "control/noise.h"
#include "tests/pktgen/client.h"
#include "tests/pktgen/histogram.h"
#include "tests/pktgen/pacer.h"
#include "tests/pktgen/wire.h"

struct handshaker {
	const struct options *options;
	struct wire *wire;
	struct pacer pacer;
	struct client_list beginning, repeating; /* to send their first or another initiation */
	struct client_list waiting; /* in the order of sent_ns */
	unsigned n_queued; /* in the first two */
	unsigned n_waiting;
	unsigned n_unanswered; /* of those that wait: have not even a cookie */
	uint64_t retry_ns, timeout_ns;
	uint64_t initiations, retries, cookies, keepalives;
	uint64_t done, failed; /* handshakes that clients began */
	uint64_t answered; /* that the server began */
	uint64_t rejected; /* answers that did not authenticate or that nobody waits for */
	uint64_t last_done_ns;
	struct histogram latency; /* ns from the initiation that was answered to its response */
	struct histogram total; /* and from the first one */
};

void handshaker_init(struct handshaker *h, const struct options *o, struct wire *wire);
/* From now on so many initiations a second, 0 without limit. */
void handshaker_set_rate(struct handshaker *h, double rate, uint64_t now_ns);
/* Does nothing for a client that is at it already. */
void handshaker_add(struct handshaker *h, struct client *c);
/* Compute the initiation that will be sent first. */
void handshaker_make_ahead(struct handshaker *h, struct client *c);
/* Sends what is due, repeats and gives up. Returns whether it did anything. */
bool handshaker_turn(struct handshaker *h, uint64_t now_ns);
/* All that are not done fail. */
void handshaker_give_up(struct handshaker *h);
/* Nobody is queued or waits. */
bool handshaker_idle(const struct handshaker *h);

/*
 * Up to NOISE_BATCH responses, each with the client that its receiver_index
 * names; they came at arrived_ns. Whoever gets a session says so by a keepalive.
 */
void handshaker_respond(struct handshaker *h, struct client *const *clients,
	const struct message_response *const *messages, unsigned n, uint64_t arrived_ns);
/* The server's initiation. False: it is refused. */
bool handshaker_answer(struct handshaker *h, struct client *c, const struct message_initiation *msg,
	uint64_t now_ns);
void handshaker_cookie(struct handshaker *h, struct client *c,
	const struct message_cookie_reply *msg, uint64_t now_ns);
/* Sends a keepalive on the current session, if there is one. */
void handshaker_keepalive(struct handshaker *h, struct client *c, uint64_t now_ns);

#endif
