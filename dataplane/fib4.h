/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IPv4 look-up: DIR-24-8 (Gupta, Lin, McKeown, INFOCOM 1998), as rte_lpm
 * has it, one or two loads an address. rte_lpm itself is not used because it
 * keeps its rules in arrays that every addition searches through: 100 000
 * host prefixes take 4 s in one network and a minute when scattered. Here the
 * caller has the authoritative prefixes (fib.c), so no rules are kept at all.
 *
 * A word is a prefix's value and length, or leads to a group of 256 for the
 * last byte. Control writes single words; a group is filled before a word
 * leads to it, and reused only after a grace period. Workers read.
 */
#ifndef DATAPLANE_FIB4_H
#define DATAPLANE_FIB4_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rcu;

#define FIB4_VALUE_MASK 0xffffffu
#define FIB4_GROUP (1u << 31) /* the value is a group's number */
#define FIB4_LEN_SHIFT 24
#define FIB4_LEN_MASK 0x3fu

typedef _Atomic uint32_t fib4_word; /* 0: no prefix */

struct fib4_deferred;

struct fib4 {
	fib4_word *words; /* by the first 24 bits */
	fib4_word *groups; /* 256 words each */
	/* control only */
	struct rcu *rcu;
	uint32_t *free_groups;
	uint32_t n_free, n_groups;
	struct fib4_deferred *deferred; /* by group */
};

/* Room for n_groups networks of 256 addresses with prefixes longer than 24. -1: out of memory. */
int fib4_init(struct fib4 *t, uint32_t n_groups, struct rcu *rcu);
void fib4_fini(struct fib4 *t);

/*
 * Control. len is 1 to 32, value at most FIB4_VALUE_MASK. Add or change; false
 * when there are no groups left, and then nothing has changed.
 */
bool fib4_set(struct fib4 *t, uint32_t ip, uint8_t len, uint32_t value);
/*
 * Remove; what remains is that of the longest prefix that covers it, which the
 * caller names; a length of 0 is none.
 */
void fib4_remove(
	struct fib4 *t, uint32_t ip, uint8_t len, uint8_t covering_len, uint32_t covering_value);

/* Workers. The word of the longest prefix, 0 for none; see FIB4_VALUE_MASK. */
static inline uint32_t
fib4_lookup(const struct fib4 *t, uint32_t ip)
{
	uint32_t word = atomic_load_explicit(&t->words[ip >> 8], memory_order_acquire);

	if (word & FIB4_GROUP)
		word = atomic_load_explicit(&t->groups[(word & FIB4_VALUE_MASK) << 8 | (ip & 0xff)],
			memory_order_relaxed);
	return word;
}

#endif
