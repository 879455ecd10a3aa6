/* SPDX-License-Identifier: BSD-3-Clause */
/* What several values of wgdp.yaml must be together, and on this machine. */
#include "control/config_schema.h"

#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* What the checks hand through: the tree for the lines, and where the error goes. */
struct rules {
	const struct ynode *root;
	struct config *c;
	char *err;
	size_t err_size;
};

#define FAIL(r, section, item, key, member, ...) \
	config_error((r)->root, (r)->c, \
		&(struct config_place){(section), (item), (key), (member)}, (r)->err, \
		(r)->err_size, __VA_ARGS__)
#define WARN(r, section, item, key, ...) \
	config_warn((r)->root, (r)->c, &(struct config_place){(section), (item), (key), -1}, \
		__VA_ARGS__)

/* ---- dataplane ---------------------------------------------------------- */

/*
 * MiB. Fixed: 206 for one rte_lpm and two rte_lpm6 (measured), 128 for about
 * 50 000 mbufs of 2.5 KiB, 64 for EAL, rings and the workers' own tables. Each
 * peer: 4 KiB, for its two halves, two sessions and counters, and 128 bytes for
 * what is dropped of it; and from 8192 on, which are in the 206, 10 KiB of the
 * forwarding tables, with room for two prefixes a peer, each in a tbl8 group
 * (1 KiB) of its own, or two of IPv6, whose table there is twice. Below the floor
 * EAL itself has been seen to fail.
 */
uint32_t
config_memory_need_mb(uint32_t max_peers)
{
	const uint32_t fixed = 206 + 128 + 64, least = 512, roomy = 8192;
	uint64_t tables = max_peers > roomy ? max_peers - roomy : 0;
	uint64_t bytes = max_peers * UINT64_C(4224) + tables * UINT64_C(10240);
	uint32_t need = fixed + (uint32_t)((bytes + (1 << 20) - 1) >> 20);

	return need > least ? need : least;
}

static int
check_cpus(struct rules *r)
{
	struct config_dataplane *d = &r->c->dataplane;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	const struct ynode *section = ynode_find(r->root, "dataplane");
	bool given = section != NULL && ynode_find(section, "worker_lcores") != NULL;

	/* The default worker needs a second CPU. */
	if (!given && cpus == 1)
		d->worker_lcores[0] = 0;
	if (d->control_lcore >= (unsigned long)cpus)
		return FAIL(r, "dataplane", -1, "control_lcore", -1,
			"expected a CPU of this machine, 0 to %ld, found %u", cpus - 1,
			d->control_lcore);
	for (unsigned i = 0; i < d->n_worker_lcores; i++) {
		unsigned cpu = d->worker_lcores[i];

		if (cpu >= (unsigned long)cpus)
			return FAIL(r, "dataplane", -1, "worker_lcores", i,
				"expected a CPU of this machine, 0 to %ld, found %u", cpus - 1,
				cpu);
		if (d->idle == CONFIG_IDLE_ADAPTIVE)
			continue;
		if (cpu == d->control_lcore)
			return FAIL(r, "dataplane", -1, "worker_lcores", i,
				"expected a CPU other than control_lcore's (%u) with idle: poll",
				cpu);
		for (unsigned j = 0; j < i; j++) {
			if (d->worker_lcores[j] == cpu)
				return FAIL(r, "dataplane", -1, "worker_lcores", i,
					"expected each CPU once with idle: poll, found %u again",
					cpu);
		}
	}
	return 0;
}

/* Options of EAL that wgdp sets from other keys, or that end or change the program. */
static const char *const eal_reserved[] = {"--lcores", "--main-lcore", "--socket-mem", "--no-huge",
	"--in-memory", "--file-prefix", "--proc-type", "--help", "--version"};
static const char eal_reserved_short[] = "lcsmhv";

static bool
is_reserved(const char *arg)
{
	size_t n = strcspn(arg, "=");

	if (arg[0] != '-')
		return false;
	if (arg[1] != '-')
		return arg[1] == '\0' || strchr(eal_reserved_short, arg[1]) != NULL;
	/* getopt_long takes abbreviations too. "--" alone abbreviates them all. */
	for (size_t i = 0; i < sizeof(eal_reserved) / sizeof(eal_reserved[0]); i++) {
		if (strncmp(arg, eal_reserved[i], n) == 0)
			return true;
	}
	return false;
}

static int
check_dataplane(struct rules *r)
{
	const struct config_dataplane *d = &r->c->dataplane;
	uint32_t need = config_memory_need_mb(d->max_peers);

	if (check_cpus(r) < 0)
		return -1;
	if (d->memory_mb < need)
		return FAIL(r, "dataplane", -1, "memory_mb", -1,
			"expected at least %u for max_peers %u, found %u: too little memory", need,
			d->max_peers, d->memory_mb);
	for (unsigned i = 0; i < d->n_eal_args; i++) {
		if (is_reserved(d->eal_args[i]))
			return FAIL(r, "dataplane", -1, "eal_args", i,
				"expected no option that wgdp sets itself, found \"%.64s\"",
				d->eal_args[i]);
	}
	return 0;
}

/* ---- ports -------------------------------------------------------------- */

/* Does what EAL takes for the device's name differ? It ends at the first comma. */
static bool
same_device(const char *a, const char *b)
{
	size_t n;

	/* The PCI domain 0000 may be left out. */
	if (strncmp(a, "0000:", 5) == 0)
		a += 5;
	if (strncmp(b, "0000:", 5) == 0)
		b += 5;
	n = strcspn(a, ",");
	return n == strcspn(b, ",") && strncasecmp(a, b, n) == 0;
}

static bool
overlap(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return ip_prefix_contains(a, &b->addr) || ip_prefix_contains(b, &a->addr);
}

/* The networks of port i and those of the earlier port j. */
static int
check_networks(struct rules *r, unsigned i, unsigned j)
{
	const struct config_port *p = &r->c->ports[i], *q = &r->c->ports[j];
	char mine[IP_PREFIX_STRLEN], other[IP_PREFIX_STRLEN];

	for (unsigned k = 0; k < p->n_addresses; k++) {
		for (unsigned m = 0; m < q->n_addresses; m++) {
			if (overlap(&p->addresses[k], &q->addresses[m]))
				return FAIL(r, "ports", i, "addresses", k,
					"expected a network of its own, %s overlaps %s of port %s",
					ip_prefix_format(mine, &p->addresses[k]),
					ip_prefix_format(other, &q->addresses[m]), q->name);
		}
	}
	return 0;
}

/* IPv6 needs links of 1280 bytes (RFC 8200, section 5). */
static int
check_mtu(struct rules *r, const char *section, unsigned i, unsigned mtu,
	const struct ip_prefix *addresses, unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		if (addresses[k].addr.family == IP_V6 && mtu < 1280)
			return FAIL(r, section, i, "mtu", -1,
				"expected at least 1280 with an IPv6 address, found %u", mtu);
	}
	return 0;
}

static int
check_ports(struct rules *r)
{
	const struct config *c = r->c;

	for (unsigned i = 0; i < c->n_ports; i++) {
		const struct config_port *p = &c->ports[i];

		if (p->device[0] == '-')
			return FAIL(
				r, "ports", i, "device", -1, "expected a device, found an option");
		for (unsigned j = 0; j < i; j++) {
			const struct config_port *q = &c->ports[j];

			if (strcmp(p->name, q->name) == 0)
				return FAIL(r, "ports", i, "name", -1,
					"expected a name of its own, found \"%s\" again", p->name);
			if (same_device(p->device, q->device))
				return FAIL(r, "ports", i, "device", -1,
					"expected a device of its own, \"%.64s\" is port %s's",
					p->device, q->name);
			if (check_networks(r, i, j) < 0)
				return -1;
		}
		if (check_mtu(r, "ports", i, p->mtu, p->addresses, p->n_addresses) < 0)
			return -1;
	}
	return 0;
}

/* ---- addresses of ports and interfaces ---------------------------------- */

/* One own address of all: the k-th. False when there are not so many. */
static bool
own_address(const struct config *c, unsigned k, struct config_place *place, const char **name,
	const struct ip_addr **a)
{
	for (unsigned i = 0; i < c->n_ports; k -= c->ports[i++].n_addresses) {
		if (k < c->ports[i].n_addresses) {
			*place = (struct config_place){"ports", i, "addresses", k};
			*name = c->ports[i].name;
			*a = &c->ports[i].addresses[k].addr;
			return true;
		}
	}
	for (unsigned i = 0; i < c->n_interfaces; k -= c->interfaces[i++].n_addresses) {
		if (k < c->interfaces[i].n_addresses) {
			*place = (struct config_place){"interfaces", i, "addresses", k};
			*name = c->interfaces[i].name;
			*a = &c->interfaces[i].addresses[k].addr;
			return true;
		}
	}
	return false;
}

/* At most PORT_MAX and IFACE_MAX times PORT_ADDR_MAX, so about 800 000 comparisons. */
static int
check_own_addresses(struct rules *r)
{
	const struct ip_addr *a, *b;
	struct config_place place, other;
	const char *name, *other_name;
	char text[IP_ADDR_STRLEN];

	for (unsigned i = 0; own_address(r->c, i, &place, &name, &a); i++) {
		for (unsigned j = 0; j < i; j++) {
			own_address(r->c, j, &other, &other_name, &b);
			if (ip_addr_equal(a, b))
				return config_error(r->root, r->c, &place, r->err, r->err_size,
					"expected an address of its own, %s is that of %s too",
					ip_addr_format(text, a), other_name);
		}
	}
	return 0;
}

/* ---- routes ------------------------------------------------------------- */

/* The port that reaches via: the one with the longest network around it. */
static int
resolve_via(struct rules *r, unsigned i)
{
	struct config_route *route = &r->c->routes[i];
	int longest = -1;
	char text[IP_ADDR_STRLEN];

	if (route->via.family != route->to.addr.family)
		return FAIL(
			r, "routes", i, "via", -1, "expected an address of the same family as to");
	for (unsigned p = 0; p < r->c->n_ports; p++) {
		const struct config_port *port = &r->c->ports[p];

		for (unsigned k = 0; k < port->n_addresses; k++) {
			const struct ip_prefix *net = &port->addresses[k];

			if (ip_addr_equal(&net->addr, &route->via))
				return FAIL(r, "routes", i, "via", -1,
					"expected another host, %s is port %s's own address",
					ip_addr_format(text, &route->via), port->name);
			if (ip_prefix_contains(net, &route->via) && net->len > longest) {
				longest = net->len;
				route->port = p;
			}
		}
	}
	if (longest < 0)
		return FAIL(r, "routes", i, "via", -1,
			"expected an address in a port's network, %s is in none",
			ip_addr_format(text, &route->via));
	return 0;
}

static int
check_routes(struct rules *r)
{
	const struct config *c = r->c;
	char text[IP_PREFIX_STRLEN];

	for (unsigned i = 0; i < c->n_routes; i++) {
		const struct ip_prefix *to = &c->routes[i].to;

		if (resolve_via(r, i) < 0)
			return -1;
		for (unsigned j = 0; j < i; j++) {
			if (ip_prefix_equal(to, &c->routes[j].to))
				return FAIL(r, "routes", i, "to", -1,
					"expected each network once, found %s again",
					ip_prefix_format(text, to));
		}
		for (unsigned p = 0; p < c->n_ports; p++) {
			for (unsigned k = 0; k < c->ports[p].n_addresses; k++) {
				struct ip_prefix net = ip_prefix_network(&c->ports[p].addresses[k]);

				if (ip_prefix_equal(to, &net))
					return FAIL(r, "routes", i, "to", -1,
						"expected a network behind others, %s is port "
						"%s's own",
						ip_prefix_format(text, to), c->ports[p].name);
			}
		}
	}
	return 0;
}

/* ---- interfaces --------------------------------------------------------- */

/* IPv4, UDP and the transport header with its tag, around an inner packet. */
#define OVERHEAD_IPV4 60

static int
check_interface(struct rules *r, unsigned i, unsigned largest_mtu)
{
	const struct config *c = r->c;
	const struct config_interface *a = &c->interfaces[i];

	for (unsigned p = 0; p < c->n_ports; p++) {
		if (strcmp(a->name, c->ports[p].name) == 0)
			return FAIL(r, "interfaces", i, "name", -1,
				"expected a name of its own, \"%s\" is a port's", a->name);
	}
	for (unsigned j = 0; j < i; j++) {
		const struct config_interface *b = &c->interfaces[j];

		if (strcmp(a->name, b->name) == 0)
			return FAIL(r, "interfaces", i, "name", -1,
				"expected a name of its own, found \"%s\" again", a->name);
		if (a->listen_port == b->listen_port)
			return FAIL(r, "interfaces", i, "listen_port", -1,
				"expected a port of its own, %u is interface %s's", a->listen_port,
				b->name);
	}
	if (check_mtu(r, "interfaces", i, a->mtu, a->addresses, a->n_addresses) < 0)
		return -1;
	if (largest_mtu < (unsigned)a->mtu + OVERHEAD_IPV4)
		WARN(r, "interfaces", i, "mtu",
			"packets of %u bytes fit through no port when sealed, at most %u do",
			a->mtu, largest_mtu - OVERHEAD_IPV4);
	return 0;
}

static int
check_interfaces(struct rules *r)
{
	unsigned largest_mtu = 0;

	for (unsigned p = 0; p < r->c->n_ports; p++) {
		if (r->c->ports[p].mtu > largest_mtu)
			largest_mtu = r->c->ports[p].mtu;
	}
	for (unsigned i = 0; i < r->c->n_interfaces; i++) {
		if (check_interface(r, i, largest_mtu) < 0)
			return -1;
	}
	return 0;
}

/* ---- control ------------------------------------------------------------ */

static int
check_control(struct rules *r)
{
	const struct config_control *k = &r->c->control;
	const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (strlen(k->socket) > most)
		return FAIL(r, "control", -1, "socket", -1,
			"expected a path of at most %zu bytes, found %zu", most, strlen(k->socket));
	if (k->readonly_socket != NULL && strlen(k->readonly_socket) > most)
		return FAIL(r, "control", -1, "readonly_socket", -1,
			"expected a path of at most %zu bytes, found %zu", most,
			strlen(k->readonly_socket));
	if (k->readonly_socket != NULL && strcmp(k->readonly_socket, k->socket) == 0)
		return FAIL(r, "control", -1, "readonly_socket", -1,
			"expected a path of its own, found that of socket");
	for (unsigned i = 0; i < r->c->n_interfaces; i++) {
		const char *hook = r->c->interfaces[i].unknown_peer_hook;

		if (hook != NULL && strlen(hook) > most)
			return FAIL(r, "interfaces", i, "unknown_peer_hook", -1,
				"expected a path of at most %zu bytes, found %zu", most,
				strlen(hook));
	}
	for (unsigned i = 0; i < r->c->n_interfaces; i++) {
		size_t n = strlen(k->uapi_dir) + strlen(r->c->interfaces[i].name) +
			   sizeof("/.sock") - 1;

		if (n > most)
			return FAIL(r, "control", -1, "uapi_dir", -1,
				"expected a path of at most %zu bytes with /%s.sock, found %zu",
				most, r->c->interfaces[i].name, n);
	}
	if (k->mode & 0006)
		WARN(r, "control", -1, "mode", "every user of this system may manage the gateway");
	return 0;
}

int
rules_check(const struct ynode *root, struct config *c, char *err, size_t err_size)
{
	struct rules r = {root, c, err, err_size};

	if (check_dataplane(&r) < 0 || check_ports(&r) < 0 || check_interfaces(&r) < 0 ||
		check_own_addresses(&r) < 0 || check_routes(&r) < 0 || check_control(&r) < 0)
		return -1;
	return rules_check_files(root, c, err, err_size);
}
