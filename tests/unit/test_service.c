/* SPDX-License-Identifier: BSD-3-Clause */
/* What systemd is told, at a socket of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/service.h"
#include "dataplane/dataplane.h"
#include "fake_control.h"

static struct management m;
static int notify;

static int
setup(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 20};

	fake_start(&m);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", fake_dir);
	notify = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(notify, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setsockopt(notify, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	return 0;
}

static int
teardown(void **state)
{
	unlink(getenv("NOTIFY_SOCKET"));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	close(notify);
	fake_stop(&m);
	return 0;
}

static void
assert_told(const char *what)
{
	char text[256];
	ssize_t n = recv(notify, text, sizeof(text) - 1, 0);

	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, what);
}

static void
test_ready_and_stopping(void **state)
{
	service_ready(&m);
	assert_told("READY=1\nSTATUS=2 interfaces, 0 peers");
	service_stopping();
	assert_told("STOPPING=1");
}

/* The fake's worker has turned once, and never again. */
static void
test_a_worker_that_stands_still_is_not_alive(void **state)
{
	struct service s = {.m = &m};

	assert_true(service_alive(&s));
	assert_false(service_alive(&s));
	s.cycles[0]--;
	assert_true(service_alive(&s));
}

static void
test_the_watchdog_is_fed_while_all_is_well(void **state)
{
	struct service s = {0};
	char text[64];

	m.loop = ev_loop_new(EVFLAG_AUTO);
	setenv("WATCHDOG_USEC", "30000", 1);
	service_start(&s, &m);
	ev_run(m.loop, EVRUN_ONCE);
	assert_told("WATCHDOG=1");
	ev_run(m.loop, EVRUN_ONCE);
	assert_true(recv(notify, text, sizeof(text), MSG_DONTWAIT) < 0);
	service_stop(&s);
	ev_loop_destroy(m.loop);
	m.loop = NULL;
}

static void
test_without_a_watchdog_there_is_no_timer(void **state)
{
	struct service s = {0};

	m.loop = ev_loop_new(EVFLAG_AUTO);
	service_start(&s, &m);
	assert_false(ev_is_active(&s.alive));
	service_stop(&s);
	ev_loop_destroy(m.loop);
	m.loop = NULL;
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_ready_and_stopping),
		T(test_a_worker_that_stands_still_is_not_alive),
		T(test_the_watchdog_is_fed_while_all_is_well),
		T(test_without_a_watchdog_there_is_no_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
