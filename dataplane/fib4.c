/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/fib4.h"

#include <rte_malloc.h>

#include "dataplane/rcu.h"

#define WORDS (1u << 24)
#define GROUP_SIZE 256u

struct fib4_deferred {
	struct fib4 *table;
	uint32_t group;
};

int
fib4_init(struct fib4 *t, uint32_t n_groups, struct rcu *rcu)
{
	*t = (struct fib4){.rcu = rcu, .n_groups = n_groups};
	t->words = rte_zmalloc("fib4", WORDS * sizeof(*t->words), RTE_CACHE_LINE_SIZE);
	t->groups = rte_malloc("fib4 groups", (size_t)n_groups * GROUP_SIZE * sizeof(*t->groups),
		RTE_CACHE_LINE_SIZE);
	t->free_groups = rte_malloc("fib4 free", n_groups * sizeof(*t->free_groups), 0);
	t->deferred = rte_malloc("fib4 deferred", n_groups * sizeof(*t->deferred), 0);
	if (n_groups > FIB4_VALUE_MASK || t->words == NULL || t->groups == NULL ||
		t->free_groups == NULL || t->deferred == NULL) {
		fib4_fini(t);
		return -1;
	}
	for (uint32_t g = n_groups; g > 0; g--)
		t->free_groups[t->n_free++] = g - 1;
	return 0;
}

void
fib4_fini(struct fib4 *t)
{
	rte_free(t->words);
	rte_free(t->groups);
	rte_free(t->free_groups);
	rte_free(t->deferred);
	*t = (struct fib4){0};
}

static uint32_t
load(const fib4_word *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

static void
store(fib4_word *w, uint32_t value)
{
	atomic_store_explicit(w, value, memory_order_relaxed);
}

static uint8_t
len_of(uint32_t word)
{
	return word >> FIB4_LEN_SHIFT & FIB4_LEN_MASK;
}

static fib4_word *
group_of(struct fib4 *t, uint32_t word)
{
	return &t->groups[(size_t)(word & FIB4_VALUE_MASK) * GROUP_SIZE];
}

/* ---- groups ------------------------------------------------------------------ */

static void
group_reuse(void *arg)
{
	struct fib4_deferred *d = arg;

	d->table->free_groups[d->table->n_free++] = d->group;
}

/* A worker may be about to look into it. */
static void
group_retire(struct fib4 *t, uint32_t group)
{
	t->deferred[group] = (struct fib4_deferred){t, group};
	rcu_defer(t->rcu, group_reuse, &t->deferred[group]);
}

/* Replace the word by a group that says the same for all its addresses. */
static bool
group_make(struct fib4 *t, fib4_word *word)
{
	uint32_t was = load(word), group;
	fib4_word *words;

	if (t->n_free == 0)
		rcu_synchronize(t->rcu);
	while (t->n_free == 0 && rcu_reclaim(t->rcu))
		;
	if (t->n_free == 0)
		return false;
	group = t->free_groups[--t->n_free];
	words = group_of(t, group);
	for (unsigned i = 0; i < GROUP_SIZE; i++)
		store(&words[i], was);
	atomic_store_explicit(word, FIB4_GROUP | group, memory_order_release);
	return true;
}

/* A group without a prefix longer than 24 says the same for all: back to one word. */
static void
group_collapse(struct fib4 *t, fib4_word *word)
{
	uint32_t was = load(word);
	const fib4_word *words = group_of(t, was);
	uint8_t longest = 0;

	for (unsigned i = 0; i < GROUP_SIZE; i++)
		longest = RTE_MAX(longest, len_of(load(&words[i])));
	if (longest > 24)
		return;
	store(word, load(&words[0]));
	group_retire(t, was & FIB4_VALUE_MASK);
}

/* ---- changes ----------------------------------------------------------------- */

/* What shorter prefixes, or this one, have said becomes value. */
static void
cover(fib4_word *words, uint32_t n, uint8_t len, uint32_t value)
{
	for (uint32_t i = 0; i < n; i++)
		if (len_of(load(&words[i])) <= len)
			store(&words[i], value);
}

/* What this one has said becomes value. */
static void
uncover(fib4_word *words, uint32_t n, uint8_t len, uint32_t value)
{
	for (uint32_t i = 0; i < n; i++)
		if (len_of(load(&words[i])) == len)
			store(&words[i], value);
}

/* All words of a prefix of at most 24 bits, also those within groups. */
static void
each_short(struct fib4 *t, uint32_t ip, uint8_t len, uint32_t value,
	void (*change)(fib4_word *words, uint32_t n, uint8_t len, uint32_t value))
{
	fib4_word *first = &t->words[ip >> 8];

	for (uint32_t i = 0; i < 1u << (24 - len); i++) {
		uint32_t word = load(&first[i]);

		if (word & FIB4_GROUP)
			change(group_of(t, word), GROUP_SIZE, len, value);
		else
			change(&first[i], 1, len, value);
	}
}

bool
fib4_set(struct fib4 *t, uint32_t ip, uint8_t len, uint32_t value)
{
	uint32_t word = (uint32_t)len << FIB4_LEN_SHIFT | value;
	fib4_word *at = &t->words[ip >> 8];

	if (len <= 24) {
		each_short(t, ip, len, word, cover);
		return true;
	}
	if (!(load(at) & FIB4_GROUP) && !group_make(t, at))
		return false;
	cover(group_of(t, load(at)) + (ip & 0xff), 1u << (32 - len), len, word);
	return true;
}

void
fib4_remove(struct fib4 *t, uint32_t ip, uint8_t len, uint8_t covering_len, uint32_t covering_value)
{
	uint32_t word =
		covering_len == 0 ? 0 : (uint32_t)covering_len << FIB4_LEN_SHIFT | covering_value;
	fib4_word *at = &t->words[ip >> 8];

	if (len <= 24) {
		each_short(t, ip, len, word, uncover);
		return;
	}
	if (!(load(at) & FIB4_GROUP))
		return; /* it was never set */
	uncover(group_of(t, load(at)) + (ip & 0xff), 1u << (32 - len), len, word);
	group_collapse(t, at);
}
