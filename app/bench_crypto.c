/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wgdp-bench crypto: every AEAD implementation that runs here, and OpenSSL and
 * libsodium beside them, interleaved in one run, so that a change of clock or a
 * noisy neighbour hits all alike.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "app/bench.h"
#include "app/bench_crypto.h"
#include "crypto_accel/crypto_accel.h"

#define ROUNDS 9
#define SAMPLES_A_ROUND 21
#define SAMPLES (ROUNDS * SAMPLES_A_ROUND)
#define SLOT 1536 /* bytes a packet's buffer takes: 1424 + 16, in lines */
#define WARM_PACKETS 64 /* a sample covers at least so many packets */
#define COLD_PACKETS (8 * 1024) /* 12 MiB: more than any L2, less than an L3 */
#define PACKETS_MAX COLD_PACKETS
#define HUGEPAGE (2 * 1024 * 1024)
#define IMPLS_MAX 10

static const unsigned sizes[] = {16, 64, 128, 256, 512, 1024, 1420, 0 /* the mix */};
static const unsigned bursts[] = {1, 2, 3, 4, 5, 6, 8, 16, 32, 64};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))
#define N_BURSTS (sizeof(bursts) / sizeof(bursts[0]))
/* 48/576/1424 at 7:4:1. */
static const unsigned mix[12] = {48, 576, 48, 48, 1424, 576, 48, 576, 48, 48, 576, 48};

struct aead_under_test {
	const char *name;
	struct aead_ctx *ctx; /* NULL: one of the libraries */
	void (*seal)(struct aead_op *ops, unsigned n);
	unsigned (*open)(struct aead_op *ops, unsigned n);
	double seal_cycles[SAMPLES], open_cycles[SAMPLES];
};

static struct aead_under_test tested[IMPLS_MAX];
static unsigned n_tested;
static struct aead_op ops[PACKETS_MAX];
static uint8_t keys[PACKETS_MAX][AEAD_KEY_LEN];
static uint8_t *memory;
static EVP_CIPHER_CTX *evp;

static void
make_nonce(uint8_t nonce[12], uint64_t counter)
{
	memset(nonce, 0, 4);
	memcpy(nonce + 4, &counter, 8);
}

static void
sodium_seal(struct aead_op *op, unsigned n)
{
	uint8_t nonce[12];

	for (; n > 0; n--, op++) {
		make_nonce(nonce, op->counter);
		crypto_aead_chacha20poly1305_ietf_encrypt(
			op->data, NULL, op->data, op->length, NULL, 0, NULL, nonce, op->key);
	}
}

static unsigned
sodium_open(struct aead_op *op, unsigned n)
{
	unsigned opened = 0;
	uint8_t nonce[12];

	for (; n > 0; n--, op++) {
		make_nonce(nonce, op->counter);
		opened += crypto_aead_chacha20poly1305_ietf_decrypt(op->data, NULL, NULL, op->data,
				  op->length + AEAD_TAG_LEN, NULL, 0, nonce, op->key) == 0;
	}
	return opened;
}

static void
openssl_seal(struct aead_op *op, unsigned n)
{
	uint8_t nonce[12];
	int len;

	for (; n > 0; n--, op++) {
		make_nonce(nonce, op->counter);
		EVP_EncryptInit_ex(evp, NULL, NULL, op->key, nonce);
		EVP_EncryptUpdate(evp, op->data, &len, op->data, (int)op->length);
		EVP_EncryptFinal_ex(evp, op->data + op->length, &len);
		EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, 16, op->data + op->length);
	}
}

static unsigned
openssl_open(struct aead_op *op, unsigned n)
{
	unsigned opened = 0;
	uint8_t nonce[12];
	int len;

	for (; n > 0; n--, op++) {
		make_nonce(nonce, op->counter);
		EVP_DecryptInit_ex(evp, NULL, NULL, op->key, nonce);
		EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, 16, op->data + op->length);
		EVP_DecryptUpdate(evp, op->data, &len, op->data, (int)op->length);
		opened += EVP_DecryptFinal_ex(evp, op->data + op->length, &len) == 1;
	}
	return opened;
}

static void
seal(struct aead_under_test *t, struct aead_op *o, unsigned n)
{
	if (t->ctx != NULL)
		aead_seal_burst(t->ctx, o, n);
	else
		t->seal(o, n);
}

static unsigned
open_(struct aead_under_test *t, struct aead_op *o, unsigned n)
{
	return t->ctx != NULL ? aead_open_burst(t->ctx, o, n) : t->open(o, n);
}

/*
 * Seals n packets in bursts, then opens them, and takes the time of both. For
 * cold runs n is far more than the L2 cache holds.
 */
static bool
sample(struct aead_under_test *t, unsigned n, unsigned burst, double *seal_out, double *open_out)
{
	unsigned opened = 0;
	uint64_t start, middle;

	start = bench_tsc();
	for (unsigned i = 0; i < n; i += burst)
		seal(t, ops + i, burst);
	middle = bench_tsc();
	*seal_out = (double)(middle - start) / n;
	middle = bench_tsc();
	for (unsigned i = 0; i < n; i += burst)
		opened += open_(t, ops + i, burst);
	*open_out = (double)(bench_tsc() - middle) / n;
	return opened == n;
}

static void
prepare_ops(unsigned size, unsigned align)
{
	for (unsigned i = 0; i < PACKETS_MAX; i++) {
		ops[i].key = keys[i];
		ops[i].counter = i;
		ops[i].data = memory + (size_t)i * SLOT + align;
		ops[i].length = size == 0 ? mix[i % 12] : size;
	}
}

static void
report_aead(struct aead_under_test *t, const char *bench, unsigned size, unsigned burst,
	unsigned samples)
{
	double bytes = size == 0 ? (7 * 48 + 4 * 576 + 1424) / 12.0 : size;

	for (unsigned op = 0; op < 2; op++) {
		struct bench_result r = {
			.bench = bench,
			.impl = t->name,
			.op = op == 0 ? "seal" : "open",
			.mix = size == 0 ? "mix" : NULL,
			.size = size,
			.burst = burst,
			.peers = burst,
			.workers = 1,
		};

		bench_percentiles(&r, op == 0 ? t->seal_cycles : t->open_cycles, samples);
		r.gbps = bytes * 8 * (double)bench_tsc_hz() / r.cycles_median / 1e9;
		bench_print(&r);
	}
}

static bool
bench_aead(const struct bench_crypto_args *args, unsigned size, unsigned burst)
{
	/* Whole bursts, and for the mix whole patterns of 12. */
	unsigned n = (WARM_PACKETS + burst - 1) / burst * burst * (size == 0 ? 12 : 1);
	unsigned a_round = args->cold ? 1 : SAMPLES_A_ROUND;
	unsigned warmup = args->cold ? 0 : 3;
	double unused;

	if (args->cold)
		n = COLD_PACKETS / (12 * burst) * (12 * burst);
	prepare_ops(size, args->align);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < n_tested; i++) {
			struct aead_under_test *t = &tested[i];

			for (unsigned w = 0; w < warmup; w++)
				sample(t, n, burst, &unused, &unused);
			for (unsigned s = 0; s < a_round; s++) {
				unsigned at = round * a_round + s;

				if (!sample(t, n, burst, &t->seal_cycles[at],
					    &t->open_cycles[at])) {
					fprintf(stderr,
						"wgdp-bench: %s did not open what it sealed\n",
						t->name);
					return false;
				}
			}
		}
	}
	for (unsigned i = 0; i < n_tested; i++)
		report_aead(&tested[i], args->cold ? "aead_cold" : "aead", size, burst,
			ROUNDS * a_round);
	return true;
}

static bool
wanted(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, name, len) == 0 && (at[len] == '\0' || at[len] == ','))
			return true;
	}
	return list == NULL;
}

static bool
wanted_number(const char *list, unsigned number)
{
	char name[16];

	if (number == 0)
		return wanted(list, "mix");
	snprintf(name, sizeof(name), "%u", number);
	return wanted(list, name);
}

static void
collect(const struct bench_crypto_args *args)
{
	const char *name;

	for (unsigned i = 0; (name = aead_impl_name(i)) != NULL; i++) {
		struct aead_ctx *ctx;

		if (!wanted(args->impls, name))
			continue;
		ctx = aead_ctx_create_named(name);
		if (ctx == NULL) {
			fprintf(stderr, "wgdp-bench: skipped: this CPU cannot run %s\n", name);
			continue;
		}
		tested[n_tested].name = name;
		tested[n_tested++].ctx = ctx;
	}
	if (wanted(args->impls, "openssl"))
		tested[n_tested++] = (struct aead_under_test){
			.name = "openssl", .seal = openssl_seal, .open = openssl_open};
	if (wanted(args->impls, "libsodium"))
		tested[n_tested++] = (struct aead_under_test){
			.name = "libsodium", .seal = sodium_seal, .open = sodium_open};
}

static int
run_aead(const struct bench_crypto_args *args)
{
	memory = aligned_alloc(HUGEPAGE, (size_t)PACKETS_MAX * SLOT);
	evp = EVP_CIPHER_CTX_new();
	if (memory == NULL || evp == NULL) {
		fprintf(stderr, "wgdp-bench: out of memory\n");
		return 1;
	}
	/* As packet buffers lie in a gateway; where refused, TLB misses come on top. */
	(void)madvise(memory, (size_t)PACKETS_MAX * SLOT, MADV_HUGEPAGE);
	memset(memory, 0x5a, (size_t)PACKETS_MAX * SLOT);
	crypto_random(keys, sizeof(keys));
	EVP_EncryptInit_ex(evp, EVP_chacha20_poly1305(), NULL, NULL, NULL);
	collect(args);
	for (unsigned s = 0; s < N_SIZES; s++) {
		for (unsigned b = 0; b < N_BURSTS; b++) {
			if (wanted_number(args->sizes, sizes[s]) &&
				wanted_number(args->bursts, bursts[b]) &&
				!bench_aead(args, sizes[s], bursts[b]))
				return 1;
		}
	}
	for (unsigned i = 0; i < n_tested; i++)
		aead_ctx_destroy(tested[i].ctx);
	EVP_CIPHER_CTX_free(evp);
	free(memory);
	return 0;
}

static int
usage(FILE *to)
{
	fprintf(to,
		"usage: wgdp-bench crypto [--json] [--cold] [--align BYTES] [--bench LIST]\n"
		"       [--impl LIST] [--size LIST] [--burst LIST]\n"
		"  --cold   buffers that are in the L3 cache, not nearer\n"
		"  --align  first byte of each buffer past a 64-byte line, 0 to 63\n"
		"  LIST     comma-separated, such as 64,1420,mix or ipsecmb,auto;\n"
		"           benches: aead, x25519, x25519_base, blake2s, handshake_responder\n");
	return to == stderr ? 2 : 0;
}

int
bench_crypto(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"cold", no_argument, NULL, 'c'}, {"align", required_argument, NULL, 'a'},
		{"bench", required_argument, NULL, 't'}, {"impl", required_argument, NULL, 'i'},
		{"size", required_argument, NULL, 's'}, {"burst", required_argument, NULL, 'b'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct bench_crypto_args args = {0};
	bool json = false;
	char err[128], *end;
	int c, status = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'c':
			args.cold = true;
			break;
		case 'a':
			args.align = (unsigned)strtoul(optarg, &end, 10);
			if (*optarg == '\0' || *end != '\0' || args.align > 63)
				return usage(stderr);
			break;
		case 't':
			args.benches = optarg;
			break;
		case 'i':
			args.impls = optarg;
			break;
		case 's':
			args.sizes = optarg;
			break;
		case 'b':
			args.bursts = optarg;
			break;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	if (optind != argc)
		return usage(stderr);
	if (crypto_init(err, sizeof(err)) != 0) {
		fprintf(stderr, "wgdp-bench: %s\n", err);
		return 1;
	}
	bench_begin(json);
	if (wanted(args.benches, "aead"))
		status = run_aead(&args);
	if (status == 0)
		status = bench_handshake_parts(&args, wanted);
	if (status == 0)
		status = bench_responder(&args, wanted);
	bench_end();
	return status;
}
