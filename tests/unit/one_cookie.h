/* SPDX-License-Identifier: BSD-3-Clause */
/* cookie.h for a single message. */
#ifndef TESTS_UNIT_ONE_COOKIE_H
#define TESTS_UNIT_ONE_COOKIE_H

#include "control/cookie.h"

static inline enum cookie_verdict
one_cookie_check(struct cookie_checker *c, const void *msg, size_t len,
	const struct ip_endpoint *source, uint64_t now_ns, bool want_mac2)
{
	struct cookie_job job = {.checker = c, .msg = msg, .len = len, .source = source};

	cookie_check(&(struct cookie_job *){&job}, 1, now_ns, want_mac2);
	return job.verdict;
}

static inline void
one_cookie_reply(struct cookie_checker *c, const void *msg, size_t len,
	const struct ip_endpoint *source, uint64_t now_ns, struct message_cookie_reply *out)
{
	const struct cookie_job job = {.checker = c, .msg = msg, .len = len, .source = source};

	cookie_create_replies(&(const struct cookie_job *){&job}, 1, now_ns, out);
}

#endif
