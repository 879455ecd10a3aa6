/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_jhash.h>
#include <rte_malloc.h>
#include <rte_random.h>

#include "control/local.h"
#include "control/publish.h"
#include "control/state.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

#define EVENTS_A_TURN 256
#define LIMITED_SOURCES 16384
#define RECLAIM_S 0.01
#define LINKS_S 1.
#define EVENTS_KEPT 32768 /* some 10 MiB once they are all there */

/* ---- the loop ---------------------------------------------------------------------- */

static void
local_rearm(struct control *c)
{
	uint64_t now = dp_now_ns(), due = local_tick(c->local, now);

	ev_timer_stop(c->loop, &c->local_timer);
	if (due == UINT64_MAX)
		return;
	ev_timer_set(&c->local_timer, due > now ? (double)(due - now) / 1e9 : 0., 0.);
	ev_timer_start(c->loop, &c->local_timer);
}

static void
on_local_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	local_rearm(timer->data);
}

static void
on_links(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct control *c = timer->data;

	(void)loop;
	(void)events;
	ports_poll_links(dataplane_ports(c->dp));
}

/* The end of a turn. */
static void
on_wake_workers(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct control *c = prepare->data;

	(void)loop;
	(void)events;
	dataplane_wake_workers(c->dp);
}

/* Runs only while something waits for a grace period. */
static void
on_reclaim(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct control *c = timer->data;

	(void)events;
	if (!dataplane_reclaim(c->dp))
		ev_timer_stop(loop, timer);
}

static unsigned
poll_events(struct control *c)
{
	struct dp_event events[EVENTS_A_TURN];
	unsigned n = dataplane_events(c->dp, events, EVENTS_A_TURN);

	for (unsigned i = 0; i < n; i++) {
		if (events[i].type == DP_WANT_NEIGH)
			local_want_neigh(c->local, &events[i], dp_now_ns());
		else
			handshake_event(c, &events[i]);
	}
	return n;
}

/* A turn: a bounded share of each kind of work; libev runs due timers in between. */
static void
on_wake(struct ev_loop *loop, ev_async *wake, int events)
{
	struct control *c = wake->data;
	unsigned n = 0;
	bool more;

	(void)events;
	n += poll_events(c);
	n += handshake_poll(c);
	n += local_poll(c->local, dp_now_ns());
	more = request_poll(c);
	if (n > 0)
		local_rearm(c);
	if (dataplane_reclaim(c->dp) && !ev_is_active(&c->reclaim))
		ev_timer_again(loop, &c->reclaim);
	if (n > 0 || more)
		ev_async_send(loop, wake);
}

static void
on_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
	(void)events;
	log_info("signal %d: shutting down", signal->signum);
	ev_break(loop, EVBREAK_ALL);
}

static void
on_hangup(struct ev_loop *loop, ev_signal *signal, int events)
{
	struct control *c = signal->data;

	(void)loop;
	(void)events;
	log_info("SIGHUP: comparing the files with what runs");
	if (c->hangup != NULL)
		c->hangup(c->hangup_arg);
}

void
control_wake(void *control)
{
	struct control *c = control;

	ev_async_send(c->loop, &c->wake);
}

void
control_on_hangup(struct control *c, void (*hangup)(void *arg), void *arg)
{
	c->hangup = hangup;
	c->hangup_arg = arg;
}

struct events *
control_events(struct control *c)
{
	return c->events;
}

void
control_stop(struct control *c)
{
	kill(getpid(), SIGTERM);
	(void)c;
}

void
control_run(struct control *c)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	ev_async_start(c->loop, &c->wake);
	ev_signal_start(c->loop, &c->sigterm);
	ev_signal_start(c->loop, &c->sigint);
	ev_signal_start(c->loop, &c->sighup);
	pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
	ev_prepare_start(c->loop, &c->wake_workers);
	ev_timer_start(c->loop, &c->links);
	local_rearm(c);
	control_wake(c); /* what came before the loop */
	ev_run(c->loop, 0);
	/* A second one must neither find a loop that is gone nor cut the orderly end short. */
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	ev_signal_stop(c->loop, &c->sigterm);
	ev_signal_stop(c->loop, &c->sigint);
	ev_signal_stop(c->loop, &c->sighup);
	ev_prepare_stop(c->loop, &c->wake_workers);
}

/* ---- life ---------------------------------------------------------------------------- */

static void
watchers_init(struct control *c)
{
	ev_async_init(&c->wake, on_wake);
	ev_signal_init(&c->sigterm, on_signal, SIGTERM);
	ev_signal_init(&c->sigint, on_signal, SIGINT);
	ev_signal_init(&c->sighup, on_hangup, SIGHUP);
	ev_timer_init(&c->reclaim, on_reclaim, 0., RECLAIM_S);
	ev_timer_init(&c->local_timer, on_local_timer, 0., 0.);
	ev_timer_init(&c->links, on_links, LINKS_S, LINKS_S);
	c->wake.data = c->reclaim.data = c->local_timer.data = c->links.data = c;
	ev_prepare_init(&c->wake_workers, on_wake_workers);
	c->sighup.data = c->wake_workers.data = c;
}

struct control *
control_create(const struct config *config, char *err, size_t err_size)
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL)
		goto no_memory;
	pthread_mutex_init(&c->requests.lock, NULL);
	pthread_cond_init(&c->requests.answered, NULL);
	c->max_peers = config->dataplane.max_peers;
	c->n_ifaces = (uint8_t)config->n_interfaces;
	for (uint8_t i = 0; i < c->n_ifaces; i++) {
		struct iface *iface = &c->ifaces[i];

		snprintf(iface->name, sizeof(iface->name), "%s", config->interfaces[i].name);
		iface->listen_port = config->interfaces[i].listen_port;
		noise_identity_init(&iface->identity);
		noise_identity_set(&iface->identity, config->interfaces[i].private_key);
		cookie_checker_init(&iface->checker, iface->identity.static_public);
	}
	c->loop = ev_loop_new(EVFLAG_AUTO);
	c->by_id = calloc(c->max_peers, sizeof(struct peer *));
	c->limiter = ratelimiter_create(LIMITED_SOURCES);
	c->events = events_create(EVENTS_KEPT);
	if (c->loop == NULL || c->by_id == NULL || c->limiter == NULL)
		goto no_memory;
	watchers_init(c);
	recovery_init(&c->recovery, c);
	return c;
no_memory:
	snprintf(err, err_size, "out of memory");
	control_destroy(c);
	return NULL;
}

int
control_attach(struct control *c, struct dataplane *dp, const struct dataplane_config *config,
	char *err, size_t err_size)
{
	static unsigned serial; /* hash names are process-wide */
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters params = {
		.name = name,
		.entries = RTE_MAX(c->max_peers, 64u),
		.key_len = PEER_KEY_LEN,
		.hash_func = rte_jhash,
		/* Whoever makes keys cannot aim at a bucket. */
		.hash_func_init_val = (uint32_t)rte_rand(),
		.socket_id = SOCKET_ID_ANY,
		/* Cuckoo buckets may be full before the table is. */
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	c->dp = dp;
	snprintf(name, sizeof(name), "peers_by_key%u", serial++);
	c->by_key = rte_hash_create(&params);
	c->local = local_create(dp, NEIGHBOURS_MAX, config->ifaces, config->n_ifaces, dp_now_ns());
	if (c->by_key != NULL && c->local != NULL)
		return 0;
	snprintf(err, err_size, "no memory for the table of peers; raise memory_mb");
	return -1;
}

void
control_detach(struct control *c)
{
	c->ending = true;
	for (uint32_t id = 0; id < c->max_peers; id++)
		if (c->by_id[id] != NULL)
			peer_destroy(c->by_id[id]);
	local_destroy(c->local);
	rte_hash_free(c->by_key);
	c->local = NULL;
	c->by_key = NULL;
	c->dp = NULL;
}

void
control_destroy(struct control *c)
{
	if (c == NULL)
		return;
	for (uint8_t i = 0; i < c->n_ifaces; i++) {
		noise_identity_fini(&c->ifaces[i].identity);
		cookie_checker_fini(&c->ifaces[i].checker);
	}
	if (c->loop != NULL)
		ev_loop_destroy(c->loop);
	ratelimiter_destroy(c->limiter);
	events_destroy(c->events);
	pthread_mutex_destroy(&c->requests.lock);
	pthread_cond_destroy(&c->requests.answered);
	free(c->by_id);
	free(c);
}
