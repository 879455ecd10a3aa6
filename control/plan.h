/* SPDX-License-Identifier: BSD-3-Clause */
/* From what the operator wrote to what EAL and the packet path are started with. */
#ifndef CONTROL_PLAN_H
#define CONTROL_PLAN_H

#include "control/config.h"
#include "dataplane/dataplane.h"

/*
 * Arrays in out belong to the caller, who frees them with plan_free. EAL lcore
 * 0 is control and i + 1 is worker i. wake_* are left alone. 0; or -1 with a
 * reason (a limit of the packet path is exceeded, or out of memory).
 */
int plan_dataplane(
	const struct config *config, struct dataplane_config *out, char *err, size_t err_size);
void plan_free(struct dataplane_config *plan);

/* argv for rte_eal_init, terminated by NULL, in one block to be freed; NULL: out of memory. */
char **plan_eal_args(const struct config *config, int *argc);

#endif
