/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/shares.h"

static uint32_t
read_count(const _Atomic uint32_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* Each counter has one writer. */
static void
add_one(_Atomic uint32_t *count)
{
	atomic_store_explicit(count, read_count(count) + 1, memory_order_relaxed);
}

/*
 * What was taken may be seen late, never early: control counts after it has
 * taken, and what it takes the worker has counted before.
 */
bool
shares_put(struct shares *s, unsigned free, uint8_t port, uint16_t source)
{
	uint32_t by_port = read_count(&s->put.port[port]) - read_count(&s->taken.port[port]);
	uint32_t by_source =
		read_count(&s->put.source[source]) - read_count(&s->taken.source[source]);

	if (by_port >= free || by_source * SHARES_SOURCE_PART >= free)
		return false;
	add_one(&s->put.port[port]);
	add_one(&s->put.source[source]);
	return true;
}

void
shares_take(struct shares *s, uint8_t port, uint16_t source)
{
	add_one(&s->taken.port[port]);
	add_one(&s->taken.source[source]);
}
