/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wgdp-bench path: a whole worker, from rx_burst to tx_burst, in one process.
 * A sample is one turn of the worker's loop with one burst; what the turn
 * spends on rings and ports that are empty is in it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "app/bench.h"
#include "app/bench_gateway.h"
#include "app/bench_path.h"
#include "crypto_accel/crypto_accel.h"

#define REFILLS_MAX 256
#define WARM_UP 2
#define SAMPLES_MAX (REFILLS_MAX * GATEWAY_REFILL)
#define LIST_MAX 8
#define SIZE_MIN 28 /* an IP header and the number of the packet */

static const char *const way_names[WAY_COUNT] = {"decap", "encap", "hairpin"};

struct list {
	unsigned n;
	unsigned value[LIST_MAX];
};

struct path_args {
	struct list sizes, peers, bursts;
	bool ways[WAY_COUNT];
	bool json, check, stages, hugepages, overload;
	unsigned lcore, memory_mb, refills, workers;
};

/*
 * Cycles a packet: of each turn that the worker does not time, and by stage of
 * those that it does. What reading the TSC takes is taken off.
 */
static double total[SAMPLES_MAX], stage[STAGE_COUNT][SAMPLES_MAX], aead[SAMPLES_MAX];
static unsigned n_total, n_timed;
static uint64_t bytes, packets;
static uint64_t bracket_cost, reading_cost;

static void
measure_readings(void)
{
	bracket_cost = reading_cost = UINT64_MAX;
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t start = bench_tsc(), bracket = bench_tsc() - start;

		bracket_cost = RTE_MIN(bracket_cost, bracket);
		start = rte_rdtsc();
		for (unsigned k = 0; k < 8; k++)
			bracket = rte_rdtsc() - start;
		reading_cost = RTE_MIN(reading_cost, bracket / 8);
	}
}

/* The stats without the drops: copying those would push the worker's data out of the cache. */
struct snapshot {
	uint64_t rx_packets, stage_cycles[STAGE_COUNT];
};

static void
take_sample(struct worker *w, uint64_t cycles, const struct snapshot *before)
{
	uint64_t n = w->stats.rx_packets - before->rx_packets;

	if (n == 0)
		return;
	bytes += gateway_burst_bytes(0);
	packets += n;
	if (!w->timed) {
		total[n_total++] = (double)(cycles - bracket_cost) / (double)n;
		return;
	}
	for (unsigned s = 0; s < STAGE_COUNT; s++) {
		uint64_t c = (w->stats.stage_cycles[s] - before->stage_cycles[s]) / STAGE_SAMPLING;

		stage[s][n_timed] = c > reading_cost ? (double)(c - reading_cost) / (double)n : 0;
	}
	aead[n_timed] = stage[STAGE_open][n_timed] + stage[STAGE_seal][n_timed];
	n_timed++;
}

static int
run_refill(enum bench_way way, unsigned size, bool measured)
{
	struct worker *w = gateway_worker(0);
	struct snapshot before;

	if (gateway_refill(0, way, size) != 0) {
		fprintf(stderr, "wgdp-bench: out of mbufs\n");
		return -1;
	}
	gateway_drain_events();
	while (gateway_pending(0) > 0) {
		uint64_t start, end;

		before.rx_packets = w->stats.rx_packets;
		memcpy(before.stage_cycles, w->stats.stage_cycles, sizeof(before.stage_cycles));
		start = bench_tsc();
		worker_turn(w);
		end = bench_tsc();
		if (measured)
			take_sample(w, end - start, &before);
	}
	return 0;
}

static double
median_timed(double *samples)
{
	struct bench_result r;

	bench_percentiles(&r, samples, n_timed);
	return r.cycles_median;
}

static void
report(const struct path_args *args, enum bench_way way, unsigned size, unsigned peers,
	unsigned burst)
{
	double bytes_a_packet = (double)bytes / (double)packets;
	struct bench_stage stages[STAGE_COUNT];
	struct bench_result r = {
		.bench = way_names[way],
		.impl = crypto_aead_name(),
		.op = way_names[way],
		.mix = size == 0 ? "mix" : NULL,
		.size = size,
		.burst = burst,
		.peers = peers,
		.workers = 1,
		.stages = args->stages || args->json ? stages : NULL,
	};

	bench_percentiles(&r, total, n_total);
	r.gbps = bytes_a_packet * 8 * (double)bench_tsc_hz() / r.cycles_median / 1e9;
	r.mpps = (double)bench_tsc_hz() / r.cycles_median / 1e6;
	r.cycles_without_aead = r.cycles_median - median_timed(aead);
	for (unsigned s = 0; s < STAGE_COUNT; s++)
		stages[r.n_stages++] = (struct bench_stage){stage_name[s], median_timed(stage[s])};
	bench_print(&r);
}

static int
run_case(const struct path_args *args, enum bench_way way, unsigned size, unsigned peers,
	unsigned burst)
{
	char err[128];

	gateway_set_burst(burst);
	n_total = n_timed = 0;
	bytes = packets = 0;
	if (args->check) {
		gateway_keep_sent(true);
		if (run_refill(way, size, false) != 0)
			return -1;
		gateway_keep_sent(false);
		if (gateway_check(way, err, sizeof(err)) != 0) {
			fprintf(stderr, "wgdp-bench: %s, %u bytes, %u peers: %s\n", way_names[way],
				size, peers, err);
			return -1;
		}
	}
	for (unsigned i = 0; i < WARM_UP + args->refills; i++)
		if (run_refill(way, size, i >= WARM_UP) != 0)
			return -1;
	report(args, way, size, peers, burst);
	return 0;
}

/* Two workers, or one and too much for it. */
static int
run_special(const struct path_args *args, enum bench_way way, unsigned size, unsigned peers,
	unsigned burst)
{
	struct bench_result r = {
		.bench = way_names[way],
		.impl = crypto_aead_name(),
		.op = way_names[way],
		.size = size,
		.burst = burst,
		.peers = peers,
		.workers = args->workers,
	};
	int status;

	gateway_set_burst(burst);
	status = args->overload ? bench_overload_case(&r, way, args->refills)
				: bench_scale_case(&r, way, args->refills);
	if (status == 0)
		bench_print(&r);
	else
		fprintf(stderr, "wgdp-bench: out of mbufs\n");
	return status;
}

/* Everything that is dropped would be cheap, and the figures wrong. */
static int
expect_no_drops(struct worker *w)
{
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		for (unsigned i = 0; i <= IFACE_MAX; i++)
			/* queue_full: nobody takes events while a refill runs */
			if (w->stats.drops[r][i] != 0 && r != DROP_queue_full) {
				fprintf(stderr, "wgdp-bench: %llu packets dropped: %s\n",
					(unsigned long long)w->stats.drops[r][i],
					drop_reason_name[r]);
				return -1;
			}
	return 0;
}

static int
run_peers(const struct path_args *args, unsigned peers)
{
	char err[256];
	int status = 0;

	if (gateway_create(peers, args->workers, err, sizeof(err)) != 0) {
		fprintf(stderr, "wgdp-bench: %s\n", err);
		return -1;
	}
	for (unsigned way = 0; way < WAY_COUNT; way++)
		for (unsigned s = 0; args->ways[way] && s < args->sizes.n; s++)
			for (unsigned b = 0; status == 0 && b < args->bursts.n; b++)
				status = (args->workers > 1 || args->overload ? run_special
									      : run_case)(args, way,
					args->sizes.value[s], peers, args->bursts.value[b]);
	for (unsigned w = 0; status == 0 && w < args->workers; w++)
		status = expect_no_drops(gateway_worker(w));
	if (gateway_destroy() != 0) {
		fprintf(stderr, "wgdp-bench: mbufs are missing at the end\n");
		status = -1;
	}
	return status;
}

static int
usage(FILE *f)
{
	fprintf(f,
		"usage: wgdp-bench path [options]\n"
		"  --json            one JSON object instead of a table\n"
		"  --check           verify that every packet arrives whole, too\n"
		"  --stages          cycles of each stage (JSON has them always)\n"
		"  --ways LIST       decap,encap,hairpin\n"
		"  --sizes LIST      of the inner IP packet: 64,512,1420,mix (48/576/1424, 7:4:1)\n"
		"  --peers LIST      1,1000,10000; each packet is of another peer\n"
		"  --bursts LIST     32; at most 64\n"
		"  --refills N       measure so many times %d packets (16)\n"
		"  --workers N       2: against one, with the scaling of an AEAD-only loop beside "
		"it\n"
		"  --overload        four times the capacity, arriving at a rate\n"
		"  --no-huge         without hugepages\n"
		"  --lcore N         CPU to run on (1, or 0 where there is but one)\n"
		"  --memory MB       1536\n"
		"WGDP_CRYPTO in the environment chooses the AEAD implementation.\n",
		GATEWAY_REFILL);
	return f == stdout ? 0 : 2;
}

static bool
parse_list(struct list *list, const char *text, unsigned min, unsigned max)
{
	list->n = 0;
	while (list->n < LIST_MAX) {
		char *end;
		unsigned long v = strtoul(text, &end, 10);

		if (strncmp(text, "mix", 3) == 0 && min == SIZE_MIN) {
			v = 0;
			end = (char *)(uintptr_t)text + 3;
		} else if (end == text || v < min || v > max) {
			return false;
		}
		list->value[list->n++] = (unsigned)v;
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		text = end + 1;
	}
	return false;
}

static bool
parse_ways(bool *ways, const char *text)
{
	memset(ways, 0, WAY_COUNT * sizeof(*ways));
	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		unsigned way = 0;

		while (way < WAY_COUNT &&
			(strlen(way_names[way]) != len || strncmp(text, way_names[way], len) != 0))
			way++;
		if (way == WAY_COUNT)
			return false;
		ways[way] = true;
		text += len + (text[len] == ',');
	}
	return true;
}

static bool
parse_number(unsigned *out, const char *text, unsigned max)
{
	struct list one;

	if (!parse_list(&one, text, 0, max) || one.n != 1)
		return false;
	*out = one.value[0];
	return true;
}

/* What is measured by throughput wants sizes in numbers, and each worker a peer. */
static bool
fits(struct path_args *a)
{
	static const struct list sizes = {3, {64, 512, 1420}}, peers = {2, {1000, 10000}};
	bool special = a->workers > 1 || a->overload;

	if (a->sizes.n == 0)
		a->sizes = special ? sizes : (struct list){4, {64, 512, 1420, 0}};
	if (a->peers.n == 0)
		a->peers = special ? peers : (struct list){3, {1, 1000, 10000}};
	if (a->workers > 1 && (a->overload || sysconf(_SC_NPROCESSORS_ONLN) < 2))
		return false;
	for (unsigned i = 0; special && i < a->sizes.n; i++)
		if (a->sizes.value[i] == 0)
			return false;
	for (unsigned i = 0; i < a->peers.n; i++)
		if (a->peers.value[i] < a->workers)
			return false;
	return !special || !(a->check || a->stages);
}

/* -1: go on; otherwise the exit status. */
static int
parse_args(struct path_args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"check", no_argument, NULL, 'c'},
		{"stages", no_argument, NULL, 'S'},
		{"ways", required_argument, NULL, 'w'},
		{"sizes", required_argument, NULL, 's'},
		{"peers", required_argument, NULL, 'p'},
		{"bursts", required_argument, NULL, 'b'},
		{"refills", required_argument, NULL, 'r'},
		{"workers", required_argument, NULL, 'W'},
		{"overload", no_argument, NULL, 'O'},
		{"no-huge", no_argument, NULL, 'H'},
		{"lcore", required_argument, NULL, 'l'},
		{"memory", required_argument, NULL, 'm'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	bool ok = true;
	int c;

	while (ok && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			a->json = true;
		else if (c == 'c')
			a->check = true;
		else if (c == 'S')
			a->stages = true;
		else if (c == 'H')
			a->hugepages = false;
		else if (c == 'O')
			a->overload = true;
		else if (c == 'W')
			ok = parse_number(&a->workers, optarg, GATEWAY_WORKERS_MAX) &&
			     a->workers > 0;
		else if (c == 'w')
			ok = parse_ways(a->ways, optarg);
		else if (c == 's')
			ok = parse_list(&a->sizes, optarg, SIZE_MIN, 1424);
		else if (c == 'p')
			ok = parse_list(&a->peers, optarg, 1, 100000);
		else if (c == 'b')
			ok = parse_list(&a->bursts, optarg, 1, BURST);
		else if (c == 'r')
			ok = parse_number(&a->refills, optarg, REFILLS_MAX) && a->refills > 0;
		else if (c == 'l')
			ok = parse_number(&a->lcore, optarg, RTE_MAX_LCORE - 1);
		else if (c == 'm')
			ok = parse_number(&a->memory_mb, optarg, 1u << 20);
		else
			return usage(c == 'h' ? stdout : stderr);
	}
	return ok && optind == argc && fits(a) ? -1 : usage(stderr);
}

int
bench_path(int argc, char **argv)
{
	struct path_args args = {
		.bursts = {1, {32}},
		.ways = {true, true, true},
		.hugepages = true,
		.lcore = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0,
		.memory_mb = 1536,
		.refills = 16,
		.workers = 1,
	};
	char err[128];
	int status = parse_args(&args, argc, argv);

	if (status >= 0)
		return status;
	if (crypto_init(err, sizeof(err)) != 0) {
		fprintf(stderr, "wgdp-bench: %s\n", err);
		return 1;
	}
	if (gateway_eal_init(args.hugepages, args.lcore, args.workers, args.memory_mb) != 0)
		return 1;
	dp_clock_init();
	measure_readings();
	status = bench_scale_init(args.workers);
	bench_begin(args.json);
	for (unsigned p = 0; status == 0 && p < args.peers.n; p++)
		status = run_peers(&args, args.peers.value[p]);
	bench_end();
	bench_scale_fini();
	rte_eal_cleanup();
	return status == 0 ? 0 : 1;
}
