/* SPDX-License-Identifier: BSD-3-Clause */
/* Attempts, retries and the wiping of keys; test_timers_keepalive.c has the rest. */
#include "tests/unit/timers_sim.h"

static void
idle_peer_needs_no_wakeup(void **state)
{
	struct sim s;

	sim_init(&s);
	assert_true(timers_next(&s.t) == TIMERS_NEVER);
	assert_false(timers_watching(&s.t));
	assert_int_equal(timers_run(&s.t, T0, &s.words), 0);
	assert_true(timers_next(&s.t) == TIMERS_NEVER);
}

static void
idle_tunnel_sends_nothing(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	run_until(&s, T0 + 539 * SEC);
	assert_int_equal(s.n_log, 0);
	run_until(&s, T0 + 1000 * SEC);
	assert_int_equal(s.n_log, 1);
	assert_int_equal(s.log[0].actions, TIMERS_WIPE_KEYS);
	assert_true(s.log[0].ns == T0 + 540 * SEC);
	assert_true(timers_next(&s.t) == TIMERS_NEVER);
}

static void
attempts_end_after_90_s_and_drop_what_is_staged(void **state)
{
	struct sim s;

	sim_init(&s);
	timers_want_handshake(&s.t, T0);
	run_until(&s, T0 + 600 * SEC);
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 18);
	assert_int_equal(count(&s, TIMERS_DROP_STAGED), 1);
	assert_true(when(&s, TIMERS_SEND_INITIATION, 0) == T0);
	assert_within(when(&s, TIMERS_DROP_STAGED, 0), T0 + 90 * SEC, T0 + 96 * SEC);
	/* What was left of the attempts goes too, and then all is quiet. */
	run_until(&s, T0 + 3600 * SEC);
	assert_int_equal(count(&s, TIMERS_WIPE_KEYS), 1);
	assert_true(when(&s, TIMERS_WIPE_KEYS, 0) == when(&s, TIMERS_DROP_STAGED, 0) + 540 * SEC);
	assert_true(timers_next(&s.t) == TIMERS_NEVER);
}

static void
retries_are_5_s_and_jitter_apart_and_forget_the_source(void **state)
{
	struct sim s;
	uint64_t least = UINT64_MAX, most = 0;

	sim_init(&s);
	timers_want_handshake(&s.t, T0);
	run_until(&s, T0 + 100 * SEC);
	assert_int_equal(s.log[0].actions, TIMERS_SEND_INITIATION);
	for (unsigned i = 1; i < 18; i++) {
		uint64_t gap = s.log[i].ns - s.log[i - 1].ns;

		assert_int_equal(s.log[i].actions, TIMERS_SEND_INITIATION | TIMERS_CLEAR_SOURCE);
		assert_within(gap, 5 * SEC, 5 * SEC + 333 * MS);
		least = gap < least ? gap : least;
		most = gap > most ? gap : most;
	}
	/* 17 draws out of 333 ms all within 10 ms: not in this universe. */
	assert_true(most - least > 10 * MS);
}

static void
new_wants_restart_the_90_s(void **state)
{
	struct sim s;

	sim_init(&s);
	timers_want_handshake(&s.t, T0);
	run_until(&s, T0 + 60 * SEC);
	timers_want_handshake(&s.t, s.now_ns);
	run_until(&s, T0 + 300 * SEC);
	assert_within(when(&s, TIMERS_DROP_STAGED, 0), T0 + 150 * SEC, T0 + 160 * SEC);
	assert_int_equal(count(&s, TIMERS_DROP_STAGED), 1);
	/* And after giving up, a want begins again. */
	timers_want_handshake(&s.t, s.now_ns);
	run_until(&s, s.now_ns);
	assert_int_equal(s.log[s.n_log - 1].actions, TIMERS_SEND_INITIATION);
}

static void
wants_in_a_hurry_send_one_initiation(void **state)
{
	struct sim s;

	sim_init(&s);
	for (int i = 0; i < 49; i++) {
		timers_want_handshake(&s.t, s.now_ns);
		run_until(&s, s.now_ns + 100 * MS);
	}
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 1);
}

static void
no_initiation_within_5_s_of_a_response(void **state)
{
	struct sim s;

	sim_init(&s);
	timers_handshake_received(&s.t, T0);
	timers_response_sent(&s.t, T0);
	timers_session_derived(&s.t, T0);
	run_until(&s, T0 + SEC);
	timers_want_handshake(&s.t, s.now_ns); /* data, and next not confirmed */
	run_until(&s, T0 + 10 * SEC);
	assert_within(when(&s, TIMERS_SEND_INITIATION, 0), T0 + 5 * SEC, T0 + 5 * SEC + 333 * MS);

	/* In the middle of our own retries. */
	sim_init(&s);
	timers_want_handshake(&s.t, T0);
	run_until(&s, T0 + 4 * SEC);
	timers_response_sent(&s.t, s.now_ns);
	run_until(&s, T0 + 20 * SEC);
	assert_within(when(&s, TIMERS_SEND_INITIATION, 1), T0 + 9 * SEC, T0 + 9 * SEC + 333 * MS);

	/* The session is confirmed in time: nothing is wanted any more. */
	sim_init(&s);
	timers_response_sent(&s.t, T0);
	timers_session_derived(&s.t, T0);
	timers_want_handshake(&s.t, T0 + MS);
	timers_handshake_complete(&s.t, T0 + 2 * MS);
	run_until(&s, T0 + 60 * SEC);
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 0);
}

static void
late_wants_of_the_old_session_are_ignored(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	s.now_ns += 10 * MS;
	timers_want_handshake(&s.t, s.now_ns);
	run_until(&s, T0 + 60 * SEC);
	assert_int_equal(s.n_log, 0);
	timers_want_handshake(&s.t, s.now_ns); /* in earnest */
	run_until(&s, s.now_ns);
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 1);
}

/* As after a change of the private key: nothing else would start the handshake again. */
static void
wants_without_a_session_are_never_late(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	s.now_ns += 10 * MS;
	timers_sessions_gone(&s.t);
	timers_want_handshake(&s.t, s.now_ns);
	run_until(&s, T0 + 60 * SEC);
	assert_within(when(&s, TIMERS_SEND_INITIATION, 0), T0 + 5 * SEC, T0 + 5 * SEC + 333 * MS);
}

static void
answered_handshake_ends_the_retries(void **state)
{
	struct sim s;

	sim_init(&s);
	timers_want_handshake(&s.t, T0);
	run_until(&s, T0 + 12 * SEC);
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 3);
	timers_handshake_complete(&s.t, s.now_ns);
	run_until(&s, T0 + 300 * SEC);
	assert_int_equal(count(&s, TIMERS_SEND_INITIATION), 3);
	assert_int_equal(count(&s, TIMERS_DROP_STAGED), 0);
}

static void
abandoned_handshake_is_not_retried(void **state)
{
	struct sim s;

	sim_init(&s);
	timers_want_handshake(&s.t, T0);
	run_until(&s, T0);
	timers_handshake_abandoned(&s.t);
	assert_true(timers_next(&s.t) == TIMERS_NEVER);
}

static void
initiation_that_leaves_late_counts_from_then(void **state)
{
	struct sim s;

	sim_init(&s);
	timers_want_handshake(&s.t, T0);
	run_until(&s, T0);
	timers_initiation_sent(&s.t, T0 + SEC);
	run_until(&s, T0 + 8 * SEC);
	assert_within(when(&s, TIMERS_SEND_INITIATION, 1), T0 + 6 * SEC, T0 + 6 * SEC + 333 * MS);
}

static void
wrong_key_wiping_time_540_s_after_the_last_new_session(void **state)
{
	struct sim s;

	sim_init(&s);
	session_as_initiator(&s);
	run_until(&s, T0 + 400 * SEC);
	timers_session_derived(&s.t, s.now_ns);
	run_until(&s, T0 + 940 * SEC - 1);
	assert_int_equal(count(&s, TIMERS_WIPE_KEYS), 0);
	run_until(&s, T0 + 940 * SEC);
	assert_int_equal(count(&s, TIMERS_WIPE_KEYS), 1);
}

static void
constants_are_those_of_the_paper(void **state)
{
	assert_true(KEEPALIVE_TIMEOUT_NS == 10 * SEC);
	assert_true(REKEY_ON_RECEIVE_NS == 165 * SEC);
	assert_true(WIPE_KEYS_AFTER_NS == 540 * SEC);
	assert_int_equal(REKEY_ATTEMPTS_MAX, 18);
	assert_true(REKEY_AFTER_MESSAGES == 1152921504606846976ULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_peer_needs_no_wakeup),
		cmocka_unit_test(idle_tunnel_sends_nothing),
		cmocka_unit_test(attempts_end_after_90_s_and_drop_what_is_staged),
		cmocka_unit_test(retries_are_5_s_and_jitter_apart_and_forget_the_source),
		cmocka_unit_test(new_wants_restart_the_90_s),
		cmocka_unit_test(wants_in_a_hurry_send_one_initiation),
		cmocka_unit_test(no_initiation_within_5_s_of_a_response),
		cmocka_unit_test(late_wants_of_the_old_session_are_ignored),
		cmocka_unit_test(wants_without_a_session_are_never_late),
		cmocka_unit_test(answered_handshake_ends_the_retries),
		cmocka_unit_test(abandoned_handshake_is_not_retried),
		cmocka_unit_test(initiation_that_leaves_late_counts_from_then),
		cmocka_unit_test(wrong_key_wiping_time_540_s_after_the_last_new_session),
		cmocka_unit_test(constants_are_those_of_the_paper),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
