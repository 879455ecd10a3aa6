/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches of BLAKE2s: over lanes where the CPU has them, one by one elsewhere. */
#include "crypto_accel/blake2s_impl.h"

/* Below, lanes without work cost more than they save. */
#define LANES_FROM 3

static const uint8_t *const no_input[BLAKE2S_LANES];

/* Written by blake2s_choose only, before there are threads. */
static bool use_lanes;

void
blake2s_choose(bool lanes)
{
	use_lanes = lanes && blake2s_avx512_usable();
}

void
blake2s_batch(uint8_t *const *out, size_t out_len, const uint8_t *const *in, size_t in_len,
	const uint8_t *const *keys, size_t key_len, unsigned n)
{
	unsigned at = 0;

	for (; use_lanes && n - at >= BLAKE2S_LANES; at += BLAKE2S_LANES)
		blake2s_avx512_hash(out + at, out_len, in == NULL ? no_input : in + at, in_len,
			keys == NULL ? no_input : keys + at, key_len);
	while (use_lanes && n - at >= LANES_FROM) {
		unsigned here = n - at;
		uint8_t *o[BLAKE2S_LANES];
		const uint8_t *i[BLAKE2S_LANES], *k[BLAKE2S_LANES];

		/* Lanes without work of their own repeat the first. */
		for (unsigned lane = 0; lane < BLAKE2S_LANES; lane++) {
			unsigned from = at + (lane < here ? lane : 0);

			o[lane] = out[from];
			i[lane] = in == NULL ? NULL : in[from];
			k[lane] = keys == NULL ? NULL : keys[from];
		}
		blake2s_avx512_hash(o, out_len, i, in_len, k, key_len);
		at += here;
	}
	for (; at < n; at++)
		blake2s(out[at], out_len, in == NULL ? NULL : in[at], in_len,
			keys == NULL ? NULL : keys[at], key_len);
}

void
blake2s_kdf_batch(uint8_t *const *out1, uint8_t *const *out2, uint8_t *const *out3,
	const uint8_t *const *chaining_keys, const uint8_t *const *in, size_t in_len, unsigned n)
{
	unsigned n_outs = out2 == NULL ? 1 : out3 == NULL ? 2 : 3, at = 0;

	while (use_lanes && n - at >= LANES_FROM) {
		unsigned here = n - at < BLAKE2S_LANES ? n - at : BLAKE2S_LANES;
		uint8_t *o[3][BLAKE2S_LANES] = {{NULL}};
		const uint8_t *c[BLAKE2S_LANES], *i[BLAKE2S_LANES];

		for (unsigned lane = 0; lane < BLAKE2S_LANES; lane++) {
			unsigned from = at + (lane < here ? lane : 0);

			o[0][lane] = out1[from];
			o[1][lane] = n_outs > 1 ? out2[from] : NULL;
			o[2][lane] = n_outs > 2 ? out3[from] : NULL;
			c[lane] = chaining_keys[from];
			i[lane] = in == NULL ? NULL : in[from];
		}
		blake2s_avx512_kdf(o, n_outs, c, i, in_len);
		at += here;
	}
	for (; at < n; at++)
		blake2s_kdf(out1[at], n_outs > 1 ? out2[at] : NULL, n_outs > 2 ? out3[at] : NULL,
			chaining_keys[at], in == NULL ? NULL : in[at], in_len);
}
