/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "dataplane/checksum.h"
#include "tests/pktgen/frame.h"
#include "tests/pktgen/station.h"

/* Two stations that ask each other. */
struct pair {
	struct station a, b;
};

static const struct rte_ether_addr mac_a = {.addr_bytes = {2, 0, 0, 0, 0, 0xa}};
static const struct rte_ether_addr mac_b = {.addr_bytes = {2, 0, 0, 0, 0, 0xb}};

static struct ip_addr
addr(const char *s)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(&a, s));
	return a;
}

/* b has, beside its own, 300 addresses. a asks for one of them. */
static struct pair
make_pair(bool v4)
{
	struct pair p = {0};

	p.a.mac = mac_a;
	p.b.mac = mac_b;
	p.a.own = addr(v4 ? "10.0.0.1" : "2001:db8::1");
	p.b.own = addr(v4 ? "10.0.0.2" : "2001:db8::2");
	p.b.first = addr(v4 ? "10.0.1.0" : "2001:db8::1:0");
	p.b.n_addresses = 300;
	p.b.neighbour = p.a.own;
	return p;
}

/* Does a learn b's MAC when it asks for that address? */
static bool
is_answered(struct pair *p, const char *target)
{
	uint8_t question[STATION_FRAME_MAX], answer[STATION_FRAME_MAX], none[STATION_FRAME_MAX];
	size_t len;
	struct frame f;

	p->a.neighbour = addr(target);
	p->a.resolved = false;
	len = station_ask(&p->a, question);
	frame_parse(question, len, true, &f);
	assert_int_equal(f.kind, FRAME_NEIGHBOUR);
	len = station_receive(&p->b, question, len, answer);
	if (len == 0)
		return false;
	frame_parse(answer, len, true, &f);
	assert_int_equal(f.kind, FRAME_NEIGHBOUR);
	assert_int_equal(station_receive(&p->a, answer, len, none), 0);
	return p->a.resolved && memcmp(&p->a.neighbour_mac, &mac_b, sizeof(mac_b)) == 0;
}

static void
answers_for_all_of_its_addresses_and_no_other(void **state)
{
	struct pair four = make_pair(true), six = make_pair(false);

	assert_true(is_answered(&four, "10.0.0.2"));
	assert_true(is_answered(&four, "10.0.1.0"));
	assert_true(is_answered(&four, "10.0.2.43"));
	assert_false(is_answered(&four, "10.0.2.44"));
	assert_false(is_answered(&four, "10.0.0.255"));
	assert_true(is_answered(&six, "2001:db8::2"));
	assert_true(is_answered(&six, "2001:db8::1:0"));
	assert_true(is_answered(&six, "2001:db8::1:12b"));
	assert_false(is_answered(&six, "2001:db8::1:12c"));
	assert_false(is_answered(&six, "2001:db8:0:1::1:5"));
}

static void
whoever_asks_is_known(void **state)
{
	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct pair p = make_pair(v4);

		assert_false(p.b.resolved);
		assert_true(is_answered(&p, v4 ? "10.0.0.2" : "2001:db8::2"));
		assert_true(p.b.resolved);
		assert_memory_equal(&p.b.neighbour_mac, &mac_a, sizeof(mac_a));
	}
}

static void
cut_short_is_ignored(void **state)
{
	uint8_t question[STATION_FRAME_MAX], *cut, answer[STATION_FRAME_MAX];

	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct pair p = make_pair(v4);
		size_t len, needed;

		p.a.neighbour = p.b.own;
		len = station_ask(&p.a, question);
		/* Without its option a solicitation is still a question. */
		needed = v4 ? len : len - 8;
		for (size_t n = 0; n < needed; n++) {
			/* Exactly so long, that reading on is seen. */
			cut = test_malloc(n + 1);
			memcpy(cut, question, n);
			assert_int_equal(station_receive(&p.b, cut, n, answer), 0);
			test_free(cut);
		}
		assert_true(station_receive(&p.b, question, len, answer) > 0);
	}
}

static void
solicitation_from_another_link_is_ignored(void **state)
{
	uint8_t question[STATION_FRAME_MAX], answer[STATION_FRAME_MAX];
	struct pair p = make_pair(false);
	size_t len;

	p.a.neighbour = p.b.own;
	len = station_ask(&p.a, question);
	question[14 + 7] = 254; /* the hop limit: it was routed */
	assert_int_equal(station_receive(&p.b, question, len, answer), 0);
}

static void
addresses_count_up_with_carry(void **state)
{
	struct ip_addr a = addr("10.0.0.255"), b = addr("10.0.1.0");
	struct ip_addr c = addr("fd00::ffff"), d = addr("fd00::1:0"), got;

	got = address_plus(&a, 1);
	assert_true(ip_addr_equal(&got, &b));
	got = address_plus(&c, 1);
	assert_true(ip_addr_equal(&got, &d));
}

/* ---- frames ------------------------------------------------------------------- */

static size_t
udp_frame(uint8_t *at, bool v4, size_t payload)
{
	struct ip_endpoint from, to;
	size_t overhead = frame_udp_overhead(v4 ? IP_V4 : IP_V6);

	assert_true(ip_endpoint_parse(&from, v4 ? "192.0.2.1:1000" : "[2001:db8::1]:1000"));
	assert_true(ip_endpoint_parse(&to, v4 ? "192.0.2.2:51820" : "[2001:db8::2]:51820"));
	for (size_t i = 0; i < payload; i++)
		at[overhead + i] = (uint8_t)(i * 7);
	frame_write_udp(at, &mac_a, &mac_b, &from, &to, FRAME_TOS_AF41, payload);
	return overhead + payload;
}

static void
frames_are_read_as_written(void **state)
{
	for (unsigned v4 = 0; v4 < 2; v4++) {
		for (size_t payload = 0; payload < 200; payload += 33) {
			uint8_t at[300];
			size_t len = udp_frame(at, v4, payload);
			struct frame f;

			memset(at + len, 0xee, 6); /* Ethernet's padding is no payload */
			frame_parse(at, len + 6, true, &f);
			assert_int_equal(f.kind, FRAME_UDP);
			assert_int_equal(f.payload_len, payload);
			assert_int_equal(f.from.port, 1000);
			assert_int_equal(f.to.port, 51820);
			assert_int_equal(f.ip_len, len - RTE_ETHER_HDR_LEN);
			assert_true(f.payload + payload == at + len);
		}
	}
}

static void
damaged_frames_are_told(void **state)
{
	for (unsigned v4 = 0; v4 < 2; v4++) {
		uint8_t at[300];
		size_t len = udp_frame(at, v4, 100);
		struct frame f;

		for (size_t n = RTE_ETHER_HDR_LEN; n < len; n++) {
			frame_parse(at, n, true, &f);
			assert_int_equal(f.kind, FRAME_DAMAGED);
		}
		at[len - 1] ^= 1;
		frame_parse(at, len, true, &f);
		assert_int_equal(f.kind, FRAME_DAMAGED);
		frame_parse(at, len, false, &f);
		assert_int_equal(f.kind, FRAME_UDP);
	}
}

static void
fragments_are_no_udp(void **state)
{
	uint8_t at[300];
	size_t len = udp_frame(at, true, 100);
	struct frame f;

	at[RTE_ETHER_HDR_LEN + 6] |= 0x20; /* more fragments */
	frame_parse(at, len, false, &f);
	assert_int_equal(f.kind, FRAME_DAMAGED);
}

static int
setup(void **state)
{
	checksum_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_for_all_of_its_addresses_and_no_other),
		cmocka_unit_test(whoever_asks_is_known),
		cmocka_unit_test(cut_short_is_ignored),
		cmocka_unit_test(solicitation_from_another_link_is_ignored),
		cmocka_unit_test(addresses_count_up_with_carry),
		cmocka_unit_test(frames_are_read_as_written),
		cmocka_unit_test(damaged_frames_are_told),
		cmocka_unit_test(fragments_are_no_udp),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
