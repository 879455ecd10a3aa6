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
#define ZERO_BITS 3 /* lowest bits of a scalar, by clamping */

/*
 * The base point's multiples: a scalar without its three zero bits, times 8, is
 * taken five bits a window.
 */
#define WINDOWS 51
#define MULTIPLES 16

/*
 * Of (i + 1) * 32^w * 8 times the base point at [w][..][..][i], affine on the
 * Edwards curve: y + x, y - x and 2dxy, limb by limb. Written by
 * x25519_avx512_init only.
 */
static uint64_t base_table[WINDOWS][3][5][MULTIPLES] __attribute__((aligned(64)));

/* The base point on -x^2 + y^2 = 1 + d x^2 y^2 (RFC 7748, section 4.1), and 2d. */
static const uint64_t edwards_x[5] = {
	0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5};
static const uint64_t edwards_y[5] = {
	0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666};
static const uint64_t edwards_2d[5] = {
	0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff};

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
	struct fe_wide x2, z2, x3, z3;
};

/*
 * RFC 7748, section 5: doubles (x2 : z2), adds it to (x3 : z3), their difference
 * being x1. In an order in which neighbours do not wait for each other.
 */
FE_INLINE void
ladder_step(struct ladder *l, const struct fe *x1, __mmask8 swap)
{
	struct fe a = fe_add_wide(l->x2, l->z2), b = fe_sub_wide(l->x2, l->z2);
	struct fe c = fe_add_wide(l->x3, l->z3), d = fe_sub_wide(l->x3, l->z3);
	/* What is doubled is the one or the other; the products da and cb are symmetrical. */
	struct fe_wide da = fe_mul_wide(d, a), cb = fe_mul_wide(c, b);
	struct fe_wide sum = fe_sq_wide(fe_select(swap, a, c));
	struct fe_wide difference = fe_sq_wide(fe_select(swap, b, d));
	struct fe squared = fe_sq(fe_sub_wide(da, cb));
	struct fe aa = fe_reduce(sum), bb = fe_reduce(difference);
	struct fe e = fe_sub_wide(sum, difference);

	l->x3 = fe_sq_wide(fe_add_wide(da, cb));
	l->x2 = fe_mul_wide(aa, bb);
	l->z3 = fe_mul_wide(*x1, squared);
	l->z2 = fe_mul_wide(e, fe_add_small(aa, e, A24));
}

static void
ladder_double(struct ladder *l)
{
	struct fe_wide sum = fe_sq_wide(fe_add_wide(l->x2, l->z2));
	struct fe_wide difference = fe_sq_wide(fe_sub_wide(l->x2, l->z2));
	struct fe aa = fe_reduce(sum), e = fe_sub_wide(sum, difference);

	l->x2 = fe_mul_wide(aa, fe_reduce(difference));
	l->z2 = fe_mul_wide(e, fe_add_small(aa, e, A24));
}

void
x25519_avx512_mul8(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN],
	const uint8_t (*points)[X25519_LEN])
{
	uint64_t k[4][FE_LANES] __attribute__((aligned(64)));
	struct fe x1 = fe_load(points), one = fe_small(1), x, z;
	struct ladder l = {fe_widen(one), fe_widen(fe_small(0)), fe_widen(x1), fe_widen(one)};
	__mmask8 swapped = 0;

	load_scalars(k, scalars);
	for (unsigned t = 255; t-- > ZERO_BITS;) {
		__mmask8 bit = scalar_bit(k, t);

		ladder_step(&l, &x1, bit ^ swapped);
		swapped = bit;
	}
	/* What the next step, for a zero, would double. */
	l.x2 = fe_widen(fe_select(swapped, fe_reduce(l.x2), fe_reduce(l.x3)));
	l.z2 = fe_widen(fe_select(swapped, fe_reduce(l.z2), fe_reduce(l.z3)));
	for (unsigned t = 0; t < ZERO_BITS; t++)
		ladder_double(&l);
	x = fe_reduce(l.x2);
	z = fe_invert(fe_reduce(l.z2));
	fe_mul_by(&x, &z);
	fe_store(out, x);
	crypto_wipe(k, sizeof(k));
	crypto_wipe(&l, sizeof(l));
	crypto_wipe(&x, sizeof(x));
	crypto_wipe(&z, sizeof(z));
}

static struct fe
fe_same(const uint64_t limbs[5])
{
	return (struct fe){FE_SET1(limbs[0]), FE_SET1(limbs[1]), FE_SET1(limbs[2]),
		FE_SET1(limbs[3]), FE_SET1(limbs[4])};
}

/* On the Edwards curve: x / z, y / z, and t = x * y / z. */
struct point {
	struct fe_wide x, y, z;
	struct fe t;
};

/* What is added to a point, over its z: y + x, y - x, 2dxy. */
struct addend {
	struct fe plus, minus, t2d;
};

/*
 * p += q, where z2 is twice the product of their z (Hisil, Wong, Carter and
 * Dawson, "Twisted Edwards curves revisited", 2008, section 3.1). It holds for
 * all pairs of points, also equal ones and the neutral one. q is negated in lanes
 * of negate.
 */
FE_INLINE void
point_add(struct point *p, const struct addend *q, struct fe_wide z2, __mmask8 negate)
{
	struct fe_wide a =
		fe_mul_wide(fe_sub_wide(p->y, p->x), fe_select(negate, q->minus, q->plus));
	struct fe_wide b =
		fe_mul_wide(fe_add_wide(p->y, p->x), fe_select(negate, q->plus, q->minus));
	struct fe_wide c = fe_mul_wide(p->t, q->t2d);
	struct fe e = fe_sub_wide(b, a), h = fe_add_wide(b, a);
	struct fe less = fe_sub_wide(z2, c), more = fe_add_wide(z2, c);
	struct fe f = fe_select(negate, less, more), g = fe_select(negate, more, less);

	p->x = fe_mul_wide(e, f);
	p->y = fe_mul_wide(g, h);
	p->z = fe_mul_wide(f, g);
	p->t = fe_mul(e, h);
}

/* p += q, of which neither is affine. For the table: not in a hurry. */
static __attribute__((noinline)) void
point_add_any(struct point *p, const struct point *q)
{
	struct addend a = {fe_add_wide(q->y, q->x), fe_sub_wide(q->y, q->x),
		fe_mul(q->t, fe_same(edwards_2d))};

	point_add(p, &a, fe_twice(fe_mul_wide(fe_reduce(p->z), fe_reduce(q->z))), 0);
}

static struct point
point_of(struct fe x, struct fe y)
{
	return (struct point){fe_widen(x), fe_widen(y), fe_widen(fe_small(1)), fe_mul(x, y)};
}

static void
store_limbs(uint64_t limbs[5][MULTIPLES], unsigned at, struct fe a)
{
	_mm512_store_si512(limbs[0] + at, a.l0);
	_mm512_store_si512(limbs[1] + at, a.l1);
	_mm512_store_si512(limbs[2] + at, a.l2);
	_mm512_store_si512(limbs[3] + at, a.l3);
	_mm512_store_si512(limbs[4] + at, a.l4);
}

/* Eight multiples, one a lane, into window w's table from `at` on. */
static void
store_multiples(unsigned w, unsigned at, struct fe x, struct fe y, struct fe z)
{
	struct fe over_z = fe_invert(z), t2d = fe_same(edwards_2d);

	fe_mul_by(&x, &over_z);
	fe_mul_by(&y, &over_z);
	fe_mul_by(&t2d, &x);
	fe_mul_by(&t2d, &y);
	store_limbs(base_table[w][0], at, fe_add(y, x));
	store_limbs(base_table[w][1], at, fe_sub(y, x));
	store_limbs(base_table[w][2], at, t2d);
}

void
x25519_avx512_init(void)
{
	/* The same point in all lanes: 32^w * 8 times the base point. */
	struct point p = point_of(fe_same(edwards_x), fe_same(edwards_y));
	struct fe x, y, z;

	x = y = z = fe_small(0);
	for (unsigned i = 0; i < ZERO_BITS; i++)
		point_add_any(&p, &p);
	for (unsigned w = 0; w < WINDOWS; w++) {
		struct point sum = point_of(fe_small(0), fe_small(1));

		for (unsigned i = 0; i < MULTIPLES; i++) {
			__mmask8 lane = (__mmask8)(1 << i % FE_LANES);

			point_add_any(&sum, &p);
			x = fe_select(lane, x, fe_reduce(sum.x));
			y = fe_select(lane, y, fe_reduce(sum.y));
			z = fe_select(lane, z, fe_reduce(sum.z));
			if (i % FE_LANES == FE_LANES - 1)
				store_multiples(w, i + 1 - FE_LANES, x, y, z);
		}
		point_add_any(&sum, &sum);
		p = sum;
	}
}

/* Multiple i (1 to 16) of a window, or 0 for 0; a permutation in registers, so i may be secret. */
FE_INLINE struct fe
table_fe(uint64_t limbs[5][MULTIPLES], __m512i i)
{
	__mmask8 some = _mm512_test_epi64_mask(i, i);
	__m512i at = _mm512_sub_epi64(i, FE_SET1(1));

#define LIMB(n) \
	_mm512_maskz_permutex2var_epi64( \
		some, _mm512_load_si512(limbs[n]), at, _mm512_load_si512(limbs[n] + FE_LANES))
	return (struct fe){LIMB(0), LIMB(1), LIMB(2), LIMB(3), LIMB(4)};
#undef LIMB
}

/* Bits 5w to 5w + 4 of scalars without their three zero bits. */
FE_INLINE __m512i
scalar_window(uint64_t k[4][FE_LANES], unsigned w)
{
	unsigned bit = 5 * w + ZERO_BITS, shift = bit % 64;
	__m512i bits = _mm512_srli_epi64(_mm512_load_si512(k[bit / 64]), shift);

	if (shift > 64 - 5 && bit / 64 < 3)
		bits = _mm512_or_si512(
			bits, _mm512_slli_epi64(_mm512_load_si512(k[bit / 64 + 1]), 64 - shift));
	return _mm512_and_si512(bits, FE_SET1(31));
}

/*
 * The sum of one multiple a window, from digits of -15 to 16: what is above 16
 * becomes 32 less and a carry. The top window holds two bits, so nothing is
 * carried out of it. Then u = (z + y) / (z - y) on the Montgomery curve.
 */
void
x25519_avx512_base8(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN])
{
	uint64_t k[4][FE_LANES] __attribute__((aligned(64)));
	struct point p = point_of(fe_small(0), fe_small(1));
	__m512i carry = _mm512_setzero_si512();
	struct fe u, v;

	load_scalars(k, scalars);
	for (unsigned w = 0; w < WINDOWS; w++) {
		__m512i digit = _mm512_add_epi64(scalar_window(k, w), carry);
		__mmask8 negative = _mm512_cmpgt_epi64_mask(digit, FE_SET1(16)), none;
		struct addend q;

		carry = _mm512_maskz_mov_epi64(negative, FE_SET1(1));
		digit = _mm512_mask_sub_epi64(digit, negative, FE_SET1(32), digit);
		none = _mm512_testn_epi64_mask(digit, digit);
		q.plus = table_fe(base_table[w][0], digit);
		q.minus = table_fe(base_table[w][1], digit);
		q.t2d = table_fe(base_table[w][2], digit);
		/* The neutral point has y + x = y - x = 1. */
		q.plus.l0 = _mm512_mask_mov_epi64(q.plus.l0, none, FE_SET1(1));
		q.minus.l0 = _mm512_mask_mov_epi64(q.minus.l0, none, FE_SET1(1));
		point_add(&p, &q, fe_twice(p.z), negative);
	}
	u = fe_add_wide(p.z, p.y);
	v = fe_invert(fe_sub_wide(p.z, p.y));
	fe_mul_by(&u, &v);
	fe_store(out, u);
	crypto_wipe(k, sizeof(k));
	crypto_wipe(&p, sizeof(p));
}
