/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/neigh.h"

#include <stdio.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_malloc.h>
#include <rte_random.h>

struct key {
	struct ip_addr addr;
	uint8_t port;
	uint8_t zero[2]; /* whole 32-bit words, for jhash */
};
_Static_assert(sizeof(struct key) == 20, "no padding that would be compared");

enum entry_state { ENTRY_FREE, ENTRY_LIVE, ENTRY_DYING };

struct entry {
	struct neigh neigh; /* first: a struct neigh * is its entry */
	enum entry_state state;
	int32_t position; /* of the key in the hash, while dying */
	uint64_t token; /* grace period, while dying */
	struct entry *next; /* in the free list, or the next one to die */
};

/*
 * The hash is lock-free for readers and does not reuse a removed key's slot by
 * itself: an entry that has been unlinked waits in the dying queue, oldest
 * first, until every worker has been quiescent; then slot and entry are free.
 * All but the lookup belongs to control.
 */
struct neigh_table {
	struct rte_hash *hash;
	struct rte_rcu_qsbr *qsbr;
	unsigned capacity;
	_Atomic uint32_t removals; /* control writes, any thread reads */
	struct entry *free;
	struct entry *dying_first, *dying_last;
	struct entry entries[];
};

struct neigh_table *
neigh_table_create(unsigned capacity, struct rte_rcu_qsbr *qsbr)
{
	char name[RTE_HASH_NAMESIZE];
	struct neigh_table *t;
	struct rte_hash_parameters params = {
		.name = name,
		/* Twice the room, so that a cuckoo insertion below capacity always finds a slot. */
		.entries = RTE_MAX(2 * capacity, 64u),
		.key_len = sizeof(struct key),
		.hash_func = rte_jhash,
		/* Whoever is on the link chooses addresses, but cannot aim at a bucket. */
		.hash_func_init_val = (uint32_t)rte_rand(),
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	};

	t = rte_zmalloc(
		"neigh_table", sizeof(*t) + capacity * sizeof(t->entries[0]), RTE_CACHE_LINE_SIZE);
	if (t == NULL)
		return NULL;
	snprintf(name, sizeof(name), "neigh_%p", (void *)t);
	t->hash = rte_hash_create(&params);
	if (t->hash == NULL) {
		rte_free(t);
		return NULL;
	}
	t->qsbr = qsbr;
	t->capacity = capacity;
	for (unsigned i = capacity; i-- > 0;) {
		t->entries[i].next = t->free;
		t->free = &t->entries[i];
	}
	return t;
}

void
neigh_table_destroy(struct neigh_table *t)
{
	if (t == NULL)
		return;
	rte_hash_free(t->hash);
	rte_free(t);
}

static void
make_key(struct key *key, uint8_t port, const struct ip_addr *addr)
{
	memset(key, 0, sizeof(*key));
	key->addr = *addr;
	key->port = port;
}

struct neigh *
neigh_lookup(const struct neigh_table *t, uint8_t port, const struct ip_addr *addr)
{
	struct key key;
	void *n;

	make_key(&key, port, addr);
	return rte_hash_lookup_data(t->hash, &key, &n) < 0 ? NULL : n;
}

static void
reclaim(struct neigh_table *t)
{
	struct entry *e;

	while ((e = t->dying_first) != NULL && rte_rcu_qsbr_check(t->qsbr, e->token, false) == 1) {
		t->dying_first = e->next;
		rte_hash_free_key_with_position(t->hash, e->position);
		e->state = ENTRY_FREE;
		e->next = t->free;
		t->free = e;
	}
}

struct neigh *
neigh_insert(struct neigh_table *t, uint8_t port, const struct ip_addr *addr)
{
	struct neigh *n = neigh_lookup(t, port, addr);
	struct entry *e;
	struct key key;

	if (n != NULL)
		return n;
	reclaim(t);
	e = t->free;
	if (e == NULL)
		return NULL;
	memset(&e->neigh, 0, sizeof(e->neigh));
	e->neigh.addr = *addr;
	e->neigh.port = port;
	e->neigh.index = e - t->entries;
	make_key(&key, port, addr);
	if (rte_hash_add_key_data(t->hash, &key, &e->neigh) != 0)
		return NULL;
	t->free = e->next;
	e->next = NULL;
	e->state = ENTRY_LIVE;
	return &e->neigh;
}

void
neigh_remove(struct neigh_table *t, struct neigh *n)
{
	struct entry *e = (struct entry *)n;
	struct key key;

	make_key(&key, n->port, &n->addr);
	e->position = rte_hash_del_key(t->hash, &key);
	if (e->position < 0)
		return;
	/* Before the grace period starts: whoever reports quiescent after it sees the new count. */
	atomic_fetch_add_explicit(&t->removals, 1, memory_order_release);
	e->token = rte_rcu_qsbr_start(t->qsbr);
	e->state = ENTRY_DYING;
	e->next = NULL;
	if (t->dying_first == NULL)
		t->dying_first = e;
	else
		t->dying_last->next = e;
	t->dying_last = e;
	reclaim(t);
}

uint32_t
neigh_removals(const struct neigh_table *t)
{
	return atomic_load_explicit(&t->removals, memory_order_acquire);
}

struct neigh *
neigh_next(struct neigh_table *t, uint32_t *cursor)
{
	while (*cursor < t->capacity) {
		struct entry *e = &t->entries[(*cursor)++];

		if (e->state == ENTRY_LIVE)
			return &e->neigh;
	}
	return NULL;
}
