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
	recovery_remove(&c->recovery, peer);
	handshake_forget(peer);
	/* At the end the table goes as a whole: from a large one, each takes a while. */
	for (uint32_t i = 0; i < peer->n_allowed_ips && !c->ending; i++)
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

/*
 * A peer that loses a prefix to another keeps it in its list: the forwarding
 * table knows the owner, and gives up nothing on behalf of anyone else.
 */
int
prefix_edit_begin(struct prefix_edit *e, struct peer *peer, const struct ip_prefix *prefixes,
	uint32_t n, char *err, size_t err_size)
{
	*e = (struct prefix_edit){
		.peer = peer,
		.list = calloc(n > 0 ? n : 1, sizeof(*e->list)),
		.taken_from = malloc((n + 1) * sizeof(*e->taken_from)),
		.n = n,
	};
	if (e->list == NULL || e->taken_from == NULL) {
		snprintf(err, err_size, "out of memory");
		prefix_edit_fini(e);
		return -1;
	}
	for (uint32_t i = 0; i < n; i++) { /* without what pads the structure: it is compared */
		e->list[i].addr = prefixes[i].addr;
		e->list[i].len = prefixes[i].len;
	}
	return 0;
}

void
prefix_edit_fini(struct prefix_edit *e)
{
	free(e->list);
	free(e->taken_from);
	e->list = NULL;
	e->taken_from = NULL;
}

/* Give a prefix back, if it was newly taken. */
static void
edit_undo(const struct prefix_edit *e, uint32_t i)
{
	struct control *c = e->peer->control;
	uint32_t nobody;
	char err[128];

	if (e->taken_from[i] == e->peer->id)
		return;
	if (e->taken_from[i] == PKT_NO_PEER)
		dp_peer_disallow(c->dp, e->peer->dp, &e->list[i]);
	else /* changes an entry that exists: cannot lack room */
		dp_peer_allow(c->dp, c->by_id[e->taken_from[i]]->dp, &e->list[i], &nobody, err,
			sizeof(err));
}

static void
edit_remove_old(const struct prefix_edit *e, uint32_t i)
{
	struct peer *peer = e->peer;
	const struct ip_prefix *old = &peer->allowed_ips[i];

	if (bsearch(old, e->list, e->n, sizeof(*e->list), compare_prefixes) == NULL)
		dp_peer_disallow(peer->control->dp, peer->dp, old);
}

static void
edit_finish(struct prefix_edit *e)
{
	struct peer *peer = e->peer;

	free(peer->allowed_ips);
	peer->allowed_ips = e->list;
	peer->n_allowed_ips = e->n;
	e->list = NULL;
	prefix_edit_fini(e);
}

enum edit_state
prefix_edit_run(struct prefix_edit *e, uint32_t *budget, char *err, size_t err_size)
{
	struct peer *peer = e->peer;

	for (; *budget > 0; (*budget)--) {
		switch (e->phase) {
		case EDIT_ADDS:
			if (e->at == e->n) {
				qsort(e->list, e->n, sizeof(*e->list), compare_prefixes);
				e->phase = EDIT_REMOVES;
				e->at = 0;
			} else if (dp_peer_allow(peer->control->dp, peer->dp, &e->list[e->at],
					   &e->taken_from[e->at], err, err_size) == 0) {
				e->at++;
			} else {
				e->phase = EDIT_UNDOES;
			}
			break;
		case EDIT_REMOVES:
			if (e->at == peer->n_allowed_ips) {
				edit_finish(e);
				return EDIT_DONE;
			}
			edit_remove_old(e, e->at++);
			break;
		case EDIT_UNDOES:
			if (e->at == 0) {
				prefix_edit_fini(e);
				return EDIT_REFUSED;
			}
			edit_undo(e, --e->at);
			break;
		}
	}
	return EDIT_MORE;
}

const char *
peer_label(const struct peer *peer)
{
	static char label[CONFIG_NAME_SIZE + PEER_LOG_NAME + 2];

	snprintf(label, sizeof(label), "%s: %s", peer->control->ifaces[peer->iface].name,
		peer->name);
	return label;
}
