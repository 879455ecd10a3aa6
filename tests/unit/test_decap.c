/* SPDX-License-Identifier: BSD-3-Clause */
/* From transport data on the wire to the LAN, and every reason why not. */
#include <rte_ip.h>

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
to_lan(uint16_t len)
{
	return (struct rig_ip){.src = "10.8.0.2", .dst = LAN_HOST, .len = len};
}

/* A message to wg0 from the peer's endpoint. */
static void
receive_message(const struct rig_packet *message)
{
	struct rig_packet ip;

	rig_outer(&ip, "203.0.113.5:7777", "192.0.2.1:51820", 0, message);
	rig_receive(RIG_WAN, &ip);
}

static void
test_lengths_and_families_arrive_trimmed(void **state)
{
	struct rig_peer p = client();

	for (uint16_t len = 20; len <= 1420; len += 7) {
		struct rig_ip inner = to_lan(len);

		inner.tag = len;
		rig_receive_from(&p, &inner);
		rig_turn(0);
		rig_expect_forwarded(RIG_LAN, &inner);
	}
	for (uint16_t len = 40; len <= 1420; len += 97) {
		struct rig_ip inner = {.src = "fd00:8::2", .dst = "fd00:20::2", .len = len};

		rig_receive_from(&p, &inner);
		rig_turn(0);
		rig_expect_forwarded(RIG_LAN, &inner);
	}
	rig_expect_no_drops();
	rig_expect_silence();
}

static void
test_outer_ipv6(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "[2001:db8:f::5]:7777");
	struct rig_ip inner = to_lan(100);

	rig_session(&p, true, 0, true);
	rig_receive_from(&p, &inner);
	rig_turn(0);
	rig_expect_forwarded(RIG_LAN, &inner);
	rig_expect_no_drops();
}

static void
test_a_mixed_burst_keeps_its_order(void **state)
{
	struct rig_peer a = client();
	struct rig_peer b = rig_peer(0, "10.8.0.3/32", "203.0.113.6:1");
	struct rig_ip inner[300];

	rig_session(&b, false, 0, true);
	for (unsigned i = 0; i < RTE_DIM(inner); i++) {
		inner[i] = to_lan(20 + i * 37 % 1400);
		inner[i].tag = i;
		if (i % 3 == 0)
			inner[i].src = "10.8.0.3";
		rig_receive_from(i % 3 == 0 ? &b : &a, &inner[i]);
	}
	rig_turn_all();
	for (unsigned i = 0; i < RTE_DIM(inner); i++)
		rig_expect_forwarded(RIG_LAN, &inner[i]);
	rig_expect_no_drops();
}

static void
test_counters_count_messages_as_wg_does(void **state)
{
	struct rig_peer p = client();
	struct rig_ip inner = to_lan(100);
	struct dp_counters c;

	rig_receive_from(&p, &inner);
	rig_receive_keepalive(&p);
	rig_turn(0);
	dp_peer_counters(rig.dp, p.peer, &c);
	assert_int_equal(c.rx_packets, 2);
	assert_int_equal(c.rx_bytes, 112 + 32 + 32);
	assert_int_equal(c.tx_packets, 0);
	rig_expect_forwarded(RIG_LAN, &inner);
	rig_expect_no_drops();
	rig_expect_silence();
}

/* Advisory GHSA-335q-jvfv-r737: the inner source must be the sender's. */
static void
test_inner_source_not_checked(void **state)
{
	static const char *const foreign[][2] = {
		{"10.8.0.3", LAN_HOST}, /* another peer's */
		{"10.8.0.77", LAN_HOST}, /* nobody's */
		{"10.8.0.1", LAN_HOST}, /* the gateway's */
		{"10.20.0.2", LAN_HOST}, /* a LAN host's */
		{"192.168.1.1", LAN_HOST},
		{"fd00:8::3", "fd00:20::2"},
	};
	struct rig_peer p = client();
	struct rig_peer other = rig_peer(0, "10.8.0.3/32,fd00:8::3/128", NULL);

	assert_int_not_equal(other.id, p.id);
	for (unsigned i = 0; i < RTE_DIM(foreign); i++) {
		struct rig_ip inner = {.src = foreign[i][0], .dst = foreign[i][1], .len = 64};

		rig_receive_from(&p, &inner);
		rig_turn(0);
		rig_expect_drops(DROP_source_not_allowed, 0, 1);
		rig_expect_charged(&p, PEER_DROP_source_not_allowed, 1);
	}
	rig_expect_silence();
}

/* Advisory GHSA-xr9h-pc9x-m684: the longest prefix decides, not any that fits. */
static void
test_not_the_longest_prefix(void **state)
{
	struct rig_peer wide = rig_peer(0, "0.0.0.0/0,::/0", "203.0.113.5:7777");
	struct rig_peer narrow = rig_peer(0, "172.16.1.0/24", "203.0.113.6:7777");
	struct rig_ip inner = {.src = "172.16.1.9", .dst = LAN_HOST, .len = 64};
	struct rig_ip beside = {.src = "172.16.2.9", .dst = LAN_HOST, .len = 64};

	rig_session(&wide, true, 0, true);
	rig_session(&narrow, true, 0, true);
	rig_receive_from(&wide, &inner);
	rig_turn(0);
	rig_expect_drops(DROP_source_not_allowed, 0, 1);
	rig_expect_charged(&wide, PEER_DROP_source_not_allowed, 1);
	rig_receive_from(&narrow, &inner);
	rig_receive_from(&wide, &beside);
	rig_turn(0);
	rig_expect_forwarded(RIG_LAN, &inner);
	rig_expect_forwarded(RIG_LAN, &beside);
	rig_receive_from(&narrow, &beside);
	rig_turn(0);
	rig_expect_drops(DROP_source_not_allowed, 0, 1);
	rig_expect_charged(&narrow, PEER_DROP_source_not_allowed, 1);
}

static void
test_a_moved_allowed_ip_moves_at_once(void **state)
{
	struct rig_peer a = client();
	struct rig_peer b = rig_peer(0, "10.8.0.3/32", "203.0.113.6:1");
	struct rig_ip inner = to_lan(64);

	rig_session(&b, true, 0, true);
	rig_allow(&b, "10.8.0.2/32");
	rig_receive_from(&a, &inner);
	rig_turn(0);
	rig_expect_drops(DROP_source_not_allowed, 0, 1);
	rig_expect_charged(&a, PEER_DROP_source_not_allowed, 1);
	rig_receive_from(&b, &inner);
	rig_turn(0);
	rig_expect_forwarded(RIG_LAN, &inner);
}

/* Advisory GHSA-mqvf-8p8p-wjqg: a replayed packet must not redirect the peer. */
static void
test_endpoint_learned_before_replay_check(void **state)
{
	struct rig_peer p = client();
	struct rig_packet message, inner, ip;
	struct rig_ip what = to_lan(64);
	struct ip_endpoint ep;

	rig_ip(&inner, &what);
	rig_seal(&message, &p, 5, inner.data, inner.len);
	receive_message(&message);
	rig_turn(0);
	rig_expect_forwarded(RIG_LAN, &what);
	rig_event(DP_TRAFFIC);
	rig_outer(&ip, "203.0.113.66:6666", "192.0.2.1:51820", 0, &message);
	rig_receive(RIG_WAN, &ip);
	rig_turn(0);
	rig_expect_drops(DROP_replay, 0, 1);
	rig_expect_charged(&p, PEER_DROP_replay, 1);
	assert_true(dp_peer_endpoint(p.peer, &ep, NULL));
	assert_true(ip_endpoint_equal(&ep, &p.endpoint));
	rig_expect_no_event();
	rig_expect_silence();
}

static void
test_endpoint_learned_before_authentication(void **state)
{
	struct rig_peer p = client();
	struct rig_packet message, ip;
	struct ip_endpoint ep;
	struct dp_counters c;

	rig_seal(&message, &p, 0, NULL, 0);
	message.data[20] ^= 1;
	rig_outer(&ip, "203.0.113.66:6666", "192.0.2.1:51820", 0, &message);
	rig_receive(RIG_WAN, &ip);
	rig_turn(0);
	rig_expect_drops(DROP_auth_failed, 0, 1);
	rig_expect_charged(&p, PEER_DROP_auth_failed, 1);
	assert_true(dp_peer_endpoint(p.peer, &ep, NULL));
	assert_true(ip_endpoint_equal(&ep, &p.endpoint));
	dp_peer_counters(rig.dp, p.peer, &c);
	assert_int_equal(c.rx_packets, 0);
	rig_expect_no_event();
}

static void
test_roaming_follows_an_authenticated_packet(void **state)
{
	static const struct {
		const char *from, *to, *source;
	} moves[] = {
		{"203.0.113.5:7778", "192.0.2.1:51820", "192.0.2.1"},
		{"203.0.113.99:7778", "192.0.2.1:51820", "192.0.2.1"},
		{"[2001:db8:f::99]:9", "[2001:db8::1]:51820", "2001:db8::1"},
		{"203.0.113.5:7777", "192.0.2.1:51820", "192.0.2.1"},
	};
	struct rig_peer p = client();
	struct rig_ip answer = {.src = LAN_HOST, .dst = "10.8.0.2", .len = 64};

	for (unsigned i = 0; i < RTE_DIM(moves); i++) {
		struct rig_packet message, ip;
		struct ip_endpoint ep, want;
		struct ip_addr source, want_source;
		struct dp_event e;

		rig_seal(&message, &p, p.s.next_counter++, NULL, 0);
		rig_outer(&ip, moves[i].from, moves[i].to, 0, &message);
		rig_receive(RIG_WAN, &ip);
		rig_turn(0);
		e = rig_event(DP_ENDPOINT_MOVED);
		assert_int_equal(e.peer_id, p.id);
		assert_int_equal(e.peer_generation, p.generation);
		p.peer->moved_ns = 0; /* the next one is a second later */
		assert_true(ip_endpoint_parse(&want, moves[i].from));
		assert_true(ip_addr_parse(&want_source, moves[i].source));
		assert_true(dp_peer_endpoint(p.peer, &ep, &source));
		assert_true(ip_endpoint_equal(&ep, &want));
		assert_true(ip_addr_equal(&source, &want_source));
		/* The answer goes there, at once. */
		p.endpoint = want;
		rig_ip(&ip, &answer);
		rig_receive(RIG_LAN, &ip);
		rig_turn(0);
		rig_expect_tunnelled(&p, &answer);
		if (i == 0)
			rig_event(DP_TRAFFIC);
		rig_expect_no_event();
	}
	rig_expect_no_drops();
}

static void
receive_from(struct rig_peer *p, const char *from)
{
	const char *to = *from == '[' ? "[2001:db8::1]:51820" : "192.0.2.1:51820";
	struct rig_packet message, ip;

	rig_seal(&message, p, p->s.next_counter++, NULL, 0);
	rig_outer(&ip, from, to, 0, &message);
	rig_receive(RIG_WAN, &ip);
	rig_turn(0);
}

static void
expect_endpoint(const struct rig_peer *p, const char *where)
{
	struct ip_endpoint ep, want;

	assert_true(ip_endpoint_parse(&want, where));
	assert_true(dp_peer_endpoint(p->peer, &ep, NULL));
	assert_true(ip_endpoint_equal(&ep, &want));
}

/* Sessions remember where their last packet came from; the endpoint may have changed since. */
static void
test_an_endpoint_that_others_wrote_is_learned_again(void **state)
{
	static const char *const here = "203.0.113.5:7777", *const there = "203.0.113.6:7777",
				 *const v6 = "[2001:db8:f::99]:9";
	struct rig_peer p = client(), q = p;
	struct ip_endpoint ep;

	assert_true(ip_endpoint_parse(&ep, there));
	for (unsigned i = 0; i < 3; i++) {
		receive_from(&p, here);
		expect_endpoint(&p, here);
		dp_peer_set_endpoint(rig.dp, p.peer, &ep, NULL);
		expect_endpoint(&p, there);
	}
	rig_session(&q, true, 0, true); /* a rekey: packets of the old session still come */
	for (unsigned i = 0; i < 3; i++) {
		receive_from(&p, here);
		expect_endpoint(&p, here);
		receive_from(&q, there);
		expect_endpoint(&p, there);
	}
	rig_session_retire(&q);
	for (unsigned i = 0; i < 3; i++) {
		receive_from(&p, here);
		expect_endpoint(&p, here);
		receive_from(&p, v6);
		expect_endpoint(&p, v6);
	}
	rig_event(DP_ENDPOINT_MOVED);
	rig_expect_no_event();
	rig_expect_no_drops();
}

/* Whoever may send can have the log written and the ring filled, but not at its own pace. */
static void
test_a_peer_that_hops_is_told_of_once_a_second(void **state)
{
	static const char *const from[] = {"203.0.113.5:7778", "203.0.113.6:7778"};
	struct rig_peer p = client();

	for (unsigned i = 0; i < 40; i++) {
		struct rig_packet message, ip;
		struct ip_endpoint ep, want;

		rig_seal(&message, &p, p.s.next_counter++, NULL, 0);
		rig_outer(&ip, from[i % 2], "192.0.2.1:51820", 0, &message);
		rig_receive(RIG_WAN, &ip);
		rig_turn(0);
		assert_true(ip_endpoint_parse(&want, from[i % 2]));
		assert_true(dp_peer_endpoint(p.peer, &ep, NULL));
		assert_true(ip_endpoint_equal(&ep, &want));
	}
	rig_event(DP_ENDPOINT_MOVED);
	rig_expect_no_event();
	rig_expect_no_drops();
}

static void
test_a_packet_counts_once(void **state)
{
	struct rig_peer p = client();
	struct rig_packet message, inner;
	struct rig_ip what = to_lan(64);

	/* Twice in one burst, and again later. */
	rig_ip(&inner, &what);
	rig_seal(&message, &p, 9, inner.data, inner.len);
	receive_message(&message);
	receive_message(&message);
	rig_turn(0);
	receive_message(&message);
	rig_turn(0);
	rig_expect_drops(DROP_replay, 0, 2);
	rig_expect_charged(&p, PEER_DROP_replay, 2);
	rig_expect_forwarded(RIG_LAN, &what);
	rig_expect_silence();
}

/* "Replay window far too small": reordering by thousands of packets is fine. */
static void
test_replay_window_too_small(void **state)
{
	struct rig_peer p = client();
	static const struct {
		uint64_t counter;
		bool accepted;
	} rows[] = {
		{10000, true},
		{10000 - 8128, true},
		{10000 - 8129, false},
		{9999, true},
		{9999, false},
		{10001, true},
		{10001 - 8128, true},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct rig_packet message;

		rig_seal(&message, &p, rows[i].counter, NULL, 0);
		receive_message(&message);
		rig_turn(0);
		rig_expect_drops(DROP_replay, 0, rows[i].accepted ? 0 : 1);
	}
}

/* "Updated before authentication": a forged counter must not move the window. */
static void
test_replay_window_updated_before_authentication(void **state)
{
	struct rig_peer p = client();
	struct rig_packet message;

	rig_seal(&message, &p, 1, NULL, 0);
	((struct message_data *)(void *)message.data)->counter_le = rte_cpu_to_le_64(1ULL << 40);
	receive_message(&message);
	rig_turn(0);
	rig_expect_drops(DROP_auth_failed, 0, 1);
	rig_receive_keepalive(&p);
	rig_turn(0);
	rig_expect_no_drops();
}

/* "A length used before it is checked": anything under 32 bytes, on a live index. */
static void
test_truncated_data_under_32_bytes(void **state)
{
	struct rig_peer p = client();
	struct rig_packet whole;

	rig_seal(&whole, &p, 0, NULL, 0);
	assert_int_equal(whole.len, MESSAGE_DATA_MIN_LEN);
	for (uint16_t len = 0; len < MESSAGE_DATA_MIN_LEN; len++) {
		struct rig_packet message = whole;

		message.len = len;
		receive_message(&message);
		rig_turn(0);
		rig_expect_drops(DROP_rx_malformed, 0, 1);
	}
	receive_message(&whole);
	rig_turn(0);
	rig_expect_no_drops();
	rig_expect_no_event();
}

/* "Unknown or stale indices", and every single wrong bit of a live one. */
static void
test_unknown_or_stale_index(void **state)
{
	struct rig_peer p = client();
	struct rig_packet message;

	for (unsigned bit = 0; bit < 32; bit++) {
		rig_seal(&message, &p, 0, NULL, 0);
		((struct message_data *)(void *)message.data)->receiver_index_le ^=
			rte_cpu_to_le_32(1u << bit);
		receive_message(&message);
		rig_turn(0);
		rig_expect_drops(DROP_unknown_index, 0, 1);
	}
	rig_seal(&message, &p, 0, NULL, 0);
	rig_session_retire(&p);
	receive_message(&message);
	rig_turn(0);
	rig_expect_drops(DROP_unknown_index, 0, 1); /* though it is still in memory */
	rig_reclaim();
	receive_message(&message);
	rig_turn(0);
	rig_expect_drops(DROP_unknown_index, 0, 1);
}

static void
test_index_of_another_interface(void **state)
{
	struct rig_peer p = client();
	struct rig_packet message, ip;

	rig_seal(&message, &p, 0, NULL, 0);
	rig_outer(&ip, "203.0.113.5:7777", "192.0.2.1:51821", 0, &message);
	rig_receive(RIG_WAN, &ip);
	rig_turn(0);
	rig_expect_drops(DROP_unknown_index, 1, 1);
	rig_expect_charged(NULL, PEER_DROP_replay, 0);
	receive_message(&message);
	rig_turn(0);
	rig_expect_no_drops();
}

/* "A new session promoted by a packet before that packet has authenticated." */
static void
test_promoted_before_authentication(void **state)
{
	struct rig_peer p = rig_peer(0, "10.8.0.2/32", "203.0.113.5:7777");
	struct rig_packet message;
	struct dp_event e;

	rig_session(&p, false, 0, false);
	rig_seal(&message, &p, 0, NULL, 0);
	message.data[message.len - 1] ^= 0x80;
	receive_message(&message);
	rig_turn(0);
	rig_expect_drops(DROP_auth_failed, 0, 1);
	rig_expect_no_event();
	rig_receive_keepalive(&p);
	rig_receive_keepalive(&p);
	rig_turn(0);
	e = rig_event(DP_SESSION_CONFIRMED);
	assert_int_equal(e.peer_id, p.id);
	assert_int_equal(e.peer_generation, p.generation);
	assert_int_equal(e.local_index, p.s.local_index);
	rig_expect_no_event(); /* the first packet only */
	assert_true(rig.wakes > 0);
}

static void
test_receives_on_an_expired_session(void **state)
{
	struct rig_peer p = client();
	struct rig_packet message;

	rig_seal(&message, &p, REJECT_AFTER_MESSAGES, NULL, 0);
	receive_message(&message);
	rig_turn(0);
	rig_expect_drops(DROP_session_expired, 0, 1);
	rig_expect_charged(&p, PEER_DROP_session_expired, 1);
	rig_seal(&message, &p, REJECT_AFTER_MESSAGES - 1, NULL, 0);
	receive_message(&message);
	rig_turn(0);
	rig_expect_no_drops();
	p.s.session->reject_ns = dp_now_ns();
	rig_receive_keepalive(&p);
	rig_turn(0);
	rig_expect_drops(DROP_session_expired, 0, 1);
	rig_expect_charged(&p, PEER_DROP_session_expired, 1);
}

/* The initiator rekeys once when it receives on a session older than 165 s. */
static void
test_spurious_rekey_on_every_late_packet(void **state)
{
	struct rig_peer p = client();

	rig_receive_keepalive(&p);
	rig_turn(0);
	rig_expect_no_event();
	p.s.session->reject_ns = dp_now_ns() + REJECT_AFTER_TIME_NS - REKEY_ON_RECEIVE_NS;
	rig_receive_keepalive(&p);
	rig_turn(0);
	assert_int_equal(rig_event(DP_WANT_HANDSHAKE).peer_id, p.id);
	dp_peer_handshake_answered(p.peer);
	rig_receive_keepalive(&p);
	rig_turn(0);
	rig_expect_no_event();
	/* A packet that was late says nothing of the session that has followed. */
	p.s.session->refreshed = false;
	dp_peer_set_current(p.peer, NULL);
	rig_receive_keepalive(&p);
	rig_turn(0);
	rig_expect_no_event();
}

static void
test_inside_that_is_no_ip_packet(void **state)
{
	struct rig_peer p = client();
	struct rig_packet inner, message;
	struct rig_ip what = to_lan(64);

	for (unsigned i = 0; i < 9; i++) {
		rig_ip(&inner, &what);
		switch (i) {
		case 0: /* longer than what was sealed */
			inner.data[3] = 81;
			break;
		case 1: /* shorter than its own header */
			inner.data[3] = 19;
			break;
		case 2: /* header shorter than the least */
			inner.data[0] = 0x44;
			break;
		case 3: /* of no family */
			inner.data[0] = 0x55;
			break;
		case 4: /* an IPv6 version on less than an IPv6 header */
			inner.data[0] = 0x60;
			inner.len = 32;
			break;
		case 5: /* less than an IPv4 header */
			inner.len = 16;
			break;
		case 6: /* with options, longer than what was sealed */
			inner.data[0] = 0x46;
			inner.data[3] = 81;
			break;
		case 7: /* with options, shorter than its header */
			inner.data[0] = 0x46;
			inner.data[3] = 23;
			break;
		case 8: /* an IPv6 payload longer than what was sealed */
			inner.data[0] = 0x60;
			inner.data[4] = 0;
			inner.data[5] = 41;
			break;
		}
		rig_seal(&message, &p, p.s.next_counter++, inner.data, inner.len);
		receive_message(&message);
		rig_turn(0);
		rig_expect_drops(DROP_inner_malformed, 0, 1);
		rig_expect_charged(&p, PEER_DROP_inner_malformed, 1);
	}
	rig_expect_silence();
}

/* RFC 6040, figure 4: outer and inner codepoint, and what comes out; -1 is a drop. */
static void
test_ecn_is_combined(void **state)
{
	static const int out[4][4] = {
		/* outer: Not-ECT, ECT(1), ECT(0), CE */
		{0, 0, 0, -1}, /* inner Not-ECT */
		{1, 1, 1, 3}, /* inner ECT(1) */
		{2, 2, 2, 3}, /* inner ECT(0) */
		{3, 3, 3, 3}, /* inner CE */
	};
	struct rig_peer p = client();

	for (unsigned i = 0; i < 32; i++) {
		unsigned in = i / 4 % 4, outer = i % 4;
		bool v6 = i >= 16;
		struct rig_ip what = to_lan(64);
		struct rig_packet inner, message, ip;

		if (v6) {
			what.src = "fd00:8::2";
			what.dst = "fd00:20::2";
		}
		what.tos = 0xb8 | in;
		rig_ip(&inner, &what);
		rig_seal(&message, &p, p.s.next_counter++, inner.data, inner.len);
		rig_outer(&ip, "203.0.113.5:7777", "192.0.2.1:51820", 0x20 | outer, &message);
		rig_receive(RIG_WAN, &ip);
		rig_turn(0);
		if (out[in][outer] < 0) {
			rig_expect_drops(DROP_ecn_invalid, 0, 1);
			rig_expect_charged(&p, PEER_DROP_ecn_invalid, 1);
			continue;
		}
		what.tos = 0xb8 | out[in][outer];
		rig_expect_forwarded(RIG_LAN, &what);
	}
	rig_expect_no_drops();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_lengths_and_families_arrive_trimmed),
		RIG_TEST(test_outer_ipv6),
		RIG_TEST(test_a_mixed_burst_keeps_its_order),
		RIG_TEST(test_counters_count_messages_as_wg_does),
		RIG_TEST(test_inner_source_not_checked),
		RIG_TEST(test_not_the_longest_prefix),
		RIG_TEST(test_a_moved_allowed_ip_moves_at_once),
		RIG_TEST(test_endpoint_learned_before_replay_check),
		RIG_TEST(test_endpoint_learned_before_authentication),
		RIG_TEST(test_roaming_follows_an_authenticated_packet),
		RIG_TEST(test_an_endpoint_that_others_wrote_is_learned_again),
		RIG_TEST(test_a_peer_that_hops_is_told_of_once_a_second),
		RIG_TEST(test_a_packet_counts_once),
		RIG_TEST(test_replay_window_too_small),
		RIG_TEST(test_replay_window_updated_before_authentication),
		RIG_TEST(test_truncated_data_under_32_bytes),
		RIG_TEST(test_unknown_or_stale_index),
		RIG_TEST(test_index_of_another_interface),
		RIG_TEST(test_promoted_before_authentication),
		RIG_TEST(test_receives_on_an_expired_session),
		RIG_TEST(test_spurious_rekey_on_every_late_packet),
		RIG_TEST(test_inside_that_is_no_ip_packet),
		RIG_TEST(test_ecn_is_combined),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
