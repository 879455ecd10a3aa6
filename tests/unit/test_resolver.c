/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/resolver.h"
#include "control/resolver_wire.h"
#include "dataplane/clock.h"
#include "tests/unit/eal.h"

#define CAPACITY 64
#define SEC NS_PER_SEC

/* Port 0 of the gateway: 10.20.0.1/24, fd00:20::1/64, fe80::.../64. Peers on its link: */
static const struct rte_ether_addr gw_mac = {{0x02, 0, 0, 0, 0, 0x01}};
static const struct rte_ether_addr host_mac = {{0x02, 0, 0, 0, 0, 0x22}};
static const struct rte_ether_addr evil_mac = {{0x02, 0, 0, 0, 0, 0x66}};
static const struct rte_ether_addr broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static struct rte_rcu_qsbr *qsbr;
static struct ports ports;
static struct neigh_table *table;
static struct resolver *r;
static uint64_t now;

/* What the resolver has sent and reported since the last look. */
static struct {
	uint8_t data[RESOLVER_FRAME_MAX];
	uint16_t len;
	uint8_t port;
} sent[256];
static unsigned n_sent;
static struct {
	struct ip_addr addr;
	bool resolved;
} done[256];
static unsigned n_done;

static void
on_frame(void *arg, uint8_t port, const void *frame, uint16_t len)
{
	assert_true(n_sent < 256 && len <= RESOLVER_FRAME_MAX);
	memcpy(sent[n_sent].data, frame, len);
	sent[n_sent].len = len;
	sent[n_sent++].port = port;
}

static void
on_done(void *arg, uint8_t port, const struct ip_addr *addr, bool resolved)
{
	assert_int_equal(port, 0);
	assert_true(n_done < 256);
	done[n_done].addr = *addr;
	done[n_done++].resolved = resolved;
}

static void
forget(void)
{
	n_sent = n_done = 0;
}

static struct ip_addr
addr(const char *s)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(&a, s));
	return a;
}

static int
group_setup(void **state)
{
	if (eal_setup(state) != 0)
		return -1;
	qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(1));
	return qsbr == NULL ? -1 : rte_rcu_qsbr_init(qsbr, 1);
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
	static const struct resolver_ops ops = {on_frame, on_done, NULL};
	struct port *p = &ports.port[0];

	memset(&ports, 0, sizeof(ports));
	ports.n = 1;
	p->mac = gw_mac;
	ip_prefix_parse(&p->addresses[0], "10.20.0.1/24");
	ip_prefix_parse(&p->addresses[1], "fd00:20::1/64");
	ip_prefix_parse(&p->addresses[2], "fe80::ff:fe00:1/64");
	p->n_addresses = 3;
	now = 100 * SEC;
	table = neigh_table_create(CAPACITY, qsbr);
	r = resolver_create(&ports, table, CAPACITY, &ops);
	forget();
	return table == NULL || r == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	resolver_destroy(r);
	neigh_table_destroy(table);
	return 0;
}

/* Let time pass, looking as often as the resolver asks for. */
static void
pass(uint64_t ns)
{
	uint64_t end = now + ns;

	for (;;) {
		uint64_t next = resolver_tick(r, now);

		assert_true(next > now);
		if (next > end)
			break;
		now = next;
	}
	now = end;
	resolver_tick(r, now);
}

static uint64_t
hw(const char *s)
{
	struct ip_addr a = addr(s);
	struct neigh *n = neigh_lookup(table, 0, &a);

	return n == NULL ? 0 : atomic_load(&n->hw);
}

/* A worker sends to it. */
static void
use(const char *s)
{
	struct ip_addr a = addr(s);
	struct neigh *n = neigh_lookup(table, 0, &a);

	assert_non_null(n);
	atomic_store(&n->used_ns, now);
}

static void
want(const char *s)
{
	struct ip_addr a = addr(s);

	resolver_want(r, 0, &a, now);
}

static bool
arp(uint16_t op, const struct rte_ether_addr *mac, const char *spa, const char *tpa)
{
	struct arp_msg m = {.op = op, .sha = *mac, .spa = addr(spa), .tpa = addr(tpa)};
	uint8_t frame[RESOLVER_FRAME_MAX];
	uint16_t len = arp_build(frame, &m, op == ARP_REPLY ? &gw_mac : &broadcast);

	return resolver_arp(r, 0, frame, len, now);
}

static struct arp_msg
sent_arp(unsigned i, const struct rte_ether_addr *to)
{
	struct arp_msg m;

	assert_true(i < n_sent);
	assert_true(arp_parse(&m, sent[i].data, sent[i].len));
	assert_memory_equal(sent[i].data, to, 6);
	assert_memory_equal(sent[i].data + 6, &gw_mac, 6);
	assert_memory_equal(&m.sha, &gw_mac, 6);
	return m;
}

static struct nd_msg
sent_nd(unsigned i, const struct rte_ether_addr *to)
{
	struct nd_msg m;

	assert_true(i < n_sent);
	assert_true(nd_parse(&m, sent[i].data, sent[i].len));
	assert_memory_equal(sent[i].data, to, 6);
	assert_memory_equal(&m.eth_src, &gw_mac, 6);
	return m;
}

static void
expect_addr(const struct ip_addr *a, const char *s)
{
	char buf[IP_ADDR_STRLEN];

	assert_string_equal(ip_addr_format(buf, a), s);
}

/* solicitation or advertisement from the host's link-local or global address */
static bool
nd(uint8_t type, uint8_t flags, const struct rte_ether_addr *mac, const char *src, const char *dst,
	const char *target, bool lla)
{
	struct nd_msg m = {.type = type,
		.flags = flags,
		.eth_src = *mac,
		.src = addr(src),
		.dst = addr(dst),
		.target = addr(target),
		.has_lla = lla,
		.lla = *mac};
	uint8_t frame[RESOLVER_FRAME_MAX];

	return resolver_nd(r, 0, frame, nd_build(frame, &m, &gw_mac), now);
}

/* ---- resolution ---------------------------------------------------------- */

static void
test_arp_resolves(void **state)
{
	struct arp_msg m;

	want("10.20.0.2");
	assert_int_equal(n_done, 0);
	assert_int_equal(n_sent, 1);
	m = sent_arp(0, &broadcast);
	assert_int_equal(m.op, ARP_REQUEST);
	expect_addr(&m.spa, "10.20.0.1");
	expect_addr(&m.tpa, "10.20.0.2");
	want("10.20.0.2"); /* another packet for it asks nothing anew */
	assert_int_equal(n_sent, 1);
	assert_true(arp(ARP_REPLY, &host_mac, "10.20.0.2", "10.20.0.1"));
	assert_int_equal(n_done, 1);
	assert_true(done[0].resolved);
	expect_addr(&done[0].addr, "10.20.0.2");
	assert_true(hw("10.20.0.2") == neigh_pack(&host_mac));
	want("10.20.0.2"); /* a worker that asked at the same moment */
	assert_int_equal(n_done, 2);
	assert_true(done[1].resolved);
	assert_int_equal(n_sent, 1);
}

static void
test_nd_resolves(void **state)
{
	struct ip_addr group = addr("ff02::1:ff00:2");
	struct rte_ether_addr group_mac = {{0x33, 0x33, 0xff, 0, 0, 2}};
	struct nd_msg m;

	want("fd00:20::2");
	m = sent_nd(0, &group_mac);
	assert_int_equal(m.type, ND_SOLICIT);
	expect_addr(&m.src, "fd00:20::1");
	assert_true(ip_addr_equal(&m.dst, &group));
	expect_addr(&m.target, "fd00:20::2");
	assert_true(m.has_lla);
	assert_memory_equal(&m.lla, &gw_mac, 6);
	assert_true(nd(ND_ADVERT, NA_SOLICITED | NA_OVERRIDE, &host_mac, "fd00:20::2", "fd00:20::1",
		"fd00:20::2", true));
	assert_int_equal(n_done, 1);
	assert_true(done[0].resolved);
	assert_true(hw("fd00:20::2") == neigh_pack(&host_mac));
}

static void
test_no_answer_fails_after_three_tries(void **state)
{
	want("10.20.0.9");
	pass(2900 * SEC / 1000);
	assert_int_equal(n_sent, 3);
	assert_int_equal(n_done, 0);
	pass(SEC / 5);
	assert_int_equal(n_sent, 3);
	assert_int_equal(n_done, 1);
	assert_false(done[0].resolved);
	want("10.20.0.9"); /* remembered for a second: no storm of requests */
	assert_int_equal(n_done, 2);
	assert_int_equal(n_sent, 3);
	pass(1500 * SEC / 1000);
	want("10.20.0.9");
	assert_int_equal(n_sent, 4);
	assert_true(arp(ARP_REPLY, &host_mac, "10.20.0.9", "10.20.0.1"));
	assert_true(done[2].resolved);
}

static void
test_impossible_neighbours_fail_at_once(void **state)
{
	static const char *const rows[] = {"192.0.2.1", "10.20.0.0", "10.20.0.255", "10.20.0.1",
		"224.0.0.1", "2001:db8::1", "fd00:20::1", "ff02::1", "0.0.0.0", "::"};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		forget();
		want(rows[i]);
		assert_int_equal(n_sent, 0);
		assert_int_equal(n_done, 1);
		assert_false(done[0].resolved);
	}
}

/* ---- answers ------------------------------------------------------------- */

static void
test_arp_answers_own_addresses_only(void **state)
{
	struct arp_msg m;

	assert_true(arp(ARP_REQUEST, &host_mac, "10.20.0.2", "10.20.0.1"));
	assert_int_equal(n_sent, 1);
	m = sent_arp(0, &host_mac);
	assert_int_equal(m.op, ARP_REPLY);
	expect_addr(&m.spa, "10.20.0.1");
	expect_addr(&m.tpa, "10.20.0.2");
	assert_memory_equal(&m.tha, &host_mac, 6);
	/* The asker is about to talk to us: known from here on. */
	assert_true(hw("10.20.0.2") == neigh_pack(&host_mac));
	forget();
	assert_false(arp(ARP_REQUEST, &host_mac, "10.20.0.3", "10.20.0.4"));
	assert_int_equal(n_sent, 0);
	assert_true(hw("10.20.0.3") == 0);
	/* A probe (RFC 5227) is answered, and 0.0.0.0 is nobody to learn. */
	assert_true(arp(ARP_REQUEST, &host_mac, "0.0.0.0", "10.20.0.1"));
	assert_int_equal(n_sent, 1);
	assert_true(hw("0.0.0.0") == 0);
}

static void
test_nd_answers_own_addresses_only(void **state)
{
	struct nd_msg m;

	assert_true(
		nd(ND_SOLICIT, 0, &host_mac, "fd00:20::2", "ff02::1:ff00:1", "fd00:20::1", true));
	m = sent_nd(0, &host_mac);
	assert_int_equal(m.type, ND_ADVERT);
	assert_int_equal(m.flags, NA_ROUTER | NA_SOLICITED | NA_OVERRIDE);
	expect_addr(&m.src, "fd00:20::1");
	expect_addr(&m.dst, "fd00:20::2");
	expect_addr(&m.target, "fd00:20::1");
	assert_true(m.has_lla);
	assert_true(hw("fd00:20::2") == neigh_pack(&host_mac));
	forget();
	/* Duplicate address detection by somebody else: defended, to all nodes. */
	assert_true(nd(ND_SOLICIT, 0, &evil_mac, "::", "ff02::1:ff00:1", "fd00:20::1", false));
	assert_true(n_sent >= 1);
	m = sent_nd(n_sent - 1, &(struct rte_ether_addr){{0x33, 0x33, 0, 0, 0, 1}});
	assert_int_equal(m.flags & NA_SOLICITED, 0);
	expect_addr(&m.dst, "ff02::1");
	forget();
	assert_false(
		nd(ND_SOLICIT, 0, &host_mac, "fd00:20::3", "ff02::1:ff00:4", "fd00:20::4", true));
	assert_int_equal(n_sent, 0);
	assert_true(hw("fd00:20::3") == 0);
}

static void
test_own_addresses_are_never_learned(void **state)
{
	struct arp_msg a;

	assert_true(arp(ARP_REPLY, &evil_mac, "10.20.0.1", "10.20.0.1"));
	assert_true(hw("10.20.0.1") == 0);
	assert_int_equal(n_sent, 1); /* defended */
	a = sent_arp(0, &broadcast);
	expect_addr(&a.spa, "10.20.0.1");
	/* at most once in ten seconds, whatever comes */
	for (unsigned i = 0; i < 50; i++)
		arp(ARP_REQUEST, &evil_mac, "10.20.0.1", "10.20.0.7");
	assert_true(
		nd(ND_ADVERT, NA_OVERRIDE, &evil_mac, "fd00:20::1", "ff02::1", "fd00:20::1", true));
	assert_true(hw("fd00:20::1") == 0);
	assert_int_equal(n_sent, 1);
	now += 11 * SEC;
	arp(ARP_REQUEST, &evil_mac, "10.20.0.1", "10.20.0.7");
	assert_int_equal(n_sent, 2);
	/* our own frames that a switch sends back are no conflict */
	now += 11 * SEC;
	arp(ARP_REQUEST, &gw_mac, "10.20.0.1", "10.20.0.7");
	assert_int_equal(n_sent, 2);
}

/* ---- learning ------------------------------------------------------------ */

static void
resolve(const char *s, const struct rte_ether_addr *mac)
{
	want(s);
	if (strchr(s, ':') == NULL)
		assert_true(arp(ARP_REPLY, mac, s, "10.20.0.1"));
	else
		assert_true(
			nd(ND_ADVERT, NA_SOLICITED | NA_OVERRIDE, mac, s, "fd00:20::1", s, true));
	assert_true(hw(s) == neigh_pack(mac));
	forget();
}

static void
test_off_link_senders_are_not_learned(void **state)
{
	assert_true(arp(ARP_REQUEST, &evil_mac, "192.0.2.7", "10.20.0.1"));
	assert_true(hw("192.0.2.7") == 0);
	arp(ARP_REQUEST, &evil_mac, "10.20.0.255", "10.20.0.1");
	assert_true(hw("10.20.0.255") == 0);
	nd(ND_SOLICIT, 0, &evil_mac, "2001:db8::7", "ff02::1:ff00:1", "fd00:20::1", true);
	assert_true(hw("2001:db8::7") == 0);
	/* A reply that nobody asked for makes no entry, nor does a gratuitous ARP. */
	arp(ARP_REPLY, &evil_mac, "10.20.0.5", "10.20.0.1");
	arp(ARP_REQUEST, &evil_mac, "10.20.0.6", "10.20.0.6");
	nd(ND_ADVERT, NA_OVERRIDE, &evil_mac, "fd00:20::5", "ff02::1", "fd00:20::5", true);
	assert_true(hw("10.20.0.5") == 0);
	assert_true(hw("10.20.0.6") == 0);
	assert_true(hw("fd00:20::5") == 0);
}

static void
heard(const char *from, const struct rte_ether_addr *mac)
{
	struct ip_addr a = addr(from);

	resolver_heard(r, 0, &a, mac, now);
}

/* Of an authenticated handshake: enough to answer it, never enough to redirect anybody. */
static void
test_handshakes_teach_what_is_not_known(void **state)
{
	static const struct rte_ether_addr group_mac = {{0x03, 0, 0, 0, 0, 0x22}};

	heard("10.20.0.2", &host_mac);
	assert_true(hw("10.20.0.2") == neigh_pack(&host_mac));
	heard("10.20.0.2", &evil_mac);
	assert_true(hw("10.20.0.2") == neigh_pack(&host_mac));
	heard("fd00:20::2", &host_mac);
	assert_true(hw("fd00:20::2") == neigh_pack(&host_mac));
	/* Packets wait for it. */
	want("10.20.0.3");
	heard("10.20.0.3", &host_mac);
	assert_int_equal(n_done, 1);
	assert_true(done[0].resolved);
	/* Not on the link, our own, and what is no station's. */
	heard("192.0.2.7", &evil_mac);
	heard("10.20.0.1", &evil_mac);
	heard("10.20.0.255", &evil_mac);
	heard("10.20.0.4", &group_mac);
	assert_true(hw("192.0.2.7") == 0 && hw("10.20.0.1") == 0 && hw("10.20.0.255") == 0);
	assert_true(hw("10.20.0.4") == 0);
	/* It is doubted: whoever uses it has it asked for. */
	forget();
	use("10.20.0.2");
	now += 1;
	use("10.20.0.2");
	pass(2 * SEC);
	assert_true(n_sent > 0);
	sent_arp(0, &host_mac);
}

/* RFC 4861, 7.2.5: without the override flag the address stays, but is doubted. */
static void
test_nd_override_rules(void **state)
{
	struct nd_msg m;

	resolve("fd00:20::2", &host_mac);
	assert_true(nd(ND_ADVERT, NA_SOLICITED, &evil_mac, "fd00:20::2", "fd00:20::1", "fd00:20::2",
		true));
	assert_true(hw("fd00:20::2") == neigh_pack(&host_mac));
	now += SEC;
	use("fd00:20::2");
	pass(2 * SEC);
	assert_true(n_sent > 0); /* stale and in use: asked, and only the one we know */
	m = sent_nd(0, &host_mac);
	expect_addr(&m.dst, "fd00:20::2");
	forget();
	/* With the flag it follows, and is confirmed by traffic's next probe only. */
	assert_true(
		nd(ND_ADVERT, NA_OVERRIDE, &evil_mac, "fd00:20::2", "ff02::1", "fd00:20::2", true));
	assert_true(hw("fd00:20::2") == neigh_pack(&evil_mac));
	/* And not again at once: two that fight move it once a second. */
	nd(ND_ADVERT, NA_OVERRIDE, &host_mac, "fd00:20::2", "ff02::1", "fd00:20::2", true);
	assert_true(hw("fd00:20::2") == neigh_pack(&evil_mac));
	now += 2 * SEC;
	nd(ND_ADVERT, NA_OVERRIDE, &host_mac, "fd00:20::2", "ff02::1", "fd00:20::2", true);
	assert_true(hw("fd00:20::2") == neigh_pack(&host_mac));
}

static void
test_gratuitous_arp_moves_a_known_host(void **state)
{
	resolve("10.20.0.2", &host_mac);
	now += 5 * SEC;
	arp(ARP_REQUEST, &evil_mac, "10.20.0.2", "10.20.0.2");
	assert_true(hw("10.20.0.2") == neigh_pack(&evil_mac));
	now += SEC;
	use("10.20.0.2");
	pass(2 * SEC);
	assert_int_equal(sent_arp(0, &evil_mac).op, ARP_REQUEST); /* unconfirmed: probed */
}

static void
set_checksum(uint8_t *frame)
{
	uint32_t sum = 58 + 32;

	frame[56] = frame[57] = 0;
	for (unsigned i = 22; i < 86; i += 2)
		sum += frame[i] << 8 | frame[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	frame[56] = ~sum >> 8;
	frame[57] = ~sum;
}

/* RFC 4861, 7.1: one wrong byte each, with the checksum made right again. */
static void
test_malformed_is_ignored(void **state)
{
	struct nd_msg m = {.type = ND_SOLICIT,
		.eth_src = host_mac,
		.src = addr("fd00:20::2"),
		.dst = addr("fd00:20::1"),
		.target = addr("fd00:20::1"),
		.has_lla = true,
		.lla = host_mac};
	static const struct {
		uint8_t at, value;
	} rows[] = {
		{21, 254}, /* hop limit: forwarded by a router */
		{55, 1}, /* code */
		{62, 0xff}, /* multicast target */
		{79, 0}, /* option without length */
		{79, 2}, /* option longer than the packet */
		{80, 0x03}, /* group address of a source */
		{22, 0xff}, /* from a group */
		{18, 1}, /* payload longer than the frame */
		{12, 0x08}, /* ethertype */
	};
	struct arp_msg a = {.op = ARP_REQUEST,
		.sha = host_mac,
		.spa = addr("10.20.0.2"),
		.tpa = addr("10.20.0.1")};
	static const struct {
		uint8_t at, value;
	} arp_rows[] = {{12, 0}, {15, 2}, {16, 0}, {18, 7}, {19, 6}, {21, 3}, {22, 0x01}};
	uint8_t frame[RESOLVER_FRAME_MAX], bad[RESOLVER_FRAME_MAX];
	uint16_t len = nd_build(frame, &m, &gw_mac);

	assert_int_equal(len, 86);
	memcpy(bad, frame, len);
	set_checksum(bad);
	assert_memory_equal(bad, frame, len); /* the same sum, computed here */
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(bad, frame, len);
		bad[rows[i].at] = rows[i].value;
		set_checksum(bad);
		if (resolver_nd(r, 0, bad, len, now))
			fail_msg("byte %u = %u was taken", rows[i].at, rows[i].value);
	}
	memcpy(bad, frame, len);
	bad[56] ^= 1;
	assert_false(resolver_nd(r, 0, bad, len, now));
	for (uint16_t l = 0; l < len; l++)
		assert_false(resolver_nd(r, 0, frame, l, now));
	len = arp_build(frame, &a, &broadcast);
	for (unsigned i = 0; i < sizeof(arp_rows) / sizeof(arp_rows[0]); i++) {
		memcpy(bad, frame, len);
		bad[arp_rows[i].at] = arp_rows[i].value;
		if (resolver_arp(r, 0, bad, len, now))
			fail_msg("byte %u = %u was taken", arp_rows[i].at, arp_rows[i].value);
	}
	for (uint16_t l = 0; l < len; l++)
		assert_false(resolver_arp(r, 0, frame, l, now));
	assert_false(resolver_arp(r, 1, frame, len, now)); /* no such port */
	assert_int_equal(n_sent, 0);
	assert_true(resolver_arp(r, 0, frame, len, now));
}

/* ---- ageing -------------------------------------------------------------- */

static void
test_in_use_is_refreshed_by_unicast(void **state)
{
	resolve("10.20.0.2", &host_mac);
	for (unsigned i = 0; i < 40; i++) {
		pass(SEC);
		use("10.20.0.2");
		if (n_sent != 0)
			break;
	}
	assert_in_range(now, 128 * SEC, 132 * SEC);
	assert_int_equal(n_sent, 1);
	sent_arp(0, &host_mac);
	assert_true(hw("10.20.0.2") == neigh_pack(&host_mac)); /* usable meanwhile */
	assert_true(arp(ARP_REPLY, &host_mac, "10.20.0.2", "10.20.0.1"));
	forget();
	pass(20 * SEC);
	assert_int_equal(n_sent, 0);
	assert_true(hw("10.20.0.2") == neigh_pack(&host_mac));
}

/* The host is replaced by another machine that says nothing by itself. */
static void
test_lost_neighbour_is_asked_for_again(void **state)
{
	resolve("10.20.0.2", &host_mac);
	for (unsigned i = 0; i < 31; i++) {
		pass(SEC);
		use("10.20.0.2");
	}
	pass(4 * SEC);
	assert_true(n_sent >= 4);
	for (unsigned i = 0; i < 3; i++)
		sent_arp(i, &host_mac);
	sent_arp(3, &broadcast);
	assert_true(hw("10.20.0.2") == 0); /* packets wait */
	want("10.20.0.2");
	assert_true(arp(ARP_REPLY, &evil_mac, "10.20.0.2", "10.20.0.1"));
	assert_int_equal(n_done, 1);
	assert_true(done[0].resolved);
	assert_true(hw("10.20.0.2") == neigh_pack(&evil_mac));
}

static void
test_unused_goes_quietly(void **state)
{
	resolve("10.20.0.2", &host_mac);
	pass(629 * SEC);
	assert_true(hw("10.20.0.2") != 0);
	pass(5 * SEC);
	assert_true(hw("10.20.0.2") == 0);
	assert_int_equal(n_sent, 0);
}

/* ---- floods -------------------------------------------------------------- */

static void
test_sweep_and_flood_leave_what_is_in_use(void **state)
{
	char s[IP_ADDR_STRLEN];

	ip_prefix_parse(&ports.port[0].addresses[0], "10.20.0.1/16");
	for (unsigned i = 2; i < 12; i++) {
		snprintf(s, sizeof(s), "10.20.0.%u", i);
		resolve(s, &host_mac);
		use(s);
	}
	/* Somebody sweeps the link: each address waits for an answer that does not come. */
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(s, sizeof(s), "10.20.%u.%u", 1 + i / 250, 1 + i % 250);
		want(s);
		forget();
		if (i % 100 == 0)
			pass(SEC / 100);
	}
	/* Somebody claims thousands of addresses. */
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(s, sizeof(s), "10.20.%u.%u", 100 + i / 250, 1 + i % 250);
		arp(ARP_REQUEST, &evil_mac, s, "10.20.0.1");
		forget();
	}
	for (unsigned i = 2; i < 12; i++) {
		snprintf(s, sizeof(s), "10.20.0.%u", i);
		assert_true(hw(s) == neigh_pack(&host_mac));
	}
	/* And there is room for a new one that is really there. */
	resolve("10.20.0.200", &host_mac);
	use("10.20.0.200");
	assert_true(hw("10.20.0.200") == neigh_pack(&host_mac));
}

/* What comes unasked gets half of the table, and pushes out nobody. */
static void
test_flood_alone_fills_half(void **state)
{
	char s[IP_ADDR_STRLEN];
	uint32_t cursor = 0;
	unsigned count = 0;

	ip_prefix_parse(&ports.port[0].addresses[0], "10.20.0.1/16");
	resolve("10.20.0.2", &host_mac); /* not used yet */
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(s, sizeof(s), "10.20.%u.%u", 100 + i / 250, 1 + i % 250);
		arp(ARP_REQUEST, &evil_mac, s, "10.20.0.1");
		forget();
	}
	while (neigh_next(table, &cursor) != NULL)
		count++;
	assert_int_equal(count, CAPACITY / 2);
	assert_true(hw("10.20.0.2") == neigh_pack(&host_mac));
}

/* All in use: nothing is pushed out, the newcomer fails. */
static void
test_full_of_used_entries_refuses(void **state)
{
	char s[IP_ADDR_STRLEN];
	unsigned kept = 0;

	for (unsigned i = 0; i < CAPACITY; i++) {
		snprintf(s, sizeof(s), "10.20.0.%u", 2 + i);
		want(s);
		arp(ARP_REPLY, &host_mac, s, "10.20.0.1");
		if (hw(s) != 0)
			use(s);
	}
	for (unsigned i = 0; i < CAPACITY; i++) {
		snprintf(s, sizeof(s), "10.20.0.%u", 2 + i);
		kept += hw(s) != 0;
	}
	assert_int_equal(kept, CAPACITY - CAPACITY / 8);
	forget();
	want("10.20.0.250");
	assert_int_equal(n_done, 1);
	assert_false(done[0].resolved);
	assert_int_equal(n_sent, 0);
}

/* ---- announcements ------------------------------------------------------- */

static void
test_announces_when_the_link_comes_up(void **state)
{
	struct arp_msg a;
	struct nd_msg m;

	pass(3 * SEC);
	assert_int_equal(n_sent, 0);
	atomic_store(&ports.port[0].link_up, true);
	resolver_tick(r, now);
	assert_int_equal(n_sent, 3);
	a = sent_arp(0, &broadcast);
	expect_addr(&a.tpa, "10.20.0.1");
	m = sent_nd(1, &(struct rte_ether_addr){{0x33, 0x33, 0, 0, 0, 1}});
	assert_int_equal(m.type, ND_ADVERT);
	assert_int_equal(m.flags, NA_ROUTER | NA_OVERRIDE);
	expect_addr(&m.target, "fd00:20::1");
	pass(10 * SEC);
	assert_int_equal(n_sent, 6);
	atomic_store(&ports.port[0].link_up, false);
	pass(2 * SEC);
	atomic_store(&ports.port[0].link_up, true);
	pass(SEC);
	assert_int_equal(n_sent, 9);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_arp_resolves),
		T(test_nd_resolves),
		T(test_no_answer_fails_after_three_tries),
		T(test_impossible_neighbours_fail_at_once),
		T(test_arp_answers_own_addresses_only),
		T(test_nd_answers_own_addresses_only),
		T(test_own_addresses_are_never_learned),
		T(test_off_link_senders_are_not_learned),
		T(test_handshakes_teach_what_is_not_known),
		T(test_nd_override_rules),
		T(test_gratuitous_arp_moves_a_known_host),
		T(test_malformed_is_ignored),
		T(test_in_use_is_refreshed_by_unicast),
		T(test_lost_neighbour_is_asked_for_again),
		T(test_unused_goes_quietly),
		T(test_sweep_and_flood_leave_what_is_in_use),
		T(test_flood_alone_fills_half),
		T(test_full_of_used_entries_refuses),
		T(test_announces_when_the_link_comes_up),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
