# SPDX-License-Identifier: BSD-3-Clause
"""Stock wg in its verbs, against the userspace API.

    c1 ====== gw (wgdp) ------ lan
    c2 ========|
"""

import base64
import os

import pytest

from lab import PingStream, genkey, genpsk, run, wait_until, wg_dump
from world import LAN_HOST4, PORT


def wg_set(world, *words, stdin=None):
    return run(["wg", "set", world.wg, *words], stdin=stdin)


def test_dump_has_the_interface_and_each_peer(world):
    interface, peers = wg_dump(world.wg)
    assert interface == [world.keys[world.wg][0], world.public_key, str(PORT), "off"]
    assert set(peers) == {c.public_key for c in world.clients.values()}
    c2 = peers[world.clients["c2"].public_key]
    assert c2["preshared_key"] == world.psk
    assert c2["allowed_ips"].split(",") == ["10.8.0.3/32", "fd00:8::3/128"]
    assert c2["endpoint"].startswith("198.51.100.2:")
    assert int(c2["latest_handshake"]) > 0 and int(c2["rx_bytes"]) > 0
    assert c2["persistent_keepalive"] == "off"


def test_show_all_for_people(world):
    said = run(["wg", "show", world.wg]).stdout
    assert f"interface: {world.wg}" in said and "latest handshake" in said
    assert world.wg in run(["wg", "show", "interfaces"]).stdout.split()


def test_allowed_ips_move_at_once(world):
    k1, k2 = (world.clients[c].public_key for c in ("c1", "c2"))
    world.expect_ping(world.c1, LAN_HOST4)
    before = world.gateway.drops("source_not_allowed")
    wg_set(world, "peer", k2, "allowed-ips", "10.8.0.3/32,10.8.0.2/32")
    try:
        got, _ = world.c1.ping(LAN_HOST4, 3)
        assert got == 0
        assert world.gateway.drops("source_not_allowed") == before + 3
        peers = wg_dump(world.wg)[1]
        assert set(peers[k2]["allowed_ips"].split(",")) == {"10.8.0.3/32", "10.8.0.2/32"}
        assert peers[k1]["allowed_ips"] == "fd00:8::2/128"
    finally:
        wg_set(world, "peer", k1, "allowed-ips", "10.8.0.2/32,fd00:8::2/128",
               "peer", k2, "allowed-ips", "10.8.0.3/32,fd00:8::3/128")
    world.expect_ping(world.c1, LAN_HOST4)
    world.expect_ping(world.c2, LAN_HOST4)


def test_set_adds_and_removes_a_peer(world):
    key = genkey()[1]
    psk = genpsk()
    wg_set(world, "peer", key, "preshared-key", "/dev/stdin", "endpoint", "192.0.2.50:1234",
           "persistent-keepalive", "25", "allowed-ips", "10.8.1.0/24,fd00:8::100/120",
           stdin=psk + "\n")
    row = wg_dump(world.wg)[1][key]
    assert row["preshared_key"] == psk and row["endpoint"] == "192.0.2.50:1234"
    assert set(row["allowed_ips"].split(",")) == {"10.8.1.0/24", "fd00:8::100/120"}
    assert row["persistent_keepalive"] == "25"
    wg_set(world, "peer", key, "remove")
    assert key not in wg_dump(world.wg)[1]
    world.expect_ping(world.c1, LAN_HOST4)


def test_showconf_round_trip_by_syncconf(world):
    conf = run(["wg", "showconf", world.wg]).stdout
    assert world.keys[world.wg][0] in conf and world.psk in conf
    extra = genkey()[1]
    file = world.lab.dir / "sync.conf"
    file.write_text(conf + f"\n[Peer]\nPublicKey = {extra}\nAllowedIPs = 10.8.2.0/24\n")
    before = {k: p["latest_handshake"] for k, p in wg_dump(world.wg)[1].items()}
    run(["wg", "syncconf", world.wg, file])
    peers = wg_dump(world.wg)[1]
    assert peers[extra]["allowed_ips"] == "10.8.2.0/24"
    assert {k: peers[k]["latest_handshake"] for k in before} == before, "sessions were disturbed"
    file.write_text(conf)
    run(["wg", "syncconf", world.wg, file])
    assert extra not in wg_dump(world.wg)[1]
    world.expect_ping(world.c1, LAN_HOST4, 3)


@pytest.mark.parametrize("words", (
    ("peer", "AAAA", "remove"),
    ("peer", "not-a-key", "allowed-ips", "10.0.0.0/8"),
))
def test_bad_keys_are_refused(world, words):
    assert run(["wg", "set", world.wg, *words], check=False).returncode != 0


def test_what_wg_set_wrote_survives_kill_9(world):
    key = genkey()[1]
    wg_set(world, "peer", key, "allowed-ips", "10.8.3.0/24")
    wg_set(world, "peer", world.clients["c2"].public_key, "persistent-keepalive", "33")
    world.gateway.kill()
    world.gateway.start()
    peers = wg_dump(world.wg)[1]
    assert peers[key]["allowed_ips"] == "10.8.3.0/24"
    assert peers[world.clients["c2"].public_key]["persistent_keepalive"] == "33"


def many(n, octet):
    """A file of n peers as wg reads it, and their keys."""
    keys = [base64.b64encode(os.urandom(32)).decode() for _ in range(n)]
    return keys, "".join(f"[Peer]\nPublicKey = {k}\nAllowedIPs = 10.8.{octet + i // 250}."
                         f"{i % 250}/32\nPersistentKeepalive = 0\n" for i, k in enumerate(keys))


def test_addconf_setconf_and_syncconf_of_many(world):
    """As many as the gateway takes here; nobody's session is disturbed by what others do."""
    keys, text = many(900, 100)
    original = run(["wg", "showconf", world.wg]).stdout
    sessions = {k: p["latest_handshake"] for k, p in wg_dump(world.wg)[1].items()}
    file = world.lab.dir / "many.conf"
    file.write_text(text)
    with PingStream(world.lab, world.c1, LAN_HOST4) as pings:
        run(["wg", "addconf", world.wg, file])
        peers = wg_dump(world.wg)[1]
        assert set(keys) | set(sessions) <= set(peers)
        assert peers[keys[899]]["allowed_ips"] == "10.8.103.149/32"
        for what in ("peers", "allowed-ips", "endpoints", "transfer", "latest-handshakes",
                     "persistent-keepalive", "preshared-keys"):
            assert len(run(["wg", "show", world.wg, what]).stdout.splitlines()) == len(peers)
        # syncconf to one half: the others go, and nothing else happens.
        file.write_text(original + text[:text.index(f"[Peer]\nPublicKey = {keys[450]}")])
        run(["wg", "syncconf", world.wg, file])
        assert set(wg_dump(world.wg)[1]) == set(keys[:450]) | set(sessions)
        # too many at once: refused, and nothing of it is there.
        file.write_text(many(999, 120)[1])
        assert run(["wg", "addconf", world.wg, file], check=False).returncode != 0
        assert set(wg_dump(world.wg)[1]) == set(keys[:450]) | set(sessions)
    assert pings.lost == 0
    now = wg_dump(world.wg)[1]
    assert {k: now[k]["latest_handshake"] for k in sessions} == sessions
    # setconf replaces all, also by a file with a single peer; then back again.
    file.write_text(original)
    run(["wg", "setconf", world.wg, file])
    assert set(wg_dump(world.wg)[1]) == set(sessions)
    world.expect_ping(world.c1, LAN_HOST4, 3, wait=5)


def test_new_private_key(world):
    """Clients that know the new public key get in; the old key is dead."""
    private, public = genkey()
    wg_set(world, "private-key", "/dev/stdin", stdin=private + "\n")
    assert wg_dump(world.wg)[0][:2] == [private, public]
    c1 = world.clients["c1"]
    c1.set("peer", world.public_key, "remove")
    c1.peer(public, endpoint=world.endpoint("c1"), allowed_ips=["0.0.0.0/0"])
    wait_until(lambda: c1.ns.ping("10.8.0.1", wait=6)[0], 15, "an answer under the new key")
