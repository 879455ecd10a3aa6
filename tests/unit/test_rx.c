/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whatever bytes arrive, from the wire or out of a tunnel: each packet ends
 * once, as a frame that was sent or waits, at control, or as one counted drop.
 */
#include <rte_ip.h>

#include "crypto_accel/crypto_accel.h"
#include "tests/unit/rig.h"

#define ROUNDS 150000
#define FRAME_MAX 2048 /* what an mbuf of the rig holds */

/* Weighted towards what has a way through the gateway. */
static const char *const pairs[][2] = {{"10.8.0.2", "10.20.0.2"}, {"10.8.0.2", "10.8.0.3"},
	{"10.8.0.2", "10.9.0.2"}, {"10.8.0.2", "10.8.0.1"}, {"10.8.0.77", "10.20.0.2"},
	{"10.8.0.2", "10.20.0.99"}, {"10.8.0.2", "198.51.100.1"}, {"10.8.0.2", "224.0.0.1"},
	{"10.20.0.2", "10.8.0.2"}, {"10.20.0.2", "10.8.0.3"}, {"10.20.0.2", "10.9.0.2"},
	{"10.20.0.2", "10.8.0.99"}, {"10.20.0.2", "203.0.113.7"}, {"10.20.0.2", "192.0.2.1"},
	{"fd00:8::2", "fd00:20::2"}, {"fd00:8::2", "fd00:20::1"}, {"fd00:20::2", "fd00:8::2"},
	{"fd00:8::2", "fd00:8::3"}, {"fe80::1", "ff02::1"}, {"fd00:20::2", "2001:db8:f::9"}};

static uint64_t seed;

static uint32_t
random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

static void
spoil(uint8_t *data, uint16_t len, unsigned within)
{
	for (unsigned n = random_below(4); n > 0 && len > 0; n--)
		data[random_below(RTE_MIN(len, within))] ^= 1u << random_below(8);
}

/* An IP packet that is valid, or nearly. */
static void
random_ip(struct rig_packet *out)
{
	unsigned i = random_below(RTE_DIM(pairs));
	struct rte_ipv4_hdr *v4 = (void *)out->data;

	rig_ip(out, &(struct rig_ip){.src = pairs[i][0],
			    .dst = pairs[i][1],
			    .len = 40 + random_below(random_below(4) ? 200 : 1460),
			    .ttl = 1 + random_below(64),
			    .tos = random_below(256),
			    .df = random_below(2)});
	if (random_below(3) > 0)
		spoil(out->data, out->len, 48);
	if (random_below(4) == 0)
		out->len = random_below(out->len + 1);
	if (random_below(2) == 0 && out->data[0] >> 4 == 4) {
		v4->hdr_checksum = 0;
		v4->hdr_checksum = (uint16_t)~rte_raw_cksum(v4, (v4->version_ihl & 0xf) * 4);
	}
}

/* A message to a listen port; true when it is a keepalive that the peer has sealed. */
static bool
random_message(struct rig_packet *out, struct rig_peer *p)
{
	static const uint16_t handshakes[] = {148, 92, 64};
	struct rig_packet message = {.len = 0}, inner = {.len = 0};
	bool keepalive = false;

	if (random_below(8) == 0) {
		unsigned i = random_below(RTE_DIM(handshakes));

		message.len = handshakes[i];
		message.data[0] = 1 + i;
		spoil(message.data, message.len, 8);
	} else {
		keepalive = random_below(8) == 0;
		if (!keepalive)
			random_ip(&inner);
		rig_seal(&message, p, p->s.next_counter++, inner.data, inner.len);
		keepalive = inner.len == 0;
		if (random_below(8) == 0)
			spoil(message.data, message.len, 24);
		if (random_below(8) == 0)
			message.len = random_below(message.len + 1);
	}
	rig_outer(out, random_below(2) ? "203.0.113.5:7777" : "203.0.113.5:7778",
		random_below(8) ? "192.0.2.1:51820" : "192.0.2.1:51821", random_below(4), &message);
	if (random_below(8) == 0)
		spoil(out->data, out->len, 60);
	return keepalive;
}

static bool
receive_random(struct rig_peer *p)
{
	uint8_t frame[FRAME_MAX] = {0};
	struct rte_ether_hdr *eth = (void *)frame;
	uint8_t port = random_below(RIG_PORTS);
	struct rig_packet ip = {.len = 0};
	bool keepalive = false;
	uint16_t len;

	switch (random_below(8)) {
	case 0:
		ip.len = random_below(100);
		crypto_random(ip.data, sizeof(ip.data));
		break;
	case 1:
	case 2:
	case 3:
		random_ip(&ip);
		break;
	default:
		port = RIG_WAN;
		keepalive = random_message(&ip, p);
	}
	len = sizeof(*eth) + ip.len;
	memcpy(frame + sizeof(*eth), ip.data, ip.len);
	eth->dst_addr = rig.dp->ports.port[port].mac;
	eth->ether_type = ip.data[0] >> 4 == 6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
					       : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	if (random_below(16) == 0)
		spoil(frame, sizeof(*eth), sizeof(*eth));
	if (random_below(64) == 0)
		len = random_below(20);
	else if (random_below(16) == 0)
		len += random_below(FRAME_MAX - len + 1); /* padding */
	rig_receive_frame(port, 0, frame, len);
	return keepalive;
}

static uint64_t
total_drops(void)
{
	uint64_t sum = 0;

	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		sum += rig_drops(r);
	return sum;
}

/* Packets at rest on the worker. */
static unsigned
waiting(void)
{
	const struct worker *w = rig_worker(0);
	unsigned n = w->n_staged;

	for (unsigned i = 0; i < NEIGH_HOLDS; i++)
		n += w->holds[i].n;
	return n;
}

/* What control gets, but for packets that are counted as drops already. */
static unsigned
drain_punted(void)
{
	unsigned n = 0;
	struct rte_mbuf *m;

	for (unsigned ring = 0; ring < PUNT_RING_COUNT; ring++) {
		while ((m = rig_punted(ring)) != NULL) {
			n += pkt_meta(m)->kind != PKT_PUNT_ICMP;
			rte_pktmbuf_free(m);
		}
	}
	return n;
}

static unsigned
drain_sent(void)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	for (unsigned p = 0; p < RIG_PORTS; p++) {
		struct rig_queue *q = &rig.tx[p][0];

		for (; q->n > 0; q->n--, n++) {
			m = q->m[q->first++ % RIG_QUEUE];
			assert_int_equal(m->nb_segs, 1);
			assert_int_equal(m->pkt_len, m->data_len);
			assert_in_range(m->pkt_len, 34, 1500 + RTE_ETHER_HDR_LEN);
			rte_pktmbuf_free(m);
		}
	}
	return n;
}

static void
test_every_packet_ends_once(void **state)
{
	struct rig_peer a = rig_peer(0, "10.8.0.2/32,fd00:8::2/128", "203.0.113.5:7777");
	struct dp_event event;

	rig_peer(0, "10.8.0.3/32,fd00:8::3/128", "203.0.113.6:7777"); /* without a session */
	rig_peer(1, "10.9.0.2/32", NULL);
	rig_session(&a, true, 0, true);
	seed = 0x9e3779b97f4a7c15;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t drops = total_drops(), ends;
		struct dp_counters before, after;
		unsigned waited = waiting();
		bool keepalive = receive_random(&a);

		dp_peer_counters(rig.dp, a.peer, &before);
		rig_turn(0);
		dp_peer_counters(rig.dp, a.peer, &after);
		ends = total_drops() - drops + waiting() - waited + drain_punted() + drain_sent();
		if (keepalive && after.rx_packets > before.rx_packets)
			ends++;
		/* More than one is what has been fragmented: 1500 bytes at an MTU of 1280. */
		if (ends < 1 || ends > 2)
			fail_msg("round %u: a packet ended %u times", i, (unsigned)ends);
		while (dataplane_events(rig.dp, &event, 1) > 0)
			;
	}
	/* It was not all for nothing. */
	assert_true(rig_worker(0)->stats.tx_packets > ROUNDS / 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_every_packet_ends_once),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
