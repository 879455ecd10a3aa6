/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of wg-quick(8) as values. Pure: text in, values and problems out. */
#ifndef APP_WG_CONF_H
#define APP_WG_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/peer_db.h"

struct wg_conf {
	bool has_private_key;
	uint8_t private_key[32];
	uint16_t listen_port; /* 0 when there is none */
	uint16_t mtu; /* likewise */
	struct ip_prefix *addresses; /* with host bits */
	unsigned n_addresses;
	struct peer_spec *peers; /* named, by a comment at their section or else by their key */
	size_t n_peers;
};

/* What is wrong with a line, or what on it wgdp does otherwise; text says what to do. */
struct wg_conf_problem {
	unsigned line; /* from 1 */
	const char *key; /* what it is about; valid during the call only, as text is */
	const char *text;
	bool unsupported; /* well-formed, but nothing that wgdp has; else an error */
};
typedef void wg_conf_tell(void *arg, const struct wg_conf_problem *p);

/*
 * Parse a file's text, which is changed meanwhile and may hold secrets. Every
 * problem is told, so that all can be mended at once; *out has what remains. Free
 * with wg_conf_free in any case.
 */
void wg_conf_parse(char *text, struct wg_conf *out, wg_conf_tell *tell, void *arg);
/* Wipes keys. */
void wg_conf_free(struct wg_conf *c);

#endif
