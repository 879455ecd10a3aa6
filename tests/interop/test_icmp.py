# SPDX-License-Identifier: BSD-3-Clause
"""What the gateway itself says: echo on its own addresses, and ICMP errors.

    c1 ====== gw ------ lan          10.8.0.9: a peer without endpoint
"""

import pytest

from lab import genkey, iperf3
from world import LAN_HOST4, LAN_HOST6

OWN = {
    "c1": ("10.8.0.1", "fd00:8::1", "10.20.0.1", "fd00:20::1", "192.0.2.1", "2001:db8:1::1"),
    "lan": ("10.20.0.1", "fd00:20::1", "10.8.0.1", "fd00:8::1"),
}


@pytest.mark.parametrize("side, dest", [(s, d) for s, all_ in OWN.items() for d in all_])
def test_own_addresses_answer(world, side, dest):
    """c1 reaches the wan addresses beside the tunnel and all others through it."""
    world.expect_ping(getattr(world, side), dest, 3)


@pytest.mark.parametrize("dest, source", (("10.8.0.2", "10.20.0.1"), ("fd00:8::2", "fd00:20::1")))
def test_ttl_ends_on_the_way_in(world, dest, source):
    before = world.gateway.drops("ttl_exceeded")
    got, said = world.lan.ping(dest, 1, extra=("-t", "1"))
    assert got == 0
    assert "exceeded" in said.lower() and source in said, said
    assert world.gateway.drops("ttl_exceeded") == before + 1


@pytest.mark.parametrize("dest", (LAN_HOST4, LAN_HOST6, "10.8.0.3", "fd00:8::3"))
def test_ttl_ends_on_the_way_out(world, dest):
    got, said = world.c1.ping(dest, 1, extra=("-t", "1"))
    assert got == 0
    assert "exceeded" in said.lower(), said


def test_ttl_is_decremented_once(world):
    assert "ttl=63" in world.expect_ping(world.c1, LAN_HOST4)
    assert "ttl=63" in world.expect_ping(world.c1, "fd00:8::3")


@pytest.mark.parametrize("dest, words", (("10.8.0.2", "mtu"), ("fd00:8::2", "mtu")))
def test_too_big_with_df(world, dest, words):
    """LAN hosts learn the tunnel's MTU, 1420, by ICMP."""
    before = world.gateway.drops("over_mtu")
    got, said = world.lan.ping(dest, 1, extra=("-M", "do", "-s", "1440"))
    assert got == 0
    assert "1420" in said and words in said.lower(), said
    assert world.gateway.drops("over_mtu") == before + 1
    family = "-6" if ":" in dest else "-4"
    world.lan.ip(f"{family} route flush cache")


def test_too_big_without_df_is_fragmented(world):
    world.expect_ping(world.lan, "10.8.0.2", 3, extra=("-M", "dont", "-s", "1440"))


def test_tcp_finds_the_path_mtu(world):
    """The LAN host's segments of 1500 bytes must shrink to the tunnel's 1420."""
    server = world.lab.iperf3_server(world.lan)
    try:
        assert iperf3(world.c1, LAN_HOST4, 1, reverse=True) > 1e6
    finally:
        server.stop(9)


@pytest.mark.parametrize("dest", ("10.8.0.99", "fd00:8::99"))
def test_nobody_has_that_address(world, dest):
    got, said = world.lan.ping(dest, 2, interval=1)
    assert got == 0
    assert "unreachable" in said.lower(), said


def test_peer_without_endpoint(world):
    world.gateway.ctl("add-peer", world.wg, "absent", "--public-key", genkey()[1],
                      "--allowed-ips", "10.8.0.9/32,fd00:8::9/128")
    try:
        before = world.gateway.drops("no_endpoint")
        for dest in ("10.8.0.9", "fd00:8::9"):
            got, said = world.lan.ping(dest, 2, interval=1)
            assert got == 0
            assert "unreachable" in said.lower(), said
        assert world.gateway.drops("no_endpoint") >= before + 4
    finally:
        world.gateway.ctl("del-peer", world.wg, "absent")


def test_lan_host_that_is_not_there(world):
    before = world.gateway.drops("neigh_failed")
    got, _ = world.c1.ping("10.20.0.99", 1, wait=6)
    assert got == 0
    assert world.gateway.drops("neigh_failed") > before


@pytest.mark.parametrize("dest", ("203.0.113.9", "2001:db8:99::1"))
def test_no_route(world, dest):
    c1 = world.clients["c1"]
    before = world.gateway.drops("no_route")
    c1.peer(world.public_key, allowed_ips=("0.0.0.0/0", "::/0"))
    world.c1.ip(f"{'-6' if ':' in dest else '-4'} route add {dest} dev {c1.name}")
    got, said = world.c1.ping(dest, 1)
    assert got == 0
    assert "unreachable" in said.lower(), said
    assert world.gateway.drops("no_route") > before
