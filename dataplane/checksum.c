/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/checksum.h"

#include "dataplane/checksum_impl.h"

static int
has_sse2(void)
{
	return 1; /* of every x86-64 CPU */
}

static int
has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static int
has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

const struct checksum_impl checksum_impls[CHECKSUM_IMPLS] = {
	{"avx512", checksum_sum_avx512, has_avx512},
	{"avx2", checksum_sum_avx2, has_avx2},
	{"sse2", checksum_sum_sse2, has_sse2},
};

uint64_t (*checksum_sum)(const void *data, size_t len) = checksum_sum_sse2;

void
checksum_init(void)
{
	unsigned i = 0;

	__builtin_cpu_init();
	while (!checksum_impls[i].usable())
		i++;
	checksum_sum = checksum_impls[i].sum;
}

const char *
checksum_name(void)
{
	unsigned i = 0;

	while (checksum_impls[i].sum != checksum_sum)
		i++;
	return checksum_impls[i].name;
}
