/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/addr.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* in parses and formats as out; or, where out is NULL, is refused and leaves the value alone. */
struct text_row {
	const char *in;
	const char *out;
};

static void
test_addr_text(void **state)
{
	static const struct text_row rows[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"2001:DB8:0::1", "2001:db8::1"},
		{"::", "::"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:db8:1111:2222:3333:4444:5555:6666",
			"2001:db8:1111:2222:3333:4444:5555:6666"},
		{"", NULL},
		{"192.0.2", NULL},
		{"192.0.2.256", NULL},
		{"192.0.2.1 ", NULL},
		{" 192.0.2.1", NULL},
		{"192.0.2.1/24", NULL},
		{"0x7f.1", NULL},
		{"fe80::1%eth0", NULL},
		{"2001:db8:::1", NULL},
		{"host.example", NULL},
	};
	char buf[IP_ADDR_STRLEN];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_addr a = {0};
		bool ok = ip_addr_parse(&a, rows[i].in);

		assert_int_equal(ok, rows[i].out != NULL);
		assert_string_equal(ip_addr_format(buf, &a), ok ? rows[i].out : "none");
	}
}

static void
test_prefix_text(void **state)
{
	static const struct text_row rows[] = {
		{"192.0.2.1/24", "192.0.2.1/24"},
		{"192.0.2.1", "192.0.2.1/32"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"10.0.0.0/32", "10.0.0.0/32"},
		{"2001:db8::1", "2001:db8::1/128"},
		{"2001:db8::1/64", "2001:db8::1/64"},
		{"::/0", "::/0"},
		{"2001:db8:1111:2222:3333:4444:5555:6666/128",
			"2001:db8:1111:2222:3333:4444:5555:6666/128"},
		{"192.0.2.1/33", NULL},
		{"2001:db8::1/129", NULL},
		{"192.0.2.1/", NULL},
		{"192.0.2.1/-1", NULL},
		{"192.0.2.1/+1", NULL},
		{"192.0.2.1/08", NULL},
		{"192.0.2.1/ 8", NULL},
		{"192.0.2.1/24/24", NULL},
		{"192.0.2.1/4294967304", NULL},
		{"192.0.2.1/255.255.255.0", NULL},
		{"/24", NULL},
		{"0000000000000000000000000000000000000000000000000000000000000000/8", NULL},
	};
	char buf[IP_PREFIX_STRLEN];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_prefix p = {0};
		bool ok = ip_prefix_parse(&p, rows[i].in);

		assert_int_equal(ok, rows[i].out != NULL);
		assert_string_equal(ip_prefix_format(buf, &p), ok ? rows[i].out : "none");
	}
}

static void
test_endpoint_text(void **state)
{
	static const struct text_row rows[] = {
		{"192.0.2.1:51820", "192.0.2.1:51820"},
		{"192.0.2.1:65535", "192.0.2.1:65535"},
		{"[2001:db8::1]:1", "[2001:db8::1]:1"},
		{"[2001:db8:1111:2222:3333:4444:5555:6666]:51820",
			"[2001:db8:1111:2222:3333:4444:5555:6666]:51820"},
		{"192.0.2.1", NULL},
		{"192.0.2.1:0", NULL},
		{"192.0.2.1:65536", NULL},
		{"192.0.2.1:", NULL},
		{"192.0.2.1:08", NULL},
		{"[192.0.2.1]:51820", NULL},
		{"2001:db8::1:51820", NULL},
		{"[2001:db8::1]", NULL},
		{"[2001:db8::1:51820", NULL},
		{"2001:db8::1]:51820", NULL},
		{"[]:51820", NULL},
		{"[:51820", NULL},
		{":51820", NULL},
		{"", NULL},
		{"vpn.example:51820", NULL},
	};
	char buf[IP_ENDPOINT_STRLEN];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_endpoint e = {0};
		bool ok = ip_endpoint_parse(&e, rows[i].in);

		assert_int_equal(ok, rows[i].out != NULL);
		assert_string_equal(ip_endpoint_format(buf, &e), ok ? rows[i].out : "none");
	}
}

static struct ip_prefix
prefix(const char *s)
{
	struct ip_prefix p;

	assert_true(ip_prefix_parse(&p, s));
	return p;
}

/* Every length of both families against a bit-by-bit oracle. */
static void
test_network_and_contains(void **state)
{
	static const char *const full[] = {
		"255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};

	for (size_t f = 0; f < COUNT(full); f++) {
		struct ip_prefix p = prefix(full[f]);
		unsigned bits = p.len;

		for (unsigned len = 0; len <= bits; len++) {
			struct ip_prefix n;

			p.len = len;
			n = ip_prefix_network(&p);
			assert_int_equal(n.len, len);
			for (unsigned bit = 0; bit < 128; bit++) {
				struct ip_addr a = n.addr;
				int set = n.addr.bytes[bit / 8] >> (7 - bit % 8) & 1;

				assert_int_equal(set, bit < len);
				if (bit >= bits)
					continue;
				a.bytes[bit / 8] ^= 0x80 >> (bit % 8);
				assert_int_equal(ip_prefix_contains(&p, &a), bit >= len);
				assert_int_equal(ip_prefix_contains(&n, &a), bit >= len);
			}
		}
	}
}

static void
test_families_never_mix(void **state)
{
	struct ip_prefix v4 = prefix("0.0.0.0/0"), v6 = prefix("::/0"), none = {0};

	assert_true(ip_prefix_contains(&v4, &v4.addr));
	assert_true(ip_prefix_contains(&v6, &v6.addr));
	assert_false(ip_prefix_contains(&v4, &v6.addr));
	assert_false(ip_prefix_contains(&v6, &v4.addr));
	assert_false(ip_prefix_contains(&none, &none.addr));
	assert_false(ip_addr_equal(&v4.addr, &v6.addr));
	assert_true(ip_addr_equal(&none.addr, &none.addr));
}

static void
test_equal(void **state)
{
	struct ip_prefix a = prefix("10.0.0.0/8"), b = prefix("10.0.0.0/9");
	struct ip_endpoint x, y;

	assert_false(ip_prefix_equal(&a, &b));
	assert_true(ip_addr_equal(&a.addr, &b.addr));
	b.len = 8;
	assert_true(ip_prefix_equal(&a, &b));
	assert_true(ip_endpoint_parse(&x, "[2001:db8::1]:1"));
	assert_true(ip_endpoint_parse(&y, "[2001:db8::1]:2"));
	assert_false(ip_endpoint_equal(&x, &y));
	y.port = 1;
	assert_true(ip_endpoint_equal(&x, &y));
	y.addr.bytes[15] = 2;
	assert_false(ip_endpoint_equal(&x, &y));
}

static void
test_sites(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::192.0.2.1", false},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip_addr a, b;

		assert_true(ip_addr_parse(&a, rows[i].a));
		assert_true(ip_addr_parse(&b, rows[i].b));
		assert_int_equal(ip_addr_site(&a) == ip_addr_site(&b), rows[i].same);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_text),
		cmocka_unit_test(test_prefix_text),
		cmocka_unit_test(test_endpoint_text),
		cmocka_unit_test(test_network_and_contains),
		cmocka_unit_test(test_families_never_mix),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
