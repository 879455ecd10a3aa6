/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power cuts and kill -9 at random moments, against the peer database's files:
 *
 *   crash_store POWERCUT.so KILLS [SEED]
 *
 * A child makes transaction after transaction, some of them synced together,
 * with checkpoints in between, and tells in shared memory which it has begun and
 * which it has acknowledged. It is killed, at any time or between any two calls
 * about its files, or it ends by itself; then the directory is made what a disk
 * may hold: all that was written, only what was synced (powercut.c: a rename or
 * a removal is undone unless its directory was synced), or any mixture of both,
 * with torn ends. What is loaded from it must be exactly the peers after
 * some transaction between the last acknowledged and the last begun. Then the
 * next child goes on from there.
 *
 * With POWERCUT_FORGET in the environment (see powercut.c) it must find that
 * something is missing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/peer_store.h"

#define PEERS 60u
#define BATCH 400u /* of a large transaction, with peers behind the others */
#define RUN_US_MAX 4000
#define RUN_TRANSACTIONS_MAX 24
#define RUN_STEPS_MAX 150 /* a little more than so many transactions and the end take */
#define SECTOR 512u /* what a disk writes whole or not at all */
#define FOREVER UINT64_MAX
#define TURN_NS UINT64_C(1000000000) /* of the child's own clock, from sync to sync */

struct progress {
	_Atomic uint64_t begun, acknowledged;
};

static char dir[64], shadow[64], path[96], err[1024];
static struct progress *progress;
static bool judging;

static void tidy(void);

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "crash_store: ");
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (judging && getenv("POWERCUT_FORGET") != NULL) {
		fprintf(stderr, "\n  as it has to be\n");
		tidy();
		exit(EXIT_SUCCESS);
	}
	fprintf(stderr, "\n  the files are left in %s\n", dir);
	exit(EXIT_FAILURE);
}

/* ---- transactions: each is a function of the seed, its number and the peers before ------ */

static uint64_t
draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void
put(struct registry *r, unsigned id, unsigned address, uint64_t *random)
{
	struct ip_prefix prefix = {
		.addr = {IP_V4, {10, 0, address >> 8 & 0xff, address & 0xff}}, .len = 32};
	struct peer_spec spec = {.allowed_ips = &prefix,
		.n = 1,
		.persistent_keepalive = draw(random) % 100,
		.has_preshared_key = draw(random) % 2};
	struct refusal why;

	memcpy(spec.public_key, &id, sizeof(id));
	spec.public_key[31] = 1;
	if (spec.has_preshared_key)
		memset(spec.preshared_key, (int)(1 + draw(random) % 255), 32);
	snprintf(spec.name, sizeof(spec.name), "p%u", id);
	if (registry_put(r, &spec, &why) != 0)
		fail("%s", why.message);
}

static void
take(struct registry *r, unsigned id)
{
	uint8_t key[32] = {0};

	memcpy(key, &id, sizeof(id));
	key[31] = 1;
	registry_remove(r, key);
}

/* Into the open transaction. */
static void
transaction(struct registry *r, uint64_t seed, uint64_t number)
{
	uint64_t random = seed * UINT64_C(1000003) + number;
	unsigned n = 1 + draw(&random) % 4;

	if (draw(&random) % 40 == 0) {
		bool add = draw(&random) % 2;

		for (unsigned i = 0; i < BATCH; i++) {
			if (add)
				put(r, PEERS + i, PEERS + i, &random);
			else
				take(r, PEERS + i);
		}
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned id = draw(&random) % PEERS;

		if (draw(&random) % 4 == 0)
			take(r, id);
		else
			put(r, id, draw(&random) % PEERS, &random); /* may be another's */
	}
}

static struct registry *
new_registry(const struct peer_db *db)
{
	const char *name = "wg0";
	struct registry *r = registry_create(&name, 1, 100000);
	struct refusal why;

	registry_begin(r, 0);
	for (size_t i = 0; db != NULL && i < db->n; i++)
		if (registry_put(r, &db->peers[i], &why) != 0)
			fail("%s", why.message);
	registry_commit(r);
	return r;
}

/* ---- the child --------------------------------------------------------------------- */

/* Ends in an orderly way behind so many transactions. */
static int
child(uint64_t seed, uint64_t number, uint64_t until)
{
	struct registry *r;
	struct peer_store *store;
	struct peer_db db;
	uint64_t now = TURN_NS, random = seed ^ number;

	if (peer_store_load(path, &db, err, sizeof(err)) != 0)
		fail("child: %s", err);
	r = new_registry(&db);
	store = peer_store_create(path, &db, r, 0, NULL, NULL);
	while (number < until) {
		uint64_t group = 1 + draw(&random) % 4;

		for (uint64_t i = 0; i < group; i++) {
			struct registry_change *list;
			size_t n;

			registry_begin(r, 0);
			transaction(r, seed, number);
			n = registry_changes(r, &list);
			atomic_store(&progress->begun, ++number);
			if (peer_store_append(store, list, n, err, sizeof(err)) != 0)
				fail("child: %s", err);
			registry_commit(r);
			free(list);
		}
		if (peer_store_sync(store, err, sizeof(err)) != 0)
			fail("child: %s", err);
		atomic_store(&progress->acknowledged, number);
		now += TURN_NS;
		peer_store_turn(store, now);
	}
	peer_store_destroy(store);
	return 0;
}

/* ---- what the disk may hold ---------------------------------------------------------- */

struct blob {
	char *data;
	size_t len;
};

struct name {
	char name[256];
	uint64_t inode;
};

static struct blob
slurp(const char *file)
{
	struct blob b = {.data = malloc(1)};
	FILE *f = fopen(file, "r");
	size_t n;

	while (f != NULL) {
		b.data = realloc(b.data, b.len + 65536);
		n = fread(b.data + b.len, 1, 65536, f);
		b.len += n;
		if (n == 0)
			break;
	}
	if (f != NULL)
		fclose(f);
	return b;
}

static void
spill(const char *file, const char *data, size_t len)
{
	FILE *f = fopen(file, "w");

	if (f == NULL || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		fail("%s: %s", file, strerror(errno));
}

static unsigned
current_names(struct name *out, unsigned max)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_type != DT_REG || n == max)
			continue;
		snprintf(out[n].name, sizeof(out[n].name), "%s", e->d_name);
		out[n++].inode = e->d_ino;
	}
	closedir(d);
	return n;
}

static unsigned
synced_names(struct name *out, unsigned max)
{
	char file[512];
	struct blob b;
	unsigned n = 0;
	FILE *f;

	snprintf(file, sizeof(file), "%s/names", shadow);
	b = slurp(file);
	f = fmemopen(b.data, b.len + 1, "r");
	while (n < max && fscanf(f, "%ju %255s", (uintmax_t *)&out[n].inode, out[n].name) == 2)
		n++;
	fclose(f);
	free(b.data);
	return n;
}

/* A file's content: what was synced, and of what came behind it the part that made it. */
static struct blob
content(const struct name *name, const struct name *now, unsigned n_now, bool torn,
	uint64_t *random)
{
	char file[512];
	struct blob synced, all = {0};

	snprintf(file, sizeof(file), "%s/%ju", shadow, (uintmax_t)name->inode);
	synced = slurp(file);
	for (unsigned i = 0; torn && i < n_now; i++) {
		if (now[i].inode != name->inode)
			continue;
		snprintf(file, sizeof(file), "%s/%s", dir, now[i].name);
		all = slurp(file);
	}
	if (all.len < synced.len || all.len == 0) {
		free(all.data);
		return synced;
	}
	/* Within it: any of its sectors, as they were or as they are. */
	for (size_t at = 0; at < synced.len; at += SECTOR)
		if (draw(random) % 2)
			memcpy(all.data + at, synced.data + at,
				synced.len - at < SECTOR ? synced.len - at : SECTOR);
	/* Behind what was synced: a length, and zeros where the data did not follow it. */
	all.len = synced.len + draw(random) % (all.len - synced.len + 1);
	if (all.len > synced.len && draw(random) % 2) {
		size_t from = synced.len + draw(random) % (all.len - synced.len);

		memset(all.data + from, 0, all.len - from);
	}
	free(synced.data);
	return all;
}

static void
clear(const char *where)
{
	char file[512];
	DIR *d = opendir(where);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(file, sizeof(file), "%s/%s", where, e->d_name);
		unlink(file);
	}
	closedir(d);
}

static void
tidy(void)
{
	char file[96];

	clear(dir);
	clear(shadow);
	rmdir(dir);
	rmdir(shadow);
	snprintf(file, sizeof(file), "%s.progress", dir);
	unlink(file);
	*strrchr(file, '/') = '\0';
	rmdir(file);
}

/* Make the directory what a cut left, where `torn` is for all that a disk may do of itself. */
static void
cut_power(bool torn, uint64_t *random)
{
	struct name now[256], before[256];
	struct blob kept[512];
	const char *names[512];
	unsigned n_now = current_names(now, 256), n_before = synced_names(before, 256), n = 0;
	char file[512];

	for (unsigned i = 0; i < n_before; i++) {
		const struct name *is = &before[i];

		for (unsigned k = 0; torn && k < n_now; k++)
			if (strcmp(now[k].name, before[i].name) == 0 && draw(random) % 2)
				is = &now[k]; /* renamed over, and that came through */
		kept[n] = content(is, now, n_now, torn, random);
		names[n++] = before[i].name;
	}
	for (unsigned k = 0; torn && k < n_now; k++) {
		unsigned i = 0;

		while (i < n_before && strcmp(now[k].name, before[i].name) != 0)
			i++;
		if (i < n_before || draw(random) % 2)
			continue;
		kept[n] = content(&now[k], now, n_now, torn, random);
		names[n++] = now[k].name;
	}
	/* Removals that came through. */
	for (unsigned i = 0; torn && i < n_before; i++) {
		unsigned k = 0;

		while (k < n_now && strcmp(now[k].name, before[i].name) != 0)
			k++;
		if (k == n_now && draw(random) % 2)
			names[i] = NULL;
	}
	clear(dir);
	for (unsigned i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, names[i] != NULL ? names[i] : "");
		if (names[i] != NULL)
			spill(file, kept[i].data, kept[i].len);
		free(kept[i].data);
	}
}

/* What stands there now is on the disk. */
static void
settle(void)
{
	struct name now[256];
	unsigned n = current_names(now, 256);
	char file[512], text[256 * 300];
	size_t len = 0;

	clear(shadow);
	for (unsigned i = 0; i < n; i++) {
		struct blob b;

		snprintf(file, sizeof(file), "%.200s/%.255s", dir, now[i].name);
		b = slurp(file);
		snprintf(file, sizeof(file), "%s/%ju", shadow, (uintmax_t)now[i].inode);
		spill(file, b.data, b.len);
		free(b.data);
		len += snprintf(text + len, sizeof(text) - len, "%ju %s\n", (uintmax_t)now[i].inode,
			now[i].name);
	}
	snprintf(file, sizeof(file), "%s/names", shadow);
	spill(file, text, len);
}

/* ---- the judge --------------------------------------------------------------------- */

static bool
same(const struct registry *r, const struct peer_db *db)
{
	if (registry_count(r, 0) != db->n)
		return false;
	for (size_t i = 0; i < db->n; i++) {
		const struct peer_spec *a = &db->peers[i];
		const struct peer_spec *b = registry_by_key(r, 0, a->public_key);

		if (b == NULL || strcmp(a->name, b->name) != 0 || a->n != b->n ||
			a->persistent_keepalive != b->persistent_keepalive ||
			memcmp(a->preshared_key, b->preshared_key, 32) != 0 ||
			(a->n == 1 && !ip_prefix_equal(a->allowed_ips, b->allowed_ips)))
			return false;
	}
	return true;
}

/* Bring the model to the transaction that the disk is at. */
static uint64_t
judge(struct registry *model, uint64_t seed, uint64_t at, uint64_t least, uint64_t most,
	unsigned kill_number, const char *kind)
{
	struct peer_db db;

	judging = true;
	if (peer_store_load(path, &db, err, sizeof(err)) != 0)
		fail("kill %u (%s): %s", kill_number, kind, err);
	while (at < least || !same(model, &db)) {
		if (at >= most)
			fail("kill %u (%s): not what it was after any transaction from %ju, the "
			     "last one acknowledged, to %ju, the last one begun",
				kill_number, kind, (uintmax_t)least, (uintmax_t)most);
		registry_begin(model, 0);
		transaction(model, seed, at++);
		registry_commit(model);
	}
	judging = false;
	peer_db_free(&db);
	return at;
}

/* How a child comes to its end. */
struct end {
	uint64_t n; /* transactions; the end by itself, or before it is killed at a time */
	long step; /* 0: at a time */
	useconds_t us; /* that time, behind n transactions */
};

static void __attribute__((noreturn))
become_child(char *program, const char *shim, uint64_t seed, uint64_t at, const struct end *end)
{
	char seed_text[32], at_text[32], until_text[32], step_text[32];
	char *argv[] = {program, (char *)"--child", dir, seed_text, at_text, until_text, NULL};

	snprintf(seed_text, sizeof(seed_text), "%ju", (uintmax_t)seed);
	snprintf(at_text, sizeof(at_text), "%ju", (uintmax_t)at);
	snprintf(until_text, sizeof(until_text), "%ju",
		(uintmax_t)(end->step == 0 ? FOREVER : at + end->n));
	snprintf(step_text, sizeof(step_text), "%ld", end->step);
	setenv("LD_PRELOAD", shim, 1);
	setenv("POWERCUT_DIR", dir, 1);
	setenv("POWERCUT_SHADOW", shadow, 1);
	setenv("POWERCUT_STEP", step_text, 1);
	execv(program, argv);
	_exit(127);
}

/* Returns true when it ended by itself, with all that it was to do. */
static bool
run(char *program, const char *shim, uint64_t seed, uint64_t at, const struct end *end)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		become_child(program, shim, seed, at, end);
	if (end->step == 0) {
		/* Most of the time it is at work, and not still starting. */
		for (unsigned i = 0; i < 10000 && atomic_load(&progress->begun) < at + end->n; i++)
			usleep(200);
		usleep(end->us);
		kill(pid, SIGKILL);
	}
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return false;
	if (end->step == 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
		atomic_load(&progress->acknowledged) < at + end->n)
		fail("the child ended with status %d", status);
	return true;
}

static void
open_progress(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*progress)) != 0)
		fail("%s: %s", file, strerror(errno));
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (progress == MAP_FAILED)
		fail("%s: %s", file, strerror(errno));
	close(fd);
}

int
main(int argc, char **argv)
{
	static const char *const kinds[] = {"kill -9", "power cut", "power cut, torn"};
	uint64_t at = 0, seed, random;
	struct registry *model;
	unsigned kills, checkpoints = 0, orderly = 0;
	ino_t inode = 0;
	struct stat st;
	char base[] = "/tmp/wgdp-crash-XXXXXX", file[96];

	if (argc == 6 && strcmp(argv[1], "--child") == 0) {
		snprintf(dir, sizeof(dir), "%s", argv[2]);
		snprintf(path, sizeof(path), "%s/wg0.peers.yaml", dir);
		snprintf(file, sizeof(file), "%s.progress", dir);
		open_progress(file);
		return child(strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
			strtoull(argv[5], NULL, 10));
	}
	if (argc < 3) {
		fprintf(stderr, "usage: crash_store POWERCUT.so KILLS [SEED]\n");
		return 2;
	}
	kills = atoi(argv[2]);
	seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
	random = seed;
	if (mkdtemp(base) == NULL)
		fail("%s: %s", base, strerror(errno));
	snprintf(dir, sizeof(dir), "%s/db", base);
	snprintf(shadow, sizeof(shadow), "%s/shadow", base);
	snprintf(path, sizeof(path), "%s/wg0.peers.yaml", dir);
	snprintf(file, sizeof(file), "%s.progress", dir);
	if (mkdir(dir, 0700) != 0 || mkdir(shadow, 0700) != 0)
		fail("%s: %s", base, strerror(errno));
	open_progress(file);
	model = new_registry(NULL);
	for (unsigned i = 0; i < kills; i++) {
		unsigned kind = draw(&random) % 3;
		struct end end = {.n = draw(&random) % RUN_TRANSACTIONS_MAX,
			.step = draw(&random) % 2 ? 1 + draw(&random) % RUN_STEPS_MAX : 0,
			.us = draw(&random) % RUN_US_MAX};

		settle();
		inode = stat(path, &st) == 0 ? st.st_ino : 0;
		atomic_store(&progress->begun, at);
		atomic_store(&progress->acknowledged, at);
		orderly += run(argv[0], argv[1], seed, at, &end);
		checkpoints += stat(path, &st) == 0 && st.st_ino != inode;
		if (kind != 0)
			cut_power(kind == 2, &random);
		at = judge(model, seed, at, atomic_load(&progress->acknowledged),
			atomic_load(&progress->begun), i, kinds[kind]);
	}
	printf("%u ends, %u of them orderly, %ju transactions, at least %u checkpoints, seed %ju: "
	       "nothing acknowledged is missing\n",
		kills, orderly, (uintmax_t)at, checkpoints, (uintmax_t)seed);
	registry_destroy(model);
	munmap(progress, sizeof(*progress));
	if (getenv("POWERCUT_FORGET") != NULL)
		fail("syncs of %s were lost, and nothing was found", getenv("POWERCUT_FORGET"));
	tidy();
	return 0;
}
