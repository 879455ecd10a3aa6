/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Poly1305 of many messages in general registers, four at a time, in small steps
 * that a caller spreads among vector instructions: AVX2's ChaCha20 waits for its
 * own latencies with all sixteen vector registers, and leaves the multiplier
 * idle. Private to chachapoly_avx2.c; needs BMI2.
 */
#ifndef CRYPTO_ACCEL_POLY1305_MULX_H
#define CRYPTO_ACCEL_POLY1305_MULX_H

#include <stdint.h>
#include <string.h>

#include "crypto_accel/crypto_accel.h"

#define POLY_INLINE static inline __attribute__((always_inline))
#define POLY_STREAMS 4
#define POLY_BLOCK 16
#define POLY_STEPS_MAX 16 /* from one poly_prepare to the next */

/* A block, to say to the compiler what is read. */
struct poly_bytes {
	uint8_t byte[POLY_BLOCK];
};

/* A message on its way. */
struct poly_stream {
	uint64_t h0, h1, h2; /* below 2^130 + 2^66 */
	uint64_t r0, r1, s1; /* the clamped multiplier; s1 is 5/4 of r1, a multiple of 4 */
	const uint8_t *at;
	uint32_t blocks; /* whole ones that are left */
	uint32_t message;
	bool busy;
};

/* Messages in order: [next, ready) wait for a stream, those before are on their way or done. */
struct poly_queue {
	struct poly_stream stream[POLY_STREAMS];
	struct aead_op **op;
	uint8_t (*key)[32]; /* r and s of each */
	uint8_t (*tag)[AEAD_TAG_LEN]; /* where the tags go */
	unsigned next, ready;
};

/*
 * h = (h + the block at p) * r, radix 2^64 (2^130 = 5): h2 is at most 6 before
 * the multiplication, so its products are of 64 bits.
 */
POLY_INLINE void
poly_block(struct poly_stream *s, const uint8_t *p)
{
	uint64_t d0, d1, d2, t, u;

	__asm__("addq (%[p]), %[h0]\n\t"
		"adcq 8(%[p]), %[h1]\n\t"
		"adcq $1, %[h2]\n\t"
		"movq %[h0], %%rdx\n\t"
		"mulxq %[r0], %[h0], %[d0]\n\t" /* h0 r0 */
		"mulxq %[r1], %[d1], %[d2]\n\t" /* h0 r1 */
		"movq %[h1], %%rdx\n\t"
		"mulxq %[s1], %[t], %[u]\n\t" /* h1 s1 */
		"addq %[t], %[h0]\n\t"
		"adcq %[u], %[d0]\n\t"
		"mulxq %[r0], %[t], %[u]\n\t" /* h1 r0 */
		"addq %[t], %[d1]\n\t"
		"adcq %[u], %[d2]\n\t"
		"movq %[s1], %[t]\n\t"
		"imulq %[h2], %[t]\n\t" /* h2 s1 */
		"imulq %[r0], %[h2]\n\t" /* h2 r0 */
		"addq %[t], %[d1]\n\t"
		"adcq %[h2], %[d2]\n\t"
		"addq %[d0], %[d1]\n\t"
		"adcq $0, %[d2]\n\t"
		/* What is above 2^130, times 5: its quadruple is in place already. */
		"movq %[d2], %[t]\n\t"
		"movl %k[d2], %k[h2]\n\t"
		"shrq $2, %[t]\n\t"
		"andq $-4, %[d2]\n\t"
		"andl $3, %k[h2]\n\t"
		"addq %[d2], %[t]\n\t"
		"movq %[d1], %[h1]\n\t"
		"addq %[t], %[h0]\n\t"
		"adcq $0, %[h1]\n\t"
		"adcq $0, %[h2]"
		: [h0] "+&r"(s->h0), [h1] "+&r"(s->h1), [h2] "+&r"(s->h2), [d0] "=&r"(d0),
		[d1] "=&r"(d1), [d2] "=&r"(d2), [t] "=&r"(t), [u] "=&r"(u)
		: [p] "r"(p), [r0] "m"(s->r0), [r1] "m"(s->r1), [s1] "m"(s->s1),
		"m"(*(const struct poly_bytes *)p)
		: "rdx", "cc");
}

/* A block of every stream: one alone waits for its multiplications. */
POLY_INLINE void
poly_step(struct poly_queue *q)
{
	for (unsigned i = 0; i < POLY_STREAMS; i++) {
		poly_block(&q->stream[i], q->stream[i].at);
		q->stream[i].at += POLY_BLOCK;
	}
}

static void
poly_begin(struct poly_queue *q, struct poly_stream *s)
{
	uint64_t r[2];

	memcpy(r, q->key[q->next], sizeof(r));
	s->r0 = r[0] & 0x0ffffffc0fffffff;
	s->r1 = r[1] & 0x0ffffffc0ffffffc;
	s->s1 = s->r1 + (s->r1 >> 2);
	s->h0 = s->h1 = s->h2 = 0;
	s->at = q->op[q->next]->data;
	s->blocks = q->op[q->next]->length / POLY_BLOCK;
	s->message = q->next++;
	s->busy = true;
}

/* A partial block, that of lengths (there is no additional data), and s. */
static void
poly_finish(struct poly_queue *q, struct poly_stream *s)
{
	uint64_t last[2] = {0, q->op[s->message]->length}, keep, g0, g1;
	uint8_t padded[POLY_BLOCK] = {0};
	unsigned __int128 sum;

	if (last[1] % POLY_BLOCK != 0) {
		memcpy(padded, s->at, last[1] % POLY_BLOCK);
		poly_block(s, padded);
	}
	poly_block(s, (const uint8_t *)last);
	/* g = h + 5 - 2^130, taken where it is not negative: h is below twice 2^130 - 5. */
	sum = (unsigned __int128)s->h0 + 5;
	g0 = (uint64_t)sum;
	sum = (sum >> 64) + s->h1;
	g1 = (uint64_t)sum;
	keep = ((s->h2 + (uint64_t)(sum >> 64)) >> 2) - 1; /* all ones: g is negative */
	memcpy(last, q->key[s->message] + 16, sizeof(last));
	sum = (unsigned __int128)((s->h0 & keep) | (g0 & ~keep)) + last[0];
	last[0] = (uint64_t)sum;
	last[1] += ((s->h1 & keep) | (g1 & ~keep)) + (uint64_t)(sum >> 64);
	memcpy(q->tag[s->message], last, sizeof(last));
	s->busy = false;
}

/*
 * Between steps: streams that are near their end come to it, and take the next
 * message. Returns how many steps can be done now, up to most; 0: none is left.
 */
static unsigned
poly_prepare(struct poly_queue *q, unsigned most)
{
	static const uint8_t nothing[POLY_BLOCK * POLY_STEPS_MAX];
	unsigned steps = most, busy = 0;

	for (unsigned i = 0; i < POLY_STREAMS; i++) {
		struct poly_stream *s = &q->stream[i];

		while (s->busy ? s->blocks == 0 : q->next < q->ready) {
			if (s->busy)
				poly_finish(q, s);
			else
				poly_begin(q, s);
		}
		busy += s->busy;
		if (!s->busy)
			s->at = nothing; /* works for nobody */
		else if (s->blocks < steps)
			steps = s->blocks;
	}
	if (busy == 0)
		return 0;
	for (unsigned i = 0; i < POLY_STREAMS; i++)
		q->stream[i].blocks -= q->stream[i].busy ? steps : 0;
	return steps;
}

/* Until all messages before end are done. */
static void
poly_drain(struct poly_queue *q, unsigned end)
{
	for (;;) {
		unsigned steps = poly_prepare(q, POLY_STEPS_MAX);
		bool left = q->next < end;

		for (unsigned i = 0; i < POLY_STREAMS; i++)
			left |= q->stream[i].busy && q->stream[i].message < end;
		/* Steps that were prepared are done in any case. */
		while (steps-- > 0)
			poly_step(q);
		if (!left)
			return;
	}
}

#endif
