/* SPDX-License-Identifier: BSD-3-Clause */
/* The clients as a server's configuration names them. */
#ifndef PKTGEN_PEERS_FILE_H
#define PKTGEN_PEERS_FILE_H

#include <stddef.h>

#include "tests/pktgen/client.h"

enum peers_format {
	PEERS_YAML, /* wgdp's peer database */
	PEERS_WG, /* sections for wg setconf and wg addconf */
};

/* path "-" is stdout. Returns 0; or -1 with the reason in err. */
int peers_file_write(const char *path, enum peers_format format, const struct client *clients,
	unsigned n, char *err, size_t err_size);

#endif
