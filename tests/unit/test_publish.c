/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers come and go while no worker runs, as before a start and after a stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dataplane/clock.h"
#include "dataplane/publish.h"
#include "dataplane/worker.h"
#include "tests/unit/eal.h"

#define FEW 4
#define MANY 6000 /* more than a worker's mailbox holds */

static struct dataplane *
create(uint32_t max_peers)
{
	struct dataplane_config config = {
		.n_workers = 1,
		.worker_lcores = {1},
		.max_peers = max_peers,
		.max_prefixes = 64,
	};
	struct dataplane *dp;
	char err[256] = "";

	dp = dataplane_create(&config, err, sizeof(err));
	if (dp == NULL)
		fail_msg("%s", err);
	return dp;
}

/* At the end control removes all peers: nobody reads the mailboxes that it tells of it. */
static void
test_many_peers_go_after_the_workers_have_ended(void **state)
{
	struct dataplane *dp = create(MANY);
	static struct peer_dp *peers[MANY];
	uint64_t start = dp_now_ns();

	for (uint32_t i = 0; i < MANY; i++) {
		peers[i] = dp_peer_publish(dp, 0);
		assert_non_null(peers[i]);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		dp_drop_staged(dp, peers[i]);
		dp_flush_staged(dp, peers[i], true, 0);
		dp_peer_retire(dp, peers[i]);
	}
	assert_int_equal(dataplane_destroy(dp), 0);
	/* Each wait for a full mailbox takes a second, and there would be thousands. */
	assert_true(dp_now_ns() - start < 30 * NS_PER_SEC);
}

/* With max_peers in use, one is replaced by another at once. */
static void
test_id_of_a_peer_that_is_just_gone_serves_the_next(void **state)
{
	struct dataplane *dp = create(FEW);
	struct peer_dp *peers[FEW];
	uint32_t id, generation, id2, generation2;

	for (uint32_t i = 0; i < FEW; i++) {
		peers[i] = dp_peer_publish(dp, 0);
		assert_non_null(peers[i]);
	}
	assert_null(dp_peer_publish(dp, 0));
	dp_peer_identity(peers[2], &id, &generation);
	dp_peer_retire(dp, peers[2]);
	peers[2] = dp_peer_publish(dp, 0);
	assert_non_null(peers[2]);
	dp_peer_identity(peers[2], &id2, &generation2);
	assert_int_equal(id2, id);
	assert_int_not_equal(generation2, generation);
	assert_null(dp_peer_publish(dp, 0));
	for (uint32_t i = 0; i < FEW; i++)
		dp_peer_retire(dp, peers[i]);
	assert_int_equal(dataplane_destroy(dp), 0);
}

static int
setup(void **state)
{
	char err[256];

	if (eal_setup_mb("1024") != 0 || crypto_init(err, sizeof(err)) != 0)
		return -1;
	dp_clock_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_peers_go_after_the_workers_have_ended),
		cmocka_unit_test(test_id_of_a_peer_that_is_just_gone_serves_the_next),
	};

	return cmocka_run_group_tests(tests, setup, eal_teardown);
}
