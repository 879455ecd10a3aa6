/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening unix sockets that are never more open than asked for. */
#ifndef CONTROL_UNIX_LISTEN_H
#define CONTROL_UNIX_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Bind and listen, non-blocking, at path with this mode, and this owner and
 * group unless they are -1. A missing last directory is created (0755). A socket that is
 * there already is replaced when nobody answers on it, else that is an error.
 * Returns the descriptor; or -1 with a one-line reason in err.
 */
int unix_listen(const char *path, mode_t mode, uid_t owner, gid_t group, int backlog, char *err,
	size_t err_size);

#endif
