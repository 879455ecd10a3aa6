/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wgdp.yaml, the peer database and its journals. The first byte says which of
 * them an input is; the other files are good ones. An error is one line that a
 * terminal may see; a peer database that was read can be written, and is then
 * read as the same.
 */
#include <sys/stat.h>
#include <unistd.h>

#include <rte_common.h>

#include "control/config.h"
#include "control/journal.h"
#include "control/peer_db.h"
#include "control/peer_db_text.h"
#include "control/peer_delta.h"
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
	/* One line, and nothing that a terminal obeys: also not U+0080 to U+009F. */
	for (size_t i = 0; i < len; i++) {
		const uint8_t *at = (const uint8_t *)err + i;

		FUZZ_ASSERT(at[0] >= 0x20 && at[0] != 0x7f);
		FUZZ_ASSERT(at[0] != 0xc2 || at[1] < 0x80 || at[1] > 0x9f);
	}
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
check_writable(const struct peer_db *db)
{
	struct peer_db_text text = {0};
	char err[CONFIG_ERROR_SIZE] = "";
	struct peer_db again;
	struct file_id id;

	unlink(again_path);
	for (size_t i = 0; i < db->n; i++)
		peer_db_text_add(&text, &db->peers[i]);
	FUZZ_ASSERT(peer_db_text_save(&text, again_path, NULL, &id, err, sizeof(err)) == 0);
	peer_db_text_fini(&text);
	FUZZ_ASSERT(peer_db_load(again_path, &again, err, sizeof(err)) == 0);
	check_same(db, &again);
	peer_db_free(&again);
}

static void
load_peers(void)
{
	struct peer_db db;
	char err[CONFIG_ERROR_SIZE] = "";

	if (peer_db_load(peers_path, &db, err, sizeof(err)) != 0) {
		check_error(err);
		FUZZ_ASSERT(db.n == 0);
		peer_db_free(&db);
		return;
	}
	check_writable(&db);
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

static int
on_record(void *arg, const uint8_t *payload, size_t len, char *err, size_t err_size)
{
	return peer_delta_add(arg, payload, len, err, err_size);
}

/*
 * Laid over the good database. What a record means is not checked again: the
 * gateway wrote it, and a checksum covers it. So what comes of it can be
 * written, but not always read.
 */
static void
lay_over(struct peer_delta *delta)
{
	char err[CONFIG_ERROR_SIZE] = "";
	struct peer_db_text text = {0};
	struct peer_db db;
	size_t taken = 0;

	put(peers_path, good_peers, sizeof(good_peers) - 1);
	FUZZ_ASSERT(peer_db_load(peers_path, &db, err, sizeof(err)) == 0);
	if (peer_delta_apply(delta, &db, &taken, err, sizeof(err)) == 0) {
		for (size_t i = 0; i < db.n; i++)
			peer_db_text_add(&text, &db.peers[i]);
		peer_db_text_fini(&text);
	} else {
		check_error(err);
	}
	peer_db_free(&db);
}

/* Records alone, each behind its length, since no input would guess their checksums. */
static void
load_records(struct in *in)
{
	struct peer_delta delta = {NULL};
	char err[CONFIG_ERROR_SIZE] = "";
	int rc = 0;

	while (rc == 0 && in->left > 0) {
		size_t len = RTE_MIN((size_t)in_u16(in), in->left);
		uint8_t *record = malloc(len); /* so that its end is watched */

		FUZZ_ASSERT(record != NULL);
		in_bytes(in, record, len);
		rc = peer_delta_add(&delta, record, len, err, sizeof(err));
		free(record);
	}
	if (rc == 0)
		lay_over(&delta);
	peer_delta_fini(&delta);
}

static void
load_journal(const uint8_t *data, size_t len)
{
	struct peer_delta delta = {NULL};
	struct journal_read result;
	char err[CONFIG_ERROR_SIZE] = "";

	put(again_path, data, len);
	if (journal_read(again_path, on_record, &delta, &result, err, sizeof(err)) == 0)
		lay_over(&delta);
	else
		check_error(err);
	peer_delta_fini(&delta);
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
	switch (data[0] & 3) {
	case 0:
		put(config_path, data + 1, len - 1);
		put(peers_path, good_peers, sizeof(good_peers) - 1);
		load_config();
		break;
	case 1:
		put(peers_path, data + 1, len - 1);
		load_peers();
		break;
	case 2:
		load_records(&(struct in){data + 1, len - 1});
		break;
	case 3:
		load_journal(data + 1, len - 1);
		break;
	}
	return 0;
}
