/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/publish.h"
#include "control/state.h"

static void
slot_retire(struct peer *peer, struct key_slot *slot)
{
	struct dataplane *dp = peer->control->dp;

	if (slot->session == NULL)
		return;
	dp_session_retire(dp, slot->session);
	dp_index_free(dp, slot->local_index);
	*slot = (struct key_slot){0};
}

static bool
slot_fill(struct peer *peer, struct key_slot *slot, const struct noise_keys *keys,
	uint32_t local_index, uint32_t remote_index, uint8_t worker, bool initiator)
{
	struct session_params params = {
		.send_key = keys->send,
		.recv_key = keys->receive,
		.local_index = local_index,
		.remote_index = remote_index,
		.initiator = initiator,
		.owner = worker,
	};

	*slot = (struct key_slot){
		.session = dp_session_publish(peer->control->dp, peer->dp, &params),
		.local_index = local_index,
		.born_ns = dp_now_ns(),
		.owner = worker,
		.initiator = initiator,
	};
	return slot->session != NULL;
}

/* Into slot `to`, whose old session goes. */
static void
slot_move(struct peer *peer, struct key_slot *to, struct key_slot *from)
{
	slot_retire(peer, to);
	*to = *from;
	*from = (struct key_slot){0};
}

bool
publish_initiator_session(struct peer *peer, const struct noise_keys *keys, uint32_t local_index,
	uint32_t remote_index, uint8_t worker)
{
	struct key_slot fresh;

	if (!slot_fill(peer, &fresh, keys, local_index, remote_index, worker, true))
		return false;
	/* Workers leave the old sessions before they are retired. */
	dp_peer_set_next(peer->dp, NULL);
	dp_peer_set_current(peer->dp, fresh.session);
	if (peer->next.session != NULL) {
		slot_move(peer, &peer->previous, &peer->next);
		slot_move(peer, &peer->current, &fresh);
	} else {
		slot_move(peer, &peer->previous, &peer->current);
		peer->current = fresh;
	}
	return true;
}

bool
publish_responder_session(struct peer *peer, const struct noise_keys *keys, uint32_t local_index,
	uint32_t remote_index, uint8_t worker)
{
	struct key_slot fresh;

	if (!slot_fill(peer, &fresh, keys, local_index, remote_index, worker, false))
		return false;
	dp_peer_set_next(peer->dp, fresh.session);
	slot_move(peer, &peer->next, &fresh);
	slot_retire(peer, &peer->previous);
	return true;
}

bool
publish_confirmed(struct peer *peer, uint32_t local_index)
{
	if (peer->next.session == NULL || peer->next.local_index != local_index)
		return false;
	dp_peer_set_current(peer->dp, peer->next.session);
	dp_peer_set_next(peer->dp, NULL);
	slot_move(peer, &peer->previous, &peer->current);
	peer->current = peer->next;
	peer->next = (struct key_slot){0};
	return true;
}

void
publish_retire_sessions(struct peer *peer)
{
	dp_peer_set_next(peer->dp, NULL);
	dp_peer_set_current(peer->dp, NULL);
	slot_retire(peer, &peer->next);
	slot_retire(peer, &peer->current);
	slot_retire(peer, &peer->previous);
}

bool
publish_session_usable(const struct peer *peer, uint64_t now_ns)
{
	return peer->current.session != NULL &&
	       now_ns - peer->current.born_ns < REJECT_AFTER_TIME_NS;
}
