/* SPDX-License-Identifier: BSD-3-Clause */
/* Which handshake messages wait for control where, and who keeps whom out. */
#include "dataplane/messages.h"
#include "tests/unit/rig.h"

#define SENT 3000 /* more than a ring holds */

static unsigned
waiting(enum punt_ring ring)
{
	return rte_ring_count(rig_worker(0)->punt[ring]);
}

static unsigned
capacity(void)
{
	return rte_ring_get_capacity(rig_worker(0)->punt[PUNT_RING_HANDSHAKE]);
}

/* An initiation, or what its length says, with the given byte as its last. */
static void
send_message(uint8_t port, const char *from, uint8_t type, uint8_t last)
{
	static const uint16_t lengths[] = {
		[MESSAGE_INITIATION] = 148, [MESSAGE_RESPONSE] = 92, [MESSAGE_COOKIE_REPLY] = 64};
	struct rig_packet message = {.len = lengths[type], .data = {type}}, ip;

	message.data[message.len - 1] = last;
	rig_outer(&ip, from, strchr(from, '[') != NULL ? "[2001:db8::1]:51820" : "192.0.2.1:51820",
		0, &message);
	rig_receive(port, &ip);
}

static void
send_from(uint8_t port, const char *from)
{
	send_message(port, from, MESSAGE_INITIATION, 0);
	rig_turn(0);
}

/* From an address of its own for each i. */
static void
send_numbered(uint8_t port, unsigned i)
{
	char from[32];

	snprintf(from, sizeof(from), "10.%u.%u.9:7", 1 + i / 250, i % 250);
	send_from(port, from);
}

static uint16_t
bucket_of(const char *from)
{
	struct ip_endpoint e;

	assert_true(ip_endpoint_parse(&e, from));
	return source_bucket(source_hash(&rig.dp->sources, &e.addr));
}

static unsigned
take_all(enum punt_ring ring)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	for (; (m = rig_punted(ring)) != NULL; n++)
		rte_pktmbuf_free(m);
	return n;
}

/* ---- shares --------------------------------------------------------------------------- */

static void
test_a_source_holds_a_fifth_of_the_ring(void **state)
{
	const char *other = bucket_of("203.0.113.5:7") != bucket_of("203.0.113.6:7")
				    ? "203.0.113.6:7"
				    : "203.0.113.7:7";
	unsigned held = 0;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SENT; i++)
			send_from(RIG_WAN, "203.0.113.5:7");
		held = waiting(PUNT_RING_HANDSHAKE);
		assert_in_range(held, capacity() / 5, capacity() / 5 + 1);
		rig_expect_drops(DROP_queue_full, 0, SENT - held);
		/* It is load all the same, so that cookies are demanded. */
		assert_true(dataplane_handshake_load(rig.dp) >= 256 / 8);
		send_from(RIG_WAN, other);
		rig_expect_no_drops();
		assert_int_equal(take_all(PUNT_RING_HANDSHAKE), held + 1);
	}
	assert_int_equal(dataplane_handshake_load(rig.dp), 0);
}

static void
test_a_port_holds_half_of_the_ring(void **state)
{
	for (unsigned i = 0; i < SENT; i++)
		send_numbered(RIG_WAN, i);
	assert_int_equal(waiting(PUNT_RING_HANDSHAKE), capacity() / 2 + 1);
	rig_expect_drops(DROP_queue_full, 0, SENT - waiting(PUNT_RING_HANDSHAKE));
	send_from(RIG_LAN, "203.0.113.5:7");
	rig_expect_no_drops();
	/* Two that flood hold a third each. */
	take_all(PUNT_RING_HANDSHAKE);
	for (unsigned i = 0; i < SENT; i++) {
		send_numbered(RIG_WAN, i);
		send_numbered(RIG_LAN, SENT + i);
	}
	assert_in_range(waiting(PUNT_RING_HANDSHAKE), capacity() * 2 / 3, capacity() * 2 / 3 + 2);
}

/* An attacker with a prefix of its own is one source. */
static void
test_an_ipv6_64_is_a_source(void **state)
{
	char from[64];

	for (unsigned i = 0; i < SENT; i++) {
		snprintf(from, sizeof(from), "[2001:db8:f:1:%x::9]:7", i);
		send_from(RIG_WAN, from);
	}
	assert_in_range(waiting(PUNT_RING_HANDSHAKE), capacity() / 5, capacity() / 5 + 1);
}

static void
test_no_two_gateways_share_their_buckets(void **state)
{
	uint16_t before = bucket_of("203.0.113.5:7");
	unsigned same = 0;

	for (unsigned i = 0; i < 8; i++) {
		struct sources s;
		struct ip_endpoint e;

		assert_int_equal(sources_init(&s, 1), 0);
		assert_true(ip_endpoint_parse(&e, "203.0.113.5:7"));
		same += source_bucket(source_hash(&s, &e.addr)) == before;
		sources_fini(&s);
	}
	assert_in_range(same, 0, 3); /* one in 4096 each */
}

/* ---- what speaks for the sender ---------------------------------------------------------- */

static void
test_mac2_waits_apart_from_none(void **state)
{
	for (unsigned i = 0; i < SENT; i++)
		send_numbered(RIG_WAN, i);
	rig_expect_drops(DROP_queue_full, 0, SENT - waiting(PUNT_RING_HANDSHAKE));
	send_message(RIG_WAN, "203.0.113.5:7", MESSAGE_INITIATION, 1);
	send_message(RIG_WAN, "203.0.113.5:7", MESSAGE_RESPONSE, 1);
	rig_turn(0);
	rig_expect_no_drops();
	assert_int_equal(waiting(PUNT_RING_MAC2), 2);
	/* It has none, whatever it ends in. */
	take_all(PUNT_RING_HANDSHAKE);
	send_message(RIG_WAN, "203.0.113.5:7", MESSAGE_COOKIE_REPLY, 1);
	rig_turn(0);
	assert_int_equal(waiting(PUNT_RING_MAC2), 2);
	assert_int_equal(waiting(PUNT_RING_HANDSHAKE), 1);
}

/* Its bytes may be invented: a flood of them is shared as any other. */
static void
test_a_flood_of_mac2_is_bounded(void **state)
{
	for (unsigned i = 0; i < SENT; i++) {
		send_message(RIG_WAN, "203.0.113.5:7", MESSAGE_INITIATION, 1);
		rig_turn(0);
	}
	assert_in_range(waiting(PUNT_RING_MAC2), capacity() / 5, capacity() / 5 + 1);
	assert_true(dataplane_handshake_load(rig.dp) >= 256 / 8);
	rig_expect_drops(DROP_queue_full, 0, SENT - waiting(PUNT_RING_MAC2));
}

static void
test_where_a_peer_is_goes_first(void **state)
{
	static const struct {
		const char *from;
		bool known;
	} rows[] = {
		{"203.0.113.5:7", true},
		{"203.0.113.5:8", true},
		{"203.0.113.6:7", false},
		{"[2001:db8:f:1::9]:7", true},
		{"[2001:db8:f:1:5::1]:7", true},
		{"[2001:db8:f:2::9]:7", false},
	};
	struct ip_addr v4, v6;

	assert_true(ip_addr_parse(&v4, "203.0.113.5"));
	assert_true(ip_addr_parse(&v6, "2001:db8:f:1::1"));
	dataplane_peer_is_at(rig.dp, &v4);
	dataplane_peer_is_at(rig.dp, &v6);
	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		for (uint8_t type = MESSAGE_INITIATION; type <= MESSAGE_COOKIE_REPLY; type++) {
			send_message(RIG_WAN, rows[i].from, type, type == MESSAGE_RESPONSE);
			rig_turn(0);
			assert_int_equal(take_all(PUNT_RING_KNOWN), rows[i].known);
			assert_int_equal(take_all(PUNT_RING_MAC2),
				!rows[i].known && type == MESSAGE_RESPONSE);
			assert_int_equal(take_all(PUNT_RING_HANDSHAKE),
				!rows[i].known && type != MESSAGE_RESPONSE);
		}
}

/* ---- answers ---------------------------------------------------------------------------- */

/* What cannot be answered stays where shares are fair, and control hears when it can again. */
static void
test_no_more_is_taken_than_can_be_answered(void **state)
{
	struct ip_addr known;
	struct rte_mbuf *m;
	unsigned woken;

	assert_true(ip_addr_parse(&known, "203.0.113.8"));
	dataplane_peer_is_at(rig.dp, &known);
	send_from(RIG_WAN, "203.0.113.5:7");
	send_from(RIG_WAN, "203.0.113.8:7");
	send_message(RIG_WAN, "203.0.113.6:7", MESSAGE_INITIATION, 1);
	rig_turn(0);
	while (dataplane_answers(rig.dp, 0) > 0) {
		m = rte_pktmbuf_alloc(dataplane_pool(rig.dp));
		assert_non_null(m);
		assert_non_null(rte_pktmbuf_append(m, 60));
		*pkt_meta(m) = (struct pkt_meta){.kind = PKT_INJECT_FRAME, .port = RIG_WAN};
		assert_true(dataplane_inject(rig.dp, 0, m));
	}
	assert_null(rig_punted(PUNT_RING_HANDSHAKE));
	assert_int_equal(take_all(PUNT_RING_KNOWN), 1);
	assert_int_equal(take_all(PUNT_RING_MAC2), 1);
	woken = rig.wakes;
	rig_turn(0);
	assert_int_equal(rig.wakes, woken + 1);
	assert_int_equal(take_all(PUNT_RING_HANDSHAKE), 1);
	rig_expect_no_drops();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		RIG_TEST(test_a_source_holds_a_fifth_of_the_ring),
		RIG_TEST(test_a_port_holds_half_of_the_ring),
		RIG_TEST(test_an_ipv6_64_is_a_source),
		RIG_TEST(test_no_two_gateways_share_their_buckets),
		RIG_TEST(test_mac2_waits_apart_from_none),
		RIG_TEST(test_a_flood_of_mac2_is_bounded),
		RIG_TEST(test_where_a_peer_is_goes_first),
		RIG_TEST(test_no_more_is_taken_than_can_be_answered),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
