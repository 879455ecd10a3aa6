/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/free_address.h"

#include <stdlib.h>
#include <string.h>

/* An address as a number, so that ranges compare; IPv4 in the low 32 bits. */
typedef unsigned __int128 number;

static unsigned
bits(const struct ip_prefix *p)
{
	return p->addr.family == IP_V4 ? 32 : 128;
}

static number
to_number(const struct ip_addr *a)
{
	number v = 0;

	for (unsigned i = 0; i < ip_addr_len(a->family); i++)
		v = v << 8 | a->bytes[i];
	return v;
}

static struct ip_addr
to_addr(number v, uint8_t family)
{
	struct ip_addr a = {.family = family};

	for (int i = family == IP_V4 ? 3 : 15; i >= 0; i--, v >>= 8)
		a.bytes[i] = v & 0xff;
	return a;
}

static number
first_of(const struct ip_prefix *p)
{
	struct ip_prefix network = ip_prefix_network(p);

	return to_number(&network.addr);
}

static number
last_of(const struct ip_prefix *p)
{
	unsigned host = bits(p) - p->len;
	number mask = host == 128 ? ~(number)0 : ((number)1 << host) - 1;

	return first_of(p) | mask;
}

static int
by_first(const void *a, const void *b)
{
	number x = first_of(a), y = first_of(b);

	return x < y ? -1 : x > y;
}

bool
free_address_find(
	const struct ip_prefix *network, struct ip_prefix *taken, size_t n, struct ip_addr *out)
{
	number at = first_of(network), last = last_of(network);

	if (bits(network) - network->len >= 2) {
		at++;
		if (network->addr.family == IP_V4)
			last--;
	}
	if (n > 0) /* taken may be NULL then, which qsort does not allow */
		qsort(taken, n, sizeof(*taken), by_first);
	for (size_t i = 0; i < n && first_of(&taken[i]) <= at; i++) {
		number end = last_of(&taken[i]);

		if (end >= last)
			return false;
		if (end >= at)
			at = end + 1;
	}
	*out = to_addr(at, network->addr.family);
	return true;
}

/* ---- for a peer ------------------------------------------------------------------- */

struct prefixes {
	struct ip_prefix *p;
	size_t n, cap;
};

static void
add(struct prefixes *list, const struct ip_prefix *p)
{
	if (list->n == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 1024;
		list->p = reallocarray(list->p, list->cap, sizeof(*list->p));
		if (list->p == NULL)
			abort();
	}
	list->p[list->n++] = *p;
}

/*
 * What peers have inside own's network, and own. A prefix around the whole of
 * it, such as a peer's 0.0.0.0/0, takes no address of it: longer ones go first.
 */
static struct prefixes
taken_inside(const struct management *m, unsigned iface, const struct ip_prefix *own)
{
	const struct peer_spec *spec;
	struct prefixes list = {0};
	struct ip_prefix self = {.addr = own->addr, .len = bits(own)};
	uint64_t cursor = 0;

	add(&list, &self);
	while ((spec = registry_next(m->registry, iface, &cursor)) != NULL)
		for (unsigned i = 0; i < spec->n; i++)
			if (spec->allowed_ips[i].len > own->len &&
				ip_prefix_contains(own, &spec->allowed_ips[i].addr))
				add(&list, &spec->allowed_ips[i]);
	return list;
}

/* The peer's own address in the network, if it has one already. */
static bool
has_already(const struct peer_spec *old, const struct ip_prefix *own, struct ip_addr *out)
{
	for (unsigned i = 0; old != NULL && i < old->n; i++) {
		const struct ip_prefix *p = &old->allowed_ips[i];

		if (p->len != bits(p) || !ip_prefix_contains(own, &p->addr))
			continue;
		*out = p->addr;
		return true;
	}
	return false;
}

static int
append_addresses(const struct management *m, unsigned iface, const struct peer_spec *old,
	json_t *list, struct refusal *why)
{
	const struct config_interface *config = m->ifaces[iface].config;
	char text[IP_PREFIX_STRLEN];

	if (config->n_addresses == 0)
		return refuse(why, 409, "no_network", "allowed_ips",
			"allowed_ips: %s has no addresses in wgdp.yaml to choose others from",
			config->name);
	for (unsigned i = 0; i < config->n_addresses; i++) {
		const struct ip_prefix *own = &config->addresses[i];
		struct prefixes taken = taken_inside(m, iface, own);
		struct ip_prefix chosen = {.len = bits(own)};
		bool found = has_already(old, own, &chosen.addr) ||
			     free_address_find(own, taken.p, taken.n, &chosen.addr);

		free(taken.p);
		if (!found)
			return refuse(why, 409, "network_full", "allowed_ips",
				"allowed_ips: no address of %s is free",
				ip_prefix_format(text, own));
		json_array_append_new(list, json_string(ip_prefix_format(text, &chosen)));
	}
	return 0;
}

/* The peer that a PUT with this id and body is about, if it is there already. */
static const struct peer_spec *
find_old(const struct management *m, unsigned iface, const char *id, const json_t *body)
{
	const char *s = json_string_value(json_object_get(body, "public_key"));
	uint8_t key[KEY_LEN];

	if ((s != NULL && key_parse_any(key, s)) || key_parse_any(key, id))
		return registry_by_key(m->registry, iface, key);
	return registry_by_name(m->registry, iface, id);
}

int
free_address_fill(const struct management *m, unsigned iface, const char *id, json_t *body,
	struct refusal *why)
{
	json_t *allowed_ips = json_object_get(body, "allowed_ips");

	for (size_t i = 0; i < json_array_size(allowed_ips);) {
		const char *s = json_string_value(json_array_get(allowed_ips, i));

		if (s == NULL || strcmp(s, "auto") != 0) {
			i++;
			continue;
		}
		json_array_remove(allowed_ips, i);
		if (append_addresses(m, iface, find_old(m, iface, id, body), allowed_ips, why) != 0)
			return -1;
	}
	return 0;
}
