/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Received frames, with live sessions. An input is a list of orders: frames as
 * they come or built from a pattern and spoiled, packets that the harness seals
 * with a session's key (so they authenticate, whatever is in them), turns of
 * the gateway, time that passes.
 */
#include <netinet/in.h>
#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "control/icmp.h"
#include "crypto_accel/crypto_accel.h"
#include "tests/fuzz/gateway.h"

#define ORDERS_MAX 64
#define SESSIONS 8
#define PENDING_MAX 200 /* frames before the gateway gets its turn */
#define FRAME_ROOM 2000

static struct gateway_session sessions[SESSIONS];
static unsigned pending;

/* Pairs of addresses that have a way through the gateway, or nearly. */
static const char *const pairs[][2] = {{"10.8.0.2", "10.20.0.2"}, {"10.8.0.2", "10.8.0.3"},
	{"10.8.0.2", "10.9.0.2"}, {"10.8.0.2", "10.8.0.1"}, {"10.8.0.77", "10.20.0.2"},
	{"10.8.0.2", "10.20.0.99"}, {"10.8.0.2", "198.51.100.1"}, {"10.8.0.2", "224.0.0.1"},
	{"10.20.0.2", "10.8.0.2"}, {"10.20.0.2", "10.8.0.3"}, {"10.20.0.2", "10.9.0.2"},
	{"10.20.0.2", "10.9.0.3"}, {"10.20.0.2", "203.0.113.7"}, {"10.20.0.2", "192.0.2.1"},
	{"203.0.113.5", "192.0.2.1"}, {"192.168.77.9", "10.30.1.1"}, {"10.20.0.2", "10.8.0.99"},
	{"10.9.0.3", "10.20.0.2"}, {"10.20.0.2", "10.20.0.1"}, {"10.20.0.2", "255.255.255.255"},
	{"fd00:8::2", "fd00:20::2"}, {"fd00:8::2", "fd00:20::1"}, {"fd00:20::2", "fd00:8::2"},
	{"fd00:8::2", "fd00:8::3"}, {"fe80::1", "ff02::1"}, {"fd00:20::2", "2001:db8:f::9"},
	{"2001:db8:f::5", "2001:db8::1"}, {"fd00:9::3", "fd00:8::1"}, {"fe80::2", "fd00:20::1"},
	{"fd00:20::2", "ff02::1:ff00:1"}, {"fe80::2", "fe80::ff:fe00:1"}, {"::1", "fd00:8::2"}};

/* ---- packets ---------------------------------------------------------------------- */

/* Make right what would end the packet early: bit 0 lengths, 1 IPv4's checksum, 2 ICMP's. */
static void
repair(struct rig_packet *p, unsigned what)
{
	struct rte_ipv4_hdr *v4 = (void *)p->data;
	struct rte_ipv6_hdr *v6 = (void *)p->data;
	unsigned header = (p->data[0] & 15) * 4;

	if (p->data[0] >> 4 == 4 && header >= 20 && p->len >= header) {
		if (what & 1)
			v4->total_length = rte_cpu_to_be_16(p->len);
		if ((what & 4) && v4->next_proto_id == IPPROTO_ICMP && p->len >= header + 8) {
			uint16_t *sum = (void *)(p->data + header + 2);

			*sum = 0;
			*sum = (uint16_t)~rte_raw_cksum(p->data + header, p->len - header);
		}
		if (what & 2) {
			v4->hdr_checksum = 0;
			v4->hdr_checksum = (uint16_t)~rte_raw_cksum(v4, header);
		}
	} else if (p->data[0] >> 4 == 6 && p->len >= 40) {
		if (what & 1)
			v6->payload_len = rte_cpu_to_be_16(p->len - 40);
		if ((what & 4) && v6->proto == IPPROTO_ICMPV6 && p->len >= 48)
			icmp6_set_checksum(p->data, p->len);
	}
}

/* The first bytes of what an IP header is followed by. */
static void
put_transport(struct rig_packet *p, unsigned kind)
{
	bool v6 = p->data[0] >> 4 == 6;
	uint8_t *l4 = p->data + (v6 ? 40 : 20), *proto = p->data + (v6 ? 6 : 9);

	if (p->len < (v6 ? 48 : 28))
		return;
	memset(l4, 0, 8);
	switch (kind) {
	case 1: /* UDP to a listen port */
		*proto = IPPROTO_UDP;
		memcpy(l4, (uint8_t[]){0x1e, 0x61, 0xca, 0x6c}, 4);
		l4[4] = (uint8_t)((p->len - (v6 ? 40 : 20)) >> 8);
		l4[5] = (uint8_t)(p->len - (v6 ? 40 : 20));
		break;
	case 2:
		*proto = IPPROTO_TCP;
		break;
	case 3: /* echo request */
		*proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		l4[0] = v6 ? 128 : 8;
		break;
	case 4: /* an ICMP error */
		*proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		l4[0] = v6 ? 1 : 3;
		break;
	case 5: /* solicitation of an address of ours, with an option */
		if (!v6 || p->len < 72)
			return;
		*proto = IPPROTO_ICMPV6;
		p->data[7] = 255;
		l4[0] = 135;
		memcpy(l4 + 8, rig.dp->ports.port[RIG_LAN].addresses[1].addr.bytes, 16);
		memcpy(l4 + 24, (uint8_t[]){1, 1, 2, 0, 0, 0, 1, 1}, 8);
		break;
	case 6: /* advertisement of the sender */
		if (!v6 || p->len < 72)
			return;
		*proto = IPPROTO_ICMPV6;
		p->data[7] = 255;
		l4[0] = 136;
		l4[4] = 0x60;
		memcpy(l4 + 8, p->data + 8, 16);
		memcpy(l4 + 24, (uint8_t[]){2, 1, 2, 0, 0, 0, 1, 1}, 8);
		break;
	case 7: /* extension or fragment header, by what follows */
		*proto = v6 ? IPPROTO_FRAGMENT : 253;
		break;
	}
}

/* As the input says: raw, or one of the pairs, spoiled, and made right again. */
static void
read_packet(struct in *in, struct rig_packet *p)
{
	uint8_t kind = in_u8(in), shape = in_u8(in);

	memset(p->data, 0, sizeof(p->data));
	if (kind == 0xff) {
		p->len = (uint16_t)in_bytes(in, p->data, 1 + shape);
	} else {
		const char *const *pair = pairs[kind % RTE_DIM(pairs)];
		uint16_t len = in_u16(in);

		rig_ip(p, &(struct rig_ip){.src = pair[0],
				  .dst = pair[1],
				  .len = 48 + len % (shape & 8 ? FRAME_ROOM - 100 : 128),
				  .ttl = (uint8_t)(len >> 11) + 1,
				  .tos = shape & 16 ? 3 : 2,
				  .df = shape & 32});
		put_transport(p, shape & 7);
		if (shape & 64)
			in_spoil(in, p->data, 80);
	}
	if (p->len > 0)
		repair(p, in_u8(in));
}

/* ---- orders ----------------------------------------------------------------------- */

static void
raw_frame(struct in *in)
{
	uint8_t frame[FRAME_ROOM], how = in_u8(in), port = how & 1;
	uint16_t len = in_u16(in) % sizeof(frame);
	size_t have = in_bytes(in, frame, RTE_MIN(len, (how & 128) ? sizeof(frame) : 128u));

	memset(frame + have, 0, sizeof(frame) - have);
	if (how & 2)
		memcpy(frame, &rig.dp->ports.port[port].mac, 6);
	gateway_receive(
		port, (how >> 2) & 1, frame, len, how & 8 ? 1 + (how >> 4) * 16 : UINT16_MAX);
}

static void
plain_packet(struct in *in)
{
	uint8_t how = in_u8(in);
	struct rig_packet p;
	uint16_t cut;

	read_packet(in, &p);
	cut = how & 4 ? in_u8(in) : 0; /* as AF_PACKET cuts off what is too long */
	p.len -= RTE_MIN(cut, p.len);
	gateway_receive_ip(how & 1, (how >> 1) & 1, &p);
}

/* UDP and IP around a message, from one of the places that a client may be at. */
static void
put_outer(struct rig_packet *out, unsigned from, uint8_t iface, uint8_t tos,
	const struct rig_packet *message)
{
	static const char *const places[] = {"203.0.113.5:7777", "203.0.113.5:7778",
		"[2001:db8:f::5]:7777", "192.0.2.77:7777", "10.20.0.2:9", "[fd00:20::2]:9",
		"192.0.2.254:1", "[fe80::1]:7777"};
	const char *place = places[from % RTE_DIM(places)];
	char to[32];

	snprintf(to, sizeof(to), "%s:%u", place[0] == '[' ? "[2001:db8::1]" : "192.0.2.1",
		51820u + iface);
	rig_outer(out, place, to, tos, message);
}

/* Sealed with a session's own key: what is inside reaches the inner checks. */
static void
sealed_packet(struct in *in)
{
	uint8_t how = in_u8(in), which = in_u8(in);
	struct gateway_session *s = &sessions[which % SESSIONS];
	struct rig_packet inner = {.len = 0}, message, outer;
	struct message_data *header = (void *)message.data;
	uint64_t counter = s->next_counter++;
	uint16_t len;

	if (how & 1) /* an older one, or one far ahead */
		counter += (uint64_t)(int64_t)(int16_t)in_u16(in) << (how & 2 ? 7 : 0);
	if (how & 4)
		counter = UINT64_MAX - in_u16(in);
	if (!(how & 8))
		read_packet(in, &inner);
	len = RTE_MIN(inner.len, (uint16_t)(FRAME_ROOM - 100));
	if (!(how & 16))
		len = RTE_ALIGN(len, MESSAGE_PADDING);
	header->type_le = rte_cpu_to_le_32(MESSAGE_DATA);
	header->receiver_index_le = rte_cpu_to_le_32(s->local_index);
	header->counter_le = rte_cpu_to_le_64(counter);
	aead_seal_one((uint8_t *)(header + 1), inner.data, len, NULL, 0, counter, s->to_gateway);
	message.len = sizeof(*header) + len + NOISE_TAG_LEN;
	if (how & 32)
		in_spoil(in, message.data, message.len);
	if (how & 64)
		message.len -= RTE_MIN(in_u8(in), message.len);
	put_outer(&outer, which >> 3, s->iface ^ (which >> 7), how >> 6, &message);
	if (how & 128) {
		in_spoil(in, outer.data, 60);
		repair(&outer, in_u8(in));
	}
	gateway_receive_ip(RIG_WAN, (which >> 6) & 1, &outer);
}

/* By type and, mostly, length; its mac1 is right if the input wants that. */
static void
handshake_message(struct in *in)
{
	static const uint16_t lengths[] = {148, 92, 64, 32};
	uint8_t how = in_u8(in), cut = in_u8(in);
	struct rig_packet message = {.len = lengths[how & 3]}, outer;
	struct gateway_client *c = &gateway_clients[(how >> 2) & 3];

	memset(message.data, 0, message.len);
	in_bytes(in, message.data + 4, message.len - 4);
	message.data[0] = 1 + (how & 3);
	if (how & 16 && (how & 3) < 2)
		cookie_add_macs(&c->cookie, message.data, message.len, gateway_now());
	if (how & 32)
		in_spoil(in, message.data, message.len);
	if (cut & 1)
		message.len -= RTE_MIN(cut, message.len);
	put_outer(&outer, how >> 6, c->iface, 0, &message);
	gateway_receive_ip(RIG_WAN, 0, &outer);
}

static void
arp(struct in *in)
{
	static const char *const hosts[] = {"10.20.0.2", "10.20.0.99", "192.0.2.254", "192.0.2.77",
		"10.20.0.1", "192.0.2.1", "0.0.0.0", "10.20.0.255"};
	uint8_t how = in_u8(in), who = in_u8(in), port = how & 1;
	uint8_t frame[64] = {0};
	struct rte_ether_hdr *eth = (void *)frame;
	struct rte_arp_hdr *a = (void *)(eth + 1);
	struct ip_addr from, to;

	FUZZ_ASSERT(ip_addr_parse(&from, hosts[who & 7]));
	FUZZ_ASSERT(ip_addr_parse(&to, hosts[(who >> 3) & 7]));
	if (how & 2)
		memset(&eth->dst_addr, 0xff, 6);
	else
		eth->dst_addr = rig.dp->ports.port[port].mac;
	eth->src_addr = (struct rte_ether_addr){{2, 0, 0, 0, port, who >> 6}};
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
	a->arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER);
	a->arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	a->arp_hlen = 6;
	a->arp_plen = 4;
	a->arp_opcode = how & 4 ? RTE_BE16(RTE_ARP_OP_REPLY) : RTE_BE16(RTE_ARP_OP_REQUEST);
	a->arp_data.arp_sha = eth->src_addr;
	memcpy(&a->arp_data.arp_sip, from.bytes, 4);
	memcpy(&a->arp_data.arp_tip, to.bytes, 4);
	if (how & 8)
		in_spoil(in, frame, 42);
	gateway_receive(port, 0, frame, how & 16 ? 1 + (how >> 2) : 42, UINT16_MAX);
}

static void
session(struct in *in)
{
	uint8_t how = in_u8(in);

	gateway_session(how & 3, how & 4, (how >> 3) & 1, &sessions[(how >> 4) % SESSIONS]);
}

static void
time_passes(struct in *in)
{
	static const uint64_t ms[] = {1, 20, 120, 1000, 2500, 5000, 10000, 31000, 61000, 91000,
		121000, 166000, 181000, 301000, 541000, 601000};

	gateway_advance(ms[in_u8(in) % RTE_DIM(ms)] * NS_PER_MS);
}

static void
port_room(struct in *in)
{
	uint8_t how = in_u8(in);

	rig.tx[how & 1][(how >> 1) & 1].room = how & 4 ? how >> 3 : UINT32_MAX / 2;
}

static void
run(void)
{
	gateway_run(NULL);
	pending = 0;
}

static void
order(struct in *in)
{
	uint8_t what = in_u8(in);

	if (pending >= PENDING_MAX)
		run();
	pending++;
	switch (what & 15) {
	case 0:
		raw_frame(in);
		break;
	case 1:
	case 2:
	case 3:
		plain_packet(in);
		break;
	case 4:
		handshake_message(in);
		break;
	case 5:
		arp(in);
		break;
	case 6:
		session(in);
		break;
	case 7:
		run();
		time_passes(in);
		break;
	case 8:
		port_room(in);
		break;
	case 9: { /* the same again, many times: rings and stages run full */
		struct in again = *in;

		for (unsigned n = what >> 4; n > 0; n--) {
			struct in copy = again;

			if (++pending >= PENDING_MAX)
				run();
			plain_packet(&copy);
			*in = copy;
		}
		break;
	}
	case 10:
		if (what >> 4 == 1)
			gateway_remove(in_u8(in) % GATEWAY_PEERS);
		break;
	case 11:
		run();
		break;
	default:
		sealed_packet(in);
	}
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	gateway_init();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct in in = {data, len};

	gateway_begin();
	pending = 0;
	memset(sessions, 0, sizeof(sessions));
	for (unsigned i = 0; i < GATEWAY_PEERS; i++)
		gateway_session(i, i & 1, i & 1, &sessions[i]);
	for (unsigned n = 0; n < ORDERS_MAX && in.left > 0; n++)
		order(&in);
	run();
	gateway_end();
	return 0;
}
