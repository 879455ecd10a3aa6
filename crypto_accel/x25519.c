/* SPDX-License-Identifier: BSD-3-Clause */
/* X25519 (RFC 7748), one at a time through libsodium. */
#include <string.h>

#include <sodium.h>

#include "crypto_accel/crypto_accel.h"

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

void
x25519_base(uint8_t out[X25519_LEN], const uint8_t scalar[X25519_LEN])
{
	/* Cannot fail: the base point has a large prime order. */
	(void)crypto_scalarmult_curve25519_base(out, scalar);
}

void
x25519_batch(uint8_t (*out)[X25519_LEN], const uint8_t (*scalars)[X25519_LEN],
	const uint8_t (*points)[X25519_LEN], bool *ok, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (points != NULL) {
			ok[i] = x25519(out[i], scalars[i], points[i]);
		} else {
			x25519_base(out[i], scalars[i]);
			ok[i] = true;
		}
	}
}

const char *
crypto_x25519_name(void)
{
	return "libsodium";
}
