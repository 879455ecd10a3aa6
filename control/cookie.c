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

/*
 * A function of the secret and the source, so that nothing is remembered a
 * source. Port and address: behind one NAT others must not share it.
 */
static void
make_cookie(uint8_t out[COOKIE_LEN], struct cookie_checker *c, const struct ip_endpoint *source,
	uint64_t now_ns)
{
	uint8_t in[sizeof(source->addr.bytes) + sizeof(uint16_t)];
	size_t len = source->addr.family == IP_V4 ? 4 : 16;

	if (c->secret_born_ns == 0 || now_ns - c->secret_born_ns >= COOKIE_SECRET_MAX_AGE_NS) {
		crypto_random(c->secret, sizeof(c->secret));
		c->secret_born_ns = now_ns;
	}
	memcpy(in, source->addr.bytes, len);
	in[len] = source->port >> 8;
	in[len + 1] = source->port & 0xff;
	blake2s(out, COOKIE_LEN, in, len + 2, c->secret, sizeof(c->secret));
}

enum cookie_verdict
cookie_check(struct cookie_checker *c, const void *msg, size_t len,
	const struct ip_endpoint *source, uint64_t now_ns, bool want_mac2)
{
	const uint8_t *macs = (const uint8_t *)msg + macs_offset(len);
	uint8_t cookie[COOKIE_LEN], mac[COOKIE_LEN];
	enum cookie_verdict v = COOKIE_MAC1_VALID;

	mac1_of(mac, msg, len, c->mac1_key);
	if (!crypto_equal(mac, macs, COOKIE_LEN))
		return COOKIE_MAC1_INVALID;
	if (!want_mac2)
		return v;
	make_cookie(cookie, c, source, now_ns);
	mac2_of(mac, msg, len, cookie);
	if (crypto_equal(mac, macs + COOKIE_LEN, COOKIE_LEN))
		v = COOKIE_MAC2_VALID;
	crypto_wipe(cookie, sizeof(cookie));
	crypto_wipe(mac, sizeof(mac));
	return v;
}

void
cookie_create_reply(struct cookie_checker *c, const void *msg, size_t len,
	const struct ip_endpoint *source, uint64_t now_ns, struct message_cookie_reply *out)
{
	const uint8_t *mac1 = (const uint8_t *)msg + macs_offset(len);
	uint8_t cookie[COOKIE_LEN];

	make_cookie(cookie, c, source, now_ns);
	out->type_le = htole32(MESSAGE_COOKIE_REPLY);
	/* The sender's index stands behind the type, in both kinds of message. */
	memcpy(&out->receiver_index_le, (const uint8_t *)msg + sizeof(out->type_le),
		sizeof(out->receiver_index_le));
	crypto_random(out->nonce, sizeof(out->nonce));
	xaead_seal(out->encrypted_cookie, cookie, COOKIE_LEN, mac1, COOKIE_LEN, out->nonce,
		c->reply_key);
	crypto_wipe(cookie, sizeof(cookie));
}

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
