/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/config.h"
#include "control/peer_db.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define K1 "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define K2 "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static char dir[] = "/tmp/wgdp-config-XXXXXX";
static char path[64];
static char err[CONFIG_ERROR_SIZE];

static char *
in_dir(const char *name)
{
	static char full[4][128];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(full[i], sizeof(full[i]), "%s/%s", dir, name);
	return full[i];
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	chmod(in_dir(name), 0600);
}

/* ---- good files --------------------------------------------------------- */

/* Lines are counted by the errors below: dataplane is 1, ports 2, interfaces 4. */
#define DATAPLANE "dataplane: {worker_lcores: [0]}\n"
#define PORTS "ports:\n- {name: wan0, device: net_tap0, addresses: [192.0.2.1/24]}\n"
#define WG0 "- {name: wg0, private_key_file: wg0.key, listen_port: 51820, peer_db: wg0.yaml}\n"
#define INTERFACES "interfaces:\n" WG0
#define GOOD DATAPLANE PORTS INTERFACES

static void
expect_prefix(const struct ip_prefix *p, const char *text)
{
	char buf[IP_PREFIX_STRLEN];

	assert_string_equal(ip_prefix_format(buf, p), text);
}

static struct config
load(void)
{
	struct config c;

	if (config_load(path, &c, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	return c;
}

static void
test_defaults(void **state)
{
	struct config c;

	write_file("wgdp.yaml", PORTS INTERFACES);
	c = load();
	assert_string_equal(c.path, path);
	assert_int_equal(c.dataplane.control_lcore, 0);
	assert_int_equal(c.dataplane.n_worker_lcores, 1);
	assert_int_equal(c.dataplane.worker_lcores[0], sysconf(_SC_NPROCESSORS_CONF) > 1);
	assert_true(c.dataplane.hugepages);
	assert_int_equal(c.dataplane.memory_mb, 1024);
	assert_int_equal(c.dataplane.max_peers, 10000);
	assert_int_equal(c.dataplane.idle, CONFIG_IDLE_ADAPTIVE);
	assert_int_equal(c.dataplane.n_eal_args, 0);
	assert_int_equal(c.n_ports, 1);
	assert_int_equal(c.ports[0].mtu, 1500);
	assert_int_equal(c.n_routes, 0);
	assert_int_equal(c.n_interfaces, 1);
	assert_int_equal(c.interfaces[0].n_addresses, 0);
	assert_int_equal(c.interfaces[0].mtu, 1420);
	assert_true(c.interfaces[0].hairpin);
	assert_string_equal(c.control.socket, "/run/wgdp/control.sock");
	assert_int_equal(c.control.mode, 0660);
	assert_false(c.control.has_group);
	assert_string_equal(c.control.uapi_dir, "/var/run/wireguard");
	assert_true(c.hardening.drop_capabilities && c.hardening.seccomp);
	assert_false(c.hardening.core_dumps);
	assert_int_equal(c.n_warnings, 0);
	config_free(&c);
	assert_null(c.interfaces);
}

static void
test_every_key(void **state)
{
	struct config c;

	write_file("wgdp.yaml",
		"dataplane: {control_lcore: 0, worker_lcores: [0, 0], hugepages: false,\n"
		"  memory_mb: 1800, max_peers: 100000, idle: adaptive,\n"
		"  eal_args: [--log-level=8, \"--iova-mode\", va]}\n"
		"ports:\n"
		"- {name: wan0, device: \"0000:3b:00.0\", mtu: 9216,\n"
		"   addresses: [192.0.2.1/24, \"2001:db8::1/64\"]}\n"
		"- {name: lan0, device: \"net_af_packet0,iface=lan\", mtu: 576,\n"
		"   addresses: [10.20.0.1/24, 192.0.3.0/31]}\n"
		"routes:\n"
		"- {to: 0.0.0.0/0, via: 192.0.2.254}\n"
		"- {to: 10.30.0.0/16, via: 10.20.0.9}\n"
		"- {to: \"::/0\", via: \"2001:db8::ff\"}\n"
		"interfaces:\n"
		"- {name: wg0, private_key_file: wg0.key, listen_port: 1, mtu: 9000,\n"
		"   addresses: [10.8.0.1/16, \"fd00:8::1/64\"], hairpin: deny, peer_db: wg0.yaml}\n"
		"- {name: w=_+.-9, private_key_file: wg0.key, listen_port: 65535, mtu: 576,\n"
		"   peer_db: ./sub/../new.yaml, addresses: []}\n"
		"control: {socket: run/sock, mode: \"0600\", group: root, uapi_dir: /run/wg}\n"
		"hardening: {drop_capabilities: false, seccomp: false, core_dumps: true}\n");
	mkdir(in_dir("sub"), 0700);
	c = load();
	assert_int_equal(c.dataplane.n_worker_lcores, 2);
	assert_int_equal(c.dataplane.worker_lcores[1], 0);
	assert_false(c.dataplane.hugepages);
	assert_int_equal(c.dataplane.memory_mb, 1800);
	assert_false(c.hardening.drop_capabilities || c.hardening.seccomp);
	assert_true(c.hardening.core_dumps);
	assert_int_equal(c.dataplane.max_peers, 100000);
	assert_int_equal(c.dataplane.n_eal_args, 3);
	assert_string_equal(c.dataplane.eal_args[2], "va");
	assert_int_equal(c.n_ports, 2);
	assert_string_equal(c.ports[0].name, "wan0");
	assert_string_equal(c.ports[0].device, "0000:3b:00.0");
	assert_int_equal(c.ports[0].mtu, 9216);
	assert_int_equal(c.ports[0].n_addresses, 2);
	expect_prefix(&c.ports[0].addresses[0], "192.0.2.1/24");
	expect_prefix(&c.ports[0].addresses[1], "2001:db8::1/64");
	expect_prefix(&c.ports[1].addresses[1], "192.0.3.0/31");
	assert_int_equal(c.n_routes, 3);
	expect_prefix(&c.routes[0].to, "0.0.0.0/0");
	assert_int_equal(c.routes[0].port, 0);
	assert_int_equal(c.routes[1].port, 1);
	assert_int_equal(c.routes[2].port, 0);
	assert_int_equal(c.n_interfaces, 2);
	assert_string_equal(c.interfaces[0].private_key_file, in_dir("wg0.key"));
	assert_int_equal(c.interfaces[0].private_key[0], 1);
	assert_int_equal(c.interfaces[0].listen_port, 1);
	assert_int_equal(c.interfaces[0].mtu, 9000);
	assert_int_equal(c.interfaces[0].n_addresses, 2);
	assert_false(c.interfaces[0].hairpin);
	assert_string_equal(c.interfaces[0].peer_db, in_dir("wg0.yaml"));
	assert_string_equal(c.interfaces[1].name, "w=_+.-9");
	assert_int_equal(c.interfaces[1].listen_port, 65535);
	assert_string_equal(c.control.socket, in_dir("run/sock"));
	assert_int_equal(c.control.mode, 0600);
	assert_true(c.control.has_group);
	assert_int_equal(c.control.group, 0);
	assert_string_equal(c.control.uapi_dir, "/run/wg");
	config_free(&c);
	rmdir(in_dir("sub"));
}

static void
test_empty_sections_are_absent_ones(void **state)
{
	struct config c;

	write_file("wgdp.yaml", "dataplane:\nroutes:\ncontrol: ~\n" PORTS INTERFACES);
	c = load();
	assert_int_equal(c.dataplane.memory_mb, 1024);
	config_free(&c);
}

/* Each has its line, and its words. */
static void
test_warnings(void **state)
{
	char want[512];
	struct config c;

	write_file("wgdp.yaml", PORTS
		"interfaces:\n"
		"- {name: wg0, private_key_file: wg0.key, listen_port: 51820, peer_db: wg0.yaml,\n"
		"   mtu: 1441}\n"
		"control: {mode: 0666}\n");
	chmod(in_dir("wg0.key"), 0604);
	c = load();
	chmod(in_dir("wg0.key"), 0600);
	assert_int_equal(c.n_warnings, 3);
	snprintf(want, sizeof(want),
		"%s:5: interfaces[0].mtu: warning: packets of 1441 bytes fit through no port when "
		"sealed, at most 1440 do",
		path);
	assert_string_equal(c.warnings[0], want);
	snprintf(want, sizeof(want),
		"%s:6: control.mode: warning: every user of this system may manage the gateway",
		path);
	assert_string_equal(c.warnings[1], want);
	snprintf(want, sizeof(want),
		"%s:4: interfaces[0].private_key_file: warning: every user of this system can read "
		"%s",
		path, in_dir("wg0.key"));
	assert_string_equal(c.warnings[2], want);
	config_free(&c);
}

/* ---- wrong files -------------------------------------------------------- */

struct bad_row {
	const char *text;
	const char *error; /* behind the file's path; %s is the directory */
};

#define PORT(keys) DATAPLANE "ports:\n- {name: p, device: d, " keys "}\n" INTERFACES
#define PORT2(keys) DATAPLANE PORTS "- {" keys "}\n" INTERFACES
#define ROUTE(keys) GOOD "routes:\n- {" keys "}\n"
#define IFACE(keys) DATAPLANE PORTS "interfaces:\n- {" keys "}\n"
#define IFACE2(keys) GOOD "- {" keys "}\n"
#define DATA(keys) "dataplane: {worker_lcores: [0], " keys "}\n" PORTS INTERFACES
#define CONTROL(keys) GOOD "control: {" keys "}\n"
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct bad_row bad_files[] = {
	/* the form */
	{"", ":1: ports: expected a list of 1 to 16, found 0"},
	{"# nothing\n", ":1: ports: expected a list of 1 to 16, found 0"},
	{"[]\n", ":1: syntax: expected keys with values (\"key: value\")"},
	{"wgdp\n", ":1: syntax: expected keys with values (\"key: value\")"},
	{"dataplane:\n\tmemory_mb: 1024\n",
		":2: syntax: expected spaces for indentation, found a tab"},
	{"dataplane: {memory_mb: 1024\n", ":2: syntax: expected YAML: while parsing a flow "
					  "mapping, did not find expected ',' "
					  "or '}'"},
	{"dataplane: \"\n", ":2: syntax: expected YAML: while scanning a quoted scalar, found "
			    "unexpected end of stream"},
	{"a: &a [x]\nb: *a\n", ":1: a: expected a plain value, found a YAML anchor (&name)"},
	{"dataplane: *a\n", ":1: dataplane: expected a plain value, found a YAML alias (*name)"},
	{"dataplane: {<<: {idle: poll}}\n",
		":1: dataplane.<<: unknown key, expected control_lcore, worker_lcores, hugepages, "
		"memory_mb, max_peers, idle or eal_args"},
	{"dataplane: !!map {}\n",
		":1: dataplane: expected a plain value, found a YAML tag (!name)"},
	{"dataplane: {}\n---\ndataplane: {}\n", ":2: syntax: expected one document, found another"},
	{"dataplane: {}\ndataplane: {}\n",
		":2: dataplane: expected once, found again (first on line 1)"},
	{"dataplane:\n  idle: poll\n  idle: poll\n",
		":3: dataplane.idle: expected once, found again (first on line 2)"},
	/* What a terminal would obey, C1 in UTF-8 too. */
	{"\"a\\x9b2J\\e[2J\": {}\n", ":1: a??2J?[2J: unknown key, expected dataplane, ports, "
				     "routes, interfaces, control or hardening"},
	{"dataplan: {}\n", ":1: dataplan: unknown key, expected dataplane, ports, routes, "
			   "interfaces, control or "
			   "hardening"},
	{"dataplane: []\n", ":1: dataplane: expected keys with values, found a list"},
	{"dataplane: yes\n", ":1: dataplane: expected keys with values, found \"yes\""},
	{"ports: {}\n", ":1: ports: expected a list, found a mapping"},
	{"ports:\n- wan0\n", ":2: ports[0]: expected keys with values, found \"wan0\""},
	{"ports:\n-\n", ":2: ports[0]: expected keys with values, found nothing"},
	{"a: [[[[[[[[[[\n",
		":1: a[0][0][0][0][0]: expected at most 6 levels of lists and mappings"},
	{"# \xff\n", ":1: syntax: expected text in UTF-8: invalid leading UTF-8 octet"},
	/* dataplane */
	{DATA("cores: 1"),
		":1: dataplane.cores: unknown key, expected control_lcore, worker_lcores, "
		"hugepages, memory_mb, max_peers, idle or eal_args"},
	{DATA("memory_mb: plenty"), ":1: dataplane.memory_mb: expected a whole number from 1 to "
				    "1048576, found \"plenty\""},
	{DATA("memory_mb: \"1024\""), ":1: dataplane.memory_mb: expected a whole number from 1 to "
				      "1048576, found \"1024\""},
	{DATA("memory_mb: 01024"), ":1: dataplane.memory_mb: expected a whole number from 1 to "
				   "1048576, found \"01024\""},
	{DATA("memory_mb: 1024.5"), ":1: dataplane.memory_mb: expected a whole number from 1 to "
				    "1048576, found \"1024.5\""},
	{DATA("memory_mb: -1"),
		":1: dataplane.memory_mb: expected a whole number from 1 to 1048576, found \"-1\""},
	{DATA("memory_mb: 99999999999999999999"),
		":1: dataplane.memory_mb: expected a whole number from 1 to 1048576, found "
		"\"99999999999999999999\""},
	{DATA("memory_mb: [1]"),
		":1: dataplane.memory_mb: expected a whole number from 1 to 1048576, found a list"},
	{DATA("memory_mb: ~"), ":1: dataplane.memory_mb: expected a whole number from 1 to "
			       "1048576, found nothing"},
	{DATA("memory_mb: 511"), ":1: dataplane.memory_mb: expected at least 512 for max_peers "
				 "10000, found 511: too little memory"},
	{DATA("max_peers: 1000000, memory_mb: 4096"), ":1: dataplane.memory_mb: expected at least "
						      "14112 for max_peers 1000000, found 4096: "
						      "too little memory"},
	{DATA("max_peers: 1000000"), ":1: dataplane.memory_mb: expected at least 14112 for "
				     "max_peers 1000000, found 1024: "
				     "too little memory"},
	{DATA("max_peers: 0"),
		":1: dataplane.max_peers: expected a whole number from 1 to 1000000, found \"0\""},
	{DATA("max_peers: 1000001"), ":1: dataplane.max_peers: expected a whole number from 1 to "
				     "1000000, found \"1000001\""},
	{DATA("hugepages: yes"), ":1: dataplane.hugepages: expected true or false, found \"yes\""},
	{DATA("hugepages: \"true\""),
		":1: dataplane.hugepages: expected true or false, found \"true\""},
	{DATA("idle: sleepy"), ":1: dataplane.idle: expected adaptive or poll, found \"sleepy\""},
	{DATA("control_lcore: 1024"), ":1: dataplane.control_lcore: expected a whole number from 0 "
				      "to 1023, found \"1024\""},
	{"dataplane: {worker_lcores: 0}\n",
		":1: dataplane.worker_lcores: expected a list, found \"0\""},
	{"dataplane: {worker_lcores: []}\n",
		":1: dataplane.worker_lcores: expected a list of 1 to 64, found 0"},
	{"dataplane: {worker_lcores: [0, x]}\n",
		":1: dataplane.worker_lcores[1]: expected a whole number from 0 to 1023, found "
		"\"x\""},
	{DATA("idle: poll"), ":1: dataplane.worker_lcores[0]: expected a CPU other than "
			     "control_lcore's (0) with "
			     "idle: poll"},
	{DATA("eal_args: --foo"), ":1: dataplane.eal_args: expected a list, found \"--foo\""},
	{DATA("eal_args: [\"\"]"), ":1: dataplane.eal_args[0]: expected a text of at most 255 "
				   "printable characters, found \"\""},
	{DATA("eal_args: [--iova-mode=va, -l, 0-3]"), ":1: dataplane.eal_args[1]: expected no "
						      "option that wgdp sets itself, found \"-l\""},
	{DATA("eal_args: [-m512]"),
		":1: dataplane.eal_args[0]: expected no option that wgdp sets itself, found "
		"\"-m512\""},
	{DATA("eal_args: [--lcore=0]"),
		":1: dataplane.eal_args[0]: expected no option that wgdp sets itself, found "
		"\"--lcore=0\""},
	{DATA("eal_args: [--no-huge]"),
		":1: dataplane.eal_args[0]: expected no option that wgdp sets itself, found "
		"\"--no-huge\""},
	{DATA("eal_args: [--]"), ":1: dataplane.eal_args[0]: expected no option that wgdp sets "
				 "itself, found \"--\""},
	/* ports */
	{DATAPLANE "ports: []\n" INTERFACES, ":2: ports: expected a list of 1 to 16, found 0"},
	{DATAPLANE INTERFACES, ":1: ports: expected a list of 1 to 16, found 0"},
	{PORT("mtuu: 1"),
		":3: ports[0].mtuu: unknown key, expected name, device, mtu or addresses"},
	{PORT("mtu: 1500"), ":3: ports[0].addresses: expected a list; each member an own unicast "
			    "address with its network's length, as 192.0.2.1/24, found nothing"},
	{DATAPLANE "ports:\n- {device: d, addresses: [192.0.2.1/24]}\n" INTERFACES,
		":3: ports[0].name: expected a name of 1 to 15 letters, digits, '_', '=', '+', '.' "
		"or '-', found nothing"},
	{DATAPLANE "ports:\n- {name: 0123456789abcdef}\n" INTERFACES,
		":3: ports[0].name: expected a name of 1 to 15 letters, digits, '_', '=', '+', '.' "
		"or '-', found \"0123456789abcdef\""},
	{DATAPLANE "ports:\n- {name: a/b}\n" INTERFACES,
		":3: ports[0].name: expected a name of 1 to 15 letters, digits, '_', '=', '+', '.' "
		"or '-', found \"a/b\""},
	{DATAPLANE "ports:\n- {name: ..}\n" INTERFACES,
		":3: ports[0].name: expected a name of 1 to 15 letters, digits, '_', '=', '+', '.' "
		"or '-', found \"..\""},
	{DATAPLANE "ports:\n- {name: p, addresses: [192.0.2.1/24]}\n" INTERFACES,
		":3: ports[0].device: expected a text of at most 255 printable characters, found "
		"nothing"},
	{DATAPLANE "ports:\n- name: p\n  device: -l\n  addresses: [192.0.2.1/24]\n" INTERFACES,
		":4: ports[0].device: expected a device, found an option"},
	{PORT("addresses: [192.0.2.1/33]"),
		":3: ports[0].addresses[0]: expected an own unicast address with its network's "
		"length, as 192.0.2.1/24, found \"192.0.2.1/33\""},
	{PORT("addresses: [192.0.2.1]"),
		":3: ports[0].addresses[0]: expected an own unicast address with its network's "
		"length, as 192.0.2.1/24, found \"192.0.2.1\""},
	{PORT("addresses: [192.0.2.0/24]"),
		":3: ports[0].addresses[0]: expected an own unicast address with its network's "
		"length, as 192.0.2.1/24, found \"192.0.2.0/24\""},
	{PORT("addresses: [192.0.2.255/24]"),
		":3: ports[0].addresses[0]: expected an own unicast address with its network's "
		"length, as 192.0.2.1/24, found \"192.0.2.255/24\""},
	{PORT("addresses: [192.0.2.1/24, 224.0.0.1/24]"),
		":3: ports[0].addresses[1]: expected an own unicast address with its network's "
		"length, as 192.0.2.1/24, found \"224.0.0.1/24\""},
	{PORT("addresses: [127.0.0.1/8]"),
		":3: ports[0].addresses[0]: expected an own unicast address with its network's "
		"length, as 192.0.2.1/24, found \"127.0.0.1/8\""},
	{PORT("addresses: [\"fe80::1/64\"]"),
		":3: ports[0].addresses[0]: expected an own unicast address with its network's "
		"length, as 192.0.2.1/24, found \"fe80::1/64\""},
	{PORT("addresses: [10.0.0.1/0]"),
		":3: ports[0].addresses[0]: expected an own unicast address with its network's "
		"length, as 192.0.2.1/24, found \"10.0.0.1/0\""},
	{PORT("mtu: 575"),
		":3: ports[0].mtu: expected a whole number from 576 to 9216, found \"575\""},
	{PORT("mtu: 9217"),
		":3: ports[0].mtu: expected a whole number from 576 to 9216, found \"9217\""},
	{DATAPLANE "ports:\n- name: p\n  device: d\n  mtu: 1279\n  addresses: "
		   "[\"2001:db8::1/64\"]\n" INTERFACES,
		":5: ports[0].mtu: expected at least 1280 with an IPv6 address, found 1279"},
	{PORT2("name: wan0, device: e, addresses: [10.0.0.1/24]"),
		":4: ports[1].name: expected a name of its own, found \"wan0\" again"},
	{PORT2("name: lan0, device: \"net_tap0,iface=x\", addresses: [10.0.0.1/24]"),
		":4: ports[1].device: expected a device of its own, \"net_tap0,iface=x\" is port "
		"wan0's"},
	{PORT2("name: lan0, device: e, addresses: [10.0.0.1/24, 192.0.2.129/25]"),
		":4: ports[1].addresses[1]: expected a network of its own, 192.0.2.129/25 overlaps "
		"192.0.2.1/24 of port wan0"},
	{PORT("addresses: [10.0.0.1/24, 10.0.0.1/25]"),
		":3: ports[0].addresses[1]: expected an address of its own, 10.0.0.1 is that of p "
		"too"},
	/* routes */
	{GOOD "routes: all\n", ":6: routes: expected a list, found \"all\""},
	{ROUTE("to: 10.0.0.0/8"), ":7: routes[0].via: expected an IP address, found nothing"},
	{ROUTE("to: 10.1.0.0/8, via: 192.0.2.2"),
		":7: routes[0].to: expected a network, as 192.0.2.0/24, found \"10.1.0.0/8\""},
	{ROUTE("to: 10.0.0.0/8, via: 192.0.2.2/24"),
		":7: routes[0].via: expected an IP address, found \"192.0.2.2/24\""},
	{ROUTE("to: 10.0.0.0/8, via: 192.0.3.2"),
		":7: routes[0].via: expected an address in a port's network, 192.0.3.2 is in none"},
	{ROUTE("to: 10.0.0.0/8, via: 192.0.2.1"),
		":7: routes[0].via: expected another host, 192.0.2.1 is port wan0's own address"},
	{ROUTE("to: \"::/0\", via: 192.0.2.2"),
		":7: routes[0].via: expected an address of the same family as to"},
	{ROUTE("to: 192.0.2.0/24, via: 192.0.2.2"),
		":7: routes[0].to: expected a network behind others, 192.0.2.0/24 is port wan0's "
		"own"},
	{ROUTE("to: 10.0.0.0/8, via: 192.0.2.2}\n- {to: 10.0.0.0/8, via: 192.0.2.3"),
		":8: routes[1].to: expected each network once, found 10.0.0.0/8 again"},
	/* interfaces */
	{DATAPLANE PORTS, ":1: interfaces: expected a list of 1 to 64, found 0"},
	{IFACE("name: wg0, listen_port: 1, peer_db: x"),
		":5: interfaces[0].private_key_file: expected the path of a file, found nothing"},
	{IFACE("name: wg0, private_key_file: wg0.key, peer_db: x"),
		":5: interfaces[0].listen_port: expected a whole number from 1 to 65535, found "
		"nothing"},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 0, peer_db: x"),
		":5: interfaces[0].listen_port: expected a whole number from 1 to 65535, found "
		"\"0\""},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 65536, peer_db: x"),
		":5: interfaces[0].listen_port: expected a whole number from 1 to 65535, found "
		"\"65536\""},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 1"),
		":5: interfaces[0].peer_db: expected the path of a file, found nothing"},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 1, peer_db: x, fwmark: 1"),
		":5: interfaces[0].fwmark: unknown key, expected name, private_key_file, "
		"listen_port, addresses, mtu, hairpin, peer_db, unknown_peer_hook or "
		"unknown_peer_idle"},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 1, peer_db: x, mtu: 9001"),
		":5: interfaces[0].mtu: expected a whole number from 576 to 9000, found \"9001\""},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 1, peer_db: x, mtu: 1000, "
	       "addresses: [\"fd00::1/64\"]"),
		":5: interfaces[0].mtu: expected at least 1280 with an IPv6 address, found 1000"},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 1, peer_db: x, hairpin: no"),
		":5: interfaces[0].hairpin: expected deny or allow, found \"no\""},
	{IFACE("name: wan0, private_key_file: wg0.key, listen_port: 1, peer_db: x"),
		":5: interfaces[0].name: expected a name of its own, \"wan0\" is a port's"},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 1, peer_db: x, addresses: "
	       "[192.0.2.1/32]"),
		":5: interfaces[0].addresses[0]: expected an address of its own, 192.0.2.1 is that "
		"of wan0 too"},
	{IFACE2("name: wg0, private_key_file: wg0.key, listen_port: 1, peer_db: x"),
		":6: interfaces[1].name: expected a name of its own, found \"wg0\" again"},
	{IFACE2("name: wg1, private_key_file: wg0.key, listen_port: 51820, peer_db: x"),
		":6: interfaces[1].listen_port: expected a port of its own, 51820 is interface "
		"wg0's"},
	{IFACE2("name: wg1, private_key_file: wg0.key, listen_port: 1, peer_db: ./wg0.yaml"),
		":6: interfaces[1].peer_db: expected a file of its own, found that of interface "
		"wg0"},
	{IFACE2("name: wg1, private_key_file: wg0.key, listen_port: 1, peer_db: wg0.key"),
		":6: interfaces[1].peer_db: expected a file of its own, found the private key of "
		"interface wg0"},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 1, peer_db: wgdp.yaml"),
		":5: interfaces[0].peer_db: expected a file of its own, found this one"},
	{IFACE("name: wg0, private_key_file: wg0.key, listen_port: 1, peer_db: /none/x"),
		":5: interfaces[0].peer_db: expected a file in a directory that exists, found "
		"\"/none/x\""},
	{IFACE("name: wg0, private_key_file: none.key, listen_port: 1, peer_db: x"),
		":5: interfaces[0].private_key_file: expected a readable file: No such file or "
		"directory (%s/none.key)"},
	{IFACE("name: wg0, private_key_file: ., listen_port: 1, peer_db: x"),
		":5: interfaces[0].private_key_file: expected a regular file (%s/.)"},
	{IFACE("name: wg0, private_key_file: short.key, listen_port: 1, peer_db: x"),
		":5: interfaces[0].private_key_file: expected one key of 32 bytes in base64, as wg "
		"genkey writes (%s/short.key)"},
	{IFACE("name: wg0, private_key_file: zero.key, listen_port: 1, peer_db: x"),
		":5: interfaces[0].private_key_file: expected a key, found all zeros "
		"(%s/zero.key)"},
	/* control */
	{CONTROL("mode: 60"), ":6: control.mode: expected an octal mode from 0600 to 0777, with "
			      "read and write for its owner, found \"60\""},
	{CONTROL("mode: \"0999\""), ":6: control.mode: expected an octal mode from 0600 to 0777, "
				    "with read and write for its owner, found \"0999\""},
	{CONTROL("mode: \"0060\""), ":6: control.mode: expected an octal mode from 0600 to 0777, "
				    "with read and write for its owner, found \"0060\""},
	{CONTROL("group: no-such-group"), ":6: control.group: expected the name of a group of this "
					  "system, found \"no-such-group\""},
	{CONTROL("socket: /" A50 A50 "1234567"),
		":6: control.socket: expected a path of at most 107 bytes, found 108"},
	{CONTROL("uapi_dir: /" A50 "1234567890123456789012345678901234567890123456789"),
		":6: control.uapi_dir: expected a path of at most 107 bytes with /wg0.sock, found "
		"109"},
	{CONTROL("socket: \"a\\tb\""),
		":6: control.socket: expected the path of a file, found \"a?b\""},
	{CONTROL("socket: \"\""), ":6: control.socket: expected the path of a file, found \"\""},
};

static void
test_wrong_files(void **state)
{
	unsigned failed = 0;

	for (size_t i = 0; i < COUNT(bad_files); i++) {
		const char *error = bad_files[i].error, *at = strstr(error, "%s");
		char want[1024];
		struct config c;

		write_file("wgdp.yaml", bad_files[i].text);
		snprintf(want, sizeof(want), "%s%.*s%s%s", path,
			at != NULL ? (int)(at - error) : (int)strlen(error), error,
			at != NULL ? dir : "", at != NULL ? at + 2 : "");
		memset(&c, 0xff, sizeof(c));
		if (config_load(path, &c, err, sizeof(err)) == 0)
			strcpy(err, "loaded");
		if (strcmp(err, want) != 0) {
			print_error("want %s\ngot  %s\n", want, err);
			failed++;
		}
		assert_int_equal(c.n_interfaces, 0);
		assert_null(c.path);
		config_free(&c);
	}
	assert_int_equal(failed, 0);
}

/* The errors that name this machine's CPUs. */
static void
test_wrong_cpus(void **state)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	char text[512], want[512];
	struct config c;

	snprintf(text, sizeof(text), "dataplane: {control_lcore: %ld}\n" PORTS INTERFACES, cpus);
	write_file("wgdp.yaml", text);
	assert_int_equal(config_load(path, &c, err, sizeof(err)), -1);
	snprintf(want, sizeof(want),
		"%s:1: dataplane.control_lcore: expected a CPU of this machine, 0 to %ld, found "
		"%ld",
		path, cpus - 1, cpus);
	assert_string_equal(err, want);
	snprintf(text, sizeof(text),
		"dataplane:\n  worker_lcores:\n  - 0\n  - %ld\n" PORTS INTERFACES, cpus);
	write_file("wgdp.yaml", text);
	assert_int_equal(config_load(path, &c, err, sizeof(err)), -1);
	snprintf(want, sizeof(want),
		"%s:4: dataplane.worker_lcores[1]: expected a CPU of this machine, 0 to %ld, found "
		"%ld",
		path, cpus - 1, cpus);
	assert_string_equal(err, want);
	if (cpus < 2)
		return;
	write_file(
		"wgdp.yaml", "dataplane: {idle: poll, worker_lcores: [1, 1]}\n" PORTS INTERFACES);
	assert_int_equal(config_load(path, &c, err, sizeof(err)), -1);
	snprintf(want, sizeof(want),
		"%s:1: dataplane.worker_lcores[1]: expected each CPU once with idle: poll, found 1 "
		"again",
		path);
	assert_string_equal(err, want);
	write_file("wgdp.yaml", "dataplane: {idle: poll, worker_lcores: [1]}\n" PORTS INTERFACES);
	c = load();
	assert_int_equal(c.dataplane.idle, CONFIG_IDLE_POLL);
	config_free(&c);
}

static void
test_unreadable(void **state)
{
	char want[256];
	struct config c;
	FILE *f;

	unlink(path);
	assert_int_equal(config_load(path, &c, err, sizeof(err)), -1);
	snprintf(want, sizeof(want),
		"%s:0: file: expected a readable file: No such file or directory", path);
	assert_string_equal(err, want);
	assert_int_equal(config_load(dir, &c, err, sizeof(err)), -1);
	snprintf(want, sizeof(want), "%s:0: file: expected a regular file", dir);
	assert_string_equal(err, want);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), 1 << 30), 0);
	fclose(f);
	assert_int_equal(config_load(path, &c, err, sizeof(err)), -1);
	snprintf(want, sizeof(want), "%s:0: file: expected at most 1048576 bytes, found 1073741824",
		path);
	assert_string_equal(err, want);
	unlink(path);
}

/* ---- configuration and peers together ----------------------------------- */

static void
check_says(const char *name, const char *error)
{
	char want[1024];

	if (error == NULL) {
		if (config_check(path, NULL, err, sizeof(err)) < 0)
			fail_msg("%s", err);
		return;
	}
	snprintf(want, sizeof(want), "%s%s", in_dir(name), error);
	assert_int_equal(config_check(path, NULL, err, sizeof(err)), -1);
	assert_string_equal(err, want);
}

static void
test_check_with_peers(void **state)
{
	struct config c;
	struct peer_db *dbs;

	write_file("wgdp.yaml",
		"dataplane: {worker_lcores: [0], max_peers: 2}\n" PORTS INTERFACES
		"- {name: wg1, private_key_file: wg0.key, listen_port: 1, peer_db: wg1.yaml}\n");
	check_says("", NULL);
	write_file(
		"wg0.yaml", "peers:\n- {name: a, public_key: " K1 ", allowed_ips: [10.8.0.2]}\n");
	check_says("", NULL);
	c = load();
	assert_int_equal(config_load_peers(&c, &dbs, err, sizeof(err)), 0);
	assert_int_equal(dbs[0].n, 1);
	assert_int_equal(dbs[1].n, 0);
	config_free_peers(&c, dbs);
	config_free(&c);
	write_file(
		"wg1.yaml", "peers:\n- {name: b, public_key: " K1 ", allowed_ips: [10.8.0.2]}\n");
	check_says("wg1.yaml",
		":2: peers[0].allowed_ips[0]: expected no duplicate, 10.8.0.2/32 of peer b on "
		"interface wg1 is that of peer a on interface wg0 too");
	write_file("wg1.yaml",
		"peers:\n- {name: b, public_key: " K1 "}\n- {name: c, public_key: " K2 "}\n");
	check_says("wg1.yaml", ":3: peers: expected at most 2 peers on all interfaces "
			       "(max_peers), found more");
	write_file("wg1.yaml", "peers:\n- {name: b, public_key: AAAA}\n");
	check_says("wg1.yaml",
		":2: peers[0].public_key: expected a key of 32 bytes in base64, found \"AAAA\"");
	write_file("wgdp.yaml", "dataplane: 1\n");
	check_says("wgdp.yaml", ":1: dataplane: expected keys with values, found \"1\"");
	unlink(in_dir("wg0.yaml"));
	unlink(in_dir("wg1.yaml"));
}

static void
test_check_prints_warnings(void **state)
{
	char *text = NULL, want[512];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	write_file("wgdp.yaml", GOOD "control: {mode: \"0606\"}\n");
	assert_int_equal(config_check(path, f, err, sizeof(err)), 0);
	fclose(f);
	snprintf(want, sizeof(want),
		"%s:6: control.mode: warning: every user of this system may manage the gateway\n",
		path);
	assert_string_equal(text, want);
	free(text);
}

static void
copy_example(const char *from, const char *to)
{
	static char text[16384];
	char name[512];
	FILE *f;
	size_t n;

	snprintf(name, sizeof(name), "%s/%s", CONFIGS_DIR, from);
	f = fopen(name, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	assert_true(feof(f));
	text[n] = '\0';
	fclose(f);
	write_file(to, text);
}

/* The example is right, and names every key that the help does. */
static void
test_example(void **state)
{
	char *help = NULL, *save = NULL;
	static char example[16384];
	size_t size;
	FILE *f = open_memstream(&help, &size);
	unsigned keys = 0;

	copy_example("wgdp.yaml", "wgdp.yaml");
	copy_example("wg0.peers.yaml", "wg0.peers.yaml");
	if (sysconf(_SC_NPROCESSORS_CONF) > 1)
		check_says("", NULL);
	unlink(in_dir("wg0.peers.yaml"));

	assert_non_null(f);
	config_print_help(f);
	fclose(f);
	f = fopen(path, "r");
	assert_non_null(f);
	example[fread(example, 1, sizeof(example) - 1, f)] = '\0';
	fclose(f);
	for (char *line = strtok_r(help, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char key[64];

		if (sscanf(line, " %62[a-z_]:", key) != 1 || strncmp(line, "      ", 6) == 0)
			continue;
		strcat(key, ":");
		if (strstr(example, key) == NULL)
			fail_msg("the example lacks %s", key);
		keys++;
	}
	assert_int_equal(keys, 6 + 7 + 4 + 2 + 9 + 10 + 3);
	free(help);
}

static int
setup(void **state)
{
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/wgdp.yaml", dir);
	write_file("wg0.key", K1 "\n");
	write_file("short.key", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
	write_file("zero.key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	return 0;
}

static int
teardown(void **state)
{
	unlink(path);
	unlink(in_dir("wg0.key"));
	unlink(in_dir("short.key"));
	unlink(in_dir("zero.key"));
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_empty_sections_are_absent_ones),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_wrong_cpus),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_check_with_peers),
		cmocka_unit_test(test_check_prints_warnings),
		cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
