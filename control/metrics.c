/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "control/management_state.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/dataplane.h"

/* Peers of one piece; control is asked about them at once: a part of a millisecond. */
#define SLICE 256
/* Of a peer's allowed-IPs in its label: it may have thousands. */
#define LABEL_PREFIXES 8

/* The series of a peer, one pass over all peers each: a family's samples stand together. */
enum { SENT, RECEIVED, HANDSHAKE, DROPPED, N_FAMILIES };
static const struct family {
	const char *name, *type, *help;
} families[N_FAMILIES] = {
	[SENT] = {"wireguard_sent_bytes_total", "counter", "Bytes sent to the peer."},
	[RECEIVED] = {"wireguard_received_bytes_total", "counter", "Bytes received from the peer."},
	[HANDSHAKE] = {"wireguard_latest_handshake_seconds", "gauge",
		"Time of the latest handshake with the peer, in seconds of the epoch; 0 is never."},
	[DROPPED] = {"wgdp_peer_dropped_packets_total", "counter",
		"Packets of the peer that went nowhere, by reason; without those that are 0."},
};

struct metrics {
	struct management *m;
	bool begun;
	unsigned family, n_families, iface;
	uint64_t cursor;
	char *text; /* the piece at hand */
	size_t len, cap, sent;
};

static void __attribute__((format(printf, 2, 3))) add(struct metrics *x, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (x->len + (size_t)n + 1 > x->cap) {
		x->cap = 2 * (x->len + (size_t)n + 1);
		x->text = realloc(x->text, x->cap);
		if (x->text == NULL)
			abort();
	}
	vsnprintf(x->text + x->len, x->cap - x->len, fmt, again);
	va_end(again);
	x->len += n;
}

static void
head(struct metrics *x, const char *name, const char *type, const char *help)
{
	add(x, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* ---- the gateway ------------------------------------------------------------------ */

static void
add_process(struct metrics *x)
{
	const struct management *m = x->m;
	struct rte_mempool *pool = dataplane_pool(m->dataplane);
	uint64_t peers, sessions;
	unsigned in_use = rte_mempool_in_use_count(pool);
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	dataplane_memory(m->dataplane, &peers, &sessions);
	head(x, "wgdp_info", "gauge", "Version, and the cryptography that this CPU runs.");
	add(x, "wgdp_info{version=\"%s\",aead=\"%s\",x25519=\"%s\"} 1\n", WGDP_VERSION,
		crypto_aead_name(), crypto_x25519_name());
	head(x, "wgdp_ready", "gauge", "1 when all peers of the databases are in force.");
	add(x, "wgdp_ready %d\n", m->ready);
	head(x, "wgdp_uptime_seconds", "gauge", "Since the start of the process.");
	add(x, "wgdp_uptime_seconds %.3f\n",
		ts.tv_sec + ts.tv_nsec / 1e9 - (double)m->started_ns / 1e9);
	head(x, "wgdp_mbufs", "gauge", "Packet buffers.");
	add(x, "wgdp_mbufs{state=\"used\"} %u\nwgdp_mbufs{state=\"free\"} %u\n", in_use,
		pool->size > in_use ? pool->size - in_use : 0);
	head(x, "wgdp_memory_bytes", "gauge", "Memory of what there is one of for each peer.");
	add(x,
		"wgdp_memory_bytes{of=\"peers\"} %" PRIu64
		"\nwgdp_memory_bytes{of=\"sessions\"} %" PRIu64 "\n",
		peers, sessions);
	head(x, "wgdp_peers", "gauge", "Peers of the interface.");
	for (unsigned i = 0; i < m->n_ifaces; i++)
		add(x, "wgdp_peers{interface=\"%s\"} %zu\n", m->ifaces[i].config->name,
			registry_count(m->registry, i));
}

/* All reasons, zeros included: a rate wants a series from the start. */
static void
add_drops(struct metrics *x)
{
	const struct management *m = x->m;

	head(x, "wgdp_dropped_packets_total", "counter",
		"Packets that went nowhere, by reason; interface is empty for those of none.");
	for (unsigned i = 0; i <= m->n_ifaces; i++) {
		const char *name = i < m->n_ifaces ? m->ifaces[i].config->name : "";
		unsigned iface = i < m->n_ifaces ? i : IFACE_NONE;

		for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
			add(x,
				"wgdp_dropped_packets_total{interface=\"%s\",reason=\"%s\"} "
				"%" PRIu64 "\n",
				name, drop_reason_name[r], dataplane_drops(m->dataplane, r, iface));
	}
}

/* Workers write these with plain stores; each field is read once. */
static uint64_t
read_counter(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void
add_workers(struct metrics *x)
{
	const struct dataplane *dp = x->m->dataplane;
	unsigned n = dataplane_n_workers(dp);

	head(x, "wgdp_tsc_hertz", "gauge", "Cycles a second, of all cycles here.");
	add(x, "wgdp_tsc_hertz %" PRIu64 "\n", rte_get_tsc_hz());
	head(x, "wgdp_worker_cycles_total", "counter",
		"Cycles of loop turns with work (busy) and of all others, naps included (idle).");
	for (unsigned w = 0; w < n; w++) {
		const struct worker_stats *s = dataplane_worker_stats(dp, w);
		unsigned lcore = dataplane_worker_lcore(dp, w);

		add(x, "wgdp_worker_cycles_total{lcore=\"%u\",state=\"busy\"} %" PRIu64 "\n", lcore,
			read_counter(&s->busy_cycles));
		add(x, "wgdp_worker_cycles_total{lcore=\"%u\",state=\"idle\"} %" PRIu64 "\n", lcore,
			read_counter(&s->idle_cycles));
	}
	head(x, "wgdp_worker_packets_total", "counter", "Packets that the worker moved at ports.");
	for (unsigned w = 0; w < n; w++) {
		const struct worker_stats *s = dataplane_worker_stats(dp, w);
		unsigned lcore = dataplane_worker_lcore(dp, w);

		add(x, "wgdp_worker_packets_total{lcore=\"%u\",direction=\"rx\"} %" PRIu64 "\n",
			lcore, read_counter(&s->rx_packets));
		add(x, "wgdp_worker_packets_total{lcore=\"%u\",direction=\"tx\"} %" PRIu64 "\n",
			lcore, read_counter(&s->tx_packets));
	}
}

static void
add_stages(struct metrics *x, const char *name, const char *help, bool cycles)
{
	const struct dataplane *dp = x->m->dataplane;

	head(x, name, "counter", help);
	for (unsigned w = 0; w < dataplane_n_workers(dp); w++) {
		const struct worker_stats *s = dataplane_worker_stats(dp, w);
		const uint64_t *counters = cycles ? s->stage_cycles : s->stage_packets;

		for (unsigned i = 0; i < STAGE_COUNT; i++)
			add(x, "%s{lcore=\"%u\",stage=\"%s\"} %" PRIu64 "\n", name,
				dataplane_worker_lcore(dp, w), stage_name[i],
				read_counter(&counters[i]));
	}
}

static void
add_ports(struct metrics *x)
{
	static const struct {
		const char *name, *help;
		size_t offset; /* in struct rte_eth_stats, a uint64_t */
	} counters[] = {
		{"wgdp_port_received_bytes_total",
			"Bytes received at the port, as its driver counts.",
			offsetof(struct rte_eth_stats, ibytes)},
		{"wgdp_port_sent_bytes_total", "Bytes sent at the port, as its driver counts.",
			offsetof(struct rte_eth_stats, obytes)},
		{"wgdp_port_received_packets_total", "Packets received at the port.",
			offsetof(struct rte_eth_stats, ipackets)},
		{"wgdp_port_sent_packets_total", "Packets sent at the port.",
			offsetof(struct rte_eth_stats, opackets)},
		{"wgdp_port_missed_packets_total",
			"Packets that the NIC dropped because no worker took them in time.",
			offsetof(struct rte_eth_stats, imissed)},
		{"wgdp_port_receive_errors_total", "Packets that the port received broken.",
			offsetof(struct rte_eth_stats, ierrors)},
	};
	struct ports *ports = dataplane_ports(x->m->dataplane);
	struct rte_eth_stats stats[PORT_MAX];
	bool known[PORT_MAX];

	head(x, "wgdp_port_up", "gauge", "1 while the port has a link.");
	for (unsigned i = 0; i < ports->n; i++) {
		const struct port *port = &ports->port[i];

		known[i] = rte_eth_stats_get(port->dpdk_id, &stats[i]) == 0;
		add(x, "wgdp_port_up{port=\"%s\"} %d\n", port->name, atomic_load(&port->link_up));
	}
	for (unsigned k = 0; k < sizeof(counters) / sizeof(counters[0]); k++) {
		head(x, counters[k].name, "counter", counters[k].help);
		for (unsigned i = 0; i < ports->n; i++)
			if (known[i])
				add(x, "%s{port=\"%s\"} %" PRIu64 "\n", counters[k].name,
					ports->port[i].name,
					*(const uint64_t *)((const char *)&stats[i] +
							    counters[k].offset));
	}
}

static void
add_gateway(struct metrics *x)
{
	add_process(x);
	add_drops(x);
	add_workers(x);
	add_stages(
		x, "wgdp_worker_stage_cycles_total", "Cycles by stage of the packet path.", true);
	add_stages(x, "wgdp_worker_stage_packets_total", "Packets by stage of the packet path.",
		false);
	add_ports(x);
}

/* ---- peers ------------------------------------------------------------------------ */

static uint64_t
value_of(const struct metrics *x, const struct peer_info *info)
{
	switch (x->family) {
	case SENT:
		return info->tx_bytes;
	case RECEIVED:
		return info->rx_bytes;
	default:
		return info->last_handshake_ns / 1000000000;
	}
}

/* The sample's name and labels; more of them may follow. Nothing in them would want an escape. */
static void
add_labels(struct metrics *x, const struct peer_spec *spec)
{
	char key[KEY_STRLEN], prefix[IP_PREFIX_STRLEN];
	unsigned n = spec->n < LABEL_PREFIXES ? spec->n : LABEL_PREFIXES;

	add(x, "%s{interface=\"%s\",public_key=\"%s\",friendly_name=\"%s\",allowed_ips=\"",
		families[x->family].name, x->m->ifaces[x->iface].config->name,
		key_format(key, spec->public_key), spec->name);
	for (unsigned i = 0; i < n; i++)
		add(x, "%s%s", i > 0 ? "," : "", ip_prefix_format(prefix, &spec->allowed_ips[i]));
	add(x, "%s\"", n < spec->n ? ",..." : "");
}

static void
add_dropped(struct metrics *x, const struct peer_spec *const *specs, size_t n)
{
	struct peer_drop_info drops[SLICE];

	management_peer_drops(x->m, x->iface, specs, drops, n);
	for (size_t i = 0; i < n; i++) {
		for (unsigned r = 0; r < PEER_DROP_COUNT; r++) {
			if (drops[i].packets[r] == 0)
				continue;
			add_labels(x, specs[i]);
			add(x, ",reason=\"%s\"} %" PRIu64 "\n",
				drop_reason_name[peer_drop_reason[r]], drops[i].packets[r]);
		}
	}
}

static void
add_peers(struct metrics *x, const struct peer_spec *const *specs, size_t n)
{
	struct peer_info info[SLICE];

	management_peer_info(x->m, x->iface, specs, info, n);
	for (size_t i = 0; i < n; i++) {
		add_labels(x, specs[i]);
		add(x, "} %" PRIu64 "\n", value_of(x, &info[i]));
	}
}

/* False when all families are done. */
static bool
add_slice(struct metrics *x)
{
	const struct peer_spec *specs[SLICE];
	size_t n = 0;

	if (x->family == x->n_families)
		return false;
	if (x->iface == 0 && x->cursor == 0)
		head(x, families[x->family].name, families[x->family].type,
			families[x->family].help);
	while (n < SLICE && x->iface < x->m->n_ifaces &&
		(specs[n] = registry_next(x->m->registry, x->iface, &x->cursor)) != NULL)
		n++;
	if (x->family == DROPPED)
		add_dropped(x, specs, n);
	else
		add_peers(x, specs, n);
	if (n == SLICE && x->len == 0)
		add(x, "\n"); /* nothing to tell of them, and still others get their turn */
	if (n == SLICE)
		return true;
	x->iface++;
	x->cursor = 0;
	if (x->iface >= x->m->n_ifaces) {
		x->iface = 0;
		x->family++;
	}
	return true;
}

/* ---- reading ---------------------------------------------------------------------- */

struct metrics *
metrics_open(struct management *m, bool peers)
{
	struct metrics *x = calloc(1, sizeof(*x));

	if (x == NULL)
		abort();
	x->m = m;
	x->n_families = peers ? N_FAMILIES : 0;
	return x;
}

size_t
metrics_read(struct metrics *x, char *buf, size_t max)
{
	size_t n;

	/* A slice may be empty: an interface without peers. */
	while (x->sent == x->len) {
		x->sent = x->len = 0;
		if (!x->begun)
			add_gateway(x);
		else if (!add_slice(x))
			return 0;
		x->begun = true;
	}
	n = x->len - x->sent < max ? x->len - x->sent : max;
	memcpy(buf, x->text + x->sent, n);
	x->sent += n;
	return n;
}

void
metrics_close(struct metrics *x)
{
	free(x->text);
	free(x);
}
