/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/cookie.h"

#include <endian.h>
#include <string.h>

#include "crypto_accel/crypto_accel.h"

#define LABEL_LEN 8
static const char label_mac1[] = "mac1----";
static const char label_cookie[] = "cookie--";

static void
label_key(uint8_t out[NOISE_KEY_LEN], const char label[LABEL_LEN],
	const uint8_t public_key[NOISE_KEY_LEN])
{
	uint8_t in[LABEL_LEN + NOISE_KEY_LEN];

	memcpy(in, label, LABEL_LEN);
	memcpy(in + LABEL_LEN, public_key, NOISE_KEY_LEN);
	blake2s(out, NOISE_KEY_LEN, in, sizeof(in), NULL, 0);
}

/* Initiation and response both end in their macs. */
static size_t
macs_offset(size_t len)
{
	return len - sizeof(struct message_macs);
}

static void
mac1_of(uint8_t out[COOKIE_LEN], const void *msg, size_t len, const uint8_t key[NOISE_KEY_LEN])
{
	blake2s(out, COOKIE_LEN, msg, macs_offset(len), key, NOISE_KEY_LEN);
}

static void
mac2_of(uint8_t out[COOKIE_LEN], const void *msg, size_t len, const uint8_t cookie[COOKIE_LEN])
{
	blake2s(out, COOKIE_LEN, msg, macs_offset(len) + COOKIE_LEN, cookie, COOKIE_LEN);
}

void
cookie_checker_init(struct cookie_checker *c, const uint8_t own_public[NOISE_KEY_LEN])
{
	memset(c, 0, sizeof(*c));
	label_key(c->mac1_key, label_mac1, own_public);
	label_key(c->reply_key, label_cookie, own_public);
}

void
cookie_checker_fini(struct cookie_checker *c)
{
	crypto_wipe(c, sizeof(*c));
}

/* ---- of others: many at once, in lanes ------------------------------------------------ */

/* Hashes of equal lengths. */
struct hashes {
	uint8_t *out[COOKIE_BATCH];
	const uint8_t *in[COOKIE_BATCH], *keys[COOKIE_BATCH];
	unsigned n;
};

static void
hashes_add(struct hashes *h, uint8_t out[COOKIE_LEN], const void *in, const void *key)
{
	h->out[h->n] = out;
	h->in[h->n] = in;
	h->keys[h->n++] = key;
}

static void
hashes_run(struct hashes *h, size_t in_len, size_t key_len)
{
	blake2s_batch(h->out, COOKIE_LEN, h->in, in_len, h->keys, key_len, h->n);
	h->n = 0;
}

static const size_t message_lens[] = {
	sizeof(struct message_initiation), sizeof(struct message_response)};

static void
mac1_of_all(uint8_t (*out)[COOKIE_LEN], const struct cookie_job *const *jobs, unsigned n)
{
	struct hashes h = {.n = 0};

	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = 0; i < n; i++)
			if (jobs[i]->len == message_lens[k])
				hashes_add(&h, out[i], jobs[i]->msg, jobs[i]->checker->mac1_key);
		hashes_run(&h, macs_offset(message_lens[k]), NOISE_KEY_LEN);
	}
}

static void
mac2_of_all(uint8_t (*out)[COOKIE_LEN], const struct cookie_job *const *jobs,
	const uint8_t (*cookies)[COOKIE_LEN], unsigned n)
{
	struct hashes h = {.n = 0};

	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = 0; i < n; i++)
			if (jobs[i]->len == message_lens[k])
				hashes_add(&h, out[i], jobs[i]->msg, cookies[i]);
		hashes_run(&h, macs_offset(message_lens[k]) + COOKIE_LEN, COOKIE_LEN);
	}
}

static const uint8_t *
secret_of(struct cookie_checker *c, uint64_t now_ns)
{
	if (c->secret_born_ns == 0 || now_ns - c->secret_born_ns >= COOKIE_SECRET_MAX_AGE_NS) {
		crypto_random(c->secret, sizeof(c->secret));
		c->secret_born_ns = now_ns;
	}
	return c->secret;
}

#define SOURCE_LEN_MAX 18 /* address and port */

static size_t
source_bytes(uint8_t out[SOURCE_LEN_MAX], const struct ip_endpoint *source)
{
	size_t len = ip_addr_len(source->addr.family);

	memcpy(out, source->addr.bytes, len);
	out[len] = source->port >> 8;
	out[len + 1] = source->port & 0xff;
	return len + 2;
}

/*
 * A function of the secret and the source, so that nothing is remembered a
 * source. Port and address: behind one NAT others must not share it.
 */
static void
cookies_of_all(uint8_t (*out)[COOKIE_LEN], const struct cookie_job *const *jobs, unsigned n,
	uint64_t now_ns)
{
	static const size_t source_lens[] = {6, SOURCE_LEN_MAX};
	uint8_t sources[COOKIE_BATCH][SOURCE_LEN_MAX];
	size_t lens[COOKIE_BATCH];
	struct hashes h = {.n = 0};

	for (unsigned i = 0; i < n; i++)
		lens[i] = source_bytes(sources[i], jobs[i]->source);
	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = 0; i < n; i++)
			if (lens[i] == source_lens[k])
				hashes_add(&h, out[i], sources[i],
					secret_of(jobs[i]->checker, now_ns));
		hashes_run(&h, source_lens[k], NOISE_KEY_LEN);
	}
}

static const struct message_macs *
macs_of(const struct cookie_job *job)
{
	return (const void *)((const uint8_t *)job->msg + macs_offset(job->len));
}

static void
check_mac2(struct cookie_job **jobs, unsigned n, uint64_t now_ns)
{
	const struct cookie_job *const *all = (const struct cookie_job *const *)jobs;
	uint8_t cookies[COOKIE_BATCH][COOKIE_LEN], macs[COOKIE_BATCH][COOKIE_LEN];

	cookies_of_all(cookies, all, n, now_ns);
	mac2_of_all(macs, all, (const uint8_t(*)[COOKIE_LEN])cookies, n);
	for (unsigned i = 0; i < n; i++)
		if (crypto_equal(macs[i], macs_of(jobs[i])->mac2, COOKIE_LEN))
			jobs[i]->verdict = COOKIE_MAC2_VALID;
	crypto_wipe(cookies, sizeof(cookies));
	crypto_wipe(macs, sizeof(macs));
}

void
cookie_check(struct cookie_job **jobs, unsigned n, uint64_t now_ns, bool want_mac2)
{
	static const uint8_t none[COOKIE_LEN];
	struct cookie_job *with_mac2[COOKIE_BATCH];
	uint8_t macs[COOKIE_BATCH][COOKIE_LEN];
	unsigned n_with = 0;

	mac1_of_all(macs, (const struct cookie_job *const *)jobs, n);
	for (unsigned i = 0; i < n; i++) {
		jobs[i]->verdict = COOKIE_MAC1_INVALID;
		if (!crypto_equal(macs[i], macs_of(jobs[i])->mac1, COOKIE_LEN))
			continue;
		jobs[i]->verdict = COOKIE_MAC1_VALID;
		if (want_mac2 && !crypto_equal(macs_of(jobs[i])->mac2, none, COOKIE_LEN))
			with_mac2[n_with++] = jobs[i];
	}
	check_mac2(with_mac2, n_with, now_ns);
	crypto_wipe(macs, sizeof(macs));
}

void
cookie_create_replies(const struct cookie_job *const *jobs, unsigned n, uint64_t now_ns,
	struct message_cookie_reply *out)
{
	uint8_t cookies[COOKIE_BATCH][COOKIE_LEN], nonces[COOKIE_BATCH][COOKIE_NONCE_LEN];

	cookies_of_all(cookies, jobs, n, now_ns);
	crypto_random(nonces, n * sizeof(nonces[0])); /* one system call for all */
	for (unsigned i = 0; i < n; i++) {
		out[i].type_le = htole32(MESSAGE_COOKIE_REPLY);
		/* The sender's index stands behind the type, in both kinds of message. */
		memcpy(&out[i].receiver_index_le,
			(const uint8_t *)jobs[i]->msg + sizeof(out[i].type_le),
			sizeof(out[i].receiver_index_le));
		memcpy(out[i].nonce, nonces[i], sizeof(out[i].nonce));
		xaead_seal(out[i].encrypted_cookie, cookies[i], COOKIE_LEN, macs_of(jobs[i])->mac1,
			COOKIE_LEN, nonces[i], jobs[i]->checker->reply_key);
	}
	crypto_wipe(cookies, sizeof(cookies));
}

/* ---- our own ---------------------------------------------------------------------------- */

void
cookie_peer_init(struct cookie_peer *p, const uint8_t remote_public[NOISE_KEY_LEN])
{
	memset(p, 0, sizeof(*p));
	label_key(p->mac1_key, label_mac1, remote_public);
	label_key(p->reply_key, label_cookie, remote_public);
}

void
cookie_peer_fini(struct cookie_peer *p)
{
	crypto_wipe(p, sizeof(*p));
}

void
cookie_add_macs(struct cookie_peer *p, void *msg, size_t len, uint64_t now_ns)
{
	uint8_t *macs = (uint8_t *)msg + macs_offset(len);

	mac1_of(macs, msg, len, p->mac1_key);
	memcpy(p->last_mac1, macs, COOKIE_LEN);
	p->awaits_reply = true;

	if (p->cookie_born_ns != 0 && now_ns - p->cookie_born_ns >= COOKIE_USE_MAX_AGE_NS) {
		crypto_wipe(p->cookie, sizeof(p->cookie));
		p->cookie_born_ns = 0;
	}
	if (p->cookie_born_ns != 0)
		mac2_of(macs + COOKIE_LEN, msg, len, p->cookie);
	else
		memset(macs + COOKIE_LEN, 0, COOKIE_LEN);
}

bool
cookie_consume_reply(struct cookie_peer *p, const struct message_cookie_reply *msg, uint64_t now_ns)
{
	uint8_t cookie[COOKIE_LEN];
	bool good;

	if (!p->awaits_reply)
		return false;
	good = xaead_open(cookie, msg->encrypted_cookie, sizeof(msg->encrypted_cookie),
		p->last_mac1, COOKIE_LEN, msg->nonce, p->reply_key);
	if (good) {
		memcpy(p->cookie, cookie, COOKIE_LEN);
		p->cookie_born_ns = now_ns;
		p->awaits_reply = false;
	}
	crypto_wipe(cookie, sizeof(cookie));
	return good;
}
