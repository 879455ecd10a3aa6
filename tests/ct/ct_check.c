/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Run under valgrind's memcheck: keys, texts and tags are marked undefined, so
 * that every branch and every address that depends on one is reported. What is
 * public in the end (whether a tag was right) is declassified at its one place,
 * tag_equal and its callers, by DECLASSIFY (impl.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "crypto_accel/impl.h"

#define PACKETS 11
#define SLOT 1536

static const uint32_t lengths[PACKETS] = {0, 1, 16, 33, 64, 65, 128, 200, 576, 1420, 64};

static void
check_aead(const struct aead_impl *impl)
{
	static uint8_t data[PACKETS][SLOT], keys[PACKETS][AEAD_KEY_LEN];
	struct aead_op ops[PACKETS];
	void *scratch = impl->init != NULL ? impl->init() : NULL;

	for (unsigned i = 0; i < PACKETS; i++)
		ops[i] = (struct aead_op){
			.key = keys[i], .counter = i, .data = data[i], .length = lengths[i]};
	memset(keys, 7, sizeof(keys));
	VALGRIND_MAKE_MEM_UNDEFINED(keys, sizeof(keys));
	VALGRIND_MAKE_MEM_UNDEFINED(data, sizeof(data));
	for (unsigned n = 1; n <= PACKETS; n += 2) {
		impl->seal(scratch, ops, n);
		(void)impl->open(scratch, ops, n);
		impl->seal(scratch, ops, n);
		data[0][0] ^= 1; /* one forged: its own tag, as it is empty */
		(void)impl->open(scratch, ops, n);
	}
	if (impl->fini != NULL)
		impl->fini(scratch);
	VALGRIND_MAKE_MEM_DEFINED(keys, sizeof(keys));
	VALGRIND_MAKE_MEM_DEFINED(data, sizeof(data));
	printf("checked %s\n", impl->name);
}

static void
check_blake2s(void)
{
	uint8_t in[200] = {1}, key[32] = {2}, out[3][32];

	VALGRIND_MAKE_MEM_UNDEFINED(in, sizeof(in));
	VALGRIND_MAKE_MEM_UNDEFINED(key, sizeof(key));
	for (size_t len = 0; len <= sizeof(in); len += 20) {
		blake2s(out[0], 32, in, len, key, 32);
		blake2s_hmac(out[0], key, 32, in, len);
		blake2s_kdf(out[0], out[1], out[2], key, in, len);
	}
	printf("checked blake2s\n");
}

static void
check_equal(void)
{
	uint8_t a[64] = {1}, b[64] = {2};
	bool same;

	VALGRIND_MAKE_MEM_UNDEFINED(a, sizeof(a));
	same = crypto_equal(a, b, sizeof(a));
	DECLASSIFY(same);
	printf("checked crypto_equal: %d\n", same);
}

int
main(void)
{
	if (!RUNNING_ON_VALGRIND) {
		fprintf(stderr, "ct_check: means nothing without valgrind\n");
		return 1;
	}
	check_aead(&aead_ref);
	if (aead_avx2.usable())
		check_aead(&aead_avx2);
	else
		printf("SKIPPED avx2: valgrind or this CPU has none\n");
	check_blake2s();
	check_equal();
	return 0;
}
