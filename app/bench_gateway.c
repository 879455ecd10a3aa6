/* SPDX-License-Identifier: BSD-3-Clause */
#include "app/bench_gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "crypto_accel/crypto_accel.h"
#include "dataplane/publish.h"
#include "dataplane/rcu.h"

#define WAN 0
#define LAN 1
#define N_PORTS 2
#define LISTEN_PORT 51820
#define PEER_PORT 40000
#define FRAME_MAX 1600
#define NIC_RING 1024 /* descriptors, where packets arrive at a rate */
#define LAN_HOST RTE_IPV4(192, 168, 1, 2)
/* Peer i has 10.0.0.0 + 256 + i inside and 100.64.0.0 + i outside. */
#define INSIDE(i) (RTE_IPV4(10, 0, 1, 0) + (i))
#define OUTSIDE(i) (RTE_IPV4(100, 64, 0, 0) + (i))

struct client {
	struct peer_dp *peer;
	struct session *session;
	uint8_t to_gateway[AEAD_KEY_LEN], from_gateway[AEAD_KEY_LEN];
	uint32_t local_index; /* the gateway's */
	uint64_t counter; /* of the next packet to the gateway */
};

/* What a NIC's descriptor would hold. */
struct descriptor {
	struct rte_mbuf *m;
	uint16_t len, inner_len;
};

struct lane;

struct memory_port {
	struct lane *lane; /* whose queue this is */
	struct descriptor rx[GATEWAY_REFILL];
	unsigned rx_first, rx_end;
	struct rte_mbuf *sent[GATEWAY_REFILL];
	unsigned n_sent;
};

/* What a packet of the refill carried, for the check. */
struct expected {
	uint32_t sender, receiver; /* clients; UINT32_MAX: the LAN host */
	uint16_t len;
	uint64_t number;
};

/* A worker with its queues and the clients that are its own: no other worker writes any of it. */
struct lane {
	unsigned id;
	struct aead_ctx *aead; /* of the clients */
	uint32_t next_client; /* of its own, by rank */
	uint64_t next_number;
	uint64_t burst_bytes;
	double offered; /* TSC cycles from one arrival to the next; 0: all are there */
	uint64_t begun_tsc, taken, missed; /* of the arrivals */
	struct memory_port port[N_PORTS];
	struct rte_mbuf *fresh[GATEWAY_REFILL]; /* that the port has allocated */
	unsigned n_fresh;
	struct expected expected[GATEWAY_REFILL];
	struct aead_op ops[GATEWAY_REFILL];
};

static struct {
	struct dataplane *dp;
	struct client *clients;
	uint32_t n_clients;
	unsigned burst;
	bool keep;
	unsigned n_lanes;
	struct lane lane[GATEWAY_WORKERS_MAX];
} g = {.burst = 32};

/* 48/576/1424 at 7:4:1; capped by the tunnel's MTU of 1424. */
static const uint16_t mix[12] = {48, 576, 48, 48, 1424, 576, 48, 576, 48, 48, 576, 48};

/* The first fields of a received mbuf, which vector drivers write in one store. */
static const struct {
	uint16_t data_off, refcnt, nb_segs, port;
} rearm = {.data_off = RTE_PKTMBUF_HEADROOM, .refcnt = 1, .nb_segs = 1};

/* ---- the ports ------------------------------------------------------------------------- */

/* How many have arrived and wait; a NIC drops what finds its ring full. */
static uint64_t
waiting(struct lane *l)
{
	uint64_t n = (uint64_t)((double)(rte_rdtsc() - l->begun_tsc) / l->offered);

	n -= l->taken + l->missed;
	if (n > NIC_RING) {
		l->missed += n - NIC_RING;
		n = NIC_RING;
	}
	return n;
}

static uint16_t
memory_rx(void *rxq, struct rte_mbuf **out, uint16_t n)
{
	struct memory_port *p = rxq;
	struct lane *l = p->lane;

	n = RTE_MIN(n, g.burst);
	n = RTE_MIN(n, p->rx_end - p->rx_first);
	if (l->offered > 0 && n > 0)
		n = (uint16_t)RTE_MIN(n, waiting(l));
	if (n == 0 || rte_mempool_get_bulk(g.dp->pool, (void **)(l->fresh + l->n_fresh), n) != 0)
		return 0;
	l->n_fresh += n;
	l->taken += n;
	l->burst_bytes = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct descriptor *d = &p->rx[p->rx_first++];
		struct rte_mbuf *m = d->m;

		if (i + 8 < n)
			rte_prefetch0(d[8].m);
		memcpy(&m->rearm_data, &rearm, sizeof(rearm));
		m->ol_flags = 0;
		m->packet_type = 0;
		m->pkt_len = m->data_len = d->len;
		l->burst_bytes += d->inner_len;
		out[i] = m;
	}
	return n;
}

static uint16_t
memory_tx(void *txq, struct rte_mbuf **m, uint16_t n)
{
	struct memory_port *p = txq;

	if (likely(!g.keep)) { /* as a driver does that has granted MBUF_FAST_FREE */
		rte_mempool_put_bulk(g.dp->pool, (void **)m, n);
		return n;
	}
	n = RTE_MIN(n, GATEWAY_REFILL - p->n_sent);
	memcpy(p->sent + p->n_sent, m, n * sizeof(*m));
	p->n_sent += n;
	return n;
}

/* net_null lends its name and state; its burst functions give way to ours. */
static void
take_over_ports(void)
{
	static void *queue[N_PORTS][GATEWAY_WORKERS_MAX];

	for (unsigned i = 0; i < N_PORTS; i++) {
		struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[g.dp->ports.port[i].dpdk_id];

		for (unsigned q = 0; q < g.n_lanes; q++) {
			struct lane *l = &g.lane[g.dp->ports.port[i].rxq_worker[q]];

			l->id = (unsigned)(l - g.lane);
			l->port[i].lane = l;
			queue[i][q] = &l->port[i];
		}
		ops->rx_pkt_burst = memory_rx;
		ops->tx_pkt_burst = memory_tx;
		ops->rxq.data = queue[i];
		ops->txq.data = queue[i];
	}
}

/* ---- life -------------------------------------------------------------------------------- */

int
gateway_eal_init(bool hugepages, unsigned lcore, unsigned n_workers, unsigned memory_mb)
{
	unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	char prefix[32], cores[32], memory[16];
	char *argv[16] = {"wgdp-bench", "--no-pci", "--no-telemetry", "--log-level=error", "-l",
		cores, "-m", memory, "--file-prefix", prefix};
	int argc = 10;

	snprintf(prefix, sizeof(prefix), "wgdp-bench-%d", (int)getpid());
	if (n_workers > 1) /* the other workers on the CPUs that follow */
		snprintf(cores, sizeof(cores), "%u,%u", lcore, (lcore + 1) % cpus);
	else
		snprintf(cores, sizeof(cores), "%u", lcore);
	snprintf(memory, sizeof(memory), "%u", memory_mb);
	argv[argc++] = hugepages ? "--in-memory" : "--no-huge";
	if (rte_eal_init(argc, argv) >= 0)
		return 0;
	fprintf(stderr, "wgdp-bench: EAL does not start: %s%s\n", rte_strerror(rte_errno),
		hugepages ? "; reserve hugepages in /proc/sys/vm/nr_hugepages, or use --no-huge"
			  : "");
	return 1;
}

static struct ip_addr
ipv4(uint32_t host_order)
{
	struct ip_addr a = {.family = IP_V4};
	uint32_t be = rte_cpu_to_be_32(host_order);

	memcpy(a.bytes, &be, 4);
	return a;
}

static int
add_client(struct client *c, uint32_t i, char *err, size_t err_size)
{
	struct ip_prefix inside = {.addr = ipv4(INSIDE(i)), .len = 32};
	struct ip_endpoint endpoint = {.addr = ipv4(OUTSIDE(i)), .port = PEER_PORT};
	struct session_params params = {
		.send_key = c->from_gateway,
		.recv_key = c->to_gateway,
		.remote_index = i,
		.initiator = true,
		.owner = (uint8_t)(i % g.n_lanes),
	};
	uint32_t taken;

	crypto_random(c->to_gateway, sizeof(c->to_gateway));
	crypto_random(c->from_gateway, sizeof(c->from_gateway));
	c->peer = dp_peer_publish(g.dp, 0);
	if (c->peer == NULL || !dp_index_alloc(g.dp, c, &c->local_index)) {
		snprintf(err, err_size, "no memory for peer %u", i);
		return -1;
	}
	dp_peer_set_endpoint(g.dp, c->peer, &endpoint, NULL);
	if (dp_peer_allow(g.dp, c->peer, &inside, &taken, err, err_size) != 0)
		return -1;
	params.local_index = c->local_index;
	c->session = dp_session_publish(g.dp, c->peer, &params);
	if (c->session == NULL) {
		snprintf(err, err_size, "no memory for session %u", i);
		return -1;
	}
	/* A run may take longer than a session lives. */
	c->session->reject_ns = UINT64_MAX;
	c->session->rekey_send_ns = UINT64_MAX;
	dp_peer_set_current(c->peer, c->session);
	return 0;
}

static void
add_neighbour(uint8_t port, uint32_t addr)
{
	static const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 1}};
	struct ip_addr a = ipv4(addr);

	atomic_store(&neigh_insert(g.dp->neighbours, port, &a)->hw, neigh_pack(&mac));
}

static void
no_control(void *arg)
{
	(void)arg;
}

int
gateway_create(uint32_t n_peers, unsigned n_workers, char *err, size_t err_size)
{
	struct port_config ports[N_PORTS] = {
		{.name = "wan0", .device = "net_null_bench0", .mtu = 1500, .n_addresses = 1},
		{.name = "lan0", .device = "net_null_bench1", .mtu = 1500, .n_addresses = 1},
	};
	struct iface_config iface = {
		.name = "wg0", .listen_port = LISTEN_PORT, .mtu = 1424, .hairpin = true};
	struct route_config route = {
		.to = {.addr = ipv4(0)}, .via = ipv4(RTE_IPV4(192, 0, 2, 254))};
	struct dataplane_config config = {
		.n_workers = (uint8_t)n_workers,
		.max_peers = n_peers,
		.max_prefixes = n_peers,
		.ports = ports,
		.n_ports = N_PORTS,
		.ifaces = &iface,
		.n_ifaces = 1,
		.routes = &route,
		.n_routes = 1,
		.wake_control = no_control,
	};

	ports[WAN].addresses[0] =
		(struct ip_prefix){.addr = ipv4(RTE_IPV4(192, 0, 2, 1)), .len = 24};
	ports[LAN].addresses[0] =
		(struct ip_prefix){.addr = ipv4(RTE_IPV4(192, 168, 1, 1)), .len = 24};
	g.n_lanes = n_workers;
	g.dp = dataplane_create(&config, err, err_size);
	if (g.dp == NULL)
		return -1;
	take_over_ports();
	for (unsigned w = 0; w < n_workers; w++) {
		rte_rcu_qsbr_thread_register(g.dp->qsbr, w);
		g.lane[w].aead = aead_ctx_create();
		if (g.lane[w].aead == NULL) {
			snprintf(err, err_size, "no memory for the clients' cipher");
			return -1;
		}
	}
	add_neighbour(WAN, RTE_IPV4(192, 0, 2, 254));
	add_neighbour(LAN, LAN_HOST);
	g.n_clients = n_peers;
	g.clients = calloc(n_peers, sizeof(*g.clients));
	if (g.clients == NULL) {
		snprintf(err, err_size, "no memory for %u clients", n_peers);
		return -1;
	}
	for (uint32_t i = 0; i < n_peers; i++)
		if (add_client(&g.clients[i], i, err, err_size) != 0)
			return -1;
	dp_allow_commit(g.dp);
	return 0;
}

int
gateway_destroy(void)
{
	unsigned missing;

	for (unsigned w = 0; w < g.n_lanes; w++) {
		struct lane *l = &g.lane[w];

		rte_mempool_put_bulk(g.dp->pool, (void **)l->fresh, l->n_fresh);
		l->n_fresh = 0;
		for (unsigned p = 0; p < N_PORTS; p++)
			while (l->port[p].rx_first < l->port[p].rx_end)
				rte_pktmbuf_free(l->port[p].rx[l->port[p].rx_first++].m);
		aead_ctx_destroy(l->aead);
		l->next_client = 0;
	}
	missing = dataplane_destroy(g.dp);
	free(g.clients);
	return missing == 0 ? 0 : -1;
}

struct worker *
gateway_worker(unsigned w)
{
	return g.dp->workers[w];
}

void
gateway_drain_events(void)
{
	struct dp_event events[64];

	while (dataplane_events(g.dp, events, RTE_DIM(events)) > 0)
		;
}

unsigned
gateway_pending(unsigned w)
{
	const struct memory_port *p = g.lane[w].port;

	return p[WAN].rx_end - p[WAN].rx_first + p[LAN].rx_end - p[LAN].rx_first;
}

void
gateway_arrivals(unsigned w, double cycles)
{
	struct lane *l = &g.lane[w];

	l->offered = cycles;
	l->taken = l->missed = 0;
	l->begun_tsc = rte_rdtsc();
}

void
gateway_set_burst(unsigned burst)
{
	g.burst = burst;
}

uint64_t
gateway_burst_bytes(unsigned w)
{
	return g.lane[w].burst_bytes;
}

void
gateway_keep_sent(bool keep)
{
	g.keep = keep;
}

/* ---- packets ------------------------------------------------------------------------------- */

/* Co-prime with any number of clients that is a product of 2 and 5: all get their turn. */
static uint32_t
next_client(struct lane *l)
{
	uint32_t own = g.n_clients / g.n_lanes;

	l->next_client = (uint32_t)((l->next_client + UINT64_C(7919)) % own);
	return l->next_client * g.n_lanes + l->id;
}

static void
put_ipv4(void *at, uint32_t src, uint32_t dst, uint16_t len, uint8_t proto, uint8_t ttl)
{
	struct rte_ipv4_hdr *ip = at;

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(len),
		.time_to_live = ttl,
		.next_proto_id = proto,
		.src_addr = rte_cpu_to_be_32(src),
		.dst_addr = rte_cpu_to_be_32(dst),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* The inner packet: its payload is its number, eight bytes over and over. */
static void
put_inner(uint8_t *at, const struct expected *e, uint8_t ttl)
{
	uint32_t src = e->sender == UINT32_MAX ? LAN_HOST : INSIDE(e->sender);
	uint32_t dst = e->receiver == UINT32_MAX ? LAN_HOST : INSIDE(e->receiver);
	uint64_t word = e->number * UINT64_C(0x9e3779b97f4a7c15);

	put_ipv4(at, src, dst, e->len, 253, ttl);
	for (unsigned i = sizeof(struct rte_ipv4_hdr); i < e->len; i++)
		at[i] = (uint8_t)(word >> 8 * (i % 8));
}

static void
put_ethernet(uint8_t *at, unsigned port)
{
	struct rte_ether_hdr *eth = (void *)at;

	eth->dst_addr = g.dp->ports.port[port].mac;
	eth->src_addr = (struct rte_ether_addr){{2, 0, 0, 0, 0, 1}};
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
}

/* A sealed packet of a client; the text is sealed by the caller. */
static uint16_t
put_sealed(uint8_t *at, const struct expected *e, struct aead_op *op)
{
	struct client *c = &g.clients[e->sender];
	struct rte_udp_hdr *udp = (void *)(at + sizeof(struct rte_ipv4_hdr));
	struct message_data *header = (void *)(udp + 1);
	uint16_t padded = RTE_ALIGN(e->len, MESSAGE_PADDING);
	uint16_t udp_len = sizeof(*udp) + sizeof(*header) + padded + NOISE_TAG_LEN;

	put_ipv4(at, OUTSIDE(e->sender), RTE_IPV4(192, 0, 2, 1),
		udp_len + sizeof(struct rte_ipv4_hdr), IPPROTO_UDP, 64);
	*udp = (struct rte_udp_hdr){
		.src_port = RTE_BE16(PEER_PORT),
		.dst_port = RTE_BE16(LISTEN_PORT),
		.dgram_len = rte_cpu_to_be_16(udp_len),
	};
	*header = (struct message_data){
		.type_le = rte_cpu_to_le_32(MESSAGE_DATA),
		.receiver_index_le = rte_cpu_to_le_32(c->local_index),
		.counter_le = rte_cpu_to_le_64(c->counter),
	};
	memset(header + 1, 0, padded);
	put_inner((uint8_t *)(header + 1), e, 64);
	*op = (struct aead_op){
		.key = c->to_gateway,
		.counter = c->counter++,
		.data = (uint8_t *)(header + 1),
		.length = padded,
	};
	return udp_len + sizeof(struct rte_ipv4_hdr);
}

int
gateway_refill(unsigned w, enum bench_way way, unsigned size)
{
	struct lane *l = &g.lane[w];
	struct memory_port *port = &l->port[way == WAY_ENCAP ? LAN : WAN];
	unsigned missing = GATEWAY_REFILL - l->n_fresh;

	if (missing > 0 &&
		rte_mempool_get_bulk(g.dp->pool, (void **)(l->fresh + l->n_fresh), missing) != 0)
		return -1;
	for (unsigned i = 0; i < GATEWAY_REFILL; i++) {
		struct rte_mbuf *m = l->fresh[i];
		uint8_t *frame = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
		struct expected *e = &l->expected[i];

		*e = (struct expected){
			.sender = way == WAY_ENCAP ? UINT32_MAX : next_client(l),
			.receiver = way == WAY_DECAP ? UINT32_MAX : next_client(l),
			.len = size != 0 ? size : mix[l->next_number % RTE_DIM(mix)],
			.number = l->next_number++,
		};
		put_ethernet(frame, way == WAY_ENCAP ? LAN : WAN);
		port->rx[i] = (struct descriptor){.m = m, .len = e->len, .inner_len = e->len};
		if (way == WAY_ENCAP)
			put_inner(frame + RTE_ETHER_HDR_LEN, e, 64);
		else
			port->rx[i].len = put_sealed(frame + RTE_ETHER_HDR_LEN, e, &l->ops[i]);
		port->rx[i].len += RTE_ETHER_HDR_LEN;
	}
	if (way != WAY_ENCAP)
		for (unsigned i = 0; i < GATEWAY_REFILL; i += 64)
			aead_seal_burst(l->aead, l->ops + i, 64);
	l->n_fresh = 0;
	port->rx_first = 0;
	port->rx_end = GATEWAY_REFILL;
	return 0;
}

/* ---- check --------------------------------------------------------------------------------- */

/* The inner packet of what was sent; NULL with a reason in err. */
static const uint8_t *
unwrap(enum bench_way way, struct rte_mbuf *m, const struct expected *e, const char **err)
{
	static uint8_t text[FRAME_MAX];
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, void *, RTE_ETHER_HDR_LEN);
	struct rte_udp_hdr *udp = (void *)(ip + 1);
	const struct message_data *header = (const void *)(udp + 1);
	uint16_t padded = RTE_ALIGN(e->len, MESSAGE_PADDING), sum;

	if (way == WAY_DECAP) {
		*err = m->data_len == RTE_ETHER_HDR_LEN + e->len ? NULL : "wrong length";
		return (const uint8_t *)ip;
	}
	*err = "outer headers";
	if (m->data_len != RTE_ETHER_HDR_LEN + sizeof(*ip) + sizeof(*udp) + sizeof(*header) +
				   padded + NOISE_TAG_LEN ||
		ip->dst_addr != rte_cpu_to_be_32(OUTSIDE(e->receiver)) ||
		rte_raw_cksum(ip, sizeof(*ip)) != 0xffff)
		return NULL;
	sum = udp->dgram_cksum;
	udp->dgram_cksum = 0;
	*err = "UDP checksum";
	if (rte_ipv4_udptcp_cksum(ip, udp) != sum)
		return NULL;
	*err = "AEAD";
	if (!aead_open_one(text, (const uint8_t *)(header + 1), padded + NOISE_TAG_LEN, NULL, 0,
		    rte_le_to_cpu_64(header->counter_le), g.clients[e->receiver].from_gateway))
		return NULL;
	*err = NULL;
	return text;
}

int
gateway_check(enum bench_way way, char *err, size_t err_size)
{
	struct lane *l = &g.lane[0];
	struct memory_port *port = &l->port[way == WAY_DECAP ? LAN : WAN];
	uint8_t want[FRAME_MAX];
	const char *why = NULL;
	const uint8_t *got;
	unsigned i;

	if (port->n_sent != GATEWAY_REFILL)
		why = "packets are missing";
	for (i = 0; why == NULL && i < port->n_sent; i++) {
		got = unwrap(way, port->sent[i], &l->expected[i], &why);
		put_inner(want, &l->expected[i], 63);
		if (why == NULL && memcmp(got, want, l->expected[i].len) != 0)
			why = "the contents differ";
	}
	if (why != NULL)
		snprintf(err, err_size, "packet %u of %u: %s", i, port->n_sent, why);
	rte_pktmbuf_free_bulk(port->sent, port->n_sent);
	port->n_sent = 0;
	return why == NULL ? 0 : -1;
}
