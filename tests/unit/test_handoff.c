/* SPDX-License-Identifier: BSD-3-Clause */
/* Between workers: a session is opened by its owner alone, a port is sent on by who has a queue. */
#include "tests/unit/rig.h"

#define LAN_HOST "10.20.0.2"

/* To the RX queue of this worker. */
static void
receive_by(unsigned worker, uint8_t port, const struct rig_packet *ip)
{
	const struct port *p = &rig.dp->ports.port[port];
	unsigned queue = 0;

	while (p->rxq_worker[queue] != worker)
		queue++;
	rig_receive_on(port, queue, ip);
}

static void
sealed(struct rig_packet *outer, struct rig_peer *p, const struct rig_ip *what)
{
	struct rig_packet inner, message;

	rig_ip(&inner, what);
	rig_seal(&message, p, p->s.next_counter++, inner.data, inner.len);
	rig_outer(outer, "203.0.113.5:7777", "192.0.2.1:51820", 0, &message);
}

static void
test_flow_reordered_by_several_threads(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};
	struct dp_counters c;
	struct rig_packet ip;

	rig_session(&p, true, 1, true);
	for (what.tag = 0; what.tag < 100; what.tag++) {
		sealed(&ip, &p, &what);
		receive_by(0, RIG_WAN, &ip);
	}
	rig_turn(0);
	rig_turn(0);
	rig_expect_silence(); /* worker 0 has opened nothing */
	assert_int_equal(p.s.session->replay.greatest, 0);
	rig_turn_all();
	for (what.tag = 0; what.tag < 100; what.tag++)
		rig_expect_forwarded(RIG_LAN, &what);
	rig_expect_no_drops();
	assert_int_equal(rig_worker(1)->stats.stage_packets[STAGE_handoff], 100);
	dp_peer_counters(rig.dp, p.peer, &c);
	assert_int_equal(c.rx_packets, 100);
}

/* Both RX queues bring packets of one session: each counts once, whoever received it. */
static void
test_a_replay_on_the_other_worker_is_seen(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};
	struct rig_packet ip;

	rig_session(&p, true, 0, true);
	sealed(&ip, &p, &what);
	receive_by(0, RIG_WAN, &ip);
	receive_by(1, RIG_WAN, &ip);
	rig_turn_all();
	rig_expect_drops(DROP_replay, 0, 1);
	rig_expect_charged(&p, PEER_DROP_replay, 1);
	rig_expect_forwarded(RIG_LAN, &what);
	rig_expect_silence();
}

/* "A pointer in a ring outlives a grace period": the owner looks the session up again. */
static void
test_session_used_after_it_was_retired(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};
	struct rig_packet ip;

	for (unsigned freed = 0; freed < 2; freed++) {
		rig_session(&p, true, 1, true);
		sealed(&ip, &p, &what);
		receive_by(0, RIG_WAN, &ip);
		rig_turn(0);
		rig_session_retire(&p);
		while (freed && dataplane_reclaim(rig.dp))
			; /* both are offline: the session is wiped and freed */
		rig_turn(1);
		rig_expect_drops(DROP_unknown_index, 0, 1);
		rig_expect_silence();
	}
}

static void
test_a_full_handoff_ring_is_counted(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	unsigned capacity = rte_ring_get_capacity(rig_worker(1)->handoff);
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};
	struct rig_packet ip;

	rig_session(&p, true, 1, true);
	for (unsigned i = 0; i < capacity + 30; i++) {
		sealed(&ip, &p, &what);
		receive_by(0, RIG_WAN, &ip);
		if (i % 512 == 511)
			while (rig.rx[RIG_WAN][0].n + rig.rx[RIG_WAN][1].n > 0)
				rig_turn(0);
	}
	while (rig.rx[RIG_WAN][0].n + rig.rx[RIG_WAN][1].n > 0)
		rig_turn(0);
	rig_expect_drops(DROP_queue_full, 0, 30);
}

/* Any worker seals for any peer: two of them never use a counter twice. */
static void
test_counter_used_twice(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = LAN_HOST, .dst = "10.8.0.2", .len = 64};
	bool used[200] = {false};
	struct rig_packet ip;

	rig_session(&p, true, 0, true);
	for (unsigned i = 0; i < RTE_DIM(used); i++) {
		rig_ip(&ip, &what);
		receive_by(i % 2, RIG_LAN, &ip);
		if (i % 7 == 0)
			rig_turn_all();
	}
	rig_turn_all();
	for (unsigned i = 0; i < RTE_DIM(used); i++) {
		struct rig_packet got;
		uint64_t counter;

		rig_sent_to(&p, &got, &counter);
		assert_in_range(counter, 0, RTE_DIM(used) - 1);
		assert_false(used[counter]);
		used[counter] = true;
	}
	rig_expect_no_drops();
}

static void
test_a_worker_without_a_tx_queue(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = LAN_HOST, .dst = "10.8.0.2", .len = 64};
	struct port *wan = &rig.dp->ports.port[RIG_WAN];
	struct rig_packet ip;

	rig_session(&p, true, 0, true);
	wan->tx_worker = 1;
	wan->worker_txq[0] = PORT_NO_QUEUE;
	wan->worker_txq[1] = 0;
	for (what.tag = 0; what.tag < 100; what.tag++) {
		rig_ip(&ip, &what);
		receive_by(0, RIG_LAN, &ip);
	}
	while (rig.rx[RIG_LAN][0].n + rig.rx[RIG_LAN][1].n > 0)
		rig_turn(0);
	rig_expect_silence();
	rig_turn_all();
	for (what.tag = 0; what.tag < 100; what.tag++)
		rig_expect_tunnelled(&p, &what);
	rig_expect_no_drops();
	assert_int_equal(rig_worker(0)->stats.tx_packets, 0);
	assert_int_equal(rig_worker(1)->stats.tx_packets, 100);
}

static void
test_staging_is_shared_out(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = LAN_HOST, .dst = "10.8.0.2", .len = 64};
	struct rig_packet ip;

	rig_ip(&ip, &what);
	for (unsigned i = 0; i < 100; i++) {
		receive_by(0, RIG_LAN, &ip);
		receive_by(1, RIG_LAN, &ip);
	}
	rig_turn_all();
	assert_int_equal(rig_worker(0)->n_staged, STAGED_PACKETS_MAX / 2);
	assert_int_equal(rig_worker(1)->n_staged, STAGED_PACKETS_MAX / 2);
	rig_expect_drops(DROP_stage_full, 0, 200 - STAGED_PACKETS_MAX);
	rig_session(&p, true, 1, true);
	dp_flush_staged(rig.dp, p.peer, true, 1);
	rig_turn_all();
	assert_int_equal(rig_n_sent(RIG_WAN), STAGED_PACKETS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST_TWO(test_flow_reordered_by_several_threads),
		RIG_TEST_TWO(test_a_replay_on_the_other_worker_is_seen),
		RIG_TEST_TWO(test_session_used_after_it_was_retired),
		RIG_TEST_TWO(test_a_full_handoff_ring_is_counted),
		RIG_TEST_TWO(test_counter_used_twice),
		RIG_TEST_TWO(test_a_worker_without_a_tx_queue),
		RIG_TEST_TWO(test_staging_is_shared_out),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
