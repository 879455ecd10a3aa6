/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it (paper, section
 * 5.4): pure functions over an identity, a peer and a message. No I/O, no
 * clock, no locks; everything here belongs to the control lcore.
 *
 * Macs are another layer (cookie.h): create_ leaves them zero, to be filled
 * by cookie_add_macs(); consume_ expects that cookie_check() has passed.
 *
 * A peer may be initiator and responder at once: its own pending initiation
 * stays in struct noise_peer, while a received one lives in a struct
 * noise_initiation of the caller until it is answered. (Linux has one state
 * for both, so that initiations that cross cancel each other until one side
 * retries after 5 s; here the first response that arrives settles it.)
 */
#ifndef CONTROL_NOISE_H
#define CONTROL_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/messages.h"

enum noise_verdict {
	NOISE_OK = 0,
	NOISE_NO_IDENTITY, /* the interface has no private key */
	NOISE_OWN_KEY, /* the peer's public key is our own */
	NOISE_LOW_ORDER, /* a key of low order: no shared secret comes out */
	NOISE_BAD_SEAL, /* something did not authenticate (also: another psk) */
	NOISE_WRONG_PEER, /* the peer given is not the one that the initiation names */
	NOISE_REPLAYED, /* timestamp not greater than the last accepted one */
	NOISE_TOO_SOON, /* less than 20 ms after the last accepted initiation */
	NOISE_NOT_REQUESTED, /* a response to nothing that is pending under that index */
};

/* A short lower-case phrase for logs, such as "replayed timestamp". */
const char *noise_verdict_name(enum noise_verdict v);

/* ck and h of the Noise specification's SymmetricState; k never outlives a function. */
struct noise_symmetric {
	uint8_t chaining_key[NOISE_HASH_LEN];
	uint8_t hash[NOISE_HASH_LEN];
};

/* One an interface. */
struct noise_identity {
	uint8_t static_private[NOISE_KEY_LEN];
	uint8_t static_public[NOISE_KEY_LEN];
	bool has_private;
	/* Raised by every change of key: whatever was computed under another is void. */
	uint32_t generation;
	struct noise_symmetric protocol; /* after construction and identifier */
	struct noise_symmetric responder; /* and after mixing our own public key */
};

/* Our own initiation that awaits its response. */
struct noise_handshake {
	bool pending;
	uint32_t generation; /* of the identity that it was made under */
	uint32_t local_index;
	uint8_t ephemeral_private[NOISE_KEY_LEN];
	struct noise_symmetric symmetric;
};

struct noise_peer {
	uint8_t remote_static[NOISE_KEY_LEN];
	uint8_t preshared_key[NOISE_KEY_LEN]; /* all zero when unset */
	/*
	 * DH(own static, remote static): computed on first use, so that adding
	 * peers costs no multiplication; valid for that generation of the
	 * identity only, 0 is never computed.
	 */
	uint8_t static_static[NOISE_KEY_LEN];
	uint32_t static_static_generation;
	bool static_static_usable; /* false: low order */

	uint8_t last_received[TAI64N_LEN]; /* timestamp of the last accepted initiation */
	uint8_t last_sent[TAI64N_LEN]; /* of our last initiation */
	uint64_t last_initiation_ns; /* when one was last accepted; 0 never */
	struct noise_handshake handshake;
};

/* A received initiation between its consumption and our response. Wiped by the latter. */
struct noise_initiation {
	struct noise_symmetric symmetric;
	uint8_t remote_static[NOISE_KEY_LEN];
	uint8_t remote_ephemeral[NOISE_KEY_LEN];
	uint32_t remote_index; /* the sender_index of the message */
};

/* Of a session, from our point of view. The caller wipes it. */
struct noise_keys {
	uint8_t send[NOISE_KEY_LEN];
	uint8_t receive[NOISE_KEY_LEN];
};

/* No private key yet. */
void noise_identity_init(struct noise_identity *id);
/*
 * private_key NULL removes the key. Otherwise it is clamped and the public key
 * derived. Voids all cached secrets and pending handshakes of the interface's
 * peers without touching them.
 */
void noise_identity_set(struct noise_identity *id, const uint8_t private_key[NOISE_KEY_LEN]);
void noise_identity_fini(struct noise_identity *id);

/* psk may be NULL. Any public key is accepted; see NOISE_LOW_ORDER and NOISE_OWN_KEY. */
void noise_peer_init(
	struct noise_peer *peer, const uint8_t remote_static[NOISE_KEY_LEN], const uint8_t *psk);
/* NULL unsets it. Handshakes that complete from now on use it. */
void noise_peer_set_psk(struct noise_peer *peer, const uint8_t *psk);
/* Forgets and wipes our own pending initiation. Call when keys are wiped. */
void noise_peer_clear_handshake(struct noise_peer *peer);
/* Wipes everything. */
void noise_peer_fini(struct noise_peer *peer);

/*
 * Initiator. wall_ns is wall time since the Unix epoch; the timestamp sent
 * is whitened to 2^24 ns and still strictly greater than the last one sent to
 * this peer, also after the wall clock was set back. On success the peer's
 * pending handshake is replaced; on any other verdict nothing changes.
 */
enum noise_verdict noise_create_initiation(const struct noise_identity *id, struct noise_peer *peer,
	uint32_t local_index, uint64_t wall_ns, struct message_initiation *out);

/*
 * Responder. Messages that wait together are worked on together, because
 * several multiplications at once cost little more than one; a batch of one is
 * as good. The caller fills in id and msg; each step sets verdict, skips jobs
 * whose verdict is not NOISE_OK, and wipes `in` of those that it refuses.
 */
#define NOISE_BATCH 64 /* jobs at the most */

struct noise_initiation_job {
	const struct noise_identity *id;
	const struct message_initiation *msg;
	enum noise_verdict verdict;
	struct noise_initiation in;
	struct noise_peer *peer; /* set by the caller between the steps */
	uint32_t local_index; /* likewise, before the response */
	struct message_response response;
	struct noise_keys keys; /* the caller wipes it */
};

/*
 * Step one: whose is it? Fills in and names the peer by in.remote_static.
 * Depends on no peer and changes nothing else.
 */
void noise_consume_initiations(struct noise_initiation_job *jobs, unsigned n);
/* Before step two: the static-static secrets of the peers that have none yet. */
void noise_prepare_peers(struct noise_initiation_job *jobs, unsigned n);
/*
 * Step two, with the peer of that key: proves that the sender holds the
 * static key, that the initiation is new (timestamp strictly greater) and not
 * too soon. now_ns is monotonic, above 0. Only when all has passed, the
 * peer's last timestamp and time are updated and in is ready to be answered;
 * else nothing changed but in, which is wiped.
 */
enum noise_verdict noise_accept_initiation(const struct noise_identity *id, struct noise_peer *peer,
	const struct message_initiation *msg, struct noise_initiation *in, uint64_t now_ns);
/* Answers in with response, yields the session's keys and wipes in whatever the verdict. */
void noise_create_responses(struct noise_initiation_job *jobs, unsigned n);

/* One of each. */
enum noise_verdict noise_consume_initiation(const struct noise_identity *id,
	const struct message_initiation *msg, struct noise_initiation *in);
enum noise_verdict noise_create_response(struct noise_peer *peer, struct noise_initiation *in,
	uint32_t local_index, struct message_response *out, struct noise_keys *keys);

/*
 * Initiator: peer is the one whose initiation has the response's
 * receiver_index. On success yields keys and the responder's index, and the
 * pending handshake is gone; on any other verdict it remains as it was. Two
 * responses to one initiation may be in one batch: the first good one counts.
 */
struct noise_response_job {
	const struct noise_identity *id;
	struct noise_peer *peer;
	const struct message_response *msg;
	enum noise_verdict verdict;
	struct noise_keys keys; /* the caller wipes it */
	uint32_t remote_index;
};
void noise_consume_responses(struct noise_response_job *jobs, unsigned n);
enum noise_verdict noise_consume_response(const struct noise_identity *id, struct noise_peer *peer,
	const struct message_response *msg, struct noise_keys *keys, uint32_t *remote_index);

#endif
