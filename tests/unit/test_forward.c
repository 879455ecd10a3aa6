/* SPDX-License-Identifier: BSD-3-Clause */
/* Between peers and ports: hairpin, TTL, MTU, local addresses, neighbours, and no way out. */
#include <rte_ip.h>

#include "tests/unit/rig.h"

#define LAN_HOST "10.20.0.2"

static struct rig_peer
client(uint8_t iface, const char *allowed, const char *endpoint)
{
	struct rig_peer p = rig_peer(iface, allowed, endpoint);

	rig_session(&p, true, 0, true);
	return p;
}

static void
receive(uint8_t port, const struct rig_ip *what)
{
	struct rig_packet ip;

	rig_ip(&ip, what);
	rig_receive(port, &ip);
}

static void
expect_icmp(uint8_t type, uint8_t code, uint32_t info, uint32_t from_peer)
{
	struct rte_mbuf *m = rig_punted(PUNT_RING_LOCAL);

	assert_non_null(m);
	assert_int_equal(pkt_meta(m)->kind, PKT_PUNT_ICMP);
	assert_int_equal(pkt_meta(m)->icmp_type, type);
	assert_int_equal(pkt_meta(m)->icmp_code, code);
	assert_int_equal(pkt_meta(m)->icmp_info, info);
	assert_int_equal(pkt_meta(m)->peer_id, from_peer);
	rte_pktmbuf_free(m);
	assert_null(rig_punted(PUNT_RING_LOCAL));
}

static void
test_hairpin_between_peers(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32,fd00:8::2/128", "203.0.113.5:7777");
	struct rig_peer b = client(0, "10.8.0.3/32,fd00:8::3/128", "[2001:db8:f::6]:1");
	struct rig_ip ab = {.src = "10.8.0.2", .dst = "10.8.0.3", .len = 777};
	struct rig_ip ba = {.src = "fd00:8::3", .dst = "fd00:8::2", .len = 78};

	rig_receive_from(&a, &ab);
	rig_turn(0);
	rig_expect_tunnelled(&b, &ab);
	rig_receive_from(&b, &ba);
	rig_turn(0);
	rig_expect_tunnelled(&a, &ba);
	rig_expect_no_drops();
	rig_expect_silence();
}

static void
test_hairpin_denied_by_either_interface(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_peer b = client(1, "10.9.0.3/32", "203.0.113.6:1");
	struct rig_peer c = client(1, "10.9.0.4/32", "203.0.113.7:1");
	struct rig_ip ab = {.src = "10.8.0.2", .dst = "10.9.0.3", .len = 64};
	struct rig_ip ba = {.src = "10.9.0.3", .dst = "10.8.0.2", .len = 64};
	struct rig_ip bc = {.src = "10.9.0.3", .dst = "10.9.0.4", .len = 64};
	struct rig_ip lan = {.src = "10.9.0.3", .dst = LAN_HOST, .len = 64};

	rig_receive_from(&a, &ab);
	rig_turn(0);
	rig_expect_drops(DROP_hairpin_denied, 0, 1);
	rig_expect_charged(&a, PEER_DROP_hairpin_denied, 1);
	expect_icmp(3, 13, 0, a.id);
	rig_receive_from(&b, &ba);
	rig_turn(0);
	rig_expect_drops(DROP_hairpin_denied, 1, 1);
	rig_expect_charged(&b, PEER_DROP_hairpin_denied, 1);
	expect_icmp(3, 13, 0, b.id);
	rig_receive_from(&b, &bc);
	rig_turn(0);
	rig_expect_drops(DROP_hairpin_denied, 1, 1);
	rig_expect_charged(&b, PEER_DROP_hairpin_denied, 1);
	expect_icmp(3, 13, 0, b.id);
	rig_expect_silence();
	/* The LAN is no peer. */
	rig_receive_from(&b, &lan);
	rig_turn(0);
	rig_expect_forwarded(RIG_LAN, &lan);
	(void)c;
}

static void
test_ttl_ends_here(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32,fd00:8::2/128", "203.0.113.5:7777");
	struct rig_ip v4 = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64, .ttl = 1};
	struct rig_ip v6 = {.src = "fd00:20::2", .dst = "fd00:8::2", .len = 64, .ttl = 1};

	rig_receive_from(&a, &v4);
	rig_turn(0);
	rig_expect_drops(DROP_ttl_exceeded, IFACE_NONE, 1);
	rig_expect_charged(&a, PEER_DROP_ttl_exceeded, 1);
	expect_icmp(11, 0, 0, a.id);
	receive(RIG_LAN, &v6);
	rig_turn(0);
	rig_expect_drops(DROP_ttl_exceeded, 0, 1);
	rig_expect_charged(&a, PEER_DROP_ttl_exceeded, 1);
	expect_icmp(3, 0, 0, PKT_NO_PEER);
	v4.ttl = v6.ttl = 2;
	rig_receive_from(&a, &v4);
	receive(RIG_LAN, &v6);
	rig_turn(0);
	rig_expect_forwarded(RIG_LAN, &v4);
	rig_expect_tunnelled(&a, &v6);
}

/*
 * Charged with a packet that may not go on is the peer that sent it; who it is
 * for only where it came from none; and where there is no peer at all, nobody.
 */
static void
test_who_is_charged(void **state)
{
	enum { A, B, NONE };
	static const struct {
		unsigned from, charged;
		struct rig_ip what;
		enum peer_drop reason;
		unsigned iface;
	} rows[] = {
		{A, A, {"10.8.0.2", "10.8.0.3", 64, .ttl = 1}, PEER_DROP_ttl_exceeded, 0},
		{NONE, B, {LAN_HOST, "10.8.0.3", 64, .ttl = 1}, PEER_DROP_ttl_exceeded, 0},
		{NONE, NONE, {"10.20.0.9", LAN_HOST, 64, .ttl = 1}, PEER_DROP_ttl_exceeded,
			IFACE_NONE},
		{B, B, {"10.8.0.3", "10.8.0.2", 1421, .df = true}, PEER_DROP_over_mtu, 0},
		{NONE, A, {LAN_HOST, "10.8.0.2", 1421, .df = true}, PEER_DROP_over_mtu, 0},
		{NONE, B, {"127.0.0.1", "10.8.0.3", 64}, PEER_DROP_martian, IFACE_NONE},
		{B, B, {"10.8.0.3", "10.8.0.99", 64}, PEER_DROP_no_peer, 0},
		{NONE, NONE, {LAN_HOST, "10.8.0.99", 64}, PEER_DROP_no_peer, 0},
		{NONE, NONE, {LAN_HOST, "198.51.100.1", 64}, PEER_DROP_no_route, IFACE_NONE},
	};
	struct rig_peer peers[2] = {client(0, "10.8.0.2/32", "203.0.113.5:7777"),
		client(0, "10.8.0.3/32", "203.0.113.6:7777")};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		const struct rig_peer *charged =
			rows[i].charged == NONE ? NULL : &peers[rows[i].charged];
		struct rte_mbuf *m;

		if (rows[i].from == NONE)
			receive(RIG_LAN, &rows[i].what);
		else
			rig_receive_from(&peers[rows[i].from], &rows[i].what);
		rig_turn(0);
		rig_expect_drops(peer_drop_reason[rows[i].reason], rows[i].iface, 1);
		rig_expect_charged(charged, rows[i].reason, 1);
		m = rig_punted(PUNT_RING_LOCAL);
		assert_true((m == NULL) == (rows[i].reason == PEER_DROP_martian));
		rte_pktmbuf_free(m);
	}
	rig_expect_silence();
}

/* Every TTL: the incremental checksum has its carry right. */
static void
test_header_checksum_after_every_ttl(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");

	for (unsigned ttl = 2; ttl < 256; ttl++) {
		struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};

		what.ttl = (uint8_t)ttl;
		what.tos = (uint8_t)(ttl * 37) & 0xfc;
		rig_receive_from(&a, &what);
		rig_turn(0);
		rig_expect_forwarded(RIG_LAN, &what);
	}
}

/* The gateway's own answers are no hop. */
static void
test_injected_packets_keep_their_ttl(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.1", .dst = "10.8.0.2", .len = 64, .ttl = 1};
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.dp->pool);
	struct rig_packet ip, got;
	uint64_t counter;

	rig_ip(&ip, &what);
	memcpy(rte_pktmbuf_append(m, ip.len), ip.data, ip.len);
	*pkt_meta(m) = (struct pkt_meta){.kind = PKT_INJECT_INNER, .family = IP_V4};
	assert_true(dataplane_inject(rig.dp, 0, m));
	rig_turn(0);
	rig_sent_to(&a, &got, &counter);
	assert_memory_equal(got.data, ip.data, ip.len);
	rig_expect_no_drops();
}

static void
test_over_the_tunnels_mtu_with_df(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32,fd00:8::2/128", "203.0.113.5:7777");
	struct rig_ip v4 = {.src = LAN_HOST, .dst = "10.8.0.2", .len = 1421, .df = true};
	struct rig_ip v6 = {.src = "fd00:20::2", .dst = "fd00:8::2", .len = 1421};

	receive(RIG_LAN, &v4);
	rig_turn(0);
	rig_expect_drops(DROP_over_mtu, 0, 1);
	rig_expect_charged(&a, PEER_DROP_over_mtu, 1);
	expect_icmp(3, 4, 1420, PKT_NO_PEER);
	receive(RIG_LAN, &v6);
	rig_turn(0);
	rig_expect_drops(DROP_over_mtu, 0, 1);
	rig_expect_charged(&a, PEER_DROP_over_mtu, 1);
	expect_icmp(2, 0, 1420, PKT_NO_PEER);
	rig_expect_silence();
	(void)a;
}

static void
test_over_the_tunnels_mtu_is_fragmented_without_df(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = LAN_HOST, .dst = "10.8.0.2", .len = 1500, .tag = 3};
	struct rig_packet whole, got;
	uint8_t payload[1480];
	unsigned at = 0, fragments = 0;
	bool more = true;

	rig_ip(&whole, &what);
	rig_receive(RIG_LAN, &whole);
	rig_turn(0);
	while (more) {
		const struct rte_ipv4_hdr *ip = (const void *)got.data;
		uint16_t offset, len;
		uint64_t counter;

		rig_sent_to(&a, &got, &counter);
		assert_int_equal(counter, fragments);
		len = rte_be_to_cpu_16(ip->total_length);
		offset = rte_be_to_cpu_16(ip->fragment_offset);
		more = offset & RTE_IPV4_HDR_MF_FLAG;
		assert_in_range(len, 21, 1420);
		assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
		assert_int_equal(ip->time_to_live, 63);
		assert_int_equal((offset & RTE_IPV4_HDR_OFFSET_MASK) * 8, at);
		memcpy(payload + at, ip + 1, len - 20);
		at += len - 20;
		fragments++;
	}
	assert_int_equal(at, 1480);
	assert_int_equal(fragments, 2);
	assert_memory_equal(payload, whole.data + 20, 1480);
	rig_expect_no_drops();
	rig_expect_silence();
}

static void
test_over_a_ports_mtu(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 1400, .df = true};

	rig.dp->ports.port[RIG_LAN].mtu = 1280;
	rig_receive_from(&a, &what);
	rig_turn(0);
	rig_expect_drops(DROP_over_mtu, IFACE_NONE, 1);
	rig_expect_charged(&a, PEER_DROP_over_mtu, 1);
	expect_icmp(3, 4, 1280, a.id);
	what.df = false;
	rig_receive_from(&a, &what);
	rig_turn(0);
	assert_int_equal(rig_n_sent(RIG_LAN), 2);
	rig_expect_no_drops();
}

static void
test_fragments_of_others_pass_through(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 100};
	struct rig_packet ip, message, outer, got;
	struct rte_ipv4_hdr *v4 = (void *)ip.data;

	rig_ip(&ip, &what);
	v4->fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG | 11);
	v4->hdr_checksum = 0;
	v4->hdr_checksum = rte_ipv4_cksum(v4);
	rig_seal(&message, &a, 0, ip.data, ip.len);
	rig_outer(&outer, "203.0.113.5:7777", "192.0.2.1:51820", 0, &message);
	rig_receive(RIG_WAN, &outer);
	rig_turn(0);
	assert_true(rig_sent(RIG_LAN, &got));
	assert_memory_equal(got.data + 20, ip.data + 20, 80);
	rig_expect_no_drops();
}

static void
test_no_route(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32,fd00:8::2/128", "203.0.113.5:7777");
	struct rig_ip v4 = {.src = "10.8.0.2", .dst = "198.51.100.1", .len = 64};
	struct rig_ip v6 = {.src = "fd00:8::2", .dst = "2a00::1", .len = 64};

	rig_receive_from(&a, &v4);
	rig_turn(0);
	rig_expect_drops(DROP_no_route, 0, 1);
	rig_expect_charged(&a, PEER_DROP_no_route, 1);
	expect_icmp(3, 0, 0, a.id);
	rig_receive_from(&a, &v6);
	rig_turn(0);
	rig_expect_drops(DROP_no_route, 0, 1);
	rig_expect_charged(&a, PEER_DROP_no_route, 1);
	expect_icmp(1, 0, 0, a.id);
	rig_expect_silence();
}

/* No such peer: ICMP host unreachable or ICMPv6 address unreachable. */
static void
test_unassigned_tunnel_addresses(void **state)
{
	struct rig_ip v4 = {.src = LAN_HOST, .dst = "10.8.0.99", .len = 64};
	struct rig_ip v6 = {.src = "fd00:20::2", .dst = "fd00:8::99", .len = 64};

	receive(RIG_LAN, &v4);
	rig_turn(0);
	rig_expect_drops(DROP_no_peer, 0, 1);
	rig_expect_charged(NULL, PEER_DROP_no_peer, 0);
	expect_icmp(3, 1, 0, PKT_NO_PEER);
	receive(RIG_LAN, &v6);
	rig_turn(0);
	rig_expect_drops(DROP_no_peer, 0, 1);
	expect_icmp(1, 3, 0, PKT_NO_PEER);
	rig_expect_silence();
}

static void
test_martians(void **state)
{
	static const char *const dst[] = {
		"127.0.0.1", "224.0.0.9", "239.1.1.1", "255.255.255.255", "0.0.0.1", "169.254.1.1"};
	struct rig_peer a = client(0, "0.0.0.0/0,::/0", "203.0.113.5:7777");

	for (unsigned i = 0; i < RTE_DIM(dst); i++) {
		struct rig_ip what = {.src = "10.8.0.2", .dst = dst[i], .len = 64};

		rig_receive_from(&a, &what);
		rig_turn(0);
		rig_expect_drops(DROP_martian, 0, 1);
		rig_expect_charged(&a, PEER_DROP_martian, 1);
	}
	rig_receive_from(&a, &(struct rig_ip){.src = "fd00:8::2", .dst = "ff02::1", .len = 64});
	rig_turn(0);
	rig_expect_drops(DROP_martian, 0, 1);
	rig_expect_charged(&a, PEER_DROP_martian, 1);
	assert_null(rig_punted(PUNT_RING_LOCAL));
	rig_expect_silence();
}

static void
test_martian_sources(void **state)
{
	static const char *const bad[][2] = {{"127.0.0.1", "10.20.0.2"}, {"0.0.0.0", "10.20.0.2"},
		{"224.0.0.1", "10.20.0.2"}, {"255.255.255.255", "10.20.0.2"},
		{"fe80::1", "fd00:20::2"}, {"ff02::1", "fd00:20::2"}, {"::", "fd00:20::2"},
		{"::1", "fd00:20::2"}};
	struct rig_peer a = client(0, "0.0.0.0/0,::/0", "203.0.113.5:7777");
	struct rig_packet ip;

	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		struct rig_ip what = {.src = bad[i][0], .dst = bad[i][1], .len = 64};

		rig_receive_from(&a, &what);
		rig_turn(0);
		rig_expect_drops(DROP_martian, 0, 1);
		rig_expect_charged(&a, PEER_DROP_martian, 1);
		rig_ip(&ip, &what);
		rig_receive(RIG_WAN, &ip);
		rig_turn(0);
		rig_expect_drops(DROP_martian, IFACE_NONE, 1);
		rig_expect_charged(NULL, PEER_DROP_martian, 0);
	}
	rig_expect_silence();
	assert_null(rig_punted(PUNT_RING_LOCAL));
	rig_receive_from(&a, &(struct rig_ip){.src = "::2", .dst = "fd00:20::2", .len = 64});
	rig_turn(0);
	assert_int_equal(rig_n_sent(RIG_LAN), 1);
}

/* RFC 1812, 5.3.4: what came as a broadcast or multicast frame is not forwarded. */
static void
test_group_frames_are_not_forwarded(void **state)
{
	static const char *const to[][2] = {
		{"192.0.2.9", "10.20.0.2"}, {"2001:db8::9", "fd00:20::2"}};

	for (unsigned i = 0; i < RTE_DIM(to); i++) {
		uint8_t frame[RTE_ETHER_HDR_LEN + 64] = {0x33, 0x33, 0, 0, 0, 1};
		struct rig_packet ip;

		rig_ip(&ip, &(struct rig_ip){.src = to[i][0], .dst = to[i][1], .len = 64});
		frame[12] = i == 0 ? 0x08 : 0x86;
		frame[13] = i == 0 ? 0x00 : 0xdd;
		memcpy(frame + RTE_ETHER_HDR_LEN, ip.data, ip.len);
		rig_receive_frame(RIG_WAN, 0, frame, sizeof(frame));
		rig_turn(0);
		rig_expect_drops(DROP_rx_unsupported, IFACE_NONE, 1);
	}
	rig_expect_silence();
}

static void
test_own_addresses_go_to_control(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32,fd00:8::2/128", "203.0.113.5:7777");
	static const char *const pairs[][2] = {{"10.8.0.2", "10.8.0.1"}, {"10.8.0.2", "10.20.0.1"},
		{"10.8.0.2", "10.9.0.1"}, {"fd00:8::2", "fd00:8::1"}};

	for (unsigned i = 0; i < RTE_DIM(pairs); i++) {
		struct rig_ip what = {.src = pairs[i][0], .dst = pairs[i][1], .len = 84, .tag = i};
		struct rig_packet ip;
		struct rte_mbuf *m;

		what.ttl = 1; /* it is not forwarded: no hop */
		rig_receive_from(&a, &what);
		rig_turn(0);
		m = rig_punted(PUNT_RING_LOCAL);
		assert_non_null(m);
		assert_int_equal(pkt_meta(m)->kind, PKT_PUNT_LOCAL);
		assert_int_equal(pkt_meta(m)->peer_id, a.id);
		assert_int_equal(pkt_meta(m)->iface, 0);
		assert_int_equal(pkt_meta(m)->family, i < 3 ? IP_V4 : IP_V6);
		rig_ip(&ip, &what);
		assert_int_equal(m->pkt_len, ip.len);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), ip.data, ip.len);
		rte_pktmbuf_free(m);
	}
	rig_expect_no_drops();
}

static void
test_a_full_local_ring_is_counted(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");
	unsigned capacity = rte_ring_get_capacity(rig_worker(0)->punt[PUNT_RING_LOCAL]);
	struct rig_ip what = {.src = "10.8.0.2", .dst = "10.8.0.1", .len = 84};

	unsigned room = capacity * 6 / 8;
	struct rig_packet probe;

	for (unsigned i = 0; i < room + 5; i++)
		rig_receive_from(&a, &what);
	rig_turn_all();
	rig_expect_drops(DROP_queue_full, 0, 5);
	rig_expect_charged(NULL, PEER_DROP_no_route, 0);
	/* No error is owed to whom the ring has no room for. */
	rig_receive_from(&a, &(struct rig_ip){.src = "10.8.0.2", .dst = "198.51.100.1", .len = 84});
	rig_turn_all();
	rig_expect_drops(DROP_no_route, 0, 1);
	rig_expect_charged(&a, PEER_DROP_no_route, 1);
	assert_int_equal(rte_ring_count(rig_worker(0)->punt[PUNT_RING_LOCAL]), room);
	/* The rest is for neighbours: a solicitation of the LAN for an address of ours. */
	rig_ip(&probe, &(struct rig_ip){.src = "fd00:20::2", .dst = "fd00:20::1", .len = 72});
	probe.data[offsetof(struct rte_ipv6_hdr, proto)] = IPPROTO_ICMPV6;
	probe.data[sizeof(struct rte_ipv6_hdr)] = 135;
	rig_receive(RIG_LAN, &probe);
	rig_turn_all();
	rig_expect_no_drops();
	assert_int_equal(rte_ring_count(rig_worker(0)->punt[PUNT_RING_LOCAL]), room + 1);
}

/* Neighbours: a bounded wait, the first packets, one question, and an end. */
static void
test_neighbour_that_does_not_answer(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = "10.20.0.9", .len = 64};
	struct dp_event e;
	char text[IP_ADDR_STRLEN];

	for (unsigned i = 0; i < NEIGH_HOLD_PACKETS + 3; i++)
		rig_receive_from(&a, &what);
	rig_turn(0);
	rig_expect_drops(DROP_neigh_failed, IFACE_NONE, 3);
	rig_event(DP_TRAFFIC);
	e = rig_event(DP_WANT_NEIGH);
	assert_int_equal(e.port, RIG_LAN);
	assert_string_equal(ip_addr_format(text, &e.addr), "10.20.0.9");
	rig_expect_no_event();
	dataplane_neigh_done(rig.dp, RIG_LAN, &e.addr, false);
	rig_turn(0);
	rig_expect_drops(DROP_neigh_failed, IFACE_NONE, NEIGH_HOLD_PACKETS);
	/* It may be asked for again. */
	rig_receive_from(&a, &what);
	rig_turn(0);
	rig_event(DP_WANT_NEIGH);
	rig_neigh(RIG_LAN, "10.20.0.9", true);
	dataplane_neigh_done(rig.dp, RIG_LAN, &e.addr, true);
	rig_turn(0);
	rig_expect_forwarded(RIG_LAN, &what);
	rig_expect_no_drops();
}

static void
test_neighbours_that_wait_are_bounded_and_time_out(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");

	for (unsigned i = 0; i < NEIGH_HOLDS + 2; i++) {
		char dst[32];

		snprintf(dst, sizeof(dst), "10.20.0.%u", 100 + i);
		rig_receive_from(&a, &(struct rig_ip){.src = "10.8.0.2", .dst = dst, .len = 64});
		rig_turn(0);
	}
	rig_expect_drops(DROP_neigh_failed, IFACE_NONE, 2);
	for (unsigned i = 0; i < NEIGH_HOLDS; i++)
		rig_worker(0)->holds[i].since_ns = 0;
	dp_clock.base_tsc -= 6 * rte_get_tsc_hz(); /* six seconds later */
	rig_turn(0);
	rig_expect_drops(DROP_neigh_failed, IFACE_NONE, NEIGH_HOLDS);
}

/* A removed neighbour must not be used from the worker's cache. */
static void
test_a_removed_neighbour_is_forgotten(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};
	struct ip_addr host;

	rig_receive_from(&a, &what);
	rig_turn(0);
	rig_expect_forwarded(RIG_LAN, &what);
	rig_event(DP_TRAFFIC);
	assert_true(ip_addr_parse(&host, LAN_HOST));
	neigh_remove(rig.dp->neighbours, neigh_lookup(rig.dp->neighbours, RIG_LAN, &host));
	rig_receive_from(&a, &what);
	rig_turn(0);
	rig_expect_silence();
	rig_event(DP_WANT_NEIGH);
}

static void
test_tx_queue_full_and_link_down(void **state)
{
	struct rig_peer a = client(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};

	rig.tx[RIG_LAN][0].room = 3;
	for (unsigned i = 0; i < 8; i++)
		rig_receive_from(&a, &what);
	rig_turn(0);
	rig_expect_drops(DROP_tx_full, IFACE_NONE, 5);
	assert_int_equal(rig_n_sent(RIG_LAN), 3);
	atomic_store(&rig.dp->ports.port[RIG_LAN].link_up, false);
	rig_receive_from(&a, &what);
	rig_turn(0);
	rig_expect_drops(DROP_link_down, IFACE_NONE, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_hairpin_between_peers),
		RIG_TEST(test_hairpin_denied_by_either_interface),
		RIG_TEST(test_ttl_ends_here),
		RIG_TEST(test_who_is_charged),
		RIG_TEST(test_header_checksum_after_every_ttl),
		RIG_TEST(test_injected_packets_keep_their_ttl),
		RIG_TEST(test_over_the_tunnels_mtu_with_df),
		RIG_TEST(test_over_the_tunnels_mtu_is_fragmented_without_df),
		RIG_TEST(test_over_a_ports_mtu),
		RIG_TEST(test_fragments_of_others_pass_through),
		RIG_TEST(test_no_route),
		RIG_TEST(test_unassigned_tunnel_addresses),
		RIG_TEST(test_martians),
		RIG_TEST(test_martian_sources),
		RIG_TEST(test_group_frames_are_not_forwarded),
		RIG_TEST(test_own_addresses_go_to_control),
		RIG_TEST(test_a_full_local_ring_is_counted),
		RIG_TEST(test_neighbour_that_does_not_answer),
		RIG_TEST(test_neighbours_that_wait_are_bounded_and_time_out),
		RIG_TEST(test_a_removed_neighbour_is_forgotten),
		RIG_TEST(test_tx_queue_full_and_link_down),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
