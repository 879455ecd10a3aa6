/* SPDX-License-Identifier: BSD-3-Clause */
/* wgdp-bench: measures the parts of wgdp in isolation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/bench.h"

static bool as_json;
static unsigned printed;

uint64_t
bench_tsc_hz(void)
{
	static uint64_t hz;
	struct timespec a, b;
	uint64_t t;

	if (hz != 0)
		return hz;
	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	t = bench_tsc();
	do {
		clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	} while ((b.tv_sec - a.tv_sec) * 1000000000L + (b.tv_nsec - a.tv_nsec) < 100000000L);
	t = bench_tsc() - t;
	hz = (uint64_t)((double)t * 1e9 /
			(double)((b.tv_sec - a.tv_sec) * 1000000000L + (b.tv_nsec - a.tv_nsec)));
	return hz;
}

/* The CPU's own name, without characters that JSON would have to escape. */
static void
cpu_name(char *name, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];
	const char *value;

	snprintf(name, size, "unknown");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "model name", 10) != 0)
			continue;
		value = strchr(line, ':');
		if (value != NULL)
			snprintf(name, size, "%s", value + 1 + strspn(value + 1, " \t"));
		break;
	}
	if (f != NULL)
		fclose(f);
	for (char *c = name; *c != '\0'; c++) {
		if (*c == '\n')
			*c = '\0';
		else if (*c < ' ' || *c == '"' || *c == '\\')
			*c = '?';
	}
}

void
bench_begin(bool json)
{
	char cpu[128];

	as_json = json;
	cpu_name(cpu, sizeof(cpu));
	if (json) {
		printf("{\"cpu\": \"%s\", \"tsc_hz\": %llu, \"results\": [", cpu,
			(unsigned long long)bench_tsc_hz());
		return;
	}
	printf("%s, TSC %.3f GHz; TSC cycles an item\n", cpu, (double)bench_tsc_hz() / 1e9);
	printf("%-20s %-13s %-7s %5s %5s %10s %10s %10s %8s %6s %6s %7s\n", "bench", "impl", "op",
		"size", "burst", "median", "p10", "p90", "Gbit/s", "peers", "Mpps", "no-AEAD");
}

/* What only the path has. */
static void
print_path(const struct bench_result *r)
{
	if (as_json) {
		printf(", \"mpps\": %.3f", r->mpps);
		if (r->cycles_without_aead > 0)
			printf(", \"cycles_without_aead\": %.1f", r->cycles_without_aead);
		if (r->scaling > 0)
			printf(", \"scaling\": %.3f, \"aead_scaling\": %.3f", r->scaling,
				r->aead_scaling);
		if (r->overload > 0)
			printf(", \"overload\": %.3f", r->overload);
	} else if (r->scaling > 0) {
		printf(" %6u %6.2f  two workers: %.3f of twice one, AEAD alone %.3f: %.3f",
			r->peers, r->mpps, r->scaling, r->aead_scaling,
			r->scaling / r->aead_scaling);
	} else if (r->overload > 0) {
		printf(" %6u %6.2f  at four times the capacity: %.3f of the best", r->peers,
			r->mpps, r->overload);
	} else {
		printf(" %6u %6.2f %7.1f", r->peers, r->mpps, r->cycles_without_aead);
	}
	if (r->stages == NULL)
		return;
	printf(as_json ? ", \"stages\": [" : "\n   ");
	for (unsigned i = 0; i < r->n_stages; i++) {
		if (as_json)
			printf("%s{\"name\": \"%s\", \"cycles\": %.1f}", i == 0 ? "" : ", ",
				r->stages[i].name, r->stages[i].cycles);
		else if (r->stages[i].cycles > 0)
			printf(" %s %.1f", r->stages[i].name, r->stages[i].cycles);
	}
	if (as_json)
		printf("]");
}

void
bench_print(const struct bench_result *r)
{
	char size[16];

	snprintf(size, sizeof(size), "%u", r->size);
	if (as_json)
		printf("%s\n  {\"bench\": \"%s\", \"impl\": \"%s\", \"op\": \"%s\", "
		       "\"size\": %s%s%s, \"burst\": %u, \"peers\": %u, \"workers\": %u, "
		       "\"cycles_median\": %.1f, \"cycles_p10\": %.1f, \"cycles_p90\": %.1f, "
		       "\"gbps\": %.3f",
			printed++ == 0 ? "" : ",", r->bench, r->impl, r->op,
			r->mix != NULL ? "\"" : "", r->mix != NULL ? r->mix : size,
			r->mix != NULL ? "\"" : "", r->burst, r->peers, r->workers,
			r->cycles_median, r->cycles_p10, r->cycles_p90, r->gbps);
	else
		printf("%-20s %-13s %-7s %5s %5u %10.1f %10.1f %10.1f %8.2f", r->bench, r->impl,
			r->op, r->mix != NULL ? r->mix : size, r->burst, r->cycles_median,
			r->cycles_p10, r->cycles_p90, r->gbps);
	if (r->mpps > 0)
		print_path(r);
	printf(as_json ? "}" : "\n");
	fflush(stdout);
}

void
bench_end(void)
{
	if (as_json)
		printf("\n]}\n");
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
bench_percentiles(struct bench_result *r, double *samples, unsigned n)
{
	qsort(samples, n, sizeof(*samples), compare_doubles);
	r->cycles_median = samples[n / 2];
	r->cycles_p10 = samples[n / 10];
	r->cycles_p90 = samples[n - 1 - n / 10];
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} subcommands[] = {
	{"crypto", bench_crypto},
	{"path", bench_path},
};
#define N_SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < N_SUBCOMMANDS; i++) {
		if (strcmp(argv[1], subcommands[i].name) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "usage: wgdp-bench {");
	for (size_t i = 0; i < N_SUBCOMMANDS; i++)
		fprintf(stderr, "%s%s", i == 0 ? "" : "|", subcommands[i].name);
	fprintf(stderr, "} [--json] [--help]\n");
	return 2;
}
