# SPDX-License-Identifier: BSD-3-Clause
"""What no proper client sends, and what others' gateways got wrong: replays, answers to old
handshakes, both sides starting at once, cookies, keys that never lead to a session.

    c1 (raw messages) ====== gw (wgdp) ------ lan
"""

import base64
import itertools
import os
import subprocess
import time
from types import SimpleNamespace

import pytest

from lab import run, wait_until
from raw_client import (COOKIE_REPLY, DATA, INITIATION, NO_MAC2, RESPONSE, RawClient, index_of,
                        mac, public_of)
from world import PORT

_numbers = itertools.count(10)


@pytest.fixture(scope="module")
def gateway(bare):
    return bare.make_wgdp(peers={}).start()


@pytest.fixture
def made(bare, gateway):
    """make(**settings) adds a peer with a RawClient; show(client) is what the gateway says."""
    names = []

    def make(known=False, **settings):
        client = RawClient(bare.c1, "192.0.2.2", bare.public_key, ("192.0.2.1", PORT))
        number = next(_numbers)
        client.name, client.ip = f"raw{number}", f"10.8.1.{number}"
        names.append(client.name)
        if known:
            settings["endpoint"] = f"192.0.2.2:{client.port}"
        client.settings = {"public_key": client.public_key,
                           "allowed_ips": [f"{client.ip}/32"], **settings}
        put(client)
        return client

    def put(client):
        gateway.api("PUT", f"/v1/interfaces/{bare.wg}/peers/{client.name}", client.settings)

    def delete(client):
        gateway.api("DELETE", f"/v1/interfaces/{bare.wg}/peers/{client.name}")

    yield SimpleNamespace(make=make, put=put, delete=delete,
                          show=lambda c: gateway.show(bare.wg, c.name))
    for name in names:
        gateway.request("DELETE", f"/v1/interfaces/{bare.wg}/peers/{name}")


def rises(gateway, reason, by):
    """A context in which a drop counter rises by exactly so much."""
    class Context:
        def __enter__(self):
            self.before = gateway.drops(reason)

        def __exit__(self, kind, *rest):
            if kind is None:
                wait_until(lambda: gateway.drops(reason) >= self.before + by, 3, reason)
                assert gateway.drops(reason) == self.before + by
    return Context()


def ping_from_lan(bare, client):
    """A packet for the client; nobody waits for an answer."""
    subprocess.Popen(bare.lan.argv(["ping", "-n", "-c", 1, "-W", 1, client.ip]),
                     stdout=subprocess.DEVNULL)


def session_of(made, client):
    return wait_until(lambda: made.show(client)["session"], 3, "a session")


def endpoint_port(made, client):
    return int(made.show(client)["endpoint"].split(":")[1])


def test_responder_waits_for_the_first_packet(bare, gateway, made):
    client = made.make()
    session = client.connect()
    assert made.show(client)["session"] is None
    ping_from_lan(bare, client)
    assert client.receive(1) is None
    client.send(session.data())
    assert len(session.open(client.receive(kind=DATA))) >= 84
    assert made.show(client)["session"]["local_index"] == session.remote_index
    assert made.show(client)["session"]["role"] == "responder"


def test_replays_change_nothing(gateway, made):
    client = made.make()
    initiation = client.initiation()
    client.send(initiation)
    session = client.finish(client.receive(kind=RESPONSE))
    packet = session.data()
    client.send(packet)
    session_of(made, client)
    elsewhere = client.new_socket()
    with rises(gateway, "handshake_rejected", 1):
        client.send(initiation, elsewhere)
    with rises(gateway, "replay", 1):
        client.send(packet, elsewhere)
    assert endpoint_port(made, client) == client.port
    client.send(session.data(), elsewhere)
    wait_until(lambda: endpoint_port(made, client) == elsewhere.getsockname()[1], 3, "it roams")


def test_no_initiation_within_5_s_of_a_response(bare, gateway, made):
    client = made.make()
    client.connect()  # never confirmed: the gateway has nothing to send on
    start = time.monotonic()
    ping_from_lan(bare, client)
    assert client.receive(12, INITIATION)
    assert time.monotonic() - start > 4.5


def test_cookie_reply_puts_mac2_on_the_retry(gateway, made):
    client = made.make(known=True, persistent_keepalive=25)
    first = client.receive(5, INITIATION)
    start = time.monotonic()
    assert first[-16:] == NO_MAC2
    cookie = os.urandom(16)
    client.send(client.cookie_reply(first, cookie), client.new_socket())
    second = client.receive(12, INITIATION)
    assert time.monotonic() - start > 4.5
    assert second[-16:] == mac(cookie, second[:-16])
    assert index_of(second) != index_of(first) and second[8:40] != first[8:40]
    assert endpoint_port(made, client) == client.port  # no roaming on cookie replies
    with rises(gateway, "handshake_rejected", 1):
        client.send(client.respond(first)[0])  # it came too late
    response, session = client.respond(second)
    client.send(response)
    assert session.open(client.receive(kind=DATA)) == b""
    with rises(gateway, "handshake_rejected", 2):
        client.send(response)
        client.send(response)
    assert made.show(client)["session"]["role"] == "initiator"


def test_both_start_at_once(bare, gateway, made):
    client = made.make(known=True, persistent_keepalive=25)
    theirs = client.receive(5, INITIATION)
    ours = client.connect()
    response, settled = client.respond(theirs)
    client.send(response)
    assert settled.open(client.receive(kind=DATA)) == b""
    with rises(gateway, "unknown_index", 0):
        client.send(ours.data())  # still good for what is under way
        client.send(settled.data())
    ping_from_lan(bare, client)
    assert len(settled.open(client.receive(kind=DATA))) >= 84


def test_peer_removed_with_a_handshake_under_way(gateway, made):
    client = made.make(known=True, persistent_keepalive=25)
    response, _ = client.respond(client.receive(5, INITIATION))
    made.delete(client)
    with rises(gateway, "handshake_rejected", 2):
        client.send(response)
        client.send(client.initiation())
    client.settings.pop("endpoint")
    made.put(client)
    client.send(client.connect().data())
    session_of(made, client)


def test_keys_that_never_lead_to_a_session(bare, gateway, made):
    """... nor, with traffic and keepalives, to more than a line of the log each."""
    silent = made.make(known=True, public_key=bare.public_key, persistent_keepalive=1)
    low = made.make(known=True, public_key=base64.b64encode(b"\x01" + bytes(31)).decode(),
                    persistent_keepalive=1)
    lost = made.make(persistent_keepalive=1)
    for client in (silent, low, lost):
        bare.lan.run(["ping", "-n", "-c", 20, "-i", 0.02, "-W", 1, client.ip], check=False)
    for client in (silent, low):
        assert client.receive(1) is None
    said = gateway.log.read_text()
    for client in (silent, low, lost):
        assert said.count(f"{client.name}: cannot start a handshake") <= 1


def test_roaming_to_and_fro_does_not_fill_the_log(gateway, made):
    client = made.make()
    session = client.connect()
    other = client.new_socket()
    for i in range(100):
        client.send(session.data(), other if i % 2 else None)
        time.sleep(0.002)
    wait_until(lambda: made.show(client)["rx_packets"] == 100, 3, "all arrive")
    assert gateway.log.read_text().count(f"{client.name}: roamed") <= 2


def test_under_load_mac2_is_demanded(bare, gateway, made):
    client = made.make()
    bare.c1.ip("addr replace 192.0.2.77/24 dev eth0")  # a source has so many answers a second
    flood = RawClient(bare.c1, "192.0.2.77", bare.public_key, client.to)
    messages = [flood.initiation() for _ in range(600)]

    def press():
        for m in messages:
            flood.send(m)
        return gateway.drops("mac2_required") > before

    before = gateway.drops("mac2_required")
    wait_until(press, 10, "it is under load", every=0)
    client.send(client.initiation())
    client.take_cookie(client.receive(kind=COOKIE_REPLY))
    press()
    time.sleep(0.3)  # still under load, with room in the queue
    session = client.connect()
    client.send(session.data())
    session_of(made, client)
    time.sleep(1)  # the load is over for whoever comes next


def test_new_private_key_ends_sessions(bare, gateway, made):
    client = made.make()
    session = client.connect()
    client.send(session.data())
    session_of(made, client)
    new = bytearray(os.urandom(32))
    run(["wg", "set", bare.wg, "private-key", "/dev/stdin"],
        stdin=base64.b64encode(new).decode() + "\n")
    try:
        assert made.show(client)["session"] is None
        with rises(gateway, "unknown_index", 1):
            client.send(session.data())
        client.gateway = public_of(bytes(new))
        time.sleep(0.05)  # initiations of a peer are accepted 20 ms apart at the least
        client.send(client.connect().data())
        session_of(made, client)
    finally:
        run(["wg", "set", bare.wg, "private-key", "/dev/stdin"],
            stdin=bare.keys[bare.wg][0] + "\n")
