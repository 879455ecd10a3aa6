/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto_accel/impl.h"
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

/* Batches of all sizes, lengths and keys against single hashes, with canaries. */
static void
test_batch(void **state)
{
	static uint8_t in[40][300], keys[40][32], got[40][48], want[32];
	uint8_t *out[40];
	const uint8_t *ins[40], *ks[40];

	for (unsigned i = 0; i < 40; i++) {
		for (unsigned j = 0; j < sizeof(in[i]); j++)
			in[i][j] = (uint8_t)(i * 11 + j * 3);
		for (unsigned j = 0; j < 32; j++)
			keys[i][j] = (uint8_t)(i * 5 + j * 7 + 1);
		out[i] = got[i];
		ins[i] = in[i];
		ks[i] = keys[i];
	}
	for (size_t len = 0; len <= 300; len += len < 140 ? 1 : 20) {
		unsigned n = 1 + (unsigned)len % 40;
		size_t out_len = 1 + len % 32, key_len = len % 3 == 0 ? 0 : len % 33;

		memset(got, 0xca, sizeof(got));
		blake2s_batch(out, out_len, len == 0 ? NULL : ins, len, key_len == 0 ? NULL : ks,
			key_len, n);
		for (unsigned i = 0; i < n; i++) {
			blake2s(want, out_len, in[i], len, keys[i], key_len);
			assert_memory_equal(got[i], want, out_len);
			for (size_t j = out_len; j < sizeof(got[i]); j++)
				assert_int_equal(got[i][j], 0xca);
		}
		if (n < 40)
			assert_int_equal(got[n][0], 0xca);
	}
}

/* As above for the KDF; outputs alias the chaining keys, as in a handshake. */
static void
test_kdf_batch(void **state)
{
	static uint8_t ck[40][32], in[40][64], got[3][40][32], want[3][32], saved[40][32];
	uint8_t *out[3][40];
	const uint8_t *cks[40], *ins[40];

	for (unsigned i = 0; i < 40; i++) {
		for (unsigned j = 0; j < 32; j++)
			saved[i][j] = (uint8_t)(i * 3 + j + 1);
		for (unsigned j = 0; j < 64; j++)
			in[i][j] = (uint8_t)(i * 5 + j * 9);
		cks[i] = ck[i];
		ins[i] = in[i];
		for (unsigned o = 0; o < 3; o++)
			out[o][i] = o == 0 ? ck[i] : got[o][i];
	}
	for (unsigned n = 0; n <= 40; n++) {
		unsigned n_outs = 1 + n % 3;
		size_t in_len = n % 4 == 0 ? 0 : n % 4 == 1 ? 32 : 1 + n * 5 % 64;

		memcpy(ck, saved, sizeof(ck));
		memset(got, 0xca, sizeof(got));
		blake2s_kdf_batch(out[0], n_outs > 1 ? out[1] : NULL, n_outs > 2 ? out[2] : NULL,
			cks, in_len == 0 ? NULL : ins, in_len, n);
		for (unsigned i = 0; i < n; i++) {
			blake2s_kdf(want[0], n_outs > 1 ? want[1] : NULL,
				n_outs > 2 ? want[2] : NULL, saved[i], in[i], in_len);
			for (unsigned o = 0; o < n_outs; o++)
				assert_memory_equal(out[o][i], want[o], 32);
		}
		for (unsigned i = n; i < 40; i++)
			assert_memory_equal(ck[i], saved[i], 32);
	}
}

/* All of the above, then the batches once more over lanes. */
int
main(void)
{
	const struct CMUnitTest batches[] = {
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_kdf_batch),
	};
	char err[128];
	int failed;

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7693_abc),
		cmocka_unit_test(test_rfc7693_selftest),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_final_wipes),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_kdf),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_kdf_batch),
	};

	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (!aead_avx512.usable()) {
		print_message("[  SKIPPED ] blake2s of avx512: not on this CPU\n");
		return failed;
	}
	setenv("WGDP_CRYPTO", "avx512", 1);
	if (crypto_init(err, sizeof(err)) != 0) {
		print_error("avx512: %s\n", err);
		return failed + 1;
	}
	return failed + cmocka_run_group_tests(batches, NULL, NULL);
}
