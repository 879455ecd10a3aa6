/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the control lcore share. Private to this room. */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include <pthread.h>
#include <ev.h>
#include <rte_hash.h>

#include "control/config.h"
#include "control/control.h"
#include "control/cookie.h"
#include "control/events.h"
#include "control/noise.h"
#include "control/peer.h"
#include "control/ratelimiter.h"
#include "control/recovery.h"
#include "dataplane/clock.h"
#include "dataplane/dataplane.h"

struct local;
struct request;

#define PEER_KEY_LEN 36 /* of by_key: public key and interface */

struct iface {
	char name[CONFIG_NAME_SIZE];
	uint16_t listen_port;
	struct noise_identity identity;
	struct cookie_checker checker;
};

/* Requests of management, answered one after the other. */
struct request_queue {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t answered;
	struct request *first, *last;
	bool closed;
};

struct control {
	struct ev_loop *loop;
	ev_async wake;
	ev_signal sigterm, sigint, sighup;
	ev_timer reclaim, local_timer, links;
	ev_prepare wake_workers;
	struct dataplane *dp;
	struct local *local;
	struct iface ifaces[IFACE_MAX];
	uint8_t n_ifaces;
	uint32_t max_peers;
	struct rte_hash *by_key; /* {iface, public key} -> struct peer */
	struct peer **by_id; /* by the hot half's id */
	uint32_t n_peers;
	bool ending; /* workers have stopped, and the data plane is destroyed next */
	struct ratelimiter *limiter;
	struct under_load load;
	struct reply_limiter replies;
	/* Lines about refused handshakes: so many a second, the rest is only counted. */
	struct per_second reject_lines;
	/* Likewise those about peers that connect and go, whom events tell of. */
	struct per_second peer_lines;
	/* Initiations from unknown keys: so many a second are looked at more closely. */
	struct per_second unknown;
	struct recovery recovery;
	struct request_queue requests;
	struct events *events;
	void (*hangup)(void *arg);
	void *hangup_arg;
};

/* handshake_rx.c: handle what was punted; returns how many there were. */
unsigned handshake_poll(struct control *c);

/* handshake.c */
void handshake_event(struct control *c, const struct dp_event *event);
/* The peer's timers may have changed: arm its wake-up. */
void handshake_rearm(struct peer *peer);
void handshake_wakeup(struct ev_loop *loop, ev_timer *timer, int events);
/* To the peer's endpoint, counted as an authenticated packet of ours. */
bool handshake_send(struct peer *peer, unsigned worker, const void *message, uint16_t len);
/* Both sides have the session now; role for the log line. */
void handshake_completed(struct peer *peer, uint64_t now, const char *role);
/* A log line about it, unless there was one for the peer a moment ago. */
void handshake_roamed(struct peer *peer, const struct ip_endpoint *to);
/* Valid until the next call. */
const char *handshake_endpoint_text(const struct ip_endpoint *e);
/* An event about the peer; endpoint, reason and role may be NULL. */
void handshake_tell(const struct peer *peer, enum event_type type,
	const struct ip_endpoint *endpoint, const char *reason, const char *role);
/* Key slots, pending initiation and timers' state: all gone. */
void handshake_forget(struct peer *peer);

/* request.c: answer what is queued, a slice at a time; true while there is more. */
bool request_poll(struct control *c);

#endif
