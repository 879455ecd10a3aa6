# SPDX-License-Identifier: BSD-3-Clause
"""Keys change under way, and keys that may never lead to a session.

    c1 (wireguard-go, Linux) ====== gw (wgdp) ------ lan
"""

import base64

import pytest

from lab import genkey, genpsk, run, wg_dump
from sites import C1_PORT
from world import LAN_HOST4, PORT

INITIATION, DATA = 1, 4
# The points of small order of Curve25519 and their non-canonical forms (RFC 7748, section 6.1
# asks for a check of the all-zero result; the list is that of the curve's author).
LOW_ORDER = [bytes.fromhex(h) for h in (
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f")]


@pytest.fixture(scope="module")
def running(site):
    site.start()
    site.know()
    site.expect_ping(site.inner, LAN_HOST4, wait=10)
    return site


def no_session(site):
    got, _ = site.inner.ping(LAN_HOST4, 3)
    assert got == 0
    assert int(site.seen()["latest_handshake"]) == 0


def expect_no_initiation(site, sniffer):
    """... while what the gateway sends is seen."""
    site.expect_ping(site.inner, LAN_HOST4, 2)
    sent = [kind for kind, _ in site.from_gateway(sniffer.wireguard(PORT))]
    assert DATA in sent and INITIATION not in sent


def test_psk_change(running):
    """The session lives on; the next handshake needs the new key at both ends."""
    secret = genpsk()
    running.gateway.ctl("set-peer", running.wg, "c1", "--preshared-key-file",
                        running.psk_file(secret))
    running.expect_ping(running.inner, LAN_HOST4, 3)
    running.forget()
    running.know()
    no_session(running)
    running.forget()
    running.know(psk=secret)
    running.expect_ping(running.inner, LAN_HOST4, 3, wait=10)
    assert running.shown()["has_preshared_key"] is True


def test_psk_removed(running):
    running.gateway.ctl("set-peer", running.wg, "c1", "--preshared-key-file", "none")
    running.forget()
    running.know()
    running.expect_ping(running.inner, LAN_HOST4, 3, wait=10)
    assert running.shown()["has_preshared_key"] is False


def test_low_order_peers(running):
    """They are configured, with an endpoint and traffic, and nothing is ever sent to them."""
    gateway, sniffer = running.gateway, running.sniffer()
    try:
        for i, key in enumerate(LOW_ORDER):
            gateway.ctl("add-peer", running.wg, f"low{i}", "--public-key",
                        base64.b64encode(key).decode(), "--allowed-ips", f"10.8.9.{i}/32",
                        "--endpoint", f"192.0.2.2:{C1_PORT}", "--persistent-keepalive", "1")
        for i in range(len(LOW_ORDER)):
            got, _ = running.lan.ping(f"10.8.9.{i}", wait=0.3)
            assert got == 0
        expect_no_initiation(running, sniffer)
        for i in range(len(LOW_ORDER)):
            assert gateway.show(running.wg, f"low{i}")["session"] is None
            gateway.ctl("del-peer", running.wg, f"low{i}")
    finally:
        sniffer.close()


def test_low_order_gateway(running):
    """c1 believes that the gateway's key is the zero point: whatever it sends leads nowhere."""
    zero = base64.b64encode(bytes(32)).decode()
    running.forget()
    running.know(public_key=zero)
    got, _ = running.inner.ping(LAN_HOST4, 2)
    assert got == 0
    running.forget(zero)
    running.know()
    running.expect_ping(running.inner, LAN_HOST4, wait=10)


def test_self_as_peer(running):
    """The gateway's own key as a peer, aimed at the gateway itself: no session; c1 is unharmed."""
    gateway, sniffer = running.gateway, running.sniffer()
    try:
        run(["wg", "set", running.wg, "peer", running.public_key, "endpoint",
             f"192.0.2.1:{PORT}", "persistent-keepalive", "1", "allowed-ips", "10.8.8.0/24"],
            check=False)
        got, _ = running.lan.ping("10.8.8.1", 2, wait=0.5)
        assert got == 0
        expect_no_initiation(running, sniffer)
        assert wg_dump(running.wg)[1].get(running.public_key, {}).get("latest_handshake",
                                                                      "0") == "0"
        run(["wg", "set", running.wg, "peer", running.public_key, "remove"], check=False)
        assert gateway.alive()
    finally:
        sniffer.close()


def test_gateway_key_change(running):
    """Sessions under the old key end at once; who knows the new key gets one."""
    private, public = genkey()
    run(["wg", "set", running.wg, "private-key", "/dev/stdin"], stdin=private + "\n")
    got, _ = running.lan.ping("10.8.0.2", 2)
    assert got == 0
    running.forget()
    running.know()
    no_session(running)
    running.forget()
    running.public_key = public
    running.know()
    running.expect_ping(running.inner, LAN_HOST4, 3, wait=10)


def test_gateway_key_becomes_that_of_a_peer(running):
    """A peer whose public key turns into the gateway's own is silent from then on."""
    private, public = genkey()
    running.gateway.ctl("add-peer", running.wg, "mirror", "--public-key", public,
                        "--allowed-ips", "10.8.7.0/24", "--endpoint", f"192.0.2.2:{C1_PORT}")
    run(["wg", "set", running.wg, "private-key", "/dev/stdin"], stdin=private + "\n")
    running.forget()
    running.public_key = public
    running.know()
    running.expect_ping(running.inner, LAN_HOST4, 3, wait=10)
    sniffer = running.sniffer()
    try:
        got, _ = running.lan.ping("10.8.7.1", 2, wait=0.5)
        assert got == 0
        expect_no_initiation(running, sniffer)
    finally:
        sniffer.close()
