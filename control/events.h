/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to peers, for whoever watches: a ring of fixed size, written by
 * control and by the management thread, read by the latter at any number of
 * cursors. Writing never waits for readers: who is too slow finds a gap, and is
 * told how large it is.
 *
 * Sequence numbers rise by one. The first one of a run is the time of its start
 * in microseconds since the epoch: a cursor from an earlier run lies below all
 * that this one has, so it is seen to be too old, rather than to be of this run.
 */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/addr.h"

#define EVENT_NAME_SIZE 64 /* of a peer, with the terminator */
#define EVENT_REASON_SIZE 192

/* Their names are what outsiders see (docs/openapi.yaml). */
#define EVENT_TYPES(X) \
	X(connected) /* a handshake, and no keys before it */ \
	X(rekeyed) /* a handshake that renews a session */ \
	X(roamed) /* the endpoint changed */ \
	X(idle) /* the session grew too old to be used, and no traffic renewed it */ \
	X(expired) /* its keys are wiped */ \
	X(unanswered) /* our own handshakes got no answer for 90 s */ \
	X(rejected) /* a handshake message, and why */ \
	X(unknown_key) /* a proper initiation whose key no peer has */ \
	X(peer_added) \
	X(peer_changed) \
	X(peer_removed) \
	X(private_key_changed) \
	X(reloaded) /* the files were compared with what runs, and applied */ \
	X(reload_refused)

enum event_type {
#define X(name) EVENT_##name,
	EVENT_TYPES(X)
#undef X
};

#define EVENT_NO_IFACE UINT8_MAX

/* A copy of everything it tells: nothing in it is ever freed. */
struct event {
	uint64_t seq, time_ns; /* since the epoch; both set by events_push */
	uint8_t type; /* enum event_type */
	uint8_t iface; /* index, or EVENT_NO_IFACE */
	bool has_key;
	uint8_t public_key[32];
	char name[EVENT_NAME_SIZE]; /* of the peer; "" when it has none */
	struct ip_endpoint endpoint; /* family IP_NONE: none to tell */
	char reason[EVENT_REASON_SIZE]; /* "" when there is none */
	const char *role; /* static; of the gateway in a handshake, or NULL */
	/* Who asked for a change. */
	const char *via; /* static; NULL where nobody did */
	bool has_caller;
	uint32_t uid;
	int32_t pid;
};

struct events;

struct events *events_create(unsigned size);
void events_destroy(struct events *e);

/* Any thread; copies *event. */
void events_push(struct events *e, const struct event *event);

/*
 * Have wake called, from the thread that pushes and with a lock held, when
 * something is pushed: it may only wake. Then not again before events_rearm:
 * thousands of clients that connect in a second are not to cost a system call
 * each. NULL for no more of it.
 */
void events_set_wake(struct events *e, void (*wake)(void *arg), void *arg);
/* Be woken again by what is pushed from now on; look after it for what was before. */
void events_rearm(struct events *e);

/* What a cursor missed. */
struct event_gap {
	bool missed;
	bool counted; /* false: the cursor is of another run, so nobody knows how many */
	uint64_t lost;
	uint64_t oldest; /* sequence number of the first one that is still there */
};

/*
 * Copy up to max events behind *cursor and move it to the last one. 0 is before
 * all that are kept, without a gap. Returns how many there were.
 */
size_t events_read(
	struct events *e, uint64_t *cursor, struct event *out, size_t max, struct event_gap *gap);
/* Sequence number of the latest one. */
uint64_t events_last(struct events *e);

const char *event_type_name(unsigned type);

#endif
