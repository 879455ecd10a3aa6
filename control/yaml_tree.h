/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strict reading of YAML files into small trees that remember their lines: one
 * document, no anchors, aliases or tags, no duplicate keys, no tabs in the
 * indentation, bounded size and depth. For wgdp.yaml and the peer databases.
 *
 * (Not named yaml.h: that is libyaml's.)
 */
#ifndef CONTROL_YAML_TREE_H
#define CONTROL_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/durable.h"

enum ynode_kind {
	YNODE_SCALAR,
	YNODE_LIST,
	YNODE_MAP,
};

/* Belongs to its struct ytree; the file's text, so perhaps a secret. */
struct ynode {
	enum ynode_kind kind;
	bool quoted; /* scalar: it stood in quotes, so it is text */
	uint32_t line; /* from 1; in a map, its key's line */
	uint32_t n; /* members of a list or map, bytes of a scalar */
	const char *text; /* scalar: terminated, without NUL inside */
	const char *key; /* its key, as member of a map */
	struct ynode *first; /* of a list's or map's members */
	struct ynode *next;
};

struct ytree;

/*
 * Read a regular file of at most max_size bytes into memory. Returns 0; or -1
 * with the error line in err and errno, which is ENOENT when there is no such
 * file. Close with ytree_close, which wipes what it held.
 */
int ytree_open(struct ytree **out, const char *path, size_t max_size, char *err, size_t err_size);
void ytree_close(struct ytree *t); /* NULL is fine */
/* Of the file that was read. */
struct file_id ytree_file_id(const struct ytree *t);

/*
 * Both read what was opened, once, and return NULL or -1 with the error line.
 *
 * ytree_read gives the whole document, which is a map, an empty one when the
 * file holds nothing; it lives until ytree_close.
 *
 * ytree_read_list is for files that are one long list under one key: it hands
 * each member to fn, in order, and frees it again. fn returns 0, or -1 with an
 * error in err to stop. An absent or empty list is none.
 */
const struct ynode *ytree_read(struct ytree *t, char *err, size_t err_size);

typedef int (*ytree_member_fn)(
	void *arg, const struct ynode *member, size_t index, char *err, size_t err_size);
int ytree_read_list(struct ytree *t, const char *key, ytree_member_fn fn, void *arg, char *err,
	size_t err_size);

/* The member of a map with this key, or NULL. */
const struct ynode *ynode_find(const struct ynode *map, const char *key);
/* Nothing was written: absent (NULL), or a plain empty scalar, "~" or "null". */
bool ynode_is_null(const struct ynode *node);

#define YNODE_SHOW_SIZE 64
/* What was found, for an error: the shortened text in quotes, or the kind. Printable ASCII. */
const char *ynode_show(char buf[YNODE_SHOW_SIZE], const struct ynode *node);

/*
 * Write "FILE:LINE: KEY: text" to err, on one line whatever the arguments hold.
 * Returns -1.
 */
int yerror(char *err, size_t err_size, const char *file, unsigned line, const char *key,
	const char *fmt, ...) __attribute__((format(printf, 6, 7)));

#endif
