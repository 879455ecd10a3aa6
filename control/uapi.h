/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WireGuard's cross-platform userspace interface
 * (https://www.wireguard.com/xplatform/), which stock `wg` speaks, on
 * {uapi_dir}/{interface}.sock.
 */
#ifndef CONTROL_UAPI_H
#define CONTROL_UAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/refusal.h"

struct management;
struct origin;
struct uapi_server;

/* Binds a socket for each interface. NULL with a one-line reason in err. */
struct uapi_server *uapi_server_create(struct management *m, char *err, size_t err_size);
/* Closes all connections and removes the sockets. NULL is fine. */
void uapi_server_destroy(struct uapi_server *s);

/* ---- the protocol as text, apart from sockets ------------------------------ */

/* Text that grows, and is wiped wherever it was. */
struct uapi_text {
	char *data;
	size_t len, cap;
};
void uapi_text_append(struct uapi_text *t, const void *data, size_t n);
void uapi_text_fini(struct uapi_text *t);

/*
 * Apply a whole request "set=1\n...\n\n", all of it or nothing. Lines are cut
 * in place. Returns 0, or -1 with the reason.
 */
int uapi_set(struct management *m, unsigned iface, char *text, size_t len,
	const struct origin *origin, struct refusal *why);

/* The interface's own lines of a get. */
void uapi_print_interface(struct management *m, unsigned iface, struct uapi_text *out);
/* Lines of the next max peers behind *cursor; false when there were no more. */
bool uapi_print_peers(struct management *m, unsigned iface, uint64_t *cursor, unsigned max,
	struct uapi_text *out);

#endif
