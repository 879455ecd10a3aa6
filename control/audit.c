/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/audit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "control/events.h"
#include "control/management_state.h"
#include "dataplane/log.h"

/* More than these are one line of the log, or they would drown the rest; events tell each. */
#define LOG_LINES_MAX 16

struct origin
origin_of_socket(const char *via, int fd)
{
	struct origin o = {.via = via};
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		o.has_caller = true;
		o.uid = cred.uid;
		o.pid = cred.pid;
	}
	return o;
}

const char *
origin_text(char buf[ORIGIN_TEXT_SIZE], const struct origin *origin)
{
	if (origin->has_caller)
		snprintf(buf, ORIGIN_TEXT_SIZE, "%s (uid %u, pid %d)", origin->via,
			(unsigned)origin->uid, (int)origin->pid);
	else
		snprintf(buf, ORIGIN_TEXT_SIZE, "%s", origin->via);
	return buf;
}

static void
push(struct management *m, unsigned iface, enum event_type type, const struct peer_spec *spec,
	const struct origin *origin)
{
	struct event e = {
		.type = (uint8_t)type,
		.iface = (uint8_t)iface,
		.via = origin->via,
		.has_caller = origin->has_caller,
		.uid = origin->uid,
		.pid = origin->pid,
	};

	if (spec != NULL) {
		e.has_key = true;
		memcpy(e.public_key, spec->public_key, sizeof(e.public_key));
		snprintf(e.name, sizeof(e.name), "%s", spec->name);
	}
	events_push(m->events, &e);
}

void
audit_changes(struct management *m, unsigned iface, const struct registry_change *list, size_t n,
	const struct origin *origin)
{
	const char *name = m->ifaces[iface].config->name;
	char by[ORIGIN_TEXT_SIZE];

	origin_text(by, origin);
	if (n > LOG_LINES_MAX)
		log_info("%s: %zu peers changed by %s", name, n, by);
	for (size_t i = 0; i < n; i++) {
		const struct registry_change *c = &list[i];
		const struct peer_spec *spec = c->after != NULL ? c->after : c->before;
		enum event_type type = c->after == NULL    ? EVENT_peer_removed
				       : c->before == NULL ? EVENT_peer_added
							   : EVENT_peer_changed;

		push(m, iface, type, spec, origin);
		if (n <= LOG_LINES_MAX)
			log_info("%s: peer %s %s by %s", name, spec->name,
				type == EVENT_peer_removed ? "removed"
				: type == EVENT_peer_added ? "added"
							   : "changed",
				by);
	}
}

void
audit_private_key(struct management *m, unsigned iface, const struct origin *origin)
{
	char by[ORIGIN_TEXT_SIZE];

	log_info("%s: private key changed by %s", m->ifaces[iface].config->name,
		origin_text(by, origin));
	push(m, iface, EVENT_private_key_changed, NULL, origin);
}
