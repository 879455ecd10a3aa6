/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_mempool.h>

#include "control/control.h"
#include "control/peer_store.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/dataplane.h"

struct fake_control fake;
struct events *fake_events;
char fake_dir[64];

static struct config config;
static struct config_interface interfaces[2];
static struct ip_prefix address;
static struct rte_mempool pool;
static struct worker_stats stats;

/* ---- control ---------------------------------------------------------------------- */

struct fake_peer *
fake_find(unsigned iface, const uint8_t key[32])
{
	for (unsigned i = 0; i < fake.n; i++) {
		struct fake_peer *p = &fake.peers[i];

		if (p->used && p->iface == iface && memcmp(p->public_key, key, 32) == 0)
			return p;
	}
	return NULL;
}

static void
forget(struct fake_peer *p)
{
	free(p->allowed_ips);
	memset(p, 0, sizeof(*p));
}

static void
steal(uint8_t iface, const struct ip_prefix *prefix)
{
	for (unsigned i = 0; i < fake.n; i++) {
		struct fake_peer *p = &fake.peers[i];
		unsigned kept = 0;

		if (!p->used || p->iface != iface)
			continue;
		for (unsigned k = 0; k < p->n; k++)
			if (!ip_prefix_equal(&p->allowed_ips[k], prefix))
				p->allowed_ips[kept++] = p->allowed_ips[k];
		p->n = kept;
	}
}

static void
put(const struct peer_change *c)
{
	struct fake_peer *p = fake_find(c->iface, c->public_key);

	for (unsigned i = 0; p == NULL && i < FAKE_PEERS_MAX; i++) {
		if (fake.peers[i].used)
			continue;
		p = &fake.peers[i];
		if (i >= fake.n)
			fake.n = i + 1;
	}
	assert_non_null(p);
	p->used = true;
	p->iface = c->iface;
	memcpy(p->public_key, c->public_key, 32);
	snprintf(p->name, sizeof(p->name), "%s", c->name);
	p->has_preshared_key = c->has_preshared_key;
	memcpy(p->preshared_key, c->preshared_key, 32);
	p->persistent_keepalive = c->persistent_keepalive;
	if (c->set_endpoint)
		p->endpoint = c->endpoint;
	for (unsigned i = 0; i < c->n_allowed_ips; i++)
		steal(c->iface, &c->allowed_ips[i]);
	free(p->allowed_ips);
	p->allowed_ips = calloc(c->n_allowed_ips + 1, sizeof(*p->allowed_ips));
	if (c->n_allowed_ips > 0)
		memcpy(p->allowed_ips, c->allowed_ips, c->n_allowed_ips * sizeof(*p->allowed_ips));
	p->n = c->n_allowed_ips;
}

uint32_t
control_apply(struct control *c, const struct peer_change *changes, uint32_t n, char *field,
	size_t field_size, char *err, size_t err_size)
{
	for (uint32_t i = 0; i < n; i++) {
		struct fake_peer *p = fake_find(changes[i].iface, changes[i].public_key);

		if (fake.refuse_at == i + 1) {
			fake.refuse_at = 0;
			snprintf(field, field_size, "allowed_ips");
			snprintf(err, err_size, "the forwarding table is full");
			return i;
		}
		if (changes[i].op == CHANGE_DELETE) {
			assert_non_null(p);
			forget(p);
		} else {
			put(&changes[i]);
		}
	}
	return n;
}

void
control_peer_info(struct control *c, struct peer_info *info, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct fake_peer *p = fake_find(info[i].iface, info[i].public_key);

		if (p == NULL)
			continue;
		info[i].active = true;
		info[i].endpoint = p->endpoint;
		info[i].rx_bytes = 1000;
		info[i].tx_bytes = 2000;
		info[i].last_handshake_ns = UINT64_C(1700000000000000005);
	}
}

void
control_peer_drops(struct control *c, struct peer_drop_info *drops, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (fake_find(drops[i].iface, drops[i].public_key) != NULL)
			drops[i].packets[PEER_DROP_replay] = 3;
}

struct events *
control_events(struct control *c)
{
	return fake_events;
}

bool
control_closed(struct control *c)
{
	return false;
}

void
control_set_private_key(struct control *c, uint8_t iface, const uint8_t private_key[32])
{
	fake.keys_set++;
	memcpy(fake.private_key, private_key, 32);
}

/* ---- data plane --------------------------------------------------------------------- */

const char *const stage_name[STAGE_COUNT] = {
#define X(name) #name,
	STAGES(X)
#undef X
};

struct rte_mempool *
dataplane_pool(struct dataplane *dp)
{
	pool.size = 4096;
	return &pool;
}

unsigned
rte_mempool_avail_count(const struct rte_mempool *mp)
{
	return mp->size - 100;
}

unsigned
rte_mempool_in_use_count(const struct rte_mempool *mp)
{
	return 100;
}

struct ports *
dataplane_ports(struct dataplane *dp)
{
	static struct ports ports;

	return &ports;
}

unsigned
dataplane_n_workers(const struct dataplane *dp)
{
	return 1;
}

const struct worker_stats *
dataplane_worker_stats(const struct dataplane *dp, unsigned worker)
{
	stats.busy_cycles = 7;
	stats.stage_packets[STAGE_open] = 3;
	return &stats;
}

uint32_t
dataplane_worker_lcore(const struct dataplane *dp, unsigned worker)
{
	return 1;
}

uint64_t
dataplane_drops(const struct dataplane *dp, enum drop_reason reason, unsigned iface)
{
	return reason == DROP_replay && iface == 1 ? 5 : 0;
}

void
dataplane_memory(const struct dataplane *dp, uint64_t *peers, uint64_t *sessions)
{
	*peers = 11;
	*sessions = 22;
}

uint64_t
dataplane_allocated(void)
{
	return 33;
}

/* ---- fixture -------------------------------------------------------------------------- */

static void
interface_init(struct config_interface *f, const char *name, uint16_t port)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->listen_port = port;
	f->mtu = 1420;
	memset(f->private_key, port & 0xff, sizeof(f->private_key));
	f->private_key[0] &= 248;
	f->private_key[31] = (f->private_key[31] & 127) | 64;
	assert_true(asprintf(&f->private_key_file, "%s/%s.key", fake_dir, name) > 0);
	assert_true(asprintf(&f->peer_db, "%s/%s.peers.yaml", fake_dir, name) > 0);
}

void
fake_start(struct management *m)
{
	struct peer_db none[2] = {{0}};
	const char *tmp = getenv("TMPDIR");
	char err[256];

	assert_int_equal(crypto_init(err, sizeof(err)), 0);
	memset(&fake, 0, sizeof(fake));
	snprintf(fake_dir, sizeof(fake_dir), "%.40s/wgdp-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(fake_dir));
	memset(&config, 0, sizeof(config));
	config.path = "wgdp.yaml";
	config.dataplane.max_peers = 2000;
	config.interfaces = interfaces;
	config.n_interfaces = 2;
	interface_init(&interfaces[0], "wg0", 51820);
	interface_init(&interfaces[1], "wg1", 51821);
	assert_true(ip_prefix_parse(&address, "10.8.0.1/16"));
	interfaces[0].addresses = &address;
	interfaces[0].n_addresses = 1;
	fake_events = events_create(64);
	assert_int_equal(management_init(m, &config, none, NULL, NULL, err, sizeof(err)), 0);
	while (!m->ready)
		assert_int_equal(management_load_slice(m, err, sizeof(err)), 0);
}

void
fake_stop(struct management *m)
{
	char command[128];

	management_fini(m);
	events_destroy(fake_events);
	for (unsigned i = 0; i < FAKE_PEERS_MAX; i++)
		free(fake.peers[i].allowed_ips);
	for (unsigned i = 0; i < 2; i++) {
		free(interfaces[i].private_key_file);
		free(interfaces[i].peer_db);
	}
	snprintf(command, sizeof(command), "rm -r '%s'", fake_dir);
	assert_int_equal(system(command), 0);
}

static bool
has_prefix(const struct ip_prefix *list, unsigned n, const struct ip_prefix *p)
{
	for (unsigned i = 0; i < n; i++)
		if (ip_prefix_equal(&list[i], p))
			return true;
	return false;
}

static void
check_same(const struct peer_spec *want, const char *name, const uint8_t *psk,
	const struct ip_prefix *allowed, unsigned n, unsigned keepalive)
{
	assert_string_equal(want->name, name);
	assert_memory_equal(want->preshared_key, psk, 32);
	assert_int_equal(want->persistent_keepalive, keepalive);
	assert_int_equal(want->n, n);
	for (unsigned i = 0; i < n; i++)
		assert_true(has_prefix(allowed, n, &want->allowed_ips[i]));
}

static void
check_iface(struct management *m, unsigned iface)
{
	const struct peer_spec *spec;
	struct peer_db db;
	uint64_t cursor = 0;
	size_t n = 0, in_control = 0;
	char err[512];

	assert_int_equal(peer_store_load(interfaces[iface].peer_db, &db, err, sizeof(err)), 0);
	for (unsigned i = 0; i < fake.n; i++)
		in_control += fake.peers[i].used && fake.peers[i].iface == iface;
	for (; (spec = registry_next(m->registry, iface, &cursor)) != NULL; n++) {
		const struct fake_peer *p = fake_find(iface, spec->public_key);

		assert_ptr_equal(registry_by_name(m->registry, iface, spec->name), spec);
		assert_ptr_equal(registry_by_key(m->registry, iface, spec->public_key), spec);
		assert_non_null(p);
		check_same(spec, p->name, p->preshared_key, p->allowed_ips, p->n,
			p->persistent_keepalive);
		assert_true(n < db.n);
		assert_memory_equal(db.peers[n].public_key, spec->public_key, 32);
		check_same(spec, db.peers[n].name, db.peers[n].preshared_key,
			db.peers[n].allowed_ips, db.peers[n].n, db.peers[n].persistent_keepalive);
		assert_true(ip_endpoint_equal(&db.peers[n].endpoint, &spec->endpoint));
	}
	assert_int_equal(n, registry_count(m->registry, iface));
	assert_int_equal(n, in_control);
	assert_int_equal(n, db.n);
	peer_db_free(&db);
}

void
fake_check_agreement(struct management *m)
{
	check_iface(m, 0);
	check_iface(m, 1);
}
