/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/peer_delta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/seen_set.h"
#include "control/yaml_tree.h"
#include "crypto_accel/crypto_accel.h"

enum { OP_IS = 1, OP_GONE = 2 };
enum { FLAG_PSK = 1 };

#define ADDR_LEN 16
#define KEY_BYTES 32
#define PREFIX_LEN (2 + ADDR_LEN)

/* ---- to bytes ---------------------------------------------------------------- */

struct writer {
	uint8_t *at;
};

static void
put(struct writer *w, const void *data, size_t n)
{
	memcpy(w->at, data, n);
	w->at += n;
}

static void
put_u8(struct writer *w, uint8_t v)
{
	*w->at++ = v;
}

static void
put_u16(struct writer *w, uint16_t v)
{
	put_u8(w, v & 0xff);
	put_u8(w, v >> 8);
}

static size_t
encoded_size(const struct peer_spec *s)
{
	if (s == NULL)
		return 1 + KEY_BYTES;
	return 1 + KEY_BYTES + 1 + strlen(s->name) + 1 + (s->has_preshared_key ? KEY_BYTES : 0) +
	       2 + 1 + ADDR_LEN + 2 + 4 + (size_t)s->n * PREFIX_LEN;
}

static void
encode_spec(struct writer *w, const struct peer_spec *s)
{
	put_u8(w, strlen(s->name));
	put(w, s->name, strlen(s->name));
	put_u8(w, s->has_preshared_key ? FLAG_PSK : 0);
	if (s->has_preshared_key)
		put(w, s->preshared_key, KEY_BYTES);
	put_u16(w, s->persistent_keepalive);
	put_u8(w, s->endpoint.addr.family);
	put(w, s->endpoint.addr.bytes, ADDR_LEN);
	put_u16(w, s->endpoint.port);
	put_u16(w, s->n & 0xffff);
	put_u16(w, s->n >> 16);
	for (unsigned i = 0; i < s->n; i++) {
		put_u8(w, s->allowed_ips[i].addr.family);
		put_u8(w, s->allowed_ips[i].len);
		put(w, s->allowed_ips[i].addr.bytes, ADDR_LEN);
	}
}

uint8_t *
peer_delta_encode(const struct registry_change *changes, size_t n, size_t *len)
{
	struct writer w;
	uint8_t *record;

	*len = 0;
	for (size_t i = 0; i < n; i++)
		*len += encoded_size(changes[i].after);
	record = malloc(*len + 1);
	if (record == NULL)
		return NULL;
	w.at = record;
	for (size_t i = 0; i < n; i++) {
		const struct peer_spec *after = changes[i].after;

		put_u8(&w, after != NULL ? OP_IS : OP_GONE);
		put(&w, (after != NULL ? after : changes[i].before)->public_key, KEY_BYTES);
		if (after != NULL)
			encode_spec(&w, after);
	}
	return record;
}

/* ---- from bytes -------------------------------------------------------------- */

struct reader {
	const uint8_t *at;
	size_t left;
	bool bad; /* once true, everything read is zero */
};

static void
get(struct reader *r, void *out, size_t n)
{
	if (r->bad || r->left < n) {
		r->bad = true;
		memset(out, 0, n);
		return;
	}
	memcpy(out, r->at, n);
	r->at += n;
	r->left -= n;
}

static uint8_t
get_u8(struct reader *r)
{
	uint8_t v;

	get(r, &v, 1);
	return v;
}

static uint16_t
get_u16(struct reader *r)
{
	uint16_t low = get_u8(r);

	return low | get_u8(r) << 8;
}

static bool
family_valid(uint8_t family)
{
	return family == IP_V4 || family == IP_V6;
}

static void
get_prefix(struct reader *r, struct ip_prefix *p)
{
	*p = (struct ip_prefix){.addr.family = get_u8(r)};
	p->len = get_u8(r);
	get(r, p->addr.bytes, ADDR_LEN);
	if (!family_valid(p->addr.family) || p->len > (p->addr.family == IP_V4 ? 32 : 128))
		r->bad = true;
	else
		*p = ip_prefix_network(p);
}

/* What a spec says but for its key; on failure r->bad, and nothing to free. */
static void
decode_spec(struct reader *r, struct peer_spec *s)
{
	uint8_t len = get_u8(r);

	get(r, s->name, len < sizeof(s->name) ? len : 0);
	s->has_preshared_key = get_u8(r) & FLAG_PSK;
	if (s->has_preshared_key)
		get(r, s->preshared_key, KEY_BYTES);
	s->persistent_keepalive = get_u16(r);
	s->endpoint.addr.family = get_u8(r);
	get(r, s->endpoint.addr.bytes, ADDR_LEN);
	s->endpoint.port = get_u16(r);
	s->n = get_u16(r);
	s->n |= (unsigned)get_u16(r) << 16;
	if (!peer_name_valid(s->name) || s->n > PEER_ALLOWED_IPS_MAX ||
		(s->endpoint.addr.family != IP_NONE && !family_valid(s->endpoint.addr.family)))
		r->bad = true;
	if (r->bad || s->n == 0)
		return;
	s->allowed_ips = calloc(s->n, sizeof(*s->allowed_ips));
	if (s->allowed_ips == NULL)
		abort();
	for (unsigned i = 0; i < s->n && !r->bad; i++)
		get_prefix(r, &s->allowed_ips[i]);
	if (r->bad)
		free(s->allowed_ips);
}

static void
entry_free(struct peer_delta_entry *e)
{
	peer_spec_fini(&e->spec);
	peer_spec_fini(&e->before);
	free(e);
}

static void
store(struct peer_delta *d, const uint8_t key[KEY_BYTES], bool gone, const struct peer_spec *spec)
{
	struct peer_delta_entry *e;

	HASH_FIND(hh, d->entries, key, KEY_BYTES, e);
	if (e != NULL && e->gone && !gone) {
		/* Back again: behind all others. */
		HASH_DEL(d->entries, e);
		entry_free(e);
		store(d, key, false, spec);
		HASH_FIND(hh, d->entries, key, KEY_BYTES, e);
		e->moved = true;
		return;
	}
	if (e == NULL) {
		e = calloc(1, sizeof(*e));
		if (e == NULL)
			abort();
		memcpy(e->public_key, key, KEY_BYTES);
		HASH_ADD(hh, d->entries, public_key, KEY_BYTES, e);
	}
	peer_spec_fini(&e->spec);
	e->spec = *spec;
	e->gone = gone;
}

int
peer_delta_add(struct peer_delta *d, const uint8_t *record, size_t len, char *err, size_t err_size)
{
	struct reader r = {.at = record, .left = len};

	while (r.left > 0) {
		struct peer_spec spec = {0};
		uint8_t op = get_u8(&r);

		get(&r, spec.public_key, KEY_BYTES);
		if (op == OP_IS)
			decode_spec(&r, &spec);
		else if (op != OP_GONE)
			r.bad = true;
		if (r.bad) {
			crypto_wipe(&spec, sizeof(spec));
			snprintf(err, err_size, "a record that this version of wgdp cannot read");
			return -1;
		}
		store(d, spec.public_key, op == OP_GONE, &spec);
	}
	return 0;
}

void
peer_delta_fini(struct peer_delta *d)
{
	struct peer_delta_entry *e, *next;

	HASH_ITER(hh, d->entries, e, next) {
		HASH_DEL(d->entries, e);
		entry_free(e);
	}
}

/* ---- over a database --------------------------------------------------------- */

/* Of another peer's prefixes, those in taken leave it. */
static size_t
give_up(struct seen_set *taken, struct peer_spec *p)
{
	unsigned kept = 0, had = p->n;
	uint64_t first;

	for (unsigned i = 0; i < had; i++)
		if (seen_insert(taken, &p->allowed_ips[i], sizeof(p->allowed_ips[i]), 0, &first) ==
			0)
			p->allowed_ips[kept++] = p->allowed_ips[i];
	p->n = kept;
	return had - kept;
}

static int
name_once(struct seen_set *names, const struct peer_db *db, const struct peer_spec *p, char *err,
	size_t err_size)
{
	uint64_t first;
	int ret = seen_insert(names, p->name, strlen(p->name), 0, &first);

	if (ret <= 0)
		return ret;
	return yerror(err, err_size, db->path, p->line, "name",
		"expected no duplicate, %s is that of a peer that was added at run time too (it is "
		"in the journal beside this file)",
		p->name);
}

/* Those of the journal come first: they keep what they have. */
static int
resolve(const struct peer_db *db, const bool *ours, size_t *taken, char *err, size_t err_size)
{
	struct seen_set names, prefixes;
	int ret = 0;

	seen_init(&names);
	seen_init(&prefixes);
	for (unsigned pass = 0; pass < 2 && ret == 0; pass++) {
		for (size_t i = 0; i < db->n && ret == 0; i++) {
			if (ours[i] != (pass == 0))
				continue;
			ret = name_once(&names, db, &db->peers[i], err, err_size);
			*taken += give_up(&prefixes, &db->peers[i]);
		}
	}
	seen_fini(&names);
	seen_fini(&prefixes);
	return ret;
}

/* A spec in db's order; what stood there is wiped. */
static void
take_spec(struct peer_spec *to, struct peer_delta_entry *e)
{
	*to = e->spec;
	crypto_wipe(&e->spec, sizeof(e->spec));
	e->gone = true; /* nothing left to give */
}

int
peer_delta_apply(
	struct peer_delta *d, struct peer_db *db, size_t *taken, char *err, size_t err_size)
{
	size_t room = db->n + HASH_COUNT(d->entries) + 1, n = 0;
	struct peer_spec *peers = calloc(room, sizeof(*peers));
	bool *ours = calloc(room, sizeof(*ours));
	struct peer_delta_entry *e, *next;
	int ret;

	if (peers == NULL || ours == NULL)
		abort();
	*taken = 0;
	for (size_t i = 0; i < db->n; i++) {
		HASH_FIND(hh, d->entries, db->peers[i].public_key, KEY_BYTES, e);
		if (e == NULL) {
			peers[n++] = db->peers[i];
			continue;
		}
		if (!e->gone && !e->moved) {
			ours[n] = true;
			take_spec(&peers[n++], e);
		}
		e->existed = true;
		e->before = db->peers[i];
	}
	HASH_ITER(hh, d->entries, e, next) {
		if (e->gone)
			continue;
		ours[n] = true;
		take_spec(&peers[n++], e);
	}
	crypto_wipe(db->peers, db->n * sizeof(*db->peers));
	free(db->peers);
	db->peers = peers;
	db->n = n;
	/* Without changes there is nothing to find that loading the file has not. */
	ret = d->entries != NULL ? resolve(db, ours, taken, err, err_size) : 0;
	free(ours);
	return ret;
}
