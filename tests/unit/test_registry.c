/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/registry.h"

static struct refusal why;

static int
setup(void **state)
{
	static const char *const names[] = {"wg0", "wg1"};

	*state = registry_create(names, 2, 1000);
	return 0;
}

static int
teardown(void **state)
{
	registry_destroy(*state);
	return 0;
}

/* Peer number id, with these prefixes, which are separated by blanks. */
static struct peer_spec
make(unsigned id, const char *name, const char *prefixes)
{
	struct peer_spec spec = {0};
	char copy[256], *save, *word;
	unsigned cap = 0;

	snprintf(spec.name, sizeof(spec.name), "%s", name);
	memcpy(spec.public_key, &id, sizeof(id));
	snprintf(copy, sizeof(copy), "%s", prefixes);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		struct ip_prefix p;

		assert_true(ip_prefix_parse(&p, word));
		peer_spec_add_prefix(&spec, &cap, &p);
	}
	return spec;
}

static int
put(struct registry *r, unsigned id, const char *name, const char *prefixes)
{
	struct peer_spec spec = make(id, name, prefixes);
	int rc = registry_put(r, &spec, &why);

	peer_spec_fini(&spec);
	return rc;
}

static void
remove_id(struct registry *r, unsigned id)
{
	uint8_t key[32] = {0};

	memcpy(key, &id, sizeof(id));
	assert_true(registry_remove(r, key));
}

/* The interface as text: "name:prefix,prefix name:..." in its order. */
static const char *
dump(struct registry *r, unsigned iface)
{
	static char text[4096];
	const struct peer_spec *spec;
	char prefix[IP_PREFIX_STRLEN];
	uint64_t cursor = 0;
	size_t n = 0, len = 0;

	text[0] = '\0';
	for (; (spec = registry_next(r, iface, &cursor)) != NULL; n++) {
		len += snprintf(text + len, sizeof(text) - len, "%s%s:", n ? " " : "", spec->name);
		for (unsigned i = 0; i < spec->n; i++)
			len += snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "",
				ip_prefix_format(prefix, &spec->allowed_ips[i]));
		assert_ptr_equal(registry_by_name(r, iface, spec->name), spec);
		assert_ptr_equal(registry_by_key(r, iface, spec->public_key), spec);
	}
	assert_int_equal(registry_count(r, iface), n);
	return text;
}

static void
test_prefix_moves_within_an_interface(void **state)
{
	struct registry *r = *state;

	registry_begin(r, 0);
	assert_int_equal(put(r, 1, "a", "10.0.0.1 10.0.0.2 10.0.0.3"), 0);
	assert_int_equal(put(r, 2, "b", "10.0.0.1 10.0.0.4 10.0.0.4"), 0);
	registry_commit(r);
	assert_string_equal(dump(r, 0), "a:10.0.0.3/32,10.0.0.2/32 b:10.0.0.1/32,10.0.0.4/32");
	/* The one that filled the gap can be taken as well. */
	registry_begin(r, 0);
	assert_int_equal(put(r, 3, "c", "10.0.0.3"), 0);
	registry_commit(r);
	assert_string_equal(dump(r, 0), "a:10.0.0.2/32 b:10.0.0.1/32,10.0.0.4/32 c:10.0.0.3/32");
}

static void
test_prefix_on_two_interfaces_is_refused_naming_both(void **state)
{
	struct registry *r = *state;

	registry_begin(r, 0);
	assert_int_equal(put(r, 1, "a", "10.0.0.0/24"), 0);
	registry_commit(r);
	registry_begin(r, 1);
	assert_int_equal(put(r, 2, "b", "10.0.0.0/25"), 0);
	assert_int_equal(put(r, 3, "c", "10.0.1.0/24 10.0.0.0/24"), -1);
	assert_int_equal(why.status, 409);
	assert_string_equal(why.field, "allowed_ips");
	assert_non_null(strstr(why.message, "wg0"));
	assert_non_null(strstr(why.message, "wg1"));
	registry_commit(r);
	assert_string_equal(dump(r, 0), "a:10.0.0.0/24");
	assert_string_equal(dump(r, 1), "b:10.0.0.0/25");
}

static void
test_names_are_unique_in_an_interface(void **state)
{
	struct registry *r = *state;

	registry_begin(r, 0);
	assert_int_equal(put(r, 1, "a", ""), 0);
	assert_int_equal(put(r, 2, "a", ""), -1);
	assert_string_equal(why.code, "name_taken");
	assert_int_equal(put(r, 1, "b", ""), 0); /* renamed: a is free */
	assert_int_equal(put(r, 2, "a", ""), 0);
	registry_commit(r);
	assert_string_equal(dump(r, 0), "b: a:");
	registry_begin(r, 1);
	assert_int_equal(put(r, 1, "a", ""), 0);
	registry_commit(r);
}

static void
test_max_peers(void **state)
{
	static const char *const names[] = {"wg0", "wg1"};
	struct registry *r = registry_create(names, 2, 2);

	registry_begin(r, 0);
	assert_int_equal(put(r, 1, "a", ""), 0);
	registry_commit(r);
	registry_begin(r, 1);
	assert_int_equal(put(r, 2, "b", ""), 0);
	assert_int_equal(put(r, 3, "c", ""), -1);
	assert_string_equal(why.code, "too_many_peers");
	assert_int_equal(put(r, 2, "c", ""), 0);
	remove_id(r, 2);
	assert_int_equal(put(r, 3, "c", ""), 0);
	registry_commit(r);
	registry_destroy(r);
}

static void
test_rollback_restores_everything(void **state)
{
	struct registry *r = *state;
	char before[4096];

	registry_begin(r, 0);
	assert_int_equal(put(r, 1, "a", "10.0.0.1 10.0.0.2"), 0);
	assert_int_equal(put(r, 2, "b", "10.0.0.3"), 0);
	assert_int_equal(put(r, 3, "c", "fd00::/64"), 0);
	registry_commit(r);
	strcpy(before, dump(r, 0));
	registry_begin(r, 0);
	assert_int_equal(put(r, 4, "d", "10.0.0.2 10.0.0.3"), 0); /* from two */
	remove_id(r, 1);
	assert_int_equal(put(r, 2, "a", "10.0.0.1"), 0); /* its name and prefix */
	assert_int_equal(put(r, 1, "b", "fd00::/64"), 0); /* it comes back, as b */
	remove_id(r, 3);
	registry_rollback(r);
	assert_string_equal(dump(r, 0), before);
	/* And what came back is whole: prefixes can move again. */
	registry_begin(r, 0);
	assert_int_equal(put(r, 3, "c", "10.0.0.1"), 0);
	registry_commit(r);
	assert_string_equal(dump(r, 0), "a:10.0.0.2/32 b:10.0.0.3/32 c:10.0.0.1/32");
}

static void
test_changes_are_net_and_removals_first(void **state)
{
	struct registry *r = *state;
	struct registry_change *list;

	registry_begin(r, 0);
	assert_int_equal(put(r, 1, "a", "10.0.0.1"), 0);
	assert_int_equal(put(r, 2, "b", ""), 0);
	registry_commit(r);
	registry_begin(r, 0);
	assert_int_equal(put(r, 3, "c", "10.0.0.1"), 0);
	registry_mark_endpoint(r, registry_by_name(r, 0, "c")->public_key);
	assert_int_equal(put(r, 4, "d", ""), 0);
	remove_id(r, 4); /* came and went: no change at all */
	remove_id(r, 2);
	assert_int_equal(registry_changes(r, &list), 3);
	assert_string_equal(list[0].before->name, "b");
	assert_null(list[0].after);
	assert_string_equal(list[1].after->name, "c");
	assert_null(list[1].before);
	assert_true(list[1].set_endpoint);
	assert_string_equal(list[2].after->name, "a"); /* lost its prefix */
	assert_int_equal(list[2].before->n, 1);
	assert_int_equal(list[2].after->n, 0);
	free(list);
	registry_commit(r);
}

static void
test_cursor_survives_removal(void **state)
{
	struct registry *r = *state;
	uint64_t cursor = 0;
	char name[16];

	registry_begin(r, 0);
	for (unsigned i = 1; i <= 10; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(put(r, i, name, ""), 0);
	}
	registry_commit(r);
	for (unsigned i = 1; i <= 5; i++)
		assert_non_null(registry_next(r, 0, &cursor));
	registry_begin(r, 0);
	remove_id(r, 5);
	remove_id(r, 6);
	remove_id(r, 1);
	registry_commit(r);
	assert_string_equal(registry_next(r, 0, &cursor)->name, "p7");
	registry_begin(r, 0);
	registry_remove_all(r);
	assert_int_equal(put(r, 8, "p8", ""), 0); /* keeps its place */
	assert_int_equal(put(r, 11, "p11", ""), 0);
	registry_commit(r);
	assert_string_equal(dump(r, 0), "p8: p11:");
	assert_string_equal(registry_next(r, 0, &cursor)->name, "p8");
}

/* 10.0.0.0 to 10.0.0.8: each stands in the text at most once. */
static void
assert_prefixes_unique(const char *text)
{
	char prefix[16];

	for (unsigned i = 0; i < 9; i++) {
		const char *first;

		snprintf(prefix, sizeof(prefix), "10.0.0.%u/32", i);
		first = strstr(text, prefix);
		if (first != NULL)
			assert_null(strstr(first + 1, prefix));
	}
}

/* Random transactions, some rolled back, against a copy of the text before. */
static void
test_random_transactions(void **state)
{
	struct registry *r = *state;
	char before[4096], name[16], prefixes[64];

	srand(7);
	for (unsigned round = 0; round < 3000; round++) {
		strcpy(before, dump(r, 0));
		registry_begin(r, 0);
		for (unsigned k = rand() % 6; k > 0; k--) {
			unsigned id = 1 + rand() % 8;
			uint8_t key[32] = {0};

			memcpy(key, &id, sizeof(id));
			snprintf(name, sizeof(name), "n%u", rand() % 10);
			snprintf(prefixes, sizeof(prefixes), "10.0.0.%u 10.0.0.%u", rand() % 9,
				rand() % 9);
			if (rand() % 3 == 0)
				registry_remove(r, key);
			else
				put(r, id, name, prefixes);
		}
		if (rand() % 2) {
			registry_commit(r);
			assert_prefixes_unique(dump(r, 0));
			continue;
		}
		registry_rollback(r);
		assert_string_equal(dump(r, 0), before);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_prefix_moves_within_an_interface),
		T(test_prefix_on_two_interfaces_is_refused_naming_both),
		T(test_names_are_unique_in_an_interface),
		T(test_max_peers),
		T(test_rollback_restores_everything),
		T(test_changes_are_net_and_removals_first),
		T(test_cursor_survives_removal),
		T(test_random_transactions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
