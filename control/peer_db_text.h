/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer database as text that grows in memory, wiped wherever it was. One thread's at a time. */
#ifndef CONTROL_PEER_DB_TEXT_H
#define CONTROL_PEER_DB_TEXT_H

#include <stddef.h>

#include "control/durable.h"
#include "control/peer_db.h"

struct peer_db_text {
	char *data;
	size_t len, cap;
	size_t peers;
};

void peer_db_text_add(struct peer_db_text *t, const struct peer_spec *p);
/*
 * What is left to write when all have been added. Then: durable_replace of
 * what path, which may be a symbolic link, leads to. Returns 0, or -1 with errno
 * and the error line.
 */
int peer_db_text_save(struct peer_db_text *t, const char *path, const struct file_id *expected,
	struct file_id *id, char *err, size_t err_size);
void peer_db_text_fini(struct peer_db_text *t);

#endif
