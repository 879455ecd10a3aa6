/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/rig.h"

#include <stdio.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "crypto_accel/crypto_accel.h"
#include "dataplane/rcu.h"
#include "tests/unit/eal.h"

struct rig rig;

#define MAX_PEERS 64

static uint64_t drops_seen[DROP_REASON_COUNT][IFACE_MAX + 1];
static uint64_t charges_seen[MAX_PEERS][PEER_DROP_COUNT];
static const char *const neighbours[][2] = {
	{"192.0.2.254", "2001:db8::254"}, {"10.20.0.2", "fd00:20::2"}};

/* ---- ports ------------------------------------------------------------------------ */

static uint16_t
rig_rx_burst(void *rxq, struct rte_mbuf **m, uint16_t n)
{
	struct rig_queue *q = rxq;

	n = RTE_MIN(n, q->n);
	for (unsigned i = 0; i < n; i++)
		m[i] = q->m[q->first++ % RIG_QUEUE];
	q->n -= n;
	return n;
}

static uint16_t
rig_tx_burst(void *txq, struct rte_mbuf **m, uint16_t n)
{
	struct rig_queue *q = txq;

	n = RTE_MIN(n, q->room);
	q->room -= n;
	assert_true(q->n + n <= RIG_QUEUE);
	for (unsigned i = 0; i < n; i++)
		q->m[(q->first + q->n++) % RIG_QUEUE] = m[i];
	return n;
}

static void
wake_control(void *arg)
{
	((struct rig *)arg)->wakes++;
}

/* The drivers' functions are replaced by ours: net_null only lends its name. */
static void
take_over_ports(void)
{
	static void *rxq[RIG_PORTS][RIG_WORKERS_MAX], *txq[RIG_PORTS][RIG_WORKERS_MAX];

	for (unsigned p = 0; p < RIG_PORTS; p++) {
		struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[rig.dp->ports.port[p].dpdk_id];

		for (unsigned q = 0; q < RIG_WORKERS_MAX; q++) {
			rxq[p][q] = &rig.rx[p][q];
			txq[p][q] = &rig.tx[p][q];
			rig.tx[p][q].room = UINT32_MAX / 2;
		}
		ops->rx_pkt_burst = rig_rx_burst;
		ops->tx_pkt_burst = rig_tx_burst;
		ops->rxq.data = rxq[p];
		ops->txq.data = txq[p];
	}
}

/* ---- life ------------------------------------------------------------------------- */

int
rig_eal_setup(void **state)
{
	char err[128];

	if (eal_setup_mb("1024") != 0 || crypto_init(err, sizeof(err)) != 0)
		return -1;
	dp_clock_init();
	return 0;
}

static struct ip_prefix
parse_prefix(const char *s)
{
	struct ip_prefix p;

	assert_true(ip_prefix_parse(&p, s));
	return p;
}

static struct ip_addr
parse_addr(const char *s)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(&a, s));
	return a;
}

static int
create(unsigned n_workers)
{
	struct port_config ports[RIG_PORTS] = {
		{.name = "wan0", .device = "net_null_rig0", .mtu = 1500, .n_addresses = 2},
		{.name = "lan0", .device = "net_null_rig1", .mtu = 1500, .n_addresses = 2},
	};
	struct iface_config ifaces[2] = {
		{.name = "wg0", .listen_port = 51820, .mtu = 1420, .n_addresses = 2, .hairpin = 1},
		{.name = "wg1", .listen_port = 51821, .mtu = 1280, .n_addresses = 2},
	};
	struct route_config routes[2] = {
		{parse_prefix("203.0.113.0/24"), parse_addr("192.0.2.254")},
		{parse_prefix("2001:db8:f::/48"), parse_addr("2001:db8::254")},
	};
	struct dataplane_config config = {
		.n_workers = (uint8_t)n_workers,
		.max_peers = MAX_PEERS,
		.max_prefixes = 256,
		.ports = ports,
		.n_ports = RIG_PORTS,
		.ifaces = ifaces,
		.n_ifaces = 2,
		.routes = routes,
		.n_routes = 2,
		.wake_control = wake_control,
		.wake_arg = &rig,
	};
	char err[256];

	memset(&rig, 0, sizeof(rig));
	memset(drops_seen, 0, sizeof(drops_seen));
	memset(charges_seen, 0, sizeof(charges_seen));
	ports[RIG_WAN].addresses[0] = parse_prefix("192.0.2.1/24");
	ports[RIG_WAN].addresses[1] = parse_prefix("2001:db8::1/48");
	ports[RIG_LAN].addresses[0] = parse_prefix("10.20.0.1/24");
	ports[RIG_LAN].addresses[1] = parse_prefix("fd00:20::1/64");
	ifaces[0].addresses[0] = parse_prefix("10.8.0.1/16");
	ifaces[0].addresses[1] = parse_prefix("fd00:8::1/64");
	ifaces[1].addresses[0] = parse_prefix("10.9.0.1/16");
	ifaces[1].addresses[1] = parse_prefix("fd00:9::1/64");
	rig.n_workers = n_workers;
	rig.dp = dataplane_create(&config, err, sizeof(err));
	if (rig.dp == NULL)
		fail_msg("%s", err);
	rig.dp->running = true; /* removal waits for the workers' word, as it does in operation */
	take_over_ports();
	for (unsigned w = 0; w < n_workers; w++)
		rte_rcu_qsbr_thread_register(rig.dp->qsbr, w);
	for (unsigned p = 0; p < RIG_PORTS; p++)
		for (unsigned i = 0; i < 2; i++)
			rig_neigh((uint8_t)p, neighbours[p][i], true);
	return 0;
}

int
rig_setup(void **state)
{
	return create(1);
}

int
rig_setup_two_workers(void **state)
{
	return create(2);
}

static void
free_queue(struct rig_queue *q)
{
	struct rte_mbuf *m;

	while (rig_rx_burst(q, &m, 1) > 0)
		rte_pktmbuf_free(m);
}

int
rig_teardown(void **state)
{
	unsigned missing;

	for (unsigned p = 0; p < RIG_PORTS; p++) {
		for (unsigned w = 0; w < RIG_WORKERS_MAX; w++) {
			free_queue(&rig.rx[p][w]);
			free_queue(&rig.tx[p][w]);
		}
	}
	rig.dp->running = false;
	missing = dataplane_destroy(rig.dp);
	assert_int_equal(missing, 0);
	return 0;
}

/* ---- control ---------------------------------------------------------------------- */

void
rig_allow(struct rig_peer *p, const char *text)
{
	struct ip_prefix prefix = parse_prefix(text);
	uint32_t taken;
	char err[128];

	if (dp_peer_allow(rig.dp, p->peer, &prefix, &taken, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	dp_allow_commit(rig.dp);
}

struct rig_peer
rig_peer(uint8_t iface, const char *allowed, const char *endpoint)
{
	struct rig_peer p = {.peer = dp_peer_publish(rig.dp, iface), .iface = iface};
	char list[256], *one, *save;

	assert_non_null(p.peer);
	p.id = p.peer->id;
	p.generation = p.peer->generation;
	if (endpoint != NULL) {
		assert_true(ip_endpoint_parse(&p.endpoint, endpoint));
		dp_peer_set_endpoint(rig.dp, p.peer, &p.endpoint, NULL);
	}
	snprintf(list, sizeof(list), "%s", allowed);
	for (one = strtok_r(list, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save))
		rig_allow(&p, one);
	return p;
}

void
rig_session(struct rig_peer *p, bool initiator, uint8_t owner, bool current)
{
	struct rig_session *s = &p->s;
	struct session_params params = {
		.send_key = s->send_key,
		.recv_key = s->recv_key,
		.initiator = initiator,
		.owner = owner,
	};

	memset(s, 0, sizeof(*s));
	crypto_random(s->send_key, sizeof(s->send_key));
	crypto_random(s->recv_key, sizeof(s->recv_key));
	crypto_random(&s->remote_index, sizeof(s->remote_index));
	assert_true(dp_index_alloc(rig.dp, p->peer, &s->local_index));
	params.local_index = s->local_index;
	params.remote_index = s->remote_index;
	s->session = dp_session_publish(rig.dp, p->peer, &params);
	assert_non_null(s->session);
	if (current)
		dp_peer_set_current(p->peer, s->session);
}

void
rig_session_retire(struct rig_peer *p)
{
	dp_peer_set_current(p->peer, NULL);
	dp_session_retire(rig.dp, p->s.session);
	dp_index_free(rig.dp, p->s.local_index);
	p->s.session = NULL;
}

void
rig_neigh(uint8_t port, const char *text, bool resolved)
{
	struct rte_ether_addr mac = {{2, 0, 0, 0, port, 0}};
	struct ip_addr addr = parse_addr(text);
	struct neigh *n = neigh_insert(rig.dp->neighbours, port, &addr);

	assert_non_null(n);
	mac.addr_bytes[5] = addr.bytes[addr.family == IP_V4 ? 3 : 15];
	atomic_store(&n->hw, resolved ? neigh_pack(&mac) : 0);
}

void
rig_reclaim(void)
{
	do
		rig_turn_all();
	while (dataplane_reclaim(rig.dp));
}

/* ---- workers ---------------------------------------------------------------------- */

struct worker *
rig_worker(unsigned worker)
{
	return rig.dp->workers[worker];
}

void
rig_turn(unsigned worker)
{
	rte_rcu_qsbr_thread_online(rig.dp->qsbr, worker);
	worker_turn(rig_worker(worker));
	rte_rcu_qsbr_thread_offline(rig.dp->qsbr, worker);
}

static bool
is_busy(const struct worker *w)
{
	for (unsigned p = 0; p < RIG_PORTS; p++)
		if (rig.rx[p][w->id].n > 0)
			return true;
	return !rte_ring_empty(w->mailbox) || !rte_ring_empty(w->inject) ||
	       !rte_ring_empty(w->handoff);
}

void
rig_turn_all(void)
{
	bool busy;

	do {
		busy = false;
		for (unsigned w = 0; w < rig.n_workers; w++)
			rig_turn(w);
		for (unsigned w = 0; w < rig.n_workers; w++)
			busy = busy || is_busy(rig_worker(w));
	} while (busy);
}

uint64_t
rig_drops(enum drop_reason reason)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= IFACE_MAX; i++)
		sum += dataplane_drops(rig.dp, reason, i);
	return sum;
}

void
rig_expect_drops(enum drop_reason reason, unsigned iface, uint64_t n)
{
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++) {
		for (unsigned i = 0; i <= IFACE_MAX; i++) {
			uint64_t is = dataplane_drops(rig.dp, r, i);
			uint64_t want = n > 0 && r == reason && i == iface ? n : 0;

			if (is - drops_seen[r][i] != want)
				fail_msg("%s of interface %u: %d drops, should be %d",
					drop_reason_name[r], i, (int)(is - drops_seen[r][i]),
					(int)want);
			drops_seen[r][i] = is;
		}
	}
}

void
rig_expect_no_drops(void)
{
	rig_expect_drops(0, 0, 0);
}

void
rig_expect_charged(const struct rig_peer *p, enum peer_drop reason, uint64_t n)
{
	for (uint32_t id = 0; id < MAX_PEERS; id++) {
		for (unsigned r = 0; r < PEER_DROP_COUNT; r++) {
			uint64_t is = atomic_load(&rig.dp->peer_drops[id].packets[r]);
			uint64_t want = p != NULL && p->id == id && r == reason ? n : 0;

			if (is - charges_seen[id][r] != want)
				fail_msg("%s of peer %u: %d charged, should be %d",
					drop_reason_name[peer_drop_reason[r]], id,
					(int)(is - charges_seen[id][r]), (int)want);
			charges_seen[id][r] = is;
		}
	}
}

struct dp_event
rig_event(enum dp_event_type type)
{
	struct dp_event e;

	assert_int_equal(dataplane_events(rig.dp, &e, 1), 1);
	assert_int_equal(e.type, type);
	return e;
}

void
rig_expect_no_event(void)
{
	struct dp_event e;

	if (dataplane_events(rig.dp, &e, 1) != 0)
		fail_msg("unexpected event of type %u", e.type);
}

struct rte_mbuf *
rig_punted(enum punt_ring ring)
{
	struct rte_mbuf *m;

	return dataplane_punted(rig.dp, ring, &m, 1) == 1 ? m : NULL;
}

/* ---- packets ---------------------------------------------------------------------- */

void
rig_ip(struct rig_packet *out, const struct rig_ip *what)
{
	struct ip_addr src = parse_addr(what->src), dst = parse_addr(what->dst);
	struct rte_ipv4_hdr *v4 = (void *)out->data;
	struct rte_ipv6_hdr *v6 = (void *)out->data;
	uint8_t ttl = what->ttl != 0 ? what->ttl : 64;
	size_t header = src.family == IP_V4 ? sizeof(*v4) : sizeof(*v6);

	assert_int_equal(src.family, dst.family);
	assert_in_range(what->len, header, RIG_PACKET_MAX);
	memset(out->data, 0, header);
	out->len = what->len;
	for (unsigned i = 0; i < what->len - header; i++)
		out->data[header + i] = (uint8_t)(what->tag * 31 + i * 7);
	if (src.family == IP_V4) {
		v4->version_ihl = 0x45;
		v4->type_of_service = what->tos;
		v4->total_length = rte_cpu_to_be_16(what->len);
		v4->fragment_offset = what->df ? RTE_BE16(RTE_IPV4_HDR_DF_FLAG) : 0;
		v4->time_to_live = ttl;
		v4->next_proto_id = 253;
		memcpy(&v4->src_addr, src.bytes, 4);
		memcpy(&v4->dst_addr, dst.bytes, 4);
		v4->hdr_checksum = rte_ipv4_cksum(v4);
	} else {
		v6->vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)what->tos << 20);
		v6->payload_len = rte_cpu_to_be_16(what->len - sizeof(*v6));
		v6->proto = 253;
		v6->hop_limits = ttl;
		memcpy(&v6->src_addr, src.bytes, 16);
		memcpy(&v6->dst_addr, dst.bytes, 16);
	}
}

void
rig_seal(struct rig_packet *out, const struct rig_peer *p, uint64_t counter, const void *inner,
	uint16_t len)
{
	struct message_data *header = (void *)out->data;
	uint16_t padded = RTE_ALIGN(len, MESSAGE_PADDING);
	uint8_t text[RIG_PACKET_MAX] = {0};

	if (len > 0)
		memcpy(text, inner, len);
	header->type_le = rte_cpu_to_le_32(MESSAGE_DATA);
	header->receiver_index_le = rte_cpu_to_le_32(p->s.local_index);
	header->counter_le = rte_cpu_to_le_64(counter);
	aead_seal_one((uint8_t *)(header + 1), text, padded, NULL, 0, counter, p->s.recv_key);
	out->len = sizeof(*header) + padded + NOISE_TAG_LEN;
}

void
rig_outer(struct rig_packet *out, const char *from, const char *to, uint8_t tos,
	const struct rig_packet *message)
{
	struct ip_endpoint src, dst;
	char src_text[IP_ADDR_STRLEN], dst_text[IP_ADDR_STRLEN];
	uint16_t udp_len = message->len + sizeof(struct rte_udp_hdr), header;
	struct rte_udp_hdr *udp;

	assert_true(ip_endpoint_parse(&src, from));
	assert_true(ip_endpoint_parse(&dst, to));
	header = src.addr.family == IP_V4 ? 20 : 40;
	rig_ip(out, &(struct rig_ip){.src = ip_addr_format(src_text, &src.addr),
			    .dst = ip_addr_format(dst_text, &dst.addr),
			    .tos = tos,
			    .len = header + udp_len});
	udp = (void *)(out->data + header);
	*udp = (struct rte_udp_hdr){
		.src_port = rte_cpu_to_be_16(src.port),
		.dst_port = rte_cpu_to_be_16(dst.port),
		.dgram_len = rte_cpu_to_be_16(udp_len),
	};
	memcpy(udp + 1, message->data, message->len);
	if (src.addr.family == IP_V4) {
		struct rte_ipv4_hdr *ip = (void *)out->data;

		ip->next_proto_id = IPPROTO_UDP;
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
	} else {
		((struct rte_ipv6_hdr *)(void *)out->data)->proto = IPPROTO_UDP;
		udp->dgram_cksum = rte_ipv6_udptcp_cksum((void *)out->data, udp);
	}
}

void
rig_receive_frame(uint8_t port, unsigned queue, const void *frame, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.dp->pool);
	struct rig_queue *q = &rig.rx[port][queue];
	char *data;

	assert_non_null(m);
	assert_true(q->n < RIG_QUEUE);
	data = rte_pktmbuf_append(m, len);
	assert_non_null(data);
	memcpy(data, frame, len);
	q->m[(q->first + q->n++) % RIG_QUEUE] = m;
}

void
rig_receive_on(uint8_t port, unsigned queue, const struct rig_packet *ip)
{
	uint8_t frame[RIG_PACKET_MAX + RTE_ETHER_HDR_LEN];
	struct rte_ether_hdr *eth = (void *)frame;

	eth->dst_addr = rig.dp->ports.port[port].mac;
	eth->src_addr = (struct rte_ether_addr){{2, 0, 0, 0, 0, 77}};
	eth->ether_type = ip->data[0] >> 4 == 4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4)
						: RTE_BE16(RTE_ETHER_TYPE_IPV6);
	memcpy(eth + 1, ip->data, ip->len);
	rig_receive_frame(port, queue, frame, ip->len + sizeof(*eth));
}

void
rig_receive(uint8_t port, const struct rig_packet *ip)
{
	rig_receive_on(port, 0, ip);
}

static void
receive_sealed(struct rig_peer *p, const void *inner, uint16_t len)
{
	struct rig_packet message, ip;
	char from[IP_ENDPOINT_STRLEN], to[IP_ENDPOINT_STRLEN];

	rig_seal(&message, p, p->s.next_counter++, inner, len);
	snprintf(to, sizeof(to), "%s:%u",
		p->endpoint.addr.family == IP_V4 ? "192.0.2.1" : "[2001:db8::1]",
		51820u + p->iface);
	rig_outer(&ip, ip_endpoint_format(from, &p->endpoint), to, 0, &message);
	rig_receive(RIG_WAN, &ip);
}

void
rig_receive_from(struct rig_peer *p, const struct rig_ip *what)
{
	struct rig_packet inner;

	rig_ip(&inner, what);
	receive_sealed(p, inner.data, inner.len);
}

void
rig_receive_keepalive(struct rig_peer *p)
{
	receive_sealed(p, NULL, 0);
}

/* ---- what was sent ------------------------------------------------------------------ */

unsigned
rig_n_sent(uint8_t port)
{
	unsigned n = 0;

	for (unsigned q = 0; q < RIG_WORKERS_MAX; q++)
		n += rig.tx[port][q].n;
	return n;
}

bool
rig_sent(uint8_t port, struct rig_packet *ip)
{
	const struct rte_ether_hdr *eth;
	struct rte_mbuf *m = NULL;

	for (unsigned q = 0; m == NULL && q < RIG_WORKERS_MAX; q++)
		rig_rx_burst(&rig.tx[port][q], &m, 1);
	if (m == NULL)
		return false;
	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(m->pkt_len, m->data_len);
	eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	assert_memory_equal(&eth->src_addr, &rig.dp->ports.port[port].mac, RTE_ETHER_ADDR_LEN);
	ip->len = m->data_len - sizeof(*eth);
	memcpy(ip->data, eth + 1, ip->len);
	assert_int_equal(eth->ether_type, ip->data[0] >> 4 == 4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4)
								: RTE_BE16(RTE_ETHER_TYPE_IPV6));
	/* Every neighbour here is given a MAC by its port and last octet; see rig_neigh. */
	assert_memory_equal(&eth->dst_addr, ((uint8_t[]){2, 0, 0, 0, port}), 5);
	rte_pktmbuf_free(m);
	return true;
}

static uint16_t
check_outer(const struct rig_peer *p, struct rig_packet *ip)
{
	const struct rte_ipv4_hdr *v4 = (const void *)ip->data;
	const struct rte_ipv6_hdr *v6 = (const void *)ip->data;
	bool is_v4 = ip->data[0] >> 4 == 4;
	uint16_t header = is_v4 ? sizeof(*v4) : sizeof(*v6);
	struct rte_udp_hdr *udp = (void *)(ip->data + header);
	uint16_t checksum = udp->dgram_cksum;

	udp->dgram_cksum = 0;
	assert_int_equal(p->endpoint.addr.family, is_v4 ? IP_V4 : IP_V6);
	if (is_v4) {
		assert_int_equal(v4->version_ihl, 0x45);
		assert_int_equal(rte_be_to_cpu_16(v4->total_length), ip->len);
		assert_int_equal(rte_raw_cksum(v4, sizeof(*v4)), 0xffff);
		assert_int_equal(v4->fragment_offset, 0);
		assert_memory_equal(&v4->dst_addr, p->endpoint.addr.bytes, 4);
		assert_int_equal(rte_ipv4_udptcp_cksum(v4, udp), checksum);
	} else {
		assert_int_equal(rte_be_to_cpu_16(v6->payload_len), ip->len - header);
		assert_memory_equal(&v6->dst_addr, p->endpoint.addr.bytes, 16);
		assert_int_equal(rte_ipv6_udptcp_cksum(v6, udp), checksum);
	}
	assert_int_equal(udp->dst_port, rte_cpu_to_be_16(p->endpoint.port));
	assert_int_equal(rte_be_to_cpu_16(udp->src_port), 51820 + p->iface);
	assert_int_equal(rte_be_to_cpu_16(udp->dgram_len), ip->len - header);
	assert_int_not_equal(checksum, 0);
	return header + sizeof(*udp);
}

uint16_t
rig_sent_to(const struct rig_peer *p, struct rig_packet *inner, uint64_t *counter)
{
	const struct message_data *header;
	struct rig_packet ip;
	uint16_t offset, len;

	assert_true(rig_sent(RIG_WAN, &ip));
	offset = check_outer(p, &ip);
	assert_true(ip.len >= offset + MESSAGE_DATA_MIN_LEN);
	header = (const void *)(ip.data + offset);
	assert_int_equal(rte_le_to_cpu_32(header->type_le), MESSAGE_DATA);
	assert_int_equal(rte_le_to_cpu_32(header->receiver_index_le), p->s.remote_index);
	len = ip.len - offset - sizeof(*header);
	*counter = rte_le_to_cpu_64(header->counter_le);
	assert_true(aead_open_one(
		inner->data, (const uint8_t *)(header + 1), len, NULL, 0, *counter, p->s.send_key));
	inner->len = len - NOISE_TAG_LEN;
	return inner->len;
}

static void
expect_packet(const struct rig_packet *got, const struct rig_ip *what)
{
	struct rig_ip hop = *what;
	struct rig_packet want;

	hop.ttl = (what->ttl != 0 ? what->ttl : 64) - 1;
	rig_ip(&want, &hop);
	assert_true(got->len >= want.len);
	assert_memory_equal(got->data, want.data, want.len);
}

void
rig_expect_forwarded(uint8_t port, const struct rig_ip *what)
{
	struct rig_packet got;

	assert_true(rig_sent(port, &got));
	assert_int_equal(got.len, what->len);
	expect_packet(&got, what);
}

void
rig_expect_tunnelled(const struct rig_peer *p, const struct rig_ip *what)
{
	struct rig_packet got;
	uint64_t counter;

	rig_sent_to(p, &got, &counter);
	expect_packet(&got, what);
	for (unsigned i = what->len; i < got.len; i++)
		assert_int_equal(got.data[i], 0);
}

void
rig_expect_silence(void)
{
	for (unsigned p = 0; p < RIG_PORTS; p++)
		assert_int_equal(rig_n_sent((uint8_t)p), 0);
}

int
rig_eal_teardown(void **state)
{
	return eal_teardown(state);
}
