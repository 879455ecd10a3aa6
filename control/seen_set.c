/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/seen_set.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST 64

void
seen_init(struct seen_set *s)
{
	*s = (struct seen_set){0};
	randombytes_buf(s->key, sizeof(s->key));
}

void
seen_fini(struct seen_set *s)
{
	free(s->slots);
	s->slots = NULL;
	s->size = 0;
	s->used = 0;
}

/* The slot that holds hash, or the free one where it belongs. */
static struct seen_slot *
find_slot(const struct seen_set *s, const uint64_t hash[2])
{
	size_t i = hash[0] & (s->size - 1);

	while (s->slots[i].used &&
		(s->slots[i].hash[0] != hash[0] || s->slots[i].hash[1] != hash[1]))
		i = (i + 1) & (s->size - 1);
	return &s->slots[i];
}

static int
grow(struct seen_set *s)
{
	struct seen_set bigger = *s;

	bigger.size = s->size == 0 ? SIZE_FIRST : s->size * 2;
	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -1;
	for (size_t i = 0; i < s->size; i++) {
		if (s->slots[i].used)
			*find_slot(&bigger, s->slots[i].hash) = s->slots[i];
	}
	free(s->slots);
	*s = bigger;
	return 0;
}

int
seen_insert(struct seen_set *s, const void *data, size_t len, uint64_t number, uint64_t *first)
{
	struct seen_slot *slot;
	uint64_t hash[2];

	_Static_assert(sizeof(hash) == crypto_shorthash_siphashx24_BYTES, "128 bits");
	_Static_assert(sizeof(s->key) == crypto_shorthash_siphashx24_KEYBYTES, "128 bits");
	crypto_shorthash_siphashx24((unsigned char *)hash, data, len, s->key);
	if (s->used * 2 >= s->size && grow(s) < 0)
		return -1;
	slot = find_slot(s, hash);
	if (slot->used) {
		*first = slot->number;
		return 1;
	}
	*slot = (struct seen_slot){{hash[0], hash[1]}, number, true};
	s->used++;
	return 0;
}
