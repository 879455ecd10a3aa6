/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * X25519 (RFC 7748) for eight pairs at once, one a lane. Constant time: the
 * steps are the same for every scalar and point, scalar bits only ever become
 * lane masks, and tables are read at public places.
 */
#include <string.h>

#include "crypto_accel/fe51_avx512.h"
#include "crypto_accel/x25519_impl.h"

#define A24 121665 /* (486662 - 2) / 4 */

/* The scalar's bits 3 to 254; bits 0 to 2 are zero by clamping. */
#define BASE_BITS 252

/*
 * (x + 1) / (x - 1) for x of 2^t times the base point, limb by limb. Written by
 * x25519_avx512_init only.
 */
static uint64_t base_ratios[BASE_BITS][5];

/*
 * x of the base point minus S, where S is the point of order 4 with x = 1. (And
 * with the other of its two y: the two differences are the roots of one
 * quadratic equation, and either is right.)
 */
static const uint64_t base_minus_s[5] = {
	0x4e1fec82faabd, 0x5c2965dbf0fd2, 0x575238aefc256, 0x59a56e3d05c91, 0x1eaecdeee27ca};

bool
x25519_avx512_usable(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512ifma");
}

/* Eight little-endian numbers of 256 bits, qword i of all in w[i]. */
static void
load_words(uint64_t w[4][FE_LANES], const uint8_t (*in)[X25519_LEN])
{
	for (unsigned lane = 0; lane < FE_LANES; lane++) {
		for (unsigned i = 0; i < 4; i++)
			memcpy(&w[i][lane], in[lane] + 8 * i, 8);
	}
}

static struct fe
fe_load(const uint8_t (*in)[X25519_LEN])
{
	uint64_t w[4][FE_LANES] __attribute__((aligned(64)));
	__m512i mask = FE_SET1(MASK51), w0, w1, w2, w3;
	struct fe a;

	load_words(w, in);
	w0 = _mm512_load_si512(w[0]);
	w1 = _mm512_load_si512(w[1]);
	w2 = _mm512_load_si512(w[2]);
	w3 = _mm512_load_si512(w[3]);
#define JOIN(low, down, high, up) \
	_mm512_and_si512( \
		mask, _mm512_or_si512(_mm512_srli_epi64(low, down), _mm512_slli_epi64(high, up)))
	a.l0 = _mm512_and_si512(w0, mask);
	a.l1 = JOIN(w0, 51, w1, 13);
	a.l2 = JOIN(w1, 38, w2, 26);
	a.l3 = JOIN(w2, 25, w3, 39);
	a.l4 = _mm512_and_si512(_mm512_srli_epi64(w3, 12), mask); /* bit 255 is ignored */
#undef JOIN
	return a;
}

/* The one form below p. */
static struct fe
fe_freeze(struct fe a)
{
	__m512i mask = FE_SET1(MASK51), q;

	/* Below 2^255 + 2^20 and so below 2p: subtract p once, where a + 19 passes 2^255. */
	a = fe_carry(a.l0, a.l1, a.l2, a.l3, a.l4);
	q = _mm512_srli_epi64(PLUS(a.l0, FE_SET1(19)), 51);
	q = _mm512_srli_epi64(PLUS(a.l1, q), 51);
	q = _mm512_srli_epi64(PLUS(a.l2, q), 51);
	q = _mm512_srli_epi64(PLUS(a.l3, q), 51);
	q = _mm512_srli_epi64(PLUS(a.l4, q), 51);
	a.l0 = _mm512_madd52lo_epu64(a.l0, q, FE_SET1(19));
	a.l1 = PLUS(a.l1, _mm512_srli_epi64(a.l0, 51));
	a.l2 = PLUS(a.l2, _mm512_srli_epi64(a.l1, 51));
	a.l3 = PLUS(a.l3, _mm512_srli_epi64(a.l2, 51));
	a.l4 = PLUS(a.l4, _mm512_srli_epi64(a.l3, 51));
	return (struct fe){_mm512_and_si512(a.l0, mask), _mm512_and_si512(a.l1, mask),
		_mm512_and_si512(a.l2, mask), _mm512_and_si512(a.l3, mask),
		_mm512_and_si512(a.l4, mask)};
}

static void
fe_store(uint8_t (*out)[X25519_LEN], struct fe a)
{
	uint64_t w[4][FE_LANES] __attribute__((aligned(64)));

	a = fe_freeze(a);
#define JOIN(low, down, high, up) \
	_mm512_or_si512(_mm512_srli_epi64(low, down), _mm512_slli_epi64(high, up))
	_mm512_store_si512(w[0], JOIN(a.l0, 0, a.l1, 51));
	_mm512_store_si512(w[1], JOIN(a.l1, 13, a.l2, 38));
	_mm512_store_si512(w[2], JOIN(a.l2, 26, a.l3, 25));
	_mm512_store_si512(w[3], JOIN(a.l3, 39, a.l4, 12));
#undef JOIN
	for (unsigned lane = 0; lane < FE_LANES; lane++) {
		for (unsigned i = 0; i < 4; i++)
			memcpy(out[lane] + 8 * i, &w[i][lane], 8);
	}
	crypto_wipe(w, sizeof(w));
}

static void
load_scalars(uint64_t w[4][FE_LANES], const uint8_t (*scalars)[X25519_LEN])
{
	load_words(w, scalars);
	for (unsigned lane = 0; lane < FE_LANES; lane++) {
		w[0][lane] &= ~(uint64_t)7;
		w[3][lane] = (w[3][lane] & ~(1ULL << 63)) | 1ULL << 62;
	}
}

/* Lanes whose scalar has bit t. */
static inline __mmask8
scalar_bit(uint64_t w[4][FE_LANES], unsigned t)
{
	return _mm512_test_epi64_mask(_mm512_load_si512(w[t / 64]), FE_SET1(1ULL << t % 64));
}

static __attribute__((noinline)) void
fe_sq_times(struct fe *a, unsigned n)
{
	struct fe s = *a;

	while (n-- > 0)
		s = fe_sq(s);
	*a = s;
}

static __attribute__((noinline)) void
fe_mul_by(struct fe *a, const struct fe *b)
{
	*a = fe_mul(*a, *b);
}

/* a^(p - 2) = 1/a, and 0 of 0; p - 2 = 2^255 - 21. */
static struct fe
fe_invert(struct fe a)
{
	struct fe a2 = a, a9, a11, x, y, first;

#define RAISE(to, from, n) \
	to = from; \
	fe_sq_times(&to, n)
	fe_sq_times(&a2, 1);
	RAISE(a9, a2, 2);
	fe_mul_by(&a9, &a);
	a11 = a9;
	fe_mul_by(&a11, &a2);
	RAISE(x, a11, 1); /* 22 */
	fe_mul_by(&x, &a9); /* 2^5 - 1 */
	RAISE(y, x, 5);
	fe_mul_by(&y, &x); /* 2^10 - 1 */
	first = y;
	RAISE(x, y, 10);
	fe_mul_by(&x, &y); /* 2^20 - 1 */
	RAISE(y, x, 20);
	fe_mul_by(&y, &x); /* 2^40 - 1 */
	fe_sq_times(&y, 10);
	fe_mul_by(&y, &first); /* 2^50 - 1 */
	first = y;
	RAISE(x, y, 50);
	fe_mul_by(&x, &y); /* 2^100 - 1 */
	RAISE(y, x, 100);
	fe_mul_by(&y, &x); /* 2^200 - 1 */
	fe_sq_times(&y, 50);
	fe_mul_by(&y, &first); /* 2^250 - 1 */
	fe_sq_times(&y, 5);
	fe_mul_by(&y, &a11); /* 2^255 - 32 + 11 */
#undef RAISE
	return y;
}

/* (x : z) of a point and of the next one that the ladder adds. */
struct ladder {
	struct fe x2, z2, x3, z3;
};

/* RFC 7748, section 5: doubles (x2 : z2), adds it to (x3 : z3), their difference being x1. */
static inline void
ladder_step(struct ladder *l, const struct fe *x1, __mmask8 swap)
{
	struct fe a, b, c, d, e, aa, bb, da, cb;

	a = fe_add(l->x2, l->z2);
	b = fe_sub(l->x2, l->z2);
	c = fe_add(l->x3, l->z3);
	d = fe_sub(l->x3, l->z3);
	/* What is doubled is the one or the other; the products da and cb are symmetrical. */
	da = fe_mul(d, a);
	cb = fe_mul(c, b);
	a = fe_select(swap, a, c);
	b = fe_select(swap, b, d);
	aa = fe_sq(a);
	bb = fe_sq(b);
	l->x3 = fe_sq(fe_add(da, cb));
	l->z3 = fe_mul(*x1, fe_sq(fe_sub(da, cb)));
	e = fe_sub(aa, bb);
	l->x2 = fe_mul(aa, bb);
	l->z2 = fe_mul(e, fe_add_small(aa, e, A24));
}

void
x25519_avx512_mul8(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN],
	const uint8_t (*points)[X25519_LEN])
{
	uint64_t k[4][FE_LANES] __attribute__((aligned(64)));
	struct fe x1 = fe_load(points);
	struct ladder l = {fe_small(1), fe_small(0), x1, fe_small(1)};
	__mmask8 swapped = 0;

	load_scalars(k, scalars);
	for (unsigned t = 255; t-- > 0;) {
		__mmask8 bit = scalar_bit(k, t);

		ladder_step(&l, &x1, bit ^ swapped);
		swapped = bit;
	}
	/* The three lowest bits are zero, so nothing is left swapped. */
	l.z2 = fe_invert(l.z2);
	fe_mul_by(&l.x2, &l.z2);
	fe_store(out, l.x2);
	crypto_wipe(k, sizeof(k));
	crypto_wipe(&l, sizeof(l));
}

/* (x2 : z2) doubled. */
static void
ladder_double(struct ladder *l)
{
	struct fe aa = fe_sq(fe_add(l->x2, l->z2)), bb = fe_sq(fe_sub(l->x2, l->z2));
	struct fe e = fe_sub(aa, bb);

	l->x2 = fe_mul(aa, bb);
	l->z2 = fe_mul(e, fe_add_small(aa, e, A24));
}

static struct fe
fe_same(const uint64_t limbs[5])
{
	return (struct fe){FE_SET1(limbs[0]), FE_SET1(limbs[1]), FE_SET1(limbs[2]),
		FE_SET1(limbs[3]), FE_SET1(limbs[4])};
}

void
x25519_avx512_init(void)
{
	struct ladder l = {.x2 = fe_small(9), .z2 = fe_small(1)};

	for (unsigned t = 0; t < BASE_BITS; t++) {
		uint64_t lanes[5][FE_LANES] __attribute__((aligned(64)));
		struct fe ratio = fe_invert(fe_sub(l.x2, l.z2)), sum = fe_add(l.x2, l.z2);

		fe_mul_by(&ratio, &sum);
		_mm512_store_si512(lanes[0], ratio.l0);
		_mm512_store_si512(lanes[1], ratio.l1);
		_mm512_store_si512(lanes[2], ratio.l2);
		_mm512_store_si512(lanes[3], ratio.l3);
		_mm512_store_si512(lanes[4], ratio.l4);
		for (unsigned i = 0; i < 5; i++)
			base_ratios[t][i] = lanes[i][0];
		ladder_double(&l);
	}
}

/*
 * From the lowest bit upwards (Oliveira, Lopez, Hisil, Faz-Hernandez and
 * Rodriguez-Henriquez, "How to (pre-)compute a ladder", SAC 2017). With P_t =
 * 2^t times the base point, from a table, and k without its three zero bits:
 * one of two points holds S plus the multiple so far, the other P_t minus that.
 * For a one, P_t is added to the first, whose difference from it is the second;
 * for a zero to the second, whose difference from it is the first. S, of order
 * 4, keeps both off the points where adding breaks down; three doublings at the
 * end stand for the three zero bits and take S away.
 */
void
x25519_avx512_base8(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN])
{
	uint64_t k[4][FE_LANES] __attribute__((aligned(64)));
	/* (x2 : z2) is what the last step did not change, or what a zero would change. */
	struct ladder l = {fe_same(base_minus_s), fe_small(1), fe_small(1), fe_small(1)};
	__mmask8 swapped = 0xff; /* x3 is the first point: as if the last bit had been a one */

	load_scalars(k, scalars);
	for (unsigned t = 0; t < BASE_BITS; t++) {
		__mmask8 bit = scalar_bit(k, t + 3), swap = bit ^ swapped;
		struct fe x = fe_select(swap, l.x3, l.x2), z = fe_select(swap, l.z3, l.z2);
		struct fe a, b;

		/* (x3 : z3) is to change to: itself + P_t; (x2 : z2) is the difference. */
		l.x2 = fe_select(swap, l.x2, l.x3);
		l.z2 = fe_select(swap, l.z2, l.z3);
		a = fe_add(x, z);
		b = fe_mul(fe_sub(x, z), fe_same(base_ratios[t]));
		l.x3 = fe_mul(l.z2, fe_sq(fe_add(a, b)));
		l.z3 = fe_mul(l.x2, fe_sq(fe_sub(a, b)));
		swapped = bit;
	}
	/* The topmost bit is a one by clamping: the first point changed last. */
	l.x2 = l.x3;
	l.z2 = l.z3;
	ladder_double(&l);
	ladder_double(&l);
	ladder_double(&l);
	l.z2 = fe_invert(l.z2);
	fe_mul_by(&l.x2, &l.z2);
	fe_store(out, l.x2);
	crypto_wipe(k, sizeof(k));
	crypto_wipe(&l, sizeof(l));
}
