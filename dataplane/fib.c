/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The authoritative prefixes and what they resolve to. Both families live in
 * one rte_rib6, so that nesting is worked out once: IPv4 is kept under
 * ffff:ffff:ffff:ffff:ffff:ffff::/96, which is inside IPv6 multicast, where no
 * prefix longer than that is accepted.
 */
#include <stdio.h>
#include <string.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_malloc.h>
#include <rte_rib6.h>
#include <rte_version.h>

#include "dataplane/fib.h"
#include "dataplane/fib_table.h"
#include "dataplane/rcu.h"

#define GATEWAY_MAX 1024
#define LPM6_NEXT_HOP_BITS 21 /* rte_lpm6 cuts off what is above */
#define SPARE_RULES 2048 /* for routes and own addresses; as many as fib_table.c adds */

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define RIB_IP(bytes) ((const struct rte_ipv6_addr *)(const void *)(bytes))
#define RIB_IP_OUT(bytes) ((struct rte_ipv6_addr *)(void *)(bytes))
#else
#define RIB_IP(bytes) (bytes)
#define RIB_IP_OUT(bytes) (bytes)
#endif

/* What is said of one prefix: in the rib node's extension. */
struct rule {
	fib_dst route; /* 0: no route */
	fib_dst tunnel; /* 0: not a tunnel's own prefix */
	uint32_t owner; /* FIB_NO_PEER: nobody's allowed-IP */
	uint8_t owner_iface;
	uint8_t family;
	uint32_t entry; /* that the tables hold for it; 0: not installed yet */
};

struct entry_key {
	fib_dst forward, route;
	uint32_t owner;
};

struct deferred_entry {
	struct fib_control *control;
	uint32_t entry;
};

struct fib_control {
	struct fib *fib;
	struct rcu *rcu;
	struct fib_table *table;
	struct rte_rib6 *rib;
	struct rte_hash *interned; /* struct entry_key -> entry index */
	uint32_t n_rules, max_rules;
	uint32_t max_entries; /* twice the rules: as many may wait to be free again */
	uint32_t *free_entries;
	uint32_t n_free;
	/* Without references, but the published copy of the IPv6 table may still lead to them. */
	uint32_t *unreferenced;
	uint32_t n_unreferenced;
	struct deferred_entry *deferred; /* by entry: the argument of its way back */
	uint32_t n_gateways;
};

/* ---- prefixes in the rib --------------------------------------------------- */

static void
rib_key(const struct ip_prefix *p, uint8_t ip[16], uint8_t *depth)
{
	struct ip_prefix net = ip_prefix_network(p);

	if (net.addr.family == IP_V6) {
		memcpy(ip, net.addr.bytes, 16);
		*depth = net.len;
		return;
	}
	memset(ip, 0xff, 12);
	memcpy(ip + 12, net.addr.bytes, 4);
	*depth = net.len + 96;
}

static struct ip_prefix
rib_prefix(const struct rte_rib6_node *node, const struct rule *rule)
{
	struct ip_prefix p = {.addr.family = rule->family};
	uint8_t ip[16], depth;

	rte_rib6_get_ip(node, RIB_IP_OUT(ip));
	rte_rib6_get_depth(node, &depth);
	if (rule->family == IP_V6) {
		memcpy(p.addr.bytes, ip, 16);
		p.len = depth;
	} else {
		memcpy(p.addr.bytes, ip + 12, 4);
		p.len = depth - 96;
	}
	return p;
}

static struct rule *
rule_of(struct rte_rib6_node *node)
{
	return rte_rib6_get_ext(node);
}

static struct rte_rib6_node *
rule_find(struct fib_control *c, const struct ip_prefix *p)
{
	uint8_t ip[16], depth;

	rib_key(p, ip, &depth);
	return rte_rib6_lookup_exact(c->rib, RIB_IP(ip), depth);
}

/* Where rib_key puts IPv4. */
static bool
is_reserved(const struct ip_prefix *p)
{
	static const uint8_t ones[12] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	return p->addr.family == IP_V6 && p->len >= 96 && memcmp(p->addr.bytes, ones, 12) == 0;
}

static struct rte_rib6_node *
rule_find_or_insert(struct fib_control *c, const struct ip_prefix *p)
{
	struct rte_rib6_node *node;
	uint8_t ip[16], depth;

	if (is_reserved(p))
		return NULL;
	node = rule_find(c, p);
	if (node != NULL)
		return node;
	rib_key(p, ip, &depth);
	if (c->n_rules == c->max_rules)
		return NULL;
	node = rte_rib6_insert(c->rib, RIB_IP(ip), depth);
	if (node == NULL)
		return NULL;
	*rule_of(node) = (struct rule){.owner = FIB_NO_PEER, .family = p->addr.family};
	c->n_rules++;
	return node;
}

/* ---- interned entries -------------------------------------------------------- */

static void
entry_reuse(void *arg)
{
	struct deferred_entry *d = arg;

	d->control->free_entries[d->control->n_free++] = d->entry;
}

/* Wait until what has lost its references is free: there is more than all rules need. */
static void
entries_reclaim(struct fib_control *c)
{
	fib_commit(c->fib);
	rcu_synchronize(c->rcu);
	while (c->n_free == 0 && rcu_reclaim(c->rcu))
		;
}

/* 0 when out of memory; otherwise an entry with one more reference. */
static uint32_t
entry_get(struct fib_control *c, const struct entry_key *key)
{
	void *data;
	uint32_t e;

	if (rte_hash_lookup_data(c->interned, key, &data) >= 0) {
		e = (uint32_t)(uintptr_t)data;
		c->fib->entries[e].references++;
		return e;
	}
	if (c->n_free == 0)
		entries_reclaim(c);
	if (c->n_free == 0)
		return 0;
	e = c->free_entries[c->n_free - 1];
	if (rte_hash_add_key_data(c->interned, key, (void *)(uintptr_t)e) != 0)
		return 0;
	c->n_free--;
	c->fib->entries[e] = (struct fib_entry){
		.forward = key->forward, .route = key->route, .owner = key->owner, .references = 1};
	return e;
}

static void
entry_put(struct fib_control *c, uint32_t e)
{
	struct fib_entry *entry = &c->fib->entries[e];
	struct entry_key key = {entry->forward, entry->route, entry->owner};

	if (e == 0 || --entry->references > 0)
		return;
	rte_hash_del_key(c->interned, &key);
	c->unreferenced[c->n_unreferenced++] = e;
}

/*
 * A worker may still hold an entry from a lookup, so it gets no new meaning
 * before a grace period, which begins when no table leads to it any more.
 */
static void
entries_defer(struct fib_control *c)
{
	while (c->n_unreferenced > 0) {
		uint32_t e = c->unreferenced[--c->n_unreferenced];

		c->deferred[e] = (struct deferred_entry){c, e};
		rcu_defer(c->rcu, entry_reuse, &c->deferred[e]);
	}
}

/* ---- resolution ---------------------------------------------------------------- */

static struct entry_key
resolve(struct rte_rib6_node *node)
{
	const struct rule *rule = rule_of(node);
	struct entry_key key = {.route = rule->route, .owner = rule->owner};

	for (struct rte_rib6_node *up = rte_rib6_lookup_parent(node);
		up != NULL && (key.route == 0 || key.owner == FIB_NO_PEER);
		up = rte_rib6_lookup_parent(up)) {
		const struct rule *r = rule_of(up);

		if (r->family != rule->family)
			break;
		if (key.route == 0)
			key.route = r->route;
		if (key.owner == FIB_NO_PEER)
			key.owner = r->owner;
	}
	if (rule->route != 0)
		key.forward = rule->route;
	else if (rule->owner != FIB_NO_PEER)
		key.forward = fib_dst_make(FIB_PEER, rule->owner);
	else
		key.forward = rule->tunnel;
	return key;
}

/* Bring the tables to what the rule says now; false when they are full. */
static bool
install(struct fib_control *c, struct rte_rib6_node *node)
{
	struct rule *rule = rule_of(node);
	struct ip_prefix prefix = rib_prefix(node, rule);
	struct entry_key key = resolve(node);
	uint32_t e = entry_get(c, &key);

	if (e == 0)
		return false;
	if (e == rule->entry) {
		c->fib->entries[e].references--;
		return true;
	}
	if (!fib_table_set(c->table, &prefix, e)) {
		entry_put(c, e);
		return false;
	}
	entry_put(c, rule->entry);
	rule->entry = e;
	return true;
}

/*
 * What lies below a changed prefix inherits from it. These are changes of next
 * hops only, so the tables have room; the entries may not.
 */
static bool
install_below(struct fib_control *c, const struct ip_prefix *p)
{
	struct rte_rib6_node *node = NULL;
	uint8_t ip[16], depth, node_depth;
	bool ok = true;

	rib_key(p, ip, &depth);
	while ((node = rte_rib6_get_nxt(c->rib, RIB_IP(ip), depth, node, RTE_RIB6_GET_NXT_ALL))) {
		rte_rib6_get_depth(node, &node_depth);
		if (node_depth > depth && rule_of(node)->family == p->addr.family)
			ok = install(c, node) && ok;
	}
	return ok;
}

/* The longest prefix above this one that the tables hold; of length 0 when there is none. */
static struct ip_prefix
covering(struct rte_rib6_node *node, const struct rule *below, uint32_t *entry)
{
	*entry = 0;
	while ((node = rte_rib6_lookup_parent(node)) != NULL) {
		const struct rule *rule = rule_of(node);
		struct ip_prefix p = rib_prefix(node, rule);

		if (rule->family != below->family || p.len == 0)
			break;
		if (rule->entry == 0)
			continue;
		*entry = rule->entry;
		return p;
	}
	return (struct ip_prefix){0};
}

static void
uninstall(struct fib_control *c, struct rte_rib6_node *node)
{
	struct rule *rule = rule_of(node);
	struct ip_prefix prefix = rib_prefix(node, rule);
	uint8_t ip[16], depth;

	if (rule->entry != 0) {
		uint32_t up_entry;
		struct ip_prefix up = covering(node, rule, &up_entry);

		fib_table_remove(c->table, &prefix, up.len, up_entry);
		entry_put(c, rule->entry);
	}
	rib_key(&prefix, ip, &depth);
	rte_rib6_remove(c->rib, RIB_IP(ip), depth);
	c->n_rules--;
}

static int
no_room(const struct ip_prefix *prefix, char *err, size_t err_size)
{
	char text[IP_PREFIX_STRLEN];

	snprintf(err, err_size, "no room for %s in the forwarding table; raise max_peers",
		ip_prefix_format(text, prefix));
	return -1;
}

/* Apply a rule's new value to the tables; on failure everything is as before. */
static int
rule_change(struct fib_control *c, struct rte_rib6_node *node, const struct rule *was,
	const struct ip_prefix *prefix, char *err, size_t err_size)
{
	struct rule *rule = rule_of(node);
	uint32_t entry;

	if (install(c, node) && install_below(c, prefix))
		return 0;
	entry = rule->entry;
	*rule = *was;
	rule->entry = entry;
	if (rule->route == 0 && rule->tunnel == 0 && rule->owner == FIB_NO_PEER)
		uninstall(c, node);
	else
		install(c, node);
	install_below(c, prefix);
	return no_room(prefix, err, err_size);
}

/* ---- interface ------------------------------------------------------------------- */

int
fib_route_add(
	struct fib *fib, const struct ip_prefix *prefix, fib_dst dst, char *err, size_t err_size)
{
	struct rte_rib6_node *node = rule_find_or_insert(fib->control, prefix);
	struct rule was;

	if (node == NULL)
		return no_room(prefix, err, err_size);
	was = *rule_of(node);
	rule_of(node)->route = dst;
	return rule_change(fib->control, node, &was, prefix, err, err_size);
}

int
fib_route_add_via(struct fib *fib, const struct ip_prefix *prefix, const struct ip_addr *via,
	uint8_t port, char *err, size_t err_size)
{
	struct fib_control *c = fib->control;
	uint32_t id = 0;

	while (id < c->n_gateways &&
		!(fib->gateways[id].port == port && ip_addr_equal(&fib->gateways[id].addr, via)))
		id++;
	if (id == GATEWAY_MAX) {
		snprintf(err, err_size, "more than %d gateways", GATEWAY_MAX);
		return -1;
	}
	if (id == c->n_gateways)
		fib->gateways[c->n_gateways++] = (struct fib_gateway){*via, port};
	return fib_route_add(fib, prefix, fib_dst_make(FIB_VIA, id), err, err_size);
}

int
fib_tunnel_add(
	struct fib *fib, const struct ip_prefix *prefix, uint8_t iface, char *err, size_t err_size)
{
	struct rte_rib6_node *node = rule_find_or_insert(fib->control, prefix);
	struct rule was;

	if (node == NULL)
		return no_room(prefix, err, err_size);
	was = *rule_of(node);
	rule_of(node)->tunnel = fib_dst_make(FIB_UNASSIGNED, iface);
	return rule_change(fib->control, node, &was, prefix, err, err_size);
}

int
fib_allowed_add(struct fib *fib, const struct ip_prefix *prefix, uint8_t iface, uint32_t peer,
	uint32_t *taken_from, char *err, size_t err_size)
{
	struct rte_rib6_node *node = rule_find_or_insert(fib->control, prefix);
	char text[IP_PREFIX_STRLEN];
	struct rule was, *rule;

	*taken_from = FIB_NO_PEER;
	if (node == NULL)
		return no_room(prefix, err, err_size);
	rule = rule_of(node);
	was = *rule;
	if (was.owner != FIB_NO_PEER && was.owner_iface != iface) {
		snprintf(err, err_size, "%s belongs to a peer of another interface",
			ip_prefix_format(text, prefix));
		return -1;
	}
	*taken_from = was.owner;
	rule->owner = peer;
	rule->owner_iface = iface;
	return rule_change(fib->control, node, &was, prefix, err, err_size);
}

bool
fib_allowed_remove(struct fib *fib, const struct ip_prefix *prefix, uint32_t peer)
{
	struct fib_control *c = fib->control;
	struct rte_rib6_node *node = rule_find(c, prefix);
	struct rule *rule;

	if (node == NULL || is_reserved(prefix) || rule_of(node)->owner != peer)
		return false;
	rule = rule_of(node);
	rule->owner = FIB_NO_PEER;
	if (rule->route == 0 && rule->tunnel == 0)
		uninstall(c, node);
	else
		install(c, node);
	install_below(c, prefix);
	return true;
}

void
fib_commit(struct fib *fib)
{
	fib_table_commit(fib->control->table);
	entries_defer(fib->control);
}

/* ---- life -------------------------------------------------------------------------- */

static int
control_init(struct fib_control *c, uint32_t max_prefixes)
{
	static unsigned serial; /* names are process-wide */
	char name[32];
	struct rte_rib6_conf rib = {
		.ext_sz = sizeof(struct rule),
		/* The rib keeps up to one inner node for each prefix. */
		.max_nodes = (int)(2 * (max_prefixes + SPARE_RULES)),
	};
	struct rte_hash_parameters hash = {
		.name = name,
		.key_len = sizeof(struct entry_key),
		.hash_func = rte_jhash,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE, /* a free entry always fits */
	};

	c->max_rules = max_prefixes + SPARE_RULES;
	c->max_entries = RTE_MIN(2 * c->max_rules + 1, 1u << LPM6_NEXT_HOP_BITS);
	hash.entries = c->max_entries;
	snprintf(name, sizeof(name), "wgdp_fib%u", serial++);
	c->rib = rte_rib6_create(name, SOCKET_ID_ANY, &rib);
	c->interned = rte_hash_create(&hash);
	c->free_entries = rte_malloc("fib free", c->max_entries * sizeof(uint32_t), 0);
	c->unreferenced = rte_malloc("fib unref", c->max_entries * sizeof(uint32_t), 0);
	c->deferred = rte_malloc("fib deferred", c->max_entries * sizeof(*c->deferred), 0);
	c->fib->entries = rte_zmalloc(
		"fib entries", c->max_entries * sizeof(struct fib_entry), RTE_CACHE_LINE_SIZE);
	c->fib->gateways = rte_zmalloc("gateways", GATEWAY_MAX * sizeof(struct fib_gateway), 0);
	if (c->rib == NULL || c->interned == NULL || c->free_entries == NULL ||
		c->unreferenced == NULL || c->deferred == NULL || c->fib->entries == NULL ||
		c->fib->gateways == NULL)
		return -1;
	/* Entry 0 is what no prefix covers. */
	c->fib->entries[0] = (struct fib_entry){.owner = FIB_NO_PEER, .references = 1};
	for (uint32_t e = c->max_entries - 1; e >= 1; e--)
		c->free_entries[c->n_free++] = e;
	return 0;
}

struct fib *
fib_create(uint32_t max_prefixes, struct rcu *rcu, char *err, size_t err_size)
{
	struct fib *fib = rte_zmalloc("fib", sizeof(*fib), RTE_CACHE_LINE_SIZE);

	if (fib == NULL)
		goto no_memory;
	fib->control = rte_zmalloc("fib control", sizeof(*fib->control), 0);
	if (fib->control == NULL)
		goto no_memory;
	fib->control->fib = fib;
	fib->control->rcu = rcu;
	fib->control->table = fib_table_create(fib, max_prefixes, rcu, err, err_size);
	if (fib->control->table == NULL)
		goto fail;
	if (control_init(fib->control, max_prefixes) == 0)
		return fib;
no_memory:
	snprintf(err, err_size, "no memory for the forwarding table of %u prefixes", max_prefixes);
fail:
	fib_destroy(fib);
	return NULL;
}

void
fib_destroy(struct fib *fib)
{
	if (fib == NULL)
		return;
	if (fib->control != NULL) {
		fib_table_destroy(fib->control->table);
		rte_rib6_free(fib->control->rib);
		rte_hash_free(fib->control->interned);
		rte_free(fib->control->free_entries);
		rte_free(fib->control->unreferenced);
		rte_free(fib->control->deferred);
		rte_free(fib->control);
	}
	rte_free(fib->entries);
	rte_free(fib->gateways);
	rte_free(fib);
}
