# SPDX-License-Identifier: BSD-3-Clause
"""Both ends count the same bytes, for packets of every length and at odd MTUs.

    c1 (wireguard-go, Linux) ====== gw (wgdp) ------ lan
"""

import pytest

from lab import LabError, wait_until
from world import LAN_HOST4, LAN_HOST6, PORT

DATA = 4
OVERHEAD = 32  # of a data message
ICMP = {4: 28, 6: 48}  # ICMP and IP headers
LAN = {4: LAN_HOST4, 6: LAN_HOST6}
C1 = {4: "10.8.0.2", 6: "fd00:8::2"}
MTU = 1419  # odd: the last packets cannot be padded to 16


@pytest.fixture(scope="module")
def running(site):
    site.peer.mtu = MTU
    site.start(mtu=MTU)
    site.know()
    site.expect_ping(site.inner, LAN_HOST4, wait=10)
    return site


def padded(length):
    return min((length + 15) // 16 * 16, MTU)


def expect_agreement(site):
    """What is under way arrives; then all four counters agree two by two."""
    try:
        wait_until(lambda: all(a == b for a, b in site.transfers()), 5, "counters agree")
    except LabError:
        assert site.transfers() == "((to the gateway), (from the gateway)): no pair differs"


def test_after_the_handshake(running):
    expect_agreement(running)


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("starter", ("client", "gateway"))
def test_every_residue_of_padding(running, starter, family):
    """17 lengths in a row, once each; each direction grows by exactly the padded sizes."""
    before = running.transfers()
    sizes = range(40, 57)
    ns, dest = ((running.inner, LAN[family]) if starter == "client"
                else (running.lan, C1[family]))
    # In one go, for each command costs the guest some tenths of a second.
    lost = ns.run(["dash", "-c", f"for s in $(seq {sizes[0]} {sizes[-1]}); do "
                   f"ping -q -n -c 1 -W 3 -s $s {dest} > /dev/null || echo $s; done"],
                  timeout=90).stdout
    assert lost == ""
    expect_agreement(running)
    grown = sum(padded(s + ICMP[family]) + OVERHEAD for s in sizes)
    for (sent0, _), (sent1, _) in zip(before, running.transfers()):
        # A passive keepalive may come in between on a slow machine.
        assert sent1 - sent0 - grown in (0, OVERHEAD, 2 * OVERHEAD)


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("length", (MTU, MTU - 1, MTU - 10, MTU - 11, MTU - 12))
def test_padding_ends_at_the_mtu(running, family, length):
    """The largest packets go through whole, and no data message exceeds MTU + 32."""
    sniffer = running.sniffer()
    try:
        for ns, dest in ((running.inner, LAN[family]), (running.lan, C1[family])):
            running.expect_ping(ns, dest, extra=("-M", "do", "-s", length - ICMP[family]))
        sizes = [len(data) for _, kind, data in sniffer.wireguard(PORT)
                 if kind == DATA and len(data) > OVERHEAD]
    finally:
        sniffer.close()
    assert sizes == [padded(length) + OVERHEAD] * 4  # two pings and their answers
    expect_agreement(running)


def test_over_the_mtu_is_not_sent(running):
    got, said = running.lan.ping("10.8.0.2", extra=("-M", "do", "-s", MTU - 28 + 1))
    assert got == 0 and f"mtu = {MTU}" in said.replace("mtu=", "mtu = "), said


def test_empty_ping(running):
    """28 bytes: an IPv4 header and one of ICMP."""
    before = running.transfers()
    running.expect_ping(running.inner, LAN_HOST4, extra=("-s", "0"))
    expect_agreement(running)
    assert running.transfers()[0][0] - before[0][0] in (32 + OVERHEAD, 32 + 2 * OVERHEAD)
