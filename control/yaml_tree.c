/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/yaml_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "control/yaml_plain.h"
#include "crypto_accel/crypto_accel.h"

#define CHUNK_SIZE 16384
#define DEPTH_MAX 6 /* the deepest file known needs 4 */
#define KEYS_MAX 64 /* of one map; keeps the search for duplicates short */
#define KEY_PATH_SIZE 192

/* Nodes and text live in chunks that are given up, wiped, all at once. */
struct chunk {
	struct chunk *next;
	size_t used, size;
	char data[] __attribute__((aligned(8)));
};

struct ytree {
	char *path;
	char *text; /* the whole file */
	size_t size;
	struct file_id id;
	yaml_parser_t parser;
	struct chunk *chunks;
	char *err; /* of the call under way */
	size_t err_size;
	char key_path[KEY_PATH_SIZE]; /* of the node being built, for errors */
};

static void *
tree_alloc(struct ytree *t, size_t n)
{
	struct chunk *c = t->chunks;

	n = (n + 7) & ~(size_t)7;
	if (c == NULL || c->size - c->used < n) {
		size_t size = n > CHUNK_SIZE ? n : CHUNK_SIZE;

		c = malloc(sizeof(*c) + size);
		if (c == NULL)
			return NULL;
		*c = (struct chunk){.next = t->chunks, .size = size};
		t->chunks = c;
	}
	c->used += n;
	return c->data + c->used - n;
}

/* Give up all nodes; one chunk of the usual size stays for the next ones. */
static void
tree_reset(struct ytree *t)
{
	struct chunk *keep = NULL, *c, *next;

	for (c = t->chunks; c != NULL; c = next) {
		next = c->next;
		crypto_wipe(c->data, c->used);
		if (keep == NULL && c->size == CHUNK_SIZE)
			keep = c;
		else
			free(c);
	}
	if (keep != NULL)
		*keep = (struct chunk){.size = CHUNK_SIZE};
	t->chunks = keep;
}

/* ---- reading the file --------------------------------------------------- */

static int
read_text(struct ytree *t, int fd)
{
	ssize_t len = durable_read(fd, t->text, t->size);

	if (len < 0)
		return -1;
	t->size = len;
	return 0;
}

static int
open_text(struct ytree *t, size_t max_size, char *err, size_t err_size)
{
	struct stat st;
	int ret = -1, error = 0;
	/* Not to wait for the other end of a FIFO. */
	int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0) {
		error = errno;
		yerror(err, err_size, t->path, 0, "file", "expected a readable file: %s",
			strerror(error));
	} else if (!S_ISREG(st.st_mode)) {
		yerror(err, err_size, t->path, 0, "file", "expected a regular file");
	} else if ((uintmax_t)st.st_size > max_size) {
		yerror(err, err_size, t->path, 0, "file", "expected at most %zu bytes, found %ju",
			max_size, (uintmax_t)st.st_size);
	} else {
		t->size = st.st_size;
		t->id = file_id_of(&st);
		t->text = malloc(t->size + 1);
		ret = t->text == NULL ? -1 : read_text(t, fd);
		if (ret < 0)
			yerror(err, err_size, t->path, 0, "file", "cannot be read: %s",
				strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	errno = error;
	return ret;
}

/*
 * YAML allows tabs in some places before the first word of a line and not in
 * others; here they are always refused, so that the error says what is wrong.
 */
static int
check_tabs(const struct ytree *t, char *err, size_t err_size)
{
	unsigned line = 1;
	bool indentation = true;

	for (size_t i = 0; i < t->size; i++) {
		if (t->text[i] == '\n') {
			line++;
			indentation = true;
		} else if (indentation && t->text[i] == '\t') {
			return yerror(err, err_size, t->path, line, "syntax",
				"expected spaces for indentation, found a tab");
		} else if (t->text[i] != ' ') {
			indentation = false;
		}
	}
	return 0;
}

int
ytree_open(struct ytree **out, const char *path, size_t max_size, char *err, size_t err_size)
{
	struct ytree *t = calloc(1, sizeof(*t));
	int error;

	*out = NULL;
	if (t == NULL || (t->path = strdup(path)) == NULL || !yaml_parser_initialize(&t->parser)) {
		if (t != NULL)
			free(t->path);
		free(t);
		yerror(err, err_size, path, 0, "file", "cannot be read: out of memory");
		errno = ENOMEM;
		return -1;
	}
	if (open_text(t, max_size, err, err_size) < 0 || check_tabs(t, err, err_size) < 0) {
		error = errno;
		ytree_close(t);
		errno = error;
		return -1;
	}
	yaml_parser_set_encoding(&t->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&t->parser, (const unsigned char *)t->text, t->size);
	*out = t;
	return 0;
}

struct file_id
ytree_file_id(const struct ytree *t)
{
	return t->id;
}

void
ytree_close(struct ytree *t)
{
	yaml_parser_t *p;

	if (t == NULL)
		return;
	/* libyaml's copies; those that it reallocated away are beyond reach. */
	p = &t->parser;
	if (p->raw_buffer.start != NULL)
		crypto_wipe(p->raw_buffer.start, p->raw_buffer.end - p->raw_buffer.start);
	if (p->buffer.start != NULL)
		crypto_wipe(p->buffer.start, p->buffer.end - p->buffer.start);
	yaml_parser_delete(p);
	tree_reset(t);
	free(t->chunks);
	if (t->text != NULL)
		crypto_wipe(t->text, t->size);
	free(t->text);
	free(t->path);
	free(t);
}

/* ---- events ------------------------------------------------------------- */

static unsigned
event_line(const yaml_event_t *e)
{
	return e->start_mark.line + 1;
}

static void
event_done(yaml_event_t *e)
{
	if (e->type == YAML_SCALAR_EVENT)
		crypto_wipe(e->data.scalar.value, e->data.scalar.length);
	yaml_event_delete(e);
}

static unsigned
offset_line(const struct ytree *t, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < offset && i < t->size; i++)
		line += t->text[i] == '\n';
	return line;
}

/* Does a value on this line begin with a colon, such as ::/0 ? libyaml's own words do not say. */
static bool
has_bare_colon(const struct ytree *t, unsigned line)
{
	unsigned at = 1;

	for (size_t i = 0; i + 1 < t->size && at <= line; i++) {
		if (t->text[i] == '\n')
			at++;
		else if (at == line && strchr(" ,[", t->text[i]) != NULL && t->text[i + 1] == ':')
			return true;
	}
	return false;
}

static int
parser_error(struct ytree *t)
{
	const yaml_parser_t *p = &t->parser;
	const char *problem = p->problem != NULL ? p->problem : "unreadable";

	if (p->error == YAML_MEMORY_ERROR)
		return yerror(
			t->err, t->err_size, t->path, 0, "file", "cannot be read: out of memory");
	if (p->error == YAML_READER_ERROR)
		return yerror(t->err, t->err_size, t->path, offset_line(t, p->problem_offset),
			"syntax", "expected text in UTF-8: %s", problem);
	if (has_bare_colon(t, p->problem_mark.line + 1))
		problem = "found a value that begins with ':' and needs quotes";
	return yerror(t->err, t->err_size, t->path, p->problem_mark.line + 1, "syntax",
		"expected YAML: %s%s%s", p->context != NULL ? p->context : "",
		p->context != NULL ? ", " : "", problem);
}

/* The next event, with what is never allowed refused. Returns 0, or -1 and nothing to free. */
static int
next_event(struct ytree *t, yaml_event_t *e)
{
	const char *refused = NULL;

	if (!yaml_parser_parse(&t->parser, e))
		return parser_error(t);
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		refused = "alias (*name)";
		break;
	case YAML_SCALAR_EVENT:
		if (e->data.scalar.anchor != NULL)
			refused = "anchor (&name)";
		else if (e->data.scalar.tag != NULL)
			refused = "tag (!name)";
		else if (memchr(e->data.scalar.value, '\0', e->data.scalar.length) != NULL)
			refused = "NUL character";
		break;
	case YAML_SEQUENCE_START_EVENT:
		if (e->data.sequence_start.anchor != NULL)
			refused = "anchor (&name)";
		else if (e->data.sequence_start.tag != NULL)
			refused = "tag (!name)";
		break;
	case YAML_MAPPING_START_EVENT:
		if (e->data.mapping_start.anchor != NULL)
			refused = "anchor (&name)";
		else if (e->data.mapping_start.tag != NULL)
			refused = "tag (!name)";
		break;
	default:
		break;
	}
	if (refused == NULL)
		return 0;
	yerror(t->err, t->err_size, t->path, event_line(e),
		t->key_path[0] != '\0' ? t->key_path : "syntax",
		"expected a plain value, found a YAML %s", refused);
	event_done(e);
	return -1;
}

/* ---- building ----------------------------------------------------------- */

static int
no_memory(const struct ytree *t)
{
	return yerror(t->err, t->err_size, t->path, 0, "file", "cannot be read: out of memory");
}

static char *
copy_text(struct ytree *t, const yaml_event_t *e)
{
	size_t len = e->data.scalar.length;
	char *s = tree_alloc(t, len + 1);

	if (s != NULL) {
		memcpy(s, e->data.scalar.value, len);
		s[len] = '\0';
	}
	return s;
}

static int build_node(struct ytree *t, yaml_event_t *e, unsigned depth, struct ynode **out);

/* Each appends to key_path and returns the length that it had, to be cut back to. */
static size_t
path_push_key(struct ytree *t, const char *key)
{
	size_t len = strlen(t->key_path);

	snprintf(t->key_path + len, KEY_PATH_SIZE - len, "%s%.64s", len > 0 ? "." : "", key);
	return len;
}

static size_t
path_push_index(struct ytree *t, size_t index)
{
	size_t len = strlen(t->key_path);

	snprintf(t->key_path + len, KEY_PATH_SIZE - len, "[%zu]", index);
	return len;
}

/* Refuse what is no key of a map, and a second one of the same name. */
static int
check_key(struct ytree *t, const struct ynode *map, const yaml_event_t *e)
{
	const char *at = t->key_path[0] != '\0' ? t->key_path : "syntax", *key;
	const struct ynode *first;

	if (e->type != YAML_SCALAR_EVENT || e->data.scalar.length == 0)
		return yerror(
			t->err, t->err_size, t->path, event_line(e), at, "expected a name as key");
	key = (const char *)e->data.scalar.value;
	first = ynode_find(map, key);
	if (first != NULL) {
		path_push_key(t, key);
		return yerror(t->err, t->err_size, t->path, event_line(e), t->key_path,
			"expected once, found again (first on line %u)", first->line);
	}
	if (map->n >= KEYS_MAX)
		return yerror(t->err, t->err_size, t->path, event_line(e), at,
			"expected at most %d keys", KEYS_MAX);
	return 0;
}

/* One key and its value. */
static int
build_entry(struct ytree *t, struct ynode *map, yaml_event_t *e, unsigned depth, struct ynode **out)
{
	unsigned line = event_line(e);
	yaml_event_t value;
	size_t path_len;
	char *key;
	int ret;

	if (check_key(t, map, e) < 0)
		return -1;
	key = copy_text(t, e);
	if (key == NULL)
		return no_memory(t);
	path_len = path_push_key(t, key);
	if (next_event(t, &value) < 0)
		return -1;
	ret = build_node(t, &value, depth, out);
	event_done(&value);
	if (ret < 0)
		return -1;
	t->key_path[path_len] = '\0';
	(*out)->key = key;
	(*out)->line = line;
	return 0;
}

/* The members of a list or map, up to its end. */
static int
build_members(struct ytree *t, struct ynode *parent, unsigned depth)
{
	struct ynode **tail = &parent->first;
	yaml_event_t e;
	int ret;

	for (;;) {
		if (next_event(t, &e) < 0)
			return -1;
		if (e.type == YAML_MAPPING_END_EVENT || e.type == YAML_SEQUENCE_END_EVENT) {
			event_done(&e);
			return 0;
		}
		if (parent->kind == YNODE_MAP) {
			ret = build_entry(t, parent, &e, depth, tail);
		} else {
			size_t path_len = path_push_index(t, parent->n);

			ret = build_node(t, &e, depth, tail);
			if (ret == 0)
				t->key_path[path_len] = '\0';
		}
		event_done(&e);
		if (ret < 0)
			return -1;
		tail = &(*tail)->next;
		parent->n++;
	}
}

/* The value that starts with e. On failure *out is as it was. */
static int
build_node(struct ytree *t, yaml_event_t *e, unsigned depth, struct ynode **out)
{
	struct ynode *node = tree_alloc(t, sizeof(*node));

	if (node == NULL)
		return no_memory(t);
	*node = (struct ynode){.line = event_line(e)};
	if (e->type == YAML_SCALAR_EVENT) {
		node->kind = YNODE_SCALAR;
		node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
		node->n = e->data.scalar.length;
		node->text = copy_text(t, e);
		if (node->text == NULL)
			return no_memory(t);
	} else {
		node->kind = e->type == YAML_MAPPING_START_EVENT ? YNODE_MAP : YNODE_LIST;
		if (depth >= DEPTH_MAX)
			return yerror(t->err, t->err_size, t->path, node->line,
				t->key_path[0] != '\0' ? t->key_path : "syntax",
				"expected at most %d levels of lists and mappings", DEPTH_MAX);
		if (build_members(t, node, depth + 1) < 0)
			return -1;
	}
	*out = node;
	return 0;
}

/* ---- documents ---------------------------------------------------------- */

/* Up to the document's first value, into *e. Returns 1; 0 when there is none; -1 on error. */
static int
begin_document(struct ytree *t, yaml_event_t *e, char *err, size_t err_size)
{
	t->err = err;
	t->err_size = err_size;
	do {
		if (next_event(t, e) < 0)
			return -1;
		if (e->type == YAML_STREAM_END_EVENT) {
			event_done(e);
			return 0;
		}
		if (e->type != YAML_STREAM_START_EVENT && e->type != YAML_DOCUMENT_START_EVENT)
			break;
		event_done(e);
	} while (true);
	/* "---" and nothing else, or "~" */
	if (e->type == YAML_SCALAR_EVENT && e->data.scalar.plain_implicit &&
		(e->data.scalar.length == 0 ||
			strcmp((const char *)e->data.scalar.value, "~") == 0)) {
		event_done(e);
		return 0;
	}
	if (e->type != YAML_MAPPING_START_EVENT) {
		yerror(err, err_size, t->path, event_line(e), "syntax",
			"expected keys with values (\"key: value\")");
		event_done(e);
		return -1;
	}
	return 1;
}

/* What follows the value must be the end. */
static int
end_document(struct ytree *t)
{
	yaml_event_t e;
	bool end;

	t->key_path[0] = '\0';
	do {
		if (next_event(t, &e) < 0)
			return -1;
		end = e.type == YAML_STREAM_END_EVENT || e.type == YAML_NO_EVENT;
		if (!end && e.type != YAML_DOCUMENT_END_EVENT) {
			yerror(t->err, t->err_size, t->path, event_line(&e), "syntax",
				"expected one document, found another");
			event_done(&e);
			return -1;
		}
		event_done(&e);
	} while (!end);
	return 0;
}

const struct ynode *
ytree_read(struct ytree *t, char *err, size_t err_size)
{
	struct ynode *root = NULL;
	yaml_event_t e;
	int ret = begin_document(t, &e, err, err_size);

	if (ret == 1) {
		ret = build_node(t, &e, 0, &root);
		event_done(&e);
	} else if (ret == 0) {
		root = tree_alloc(t, sizeof(*root));
		if (root == NULL)
			ret = no_memory(t);
		else
			*root = (struct ynode){.kind = YNODE_MAP, .line = 1};
	}
	return ret < 0 || end_document(t) < 0 ? NULL : root;
}

/* The members of the list that has just begun, each for itself. */
static int
stream_members(struct ytree *t, ytree_member_fn fn, void *arg)
{
	yaml_event_t e;
	size_t path_len;
	int ret;

	for (size_t i = 0;; i++) {
		struct ynode *node;

		if (next_event(t, &e) < 0)
			return -1;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			event_done(&e);
			return 0;
		}
		tree_reset(t);
		path_len = path_push_index(t, i);
		ret = build_node(t, &e, 2, &node);
		event_done(&e);
		if (ret < 0 || fn(arg, node, i, t->err, t->err_size) < 0)
			return -1;
		t->key_path[path_len] = '\0';
	}
}

/* The value of the one key: a list, or nothing. */
static int
stream_value(struct ytree *t, const char *key, ytree_member_fn fn, void *arg)
{
	struct ynode *node;
	char found[YNODE_SHOW_SIZE];
	yaml_event_t e;
	unsigned line;
	int ret;

	if (next_event(t, &e) < 0)
		return -1;
	if (e.type == YAML_SEQUENCE_START_EVENT) {
		event_done(&e);
		return stream_members(t, fn, arg);
	}
	line = event_line(&e);
	ret = build_node(t, &e, 1, &node);
	event_done(&e);
	if (ret < 0)
		return -1;
	if (!ynode_is_null(node))
		return yerror(t->err, t->err_size, t->path, line, key, "expected a list, found %s",
			ynode_show(found, node));
	return 0;
}

int
ytree_read_list(
	struct ytree *t, const char *key, ytree_member_fn fn, void *arg, char *err, size_t err_size)
{
	unsigned seen = 0; /* the line of key */
	yaml_event_t e;
	int ret;

	if (yaml_plain_fits(t->text, t->size, key)) {
		ret = yaml_plain_read(t->text, t->size, key, fn, arg, err, err_size);
		if (ret == -2)
			yerror(err, err_size, t->path, 0, "file", "cannot be read: out of memory");
		return ret == 0 ? 0 : -1;
	}
	ret = begin_document(t, &e, err, err_size);
	if (ret < 0)
		return -1;
	for (bool more = ret == 1; more;) {
		if (ret == 1)
			event_done(&e); /* the start of the map */
		ret = 0;
		if (next_event(t, &e) < 0)
			return -1;
		more = e.type != YAML_MAPPING_END_EVENT;
		if (more) {
			struct ynode keys = {.kind = YNODE_MAP};
			struct ynode one = {.key = key, .line = seen};

			keys.first = seen != 0 ? &one : NULL;
			if (check_key(t, &keys, &e) < 0)
				ret = -1;
			else if (strcmp((const char *)e.data.scalar.value, key) != 0)
				ret = yerror(err, err_size, t->path, event_line(&e),
					(const char *)e.data.scalar.value,
					"unknown key, expected %s", key);
			seen = event_line(&e);
		}
		event_done(&e);
		if (ret < 0)
			return -1;
		if (more) {
			path_push_key(t, key);
			if (stream_value(t, key, fn, arg) < 0)
				return -1;
			t->key_path[0] = '\0';
		}
	}
	return end_document(t);
}
