/* SPDX-License-Identifier: BSD-3-Clause */
/* Ordered start-up, and the same unwound in reverse. */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include "app/runtime_dir.h"
#include "app/sandbox.h"
#include "control/control.h"
#include "control/management.h"
#include "control/plan.h"
#include "control/telemetry.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/clock.h"
#include "dataplane/dataplane.h"
#include "dataplane/log.h"

#define EXIT_USAGE 2

struct options {
	const char *config;
	bool check;
};

struct gateway {
	struct config config;
	struct peer_db *dbs;
	struct dataplane_config plan;
	char **eal_argv; /* EAL keeps pointers into it */
	struct control *control;
	struct dataplane *dp;
	struct management *management;
	atomic_bool failed; /* written by the management thread before it stops the loop */
	char err[CONFIG_ERROR_SIZE];
};

/* ---- arguments ------------------------------------------------------------------------ */

static void
usage(FILE *out)
{
	fprintf(out, "usage: wgdp -c FILE [--check]\n"
		     "       wgdp --version | --help\n"
		     "\n"
		     "  -c, --config FILE   the configuration (wgdp.yaml)\n"
		     "      --check         validate it and the peer databases, start nothing\n"
		     "      --version       version, and the cryptography that this CPU runs\n"
		     "      --help          this text, and every configuration key\n");
}

static int
print_version(void)
{
	char err[256];

	if (crypto_init(err, sizeof(err)) != 0) {
		fprintf(stderr, "wgdp: %s\n", err);
		return EXIT_FAILURE;
	}
	printf("wgdp %s (aead %s, x25519 %s)\n", WGDP_VERSION, crypto_aead_name(),
		crypto_x25519_name());
	return EXIT_SUCCESS;
}

/* An exit status when there is nothing more to do, else -1. */
static int
parse_args(int argc, char **argv, struct options *out)
{
	enum { OPT_CHECK = 256, OPT_VERSION, OPT_HELP };
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPT_CHECK},
		{"version", no_argument, NULL, OPT_VERSION},
		{"help", no_argument, NULL, OPT_HELP},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		switch (opt) {
		case 'c':
			out->config = optarg;
			break;
		case OPT_CHECK:
			out->check = true;
			break;
		case OPT_VERSION:
			return print_version();
		case OPT_HELP:
			usage(stdout);
			printf("\nConfiguration keys:\n");
			config_print_help(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (out->config != NULL && optind == argc)
		return -1;
	if (optind < argc)
		fprintf(stderr, "wgdp: what is '%s'?\n", argv[optind]);
	else
		fprintf(stderr, "wgdp: no configuration is named: -c FILE\n");
	usage(stderr);
	return EXIT_USAGE;
}

/* ---- start-up ------------------------------------------------------------------------- */

static void
on_fatal(void *arg)
{
	struct gateway *g = arg;

	g->failed = true;
	control_stop(g->control);
}

static int
on_opened(void *arg, char *err, size_t err_size)
{
	return sandbox_enter(&((struct gateway *)arg)->config, err, err_size);
}

/*
 * EAL pins the main thread to the control lcore. The management thread, which
 * blocks on files, is to run where the process was allowed to before.
 */
static int
start_management(struct gateway *g, const cpu_set_t *everywhere)
{
	struct management_params params = {
		.config = &g->config,
		.dbs = g->dbs,
		.control = g->control,
		.dataplane = g->dp,
		.fatal = on_fatal,
		.opened = on_opened,
		.arg = g,
	};
	cpu_set_t pinned;

	pthread_getaffinity_np(pthread_self(), sizeof(pinned), &pinned);
	pthread_setaffinity_np(pthread_self(), sizeof(*everywhere), everywhere);
	g->management = management_start(&params, g->err, sizeof(g->err));
	pthread_setaffinity_np(pthread_self(), sizeof(pinned), &pinned);
	/* Management has all of it in its registry: a copy of all peers and their keys less. */
	config_free_peers(&g->config, g->dbs);
	g->dbs = NULL;
	return g->management != NULL ? 0 : -1;
}

static int
start_eal(struct gateway *g)
{
	int argc = 0;

	g->eal_argv = plan_eal_args(&g->config, &argc);
	if (g->eal_argv == NULL) {
		snprintf(g->err, sizeof(g->err), "out of memory");
		return -1;
	}
	runtime_dir_sweep();
	if (rte_eal_init(argc, g->eal_argv) >= 0) {
		/*
		 * EAL's own stream tells syslog as well, by a new connection for each line where
		 * there is none; under systemd that is the journal again.
		 */
		rte_openlog_stream(stderr);
		dp_clock_init();
		return 0;
	}
	snprintf(g->err, sizeof(g->err), "DPDK could not be initialised (%s)%s",
		rte_strerror(rte_errno),
		g->config.dataplane.hugepages
			? ": reserve hugepages or set dataplane.hugepages: false"
			: "");
	return -1;
}

static void
print_ready(const struct gateway *g)
{
	log_info("version %s, aead %s, x25519 %s", WGDP_VERSION, crypto_aead_name(),
		crypto_x25519_name());
	for (unsigned i = 0; i < g->config.n_interfaces; i++)
		log_info("%s: listening on UDP port %u", g->config.interfaces[i].name,
			g->config.interfaces[i].listen_port);
}

static int
run_workers(struct gateway *g, const cpu_set_t *everywhere)
{
	int rc = EXIT_FAILURE;

	if (dataplane_start(g->dp) != 0) {
		snprintf(g->err, sizeof(g->err), "the workers could not be launched");
		return EXIT_FAILURE;
	}
	telemetry_start(&g->config, g->dp);
	if (start_management(g, everywhere) == 0) {
		control_on_hangup(g->control, management_hangup, g->management);
		print_ready(g);
		control_run(g->control);
		/* Not later: what management fails at while it is stopped is no failure. */
		rc = g->failed ? EXIT_FAILURE : EXIT_SUCCESS;
		control_close(g->control);
		management_stop(g->management);
	}
	telemetry_stop();
	dataplane_stop(g->dp);
	return rc;
}

static int
run_dataplane(struct gateway *g, const cpu_set_t *everywhere)
{
	int rc = EXIT_FAILURE;
	unsigned missing;

	g->plan.wake_control = control_wake;
	g->plan.wake_arg = g->control;
	g->dp = dataplane_create(&g->plan, g->err, sizeof(g->err));
	if (g->dp == NULL)
		return EXIT_FAILURE;
	if (control_attach(g->control, g->dp, &g->plan, g->err, sizeof(g->err)) == 0)
		rc = run_workers(g, everywhere);
	control_detach(g->control);
	missing = dataplane_destroy(g->dp);
	if (missing == 0)
		return rc;
	snprintf(g->err, sizeof(g->err), "wgdp: %u packet buffers did not come back", missing);
	return EXIT_FAILURE;
}

/*
 * Nothing is left behind, also by who changes his mind during start-up: what
 * comes before control_run waits for it, and what comes after it is too late.
 * All threads inherit this.
 */
static void
hold_signals(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
}

static int
run_gateway(struct gateway *g)
{
	int rc = EXIT_FAILURE;
	cpu_set_t everywhere;

	if (g->config.hardening.core_dumps)
		sandbox_allow_dumps();
	hold_signals();
	sched_getaffinity(0, sizeof(everywhere), &everywhere);
	if (config_load_peers(&g->config, &g->dbs, g->err, sizeof(g->err)) != 0)
		return EXIT_FAILURE;
	for (unsigned i = 0; i < g->config.n_warnings; i++)
		fprintf(stderr, "wgdp: warning: %s\n", g->config.warnings[i]);
	if (crypto_init(g->err, sizeof(g->err)) == 0 &&
		plan_dataplane(&g->config, &g->plan, g->err, sizeof(g->err)) == 0) {
		if (start_eal(g) == 0) {
			g->control = control_create(&g->config, g->err, sizeof(g->err));
			if (g->control != NULL)
				rc = run_dataplane(g, &everywhere);
			control_destroy(g->control);
			rte_eal_cleanup();
			runtime_dir_remove();
		}
		free(g->eal_argv);
		plan_free(&g->plan);
	}
	config_free_peers(&g->config, g->dbs);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options options = {0};
	struct gateway g = {0};
	int rc = parse_args(argc, argv, &options);

	if (rc >= 0)
		return rc;
	sandbox_forbid_dumps();
	/* A client of the control socket that goes away is no reason to end. */
	signal(SIGPIPE, SIG_IGN);
	if (options.check)
		rc = config_check(options.config, stderr, g.err, sizeof(g.err)) == 0 ? EXIT_SUCCESS
										     : EXIT_FAILURE;
	else if (config_load(options.config, &g.config, g.err, sizeof(g.err)) == 0)
		rc = run_gateway(&g);
	else
		rc = EXIT_FAILURE;
	if (g.err[0] != '\0' && rc != EXIT_SUCCESS)
		fprintf(stderr, "%s\n", g.err);
	config_free(&g.config);
	return rc;
}
