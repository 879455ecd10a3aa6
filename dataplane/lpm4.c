/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/lpm4.h"

#include <rte_malloc.h>

#define GROUP_SIZE RTE_LPM_TBL8_GROUP_NUM_ENTRIES

/* One or more entries, in tbl24 or in a group. */
struct range {
	uint32_t first, count;
};

/* The argument of a group's way back. */
struct deferred_group {
	struct lpm4 *lpm;
	uint32_t group;
};

struct lpm4 {
	struct rte_lpm *table;
	struct rcu *rcu;
	uint32_t *free_groups;
	uint32_t n_free;
	struct deferred_group *deferred; /* by group */
};

struct lpm4 *
lpm4_create(const char *name, uint32_t groups, struct rcu *rcu)
{
	/* Its own list of rules stays empty. */
	struct rte_lpm_config config = {.max_rules = 1, .number_tbl8s = groups};
	struct lpm4 *l = rte_zmalloc("lpm4", sizeof(*l), 0);

	if (l == NULL)
		return NULL;
	l->rcu = rcu;
	l->table = rte_lpm_create(name, SOCKET_ID_ANY, &config);
	l->free_groups = rte_malloc("lpm4 free", groups * sizeof(*l->free_groups), 0);
	l->deferred = rte_malloc("lpm4 deferred", groups * sizeof(*l->deferred), 0);
	if (l->table == NULL || l->free_groups == NULL || l->deferred == NULL) {
		lpm4_destroy(l);
		return NULL;
	}
	for (uint32_t g = groups; g-- > 0;)
		l->free_groups[l->n_free++] = g;
	return l;
}

void
lpm4_destroy(struct lpm4 *l)
{
	if (l == NULL)
		return;
	rte_lpm_free(l->table);
	rte_free(l->free_groups);
	rte_free(l->deferred);
	rte_free(l);
}

struct rte_lpm *
lpm4_table(const struct lpm4 *l)
{
	return l->table;
}

/* ---- entries ---------------------------------------------------------------- */

/* Release: what a group holds is there before the way to it. */
static void
store(struct rte_lpm_tbl_entry *at, struct rte_lpm_tbl_entry e)
{
	__atomic_store(at, &e, __ATOMIC_RELEASE);
}

static struct rte_lpm_tbl_entry *
group_entries(const struct lpm4 *l, uint32_t group)
{
	return &l->table->tbl8[(size_t)group * GROUP_SIZE];
}

/* What a prefix of this length makes of an entry; of length 0: nothing. */
static struct rte_lpm_tbl_entry
entry_of(uint8_t len, uint32_t next_hop, bool in_group)
{
	struct rte_lpm_tbl_entry e = {.valid_group = in_group};

	if (len > 0) {
		e.next_hop = next_hop;
		e.valid = 1;
		e.depth = len;
	}
	return e;
}

/* Length of the prefix that an entry is of; 0: none. */
static uint8_t
entry_len(struct rte_lpm_tbl_entry e)
{
	return e.valid ? e.depth : 0;
}

/* Those entries of a range that are of a prefix from min to max bits become e. */
static void
replace(struct rte_lpm_tbl_entry *entries, struct range r, uint8_t min, uint8_t max,
	struct rte_lpm_tbl_entry e)
{
	for (uint32_t i = r.first; i < r.first + r.count; i++) {
		uint8_t len = entry_len(entries[i]);

		if (len >= min && len <= max)
			store(&entries[i], e);
	}
}

/* ---- groups ------------------------------------------------------------------ */

static void
group_reuse(void *arg)
{
	struct deferred_group *d = arg;

	d->lpm->free_groups[d->lpm->n_free++] = d->group;
}

/* A worker may be on its way to the group: it gets nothing new before a grace period. */
static void
group_release(struct lpm4 *l, uint32_t group)
{
	l->deferred[group] = (struct deferred_group){l, group};
	rcu_defer(l->rcu, group_reuse, &l->deferred[group]);
}

static bool
group_get(struct lpm4 *l, uint32_t *group)
{
	if (l->n_free == 0) {
		rcu_synchronize(l->rcu);
		while (l->n_free == 0 && rcu_reclaim(l->rcu))
			;
	}
	if (l->n_free == 0)
		return false;
	*group = l->free_groups[--l->n_free];
	return true;
}

/* Give an entry of tbl24 a group that says the same. */
static bool
expand(struct lpm4 *l, struct rte_lpm_tbl_entry *at)
{
	struct rte_lpm_tbl_entry e = entry_of(entry_len(*at), at->next_hop, true);
	struct rte_lpm_tbl_entry *entries;
	uint32_t group;

	if (!group_get(l, &group))
		return false;
	entries = group_entries(l, group);
	for (unsigned i = 0; i < GROUP_SIZE; i++)
		store(&entries[i], e);
	store(at, (struct rte_lpm_tbl_entry){.next_hop = group, .valid = 1, .valid_group = 1});
	return true;
}

/* Take the group away again when it holds no longer prefix; then all of it is alike. */
static void
collapse(struct lpm4 *l, struct rte_lpm_tbl_entry *at)
{
	uint32_t group = at->next_hop;
	const struct rte_lpm_tbl_entry *entries = group_entries(l, group);

	for (unsigned i = 0; i < GROUP_SIZE; i++)
		if (entry_len(entries[i]) > 24)
			return;
	store(at, entry_of(entry_len(entries[0]), entries[0].next_hop, false));
	group_release(l, group);
}

/* ---- prefixes ------------------------------------------------------------------ */

/* Of a prefix of up to 24 bits: entries from min to max bits become those of another one. */
static void
replace_short(struct lpm4 *l, uint32_t ip, uint8_t len, uint8_t min, uint8_t max, uint8_t to_len,
	uint32_t to)
{
	struct range all = {0, GROUP_SIZE}, r = {ip >> 8, 1u << (24 - len)};

	for (uint32_t i = r.first; i < r.first + r.count; i++) {
		struct rte_lpm_tbl_entry e = l->table->tbl24[i];

		if (e.valid && e.valid_group)
			replace(group_entries(l, e.next_hop), all, min, max,
				entry_of(to_len, to, true));
		else
			replace(l->table->tbl24, (struct range){i, 1}, min, max,
				entry_of(to_len, to, false));
	}
}

bool
lpm4_set(struct lpm4 *l, uint32_t ip, uint8_t len, uint32_t next_hop)
{
	struct rte_lpm_tbl_entry *at = &l->table->tbl24[ip >> 8];

	if (len <= 24) {
		replace_short(l, ip, len, 0, len, len, next_hop);
		return true;
	}
	if (!(at->valid && at->valid_group) && !expand(l, at))
		return false;
	replace(group_entries(l, at->next_hop), (struct range){ip & 0xff, 1u << (32 - len)}, 0, len,
		entry_of(len, next_hop, true));
	return true;
}

void
lpm4_remove(struct lpm4 *l, uint32_t ip, uint8_t len, uint8_t up_len, uint32_t up)
{
	struct rte_lpm_tbl_entry *at = &l->table->tbl24[ip >> 8];

	if (len <= 24) {
		replace_short(l, ip, len, len, len, up_len, up);
		return;
	}
	replace(group_entries(l, at->next_hop), (struct range){ip & 0xff, 1u << (32 - len)}, len,
		len, entry_of(up_len, up, true));
	collapse(l, at);
}
