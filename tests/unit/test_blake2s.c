/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto_accel/crypto_accel.h"
#include "tests/unit/hex.h"

static void
test_rfc7693_abc(void **state)
{
	uint8_t want[32], out[32];

	hex(want, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	blake2s(out, 32, "abc", 3, NULL, 0);
	assert_memory_equal(out, want, 32);
}

/* RFC 7693, appendix E: a hash over hashes of all output, input and key lengths. */
static void
selftest_sequence(uint8_t *out, size_t len, uint32_t seed)
{
	uint32_t a = 0xdead4bad * seed, b = 1;

	for (size_t i = 0; i < len; i++) {
		uint32_t t = a + b;

		a = b;
		b = t;
		out[i] = (uint8_t)(t >> 24);
	}
}

static void
test_rfc7693_selftest(void **state)
{
	static const size_t out_lens[] = {16, 20, 28, 32};
	static const size_t in_lens[] = {0, 3, 64, 65, 255, 1024};
	struct blake2s_state all;
	uint8_t in[1024], key[32], md[32], want[32];

	hex(want, "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
	blake2s_init(&all, 32, NULL, 0);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned j = 0; j < 6; j++) {
			selftest_sequence(in, in_lens[j], (uint32_t)in_lens[j]);
			blake2s(md, out_lens[i], in, in_lens[j], NULL, 0);
			blake2s_update(&all, md, out_lens[i]);
			selftest_sequence(key, out_lens[i], (uint32_t)out_lens[i]);
			blake2s(md, out_lens[i], in, in_lens[j], key, out_lens[i]);
			blake2s_update(&all, md, out_lens[i]);
		}
	}
	blake2s_final(&all, md);
	assert_memory_equal(md, want, 32);
}

static void
openssl_hash(uint8_t out[32], const uint8_t *in, size_t len)
{
	assert_int_equal(EVP_Digest(in, len, out, NULL, EVP_blake2s256(), NULL), 1);
}

/* Every length, and every way of cutting an input in two. */
static void
test_pieces(void **state)
{
	uint8_t in[300], want[32], out[32];
	struct blake2s_state s;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + 3);
	for (size_t len = 0; len <= sizeof(in); len++) {
		openssl_hash(want, in, len);
		blake2s(out, 32, in, len, NULL, 0);
		assert_memory_equal(out, want, 32);
		for (size_t cut = 0; cut <= len; cut++) {
			blake2s_init(&s, 32, NULL, 0);
			blake2s_update(&s, in, cut);
			blake2s_update(&s, in + cut, len - cut);
			blake2s_final(&s, out);
			assert_memory_equal(out, want, 32);
		}
	}
}

static void
test_final_wipes(void **state)
{
	struct blake2s_state s, zero;
	uint8_t out[32];

	memset(&zero, 0, sizeof(zero));
	blake2s_init(&s, 32, "key", 3);
	blake2s_update(&s, "secret", 6);
	blake2s_final(&s, out);
	assert_memory_equal(&s, &zero, sizeof(s));
}

static void
test_hmac(void **state)
{
	uint8_t key[100], in[200], want[32], out[32];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 3 + 1);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 5 + 2);
	for (size_t key_len = 0; key_len <= sizeof(key); key_len++) {
		for (size_t len = 0; len <= sizeof(in); len += 13) {
			assert_non_null(
				HMAC(EVP_blake2s256(), key, (int)key_len, in, len, want, NULL));
			blake2s_hmac(out, key, key_len, in, len);
			assert_memory_equal(out, want, 32);
		}
	}
}

/* The paper's definition, spelled out with OpenSSL's HMAC. */
static void
test_kdf(void **state)
{
	uint8_t ck[32], in[32], t0[32], want[3][33], out[3][32];

	for (size_t i = 0; i < 32; i++) {
		ck[i] = (uint8_t)(i + 1);
		in[i] = (uint8_t)(200 - i);
	}
	for (size_t in_len = 0; in_len <= 32; in_len += 32) {
		HMAC(EVP_blake2s256(), ck, 32, in, in_len, t0, NULL);
		HMAC(EVP_blake2s256(), t0, 32, (const uint8_t *)"\1", 1, want[0], NULL);
		want[0][32] = 2;
		HMAC(EVP_blake2s256(), t0, 32, want[0], 33, want[1], NULL);
		want[1][32] = 3;
		HMAC(EVP_blake2s256(), t0, 32, want[1], 33, want[2], NULL);

		for (unsigned n = 1; n <= 3; n++) {
			memset(out, 0, sizeof(out));
			blake2s_kdf(out[0], n > 1 ? out[1] : NULL, n > 2 ? out[2] : NULL, ck, in,
				in_len);
			for (unsigned i = 0; i < n; i++)
				assert_memory_equal(out[i], want[i], 32);
		}
		/* The chaining key may be overwritten by any output. */
		for (unsigned i = 0; i < 3; i++) {
			uint8_t *o[3] = {out[0], out[1], out[2]};
			uint8_t alias[32];

			memcpy(alias, ck, 32);
			o[i] = alias;
			blake2s_kdf(o[0], o[1], o[2], alias, in, in_len);
			for (unsigned j = 0; j < 3; j++)
				assert_memory_equal(o[j], want[j], 32);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7693_abc),
		cmocka_unit_test(test_rfc7693_selftest),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_final_wipes),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_kdf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
