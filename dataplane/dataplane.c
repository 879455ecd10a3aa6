/* SPDX-License-Identifier: BSD-3-Clause */
/* Life of the packet path, and the control side of its rings. */
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include "dataplane/checksum.h"
#include "dataplane/log.h"
#include "dataplane/publish.h"
#include "dataplane/rcu.h"
#include "dataplane/worker.h"

#define MBUF_CACHE 256
#define MAILBOX_SIZE 4096
#define INJECT_SIZE 1024
#define HANDOFF_SIZE 2048
#define EVENTS_SIZE 4096
#define PUNT_LOCAL_SIZE 512
/*
 * An eighth of it is load (cookies from then on, which cost each client 5 s):
 * hundreds of clients that come back at once are none, and all of it is done in
 * a tenth of a second or so.
 */
#define PUNT_HANDSHAKE_SIZE 2048 /* each of three */
/* Indices of a peer: previous, current and next session, and a handshake under way. */
#define INDICES_PER_PEER 4
/* For staged packets, neighbour holds and everything between threads but handshakes. */
#define SPARE_MBUFS 8192

const char *const stage_name[STAGE_COUNT] = {
#define X(name) [STAGE_##name] = #name,
	STAGES(X)
#undef X
};

/* ---- workers ----------------------------------------------------------------------- */

static struct rte_ring *
ring_create(const char *what, unsigned worker, unsigned elem_size, unsigned n, unsigned flags)
{
	static unsigned serial; /* ring names are process-wide */
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "w%u_%s_%u", worker, what, serial++);
	return elem_size == 0 ? rte_ring_create(name, n, SOCKET_ID_ANY, flags)
			      : rte_ring_create_elem(name, elem_size, n, SOCKET_ID_ANY, flags);
}

static void
drain(struct rte_ring *ring)
{
	struct rte_mbuf *m;

	while (ring != NULL && rte_ring_sc_dequeue(ring, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

static void
worker_destroy(struct worker *w)
{
	if (w == NULL)
		return;
	aead_ctx_destroy(w->aead);
	rte_ring_free(w->mailbox);
	rte_ring_free(w->events);
	drain(w->inject);
	drain(w->handoff);
	for (unsigned i = 0; i < PUNT_RING_COUNT; i++)
		drain(w->punt[i]);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	rte_free(w->peers);
	rte_free(w);
}

static bool
all_rings(struct rte_ring *const *rings, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (rings[i] == NULL)
			return false;
	return true;
}

static struct worker *
worker_create(struct dataplane *dp, const struct dataplane_config *config, unsigned id)
{
	const unsigned spsc = RING_F_SP_ENQ | RING_F_SC_DEQ;
	struct worker *w = rte_zmalloc("worker", sizeof(*w), RTE_CACHE_LINE_SIZE);
	uint32_t n_mbufs = dp->pool->size;

	if (w == NULL)
		return NULL;
	w->dp = dp;
	w->id = (uint8_t)id;
	w->lcore = config->worker_lcores[id];
	w->fib = dp->fib;
	w->staged_max = n_mbufs / 8 / config->n_workers;
	w->staged_max_peer = RTE_MAX(STAGED_PACKETS_MAX / config->n_workers, 8);
	w->aead = aead_ctx_create();
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->mailbox = ring_create(
		"mail", id, RTE_ALIGN(sizeof(struct dp_message), 4), MAILBOX_SIZE, spsc);
	w->events =
		ring_create("event", id, RTE_ALIGN(sizeof(struct dp_event), 4), EVENTS_SIZE, spsc);
	w->inject = ring_create("inject", id, 0, INJECT_SIZE, spsc);
	w->handoff = ring_create("hand", id, 0, HANDOFF_SIZE, RING_F_SC_DEQ);
	for (unsigned i = 0; i < PUNT_RING_COUNT; i++)
		w->punt[i] = ring_create("punt", id, 0,
			i == PUNT_RING_LOCAL ? PUNT_LOCAL_SIZE : PUNT_HANDSHAKE_SIZE, spsc);
	w->peers = rte_zmalloc(
		"peer_worker", (size_t)config->max_peers * sizeof(*w->peers), RTE_CACHE_LINE_SIZE);
	if (w->aead == NULL || w->wake_fd < 0 || w->mailbox == NULL || w->events == NULL ||
		w->inject == NULL || w->handoff == NULL || w->peers == NULL ||
		!all_rings(w->punt, PUNT_RING_COUNT)) {
		worker_destroy(w);
		return NULL;
	}
	return w;
}

static void
assign_queues(struct dataplane *dp)
{
	for (uint8_t p = 0; p < dp->ports.n; p++) {
		const struct port *port = &dp->ports.port[p];

		for (uint16_t q = 0; q < port->n_rxq; q++) {
			struct worker *w = dp->workers[port->rxq_worker[q]];

			w->rxq[w->n_rxq++] = (struct rx_queue){.port = p, .queue = q};
		}
	}
}

/* ---- forwarding table at start ------------------------------------------------------- */

static int
add_martians(struct fib *fib, char *err, size_t err_size)
{
	/* RFC 6890's addresses that must not be forwarded, and multicast. */
	static const char *const martians[] = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16",
		"224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "::ffff:0:0/96", "fe80::/10",
		"ff00::/8"};

	for (unsigned i = 0; i < RTE_DIM(martians); i++) {
		struct ip_prefix p;

		if (!ip_prefix_parse(&p, martians[i]) ||
			fib_route_add(fib, &p, fib_dst_make(FIB_MARTIAN, 0), err, err_size) != 0)
			return -1;
	}
	return 0;
}

static int
add_local(struct fib *fib, const struct ip_prefix *address, char *err, size_t err_size)
{
	struct ip_prefix host = *address;

	host.len = address->addr.family == IP_V4 ? 32 : 128;
	return fib_route_add(fib, &host, fib_dst_make(FIB_LOCAL, 0), err, err_size);
}

static int
add_port_routes(struct dataplane *dp, const struct port *port, char *err, size_t err_size)
{
	for (unsigned i = 0; i < port->n_addresses; i++) {
		const struct ip_prefix *address = &port->addresses[i];

		if (address->addr.family == IP_V4)
			memcpy(&dp->local4_be[dp->n_local4++], address->addr.bytes, 4);
		else
			memcpy(dp->local6[dp->n_local6++], address->addr.bytes, 16);
		/* Link-local addresses exist on every port: rx.c sends them to control. */
		if (ip_addr_is_link_local(&address->addr))
			continue;
		if (fib_route_add(dp->fib, address, fib_dst_make(FIB_PORT, port->id), err,
			    err_size) != 0 ||
			add_local(dp->fib, address, err, err_size) != 0)
			return -1;
	}
	return 0;
}

static int
add_iface_routes(struct dataplane *dp, const struct iface_config *iface, uint8_t id, char *err,
	size_t err_size)
{
	for (unsigned i = 0; i < iface->n_addresses; i++)
		if (fib_tunnel_add(dp->fib, &iface->addresses[i], id, err, err_size) != 0 ||
			add_local(dp->fib, &iface->addresses[i], err, err_size) != 0)
			return -1;
	return 0;
}

static int
add_static_route(struct dataplane *dp, const struct route_config *route, char *err, size_t err_size)
{
	char text[IP_ADDR_STRLEN];

	for (uint8_t p = 0; p < dp->ports.n; p++) {
		const struct port *port = &dp->ports.port[p];

		for (unsigned i = 0; i < port->n_addresses; i++)
			if (ip_prefix_contains(&port->addresses[i], &route->via))
				return fib_route_add_via(
					dp->fib, &route->to, &route->via, p, err, err_size);
	}
	snprintf(err, err_size, "%s is on no connected prefix", ip_addr_format(text, &route->via));
	return -1;
}

static int
fill_fib(struct dataplane *dp, const struct dataplane_config *config, char *err, size_t err_size)
{
	if (add_martians(dp->fib, err, err_size) != 0)
		return -1;
	for (uint8_t i = 0; i < dp->ports.n; i++)
		if (add_port_routes(dp, &dp->ports.port[i], err, err_size) != 0)
			return -1;
	for (uint8_t i = 0; i < config->n_ifaces; i++)
		if (add_iface_routes(dp, &config->ifaces[i], i, err, err_size) != 0)
			return -1;
	for (uint32_t i = 0; i < config->n_routes; i++)
		if (add_static_route(dp, &config->routes[i], err, err_size) != 0)
			return -1;
	fib_commit(dp->fib);
	return 0;
}

/* ---- life ---------------------------------------------------------------------------- */

static struct rte_mempool *
pool_create(const struct dataplane_config *config)
{
	static unsigned serial;
	unsigned n = port_mbufs_needed(config->n_ports, config->n_workers) + SPARE_MBUFS +
		     config->n_workers * PUNT_RINGS_HANDSHAKE * PUNT_HANDSHAKE_SIZE;
	uint16_t room = RTE_MBUF_DEFAULT_BUF_SIZE;
	char name[32];

	for (unsigned i = 0; i < config->n_ports; i++)
		room = RTE_MAX(room, port_mbuf_room(config->ports[i].mtu));
	snprintf(name, sizeof(name), "wgdp_mbufs%u", serial++);
	return rte_pktmbuf_pool_create(name, n, MBUF_CACHE, PKT_PRIV_SIZE, room, SOCKET_ID_ANY);
}

static void
set_ifaces(struct dataplane *dp, const struct dataplane_config *config)
{
	memset(dp->iface_of_port_be, PKT_NO_IFACE, sizeof(dp->iface_of_port_be));
	dp->n_ifaces = config->n_ifaces;
	for (uint8_t i = 0; i < config->n_ifaces; i++) {
		snprintf(dp->ifaces[i].name, sizeof(dp->ifaces[i].name), "%s",
			config->ifaces[i].name);
		dp->ifaces[i].listen_port_be = rte_cpu_to_be_16(config->ifaces[i].listen_port);
		dp->ifaces[i].mtu = config->ifaces[i].mtu;
		dp->ifaces[i].hairpin = config->ifaces[i].hairpin;
		dp->iface_of_port_be[rte_cpu_to_be_16(config->ifaces[i].listen_port)] = i;
	}
}

static int
create_tables(
	struct dataplane *dp, const struct dataplane_config *config, char *err, size_t err_size)
{
	dp->max_peers = config->max_peers;
	dp->rcu = rcu_create(config->n_workers);
	dp->peers = rte_zmalloc("peers", config->max_peers * sizeof(*dp->peers), 0);
	dp->free_ids = rte_malloc("peer ids", config->max_peers * sizeof(*dp->free_ids), 0);
	dp->generations = rte_zmalloc("peer gens", config->max_peers * sizeof(uint32_t), 0);
	dp->peer_drops = rte_zmalloc(
		"peer drops", config->max_peers * sizeof(*dp->peer_drops), RTE_CACHE_LINE_SIZE);
	dp->peer_chunks = rte_zmalloc(
		"peer chunks", (config->max_peers / PEER_CHUNK + 1) * sizeof(*dp->peer_chunks), 0);
	if (dp->rcu == NULL || dp->peers == NULL || dp->free_ids == NULL ||
		dp->generations == NULL || dp->peer_drops == NULL || dp->peer_chunks == NULL ||
		sources_init(&dp->sources, config->max_peers) != 0 ||
		index_table_init(&dp->index, config->max_peers * INDICES_PER_PEER) != 0) {
		snprintf(err, err_size,
			"no memory for %u peers; raise memory_mb or lower max_peers",
			config->max_peers);
		return -1;
	}
	dp->qsbr = rcu_qsbr(dp->rcu);
	for (uint32_t id = config->max_peers; id > 0; id--)
		dp->free_ids[dp->n_free_ids++] = id - 1;
	dp->neighbours = neigh_table_create(NEIGHBOURS_MAX, dp->qsbr);
	if (dp->neighbours == NULL) {
		snprintf(err, err_size, "no memory for the neighbour table; raise memory_mb");
		return -1;
	}
	dp->fib = fib_create(config->max_prefixes, dp->rcu, err, err_size);
	return dp->fib != NULL ? 0 : -1;
}

struct dataplane *
dataplane_create(const struct dataplane_config *config, char *err, size_t err_size)
{
	struct dataplane *dp = rte_zmalloc("dataplane", sizeof(*dp), RTE_CACHE_LINE_SIZE);

	if (dp == NULL) {
		snprintf(err, err_size, "no memory; raise memory_mb");
		return NULL;
	}
	checksum_init();
	dp->n_workers = config->n_workers;
	dp->adaptive_idle = config->adaptive_idle;
	dp->wake_control = config->wake_control;
	dp->wake_arg = config->wake_arg;
	set_ifaces(dp, config);
	dp->pool = pool_create(config);
	if (dp->pool == NULL) {
		snprintf(err, err_size, "no memory for packet buffers (%s); raise memory_mb",
			rte_strerror(rte_errno));
		goto fail;
	}
	if (create_tables(dp, config, err, err_size) != 0 ||
		ports_open(&dp->ports, config->ports, config->n_ports, config->n_workers, dp->pool,
			err, err_size) != 0 ||
		fill_fib(dp, config, err, err_size) != 0)
		goto fail;
	for (unsigned i = 0; i < config->n_workers; i++) {
		dp->workers[i] = worker_create(dp, config, i);
		if (dp->workers[i] == NULL) {
			snprintf(err, err_size, "no memory for worker %u; raise memory_mb", i);
			goto fail;
		}
	}
	assign_queues(dp);
	return dp;
fail:
	dataplane_destroy(dp);
	return NULL;
}

int
dataplane_start(struct dataplane *dp)
{
	dp->running = true;
	for (unsigned i = 0; i < dp->n_workers; i++)
		if (rte_eal_remote_launch(worker_main, dp->workers[i], dp->workers[i]->lcore) !=
			0) {
			dataplane_stop(dp);
			return -1;
		}
	return 0;
}

void
dataplane_stop(struct dataplane *dp)
{
	for (unsigned i = 0; i < dp->n_workers; i++) {
		atomic_store(&dp->workers[i]->stop, true);
		worker_wake(dp->workers[i]);
	}
	for (unsigned i = 0; i < dp->n_workers; i++)
		rte_eal_wait_lcore(dp->workers[i]->lcore);
	dp->running = false;
}

/* Packets that a stopped worker still holds, and messages that it will not read. */
static void
worker_release(struct worker *w)
{
	while (worker_mailbox_poll(w) > 0)
		;
	for (uint32_t id = 0; id < w->dp->max_peers; id++)
		if (w->peers[id].n_staged > 0)
			worker_drop_staged(w, id);
	w->now_ns = UINT64_MAX;
	worker_neigh_housekeeping(w);
	for (uint8_t p = 0; p < w->dp->ports.n; p++)
		rte_pktmbuf_free_bulk(w->tx[p].m, w->tx[p].n);
	for (unsigned i = 0; i < w->dp->n_workers; i++)
		rte_pktmbuf_free_bulk(w->to_worker[i].m, w->to_worker[i].n);
}

unsigned
dataplane_destroy(struct dataplane *dp)
{
	unsigned missing = 0;

	if (dp == NULL)
		return 0;
	for (unsigned i = 0; i < dp->n_workers; i++)
		if (dp->workers[i] != NULL)
			worker_release(dp->workers[i]);
	ports_close(&dp->ports);
	if (dp->rcu != NULL)
		while (dataplane_reclaim(dp))
			;
	for (uint32_t i = 0; dp->peer_chunks != NULL && i <= dp->max_peers / PEER_CHUNK; i++)
		rte_free(dp->peer_chunks[i].peers);
	for (unsigned i = 0; i < dp->n_workers; i++)
		worker_destroy(dp->workers[i]);
	neigh_table_destroy(dp->neighbours);
	fib_destroy(dp->fib);
	rcu_destroy(dp->rcu);
	index_table_fini(&dp->index);
	sources_fini(&dp->sources);
	rte_free(dp->peers);
	rte_free(dp->free_ids);
	rte_free(dp->generations);
	rte_free(dp->peer_drops);
	rte_free(dp->peer_chunks);
	if (dp->pool != NULL)
		missing = rte_mempool_in_use_count(dp->pool);
	rte_mempool_free(dp->pool);
	rte_free(dp);
	return missing;
}

/* ---- any thread ------------------------------------------------------------------------ */

struct rte_mempool *
dataplane_pool(struct dataplane *dp)
{
	return dp->pool;
}

struct ports *
dataplane_ports(struct dataplane *dp)
{
	return &dp->ports;
}

struct neigh_table *
dataplane_neighbours(struct dataplane *dp)
{
	return dp->neighbours;
}

unsigned
dataplane_n_workers(const struct dataplane *dp)
{
	return dp->n_workers;
}

const struct worker_stats *
dataplane_worker_stats(const struct dataplane *dp, unsigned worker)
{
	return &dp->workers[worker]->stats;
}

uint32_t
dataplane_worker_lcore(const struct dataplane *dp, unsigned worker)
{
	return dp->workers[worker]->lcore;
}

void
dataplane_count_drop(struct dataplane *dp, enum drop_reason reason, uint8_t iface)
{
	dp->control_drops[reason][iface < IFACE_MAX ? iface : IFACE_NONE]++;
}

void
dataplane_count_peer_drop(
	struct dataplane *dp, enum peer_drop reason, uint8_t iface, uint32_t peer_id)
{
	dataplane_count_drop(dp, peer_drop_reason[reason], iface);
	peer_drop_add(dp, peer_id, reason);
}

uint64_t
dataplane_drops(const struct dataplane *dp, enum drop_reason reason, unsigned iface)
{
	uint64_t sum = dp->control_drops[reason][iface];

	for (unsigned i = 0; i < dp->n_workers; i++)
		sum += dp->workers[i]->stats.drops[reason][iface];
	return sum;
}

void
dataplane_memory(const struct dataplane *dp, uint64_t *peers, uint64_t *sessions)
{
	*peers = atomic_load_explicit(&dp->n_peers, memory_order_relaxed) *
		 (sizeof(struct peer_dp) + sizeof(struct peer_drops) +
			 dp->n_workers * sizeof(struct peer_worker));
	*sessions = atomic_load_explicit(&dp->n_sessions, memory_order_relaxed) *
		    sizeof(struct session);
}

uint64_t
dataplane_allocated(void)
{
	struct rte_malloc_socket_stats stats;
	uint64_t sum = 0;

	for (unsigned i = 0; i < rte_socket_count(); i++)
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0)
			sum += stats.heap_allocsz_bytes;
	return sum;
}

/* ---- control's end of the rings ---------------------------------------------------------- */

unsigned
dataplane_events(struct dataplane *dp, struct dp_event *events, unsigned n)
{
	unsigned got = 0, share = RTE_MAX(n / dp->n_workers, 1u);

	for (unsigned i = 0; i < dp->n_workers && got < n; i++)
		got += rte_ring_sc_dequeue_burst_elem(dp->workers[i]->events, events + got,
			sizeof(*events), RTE_MIN(share, n - got), NULL);
	return got;
}

unsigned
dataplane_answers(const struct dataplane *dp, unsigned worker)
{
	const struct rte_ring *r = dp->workers[worker]->inject;
	unsigned free = rte_ring_free_count(r), kept = rte_ring_get_capacity(r) / 2;

	return free > kept ? free - kept : 0;
}

unsigned
dataplane_punted(struct dataplane *dp, enum punt_ring ring, struct rte_mbuf **m, unsigned n)
{
	unsigned got = 0, share = RTE_MAX(n / dp->n_workers, 1u);

	for (unsigned i = 0; i < dp->n_workers && got < n; i++) {
		struct worker *w = dp->workers[i];
		unsigned first = got, most = RTE_MIN(share, n - got);

		if (ring == PUNT_RING_HANDSHAKE)
			most = RTE_MIN(most, dataplane_answers(dp, i));
		got += rte_ring_sc_dequeue_burst(w->punt[ring], (void **)(m + got), most, NULL);
		for (unsigned k = first; k < got && ring < PUNT_RINGS_HANDSHAKE; k++)
			shares_take(&w->shares[ring], pkt_meta(m[k])->port, pkt_meta(m[k])->source);
	}
	return got;
}

unsigned
dataplane_handshake_load(const struct dataplane *dp)
{
	unsigned most = 0;

	for (unsigned i = 0; i < dp->n_workers; i++) {
		unsigned sum = 0;

		for (unsigned ring = 0; ring < PUNT_RINGS_HANDSHAKE; ring++)
			sum += rte_ring_count(dp->workers[i]->punt[ring]);
		most = RTE_MAX(most, sum);
	}
	return most * 256 / PUNT_HANDSHAKE_SIZE;
}

void
dataplane_peer_is_at(struct dataplane *dp, const struct ip_addr *source)
{
	sources_learn(&dp->sources, source);
}

bool
dataplane_inject(struct dataplane *dp, unsigned worker, struct rte_mbuf *m)
{
	struct worker *w = dp->workers[worker];

	if (rte_ring_sp_enqueue(w->inject, m) != 0) {
		dataplane_count_drop(dp, DROP_inject_full, pkt_meta(m)->iface);
		rte_pktmbuf_free(m);
		return false;
	}
	w->wake_due = true;
	return true;
}
