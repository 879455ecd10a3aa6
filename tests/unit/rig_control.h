/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rig.h's gateway with the real control above it, and clients made of noise.h
 * and cookie.h themselves: handshakes from the frame to the answer.
 */
#ifndef TESTS_UNIT_RIG_CONTROL_H
#define TESTS_UNIT_RIG_CONTROL_H

#include "control/request.h"
#include "control/state.h"
#include "tests/unit/rig.h"

#define RIG_GATEWAY "192.0.2.1:51820" /* wg0 */

extern struct control *rig_control;
extern uint8_t rig_gateway_private[NOISE_KEY_LEN]; /* of wg0 */

/* Of wg0. */
struct rig_client {
	struct noise_identity id;
	struct noise_peer gateway; /* as the client knows it */
	struct cookie_peer macs; /* of what it sends */
	struct peer *peer; /* as control knows it */
	struct rig_peer wire; /* to seal and open with the session that came of it */
	const char *from;
};

/* What management's thread asks for while control serves it here. */
struct rig_asked {
	struct peer_change change;
	const uint8_t *private_key; /* or NULL: the change */
	uint32_t done;
	atomic_bool answered;
};

/* ---- life: cmocka's setup and teardown ---------------------------------------- */

int rig_control_setup(void **state);
int rig_control_teardown(void **state);
#define RIG_CONTROL_TEST(f) \
	cmocka_unit_test_setup_teardown(f, rig_control_setup, rig_control_teardown)

/* Control and the worker, until nothing moves any more. */
void rig_run(void);

/* ---- what management would ask for ---------------------------------------------- */

void rig_serve(struct rig_asked *a);
void rig_apply(const struct peer_change *change);
/* A peer of wg0; endpoint NULL keeps the one there is. */
void rig_put(const uint8_t public_key[32], const char *allowed, const char *endpoint);

/* ---- clients ------------------------------------------------------------------------ */

/* A client at an address that the gateway knows, or does not. */
void rig_client_init(struct rig_client *c, const char *allowed, const char *from, bool known);
uint64_t rig_wall_ns(void);
/* A message with outer headers, to wan0. */
void rig_send_from(const char *from, const char *to, const void *message, uint16_t len);
/* Not sent yet. The pause that the gateway demands between two is taken as over. */
struct message_initiation rig_client_initiation(struct rig_client *c);
/* An initiation with a good mac1 and nothing else in it that is. */
struct message_initiation rig_junk_initiation(void);
/* The gateway demands cookies from now on. */
void rig_under_load(void);
/* The next message that left by wan0 is of that type and goes to that endpoint. */
void rig_expect_message(enum message_type type, const char *to, void *out, uint16_t len);
/* Keys and indices of a session, the client's way round, into its wire. */
void rig_client_take_session(struct rig_client *c, const struct noise_keys *keys,
	uint32_t gateway_index, uint32_t client_index);
/* The response to the initiation has left. */
void rig_client_finish(struct rig_client *c);
/* A session that the client started, and that its first packet has confirmed. */
void rig_client_connect(struct rig_client *c);

#endif
