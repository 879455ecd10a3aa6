/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes in from the wire, as it should be and as it should not. */
#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "tests/unit/rig.h"

#define LAN_HOST "10.20.0.2"

static const struct rig_ip plain = {.src = "192.0.2.9", .dst = LAN_HOST, .len = 64};

/* A frame to wan0 with an IP packet; the caller spoils it. */
struct frame {
	struct rte_ether_hdr eth;
	uint8_t ip[1500];
	uint16_t len;
};
_Static_assert(offsetof(struct frame, ip) == RTE_ETHER_HDR_LEN, "contiguous");

static struct frame
frame_of(const struct rig_packet *ip)
{
	struct frame f = {.len = ip->len + sizeof(f.eth)};

	f.eth.dst_addr = rig.dp->ports.port[RIG_WAN].mac;
	f.eth.ether_type = ip->data[0] >> 4 == 4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4)
						 : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	memcpy(f.ip, ip->data, ip->len);
	return f;
}

static struct frame
plain_frame(void)
{
	struct rig_packet ip;

	rig_ip(&ip, &plain);
	return frame_of(&ip);
}

static void
receive_frame(const struct frame *f)
{
	rig_receive_frame(RIG_WAN, 0, f, f->len);
	rig_turn(0);
}

static void
resum(struct frame *f)
{
	struct rte_ipv4_hdr *ip = (void *)f->ip;

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void
test_routed_cleartext(void **state)
{
	struct frame f = plain_frame();

	receive_frame(&f);
	rig_expect_forwarded(RIG_LAN, &plain);
	/* Ethernet padding is no part of the packet. */
	f.len += 30;
	receive_frame(&f);
	rig_expect_forwarded(RIG_LAN, &plain);
	rig_expect_no_drops();
}

static void
test_frames_for_others(void **state)
{
	struct frame f = plain_frame();

	f.eth.dst_addr.addr_bytes[5] ^= 1;
	receive_frame(&f);
	rig_expect_drops(DROP_rx_not_for_us, IFACE_NONE, 1);
	memset(&f.eth.dst_addr, 0xff, 6); /* RFC 1122: not forwarded */
	receive_frame(&f);
	rig_expect_drops(DROP_rx_unsupported, IFACE_NONE, 1);
	f = plain_frame();
	f.eth.ether_type = RTE_BE16(0x88cc);
	receive_frame(&f);
	rig_expect_drops(DROP_rx_unsupported, IFACE_NONE, 1);
	rig_expect_silence();
}

/* Every length below what the headers say: a frame cut off, as AF_PACKET does to GSO ones. */
static void
test_truncated_frames(void **state)
{
	struct frame f = plain_frame();
	struct rig_packet ip6;

	for (f.len = 0; f.len < sizeof(f.eth) + 64; f.len++) {
		receive_frame(&f);
		rig_expect_drops(DROP_rx_truncated, IFACE_NONE, 1);
	}
	rig_ip(&ip6, &(struct rig_ip){.src = "2001:db8::9", .dst = "fd00:20::2", .len = 100});
	f = frame_of(&ip6);
	for (f.len = sizeof(f.eth); f.len < sizeof(f.eth) + 100; f.len++) {
		receive_frame(&f);
		rig_expect_drops(DROP_rx_truncated, IFACE_NONE, 1);
	}
	rig_expect_silence();
}

static void
test_malformed_ipv4(void **state)
{
	for (unsigned i = 0; i < 5; i++) {
		struct frame f = plain_frame();
		struct rte_ipv4_hdr *ip = (void *)f.ip;

		switch (i) {
		case 0:
			ip->version_ihl = 0x44; /* header shorter than the least */
			break;
		case 1:
			ip->version_ihl = 0x65;
			break;
		case 2:
			ip->total_length = RTE_BE16(19);
			break;
		case 3:
			ip->version_ihl = 0x4f; /* 60 bytes of header, 50 of packet */
			ip->total_length = RTE_BE16(50);
			break;
		case 4:
			resum(&f);
			ip->hdr_checksum ^= 0x0100;
			break;
		}
		if (i < 4)
			resum(&f);
		receive_frame(&f);
		rig_expect_drops(DROP_rx_malformed, IFACE_NONE, 1);
	}
	rig_expect_silence();
}

/* The checksum's every bit counts, and the two forms of zero are one. */
static void
test_every_wrong_bit_of_an_ipv4_header(void **state)
{
	for (unsigned bit = 8 * 10; bit < 8 * 20; bit++) {
		struct frame f = plain_frame();

		f.ip[bit / 8] ^= 1 << bit % 8;
		receive_frame(&f);
		rig_expect_drops(DROP_rx_malformed, IFACE_NONE, 1);
	}
	rig_expect_silence();
}

static void
test_ipv4_options(void **state)
{
	struct frame f = plain_frame();
	struct rte_ipv4_hdr *ip = (void *)f.ip;
	struct rig_packet got;

	ip->version_ihl = 0x46;
	memset(f.ip + 20, 1, 4); /* no-operation, RFC 791 */
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, 24);
	receive_frame(&f);
	assert_true(rig_sent(RIG_LAN, &got));
	assert_int_equal(rte_raw_cksum(got.data, 24), 0xffff);
	f.ip[22] ^= 1;
	receive_frame(&f);
	rig_expect_drops(DROP_rx_malformed, IFACE_NONE, 1);
}

static void
udp_to_wg0(struct frame *f, uint32_t type, uint16_t len)
{
	struct rig_packet message = {.len = len}, ip;

	memcpy(message.data, &type, sizeof(type));
	rig_outer(&ip, "203.0.113.5:7777", "192.0.2.1:51820", 0x48, &message);
	*f = frame_of(&ip);
}

/* By type and exact length; reserved bytes are zero. */
static void
test_handshake_messages_go_to_control(void **state)
{
	static const struct {
		uint32_t type;
		uint16_t len;
		bool good;
	} rows[] = {
		{1, 148, true},
		{1, 147, false},
		{1, 149, false},
		{2, 92, true},
		{2, 91, false},
		{2, 93, false},
		{3, 64, true},
		{3, 63, false},
		{3, 65, false},
		{0, 148, false},
		{5, 148, false},
		{0x101, 148, false},
		{0x01000001, 148, false},
		{0x104, 64, false},
		{4, 31, false},
		{1, 4, false},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct rte_mbuf *m;
		struct frame f;

		udp_to_wg0(&f, rows[i].type, rows[i].len);
		receive_frame(&f);
		m = rig_punted(PUNT_RING_HANDSHAKE);
		rig_expect_drops(DROP_rx_malformed, 0, rows[i].good ? 0 : 1);
		if (!rows[i].good) {
			assert_null(m);
			continue;
		}
		assert_non_null(m);
		assert_int_equal(pkt_meta(m)->kind, PKT_PUNT_HANDSHAKE);
		assert_int_equal(pkt_meta(m)->iface, 0);
		assert_int_equal(pkt_meta(m)->port, RIG_WAN);
		assert_int_equal(pkt_meta(m)->worker, 0);
		assert_int_equal(pkt_meta(m)->family, IP_V4);
		assert_int_equal(pkt_meta(m)->tos, 0x48);
		assert_int_equal(m->data_len, rows[i].len);
		assert_int_equal(pkt_meta(m)->l3_off, 14);
		assert_int_equal(pkt_meta(m)->wg_off, 42);
		rte_pktmbuf_free(m);
	}
}

static void
test_udp_lengths_that_lie(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	static const uint16_t lens[] = {0, 7, 8, 11, 12, 39, 41, 1000, 65535};

	rig_session(&p, true, 0, true);
	for (unsigned i = 0; i < RTE_DIM(lens); i++) {
		struct rig_packet message, ip;
		struct frame f;

		rig_seal(&message, &p, 0, NULL, 0);
		rig_outer(&ip, "203.0.113.5:7777", "192.0.2.1:51820", 0, &message);
		f = frame_of(&ip);
		((struct rte_udp_hdr *)(void *)(f.ip + 20))->dgram_len = rte_cpu_to_be_16(lens[i]);
		receive_frame(&f);
		rig_expect_drops(DROP_rx_malformed, 0, 1);
	}
}

/* Only to an address of the gateway and a listen port; other UDP is traffic. */
static void
test_udp_that_is_not_ours(void **state)
{
	struct rig_packet message = {.len = 148, .data = {1}}, ip;

	rig_outer(&ip, "192.0.2.9:7777", LAN_HOST ":51820", 0, &message);
	rig_receive(RIG_WAN, &ip);
	rig_turn(0);
	assert_int_equal(rig_n_sent(RIG_LAN), 1);
	rig_outer(&ip, "192.0.2.9:7777", "192.0.2.1:51822", 0, &message);
	rig_receive(RIG_WAN, &ip);
	rig_turn(0);
	assert_null(rig_punted(PUNT_RING_HANDSHAKE));
	rte_pktmbuf_free(rig_punted(PUNT_RING_LOCAL));
	rig_expect_no_drops();
}

/* "Fragments received are counted drops until reassembly exists." */
static void
test_outer_fragments(void **state)
{
	struct frame f;

	for (unsigned i = 0; i < 2; i++) {
		struct rte_ipv4_hdr *ip = (void *)f.ip;

		udp_to_wg0(&f, 4, 64);
		ip->fragment_offset = i == 0 ? RTE_BE16(RTE_IPV4_HDR_MF_FLAG) : RTE_BE16(8);
		resum(&f);
		receive_frame(&f);
		rig_expect_drops(DROP_rx_outer_fragment, IFACE_NONE, 1);
	}
	rig_expect_silence();
}

static void
test_arp_goes_to_control(void **state)
{
	struct frame f = {.len = 60};
	struct rte_mbuf *m;

	memset(&f.eth.dst_addr, 0xff, 6);
	f.eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
	receive_frame(&f);
	m = rig_punted(PUNT_RING_LOCAL);
	assert_non_null(m);
	assert_int_equal(pkt_meta(m)->kind, PKT_PUNT_ARP);
	assert_int_equal(pkt_meta(m)->port, RIG_WAN);
	assert_int_equal(m->data_len, 60);
	rte_pktmbuf_free(m);
	rig_expect_no_drops();
}

static void
test_a_frame_of_many_segments(void **state)
{
	struct frame f = plain_frame();
	struct rte_mbuf *m[3] = {NULL};

	for (unsigned i = 0; i < 3; i++) {
		unsigned part = i < 2 ? 20 : f.len - 40u;

		m[i] = rte_pktmbuf_alloc(rig.dp->pool);
		memcpy(rte_pktmbuf_append(m[i], part), (uint8_t *)&f + 20 * i, part);
		if (i > 0)
			assert_int_equal(rte_pktmbuf_chain(m[0], m[i]), 0);
	}
	rig.rx[RIG_WAN][0].m[rig.rx[RIG_WAN][0].first % RIG_QUEUE] = m[0];
	rig.rx[RIG_WAN][0].n = 1;
	rig_turn(0);
	rig_expect_forwarded(RIG_LAN, &plain);
	rig_expect_no_drops();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_routed_cleartext),
		RIG_TEST(test_frames_for_others),
		RIG_TEST(test_truncated_frames),
		RIG_TEST(test_malformed_ipv4),
		RIG_TEST(test_every_wrong_bit_of_an_ipv4_header),
		RIG_TEST(test_ipv4_options),
		RIG_TEST(test_handshake_messages_go_to_control),
		RIG_TEST(test_udp_lengths_that_lie),
		RIG_TEST(test_udp_that_is_not_ours),
		RIG_TEST(test_outer_fragments),
		RIG_TEST(test_arp_goes_to_control),
		RIG_TEST(test_a_frame_of_many_segments),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
