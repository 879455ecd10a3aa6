/* SPDX-License-Identifier: BSD-3-Clause */
/* Control and a worker together: what a handshake may do, and what it must not. */
#include <endian.h>

#include "control/publish.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"
#include "dataplane/worker.h"
#include "tests/unit/one_cookie.h"
#include "tests/unit/rig_control.h"

#define LAN_HOST "10.20.0.2"
#define AWAY "203.0.113.99:4444" /* where none of the clients is */

static void
send_lan(const struct rig_ip *what)
{
	struct rig_packet ip;

	rig_ip(&ip, what);
	rig_receive(RIG_LAN, &ip);
	rig_run();
}

static struct rig_ip
to_client(void)
{
	return (struct rig_ip){.src = LAN_HOST, .dst = "10.8.0.2", .len = 64};
}

/* A packet for a client without a session: the gateway starts. */
static struct message_initiation
gateway_starts(struct rig_client *c)
{
	struct rig_ip what = to_client();
	struct message_initiation msg;

	send_lan(&what);
	rig_expect_message(MESSAGE_INITIATION, c->from, &msg, sizeof(msg));
	return msg;
}

static struct ip_endpoint
endpoint_of(const struct rig_client *c)
{
	struct ip_endpoint e;

	assert_true(dp_peer_endpoint(c->peer->dp, &e, NULL));
	return e;
}

/* Good mac1s and nothing else: what a flood is made of. */
static void
queue_junk(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct message_initiation msg = rig_junk_initiation();

		rig_send_from(AWAY, RIG_GATEWAY, &msg, sizeof(msg));
		if (i % 512 == 511)
			rig_turn_all();
	}
	rig_turn_all();
}

static void
drain(void)
{
	struct rig_packet ip;

	while (rig_sent(RIG_WAN, &ip))
		;
}

/* ---- tests -------------------------------------------------------------------------- */

static void
test_handshakes_either_way_carry_packets(void **state)
{
	struct rig_ip in = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64}, out = to_client();
	struct message_initiation msg;
	struct message_response response;
	struct noise_initiation got;
	struct noise_keys keys;
	struct noise_peer gateway;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	msg = gateway_starts(&c);
	noise_peer_init(&gateway, c.gateway.remote_static, NULL);
	assert_int_equal(noise_consume_initiation(&c.id, &msg, &got), NOISE_OK);
	assert_int_equal(noise_accept_initiation(&c.id, &gateway, &msg, &got, 1), NOISE_OK);
	assert_int_equal(noise_create_response(&gateway, &got, 77, &response, &keys), NOISE_OK);
	cookie_add_macs(&c.macs, &response, sizeof(response), dp_now_ns());
	rig_send_from(c.from, RIG_GATEWAY, &response, sizeof(response));
	rig_run();
	rig_client_take_session(&c, &keys, le32toh(response.receiver_index_le), 77);
	rig_expect_tunnelled(&c.wire, &out); /* it was staged */
	rig_client_connect(&c);
	rig_receive_from(&c.wire, &in);
	rig_run();
	rig_expect_forwarded(RIG_LAN, &in);
	send_lan(&out);
	rig_expect_tunnelled(&c.wire, &out);
	rig_expect_no_drops();
}

/* Each of a batch is told apart: those behind the first one are counted too. */
static void
test_full_index_table(void **state)
{
	struct message_initiation msg;
	struct rig_client c[3];
	uint32_t index;

	for (unsigned i = 0; i < 3; i++) {
		char inside[IP_PREFIX_STRLEN];

		snprintf(inside, sizeof(inside), "10.8.0.%u/32", 2 + i);
		rig_client_init(&c[i], inside, "203.0.113.5:7777", false);
	}
	while (dp_index_alloc(rig.dp, c[0].peer, &index))
		;
	for (unsigned i = 0; i < 3; i++) {
		msg = rig_client_initiation(&c[i]);
		rig_send_from(c[i].from, RIG_GATEWAY, &msg, sizeof(msg));
	}
	rig_run();
	rig_expect_drops(DROP_handshake_rejected, 0, 3);
	rig_expect_silence();
}

static void
test_roams_on_cookie_replies(void **state)
{
	struct cookie_checker checker;
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct ip_endpoint gateway, before, after;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	before = endpoint_of(&c);
	msg = gateway_starts(&c);
	cookie_checker_init(&checker, c.id.static_public);
	assert_true(ip_endpoint_parse(&gateway, RIG_GATEWAY));
	one_cookie_reply(&checker, &msg, sizeof(msg), &gateway, dp_now_ns(), &reply);
	rig_send_from(AWAY, RIG_GATEWAY, &reply, sizeof(reply));
	rig_run();
	assert_true(c.peer->cookie.cookie_born_ns != 0); /* it was good */
	after = endpoint_of(&c);
	assert_true(ip_endpoint_equal(&after, &before));
	rig_expect_no_drops();
}

static void
test_roams_on_a_replayed_initiation(void **state)
{
	struct message_initiation msg;
	struct ip_endpoint before, after;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	msg = rig_client_initiation(&c);
	rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_client_finish(&c);
	before = endpoint_of(&c);
	c.peer->noise.last_initiation_ns = 0;
	rig_send_from(AWAY, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_expect_drops(DROP_handshake_rejected, 0, 1);
	rig_expect_charged(&c.wire, PEER_DROP_handshake_rejected, 1);
	after = endpoint_of(&c);
	assert_true(ip_endpoint_equal(&after, &before));
	rig_expect_silence();
}

static void
test_mac1_not_checked(void **state)
{
	struct message_initiation msg;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	msg = rig_client_initiation(&c);
	msg.macs.mac1[COOKIE_LEN - 1] ^= 1;
	rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_expect_drops(DROP_mac1_invalid, 0, 1);
	rig_expect_charged(NULL, PEER_DROP_handshake_rejected, 0);
	rig_expect_silence();
}

/* An eighth of the queue, as it is, and not some number that it never reaches. */
static void
test_cookie_threshold_never_engages(void **state)
{
	unsigned capacity = rte_ring_get_capacity(rig_worker(0)->punt[PUNT_RING_HANDSHAKE]) + 1;
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	queue_junk(capacity / 8 - 2);
	msg = rig_client_initiation(&c);
	rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_expect_drops(DROP_handshake_rejected, 0, capacity / 8 - 2);
	rig_expect_charged(NULL, PEER_DROP_handshake_rejected, 0);
	rig_client_finish(&c);
	rig_expect_silence();
	msg = rig_client_initiation(&c);
	rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	queue_junk(capacity / 8);
	rig_run();
	rig_expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	assert_int_equal(rig_n_sent(RIG_WAN), capacity / 8);
	rig_expect_drops(DROP_mac2_required, 0, capacity / 8 + 1);
}

static void
test_mac2_not_demanded_under_load(void **state)
{
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	rig_under_load();
	msg = rig_client_initiation(&c);
	rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_expect_drops(DROP_mac2_required, 0, 1);
	rig_expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	rig_expect_silence();
	assert_null(c.peer->next.session);
}

/* The source of the frame is what the cookie is made of, both times. */
static void
test_cookie_source_not_passed_on(void **state)
{
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	rig_under_load();
	msg = rig_client_initiation(&c);
	rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	assert_true(cookie_consume_reply(&c.macs, &reply, dp_now_ns()));
	rig_expect_drops(DROP_mac2_required, 0, 1);
	msg = rig_client_initiation(&c);
	rig_send_from(AWAY, RIG_GATEWAY, &msg, sizeof(msg)); /* the cookie is another's */
	rig_run();
	rig_expect_drops(DROP_mac2_required, 0, 1);
	drain();
	msg = rig_client_initiation(&c);
	rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_expect_no_drops();
	rig_client_finish(&c);
}

static void
test_limit_of_a_source_under_load(void **state)
{
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	rig_under_load();
	msg = rig_client_initiation(&c);
	rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	assert_true(cookie_consume_reply(&c.macs, &reply, dp_now_ns()));
	rig_expect_drops(DROP_mac2_required, 0, 1);
	for (unsigned i = 0; i < 50; i++) {
		msg = rig_client_initiation(&c);
		rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	}
	rig_run();
	/* A batch has one time, and the first eight have come with five tokens. */
	assert_true(rig_drops(DROP_handshake_limited) >= 3);
}

/* The responder may not know yet that the initiator has the session. */
static void
test_responder_sends_before_the_first_packet(void **state)
{
	struct rig_ip what = to_client();
	struct message_initiation msg;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	msg = rig_client_initiation(&c);
	rig_send_from(c.from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_client_finish(&c);
	send_lan(&what);
	rig_expect_silence();
	rig_receive_keepalive(&c.wire);
	rig_run();
	rig_expect_tunnelled(&c.wire, &what);
	rig_expect_no_drops();
}

/* What is under way when a session follows another still arrives. */
static void
test_old_session_dropped_at_a_rekey(void **state)
{
	struct rig_ip in = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};
	struct rig_client c, old;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	rig_client_connect(&c);
	old = c;
	rig_client_connect(&c);
	assert_int_not_equal(old.wire.s.local_index, c.wire.s.local_index);
	rig_receive_from(&old.wire, &in);
	rig_run();
	rig_expect_forwarded(RIG_LAN, &in);
	rig_expect_no_drops();
	/* But not that of two sessions ago. */
	rig_client_connect(&c);
	rig_reclaim();
	rig_receive_from(&old.wire, &in);
	rig_run();
	rig_expect_drops(DROP_unknown_index, 0, 1);
}

static void
test_response_to_an_index_of_another_interface(void **state)
{
	struct message_initiation msg;
	struct message_response response;
	struct noise_initiation got;
	struct noise_keys keys;
	struct noise_peer gateway;
	struct cookie_peer other;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	msg = gateway_starts(&c);
	noise_peer_init(&gateway, c.gateway.remote_static, NULL);
	assert_int_equal(noise_consume_initiation(&c.id, &msg, &got), NOISE_OK);
	assert_int_equal(noise_accept_initiation(&c.id, &gateway, &msg, &got, 1), NOISE_OK);
	assert_int_equal(noise_create_response(&gateway, &got, 77, &response, &keys), NOISE_OK);
	/* Both interfaces have one key, else the response would not open anyway. */
	rig_control->ifaces[1].identity = rig_control->ifaces[0].identity;
	rig_control->ifaces[1].checker = rig_control->ifaces[0].checker;
	cookie_peer_init(&other, rig_control->ifaces[1].identity.static_public);
	cookie_add_macs(&other, &response, sizeof(response), dp_now_ns());
	rig_send_from(c.from, "192.0.2.1:51821", &response, sizeof(response));
	rig_run();
	rig_expect_drops(DROP_handshake_rejected, 1, 1);
	rig_expect_silence();
	assert_null(c.peer->current.session);
}

/* Neither a session nor what is under way may notice that peers come and go beside it. */
static void
test_adding_a_peer_interrupts_others(void **state)
{
	struct rig_ip in = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64}, out = to_client();
	struct rig_client c, other;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	rig_client_connect(&c);
	for (unsigned i = 0; i < 20; i++) {
		struct peer_change gone = {.op = CHANGE_DELETE};

		rig_client_init(&other, "10.8.0.3/32", "203.0.113.6:7777", true);
		rig_put(other.id.static_public, "10.8.0.4/32", "203.0.113.7:7777"); /* changed */
		memcpy(gone.public_key, other.id.static_public, 32);
		rig_receive_from(&c.wire, &in);
		rig_run();
		rig_expect_forwarded(RIG_LAN, &in);
		rig_apply(&gone);
		send_lan(&out);
		rig_expect_tunnelled(&c.wire, &out);
		rig_put(c.id.static_public, "10.8.0.2/32", NULL); /* the same once more */
	}
	rig_expect_no_drops();
	rig_expect_silence(); /* no handshake */
}

static void
test_private_key_change_keeps_sessions(void **state)
{
	struct rig_asked a = {.private_key = rig_gateway_private};
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	rig_client_connect(&c);
	crypto_random(rig_gateway_private, sizeof(rig_gateway_private));
	rig_serve(&a);
	assert_null(c.peer->current.session);
	rig_receive_keepalive(&c.wire);
	rig_run();
	rig_expect_drops(DROP_unknown_index, 0, 1);
	/* Whoever knows the new key gets in. */
	memcpy(c.gateway.remote_static, rig_control->ifaces[0].identity.static_public,
		NOISE_KEY_LEN);
	c.gateway.static_static_generation = 0;
	cookie_peer_init(&c.macs, rig_control->ifaces[0].identity.static_public);
	rig_client_connect(&c);
	rig_expect_no_drops();
}

/* The timestamp is the wall clock's: a gateway that starts anew must not count from zero. */
static void
test_monotonic_clock_in_tai64n(void **state)
{
	struct message_initiation msg;
	struct noise_initiation got;
	struct noise_peer gateway;
	uint64_t seconds;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	msg = gateway_starts(&c);
	noise_peer_init(&gateway, c.gateway.remote_static, NULL);
	assert_int_equal(noise_consume_initiation(&c.id, &msg, &got), NOISE_OK);
	assert_int_equal(noise_accept_initiation(&c.id, &gateway, &msg, &got, 1), NOISE_OK);
	memcpy(&seconds, gateway.last_received, sizeof(seconds));
	seconds = be64toh(seconds) - 0x400000000000000aULL;
	assert_in_range(seconds, rig_wall_ns() / NS_PER_SEC - 3600, rig_wall_ns() / NS_PER_SEC + 1);
}

static void
test_own_key_as_a_peer_starts_a_handshake(void **state)
{
	struct rig_ip what = {.src = LAN_HOST, .dst = "10.8.0.9", .len = 64};

	rig_put(rig_control->ifaces[0].identity.static_public, "10.8.0.9/32", "203.0.113.9:7777");
	send_lan(&what);
	rig_expect_silence();
	rig_expect_drops(DROP_stage_expired, 0, 1);
}

/* 540 s after the last new session nothing of it is left, the pending handshake included. */
static void
test_keys_not_wiped(void **state)
{
	struct rig_session s;
	struct rig_client c;

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	rig_client_connect(&c);
	s = c.wire.s;
	c.peer->noise.handshake.pending = true;
	memset(c.peer->noise.handshake.ephemeral_private, 0x55, NOISE_KEY_LEN);
	assert_true(c.peer->timers.wipe_ns > dp_now_ns() + 500 * NS_PER_SEC);
	c.peer->timers.wipe_ns = c.peer->timers.deadline_ns = dp_now_ns();
	handshake_rearm(c.peer);
	rig_run();
	rig_reclaim();
	assert_null(c.peer->current.session);
	assert_null(c.peer->previous.session);
	assert_null(dp_index_owner(rig.dp, s.local_index));
	for (unsigned i = 0; i < NOISE_KEY_LEN; i++)
		assert_int_equal(c.peer->noise.handshake.ephemeral_private[i], 0);
	rig_receive_keepalive(&c.wire);
	rig_run();
	rig_expect_drops(DROP_unknown_index, 0, 1);
}

/* Lines that a file has, and what its last one is. */
static unsigned
count_lines(FILE *f, char *last, size_t size)
{
	unsigned n = 0;

	rewind(f);
	while (fgets(last, (int)size, f) != NULL)
		n++;
	return n;
}

static void
test_log_of_many_peers_is_bounded(void **state)
{
	FILE *log = tmpfile(), *before = rte_log_get_stream();
	uint32_t level = rte_log_get_global_level();
	uint64_t now = 7 * NS_PER_SEC;
	struct rig_client c;
	char last[256];

	rig_client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	rte_openlog_stream(log);
	rte_log_set_global_level(RTE_LOG_INFO);
	for (unsigned i = 0; i < 1500; i++)
		handshake_completed(c.peer, now, "responder");
	assert_int_equal(count_lines(log, last, sizeof(last)), 1000);
	assert_non_null(strstr(last, "rekeyed"));
	handshake_completed(c.peer, now + NS_PER_SEC, "responder");
	rte_log_set_global_level(level);
	rte_openlog_stream(before);
	assert_int_equal(count_lines(log, last, sizeof(last)), 1002);
	rewind(log);
	for (unsigned i = 0; i < 1001; i++)
		assert_non_null(fgets(last, sizeof(last), log));
	assert_non_null(strstr(last, "500 more lines"));
	fclose(log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_CONTROL_TEST(test_handshakes_either_way_carry_packets),
		RIG_CONTROL_TEST(test_roams_on_cookie_replies),
		RIG_CONTROL_TEST(test_roams_on_a_replayed_initiation),
		RIG_CONTROL_TEST(test_mac1_not_checked),
		RIG_CONTROL_TEST(test_cookie_threshold_never_engages),
		RIG_CONTROL_TEST(test_mac2_not_demanded_under_load),
		RIG_CONTROL_TEST(test_cookie_source_not_passed_on),
		RIG_CONTROL_TEST(test_limit_of_a_source_under_load),
		RIG_CONTROL_TEST(test_responder_sends_before_the_first_packet),
		RIG_CONTROL_TEST(test_old_session_dropped_at_a_rekey),
		RIG_CONTROL_TEST(test_response_to_an_index_of_another_interface),
		RIG_CONTROL_TEST(test_adding_a_peer_interrupts_others),
		RIG_CONTROL_TEST(test_private_key_change_keeps_sessions),
		RIG_CONTROL_TEST(test_monotonic_clock_in_tai64n),
		RIG_CONTROL_TEST(test_own_key_as_a_peer_starts_a_handshake),
		RIG_CONTROL_TEST(test_keys_not_wiped),
		RIG_CONTROL_TEST(test_log_of_many_peers_is_bounded),
		RIG_CONTROL_TEST(test_full_index_table),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
