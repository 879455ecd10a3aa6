/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the gateway counts in Prometheus' text format, a piece at a time: with
 * 100 000 peers it is tens of megabytes, and others want their turn between the
 * pieces. Management thread only.
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct management;
struct metrics;

/* peers: also a few series for each peer, by the names that WireGuard exporters use. */
struct metrics *metrics_open(struct management *m, bool peers);
/* The next bytes, at most max; 0 at the end. */
size_t metrics_read(struct metrics *x, char *buf, size_t max);
void metrics_close(struct metrics *x);

#endif
