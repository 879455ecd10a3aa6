/* SPDX-License-Identifier: BSD-3-Clause */
/* What the benchmarks of wgdp-bench share. */
#ifndef APP_BENCH_H
#define APP_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

struct bench_stage {
	const char *name;
	double cycles; /* a packet, median */
};

/* One line of a result; what does not apply is 0 (and size is then left out). */
struct bench_result {
	const char *bench, *impl, *op;
	const char *mix; /* "mix", or NULL when size says it */
	unsigned size, burst, peers, workers;
	double cycles_median, cycles_p10, cycles_p90; /* TSC cycles an item */
	double gbps; /* of payload, on one core; 0: no bytes */
	/* path only */
	double mpps;
	double cycles_without_aead; /* median; 0: not measured */
	/* Throughput against that of one worker twice; 0: one worker. */
	double scaling, aead_scaling; /* of the path, and of AEAD alone in the same run */
	double overload; /* forwarded at four times the capacity, against the best; 0: not tried */
	const struct bench_stage *stages; /* NULL: not asked for */
	unsigned n_stages;
};

/* Starts and ends the output, a table or one JSON object. */
void bench_begin(bool json);
void bench_print(const struct bench_result *r);
void bench_end(void);

uint64_t bench_tsc_hz(void);

/* Sorts the n samples (n at least 1) and fills in median, p10 and p90. */
void bench_percentiles(struct bench_result *r, double *samples, unsigned n);

/* TSC, ordered against the work before and after it. */
static inline uint64_t
bench_tsc(void)
{
	unsigned aux;
	uint64_t t = __rdtscp(&aux);

	_mm_lfence();
	return t;
}

/* The subcommands; argv[0] is the subcommand's name. Exit status of the program. */
int bench_crypto(int argc, char **argv);
int bench_path(int argc, char **argv);

#endif
