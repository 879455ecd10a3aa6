/* SPDX-License-Identifier: BSD-3-Clause */
/* wg-blast: plays many WireGuard clients. Ordered start-up, and the same unwound in reverse. */
#include <ctype.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "app/runtime_dir.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/checksum.h"
#include "dataplane/clock.h"
#include "dataplane/port.h"
#include "tests/pktgen/blast.h"
#include "tests/pktgen/peers_file.h"

#define ERR_SIZE 512
#define MBUFS 16384
#define MBUF_CACHE 256
#define MEMORY_BASE_MB 128

static void
on_signal(int signal_number)
{
	blast_stop = true;
}

static int
write_peers(const struct options *o, const struct client *clients, char *err)
{
	if (o->yaml != NULL &&
		peers_file_write(o->yaml, PEERS_YAML, clients, o->clients, err, ERR_SIZE) != 0)
		return EXIT_FAILURE;
	if (o->wg != NULL &&
		peers_file_write(o->wg, PEERS_WG, clients, o->clients, err, ERR_SIZE) != 0)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

/* ---- DPDK ------------------------------------------------------------------------ */

static bool
is_pci(const char *device)
{
	return device != NULL && isxdigit((unsigned char)device[0]) && strchr(device, ':') != NULL;
}

/* EAL keeps pointers to its arguments. */
static struct {
	char text[16][300];
	char *argv[16];
	int n;
} eal;

static void __attribute__((format(printf, 1, 2))) add(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(eal.text[eal.n], sizeof(eal.text[0]), fmt, ap);
	va_end(ap);
	eal.argv[eal.n] = eal.text[eal.n];
	eal.n++;
}

static uint64_t
memory_mb(const struct options *o)
{
	uint64_t ahead = o->ahead ? options_packets(o, o->rate) : 0;

	if (o->memory_mb != 0)
		return o->memory_mb;
	return MEMORY_BASE_MB + (traffic_memory(o, ahead) >> 20) +
	       (MBUFS * (port_mbuf_room(o->mtu) + 512ULL) >> 20);
}

static int
start_eal(const struct options *o, char *err)
{
	bool pci = is_pci(o->wan.device) || is_pci(o->lan.device);

	add("wg-blast");
	add("--lcores");
	if (o->lcore >= 0)
		add("0@%d", o->lcore);
	else
		add("0@(0-%ld)", sysconf(_SC_NPROCESSORS_ONLN) - 1);
	add("-m");
	add("%llu", (unsigned long long)memory_mb(o));
	/* As the gateway names its own: whichever comes next removes what a killed one left. */
	add("--file-prefix");
	add("wgdp-%d", (int)getpid());
	add(o->hugepages ? "--in-memory" : "--no-huge");
	add("--log-level=*:warning");
	if (!pci)
		add("--no-pci");
	for (unsigned i = 0; i < 2; i++) {
		const char *device = i == 0 ? o->wan.device : o->lan.device;

		if (is_pci(device)) {
			add("-a");
			add("%s", device);
		}
	}
	runtime_dir_sweep();
	if (rte_eal_init(eal.n, eal.argv) >= 0) {
		dp_clock_init();
		return 0;
	}
	snprintf(err, ERR_SIZE, "DPDK could not be initialised with %llu MB (%s)",
		(unsigned long long)memory_mb(o), rte_strerror(rte_errno));
	return -1;
}

static void
describe_port(struct port_config *c, const char *name, const struct attachment *a, unsigned mtu)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->device, sizeof(c->device), "%s", a->device);
	c->mtu = mtu;
	c->addresses[0] = a->address;
	c->n_addresses = 1;
}

static int
open_ports(const struct options *o, struct ports *ports, struct rte_mempool **pool, char *err)
{
	struct port_config configs[2];
	unsigned n = o->lan.device != NULL ? 2 : 1;

	*pool = rte_pktmbuf_pool_create(
		"packets", MBUFS, MBUF_CACHE, 0, port_mbuf_room(o->mtu), SOCKET_ID_ANY);
	if (*pool == NULL) {
		snprintf(err, ERR_SIZE, "no memory for packets (%s): raise --memory-mb",
			rte_strerror(rte_errno));
		return -1;
	}
	describe_port(&configs[0], "clients", &o->wan, o->mtu);
	if (n == 2)
		describe_port(&configs[1], "lan", &o->lan, o->mtu);
	if (ports_open(ports, configs, n, 1, *pool, err, ERR_SIZE) == 0)
		return 0;
	rte_mempool_free(*pool);
	return -1;
}

/* ---- the run ------------------------------------------------------------------------ */

static void
init_blast(struct blast *b, const struct options *o, struct client *clients,
	const struct ports *ports, struct rte_mempool *pool)
{
	memset(b, 0, sizeof(*b));
	b->options = o;
	b->clients = clients;
	wire_init(&b->wan, &ports->port[0], pool, &o->wan);
	b->wan.station.first = clients[0].source.addr;
	b->wan.station.n_addresses = o->n_sources;
	b->has_lan = ports->n > 1;
	if (b->has_lan)
		wire_init(&b->lan, &ports->port[1], pool, &o->lan);
	handshaker_init(&b->handshaker, o, &b->wan);
}

static int
verdict(const struct blast *b)
{
	const struct options *o = b->options;

	if (b->handshaker.done < o->clients || b->handshaker.failed > 0 || blast_stop)
		return EXIT_FAILURE;
	if (o->ndr)
		return b->ndr.passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (o->strict && b->n_runs > 0 && !blast_run_is_clean(b, &b->runs[0]))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

static int
run(const struct options *o, struct client *clients, const struct ports *ports,
	struct rte_mempool *pool, char *err)
{
	static struct blast b;
	int rc = EXIT_FAILURE;

	init_blast(&b, o, clients, ports, pool);
	if (traffic_init(&b.traffic, o, clients, &b.wan, b.has_lan ? &b.lan : NULL, err,
		    ERR_SIZE) == 0 &&
		blast_resolve(&b, err, ERR_SIZE) == 0) {
		blast_handshakes(&b);
		if (b.handshaker.done > 0 && blast_traffic(&b) != 0)
			snprintf(err, ERR_SIZE, "out of memory");
		if (b.handshaker.done > 0)
			blast_stay(&b);
		report(&b);
		rc = err[0] == '\0' ? verdict(&b) : EXIT_FAILURE;
	}
	rte_pktmbuf_free_bulk(b.wan.queue, b.wan.queued);
	rte_pktmbuf_free_bulk(b.lan.queue, b.lan.queued);
	traffic_fini(&b.traffic);
	free(b.runs);
	return rc;
}

static int
run_on_ports(const struct options *o, struct client *clients, char *err)
{
	struct rte_mempool *pool;
	struct ports ports;
	int rc = EXIT_FAILURE;

	if (start_eal(o, err) != 0)
		return EXIT_FAILURE;
	if (open_ports(o, &ports, &pool, err) == 0) {
		rc = run(o, clients, &ports, pool, err);
		ports_close(&ports);
		rte_mempool_free(pool);
	}
	rte_eal_cleanup();
	runtime_dir_remove();
	return rc;
}

int
main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct client *clients = NULL;
	struct options o;
	char err[ERR_SIZE] = "";
	int rc = options_parse(&o, argc, argv);

	if (rc >= 0)
		return rc;
	rc = EXIT_FAILURE;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	checksum_init();
	if (crypto_init(err, sizeof(err)) == 0)
		clients = clients_create(&o, err, sizeof(err));
	if (clients != NULL)
		rc = o.run ? run_on_ports(&o, clients, err) : write_peers(&o, clients, err);
	clients_destroy(clients, o.clients);
	if (err[0] != '\0')
		fprintf(stderr, "wg-blast: %s\n", err);
	return rc;
}
