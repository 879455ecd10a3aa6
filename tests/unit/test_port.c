/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/port.h"
#include "tests/unit/eal.h"

static struct rte_mempool *pool;
static char err[256];

static int
setup(void **state)
{
	if (eal_setup(state) != 0)
		return -1;
	pool = rte_pktmbuf_pool_create("test", 8191, 64, 64, port_mbuf_room(1500), SOCKET_ID_ANY);
	return pool == NULL ? -1 : 0;
}

static struct port_config
config(const char *name, const char *device, uint16_t mtu)
{
	struct port_config c = {.mtu = mtu};

	snprintf(c.name, sizeof(c.name), "%s", name);
	snprintf(c.device, sizeof(c.device), "%s", device);
	return c;
}

static void
add_address(struct port_config *c, const char *s)
{
	assert_true(ip_prefix_parse(&c->addresses[c->n_addresses++], s));
}

static void
test_loopback_carries_a_full_frame(void **state)
{
	struct port_config c = config("a", "net_ring_t0", 1500);
	struct ports ports;
	struct rte_mbuf *m, *got[4];
	unsigned before;

	before = rte_mempool_avail_count(pool);
	assert_int_equal(ports_open(&ports, &c, 1, 1, pool, err, sizeof(err)), 0);
	assert_int_equal(ports.n, 1);
	assert_int_equal(ports.port[0].mtu, 1500);
	assert_string_equal(ports.port[0].name, "a");
	assert_false(rte_is_zero_ether_addr(&ports.port[0].mac));
	assert_true(atomic_load(&ports.port[0].link_up));
	m = rte_pktmbuf_alloc(pool);
	assert_non_null(m);
	assert_non_null(rte_pktmbuf_append(m, 1514));
	assert_int_equal(rte_eth_tx_burst(ports.port[0].dpdk_id, 0, &m, 1), 1);
	assert_int_equal(rte_eth_rx_burst(ports.port[0].dpdk_id, 0, got, 4), 1);
	assert_int_equal(rte_pktmbuf_pkt_len(got[0]), 1514);
	assert_int_equal(got[0]->nb_segs, 1);
	rte_pktmbuf_free(got[0]);
	ports_poll_links(&ports);
	ports_close(&ports);
	assert_int_equal(rte_mempool_avail_count(pool), before);
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

/* More workers than queues, as many, and fewer: every queue has one worker, every worker a way out.
 */
static void
test_queues_spread(void **state)
{
	static const uint32_t pcap[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
	char file[] = "/tmp/wgdp-test-XXXXXX", single[128], other[128];
	int fd = mkstemp(file);
	const struct {
		const char *device;
		unsigned workers, queues;
	} rows[] = {
		{"net_null_t1", 1, 1},
		{"net_null_t1", 3, 3},
		{single, 1, 1},
		{single, 4, 1},
	};

	/* An empty capture file makes a port that has a single queue, whatever one asks for. */
	assert_int_equal(write(fd, pcap, sizeof(pcap)), sizeof(pcap));
	close(fd);
	snprintf(single, sizeof(single), "net_pcap_t1,rx_pcap=%s,tx_pcap=/dev/null", file);
	snprintf(other, sizeof(other), "net_pcap_t2,rx_pcap=%s,tx_pcap=/dev/null", file);
	for (unsigned r = 0; r < RTE_DIM(rows); r++) {
		struct port_config c[2] = {
			config("a", rows[r].device, 1500), config("b", other, 1500)};
		struct ports ports;

		assert_int_equal(
			ports_open(&ports, c, 2, rows[r].workers, pool, err, sizeof(err)), 0);
		for (unsigned i = 0; i < 2; i++) {
			const struct port *p = &ports.port[i];
			unsigned seen[WORKER_MAX] = {0}, with_txq = 0;

			assert_int_equal(p->id, i);
			assert_int_equal(p->n_rxq, i == 0 ? rows[r].queues : 1);
			assert_int_equal(p->n_txq, i == 0 ? rows[r].queues : 1);
			for (unsigned q = 0; q < p->n_rxq; q++) {
				assert_in_range(p->rxq_worker[q], 0, rows[r].workers - 1);
				assert_int_equal(seen[p->rxq_worker[q]]++, 0);
			}
			memset(seen, 0, sizeof(seen));
			for (unsigned w = 0; w < rows[r].workers; w++) {
				if (p->worker_txq[w] == PORT_NO_QUEUE)
					continue;
				assert_in_range(p->worker_txq[w], 0, p->n_txq - 1);
				assert_int_equal(seen[p->worker_txq[w]]++, 0);
				with_txq++;
			}
			assert_int_equal(with_txq, p->n_txq);
			assert_in_range(p->tx_worker, 0, rows[r].workers - 1);
			assert_int_not_equal(p->worker_txq[p->tx_worker], PORT_NO_QUEUE);
		}
		/* Ports of a single queue are not all on one worker. */
		if (rows[r].workers > 1)
			assert_int_not_equal(
				ports.port[0].rxq_worker[0], ports.port[1].rxq_worker[0]);
		ports_close(&ports);
	}
	unlink(file);
}

static void
expect_refused(const struct port_config *c, unsigned n, const char *a, const char *b)
{
	struct ports ports;

	err[0] = '\0';
	assert_int_equal(ports_open(&ports, c, n, 1, pool, err, sizeof(err)), -1);
	if (strstr(err, a) == NULL || strstr(err, b) == NULL)
		fail_msg("error was: %s", err);
	assert_null(strchr(err, '\n'));
	assert_int_equal(ports.n, 0);
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

static void
test_failures_say_device_and_reason(void **state)
{
	struct port_config c[2];

	c[0] = config("wan0", "net_nonesuch0,a=b", 1500);
	expect_refused(c, 1, "port wan0 (net_nonesuch0,a=b): ", "cannot open");
	c[0] = config("wan0", "", 1500);
	expect_refused(c, 1, "port wan0 (): ", "not the name of a device");
	c[0] = config("wan0", "net_af_packet0", 1500);
	expect_refused(c, 1, "port wan0 (net_af_packet0): ", "iface= is missing");
	c[0] = config("wan0", "net_af_packet0,iface=no-such-if", 1500);
	expect_refused(c, 1, "no network interface no-such-if", "wan0");
	c[0] = config("wan0", "net_ring_t3", 9000);
	expect_refused(c, 1, "port wan0 (net_ring_t3): ", "MTU 9000");
	/* What was opened before the failure is undone. */
	c[0] = config("wan0", "net_ring_t3", 1500);
	c[1] = config("lan0", "net_ring_t3", 1500);
	expect_refused(c, 2, "port lan0 (net_ring_t3): ", "port wan0 has the same device");
	c[1] = config("lan0", "net_nonesuch0", 1500);
	expect_refused(c, 2, "port lan0 (net_nonesuch0): ", "cannot open");
}

static void
test_addresses(void **state)
{
	struct port_config c = config("a", "net_ring_t4", 1500);
	struct ports ports;
	const struct port *p = &ports.port[0];
	const struct ip_addr *src;
	static const struct {
		const char *to, *from;
	} rows[] = {
		{"10.9.9.9", "10.0.0.1"},
		{"192.0.2.77", "192.0.2.1"},
		{"203.0.113.1", "10.0.0.1"},
		{"2001:db8:1::9", "2001:db8:1::1"},
		{"2001:db8::9", "2001:db8::1"},
		{"2001:4860::1", "2001:db8::1"},
	};
	char buf[IP_ADDR_STRLEN];

	add_address(&c, "10.0.0.1/24");
	add_address(&c, "192.0.2.1/24");
	add_address(&c, "2001:db8::1/64");
	add_address(&c, "2001:db8:1::1/64");
	assert_int_equal(ports_open(&ports, &c, 1, 1, pool, err, sizeof(err)), 0);
	assert_int_equal(p->n_addresses, 5);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct ip_addr to;

		assert_true(ip_addr_parse(&to, rows[i].to));
		src = port_source_address(p, &to);
		assert_non_null(src);
		assert_string_equal(ip_addr_format(buf, src), rows[i].from);
	}
	/* RFC 4291, appendix A */
	src = &p->addresses[4].addr;
	assert_int_equal(p->addresses[4].len, 64);
	assert_memory_equal(src->bytes, ((uint8_t[]){0xfe, 0x80, 0, 0, 0, 0, 0, 0}), 8);
	assert_int_equal(src->bytes[8], p->mac.addr_bytes[0] ^ 2);
	assert_memory_equal(&src->bytes[9], &p->mac.addr_bytes[1], 2);
	assert_memory_equal(&src->bytes[11], ((uint8_t[]){0xff, 0xfe}), 2);
	assert_memory_equal(&src->bytes[13], &p->mac.addr_bytes[3], 3);
	assert_ptr_equal(port_source_address(p, src), src);
	ports_close(&ports);

	/* Without IPv6 there is no link-local address, and nothing to send IPv6 from. */
	c.n_addresses = 2;
	assert_int_equal(ports_open(&ports, &c, 1, 1, pool, err, sizeof(err)), 0);
	assert_int_equal(p->n_addresses, 2);
	assert_null(port_source_address(p, &(struct ip_addr){.family = IP_V6}));
	ports_close(&ports);
}

static void
test_mbuf_needs(void **state)
{
	/* A frame with a VLAN tag, and what the AF_PACKET ring puts before it. */
	for (unsigned mtu = 576; mtu <= 9216; mtu++)
		assert_true(port_mbuf_room(mtu) >= RTE_PKTMBUF_HEADROOM + mtu + 18 + 66);
	assert_true(port_mbuf_room(1500) <= 2048 + RTE_PKTMBUF_HEADROOM);
	assert_true(port_mbufs_needed(2, 2) >= 2 * port_mbufs_needed(1, 1) - 1024);
}

/* Then no port may be asked for MBUF_FAST_FREE: it would keep the mbuf tied to the buffer. */
static void
test_drivers_that_lend_buffers(void **state)
{
	assert_true(port_lends_buffers("0000:81:00.0,mprq_en=1"));
	assert_true(port_lends_buffers("0000:81:00.0,mprq_en=1,rxqs_min_mprq=1"));
	assert_true(port_lends_buffers("net_vhost0,iface=/tmp/s,linear-buffer=1,ext-buffer=1"));
	assert_true(port_lends_buffers("rx_extmbuf_enable=1")); /* as EAL has it */
	assert_false(port_lends_buffers("0000:81:00.0"));
	assert_false(port_lends_buffers("0000:81:00.0,mprq_en=0"));
	assert_false(port_lends_buffers("net_tap0,iface=x"));
	assert_false(port_lends_buffers(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loopback_carries_a_full_frame),
		cmocka_unit_test(test_queues_spread),
		cmocka_unit_test(test_failures_say_device_and_reason),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_mbuf_needs),
		cmocka_unit_test(test_drivers_that_lend_buffers),
	};

	return cmocka_run_group_tests(tests, setup, eal_teardown);
}
