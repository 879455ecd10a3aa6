/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Multi-buffer ChaCha20-Poly1305 for AVX-512 with IFMA: lanes hold different
 * packets, each with its own key and counter. docs/crypto.md draws it.
 *
 * A burst is sorted by length and cut into groups of up to 32 packets. For a
 * group: block 0 (the Poly1305 keys) and block 1 (the first text) of all in one
 * pass, then the other blocks of all packets in whatever order fills the lanes,
 * then Poly1305. Opening does Poly1305 before it touches any text.
 *
 * Constant time: branches and addresses depend on lengths and on whether a tag
 * was right, never on a key, on text or on a tag's value.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto_accel/burst_sort.h"
#include "crypto_accel/chacha20_avx512.h"
#include "crypto_accel/impl.h"
#include "crypto_accel/poly1305_avx512.h"

#define SET 16 /* lanes in a set of registers */
#define PASS (2 * SET) /* lanes in a pass */
#define AHEAD 3 /* packets: text from L3 is fetched so far ahead */
#define HORNER_MAX 128 /* bytes: up to here powers of r are not worth making */

/* Where a pass works: lanes, and what is left to do around it. */
struct pass {
	uint32_t packet[PASS + SET] __attribute__((aligned(64))); /* index in the group */
	uint32_t block[PASS + SET] __attribute__((aligned(64)));
	uint8_t *data[PASS];
	unsigned lanes;
	struct chacha_rows rows[2]; /* of the lanes, word by word; secret */
	/* The last, partial blocks of packets: they go through a buffer. */
	unsigned partials;
	struct {
		uint8_t *data;
		uint32_t length;
		unsigned lane;
	} partial[PASS];
	unsigned picked; /* rows that hold something */
	bool bounced; /* bounce holds something */
	uint8_t bounce[PASS][64] __attribute__((aligned(64)));
};

/* All of it secret but for op and messages; wiped behind every burst. */
struct scratch {
	struct chacha_keys keys;
	struct poly_keys poly[GROUP / LANES];
	struct poly_power power[4];
	uint8_t tags[GROUP][16] __attribute__((aligned(64)));
	uint8_t stream[GROUP][64] __attribute__((aligned(64))); /* block 1 of each */
	struct pass pass;
	unsigned count; /* packets of the group */
	bool more_blocks; /* some packet of the group has more than 64 bytes */
	bool powers_used; /* power holds something */
	bool small_frames; /* the last burst called none of those with large ones */
	struct aead_op **op; /* the group, in sorted */
	struct poly_messages messages[GROUP / LANES];
	struct aead_op *sorted[AEAD_BURST_MAX];
};

static const uint8_t zero_key[AEAD_KEY_LEN];

/* Whole lines of 64 bytes; crypto_wipe's call would cost a burst more than this. */
INLINE void
wipe_lines(void *at, size_t size)
{
	for (size_t i = 0; i < size; i += 64)
		_mm512_store_si512((uint8_t *)at + i, _mm512_setzero_si512());
	FORGET_MEMORY();
}

/* What the groups of a burst left behind; the first one was the largest. */
static void
wipe(struct scratch *s, unsigned n)
{
	unsigned most = n < GROUP ? n : GROUP;

	wipe_lines(&s->keys, (most > SET ? 2 : 1) * sizeof(s->keys.half[0]));
	wipe_lines(s->poly, (most + LANES - 1) / LANES * sizeof(s->poly[0]));
	wipe_lines(s->pass.rows, s->pass.picked * sizeof(s->pass.rows[0]));
	if (s->powers_used)
		wipe_lines(s->power, sizeof(s->power));
	if (s->pass.bounced)
		wipe_lines(s->pass.bounce, sizeof(s->pass.bounce));
	s->small_frames = most <= LANES && !s->powers_used;
	s->powers_used = s->pass.bounced = false;
	s->pass.picked = 0;
}

static bool
avx512_usable(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi2") &&
	       __builtin_cpu_supports("bmi2");
}

static void *
avx512_init(void)
{
	struct scratch *s = aligned_alloc(64, sizeof(*s));

	if (s != NULL)
		memset(s, 0, sizeof(*s));
	return s;
}

static void
avx512_fini(void *scratch)
{
	crypto_wipe(scratch, sizeof(struct scratch));
	free(scratch);
}

static void
load_keys(struct scratch *s)
{
	const uint8_t *keys[SET];
	uint64_t counters[SET];

	for (unsigned half = 0; half * SET < s->count; half++) {
		struct chacha_rows *rows = &s->keys.half[half];
		__m512i lo, hi,
			even = _mm512_setr_epi32(
				0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);

		for (unsigned i = 0; i < SET; i++) {
			unsigned at = half * SET + i;

			keys[i] = at < s->count ? s->op[at]->key : zero_key;
			counters[i] = at < s->count ? s->op[at]->counter : 0;
		}
		chacha_keys_load(rows, keys);
		lo = _mm512_loadu_si512(counters);
		hi = _mm512_loadu_si512(counters + 8);
		rows->counter[0] = _mm512_permutex2var_epi32(lo, even, hi);
		rows->counter[1] = _mm512_permutex2var_epi32(
			lo, _mm512_add_epi32(even, _mm512_set1_epi32(1)), hi);
	}
}

static void
load_messages(struct scratch *s)
{
	s->more_blocks = false;
	for (unsigned g = 0; g * LANES < s->count; g++) {
		struct poly_messages *m = &s->messages[g];
		uint32_t least = UINT32_MAX, most = 0, any = 0;

		for (unsigned i = 0; i < LANES; i++) {
			unsigned at = g * LANES + i;
			/* Lanes without a packet do another's once more, for nothing. */
			const struct aead_op *op = s->op[at < s->count ? at : g * LANES];
			uint32_t length = op->length;

			m->length[i] = length;
			m->end[i] = op->data + ((length + 15) & ~15U);
			least = length < least ? length : least;
			most = length > most ? length : most;
			any |= length;
		}
		m->min_blocks = (least + 15) / 16;
		m->max_blocks = (most + 15) / 16;
		m->partial = any % 16 != 0;
		s->more_blocks |= most > 64;
	}
}

/* Not inlined: together they have more pointers than registers, and some end in vectors. */
static __attribute__((noinline)) void
tags_by_fours(struct scratch *s, unsigned g)
{
	s->powers_used = true;
	poly_by_fours(s->tags + LANES * g, &s->messages[g], &s->poly[g], s->power);
}

static __attribute__((noinline)) void
tags_horner(struct scratch *s, unsigned g)
{
	poly_horner(s->tags + LANES * g, &s->messages[g], &s->poly[g]);
}

static __attribute__((noinline)) void
tags_horner_two(struct scratch *s, unsigned g)
{
	poly_horner_two(s->tags + LANES * g, &s->messages[g], &s->poly[g]);
}

static void
poly_tags(struct scratch *s)
{
	unsigned groups = (s->count + LANES - 1) / LANES;

	for (unsigned g = 0; g < groups;) {
		if (s->messages[g].max_blocks > HORNER_MAX / 16) {
			tags_by_fours(s, g++);
		} else if (g + 1 < groups) {
			tags_horner_two(s, g);
			g += 2;
		} else {
			tags_horner(s, g++);
		}
	}
}

/* Sends a lane to the text at data; through its buffer if less than 64 bytes are there. */
static void
pass_set_data(struct pass *p, unsigned lane, uint8_t *data, uint32_t length)
{
	if (length >= 64) {
		p->data[lane] = data;
		return;
	}
	p->data[lane] = p->bounce[lane];
	p->bounced = true;
	if (length == 0)
		return;
	_mm512_store_si512(
		p->bounce[lane], _mm512_maskz_loadu_epi8(_bzhi_u64(UINT64_MAX, length), data));
	p->partial[p->partials].data = data;
	p->partial[p->partials].length = length;
	p->partial[p->partials++].lane = lane;
}

static void
pass_finish_partials(struct pass *p)
{
	for (unsigned i = 0; i < p->partials; i++)
		_mm512_mask_storeu_epi8(p->partial[i].data,
			_bzhi_u64(UINT64_MAX, p->partial[i].length),
			_mm512_load_si512(p->bounce[p->partial[i].lane]));
	p->partials = 0;
}

/*
 * Blocks 0 and 1 of packets first to first + 15: the Poly1305 keys, and the
 * key stream into the lanes' data. Up to eight packets need one set only.
 */
static void
first_pass(struct scratch *s, unsigned first, unsigned packets)
{
	__m512i iota = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	__m512i blk[2], v[16], w[16];

	if (packets <= LANES) {
		blk[0] = _mm512_srli_epi32(iota, 3);
		chacha_pick(s->pass.rows, &s->keys,
			_mm512_add_epi32(_mm512_and_si512(iota, _mm512_set1_epi32(7)),
				_mm512_set1_epi32((int)first)));
		s->pass.picked = s->pass.picked > 1 ? s->pass.picked : 1;
		chacha_one(v, s->pass.rows, blk);
		poly_keys_load(&s->poly[first / LANES], v, 0);
		chacha_xor(v, s->pass.data, false);
		return;
	}
	blk[0] = _mm512_setzero_si512();
	blk[1] = _mm512_set1_epi32(1);
	chacha_two(v, w, &s->keys.half[first / SET], &s->keys.half[first / SET], blk);
	poly_keys_load(&s->poly[first / LANES], v, 0);
	poly_keys_load(&s->poly[first / LANES + 1], v, 1);
	chacha_xor(w, s->pass.data, true);
}

/* Where block 1 of the packets from first on goes: for seal into the text. */
static void
first_pass_data(struct scratch *s, unsigned first, unsigned packets, bool into_text)
{
	struct pass *p = &s->pass;
	/* With one set, block 1 is its upper half of lanes. */
	unsigned shift = packets <= LANES ? LANES : 0;
	unsigned lanes = packets <= LANES ? LANES : SET;

	for (unsigned i = 0; i < lanes; i++) {
		/* Lanes without a packet have nothing to say. */
		if (i >= packets)
			pass_set_data(p, shift + i, NULL, 0);
		else if (into_text)
			pass_set_data(
				p, shift + i, s->op[first + i]->data, s->op[first + i]->length);
		else
			p->data[shift + i] = s->stream[first + i];
	}
}

static void
first_passes(struct scratch *s, bool into_text)
{
	for (unsigned first = 0; first < s->count; first += SET) {
		unsigned packets = s->count - first < SET ? s->count - first : SET;

		first_pass_data(s, first, packets, into_text);
		first_pass(s, first, packets);
		pass_finish_partials(&s->pass);
	}
}

static void
run_pass(struct scratch *s)
{
	struct pass *p = &s->pass;
	const __m512i *idx = (const __m512i *)p->packet, *blk = (const __m512i *)p->block;
	__m512i v[16], w[16];

	for (unsigned lane = p->lanes; lane < PASS; lane++)
		pass_set_data(p, lane, NULL, 0);
	chacha_pick(&p->rows[0], &s->keys, idx[0]);
	p->picked = p->lanes > SET || p->picked > 1 ? 2 : 1;
	if (p->lanes <= SET) {
		chacha_one(v, &p->rows[0], blk);
		chacha_xor(v, p->data, true);
	} else {
		chacha_pick(&p->rows[1], &s->keys, idx[1]);
		chacha_two(v, w, &p->rows[0], &p->rows[1], blk);
		chacha_xor(v, p->data, true);
		chacha_xor(w, p->data + SET, true);
	}
	pass_finish_partials(p);
	p->lanes = 0;
}

/* Adds lanes for as many of the blocks from `block` on as fit; returns how many. */
static unsigned
pass_add_run(struct pass *p, unsigned packet, uint32_t block, const struct aead_op *op,
	const uint8_t *later)
{
	__m512i iota = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	uint32_t offset = 64 * (block - 1);
	uint32_t left = op->length - offset;
	unsigned run = (left + 63) / 64, lanes = p->lanes;

	run = run < PASS - lanes ? run : PASS - lanes;
	for (unsigned i = 0; i < run; i += SET) {
		_mm512_storeu_si512(p->packet + lanes + i, _mm512_set1_epi32((int)packet));
		_mm512_storeu_si512(p->block + lanes + i,
			_mm512_add_epi32(iota, _mm512_set1_epi32((int)(block + i))));
	}
	for (unsigned i = 0; i < run; i++) {
		p->data[lanes + i] = op->data + offset + 64 * i;
		_mm_prefetch(later + offset + 64 * i, _MM_HINT_T0);
	}
	if (left < 64 * run)
		pass_set_data(p, lanes + run - 1, op->data + offset + 64 * (run - 1),
			left - 64 * (run - 1));
	p->lanes += run;
	return run;
}

/* Block 2 and on of every packet whose tag (when opening) was right. */
static void
other_blocks(struct scratch *s)
{
	if (!s->more_blocks)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		const struct aead_op *op = s->op[i];
		/* Of a packet of about the same length, which is read two passes later. */
		const struct aead_op *later = s->op[i + AHEAD < s->count ? i + AHEAD : i];
		uint32_t blocks = (op->length + 63) / 64;

		for (uint32_t block = 2; op->result == AEAD_OK && block <= blocks;) {
			block += pass_add_run(&s->pass, i, block, op, later->data);
			if (s->pass.lanes == PASS)
				run_pass(s);
		}
	}
	if (s->pass.lanes > 0)
		run_pass(s);
}

static void
seal_group(struct scratch *s)
{
	load_keys(s);
	load_messages(s);
	first_passes(s, true);
	for (unsigned i = 0; i < s->count; i++)
		s->op[i]->result = AEAD_OK;
	other_blocks(s);
	poly_tags(s);
	for (unsigned i = 0; i < s->count; i++)
		memcpy(s->op[i]->data + s->op[i]->length, s->tags[i], AEAD_TAG_LEN);
}

static unsigned
open_group(struct scratch *s)
{
	unsigned opened = 0;

	load_keys(s);
	load_messages(s);
	wipe_lines(s->stream, s->count * sizeof(s->stream[0]));
	first_passes(s, false);
	poly_tags(s);
	for (unsigned i = 0; i < s->count; i++) {
		struct aead_op *op = s->op[i];
		__m512i stream = _mm512_load_si512(s->stream[i]);
		__mmask64 mask;

		op->result = AEAD_BAD_TAG;
		if (!tag_equal(s->tags[i], op->data + op->length))
			continue;
		op->result = AEAD_OK;
		opened++;
		if (op->length >= 64) {
			xor64(op->data, stream);
			continue;
		}
		mask = _bzhi_u64(UINT64_MAX, op->length);
		_mm512_mask_storeu_epi8(op->data, mask,
			_mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, op->data), stream));
	}
	other_blocks(s);
	return opened;
}

/*
 * The kernels' frames, where 32 registers were too few: called from where they
 * were called, so that this frame lies upon theirs. The deepest takes 1.9 KiB
 * (gcc 12); up to eight packets without powers of r 0.9.
 */
static __attribute__((noinline)) void
wipe_stack(bool small)
{
	uint8_t frames[2304] __attribute__((aligned(64)));
	size_t from = small ? sizeof(frames) - 1152 : 0;

	wipe_lines(frames + from, sizeof(frames) - from);
	__asm__ volatile("" : : "r"(frames) : "memory");
}

/* Not inlined, nor is open_burst, so that wipe_stack reaches what they call. */
static __attribute__((noinline)) void
seal_burst(struct scratch *s, struct aead_op *ops, unsigned n)
{
	sort_by_length(s->sorted, ops, n);
	for (unsigned at = 0; at < n; at += s->count) {
		s->count = n - at < GROUP ? n - at : GROUP;
		s->op = s->sorted + at;
		seal_group(s);
	}
	wipe(s, n);
}

static __attribute__((noinline)) unsigned
open_burst(struct scratch *s, struct aead_op *ops, unsigned n)
{
	unsigned opened = 0;

	sort_by_length(s->sorted, ops, n);
	for (unsigned at = 0; at < n; at += s->count) {
		s->count = n - at < GROUP ? n - at : GROUP;
		s->op = s->sorted + at;
		opened += open_group(s);
	}
	wipe_lines(s->stream, (n < GROUP ? n : GROUP) * sizeof(s->stream[0]));
	/* The right tag of a forged packet would let its sender forge it. */
	if (opened != n)
		wipe_lines(s->tags, sizeof(s->tags));
	wipe(s, n);
	return opened;
}

static void
avx512_seal(void *scratch, struct aead_op *ops, unsigned n)
{
	struct scratch *s = scratch;

	seal_burst(s, ops, n);
	wipe_stack(s->small_frames);
}

static unsigned
avx512_open(void *scratch, struct aead_op *ops, unsigned n)
{
	struct scratch *s = scratch;
	unsigned opened = open_burst(s, ops, n);

	wipe_stack(s->small_frames);
	return opened;
}

const struct aead_impl aead_avx512 = {
	.name = "avx512",
	.usable = avx512_usable,
	.init = avx512_init,
	.fini = avx512_fini,
	.seal = avx512_seal,
	.open = avx512_open,
};
