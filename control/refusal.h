/* SPDX-License-Identifier: BSD-3-Clause */
/* Why a request was refused: one value for HTTP, the userspace API and log lines. */
#ifndef CONTROL_REFUSAL_H
#define CONTROL_REFUSAL_H

struct refusal {
	int status; /* of HTTP */
	const char *code; /* for programs: a word that never changes; static */
	int index; /* in a batch; -1 outside one */
	char field[64]; /* "" when no single one is to blame */
	char message[320]; /* for people; printable ASCII */
};

/* Fill *why and return -1, so that a caller can return it. field may be NULL. */
int refuse(struct refusal *why, int status, const char *code, const char *field, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));

/* The errno that says about the same, positive. */
int refusal_errno(const struct refusal *why);

#endif
