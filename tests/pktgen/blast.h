/* SPDX-License-Identifier: BSD-3-Clause */
/* The generator as a whole: one thread, one loop. */
#ifndef PKTGEN_BLAST_H
#define PKTGEN_BLAST_H

#include "tests/pktgen/handshaker.h"
#include "tests/pktgen/ndr.h"
#include "tests/pktgen/traffic.h"

struct blast {
	const struct options *options;
	struct client *clients;
	struct wire wan, lan;
	bool has_lan;
	struct handshaker handshaker;
	struct traffic traffic;
	/* the loop */
	bool sending, staying;
	unsigned idle_turns;
	uint64_t upkeep_ns; /* when it is due again */
	unsigned rekey_next; /* client */
	/* what came of it */
	double handshake_seconds;
	struct ndr ndr;
	struct results *runs; /* each trial's */
	unsigned n_runs;
};

/* Set by a signal: end soon, and report what there is. */
extern volatile bool blast_stop;

/* What is not sleeping, polls. Returns nothing; to be called over and over. */
void blast_turn(struct blast *b);
/* Find the next hops' MACs. Returns 0; or -1 with the reason in err. */
int blast_resolve(struct blast *b, char *err, size_t err_size);
/* Everybody's first handshake, until all are done or have given up. */
void blast_handshakes(struct blast *b);
/* One run at the rate of the options, or the search. Returns 0; or -1 when out of memory. */
int blast_traffic(struct blast *b);
/* Begin nothing, but answer what the server sends, for as long as the options say. */
void blast_stay(struct blast *b);
/* Did everything go as it should: no loss beyond the tolerance, nothing doubled or damaged? */
bool blast_run_is_clean(const struct blast *b, const struct results *r);

/* ---- report.c */

/* A line on stderr, if one is due; `what` names the phase. */
void report_progress(struct blast *b, const char *what, bool begin);
void report(const struct blast *b);

static inline uint64_t
results_lost(const struct results *r)
{
	return r->sent > r->received ? r->sent - r->received : 0;
}

#endif
