/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_pci.h>

#include "control/plan.h"

#define EAL_ARGS_OWN 20
#define EAL_ARG_SIZE 512
/* Of all peers together: an address of each family on average, and room for a few big peers. */
#define PREFIXES_PER_PEER 2
#define PREFIXES_MIN 16384

static int
copy_addresses(const char *what, const char *name, const struct ip_prefix *from, unsigned n,
	struct ip_prefix *to, uint8_t *n_to, char *err, size_t err_size)
{
	if (n > PORT_ADDR_MAX) {
		snprintf(err, err_size, "%s %s: at most %d addresses", what, name, PORT_ADDR_MAX);
		return -1;
	}
	memcpy(to, from, n * sizeof(*from));
	*n_to = (uint8_t)n;
	return 0;
}

static int
plan_ports(const struct config *config, struct port_config *out, char *err, size_t err_size)
{
	for (unsigned i = 0; i < config->n_ports; i++) {
		const struct config_port *p = &config->ports[i];

		if (strlen(p->device) >= sizeof(out[i].device)) {
			snprintf(err, err_size, "port %s: device is longer than %zu characters",
				p->name, sizeof(out[i].device) - 1);
			return -1;
		}
		snprintf(out[i].name, sizeof(out[i].name), "%s", p->name);
		snprintf(out[i].device, sizeof(out[i].device), "%s", p->device);
		out[i].mtu = p->mtu;
		if (copy_addresses("port", p->name, p->addresses, p->n_addresses, out[i].addresses,
			    &out[i].n_addresses, err, err_size) != 0)
			return -1;
	}
	return 0;
}

static int
plan_ifaces(const struct config *config, struct iface_config *out, char *err, size_t err_size)
{
	for (unsigned i = 0; i < config->n_interfaces; i++) {
		const struct config_interface *f = &config->interfaces[i];

		snprintf(out[i].name, sizeof(out[i].name), "%s", f->name);
		out[i].listen_port = f->listen_port;
		out[i].mtu = f->mtu;
		out[i].hairpin = f->hairpin;
		if (copy_addresses("interface", f->name, f->addresses, f->n_addresses,
			    out[i].addresses, &out[i].n_addresses, err, err_size) != 0)
			return -1;
	}
	return 0;
}

int
plan_dataplane(
	const struct config *config, struct dataplane_config *out, char *err, size_t err_size)
{
	const struct config_dataplane *d = &config->dataplane;
	struct port_config *ports = calloc(config->n_ports, sizeof(*ports));
	struct iface_config *ifaces = calloc(config->n_interfaces, sizeof(*ifaces));
	struct route_config *routes = calloc(config->n_routes + 1, sizeof(*routes));

	*out = (struct dataplane_config){
		.n_workers = (uint8_t)d->n_worker_lcores,
		.adaptive_idle = d->idle == CONFIG_IDLE_ADAPTIVE,
		.max_peers = d->max_peers,
		.max_prefixes = RTE_MAX(d->max_peers * PREFIXES_PER_PEER, PREFIXES_MIN),
		.ports = ports,
		.n_ports = (uint8_t)config->n_ports,
		.ifaces = ifaces,
		.n_ifaces = (uint8_t)config->n_interfaces,
		.routes = routes,
		.n_routes = config->n_routes,
	};
	snprintf(err, err_size, "out of memory");
	if (ports == NULL || ifaces == NULL || routes == NULL)
		goto fail;
	if (config->n_ports > PORT_MAX || config->n_interfaces > IFACE_MAX ||
		config->n_routes > ROUTE_MAX) {
		snprintf(err, err_size, "at most %d ports, %d interfaces and %d routes", PORT_MAX,
			IFACE_MAX, ROUTE_MAX);
		goto fail;
	}
	for (unsigned i = 0; i < d->n_worker_lcores; i++)
		out->worker_lcores[i] = i + 1;
	for (unsigned i = 0; i < config->n_routes; i++)
		routes[i] = (struct route_config){config->routes[i].to, config->routes[i].via};
	if (plan_ports(config, ports, err, err_size) == 0 &&
		plan_ifaces(config, ifaces, err, err_size) == 0)
		return 0;
fail:
	plan_free(out);
	return -1;
}

void
plan_free(struct dataplane_config *plan)
{
	free((void *)(uintptr_t)plan->ports);
	free((void *)(uintptr_t)plan->ifaces);
	free((void *)(uintptr_t)plan->routes);
	plan->ports = NULL;
	plan->ifaces = NULL;
	plan->routes = NULL;
}

/* ---- EAL ----------------------------------------------------------------------------- */

struct args {
	char **argv;
	char *text;
	int n;
};

static void __attribute__((format(printf, 2, 3))) add(struct args *a, const char *format, ...)
{
	char *slot = a->text + (size_t)a->n * EAL_ARG_SIZE;
	va_list ap;

	va_start(ap, format);
	vsnprintf(slot, EAL_ARG_SIZE, format, ap);
	va_end(ap);
	a->argv[a->n++] = slot;
}

static void
add_lcores(struct args *a, const struct config_dataplane *d)
{
	char map[EAL_ARG_SIZE];
	size_t used = (size_t)snprintf(map, sizeof(map), "0@%u", d->control_lcore);

	for (unsigned i = 0; i < d->n_worker_lcores && used < sizeof(map); i++)
		used += (size_t)snprintf(
			map + used, sizeof(map) - used, ",%u@%u", i + 1, d->worker_lcores[i]);
	add(a, "--lcores");
	add(a, "%s", map);
	add(a, "--main-lcore");
	add(a, "0");
}

/* Only the NICs that the configuration names are touched. */
static void
add_devices(struct args *a, const struct config *config)
{
	struct rte_pci_addr pci;
	char name[PCI_PRI_STR_SIZE + 1];
	bool any = false;

	for (unsigned i = 0; i < config->n_ports; i++) {
		size_t len = strcspn(config->ports[i].device, ",");

		snprintf(name, sizeof(name), "%.*s", (int)RTE_MIN(len, sizeof(name) - 1),
			config->ports[i].device);
		if (rte_pci_addr_parse(name, &pci) != 0)
			continue;
		any = true;
		add(a, "-a");
		add(a, "%s", config->ports[i].device);
	}
	if (!any)
		add(a, "--no-pci");
}

static bool
wants_telemetry(const struct config_dataplane *d)
{
	for (unsigned i = 0; i < d->n_eal_args; i++)
		if (strcmp(d->eal_args[i], "--telemetry") == 0)
			return true;
	return false;
}

char **
plan_eal_args(const struct config *config, int *argc)
{
	const struct config_dataplane *d = &config->dataplane;
	size_t max = EAL_ARGS_OWN + 2 * config->n_ports + d->n_eal_args;
	size_t pointers = (max + 1) * sizeof(char *);
	char *block = calloc(1, pointers + max * EAL_ARG_SIZE);
	struct args a = {.argv = (char **)(void *)block, .text = block + pointers};

	if (block == NULL)
		return NULL;
	add(&a, "wgdp");
	add_lcores(&a, d);
	add(&a, "-m");
	add(&a, "%u", d->memory_mb);
	/* Each instance by itself: two gateways on one machine share nothing. */
	add(&a, "--file-prefix");
	add(&a, "wgdp-%d", (int)getpid());
	if (d->hugepages)
		add(&a, "--in-memory");
	else
		add(&a, "--no-huge");
	/* Few ask; its thread and socket are two more ways in. EAL cannot take it back. */
	if (!wants_telemetry(d))
		add(&a, "--no-telemetry");
	add_devices(&a, config);
	/* DPDK's own chatter only when something is wrong; ours (log.h) from info on. */
	add(&a, "--log-level=*:warning");
	add(&a, "--log-level=user1:info");
	for (unsigned i = 0; i < d->n_eal_args; i++)
		a.argv[a.n++] = d->eal_args[i];
	*argc = a.n;
	return a.argv;
}
