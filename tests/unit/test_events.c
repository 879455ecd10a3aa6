/* SPDX-License-Identifier: BSD-3-Clause */
/* Cursors and gaps of the ring, and what the audit puts into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_control.h"

#define SIZE 8

static struct events *e;
static unsigned wakes;

static int
setup(void **state)
{
	e = events_create(SIZE);
	return 0;
}

static int
teardown(void **state)
{
	events_destroy(e);
	return 0;
}

static void
push(unsigned n)
{
	struct event event = {.type = EVENT_connected};

	for (unsigned i = 0; i < n; i++) {
		event.uid++; /* tells them apart */
		events_push(e, &event);
	}
}

static void
test_cursor(void **state)
{
	struct event out[SIZE];
	struct event_gap gap;
	uint64_t cursor = 0, first;

	assert_int_equal(events_read(e, &cursor, out, SIZE, &gap), 0);
	assert_false(gap.missed);
	push(3);
	assert_int_equal(events_read(e, &cursor, out, 2, &gap), 2);
	first = out[0].seq;
	assert_int_equal(out[1].seq, first + 1);
	assert_true(out[0].time_ns / 1000000000 >= first / 1000000);
	assert_int_equal(cursor, first + 1);
	assert_int_equal(events_read(e, &cursor, out, 2, &gap), 1);
	assert_int_equal(out[0].uid, 3);
	assert_false(gap.missed);
	assert_int_equal(events_read(e, &cursor, out, 2, &gap), 0);
	assert_int_equal(events_last(e), cursor);
	/* From the start again. */
	cursor = 0;
	assert_int_equal(events_read(e, &cursor, out, SIZE, &gap), 3);
	assert_false(gap.missed);
}

static void
test_gap(void **state)
{
	struct event out[SIZE];
	struct event_gap gap;
	uint64_t cursor = 0;

	push(1);
	events_read(e, &cursor, out, SIZE, &gap);
	push(SIZE);
	assert_int_equal(events_read(e, &cursor, out, SIZE, &gap), SIZE);
	assert_false(gap.missed); /* exactly what fits */
	push(SIZE + 3);
	assert_int_equal(events_read(e, &cursor, out, SIZE, &gap), SIZE);
	assert_true(gap.missed && gap.counted);
	assert_int_equal(gap.lost, 3);
	assert_int_equal(gap.oldest, out[0].seq);
	assert_int_equal(out[0].uid, 4);
	/* 0 takes what there is, and misses nothing. */
	cursor = 0;
	assert_int_equal(events_read(e, &cursor, out, SIZE, &gap), SIZE);
	assert_false(gap.missed);
}

static void
test_cursor_of_another_run(void **state)
{
	struct event out[SIZE];
	struct event_gap gap;
	uint64_t cursor = 1000;

	push(2);
	assert_int_equal(events_read(e, &cursor, out, SIZE, &gap), 2);
	assert_true(gap.missed && !gap.counted);
	/* The clock was set back meanwhile. */
	cursor = events_last(e) + 5;
	assert_int_equal(events_read(e, &cursor, out, SIZE, &gap), 2);
	assert_true(gap.missed && !gap.counted);
	assert_int_equal(events_read(e, &cursor, out, SIZE, &gap), 0);
	assert_false(gap.missed); /* told once */
}

static void
on_wake(void *arg)
{
	wakes += *(unsigned *)arg;
}

static void
test_wake(void **state)
{
	unsigned one = 1;

	push(1);
	events_set_wake(e, on_wake, &one);
	push(2); /* the second finds it awake */
	assert_int_equal(wakes, 1);
	events_rearm(e);
	assert_int_equal(wakes, 1);
	push(2);
	assert_int_equal(wakes, 2);
	events_rearm(e);
	events_set_wake(e, NULL, NULL);
	push(1);
	assert_int_equal(wakes, 2);
}

static void
put(struct management *m, const char *name, uint8_t key, uint16_t keepalive)
{
	static const struct origin origin = {
		.via = "a test", .has_caller = true, .uid = 1234, .pid = 77};
	struct peer_spec spec = {.persistent_keepalive = keepalive};
	struct refusal why;

	memset(spec.public_key, key, sizeof(spec.public_key));
	snprintf(spec.name, sizeof(spec.name), "%s", name);
	registry_begin(m->registry, 0);
	assert_int_equal(registry_put(m->registry, &spec, &why), 0);
	assert_int_equal(management_commit(m, 0, NULL, &origin, &why), 0);
}

static void
test_audit(void **state)
{
	struct management m;
	struct event out[SIZE];
	struct event_gap gap;
	uint64_t cursor = 0;

	fake_start(&m);
	put(&m, "alice", 9, 0);
	put(&m, "alice", 9, 25);
	assert_int_equal(events_read(fake_events, &cursor, out, SIZE, &gap), 2);
	assert_int_equal(out[0].type, EVENT_peer_added);
	assert_int_equal(out[1].type, EVENT_peer_changed);
	assert_string_equal(event_type_name(out[1].type), "peer_changed");
	assert_string_equal(out[1].name, "alice");
	assert_true(out[1].has_key && out[1].public_key[0] == 9 && out[1].has_caller);
	assert_int_equal(out[1].uid, 1234);
	assert_int_equal(out[1].pid, 77);
	assert_string_equal(out[1].via, "a test");
	fake_stop(&m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_cursor),
		T(test_gap),
		T(test_cursor_of_another_run),
		T(test_wake),
		T(test_audit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
