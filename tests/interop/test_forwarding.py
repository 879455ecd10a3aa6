# SPDX-License-Identifier: BSD-3-Clause
"""Client to LAN, LAN to client, client to client; pings and streams.

    c1 ====== gw ------ lan
    c2 ========|
"""

import time

import pytest

from lab import iperf3, wait_until
from world import LAN_HOST4, LAN_HOST6


@pytest.mark.parametrize("dest", (LAN_HOST4, LAN_HOST6, "10.8.0.3", "fd00:8::3"))
def test_fifty_pings_from_client_lose_none(world, dest):
    world.expect_ping(world.c1, dest, 50)


@pytest.mark.parametrize("dest", ("10.8.0.2", "fd00:8::2", "10.8.0.3", "fd00:8::3"))
def test_fifty_pings_from_lan_lose_none(world, dest):
    world.expect_ping(world.lan, dest, 50)


@pytest.mark.parametrize("size", (0, 1, 15, 16, 17, 1000, 1391, 1392))
def test_any_size_up_to_the_mtu(world, size):
    """1392 is a full 1420 byte packet, which leaves no room for padding to 16."""
    world.expect_ping(world.c1, LAN_HOST4, 2, extra=("-M", "do", "-s", size))
    world.expect_ping(world.lan, "10.8.0.2", 2, extra=("-M", "do", "-s", size))


@pytest.mark.parametrize("reverse", (False, True), ids=("up", "down"))
@pytest.mark.parametrize("dest", (LAN_HOST4, LAN_HOST6))
def test_tcp_stream(world, dest, reverse):
    server = world.lab.iperf3_server(world.lan)
    try:
        assert iperf3(world.c1, dest, 2, reverse=reverse) > 0
    finally:
        server.stop(9)


def test_tcp_stream_between_clients(world):
    server = world.lab.iperf3_server(world.c2)
    try:
        assert iperf3(world.c1, "10.8.0.3", 2) > 0
        assert iperf3(world.c1, "fd00:8::3", 2, reverse=True) > 0
    finally:
        server.stop(9)


def test_no_auth_failures_or_replays_after_all_that(world):
    for reason in ("auth_failed", "replay", "source_not_allowed", "inner_malformed",
                   "rx_malformed", "rx_truncated"):
        assert world.gateway.drops(reason) == 0, reason


def counters(world):
    client = world.clients["c1"].dump()[1][world.public_key]
    shown = world.gateway.show(world.wg, "c1")
    return (int(client["tx_bytes"]), shown["rx_bytes"], int(client["rx_bytes"]), shown["tx_bytes"])


def test_counters_agree_with_the_client(world):
    """What one side says it sent, the other says it received, to the byte."""
    def at_rest():
        """The streams before may still be saying goodbye."""
        first = counters(world)
        time.sleep(1)
        return first if counters(world) == first else None
    before = wait_until(at_rest, 30, "the counters stand still")
    for size in (0, 17, 1000, 1392):
        world.expect_ping(world.c1, LAN_HOST4, 10, extra=("-s", size))
    up_sent, up_got, down_got, down_sent = (b - a for a, b in zip(before, counters(world)))
    assert up_sent == up_got > 24000
    assert down_sent == down_got > 24000
