/* SPDX-License-Identifier: BSD-3-Clause */
/* X25519 (RFC 7748): one at a time through libsodium, batches over lanes where possible. */
#include <string.h>

#include <sodium.h>

#include "crypto_accel/x25519_impl.h"

/* Written by x25519_choose only, before there are threads. */
static bool use_lanes;

void
x25519_choose(bool lanes)
{
	use_lanes = lanes && x25519_avx512_usable();
	if (use_lanes)
		x25519_avx512_init();
}

const char *
crypto_x25519_name(void)
{
	return use_lanes ? "avx512" : "libsodium";
}

bool
x25519(uint8_t out[X25519_LEN], const uint8_t scalar[X25519_LEN], const uint8_t point[X25519_LEN])
{
	uint8_t product[X25519_LEN];
	bool ok = crypto_scalarmult_curve25519(product, scalar, point) == 0;

	/* libsodium leaves its output alone for some of the low-order points. */
	if (ok)
		memcpy(out, product, sizeof(product));
	else
		memset(out, 0, X25519_LEN);
	crypto_wipe(product, sizeof(product));
	return ok;
}

/* n from 1 to 8: lanes without work of their own repeat the first. */
static void
run_lanes(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN],
	const uint8_t (*points)[X25519_LEN], unsigned n)
{
	uint8_t k[X25519_LANES][X25519_LEN], u[X25519_LANES][X25519_LEN] = {{0}};
	uint8_t product[X25519_LANES][X25519_LEN];

	for (unsigned i = 0; i < X25519_LANES; i++) {
		memcpy(k[i], scalars[i < n ? i : 0], X25519_LEN);
		if (points != NULL)
			memcpy(u[i], points[i < n ? i : 0], X25519_LEN);
	}
	if (points != NULL)
		x25519_avx512_mul8(
			product, (const uint8_t(*)[X25519_LEN])k, (const uint8_t(*)[X25519_LEN])u);
	else
		x25519_avx512_base8(product, (const uint8_t(*)[X25519_LEN])k);
	memcpy(out, product, (size_t)n * X25519_LEN);
	crypto_wipe(k, sizeof(k));
	crypto_wipe(product, sizeof(product));
}

void
x25519_base(uint8_t out[X25519_LEN], const uint8_t scalar[X25519_LEN])
{
	uint8_t k[1][X25519_LEN], product[1][X25519_LEN];

	/* Cannot fail: the base point has a large prime order. */
	if (!use_lanes) {
		(void)crypto_scalarmult_curve25519_base(out, scalar);
		return;
	}
	/* Even one lane of eight is faster. */
	memcpy(k[0], scalar, X25519_LEN);
	run_lanes(product, (const uint8_t(*)[X25519_LEN])k, NULL, 1);
	memcpy(out, product[0], X25519_LEN);
	crypto_wipe(k, sizeof(k));
	crypto_wipe(product, sizeof(product));
}

void
x25519_batch(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN],
	const uint8_t (*points)[X25519_LEN], bool *ok, unsigned n)
{
	static const uint8_t zero[X25519_LEN];
	unsigned at = 0;

	/* One point alone is faster without lanes. */
	while (use_lanes && n - at >= (points == NULL ? 1 : 2)) {
		unsigned here = n - at < X25519_LANES ? n - at : X25519_LANES;

		run_lanes(out + at, scalars + at, points == NULL ? NULL : points + at, here);
		for (unsigned i = at; i < at + here; i++)
			ok[i] = !crypto_equal(out[i], zero, X25519_LEN);
		at += here;
	}
	for (; at < n; at++) {
		if (points != NULL) {
			ok[at] = x25519(out[at], scalars[at], points[at]);
		} else {
			x25519_base(out[at], scalars[at]);
			ok[at] = true;
		}
	}
}
