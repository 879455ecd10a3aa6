/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /wgdp/... on DPDK's telemetry socket, for those who watch all of their DPDK
 * programs by it. Counters only, which any thread may read.
 */
#ifndef CONTROL_TELEMETRY_H
#define CONTROL_TELEMETRY_H

struct config;
struct dataplane;

/* Main thread, both. After the end the commands answer with nothing: DPDK cannot take them back. */
void telemetry_start(const struct config *config, const struct dataplane *dp);
void telemetry_stop(void);

#endif
