/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes that only read: status, interfaces, drops, workers. */
#include "control/api_internal.h"

#include <malloc.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_mempool.h>

#include "crypto_accel/crypto_accel.h"
#include "dataplane/dataplane.h"

/* Peers that control is asked about at once: a small part of a millisecond of its time. */
#define INFO_SLICE 256

int
api_status(struct api_call *call, json_t **body, struct refusal *why)
{
	const struct management *m = call->m;
	const struct rte_mempool *pool = dataplane_pool(m->dataplane);
	uint64_t peers, sessions, now;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
	dataplane_memory(m->dataplane, &peers, &sessions);
	*body = json_pack("{ss sb sI s{ss ss} s{sI sI} s{sI sI}}", "version", WGDP_VERSION, "ready",
		m->ready, "uptime_s", (json_int_t)((now - m->started_ns) / 1000000000), "crypto",
		"aead", crypto_aead_name(), "x25519", crypto_x25519_name(), "mbufs", "total",
		(json_int_t)pool->size, "in_use", (json_int_t)rte_mempool_in_use_count(pool),
		"memory", "peers_bytes", (json_int_t)peers, "sessions_bytes", (json_int_t)sessions);
	return 200;
}

int
api_memory(struct api_call *call, json_t **body, struct refusal *why)
{
	struct mallinfo2 heap = mallinfo2();

	*body = json_pack("{sI sI}", "dpdk_bytes", (json_int_t)dataplane_allocated(), "heap_bytes",
		(json_int_t)(heap.uordblks + heap.hblkhd));
	return 200;
}

/* What the interface's present peers have received and sent. */
static void
sum_bytes(struct management *m, unsigned iface, uint64_t *rx, uint64_t *tx)
{
	const struct peer_spec *specs[INFO_SLICE] = {NULL};
	struct peer_info info[INFO_SLICE];
	uint64_t cursor = 0;
	size_t n;

	*rx = *tx = 0;
	do {
		for (n = 0; n < INFO_SLICE; n++) {
			specs[n] = registry_next(m->registry, iface, &cursor);
			if (specs[n] == NULL)
				break;
		}
		management_peer_info(m, iface, specs, info, n);
		for (size_t i = 0; i < n; i++) {
			*rx += info[i].rx_bytes;
			*tx += info[i].tx_bytes;
		}
	} while (n == INFO_SLICE);
}

/* Of the port that the default route leaves by; the first one without such a route. */
static unsigned
outer_port(const struct config *config)
{
	for (unsigned i = 0; i < config->n_routes; i++)
		if (config->routes[i].to.len == 0)
			return config->routes[i].port;
	return 0;
}

/* Where clients may reach the interface, addresses towards the default route first. */
static json_t *
endpoints_json(const struct config *config, uint16_t listen_port)
{
	unsigned outer = outer_port(config);
	char text[IP_ENDPOINT_STRLEN];
	json_t *list = json_array();

	for (unsigned i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[(outer + i) % config->n_ports];

		for (unsigned k = 0; k < port->n_addresses; k++) {
			struct ip_endpoint e = {port->addresses[k].addr, listen_port};

			json_array_append_new(list, json_string(ip_endpoint_format(text, &e)));
		}
	}
	return list;
}

static json_t *
interface_json(struct management *m, unsigned iface)
{
	const struct config_interface *config = m->ifaces[iface].config;
	json_t *addresses = json_array();
	char text[IP_PREFIX_STRLEN], key[KEY_STRLEN];
	uint64_t rx, tx;

	for (unsigned i = 0; i < config->n_addresses; i++)
		json_array_append_new(
			addresses, json_string(ip_prefix_format(text, &config->addresses[i])));
	sum_bytes(m, iface, &rx, &tx);
	return json_pack("{ss ss si si so sI sI sI so}", "name", config->name, "public_key",
		key_format(key, m->ifaces[iface].public_key), "listen_port",
		(int)config->listen_port, "mtu", (int)config->mtu, "addresses", addresses, "peers",
		(json_int_t)registry_count(m->registry, iface), "rx_bytes", (json_int_t)rx,
		"tx_bytes", (json_int_t)tx, "endpoints",
		endpoints_json(m->config, config->listen_port));
}

int
api_interfaces(struct api_call *call, json_t **body, struct refusal *why)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < call->m->n_ifaces; i++)
		json_array_append_new(list, interface_json(call->m, i));
	*body = json_pack("{so}", "interfaces", list);
	return 200;
}

int
api_interface(struct api_call *call, json_t **body, struct refusal *why)
{
	*body = interface_json(call->m, call->iface);
	return 200;
}

static void
add_drops(const struct management *m, json_t *list, const char *name, unsigned iface)
{
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		json_array_append_new(list,
			json_pack("{ss ss? sI}", "reason", drop_reason_name[r], "interface", name,
				"packets", (json_int_t)dataplane_drops(m->dataplane, r, iface)));
}

int
api_drops(struct api_call *call, json_t **body, struct refusal *why)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < call->m->n_ifaces; i++)
		add_drops(call->m, list, call->m->ifaces[i].config->name, i);
	add_drops(call->m, list, NULL, IFACE_NONE);
	*body = json_pack("{so}", "drops", list);
	return 200;
}

/* Workers write these with plain stores; each field is read once. */
static json_int_t
read_counter(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static json_t *
bursts_json(const struct worker_stats *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < BURST_CLASSES; i++)
		json_array_append_new(list, json_pack("{si sI}", "packets", 1 << i, "bursts",
						    read_counter(&s->rx_bursts[i])));
	return list;
}

int
api_workers(struct api_call *call, json_t **body, struct refusal *why)
{
	const struct dataplane *dp = call->m->dataplane;
	json_t *list = json_array();

	for (unsigned w = 0; w < dataplane_n_workers(dp); w++) {
		const struct worker_stats *s = dataplane_worker_stats(dp, w);
		json_t *stages = json_array();

		for (unsigned i = 0; i < STAGE_COUNT; i++)
			json_array_append_new(
				stages, json_pack("{ss sI sI}", "name", stage_name[i], "cycles",
						read_counter(&s->stage_cycles[i]), "packets",
						read_counter(&s->stage_packets[i])));
		json_array_append_new(list, json_pack("{si sI sI sI sI so so}", "lcore",
						    (int)dataplane_worker_lcore(dp, w),
						    "busy_cycles", read_counter(&s->busy_cycles),
						    "idle_cycles", read_counter(&s->idle_cycles),
						    "rx_packets", read_counter(&s->rx_packets),
						    "tx_packets", read_counter(&s->tx_packets),
						    "rx_bursts", bursts_json(s), "stages", stages));
	}
	*body = json_pack("{sI so}", "tsc_hz", (json_int_t)rte_get_tsc_hz(), "workers", list);
	return 200;
}
