/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What WireGuard puts on the wire, and its limits and timeouts: section 5.4
 * and section 6.1 of the paper. Structs are packed: they may be laid over a
 * packet at any address. All integers are little-endian.
 */
#ifndef DATAPLANE_MESSAGES_H
#define DATAPLANE_MESSAGES_H

#include <stdint.h>

#define NOISE_KEY_LEN 32 /* public, private and symmetric keys */
#define NOISE_HASH_LEN 32 /* BLAKE2s */
#define NOISE_TAG_LEN 16 /* Poly1305 */
#define TAI64N_LEN 12 /* 8 bytes of seconds, 4 of nanoseconds, both big-endian */
#define COOKIE_LEN 16 /* mac1, mac2 and the cookie itself */
#define COOKIE_NONCE_LEN 24 /* XChaCha20-Poly1305 */

/*
 * On the wire the type is one byte and three reserved zero bytes. Read as one
 * little-endian word, a message with other reserved bytes has no known type.
 */
enum message_type {
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE_REPLY = 3,
	MESSAGE_DATA = 4,
};

/* At the end of initiation and response. */
struct message_macs {
	uint8_t mac1[COOKIE_LEN];
	uint8_t mac2[COOKIE_LEN];
} __attribute__((packed));

struct message_initiation {
	uint32_t type_le;
	uint32_t sender_index_le;
	uint8_t ephemeral[NOISE_KEY_LEN];
	uint8_t encrypted_static[NOISE_KEY_LEN + NOISE_TAG_LEN];
	uint8_t encrypted_timestamp[TAI64N_LEN + NOISE_TAG_LEN];
	struct message_macs macs;
} __attribute__((packed));

struct message_response {
	uint32_t type_le;
	uint32_t sender_index_le;
	uint32_t receiver_index_le;
	uint8_t ephemeral[NOISE_KEY_LEN];
	uint8_t encrypted_nothing[NOISE_TAG_LEN];
	struct message_macs macs;
} __attribute__((packed));

struct message_cookie_reply {
	uint32_t type_le;
	uint32_t receiver_index_le;
	uint8_t nonce[COOKIE_NONCE_LEN];
	uint8_t encrypted_cookie[COOKIE_LEN + NOISE_TAG_LEN];
} __attribute__((packed));

/* The ciphertext follows, then the tag. */
struct message_data {
	uint32_t type_le;
	uint32_t receiver_index_le;
	uint64_t counter_le;
} __attribute__((packed));

_Static_assert(sizeof(struct message_initiation) == 148, "initiation on the wire");
_Static_assert(sizeof(struct message_response) == 92, "response on the wire");
_Static_assert(sizeof(struct message_cookie_reply) == 64, "cookie reply on the wire");
_Static_assert(sizeof(struct message_data) == 16, "data header on the wire");

/* A keepalive: header and tag around nothing. Anything shorter is no data message. */
#define MESSAGE_DATA_MIN_LEN (sizeof(struct message_data) + NOISE_TAG_LEN)
#define MESSAGE_PADDING 16 /* inner packets are padded to a multiple of it */
/* What a tunnel adds to an inner packet inside the outer UDP payload, without padding. */
#define MESSAGE_DATA_OVERHEAD (sizeof(struct message_data) + NOISE_TAG_LEN)

#define REKEY_AFTER_MESSAGES (1ULL << 60)
/* Counters from here on are neither sent nor accepted: 2^64 - 2^13 - 1. */
#define REJECT_AFTER_MESSAGES (UINT64_MAX - (1ULL << 13))

#define NS_PER_MS 1000000ULL
#define NS_PER_SEC 1000000000ULL

#define REKEY_AFTER_TIME_NS (120 * NS_PER_SEC)
#define REJECT_AFTER_TIME_NS (180 * NS_PER_SEC)
#define REKEY_TIMEOUT_NS (5 * NS_PER_SEC)
#define REKEY_JITTER_MAX_NS (333 * NS_PER_MS)
#define KEEPALIVE_TIMEOUT_NS (10 * NS_PER_SEC)
/* The initiator rekeys once when it receives on a session older than this: 165 s. */
#define REKEY_ON_RECEIVE_NS (REJECT_AFTER_TIME_NS - KEEPALIVE_TIMEOUT_NS - REKEY_TIMEOUT_NS)
#define REKEY_ATTEMPT_TIME_NS (90 * NS_PER_SEC)
#define REKEY_ATTEMPTS_MAX (REKEY_ATTEMPT_TIME_NS / REKEY_TIMEOUT_NS) /* 18 */
#define WIPE_KEYS_AFTER_NS (3 * REJECT_AFTER_TIME_NS) /* 540 s */
#define INITIATION_INTERVAL_MIN_NS (20 * NS_PER_MS) /* between accepted ones of a peer */
#define COOKIE_SECRET_MAX_AGE_NS (120 * NS_PER_SEC)
#define COOKIE_USE_MAX_AGE_NS (COOKIE_SECRET_MAX_AGE_NS - 5 * NS_PER_SEC)
#define UNDER_LOAD_STICKY_NS (1 * NS_PER_SEC)
#define STAGED_PACKETS_MAX 128 /* a peer */

#endif
