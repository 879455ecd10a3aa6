/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Picks for every burst: lanes over packets (AVX-512 or AVX2) have a fixed price
 * and a low one a packet, one packet at a time has neither. Also what runs
 * where there is no choice.
 */
#include <stdlib.h>

#include "crypto_accel/impl.h"

/*
 * What a burst costs, in TSC cycles measured on Zen 4 at 3.6 GHz (2.6 GHz TSC)
 * with wgdp-bench. Only ratios matter, and only near the break-even: a CPU
 * where they are off by a tenth loses less than that on two or three packets.
 */
struct price {
	/* Over lanes: fixed; fixed where some packet is long (see LONG); */
	uint32_t burst, powers;
	/* a set of 1 << set_shift lanes, each a block beyond a packet's second; */
	uint32_t set, set_shift;
	/* 64 bytes of Poly1305, for 1 << chunk_shift packets at once. */
	uint32_t chunk, chunk_shift;
	uint32_t never; /* packets up to which lanes lose, however long they are */
	uint32_t always; /* packets of usual lengths from which on lanes win */
	/* One by one through ipsec-mb on such a CPU: a packet, 64 bytes more, a long one. */
	uint32_t single_packet, single_chunk, single_long;
};

#define LONG 2 /* chunks of 64 bytes: above, powers of the Poly1305 key are made */

static const struct price avx512_price = {
	.burst = 790,
	.powers = 110,
	.set = 485,
	.set_shift = 4,
	.chunk = 64,
	.chunk_shift = 3,
	.never = 2,
	.always = 9,
	.single_packet = 340,
	.single_chunk = 39,
	.single_long = 75,
};

static const struct price avx2_price = {
	.burst = 790,
	.set = 436,
	.set_shift = 3,
	.chunk = 33,
	.chunk_shift = 0,
	.never = 1,
	.always = 17,
	.single_packet = 540,
	.single_chunk = 80,
};

struct both {
	const struct aead_impl *wide, *single; /* wide: NULL without lanes */
	const struct price *price;
	void *wide_scratch, *single_scratch;
};

static void
pick(struct both *b)
{
	b->wide = NULL;
	if (aead_avx512.usable()) {
		b->wide = &aead_avx512;
		b->price = &avx512_price;
	} else if (aead_avx2.usable()) {
		b->wide = &aead_avx2;
		b->price = &avx2_price;
	}
	b->single = aead_ipsecmb.usable() ? &aead_ipsecmb : &aead_ref;
}

const char *
aead_auto_runs(void)
{
	struct both b;

	pick(&b);
	return b.wide != NULL ? b.wide->name : b.single->name;
}

static bool
auto_usable(void)
{
	return true;
}

static void
auto_fini(void *scratch)
{
	struct both *b = scratch;

	if (b->wide_scratch != NULL)
		b->wide->fini(b->wide_scratch);
	if (b->single_scratch != NULL)
		b->single->fini(b->single_scratch);
	free(b);
}

static void *
auto_init(void)
{
	struct both *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	pick(b);
	if (b->wide != NULL)
		b->wide_scratch = b->wide->init();
	if (b->single->init != NULL)
		b->single_scratch = b->single->init();
	if ((b->wide != NULL && b->wide_scratch == NULL) ||
		(b->single->init != NULL && b->single_scratch == NULL)) {
		auto_fini(b);
		return NULL;
	}
	return b;
}

/* Is this burst cheaper over lanes? Lengths are public: branches on them are fine. */
static bool
worth_lanes(const struct both *b, const struct aead_op *ops, unsigned n)
{
	const struct price *p = b->price;
	uint32_t any = 0, all = 0, blocks = 0, longest = 0, longs = 0, groups, sets, steps;

	if (b->wide == NULL || n <= p->never)
		return false;
	/* A long packet among short ones keeps lanes waiting: jumbo frames are reckoned. */
	if (n >= p->always) {
		for (unsigned i = 0; i < n; i++)
			any |= ops[i].length;
		if (any < 2048)
			return true;
	}
	for (unsigned i = 0; i < n; i++) {
		uint32_t chunks = (ops[i].length + 63) / 64;

		all += chunks;
		blocks += chunks > 1 ? chunks - 1 : 0;
		longest = chunks > longest ? chunks : longest;
		longs += chunks > LONG;
	}
	/* Sorted: the first group takes as long as the longest packet, the others less. */
	groups = (n + (1U << p->chunk_shift) - 1) >> p->chunk_shift;
	steps = longest + (groups > 1 ? (groups - 1) * all / n : 0);
	sets = (blocks + (1U << p->set_shift) - 1) >> p->set_shift;
	return p->burst + (longs > 0 ? p->powers : 0) + sets * p->set + steps * p->chunk <
	       n * p->single_packet + all * p->single_chunk + longs * p->single_long;
}

static void
auto_seal(void *scratch, struct aead_op *ops, unsigned n)
{
	struct both *b = scratch;

	if (worth_lanes(b, ops, n))
		b->wide->seal(b->wide_scratch, ops, n);
	else
		b->single->seal(b->single_scratch, ops, n);
}

static unsigned
auto_open(void *scratch, struct aead_op *ops, unsigned n)
{
	struct both *b = scratch;

	if (worth_lanes(b, ops, n))
		return b->wide->open(b->wide_scratch, ops, n);
	return b->single->open(b->single_scratch, ops, n);
}

const struct aead_impl aead_auto = {
	.name = "auto",
	.usable = auto_usable,
	.init = auto_init,
	.fini = auto_fini,
	.seal = auto_seal,
	.open = auto_open,
};
