/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the process gives up: core dumps at once, capabilities and system calls
 * when everything is open. docs/security.md says what remains, and why.
 */
#ifndef APP_SANDBOX_H
#define APP_SANDBOX_H

#include <stddef.h>

#include "control/config.h"

/*
 * No core dump, and no other process of the same user may read this one's
 * memory. Before the first secret is read.
 */
void sandbox_forbid_dumps(void);
/* For who asks for it in the configuration: as it was before. */
void sandbox_allow_dumps(void);

/*
 * What config->hardening says, for all threads that there are and those to
 * come. Call when ports and sockets are open and the workers run. 0; or -1
 * with a line in err, and the process is then not to be trusted with more.
 */
int sandbox_enter(const struct config *config, char *err, size_t err_size);

#endif
