/* SPDX-License-Identifier: BSD-3-Clause */
/* X25519 over 8 lanes, for x25519.c. Private to this room. */
#ifndef CRYPTO_ACCEL_X25519_IMPL_H
#define CRYPTO_ACCEL_X25519_IMPL_H

#include "crypto_accel/crypto_accel.h"

#define X25519_LANES 8

bool x25519_avx512_usable(void);
/* Makes the table of the base point's multiples; once, before threads start. */
void x25519_avx512_init(void);
/* Eight at once; an out of all zeros is for the caller to find. */
void x25519_avx512_mul8(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN],
	const uint8_t (*points)[X25519_LEN]);
/* After x25519_avx512_init. */
void x25519_avx512_base8(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN]);

/* Chooses for all that follows; called by crypto_init before threads start. */
void x25519_choose(bool lanes);

#endif
