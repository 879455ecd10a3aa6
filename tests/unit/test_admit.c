/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is answered while handshakes are flooded, and who is let in. */
#include <endian.h>

#include "control/received.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/worker.h"
#include "tests/unit/rig_control.h"

#define FROM "203.0.113.5:7777"

/* Good mac1s from n sources; mac2 is none, or invented. */
static void
flood(unsigned n, bool mac2)
{
	char from[IP_ENDPOINT_STRLEN];

	for (unsigned i = 0; i < n; i++) {
		struct message_initiation msg = rig_junk_initiation();

		msg.macs.mac2[0] = mac2;
		snprintf(from, sizeof(from), "203.0.113.%u:9", 10 + i % 240);
		rig_send_from(from, RIG_GATEWAY, &msg, sizeof(msg));
		rig_turn(0);
	}
}

static void
send_initiation(struct rig_client *c)
{
	struct message_initiation msg = rig_client_initiation(c);

	rig_send_from(c->from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_turn_all();
}

static unsigned
waiting(enum punt_ring ring)
{
	return rte_ring_count(rig_worker(0)->punt[ring]);
}

/* The messages that control has sent in one turn, without those that they lead to. */
static unsigned
answers(void)
{
	unsigned n;

	handshake_poll(rig_control);
	rig_turn_all();
	n = rig_n_sent(RIG_WAN);
	for (struct rig_packet ip; rig_sent(RIG_WAN, &ip);)
		;
	return n;
}

static void
test_a_cookie_goes_before_a_flood(void **state)
{
	struct message_cookie_reply reply;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", FROM, false);
	rig_under_load();
	send_initiation(&c);
	rig_run();
	rig_expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	assert_true(cookie_consume_reply(&c.macs, &reply, dp_now_ns()));
	flood(1000, false);
	send_initiation(&c);
	/* In the first turn, though a thousand came before it. */
	handshake_poll(rig_control);
	rig_turn_all();
	rig_client_finish(&c);
	assert_true(waiting(PUNT_RING_HANDSHAKE) > 900);
}

static void
test_invented_mac2s_leave_answers_to_others(void **state)
{
	struct rig_client c;
	struct message_cookie_reply reply;

	rig_client_init(&c, "10.8.0.2/32", FROM, false);
	rig_under_load();
	flood(900, true);
	send_initiation(&c);
	assert_int_equal(waiting(PUNT_RING_MAC2), 900);
	handshake_poll(rig_control);
	rig_turn_all();
	/* A batch was looked at, and a quarter of it was answered; and the one that has none. */
	assert_int_equal(rig_n_sent(RIG_WAN), MESSAGES_A_TURN / 4 + 1);
	for (unsigned i = 0; i < MESSAGES_A_TURN / 4; i++) {
		struct rig_packet ip;

		assert_true(rig_sent(RIG_WAN, &ip));
	}
	rig_expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	rig_expect_drops(DROP_mac2_required, 0, MESSAGES_A_TURN + 1);
}

/* Nor do they take the room for what we send ourselves. */
static void
test_answers_leave_room_in_the_ring_down(void **state)
{
	struct rte_ring *inject = rig_worker(0)->inject;

	rig_under_load();
	flood(1000, true);
	flood(1000, false);
	while (handshake_poll(rig_control) > 0)
		assert_true(rte_ring_count(inject) <=
			    rte_ring_get_capacity(inject) / 2 + MESSAGES_A_TURN / 4);
	assert_int_equal(waiting(PUNT_RING_MAC2), 0);
	assert_true(waiting(PUNT_RING_HANDSHAKE) > 0);
	assert_int_equal(rig_drops(DROP_inject_full), 0);
}

static void
test_one_address_is_answered_so_often(void **state)
{
	struct rig_client c;
	struct message_initiation msg;
	unsigned n = 0;

	rig_client_init(&c, "10.8.0.2/32", FROM, false);
	rig_under_load();
	msg = rig_client_initiation(&c);
	/* A second may begin meanwhile, but not two. */
	for (unsigned i = 0; i < 3 * REPLIES_PER_SECOND; i++) {
		rig_send_from(FROM, RIG_GATEWAY, &msg, sizeof(msg));
		rig_turn(0);
		n += answers();
	}
	assert_in_range(n, REPLIES_PER_SECOND, 2 * REPLIES_PER_SECOND);
	rig_expect_drops(DROP_mac2_required, 0, 3 * REPLIES_PER_SECOND);
}

/* Its rekeys, and its answers to ours. */
static void
test_a_connected_peer_goes_before_a_flood(void **state)
{
	struct rig_ip what = {.src = "10.20.0.2", .dst = "10.8.0.3", .len = 64};
	struct message_response response = {.type_le = htole32(MESSAGE_RESPONSE)};
	struct message_initiation msg;
	struct rig_client c, other;
	struct rig_packet ip;

	rig_client_init(&c, "10.8.0.2/32", FROM, false);
	send_initiation(&c);
	assert_int_equal(waiting(PUNT_RING_KNOWN), 0);
	rig_run();
	rig_client_finish(&c);
	rig_receive_keepalive(&c.wire);
	rig_run();
	send_initiation(&c);
	assert_int_equal(waiting(PUNT_RING_KNOWN), 1);
	rig_run();
	assert_true(rig_sent(RIG_WAN, &ip));

	rig_client_init(&other, "10.8.0.3/32", "203.0.113.6:7777", true);
	rig_ip(&ip, &what);
	rig_receive(RIG_LAN, &ip);
	rig_run();
	rig_expect_message(MESSAGE_INITIATION, other.from, &msg, sizeof(msg));
	rig_send_from(other.from, RIG_GATEWAY, &response, sizeof(response));
	rig_turn_all();
	assert_int_equal(waiting(PUNT_RING_KNOWN), 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		RIG_CONTROL_TEST(test_a_cookie_goes_before_a_flood),
		RIG_CONTROL_TEST(test_invented_mac2s_leave_answers_to_others),
		RIG_CONTROL_TEST(test_answers_leave_room_in_the_ring_down),
		RIG_CONTROL_TEST(test_one_address_is_answered_so_often),
		RIG_CONTROL_TEST(test_a_connected_peer_goes_before_a_flood),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
