# SPDX-License-Identifier: BSD-3-Clause
"""c1 behind a NAT, whose mappings end; and both ends starting a handshake at once.

    c1 (wireguard-go, Linux) --- nat ====== wan2 gw (wgdp) ------ lan
                              172.16.0.1  198.51.100.77
"""

import threading
import time

import pytest

from lab import wait_until
from sites import NAT_INSIDE, NAT_OUTSIDE, Nat
from world import LAN_HOST4, PORT

INITIATION, RESPONSE, DATA = 1, 2, 4
ENDPOINT = f"{NAT_INSIDE}:{PORT}"
FORWARDED = 45000  # a port that the NAT keeps open for c1


@pytest.fixture(scope="module")
def running(nat_site):
    return nat_site.start()


@pytest.fixture
def nat(running):
    made = Nat(running)
    yield made
    made.close()


def endpoint(nat):
    return f"{NAT_OUTSIDE}:{nat.port()}"


def test_mapping_ends_without_keepalive(running, nat):
    """Nobody gets through to c1, until c1 speaks: then it is followed to its new port."""
    running.fresh(endpoint=ENDPOINT)
    running.expect_ping(running.inner, LAN_HOST4, 2, wait=10)
    old = endpoint(nat)
    assert running.shown()["endpoint"] == old
    running.expect_ping(running.lan, "10.8.0.2", 2)
    nat.expire()
    got, _ = running.lan.ping("10.8.0.2", 2)
    assert got == 0
    running.expect_ping(running.inner, LAN_HOST4, 2)
    assert endpoint(nat) != old and running.shown()["endpoint"] == endpoint(nat)
    running.expect_ping(running.lan, "10.8.0.2", 2)
    assert len(nat.messages(INITIATION, out=True)) == 1  # all of that in one session


def test_persistent_keepalive_holds_the_mapping(running, nat):
    """Mappings end after 3 s without a packet; c1 sends one every second."""
    nat.idle = 3
    running.fresh(endpoint=ENDPOINT, keepalive=1)
    wait_until(lambda: running.shown()["session"], 10, "a session by the keepalive alone")
    old = endpoint(nat)
    time.sleep(7)
    assert endpoint(nat) == old
    running.expect_ping(running.lan, "10.8.0.2", 2)
    running.peer.peer(running.public_key, keepalive=0)


def test_persistent_keepalive_of_the_gateway(running, nat):
    """... and so does the gateway, when it is told to."""
    running.fresh(endpoint=ENDPOINT)
    running.expect_ping(running.inner, LAN_HOST4, wait=10)
    running.gateway.ctl("set-peer", running.wg, "c1", "--persistent-keepalive", "1")
    nat.idle = 3
    old = endpoint(nat)
    time.sleep(7)
    assert endpoint(nat) == old
    running.expect_ping(running.lan, "10.8.0.2", 2)


@pytest.mark.parametrize("repeat", range(3))
def test_both_start_at_once(running, repeat):
    """Both initiations are under way at the same time: one session comes of it that both use,
    all that was staged at either end arrives, and nobody starts again."""
    running.forget()
    running.gateway.ctl("del-peer", running.wg, "c1")
    nat = Nat(running, outside_port=FORWARDED + repeat)
    try:
        nat.hold()
        running.add_peer("--endpoint", endpoint(nat))
        running.know(ENDPOINT)
        results = {}
        pings = [threading.Thread(target=lambda k=k, ns=ns, d=d: results.update(
            {k: ns.ping(d, 3, interval=1, wait=12)[0]}))
            for k, ns, d in (("c1", running.inner, LAN_HOST4), ("lan", running.lan, "10.8.0.2"))]
        for p in pings:
            p.start()
        wait_until(lambda: set(nat.holds()) == {True, False}, 5, "an initiation each way")
        assert len(nat.messages(INITIATION)) == 2
        nat.release()
        for p in pings:
            p.join(40)
        assert results == {"c1": 3, "lan": 3}
        started = len(nat.messages(INITIATION))
        # Both initiations crossed; when one of them was refused for coming too soon after the
        # other's message, that end may try once more after 5 s.
        assert started <= 3
        time.sleep(6)
        for ns, dest in ((running.inner, LAN_HOST4), (running.lan, "10.8.0.2")):
            running.expect_ping(ns, dest, 2)
        assert len(nat.messages(INITIATION)) == started
    finally:
        nat.close()
