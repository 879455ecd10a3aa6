# SPDX-License-Identifier: BSD-3-Clause
"""An inner source that is not the sender's allowed-IP is dropped, and counted and charged exactly.

    c1 (10.8.0.2, and the foreign 10.8.0.77 or c2's address) ====== gw ------ lan
"""

import pytest

from world import LAN_HOST4, LAN_HOST6


@pytest.mark.parametrize("source, dest", (
    ("10.8.0.77", LAN_HOST4),
    ("10.8.0.3", LAN_HOST4),      # another peer's
    ("10.20.0.9", LAN_HOST4),     # the LAN's
    ("fd00:8::77", LAN_HOST6),
    ("fd00:8::3", LAN_HOST6),
))
def test_foreign_source(world, source, dest):
    dev = world.clients["c1"].name
    length = 128 if ":" in source else 32
    world.c1.ip(f"addr add {source}/{length} dev {dev}" + (" nodad" if ":" in source else ""))
    try:
        before = world.gateway.drops("source_not_allowed")
        charged = {c: world.gateway.peer_drops(world.wg, c) for c in ("c1", "c2")}
        got, _ = world.c1.ping(dest, 5, source=source)
        assert got == 0
        assert world.gateway.drops("source_not_allowed") == before + 5
        charged["c1"]["source_not_allowed"] += 5
        for client, drops in charged.items():
            assert world.gateway.peer_drops(world.wg, client) == drops, client
    finally:
        world.c1.ip(f"addr del {source}/{length} dev {dev}")
    world.expect_ping(world.c1, dest, 3)
