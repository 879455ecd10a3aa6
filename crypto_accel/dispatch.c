/* SPDX-License-Identifier: BSD-3-Clause */
/* Which implementation runs: chosen once, before there are threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto_accel/blake2s_impl.h"
#include "crypto_accel/impl.h"
#include "crypto_accel/x25519_impl.h"

const struct aead_impl *const aead_impls[] = {
	&aead_ref,
	&aead_ipsecmb_avx2,
	&aead_ipsecmb,
	&aead_avx2,
	&aead_avx512,
	&aead_auto,
	NULL,
};

/* Written by crypto_init only, read by every thread afterwards. */
static const struct aead_impl *chosen;

static int
choose(const char *wanted, char *err, size_t err_size)
{
	const struct aead_impl *const *impl;

	chosen = NULL;
	for (impl = aead_impls; *impl != NULL; impl++) {
		if (strcmp(wanted, (*impl)->name) != 0)
			continue;
		if (!(*impl)->usable()) {
			snprintf(err, err_size, "WGDP_CRYPTO: this CPU cannot run \"%s\"", wanted);
			return -1;
		}
		chosen = *impl;
	}
	if (chosen == NULL) {
		snprintf(err, err_size, "WGDP_CRYPTO: no implementation is named \"%s\"", wanted);
		return -1;
	}
	return 0;
}

int
crypto_init(char *err, size_t err_size)
{
	const struct aead_impl *const *impl;
	const char *wanted = getenv("WGDP_CRYPTO");
	const char *failed;
	bool lanes;

	if (sodium_init() < 0) {
		snprintf(err, err_size, "libsodium: initialisation failed");
		return -1;
	}
	if (choose(wanted == NULL || *wanted == '\0' ? "auto" : wanted, err, err_size) != 0)
		return -1;
	for (impl = aead_impls; *impl != NULL; impl++) {
		if (!(*impl)->usable())
			continue;
		failed = selftest_aead(*impl);
		if (failed != NULL) {
			snprintf(err, err_size, "crypto self-test: %s: %s", (*impl)->name, failed);
			return -1;
		}
	}
	lanes = chosen == &aead_auto || chosen == &aead_avx512;
	x25519_choose(lanes);
	blake2s_choose(lanes);
	failed = selftest_handshake();
	if (failed != NULL) {
		snprintf(err, err_size, "crypto self-test: %s", failed);
		return -1;
	}
	return 0;
}

const char *
crypto_aead_name(void)
{
	return chosen == &aead_auto ? aead_auto_runs() : chosen->name;
}

struct aead_ctx *
aead_ctx_create_for(const struct aead_impl *impl)
{
	struct aead_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		return NULL;
	ctx->impl = impl;
	if (impl->init != NULL) {
		ctx->scratch = impl->init();
		if (ctx->scratch == NULL) {
			free(ctx);
			return NULL;
		}
	}
	return ctx;
}

struct aead_ctx *
aead_ctx_create(void)
{
	return aead_ctx_create_for(chosen);
}

const char *
aead_impl_name(unsigned i)
{
	for (unsigned at = 0; aead_impls[at] != NULL; at++) {
		if (at == i)
			return aead_impls[at]->name;
	}
	return NULL;
}

struct aead_ctx *
aead_ctx_create_named(const char *name)
{
	for (const struct aead_impl *const *impl = aead_impls; *impl != NULL; impl++) {
		if (strcmp((*impl)->name, name) == 0 && (*impl)->usable())
			return aead_ctx_create_for(*impl);
	}
	return NULL;
}

void
aead_ctx_destroy(struct aead_ctx *ctx)
{
	if (ctx == NULL)
		return;
	if (ctx->impl->fini != NULL)
		ctx->impl->fini(ctx->scratch);
	free(ctx);
}

void
aead_seal_burst(struct aead_ctx *ctx, struct aead_op *ops, unsigned n)
{
	if (n > 0)
		ctx->impl->seal(ctx->scratch, ops, n);
}

unsigned
aead_open_burst(struct aead_ctx *ctx, struct aead_op *ops, unsigned n)
{
	return n > 0 ? ctx->impl->open(ctx->scratch, ops, n) : 0;
}
