/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NIC ports: any DPDK ethdev, PCI or vdev. Set up once by the main thread
 * before workers start; read by all threads afterwards.
 */
#ifndef DATAPLANE_PORT_H
#define DATAPLANE_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <rte_ether.h>
#include <rte_mempool.h>

#include "dataplane/addr.h"

#define PORT_MAX 16
#define PORT_ADDR_MAX 16
#define WORKER_MAX 64
#define PORT_NO_QUEUE UINT16_MAX

struct port_config {
	char name[32]; /* as the configuration names it */
	char device[256]; /* PCI address, or vdev arguments such as "net_tap0,iface=x" */
	uint16_t mtu; /* of the IP packet, bytes */
	struct ip_prefix addresses[PORT_ADDR_MAX];
	uint8_t n_addresses;
};

struct port {
	uint8_t id; /* index in struct ports */
	uint16_t dpdk_id; /* ethdev port id */
	char name[32];
	uint16_t mtu;
	struct rte_ether_addr mac;
	/* Configured addresses, then fe80::/64 from the MAC where there is any IPv6. */
	struct ip_prefix addresses[PORT_ADDR_MAX + 1];
	uint8_t n_addresses;
	bool hw_tx_ipv4_csum; /* offloads that the port granted, all queues */
	bool hw_tx_udp_csum;
	bool hw_rx_ipv4_csum; /* RTE_MBUF_F_RX_IP_CKSUM_* flags are to be believed */
	uint16_t n_rxq, n_txq;
	uint8_t rxq_worker[WORKER_MAX]; /* which worker polls rx queue i */
	/* TX queue of each worker, or PORT_NO_QUEUE: then tx_worker sends for it. */
	uint16_t worker_txq[WORKER_MAX];
	uint8_t tx_worker;
	atomic_bool link_up; /* written by the ethdev's interrupt thread or control's poll */
};

struct ports {
	struct port port[PORT_MAX];
	uint8_t n;
};

/*
 * Configure and start all ports for n_workers workers; packets come from pool.
 * RX queues are spread round-robin, as many as the port has and workers can
 * use. Returns 0; or -1 with a one-line reason in err, everything undone.
 */
int ports_open(struct ports *ports, const struct port_config *configs, unsigned n,
	unsigned n_workers, struct rte_mempool *pool, char *err, size_t err_size);
/* Stop and close all. Workers have ended. */
void ports_close(struct ports *ports);
/* Poll link state into link_up and log changes; control calls it about once a second. */
void ports_poll_links(struct ports *ports);

/*
 * Do a driver's arguments have it receive into buffers of its own? An mbuf then
 * only refers to one, and must not go back to its pool before it has been let go.
 */
bool port_lends_buffers(const char *args);
/* Bytes of data room (headroom included) that an mbuf needs for a port of this MTU. */
uint16_t port_mbuf_room(uint16_t mtu);
/* Number of mbufs that n ports with n_workers workers keep in descriptors and bursts. */
unsigned port_mbufs_needed(unsigned n_ports, unsigned n_workers);

/* The port's address of this family that shares a prefix with to, else its first of the family;
 * link-local for link-local. NULL when there is none. */
const struct ip_addr *port_source_address(const struct port *port, const struct ip_addr *to);

#endif
