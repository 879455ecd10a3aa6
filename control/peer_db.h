/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer database: one YAML file an interface, that a person can read and
 * edit, and that wgdp rewrites when peers change (peer_store.h). Reading only;
 * what is applied and when is others' business. No function keeps state, so any
 * thread may call them, one at a time for a path.
 *
 * Errors have the form of config.h's: "FILE:LINE: KEY: what was expected".
 */
#ifndef CONTROL_PEER_DB_H
#define CONTROL_PEER_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/durable.h"
#include "dataplane/addr.h"

#define PEER_NAME_SIZE 64 /* with the terminator */
#define PEER_ALLOWED_IPS_MAX 262144 /* of one peer */

struct peer_delta;

struct peer_spec {
	char name[PEER_NAME_SIZE];
	uint8_t public_key[32];
	bool has_preshared_key;
	uint8_t preshared_key[32]; /* zero when there is none */
	struct ip_prefix *allowed_ips; /* host bits cleared, no two the same */
	unsigned n; /* of allowed_ips */
	struct ip_endpoint endpoint; /* addr.family is IP_NONE when unset */
	uint16_t persistent_keepalive; /* seconds, 0 is off */
	bool transient; /* let in by a hook: never on disk, and removed when it falls silent */
	uint32_t line; /* where it stands in its file; 0 when not from one */
	uint32_t allowed_ips_line;
};

struct peer_db {
	char *path;
	struct peer_spec *peers; /* in the file's order */
	size_t n;
	struct file_id id; /* of the file; all zero when there was none */
	/* Of peer_store.h: what journals beside the file have changed, and the last one's number.
	 */
	struct peer_delta
		*delta; /* NULL when they were not read; of an edit: what others changed */
	uint64_t last_journal;
	bool says_all; /* of an edited file: nothing has to be kept that it lacks */
};

/*
 * Read and validate a whole file. Within it names, keys and allowed-IPs are
 * each unique. A file that does not exist is an empty database, if its
 * directory does. Returns 0; or -1 with the error in err, and *out is then
 * empty. Free with peer_db_free either way.
 */
int peer_db_load(const char *path, struct peer_db *out, char *err, size_t err_size);
/* Wipes the preshared keys. */
void peer_db_free(struct peer_db *db);

/*
 * No allowed-IP on two interfaces: dbs[i] is that of interfaces[i]. Returns 0;
 * or -1 and an error that names both peers and both interfaces.
 */
int peer_db_check_across(const struct peer_db *dbs, const char *const *interfaces, unsigned n,
	char *err, size_t err_size);

/* [A-Za-z0-9._-]{1,63}, not shaped like a key. */
bool peer_name_valid(const char *name);
/* ADDRESS:PORT or [ADDRESS]:PORT in numbers, to which a packet could be sent. */
bool peer_endpoint_parse(struct ip_endpoint *out, const char *text);
/*
 * The name of a peer that came without one: "peer-" and the first 8 hex digits
 * of its key. Two keys may share it: where it is taken, ask again with a
 * higher attempt, which is appended ("peer-0123abcd-2"); 1 is the first.
 */
void peer_name_generate(char name[PEER_NAME_SIZE], const uint8_t key[32], unsigned attempt);

#endif
