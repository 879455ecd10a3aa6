# SPDX-License-Identifier: BSD-3-Clause
"""GSO frames that AF_PACKET cuts at its ring's frame size are counted as rx_truncated, and what
comes whole still works.

    c1 ====== gw ------ lan (its offloads on)
"""

import socket

import pytest

from world import LAN_HOST4, LAN_HOST6

UDP_SEGMENT = 103  # linux/udp.h
TIMES = 5


@pytest.mark.parametrize("source, dest", ((LAN_HOST4, "10.8.0.2"), (LAN_HOST6, "fd00:8::2")))
def test_cut_frames_are_counted(world, source, dest):
    world.expect_ping(world.lan, dest)
    before = world.gateway.drops("rx_truncated")
    family = socket.AF_INET6 if ":" in dest else socket.AF_INET
    world.lan.run(["ethtool", "-K", "eth0", "tx", "on", "gso", "on", "tso", "on",
                   "tx-udp-segmentation", "on"])
    try:
        with world.lan.socket(family, socket.SOCK_DGRAM) as s:
            s.bind((source, 0))
            s.setsockopt(socket.SOL_UDP, UDP_SEGMENT, 1000)
            for _ in range(TIMES):
                # One frame of 8000 bytes, which a NIC would cut into eight.
                s.sendto(bytes(8000), (dest, 9999))
    finally:
        world.lan.run(["ethtool", "-K", "eth0", "tx", "off", "gso", "off", "tso", "off",
                       "tx-udp-segmentation", "off"])
    world.expect_ping(world.c1, source, 5)
    assert world.gateway.drops("rx_truncated") == before + TIMES
