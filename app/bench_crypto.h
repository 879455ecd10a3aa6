/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_BENCH_CRYPTO_H
#define APP_BENCH_CRYPTO_H

#include <stdbool.h>

struct bench_crypto_args {
	/* Comma-separated lists of what to run; NULL: everything. */
	const char *benches, *impls, *sizes, *bursts;
	bool cold; /* buffers in L3 only */
	unsigned align; /* of a buffer past a 64-byte line */
};

/* X25519 and BLAKE2s; wanted(list, name) says whether a list asks for a name. */
int bench_handshake_parts(
	const struct bench_crypto_args *args, bool (*wanted)(const char *list, const char *name));

/* Whole handshakes of a responder, eight in step. */
int bench_responder(
	const struct bench_crypto_args *args, bool (*wanted)(const char *list, const char *name));

#endif
