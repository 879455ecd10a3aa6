/* SPDX-License-Identifier: BSD-3-Clause */
/* POST /v1/reload. */
#include "control/api_internal.h"
#include "control/reload.h"

int
api_reload(struct api_call *call, json_t **body, struct refusal *why)
{
	return management_reload(call->m, call->dry_run, call->req->origin, body, why) == 0 ? 200
											    : -1;
}
