/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/timers.h"

#include <string.h>

#include "crypto_accel/crypto_accel.h"

/*
 * A worker sends the keepalive that was asked for a little later than that
 * moment. What it sends within this time is taken for that keepalive.
 */
#define OWN_KEEPALIVE_NS (250 * NS_PER_MS)

#define UNANSWERED_NS (KEEPALIVE_TIMEOUT_NS + REKEY_TIMEOUT_NS)

static uint64_t
min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
max_ns(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Keeps peers that lost each other at the same moment from starting in step. */
static uint32_t
jitter_ns(void)
{
	uint32_t r;

	crypto_random(&r, sizeof(r));
	return r % (REKEY_JITTER_MAX_NS + 1);
}

/* ---- when is what due: each from the state and the last snapshot ---------- */

/* Nothing within 5 s of the last handshake message sent, whichever it was. */
static uint64_t
initiation_due(const struct timers *t)
{
	if (t->retry_ns == 0)
		return TIMERS_NEVER;
	if (t->handshake_tx_ns == 0)
		return t->retry_ns;
	return max_ns(t->retry_ns, t->handshake_tx_ns + REKEY_TIMEOUT_NS);
}

/*
 * A word that a worker set just while control counted a handshake message is
 * stale, but it stays: take it for as old as that message, so that it neither
 * fires early nor hides what comes later.
 */
static uint64_t
unanswered_due(const struct timers *t)
{
	uint64_t since = t->seen.tx_data_since_ns;

	if (since == 0 || since <= t->unanswered_done_ns)
		return TIMERS_NEVER;
	return max_ns(since, t->handshake_rx_ns) + UNANSWERED_NS + t->unanswered_jitter_ns;
}

/* Since when data waits for any sign of life from us; 0: it does not. */
static uint64_t
keepalive_since(const struct timers *t)
{
	uint64_t since = t->seen.rx_data_since_ns, another = t->keepalive_another_ns;

	if (since != 0)
		since = max_ns(since, max_ns(t->keepalive_tx_ns, t->handshake_tx_ns));
	if (another != 0 &&
		(t->seen.last_tx_ns > another + OWN_KEEPALIVE_NS || t->handshake_tx_ns > another))
		another = 0;
	if (since == 0 || another == 0)
		return max_ns(since, another);
	return min_ns(since, another);
}

static uint64_t
keepalive_due(const struct timers *t)
{
	uint64_t since = keepalive_since(t);

	/* No session that is younger than 180 s: nothing to send it on. */
	if (since == 0 || t->wipe_ns == 0 ||
		since + KEEPALIVE_TIMEOUT_NS + WIPE_KEYS_AFTER_NS >=
			t->wipe_ns + REJECT_AFTER_TIME_NS)
		return TIMERS_NEVER;
	return since + KEEPALIVE_TIMEOUT_NS;
}

static uint64_t
persistent_due(const struct timers *t)
{
	uint64_t last = max_ns(
		t->persistent_base_ns, max_ns(max_ns(t->seen.last_rx_ns, t->seen.last_tx_ns),
					       max_ns(t->handshake_rx_ns, t->handshake_tx_ns)));

	if (t->persistent_ns == 0)
		return TIMERS_NEVER;
	return t->persistent_due ? t->persistent_base_ns : last + t->persistent_ns;
}

static uint64_t
wipe_due(const struct timers *t)
{
	return t->wipe_ns == 0 ? TIMERS_NEVER : t->wipe_ns;
}

bool
timers_watching(const struct timers *t)
{
	return unanswered_due(t) != TIMERS_NEVER || keepalive_due(t) != TIMERS_NEVER;
}

static void
update_deadline(struct timers *t)
{
	uint64_t d = min_ns(min_ns(initiation_due(t), wipe_due(t)), persistent_due(t));

	/* Data that arrives after the snapshot is due 10 s after it at the earliest. */
	if (timers_watching(t))
		d = min_ns(min_ns(d, t->seen_ns + KEEPALIVE_TIMEOUT_NS),
			min_ns(unanswered_due(t), keepalive_due(t)));
	t->deadline_ns = d;
}

/* ---- doing what is due ---------------------------------------------------- */

static uint32_t
run_unanswered(struct timers *t, uint64_t now_ns)
{
	if (unanswered_due(t) > now_ns)
		return 0;
	t->unanswered_done_ns = t->seen.tx_data_since_ns;
	t->unanswered_jitter_ns = jitter_ns();
	if (t->retry_ns == 0) {
		t->retry_ns = now_ns;
		t->attempts = 0;
	}
	return TIMERS_CLEAR_SOURCE;
}

/*
 * 18 initiations, 5 s and jitter apart, so that the last one has gone
 * unanswered when 90 s are over. (Linux lets 19 retries follow the first one,
 * which makes it some 103 s.)
 */
static uint32_t
run_initiation(struct timers *t, uint64_t now_ns)
{
	uint32_t actions = TIMERS_SEND_INITIATION;

	if (initiation_due(t) > now_ns)
		return 0;
	if (t->attempts >= REKEY_ATTEMPTS_MAX) {
		t->retry_ns = 0;
		t->attempts = 0;
		/* Whom no handshake reaches, no keepalive does; and secrets of ours are left. */
		t->keepalive_tx_ns = now_ns;
		t->keepalive_another_ns = 0;
		if (t->wipe_ns == 0)
			t->wipe_ns = now_ns + WIPE_KEYS_AFTER_NS;
		return TIMERS_DROP_STAGED;
	}
	if (t->attempts++ > 0)
		actions |= TIMERS_CLEAR_SOURCE;
	timers_initiation_sent(t, now_ns);
	return actions;
}

static uint32_t
run_keepalive(struct timers *t, uint64_t now_ns)
{
	uint64_t since = keepalive_since(t);

	if (keepalive_due(t) > now_ns)
		return 0;
	/* Data that came after the one that is being answered wants another one. */
	t->keepalive_another_ns = t->seen.last_rx_data_ns > since ? now_ns : 0;
	t->keepalive_tx_ns = now_ns;
	t->persistent_base_ns = now_ns;
	return TIMERS_SEND_KEEPALIVE;
}

static uint32_t
run_persistent(struct timers *t, uint64_t now_ns)
{
	if (persistent_due(t) > now_ns)
		return 0;
	t->persistent_due = false;
	t->persistent_base_ns = now_ns;
	return TIMERS_SEND_PERSISTENT;
}

static uint32_t
run_wipe(struct timers *t, uint64_t now_ns)
{
	if (wipe_due(t) > now_ns)
		return 0;
	t->wipe_ns = 0;
	/* Whatever the workers' words still say was about sessions that are gone. */
	t->unanswered_done_ns = max_ns(t->unanswered_done_ns, t->seen.tx_data_since_ns);
	t->keepalive_tx_ns = now_ns;
	t->keepalive_another_ns = 0;
	return TIMERS_WIPE_KEYS;
}

uint32_t
timers_run(struct timers *t, uint64_t now_ns, const struct peer_traffic *traffic)
{
	uint32_t actions = 0;

	t->seen = *traffic;
	t->seen_ns = now_ns;
	actions |= run_unanswered(t, now_ns);
	actions |= run_initiation(t, now_ns);
	actions |= run_wipe(t, now_ns);
	actions |= run_keepalive(t, now_ns);
	actions |= run_persistent(t, now_ns);
	update_deadline(t);
	return actions;
}

uint64_t
timers_next(const struct timers *t)
{
	return t->deadline_ns;
}

/* ---- events --------------------------------------------------------------- */

void
timers_init(struct timers *t)
{
	memset(t, 0, sizeof(*t));
	t->unanswered_jitter_ns = jitter_ns();
	t->deadline_ns = TIMERS_NEVER;
}

void
timers_set_persistent(struct timers *t, uint64_t now_ns, uint16_t seconds)
{
	if (seconds == 0) {
		t->persistent_due = false;
	} else if (t->persistent_ns == 0) {
		t->persistent_due = true;
		t->persistent_base_ns = now_ns;
	}
	t->persistent_ns = seconds * NS_PER_SEC;
	update_deadline(t);
}

uint64_t
timers_traffic(struct timers *t, uint64_t now_ns, const struct peer_traffic *traffic)
{
	t->seen = *traffic;
	t->seen_ns = now_ns;
	update_deadline(t);
	return t->deadline_ns;
}

void
timers_want_handshake(struct timers *t, uint64_t now_ns)
{
	if (t->complete_ns != 0 && now_ns < t->complete_ns + REKEY_TIMEOUT_NS)
		return;
	/* Someone still wants the peer: the 90 s begin anew (paper, section 6.4). */
	t->attempts = 0;
	if (t->retry_ns == 0) {
		t->retry_ns = now_ns;
		if (t->handshake_tx_ns != 0 && now_ns < t->handshake_tx_ns + REKEY_TIMEOUT_NS)
			t->retry_ns = t->handshake_tx_ns + REKEY_TIMEOUT_NS + jitter_ns();
	}
	update_deadline(t);
}

bool
timers_handshaking(const struct timers *t)
{
	return t->retry_ns != 0;
}

void
timers_handshake_abandoned(struct timers *t)
{
	t->retry_ns = 0;
	t->attempts = 0;
	update_deadline(t);
}

void
timers_sessions_gone(struct timers *t)
{
	t->complete_ns = 0;
	timers_handshake_abandoned(t);
}

void
timers_initiation_sent(struct timers *t, uint64_t now_ns)
{
	t->handshake_tx_ns = now_ns;
	t->retry_ns = now_ns + REKEY_TIMEOUT_NS + jitter_ns();
	update_deadline(t);
}

void
timers_response_sent(struct timers *t, uint64_t now_ns)
{
	t->handshake_tx_ns = now_ns;
	update_deadline(t);
}

void
timers_handshake_received(struct timers *t, uint64_t now_ns)
{
	t->handshake_rx_ns = now_ns;
	update_deadline(t);
}

void
timers_session_derived(struct timers *t, uint64_t now_ns)
{
	t->wipe_ns = now_ns + WIPE_KEYS_AFTER_NS;
	update_deadline(t);
}

void
timers_handshake_complete(struct timers *t, uint64_t now_ns)
{
	t->complete_ns = now_ns;
	t->retry_ns = 0;
	t->attempts = 0;
	update_deadline(t);
}
