/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an AEAD implementation is to the dispatcher. Private to this room (and
 * to its tests): others see crypto_accel.h only.
 */
#ifndef CRYPTO_ACCEL_IMPL_H
#define CRYPTO_ACCEL_IMPL_H

#include <string.h>

#include "crypto_accel/crypto_accel.h"

struct aead_impl {
	const char *name;
	/* Does this CPU (and this system) run it? Cheap; no side effects. */
	bool (*usable)(void);
	/*
	 * Makes the implementation's own scratch memory, NULL when out of
	 * memory; fini wipes and frees it. Both NULL: it needs none.
	 */
	void *(*init)(void);
	void (*fini)(void *scratch);
	/* As aead_seal_burst and aead_open_burst; n is at least 1. */
	void (*seal)(void *scratch, struct aead_op *ops, unsigned n);
	unsigned (*open)(void *scratch, struct aead_op *ops, unsigned n);
};

struct aead_ctx {
	const struct aead_impl *impl;
	void *scratch;
};

extern const struct aead_impl aead_ref;
extern const struct aead_impl aead_ipsecmb;
extern const struct aead_impl aead_ipsecmb_avx2;
extern const struct aead_impl aead_avx2;
extern const struct aead_impl aead_avx512;
extern const struct aead_impl aead_auto;

/* Name of the implementation that aead_auto gives large bursts to. */
const char *aead_auto_runs(void);

/* All, slowest first, ended by NULL; auto, the default, is the last. */
extern const struct aead_impl *const aead_impls[];

/* A context of exactly this implementation; NULL when out of memory. */
struct aead_ctx *aead_ctx_create_for(const struct aead_impl *impl);

/*
 * Known answers for one implementation, and for the handshake primitives.
 * NULL when all is well, otherwise what failed.
 */
const char *selftest_aead(const struct aead_impl *impl);
const char *selftest_handshake(void);

/* The 96-bit nonce of a counter: 32 zero bits, then 64 bits little-endian. */
static inline void
nonce_from_counter(uint8_t nonce[12], uint64_t counter)
{
	memset(nonce, 0, 4);
	memcpy(nonce + 4, &counter, sizeof(counter)); /* x86 is little-endian */
}

/*
 * What becomes public, such as whether a tag was right: tells valgrind so in the
 * builds of tests/ct, and is nothing elsewhere.
 */
#ifdef WGDP_CT_CHECK
#include <valgrind/memcheck.h>
#define DECLASSIFY(x) VALGRIND_MAKE_MEM_DEFINED(&(x), sizeof(x))
#else
#define DECLASSIFY(x) ((void)0)
#endif

/* crypto_equal for tags, without a loop. */
static inline bool
tag_equal(const uint8_t a[AEAD_TAG_LEN], const uint8_t b[AEAD_TAG_LEN])
{
	uint64_t x[2], y[2], diff;

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	diff = (x[0] ^ y[0]) | (x[1] ^ y[1]);
	/* Hides from the compiler that it could compare half by half. */
	__asm__("" : "+r"(diff));
	DECLASSIFY(diff);
	return diff == 0;
}

#endif
