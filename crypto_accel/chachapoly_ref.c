/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20-Poly1305 by the book (RFC 8439), for any CPU and as the measure of
 * the faster ones. Constant time: no branch and no index depends on a key, on
 * text or on a tag.
 */
#include <string.h>

#include "crypto_accel/chachapoly_ref.h"
#include "crypto_accel/impl.h"

static uint32_t
load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t
load64(const uint8_t *p)
{
	return (uint64_t)load32(p) | (uint64_t)load32(p + 4) << 32;
}

static void
store32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void
store64(uint8_t *p, uint64_t v)
{
	store32(p, (uint32_t)v);
	store32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t
rotl(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static void
quarter_round(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 7);
}

void
chacha20_ref_block(uint8_t out[64], const uint8_t key[32], uint32_t block, const uint8_t nonce[12])
{
	/* "expand 32-byte k" */
	uint32_t in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	uint32_t x[16];

	for (unsigned i = 0; i < 8; i++)
		in[4 + i] = load32(key + 4 * i);
	in[12] = block;
	for (unsigned i = 0; i < 3; i++)
		in[13 + i] = load32(nonce + 4 * i);

	memcpy(x, in, sizeof(x));
	for (unsigned i = 0; i < 10; i++) {
		quarter_round(x, 0, 4, 8, 12);
		quarter_round(x, 1, 5, 9, 13);
		quarter_round(x, 2, 6, 10, 14);
		quarter_round(x, 3, 7, 11, 15);
		quarter_round(x, 0, 5, 10, 15);
		quarter_round(x, 1, 6, 11, 12);
		quarter_round(x, 2, 7, 8, 13);
		quarter_round(x, 3, 4, 9, 14);
	}
	for (unsigned i = 0; i < 16; i++)
		store32(out + 4 * i, x[i] + in[i]);
	crypto_wipe(x, sizeof(x));
	crypto_wipe(in, sizeof(in));
}

#define MASK44 0xfffffffffffULL
#define MASK42 0x3ffffffffffULL

void
poly1305_ref_init(struct poly1305_ref *p, const uint8_t key[32])
{
	uint64_t lo = load64(key) & 0x0ffffffc0fffffff;
	uint64_t hi = load64(key + 8) & 0x0ffffffc0ffffffc;

	memset(p->h, 0, sizeof(p->h));
	p->r[0] = lo & MASK44;
	p->r[1] = (lo >> 44 | hi << 20) & MASK44;
	p->r[2] = hi >> 24;
	p->s[0] = load64(key + 16);
	p->s[1] = load64(key + 24);
}

/*
 * h = (h + block) * r mod 2^130-5. Limbs of h are below 2^44 plus a carry of a
 * few bits, so a column is below 3 * 2^45 * 2^44 * 20 < 2^96.
 */
static void
poly1305_block(struct poly1305_ref *p, const uint8_t block[16], uint64_t top)
{
	uint64_t lo = load64(block), hi = load64(block + 8);
	const uint64_t *r = p->r;
	/* 2^132 = 4 * 2^130 = 20 mod 2^130-5: what overflows the top limb. */
	uint64_t r1_20 = r[1] * 20, r2_20 = r[2] * 20;
	uint64_t h0, h1, h2, carry;
	unsigned __int128 d0, d1, d2;

	h0 = p->h[0] + (lo & MASK44);
	h1 = p->h[1] + ((lo >> 44 | hi << 20) & MASK44);
	h2 = p->h[2] + (hi >> 24) + (top << 40);

	d0 = (unsigned __int128)h0 * r[0] + (unsigned __int128)h1 * r2_20 +
	     (unsigned __int128)h2 * r1_20;
	d1 = (unsigned __int128)h0 * r[1] + (unsigned __int128)h1 * r[0] +
	     (unsigned __int128)h2 * r2_20;
	d2 = (unsigned __int128)h0 * r[2] + (unsigned __int128)h1 * r[1] +
	     (unsigned __int128)h2 * r[0];

	d1 += (uint64_t)(d0 >> 44);
	d2 += (uint64_t)(d1 >> 44);
	carry = (uint64_t)(d2 >> 42);
	h0 = ((uint64_t)d0 & MASK44) + carry * 5;
	p->h[2] = (uint64_t)d2 & MASK42;
	p->h[1] = ((uint64_t)d1 & MASK44) + (h0 >> 44);
	p->h[0] = h0 & MASK44;
}

void
poly1305_ref_update(struct poly1305_ref *p, const uint8_t *data, size_t len)
{
	uint8_t last[16] = {0};

	for (; len >= 16; data += 16, len -= 16)
		poly1305_block(p, data, 1);
	if (len == 0)
		return;
	memcpy(last, data, len);
	last[len] = 1;
	poly1305_block(p, last, 0);
	crypto_wipe(last, sizeof(last));
}

void
poly1305_ref_final(struct poly1305_ref *p, uint8_t tag[16])
{
	uint64_t h0 = p->h[0], h1 = p->h[1], h2 = p->h[2];
	uint64_t g0, g1, g2, keep, lo, hi;
	unsigned __int128 sum;

	/* Two rounds of carries leave every limb in its range. */
	for (unsigned i = 0; i < 2; i++) {
		h2 += h1 >> 44;
		h1 &= MASK44;
		h0 += (h2 >> 42) * 5;
		h2 &= MASK42;
		h1 += h0 >> 44;
		h0 &= MASK44;
	}
	h2 += h1 >> 44;
	h1 &= MASK44;

	/* g = h + 5 - 2^130: take it unless it is negative. */
	g0 = h0 + 5;
	g1 = h1 + (g0 >> 44);
	g0 &= MASK44;
	g2 = h2 + (g1 >> 44) - (1ULL << 42);
	g1 &= MASK44;
	keep = -(g2 >> 63); /* all ones: h was below the modulus */
	h0 = (h0 & keep) | (g0 & ~keep);
	h1 = (h1 & keep) | (g1 & ~keep);
	h2 = (h2 & keep) | (g2 & ~keep);

	lo = h0 | h1 << 44;
	hi = h1 >> 20 | h2 << 24;
	sum = (unsigned __int128)lo + p->s[0];
	store64(tag, (uint64_t)sum);
	store64(tag + 8, hi + p->s[1] + (uint64_t)(sum >> 64));
	crypto_wipe(p, sizeof(*p));
}

/* Poly1305 of data with zeros up to a multiple of 16. */
static void
update_padded(struct poly1305_ref *p, const uint8_t *data, size_t len)
{
	size_t whole = len & ~(size_t)15;
	uint8_t last[16] = {0};

	poly1305_ref_update(p, data, whole);
	if (len == whole)
		return;
	memcpy(last, data + whole, len - whole);
	poly1305_ref_update(p, last, sizeof(last));
	crypto_wipe(last, sizeof(last));
}

void
chachapoly_ref_tag(uint8_t tag[16], const uint8_t key[32], const uint8_t nonce[12],
	const uint8_t *ad, size_t ad_len, const uint8_t *text, size_t len)
{
	struct poly1305_ref p;
	uint8_t block[64], lengths[16];

	chacha20_ref_block(block, key, 0, nonce);
	poly1305_ref_init(&p, block);
	crypto_wipe(block, sizeof(block));
	update_padded(&p, ad, ad_len);
	update_padded(&p, text, len);
	store64(lengths, ad_len);
	store64(lengths + 8, len);
	poly1305_ref_update(&p, lengths, sizeof(lengths));
	poly1305_ref_final(&p, tag);
}

void
chachapoly_ref_xor(uint8_t *data, size_t len, const uint8_t key[32], const uint8_t nonce[12])
{
	uint8_t stream[64];

	for (uint32_t block = 1; len > 0; block++) {
		size_t n = len < sizeof(stream) ? len : sizeof(stream);

		chacha20_ref_block(stream, key, block, nonce);
		for (size_t i = 0; i < n; i++)
			data[i] ^= stream[i];
		data += n;
		len -= n;
	}
	crypto_wipe(stream, sizeof(stream));
}

static bool
ref_usable(void)
{
	return true;
}

static void
ref_seal(void *scratch, struct aead_op *ops, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct aead_op *op = &ops[i];
		uint8_t nonce[12];

		nonce_from_counter(nonce, op->counter);
		chachapoly_ref_xor(op->data, op->length, op->key, nonce);
		chachapoly_ref_tag(
			op->data + op->length, op->key, nonce, NULL, 0, op->data, op->length);
		op->result = AEAD_OK;
	}
}

static unsigned
ref_open(void *scratch, struct aead_op *ops, unsigned n)
{
	unsigned opened = 0;

	for (unsigned i = 0; i < n; i++) {
		struct aead_op *op = &ops[i];
		uint8_t nonce[12], tag[AEAD_TAG_LEN];

		nonce_from_counter(nonce, op->counter);
		chachapoly_ref_tag(tag, op->key, nonce, NULL, 0, op->data, op->length);
		op->result = AEAD_BAD_TAG;
		if (tag_equal(tag, op->data + op->length)) {
			chachapoly_ref_xor(op->data, op->length, op->key, nonce);
			op->result = AEAD_OK;
			opened++;
		}
		/* The right tag of a forged packet would let its sender forge it. */
		crypto_wipe(tag, sizeof(tag));
	}
	return opened;
}

const struct aead_impl aead_ref = {
	.name = "ref",
	.usable = ref_usable,
	.seal = ref_seal,
	.open = ref_open,
};
