/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <rte_ip.h>
#include <rte_lpm6.h>
#include <rte_malloc.h>
#include <rte_version.h>

#include "dataplane/fib_table.h"
#include "dataplane/lpm4.h"
#include "dataplane/rcu.h"

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define LPM6_IP(bytes) ((const struct rte_ipv6_addr *)(const void *)(bytes))
#define LPM6_IPS(bytes) ((struct rte_ipv6_addr *)(void *)(bytes))
#else
#define LPM6_IP(bytes) (bytes)
#define LPM6_IPS(bytes) (bytes)
#endif

/* tbl8 groups beyond those that the prefixes may need, for routes and own addresses. */
#define SPARE_TBL8S 2048

struct change6 {
	struct ip_prefix prefix;
	uint32_t entry;
	bool remove;
};

struct fib_table {
	struct fib *fib;
	struct rcu *rcu;
	struct lpm4 *lpm4;
	struct rte_lpm6 *lpm6[2];
	unsigned standby; /* which of lpm6 no worker reads */
	/* What standby has and the active one has not, in order. */
	struct change6 *log;
	uint32_t log_used, log_size;
};

struct fib_table *
fib_table_create(
	struct fib *fib, uint32_t max_prefixes, struct rcu *rcu, char *err, size_t err_size)
{
	static unsigned serial; /* names of LPM tables are process-wide */
	struct rte_lpm6_config config6 = {
		.max_rules = max_prefixes + SPARE_TBL8S,
		.number_tbl8s = RTE_MIN(2 * max_prefixes + SPARE_TBL8S, 1u << 20),
	};
	struct fib_table *t = rte_zmalloc("fib table", sizeof(*t), 0);
	char name[32];

	if (t == NULL)
		goto fail;
	t->fib = fib;
	t->rcu = rcu;
	snprintf(name, sizeof(name), "wgdp_lpm%u", serial);
	t->lpm4 = lpm4_create(name, max_prefixes + SPARE_TBL8S, rcu);
	if (t->lpm4 == NULL)
		goto fail;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "wgdp_lpm6_%u_%u", serial, i);
		t->lpm6[i] = rte_lpm6_create(name, SOCKET_ID_ANY, &config6);
		if (t->lpm6[i] == NULL)
			goto fail;
	}
	serial++;
	t->standby = 1;
	fib->lpm4 = lpm4_table(t->lpm4);
	atomic_store(&fib->lpm6, t->lpm6[0]);
	return t;
fail:
	snprintf(err, err_size,
		"no memory for the forwarding tables of %u prefixes; raise memory_mb or lower "
		"max_peers",
		max_prefixes);
	fib_table_destroy(t);
	return NULL;
}

void
fib_table_destroy(struct fib_table *t)
{
	if (t == NULL)
		return;
	lpm4_destroy(t->lpm4);
	rte_lpm6_free(t->lpm6[0]);
	rte_lpm6_free(t->lpm6[1]);
	free(t->log);
	rte_free(t);
}

static uint32_t
host_order4(const struct ip_addr *a)
{
	return (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 |
	       (uint32_t)a->bytes[2] << 8 | a->bytes[3];
}

static bool
log_append(struct fib_table *t, const struct change6 *change)
{
	if (t->log_used == t->log_size) {
		uint32_t size = t->log_size ? t->log_size * 2 : 64;
		struct change6 *log = realloc(t->log, size * sizeof(*log));

		if (log == NULL)
			return false;
		t->log = log;
		t->log_size = size;
	}
	t->log[t->log_used++] = *change;
	return true;
}

static bool
apply6(struct rte_lpm6 *lpm, const struct change6 *c)
{
	if (c->remove)
		return rte_lpm6_delete(lpm, LPM6_IP(c->prefix.addr.bytes), c->prefix.len) == 0;
	return rte_lpm6_add(lpm, LPM6_IP(c->prefix.addr.bytes), c->prefix.len, c->entry) == 0;
}

static bool
change6(struct fib_table *t, const struct change6 *c)
{
	if (!log_append(t, c))
		return false;
	if (!apply6(t->lpm6[t->standby], c)) {
		t->log_used--;
		return false;
	}
	return true;
}

bool
fib_table_set(struct fib_table *t, const struct ip_prefix *prefix, uint32_t entry)
{
	bool v4 = prefix->addr.family == IP_V4;

	if (prefix->len == 0) {
		atomic_store_explicit(
			v4 ? &t->fib->default4 : &t->fib->default6, entry, memory_order_release);
		return true;
	}
	if (v4)
		return lpm4_set(t->lpm4, host_order4(&prefix->addr), prefix->len, entry);
	return change6(t, &(struct change6){.prefix = *prefix, .entry = entry});
}

void
fib_table_remove(
	struct fib_table *t, const struct ip_prefix *prefix, uint8_t up_len, uint32_t up_entry)
{
	bool v4 = prefix->addr.family == IP_V4;

	if (prefix->len == 0)
		atomic_store_explicit(
			v4 ? &t->fib->default4 : &t->fib->default6, 0, memory_order_release);
	else if (v4)
		lpm4_remove(t->lpm4, host_order4(&prefix->addr), prefix->len, up_len, up_entry);
	else
		change6(t, &(struct change6){.prefix = *prefix, .remove = true});
}

void
fib_table_commit(struct fib_table *t)
{
	if (t->log_used == 0)
		return;
	atomic_store_explicit(&t->fib->lpm6, t->lpm6[t->standby], memory_order_release);
	t->standby ^= 1;
	rcu_synchronize(t->rcu);
	/* The same changes in the same order to the same state: what fitted fits again. */
	for (uint32_t i = 0; i < t->log_used; i++)
		if (!apply6(t->lpm6[t->standby], &t->log[i]))
			rte_panic("the two IPv6 forwarding tables differ\n");
	t->log_used = 0;
}

void
fib_lookup6(const struct fib *fib, uint8_t (*ips)[16], uint32_t *out, unsigned n)
{
	struct rte_lpm6 *lpm = atomic_load_explicit(&fib->lpm6, memory_order_acquire);
	uint32_t miss = atomic_load_explicit(&fib->default6, memory_order_relaxed);
	int32_t found[64];

	for (unsigned done = 0; done < n;) {
		unsigned some = RTE_MIN(n - done, RTE_DIM(found));

		rte_lpm6_lookup_bulk_func(lpm, LPM6_IPS(ips + done), found, some);
		for (unsigned i = 0; i < some; i++)
			out[done + i] = found[i] < 0 ? miss : (uint32_t)found[i];
		done += some;
	}
}

const struct fib_entry *
fib_lookup(const struct fib *fib, const struct ip_addr *addr)
{
	uint32_t entry = 0;

	if (addr->family == IP_V4) {
		uint32_t ip = host_order4(addr);

		fib_lookup4(fib, &ip, &entry, 1);
	} else if (addr->family == IP_V6) {
		uint8_t ip[1][16];

		memcpy(ip[0], addr->bytes, 16);
		fib_lookup6(fib, ip, &entry, 1);
	}
	return &fib->entries[entry];
}
