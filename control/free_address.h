/* SPDX-License-Identifier: BSD-3-Clause */
/* The next address of a tunnel's network that no peer has. */
#ifndef CONTROL_FREE_ADDRESS_H
#define CONTROL_FREE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "control/management_state.h"

/*
 * The lowest address of the network that is in none of the taken prefixes, which
 * lie inside it; nor the network's first, nor in IPv4 its last, unless it has two
 * addresses at most. Sorts taken. False when there is none. Pure.
 */
bool free_address_find(
	const struct ip_prefix *network, struct ip_prefix *taken, size_t n, struct ip_addr *out);

/*
 * Replace each "auto" in allowed_ips of a PUT's body by an address of each network
 * of the interface. A peer that has one there already keeps it. Anything but a
 * list is left for others to refuse. Returns 0, or -1 with the reason. Management
 * thread only; takes some milliseconds with 100 000 peers.
 */
int free_address_fill(const struct management *m, unsigned iface, const char *id, json_t *body,
	struct refusal *why);

#endif
