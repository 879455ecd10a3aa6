/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_schema.h"
#include "crypto_accel/crypto_accel.h"

#define FILE_SIZE_MAX (1u << 20) /* bytes */
#define WARNINGS_MAX 256
#define KEY_PATH_SIZE 128
#define MESSAGE_SIZE 768

/* ---- errors and warnings about places ------------------------------------ */

static const struct ynode *
member_at(const struct ynode *list, int index)
{
	const struct ynode *m = list->first;

	for (int i = 0; m != NULL && i < index; i++)
		m = m->next;
	return m;
}

/* The path of a place in words, and its line: that of the deepest part that is in the file. */
static unsigned
locate(const struct ynode *root, const struct config_place *p, char path[KEY_PATH_SIZE])
{
	const struct ynode *node = ynode_find(root, p->section), *deeper;
	unsigned line = node != NULL ? node->line : root->line;
	size_t n = snprintf(path, KEY_PATH_SIZE, "%s", p->section);

	if (p->item >= 0) {
		n += snprintf(path + n, KEY_PATH_SIZE - n, "[%d]", p->item);
		node = node != NULL ? member_at(node, p->item) : NULL;
		line = node != NULL ? node->line : line;
	}
	if (p->key == NULL)
		return line;
	n += snprintf(path + n, KEY_PATH_SIZE - n, ".%s", p->key);
	node = node != NULL ? ynode_find(node, p->key) : NULL;
	line = node != NULL ? node->line : line;
	if (p->member < 0)
		return line;
	snprintf(path + n, KEY_PATH_SIZE - n, "[%d]", p->member);
	deeper = node != NULL ? member_at(node, p->member) : NULL;
	return deeper != NULL ? deeper->line : line;
}

int
config_error(const struct ynode *root, const struct config *c, const struct config_place *place,
	char *err, size_t err_size, const char *fmt, ...)
{
	char path[KEY_PATH_SIZE], text[MESSAGE_SIZE];
	unsigned line = locate(root, place, path);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return yerror(err, err_size, c->path, line, path, "%s", text);
}

void
config_warn(const struct ynode *root, struct config *c, const struct config_place *place,
	const char *fmt, ...)
{
	char path[KEY_PATH_SIZE], text[MESSAGE_SIZE], line_text[CONFIG_ERROR_SIZE];
	unsigned line = locate(root, place, path);
	va_list ap;

	if (c->n_warnings == WARNINGS_MAX)
		return;
	if (c->warnings == NULL)
		c->warnings = calloc(WARNINGS_MAX, sizeof(*c->warnings));
	if (c->warnings == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	yerror(line_text, sizeof(line_text), c->path, line, path, "warning: %s", text);
	c->warnings[c->n_warnings] = strdup(line_text);
	if (c->warnings[c->n_warnings] != NULL)
		c->n_warnings++;
}

/* ---- loading ------------------------------------------------------------ */

int
config_load(const char *path, struct config *out, char *err, size_t err_size)
{
	struct ytree *tree = NULL;
	const struct ynode *root;
	int ret = -1;

	*out = (struct config){.path = strdup(path)};
	if (out->path == NULL)
		return yerror(err, err_size, path, 0, "file", "cannot be read: out of memory");
	if (ytree_open(&tree, path, FILE_SIZE_MAX, err, err_size) == 0) {
		root = ytree_read(tree, err, err_size);
		if (root != NULL && schema_read(root, out, err, err_size) == 0)
			ret = rules_check(root, out, err, err_size);
		ytree_close(tree);
	}
	if (ret < 0)
		config_free(out);
	return ret;
}

void
config_free(struct config *c)
{
	for (unsigned i = 0; i < c->n_interfaces; i++)
		crypto_wipe(c->interfaces[i].private_key, sizeof(c->interfaces[i].private_key));
	schema_free(c);
	for (unsigned i = 0; i < c->n_warnings; i++)
		free(c->warnings[i]);
	free(c->warnings);
	free(c->path);
	*c = (struct config){0};
}

int
config_check(const char *path, FILE *warnings, char *err, size_t err_size)
{
	struct config c;
	struct peer_db *dbs;
	int ret = config_load(path, &c, err, err_size);

	if (ret < 0)
		return -1;
	ret = config_load_peers(&c, &dbs, err, err_size);
	if (ret == 0)
		config_free_peers(&c, dbs);
	for (unsigned i = 0; ret == 0 && warnings != NULL && i < c.n_warnings; i++)
		fprintf(warnings, "%s\n", c.warnings[i]);
	config_free(&c);
	return ret;
}

/* ---- comparing ----------------------------------------------------------- */

struct fixed_changes {
	unsigned n;
	char *out;
	size_t size;
};

static void
note_fixed(void *arg, const char *path, bool live)
{
	struct fixed_changes *f = arg;
	size_t used = strlen(f->out);

	if (live)
		return;
	/* All of a name or nothing of it. */
	if (used + strlen(path) + 3 < f->size)
		snprintf(f->out + used, f->size - used, "%s%s", used > 0 ? ", " : "", path);
	f->n++;
}

unsigned
config_fixed_changes(
	const struct config *running, const struct config *file, char *out, size_t out_size)
{
	struct fixed_changes f = {.out = out, .size = out_size};

	out[0] = '\0';
	schema_compare(running, file, note_fixed, &f);
	return f.n;
}
