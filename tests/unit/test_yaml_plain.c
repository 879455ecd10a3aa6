/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fast reader of plain lists against libyaml's: whatever the text, the same
 * comes out. A comment that is not ASCII sends a text to the latter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/yaml_plain.h"

#define SLOW "# \xc3\xa9\n"

static char path[] = "/tmp/wgdp-yaml-plain-XXXXXX";
static char dump[2][65536];
static size_t used;

static void
put(char *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	used += (size_t)vsnprintf(out + used, sizeof(dump[0]) - used, fmt, ap);
	va_end(ap);
	assert_true(used < sizeof(dump[0]));
}

static void
put_node(char *out, const struct ynode *node, unsigned lines)
{
	put(out, "%u:%s=%d%d%u(%s", node->line - lines, node->key != NULL ? node->key : "",
		node->kind, node->quoted, node->n, node->kind == YNODE_SCALAR ? node->text : "");
	for (const struct ynode *m = node->first; m != NULL; m = m->next)
		put_node(out, m, lines);
	put(out, ")");
}

struct reading {
	char *out;
	unsigned lines;
};

static int
on_member(void *arg, const struct ynode *node, size_t index, char *err, size_t err_size)
{
	struct reading *r = arg;

	put(r->out, "%zu", index);
	put_node(r->out, node, r->lines);
	return 0;
}

static int
read_as(const char *head, const char *text, size_t size, char *out)
{
	struct reading r = {.out = out, .lines = *head != '\0'};
	struct ytree *tree;
	char err[1024];
	FILE *f = fopen(path, "w");
	int rc;

	assert_non_null(f);
	fputs(head, f);
	fwrite(text, 1, size, f);
	fclose(f);
	used = 0;
	out[0] = '\0';
	assert_int_equal(ytree_open(&tree, path, 1 << 20, err, sizeof(err)), 0);
	rc = ytree_read_list(tree, "peers", on_member, &r, err, sizeof(err));
	ytree_close(tree);
	return rc;
}

/* Returns whether the fast reader took it. */
static bool
compare(const char *text, size_t size)
{
	bool fits = yaml_plain_fits(text, size, "peers");
	int fast = read_as("", text, size, dump[0]);
	int slow = read_as(SLOW, text, size, dump[1]);

	if (fits && (fast != slow || strcmp(dump[0], dump[1]) != 0))
		fail_msg("%.*s\nfast %d %s\nslow %d %s", (int)size, text, fast, dump[0], slow,
			dump[1]);
	return fits;
}

static const char plain[] = "# a comment\n"
			    "\n"
			    "peers:\n"
			    "  - name: \"n1\"\n"
			    "    public_key: \"AAAA+/=\"\n"
			    "    allowed_ips: [\"10.0.0.1/32\", 10.0.0.2, \"fd00::1/128\"]\n"
			    "    # within\n"
			    "  - name: n2\n"
			    "    allowed_ips: []\n"
			    "    endpoint: \"\"\n"
			    "    persistent_keepalive: 25\n"
			    "\n"
			    "  - name: null\n"
			    "    allowed_ips: [x]\n";

static void
test_plain(void **state)
{
	assert_true(compare(plain, sizeof(plain) - 1));
	assert_non_null(strstr(dump[0], "8:name=002(n2)"));
	assert_non_null(strstr(dump[0], "10.0.0.2"));
}

static void
test_left_to_libyaml(void **state)
{
	static const char *const rows[] = {"", "\n", "peers:", "peers:\n", "peers: []\n",
		"other:\n", "peers:\n- name: a\n", "peers:\n  - name: a", "peers:\n  - {name: a}\n",
		"peers:\n  - name: a\n    name: b\n", "peers:\n  - name: \"a\\n\"\n",
		"peers:\n  - name: a # b\n", "peers:\n  - name: 'a'\n", "peers:\n  - name: a b\n",
		"peers:\n  - name:\n", "peers:\n  - name: fd00::1\n",
		"peers:\n  - name: a\nmore: 1\n", "peers:\n  - name: a\n      b: c\n",
		"peers:\n  - name: [a,b]\n", "peers:\n  - name: [a\n    ]\n", "---\npeers:\n"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (compare(rows[i], strlen(rows[i])))
			fail_msg("taken: %s", rows[i]);
}

/* Bytes are changed, left out, doubled and put in: what still fits reads the same. */
static void
test_mutants(void **state)
{
	static const char bytes[] = "\n\n  -:#\"\"\\'[],{}&*!|>%@`~a1_/+=.\t\r\x7f\xc3";
	unsigned taken = 0;
	char text[1024];

	srandom(7);
	for (unsigned i = 0; i < 20000; i++) {
		size_t size = sizeof(plain) - 1;

		memcpy(text, plain, size);
		for (unsigned k = (unsigned)random() % 4 + 1; k > 0; k--) {
			size_t at = (size_t)random() % size;

			switch (random() % 3) {
			case 0:
				text[at] = bytes[(size_t)random() % (sizeof(bytes) - 1)];
				break;
			case 1:
				memmove(text + at, text + at + 1, --size - at);
				break;
			default:
				memmove(text + at + 1, text + at, size++ - at);
				text[at] = bytes[(size_t)random() % (sizeof(bytes) - 1)];
			}
		}
		if (yaml_plain_fits(text, size, "peers"))
			taken += compare(text, size);
	}
	assert_true(taken > 1000);
}

static int
setup(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int
teardown(void **state)
{
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_left_to_libyaml),
		cmocka_unit_test(test_mutants),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
