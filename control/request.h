/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between the management thread (HTTP, userspace API, files) and the
 * control lcore (protocol, timers, publication). Management owns what peers
 * are configured to be (names, specs, the database on disk); control owns
 * what they are doing (sessions, endpoints, counters). Management asks by
 * posting a request and waiting for its answer; control never waits for
 * management.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/addr.h"
#include "dataplane/drop.h"

struct control;

/*
 * What control needs to know of a peer. PUT makes a peer be exactly this,
 * adding it if need be; a session survives unless its key material changed.
 */
enum change_op { CHANGE_PUT, CHANGE_DELETE };

struct peer_change {
	enum change_op op;
	uint8_t iface; /* index in the configuration */
	uint8_t public_key[32];
	/* below: for PUT */
	const char *name; /* for log lines; copied */
	bool has_preshared_key;
	uint8_t preshared_key[32];
	const struct ip_prefix *allowed_ips; /* network prefixes; alive until the answer */
	uint32_t n_allowed_ips;
	bool set_endpoint; /* false keeps what was learned */
	struct ip_endpoint endpoint; /* family IP_NONE clears */
	uint16_t persistent_keepalive; /* seconds, 0 is off */
	/* Of an earlier run of the gateway; control has nothing newer yet. */
	uint64_t last_handshake_ns; /* since the epoch; 0 leaves it alone */
	bool call_back; /* it had a session: see recovery.h */
};

/* A snapshot of one peer at run time. */
struct peer_info {
	uint8_t iface;
	uint8_t public_key[32];
	bool active; /* false for the interface's own key */
	struct ip_endpoint endpoint; /* family IP_NONE: unknown */
	uint64_t last_handshake_ns; /* since the epoch, 0 is never */
	uint64_t rx_bytes, tx_bytes; /* UDP payload, as wg counts */
	uint64_t rx_packets, tx_packets;
	bool has_session;
	bool initiator; /* the gateway's role in the current session */
	uint64_t session_age_ms;
	uint32_t local_index;
	uint64_t silent_ms; /* since its last authenticated packet; UINT64_MAX: there was none */
};

/*
 * Apply n changes in order, in slices between which control serves traffic.
 * Returns n when all were applied. Otherwise the index of the first one that
 * was refused, with the reason and the field's name; the ones before it are
 * applied (the caller undoes them with the opposite changes).
 * An allowed-IP that another peer of the interface has moves to this one; on
 * another interface it is refused. Blocks the calling thread. Management only.
 */
uint32_t control_apply(struct control *c, const struct peer_change *changes, uint32_t n,
	char *field, size_t field_size, char *err, size_t err_size);

/*
 * Fill info for n peers named by (iface, public_key), which the caller has set
 * in each; the rest stays zero for one that control does not know. Blocks.
 */
void control_peer_info(struct control *c, struct peer_info *info, uint32_t n);

/* What was dropped of one peer, by enum peer_drop. */
struct peer_drop_info {
	uint8_t iface;
	uint8_t public_key[32];
	uint64_t packets[PEER_DROP_COUNT];
};

/* As control_peer_info. Apart from it, for few want to know. */
void control_peer_drops(struct control *c, struct peer_drop_info *drops, uint32_t n);

/*
 * New private key of an interface: sessions and handshakes of all its peers
 * end; a peer with the matching public key becomes inactive, one that was
 * becomes active. Blocks.
 */
void control_set_private_key(struct control *c, uint8_t iface, const uint8_t private_key[32]);

/* Any thread: the gateway is shutting down, so whatever is asked for is refused. */
bool control_closed(struct control *c);

#endif
