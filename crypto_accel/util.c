/* SPDX-License-Identifier: BSD-3-Clause */
/* Random bytes, wiping, comparing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "crypto_accel/crypto_accel.h"

void
crypto_random(void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t got = getrandom(p, len, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			abort();
		}
		p += got;
		len -= (size_t)got;
	}
}

void
crypto_wipe(void *buf, size_t len)
{
	if (len == 0)
		return;
	memset(buf, 0, len);
	/* The compiler must think that someone reads the zeros. */
	__asm__ volatile("" : : "r"(buf) : "memory");
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;
	uint32_t diff = 0;

	for (size_t i = 0; i < len; i++) {
		diff |= x[i] ^ y[i];
		/* Keeps the compiler from leaving the loop at the first difference. */
		__asm__ volatile("" : "+r"(diff));
	}
	return diff == 0;
}
