/* SPDX-License-Identifier: BSD-3-Clause */
/* rte_ipv4_fragment_copy_nonseg_packet is still experimental API in 22.11. */
#define ALLOW_EXPERIMENTAL_API
#include <rte_ip.h>
#include <rte_ip_frag.h>

#include "dataplane/worker.h"

int
worker_fragment4(
	struct worker *w, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out, unsigned max)
{
	int n = rte_ipv4_fragment_copy_nonseg_packet(m, out, (uint16_t)max, mtu, w->dp->pool);

	if (n <= 0)
		return n;
	for (int i = 0; i < n; i++) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(out[i], struct rte_ipv4_hdr *);

		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, (ip->version_ihl & 0x0f) * 4);
	}
	rte_pktmbuf_free(m);
	return n;
}
