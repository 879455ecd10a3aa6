/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets inside the tunnels: UDP or ICMP echo, with a mark that says of
 * which run and flow it is, its number and when it was sent, and a filling by
 * which damage shows. Pure.
 */
#ifndef PKTGEN_INNER_H
#define PKTGEN_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/addr.h"

/* Laid over the payload. Written and read by this host alone: its own byte order. */
struct mark {
	uint32_t run;
	uint32_t flow;
	uint32_t number_low;
	uint64_t stamp; /* ns of dp_clock, or the place in a list of what was sealed ahead */
} __attribute__((packed));

/* An IP header, 8 bytes of UDP or ICMP, and the mark. */
#define INNER_MIN_V4 (20 + 8 + sizeof(struct mark))
#define INNER_MIN_V6 (40 + 8 + sizeof(struct mark))
#define INNER_MAX 9000
#define INNER_UDP_PORT 9 /* discard */

struct inner {
	struct ip_addr from, to; /* of one family */
	bool icmp; /* echo, else UDP */
	bool reply; /* ICMP: an echo reply; found by inner_parse only */
	struct mark mark;
	uint16_t size; /* of the whole packet, at least the minimum */
};

enum inner_verdict {
	INNER_OK,
	INNER_FOREIGN, /* neither UDP to our port nor an echo: none of our packets */
	INNER_DAMAGED, /* a length, a checksum or the filling is wrong */
};

/* Writes p->size bytes. */
void inner_build(uint8_t *at, const struct inner *p);
/* len may exceed the packet by padding, which must be zero. */
enum inner_verdict inner_parse(const uint8_t *at, size_t len, struct inner *p);

#endif
