/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of wgdp-bench path that have files of their own. */
#ifndef APP_BENCH_PATH_H
#define APP_BENCH_PATH_H

#include "app/bench.h"
#include "app/bench_gateway.h"

/* 0, or -1 when memory is out. */
int bench_scale_init(unsigned n_workers);
void bench_scale_fini(void);

/*
 * Fill in cycles, rates and scaling of r, whose size is set, from the
 * undisturbed of so many rounds (at most 256). 0, or -1 when mbufs are out.
 */
int bench_scale_case(struct bench_result *r, enum bench_way way, unsigned rounds);
/* Likewise of one worker, to which four times what it can take is offered. */
int bench_overload_case(struct bench_result *r, enum bench_way way, unsigned rounds);

#endif
