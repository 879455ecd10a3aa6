/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all harnesses share: an input read piece by piece, and a process in
 * which the same input always does the same (fuzz.c: no clock, no random bytes
 * but those of a generator that each input starts anew).
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's entry points. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What is left of an input. Past its end there are zeros. */
struct in {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t
in_u8(struct in *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint16_t
in_u16(struct in *in)
{
	uint16_t high = in_u8(in);

	return (uint16_t)(high << 8 | in_u8(in));
}

/* Up to n bytes; returns how many there were. */
static inline size_t
in_bytes(struct in *in, void *out, size_t n)
{
	n = n < in->left ? n : in->left;
	if (n > 0)
		memcpy(out, in->at, n);
	in->at += n;
	in->left -= n;
	return n;
}

static inline void
in_skip(struct in *in, size_t n)
{
	n = n < in->left ? n : in->left;
	in->at += n;
	in->left -= n;
}

/* Changes as the input says: pairs of an offset and what is added to the byte there. */
static inline void
in_spoil(struct in *in, uint8_t *data, size_t len)
{
	for (unsigned n = in_u8(in) & 7; n > 0; n--) {
		uint16_t at = in_u16(in);
		uint8_t by = in_u8(in);

		if (len > 0)
			data[at % len] += by;
	}
}

/* What must hold, also where NDEBUG is set. */
#define FUZZ_ASSERT(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

/* Before each input: random bytes and the wall clock begin where they always begin. */
void fuzz_begin(void);
/* What clock_gettime tells, whichever clock; nanoseconds. */
extern uint64_t fuzz_wall_ns;

#endif
