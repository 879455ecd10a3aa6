/* SPDX-License-Identifier: BSD-3-Clause */
/* The pieces of the portable reference, for its own tests. Private to this room. */
#ifndef CRYPTO_ACCEL_CHACHAPOLY_REF_H
#define CRYPTO_ACCEL_CHACHAPOLY_REF_H

#include <stddef.h>
#include <stdint.h>

/* RFC 8439, section 2.3. */
void chacha20_ref_block(
	uint8_t out[64], const uint8_t key[32], uint32_t block, const uint8_t nonce[12]);

struct poly1305_ref {
	uint64_t h[3]; /* accumulator, limbs of 44, 44 and 42 bits */
	uint64_t r[3];
	uint64_t s[2]; /* the key's second half, added at the end */
};

/* RFC 8439, section 2.5. update takes whole blocks but for the last call. */
void poly1305_ref_init(struct poly1305_ref *p, const uint8_t key[32]);
void poly1305_ref_update(struct poly1305_ref *p, const uint8_t *data, size_t len);
/* Wipes the state. */
void poly1305_ref_final(struct poly1305_ref *p, uint8_t tag[16]);

/* The tag of RFC 8439, section 2.8, over ciphertext and additional data. */
void chachapoly_ref_tag(uint8_t tag[16], const uint8_t key[32], const uint8_t nonce[12],
	const uint8_t *ad, size_t ad_len, const uint8_t *text, size_t len);
/* Encrypts or decrypts in place, from block 1 on. */
void chachapoly_ref_xor(uint8_t *data, size_t len, const uint8_t key[32], const uint8_t nonce[12]);

#endif
