/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/blast.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <rte_pause.h>

#include "dataplane/clock.h"
#include "tests/pktgen/receive.h"

#define RESOLVE_NS (5 * NS_PER_SEC)
#define ASK_EVERY_NS (200 * NS_PER_MS)
#define UPKEEP_EVERY_NS (500 * NS_PER_MS)
#define IDLE_TURNS 200 /* before it naps */
#define NAP_NS 50000
#define LEARN_RATE 10 /* packets a second */
#define REKEY_QUEUE 64 /* clients kept waiting for their turn */

volatile bool blast_stop;

/* ---- the loop ------------------------------------------------------------------- */

/* As clients do: rekey in time, and answer data by keepalives when there is nothing else. */
static void
upkeep(struct blast *b, uint64_t now_ns)
{
	for (unsigned i = 0; i < b->options->clients; i++) {
		struct client *c = &b->clients[i];
		const struct session *s = client_session(c, now_ns);

		if (s == NULL)
			continue;
		if (now_ns - s->born_ns >= REKEY_AFTER_TIME_NS && !b->staying)
			handshaker_add(&b->handshaker, c);
		if (c->last_received_ns > c->last_sent_ns &&
			now_ns - c->last_sent_ns >= KEEPALIVE_TIMEOUT_NS)
			handshaker_keepalive(&b->handshaker, c, now_ns);
		if (wire_space(&b->wan) < WIRE_QUEUE / 2)
			wire_flush(&b->wan);
	}
	b->upkeep_ns = now_ns + UPKEEP_EVERY_NS;
}

static void
rekey_on_request(struct blast *b)
{
	if (b->options->rekey_rate <= 0)
		return;
	for (unsigned i = 0; i < REKEY_QUEUE && b->handshaker.n_queued < REKEY_QUEUE; i++) {
		handshaker_add(&b->handshaker, &b->clients[b->rekey_next]);
		b->rekey_next = (b->rekey_next + 1) % b->options->clients;
	}
}

static void
rest(struct blast *b, bool busy)
{
	struct timespec nap = {.tv_nsec = NAP_NS};

	b->idle_turns = busy ? 0 : b->idle_turns + 1;
	if (b->idle_turns < IDLE_TURNS || b->options->poll)
		rte_pause();
	else
		nanosleep(&nap, NULL);
}

void
blast_turn(struct blast *b)
{
	uint64_t now_ns = dp_now_ns();
	bool busy = receive_wan(&b->traffic, &b->handshaker) > 0;

	if (b->has_lan)
		busy |= receive_lan(&b->traffic) > 0;
	if (now_ns >= b->upkeep_ns)
		upkeep(b, now_ns);
	if (b->sending) {
		rekey_on_request(b);
		busy |= traffic_turn(&b->traffic, dp_now_ns()) > 0;
	}
	busy |= handshaker_turn(&b->handshaker, now_ns);
	wire_flush(&b->wan);
	if (b->has_lan)
		wire_flush(&b->lan);
	rest(b, busy);
}

/* ---- phases ----------------------------------------------------------------------- */

int
blast_resolve(struct blast *b, char *err, size_t err_size)
{
	struct wire *wires[] = {&b->wan, &b->lan};
	uint64_t end_ns = dp_now_ns() + RESOLVE_NS;

	for (unsigned i = 0; i < (b->has_lan ? 2U : 1U); i++) {
		struct station *s = &wires[i]->station;
		uint64_t ask_ns = 0;
		char address[IP_ADDR_STRLEN];

		while (!s->resolved && !blast_stop && dp_now_ns() < end_ns) {
			if (dp_now_ns() >= ask_ns) {
				wire_ask(wires[i]);
				ask_ns = dp_now_ns() + ASK_EVERY_NS;
			}
			blast_turn(b);
		}
		if (s->resolved)
			continue;
		snprintf(err, err_size, "no answer from %s on %s: is the server up?",
			ip_addr_format(address, &s->neighbour),
			i == 0 ? b->options->wan.device : b->options->lan.device);
		return -1;
	}
	return 0;
}

void
blast_handshakes(struct blast *b)
{
	uint64_t start_ns;

	report_progress(b, "handshakes", true);
	for (unsigned i = 0; b->options->handshakes_ahead && i < b->options->clients; i++) {
		handshaker_make_ahead(&b->handshaker, &b->clients[i]);
		if (i % 8 == 0)
			blast_turn(b);
	}
	start_ns = dp_now_ns();
	handshaker_set_rate(&b->handshaker, b->options->handshake_rate, start_ns);
	for (unsigned i = 0; i < b->options->clients; i++)
		handshaker_add(&b->handshaker, &b->clients[i]);
	while (!handshaker_idle(&b->handshaker) && !blast_stop) {
		/* Those that have not even begun give up as well. */
		if ((double)(dp_now_ns() - start_ns) / 1e9 > b->options->handshake_timeout)
			handshaker_give_up(&b->handshaker);
		blast_turn(b);
		report_progress(b, "handshakes", false);
	}
	if (b->handshaker.done > 0)
		b->handshake_seconds = (double)(b->handshaker.last_done_ns - start_ns) / 1e9;
}

static void
drain(struct blast *b)
{
	const struct results *r = &b->traffic.results;
	uint64_t end_ns = dp_now_ns() + b->options->drain_ms * NS_PER_MS;

	while (r->received < r->sent && dp_now_ns() < end_ns && !blast_stop)
		blast_turn(b);
}

/* Seals, sends for the duration, waits for the rest. */
static int
run_once(struct blast *b, double rate)
{
	struct traffic *t = &b->traffic;
	struct results *runs;
	uint64_t start_ns, end_ns, n = options_packets(b->options, rate);

	traffic_begin(t, rate);
	while (b->options->ahead && !blast_stop && traffic_seal_ahead(t, n))
		blast_turn(b);
	report_progress(b, "data", true);
	start_ns = dp_now_ns();
	end_ns = start_ns + (uint64_t)(b->options->duration * 1e9);
	traffic_start(t, start_ns);
	b->sending = true;
	while (!blast_stop && dp_now_ns() < end_ns &&
		!(b->options->ahead && t->next_ahead == t->n_ahead)) {
		blast_turn(b);
		report_progress(b, "data", false);
	}
	b->sending = false;
	t->results.seconds = (double)(dp_now_ns() - start_ns) / 1e9;
	traffic_stop(t);
	drain(b);
	runs = realloc(b->runs, (b->n_runs + 1) * sizeof(*runs));
	if (runs == NULL)
		return -1;
	b->runs = runs;
	b->runs[b->n_runs++] = t->results;
	return 0;
}

bool
blast_run_is_clean(const struct blast *b, const struct results *r)
{
	return r->sent > 0 &&
	       (double)results_lost(r) <= (double)r->sent * b->options->tolerance / 100 &&
	       r->damaged == 0 && r->misdelivered == 0 && r->duplicates == 0;
}

static int
search(struct blast *b)
{
	const struct results *r;

	ndr_start(&b->ndr, b->options->rate, b->options->resolution / 100);
	do {
		if (run_once(b, b->ndr.next) != 0)
			return -1;
		r = &b->runs[b->n_runs - 1];
	} while (!blast_stop &&
		 ndr_step(&b->ndr, (double)r->sent / r->seconds, blast_run_is_clean(b, r)));
	return 0;
}

/*
 * The gateway must know the LAN host's MAC before packets are counted, as
 * RFC 2544, section 23, sends learning frames before each trial. What of
 * them is lost, is not held against it.
 */
static void
learn(struct blast *b)
{
	struct traffic *t = &b->traffic;
	uint64_t start_ns = dp_now_ns();

	traffic_begin(t, LEARN_RATE);
	while (b->options->ahead && traffic_seal_ahead(t, LEARN_RATE))
		continue;
	traffic_start(t, start_ns);
	b->sending = true;
	while (t->results.received == 0 && dp_now_ns() - start_ns < NS_PER_SEC && !blast_stop)
		blast_turn(b);
	b->sending = false;
	traffic_stop(t);
	drain(b);
}

int
blast_traffic(struct blast *b)
{
	enum traffic_kind kind = b->options->traffic;

	if (kind == TRAFFIC_NONE)
		return 0;
	if (kind == TRAFFIC_UP || kind == TRAFFIC_BOTH)
		learn(b);
	if (b->options->rekey_rate > 0)
		handshaker_set_rate(&b->handshaker, b->options->rekey_rate, dp_now_ns());
	return b->options->ndr ? search(b) : run_once(b, b->options->rate);
}

void
blast_stay(struct blast *b)
{
	uint64_t end_ns = dp_now_ns() + (uint64_t)(b->options->stay * 1e9);

	if (b->options->stay <= 0)
		return;
	b->staying = true;
	report_progress(b, "staying", true);
	while (dp_now_ns() < end_ns && !blast_stop) {
		blast_turn(b);
		report_progress(b, "staying", false);
	}
}
