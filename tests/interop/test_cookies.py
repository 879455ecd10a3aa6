# SPDX-License-Identifier: BSD-3-Clause
"""Under load either end demands a cookie, and the other brings it.

    c1 (wireguard-go, Linux)  eth0 ====== wan1 gw (wgdp) ------ lan (floods the gateway)
                              eth1 ------ nat (floods c1)
"""

import time

import pytest

from lab import wait_until
from sites import C1_INSIDE, C1_PORT, NAT_INSIDE, Flood
from world import LAN_HOST4, PORT

INITIATION, RESPONSE, COOKIE, DATA = 1, 2, 3, 4
INITIATION_LEN, MAC2 = 148, 16


@pytest.fixture(scope="module")
def running(nat_site):
    return nat_site.start()


def with_mac2(messages):
    return [m for m in messages if len(m) == INITIATION_LEN and any(m[-MAC2:])]


def test_gateway_under_load(running):
    """c1's first initiation is answered by a cookie, its next one brings it."""
    running.fresh()
    required = running.gateway.drops("mac2_required")
    sniffer = running.sniffer()
    try:
        with Flood(running.lan, LAN_HOST4, ("10.20.0.1", PORT), running.public_key):
            wait_until(lambda: running.gateway.drops("mac2_required") > required, 10,
                       "the gateway demands cookies")
            running.expect_ping(running.inner, LAN_HOST4, wait=20)
        frames = sniffer.wireguard(PORT)
    finally:
        sniffer.close()
    from_gateway = running.from_gateway(frames)
    sent = [data for _, kind, data in frames if kind == INITIATION]
    assert [kind for kind, _ in from_gateway if kind in (RESPONSE, COOKIE)] == [COOKIE, RESPONSE]
    assert len(sent) == 2 and with_mac2(sent) == sent[1:]
    assert running.shown()["session"]["role"] == "responder"


def test_no_cookies_without_load(running):
    """A second after the flood's last message the gateway believes initiations again."""
    time.sleep(2.5)
    running.forget()
    sniffer = running.sniffer()
    try:
        running.know()
        running.expect_ping(running.inner, LAN_HOST4, wait=10)
        kinds = [kind for kind, _ in running.from_gateway(sniffer.wireguard(PORT))]
    finally:
        sniffer.close()
    assert COOKIE not in kinds and RESPONSE in kinds


def test_counterpart_under_load(running):
    """The gateway starts: it is given a cookie, and its next initiation brings it."""
    running.forget()
    running.gateway.ctl("del-peer", running.wg, "c1")
    running.know(endpoint=None)
    sniffer = running.sniffer()
    try:
        with Flood(running.nat, NAT_INSIDE, (C1_INSIDE, C1_PORT), running.peer.public_key):
            time.sleep(1)
            running.add_peer("--endpoint", f"192.0.2.2:{C1_PORT}")
            running.expect_ping(running.lan, "10.8.0.2", wait=25)
        frames = sniffer.wireguard(PORT)
    finally:
        sniffer.close()
    cookies = [data for _, kind, data in frames if kind == COOKIE]
    sent = [data for kind, data in running.from_gateway(frames) if kind == INITIATION]
    assert cookies
    assert not any(sent[0][-MAC2:])
    assert with_mac2(sent)
    assert running.shown()["session"]["role"] == "initiator"
