/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control lcore: handshakes, timers, publication. One libev loop that
 * blocks in epoll when there is nothing to do.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "control/config.h"

struct control;
struct dataplane;
struct dataplane_config;
struct events;

/* Takes identities and interfaces from config. NULL with a reason in err. */
struct control *control_create(const struct config *config, char *err, size_t err_size);
/* Before control_run; config is dp's. 0; or -1 with a reason. */
int control_attach(struct control *c, struct dataplane *dp, const struct dataplane_config *config,
	char *err, size_t err_size);
/*
 * The main thread: returns after SIGTERM, SIGINT or control_stop. The caller
 * has these signals blocked in all threads, and finds them so again: they are
 * taken here only.
 */
void control_run(struct control *c);
/* Any thread, and signal handlers. */
void control_stop(struct control *c);
/* Any thread: there is something in a ring; for struct dataplane_config.wake_control. */
void control_wake(void *control);
/*
 * What has happened to peers, and for management to add to. Lives as long as
 * control.
 */
struct events *control_events(struct control *c);
/* Before control_run: who is told of SIGHUP, from the main thread; must not block. */
void control_on_hangup(struct control *c, void (*hangup)(void *arg), void *arg);
/* From now on requests of management are answered at once, with a refusal. */
void control_close(struct control *c);
/* The loop has ended: retires all peers, before dp is destroyed. */
void control_detach(struct control *c);
/* Wipes all keys. */
void control_destroy(struct control *c);

#endif
