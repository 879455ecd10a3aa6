/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "crypto_accel/impl.h"
#include "tests/unit/hex.h"

/* RFC 7748, section 5.2. */
static void
test_rfc7748_vectors(void **state)
{
	static const char *v[][3] = {
		{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
			"e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
			"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
			"e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
			"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	};

	for (unsigned i = 0; i < 2; i++) {
		uint8_t k[32], u[32], want[32], out[32];

		hex(k, v[i][0]);
		hex(u, v[i][1]);
		hex(want, v[i][2]);
		assert_true(x25519(out, k, u));
		assert_memory_equal(out, want, 32);
	}
}

/* RFC 7748, section 5.2: iterated a thousand times. */
static void
test_rfc7748_iterated(void **state)
{
	uint8_t k[32] = {9}, u[32] = {9}, want[32], out[32];

	for (unsigned i = 0; i < 1000; i++) {
		assert_true(x25519(out, k, u));
		memcpy(u, k, 32);
		memcpy(k, out, 32);
	}
	hex(want, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
	assert_memory_equal(k, want, 32);
}

static void
fill(uint8_t *buf, size_t len, unsigned seed)
{
	uint8_t s[32] = {(uint8_t)seed, (uint8_t)(seed >> 8)};

	randombytes_buf_deterministic(buf, len, s);
}

/* Every batch size over a few groups of lanes, against libsodium and OpenSSL. */
static void
test_batches(void **state)
{
	uint8_t k[41][32], u[41][32], out[41][32], want[32];
	bool ok[41];

	for (unsigned n = 0; n <= 40; n++) {
		fill(k[0], sizeof(k), n);
		fill(u[0], sizeof(u), n + 1000);
		memset(out, 0xa5, sizeof(out));
		x25519_batch(out, (const uint8_t(*)[32])k, (const uint8_t(*)[32])u, ok, n);
		for (unsigned i = 0; i < n; i++) {
			assert_true(ok[i]);
			assert_int_equal(crypto_scalarmult_curve25519(want, k[i], u[i]), 0);
			assert_memory_equal(out[i], want, 32);
		}
		x25519_batch(out, (const uint8_t(*)[32])k, NULL, ok, n);
		for (unsigned i = 0; i < n; i++) {
			EVP_PKEY *pkey =
				EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, k[i], 32);
			size_t len = 32;

			assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, want, &len), 1);
			EVP_PKEY_free(pkey);
			assert_true(ok[i]);
			assert_memory_equal(out[i], want, 32);
		}
		assert_int_equal(out[n][0], 0xa5);
	}
}

/*
 * The points of small order and their non-canonical forms (the twist's too),
 * each with the top bit clear and set, at every place of a batch of good ones.
 */
static void
test_low_order(void **state)
{
	static const char *low[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	static const uint8_t zero[32];

	for (unsigned v = 0; v < 14; v++) {
		uint8_t k[9][32], u[9][32], out[9][32], want[32];
		bool ok[9];
		unsigned at = v % 9;

		fill(k[0], sizeof(k), v);
		fill(u[0], sizeof(u), v + 100);
		hex(u[at], low[v / 2]);
		u[at][31] |= (uint8_t)(v % 2 << 7);
		memset(out, 0xa5, sizeof(out));
		x25519_batch(out, (const uint8_t(*)[32])k, (const uint8_t(*)[32])u, ok, 9);
		for (unsigned i = 0; i < 9; i++) {
			assert_int_equal(ok[i], i != at);
			if (i == at) {
				assert_memory_equal(out[i], zero, 32);
				continue;
			}
			assert_int_equal(crypto_scalarmult_curve25519(want, k[i], u[i]), 0);
			assert_memory_equal(out[i], want, 32);
		}
		assert_false(x25519(out[0], k[at], u[at]));
		assert_memory_equal(out[0], zero, 32);
	}
}

/* Points next to 2^255-19 and 2^255, and with all-ones limbs; extreme scalars. */
static void
test_field_edges(void **state)
{
	uint8_t k[64][32], u[64][32], out[64][32], want[32];
	bool ok[64];
	unsigned n = 0;

	fill(k[0], sizeof(k), 5);
	for (unsigned i = 0; i < 19; i++, n++) { /* 2^255-19+2 .. 2^255-1: not canonical */
		memset(u[n], 0xff, 32);
		u[n][0] = (uint8_t)(0xef + i < 0xff ? 0xef + i : 0xff);
		u[n][31] = 0x7f;
	}
	for (unsigned i = 2; i < 12; i++, n++) { /* small, and p minus small */
		memset(u[n], i % 2 ? 0xff : 0, 32);
		u[n][0] = (uint8_t)(i % 2 ? 0xed - i : i);
		u[n][31] = i % 2 ? 0x7f : 0;
	}
	for (unsigned bit = 0; bit < 256; bit += 11, n++) { /* ones up to a bit */
		memset(u[n], 0, 32);
		for (unsigned j = 0; j <= bit; j++)
			u[n][j / 8] |= (uint8_t)(1u << j % 8);
		u[n][0] ^= 2;
	}
	memset(k[0], 0, 32);
	memset(k[1], 0xff, 32);
	memset(k[n - 1], 0, 32);
	memset(k[n - 2], 0xff, 32);
	x25519_batch(out, (const uint8_t(*)[32])k, (const uint8_t(*)[32])u, ok, n);
	for (unsigned i = 0; i < n; i++) {
		bool want_ok = crypto_scalarmult_curve25519(want, k[i], u[i]) == 0;

		assert_int_equal(ok[i], want_ok);
		if (want_ok)
			assert_memory_equal(out[i], want, 32);
	}
	x25519_batch(out, (const uint8_t(*)[32])k, NULL, ok, n);
	for (unsigned i = 0; i < n; i++) {
		crypto_scalarmult_curve25519_base(want, k[i]);
		assert_memory_equal(out[i], want, 32);
	}
}

/*
 * Base point: scalars whose windows of five bits are all alike, or alike but for
 * one, against libsodium: every digit at every place, with and without carries.
 */
static void
test_base_windows(void **state)
{
	static uint8_t k[32 * 51][32], out[32 * 51][32];
	static bool ok[32 * 51];
	uint8_t want[32];
	unsigned n = 0;

	for (unsigned digit = 0; digit < 32; digit++) {
		for (unsigned at = 0; at < 51; at++, n++) {
			unsigned rest = at % 3 == 0 ? 0 : at % 3 == 1 ? 16 : 31;

			memset(k[n], 0, 32);
			for (unsigned bit = 0; bit < 5 * 51; bit++) {
				unsigned d = bit / 5 == at ? digit : rest;

				if (3 + bit < 256 && d >> bit % 5 & 1)
					k[n][(3 + bit) / 8] |= (uint8_t)(1 << (3 + bit) % 8);
			}
		}
	}
	x25519_batch(out, (const uint8_t(*)[32])k, NULL, ok, n);
	for (unsigned i = 0; i < n; i++) {
		crypto_scalarmult_curve25519_base(want, k[i]);
		assert_true(ok[i]);
		assert_memory_equal(out[i], want, 32);
	}
	x25519_base(out[0], k[n - 1]);
	assert_memory_equal(out[0], want, 32);
}

/* All of the above over each way of multiplying that this CPU has. */
int
main(void)
{
	static const char *names[] = {"ref", "avx512"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7748_vectors),
		cmocka_unit_test(test_rfc7748_iterated),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_field_edges),
		cmocka_unit_test(test_base_windows),
	};
	int failed = 0;
	char err[128];

	for (unsigned i = 0; i < 2; i++) {
		if (i == 1 && !aead_avx512.usable()) {
			print_message("[  SKIPPED ] x25519 of avx512: not on this CPU\n");
			continue;
		}
		setenv("WGDP_CRYPTO", names[i], 1);
		if (crypto_init(err, sizeof(err)) != 0) {
			print_error("%s: %s\n", names[i], err);
			return 1;
		}
		failed += _cmocka_run_group_tests(
			crypto_x25519_name(), tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL);
	}
	return failed;
}
