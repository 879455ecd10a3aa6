/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20 over 16 lanes, each of which is one block of any packet. Register w
 * holds word w of the state of all lanes. Private to chachapoly_avx512.c;
 * docs/crypto.md draws the lanes.
 */
#ifndef CRYPTO_ACCEL_CHACHA20_AVX512_H
#define CRYPTO_ACCEL_CHACHA20_AVX512_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

#define GROUP 32 /* packets whose keys lanes may choose from */

/* What lanes differ in before the rounds, word by word. */
struct chacha_rows {
	__m512i key[8];
	__m512i counter[2]; /* low and high half */
};

/* Of the packets of a group: [0] is of packets 0 to 15. */
struct chacha_keys {
	struct chacha_rows half[2];
};

/* The constant words, "expand 32-byte k". */
#define SIGMA0 0x61707865
#define SIGMA1 0x3320646e
#define SIGMA2 0x79622d32
#define SIGMA3 0x6b206574

/*
 * Nowhere here is an array of registers indexed by a loop variable: gcc 12
 * keeps such an array in memory even where it unrolls the loop later.
 */

/*
 * A round is four quarter rounds on columns or diagonals of the 4x4 state.
 * Element i of a row, with the row turned by r, is IN(row, i, r).
 */
#define IN(row, i, r) (4 * (row) + (((i) + (r)) & 3))
/*
 * Single instructions in a fixed order: two sets of lanes leave no register
 * free, and compilers left to schedule this themselves spill (gcc 12: 35 moves
 * to and from memory in a double round).
 */
#define ADD(v, x, rx, y, ry, i) \
	__asm__ volatile("vpaddd %1, %0, %0" : "+v"(v[IN(x, i, rx)]) : "v"(v[IN(y, i, ry)]))
#define XOR(v, x, rx, y, ry, i) \
	__asm__ volatile("vpxord %1, %0, %0" : "+v"(v[IN(x, i, rx)]) : "v"(v[IN(y, i, ry)]))
#define ROT(v, x, rx, n, i) __asm__ volatile("vprold %1, %0, %0" : "+v"(v[IN(x, i, rx)]) : "i"(n))

/*
 * A quarter of a quarter round, x += y; z = (z ^ x) <<< n, in all four columns
 * or diagonals, two by two: rotations have half of the CPU's vector units, and
 * this way additions of one pair fill the others (Zen 4: 5 % faster than fours).
 */
#define PAIR(v, x, rx, y, ry, z, rz, n, i) \
	ADD(v, x, rx, y, ry, i); \
	ADD(v, x, rx, y, ry, i + 1); \
	XOR(v, z, rz, x, rx, i); \
	XOR(v, z, rz, x, rx, i + 1); \
	ROT(v, z, rz, n, i); \
	ROT(v, z, rz, n, i + 1)
#define QUARTER(v, x, rx, y, ry, z, rz, n) \
	PAIR(v, x, rx, y, ry, z, rz, n, 0); \
	PAIR(v, x, rx, y, ry, z, rz, n, 2)

/* Rows b, c and d are turned by tb, tc and td: 0 for columns; 1, 2, 3 for diagonals. */
#define ROUND(v, tb, tc, td) \
	do { \
		QUARTER(v, 0, 0, 1, tb, 3, td, 16); \
		QUARTER(v, 2, tc, 3, td, 1, tb, 12); \
		QUARTER(v, 0, 0, 1, tb, 3, td, 8); \
		QUARTER(v, 2, tc, 3, td, 1, tb, 7); \
	} while (0)

/*
 * Two sets of lanes step by step: one alone waits for the latency of its own
 * instructions. Both together fill all 32 registers, without a spare.
 */
#define ROUND_TWO(v, w, tb, tc, td) \
	do { \
		QUARTER(v, 0, 0, 1, tb, 3, td, 16); \
		QUARTER(w, 0, 0, 1, tb, 3, td, 16); \
		QUARTER(v, 2, tc, 3, td, 1, tb, 12); \
		QUARTER(w, 2, tc, 3, td, 1, tb, 12); \
		QUARTER(v, 0, 0, 1, tb, 3, td, 8); \
		QUARTER(w, 0, 0, 1, tb, 3, td, 8); \
		QUARTER(v, 2, tc, 3, td, 1, tb, 7); \
		QUARTER(w, 2, tc, 3, td, 1, tb, 7); \
	} while (0)

/* The rows of lanes whose packets are idx (0 to 31). */
INLINE void
chacha_pick(struct chacha_rows *rows, const struct chacha_keys *k, __m512i idx)
{
#define PICK(word) rows->word = _mm512_permutex2var_epi32(k->half[0].word, idx, k->half[1].word)
	PICK(key[0]);
	PICK(key[1]);
	PICK(key[2]);
	PICK(key[3]);
	PICK(key[4]);
	PICK(key[5]);
	PICK(key[6]);
	PICK(key[7]);
	PICK(counter[0]);
	PICK(counter[1]);
#undef PICK
}

/* The state before the rounds; blk is each lane's block number. */
INLINE void
chacha_load(__m512i v[16], const struct chacha_rows *rows, const __m512i *blk)
{
	v[0] = _mm512_set1_epi32(SIGMA0);
	v[1] = _mm512_set1_epi32(SIGMA1);
	v[2] = _mm512_set1_epi32(SIGMA2);
	v[3] = _mm512_set1_epi32(SIGMA3);
	v[4] = rows->key[0];
	v[5] = rows->key[1];
	v[6] = rows->key[2];
	v[7] = rows->key[3];
	v[8] = rows->key[4];
	v[9] = rows->key[5];
	v[10] = rows->key[6];
	v[11] = rows->key[7];
	v[12] = *blk;
	v[13] = _mm512_setzero_si512();
	v[14] = rows->counter[0];
	v[15] = rows->counter[1];
}

/* Adds the state before the rounds. */
INLINE void
chacha_add(__m512i v[16], const struct chacha_rows *rows, const __m512i *blk)
{
#define PLUS(w, x) v[w] = _mm512_add_epi32(v[w], x)
	PLUS(0, _mm512_set1_epi32(SIGMA0));
	PLUS(1, _mm512_set1_epi32(SIGMA1));
	PLUS(2, _mm512_set1_epi32(SIGMA2));
	PLUS(3, _mm512_set1_epi32(SIGMA3));
	PLUS(4, rows->key[0]);
	PLUS(5, rows->key[1]);
	PLUS(6, rows->key[2]);
	PLUS(7, rows->key[3]);
	PLUS(8, rows->key[4]);
	PLUS(9, rows->key[5]);
	PLUS(10, rows->key[6]);
	PLUS(11, rows->key[7]);
	PLUS(12, *blk);
	PLUS(14, rows->counter[0]);
	PLUS(15, rows->counter[1]);
#undef PLUS
}

/* Keeps the compiler from holding over the rounds what chacha_add reads again. */
#define FORGET_MEMORY() __asm__ volatile("" : : : "memory")

INLINE void
chacha_one(__m512i v[16], const struct chacha_rows *rows, const __m512i *blk)
{
	chacha_load(v, rows, blk);
	for (unsigned i = 0; i < 10; i++) {
		ROUND(v, 0, 0, 0);
		ROUND(v, 1, 2, 3);
	}
	FORGET_MEMORY();
	chacha_add(v, rows, blk);
}

INLINE void
chacha_two(__m512i v[16], __m512i w[16], const struct chacha_rows *v_rows,
	const struct chacha_rows *w_rows, const __m512i blk[2])
{
	chacha_load(v, v_rows, &blk[0]);
	chacha_load(w, w_rows, &blk[1]);
	for (unsigned i = 0; i < 10; i++) {
		ROUND_TWO(v, w, 0, 0, 0);
		ROUND_TWO(v, w, 1, 2, 3);
	}
	FORGET_MEMORY();
	chacha_add(v, v_rows, &blk[0]);
	chacha_add(w, w_rows, &blk[1]);
}

/* Four words of all lanes become, in each 128-bit part L of v[j], those of lane 4L + j. */
INLINE void
transpose_4x4(__m512i v[4])
{
	__m512i t0 = _mm512_unpacklo_epi32(v[0], v[1]), t1 = _mm512_unpackhi_epi32(v[0], v[1]);
	__m512i t2 = _mm512_unpacklo_epi32(v[2], v[3]), t3 = _mm512_unpackhi_epi32(v[2], v[3]);

	v[0] = _mm512_unpacklo_epi64(t0, t2);
	v[1] = _mm512_unpackhi_epi64(t0, t2);
	v[2] = _mm512_unpacklo_epi64(t1, t3);
	v[3] = _mm512_unpackhi_epi64(t1, t3);
}

/* Parts 0 and 2, or 1 and 3, of a and then of b. */
#define EVEN(a, b) _mm512_shuffle_i32x4(a, b, 0x88)
#define ODD(a, b) _mm512_shuffle_i32x4(a, b, 0xdd)

INLINE void
xor64(uint8_t *data, __m512i stream)
{
	_mm512_storeu_si512(data, _mm512_xor_si512(_mm512_loadu_si512(data), stream));
}

/*
 * Exclusive-ors lane i's block of the key stream into the 64 bytes at data[i];
 * of all lanes, or of lanes 8 to 15 only.
 */
INLINE void
chacha_xor(__m512i v[16], uint8_t *const data[16], bool all)
{
	transpose_4x4(v);
	transpose_4x4(v + 4);
	transpose_4x4(v + 8);
	transpose_4x4(v + 12);
#define ROWS(j) \
	do { \
		__m512i even_lo = EVEN(v[j], v[4 + j]), even_hi = EVEN(v[8 + j], v[12 + j]); \
		__m512i odd_lo = ODD(v[j], v[4 + j]), odd_hi = ODD(v[8 + j], v[12 + j]); \
\
		if (all) { \
			xor64(data[j], EVEN(even_lo, even_hi)); \
			xor64(data[4 + j], EVEN(odd_lo, odd_hi)); \
		} \
		xor64(data[8 + j], ODD(even_lo, even_hi)); \
		xor64(data[12 + j], ODD(odd_lo, odd_hi)); \
	} while (0)
	ROWS(0);
	ROWS(1);
	ROWS(2);
	ROWS(3);
#undef ROWS
}

/* Sixteen packets' keys, transposed from where they lie. */
INLINE void
chacha_keys_load(struct chacha_rows *rows, const uint8_t *const keys[16])
{
	__m512i r[8];

#define ROW(lo, hi) \
	_mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const void *)keys[lo])), \
		_mm256_loadu_si256((const void *)keys[hi]), 1)
	r[0] = ROW(0, 4);
	r[1] = ROW(1, 5);
	r[2] = ROW(2, 6);
	r[3] = ROW(3, 7);
	r[4] = ROW(8, 12);
	r[5] = ROW(9, 13);
	r[6] = ROW(10, 14);
	r[7] = ROW(11, 15);
#undef ROW
	transpose_4x4(r);
	transpose_4x4(r + 4);
	rows->key[0] = EVEN(r[0], r[4]);
	rows->key[1] = EVEN(r[1], r[5]);
	rows->key[2] = EVEN(r[2], r[6]);
	rows->key[3] = EVEN(r[3], r[7]);
	rows->key[4] = ODD(r[0], r[4]);
	rows->key[5] = ODD(r[1], r[5]);
	rows->key[6] = ODD(r[2], r[6]);
	rows->key[7] = ODD(r[3], r[7]);
}

#endif
