# SPDX-License-Identifier: BSD-3-Clause
"""The counterpart's clock steps back: its initiations look replayed until it has caught up.

    c1 (guest: its clock is its own) ====== gw (wgdp) ------ lan

With the Linux guest alone: wireguard-go's clock is this machine's.
"""

import pytest

from world import LAN_HOST4

pytestmark = pytest.mark.guest
LINUX = pytest.mark.parametrize("site", ("linux",), indirect=True, scope="module")
HOUR = 3600


@pytest.fixture(scope="module")
def running(site):
    site.start()
    site.know()
    site.expect_ping(site.inner, LAN_HOST4, wait=10)
    return site


def step(site, seconds):
    site.vm.script(f"date -s @$(($(date +%s) + {seconds}))")


@LINUX
def test_refused_while_it_is_behind(running):
    """A session that lives goes on; a new handshake is refused and counted; back in time, or
    when the peer is added anew, there is a session again."""
    refused = running.gateway.drops("handshake_rejected")
    step(running, -HOUR)
    try:
        running.expect_ping(running.inner, LAN_HOST4, 2)
        running.forget()
        running.know()
        got, _ = running.inner.ping(LAN_HOST4, 2)
        assert got == 0
        assert running.gateway.drops("handshake_rejected") > refused
        # The gateway forgets the time that it has seen with the peer.
        running.fresh()
        running.expect_ping(running.inner, LAN_HOST4, 2, wait=10)
    finally:
        step(running, HOUR)
    running.forget()
    running.know()
    running.expect_ping(running.inner, LAN_HOST4, 2, wait=10)


@LINUX
def test_gateway_starts_while_the_counterpart_is_behind(running):
    """The gateway's initiations carry its own clock, which the counterpart has not seen ahead."""
    step(running, -HOUR)
    try:
        running.forget()
        running.know(endpoint=None)
        running.gateway.ctl("del-peer", running.wg, "c1")
        running.add_peer("--endpoint", "192.0.2.2:40000")
        running.expect_ping(running.lan, "10.8.0.2", 2, wait=10)
        assert running.shown()["session"]["role"] == "initiator"
    finally:
        step(running, HOUR)
