/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/key.h"
#include "control/peer_db.h"
#include "control/peer_db_text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define K1 "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define K2 "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define K3 "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static char dir[] = "/tmp/wgdp-peer-db-XXXXXX";
static char path[64];
static char err[1024];

/*
 * The calls that make a save durable, in their order: f is fsync of a file, d of
 * a directory, r a rename. These definitions go before libc's. The one whose
 * place in the order is fail_at (from 1) fails.
 */
static char calls[16];
static size_t fail_at;

static int
record(char c)
{
	size_t n = strlen(calls);

	if (n < sizeof(calls) - 1) {
		calls[n] = c;
		calls[n + 1] = '\0';
	}
	errno = EIO;
	return n + 1 == fail_at ? -1 : 0;
}

int
fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return record(S_ISDIR(st.st_mode) ? 'd' : 'f') < 0 ? -1 : syscall(SYS_fsync, fd);
}

int
rename(const char *from, const char *to)
{
	return record('r') < 0 ? -1 : syscall(SYS_rename, from, to);
}

static void
write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static char *
read_file(const char *name)
{
	static char text[4096];
	FILE *f = fopen(name, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static unsigned
count_files(void)
{
	char cmd[128], line[16];
	FILE *p;

	snprintf(cmd, sizeof(cmd), "ls -A %s | wc -l", dir);
	p = popen(cmd, "r");
	assert_non_null(p);
	assert_non_null(fgets(line, sizeof(line), p));
	pclose(p);
	return atoi(line);
}

static struct peer_db
load(void)
{
	struct peer_db db;

	if (peer_db_load(path, &db, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	return db;
}

static void
expect_prefix(const struct ip_prefix *p, const char *text)
{
	char buf[IP_PREFIX_STRLEN];

	assert_string_equal(ip_prefix_format(buf, p), text);
}

static void
test_all_keys(void **state)
{
	char buf[IP_ENDPOINT_STRLEN];
	struct peer_db db;

	write_file("# people\n"
		   "peers:\n"
		   "  - name: alice\n"
		   "    public_key: " K1 "\n"
		   "    preshared_key: " K3 "\n"
		   "    allowed_ips: [10.8.0.2, 10.9.1.2/24, \"fd00:8::2/64\", \"::/0\"]\n"
		   "    endpoint: 192.0.2.7:51820\n"
		   "    persistent_keepalive: 25\n"
		   "  - {name: \"123\", public_key: '" K2 "'}\n");
	db = load();
	assert_int_equal(db.n, 2);
	assert_string_equal(db.path, path);
	assert_string_equal(db.peers[0].name, "alice");
	assert_int_equal(db.peers[0].public_key[0], 1);
	assert_true(db.peers[0].has_preshared_key);
	assert_int_equal(db.peers[0].preshared_key[0], 3);
	assert_int_equal(db.peers[0].n, 4);
	expect_prefix(&db.peers[0].allowed_ips[0], "10.8.0.2/32");
	expect_prefix(&db.peers[0].allowed_ips[1], "10.9.1.0/24");
	expect_prefix(&db.peers[0].allowed_ips[2], "fd00:8::/64");
	expect_prefix(&db.peers[0].allowed_ips[3], "::/0");
	assert_string_equal(ip_endpoint_format(buf, &db.peers[0].endpoint), "192.0.2.7:51820");
	assert_int_equal(db.peers[0].persistent_keepalive, 25);
	assert_int_equal(db.peers[0].line, 3);
	assert_int_equal(db.peers[0].allowed_ips_line, 6);
	assert_string_equal(db.peers[1].name, "123");
	assert_int_equal(db.peers[1].public_key[0], 2);
	assert_false(db.peers[1].has_preshared_key);
	assert_int_equal(db.peers[1].n, 0);
	assert_int_equal(db.peers[1].endpoint.addr.family, IP_NONE);
	assert_int_equal(db.peers[1].persistent_keepalive, 0);
	assert_int_equal(db.peers[1].line, 9);
	peer_db_free(&db);
	assert_null(db.peers);
}

static void
test_empty_files(void **state)
{
	static const char *const empty[] = {"", "\n", "# nobody yet\n", "---\n", "~\n", "{}\n",
		"peers:\n", "peers: []\n", "peers: ~\n", "---\npeers: []\n...\n"};
	struct peer_db db;

	for (size_t i = 0; i < COUNT(empty); i++) {
		write_file(empty[i]);
		db = load();
		assert_int_equal(db.n, 0);
		peer_db_free(&db);
	}
	unlink(path);
	db = load();
	assert_int_equal(db.n, 0);
	assert_string_equal(db.path, path);
	peer_db_free(&db);
}

/* PATH stands for the file's path. */
struct bad_row {
	const char *text;
	const char *error;
};

#define PEER(name, key) "- {name: " name ", public_key: " key "}\n"

static const struct bad_row bad_files[] = {
	{"peers:\n- {name: a}\n", ":2: peers[0].public_key: expected a value, found nothing"},
	{"peers:\n- {public_key: " K1 "}\n", ":2: peers[0].name: expected a value, found nothing"},
	{"peers:\n- name: a b\n",
		":2: peers[0].name: expected a name of 1 to 63 letters, digits, '.', '_' or '-', "
		"not shaped like a key, found \"a b\""},
	{"peers:\n- name: ..\n",
		":2: peers[0].name: expected a name of 1 to 63 letters, digits, '.', '_' or '-', "
		"not shaped like a key, found \"..\""},
	{"peers:\n- name: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		":2: peers[0].name: expected a name of 1 to 63 letters, digits, '.', '_' or '-', "
		"not shaped like a key, found \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
	{"peers:\n- name: ~\n",
		":2: peers[0].name: expected a name of 1 to 63 letters, digits, '.', '_' or '-', "
		"not shaped like a key, found nothing"},
	{"peers:\n- name: a\n  public_key: AAAA\n",
		":3: peers[0].public_key: expected a key of 32 bytes in base64, found \"AAAA\""},
	{"peers:\n- name: a\n  public_key: [" K1 "]\n",
		":3: peers[0].public_key: expected a key of 32 bytes in base64, found a list"},
	{"peers:\n- name: a\n  preshared_key: hush\n",
		":3: peers[0].preshared_key: expected a key of 32 bytes in base64"},
	{"peers:\n- name: a\n  allowed_ips: 10.0.0.0/8\n",
		":3: peers[0].allowed_ips: expected a list of at most 262144 prefixes, found "
		"\"10.0.0.0/8\""},
	{"peers:\n- name: a\n  allowed_ips:\n  - 10.0.0.0/8\n  - 10.0.0.0/33\n",
		":5: peers[0].allowed_ips[1]: expected an address or ADDRESS/LENGTH, found "
		"\"10.0.0.0/33\""},
	{"peers:\n- name: a\n  endpoint: vpn.example.com:51820\n",
		":3: peers[0].endpoint: expected a unicast ADDRESS:PORT or [ADDRESS]:PORT in "
		"numbers (names are not looked up), found \"vpn.example.com:51820\""},
	{"peers:\n- name: a\n  endpoint: 224.0.0.1:51820\n",
		":3: peers[0].endpoint: expected a unicast ADDRESS:PORT or [ADDRESS]:PORT in "
		"numbers (names are not looked up), found \"224.0.0.1:51820\""},
	{"peers:\n- name: a\n  endpoint: \"[::]:51820\"\n",
		":3: peers[0].endpoint: expected a unicast ADDRESS:PORT or [ADDRESS]:PORT in "
		"numbers (names are not looked up), found \"[::]:51820\""},
	{"peers:\n- name: a\n  persistent_keepalive: 65536\n",
		":3: peers[0].persistent_keepalive: expected seconds as a whole number from 0 "
		"(off) to 65535, found \"65536\""},
	{"peers:\n- name: a\n  persistent_keepalive: \"25\"\n",
		":3: peers[0].persistent_keepalive: expected seconds as a whole number from 0 "
		"(off) to 65535, found \"25\""},
	{"peers:\n- name: a\n  persistent_keepalive: -1\n",
		":3: peers[0].persistent_keepalive: expected seconds as a whole number from 0 "
		"(off) to 65535, found \"-1\""},
	{"peers:\n- name: a\n  allowed_ip: []\n",
		":3: peers[0].allowed_ip: unknown key, expected name, public_key, preshared_key, "
		"allowed_ips, endpoint or persistent_keepalive"},
	{"peers:\n- name: a\n  name: b\n",
		":3: peers[0].name: expected once, found again (first on line 2)"},
	{"peers:\n" PEER("a", K1) PEER("a", K2),
		":3: peers[1].name: expected no duplicate, a is that of peer a (line 2) too"},
	{"peers:\n" PEER("a", K1) PEER("b", K1),
		":3: peers[1].public_key: expected no duplicate, " K1
		" is that of peer a (line 2) too"},
	{"peers:\n- {name: a, public_key: " K1 ", allowed_ips: [10.0.0.1/8]}\n"
	 "- name: b\n  public_key: " K2 "\n  allowed_ips:\n  - 10.0.0.2/32\n  - 10.9.9.9/8\n",
		":7: peers[1].allowed_ips[1]: expected no duplicate, 10.0.0.0/8 is that of peer a "
		"(line 2) too"},
	{"peers:\n- {name: a, public_key: " K1 ", allowed_ips: [10.0.0.1, 10.0.0.1/32]}\n",
		":2: peers[0].allowed_ips[1]: expected once, found 10.0.0.1/32 again"},
	{"peers:\n- alice\n",
		":2: peers[0]: expected a peer (name, public_key, ...), found \"alice\""},
	{"peers: {a: b}\n", ":1: peers: expected a list, found a mapping"},
	{"peers: alice\n", ":1: peers: expected a list, found \"alice\""},
	{"peers: []\npeers: []\n", ":2: peers: expected once, found again (first on line 1)"},
	{"peer: []\n", ":1: peer: unknown key, expected peers"},
	{"- a\n", ":1: syntax: expected keys with values (\"key: value\")"},
	{"alice\n", ":1: syntax: expected keys with values (\"key: value\")"},
	{"peers:\n- name: a\n\tpublic_key: x\n",
		":3: syntax: expected spaces for indentation, found a tab"},
	{"peers:\n- &a {name: a, public_key: " K1 "}\n- *a\n",
		":2: peers: expected a plain value, found a YAML anchor (&name)"},
	{"peers:\n- *a\n", ":2: peers: expected a plain value, found a YAML alias (*name)"},
	{"peers:\n- name: !!str a\n",
		":2: peers[0].name: expected a plain value, found a YAML tag (!name)"},
	{"peers:\n- name: [[[[[[[[[[[[\n",
		":2: peers[0].name[0][0][0]: expected at most 6 levels of lists and mappings"},
	{"peers: []\n--- \npeers: []\n", ":2: syntax: expected one document, found another"},
	{"peers: [\n",
		":2: syntax: expected YAML: while parsing a flow node, did not find expected node "
		"content"},
	{"peers:\n- name: a\n  allowed_ips: [0.0.0.0/0, ::/0]\n",
		":3: syntax: expected YAML: while parsing a flow node, found a value that begins "
		"with ':' and needs quotes"},
	{"peers:\n- name: \"\\0\"\n",
		":2: peers[0].name: expected a plain value, found a YAML NUL character"},
	{"peers:\n- name: a\n# \x01\n",
		":3: syntax: expected text in UTF-8: control characters are not allowed"},
	{"peers:\n# \xff\n", ":2: syntax: expected text in UTF-8: invalid leading UTF-8 octet"},
	{"peers:\n- name: \"a\\nb: \\e[31m\xc3\xa4\"\n",
		":2: peers[0].name: expected a name of 1 to 63 letters, digits, '.', '_' or '-', "
		"not shaped like a key, found \"a?b: ?[31m??\""},
	{"peers:\n- \"a\\nb\": c\n",
		":2: peers[0].a?b: unknown key, expected name, public_key, preshared_key, "
		"allowed_ips, endpoint or persistent_keepalive"},
	{"peers:\n- ? [a]\n  : b\n", ":2: peers[0]: expected a name as key"},
};

static void
test_wrong_files(void **state)
{
	unsigned failed = 0;

	for (size_t i = 0; i < COUNT(bad_files); i++) {
		struct peer_db db;
		char want[1024];

		write_file(bad_files[i].text);
		snprintf(want, sizeof(want), "%s%s", path, bad_files[i].error);
		memset(&db, 0xff, sizeof(db));
		if (peer_db_load(path, &db, err, sizeof(err)) == 0)
			strcpy(err, "loaded");
		if (strcmp(err, want) != 0) {
			print_error("want %s\ngot  %s\n", want, err);
			failed++;
		}
		assert_null(db.peers);
		assert_int_equal(db.n, 0);
		peer_db_free(&db);
	}
	assert_int_equal(failed, 0);
}

static void
test_wrong_paths(void **state)
{
	char name[128], want[256];
	struct peer_db db;

	snprintf(name, sizeof(name), "%s/none/peers.yaml", dir);
	assert_int_equal(peer_db_load(name, &db, err, sizeof(err)), -1);
	snprintf(want, sizeof(want),
		"%s:0: file: expected a file, or at least its directory, to exist", name);
	assert_string_equal(err, want);
	assert_int_equal(peer_db_load(dir, &db, err, sizeof(err)), -1);
	snprintf(want, sizeof(want), "%s:0: file: expected a regular file", dir);
	assert_string_equal(err, want);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(peer_db_load(path, &db, err, sizeof(err)), -1);
	snprintf(want, sizeof(want), "%s:0: file: expected a regular file", path);
	assert_string_equal(err, want);
	unlink(path);
}

static void
test_across_interfaces(void **state)
{
	static const char *const names[] = {"wg0", "wg1", "wg2"};
	struct peer_db dbs[3];
	char want[512];

	write_file("peers:\n- {name: a, public_key: " K1 ", allowed_ips: [10.0.0.1, '::/0']}\n");
	dbs[0] = load();
	write_file("peers:\n- {name: a, public_key: " K1 ", allowed_ips: [10.0.0.0/31]}\n");
	dbs[1] = load();
	write_file("peers:\n- {name: b, public_key: " K1 "}\n"
		   "- name: c\n  public_key: " K2 "\n"
		   "  allowed_ips: [10.0.0.2, 10.0.0.1]\n");
	dbs[2] = load();
	assert_int_equal(peer_db_check_across(dbs, names, 0, err, sizeof(err)), 0);
	assert_int_equal(peer_db_check_across(dbs, names, 2, err, sizeof(err)), 0);
	assert_int_equal(peer_db_check_across(dbs, names, 3, err, sizeof(err)), -1);
	snprintf(want, sizeof(want),
		"%s:5: peers[1].allowed_ips[1]: expected no duplicate, 10.0.0.1/32 of peer c on "
		"interface wg2 is that of peer a on interface wg0 too",
		path);
	assert_string_equal(err, want);
	for (int i = 0; i < 3; i++)
		peer_db_free(&dbs[i]);
}

static void
test_names(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "a b", "\xc3\xa4",
		"a=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	static const char *const good[] = {"a", "null", "-", "...", "peer-01fe23dc", "A.b_c-9",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	uint8_t key[32] = {0x01, 0xfe, 0x23, 0xdc, 0x45};
	char name[PEER_NAME_SIZE];

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(peer_name_valid(bad[i]));
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(peer_name_valid(good[i]));
	peer_name_generate(name, key, 1);
	assert_string_equal(name, "peer-01fe23dc");
	peer_name_generate(name, key, 2);
	assert_string_equal(name, "peer-01fe23dc-2");
}

/* ---- saving ------------------------------------------------------------- */

static struct ip_prefix prefixes[2];
static struct peer_spec specs[3] = {
	{.name = "null",
		.public_key = {1, 0xfb, 0xff},
		.has_preshared_key = true,
		.preshared_key = {9},
		.allowed_ips = prefixes,
		.n = 2,
		.persistent_keepalive = 25},
	{.name = "123", .public_key = {2}},
	{.name = "peer-03000000", .public_key = {3}},
};

static int
save_specs(const char *to, const struct peer_spec *list, size_t n, char *e, size_t e_size)
{
	struct peer_db_text text = {0};
	struct file_id id;
	int ret;

	for (size_t j = 0; j < n; j++)
		peer_db_text_add(&text, &list[j]);
	ret = peer_db_text_save(&text, to, NULL, &id, e, e_size);
	peer_db_text_fini(&text);
	return ret;
}

static void
save(size_t n)
{
	if (save_specs(path, specs, n, err, sizeof(err)) < 0)
		fail_msg("%s", err);
}

static void
test_round_trip(void **state)
{
	struct stat st;
	struct peer_db db;

	unlink(path);
	umask(0);
	save(3);
	umask(022);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_non_null(strstr(read_file(path), "comments are then lost"));
	db = load();
	assert_int_equal(db.n, 3);
	for (int i = 0; i < 3; i++) {
		const struct peer_spec *a = &db.peers[i], *b = &specs[i];

		assert_string_equal(a->name, b->name);
		assert_memory_equal(a->public_key, b->public_key, 32);
		assert_int_equal(a->has_preshared_key, b->has_preshared_key);
		assert_memory_equal(a->preshared_key, b->preshared_key, 32);
		assert_int_equal(a->n, b->n);
		for (unsigned k = 0; k < a->n; k++)
			assert_true(ip_prefix_equal(&a->allowed_ips[k], &b->allowed_ips[k]));
		assert_true(ip_endpoint_equal(&a->endpoint, &b->endpoint));
		assert_int_equal(a->persistent_keepalive, b->persistent_keepalive);
	}
	peer_db_free(&db);
	save(0);
	db = load();
	assert_int_equal(db.n, 0);
	peer_db_free(&db);
}

static void
test_link_stays_a_link(void **state)
{
	char target[80];
	struct stat st;
	struct peer_db db;

	unlink(path);
	snprintf(target, sizeof(target), "%s/target", dir);
	fclose(fopen(target, "w"));
	assert_int_equal(symlink("target", path), 0);
	save(2);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	db = load();
	assert_int_equal(db.n, 2);
	peer_db_free(&db);
	unlink(path);
	unlink(target);
}

static void
test_save_order(void **state)
{
	calls[0] = '\0';
	save(1);
	assert_string_equal(calls, "frd");
}

/* Whichever step fails, the file is whole, and nothing else is left in the directory. */
static void
test_save_failures(void **state)
{
	static const char *const errors[] = {
		"cannot be written: Input/output error",
		"cannot be written: Input/output error",
		"was replaced, but its directory cannot be synced: Input/output error",
	};
	char want[256];

	for (size_t i = 0; i < COUNT(errors); i++) {
		struct peer_db db;

		save(1);
		calls[0] = '\0';
		fail_at = i + 1;
		assert_int_equal(save_specs(path, specs, 2, err, sizeof(err)), -1);
		fail_at = 0;
		snprintf(want, sizeof(want), "%s:0: file: %s", path, errors[i]);
		assert_string_equal(err, want);
		db = load();
		assert_int_equal(db.n, i < 2 ? 1 : 2);
		peer_db_free(&db);
		assert_int_equal(count_files(), 1);
	}
}

static void
test_left_over_is_replaced(void **state)
{
	char tmp[80];

	snprintf(tmp, sizeof(tmp), "%s/.peers.yaml.tmp", dir);
	fclose(fopen(tmp, "w"));
	save(1);
	assert_int_equal(count_files(), 1);
	/* Nor is a link in its place followed. */
	assert_int_equal(symlink("/dev/full", tmp), 0);
	save(1);
	assert_int_equal(count_files(), 1);
}

/* A file system of 64 KiB, seen by this process only; skips where that is not allowed. */
static void
mount_small(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700") < 0) {
		print_message("skipped: needs the right to mount a tmpfs\n");
		skip();
	}
}

static void
test_disk_full_then_read_only(void **state)
{
	struct peer_spec *many = calloc(2000, sizeof(*many));
	char want[256];
	struct peer_db db;

	assert_non_null(many);
	for (int i = 0; i < 2000; i++) {
		snprintf(many[i].name, sizeof(many[i].name), "p%d", i);
		memcpy(many[i].public_key, &i, sizeof(i));
	}
	mount_small();
	save(3);
	assert_int_equal(save_specs(path, many, 2000, err, sizeof(err)), -1);
	snprintf(
		want, sizeof(want), "%s:0: file: cannot be written: No space left on device", path);
	assert_string_equal(err, want);
	db = load();
	assert_int_equal(db.n, 3);
	peer_db_free(&db);
	assert_int_equal(count_files(), 1);
	save(2);
	assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(save_specs(path, specs, 1, err, sizeof(err)), -1);
	snprintf(want, sizeof(want), "%s:0: file: cannot be written: Read-only file system", path);
	assert_string_equal(err, want);
	db = load();
	assert_int_equal(db.n, 2);
	peer_db_free(&db);
	umount(dir);
	free(many);
}

/* How long that takes is printed. */
static void
test_100000_peers(void **state)
{
	enum { N = 100000 };
	struct peer_spec *many = calloc(N, sizeof(*many));
	struct ip_prefix *ips = calloc(2 * N, sizeof(*ips));
	struct timespec t0, t1, t2;
	struct peer_db db;

	assert_non_null(many);
	assert_non_null(ips);
	for (uint32_t i = 0; i < N; i++) {
		snprintf(many[i].name, sizeof(many[i].name), "peer-%u", i);
		memcpy(many[i].public_key, &i, sizeof(i));
		many[i].allowed_ips = &ips[2 * i];
		many[i].n = 2;
		ips[2 * i] = (struct ip_prefix){
			{IP_V4, {10, i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff}}, 32};
		ips[2 * i + 1] = (struct ip_prefix){{IP_V6, {0xfd}}, 128};
		memcpy(ips[2 * i + 1].addr.bytes + 12, &i, sizeof(i));
	}
	/* Processor time: what else the machine does must not fail this. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	if (save_specs(path, many, N, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	db = load();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t2);
	print_message("100000 peers: saved in %.0f ms, loaded in %.0f ms\n",
		(t1.tv_sec - t0.tv_sec) * 1e3 + (t1.tv_nsec - t0.tv_nsec) / 1e6,
		(t2.tv_sec - t1.tv_sec) * 1e3 + (t2.tv_nsec - t1.tv_nsec) / 1e6);
	assert_int_equal(db.n, N);
	assert_memory_equal(db.peers[N - 1].public_key, many[N - 1].public_key, 32);
	assert_true(ip_prefix_equal(&db.peers[N - 1].allowed_ips[1], &ips[2 * N - 1]));
	peer_db_free(&db);
	free(many);
	free(ips);
}

static int
setup(void **state)
{
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/peers.yaml", dir);
	assert_true(ip_prefix_parse(&prefixes[0], "10.8.0.2/32"));
	assert_true(ip_prefix_parse(&prefixes[1], "fd00:8::/64"));
	assert_true(ip_endpoint_parse(&specs[0].endpoint, "[2001:db8::7]:51820"));
	assert_true(ip_endpoint_parse(&specs[1].endpoint, "192.0.2.7:1"));
	return 0;
}

static int
teardown(void **state)
{
	unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_empty_files),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_wrong_paths),
		cmocka_unit_test(test_across_interfaces),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_link_stays_a_link),
		cmocka_unit_test(test_save_order),
		cmocka_unit_test(test_save_failures),
		cmocka_unit_test(test_left_over_is_replaced),
		cmocka_unit_test(test_100000_peers),
		cmocka_unit_test(test_disk_full_then_read_only),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
