/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes of inner packets in fixed proportions, spread evenly over time. Pure. */
#ifndef PKTGEN_SIZE_MIX_H
#define PKTGEN_SIZE_MIX_H

#include <stddef.h>
#include <stdint.h>

#define SIZE_MIX_MAX 8
#define SIZE_MIX_IMIX "48:7,576:4,1424:1"

struct size_mix {
	unsigned n;
	uint16_t size[SIZE_MIX_MAX]; /* bytes, of the inner IP packet */
	uint32_t weight[SIZE_MIX_MAX];
	int64_t credit[SIZE_MIX_MAX];
	int64_t total; /* of the weights */
};

/*
 * "512", or "48:7,576:4,1424:1" (size:weight), or "imix", which is the latter.
 * Sizes from min to max, weights from 1 to 1000. Returns 0; or -1 with the
 * reason in err.
 */
int size_mix_parse(
	struct size_mix *m, const char *s, unsigned min, unsigned max, char *err, size_t err_size);
/* The next packet's. In any run of `total` calls each size comes weight times. */
uint16_t size_mix_next(struct size_mix *m);
double size_mix_mean(const struct size_mix *m);
uint16_t size_mix_largest(const struct size_mix *m);

#endif
