# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel's own test, netns.sh, checks and no other module does: with each counterpart.

    c1 (wireguard-go, Linux) ====== gw (wgdp) ------ lan
"""

import base64
import json

import pytest

from lab import genkey, run, wait_until, wg_dump
from sites import C1_PORT
from world import LAN_HOST4, LAN_HOST6, PORT

FAR = {4: "198.51.100.1", 6: "2001:db8:2::1"}  # of wan2; c1's packets come by wan1
MBITS = 20  # what the guest under emulation can do, too


@pytest.fixture(scope="module")
def running(site):
    site.start()
    site.know()
    site.expect_ping(site.inner, LAN_HOST4, wait=10)
    site.lab.iperf3_server(site.lan)
    return site


def iperf3(site, *words):
    said = site.inner.run(["iperf3", "-J", "-t", 1, "--connect-timeout", 5000, *words],
                          check=False, timeout=60).stdout
    return json.loads(said).get("end", {})


@pytest.mark.parametrize("reverse", (False, True), ids=("up", "down"))
@pytest.mark.parametrize("dest", (LAN_HOST4, LAN_HOST6))
def test_udp(running, dest, reverse):
    """Datagrams flow. Some may be lost: a slow machine's sockets are full at times."""
    end = iperf3(running, "-c", dest, "-u", "-b", f"{MBITS}M", "-l", 1000,
                 *(["-R"] if reverse else []))
    total = end["sum"]
    assert total["packets"] > 100
    assert total["lost_packets"] < total["packets"] // 2


def test_tcp_in_parallel(running):
    """50 streams at once, each of which gets through."""
    end = iperf3(running, "-c", LAN_HOST4, "-P", 50)
    assert len(end["streams"]) == 50
    assert all(s["receiver"]["bytes"] > 0 for s in end["streams"])


def test_more_specific_allowed_ip(running):
    """The source belongs to whoever has the longest prefix; what c1 sends then is dropped, but it
    has authenticated, so c1 is followed to its new port all the same."""
    def wg_set(*words):
        run(["wg", "set", running.wg, *words])
    c1, other = running.peer.public_key, genkey()[1]
    wg_set("peer", c1, "allowed-ips", "10.8.0.0/24,fd00:8::2/128")
    running.expect_ping(running.inner, LAN_HOST4)
    wg_set("peer", other, "allowed-ips", "10.8.0.2/32")
    before = running.gateway.drops("source_not_allowed")
    running.peer.set("listen-port", C1_PORT + 7)
    assert running.inner.ping(LAN_HOST4, 3)[0] == 0
    # More when a stream of the test before is still being sent again.
    assert running.gateway.drops("source_not_allowed") >= before + 3
    assert running.shown()["endpoint"] == f"192.0.2.2:{C1_PORT + 7}"
    wg_set("peer", other, "remove")
    running.expect_ping(running.inner, LAN_HOST4, 2)
    wg_set("peer", c1, "allowed-ips", "10.8.0.2/32,fd00:8::2/128")
    running.peer.set("listen-port", C1_PORT)
    running.expect_ping(running.inner, LAN_HOST4, 2)


@pytest.mark.parametrize("family", (4, 6))
def test_address_of_another_port(running, family):
    """c1 speaks to the address of a port that its packets do not come by, and is answered from
    that address."""
    via = {4: "192.0.2.1", 6: "2001:db8:1::1"}[family]
    # Not by the other cable, where the address is.
    running.outer.ip("link set eth1 down")
    running.outer.ip(f"-{family} route replace {FAR[family]} via {via} dev eth0")
    address = f"{FAR[4]}:{PORT}" if family == 4 else f"[{FAR[6]}]:{PORT}"
    try:
        running.fresh(endpoint=address)
        running.expect_ping(running.inner, LAN_HOST4, 3, wait=10)
        assert running.seen()["endpoint"] == address
        running.expect_ping(running.lan, "10.8.0.2", 2)
    finally:
        running.outer.ip(f"-{family} route del {FAR[family]}", check=False)
        running.outer.ip("link set eth1 up")
        running.know()
        running.expect_ping(running.inner, LAN_HOST4, wait=10)


def test_endpoint_inside_a_tunnel(running):
    """A peer whose endpoint is c1's address in the tunnel: outer packets never enter a tunnel, so
    there is no loop, and c1's own goes on."""
    sent = running.transfers()[1][0]
    lost = genkey()[1]
    running.gateway.ctl("add-peer", running.wg, "inside", "--public-key", lost,
                        "--allowed-ips", "10.8.5.0/24", "--endpoint", "10.8.0.2:7")
    before = running.gateway.drops("no_route")
    try:
        assert running.lan.ping("10.8.5.1", 10, wait=0.3)[0] == 0
        wait_until(lambda: running.gateway.drops("no_route") > before, 5, "no route is counted")
        assert running.inner.ping("10.8.5.1", 3, wait=0.3)[0] == 0
        running.expect_ping(running.inner, LAN_HOST4, 3)
        running.expect_ping(running.lan, "10.8.0.2", 3)
    finally:
        running.gateway.ctl("del-peer", running.wg, "inside")
    assert running.transfers()[1][0] - sent < 70000  # the kernel's own bound: no storm


def test_private_key_is_clamped(running):
    """As the kernel does: other bits than the 251 that count are cleared or set."""
    private = running.keys[running.wg][0]
    raw = bytearray(base64.b64decode(private))
    raw[0] |= 7
    raw[31] |= 128
    run(["wg", "set", running.wg, "private-key", "/dev/stdin"],
        stdin=base64.b64encode(raw).decode() + "\n")
    assert wg_dump(running.wg)[0][:2] == [private, running.public_key]
    running.expect_ping(running.inner, LAN_HOST4, 2)  # it is the same key: nothing has ended


def test_private_key_cannot_be_removed(running):
    """Unlike the kernel's: an interface without one would only be silent."""
    before = wg_dump(running.wg)[0]
    done = run(["wg", "set", running.wg, "private-key", "/dev/null"], check=False)
    assert done.returncode != 0
    assert wg_dump(running.wg)[0] == before
    running.expect_ping(running.inner, LAN_HOST4, 2)


def test_nested_allowed_ips_give_way_to_one(running):
    """Lists of prefixes within prefixes, replaced by the widest: nothing of them stays behind."""
    key = genkey()[1]
    for wide, narrow in (("0.0.0.0/0", "10.0.0.0/8,100.0.0.0/10,172.16.0.0/12,192.168.0.0/16"),
                         ("::/0", "1700::/111,5000::/4,e000::/37,9000::/75")):
        run(["wg", "set", running.wg, "peer", key, "allowed-ips", f"{wide},{narrow}"])
        assert wg_dump(running.wg)[1][key]["allowed_ips"].count(",") == narrow.count(",") + 1
        run(["wg", "set", running.wg, "peer", key, "allowed-ips", wide])
        assert wg_dump(running.wg)[1][key]["allowed_ips"] == wide
    run(["wg", "set", running.wg, "peer", key, "remove"])
    running.expect_ping(running.inner, LAN_HOST4, 2)
    assert run(["wg", "show", "doesnotexist"], check=False).returncode != 0
