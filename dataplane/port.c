/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/port.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>

#include "dataplane/log.h"

#define RX_DESC 1024
#define TX_DESC 1024
#define RSS_FLOWS (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP)

/*
 * AF_PACKET (TPACKET_V2) puts at most 66 bytes before a frame. Its ring wants
 * frames that fill whole blocks, and blocks that are whole pages, so frames
 * are multiples of half a page. The frames of both directions take
 * 2 x 2048 x 2 KiB a queue pair at an MTU of 1500.
 */
#define AF_PACKET_HEAD 66
#define AF_PACKET_STEP 2048
#define AF_PACKET_FRAMES 2048

static int __attribute__((format(printf, 4, 5)))
fail(char *err, size_t err_size, const struct port_config *c, const char *fmt, ...)
{
	int n = snprintf(err, err_size, "port %s (%s): ", c->name, c->device);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < err_size)
		vsnprintf(err + n, err_size - n, fmt, ap);
	va_end(ap);
	return -1;
}

static uint32_t
af_packet_frame_size(uint16_t mtu)
{
	return RTE_ALIGN_CEIL(
		(uint32_t)mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN + AF_PACKET_HEAD, AF_PACKET_STEP);
}

/* The AF_PACKET driver insists that an mbuf holds one of its ring's frames. */
uint16_t
port_mbuf_room(uint16_t mtu)
{
	uint32_t room = RTE_PKTMBUF_HEADROOM + af_packet_frame_size(mtu);

	return RTE_MIN(room, (uint32_t)UINT16_MAX);
}

/* Besides full descriptor rings: a burst in flight and a mempool cache for each worker. */
unsigned
port_mbufs_needed(unsigned n_ports, unsigned n_workers)
{
	return n_ports * n_workers * (RX_DESC + TX_DESC) + n_workers * 1024;
}

/* ---- devices ------------------------------------------------------------- */

static bool
device_is(const char *device, const char *driver)
{
	return strncmp(device, driver, strlen(driver)) == 0;
}

/* The value of key in "name,key=value,...": its length, or -1 where there is none. */
static int
device_arg(const char *device, const char *key, const char **value)
{
	size_t len = strlen(key);

	for (const char *p = strchr(device, ','); p != NULL; p = strchr(p + 1, ',')) {
		if (strncmp(p + 1, key, len) != 0 || p[1 + len] != '=')
			continue;
		*value = p + 1 + len + 1;
		return strcspn(*value, ",");
	}
	return -1;
}

/*
 * What the drivers of network interfaces need beyond what the operator wrote.
 * net_af_packet has one queue pair by default, and frames of 2 KiB that hold no
 * jumbo frame: where the device string is silent, ask for a queue pair a worker
 * and for a frame size that fits the MTU. net_tap has 16 queues as it is.
 */
static int
device_args(const struct port_config *c, unsigned n_workers, char *args, size_t size, char *err,
	size_t err_size)
{
	const char *v;
	int n, len;

	n = snprintf(args, size, "%s", c->device);
	if (device_is(c->device, "net_af_packet") || device_is(c->device, "eth_af_packet") ||
		device_is(c->device, "net_af_xdp")) {
		char name[IF_NAMESIZE];

		len = device_arg(c->device, "iface", &v);
		if (len <= 0)
			return fail(err, err_size, c, "iface= is missing");
		if ((size_t)len >= sizeof(name))
			return fail(err, err_size, c, "iface= is too long for an interface");
		memcpy(name, v, len);
		name[len] = '\0';
		if (if_nametoindex(name) == 0)
			return fail(err, err_size, c, "no network interface %s here", name);
	}
	if (device_is(c->device, "net_af_packet") || device_is(c->device, "eth_af_packet")) {
		if (n_workers > 1 && device_arg(c->device, "qpairs", &v) < 0)
			n += snprintf(args + n, size - n, ",qpairs=%u", n_workers);
		if (device_arg(c->device, "framesz", &v) < 0 &&
			device_arg(c->device, "blocksz", &v) < 0 &&
			device_arg(c->device, "framecnt", &v) < 0) {
			uint32_t frame = af_packet_frame_size(c->mtu);
			uint32_t block = frame % 4096 == 0 ? frame : 2 * frame;

			n += snprintf(args + n, size - n, ",framesz=%u,blocksz=%u,framecnt=%u",
				frame, block, AF_PACKET_FRAMES);
		}
	}
	if (n < 0 || (size_t)n >= size)
		return fail(err, err_size, c, "device string is too long");
	return 0;
}

/* The ethdev of a device that EAL knows under this name; ENODEV where there is none. */
static int
find_ethdev(const char *name, uint16_t *id)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_get_port_by_name(name, id) == 0)
		return 0;
	RTE_ETH_FOREACH_DEV(*id) {
		if (rte_eth_dev_info_get(*id, &info) == 0 && info.device != NULL &&
			strcmp(rte_dev_name(info.device), name) == 0)
			return 0;
	}
	return -ENODEV;
}

/* Find the device, or plug it in where EAL has not been told about it. */
static int
attach(struct port *p, const struct port_config *c, unsigned n_workers, char *err, size_t err_size)
{
	char name[RTE_DEV_NAME_MAX_LEN];
	char args[sizeof(c->device) + 64];
	int len = strcspn(c->device, ",");
	int rc;

	if (len == 0 || (size_t)len >= sizeof(name))
		return fail(err, err_size, c, "not the name of a device");
	memcpy(name, c->device, len);
	name[len] = '\0';
	if (find_ethdev(name, &p->dpdk_id) == 0)
		return 0;
	if (device_args(c, n_workers, args, sizeof(args), err, err_size) != 0)
		return -1;
	rc = rte_dev_probe(args);
	if (rc != 0) /* drivers return -1 for anything: no errno to show then */
		return fail(err, err_size, c, "DPDK cannot open the device%s%s",
			rc < -1 ? ": " : "", rc < -1 ? strerror(-rc) : "");
	if (find_ethdev(name, &p->dpdk_id) != 0)
		return fail(err, err_size, c, "the device is not a network device");
	return 0;
}

/* Virtual devices go away with their port; a PCI device stays with EAL until it ends. */
static void
detach(uint16_t dpdk_id)
{
	struct rte_eth_dev_info info = {0};
	struct rte_device *dev = NULL;

	if (rte_eth_dev_info_get(dpdk_id, &info) == 0)
		dev = info.device;
	/* AF_PACKET would leave the kernel's interface as we set it. */
	rte_eth_promiscuous_disable(dpdk_id);
	rte_eth_allmulticast_disable(dpdk_id);
	rte_eth_dev_stop(dpdk_id);
	rte_eth_dev_close(dpdk_id);
	if (dev != NULL && strcmp(rte_bus_name(rte_dev_bus(dev)), "vdev") == 0)
		rte_dev_remove(dev);
}

bool
port_lends_buffers(const char *args)
{
	/* mlx5, vhost, netvsc: all of them only where the operator asks for it. */
	static const char *const asking[] = {"mprq_en=1", "ext-buffer=1", "rx_extmbuf_enable=1"};

	for (unsigned i = 0; i < RTE_DIM(asking); i++)
		if (strstr(args, asking[i]) != NULL)
			return true;
	return false;
}

/* Of the ports, or of what EAL was told on its command line. */
static bool
any_lends_buffers(const struct port_config *configs, unsigned n)
{
	static const char *const buses[] = {"pci", "vdev", "vmbus"};
	const struct rte_devargs *known = NULL;

	for (unsigned i = 0; i < n; i++)
		if (port_lends_buffers(configs[i].device))
			return true;
	for (unsigned i = 0; i < RTE_DIM(buses); i++)
		while ((known = rte_devargs_next(buses[i], known)) != NULL)
			if (known->args != NULL && port_lends_buffers(known->args))
				return true;
	return false;
}

/* ---- configuration ------------------------------------------------------- */

/*
 * Queue i of a port goes to worker (port + i) mod n, so that ports of a single
 * queue spread over the workers too. A worker without a TX queue hands its
 * packets to tx_worker, which has one.
 */
static void
spread_queues(struct port *p, const struct rte_eth_dev_info *info, unsigned n_workers)
{
	p->n_rxq = RTE_MIN((unsigned)info->max_rx_queues, n_workers);
	p->n_txq = RTE_MIN((unsigned)info->max_tx_queues, n_workers);
	for (unsigned i = 0; i < p->n_rxq; i++)
		p->rxq_worker[i] = (p->id + i) % n_workers;
	for (unsigned i = 0; i < WORKER_MAX; i++)
		p->worker_txq[i] = PORT_NO_QUEUE;
	for (unsigned i = 0; i < p->n_txq; i++)
		p->worker_txq[(p->id + i) % n_workers] = i;
	p->tx_worker = p->id % n_workers;
}

/* The largest MTU that rte_eth_dev_configure takes from this driver. */
static uint16_t
configurable_mtu(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	uint32_t mtu = info->max_mtu;

	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	if (info->max_rx_pktlen > overhead)
		mtu = RTE_MIN(mtu, info->max_rx_pktlen - overhead);
	return mtu;
}

static int
configure(struct port *p, const struct port_config *c, const struct rte_eth_dev_info *info,
	bool fast_free, char *err, size_t err_size)
{
	/* net_tap checks and fills in checksums in software, slower than the workers do. */
	bool emulated = strcmp(info->driver_name, "net_tap") == 0;
	uint64_t checksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	uint64_t rx = emulated ? 0 : info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	uint64_t tx = info->tx_offload_capa & ((fast_free ? RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE : 0) |
						      (emulated ? 0 : checksums));
	struct rte_eth_conf conf = {
		.rxmode = {.mtu = RTE_MIN(c->mtu, configurable_mtu(info)), .offloads = rx},
		.txmode = {.offloads = tx},
	};
	int rc;

	if (p->n_rxq > 1 && (info->flow_type_rss_offloads & RSS_FLOWS) != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & RSS_FLOWS;
	}
	rc = rte_eth_dev_configure(p->dpdk_id, p->n_rxq, p->n_txq, &conf);
	if (rc != 0)
		return fail(err, err_size, c, "cannot configure %u RX and %u TX queues: %s",
			p->n_rxq, p->n_txq, strerror(-rc));
	rc = rte_eth_dev_set_mtu(p->dpdk_id, c->mtu);
	if (rc != 0 && (rc != -ENOTSUP || conf.rxmode.mtu < c->mtu))
		return fail(err, err_size, c, "cannot set an MTU of %u (up to %u): %s", c->mtu,
			configurable_mtu(info), strerror(-rc));
	p->mtu = c->mtu;
	p->hw_rx_ipv4_csum = (rx & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
	p->hw_tx_ipv4_csum = (tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
	p->hw_tx_udp_csum = (tx & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0;
	return 0;
}

static int
setup_queues(struct port *p, const struct port_config *c, struct rte_mempool *pool, char *err,
	size_t err_size)
{
	uint16_t n_rxd = RX_DESC, n_txd = TX_DESC;
	int socket = rte_eth_dev_socket_id(p->dpdk_id);
	int rc;

	rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->dpdk_id, &n_rxd, &n_txd);
	if (rc != 0)
		return fail(err, err_size, c, "no usable ring size: %s", strerror(-rc));
	for (uint16_t i = 0; i < p->n_rxq; i++) {
		rc = rte_eth_rx_queue_setup(p->dpdk_id, i, n_rxd, socket, NULL, pool);
		if (rc != 0)
			return fail(err, err_size, c, "cannot set up RX queue %u: %s", i,
				strerror(-rc));
	}
	for (uint16_t i = 0; i < p->n_txq; i++) {
		rc = rte_eth_tx_queue_setup(p->dpdk_id, i, n_txd, socket, NULL);
		if (rc != 0)
			return fail(err, err_size, c, "cannot set up TX queue %u: %s", i,
				strerror(-rc));
	}
	return 0;
}

/*
 * The kernel's end of a tap has the MAC that the driver reports: the gateway
 * behind it is another station and takes one that differs in one bit, unless
 * the tap stands in for a remote interface. Drivers without a MAC get a random one.
 */
static void
choose_mac(struct port *p, const struct port_config *c, const struct rte_eth_dev_info *info)
{
	const char *v;

	if (rte_eth_macaddr_get(p->dpdk_id, &p->mac) != 0 || rte_is_zero_ether_addr(&p->mac))
		rte_eth_random_addr(p->mac.addr_bytes);
	if (strcmp(info->driver_name, "net_tap") == 0 && device_arg(c->device, "remote", &v) < 0) {
		p->mac.addr_bytes[0] |= RTE_ETHER_LOCAL_ADMIN_ADDR;
		p->mac.addr_bytes[5] ^= 0x80;
	}
}

/* RFC 4291, appendix A: fe80::/64 and the modified EUI-64 of the MAC. */
static void
copy_addresses(struct port *p, const struct port_config *c)
{
	bool any_v6 = false, any_ll = false;
	struct ip_prefix *ll;

	p->n_addresses = RTE_MIN(c->n_addresses, PORT_ADDR_MAX);
	for (unsigned i = 0; i < p->n_addresses; i++) {
		p->addresses[i] = c->addresses[i];
		any_v6 |= c->addresses[i].addr.family == IP_V6;
		any_ll |= ip_addr_is_link_local(&c->addresses[i].addr);
	}
	if (!any_v6 || any_ll)
		return;
	ll = &p->addresses[p->n_addresses++];
	*ll = (struct ip_prefix){.addr = {.family = IP_V6, .bytes = {0xfe, 0x80}}, .len = 64};
	memcpy(&ll->addr.bytes[8], p->mac.addr_bytes, 3);
	ll->addr.bytes[8] ^= 0x02;
	ll->addr.bytes[11] = 0xff;
	ll->addr.bytes[12] = 0xfe;
	memcpy(&ll->addr.bytes[13], &p->mac.addr_bytes[3], 3);
}

/*
 * Neighbour discovery needs multicast frames. Drivers that cannot pass all of
 * them get to pass everything instead; workers drop what is not for us.
 */
static void
accept_multicast(const struct port *p)
{
	bool v6 = false;
	int rc;

	for (unsigned i = 0; i < p->n_addresses; i++)
		v6 |= p->addresses[i].addr.family == IP_V6;
	rte_eth_promiscuous_disable(p->dpdk_id);
	if (rte_eth_allmulticast_enable(p->dpdk_id) == 0 || !v6)
		return;
	rc = rte_eth_promiscuous_enable(p->dpdk_id);
	if (rc == 0)
		log_info("port %s: promiscuous, since its driver cannot select multicast", p->name);
	else
		log_warn("port %s: its driver cannot be told to receive multicast (%s); "
			 "neighbour discovery depends on what it passes anyway",
			p->name, strerror(-rc));
}

static int
open_port(struct port *p, const struct port_config *c, unsigned n_workers, struct rte_mempool *pool,
	bool fast_free, char *err, size_t err_size)
{
	struct rte_eth_dev_info info;
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	int rc;

	rc = rte_eth_dev_info_get(p->dpdk_id, &info);
	if (rc != 0)
		return fail(err, err_size, c, "no device information: %s", strerror(-rc));
	if (info.max_rx_queues == 0 || info.max_tx_queues == 0)
		return fail(err, err_size, c, "the device has no RX or no TX queue");
	if (rte_pktmbuf_data_room_size(pool) < port_mbuf_room(c->mtu))
		return fail(err, err_size, c, "mbufs of %u bytes do not hold frames of MTU %u",
			rte_pktmbuf_data_room_size(pool), c->mtu);
	snprintf(p->name, sizeof(p->name), "%s", c->name);
	spread_queues(p, &info, n_workers);
	if (configure(p, c, &info, fast_free, err, err_size) != 0 ||
		setup_queues(p, c, pool, err, err_size) != 0)
		return -1;
	rc = rte_eth_dev_start(p->dpdk_id);
	if (rc != 0)
		return fail(err, err_size, c, "cannot start: %s", strerror(-rc));
	choose_mac(p, c, &info);
	copy_addresses(p, c);
	accept_multicast(p);
	rte_ether_format_addr(mac, sizeof(mac), &p->mac);
	log_info("port %s: %s, driver %s, MAC %s, MTU %u, %u RX and %u TX queues, "
		 "checksums in hardware:%s%s%s%s",
		p->name, c->device, info.driver_name, mac, p->mtu, p->n_rxq, p->n_txq,
		p->hw_rx_ipv4_csum ? " rx-ipv4" : "", p->hw_tx_ipv4_csum ? " tx-ipv4" : "",
		p->hw_tx_udp_csum ? " tx-udp" : "",
		p->hw_rx_ipv4_csum || p->hw_tx_ipv4_csum || p->hw_tx_udp_csum ? "" : " none");
	return 0;
}

static void
poll_link(struct port *p, bool first)
{
	struct rte_eth_link link = {0};
	bool up;

	if (rte_eth_link_get_nowait(p->dpdk_id, &link) != 0)
		return;
	up = link.link_status == RTE_ETH_LINK_UP;
	if (!first && up == atomic_load_explicit(&p->link_up, memory_order_relaxed))
		return;
	atomic_store_explicit(&p->link_up, up, memory_order_relaxed);
	if (!up)
		log_warn("port %s: link down", p->name);
	else if (link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN || link.link_speed == 0)
		log_info("port %s: link up", p->name);
	else
		log_info("port %s: link up, %u Mbit/s", p->name, link.link_speed);
}

int
ports_open(struct ports *ports, const struct port_config *configs, unsigned n, unsigned n_workers,
	struct rte_mempool *pool, char *err, size_t err_size)
{
	bool fast_free;

	memset(ports, 0, sizeof(*ports));
	if (n > PORT_MAX || n_workers == 0 || n_workers > WORKER_MAX) {
		snprintf(err, err_size, "%u ports and %u workers: at most %u and 1 to %u", n,
			n_workers, PORT_MAX, WORKER_MAX);
		return -1;
	}
	/* All packets are single segments of one pool, and whole in it unless a driver lends. */
	fast_free = !any_lends_buffers(configs, n);
	for (unsigned i = 0; i < n; i++) {
		struct port *p = &ports->port[i];

		p->id = i;
		if (attach(p, &configs[i], n_workers, err, err_size) != 0)
			goto undo;
		for (unsigned j = 0; j < i; j++) {
			if (ports->port[j].dpdk_id == p->dpdk_id) {
				fail(err, err_size, &configs[i], "port %s has the same device",
					ports->port[j].name);
				goto undo;
			}
		}
		ports->n = i + 1;
		if (open_port(p, &configs[i], n_workers, pool, fast_free, err, err_size) != 0)
			goto undo;
		poll_link(p, true);
	}
	return 0;
undo:
	ports_close(ports);
	return -1;
}

void
ports_close(struct ports *ports)
{
	while (ports->n > 0)
		detach(ports->port[--ports->n].dpdk_id);
}

void
ports_poll_links(struct ports *ports)
{
	for (unsigned i = 0; i < ports->n; i++)
		poll_link(&ports->port[i], false);
}

const struct ip_addr *
port_source_address(const struct port *port, const struct ip_addr *to)
{
	const struct ip_addr *first = NULL;

	for (unsigned i = 0; i < port->n_addresses; i++) {
		const struct ip_prefix *a = &port->addresses[i];

		if (a->addr.family != to->family ||
			ip_addr_is_link_local(&a->addr) != ip_addr_is_link_local(to))
			continue;
		if (ip_prefix_contains(a, to))
			return &a->addr;
		if (first == NULL)
			first = &a->addr;
	}
	return first;
}
