# SPDX-License-Identifier: BSD-3-Clause
"""GSO frames that AF_PACKET cuts at its ring's frame size are counted as rx_truncated, and what
comes whole still works.

    c1 ====== gw ------ lan (gso and tso on)
"""

from lab import LabError, iperf3
from world import LAN_HOST4


def test_cut_frames_are_counted(world):
    server = world.lab.iperf3_server(world.lan)
    world.lan.run(["ethtool", "-K", "eth0", "tx", "on", "gso", "on", "tso", "on"])
    try:
        before = world.gateway.drops("rx_truncated")
        try:
            iperf3(world.c1, LAN_HOST4, 2, reverse=True)
        except LabError as e:  # a stalled stream is what an operator would see here
            print(f"iperf3: {e}")
        assert world.gateway.drops("rx_truncated") > before
    finally:
        world.lan.run(["ethtool", "-K", "eth0", "tx", "off", "gso", "off", "tso", "off"])
        server.stop(9)
    world.expect_ping(world.c1, LAN_HOST4, 5)
