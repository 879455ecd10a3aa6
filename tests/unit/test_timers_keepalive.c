/* SPDX-License-Identifier: BSD-3-Clause */
/* What timers.c makes of traffic: keepalives of both kinds, unanswered data. */
#include "tests/unit/timers_sim.h"

static void
wrong_keepalive_time_10_s_after_data_that_nothing_answered(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	run_until(&s, T0 + 20 * SEC);
	worker_receives(&s, true);
	run_until(&s, T0 + 30 * SEC - 1);
	assert_int_equal(s.n_log, 0);
	run_until(&s, T0 + 200 * SEC);
	assert_int_equal(s.n_log, 1);
	assert_int_equal(s.log[0].actions, TIMERS_SEND_KEEPALIVE);
	assert_true(s.log[0].ns == T0 + 30 * SEC);
	assert_false(timers_watching(&s.t));
}

static void
keepalives_do_not_answer_keepalives(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	for (int i = 0; i < 10; i++) {
		worker_receives(&s, false);
		run_until(&s, s.now_ns + 25 * SEC);
	}
	assert_int_equal(s.n_log, 0);
}

static void
anything_sent_cancels_the_keepalive(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	worker_receives(&s, true);
	run_until(&s, T0 + 9 * SEC);
	worker_sends(&s, false);
	run_until(&s, T0 + 200 * SEC);
	assert_int_equal(s.n_log, 0);
	/* A handshake message is something sent, too, and then counting begins anew. */
	worker_receives(&s, true);
	run_until(&s, s.now_ns + SEC);
	control_sends_response(&s);
	run_until(&s, s.now_ns + 100 * SEC);
	assert_int_equal(s.n_log, 0);
}

static void
another_keepalive_for_data_that_came_while_waiting(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	worker_receives(&s, true);
	run_until(&s, T0 + 5 * SEC);
	worker_receives(&s, true);
	run_until(&s, T0 + 100 * SEC);
	assert_int_equal(s.n_log, 2);
	assert_true(when(&s, TIMERS_SEND_KEEPALIVE, 0) == T0 + 10 * SEC);
	assert_true(when(&s, TIMERS_SEND_KEEPALIVE, 1) == T0 + 20 * SEC);

	/* Not when something else went out meanwhile. */
	sim_init(&s);
	session_as_initiator(&s);
	worker_receives(&s, true);
	run_until(&s, T0 + 5 * SEC);
	worker_receives(&s, true);
	run_until(&s, T0 + 15 * SEC);
	worker_sends(&s, false);
	run_until(&s, T0 + 100 * SEC);
	assert_int_equal(s.n_log, 1);
}

static void
unanswered_data_starts_a_handshake_15_s_after_its_first_packet(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	run_until(&s, T0 + 20 * SEC);
	for (int i = 0; i < 200; i++) { /* later packets do not push it away */
		worker_sends(&s, true);
		run_until(&s, s.now_ns + 100 * MS);
	}
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 1);
	assert_int_equal(s.log[0].actions, TIMERS_SEND_INITIATION | TIMERS_CLEAR_SOURCE);
	assert_within(s.log[0].ns, T0 + 35 * SEC, T0 + 35 * SEC + 333 * MS);
	run_until(&s, T0 + 300 * SEC);
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 18);
	assert_int_equal(count(&s, TIMERS_DROP_STAGED), 1);
}

static void
unanswered_data_while_a_handshake_runs_starts_no_other(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	run_until(&s, T0 + 120 * SEC);
	worker_sends(&s, true);
	timers_want_handshake(&s.t, s.now_ns); /* to renew the session */
	run_until(&s, T0 + 400 * SEC);
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 18);
	assert_within(when(&s, TIMERS_DROP_STAGED, 0), T0 + 210 * SEC, T0 + 216 * SEC);
}

static void
any_authenticated_packet_answers_data(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	worker_sends(&s, true);
	run_until(&s, T0 + 14 * SEC);
	worker_receives(&s, false);
	run_until(&s, T0 + 200 * SEC);
	assert_int_equal(s.n_log, 0);
	assert_false(timers_watching(&s.t));

	worker_sends(&s, true);
	run_until(&s, s.now_ns + 14 * SEC);
	control_receives_handshake(&s);
	run_until(&s, s.now_ns + 100 * SEC);
	assert_int_equal(s.n_log, 0);
}

/* The worker stored its word a moment after control had cleared it. */
static void
words_set_in_a_race_hide_nothing(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	s.words.rx_data_since_ns = T0 - MS;
	timers_traffic(&s.t, s.now_ns, &s.words);
	run_until(&s, T0 + 100 * SEC);
	assert_int_equal(s.n_log, 1);
	assert_int_equal(s.log[0].actions, TIMERS_SEND_KEEPALIVE);
	assert_true(s.log[0].ns == T0 + 10 * SEC);
	assert_true(s.words.rx_data_since_ns == 0);

	sim_init(&s);
	session_as_initiator(&s);
	s.words.tx_data_since_ns = T0 - 2 * SEC;
	timers_traffic(&s.t, s.now_ns, &s.words);
	run_until(&s, T0 + 16 * SEC);
	assert_int_equal(s.n_log, 1);
	assert_within(s.log[0].ns, T0 + 15 * SEC, T0 + 15 * SEC + 333 * MS);
}

/* Its mbuf found the ring full. */
static void
keepalive_that_was_lost_is_asked_for_again(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	s.now_ns += SEC;
	worker_receives(&s, true);
	s.now_ns += 10 * SEC;
	assert_int_equal(timers_run(&s.t, s.now_ns, &s.words), TIMERS_SEND_KEEPALIVE);
	run_until(&s, T0 + 100 * SEC);
	assert_int_equal(s.n_log, 1);
	assert_true(s.log[0].ns == T0 + 21 * SEC);
}

/* Data of the session's last seconds; no keepalive may call for a new one. */
static void
no_keepalive_without_a_session(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	run_until(&s, T0 + 175 * SEC);
	worker_receives(&s, true);
	run_until(&s, T0 + 500 * SEC);
	assert_int_equal(s.n_log, 0);
	assert_false(timers_watching(&s.t));
}

/* boringtun restarted its timer on every receive; and what control must not do is wake often. */
static void
spurious_rekey_on_steady_traffic(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	for (int i = 0; i < 100 * 200; i++) { /* 100 s, 5 ms each */
		worker_sends(&s, true);
		run_until(&s, s.now_ns + 2 * MS);
		worker_receives(&s, true);
		run_until(&s, s.now_ns + 3 * MS);
	}
	assert_int_equal(s.n_log, 0);
	assert_in_range(s.wakeups + s.tells, 1, 40);
}

static void
spurious_rekey_on_a_download(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	for (int i = 0; i < 100 * 100; i++) { /* nothing goes back but keepalives */
		worker_receives(&s, true);
		run_until(&s, s.now_ns + 10 * MS);
	}
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 0);
	assert_in_range(count(&s, TIMERS_SEND_KEEPALIVE), 9, 10);
	assert_in_range(s.wakeups + s.tells, 10, 60);
}

static void
spurious_rekey_on_an_upload(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	for (int i = 0; i < 100 * 100; i++) {
		worker_sends(&s, true);
		run_until(&s, s.now_ns + 10 * MS);
		if (i % 1000 == 999) /* the other side's keepalive */
			worker_receives(&s, false);
	}
	assert_int_equal(s.n_log, 0);
}

/* While watching for one thing, the other one begins and is due earlier. */
static void
keepalive_is_in_time_behind_a_later_wakeup(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	worker_sends(&s, true);
	run_until(&s, T0 + SEC);
	worker_receives(&s, true);
	assert_int_equal(s.tells, 1);
	run_until(&s, T0 + 60 * SEC);
	assert_true(when(&s, TIMERS_SEND_KEEPALIVE, 0) == T0 + 11 * SEC);
}

static void
persistent_keepalive_at_once_and_then_each_interval(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	run_until(&s, T0 + 50 * SEC);
	timers_set_persistent(&s.t, s.now_ns, 25);
	run_until(&s, T0 + 160 * SEC);
	assert_int_equal(s.n_log, 5);
	assert_int_equal(count(&s, TIMERS_SEND_PERSISTENT), 5);
	assert_true(s.log[0].ns == T0 + 50 * SEC);
	for (unsigned i = 1; i < 5; i++)
		assert_within(s.log[i].ns - s.log[i - 1].ns, 25 * SEC, 25 * SEC + 2 * MS);
	timers_set_persistent(&s.t, s.now_ns, 0);
	run_until(&s, T0 + 500 * SEC);
	assert_int_equal(s.n_log, 5);
}

static void
persistent_keepalive_waits_for_silence_both_ways(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	timers_set_persistent(&s.t, s.now_ns, 25);
	run_until(&s, s.now_ns);
	s.n_log = 0;
	for (int i = 0; i < 4; i++) {
		run_until(&s, s.now_ns + 20 * SEC);
		worker_receives(&s, false);
		run_until(&s, s.now_ns + 20 * SEC);
		worker_sends(&s, false);
	}
	assert_int_equal(s.n_log, 0);
	run_until(&s, s.now_ns + 30 * SEC);
	assert_int_equal(count(&s, TIMERS_SEND_PERSISTENT), 1);
	assert_true(s.log[0].ns == T0 + 185 * SEC);
}

static void
persistent_keepalive_keeps_on_trying_without_a_session(void **state)
{
	struct sim s;

	sim_init(&s);
	s.session = false;
	timers_set_persistent(&s.t, T0, 25);
	run_until(&s, T0);
	assert_int_equal(count(&s, TIMERS_SEND_PERSISTENT), 1);
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 1);
	run_until(&s, T0 + 100 * SEC);
	assert_int_equal(count(&s, TIMERS_DROP_STAGED), 1);
	assert_int_equal(count(&s, TIMERS_SEND_PERSISTENT), 1);
	run_until(&s, T0 + 130 * SEC);
	assert_int_equal(count(&s, TIMERS_SEND_PERSISTENT), 2);
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 18 + 4);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_keepalive_time_10_s_after_data_that_nothing_answered),
		cmocka_unit_test(keepalives_do_not_answer_keepalives),
		cmocka_unit_test(anything_sent_cancels_the_keepalive),
		cmocka_unit_test(another_keepalive_for_data_that_came_while_waiting),
		cmocka_unit_test(unanswered_data_starts_a_handshake_15_s_after_its_first_packet),
		cmocka_unit_test(unanswered_data_while_a_handshake_runs_starts_no_other),
		cmocka_unit_test(any_authenticated_packet_answers_data),
		cmocka_unit_test(words_set_in_a_race_hide_nothing),
		cmocka_unit_test(keepalive_that_was_lost_is_asked_for_again),
		cmocka_unit_test(no_keepalive_without_a_session),
		cmocka_unit_test(spurious_rekey_on_steady_traffic),
		cmocka_unit_test(spurious_rekey_on_a_download),
		cmocka_unit_test(spurious_rekey_on_an_upload),
		cmocka_unit_test(keepalive_is_in_time_behind_a_later_wakeup),
		cmocka_unit_test(persistent_keepalive_at_once_and_then_each_interval),
		cmocka_unit_test(persistent_keepalive_waits_for_silence_both_ways),
		cmocka_unit_test(persistent_keepalive_keeps_on_trying_without_a_session),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
