/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ev.h>

#include "control/peer.h"
#include "control/publish.h"
#include "control/state.h"
#include "crypto_accel/crypto_accel.h"

struct lookup_key { /* PEER_KEY_LEN bytes, without padding */
	uint8_t public_key[32];
	uint32_t iface;
};

_Static_assert(sizeof(struct lookup_key) == PEER_KEY_LEN, "the whole key is hashed");

static struct lookup_key
make_key(uint8_t iface, const uint8_t public_key[32])
{
	struct lookup_key key = {.iface = iface};

	memcpy(key.public_key, public_key, sizeof(key.public_key));
	return key;
}

struct peer *
peer_find(struct control *c, uint8_t iface, const uint8_t public_key[32])
{
	struct lookup_key key = make_key(iface, public_key);
	void *peer;

	return rte_hash_lookup_data(c->by_key, &key, &peer) >= 0 ? peer : NULL;
}

struct peer *
peer_find_id(struct control *c, uint32_t id, uint32_t generation)
{
	struct peer *peer = id < c->max_peers ? c->by_id[id] : NULL;

	return peer != NULL && peer->generation == generation ? peer : NULL;
}

struct peer *
peer_create(
	struct control *c, uint8_t iface, const uint8_t public_key[32], char *err, size_t err_size)
{
	struct lookup_key key = make_key(iface, public_key);
	struct peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	peer->dp = dp_peer_publish(c->dp, iface);
	if (peer->dp == NULL) {
		snprintf(err, err_size, "no room for another peer: raise max_peers (%u)",
			c->max_peers);
		free(peer);
		return NULL;
	}
	if (rte_hash_add_key_data(c->by_key, &key, peer) != 0) {
		snprintf(err, err_size, "no room for another peer in the table of keys");
		dp_peer_retire(c->dp, peer->dp);
		free(peer);
		return NULL;
	}
	peer->control = c;
	peer->iface = iface;
	dp_peer_identity(peer->dp, &peer->id, &peer->generation);
	noise_peer_init(&peer->noise, public_key, NULL);
	cookie_peer_init(&peer->cookie, public_key);
	timers_init(&peer->timers);
	ev_timer_init(&peer->wakeup, handshake_wakeup, 0., 0.);
	peer->wakeup.data = peer;
	c->by_id[peer->id] = peer;
	c->n_peers++;
	return peer;
}

void
peer_destroy(struct peer *peer)
{
	struct control *c = peer->control;
	struct lookup_key key = make_key(peer->iface, peer->noise.remote_static);

	ev_timer_stop(c->loop, &peer->wakeup);
	handshake_forget(peer);
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++)
		dp_peer_disallow(c->dp, peer->dp, &peer->allowed_ips[i]);
	rte_hash_del_key(c->by_key, &key);
	c->by_id[peer->id] = NULL;
	c->n_peers--;
	dp_peer_retire(c->dp, peer->dp);
	free(peer->allowed_ips);
	noise_peer_fini(&peer->noise);
	cookie_peer_fini(&peer->cookie);
	crypto_wipe(peer, sizeof(*peer));
	free(peer);
}

/* ---- allowed-IPs ------------------------------------------------------------- */

static int
compare_prefixes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_prefix));
}

/* Give back the first n prefixes, as far as they were newly taken. */
static void
undo(struct peer *peer, const struct ip_prefix *prefixes, uint32_t n, const uint32_t *taken_from)
{
	struct control *c = peer->control;
	uint32_t nobody;
	char err[128];

	for (uint32_t i = n; i-- > 0;) {
		if (taken_from[i] == peer->id)
			continue;
		if (taken_from[i] == PKT_NO_PEER)
			dp_peer_disallow(c->dp, peer->dp, &prefixes[i]);
		else /* changes an entry that exists: cannot lack room */
			dp_peer_allow(c->dp, c->by_id[taken_from[i]]->dp, &prefixes[i], &nobody,
				err, sizeof(err));
	}
}

/*
 * A peer that loses a prefix to another keeps it in its list: the forwarding
 * table knows the owner, and gives up nothing on behalf of anyone else.
 */
int
peer_set_allowed_ips(
	struct peer *peer, const struct ip_prefix *prefixes, uint32_t n, char *err, size_t err_size)
{
	struct control *c = peer->control;
	struct ip_prefix *list = calloc(n + 1, sizeof(*list));
	uint32_t *taken_from = malloc((n + 1) * sizeof(*taken_from));

	if (list == NULL || taken_from == NULL) {
		snprintf(err, err_size, "out of memory");
		goto fail;
	}
	for (uint32_t i = 0; i < n; i++) {
		list[i].addr = prefixes[i].addr;
		list[i].len = prefixes[i].len;
	}
	for (uint32_t i = 0; i < n; i++)
		if (dp_peer_allow(c->dp, peer->dp, &list[i], &taken_from[i], err, err_size) != 0) {
			undo(peer, list, i, taken_from);
			goto fail;
		}
	qsort(list, n, sizeof(*list), compare_prefixes);
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++)
		if (bsearch(&peer->allowed_ips[i], list, n, sizeof(*list), compare_prefixes) ==
			NULL)
			dp_peer_disallow(c->dp, peer->dp, &peer->allowed_ips[i]);
	free(peer->allowed_ips);
	free(taken_from);
	peer->allowed_ips = list;
	peer->n_allowed_ips = n;
	return 0;
fail:
	free(list);
	free(taken_from);
	return -1;
}

const char *
peer_label(const struct peer *peer)
{
	static char label[CONFIG_NAME_SIZE + PEER_LOG_NAME + 2];

	snprintf(label, sizeof(label), "%s: %s", peer->control->ifaces[peer->iface].name,
		peer->name);
	return label;
}
