/* SPDX-License-Identifier: BSD-3-Clause */
/* The single AEADs, and the small helpers: random bytes, wiping, comparing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto_accel/crypto_accel.h"
#include "tests/unit/hex.h"

static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				"only one tip for the future, sunscreen would be it.";
#define LEN (sizeof(sunscreen) - 1)

/* draft-irtf-cfrg-xchacha-03, appendix A.3.1. */
static void
test_xchacha_vector(void **state)
{
	uint8_t key[32], nonce[24], ad[12], tag[16], start[16];
	uint8_t sealed[LEN + 16], opened[LEN];

	hex(key, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
	hex(nonce, "404142434445464748494a4b4c4d4e4f5051525354555657");
	hex(ad, "50515253c0c1c2c3c4c5c6c7");
	hex(start, "bd6d179d3e83d43b9576579493c0e939");
	hex(tag, "c0875924c1c7987947deafd8780acf49");
	xaead_seal(sealed, (const uint8_t *)sunscreen, LEN, ad, sizeof(ad), nonce, key);
	assert_memory_equal(sealed, start, sizeof(start));
	assert_memory_equal(sealed + LEN, tag, 16);
	assert_true(xaead_open(opened, sealed, sizeof(sealed), ad, sizeof(ad), nonce, key));
	assert_memory_equal(opened, sunscreen, LEN);
	ad[0] ^= 1;
	assert_false(xaead_open(opened, sealed, sizeof(sealed), ad, sizeof(ad), nonce, key));
	assert_false(xaead_open(opened, sealed, 15, ad, sizeof(ad), nonce, key));
}

/* RFC 8439, appendix A.5: its nonce has 32 zero bits, as ours do. */
static void
test_one_vector(void **state)
{
	uint8_t key[32], ad[12], start[32], sealed[32 + 16], text[32];
	static const char want[] = "Internet-Drafts are draft docume";
	const uint64_t counter = 0x0807060504030201;

	hex(key, "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
	hex(ad, "f33388860000000000004e91");
	/* The beginning of it: the stream and the nonce's layout. */
	hex(start, "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2");
	aead_seal_one(sealed, (const uint8_t *)want, 32, ad, sizeof(ad), counter, key);
	assert_memory_equal(sealed, start, 32);
	assert_true(aead_open_one(text, sealed, 48, ad, sizeof(ad), counter, key));
	assert_memory_equal(text, want, 32);
}

/* In place; forged anywhere; too short. */
static void
test_one_in_place_and_forged(void **state)
{
	uint8_t key[32] = {1, 2, 3}, ad[5] = {9, 8, 7, 6, 5}, buf[48], sealed[48];

	for (unsigned i = 0; i < 32; i++)
		buf[i] = (uint8_t)i;
	aead_seal_one(buf, buf, 32, ad, 5, 77, key);
	memcpy(sealed, buf, 48);
	assert_true(aead_open_one(buf, buf, 48, ad, 5, 77, key));
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(buf[i], i);
	for (unsigned i = 0; i < 48; i++) {
		memcpy(buf, sealed, 48);
		buf[i] ^= 0x10;
		assert_false(aead_open_one(buf, buf, 48, ad, 5, 77, key));
	}
	memcpy(buf, sealed, 48);
	assert_false(aead_open_one(buf, buf, 48, ad, 5, 78, key));
	assert_false(aead_open_one(buf, buf, 48, ad, 4, 77, key));
	for (unsigned len = 0; len < 16; len++)
		assert_false(aead_open_one(buf, sealed, len, NULL, 0, 77, key));
	/* Nothing but a tag, as WireGuard's empty handshake field. */
	aead_seal_one(buf, NULL, 0, ad, 5, 0, key);
	assert_true(aead_open_one(sealed, buf, 16, ad, 5, 0, key));
}

static void
test_equal(void **state)
{
	uint8_t a[33], b[33];

	memset(a, 7, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_true(crypto_equal(a, b, sizeof(a)));
	assert_true(crypto_equal(a, b, 0));
	for (unsigned i = 0; i < sizeof(a) * 8; i++) {
		b[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_false(crypto_equal(a, b, sizeof(a)));
		b[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

static void
test_wipe_and_random(void **state)
{
	uint8_t a[300], b[300], zero[300] = {0};

	crypto_random(a, sizeof(a));
	crypto_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	crypto_wipe(a, 0);
	crypto_wipe(a, sizeof(a));
	assert_memory_equal(a, zero, sizeof(a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xchacha_vector),
		cmocka_unit_test(test_one_vector),
		cmocka_unit_test(test_one_in_place_and_forged),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_wipe_and_random),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
