/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread and its sockets, with real clients, slow and broken ones among them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/management.h"
#include "control/unix_listen.h"
#include "fake_control.h"

#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"

static struct management scratch; /* fake_start's; what runs here is started from its config */
static struct config config;
static struct management *running;
static char http_path[96], uapi_path[96], readonly_path[96], reply[1 << 20];

static void
on_fatal(void *arg)
{
	abort();
}

static struct management *
start(char *err, size_t err_size)
{
	struct peer_db none[2] = {{0}};
	struct management_params params = {.config = &config, .dbs = none, .fatal = on_fatal};

	return management_start(&params, err, err_size);
}

static int
setup(void **state)
{
	char err[256];

	fake_start(&scratch);
	config = *scratch.config;
	snprintf(http_path, sizeof(http_path), "%s/run/control.sock", fake_dir);
	snprintf(readonly_path, sizeof(readonly_path), "%s/ro.sock", fake_dir);
	snprintf(uapi_path, sizeof(uapi_path), "%s/wg0.sock", fake_dir);
	config.control.socket = http_path;
	config.control.mode = 0640;
	config.control.readonly_socket = readonly_path;
	config.control.readonly_mode = 0604;
	config.control.uapi_dir = fake_dir;
	running = start(err, sizeof(err));
	if (running == NULL)
		fail_msg("%s", err);
	return 0;
}

static int
teardown(void **state)
{
	management_stop(running);
	assert_int_equal(access(http_path, F_OK), -1);
	assert_int_equal(access(uapi_path, F_OK), -1);
	assert_int_equal(access(readonly_path, F_OK), -1);
	fake_stop(&scratch);
	return 0;
}

static int
dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

static void
say(int fd, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

/* Read until `end` has come (true), or the other side has closed (false). */
static bool
hear(int fd, const char *end)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = recv(fd, reply + len, sizeof(reply) - 1 - len, 0);

		if (n < 0)
			fail_msg("no answer: %s", strerror(errno));
		len += n;
		reply[len] = '\0';
		if (strstr(reply, end) != NULL)
			return true;
		if (n == 0)
			return false;
	}
}

static void
assert_uapi_works(void)
{
	int fd = dial(uapi_path);

	say(fd, "get=1\n\n");
	assert_true(hear(fd, "errno=0\n\n"));
	assert_non_null(strstr(reply, "listen_port=51820\n"));
	close(fd);
}

static void
assert_http_works(void)
{
	int fd = dial(http_path);

	say(fd, "GET /v1/interfaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_true(hear(fd, "\"name\":\"wg1\""));
	assert_int_equal(strncmp(reply, "HTTP/1.1 200 ", 13), 0);
	close(fd);
}

static void
test_sockets_are_as_configured(void **state)
{
	struct stat st;

	assert_int_equal(stat(http_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(stat(uapi_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_http_works();
	assert_uapi_works();
}

static void
test_second_instance_is_refused(void **state)
{
	char err[256];

	assert_null(start(err, sizeof(err)));
	assert_non_null(strstr(err, "another process answers"));
	assert_http_works();
}

static void
test_stale_socket_is_replaced_and_other_files_are_not(void **state)
{
	char path[96], err[256];
	int fd, again;

	snprintf(path, sizeof(path), "%s/x.sock", fake_dir);
	fd = unix_listen(path, 0600, -1, -1, 5, err, sizeof(err));
	assert_true(fd >= 0);
	assert_int_equal(unix_listen(path, 0600, -1, -1, 5, err, sizeof(err)), -1);
	close(fd); /* as a crash leaves it */
	again = unix_listen(path, 0600, -1, -1, 5, err, sizeof(err));
	assert_true(again >= 0);
	close(again);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(unix_listen(path, 0600, -1, -1, 5, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "not a socket"));
	assert_int_equal(access(path, F_OK), 0);
}

/* Two requests in one go, and one that comes a byte at a time. */
static void
test_uapi_pipelined_and_dribbled(void **state)
{
	static const char text[] = "set=1\npublic_key=02" ZEROS "\nallowed_ip=10.0.0.2/32\n\n";
	int fd = dial(uapi_path);

	say(fd, "set=1\npublic_key=01" ZEROS "\nallowed_ip=10.0.0.1/32\n\nget=1\n\n");
	assert_true(hear(fd, "allowed_ip=10.0.0.1/32\nerrno=0\n\n"));
	assert_int_equal(strncmp(reply, "errno=0\n\nprivate_key=", 21), 0);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_int_equal(send(fd, text + i, 1, MSG_NOSIGNAL), 1);
	assert_true(hear(fd, "errno=0\n\n"));
	say(fd, "set=1\nbad\n\n");
	assert_true(hear(fd, "errno=-22\n\n"));
	say(fd, "get=1\n\n"); /* an error does not end the connection */
	assert_true(hear(fd, "allowed_ip=10.0.0.2/32\nerrno=0\n\n"));
	close(fd);
}

static void
test_uapi_garbage_ends_the_connection(void **state)
{
	static const char *const rows[] = {
		"GET / HTTP/1.1\r\n\r\n", "\n\n", "get=2\n\n", "get=1\nx\n\n", "set=\n\n", "x\n\n"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = dial(uapi_path);

		say(fd, rows[i]);
		assert_false(hear(fd, "never"));
		assert_string_equal(reply, "errno=-71\n\n");
		close(fd);
	}
	assert_uapi_works();
}

/* Clients that ask and do not read, stop in mid-request or just sit there hold up nobody. */
static void
test_stuck_clients_hold_up_nobody(void **state)
{
	enum { STUCK = 8 };
	char *lines = malloc(1 << 20), *p = lines;
	int uapi[STUCK], http[STUCK], fd = dial(uapi_path);

	p += sprintf(p, "set=1\n");
	for (unsigned i = 1; i <= 1500; i++)
		p += sprintf(p, "public_key=%04x%060x\nallowed_ip=10.1.%u.%u/32\n", i, 0, i / 256,
			i % 256);
	strcpy(p, "\n");
	say(fd, lines);
	assert_true(hear(fd, "errno=0\n\n"));
	for (unsigned i = 0; i < STUCK; i++) {
		uapi[i] = dial(uapi_path);
		say(uapi[i], i % 2 ? "get=1\n\nget=1\n\n" : "set=1\npublic_key=");
		http[i] = dial(http_path);
		say(http[i], i % 2 ? "GET /v1/interfaces/wg0/peers HTTP/1.1\r\nHost: x\r\n\r\n"
				   : "PUT /v1/interfaces/wg0/peers/x HTTP/1.1\r\nHost: x\r\n"
				     "Content-Length: 100\r\n\r\n{");
	}
	assert_uapi_works();
	assert_http_works();
	/* One of the slow ones reads after all, and gets it whole, twice. */
	assert_true(hear(uapi[1], "errno=0\n\n"));
	assert_non_null(strstr(reply, "allowed_ip=10.1.5.220/32\nerrno=0\n\n"));
	for (unsigned i = 0; i < STUCK; i++) {
		close(uapi[i]);
		close(http[i]);
	}
	assert_uapi_works();
	assert_http_works();
	close(fd);
	free(lines);
}

static void
test_too_many_clients_leave_room_again(void **state)
{
	int fd[200];

	for (unsigned i = 0; i < 200; i++)
		fd[i] = dial(i % 2 ? http_path : uapi_path);
	for (unsigned i = 0; i < 200; i++)
		close(fd[i]);
	assert_uapi_works();
	assert_http_works();
}

/* One request with this head and a body of n blanks; the status that comes back. */
static int
status_of(const char *head, size_t n)
{
	static char blanks[65536];
	int fd = dial(http_path), status = 0;

	memset(blanks, ' ', sizeof(blanks));
	say(fd, head);
	for (size_t sent = 0; sent < n;) {
		size_t piece = n - sent < sizeof(blanks) ? n - sent : sizeof(blanks);
		ssize_t rc = send(fd, blanks, piece, MSG_NOSIGNAL);

		if (rc <= 0)
			break; /* refused before all of it was sent */
		sent += rc;
	}
	if (hear(fd, "\r\n\r\n"))
		sscanf(reply, "HTTP/1.1 %d", &status);
	close(fd);
	return status;
}

static void
test_http_limits(void **state)
{
	char *head = malloc(100000);

	assert_int_equal(status_of("PUT /v1/interfaces/wg0/peers/x HTTP/1.1\r\nHost: x\r\n"
				   "Content-Length: 99999999999\r\n\r\n",
				 0),
		413);
	assert_int_equal(status_of("PUT /v1/interfaces/wg0/peers/x HTTP/1.1\r\nHost: x\r\n"
				   "Content-Length: 100000\r\n\r\n",
				 100000),
		400);
	snprintf(head, 100000, "GET /v1/%080000d HTTP/1.1\r\nHost: x\r\n\r\n", 7);
	assert_true(status_of(head, 0) >= 400);
	/* An encoded NUL does not cut a name short. */
	assert_int_equal(
		status_of("GET /v1/interfaces/wg0%00x HTTP/1.1\r\nHost: x\r\n\r\n", 0), 404);
	assert_int_equal(status_of("GET /v1/interfaces/%77g0 HTTP/1.1\r\nHost: x\r\n\r\n", 0), 200);
	assert_http_works();
	free(head);
}

static void
push(enum event_type type, const char *name)
{
	struct event e = {.type = type, .iface = 1};

	snprintf(e.name, sizeof(e.name), "%s", name);
	events_push(fake_events, &e);
}

static void
test_events_stream(void **state)
{
	int fd = dial(http_path), other;

	push(EVENT_connected, "early");
	say(fd, "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(fd, "\"peer\":\"early\"}\n"));
	assert_non_null(strstr(reply, "Content-Type: application/x-ndjson"));
	assert_non_null(strstr(reply, "\"type\":\"connected\",\"interface\":\"wg1\""));
	/* Live, to several at once, and without holding up anybody. */
	other = dial(http_path);
	say(other, "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(other, "early"));
	push(EVENT_roamed, "later");
	assert_true(hear(fd, "\"peer\":\"later\"}\n"));
	assert_true(hear(other, "\"peer\":\"later\"}\n"));
	assert_http_works();
	close(other);
	push(EVENT_idle, "last");
	assert_true(hear(fd, "\"peer\":\"last\"}\n"));
	/* Without following it ends; a cursor leaves out what was told. */
	other = dial(http_path);
	say(other, "GET /v1/events?follow=false&after=1 HTTP/1.1\r\nHost: x\r\n"
		   "Connection: close\r\n\r\n");
	assert_false(hear(other, "never"));
	assert_non_null(strstr(reply, "\"type\":\"gap\",\"lost\":null}"));
	assert_non_null(strstr(reply, "\"peer\":\"last\""));
	close(other);
	/* fd still follows when the server ends. */
}

/* Who does not read costs nobody anything, and finds a gap. */
static void
test_slow_follower(void **state)
{
	int fd = dial(http_path);

	say(fd, "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
	push(EVENT_connected, "first");
	assert_true(hear(fd, "first"));
	for (unsigned i = 0; i < 20000; i++) {
		push(EVENT_roamed, "peer-with-a-rather-long-name-so-that-buffers-fill");
		if (i % 64 == 0)
			assert_http_works();
	}
	push(EVENT_roamed, "the-end");
	assert_true(hear(fd, "the-end"));
	assert_non_null(strstr(reply, "\"type\":\"gap\",\"lost\":"));
	close(fd);
}

/* Far more connections than there are places, one a byte at a time: others are served. */
static void
test_crowd(void **state)
{
	enum { CROWD = 1500 };
	struct rlimit fds = {4096, 4096};
	static int fd[CROWD];

	if (setrlimit(RLIMIT_NOFILE, &fds) != 0)
		skip();
	for (unsigned i = 0; i < CROWD; i++) {
		fd[i] = dial(http_path);
		say(fd[i], i % 3 == 0   ? "P"
			   : i % 3 == 1 ? "PATCH /v1/interfaces/wg0/peers HTTP/1.1\r\nHost: x\r\n"
					  "Transfer-Encoding: chunked\r\n\r\n8\r\n[       \r\n"
					: "");
		if (i % 100 == 0)
			assert_http_works();
	}
	assert_http_works();
	assert_uapi_works();
	for (unsigned i = 0; i < CROWD; i++)
		close(fd[i]);
	assert_http_works();
}

static void
test_body_without_end(void **state)
{
	static char blanks[65536];
	int fd = dial(http_path);
	ssize_t rc = 1;

	memset(blanks, ' ', sizeof(blanks));
	say(fd, "PATCH /v1/interfaces/wg0/peers HTTP/1.1\r\nHost: x\r\n"
		"Transfer-Encoding: chunked\r\n\r\n");
	for (unsigned i = 0; i < 2048 && rc > 0; i++) { /* 128 MiB */
		rc = send(fd, "10000\r\n", 7, MSG_NOSIGNAL);
		if (rc > 0)
			rc = send(fd, blanks, sizeof(blanks), MSG_NOSIGNAL);
		if (rc > 0)
			rc = send(fd, "\r\n", 2, MSG_NOSIGNAL);
		if (i % 64 == 0)
			assert_http_works();
	}
	assert_true(rc <= 0);
	close(fd);
	assert_http_works();
}

static void
test_read_only_socket(void **state)
{
	struct stat st;
	int fd;

	assert_int_equal(stat(readonly_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0604);
	fd = dial(readonly_path);
	say(fd, "DELETE /v1/interfaces/wg0/peers/x HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(fd, "read_only"));
	assert_int_equal(strncmp(reply, "HTTP/1.1 403 ", 13), 0);
	say(fd, "GET /v1/interfaces/wg0/peers HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(fd, "\"peers\":[]"));
	assert_non_null(strstr(reply, "ETag: \""));
	close(fd);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_sockets_are_as_configured),
		T(test_second_instance_is_refused),
		T(test_stale_socket_is_replaced_and_other_files_are_not),
		T(test_uapi_pipelined_and_dribbled),
		T(test_uapi_garbage_ends_the_connection),
		T(test_stuck_clients_hold_up_nobody),
		T(test_too_many_clients_leave_room_again),
		T(test_http_limits),
		T(test_events_stream),
		T(test_slow_follower),
		T(test_crowd),
		T(test_body_without_end),
		T(test_read_only_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
