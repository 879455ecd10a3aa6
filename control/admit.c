/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which handshake messages are worked on: mac1 always, under load mac2 and the
 * source's share too. All that an attacker can send without a cookie ends here.
 */
#include "control/outer.h"
#include "control/received.h"

/*
 * Of the answers that a worker has room for these are for who sends a mac2 that
 * is wrong (its NAT has changed the port, or it made it up), the rest for who
 * has none: neither kind of flood keeps all answers from the other.
 */
#define MAC2_REPLIES_A_TURN (MESSAGES_A_TURN / 4)

static bool
may_answer(const struct received *r, unsigned answered)
{
	if (r->ring == PUNT_RING_MAC2 &&
		(answered >= MAC2_REPLIES_A_TURN || dataplane_answers(r->c->dp, r->worker) == 0))
		return false;
	return reply_limiter_allow(&r->c->replies, r->source, r->now_ns);
}

static void
send_cookies(const struct received *const *r, const struct cookie_job *const *jobs, unsigned n)
{
	struct message_cookie_reply replies[MESSAGES_A_TURN];

	if (n == 0)
		return;
	cookie_create_replies(jobs, n, r[0]->now_ns, replies);
	for (unsigned i = 0; i < n; i++)
		outer_send(r[i]->c->dp, r[i]->worker, r[i]->iface_id, &r[i]->to, &r[i]->from,
			&replies[i], sizeof(replies[i]));
}

/* Those that pass go to the front of r. */
static unsigned
admit_loaded(const struct received **r, struct cookie_job *const *jobs, unsigned n)
{
	const struct received *ask[MESSAGES_A_TURN];
	const struct cookie_job *ask_jobs[MESSAGES_A_TURN];
	unsigned kept = 0, n_ask = 0;

	for (unsigned i = 0; i < n; i++) {
		struct control *c = r[i]->c;

		if (jobs[i]->verdict != COOKIE_MAC2_VALID) {
			dataplane_count_drop(c->dp, DROP_mac2_required, r[i]->iface_id);
			if (!may_answer(r[i], n_ask))
				continue;
			ask[n_ask] = r[i];
			ask_jobs[n_ask++] = jobs[i];
		} else if (!ratelimiter_allow(c->limiter, &r[i]->from.addr, r[i]->now_ns)) {
			dataplane_count_drop(c->dp, DROP_handshake_limited, r[i]->iface_id);
		} else {
			r[kept++] = r[i];
		}
	}
	send_cookies(ask, ask_jobs, n_ask);
	return kept;
}

unsigned
admit(const struct received **r, unsigned n, bool loaded)
{
	struct cookie_job all[MESSAGES_A_TURN], *jobs[MESSAGES_A_TURN];
	unsigned good = 0;

	if (n == 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		all[i] = (struct cookie_job){.checker = &r[i]->iface->checker,
			.msg = r[i]->data,
			.len = r[i]->len,
			.source = &r[i]->from};
		jobs[i] = &all[i];
	}
	cookie_check(jobs, n, r[0]->now_ns, loaded);
	for (unsigned i = 0; i < n; i++) {
		if (jobs[i]->verdict == COOKIE_MAC1_INVALID) {
			dataplane_count_drop(r[i]->c->dp, DROP_mac1_invalid, r[i]->iface_id);
			continue;
		}
		jobs[good] = jobs[i];
		r[good++] = r[i];
	}
	return loaded ? admit_loaded(r, jobs, good) : good;
}
