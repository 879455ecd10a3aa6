/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers and sessions come and go under running workers. */
#include "dataplane/rcu.h"
#include "tests/unit/rig.h"

#define LAN_HOST "10.20.0.2"

static void
receive_lan(const char *dst)
{
	struct rig_packet ip;

	rig_ip(&ip, &(struct rig_ip){.src = LAN_HOST, .dst = dst, .len = 64});
	rig_receive(RIG_LAN, &ip);
}

static void
remove_peer(struct rig_peer *p, const char *allowed)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(&prefix, allowed));
	if (p->s.session != NULL)
		rig_session_retire(p);
	dp_peer_disallow(rig.dp, p->peer, &prefix);
	dp_allow_commit(rig.dp);
	dp_peer_retire(rig.dp, p->peer);
}

/* Two phases: gone for lookups at once, the id free when every worker has said so. */
static void
test_an_id_is_reused_only_after_all_workers_let_go(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777"), q;
	struct peer_dp *gone = p.peer;
	uint32_t n_free;

	receive_lan("10.8.0.2");
	receive_lan("10.8.0.2");
	rig_turn(0);
	assert_int_equal(rig_worker(0)->n_staged, 2);
	n_free = rig.dp->n_free_ids;
	rte_rcu_qsbr_thread_online(rig.dp->qsbr, 0); /* in the middle of a turn */
	remove_peer(&p, "10.8.0.2/32");
	assert_null(atomic_load(&rig.dp->peers[p.id]));
	for (unsigned i = 0; i < 10; i++)
		assert_true(dataplane_reclaim(rig.dp));
	assert_int_equal(gone->id, p.id); /* not freed: the worker may be reading it */
	assert_int_equal(rig.dp->n_free_ids, n_free);
	rte_rcu_qsbr_thread_offline(rig.dp->qsbr, 0);
	dataplane_reclaim(rig.dp);
	dataplane_reclaim(rig.dp);
	assert_int_equal(rig.dp->n_free_ids, n_free); /* its packets are still staged */
	rig_turn(0);
	rig_expect_drops(DROP_stage_expired, IFACE_NONE, 2);
	while (dataplane_reclaim(rig.dp))
		;
	assert_int_equal(rig.dp->n_free_ids, n_free + 1);
	q = rig_peer(0, "10.8.0.9/32", NULL);
	assert_int_equal(q.id, p.id);
	assert_int_not_equal(q.generation, p.generation);
}

/* "Removed and added again": what was charged to the id before is not the new peer's. */
static void
test_drops_start_at_zero_with_a_reused_id(void **state)
{
	static const uint64_t none[PEER_DROP_COUNT];
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777"), q;
	struct rig_ip foreign = {.src = "10.8.0.77", .dst = LAN_HOST, .len = 64};
	uint64_t drops[PEER_DROP_COUNT];

	dp_peer_drops(rig.dp, p.peer, drops);
	assert_memory_equal(drops, none, sizeof(none));
	rig_session(&p, true, 0, true);
	for (unsigned i = 0; i < 3; i++)
		rig_receive_from(&p, &foreign);
	rig_turn(0);
	rig_expect_charged(&p, PEER_DROP_source_not_allowed, 3);
	dp_peer_drops(rig.dp, p.peer, drops);
	assert_int_equal(drops[PEER_DROP_source_not_allowed], 3);
	remove_peer(&p, "10.8.0.2/32");
	rig_reclaim();
	q = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	assert_int_equal(q.id, p.id);
	dp_peer_drops(rig.dp, q.peer, drops);
	assert_memory_equal(drops, none, sizeof(none));
}

static void
test_removal_with_packets_in_flight(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};

	rig_session(&p, true, 0, true);
	for (unsigned i = 0; i < 10; i++) {
		rig_receive_from(&p, &what);
		receive_lan("10.8.0.2");
	}
	dp_send_keepalive(rig.dp, p.peer);
	dp_flush_staged(rig.dp, p.peer, true, 0);
	remove_peer(&p, "10.8.0.2/32");
	rig_turn(0);
	for (unsigned i = 0; i < 10; i++) {
		struct rte_mbuf *m = rig_punted(PUNT_RING_LOCAL);

		assert_non_null(m); /* host unreachable, for the LAN's packets */
		rte_pktmbuf_free(m);
	}
	assert_int_equal(rig_drops(DROP_unknown_index), 10);
	assert_int_equal(rig_drops(DROP_no_peer), 10);
	rig_expect_silence();
	rig_reclaim();
}

static void
expect_received(const struct rig_peer *p, uint64_t packets)
{
	struct dp_counters c;

	dp_peer_counters(rig.dp, p->peer, &c);
	assert_int_equal(c.rx_packets, packets);
	assert_int_equal(c.rx_bytes, packets * MESSAGE_DATA_OVERHEAD);
}

static void
receive_keepalives(struct rig_peer *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rig_receive_keepalive(p);
	rig_turn(0);
}

/* Sessions count what they receive: none of it is lost or counted twice when one ends. */
static void
test_counters_outlive_their_sessions(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777"), q = p;

	rig_session(&p, true, 0, true);
	receive_keepalives(&p, 3);
	rig_session(&q, true, 0, true);
	receive_keepalives(&q, 2);
	receive_keepalives(&p, 1);
	expect_received(&p, 6);
	rte_rcu_qsbr_thread_online(rig.dp->qsbr, 0); /* in the middle of a turn */
	rig_session_retire(&p);
	dataplane_reclaim(rig.dp);
	expect_received(&q, 6);
	rte_rcu_qsbr_thread_offline(rig.dp->qsbr, 0);
	rig_reclaim();
	assert_null(q.peer->retired);
	expect_received(&q, 6);
	receive_keepalives(&q, 4);
	expect_received(&q, 10);
	rig_session_retire(&q);
	rig_reclaim();
	assert_null(atomic_load(&q.peer->sessions));
	expect_received(&q, 10);
	rig_session(&p, true, 0, true);
	receive_keepalives(&p, 1);
	expect_received(&p, 11);
}

/* With a full queue of what is deferred, its turn may come before theirs. */
static void
test_a_peer_waits_for_its_sessions(void **state)
{
	static struct session other; /* retired, its turn still to come */
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	uint32_t n_free = rig.dp->n_free_ids;

	rig_session(&p, true, 0, true);
	remove_peer(&p, "10.8.0.2/32");
	other.next_retired = p.peer->retired;
	p.peer->retired = &other;
	for (unsigned i = 0; i < 10; i++) {
		assert_true(dataplane_reclaim(rig.dp));
		rig_turn(0);
	}
	assert_ptr_equal(p.peer->retired, &other);
	assert_null(other.next_retired);
	assert_int_equal(rig.dp->n_free_ids, n_free);
	p.peer->retired = NULL;
	rig_reclaim();
	assert_int_equal(rig.dp->n_free_ids, n_free + 1);
}

/* "Adding one peer interrupts others", and removing one. */
static void
test_a_thousand_additions_and_removals_disturb_nobody(void **state)
{
	struct rig_peer stays = rig_peer(0, "10.8.0.2/32,fd00:8::2/128", "203.0.113.5:7777");
	struct rig_ip what = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};
	uint32_t n_free = rig.dp->n_free_ids;

	rig_session(&stays, true, 0, true);
	for (unsigned i = 0; i < 1000; i++) {
		struct rig_peer p = rig_peer(0, "10.8.0.3/32,fd00:8::3/128", "203.0.113.6:1");
		struct ip_prefix v6;

		rig_session(&p, i % 2, 0, true);
		receive_lan("10.8.0.3");
		what.tag = i;
		rig_receive_from(&stays, &what);
		rig_turn(0);
		rig_expect_forwarded(RIG_LAN, &what);
		assert_int_equal(rig_n_sent(RIG_WAN), 1);
		rig_expect_tunnelled(
			&p, &(struct rig_ip){.src = LAN_HOST, .dst = "10.8.0.3", .len = 64});
		assert_true(ip_prefix_parse(&v6, "fd00:8::3/128"));
		dp_peer_disallow(rig.dp, p.peer, &v6);
		remove_peer(&p, "10.8.0.3/32");
		if (i % 16 == 0)
			rig_reclaim();
	}
	rig_reclaim();
	rig_expect_no_drops();
	assert_int_equal(rig.dp->n_free_ids, n_free);
}

static void
test_max_peers_is_a_clear_end(void **state)
{
	unsigned n = 0;

	while (dp_peer_publish(rig.dp, 0) != NULL)
		n++;
	assert_int_equal(n, 64);
}

static void
test_a_retired_session_is_wiped_after_a_grace_period(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	uint64_t peers, sessions, before;
	const struct session *s;

	dataplane_memory(rig.dp, &peers, &before);
	rig_session(&p, true, 0, true);
	s = p.s.session;
	dataplane_memory(rig.dp, &peers, &sessions);
	assert_int_equal(sessions - before, sizeof(struct session));
	rte_rcu_qsbr_thread_online(rig.dp->qsbr, 0);
	rig_session_retire(&p);
	dataplane_reclaim(rig.dp);
	/* The worker may be in the middle of a burst with it. */
	assert_memory_equal(s->recv_key, p.s.recv_key, 32);
	rte_rcu_qsbr_thread_offline(rig.dp->qsbr, 0);
	while (dataplane_reclaim(rig.dp))
		;
	dataplane_memory(rig.dp, &peers, &sessions);
	assert_int_equal(sessions, before);
}

static void
test_endpoints_choose_a_source(void **state)
{
	static const struct {
		const char *to, *source;
	} rows[] = {
		{"203.0.113.5:1", "192.0.2.1"}, /* via the gateway on wan0 */
		{"192.0.2.9:1", "192.0.2.1"},
		{"10.20.0.7:1", "10.20.0.1"}, /* a client on the LAN */
		{"[2001:db8:f::5]:1", "2001:db8::1"},
		{"[fd00:20::5]:1", "fd00:20::1"},
	};
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", NULL);
	struct ip_endpoint ep, got;
	struct ip_addr source;
	char text[IP_ADDR_STRLEN];

	assert_false(dp_peer_endpoint(p.peer, &got, NULL));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		assert_true(ip_endpoint_parse(&ep, rows[i].to));
		dp_peer_set_endpoint(rig.dp, p.peer, &ep, NULL);
		assert_true(dp_peer_endpoint(p.peer, &got, &source));
		assert_true(ip_endpoint_equal(&ep, &got));
		assert_string_equal(ip_addr_format(text, &source), rows[i].source);
	}
	dp_peer_set_endpoint(rig.dp, p.peer, &(struct ip_endpoint){{0}, 0}, NULL);
	assert_false(dp_peer_endpoint(p.peer, &got, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_an_id_is_reused_only_after_all_workers_let_go),
		RIG_TEST(test_drops_start_at_zero_with_a_reused_id),
		RIG_TEST(test_removal_with_packets_in_flight),
		RIG_TEST(test_counters_outlive_their_sessions),
		RIG_TEST(test_a_peer_waits_for_its_sessions),
		RIG_TEST(test_a_thousand_additions_and_removals_disturb_nobody),
		RIG_TEST(test_max_peers_is_a_clear_end),
		RIG_TEST(test_a_retired_session_is_wiped_after_a_grace_period),
		RIG_TEST(test_endpoints_choose_a_source),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
