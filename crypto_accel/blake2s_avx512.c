/* SPDX-License-Identifier: BSD-3-Clause */
/* BLAKE2s, and the key derivation over it, for sixteen inputs at once: one a lane. */
#include <immintrin.h>
#include <string.h>

#include "crypto_accel/blake2s_impl.h"

#define LANE_INLINE static inline __attribute__((always_inline))
#define SET1(x) _mm512_set1_epi32((int)(x))

/* Word w of every lane's chaining value. */
struct lanes {
	__m512i h[8];
};

/* A block of every lane, word by word. */
struct block {
	__m512i m[16];
};

bool
blake2s_avx512_usable(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
}

#define G(a, b, c, d, x, y) \
	do { \
		a = _mm512_add_epi32(_mm512_add_epi32(a, m[x]), b); \
		d = _mm512_ror_epi32(_mm512_xor_si512(d, a), 16); \
		c = _mm512_add_epi32(c, d); \
		b = _mm512_ror_epi32(_mm512_xor_si512(b, c), 12); \
		a = _mm512_add_epi32(_mm512_add_epi32(a, m[y]), b); \
		d = _mm512_ror_epi32(_mm512_xor_si512(d, a), 8); \
		c = _mm512_add_epi32(c, d); \
		b = _mm512_ror_epi32(_mm512_xor_si512(b, c), 7); \
	} while (0)

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

/* All lanes are at the same byte. */
static void
compress(struct lanes *s, const struct block *b, uint64_t counter, bool last)
{
	static const uint32_t iv[8] = BLAKE2S_IV;
	const __m512i *m = b->m;
	__m512i *h = s->h;
	__m512i v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3];
	__m512i v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
	__m512i v8 = SET1(iv[0]), v9 = SET1(iv[1]), v10 = SET1(iv[2]), v11 = SET1(iv[3]);
	__m512i v12 = SET1(iv[4] ^ (uint32_t)counter);
	__m512i v13 = SET1(iv[5] ^ (uint32_t)(counter >> 32));
	__m512i v14 = SET1(last ? ~iv[6] : iv[6]), v15 = SET1(iv[7]);

	BLAKE2S_ROUNDS(ROUND);
#define FEED(i, x, y) h[i] = _mm512_ternarylogic_epi32(h[i], x, y, 0x96) /* xor of three */
	FEED(0, v0, v8);
	FEED(1, v1, v9);
	FEED(2, v2, v10);
	FEED(3, v3, v11);
	FEED(4, v4, v12);
	FEED(5, v5, v13);
	FEED(6, v6, v14);
	FEED(7, v7, v15);
#undef FEED
}

static void
init(struct lanes *s, size_t out_len, size_t key_len)
{
	static const uint32_t iv[8] = BLAKE2S_IV;

	for (unsigned i = 0; i < 8; i++)
		s->h[i] = SET1(iv[i]);
	s->h[0] = SET1(iv[0] ^ 0x01010000 ^ (uint32_t)key_len << 8 ^ (uint32_t)out_len);
}

/* Sixteen rows of sixteen words become columns, or the reverse. */
static void
transpose(__m512i *to, const __m512i *r)
{
	__m512i t[16], u[16];

	for (unsigned i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
	}
	for (unsigned i = 0; i < 16; i += 4) {
		u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
		u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
		u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
		u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
	for (unsigned j = 0; j < 4; j++) {
		__m512i even_lo = _mm512_shuffle_i32x4(u[j], u[4 + j], 0x88);
		__m512i even_hi = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0x88);
		__m512i odd_lo = _mm512_shuffle_i32x4(u[j], u[4 + j], 0xdd);
		__m512i odd_hi = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0xdd);

		to[j] = _mm512_shuffle_i32x4(even_lo, even_hi, 0x88);
		to[4 + j] = _mm512_shuffle_i32x4(odd_lo, odd_hi, 0x88);
		to[8 + j] = _mm512_shuffle_i32x4(even_lo, even_hi, 0xdd);
		to[12 + j] = _mm512_shuffle_i32x4(odd_lo, odd_hi, 0xdd);
	}
}

/* len bytes (0 to 64) from each lane's pointer plus offset, zeros behind them. */
static void
load_block(struct block *b, const uint8_t *const in[BLAKE2S_LANES], size_t offset, size_t len)
{
	__mmask64 mask = _bzhi_u64(UINT64_MAX, (unsigned)len);
	__m512i rows[16];

	for (unsigned i = 0; i < BLAKE2S_LANES; i++)
		rows[i] = len == 0 ? _mm512_setzero_si512()
				   : _mm512_maskz_loadu_epi8(mask, in[i] + offset);
	transpose(b->m, rows);
	crypto_wipe(rows, sizeof(rows));
}

static void
store_hash(uint8_t *const out[BLAKE2S_LANES], size_t out_len, const struct lanes *s)
{
	__mmask64 mask = _bzhi_u64(UINT64_MAX, (unsigned)out_len);
	__m512i words[16], rows[16];

	for (unsigned i = 0; i < 8; i++) {
		words[i] = s->h[i];
		words[8 + i] = _mm512_setzero_si512();
	}
	transpose(rows, words);
	for (unsigned i = 0; i < BLAKE2S_LANES; i++)
		_mm512_mask_storeu_epi8(out[i], mask, rows[i]);
	crypto_wipe(rows, sizeof(rows));
	crypto_wipe(words, sizeof(words));
}

void
blake2s_avx512_hash(uint8_t *const out[BLAKE2S_LANES], size_t out_len,
	const uint8_t *const in[BLAKE2S_LANES], size_t in_len,
	const uint8_t *const keys[BLAKE2S_LANES], size_t key_len)
{
	struct lanes s;
	struct block b;
	uint64_t counter = 0;
	size_t at = 0;

	init(&s, out_len, key_len);
	if (key_len > 0) {
		load_block(&b, keys, 0, key_len);
		counter = BLAKE2S_BLOCK_LEN;
		compress(&s, &b, counter, in_len == 0);
	}
	while (at < in_len || (at == 0 && key_len == 0)) {
		size_t len = in_len - at < BLAKE2S_BLOCK_LEN ? in_len - at : BLAKE2S_BLOCK_LEN;

		load_block(&b, in, at, len);
		counter += len;
		at += len;
		compress(&s, &b, counter, at == in_len);
		if (len == 0)
			break;
	}
	store_hash(out, out_len, &s);
	crypto_wipe(&s, sizeof(s));
	crypto_wipe(&b, sizeof(b));
}

/* A key of HMAC after its inner and its outer pad were hashed. */
struct hmac_key {
	struct lanes inner, outer;
};

/* key: 8 words of every lane. empty: for an empty input, to which the pad is the last block. */
static void
hmac_key_init(struct hmac_key *k, const __m512i key[8], bool empty)
{
	struct block pad;

	for (unsigned i = 0; i < 16; i++)
		pad.m[i] = i < 8 ? _mm512_xor_si512(key[i], SET1(0x36363636)) : SET1(0x36363636);
	init(&k->inner, BLAKE2S_HASH_LEN, 0);
	compress(&k->inner, &pad, BLAKE2S_BLOCK_LEN, empty);
	for (unsigned i = 0; i < 16; i++)
		pad.m[i] = _mm512_xor_si512(pad.m[i], SET1(0x36363636 ^ 0x5c5c5c5c));
	init(&k->outer, BLAKE2S_HASH_LEN, 0);
	compress(&k->outer, &pad, BLAKE2S_BLOCK_LEN, false);
	crypto_wipe(&pad, sizeof(pad));
}

/* Of one block, len bytes of it. */
static void
hmac(struct lanes *out, const struct hmac_key *k, const struct block *in, size_t len)
{
	struct lanes s = k->inner;
	struct block b;

	if (len > 0)
		compress(&s, in, BLAKE2S_BLOCK_LEN + len, true);
	for (unsigned i = 0; i < 16; i++)
		b.m[i] = i < 8 ? s.h[i] : _mm512_setzero_si512();
	*out = k->outer;
	compress(out, &b, BLAKE2S_BLOCK_LEN + BLAKE2S_HASH_LEN, true);
	crypto_wipe(&s, sizeof(s));
	crypto_wipe(&b, sizeof(b));
}

void
blake2s_avx512_kdf(uint8_t *const outs[3][BLAKE2S_LANES], unsigned n_outs,
	const uint8_t *const chaining_keys[BLAKE2S_LANES], const uint8_t *const in[BLAKE2S_LANES],
	size_t in_len)
{
	struct hmac_key k;
	struct lanes t;
	struct block b;

	load_block(&b, chaining_keys, 0, BLAKE2S_HASH_LEN);
	hmac_key_init(&k, b.m, in_len == 0);
	load_block(&b, in, 0, in_len);
	hmac(&t, &k, &b, in_len);
	hmac_key_init(&k, t.h, false);
	for (unsigned i = 0; i < n_outs; i++) {
		/* The previous output, with this one's number behind it. */
		for (unsigned w = 0; w < 16; w++)
			b.m[w] = i > 0 && w < 8 ? t.h[w] : _mm512_setzero_si512();
		b.m[i == 0 ? 0 : 8] = SET1(i + 1);
		hmac(&t, &k, &b, i == 0 ? 1 : BLAKE2S_HASH_LEN + 1);
		store_hash(outs[i], BLAKE2S_HASH_LEN, &t);
	}
	crypto_wipe(&k, sizeof(k));
	crypto_wipe(&t, sizeof(t));
	crypto_wipe(&b, sizeof(b));
}
