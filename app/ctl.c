/* SPDX-License-Identifier: BSD-3-Clause */
#include "app/ctl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/wgdp/control.sock"

const struct ctl_command_row ctl_commands[] = {
	{"add-peer",
		"IF NAME {--public-key KEY | --generate-key FILE}\n"
		"             --allowed-ips {auto | PREFIX}[,PREFIX...]\n"
		"             [--endpoint ADDRESS:PORT] [--preshared-key-file FILE]\n"
		"             [--persistent-keepalive SECONDS]",
		"add a peer; --generate-key makes its private key in a new FILE, auto is the next "
		"free address",
		ctl_add_peer, 2, 2,
		{{"public-key", true}, {"generate-key", true}, {"allowed-ips", true},
			{"endpoint", true}, {"preshared-key-file", true},
			{"persistent-keepalive", true}}},
	{"set-peer",
		"IF NAME [--allowed-ips PREFIX[,PREFIX...]] [--endpoint ADDRESS:PORT|none]\n"
		"             [--preshared-key-file FILE|none] [--persistent-keepalive "
		"SECONDS|off]\n"
		"             [--name NEW-NAME]",
		"change a peer; what is not named stays", ctl_set_peer, 2, 2,
		{{"allowed-ips", true}, {"endpoint", true}, {"preshared-key-file", true},
			{"persistent-keepalive", true}, {"name", true}}},
	{"del-peer", "IF NAME", "remove a peer", ctl_del_peer, 2, 2, {{0}}},
	{"show", "[IF [PEER]] [--watch]",
		"interfaces, an interface's peers, or one peer; --watch: again every second, with "
		"rates",
		ctl_show, 0, 2, {{"watch", false}}},
	{"client-config",
		"IF PEER --private-key-file FILE [--preshared-key-file FILE]\n"
		"             [--endpoint HOST:PORT] [--allowed-ips PREFIX[,PREFIX...]] "
		"[--dns ADDRESS[,...]]\n"
		"             [--persistent-keepalive SECONDS|off] [--qr]",
		"print the client's wg-quick file, or with --qr a code to scan", ctl_client_config,
		2, 2,
		{{"private-key-file", true}, {"preshared-key-file", true}, {"endpoint", true},
			{"allowed-ips", true}, {"dns", true}, {"persistent-keepalive", true},
			{"qr", false}}},
	{"import-conf", "FILE [--skip-unsupported] {[--output DIR] [--interface NAME] | --into IF}",
		"make wgdp's files of a wg-quick file, or add its peers to a running gateway's IF",
		ctl_import_conf, 1, 1,
		{{"skip-unsupported", false}, {"output", true}, {"interface", true},
			{"into", true}}},
	{"drops", "[IF PEER] [--all] [--watch]",
		"dropped packets by reason, or those of one peer; --all: zeros too; --watch: again "
		"every second",
		ctl_drops, 0, 2, {{"all", false}, {"watch", false}}},
	{"workers", "[--watch]", "what the workers' time goes into; --watch: every second",
		ctl_workers, 0, 0, {{"watch", false}}},
	{"events", "[--follow] [--after SEQ]",
		"what has happened to peers, and who changed what; --follow: and goes on",
		ctl_events, 0, 0, {{"follow", false}, {"after", true}}},
	{"reload", "[--dry-run]",
		"take over what was edited in wgdp.yaml and the peer databases; --dry-run: only "
		"say what",
		ctl_reload, 0, 0, {{"dry-run", false}}},
	{"genkey", "", "print a new private key", ctl_genkey, 0, 0, {{0}}},
	{"pubkey", "", "print the public key of the private key on standard input", ctl_pubkey, 0,
		0, {{0}}},
	{"genpsk", "", "print a new preshared key", ctl_genpsk, 0, 0, {{0}}},
	{"doctor", "[--config FILE]",
		"look for what keeps the gateway from running here, or from running well, and "
		"name the fix",
		ctl_doctor, 0, 0, {{"config", true}}},
	{"completion", "bash|zsh",
		"print what makes a shell complete: eval \"$(wgdp-ctl completion bash)\"",
		ctl_completion, 1, 1, {{0}}},
	{0},
};
#define N_COMMANDS (sizeof(ctl_commands) / sizeof(ctl_commands[0]) - 1)

static void
print_command(FILE *out, const struct ctl_command_row *row)
{
	fprintf(out, "  %s%s%s\n      %s\n", row->name, *row->usage ? " " : "", row->usage,
		row->help);
}

static void
print_usage(FILE *out)
{
	fprintf(out, "usage: wgdp-ctl [--json] [--socket PATH] COMMAND ...\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		print_command(out, &ctl_commands[i]);
	fprintf(out,
		"\nPEER and NAME are a peer's name, its public key, or a file that holds that "
		"key;\n"
		"or the beginning of its key, or, to show it, of its name, where no other has it.\n"
		"--socket PATH   of the gateway; else $WGDP_SOCKET, else " DEFAULT_SOCKET "\n"
		"--json          print JSON for programs\n"
		"Exit status: 0 done, 1 refused (the reason is on standard error), 2 usage.\n");
}

static int
unknown_command(const char *typed)
{
	const char *names[N_COMMANDS + 1] = {NULL}, *near;

	for (size_t i = 0; i < N_COMMANDS; i++)
		names[i] = ctl_commands[i].name;
	near = ctl_did_you_mean(typed, names);
	if (near != NULL)
		return ctl_usage("unknown command '%s'; did you mean '%s'?", typed, near);
	return ctl_usage("unknown command '%s'", typed);
}

/* ---- options ---------------------------------------------------------------------- */

enum { OPT_JSON = 256, OPT_SOCKET, OPT_HELP, OPT_VERSION, OPT_COMMAND };
static const struct option global_options[] = {
	{"json", no_argument, NULL, OPT_JSON},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
};
#define N_GLOBALS (sizeof(global_options) / sizeof(global_options[0]))

static int
unknown_option(const struct option *options, const char *typed)
{
	const char *names[N_GLOBALS + CTL_OPTIONS_MAX + 1] = {NULL}, *near;
	char word[64];

	for (unsigned i = 0; options[i].name != NULL; i++)
		names[i] = options[i].name;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(typed, "="), typed);
	near = ctl_did_you_mean(word + strspn(word, "-"), names);
	if (near != NULL)
		return ctl_usage("unknown option '%s'; did you mean '--%s'?", word, near);
	return ctl_usage("unknown option '%s'", word);
}

/*
 * Options of argv, the global ones and the command's; global ones may stand
 * anywhere. With no command yet, stop at the first word. Returns -1, or the
 * status to exit with.
 */
static int
parse_options(struct ctl *c, int argc, char **argv, const struct ctl_command_row *command)
{
	struct option options[N_GLOBALS + CTL_OPTIONS_MAX + 1] = {{0}};
	unsigned n = N_GLOBALS;
	int opt;

	memcpy(options, global_options, sizeof(global_options));
	for (unsigned i = 0; i < CTL_OPTIONS_MAX && c->options[i].name != NULL; i++, n++) {
		options[n].name = c->options[i].name;
		options[n].has_arg = c->options[i].takes_value;
		options[n].val = OPT_COMMAND + i;
	}
	opterr = 0;
	optind = 0; /* GNU: start anew */
	while ((opt = getopt_long(argc, argv, command != NULL ? ":h" : "+:h", options, NULL)) !=
		-1) {
		switch (opt) {
		case OPT_JSON:
			c->json = true;
			break;
		case OPT_SOCKET:
			c->socket = optarg;
			c->socket_named = true;
			break;
		case 'h':
		case OPT_HELP:
			if (command != NULL)
				print_command(stdout, command);
			else
				print_usage(stdout);
			return CTL_OK;
		case OPT_VERSION:
			printf("wgdp-ctl %s\n", WGDP_VERSION);
			return CTL_OK;
		case ':':
			return ctl_usage("option '%s' needs a value", argv[optind - 1]);
		case '?':
			return unknown_option(options, argv[optind - 1]);
		default:
			c->options[opt - OPT_COMMAND].value = optarg != NULL ? optarg : "";
		}
	}
	return -1;
}

static int
run(struct ctl *c, const struct ctl_command_row *command, int argc, char **argv)
{
	int status;

	memcpy(c->options, command->options, sizeof(c->options));
	status = parse_options(c, argc, argv, command);
	if (status >= 0)
		return status;
	c->n_args = argc - optind;
	if (c->n_args < command->min_args || c->n_args > command->max_args)
		return ctl_usage("usage: wgdp-ctl %s %s", command->name, command->usage);
	for (unsigned i = 0; i < c->n_args; i++) {
		c->args[i] = argv[optind + i];
		if (c->args[i][0] == '\0')
			return ctl_usage("empty names are not names");
	}
	return command->run(c);
}

int
main(int argc, char **argv)
{
	const char *socket = getenv("WGDP_SOCKET");
	struct ctl c = {.socket = socket != NULL && *socket ? socket : DEFAULT_SOCKET};
	int status, first;

	c.socket_named = socket != NULL && *socket != '\0';
	/* For completion(), and no command of its own: the words may be anything. */
	if (argc > 1 && strcmp(argv[1], "complete") == 0)
		return ctl_complete(&c, argc - 2, argv + 2);
	status = parse_options(&c, argc, argv, NULL);
	first = optind;
	if (status >= 0)
		return status;
	if (first >= argc) {
		print_usage(stderr);
		return CTL_USAGE;
	}
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(ctl_commands[i].name, argv[first]) != 0)
			continue;
		status = run(&c, &ctl_commands[i], argc - first, argv + first);
		if (fflush(stdout) != 0 && status == CTL_OK)
			status = ctl_refused("standard output: cannot write");
		return status;
	}
	return unknown_command(argv[first]);
}
