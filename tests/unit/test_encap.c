/* SPDX-License-Identifier: BSD-3-Clause */
/* From the LAN into a tunnel. */
#include "tests/unit/rig.h"

#define LAN_HOST "10.20.0.2"

static struct rig_peer
client(void)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32,fd00:8::2/128", "203.0.113.5:7777");

	rig_session(&p, true, 0, true);
	return p;
}

static struct rig_ip
to_client(uint16_t len)
{
	return (struct rig_ip){.src = LAN_HOST, .dst = "10.8.0.2", .len = len};
}

static void
receive_lan(const struct rig_ip *what)
{
	struct rig_packet ip;

	rig_ip(&ip, what);
	rig_receive(RIG_LAN, &ip);
}

/* "Padding": zeros to a multiple of 16, never past the MTU. */
static void
test_padding_past_the_mtu(void **state)
{
	struct rig_peer p = client();
	uint64_t counter;

	p.peer->iface = 0;
	rig.dp->ifaces[0].mtu = 1415; /* no multiple of 16 */
	for (uint16_t len = 20; len <= 1415; len += len < 1380 ? 17 : 1) {
		struct rig_ip what = to_client(len);
		struct rig_packet got;
		unsigned padded = RTE_MIN(RTE_ALIGN(len, 16), 1415);

		receive_lan(&what);
		rig_turn(0);
		assert_int_equal(rig_sent_to(&p, &got, &counter), padded);
		for (unsigned i = len; i < padded; i++)
			assert_int_equal(got.data[i], 0);
	}
	rig_expect_no_drops();
}

static void
test_contents_arrive_in_order_with_rising_counters(void **state)
{
	struct rig_peer a = client();
	struct rig_peer b = rig_peer(1, "10.9.0.2/32", "[2001:db8:f::9]:5");
	struct rig_ip what[200];
	uint64_t next_a = 0, next_b = 0, counter;

	rig_session(&b, true, 0, true);
	for (unsigned i = 0; i < RTE_DIM(what); i++) {
		what[i] = to_client(20 + i * 53 % 1200);
		what[i].tag = i;
		if (i % 5 == 0)
			what[i].dst = "10.9.0.2";
		receive_lan(&what[i]);
	}
	rig_turn_all();
	for (unsigned i = 0; i < RTE_DIM(what); i++) {
		const struct rig_peer *p = i % 5 == 0 ? &b : &a;
		struct rig_packet got, want;

		rig_sent_to(p, &got, &counter);
		assert_int_equal(counter, i % 5 == 0 ? next_b++ : next_a++);
		what[i].ttl = 63;
		rig_ip(&want, &what[i]);
		assert_memory_equal(got.data, want.data, want.len);
	}
	rig_expect_no_drops();
}

static void
test_counters_count_messages_as_wg_does(void **state)
{
	struct rig_peer p = client();
	struct rig_ip what = to_client(100);
	struct dp_counters c;

	receive_lan(&what);
	dp_send_keepalive(rig.dp, p.peer);
	rig_turn(0);
	dp_peer_counters(rig.dp, p.peer, &c);
	assert_int_equal(c.tx_packets, 2);
	assert_int_equal(c.tx_bytes, 112 + 32 + 32);
	assert_int_equal(c.rx_packets, 0);
}

static void
test_a_keepalive_is_32_bytes(void **state)
{
	struct rig_peer p = client();
	struct rig_packet got;
	uint64_t counter;

	dp_send_keepalive(rig.dp, p.peer);
	rig_turn(0);
	assert_int_equal(rig_sent_to(&p, &got, &counter), 0);
	rig_expect_no_event(); /* it is not data: no answer is due */
	rig_expect_no_drops();
}

/* DSCP stays inside; ECN is copied out (RFC 6040, normal mode). */
static void
test_ecn_is_copied_out_and_dscp_is_not(void **state)
{
	struct rig_peer p = client();

	for (unsigned i = 0; i < 8; i++) {
		struct rig_ip what = to_client(64);
		struct rig_packet ip;

		if (i >= 4) {
			what.src = "fd00:20::2";
			what.dst = "fd00:8::2";
		}
		what.tos = 0xb8 | (i & 3);
		receive_lan(&what);
		rig_turn(0);
		assert_true(rig_sent(RIG_WAN, &ip));
		assert_int_equal(ip.data[1], i & 3);
		assert_int_equal(ip.data[8], 64); /* TTL */
	}
	(void)p;
}

static void
test_outer_ecn_over_ipv6(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "[2001:db8:f::9]:5");
	struct rig_ip what = to_client(64);
	struct rig_packet ip;

	rig_session(&p, true, 0, true);
	what.tos = 0xb9;
	receive_lan(&what);
	rig_turn(0);
	assert_true(rig_sent(RIG_WAN, &ip));
	assert_int_equal(ip.data[0], 0x60);
	assert_int_equal(ip.data[1], 0x10);
	assert_int_equal(ip.data[6], 17);
}

static void
test_no_endpoint_is_said_to_the_sender(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32,fd00:8::2/128", NULL);
	struct rig_ip what = to_client(64);
	struct rig_ip what6 = {.src = "fd00:20::2", .dst = "fd00:8::2", .len = 64};
	struct rte_mbuf *m;

	rig_session(&p, true, 0, true);
	receive_lan(&what);
	rig_turn(0);
	rig_expect_drops(DROP_no_endpoint, 0, 1);
	rig_expect_charged(&p, PEER_DROP_no_endpoint, 1);
	m = rig_punted(PUNT_RING_LOCAL);
	assert_non_null(m);
	assert_int_equal(pkt_meta(m)->kind, PKT_PUNT_ICMP);
	assert_int_equal(pkt_meta(m)->icmp_type, 3);
	assert_int_equal(pkt_meta(m)->icmp_code, 1);
	assert_int_equal(pkt_meta(m)->family, IP_V4);
	assert_int_equal(pkt_meta(m)->port, RIG_LAN);
	rte_pktmbuf_free(m);
	receive_lan(&what6);
	rig_turn(0);
	rig_expect_drops(DROP_no_endpoint, 0, 1);
	rig_expect_charged(&p, PEER_DROP_no_endpoint, 1);
	m = rig_punted(PUNT_RING_LOCAL);
	assert_non_null(m);
	assert_int_equal(pkt_meta(m)->icmp_type, 1);
	assert_int_equal(pkt_meta(m)->icmp_code, 3);
	rte_pktmbuf_free(m);
	dp_send_keepalive(rig.dp, p.peer);
	rig_turn(0);
	rig_expect_drops(DROP_no_endpoint, 0, 1);
	rig_expect_charged(&p, PEER_DROP_no_endpoint, 1);
	rig_expect_silence();
}

/* Outer packets never resolve to a peer, or a tunnel would carry itself. */
static void
test_outer_packet_into_a_tunnel(void **state)
{
	struct rig_peer p = rig_peer(0, "0.0.0.0/0", "198.51.100.7:1");
	struct rig_ip what = {.src = LAN_HOST, .dst = "198.51.100.8", .len = 64};

	rig_session(&p, true, 0, true);
	receive_lan(&what);
	rig_turn(0);
	rig_expect_drops(DROP_no_route, 0, 1);
	rig_expect_charged(&p, PEER_DROP_no_route, 1);
	rig_expect_silence();
	/* An allowed-IP that covers the endpoint, and is longer than the route to it. */
	p = rig_peer(0, "203.0.113.0/26", "203.0.113.5:7777");
	dp_peer_set_endpoint(rig.dp, p.peer, &p.endpoint, NULL); /* looked up behind the prefix */
	rig_session(&p, true, 0, true);
	what.dst = "203.0.113.9";
	receive_lan(&what);
	rig_turn(0);
	rig_expect_tunnelled(&p, &what);
	rig_expect_no_drops();
}

static void
test_an_outer_packet_over_the_ports_mtu(void **state)
{
	struct rig_peer p = client();
	struct rig_ip what = to_client(1440);

	rig.dp->ifaces[0].mtu = 1500; /* misconfigured: 1500 + 60 does not fit */
	what.df = true;
	receive_lan(&what);
	rig_turn(0);
	rig_expect_no_drops();
	rig_expect_tunnelled(&p, &what);
	what.len = 1456;
	receive_lan(&what);
	rig_turn(0);
	rig_expect_drops(DROP_over_mtu, 0, 1);
	rig_expect_charged(&p, PEER_DROP_over_mtu, 1);
	rig_expect_silence();
}

/* "Sends on a nearly expired session": at 120 s it asks, at 180 s it stops. */
static void
test_sends_on_a_nearly_expired_session(void **state)
{
	struct rig_peer p = client();
	struct rig_ip what = to_client(64);

	p.s.session->rekey_send_ns = dp_now_ns();
	receive_lan(&what);
	rig_turn(0);
	rig_expect_tunnelled(&p, &what);
	assert_int_equal(rig_event(DP_WANT_HANDSHAKE).peer_id, p.id);
	rig_event(DP_TRAFFIC);
	receive_lan(&what);
	rig_turn(0);
	rig_expect_tunnelled(&p, &what);
	rig_expect_no_event(); /* asked once */
	p.s.session->reject_ns = dp_now_ns();
	receive_lan(&what);
	rig_turn(0);
	rig_expect_silence();
	rig_expect_no_drops();
	assert_int_equal(rig_worker(0)->n_staged, 1);
	dp_peer_handshake_answered(p.peer);
	receive_lan(&what);
	rig_turn(0);
	rig_event(DP_WANT_HANDSHAKE);
	assert_int_equal(rig_worker(0)->n_staged, 2);
}

/*
 * A peer that started anew has lost the old session: what answers the packet
 * that confirms the new one is sealed with the new one, before control hears.
 */
static void
test_the_next_session_seals_once_it_is_confirmed(void **state)
{
	struct rig_peer old = client(), fresh = old;
	struct rig_ip what = to_client(64);

	rig_session(&fresh, false, 0, false);
	dp_peer_set_next(old.peer, fresh.s.session);
	receive_lan(&what);
	rig_turn(0);
	rig_expect_tunnelled(&old, &what);
	rig_receive_keepalive(&fresh);
	rig_turn(0);
	receive_lan(&what);
	rig_turn(0);
	rig_expect_tunnelled(&fresh, &what);
	dp_peer_set_next(old.peer, NULL);
	receive_lan(&what);
	rig_turn(0);
	rig_expect_tunnelled(&old, &what);
	/* Without a current session what is staged goes first. */
	dp_peer_set_next(old.peer, fresh.s.session);
	dp_peer_set_current(old.peer, NULL);
	receive_lan(&what);
	rig_turn(0);
	rig_expect_silence();
	assert_int_equal(rig_worker(0)->n_staged, 1);
	rig_expect_no_drops();
}

/* A flow keeps its order: control's word to flush may come later than a new packet. */
static void
test_what_is_staged_goes_before_what_is_new(void **state)
{
	struct rig_peer p = client();
	struct rig_ip staged[2] = {to_client(64), to_client(200)}, fresh = to_client(128);

	dp_peer_set_current(p.peer, NULL);
	receive_lan(&staged[0]);
	receive_lan(&staged[1]);
	rig_turn(0);
	rig_expect_silence();
	assert_int_equal(rig_worker(0)->n_staged, 2);
	dp_peer_set_current(p.peer, p.s.session);
	receive_lan(&fresh);
	rig_turn(0);
	rig_expect_tunnelled(&p, &staged[0]);
	rig_expect_tunnelled(&p, &staged[1]);
	rig_expect_tunnelled(&p, &fresh);
	assert_int_equal(rig_worker(0)->n_staged, 0);
	rig_expect_no_drops();
}

static void
test_the_last_counters(void **state)
{
	struct rig_peer p = client();
	struct rig_ip what = to_client(64);
	struct rig_packet got;
	uint64_t counter;

	atomic_store(&p.s.session->send_counter, REKEY_AFTER_MESSAGES);
	receive_lan(&what);
	rig_turn(0);
	rig_sent_to(&p, &got, &counter);
	assert_true(counter == REKEY_AFTER_MESSAGES);
	rig_event(DP_WANT_HANDSHAKE);
	rig_event(DP_TRAFFIC);
	atomic_store(&p.s.session->send_counter, REJECT_AFTER_MESSAGES - 1);
	receive_lan(&what);
	rig_turn(0);
	rig_expect_silence();
	assert_int_equal(rig_worker(0)->n_staged, 1);
	assert_true(atomic_load(&p.s.session->send_counter) <= REJECT_AFTER_MESSAGES);
}

/* The first unanswered data is told once; an answer makes the next one the first again. */
static void
test_spurious_rekey_although_answers_come(void **state)
{
	struct rig_peer p = client();
	struct rig_ip what = to_client(64);
	struct dp_traffic t;

	receive_lan(&what);
	receive_lan(&what);
	rig_turn(0);
	assert_int_equal(rig_event(DP_TRAFFIC).peer_id, p.id);
	rig_expect_no_event();
	dp_peer_traffic(p.peer, &t);
	assert_true(t.tx_data_since_ns != 0 && t.last_tx_ns != 0 && t.rx_data_since_ns == 0);
	rig_receive_keepalive(&p);
	rig_turn(0);
	dp_peer_traffic(p.peer, &t);
	assert_true(t.tx_data_since_ns == 0 && t.last_rx_ns != 0 && t.last_rx_data_ns == 0);
	dp_peer_traffic_told(p.peer, false);
	receive_lan(&what);
	rig_turn(0);
	rig_event(DP_TRAFFIC);
}

static void
wait_a_moment(void)
{
	uint64_t end = dp_now_ns() + 100000; /* more than a session_time */

	while (dp_now_ns() < end)
		rte_pause();
}

/* What goes out on one session may be answered on another: around a rekey, or by a handshake. */
static void
test_spurious_rekey_although_answers_come_elsewhere(void **state)
{
	struct rig_peer p = client(), old = p;
	struct rig_ip out = to_client(64), in = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};
	struct dp_traffic t;

	rig_session(&p, true, 0, true); /* old is the previous one from now on */
	for (unsigned i = 0; i < 3; i++) {
		uint64_t since;

		receive_lan(&out);
		rig_turn(0);
		rig_event(DP_TRAFFIC); /* told, however the one before was answered */
		dp_peer_traffic(p.peer, &t);
		assert_true(t.tx_data_since_ns != 0);
		since = t.tx_data_since_ns;
		wait_a_moment();
		dp_peer_traffic(p.peer, &t);
		assert_true(t.tx_data_since_ns == since); /* the very same */
		if (i == 0)
			dp_peer_note_received(p.peer);
		else
			rig_receive_keepalive(i == 1 ? &old : &p);
		rig_turn(0);
		dp_peer_traffic(p.peer, &t);
		assert_true(t.tx_data_since_ns == 0 && t.last_rx_ns > since);
		dp_peer_traffic_told(p.peer, false);
	}
	for (unsigned i = 0; i < 2; i++) {
		rig_receive_from(&old, &in);
		rig_turn(0);
		rig_event(DP_TRAFFIC);
		dp_peer_traffic(p.peer, &t);
		assert_true(t.rx_data_since_ns != 0 && t.last_rx_data_ns == t.rx_data_since_ns);
		wait_a_moment();
		receive_lan(&out);
		rig_turn(0);
		wait_a_moment();
		/* This is unanswered again, although the word of the session is older. */
		rig_receive_from(&old, &in);
		rig_turn(0);
		dp_peer_traffic(p.peer, &t);
		assert_true(t.rx_data_since_ns == t.last_rx_data_ns &&
			    t.rx_data_since_ns > t.last_tx_ns);
		wait_a_moment();
		dp_peer_note_sent(p.peer);
		dp_peer_traffic(p.peer, &t);
		assert_true(t.rx_data_since_ns == 0);
		dp_peer_traffic_told(p.peer, false);
		while (rig_n_sent(RIG_WAN) > 0)
			rig_sent(RIG_WAN, &(struct rig_packet){0});
	}
}

static void
test_unresolved_gateway_holds_and_then_sends(void **state)
{
	struct rig_peer p = client();
	struct rig_ip what[3];
	struct dp_event e;
	char text[IP_ADDR_STRLEN];

	rig_neigh(RIG_WAN, "192.0.2.254", false);
	for (unsigned i = 0; i < RTE_DIM(what); i++) {
		what[i] = to_client(64);
		what[i].tag = i;
		receive_lan(&what[i]);
	}
	rig_turn(0);
	rig_expect_silence();
	e = rig_event(DP_WANT_NEIGH);
	rig_event(DP_TRAFFIC);
	assert_int_equal(e.port, RIG_WAN);
	assert_string_equal(ip_addr_format(text, &e.addr), "192.0.2.254");
	rig_expect_no_event();
	rig_neigh(RIG_WAN, "192.0.2.254", true);
	dataplane_neigh_done(rig.dp, RIG_WAN, &e.addr, true);
	rig_turn(0);
	for (unsigned i = 0; i < RTE_DIM(what); i++)
		rig_expect_tunnelled(&p, &what[i]);
	rig_expect_no_drops();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_padding_past_the_mtu),
		RIG_TEST(test_contents_arrive_in_order_with_rising_counters),
		RIG_TEST(test_counters_count_messages_as_wg_does),
		RIG_TEST(test_a_keepalive_is_32_bytes),
		RIG_TEST(test_ecn_is_copied_out_and_dscp_is_not),
		RIG_TEST(test_outer_ecn_over_ipv6),
		RIG_TEST(test_no_endpoint_is_said_to_the_sender),
		RIG_TEST(test_outer_packet_into_a_tunnel),
		RIG_TEST(test_an_outer_packet_over_the_ports_mtu),
		RIG_TEST(test_sends_on_a_nearly_expired_session),
		RIG_TEST(test_the_next_session_seals_once_it_is_confirmed),
		RIG_TEST(test_what_is_staged_goes_before_what_is_new),
		RIG_TEST(test_the_last_counters),
		RIG_TEST(test_spurious_rekey_although_answers_come),
		RIG_TEST(test_spurious_rekey_although_answers_come_elsewhere),
		RIG_TEST(test_unresolved_gateway_holds_and_then_sends),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
