# SPDX-License-Identifier: BSD-3-Clause
"""Two workers, with one queue a port and with two.

    c1 ====== gw (two workers) ------ lan
    c2 ========|
"""

import os

import pytest

from lab import Lab, iperf3
from world import LAN_HOST4, LAN_HOST6, World


@pytest.fixture(params=(1, 2), ids=("onequeue", "twoqueues"))
def two(request, tmp_path):
    lab = Lab(f"wgt{os.getpid()}x9{request.param}-", tmp_path)
    try:
        made = World(lab, lab.name("g0"), (lab.name("c1"), lab.name("c2")))
        config = made.config(workers=2)
        for p in config["ports"]:
            p["device"] += f",qpairs={request.param}"
        made.start_wgdp(config=config)
        made.start_clients()
        yield made
        assert made.gateway.stop() == 0
    finally:
        lab.close()


def test_everything_flows(two):
    for ns, dest in ((two.c1, LAN_HOST4), (two.c1, LAN_HOST6), (two.c2, LAN_HOST4),
                     (two.c1, "10.8.0.3"), (two.lan, "10.8.0.2"), (two.lan, "fd00:8::3")):
        two.expect_ping(ns, dest, 50, interval=0.02)
    server = two.lab.iperf3_server(two.lan)
    for reverse in (False, True):
        assert iperf3(two.c1, LAN_HOST4, 2, reverse=reverse, streams=4) > 0
    server.stop(9)
    workers = two.gateway.api("GET", "/v1/workers")["workers"]
    assert len(workers) == 2
    assert sum(w["rx_packets"] for w in workers) > 600
    for w in workers:
        bursts = [b["bursts"] for b in w["rx_bursts"]]
        least = sum(b["packets"] * b["bursts"] for b in w["rx_bursts"])
        assert least <= w["rx_packets"] <= 2 * least, w
    for reason in ("auth_failed", "replay", "source_not_allowed", "unknown_index"):
        assert two.gateway.drops(reason) == 0, reason
