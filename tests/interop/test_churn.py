# SPDX-License-Identifier: BSD-3-Clause
"""A peer is added and removed a thousand times while two clients ping and stream: they lose
nothing.

    c1 ====== gw ------ lan
    c2 ========|
    c3, which comes and goes, exists in the gateway only
"""

import json
from contextlib import ExitStack

from lab import PingStream, UdpStream, UnixHttp, genkey, run, wg_dump
from world import LAN_HOST4, LAN_HOST6

TIMES = 1000


def add_and_remove(gateway, interface):
    path = f"/v1/interfaces/{interface}/peers/c3"
    conn = UnixHttp(gateway.socket, timeout=30)

    def call(method, body=None):
        conn.request(method, path, json.dumps(body) if body else None,
                     {"Content-Type": "application/json"})
        answer = conn.getresponse()
        said = answer.read()
        assert answer.status < 300, said
    for i in range(TIMES):
        if i % 50 == 0:
            key = genkey()[1]
        call("PUT", {"public_key": key, "allowed_ips": ["10.8.0.4/32", "fd00:8::4/128"],
                     "endpoint": "192.0.2.77:9"})
        call("DELETE")
    conn.close()


def test_nobody_else_notices(world):
    c1, c2, lan = world.c1, world.c2, world.lan
    # Far below what the setup carries: a loss is then the change's doing.
    streams = [UdpStream(c1, "10.8.0.2", lan, LAN_HOST4), UdpStream(lan, LAN_HOST4, c1, "10.8.0.2"),
               UdpStream(c2, "fd00:8::3", lan, LAN_HOST6),
               UdpStream(c1, "10.8.0.2", c2, "10.8.0.3")]
    pings = [PingStream(world.lab, ns, LAN_HOST4) for ns in (c1, c2)]
    with ExitStack() as stack:
        for s in pings + streams:
            stack.enter_context(s)
        add_and_remove(world.gateway, world.wg)
    for s in pings + streams:
        assert s.sent > 10
        assert s.lost == 0, f"{s.lost} of {s.sent} lost"
    for reason in ("stage_expired", "no_peer", "source_not_allowed", "unknown_index"):
        assert world.gateway.drops(reason) == 0, reason
    mbufs = world.gateway.api("GET", "/v1/status")["mbufs"]
    assert mbufs["in_use"] < mbufs["total"] / 2
    assert len(run(["wg", "show", world.wg, "peers"]).stdout.splitlines()) == 2


def test_a_list_that_does_not_fit_changes_nothing(world):
    """Refused at its 18 000th prefix or so, it gives back what it had taken from c2 by then."""
    before = {k: p["allowed_ips"] for k, p in wg_dump(world.wg)[1].items()}
    many = ["10.8.0.3/32", "fd00:8::3/128"] + [f"10.64.{i >> 8}.{i & 255}/32"
                                               for i in range(20000)]
    status, answer = world.gateway.request(
        "PATCH", f"/v1/interfaces/{world.wg}/peers/c1", {"allowed_ips": many})
    assert status == 409 and answer["error"]["field"] == "allowed_ips"
    assert {k: p["allowed_ips"] for k, p in wg_dump(world.wg)[1].items()} == before
    for client in (world.c1, world.c2):
        world.expect_ping(client, LAN_HOST4)
        world.expect_ping(client, LAN_HOST6)
