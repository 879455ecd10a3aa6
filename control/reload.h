/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Take over what was edited in files: the difference between wgdp.yaml, keys and
 * peer databases on one side and what runs on the other, peer by peer. All of it
 * or nothing. Management thread.
 */
#ifndef CONTROL_RELOAD_H
#define CONTROL_RELOAD_H

#include <stdbool.h>

#include <jansson.h>

#include "control/refusal.h"

struct management;
struct origin;

/*
 * Returns 0 and what was changed, or with dry_run would be, as docs/openapi.yaml
 * has it (a new reference); or -1 with the reason, and what runs is as before.
 */
int management_reload(struct management *m, bool dry_run, const struct origin *origin,
	json_t **report, struct refusal *why);

#endif
