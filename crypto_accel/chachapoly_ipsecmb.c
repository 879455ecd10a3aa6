/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20-Poly1305 through intel-ipsec-mb (1.3 and newer), one packet at a
 * time: the library has no multi-buffer code for this cipher. The job API
 * without the library's argument checks is its fastest way (the direct API
 * and the DPDK drivers above it are slower), and it is the same in 1.x and 2.x.
 */
#include <stdlib.h>

#include <intel-ipsec-mb.h>

#include "crypto_accel/impl.h"

static bool
ipsecmb_usable(void)
{
	return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") &&
	       __builtin_cpu_supports("aes");
}

static void *
create(void (*init)(IMB_MGR *))
{
	IMB_MGR *mgr = alloc_mb_mgr(0);

	if (mgr == NULL)
		return NULL;
	if (init != NULL)
		init(mgr);
	else
		init_mb_mgr_auto(mgr, NULL);
	if (imb_get_errno(mgr) != 0) {
		free_mb_mgr(mgr);
		return NULL;
	}
	return mgr;
}

static void *
ipsecmb_init(void)
{
	return create(NULL);
}

static bool
ipsecmb_avx2_usable(void)
{
	return ipsecmb_usable() && __builtin_cpu_supports("avx2");
}

static void *
ipsecmb_avx2_init(void)
{
	return create(init_mb_mgr_avx2);
}

static void
ipsecmb_fini(void *scratch)
{
	free_mb_mgr(scratch);
}

/*
 * One packet, in place. The cipher is synchronous in this library, so the job
 * handed in is the job that comes back; anything else would let plaintext out
 * or a packet in, and there is no good way on from that.
 */
static void
run_job(IMB_MGR *mgr, const struct aead_op *op, IMB_CIPHER_DIRECTION dir, uint8_t *tag)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(mgr);
	uint8_t nonce[12];

	nonce_from_counter(nonce, op->counter);
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = dir;
	job->chain_order = dir == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = op->key;
	job->dec_keys = op->key;
	job->key_len_in_bytes = AEAD_KEY_LEN;
	job->src = op->data;
	job->dst = op->data;
	job->cipher_start_src_offset_in_bytes = 0;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = op->length;
	job->msg_len_to_hash_in_bytes = op->length;
	job->iv = nonce;
	job->iv_len_in_bytes = sizeof(nonce);
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = AEAD_TAG_LEN;
	job->u.CHACHA20_POLY1305.aad = NULL;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	if (IMB_SUBMIT_JOB_NOCHECK(mgr) != job || job->status != IMB_STATUS_COMPLETED)
		abort();
}

static void
ipsecmb_seal(void *scratch, struct aead_op *ops, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		run_job(scratch, &ops[i], IMB_DIR_ENCRYPT, ops[i].data + ops[i].length);
		ops[i].result = AEAD_OK;
	}
}

/*
 * The library decrypts and hands out the tag that it computed, whatever the
 * packet's tag is: so the comparison is ours, and a forged packet's text is
 * wiped before anybody can read it.
 */
static unsigned
ipsecmb_open(void *scratch, struct aead_op *ops, unsigned n)
{
	unsigned opened = 0;

	for (unsigned i = 0; i < n; i++) {
		struct aead_op *op = &ops[i];
		uint8_t tag[AEAD_TAG_LEN];

		run_job(scratch, op, IMB_DIR_DECRYPT, tag);
		if (tag_equal(tag, op->data + op->length)) {
			op->result = AEAD_OK;
			opened++;
		} else {
			op->result = AEAD_BAD_TAG;
			crypto_wipe(op->data, op->length);
		}
		crypto_wipe(tag, sizeof(tag));
	}
	return opened;
}

const struct aead_impl aead_ipsecmb = {
	.name = "ipsecmb",
	.usable = ipsecmb_usable,
	.init = ipsecmb_init,
	.fini = ipsecmb_fini,
	.seal = ipsecmb_seal,
	.open = ipsecmb_open,
};

/* As it runs on a CPU without AVX-512: what the AVX2 lanes are measured against. */
const struct aead_impl aead_ipsecmb_avx2 = {
	.name = "ipsecmb_avx2",
	.usable = ipsecmb_avx2_usable,
	.init = ipsecmb_avx2_init,
	.fini = ipsecmb_fini,
	.seal = ipsecmb_seal,
	.open = ipsecmb_open,
};
