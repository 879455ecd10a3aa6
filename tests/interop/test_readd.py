# SPDX-License-Identifier: BSD-3-Clause
"""A peer is removed and added again under traffic, and how it gets back.

    c1 (wireguard-go, Linux) ====== gw (wgdp) ------ lan
"""

import time

import pytest

from lab import wait_until
from sites import C1_PORT
from world import LAN_HOST4


@pytest.fixture(scope="module")
def running(site):
    site.start()
    site.know()
    site.expect_ping(site.inner, LAN_HOST4, wait=10)
    return site


def pings_until_answer(site, ns, dest, limit):
    """Seconds from now to the first answer, one ping every 0.2 s."""
    began = time.monotonic()
    wait_until(lambda: ns.ping(dest, wait=0.5)[0] == 1, limit, f"{dest} answers")
    return time.monotonic() - began


def test_gateway_brings_it_back(running):
    """The LAN goes on sending; the gateway knows where c1 is and starts at once."""
    got, _ = running.lan.ping("10.8.0.2", 3)
    assert got == 3
    for _ in range(3):
        running.gateway.ctl("del-peer", running.wg, "c1")
        assert running.lan.ping("10.8.0.2", wait=0.3)[0] == 0
        running.add_peer("--endpoint", f"192.0.2.2:{C1_PORT}")
        assert pings_until_answer(running, running.lan, "10.8.0.2", 12) < 8
        assert running.shown()["session"]["role"] == "initiator"
    running.expect_ping(running.inner, LAN_HOST4, 3)


def test_counterpart_brings_it_back(running):
    """Without an endpoint the gateway waits: c1 starts anew when 15 s brought no answer."""
    running.gateway.ctl("del-peer", running.wg, "c1")
    running.add_peer()
    took = pings_until_answer(running, running.inner, LAN_HOST4, 40)
    assert 10 < took < 25
    assert running.shown()["session"]["role"] == "responder"
    running.expect_ping(running.lan, "10.8.0.2", 3)


def test_counterpart_starts_anew(running):
    """c1 forgets everything, as after a reboot, and is back at its first packet."""
    for _ in range(3):
        running.forget()
        running.know()
        running.expect_ping(running.inner, LAN_HOST4, 3, wait=10)
