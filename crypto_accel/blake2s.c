/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BLAKE2s (RFC 7693), HMAC over it (RFC 2104), and the key derivation chain of
 * the WireGuard paper, section 5.4.
 */
#include <string.h>

#include "crypto_accel/blake2s_impl.h"

#define BLOCK_LEN BLAKE2S_BLOCK_LEN

static const uint32_t iv[8] = BLAKE2S_IV;

#define ROTR(v, n) ((v) >> (n) | (v) << (32 - (n)))

#define G(a, b, c, d, x, y) \
	do { \
		a += b + m[x]; \
		d = ROTR(d ^ a, 16); \
		c += d; \
		b = ROTR(b ^ c, 12); \
		a += b + m[y]; \
		d = ROTR(d ^ a, 8); \
		c += d; \
		b = ROTR(b ^ c, 7); \
	} while (0)

/*
 * One round; the arguments are a row of RFC 7693's table sigma. Rounds are
 * spelled out, with named variables for the state: from loops over arrays and
 * a table gcc 12 makes code two to three times slower.
 */
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) \
	do { \
		G(v0, v4, v8, v12, s0, s1); \
		G(v1, v5, v9, v13, s2, s3); \
		G(v2, v6, v10, v14, s4, s5); \
		G(v3, v7, v11, v15, s6, s7); \
		G(v0, v5, v10, v15, s8, s9); \
		G(v1, v6, v11, v12, s10, s11); \
		G(v2, v7, v8, v13, s12, s13); \
		G(v3, v4, v9, v14, s14, s15); \
	} while (0)

/* counter: bytes hashed with this block; last: all ones for the last block, else 0. */
static void
compress(uint32_t h[8], const uint8_t block[BLOCK_LEN], uint64_t counter, uint32_t last)
{
	uint32_t m[16];
	uint32_t v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3];
	uint32_t v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
	uint32_t v8 = iv[0], v9 = iv[1], v10 = iv[2], v11 = iv[3];
	uint32_t v12 = iv[4] ^ (uint32_t)counter, v13 = iv[5] ^ (uint32_t)(counter >> 32);
	uint32_t v14 = iv[6] ^ last, v15 = iv[7];

	memcpy(m, block, sizeof(m)); /* x86 is little-endian, as BLAKE2s is */
	BLAKE2S_ROUNDS(ROUND);
	h[0] ^= v0 ^ v8;
	h[1] ^= v1 ^ v9;
	h[2] ^= v2 ^ v10;
	h[3] ^= v3 ^ v11;
	h[4] ^= v4 ^ v12;
	h[5] ^= v5 ^ v13;
	h[6] ^= v6 ^ v14;
	h[7] ^= v7 ^ v15;
	crypto_wipe(m, sizeof(m));
}

void
blake2s_init(struct blake2s_state *s, size_t out_len, const void *key, size_t key_len)
{
	memcpy(s->h, iv, sizeof(s->h));
	/* The parameter block: fanout 1, depth 1, key length, digest length. */
	s->h[0] ^= 0x01010000 ^ (uint32_t)key_len << 8 ^ (uint32_t)out_len;
	s->counter = 0;
	s->buf_len = 0;
	s->out_len = (uint32_t)out_len;
	if (key_len > 0) {
		memset(s->buf, 0, sizeof(s->buf));
		memcpy(s->buf, key, key_len);
		s->buf_len = sizeof(s->buf);
	}
}

void
blake2s_update(struct blake2s_state *s, const void *in, size_t in_len)
{
	const uint8_t *p = in;
	size_t room = sizeof(s->buf) - s->buf_len;

	if (in_len == 0)
		return;
	/* The last block is compressed in final: keep a full buffer until more comes. */
	if (in_len > room) {
		memcpy(s->buf + s->buf_len, p, room);
		s->counter += BLOCK_LEN;
		compress(s->h, s->buf, s->counter, 0);
		p += room;
		in_len -= room;
		for (; in_len > BLOCK_LEN; p += BLOCK_LEN, in_len -= BLOCK_LEN) {
			s->counter += BLOCK_LEN;
			compress(s->h, p, s->counter, 0);
		}
		s->buf_len = 0;
	}
	memcpy(s->buf + s->buf_len, p, in_len);
	s->buf_len += (uint32_t)in_len;
}

void
blake2s_final(struct blake2s_state *s, uint8_t *out)
{
	s->counter += s->buf_len;
	memset(s->buf + s->buf_len, 0, sizeof(s->buf) - s->buf_len);
	compress(s->h, s->buf, s->counter, UINT32_MAX);
	memcpy(out, s->h, s->out_len);
	crypto_wipe(s, sizeof(*s));
}

void
blake2s(uint8_t *out, size_t out_len, const void *in, size_t in_len, const void *key,
	size_t key_len)
{
	struct blake2s_state s;

	blake2s_init(&s, out_len, key, key_len);
	blake2s_update(&s, in, in_len);
	blake2s_final(&s, out);
}

/* HMAC's two hashes after their pads: what one key costs, however often it is used. */
struct hmac_key {
	struct blake2s_state inner, outer;
};

/* empty: for an empty input, to which the pad is the last block. */
static void
hmac_key_init(struct hmac_key *k, const void *key, size_t key_len, bool empty)
{
	uint8_t pad[BLOCK_LEN] = {0};

	if (key_len > sizeof(pad))
		blake2s(pad, BLAKE2S_HASH_LEN, key, key_len, NULL, 0);
	else if (key_len > 0)
		memcpy(pad, key, key_len);

	for (unsigned i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	blake2s_init(&k->inner, BLAKE2S_HASH_LEN, NULL, 0);
	k->inner.counter = BLOCK_LEN;
	compress(k->inner.h, pad, BLOCK_LEN, empty ? UINT32_MAX : 0);
	for (unsigned i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	blake2s_init(&k->outer, BLAKE2S_HASH_LEN, NULL, 0);
	k->outer.counter = BLOCK_LEN;
	compress(k->outer.h, pad, BLOCK_LEN, 0);
	crypto_wipe(pad, sizeof(pad));
}

static void
hmac(uint8_t out[BLAKE2S_HASH_LEN], const struct hmac_key *k, const void *in, size_t in_len)
{
	struct blake2s_state s = k->inner;
	uint8_t inner[BLAKE2S_HASH_LEN];

	if (in_len > 0) {
		blake2s_update(&s, in, in_len);
		blake2s_final(&s, inner);
	} else {
		memcpy(inner, s.h, sizeof(inner));
	}
	s = k->outer;
	blake2s_update(&s, inner, sizeof(inner));
	blake2s_final(&s, out);
	crypto_wipe(inner, sizeof(inner));
}

void
blake2s_hmac(uint8_t out[BLAKE2S_HASH_LEN], const void *key, size_t key_len, const void *in,
	size_t in_len)
{
	struct hmac_key k;

	hmac_key_init(&k, key, key_len, in_len == 0);
	hmac(out, &k, in, in_len);
	crypto_wipe(&k, sizeof(k));
}

void
blake2s_kdf(uint8_t out1[BLAKE2S_HASH_LEN], uint8_t out2[BLAKE2S_HASH_LEN],
	uint8_t out3[BLAKE2S_HASH_LEN], const uint8_t chaining_key[BLAKE2S_HASH_LEN],
	const void *in, size_t in_len)
{
	uint8_t *outs[3] = {out1, out2, out3};
	uint8_t secret[BLAKE2S_HASH_LEN];
	/* The previous output with this one's number behind it. */
	uint8_t chain[BLAKE2S_HASH_LEN + 1];
	struct hmac_key k;

	blake2s_hmac(secret, chaining_key, BLAKE2S_HASH_LEN, in, in_len);
	hmac_key_init(&k, secret, sizeof(secret), false);
	for (unsigned i = 0; i < 3 && outs[i] != NULL; i++) {
		chain[i == 0 ? 0 : BLAKE2S_HASH_LEN] = (uint8_t)(i + 1);
		hmac(chain, &k, chain, i == 0 ? 1 : BLAKE2S_HASH_LEN + 1);
		memcpy(outs[i], chain, BLAKE2S_HASH_LEN);
	}
	crypto_wipe(secret, sizeof(secret));
	crypto_wipe(chain, sizeof(chain));
	crypto_wipe(&k, sizeof(k));
}
