/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What systemd wants to hear of a service (Type=notify, WatchdogSec=); silence
 * where nobody asks. Management thread only.
 */
#ifndef CONTROL_SERVICE_H
#define CONTROL_SERVICE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/port.h"

struct management;

/* Part of struct management; zero is "not started". */
struct service {
	struct management *m;
	ev_timer alive; /* while there is a watchdog to feed */
	uint64_t cycles[WORKER_MAX]; /* of each worker, at the last turn */
	bool stuck; /* has been told */
};

/* Feed the watchdog from m's loop, if there is one: see service_alive. */
void service_start(struct service *s, struct management *m);
void service_stop(struct service *s);

/* All peers are in force. */
void service_ready(const struct management *m);
/* The end has begun. */
void service_stopping(void);

/*
 * Whether all threads do their work: control answers, which is waited for, and each
 * worker has turned since this was last asked, a second ago or longer.
 */
bool service_alive(struct service *s);

#endif
