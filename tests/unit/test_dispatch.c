/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_accel/impl.h"

static void
test_automatic(void **state)
{
	char err[128] = "";

	unsetenv("WGDP_CRYPTO");
	assert_int_equal(crypto_init(err, sizeof(err)), 0);
	assert_true(strlen(crypto_aead_name()) > 0);
	assert_true(strlen(crypto_x25519_name()) > 0);
	setenv("WGDP_CRYPTO", "", 1); /* as unset */
	assert_int_equal(crypto_init(err, sizeof(err)), 0);
}

/* Each one that runs here can be forced, and is what then runs. */
static void
test_forced(void **state)
{
	char err[128];

	for (const struct aead_impl *const *impl = aead_impls; *impl != NULL; impl++) {
		struct aead_ctx *ctx;

		setenv("WGDP_CRYPTO", (*impl)->name, 1);
		if (!(*impl)->usable()) {
			assert_int_equal(crypto_init(err, sizeof(err)), -1);
			assert_non_null(strstr(err, (*impl)->name));
			continue;
		}
		assert_int_equal(crypto_init(err, sizeof(err)), 0);
		if (strcmp((*impl)->name, "auto") != 0)
			assert_string_equal(crypto_aead_name(), (*impl)->name);
		ctx = aead_ctx_create();
		assert_non_null(ctx);
		assert_ptr_equal(ctx->impl, *impl);
		aead_ctx_destroy(ctx);
	}
	aead_ctx_destroy(NULL);
}

static void
test_unknown(void **state)
{
	char err[128] = "";

	setenv("WGDP_CRYPTO", "fastest", 1);
	assert_int_equal(crypto_init(err, sizeof(err)), -1);
	assert_non_null(strstr(err, "\"fastest\""));
	assert_null(strchr(err, '\n'));
}

static bool
always(void)
{
	return true;
}

static void
seal_wrong(void *scratch, struct aead_op *ops, unsigned n)
{
	aead_ref.seal(scratch, ops, n);
	ops[n - 1].data[0] ^= 1;
}

static unsigned
open_all(void *scratch, struct aead_op *ops, unsigned n)
{
	unsigned opened = aead_ref.open(scratch, ops, n);

	for (unsigned i = 0; i < n; i++)
		ops[i].result = AEAD_OK;
	return opened;
}

/* The self-test finds a kernel that seals wrong and one that accepts forgeries. */
static void
test_selftest_finds(void **state)
{
	const struct aead_impl wrong = {
		.name = "wrong", .usable = always, .seal = seal_wrong, .open = aead_ref.open};
	const struct aead_impl lax = {
		.name = "lax", .usable = always, .seal = aead_ref.seal, .open = open_all};

	assert_null(selftest_aead(&aead_ref));
	assert_non_null(selftest_aead(&wrong));
	assert_non_null(selftest_aead(&lax));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_automatic),
		cmocka_unit_test(test_forced),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_selftest_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
