/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20-Poly1305 through intel-ipsec-mb (1.3 and newer), one packet at a
 * time: the library has no multi-buffer code for this cipher. Without its
 * argument checks its burst API is the fastest way for two packets and more (by
 * 0.5 to 5 %), and its job API for one; the direct API and the DPDK drivers
 * above it are slower.
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

/* Packets in one call of the burst API; the library takes up to 128. */
#define CALL 32

struct library {
	IMB_MGR *mgr;
#ifdef WGDP_IMB_SESSIONS /* by meson: the library has imb_set_session */
	/* What such versions want to be told with each job of a burst; by direction. */
	struct {
		uint32_t suite[2], id;
	} session[2];
#endif
};

/* All that is the same in any packet. */
static void
job_kind(IMB_JOB *job, IMB_CIPHER_DIRECTION dir)
{
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = dir;
	job->chain_order = dir == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->key_len_in_bytes = AEAD_KEY_LEN;
	job->cipher_start_src_offset_in_bytes = 0;
	job->hash_start_src_offset_in_bytes = 0;
	job->iv_len_in_bytes = 12;
	job->auth_tag_output_len_in_bytes = AEAD_TAG_LEN;
	job->u.CHACHA20_POLY1305.aad = NULL;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
}

#ifdef WGDP_IMB_SESSIONS
#define SESSION(dir) ((dir) == IMB_DIR_ENCRYPT ? 0 : 1)

static void
begin_session(struct library *l, IMB_CIPHER_DIRECTION dir)
{
	IMB_JOB job;

	memset(&job, 0, sizeof(job));
	job_kind(&job, dir);
	imb_set_session(l->mgr, &job);
	memcpy(l->session[SESSION(dir)].suite, job.suite_id, sizeof(job.suite_id));
	l->session[SESSION(dir)].id = job.session_id;
}
#endif

static void
ipsecmb_fini(void *scratch)
{
	struct library *l = scratch;

	free_mb_mgr(l->mgr);
	free(l);
}

static void *
create(void (*init)(IMB_MGR *))
{
	struct library *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->mgr = alloc_mb_mgr(0);
	if (l->mgr == NULL) {
		free(l);
		return NULL;
	}
	if (init != NULL)
		init(l->mgr);
	else
		init_mb_mgr_auto(l->mgr, NULL);
	if (imb_get_errno(l->mgr) != 0) {
		ipsecmb_fini(l);
		return NULL;
	}
#ifdef WGDP_IMB_SESSIONS
	begin_session(l, IMB_DIR_ENCRYPT);
	begin_session(l, IMB_DIR_DECRYPT);
#endif
	return l;
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

static inline void
fill_job(IMB_JOB *job, const struct aead_op *op, IMB_CIPHER_DIRECTION dir, uint8_t nonce[12],
	uint8_t *tag)
{
	nonce_from_counter(nonce, op->counter);
	job_kind(job, dir);
	job->enc_keys = op->key;
	job->dec_keys = op->key;
	job->src = op->data;
	job->dst = op->data;
	job->msg_len_to_cipher_in_bytes = op->length;
	job->msg_len_to_hash_in_bytes = op->length;
	job->iv = nonce;
	job->auth_tag_output = tag;
}

/*
 * The cipher is synchronous in this library, so the jobs handed in are the jobs
 * that come back; anything else would let plaintext out or a packet in, and there
 * is no good way on from that.
 */
static void
run_one(const struct library *l, const struct aead_op *op, IMB_CIPHER_DIRECTION dir, uint8_t *tag)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(l->mgr);
	uint8_t nonce[12];

	fill_job(job, op, dir, nonce, tag);
	if (IMB_SUBMIT_JOB_NOCHECK(l->mgr) != job || job->status != IMB_STATUS_COMPLETED)
		abort();
}

static __attribute__((noinline)) void
run_burst(const struct library *l, const struct aead_op *ops, unsigned n, IMB_CIPHER_DIRECTION dir,
	uint8_t (*tags)[AEAD_TAG_LEN])
{
	IMB_JOB *jobs[CALL];
	uint8_t nonces[CALL][12];

	if (IMB_GET_NEXT_BURST(l->mgr, n, jobs) != n)
		abort();
	for (unsigned i = 0; i < n; i++) {
		fill_job(jobs[i], &ops[i], dir, nonces[i],
			tags != NULL ? tags[i] : ops[i].data + ops[i].length);
#ifdef WGDP_IMB_SESSIONS
		memcpy(jobs[i]->suite_id, l->session[SESSION(dir)].suite,
			sizeof(jobs[i]->suite_id));
		jobs[i]->session_id = l->session[SESSION(dir)].id;
#endif
	}
	if (IMB_SUBMIT_BURST_NOCHECK(l->mgr, n, jobs) != n)
		abort();
	for (unsigned i = 0; i < n; i++)
		if (jobs[i]->status != IMB_STATUS_COMPLETED)
			abort();
}

/* Up to CALL packets; tags: where those go, NULL for behind the text. */
static inline void
run(const struct library *l, const struct aead_op *ops, unsigned n, IMB_CIPHER_DIRECTION dir,
	uint8_t (*tags)[AEAD_TAG_LEN])
{
	if (n == 1)
		run_one(l, ops, dir, tags != NULL ? tags[0] : ops->data + ops->length);
	else
		run_burst(l, ops, n, dir, tags);
}

static void
ipsecmb_seal(void *scratch, struct aead_op *ops, unsigned n)
{
	const struct library *l = scratch;

	for (unsigned at = 0; at < n; at += CALL)
		run(l, ops + at, n - at < CALL ? n - at : CALL, IMB_DIR_ENCRYPT, NULL);
	for (unsigned i = 0; i < n; i++)
		ops[i].result = AEAD_OK;
}

/*
 * The library decrypts and hands out the tag that it computed, whatever the
 * packet's tag is: so the comparison is ours, and a forged packet's text is
 * wiped before anybody can read it.
 */
static bool
accept(struct aead_op *op, const uint8_t *tag)
{
	if (tag_equal(tag, op->data + op->length)) {
		op->result = AEAD_OK;
		return true;
	}
	op->result = AEAD_BAD_TAG;
	crypto_wipe(op->data, op->length);
	return false;
}

static unsigned
ipsecmb_open(void *scratch, struct aead_op *ops, unsigned n)
{
	const struct library *l = scratch;
	uint8_t tags[CALL][AEAD_TAG_LEN];
	unsigned opened = 0;

	for (unsigned i = 0; i < n; i++) {
		if (i % CALL == 0)
			run(l, ops + i, n - i < CALL ? n - i : CALL, IMB_DIR_DECRYPT, tags);
		opened += accept(&ops[i], tags[i % CALL]);
	}
	crypto_wipe(tags, (n < CALL ? n : CALL) * sizeof(tags[0]));
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
