/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * After a restart the gateway calls back the peers that had sessions when the
 * last one ended: clients that send little, or wait for a timer of theirs, come
 * back at once. Each gets an initiation to where it was last heard of, at a rate
 * that leaves control time for others; who does not answer gets a few more, and
 * then is left to his own timers. Control lcore.
 */
#ifndef CONTROL_RECOVERY_H
#define CONTROL_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <ev.h>

struct control;
struct peer;

TAILQ_HEAD(recovery_list, peer);

struct recovery {
	struct control *control;
	struct recovery_list waiting; /* by due time */
	uint32_t n;
	uint32_t total, back; /* of this run, for the log */
	uint64_t links_until_ns; /* wait for links to come up no longer than this; 0: not begun */
	ev_timer timer;
};

void recovery_init(struct recovery *r, struct control *control);
/* Its endpoint is set. Does nothing for one that waits already. */
void recovery_add(struct recovery *r, struct peer *peer);
/* Before the peer goes. */
void recovery_remove(struct recovery *r, struct peer *peer);

#endif
