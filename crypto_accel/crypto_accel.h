/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Burst ChaCha20-Poly1305 for transport data, and the primitives of the Noise
 * handshake. This room knows neither DPDK nor logging: it is called with
 * plain memory and answers with values.
 *
 * Sources: RFC 8439 (ChaCha20-Poly1305), RFC 7748 (X25519), RFC 7693
 * (BLAKE2s), draft-irtf-cfrg-xchacha, and section 5.4 of the WireGuard paper
 * for the key derivation chain and the nonce layout.
 */
#ifndef CRYPTO_ACCEL_H
#define CRYPTO_ACCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY_LEN 32
#define AEAD_TAG_LEN 16
#define AEAD_BURST_MAX 256
#define X25519_LEN 32
#define BLAKE2S_HASH_LEN 32
#define XCHACHA_NONCE_LEN 24

/*
 * Choose the implementations: by CPUID, or by the environment variable
 * WGDP_CRYPTO (ref, ipsecmb, avx2, avx512; auto is the default), and test
 * every usable one against known answers. Call once, before any other
 * function here and before threads start.
 * Returns 0; or -1 with a one-line reason in err (unknown or unusable
 * implementation asked for, self-test failed).
 */
int crypto_init(char *err, size_t err_size);

/* Names of what runs, such as "avx512" and "libsodium"; valid after crypto_init. */
const char *crypto_aead_name(void);
const char *crypto_x25519_name(void);

/* ---- transport data ---------------------------------------------------- */

enum aead_result {
	AEAD_OK = 0,
	AEAD_BAD_TAG = 1, /* open only; the buffer holds no plaintext */
};

/*
 * One packet. data holds length bytes of text followed by room for the
 * 16-byte tag, contiguous, any alignment; it is sealed or opened in place.
 * The nonce is 32 zero bits and counter as little-endian 64 bits; there is no
 * additional data (WireGuard paper, section 5.4.6).
 */
struct aead_op {
	const uint8_t *key; /* AEAD_KEY_LEN bytes, alive during the call */
	uint64_t counter;
	uint8_t *data;
	uint32_t length; /* of the text without the tag, 0 to 65535 */
	uint32_t result; /* out: enum aead_result */
};

struct aead_ctx; /* scratch memory; belongs to one thread */

/* NULL when out of memory. */
struct aead_ctx *aead_ctx_create(void);
/* Wipes what it held. NULL is fine. */
void aead_ctx_destroy(struct aead_ctx *ctx);

/*
 * n from 0 to AEAD_BURST_MAX, any mix of keys and lengths; buffers of one
 * burst must not overlap. Seal cannot fail. Open verifies every tag in
 * constant time before anything is decrypted under it, sets each op's result
 * and returns how many opened.
 */
void aead_seal_burst(struct aead_ctx *ctx, struct aead_op *ops, unsigned n);
unsigned aead_open_burst(struct aead_ctx *ctx, struct aead_op *ops, unsigned n);

/*
 * For benchmarks and support: the implementations of this build by number,
 * slowest first, NULL past the last; and a context of exactly the named one,
 * NULL when the name is unknown, this CPU cannot run it, or memory is out.
 */
const char *aead_impl_name(unsigned i);
struct aead_ctx *aead_ctx_create_named(const char *name);

/* ---- handshakes (control lcore; every function is thread-safe) ---------- */

/*
 * n independent multiplications: out[i] = scalar[i] * point[i], or times the
 * base point where points is NULL. Scalars are clamped inside. ok[i] is false
 * when the result is all zero (low-order point); out[i] is then zero.
 * Constant time in scalars and points.
 */
void x25519_batch(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN],
	const uint8_t (*points)[X25519_LEN], bool *ok, unsigned n);

/* One of it. Returns false for an all-zero result. */
bool x25519(
	uint8_t out[X25519_LEN], const uint8_t scalar[X25519_LEN], const uint8_t point[X25519_LEN]);
void x25519_base(uint8_t out[X25519_LEN], const uint8_t scalar[X25519_LEN]);

/* Hash of 1 to 32 bytes; key_len 0 to 32, in_len 0 to SIZE_MAX. */
void blake2s(uint8_t *out, size_t out_len, const void *in, size_t in_len, const void *key,
	size_t key_len);

struct blake2s_state {
	uint32_t h[8];
	uint64_t counter;
	uint8_t buf[64];
	uint32_t buf_len;
	uint32_t out_len;
};
void blake2s_init(struct blake2s_state *s, size_t out_len, const void *key, size_t key_len);
void blake2s_update(struct blake2s_state *s, const void *in, size_t in_len);
/* Wipes the state. */
void blake2s_final(struct blake2s_state *s, uint8_t *out);

/* HMAC-BLAKE2s (RFC 2104). */
void blake2s_hmac(uint8_t out[BLAKE2S_HASH_LEN], const void *key, size_t key_len, const void *in,
	size_t in_len);

/*
 * The paper's Kdf1, Kdf2 and Kdf3 of (chaining key, input); out2 and out3 may
 * be NULL, the last ones first. Any out may alias chaining_key.
 */
void blake2s_kdf(uint8_t out1[BLAKE2S_HASH_LEN], uint8_t out2[BLAKE2S_HASH_LEN],
	uint8_t out3[BLAKE2S_HASH_LEN], const uint8_t chaining_key[BLAKE2S_HASH_LEN],
	const void *in, size_t in_len);

/*
 * n independent computations of equal lengths: one is fine, sixteen cost little
 * more. Arrays of n pointers; keys is NULL where key_len is 0, in where in_len
 * is 0. The outputs of one computation may alias its own inputs, not another's.
 * For the KDF in_len is at most 64.
 */
void blake2s_batch(uint8_t *const *out, size_t out_len, const uint8_t *const *in, size_t in_len,
	const uint8_t *const *keys, size_t key_len, unsigned n);
void blake2s_kdf_batch(uint8_t *const *out1, uint8_t *const *out2, uint8_t *const *out3,
	const uint8_t *const *chaining_keys, const uint8_t *const *in, size_t in_len, unsigned n);

/*
 * Single ChaCha20-Poly1305 with additional data and a zero-extended counter
 * nonce, as handshake messages use it. dst has len + 16 bytes on seal, len - 16
 * on open (len then counts the tag); dst may equal src.
 */
void aead_seal_one(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t *ad, size_t ad_len,
	uint64_t counter, const uint8_t key[AEAD_KEY_LEN]);
bool aead_open_one(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t *ad, size_t ad_len,
	uint64_t counter, const uint8_t key[AEAD_KEY_LEN]);

/* XChaCha20-Poly1305, for cookies. Lengths as above. */
void xaead_seal(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t *ad, size_t ad_len,
	const uint8_t nonce[XCHACHA_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN]);
bool xaead_open(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t *ad, size_t ad_len,
	const uint8_t nonce[XCHACHA_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN]);

/* From the operating system's generator; aborts rather than return weak bytes. */
void crypto_random(void *buf, size_t len);
/* Not optimised away. */
void crypto_wipe(void *buf, size_t len);
/* Constant time; true when equal. */
bool crypto_equal(const void *a, const void *b, size_t len);

#endif
