/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The field of 2^255 - 19 over 8 lanes: five limbs of 51 bits, limb i of all
 * lanes in one register, multiplied with vpmadd52. Private to x25519_avx512.c.
 *
 * A struct fe is reduced: limbs below 2^51 + 2^15. That is what multiplications
 * take, for vpmadd52 reads no more than 52 bits: even a sum of two must be
 * carried. What they give, before it is carried, is a struct fe_wide, limbs
 * below 2^59; sums and differences take either, so that a product that is only
 * added to others is carried once, with the sum.
 */
#ifndef CRYPTO_ACCEL_FE51_AVX512_H
#define CRYPTO_ACCEL_FE51_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define FE_LANES 8
#define MASK51 ((1ULL << 51) - 1)
#define FE_INLINE static inline __attribute__((always_inline))
#define FE_SET1(x) _mm512_set1_epi64((long long)(x))

/* Limbs by name: gcc 12 keeps arrays of registers in memory. */
struct fe {
	__m512i l0, l1, l2, l3, l4;
};

struct fe_wide {
	__m512i l0, l1, l2, l3, l4;
};

#define LO(acc, a, b) acc = _mm512_madd52lo_epu64(acc, a, b)
#define HI(acc, a, b) acc = _mm512_madd52hi_epu64(acc, a, b)
#define PLUS(a, b) _mm512_add_epi64(a, b)
#define TWICE(a) _mm512_add_epi64(a, a)

/* One round of carries, all limbs at once; from limbs below 2^61. */
FE_INLINE struct fe
fe_carry(__m512i r0, __m512i r1, __m512i r2, __m512i r3, __m512i r4)
{
	__m512i mask = FE_SET1(MASK51);
	struct fe o;

	o.l0 = _mm512_madd52lo_epu64(
		_mm512_and_si512(r0, mask), _mm512_srli_epi64(r4, 51), FE_SET1(19));
	o.l1 = PLUS(_mm512_and_si512(r1, mask), _mm512_srli_epi64(r0, 51));
	o.l2 = PLUS(_mm512_and_si512(r2, mask), _mm512_srli_epi64(r1, 51));
	o.l3 = PLUS(_mm512_and_si512(r3, mask), _mm512_srli_epi64(r2, 51));
	o.l4 = PLUS(_mm512_and_si512(r4, mask), _mm512_srli_epi64(r3, 51));
	return o;
}

FE_INLINE struct fe
fe_reduce(struct fe_wide a)
{
	return fe_carry(a.l0, a.l1, a.l2, a.l3, a.l4);
}

FE_INLINE struct fe_wide
fe_widen(struct fe a)
{
	return (struct fe_wide){a.l0, a.l1, a.l2, a.l3, a.l4};
}

/* Below 2^60; for one more sum or difference only. */
FE_INLINE struct fe_wide
fe_twice(struct fe_wide a)
{
	return (struct fe_wide){TWICE(a.l0), TWICE(a.l1), TWICE(a.l2), TWICE(a.l3), TWICE(a.l4)};
}

FE_INLINE struct fe
fe_add_wide(struct fe_wide a, struct fe_wide b)
{
	return fe_carry(PLUS(a.l0, b.l0), PLUS(a.l1, b.l1), PLUS(a.l2, b.l2), PLUS(a.l3, b.l3),
		PLUS(a.l4, b.l4));
}

/* a + n * 2p - b; 2p's limbs are 2^52 - 38 and 2^52 - 2. */
#define MINUS(p, i) _mm512_sub_epi64(PLUS(a.l##i, p), b.l##i)
#define SUB(n) \
	__m512i low = FE_SET1(((1ULL << 52) - 38) * (n)), \
		rest = FE_SET1(((1ULL << 52) - 2) * (n)); \
\
	return fe_carry( \
		MINUS(low, 0), MINUS(rest, 1), MINUS(rest, 2), MINUS(rest, 3), MINUS(rest, 4))

/* The limbs of 256 p are above all of b's, the largest of which is below 125 * 2^52. */
FE_INLINE struct fe
fe_sub_wide(struct fe_wide a, struct fe_wide b)
{
	SUB(128);
}

FE_INLINE struct fe
fe_add(struct fe a, struct fe b)
{
	return fe_add_wide(fe_widen(a), fe_widen(b));
}

FE_INLINE struct fe
fe_sub(struct fe a, struct fe b)
{
	SUB(1);
}

#undef MINUS
#undef SUB

/*
 * Columns to limbs. c0 to c9 are below 7.5 * 2^52; column 5 + i counts 2^255 = 19
 * times column i. From a constant that it knows gcc makes five instructions.
 */
#define FOLD(i, j) PLUS(c##i, _mm512_mullo_epi64(c##j, nineteen))
#define FE_FOLD() ((struct fe_wide){FOLD(0, 5), FOLD(1, 6), FOLD(2, 7), FOLD(3, 8), FOLD(4, 9)})

FE_INLINE __m512i
fe_nineteen(void)
{
	__m512i v = FE_SET1(19);

	__asm__("" : "+v"(v));
	return v;
}

/*
 * The high half of a product counts 2^52, which is twice the next column: high
 * halves h of column k are summed first, and doubled start column k + 1.
 */
FE_INLINE struct fe_wide
fe_mul_wide(struct fe a, struct fe b)
{
	__m512i nineteen = fe_nineteen(), z = _mm512_setzero_si512();
	__m512i h0 = z, h1 = z, h2 = z, h3 = z, h4 = z, h5 = z, h6 = z, h7 = z, h8 = z;
	__m512i c0 = z, c1, c2, c3, c4, c5, c6, c7, c8, c9;

	HI(h0, a.l0, b.l0);
	HI(h1, a.l0, b.l1);
	HI(h2, a.l0, b.l2);
	HI(h3, a.l0, b.l3);
	HI(h4, a.l0, b.l4);
	HI(h5, a.l1, b.l4);
	HI(h6, a.l2, b.l4);
	HI(h7, a.l3, b.l4);
	HI(h8, a.l4, b.l4);
	HI(h1, a.l1, b.l0);
	HI(h2, a.l1, b.l1);
	HI(h3, a.l1, b.l2);
	HI(h4, a.l1, b.l3);
	HI(h5, a.l2, b.l3);
	HI(h6, a.l3, b.l3);
	HI(h7, a.l4, b.l3);
	HI(h2, a.l2, b.l0);
	HI(h3, a.l2, b.l1);
	HI(h4, a.l2, b.l2);
	HI(h5, a.l3, b.l2);
	HI(h6, a.l4, b.l2);
	HI(h3, a.l3, b.l0);
	HI(h4, a.l3, b.l1);
	HI(h5, a.l4, b.l1);
	HI(h4, a.l4, b.l0);
	c1 = TWICE(h0), c2 = TWICE(h1), c3 = TWICE(h2), c4 = TWICE(h3), c5 = TWICE(h4);
	c6 = TWICE(h5), c7 = TWICE(h6), c8 = TWICE(h7), c9 = TWICE(h8);
	LO(c0, a.l0, b.l0);
	LO(c1, a.l0, b.l1);
	LO(c2, a.l0, b.l2);
	LO(c3, a.l0, b.l3);
	LO(c4, a.l0, b.l4);
	LO(c5, a.l1, b.l4);
	LO(c6, a.l2, b.l4);
	LO(c7, a.l3, b.l4);
	LO(c8, a.l4, b.l4);
	LO(c1, a.l1, b.l0);
	LO(c2, a.l1, b.l1);
	LO(c3, a.l1, b.l2);
	LO(c4, a.l1, b.l3);
	LO(c5, a.l2, b.l3);
	LO(c6, a.l3, b.l3);
	LO(c7, a.l4, b.l3);
	LO(c2, a.l2, b.l0);
	LO(c3, a.l2, b.l1);
	LO(c4, a.l2, b.l2);
	LO(c5, a.l3, b.l2);
	LO(c6, a.l4, b.l2);
	LO(c3, a.l3, b.l0);
	LO(c4, a.l3, b.l1);
	LO(c5, a.l4, b.l1);
	LO(c4, a.l4, b.l0);
	return FE_FOLD();
}

/* As fe_mul_wide; the products of two different limbs are summed once and doubled. */
FE_INLINE struct fe_wide
fe_sq_wide(struct fe a)
{
	__m512i nineteen = fe_nineteen(), z = _mm512_setzero_si512();
	__m512i h0 = z, h1 = z, h2 = z, h3 = z, h4 = z, h5 = z, h6 = z, h7 = z, h8 = z;
	__m512i c0 = z, c1 = z, c2 = z, c3 = z, c4 = z, c5 = z, c6 = z, c7 = z, c8 = z, c9;

	HI(h1, a.l0, a.l1);
	HI(h2, a.l0, a.l2);
	HI(h3, a.l0, a.l3);
	HI(h4, a.l0, a.l4);
	HI(h5, a.l1, a.l4);
	HI(h6, a.l2, a.l4);
	HI(h7, a.l3, a.l4);
	HI(h3, a.l1, a.l2);
	HI(h4, a.l1, a.l3);
	HI(h5, a.l2, a.l3);
	h1 = TWICE(h1), h2 = TWICE(h2), h3 = TWICE(h3), h4 = TWICE(h4);
	h5 = TWICE(h5), h6 = TWICE(h6), h7 = TWICE(h7);
	HI(h0, a.l0, a.l0);
	HI(h2, a.l1, a.l1);
	HI(h4, a.l2, a.l2);
	HI(h6, a.l3, a.l3);
	HI(h8, a.l4, a.l4);
	/* Half of each column; the diagonal is added below. */
	c1 = h0, c2 = h1, c3 = h2, c4 = h3, c5 = h4, c6 = h5, c7 = h6, c8 = h7, c9 = TWICE(h8);
	LO(c1, a.l0, a.l1);
	LO(c2, a.l0, a.l2);
	LO(c3, a.l0, a.l3);
	LO(c4, a.l0, a.l4);
	LO(c5, a.l1, a.l4);
	LO(c6, a.l2, a.l4);
	LO(c7, a.l3, a.l4);
	LO(c3, a.l1, a.l2);
	LO(c4, a.l1, a.l3);
	LO(c5, a.l2, a.l3);
	c1 = TWICE(c1), c2 = TWICE(c2), c3 = TWICE(c3), c4 = TWICE(c4);
	c5 = TWICE(c5), c6 = TWICE(c6), c7 = TWICE(c7), c8 = TWICE(c8);
	LO(c0, a.l0, a.l0);
	LO(c2, a.l1, a.l1);
	LO(c4, a.l2, a.l2);
	LO(c6, a.l3, a.l3);
	LO(c8, a.l4, a.l4);
	return FE_FOLD();
}

FE_INLINE struct fe
fe_mul(struct fe a, struct fe b)
{
	return fe_reduce(fe_mul_wide(a, b));
}

FE_INLINE struct fe
fe_sq(struct fe a)
{
	return fe_reduce(fe_sq_wide(a));
}

/* a + k * b for a k below 2^20. */
FE_INLINE struct fe
fe_add_small(struct fe a, struct fe b, uint64_t k)
{
	__m512i z = _mm512_setzero_si512(), f = FE_SET1(k), two = FE_SET1(2);
	__m512i h0 = z, h1 = z, h2 = z, h3 = z, h4 = z;

	HI(h0, b.l0, f);
	HI(h1, b.l1, f);
	HI(h2, b.l2, f);
	HI(h3, b.l3, f);
	HI(h4, b.l4, f);
	LO(a.l0, b.l0, f);
	LO(a.l1, b.l1, f);
	LO(a.l2, b.l2, f);
	LO(a.l3, b.l3, f);
	LO(a.l4, b.l4, f);
	LO(a.l0, h4, FE_SET1(2 * 19));
	LO(a.l1, h0, two);
	LO(a.l2, h1, two);
	LO(a.l3, h2, two);
	LO(a.l4, h3, two);
	return fe_carry(a.l0, a.l1, a.l2, a.l3, a.l4);
}

/* Lanes of mask: b, others: a. */
FE_INLINE struct fe
fe_select(__mmask8 mask, struct fe a, struct fe b)
{
	return (struct fe){_mm512_mask_mov_epi64(a.l0, mask, b.l0),
		_mm512_mask_mov_epi64(a.l1, mask, b.l1), _mm512_mask_mov_epi64(a.l2, mask, b.l2),
		_mm512_mask_mov_epi64(a.l3, mask, b.l3), _mm512_mask_mov_epi64(a.l4, mask, b.l4)};
}

FE_INLINE struct fe
fe_small(uint64_t v)
{
	__m512i z = _mm512_setzero_si512();

	return (struct fe){FE_SET1(v), z, z, z, z};
}

#undef LO
#undef HI
#undef TWICE
#undef FOLD
#undef FE_FOLD

#endif
