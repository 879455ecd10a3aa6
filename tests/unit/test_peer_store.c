/* SPDX-License-Identifier: BSD-3-Clause */
/* Journals, checkpoints and edits by hand, by what a gateway that starts would find. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/key.h"
#include "control/peer_store_state.h"

#define S UINT64_C(1000000000)

static char dir[] = "/tmp/wgdp-peer-store-XXXXXX";
static char path[64];
static char err[1024];
static struct registry *registry;
static struct peer_store *store;
static uint64_t now;

/* ---- a gateway's life ------------------------------------------------------------- */

static void
start(void)
{
	const char *name = "wg0";
	struct refusal why;
	struct peer_db db;

	if (peer_store_load(path, &db, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	registry = registry_create(&name, 1, 100000);
	registry_begin(registry, 0);
	for (size_t i = 0; i < db.n; i++)
		assert_int_equal(registry_put(registry, &db.peers[i], &why), 0);
	registry_commit(registry);
	store = peer_store_create(path, &db, registry, 0, NULL, NULL);
	peer_db_free(&db);
}

/* As a kill -9 would: nothing is written. */
static void
kill_it(void)
{
	peer_store_free(store);
	store = NULL;
	registry_destroy(registry);
	registry = NULL;
}

static void
stop(void)
{
	peer_store_destroy(store);
	registry_destroy(registry);
	store = NULL;
	registry = NULL;
}

static void
key_of(uint8_t key[32], unsigned i)
{
	memset(key, 0, 32);
	memcpy(key, &i, sizeof(i));
	key[31] = 1;
}

/* Put peer i with prefix p, or remove it when p < 0. Not synced. */
static void
change(unsigned i, int p)
{
	struct registry_change *list;
	struct peer_spec spec = {0};
	struct ip_prefix prefix = {.addr = {IP_V4, {10, 0, p >> 8 & 0xff, p & 0xff}}, .len = 32};
	struct refusal why;
	size_t n;

	key_of(spec.public_key, i);
	registry_begin(registry, 0);
	if (p >= 0) {
		snprintf(spec.name, sizeof(spec.name), "p%u", i);
		spec.has_preshared_key = true;
		memset(spec.preshared_key, 7, 32);
		spec.persistent_keepalive = 25;
		assert_true(ip_endpoint_parse(&spec.endpoint, "[2001:db8::1]:51820"));
		spec.allowed_ips = &prefix;
		spec.n = 1;
		assert_int_equal(registry_put(registry, &spec, &why), 0);
	} else {
		registry_remove(registry, spec.public_key);
	}
	n = registry_changes(registry, &list);
	if (peer_store_append(store, list, n, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	registry_commit(registry);
	free(list);
}

static void
changed(unsigned i, int p)
{
	change(i, p);
	assert_int_equal(peer_store_sync(store, err, sizeof(err)), 0);
}

/* Through a whole checkpoint, if one is due. */
static void
run(uint64_t until)
{
	for (unsigned i = 0; i < 100000 && now < until; i++) {
		uint64_t next = peer_store_turn(store, now);

		if (next == UINT64_MAX && peer_store_state(store) == PEER_STORE_SAVED)
			return;
		if (next == UINT64_MAX)
			usleep(1000); /* its thread writes */
		else
			now += next;
	}
}

/* What the registry says is what a start would find, in the same order. */
static void
check_disk(void)
{
	const struct peer_spec *spec;
	struct peer_db db;
	uint64_t cursor = 0;
	size_t n = 0;

	if (peer_store_load(path, &db, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	for (; (spec = registry_next(registry, 0, &cursor)) != NULL; n++) {
		assert_true(n < db.n);
		assert_string_equal(db.peers[n].name, spec->name);
		assert_memory_equal(db.peers[n].public_key, spec->public_key, 32);
		assert_memory_equal(db.peers[n].preshared_key, spec->preshared_key, 32);
		assert_int_equal(db.peers[n].persistent_keepalive, spec->persistent_keepalive);
		assert_true(ip_endpoint_equal(&db.peers[n].endpoint, &spec->endpoint));
		assert_int_equal(db.peers[n].n, spec->n);
		for (unsigned i = 0; i < spec->n; i++)
			assert_true(ip_prefix_equal(
				&db.peers[n].allowed_ips[i], &spec->allowed_ips[i]));
	}
	assert_int_equal(n, db.n);
	peer_db_free(&db);
}

static unsigned
count_journals(void)
{
	char command[128];
	unsigned n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "ls -A %s | grep -c journal", dir);
	f = popen(command, "r");
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static void
write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* ---- tests ------------------------------------------------------------------------ */

static void
test_journal_alone(void **state)
{
	start();
	for (unsigned i = 0; i < 20; i++)
		changed(i, i);
	changed(3, 200);
	changed(4, -1);
	changed(5, -1);
	changed(5, 5); /* back again, behind all others */
	changed(6, 7); /* takes the prefix of 7 */
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(peer_store_state(store), PEER_STORE_JOURNALED);
	check_disk();
	kill_it();
	start();
	check_disk();
	run(now + 10 * S); /* what a crash left behind is put in order */
	assert_int_equal(peer_store_state(store), PEER_STORE_SAVED);
	check_disk();
	stop();
	assert_int_equal(count_journals(), 0);
}

static void
test_checkpoint_is_of_one_moment(void **state)
{
	uint64_t began;

	start();
	for (unsigned i = 0; i < 2000; i++)
		change(i, i);
	assert_int_equal(peer_store_sync(store, err, sizeof(err)), 0);
	began = now;
	while (peer_store_turn(store, now) != 0)
		now += S / 4;
	assert_in_range(now - began, S / 2, 4 * S);
	/* Formatting has begun. What changes now is in the new journal, not in the file. */
	peer_store_turn(store, now);
	changed(1, 3000);
	changed(1999, 3001);
	changed(1998, -1);
	changed(1997, -1);
	changed(1997, 1996); /* moved, and with a prefix that 1996 had */
	changed(5000, 5000);
	check_disk();
	assert_int_equal(count_journals(), 2);
	while (count_journals() > 1 || peer_store_state(store) == PEER_STORE_FAILING) {
		if (peer_store_turn(store, now) == UINT64_MAX)
			usleep(1000);
	}
	check_disk();
	{
		struct peer_db db; /* the file alone: the moment when it began */

		assert_int_equal(peer_db_load(path, &db, err, sizeof(err)), 0);
		assert_int_equal(db.n, 2000);
		assert_int_equal(db.peers[1].allowed_ips[0].addr.bytes[2], 0);
		peer_db_free(&db);
	}
	kill_it();
	start();
	check_disk();
	stop();
	start();
	check_disk();
	stop();
}

static void
test_edit_is_not_overwritten(void **state)
{
	static const char edit[] = "# mine\npeers: []\n";
	char found[64] = "", names[64];
	struct peer_db db;
	size_t kept;
	FILE *f;

	start();
	changed(1, 1);
	run(now + 10 * S);
	assert_false(peer_store_edited(store));
	write_file(edit);
	assert_true(peer_store_edited(store));
	changed(2, 2);
	run(now + 100 * S);
	assert_int_equal(peer_store_state(store), PEER_STORE_EDITED);
	f = fopen(path, "r");
	assert_int_equal(fread(found, 1, sizeof(found), f), sizeof(edit) - 1);
	fclose(f);
	assert_string_equal(found, edit);
	/* A reload: 1 is gone by hand, 2 came at run time and stays. */
	assert_int_equal(
		peer_store_read_edit(store, &db, &kept, names, sizeof(names), err, sizeof(err)), 0);
	assert_int_equal(kept, 0);
	assert_int_equal(db.n, 1);
	assert_string_equal(db.peers[0].name, "p2");
	changed(1, -1);
	peer_store_adopt(store, &db);
	peer_db_free(&db);
	assert_false(peer_store_edited(store));
	check_disk();
	run(now + 100 * S);
	assert_int_equal(peer_store_state(store), PEER_STORE_SAVED);
	check_disk();
	/* An edit that says all stays as it is, comments included. */
	write_file("# all mine\npeers: []\n");
	assert_int_equal(
		peer_store_read_edit(store, &db, &kept, names, sizeof(names), err, sizeof(err)), 0);
	assert_int_equal(db.n, 0);
	changed(2, -1);
	peer_store_adopt(store, &db);
	peer_db_free(&db);
	run(now + 100 * S);
	assert_int_equal(peer_store_state(store), PEER_STORE_SAVED);
	check_disk();
	assert_int_equal(count_journals(), 0);
	f = fopen(path, "r");
	assert_int_equal(fread(found, 1, sizeof(found), f), 21);
	fclose(f);
	stop();
}

/* Both have changed a peer: the run-time change stays, and is told of. */
/* Two edits in a row, before any checkpoint: the second one is of the first one's file. */
static void
test_edit_after_edit(void **state)
{
	char names[64], text[512], key[KEY_STRLEN];
	uint8_t raw[32];
	struct peer_db db;
	size_t kept;

	start();
	changed(1, 1); /* the journal's */
	key_of(raw, 2);
	snprintf(text, sizeof(text),
		"peers:\n  - {name: p2, public_key: \"%s\", allowed_ips: [10.0.0.2]}\n",
		key_format(key, raw));
	write_file(text);
	assert_int_equal(
		peer_store_read_edit(store, &db, &kept, names, sizeof(names), err, sizeof(err)), 0);
	assert_int_equal(db.n, 2);
	changed(2, 2);
	peer_store_adopt(store, &db);
	peer_db_free(&db);
	write_file("peers: []\n");
	assert_int_equal(
		peer_store_read_edit(store, &db, &kept, names, sizeof(names), err, sizeof(err)), 0);
	assert_int_equal(kept, 0);
	assert_int_equal(db.n, 1);
	assert_string_equal(db.peers[0].name, "p1");
	changed(2, -1);
	peer_store_adopt(store, &db);
	peer_db_free(&db);
	check_disk();
	stop();
}

static void
test_edit_and_change_of_one_peer(void **state)
{
	char names[64], text[512], key[KEY_STRLEN];
	uint8_t raw[32];
	struct peer_db db;
	size_t kept;

	start();
	changed(1, 1);
	run(now + 10 * S);
	key_of(raw, 1);
	snprintf(text, sizeof(text),
		"peers:\n  - {name: p1, public_key: \"%s\", allowed_ips: [10.9.9.9]}\n",
		key_format(key, raw));
	write_file(text);
	changed(1, 77);
	assert_int_equal(
		peer_store_read_edit(store, &db, &kept, names, sizeof(names), err, sizeof(err)), 0);
	assert_int_equal(kept, 1);
	assert_string_equal(names, "p1");
	assert_int_equal(db.n, 1);
	assert_int_equal(db.peers[0].allowed_ips[0].addr.bytes[3], 77);
	peer_db_free(&db);
	/* So at a start. */
	kill_it();
	start();
	key_of(raw, 1);
	assert_int_equal(registry_by_key(registry, 0, raw)->allowed_ips[0].addr.bytes[3], 77);
	stop();
}

static void
test_edit_that_clashes(void **state)
{
	char names[64], text[512], key[KEY_STRLEN];
	uint8_t raw[32];
	struct peer_db db;
	size_t kept;

	start();
	changed(1, 1);
	run(now + 10 * S);
	key_of(raw, 2);
	snprintf(text, sizeof(text), "peers:\n  - {name: p5, public_key: \"%s\"}\n",
		key_format(key, raw));
	write_file(text);
	changed(5, 5);
	assert_int_equal(
		peer_store_read_edit(store, &db, &kept, names, sizeof(names), err, sizeof(err)),
		-1);
	assert_non_null(strstr(err, ":2: name: expected no duplicate, p5"));
	/* A file that is gone is no wish to remove all. */
	unlink(path);
	assert_int_equal(
		peer_store_read_edit(store, &db, &kept, names, sizeof(names), err, sizeof(err)),
		-1);
	write_file("peers: [\n");
	assert_int_equal(
		peer_store_read_edit(store, &db, &kept, names, sizeof(names), err, sizeof(err)),
		-1);
	write_file("peers: []\n");
	stop();
}

static void
test_a_failed_start_touches_nothing(void **state)
{
	start();
	changed(1, 1);
	kill_it();
	assert_int_equal(count_journals(), 1);
	start();
	stop(); /* without a turn: sockets were taken, say */
	assert_int_equal(count_journals(), 1);
	assert_int_equal(access(path, F_OK), -1);
}

static void
test_torn_tail_and_garbage(void **state)
{
	char name[96];
	FILE *f;

	start();
	changed(1, 1);
	kill_it();
	snprintf(name, sizeof(name), "%s.journal-1", path);
	f = fopen(name, "a");
	fputs("WGR1 and then the power went", f);
	fclose(f);
	start();
	check_disk();
	assert_int_equal(registry_count(registry, 0), 1);
	run(now + 10 * S);
	stop();
	assert_int_equal(count_journals(), 0);
}

static int
setup(void **state)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	now = S;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/wg0.peers.yaml", dir);
	return 0;
}

static int
teardown(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_journal_alone),
		T(test_checkpoint_is_of_one_moment),
		T(test_edit_is_not_overwritten),
		T(test_edit_after_edit),
		T(test_edit_and_change_of_one_peer),
		T(test_edit_that_clashes),
		T(test_a_failed_start_touches_nothing),
		T(test_torn_tail_and_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
