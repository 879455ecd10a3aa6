/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wgdp.yaml as plain values. Nothing here touches DPDK, and nothing is applied:
 * a struct config that config_load has filled is valid as a whole, or there is
 * none. Call from one thread; the result may be read from any.
 *
 * Every error is one line, "FILE:LINE: KEY: what was expected", without a
 * newline. LINE counts from 1; it is 0 when the file itself cannot be read.
 */
#ifndef CONTROL_CONFIG_H
#define CONTROL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "dataplane/addr.h"

#define CONFIG_NAME_SIZE 16 /* with the terminator, as IFNAMSIZ */
#define CONFIG_ERROR_SIZE 1024 /* enough for any error of this room's files */

enum config_idle {
	CONFIG_IDLE_ADAPTIVE = 0, /* workers nap when there is nothing to do */
	CONFIG_IDLE_POLL, /* workers never sleep */
};

struct config_dataplane {
	/*
	 * CPU numbers, each below the machine's count. With idle poll all are
	 * distinct; with idle adaptive one CPU may be named more than once, so
	 * they are CPUs to pin to, not lcore ids.
	 */
	unsigned control_lcore; /* default 0 */
	unsigned *worker_lcores; /* default [1]; [0] on a machine of one CPU */
	unsigned n_worker_lcores;
	bool hugepages; /* default true */
	uint32_t memory_mb; /* MiB; default 1024; at least config_memory_need_mb() */
	uint32_t max_peers; /* of all interfaces; 1 to 1000000, default 10000 */
	enum config_idle idle;
	char **eal_args; /* none of the options that wgdp sets itself; default none */
	unsigned n_eal_args;
};

/* As many ports, addresses, routes and interfaces as the limits of dataplane/ allow. */
struct config_port {
	char name[CONFIG_NAME_SIZE];
	char *device; /* PCI address or vdev with its arguments, as EAL takes it */
	uint16_t mtu; /* IP MTU; 576 (1280 with an IPv6 address) to 9216, default 1500 */
	struct ip_prefix *addresses; /* own address with the connected prefix's length; 1 or more */
	unsigned n_addresses;
};

struct config_route {
	struct ip_prefix to; /* no host bits; each destination once */
	struct ip_addr via; /* same family; on a connected prefix of the port, not own */
	unsigned port; /* index into ports of the one that reaches via */
};

struct config_interface {
	char name[CONFIG_NAME_SIZE];
	char *private_key_file; /* resolved path */
	uint8_t private_key[32];
	uint16_t listen_port; /* 1 to 65535, no two interfaces the same */
	struct ip_prefix *addresses; /* the gateway's own in the tunnel; may be none */
	unsigned n_addresses;
	uint16_t mtu; /* inner MTU; 576 (1280 with an IPv6 address) to 9000, default 1420 */
	bool hairpin; /* between its peers; default allow */
	char *peer_db; /* resolved path; its directory exists, the file need not */
	/* A socket that is asked about keys that no peer has, or NULL. */
	char *unknown_peer_hook;
	uint32_t unknown_peer_idle; /* seconds after which peers added so are removed */
};

/* When /metrics has series of each peer. */
enum config_metrics_peers {
	CONFIG_METRICS_PEERS_NEVER = 0,
	CONFIG_METRICS_PEERS_ASKED, /* with ?peers=true; the default */
	CONFIG_METRICS_PEERS_ALWAYS,
};

struct config_control {
	char *socket; /* resolved path, fits sun_path; default /run/wgdp/control.sock */
	mode_t mode; /* default 0660 */
	bool has_owner, has_group;
	uid_t owner; /* meaningful when has_owner; of both sockets */
	gid_t group; /* meaningful when has_group */
	/* A second socket on which nothing can be changed; NULL for none. */
	char *readonly_socket;
	mode_t readonly_mode; /* default 0660 */
	bool has_readonly_group;
	gid_t readonly_group;
	struct ip_endpoint metrics_listen; /* on the loopback; port 0: none */
	enum config_metrics_peers metrics_peers;
	char *uapi_dir; /* default /var/run/wireguard; DIR/NAME.sock fits sun_path */
};

/* docs/security.md says what each costs and what it is good for. */
struct config_hardening {
	bool drop_capabilities; /* when all is open; default true */
	bool seccomp; /* allow the system calls of a running gateway only; default true */
	bool core_dumps; /* with the keys in them; default false */
};

struct config {
	char *path; /* as given to config_load */
	struct config_dataplane dataplane;
	struct config_port *ports; /* 1 or more */
	unsigned n_ports;
	struct config_route *routes; /* 0 or more */
	unsigned n_routes;
	struct config_interface *interfaces; /* 1 or more */
	unsigned n_interfaces;
	struct config_control control;
	struct config_hardening hardening;
	/* What an operator should hear of though it is no error; in the errors' form. */
	char **warnings;
	unsigned n_warnings;
};

/*
 * Read and validate path and the private keys that it names. Relative paths in
 * it are relative to its own directory. Returns 0; or -1 with the error in err,
 * and *out is then empty. Free with config_free either way.
 */
int config_load(const char *path, struct config *out, char *err, size_t err_size);
/* Wipes the private keys; *c is empty afterwards. */
void config_free(struct config *c);

/*
 * What of a changed file takes a restart: the keys, as errors name them, joined by
 * ", " as far as they fit. The private keys are not looked at. Returns how many.
 */
unsigned config_fixed_changes(
	const struct config *running, const struct config *file, char *out, size_t out_size);

struct peer_db;

/*
 * Load the peer database of every interface and check them together: no
 * allowed-IP on two interfaces, at most max_peers in all. *dbs is an array of
 * c->n_interfaces in their order. Returns 0; or -1 with the error and *dbs NULL.
 */
int config_load_peers(const struct config *c, struct peer_db **dbs, char *err, size_t err_size);
void config_free_peers(const struct config *c, struct peer_db *dbs);

/*
 * What `wgdp --check` does: all of the above, and nothing kept. Without errors,
 * warnings go to `warnings`, one a line, unless it is NULL. Returns 0, or -1 with
 * the error.
 */
int config_check(const char *path, FILE *warnings, char *err, size_t err_size);

/* The least memory_mb for this many peers; the formula stands with the code. */
uint32_t config_memory_need_mb(uint32_t max_peers);

/* [A-Za-z0-9_=+.-]{1,15}, and neither "." nor "..": names of ports and interfaces. */
bool config_name_valid(const char *name);

/* Every key with its type, default and meaning, from the table that parses them. */
void config_print_help(FILE *out);

#endif
