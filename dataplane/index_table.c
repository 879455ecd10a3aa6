/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>
#include <rte_malloc.h>

#include "crypto_accel/crypto_accel.h"
#include "dataplane/index_table.h"

int
index_table_init(struct index_table *t, uint32_t n)
{
	uint32_t slots = rte_align32pow2(n * 2);

	t->mask = slots - 1;
	t->used = 0;
	t->owners = rte_zmalloc("index owners", (size_t)slots * sizeof(*t->owners), 0);
	t->sessions = rte_zmalloc(
		"index sessions", (size_t)slots * sizeof(*t->sessions), RTE_CACHE_LINE_SIZE);
	if (t->owners == NULL || t->sessions == NULL) {
		index_table_fini(t);
		return -1;
	}
	return 0;
}

void
index_table_fini(struct index_table *t)
{
	rte_free(t->owners);
	rte_free(t->sessions);
	t->owners = NULL;
	t->sessions = NULL;
}

bool
index_alloc(struct index_table *t, void *owner, uint32_t *index)
{
	struct index_owner *slot;
	uint32_t candidate;

	if (t->used > t->mask / 2)
		return false;
	do { /* at half load, two draws on average */
		crypto_random(&candidate, sizeof(candidate));
		slot = &t->owners[candidate & t->mask];
	} while (slot->owner != NULL);
	slot->index = candidate;
	slot->owner = owner;
	t->used++;
	*index = candidate;
	return true;
}

void *
index_owner(const struct index_table *t, uint32_t index)
{
	const struct index_owner *slot = &t->owners[index & t->mask];

	return slot->index == index ? slot->owner : NULL;
}

void
index_free(struct index_table *t, uint32_t index)
{
	if (index_owner(t, index) == NULL)
		return;
	t->owners[index & t->mask].owner = NULL;
	t->used--;
}
