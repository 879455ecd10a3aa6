/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Grace periods. Workers are the readers (thread id = worker id): each reports
 * quiescent once a loop turn and goes offline before it naps. Control unlinks
 * an object, defers its free, and goes on.
 */
#ifndef DATAPLANE_RCU_H
#define DATAPLANE_RCU_H

#include <stdbool.h>
#include <rte_rcu_qsbr.h>

struct rcu;

/* NULL when out of memory. */
struct rcu *rcu_create(unsigned n_readers);
/* Readers have ended: runs everything that is still deferred. */
void rcu_destroy(struct rcu *rcu);
struct rte_rcu_qsbr *rcu_qsbr(struct rcu *rcu);

/* Control only: run fn(arg) once no reader can hold what was unlinked before this call. */
void rcu_defer(struct rcu *rcu, void (*fn)(void *arg), void *arg);
/* Control only: run what is due; true while something is still waiting. */
bool rcu_reclaim(struct rcu *rcu);
/* Control only: wait for a grace period. Ends within one worker turn. */
void rcu_synchronize(struct rcu *rcu);

#endif
