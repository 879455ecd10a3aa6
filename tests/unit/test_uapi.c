/* SPDX-License-Identifier: BSD-3-Clause */
/* get and set as text. Hex keys are written as one digit pair and 31 zero bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/uapi.h"
#include "crypto_accel/crypto_accel.h"
#include "fake_control.h"

#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"
#define KEY(digits) digits ZEROS

static struct management m;
static const struct origin origin = {.via = "a test"};
static struct refusal why;

static int
setup(void **state)
{
	fake_start(&m);
	return 0;
}

static int
teardown(void **state)
{
	fake_check_agreement(&m);
	fake_stop(&m);
	return 0;
}

static int
set_n(const char *lines, size_t n)
{
	char *text = malloc(n + 7);
	int rc;

	memcpy(text, "set=1\n", 6);
	memcpy(text + 6, lines, n);
	text[n + 6] = '\n';
	rc = uapi_set(&m, 0, text, n + 7, &origin, &why);
	free(text);
	return rc;
}

static int
set(const char *lines)
{
	return set_n(lines, strlen(lines));
}

static const char *
get(void)
{
	static char text[1 << 16];
	struct uapi_text out = {0};
	uint64_t cursor = 0;

	uapi_print_interface(&m, 0, &out);
	while (uapi_print_peers(&m, 0, &cursor, 2, &out))
		;
	assert_true(out.len < sizeof(text));
	memcpy(text, out.data, out.len);
	text[out.len] = '\0';
	uapi_text_fini(&out);
	return text;
}

/* "allowed_ip" values of the peer with this first key byte, joined by blanks. */
static const char *
allowed(uint8_t first)
{
	static char text[1024];
	uint8_t key[32] = {first};
	const struct peer_spec *spec = registry_by_key(m.registry, 0, key);
	char prefix[IP_PREFIX_STRLEN];
	size_t len = 0;

	text[0] = '\0';
	if (spec == NULL)
		return "gone";
	for (unsigned i = 0; i < spec->n; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
			ip_prefix_format(prefix, &spec->allowed_ips[i]));
	return text;
}

static void
test_get_prints_as_wireguard_go(void **state)
{
	assert_int_equal(
		set("public_key=" KEY("01") "\npreshared_key=" KEY(
			"aa") "\n"
			      "endpoint=[2001:db8::1]:5\npersistent_keepalive_interval=25\n"
			      "allowed_ip=10.8.0.2/32\nallowed_ip=fd00::/64\n"
			      "public_key=" KEY("02") "\n"
						      "public_key=" KEY(
							      "03") "\nallowed_ip=10.8.0.3/32\n"),
		0);
	fake.private_key[0] = 0;
	memset(m.ifaces[0].private_key, 0, KEY_LEN);
	m.ifaces[0].private_key[0] = 0xcc;
	assert_string_equal(get(),
		"private_key=" KEY(
			"cc") "\nlisten_port=51820\n"
			      "public_key=" KEY("01") "\npreshared_key=" KEY(
				      "aa") "\nprotocol_version=1\n"
					    "endpoint=[2001:db8::1]:5\n"
					    "last_handshake_time_sec=1700000000\nlast_handshake_"
					    "time_nsec=5\n"
					    "tx_bytes=2000\nrx_bytes=1000\npersistent_keepalive_"
					    "interval=25\n"
					    "allowed_ip=10.8.0.2/32\nallowed_ip=fd00::/64\n"
					    "public_key=" KEY("02") "\npreshared_key=" KEY(
						    "00") "\nprotocol_version=1\n"
							  "last_handshake_time_sec="
							  "1700000000\nlast_handshake_time_nsec=5\n"
							  "tx_bytes=2000\nrx_bytes="
							  "1000\npersistent_keepalive_interval=0\n"
							  "public_key=" KEY(
								  "03") "\npreshared_"
									"key=" KEY("00") "\n"
											 "pr"
											 "ot"
											 "oc"
											 "ol"
											 "_v"
											 "er"
											 "si"
											 "on"
											 "=1"
											 "\n"
											 "la"
											 "st"
											 "_h"
											 "an"
											 "ds"
											 "ha"
											 "ke"
											 "_t"
											 "im"
											 "e_"
											 "se"
											 "c="
											 "17"
											 "00"
											 "00"
											 "00"
											 "00"
											 "\n"
											 "la"
											 "st"
											 "_h"
											 "an"
											 "ds"
											 "ha"
											 "ke"
											 "_t"
											 "im"
											 "e_"
											 "ns"
											 "ec"
											 "=5"
											 "\n"
											 "tx"
											 "_b"
											 "yt"
											 "es"
											 "=2"
											 "00"
											 "0"
											 "\n"
											 "rx"
											 "_b"
											 "yt"
											 "es"
											 "=1"
											 "00"
											 "0"
											 "\n"
											 "pe"
											 "rs"
											 "is"
											 "te"
											 "nt"
											 "_k"
											 "ee"
											 "pa"
											 "li"
											 "ve"
											 "_i"
											 "nt"
											 "er"
											 "va"
											 "l="
											 "0"
											 "\n"
											 "al"
											 "lo"
											 "we"
											 "d_"
											 "ip"
											 "=1"
											 "0."
											 "8."
											 "0."
											 "3/"
											 "32"
											 "\n");
}

static void
test_allowed_ips(void **state)
{
	assert_int_equal(
		set("public_key=" KEY("01") "\nallowed_ip=10.0.0.1/24\n"
					    "public_key=" KEY("02") "\nallowed_ip=10.0.1.1/32\n"),
		0);
	assert_string_equal(allowed(1), "10.0.0.0/24");
	/* Adding to what is there; what another had moves. */
	assert_int_equal(
		set("public_key=" KEY("01") "\nallowed_ip=10.0.1.1\nallowed_ip=10.0.0.0/24\n"), 0);
	assert_string_equal(allowed(1), "10.0.0.0/24 10.0.1.1/32");
	assert_string_equal(allowed(2), "");
	assert_int_equal(
		set("public_key=" KEY("01") "\nallowed_ip=-10.0.0.7/24\nallowed_ip=+::/0\n"), 0);
	assert_string_equal(allowed(1), "10.0.1.1/32 ::/0");
	assert_int_equal(set("public_key=" KEY("01") "\nreplace_allowed_ips=true\n"
						     "allowed_ip=10.0.3.0/24\n"),
		0);
	assert_string_equal(allowed(1), "10.0.3.0/24");
	/* Within one request the last one has it. */
	assert_int_equal(
		set("public_key=" KEY("01") "\nallowed_ip=10.0.9.9/32\n"
					    "public_key=" KEY("02") "\nallowed_ip=10.0.9.9/32\n"),
		0);
	assert_string_equal(allowed(1), "10.0.3.0/24");
	assert_string_equal(allowed(2), "10.0.9.9/32");
}

static void
test_remove_update_only_and_replace(void **state)
{
	assert_int_equal(
		set("public_key=" KEY("01") "\nupdate_only=true\nallowed_ip=10.0.0.1\n"), 0);
	assert_string_equal(allowed(1), "gone");
	assert_int_equal(
		set("public_key=" KEY("01") "\npublic_key=" KEY("02") "\nallowed_ip=::/0\n"), 0);
	assert_int_equal(
		set("public_key=" KEY("01") "\nupdate_only=true\nallowed_ip=10.0.0.1\n"), 0);
	assert_string_equal(allowed(1), "10.0.0.1/32");
	assert_int_equal(set("public_key=" KEY("09") "\nremove=true\n"), 0);
	assert_int_equal(set("public_key=" KEY("01") "\nremove=true\n"), 0);
	assert_string_equal(allowed(1), "gone");
	assert_int_equal(set("replace_peers=true\npublic_key=" KEY("03") "\nallowed_ip=::/0\n"), 0);
	assert_string_equal(allowed(2), "gone");
	assert_string_equal(allowed(3), "::/0");
	assert_int_equal(set("replace_peers=true\n"), 0);
	assert_int_equal(registry_count(m.registry, 0), 0);
}

/* Replacing by the same keeps the peer itself: it is changed, not removed. */
static void
test_setconf_keeps_name_and_learned_endpoint(void **state)
{
	const uint8_t key[32] = {1};
	struct ip_endpoint learned;
	struct peer_spec named;

	assert_int_equal(set("public_key=" KEY("01") "\nallowed_ip=10.0.0.1/32\n"), 0);
	named = peer_spec_copy(registry_by_key(m.registry, 0, key));
	strcpy(named.name, "alice");
	registry_begin(m.registry, 0);
	assert_int_equal(registry_put(m.registry, &named, &why), 0);
	assert_int_equal(management_commit(&m, 0, NULL, &origin, &why), 0);
	peer_spec_fini(&named);
	assert_true(ip_endpoint_parse(&learned, "192.0.2.9:9"));
	fake_find(0, key)->endpoint = learned;
	assert_int_equal(
		set("replace_peers=true\npublic_key=" KEY("01") "\nallowed_ip=10.0.0.1/32\n"), 0);
	assert_true(ip_endpoint_equal(&fake_find(0, key)->endpoint, &learned));
	assert_non_null(strstr(get(), "endpoint=192.0.2.9:9\n"));
	assert_non_null(registry_by_name(m.registry, 0, "alice"));
}

static void
test_bad_lines_change_nothing(void **state)
{
	static const char *const rows[] = {
		"listen_port=1\n",
		"listen_port=\n",
		"fwmark=7\n",
		"private_key=" KEY("00") "\n",
		"private_key=ab\n",
		"replace_peers=false\n",
		"public_key=xx\n",
		"public_key=" KEY("01") "0\n",
		"public_key=" KEY("zz") "\n",
		"public_key=" KEY("05") "\nallowed_ip=10.0.0.0/33\n",
		"public_key=" KEY("05") "\nallowed_ip=\n",
		"public_key=" KEY("05") "\nallowed_ip=--1.2.3.4\n",
		"public_key=" KEY("05") "\nendpoint=1.2.3.4\n",
		"public_key=" KEY("05") "\nendpoint=host:1\n",
		"public_key=" KEY("05") "\nendpoint=230.0.2.9:7\n",
		"public_key=" KEY("05") "\npersistent_keepalive_interval=65536\n",
		"public_key=" KEY("05") "\npersistent_keepalive_interval=-1\n",
		"public_key=" KEY("05") "\nprotocol_version=2\n",
		"public_key=" KEY("05") "\nremove=1\n",
		"public_key=" KEY("05") "\nprivate_key=" KEY("08") "\n",
		"public_key=" KEY("05") "\npreshared_key=\n",
		"public_key=" KEY("05") "\nno equals sign\n",
		"public_key=" KEY("05") "\nunknown=1\n",
		"preshared_key=" KEY("05") "\n",
		"allowed_ip=10.0.0.0/8\n",
		"=\n",
	};
	char before[1 << 16], *lines = malloc(1 << 20);
	static const char nul[] = "public_key=" KEY("05") "\0\n";

	assert_int_equal(set("public_key=" KEY("01") "\nallowed_ip=10.0.0.1/32\n"), 0);
	strcpy(before, get());
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* What comes before the bad line would have had an effect. */
		snprintf(lines, 1 << 20, "%s%s",
			strncmp(rows[i], "public", 6) == 0
				? "replace_peers=true\npublic_key=" KEY("04") "\n"
				: "replace_peers=true\n",
			rows[i]);
		if (set(lines) == 0)
			fail_msg("accepted: %s", rows[i]);
		assert_true(refusal_errno(&why) > 0);
		assert_string_equal(get(), before);
	}
	assert_int_equal(set_n(nul, sizeof(nul) - 1), -1);
	memset(lines, 'a', 1 << 20);
	assert_int_equal(set_n(lines, 1 << 20), -1);
	assert_string_equal(get(), before);
	assert_int_equal(fake.keys_set, 0);
	free(lines);
}

static void
test_listen_port_message_says_what_to_do(void **state)
{
	assert_int_equal(set("listen_port=51820\nfwmark=0\n"), 0);
	assert_int_equal(set("listen_port=51821\n"), -1);
	assert_non_null(strstr(why.message, "wgdp.yaml"));
}

static void
test_private_key_is_stored(void **state)
{
	const char *path = m.ifaces[0].config->private_key_file;
	uint8_t key[32], want[32], public_key[32];
	char err[256];

	memset(want, 0x77, 32);
	want[0] &= 248;
	want[31] = (want[31] & 127) | 64;
	assert_int_equal(set("private_key="
			     "7777777777777777777777777777777777777777777777777777777777777777\n"
			     "public_key=" KEY("01") "\nallowed_ip=10.0.0.1/32\n"),
		0);
	assert_int_equal(fake.keys_set, 1);
	assert_memory_equal(fake.private_key, want, 32);
	assert_int_equal(key_read_file(path, key, NULL, err, sizeof(err)), 0);
	assert_memory_equal(key, want, 32);
	x25519_base(public_key, want);
	assert_memory_equal(m.ifaces[0].public_key, public_key, 32);
	/* The same again ends no sessions. */
	assert_int_equal(set("private_key="
			     "7777777777777777777777777777777777777777777777777777777777777777\n"),
		0);
	assert_int_equal(fake.keys_set, 1);
}

static void
test_private_key_that_cannot_be_stored(void **state)
{
	char command[160];

	/* A directory in the file's place: rename fails when all else is done. */
	snprintf(command, sizeof(command), "mkdir '%s'", m.ifaces[0].config->private_key_file);
	assert_int_equal(system(command), 0);
	assert_int_equal(set("private_key=" KEY("40") "\npublic_key=" KEY("01") "\n"), -1);
	assert_int_equal(why.status, 500);
	assert_int_equal(fake.keys_set, 0);
	assert_string_equal(allowed(1), "gone");
	snprintf(command, sizeof(command), "test $(ls '%s' | wc -l) = 2", fake_dir);
	assert_int_equal(system(command), 0); /* no temporary file is left */
}

static void
test_many_peers(void **state)
{
	char *lines = malloc(1 << 20), *p = lines;

	for (unsigned i = 1; i <= 1000; i++)
		p += sprintf(p, "public_key=%04x%060x\nallowed_ip=10.1.%u.%u/32\n", i, 0, i / 256,
			i % 256);
	assert_int_equal(set(lines), 0);
	assert_int_equal(registry_count(m.registry, 0), 1000);
	/* Every odd one goes, and the failing last line brings them all back. */
	p = lines;
	for (unsigned i = 1; i <= 1000; i += 2)
		p += sprintf(p, "public_key=%04x%060x\nremove=true\n", i, 0);
	strcpy(p, "bad\n");
	assert_int_equal(set(lines), -1);
	assert_int_equal(registry_count(m.registry, 0), 1000);
	free(lines);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_get_prints_as_wireguard_go),
		T(test_allowed_ips),
		T(test_remove_update_only_and_replace),
		T(test_setconf_keeps_name_and_learned_endpoint),
		T(test_bad_lines_change_nothing),
		T(test_listen_port_message_says_what_to_do),
		T(test_private_key_is_stored),
		T(test_private_key_that_cannot_be_stored),
		T(test_many_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
