/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/events.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct events {
	/* Of all below. Held for a copy of a few events, never while anything blocks. */
	pthread_mutex_t lock;
	struct event *ring;
	unsigned size;
	uint64_t first; /* sequence number of the run's first event */
	uint64_t next; /* of the event that comes next */
	void (*wake)(void *arg);
	void *arg;
	bool woken; /* since events_rearm */
};

static const char *const type_name[] = {
#define X(name) #name,
	EVENT_TYPES(X)
#undef X
};

const char *
event_type_name(unsigned type)
{
	return type < sizeof(type_name) / sizeof(type_name[0]) ? type_name[type] : "?";
}

static uint64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

struct events *
events_create(unsigned size)
{
	struct events *e = calloc(1, sizeof(*e));

	if (e == NULL || (e->ring = calloc(size, sizeof(*e->ring))) == NULL)
		abort();
	e->size = size;
	e->first = e->next = wall_ns() / 1000;
	pthread_mutex_init(&e->lock, NULL);
	return e;
}

void
events_destroy(struct events *e)
{
	if (e == NULL)
		return;
	pthread_mutex_destroy(&e->lock);
	free(e->ring);
	free(e);
}

void
events_push(struct events *e, const struct event *event)
{
	uint64_t now = wall_ns();
	struct event *slot;

	pthread_mutex_lock(&e->lock);
	slot = &e->ring[e->next % e->size];
	*slot = *event;
	slot->seq = e->next++;
	slot->time_ns = now;
	if (e->wake != NULL && !e->woken) {
		e->woken = true;
		e->wake(e->arg);
	}
	pthread_mutex_unlock(&e->lock);
}

void
events_rearm(struct events *e)
{
	pthread_mutex_lock(&e->lock);
	e->woken = false;
	pthread_mutex_unlock(&e->lock);
}

void
events_set_wake(struct events *e, void (*wake)(void *arg), void *arg)
{
	pthread_mutex_lock(&e->lock);
	e->wake = wake;
	e->arg = arg;
	e->woken = false;
	pthread_mutex_unlock(&e->lock);
}

/* The sequence number to go on with. */
static uint64_t
resume(const struct events *e, uint64_t cursor, struct event_gap *gap)
{
	uint64_t oldest = e->next - e->first > e->size ? e->next - e->size : e->first;

	*gap = (struct event_gap){.oldest = oldest};
	if (cursor == 0)
		return oldest;
	/* Above: the clock was set back between two runs. */
	if (cursor + 1 < e->first || cursor >= e->next) {
		gap->missed = true;
		return oldest;
	}
	if (cursor + 1 < oldest) {
		gap->missed = gap->counted = true;
		gap->lost = oldest - cursor - 1;
		return oldest;
	}
	return cursor + 1;
}

size_t
events_read(
	struct events *e, uint64_t *cursor, struct event *out, size_t max, struct event_gap *gap)
{
	size_t n = 0;
	uint64_t seq;

	pthread_mutex_lock(&e->lock);
	seq = resume(e, *cursor, gap);
	for (; n < max && seq < e->next; seq++)
		out[n++] = e->ring[seq % e->size];
	*cursor = seq - 1; /* also where nothing came: a gap is told once */
	pthread_mutex_unlock(&e->lock);
	return n;
}

uint64_t
events_last(struct events *e)
{
	uint64_t last;

	pthread_mutex_lock(&e->lock);
	last = e->next - 1;
	pthread_mutex_unlock(&e->lock);
	return last;
}
