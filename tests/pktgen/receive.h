/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes in at a port. */
#ifndef PKTGEN_RECEIVE_H
#define PKTGEN_RECEIVE_H

#include "tests/pktgen/handshaker.h"
#include "tests/pktgen/traffic.h"

/* Take a burst at the clients' port; returns how many frames came. */
unsigned receive_wan(struct traffic *t, struct handshaker *h);
/* And one at the LAN port. */
unsigned receive_lan(struct traffic *t);

#endif
