/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that await a session. */
#include "tests/unit/rig.h"

#define LAN_HOST "10.20.0.2"

static void
receive_lan(const char *dst, uint32_t tag)
{
	struct rig_packet ip;

	rig_ip(&ip, &(struct rig_ip){.src = LAN_HOST, .dst = dst, .len = 64, .tag = tag});
	rig_receive(RIG_LAN, &ip);
}

static void
test_staged_until_there_is_a_session(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct dp_event e;

	for (uint32_t i = 0; i < 70; i++)
		receive_lan("10.8.0.2", i);
	rig_turn_all();
	e = rig_event(DP_WANT_HANDSHAKE);
	assert_int_equal(e.peer_id, p.id);
	assert_int_equal(e.peer_generation, p.generation);
	assert_true(dp_peer_handshake_wanted(p.peer));
	rig_expect_no_event(); /* asked for once */
	rig_expect_silence();
	assert_int_equal(rig_worker(0)->n_staged, 70);
	rig_session(&p, true, 0, true);
	dp_flush_staged(rig.dp, p.peer, true, 0);
	rig_turn(0);
	for (uint32_t i = 0; i < 70; i++)
		rig_expect_tunnelled(&p,
			&(struct rig_ip){.src = LAN_HOST, .dst = "10.8.0.2", .len = 64, .tag = i});
	rig_expect_silence(); /* data speaks for itself: no keepalive */
	rig_expect_no_drops();
	assert_int_equal(rig_worker(0)->n_staged, 0);
}

static void
test_a_flush_with_nothing_staged_sends_a_keepalive(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_packet got;
	uint64_t counter;

	rig_session(&p, true, 0, true);
	dp_flush_staged(rig.dp, p.peer, false, 0);
	rig_turn(0);
	rig_expect_silence();
	dp_flush_staged(rig.dp, p.peer, true, 0);
	rig_turn(0);
	assert_int_equal(rig_sent_to(&p, &got, &counter), 0);
	rig_expect_silence();
}

/* A flush without a session stages again, in the same order, and ends. */
static void
test_a_flush_without_a_session_keeps_the_order(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");

	for (uint32_t i = 0; i < 5; i++)
		receive_lan("10.8.0.2", i);
	rig_turn(0);
	dp_flush_staged(rig.dp, p.peer, true, 0);
	rig_turn(0);
	assert_int_equal(rig_worker(0)->n_staged, 5);
	rig_session(&p, true, 0, true);
	dp_flush_staged(rig.dp, p.peer, false, 0);
	rig_turn(0);
	for (uint32_t i = 0; i < 5; i++)
		rig_expect_tunnelled(&p,
			&(struct rig_ip){.src = LAN_HOST, .dst = "10.8.0.2", .len = 64, .tag = i});
	rig_expect_no_drops();
}

/* "Staged packets: 128 a peer while it has no session, oldest dropped first." */
static void
test_a_peer_stages_128_and_drops_the_oldest(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");

	for (uint32_t i = 0; i < STAGED_PACKETS_MAX + 10; i++)
		receive_lan("10.8.0.2", i);
	rig_turn_all();
	rig_expect_drops(DROP_stage_full, 0, 10);
	rig_expect_charged(&p, PEER_DROP_stage_full, 10);
	rig_session(&p, true, 0, true);
	dp_flush_staged(rig.dp, p.peer, false, 0);
	rig_turn(0);
	for (uint32_t i = 10; i < STAGED_PACKETS_MAX + 10; i++)
		rig_expect_tunnelled(&p,
			&(struct rig_ip){.src = LAN_HOST, .dst = "10.8.0.2", .len = 64, .tag = i});
	rig_expect_silence();
}

static void
test_all_peers_together_are_bounded(void **state)
{
	struct worker *w = rig_worker(0);
	uint64_t charged[PEER_DROP_COUNT];
	struct rig_peer peers[3];

	w->staged_max = 100;
	for (unsigned peer = 0; peer < 3; peer++) {
		char allowed[32];

		snprintf(allowed, sizeof(allowed), "10.8.0.%u/32", 2 + peer);
		peers[peer] = rig_peer(0, allowed, "203.0.113.5:7777");
	}
	for (uint32_t i = 0; i < 120; i++)
		receive_lan(i % 3 == 0 ? "10.8.0.2" : i % 3 == 1 ? "10.8.0.3" : "10.8.0.4", i);
	rig_turn_all();
	assert_int_equal(w->n_staged, 100);
	rig_expect_drops(DROP_stage_full, 0, 20);
	/* The last 20 of them: from number 100 on, each is its own peer's. */
	for (unsigned peer = 0; peer < 3; peer++) {
		dp_peer_drops(rig.dp, peers[peer].peer, charged);
		assert_int_equal(charged[PEER_DROP_stage_full], peer == 0 ? 6 : 7);
	}
}

static void
test_a_handshake_that_gives_up_drops_what_is_staged(void **state)
{
	struct rig_peer p = rig_peer(1, "10.9.0.2/32", "203.0.113.5:7777");

	for (uint32_t i = 0; i < 7; i++)
		receive_lan("10.9.0.2", i);
	rig_turn(0);
	dp_drop_staged(rig.dp, p.peer);
	rig_turn(0);
	rig_expect_drops(DROP_stage_expired, 1, 7);
	rig_expect_charged(&p, PEER_DROP_stage_expired, 7);
	assert_int_equal(rig_worker(0)->n_staged, 0);
	rig_session(&p, true, 0, true);
	dp_flush_staged(rig.dp, p.peer, false, 0);
	rig_turn(0);
	rig_expect_silence();
}

/* Each peer waits for its own session. */
static void
test_peers_do_not_wait_for_each_other(void **state)
{
	struct rig_peer a = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_peer b = rig_peer(0, "10.8.0.3/32", "203.0.113.6:7777");

	rig_session(&b, true, 0, true);
	for (uint32_t i = 0; i < 20; i++)
		receive_lan(i % 2 == 0 ? "10.8.0.2" : "10.8.0.3", i);
	rig_turn(0);
	for (uint32_t i = 1; i < 20; i += 2)
		rig_expect_tunnelled(&b,
			&(struct rig_ip){.src = LAN_HOST, .dst = "10.8.0.3", .len = 64, .tag = i});
	rig_expect_silence();
	assert_int_equal(rig_worker(0)->n_staged, 10);
	(void)a;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_staged_until_there_is_a_session),
		RIG_TEST(test_a_flush_with_nothing_staged_sends_a_keepalive),
		RIG_TEST(test_a_flush_without_a_session_keeps_the_order),
		RIG_TEST(test_a_peer_stages_128_and_drops_the_oldest),
		RIG_TEST(test_all_peers_together_are_bounded),
		RIG_TEST(test_a_handshake_that_gives_up_drops_what_is_staged),
		RIG_TEST(test_peers_do_not_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
