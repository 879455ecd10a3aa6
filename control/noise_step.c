/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/noise_step.h"

#include <string.h>

#include "crypto_accel/crypto_accel.h"

unsigned
noise_step_add(struct noise_step *t, struct noise_symmetric *s)
{
	unsigned i = t->n++;

	t->chaining_key[i] = s->chaining_key;
	t->hash[i] = s->hash;
	t->key[i] = t->keys[i];
	return i;
}

void
noise_step_end(struct noise_step *t)
{
	crypto_wipe(t->keys, t->n * sizeof(t->keys[0]));
}

static const uint8_t *const *
chaining_keys(const struct noise_step *t)
{
	return (const uint8_t *const *)t->chaining_key;
}

void
noise_step_mix_hashes(struct noise_step *t, const uint8_t *const *data, size_t len)
{
	uint8_t both[NOISE_BATCH][NOISE_HASH_LEN + NOISE_STEP_MAX];
	const uint8_t *in[NOISE_BATCH];

	for (unsigned i = 0; i < t->n; i++) {
		memcpy(both[i], t->hash[i], NOISE_HASH_LEN);
		memcpy(both[i] + NOISE_HASH_LEN, data[i], len);
		in[i] = both[i];
	}
	blake2s_batch(t->hash, NOISE_HASH_LEN, in, NOISE_HASH_LEN + len, NULL, 0, t->n);
	crypto_wipe(both, t->n * sizeof(both[0]));
}

void
noise_step_mix_keys(struct noise_step *t, bool want, const uint8_t *const *inputs)
{
	blake2s_kdf_batch(t->chaining_key, want ? t->key : NULL, NULL, chaining_keys(t), inputs,
		NOISE_KEY_LEN, t->n);
}

void
noise_step_mix_ephemerals(struct noise_step *t, const uint8_t *const *publics)
{
	noise_step_mix_hashes(t, publics, NOISE_KEY_LEN);
	noise_step_mix_keys(t, false, publics);
}

void
noise_step_mix_psks(struct noise_step *t, const uint8_t *const *psks)
{
	uint8_t tau[NOISE_BATCH][NOISE_HASH_LEN], *taus[NOISE_BATCH];

	for (unsigned i = 0; i < t->n; i++)
		taus[i] = tau[i];
	blake2s_kdf_batch(
		t->chaining_key, taus, t->key, chaining_keys(t), psks, NOISE_KEY_LEN, t->n);
	noise_step_mix_hashes(t, (const uint8_t *const *)taus, NOISE_HASH_LEN);
	crypto_wipe(tau, t->n * sizeof(tau[0]));
}

void
noise_step_derive_keys(
	struct noise_step *t, uint8_t *const *initiators_send, uint8_t *const *responders_send)
{
	blake2s_kdf_batch(initiators_send, responders_send, NULL, chaining_keys(t), NULL, 0, t->n);
}
