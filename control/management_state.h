/* SPDX-License-Identifier: BSD-3-Clause */
/* The management thread's state, for the files of management only. */
#ifndef CONTROL_MANAGEMENT_STATE_H
#define CONTROL_MANAGEMENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>
#include <pthread.h>

#include "control/config.h"
#include "control/key.h"
#include "control/refusal.h"
#include "control/registry.h"
#include "control/request.h"
#include "control/service.h"

struct events;
struct http_server;
struct origin;
struct last_seen;
struct peer_store;
struct strangers;
struct uapi_server;

struct managed_iface {
	const struct config_interface *config;
	uint8_t private_key[KEY_LEN]; /* as in force: `wg set` may have changed it */
	uint8_t public_key[KEY_LEN];
	struct peer_store *store; /* its peers on disk */
	/* As in force: a reload may have changed them. */
	char *hook; /* that is asked about unknown keys, or NULL */
	uint32_t hook_idle; /* seconds */
	struct last_seen *seen; /* where they were last heard of */
};

/* Owned by the management thread once it runs; before and after by main. */
struct management {
	const struct config *config;
	struct control *control;
	struct dataplane *dataplane;
	void (*fatal)(void *arg);
	void *arg;

	struct events *events; /* control's */
	struct registry *registry;
	struct managed_iface *ifaces;
	unsigned n_ifaces;
	uint64_t started_ns; /* CLOCK_MONOTONIC */
	uint8_t etag_key[32]; /* random */

	/* Handing over the databases at start. */
	bool ready; /* all peers are in control */
	bool failed;
	unsigned load_iface;
	uint64_t load_cursor;

	/*
	 * Set while requests are served whose answers are held back until
	 * management_sync: one sync then serves all of them.
	 */
	bool defer_sync;

	struct ev_loop *loop;
	ev_async store_wake; /* a checkpoint's thread has ended; by ev_async_send */
	ev_prepare store_prepare; /* looks whether a checkpoint is due, and arms store_timer */
	ev_timer store_timer;
	/* Other threads touch nothing but these, by ev_async_send. */
	ev_async stop;
	ev_async hangup; /* SIGHUP: reload */
	ev_timer seen_timer;
	bool seen_running;
	uint64_t seen_cursor; /* in events */
	uint64_t seen_flushed_ns; /* since the epoch */
	ev_idle loader;
	ev_async happened; /* events were pushed */
	ev_timer tell; /* runs while events that come wait for their turn */
	uint64_t told; /* of the events, the last one that was there when all were told */
	struct http_server *http;
	struct http_server *metrics; /* NULL without control.metrics_listen */
	struct uapi_server *uapi;
	struct service service;
	struct strangers *strangers;
	pthread_t thread;
};

/* Everything but loop, sockets and thread. */
int management_init(struct management *m, const struct config *config, const struct peer_db *dbs,
	struct control *control, struct dataplane *dataplane, char *err, size_t err_size);
void management_fini(struct management *m);

/* Hand the next slice of peers to control. Returns -1 with the reason when one is refused. */
int management_load_slice(struct management *m, char *err, size_t err_size);

/* Index of the interface, or -1. */
int management_find_iface(const struct management *m, const char *name);

/* A peer's state at run time; *info is zeroed but for what names it where control has none. */
void management_peer_info(struct management *m, unsigned iface,
	const struct peer_spec *const *specs, struct peer_info *info, size_t n);

/* What was dropped of peers, likewise. */
void management_peer_drops(struct management *m, unsigned iface,
	const struct peer_spec *const *specs, struct peer_drop_info *drops, size_t n);

/* 0; or -1 with a 503 while the databases are being loaded: nothing may be changed yet. */
int management_check_ready(const struct management *m, struct refusal *why);

/*
 * End the registry's open transaction: hand it to control, write it to disk,
 * commit. private_key, when not NULL, becomes the interface's, in its file too.
 * Returns 0 when all of it is in force and durable (with defer_sync: once
 * management_sync has returned 0); -1 with the reason, and then control, disk
 * and registry are as before the transaction.
 */
int management_commit(struct management *m, unsigned iface, const uint8_t *private_key,
	const struct origin *origin, struct refusal *why);

/* As management_commit does it, but the key is in its file already. */
void management_take_key(struct management *m, unsigned iface, const uint8_t private_key[KEY_LEN],
	const struct origin *origin);
/* path may be NULL; copied. */
void management_set_hook(struct management *m, unsigned iface, const char *path, uint32_t idle_s);

/*
 * Sync what was committed with defer_sync; only then may it be acknowledged.
 * -1 with the reason when the disk fails: then all of it, on that interface, has
 * been taken back, and every request since the last sync is to be answered so.
 */
int management_sync(struct management *m, struct refusal *why);
bool management_is_synced(const struct management *m);

/* management_store.c: the stores' checkpoints in the loop. */
void management_stores_create(struct management *m, const struct peer_db *dbs);
void management_stores_start(struct management *m);
/* Checkpoints, so that the YAML says all. */
void management_stores_destroy(struct management *m);

/* management_seen.c: where peers were last heard of. */
struct peer_change;
void management_seen_create(struct management *m);
void management_seen_start(struct management *m);
void management_seen_destroy(struct management *m);
/* At start: what is remembered of the peer that change is for. */
void management_seen_recall(
	struct management *m, const struct peer_spec *spec, struct peer_change *change);
/* A transaction has set or removed endpoints. */
void management_seen_changed(
	struct management *m, unsigned iface, const struct registry_change *list, size_t n);

#endif
