/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. */
#ifndef PKTGEN_OPTIONS_H
#define PKTGEN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <rte_ether.h>

#include "dataplane/addr.h"
#include "tests/pktgen/size_mix.h"
#include "tests/pktgen/spread.h"

#define EXIT_USAGE 2
#define CLIENTS_MAX (1U << 20) /* their number stands in the lower bits of session indices */
#define DEFAULT_WG_PORT 51820

enum traffic_kind {
	TRAFFIC_HAIRPIN, /* from client to client */
	TRAFFIC_UP, /* from clients to the LAN port */
	TRAFFIC_DOWN, /* from the LAN port to clients */
	TRAFFIC_BOTH, /* up and down in turns */
	TRAFFIC_ECHO, /* ICMP echo to an address that answers */
	TRAFFIC_NONE, /* handshakes only */
};

/* Where a port is connected, and what stands there. */
struct attachment {
	const char *device;
	struct ip_prefix address;
	struct ip_addr next_hop;
	struct rte_ether_addr next_hop_mac;
	bool has_mac;
};

struct options {
	bool run; /* else only the peer files are written */
	/* the clients */
	const char *key_file;
	unsigned clients;
	struct ip_addr inner; /* of the first client */
	bool psk;
	/* peers */
	const char *yaml, *wg;
	/* run */
	struct attachment wan, lan;
	unsigned mtu;
	struct ip_addr sources; /* the first one */
	unsigned n_sources, source_port;
	struct ip_endpoint server;
	uint8_t server_key[32];
	bool has_server_key;
	double handshake_rate; /* a second, 0 without limit */
	unsigned handshake_window; /* in flight at once */
	double handshake_timeout; /* s, for all of them */
	unsigned retry_ms;
	bool handshakes_ahead;
	double rekey_rate;
	const char *traffic_text;
	enum traffic_kind traffic;
	struct ip_addr echo;
	bool icmp;
	double rate; /* packets a second, 0 without limit */
	const char *size_text;
	struct size_mix sizes;
	unsigned inner_mtu; /* what fits the port's MTU */
	const char *spread_text;
	struct spread spread;
	double stay; /* s, behind all else */
	double duration; /* s, of sending */
	unsigned drain_ms;
	bool ahead;
	bool ndr;
	double tolerance, resolution; /* percent */
	double progress; /* s between lines, 0 none */
	bool json, strict;
	int lcore; /* -1: whichever the system chooses */
	unsigned memory_mb; /* 0: as much as needed */
	bool hugepages, poll;
};

/* Returns -1 when the program is to go on, else its exit status; the reason has been told. */
int options_parse(struct options *o, int argc, char **argv);
/* How many packets a run at this rate consists of. */
uint64_t options_packets(const struct options *o, double rate);

#endif
