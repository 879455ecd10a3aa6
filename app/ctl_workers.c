/* SPDX-License-Identifier: BSD-3-Clause */
/* drops, workers. */
#include "app/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * What a counter has grown by since an earlier answer, which may be NULL. One
 * that is less began anew: the peer was added again.
 */
static uint64_t
grown(const json_t *now, const json_t *before, const char *name)
{
	uint64_t is = ctl_number(now, name), was = before != NULL ? ctl_number(before, name) : 0;

	return is >= was ? is - was : is;
}

/* ---- drops ------------------------------------------------------------------------ */

static int
fetch_drops(struct ctl *c, json_t **now)
{
	const char *path[] = {"drops", NULL};

	if (c->n_args > 0)
		return ctl_peer_request(c, "GET", "drops", NULL, now);
	return ctl_request(c, "GET", NULL, false, now, path, NULL);
}

static void
print_drops(struct ctl *c, const json_t *now, const json_t *before, double seconds)
{
	static const char *const titles[2][5] = {{"REASON", "INTERFACE", ">PACKETS"},
		{"REASON", "INTERFACE", ">PACKETS", ">PER SECOND"}};
	static const char *const peer_titles[2][4] = {
		{"REASON", ">PACKETS"}, {"REASON", ">PACKETS", ">PER SECOND"}};
	const json_t *old = json_object_get(before, "drops");
	bool of_peer = c->n_args > 0, all = ctl_option(c, "all") != NULL, any = false;
	struct ctl_table *t =
		ctl_table_create(of_peer ? peer_titles[before != NULL] : titles[before != NULL]);
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(now, "drops"), i, item) {
		uint64_t packets = ctl_number(item, "packets");
		double rate = before != NULL && seconds > 0
				      ? grown(item, json_array_get(old, i), "packets") / seconds
				      : 0;

		if (packets == 0 && !all)
			continue;
		any = true;
		ctl_cell(t, "%s", ctl_text(item, "reason"));
		if (!of_peer)
			ctl_cell(t, "%s", ctl_text(item, "interface"));
		ctl_cell(t, "%" PRIu64, packets);
		if (before != NULL)
			ctl_cell_tone(t, rate > 0 ? CTL_WARN : CTL_PLAIN, "%.0f", rate);
	}
	if (any)
		ctl_table_print(t);
	else
		printf("Nothing was dropped.\n");
	ctl_table_destroy(t);
}

int
ctl_drops(struct ctl *c)
{
	static const struct ctl_view view = {fetch_drops, print_drops};

	if (c->n_args == 1)
		return ctl_usage("drops: expected IF and PEER, or neither");
	return ctl_view(c, &view);
}

/* ---- workers ---------------------------------------------------------------------- */

static void
stage_rows(struct ctl_table *t, const json_t *now, const json_t *before)
{
	const json_t *stages = json_object_get(now, "stages");
	const json_t *old = before != NULL ? json_object_get(before, "stages") : NULL;
	uint64_t busy = grown(now, before, "busy_cycles");
	json_t *stage;
	size_t i;

	json_array_foreach(stages, i, stage) {
		const json_t *earlier = old != NULL ? json_array_get(old, i) : NULL;
		uint64_t cycles = grown(stage, earlier, "cycles");
		uint64_t packets = grown(stage, earlier, "packets");

		if (packets == 0 && cycles == 0)
			continue;
		ctl_cell(t, "%" PRIu64, ctl_number(now, "lcore"));
		ctl_cell(t, "%s", ctl_text(stage, "name"));
		ctl_cell(t, "%" PRIu64, packets);
		if (packets > 0)
			ctl_cell(t, "%.1f", (double)cycles / packets);
		else
			ctl_cell(t, "-");
		ctl_cell(t, "%.1f %%", busy > 0 ? 100.0 * cycles / busy : 0.0);
	}
}

/* How many packets a queue gave at a time, on average. */
static double
burst_size(const json_t *now, const json_t *before)
{
	const json_t *old = before != NULL ? json_object_get(before, "rx_bursts") : NULL;
	uint64_t bursts = 0;
	json_t *class;
	size_t i;

	json_array_foreach(json_object_get(now, "rx_bursts"), i, class)
		bursts += grown(class, old != NULL ? json_array_get(old, i) : NULL, "bursts");
	return bursts > 0 ? (double)grown(now, before, "rx_packets") / bursts : 0;
}

static void
print_workers(struct ctl *c, const json_t *now, const json_t *before, double seconds)
{
	static const char *const titles[] = {
		">LCORE", ">BUSY", ">RX PACKETS", ">TX PACKETS", ">RX BURST", NULL};
	static const char *const stage_titles[] = {
		">LCORE", "STAGE", ">PACKETS", ">CYCLES/PACKET", ">OF BUSY", NULL};
	const json_t *workers = json_object_get(now, "workers");
	const json_t *old = before != NULL ? json_object_get(before, "workers") : NULL;
	struct ctl_table *t = ctl_table_create(titles), *stages = ctl_table_create(stage_titles);
	json_t *w;
	size_t i;

	json_array_foreach(workers, i, w) {
		const json_t *earlier = old != NULL ? json_array_get(old, i) : NULL;
		uint64_t busy = grown(w, earlier, "busy_cycles");
		uint64_t idle = grown(w, earlier, "idle_cycles");

		ctl_cell(t, "%" PRIu64, ctl_number(w, "lcore"));
		ctl_cell(t, "%.1f %%", busy + idle > 0 ? 100.0 * busy / (busy + idle) : 0.0);
		ctl_cell(t, "%" PRIu64, grown(w, earlier, "rx_packets"));
		ctl_cell(t, "%" PRIu64, grown(w, earlier, "tx_packets"));
		ctl_cell(t, "%.1f", burst_size(w, earlier));
		stage_rows(stages, w, earlier);
	}
	ctl_table_print(t);
	putchar('\n');
	ctl_table_print(stages);
	ctl_table_destroy(t);
	ctl_table_destroy(stages);
}

static int
fetch_workers(struct ctl *c, json_t **now)
{
	const char *path[] = {"workers", NULL};

	return ctl_request(c, "GET", NULL, false, now, path, NULL);
}

int
ctl_workers(struct ctl *c)
{
	static const struct ctl_view view = {fetch_workers, print_workers};

	return ctl_view(c, &view);
}
