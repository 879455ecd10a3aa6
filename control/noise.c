/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/noise.h"

#include <endian.h>
#include <string.h>

#include "control/noise_step.h"
#include "crypto_accel/crypto_accel.h"

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/*
 * Timestamps are rounded down to this, so that they give away little about
 * the clock; it is the largest power of two that still lets a peer make an
 * initiation every 20 ms. The same as in Linux and wireguard-go.
 */
#define TIMESTAMP_STEP_NS (1U << 24)
/* The TAI64 label of the Unix epoch, with the 10 s that TAI was ahead then. */
#define TAI64_EPOCH 0x400000000000000aULL

const char *
noise_verdict_name(enum noise_verdict v)
{
	switch (v) {
	case NOISE_OK:
		return "ok";
	case NOISE_NO_IDENTITY:
		return "no private key";
	case NOISE_OWN_KEY:
		return "own public key";
	case NOISE_LOW_ORDER:
		return "low-order key";
	case NOISE_BAD_SEAL:
		return "failed authentication";
	case NOISE_WRONG_PEER:
		return "another peer's initiation";
	case NOISE_REPLAYED:
		return "replayed timestamp";
	case NOISE_TOO_SOON:
		return "too many initiations";
	case NOISE_NOT_REQUESTED:
		return "response to nothing pending";
	}
	return "unknown verdict";
}

/* ---- the symmetric state ------------------------------------------------ */

static void
mix_hash(struct noise_symmetric *s, const void *data, size_t len)
{
	struct blake2s_state b;

	blake2s_init(&b, NOISE_HASH_LEN, NULL, 0);
	blake2s_update(&b, s->hash, sizeof(s->hash));
	blake2s_update(&b, data, len);
	blake2s_final(&b, s->hash);
}

/* key NULL: only the chaining key moves on. */
static void
mix_key(struct noise_symmetric *s, uint8_t *key, const uint8_t input[NOISE_KEY_LEN])
{
	blake2s_kdf(s->chaining_key, key, NULL, s->chaining_key, input, NOISE_KEY_LEN);
}

/* With a psk in the pattern, an ephemeral enters the chaining key too. */
static void
mix_ephemeral(struct noise_symmetric *s, const uint8_t public_key[NOISE_KEY_LEN])
{
	mix_hash(s, public_key, NOISE_KEY_LEN);
	mix_key(s, NULL, public_key);
}

static void
seal_and_hash(struct noise_symmetric *s, uint8_t *out, const uint8_t *text, size_t len,
	const uint8_t key[NOISE_KEY_LEN])
{
	aead_seal_one(out, text, len, s->hash, sizeof(s->hash), 0, key);
	mix_hash(s, out, len + NOISE_TAG_LEN);
}

/* len is that of the text, without the tag. */
static bool
open_and_hash(struct noise_symmetric *s, uint8_t *text, const uint8_t *sealed, size_t len,
	const uint8_t key[NOISE_KEY_LEN])
{
	if (!aead_open_one(text, sealed, len + NOISE_TAG_LEN, s->hash, sizeof(s->hash), 0, key))
		return false;
	mix_hash(s, sealed, len + NOISE_TAG_LEN);
	return true;
}

/* ---- keys --------------------------------------------------------------- */

void
noise_identity_init(struct noise_identity *id)
{
	memset(id, 0, sizeof(*id));
	id->generation = 1;
	blake2s(id->protocol.chaining_key, NOISE_HASH_LEN, construction, sizeof(construction) - 1,
		NULL, 0);
	memcpy(id->protocol.hash, id->protocol.chaining_key, NOISE_HASH_LEN);
	mix_hash(&id->protocol, identifier, sizeof(identifier) - 1);
}

void
noise_identity_set(struct noise_identity *id, const uint8_t private_key[NOISE_KEY_LEN])
{
	if (++id->generation == 0)
		id->generation = 1; /* 0 says "never computed" in peers */
	crypto_wipe(id->static_private, sizeof(id->static_private));
	memset(id->static_public, 0, sizeof(id->static_public));
	id->has_private = private_key != NULL;
	if (private_key == NULL)
		return;
	memcpy(id->static_private, private_key, NOISE_KEY_LEN);
	id->static_private[0] &= 248;
	id->static_private[31] = (id->static_private[31] & 127) | 64;
	x25519_base(id->static_public, id->static_private);
	id->responder = id->protocol;
	mix_hash(&id->responder, id->static_public, NOISE_KEY_LEN);
}

void
noise_identity_fini(struct noise_identity *id)
{
	crypto_wipe(id, sizeof(*id));
}

void
noise_peer_init(
	struct noise_peer *peer, const uint8_t remote_static[NOISE_KEY_LEN], const uint8_t *psk)
{
	memset(peer, 0, sizeof(*peer));
	memcpy(peer->remote_static, remote_static, NOISE_KEY_LEN);
	noise_peer_set_psk(peer, psk);
}

void
noise_peer_set_psk(struct noise_peer *peer, const uint8_t *psk)
{
	if (psk != NULL)
		memcpy(peer->preshared_key, psk, NOISE_KEY_LEN);
	else
		crypto_wipe(peer->preshared_key, NOISE_KEY_LEN);
}

void
noise_peer_clear_handshake(struct noise_peer *peer)
{
	crypto_wipe(&peer->handshake, sizeof(peer->handshake));
}

void
noise_peer_fini(struct noise_peer *peer)
{
	crypto_wipe(peer, sizeof(*peer));
}

/* Keeps out who must never have a session; else static_static is ready for use. */
static enum noise_verdict
prepare_static_static(const struct noise_identity *id, struct noise_peer *peer)
{
	if (!id->has_private)
		return NOISE_NO_IDENTITY;
	if (crypto_equal(id->static_public, peer->remote_static, NOISE_KEY_LEN))
		return NOISE_OWN_KEY;
	if (peer->static_static_generation != id->generation) {
		peer->static_static_usable =
			x25519(peer->static_static, id->static_private, peer->remote_static);
		peer->static_static_generation = id->generation;
	}
	return peer->static_static_usable ? NOISE_OK : NOISE_LOW_ORDER;
}

/* ---- multiplications that are done together ------------------------------ */

struct dh_batch {
	unsigned n;
	uint8_t scalar[2 * NOISE_BATCH][NOISE_KEY_LEN];
	uint8_t point[2 * NOISE_BATCH][NOISE_KEY_LEN];
	uint8_t secret[2 * NOISE_BATCH][NOISE_KEY_LEN];
	bool usable[2 * NOISE_BATCH]; /* false: low order */
};

/* Returns where the secret will be. */
static unsigned
dh_add(struct dh_batch *b, const uint8_t scalar[NOISE_KEY_LEN], const uint8_t point[NOISE_KEY_LEN])
{
	memcpy(b->scalar[b->n], scalar, NOISE_KEY_LEN);
	memcpy(b->point[b->n], point, NOISE_KEY_LEN);
	return b->n++;
}

static void
dh_run(struct dh_batch *b)
{
	x25519_batch(b->secret, (const uint8_t(*)[NOISE_KEY_LEN])b->scalar,
		(const uint8_t(*)[NOISE_KEY_LEN])b->point, b->usable, b->n);
}

static void
dh_wipe(struct dh_batch *b)
{
	crypto_wipe(b->scalar, b->n * sizeof(b->scalar[0]));
	crypto_wipe(b->secret, b->n * sizeof(b->secret[0]));
}

/* ---- responses in step ------------------------------------------------------ */

/* A response up to its seal, for which the keys are then there. */
struct response_step {
	struct noise_step t;
	const uint8_t *ephemeral[NOISE_BATCH], *ee[NOISE_BATCH], *se[NOISE_BATCH];
	const uint8_t *psk[NOISE_BATCH];
};

/* e, ee, se, psk */
static void
mix_responses(struct response_step *r)
{
	noise_step_mix_ephemerals(&r->t, r->ephemeral);
	noise_step_mix_keys(&r->t, false, r->ee);
	noise_step_mix_keys(&r->t, false, r->se);
	noise_step_mix_psks(&r->t, r->psk);
}

/* ---- timestamps --------------------------------------------------------- */

static void
timestamp_store(uint8_t out[TAI64N_LEN], uint64_t seconds, uint32_t ns)
{
	uint64_t seconds_be = htobe64(seconds);
	uint32_t ns_be = htobe32(ns);

	memcpy(out, &seconds_be, sizeof(seconds_be));
	memcpy(out + sizeof(seconds_be), &ns_be, sizeof(ns_be));
}

/*
 * The clock may have been set back, or two initiations fall into one step of
 * the whitened clock: the peer would refuse what is not greater, so go on
 * from the last one sent.
 */
static void
timestamp_next(uint8_t out[TAI64N_LEN], const uint8_t last[TAI64N_LEN], uint64_t wall_ns)
{
	uint64_t seconds;
	uint32_t ns = wall_ns % NS_PER_SEC;

	timestamp_store(out, TAI64_EPOCH + wall_ns / NS_PER_SEC, ns - ns % TIMESTAMP_STEP_NS);
	if (memcmp(out, last, TAI64N_LEN) > 0)
		return;
	memcpy(&seconds, last, sizeof(seconds));
	memcpy(&ns, last + sizeof(seconds), sizeof(ns));
	seconds = be64toh(seconds);
	ns = be32toh(ns) + TIMESTAMP_STEP_NS;
	if (ns >= NS_PER_SEC) {
		ns = 0;
		seconds++;
	}
	timestamp_store(out, seconds, ns);
}

/* ---- initiation: e, es, s, ss, {t} --------------------------------------- */

enum noise_verdict
noise_create_initiation(const struct noise_identity *id, struct noise_peer *peer,
	uint32_t local_index, uint64_t wall_ns, struct message_initiation *out)
{
	struct noise_handshake hs = {.pending = true, .local_index = local_index};
	uint8_t dh[NOISE_KEY_LEN] = {0}, key[NOISE_KEY_LEN] = {0}, timestamp[TAI64N_LEN];
	enum noise_verdict v = prepare_static_static(id, peer);

	if (v != NOISE_OK)
		return v;
	memset(out, 0, sizeof(*out));
	hs.generation = id->generation;
	hs.symmetric = id->protocol;
	mix_hash(&hs.symmetric, peer->remote_static, NOISE_KEY_LEN);

	/* e */
	crypto_random(hs.ephemeral_private, NOISE_KEY_LEN);
	x25519_base(out->ephemeral, hs.ephemeral_private);
	mix_ephemeral(&hs.symmetric, out->ephemeral);

	/* es */
	v = NOISE_LOW_ORDER;
	if (!x25519(dh, hs.ephemeral_private, peer->remote_static))
		goto out;
	mix_key(&hs.symmetric, key, dh);

	/* s */
	seal_and_hash(&hs.symmetric, out->encrypted_static, id->static_public, NOISE_KEY_LEN, key);

	/* ss */
	mix_key(&hs.symmetric, key, peer->static_static);

	/* {t} */
	timestamp_next(timestamp, peer->last_sent, wall_ns);
	seal_and_hash(&hs.symmetric, out->encrypted_timestamp, timestamp, TAI64N_LEN, key);

	out->type_le = htole32(MESSAGE_INITIATION);
	out->sender_index_le = htole32(local_index);
	memcpy(peer->last_sent, timestamp, TAI64N_LEN);
	peer->handshake = hs;
	v = NOISE_OK;
out:
	crypto_wipe(&hs, sizeof(hs));
	crypto_wipe(dh, sizeof(dh));
	crypto_wipe(key, sizeof(key));
	return v;
}

/* Everything of step one after its only multiplication, es: e, es, s. */
static void
open_statics(struct noise_initiation_job *const *jobs, const uint8_t *const *es, unsigned n)
{
	const uint8_t *ephemeral[NOISE_BATCH], *sealed[NOISE_BATCH];
	struct noise_step t;

	t.n = 0;
	for (unsigned i = 0; i < n; i++) {
		struct noise_initiation *in = &jobs[i]->in;

		in->symmetric = jobs[i]->id->responder;
		in->remote_index = le32toh(jobs[i]->msg->sender_index_le);
		memcpy(in->remote_ephemeral, jobs[i]->msg->ephemeral, NOISE_KEY_LEN);
		ephemeral[i] = jobs[i]->msg->ephemeral;
		sealed[i] = jobs[i]->msg->encrypted_static;
		noise_step_add(&t, &in->symmetric);
	}
	noise_step_mix_ephemerals(&t, ephemeral);
	noise_step_mix_keys(&t, true, es);
	for (unsigned i = 0; i < n; i++) {
		struct noise_initiation_job *j = jobs[i];

		if (!aead_open_one(j->in.remote_static, sealed[i], NOISE_KEY_LEN + NOISE_TAG_LEN,
			    t.hash[i], NOISE_HASH_LEN, 0, t.key[i]))
			j->verdict = NOISE_BAD_SEAL;
		else if (crypto_equal(j->in.remote_static, j->id->static_public, NOISE_KEY_LEN))
			j->verdict = NOISE_OWN_KEY;
	}
	noise_step_mix_hashes(&t, sealed, NOISE_KEY_LEN + NOISE_TAG_LEN);
	noise_step_end(&t);
}

void
noise_consume_initiations(struct noise_initiation_job *jobs, unsigned n)
{
	struct noise_initiation_job *usable[NOISE_BATCH];
	const uint8_t *secret[NOISE_BATCH];
	unsigned es[NOISE_BATCH], n_usable = 0;
	struct dh_batch dh;

	dh.n = 0;
	for (unsigned i = 0; i < n; i++) {
		jobs[i].verdict = jobs[i].id->has_private ? NOISE_OK : NOISE_NO_IDENTITY;
		if (jobs[i].verdict == NOISE_OK)
			es[i] = dh_add(&dh, jobs[i].id->static_private, jobs[i].msg->ephemeral);
	}
	dh_run(&dh);
	for (unsigned i = 0; i < n; i++) {
		struct noise_initiation_job *j = &jobs[i];

		if (j->verdict == NOISE_OK && !dh.usable[es[i]])
			j->verdict = NOISE_LOW_ORDER;
		if (j->verdict != NOISE_OK)
			continue;
		secret[n_usable] = dh.secret[es[i]];
		usable[n_usable++] = j;
	}
	open_statics(usable, secret, n_usable);
	for (unsigned i = 0; i < n; i++)
		if (jobs[i].verdict != NOISE_OK)
			crypto_wipe(&jobs[i].in, sizeof(jobs[i].in));
	dh_wipe(&dh);
}

enum noise_verdict
noise_consume_initiation(const struct noise_identity *id, const struct message_initiation *msg,
	struct noise_initiation *in)
{
	struct noise_initiation_job job = {.id = id, .msg = msg};
	enum noise_verdict v;

	noise_consume_initiations(&job, 1);
	v = job.verdict;
	*in = job.in;
	crypto_wipe(&job, sizeof(job));
	return v;
}

void
noise_prepare_peers(struct noise_initiation_job *jobs, unsigned n)
{
	struct dh_batch dh;
	unsigned ss[NOISE_BATCH], missing[NOISE_BATCH], n_missing = 0;

	dh.n = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct noise_initiation_job *j = &jobs[i];

		if (j->verdict != NOISE_OK ||
			j->peer->static_static_generation == j->id->generation)
			continue;
		ss[n_missing] = dh_add(&dh, j->id->static_private, j->peer->remote_static);
		missing[n_missing++] = i;
	}
	dh_run(&dh);
	for (unsigned k = 0; k < n_missing; k++) {
		struct noise_peer *peer = jobs[missing[k]].peer;

		memcpy(peer->static_static, dh.secret[ss[k]], NOISE_KEY_LEN);
		peer->static_static_usable = dh.usable[ss[k]];
		peer->static_static_generation = jobs[missing[k]].id->generation;
	}
	dh_wipe(&dh);
}

enum noise_verdict
noise_accept_initiation(const struct noise_identity *id, struct noise_peer *peer,
	const struct message_initiation *msg, struct noise_initiation *in, uint64_t now_ns)
{
	uint8_t key[NOISE_KEY_LEN] = {0}, timestamp[TAI64N_LEN];
	enum noise_verdict v = NOISE_WRONG_PEER;

	if (!crypto_equal(in->remote_static, peer->remote_static, NOISE_KEY_LEN))
		goto out;

	/* ss */
	v = prepare_static_static(id, peer);
	if (v != NOISE_OK)
		goto out;
	mix_key(&in->symmetric, key, peer->static_static);

	/* {t} */
	v = NOISE_BAD_SEAL;
	if (!open_and_hash(&in->symmetric, timestamp, msg->encrypted_timestamp, TAI64N_LEN, key))
		goto out;
	v = NOISE_REPLAYED;
	if (memcmp(timestamp, peer->last_received, TAI64N_LEN) <= 0)
		goto out;
	v = NOISE_TOO_SOON;
	if (peer->last_initiation_ns != 0 &&
		now_ns < peer->last_initiation_ns + INITIATION_INTERVAL_MIN_NS)
		goto out;

	memcpy(peer->last_received, timestamp, TAI64N_LEN);
	peer->last_initiation_ns = now_ns;
	v = NOISE_OK;
out:
	if (v != NOISE_OK)
		crypto_wipe(in, sizeof(*in));
	crypto_wipe(key, sizeof(key));
	return v;
}

/* ---- response: e, ee, se, psk, {} ---------------------------------------- */

/* All of it that comes after the multiplications, {} too: seal nothing. */
static void
seal_responses(struct noise_initiation_job *const *jobs, struct response_step *r)
{
	uint8_t *receive[NOISE_BATCH], *send[NOISE_BATCH];
	const uint8_t *sealed[NOISE_BATCH];

	mix_responses(r);
	for (unsigned i = 0; i < r->t.n; i++) {
		struct noise_initiation_job *j = jobs[i];
		struct message_response *out = &j->response;

		aead_seal_one(out->encrypted_nothing, (const uint8_t *)"", 0, r->t.hash[i],
			NOISE_HASH_LEN, 0, r->t.key[i]);
		out->type_le = htole32(MESSAGE_RESPONSE);
		out->sender_index_le = htole32(j->local_index);
		out->receiver_index_le = htole32(j->in.remote_index);
		sealed[i] = out->encrypted_nothing;
		receive[i] = j->keys.receive;
		send[i] = j->keys.send;
	}
	noise_step_mix_hashes(&r->t, sealed, NOISE_TAG_LEN);
	noise_step_derive_keys(&r->t, receive, send);
	noise_step_end(&r->t);
}

void
noise_create_responses(struct noise_initiation_job *jobs, unsigned n)
{
	uint8_t ephemeral[NOISE_BATCH][NOISE_KEY_LEN], public[NOISE_BATCH][NOISE_KEY_LEN];
	struct noise_initiation_job *usable_jobs[NOISE_BATCH];
	struct response_step r;
	struct dh_batch dh;
	bool usable[NOISE_BATCH];
	unsigned ee[NOISE_BATCH], se[NOISE_BATCH];

	dh.n = 0;
	crypto_random(ephemeral, n * sizeof(ephemeral[0]));
	x25519_batch(public, (const uint8_t(*)[NOISE_KEY_LEN])ephemeral, NULL, usable, n);
	for (unsigned i = 0; i < n; i++) {
		if (jobs[i].verdict != NOISE_OK)
			continue;
		ee[i] = dh_add(&dh, ephemeral[i], jobs[i].in.remote_ephemeral);
		se[i] = dh_add(&dh, ephemeral[i], jobs[i].in.remote_static);
	}
	dh_run(&dh);
	r.t.n = 0;
	for (unsigned i = 0; i < n; i++) {
		struct noise_initiation_job *j = &jobs[i];
		unsigned at;

		if (j->verdict == NOISE_OK && !(dh.usable[ee[i]] && dh.usable[se[i]]))
			j->verdict = NOISE_LOW_ORDER;
		if (j->verdict != NOISE_OK)
			continue;
		memset(&j->response, 0, sizeof(j->response));
		memcpy(j->response.ephemeral, public[i], NOISE_KEY_LEN);
		at = noise_step_add(&r.t, &j->in.symmetric);
		usable_jobs[at] = j;
		r.ephemeral[at] = j->response.ephemeral;
		r.ee[at] = dh.secret[ee[i]];
		r.se[at] = dh.secret[se[i]];
		r.psk[at] = j->peer->preshared_key;
	}
	seal_responses(usable_jobs, &r);
	for (unsigned i = 0; i < n; i++)
		crypto_wipe(&jobs[i].in, sizeof(jobs[i].in));
	dh_wipe(&dh);
	crypto_wipe(ephemeral, n * sizeof(ephemeral[0]));
}

enum noise_verdict
noise_create_response(struct noise_peer *peer, struct noise_initiation *in, uint32_t local_index,
	struct message_response *out, struct noise_keys *keys)
{
	struct noise_initiation_job job = {
		.verdict = NOISE_OK, .in = *in, .peer = peer, .local_index = local_index};
	enum noise_verdict v;

	noise_create_responses(&job, 1);
	*out = job.response;
	*keys = job.keys;
	v = job.verdict;
	crypto_wipe(in, sizeof(*in));
	crypto_wipe(&job, sizeof(job));
	return v;
}

/* All of it that comes after the multiplications. Leaves the peer as it is. */
static enum noise_verdict
open_response(struct noise_peer *peer, const struct message_response *msg,
	const uint8_t ee[NOISE_KEY_LEN], const uint8_t se[NOISE_KEY_LEN], struct noise_keys *keys)
{
	struct noise_symmetric s = peer->handshake.symmetric;
	struct response_step r = {.ephemeral = {msg->ephemeral},
		.ee = {ee},
		.se = {se},
		.psk = {peer->preshared_key}};
	uint8_t nothing[NOISE_TAG_LEN]; /* receives no byte */
	uint8_t *send = keys->send, *receive = keys->receive;
	enum noise_verdict v = NOISE_BAD_SEAL;

	noise_step_add(&r.t, &s);
	mix_responses(&r);

	/* {} */
	if (!open_and_hash(&s, nothing, msg->encrypted_nothing, 0, r.t.key[0]))
		goto out;
	noise_step_derive_keys(&r.t, &send, &receive);
	v = NOISE_OK;
out:
	crypto_wipe(&s, sizeof(s));
	noise_step_end(&r.t);
	return v;
}

static bool
awaits(const struct noise_response_job *j)
{
	const struct noise_handshake *hs = &j->peer->handshake;

	return j->id->has_private && hs->pending && hs->generation == j->id->generation &&
	       hs->local_index == le32toh(j->msg->receiver_index_le);
}

void
noise_consume_responses(struct noise_response_job *jobs, unsigned n)
{
	struct dh_batch dh;
	unsigned ee[NOISE_BATCH], se[NOISE_BATCH];

	dh.n = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct noise_response_job *j = &jobs[i];

		jobs[i].verdict = awaits(j) ? NOISE_OK : NOISE_NOT_REQUESTED;
		if (jobs[i].verdict != NOISE_OK)
			continue;
		ee[i] = dh_add(&dh, j->peer->handshake.ephemeral_private, j->msg->ephemeral);
		se[i] = dh_add(&dh, j->id->static_private, j->msg->ephemeral);
	}
	dh_run(&dh);
	for (unsigned i = 0; i < n; i++) {
		struct noise_response_job *j = &jobs[i];

		if (j->verdict == NOISE_OK && !awaits(j)) /* an earlier one of the batch was good */
			j->verdict = NOISE_NOT_REQUESTED;
		if (j->verdict == NOISE_OK && !(dh.usable[ee[i]] && dh.usable[se[i]]))
			j->verdict = NOISE_LOW_ORDER;
		if (j->verdict == NOISE_OK)
			j->verdict = open_response(
				j->peer, j->msg, dh.secret[ee[i]], dh.secret[se[i]], &j->keys);
		if (j->verdict != NOISE_OK)
			continue;
		j->remote_index = le32toh(j->msg->sender_index_le);
		noise_peer_clear_handshake(j->peer);
	}
	dh_wipe(&dh);
}

enum noise_verdict
noise_consume_response(const struct noise_identity *id, struct noise_peer *peer,
	const struct message_response *msg, struct noise_keys *keys, uint32_t *remote_index)
{
	struct noise_response_job job = {.id = id, .peer = peer, .msg = msg};
	enum noise_verdict v;

	noise_consume_responses(&job, 1);
	v = job.verdict;
	if (v == NOISE_OK) {
		*keys = job.keys;
		*remote_index = job.remote_index;
	}
	crypto_wipe(&job.keys, sizeof(job.keys));
	return v;
}
