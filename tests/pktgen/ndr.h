/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The highest rate without loss, by bisection (RFC 2544, sections 24 and 26.1):
 * the highest rate first, then halfway between the highest that passed and
 * the lowest that failed. Pure.
 */
#ifndef PKTGEN_NDR_H
#define PKTGEN_NDR_H

#include <stdbool.h>

/* Enough for a resolution of 0.1 % of any rate from 1/s on. */
#define NDR_TRIALS_MAX 40

struct ndr {
	double passed; /* the highest rate that did; 0: none so far */
	double failed; /* the lowest rate that did; 0: none so far */
	double next; /* to try now */
	double resolution; /* part of the failed rate */
	unsigned trials;
	bool limited; /* it ended because the generator reached no higher rate */
};

void ndr_start(struct ndr *n, double highest, double resolution);
/*
 * What came of a trial at n->next: offered is the rate that was reached, less
 * than was asked for where the generator is the limit. Returns false when the
 * search is over; passed is its result.
 */
bool ndr_step(struct ndr *n, double offered, bool pass);

#endif
