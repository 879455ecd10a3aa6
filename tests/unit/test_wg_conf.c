/* SPDX-License-Identifier: BSD-3-Clause */
/* wg-quick files: what is taken over, what is told, and hostile text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/wg_conf.h"

#define KEY_A "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
#define KEY_B "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="
#define PRIVATE "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="

static struct wg_conf conf;
static char told[4096]; /* "LINE KEY[!]: TEXT\n", with ! for what is unsupported */
static unsigned n_told;

static void
tell(void *arg, const struct wg_conf_problem *p)
{
	size_t used = strlen(told);

	n_told++;
	snprintf(told + used, sizeof(told) - used, "%u %s%s: %s\n", p->line, p->key,
		p->unsupported ? "!" : "", p->text);
}

static void
parse(const char *text)
{
	char *copy = strdup(text);

	told[0] = '\0';
	n_told = 0;
	wg_conf_parse(copy, &conf, tell, NULL);
	free(copy);
}

static int
teardown(void **state)
{
	wg_conf_free(&conf);
	return 0;
}

#define assert_told(s) \
	do { \
		if (strstr(told, (s)) == NULL) \
			fail_msg("no '%s' in:\n%s", (s), told); \
	} while (0)

static void
test_a_usual_file(void **state)
{
	char text[IP_PREFIX_STRLEN];

	parse("[Interface]\r\n"
	      "  privatekey = " PRIVATE "\n"
	      "Address = 10.9.0.1/24,fd00:9::1/64\n"
	      "Address = 10.10.0.1/24 # another\n"
	      "ListenPort=51821\nMTU = 1380\nTable = auto\nSaveConfig = false\n"
	      "\n"
	      "# Name = alice\n"
	      "[Peer]\n"
	      "PublicKey = " KEY_A "\n"
	      "PresharedKey = " KEY_B "\n"
	      "AllowedIPs = 10.9.0.2/32, 10.30.1.7/16\n"
	      "AllowedIPs = fd00:9::2/128\n"
	      "Endpoint = 192.0.2.7:1234\n"
	      "PersistentKeepalive = 25\n"
	      "[Peer]\n# Bob's laptop\n"
	      "PublicKey = " KEY_B "\nAllowedIPs =\nPersistentKeepalive = off");
	assert_string_equal(told, "");
	assert_true(conf.has_private_key);
	assert_int_equal(conf.listen_port, 51821);
	assert_int_equal(conf.mtu, 1380);
	assert_int_equal(conf.n_addresses, 3);
	assert_string_equal(ip_prefix_format(text, &conf.addresses[1]), "fd00:9::1/64");
	assert_int_equal(conf.n_peers, 2);
	assert_string_equal(conf.peers[0].name, "alice");
	assert_true(conf.peers[0].has_preshared_key);
	assert_int_equal(conf.peers[0].n, 3);
	assert_string_equal(ip_prefix_format(text, &conf.peers[0].allowed_ips[1]), "10.30.0.0/16");
	assert_int_equal(conf.peers[0].endpoint.port, 1234);
	assert_int_equal(conf.peers[0].persistent_keepalive, 25);
	assert_string_equal(conf.peers[1].name, "Bob-s-laptop");
	assert_int_equal(conf.peers[1].n, 0);
}

static void
test_what_wgdp_does_otherwise(void **state)
{
	parse("[Interface]\nPostUp = iptables\nPreDown = x\nTable = off\nSaveConfig = true\n"
	      "FwMark = 0x1\nDNS = 1.1.1.1\n[Peer]\nPublicKey = " KEY_A
	      "\nEndpoint = vpn.example.com:51820\n");
	assert_int_equal(n_told, 7);
	assert_told("2 PostUp!: wgdp runs no commands");
	assert_told("4 Table!: ");
	assert_told("5 SaveConfig!: ");
	assert_told("10 Endpoint!: wgdp looks up no names");
	assert_told("getent ahosts vpn.example.com)");
}

static void
test_errors_have_lines(void **state)
{
	parse("Address = 10.0.0.1/24\n[Interface]\nPrivateKey = AAAA\nListenPort = 0\nMTU = 99999\n"
	      "Address = 10.0.0.1/33\nAllowedIPs = 10.0.0.0/8\nnonsense\nFoo = 1\n[Nope]\nx=1\n"
	      "[Peer]\nEndpoint = 192.0.2.1:70000\nPersistentKeepalive = 70000\n[Interface]\n");
	assert_told("1 Address: stands before any section");
	assert_told("3 PrivateKey: expected 32 bytes");
	assert_told("4 ListenPort: expected 1 to 65535");
	assert_told("5 MTU: ");
	assert_told("6 Address: expected ADDRESS/LENGTH, found 10.0.0.1/33");
	assert_told("7 AllowedIPs: this belongs into the section [Peer]");
	assert_told("8 nonsense: expected KEY = VALUE");
	assert_told("9 Foo: not a key of wg-quick");
	assert_told("10 [Nope]: expected [Interface] or [Peer]");
	assert_told("13 Endpoint: expected a unicast ADDRESS:PORT");
	assert_told("14 PersistentKeepalive: ");
	assert_told("12 [Peer]: has no valid PublicKey");
	assert_told("15 [Interface]: there is one at line 2");
	assert_null(strstr(told, "!"));
}

static void
test_peers_together(void **state)
{
	parse("# al\n[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.0.0.2/32\n"
	      "# al\n[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = 10.0.0.3,10.0.0.2\n"
	      "#[Peer]\n#PublicKey = x\n[Peer]\nPublicKey = " KEY_A "\n");
	assert_int_equal(n_told, 2);
	assert_told("8 AllowedIPs: 10.0.0.2/32 is also that of the peer at line 2");
	assert_told("11 PublicKey: the peer at line 2 has the same key");
	assert_string_equal(conf.peers[0].name, "al");
	assert_true(strncmp(conf.peers[1].name, "peer-", 5) == 0);
	assert_true(strncmp(conf.peers[2].name, "peer-", 5) == 0);
	for (size_t i = 0; i < conf.n_peers; i++)
		assert_true(peer_name_valid(conf.peers[i].name));
}

/* Whatever the bytes are: no crash, and lines that exist. */
static void
test_noise(void **state)
{
	static const char pieces[][24] = {"[Peer]\n", "[Interface]\n", "PublicKey = ", "=", "#",
		"\n", "AllowedIPs=", ",", "10.0.0.1/", "Endpoint=[", ":", "]", "AAAA", "Client ",
		"\t", "\x80\xff"};
	char text[2048];

	srandom(3);
	for (unsigned round = 0; round < 3000; round++) {
		text[0] = '\0';
		for (unsigned i = random() % 60; i > 0; i--)
			strcat(text, pieces[random() % 16]);
		parse(text);
		wg_conf_free(&conf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_usual_file, teardown),
		cmocka_unit_test_teardown(test_what_wgdp_does_otherwise, teardown),
		cmocka_unit_test_teardown(test_errors_have_lines, teardown),
		cmocka_unit_test_teardown(test_peers_together, teardown),
		cmocka_unit_test_teardown(test_noise, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
