/* SPDX-License-Identifier: BSD-3-Clause */
/* show, drops, workers. */
#include "app/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *
text_of(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s != NULL ? s : "-";
}

static uint64_t
number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* "a, b, c"; to be freed. At most max of them are named. */
static char *
join(const json_t *array, size_t max)
{
	char *s = strdup(json_array_size(array) > 0 ? "" : "-"), *grown;
	size_t i, n = json_array_size(array);
	json_t *item;

	json_array_foreach(array, i, item)
	{
		int rc;

		if (i == max)
			rc = asprintf(&grown, "%s and %zu more", s, n - max);
		else
			rc = asprintf(
				&grown, "%s%s%s", s, i > 0 ? ", " : "", json_string_value(item));
		if (rc < 0)
			abort();
		free(s);
		s = grown;
		if (i == max)
			break;
	}
	return s;
}

/* ---- show ------------------------------------------------------------------------- */

static int
show_interfaces(struct ctl *c)
{
	static const char *const titles[] = {"INTERFACE", "PUBLIC KEY", ">PORT", ">MTU", ">PEERS",
		">RX", ">TX", "ADDRESSES", NULL};
	const char *path[] = {"interfaces", NULL};
	struct ctl_table *t;
	char human[CTL_HUMAN_SIZE];
	json_t *answer, *item;
	size_t i;

	if (ctl_request(c, "GET", NULL, false, &answer, path, NULL) != CTL_OK)
		return CTL_REFUSED;
	if (c->json)
		return ctl_print_json(answer);
	t = ctl_table_create(titles);
	json_array_foreach(json_object_get(answer, "interfaces"), i, item)
	{
		char *addresses = join(json_object_get(item, "addresses"), 4);

		ctl_cell(t, "%s", text_of(item, "name"));
		ctl_cell(t, "%s", text_of(item, "public_key"));
		ctl_cell(t, "%" PRIu64, number_of(item, "listen_port"));
		ctl_cell(t, "%" PRIu64, number_of(item, "mtu"));
		ctl_cell(t, "%" PRIu64, number_of(item, "peers"));
		ctl_cell(t, "%s", ctl_human_bytes(human, number_of(item, "rx_bytes")));
		ctl_cell(t, "%s", ctl_human_bytes(human, number_of(item, "tx_bytes")));
		ctl_cell(t, "%s", addresses);
		free(addresses);
	}
	ctl_table_print(t);
	ctl_table_destroy(t);
	json_decref(answer);
	return CTL_OK;
}

/* All pages of the interface's peers, as one list. */
static int
get_peers(struct ctl *c, json_t **peers)
{
	const char *path[] = {"interfaces", c->args[0], "peers", NULL};
	char query[64] = "limit=1000";
	const char *next;
	json_t *page;

	*peers = json_array();
	do {
		if (ctl_request(c, "GET", NULL, false, &page, path, query) != CTL_OK) {
			json_decref(*peers);
			return CTL_REFUSED;
		}
		json_array_extend(*peers, json_object_get(page, "peers"));
		next = json_string_value(json_object_get(page, "next"));
		if (next != NULL)
			snprintf(query, sizeof(query), "limit=1000&after=%.24s", next);
		json_decref(page);
	} while (next != NULL);
	return CTL_OK;
}

static int
show_peers(struct ctl *c)
{
	static const char *const titles[] = {
		"PEER", "ENDPOINT", "HANDSHAKE", ">RX", ">TX", "ALLOWED IPS", NULL};
	struct ctl_table *t;
	char human[CTL_HUMAN_SIZE];
	json_t *peers, *item;
	size_t i;

	if (get_peers(c, &peers) != CTL_OK)
		return CTL_REFUSED;
	if (c->json)
		return ctl_print_json(
			json_pack("{ss so}", "interface", c->args[0], "peers", peers));
	t = ctl_table_create(titles);
	json_array_foreach(peers, i, item)
	{
		char *allowed = join(json_object_get(item, "allowed_ips"), 4);

		ctl_cell(t, "%s", text_of(item, "name"));
		ctl_cell(t, "%s", text_of(item, "endpoint"));
		ctl_cell(t, "%s", ctl_human_age(human, number_of(item, "last_handshake_ns")));
		ctl_cell(t, "%s", ctl_human_bytes(human, number_of(item, "rx_bytes")));
		ctl_cell(t, "%s", ctl_human_bytes(human, number_of(item, "tx_bytes")));
		ctl_cell(t, "%s", allowed);
		free(allowed);
	}
	ctl_table_print(t);
	ctl_table_destroy(t);
	json_decref(peers);
	return CTL_OK;
}

static void
print_session(const json_t *session)
{
	char human[CTL_HUMAN_SIZE];

	if (!json_is_object(session)) {
		printf("session:              none\n");
		return;
	}
	printf("session:              %s, %s old, index %" PRIu64 "\n", text_of(session, "role"),
		ctl_human_duration(human, number_of(session, "age_ms") / 1000),
		number_of(session, "local_index"));
}

static int
show_peer(struct ctl *c)
{
	const char *path[] = {"interfaces", c->args[0], "peers", c->args[1], NULL};
	uint64_t keepalive;
	char human[CTL_HUMAN_SIZE], *allowed;
	json_t *p;

	if (ctl_request(c, "GET", NULL, false, &p, path, NULL) != CTL_OK)
		return CTL_REFUSED;
	if (c->json)
		return ctl_print_json(p);
	allowed = join(json_object_get(p, "allowed_ips"), SIZE_MAX);
	keepalive = number_of(p, "persistent_keepalive");
	printf("peer:                 %s\n", text_of(p, "name"));
	printf("interface:            %s\n", text_of(p, "interface"));
	printf("public key:           %s\n", text_of(p, "public_key"));
	printf("preshared key:        %s\n",
		json_is_true(json_object_get(p, "has_preshared_key")) ? "yes" : "no");
	printf("allowed ips:          %s\n", allowed);
	printf("endpoint:             %s\n", text_of(p, "endpoint"));
	if (keepalive > 0)
		printf("persistent keepalive: every %" PRIu64 "s\n", keepalive);
	else
		printf("persistent keepalive: off\n");
	printf("latest handshake:     %s\n",
		ctl_human_age(human, number_of(p, "last_handshake_ns")));
	printf("received:             %s in %" PRIu64 " packets\n",
		ctl_human_bytes(human, number_of(p, "rx_bytes")), number_of(p, "rx_packets"));
	printf("sent:                 %s in %" PRIu64 " packets\n",
		ctl_human_bytes(human, number_of(p, "tx_bytes")), number_of(p, "tx_packets"));
	print_session(json_object_get(p, "session"));
	free(allowed);
	json_decref(p);
	return CTL_OK;
}

int
ctl_show(struct ctl *c)
{
	return c->n_args == 0 ? show_interfaces(c) : c->n_args == 1 ? show_peers(c) : show_peer(c);
}

/* ---- drops ------------------------------------------------------------------------ */

int
ctl_drops(struct ctl *c)
{
	static const char *const titles[] = {"REASON", "INTERFACE", ">PACKETS", NULL};
	const char *path[] = {"drops", NULL};
	bool all = ctl_option(c, "all") != NULL;
	struct ctl_table *t;
	json_t *answer, *item;
	size_t i;

	if (ctl_request(c, "GET", NULL, false, &answer, path, NULL) != CTL_OK)
		return CTL_REFUSED;
	if (c->json)
		return ctl_print_json(answer);
	t = ctl_table_create(titles);
	json_array_foreach(json_object_get(answer, "drops"), i, item)
	{
		uint64_t packets = number_of(item, "packets");

		if (packets == 0 && !all)
			continue;
		ctl_cell(t, "%s", text_of(item, "reason"));
		ctl_cell(t, "%s", text_of(item, "interface"));
		ctl_cell(t, "%" PRIu64, packets);
	}
	ctl_table_print(t);
	ctl_table_destroy(t);
	json_decref(answer);
	return CTL_OK;
}

/* ---- workers ---------------------------------------------------------------------- */

/* What a counter has grown by since an earlier answer, which may be NULL. */
static uint64_t
grown(const json_t *now, const json_t *before, const char *name)
{
	return number_of(now, name) - (before != NULL ? number_of(before, name) : 0);
}

static void
stage_rows(struct ctl_table *t, const json_t *now, const json_t *before)
{
	const json_t *stages = json_object_get(now, "stages");
	const json_t *old = before != NULL ? json_object_get(before, "stages") : NULL;
	uint64_t busy = grown(now, before, "busy_cycles");
	json_t *stage;
	size_t i;

	json_array_foreach(stages, i, stage)
	{
		const json_t *earlier = old != NULL ? json_array_get(old, i) : NULL;
		uint64_t cycles = grown(stage, earlier, "cycles");
		uint64_t packets = grown(stage, earlier, "packets");

		if (packets == 0 && cycles == 0)
			continue;
		ctl_cell(t, "%" PRIu64, number_of(now, "lcore"));
		ctl_cell(t, "%s", text_of(stage, "name"));
		ctl_cell(t, "%" PRIu64, packets);
		if (packets > 0)
			ctl_cell(t, "%.1f", (double)cycles / packets);
		else
			ctl_cell(t, "-");
		ctl_cell(t, "%.1f %%", busy > 0 ? 100.0 * cycles / busy : 0.0);
	}
}

static void
print_workers(const json_t *now, const json_t *before)
{
	static const char *const titles[] = {">LCORE", ">BUSY", ">RX PACKETS", ">TX PACKETS", NULL};
	static const char *const stage_titles[] = {
		">LCORE", "STAGE", ">PACKETS", ">CYCLES/PACKET", ">OF BUSY", NULL};
	const json_t *workers = json_object_get(now, "workers");
	const json_t *old = before != NULL ? json_object_get(before, "workers") : NULL;
	struct ctl_table *t = ctl_table_create(titles), *stages = ctl_table_create(stage_titles);
	json_t *w;
	size_t i;

	json_array_foreach(workers, i, w)
	{
		const json_t *earlier = old != NULL ? json_array_get(old, i) : NULL;
		uint64_t busy = grown(w, earlier, "busy_cycles");
		uint64_t idle = grown(w, earlier, "idle_cycles");

		ctl_cell(t, "%" PRIu64, number_of(w, "lcore"));
		ctl_cell(t, "%.1f %%", busy + idle > 0 ? 100.0 * busy / (busy + idle) : 0.0);
		ctl_cell(t, "%" PRIu64, grown(w, earlier, "rx_packets"));
		ctl_cell(t, "%" PRIu64, grown(w, earlier, "tx_packets"));
		stage_rows(stages, w, earlier);
	}
	ctl_table_print(t);
	putchar('\n');
	ctl_table_print(stages);
	ctl_table_destroy(t);
	ctl_table_destroy(stages);
}

int
ctl_workers(struct ctl *c)
{
	const char *path[] = {"workers", NULL};
	bool watch = ctl_option(c, "watch") != NULL, screen = watch && isatty(STDOUT_FILENO);
	json_t *now = NULL, *before = NULL;

	for (;;) {
		if (ctl_request(c, "GET", NULL, false, &now, path, NULL) != CTL_OK) {
			json_decref(before);
			return CTL_REFUSED;
		}
		if (screen && !c->json)
			printf("\033[H\033[2J"); /* home, clear */
		if (c->json)
			ctl_print_json(json_incref(now));
		else
			print_workers(now, before);
		json_decref(before);
		before = now;
		if (!watch)
			break;
		if (fflush(stdout) != 0)
			break; /* whoever read has gone */
		sleep(1);
	}
	json_decref(before);
	return CTL_OK;
}
