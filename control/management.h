/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The management thread: HTTP on the control socket, the userspace API on a
 * socket for each interface, and the peer databases. It owns what peers are
 * configured to be and tells control by the requests of request.h; it never
 * touches packets, workers or their objects, and may block on files.
 */
#ifndef CONTROL_MANAGEMENT_H
#define CONTROL_MANAGEMENT_H

#include <stddef.h>

#include "control/config.h"
#include "control/peer_db.h"

struct control;
struct dataplane;
struct management;

struct management_params {
	const struct config *config; /* alive until management_stop has returned */
	const struct peer_db *dbs; /* one an interface; read by management_start only */
	struct control *control;
	struct dataplane *dataplane;
	/*
	 * From the management thread: control refused a peer of the databases at
	 * start; the reason has been logged. Must not block or call management_stop.
	 */
	void (*fatal)(void *arg);
	/*
	 * From management_start, when the sockets are open and before anybody is
	 * served: the last moment for what needs privileges. May be NULL; non-zero
	 * ends the start with its reason in err.
	 */
	int (*opened)(void *arg, char *err, size_t err_size);
	void *arg;
};

/*
 * Bind all sockets and start the thread, which first hands the databases to
 * control, in slices, and only then lets peers be changed. Does not wait for
 * control, so that control may start to serve requests later. Returns NULL with
 * a one-line reason in err, everything undone.
 */
struct management *management_start(
	const struct management_params *params, char *err, size_t err_size);

/* Any thread and SIGHUP: as POST /v1/reload. m is a struct management. */
void management_hangup(void *m);

/*
 * End the thread, close and remove the sockets, wipe and free. Control has to
 * serve requests until this returns; call it from another thread than control's.
 */
void management_stop(struct management *m);

#endif
