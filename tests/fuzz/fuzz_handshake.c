/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshake messages. An input is a list of orders to clients that speak the
 * protocol with the gateway: real messages, spoiled ones whose mac1 is made
 * right again, raw ones, replays, cookies, load, keys and peers that change.
 * What was spoiled must never have an effect: no session, no roaming.
 */
#include <netinet/in.h>
#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "control/publish.h"
#include "crypto_accel/crypto_accel.h"
#include "tests/fuzz/gateway.h"
#include "tests/unit/one_cookie.h"

#define ORDERS_MAX 48
#define REPLAYS 8
#define MACS_LEN sizeof(struct message_macs)
#define LEN_MAX 300 /* of messages that are too long */

/* What the gateway's last messages to a client were. */
struct heard {
	bool initiation_new, response_new, cookie_new;
	struct message_initiation initiation;
	struct message_response response;
	struct message_cookie_reply cookie;
};

static struct heard heard[GATEWAY_CLIENTS];
static struct cookie_checker checkers[GATEWAY_CLIENTS]; /* of the clients */
static uint32_t next_index;
static struct rig_packet replays[REPLAYS];
static unsigned n_replays;
/* A message since the last turn that the gateway may believe. */
static bool genuine;

/* ---- what the gateway sends ---------------------------------------------------------- */

static void
hear(const uint8_t *message, size_t len)
{
	uint32_t type_le;

	if (len < sizeof(type_le))
		return;
	memcpy(&type_le, message, sizeof(type_le));
	for (unsigned i = 0; i < GATEWAY_CLIENTS; i++) {
		struct heard *h = &heard[i];

		if (type_le == RTE_LE32(MESSAGE_INITIATION) && len == sizeof(h->initiation)) {
			memcpy(&h->initiation, message, len);
			h->initiation_new = true;
		} else if (type_le == RTE_LE32(MESSAGE_RESPONSE) && len == sizeof(h->response)) {
			memcpy(&h->response, message, len);
			h->response_new = true;
		} else if (type_le == RTE_LE32(MESSAGE_COOKIE_REPLY) && len == sizeof(h->cookie)) {
			memcpy(&h->cookie, message, len);
			h->cookie_new = true;
		}
	}
}

static void
sent(uint8_t port, const uint8_t *frame, uint16_t len)
{
	const struct rte_ether_hdr *eth = (const void *)frame;
	bool v6 = eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6);
	size_t ip_len = v6 ? 40 : 20, proto = v6 ? 6 : 9;
	const uint8_t *ip = frame + sizeof(*eth);
	const struct rte_udp_hdr *udp = (const void *)(ip + ip_len);

	(void)port;
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP) ||
		len < sizeof(*eth) + ip_len + sizeof(*udp) || ip[proto] != IPPROTO_UDP)
		return;
	hear((const uint8_t *)(udp + 1), len - sizeof(*eth) - ip_len - sizeof(*udp));
}

/* ---- what must not change without a genuine message ------------------------------------ */

struct standing {
	uint32_t indices[GATEWAY_CLIENTS][3];
	struct ip_endpoint endpoint[GATEWAY_CLIENTS];
};

static void
stand(struct standing *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < GATEWAY_CLIENTS; i++) {
		const struct peer *peer = gateway_clients[i].peer;

		if (peer == NULL)
			continue;
		s->indices[i][0] = peer->previous.session ? peer->previous.local_index : 0;
		s->indices[i][1] = peer->current.session ? peer->current.local_index : 0;
		s->indices[i][2] = peer->next.session ? peer->next.local_index : 0;
		dp_peer_endpoint(peer->dp, &s->endpoint[i], NULL);
	}
}

static void
check_unmoved(const struct standing *a, const struct standing *b)
{
	for (unsigned i = 0; i < GATEWAY_CLIENTS; i++) {
		FUZZ_ASSERT(ip_endpoint_equal(&a->endpoint[i], &b->endpoint[i]));
		for (unsigned k = 0; k < 3; k++) {
			bool known = b->indices[i][k] == 0;

			for (unsigned j = 0; j < 3; j++)
				known |= a->indices[i][j] == b->indices[i][k];
			FUZZ_ASSERT(known);
		}
	}
}

static void
run(void)
{
	struct standing before, after;

	stand(&before);
	gateway_run(sent);
	stand(&after);
	if (!genuine)
		check_unmoved(&before, &after);
	/* Keys that must never lead to a session. */
	FUZZ_ASSERT(after.indices[4][0] + after.indices[4][1] + after.indices[4][2] == 0);
	FUZZ_ASSERT(after.indices[5][0] + after.indices[5][1] + after.indices[5][2] == 0);
	genuine = false;
}

/* ---- what clients send ---------------------------------------------------------------- */

static void
send_message(unsigned client, unsigned place, const struct rig_packet *message)
{
	static const char *const places[] = {NULL, NULL, "203.0.113.77:1", "[2001:db8:f::77]:1"};
	struct gateway_client *c = &gateway_clients[client];
	char from[IP_ENDPOINT_STRLEN], to[32];
	struct rig_packet outer;

	if (places[place & 3] != NULL)
		FUZZ_ASSERT(ip_endpoint_parse(&c->endpoint, places[place & 3]));
	snprintf(to, sizeof(to), "%s:%u",
		c->endpoint.addr.family == IP_V4 ? "192.0.2.1" : "[2001:db8::1]",
		51820u + (c->iface ^ (place >> 2 & 1)));
	rig_outer(&outer, ip_endpoint_format(from, &c->endpoint), to, 0, message);
	gateway_receive_ip(RIG_WAN, place >> 3 & 1, &outer);
}

/*
 * Spoil it as the input says, add macs, remember it for a replay, send it. What
 * follows the indices is authenticated; type and indices are covered by mac1
 * alone, which anyone can make.
 */
static void
spoil_and_send(struct in *in, unsigned client, uint8_t how, void *msg, size_t len)
{
	size_t indices_end = len == sizeof(struct message_initiation) ? 8 : 12;
	struct gateway_client *c = &gateway_clients[client];
	struct rig_packet message = {.len = (uint16_t)len};

	memset(message.data, 0, LEN_MAX);
	memcpy(message.data, msg, len);
	if (how & 1)
		in_spoil(in, message.data, len - MACS_LEN);
	if (how & 4)
		message.len = MACS_LEN + in_u8(in);
	cookie_add_macs(&c->cookie, message.data, message.len, gateway_now());
	if (how & 2)
		in_spoil(in, message.data + message.len - MACS_LEN, MACS_LEN);
	genuine |= message.len == len &&
		   memcmp(message.data + indices_end, (uint8_t *)msg + indices_end,
			   len - MACS_LEN - indices_end) == 0;
	replays[n_replays++ % REPLAYS] = message;
	send_message(client, how >> 4, &message);
}

static void
initiate(struct in *in, unsigned client, uint8_t how)
{
	struct gateway_client *c = &gateway_clients[client];
	struct message_initiation msg;

	memset(&msg, 0, sizeof(msg));
	if (noise_create_initiation(&c->id, &c->gateway, next_index++, fuzz_wall_ns, &msg) !=
		NOISE_OK)
		return;
	spoil_and_send(in, client, how, &msg, sizeof(msg));
}

static void
respond(struct in *in, unsigned client, uint8_t how)
{
	struct gateway_client *c = &gateway_clients[client];
	struct noise_initiation received;
	struct message_response msg;
	struct noise_keys keys;

	if (!heard[client].initiation_new ||
		noise_consume_initiation(&c->id, &heard[client].initiation, &received) !=
			NOISE_OK ||
		noise_accept_initiation(&c->id, &c->gateway, &heard[client].initiation, &received,
			gateway_now()) != NOISE_OK)
		return;
	memset(&msg, 0, sizeof(msg));
	if (noise_create_response(&c->gateway, &received, next_index++, &msg, &keys) != NOISE_OK)
		return;
	spoil_and_send(in, client, how, &msg, sizeof(msg));
}

/* The client takes the gateway's response and uses the session, which confirms it. */
static void
confirm(struct in *in, unsigned client, uint8_t how)
{
	struct gateway_client *c = &gateway_clients[client];
	struct rig_packet message = {.len = MESSAGE_DATA_MIN_LEN};
	struct message_data *header = (void *)message.data;
	struct noise_keys keys;
	uint32_t index;

	if (!heard[client].response_new ||
		noise_consume_response(
			&c->id, &c->gateway, &heard[client].response, &keys, &index) != NOISE_OK)
		return;
	header->type_le = rte_cpu_to_le_32(MESSAGE_DATA);
	header->receiver_index_le = rte_cpu_to_le_32(index);
	header->counter_le = 0;
	aead_seal_one((uint8_t *)(header + 1), NULL, 0, NULL, 0, 0, keys.send);
	if (how & 1)
		in_spoil(in, message.data, message.len);
	genuine = true;
	send_message(client, how >> 4, &message);
}

/* The client demands a cookie of the gateway, or has got one. */
static void
cookies(struct in *in, unsigned client, uint8_t how)
{
	struct gateway_client *c = &gateway_clients[client];
	struct rig_packet message = {.len = sizeof(struct message_cookie_reply)};
	const void *about = how & 4 ? (const void *)&heard[client].response
				    : (const void *)&heard[client].initiation;

	if (how & 8) {
		if (heard[client].cookie_new)
			cookie_consume_reply(&c->cookie, &heard[client].cookie, gateway_now());
		return;
	}
	one_cookie_reply(&checkers[client], about,
		how & 4 ? sizeof(struct message_response) : sizeof(struct message_initiation),
		&c->endpoint, gateway_now(), (void *)message.data);
	if (how & 1)
		in_spoil(in, message.data, message.len);
	send_message(client, how >> 4, &message);
}

/* The type is right, and mostly the length; the rest is the input's; mac1 may be right. */
static void
raw(struct in *in, unsigned client, uint8_t how)
{
	static const uint16_t lengths[] = {148, 92, 64, 148};
	struct rig_packet message = {.len = lengths[how & 3]};
	uint8_t cut = in_u8(in);

	memset(message.data, 0, LEN_MAX);
	message.data[0] = 1 + (how & 3) % 3;
	in_bytes(in, message.data + 4, message.len - 4);
	if (cut & 1)
		message.len = MACS_LEN + cut;
	if (how & 4 && message.len != 64)
		cookie_add_macs(
			&gateway_clients[client].cookie, message.data, message.len, gateway_now());
	if (how & 8) { /* the index of a handshake or session under way */
		const struct peer *peer = gateway_clients[client].peer;

		if (peer != NULL)
			memcpy(message.data + (message.len == 64 ? 4 : 8), &peer->initiation_index,
				4);
		if (message.len != 64)
			cookie_add_macs(&gateway_clients[client].cookie, message.data, message.len,
				gateway_now());
	}
	send_message(client, how >> 4, &message);
}

static void
replay(struct in *in, uint8_t how)
{
	struct rig_packet *message = &replays[how % REPLAYS];

	if (message->len == 0)
		return;
	genuine = true; /* it may be the first that arrives */
	send_message(in_u8(in) % GATEWAY_CLIENTS, how >> 4, message);
}

static void
change_psk(unsigned client, uint8_t how)
{
	uint8_t psk[32];

	memset(psk, how, sizeof(psk));
	if (how & 1 && gateway_clients[client].peer != NULL)
		noise_peer_set_psk(&gateway_clients[client].peer->noise, how & 4 ? psk : NULL);
	if (how & 2)
		noise_peer_set_psk(&gateway_clients[client].gateway, how & 4 ? psk : NULL);
}

/* ---- orders ------------------------------------------------------------------------- */

static void
time_passes(uint8_t how)
{
	static const uint64_t ms[] = {1, 19, 21, 333, 1000, 5000, 5400, 10000, 15400, 91000, 115000,
		120000, 166000, 180000, 301000, 541000};

	run();
	gateway_advance(ms[how % RTE_DIM(ms)] * NS_PER_MS);
}

static void
order(struct in *in)
{
	uint8_t what = in_u8(in), how = in_u8(in);
	unsigned client = (what >> 4) % GATEWAY_CLIENTS;
	struct peer *peer = gateway_clients[client].peer;

	switch (what & 15) {
	case 0:
	case 1:
		initiate(in, client, how);
		break;
	case 2:
		respond(in, client, how);
		break;
	case 3:
		confirm(in, client, how);
		break;
	case 4:
		cookies(in, client, how);
		break;
	case 5:
		raw(in, client, how);
		break;
	case 6:
		replay(in, how);
		break;
	case 7:
		time_passes(how);
		break;
	case 8: /* there is something to send to the client */
		if (peer != NULL) {
			timers_want_handshake(&peer->timers, gateway_now());
			gateway_advance(0);
		}
		break;
	case 9:
		gateway_control->load.until_ns = how & 1 ? gateway_now() + NS_PER_SEC : 0;
		break;
	case 10:
		change_psk(client, how);
		break;
	case 11:
		run();
		if (peer == NULL)
			gateway_add(client);
		else if (how == 0)
			gateway_remove(client);
		break;
	case 12:
		if (peer != NULL)
			timers_set_persistent(&peer->timers, gateway_now(), how);
		gateway_advance(0);
		break;
	default:
		run();
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
	memset(heard, 0, sizeof(heard));
	memset(replays, 0, sizeof(replays));
	memset(checkers, 0, sizeof(checkers));
	for (unsigned i = 0; i < GATEWAY_CLIENTS; i++)
		cookie_checker_init(&checkers[i], gateway_clients[i].id.static_public);
	next_index = 1;
	n_replays = 0;
	genuine = false;
	for (unsigned n = 0; n < ORDERS_MAX && in.left > 0; n++)
		order(&in);
	run();
	gateway_end();
	return 0;
}
