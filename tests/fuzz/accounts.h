/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether workers account for every packet: counted before and after their turn, and compared. */
#ifndef TESTS_FUZZ_ACCOUNTS_H
#define TESTS_FUZZ_ACCOUNTS_H

#include "dataplane/drop.h"
#include "tests/fuzz/mbufs.h"

#define GATEWAY_MAX_PEERS 64 /* of rig.c's data plane */

struct tally {
	struct mbuf_counts mbufs;
	uint64_t drops, after_replay;
	uint64_t received[GATEWAY_MAX_PEERS];
	uint64_t chargeable[PEER_DROP_COUNT], charged[PEER_DROP_COUNT]; /* to all peers together */
};

void accounts_count(struct tally *t);
/* Ends the process where they do not agree. Control has done nothing in between. */
void accounts_check(const struct tally *before, const struct tally *after);

#endif
