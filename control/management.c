/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/management.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <rte_lcore.h>
#include <sodium.h>

#include "control/audit.h"
#include "control/control.h"
#include "control/events.h"
#include "control/http.h"
#include "control/management_state.h"
#include "control/reload.h"
#include "control/strangers.h"
#include "control/uapi.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/dataplane.h"
#include "dataplane/log.h"

/* Peers of one slice at start: some milliseconds of control's time, then HTTP gets its turn. */
#define LOAD_SLICE 512
#define TELL_S 0.01 /* events that come in quick succession are told of so often */

/* ---- state -------------------------------------------------------------------- */

static int
fill_registry(struct management *m, const struct peer_db *dbs, char *err, size_t err_size)
{
	struct refusal why;

	for (unsigned i = 0; i < m->n_ifaces; i++) {
		registry_begin(m->registry, i);
		for (size_t k = 0; k < dbs[i].n; k++) {
			if (registry_put(m->registry, &dbs[i].peers[k], &why) == 0)
				continue;
			snprintf(err, err_size, "%s: peer %s: %s", dbs[i].path,
				dbs[i].peers[k].name, why.message);
			return -1;
		}
		registry_commit(m->registry);
	}
	return 0;
}

int
management_init(struct management *m, const struct config *config, const struct peer_db *dbs,
	struct control *control, struct dataplane *dataplane, char *err, size_t err_size)
{
	const char **names = calloc(config->n_interfaces, sizeof(*names));
	struct timespec ts;

	memset(m, 0, sizeof(*m));
	m->config = config;
	m->control = control;
	m->dataplane = dataplane;
	m->events = control_events(control);
	m->n_ifaces = config->n_interfaces;
	m->ifaces = calloc(m->n_ifaces, sizeof(*m->ifaces));
	if (names == NULL || m->ifaces == NULL)
		abort();
	for (unsigned i = 0; i < m->n_ifaces; i++) {
		m->ifaces[i].config = &config->interfaces[i];
		memcpy(m->ifaces[i].private_key, config->interfaces[i].private_key, KEY_LEN);
		x25519_base(m->ifaces[i].public_key, m->ifaces[i].private_key);
		names[i] = config->interfaces[i].name;
	}
	for (unsigned i = 0; i < m->n_ifaces; i++)
		management_set_hook(m, i, config->interfaces[i].unknown_peer_hook,
			config->interfaces[i].unknown_peer_idle);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	m->started_ns = ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
	randombytes_buf(m->etag_key, sizeof(m->etag_key));
	m->registry = registry_create(names, m->n_ifaces, config->dataplane.max_peers);
	free(names);
	management_stores_create(m, dbs);
	management_seen_create(m);
	if (fill_registry(m, dbs, err, err_size) == 0)
		return 0;
	management_fini(m);
	return -1;
}

void
management_fini(struct management *m)
{
	management_seen_destroy(m);
	management_stores_destroy(m);
	registry_destroy(m->registry);
	for (unsigned i = 0; i < m->n_ifaces; i++)
		free(m->ifaces[i].hook);
	crypto_wipe(m->ifaces, m->n_ifaces * sizeof(*m->ifaces));
	free(m->ifaces);
	m->registry = NULL;
	m->ifaces = NULL;
}

void
management_set_hook(struct management *m, unsigned iface, const char *path, uint32_t idle_s)
{
	struct managed_iface *f = &m->ifaces[iface];

	free(f->hook);
	f->hook = path != NULL ? strdup(path) : NULL;
	if (path != NULL && f->hook == NULL)
		abort();
	f->hook_idle = idle_s;
}

int
management_find_iface(const struct management *m, const char *name)
{
	for (unsigned i = 0; i < m->n_ifaces; i++)
		if (strcmp(m->ifaces[i].config->name, name) == 0)
			return i;
	return -1;
}

void
management_peer_info(struct management *m, unsigned iface, const struct peer_spec *const *specs,
	struct peer_info *info, size_t n)
{
	memset(info, 0, n * sizeof(*info));
	for (size_t i = 0; i < n; i++) {
		info[i].iface = iface;
		memcpy(info[i].public_key, specs[i]->public_key, KEY_LEN);
	}
	if (n > 0)
		control_peer_info(m->control, info, n);
}

void
management_peer_drops(struct management *m, unsigned iface, const struct peer_spec *const *specs,
	struct peer_drop_info *drops, size_t n)
{
	memset(drops, 0, n * sizeof(*drops));
	for (size_t i = 0; i < n; i++) {
		drops[i].iface = iface;
		memcpy(drops[i].public_key, specs[i]->public_key, KEY_LEN);
	}
	if (n > 0)
		control_peer_drops(m->control, drops, n);
}

/* ---- start: the databases go to control --------------------------------------- */

int
management_load_slice(struct management *m, char *err, size_t err_size)
{
	struct peer_change *changes = calloc(LOAD_SLICE, sizeof(*changes));
	const struct peer_spec *spec;
	char field[32] = "", reason[160] = "";
	uint32_t n = 0, done;

	if (changes == NULL)
		abort();
	while (n < LOAD_SLICE && m->load_iface < m->n_ifaces) {
		spec = registry_next(m->registry, m->load_iface, &m->load_cursor);
		if (spec == NULL) {
			m->load_iface++;
			m->load_cursor = 0;
			continue;
		}
		changes[n].op = CHANGE_PUT;
		changes[n].iface = m->load_iface;
		changes[n].name = spec->name;
		memcpy(changes[n].public_key, spec->public_key, KEY_LEN);
		changes[n].has_preshared_key = spec->has_preshared_key;
		memcpy(changes[n].preshared_key, spec->preshared_key, KEY_LEN);
		changes[n].allowed_ips = spec->allowed_ips;
		changes[n].n_allowed_ips = spec->n;
		changes[n].set_endpoint = true;
		changes[n].endpoint = spec->endpoint;
		changes[n].persistent_keepalive = spec->persistent_keepalive;
		management_seen_recall(m, spec, &changes[n]);
		n++;
	}
	done = n == 0 ? 0
		      : control_apply(m->control, changes, n, field, sizeof(field), reason,
				sizeof(reason));
	if (done < n)
		snprintf(err, err_size, "%s: peer %s: %s",
			m->config->interfaces[changes[done].iface].peer_db, changes[done].name,
			reason);
	else if (m->load_iface == m->n_ifaces)
		m->ready = true;
	crypto_wipe(changes, LOAD_SLICE * sizeof(*changes));
	free(changes);
	return done < n ? -1 : 0;
}

static void
on_load(struct ev_loop *loop, ev_idle *w, int revents)
{
	struct management *m = w->data;
	char err[CONFIG_ERROR_SIZE];

	if (management_load_slice(m, err, sizeof(err)) != 0) {
		ev_idle_stop(loop, w);
		if (control_closed(m->control))
			return; /* told to end before all was loaded */
		log_error("%s", err);
		m->failed = true;
		m->fatal(m->arg);
	} else if (m->ready) {
		ev_idle_stop(loop, w);
		log_info("ready");
		service_ready(m);
	}
}

/* ---- events -------------------------------------------------------------------- */

/* Any thread. */
static void
wake_for_events(void *arg)
{
	struct management *m = arg;

	ev_async_send(m->loop, &m->happened);
}

/* At once what comes alone, and the rest together a moment later. */
static void
on_happened(struct ev_loop *loop, ev_async *w, int revents)
{
	struct management *m = w->data;

	m->told = events_last(m->events);
	http_server_tell_events(m->http);
	strangers_turn(m->strangers);
	ev_timer_again(loop, &m->tell);
}

static void
on_tell(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct management *m = w->data;

	ev_timer_stop(loop, w);
	events_rearm(m->events);
	if (events_last(m->events) != m->told)
		on_happened(loop, &m->happened, 0);
}

/* ---- reload -------------------------------------------------------------------- */

void
management_hangup(void *arg)
{
	struct management *m = arg;

	ev_async_send(m->loop, &m->hangup);
}

static void
on_hangup(struct ev_loop *loop, ev_async *w, int revents)
{
	static const struct origin origin = {.via = "SIGHUP"};
	json_t *report = NULL;
	struct refusal why;

	/* Done or refused, the log tells. */
	management_reload(w->data, false, &origin, &report, &why);
	json_decref(report);
}

/* ---- thread ------------------------------------------------------------------- */

static void
on_stop(struct ev_loop *loop, ev_async *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

/*
 * The thread inherits the affinity of whoever starts it, which may be one
 * worker's CPU or control's: allow all CPUs but the workers'.
 */
static void
leave_worker_cpus(const struct dataplane *dp)
{
	cpu_set_t set;

	memset(&set, 0xff, sizeof(set));
	for (unsigned i = 0; i < dataplane_n_workers(dp); i++) {
		int cpu = rte_lcore_to_cpu_id(dataplane_worker_lcore(dp, i));

		if (cpu >= 0 && cpu < CPU_SETSIZE)
			CPU_CLR(cpu, &set);
	}
	/* Fails where workers have all the CPUs; then the inherited one is as good as any. */
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		log_debug("management shares its CPU with a worker");
}

static void *
management_main(void *arg)
{
	struct management *m = arg;

	pthread_setname_np(pthread_self(), "wgdp-mgmt");
	leave_worker_cpus(m->dataplane);
	ev_run(m->loop, 0);
	return NULL;
}

/* jansson holds preshared keys that came in: whatever it frees is wiped. */
static void
wiping_free(void *p)
{
	if (p != NULL) {
		crypto_wipe(p, malloc_usable_size(p));
		free(p);
	}
}

static int
start_thread(struct management *m)
{
	sigset_t all, old;
	int rc;

	/* Signals are main's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&m->thread, NULL, management_main, m);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static void
destroy(struct management *m)
{
	events_set_wake(m->events, NULL, NULL); /* nobody is in it from here on */
	service_stop(&m->service);
	http_server_destroy(m->metrics);
	http_server_destroy(m->http);
	uapi_server_destroy(m->uapi);
	strangers_destroy(m->strangers);
	management_stores_destroy(m); /* their threads wake the loop */
	if (m->loop != NULL)
		ev_loop_destroy(m->loop);
	management_fini(m);
	free(m);
}

struct management *
management_start(const struct management_params *params, char *err, size_t err_size)
{
	struct management *m = calloc(1, sizeof(*m));
	int rc;

	if (m == NULL)
		abort();
	json_set_alloc_funcs(malloc, wiping_free);
	if (management_init(m, params->config, params->dbs, params->control, params->dataplane, err,
		    err_size) != 0) {
		free(m);
		return NULL;
	}
	m->fatal = params->fatal;
	m->arg = params->arg;
	m->loop = ev_loop_new(EVFLAG_AUTO);
	if (m->loop == NULL) {
		snprintf(err, err_size, "management: no event loop: %s", strerror(errno));
		goto fail;
	}
	m->http = http_server_create(m, err, err_size);
	if (m->http == NULL)
		goto fail;
	if (m->config->control.metrics_listen.port != 0 &&
		(m->metrics = http_metrics_server_create(m, err, err_size)) == NULL)
		goto fail;
	m->uapi = uapi_server_create(m, err, err_size);
	if (m->uapi == NULL)
		goto fail;
	management_stores_start(m);
	management_seen_start(m);
	ev_async_init(&m->stop, on_stop);
	ev_async_start(m->loop, &m->stop);
	ev_async_init(&m->hangup, on_hangup);
	m->hangup.data = m;
	ev_async_start(m->loop, &m->hangup);
	m->strangers = strangers_create(m);
	ev_async_init(&m->happened, on_happened);
	m->happened.data = m;
	ev_timer_init(&m->tell, on_tell, 0., TELL_S);
	m->tell.data = m;
	ev_async_start(m->loop, &m->happened);
	events_set_wake(m->events, wake_for_events, m);
	ev_idle_init(&m->loader, on_load);
	/* Above all clients: they cannot starve it, and see all of a small database. */
	ev_set_priority(&m->loader, EV_MAXPRI);
	m->loader.data = m;
	ev_idle_start(m->loop, &m->loader);
	if (params->opened != NULL && params->opened(params->arg, err, err_size) != 0)
		goto fail;
	service_start(&m->service, m);
	rc = start_thread(m);
	if (rc == 0)
		return m;
	snprintf(err, err_size, "management: no thread: %s", strerror(rc));
fail:
	destroy(m);
	return NULL;
}

void
management_stop(struct management *m)
{
	if (m == NULL)
		return;
	service_stopping();
	ev_async_send(m->loop, &m->stop);
	pthread_join(m->thread, NULL);
	destroy(m);
}
