/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A gateway of a worker or two with a WAN and a LAN port in memory, for wgdp-bench
 * path. The ports do what a driver's fast path does: receiving allocates a
 * fresh mbuf for each one that it hands over and fills in its fields; sending
 * frees. Everything else, sealing included, happens between the brackets.
 */
#ifndef APP_BENCH_GATEWAY_H
#define APP_BENCH_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/worker.h"

#define GATEWAY_REFILL 4096 /* packets, each in a buffer of its own */
#define GATEWAY_WORKERS_MAX 2

enum bench_way { WAY_DECAP, WAY_ENCAP, WAY_HAIRPIN, WAY_COUNT };

/* EAL with an lcore a worker, the main one first. Exit status; the reason is printed. */
int gateway_eal_init(bool hugepages, unsigned lcore, unsigned n_workers, unsigned memory_mb);

/* At least a peer a worker, whose session it owns. 0; or -1 with the reason in err. */
int gateway_create(uint32_t n_peers, unsigned n_workers, char *err, size_t err_size);
/* -1 when mbufs are missing. */
int gateway_destroy(void);
struct worker *gateway_worker(unsigned w);
/* Control would read them. */
void gateway_drain_events(void);

/*
 * Put GATEWAY_REFILL packets into worker w's queue of the port where this way
 * begins, of inner length size or, where size is 0, of the mix, each of another
 * of its peers than the one before. To be called on its lcore, in whose caches
 * the packets then are. 0, or -1 when mbufs are out.
 */
int gateway_refill(unsigned w, enum bench_way way, unsigned size);
/* Packets that the ports still hold for the worker. */
unsigned gateway_pending(unsigned w);
/*
 * From now on packets arrive one each so many TSC cycles, and find a ring of
 * 1024 descriptors or are lost; 0, as at first: all are there already.
 */
void gateway_arrivals(unsigned w, double cycles);
/* How many the port hands over at once. */
void gateway_set_burst(unsigned burst);
/* Inner bytes of the packets that the latest burst brought. */
uint64_t gateway_burst_bytes(unsigned w);

/* Keep what is sent, for gateway_check, instead of freeing it. */
void gateway_keep_sent(bool keep);
/* Whether exactly the packets of worker 0's last refill arrived, in order and whole. */
int gateway_check(enum bench_way way, char *err, size_t err_size);

#endif
