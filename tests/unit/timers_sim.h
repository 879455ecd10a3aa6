/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer's timers on a simulated clock, for the tests of timers.c. */
#ifndef TESTS_TIMERS_SIM_H
#define TESTS_TIMERS_SIM_H

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

static inline void
sim_init(struct sim *s)
{
	memset(s, 0, sizeof(*s));
	s->now_ns = T0;
	s->session = true;
	timers_init(&s->t);
}

static inline void
worker_tells(struct sim *s)
{
	if (timers_watching(&s->t))
		return;
	s->tells++;
	timers_traffic(&s->t, s->now_ns, &s->words);
}

static inline void
lag_50_ms(uint64_t *word, uint64_t now_ns)
{
	if (now_ns - *word >= 50 * MS)
		*word = now_ns;
}

static inline void
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

static inline void
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

static inline void
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
static inline void
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

static inline unsigned
count(const struct sim *s, uint32_t action)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_log; i++)
		n += (s->log[i].actions & action) != 0;
	return n;
}

static inline uint64_t
when(const struct sim *s, uint32_t action, unsigned nth)
{
	for (unsigned i = 0; i < s->n_log; i++)
		if ((s->log[i].actions & action) && nth-- == 0)
			return s->log[i].ns;
	fail_msg("action %#x has not happened", action);
	return 0;
}

static inline void
assert_within(uint64_t ns, uint64_t from, uint64_t to)
{
	if (ns < from || ns > to)
		fail_msg("%.3f s is not within %.3f and %.3f", (double)ns / SEC, (double)from / SEC,
			(double)to / SEC);
}

static inline void
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
static inline void
control_sends_response(struct sim *s)
{
	worker_sends(s, false);
	timers_response_sent(&s->t, s->now_ns);
}

static inline void
control_receives_handshake(struct sim *s)
{
	worker_receives(s, false);
	timers_handshake_received(&s->t, s->now_ns);
}

static inline int
setup(void **state)
{
	char err[128];

	return crypto_init(err, sizeof(err));
}

#endif
