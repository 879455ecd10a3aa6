/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/fuzz/mbufs.h"

#include <sanitizer/asan_interface.h>
#include <rte_mempool.h>

#include "control/icmp.h"
#include "dataplane/worker.h"
#include "tests/fuzz/fuzz.h"

/* In the meta of what is no packet but a part of one. */
#define KIND_SEGMENT 0xff

struct mbuf_counts mbuf_counts;

/* ---- the pool --------------------------------------------------------------------- */

static struct rte_mempool *watched;
static rte_mempool_enqueue_t pool_enqueue;
static rte_mempool_dequeue_t pool_dequeue;

static int
put(struct rte_mempool *pool, void *const *objects, unsigned n)
{
	for (unsigned i = 0; pool == watched && i < n; i++) {
		struct rte_mbuf *m = objects[i];

		mbuf_counts.freed += pkt_meta(m)->kind != KIND_SEGMENT;
		ASAN_POISON_MEMORY_REGION(objects[i], pool->elt_size);
	}
	return pool_enqueue(pool, objects, n);
}

static int
take(struct rte_mempool *pool, void **objects, unsigned n)
{
	int rc = pool_dequeue(pool, objects, n);

	if (rc != 0 || pool != watched)
		return rc;
	for (unsigned i = 0; i < n; i++) {
		ASAN_UNPOISON_MEMORY_REGION(objects[i], pool->elt_size);
		pkt_meta(objects[i])->kind = 0;
	}
	mbuf_counts.taken += n;
	return 0;
}

void
mbufs_watch(struct rte_mempool *pool)
{
	struct rte_mempool_ops *ops = rte_mempool_get_ops(pool->ops_index);

	FUZZ_ASSERT(rte_mempool_in_use_count(pool) == 0);
	watched = pool;
	/* Caches would keep freed mbufs from us; there are none in them yet. */
	pool->cache_size = 0;
	pool_enqueue = ops->enqueue;
	pool_dequeue = ops->dequeue;
	ops->enqueue = put;
	ops->dequeue = take;
}

/* ---- fences ----------------------------------------------------------------------- */

static void
fence(struct rte_mbuf *m)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *), *end = data + m->data_len;
	uint8_t *buf = m->buf_addr;

	ASAN_POISON_MEMORY_REGION(buf, data - buf);
	ASAN_POISON_MEMORY_REGION(end, buf + m->buf_len - end);
}

static void
unfence(struct rte_mbuf *m)
{
	ASAN_UNPOISON_MEMORY_REGION(m->buf_addr, m->buf_len);
}

struct rte_mbuf *
mbufs_frame(struct rte_mempool *pool, const void *frame, uint16_t len, uint16_t segment)
{
	struct rte_mbuf *first = NULL;

	for (uint16_t at = 0, n; at < len; at += n) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		n = RTE_MIN((uint16_t)(len - at), segment);
		FUZZ_ASSERT(m != NULL);
		memcpy(rte_pktmbuf_append(m, n), (const uint8_t *)frame + at, n);
		if (first == NULL) {
			first = m;
			continue;
		}
		pkt_meta(m)->kind = KIND_SEGMENT;
		FUZZ_ASSERT(rte_pktmbuf_chain(first, m) == 0);
	}
	if (first->nb_segs == 1) /* what puts segments together writes behind the first one */
		fence(first);
	return first;
}

/* ---- stages that write around a packet ------------------------------------------------ */

void __real_worker_encap(struct worker *w, const struct encap_packet *in, unsigned n);
void __wrap_worker_encap(struct worker *w, const struct encap_packet *in, unsigned n);
void __real_worker_forward(struct worker *w, const struct fwd_packet *in, unsigned n);
void __wrap_worker_forward(struct worker *w, const struct fwd_packet *in, unsigned n);
int __real_worker_fragment4(
	struct worker *w, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out, unsigned max);
int __wrap_worker_fragment4(
	struct worker *w, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out, unsigned max);
unsigned __real_dataplane_punted(
	struct dataplane *dp, enum punt_ring ring, struct rte_mbuf **m, unsigned n);
unsigned __wrap_dataplane_punted(
	struct dataplane *dp, enum punt_ring ring, struct rte_mbuf **m, unsigned n);
bool __real_icmp_limiter_allow(struct icmp_limiter *l, const struct ip_addr *to, uint64_t now_ns);
bool __wrap_icmp_limiter_allow(struct icmp_limiter *l, const struct ip_addr *to, uint64_t now_ns);

static uint64_t
drops(const struct worker *w)
{
	uint64_t sum = 0;

	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		for (unsigned i = 0; i <= IFACE_MAX; i++)
			sum += w->stats.drops[r][i];
	return sum;
}

/* A keepalive comes alone. Where no session may send it, that is all that happens. */
void
__wrap_worker_encap(struct worker *w, const struct encap_packet *in, unsigned n)
{
	bool keepalive = n == 1 && in[0].m->data_len == 0;
	uint64_t freed = mbuf_counts.freed, dropped = keepalive ? drops(w) : 0;

	for (unsigned i = 0; i < n; i++)
		unfence(in[i].m);
	__real_worker_encap(w, in, n);
	mbuf_counts.unsent += keepalive && mbuf_counts.freed > freed && drops(w) == dropped;
}

void
__wrap_worker_forward(struct worker *w, const struct fwd_packet *in, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		mbuf_counts.decapsulated += in[i].from_peer != PKT_NO_PEER;
	__real_worker_forward(w, in, n);
}

int
__wrap_worker_fragment4(
	struct worker *w, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out, unsigned max)
{
	uint64_t before = mbuf_counts.freed;
	int n = __real_worker_fragment4(w, m, mtu, out, max);

	mbuf_counts.fragmenting += mbuf_counts.freed - before;
	return n;
}

/* The packet for ourselves that control looks at. */
static struct rte_mbuf *local;

unsigned
__wrap_dataplane_punted(struct dataplane *dp, enum punt_ring ring, struct rte_mbuf **m, unsigned n)
{
	unsigned got = __real_dataplane_punted(dp, ring, m, ring == PUNT_RING_LOCAL ? 1 : n);

	for (unsigned i = 0; i < got; i++)
		mbuf_counts.icmp += pkt_meta(m[i])->kind == PKT_PUNT_ICMP;
	local = got > 0 && ring == PUNT_RING_LOCAL ? m[0] : NULL;
	return got;
}

/* All of the packet has been read; next its mbuf is made the answer. */
bool
__wrap_icmp_limiter_allow(struct icmp_limiter *l, const struct ip_addr *to, uint64_t now_ns)
{
	bool allowed = __real_icmp_limiter_allow(l, to, now_ns);

	if (allowed)
		unfence(local);
	return allowed;
}
