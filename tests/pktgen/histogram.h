/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Times by percentile in constant memory: buckets whose width is 1/64 of their
 * value, so a percentile is exact up to 127 and at most 1.6 % too small above.
 */
#ifndef PKTGEN_HISTOGRAM_H
#define PKTGEN_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_VALUE_BITS 42 /* 73 minutes in ns; what is larger counts as the largest */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
	uint64_t count, sum;
	uint64_t min, max; /* exact; of no meaning while count is 0 */
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_reset(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t value);
/* The smallest value that p percent (0 to 100) do not exceed; 0 when empty. */
uint64_t histogram_percentile(const struct histogram *h, double p);
uint64_t histogram_mean(const struct histogram *h);

#endif
