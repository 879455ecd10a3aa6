/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The linker sends the code's calls of these functions here (--wrap). Only what
 * is linked statically is concerned, which is all of wgdp and none of libFuzzer's
 * own needs.
 */
#include "tests/fuzz/fuzz.h"

#include <sys/types.h>
#include <time.h>

#define WALL_BEGIN_NS UINT64_C(1700000000000000000)

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);

uint64_t fuzz_wall_ns = WALL_BEGIN_NS;
static uint64_t state = 1;

void
fuzz_begin(void)
{
	fuzz_wall_ns = WALL_BEGIN_NS;
	state = UINT64_C(0x9e3779b97f4a7c15);
}

/* xorshift64: quick, and never the same 32 bits twice in a row. */
ssize_t
__wrap_getrandom(void *buf, size_t len, unsigned flags)
{
	uint8_t *out = buf;

	(void)flags;
	for (size_t i = 0; i < len; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		out[i] = (uint8_t)(state >> 32);
	}
	return (ssize_t)len;
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	(void)clock;
	t->tv_sec = (time_t)(fuzz_wall_ns / 1000000000);
	t->tv_nsec = (long)(fuzz_wall_ns % 1000000000);
	return 0;
}
