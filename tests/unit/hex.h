/* SPDX-License-Identifier: BSD-3-Clause */
/* Test vectors as they are printed in their sources. */
#ifndef TESTS_UNIT_HEX_H
#define TESTS_UNIT_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Decodes pairs of hex digits; returns how many bytes. */
static inline size_t
hex(uint8_t *out, const char *text)
{
	size_t n = 0;
	unsigned byte;

	for (; sscanf(text, "%2x", &byte) == 1; text += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

#endif
