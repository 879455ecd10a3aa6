/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers and control as threads of their own on the real seam: rings,
 * hand-off, ownership of the replay window, publish and retire, naps and
 * wake-ups. Workers make their own traffic while control replaces sessions,
 * removes peers and adds them again under it. Built with -fsanitize=thread
 * (build-tsan, see scripts/test) every access is checked; without it, it is a
 * stress test of the same.
 *
 * The sanitizer sees what is compiled here. DPDK's rings and grace periods are
 * headers, taken in their C11 form; its mempool is a library, so the pool's
 * free list is ours (tsan_pool below). suppressions.txt lists what is left.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include "dataplane/rcu.h"
#include "tests/unit/rig.h"

#define SLOTS 8
#define COUNTERS 64 /* messages made ahead for a session; each may come often */
#define WORKERS 2
#define QUIET_CALLS 400 /* of a queue's poll: long enough for naps */
#define BUSY_CALLS 100
#define ENOUGH 100 /* of everything that is to happen */
#define LONGEST_NS (90 * NS_PER_SEC) /* that a busy machine takes for it */

/* ---- a mempool whose hand-over the sanitizer can see --------------------------------- */

struct free_list {
	pthread_mutex_t lock;
	unsigned n;
	void *objects[];
};

static int
list_alloc(struct rte_mempool *mp)
{
	struct free_list *l = calloc(1, sizeof(*l) + mp->size * sizeof(void *));

	if (l == NULL)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	mp->pool_data = l;
	return 0;
}

static void
list_free(struct rte_mempool *mp)
{
	free(mp->pool_data);
}

static int
list_enqueue(struct rte_mempool *mp, void *const *objects, unsigned n)
{
	struct free_list *l = mp->pool_data;

	pthread_mutex_lock(&l->lock);
	for (unsigned i = 0; i < n; i++)
		l->objects[l->n++] = objects[i];
	pthread_mutex_unlock(&l->lock);
	return 0;
}

static int
list_dequeue(struct rte_mempool *mp, void **objects, unsigned n)
{
	struct free_list *l = mp->pool_data;
	int rc = -ENOBUFS;

	pthread_mutex_lock(&l->lock);
	if (l->n >= n) {
		for (unsigned i = 0; i < n; i++)
			objects[i] = l->objects[--l->n];
		rc = 0;
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

static unsigned
list_count(const struct rte_mempool *mp)
{
	return ((const struct free_list *)mp->pool_data)->n;
}

static const struct rte_mempool_ops list_ops = {.name = "tsan_pool",
	.alloc = list_alloc,
	.free = list_free,
	.enqueue = list_enqueue,
	.dequeue = list_dequeue,
	.get_count = list_count};
RTE_MEMPOOL_REGISTER_OPS(list_ops);

/* ---- traffic: made ahead, so that threads share nothing by it -------------------------- */

struct template
{
	uint16_t len;
	uint8_t data[256];
};

static struct {
	struct rig_peer keys; /* for rig_seal only */
	struct template data[COUNTERS], clear;
	_Atomic uint32_t local_index; /* control writes, workers put it into messages */
} slots[SLOTS];

#define INDEX_AT (14 + 20 + 8 + 4) /* of the receiver index in a message's frame */

struct queue {
	uint8_t port;
	unsigned calls;
	uint64_t state; /* of the generator */
	unsigned sent;
};

static struct queue queues[RIG_PORTS][WORKERS];

static unsigned
draw(uint64_t *state, unsigned n)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*state >> 33) % n;
}

static struct rte_mbuf *
frame_of(const struct template *t)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.dp->pool);

	if (m != NULL)
		memcpy(rte_pktmbuf_append(m, t->len), t->data, t->len);
	return m;
}

static struct rte_mbuf *
next_frame(struct queue *q)
{
	unsigned slot = draw(&q->state, SLOTS);
	struct rte_mbuf *m;
	uint32_t index;

	if (q->port == RIG_LAN)
		return frame_of(&slots[slot].clear);
	m = frame_of(&slots[slot].data[draw(&q->state, COUNTERS)]);
	index = atomic_load_explicit(&slots[slot].local_index, memory_order_relaxed);
	if (m != NULL)
		memcpy(rte_pktmbuf_mtod_offset(m, void *, INDEX_AT), &index, sizeof(index));
	return m;
}

static uint16_t
make_burst(void *rxq, struct rte_mbuf **m, uint16_t n)
{
	struct queue *q = rxq;
	uint16_t got = 0;

	if (q->calls++ % (BUSY_CALLS + QUIET_CALLS) >= BUSY_CALLS)
		return 0;
	n = RTE_MIN(n, (uint16_t)(1 + draw(&q->state, 8)));
	while (got < n && (m[got] = next_frame(q)) != NULL)
		got++;
	return got;
}

static uint16_t
take_burst(void *txq, struct rte_mbuf **m, uint16_t n)
{
	struct queue *q = txq;

	for (uint16_t i = 0; i < n; i++)
		rte_pktmbuf_free(m[i]);
	q->sent += n;
	return n;
}

static void
take_over_ports(void)
{
	static void *data[RIG_PORTS][WORKERS];

	for (unsigned p = 0; p < RIG_PORTS; p++) {
		struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[rig.dp->ports.port[p].dpdk_id];

		for (unsigned w = 0; w < WORKERS; w++) {
			queues[p][w] = (struct queue){.port = (uint8_t)p, .state = p * 7 + w};
			data[p][w] = &queues[p][w];
		}
		ops->rx_pkt_burst = make_burst;
		ops->tx_pkt_burst = take_burst;
		ops->rxq.data = data[p];
		ops->txq.data = data[p];
	}
}

static void
make_frame(struct template *t, uint8_t port, const struct rig_packet *ip)
{
	struct rte_ether_hdr *eth = (void *)t->data;

	assert_true(ip->len + sizeof(*eth) <= sizeof(t->data));
	memset(eth, 2, sizeof(*eth));
	eth->dst_addr = rig.dp->ports.port[port].mac;
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	memcpy(eth + 1, ip->data, ip->len);
	t->len = (uint16_t)(ip->len + sizeof(*eth));
}

static const char *
text(const char *format, unsigned i)
{
	static char buf[4][40];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(buf[turn], sizeof(buf[turn]), format, i);
	return buf[turn];
}

static void
make_traffic(unsigned slot)
{
	struct rig_ip in = {.src = text("10.8.1.%u", slot + 1), .dst = "10.20.0.2", .len = 64};
	struct rig_ip out = {.src = "10.20.0.2", .dst = in.src, .len = 64};
	struct rig_packet ip, message, outer;
	struct rig_peer *keys = &slots[slot].keys;

	memset(keys->s.send_key, (int)slot + 1, sizeof(keys->s.send_key));
	memset(keys->s.recv_key, (int)slot + 101, sizeof(keys->s.recv_key));
	rig_ip(&ip, &out);
	make_frame(&slots[slot].clear, RIG_LAN, &ip);
	rig_ip(&ip, &in);
	for (unsigned i = 0; i < COUNTERS; i++) {
		/* Every fourth a keepalive, and from one of two places: the endpoint moves. */
		rig_seal(&message, keys, i, ip.data, i % 4 == 0 ? 0 : ip.len);
		rig_outer(&outer, text(i % 2 ? "203.0.113.%u:7777" : "203.0.113.%u:7778", slot + 1),
			"192.0.2.1:51820", 0, &message);
		make_frame(&slots[slot].data[i], RIG_WAN, &outer);
	}
}

/* ---- control ---------------------------------------------------------------------------- */

struct published {
	struct peer_dp *peer;
	struct session *session;
	uint32_t index;
	bool current;
};

static struct published published[SLOTS];
static unsigned n_removed;

static void
publish_session(struct published *p, unsigned slot, uint64_t *state)
{
	struct session_params params = {
		.send_key = slots[slot].keys.s.send_key,
		.recv_key = slots[slot].keys.s.recv_key,
		.remote_index = slot,
		.initiator = draw(state, 2),
		.owner = (uint8_t)draw(state, WORKERS),
	};

	assert_true(dp_index_alloc(rig.dp, p, &p->index));
	params.local_index = p->index;
	p->session = dp_session_publish(rig.dp, p->peer, &params);
	assert_non_null(p->session);
	p->current = params.initiator;
	if (p->current)
		dp_peer_set_current(p->peer, p->session);
	else
		dp_peer_set_next(p->peer, p->session);
	atomic_store_explicit(&slots[slot].local_index, p->index, memory_order_relaxed);
	dp_flush_staged(rig.dp, p->peer, true, params.owner);
}

static void
retire_session(struct published *p)
{
	if (p->session == NULL)
		return;
	dp_peer_set_current(p->peer, NULL);
	dp_peer_set_next(p->peer, NULL);
	dp_session_retire(rig.dp, p->session);
	dp_index_free(rig.dp, p->index);
	p->session = NULL;
}

static struct ip_prefix
prefix_of(const char *format, unsigned slot)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(&prefix, text(format, slot + 1)));
	return prefix;
}

static void
add_peer(struct published *p, unsigned slot)
{
	struct ip_prefix v4 = prefix_of("10.8.1.%u/32", slot);
	struct ip_prefix v6 = prefix_of("fd00:8::%x/128", slot);
	struct ip_endpoint to;
	uint32_t taken;
	char err[128];

	p->peer = dp_peer_publish(rig.dp, 0);
	assert_non_null(p->peer);
	assert_true(ip_endpoint_parse(&to, text("203.0.113.%u:7777", slot + 1)));
	dp_peer_set_endpoint(rig.dp, p->peer, &to, NULL);
	assert_int_equal(dp_peer_allow(rig.dp, p->peer, &v4, &taken, err, sizeof(err)), 0);
	assert_int_equal(dp_peer_allow(rig.dp, p->peer, &v6, &taken, err, sizeof(err)), 0);
	dp_allow_commit(rig.dp);
}

static void
remove_peer(struct published *p, unsigned slot)
{
	struct ip_prefix v4 = prefix_of("10.8.1.%u/32", slot);
	struct ip_prefix v6 = prefix_of("fd00:8::%x/128", slot);

	retire_session(p);
	dp_peer_disallow(rig.dp, p->peer, &v4);
	dp_peer_disallow(rig.dp, p->peer, &v6);
	dp_allow_commit(rig.dp);
	dp_peer_retire(rig.dp, p->peer);
	p->peer = NULL;
	n_removed++;
}

static void
wake_control(void *arg)
{
	atomic_fetch_add_explicit((_Atomic unsigned *)arg, 1, memory_order_relaxed);
}

/* A frame of control's own. */
static void
inject(uint64_t *state)
{
	struct rte_mbuf *m = frame_of(&slots[0].clear);

	if (m == NULL)
		return;
	memset(pkt_meta(m), 0, sizeof(*pkt_meta(m)));
	pkt_meta(m)->kind = PKT_INJECT_FRAME;
	pkt_meta(m)->port = RIG_LAN;
	dataplane_inject(rig.dp, draw(state, WORKERS), m);
}

static void
forget_neighbour(bool back)
{
	struct ip_addr host;
	struct neigh *n;

	assert_true(ip_addr_parse(&host, "10.20.0.2"));
	n = neigh_lookup(rig.dp->neighbours, RIG_LAN, &host);
	if (!back && n != NULL) {
		neigh_remove(rig.dp->neighbours, n);
	} else if (back && n == NULL) {
		struct neigh *made = neigh_insert(rig.dp->neighbours, RIG_LAN, &host);

		/* Not before the grace period of the one that went. */
		if (made != NULL)
			atomic_store(&made->hw, NEIGH_VALID | 2);
	}
	dataplane_neigh_done(rig.dp, RIG_LAN, &host, back);
}

static unsigned n_events, n_punted;
static _Atomic unsigned wakes; /* of control, by workers */

static void
take_what_came_up(void)
{
	struct dp_event events[64];
	struct rte_mbuf *m[64];
	unsigned n = dataplane_events(rig.dp, events, 64);

	n_events += n;
	for (unsigned i = 0; i < n; i++)
		for (unsigned s = 0; s < SLOTS; s++)
			if (published[s].peer != NULL &&
				published[s].peer->id == events[i].peer_id) {
				dp_peer_handshake_answered(published[s].peer);
				dp_peer_traffic_told(published[s].peer, false);
			}
	for (unsigned ring = 0; ring < PUNT_RING_COUNT; ring++) {
		n = dataplane_punted(rig.dp, ring, m, 64);
		n_punted += n;
		rte_pktmbuf_free_bulk(m, n);
	}
}

/* What any thread may look at while it changes. */
static void
look(const struct published *p)
{
	struct dp_counters counters;
	struct dp_traffic traffic;
	struct ip_endpoint endpoint;

	dp_peer_counters(rig.dp, p->peer, &counters);
	dp_peer_traffic(p->peer, &traffic);
	dp_peer_endpoint(p->peer, &endpoint, NULL);
	(void)dp_peer_handshake_wanted(p->peer);
	(void)dataplane_drops(rig.dp, DROP_replay, 0);
}

static void
change(uint64_t *state)
{
	unsigned slot = draw(state, SLOTS), what = draw(state, 16);
	struct published *p = &published[slot];

	if (p->peer == NULL) {
		add_peer(p, slot);
	} else if (p->session == NULL) {
		publish_session(p, slot, state);
	} else if (what == 0) {
		remove_peer(p, slot);
	} else if (what < 4) {
		retire_session(p);
	} else if (what < 6) {
		dp_send_keepalive(rig.dp, p->peer);
	} else if (what == 6) {
		dp_drop_staged(rig.dp, p->peer);
	} else if (what == 7) {
		forget_neighbour(draw(state, 4) != 0);
	} else if (what < 10) {
		inject(state);
	} else {
		look(p);
	}
}

static void *
worker_thread(void *arg)
{
	worker_main(arg);
	return NULL;
}

/* Each of the ways was gone, or the run has shown nothing of it. Racy, and only ever grows. */
static bool __attribute__((no_sanitize("thread"), noinline)) all_seen(void)
{
	const struct worker_stats *a = &rig_worker(0)->stats, *b = &rig_worker(1)->stats;

	for (unsigned p = 0; p < RIG_PORTS; p++)
		for (unsigned w = 0; w < WORKERS; w++)
			if (queues[p][w].sent < ENOUGH)
				return false;
	return a->stage_packets[STAGE_handoff] > ENOUGH &&
	       b->stage_packets[STAGE_handoff] > ENOUGH &&
	       a->stage_packets[STAGE_mailbox] > ENOUGH &&
	       b->stage_packets[STAGE_mailbox] > ENOUGH && a->drops[DROP_replay][0] > ENOUGH &&
	       b->drops[DROP_replay][0] > ENOUGH && n_events > ENOUGH && n_punted > ENOUGH &&
	       n_removed > ENOUGH / 4 && wakes > 0;
}

static void
run(double seconds)
{
	uint64_t start = dp_now_ns(), end = start + (uint64_t)(seconds * 1e9), state = 99;
	pthread_t threads[WORKERS];

	for (unsigned w = 0; w < WORKERS; w++)
		assert_int_equal(
			pthread_create(&threads[w], NULL, worker_thread, rig_worker(w)), 0);
	while (dp_now_ns() < end || (!all_seen() && dp_now_ns() < start + LONGEST_NS)) {
		change(&state);
		take_what_came_up();
		dataplane_wake_workers(rig.dp);
		dataplane_reclaim(rig.dp);
		if (draw(&state, 8) == 0)
			usleep(500);
	}
	for (unsigned s = 0; s < SLOTS; s++)
		if (published[s].peer != NULL)
			remove_peer(&published[s], s);
	while (dataplane_reclaim(rig.dp)) {
		dataplane_wake_workers(rig.dp);
		take_what_came_up();
	}
	for (unsigned w = 0; w < WORKERS; w++) {
		atomic_store(&rig_worker(w)->stop, true);
		worker_wake(rig_worker(w));
	}
	for (unsigned w = 0; w < WORKERS; w++)
		pthread_join(threads[w], NULL);
}

static uint64_t
stage_packets(enum stage stage)
{
	uint64_t n = 0;

	for (unsigned w = 0; w < WORKERS; w++)
		n += rig_worker(w)->stats.stage_packets[stage];
	return n;
}

static void
test_threads(void **state)
{
	const char *seconds = getenv("WGDP_STRESS_SECONDS");

	rig.dp->adaptive_idle = true;
	rig.dp->wake_control = wake_control;
	rig.dp->wake_arg = &wakes;
	for (unsigned s = 0; s < SLOTS; s++)
		make_traffic(s);
	take_over_ports();
	run(seconds != NULL ? atof(seconds) : 2);
	take_what_came_up();
	printf("forwarded %u and %u, sealed %u and %u, handed off %" PRIu64 ", replays %" PRIu64
	       ", events %u, removed %u\n",
		queues[RIG_LAN][0].sent, queues[RIG_LAN][1].sent, queues[RIG_WAN][0].sent,
		queues[RIG_WAN][1].sent, stage_packets(STAGE_handoff), rig_drops(DROP_replay),
		n_events, n_removed);
	assert_true(all_seen());
	assert_int_equal(rig_drops(DROP_auth_failed), 0);
}

static int
group_setup(void **state)
{
	if (rig_eal_setup(state) != 0)
		return -1;
	return rte_mbuf_set_user_mempool_ops("tsan_pool");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {RIG_TEST_TWO(test_threads)};

	return cmocka_run_group_tests(tests, group_setup, rig_eal_teardown);
}
