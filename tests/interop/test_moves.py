# SPDX-License-Identifier: BSD-3-Clause
"""Either end has several addresses: c1 moves, and the gateway answers from the one that c1 uses.

    c1 (wireguard-go, Linux)  eth0 ====== wan1 gw (wgdp) ------ lan
                              eth1 ====== wan2
"""

import pytest

from lab import wait_until
from sites import C1_PORT
from world import LAN_HOST4, PORT

SECOND4, SECOND6 = "192.0.2.9", "2001:db8:1::9"  # of the gateway, on wan1


@pytest.fixture(scope="module")
def running(site):
    config = site.config()
    config["ports"][0]["addresses"] += [f"{SECOND4}/24", f"{SECOND6}/64"]
    site.start(config=config)
    site.know()
    site.expect_ping(site.inner, LAN_HOST4, wait=10)
    return site


def expect_at(site, endpoint):
    """c1 speaks; the gateway answers there and shows it, and reaches c1 by itself."""
    site.expect_ping(site.inner, LAN_HOST4, 2, wait=10)
    assert site.shown()["endpoint"] == endpoint
    site.expect_ping(site.lan, "10.8.0.2", 2)


def handshakes(site):
    return int(site.seen()["latest_handshake"])


def test_new_port(running):
    before = handshakes(running)
    running.peer.set("listen-port", C1_PORT + 1)
    expect_at(running, f"192.0.2.2:{C1_PORT + 1}")
    assert handshakes(running) == before  # a new place, not a new session


def test_new_address(running):
    """Its old source address is gone; wireguard-go looks again only when it binds anew."""
    before = handshakes(running)
    running.outer.ip("addr del 192.0.2.2/24 dev eth0")
    running.outer.ip("addr add 192.0.2.99/24 dev eth0")
    running.peer.set("listen-port", C1_PORT + 2)
    expect_at(running, f"192.0.2.99:{C1_PORT + 2}")
    running.outer.ip("addr del 192.0.2.99/24 dev eth0")
    running.outer.ip("addr add 192.0.2.2/24 dev eth0")
    running.peer.set("listen-port", C1_PORT)
    expect_at(running, f"192.0.2.2:{C1_PORT}")
    assert handshakes(running) == before


def test_new_network(running):
    """Another cable, and by it another address of the gateway."""
    before = handshakes(running)
    running.know(running.endpoint("c2"))
    expect_at(running, f"198.51.100.2:{C1_PORT}")
    assert running.seen()["endpoint"] == f"198.51.100.1:{PORT}"
    assert handshakes(running) == before


def test_new_family(running):
    before = handshakes(running)
    running.know(family=6)
    expect_at(running, f"[2001:db8:1::2]:{C1_PORT}")
    running.know(family=4)
    expect_at(running, f"192.0.2.2:{C1_PORT}")
    assert handshakes(running) == before


@pytest.mark.parametrize("address", (f"{SECOND4}:{PORT}", f"[{SECOND6}]:{PORT}"))
def test_answers_leave_from_the_address_that_was_used(running, address):
    """Were they to leave from another, c1 would take that for the gateway's endpoint."""
    running.know(address)
    for ns, dest in ((running.inner, LAN_HOST4), (running.lan, "10.8.0.2")):
        running.expect_ping(ns, dest, 2, wait=10)
        assert running.seen()["endpoint"] == address


@pytest.mark.parametrize("address", (f"{SECOND4}:{PORT}", f"[{SECOND6}]:{PORT}"))
def test_a_response_leaves_from_the_address_that_was_used(running, address):
    running.fresh(endpoint=address)
    running.expect_ping(running.inner, LAN_HOST4, 2, wait=10)
    assert running.seen()["endpoint"] == address


def test_log_says_so(running):
    wait_until(lambda: f"roamed to 192.0.2.2:{C1_PORT + 1}" in running.gateway.log.read_text(), 5,
               "a log line on roaming")
