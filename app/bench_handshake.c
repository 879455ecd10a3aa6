/* SPDX-License-Identifier: BSD-3-Clause */
/* wgdp-bench crypto: the primitives of handshakes, beside OpenSSL and libsodium. */
#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "app/bench.h"
#include "app/bench_crypto.h"
#include "crypto_accel/crypto_accel.h"

#define ROUNDS 9
#define SAMPLES_A_ROUND 15
#define SAMPLES (ROUNDS * SAMPLES_A_ROUND)
#define LANES 8 /* of X25519 */
#define BLAKE2S_LANES 16

static uint8_t scalars[LANES][32], points[LANES][32], outs[LANES][32];
static uint8_t block[64], digest[32], blocks[BLAKE2S_LANES][64];
static EVP_PKEY *private_keys[LANES], *public_keys[LANES];
static EVP_MD_CTX *md_ctx;
static EVP_MD *md;

static void
ours_one(void)
{
	(void)x25519(outs[0], scalars[0], points[0]);
}

static void
ours_batch(void)
{
	bool ok[LANES];

	x25519_batch(outs, (const uint8_t(*)[32])scalars, (const uint8_t(*)[32])points, ok, LANES);
}

static void
ours_base_one(void)
{
	x25519_base(outs[0], scalars[0]);
}

static void
ours_base_batch(void)
{
	bool ok[LANES];

	x25519_batch(outs, (const uint8_t(*)[32])scalars, NULL, ok, LANES);
}

static void
sodium_one(void)
{
	if (crypto_scalarmult_curve25519(outs[0], scalars[0], points[0]) != 0)
		memset(outs[0], 0, sizeof(outs[0]));
}

static void
sodium_base_one(void)
{
	(void)crypto_scalarmult_curve25519_base(outs[0], scalars[0]);
}

static void
openssl_one(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(private_keys[0], NULL);
	size_t len = 32;

	EVP_PKEY_derive_init(ctx);
	EVP_PKEY_derive_set_peer(ctx, public_keys[0]);
	EVP_PKEY_derive(ctx, outs[0], &len);
	EVP_PKEY_CTX_free(ctx);
}

static void
openssl_base_one(void)
{
	EVP_PKEY_free(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalars[0], 32));
}

static void
ours_blake2s(void)
{
	blake2s(digest, sizeof(digest), block, sizeof(block), NULL, 0);
}

static void
ours_blake2s_batch(void)
{
	static uint8_t digests[BLAKE2S_LANES][32];
	static uint8_t *outs16[BLAKE2S_LANES];
	static const uint8_t *ins[BLAKE2S_LANES];

	for (unsigned i = 0; i < BLAKE2S_LANES; i++) {
		outs16[i] = digests[i];
		ins[i] = blocks[i];
	}
	blake2s_batch(outs16, 32, ins, sizeof(block), NULL, 0, BLAKE2S_LANES);
}

static void
openssl_blake2s(void)
{
	EVP_DigestInit_ex2(md_ctx, md, NULL);
	EVP_DigestUpdate(md_ctx, block, sizeof(block));
	EVP_DigestFinal_ex(md_ctx, digest, NULL);
}

struct part {
	const char *bench, *impl, *op;
	unsigned size, burst, repeat; /* repeat: calls a sample */
	void (*run)(void);
	double cycles[SAMPLES];
};

static struct part parts[] = {
	{"x25519", "auto", "mul", 32, 1, 1, ours_one, {0}},
	{"x25519", "auto", "mul", 32, LANES, 1, ours_batch, {0}},
	{"x25519", "libsodium", "mul", 32, 1, 1, sodium_one, {0}},
	{"x25519", "openssl", "mul", 32, 1, 1, openssl_one, {0}},
	{"x25519_base", "auto", "mul", 32, 1, 1, ours_base_one, {0}},
	{"x25519_base", "auto", "mul", 32, LANES, 1, ours_base_batch, {0}},
	{"x25519_base", "libsodium", "mul", 32, 1, 1, sodium_base_one, {0}},
	{"x25519_base", "openssl", "mul", 32, 1, 1, openssl_base_one, {0}},
	{"blake2s", "auto", "hash", 64, 1, 64, ours_blake2s, {0}},
	{"blake2s", "auto", "hash", 64, BLAKE2S_LANES, 4, ours_blake2s_batch, {0}},
	{"blake2s", "openssl", "hash", 64, 1, 64, openssl_blake2s, {0}},
};
#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

static bool
make_inputs(void)
{
	crypto_random(scalars, sizeof(scalars));
	crypto_random(block, sizeof(block));
	for (unsigned i = 0; i < LANES; i++) {
		uint8_t secret[32];

		crypto_random(secret, sizeof(secret));
		x25519_base(points[i], secret);
		private_keys[i] =
			EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalars[i], 32);
		public_keys[i] = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, points[i], 32);
		if (private_keys[i] == NULL || public_keys[i] == NULL)
			return false;
	}
	md_ctx = EVP_MD_CTX_new();
	md = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	return md_ctx != NULL && md != NULL;
}

int
bench_handshake_parts(
	const struct bench_crypto_args *args, bool (*wanted)(const char *list, const char *name))
{
	bool inputs = make_inputs();

	for (unsigned round = 0; inputs && round < ROUNDS; round++) {
		for (unsigned i = 0; i < N_PARTS; i++) {
			struct part *p = &parts[i];

			if (!wanted(args->benches, p->bench) || !wanted(args->impls, p->impl))
				continue;
			p->run();
			for (unsigned s = 0; s < SAMPLES_A_ROUND; s++) {
				uint64_t start = bench_tsc();

				for (unsigned k = 0; k < p->repeat; k++)
					p->run();
				p->cycles[round * SAMPLES_A_ROUND + s] =
					(double)(bench_tsc() - start) / (p->repeat * p->burst);
			}
		}
	}
	for (unsigned i = 0; inputs && i < N_PARTS; i++) {
		struct part *p = &parts[i];
		struct bench_result r = {.bench = p->bench,
			.impl = p->impl,
			.op = p->op,
			.size = p->size,
			.burst = p->burst,
			.workers = 1};

		if (!wanted(args->benches, p->bench) || !wanted(args->impls, p->impl))
			continue;
		bench_percentiles(&r, p->cycles, SAMPLES);
		bench_print(&r);
	}
	for (unsigned i = 0; i < LANES; i++) {
		EVP_PKEY_free(private_keys[i]);
		EVP_PKEY_free(public_keys[i]);
	}
	EVP_MD_free(md);
	EVP_MD_CTX_free(md_ctx);
	return inputs ? 0 : 1;
}
