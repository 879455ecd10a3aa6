/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Poly1305 over 8 messages, one a 64-bit lane, in limbs of 44, 44 and 42 bits
 * with vpmadd52. Private to chachapoly_avx512.c.
 *
 * Messages are aligned at their ends: one that is shorter starts later, from
 * zero blocks without the 2^128 bit that leave its accumulator at zero. So
 * ragged lengths cost masked loads at the beginning, and no masked state.
 */
#ifndef CRYPTO_ACCEL_POLY1305_AVX512_H
#define CRYPTO_ACCEL_POLY1305_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#include "crypto_accel/chacha20_avx512.h"

#define LANES 8
#define LIMB_MASK ((1ULL << 44) - 1)
#define TOP_MASK ((1ULL << 42) - 1)

/* A multiplier: its limbs, and 20 times the upper two (2^132 = 20 mod p). */
struct poly_power {
	__m512i r0, r1, r2, s1, s2;
};

/* The one-time keys of 8 packets. */
struct poly_keys {
	struct poly_power r;
	__m512i s_lo, s_hi;
};

struct poly_acc {
	__m512i h0, h1, h2; /* below 2^44 + 2^17, 2^44 + 2^17, 2^42 + 2^17 */
};

/* Sums of products: low and high 52 bits of each column. */
struct poly_sum {
	__m512i lo0, lo1, lo2, hi0, hi1, hi2;
};

struct poly_messages {
	const uint8_t *end[LANES]; /* behind the last block, padded to 16 */
	uint32_t length[LANES]; /* bytes */
	uint32_t min_blocks, max_blocks; /* of 16 bytes, the last one maybe partial */
	bool partial; /* some length is no multiple of 16 */
};

#define SET1(x) _mm512_set1_epi64((long long)(x))

INLINE struct poly_power
poly_power_of(__m512i r0, __m512i r1, __m512i r2)
{
	struct poly_power p = {.r0 = r0, .r1 = r1, .r2 = r2};

	p.s1 = _mm512_add_epi64(_mm512_slli_epi64(r1, 4), _mm512_slli_epi64(r1, 2));
	p.s2 = _mm512_add_epi64(_mm512_slli_epi64(r2, 4), _mm512_slli_epi64(r2, 2));
	return p;
}

/* Qword w of half h (0 or 1) of 16 lanes of dwords lo and hi. */
INLINE __m512i
join_words(__m512i lo, __m512i hi, unsigned half)
{
	__m256i l = half ? _mm512_extracti64x4_epi64(lo, 1) : _mm512_castsi512_si256(lo);
	__m256i h = half ? _mm512_extracti64x4_epi64(hi, 1) : _mm512_castsi512_si256(hi);

	return _mm512_or_si512(
		_mm512_cvtepu32_epi64(l), _mm512_slli_epi64(_mm512_cvtepu32_epi64(h), 32));
}

/* From words 0 to 7 of 16 lanes' blocks 0: r, clamped, and s. */
INLINE void
poly_keys_load(struct poly_keys *k, const __m512i v[8], unsigned half)
{
	__m512i lo = _mm512_and_si512(join_words(v[0], v[1], half), SET1(0x0ffffffc0fffffff));
	__m512i hi = _mm512_and_si512(join_words(v[2], v[3], half), SET1(0x0ffffffc0ffffffc));

	k->r = poly_power_of(_mm512_and_si512(lo, SET1(LIMB_MASK)),
		_mm512_and_si512(_mm512_shrdi_epi64(lo, hi, 44), SET1(LIMB_MASK)),
		_mm512_srli_epi64(hi, 24));
	k->s_lo = join_words(v[4], v[5], half);
	k->s_hi = join_words(v[6], v[7], half);
}

/* sum += a * p. Operands are below 2^52: a's limbs below 2^46, p's 20-fold below 2^49. */
INLINE void
poly_mul_add(struct poly_sum *s, struct poly_acc a, const struct poly_power *p)
{
#define PRODUCT(n, x, y) \
	s->lo##n = _mm512_madd52lo_epu64(s->lo##n, x, y); \
	s->hi##n = _mm512_madd52hi_epu64(s->hi##n, x, y)
	PRODUCT(0, a.h0, p->r0);
	PRODUCT(1, a.h0, p->r1);
	PRODUCT(2, a.h0, p->r2);
	PRODUCT(0, a.h1, p->s2);
	PRODUCT(1, a.h1, p->r0);
	PRODUCT(2, a.h1, p->r1);
	PRODUCT(0, a.h2, p->s1);
	PRODUCT(1, a.h2, p->s2);
	PRODUCT(2, a.h2, p->r0);
#undef PRODUCT
}

INLINE struct poly_acc
poly_acc_zero(void)
{
	__m512i z = _mm512_setzero_si512();

	return (struct poly_acc){z, z, z};
}

INLINE struct poly_sum
poly_sum_zero(void)
{
	__m512i z = _mm512_setzero_si512();

	return (struct poly_sum){z, z, z, z, z, z};
}

/*
 * Back to limbs. A high part counts 2^52 of its column, which is 2^8 of the
 * next one; above the top column (2^88 * 2^52 = 2^10 * 2^130) 5 * 2^10 of the
 * lowest. With up to four products in a sum the high parts are below 2^43
 * (column 0 and 1) and 2^39, so neither product below passes 2^52.
 */
INLINE struct poly_acc
poly_reduce(const struct poly_sum *s)
{
	__m512i d0 = _mm512_madd52lo_epu64(s->lo0, s->hi2, SET1(5 << 10));
	__m512i d1 = _mm512_madd52lo_epu64(s->lo1, s->hi0, SET1(1 << 8));
	__m512i d2 = _mm512_madd52lo_epu64(s->lo2, s->hi1, SET1(1 << 8));
	struct poly_acc a;

	a.h0 = _mm512_madd52lo_epu64(
		_mm512_and_si512(d0, SET1(LIMB_MASK)), _mm512_srli_epi64(d2, 42), SET1(5));
	a.h1 = _mm512_add_epi64(_mm512_and_si512(d1, SET1(LIMB_MASK)), _mm512_srli_epi64(d0, 44));
	a.h2 = _mm512_add_epi64(_mm512_and_si512(d2, SET1(TOP_MASK)), _mm512_srli_epi64(d1, 44));
	return a;
}

INLINE struct poly_acc
poly_mul(struct poly_acc a, const struct poly_power *p)
{
	struct poly_sum s = poly_sum_zero();

	poly_mul_add(&s, a, p);
	return poly_reduce(&s);
}

/* a + the block (lo, hi) + top, where top is the 2^128 bit in limb 2. */
INLINE struct poly_acc
poly_add_block(struct poly_acc a, __m512i lo, __m512i hi, __m512i top)
{
	a.h0 = _mm512_add_epi64(a.h0, _mm512_and_si512(lo, SET1(LIMB_MASK)));
	a.h1 = _mm512_add_epi64(
		a.h1, _mm512_and_si512(_mm512_shrdi_epi64(lo, hi, 44), SET1(LIMB_MASK)));
	a.h2 = _mm512_add_epi64(a.h2, _mm512_or_si512(_mm512_srli_epi64(hi, 24), top));
	return a;
}

/* Eight rows of 64 bytes become eight columns of one qword of each row. */
INLINE void
transpose_8x8(__m512i v[8])
{
	/* Even, then odd qwords of two rows each. */
	__m512i e0 = _mm512_unpacklo_epi64(v[0], v[1]), o0 = _mm512_unpackhi_epi64(v[0], v[1]);
	__m512i e1 = _mm512_unpacklo_epi64(v[2], v[3]), o1 = _mm512_unpackhi_epi64(v[2], v[3]);
	__m512i e2 = _mm512_unpacklo_epi64(v[4], v[5]), o2 = _mm512_unpackhi_epi64(v[4], v[5]);
	__m512i e3 = _mm512_unpacklo_epi64(v[6], v[7]), o3 = _mm512_unpackhi_epi64(v[6], v[7]);
	__m512i lo, hi;

#define COLUMNS(at, half, a, b, c, d) \
	do { \
		lo = half(a, b); \
		hi = half(c, d); \
		v[at] = EVEN(lo, hi); \
		v[(at) + 4] = ODD(lo, hi); \
	} while (0)
	COLUMNS(0, EVEN, e0, e1, e2, e3);
	COLUMNS(1, EVEN, o0, o1, o2, o3);
	COLUMNS(2, ODD, e0, e1, e2, e3);
	COLUMNS(3, ODD, o0, o1, o2, o3);
#undef COLUMNS
}

/* Four blocks of each message: v[2b] and v[2b + 1] are the halves of block b. */
struct poly_chunk {
	__m512i v[8];
	bool full; /* every lane has all four blocks */
};

/* Row of a message that lacks some of chunk c's 64 bytes, zeros in their place. */
INLINE __m512i
load_ragged(const struct poly_messages *m, unsigned lane, unsigned c)
{
	uint32_t padded = (m->length[lane] + 15) & ~15U;
	uint32_t before = padded < 64 * (c + 1) ? 64 * (c + 1) - padded : 0;
	uint32_t behind = c == 0 ? padded - m->length[lane] : 0;
	__mmask64 mask;

	if (before >= 64)
		return _mm512_setzero_si512();
	mask = (UINT64_MAX << before) & (UINT64_MAX >> behind);
	return _mm512_maskz_loadu_epi8(mask, m->end[lane] - 64 * (c + 1));
}

/* How many blocks each message has, the last one maybe partial. */
INLINE __m512i
poly_blocks(const struct poly_messages *m)
{
	__m512i length = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const void *)m->length));

	return _mm512_srli_epi64(_mm512_add_epi64(length, SET1(15)), 4);
}

/* Chunk c counts from the end. */
INLINE void
poly_chunk_load(struct poly_chunk *chunk, const struct poly_messages *m, unsigned c)
{
	chunk->full = 4 * (c + 1) <= m->min_blocks;
	if (chunk->full && (c > 0 || !m->partial)) {
#define ROW(i) chunk->v[i] = _mm512_loadu_si512(m->end[i] - 64 * (c + 1))
		ROW(0), ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7);
#undef ROW
	} else {
#define ROW(i) chunk->v[i] = load_ragged(m, i, c)
		ROW(0), ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7);
#undef ROW
	}
	transpose_8x8(chunk->v);
}

/* The 2^128 bit for block b of chunk c, in the lanes that have that block. */
INLINE __m512i
poly_top(const struct poly_chunk *chunk, __m512i blocks, unsigned c, unsigned b)
{
	__m512i top = SET1(1ULL << 40);

	if (chunk->full)
		return top;
	return _mm512_maskz_mov_epi64(_mm512_cmpgt_epu64_mask(blocks, SET1(4 * c + 3 - b)), top);
}

/* The block of lengths (there is no additional data), then the last carries, then s. */
INLINE void
poly_finish(uint8_t tags[LANES][16], struct poly_acc a, const struct poly_messages *m,
	const struct poly_keys *k)
{
	__m512i mask = SET1(LIMB_MASK), c, g0, g1, g2, lo, hi;
	__m512i length = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const void *)m->length));
	__mmask8 m8;

	a = poly_add_block(a, _mm512_setzero_si512(), length, SET1(1ULL << 40));
	a = poly_mul(a, &k->r);
	/* After poly_reduce two turns leave every limb in its range. */
#define CARRY_H1() \
	a.h2 = _mm512_add_epi64(a.h2, _mm512_srli_epi64(a.h1, 44)); \
	a.h1 = _mm512_and_si512(a.h1, mask)
#define CARRY_ROUND() \
	CARRY_H1(); \
	c = _mm512_srli_epi64(a.h2, 42); \
	a.h2 = _mm512_and_si512(a.h2, SET1(TOP_MASK)); \
	a.h0 = _mm512_madd52lo_epu64(a.h0, c, SET1(5)); \
	a.h1 = _mm512_add_epi64(a.h1, _mm512_srli_epi64(a.h0, 44)); \
	a.h0 = _mm512_and_si512(a.h0, mask)
	CARRY_ROUND();
	CARRY_ROUND();
	CARRY_H1();
#undef CARRY_ROUND
#undef CARRY_H1

	/* g = a + 5 - 2^130, taken where it is not negative. */
	g0 = _mm512_add_epi64(a.h0, SET1(5));
	g1 = _mm512_add_epi64(a.h1, _mm512_srli_epi64(g0, 44));
	g2 = _mm512_add_epi64(a.h2, _mm512_srli_epi64(g1, 44));
	m8 = _mm512_cmpge_epu64_mask(g2, SET1(1ULL << 42));
	a.h0 = _mm512_mask_and_epi64(a.h0, m8, g0, mask);
	a.h1 = _mm512_mask_and_epi64(a.h1, m8, g1, mask);
	a.h2 = _mm512_mask_and_epi64(a.h2, m8, g2, SET1(TOP_MASK));

	lo = _mm512_or_si512(a.h0, _mm512_slli_epi64(a.h1, 44));
	hi = _mm512_or_si512(_mm512_srli_epi64(a.h1, 20), _mm512_slli_epi64(a.h2, 24));
	lo = _mm512_add_epi64(lo, k->s_lo);
	hi = _mm512_add_epi64(hi, k->s_hi);
	hi = _mm512_mask_add_epi64(hi, _mm512_cmplt_epu64_mask(lo, k->s_lo), hi, SET1(1));
	/* Parts L of these are lanes 2L and 2L + 1. */
	g0 = _mm512_unpacklo_epi64(lo, hi);
	g1 = _mm512_unpackhi_epi64(lo, hi);
	_mm512_storeu_si512(tags[0],
		_mm512_permutex2var_epi64(g0, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), g1));
	_mm512_storeu_si512(tags[4],
		_mm512_permutex2var_epi64(g0, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), g1));
}

/* The step of block b in a chunk of group g, unless nobody has the block. */
#define HORNER_STEP(g, b) \
	do { \
		a##g = poly_add_block(a##g, chunk##g.v[2 * (b)], chunk##g.v[2 * (b) + 1], \
			poly_top(&chunk##g, blocks##g, c, b)); \
		a##g = poly_mul(a##g, &k[g].r); \
	} while (0)

/* Block by block: for short messages. */
INLINE void
poly_horner(uint8_t (*tags)[16], const struct poly_messages *m, const struct poly_keys *k)
{
	__m512i blocks0 = poly_blocks(m);
	struct poly_acc a0 = poly_acc_zero();
	struct poly_chunk chunk0;

	for (unsigned c = (m->max_blocks + 3) / 4; c-- > 0;) {
		unsigned skip = m->max_blocks < 4 * (c + 1) ? 4 * (c + 1) - m->max_blocks : 0;

		poly_chunk_load(&chunk0, m, c);
		if (skip < 1)
			HORNER_STEP(0, 0);
		if (skip < 2)
			HORNER_STEP(0, 1);
		if (skip < 3)
			HORNER_STEP(0, 2);
		HORNER_STEP(0, 3);
	}
	poly_finish(tags, a0, m, k);
}

/*
 * Likewise for two groups of 8 messages: one fills the time in which the other
 * waits for its multiplications.
 */
INLINE void
poly_horner_two(uint8_t (*tags)[16], const struct poly_messages *m, const struct poly_keys *k)
{
	__m512i blocks0 = poly_blocks(&m[0]);
	__m512i blocks1 = poly_blocks(&m[1]);
	struct poly_acc a0 = poly_acc_zero(), a1 = a0;
	struct poly_chunk chunk0, chunk1;
	uint32_t most = m[0].max_blocks > m[1].max_blocks ? m[0].max_blocks : m[1].max_blocks;

	for (unsigned c = (most + 3) / 4; c-- > 0;) {
		unsigned skip = most < 4 * (c + 1) ? 4 * (c + 1) - most : 0;

		poly_chunk_load(&chunk0, &m[0], c);
		poly_chunk_load(&chunk1, &m[1], c);
#define STEP(b) \
	HORNER_STEP(0, b); \
	HORNER_STEP(1, b)
		if (skip < 1) {
			STEP(0);
		}
		if (skip < 2) {
			STEP(1);
		}
		if (skip < 3) {
			STEP(2);
		}
		STEP(3);
#undef STEP
	}
	poly_finish(tags, a0, &m[0], &k[0]);
	poly_finish(tags + LANES, a1, &m[1], &k[1]);
}

/* Four blocks a turn, by r^4, r^3, r^2 and r: four times fewer carries, no waiting. */
INLINE void
poly_by_fours(uint8_t (*tags)[16], const struct poly_messages *m, const struct poly_keys *k,
	struct poly_power power[4])
{
	struct poly_acc zero = poly_acc_zero(), r, a = zero;
	struct poly_chunk chunk;
	__m512i blocks = poly_blocks(m);

	r = (struct poly_acc){k->r.r0, k->r.r1, k->r.r2};
	power[3] = k->r;
#define NEXT_POWER(i) \
	r = poly_mul(r, &k->r); \
	power[i] = poly_power_of(r.h0, r.h1, r.h2)
	NEXT_POWER(2);
	NEXT_POWER(1);
	NEXT_POWER(0);
#undef NEXT_POWER
	for (unsigned c = (m->max_blocks + 3) / 4; c-- > 0;) {
		struct poly_sum s = poly_sum_zero();

		poly_chunk_load(&chunk, m, c);
#define STEP(b, start) \
	poly_mul_add(&s, \
		poly_add_block(start, chunk.v[2 * (b)], chunk.v[2 * (b) + 1], \
			poly_top(&chunk, blocks, c, b)), \
		&power[b])
		/* The accumulator last: the other three need not wait for it. */
		STEP(1, zero);
		STEP(2, zero);
		STEP(3, zero);
		STEP(0, a);
#undef STEP
		a = poly_reduce(&s);
	}
	poly_finish(tags, a, m, k);
}

#endif
