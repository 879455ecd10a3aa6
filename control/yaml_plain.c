/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/yaml_plain.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 16 /* of one member */
#define NODES_FIRST 64

/*
 * One walk serves both: with nodes NULL it only looks, and else cuts and builds.
 * Positions stay inside [at, end), and every line ends with a newline.
 */
struct walk {
	char *at, *end;
	uint32_t line;
	bool build;
	struct ynode *nodes; /* of the member under way: itself, its keys, their members */
	size_t n_nodes, capacity;
};

static bool
is_word(char c, bool first)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
		return true;
	return !first && (c == '.' || c == '_' || c == '/' || c == '+' || c == '=' || c == '-');
}

static bool
starts(const struct walk *w, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(w->end - w->at) >= n && memcmp(w->at, s, n) == 0;
}

/* Over comments and empty lines. */
static bool
skip_blank(struct walk *w)
{
	while (w->at < w->end) {
		char *p = w->at;

		while (*p == ' ')
			p++;
		if (*p != '#' && *p != '\n')
			return true;
		for (; *p != '\n'; p++)
			if (*p < 0x20 || *p > 0x7e)
				return false;
		w->at = p + 1;
		w->line++;
	}
	return true;
}

/* A new node; its number, or -1. Numbers, for the array moves as it grows. */
static ssize_t
add_node(struct walk *w, enum ynode_kind kind)
{
	if (w->n_nodes == w->capacity) {
		size_t capacity = w->capacity != 0 ? 2 * w->capacity : NODES_FIRST;
		struct ynode *nodes = reallocarray(w->nodes, capacity, sizeof(*nodes));

		if (nodes == NULL)
			return -1;
		w->nodes = nodes;
		w->capacity = capacity;
	}
	w->nodes[w->n_nodes] = (struct ynode){.kind = kind, .line = w->line};
	return (ssize_t)w->n_nodes++;
}

/*
 * A scalar, named by *text and *len. It is cut by the caller, once what follows has
 * been looked at: a word's end is that.
 */
static bool
scan_scalar(struct walk *w, char **text, size_t *len, bool *quoted)
{
	char *p = w->at;

	*quoted = *p == '"';
	*text = *quoted ? ++p : p;
	if (*quoted) {
		for (; *p != '"'; p++)
			if (*p < 0x20 || *p > 0x7e || *p == '\\')
				return false;
	} else {
		for (; is_word(*p, p == *text); p++)
			;
		if (p == *text)
			return false;
	}
	*len = (size_t)(p - *text);
	w->at = p + *quoted;
	return true;
}

static void
set_scalar(struct ynode *node, char *text, size_t len, bool quoted)
{
	node->text = text;
	node->n = (uint32_t)len;
	node->quoted = quoted;
	text[len] = '\0';
}

/* "[...]", as members of node number list. */
static bool
scan_list(struct walk *w, ssize_t list)
{
	ssize_t last = -1, number;
	char *text;
	size_t len;
	bool quoted;

	w->at++;
	for (bool first = true; first || *w->at != ']'; first = false) {
		if (first && *w->at == ']')
			break;
		if (!first && !starts(w, ", "))
			return false;
		if (!first)
			w->at += 2;
		/* The one before is cut only now that its end has been read. */
		if (w->build && last >= 0)
			((char *)(uintptr_t)w->nodes[last].text)[w->nodes[last].n] = '\0';
		if (!scan_scalar(w, &text, &len, &quoted))
			return false;
		if (!w->build)
			continue;
		number = add_node(w, YNODE_SCALAR);
		if (number < 0)
			return false;
		w->nodes[number].text = text;
		w->nodes[number].n = (uint32_t)len;
		w->nodes[number].quoted = quoted;
		w->nodes[list].n++;
		last = number;
	}
	w->at++;
	if (w->build && last >= 0)
		((char *)(uintptr_t)w->nodes[last].text)[w->nodes[last].n] = '\0';
	return true;
}

/* "KEY: VALUE\n"; *number is the new node's, *key its key. */
static bool
scan_entry(struct walk *w, ssize_t *number, char **key, size_t *key_len)
{
	char *text = NULL;
	size_t len = 0;
	bool quoted = false, list;

	*key = w->at;
	while ((*w->at >= 'a' && *w->at <= 'z') || *w->at == '_')
		w->at++;
	*key_len = (size_t)(w->at - *key);
	if (*key_len == 0 || !starts(w, ": "))
		return false;
	w->at += 2;
	list = *w->at == '[';
	*number = w->build ? add_node(w, list ? YNODE_LIST : YNODE_SCALAR) : 0;
	if (*number < 0 || (list ? !scan_list(w, *number) : !scan_scalar(w, &text, &len, &quoted)))
		return false;
	if (*w->at != '\n')
		return false;
	w->at++;
	w->line++;
	if (!w->build)
		return true;
	if (!list)
		set_scalar(&w->nodes[*number], text, len, quoted);
	(*key)[*key_len] = '\0';
	w->nodes[*number].key = *key;
	return true;
}

/* Pointers, once the array has its final place. */
static void
link_nodes(struct walk *w, const ssize_t *entries, unsigned n)
{
	w->nodes[0].n = n;
	w->nodes[0].first = &w->nodes[entries[0]];
	for (unsigned i = 0; i < n; i++) {
		struct ynode *node = &w->nodes[entries[i]];

		node->next = i + 1 < n ? &w->nodes[entries[i + 1]] : NULL;
		if (node->kind != YNODE_LIST || node->n == 0)
			continue;
		node->first = node + 1;
		for (uint32_t k = 1; k < node->n; k++)
			node[k].next = &node[k + 1];
	}
}

/* A member: "  - KEY: VALUE" and the lines below it. */
static bool
scan_member(struct walk *w)
{
	ssize_t entries[KEYS_MAX];
	char *keys[KEYS_MAX];
	size_t lens[KEYS_MAX];
	unsigned n = 0;

	w->n_nodes = 0;
	if (w->build && add_node(w, YNODE_MAP) < 0)
		return false;
	for (; n == 0 ? starts(w, "  - ") : starts(w, "    "); n++) {
		w->at += 4;
		if (n == KEYS_MAX || !scan_entry(w, &entries[n], &keys[n], &lens[n]))
			return false;
		for (unsigned i = 0; i < n; i++)
			if (lens[i] == lens[n] && memcmp(keys[i], keys[n], lens[n]) == 0)
				return false; /* whose error libyaml's reader words */
		if (!skip_blank(w))
			return false;
	}
	if (n > 0 && w->build)
		link_nodes(w, entries, n);
	return n > 0;
}

static bool
scan_head(struct walk *w, const char *key)
{
	if (!skip_blank(w) || !starts(w, key))
		return false;
	w->at += strlen(key);
	if (!starts(w, ":\n"))
		return false;
	w->at += 2;
	w->line++;
	return skip_blank(w);
}

bool
yaml_plain_fits(const char *text, size_t size, const char *key)
{
	/* Nothing is written without build. */
	struct walk w = {.at = (char *)(uintptr_t)text, .end = (char *)(uintptr_t)text + size};

	/* So each loop over a line ends inside. */
	if (size == 0 || text[size - 1] != '\n' || !scan_head(&w, key) || w.at == w.end)
		return false;
	while (w.at < w.end)
		if (!scan_member(&w))
			return false;
	return true;
}

int
yaml_plain_read(char *text, size_t size, const char *key, ytree_member_fn fn, void *arg, char *err,
	size_t err_size)
{
	struct walk w = {.at = text, .end = text + size, .line = 1, .build = true};
	int rc = 0;

	scan_head(&w, key);
	for (size_t i = 0; rc == 0 && w.at < w.end; i++) {
		/* It fits: only memory can be what is missing. */
		rc = scan_member(&w) ? fn(arg, &w.nodes[0], i, err, err_size) : -2;
	}
	free(w.nodes);
	return rc;
}
