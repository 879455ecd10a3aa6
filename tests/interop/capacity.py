# SPDX-License-Identifier: BSD-3-Clause
"""The figures of a whole gateway, by thousands of real clients: behind scripts/capacity.

    wg-blast ---- wan   gw (wgdp)   lan ---- wg-blast      cables: memif, no kernel in between
    N clients     172.16.0.1        10.20.0.1

Each figure has a gateway of its own. Work of a thread is its CPU time as the kernel counts it,
so what else runs on the CPU does not enter; rates in packets a second do depend on that.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from blast import program
from lab import (Gateway, Lab, LabError, UnixHttp, genkey, memory_config, run, set_stage,
                 wait_until)

WAN, LAN, PORT = "172.16.0.", "10.20.0.", 51820
INNER, SOURCES, SOURCES_NET = "10.8.1.0", "198.18.0.0", "198.18.0.0/15"
# What a packet may be lost under without anything being wrong: a queue was full.
RINGS = ("queue_full", "inject_full", "tx_full", "no_mbuf", "stage_full", "link_down")


def hugepages_free():
    """MiB."""
    info = Path("/proc/meminfo").read_text()
    free, size = (int(re.search(rf"^{k}:\s*(\d+)", info, re.M).group(1))
                  for k in ("HugePages_Free", "Hugepagesize"))
    return free * size // 1024


class Rig:
    """A gateway with a database of so many clients, and a wg-blast that plays them."""

    def __init__(self, options, clients, max_peers=None, memory_mb=1024):
        self.clients = clients
        self.lab = Lab(f"wgt{os.getpid()}x{Rig.made}-", tempfile.mkdtemp(prefix="wgdp-capacity-"))
        Rig.made += 1
        self.ns = self.lab.netns("gw")
        self.seed = self.lab.dir / "seed"
        self.blast_cpu = options.blast_cpu
        self.sockets = [self.lab.dir / f"memif{i}" for i in range(2)]
        self.name, key = self.lab.name("g"), genkey()
        self.server_key = key[1]
        ports = [{"name": n, "device": d, "mtu": 1500, "addresses": [f"{a}1/16"]}
                 for n, d, a in zip(("wan", "lan"), self.devices("server"), (WAN, LAN))]
        config = memory_config(self.lab.dir, [{
            "name": self.name, "private_key_file": "key", "listen_port": PORT, "mtu": 1420,
            "addresses": ["10.8.0.1/14"], "hairpin": "allow", "peer_db": "db.yaml"}], ports,
            workers=options.workers, memory_mb=memory_mb)
        config["dataplane"]["max_peers"] = max_peers or max(2 * clients, 1000)
        config["dataplane"]["hugepages"] = hugepages_free() >= memory_mb
        config["routes"] = [{"to": SOURCES_NET, "via": f"{WAN}2"}]
        self.gateway = Gateway(self.lab, self.ns, config, {self.name: []}, {self.name: key})
        self.gateway.write()
        if clients:
            run([program(), "peers", "-k", self.seed, "-n", clients, "--inner", INNER,
                 "--yaml", self.gateway.dir / "db.yaml"], timeout=120)

    made = 0

    def devices(self, role):
        return [f"net_memif{i},role={role},id=0,socket-abstract=no,socket={s}"
                for i, s in enumerate(self.sockets)]

    def blast_argv(self, *words):
        """Runs of one rig come one after the other; the gateway's ports stay."""
        ports = self.devices("client")
        argv = [program(), "run", "-k", self.seed, "-n", self.clients, "--inner", INNER,
                "-p", ports[0], "-a", f"{WAN}2/16", "-s", f"{WAN}1:{PORT}",
                "--server-key", self.server_key, "--sources", SOURCES,
                "--lan-port", ports[1], "--lan-address", f"{LAN}2/16", "--lan-next-hop", f"{LAN}1",
                "--json", "--progress", "0", *words]
        if self.blast_cpu is not None:
            argv += ["--lcore", self.blast_cpu]
        return [str(a) for a in argv]

    def blast(self, *words, timeout=120):
        done = self.ns.run(self.blast_argv(*words), check=False, timeout=timeout)
        if not done.stdout:
            raise LabError(f"wg-blast: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def connect(self, *words):
        """All handshakes, no more of them at once than the gateway takes without cookies."""
        report = self.blast("-t", "none", "--handshakes-ahead", "--handshake-window", 200, *words)
        if report["handshakes"]["done"] < self.clients:
            raise LabError(f"handshakes: {report['handshakes']}; dropped: {self.drops()}")
        return report["handshakes"]

    def cpu_seconds(self):
        """By thread: control, worker, management."""
        sums = {}
        pid = self.gateway.process.pid
        for task in Path(f"/proc/{pid}/task").iterdir():
            comm = (task / "comm").read_text().strip()
            # DPDK 22.11 and 24.11 name them differently.
            kind = ("control" if task.name == str(pid) else "worker" if "worker" in comm
                    else "management" if comm == "wgdp-mgmt" else "others")
            ran = int((task / "schedstat").read_text().split()[0]) / 1e9
            sums[kind] = sums.get(kind, 0) + ran
        return sums

    def api(self, path):
        return self.gateway.api("GET", path)

    def drops(self):
        return {d["reason"]: d["packets"] for d in self.api("/v1/drops")["drops"] if d["packets"]}

    def memory(self):
        return self.api("/v1/memory")


@contextmanager
def rig(options, clients, **kw):
    made = Rig(options, clients, **kw)
    try:
        made.gateway.start(timeout=120)
        yield made
        # A hundred thousand peers are not gone in a moment on a busy machine.
        if made.gateway.process.stop(timeout=90) != 0:
            raise LabError(f"wgdp ended with an error: {made.gateway.process.tail()}")
        shutil.rmtree(made.lab.dir, ignore_errors=True)
    finally:
        made.lab.close()


def say(what, figure, bar=""):
    print(f"{what:<58} {figure:<34} {bar}", flush=True)


def since(before, after):
    return {k: after[k] - before.get(k, 0) for k in after if after[k] != before.get(k, 0)}


# ---- figures ---------------------------------------------------------------------------------


def handshakes(options):
    """First handshakes of all clients, then their second ones, for which the gateway has the
    static-static secret already."""
    with rig(options, options.clients) as r:
        for which in ("first", "renewed"):
            before = r.cpu_seconds()
            got = r.connect()
            spent = since(before, r.cpu_seconds())
            say(f"handshakes a CPU second of control, {which}",
                f"{got['done'] / spent['control']:.0f}", "must 25000")
            say(f"  ... a second as the clients saw it, p99",
                f"{got['per_second']:.0f}, {got['latency_us']['p99'] / 1e3:.1f} ms")


def idle(options):
    """CPU time while nothing is sent."""
    for clients in (0, options.clients):
        with rig(options, clients) as r:
            if clients:
                r.connect()
                time.sleep(2)
            before = r.cpu_seconds()
            time.sleep(options.seconds)
            spent = since(before, r.cpu_seconds())
            say(f"idle, adaptive, {clients} peers with sessions",
                ", ".join(f"{k} {100 * v / options.seconds:.2f} %" for k, v in spent.items()),
                "must 5 % of a core")


def memory(options):
    """Allocated with n peers less that with none, by n; then with a session each."""
    n, figures = options.peers, []
    mb = 1100 + n * 14 // 1024
    for clients in (0, n):
        with rig(options, clients, max_peers=n, memory_mb=mb) as r:
            figures.append(r.memory())
            if clients:
                r.blast("-t", "none", "--handshake-window", 200, "--handshake-timeout", 200,
                        timeout=300)
                figures.append(r.memory())
    tables = figures[0]["dpdk_bytes"] / 2**20
    say(f"tables and packet buffers for {n} peers", f"{tables:.0f} MiB")

    def each(a, b):
        return (sum(b.values()) - sum(a.values())) / n
    without = each(figures[0], figures[1])
    say("memory a peer without a session", f"{without:.0f} B", "must 1536")
    say("memory a peer with a session", f"{each(figures[0], figures[2]):.0f} B", "must 4096")


def search(r, options, *words):
    """The highest rate without loss; packets a second. What is sent is sealed before, or the
    generator would be measured."""
    report = r.blast("--handshakes-ahead", "--handshake-window", 200, "--ndr", "-r",
                     options.highest, "-d", 1, "--resolution", 5, "--size", options.size,
                     "--ahead", *words, timeout=300)
    if report["ndr"]["pps"] == 0:
        raise LabError(f"no rate passed: {report['ndr']}, dropped: {r.drops()}")
    return report["ndr"]["pps"], report


def data(options):
    """All clients handshake, all that they send below the loss-free rate returns, and both sides
    count the same."""
    with rig(options, options.clients) as r:
        rate, report = search(r, options)
        say(f"hairpin, {options.clients} clients, {options.size} B: loss-free rate",
            f"{rate / 1e3:.0f} kpps, {report['ndr']['trials']} trials"
            + (", the generator's own" if report["ndr"]["generator_limited"] else ""))
        before, dropped = totals(r), r.drops()
        report = r.blast("--handshakes-ahead", "--handshake-window", 200, "-r", int(rate / 2),
                         "-d", options.seconds, "--size", options.size)
        one, c = report["runs"][0], report["counters"]
        counted = since(before, totals(r))
        same = (counted["rx_packets"] == c["tx_data"] + c["tx_keepalives"]
                and counted["tx_packets"] == c["rx_data"] + c["rx_keepalives"])
        say("  at half of it: lost of sent, handshakes",
            f"{lost_of(one)}, {report['handshakes']['done']}", "0")
        say("  both sides count the same", str(same), "True")
        report_drops(r, dropped)


def lost_of(one):
    late = f" ({one['missed']} not sent in time)" if one["missed"] else ""
    return f"{one['sent'] - one['received']} of {one['sent']}{late}"


def report_drops(r, before):
    new = since(before, r.drops())
    if new:
        say("  dropped by the gateway meanwhile", str(new))


def totals(r):
    peers = list(r.gateway.list_peers(r.name))
    return {k: sum(p[k] for p in peers) for k in ("rx_packets", "tx_packets")}


def rekeys(options):
    """Loss of data at half of the loss-free rate, beside so many handshakes a second."""
    with rig(options, options.clients) as r:
        rate, _ = search(r, options)
        for per_second in sorted({0, 1000, options.rekey_rate}):
            before = r.drops()
            report = r.blast("--handshakes-ahead", "--handshake-window", 200, "-r", int(rate / 2),
                             "-d", options.seconds, "--size", options.size, "--rekey-rate",
                             per_second)
            one = report["runs"][0]
            done = report["handshakes"]["done"] - r.clients
            say(f"lost of sent at {rate / 2e3:.0f} kpps beside {per_second} handshakes/s",
                f"{lost_of(one)}, {done} done", "0 at 1000/s")
            report_drops(r, before)


class Churn(threading.Thread):
    """Peers that come and go, in batches as a provisioning system would send them."""

    BATCH, FIRST = 100, 0x0a0a0000  # 10.10.0.0

    def __init__(self, r, per_second):
        super().__init__(daemon=True)
        self.r, self.step = r, self.BATCH / per_second
        self.ended = threading.Event()
        self.changed, self.late = 0, 0.
        self.keys = [genkey()[1] for _ in range(2 * self.BATCH)]
        self.error = None

    def batch(self, conn, changes):
        conn.request("PATCH", f"/v1/interfaces/{self.r.name}/peers", json.dumps(changes),
                     {"Content-Type": "application/json"})
        answer = conn.getresponse()
        said = answer.read().decode()
        if answer.status >= 300:
            raise LabError(f"{answer.status} {said}")

    def run(self):
        conn = UnixHttp(self.r.gateway.socket, timeout=30)
        begun, n = time.monotonic(), 0
        try:
            while not self.ended.is_set():
                at = n % 2 * self.BATCH
                new = [{"op": "put", "id": f"churn{at + i}", "public_key": self.keys[at + i],
                        "allowed_ips": [f"10.10.{(at + i) >> 8}.{(at + i) & 255}/32"]}
                       for i in range(self.BATCH)]
                old = [{"op": "delete", "id": f"churn{self.BATCH - at + i}"}
                       for i in range(self.BATCH)] if n else []
                self.batch(conn, new + old)
                n += 1
                self.changed += self.BATCH
                wait = begun + n * self.step - time.monotonic()
                self.late = max(self.late, -wait)
                self.ended.wait(max(0, wait))
        except (OSError, LabError) as e:
            self.error = e


def churn(options):
    """Peers are added and removed while others send at half of the loss-free rate."""
    with rig(options, options.clients) as r:
        rate, _ = search(r, options)
        before, other = r.drops(), Churn(r, options.churn_rate)
        other.start()
        report = r.blast("--handshakes-ahead", "--handshake-window", 200, "-r", int(rate / 2),
                         "-d", options.seconds, "--size", options.size)
        other.ended.set()
        other.join(30)
        if other.error:
            raise LabError(f"churn: {other.error}")
        one = report["runs"][0]
        say(f"lost of sent at {rate / 2e3:.0f} kpps, {options.churn_rate} peers/s come and go",
            f"{lost_of(one)}, {other.changed} came", "0")
        say("  batches late by at most", f"{other.late:.2f} s")
        report_drops(r, before)


def soak(options):
    """Minutes at half of the loss-free rate with rekeys: what is lost is in a named ring, memory
    stays, all packet buffers are back. Exit status 1 where it is not so."""
    failed = []

    def check(ok, what, figure):
        say(what, figure, "ok" if ok else "FAILED")
        if not ok:
            failed.append(what)
    seconds = options.minutes * 60
    with rig(options, options.clients) as r:
        rate, _ = search(r, options)
        mbufs, dropped = r.api("/v1/status")["mbufs"]["in_use"], r.drops()
        samples = []

        def watch():
            # Two sessions a peer from the first rekey on: then nothing more may come.
            settled = options.clients / options.rekey_rate * 1.5 + 20
            ended.wait(min(settled, seconds / 2))
            while not ended.is_set():
                s = r.api("/v1/status")["memory"]["sessions_bytes"]
                m = r.memory()
                samples.append((m["heap_bytes"], m["dpdk_bytes"], s))
                ended.wait(10)
        ended = threading.Event()
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        report = r.blast("--handshakes-ahead", "--handshake-window", 200, "-r", int(rate / 2),
                         "-d", seconds, "--size", options.size, "--rekey-rate",
                         options.rekey_rate, timeout=seconds + 120)
        ended.set()
        watcher.join(30)
        one, h = report["runs"][0], report["handshakes"]
        lost, new = one["sent"] - one["received"], since(dropped, r.drops())
        rings = sum(v for k, v in new.items() if k in RINGS)
        say(f"{options.minutes:g} minutes, {r.clients} clients, {rate / 2e3:.0f} kpps",
            f"{one['sent']} sent, {h['done']} handshakes")
        check(lost <= rings, "lost; in rings of the gateway", f"{lost}; {rings}  {new}")
        check(one["damaged"] + one["misdelivered"] + one["duplicates"] == 0,
              "damaged, misdelivered, doubled", "%d, %d, %d" % (
                  one["damaged"], one["misdelivered"], one["duplicates"]))
        check(h["failed"] == 0, "handshakes failed", str(h["failed"]))
        third = max(1, len(samples) // 3)

        def grown(k):
            return (max(s[k] for s in samples[-third:]) - max(s[k] for s in samples[:third]))
        # A page of events or a few sessions more at the time of a sample are no growth.
        for k, what in enumerate(("heap", "DPDK's memory", "sessions")):
            check(grown(k) <= 1 << 20, f"{what}, growth from the first to the last third",
                  f"{grown(k) / 1024:.0f} KiB, {len(samples)} samples")

        def back():
            return r.api("/v1/status")["mbufs"]["in_use"] <= mbufs
        try:
            wait_until(back, 10, "packet buffers are back")
        except LabError:
            pass
        check(back(), "packet buffers in use, before and after",
              f"{mbufs}, {r.api('/v1/status')['mbufs']['in_use']}")
    return 1 if failed else 0


FIGURES = (handshakes, idle, memory, data, rekeys, churn, soak)


def main():
    parser = argparse.ArgumentParser(prog="scripts/capacity", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", metavar="FIGURE",
                        help=f"of {', '.join(f.__name__ for f in FIGURES)}; all but soak")
    parser.add_argument("--clients", type=int, default=10000)
    parser.add_argument("--peers", type=int, default=100000, help="for memory")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=20, help="of soak")
    parser.add_argument("--size", default="512", help="of inner packets, or imix")
    parser.add_argument("--highest", default="400k", help="packets a second at which the search begins")
    parser.add_argument("--rekey-rate", type=int, default=1000)
    parser.add_argument("--churn-rate", type=int, default=1000)
    parser.add_argument("--blast-cpu", type=int, help="the generator's CPU; any by default")
    options = parser.parse_args()
    by_name = {f.__name__: f for f in FIGURES}
    for name in options.figures:
        if name not in by_name:
            parser.error(f"{name}: not one of {', '.join(by_name)}")
    if not set_stage("capacity", ("ip", "wg"), "wgt"):
        return 1
    status = 0
    for name in options.figures or [f.__name__ for f in FIGURES if f is not soak]:
        status |= by_name[name](options) or 0
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as e:
        print(f"capacity: {e}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
