# SPDX-License-Identifier: BSD-3-Clause
"""One counterpart and its gateway: the topology of the modules that run with each counterpart.

       inner                outer                    gw               lan
     10.8.0.2 ~ ~ ~  eth0 192.0.2.2 ---------- wan1     lan0 ---- 10.20.0.2
     fd00:8::2            2001:db8:1::2                           fd00:20::2
                     eth1 198.51.100.2 ------- wan2
                          2001:db8:2::2
     or, behind a NAT:
                     eth1 172.16.0.2 --- nat - wan2
                                         198.51.100.77

The counterpart is wireguard-go in namespaces or the Linux kernel in the guest.
"""

import base64
import hashlib
import os
import selectors
import socket
import struct
import threading
import time

from counterparts import GoPeer, LinuxPeer
from lab import Sniffer, veth
from linux_vm import GuestNetns
from world import CLIENTS, LAN4, LAN6, PORT, TUN4, TUN6, World, tunnel_ips

C1_PORT = 40000
NAT_INSIDE, C1_INSIDE = "172.16.0.1", "172.16.0.2"
NAT_OUTSIDE, GW_OUTSIDE = "198.51.100.77", "198.51.100.1"
OUTER4, OUTER6 = "192.0.2.2", "2001:db8:1::2"


class Site(World):
    """World's gateway and LAN with one counterpart, c1."""

    def __init__(self, lab, kind, vm=None, nat=False):
        super().__init__(lab, lab.name("g0"), ())
        self.kind, self.vm = kind, vm
        if kind == "linux":
            self.outer, self.inner = (GuestNetns(vm, n).create() for n in ("outer", "inner"))
        else:
            self.outer, self.inner = lab.netns("outer"), lab.netns("inner")
        self.cable("eth0", self.gw, "wan1")
        c = CLIENTS["c1"]
        self.outer.ip(f"addr add {c['outer4']}.2/24 dev eth0")
        self.outer.ip(f"addr add {c['outer6']}2/64 dev eth0 nodad")
        c = CLIENTS["c2"]
        if nat:
            self.nat = lab.netns("nat")
            self.cable("eth1", self.nat, "inside")
            veth(self.gw, "wan2", self.nat, "outside")
            self.nat.ip(f"addr add {NAT_INSIDE}/24 dev inside")
            self.nat.ip("link set inside up")
            self.nat.ip(f"addr add {NAT_OUTSIDE}/24 dev outside")
            self.outer.ip(f"addr add {C1_INSIDE}/24 dev eth1")
        else:
            self.cable("eth1", self.gw, "wan2")
            self.outer.ip(f"addr add {c['outer4']}.2/24 dev eth1")
            self.outer.ip(f"addr add {c['outer6']}2/64 dev eth1 nodad")
        addresses = tunnel_ips(CLIENTS["c1"]["host"])
        if kind == "linux":
            self.peer = LinuxPeer(vm, self.outer, self.inner, "wg0", addresses,
                                  listen_port=C1_PORT)
        else:
            self.peer = GoPeer(lab, self.outer, self.inner, lab.name("c1"), addresses,
                               listen_port=C1_PORT)
        self.clients = {"c1": self.peer}

    def cable(self, dev, ns, far):
        if self.kind == "linux":
            self.vm.attach(dev, ns, far)
            self.outer.take(dev)
        else:
            veth(ns, far, self.outer, dev)

    def sniffer(self):
        """What passes c1's first cable. Not at the gateway's end: what it sends by AF_PACKET
        is not seen there."""
        return (Sniffer(self.vm.ns, "vmeth0") if self.kind == "linux"
                else Sniffer(self.outer, "eth0"))

    def from_gateway(self, frames):
        """Of what such a sniffer took, that of the gateway: (type, message)."""
        return [(kind, data) for outgoing, kind, data in frames
                if outgoing == (self.kind == "linux")]

    def start(self, config=None, row=(), **interface):
        """The gateway with c1 as its peer, and c1's interface, which knows no gateway yet."""
        self.start_wgdp(config=config or self.config(**interface),
                        peers={self.wg: [self.peer_row("c1", **dict(row))]})
        return self.start_counterpart()

    def start_counterpart(self):
        self.peer.start()
        self.peer.routes(TUN4, TUN6, LAN4, LAN6)
        return self

    def know(self, endpoint="default", family=4, public_key=None, **kw):
        """c1 gets to know the gateway."""
        if endpoint == "default":
            endpoint = self.endpoint("c1", family)
        self.peer.peer(public_key or self.public_key, endpoint=endpoint,
                       allowed_ips=(TUN4, TUN6, LAN4, LAN6), **kw)

    def forget(self, public_key=None):
        """c1 loses its session and all that it knows of the gateway."""
        self.peer.set("peer", public_key or self.public_key, "remove")

    def fresh(self, **kw):
        """Neither end has a session, both know each other."""
        self.forget()
        self.gateway.ctl("del-peer", self.wg, "c1", check=False)
        self.add_peer()
        self.know(**kw)

    def add_peer(self, *words):
        self.gateway.ctl("add-peer", self.wg, "c1", "--public-key", self.peer.public_key,
                         "--allowed-ips", ",".join(tunnel_ips(2)), *words)

    def psk_file(self, secret):
        path = self.lab.dir / "psk"
        path.touch(mode=0o600)
        path.write_text(secret + "\n")
        return path

    def shown(self):
        """c1 as the gateway shows it."""
        return self.gateway.show(self.wg, "c1")

    def seen(self):
        """The gateway as c1 shows it."""
        return self.peer.dump()[1][self.public_key]

    def transfers(self):
        """Bytes each way as (sender's, receiver's) counters: to the gateway, and from it."""
        c1, gw = self.seen(), self.shown()
        return ((int(c1["tx_bytes"]), gw["rx_bytes"]), (gw["tx_bytes"], int(c1["rx_bytes"])))


class Nat:
    """A source NAT for UDP towards the gateway, with mappings that the test ages at will. What
    comes from the gateway to a port that is not mapped is dropped."""

    def __init__(self, site, idle=None, outside_port=0):
        self.site, self.idle, self.first_port = site, idle, outside_port
        self.inside = site.nat.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inside.bind((NAT_INSIDE, PORT))
        self.outside = None          # the one mapping's socket
        self.client = (C1_INSIDE, C1_PORT)
        self.used = 0.0              # time.monotonic() of the mapping's last packet
        self.seen = []               # (towards the gateway?, message)
        self.held = None             # messages that wait for release()
        self.lock = threading.Lock()
        self.done = threading.Event()
        if outside_port:
            self._map(outside_port)
        self.thread = threading.Thread(target=self._relay, daemon=True)
        self.thread.start()

    def _map(self, port=0):
        self.outside = self.site.nat.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.outside.bind((NAT_OUTSIDE, port))
        self.used = time.monotonic()

    def port(self):
        with self.lock:
            return self.outside and self.outside.getsockname()[1]

    def expire(self):
        """The mapping ends; the next packet from inside gets another port."""
        with self.lock:
            if self.outside:
                self.outside.close()
                self.outside = None

    def hold(self):
        with self.lock:
            self.held = []

    def holds(self):
        with self.lock:
            return [out for out, _ in self.held]

    def release(self):
        """Everything that was held, at once."""
        with self.lock:
            held, self.held = self.held, None
            for out, data in held:
                self._forward(out, data)

    def _forward(self, out, data):
        if out:
            if self.outside is None:
                self._map()
            self.outside.sendto(data, (GW_OUTSIDE, PORT))
        else:
            self.inside.sendto(data, self.client)

    def _relay(self):
        while not self.done.is_set():
            with self.lock:
                socks = [s for s in (self.inside, self.outside) if s]
                if self.idle and self.outside and time.monotonic() - self.used > self.idle:
                    self.outside.close()
                    self.outside = None
                    continue
            with selectors.DefaultSelector() as sel:
                try:
                    for s in socks:
                        sel.register(s, selectors.EVENT_READ)
                except ValueError:  # expired meanwhile
                    continue
                ready = [key.fileobj for key, _ in sel.select(0.05)]
            with self.lock:
                for s in ready:
                    if s is not self.inside and s is not self.outside:
                        continue
                    data, source = s.recvfrom(65536)
                    out = s is self.inside
                    if out:
                        self.client = source
                    self.used = time.monotonic()
                    self.seen.append((out, data))
                    if self.held is not None:
                        self.held.append((out, data))
                    else:
                        self._forward(out, data)

    def messages(self, kind, out=None):
        """Those of a type, towards the gateway, from it, or both."""
        with self.lock:
            return [d for o, d in self.seen if d[0] == kind and out in (None, o)]

    def close(self):
        self.done.set()
        self.thread.join(5)
        for s in (self.inside, self.outside):
            if s:
                s.close()


def initiation(public_key):
    """A message that is an initiation to whoever has the key, up to its mac1."""
    body = struct.pack("<I", 1) + os.urandom(112)
    key = hashlib.blake2s(b"mac1----" + base64.b64decode(public_key)).digest()
    return body + hashlib.blake2s(body, digest_size=16, key=key).digest() + bytes(16)


class Flood:
    """Bursts of initiations with a good mac1 and nothing else good. A context manager."""

    def __init__(self, ns, source, dest, public_key, burst=1000, pause=0.3):
        self.sock = ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((source, 0))
        self.dest, self.burst, self.pause, self.sent = dest, burst, pause, 0
        self.messages = [initiation(public_key) for _ in range(burst)]
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._send, daemon=True)

    def _send(self):
        while not self.done.is_set():
            for m in self.messages:
                self.sock.sendto(m, self.dest)
                self.sent += 1
            self.done.wait(self.pause)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.done.set()
        self.thread.join(5)
        self.sock.close()


