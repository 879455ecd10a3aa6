/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cold half of a peer, and where to find it: keys, timers, key slots,
 * configuration. All of it belongs to the control lcore. Its hot half is
 * struct peer_dp in dataplane/.
 */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <ev.h>

#include "control/cookie.h"
#include "control/noise.h"
#include "control/timers.h"
#include "dataplane/addr.h"

struct control;
struct peer_dp;
struct session;

#define PEER_LOG_NAME 64

/* A derived session in one of the peer's slots. */
struct key_slot {
	struct session *session; /* NULL: empty */
	uint32_t local_index;
	uint64_t born_ns;
	uint8_t owner; /* worker */
	bool initiator;
};

/* What is still to be done after a worker has told of traffic; see handshake.c. */
enum traffic_watch {
	WATCH_IDLE, /* workers tell of the next traffic */
	WATCH_TOLD, /* told, and nothing was due: ask to be told again at recheck_ns */
	WATCH_AGAIN, /* asked: look once more at recheck_ns for what was set meanwhile */
	WATCH_TIMERS, /* the timers follow the traffic by themselves */
};

struct peer {
	struct control *control;
	char name[PEER_LOG_NAME];
	struct noise_peer noise;
	struct cookie_peer cookie;

	struct timers timers;
	ev_timer wakeup;
	uint64_t recheck_ns; /* 0: none */

	struct peer_dp *dp;
	uint32_t id, generation; /* dp's */
	struct key_slot previous, current, next;
	uint32_t initiation_index; /* while initiation_pending */

	uint64_t idle_ns; /* when the session is too old to be used; 0: no session, or told */
	uint64_t roam_line_ns; /* when the log last told of roaming; 0 never */
	const char *abandoned_why; /* as the log has told it; NULL: there is nothing to repeat */
	uint64_t last_handshake_wall_ns; /* since the epoch; 0 never */
	uint64_t handshake_rx_bytes, handshake_tx_bytes; /* UDP payload */

	uint64_t recovery_due_ns; /* of recovery.h, as recovery_rounds and the link are */
	TAILQ_ENTRY(peer) recovery_link;

	struct ip_prefix *allowed_ips; /* as configured, sorted; others may have taken some */
	uint32_t n_allowed_ips;

	/* What is small, together: there are a hundred thousand of these. */
	enum traffic_watch watch;
	uint16_t persistent_keepalive; /* as configured, seconds */
	uint8_t iface;
	bool initiation_pending; /* initiation_index is allocated */
	bool connected; /* a handshake was completed and keys have not expired since */
	bool recovering; /* in recovery.h's list */
	uint8_t recovery_rounds; /* initiations that are left */
};

/* Created inactive: no allowed-IPs, no endpoint. NULL with a reason in err. */
struct peer *peer_create(
	struct control *c, uint8_t iface, const uint8_t public_key[32], char *err, size_t err_size);
/* Out of the tables, keys wiped; the hot half goes in two phases. */
void peer_destroy(struct peer *peer);

struct peer *peer_find(struct control *c, uint8_t iface, const uint8_t public_key[32]);
/* By the id and generation of an event; NULL if the peer is gone. */
struct peer *peer_find_id(struct control *c, uint32_t id, uint32_t generation);

/*
 * Make the allowed-IPs these, adding before removing, a bounded number at a
 * time: tens of thousands of prefixes of one peer take seconds. The peer must
 * stay, and nobody else's allowed-IPs may be edited meanwhile.
 */
struct prefix_edit {
	struct peer *peer;
	struct ip_prefix *list; /* the new ones; NULL: nothing is under way */
	uint32_t *taken_from; /* who had each of them */
	uint32_t n, at;
	enum { EDIT_ADDS, EDIT_REMOVES, EDIT_UNDOES } phase;
};

enum edit_state {
	EDIT_MORE, /* run it again */
	EDIT_DONE,
	EDIT_REFUSED, /* with a reason in err, and nothing changed */
};

/* prefixes are copied. 0; or -1 with a reason in err. */
int prefix_edit_begin(struct prefix_edit *e, struct peer *peer, const struct ip_prefix *prefixes,
	uint32_t n, char *err, size_t err_size);
/* Takes one from *budget for each step. err may be written before the end: keep it. */
enum edit_state prefix_edit_run(
	struct prefix_edit *e, uint32_t *budget, char *err, size_t err_size);
/* Only for one that is given up in between. */
void prefix_edit_fini(struct prefix_edit *e);

/* "wg0: alice": for log lines. Valid until the next call. */
const char *peer_label(const struct peer *peer);

#endif
