/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control and a worker together, in memory: handshakes from the frame to the
 * answer. The clients here are made of noise.h and cookie.h themselves.
 */
#include <endian.h>
#include <pthread.h>
#include <time.h>

#include "control/publish.h"
#include "control/request.h"
#include "control/state.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/worker.h"
#include "tests/unit/rig.h"

#define LAN_HOST "10.20.0.2"
#define GATEWAY "192.0.2.1:51820"
#define AWAY "203.0.113.99:4444" /* where none of the clients is */
#define UDP4_LEN 28 /* headers of a message over IPv4 */

static struct control *control;
static uint8_t gateway_private[NOISE_KEY_LEN];

struct client {
	struct noise_identity id;
	struct noise_peer gateway; /* as the client knows it */
	struct cookie_peer macs; /* of what it sends */
	struct peer *peer; /* as control knows it */
	struct rig_peer wire; /* to seal and open with the session that came of it */
	const char *from;
};

/* ---- life --------------------------------------------------------------------------- */

static int
setup(void **state)
{
	struct config_interface ifaces[2] = {
		{.name = "wg0", .listen_port = 51820}, {.name = "wg1", .listen_port = 51821}};
	struct config config = {.dataplane.max_peers = 64, .interfaces = ifaces, .n_interfaces = 2};
	struct iface_config inside[2] = {{.name = "wg0"}, {.name = "wg1"}};
	struct dataplane_config dp_config = {.ifaces = inside, .n_ifaces = 2};
	char err[256];

	rig_setup(state);
	crypto_random(gateway_private, sizeof(gateway_private));
	memcpy(ifaces[0].private_key, gateway_private, NOISE_KEY_LEN);
	crypto_random(ifaces[1].private_key, NOISE_KEY_LEN);
	control = control_create(&config, err, sizeof(err));
	assert_non_null(control);
	assert_int_equal(control_attach(control, rig.dp, &dp_config, err, sizeof(err)), 0);
	ev_async_start(control->loop, &control->wake);
	return 0;
}

static int
teardown(void **state)
{
	control_detach(control);
	control_destroy(control);
	return rig_teardown(state);
}

/* Control and the worker, until nothing moves any more. */
static void
run(void)
{
	struct dp_event event;
	bool busy;

	do {
		busy = false;
		rig_turn_all();
		while (dataplane_events(rig.dp, &event, 1) > 0) {
			handshake_event(control, &event);
			busy = true;
		}
		busy = handshake_poll(control) > 0 || busy;
		ev_run(control->loop, EVRUN_NOWAIT); /* timers that are due */
	} while (busy);
	rig_turn_all();
}

/* ---- what management would ask for ------------------------------------------------- */

struct asked {
	struct peer_change change;
	const uint8_t *private_key; /* or NULL: the change */
	uint32_t done;
	atomic_bool answered;
};

static void *
ask(void *arg)
{
	struct asked *a = arg;
	char field[64], err[256];

	if (a->private_key != NULL)
		control_set_private_key(control, 0, a->private_key);
	else
		a->done = control_apply(
			control, &a->change, 1, field, sizeof(field), err, sizeof(err));
	atomic_store(&a->answered, true);
	return NULL;
}

/* Management's thread asks and blocks, as in operation; control is here. */
static void
serve(struct asked *a)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, ask, a), 0);
	while (!atomic_load(&a->answered))
		request_poll(control);
	pthread_join(thread, NULL);
	rig_reclaim();
}

static void
apply(const struct peer_change *change)
{
	struct asked a = {.change = *change};

	serve(&a);
	assert_int_equal(a.done, 1);
}

static void
put(const uint8_t public_key[32], const char *allowed, const char *endpoint)
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
	apply(&change);
}

/* A client at an address that the gateway knows, or does not. */
static void
client_init(struct client *c, const char *allowed, const char *from, bool known)
{
	uint8_t key[NOISE_KEY_LEN];

	memset(c, 0, sizeof(*c));
	noise_identity_init(&c->id);
	crypto_random(key, sizeof(key));
	noise_identity_set(&c->id, key);
	noise_peer_init(&c->gateway, control->ifaces[0].identity.static_public, NULL);
	cookie_peer_init(&c->macs, control->ifaces[0].identity.static_public);
	c->from = from;
	assert_true(ip_endpoint_parse(&c->wire.endpoint, from));
	put(c->id.static_public, allowed, known ? from : NULL);
	c->peer = peer_find(control, 0, c->id.static_public);
	assert_non_null(c->peer);
	c->wire.peer = c->peer->dp;
	c->wire.id = c->peer->id;
}

/* ---- messages ----------------------------------------------------------------------- */

static void
send_from(const char *from, const char *to, const void *message, uint16_t len)
{
	struct rig_packet m = {.len = len}, ip;

	memcpy(m.data, message, len);
	rig_outer(&ip, from, to, 0, &m);
	rig_receive(RIG_WAN, &ip);
}

static uint64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static struct message_initiation
initiation(struct client *c)
{
	struct message_initiation msg;
	uint32_t index;

	/* Long enough after the last one; see initiations_are_20_ms_apart in test_noise.c. */
	c->peer->noise.last_initiation_ns = 0;
	crypto_random(&index, sizeof(index));
	assert_int_equal(
		noise_create_initiation(&c->id, &c->gateway, index, wall_ns(), &msg), NOISE_OK);
	cookie_add_macs(&c->macs, &msg, sizeof(msg), dp_now_ns());
	return msg;
}

/* The next message that left by wan0, of that type and to that endpoint. */
static void
expect_message(enum message_type type, const char *to, void *out, uint16_t len)
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

/* Keys and indices of a session, the client's way round, into wire. */
static void
take_session(struct client *c, const struct noise_keys *keys, uint32_t gateway_index,
	uint32_t client_index)
{
	c->wire.s =
		(struct rig_session){.local_index = gateway_index, .remote_index = client_index};
	memcpy(c->wire.s.recv_key, keys->send, NOISE_KEY_LEN);
	memcpy(c->wire.s.send_key, keys->receive, NOISE_KEY_LEN);
}

static void
finish(struct client *c)
{
	struct message_response response;
	struct noise_keys keys;
	uint32_t gateway_index;

	expect_message(MESSAGE_RESPONSE, c->from, &response, sizeof(response));
	assert_int_equal(
		noise_consume_response(&c->id, &c->gateway, &response, &keys, &gateway_index),
		NOISE_OK);
	take_session(c, &keys, gateway_index, le32toh(response.receiver_index_le));
}

/* A session that the client started, and that its first packet has confirmed. */
static void
connect_client(struct client *c)
{
	struct message_initiation msg = initiation(c);

	send_from(c->from, GATEWAY, &msg, sizeof(msg));
	run();
	finish(c);
	rig_receive_keepalive(&c->wire);
	run();
	assert_int_equal(c->peer->current.local_index, c->wire.s.local_index);
}

static void
send_lan(const struct rig_ip *what)
{
	struct rig_packet ip;

	rig_ip(&ip, what);
	rig_receive(RIG_LAN, &ip);
	run();
}

static struct rig_ip
to_client(void)
{
	return (struct rig_ip){.src = LAN_HOST, .dst = "10.8.0.2", .len = 64};
}

/* A packet for a client without a session: the gateway starts. */
static struct message_initiation
gateway_starts(struct client *c)
{
	struct rig_ip what = to_client();
	struct message_initiation msg;

	send_lan(&what);
	expect_message(MESSAGE_INITIATION, c->from, &msg, sizeof(msg));
	return msg;
}

static struct ip_endpoint
endpoint_of(const struct client *c)
{
	struct ip_endpoint e;

	assert_true(dp_peer_endpoint(c->peer->dp, &e, NULL));
	return e;
}

/* Good mac1s and nothing else: what a flood is made of. */
static void
queue_junk(unsigned n)
{
	struct client nobody;
	struct message_initiation msg;

	memset(&nobody, 0, sizeof(nobody));
	cookie_peer_init(&nobody.macs, control->ifaces[0].identity.static_public);
	for (unsigned i = 0; i < n; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.type_le = htole32(MESSAGE_INITIATION);
		crypto_random(msg.ephemeral, sizeof(msg.ephemeral));
		cookie_add_macs(&nobody.macs, &msg, sizeof(msg), dp_now_ns());
		send_from(AWAY, GATEWAY, &msg, sizeof(msg));
		if (i % 512 == 511)
			rig_turn_all();
	}
	rig_turn_all();
}

static void
drain(void)
{
	struct rig_packet ip;

	while (rig_sent(RIG_WAN, &ip))
		;
}

/* ---- tests -------------------------------------------------------------------------- */

static void
test_handshakes_either_way_carry_packets(void **state)
{
	struct rig_ip in = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64}, out = to_client();
	struct message_initiation msg;
	struct message_response response;
	struct noise_initiation got;
	struct noise_keys keys;
	struct noise_peer gateway;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	msg = gateway_starts(&c);
	noise_peer_init(&gateway, c.gateway.remote_static, NULL);
	assert_int_equal(noise_consume_initiation(&c.id, &msg, &got), NOISE_OK);
	assert_int_equal(noise_accept_initiation(&c.id, &gateway, &msg, &got, 1), NOISE_OK);
	assert_int_equal(noise_create_response(&gateway, &got, 77, &response, &keys), NOISE_OK);
	cookie_add_macs(&c.macs, &response, sizeof(response), dp_now_ns());
	send_from(c.from, GATEWAY, &response, sizeof(response));
	run();
	take_session(&c, &keys, le32toh(response.receiver_index_le), 77);
	rig_expect_tunnelled(&c.wire, &out); /* it was staged */
	connect_client(&c);
	rig_receive_from(&c.wire, &in);
	run();
	rig_expect_forwarded(RIG_LAN, &in);
	send_lan(&out);
	rig_expect_tunnelled(&c.wire, &out);
	rig_expect_no_drops();
}

static void
test_roams_on_cookie_replies(void **state)
{
	struct cookie_checker checker;
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct ip_endpoint gateway, before, after;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	before = endpoint_of(&c);
	msg = gateway_starts(&c);
	cookie_checker_init(&checker, c.id.static_public);
	assert_true(ip_endpoint_parse(&gateway, GATEWAY));
	cookie_create_reply(&checker, &msg, sizeof(msg), &gateway, dp_now_ns(), &reply);
	send_from(AWAY, GATEWAY, &reply, sizeof(reply));
	run();
	assert_true(c.peer->cookie.cookie_born_ns != 0); /* it was good */
	after = endpoint_of(&c);
	assert_true(ip_endpoint_equal(&after, &before));
	rig_expect_no_drops();
}

static void
test_roams_on_a_replayed_initiation(void **state)
{
	struct message_initiation msg;
	struct ip_endpoint before, after;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	msg = initiation(&c);
	send_from(c.from, GATEWAY, &msg, sizeof(msg));
	run();
	finish(&c);
	before = endpoint_of(&c);
	c.peer->noise.last_initiation_ns = 0;
	send_from(AWAY, GATEWAY, &msg, sizeof(msg));
	run();
	rig_expect_drops(DROP_handshake_rejected, 0, 1);
	after = endpoint_of(&c);
	assert_true(ip_endpoint_equal(&after, &before));
	rig_expect_silence();
}

static void
test_mac1_not_checked(void **state)
{
	struct message_initiation msg;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	msg = initiation(&c);
	msg.macs.mac1[COOKIE_LEN - 1] ^= 1;
	send_from(c.from, GATEWAY, &msg, sizeof(msg));
	run();
	rig_expect_drops(DROP_mac1_invalid, 0, 1);
	rig_expect_silence();
}

/* An eighth of the queue, as it is, and not some number that it never reaches. */
static void
test_cookie_threshold_never_engages(void **state)
{
	unsigned capacity = rte_ring_get_capacity(rig_worker(0)->punt[PUNT_RING_HANDSHAKE]) + 1;
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	queue_junk(capacity / 8 - 2);
	msg = initiation(&c);
	send_from(c.from, GATEWAY, &msg, sizeof(msg));
	run();
	rig_expect_drops(DROP_handshake_rejected, 0, capacity / 8 - 2);
	finish(&c);
	rig_expect_silence();
	msg = initiation(&c);
	send_from(c.from, GATEWAY, &msg, sizeof(msg));
	queue_junk(capacity / 8);
	run();
	expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	assert_int_equal(rig_n_sent(RIG_WAN), capacity / 8);
	rig_expect_drops(DROP_mac2_required, 0, capacity / 8 + 1);
}

static void
loaded(void)
{
	control->load.until_ns = dp_now_ns() + 3600 * NS_PER_SEC;
}

static void
test_mac2_not_demanded_under_load(void **state)
{
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	loaded();
	msg = initiation(&c);
	send_from(c.from, GATEWAY, &msg, sizeof(msg));
	run();
	rig_expect_drops(DROP_mac2_required, 0, 1);
	expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	rig_expect_silence();
	assert_null(c.peer->next.session);
}

/* The source of the frame is what the cookie is made of, both times. */
static void
test_cookie_source_not_passed_on(void **state)
{
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	loaded();
	msg = initiation(&c);
	send_from(c.from, GATEWAY, &msg, sizeof(msg));
	run();
	expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	assert_true(cookie_consume_reply(&c.macs, &reply, dp_now_ns()));
	rig_expect_drops(DROP_mac2_required, 0, 1);
	msg = initiation(&c);
	send_from(AWAY, GATEWAY, &msg, sizeof(msg)); /* the cookie is another's */
	run();
	rig_expect_drops(DROP_mac2_required, 0, 1);
	drain();
	msg = initiation(&c);
	send_from(c.from, GATEWAY, &msg, sizeof(msg));
	run();
	rig_expect_no_drops();
	finish(&c);
}

static void
test_limit_of_a_source_under_load(void **state)
{
	struct message_cookie_reply reply;
	struct message_initiation msg;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	loaded();
	msg = initiation(&c);
	send_from(c.from, GATEWAY, &msg, sizeof(msg));
	run();
	expect_message(MESSAGE_COOKIE_REPLY, c.from, &reply, sizeof(reply));
	assert_true(cookie_consume_reply(&c.macs, &reply, dp_now_ns()));
	rig_expect_drops(DROP_mac2_required, 0, 1);
	for (unsigned i = 0; i < 50; i++) {
		msg = initiation(&c);
		send_from(c.from, GATEWAY, &msg, sizeof(msg));
	}
	run();
	/* A batch has one time, and the first eight have come with five tokens. */
	assert_true(rig_drops(DROP_handshake_limited) >= 3);
}

/* The responder may not know yet that the initiator has the session. */
static void
test_responder_sends_before_the_first_packet(void **state)
{
	struct rig_ip what = to_client();
	struct message_initiation msg;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	msg = initiation(&c);
	send_from(c.from, GATEWAY, &msg, sizeof(msg));
	run();
	finish(&c);
	send_lan(&what);
	rig_expect_silence();
	rig_receive_keepalive(&c.wire);
	run();
	rig_expect_tunnelled(&c.wire, &what);
	rig_expect_no_drops();
}

/* What is under way when a session follows another still arrives. */
static void
test_old_session_dropped_at_a_rekey(void **state)
{
	struct rig_ip in = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64};
	struct client c, old;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	connect_client(&c);
	old = c;
	connect_client(&c);
	assert_int_not_equal(old.wire.s.local_index, c.wire.s.local_index);
	rig_receive_from(&old.wire, &in);
	run();
	rig_expect_forwarded(RIG_LAN, &in);
	rig_expect_no_drops();
	/* But not that of two sessions ago. */
	connect_client(&c);
	rig_reclaim();
	rig_receive_from(&old.wire, &in);
	run();
	rig_expect_drops(DROP_unknown_index, 0, 1);
}

static void
test_response_to_an_index_of_another_interface(void **state)
{
	struct message_initiation msg;
	struct message_response response;
	struct noise_initiation got;
	struct noise_keys keys;
	struct noise_peer gateway;
	struct cookie_peer other;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	msg = gateway_starts(&c);
	noise_peer_init(&gateway, c.gateway.remote_static, NULL);
	assert_int_equal(noise_consume_initiation(&c.id, &msg, &got), NOISE_OK);
	assert_int_equal(noise_accept_initiation(&c.id, &gateway, &msg, &got, 1), NOISE_OK);
	assert_int_equal(noise_create_response(&gateway, &got, 77, &response, &keys), NOISE_OK);
	/* Both interfaces have one key, else the response would not open anyway. */
	control->ifaces[1].identity = control->ifaces[0].identity;
	control->ifaces[1].checker = control->ifaces[0].checker;
	cookie_peer_init(&other, control->ifaces[1].identity.static_public);
	cookie_add_macs(&other, &response, sizeof(response), dp_now_ns());
	send_from(c.from, "192.0.2.1:51821", &response, sizeof(response));
	run();
	rig_expect_drops(DROP_handshake_rejected, 1, 1);
	rig_expect_silence();
	assert_null(c.peer->current.session);
}

/* Neither a session nor what is under way may notice that peers come and go beside it. */
static void
test_adding_a_peer_interrupts_others(void **state)
{
	struct rig_ip in = {.src = "10.8.0.2", .dst = LAN_HOST, .len = 64}, out = to_client();
	struct client c, other;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	connect_client(&c);
	for (unsigned i = 0; i < 20; i++) {
		struct peer_change gone = {.op = CHANGE_DELETE};

		client_init(&other, "10.8.0.3/32", "203.0.113.6:7777", true);
		put(other.id.static_public, "10.8.0.4/32", "203.0.113.7:7777"); /* changed */
		memcpy(gone.public_key, other.id.static_public, 32);
		rig_receive_from(&c.wire, &in);
		run();
		rig_expect_forwarded(RIG_LAN, &in);
		apply(&gone);
		send_lan(&out);
		rig_expect_tunnelled(&c.wire, &out);
		put(c.id.static_public, "10.8.0.2/32", NULL); /* the same once more */
	}
	rig_expect_no_drops();
	rig_expect_silence(); /* no handshake */
}

static void
test_private_key_change_keeps_sessions(void **state)
{
	struct asked a = {.private_key = gateway_private};
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	connect_client(&c);
	crypto_random(gateway_private, sizeof(gateway_private));
	serve(&a);
	assert_null(c.peer->current.session);
	rig_receive_keepalive(&c.wire);
	run();
	rig_expect_drops(DROP_unknown_index, 0, 1);
	/* Whoever knows the new key gets in. */
	memcpy(c.gateway.remote_static, control->ifaces[0].identity.static_public, NOISE_KEY_LEN);
	c.gateway.static_static_generation = 0;
	cookie_peer_init(&c.macs, control->ifaces[0].identity.static_public);
	connect_client(&c);
	rig_expect_no_drops();
}

/* The timestamp is the wall clock's: a gateway that starts anew must not count from zero. */
static void
test_monotonic_clock_in_tai64n(void **state)
{
	struct message_initiation msg;
	struct noise_initiation got;
	struct noise_peer gateway;
	uint64_t seconds;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", true);
	msg = gateway_starts(&c);
	noise_peer_init(&gateway, c.gateway.remote_static, NULL);
	assert_int_equal(noise_consume_initiation(&c.id, &msg, &got), NOISE_OK);
	assert_int_equal(noise_accept_initiation(&c.id, &gateway, &msg, &got, 1), NOISE_OK);
	memcpy(&seconds, gateway.last_received, sizeof(seconds));
	seconds = be64toh(seconds) - 0x400000000000000aULL;
	assert_in_range(seconds, wall_ns() / NS_PER_SEC - 3600, wall_ns() / NS_PER_SEC + 1);
}

static void
test_own_key_as_a_peer_starts_a_handshake(void **state)
{
	struct rig_ip what = {.src = LAN_HOST, .dst = "10.8.0.9", .len = 64};

	put(control->ifaces[0].identity.static_public, "10.8.0.9/32", "203.0.113.9:7777");
	send_lan(&what);
	rig_expect_silence();
	rig_expect_drops(DROP_stage_expired, 0, 1);
}

/* 540 s after the last new session nothing of it is left, the pending handshake included. */
static void
test_keys_not_wiped(void **state)
{
	struct rig_session s;
	struct client c;

	client_init(&c, "10.8.0.2/32", "203.0.113.5:7777", false);
	connect_client(&c);
	s = c.wire.s;
	c.peer->noise.handshake.pending = true;
	memset(c.peer->noise.handshake.ephemeral_private, 0x55, NOISE_KEY_LEN);
	assert_true(c.peer->timers.wipe_ns > dp_now_ns() + 500 * NS_PER_SEC);
	c.peer->timers.wipe_ns = c.peer->timers.deadline_ns = dp_now_ns();
	handshake_rearm(c.peer);
	run();
	rig_reclaim();
	assert_null(c.peer->current.session);
	assert_null(c.peer->previous.session);
	assert_null(dp_index_owner(rig.dp, s.local_index));
	for (unsigned i = 0; i < NOISE_KEY_LEN; i++)
		assert_int_equal(c.peer->noise.handshake.ephemeral_private[i], 0);
	rig_receive_keepalive(&c.wire);
	run();
	rig_expect_drops(DROP_unknown_index, 0, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_handshakes_either_way_carry_packets),
		T(test_roams_on_cookie_replies),
		T(test_roams_on_a_replayed_initiation),
		T(test_mac1_not_checked),
		T(test_cookie_threshold_never_engages),
		T(test_mac2_not_demanded_under_load),
		T(test_cookie_source_not_passed_on),
		T(test_limit_of_a_source_under_load),
		T(test_responder_sends_before_the_first_packet),
		T(test_old_session_dropped_at_a_rekey),
		T(test_response_to_an_index_of_another_interface),
		T(test_adding_a_peer_interrupts_others),
		T(test_private_key_change_keeps_sessions),
		T(test_monotonic_clock_in_tai64n),
		T(test_own_key_as_a_peer_starts_a_handshake),
		T(test_keys_not_wiped),
	};

	return cmocka_run_group_tests(tests, rig_eal_setup, rig_eal_teardown);
}
