/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wgdp.yaml and the peer database. The first byte says which of the two an
 * input is; the other file is a good one. An error is one printable line; a peer
 * database that was read can be written, and is then read as the same.
 */
#include <ctype.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config.h"
#include "control/peer_db.h"
#include "crypto_accel/crypto_accel.h"
#include "tests/fuzz/fuzz.h"

static char dir[64], config_path[96], peers_path[96], again_path[96];

static const char good_peers[] = "peers:\n"
				 "  - name: alice\n"
				 "    public_key: BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\n"
				 "    allowed_ips: [10.8.0.2/32]\n";
static const char key[] = "QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEA=\n";

static void
put(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	FUZZ_ASSERT(f != NULL && fwrite(data, 1, len, f) == len && fclose(f) == 0);
}

static void
check_error(const char *err)
{
	size_t len = strnlen(err, CONFIG_ERROR_SIZE);

	FUZZ_ASSERT(len > 0 && len < CONFIG_ERROR_SIZE && strchr(err, ':') != NULL);
	for (size_t i = 0; i < len; i++)
		FUZZ_ASSERT(isprint((unsigned char)err[i]));
}

static void
check_same(const struct peer_db *a, const struct peer_db *b)
{
	FUZZ_ASSERT(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct peer_spec *x = &a->peers[i], *y = &b->peers[i];

		FUZZ_ASSERT(strcmp(x->name, y->name) == 0);
		FUZZ_ASSERT(memcmp(x->public_key, y->public_key, 32) == 0);
		FUZZ_ASSERT(x->has_preshared_key == y->has_preshared_key);
		FUZZ_ASSERT(memcmp(x->preshared_key, y->preshared_key, 32) == 0);
		FUZZ_ASSERT(ip_endpoint_equal(&x->endpoint, &y->endpoint));
		FUZZ_ASSERT(x->persistent_keepalive == y->persistent_keepalive);
		FUZZ_ASSERT(x->n == y->n);
		for (unsigned k = 0; k < x->n; k++)
			FUZZ_ASSERT(ip_prefix_equal(&x->allowed_ips[k], &y->allowed_ips[k]));
	}
}

static void
load_peers(void)
{
	struct peer_db db, again;
	char err[CONFIG_ERROR_SIZE] = "";

	if (peer_db_load(peers_path, &db, err, sizeof(err)) != 0) {
		check_error(err);
		FUZZ_ASSERT(db.n == 0);
		peer_db_free(&db);
		return;
	}
	FUZZ_ASSERT(peer_db_save(again_path, db.peers, db.n, err, sizeof(err)) == 0);
	FUZZ_ASSERT(peer_db_load(again_path, &again, err, sizeof(err)) == 0);
	check_same(&db, &again);
	peer_db_free(&again);
	peer_db_free(&db);
}

static void
load_config(void)
{
	struct config config;
	struct peer_db *dbs;
	char err[CONFIG_ERROR_SIZE] = "";

	if (config_load(config_path, &config, err, sizeof(err)) != 0) {
		check_error(err);
		FUZZ_ASSERT(config.n_interfaces == 0 && config.interfaces == NULL);
		config_free(&config);
		return;
	}
	FUZZ_ASSERT(config.n_interfaces > 0 && config.n_ports > 0);
	if (config_load_peers(&config, &dbs, err, sizeof(err)) == 0) {
		config_free_peers(&config, dbs);
	} else {
		check_error(err);
		FUZZ_ASSERT(dbs == NULL);
	}
	for (unsigned i = 0; i < config.n_warnings; i++)
		check_error(config.warnings[i]);
	config_free(&config);
}

static void
clean_up(void)
{
	static const char *const names[] = {"wgdp.yaml", "wg0.key", "wg0.peers.yaml", "again"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[96], err[128];

	(void)argc;
	(void)argv;
	FUZZ_ASSERT(crypto_init(err, sizeof(err)) == 0);
	snprintf(dir, sizeof(dir), "/dev/shm/wgdp-fuzz-XXXXXX");
	FUZZ_ASSERT(mkdtemp(dir) != NULL);
	atexit(clean_up);
	snprintf(config_path, sizeof(config_path), "%s/wgdp.yaml", dir);
	snprintf(peers_path, sizeof(peers_path), "%s/wg0.peers.yaml", dir);
	snprintf(again_path, sizeof(again_path), "%s/again", dir);
	snprintf(path, sizeof(path), "%s/wg0.key", dir);
	put(path, key, sizeof(key) - 1);
	chmod(path, 0600);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	fuzz_begin();
	if (data[0] & 1) {
		put(peers_path, data + 1, len - 1);
		load_peers();
	} else {
		put(config_path, data + 1, len - 1);
		put(peers_path, good_peers, sizeof(good_peers) - 1);
		load_config();
	}
	return 0;
}
