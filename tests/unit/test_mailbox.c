/* SPDX-License-Identifier: BSD-3-Clause */
/* What control tells the workers. */
#include "tests/unit/rig.h"

static void
stage(struct rig_peer *p, unsigned worker, const char *dst)
{
	struct rig_packet ip;

	rig_ip(&ip, &(struct rig_ip){.src = "10.20.0.2", .dst = dst, .len = 100});
	rig_receive_on(RIG_LAN, (RIG_LAN + worker) % 2, &ip); /* see spread_queues */
	rig_turn(worker);
	assert_int_equal(rig_event(DP_WANT_HANDSHAKE).peer_id, p->id);
}

/* Each of two workers has staged something: both must let go before the id is reused. */
static void
test_an_id_is_free_when_every_worker_has_let_go(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct ip_prefix prefix;
	uint32_t free_ids = rig.dp->n_free_ids;

	stage(&p, 0, "10.8.0.2");
	dp_peer_handshake_answered(p.peer);
	stage(&p, 1, "10.8.0.2");
	assert_true(ip_prefix_parse(&prefix, "10.8.0.2/32"));
	dp_peer_disallow(rig.dp, p.peer, &prefix);
	dp_peer_retire(rig.dp, p.peer);
	dataplane_reclaim(rig.dp);
	rig_turn(0);
	dataplane_reclaim(rig.dp);
	assert_int_equal(rig.dp->n_free_ids, free_ids);
	assert_int_equal(rig_worker(0)->n_staged, 0);
	assert_int_equal(rig_worker(1)->n_staged, 1);
	rig_turn(1);
	dataplane_reclaim(rig.dp);
	assert_int_equal(rig.dp->n_free_ids, free_ids + 1);
	assert_int_equal(rig_worker(1)->n_staged, 0);
	rig_expect_drops(DROP_stage_expired, IFACE_NONE, 2);
	rig_expect_charged(NULL, PEER_DROP_stage_expired, 0);
	/* The next peer of the id is another generation. */
	p = rig_peer(0, "10.8.0.3/32", NULL);
	assert_int_equal(p.generation, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST_TWO(test_an_id_is_free_when_every_worker_has_let_go),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
