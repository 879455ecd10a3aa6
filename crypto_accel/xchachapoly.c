/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The single AEADs of handshake messages and cookies, through libsodium. It
 * verifies before it decrypts and clears the output of a forgery.
 */
#include <sodium.h>

#include "crypto_accel/impl.h"

void
aead_seal_one(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t *ad, size_t ad_len,
	uint64_t counter, const uint8_t key[AEAD_KEY_LEN])
{
	uint8_t nonce[12];

	nonce_from_counter(nonce, counter);
	(void)crypto_aead_chacha20poly1305_ietf_encrypt(
		dst, NULL, src, len, ad, ad_len, NULL, nonce, key);
}

bool
aead_open_one(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t *ad, size_t ad_len,
	uint64_t counter, const uint8_t key[AEAD_KEY_LEN])
{
	uint8_t nonce[12];

	nonce_from_counter(nonce, counter);
	return len >= AEAD_TAG_LEN && crypto_aead_chacha20poly1305_ietf_decrypt(dst, NULL, NULL,
					      src, len, ad, ad_len, nonce, key) == 0;
}

void
xaead_seal(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t *ad, size_t ad_len,
	const uint8_t nonce[XCHACHA_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN])
{
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
		dst, NULL, src, len, ad, ad_len, NULL, nonce, key);
}

bool
xaead_open(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t *ad, size_t ad_len,
	const uint8_t nonce[XCHACHA_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN])
{
	return len >= AEAD_TAG_LEN && crypto_aead_xchacha20poly1305_ietf_decrypt(dst, NULL, NULL,
					      src, len, ad, ad_len, nonce, key) == 0;
}
