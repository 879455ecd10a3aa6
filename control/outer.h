/* SPDX-License-Identifier: BSD-3-Clause */
/* Handshake messages in UDP and IP, handed to a worker. Control lcore. */
#ifndef CONTROL_OUTER_H
#define CONTROL_OUTER_H

#include <stdbool.h>

#include "dataplane/dataplane.h"

/* Both addresses are of the same family. False, and counted, when it could not be queued. */
bool outer_send(struct dataplane *dp, unsigned worker, uint8_t iface,
	const struct ip_endpoint *from, const struct ip_endpoint *to, const void *message,
	uint16_t len);

/* Source and destination of a punted handshake message, from the headers before its data. */
void outer_parse(struct rte_mbuf *m, struct ip_endpoint *from, struct ip_endpoint *to);

#endif
