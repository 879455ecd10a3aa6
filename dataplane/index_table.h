/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One number space for the indices of handshakes and sessions. The low bits
 * select a slot, the high bits are random, and the slot too is drawn anew for
 * every allocation, so that an observer cannot link a peer's sessions.
 * Workers see sessions only; what control has allocated is control's alone.
 */
#ifndef DATAPLANE_INDEX_TABLE_H
#define DATAPLANE_INDEX_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct session;

struct index_owner {
	uint32_t index;
	void *owner; /* NULL: the slot is free */
};

struct index_table {
	uint32_t mask;
	uint32_t used; /* control only */
	struct index_owner *owners; /* control only */
	_Atomic(struct session *) *sessions; /* control publishes, workers read */
};

/* Room for n indices at a load of at most one half. 0 or -1 (out of memory). */
int index_table_init(struct index_table *t, uint32_t n);
void index_table_fini(struct index_table *t);

/* Control: a fresh random index that belongs to owner; false when the table is full. */
bool index_alloc(struct index_table *t, void *owner, uint32_t *index);
/* Control: the session must be unpublished already. */
void index_free(struct index_table *t, uint32_t index);
/* Control: whose index this is; NULL if nobody's. */
void *index_owner(const struct index_table *t, uint32_t index);

/* Control: make workers see (or no longer see) the session of an allocated index. */
static inline void
index_publish(struct index_table *t, uint32_t index, struct session *s)
{
	atomic_store_explicit(&t->sessions[index & t->mask], s, memory_order_release);
}

/* Workers: a lookup will follow. */
static inline void
index_prefetch(const struct index_table *t, uint32_t index)
{
	__builtin_prefetch(&t->sessions[index & t->mask]);
}

/* Workers: a candidate; the caller compares its local_index. */
static inline struct session *
index_lookup(const struct index_table *t, uint32_t index)
{
	return atomic_load_explicit(&t->sessions[index & t->mask], memory_order_acquire);
}

#endif
