/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uthash serves the look-ups: one object is in two tables without further
 * allocations, which the hash tables of jansson and of libc do not offer.
 */
#include "control/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "crypto_accel/crypto_accel.h"

struct entry {
	struct peer_spec spec;
	uint64_t seq; /* order of arrival, never reused; the paging cursor */
	UT_hash_handle by_key, by_name;
};

/* Who has a prefix. struct ip_prefix is bytes only, unused ones zero: usable as a key. */
struct owner {
	struct ip_prefix prefix;
	unsigned iface;
	struct entry *peer;
	unsigned pos; /* in peer->spec.allowed_ips */
	UT_hash_handle hh;
};

struct iface_peers {
	char name[16];
	struct entry *by_key, *by_name; /* heads of hash tables */
	/*
	 * By rising seq: adding appends, paging is a binary search. Removing moves
	 * the tail; at 100 000 peers these are tens of microseconds.
	 */
	struct entry **order;
	size_t n, cap;
	uint64_t version; /* transactions that were committed */
};

/* What a peer was when the transaction first touched it. */
struct touched {
	uint8_t public_key[32];
	bool existed, set_endpoint;
	struct peer_spec before;
	uint64_t seq;
	UT_hash_handle hh;
};

struct registry {
	struct iface_peers *ifaces;
	unsigned n_ifaces;
	uint32_t max_peers;
	size_t total;
	uint64_t last_seq;
	struct owner *owners;
	bool open;
	unsigned iface; /* of the open transaction */
	struct touched *touched;
};

static void *
must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

/* ---- specs ------------------------------------------------------------------ */

struct peer_spec
peer_spec_copy(const struct peer_spec *spec)
{
	struct peer_spec copy = *spec;

	copy.allowed_ips = NULL;
	if (spec->n > 0) {
		copy.allowed_ips = must(calloc(spec->n, sizeof(*spec->allowed_ips)));
		memcpy(copy.allowed_ips, spec->allowed_ips, spec->n * sizeof(*spec->allowed_ips));
	}
	return copy;
}

void
peer_spec_add_prefix(struct peer_spec *spec, unsigned *cap, const struct ip_prefix *p)
{
	if (spec->n >= *cap) {
		*cap = spec->n < 4 ? 4 : spec->n * 2;
		spec->allowed_ips =
			must(reallocarray(spec->allowed_ips, *cap, sizeof(*spec->allowed_ips)));
	}
	spec->allowed_ips[spec->n++] = ip_prefix_network(p);
}

void
peer_spec_fini(struct peer_spec *spec)
{
	free(spec->allowed_ips);
	crypto_wipe(spec, sizeof(*spec));
}

/* ---- life ------------------------------------------------------------------- */

struct registry *
registry_create(const char *const *names, unsigned n_ifaces, uint32_t max_peers)
{
	struct registry *r = must(calloc(1, sizeof(*r)));

	r->ifaces = must(calloc(n_ifaces, sizeof(*r->ifaces)));
	r->n_ifaces = n_ifaces;
	r->max_peers = max_peers;
	for (unsigned i = 0; i < n_ifaces; i++)
		snprintf(r->ifaces[i].name, sizeof(r->ifaces[i].name), "%s", names[i]);
	return r;
}

static void
touched_free_all(struct registry *r)
{
	struct touched *t, *next;

	HASH_ITER(hh, r->touched, t, next) {
		HASH_DEL(r->touched, t);
		peer_spec_fini(&t->before);
		free(t);
	}
}

void
registry_destroy(struct registry *r)
{
	struct owner *o, *next;

	if (r == NULL)
		return;
	touched_free_all(r);
	HASH_ITER(hh, r->owners, o, next) {
		HASH_DEL(r->owners, o);
		free(o);
	}
	for (unsigned i = 0; i < r->n_ifaces; i++) {
		struct iface_peers *f = &r->ifaces[i];

		HASH_CLEAR(by_key, f->by_key);
		HASH_CLEAR(by_name, f->by_name);
		for (size_t k = 0; k < f->n; k++) {
			peer_spec_fini(&f->order[k]->spec);
			free(f->order[k]);
		}
		free(f->order);
	}
	free(r->ifaces);
	free(r);
}

/* ---- reading ---------------------------------------------------------------- */

size_t
registry_count(const struct registry *r, unsigned iface)
{
	return r->ifaces[iface].n;
}

uint64_t
registry_version(const struct registry *r, unsigned iface)
{
	return r->ifaces[iface].version;
}

static struct entry *
find_key(const struct registry *r, unsigned iface, const uint8_t key[32])
{
	struct entry *e;

	HASH_FIND(by_key, r->ifaces[iface].by_key, key, 32, e);
	return e;
}

static struct entry *
find_name(const struct registry *r, unsigned iface, const char *name)
{
	struct entry *e;

	HASH_FIND(by_name, r->ifaces[iface].by_name, name, strlen(name), e);
	return e;
}

const struct peer_spec *
registry_by_key(const struct registry *r, unsigned iface, const uint8_t key[32])
{
	const struct entry *e = find_key(r, iface, key);

	return e != NULL ? &e->spec : NULL;
}

const struct peer_spec *
registry_by_name(const struct registry *r, unsigned iface, const char *name)
{
	const struct entry *e = find_name(r, iface, name);

	return e != NULL ? &e->spec : NULL;
}

/* Where in order the first entry with a seq above this one is. */
static size_t
order_above(const struct iface_peers *f, uint64_t seq)
{
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->order[mid]->seq > seq)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

const struct peer_spec *
registry_next(const struct registry *r, unsigned iface, uint64_t *cursor)
{
	const struct iface_peers *f = &r->ifaces[iface];
	size_t pos = order_above(f, *cursor);

	if (pos == f->n)
		return NULL;
	*cursor = f->order[pos]->seq;
	return &f->order[pos]->spec;
}

/* ---- prefixes --------------------------------------------------------------- */

static struct owner *
find_owner(const struct registry *r, const struct ip_prefix *p)
{
	struct owner *o;

	HASH_FIND(hh, r->owners, p, sizeof(*p), o);
	return o;
}

const struct peer_spec *
registry_owner(const struct registry *r, const struct ip_prefix *prefix, unsigned *iface)
{
	const struct owner *o = find_owner(r, prefix);

	if (o == NULL)
		return NULL;
	*iface = o->iface;
	return &o->peer->spec;
}

static void
release_prefixes(struct registry *r, struct entry *e)
{
	for (unsigned i = 0; i < e->spec.n; i++) {
		struct owner *o = find_owner(r, &e->spec.allowed_ips[i]);

		HASH_DEL(r->owners, o);
		free(o);
	}
	free(e->spec.allowed_ips);
	e->spec.allowed_ips = NULL;
	e->spec.n = 0;
}

/* Take the prefix of o from its peer. The last one fills the gap: order means nothing here. */
static void
take_prefix(struct registry *r, struct owner *o)
{
	struct peer_spec *loser = &o->peer->spec;
	struct ip_prefix *last = &loser->allowed_ips[--loser->n];

	if (o->pos != loser->n) {
		find_owner(r, last)->pos = o->pos;
		loser->allowed_ips[o->pos] = *last;
	}
}

static void touch(struct registry *r, const uint8_t key[32], const struct entry *e);

/* The prefixes of spec become e's, and leave whoever on the interface has them. */
static void
claim_prefixes(
	struct registry *r, unsigned iface, struct entry *e, const struct ip_prefix *p, unsigned n)
{
	unsigned kept = 0;

	if (n > 0)
		e->spec.allowed_ips = must(calloc(n, sizeof(*p)));
	for (unsigned i = 0; i < n; i++) {
		struct owner *o = find_owner(r, &p[i]);

		if (o != NULL && o->peer == e)
			continue; /* repeated */
		if (o != NULL) {
			touch(r, o->peer->spec.public_key, o->peer);
			take_prefix(r, o);
		} else {
			o = must(calloc(1, sizeof(*o)));
			o->prefix = p[i];
			o->iface = iface;
			HASH_ADD(hh, r->owners, prefix, sizeof(o->prefix), o);
		}
		o->peer = e;
		o->pos = kept;
		e->spec.allowed_ips[kept++] = p[i];
	}
	e->spec.n = kept;
}

/* ---- changing --------------------------------------------------------------- */

void
registry_begin(struct registry *r, unsigned iface)
{
	r->open = true;
	r->iface = iface;
}

static struct touched *
find_touched(const struct registry *r, const uint8_t key[32])
{
	struct touched *t;

	HASH_FIND(hh, r->touched, key, 32, t);
	return t;
}

void
registry_free_name(
	const struct registry *r, unsigned iface, const uint8_t key[32], char name[PEER_NAME_SIZE])
{
	const struct touched *t = r->open && r->iface == iface ? find_touched(r, key) : NULL;

	/* `wg setconf` removes all peers and adds them again, without names: they keep theirs. */
	if (t != NULL && t->existed && find_name(r, iface, t->before.name) == NULL) {
		memcpy(name, t->before.name, PEER_NAME_SIZE);
		return;
	}
	for (unsigned attempt = 1;; attempt++) {
		peer_name_generate(name, key, attempt);
		if (find_name(r, iface, name) == NULL)
			return;
	}
}

/* Before the first change of a peer in a transaction; e is NULL when it is not there. */
static void
touch(struct registry *r, const uint8_t key[32], const struct entry *e)
{
	struct touched *t;

	if (!r->open || find_touched(r, key) != NULL)
		return;
	t = must(calloc(1, sizeof(*t)));
	memcpy(t->public_key, key, sizeof(t->public_key));
	if (e != NULL) {
		t->existed = true;
		t->before = peer_spec_copy(&e->spec);
		t->seq = e->seq;
	}
	HASH_ADD(hh, r->touched, public_key, sizeof(t->public_key), t);
}

static struct entry *
entry_add(struct registry *r, unsigned iface, const struct peer_spec *spec, uint64_t seq)
{
	struct iface_peers *f = &r->ifaces[iface];
	struct entry *e = must(calloc(1, sizeof(*e)));
	size_t pos;

	e->spec = *spec;
	e->spec.allowed_ips = NULL;
	e->spec.n = 0;
	e->seq = seq;
	HASH_ADD(by_key, f->by_key, spec.public_key, 32, e);
	HASH_ADD(by_name, f->by_name, spec.name, strlen(e->spec.name), e);
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 64;
		f->order = must(reallocarray(f->order, f->cap, sizeof(*f->order)));
	}
	pos = order_above(f, seq);
	memmove(&f->order[pos + 1], &f->order[pos], (f->n - pos) * sizeof(*f->order));
	f->order[pos] = e;
	f->n++;
	r->total++;
	return e;
}

static void
entry_remove(struct registry *r, unsigned iface, struct entry *e)
{
	struct iface_peers *f = &r->ifaces[iface];
	size_t pos = order_above(f, e->seq) - 1;

	release_prefixes(r, e);
	HASH_DELETE(by_key, f->by_key, e);
	HASH_DELETE(by_name, f->by_name, e);
	f->n--;
	memmove(&f->order[pos], &f->order[pos + 1], (f->n - pos) * sizeof(*f->order));
	r->total--;
	peer_spec_fini(&e->spec);
	free(e);
}

static int
check_put(const struct registry *r, const struct peer_spec *spec, const struct entry *e,
	struct refusal *why)
{
	const struct entry *named = find_name(r, r->iface, spec->name);
	const char *iface = r->ifaces[r->iface].name;

	if (named != NULL && named != e)
		return refuse(why, 409, "name_taken", "name",
			"another peer of %s is already named %s", iface, spec->name);
	if (e == NULL && r->total >= r->max_peers)
		return refuse(why, 409, "too_many_peers", NULL,
			"there are already %u peers, as many as dataplane.max_peers allows",
			r->max_peers);
	for (unsigned i = 0; i < spec->n; i++) {
		const struct owner *o = find_owner(r, &spec->allowed_ips[i]);
		char text[IP_PREFIX_STRLEN];

		if (o == NULL || o->iface == r->iface)
			continue;
		ip_prefix_format(text, &spec->allowed_ips[i]);
		return refuse(why, 409, "prefix_conflict", "allowed_ips",
			"%s of peer %s on %s already belongs to peer %s on %s", text, spec->name,
			iface, o->peer->spec.name, r->ifaces[o->iface].name);
	}
	return 0;
}

static bool
same_prefixes(const struct peer_spec *a, const struct peer_spec *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->allowed_ips, b->allowed_ips,
						     a->n * sizeof(*a->allowed_ips)) == 0);
}

int
registry_put(struct registry *r, const struct peer_spec *spec, struct refusal *why)
{
	struct iface_peers *f = &r->ifaces[r->iface];
	struct entry *e = find_key(r, r->iface, spec->public_key);

	if (check_put(r, spec, e, why) != 0)
		return -1;
	touch(r, spec->public_key, e);
	if (e == NULL) {
		const struct touched *t = find_touched(r, spec->public_key);

		/* One that came back within the transaction keeps its place. */
		e = entry_add(r, r->iface, spec, t->existed ? t->seq : ++r->last_seq);
	} else if (strcmp(e->spec.name, spec->name) != 0) {
		HASH_DELETE(by_name, f->by_name, e);
		memcpy(e->spec.name, spec->name, sizeof(e->spec.name));
		HASH_ADD(by_name, f->by_name, spec.name, strlen(e->spec.name), e);
	}
	e->spec.has_preshared_key = spec->has_preshared_key;
	memcpy(e->spec.preshared_key, spec->preshared_key, sizeof(e->spec.preshared_key));
	e->spec.endpoint = spec->endpoint;
	e->spec.persistent_keepalive = spec->persistent_keepalive;
	e->spec.transient = spec->transient;
	if (!same_prefixes(&e->spec, spec)) {
		release_prefixes(r, e);
		claim_prefixes(r, r->iface, e, spec->allowed_ips, spec->n);
	}
	return 0;
}

void
registry_mark_endpoint(struct registry *r, const uint8_t key[32])
{
	struct touched *t = find_touched(r, key);

	if (t != NULL)
		t->set_endpoint = true;
}

void
registry_mark_transient(struct registry *r, const uint8_t key[32])
{
	struct entry *e = find_key(r, r->iface, key);

	if (e != NULL)
		e->spec.transient = true;
}

bool
registry_remove(struct registry *r, const uint8_t key[32])
{
	struct entry *e = find_key(r, r->iface, key);

	if (e == NULL)
		return false;
	touch(r, key, e);
	entry_remove(r, r->iface, e);
	return true;
}

void
registry_remove_all(struct registry *r)
{
	struct iface_peers *f = &r->ifaces[r->iface];

	/* From the end, where removing moves nothing. */
	while (f->n > 0) {
		struct entry *e = f->order[f->n - 1];

		touch(r, e->spec.public_key, e);
		entry_remove(r, r->iface, e);
	}
}

size_t
registry_changes(const struct registry *r, struct registry_change **changes)
{
	size_t n = HASH_COUNT(r->touched), k = 0;
	struct registry_change *list = must(calloc(n + 1, sizeof(*list)));
	struct touched *t, *next;

	for (unsigned pass = 0; pass < 2; pass++) {
		HASH_ITER(hh, r->touched, t, next) {
			const struct entry *e = find_key(r, r->iface, t->public_key);

			if ((e != NULL) != (pass == 1) || (e == NULL && !t->existed))
				continue;
			list[k].before = t->existed ? &t->before : NULL;
			list[k].cursor = t->seq;
			list[k].after = e != NULL ? &e->spec : NULL;
			list[k++].set_endpoint = t->set_endpoint;
		}
	}
	*changes = list;
	return k;
}

void
registry_commit(struct registry *r)
{
	r->ifaces[r->iface].version += r->touched != NULL;
	touched_free_all(r);
	r->open = false;
}

/* From it, hh.prev leads to earlier ones. */
static struct touched *
last_touched(const struct registry *r)
{
	return r->touched != NULL ? ELMT_FROM_HH(r->touched->hh.tbl, r->touched->hh.tbl->tail)
				  : NULL;
}

/* Clear the way: names and prefixes that peers have swapped must all be free first. */
static void
detach(struct registry *r, const struct touched *t)
{
	struct entry *e = find_key(r, r->iface, t->public_key);

	if (e == NULL)
		return;
	if (!t->existed) {
		entry_remove(r, r->iface, e);
		return;
	}
	release_prefixes(r, e);
	HASH_DELETE(by_name, r->ifaces[r->iface].by_name, e);
}

static void
restore(struct registry *r, const struct touched *t)
{
	struct entry *e = find_key(r, r->iface, t->public_key);

	if (!t->existed)
		return;
	if (e == NULL) {
		e = entry_add(r, r->iface, &t->before, t->seq);
	} else {
		e->spec = t->before;
		e->spec.allowed_ips = NULL;
		e->spec.n = 0;
		HASH_ADD(by_name, r->ifaces[r->iface].by_name, spec.name, strlen(e->spec.name), e);
	}
	claim_prefixes(r, r->iface, e, t->before.allowed_ips, t->before.n);
}

void
registry_rollback(struct registry *r)
{
	/* Touching is over: claim_prefixes takes nothing from anybody from here on. */
	r->open = false;
	/* Backwards, so that whatever was appended or removed at the end moves nothing. */
	for (struct touched *t = last_touched(r); t != NULL; t = t->hh.prev)
		detach(r, t);
	for (struct touched *t = last_touched(r); t != NULL; t = t->hh.prev)
		restore(r, t);
	touched_free_all(r);
}
