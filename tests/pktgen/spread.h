/* SPDX-License-Identifier: BSD-3-Clause */
/* Which client sends next. Pure but for the memory that a Zipf distribution takes. */
#ifndef PKTGEN_SPREAD_H
#define PKTGEN_SPREAD_H

#include <stddef.h>
#include <stdint.h>

enum spread_kind {
	SPREAD_EVEN, /* one after the other: a different peer each packet */
	SPREAD_RANDOM, /* all equally likely */
	SPREAD_ZIPF, /* the k-th with a probability in proportion to 1 / k^s */
};

struct spread {
	enum spread_kind kind;
	double exponent; /* of Zipf */
	unsigned n; /* clients */
	unsigned next;
	uint64_t state; /* of the generator; the same sequence in each run */
	double *cumulative; /* Zipf only: n of them, the last one 1 */
};

/* "even", "random" or "zipf:S" with S from 0.1 to 5. Returns 0; or -1 with the reason in err. */
int spread_parse(struct spread *s, const char *text, char *err, size_t err_size);
/* After spread_parse. Returns 0, or -1 when out of memory. */
int spread_init(struct spread *s, unsigned n);
void spread_fini(struct spread *s);
unsigned spread_next(struct spread *s);

#endif
