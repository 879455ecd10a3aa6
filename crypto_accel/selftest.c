/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Known answers, run once at start for everything that this CPU can run: a
 * miscompiled or misdetected kernel must not reach a packet.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto_accel/impl.h"

#define PACKETS 37
#define LENGTH_MAX 2049
#define SLOT_LEN (LENGTH_MAX + AEAD_TAG_LEN)

/* Either side of every block, register and batch border, and usual packets. */
static const uint16_t lengths[] = {0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 192, 255, 256, 257,
	320, 511, 512, 576, 1023, 1024, 1025, 1419, 1420, 1424, 1500, 2048, 2049};
#define N_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

/* BLAKE2s of all packets below, sealed by libsodium 1.0.18, one behind the other. */
static const uint8_t sealed_hash[32] = {0x19, 0xec, 0x63, 0x01, 0x96, 0x0d, 0x26, 0xe7, 0xdd, 0xc7,
	0xcb, 0x6f, 0xea, 0x54, 0x15, 0x01, 0x51, 0xfe, 0x28, 0x36, 0x04, 0x7c, 0xc1, 0xa8, 0xc1,
	0x90, 0x37, 0x66, 0x9c, 0xeb, 0x17, 0xbd};

struct work {
	struct aead_op ops[PACKETS];
	uint8_t keys[PACKETS][AEAD_KEY_LEN];
	uint8_t packets[PACKETS][SLOT_LEN];
};

static uint8_t
text_byte(unsigned packet, unsigned at)
{
	return (uint8_t)(packet * 31 + at * 5);
}

static void
fill(struct work *w)
{
	for (unsigned i = 0; i < PACKETS; i++) {
		struct aead_op *op = &w->ops[i];

		for (unsigned j = 0; j < AEAD_KEY_LEN; j++)
			w->keys[i][j] = (uint8_t)(i * 7 + j * 13 + 1);
		op->key = w->keys[i];
		op->counter = i * 0x0123456789abcdefULL;
		op->data = w->packets[i];
		op->length = lengths[i % N_LENGTHS];
		op->result = UINT32_MAX;
		for (unsigned j = 0; j < op->length; j++)
			op->data[j] = text_byte(i, j);
	}
}

static const char *
check_sealed(const struct work *w)
{
	struct blake2s_state s;
	uint8_t hash[32];

	blake2s_init(&s, sizeof(hash), NULL, 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		if (w->ops[i].result != AEAD_OK)
			return "seal reported a failure";
		blake2s_update(&s, w->ops[i].data, w->ops[i].length + AEAD_TAG_LEN);
	}
	blake2s_final(&s, hash);
	return crypto_equal(hash, sealed_hash, sizeof(hash)) ? NULL : "sealed to a wrong text";
}

/* Every third packet was forged, in a tag byte. */
static const char *
check_opened(const struct work *w, unsigned opened)
{
	unsigned good = 0;

	for (unsigned i = 0; i < PACKETS; i++) {
		const struct aead_op *op = &w->ops[i];
		unsigned same = 0;

		for (unsigned j = 0; j < op->length; j++)
			same += op->data[j] == text_byte(i, j);
		if (i % 3 == 0) {
			if (op->result != AEAD_BAD_TAG)
				return "opened a forged packet";
			if (op->length >= 64 && same > op->length / 2)
				return "gave away the text of a forged packet";
			continue;
		}
		if (op->result != AEAD_OK || same != op->length)
			return "did not open what it sealed";
		good++;
	}
	return good == opened ? NULL : "counted the opened packets wrong";
}

const char *
selftest_aead(const struct aead_impl *impl)
{
	struct aead_ctx *ctx = aead_ctx_create_for(impl);
	struct work *w = calloc(1, sizeof(*w));
	const char *failed = "out of memory";
	unsigned opened;

	if (ctx == NULL || w == NULL)
		goto out;
	fill(w);
	aead_seal_burst(ctx, w->ops, PACKETS);
	failed = check_sealed(w);
	if (failed != NULL)
		goto out;
	for (unsigned i = 0; i < PACKETS; i += 3)
		w->ops[i].data[w->ops[i].length + i % AEAD_TAG_LEN] ^= 0x80;
	opened = aead_open_burst(ctx, w->ops, PACKETS);
	failed = check_opened(w, opened);
out:
	free(w);
	aead_ctx_destroy(ctx);
	return failed;
}

static const char *
selftest_x25519(void)
{
	/* RFC 7748, section 6.1. */
	static const uint8_t alice[32] = {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c,
		0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99,
		0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
	static const uint8_t bob[32] = {0x5d, 0xab, 0x08, 0x7e, 0x62, 0x4a, 0x8a, 0x4b, 0x79, 0xe1,
		0x7f, 0x8b, 0x83, 0x80, 0x0e, 0xe6, 0x6f, 0x3b, 0xb1, 0x29, 0x26, 0x18, 0xb6, 0xfd,
		0x1c, 0x2f, 0x8b, 0x27, 0xff, 0x88, 0xe0, 0xeb};
	static const uint8_t alice_public[32] = {0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54,
		0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
		0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};
	static const uint8_t shared[32] = {0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72,
		0x8e, 0x3b, 0xf4, 0x80, 0x35, 0x0f, 0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1, 0x9e,
		0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42};
	uint8_t scalars[9][32], points[9][32], out[9][32], pub[32];
	bool ok[9];

	/* Nine: a whole group of lanes and one more, alternating directions. */
	for (unsigned i = 0; i < 9; i++)
		memcpy(scalars[i], i % 2 == 0 ? alice : bob, 32);
	x25519_batch(out, (const uint8_t(*)[32])scalars, NULL, ok, 9);
	for (unsigned i = 0; i < 9; i += 2) {
		if (!ok[i] || !crypto_equal(out[i], alice_public, 32))
			return "x25519: wrong public key";
	}
	memcpy(pub, out[1], sizeof(pub)); /* Bob's */
	for (unsigned i = 0; i < 9; i++)
		memcpy(points[i], i % 2 == 0 ? pub : alice_public, 32);
	x25519_batch(out, (const uint8_t(*)[32])scalars, (const uint8_t(*)[32])points, ok, 9);
	for (unsigned i = 0; i < 9; i++) {
		if (!ok[i] || !crypto_equal(out[i], shared, 32))
			return "x25519: wrong shared secret";
	}
	return NULL;
}

const char *
selftest_handshake(void)
{
	/* RFC 7693, appendix B. */
	static const uint8_t abc[32] = {0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14, 0xe2, 0xe1, 0xa7,
		0x2b, 0xa3, 0x4e, 0xeb, 0x45, 0x2f, 0x37, 0x45, 0x8b, 0x20, 0x9e, 0xd6, 0x3a, 0x29,
		0x4d, 0x99, 0x9b, 0x4c, 0x86, 0x67, 0x59, 0x82};
	uint8_t hash[32], hashes[17][32];
	uint8_t *out[17];
	const uint8_t *in[17];

	blake2s(hash, sizeof(hash), "abc", 3, NULL, 0);
	if (!crypto_equal(hash, abc, sizeof(hash)))
		return "blake2s: wrong hash";
	for (unsigned i = 0; i < 17; i++) {
		out[i] = hashes[i];
		in[i] = (const uint8_t *)"abc";
	}
	blake2s_batch(out, 32, in, 3, NULL, 0, 17);
	for (unsigned i = 0; i < 17; i++) {
		if (!crypto_equal(hashes[i], abc, sizeof(abc)))
			return "blake2s: wrong hash in a batch";
	}
	return selftest_x25519();
}
