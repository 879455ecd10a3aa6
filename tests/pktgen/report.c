/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include <jansson.h>

#include "crypto_accel/crypto_accel.h"
#include "dataplane/clock.h"
#include "tests/pktgen/blast.h"

/* ---- while it runs --------------------------------------------------------------- */

static struct {
	uint64_t next_ns, last_ns, sent, received, bytes, done;
} seen;

static void
progress_line(const struct blast *b, const char *what, uint64_t now_ns)
{
	const struct results *r = &b->traffic.results;
	const struct handshaker *h = &b->handshaker;
	double s = (double)(now_ns - seen.last_ns) / 1e9;

	if (b->sending)
		fprintf(stderr,
			"%s: sent %.4f Mpps, received %.4f Mpps %.3f Gbit/s, in flight or lost "
			"%llu, p99 %.0f us\n",
			what, (double)(r->sent - seen.sent) / s / 1e6,
			(double)(r->received - seen.received) / s / 1e6,
			(double)(r->received_bytes - seen.bytes) * 8 / s / 1e9,
			(unsigned long long)results_lost(r),
			(double)histogram_percentile(&r->latency, 99) / 1e3);
	else
		fprintf(stderr,
			"%s: %llu done, %.0f/s, %u unanswered, %u to begin or repeat, %llu "
			"failed\n",
			what, (unsigned long long)h->done, (double)(h->done - seen.done) / s,
			h->n_unanswered, h->n_queued + h->n_waiting - h->n_unanswered,
			(unsigned long long)h->failed);
}

void
report_progress(struct blast *b, const char *what, bool begin)
{
	uint64_t now_ns = dp_now_ns(), every_ns = (uint64_t)(b->options->progress * 1e9);
	const struct results *r = &b->traffic.results;

	if (every_ns == 0 || (!begin && now_ns < seen.next_ns))
		return;
	if (!begin)
		progress_line(b, what, now_ns);
	seen.next_ns = now_ns + every_ns;
	seen.last_ns = now_ns;
	seen.sent = r->sent;
	seen.received = r->received;
	seen.bytes = r->received_bytes;
	seen.done = b->handshaker.done;
}

/* ---- the figures, for both kinds of report ------------------------------------------ */

static double
per_second(uint64_t n, double seconds)
{
	return seconds > 0 ? (double)n / seconds : 0;
}

static double
loss_percent(const struct results *r)
{
	return r->sent > 0 ? 100.0 * (double)results_lost(r) / (double)r->sent : 0;
}

static json_t *
json_latency(const struct histogram *h)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "min", (double)h->min / 1e3, "mean",
		(double)histogram_mean(h) / 1e3, "p50", (double)histogram_percentile(h, 50) / 1e3,
		"p90", (double)histogram_percentile(h, 90) / 1e3, "p99",
		(double)histogram_percentile(h, 99) / 1e3, "p999",
		(double)histogram_percentile(h, 99.9) / 1e3, "max", (double)h->max / 1e3);
}

static json_t *
json_handshakes(const struct blast *b)
{
	const struct handshaker *h = &b->handshaker;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:o}", "done",
		(json_int_t)h->done, "failed", (json_int_t)h->failed, "initiations",
		(json_int_t)h->initiations, "retries", (json_int_t)h->retries, "cookies",
		(json_int_t)h->cookies, "rejected", (json_int_t)h->rejected, "seconds",
		b->handshake_seconds, "per_second",
		per_second(RTE_MIN(h->done, (uint64_t)b->options->clients), b->handshake_seconds),
		"latency_us", json_latency(&h->latency), "total_us", json_latency(&h->total));
}

static json_t *
json_run(const struct results *r)
{
	json_t *loss = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "lost",
		(json_int_t)results_lost(r), "reordered", (json_int_t)r->reordered, "duplicates",
		(json_int_t)r->duplicates, "too_late", (json_int_t)r->too_late, "damaged",
		(json_int_t)r->damaged, "misdelivered", (json_int_t)r->misdelivered, "foreign",
		(json_int_t)r->foreign, "missed", (json_int_t)r->missed, "no_session",
		(json_int_t)r->no_session, "loss_percent", loss_percent(r));
	json_t *run = json_pack("{s:f, s:f, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:o}", "rate",
		r->rate, "seconds", r->seconds, "sent", (json_int_t)r->sent, "received",
		(json_int_t)r->received, "sent_bytes", (json_int_t)r->sent_bytes, "received_bytes",
		(json_int_t)r->received_bytes, "sent_mpps", per_second(r->sent, r->seconds) / 1e6,
		"received_mpps", per_second(r->received, r->seconds) / 1e6, "sent_gbps",
		per_second(r->sent_bytes, r->seconds) * 8 / 1e9, "received_gbps",
		per_second(r->received_bytes, r->seconds) * 8 / 1e9, "latency_us",
		json_latency(&r->latency));

	json_object_update(run, loss);
	json_decref(loss);
	return run;
}

static json_t *
json_wire(const struct wire *w)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "tx_frames", (json_int_t)w->tx_frames,
		"tx_bytes", (json_int_t)w->tx_bytes, "rx_frames", (json_int_t)w->rx_frames,
		"rx_bytes", (json_int_t)w->rx_bytes, "no_mbuf", (json_int_t)w->no_mbuf);
}

static json_t *
json_counters(const struct blast *b)
{
	const struct traffic *t = &b->traffic;
	const struct rx_counters *c = &t->counters;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"handshakes_answered", (json_int_t)b->handshaker.answered, "tx_data",
		(json_int_t)t->tx_data, "tx_data_bytes", (json_int_t)t->tx_data_bytes,
		"tx_keepalives", (json_int_t)b->handshaker.keepalives, "rx_data",
		(json_int_t)c->data, "rx_data_bytes", (json_int_t)c->data_bytes, "rx_keepalives",
		(json_int_t)c->keepalives, "auth_failed", (json_int_t)c->auth_failed, "replayed",
		(json_int_t)c->replayed, "unknown_index", (json_int_t)c->unknown_index,
		"initiations_ignored", (json_int_t)c->initiations_ignored, "frame_damaged",
		(json_int_t)c->frame_damaged, "udp_other", (json_int_t)c->udp_other, "misaddressed",
		(json_int_t)c->misaddressed);
}

static void
report_json(const struct blast *b)
{
	json_t *all = json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "version", WGDP_VERSION, "aead",
		crypto_aead_name(), "clients", (json_int_t)b->options->clients, "handshakes",
		json_handshakes(b), "counters", json_counters(b), "port", json_wire(&b->wan));
	json_t *runs = json_array();

	for (unsigned i = 0; i < b->n_runs; i++)
		json_array_append_new(runs, json_run(&b->runs[i]));
	json_object_set_new(all, "runs", runs);
	if (b->has_lan)
		json_object_set_new(all, "lan_port", json_wire(&b->lan));
	if (b->options->ndr)
		json_object_set_new(all, "ndr",
			json_pack("{s:f, s:i, s:f, s:b}", "pps", b->ndr.passed, "trials",
				(int)b->ndr.trials, "resolution_percent", b->options->resolution,
				"generator_limited", (int)b->ndr.limited));
	json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	printf("\n");
	json_decref(all);
}

/* ---- for people ------------------------------------------------------------------------ */

static void
print_latency(const char *what, const struct histogram *h)
{
	if (h->count > 0)
		printf("  %s, us: min %.1f, p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\n",
			what, (double)h->min / 1e3, (double)histogram_percentile(h, 50) / 1e3,
			(double)histogram_percentile(h, 90) / 1e3,
			(double)histogram_percentile(h, 99) / 1e3,
			(double)histogram_percentile(h, 99.9) / 1e3, (double)h->max / 1e3);
}

static void
print_run(const struct blast *b, const struct results *r)
{
	printf("run of %.2f s at %.6g packets/s%s\n", r->seconds, r->rate,
		b->options->ahead ? ", sealed ahead" : "");
	printf("  sent %llu (%.4f Mpps, %.3f Gbit/s), received %llu (%.4f Mpps, %.3f Gbit/s)\n",
		(unsigned long long)r->sent, per_second(r->sent, r->seconds) / 1e6,
		per_second(r->sent_bytes, r->seconds) * 8 / 1e9, (unsigned long long)r->received,
		per_second(r->received, r->seconds) / 1e6,
		per_second(r->received_bytes, r->seconds) * 8 / 1e9);
	printf("  lost %llu (%.4f %%), reordered %llu, duplicates %llu, damaged %llu, "
	       "misdelivered %llu, too late %llu, foreign %llu\n",
		(unsigned long long)results_lost(r), loss_percent(r),
		(unsigned long long)r->reordered, (unsigned long long)r->duplicates,
		(unsigned long long)r->damaged, (unsigned long long)r->misdelivered,
		(unsigned long long)r->too_late, (unsigned long long)r->foreign);
	if (r->missed > 0 || r->no_session > 0)
		printf("  never sent: %llu because the generator was late, %llu without session\n",
			(unsigned long long)r->missed, (unsigned long long)r->no_session);
	print_latency("latency", &r->latency);
}

static void
report_text(const struct blast *b)
{
	const struct handshaker *h = &b->handshaker;
	const struct rx_counters *c = &b->traffic.counters;

	printf("handshakes: %llu done, %llu failed; %llu initiations (%llu repeated), %llu "
	       "cookies, "
	       "%llu answers rejected\n",
		(unsigned long long)h->done, (unsigned long long)h->failed,
		(unsigned long long)h->initiations, (unsigned long long)h->retries,
		(unsigned long long)h->cookies, (unsigned long long)h->rejected);
	printf("  the first of all clients took %.3f s: %.0f/s\n", b->handshake_seconds,
		per_second(RTE_MIN(h->done, (uint64_t)b->options->clients), b->handshake_seconds));
	print_latency("response", &h->latency);
	for (unsigned i = 0; i < b->n_runs; i++)
		print_run(b, &b->runs[i]);
	if (b->options->ndr)
		printf("highest rate without loss: %.0f packets/s, after %u trials%s\n",
			b->ndr.passed, b->ndr.trials,
			b->ndr.limited ? "; the generator reached no more" : "");
	printf("tunnels: sent %llu data, %llu keepalives; received %llu data, %llu keepalives\n",
		(unsigned long long)b->traffic.tx_data, (unsigned long long)h->keepalives,
		(unsigned long long)c->data, (unsigned long long)c->keepalives);
	printf("  refused: %llu unauthentic, %llu replayed, %llu unknown index, %llu damaged, "
	       "%llu misaddressed, %llu initiations of the server; %llu of those answered\n",
		(unsigned long long)c->auth_failed, (unsigned long long)c->replayed,
		(unsigned long long)c->unknown_index, (unsigned long long)c->frame_damaged,
		(unsigned long long)c->misaddressed, (unsigned long long)c->initiations_ignored,
		(unsigned long long)h->answered);
}

void
report(const struct blast *b)
{
	if (b->options->json)
		report_json(b);
	else
		report_text(b);
}
