# SPDX-License-Identifier: BSD-3-Clause
"""Rekeys under traffic with the Linux kernel; test_time has them with wireguard-go.

    c1 (guest, starts)             ======
    c2 (guest, the gateway starts) ====== gw (wgdp) ------ lan
"""

import threading
import time

import pytest

from counterparts import LinuxPeer
from lab import PingStream
from linux_vm import GuestNetns
from sites import C1_PORT
from world import LAN4, LAN6, LAN_HOST4

pytestmark = pytest.mark.guest

INITIATION, RESPONSE = 1, 2
SECONDS = 135  # a rekey at 120 s
INTERVAL = 0.1
LINUX = pytest.mark.parametrize("site", ("linux",), indirect=True, scope="module")
C2_PORT = C1_PORT + 1


class Seen:
    """What was lost, and the handshake messages by the counterpart's port."""


@pytest.fixture(scope="module")
def seen(site):
    inner2 = GuestNetns(site.vm, "inner2").create()
    c2 = LinuxPeer(site.vm, site.outer, inner2, "wg1", ["10.8.0.3/32"], listen_port=C2_PORT)
    site.start_wgdp(peers={site.wg: [
        site.peer_row("c1"),
        {"name": "c2", "public_key": c2.public_key, "allowed_ips": c2.addresses,
         "endpoint": f"192.0.2.2:{C2_PORT}"}]})
    for peer in (site.peer.start(), c2.start()):
        peer.routes(LAN4, LAN6)
    c2.peer(site.public_key, allowed_ips=[LAN4, LAN6])
    site.know()
    out, sniffer = Seen(), site.sniffer()
    ping = ["ping", "-q", "-n", "-i", str(INTERVAL), "-c", str(int(SECONDS / INTERVAL)), "-W", "5",
            LAN_HOST4]
    said = []
    c1_pings = threading.Thread(target=lambda: said.append(
        site.inner.run(ping, check=False, timeout=SECONDS + 60).stdout))
    handshakes = []
    try:
        with PingStream(site.lab, site.lan, "10.8.0.3", INTERVAL) as lan_pings:
            c1_pings.start()
            end = time.monotonic() + SECONDS
            while time.monotonic() < end or c1_pings.is_alive():
                time.sleep(0.5)
                handshakes += _handshakes(sniffer)
        c1_pings.join()
    finally:
        sniffer.close()
    out.c1, out.lan, out.handshakes = said[0], lan_pings, handshakes
    out.received = [int(p.dump()[1][site.public_key]["rx_bytes"]) for p in (site.peer, c2)]
    return out


def _handshakes(sniffer):
    """(counterpart's port, by the gateway?, type) of what was taken since."""
    found = []
    for port in (C1_PORT, C2_PORT):
        for outgoing, kind, _ in sniffer.wireguard(port):
            if kind in (INITIATION, RESPONSE):
                found.append((port, outgoing, kind))
    sniffer.frames.clear()
    return found


@LINUX
def test_nothing_is_lost_when_the_kernel_rekeys(seen):
    assert ", 0% packet loss" in seen.c1, seen.c1


@LINUX
def test_nothing_is_lost_when_the_gateway_rekeys(seen):
    assert seen.lan.sent > SECONDS * 8
    assert seen.lan.lost == 0, f"{seen.lan.lost} of {seen.lan.sent}"


@LINUX
@pytest.mark.parametrize("port, by_gateway", ((C1_PORT, False), (C2_PORT, True)),
                         ids=("kernel-initiated", "gateway-initiated"))
def test_exactly_one_rekey(seen, port, by_gateway):
    """The first handshake and one more, both by the session's initiator."""
    assert sorted(h[1:] for h in seen.handshakes if h[0] == port) == sorted(
        [(by_gateway, INITIATION), (not by_gateway, RESPONSE)] * 2)
