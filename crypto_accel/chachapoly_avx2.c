/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Multi-buffer ChaCha20-Poly1305 for AVX2: eight lanes, each a block of any of
 * eight packets, as chachapoly_avx512.c has sixteen of 32. Poly1305 runs beside
 * it in general registers: of packets sealed before, or to be opened next.
 *
 * Constant time: branches and addresses depend on lengths and on whether a tag
 * was right, never on a key, on text or on a tag's value.
 */
#include <immintrin.h>
#include <stdlib.h>

#include "crypto_accel/burst_sort.h"
#include "crypto_accel/impl.h"
#include "crypto_accel/poly1305_mulx.h"

#define LANES 8
#define INLINE static inline __attribute__((always_inline))

#define GROUPS (AEAD_BURST_MAX / LANES)

/* Of a group of eight packets, word by word. */
struct group_keys {
	__m256i key[8];
	__m256i counter[2]; /* low and high half */
};

/* All of it secret but for sorted; what a burst used is wiped behind it. */
struct scratch {
	__m256i word0; /* of the state, see QUARTERS */
	struct poly_queue poly;
	uint8_t bounce[2][LANES][64] __attribute__((aligned(32))); /* partial and no blocks */
	/* By packet of the sorted burst, or by group. */
	struct group_keys keys[GROUPS];
	uint8_t poly_key[AEAD_BURST_MAX][32] __attribute__((aligned(32)));
	uint8_t tags[AEAD_BURST_MAX][AEAD_TAG_LEN];
	uint8_t stream[AEAD_BURST_MAX][64] __attribute__((aligned(32))); /* block 1, for open */
	struct aead_op *sorted[AEAD_BURST_MAX];
};

/* Packets first to first + count - 1 of the sorted burst. */
struct group {
	struct scratch *s;
	struct group_keys *keys;
	struct aead_op **op;
	unsigned first, count;
};

static const uint8_t zero_key[AEAD_KEY_LEN];

static bool
avx2_usable(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

static void *
avx2_init(void)
{
	struct scratch *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);

	if (s != NULL)
		memset(s, 0, sizeof(*s));
	return s;
}

static void
avx2_fini(void *scratch)
{
	crypto_wipe(scratch, sizeof(struct scratch));
	free(scratch);
}

/*
 * AVX2 has no rotation: by 16 and 8 it is a shuffle of bytes, by 12 and 7 two
 * shifts. Those need a register for a moment, and the state has all sixteen: so
 * its word 0 lives in memory, where it is off the critical path. Single
 * instructions in a fixed order, because compilers spill a quarter of the state.
 */
static const uint8_t rot16_bytes[32] __attribute__((aligned(32))) = {2, 3, 0, 1, 6, 7, 4, 5, 10, 11,
	8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13};
static const uint8_t rot8_bytes[32] __attribute__((aligned(32))) = {3, 0, 1, 2, 7, 4, 5, 6, 11, 8,
	9, 10, 15, 12, 13, 14, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14};

#define ADD(x, y) __asm__ volatile("vpaddd %1, %0, %0" : "+x"(v[x]) : "x"(v[y]))
#define XOR(x, y) __asm__ volatile("vpxor %1, %0, %0" : "+x"(v[x]) : "x"(v[y]))
#define BYTES(x, table) \
	__asm__ volatile("vpshufb %1, %0, %0" : "+x"(v[x]) : "m"(*(const __m256i *)(table)))
#define TURN(x, left) \
	do { \
		__m256i t; \
\
		__asm__ volatile("vpslld %2, %1, %0" : "=x"(t) : "x"(v[x]), "i"(left)); \
		__asm__ volatile("vpsrld %1, %0, %0" : "+x"(v[x]) : "i"(32 - (left))); \
		__asm__ volatile("vpor %1, %0, %0" : "+x"(v[x]) : "x"(t)); \
	} while (0)
/* Word 0, in memory: += b, and d ^= the sum. */
#define ADD0_XOR(b, d) \
	do { \
		__m256i t; \
\
		__asm__ volatile("vpaddd %1, %2, %0" : "=x"(t) : "m"(*word0), "x"(v[b])); \
		__asm__ volatile("vmovdqa %1, %0" : "=m"(*word0) : "x"(t)); \
		__asm__ volatile("vpxor %1, %0, %0" : "+x"(v[d]) : "x"(t)); \
	} while (0)

/* Four quarter rounds, in step; the arguments are the state's indices. */
#define QUARTERS(b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3) \
	do { \
		ADD0_XOR(b0, d0); \
		ADD(1, b1); \
		ADD(2, b2); \
		ADD(3, b3); \
		XOR(d1, 1); \
		XOR(d2, 2); \
		XOR(d3, 3); \
		BYTES(d0, rot16_bytes); \
		BYTES(d1, rot16_bytes); \
		BYTES(d2, rot16_bytes); \
		BYTES(d3, rot16_bytes); \
		ADD(c0, d0); \
		ADD(c1, d1); \
		ADD(c2, d2); \
		ADD(c3, d3); \
		XOR(b0, c0); \
		XOR(b1, c1); \
		XOR(b2, c2); \
		XOR(b3, c3); \
		TURN(b0, 12); \
		TURN(b1, 12); \
		TURN(b2, 12); \
		TURN(b3, 12); \
		ADD0_XOR(b0, d0); \
		ADD(1, b1); \
		ADD(2, b2); \
		ADD(3, b3); \
		XOR(d1, 1); \
		XOR(d2, 2); \
		XOR(d3, 3); \
		BYTES(d0, rot8_bytes); \
		BYTES(d1, rot8_bytes); \
		BYTES(d2, rot8_bytes); \
		BYTES(d3, rot8_bytes); \
		ADD(c0, d0); \
		ADD(c1, d1); \
		ADD(c2, d2); \
		ADD(c3, d3); \
		XOR(b0, c0); \
		XOR(b1, c1); \
		XOR(b2, c2); \
		XOR(b3, c3); \
		TURN(b0, 7); \
		TURN(b1, 7); \
		TURN(b2, 7); \
		TURN(b3, 7); \
	} while (0)

#define PICK(x) _mm256_permutevar8x32_epi32(x, idx)

/*
 * The key stream of eight lanes: of packets idx (0 to 7), of blocks blk. Beside
 * it, as much of Poly1305 as there is.
 */
INLINE void
chacha(__m256i v[16], struct scratch *s, const struct group_keys *k, __m256i idx, __m256i blk)
{
	__m256i *word0 = &s->word0;
	const __m256i c0 = _mm256_set1_epi32(0x61707865), c1 = _mm256_set1_epi32(0x3320646e);
	const __m256i c2 = _mm256_set1_epi32(0x79622d32), c3 = _mm256_set1_epi32(0x6b206574);
	unsigned double_rounds = 10, steps = poly_prepare(&s->poly, double_rounds);

	*word0 = c0, v[1] = c1, v[2] = c2, v[3] = c3;
	v[4] = PICK(k->key[0]), v[5] = PICK(k->key[1]);
	v[6] = PICK(k->key[2]), v[7] = PICK(k->key[3]);
	v[8] = PICK(k->key[4]), v[9] = PICK(k->key[5]);
	v[10] = PICK(k->key[6]), v[11] = PICK(k->key[7]);
	v[12] = blk, v[13] = _mm256_setzero_si256();
	v[14] = PICK(k->counter[0]), v[15] = PICK(k->counter[1]);
	for (double_rounds -= steps; steps > 0; steps--) {
		QUARTERS(4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
		poly_step(&s->poly);
		QUARTERS(5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14);
	}
	for (; double_rounds > 0; double_rounds--) {
		QUARTERS(4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
		QUARTERS(5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14);
	}
	/* Computed anew below: kept, it would crowd the rounds out of the registers. */
	__asm__ volatile("" : : : "memory");
#define PLUS(i, x) v[i] = _mm256_add_epi32(v[i], x)
	v[0] = _mm256_add_epi32(*word0, c0);
	PLUS(1, c1), PLUS(2, c2), PLUS(3, c3);
	PLUS(4, PICK(k->key[0])), PLUS(5, PICK(k->key[1]));
	PLUS(6, PICK(k->key[2])), PLUS(7, PICK(k->key[3]));
	PLUS(8, PICK(k->key[4])), PLUS(9, PICK(k->key[5]));
	PLUS(10, PICK(k->key[6])), PLUS(11, PICK(k->key[7]));
	PLUS(12, blk);
	PLUS(14, PICK(k->counter[0])), PLUS(15, PICK(k->counter[1]));
#undef PLUS
}

/* Eight rows of eight words become columns. */
INLINE void
transpose(__m256i v[8])
{
	__m256i t0 = _mm256_unpacklo_epi32(v[0], v[1]), t1 = _mm256_unpackhi_epi32(v[0], v[1]);
	__m256i t2 = _mm256_unpacklo_epi32(v[2], v[3]), t3 = _mm256_unpackhi_epi32(v[2], v[3]);
	__m256i t4 = _mm256_unpacklo_epi32(v[4], v[5]), t5 = _mm256_unpackhi_epi32(v[4], v[5]);
	__m256i t6 = _mm256_unpacklo_epi32(v[6], v[7]), t7 = _mm256_unpackhi_epi32(v[6], v[7]);
	__m256i u0 = _mm256_unpacklo_epi64(t0, t2), u1 = _mm256_unpackhi_epi64(t0, t2);
	__m256i u2 = _mm256_unpacklo_epi64(t1, t3), u3 = _mm256_unpackhi_epi64(t1, t3);
	__m256i u4 = _mm256_unpacklo_epi64(t4, t6), u5 = _mm256_unpackhi_epi64(t4, t6);
	__m256i u6 = _mm256_unpacklo_epi64(t5, t7), u7 = _mm256_unpackhi_epi64(t5, t7);

	v[0] = _mm256_permute2x128_si256(u0, u4, 0x20);
	v[1] = _mm256_permute2x128_si256(u1, u5, 0x20);
	v[2] = _mm256_permute2x128_si256(u2, u6, 0x20);
	v[3] = _mm256_permute2x128_si256(u3, u7, 0x20);
	v[4] = _mm256_permute2x128_si256(u0, u4, 0x31);
	v[5] = _mm256_permute2x128_si256(u1, u5, 0x31);
	v[6] = _mm256_permute2x128_si256(u2, u6, 0x31);
	v[7] = _mm256_permute2x128_si256(u3, u7, 0x31);
}

INLINE void
xor32(uint8_t *data, __m256i stream)
{
	__m256i *p = (__m256i *)data;

	_mm256_storeu_si256(p, _mm256_xor_si256(_mm256_loadu_si256(p), stream));
}

/* Exclusive-ors lane i's block into the 64 bytes at data[i]; all lanes, or 4 to 7 only. */
INLINE void
xor_lanes(__m256i v[16], uint8_t *const data[LANES], bool all)
{
	transpose(v);
	transpose(v + 8);
#define STORE(i) xor32(data[i], v[i]), xor32(data[i] + 32, v[8 + (i)])
	if (all)
		STORE(0), STORE(1), STORE(2), STORE(3);
	STORE(4), STORE(5), STORE(6), STORE(7);
#undef STORE
}

static void
load_keys(const struct group *g)
{
	uint32_t lo[LANES], hi[LANES];
	const uint8_t *key[LANES];

	for (unsigned i = 0; i < LANES; i++) {
		key[i] = i < g->count ? g->op[i]->key : zero_key;
		lo[i] = i < g->count ? (uint32_t)g->op[i]->counter : 0;
		hi[i] = i < g->count ? (uint32_t)(g->op[i]->counter >> 32) : 0;
	}
#define LOAD(i) g->keys->key[i] = _mm256_loadu_si256((const __m256i *)key[i])
	LOAD(0), LOAD(1), LOAD(2), LOAD(3), LOAD(4), LOAD(5), LOAD(6), LOAD(7);
#undef LOAD
	transpose(g->keys->key);
	g->keys->counter[0] = _mm256_loadu_si256((const __m256i *)lo);
	g->keys->counter[1] = _mm256_loadu_si256((const __m256i *)hi);
}

/* Eight lanes of blocks: where they go, and which of them end within a block. */
struct pass {
	uint32_t packet[LANES] __attribute__((aligned(32)));
	uint32_t block[LANES] __attribute__((aligned(32)));
	uint8_t *data[LANES];
	unsigned lanes;
	unsigned partials;
	struct {
		uint8_t *data, *bounce;
		uint32_t length;
	} partial[LANES];
};

/* Sends a lane to the text at data; through a buffer if less than 64 bytes are there. */
static void
pass_set_data(struct pass *p, unsigned lane, uint8_t *data, uint32_t length, uint8_t *bounce)
{
	p->data[lane] = length >= 64 ? data : bounce;
	if (length == 0 || length >= 64)
		return;
	memcpy(bounce, data, length);
	p->partial[p->partials].data = data;
	p->partial[p->partials].bounce = bounce;
	p->partial[p->partials++].length = length;
}

static void
pass_finish_partials(struct pass *p)
{
	for (unsigned i = 0; i < p->partials; i++)
		memcpy(p->partial[i].data, p->partial[i].bounce, p->partial[i].length);
	p->partials = 0;
}

/*
 * Blocks 0 and 1 of all packets: the Poly1305 keys, and key stream into the text
 * or, when opening, aside. Up to four packets need one set of lanes only.
 */
static void
first_pass(const struct group *g, bool into_text)
{
	struct scratch *s = g->s;
	__m256i iota = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), v[16];
	unsigned shift = g->count <= LANES / 2 ? LANES / 2 : 0;
	struct pass p = {.partials = 0};

	for (unsigned i = 0; i < LANES - shift; i++) {
		uint32_t length = i < g->count && into_text ? g->op[i]->length : 0;

		pass_set_data(&p, shift + i, length > 0 ? g->op[i]->data : NULL, length,
			into_text ? s->bounce[0][i] : s->stream[g->first + i]);
	}
	if (shift > 0)
		chacha(v, s, g->keys, _mm256_and_si256(iota, _mm256_set1_epi32(3)),
			_mm256_srli_epi32(iota, 2));
	else
		chacha(v, s, g->keys, iota, _mm256_setzero_si256());
	if (shift > 0) {
		__m256i k[8] = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]};

		transpose(k);
		for (unsigned i = 0; i < LANES / 2; i++)
			_mm256_store_si256((__m256i *)s->poly_key[g->first + i], k[i]);
		xor_lanes(v, p.data, false);
	} else {
		transpose(v);
#define STORE(i) _mm256_store_si256((__m256i *)s->poly_key[g->first + i], v[i])
		STORE(0), STORE(1), STORE(2), STORE(3), STORE(4), STORE(5), STORE(6), STORE(7);
#undef STORE
		chacha(v, s, g->keys, iota, _mm256_set1_epi32(1));
		xor_lanes(v, p.data, true);
	}
	pass_finish_partials(&p);
}

static void
run_pass(const struct group *g, struct pass *p)
{
	struct scratch *s = g->s;
	__m256i v[16];

	/* Lanes without a block repeat another one, into a buffer. */
	for (unsigned lane = p->lanes; lane < LANES; lane++) {
		p->packet[lane] = p->block[lane] = 0;
		p->data[lane] = s->bounce[1][lane];
	}
	chacha(v, s, g->keys, _mm256_load_si256((const __m256i *)p->packet),
		_mm256_load_si256((const __m256i *)p->block));
	xor_lanes(v, p->data, true);
	pass_finish_partials(p);
	p->lanes = 0;
}

/* Block 2 and on of every packet whose tag (when opening) was right. */
static void
other_blocks(const struct group *g)
{
	struct pass p = {.lanes = 0};

	for (unsigned i = 0; i < g->count; i++) {
		const struct aead_op *op = g->op[i];

		if (op->result != AEAD_OK)
			continue;
		for (uint32_t offset = 64; offset < op->length; offset += 64) {
			unsigned lane = p.lanes++;

			p.packet[lane] = i;
			p.block[lane] = 1 + offset / 64;
			pass_set_data(&p, lane, op->data + offset, op->length - offset,
				g->s->bounce[1][lane]);
			if (p.lanes == LANES)
				run_pass(g, &p);
		}
	}
	if (p.lanes > 0)
		run_pass(g, &p);
}

/*
 * The kernels' frames, where sixteen registers were too few. Called from where
 * they were called, so that this frame lies upon theirs; so nothing of them may
 * be inlined into the caller.
 */
static __attribute__((noinline)) void
wipe_stack(void)
{
	uint8_t frames[2048];

	crypto_wipe(frames, sizeof(frames));
}

static struct group
group_at(struct scratch *s, unsigned first, unsigned n)
{
	return (struct group){s, &s->keys[first / LANES], s->sorted + first, first,
		n - first < LANES ? n - first : LANES};
}

static void
begin(struct scratch *s, struct aead_op *ops, unsigned n)
{
	sort_by_length(s->sorted, ops, n);
	s->poly.op = s->sorted;
	s->poly.key = s->poly_key;
	s->poly.tag = s->tags;
	s->poly.next = s->poly.ready = 0;
}

static void
wipe(struct scratch *s, unsigned n)
{
	unsigned groups = (n + LANES - 1) / LANES;

	crypto_wipe(s, offsetof(struct scratch, keys));
	crypto_wipe(s->keys, groups * sizeof(s->keys[0]));
	crypto_wipe(s->poly_key, groups * LANES * sizeof(s->poly_key[0]));
	crypto_wipe(s->tags, n * sizeof(s->tags[0]));
	wipe_stack();
}

static __attribute__((noinline)) void
seal_burst(struct scratch *s, struct aead_op *ops, unsigned n)
{
	begin(s, ops, n);
	for (unsigned first = 0; first < n; first += LANES) {
		struct group g = group_at(s, first, n);

		load_keys(&g);
		for (unsigned i = 0; i < g.count; i++)
			g.op[i]->result = AEAD_OK;
		first_pass(&g, true);
		other_blocks(&g);
		/* Its Poly1305 beside the next group's passes, as far as there are any. */
		s->poly.ready = first + g.count;
	}
	poly_drain(&s->poly, n);
	for (unsigned i = 0; i < n; i++)
		memcpy(s->sorted[i]->data + s->sorted[i]->length, s->tags[i], AEAD_TAG_LEN);
}

/* A packet whose tag was right: its first block. */
static void
open_first_block(const struct aead_op *op, const uint8_t stream[64])
{
	if (op->length >= 64) {
		xor32(op->data, _mm256_load_si256((const __m256i *)stream));
		xor32(op->data + 32, _mm256_load_si256((const __m256i *)(stream + 32)));
		return;
	}
	for (uint32_t at = 0; at < op->length; at++)
		op->data[at] ^= stream[at];
}

static __attribute__((noinline)) unsigned
open_burst(struct scratch *s, struct aead_op *ops, unsigned n)
{
	unsigned opened = 0;

	begin(s, ops, n);
	memset(s->stream, 0, (n + LANES - 1) / LANES * LANES * sizeof(s->stream[0]));
	for (unsigned first = 0; first < n; first += LANES) {
		struct group g = group_at(s, first, n);

		load_keys(&g);
		first_pass(&g, false);
		/* Its Poly1305 beside the next group's pass, and then beside decryption. */
		s->poly.ready = first + g.count;
	}
	for (unsigned first = 0; first < n; first += LANES) {
		struct group g = group_at(s, first, n);

		poly_drain(&s->poly, first + g.count);
		for (unsigned i = 0; i < g.count; i++) {
			struct aead_op *op = g.op[i];

			op->result = AEAD_BAD_TAG;
			if (!tag_equal(s->tags[first + i], op->data + op->length))
				continue;
			op->result = AEAD_OK;
			opened++;
			open_first_block(op, s->stream[first + i]);
		}
		other_blocks(&g);
	}
	crypto_wipe(s->stream, (n + LANES - 1) / LANES * LANES * sizeof(s->stream[0]));
	return opened;
}

static void
avx2_seal(void *scratch, struct aead_op *ops, unsigned n)
{
	seal_burst(scratch, ops, n);
	wipe(scratch, n);
}

static unsigned
avx2_open(void *scratch, struct aead_op *ops, unsigned n)
{
	unsigned opened = open_burst(scratch, ops, n);

	wipe(scratch, n);
	return opened;
}

const struct aead_impl aead_avx2 = {
	.name = "avx2",
	.usable = avx2_usable,
	.init = avx2_init,
	.fini = avx2_fini,
	.seal = avx2_seal,
	.open = avx2_open,
};
