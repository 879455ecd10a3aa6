/* SPDX-License-Identifier: BSD-3-Clause */
/* Every way in which a file can end early or be damaged. */
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

#include "control/journal.h"

static char dir[] = "/tmp/wgdp-journal-XXXXXX";
static char path[64];
static char err[256];

static const char *const texts[] = {"one", "", "three three three", "four"};
#define N_TEXTS 4
/* Where each record ends: 32 bytes of header a file and a record. */
static const size_t ends[] = {32, 67, 99, 148, 184};

static int
collect(void *arg, const uint8_t *payload, size_t len, char *e, size_t e_size)
{
	unsigned *n = arg;

	assert_true(*n < N_TEXTS);
	assert_int_equal(len, strlen(texts[*n]));
	assert_memory_equal(payload, texts[*n], len);
	(*n)++;
	return 0;
}

/* Four records, a sync after the second and the last. */
static void
write_four(void)
{
	struct journal j;

	unlink(path);
	assert_int_equal(journal_create(&j, path), 0);
	for (unsigned i = 0; i < N_TEXTS; i++) {
		assert_int_equal(journal_append(&j, texts[i], strlen(texts[i])), 0);
		if (i % 2 == 1)
			assert_int_equal(journal_sync(&j), 0);
	}
	assert_int_equal(j.size, ends[N_TEXTS]);
	assert_int_equal(j.synced, j.size);
	journal_close(&j);
}

static int
read_back(unsigned *n, struct journal_read *got)
{
	*n = 0;
	return journal_read(path, collect, n, got, err, sizeof(err));
}

static void
test_round_trip(void **state)
{
	struct journal_read got;
	struct journal j;
	struct stat st;
	unsigned n;

	write_four();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(read_back(&n, &got), 0);
	assert_int_equal(n, N_TEXTS);
	assert_int_equal(got.torn, 0);
	assert_int_equal(journal_create(&j, path), -1); /* never over another one */
	assert_int_equal(read_back(&n, &got), 0);
	assert_int_equal(n, N_TEXTS);
}

static void
test_cut_anywhere(void **state)
{
	struct journal_read got;
	unsigned n, whole = 0;

	for (size_t len = 0; len <= ends[N_TEXTS]; len++) {
		write_four();
		assert_int_equal(truncate(path, len), 0);
		while (whole < N_TEXTS && ends[whole + 1] <= len)
			whole++;
		assert_int_equal(read_back(&n, &got), 0);
		assert_int_equal(n, whole);
		/* Zeros at the end are not counted. */
		if (len < 32)
			assert_int_equal(got.torn, len);
		else
			assert_in_range(got.torn, 0, len - ends[whole]);
		if (len > 32 && len - ends[whole] > 0)
			assert_true(got.torn > 0); /* each record's first byte is none */
	}
}

static void
flip(size_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* In what a later record knows as synced, a wrong bit is damage; behind that it is a torn tail. */
static void
test_flip_any_bit(void **state)
{
	struct journal_read got;
	unsigned n;

	for (size_t at = 0; at < ends[N_TEXTS]; at++) {
		write_four();
		flip(at);
		if (at < 16) { /* the magic */
			assert_int_equal(read_back(&n, &got), -1);
			assert_non_null(strstr(err, "no journal"));
		} else if (at < 32) { /* the salt: nothing can be told */
			assert_int_equal(read_back(&n, &got), 0);
			assert_int_equal(n, 0);
		} else if (at < ends[2]) {
			assert_int_equal(read_back(&n, &got), -1);
			assert_int_equal(n, at >= ends[1]);
			assert_non_null(strstr(err, "damaged at byte"));
		} else {
			assert_int_equal(read_back(&n, &got), 0);
			assert_int_equal(n, at < ends[3] ? 2 : 3);
		}
	}
}

static void
test_zeros_and_strangers(void **state)
{
	struct journal_read got;
	FILE *f = fopen(path, "w");
	unsigned n;

	for (int i = 0; i < 100; i++)
		fputc(0, f);
	fclose(f);
	assert_int_equal(read_back(&n, &got), 0);
	assert_int_equal(got.torn, 100);
	f = fopen(path, "w");
	fputs("peers: []\n# and some more so that it is long enough\n", f);
	fclose(f);
	assert_int_equal(read_back(&n, &got), -1);
	unlink(path);
	assert_int_equal(read_back(&n, &got), -1);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_back(&n, &got), -1);
}

static void
test_take_back(void **state)
{
	struct journal_read got;
	struct journal j;
	unsigned n;

	unlink(path);
	assert_int_equal(journal_create(&j, path), 0);
	assert_int_equal(journal_append(&j, texts[0], 3), 0);
	assert_int_equal(journal_sync(&j), 0);
	assert_int_equal(journal_append(&j, "refused", 7), 0);
	assert_int_equal(journal_append(&j, "refused too", 11), 0);
	assert_int_equal(journal_take_back(&j), 0);
	assert_int_equal(journal_append(&j, texts[1], 0), 0);
	assert_int_equal(journal_sync(&j), 0);
	assert_int_equal(read_back(&n, &got), 0);
	assert_int_equal(n, 2);
	assert_int_equal(journal_append(&j, texts[0], (size_t)JOURNAL_RECORD_MAX + 1), -1);
	journal_close(&j);
}

static int
count(void *arg, const uint8_t *payload, size_t len, char *e, size_t e_size)
{
	++*(unsigned *)arg;
	return 0;
}

/* Records take the place of zeros: neither size nor blocks change. */
static void
test_room(void **state)
{
	char big[70000] = "x";
	struct journal_read got;
	struct stat before, after;
	struct journal j;
	unsigned n = 0;

	unlink(path);
	assert_int_equal(journal_create(&j, path), 0);
	assert_int_equal(fstat(j.fd, &before), 0);
	assert_true((uint64_t)before.st_size > j.size);
	for (unsigned i = 0; i < N_TEXTS; i++)
		assert_int_equal(journal_append(&j, texts[i], strlen(texts[i])), 0);
	assert_int_equal(fstat(j.fd, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(after.st_blocks, before.st_blocks);
	/* More than there is room for, as one and as many. */
	assert_int_equal(journal_append(&j, big, sizeof(big)), 0);
	while (j.size < 3 * sizeof(big))
		assert_int_equal(journal_append(&j, big, 1000), 0);
	assert_int_equal(journal_sync(&j), 0);
	journal_close(&j);
	assert_int_equal(journal_read(path, count, &n, &got, err, sizeof(err)), 0);
	assert_int_equal(got.torn, 0);
	assert_int_equal(n, got.records);
	assert_true(n > N_TEXTS + 100);
}

/* A short write leaves nothing, and the next record is good. */
static void
test_no_space(void **state)
{
	struct journal_read got;
	struct journal j;
	unsigned n;
	int fd;

	unlink(path);
	assert_int_equal(journal_create(&j, path), 0);
	assert_int_equal(journal_append(&j, texts[0], 3), 0);
	fd = j.fd;
	j.fd = open("/dev/full", O_RDWR);
	assert_int_equal(journal_append(&j, texts[1], 0), -1);
	assert_true(j.broken); /* /dev/full cannot be cut */
	assert_int_equal(journal_append(&j, texts[1], 0), -1);
	close(j.fd);
	j.fd = fd;
	journal_close(&j);
	assert_int_equal(read_back(&n, &got), 0);
	assert_int_equal(n, 1);
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
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_flip_any_bit),
		cmocka_unit_test(test_zeros_and_strangers),
		cmocka_unit_test(test_take_back),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_no_space),
	};

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/journal-1", dir);
	return cmocka_run_group_tests(tests, NULL, teardown);
}
