/* SPDX-License-Identifier: BSD-3-Clause */
/* One table has all options: what parses them, and what --help says. */
#include "tests/pktgen/options.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/key.h"
#include "tests/pktgen/inner.h"

enum kind {
	FLAG,
	TEXT,
	NUMBER, /* unsigned, min to max */
	INTEGER, /* int, min to max */
	REAL, /* double, min to max; k, M and G may follow */
	ADDRESS,
	PREFIX,
	ENDPOINT,
	PUBLIC_KEY, /* and a bool behind it */
	MAC, /* and a bool behind it */
};

enum mode { PEERS = 1, RUN = 2 };

struct row {
	const char *name;
	char letter; /* 0: none */
	enum kind kind;
	unsigned modes;
	size_t offset;
	double min, max;
	const char *value, *help;
};

#define AT(field) offsetof(struct options, field)

static const struct row rows[] = {
	{"key-file", 'k', TEXT, PEERS | RUN, AT(key_file), 0, 0, "FILE",
		"all keys come from the one in it; it is made when it is missing"},
	{"clients", 'n', NUMBER, PEERS | RUN, AT(clients), 1, CLIENTS_MAX, "N", "clients to play"},
	{"inner", 0, ADDRESS, PEERS | RUN, AT(inner), 0, 0, "ADDR",
		"the first client's address in the tunnel; the others follow"},
	{"psk", 0, FLAG, PEERS | RUN, AT(psk), 0, 0, NULL, "each client has a preshared key"},
	{"yaml", 0, TEXT, PEERS, AT(yaml), 0, 0, "FILE",
		"write wgdp's peer database (- is stdout)"},
	{"wg", 0, TEXT, PEERS, AT(wg), 0, 0, "FILE", "write peers for wg addconf (- is stdout)"},

	{"port", 'p', TEXT, RUN, AT(wan.device), 0, 0, "DEVICE",
		"PCI address, or such as net_af_packet0,iface=eth0"},
	{"mtu", 0, NUMBER, RUN, AT(mtu), 576, 9000, "BYTES", "of the ports (1500)"},
	{"address", 'a', PREFIX, RUN, AT(wan.address), 0, 0, "ADDR/LEN", "of the port itself"},
	{"sources", 0, ADDRESS, RUN, AT(sources), 0, 0, "ADDR",
		"first source address of the clients (the one behind --address)"},
	{"source-count", 0, NUMBER, RUN, AT(n_sources), 1, CLIENTS_MAX, "K",
		"share so many addresses, with ports apart (one each)"},
	{"source-port", 0, NUMBER, RUN, AT(source_port), 1, 65535, "PORT", "the first (51820)"},
	{"server", 's', ENDPOINT, RUN, AT(server), 0, 0, "ADDR:PORT", "the server's endpoint"},
	{"server-key", 0, PUBLIC_KEY, RUN, AT(server_key), 0, 0, "KEY", "its public key"},
	{"next-hop", 0, ADDRESS, RUN, AT(wan.next_hop), 0, 0, "ADDR",
		"the way to the server (itself)"},
	{"server-mac", 0, MAC, RUN, AT(wan.next_hop_mac), 0, 0, "MAC", "do not ask for it"},
	{"lan-port", 0, TEXT, RUN, AT(lan.device), 0, 0, "DEVICE", "behind the server"},
	{"lan-address", 0, PREFIX, RUN, AT(lan.address), 0, 0, "ADDR/LEN",
		"where clients send to, and what sends to clients"},
	{"lan-next-hop", 0, ADDRESS, RUN, AT(lan.next_hop), 0, 0, "ADDR", "the server's there"},
	{"lan-mac", 0, MAC, RUN, AT(lan.next_hop_mac), 0, 0, "MAC", "do not ask for it"},

	{"handshake-rate", 0, REAL, RUN, AT(handshake_rate), 0, 1e9, "N",
		"initiations a second (0: without limit)"},
	{"handshake-window", 0, NUMBER, RUN, AT(handshake_window), 1, CLIENTS_MAX, "N",
		"unanswered at once (256)"},
	{"handshake-timeout", 0, REAL, RUN, AT(handshake_timeout), 0.1, 3600, "S",
		"give up those that are not done by then (30)"},
	{"retry-ms", 0, NUMBER, RUN, AT(retry_ms), 20, 60000, "MS",
		"until an initiation is repeated (5000)"},
	{"handshakes-ahead", 0, FLAG, RUN, AT(handshakes_ahead), 0, 0, NULL,
		"make all initiations before the first is sent"},
	{"rekey-rate", 0, REAL, RUN, AT(rekey_rate), 0, 1e9, "N",
		"new handshakes a second while data flows (0: as time demands)"},

	{"traffic", 't', TEXT, RUN, AT(traffic_text), 0, 0, "KIND",
		"hairpin, up, down, both, echo:ADDR or none (hairpin)"},
	{"icmp", 0, FLAG, RUN, AT(icmp), 0, 0, NULL, "send ICMP echo rather than UDP"},
	{"rate", 'r', REAL, RUN, AT(rate), 0, 1e9, "PPS",
		"packets a second, such as 20k or 1.5M (1k; 0: without limit)"},
	{"size", 0, TEXT, RUN, AT(size_text), 0, 0, "MIX",
		"inner IP length: 512, imix or 48:7,576:4,1424:1 (512)"},
	{"spread", 0, TEXT, RUN, AT(spread_text), 0, 0, "HOW",
		"which client is next: even, random or zipf:S (even)"},
	{"stay", 0, REAL, RUN, AT(stay), 0, 86400, "S",
		"then stay connected for so long, and only answer (0)"},
	{"duration", 'd', REAL, RUN, AT(duration), 0.05, 86400, "S",
		"of sending; each trial's (10)"},
	{"drain-ms", 0, NUMBER, RUN, AT(drain_ms), 0, 60000, "MS",
		"wait at most so long for the last packets (1000)"},
	{"ahead", 0, FLAG, RUN, AT(ahead), 0, 0, NULL, "seal all packets before sending the first"},
	{"ndr", 0, FLAG, RUN, AT(ndr), 0, 0, NULL,
		"search the highest rate without loss, up to --rate (RFC 2544)"},
	{"tolerance", 0, REAL, RUN, AT(tolerance), 0, 50, "%", "loss that --ndr lets pass (0)"},
	{"resolution", 0, REAL, RUN, AT(resolution), 0.1, 50, "%", "where --ndr ends (1)"},

	{"json", 'j', FLAG, RUN, AT(json), 0, 0, NULL, "the report for programs"},
	{"strict", 0, FLAG, RUN, AT(strict), 0, 0, NULL,
		"exit 1 also when anything was lost, doubled or damaged"},
	{"progress", 0, REAL, RUN, AT(progress), 0, 3600, "S",
		"a line on stderr every S seconds (1; 0: none)"},
	{"lcore", 'l', INTEGER, RUN, AT(lcore), 0, 1023, "CPU", "run there (anywhere)"},
	{"memory-mb", 'm', NUMBER, RUN, AT(memory_mb), 64, 1 << 20, "MB", "for packets"},
	{"hugepages", 0, FLAG, RUN, AT(hugepages), 0, 0, NULL, "take it from hugepages"},
	{"poll", 0, FLAG, RUN, AT(poll), 0, 0, NULL, "never sleep, not even with nothing to do"},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static int __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "wg-blast: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	return EXIT_USAGE;
}

static void
usage(FILE *out)
{
	char left[64];

	fprintf(out, "usage: wg-blast peers -k FILE -n N --inner ADDR [--psk] [--yaml FILE] "
		     "[--wg FILE]\n"
		     "       wg-blast run   -k FILE -n N --inner ADDR [--psk] -p DEVICE "
		     "-a ADDR/LEN -s ADDR:PORT --server-key KEY [...]\n"
		     "       wg-blast --version | --help\n\n");
	for (unsigned i = 0; i < N_ROWS; i++) {
		char letter[8] = "   ";

		if (i > 0 && rows[i].modes != rows[i - 1].modes)
			fprintf(out, "%s:\n", rows[i].modes == PEERS ? "peers" : "run");
		if (rows[i].letter != 0)
			snprintf(letter, sizeof(letter), "-%c,", rows[i].letter);
		snprintf(left, sizeof(left), "%s --%s %s", letter, rows[i].name,
			rows[i].value != NULL ? rows[i].value : "");
		fprintf(out, "  %-34s%s\n", left, rows[i].help);
	}
}

/* ---- values ------------------------------------------------------------------- */

static bool
parse_real(double *out, const char *s)
{
	char *end;
	double v;

	if (!isdigit((unsigned char)*s) && *s != '.')
		return false;
	v = strtod(s, &end);
	if (*end == 'k')
		v *= 1e3, end++;
	else if (*end == 'M')
		v *= 1e6, end++;
	else if (*end == 'G')
		v *= 1e9, end++;
	*out = v;
	return end != s && *end == '\0';
}

static int
set_number(const struct row *r, void *at, const char *s)
{
	double v;

	if (!parse_real(&v, s) || v < r->min || v > r->max ||
		(r->kind != REAL && v != (double)(long)v))
		return complain("--%s %s: a%s number from %.10g to %.10g", r->name, s,
			r->kind == REAL ? "" : " whole", r->min, r->max);
	if (r->kind == REAL)
		*(double *)at = v;
	else if (r->kind == NUMBER)
		*(unsigned *)at = (unsigned)v;
	else
		*(int *)at = (int)v;
	return -1;
}

static bool
set_mac(struct attachment *a, const char *s)
{
	a->has_mac = rte_ether_unformat_addr(s, &a->next_hop_mac) == 0;
	return a->has_mac;
}

static int
set(const struct row *r, struct options *o, const char *s)
{
	void *at = (char *)o + r->offset;

	switch (r->kind) {
	case FLAG:
		*(bool *)at = true;
		return -1;
	case TEXT:
		*(const char **)at = s;
		return -1;
	case NUMBER:
	case INTEGER:
	case REAL:
		return set_number(r, at, s);
	case ADDRESS:
		return ip_addr_parse(at, s) ? -1 : complain("--%s %s: an IP address", r->name, s);
	case PREFIX:
		return ip_prefix_parse(at, s) ? -1
					      : complain("--%s %s: an address and its prefix "
							 "length, such as 192.0.2.2/24",
							r->name, s);
	case ENDPOINT:
		return ip_endpoint_parse(at, s) ? -1
						: complain("--%s %s: an endpoint in numbers, such "
							   "as 192.0.2.1:51820",
							  r->name, s);
	case PUBLIC_KEY:
		o->has_server_key = key_parse(at, s);
		return o->has_server_key ? -1 : complain("--%s %s: a key in base64", r->name, s);
	case MAC:
		return set_mac(r->offset == AT(wan.next_hop_mac) ? &o->wan : &o->lan, s)
			       ? -1
			       : complain("--%s %s: a MAC address", r->name, s);
	}
	return EXIT_USAGE;
}

/* ---- arguments ------------------------------------------------------------------ */

static const struct row *
find_row(const char *arg)
{
	size_t len = strcspn(arg, "=");

	for (unsigned i = 0; i < N_ROWS; i++) {
		if (strncmp(arg, "--", 2) == 0 && strlen(rows[i].name) == len - 2 &&
			memcmp(arg + 2, rows[i].name, len - 2) == 0)
			return &rows[i];
		if (rows[i].letter != 0 && arg[0] == '-' && arg[1] == rows[i].letter &&
			arg[2] == '\0')
			return &rows[i];
	}
	return NULL;
}

static int
parse_arguments(struct options *o, int argc, char **argv)
{
	unsigned mode = o->run ? RUN : PEERS;

	for (int i = 2; i < argc; i++) {
		const struct row *r = find_row(argv[i]);
		const char *value = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
		int rc;

		if (r == NULL || (r->modes & mode) == 0)
			return complain(
				"%s: no such option of wg-blast %s; see --help", argv[i], argv[1]);
		if (r->kind == FLAG && value != NULL)
			return complain("--%s takes no value", r->name);
		if (r->kind != FLAG && value == NULL && ++i == argc)
			return complain("--%s: %s is missing", r->name, r->value);
		rc = set(r, o, value != NULL ? value + 1 : argv[i]);
		if (rc >= 0)
			return rc;
	}
	return -1;
}

static int
missing(const char *option)
{
	return complain("--%s is missing; see --help", option);
}

static int
check_traffic(struct options *o)
{
	static const char *const names[] = {
		[TRAFFIC_HAIRPIN] = "hairpin",
		[TRAFFIC_UP] = "up",
		[TRAFFIC_DOWN] = "down",
		[TRAFFIC_BOTH] = "both",
		[TRAFFIC_NONE] = "none",
	};
	const char *t = o->traffic_text;
	bool found = strncmp(t, "echo:", 5) == 0 && ip_addr_parse(&o->echo, t + 5);

	if (found) {
		o->traffic = TRAFFIC_ECHO;
		o->icmp = true;
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i] != NULL && strcmp(t, names[i]) == 0) {
			o->traffic = i;
			found = true;
		}
	}
	if (!found)
		return complain("--traffic %s: hairpin, up, down, both, echo:ADDR or none", t);
	if (o->traffic == TRAFFIC_HAIRPIN && o->clients < 2)
		return complain("--traffic hairpin wants at least 2 clients");
	if (o->traffic == TRAFFIC_ECHO && o->echo.family != o->inner.family)
		return complain("--traffic %s: --inner is of another family", t);
	if (o->traffic == TRAFFIC_NONE && o->ndr)
		return complain("--ndr without traffic");
	if (o->traffic < TRAFFIC_UP || o->traffic > TRAFFIC_BOTH)
		return -1;
	if (o->lan.device == NULL)
		return missing("lan-port");
	if (o->lan.address.addr.family == IP_NONE)
		return missing("lan-address");
	if (o->lan.next_hop.family == IP_NONE && !o->lan.has_mac)
		return missing("lan-next-hop");
	if (o->lan.next_hop.family != IP_NONE &&
		o->lan.next_hop.family != o->lan.address.addr.family)
		return complain("--lan-next-hop and --lan-address are of different families");
	if (o->lan.address.addr.family != o->inner.family)
		return complain("--inner and --lan-address are of different families");
	return -1;
}

static int
check_addresses(struct options *o)
{
	uint8_t family = o->server.addr.family;

	if (o->wan.device == NULL)
		return missing("port");
	if (family == IP_NONE)
		return missing("server");
	if (!o->has_server_key)
		return missing("server-key");
	if (o->wan.address.addr.family == IP_NONE)
		return missing("address");
	if (o->wan.next_hop.family == IP_NONE)
		o->wan.next_hop = o->server.addr;
	if (o->wan.address.addr.family != family || o->wan.next_hop.family != family ||
		(o->sources.family != IP_NONE && o->sources.family != family))
		return complain("--server, --address, --sources and --next-hop are of different "
				"families");
	if (!o->wan.has_mac && !ip_prefix_contains(&o->wan.address, &o->wan.next_hop))
		return complain("the next hop is not in the network of --address: give --next-hop "
				"or --server-mac");
	if (o->n_sources == 0 || o->n_sources > o->clients)
		o->n_sources = o->clients;
	if (o->source_port + (o->clients - 1) / o->n_sources > 65535)
		return complain("%u clients behind %u addresses want more ports than there are",
			o->clients, o->n_sources);
	return -1;
}

/* What depends on more than one option. */
static int
check_run(struct options *o)
{
	unsigned overhead = (o->server.addr.family == IP_V6 ? 40 : 20) + 8 + 32;
	unsigned min = o->inner.family == IP_V4 ? INNER_MIN_V4 : INNER_MIN_V6;
	char err[128];
	int rc = check_addresses(o);

	if (rc < 0)
		rc = check_traffic(o);
	if (rc >= 0)
		return rc;
	o->inner_mtu = o->mtu - overhead;
	if (size_mix_parse(&o->sizes, o->size_text, min, o->inner_mtu, err, sizeof(err)) != 0)
		return complain("--size %s: %s", o->size_text, err);
	if (spread_parse(&o->spread, o->spread_text, err, sizeof(err)) != 0)
		return complain("--spread %s: %s", o->spread_text, err);
	if (o->ndr && o->rate <= 0)
		return complain("--ndr wants the highest rate to try: --rate");
	if (o->ahead && o->rate <= 0)
		return complain("--ahead wants to know how many packets: --rate");
	/* Sessions must not expire between sealing and arrival. */
	if (o->ahead && o->duration > 30)
		return complain("--ahead: at most 30 s, for sessions expire");
	if (o->ahead && options_packets(o, o->rate) > 50000000)
		return complain(
			"--ahead: more than 50 million packets; lower --rate or --duration");
	return -1;
}

uint64_t
options_packets(const struct options *o, double rate)
{
	return (uint64_t)(rate * o->duration) + 1;
}

static void
defaults(struct options *o)
{
	*o = (struct options){
		.mtu = 1500,
		.source_port = DEFAULT_WG_PORT,
		.handshake_window = 256,
		.handshake_timeout = 30,
		.retry_ms = 5000,
		.traffic_text = "hairpin",
		.rate = 1000,
		.size_text = "512",
		.spread_text = "even",
		.duration = 10,
		.drain_ms = 1000,
		.resolution = 1,
		.progress = 1,
		.lcore = -1,
	};
}

int
options_parse(struct options *o, int argc, char **argv)
{
	int rc;

	defaults(o);
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("wg-blast %s\n", WGDP_VERSION);
		return EXIT_SUCCESS;
	}
	o->run = argc >= 2 && strcmp(argv[1], "run") == 0;
	if (!o->run && (argc < 2 || strcmp(argv[1], "peers") != 0)) {
		usage(stderr);
		return EXIT_USAGE;
	}
	rc = parse_arguments(o, argc, argv);
	if (rc >= 0)
		return rc;
	if (o->key_file == NULL)
		return missing("key-file");
	if (o->clients == 0)
		return missing("clients");
	if (o->inner.family == IP_NONE)
		return missing("inner");
	if (!o->run && o->yaml == NULL && o->wg == NULL)
		return complain("where to write the peers: --yaml or --wg");
	return o->run ? check_run(o) : -1;
}
