# SPDX-License-Identifier: BSD-3-Clause
"""TCP through the tunnel with each counterpart: full packets, bursts, both ways and families.

    c1 (wireguard-go, Linux) ====== gw (wgdp) ------ lan (iperf3 -s)
"""

import json

import pytest

from lab import wait_until
from world import LAN_HOST4, LAN_HOST6

SECONDS = 2
SOME = 200_000  # bytes: a stream that stalls stays below, a slow machine does not


@pytest.fixture(scope="module")
def running(site):
    site.start()
    site.know()
    site.expect_ping(site.inner, LAN_HOST4, wait=10)
    site.lab.iperf3_server(site.lan)
    return site


@pytest.mark.parametrize("reverse", (False, True), ids=("up", "down"))
@pytest.mark.parametrize("dest", (LAN_HOST4, LAN_HOST6))
def test_tcp(running, dest, reverse):
    """A stream flows, and nobody counts more than the other end has sent."""
    before = running.transfers()
    said = running.inner.run(["iperf3", "-J", "-c", dest, "-t", SECONDS, "-P", 2,
                              "--connect-timeout", 5000, *(["-R"] if reverse else [])],
                             check=False, timeout=60).stdout
    end = json.loads(said).get("end", {})
    assert end.get("sum_received", {}).get("bytes", 0) > SOME, said[-500:]
    way = 1 if reverse else 0
    assert running.transfers()[way][1] - before[way][1] > SOME

    def quiet():
        """The same twice: nothing is under way."""
        now = running.transfers()
        return now == running.transfers() and now
    for sent, received in wait_until(quiet, 10, "counters rest"):
        assert received <= sent
    assert running.gateway.drops("auth_failed") == 0
    assert running.gateway.drops("replay") == 0
