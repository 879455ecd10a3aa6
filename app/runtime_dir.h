/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EAL leaves files and a telemetry socket in a directory of each process
 * (/var/run/dpdk/<file prefix>) and never removes them.
 */
#ifndef APP_RUNTIME_DIR_H
#define APP_RUNTIME_DIR_H

/* Before rte_eal_init: remove what gateways that were killed have left. */
void runtime_dir_sweep(void);
/* After rte_eal_cleanup: remove our own. */
void runtime_dir_remove(void);

#endif
