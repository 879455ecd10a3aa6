# SPDX-License-Identifier: BSD-3-Clause
"""Floods against a gateway that serves others: what is sent, and what is measured meanwhile.

World's topology with one more port, the attacker's:

    c1 ====== wan1            lan0 ---- lan
    c2 ====== wan2    gw
    evil ---- wan3 203.0.113.1/24, where the default route leads, so that spoofed sources are
              answered
"""

import base64
import contextlib
import ipaddress
import json
import os
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field

from lab import (REPO, LabError, PingStream, UdpStream, memory_config, silence, veth,
                 wait_until)
from raw_client import COOKIE_REPLY, RESPONSE, RawClient, _hash
from world import LAN_HOST4, LAN_HOST6, PORT, World, port_device

PROGRAMS = ("ip", "ethtool", "ping", "wg", "wireguard-go")
GATEWAY6 = "2001:db8:3::1"
GATEWAY, ROUTER, EVIL = "203.0.113.1", "203.0.113.254", "203.0.113.9"
WIDE = "10.8.64.0/18"         # a peer's that never answers
RING = 16384                  # frames that the attacker's port holds
NEWCOMERS = 3                 # that connect during a flood
EXACT = 5000                  # frames of a count to the last one: fewer than the ring holds
MESSAGE = 14 + 20 + 8         # of a WireGuard message in a frame
SOURCE = (14 + 13, 3)         # all of a source address but its first octet
SOURCE_PORT = (14 + 20, 2)
UNAUTHENTICATED = ("mac2_required", "handshake_rejected", "handshake_limited", "queue_full")


def _checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def _address(text):
    return bytes(int(x) for x in text.split("."))


def ipv4(source, dest, proto, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, 0, 64, proto, 0,
                       _address(source), _address(dest))
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + payload


def udp(message, source=4242, dest=PORT):
    return struct.pack("!HHHH", source, dest, 8 + len(message), 0) + message


def ipv6_fragment(dest, payload, offset_and_more):
    return (struct.pack("!IHBB", 6 << 28, 8 + len(payload), 44, 64)
            + ipaddress.IPv6Address("2001:db8:3::7").packed + ipaddress.IPv6Address(dest).packed
            + struct.pack("!BBHI", 17, 0, offset_and_more, 0) + payload)


@dataclass
class Flood:
    name: str
    what: str
    frames: list
    reasons: tuple                 # under which all of it ends
    random: tuple = ()             # ranges (offset, length)
    mac1: bytes = None             # key, when mac1 is to be right
    kept: int = 0                  # so many may wait inside instead of being dropped
    answered: bool = False         # what is not dropped is answered


@dataclass
class Result:
    name: str
    pps: float = 0
    sent: int = 0
    received: int = 0
    drops: dict = field(default_factory=dict)
    lost: int = 0
    of: int = 0
    connect_ms: list = field(default_factory=list)  # a newcomer each; None: not in time
    rss_kib: int = 0


class Scene(World):
    """The world with an attacker, two clients with sessions, and peers for the floods."""

    def __init__(self, lab):
        super().__init__(lab, lab.name("g0"), (lab.name("c1"), lab.name("c2")))
        self.evil = lab.netns("evil")
        veth(self.gw, "wan3", self.evil, "eth0")
        for a in (ROUTER, EVIL):
            self.evil.ip(f"addr add {a}/24 dev eth0")
        silence(self.gw, "wan3")
        self.mac = bytes.fromhex(self.gw.run(["cat", "/sys/class/net/wan3/address"])
                                 .stdout.strip().replace(":", ""))
        self.newcomers = 0

    def start(self, workers=1):
        ports = self.ports()
        ports.append({"name": "wan3", "device": port_device(3, "wan3") + f",framecnt={RING}",
                      "mtu": 1500, "addresses": [f"{GATEWAY}/24", f"{GATEWAY6}/64"]})
        config = memory_config(self.lab.dir, [self.interface()], ports, workers=workers)
        config["routes"] = [{"to": "0.0.0.0/0", "via": ROUTER}]
        wide = {"name": "wide", "public_key": RawClient(
            self.evil, EVIL, self.public_key, (GATEWAY, PORT)).public_key,
            "allowed_ips": [WIDE], "endpoint": f"{ROUTER}:9"}
        self.make_wgdp(config=config, peers={self.wg: [
            self.peer_row("c1"), self.peer_row("c2", preshared_key=self.psk), wide]})
        self.gateway.start()
        self.start_clients()
        for client in ("c1", "c2"):
            self.expect_ping(self.clients[client].ns, LAN_HOST4, wait=6)
        self.expect_ping(self.evil, GATEWAY, wait=6)
        self.raw = self.raw_client("raw", self.evil, EVIL, GATEWAY)
        self.record()
        return self

    def record(self):
        """An initiation and packets of a session that lives for 180 s from now."""
        before = self.gateway.show(self.wg, "raw")["rx_packets"]
        self.recorded, self.session = self.shake(self.raw)
        self.packets = [self.session.data(b"") for _ in range(64)]
        for p in self.packets:
            self.raw.send(p)
        wait_until(lambda: self.gateway.show(self.wg, "raw")["rx_packets"] == before + 64, 5,
                   "64 packets")

    def raw_client(self, name, ns, address, gateway):
        client = RawClient(ns, address, self.public_key, (gateway, PORT))
        self.newcomers += 1
        self.gateway.api("PUT", f"/v1/interfaces/{self.wg}/peers/{name}", {
            "public_key": client.public_key, "allowed_ips": [f"10.8.200.{self.newcomers}/32"]})
        return client

    # ---- what is sent

    def frame(self, payload, kind=0x0800, dest=None):
        return (dest or self.mac) + bytes.fromhex("020000000099") + struct.pack("!H", kind) + payload

    def message(self, data):
        return self.frame(ipv4("198.18.7.7", GATEWAY, 17, udp(data)))

    def clear(self, dest, size=64):
        return self.frame(ipv4(EVIL, dest, 253, bytes(size)))

    def arp(self, target, i):
        """From one of a hundred addresses; its MACs are random."""
        body = (struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + bytes.fromhex("020000000000")
                + _address(f"203.0.113.{100 + i}") + bytes(6) + _address(target))
        return self.frame(body.ljust(46, b"\0"), 0x0806, b"\xff" * 6)

    def flood(self, name):
        """One of them, with what a session needs that has not expired."""
        self.record()
        return next(f for f in self.floods() if f.name == name)

    def floods(self):
        mac1 = _hash(b"mac1----", base64.b64decode(self.public_key))
        blank = struct.pack("<I", 1) + bytes(144)
        body, arp_mac = (MESSAGE + 4, 112), (14 + 8 + 1, 5)
        index = struct.pack("<I", self.session.remote_index)
        return [
            Flood("mac1-bad", "initiations with a wrong mac1, spoofed sources",
                  [self.message(blank)], ("mac1_invalid", "queue_full"),
                  (SOURCE, SOURCE_PORT, (MESSAGE + 4, 144))),
            Flood("mac1-good", "initiations with a good mac1, spoofed sources",
                  [self.message(blank)], UNAUTHENTICATED, (SOURCE, SOURCE_PORT, body), mac1),
            Flood("mac1-good-one", "the same from a single address",
                  [self.message(blank)], UNAUTHENTICATED, (body,), mac1),
            Flood("initiation-replay", "a peer's own initiation again, spoofed sources",
                  [self.message(self.recorded)], UNAUTHENTICATED, (SOURCE, SOURCE_PORT)),
            Flood("data-random", "transport data on random indices",
                  [self.message(struct.pack("<I", 4) + bytes(124))], ("unknown_index",),
                  ((MESSAGE + 4, 124),)),
            Flood("data-forged", "transport data forged on a live index",
                  [self.message(struct.pack("<I", 4) + index + bytes(120))], ("auth_failed",),
                  ((MESSAGE + 8, 6), (MESSAGE + 16, 112))),
            Flood("data-replay", "a peer's own transport data again",
                  [self.message(p) for p in self.packets], ("replay",)),
            # Of IPv6: those of IPv4 the kernel reassembles for net_af_packet, or keeps.
            Flood("fragments", "fragments to the listen port",
                  [self.frame(ipv6_fragment(GATEWAY6, udp(bytes(120)), at), 0x86dd)
                   for at in (0x0001, 0x0081, 0x0100)], ("rx_outer_fragment",),
                  ((14 + 16, 8), (14 + 40 + 4, 4))),
            Flood("arp", "ARP requests for others, random MACs",
                  [self.arp("203.0.113.77", i) for i in range(100)],
                  ("local_unhandled", "queue_full"), (arp_mac,)),
            Flood("arp-us", "ARP requests for the gateway, random MACs",
                  [self.arp(GATEWAY, i) for i in range(100)],
                  ("local_unhandled", "queue_full", "inject_full"), (arp_mac,), answered=True),
            Flood("sweep-tunnel", "cleartext to addresses that no peer has",
                  [self.clear(f"10.8.{i}.0") for i in range(208, 256)], ("no_peer",),
                  ((14 + 19, 1),)),
            Flood("sweep-peer", "cleartext to a peer that does not answer",
                  [self.clear(f"10.8.{i}.0") for i in range(64, 128)],
                  ("stage_full", "stage_expired"), ((14 + 19, 1),), kept=128),
            Flood("sweep-lan", "cleartext to LAN addresses that nobody has",
                  [self.clear(f"10.20.0.{i}") for i in range(3, 255)], ("neigh_failed",)),
        ]

    def sender(self, flood, *words):
        argv = [REPO / "build" / "tests" / "pktgen" / "wg-flood", *words]
        if "WGDP_BUILD" in os.environ:
            argv[0] = f"{os.environ['WGDP_BUILD']}/tests/pktgen/wg-flood"
        for at, length in flood.random:
            argv += ["--random", f"{at}:{length}"]
        if flood.mac1:
            argv += ["--mac1", flood.mac1.hex()]
        # What is left of the CPUs is the sender's: the clients share the machine with it, and
        # what they lose for want of a CPU is not the gateway's doing.
        child = subprocess.Popen(self.evil.argv(["nice", "-n", 10, *argv, "eth0"]), stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        child.stdin.write(b"".join(struct.pack("<H", len(f)) + f for f in flood.frames))
        child.stdin.close()
        return child

    @staticmethod
    def sent_by(child, timeout):
        try:
            said = child.stdout.read()
            if child.wait(timeout) != 0:
                raise LabError(f"wg-flood ended with {child.returncode}")
        finally:
            child.kill()
        return json.loads(said)

    # ---- what is measured

    def drops(self):
        out = {}
        for d in self.gateway.api("GET", "/v1/drops")["drops"]:
            out[d["reason"]] = out.get(d["reason"], 0) + d["packets"]
        return out

    def received(self):
        return sum(w["rx_packets"] for w in self.gateway.api("GET", "/v1/workers")["workers"])

    def answers(self):
        """Frames that the gateway has sent to the attacker."""
        return int(self.evil.run(["cat", "/sys/class/net/eth0/statistics/rx_packets"]).stdout)

    def mbufs(self):
        return self.gateway.api("GET", "/v1/status")["mbufs"]["in_use"]

    def rss_kib(self):
        """Anonymous memory: what packet buffers touch for the first time is not in it."""
        with open(f"/proc/{self.gateway.process.pid}/status") as f:
            return int(next(line for line in f if line.startswith("RssAnon")).split()[1])

    def count_exactly(self, flood, n=EXACT):
        """n frames, each of which must be found under one of the flood's reasons."""
        before, heard = self.drops(), self.answers()
        sent = self.sent_by(self.sender(flood, "--count", n, "--seconds", 20), 30)["sent"]

        def accounted():
            now = self.drops()
            got = sum(now[r] - before[r] for r in flood.reasons)
            if flood.answered:
                got += self.answers() - heard
            return got
        wait_until(lambda: accounted() >= sent - flood.kept, 20,
                   f"{flood.name}: {sent} frames are counted")
        return sent, accounted(), {r: v - before[r] for r, v in self.drops().items()
                                   if v != before[r]}

    @contextlib.contextmanager
    def traffic(self, rate):
        """Both clients ping and stream, far below what the setup carries."""
        c1, c2 = self.c1, self.c2
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(s) for s in (
                UdpStream(c1, "10.8.0.2", self.lan, LAN_HOST4, rate=rate),
                UdpStream(self.lan, LAN_HOST4, c1, "10.8.0.2", rate=rate),
                UdpStream(c2, "fd00:8::3", self.lan, LAN_HOST6, rate=rate),
                PingStream(self.lab, c1, LAN_HOST4), PingStream(self.lab, c2, LAN_HOST4))]

    @staticmethod
    def shake(client, timeout=6):
        """The initiation that was answered, and the session; None twice when none was in time.
        It answers a cookie at once, which others may do as late as their timer of 5 s says."""
        end = time.monotonic() + timeout
        initiation = client.initiation()
        client.send(initiation)
        while True:
            message = client.receive(max(end - time.monotonic(), 0.01))
            if message is None:
                return None, None
            if message[0] == COOKIE_REPLY:
                client.take_cookie(message)
                initiation = client.initiation()
                client.send(initiation)
            elif message[0] == RESPONSE:
                return initiation, client.finish(message)

    def connect(self, timeout=6):
        """Milliseconds until a client that the gateway never met has a session."""
        name, address = f"new{self.newcomers}", f"192.0.2.{100 + self.newcomers % 150}"
        # One whose MAC the gateway does not know either.
        self.c1.ip(f"addr replace {address}/24 dev eth0")
        client = self.raw_client(name, self.c1, address, "192.0.2.1")
        start = time.monotonic()
        _, session = self.shake(client, timeout)
        if session is None:
            return None
        client.send(session.data())
        ms = (time.monotonic() - start) * 1000
        wait_until(lambda: self.gateway.show(self.wg, name)["session"], 5, "a session")
        return ms

    def measure(self, flood, seconds, rate, stream_rate=200):
        """The flood beside traffic of others; flood None is the setup by itself."""
        result = Result(flood.name if flood else "none")
        before, received, rss = self.drops(), self.received(), self.rss_kib()
        with self.traffic(stream_rate) as streams:
            if flood:
                words = ["--rate", rate] if rate else []
                child = self.sender(flood, "--seconds", seconds, *words)
            for _ in range(NEWCOMERS):
                time.sleep(seconds / (NEWCOMERS + 1))
                result.connect_ms.append(self.connect())
            if flood:
                said = self.sent_by(child, seconds + 30)
                result.sent, result.pps = said["sent"], said["sent"] / said["seconds"]
            else:
                time.sleep(seconds / (NEWCOMERS + 1))
        result.lost, result.of = sum(s.lost for s in streams), sum(s.sent for s in streams)
        result.received = self.received() - received
        result.drops = {r: v - before[r] for r, v in self.drops().items() if v != before[r]}
        result.rss_kib = self.rss_kib() - rss
        return result


HEAD = (f"{'flood':<18} {'sent/s':>8} {'received':>9} {'lost':>12} {'connect, ms':>14} {'anon':>8}  "
        "counted")


def row(r):
    connect = "/".join("never" if ms is None else f"{ms:.0f}" for ms in r.connect_ms)
    drops = " ".join(f"{k} {v}" for k, v in sorted(r.drops.items(), key=lambda d: -d[1]))
    return (f"{r.name:<18} {r.pps:>8.0f} {r.received:>9} {r.lost:>5}/{r.of:<6} {connect:>14} "
            f"{r.rss_kib:>+4} KiB  {drops}")


def main():
    import argparse
    import tempfile

    from lab import Lab, set_stage
    parser = argparse.ArgumentParser(description="Floods against wgdp, as a table.")
    parser.add_argument("--seconds", type=float, default=10, help="each (10)")
    parser.add_argument("--rate", type=int, default=0, help="frames a second; 0: all that go (0)")
    parser.add_argument("--only", action="append", help="this one; may be given again")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    if not set_stage("floods", PROGRAMS, "wgf"):
        return 1
    with tempfile.TemporaryDirectory(prefix="wgdp-floods-") as directory:
        lab = Lab(f"wgf{os.getpid()}-", directory)
        try:
            scene = Scene(lab).start(options.workers)
            print(HEAD)
            print(row(scene.measure(None, options.seconds, 0)), flush=True)
            for name in [f.name for f in scene.floods()]:
                if not options.only or name in options.only:
                    print(row(scene.measure(scene.flood(name), options.seconds, options.rate)),
                          flush=True)
            print(f"packet buffers in use: {scene.mbufs()}")
            print(f"exit status {scene.gateway.stop()}")
        finally:
            lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
