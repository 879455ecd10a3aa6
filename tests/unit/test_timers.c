/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "control/timers.h"
#include "crypto_accel/crypto_accel.h"

#define T0 (1000 * NS_PER_SEC)
#define SEC NS_PER_SEC
#define MS NS_PER_MS
#define LOG_MAX 256

/*
 * A peer with its control loop and one worker, on a clock that jumps from one
 * wake-up to the next. The worker keeps the words as timers.h says, throttled
 * as it may, and tells of edges only while control is not watching.
 */
struct sim {
	struct timers t;
	struct peer_traffic words;
	uint64_t now_ns;
	bool session; /* without one, keepalives want a handshake */
	unsigned wakeups, tells;
	struct {
		uint64_t ns;
		uint32_t actions;
	} log[LOG_MAX];
	unsigned n_log;
};

static void
sim_init(struct sim *s)
{
	memset(s, 0, sizeof(*s));
	s->now_ns = T0;
	s->session = true;
	timers_init(&s->t);
}

static void
worker_tells(struct sim *s)
{
	if (timers_watching(&s->t))
		return;
	s->tells++;
	timers_traffic(&s->t, s->now_ns, &s->words);
}

static void
lag_50_ms(uint64_t *word, uint64_t now_ns)
{
	if (now_ns - *word >= 50 * MS)
		*word = now_ns;
}

static void
worker_sends(struct sim *s, bool data)
{
	lag_50_ms(&s->words.last_tx_ns, s->now_ns);
	if (s->words.rx_data_since_ns != 0) {
		s->words.rx_data_since_ns = 0;
		s->words.last_tx_ns = s->now_ns;
	}
	if (data && s->words.tx_data_since_ns == 0) {
		s->words.tx_data_since_ns = s->now_ns;
		worker_tells(s);
	}
}

static void
worker_receives(struct sim *s, bool data)
{
	lag_50_ms(&s->words.last_rx_ns, s->now_ns);
	if (s->words.tx_data_since_ns != 0) {
		s->words.tx_data_since_ns = 0;
		s->words.last_rx_ns = s->now_ns;
	}
	if (!data)
		return;
	lag_50_ms(&s->words.last_rx_data_ns, s->now_ns);
	if (s->words.rx_data_since_ns == 0) {
		s->words.rx_data_since_ns = s->now_ns;
		worker_tells(s);
	}
}

static void
control_wakes(struct sim *s)
{
	uint32_t actions = timers_run(&s->t, s->now_ns, &s->words);

	s->wakeups++;
	assert_true(timers_next(&s->t) > s->now_ns); /* or the loop would spin */
	if (actions == 0)
		return;
	assert_true(s->n_log < LOG_MAX);
	s->log[s->n_log].ns = s->now_ns;
	s->log[s->n_log++].actions = actions;
	if (actions & (TIMERS_SEND_KEEPALIVE | TIMERS_SEND_PERSISTENT)) {
		if (s->session) {
			uint64_t now_ns = s->now_ns;

			s->now_ns += MS; /* through the ring */
			worker_sends(s, false);
			s->now_ns = now_ns;
		} else {
			timers_want_handshake(&s->t, s->now_ns);
		}
	}
}

/* Runs all that is due up to and at that time. */
static void
run_until(struct sim *s, uint64_t ns)
{
	unsigned turns = 0;

	while (timers_next(&s->t) <= ns) {
		assert_true(turns++ < 10000);
		if (timers_next(&s->t) > s->now_ns)
			s->now_ns = timers_next(&s->t);
		control_wakes(s);
	}
	if (ns > s->now_ns)
		s->now_ns = ns;
}

static unsigned
count(const struct sim *s, uint32_t action)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_log; i++)
		n += (s->log[i].actions & action) != 0;
	return n;
}

static uint64_t
when(const struct sim *s, uint32_t action, unsigned nth)
{
	for (unsigned i = 0; i < s->n_log; i++)
		if ((s->log[i].actions & action) && nth-- == 0)
			return s->log[i].ns;
	fail_msg("action %#x has not happened", action);
	return 0;
}

static void
assert_within(uint64_t ns, uint64_t from, uint64_t to)
{
	if (ns < from || ns > to)
		fail_msg("%.3f s is not within %.3f and %.3f", (double)ns / SEC, (double)from / SEC,
			(double)to / SEC);
}

static void
session_as_initiator(struct sim *s)
{
	timers_want_handshake(&s->t, s->now_ns);
	run_until(s, s->now_ns);
	timers_handshake_received(&s->t, s->now_ns);
	timers_session_derived(&s->t, s->now_ns);
	timers_handshake_complete(&s->t, s->now_ns);
	s->n_log = 0;
}

/* Control keeps the words as well. */
static void
control_sends_response(struct sim *s)
{
	worker_sends(s, false);
	timers_response_sent(&s->t, s->now_ns);
}

static void
control_receives_handshake(struct sim *s)
{
	worker_receives(s, false);
	timers_handshake_received(&s->t, s->now_ns);
}

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
keys_are_wiped_540_s_after_the_last_new_session(void **state)
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
keepalive_10_s_after_data_that_nothing_answered(void **state)
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
no_spurious_rekey_on_steady_traffic(void **state)
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
no_spurious_rekey_on_a_download(void **state)
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
no_spurious_rekey_on_an_upload(void **state)
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

static void
constants_are_those_of_the_paper(void **state)
{
	assert_true(KEEPALIVE_TIMEOUT_NS == 10 * SEC);
	assert_true(REKEY_ON_RECEIVE_NS == 165 * SEC);
	assert_true(WIPE_KEYS_AFTER_NS == 540 * SEC);
	assert_int_equal(REKEY_ATTEMPTS_MAX, 18);
	assert_true(REKEY_AFTER_MESSAGES == 1152921504606846976ULL);
}

static int
setup(void **state)
{
	char err[128];

	return crypto_init(err, sizeof(err));
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
		cmocka_unit_test(answered_handshake_ends_the_retries),
		cmocka_unit_test(abandoned_handshake_is_not_retried),
		cmocka_unit_test(initiation_that_leaves_late_counts_from_then),
		cmocka_unit_test(keys_are_wiped_540_s_after_the_last_new_session),
		cmocka_unit_test(keepalive_10_s_after_data_that_nothing_answered),
		cmocka_unit_test(keepalives_do_not_answer_keepalives),
		cmocka_unit_test(anything_sent_cancels_the_keepalive),
		cmocka_unit_test(another_keepalive_for_data_that_came_while_waiting),
		cmocka_unit_test(unanswered_data_starts_a_handshake_15_s_after_its_first_packet),
		cmocka_unit_test(unanswered_data_while_a_handshake_runs_starts_no_other),
		cmocka_unit_test(any_authenticated_packet_answers_data),
		cmocka_unit_test(words_set_in_a_race_hide_nothing),
		cmocka_unit_test(keepalive_that_was_lost_is_asked_for_again),
		cmocka_unit_test(no_keepalive_without_a_session),
		cmocka_unit_test(no_spurious_rekey_on_steady_traffic),
		cmocka_unit_test(no_spurious_rekey_on_a_download),
		cmocka_unit_test(no_spurious_rekey_on_an_upload),
		cmocka_unit_test(keepalive_is_in_time_behind_a_later_wakeup),
		cmocka_unit_test(persistent_keepalive_at_once_and_then_each_interval),
		cmocka_unit_test(persistent_keepalive_waits_for_silence_both_ways),
		cmocka_unit_test(persistent_keepalive_keeps_on_trying_without_a_session),
		cmocka_unit_test(constants_are_those_of_the_paper),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
