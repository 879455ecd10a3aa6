/* SPDX-License-Identifier: BSD-3-Clause */
/* A handshake message on its way through control. Private to this room. */
#ifndef CONTROL_RECEIVED_H
#define CONTROL_RECEIVED_H

#include "control/state.h"

#define MESSAGES_A_TURN NOISE_BATCH /* of each ring */
_Static_assert(MESSAGES_A_TURN <= COOKIE_BATCH, "a batch is judged at once");

struct received {
	struct control *c;
	struct iface *iface;
	uint8_t iface_id;
	uint8_t worker;
	uint8_t port; /* where it came in, in a frame from this MAC */
	uint8_t ring; /* enum punt_ring */
	uint16_t source; /* bucket of from */
	struct rte_ether_addr mac;
	struct ip_endpoint from, to;
	const void *data;
	uint16_t len;
	uint64_t now_ns;
};

/*
 * admit.c: initiations and responses that are worth the work, to the front;
 * returns how many. All came in one ring. Others are counted, and answered
 * with a cookie where that is due.
 */
unsigned admit(const struct received **r, unsigned n, bool loaded);

#endif
