/* SPDX-License-Identifier: BSD-3-Clause */
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

#include "control/last_seen.h"
#include "dataplane/messages.h"

#define NOW (UINT64_C(1700000000) * NS_PER_SEC)

static char dir[] = "/tmp/wgdp-last-seen-XXXXXX";
static char path[64], file[80];

static struct sighting
sighting(uint8_t i, uint64_t handshake_ns)
{
	struct sighting s = {.public_key = {i}, .handshake_ns = handshake_ns};

	assert_true(ip_endpoint_parse(&s.endpoint, i % 2 ? "192.0.2.1:51820" : "[2001:db8::1]:9"));
	s.endpoint.port = i + 1;
	return s;
}

static void
check(const struct last_seen *l, uint8_t i, uint64_t handshake_ns)
{
	struct sighting want = sighting(i, handshake_ns);
	const struct sighting *s = last_seen_find(l, want.public_key);

	assert_non_null(s);
	assert_int_equal(s->handshake_ns, handshake_ns);
	assert_true(ip_endpoint_equal(&s->endpoint, &want.endpoint));
	assert_int_equal(s->configured.addr.family, IP_NONE);
}

static off_t
size(void)
{
	struct stat st;

	return stat(file, &st) == 0 ? st.st_size : -1;
}

static void
test_what_is_noted_is_found(void **state)
{
	struct last_seen *l = last_seen_open(path);
	struct sighting s;

	last_seen_flush(l, NOW, true);
	assert_int_equal(size(), -1); /* nothing to tell */
	for (uint8_t i = 0; i < 100; i++) {
		s = sighting(i, NOW - i * NS_PER_SEC);
		last_seen_note(l, &s);
	}
	last_seen_flush(l, NOW, false);
	last_seen_close(l);
	assert_int_equal(size(), 64 + 100 * 96);
	l = last_seen_open(path);
	assert_int_equal(last_seen_used_ns(l), NOW);
	for (uint8_t i = 0; i < 100; i++)
		check(l, i, NOW - i * NS_PER_SEC);
	/* A roaming peer keeps its handshake; whoever goes leaves room for another. */
	s = sighting(7, 0);
	s.public_key[0] = 8;
	last_seen_note(l, &s);
	s = sighting(3, 0);
	last_seen_forget(l, s.public_key);
	assert_null(last_seen_find(l, s.public_key));
	last_seen_flush(l, NOW + 1, false);
	s = sighting(200, NOW);
	last_seen_note(l, &s);
	last_seen_forget(l, s.public_key); /* before it was written */
	s = sighting(201, NOW);
	last_seen_note(l, &s);
	last_seen_flush(l, NOW + 2, false);
	last_seen_close(l);
	assert_true(size() <= 64 + 101 * 96);
	l = last_seen_open(path);
	s = sighting(3, 0);
	assert_null(last_seen_find(l, s.public_key));
	s = sighting(200, 0);
	assert_null(last_seen_find(l, s.public_key));
	check(l, 201, NOW);
	s = sighting(8, 0);
	assert_int_equal(last_seen_find(l, s.public_key)->handshake_ns, NOW - 8 * NS_PER_SEC);
	assert_int_equal(last_seen_find(l, s.public_key)->endpoint.port, 8);
	last_seen_close(l);
}

static void
test_who_had_a_session(void **state)
{
	struct last_seen *l = last_seen_open(path);
	struct sighting s = sighting(1, NOW - 100 * NS_PER_SEC);

	last_seen_note(l, &s);
	s = sighting(2, NOW - 200 * NS_PER_SEC);
	last_seen_note(l, &s);
	s = sighting(3, NOW);
	s.endpoint = (struct ip_endpoint){0};
	last_seen_note(l, &s);
	last_seen_flush(l, NOW, false);
	last_seen_close(l);
	l = last_seen_open(path);
	/* The time of use is that of the earlier run, whatever this one writes. */
	last_seen_flush(l, NOW + 1000 * NS_PER_SEC, true);
	assert_true(last_seen_alive(l, last_seen_find(l, sighting(1, 0).public_key)));
	assert_false(last_seen_alive(l, last_seen_find(l, sighting(2, 0).public_key)));
	assert_false(last_seen_alive(l, last_seen_find(l, sighting(3, 0).public_key)));
	last_seen_close(l);
}

static void
overwrite(off_t at, const void *data, size_t n)
{
	int fd = open(file, O_RDWR);

	assert_int_equal(pwrite(fd, data, n, at), n);
	close(fd);
}

static void
test_damage(void **state)
{
	struct last_seen *l = last_seen_open(path);
	struct sighting s;

	for (uint8_t i = 0; i < 3; i++) {
		s = sighting(i, NOW);
		last_seen_note(l, &s);
	}
	last_seen_flush(l, NOW, false);
	last_seen_close(l);
	overwrite(64 + 96 + 40, "\xff", 1);
	assert_int_equal(truncate(file, 64 + 3 * 96 + 50), 0);
	l = last_seen_open(path);
	check(l, 0, NOW);
	check(l, 2, NOW);
	s = sighting(1, NOW);
	assert_null(last_seen_find(l, s.public_key));
	last_seen_note(l, &s); /* in the damaged one's place */
	last_seen_flush(l, NOW, false);
	last_seen_close(l);
	l = last_seen_open(path);
	for (uint8_t i = 0; i < 3; i++)
		check(l, i, NOW);
	last_seen_close(l);
	/* Nothing of ours: it is not believed, and not kept. */
	overwrite(0, "something else", 14);
	l = last_seen_open(path);
	assert_null(last_seen_find(l, s.public_key));
	last_seen_note(l, &s);
	last_seen_flush(l, NOW, false);
	last_seen_close(l);
	assert_int_equal(size(), 64 + 96);
	l = last_seen_open(path);
	check(l, 1, NOW);
	last_seen_close(l);
}

static void
test_no_place_to_write(void **state)
{
	struct last_seen *l = last_seen_open("/nonexistent/wg0.peers.yaml");
	struct sighting s = sighting(1, NOW);

	last_seen_note(l, &s);
	last_seen_flush(l, NOW, false);
	last_seen_flush(l, NOW, true);
	check(l, 1, NOW);
	last_seen_close(l);
}

static int
teardown(void **state)
{
	unlink(file);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_what_is_noted_is_found, teardown),
		cmocka_unit_test_teardown(test_who_had_a_session, teardown),
		cmocka_unit_test_teardown(test_damage, teardown),
		cmocka_unit_test(test_no_place_to_write),
	};
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/db.yaml", dir);
	snprintf(file, sizeof(file), "%s.seen", path);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
