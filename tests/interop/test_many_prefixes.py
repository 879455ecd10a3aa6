# SPDX-License-Identifier: BSD-3-Clause
"""130 000 allowed-IPs of one peer, and of as many: given by wg setconf, syncconf and set, shown by
wg and by HTTP, kept over a crash, and routed by.

    c1 ====== gw (wgdp) ------ lan
"""

import base64
import os

import pytest

from lab import genkey, run, wg_dump
from world import LAN_HOST4, PORT

# As many, and the same, as in the kernel's own test.
PREFIXES = [p for a in range(1, 256) for b in range(256)
            for p in (f"{a}.{b}.0.0/16", f"{a:x}::{f'{b:x}' if b else ''}/128")]
BOUND = 180  # seconds; on a quiet machine a few, but for the 130 000 peers
INSIDE = "77.33.0.1"


@pytest.fixture(scope="module")
def big(bare):
    """A gateway with room for them, and c1 with nothing but its key."""
    config = bare.config(memory_mb=2560)
    config["dataplane"]["max_peers"] = 140000
    bare.make_wgdp(config=config, peers={}).start(timeout=60)
    bare.start_client("c1")
    bare.lan.ip(f"route add {INSIDE} via 10.20.0.1")
    bare.c1.ip(f"addr add {INSIDE}/32 dev {bare.clients['c1'].name}")
    return bare


@pytest.fixture(scope="module")
def filled(big):
    """... and all of the prefixes are c1's."""
    setconf(big, (big.clients["c1"].public_key, PREFIXES))
    return big


def conf(world, *peers):
    rows = ["[Interface]", f"PrivateKey = {world.keys[world.wg][0]}", f"ListenPort = {PORT}"]
    for key, prefixes in peers:
        rows += ["[Peer]", f"PublicKey = {key}"] + [f"AllowedIPs = {p}" for p in prefixes]
    file = world.lab.dir / "big.conf"
    file.write_text("\n".join(rows) + "\n")
    return file


def setconf(world, *peers):
    run(["wg", "setconf", world.wg, conf(world, *peers)], timeout=BOUND)


def allowed_ips(world):
    """{key: prefixes}, as wg shows them."""
    said = run(["wg", "show", world.wg, "allowed-ips"], timeout=BOUND).stdout
    rows = [line.split("\t") for line in said.splitlines()]
    return {key: set(rest.split()) - {"(none)"} for key, rest in rows}


def keys(n):
    """Public keys by the thousand: any 32 bytes will do."""
    return [base64.b64encode(os.urandom(32)).decode() for _ in range(n)]


def test_show_dump_and_http_have_all(filled):
    key = filled.clients["c1"].public_key
    assert allowed_ips(filled) == {key: set(PREFIXES)}
    assert set(wg_dump(filled.wg)[1][key]["allowed_ips"].split(",")) == set(PREFIXES)
    page = filled.gateway.api("GET", f"/v1/interfaces/{filled.wg}/peers?limit=1")
    assert len(page["peers"]) == 1 and page["next"] is None
    assert set(page["peers"][0]["allowed_ips"]) == set(PREFIXES)


def test_they_are_routed_by(filled):
    filled.expect_ping(filled.c1, LAN_HOST4, wait=10)
    filled.expect_ping(filled.lan, INSIDE, 3)
    filled.expect_ping(filled.c1, LAN_HOST4, 3, source=INSIDE)


def test_showconf_goes_round_by_syncconf(filled):
    """... without the session noticing."""
    key = filled.clients["c1"].public_key
    filled.expect_ping(filled.c1, LAN_HOST4, wait=10)
    before = wg_dump(filled.wg)[1][key]["latest_handshake"]
    file = filled.lab.dir / "shown.conf"
    file.write_text(run(["wg", "showconf", filled.wg], timeout=BOUND).stdout)
    run(["wg", "syncconf", filled.wg, file], timeout=BOUND)
    assert allowed_ips(filled) == {key: set(PREFIXES)}
    assert wg_dump(filled.wg)[1][key]["latest_handshake"] == before
    filled.expect_ping(filled.lan, INSIDE, 3)


def test_kept_over_kill_9(filled):
    filled.gateway.kill()
    filled.gateway.start(timeout=60)
    assert allowed_ips(filled) == {filled.clients["c1"].public_key: set(PREFIXES)}


def test_half_of_them_moves_to_another_peer(filled):
    key, other = filled.clients["c1"].public_key, genkey()[1]
    half = PREFIXES[:len(PREFIXES) // 2]
    run(["wg", "addconf", filled.wg, conf_of_peer(filled, other, half)], timeout=BOUND)
    assert allowed_ips(filled) == {key: set(PREFIXES) - set(half), other: set(half)}


def conf_of_peer(world, key, prefixes):
    file = world.lab.dir / "peer.conf"
    file.write_text(f"[Peer]\nPublicKey = {key}\nAllowedIPs = {', '.join(prefixes)}\n")
    return file


@pytest.mark.parametrize("peers, each", ((40, 52), (30, 0), (1, 197)))
def test_answers_of_other_shapes(big, peers, each):
    """Those that the kernel splits between two messages; one more peer has none, or two."""
    want = {key: {f"{a + 1}.{b + 1}.0.0/16" for b in range(each)}
            for a, key in enumerate(keys(peers))}
    want[keys(1)[0]] = {"255.2.3.4/32", "abcd::255/128"} if each == 0 else set()
    setconf(big, *want.items())
    assert allowed_ips(big) == want
    assert run(["wg", "showconf", big.wg]).stdout.count("[Peer]") == peers + 1


@pytest.mark.long
def test_130000_peers(big):
    """A line each; HTTP has them in pages; and they do not hold up the end."""
    want = {key: {f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32"}
            for i, key in enumerate(keys(130000))}
    setconf(big, *want.items())
    assert allowed_ips(big) == want
    assert {p["public_key"]: set(p["allowed_ips"])
            for p in big.gateway.list_peers(big.wg, page=10000)} == want
    assert big.gateway.process.stop(timeout=BOUND) == 0
