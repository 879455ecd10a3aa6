/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The symmetric states (the Noise framework, section 5.2) of several handshakes
 * that take the same steps at once: sixteen hashes cost little more than one.
 * Pure, as noise.c is, whose part this is.
 */
#ifndef CONTROL_NOISE_STEP_H
#define CONTROL_NOISE_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/noise.h"

/* n is 0 at first; noise_step_end at the end, which wipes the keys. */
struct noise_step {
	unsigned n;
	uint8_t *chaining_key[NOISE_BATCH], *hash[NOISE_BATCH]; /* of the states */
	uint8_t *key[NOISE_BATCH]; /* where the latest key of each stands */
	uint8_t keys[NOISE_BATCH][NOISE_KEY_LEN];
};

#define NOISE_STEP_MAX (NOISE_KEY_LEN + NOISE_TAG_LEN) /* bytes that are mixed in at once */

/* Returns its place, which data and inputs below then follow. */
unsigned noise_step_add(struct noise_step *t, struct noise_symmetric *s);
void noise_step_end(struct noise_step *t);

/* len at most NOISE_STEP_MAX. */
void noise_step_mix_hashes(struct noise_step *t, const uint8_t *const *data, size_t len);
/* want false: only the chaining keys move on. */
void noise_step_mix_keys(struct noise_step *t, bool want, const uint8_t *const *inputs);
/* With a psk in the pattern, an ephemeral enters the chaining key too. */
void noise_step_mix_ephemerals(struct noise_step *t, const uint8_t *const *publics);
void noise_step_mix_psks(struct noise_step *t, const uint8_t *const *psks);
void noise_step_derive_keys(
	struct noise_step *t, uint8_t *const *initiators_send, uint8_t *const *responders_send);

#endif
