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

/*
 * The steps of RFC 7693's G: single instructions in a fixed order (compilers
 * undo the one chosen below, and lose a tenth).
 */
#define ADD(to, x) __asm__ volatile("vpaddd %1, %0, %0" : "+v"(to) : "v"(x))
#define ADD_WORD(to, x) __asm__ volatile("vpaddd %1, %0, %0" : "+v"(to) : "m"(m[x]))
#define XOR(to, x) __asm__ volatile("vpxord %1, %0, %0" : "+v"(to) : "v"(x))
#define TURN(to, n) __asm__ volatile("vprord %1, %0, %0" : "+v"(to) : "i"(n))

/* a += b; d = (d ^ a) >>> n, in two columns or diagonals. */
#define PAIR_OF_SUMS(a0, b0, d0, a1, b1, d1, n) \
	ADD(a0, b0); \
	ADD(a1, b1); \
	XOR(d0, a0); \
	XOR(d1, a1); \
	TURN(d0, n); \
	TURN(d1, n)

/*
 * Half of G in all four columns or diagonals, which do not wait for each other;
 * two by two, so that additions of one pair run beside rotations of the other.
 */
#define HALF(a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2, a3, b3, c3, d3, x0, x1, x2, x3, r, q) \
	do { \
		ADD_WORD(a0, x0); \
		ADD_WORD(a1, x1); \
		ADD_WORD(a2, x2); \
		ADD_WORD(a3, x3); \
		PAIR_OF_SUMS(a0, b0, d0, a1, b1, d1, r); \
		PAIR_OF_SUMS(a2, b2, d2, a3, b3, d3, r); \
		PAIR_OF_SUMS(c0, d0, b0, c1, d1, b1, q); \
		PAIR_OF_SUMS(c2, d2, b2, c3, d3, b3, q); \
	} while (0)

#define COLUMNS v0, v4, v8, v12, v1, v5, v9, v13, v2, v6, v10, v14, v3, v7, v11, v15
#define DIAGONALS v0, v5, v10, v15, v1, v6, v11, v12, v2, v7, v8, v13, v3, v4, v9, v14
#define HALF_OF(...) HALF(__VA_ARGS__)

#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) \
	do { \
		HALF_OF(COLUMNS, s0, s2, s4, s6, 16, 12); \
		HALF_OF(COLUMNS, s1, s3, s5, s7, 8, 7); \
		HALF_OF(DIAGONALS, s8, s10, s12, s14, 16, 12); \
		HALF_OF(DIAGONALS, s9, s11, s13, s15, 8, 7); \
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

/* Four rows become, in each 128-bit part L of to[j], words 4L + j of them. */
LANE_INLINE void
transpose_4x4(__m512i to[4], __m512i a, __m512i b, __m512i c, __m512i d)
{
	__m512i t0 = _mm512_unpacklo_epi32(a, b), t1 = _mm512_unpackhi_epi32(a, b);
	__m512i t2 = _mm512_unpacklo_epi32(c, d), t3 = _mm512_unpackhi_epi32(c, d);

	to[0] = _mm512_unpacklo_epi64(t0, t2);
	to[1] = _mm512_unpackhi_epi64(t0, t2);
	to[2] = _mm512_unpacklo_epi64(t1, t3);
	to[3] = _mm512_unpackhi_epi64(t1, t3);
}

/* Parts 0 and 2, or 1 and 3, of a and then of b. */
#define EVEN(a, b) _mm512_shuffle_i32x4(a, b, 0x88)
#define ODD(a, b) _mm512_shuffle_i32x4(a, b, 0xdd)

/* Sixteen rows of sixteen words become columns. */
LANE_INLINE void
transpose_in(__m512i to[16], const __m512i r[16])
{
	__m512i u[16];

	transpose_4x4(u, r[0], r[1], r[2], r[3]);
	transpose_4x4(u + 4, r[4], r[5], r[6], r[7]);
	transpose_4x4(u + 8, r[8], r[9], r[10], r[11]);
	transpose_4x4(u + 12, r[12], r[13], r[14], r[15]);
#define WORDS(j) \
	do { \
		__m512i even_lo = EVEN(u[j], u[4 + j]), even_hi = EVEN(u[8 + j], u[12 + j]); \
		__m512i odd_lo = ODD(u[j], u[4 + j]), odd_hi = ODD(u[8 + j], u[12 + j]); \
\
		to[j] = EVEN(even_lo, even_hi); \
		to[4 + j] = EVEN(odd_lo, odd_hi); \
		to[8 + j] = ODD(even_lo, even_hi); \
		to[12 + j] = ODD(odd_lo, odd_hi); \
	} while (0)
	WORDS(0);
	WORDS(1);
	WORDS(2);
	WORDS(3);
#undef WORDS
}

/* len bytes (0 to 64) from each lane's pointer plus offset, zeros behind them. */
static void
load_block(struct block *b, const uint8_t *const in[BLAKE2S_LANES], size_t offset, size_t len)
{
	__mmask64 mask = _bzhi_u64(UINT64_MAX, (unsigned)len);
	__m512i r[16];

	if (len == 0) {
		memset(b, 0, sizeof(*b));
		return;
	}
#define ROW(i) \
	r[i] = len == BLAKE2S_BLOCK_LEN ? _mm512_loadu_si512(in[i] + offset) \
					: _mm512_maskz_loadu_epi8(mask, in[i] + offset)
	ROW(0), ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7);
	ROW(8), ROW(9), ROW(10), ROW(11), ROW(12), ROW(13), ROW(14), ROW(15);
#undef ROW
	transpose_in(b->m, r);
}

/* Whole hashes, or the bytes of mask: apart, because masked stores are slow on AMD. */
LANE_INLINE void
store_rows(uint8_t *const out[BLAKE2S_LANES], const struct lanes *s, bool whole, __mmask32 mask)
{
	__m512i u[8];

	transpose_4x4(u, s->h[0], s->h[1], s->h[2], s->h[3]);
	transpose_4x4(u + 4, s->h[4], s->h[5], s->h[6], s->h[7]);
#define STORE(i, v) \
	do { \
		if (whole) \
			_mm256_storeu_si256((void *)out[i], v); \
		else \
			_mm256_mask_storeu_epi8(out[i], mask, v); \
	} while (0)
#define ROWS(j) \
	do { \
		/* Lanes j and 4 + j, and 8 + j and 12 + j. */ \
		__m512i lo = _mm512_permutex2var_epi64( \
			u[j], _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), u[4 + j]); \
		__m512i hi = _mm512_permutex2var_epi64( \
			u[j], _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), u[4 + j]); \
\
		STORE(j, _mm512_castsi512_si256(lo)); \
		STORE(4 + j, _mm512_extracti64x4_epi64(lo, 1)); \
		STORE(8 + j, _mm512_castsi512_si256(hi)); \
		STORE(12 + j, _mm512_extracti64x4_epi64(hi, 1)); \
	} while (0)
	ROWS(0);
	ROWS(1);
	ROWS(2);
	ROWS(3);
#undef ROWS
#undef STORE
}

static void
store_hash(uint8_t *const out[BLAKE2S_LANES], size_t out_len, const struct lanes *s)
{
	if (out_len == BLAKE2S_HASH_LEN)
		store_rows(out, s, true, 0);
	else
		store_rows(out, s, false, _bzhi_u32(UINT32_MAX, (unsigned)out_len));
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
