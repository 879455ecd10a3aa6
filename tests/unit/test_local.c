/* SPDX-License-Identifier: BSD-3-Clause */
/* Local delivery between a punt ring and an injection that are both arrays here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/icmp.h"
#include "control/local.h"
#include "control/resolver_wire.h"
#include "dataplane/checksum.h"
#include "dataplane/clock.h"
#include "tests/unit/eal.h"

#define CAPACITY 64

static const struct rte_ether_addr gw_mac = {{0x02, 0, 0, 0, 0, 0x01}};
static const struct rte_ether_addr host_mac = {{0x02, 0, 0, 0, 0, 0x22}};

static struct rte_rcu_qsbr *qsbr;
static struct rte_mempool *pool;
static struct neigh_table *table;
static struct ports ports;
static struct local *l;
static uint64_t now;

/* ---- the seam ------------------------------------------------------------ */

static struct rte_mbuf *punted[1024], *injected[1024];
static unsigned n_punted, n_injected, injected_worker;
static unsigned drops[DROP_REASON_COUNT], drop_iface;
static unsigned n_done;
static bool done_resolved;

struct rte_mempool *
dataplane_pool(struct dataplane *dp)
{
	return pool;
}

struct ports *
dataplane_ports(struct dataplane *dp)
{
	return &ports;
}

struct neigh_table *
dataplane_neighbours(struct dataplane *dp)
{
	return table;
}

void
dataplane_count_drop(struct dataplane *dp, enum drop_reason reason, uint8_t iface)
{
	drops[reason]++;
	drop_iface = iface;
}

unsigned
dataplane_punted(struct dataplane *dp, enum punt_ring ring, struct rte_mbuf **m, unsigned n)
{
	unsigned got = RTE_MIN(n, n_punted);

	assert_int_equal(ring, PUNT_RING_LOCAL);
	memcpy(m, punted, got * sizeof(*m));
	n_punted -= got;
	memmove(punted, punted + got, n_punted * sizeof(*m));
	return got;
}

bool
dataplane_inject(struct dataplane *dp, unsigned worker, struct rte_mbuf *m)
{
	injected[n_injected++] = m;
	injected_worker = worker;
	return true;
}

void
dataplane_neigh_done(struct dataplane *dp, uint8_t port, const struct ip_addr *addr, bool resolved)
{
	n_done++;
	done_resolved = resolved;
}

/* ---- fixtures ------------------------------------------------------------ */

static int
group_setup(void **state)
{
	if (eal_setup(state) != 0)
		return -1;
	checksum_init();
	pool = rte_pktmbuf_pool_create(
		"test", 1023, 0, PKT_PRIV_SIZE, port_mbuf_room(1500), SOCKET_ID_ANY);
	qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(1));
	return pool == NULL || qsbr == NULL ? -1 : rte_rcu_qsbr_init(qsbr, 1);
}

static int
group_teardown(void **state)
{
	free(qsbr);
	return eal_teardown(state);
}

static int
setup(void **state)
{
	static struct iface_config ifaces[2];
	struct port *p = &ports.port[0];

	memset(&ports, 0, sizeof(ports));
	memset(ifaces, 0, sizeof(ifaces));
	ports.n = 1;
	p->mac = gw_mac;
	p->tx_worker = 1;
	p->mtu = 1500;
	ip_prefix_parse(&p->addresses[0], "10.20.0.1/24");
	ip_prefix_parse(&p->addresses[1], "fd00:20::1/64");
	ip_prefix_parse(&p->addresses[2], "fe80::ff:fe00:1/64");
	p->n_addresses = 3;
	ip_prefix_parse(&ifaces[0].addresses[0], "192.0.2.1/24");
	ip_prefix_parse(&ifaces[0].addresses[1], "10.8.0.1/16");
	ip_prefix_parse(&ifaces[0].addresses[2], "fd00:8::1/64");
	ifaces[0].n_addresses = 3;
	now = 100 * NS_PER_SEC;
	table = neigh_table_create(CAPACITY, qsbr);
	l = local_create(NULL, CAPACITY, ifaces, 2, now);
	n_punted = n_injected = n_done = 0;
	memset(drops, 0, sizeof(drops));
	return table == NULL || l == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	for (unsigned i = 0; i < n_injected; i++)
		rte_pktmbuf_free(injected[i]);
	local_destroy(l);
	neigh_table_destroy(table);
	/* Whatever happened, every mbuf has come back. */
	return rte_mempool_avail_count(pool) == 1023 ? 0 : -1;
}

/* An IP packet as a worker punts it: behind an Ethernet header that is still there. */
static struct pkt_meta *
punt(enum pkt_kind kind, const void *ip, size_t len, const struct rte_ether_addr *to)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct pkt_meta *meta = pkt_meta(m);
	struct rte_ether_hdr *eth = (void *)rte_pktmbuf_append(m, sizeof(*eth));

	eth->dst_addr = *to;
	eth->src_addr = host_mac;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
	memcpy(rte_pktmbuf_append(m, len), ip, len);
	rte_pktmbuf_adj(m, sizeof(*eth));
	*meta = (struct pkt_meta){
		.kind = kind,
		.iface = PKT_NO_IFACE,
		.worker = 3,
		.peer_id = PKT_NO_PEER,
		.l3_off = RTE_ETHER_HDR_LEN,
	};
	punted[n_punted++] = m;
	return meta;
}

static struct ip_addr
addr(const char *s)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(&a, s));
	return a;
}

static size_t
packet4(uint8_t *p, const char *src, const char *dst, uint8_t proto, size_t payload)
{
	struct ip_addr s = addr(src), d = addr(dst);

	memset(p, 0, 20 + payload);
	p[0] = 0x45;
	p[2] = (20 + payload) >> 8;
	p[3] = 20 + payload;
	p[8] = 64;
	p[9] = proto;
	memcpy(p + 12, s.bytes, 4);
	memcpy(p + 16, d.bytes, 4);
	return 20 + payload;
}

static size_t
packet6(uint8_t *p, const char *src, const char *dst, uint8_t proto, size_t payload)
{
	struct ip_addr s = addr(src), d = addr(dst);

	memset(p, 0, 40 + payload);
	p[0] = 0x60;
	p[5] = payload;
	p[6] = proto;
	p[7] = 64;
	memcpy(p + 8, s.bytes, 16);
	memcpy(p + 24, d.bytes, 16);
	return 40 + payload;
}

static size_t
echo4(uint8_t *p, const char *src, const char *dst)
{
	size_t len = packet4(p, src, dst, 1, 16);
	uint16_t sum;

	p[20] = 8;
	sum = checksum_finish(checksum_sum(p + 20, 16));
	memcpy(p + 22, &sum, 2);
	return len;
}

static size_t
echo6(uint8_t *p, const char *src, const char *dst)
{
	size_t len = packet6(p, src, dst, 58, 16);

	p[40] = 128;
	icmp6_set_checksum(p, len);
	return len;
}

/* The one answer, as it was injected to be routed. */
static const uint8_t *
routed_answer(const char *src, const char *dst, uint8_t type, uint8_t code)
{
	const struct pkt_meta *meta;
	struct ip_addr s = addr(src), d = addr(dst);
	const uint8_t *p;
	bool v4 = s.family == IP_V4;

	assert_int_equal(n_injected, 1);
	meta = pkt_meta(injected[0]);
	assert_int_equal(meta->kind, PKT_INJECT_INNER);
	assert_int_equal(meta->peer_id, PKT_NO_PEER);
	assert_int_equal(meta->iface, PKT_NO_IFACE);
	assert_int_equal(injected_worker, 3);
	p = rte_pktmbuf_mtod(injected[0], const uint8_t *);
	assert_int_equal(
		rte_pktmbuf_pkt_len(injected[0]), v4 ? p[2] << 8 | p[3] : 40 + (p[4] << 8 | p[5]));
	assert_memory_equal(p + (v4 ? 12 : 8), s.bytes, v4 ? 4 : 16);
	assert_memory_equal(p + (v4 ? 16 : 24), d.bytes, v4 ? 4 : 16);
	assert_int_equal(p[v4 ? 20 : 40], type);
	assert_int_equal(p[v4 ? 21 : 41], code);
	return p;
}

static void
reset(void)
{
	for (unsigned i = 0; i < n_injected; i++)
		rte_pktmbuf_free(injected[i]);
	n_injected = 0;
}

/* ---- tests --------------------------------------------------------------- */

static void
test_echo_from_a_tunnel_and_from_a_port(void **state)
{
	uint8_t p[128];
	struct pkt_meta *meta;

	meta = punt(PKT_PUNT_LOCAL, p, echo4(p, "10.8.0.2", "10.8.0.1"), &gw_mac);
	meta->peer_id = 7;
	meta->iface = 0;
	assert_int_equal(local_poll(l, now), 1);
	routed_answer("10.8.0.1", "10.8.0.2", 0, 0);
	reset();
	punt(PKT_PUNT_LOCAL, p, echo6(p, "fd00:20::2", "fd00:20::1"), &gw_mac);
	assert_int_equal(local_poll(l, now), 1);
	routed_answer("fd00:20::1", "fd00:20::2", 129, 0);
	assert_int_equal(local_poll(l, now), 0);
}

/* fe80:: has no route: back to the MAC that it came from. */
static void
test_link_local_echo_goes_back(void **state)
{
	uint8_t p[128];
	const uint8_t *f;

	punt(PKT_PUNT_LOCAL, p, echo6(p, "fe80::22", "fe80::ff:fe00:1"), &gw_mac);
	local_poll(l, now);
	assert_int_equal(n_injected, 1);
	assert_int_equal(pkt_meta(injected[0])->kind, PKT_INJECT_FRAME);
	assert_int_equal(pkt_meta(injected[0])->port, 0);
	assert_int_equal(injected_worker, 1);
	f = rte_pktmbuf_mtod(injected[0], const uint8_t *);
	assert_memory_equal(f, &host_mac, 6);
	assert_memory_equal(f + 6, &gw_mac, 6);
	assert_memory_equal(f + 12, ((uint8_t[]){0x86, 0xdd}), 2);
	assert_int_equal(f[14 + 40], 129);
	reset();
	/* Out of a tunnel there is no such station. */
	punt(PKT_PUNT_LOCAL, p, echo6(p, "fe80::22", "fe80::ff:fe00:1"), &gw_mac)->peer_id = 7;
	local_poll(l, now);
	assert_int_equal(n_injected, 0);
	assert_int_equal(drops[DROP_local_unhandled], 1);
	/* Whoever sends more than the link's MTU gets no such answer. */
	ports.port[0].mtu = 55;
	punt(PKT_PUNT_LOCAL, p, echo6(p, "fe80::22", "fe80::ff:fe00:1"), &gw_mac);
	local_poll(l, now);
	assert_int_equal(n_injected, 0);
	assert_int_equal(drops[DROP_over_mtu], 1);
}

static void
test_unbound_ports_are_unreachable(void **state)
{
	uint8_t p[128];

	punt(PKT_PUNT_LOCAL, p, packet4(p, "10.20.0.2", "10.20.0.1", 17, 30), &gw_mac);
	local_poll(l, now);
	routed_answer("10.20.0.1", "10.20.0.2", 3, 3);
	reset();
	punt(PKT_PUNT_LOCAL, p, packet6(p, "fd00:8::2", "fd00:8::1", 17, 30), &gw_mac)->peer_id = 7;
	local_poll(l, now);
	routed_answer("fd00:8::1", "fd00:8::2", 1, 4);
}

static void
test_unhandled_is_counted(void **state)
{
	uint8_t p[128];
	size_t len;

	punt(PKT_PUNT_LOCAL, p, packet4(p, "10.20.0.2", "10.20.0.1", 89, 30), &gw_mac)->iface = 1;
	local_poll(l, now);
	assert_int_equal(drop_iface, 1);
	/* an echo reply, a fragment, a frame to everyone, nonsense */
	len = echo4(p, "10.20.0.2", "10.20.0.1");
	p[20] = 0;
	punt(PKT_PUNT_LOCAL, p, len, &gw_mac);
	len = packet4(p, "10.20.0.2", "10.20.0.1", 17, 30);
	p[6] = 0x20;
	punt(PKT_PUNT_LOCAL, p, len, &gw_mac);
	len = packet4(p, "10.20.0.2", "10.20.0.1", 17, 30);
	punt(PKT_PUNT_LOCAL, p, len, &(struct rte_ether_addr){{255, 255, 255, 255, 255, 255}});
	len = echo4(p, "10.20.0.2", "10.20.0.1");
	punt(PKT_PUNT_LOCAL, p, len, &(struct rte_ether_addr){{255, 255, 255, 255, 255, 255}});
	memset(p, 0, sizeof(p));
	punt(PKT_PUNT_LOCAL, p, 60, &gw_mac);
	punt(PKT_PUNT_LOCAL, p, 10, &gw_mac);
	punt(PKT_PUNT_ARP, p, 60, &gw_mac);
	while (local_poll(l, now) != 0)
		;
	assert_int_equal(n_injected, 0);
	assert_int_equal(drops[DROP_local_unhandled], 8);
	assert_int_equal(drop_iface, IFACE_NONE);
}

/* Errors come from the address of the side that the packet came from. */
static void
test_error_sources(void **state)
{
	static const struct {
		const char *src, *from;
		bool tunnel;
		uint8_t iface;
	} rows[] = {
		{"10.8.3.4", "10.8.0.1", true, 0},
		{"192.0.2.9", "192.0.2.1", true, 0},
		{"172.16.0.1", "192.0.2.1", true, 0}, /* on neither prefix: the first address */
		{"10.8.3.4", "10.20.0.1", true, 1}, /* an interface without addresses borrows */
		{"10.20.0.2", "10.20.0.1", false, 0},
		{"203.0.113.1", "10.20.0.1", false, 0},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		uint8_t p[128];
		size_t len = packet4(p, rows[i].src, "198.51.100.1", 17, 30);
		struct pkt_meta *meta = punt(PKT_PUNT_ICMP, p, len, &gw_mac);

		meta->family = IP_V4;
		meta->icmp_type = 3;
		meta->icmp_code = 4;
		meta->icmp_info = 1380;
		if (rows[i].tunnel) {
			meta->peer_id = 7;
			meta->iface = rows[i].iface;
			meta->l3_off = 0;
		}
		local_poll(l, now);
		assert_memory_equal(routed_answer(rows[i].from, rows[i].src, 3, 4) + 24,
			((uint8_t[]){0, 0, 1380 >> 8, 1380 & 255}), 4);
		reset();
	}
	assert_int_equal(drops[DROP_local_unhandled], 0);
}

/* The worker has counted those already; a missing answer is not another drop. */
static void
test_errors_that_must_not_be(void **state)
{
	uint8_t p[128];
	size_t len = packet4(p, "127.0.0.1", "198.51.100.1", 17, 30);

	punt(PKT_PUNT_ICMP, p, len, &gw_mac)->family = IP_V4;
	punt(PKT_PUNT_ICMP, p, len, &gw_mac)->family = IP_V6; /* not what it says */
	while (local_poll(l, now) != 0)
		;
	assert_int_equal(n_injected, 0);
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		assert_int_equal(drops[i], 0);
}

static void
test_errors_are_limited(void **state)
{
	uint8_t p[128];
	size_t len = packet4(p, "10.20.0.2", "198.51.100.1", 17, 30);
	unsigned answered;

	for (unsigned i = 0; i < 300; i++) {
		struct pkt_meta *meta = punt(PKT_PUNT_ICMP, p, len, &gw_mac);

		meta->family = IP_V4;
		meta->icmp_type = 11;
	}
	while (local_poll(l, now) != 0)
		;
	answered = n_injected;
	assert_in_range(answered, 5, 50);
	assert_int_equal(drops[DROP_icmp_limited], 300 - answered);
	/* Another host still gets its answer. */
	len = packet4(p, "10.20.0.77", "198.51.100.1", 17, 30);
	punt(PKT_PUNT_ICMP, p, len, &gw_mac)->family = IP_V4;
	local_poll(l, now);
	assert_int_equal(n_injected, answered + 1);
}

static void
test_arp_and_nd_reach_the_resolver(void **state)
{
	struct arp_msg a = {.op = ARP_REQUEST,
		.sha = host_mac,
		.spa = addr("10.20.0.2"),
		.tpa = addr("10.20.0.1")};
	struct nd_msg n = {.type = ND_SOLICIT,
		.eth_src = host_mac,
		.src = addr("fd00:20::2"),
		.dst = addr("fd00:20::1"),
		.target = addr("fd00:20::1"),
		.has_lla = true,
		.lla = host_mac};
	uint8_t frame[RESOLVER_FRAME_MAX];
	struct dp_event event = {.type = DP_WANT_NEIGH, .addr = addr("10.20.0.2")};
	uint16_t len = arp_build(frame, &a, &gw_mac);
	struct rte_mbuf *m;

	punt(PKT_PUNT_ARP, frame, len, &gw_mac);
	local_poll(l, now);
	assert_int_equal(n_injected, 1);
	m = injected[0];
	assert_int_equal(pkt_meta(m)->kind, PKT_INJECT_FRAME);
	assert_int_equal(injected_worker, 1);
	assert_true(arp_parse(&a, rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_data_len(m)));
	assert_int_equal(a.op, ARP_REPLY);
	reset();
	len = nd_build(frame, &n, &gw_mac);
	punt(PKT_PUNT_LOCAL, frame + 14, len - 14, &gw_mac);
	local_poll(l, now);
	assert_int_equal(n_injected, 1);
	m = injected[0];
	assert_true(nd_parse(&n, rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_data_len(m)));
	assert_int_equal(n.type, ND_ADVERT);
	reset();
	/* The same out of a tunnel is nothing that we answer. */
	n.type = ND_SOLICIT;
	n.eth_src = host_mac;
	n.src = addr("fd00:20::3");
	n.dst = n.target;
	len = nd_build(frame, &n, &gw_mac);
	punt(PKT_PUNT_LOCAL, frame + 14, len - 14, &gw_mac)->peer_id = 7;
	local_poll(l, now);
	assert_int_equal(n_injected, 0);
	assert_int_equal(drops[DROP_local_unhandled], 1);
	/* The asker is known now; a stranger is asked for. */
	local_want_neigh(l, &event, now);
	assert_int_equal(n_done, 1);
	assert_true(done_resolved);
	event.addr = addr("10.20.0.3");
	local_want_neigh(l, &event, now);
	assert_int_equal(n_injected, 1);
	for (unsigned i = 0; i < 40 && n_done == 1; i++) {
		now += NS_PER_SEC / 10;
		assert_true(local_tick(l, now) > now);
	}
	assert_int_equal(n_done, 2);
	assert_false(done_resolved);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_echo_from_a_tunnel_and_from_a_port),
		T(test_link_local_echo_goes_back),
		T(test_unbound_ports_are_unreachable),
		T(test_unhandled_is_counted),
		T(test_error_sources),
		T(test_errors_that_must_not_be),
		T(test_errors_are_limited),
		T(test_arp_and_nd_reach_the_resolver),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
