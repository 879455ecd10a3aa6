# SPDX-License-Identifier: BSD-3-Clause
"""Sessions begin from either side, over IPv4 and IPv6 outside and inside, with and without PSK.

    c1 (wireguard-go) ====== gw (wgdp) ------ lan
"""

import pytest

from lab import genkey, genpsk
from world import LAN_HOST4, LAN_HOST6, tunnel_ips

CLIENT_PORT = 40000


@pytest.fixture(scope="module")
def gateway(bare):
    return bare.make_wgdp(peers={}).start()


@pytest.fixture
def c1(bare, gateway):
    """A client without a session, and a gateway that does not know it."""
    client = bare.clients["c1"]
    yield client
    gateway.ctl("del-peer", bare.wg, "c1", check=False)
    client.stop()


@pytest.mark.parametrize("psk", (False, True), ids=("nopsk", "psk"))
@pytest.mark.parametrize("outer", (4, 6))
@pytest.mark.parametrize("starter", ("client", "gateway"))
def test_session(bare, gateway, c1, starter, outer, psk):
    secret = genpsk() if psk else None
    words = ["--public-key", c1.public_key, "--allowed-ips", ",".join(tunnel_ips(2))]
    if psk:
        psk_file = bare.lab.dir / "psk"
        psk_file.touch(mode=0o600)
        psk_file.write_text(secret + "\n")
        words += ["--preshared-key-file", psk_file]
    if starter == "gateway":
        host = "192.0.2.2" if outer == 4 else "[2001:db8:1::2]"
        words += ["--endpoint", f"{host}:{CLIENT_PORT}"]
    gateway.ctl("add-peer", bare.wg, "c1", *words)
    c1.listen_port = CLIENT_PORT
    bare.start_client("c1", family=outer, psk=secret)
    if starter == "gateway":
        # The client may not start by itself: it knows the gateway by key only.
        c1.set("peer", bare.public_key, "remove")
        c1.peer(bare.public_key, allowed_ips=["0.0.0.0/0", "::/0"], psk=secret)
        bare.expect_ping(bare.lan, "10.8.0.2", 3)
        bare.expect_ping(bare.lan, "fd00:8::2", 3)
    else:
        bare.expect_ping(c1.ns, LAN_HOST4, 3)
        bare.expect_ping(c1.ns, LAN_HOST6, 3)

    seen = c1.dump()[1][bare.public_key]
    assert int(seen["latest_handshake"]) > 0
    assert int(seen["rx_bytes"]) > 0 and int(seen["tx_bytes"]) > 0
    assert seen["endpoint"] == bare.endpoint("c1", outer)
    shown = gateway.show(bare.wg, "c1")
    assert shown["session"]["role"] == ("responder" if starter == "client" else "initiator")
    assert shown["has_preshared_key"] is psk
    assert shown["last_handshake_ns"] > 0


def test_wrong_psk_gives_no_session(bare, gateway, c1):
    psk_file = bare.lab.dir / "psk"
    psk_file.touch(mode=0o600)
    psk_file.write_text(genpsk() + "\n")
    gateway.ctl("add-peer", bare.wg, "c1", "--public-key", c1.public_key,
                "--allowed-ips", ",".join(tunnel_ips(2)), "--preshared-key-file", psk_file)
    bare.start_client("c1", psk=genpsk())
    got, _ = c1.ns.ping("10.8.0.1", 3)
    assert got == 0
    assert gateway.show(bare.wg, "c1")["session"] is None


def test_unknown_peer_is_rejected_and_counted(bare, gateway, c1):
    before = gateway.drops("handshake_rejected")
    bare.start_client("c1")
    got, _ = c1.ns.ping("10.8.0.1", 2)
    assert got == 0
    assert gateway.drops("handshake_rejected") > before


def test_foreign_gateway_key_fails_mac1(bare, gateway, c1):
    """A client that believes in another gateway key: mac1 is made with the wrong key."""
    before = gateway.drops("mac1_invalid")
    c1.start()
    c1.peer(genkey()[1], endpoint=bare.endpoint("c1"), allowed_ips=["10.8.0.0/16"])
    c1.routes("10.8.0.0/16")
    got, _ = c1.ns.ping("10.8.0.1", 2)
    assert got == 0
    assert gateway.drops("mac1_invalid") > before
