# SPDX-License-Identifier: BSD-3-Clause
"""The interop matrix: counterpart x who starts x outer family x inner family x PSK, 32 rows.

    16 x wireguard-go (namespace "go") === wan1  gw (wgdp)  lan0 --- lan
    16 x Linux (guest)                 === wan2

One gateway has all 32 as peers, and all rows run at once. A row's evidence is its counterpart's
own `wg show transfer`: one handshake in the row's direction and its pings, both ways, to the byte.

    python3 matrix.py      print the table; exit status 0 only when all 32 rows are well
"""

import itertools
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import counterparts
from lab import Lab, LabError, genpsk, veth
from linux_vm import GuestNetns, LinuxVm
from world import CLIENTS, LAN4, LAN6, LAN_HOST4, LAN_HOST6, World

PINGS = 3
INITIATION, RESPONSE = 148, 92
# ping's 56 bytes behind ICMP and IP headers, padded to 16, in a data message.
DATA = {4: 32 + 96, 6: 32 + 112}
# A slow machine may add keepalives, 10 s after the pings and 10 s later: then there are no more.
KEEPALIVE, KEEPALIVES = 32, 2
CABLE = {"wireguard-go": "c1", "linux": "c2"}


@dataclass
class Row:
    index: int
    kind: str
    starter: str
    outer: int
    inner: int
    psk: bool
    rx: int = 0
    tx: int = 0
    wrong: list = field(default_factory=lambda: ["not tried"])

    @property
    def name(self):
        return (f"{self.kind}-{self.starter}-outer{self.outer}-inner{self.inner}-"
                f"{'psk' if self.psk else 'nopsk'}")

    @property
    def address(self):
        host = 16 + self.index
        return f"10.8.1.{host}" if self.inner == 4 else f"fd00:8::1:{host:x}"

    @property
    def expected(self):
        """(rx, tx) of the counterpart."""
        pings = PINGS * DATA[self.inner]
        return ((RESPONSE + pings, INITIATION + pings) if self.starter == "client"
                else (INITIATION + pings, RESPONSE + pings))


def rows():
    product = itertools.product(counterparts.KINDS, ("client", "gateway"), (4, 6), (4, 6),
                                (False, True))
    return [Row(i, *values) for i, values in enumerate(product)]


class Matrix(World):
    """World's gateway and LAN; in place of its clients, 16 on each of its cables."""

    def __init__(self, lab, vm):
        self.vm = vm
        super().__init__(lab, lab.name("g0"), ())
        self.rows = rows()
        self.peers, self.psks, self.outer = {}, {}, {}

    def setup(self):
        go = self.outer["wireguard-go"] = self.lab.netns("go")
        linux = self.outer["linux"] = GuestNetns(self.vm, "matrix").create()
        veth(self.gw, "wan1", go, "eth0")
        self.vm.attach("eth0", self.gw, "wan2")
        linux.take("eth0")
        for kind, ns in self.outer.items():
            c = CLIENTS[CABLE[kind]]
            ns.ip(f"addr add {c['outer4']}.2/24 dev eth0")
            ns.ip(f"addr add {c['outer6']}2/64 dev eth0 nodad")
        for row in self.rows:
            address = [f"{row.address}/{'32' if row.inner == 4 else '128'}"]
            if row.kind == "linux":
                peer = counterparts.LinuxPeer(self.vm, linux,
                                              GuestNetns(self.vm, f"m{row.index}"),
                                              f"wg{row.index}", address,
                                              listen_port=41000 + row.index)
            else:
                peer = counterparts.GoPeer(self.lab, go, self.lab.netns(f"m{row.index}"),
                                           self.lab.name(f"m{row.index:x}"), address,
                                           listen_port=41000 + row.index)
            self.peers[row.index] = peer
            self.psks[row.index] = genpsk() if row.psk else None
        self.make_wgdp(peers={self.wg: [self._peer_row(r) for r in self.rows]}).start()

    def _peer_row(self, row):
        out = {"name": row.name, "public_key": self.peers[row.index].public_key,
               "allowed_ips": self.peers[row.index].addresses}
        if row.psk:
            out["preshared_key"] = self.psks[row.index]
        if row.starter == "gateway":
            c = CLIENTS[CABLE[row.kind]]
            host = f"{c['outer4']}.2" if row.outer == 4 else f"[{c['outer6']}2]"
            out["endpoint"] = f"{host}:{41000 + row.index}"
        return out

    def _of(self, kind, starter=None):
        return [r for r in self.rows if r.kind == kind and starter in (None, r.starter)]

    def _start_go(self, row):
        peer = self.peers[row.index].start()
        peer.peer(self.public_key, psk=self.psks[row.index], allowed_ips=[LAN4, LAN6],
                  endpoint=self.endpoint("c1", row.outer) if row.starter == "client" else None)
        peer.routes(LAN4 if row.inner == 4 else LAN6)

    def _start_linux(self):
        """All in one script and few processes, for those are what takes the guest time."""
        peers = [self.peers[r.index] for r in self._of("linux")]
        self.vm.namespaces += [p.inner for p in peers]
        text = ["set -e", "ip -batch - <<EOF", *[f"netns add {p.inner.name}" for p in peers],
                "EOF", f"ip netns exec {self.outer['linux'].name} dash -se <<'END'",
                "ip -batch - <<EOF", *[f"link add {p.name} type wireguard" for p in peers], "EOF"]
        for row in self._of("linux"):
            peer = self.peers[row.index]
            text += [f"wg setconf {peer.name} /dev/stdin <<EOF", "[Interface]",
                     f"PrivateKey = {peer.private_key}", f"ListenPort = {peer.listen_port}",
                     "[Peer]", f"PublicKey = {self.public_key}", f"AllowedIPs = {LAN4}, {LAN6}"]
            if row.starter == "client":
                text.append(f"Endpoint = {self.endpoint('c2', row.outer)}")
            if row.psk:
                text.append(f"PresharedKey = {self.psks[row.index]}")
            text.append("EOF")
        text += ["ip -batch - <<EOF",
                 *[f"link set {p.name} netns {p.inner.name}" for p in peers], "EOF", "END"]
        for row in self._of("linux"):
            peer = self.peers[row.index]
            text += [f"ip -n {peer.inner.name} -batch - <<EOF",
                     f"addr add {peer.addresses[0]} dev {peer.name}",
                     f"link set {peer.name} mtu {peer.mtu} up",
                     f"route add {LAN4 if row.inner == 4 else LAN6} dev {peer.name}", "EOF"]
        status, out, err = self.vm.script("\n".join(text), timeout=120)
        if status != 0:
            raise LabError(f"the guest's interfaces: {out} {err}")

    def _ping(self, ns, dest, row):
        got, said = ns.ping(dest, PINGS, interval=0.2, wait=15)
        if got != PINGS:
            row.wrong.append(f"{got} of {PINGS} pings answered")

    def _ping_linux(self, started):
        """All pings of the guest at once."""
        ping = f"ping -n -c {PINGS} -i 0.2 -W 15"
        text = [f"(ip netns exec {self.peers[r.index].inner.name} {ping} "
                f"{LAN_HOST4 if r.inner == 4 else LAN_HOST6} > /dev/null || "
                f"echo {r.index}) &" for r in started]
        _, out, _ = self.vm.script("\n".join(text + ["wait"]), timeout=60)
        for r in started:
            if str(r.index) in out.split():
                r.wrong.append("pings unanswered")

    def run(self):
        """Set up, ping, and judge: the rows."""
        self.setup()
        with ThreadPoolExecutor(32) as pool:
            linux = pool.submit(self._start_linux)
            for r in self._of("wireguard-go"):
                self._start_go(r)  # here, for processes die with the thread that started them
            linux.result()
            for r in self.rows:
                r.wrong = []
            jobs = [pool.submit(self._ping_linux, self._of("linux", "client"))]
            for r in self._of("wireguard-go", "client"):
                jobs.append(pool.submit(self._ping, self.peers[r.index].inner,
                                        LAN_HOST4 if r.inner == 4 else LAN_HOST6, r))
            for r in [r for r in self.rows if r.starter == "gateway"]:
                jobs.append(pool.submit(self._ping, self.lan, r.address, r))
            for j in jobs:
                j.result()
        self._judge()
        return self.rows

    def _judge(self):
        """By the counterparts' own counters."""
        transfer = {r.index: (0, 0) for r in self.rows}
        text = "\n".join(f"echo {r.index} $(ip netns exec {self.peers[r.index].inner.name} "
                         f"wg show {self.peers[r.index].name} transfer)"
                         for r in self._of("linux"))
        lines = self.vm.script(text, timeout=60)[1].splitlines()
        for r in self._of("wireguard-go"):
            lines.append(f"{r.index} " + self.peers[r.index].ns.run(
                ["wg", "show", self.peers[r.index].name, "transfer"]).stdout)
        for line in lines:
            words = line.split()
            if len(words) == 4 and words[1] == self.public_key:
                transfer[int(words[0])] = (int(words[2]), int(words[3]))
        for r in self.rows:
            r.rx, r.tx = transfer[r.index]
            extra = [(seen - wanted) // KEEPALIVE if (seen - wanted) % KEEPALIVE == 0 else -1
                     for seen, wanted in zip((r.rx, r.tx), r.expected)]
            if not all(0 <= n <= KEEPALIVES for n in extra):
                r.wrong.append(f"expected {r.expected[0]} received, {r.expected[1]} sent")
            shown = self.gateway.show(self.wg, r.name)
            role = shown["session"] and shown["session"]["role"]
            if role != ("responder" if r.starter == "client" else "initiator"):
                r.wrong.append(f"the gateway is {role}")


def table(done):
    lines = ["counterpart   starts   outer inner PSK   received   sent  verdict"]
    for r in done:
        lines.append(f"{r.kind:<13} {r.starter:<8} IPv{r.outer}  IPv{r.inner}  "
                     f"{'yes' if r.psk else 'no':<3} {r.rx:>10} {r.tx:>6}  "
                     f"{'ok' if not r.wrong else 'FAILED: ' + ', '.join(r.wrong)}")
    good = sum(not r.wrong for r in done)
    lines.append(f"{good} of {len(done)} rows")
    return "\n".join(lines)


def main():
    from conftest import machine_lacks
    lacks = machine_lacks()
    if lacks:
        sys.exit(f"interop-matrix: {lacks[0]}")
    prefix = f"wgt{os.getpid()}x"
    with tempfile.TemporaryDirectory(prefix="wgdp-matrix-") as tmp:
        labs = [Lab(f"{prefix}{i}-", Path(tmp) / f"lab{i}") for i in (0, 1)]
        vm = LinuxVm(labs[0])
        try:
            matrix = Matrix(labs[1], vm.start())
            done = matrix.run()
            status = matrix.gateway.stop()
        finally:
            vm.stop()
            for lab in labs:
                lab.close()
    print(table(done))
    if status != 0:
        sys.exit(f"interop-matrix: the gateway ended with {status}")
    return any(r.wrong for r in done)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as e:
        sys.exit(f"interop-matrix: {e}")
