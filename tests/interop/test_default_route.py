# SPDX-License-Identifier: BSD-3-Clause
"""A peer with 0.0.0.0/0 and ::/0: the way out for what no other route covers, and any source.

    c2 ====== gw ====== c1 (allowed 0.0.0.0/0, ::/0; holds 203.0.113.9 and 2001:db8:99::9)
              |
             lan
"""

import pytest

from world import LAN_HOST4, LAN_HOST6

BEYOND = ("203.0.113.9", "2001:db8:99::9")


@pytest.fixture(scope="module")
def exit_node(bare):
    rows = [bare.peer_row("c1", allowed_ips=["10.8.0.2/32", "fd00:8::2/128", "0.0.0.0/0", "::/0"]),
            bare.peer_row("c2", preshared_key=bare.psk)]
    bare.start_wgdp(peers={bare.wg: rows})
    bare.start_clients()
    c1, c2 = (bare.clients[c] for c in ("c1", "c2"))
    bare.c1.ip("addr add 203.0.113.9/32 dev lo")
    bare.c1.ip("addr add 2001:db8:99::9/128 dev lo nodad")
    # Not ::/0: c2's kernel would send its router solicitations through the tunnel too, from a
    # link-local source that no peer has.
    c2.peer(bare.public_key, allowed_ips=("0.0.0.0/0", "2000::/3", "fc00::/7"))
    for prefix in ("203.0.113.0/24", "2001:db8:99::/64"):
        bare.lan.ip(f"{'-6' if ':' in prefix else '-4'} route add {prefix} via "
                    f"{'fd00:20::1' if ':' in prefix else '10.20.0.1'}")
        c2.routes(prefix)
    assert c1.latest_handshake(bare.public_key) > 0
    return bare


@pytest.mark.parametrize("dest", BEYOND)
def test_lan_and_other_peer_reach_beyond(exit_node, dest):
    exit_node.expect_ping(exit_node.lan, dest, 5)
    exit_node.expect_ping(exit_node.c2, dest, 5)


@pytest.mark.parametrize("source, dest", tuple(zip(BEYOND, (LAN_HOST4, LAN_HOST6))))
def test_any_source_is_its_own(exit_node, source, dest):
    exit_node.expect_ping(exit_node.c1, dest, 5, source=source)


def test_but_not_another_peers_source(exit_node):
    """The longest prefix decides: 10.8.0.3 is c2's, also where c1 has 0.0.0.0/0."""
    dev = exit_node.clients["c1"].name
    exit_node.c1.ip(f"addr add 10.8.0.3/32 dev {dev}")
    try:
        before = exit_node.gateway.drops("source_not_allowed")
        got, _ = exit_node.c1.ping(LAN_HOST4, 3, source="10.8.0.3")
        assert got == 0
        assert exit_node.gateway.drops("source_not_allowed") == before + 3
    finally:
        exit_node.c1.ip(f"addr del 10.8.0.3/32 dev {dev}")
