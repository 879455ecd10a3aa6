/* SPDX-License-Identifier: BSD-3-Clause */
/* Order of a burst for implementations that work on neighbours at once. Private. */
#ifndef CRYPTO_ACCEL_BURST_SORT_H
#define CRYPTO_ACCEL_BURST_SORT_H

#include <string.h>

#include "crypto_accel/crypto_accel.h"

/*
 * Longest first, so that neighbours need about as many steps; by counting, in
 * classes of 64 bytes: within one, any order. Beyond 4 KiB (no such packets
 * here) all are one class.
 */
static inline void
sort_by_length(struct aead_op **sorted, struct aead_op *ops, unsigned n)
{
	uint16_t start[64];
	unsigned at = 0;
	uint32_t differ = 0;

	for (unsigned i = 0; i < n; i++) {
		differ |= ops[i].length ^ ops[0].length;
		sorted[i] = &ops[i];
	}
	if (differ == 0)
		return;
	memset(start, 0, sizeof(start));
#define CLASS(op) (63 - ((op).length / 64 < 63 ? (op).length / 64 : 63))
	for (unsigned i = 0; i < n; i++)
		start[CLASS(ops[i])]++;
	for (unsigned c = 0; c < 64; c++) {
		unsigned here = start[c];

		start[c] = (uint16_t)at;
		at += here;
	}
	for (unsigned i = 0; i < n; i++)
		sorted[start[CLASS(ops[i])]++] = &ops[i];
#undef CLASS
}

#endif
