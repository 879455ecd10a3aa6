/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where was this seen before? A set of byte strings, each with a number, for
 * finding duplicates among many. It keeps 128-bit hashes under a random key in
 * the strings' place: two strings share one with a chance of 2^-128, and nobody
 * can choose strings that collide. One thread's.
 */
#ifndef CONTROL_SEEN_SET_H
#define CONTROL_SEEN_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seen_slot {
	uint64_t hash[2];
	uint64_t number;
	bool used;
};

struct seen_set {
	struct seen_slot *slots; /* a power of two of them, at most half in use */
	size_t size, used;
	uint8_t key[16];
};

void seen_init(struct seen_set *s);
void seen_fini(struct seen_set *s);

/*
 * Insert data with its number, unless it is there. Returns 0 when it is new; 1
 * when it is not, with the number of the first in *first; -1 when out of memory.
 */
int seen_insert(struct seen_set *s, const void *data, size_t len, uint64_t number, uint64_t *first);

#endif
