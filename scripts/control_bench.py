# SPDX-License-Identifier: BSD-3-Clause
"""The measurements behind scripts/control-bench; see tests/interop/world.py for the topology."""

import argparse
import base64
import gc
import http.client
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tests" / "interop"))
from blast import connect_and_be_silent, sessions, veth_pair  # noqa: E402
from lab import (Lab, LabError, Process, UdpStream, UnixHttp, run, set_stage,  # noqa: E402
                 wait_until)
from world import LAN_HOST4, World  # noqa: E402

PROGRAMS = ("ip", "ss", "ethtool", "ping", "wg", "wireguard-go")
BOUND = 120  # seconds, of anything that is waited for
PUTS, BATCH, CLIENTS = 500, 10000, 1000
# What each row is held against, in seconds.
BARS = {"start: answers": 2, "put: p50": 0.002, "put: p99": 0.010, "batch": 1, "list": 1,
        "dump": 1, "reload": 0.5, "recovery: 95 % back": 3}


class Rows:
    """Seconds by row, in the order in which they came."""

    def __init__(self):
        self.values, self.notes = {}, {}

    def add(self, name, seconds):
        self.values.setdefault(name, []).append(seconds)

    def note(self, name, text):
        self.notes[name] = text

    def table(self):
        lines = [f"{'':24}{'median':>11}{'least':>11}{'most':>11}{'runs':>6}{'bar':>10}"]
        for name, v in self.values.items():
            cells = "".join(f"{x * 1e3:8.2f} ms" for x in (median(v), min(v), max(v)))
            bar = f"{BARS[name] * 1e3:7.0f} ms" if name in BARS else ""
            lines.append(f"{name:24}{cells}{len(v):6}{bar:>10}  {self.notes.get(name, '')}".rstrip())
        return "\n".join(lines)


# ---- peers ------------------------------------------------------------------------------


def address(i, scattered):
    """An IPv4 and an IPv6 address: one behind the other, or each alone in its /24 or /120."""
    if scattered:
        return (f"{20 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.9", f"fd00:b:{i >> 8:x}::{i & 255:x}09")
    return f"10.{16 + (i >> 16)}.{i >> 8 & 255}.{i & 255}", f"fd00:b::{i >> 16:x}:{i & 65535:x}"


def key():
    return base64.b64encode(os.urandom(32)).decode()  # any 32 bytes will do


def prefixes(i, scattered=False):
    four, six = address(i, scattered)
    return [f"{four}/32", f"{six}/128"]


def write_peers(file, rows, n, scattered):
    """As wgdp itself would write them; in an order that is not that of the addresses when
    scattered. `rows` are those of the clients."""
    order = list(range(n))
    if scattered:
        random.Random(1).shuffle(order)
    with open(file, "w") as out:
        out.write("peers:\n")
        for r in [*rows, *({"name": f"n{i}", "public_key": key(),
                            "allowed_ips": prefixes(i, scattered)} for i in order)]:
            psk = f'    preshared_key: "{r["preshared_key"]}"\n' if "preshared_key" in r else ""
            ips = ", ".join(f'"{p}"' for p in r["allowed_ips"])
            out.write(f'  - name: "{r["name"]}"\n    public_key: "{r["public_key"]}"\n{psk}'
                      f"    allowed_ips: [{ips}]\n")


# ---- the gateway ------------------------------------------------------------------------


class Bench:
    def __init__(self, lab, args):
        self.lab, self.args, self.rows = lab, args, Rows()
        self.world = World(lab, lab.name("g0"), (lab.name("c1"), lab.name("c2")))
        self.serial = 0

    def gateway(self, scattered=False):
        """Written, not started."""
        w, self.serial = self.world, self.serial + 1
        config = w.config(memory_mb=2048 if self.args.peers <= 150000 else 4096)
        config["dataplane"]["max_peers"] = self.args.peers + BATCH + PUTS + 1000
        gateway = w.make_wgdp(config=config, peers={}, directory=self.lab.dir / f"n{self.serial}")
        write_peers(self.database(), [w.peer_row("c1"), w.peer_row("c2", preshared_key=w.psk)],
                    self.args.peers, scattered)
        return gateway

    def database(self):
        return self.world.gateway.dir / f"{self.world.wg}.peers.yaml"

    def route(self, rest=""):
        return f"/v1/interfaces/{self.world.wg}/peers{rest}"

    def start_timed(self, gateway):
        """(seconds until its socket answers, until it is ready), and the answer of then."""
        gateway.socket.unlink(missing_ok=True)
        began, answers = time.monotonic(), None
        gateway.process = Process(gateway.ns, [gateway.program(), "-c", gateway.file], gateway.log)
        while True:
            if not gateway.process.alive():
                raise LabError(f"wgdp ended: {gateway.process.tail()}")
            try:
                status = gateway.api("GET", "/v1/status")
                answers = answers or time.monotonic() - began
                if status["ready"]:
                    return answers, time.monotonic() - began
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() - began > BOUND:
                raise LabError(f"wgdp is not ready after {BOUND} s (see {gateway.log})")
            time.sleep(0.005)

    def timed(self, gateway, method, path, body=None):
        """(seconds, answer) of one request with its own connection; the body is made before."""
        text = None if body is None else json.dumps(body)
        conn = UnixHttp(gateway.socket, timeout=BOUND)
        began = time.monotonic()
        conn.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        answer = conn.getresponse()
        data = answer.read()
        took = time.monotonic() - began
        conn.close()
        if answer.status >= 300:
            raise LabError(f"{method} {path}: {answer.status} {data[:300].decode()}")
        return took, json.loads(data) if data else None


def streams(src, src_addr, dst, dst_addr, pipe):
    with UdpStream(src, src_addr, dst, dst_addr) as s:
        pipe.send(None)
        pipe.recv()
    pipe.send((s.sent, s.lost))


@contextmanager
def traffic(bench, row):
    """Datagrams both ways between a client and the LAN, from processes of their own so that they
    do not hold up what is measured here."""
    w, ends = bench.world, []
    for a, b in (((w.c1, "10.8.0.2"), (w.lan, LAN_HOST4)), ((w.lan, LAN_HOST4), (w.c1, "10.8.0.2"))):
        here, there = multiprocessing.Pipe()
        child = multiprocessing.Process(target=streams, args=(*a, *b, there), daemon=True)
        child.start()
        ends.append((here, child))
        if not here.poll(BOUND):
            raise LabError("the traffic beside the changes does not start")
        here.recv()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sent = lost = 0
        for here, _ in ends:
            here.send(None)
        for here, child in ends:
            if not here.poll(BOUND):
                raise LabError("the traffic beside the changes does not end")
            counts = here.recv()
            sent, lost = sent + counts[0], lost + counts[1]
            child.join()
    bench.rows.note(row, f"beside it {lost} of {sent} datagrams lost")


# ---- rows -------------------------------------------------------------------------------


def start(bench, name="start", scattered=False):
    gateway = bench.gateway(scattered)
    for _ in range(bench.args.runs):
        answers, ready = bench.start_timed(gateway)
        bench.rows.add(f"{name}: answers", answers)
        bench.rows.add(f"{name}: ready", ready)
        stop(gateway)


def scattered_start(bench):
    start(bench, "scattered", scattered=True)


def stop(gateway):
    if gateway.process.stop(timeout=BOUND) != 0:
        raise LabError(f"wgdp ended with an error: {gateway.process.tail()}")


def put(bench):
    bodies = [(f"/p{i}", {"public_key": key(), "allowed_ips": prefixes(bench.args.peers + i)})
              for i in range(PUTS)]
    took = []
    with traffic(bench, "put: p99"):
        for path, body in bodies:
            took.append(bench.timed(bench.world.gateway, "PUT", bench.route(path), body)[0])
            time.sleep(0.005)  # one at a time, as operators do: no run of requests
    p = quantiles(took, n=100)
    bench.rows.add("put: p50", p[49])
    bench.rows.add("put: p99", p[98])
    probe_disk(bench)
    for path, _ in bodies:
        bench.timed(bench.world.gateway, "DELETE", bench.route(path))


def probe_disk(bench):
    """What syncing 4 KiB takes in the same place, without wgdp."""
    took = []
    with open(bench.world.gateway.dir / "probe", "wb", buffering=0) as f:
        for _ in range(200):
            f.write(bytes(4096))
            began = time.monotonic()
            os.fdatasync(f)
            took.append(time.monotonic() - began)
    (bench.world.gateway.dir / "probe").unlink()
    p = quantiles(took, n=100)
    bench.rows.note("put: p50", f"fdatasync alone: p50 {p[49] * 1e3:.2f} ms, p99 {p[98] * 1e3:.2f} ms")


def batch(bench):
    first = bench.args.peers + PUTS
    for _ in range(bench.args.runs):
        adds = [{"op": "put", "name": f"b{i}", "public_key": key(),
                 "allowed_ips": prefixes(first + i)} for i in range(BATCH)]
        with traffic(bench, "batch"):
            took, answer = bench.timed(bench.world.gateway, "PATCH", bench.route(), adds)
        if answer["applied"] != BATCH:
            raise LabError(f"a batch of {BATCH}: {answer}")
        bench.rows.add("batch", took)
        bench.timed(bench.world.gateway, "PATCH", bench.route(),
                    [{"op": "delete", "id": f"b{i}"} for i in range(BATCH)])


def listing(bench):
    for _ in range(bench.args.runs):
        total, n, after = 0, 0, ""
        while after is not None:
            took, page = bench.timed(bench.world.gateway, "GET",
                                     bench.route(f"?limit=10000{after and '&after=' + after}"))
            total, n, after = total + took, n + len(page["peers"]), page["next"]
        expect_all(bench, n)
        bench.rows.add("list", total)


def dump(bench):
    for _ in range(bench.args.runs):
        began = time.monotonic()
        said = run(["wg", "show", bench.world.wg, "dump"], timeout=BOUND).stdout
        bench.rows.add("dump", time.monotonic() - began)
        expect_all(bench, said.count("\n") - 1)


def expect_all(bench, n):
    if n != bench.args.peers + 2:
        raise LabError(f"{n} peers were listed instead of {bench.args.peers + 2}")


def reload(bench):
    """Each run edits another peer of the middle by hand."""
    file = bench.database()
    for i in range(bench.args.runs):
        # After changes it is written once more.
        wait_until(lambda: not list(file.parent.glob("*.journal-*")) or is_settled(file), BOUND,
                   "the database is written")
        name = f"n{bench.args.peers // 2 + i}"
        lines = file.read_text().splitlines(keepends=True)
        (at,) = [k for k, line in enumerate(lines)
                 if line.split()[-1].strip('"') == name and "name:" in line]
        lines.insert(at + 1, "    persistent_keepalive: 25\n")
        file.with_suffix(".new").write_text("".join(lines))
        file.with_suffix(".new").rename(file)
        took, answer = bench.timed(bench.world.gateway, "POST", "/v1/reload")
        if (answer["added"], answer["changed"], answer["removed"]) != (0, 1, 0):
            raise LabError(f"reload: {answer}")
        bench.rows.add("reload", took)


def is_settled(file):
    return time.time() - file.stat().st_mtime > 3


def recovery(bench):
    """1000 clients that send nothing by themselves; the gateway is killed, and calls them."""
    for i in range(bench.args.runs):
        recovery_once(bench, i)


def recovery_once(bench, i):
    gateway, blast = veth_pair(bench.lab, f"r{i}", CLIENTS)
    player = connect_and_be_silent(gateway, blast, CLIENTS, bench.lab.dir / f"blast{i}.json", BOUND)
    try:
        gateway.kill()
        began = time.monotonic()
        bench.rows.add("recovery: answers", bench.start_timed(gateway)[0])
        wait_until(lambda: sessions(gateway) >= CLIENTS * 95 // 100, BOUND,
                   "95 % of the sessions are back", every=0.02)
        bench.rows.add("recovery: 95 % back", time.monotonic() - began)
    finally:
        player.stop()
        gateway.stop()
        for ns in (gateway.ns, blast.ns):
            ns.destroy()
        time.sleep(3)  # the kernel clears them away later, with locks that the next one wants


# Those that are about a running gateway with all peers, and two connected clients.
RUNNING = {"put": put, "batch": batch, "list": listing, "dump": dump, "reload": reload}
ALONE = {"start": start, "scattered": scattered_start, "recovery": recovery}
ORDER = ("start", "scattered", *RUNNING, "recovery")


def measure(bench, only):
    for row in [r for r in ORDER if r in only and r in ("start", "scattered")]:
        say(row)
        ALONE[row](bench)
    running = [r for r in RUNNING if r in only]
    if running:
        say("starting for " + ", ".join(running))
        gateway = bench.gateway()
        bench.start_timed(gateway)
        bench.world.start_clients()
        for row in running:
            say(row)
            RUNNING[row](bench)
        stop(gateway)
    if "recovery" in only:
        say("recovery")
        recovery(bench)


def say(text):
    print(f"control-bench: {text}", file=sys.stderr, flush=True)


def rows_of(text):
    rows = text.split(",")
    for r in rows:
        if r not in ORDER:
            raise argparse.ArgumentTypeError(f"there is no row {r}; there are {', '.join(ORDER)}")
    return rows


def main():
    parse = argparse.ArgumentParser(prog="scripts/control-bench")
    parse.add_argument("--only", type=rows_of, default=ORDER, metavar="ROW[,ROW]",
                       help="of " + ", ".join(ORDER))
    parse.add_argument("--runs", type=int, default=5)
    parse.add_argument("--peers", type=int, default=100000)
    parse.add_argument("--directory", help="where the databases are to be; by default that of "
                       "temporary files")
    parse.add_argument("--json", metavar="FILE")
    args = parse.parse_args()
    if not set_stage("control-bench", PROGRAMS, "wgb"):
        return 1

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nothing is left behind
    directory = tempfile.mkdtemp(prefix="wgdp-control-bench-", dir=args.directory)
    lab = Lab(f"wgb{os.getpid()}-", directory)
    bench = None
    try:
        bench = Bench(lab, args)
        measure(bench, args.only)
        print(bench.rows.table())
        if args.json:
            Path(args.json).write_text(json.dumps(bench.rows.values, indent=1) + "\n")
    except LabError as e:
        print(f"control-bench: {e}\ncontrol-bench: its files are in {directory}", file=sys.stderr)
        directory = None
        return 1
    finally:
        lab.close()
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
