/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/histogram.h"

#include <string.h>

#define SUB (1U << HISTOGRAM_SUB_BITS)

static unsigned
bucket_of(uint64_t value)
{
	unsigned shift;

	if (value >= 1ULL << HISTOGRAM_VALUE_BITS)
		return HISTOGRAM_BUCKETS - 1;
	if (value < 2 * SUB)
		return value;
	/* So far to the right that the leading one stands at SUB. */
	shift = 63 - __builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return shift * SUB + (unsigned)(value >> shift);
}

static uint64_t
lowest_of(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * SUB)
		return bucket;
	shift = bucket / SUB - 1;
	return (uint64_t)(SUB + bucket % SUB) << shift;
}

void
histogram_reset(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
}

void
histogram_add(struct histogram *h, uint64_t value)
{
	if (h->count == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->count++;
	h->sum += value;
	h->bucket[bucket_of(value)]++;
}

uint64_t
histogram_percentile(const struct histogram *h, double p)
{
	double exact = (double)h->count * p / 100;
	uint64_t rank = (uint64_t)exact, seen = 0, low;

	if (h->count == 0)
		return 0;
	if ((double)rank < exact)
		rank++;
	if (rank <= 1)
		return h->min;
	if (rank >= h->count)
		return h->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank) {
			low = lowest_of(i);
			return low < h->min ? h->min : low;
		}
	}
	return h->max;
}

uint64_t
histogram_mean(const struct histogram *h)
{
	return h->count == 0 ? 0 : h->sum / h->count;
}
