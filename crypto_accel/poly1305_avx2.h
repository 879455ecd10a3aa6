/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Poly1305 over 4 messages, one a 64-bit lane, in five limbs of 26 bits.
 * Private to chachapoly_avx2.c. As in poly1305_avx512.h messages are aligned at
 * their ends: a shorter one starts later, from blocks of zeros that leave its
 * accumulator at zero.
 */
#ifndef CRYPTO_ACCEL_POLY1305_AVX2_H
#define CRYPTO_ACCEL_POLY1305_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define POLY_LANES 4
#define POLY_INLINE static inline __attribute__((always_inline))
#define MASK26 ((1 << 26) - 1)
#define SET1_64(x) _mm256_set1_epi64x((long long)(x))

/* Multipliers of 4 messages: the limbs of r, and 5 times the upper four (2^130 = 5). */
struct poly_r {
	__m256i r0, r1, r2, r3, r4, s1, s2, s3, s4;
};

/* Limbs below 2^26 + 2^10 after every step. */
struct poly_acc {
	__m256i h0, h1, h2, h3, h4;
};

struct poly_messages {
	const uint8_t *end[POLY_LANES]; /* behind the last block, padded to 16 */
	const uint8_t *key[POLY_LANES]; /* the 32 bytes of r and s */
	uint64_t blocks[POLY_LANES]; /* of 16 bytes, the last one maybe partial */
	uint64_t length[POLY_LANES]; /* bytes */
	uint8_t rows[POLY_LANES][32]; /* chunks that lack something */
	uint64_t limbs[5][POLY_LANES] __attribute__((aligned(32))); /* of r, then of h */
	uint8_t *tag[POLY_LANES];
	uint32_t min_blocks, max_blocks;
	bool partial; /* some length is no multiple of 16 */
};

POLY_INLINE uint64_t
poly_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

POLY_INLINE void
poly_load_r(struct poly_r *p, struct poly_messages *m)
{
	uint64_t(*r)[POLY_LANES] = m->limbs;

	for (unsigned i = 0; i < POLY_LANES; i++) {
		uint64_t lo = poly_load64(m->key[i]) & 0x0ffffffc0fffffff;
		uint64_t hi = poly_load64(m->key[i] + 8) & 0x0ffffffc0ffffffc;

		r[0][i] = lo & MASK26;
		r[1][i] = lo >> 26 & MASK26;
		r[2][i] = (lo >> 52 | hi << 12) & MASK26;
		r[3][i] = hi >> 14 & MASK26;
		r[4][i] = hi >> 40;
	}
#define LOAD(i) _mm256_load_si256((const __m256i *)r[i])
#define TIMES5(x) _mm256_add_epi64(x, _mm256_slli_epi64(x, 2))
	p->r0 = LOAD(0), p->r1 = LOAD(1), p->r2 = LOAD(2), p->r3 = LOAD(3), p->r4 = LOAD(4);
	p->s1 = TIMES5(p->r1), p->s2 = TIMES5(p->r2), p->s3 = TIMES5(p->r3);
	p->s4 = TIMES5(p->r4);
#undef LOAD
}

/*
 * a = (a + block) * r, the block as its low and high qwords; top is its 2^128
 * bit in limb 4. Limbs of the sum are below 2^27 + 2^10 and of s below 2^29, so a
 * column of five products is below 2^59.
 */
POLY_INLINE struct poly_acc
poly_step(struct poly_acc a, const struct poly_r *p, __m256i lo, __m256i hi, __m256i top)
{
	__m256i mask = SET1_64(MASK26), h0, h1, h2, h3, h4, d0, d1, d2, d3, d4;

#define AND(x) _mm256_and_si256(x, mask)
#define ADD(x, y) _mm256_add_epi64(x, y)
#define MUL(x, y) _mm256_mul_epu32(x, y)
	h0 = ADD(a.h0, AND(lo));
	h1 = ADD(a.h1, AND(_mm256_srli_epi64(lo, 26)));
	h2 = ADD(a.h2, AND(_mm256_or_si256(_mm256_srli_epi64(lo, 52), _mm256_slli_epi64(hi, 12))));
	h3 = ADD(a.h3, AND(_mm256_srli_epi64(hi, 14)));
	h4 = ADD(a.h4, _mm256_or_si256(_mm256_srli_epi64(hi, 40), top));

	d0 = MUL(h0, p->r0);
	d1 = MUL(h0, p->r1);
	d2 = MUL(h0, p->r2);
	d3 = MUL(h0, p->r3);
	d4 = MUL(h0, p->r4);
#define ROW(h, x0, x1, x2, x3, x4) \
	d0 = ADD(d0, MUL(h, p->x0)); \
	d1 = ADD(d1, MUL(h, p->x1)); \
	d2 = ADD(d2, MUL(h, p->x2)); \
	d3 = ADD(d3, MUL(h, p->x3)); \
	d4 = ADD(d4, MUL(h, p->x4))
	ROW(h1, s4, r0, r1, r2, r3);
	ROW(h2, s3, s4, r0, r1, r2);
	ROW(h3, s2, s3, s4, r0, r1);
	ROW(h4, s1, s2, s3, s4, r0);
#undef ROW
	/* Two chains of carries side by side; the last two leave few bits above 2^26. */
#define CARRY(from, to) \
	to = ADD(to, _mm256_srli_epi64(from, 26)); \
	from = AND(from)
	CARRY(d0, d1);
	CARRY(d3, d4);
	CARRY(d1, d2);
	h4 = _mm256_srli_epi64(d4, 26);
	d0 = ADD(d0, TIMES5(h4));
	d4 = AND(d4);
	CARRY(d2, d3);
	CARRY(d0, d1);
	CARRY(d3, d4);
#undef CARRY
#undef AND
#undef ADD
#undef MUL
	return (struct poly_acc){d0, d1, d2, d3, d4};
}

/* Two blocks of each message. */
struct poly_chunk {
	__m256i lo0, hi0, lo1, hi1;
	bool full; /* every lane has both */
};

/* Row of a message that lacks some of chunk c's 32 bytes, zeros in their place. */
POLY_INLINE __m256i
poly_ragged(struct poly_messages *m, unsigned lane, unsigned c)
{
	int64_t padded = 16 * (int64_t)m->blocks[lane];
	int64_t begin = padded - 32 * ((int64_t)c + 1), end = begin + 32;
	int64_t length = (int64_t)m->length[lane];
	int64_t from = begin < 0 ? 0 : begin, to = end < length ? end : length;

	memset(m->rows[lane], 0, 32);
	if (from < to)
		memcpy(m->rows[lane] + (from - begin), m->end[lane] - padded + from,
			(size_t)(to - from));
	return _mm256_loadu_si256((const __m256i *)m->rows[lane]);
}

/* Chunk c counts from the end. */
POLY_INLINE void
poly_chunk_load(struct poly_chunk *chunk, struct poly_messages *m, unsigned c)
{
	__m256i a, b, d, e, t0, t1, t2, t3;

	chunk->full = 2 * (c + 1) <= m->min_blocks;
	if (chunk->full && (c > 0 || !m->partial)) {
#define LOAD(i) _mm256_loadu_si256((const __m256i *)(m->end[i] - 32 * ((size_t)c + 1)))
		a = LOAD(0), b = LOAD(1), d = LOAD(2), e = LOAD(3);
#undef LOAD
	} else {
		a = poly_ragged(m, 0, c), b = poly_ragged(m, 1, c);
		d = poly_ragged(m, 2, c), e = poly_ragged(m, 3, c);
	}
	t0 = _mm256_unpacklo_epi64(a, b), t1 = _mm256_unpackhi_epi64(a, b);
	t2 = _mm256_unpacklo_epi64(d, e), t3 = _mm256_unpackhi_epi64(d, e);
	chunk->lo0 = _mm256_permute2x128_si256(t0, t2, 0x20);
	chunk->hi0 = _mm256_permute2x128_si256(t1, t3, 0x20);
	chunk->lo1 = _mm256_permute2x128_si256(t0, t2, 0x31);
	chunk->hi1 = _mm256_permute2x128_si256(t1, t3, 0x31);
}

/* The 2^128 bit for block b of chunk c, in the lanes that have that block. */
POLY_INLINE __m256i
poly_top(const struct poly_chunk *chunk, __m256i blocks, unsigned c, unsigned b)
{
	__m256i top = SET1_64(1 << 24);

	if (chunk->full)
		return top;
	return _mm256_and_si256(top, _mm256_cmpgt_epi64(blocks, SET1_64(2 * c + 1 - b)));
}

/* One lane's last carries, and s. */
POLY_INLINE void
poly_tag(uint8_t tag[16], uint64_t h[5][POLY_LANES], unsigned lane, const uint8_t s[16])
{
	uint64_t x0 = h[0][lane], x1 = h[1][lane], x2 = h[2][lane], x3 = h[3][lane];
	uint64_t x4 = h[4][lane], lo, hi, g_lo, g_hi, top, keep;
	unsigned __int128 sum;

#define CARRY(from, to) \
	to += from >> 26; \
	from &= MASK26
#define ROUND() \
	CARRY(x0, x1); \
	CARRY(x1, x2); \
	CARRY(x2, x3); \
	CARRY(x3, x4); \
	x0 += (x4 >> 26) * 5; \
	x4 &= MASK26
	ROUND();
	ROUND();
#undef ROUND
#undef CARRY
	/* x0 is at most 2^26 + 4 now: the sum is right all the same. */
	sum = (unsigned __int128)x0 + ((unsigned __int128)x1 << 26) +
	      ((unsigned __int128)x2 << 52) + ((unsigned __int128)x3 << 78) +
	      ((unsigned __int128)(x4 & 0xffffff) << 104);
	lo = (uint64_t)sum;
	hi = (uint64_t)(sum >> 64);
	top = x4 >> 24; /* 2^128 and 2^129 */

	/* g = h + 5; from 2^130 on it is taken. */
	sum = (unsigned __int128)lo + 5;
	g_lo = (uint64_t)sum;
	sum = (unsigned __int128)hi + (uint64_t)(sum >> 64);
	g_hi = (uint64_t)sum;
	keep = ((top + (uint64_t)(sum >> 64)) >> 2) - 1; /* all ones below 2^130 */
	lo = (lo & keep) | (g_lo & ~keep);
	hi = (hi & keep) | (g_hi & ~keep);

	sum = (unsigned __int128)lo + poly_load64(s);
	lo = (uint64_t)sum;
	hi += poly_load64(s + 8) + (uint64_t)(sum >> 64);
	memcpy(tag, &lo, 8);
	memcpy(tag + 8, &hi, 8);
}

/* The block of lengths, and the tags. */
POLY_INLINE void
poly_finish(struct poly_acc a, struct poly_messages *m, const struct poly_r *p)
{
	a = poly_step(a, p, _mm256_setzero_si256(), _mm256_loadu_si256((const __m256i *)m->length),
		SET1_64(1 << 24));
#define STORE(i) _mm256_store_si256((__m256i *)m->limbs[i], a.h##i)
	STORE(0), STORE(1), STORE(2), STORE(3), STORE(4);
#undef STORE
	for (unsigned i = 0; i < POLY_LANES; i++)
		poly_tag(m->tag[i], m->limbs, i, m->key[i] + 16);
}

/* One or two groups of four; the second fills the time in which the first waits. */
static void
poly_fours(struct poly_messages *m, struct poly_r *p, bool two)
{
	__m256i z = _mm256_setzero_si256(), blocks0, blocks1 = z;
	struct poly_acc a0 = {z, z, z, z, z}, a1 = a0;
	struct poly_chunk chunk0, chunk1;
	uint32_t most = m[0].max_blocks;

	poly_load_r(&p[0], &m[0]);
	blocks0 = _mm256_loadu_si256((const __m256i *)m[0].blocks);
	if (two) {
		poly_load_r(&p[1], &m[1]);
		blocks1 = _mm256_loadu_si256((const __m256i *)m[1].blocks);
		most = most > m[1].max_blocks ? most : m[1].max_blocks;
	}
	for (unsigned c = (most + 1) / 2; c-- > 0;) {
#define STEP(g, b) \
	a##g = poly_step( \
		a##g, &p[g], chunk##g.lo##b, chunk##g.hi##b, poly_top(&chunk##g, blocks##g, c, b))
		poly_chunk_load(&chunk0, &m[0], c);
		if (!two) {
			STEP(0, 0);
			STEP(0, 1);
			continue;
		}
		poly_chunk_load(&chunk1, &m[1], c);
		STEP(0, 0);
		STEP(1, 0);
		STEP(0, 1);
		STEP(1, 1);
#undef STEP
	}
	poly_finish(a0, &m[0], &p[0]);
	if (two)
		poly_finish(a1, &m[1], &p[1]);
}

#undef TIMES5

#endif
