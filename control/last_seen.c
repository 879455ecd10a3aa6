/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/last_seen.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "control/durable.h"
#include "dataplane/log.h"
#include "dataplane/messages.h"

#define SLOTS_MAX 2000000u
#define HASH_LEN 8

static const char file_magic[16] = "wgdp-seen-1\n";

struct file_header {
	char magic[16];
	uint64_t used_ns;
	uint8_t zero[40];
};

struct slot_endpoint {
	uint8_t family, address[16], port[2];
};

struct slot {
	uint8_t public_key[32];
	struct slot_endpoint endpoint, configured;
	uint8_t zero[10];
	uint64_t handshake_ns;
	uint8_t hash[HASH_LEN];
};

_Static_assert(sizeof(struct file_header) == 64, "as documented");
_Static_assert(sizeof(struct slot) == 96, "as documented");

struct known {
	struct sighting sighting;
	uint32_t slot;
	bool dirty;
	struct known *next_dirty;
	UT_hash_handle hh;
};

struct last_seen {
	char *path;
	int fd; /* -1: not open for writing yet */
	uint64_t used_ns, opened_used_ns;
	bool strange; /* what is there is nothing of ours */
	struct known *known;
	struct known *dirty;
	uint32_t n_slots;
	uint32_t *free_slots;
	uint32_t n_free, free_cap;
	uint32_t *cleared; /* to be written as zeros */
	uint32_t n_cleared, cleared_cap;
	bool told_failing;
};

/* ---- entries ------------------------------------------------------------------- */

static void
pack_endpoint(struct slot_endpoint *out, const struct ip_endpoint *e)
{
	out->family = e->addr.family;
	memcpy(out->address, e->addr.bytes, sizeof(out->address));
	out->port[0] = e->port & 0xff;
	out->port[1] = e->port >> 8;
}

static bool
unpack_endpoint(struct ip_endpoint *out, const struct slot_endpoint *e)
{
	memset(out, 0, sizeof(*out));
	if (e->family == IP_NONE)
		return true;
	out->addr.family = e->family;
	memcpy(out->addr.bytes, e->address, sizeof(e->address));
	out->port = e->port[0] | e->port[1] << 8;
	return e->family == IP_V4 || e->family == IP_V6;
}

static void
slot_hash(uint8_t hash[HASH_LEN], const struct slot *slot)
{
	uint8_t full[crypto_generichash_BYTES_MIN];

	crypto_generichash(
		full, sizeof(full), (const uint8_t *)slot, offsetof(struct slot, hash), NULL, 0);
	memcpy(hash, full, HASH_LEN);
}

static struct slot
pack(const struct sighting *s)
{
	struct slot slot = {.handshake_ns = s->handshake_ns};

	memcpy(slot.public_key, s->public_key, sizeof(slot.public_key));
	pack_endpoint(&slot.endpoint, &s->endpoint);
	pack_endpoint(&slot.configured, &s->configured);
	slot_hash(slot.hash, &slot);
	return slot;
}

static bool
unpack(struct sighting *out, const struct slot *slot)
{
	uint8_t hash[HASH_LEN];

	memset(out, 0, sizeof(*out));
	slot_hash(hash, slot);
	if (memcmp(hash, slot->hash, HASH_LEN) != 0)
		return false;
	memcpy(out->public_key, slot->public_key, sizeof(out->public_key));
	out->handshake_ns = slot->handshake_ns;
	return unpack_endpoint(&out->endpoint, &slot->endpoint) &&
	       unpack_endpoint(&out->configured, &slot->configured);
}

static void
push(uint32_t **list, uint32_t *n, uint32_t *cap, uint32_t value)
{
	if (*n == *cap) {
		*cap = *cap == 0 ? 64 : *cap * 2;
		*list = reallocarray(*list, *cap, sizeof(**list));
		if (*list == NULL)
			abort();
	}
	(*list)[(*n)++] = value;
}

static struct known *
find(const struct last_seen *l, const uint8_t key[32])
{
	struct known *k;

	HASH_FIND(hh, l->known, key, 32, k);
	return k;
}

static struct known *
insert(struct last_seen *l, const struct sighting *s, uint32_t slot)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k == NULL)
		abort();
	k->sighting = *s;
	k->slot = slot;
	HASH_ADD(hh, l->known, sighting.public_key, 32, k);
	return k;
}

/* ---- reading -------------------------------------------------------------------- */

static void
read_slots(struct last_seen *l, FILE *f)
{
	static const struct slot empty;
	uint32_t bad = 0;
	struct slot slot;

	for (; l->n_slots < SLOTS_MAX && fread(&slot, sizeof(slot), 1, f) == 1; l->n_slots++) {
		bool is_empty = memcmp(&slot, &empty, sizeof(slot)) == 0;
		struct sighting s;

		if (!is_empty && unpack(&s, &slot) && find(l, s.public_key) == NULL) {
			insert(l, &s, l->n_slots);
			continue;
		}
		bad += !is_empty;
		push(&l->free_slots, &l->n_free, &l->free_cap, l->n_slots);
	}
	if (bad > 0)
		log_warn("%s: %u damaged entries are left out", l->path, bad);
}

struct last_seen *
last_seen_open(const char *path)
{
	struct last_seen *l = calloc(1, sizeof(*l));
	struct file_header h;
	FILE *f;
	int fd;

	if (l == NULL || asprintf(&l->path, "%s.seen", path) < 0)
		abort();
	l->fd = -1;
	fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	f = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		if (errno != ENOENT)
			log_warn("%s: cannot be read: %s", l->path, strerror(errno));
		return l;
	}
	if (fread(&h, sizeof(h), 1, f) == 1 && memcmp(h.magic, file_magic, sizeof(h.magic)) == 0) {
		l->opened_used_ns = h.used_ns;
		read_slots(l, f);
	} else {
		l->strange = true;
		log_warn("%s: is not what wgdp writes, and will be written anew", l->path);
	}
	fclose(f);
	return l;
}

const struct sighting *
last_seen_find(const struct last_seen *l, const uint8_t key[32])
{
	const struct known *k = find(l, key);

	return k != NULL ? &k->sighting : NULL;
}

uint64_t
last_seen_used_ns(const struct last_seen *l)
{
	return l->opened_used_ns;
}

bool
last_seen_alive(const struct last_seen *l, const struct sighting *s)
{
	/* A clock that was set back meanwhile: better one initiation too many. */
	return s->handshake_ns != 0 && s->endpoint.addr.family != IP_NONE &&
	       s->handshake_ns + REJECT_AFTER_TIME_NS > l->opened_used_ns;
}

/* ---- changing ------------------------------------------------------------------- */

void
last_seen_note(struct last_seen *l, const struct sighting *s)
{
	struct known *k = find(l, s->public_key);
	uint64_t handshake_ns;

	if (k == NULL) {
		uint32_t slot = l->n_free > 0 ? l->free_slots[--l->n_free] : l->n_slots++;

		k = insert(l, s, slot);
	}
	handshake_ns = s->handshake_ns != 0 ? s->handshake_ns : k->sighting.handshake_ns;
	k->sighting = *s;
	k->sighting.handshake_ns = handshake_ns;
	if (!k->dirty) {
		k->dirty = true;
		k->next_dirty = l->dirty;
		l->dirty = k;
	}
}

void
last_seen_forget(struct last_seen *l, const uint8_t key[32])
{
	struct known *k = find(l, key);
	struct known **at;

	if (k == NULL)
		return;
	for (at = &l->dirty; k->dirty && *at != k; at = &(*at)->next_dirty)
		continue;
	if (k->dirty)
		*at = k->next_dirty;
	push(&l->cleared, &l->n_cleared, &l->cleared_cap, k->slot);
	HASH_DEL(l->known, k);
	free(k);
}

static bool
write_slot(struct last_seen *l, uint32_t slot, const struct slot *value)
{
	return durable_write(l->fd, sizeof(struct file_header) + (uint64_t)slot * sizeof(*value),
		       value, sizeof(*value)) == 0;
}

static bool
write_all(struct last_seen *l)
{
	static const struct slot empty;
	struct file_header h = {.used_ns = l->used_ns};

	if (l->fd < 0)
		l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->fd < 0 || (l->strange && ftruncate(l->fd, 0) != 0))
		return false;
	l->strange = false;
	while (l->n_cleared > 0) {
		uint32_t slot = l->cleared[l->n_cleared - 1];

		if (!write_slot(l, slot, &empty))
			return false;
		l->n_cleared--;
		push(&l->free_slots, &l->n_free, &l->free_cap, slot);
	}
	while (l->dirty != NULL) {
		struct known *k = l->dirty;
		struct slot slot = pack(&k->sighting);

		if (!write_slot(l, k->slot, &slot))
			return false;
		l->dirty = k->next_dirty;
		k->dirty = false;
	}
	memcpy(h.magic, file_magic, sizeof(h.magic));
	return durable_write(l->fd, 0, &h, sizeof(h)) == 0;
}

void
last_seen_flush(struct last_seen *l, uint64_t now_ns, bool touch)
{
	if (l->dirty == NULL && l->n_cleared == 0 && (!touch || l->known == NULL))
		return;
	l->used_ns = now_ns;
	if (write_all(l)) {
		l->told_failing = false;
		return;
	}
	if (!l->told_failing)
		log_warn("%s: cannot be written, so a restart will not know where peers are: %s",
			l->path, strerror(errno));
	l->told_failing = true;
}

void
last_seen_close(struct last_seen *l)
{
	struct known *k, *next;

	if (l == NULL)
		return;
	if (l->fd >= 0)
		close(l->fd);
	HASH_ITER(hh, l->known, k, next) {
		HASH_DEL(l->known, k);
		free(k);
	}
	free(l->free_slots);
	free(l->cleared);
	free(l->path);
	free(l);
}
