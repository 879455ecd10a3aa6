/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/fuzz/accounts.h"

#include "dataplane/publish.h"
#include "tests/fuzz/gateway.h"

void
accounts_count(struct tally *t)
{
	static const enum drop_reason after[] = {
		DROP_inner_malformed, DROP_ecn_invalid, DROP_source_not_allowed};
	static const unsigned counted[] = {0, 1, IFACE_NONE}; /* there are no others */

	memset(t, 0, sizeof(*t));
	t->mbufs = mbuf_counts;
	for (unsigned w = 0; w < rig.n_workers; w++) {
		const struct worker_stats *stats = &rig_worker(w)->stats;

		for (unsigned i = 0; i < RTE_DIM(counted); i++) {
			for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
				t->drops += stats->drops[r][counted[i]];
			for (unsigned r = 0; r < RTE_DIM(after); r++)
				t->after_replay += stats->drops[after[r]][counted[i]];
			for (unsigned r = 0; r < PEER_DROP_COUNT; r++)
				t->chargeable[r] += stats->drops[peer_drop_reason[r]][counted[i]];
		}
	}
	for (uint32_t id = 0; id < GATEWAY_MAX_PEERS; id++) {
		struct peer_dp *peer = atomic_load(&rig.dp->peers[id]);
		struct dp_counters counters = {0};

		if (peer != NULL)
			dp_peer_counters(rig.dp, peer, &counters);
		t->received[id] = counters.rx_packets;
		for (unsigned r = 0; r < PEER_DROP_COUNT; r++)
			t->charged[r] += atomic_load(&rig.dp->peer_drops[id].packets[r]);
	}
}

/* No peer comes or goes in between. */
static uint64_t
received_since(const struct tally *a, const struct tally *b)
{
	uint64_t n = 0;

	for (uint32_t id = 0; id < GATEWAY_MAX_PEERS; id++)
		n += b->received[id] - a->received[id];
	return n;
}

/*
 * Each mbuf that workers gave back was counted as a drop, or was a keepalive
 * received, or a packet in pieces; packets that are answered with ICMP were
 * counted but are not back yet.
 */
static void
check_accounts(const struct tally *a, const struct tally *b)
{
	uint64_t freed = b->mbufs.freed - a->mbufs.freed;
	uint64_t keepalives = received_since(a, b) - (b->after_replay - a->after_replay) -
			      (b->mbufs.decapsulated - a->mbufs.decapsulated);
	uint64_t unsent = b->mbufs.unsent - a->mbufs.unsent;
	uint64_t pieces = b->mbufs.fragmenting - a->mbufs.fragmenting;
	uint64_t icmp = 0;

	for (unsigned w = 0; w < rig.n_workers; w++) {
		struct rte_ring *ring = rig_worker(w)->punt[PUNT_RING_LOCAL];
		struct rte_mbuf *m;

		/* Once around. */
		for (unsigned n = rte_ring_count(ring); n > 0; n--) {
			FUZZ_ASSERT(rte_ring_dequeue(ring, (void **)&m) == 0);
			icmp += pkt_meta(m)->kind == PKT_PUNT_ICMP;
			FUZZ_ASSERT(rte_ring_enqueue(ring, m) == 0);
		}
	}
	if (freed + icmp != b->drops - a->drops + keepalives + unsent + pieces) {
		fprintf(stderr,
			"%d mbufs freed, %d punted to be answered; %d drops, %d keepalives "
			"received, %d not sent, %d cut in pieces\n",
			(int)freed, (int)icmp, (int)(b->drops - a->drops), (int)keepalives,
			(int)unsent, (int)pieces);
		abort();
	}
}

/* Each drop is charged to one peer at most, and where the peer is known for sure, to one. */
static void
check_charges(const struct tally *a, const struct tally *b)
{
	static const bool always[PEER_DROP_COUNT] = {
		[PEER_DROP_session_expired] = true,
		[PEER_DROP_auth_failed] = true,
		[PEER_DROP_replay] = true,
		[PEER_DROP_inner_malformed] = true,
		[PEER_DROP_source_not_allowed] = true,
		[PEER_DROP_ecn_invalid] = true,
		[PEER_DROP_no_endpoint] = true,
		[PEER_DROP_stage_full] = true,
		[PEER_DROP_hairpin_denied] = true,
	};

	for (unsigned r = 0; r < PEER_DROP_COUNT; r++) {
		uint64_t drops = b->chargeable[r] - a->chargeable[r];
		uint64_t charged = b->charged[r] - a->charged[r];

		if (charged == drops || (charged < drops && !always[r]))
			continue;
		fprintf(stderr, "%s: %d drops, %d charged to peers\n",
			drop_reason_name[peer_drop_reason[r]], (int)drops, (int)charged);
		abort();
	}
}

void
accounts_check(const struct tally *a, const struct tally *b)
{
	check_accounts(a, b);
	check_charges(a, b);
}
