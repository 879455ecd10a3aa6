/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/telemetry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>
#include <rte_version.h>

#include "control/config.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/dataplane.h"
#include "dataplane/log.h"

#if RTE_VERSION < RTE_VERSION_NUM(23, 3, 0, 0)
#define rte_tel_data_add_dict_uint rte_tel_data_add_dict_u64
#endif

/* Telemetry's threads read it while main may end: under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct config *config;
static const struct dataplane *dataplane; /* NULL: not running */

/* Workers write these with plain stores; each field is read once. */
static uint64_t
read_counter(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Each of these: 0, or -1 where the argument names nothing. Called under the lock. */

static int
tell_info(const char *params, struct rte_tel_data *d)
{
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "version", WGDP_VERSION);
	rte_tel_data_add_dict_string(d, "aead", crypto_aead_name());
	rte_tel_data_add_dict_string(d, "x25519", crypto_x25519_name());
	return 0;
}

/* Without an argument, of all interfaces and of none. */
static int
tell_drops(const char *params, struct rte_tel_data *d)
{
	int only = -1;

	for (unsigned i = 0; params != NULL && i < config->n_interfaces; i++)
		if (strcmp(params, config->interfaces[i].name) == 0)
			only = (int)i;
	if (params != NULL && only < 0)
		return -1;
	rte_tel_data_start_dict(d);
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++) {
		uint64_t sum = 0;

		if (only >= 0)
			sum = dataplane_drops(dataplane, r, only);
		for (unsigned i = 0; only < 0 && i < config->n_interfaces; i++)
			sum += dataplane_drops(dataplane, r, i);
		if (only < 0)
			sum += dataplane_drops(dataplane, r, IFACE_NONE);
		rte_tel_data_add_dict_uint(d, drop_reason_name[r], sum);
	}
	return 0;
}

static void
tell_worker(const struct worker_stats *s, struct rte_tel_data *d)
{
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_uint(d, "busy_cycles", read_counter(&s->busy_cycles));
	rte_tel_data_add_dict_uint(d, "idle_cycles", read_counter(&s->idle_cycles));
	rte_tel_data_add_dict_uint(d, "rx_packets", read_counter(&s->rx_packets));
	rte_tel_data_add_dict_uint(d, "tx_packets", read_counter(&s->tx_packets));
	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		char name[RTE_TEL_MAX_STRING_LEN];

		snprintf(name, sizeof(name), "%s_cycles", stage_name[i]);
		rte_tel_data_add_dict_uint(d, name, read_counter(&s->stage_cycles[i]));
		snprintf(name, sizeof(name), "%s_packets", stage_name[i]);
		rte_tel_data_add_dict_uint(d, name, read_counter(&s->stage_packets[i]));
	}
}

/* Without an argument, which lcores there are. */
static int
tell_workers(const char *params, struct rte_tel_data *d)
{
	unsigned n = dataplane_n_workers(dataplane);
	char *end;
	unsigned long lcore;

	if (params == NULL) {
		rte_tel_data_start_array(d, RTE_TEL_INT_VAL);
		for (unsigned w = 0; w < n; w++)
			rte_tel_data_add_array_int(d, (int)dataplane_worker_lcore(dataplane, w));
		return 0;
	}
	lcore = strtoul(params, &end, 10);
	for (unsigned w = 0; *end == '\0' && w < n; w++)
		if (dataplane_worker_lcore(dataplane, w) == lcore) {
			tell_worker(dataplane_worker_stats(dataplane, w), d);
			return 0;
		}
	return -1;
}

static const struct command {
	const char *name, *help;
	int (*tell)(const char *params, struct rte_tel_data *d);
} commands[] = {
	{"/wgdp/info", "Version and cryptography. No parameters", tell_info},
	{"/wgdp/drops", "Dropped packets by reason. Parameter: an interface; else all", tell_drops},
	{"/wgdp/workers", "A worker's counters. Parameter: its lcore; else a list of them",
		tell_workers},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int
on_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	int rc = -1;

	if (params != NULL && *params == '\0')
		params = NULL;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; dataplane != NULL && i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, cmd) == 0)
			rc = commands[i].tell(params, d);
	pthread_mutex_unlock(&lock);
	return rc;
}

void
telemetry_start(const struct config *c, const struct dataplane *dp)
{
	pthread_mutex_lock(&lock);
	config = c;
	dataplane = dp;
	pthread_mutex_unlock(&lock);
	/* A second start in the same process finds them there: not an error. */
	for (unsigned i = 0; i < N_COMMANDS; i++)
		if (rte_telemetry_register_cmd(commands[i].name, on_command, commands[i].help) != 0)
			log_debug("telemetry: %s cannot be registered", commands[i].name);
}

void
telemetry_stop(void)
{
	pthread_mutex_lock(&lock);
	dataplane = NULL;
	pthread_mutex_unlock(&lock);
}
