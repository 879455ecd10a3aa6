/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read off the nodes of yaml_tree.h, and how errors about them look. */
#include "control/yaml_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
yerror(char *err, size_t err_size, const char *file, unsigned line, const char *key,
	const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(err, err_size, "%s:%u: %s: ", file, line, key);

	if (n >= 0 && (size_t)n < err_size) {
		va_start(ap, fmt);
		vsnprintf(err + n, err_size - n, fmt, ap);
		va_end(ap);
	}
	/* What a terminal obeys: C0, DEL, and C1, which UTF-8 writes in two bytes. */
	for (unsigned char *p = (unsigned char *)err; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = '?';
	}
	return -1;
}

const struct ynode *
ynode_find(const struct ynode *map, const char *key)
{
	for (const struct ynode *m = map->first; m != NULL; m = m->next) {
		if (strcmp(m->key, key) == 0)
			return m;
	}
	return NULL;
}

bool
ynode_is_null(const struct ynode *node)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	if (node == NULL)
		return true;
	for (size_t i = 0; node->kind == YNODE_SCALAR && !node->quoted && i < 5; i++) {
		if (strcmp(node->text, nulls[i]) == 0)
			return true;
	}
	return false;
}

const char *
ynode_show(char buf[YNODE_SHOW_SIZE], const struct ynode *node)
{
	size_t n;

	if (ynode_is_null(node))
		return "nothing";
	if (node->kind != YNODE_SCALAR)
		return node->kind == YNODE_LIST ? "a list" : "a mapping";
	n = snprintf(buf, YNODE_SHOW_SIZE, "\"%.*s%s\"", YNODE_SHOW_SIZE - 8, node->text,
		node->n > YNODE_SHOW_SIZE - 8 ? "..." : "");
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)buf[i] < 0x20 || (unsigned char)buf[i] >= 0x7f)
			buf[i] = '?';
	}
	return buf;
}
