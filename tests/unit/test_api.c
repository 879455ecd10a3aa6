/* SPDX-License-Identifier: BSD-3-Clause */
/* The routes as values, the transactions behind them, and hostile bodies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/api.h"
#include "dataplane/drop.h"
#include "fake_control.h"

#define KEY_A_URL \
	"AQ" \
	"AAAAAAAAAA" \
	"AAAAAAAAAA" \
	"AAAAAAAAAA" \
	"AAAAAAAAAA" \
	"A"
#define KEY_A KEY_A_URL "="
#define KEY_B "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_C "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PSK "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0ISE="
#define PEERS "/v1/interfaces/wg0/peers"

static struct management m;
static char answer[1 << 20]; /* the last response's body */
static const char *allow;
static char last_etag[64];

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
send(struct api_request req)
{
	static const struct origin origin = {
		.via = "a test", .has_caller = true, .uid = 1234, .pid = 77};
	struct api_response out;

	req.origin = &origin;
	api_handle(&m, &req, &out);
	snprintf(answer, sizeof(answer), "%s", out.body != NULL ? out.body : "");
	allow = out.allow;
	strcpy(last_etag, out.etag);
	free(out.body);
	return out.status;
}

static int
call(const char *method, const char *path, const char *body)
{
	return send((struct api_request){.method = method,
		.path = path,
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0});
}

/* The last response has this text in it. */
static bool
says(const char *text)
{
	return strstr(answer, text) != NULL;
}

#define assert_says(text) \
	do { \
		if (!says(text)) \
			fail_msg("%s lacks %s", answer, text); \
	} while (0)

static void
test_peer_life(void **state)
{
	assert_int_equal(call("PUT", PEERS "/alice",
				 "{\"public_key\":\"" KEY_A "\",\"preshared_key\":\"" PSK
				 "\",\"allowed_ips\":[\"10.8.0.2/32\",\"fd00::2\",\"10.9.9.9/24\"],"
				 "\"endpoint\":\"192.0.2.7:5000\",\"persistent_keepalive\":25}"),
		201);
	assert_says("\"name\":\"alice\"");
	assert_says("\"allowed_ips\":[\"10.8.0.2/32\",\"fd00::2/128\",\"10.9.9.0/24\"]");
	assert_says("\"endpoint\":\"192.0.2.7:5000\"");
	assert_says("\"has_preshared_key\":true");
	assert_says("\"last_handshake_ns\":1700000000000000005");
	assert_says("\"session\":null");
	assert_false(says(PSK));
	assert_int_equal(call("GET", PEERS "/" KEY_A_URL, NULL), 200);
	assert_says("\"interface\":\"wg0\"");
	assert_false(says(PSK));
	/* PATCH leaves what it does not name; the learned endpoint too. */
	fake.peers[0].endpoint.port = 6000;
	assert_int_equal(call("PATCH", PEERS "/alice", "{\"persistent_keepalive\":0}"), 200);
	assert_says("\"endpoint\":\"192.0.2.7:6000\"");
	assert_says("\"has_preshared_key\":true");
	assert_int_equal(call("PATCH", PEERS "/alice",
				 "{\"endpoint\":null,\"preshared_key\":null,\"name\":\"al\"}"),
		200);
	assert_says("\"endpoint\":null");
	assert_says("\"has_preshared_key\":false");
	assert_int_equal(call("GET", PEERS "/alice", NULL), 404);
	/* PUT replaces as a whole. */
	assert_int_equal(call("PUT", PEERS "/al", "{\"public_key\":\"" KEY_A "\"}"), 200);
	assert_says("\"allowed_ips\":[]");
	assert_int_equal(call("DELETE", PEERS "/al", NULL), 204);
	assert_string_equal(answer, "");
	assert_int_equal(call("DELETE", PEERS "/al", NULL), 404);
}

static void
test_put_by_key_makes_a_name(void **state)
{
	assert_int_equal(call("PUT", PEERS "/" KEY_A_URL, "{}"), 201);
	assert_says("\"name\":\"peer-01000000\"");
	assert_int_equal(call("PUT", PEERS "/" KEY_A_URL, "{\"name\":\"bob\"}"), 409);
	assert_int_equal(call("PATCH", PEERS "/" KEY_A_URL, "{\"name\":\"bob\"}"), 200);
	assert_int_equal(call("GET", PEERS "/bob", NULL), 200);
}

static void
test_conflicts(void **state)
{
	struct api_request create = {.method = "PUT",
		.path = PEERS "/alice",
		.if_none_match = "*",
		.body = "{\"public_key\":\"" KEY_A "\"}",
		.body_len = strlen("{\"public_key\":\"" KEY_A "\"}")};

	assert_int_equal(send(create), 201);
	assert_int_equal(send(create), 409);
	assert_says("\"field\":\"name\"");
	assert_int_equal(call("PUT", PEERS "/alice", "{\"public_key\":\"" KEY_B "\"}"), 409);
	assert_says("\"field\":\"name\"");
	assert_int_equal(call("PUT", PEERS "/bob", "{\"public_key\":\"" KEY_A "\"}"), 409);
	assert_says("\"field\":\"public_key\"");
	assert_int_equal(call("PATCH", PEERS "/alice", "{\"public_key\":\"" KEY_B "\"}"), 409);
	assert_int_equal(call("PUT", PEERS "/" KEY_A_URL, "{\"public_key\":\"" KEY_B "\"}"), 409);
	assert_int_equal(call("PATCH", PEERS "/alice", "{\"allowed_ips\":[\"10.0.0.0/8\"]}"), 200);
	assert_int_equal(call("PUT", "/v1/interfaces/wg1/peers/x",
				 "{\"public_key\":\"" KEY_B "\",\"allowed_ips\":[\"10.0.0.0/8\"]}"),
		409);
	assert_says("alice on wg0");
	assert_says("peer x on wg1");
}

static void
test_bad_values_name_the_field(void **state)
{
	static const struct {
		const char *body, *field;
	} rows[] = {
		{"{\"public_key\":\"short\"}", "public_key"},
		{"{\"public_key\":5}", "public_key"},
		{"{}", "public_key"},
		{"{\"public_key\":\"" KEY_A "\",\"allowed_ips\":\"10.0.0.0/8\"}", "allowed_ips"},
		{"{\"public_key\":\"" KEY_A "\",\"allowed_ips\":[\"10.0.0.0/33\"]}", "allowed_ips"},
		{"{\"public_key\":\"" KEY_A "\",\"allowed_ips\":[null]}", "allowed_ips"},
		{"{\"public_key\":\"" KEY_A "\",\"endpoint\":\"host:1\"}", "endpoint"},
		{"{\"public_key\":\"" KEY_A "\",\"endpoint\":\"224.0.0.1:1\"}", "endpoint"},
		{"{\"public_key\":\"" KEY_A "\",\"endpoint\":\"[ff02::1]:1\"}", "endpoint"},
		{"{\"public_key\":\"" KEY_A "\",\"preshared_key\":\"x\"}", "preshared_key"},
		{"{\"public_key\":\"" KEY_A "\",\"persistent_keepalive\":65536}",
			"persistent_keepalive"},
		{"{\"public_key\":\"" KEY_A "\",\"persistent_keepalive\":-1}",
			"persistent_keepalive"},
		{"{\"public_key\":\"" KEY_A "\",\"persistent_keepalive\":25.5}",
			"persistent_keepalive"},
		{"{\"public_key\":\"" KEY_A "\",\"name\":\"a/b\"}", "name"},
		{"{\"public_key\":\"" KEY_A "\",\"rx_bytes\":1}", "rx_bytes"},
		{"{\"public_key\":\"" KEY_A "\",\"op\":\"put\"}", "op"},
	};
	char want[96];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(call("PUT", PEERS "/alice", rows[i].body), 400);
		snprintf(want, sizeof(want), "\"field\":\"%s\"", rows[i].field);
		assert_says(want);
	}
	assert_int_equal(call("PUT", PEERS "/a b", "{\"public_key\":\"" KEY_A "\"}"), 400);
	assert_int_equal(fake.n, 0);
}

static void
test_hostile_bodies(void **state)
{
	static const char nul[] = "{\"public_key\":\"\0\"}", escaped[] = "{\"name\":\"a\\u0000b\"}";
	char *deep = malloc(1 << 20);
	json_t *echoed;
	struct api_request req = {
		.method = "PUT", .path = PEERS "/x", .body = nul, .body_len = sizeof(nul) - 1};

	assert_int_equal(send(req), 400);
	req.body = escaped;
	req.body_len = sizeof(escaped) - 1;
	assert_int_equal(send(req), 400);
	memset(deep, '[', 1 << 20);
	req.body = deep;
	req.body_len = 1 << 20;
	assert_int_equal(send(req), 400);
	assert_says("bad_json");
	free(deep);
	assert_int_equal(call("PUT", PEERS "/x", "{\"name\":\"\xff\xfe\"}"), 400);
	assert_int_equal(call("PUT", PEERS "/x", "{\"\xc3\xa9\":1}"), 400);
	assert_says("unknown_member");
	assert_int_equal(call("PUT", PEERS "/x", "{\"persistent_keepalive\":1e999}"), 400);
	assert_int_equal(
		call("PUT", PEERS "/x", "{\"persistent_keepalive\":99999999999999999999}"), 400);
	assert_int_equal(call("PUT", PEERS "/x", "{\"name\":\"a\",\"name\":\"b\"}"), 400);
	assert_int_equal(call("PUT", PEERS "/x", "[]"), 400);
	assert_int_equal(call("PUT", PEERS "/x", NULL), 400);
	assert_int_equal(call("PUT", PEERS "/x", "{\"preshared_key\":" PSK "}"), 400);
	assert_false(says("c2Vjc")); /* a misplaced secret is not sent back */
	assert_int_equal(call("GET", "/v1/\xff\"\n", NULL), 404);
	echoed = json_loads(answer, 0, NULL);
	assert_non_null(echoed);
	json_decref(echoed);
	assert_int_equal(fake.n, 0);
}

static void
test_routes_and_methods(void **state)
{
	struct api_request form = {.method = "PUT",
		.path = PEERS "/x",
		.content_type = "text/xml",
		.body = "{}",
		.body_len = 2};

	assert_int_equal(call("GET", "/", NULL), 404);
	assert_int_equal(call("GET", "/v1/status/", NULL), 404);
	assert_int_equal(call("GET", "/v1/interfaces/", NULL), 404);
	assert_int_equal(call("GET", "/v1/interfaces/wg9", NULL), 404);
	assert_says("wg9");
	assert_int_equal(call("GET", "/v1/interfaces/wg9/peers", NULL), 404);
	assert_int_equal(call("GET", PEERS "/nobody", NULL), 404);
	assert_int_equal(call("GET", "/v1/event", NULL), 404);
	assert_int_equal(call("DELETE", "/v1/status", NULL), 405);
	assert_string_equal(allow, "GET");
	assert_int_equal(call("POST", PEERS "/x", "{}"), 405);
	assert_string_equal(allow, "GET, PUT, PATCH, DELETE");
	assert_int_equal(send(form), 415);
	form.content_type = "application/x-www-form-urlencoded"; /* curl -d */
	assert_int_equal(send(form), 400);
	form.content_type = "application/json; charset=utf-8";
	assert_int_equal(send(form), 400); /* read, and refused for what it lacks */
}

static void
test_reading_routes(void **state)
{
	json_t *drops;

	assert_int_equal(call("GET", "/v1/status", NULL), 200);
	assert_says("\"ready\":true");
	assert_says("\"mbufs\":{\"total\":4096,\"in_use\":100}");
	assert_says("\"memory\":{\"peers_bytes\":11,\"sessions_bytes\":22}");
	assert_int_equal(call("GET", "/v1/memory", NULL), 200);
	assert_says("{\"dpdk_bytes\":33,\"heap_bytes\":");
	assert_int_equal(call("PUT", PEERS "/a", "{\"public_key\":\"" KEY_A "\"}"), 201);
	assert_int_equal(call("PUT", PEERS "/b", "{\"public_key\":\"" KEY_B "\"}"), 201);
	assert_int_equal(call("GET", "/v1/interfaces/wg0", NULL), 200);
	assert_says("\"listen_port\":51820,\"mtu\":1420,\"addresses\":[\"10.8.0.1/16\"],"
		    "\"peers\":2,\"rx_bytes\":2000,\"tx_bytes\":4000");
	assert_int_equal(call("GET", "/v1/interfaces", NULL), 200);
	assert_says("\"name\":\"wg1\"");
	assert_int_equal(call("GET", "/v1/drops", NULL), 200);
	assert_says("{\"reason\":\"replay\",\"interface\":\"wg1\",\"packets\":5}");
	assert_says("{\"reason\":\"no_peer\",\"interface\":null,\"packets\":0}");
	drops = json_loads(answer, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(drops, "drops")), 3 * DROP_REASON_COUNT);
	json_decref(drops);
	assert_int_equal(call("GET", "/v1/workers", NULL), 200);
	assert_says("{\"name\":\"open\",\"cycles\":0,\"packets\":3}");
}

static void
test_drops_of_a_peer(void **state)
{
	uint8_t before = 0;
	json_t *json, *list;

	assert_int_equal(call("PUT", PEERS "/a", "{\"public_key\":\"" KEY_A "\"}"), 201);
	assert_int_equal(call("GET", PEERS "/a/drops", NULL), 200);
	assert_says("{\"drops\":[{\"reason\":\"martian\",\"packets\":0},");
	assert_says("{\"reason\":\"replay\",\"packets\":3},");
	json = json_loads(answer, 0, NULL);
	list = json_object_get(json, "drops");
	assert_int_equal(json_array_size(list), PEER_DROP_COUNT);
	json_decref(json);
	/* In the order of drop.h, so that both listings read alike. */
	for (unsigned i = 0; i < PEER_DROP_COUNT; i++) {
		assert_true(peer_drop_reason[i] > before);
		before = peer_drop_reason[i];
	}
	assert_int_equal(call("GET", PEERS "/b/drops", NULL), 404);
	assert_says("no_such_peer");
	assert_int_equal(call("GET", "/v1/interfaces/wg9/peers/a/drops", NULL), 404);
	assert_int_equal(call("GET", PEERS "/a/drop", NULL), 404);
	assert_int_equal(call("DELETE", PEERS "/a/drops", NULL), 405);
	assert_string_equal(allow, "GET");
}

static json_t *
page(const char *limit, const char *after)
{
	json_t *json;

	assert_int_equal(send((struct api_request){.method = "GET",
				 .path = PEERS,
				 .args = {[ARG_limit] = limit, [ARG_after] = after}}),
		200);
	json = json_loads(answer, 0, NULL);
	assert_non_null(json);
	return json;
}

static void
test_paging(void **state)
{
	static const char *const bad[] = {"0", "x", "-1", "10001", "99999999999999999999999", ""};
	char path[64], body[128], key[KEY_STRLEN], after[32] = "0";
	unsigned seen = 0;
	uint8_t raw[32] = {0};

	for (unsigned i = 0; i < 25; i++) {
		raw[0] = i;
		snprintf(path, sizeof(path), PEERS "/p%u", i);
		snprintf(body, sizeof(body), "{\"public_key\":\"%s\"}", key_format(key, raw));
		assert_int_equal(call("PUT", path, body), 201);
	}
	while (after[0] != '\0') {
		json_t *json = page("10", after);
		const char *next = json_string_value(json_object_get(json, "next"));

		seen += json_array_size(json_object_get(json, "peers"));
		snprintf(after, sizeof(after), "%s", next != NULL ? next : "");
		assert_int_equal(call("DELETE", PEERS "/p9", NULL), seen == 10 ? 204 : 404);
		json_decref(json);
	}
	assert_int_equal(seen, 25);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
			send((struct api_request){
				.method = "GET", .path = PEERS, .args = {[ARG_limit] = bad[i]}}),
			400);
		assert_says("\"field\":\"limit\"");
	}
	assert_int_equal(send((struct api_request){
				 .method = "GET", .path = PEERS, .args = {[ARG_after] = "p3"}}),
		400);
}

static void
test_batch_is_atomic(void **state)
{
	assert_int_equal(call("PUT", PEERS "/alice",
				 "{\"public_key\":\"" KEY_A "\",\"allowed_ips\":[\"10.0.0.1\"]}"),
		201);
	assert_int_equal(
		call("PATCH", PEERS,
			"[{\"op\":\"put\",\"name\":\"bob\",\"public_key\":\"" KEY_B
			"\",\"allowed_ips\":[\"10.0.0.1\"]},"
			"{\"op\":\"patch\",\"id\":\"bob\",\"persistent_keepalive\":70000}]"),
		400);
	assert_says("\"index\":1");
	assert_says("\"field\":\"persistent_keepalive\"");
	assert_int_equal(call("GET", PEERS "/bob", NULL), 404);
	assert_int_equal(call("GET", PEERS "/alice", NULL), 200);
	assert_says("\"allowed_ips\":[\"10.0.0.1/32\"]");
	assert_int_equal(call("PATCH", PEERS,
				 "[{\"op\":\"put\",\"name\":\"bob\",\"public_key\":\"" KEY_B
				 "\",\"allowed_ips\":[\"10.0.0.1\"]},"
				 "{\"op\":\"put\",\"id\":\"carol\",\"public_key\":\"" KEY_C "\"},"
				 "{\"op\":\"patch\",\"id\":\"bob\",\"name\":\"rob\"},"
				 "{\"op\":\"delete\",\"id\":\"alice\"}]"),
		200);
	assert_says("{\"applied\":4}");
	assert_int_equal(call("GET", PEERS "/rob", NULL), 200);
	assert_says("10.0.0.1/32");
	assert_int_equal(call("PATCH", PEERS, "[{\"op\":\"nop\",\"id\":\"rob\"}]"), 400);
	assert_int_equal(call("PATCH", PEERS, "[{\"op\":\"delete\"}]"), 400);
	assert_int_equal(call("PATCH", PEERS, "[{\"op\":\"delete\",\"id\":\"rob\",\"x\":1}]"), 400);
	assert_int_equal(call("PATCH", PEERS, "[7]"), 400);
	assert_int_equal(call("PATCH", PEERS, "{}"), 400);
	assert_int_equal(call("PATCH", PEERS, "[]"), 200);
}

/* Whichever change control refuses, everybody is as before: teardown compares all three. */
static void
test_refusal_by_control_undoes_all(void **state)
{
	struct ip_endpoint roamed;
	struct fake_peer *alice;
	uint8_t key[32] = {1};

	assert_int_equal(
		call("PUT", PEERS "/alice",
			"{\"public_key\":\"" KEY_A "\",\"allowed_ips\":[\"10.0.0.1\",\"10.0.0.2\"],"
			"\"endpoint\":\"192.0.2.1:1\"}"),
		201);
	assert_int_equal(call("PUT", PEERS "/bob",
				 "{\"public_key\":\"" KEY_B "\",\"allowed_ips\":[\"10.0.0.3\"]}"),
		201);
	assert_true(ip_endpoint_parse(&roamed, "198.51.100.9:9"));
	fake_find(0, key)->endpoint = roamed;
	for (unsigned at = 1; at <= 3; at++) {
		fake.refuse_at = at;
		assert_int_equal(
			call("PATCH", PEERS,
				"[{\"op\":\"put\",\"name\":\"carol\",\"public_key\":\"" KEY_C
				"\",\"allowed_ips\":[\"10.0.0.1\",\"10.0.0.3\"]},"
				"{\"op\":\"patch\",\"id\":\"alice\",\"endpoint\":\"192.0.2.2:2\","
				"\"allowed_ips\":[\"10.0.0.9\"]},"
				"{\"op\":\"delete\",\"id\":\"bob\"}]"),
			409);
		assert_says("\"field\":\"allowed_ips\"");
		assert_says("forwarding table is full");
		assert_int_equal(fake.refuse_at, 0);
		fake_check_agreement(&m);
		alice = fake_find(0, key);
		assert_int_equal(alice->n, 2);
		assert_true(ip_endpoint_equal(&alice->endpoint, &roamed));
	}
}

/* Goes before libc's. */
static bool disk_fails;

int
fdatasync(int fd)
{
	errno = EIO;
	return disk_fails ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static void
test_failed_save_undoes_all(void **state)
{
	char moved[80];

	/* No journal can be created. */
	snprintf(moved, sizeof(moved), "%s.moved", fake_dir);
	assert_int_equal(rename(fake_dir, moved), 0);
	assert_int_equal(call("PUT", PEERS "/bob", "{\"public_key\":\"" KEY_B "\"}"), 500);
	assert_says("not_saved");
	assert_int_equal(rename(moved, fake_dir), 0);
	assert_int_equal(call("PUT", PEERS "/alice",
				 "{\"public_key\":\"" KEY_A "\",\"allowed_ips\":[\"10.0.0.1\"]}"),
		201);
	/* The one that there is cannot be synced. */
	disk_fails = true;
	assert_int_equal(call("PUT", PEERS "/bob",
				 "{\"public_key\":\"" KEY_B "\",\"allowed_ips\":[\"10.0.0.1\"]}"),
		500);
	assert_says("not_saved");
	assert_int_equal(call("DELETE", PEERS "/alice", NULL), 500);
	disk_fails = false;
	assert_int_equal(call("GET", PEERS "/bob", NULL), 404);
	assert_int_equal(call("GET", PEERS "/alice", NULL), 200);
	assert_says("10.0.0.1/32");
}

/* Transactions that wait for one sync together fall together, and only they. */
static void
test_failed_group_is_undone(void **state)
{
	struct refusal why;

	assert_int_equal(call("PUT", PEERS "/alice",
				 "{\"public_key\":\"" KEY_A "\",\"allowed_ips\":[\"10.0.0.1\"]}"),
		201);
	m.defer_sync = true;
	assert_int_equal(call("PUT", PEERS "/bob",
				 "{\"public_key\":\"" KEY_B "\",\"allowed_ips\":[\"10.0.0.1\"]}"),
		201);
	assert_false(management_is_synced(&m));
	assert_int_equal(call("DELETE", PEERS "/alice", NULL), 204);
	assert_int_equal(call("PUT", PEERS "/alice",
				 "{\"public_key\":\"" KEY_C "\",\"allowed_ips\":[\"10.0.0.3\"]}"),
		201);
	disk_fails = true;
	assert_int_equal(management_sync(&m, &why), -1);
	disk_fails = false;
	assert_int_equal(why.status, 500);
	assert_true(management_is_synced(&m));
	fake_check_agreement(&m);
	assert_int_equal(call("GET", PEERS "/bob", NULL), 404);
	assert_int_equal(call("GET", PEERS "/alice", NULL), 200);
	assert_says(KEY_A);
	assert_says("10.0.0.1/32");
	assert_int_equal(call("PUT", PEERS "/bob", "{\"public_key\":\"" KEY_B "\"}"), 201);
	assert_int_equal(management_sync(&m, &why), 0);
	m.defer_sync = false;
}

static void
test_no_changes_before_ready(void **state)
{
	m.ready = false;
	assert_int_equal(call("PUT", PEERS "/alice", "{\"public_key\":\"" KEY_A "\"}"), 503);
	assert_int_equal(call("GET", PEERS "/alice", NULL), 404);
	assert_int_equal(call("GET", "/v1/status", NULL), 200);
	assert_says("\"ready\":false");
	assert_int_equal(fake.n, 0);
}

static char etag[64]; /* of the last response; kept by keep_etag() */

static int
call_if(const char *method, const char *path, const char *body, const char *if_match)
{
	return send((struct api_request){.method = method,
		.path = path,
		.if_match = if_match,
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0});
}

static void
test_if_match(void **state)
{
	char old[64], list[160];

	assert_int_equal(call("PUT", PEERS "/a", "{\"public_key\":\"" KEY_A "\"}"), 201);
	strcpy(old, last_etag);
	assert_true(old[0] == '"');
	assert_int_equal(call("GET", PEERS "/a", NULL), 200);
	assert_string_equal(last_etag, old);
	/* Counters and sessions are no part of it, what is configured is. */
	assert_int_equal(
		call_if("PATCH", PEERS "/a", "{\"persistent_keepalive\":9}", "\"x\""), 412);
	assert_says("\"code\":\"changed\"");
	snprintf(list, sizeof(list), "W/%s", old);
	assert_int_equal(call_if("PATCH", PEERS "/a", "{\"persistent_keepalive\":9}", list), 412);
	snprintf(list, sizeof(list), "\"x\" , %s", old);
	assert_int_equal(call_if("PATCH", PEERS "/a", "{\"persistent_keepalive\":9}", list), 200);
	assert_string_not_equal(last_etag, old);
	strcpy(etag, last_etag);
	assert_int_equal(call_if("DELETE", PEERS "/a", NULL, old), 412);
	assert_int_equal(call_if("PUT", PEERS "/b", "{\"public_key\":\"" KEY_B "\"}", "*"), 412);
	assert_int_equal(call_if("DELETE", PEERS "/a", NULL, etag), 204);
	assert_int_equal(call_if("DELETE", PEERS "/a", NULL, "*"), 412);
	/* The collection. */
	assert_int_equal(call("GET", PEERS, NULL), 200);
	strcpy(old, last_etag);
	assert_int_equal(call("GET", "/v1/interfaces/wg1/peers", NULL), 200);
	assert_int_equal(
		call_if("PATCH", PEERS, "[{\"op\":\"put\",\"public_key\":\"" KEY_A "\"}]", old),
		200);
	assert_int_equal(call_if("PATCH", PEERS, "[]", old), 412);
	assert_int_equal(call("GET", PEERS, NULL), 200);
	assert_int_equal(call_if("PATCH", PEERS, "[]", last_etag), 200);
}

static void
test_dry_run(void **state)
{
	struct api_request dry = {.method = "PUT",
		.path = PEERS "/a",
		.args = {[ARG_dry_run] = "true"},
		.body = "{\"public_key\":\"" KEY_A "\"}"};

	dry.body_len = strlen(dry.body);
	assert_int_equal(send(dry), 201);
	assert_says("\"name\":\"a\"");
	assert_int_equal(call("GET", PEERS "/a", NULL), 404);
	assert_int_equal(call("PUT", PEERS "/a", dry.body), 201);
	dry.method = "DELETE";
	assert_int_equal(send(dry), 204);
	dry.method = "PATCH";
	dry.body = "{\"name\":\"b\"}";
	dry.body_len = strlen(dry.body);
	assert_int_equal(send(dry), 200);
	assert_says("\"name\":\"b\"");
	dry.body = "{\"name\":\"b b\"}";
	dry.body_len = strlen(dry.body);
	assert_int_equal(send(dry), 400);
	dry.path = PEERS;
	dry.body = "[{\"op\":\"delete\",\"id\":\"a\"}]";
	dry.body_len = strlen(dry.body);
	assert_int_equal(send(dry), 200);
	assert_says("\"applied\":0");
	assert_int_equal(call("GET", PEERS "/a", NULL), 200);
	dry.args[ARG_dry_run] = "yes";
	assert_int_equal(send(dry), 400);
	/* What is not understood is not taken for the real thing. */
	dry.args[ARG_dry_run] = NULL;
	dry.strange_arg = "dryrun";
	assert_int_equal(send(dry), 400);
	assert_says("\"field\":\"dryrun\"");
	assert_int_equal(call("GET", PEERS "/a", NULL), 200);
	assert_int_equal(
		send((struct api_request){
			.method = "GET", .path = "/v1/status", .args = {[ARG_dry_run] = "true"}}),
		400);
}

static void
test_batch_names_all_errors(void **state)
{
	assert_int_equal(call("PATCH", PEERS,
				 "[{\"op\":\"put\",\"name\":\"a\",\"public_key\":\"" KEY_A "\"},"
				 "{\"op\":\"put\",\"name\":\"b\"},"
				 "{\"op\":\"put\",\"name\":\"c\",\"public_key\":\"" KEY_C "\"},"
				 "{\"op\":\"delete\",\"id\":\"nobody\"}]"),
		400);
	assert_says("{\"error\":{\"code\":\"missing\"");
	assert_says("\"index\":1}");
	assert_says("\"errors\":[");
	assert_says("\"index\":3}");
	assert_int_equal(call("GET", PEERS "/a", NULL), 404);
}

static void
test_read_only(void **state)
{
	static const char *const changing[] = {"PUT", "PATCH", "DELETE"};

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(send((struct api_request){.method = changing[i],
					 .path = PEERS "/a",
					 .read_only = true,
					 .body = "{}",
					 .body_len = 2}),
			403);
		assert_says("read_only");
	}
	assert_int_equal(
		send((struct api_request){.method = "GET", .path = PEERS, .read_only = true}), 200);
}

static void
test_events_arguments(void **state)
{
	struct api_request req = {.method = "GET", .path = "/v1/events"};
	struct api_response out;

	api_handle(&m, &req, &out);
	assert_true(out.events && out.events_follow && out.events_after == 0);
	req.args[ARG_after] = "17";
	req.args[ARG_follow] = "false";
	api_handle(&m, &req, &out);
	assert_true(out.events && !out.events_follow && out.events_after == 17);
	req.args[ARG_after] = "-1";
	assert_int_equal(send(req), 400);
	req.args[ARG_after] = NULL;
	req.args[ARG_follow] = "maybe";
	assert_int_equal(send(req), 400);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_peer_life),
		T(test_put_by_key_makes_a_name),
		T(test_conflicts),
		T(test_bad_values_name_the_field),
		T(test_hostile_bodies),
		T(test_routes_and_methods),
		T(test_reading_routes),
		T(test_drops_of_a_peer),
		T(test_paging),
		T(test_batch_is_atomic),
		T(test_refusal_by_control_undoes_all),
		T(test_failed_save_undoes_all),
		T(test_failed_group_is_undone),
		T(test_no_changes_before_ready),
		T(test_if_match),
		T(test_dry_run),
		T(test_batch_names_all_errors),
		T(test_read_only),
		T(test_events_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
