/* SPDX-License-Identifier: BSD-3-Clause */
/* show: interfaces, an interface's peers, or one peer. */
#include "app/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A session ends 180 s after its handshake (whitepaper, section 6.2). */
#define ALIVE_S 180

static void
cell_bytes(struct ctl_table *t, const json_t *item, const char *name)
{
	char human[CTL_HUMAN_SIZE];

	ctl_cell(t, "%s", ctl_human_bytes(human, ctl_number(item, name)));
}

/* "-" where there is nothing to compare with: a peer that has just been added. */
static void
cell_rate(struct ctl_table *t, const json_t *item, const json_t *old, const char *name,
	double seconds)
{
	uint64_t now = ctl_number(item, name), then = ctl_number(old, name);
	char human[CTL_HUMAN_SIZE];

	if (old == NULL || now < then)
		ctl_cell(t, "-");
	else
		ctl_cell_tone(t, now > then ? CTL_GOOD : CTL_PLAIN, "%s",
			ctl_human_rate(human, now - then, seconds));
}

/* ---- interfaces ------------------------------------------------------------------- */

static int
fetch_interfaces(struct ctl *c, json_t **now)
{
	const char *path[] = {"interfaces", NULL};

	return ctl_request(c, "GET", NULL, false, now, path, NULL);
}

static void
print_interfaces(struct ctl *c, const json_t *now, const json_t *before, double seconds)
{
	static const char *const titles[] = {"INTERFACE", "PUBLIC KEY", ">PORT", ">MTU", ">PEERS",
		">RX", ">TX", "ADDRESSES", NULL};
	static const char *const rate_titles[] = {
		"INTERFACE", ">PEERS", ">RX", ">TX", ">RX RATE", ">TX RATE", NULL};
	struct ctl_table *t = ctl_table_create(before != NULL ? rate_titles : titles);
	const json_t *old = json_object_get(before, "interfaces");
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(now, "interfaces"), i, item) {
		char *addresses = ctl_join(json_object_get(item, "addresses"), 4);

		ctl_cell(t, "%s", ctl_text(item, "name"));
		if (before == NULL) {
			ctl_cell(t, "%s", ctl_text(item, "public_key"));
			ctl_cell(t, "%" PRIu64, ctl_number(item, "listen_port"));
			ctl_cell(t, "%" PRIu64, ctl_number(item, "mtu"));
		}
		ctl_cell(t, "%" PRIu64, ctl_number(item, "peers"));
		cell_bytes(t, item, "rx_bytes");
		cell_bytes(t, item, "tx_bytes");
		if (before == NULL) {
			ctl_cell(t, "%s", addresses);
		} else {
			cell_rate(t, item, json_array_get(old, i), "rx_bytes", seconds);
			cell_rate(t, item, json_array_get(old, i), "tx_bytes", seconds);
		}
		free(addresses);
	}
	ctl_table_print(t);
	ctl_table_destroy(t);
}

/* ---- peers ------------------------------------------------------------------------ */

static int
fetch_peers(struct ctl *c, json_t **now)
{
	json_t *peers;

	if (ctl_get_peers(c, c->args[0], &peers) != CTL_OK)
		return CTL_REFUSED;
	*now = json_pack("{ss so}", "interface", c->args[0], "peers", peers);
	return CTL_OK;
}

struct row {
	const json_t *peer, *old; /* old: as it was before, or NULL */
	uint64_t grown; /* bytes both ways since then */
};

static uint64_t
bytes(const json_t *peer)
{
	return ctl_number(peer, "rx_bytes") + ctl_number(peer, "tx_bytes");
}

/* Who has moved most comes first; else they stay in the gateway's order. */
static int
by_growth(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->grown != y->grown)
		return x->grown < y->grown ? 1 : -1;
	return x->peer < y->peer ? -1 : 1;
}

static struct row *
make_rows(const json_t *peers, const json_t *before)
{
	struct row *rows = calloc(json_array_size(peers) + 1, sizeof(*rows));
	json_t *index = json_object(), *peer;
	size_t i;

	if (rows == NULL)
		abort();
	json_array_foreach(json_object_get(before, "peers"), i, peer)
		json_object_set(index, ctl_text(peer, "public_key"), peer);
	json_array_foreach(peers, i, peer) {
		rows[i].peer = peer;
		rows[i].old = json_object_get(index, ctl_text(peer, "public_key"));
		if (rows[i].old != NULL && bytes(peer) > bytes(rows[i].old))
			rows[i].grown = bytes(peer) - bytes(rows[i].old);
	}
	json_decref(index); /* what it held lives on in before */
	return rows;
}

static void
peer_row(struct ctl_table *t, const struct row *row, bool rates, double seconds)
{
	uint64_t handshake = ctl_number(row->peer, "last_handshake_ns");
	enum ctl_tone tone = handshake == 0                    ? CTL_FAINT
			     : ctl_age_s(handshake) <= ALIVE_S ? CTL_GOOD
							       : CTL_WARN;
	char human[CTL_HUMAN_SIZE];
	char *allowed = ctl_join(json_object_get(row->peer, "allowed_ips"), 4);

	ctl_cell(t, "%s", ctl_text(row->peer, "name"));
	ctl_cell(t, "%s", ctl_text(row->peer, "endpoint"));
	ctl_cell_tone(t, tone, "%s", ctl_human_age(human, handshake));
	cell_bytes(t, row->peer, "rx_bytes");
	cell_bytes(t, row->peer, "tx_bytes");
	if (rates) {
		cell_rate(t, row->peer, row->old, "rx_bytes", seconds);
		cell_rate(t, row->peer, row->old, "tx_bytes", seconds);
	}
	ctl_cell(t, "%s", allowed);
	free(allowed);
}

static void
print_peers(struct ctl *c, const json_t *now, const json_t *before, double seconds)
{
	static const char *const titles[] = {
		"PEER", "ENDPOINT", "HANDSHAKE", ">RX", ">TX", "ALLOWED IPS", NULL};
	static const char *const rate_titles[] = {"PEER", "ENDPOINT", "HANDSHAKE", ">RX", ">TX",
		">RX RATE", ">TX RATE", "ALLOWED IPS", NULL};
	struct ctl_table *t = ctl_table_create(before != NULL ? rate_titles : titles);
	const json_t *peers = json_object_get(now, "peers");
	size_t n = json_array_size(peers), lines = ctl_terminal_lines(), shown = n;
	struct row *rows = make_rows(peers, before);

	if (before != NULL)
		qsort(rows, n, sizeof(*rows), by_growth);
	/* A screen that is drawn again and again must not scroll: titles, the rest, cursor. */
	if (ctl_option(c, "watch") != NULL && lines > 3 && n > lines - 3)
		shown = lines - 3;
	for (size_t i = 0; i < shown; i++)
		peer_row(t, &rows[i], before != NULL, seconds);
	ctl_table_print(t);
	if (shown < n)
		printf("and %zu more\n", n - shown);
	if (n == 0)
		printf("No peers. wgdp-ctl add-peer %s NAME ... adds one.\n", c->args[0]);
	ctl_table_destroy(t);
	free(rows);
}

/* ---- one peer --------------------------------------------------------------------- */

/* For people: programs get the peer as the gateway tells it. Nothing where the peer just went. */
static void
add_drops(struct ctl *c, json_t *peer)
{
	const char *path[] = {
		"interfaces", c->args[0], "peers", ctl_text(peer, "name"), "drops", NULL};
	json_t *answer = NULL;
	long status;

	if (ctl_try(c, "GET", NULL, false, &answer, path, NULL, &status) != CTL_OK)
		return;
	if (status == 200)
		json_object_set(peer, "drops", json_object_get(answer, "drops"));
	json_decref(answer);
}

static int
fetch_peer(struct ctl *c, json_t **now)
{
	int rc = ctl_peer_request(c, "GET", NULL, NULL, now);

	if (rc == CTL_OK && !c->json)
		add_drops(c, *now);
	return rc;
}

static void
print_session(const json_t *session)
{
	char human[CTL_HUMAN_SIZE];

	if (!json_is_object(session)) {
		printf("session:              none\n");
		return;
	}
	printf("session:              %s, %s old, index %" PRIu64 "\n", ctl_text(session, "role"),
		ctl_human_duration(human, ctl_number(session, "age_ms") / 1000),
		ctl_number(session, "local_index"));
}

static void
print_traffic(const char *title, const json_t *p, const json_t *before, double seconds,
	const char *bytes_name, const char *packets_name)
{
	uint64_t now = ctl_number(p, bytes_name), then = ctl_number(before, bytes_name);
	char human[CTL_HUMAN_SIZE];

	printf("%-22s%s in %" PRIu64 " packets", title, ctl_human_bytes(human, now),
		ctl_number(p, packets_name));
	if (before != NULL && now >= then)
		printf(", %s", ctl_human_rate(human, now - then, seconds));
	putchar('\n');
}

/* "3 replay, 1 over_mtu"; no line without any. */
static void
print_peer_drops(const json_t *drops)
{
	bool any = false;
	json_t *item;
	size_t i;

	json_array_foreach(drops, i, item) {
		if (ctl_number(item, "packets") == 0)
			continue;
		printf("%s%" PRIu64 " %s",
			any ? ", " : "dropped:              ", ctl_number(item, "packets"),
			ctl_text(item, "reason"));
		any = true;
	}
	if (any)
		putchar('\n');
}

static void
print_peer(struct ctl *c, const json_t *p, const json_t *before, double seconds)
{
	uint64_t keepalive = ctl_number(p, "persistent_keepalive");
	char human[CTL_HUMAN_SIZE],
		*allowed = ctl_join(json_object_get(p, "allowed_ips"), SIZE_MAX);

	printf("peer:                 %s%s%s\n", ctl_tone_start(CTL_TITLE), ctl_text(p, "name"),
		ctl_tone_end(CTL_TITLE));
	printf("interface:            %s\n", ctl_text(p, "interface"));
	printf("public key:           %s\n", ctl_text(p, "public_key"));
	printf("preshared key:        %s\n",
		json_is_true(json_object_get(p, "has_preshared_key")) ? "yes" : "no");
	printf("allowed ips:          %s\n", allowed);
	printf("endpoint:             %s\n", ctl_text(p, "endpoint"));
	if (keepalive > 0)
		printf("persistent keepalive: every %" PRIu64 "s\n", keepalive);
	else
		printf("persistent keepalive: off\n");
	printf("latest handshake:     %s\n",
		ctl_human_age(human, ctl_number(p, "last_handshake_ns")));
	print_traffic("received:", p, before, seconds, "rx_bytes", "rx_packets");
	print_traffic("sent:", p, before, seconds, "tx_bytes", "tx_packets");
	print_peer_drops(json_object_get(p, "drops"));
	print_session(json_object_get(p, "session"));
	free(allowed);
}

int
ctl_show(struct ctl *c)
{
	static const struct ctl_view views[] = {
		{fetch_interfaces, print_interfaces},
		{fetch_peers, print_peers},
		{fetch_peer, print_peer},
	};

	return ctl_view(c, &views[c->n_args]);
}
