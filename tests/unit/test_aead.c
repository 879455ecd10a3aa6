/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One suite over every AEAD implementation: differential tests against
 * libsodium and OpenSSL, forgeries, memory bounds. What this CPU cannot run
 * is reported as skipped, by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "crypto_accel/chachapoly_ref.h"
#include "crypto_accel/impl.h"

#define SLOT 4096 /* bytes for a packet, its alignment and canaries */
#define CANARY 64

struct burst {
	struct aead_ctx *ctx;
	unsigned n;
	struct aead_op ops[AEAD_BURST_MAX];
	uint8_t keys[AEAD_BURST_MAX][AEAD_KEY_LEN];
	uint8_t *memory; /* AEAD_BURST_MAX slots, what the implementation works on */
	uint8_t *plain; /* likewise: the texts */
	uint8_t *sealed; /* likewise: the oracle's answers */
};

static uint64_t rng_state;

/* splitmix64: reproducible, and good enough for test data. */
static uint64_t
rng(void)
{
	uint64_t z = rng_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void
rng_fill(void *buf, size_t len)
{
	uint8_t *p = buf;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t v = rng();

		memcpy(p, &v, 8);
	}
	for (; len > 0; len--)
		*p++ = (uint8_t)rng();
}

static struct burst *
burst_create(const struct aead_impl *impl)
{
	struct burst *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->ctx = aead_ctx_create_for(impl);
	assert_non_null(b->ctx);
	b->memory = aligned_alloc(64, AEAD_BURST_MAX * SLOT);
	b->plain = malloc(AEAD_BURST_MAX * SLOT);
	b->sealed = malloc(AEAD_BURST_MAX * SLOT);
	assert_true(b->memory != NULL && b->plain != NULL && b->sealed != NULL);
	return b;
}

static void
burst_destroy(struct burst *b)
{
	aead_ctx_destroy(b->ctx);
	free(b->memory);
	free(b->plain);
	free(b->sealed);
	free(b);
}

static void
sodium_seal(uint8_t *out, const uint8_t *in, size_t len, uint64_t counter, const uint8_t *key)
{
	uint8_t nonce[12];

	nonce_from_counter(nonce, counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, NULL, 0, NULL, nonce, key);
}

static void
openssl_seal(uint8_t *out, const uint8_t *in, size_t len, uint64_t counter, const uint8_t *key)
{
	static EVP_CIPHER_CTX *evp;
	uint8_t nonce[12];
	int n;

	if (evp == NULL) {
		evp = EVP_CIPHER_CTX_new();
		EVP_EncryptInit_ex(evp, EVP_chacha20_poly1305(), NULL, NULL, NULL);
	}
	nonce_from_counter(nonce, counter);
	assert_int_equal(EVP_EncryptInit_ex(evp, NULL, NULL, key, nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(evp, out, &n, in, (int)len), 1);
	assert_int_equal(EVP_EncryptFinal_ex(evp, out + len, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, 16, out + len), 1);
}

/* Packet i: random key and text, at `align` past a 64-byte line, canaries around. */
static void
prepare(struct burst *b, unsigned i, uint32_t length, unsigned align, uint64_t counter)
{
	struct aead_op *op = &b->ops[i];
	uint8_t *slot = b->memory + (size_t)i * SLOT;

	rng_fill(b->keys[i], AEAD_KEY_LEN);
	rng_fill(b->plain + (size_t)i * SLOT, length);
	memset(slot, 0xca, CANARY + align + length + AEAD_TAG_LEN + CANARY);
	op->key = b->keys[i];
	op->counter = counter;
	op->data = slot + CANARY + align;
	op->length = length;
	op->result = UINT32_MAX;
	memcpy(op->data, b->plain + (size_t)i * SLOT, length);
}

static void
check_canaries(const struct aead_op *op)
{
	for (unsigned i = 1; i <= CANARY; i++)
		assert_int_equal(op->data[-(int)i], 0xca);
	for (unsigned i = 0; i < CANARY; i++)
		assert_int_equal(op->data[op->length + AEAD_TAG_LEN + i], 0xca);
}

/* Seals and opens the prepared burst and holds both against the oracle. */
static void
check_burst(struct burst *b,
	void (*oracle)(uint8_t *, const uint8_t *, size_t, uint64_t, const uint8_t *))
{
	aead_seal_burst(b->ctx, b->ops, b->n);
	for (unsigned i = 0; i < b->n; i++) {
		const struct aead_op *op = &b->ops[i];
		uint8_t *want = b->sealed + (size_t)i * SLOT;

		oracle(want, b->plain + (size_t)i * SLOT, op->length, op->counter, op->key);
		assert_int_equal(op->result, AEAD_OK);
		assert_memory_equal(op->data, want, op->length + AEAD_TAG_LEN);
		check_canaries(op);
		b->ops[i].result = UINT32_MAX;
	}
	assert_int_equal(aead_open_burst(b->ctx, b->ops, b->n), b->n);
	for (unsigned i = 0; i < b->n; i++) {
		const struct aead_op *op = &b->ops[i];

		assert_int_equal(op->result, AEAD_OK);
		assert_memory_equal(op->data, b->plain + (size_t)i * SLOT, op->length);
		/* The tag behind the text is nobody's to change on open. */
		assert_memory_equal(op->data + op->length,
			b->sealed + (size_t)i * SLOT + op->length, AEAD_TAG_LEN);
		check_canaries(op);
	}
}

/* Every length 0 to 2048 at every alignment mod 64, bursts of 61. */
static void
test_lengths_and_alignments(struct burst *b)
{
	b->n = 0;
	for (unsigned align = 0; align < 64; align++) {
		for (unsigned length = 0; length <= 2048; length++) {
			/* A stride coprime to 2049 mixes long and short in one burst. */
			prepare(b, b->n++, length * 1000 % 2049, align, rng());
			if (b->n == 61) {
				check_burst(b, sodium_seal);
				b->n = 0;
			}
		}
	}
	check_burst(b, sodium_seal);
}

/* Every burst size, uniform and mixed. */
static void
test_burst_sizes(struct burst *b)
{
	static const uint32_t uniform[] = {0, 16, 64, 100, 240, 256, 1024, 1420};

	for (b->n = 1; b->n <= AEAD_BURST_MAX; b->n++) {
		for (unsigned i = 0; i < b->n; i++)
			prepare(b, i, rng() % 1500, rng() % 64, rng());
		check_burst(b, openssl_seal);
		for (unsigned i = 0; i < b->n; i++)
			prepare(b, i, uniform[b->n % 8], 0, i);
		check_burst(b, openssl_seal);
		/* One long packet among short ones, at a moving place. */
		for (unsigned i = 0; i < b->n; i++)
			prepare(b, i, i == b->n / 2 ? 2000 : rng() % 65, rng() % 64, rng());
		check_burst(b, openssl_seal);
	}
	/* One just longer than the others, where no order by 64 bytes tells them apart. */
	for (unsigned at = 0; at < 32; at++) {
		b->n = 32;
		for (unsigned i = 0; i < b->n; i++)
			prepare(b, i, i == at ? 65 + 2 * at : 64, 0, rng());
		check_burst(b, openssl_seal);
	}
	b->n = 0;
	aead_seal_burst(b->ctx, b->ops, 0);
	assert_int_equal(aead_open_burst(b->ctx, b->ops, 0), 0);
}

/* One key for all, as a single busy peer has it; counters at their edges. */
static void
test_one_key_and_counters(struct burst *b)
{
	static const uint64_t counters[] = {0, 1, UINT32_MAX, 1ULL << 32, (1ULL << 32) - 2,
		UINT64_MAX, UINT64_MAX - (1 << 13) - 1, 1ULL << 63};

	for (b->n = 1; b->n <= 40; b->n++) {
		for (unsigned i = 0; i < b->n; i++) {
			prepare(b, i, 64 * (i % 5) + i, i, counters[i % 8] + i / 8);
			b->ops[i].key = b->keys[0];
		}
		check_burst(b, sodium_seal);
	}
}

/* The longest packets; buffers of their own, for they exceed the slots. */
static void
test_longest(struct burst *b)
{
	uint8_t *plain = malloc(65535), *want = malloc(65535 + AEAD_TAG_LEN);
	uint8_t *data[3];

	assert_true(plain != NULL && want != NULL);
	rng_fill(plain, 65535);
	for (unsigned i = 0; i < 3; i++) {
		prepare(b, i, 0, 0, 7 + i);
		data[i] = malloc(65535 + AEAD_TAG_LEN);
		assert_non_null(data[i]);
		memcpy(data[i], plain, 65535);
		b->ops[i].data = data[i];
		b->ops[i].length = 65535 - i * 40000 % 65000;
	}
	aead_seal_burst(b->ctx, b->ops, 3);
	for (unsigned i = 0; i < 3; i++) {
		sodium_seal(want, plain, b->ops[i].length, 7 + i, b->keys[i]);
		assert_memory_equal(data[i], want, b->ops[i].length + AEAD_TAG_LEN);
	}
	assert_int_equal(aead_open_burst(b->ctx, b->ops, 3), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_memory_equal(data[i], plain, b->ops[i].length);
		free(data[i]);
	}
	free(plain);
	free(want);
}

/*
 * Opens the burst with packet `bad` changed at byte `at`: all others open, and
 * bad's buffer holds what came in, or zeros, but no plaintext.
 */
static void
check_forgery(struct burst *b, unsigned bad, unsigned at, uint8_t mask)
{
	static uint8_t came_in[SLOT], zeros[SLOT];
	struct aead_op *op = &b->ops[bad];

	for (unsigned i = 0; i < b->n; i++) {
		memcpy(b->ops[i].data, b->sealed + (size_t)i * SLOT,
			b->ops[i].length + AEAD_TAG_LEN);
		b->ops[i].result = UINT32_MAX;
	}
	op->data[at] ^= mask;
	memcpy(came_in, op->data, op->length);
	assert_int_equal(aead_open_burst(b->ctx, b->ops, b->n), b->n - 1);
	for (unsigned i = 0; i < b->n; i++) {
		assert_int_equal(b->ops[i].result, i == bad ? AEAD_BAD_TAG : AEAD_OK);
		if (i != bad)
			assert_memory_equal(
				b->ops[i].data, b->plain + (size_t)i * SLOT, b->ops[i].length);
	}
	assert_true(memcmp(op->data, came_in, op->length) == 0 ||
		    memcmp(op->data, zeros, op->length) == 0);
	check_canaries(op);
}

static void
seal_prepared(struct burst *b)
{
	for (unsigned i = 0; i < b->n; i++)
		sodium_seal(b->sealed + (size_t)i * SLOT, b->plain + (size_t)i * SLOT,
			b->ops[i].length, b->ops[i].counter, b->ops[i].key);
}

/* Every bit of the tag, and text bytes at the borders, of every packet of a burst. */
static void
test_forgeries(struct burst *b)
{
	static const uint32_t lengths[] = {0, 16, 33, 64, 128, 129, 200, 600, 1420};

	b->n = 27;
	for (unsigned i = 0; i < b->n; i++)
		prepare(b, i, lengths[i % 9], rng() % 64, rng());
	seal_prepared(b);
	for (unsigned bad = 0; bad < b->n; bad++) {
		uint32_t length = b->ops[bad].length;

		for (unsigned bit = 0; bit < 128; bit++)
			check_forgery(b, bad, length + bit / 8, (uint8_t)(1u << bit % 8));
		for (unsigned at = 0; at < length; at += 1 + at / 7)
			check_forgery(b, bad, at, (uint8_t)(1u << rng() % 8));
		if (length > 0)
			check_forgery(b, bad, length - 1, 0x80);
	}
}

/* One forged packet at every position of bursts of all sizes. */
static void
test_forgery_positions(struct burst *b)
{
	for (b->n = 1; b->n <= 70; b->n += b->n < 36 ? 1 : 11) {
		for (unsigned i = 0; i < b->n; i++)
			prepare(b, i, rng() % 3 ? 64 : rng() % 700, rng() % 64, rng());
		seal_prepared(b);
		for (unsigned bad = 0; bad < b->n; bad++)
			check_forgery(b, bad, b->ops[bad].length + rng() % 16, 1);
	}
}

/* All forged; and a key of the wrong packet. */
static void
test_all_forged(struct burst *b)
{
	b->n = 48;
	for (unsigned i = 0; i < b->n; i++)
		prepare(b, i, rng() % 300, 0, i);
	seal_prepared(b);
	for (unsigned i = 0; i < b->n; i++) {
		memcpy(b->ops[i].data, b->sealed + (size_t)i * SLOT,
			b->ops[i].length + AEAD_TAG_LEN);
		b->ops[i].key = b->keys[(i + 1) % b->n];
	}
	assert_int_equal(aead_open_burst(b->ctx, b->ops, b->n), 0);
	for (unsigned i = 0; i < b->n; i++) {
		assert_int_equal(b->ops[i].result, AEAD_BAD_TAG);
		check_canaries(&b->ops[i]);
	}
}

/* A buffer's last byte before, or its first behind, a page that must not be touched. */
static void
test_guard_pages(struct burst *b)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned slots = 19;
	uint8_t *map = mmap(NULL, slots * 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(map != MAP_FAILED);
	for (unsigned i = 0; i < slots; i++)
		assert_int_equal(
			mprotect(map + (3 * i + 1) * page, page, PROT_READ | PROT_WRITE), 0);
	for (unsigned length = 0; length <= 1424; length += length < 280 ? 1 : 17) {
		for (unsigned side = 0; side < 2; side++) {
			b->n = length % slots + 1;
			for (unsigned i = 0; i < b->n; i++) {
				uint8_t *at = map + (3 * i + 1) * page;
				uint32_t len = (length + i * 16 * (length % 3)) % 1500;

				prepare(b, i, len, 0, i);
				if (side == 0)
					at += page - len - AEAD_TAG_LEN;
				memcpy(at, b->ops[i].data, len);
				b->ops[i].data = at;
			}
			aead_seal_burst(b->ctx, b->ops, b->n);
			seal_prepared(b);
			for (unsigned i = 0; i < b->n; i++)
				assert_memory_equal(b->ops[i].data, b->sealed + (size_t)i * SLOT,
					b->ops[i].length + AEAD_TAG_LEN);
			assert_int_equal(aead_open_burst(b->ctx, b->ops, b->n), b->n);
		}
	}
	munmap(map, slots * 3 * page);
}

/*
 * Writes into block (16 bytes) what brings Poly1305's accumulator, after the
 * 16 bytes of lengths that follow it, to target. False when no 16 bytes do.
 */
static bool
steer(uint8_t block[16], const BIGNUM *target, const uint8_t *text, uint32_t before,
	const uint8_t poly_key[32])
{
	BN_CTX *bc = BN_CTX_new();
	BIGNUM *p = BN_new(), *r = BN_new(), *inv = BN_new(), *h = BN_new(), *m = BN_new();
	uint8_t clamped[16], lengths[17] = {0}, le[17];
	bool ok;

	BN_set_bit(p, 130);
	BN_sub_word(p, 5);
	memcpy(clamped, poly_key, 16);
	for (unsigned i = 3; i < 16; i += 4)
		clamped[i] &= 15;
	for (unsigned i = 4; i < 16; i += 4)
		clamped[i] &= 252;
	BN_lebin2bn(clamped, 16, r);
	BN_mod_inverse(inv, r, p, bc);

	BN_zero(h);
	for (uint32_t at = 0; at < before; at += 16) {
		memcpy(le, text + at, 16);
		le[16] = 1;
		BN_lebin2bn(le, 17, m);
		BN_mod_add(h, h, m, p, bc);
		BN_mod_mul(h, h, r, p, bc);
	}
	lengths[8] = (uint8_t)(before + 16);
	lengths[9] = (uint8_t)((before + 16) >> 8);
	lengths[16] = 1;
	/* target = ((h + block) * r + lengths) * r */
	BN_mod_mul(m, target, inv, p, bc);
	BIGNUM *l = BN_lebin2bn(lengths, 17, NULL);
	BN_mod_sub(m, m, l, p, bc);
	BN_mod_mul(m, m, inv, p, bc);
	BN_mod_sub(m, m, h, p, bc);
	ok = BN_num_bits(m) == 129; /* the bit that Poly1305 sets above each block */
	if (ok) {
		BN_bn2lebinpad(m, le, 17);
		memcpy(block, le, 16);
	}
	BN_free(l);
	BN_free(p);
	BN_free(r);
	BN_free(inv);
	BN_free(h);
	BN_free(m);
	BN_CTX_free(bc);
	return ok;
}

/* Accumulators that end next to 0 and to 2^130-5, where reduction goes wrong. */
static void
test_poly1305_edges(struct burst *b)
{
	BIGNUM *target = BN_new();

	b->n = 0;
	for (unsigned k = 0; k < 24; k++) {
		uint32_t before = 16 * (k * 5 % 23);
		uint8_t nonce[12], block0[64];
		unsigned i = b->n++;
		uint8_t *sealed = b->sealed + (size_t)i * SLOT;

		/* k < 12: 0 to 11 (0 to 4 have two forms below 2^130); else p-1 downwards */
		BN_zero(target);
		if (k >= 12) {
			BN_set_bit(target, 130);
			BN_sub_word(target, 5 + 1 + (k - 12));
		} else {
			BN_add_word(target, k);
		}
		do {
			prepare(b, i, before + 16, k, rng());
			rng_fill(sealed, before);
			nonce_from_counter(nonce, b->ops[i].counter);
			chacha20_ref_block(block0, b->keys[i], 0, nonce);
		} while (!steer(sealed + before, target, sealed, before, block0));
		memcpy(b->ops[i].data, sealed, before + 16);
		/* The tag is then target + s: computed here without any Poly1305. */
		BIGNUM *s = BN_lebin2bn(block0 + 16, 16, NULL);
		BN_add(s, s, target);
		BN_mask_bits(s, 128);
		BN_bn2lebinpad(s, b->ops[i].data + before + 16, 16);
		BN_free(s);
	}
	BN_free(target);
	assert_int_equal(aead_open_burst(b->ctx, b->ops, b->n), b->n);
}

/* Ciphertexts of all ones and all zeros: the largest and smallest limbs. */
static void
test_extreme_texts(struct burst *b)
{
	for (unsigned fill = 0; fill < 2; fill++) {
		b->n = 200;
		for (unsigned i = 0; i < b->n; i++) {
			struct aead_op *op = &b->ops[i];
			uint8_t nonce[12];

			prepare(b, i, i * 7, i, i);
			memset(op->data, fill ? 0xff : 0, op->length);
			nonce_from_counter(nonce, op->counter);
			chachapoly_ref_tag(op->data + op->length, op->key, nonce, NULL, 0, op->data,
				op->length);
		}
		assert_int_equal(aead_open_burst(b->ctx, b->ops, b->n), b->n);
	}
}

#define STACK_LEN (256 * 1024)

/* Instrumented code has frames of another shape than what is shipped. */
#if defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define INSTRUMENTED true
#endif
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED false
#endif

static struct burst *on_stack;
static ucontext_t here, there;

static void
seal_and_open(void)
{
	aead_seal_burst(on_stack->ctx, on_stack->ops, on_stack->n);
	aead_open_burst(on_stack->ctx, on_stack->ops, on_stack->n);
}

static void
assert_absent(const uint8_t *in, size_t len, const uint8_t *secret, const char *what)
{
	if (in != NULL && len > 0 && memmem(in, len, secret, 16) != NULL)
		fail_msg("%s is left in memory", what);
}

/*
 * On a stack of its own, and with the context's memory in view: keys, Poly1305
 * keys and key stream are gone afterwards. Not for ipsec-mb: its memory is its own.
 */
/*
 * Of key, and of blocks 0 and 1 of its key stream, not even single words: lanes
 * that were moved to the stack hold one of many packets each. A word of 32 random
 * bits is elsewhere by chance once in a million runs.
 */
static void
assert_no_words(
	const uint8_t *in, size_t len, const uint8_t *secret, size_t secret_len, const char *what)
{
	for (size_t i = 0; i + 4 <= len; i += 4) {
		uint32_t word, bad;

		memcpy(&word, in + i, 4);
		for (size_t j = 0; word != 0 && j + 4 <= secret_len; j += 4) {
			memcpy(&bad, secret + j, 4);
			if (word == bad)
				fail_msg("a word of %s is left %zu bytes into the stack", what, i);
		}
	}
}

static void
test_secrets_wiped(struct burst *b)
{
	uint8_t *stack = malloc(STACK_LEN);
	size_t scratch_len = b->ctx->scratch != NULL ? malloc_usable_size(b->ctx->scratch) : 0;

	assert_non_null(stack);
	on_stack = b;
	/* Small bursts of short packets use, and wipe, less than others: each size twice. */
	for (unsigned turn = 0, brief = 0; turn < 14; turn++, brief ^= 1) {
		b->n = (2U << turn / 2) - 1;
		for (unsigned i = 0; i < b->n; i++)
			prepare(b, i, i % 3 == 0 || brief ? 64 : 200 + i * 20, i, i);
		memset(stack, 0, STACK_LEN);
		getcontext(&there);
		there.uc_stack.ss_sp = stack;
		there.uc_stack.ss_size = STACK_LEN;
		there.uc_link = &here;
		makecontext(&there, seal_and_open, 0);
		assert_int_equal(swapcontext(&here, &there), 0);
		for (unsigned i = 0; i < b->n; i++) {
			uint8_t nonce[12], block[2][64];

			assert_int_equal(b->ops[i].result, AEAD_OK);
			nonce_from_counter(nonce, i);
			chacha20_ref_block(block[0], b->keys[i], 0, nonce);
			chacha20_ref_block(block[1], b->keys[i], 1, nonce);
			assert_no_words(stack, STACK_LEN, b->keys[i], AEAD_KEY_LEN, "a key");
			assert_no_words(stack, STACK_LEN, block[0], 32, "a Poly1305 key");
			assert_no_words(stack, STACK_LEN, block[1], 64, "key stream");
			for (unsigned m = 0; m < 2; m++) {
				const uint8_t *in = m == 0 ? stack : b->ctx->scratch;
				size_t len = m == 0 ? STACK_LEN : scratch_len;

				assert_absent(in, len, b->keys[i], "a key");
				assert_absent(in, len, b->keys[i] + 16, "half a key");
				assert_absent(in, len, block[0], "r of Poly1305");
				assert_absent(in, len, block[0] + 16, "s of Poly1305");
				assert_absent(in, len, block[1], "key stream");
				assert_absent(in, len, block[1] + 48, "key stream");
				assert_absent(in, len, b->ops[i].data, "text");
			}
		}
	}
	free(stack);
}

static const struct {
	const char *name;
	void (*run)(struct burst *b);
} cases[] = {
	{"lengths_and_alignments", test_lengths_and_alignments},
	{"burst_sizes", test_burst_sizes},
	{"one_key_and_counters", test_one_key_and_counters},
	{"longest", test_longest},
	{"forgeries", test_forgeries},
	{"forgery_positions", test_forgery_positions},
	{"all_forged", test_all_forged},
	{"guard_pages", test_guard_pages},
	{"poly1305_edges", test_poly1305_edges},
	{"extreme_texts", test_extreme_texts},
	{"secrets_wiped", test_secrets_wiped},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

struct run {
	const struct aead_impl *impl;
	unsigned which;
};

static void
run_case(void **state)
{
	const struct run *run = *state;
	struct burst *b;

	if (!run->impl->usable())
		skip();
	if (cases[run->which].run == test_secrets_wiped &&
		(INSTRUMENTED || strncmp(run->impl->name, "ipsecmb", 7) == 0))
		skip();
	rng_state = 1;
	b = burst_create(run->impl);
	cases[run->which].run(b);
	burst_destroy(b);
}

int
main(void)
{
	static struct CMUnitTest tests[16 * N_CASES];
	static struct run runs[16 * N_CASES];
	static char names[16 * N_CASES][64];
	unsigned n = 0;

	if (sodium_init() < 0)
		return 1;
	for (const struct aead_impl *const *impl = aead_impls; *impl != NULL; impl++) {
		for (unsigned c = 0; c < N_CASES; c++, n++) {
			snprintf(names[n], sizeof(names[n]), "%s.%s", (*impl)->name, cases[c].name);
			runs[n] = (struct run){*impl, c};
			tests[n].name = names[n];
			tests[n].test_func = run_case;
			tests[n].initial_state = &runs[n];
		}
	}
	return _cmocka_run_group_tests("aead", tests, n, NULL, NULL);
}
