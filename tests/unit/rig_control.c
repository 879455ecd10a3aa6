/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/rig_control.h"

#include <endian.h>
#include <pthread.h>
#include <time.h>

#include "control/local.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/worker.h"

#define UDP4_LEN 28 /* headers of a message over IPv4 */

struct control *rig_control;
uint8_t rig_gateway_private[NOISE_KEY_LEN];

/* ---- life --------------------------------------------------------------------------- */

int
rig_control_setup(void **state)
{
	struct config_interface ifaces[2] = {
		{.name = "wg0", .listen_port = 51820}, {.name = "wg1", .listen_port = 51821}};
	struct config config = {.dataplane.max_peers = 64, .interfaces = ifaces, .n_interfaces = 2};
	struct iface_config inside[2] = {{.name = "wg0"}, {.name = "wg1"}};
	struct dataplane_config dp_config = {.ifaces = inside, .n_ifaces = 2};
	char err[256];

	rig_setup(state);
	crypto_random(rig_gateway_private, sizeof(rig_gateway_private));
	memcpy(ifaces[0].private_key, rig_gateway_private, NOISE_KEY_LEN);
	crypto_random(ifaces[1].private_key, NOISE_KEY_LEN);
	rig_control = control_create(&config, err, sizeof(err));
	assert_non_null(rig_control);
	assert_int_equal(control_attach(rig_control, rig.dp, &dp_config, err, sizeof(err)), 0);
	ev_async_start(rig_control->loop, &rig_control->wake);
	/* Both announcements of the ports' addresses: nobody expects them among the answers. */
	local_tick(rig_control->local, dp_now_ns());
	local_tick(rig_control->local, dp_now_ns() + 10 * NS_PER_SEC);
	rig_turn_all();
	for (unsigned p = 0; p < RIG_PORTS; p++)
		for (struct rig_queue *q = &rig.tx[p][0]; q->n > 0; q->n--)
			rte_pktmbuf_free(q->m[q->first++ % RIG_QUEUE]);
	return 0;
}

int
rig_control_teardown(void **state)
{
	control_detach(rig_control);
	control_destroy(rig_control);
	return rig_teardown(state);
}

void
rig_run(void)
{
	struct dp_event event;
	bool busy;

	do {
		busy = false;
		rig_turn_all();
		while (dataplane_events(rig.dp, &event, 1) > 0) {
			handshake_event(rig_control, &event);
			busy = true;
		}
		busy = handshake_poll(rig_control) > 0 || busy;
		ev_run(rig_control->loop, EVRUN_NOWAIT); /* timers that are due */
	} while (busy);
	rig_turn_all();
}

/* ---- what management would ask for ------------------------------------------------- */

static void *
ask(void *arg)
{
	struct rig_asked *a = arg;
	char field[64], err[256];

	if (a->private_key != NULL)
		control_set_private_key(rig_control, 0, a->private_key);
	else
		a->done = control_apply(
			rig_control, &a->change, 1, field, sizeof(field), err, sizeof(err));
	atomic_store(&a->answered, true);
	return NULL;
}

/* Management's thread asks and blocks, as in operation; control is here. */
void
rig_serve(struct rig_asked *a)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, ask, a), 0);
	while (!atomic_load(&a->answered))
		request_poll(rig_control);
	pthread_join(thread, NULL);
	rig_reclaim();
}

void
rig_apply(const struct peer_change *change)
{
	struct rig_asked a = {.change = *change};

	rig_serve(&a);
	assert_int_equal(a.done, 1);
}

void
rig_put(const uint8_t public_key[32], const char *allowed, const char *endpoint)
{
	struct ip_prefix prefix;
	struct peer_change change = {
		.op = CHANGE_PUT,
		.name = "client",
		.allowed_ips = &prefix,
		.n_allowed_ips = 1,
		.set_endpoint = endpoint != NULL,
	};

	memcpy(change.public_key, public_key, 32);
	assert_true(ip_prefix_parse(&prefix, allowed));
	if (endpoint != NULL)
		assert_true(ip_endpoint_parse(&change.endpoint, endpoint));
	rig_apply(&change);
}

void
rig_client_init(struct rig_client *c, const char *allowed, const char *from, bool known)
{
	uint8_t key[NOISE_KEY_LEN];

	memset(c, 0, sizeof(*c));
	noise_identity_init(&c->id);
	crypto_random(key, sizeof(key));
	noise_identity_set(&c->id, key);
	noise_peer_init(&c->gateway, rig_control->ifaces[0].identity.static_public, NULL);
	cookie_peer_init(&c->macs, rig_control->ifaces[0].identity.static_public);
	c->from = from;
	assert_true(ip_endpoint_parse(&c->wire.endpoint, from));
	rig_put(c->id.static_public, allowed, known ? from : NULL);
	c->peer = peer_find(rig_control, 0, c->id.static_public);
	assert_non_null(c->peer);
	c->wire.peer = c->peer->dp;
	c->wire.id = c->peer->id;
}

/* ---- messages ----------------------------------------------------------------------- */

void
rig_send_from(const char *from, const char *to, const void *message, uint16_t len)
{
	struct rig_packet m = {.len = len}, ip;

	memcpy(m.data, message, len);
	rig_outer(&ip, from, to, 0, &m);
	rig_receive(RIG_WAN, &ip);
}

uint64_t
rig_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

struct message_initiation
rig_client_initiation(struct rig_client *c)
{
	struct message_initiation msg;
	uint32_t index;

	/* Long enough after the last one; see initiations_are_20_ms_apart in test_noise.c. */
	c->peer->noise.last_initiation_ns = 0;
	crypto_random(&index, sizeof(index));
	assert_int_equal(
		noise_create_initiation(&c->id, &c->gateway, index, rig_wall_ns(), &msg), NOISE_OK);
	cookie_add_macs(&c->macs, &msg, sizeof(msg), dp_now_ns());
	return msg;
}

struct message_initiation
rig_junk_initiation(void)
{
	struct message_initiation msg = {.type_le = htole32(MESSAGE_INITIATION)};
	struct cookie_peer macs;

	cookie_peer_init(&macs, rig_control->ifaces[0].identity.static_public);
	crypto_random(msg.ephemeral, sizeof(msg.ephemeral));
	cookie_add_macs(&macs, &msg, sizeof(msg), dp_now_ns());
	return msg;
}

void
rig_under_load(void)
{
	rig_control->load.until_ns = dp_now_ns() + 3600 * NS_PER_SEC;
}

void
rig_expect_message(enum message_type type, const char *to, void *out, uint16_t len)
{
	struct rig_packet ip;
	struct ip_endpoint want;
	uint32_t type_le;

	assert_true(ip_endpoint_parse(&want, to));
	assert_true(rig_sent(RIG_WAN, &ip));
	memcpy(&type_le, ip.data + UDP4_LEN, sizeof(type_le));
	assert_int_equal(le32toh(type_le), type);
	assert_int_equal(ip.len, UDP4_LEN + len);
	assert_memory_equal(ip.data + 16, want.addr.bytes, 4);
	assert_int_equal(ip.data[22] << 8 | ip.data[23], want.port);
	memcpy(out, ip.data + UDP4_LEN, len);
}

void
rig_client_take_session(struct rig_client *c, const struct noise_keys *keys, uint32_t gateway_index,
	uint32_t client_index)
{
	c->wire.s =
		(struct rig_session){.local_index = gateway_index, .remote_index = client_index};
	memcpy(c->wire.s.recv_key, keys->send, NOISE_KEY_LEN);
	memcpy(c->wire.s.send_key, keys->receive, NOISE_KEY_LEN);
}

void
rig_client_finish(struct rig_client *c)
{
	struct message_response response;
	struct noise_keys keys;
	uint32_t gateway_index;

	rig_expect_message(MESSAGE_RESPONSE, c->from, &response, sizeof(response));
	assert_int_equal(
		noise_consume_response(&c->id, &c->gateway, &response, &keys, &gateway_index),
		NOISE_OK);
	rig_client_take_session(c, &keys, gateway_index, le32toh(response.receiver_index_le));
}

void
rig_client_connect(struct rig_client *c)
{
	struct message_initiation msg = rig_client_initiation(c);

	rig_send_from(c->from, RIG_GATEWAY, &msg, sizeof(msg));
	rig_run();
	rig_client_finish(c);
	rig_receive_keepalive(&c->wire);
	rig_run();
	assert_int_equal(c->peer->current.local_index, c->wire.s.local_index);
}
