/* SPDX-License-Identifier: BSD-3-Clause */
/* What control tells a worker, in order; see worker_mailbox_poll. */
#ifndef DATAPLANE_MAILBOX_H
#define DATAPLANE_MAILBOX_H

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/addr.h"

enum dp_message_type {
	MSG_FLUSH_STAGED, /* the peer has a session now */
	MSG_DROP_STAGED, /* its handshake gave up */
	MSG_KEEPALIVE, /* seal an empty packet for the peer */
	MSG_PEER_GONE, /* forget everything of the id; count down *pending */
	MSG_NEIGH_DONE,
};

struct dp_message {
	uint8_t type; /* enum dp_message_type */
	uint8_t port; /* MSG_NEIGH_DONE */
	uint8_t resolved; /* likewise */
	uint8_t keepalive; /* MSG_FLUSH_STAGED: send an empty packet if nothing is staged */
	uint32_t peer_id;
	struct ip_addr addr; /* MSG_NEIGH_DONE */
	_Atomic uint32_t *pending; /* MSG_PEER_GONE: workers that have not confirmed yet */
};

#endif
