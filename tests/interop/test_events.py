# SPDX-License-Identifier: BSD-3-Clause
"""What is told of clients and of changes, files that are edited while the gateway runs, and
clients that a hook lets in.

    c1 (wireguard-go) ====== gw (wgdp) ------ lan
    hook.sock (this process)
"""

import json
import os
import signal
import socket
import threading
import time

import pytest
import yaml

from lab import UnixHttp, genkey, run, wait_until
from raw_client import RawClient
from world import LAN_HOST4, PORT, tunnel_ips

HOOK_IDLE = 3


class Followed:
    """A follower of /v1/events; lines as they came, since a cursor."""

    def __init__(self, gateway, after=None):
        self.lines = []
        self.conn = UnixHttp(gateway.socket, timeout=60)
        self.conn.request("GET", "/v1/events" + (f"?after={after}" if after is not None else ""))
        self.answer = self.conn.getresponse()
        assert self.answer.status == 200
        assert self.answer.getheader("Content-Type") == "application/x-ndjson"
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            while line := self.answer.readline():
                self.lines.append(json.loads(line))
        except (OSError, ValueError, AttributeError):
            pass  # closed

    def wait(self, kind, timeout=20, **members):
        """The first event of that kind with these members; it and all before it are taken."""
        def find():
            for i, e in enumerate(self.lines):
                if e["type"] == kind and all(e.get(k) == v for k, v in members.items()):
                    del self.lines[:i + 1]
                    return e
            return None
        return wait_until(find, timeout, f"an event {kind} {members}")

    def close(self):
        self.conn.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.conn.close()


class Hook:
    """Answers each question by a function of the question; counts them."""

    def __init__(self, path):
        self.questions, self.answer = [], lambda q: {"allow": False}
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(str(path))
        self.sock.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn:
                question = json.loads(conn.makefile().readline())
                self.questions.append(question)
                reply = self.answer(question)
                if reply is not None:
                    conn.sendall(json.dumps(reply).encode() + b"\n")
                else:
                    time.sleep(30)  # never


@pytest.fixture(scope="module")
def gw(bare):
    config = bare.config(unknown_peer_hook="hook.sock", unknown_peer_idle=HOOK_IDLE)
    config["control"]["readonly_socket"] = str(bare.lab.dir / "ro.sock")
    config["control"]["readonly_mode"] = "0606"
    bare.make_wgdp(config=config)
    bare.gateway.start()
    bare.hook = Hook(bare.gateway.dir / "hook.sock")
    bare.start_client("c1")
    bare.expect_ping(bare.c1, LAN_HOST4, wait=8)
    yield bare
    bare.hook.sock.close()


def read_db(gw):
    return yaml.safe_load((gw.gateway.dir / f"{gw.wg}.peers.yaml").read_text())


def write_db(gw, db):
    path = gw.gateway.dir / f"{gw.wg}.peers.yaml"
    new = path.with_suffix(".new")
    new.write_text(yaml.safe_dump(db, sort_keys=False))
    new.rename(path)


def test_connected_and_roamed(gw):
    f = Followed(gw.gateway)
    seen = f.wait("connected", peer="c1")
    assert seen["interface"] == gw.wg and seen["role"] == "responder"
    assert seen["public_key"] == gw.clients["c1"].public_key
    assert seen["endpoint"].startswith("192.0.2.2:")
    gw.clients["c1"].set("listen-port", 40777)
    gw.expect_ping(gw.c1, LAN_HOST4)
    moved = f.wait("roamed", peer="c1", endpoint="192.0.2.2:40777")
    # A cursor: nothing again, and what comes.
    g = Followed(gw.gateway, after=moved["seq"])
    key = genkey()[1]
    gw.gateway.ctl("add-peer", gw.wg, "n1", "--public-key", key, "--allowed-ips", "10.8.7.1/32")
    added = g.wait("peer_added")
    assert added["peer"] == "n1" and added["uid"] == os.getuid() and added["pid"] > 0
    assert f.wait("peer_added")["seq"] == added["seq"] > moved["seq"]
    gw.gateway.ctl("del-peer", gw.wg, "n1")
    assert g.wait("peer_removed", peer="n1")["via"] == "the control socket"
    run(["wg", "set", gw.wg, "peer", key, "allowed-ips", "10.8.7.2/32"])
    assert g.wait("peer_added", public_key=key)["via"] == "wg"
    run(["wg", "set", gw.wg, "peer", key, "remove"])
    f.close()
    g.close()
    assert f"(uid {os.getuid()}, pid " in gw.gateway.log.read_text()


def test_ctl_shows_them(gw):
    said = gw.gateway.ctl("events").stdout
    assert f"connected {gw.wg} c1 at 192.0.2.2:" in said and "peer_added" in said
    rows = [json.loads(line) for line in gw.gateway.ctl("--json", "events").stdout.splitlines()]
    after = rows[-2]["seq"]
    rest = gw.gateway.ctl("--json", "events", "--after", str(after)).stdout.splitlines()
    assert json.loads(rest[0])["seq"] == rows[-1]["seq"]
    gap = gw.gateway.ctl("--json", "events", "--after", "5").stdout.splitlines()[0]
    assert json.loads(gap)["type"] == "gap" and json.loads(gap)["lost"] is None


def test_rejected_says_why(gw):
    f = Followed(gw.gateway, after=gw.gateway.ctl("--json", "events").stdout.splitlines()
                 and json.loads(gw.gateway.ctl("--json", "events").stdout.splitlines()[-1])["seq"])
    c2 = gw.start_client("c2", psk=None)  # the gateway has one for it
    c2.ns.ping("10.8.0.1", wait=1)
    # The response does not authenticate at c2; the gateway itself learns nothing of it. A stale
    # initiation it refuses:
    raw = RawClient(gw.c1, "192.0.2.2", gw.public_key, ("192.0.2.1", PORT))
    gw.gateway.ctl("add-peer", gw.wg, "raw", "--public-key", raw.public_key,
                   "--allowed-ips", "10.8.7.9/32")
    message = raw.initiation()
    raw.send(message)
    assert raw.receive(kind=2)
    time.sleep(0.1)
    raw.send(message)
    told = f.wait("rejected", peer="raw")
    assert told["reason"] == "replayed timestamp"
    gw.gateway.ctl("del-peer", gw.wg, "raw")
    f.close()
    c2.stop()


def test_reload_by_ctl_and_by_signal(gw):
    f = Followed(gw.gateway)
    db = read_db(gw)
    db["peers"].append({"name": "filed", "public_key": genkey()[1],
                        "allowed_ips": ["10.8.7.20/32"]})
    write_db(gw, db)
    dry = json.loads(gw.gateway.ctl("--json", "reload", "--dry-run").stdout)
    assert (dry["added"], dry["changed"], dry["removed"]) == (1, 0, 0)
    assert gw.gateway.request("GET", f"/v1/interfaces/{gw.wg}/peers/filed")[0] == 404
    sent = gw.c1.run(["ping", "-n", "-c", "30", "-i", "0.05", LAN_HOST4], check=False)
    said = gw.gateway.ctl("reload").stdout
    assert f"+ {gw.wg} filed" in said and "1 peers added, 0 changed, 0 removed" in said
    assert " 0% packet loss" in sent.stdout
    assert gw.gateway.show(gw.wg, "filed")["allowed_ips"] == ["10.8.7.20/32"]
    f.wait("reloaded")
    session = gw.gateway.show(gw.wg, "c1")["session"]["local_index"]
    db = read_db(gw)
    db["peers"] = [p for p in db["peers"] if p["name"] != "filed"]
    write_db(gw, db)
    gw.gateway.process.child.send_signal(signal.SIGHUP)
    assert f.wait("peer_removed", peer="filed")["via"] == "SIGHUP"
    f.wait("reloaded")
    assert gw.gateway.show(gw.wg, "c1")["session"]["local_index"] == session
    f.close()


def test_broken_files_change_nothing(gw):
    f = Followed(gw.gateway)
    good = read_db(gw)
    bad = read_db(gw)
    bad["peers"][0]["allowed_ips"] = ["10.8.0.300/32"]
    write_db(gw, bad)
    done = gw.gateway.ctl("reload", check=False)
    assert done.returncode == 1 and ".peers.yaml:" in done.stderr and "10.8.0.300" in done.stderr
    gw.gateway.process.child.send_signal(signal.SIGHUP)
    assert "10.8.0.300" in f.wait("reload_refused", via="SIGHUP")["reason"]
    assert gw.gateway.show(gw.wg, "c1")["allowed_ips"] == tunnel_ips(2)
    write_db(gw, good)
    text = gw.gateway.file.read_text()
    gw.gateway.file.write_text(text.replace("mtu: 1420", "mtu: 1400"))
    done = gw.gateway.ctl("reload", check=False)
    assert done.returncode == 1 and "restart" in done.stderr
    assert "interfaces[0].mtu" in done.stderr
    gw.gateway.file.write_text(text)
    assert gw.gateway.ctl("reload").returncode == 0
    gw.expect_ping(gw.c1, LAN_HOST4)
    f.close()


def test_read_only_socket(gw):
    path = gw.lab.dir / "ro.sock"
    assert path.stat().st_mode & 0o777 == 0o606
    wgdp_ctl = gw.gateway.program("wgdp-ctl")
    assert "c1" in run([wgdp_ctl, "--socket", path, "show", gw.wg]).stdout
    done = run([wgdp_ctl, "--socket", path, "del-peer", gw.wg, "c1"], check=False)
    assert done.returncode == 1 and "nothing can be changed" in done.stderr
    done = run([wgdp_ctl, "--socket", path, "reload"], check=False)
    assert done.returncode == 1


def test_hook_lets_a_client_in_and_out(gw):
    hook, f = gw.hook, Followed(gw.gateway)
    client = gw.start_client("c2", psk=None)
    key = client.public_key
    gw.gateway.ctl("del-peer", gw.wg, "c2")
    hook.answer = lambda q: {"allow": q["public_key"] == key, "peer": {
        "name": "guest", "allowed_ips": tunnel_ips(3)}}
    client.ns.ping("10.8.0.1", wait=1)
    told = f.wait("unknown_key", public_key=key)
    assert told["endpoint"].startswith("198.51.100.2:")
    added = f.wait("peer_added", peer="guest")
    assert added["public_key"] == key and added["via"] == "the hook for unknown peers"
    # Its next try works.
    wait_until(lambda: client.ns.ping("10.8.0.1", wait=1)[0] == 1, 20, "the guest gets in")
    f.wait("connected", peer="guest")
    assert gw.gateway.show(gw.wg, "guest")["transient"] is True
    assert hook.questions[0]["interface"] == gw.wg
    # Not on disk, and left alone by a reload.
    gw.gateway.ctl("reload")
    assert gw.gateway.show(gw.wg, "guest")["name"] == "guest"
    assert "guest" not in [p["name"] for p in read_db(gw)["peers"]]
    # While it talks it stays; then it goes.
    for _ in range(2 * HOOK_IDLE):
        gw.expect_ping(client.ns, "10.8.0.1")
        time.sleep(0.5)
    assert gw.gateway.show(gw.wg, "guest")["transient"] is True
    client.stop()
    gone = f.wait("peer_removed", peer="guest", timeout=HOOK_IDLE + 15)
    assert gone["via"] == "unknown_peer_idle"
    f.close()


def test_hook_that_refuses_lies_or_hangs(gw):
    hook, f = gw.hook, Followed(gw.gateway)

    def stranger():
        raw = RawClient(gw.c1, "192.0.2.2", gw.public_key, ("192.0.2.1", PORT))
        raw.send(raw.initiation())
        f.wait("unknown_key", public_key=raw.public_key)
        wait_until(lambda: hook.questions and hook.questions[-1]["public_key"] == raw.public_key,
                   10, "the hook is asked")
        return raw

    hook.answer = lambda q: {"allow": False}
    raw = stranger()
    asked = len(hook.questions)
    raw.send(raw.initiation())  # asked once, not each time
    f.wait("unknown_key", public_key=raw.public_key)
    time.sleep(0.3)
    assert len(hook.questions) == asked
    for answer in ({"allow": True}, {"allow": "yes", "peer": {}}, [], "no",
                   {"allow": True, "peer": {"allowed_ips": ["x"]}},
                   {"allow": True, "peer": {"name": "c1"}}):
        hook.answer = lambda q, answer=answer: answer
        stranger()
    names = [p["name"] for p in gw.gateway.api("GET", f"/v1/interfaces/{gw.wg}/peers")["peers"]]
    assert names == ["c1"]
    hook.answer = lambda q: None
    stranger()
    gw.expect_ping(gw.c1, LAN_HOST4, 3)
    assert gw.gateway.alive()
    f.close()


def test_forged_key_is_told_of_nobody(gw):
    """An initiation that names somebody's key without having it raises nothing."""
    f = Followed(gw.gateway)
    raw = RawClient(gw.c1, "192.0.2.2", gw.public_key, ("192.0.2.1", PORT))
    other = RawClient(gw.c1, "192.0.2.2", gw.public_key, ("192.0.2.1", PORT))
    raw.public = other.public  # but not its private key
    before = gw.gateway.drops("handshake_rejected")
    raw.send(raw.initiation())
    wait_until(lambda: gw.gateway.drops("handshake_rejected") > before, 10, "it is dropped")
    other.send(other.initiation())
    told = f.wait("unknown_key", endpoint=f"192.0.2.2:{other.port}")
    assert told["public_key"] == other.public_key
    assert not [e for e in f.lines if e.get("endpoint") == f"192.0.2.2:{raw.port}"
                and e["type"] == "unknown_key"]
    f.close()


def test_a_thousand_idle_connections_delay_nobody(gw):
    """Idle ones, a byte a second, bodies without end: requests are served, no ping is lost."""
    stop, held = threading.Event(), []

    def endless():
        while not stop.is_set():
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.settimeout(5)
            try:
                s.connect(str(gw.gateway.socket))
                s.sendall(b"PATCH /v1/interfaces/x/peers HTTP/1.1\r\nHost: x\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n")
                while not stop.is_set():
                    s.sendall(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
                    time.sleep(0.01)
            except OSError:
                time.sleep(0.05)
            finally:
                s.close()

    def dribble():
        text = b"GET /v1/status HTTP/1.1\r\nX: " + b"y" * 500
        for i in range(len(text)):
            for s in held[:100]:
                try:
                    s.send(text[i:i + 1])
                except OSError:
                    pass
            if stop.wait(1):
                return

    for _ in range(1000):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(10)
        s.connect(str(gw.gateway.socket))
        held.append(s)
    threads = [threading.Thread(target=t, daemon=True) for t in (endless, endless, dribble)]
    for t in threads:
        t.start()
    try:
        ping = gw.c1.run(["ping", "-n", "-c", "60", "-i", "0.05", LAN_HOST4], check=False,
                         timeout=60)
        slow = []
        for _ in range(30):
            began = time.monotonic()
            assert gw.gateway.request("GET", "/v1/status")[0] == 200
            slow.append(time.monotonic() - began)
        assert " 0% packet loss" in ping.stdout, ping.stdout
        # A quarter of a client's patience, on a machine that does other things too.
        assert sorted(slow)[len(slow) // 2] < 2, slow
        assert run(["wg", "show", gw.wg, "dump"]).stdout
    finally:
        stop.set()
        for t in threads:
            t.join(10)
        for s in held:
            s.close()
