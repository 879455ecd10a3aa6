/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wgdp-bench crypto: all cryptography of a responder's handshake (the paper,
 * section 5.4.2 and 5.4.3: mac1, the initiation, the response and its mac1, the
 * keys), of eight initiations in step. Beside it the same one by one, with
 * libsodium's X25519. Every run opens real initiations, or fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "app/bench.h"
#include "app/bench_crypto.h"
#include "crypto_accel/crypto_accel.h"

#define BATCH 8
#define ROUNDS 9
#define SAMPLES_A_ROUND 7
#define SAMPLES (ROUNDS * SAMPLES_A_ROUND)
#define KEY 32
#define MAC_AT 116 /* of an initiation: what mac1 covers */
#define RESPONSE_MAC_AT 60

/* Columns: element i belongs to handshake i. */
struct column {
	uint8_t v[BATCH][192];
	uint8_t *at[BATCH];
	const uint8_t *in[BATCH];
};

static struct column ck, h, k, t, cat, mac, mac_key, initiation, response, sent, received;
static uint8_t ephemeral[BATCH][KEY], ephemeral_public[BATCH][KEY], dh_out[BATCH][KEY];
static uint8_t static_static[BATCH][KEY]; /* as a gateway caches it */
static uint8_t peer_static[BATCH][KEY], peer_ephemeral[BATCH][KEY];
static uint8_t own_private[BATCH][KEY], own_public[KEY], start_ck[KEY], start_h[KEY];
static uint8_t own_mac_key[KEY], psk[KEY];

/* How the primitives are called: over all handshakes at once, or one by one. */
struct way {
	void (*hash)(uint8_t *const *out, size_t out_len, const uint8_t *const *in, size_t in_len,
		const uint8_t *const *keys, size_t key_len, unsigned n);
	void (*kdf)(uint8_t *const *out1, uint8_t *const *out2, uint8_t *const *out3,
		const uint8_t *const *chaining_keys, const uint8_t *const *in, size_t in_len,
		unsigned n);
	void (*dh)(uint8_t (*out)[KEY], const uint8_t (*scalars)[KEY], const uint8_t (*points)[KEY],
		bool *ok, unsigned n);
};

static void
hash_single(uint8_t *const *out, size_t out_len, const uint8_t *const *in, size_t in_len,
	const uint8_t *const *keys, size_t key_len, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		blake2s(out[i], out_len, in[i], in_len, keys == NULL ? NULL : keys[i], key_len);
}

static void
kdf_single(uint8_t *const *out1, uint8_t *const *out2, uint8_t *const *out3,
	const uint8_t *const *chaining_keys, const uint8_t *const *in, size_t in_len, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		blake2s_kdf(out1[i], out2 == NULL ? NULL : out2[i], out3 == NULL ? NULL : out3[i],
			chaining_keys[i], in == NULL ? NULL : in[i], in_len);
}

static void
dh_single(uint8_t (*out)[KEY], const uint8_t (*scalars)[KEY], const uint8_t (*points)[KEY],
	bool *ok, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (points == NULL)
			ok[i] = crypto_scalarmult_curve25519_base(out[i], scalars[i]) == 0;
		else
			ok[i] = crypto_scalarmult_curve25519(out[i], scalars[i], points[i]) == 0;
	}
}

static const struct way lanes = {blake2s_batch, blake2s_kdf_batch, x25519_batch};
static const struct way single = {hash_single, kdf_single, dh_single};

/* h = HASH(h || data), data being len bytes at offset `at` of each row. */
static void
mix_hash(const struct way *w, const uint8_t *data, size_t stride, size_t len)
{
	for (unsigned i = 0; i < BATCH; i++) {
		memcpy(cat.v[i], h.v[i], KEY);
		memcpy(cat.v[i] + KEY, data + stride * i, len);
	}
	w->hash(h.at, KEY, cat.in, KEY + len, NULL, 0, BATCH);
}

/* The outputs are ck and as many of t and k as asked for. */
static void
mix_key(const struct way *w, const uint8_t *data, size_t stride, size_t len, unsigned outs)
{
	const uint8_t *in[BATCH];

	for (unsigned i = 0; i < BATCH; i++)
		in[i] = data + stride * i;
	w->kdf(ck.at,
		outs == 3   ? t.at
		: outs == 2 ? k.at
			    : NULL,
		outs == 3 ? k.at : NULL, ck.in, in, len, BATCH);
}

static bool
consume(const struct way *w, bool cached)
{
	bool ok[BATCH], good = true;

	w->hash(mac.at, 16, initiation.in, MAC_AT, mac_key.in, KEY, BATCH);
	for (unsigned i = 0; i < BATCH; i++) {
		good &= crypto_equal(mac.v[i], initiation.v[i] + MAC_AT, 16);
		memcpy(ck.v[i], start_ck, KEY);
		memcpy(h.v[i], start_h, KEY);
		memcpy(peer_ephemeral[i], initiation.v[i] + 8, KEY);
	}
	mix_hash(w, peer_ephemeral[0], KEY, KEY);
	mix_key(w, peer_ephemeral[0], KEY, KEY, 1);
	w->dh(dh_out, (const uint8_t(*)[KEY])own_private, (const uint8_t(*)[KEY])peer_ephemeral, ok,
		BATCH);
	mix_key(w, dh_out[0], KEY, KEY, 2);
	for (unsigned i = 0; i < BATCH; i++)
		good &= ok[i] && aead_open_one(peer_static[i], initiation.v[i] + 40, KEY + 16,
					 h.v[i], KEY, 0, k.v[i]);
	mix_hash(w, initiation.v[0] + 40, sizeof(initiation.v[0]), KEY + 16);
	if (!cached)
		w->dh(static_static, (const uint8_t(*)[KEY])own_private,
			(const uint8_t(*)[KEY])peer_static, ok, BATCH);
	mix_key(w, static_static[0], KEY, KEY, 2);
	for (unsigned i = 0; i < BATCH; i++)
		good &= aead_open_one(
			t.v[i], initiation.v[i] + 88, 12 + 16, h.v[i], KEY, 0, k.v[i]);
	mix_hash(w, initiation.v[0] + 88, sizeof(initiation.v[0]), 12 + 16);
	return good;
}

static bool
respond(const struct way *w)
{
	bool ok[BATCH], good = true;

	crypto_random(ephemeral, sizeof(ephemeral));
	w->dh(ephemeral_public, (const uint8_t(*)[KEY])ephemeral, NULL, ok, BATCH);
	mix_key(w, ephemeral_public[0], KEY, KEY, 1);
	mix_hash(w, ephemeral_public[0], KEY, KEY);
	w->dh(dh_out, (const uint8_t(*)[KEY])ephemeral, (const uint8_t(*)[KEY])peer_ephemeral, ok,
		BATCH);
	mix_key(w, dh_out[0], KEY, KEY, 1);
	w->dh(dh_out, (const uint8_t(*)[KEY])ephemeral, (const uint8_t(*)[KEY])peer_static, ok,
		BATCH);
	mix_key(w, dh_out[0], KEY, KEY, 1);
	mix_key(w, psk, 0, KEY, 3);
	mix_hash(w, t.v[0], sizeof(t.v[0]), KEY);
	for (unsigned i = 0; i < BATCH; i++) {
		good &= ok[i];
		aead_seal_one(response.v[i] + 44, NULL, 0, h.v[i], KEY, 0, k.v[i]);
		memcpy(response.v[i] + 12, ephemeral_public[i], KEY);
	}
	mix_hash(w, response.v[0] + 44, sizeof(response.v[0]), 16);
	for (unsigned i = 0; i < BATCH; i++) {
		memcpy(cat.v[i], "mac1----", 8);
		memcpy(cat.v[i] + 8, peer_static[i], KEY);
	}
	w->hash(t.at, KEY, cat.in, 8 + KEY, NULL, 0, BATCH);
	w->hash(mac.at, 16, response.in, RESPONSE_MAC_AT, t.in, KEY, BATCH);
	w->kdf(received.at, sent.at, NULL, ck.in, NULL, 0, BATCH);
	return good;
}

/* The initiator's side, to have something to answer. */
static void
make_initiations(void)
{
	static struct column *all[] = {
		&ck, &h, &k, &t, &cat, &mac, &mac_key, &initiation, &response, &sent, &received};
	static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
	static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
	uint8_t both[2 * KEY], secret[KEY], eph[KEY], shared[KEY], key[KEY], hash[KEY + 48], c[KEY];
	struct blake2s_state s;

	for (unsigned a = 0; a < sizeof(all) / sizeof(all[0]); a++) {
		for (unsigned i = 0; i < BATCH; i++)
			all[a]->in[i] = all[a]->at[i] = all[a]->v[i];
	}
	crypto_random(own_private[0], KEY);
	x25519_base(own_public, own_private[0]);
	blake2s(start_ck, KEY, construction, strlen(construction), NULL, 0);
	blake2s_init(&s, KEY, NULL, 0);
	blake2s_update(&s, start_ck, KEY);
	blake2s_update(&s, identifier, strlen(identifier));
	blake2s_final(&s, both);
	memcpy(both + KEY, own_public, KEY);
	blake2s(start_h, KEY, both, sizeof(both), NULL, 0);
	memcpy(both, "mac1----", 8);
	memcpy(both + 8, own_public, KEY);
	blake2s(own_mac_key, KEY, both, 8 + KEY, NULL, 0);

	for (unsigned i = 0; i < BATCH; i++) {
		uint8_t *m = initiation.v[i];

		memcpy(own_private[i], own_private[0], KEY);
		memcpy(mac_key.v[i], own_mac_key, KEY);
		crypto_random(secret, KEY);
		crypto_random(eph, KEY);
		x25519_base(m + 8, eph);
		memcpy(hash, start_h, KEY);
		memcpy(hash + KEY, m + 8, KEY);
		blake2s(hash, KEY, hash, 2 * KEY, NULL, 0);
		blake2s_kdf(c, NULL, NULL, start_ck, m + 8, KEY);
		(void)x25519(shared, eph, own_public);
		blake2s_kdf(c, key, NULL, c, shared, KEY);
		x25519_base(peer_static[i], secret);
		aead_seal_one(m + 40, peer_static[i], KEY, hash, KEY, 0, key);
		memcpy(hash + KEY, m + 40, KEY + 16);
		blake2s(hash, KEY, hash, KEY + KEY + 16, NULL, 0);
		(void)x25519(static_static[i], secret, own_public);
		blake2s_kdf(c, key, NULL, c, static_static[i], KEY);
		aead_seal_one(m + 88, both, 12, hash, KEY, 0, key);
		blake2s(m + MAC_AT, 16, m, MAC_AT, own_mac_key, KEY);
	}
}

static struct {
	const char *impl, *op;
	const struct way *way;
	bool cached;
	double cycles[SAMPLES];
} runs[] = {
	{"auto", "first", &lanes, false, {0}},
	{"auto", "cached", &lanes, true, {0}},
	{"libsodium", "first", &single, false, {0}},
	{"libsodium", "cached", &single, true, {0}},
};
#define N_RUNS (sizeof(runs) / sizeof(runs[0]))

int
bench_responder(
	const struct bench_crypto_args *args, bool (*wanted)(const char *list, const char *name))
{
	if (!wanted(args->benches, "handshake_responder"))
		return 0;
	make_initiations();
	for (unsigned at = 0; at < SAMPLES; at++) {
		for (unsigned r = 0; r < N_RUNS; r++) {
			uint64_t start = bench_tsc();
			bool good = consume(runs[r].way, runs[r].cached) && respond(runs[r].way);

			runs[r].cycles[at] = (double)(bench_tsc() - start) / BATCH;
			if (!good) {
				fprintf(stderr, "wgdp-bench: %s did not accept an initiation\n",
					runs[r].impl);
				return 1;
			}
		}
	}
	for (unsigned r = 0; r < N_RUNS; r++) {
		struct bench_result result = {.bench = "handshake_responder",
			.impl = runs[r].impl,
			.op = runs[r].op,
			.size = 148,
			.burst = BATCH,
			.peers = BATCH,
			.workers = 1};

		if (!wanted(args->impls, runs[r].impl))
			continue;
		bench_percentiles(&result, runs[r].cycles, SAMPLES);
		bench_print(&result);
	}
	return 0;
}
