# SPDX-License-Identifier: BSD-3-Clause
"""A clock steps back an hour: the counterpart's, whose initiations then look replayed, and the
gateway's, whose must not.

    c1 (wireguard-go, Linux) ====== gw (wgdp) ------ lan

The Linux guest's clock is its own. wireguard-go's is this machine's, so there the gateway is made
to have seen c1's key an hour ahead: from where it stands, c1's clock has stepped back.
"""

import base64
import os
import struct
import time
from pathlib import Path

import pytest

from lab import REPO, genkey, run
from raw_client import RESPONSE, RawClient
from sites import C1_PORT, OUTER4
from world import LAN_HOST4, PORT

HOUR = 3600
SHIM = Path(os.environ.get("WGDP_BUILD", REPO / "build")) / "tests" / "test_clock.so"


class GatewaysClock:
    """The wall clock of a gateway that is yet to start; see clock_shim.c."""

    def __init__(self, gateway, directory):
        self.file = directory / "clock"
        self.set(0)
        gateway.env = {"LD_PRELOAD": str(SHIM), "WGDP_TEST_CLOCK": str(self.file)}

    def set(self, offset):
        # In place, for the gateway has it mapped.
        with open(self.file, "r+b" if self.file.exists() else "wb") as f:
            f.write(struct.pack("<q", offset))


@pytest.fixture(scope="module")
def running(site):
    site.make_wgdp(peers={site.wg: [site.peer_row("c1")]})
    site.clock = GatewaysClock(site.gateway, site.lab.dir)
    site.gateway.start()
    site.start_counterpart()
    site.know()
    site.expect_ping(site.inner, LAN_HOST4, wait=10)
    return site


def step_back(site):
    """c1's clock is an hour behind what the gateway has seen of it."""
    if site.kind == "linux":
        site.vm.script(f"date -s @$(($(date +%s) - {HOUR}))")
        return
    ahead = RawClient(site.outer, OUTER4, site.public_key, ("192.0.2.1", PORT))
    ahead.private = base64.b64decode(site.peer.private_key)
    ahead.public = base64.b64decode(site.peer.public_key)
    time.sleep(0.05)  # initiations of a peer are accepted 20 ms apart at the least
    ahead.send(ahead.initiation(ahead=HOUR))
    assert ahead.receive(kind=RESPONSE)


def step_forth(site):
    if site.kind == "linux":
        site.vm.script(f"date -s @$(($(date +%s) + {HOUR}))")
    site.fresh()


def test_counterpart_is_refused_while_it_is_behind(running):
    """A session that lives goes on; a new handshake is refused and counted; when the peer is
    added anew, there is a session again: the gateway has forgotten the time that it has seen."""
    refused = running.gateway.drops("handshake_rejected")
    step_back(running)
    try:
        running.expect_ping(running.inner, LAN_HOST4, 2)
        running.forget()
        running.know()
        got, _ = running.inner.ping(LAN_HOST4, 2)
        assert got == 0
        assert running.gateway.drops("handshake_rejected") > refused
        running.fresh()
        running.expect_ping(running.inner, LAN_HOST4, 2, wait=10)
    finally:
        step_forth(running)
    running.forget()
    running.know()
    running.expect_ping(running.inner, LAN_HOST4, 2, wait=10)


def gateway_starts(site):
    site.forget()
    site.know(endpoint=None)
    site.gateway.ctl("del-peer", site.wg, "c1")
    site.add_peer("--endpoint", f"192.0.2.2:{C1_PORT}")
    site.expect_ping(site.lan, "10.8.0.2", 2, wait=10)
    assert site.shown()["session"]["role"] == "initiator"


def test_gateway_starts_while_the_counterpart_is_behind(running):
    """The gateway's initiations carry its own clock, which the counterpart has not seen ahead."""
    step_back(running)
    try:
        gateway_starts(running)
    finally:
        step_forth(running)


def new_session(site):
    """The gateway's sessions end, and both remember each other's timestamps."""
    for private in (genkey()[0], site.keys[site.wg][0]):
        run(["wg", "set", site.wg, "private-key", "/dev/stdin"], stdin=private + "\n")
    assert site.shown()["session"] is None


def test_gateways_clock_steps_back(running):
    """... and its next initiations are greater than the last all the same."""
    gateway_starts(running)
    before = int(running.seen()["latest_handshake"])
    running.clock.set(-HOUR)
    try:
        for _ in range(2):
            new_session(running)
            running.expect_ping(running.lan, "10.8.0.2", 2, wait=20)
            assert running.shown()["session"]["role"] == "initiator"
        assert int(running.seen()["latest_handshake"]) > before
        # As responder it asks no clock of its own.
        running.forget()
        running.know()
        running.expect_ping(running.inner, LAN_HOST4, 2, wait=10)
    finally:
        running.clock.set(0)
