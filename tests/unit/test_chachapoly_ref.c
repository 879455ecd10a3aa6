/* SPDX-License-Identifier: BSD-3-Clause */
/* The vectors of RFC 8439 on the portable reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_accel/chachapoly_ref.h"
#include "tests/unit/hex.h"

static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				"only one tip for the future, sunscreen would be it.";

/* Section 2.3.2. */
static void
test_chacha20_block(void **state)
{
	uint8_t key[32], nonce[12], want[64], out[64];

	hex(key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	hex(nonce, "000000090000004a00000000");
	hex(want, "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
		  "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
	chacha20_ref_block(out, key, 1, nonce);
	assert_memory_equal(out, want, 64);
}

/* Section 2.5.2. */
static void
test_poly1305(void **state)
{
	static const char text[] = "Cryptographic Forum Research Group";
	struct poly1305_ref p;
	uint8_t key[32], want[16], tag[16];

	hex(key, "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
	hex(want, "a8061dc1305136c6c22b8baf0c0127a9");
	poly1305_ref_init(&p, key);
	poly1305_ref_update(&p, (const uint8_t *)text, strlen(text));
	poly1305_ref_final(&p, tag);
	assert_memory_equal(tag, want, 16);
}

/* Appendix A.3, the vectors 7 to 11: r and s, text, tag. */
static void
test_poly1305_carries(void **state)
{
	static const struct {
		const char *key, *text, *tag;
	} v[] = {
		{"02000000000000000000000000000000"
		 "00000000000000000000000000000000",
			"ffffffffffffffffffffffffffffffff", "03000000000000000000000000000000"},
		{"02000000000000000000000000000000"
		 "ffffffffffffffffffffffffffffffff",
			"02000000000000000000000000000000", "03000000000000000000000000000000"},
		{"01000000000000000000000000000000"
		 "00000000000000000000000000000000",
			"fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff"
			"11000000000000000000000000000000",
			"05000000000000000000000000000000"},
		{"01000000000000000000000000000000"
		 "00000000000000000000000000000000",
			"fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe"
			"01010101010101010101010101010101",
			"00000000000000000000000000000000"},
		{"02000000000000000000000000000000"
		 "00000000000000000000000000000000",
			"fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff"},
	};

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct poly1305_ref p;
		uint8_t key[32], text[48], want[16], tag[16];

		hex(key, v[i].key);
		hex(want, v[i].tag);
		poly1305_ref_init(&p, key);
		poly1305_ref_update(&p, text, hex(text, v[i].text));
		poly1305_ref_final(&p, tag);
		assert_memory_equal(tag, want, 16);
	}
}

/* Section 2.8.2, with additional data. */
static void
test_aead(void **state)
{
	uint8_t key[32], nonce[12], ad[12], want[16], tag[16], start[16];
	uint8_t text[sizeof(sunscreen) - 1];

	hex(key, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
	hex(nonce, "070000004041424344454647");
	hex(ad, "50515253c0c1c2c3c4c5c6c7");
	hex(start, "d31a8d34648e60db7b86afbc53ef7ec2");
	hex(want, "1ae10b594f09e26a7e902ecbd0600691");
	memcpy(text, sunscreen, sizeof(text));
	chachapoly_ref_xor(text, sizeof(text), key, nonce);
	assert_memory_equal(text, start, sizeof(start));
	chachapoly_ref_tag(tag, key, nonce, ad, sizeof(ad), text, sizeof(text));
	assert_memory_equal(tag, want, 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chacha20_block),
		cmocka_unit_test(test_poly1305),
		cmocka_unit_test(test_poly1305_carries),
		cmocka_unit_test(test_aead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
