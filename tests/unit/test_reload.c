/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are edited while the gateway runs: taken over as a whole, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/peer_store.h"
#include "control/reload.h"
#include "crypto_accel/crypto_accel.h"
#include "fake_control.h"

#define KEY(letter) "A" letter "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PEER(name, letter, rest) "  - {name: " name ", public_key: \"" KEY(letter) "\"" rest "}\n"
#define HEAD \
	"dataplane: {max_peers: 5, worker_lcores: [0]}\n" \
	"ports:\n" \
	"  - {name: wan0, device: net_null0, addresses: [192.0.2.1/24]}\n" \
	"interfaces:\n"
#define WG0 \
	"  - {name: wg0, private_key_file: wg0.key, listen_port: 51820, peer_db: wg0.yaml, " \
	"mtu: 1400"
#define WG1 "  - {name: wg1, private_key_file: wg1.key, listen_port: 51821, peer_db: wg1.yaml}\n"

static const struct origin origin = {.via = "a test", .has_caller = true, .uid = 7, .pid = 8};
static struct management m;
static struct config config;
static char dir[64], report_text[4096];
static struct refusal why;

static void
write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	/* Another file, as editors make it: never mistaken for the one before. */
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
setup(void **state)
{
	struct peer_db dbs[2];
	char path[128], err[CONFIG_ERROR_SIZE];

	assert_int_equal(crypto_init(err, sizeof(err)), 0);
	memset(&fake, 0, sizeof(fake));
	fake_events = events_create(64);
	snprintf(dir, sizeof(dir), "/tmp/wgdp-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	write_file("wg0.key", "YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n");
	write_file("wg1.key", "kOPFxQGfVzPBIrBTkJzVxg1NWVvTSIZzPZrRpw4lI1s=\n");
	write_file("wgdp.yaml", HEAD WG0 "}\n" WG1);
	write_file("wg0.yaml", "peers:\n" PEER("a", "B", ", allowed_ips: [10.0.0.1/32]")
				       PEER("b", "C", ", allowed_ips: [10.0.0.2/32]"));
	write_file("wg1.yaml", "peers:\n" PEER("z", "D", ", allowed_ips: [10.1.0.1/32]"));
	snprintf(path, sizeof(path), "%s/wgdp.yaml", dir);
	if (config_load(path, &config, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	for (unsigned i = 0; i < 2; i++)
		if (peer_store_load(config.interfaces[i].peer_db, &dbs[i], err, sizeof(err)) != 0)
			fail_msg("%s", err);
	assert_int_equal(management_init(&m, &config, dbs, NULL, NULL, err, sizeof(err)), 0);
	while (!m.ready)
		assert_int_equal(management_load_slice(&m, err, sizeof(err)), 0);
	for (unsigned i = 0; i < 2; i++)
		peer_db_free(&dbs[i]);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	management_fini(&m);
	config_free(&config);
	events_destroy(fake_events);
	for (unsigned i = 0; i < FAKE_PEERS_MAX; i++)
		free(fake.peers[i].allowed_ips);
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command);
}

static int
reload(bool dry_run)
{
	json_t *report = NULL;
	int rc = management_reload(&m, dry_run, &origin, &report, &why);
	char *text = rc == 0 ? json_dumps(report, JSON_COMPACT) : strdup("");

	snprintf(report_text, sizeof(report_text), "%s", text);
	free(text);
	json_decref(report);
	return rc;
}

#define assert_reports(text) \
	do { \
		if (strstr(report_text, text) == NULL) \
			fail_msg("%s lacks %s", report_text, text); \
	} while (0)
#define assert_refused(status_, text) \
	do { \
		assert_int_equal(reload(false), -1); \
		if (why.status != (status_) || strstr(why.message, text) == NULL) \
			fail_msg("%d %s", why.status, why.message); \
		assert_as_started(); \
	} while (0)

static const struct peer_spec *
named(unsigned iface, const char *name)
{
	return registry_by_name(m.registry, iface, name);
}

static void
assert_as_started(void)
{
	assert_int_equal(registry_count(m.registry, 0), 2);
	assert_int_equal(registry_count(m.registry, 1), 1);
	assert_int_equal(named(0, "a")->allowed_ips[0].addr.bytes[3], 1);
	assert_int_equal(fake_find(0, named(0, "a")->public_key)->n, 1);
	assert_int_equal(fake.keys_set, 0);
}

static void
test_nothing_new(void **state)
{
	assert_int_equal(reload(false), 0);
	assert_reports("\"added\":0,\"changed\":0,\"removed\":0,\"changes\":[]");
	assert_as_started();
}

static void
test_peer_by_peer(void **state)
{
	struct ip_endpoint learned;

	assert_true(ip_endpoint_parse(&learned, "192.0.2.9:1234"));
	fake_find(0, named(0, "a")->public_key)->endpoint = learned;
	/* a and b swap names and prefixes; c comes, z goes. */
	write_file("wg0.yaml", "peers:\n" PEER("b", "B", ", allowed_ips: [10.0.0.2/32]")
				       PEER("a", "C", ", allowed_ips: [10.0.0.1/32]")
					       PEER("c", "E", ", persistent_keepalive: 9"));
	write_file("wg1.yaml", "peers: []\n");
	assert_int_equal(reload(true), 0);
	assert_reports("\"dry_run\":true,\"added\":1,\"changed\":2,\"removed\":1");
	assert_reports(
		"{\"op\":\"change\",\"interface\":\"wg0\",\"peer\":\"b\",\"public_key\":\"" KEY(
			"B") "\",\"fields\":[\"name\",\"allowed_ips\"]}");
	assert_reports("\"op\":\"remove\",\"interface\":\"wg1\",\"peer\":\"z\"");
	assert_as_started();
	assert_int_equal(reload(false), 0);
	assert_reports("\"dry_run\":false,\"added\":1,\"changed\":2,\"removed\":1");
	assert_int_equal(registry_count(m.registry, 0), 3);
	assert_int_equal(registry_count(m.registry, 1), 0);
	assert_int_equal(named(0, "b")->public_key[0], 0);
	assert_int_equal(named(0, "b")->allowed_ips[0].addr.bytes[3], 2);
	assert_int_equal(named(0, "c")->persistent_keepalive, 9);
	/* What was learned stays. */
	assert_true(
		ip_endpoint_equal(&fake_find(0, named(0, "b")->public_key)->endpoint, &learned));
	assert_int_equal(reload(false), 0);
	assert_reports("\"changes\":[]");
}

static void
test_reordering_is_no_change(void **state)
{
	write_file("wg0.yaml", "# a comment\npeers:\n" PEER("b", "C", ", allowed_ips: [10.0.0.2]")
				       PEER("a", "B", ", allowed_ips: [10.0.0.1/32]"));
	assert_int_equal(reload(false), 0);
	assert_reports("\"changes\":[]");
}

static void
test_broken_files(void **state)
{
	write_file("wg0.yaml", "peers:\n" PEER("a", "B", ", allowed_ips: [10.0.0.77/32]")
				       PEER("b", "C", ", allowed_ips: [nonsense]"));
	assert_refused(422, "wg0.yaml:3: peers[1].allowed_ips[0]: expected");
	unlink("wg0.yaml");
	write_file("wg0.yaml", "peers:\n" PEER("a", "B", ", allowed_ips: [10.0.0.1/32]")
				       PEER("b", "C", ", allowed_ips: [10.0.0.2/32]"));
	write_file("wgdp.yaml", HEAD WG0 ", mtu: huge}\n" WG1);
	assert_refused(422, "wgdp.yaml:5: ");
	write_file("wgdp.yaml", HEAD WG0 "}\n" WG1);
	write_file("wg1.key", "not a key\n");
	assert_refused(422, "private_key_file");
}

static void
test_what_takes_a_restart(void **state)
{
	write_file("wgdp.yaml", HEAD
		"  - {name: wg0, private_key_file: wg0.key, listen_port: 51999, peer_db: wg0.yaml, "
		"mtu: 1380}\n" WG1);
	/* It refuses the peers too. */
	write_file("wg0.yaml", "peers: []\n");
	assert_refused(409, "interfaces[0].listen_port, interfaces[0].mtu");
	assert_string_equal(why.code, "needs_restart");
	write_file("wgdp.yaml", HEAD WG0 "}\n");
	assert_refused(409, "interfaces");
}

static void
test_conflicts(void **state)
{
	write_file("wg0.yaml",
		"peers:\n" PEER("a", "B", ", allowed_ips: [10.0.0.1/32, 10.1.0.1/32]")
			PEER("b", "C", ", allowed_ips: [10.0.0.2/32]"));
	assert_refused(409, "10.1.0.1/32 of peer a belongs to peer z on wg1");
	write_file("wg0.yaml", "peers:\n" PEER("a", "B", "") PEER("b", "C", "") PEER("c", "E", "")
				       PEER("d", "F", "") PEER("e", "G", ""));
	assert_refused(409, "more than dataplane.max_peers (5)");
}

/* The second interface is refused by control: the first one goes back. */
static void
test_all_or_nothing(void **state)
{
	write_file("wg0.yaml", "peers:\n" PEER("a", "B", ", allowed_ips: [10.0.0.1/32]"));
	write_file("wg1.yaml", "peers:\n" PEER("z", "D", ", allowed_ips: [10.1.0.1/32]")
				       PEER("y", "E", ", allowed_ips: [10.1.0.2/32]")
					       PEER("x", "F", ", allowed_ips: [10.1.0.3/32]"));
	fake.refuse_at = 2; /* the first interface has one change only */
	assert_refused(409, "the forwarding table is full");
}

static void
test_keys_and_hooks_change_live(void **state)
{
	write_file("wg0.key", "kPFxQGfVzPBIrBTkJzVxg1NWVvTSIZzPZrRpw4lI1u0=\n");
	write_file("wgdp.yaml", HEAD WG0 ", unknown_peer_hook: hook.sock}\n" WG1);
	assert_int_equal(reload(true), 0);
	assert_reports("\"fields\":[\"private_key\"]");
	assert_reports("\"fields\":[\"unknown_peer_hook\"]");
	assert_as_started();
	assert_int_equal(reload(false), 0);
	assert_int_equal(fake.keys_set, 1);
	assert_non_null(strstr(m.ifaces[0].hook, "/hook.sock"));
	assert_int_equal(reload(false), 0);
	assert_reports("\"changes\":[]");
}

static void
test_events_tell(void **state)
{
	struct event out[8];
	struct event_gap gap;
	uint64_t cursor = 0;

	write_file("wg1.yaml", "peers: []\n");
	assert_int_equal(reload(false), 0);
	assert_int_equal(events_read(fake_events, &cursor, out, 8, &gap), 2);
	assert_int_equal(out[0].type, EVENT_peer_removed);
	assert_int_equal(out[1].type, EVENT_reloaded);
	assert_int_equal(out[1].uid, 7);
	write_file("wg1.yaml", "peers: {}\n");
	assert_int_equal(reload(false), -1);
	assert_int_equal(events_read(fake_events, &cursor, out, 8, &gap), 1);
	assert_int_equal(out[0].type, EVENT_reload_refused);
	assert_non_null(strstr(out[0].reason, "wg1.yaml:1:"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_nothing_new),
		T(test_peer_by_peer),
		T(test_reordering_is_no_change),
		T(test_broken_files),
		T(test_what_takes_a_restart),
		T(test_conflicts),
		T(test_all_or_nothing),
		T(test_keys_and_hooks_change_live),
		T(test_events_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
