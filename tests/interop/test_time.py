# SPDX-License-Identifier: BSD-3-Clause
"""What takes minutes, all at once: rekeys lose nothing and are not spurious, an idle tunnel is
silent, keepalives come when they should.

    world A, sessions started by the clients      world B, started by the gateway
    c1 pings the LAN                              the LAN pings c1
    c2 sends one packet, then is idle             c2: the gateway keeps alive every 25 s
"""

import socket
import time

import pytest

from lab import Lab, PingStream, Sniffer
from world import CLIENTS, LAN_HOST4, PORT, World

pytestmark = pytest.mark.waits

INITIATION, RESPONSE, DATA = 1, 2, 4
KEEPALIVE = 32  # bytes of a data message without payload
SECONDS = 200   # one rekey at 120 s; a second would come at 240 s
CLIENT_PORT = 40000


class Times:
    """What was seen on c1's and c2's cables, and what the pings lost."""


@pytest.fixture(scope="module")
def seen(lab, tmp_path_factory):
    labs = [lab, Lab(lab.prefix.replace("-", "b-"), tmp_path_factory.mktemp("labb"))]
    a, b = (World(made, made.name("g0"), (made.name("c1"), made.name("c2"))) for made in labs)
    try:
        yield _observe(a, b)
        assert [w.gateway.stop() for w in (a, b)] == [0, 0]
    finally:
        labs[1].close()


def _observe(a, b):
    a.start_wgdp()
    rows = [b.peer_row(n, endpoint=f"{CLIENTS[n]['outer4']}.2:{CLIENT_PORT}",
                       **({"persistent_keepalive": 25} if n == "c2" else {}))
            for n in CLIENTS]
    sniffers = {f"{w}{c}": Sniffer(getattr(world, c), "eth0")
                for w, world in (("a", a), ("b", b)) for c in ("c1", "c2")}
    # B's clients know the gateway by its key only, so they cannot start.
    for name, client in b.clients.items():
        client.listen_port = CLIENT_PORT
        b.start_client(name, psk=None)
        client.set("peer", b.public_key, "remove")
        # Not ::/0: the client's kernel would send router solicitations through the tunnel.
        client.peer(b.public_key, allowed_ips=("0.0.0.0/0", "fc00::/7"))
    b.start_wgdp(peers={b.wg: rows})
    a.start_clients()

    t = Times()
    t.a, t.b, t.frames = a, b, {}
    # One way only: nobody answers, so the gateway owes a passive keepalive after 10 s.
    sink = a.lan.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind((LAN_HOST4, 9999))
    probe = a.c2.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with PingStream(a.lab, a.c1, LAN_HOST4) as pa, PingStream(b.lab, b.lan, "10.8.0.2") as pb:
        time.sleep(1)
        sniffers["ac2"].poll()
        sniffers["ac2"].frames.clear()
        probe.sendto(b"one way", (LAN_HOST4, 9999))
        end = time.monotonic() + SECONDS
        cut = time.monotonic() + 15
        while time.monotonic() < end:
            time.sleep(0.5)
            for s in sniffers.values():
                s.poll()
            if cut and time.monotonic() > cut:
                cut = None
                t.after_probe = sniffers["ac2"].wireguard(PORT)
                sniffers["ac2"].frames.clear()
    t.ping_a, t.ping_b = pa, pb
    for name, s in sniffers.items():
        t.frames[name] = s.wireguard(PORT)
        s.close()
    sink.close()
    probe.close()
    return t


def kinds(frames, kind, outgoing=None):
    return [f for f in frames if f[1] == kind and outgoing in (None, f[0])]


@pytest.mark.parametrize("side", ("a", "b"), ids=("client-initiated", "gateway-initiated"))
def test_pings_across_the_rekey_lose_nothing(seen, side):
    ping = seen.ping_a if side == "a" else seen.ping_b
    assert ping.sent > SECONDS * 9
    assert ping.lost == 0, f"{ping.lost} of {ping.sent}"


@pytest.mark.parametrize("side", ("a", "b"), ids=("client-initiated", "gateway-initiated"))
def test_exactly_one_rekey_and_no_spurious_ones(seen, side):
    """Two handshakes in 200 s: the first, and the initiator's rekey after 120 s."""
    frames = seen.frames[f"{side}c1"]
    by_client = side == "a"
    assert len(kinds(frames, INITIATION, outgoing=by_client)) == 2
    assert len(kinds(frames, INITIATION, outgoing=not by_client)) == 0
    assert len(kinds(frames, RESPONSE)) == 2


def test_idle_tunnel_is_silent(seen):
    """Three minutes without traffic and without keepalive: not one packet either way."""
    assert seen.frames["ac2"] == []


def test_passive_keepalive_after_one_way_data(seen):
    incoming = kinds(seen.after_probe, DATA, outgoing=False)
    assert [len(f[2]) for f in incoming] == [KEEPALIVE]
    assert len(kinds(seen.after_probe, DATA, outgoing=True)) == 1


def test_persistent_keepalive_of_the_gateway(seen):
    """One every 25 s; the client answers none of them."""
    sent = kinds(seen.frames["bc2"], DATA, outgoing=False)
    assert all(len(f[2]) == KEEPALIVE for f in sent)
    assert SECONDS // 25 - 1 <= len(sent) <= SECONDS // 25 + 3
