/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/audit.h"
#include "control/events.h"
#include "control/management_state.h"
#include "control/peer_store.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/log.h"

#define CHANGES_SHOWN 1000 /* of the report; all are counted */
#define NAMES_SIZE 200

/* One peer's way from what runs to what the file says. */
struct edit {
	struct peer_spec before; /* a copy; unset where added */
	const struct peer_spec *after; /* in the database that was read; NULL: removed */
	bool added;
};

/* An interface's. */
struct iface_plan {
	bool edited; /* its file is not the one that was last read or written */
	struct peer_db db; /* what is wanted, where edited */
	struct edit *edits;
	size_t n, cap;
	size_t kept; /* peers that both the file and somebody else have changed */
	char kept_names[NAMES_SIZE];
	bool new_key, new_hook;
	bool done; /* its transaction is committed */
};

struct plan {
	struct management *m;
	struct config file;
	struct iface_plan *ifaces;
	size_t added, changed, removed;
};

/* ---- what differs --------------------------------------------------------------- */

static int
compare_prefixes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_prefix));
}

/* As sets: an edit that only reorders is none. */
static bool
same_prefixes(const struct peer_spec *a, const struct peer_spec *b)
{
	struct peer_spec x, y;
	size_t size = a->n * sizeof(*a->allowed_ips);
	bool same;

	if (a->n != b->n)
		return false;
	if (a->n == 0 || memcmp(a->allowed_ips, b->allowed_ips, size) == 0)
		return true;
	if (a->n == 1)
		return false;
	x = peer_spec_copy(a);
	y = peer_spec_copy(b);
	qsort(x.allowed_ips, x.n, sizeof(*x.allowed_ips), compare_prefixes);
	qsort(y.allowed_ips, y.n, sizeof(*y.allowed_ips), compare_prefixes);
	same = memcmp(x.allowed_ips, y.allowed_ips, size) == 0;
	peer_spec_fini(&x);
	peer_spec_fini(&y);
	return same;
}

enum {
	DIFF_name = 1 << 0,
	DIFF_preshared_key = 1 << 1,
	DIFF_allowed_ips = 1 << 2,
	DIFF_endpoint = 1 << 3,
	DIFF_persistent_keepalive = 1 << 4,
};
static const char *const diff_name[] = {
	"name", "preshared_key", "allowed_ips", "endpoint", "persistent_keepalive"};

static unsigned
differences(const struct peer_spec *a, const struct peer_spec *b)
{
	unsigned d = 0;

	d |= strcmp(a->name, b->name) != 0 ? DIFF_name : 0;
	d |= crypto_equal(a->preshared_key, b->preshared_key, KEY_LEN) ? 0 : DIFF_preshared_key;
	d |= same_prefixes(a, b) ? 0 : DIFF_allowed_ips;
	d |= ip_endpoint_equal(&a->endpoint, &b->endpoint) ? 0 : DIFF_endpoint;
	d |= a->persistent_keepalive != b->persistent_keepalive ? DIFF_persistent_keepalive : 0;
	return d;
}

static void
add_edit(struct plan *plan, struct iface_plan *p, const struct peer_spec *before,
	const struct peer_spec *after)
{
	struct edit *e;

	if (p->n == p->cap) {
		p->cap = p->cap != 0 ? 2 * p->cap : 16;
		p->edits = reallocarray(p->edits, p->cap, sizeof(*p->edits));
		if (p->edits == NULL)
			abort();
	}
	e = &p->edits[p->n++];
	*e = (struct edit){.after = after, .added = before == NULL};
	if (before != NULL)
		e->before = peer_spec_copy(before);
	plan->added += before == NULL;
	plan->removed += after == NULL;
	plan->changed += before != NULL && after != NULL;
}

static int
compare_keys(const void *a, const void *b)
{
	return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, KEY_LEN);
}

/* Peers that run and that the file has no more. */
static void
find_removed(struct plan *plan, unsigned iface, size_t both)
{
	struct registry *r = plan->m->registry;
	struct iface_plan *p = &plan->ifaces[iface];
	const struct peer_spec *spec;
	const uint8_t **keys;
	uint64_t cursor = 0;

	if (both == registry_count(r, iface))
		return;
	keys = calloc(p->db.n + 1, sizeof(*keys));
	if (keys == NULL)
		abort();
	for (size_t i = 0; i < p->db.n; i++)
		keys[i] = p->db.peers[i].public_key;
	qsort(keys, p->db.n, sizeof(*keys), compare_keys);
	while ((spec = registry_next(r, iface, &cursor)) != NULL) {
		const uint8_t *key = spec->public_key;

		if (!spec->transient &&
			bsearch(&key, keys, p->db.n, sizeof(*keys), compare_keys) == NULL)
			add_edit(plan, p, spec, NULL);
	}
	free(keys);
}

static void
compare_peers(struct plan *plan, unsigned iface)
{
	struct iface_plan *p = &plan->ifaces[iface];
	size_t both = 0;

	for (size_t i = 0; i < p->db.n; i++) {
		const struct peer_spec *wanted = &p->db.peers[i];
		const struct peer_spec *now =
			registry_by_key(plan->m->registry, iface, wanted->public_key);

		both += now != NULL;
		/* Whom a hook let in and the file now has is there to stay. */
		if (now == NULL || now->transient || differences(now, wanted) != 0)
			add_edit(plan, p, now, wanted);
	}
	find_removed(plan, iface, both);
}

/* ---- reading -------------------------------------------------------------------- */

static int
broken(struct refusal *why, const char *err)
{
	return refuse(why, 422, "bad_file", NULL, "%s", err);
}

static int
read_peers(struct plan *plan, unsigned iface, struct refusal *why)
{
	struct iface_plan *p = &plan->ifaces[iface];
	struct peer_store *store = plan->m->ifaces[iface].store;
	char err[CONFIG_ERROR_SIZE];

	p->edited = peer_store_edited(store);
	if (!p->edited)
		return 0;
	if (peer_store_read_edit(store, &p->db, &p->kept, p->kept_names, sizeof(p->kept_names), err,
		    sizeof(err)) == 0)
		return 0;
	p->edited = false;
	return broken(why, err);
}

static bool
same_hook(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int
read_config(struct plan *plan, struct refusal *why)
{
	struct management *m = plan->m;
	char err[CONFIG_ERROR_SIZE], keys[200];

	if (config_load(m->config->path, &plan->file, err, sizeof(err)) != 0)
		return broken(why, err);
	if (config_fixed_changes(m->config, &plan->file, keys, sizeof(keys)) > 0)
		return refuse(why, 409, "needs_restart", keys,
			"%s: nothing was changed, for a restart is needed to change %s",
			m->config->path, keys);
	for (unsigned i = 0; i < m->n_ifaces; i++) {
		const struct config_interface *f = &plan->file.interfaces[i];
		const struct managed_iface *now = &m->ifaces[i];
		struct iface_plan *p = &plan->ifaces[i];

		p->new_key = !crypto_equal(f->private_key, now->private_key, KEY_LEN);
		p->new_hook = !same_hook(f->unknown_peer_hook, now->hook) ||
			      f->unknown_peer_idle != now->hook_idle;
	}
	return 0;
}

/* ---- checks that a transaction would make too late -------------------------------- */

static int
check_total(const struct plan *plan, struct refusal *why)
{
	const struct management *m = plan->m;
	size_t total = plan->added;

	for (unsigned i = 0; i < m->n_ifaces; i++)
		total += registry_count(m->registry, i);
	total -= plan->removed;
	if (total <= m->config->dataplane.max_peers)
		return 0;
	return refuse(why, 409, "too_many_peers", NULL,
		"the files have %zu peers, more than dataplane.max_peers (%u)", total,
		m->config->dataplane.max_peers);
}

/* What one interface gives up, another may have the next time: each reload is per interface. */
static int
check_prefixes(const struct plan *plan, unsigned iface, struct refusal *why)
{
	const struct management *m = plan->m;
	const struct iface_plan *p = &plan->ifaces[iface];
	char text[IP_PREFIX_STRLEN];

	for (size_t i = 0; i < p->n; i++) {
		const struct peer_spec *spec = p->edits[i].after;

		for (unsigned k = 0; spec != NULL && k < spec->n; k++) {
			unsigned owner;
			const struct peer_spec *other =
				registry_owner(m->registry, &spec->allowed_ips[k], &owner);

			if (other == NULL || owner == iface)
				continue;
			return refuse(why, 409, "prefix_conflict", "allowed_ips",
				"%s:%u: %s of peer %s belongs to peer %s on %s; if that is to "
				"change, take it away there first, in a reload of its own",
				p->db.path, spec->allowed_ips_line,
				ip_prefix_format(text, &spec->allowed_ips[k]), spec->name,
				other->name, m->ifaces[owner].config->name);
		}
	}
	return 0;
}

/* The files among themselves. */
static int
check_across(const struct plan *plan, struct refusal *why)
{
	const struct management *m = plan->m;
	struct peer_db *dbs = calloc(m->n_ifaces, sizeof(*dbs));
	const char **names = calloc(m->n_ifaces, sizeof(*names));
	char err[CONFIG_ERROR_SIZE];
	unsigned n = 0;
	int rc = 0;

	if (dbs == NULL || names == NULL)
		abort();
	for (unsigned i = 0; i < m->n_ifaces; i++) {
		if (!plan->ifaces[i].edited)
			continue;
		dbs[n] = plan->ifaces[i].db; /* shallow: only read */
		names[n++] = m->ifaces[i].config->name;
	}
	if (n > 1 && peer_db_check_across(dbs, names, n, err, sizeof(err)) != 0)
		rc = broken(why, err);
	free(dbs);
	free(names);
	return rc;
}

static int
make_plan(struct plan *plan, struct refusal *why)
{
	struct management *m = plan->m;

	if (management_check_ready(m, why) != 0 || read_config(plan, why) != 0)
		return -1;
	for (unsigned i = 0; i < m->n_ifaces; i++) {
		if (read_peers(plan, i, why) != 0)
			return -1;
		if (plan->ifaces[i].edited)
			compare_peers(plan, i);
	}
	if (check_total(plan, why) != 0 || check_across(plan, why) != 0)
		return -1;
	for (unsigned i = 0; i < m->n_ifaces; i++)
		if (check_prefixes(plan, i, why) != 0)
			return -1;
	return 0;
}

/* ---- applying ------------------------------------------------------------------- */

/*
 * Into the registry's transaction. Whoever changes goes first and comes back:
 * so peers may swap names and prefixes. They keep their sessions, since what
 * counts is a transaction's net effect.
 */
static int
put_edits(struct plan *plan, unsigned iface, bool back, struct refusal *why)
{
	struct registry *r = plan->m->registry;
	struct iface_plan *p = &plan->ifaces[iface];

	registry_begin(r, iface);
	for (size_t i = 0; i < p->n; i++) {
		const struct edit *e = &p->edits[i];

		registry_remove(r, e->added ? e->after->public_key : e->before.public_key);
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct edit *e = &p->edits[i];
		const struct peer_spec *to = !back ? e->after : e->added ? NULL : &e->before;

		if (to == NULL)
			continue;
		if (registry_put(r, to, why) != 0) {
			registry_rollback(r);
			return -1;
		}
		if (!e->added && e->after != NULL &&
			!ip_endpoint_equal(&e->before.endpoint, &e->after->endpoint))
			registry_mark_endpoint(r, to->public_key);
	}
	return 0;
}

static int
apply_peers(struct plan *plan, unsigned iface, bool back, const struct origin *origin,
	struct refusal *why)
{
	if (plan->ifaces[iface].n == 0)
		return 0;
	if (put_edits(plan, iface, back, why) != 0)
		return -1;
	return management_commit(plan->m, iface, NULL, origin, why);
}

/* All or nothing: interfaces that are done already go back. */
static int
apply_all_peers(struct plan *plan, const struct origin *origin, struct refusal *why)
{
	struct management *m = plan->m;

	for (unsigned i = 0; i < m->n_ifaces; i++) {
		struct refusal again;

		if (apply_peers(plan, i, false, origin, why) == 0)
			continue;
		while (i-- > 0)
			if (apply_peers(plan, i, true, origin, &again) != 0)
				log_error("%s: a reload could not be taken back: %s",
					m->ifaces[i].config->name, again.message);
		return -1;
	}
	return 0;
}

static int
apply_plan(struct plan *plan, const struct origin *origin, struct refusal *why)
{
	struct management *m = plan->m;

	if (apply_all_peers(plan, origin, why) != 0)
		return -1;
	for (unsigned i = 0; i < m->n_ifaces; i++) {
		const struct config_interface *f = &plan->file.interfaces[i];
		struct iface_plan *p = &plan->ifaces[i];

		if (p->edited)
			peer_store_adopt(m->ifaces[i].store, &p->db);
		if (p->new_key)
			management_take_key(m, i, f->private_key, origin);
		if (p->new_hook)
			management_set_hook(m, i, f->unknown_peer_hook, f->unknown_peer_idle);
	}
	return 0;
}

/* ---- telling -------------------------------------------------------------------- */

static json_t *
fields_of(const struct edit *e)
{
	unsigned d = differences(&e->before, e->after);
	json_t *list = json_array();

	for (unsigned i = 0; i < sizeof(diff_name) / sizeof(diff_name[0]); i++)
		if (d & 1u << i)
			json_array_append_new(list, json_string(diff_name[i]));
	return list;
}

static json_t *
edit_json(const struct plan *plan, unsigned iface, const struct edit *e)
{
	const struct peer_spec *spec = e->after != NULL ? e->after : &e->before;
	char key[KEY_STRLEN];
	json_t *o = json_pack("{ss ss ss ss}", "op",
		e->added           ? "add"
		: e->after == NULL ? "remove"
				   : "change",
		"interface", plan->m->ifaces[iface].config->name, "peer", spec->name, "public_key",
		key_format(key, spec->public_key));

	if (!e->added && e->after != NULL)
		json_object_set_new(o, "fields", fields_of(e));
	return o;
}

static void
add_iface_change(json_t *list, const char *iface, const char *field)
{
	json_array_append_new(list,
		json_pack("{ss ss s[s]}", "op", "change", "interface", iface, "fields", field));
}

static json_t *
report_json(const struct plan *plan, bool dry_run)
{
	const struct management *m = plan->m;
	json_t *list = json_array(), *kept = json_array();
	size_t shown = 0;

	for (unsigned i = 0; i < m->n_ifaces; i++) {
		const struct iface_plan *p = &plan->ifaces[i];
		const char *name = m->ifaces[i].config->name;

		if (p->new_key)
			add_iface_change(list, name, "private_key");
		if (p->new_hook)
			add_iface_change(list, name, "unknown_peer_hook");
		for (size_t k = 0; k < p->n && shown < CHANGES_SHOWN; k++, shown++)
			json_array_append_new(list, edit_json(plan, i, &p->edits[k]));
		if (p->kept > 0)
			json_array_append_new(
				kept, json_pack("{ss sI ss}", "interface", name, "peers",
					      (json_int_t)p->kept, "names", p->kept_names));
	}
	return json_pack("{sb sI sI sI so sb so}", "dry_run", dry_run, "added",
		(json_int_t)plan->added, "changed", (json_int_t)plan->changed, "removed",
		(json_int_t)plan->removed, "changes", list, "more",
		plan->added + plan->changed + plan->removed > shown, "kept", kept);
}

static void
tell(struct management *m, const struct plan *plan, const struct origin *origin,
	const struct refusal *why)
{
	struct event e = {
		.type = why != NULL ? EVENT_reload_refused : EVENT_reloaded,
		.iface = EVENT_NO_IFACE,
		.via = origin->via,
		.has_caller = origin->has_caller,
		.uid = origin->uid,
		.pid = origin->pid,
	};
	char by[ORIGIN_TEXT_SIZE];

	if (why != NULL)
		snprintf(e.reason, sizeof(e.reason), "%.*s", EVENT_REASON_SIZE - 1, why->message);
	else
		snprintf(e.reason, sizeof(e.reason), "peers: %zu added, %zu changed, %zu removed",
			plan->added, plan->changed, plan->removed);
	events_push(m->events, &e);
	origin_text(by, origin);
	if (why != NULL)
		log_error("reload by %s refused: %s", by, why->message);
	else
		log_info("reload by %s: %s", by, e.reason);
	for (unsigned i = 0; why == NULL && i < m->n_ifaces; i++)
		if (plan->ifaces[i].kept > 0)
			log_warn("%s: changed in the file and meanwhile by others too, so left as "
				 "they are: %s",
				m->ifaces[i].config->name, plan->ifaces[i].kept_names);
}

static void
plan_fini(struct plan *plan)
{
	for (unsigned i = 0; i < plan->m->n_ifaces; i++) {
		struct iface_plan *p = &plan->ifaces[i];

		for (size_t k = 0; k < p->n; k++)
			peer_spec_fini(&p->edits[k].before);
		free(p->edits);
		if (p->edited)
			peer_db_free(&p->db);
	}
	free(plan->ifaces);
	config_free(&plan->file);
}

int
management_reload(struct management *m, bool dry_run, const struct origin *origin, json_t **report,
	struct refusal *why)
{
	struct plan plan = {.m = m, .ifaces = calloc(m->n_ifaces, sizeof(*plan.ifaces))};
	bool defer = m->defer_sync;
	int rc;

	if (plan.ifaces == NULL)
		abort();
	/* A file is taken over when all that it says is on the disk. */
	m->defer_sync = false;
	rc = make_plan(&plan, why);
	if (rc == 0 && !dry_run)
		rc = apply_plan(&plan, origin, why);
	if (rc == 0)
		*report = report_json(&plan, dry_run);
	if (!dry_run)
		tell(m, &plan, origin, rc == 0 ? NULL : why);
	m->defer_sync = defer;
	plan_fini(&plan);
	return rc;
}
