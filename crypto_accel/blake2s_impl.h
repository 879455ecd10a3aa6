/* SPDX-License-Identifier: BSD-3-Clause */
/* BLAKE2s over 16 lanes, for blake2s_batch.c. Private to this room. */
#ifndef CRYPTO_ACCEL_BLAKE2S_IMPL_H
#define CRYPTO_ACCEL_BLAKE2S_IMPL_H

#include "crypto_accel/crypto_accel.h"

#define BLAKE2S_LANES 16
#define BLAKE2S_BLOCK_LEN 64

/* RFC 7693, section 2.6. */
#define BLAKE2S_IV \
	{ \
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, \
			0x1f83d9ab, 0x5be0cd19 \
	}

/*
 * The ten rounds over a macro ROUND that takes a row of RFC 7693's table sigma.
 */
#define BLAKE2S_ROUNDS(ROUND) \
	ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); \
	ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3); \
	ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4); \
	ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8); \
	ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13); \
	ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9); \
	ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11); \
	ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10); \
	ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5); \
	ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0)

bool blake2s_avx512_usable(void);

/* Sixteen at once, as blake2s_batch and blake2s_kdf_batch; keys NULL where key_len is 0. */
void blake2s_avx512_hash(uint8_t *const out[BLAKE2S_LANES], size_t out_len,
	const uint8_t *const in[BLAKE2S_LANES], size_t in_len,
	const uint8_t *const keys[BLAKE2S_LANES], size_t key_len);
/* outs[i]: the lanes of the i-th output; n_outs from 1 to 3. */
void blake2s_avx512_kdf(uint8_t *const outs[3][BLAKE2S_LANES], unsigned n_outs,
	const uint8_t *const chaining_keys[BLAKE2S_LANES], const uint8_t *const in[BLAKE2S_LANES],
	size_t in_len);

/* Chooses for all that follows; called by crypto_init before threads start. */
void blake2s_choose(bool lanes);

#endif
