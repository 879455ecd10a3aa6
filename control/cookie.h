/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mac1, mac2 and cookie replies: sections 5.4.4 and 5.4.7 of the paper. Pure,
 * single-threaded (control lcore). now_ns is monotonic time above 0.
 */
#ifndef CONTROL_COOKIE_H
#define CONTROL_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/addr.h"
#include "dataplane/messages.h"

/* What an interface needs to judge the macs of others. */
struct cookie_checker {
	uint8_t mac1_key[NOISE_KEY_LEN];
	uint8_t reply_key[NOISE_KEY_LEN]; /* seals our cookie replies */
	/* Keys the cookies; only the present one is accepted, as in Linux. */
	uint8_t secret[NOISE_KEY_LEN];
	uint64_t secret_born_ns; /* 0 never */
};

/* What a peer needs so that its macs please the other side. */
struct cookie_peer {
	uint8_t mac1_key[NOISE_KEY_LEN];
	uint8_t reply_key[NOISE_KEY_LEN]; /* opens the cookie replies of that peer */
	uint8_t cookie[COOKIE_LEN];
	uint64_t cookie_born_ns; /* 0: none */
	uint8_t last_mac1[COOKIE_LEN];
	bool awaits_reply; /* last_mac1 is of a message that no cookie reply came for */
};

enum cookie_verdict {
	COOKIE_MAC1_INVALID,
	COOKIE_MAC1_VALID, /* mac2 not looked at, or wrong */
	COOKIE_MAC2_VALID, /* both; the source address is therefore genuine */
};

/* Again whenever the interface's key changes; old cookies die with it. */
void cookie_checker_init(struct cookie_checker *c, const uint8_t own_public[NOISE_KEY_LEN]);
void cookie_checker_fini(struct cookie_checker *c);

#define COOKIE_BATCH 64 /* jobs at the most */

/* A message whose macs are judged, or that is answered with a cookie. */
struct cookie_job {
	struct cookie_checker *checker;
	const void *msg; /* a whole initiation or response */
	size_t len; /* 148 or 92, checked by the caller */
	const struct ip_endpoint *source; /* where it came from */
	enum cookie_verdict verdict; /* out, of cookie_check */
};

/*
 * Judge n messages, all at once: sixteen cost little more than one. Say
 * want_mac2 under load only. A mac2 of zeros is none.
 */
void cookie_check(struct cookie_job **jobs, unsigned n, uint64_t now_ns, bool want_mac2);
/* Cookies for the senders of n messages, into out[n]; only for those whose mac1 was found valid. */
void cookie_create_replies(const struct cookie_job *const *jobs, unsigned n, uint64_t now_ns,
	struct message_cookie_reply *out);

void cookie_peer_init(struct cookie_peer *p, const uint8_t remote_public[NOISE_KEY_LEN]);
void cookie_peer_fini(struct cookie_peer *p);
/* Fills in the macs of our initiation or response: the last thing done before it is sent. */
void cookie_add_macs(struct cookie_peer *p, void *msg, size_t len, uint64_t now_ns);
/*
 * The reply whose receiver_index is that of our last handshake message to
 * this peer. False when it does not authenticate or none is awaited; then
 * nothing changes. Never a reason to roam: it does not prove who sent it.
 */
bool cookie_consume_reply(
	struct cookie_peer *p, const struct message_cookie_reply *msg, uint64_t now_ns);

#endif
