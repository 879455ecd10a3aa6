/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarding table against an oracle that walks a list of all prefixes.
 * This thread is control and the only reader; it is offline in the grace
 * periods except where a test says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/fib.h"
#include "dataplane/rcu.h"
#include "tests/unit/eal.h"

#define RULES_MAX 256
#define N_PEERS 12
#define N_IFACES 3
#define MAX_PREFIXES 64

/* What the oracle knows of one prefix. */
struct known {
	struct ip_prefix prefix;
	fib_dst route, tunnel;
	uint32_t owner;
	uint8_t iface;
};

static struct known known[RULES_MAX];
static unsigned n_known;
static struct rcu *rcu;
static struct fib *fib;
static char err[256];

static int
setup(void **state)
{
	return eal_setup_mb("1024");
}

static int
fib_setup(void **state)
{
	n_known = 0;
	srand(1);
	rcu = rcu_create(1);
	if (rcu == NULL)
		return -1;
	fib = fib_create(MAX_PREFIXES, rcu, err, sizeof(err));
	return fib == NULL ? -1 : 0;
}

static int
fib_teardown(void **state)
{
	while (rcu_reclaim(rcu))
		;
	fib_destroy(fib);
	rcu_destroy(rcu);
	return 0;
}

static struct ip_prefix
prefix(const char *s)
{
	struct ip_prefix p;

	assert_true(ip_prefix_parse(&p, s));
	return p;
}

static struct ip_addr
addr(const char *s)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(&a, s));
	return a;
}

/* ---- oracle ------------------------------------------------------------------- */

static struct known *
known_get(const struct ip_prefix *p, bool insert)
{
	struct ip_prefix net = ip_prefix_network(p);

	for (unsigned i = 0; i < n_known; i++)
		if (ip_prefix_equal(&known[i].prefix, &net))
			return &known[i];
	if (!insert)
		return NULL;
	assert_true(n_known < RULES_MAX);
	known[n_known] = (struct known){.prefix = net, .owner = FIB_NO_PEER};
	return &known[n_known++];
}

static struct fib_entry
oracle(const struct ip_addr *a)
{
	struct fib_entry e = {.owner = FIB_NO_PEER};
	int any = -1, route = -1, owner = -1;

	for (unsigned i = 0; i < n_known; i++) {
		const struct known *k = &known[i];

		if (!ip_prefix_contains(&k->prefix, a))
			continue;
		if (k->route != 0 && k->prefix.len > route) {
			route = k->prefix.len;
			e.route = k->route;
		}
		if (k->owner != FIB_NO_PEER && k->prefix.len > owner) {
			owner = k->prefix.len;
			e.owner = k->owner;
		}
		if ((k->route != 0 || k->owner != FIB_NO_PEER || k->tunnel != 0) &&
			k->prefix.len > any) {
			any = k->prefix.len;
			e.forward = k->route != 0             ? k->route
				    : k->owner != FIB_NO_PEER ? fib_dst_make(FIB_PEER, k->owner)
							      : k->tunnel;
		}
	}
	return e;
}

/* ---- random prefixes that nest ------------------------------------------------------ */

static struct ip_addr
random_addr(uint8_t family)
{
	static const uint8_t octets[] = {0, 1, 127, 128, 255};
	struct ip_addr a = {.family = family};
	unsigned len = ip_addr_len(family);

	a.bytes[0] = family == IP_V4 ? 10 : 0x20;
	/* Octets that all prefixes share most of the time, so that they nest. */
	for (unsigned i = 1; i < len; i++)
		a.bytes[i] = rand() % 3 == 0 ? octets[rand() % 5] : 0;
	return a;
}

static struct ip_prefix
random_prefix(void)
{
	static const uint8_t len4[] = {0, 8, 9, 15, 16, 20, 23, 24, 25, 30, 31, 32};
	static const uint8_t len6[] = {0, 8, 16, 23, 24, 25, 32, 48, 56, 63, 64, 65, 96, 127, 128};
	struct ip_prefix p = {.addr = random_addr(rand() % 2 ? IP_V4 : IP_V6)};

	p.len = p.addr.family == IP_V4 ? len4[rand() % sizeof(len4)] : len6[rand() % sizeof(len6)];
	return rand() % 4 == 0 ? p : ip_prefix_network(&p);
}

static void
check(const struct ip_addr *a)
{
	struct fib_entry want = oracle(a);
	const struct fib_entry *got = fib_lookup(fib, a);
	char text[IP_ADDR_STRLEN];

	if (got->forward != want.forward || got->route != want.route || got->owner != want.owner)
		fail_msg("%s: forward %x route %x owner %x, should be %x %x %x",
			ip_addr_format(text, a), got->forward, got->route, got->owner, want.forward,
			want.route, want.owner);
}

static void
check_all(void)
{
	for (unsigned i = 0; i < n_known; i++) {
		struct ip_addr last = known[i].prefix.addr;

		check(&last);
		for (unsigned bit = known[i].prefix.len; bit < (last.family == IP_V4 ? 32 : 128);
			bit++)
			last.bytes[bit / 8] |= 0x80 >> bit % 8;
		check(&last);
	}
	for (unsigned i = 0; i < 16; i++) {
		struct ip_addr a = random_addr(i % 2 ? IP_V4 : IP_V6);

		check(&a);
	}
}

static void
random_change(void)
{
	struct ip_prefix p = random_prefix();
	uint32_t peer = (uint32_t)(rand() % N_PEERS), taken;
	uint8_t iface = peer % N_IFACES;
	struct known *k;
	int what = rand() % 10;

	/* Keep the tables small enough to stay readable and to have removals in them. */
	if (n_known > MAX_PREFIXES && what < 7)
		what = 9;
	if (what < 1) {
		fib_dst dst = fib_dst_make(rand() % 2 ? FIB_PORT : FIB_LOCAL, rand() % 3);

		assert_int_equal(fib_route_add(fib, &p, dst, err, sizeof(err)), 0);
		known_get(&p, true)->route = dst;
	} else if (what < 2) {
		assert_int_equal(fib_tunnel_add(fib, &p, iface, err, sizeof(err)), 0);
		known_get(&p, true)->tunnel = fib_dst_make(FIB_UNASSIGNED, iface);
	} else if (what < 7) {
		if (n_known > 0 && rand() % 3 == 0)
			p = known[rand() % n_known].prefix; /* moves */
		k = known_get(&p, true);
		if (k->owner != FIB_NO_PEER && k->iface != iface) {
			assert_int_equal(
				fib_allowed_add(fib, &p, iface, peer, &taken, err, sizeof(err)),
				-1);
			assert_non_null(strstr(err, "another interface"));
			return;
		}
		assert_int_equal(
			fib_allowed_add(fib, &p, iface, peer, &taken, err, sizeof(err)), 0);
		assert_int_equal(taken, k->owner);
		k->owner = peer;
		k->iface = iface;
	} else {
		if (n_known > 0)
			p = known[rand() % n_known].prefix;
		k = known_get(&p, false);
		if (k != NULL && k->owner != FIB_NO_PEER)
			peer = k->owner;
		assert_int_equal(fib_allowed_remove(fib, &p, peer), k != NULL && k->owner == peer);
		if (k == NULL)
			return;
		k->owner = FIB_NO_PEER;
		if (k->route == 0 && k->tunnel == 0)
			*k = known[--n_known];
	}
}

/* ---- tests ------------------------------------------------------------------------ */

static void
test_oracle(void **state)
{
	for (unsigned i = 0; i < 6000; i++) {
		random_change();
		if (rand() % 4 == 0) {
			fib_commit(fib);
			check_all();
		}
		rcu_reclaim(rcu);
	}
}

static void
test_a_route_wins_over_an_equal_allowed_ip_but_does_not_own(void **state)
{
	struct ip_prefix def = prefix("0.0.0.0/0"), def6 = prefix("::/0");
	struct ip_addr a = addr("198.51.100.1"), a6 = addr("2001:db8::1");
	const struct fib_entry *e;
	uint32_t taken;

	assert_int_equal(fib_allowed_add(fib, &def, 0, 5, &taken, err, sizeof(err)), 0);
	assert_int_equal(fib_allowed_add(fib, &def6, 0, 5, &taken, err, sizeof(err)), 0);
	fib_commit(fib);
	assert_int_equal(fib_lookup(fib, &a)->forward, fib_dst_make(FIB_PEER, 5));
	assert_int_equal(fib_lookup(fib, &a6)->forward, fib_dst_make(FIB_PEER, 5));
	assert_int_equal(fib_route_add_via(fib, &def, &(struct ip_addr){.family = IP_V4}, 1, err,
				 sizeof(err)),
		0);
	e = fib_lookup(fib, &a);
	assert_int_equal(fib_kind(e->forward), FIB_VIA);
	assert_int_equal(e->forward, e->route);
	assert_int_equal(e->owner, 5);
	assert_int_equal(fib->gateways[fib_id(e->forward)].port, 1);
}

static void
test_ipv6_changes_are_visible_after_commit_only(void **state)
{
	struct ip_prefix p = prefix("2001:db8::/32"), p4 = prefix("10.0.0.0/8");
	struct ip_addr a = addr("2001:db8::1"), a4 = addr("10.1.1.1");
	uint32_t taken;

	assert_int_equal(fib_allowed_add(fib, &p, 0, 1, &taken, err, sizeof(err)), 0);
	assert_int_equal(fib_allowed_add(fib, &p4, 0, 1, &taken, err, sizeof(err)), 0);
	assert_int_equal(fib_lookup(fib, &a)->owner, FIB_NO_PEER);
	assert_int_equal(fib_lookup(fib, &a4)->owner, 1);
	fib_commit(fib);
	assert_int_equal(fib_lookup(fib, &a)->owner, 1);
	assert_true(fib_allowed_remove(fib, &p, 1));
	assert_int_equal(fib_lookup(fib, &a)->owner, 1);
	fib_commit(fib);
	assert_int_equal(fib_lookup(fib, &a)->owner, FIB_NO_PEER);
}

/* An entry that the published copy still leads to must not get a new meaning. */
static void
test_entries_of_uncommitted_changes_are_not_reused(void **state)
{
	struct ip_prefix p = prefix("2001:db8::/32");
	struct ip_addr a = addr("2001:db8::1");
	const struct fib_entry *e;
	uint32_t taken;

	assert_int_equal(fib_allowed_add(fib, &p, 0, 1, &taken, err, sizeof(err)), 0);
	fib_commit(fib);
	assert_true(fib_allowed_remove(fib, &p, 1));
	while (rcu_reclaim(rcu))
		;
	for (uint32_t peer = 2; peer < 40; peer++) {
		struct ip_prefix other = prefix("10.0.0.0/32");

		other.addr.bytes[3] = (uint8_t)peer;
		assert_int_equal(
			fib_allowed_add(fib, &other, 0, peer, &taken, err, sizeof(err)), 0);
	}
	e = fib_lookup(fib, &a);
	assert_int_equal(e->owner, 1);
	fib_commit(fib);
	assert_int_equal(fib_lookup(fib, &a)->owner, FIB_NO_PEER);
}

static void
test_entries_are_reused_only_after_a_grace_period(void **state)
{
	struct rte_rcu_qsbr *qsbr = rcu_qsbr(rcu);
	struct ip_prefix p = prefix("10.0.0.0/8");
	struct ip_addr a = addr("10.1.1.1");
	const struct fib_entry *e;
	uint32_t taken;

	assert_int_equal(fib_allowed_add(fib, &p, 0, 1, &taken, err, sizeof(err)), 0);
	fib_commit(fib);
	rte_rcu_qsbr_thread_register(qsbr, 0);
	rte_rcu_qsbr_thread_online(qsbr, 0);
	e = fib_lookup(fib, &a);
	for (unsigned i = 0; i < 2 * N_PEERS; i++) {
		assert_int_equal(fib_allowed_add(fib, &p, 0, 2 + i, &taken, err, sizeof(err)), 0);
		fib_commit(fib);
		rcu_reclaim(rcu);
		assert_int_equal(e->owner, 1);
	}
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	rte_rcu_qsbr_thread_unregister(qsbr, 0);
	while (rcu_reclaim(rcu))
		;
	/* It is free now: enough new ones take it. */
	for (unsigned i = 0; i < 2 * N_PEERS + 2 && e->owner == 1; i++) {
		p = prefix("192.0.2.0/32");
		p.addr.bytes[3] = (uint8_t)i;
		assert_int_equal(fib_allowed_add(fib, &p, 0, 100 + i, &taken, err, sizeof(err)), 0);
	}
	assert_int_not_equal(e->owner, 1);
}

static struct ip_prefix
numbered(uint8_t family, unsigned i)
{
	struct ip_prefix p = {.addr.family = family, .len = family == IP_V4 ? 32 : 128};
	unsigned last = family == IP_V4 ? 3 : 15;

	p.addr.bytes[0] = family == IP_V4 ? 10 : 0x20;
	/* Each in a /24 of its own, or in a /64: the most that a prefix can need. */
	p.addr.bytes[family == IP_V4 ? 2 : 3] = (uint8_t)i;
	p.addr.bytes[family == IP_V4 ? 1 : 2] = (uint8_t)(i >> 8);
	p.addr.bytes[last] = 1;
	return p;
}

/* Until an addition is refused; returns how many fitted. */
static unsigned
fill(uint8_t family)
{
	unsigned i;
	uint32_t taken;

	for (i = 0; i < 65536; i++) {
		struct ip_prefix p = numbered(family, i);

		err[0] = '\0';
		if (fib_allowed_add(fib, &p, 0, i, &taken, err, sizeof(err)) != 0)
			break;
	}
	assert_non_null(strstr(err, "no room for"));
	assert_null(strchr(err, '\n'));
	fib_commit(fib);
	return i;
}

static void
check_filled(uint8_t family, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct ip_prefix p = numbered(family, i);

		assert_int_equal(fib_lookup(fib, &p.addr)->owner, i);
		assert_int_equal(fib_lookup(fib, &p.addr)->forward, fib_dst_make(FIB_PEER, i));
	}
	for (unsigned i = n; i < n + 8; i++) {
		struct ip_prefix p = numbered(family, i);

		assert_int_equal(fib_lookup(fib, &p.addr)->owner, FIB_NO_PEER);
	}
}

static void
test_a_full_table_refuses_and_changes_nothing(void **state)
{
	unsigned n4, n6;
	uint32_t taken;

	n4 = fill(IP_V4);
	assert_true(n4 >= MAX_PREFIXES);
	n6 = fill(IP_V6);
	check_filled(IP_V4, n4);
	check_filled(IP_V6, n6);
	/* A prefix that is there already can still move, also when it has others below it. */
	for (unsigned i = 0; i < n4; i++) {
		struct ip_prefix p = numbered(IP_V4, i);

		assert_int_equal(
			fib_allowed_add(fib, &p, 0, i + 100000, &taken, err, sizeof(err)), 0);
		assert_int_equal(taken, i);
		assert_int_equal(fib_allowed_add(fib, &p, 0, i, &taken, err, sizeof(err)), 0);
	}
	fib_commit(fib);
	check_filled(IP_V4, n4);
	/* One more that covers all of them is refused, and they stay as they were. */
	for (unsigned i = 0; i < 2; i++) {
		struct ip_prefix p = prefix(i == 0 ? "10.0.0.0/8" : "2000::/8");

		assert_int_equal(fib_allowed_add(fib, &p, 0, 77, &taken, err, sizeof(err)), -1);
		assert_non_null(strstr(err, "no room for"));
	}
	fib_commit(fib);
	check_filled(IP_V4, n4);
	check_filled(IP_V6, n6);
	/* All out, and the same number fits again. */
	for (unsigned i = 0; i < n4; i++) {
		struct ip_prefix p = numbered(IP_V4, i);

		assert_true(fib_allowed_remove(fib, &p, i));
	}
	for (unsigned i = 0; i < n6; i++) {
		struct ip_prefix p = numbered(IP_V6, i);

		assert_true(fib_allowed_remove(fib, &p, i));
	}
	fib_commit(fib);
	check_filled(IP_V4, 0);
	check_filled(IP_V6, 0);
	assert_int_equal(fill(IP_V4), n4);
	assert_int_equal(fill(IP_V6), n6);
}

static void
test_addresses_that_stand_for_ipv4_inside_are_refused(void **state)
{
	struct ip_prefix p = prefix("ffff:ffff:ffff:ffff:ffff:ffff:a00:0/104");
	uint32_t taken;

	assert_int_equal(fib_allowed_add(fib, &p, 0, 1, &taken, err, sizeof(err)), -1);
	assert_false(fib_allowed_remove(fib, &p, 1));
	fib_commit(fib);
	assert_int_equal(fib_lookup(fib, &(struct ip_addr){.family = IP_V4, .bytes = {10}})->owner,
		FIB_NO_PEER);
}

#define FIB_TEST(f) cmocka_unit_test_setup_teardown(f, fib_setup, fib_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIB_TEST(test_oracle),
		FIB_TEST(test_a_route_wins_over_an_equal_allowed_ip_but_does_not_own),
		FIB_TEST(test_ipv6_changes_are_visible_after_commit_only),
		FIB_TEST(test_entries_of_uncommitted_changes_are_not_reused),
		FIB_TEST(test_entries_are_reused_only_after_a_grace_period),
		FIB_TEST(test_a_full_table_refuses_and_changes_nothing),
		FIB_TEST(test_addresses_that_stand_for_ipv4_inside_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, eal_teardown);
}
