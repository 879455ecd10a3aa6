/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <string.h>

#include "control/noise.h"
#include "crypto_accel/crypto_accel.h"
#include "tests/unit/noise_vector.h"

#define WALL_NS (1700000000ULL * NS_PER_SEC)

/* Two interfaces that are peers of each other. */
struct pair {
	struct noise_identity a, b;
	struct noise_peer b_at_a, a_at_b;
	uint64_t now_ns;
};

static void
pair_init(struct pair *p)
{
	uint8_t key[NOISE_KEY_LEN], psk[NOISE_KEY_LEN];

	memset(p, 0, sizeof(*p));
	noise_identity_init(&p->a);
	noise_identity_init(&p->b);
	crypto_random(key, sizeof(key));
	noise_identity_set(&p->a, key);
	crypto_random(key, sizeof(key));
	noise_identity_set(&p->b, key);
	crypto_random(psk, sizeof(psk));
	noise_peer_init(&p->b_at_a, p->b.static_public, psk);
	noise_peer_init(&p->a_at_b, p->a.static_public, psk);
	p->now_ns = NS_PER_SEC;
}

static enum noise_verdict
consume(const struct noise_identity *id, struct noise_peer *peer,
	const struct message_initiation *msg, struct noise_initiation *in, uint64_t now_ns)
{
	enum noise_verdict v = noise_consume_initiation(id, msg, in);

	return v == NOISE_OK ? noise_accept_initiation(id, peer, msg, in, now_ns) : v;
}

static void
assert_zero(const void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(((const uint8_t *)buf)[i], 0);
}

static void
assert_keys_match(const struct noise_keys *x, const struct noise_keys *y)
{
	assert_memory_equal(x->send, y->receive, NOISE_KEY_LEN);
	assert_memory_equal(x->receive, y->send, NOISE_KEY_LEN);
	assert_memory_not_equal(x->send, x->receive, NOISE_KEY_LEN);
}

/* A handshake begun by p->a, which must succeed. */
static void
handshake(struct pair *p, uint64_t wall_ns, struct noise_keys *at_a, struct noise_keys *at_b)
{
	struct message_initiation initiation;
	struct message_response response;
	struct noise_initiation in;
	uint32_t remote_index;

	p->now_ns += INITIATION_INTERVAL_MIN_NS;
	assert_int_equal(
		noise_create_initiation(&p->a, &p->b_at_a, 7, wall_ns, &initiation), NOISE_OK);
	assert_int_equal(consume(&p->b, &p->a_at_b, &initiation, &in, p->now_ns), NOISE_OK);
	assert_memory_equal(in.remote_static, p->a.static_public, NOISE_KEY_LEN);
	assert_int_equal(in.remote_index, 7);
	assert_int_equal(noise_create_response(&p->a_at_b, &in, 9, &response, at_b), NOISE_OK);
	assert_zero(&in, sizeof(in));
	assert_int_equal(noise_consume_response(&p->a, &p->b_at_a, &response, at_a, &remote_index),
		NOISE_OK);
	assert_int_equal(remote_index, 9);
	assert_keys_match(at_a, at_b);
}

static void
both_sides_derive_the_same_fresh_keys(void **state)
{
	struct pair p;
	struct noise_keys a[2], b[2];

	pair_init(&p);
	handshake(&p, WALL_NS, &a[0], &b[0]);
	handshake(&p, WALL_NS + NS_PER_SEC, &a[1], &b[1]);
	assert_memory_not_equal(&a[0], &a[1], sizeof(a[0]));
	assert_zero(&p.b_at_a.handshake, sizeof(p.b_at_a.handshake));
}

static void
messages_look_as_on_the_wire(void **state)
{
	struct pair p;
	struct message_initiation initiation;
	struct message_response response;
	struct noise_initiation in;
	struct noise_keys keys;
	static const uint8_t head_initiation[] = {1, 0, 0, 0, 4, 3, 2, 1};
	static const uint8_t head_response[] = {2, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};

	pair_init(&p);
	assert_int_equal(noise_create_initiation(&p.a, &p.b_at_a, 0x01020304, WALL_NS, &initiation),
		NOISE_OK);
	assert_memory_equal(&initiation, head_initiation, sizeof(head_initiation));
	assert_int_equal(consume(&p.b, &p.a_at_b, &initiation, &in, p.now_ns), NOISE_OK);
	assert_int_equal(
		noise_create_response(&p.a_at_b, &in, 0x05060708, &response, &keys), NOISE_OK);
	assert_memory_equal(&response, head_response, sizeof(head_response));
}

static void
known_initiation_is_understood(void **state)
{
	struct noise_identity r, i;
	struct noise_peer peer;
	struct message_initiation msg;
	struct noise_initiation in;

	noise_identity_init(&r);
	noise_identity_set(&r, vector_s_r);
	noise_identity_init(&i);
	noise_identity_set(&i, vector_s_i);
	noise_peer_init(&peer, i.static_public, vector_psk);
	memcpy(&msg, vector_initiation, sizeof(msg));

	assert_int_equal(consume(&r, &peer, &msg, &in, 1), NOISE_OK);
	assert_memory_equal(peer.last_received, vector_stamp, TAI64N_LEN);
	assert_memory_equal(in.symmetric.chaining_key, vector_ck_initiation, NOISE_HASH_LEN);
	assert_memory_equal(in.symmetric.hash, vector_hash_initiation, NOISE_HASH_LEN);
	assert_int_equal(in.remote_index, VECTOR_INDEX_I);
}

static void
known_response_gives_the_known_keys(void **state)
{
	struct noise_identity i, r;
	struct noise_peer peer;
	struct message_response msg;
	struct noise_keys keys;
	uint32_t remote_index;

	noise_identity_init(&r);
	noise_identity_set(&r, vector_s_r);
	noise_identity_init(&i);
	noise_identity_set(&i, vector_s_i);
	noise_peer_init(&peer, r.static_public, vector_psk);
	peer.handshake.pending = true;
	peer.handshake.generation = i.generation;
	peer.handshake.local_index = VECTOR_INDEX_I;
	memcpy(peer.handshake.ephemeral_private, vector_e_i, NOISE_KEY_LEN);
	memcpy(peer.handshake.symmetric.chaining_key, vector_ck_initiation, NOISE_HASH_LEN);
	memcpy(peer.handshake.symmetric.hash, vector_hash_initiation, NOISE_HASH_LEN);
	memcpy(&msg, vector_response, sizeof(msg));

	assert_int_equal(noise_consume_response(&i, &peer, &msg, &keys, &remote_index), NOISE_OK);
	assert_memory_equal(keys.send, vector_initiator_sends, NOISE_KEY_LEN);
	assert_memory_equal(keys.receive, vector_responder_sends, NOISE_KEY_LEN);
	assert_int_equal(remote_index, VECTOR_INDEX_R);
}

static void
initiation_tampered_at_any_byte_changes_nothing(void **state)
{
	struct pair p;
	struct message_initiation msg;
	struct noise_initiation in;
	struct noise_keys at_a, at_b;
	struct noise_peer before;

	pair_init(&p);
	handshake(&p, WALL_NS, &at_a, &at_b);
	before = p.a_at_b;
	assert_int_equal(
		noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS + NS_PER_SEC, &msg), NOISE_OK);
	/* Type and index are the business of mac1. */
	for (size_t i = offsetof(struct message_initiation, ephemeral);
		i < offsetof(struct message_initiation, macs); i++) {
		struct message_initiation bad = msg;
		enum noise_verdict v;

		((uint8_t *)&bad)[i] ^= 1 << (i % 8);
		v = consume(&p.b, &p.a_at_b, &bad, &in, p.now_ns + NS_PER_SEC);
		assert_int_equal(v, NOISE_BAD_SEAL);
		assert_memory_equal(&p.a_at_b, &before, sizeof(before));
		assert_zero(&in, sizeof(in));
	}
	assert_int_equal(consume(&p.b, &p.a_at_b, &msg, &in, p.now_ns + NS_PER_SEC), NOISE_OK);
}

static void
response_tampered_at_any_byte_changes_nothing(void **state)
{
	struct pair p;
	struct message_initiation initiation;
	struct message_response msg;
	struct noise_initiation in;
	struct noise_keys keys;
	struct noise_peer before;
	uint32_t remote_index = 99;

	pair_init(&p);
	assert_int_equal(
		noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &initiation), NOISE_OK);
	assert_int_equal(consume(&p.b, &p.a_at_b, &initiation, &in, p.now_ns), NOISE_OK);
	assert_int_equal(noise_create_response(&p.a_at_b, &in, 2, &msg, &keys), NOISE_OK);
	before = p.b_at_a;
	for (size_t i = offsetof(struct message_response, receiver_index_le);
		i < offsetof(struct message_response, macs); i++) {
		struct message_response bad = msg;

		((uint8_t *)&bad)[i] ^= 1 << (i % 8);
		assert_int_equal(
			noise_consume_response(&p.a, &p.b_at_a, &bad, &keys, &remote_index),
			i < offsetof(struct message_response, ephemeral) ? NOISE_NOT_REQUESTED
									 : NOISE_BAD_SEAL);
		assert_memory_equal(&p.b_at_a, &before, sizeof(before));
		assert_int_equal(remote_index, 99);
	}
	assert_int_equal(
		noise_consume_response(&p.a, &p.b_at_a, &msg, &keys, &remote_index), NOISE_OK);
	assert_int_equal(noise_consume_response(&p.a, &p.b_at_a, &msg, &keys, &remote_index),
		NOISE_NOT_REQUESTED);
}

static void
replayed_and_older_initiations_are_refused(void **state)
{
	struct pair p;
	struct message_initiation older, msg;
	struct noise_initiation in;

	pair_init(&p);
	assert_int_equal(noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &older), NOISE_OK);
	assert_int_equal(
		noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS + NS_PER_SEC, &msg), NOISE_OK);
	assert_int_equal(consume(&p.b, &p.a_at_b, &msg, &in, p.now_ns), NOISE_OK);
	p.now_ns += NS_PER_SEC;
	assert_int_equal(consume(&p.b, &p.a_at_b, &msg, &in, p.now_ns), NOISE_REPLAYED);
	assert_zero(&in, sizeof(in));
	assert_int_equal(consume(&p.b, &p.a_at_b, &older, &in, p.now_ns), NOISE_REPLAYED);
}

static void
initiations_are_20_ms_apart(void **state)
{
	struct pair p;
	struct message_initiation msg[3];
	struct noise_initiation in;
	struct noise_peer before;

	pair_init(&p);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &msg[i]), NOISE_OK);
	assert_int_equal(consume(&p.b, &p.a_at_b, &msg[0], &in, p.now_ns), NOISE_OK);
	before = p.a_at_b;
	p.now_ns += INITIATION_INTERVAL_MIN_NS - 1;
	assert_int_equal(consume(&p.b, &p.a_at_b, &msg[1], &in, p.now_ns), NOISE_TOO_SOON);
	assert_memory_equal(&p.a_at_b, &before, sizeof(before));
	p.now_ns += 1;
	assert_int_equal(consume(&p.b, &p.a_at_b, &msg[2], &in, p.now_ns), NOISE_OK);
}

static void
refused_after_the_clock_steps_back(void **state)
{
	struct pair p;
	struct noise_keys a, b;
	uint8_t last[TAI64N_LEN];
	uint32_t ns;

	pair_init(&p);
	handshake(&p, WALL_NS, &a, &b);
	for (int i = 0; i < 200; i++) { /* more than a second's worth of steps */
		memcpy(last, p.b_at_a.last_sent, sizeof(last));
		handshake(&p, WALL_NS - 86400 * NS_PER_SEC, &a, &b);
		assert_true(memcmp(p.b_at_a.last_sent, last, sizeof(last)) > 0);
	}
	memcpy(&ns, p.b_at_a.last_sent + 8, sizeof(ns));
	assert_true(be32toh(ns) < NS_PER_SEC);
}

static void
timestamps_are_wall_clock_and_whitened(void **state)
{
	struct pair p;
	struct message_initiation msg;
	uint64_t seconds;
	uint32_t ns;

	pair_init(&p);
	assert_int_equal(
		noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS + 987654321, &msg), NOISE_OK);
	memcpy(&seconds, p.b_at_a.last_sent, sizeof(seconds));
	memcpy(&ns, p.b_at_a.last_sent + 8, sizeof(ns));
	assert_true(be64toh(seconds) == 0x400000000000000aULL + 1700000000);
	assert_int_equal(be32toh(ns), 987654321 >> 24 << 24);
}

static void
another_psk_gives_no_session(void **state)
{
	struct pair p;
	struct message_initiation initiation;
	struct message_response response;
	struct noise_initiation in;
	struct noise_keys a, b;
	uint32_t remote_index;
	uint8_t psk[NOISE_KEY_LEN];

	pair_init(&p);
	memcpy(psk, p.b_at_a.preshared_key, sizeof(psk));
	noise_peer_set_psk(&p.a_at_b, NULL);
	assert_zero(p.a_at_b.preshared_key, NOISE_KEY_LEN);
	assert_int_equal(
		noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &initiation), NOISE_OK);
	assert_int_equal(consume(&p.b, &p.a_at_b, &initiation, &in, p.now_ns), NOISE_OK);
	assert_int_equal(noise_create_response(&p.a_at_b, &in, 2, &response, &b), NOISE_OK);
	assert_int_equal(noise_consume_response(&p.a, &p.b_at_a, &response, &a, &remote_index),
		NOISE_BAD_SEAL);
	assert_true(p.b_at_a.handshake.pending);
	noise_peer_set_psk(&p.b_at_a, NULL);
	handshake(&p, WALL_NS + NS_PER_SEC, &a, &b);
	noise_peer_set_psk(&p.b_at_a, psk);
	noise_peer_set_psk(&p.a_at_b, psk);
	handshake(&p, WALL_NS + 2 * NS_PER_SEC, &a, &b);
}

/* Points of order 1, 2, 4 and 8, and encodings of them beyond 2^255 - 19. */
static const uint8_t low_order[][NOISE_KEY_LEN] = {
	{0},
	{1},
	{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
		0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f,
		0x49, 0xb8, 0x00},
	{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
		0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0,
		0x9f, 0x11, 0x57},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0x7f},
	{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0x7f},
	{0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0x7f},
};
#define N_LOW_ORDER (sizeof(low_order) / sizeof(low_order[0]))

static void
low_order_key_leads_to_a_session(void **state)
{
	for (size_t i = 0; i < N_LOW_ORDER; i++) {
		struct pair p;
		struct noise_peer peer;
		struct message_initiation msg;
		struct noise_initiation in;

		pair_init(&p);
		noise_peer_init(&peer, low_order[i], NULL);
		assert_int_equal(
			noise_create_initiation(&p.a, &peer, 1, WALL_NS, &msg), NOISE_LOW_ORDER);
		assert_false(peer.handshake.pending);

		/* One who claims such a key in an otherwise good initiation. */
		memcpy(p.a.static_public, low_order[i], NOISE_KEY_LEN);
		assert_int_equal(
			noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &msg), NOISE_OK);
		assert_int_equal(noise_consume_initiation(&p.b, &msg, &in), NOISE_OK);
		assert_memory_equal(in.remote_static, low_order[i], NOISE_KEY_LEN);
		assert_int_equal(
			noise_accept_initiation(&p.b, &peer, &msg, &in, 1), NOISE_LOW_ORDER);
		assert_zero(peer.last_received, TAI64N_LEN);
	}
}

static void
low_order_ephemerals_are_refused(void **state)
{
	struct pair p;
	struct message_initiation msg;
	struct message_response response = {.receiver_index_le = htole32(1)};
	struct noise_initiation in;
	struct noise_keys keys;
	uint32_t remote_index;

	pair_init(&p);
	assert_int_equal(noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &msg), NOISE_OK);
	for (size_t i = 0; i < N_LOW_ORDER; i++) {
		memcpy(msg.ephemeral, low_order[i], NOISE_KEY_LEN);
		assert_int_equal(noise_consume_initiation(&p.b, &msg, &in), NOISE_LOW_ORDER);
		memcpy(response.ephemeral, low_order[i], NOISE_KEY_LEN);
		assert_int_equal(
			noise_consume_response(&p.a, &p.b_at_a, &response, &keys, &remote_index),
			NOISE_LOW_ORDER);
		assert_true(p.b_at_a.handshake.pending);
	}
}

static void
own_key_as_a_peer(void **state)
{
	struct pair p;
	struct noise_peer self;
	struct message_initiation msg;
	struct noise_initiation in;
	uint8_t other_private[NOISE_KEY_LEN];

	pair_init(&p);
	noise_peer_init(&self, p.a.static_public, NULL);
	assert_int_equal(noise_create_initiation(&p.a, &self, 1, WALL_NS, &msg), NOISE_OWN_KEY);

	/* A peer that was fine until the private key changed to match it. */
	memcpy(other_private, p.b.static_private, NOISE_KEY_LEN);
	assert_int_equal(noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &msg), NOISE_OK);
	noise_identity_set(&p.a, other_private);
	assert_int_equal(noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &msg), NOISE_OWN_KEY);

	/* An initiation that claims our own key, sealed for us by somebody else. */
	noise_peer_init(&self, p.b.static_public, NULL);
	noise_identity_set(&p.a, vector_s_i);
	memcpy(p.a.static_public, p.b.static_public, NOISE_KEY_LEN);
	p.a.static_public[0] ^= 1; /* past the check of our own */
	assert_int_equal(noise_create_initiation(&p.a, &self, 1, WALL_NS, &msg), NOISE_OK);
	p.b.static_public[0] ^= 1; /* as the message says; the private key opens it still */
	assert_int_equal(noise_consume_initiation(&p.b, &msg, &in), NOISE_OWN_KEY);
}

static void
change_of_key_voids_what_was_computed_before(void **state)
{
	struct pair p;
	struct message_initiation initiation;
	struct message_response response;
	struct noise_initiation in;
	struct noise_keys a, b;
	uint8_t key[NOISE_KEY_LEN];
	uint32_t remote_index;

	pair_init(&p);
	assert_int_equal(
		noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &initiation), NOISE_OK);
	assert_int_equal(consume(&p.b, &p.a_at_b, &initiation, &in, p.now_ns), NOISE_OK);
	assert_int_equal(noise_create_response(&p.a_at_b, &in, 2, &response, &b), NOISE_OK);

	crypto_random(key, sizeof(key));
	noise_identity_set(&p.a, key);
	assert_int_equal(noise_consume_response(&p.a, &p.b_at_a, &response, &a, &remote_index),
		NOISE_NOT_REQUESTED);

	/* With a stale static-static secret this handshake would fail. */
	noise_peer_init(&p.a_at_b, p.a.static_public, p.b_at_a.preshared_key);
	handshake(&p, WALL_NS + NS_PER_SEC, &a, &b);
}

static void
interface_without_a_key_does_nothing(void **state)
{
	struct pair p;
	struct message_initiation msg;
	struct noise_initiation in;

	pair_init(&p);
	assert_int_equal(noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &msg), NOISE_OK);
	noise_identity_set(&p.b, NULL);
	assert_zero(p.b.static_private, NOISE_KEY_LEN);
	assert_int_equal(noise_consume_initiation(&p.b, &msg, &in), NOISE_NO_IDENTITY);
	assert_int_equal(
		noise_create_initiation(&p.b, &p.a_at_b, 1, WALL_NS, &msg), NOISE_NO_IDENTITY);
}

static void
initiation_counts_for_the_peer_that_it_names(void **state)
{
	struct pair p;
	struct noise_peer other;
	struct message_initiation msg;
	struct noise_initiation in;
	uint8_t key[NOISE_KEY_LEN] = {9};

	pair_init(&p);
	noise_peer_init(&other, key, NULL);
	assert_int_equal(noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &msg), NOISE_OK);
	assert_int_equal(consume(&p.b, &other, &msg, &in, p.now_ns), NOISE_WRONG_PEER);
	assert_zero(other.last_received, TAI64N_LEN);
}

static void
crossing_initiations_both_complete(void **state)
{
	struct pair p;
	struct message_initiation from_a, from_b;
	struct message_response to_a, to_b;
	struct noise_initiation in_a, in_b;
	struct noise_keys a_responds, b_responds, a_initiates, b_initiates;
	uint32_t index;

	pair_init(&p);
	assert_int_equal(noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &from_a), NOISE_OK);
	assert_int_equal(noise_create_initiation(&p.b, &p.a_at_b, 2, WALL_NS, &from_b), NOISE_OK);
	assert_int_equal(consume(&p.b, &p.a_at_b, &from_a, &in_b, p.now_ns), NOISE_OK);
	assert_int_equal(consume(&p.a, &p.b_at_a, &from_b, &in_a, p.now_ns), NOISE_OK);
	assert_int_equal(noise_create_response(&p.a_at_b, &in_b, 3, &to_a, &b_responds), NOISE_OK);
	assert_int_equal(noise_create_response(&p.b_at_a, &in_a, 4, &to_b, &a_responds), NOISE_OK);
	assert_int_equal(
		noise_consume_response(&p.a, &p.b_at_a, &to_a, &a_initiates, &index), NOISE_OK);
	assert_int_equal(
		noise_consume_response(&p.b, &p.a_at_b, &to_b, &b_initiates, &index), NOISE_OK);
	assert_keys_match(&a_initiates, &b_responds);
	assert_keys_match(&b_initiates, &a_responds);
}

static void
fini_leaves_no_secrets(void **state)
{
	struct pair p;
	struct message_initiation msg;

	pair_init(&p);
	assert_int_equal(noise_create_initiation(&p.a, &p.b_at_a, 1, WALL_NS, &msg), NOISE_OK);
	noise_peer_clear_handshake(&p.b_at_a);
	assert_zero(&p.b_at_a.handshake, sizeof(p.b_at_a.handshake));
	noise_peer_fini(&p.b_at_a);
	noise_identity_fini(&p.a);
	assert_zero(&p.b_at_a, sizeof(p.b_at_a));
	assert_zero(&p.a, sizeof(p.a));
}

/* What is wrong with an initiation of a batch, by its place. */
static enum noise_verdict
spoil(unsigned i, struct message_initiation *msg)
{
	switch (i % 7) {
	case 2:
		memcpy(msg->ephemeral, low_order[0], NOISE_KEY_LEN);
		return NOISE_LOW_ORDER;
	case 3:
		msg->encrypted_static[5] ^= 1;
		return NOISE_BAD_SEAL;
	case 5:
		msg->encrypted_timestamp[5] ^= 1;
		return NOISE_BAD_SEAL;
	default:
		return NOISE_OK;
	}
}

/* n clients of one gateway at once, good and bad ones mixed. */
static void
batch_of(unsigned n)
{
	static struct pair pairs[NOISE_BATCH];
	static struct noise_initiation_job jobs[NOISE_BATCH];
	static struct message_initiation messages[NOISE_BATCH];
	enum noise_verdict expected[NOISE_BATCH];

	memset(jobs, 0, sizeof(jobs));
	for (unsigned i = 0; i < n; i++) {
		struct pair *p = &pairs[i];

		pair_init(p);
		p->b = pairs[0].b;
		noise_peer_init(&p->b_at_a, p->b.static_public, p->a_at_b.preshared_key);
		assert_int_equal(
			noise_create_initiation(&p->a, &p->b_at_a, 100 + i, WALL_NS, &messages[i]),
			NOISE_OK);
		expected[i] = spoil(i, &messages[i]);
		jobs[i] = (struct noise_initiation_job){.id = &p->b,
			.msg = &messages[i],
			.peer = &p->a_at_b,
			.local_index = 500 + i};
	}
	noise_consume_initiations(jobs, n);
	noise_prepare_peers(jobs, n);
	for (unsigned i = 0; i < n; i++)
		if (jobs[i].verdict == NOISE_OK)
			jobs[i].verdict = noise_accept_initiation(
				jobs[i].id, jobs[i].peer, jobs[i].msg, &jobs[i].in, NS_PER_SEC);
	noise_create_responses(jobs, n);
	for (unsigned i = 0; i < n; i++) {
		struct noise_keys keys;
		uint32_t remote_index;

		assert_int_equal(jobs[i].verdict, expected[i]);
		assert_zero(&jobs[i].in, sizeof(jobs[i].in));
		if (jobs[i].verdict != NOISE_OK)
			continue;
		assert_int_equal(noise_consume_response(&pairs[i].a, &pairs[i].b_at_a,
					 &jobs[i].response, &keys, &remote_index),
			NOISE_OK);
		assert_int_equal(remote_index, 500 + i);
		assert_keys_match(&keys, &jobs[i].keys);
	}
}

static void
batches_are_many_single_handshakes(void **state)
{
	static const unsigned sizes[] = {0, 1, 2, 3, 15, 16, 17, 31, 33, NOISE_BATCH};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		batch_of(sizes[i]);
}

static int
setup(void **state)
{
	char err[128];

	return crypto_init(err, sizeof(err));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_derive_the_same_fresh_keys),
		cmocka_unit_test(messages_look_as_on_the_wire),
		cmocka_unit_test(known_initiation_is_understood),
		cmocka_unit_test(known_response_gives_the_known_keys),
		cmocka_unit_test(initiation_tampered_at_any_byte_changes_nothing),
		cmocka_unit_test(response_tampered_at_any_byte_changes_nothing),
		cmocka_unit_test(replayed_and_older_initiations_are_refused),
		cmocka_unit_test(initiations_are_20_ms_apart),
		cmocka_unit_test(refused_after_the_clock_steps_back),
		cmocka_unit_test(timestamps_are_wall_clock_and_whitened),
		cmocka_unit_test(another_psk_gives_no_session),
		cmocka_unit_test(low_order_key_leads_to_a_session),
		cmocka_unit_test(low_order_ephemerals_are_refused),
		cmocka_unit_test(own_key_as_a_peer),
		cmocka_unit_test(change_of_key_voids_what_was_computed_before),
		cmocka_unit_test(interface_without_a_key_does_nothing),
		cmocka_unit_test(initiation_counts_for_the_peer_that_it_names),
		cmocka_unit_test(crossing_initiations_both_complete),
		cmocka_unit_test(fini_leaves_no_secrets),
		cmocka_unit_test(batches_are_many_single_handshakes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
