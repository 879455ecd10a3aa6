/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/fuzz/gateway.h"

#include <netinet/in.h>
#include <rte_arp.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_log.h>

#include "control/icmp.h"
#include "control/local.h"
#include "control/publish.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/clock.h"
#include "tests/fuzz/accounts.h"
#include "tests/fuzz/mbufs.h"

/*
 * The clock is the TSC with a rate so low that it stands still during an input:
 * 2^21 cycles to a nanosecond. It is put anew where it is to be.
 */
#define CLOCK_MULT 2048u
#define CLOCK_SHIFT 21
#define START_NS (1000 * NS_PER_SEC)
/* No input lets it pass: the 64 bits of cycles end at 8796 s. */
#define END_NS (7000 * NS_PER_SEC)

struct control *gateway_control;
struct gateway_client gateway_clients[GATEWAY_CLIENTS];

static uint64_t now_ns;
static struct iface_config ifaces[2];
static struct config_interface config_ifaces[2];

static const struct {
	uint8_t iface;
	bool psk;
	const char *endpoint; /* that the gateway knows */
	const char *from; /* that the client sends from */
	const char *allowed[3];
} specs[GATEWAY_CLIENTS] = {
	{0, false, "203.0.113.5:7777", "203.0.113.5:7777",
		{"10.8.0.2/32", "fd00:8::2/128", "192.168.77.0/24"}},
	{0, true, "[2001:db8:f::5]:7777", "[2001:db8:f::5]:7777",
		{"10.8.0.3/32", "fd00:8::3/128", "10.30.0.0/16"}},
	{1, false, NULL, "203.0.113.9:9", {"10.9.0.2/32", "198.51.100.0/24"}},
	{1, false, "192.0.2.77:7777", "192.0.2.77:7777", {"10.9.0.3/32", "fd00:9::3/128"}},
	{0, false, "203.0.113.6:7777", "203.0.113.6:7777", {"10.8.0.66/32"}},
	{0, false, "203.0.113.7:7777", "203.0.113.7:7777", {"10.8.0.67/32"}},
};

/* ---- time ------------------------------------------------------------------------- */

static void
set_clock(void)
{
	dp_clock.mult = CLOCK_MULT;
	dp_clock.base_tsc = rte_rdtsc() - ((now_ns - NS_PER_SEC) << CLOCK_SHIFT);
}

uint64_t
gateway_now(void)
{
	return now_ns;
}

void
gateway_advance(uint64_t ns)
{
	struct control *c = gateway_control;

	now_ns = RTE_MIN(now_ns + ns, END_NS);
	fuzz_wall_ns += ns;
	set_clock();
	for (unsigned i = 0; i < GATEWAY_CLIENTS; i++) {
		struct peer *peer = gateway_clients[i].peer;

		if (peer != NULL && (timers_next(&peer->timers) <= now_ns ||
					    (peer->recheck_ns != 0 && peer->recheck_ns <= now_ns)))
			handshake_wakeup(c->loop, &peer->wakeup, 0);
	}
	local_tick(c->local, now_ns);
}

/* ---- life ------------------------------------------------------------------------- */

static void
create_control(void)
{
	static struct dataplane_config dp_config = {.ifaces = ifaces, .n_ifaces = 2};
	struct config config = {.interfaces = config_ifaces, .n_interfaces = 2};
	static const char *const inner[2][2] = {
		{"10.8.0.1/16", "fd00:8::1/64"}, {"10.9.0.1/16", "fd00:9::1/64"}};
	char err[256];

	config.dataplane.max_peers = GATEWAY_MAX_PEERS;
	FUZZ_ASSERT(rig.dp->max_peers == GATEWAY_MAX_PEERS);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(config_ifaces[i].name, sizeof(config_ifaces[i].name), "wg%u", i);
		config_ifaces[i].listen_port = (uint16_t)(51820 + i);
		memset(config_ifaces[i].private_key, (int)(0x40 + i), 32);
		snprintf(ifaces[i].name, sizeof(ifaces[i].name), "wg%u", i);
		ifaces[i].listen_port = config_ifaces[i].listen_port;
		ifaces[i].n_addresses = 2;
		FUZZ_ASSERT(ip_prefix_parse(&ifaces[i].addresses[0], inner[i][0]));
		FUZZ_ASSERT(ip_prefix_parse(&ifaces[i].addresses[1], inner[i][1]));
	}
	gateway_control = control_create(&config, err, sizeof(err));
	FUZZ_ASSERT(gateway_control != NULL);
	FUZZ_ASSERT(control_attach(gateway_control, rig.dp, &dp_config, err, sizeof(err)) == 0);
}

static void
client_public(unsigned i, uint8_t key[32])
{
	struct gateway_client *c = &gateway_clients[i];

	if (i == 4) /* of low order */
		memset(key, 0, 32);
	else if (i == 5)
		memcpy(key, gateway_control->ifaces[c->iface].identity.static_public, 32);
	else
		memcpy(key, c->id.static_public, 32);
}

/* What has nothing to do with the peers of the gateway. */
static void
client_reset(unsigned i)
{
	struct gateway_client *c = &gateway_clients[i];
	const uint8_t *gateway;
	uint8_t private_key[32], psk[32];

	memset(private_key, (int)(0x50 + i), sizeof(private_key));
	memset(psk, 0x77, sizeof(psk));
	c->iface = specs[i].iface;
	noise_identity_init(&c->id);
	if (i == 5)
		noise_identity_set(&c->id, config_ifaces[c->iface].private_key);
	else
		noise_identity_set(&c->id, private_key);
	gateway = gateway_control->ifaces[c->iface].identity.static_public;
	noise_peer_init(&c->gateway, gateway, specs[i].psk ? psk : NULL);
	cookie_peer_init(&c->cookie, gateway);
	FUZZ_ASSERT(ip_endpoint_parse(&c->endpoint, specs[i].from));
}

static void
set_configured(unsigned i)
{
	struct peer *peer = gateway_clients[i].peer;
	struct ip_endpoint endpoint = {.addr.family = IP_NONE};
	uint8_t psk[32];

	memset(psk, 0x77, sizeof(psk));
	noise_peer_set_psk(&peer->noise, specs[i].psk ? psk : NULL);
	if (specs[i].endpoint != NULL)
		FUZZ_ASSERT(ip_endpoint_parse(&endpoint, specs[i].endpoint));
	dp_peer_set_endpoint(rig.dp, peer->dp, &endpoint, NULL);
}

void
gateway_add(unsigned i)
{
	struct gateway_client *c = &gateway_clients[i];
	struct ip_prefix allowed[3];
	uint32_t n = 0, budget = 1000;
	struct prefix_edit edit;
	uint8_t key[32];
	char err[256];

	client_public(i, key);
	c->peer = peer_create(gateway_control, c->iface, key, err, sizeof(err));
	FUZZ_ASSERT(c->peer != NULL);
	snprintf(c->peer->name, sizeof(c->peer->name), "client%u", i);
	for (; n < 3 && specs[i].allowed[n] != NULL; n++)
		FUZZ_ASSERT(ip_prefix_parse(&allowed[n], specs[i].allowed[n]));
	FUZZ_ASSERT(prefix_edit_begin(&edit, c->peer, allowed, n, err, sizeof(err)) == 0);
	FUZZ_ASSERT(prefix_edit_run(&edit, &budget, err, sizeof(err)) == EDIT_DONE);
	dp_allow_commit(rig.dp);
	set_configured(i);
}

void
gateway_remove(unsigned i)
{
	if (gateway_clients[i].peer == NULL)
		return;
	peer_destroy(gateway_clients[i].peer);
	dp_allow_commit(rig.dp);
	gateway_clients[i].peer = NULL;
}

void
gateway_init(void)
{
	static char *argv[] = {"fuzz", "--no-huge", "--no-shconf", "-m", "1024", "--no-pci",
		"--no-telemetry", "--log-level=critical", "-l", "0", NULL};
	char err[256];

	fuzz_begin();
	FUZZ_ASSERT(rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv) >= 0);
	rte_log_set_global_level(RTE_LOG_CRIT);
	FUZZ_ASSERT(crypto_init(err, sizeof(err)) == 0);
	now_ns = START_NS;
	set_clock();
	rig_setup_two_workers(NULL);
	mbufs_watch(rig.dp->pool);
	create_control();
	for (unsigned i = 0; i < GATEWAY_CLIENTS; i++) {
		client_reset(i);
		gateway_add(i);
	}
}

/* ---- state from input to input ----------------------------------------------------- */

static void
peer_reset(struct peer *peer)
{
	struct peer_dp *dp = peer->dp;
	uint8_t key[32];

	memcpy(key, peer->noise.remote_static, sizeof(key));
	handshake_forget(peer);
	timers_init(&peer->timers);
	noise_peer_init(&peer->noise, key, NULL);
	cookie_peer_init(&peer->cookie, key);
	peer->recheck_ns = peer->roam_line_ns = 0;
	peer->watch = WATCH_IDLE;
	peer->abandoned_why = NULL;
	atomic_store(&dp->handshake_wanted, false);
	dp->last_rx_ns = dp->last_tx_ns = 0;
	atomic_store(&dp->moved_ns, 0);
}

static void
neighbours_reset(void)
{
	struct neigh *n;
	uint32_t cursor = 0;

	while ((n = neigh_next(rig.dp->neighbours, &cursor)) != NULL) {
		neigh_remove(rig.dp->neighbours, n);
		cursor = 0;
	}
	local_destroy(gateway_control->local);
	gateway_control->local = local_create(rig.dp, NEIGHBOURS_MAX, ifaces, 2, now_ns);
	FUZZ_ASSERT(gateway_control->local != NULL);
}

static void
checkers_reset(void)
{
	struct control *c = gateway_control;

	for (unsigned i = 0; i < 2; i++)
		cookie_checker_init(&c->ifaces[i].checker, c->ifaces[i].identity.static_public);
	ratelimiter_destroy(c->limiter);
	c->limiter = ratelimiter_create(64);
	FUZZ_ASSERT(c->limiter != NULL);
	memset(&c->load, 0, sizeof(c->load));
	c->reject_lines = (struct per_second){0};
}

static void
receive_arp(uint8_t port, const struct ip_addr *from)
{
	uint8_t frame[RTE_ETHER_HDR_LEN + sizeof(struct rte_arp_hdr)] = {0};
	struct rte_ether_hdr *eth = (void *)frame;
	struct rte_arp_hdr *arp = (void *)(eth + 1);

	eth->dst_addr = rig.dp->ports.port[port].mac;
	eth->src_addr = (struct rte_ether_addr){{2, 0, 0, 0, port, 1}};
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
	arp->arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = RTE_ETHER_ADDR_LEN;
	arp->arp_plen = 4;
	arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	arp->arp_data.arp_sha = eth->src_addr;
	arp->arp_data.arp_tha = eth->dst_addr;
	memcpy(&arp->arp_data.arp_sip, from->bytes, 4);
	memcpy(&arp->arp_data.arp_tip, rig.dp->ports.port[port].addresses[0].addr.bytes, 4);
	gateway_receive(port, 0, frame, sizeof(frame), UINT16_MAX);
}

/* RFC 4861, 4.4: solicited, with the target's link-layer address. */
static void
receive_advertisement(uint8_t port, const struct ip_addr *from)
{
	struct rig_packet ip = {.len = 40 + 32};
	uint8_t *icmp = ip.data + 40;

	ip.data[0] = 0x60;
	ip.data[5] = 32;
	ip.data[6] = IPPROTO_ICMPV6;
	ip.data[7] = 255;
	memcpy(ip.data + 8, from->bytes, 16);
	memcpy(ip.data + 24, rig.dp->ports.port[port].addresses[1].addr.bytes, 16);
	memset(icmp, 0, 32);
	icmp[0] = 136;
	icmp[4] = 0x60;
	memcpy(icmp + 8, from->bytes, 16);
	memcpy(icmp + 24, (uint8_t[]){2, 1, 2, 0, 0, 0, port, 1}, 8);
	icmp6_set_checksum(ip.data, ip.len);
	gateway_receive_ip(port, 0, &ip);
}

/* The routers and the LAN host are asked for, and answer. */
static void
introduce_neighbours(void)
{
	static const struct {
		uint8_t port;
		const char *addr;
	} hosts[] = {{RIG_WAN, "192.0.2.254"}, {RIG_LAN, "10.20.0.2"}, {RIG_WAN, "2001:db8::254"},
		{RIG_LAN, "fd00:20::2"}};

	for (unsigned i = 0; i < RTE_DIM(hosts); i++) {
		struct dp_event want = {.type = DP_WANT_NEIGH, .port = hosts[i].port};

		FUZZ_ASSERT(ip_addr_parse(&want.addr, hosts[i].addr));
		local_want_neigh(gateway_control->local, &want, now_ns);
		if (want.addr.family == IP_V4)
			receive_arp(hosts[i].port, &want.addr);
		else
			receive_advertisement(hosts[i].port, &want.addr);
	}
}

void
gateway_begin(void)
{
	fuzz_begin();
	now_ns = START_NS;
	set_clock();
	neighbours_reset();
	checkers_reset();
	for (unsigned w = 0; w < rig.n_workers; w++) {
		rig_worker(w)->now_ns = now_ns;
		rig_worker(w)->next_housekeeping_ns = 0;
		rig_worker(w)->ipv4_id = 0;
	}
	for (unsigned i = 0; i < GATEWAY_CLIENTS; i++) {
		client_reset(i);
		if (gateway_clients[i].peer == NULL) {
			gateway_add(i);
			continue;
		}
		peer_reset(gateway_clients[i].peer);
		set_configured(i);
	}
	introduce_neighbours();
	gateway_run(NULL);
}

static void
reset_all(void)
{
	for (unsigned i = 0; i < GATEWAY_CLIENTS; i++)
		if (gateway_clients[i].peer != NULL)
			peer_reset(gateway_clients[i].peer);
}

void
gateway_end(void)
{
	for (unsigned p = 0; p < RIG_PORTS; p++)
		for (unsigned w = 0; w < RIG_WORKERS_MAX; w++)
			rig.tx[p][w].room = UINT32_MAX / 2;
	gateway_run(NULL);
	/* What waits for a neighbour waits for 5 s, and its end may be answered once. */
	for (unsigned round = 0; round < 3; round++) {
		reset_all();
		now_ns += 10 * NS_PER_SEC;
		gateway_run(NULL);
	}
	reset_all();
	do
		gateway_run(NULL);
	while (dataplane_reclaim(rig.dp));
	FUZZ_ASSERT(rte_mempool_in_use_count(rig.dp->pool) == 0);
	FUZZ_ASSERT(atomic_load(&rig.dp->n_sessions) == 0);
	FUZZ_ASSERT(rig.dp->index.used == 0);
}

/* ---- packets ---------------------------------------------------------------------- */

bool
gateway_session(unsigned client, bool initiator, unsigned worker, struct gateway_session *out)
{
	struct peer *peer = gateway_clients[client].peer;
	struct noise_keys keys;
	uint32_t index, remote;
	bool ok;

	if (peer == NULL || !dp_index_alloc(rig.dp, peer, &index))
		return false;
	crypto_random(&keys, sizeof(keys));
	crypto_random(&remote, sizeof(remote));
	ok = initiator ? publish_initiator_session(peer, &keys, index, remote, (uint8_t)worker)
		       : publish_responder_session(peer, &keys, index, remote, (uint8_t)worker);
	FUZZ_ASSERT(ok);
	timers_session_derived(&peer->timers, now_ns);
	*out = (struct gateway_session){
		.client = client, .iface = peer->iface, .local_index = index};
	memcpy(out->to_gateway, keys.receive, 32);
	return true;
}

void
gateway_receive(uint8_t port, unsigned queue, const void *frame, uint16_t len, uint16_t segment)
{
	struct rig_queue *q = &rig.rx[port][queue];

	if (len == 0 || q->n == RIG_QUEUE)
		return;
	q->m[(q->first + q->n++) % RIG_QUEUE] = mbufs_frame(rig.dp->pool, frame, len, segment);
}

void
gateway_receive_ip(uint8_t port, unsigned queue, const struct rig_packet *ip)
{
	uint8_t frame[RIG_PACKET_MAX + RTE_ETHER_HDR_LEN];
	struct rte_ether_hdr *eth = (void *)frame;

	eth->dst_addr = rig.dp->ports.port[port].mac;
	eth->src_addr = (struct rte_ether_addr){{2, 0, 0, 0, port, 1}};
	eth->ether_type = ip->len > 0 && ip->data[0] >> 4 == 6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
							       : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	memcpy(eth + 1, ip->data, ip->len);
	gateway_receive(port, queue, frame,
		RTE_MIN(ip->len, RTE_MBUF_DEFAULT_DATAROOM - RTE_ETHER_HDR_LEN) + RTE_ETHER_HDR_LEN,
		UINT16_MAX);
}

/* ---- running ---------------------------------------------------------------------- */

static void
check_sent(uint8_t port, const struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct rte_ether_hdr *eth = (const void *)frame;
	uint16_t have = m->data_len - RTE_ETHER_HDR_LEN, want;

	FUZZ_ASSERT(m->nb_segs == 1 && m->pkt_len == m->data_len && rte_mbuf_refcnt_read(m) == 1);
	FUZZ_ASSERT(m->data_len > RTE_ETHER_HDR_LEN + 20 && have <= rig.dp->ports.port[port].mtu);
	FUZZ_ASSERT(rte_is_same_ether_addr(&eth->src_addr, &rig.dp->ports.port[port].mac));
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		const struct rte_ipv4_hdr *ip = (const void *)(eth + 1);

		want = rte_be_to_cpu_16(ip->total_length);
		FUZZ_ASSERT(ip->version_ihl >> 4 == 4 && (ip->version_ihl & 15) >= 5);
	} else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		const struct rte_ipv6_hdr *ip = (const void *)(eth + 1);

		want = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
		FUZZ_ASSERT(frame[sizeof(*eth)] >> 4 == 6);
	} else {
		FUZZ_ASSERT(eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP));
		want = 28;
	}
	FUZZ_ASSERT(want == have);
}

static void
drain_sent(void (*sent)(uint8_t port, const uint8_t *frame, uint16_t len))
{
	for (uint8_t p = 0; p < RIG_PORTS; p++) {
		for (unsigned w = 0; w < RIG_WORKERS_MAX; w++) {
			struct rig_queue *q = &rig.tx[p][w];

			for (; q->n > 0; q->n--) {
				struct rte_mbuf *m = q->m[q->first++ % RIG_QUEUE];

				check_sent(p, m);
				if (sent != NULL)
					sent(p, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
				rte_pktmbuf_free(m);
			}
		}
	}
}

static bool
work_left(void)
{
	for (unsigned w = 0; w < rig.n_workers; w++) {
		const struct worker *worker = rig_worker(w);

		if (!rte_ring_empty(worker->mailbox) || !rte_ring_empty(worker->inject) ||
			!rte_ring_empty(worker->handoff))
			return true;
		for (unsigned p = 0; p < RIG_PORTS; p++)
			if (rig.rx[p][w].n > 0)
				return true;
	}
	return false;
}

static void
run_control(void)
{
	struct control *c = gateway_control;
	struct dp_event event;

	while (dataplane_events(rig.dp, &event, 1) > 0) {
		if (event.type == DP_WANT_NEIGH)
			local_want_neigh(c->local, &event, now_ns);
		else
			handshake_event(c, &event);
	}
	while (handshake_poll(c) > 0)
		;
	while (local_poll(c->local, now_ns) > 0)
		;
	gateway_advance(0);
}

void
gateway_run(void (*sent)(uint8_t port, const uint8_t *frame, uint16_t len))
{
	unsigned rounds = 0;

	do {
		struct tally before, after;

		set_clock();
		accounts_count(&before);
		for (unsigned w = 0; w < rig.n_workers; w++)
			rig_turn(w);
		accounts_count(&after);
		accounts_check(&before, &after);
		drain_sent(sent);
		set_clock();
		run_control();
		/* A packet that makes others without end would be a storm. */
		FUZZ_ASSERT(++rounds < 200);
	} while (work_left());
}
