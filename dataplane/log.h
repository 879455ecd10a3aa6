/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line for what an operator cares about. Called from control and the
 * management thread and during start-up; the packet path never logs.
 */
#ifndef DATAPLANE_LOG_H
#define DATAPLANE_LOG_H

#include <rte_log.h>

#define WGDP_LOGTYPE RTE_LOGTYPE_USER1

#define log_error(...) wgdp_log(RTE_LOG_ERR, __VA_ARGS__)
#define log_warn(...) wgdp_log(RTE_LOG_WARNING, __VA_ARGS__)
#define log_info(...) wgdp_log(RTE_LOG_INFO, __VA_ARGS__)
#define log_debug(...) wgdp_log(RTE_LOG_DEBUG, __VA_ARGS__)

#define wgdp_log(level, fmt, ...) rte_log(level, WGDP_LOGTYPE, "wgdp: " fmt "\n", ##__VA_ARGS__)

#endif
