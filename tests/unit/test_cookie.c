/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <string.h>

#include "crypto_accel/crypto_accel.h"
#include "tests/unit/noise_vector.h"
#include "tests/unit/one_cookie.h"

#define T0 (1000 * NS_PER_SEC)
#define INDEX 0x01020304

struct fixture {
	struct cookie_checker checker; /* of the one that is sent to */
	struct cookie_peer peer; /* that one, at the sender */
	struct ip_endpoint source;
	struct message_initiation msg;
};

static void
fixture_init(struct fixture *f)
{
	uint8_t key[NOISE_KEY_LEN];

	memset(f, 0, sizeof(*f));
	crypto_random(key, sizeof(key));
	cookie_checker_init(&f->checker, key);
	cookie_peer_init(&f->peer, key);
	assert_true(ip_endpoint_parse(&f->source, "192.0.2.1:51820"));
	crypto_random(&f->msg, sizeof(f->msg));
	f->msg.type_le = htole32(MESSAGE_INITIATION);
	f->msg.sender_index_le = htole32(INDEX);
}

static enum cookie_verdict
check(struct fixture *f, uint64_t now_ns, bool want_mac2)
{
	return one_cookie_check(
		&f->checker, &f->msg, sizeof(f->msg), &f->source, now_ns, want_mac2);
}

static void
add_macs(struct fixture *f, uint64_t now_ns)
{
	cookie_add_macs(&f->peer, &f->msg, sizeof(f->msg), now_ns);
}

static bool
exchange_cookie(struct fixture *f, uint64_t now_ns)
{
	struct message_cookie_reply reply;

	one_cookie_reply(&f->checker, &f->msg, sizeof(f->msg), &f->source, now_ns, &reply);
	return cookie_consume_reply(&f->peer, &reply, now_ns);
}

static bool
mac2_is_zero(const struct fixture *f)
{
	static const uint8_t zero[COOKIE_LEN];

	return memcmp(f->msg.macs.mac2, zero, COOKIE_LEN) == 0;
}

static void
known_mac1(void **state)
{
	struct cookie_checker c;
	struct ip_endpoint source = {0};
	uint8_t public_key[NOISE_KEY_LEN];

	x25519_base(public_key, vector_s_r);
	cookie_checker_init(&c, public_key);
	assert_int_equal(one_cookie_check(&c, vector_initiation, 148, &source, T0, false),
		COOKIE_MAC1_VALID);
	x25519_base(public_key, vector_s_i);
	cookie_checker_init(&c, public_key);
	assert_int_equal(
		one_cookie_check(&c, vector_response, 92, &source, T0, false), COOKIE_MAC1_VALID);
	assert_int_equal(one_cookie_check(&c, vector_initiation, 148, &source, T0, false),
		COOKIE_MAC1_INVALID);
}

static void
mac1_covers_every_byte(void **state)
{
	struct fixture f;

	fixture_init(&f);
	add_macs(&f, T0);
	assert_true(mac2_is_zero(&f));
	assert_int_equal(check(&f, T0, false), COOKIE_MAC1_VALID);
	for (size_t i = 0; i < offsetof(struct message_initiation, macs) + COOKIE_LEN; i++) {
		((uint8_t *)&f.msg)[i] ^= 0x10;
		assert_int_equal(check(&f, T0, false), COOKIE_MAC1_INVALID);
		((uint8_t *)&f.msg)[i] ^= 0x10;
	}
}

static void
cookie_goes_round(void **state)
{
	struct fixture f;

	fixture_init(&f);
	add_macs(&f, T0);
	assert_int_equal(check(&f, T0, true), COOKIE_MAC1_VALID);
	assert_true(exchange_cookie(&f, T0));
	add_macs(&f, T0 + 1);
	assert_int_equal(check(&f, T0 + 1, true), COOKIE_MAC2_VALID);
	for (size_t i = 0; i < COOKIE_LEN; i++) {
		f.msg.macs.mac2[i] ^= 1;
		assert_int_equal(check(&f, T0 + 1, true), COOKIE_MAC1_VALID);
		f.msg.macs.mac2[i] ^= 1;
	}
}

static void
responses_have_cookies_too(void **state)
{
	struct fixture f;
	struct message_response msg = {.type_le = htole32(MESSAGE_RESPONSE),
		.sender_index_le = htole32(5),
		.receiver_index_le = htole32(6)};
	struct message_cookie_reply reply;

	fixture_init(&f);
	cookie_add_macs(&f.peer, &msg, sizeof(msg), T0);
	one_cookie_reply(&f.checker, &msg, sizeof(msg), &f.source, T0, &reply);
	assert_int_equal(le32toh(reply.type_le), MESSAGE_COOKIE_REPLY);
	assert_int_equal(le32toh(reply.receiver_index_le), 5);
	assert_true(cookie_consume_reply(&f.peer, &reply, T0));
	cookie_add_macs(&f.peer, &msg, sizeof(msg), T0);
	assert_int_equal(one_cookie_check(&f.checker, &msg, sizeof(msg), &f.source, T0, true),
		COOKIE_MAC2_VALID);
}

static void
cookie_is_bound_to_source_address_and_port(void **state)
{
	static const char *const others[] = {"192.0.2.2:51820", "192.0.2.1:51821",
		"192.0.2.1:51564", "[2001:db8::1]:51820", "[c000:201::]:51820"};
	struct fixture f;

	fixture_init(&f);
	add_macs(&f, T0);
	assert_true(exchange_cookie(&f, T0));
	add_macs(&f, T0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_true(ip_endpoint_parse(&f.source, others[i]));
		assert_int_equal(check(&f, T0, true), COOKIE_MAC1_VALID);
	}
	assert_true(ip_endpoint_parse(&f.source, "192.0.2.1:51820"));
	assert_int_equal(check(&f, T0, true), COOKIE_MAC2_VALID);

	/* All of an IPv6 address counts. */
	assert_true(ip_endpoint_parse(&f.source, "[2001:db8::1]:51820"));
	add_macs(&f, T0);
	assert_true(exchange_cookie(&f, T0));
	add_macs(&f, T0);
	assert_int_equal(check(&f, T0, true), COOKIE_MAC2_VALID);
	assert_true(ip_endpoint_parse(&f.source, "[2001:db8::2]:51820"));
	assert_int_equal(check(&f, T0, true), COOKIE_MAC1_VALID);
}

/* Each as if it were alone, whatever the others of its batch are. */
static void
a_batch_of_all_sorts(void **state)
{
	struct message_cookie_reply replies[COOKIE_BATCH];
	struct cookie_job all[COOKIE_BATCH], *jobs[COOKIE_BATCH];
	struct message_response responses[COOKIE_BATCH];
	static struct fixture f[COOKIE_BATCH];

	for (unsigned i = 0; i < COOKIE_BATCH; i++) {
		bool response = i % 3 == 1;

		fixture_init(&f[i]);
		if (i % 2 == 1)
			assert_true(ip_endpoint_parse(&f[i].source, "[2001:db8::1]:51820"));
		f[i].source.port = 1000 + i;
		memset(&responses[i], (int)i, sizeof(responses[i]));
		all[i] = (struct cookie_job){.checker = &f[i].checker,
			.msg = response ? (void *)&responses[i] : &f[i].msg,
			.len = response ? sizeof(responses[i]) : sizeof(f[i].msg),
			.source = &f[i].source};
		jobs[i] = &all[i];
		cookie_add_macs(&f[i].peer, (void *)(uintptr_t)all[i].msg, all[i].len, T0);
	}
	cookie_check(jobs, COOKIE_BATCH, T0, true);
	for (unsigned i = 0; i < COOKIE_BATCH; i++)
		assert_int_equal(all[i].verdict, COOKIE_MAC1_VALID);
	cookie_create_replies((const struct cookie_job *const *)jobs, COOKIE_BATCH, T0, replies);
	for (unsigned i = 0; i < COOKIE_BATCH; i++) {
		assert_true(cookie_consume_reply(&f[i].peer, &replies[i], T0));
		if (i > 0)
			assert_memory_not_equal(
				replies[i].nonce, replies[i - 1].nonce, COOKIE_NONCE_LEN);
		cookie_add_macs(&f[i].peer, (void *)(uintptr_t)all[i].msg, all[i].len, T0);
		if (i % 5 == 0) /* none */
			memset((uint8_t *)(uintptr_t)all[i].msg + all[i].len - COOKIE_LEN, 0,
				COOKIE_LEN);
		else if (i % 5 == 1) /* wrong */
			((uint8_t *)(uintptr_t)all[i].msg)[all[i].len - 1] ^= 1;
		else if (i % 5 == 2) /* mac1 is wrong */
			((uint8_t *)(uintptr_t)all[i].msg)[20] ^= 1;
	}
	cookie_check(jobs, COOKIE_BATCH, T0, true);
	for (unsigned i = 0; i < COOKIE_BATCH; i++)
		assert_int_equal(all[i].verdict, i % 5 < 2    ? COOKIE_MAC1_VALID
						 : i % 5 == 2 ? COOKIE_MAC1_INVALID
							      : COOKIE_MAC2_VALID);
	cookie_check(jobs, 0, T0, true);
}

static void
cookie_secret_never_rotated(void **state)
{
	struct fixture f;

	fixture_init(&f);
	add_macs(&f, T0);
	assert_true(exchange_cookie(&f, T0)); /* the secret is of now */
	add_macs(&f, T0);
	assert_int_equal(check(&f, T0 + 120 * NS_PER_SEC - 1, true), COOKIE_MAC2_VALID);
	assert_int_equal(check(&f, T0 + 120 * NS_PER_SEC, true), COOKIE_MAC1_VALID);
}

static void
cookie_is_used_for_115_s(void **state)
{
	struct fixture f;

	fixture_init(&f);
	add_macs(&f, T0);
	assert_true(exchange_cookie(&f, T0));
	add_macs(&f, T0 + 115 * NS_PER_SEC - 1);
	assert_false(mac2_is_zero(&f));
	assert_int_equal(check(&f, T0 + 115 * NS_PER_SEC, true), COOKIE_MAC2_VALID);
	add_macs(&f, T0 + 115 * NS_PER_SEC);
	assert_true(mac2_is_zero(&f));
}

static void
forged_and_unasked_replies_change_nothing(void **state)
{
	struct fixture f;
	struct message_cookie_reply reply;
	struct cookie_peer before;

	fixture_init(&f);
	before = f.peer;
	add_macs(&f, T0);
	one_cookie_reply(&f.checker, &f.msg, sizeof(f.msg), &f.source, T0, &reply);
	assert_int_equal(le32toh(reply.receiver_index_le), INDEX);

	/* Nothing was sent that it could answer. */
	struct cookie_peer idle = before;

	assert_false(cookie_consume_reply(&idle, &reply, T0));
	assert_memory_equal(&idle, &before, sizeof(before));

	before = f.peer;
	for (size_t i = offsetof(struct message_cookie_reply, nonce); i < sizeof(reply); i++) {
		struct message_cookie_reply bad = reply;

		((uint8_t *)&bad)[i] ^= 4;
		assert_false(cookie_consume_reply(&f.peer, &bad, T0));
		assert_memory_equal(&f.peer, &before, sizeof(before));
	}
	/* To an earlier message of ours: mac1 is the additional data. */
	f.msg.ephemeral[0] ^= 1;
	add_macs(&f, T0);
	assert_false(cookie_consume_reply(&f.peer, &reply, T0));

	one_cookie_reply(&f.checker, &f.msg, sizeof(f.msg), &f.source, T0, &reply);
	assert_true(cookie_consume_reply(&f.peer, &reply, T0));
	assert_false(cookie_consume_reply(&f.peer, &reply, T0 + NS_PER_SEC)); /* only once */
	assert_true(f.peer.cookie_born_ns == T0);
}

static void
fini_leaves_no_secrets(void **state)
{
	struct fixture f;
	static const struct cookie_checker zero_checker;
	static const struct cookie_peer zero_peer;

	fixture_init(&f);
	add_macs(&f, T0);
	assert_true(exchange_cookie(&f, T0));
	cookie_checker_fini(&f.checker);
	cookie_peer_fini(&f.peer);
	assert_memory_equal(&f.checker, &zero_checker, sizeof(zero_checker));
	assert_memory_equal(&f.peer, &zero_peer, sizeof(zero_peer));
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
		cmocka_unit_test(known_mac1),
		cmocka_unit_test(mac1_covers_every_byte),
		cmocka_unit_test(cookie_goes_round),
		cmocka_unit_test(responses_have_cookies_too),
		cmocka_unit_test(cookie_is_bound_to_source_address_and_port),
		cmocka_unit_test(a_batch_of_all_sorts),
		cmocka_unit_test(cookie_secret_never_rotated),
		cmocka_unit_test(cookie_is_used_for_115_s),
		cmocka_unit_test(forged_and_unasked_replies_change_nothing),
		cmocka_unit_test(fini_leaves_no_secrets),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
