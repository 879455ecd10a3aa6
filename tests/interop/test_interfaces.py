# SPDX-License-Identifier: BSD-3-Clause
"""Three WireGuard interfaces at once within memory_mb 1024.

    c1 ===(51820, 10.8/16)=== gw ------ lan
    c2 ===(51821, 10.9/16)=====|
    c1 ===(51822, 10.10/16)====|
"""

import pytest

from lab import WireguardGo, genkey, wg_dump
from world import CLIENTS, LAN4, LAN_HOST4

NETS = ("10.8.0", "10.9.0", "10.10.0")


@pytest.fixture(scope="module")
def three(bare):
    names = [bare.lab.name(s) for s in ("g0", "g1", "g2")]
    bare.keys = {n: genkey() for n in names}
    spaces = (bare.c1, bare.c2, bare.c1)
    clients = [WireguardGo(bare.lab, ns, bare.lab.name(f"i{i}"), [f"{NETS[i]}.2/32"])
               for i, ns in enumerate(spaces)]
    config = bare.config(memory_mb=1024)
    config["interfaces"] = [
        bare.interface(name=n, private_key_file=f"{n}.key", peer_db=f"{n}.peers.yaml",
                       listen_port=51820 + i, addresses=[f"{NETS[i]}.1/16"])
        for i, n in enumerate(names)]
    peers = {n: [{"name": "client", "public_key": c.public_key,
                  "allowed_ips": [f"{NETS[i]}.2/32"]}]
             for i, (n, c) in enumerate(zip(names, clients))}
    bare.start_wgdp(config=config, peers=peers)
    bare.lan.ip("route add 10.9.0.0/16 via 10.20.0.1")
    bare.lan.ip("route add 10.10.0.0/16 via 10.20.0.1")
    for i, c in enumerate(clients):
        c.start()
        outer = CLIENTS["c2" if c.ns is bare.c2 else "c1"]["outer4"]
        c.peer(bare.keys[names[i]][1], endpoint=f"{outer}.1:{51820 + i}",
               allowed_ips=["10.0.0.0/8"])
        c.routes(f"{NETS[i]}.0/16")
    clients[0].routes(LAN4, "10.9.0.0/16")
    clients[1].routes(LAN4, "10.8.0.0/16", "10.10.0.0/16")
    # c1 answers from the tunnel that it was asked through.
    bare.c1.ip(f"rule add from {NETS[2]}.2 lookup 100")
    bare.c1.ip(f"route add default dev {clients[2].name} table 100")
    bare.names, bare.three = names, clients
    return bare


def test_each_has_its_tunnel(three):
    for i, c in enumerate(three.three):
        three.expect_ping(c.ns, f"{NETS[i]}.1", 3, source=c.name)
    for i in range(3):
        three.expect_ping(three.lan, f"{NETS[i]}.2", 3)


def test_across_interfaces(three):
    three.expect_ping(three.c1, "10.9.0.2", 3)
    three.expect_ping(three.c2, "10.8.0.2", 3)
    three.expect_ping(three.c2, LAN_HOST4, 3)


def test_source_of_another_interfaces_peer(three):
    """The source check is a strict reverse path across interfaces too."""
    dev = three.three[1].name
    three.c2.ip(f"addr add 10.8.0.2/32 dev {dev}")
    try:
        before = three.gateway.drops("source_not_allowed")
        got, _ = three.c2.ping(LAN_HOST4, 3, source="10.8.0.2")
        assert got == 0
        assert three.gateway.drops("source_not_allowed") == before + 3
    finally:
        three.c2.ip(f"addr del 10.8.0.2/32 dev {dev}")


def test_wg_knows_all_three(three):
    for n, c in zip(three.names, three.three):
        interface, peers = wg_dump(n)
        assert interface[1] == three.keys[n][1]
        assert list(peers) == [c.public_key]


def test_same_allowed_ip_on_two_interfaces_is_refused(three):
    done = three.gateway.ctl("add-peer", three.names[1], "thief", "--public-key", genkey()[1],
                             "--allowed-ips", "10.8.0.2/32", check=False)
    assert done.returncode == 1
    assert three.names[0] in done.stderr and "allowed_ips" in done.stderr, done.stderr
