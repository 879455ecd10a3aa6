/* SPDX-License-Identifier: BSD-3-Clause */
/* Who changed what: a log line and an event for each change. Management thread. */
#ifndef CONTROL_AUDIT_H
#define CONTROL_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct management;
struct registry_change;

/* Where a change comes from. */
struct origin {
	const char *via; /* such as "the control socket"; static */
	bool has_caller; /* a process asked for it, by a unix socket */
	uid_t uid; /* of the caller when it connected */
	pid_t pid;
};

/* Of the connected unix socket fd. */
struct origin origin_of_socket(const char *via, int fd);

/* "the control socket (uid 0, pid 77)" */
#define ORIGIN_TEXT_SIZE 96
const char *origin_text(char buf[ORIGIN_TEXT_SIZE], const struct origin *origin);

/* A transaction's changes, all in force and durable. */
void audit_changes(struct management *m, unsigned iface, const struct registry_change *list,
	size_t n, const struct origin *origin);
void audit_private_key(struct management *m, unsigned iface, const struct origin *origin);

#endif
