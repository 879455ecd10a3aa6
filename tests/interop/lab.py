# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces, WireGuard clients and gateways for the demo, the tests and compare.

Everything made here carries the lab's prefix, so a later run can find and remove what a
killed run left behind, and nothing else is ever touched.
"""

import ctypes
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import yaml

REPO = Path(__file__).resolve().parents[2]
UAPI_DIR = Path("/var/run/wireguard")  # the only place where stock wg looks
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """A command failed or something did not happen in time; the text is one line to act on."""


def run(argv, check=True, timeout=30, stdin=None, env=None):
    """Run a command to its end, with its output as text. Raises LabError unless check is False."""
    argv = [str(a) for a in argv]
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout,
                              env=env)
    except subprocess.TimeoutExpired:
        raise LabError(f"no end after {timeout} s: {shlex.join(argv)}") from None
    except FileNotFoundError:
        raise LabError(f"{argv[0]}: not found; run scripts/install-deps") from None
    if check and done.returncode != 0:
        said = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise LabError(f"exit {done.returncode}: {shlex.join(argv)}: {said}")
    return done


def wait_until(probe, timeout, what, every=0.05):
    """Call probe until it returns something true, and return that."""
    end = time.monotonic() + timeout
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            raise LabError(f"not within {timeout} s: {what}")
        time.sleep(every)


def preflight(programs):
    """What this machine lacks, one line each saying what to do; empty when all is there."""
    lacks = []
    if os.geteuid() != 0:
        return ["not root: run it with sudo"]
    for p in programs:
        if shutil.which(p) is None:
            lacks.append(f"{p} is not installed: run scripts/install-deps")
    if not Path("/dev/net/tun").exists():
        lacks.append("/dev/net/tun is missing: modprobe tun, or start the container with "
                     "--device /dev/net/tun")
    caps = int(re.search(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(),
                         re.M).group(1), 16)
    need = {"NET_ADMIN": 12, "NET_RAW": 13, "SYS_ADMIN": 21}
    absent = [name for name, bit in need.items() if not caps >> bit & 1]
    if absent:
        lacks.append(f"capabilities {', '.join(absent)} are missing: start the container with "
                     "--privileged")
    if not Path("/proc/net/if_inet6").exists():
        lacks.append("the kernel has no IPv6: boot it without ipv6.disable=1")
    memlock = _memlock_limit()
    if memlock is not None and memlock < 64 * 1024:
        lacks.append("the limit of locked memory is under 64 KiB, where keys are kept: "
                     "ulimit -l 1024")
    free = int(re.search(r"^MemAvailable:\s*(\d+)", Path("/proc/meminfo").read_text(),
                         re.M).group(1))
    if free < 1536 * 1024:
        lacks.append(f"{free // 1024} MB of memory are available, 1536 MB are needed: free some")
    if not lacks:
        lacks += _probe_netns()
    return lacks


def _memlock_limit():
    """Bytes that may be locked, None for no limit."""
    import resource
    if int(re.search(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(),
                     re.M).group(1), 16) >> 14 & 1:  # CAP_IPC_LOCK lifts the limit
        return None
    soft = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def _probe_netns():
    """A container may hold the capabilities and still forbid what ip netns does."""
    name = f"wgdp-probe-{os.getpid()}"
    try:
        run(["ip", "netns", "add", name])
        run(["ip", "-n", name, "link", "add", "va", "type", "veth", "peer", "name", "vb"])
    except LabError as e:
        return [f"network namespaces or veth are refused ({e}): start the container with "
                "--privileged"]
    finally:
        run(["ip", "netns", "del", name], check=False)
    return []


class Netns:
    """A named network namespace."""

    def __init__(self, name):
        self.name = name

    def create(self):
        run(["ip", "netns", "add", self.name])
        run(["ip", "-n", self.name, "link", "set", "lo", "up"])
        return self

    def argv(self, argv):
        return ["ip", "netns", "exec", self.name, *[str(a) for a in argv]]

    def run(self, argv, **kw):
        return run(self.argv(argv), **kw)

    def ip(self, line, **kw):
        """ip -n NAME with the words of one line."""
        return run(["ip", "-n", self.name, *line.split()], **kw)

    def socket(self, family, kind, proto=0):
        """A socket that lives in this namespace; the calling thread returns to its own."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            _setns(there.fileno())
            try:
                return socket.socket(family, kind, proto)
            finally:
                _setns(home.fileno())

    def ping(self, dest, count=1, interval=None, source=None, extra=(), wait=2):
        """Ping; the answers received and ping's whole output."""
        if interval is None:
            # After a first answer ping waits an interval for the last one, whatever wait is: on
            # a busy machine the last of a few needs more than a tenth of a second at times.
            interval = 0.5 if count <= 5 else 0.1
        argv = ["ping", "-n", "-c", count, "-i", interval, "-W", wait, *extra]
        if source:
            argv += ["-I", source]
        done = self.run([*argv, dest], check=False, timeout=count * interval + wait + 20)
        got = re.search(r"(\d+) received", done.stdout)
        if not got:
            raise LabError(f"ping {dest}: {done.stderr.strip() or done.stdout.strip()}")
        return int(got.group(1)), done.stdout

    def pids(self):
        done = run(["ip", "netns", "pids", self.name], check=False)
        return [int(p) for p in done.stdout.split()]

    def destroy(self):
        """Kill what runs inside, then the namespace with its interfaces."""
        for sig in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.pids():
                try:
                    os.kill(pid, sig)
                except ProcessLookupError:
                    pass
            try:
                wait_until(lambda: not self.pids(), 3, "processes end")
                break
            except LabError:
                continue
        run(["ip", "netns", "del", self.name], check=False)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def veth(a, dev_a, b, dev_b):
    """A cable between two namespaces. The far end b is a real kernel's and sends whole frames
    with filled checksums, as a NIC would put them on a wire: AF_PACKET at end a would otherwise
    see GSO frames, cut at its ring's frame size, and blank checksums."""
    run(["ip", "link", "add", dev_a, "netns", a.name, "type", "veth",
         "peer", "name", dev_b, "netns", b.name])
    b.run(["ethtool", "-K", dev_b, "tx", "off", "gso", "off", "tso", "off"])
    b.ip(f"link set {dev_b} up")


def silence(ns, dev):
    """Keep the kernel off an interface that the gateway reads by AF_PACKET: no addresses, no
    IPv6 autoconfiguration, no ARP, no MLD reports. What the kernel sees there it can then
    neither answer nor forward, also where a host's ip_forward=1 was inherited: it has no route
    to anywhere."""
    ns.ip(f"link set {dev} addrgenmode none")
    ns.ip(f"link set {dev} arp off multicast off")
    ns.ip(f"link set {dev} up")


def genkey():
    """(private, public) in base64, by the stock tool."""
    private = run(["wg", "genkey"]).stdout.strip()
    return private, run(["wg", "pubkey"], stdin=private + "\n").stdout.strip()


def genpsk():
    return run(["wg", "genpsk"]).stdout.strip()


def _die_with_parent():
    os.setsid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child in a namespace with its output in a log file. It dies with this process, however
    that ends, unless it is to outlive it (demo --keep)."""

    def __init__(self, ns, argv, log, outlive=False, env=None):
        self.argv = ns.argv(argv) if ns else [str(a) for a in argv]
        self.log = Path(log)
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=os.setsid if outlive else _die_with_parent,
                env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def tail(self, lines=5):
        return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-lines:])

    def wait(self, timeout):
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"no end after {timeout} s: {shlex.join(self.argv)}") from None

    def stop(self, sig=signal.SIGTERM, timeout=10):
        """Signal it and return its exit status; killed when it does not follow."""
        if self.alive():
            self.child.send_signal(sig)
            try:
                return self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(5)
                raise LabError(f"did not end within {timeout} s of signal {sig}: "
                               f"{shlex.join(self.argv)}") from None
        return self.child.returncode


def wg_dump(name, run=run):
    """wg show NAME dump as (interface line's fields, {public key: peer line's fields})."""
    lines = run(["wg", "show", name, "dump"]).stdout.splitlines()
    keys = ("public_key", "preshared_key", "endpoint", "allowed_ips", "latest_handshake",
            "rx_bytes", "tx_bytes", "persistent_keepalive")
    peers = [dict(zip(keys, line.split("\t"))) for line in lines[1:]]
    return lines[0].split("\t"), {p["public_key"]: p for p in peers}


class WireguardGo:
    """One wireguard-go interface: an unmodified client, or a gateway to compare with."""

    def __init__(self, lab, ns, name, addresses, mtu=1420, listen_port=0):
        self.lab, self.ns, self.name = lab, ns, name
        self.addresses, self.mtu, self.listen_port = addresses, mtu, listen_port
        self.private_key, self.public_key = genkey()
        self.process = None

    def start(self):
        sock = UAPI_DIR / f"{self.name}.sock"
        sock.unlink(missing_ok=True)
        # It prints a banner when the kernel has WireGuard too; -f keeps it a child of ours.
        self.process = Process(self.ns, ["wireguard-go", "-f", self.name],
                               self.lab.dir / f"{self.name}.log", outlive=self.lab.outlive,
                               env={"LOG_LEVEL": "error"})
        wait_until(lambda: sock.exists() or not self.process.alive(), 10, f"{sock} appears")
        if not self.process.alive():
            raise LabError(f"wireguard-go {self.name} ended: {self.process.tail()}")
        self.set("private-key", "/dev/stdin", stdin=self.private_key)
        if self.listen_port:
            self.set("listen-port", self.listen_port)
        for a in self.addresses:
            self.ns.ip(f"addr add {a} dev {self.name}" + (" nodad" if ":" in a else ""))
        self.ns.ip(f"link set {self.name} mtu {self.mtu} up")
        return self

    def set(self, *words, stdin=None):
        # Through its namespace, for wireguard-go looks up the names of endpoints there.
        return self.ns.run(["wg", "set", self.name, *words],
                           stdin=None if stdin is None else stdin + "\n")

    def peer(self, public_key, *, endpoint=None, allowed_ips=None, psk=None, keepalive=None):
        words = ["peer", public_key]
        if psk is not None:
            words += ["preshared-key", "/dev/stdin"]
        if endpoint:
            words += ["endpoint", endpoint]
        if keepalive is not None:
            words += ["persistent-keepalive", keepalive]
        if allowed_ips is not None:
            words += ["allowed-ips", ",".join(allowed_ips)]
        self.set(*words, stdin=psk)

    def routes(self, *prefixes):
        for p in prefixes:
            self.ns.ip(f"{'-6' if ':' in p else '-4'} route replace {p} dev {self.name}")

    def dump(self):
        return wg_dump(self.name)

    def latest_handshake(self, peer_key):
        """Seconds of the epoch, 0 = never."""
        return int(self.dump()[1][peer_key]["latest_handshake"])

    def stop(self):
        if self.process:
            self.process.stop()
        (UAPI_DIR / f"{self.name}.sock").unlink(missing_ok=True)


class UnixHttp(http.client.HTTPConnection):
    """http.client over a unix socket."""

    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Gateway:
    """wgdp in a namespace. The config is the YAML's structure; key files and peer databases are
    written beside it. peers maps an interface's name to its list of peers."""

    def __init__(self, lab, ns, config, peers, keys, directory=None):
        self.lab, self.ns = lab, ns
        self.dir = Path(directory or lab.dir / f"gw{lab.serial()}")
        self.config, self.peers, self.keys = config, peers, keys
        self.file = self.dir / "wgdp.yaml"
        self.log = self.dir / "wgdp.log"
        self.socket = Path(config["control"]["socket"])
        self.env = {}  # of the process, beside this one's
        self.process = None

    @staticmethod
    def program(name="wgdp"):
        path = Path(os.environ.get("WGDP_BUILD", REPO / "build")) / "app" / name
        if not path.exists():
            raise LabError(f"{path} is missing: run scripts/build")
        return path

    def write(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        if "WGDP_LEAKS" in os.environ:
            # LeakSanitizer makes a process at the end and traces the others from there.
            self.config["hardening"] = {"drop_capabilities": False, "seccomp": False,
                                        "core_dumps": True}
        for i in self.config["interfaces"]:
            key = self.dir / i["private_key_file"]
            key.touch(mode=0o600)
            key.write_text(self.keys[i["name"]][0] + "\n")
            db = self.dir / i["peer_db"]
            db.write_text(yaml.safe_dump({"peers": self.peers.get(i["name"], [])},
                                         sort_keys=False))
        self.file.write_text(yaml.safe_dump(self.config, sort_keys=False))
        return self

    def start(self, timeout=20):
        self.process = Process(self.ns, [self.program(), "-c", self.file], self.log,
                               outlive=self.lab.outlive, env=self.env)

        def ready():
            if not self.process.alive():
                raise LabError(f"wgdp ended with {self.process.child.returncode}: "
                               f"{self.process.tail()}")
            try:
                return self.api("GET", "/v1/status")["ready"]
            except (OSError, http.client.HTTPException):
                return False
        wait_until(ready, timeout, f"wgdp is ready (see {self.log})")
        return self

    def alive(self):
        return self.process is not None and self.process.alive()

    def stop(self):
        """SIGTERM; the exit status, which is not 0 when a packet buffer is missing at the end."""
        status = self.process.stop()
        said = self.process.tail()
        if "packet buffers did not come back" in said:
            raise LabError(f"wgdp leaks: {said}")
        return status

    def kill(self):
        """kill -9, as a crash would be."""
        self.process.child.kill()
        self.process.child.wait(60)  # it may be within a sync of a busy disk

    def request(self, method, path, body=None):
        """(status, JSON or text)"""
        conn = UnixHttp(self.socket)
        try:
            conn.request(method, path, None if body is None else json.dumps(body),
                         {"Content-Type": "application/json"} if body is not None else {})
            answer = conn.getresponse()
            data = answer.read().decode()
            kind = answer.getheader("Content-Type", "")
            return answer.status, json.loads(data) if "json" in kind and data else data
        finally:
            conn.close()

    def api(self, method, path, body=None):
        status, answer = self.request(method, path, body)
        if status >= 300:
            raise LabError(f"{method} {path}: {status} {answer}")
        return answer

    def ctl(self, *words, check=True, stdin=None):
        return run([self.program("wgdp-ctl"), "--socket", self.socket, *words], check=check,
                   stdin=stdin)

    def drops(self, reason):
        """Packets dropped for a reason, over all interfaces."""
        rows = [d for d in self.api("GET", "/v1/drops")["drops"] if d["reason"] == reason]
        if not rows:
            raise LabError(f"/v1/drops does not know {reason}")
        return sum(d["packets"] for d in rows)

    def peer_drops(self, interface, peer):
        """Packets that are charged to the peer, by reason."""
        rows = self.api("GET", f"/v1/interfaces/{interface}/peers/{peer}/drops")["drops"]
        return {d["reason"]: d["packets"] for d in rows}

    def list_peers(self, interface, page=1000):
        """All peers of an interface, asked for by pages."""
        after = ""
        while after is not None:
            got = self.api("GET", f"/v1/interfaces/{interface}/peers?limit={page}{after}")
            yield from got["peers"]
            after = got["next"] and f"&after={got['next']}"

    def show(self, interface, peer):
        return self.api("GET", f"/v1/interfaces/{interface}/peers/{peer}")


def memory_config(control_dir, interfaces, ports, workers=1, memory_mb=512):
    """A wgdp.yaml for namespaces: without hugepages, napping when idle (so that threads may
    share a CPU: a machine of one or two is enough)."""
    cpus = os.cpu_count()
    return {
        "dataplane": {"control_lcore": 0,
                      "worker_lcores": [i % cpus for i in range(1, workers + 1)],
                      "hugepages": False, "memory_mb": memory_mb, "max_peers": 1000,
                      "idle": "adaptive"},
        "ports": ports,
        "interfaces": interfaces,
        "control": {"socket": str(Path(control_dir) / "control.sock"), "mode": "0660",
                    "uapi_dir": str(UAPI_DIR)},
    }


class Lab:
    """Owns namespaces, processes and a directory; close() leaves nothing of them behind."""

    def __init__(self, prefix, directory, outlive=False):
        self.prefix, self.dir, self.outlive = prefix, Path(directory), outlive
        self.dir.mkdir(parents=True, exist_ok=True)
        self.namespaces, self.processes = [], []
        self._serial = 0

    def serial(self):
        self._serial += 1
        return self._serial

    def netns(self, name):
        ns = Netns(self.prefix + name)
        self.namespaces.append(ns)
        return ns.create()

    def name(self, suffix):
        """A name for an interface whose userspace socket all namespaces share."""
        return (self.prefix + suffix).replace("-", "")

    def popen(self, ns, argv):
        p = Process(ns, argv, self.dir / f"proc{self.serial()}.log", outlive=self.outlive)
        self.processes.append(p)
        return p

    def iperf3_server(self, ns, port=5201):
        p = self.popen(ns, ["iperf3", "-s", "-p", port])
        wait_until(lambda: f":{port} " in ns.run(["ss", "-Hltn"]).stdout, 5, "iperf3 -s listens")
        return p

    def close(self):
        for p in self.processes:
            if p.alive():
                p.child.kill()
                p.child.wait(5)
        for ns in self.namespaces:
            ns.destroy()
        self.namespaces, self.processes = [], []
        remove_sockets(self.prefix.replace("-", ""))


def remove_sockets(prefix):
    for sock in UAPI_DIR.glob(prefix + "*.sock"):
        sock.unlink(missing_ok=True)


def sweep(pattern, owner_gone=lambda match: True):
    """Destroy the namespaces that a killed run left: those whose name matches and whose owner
    is gone. Returns their names."""
    gone = []
    for line in run(["ip", "netns", "list"]).stdout.splitlines():
        name = line.split()[0] if line.split() else ""
        match = re.fullmatch(pattern, name)
        if match and owner_gone(match):
            Netns(name).destroy()
            gone.append(name)
    sweep_runtime_dirs()
    return gone


def set_stage(script, programs, prefix):
    """What scripts do before they measure: False, with a line for the user, where this machine
    lacks something; and what ended runs have left goes, by the names that their labs had:
    PREFIX, the process, and more."""
    for line in preflight(programs):
        print(f"{script}: {line}", file=sys.stderr)
        return False
    for name in sweep(rf"{prefix}(\d+)[x-].*", lambda m: not Path(f"/proc/{m[1]}").exists()):
        remove_sockets(name.split("-")[0])
    return True


def sweep_runtime_dirs():
    """A gateway removes its DPDK directory when it ends, but not when it was killed."""
    for path in Path("/var/run/dpdk").glob("wgdp-*"):
        pid = path.name.removeprefix("wgdp-")
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(path, ignore_errors=True)


def iperf3(ns, dest, seconds=3, reverse=False, streams=1, extra=()):
    """Bits a second as the receiver saw them."""
    argv = ["iperf3", "-J", "-c", dest, "-t", seconds, "-P", streams, "--connect-timeout", 5000,
            *extra]
    if reverse:
        argv.append("-R")
    done = ns.run(argv, check=False, timeout=seconds + 30)
    try:
        result = json.loads(done.stdout)
    except ValueError:
        raise LabError(f"iperf3 -c {dest}: {done.stderr.strip()}") from None
    if "error" in result:
        raise LabError(f"iperf3 -c {dest}: {result['error']}")
    end = result["end"]
    return end.get("sum_received", end.get("sum"))["bits_per_second"]


class Sniffer:
    """What passes an interface, seen by a packet socket: (outgoing, Ethernet type, bytes)."""

    OUTGOING = 4  # PACKET_OUTGOING

    def __init__(self, ns, dev):
        self.sock = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.sock.bind((dev, 3))
        self.sock.setblocking(False)
        self.frames = []

    def poll(self):
        """Take what has come; to be called now and then in a long run."""
        while True:
            try:
                data, addr = self.sock.recvfrom(65536)
            except BlockingIOError:
                return self.frames
            self.frames.append((addr[2] == self.OUTGOING, addr[1], data))

    def wireguard(self, port):
        """(outgoing, message type, UDP payload) of all UDP frames from or to a port."""
        found = []
        for outgoing, kind, data in self.poll():
            payload = _udp_payload(kind, data, port)
            if payload is not None and len(payload) >= 4:
                found.append((outgoing, struct.unpack_from("<I", payload)[0], payload))
        return found

    def close(self):
        self.sock.close()


def _udp_payload(kind, data, port):
    if kind == 0x0800 and data[23] == 17:
        off = 14 + (data[14] & 15) * 4
    elif kind == 0x86DD and data[20] == 17:
        off = 54
    else:
        return None
    src, dst, length = struct.unpack_from("!HHH", data, off)
    return data[off + 8:off + length] if port in (src, dst) else None


class UdpStream:
    """Numbered datagrams from one namespace to another at a steady rate; says exactly what got
    there. Use as a context manager; the counts are final after it."""

    def __init__(self, src, src_addr, dst, dst_addr, rate=400, size=1200):
        family = socket.AF_INET6 if ":" in dst_addr else socket.AF_INET
        self.rx = dst.socket(family, socket.SOCK_DGRAM)
        self.rx.bind((dst_addr, 0))
        self.rx.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.rx.settimeout(0.2)
        self.tx = src.socket(family, socket.SOCK_DGRAM)
        self.tx.bind((src_addr, 0))
        self.tx.connect(self.rx.getsockname()[:2])
        self.rate, self.size = rate, size
        self.sent, self.received, self.reordered = 0, set(), 0
        self._done = threading.Event()
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._send, self._recv)]

    def _send(self):
        next_at = time.monotonic()
        while not self._done.is_set():
            self.tx.send(struct.pack("!Q", self.sent).ljust(self.size, b"."))
            self.sent += 1
            next_at += 1 / self.rate
            time.sleep(max(0, next_at - time.monotonic()))

    def _recv(self):
        last, quiet_since = -1, None
        while True:
            try:
                number = struct.unpack_from("!Q", self.rx.recv(65536))[0]
            except TimeoutError:
                # After the end, a second of silence means that nothing is on its way.
                if self._done.is_set():
                    quiet_since = quiet_since or time.monotonic()
                    if time.monotonic() - quiet_since > 1:
                        return
                continue
            self.received.add(number)
            self.reordered += number < last
            last = max(last, number)

    def __enter__(self):
        for t in self._threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self._done.set()
        for t in self._threads:
            t.join()
        self.rx.close()
        self.tx.close()

    @property
    def lost(self):
        return self.sent - len(self.received)


class PingStream:
    """ping at an interval in the background; the counts are final after the context."""

    def __init__(self, lab, ns, dest, interval=0.1):
        self.lab, self.ns, self.dest, self.interval = lab, ns, dest, interval

    def __enter__(self):
        self.process = self.lab.popen(self.ns, ["ping", "-n", "-O", "-i", self.interval,
                                                self.dest])
        return self

    def __exit__(self, *exc):
        self.process.child.send_signal(signal.SIGINT)
        self.process.wait(10)
        self.sent, self.received = (int(n) for n in re.search(
            r"(\d+) packets transmitted, (\d+) received", self.process.log.read_text()).groups())
        # ping does not wait for the answer to its last request when it is interrupted.
        self.lost = max(0, self.sent - self.received - 1)
