# SPDX-License-Identifier: BSD-3-Clause
"""What a running gateway has given up, and that it does all its work without: capabilities,
system calls, core dumps with keys in them.

    c1 (raw messages, then wireguard-go) ====== gw ------ lan
"""

import base64
import os
import resource
import signal
from pathlib import Path

import pytest

from lab import Gateway, wait_until
from raw_client import RawClient
from world import LAN_HOST4, LAN_HOST6, PORT

CAP_NET_ADMIN = 12
IFF_PROMISC = 0x100


@pytest.fixture(scope="module")
def gateway(bare):
    return bare.start_wgdp()


def threads(gateway):
    """{name: {field of status: value}} of each of its threads; a name may come twice."""
    out = []
    for task in Path(f"/proc/{gateway.process.pid}/task").iterdir():
        fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines()
                      if ":\t" in line)
        out.append(fields)
    return out


def flags(bare, dev):
    return int(bare.gw.run(["cat", f"/sys/class/net/{dev}/flags"]).stdout, 16)


def test_every_thread_is_locked_in(gateway):
    found = threads(gateway)
    # main, a worker, management; EAL has its own, too.
    assert len(found) > 3 and "wgdp-mgmt" in [t["Name"] for t in found]
    for t in found:
        assert int(t["CapPrm"], 16) & ~(1 << CAP_NET_ADMIN) == 0, t["Name"]
        assert int(t["CapEff"], 16) & ~(1 << CAP_NET_ADMIN) == 0, t["Name"]
        assert int(t["CapInh"], 16) == 0 and int(t["CapAmb"], 16) == 0, t["Name"]
        assert t["NoNewPrivs"] == "1" and t["Seccomp"] == "2", t["Name"]


def test_it_does_all_its_work(bare, gateway):
    """Packets both ways, changes that reach the disk and survive, an orderly end."""
    for name in bare.clients:
        bare.start_client(name)
        for dest in ("10.8.0.1", LAN_HOST4, LAN_HOST6):
            bare.expect_ping(bare.clients[name].ns, dest, wait=6)
    gateway.ctl("add-peer", bare.wg, "late", "--public-key", RawClient(
        bare.c1, "192.0.2.2", bare.public_key, ("192.0.2.1", PORT)).public_key,
        "--allowed-ips", "10.8.0.9/32")
    promiscuous = [dev for dev in ("wan1", "wan2", "lan0") if flags(bare, dev) & IFF_PROMISC]
    assert gateway.stop() == 0
    assert "peers cannot be changed" not in gateway.log.read_text()
    # The kernel's interfaces are given back as they were found.
    assert promiscuous and not [d for d in promiscuous if flags(bare, d) & IFF_PROMISC]
    gateway.start()
    assert gateway.show(bare.wg, "late")["allowed_ips"] == ["10.8.0.9/32"]


def test_a_directory_of_another_user_is_told_of(bare, gateway):
    """... at the start, rather than by the first change that cannot be kept."""
    assert gateway.stop() == 0
    os.chown(gateway.dir, 65534, -1)
    try:
        gateway.start()
        wait_until(lambda: "peers cannot be changed" in gateway.log.read_text(), 5, "the warning")
        status, answer = gateway.request("PUT", f"/v1/interfaces/{bare.wg}/peers/none", {
            "public_key": base64.b64encode(os.urandom(32)).decode(), "allowed_ips": []})
        assert status == 500 or status == 507, answer
        assert gateway.request("GET", f"/v1/interfaces/{bare.wg}/peers/none")[0] == 404
    finally:
        os.chown(gateway.dir, 0, -1)
    assert gateway.stop() == 0
    gateway.start()


# ---- core dumps


def core_of(pid, everything=False):
    """What the kernel or gcore would write: the mappings that the process' filter selects (see
    core(5)) and madvise() has not taken out."""
    chosen = int(Path(f"/proc/{pid}/coredump_filter").read_text(), 16)
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for head, vm_flags in mappings(pid):
            span, perms, _, _, inode = head[:5]
            start, end = (int(x, 16) for x in span.split("-"))
            shared, anonymous = perms[3] == "s", inode == "0"
            bit = (0 if anonymous else 2) + shared
            if "ht" in vm_flags:
                bit = 5 + shared
            if "r" not in perms or not (everything or (chosen >> bit & 1
                                                       and "dd" not in vm_flags)):
                continue
            at = start
            while at < end:
                try:
                    mem.seek(at)
                    data = mem.read(min(end - at, 16 << 20))
                except OSError:  # [vvar] and the like
                    break
                if not data:
                    break
                yield data
                at += len(data)


def mappings(pid):
    head = None
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if words[0] == "VmFlags:":
            yield head, words[1:]
        elif not words[0].endswith(":"):
            head = words


def found_in(chunks, secrets):
    """Names of the secrets that are in there. None of them lies across two chunks: those end at
    pages' ends, and allocations of 32 bytes that cross one are not what is looked for."""
    found = set()
    for data in chunks:
        found |= {name for name, value in secrets.items() if value in data}
    return found


@pytest.fixture
def secrets(bare):
    """A connected raw client's session keys, and all that comes from files."""
    def connect(gateway):
        client = RawClient(bare.c1, "192.0.2.2", bare.public_key, ("192.0.2.1", PORT))
        gateway.api("PUT", f"/v1/interfaces/{bare.wg}/peers/raw", {
            "public_key": client.public_key, "allowed_ips": ["10.8.0.77/32"]})
        session = client.connect()
        client.send(session.data())
        wait_until(lambda: gateway.show(bare.wg, "raw")["session"], 3, "a session")
        return {"private key": base64.b64decode(bare.keys[bare.wg][0]),
                "preshared key": base64.b64decode(bare.psk),
                "session key, in": session.send_key, "session key, out": session.receive_key}
    return connect


def crash(gateway):
    """Status of an end by SIGSEGV in a place where nothing else keeps a core away."""
    pid = gateway.process.pid
    os.kill(pid, signal.SIGSEGV)
    _, status = os.waitpid(pid, 0)
    gateway.process.child.returncode = -signal.SIGSEGV  # waited for behind its back
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSEGV
    return status


@pytest.fixture
def cores(bare, monkeypatch):
    """Children of this process may dump, into a directory of the lab."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    where = bare.lab.dir / "cores"
    where.mkdir(exist_ok=True)
    monkeypatch.chdir(where)
    yield where
    for core in where.iterdir():
        core.unlink()
    resource.setrlimit(resource.RLIMIT_CORE, (before[0], before[1]))


def test_no_key_in_a_core_dump(bare, gateway, secrets, cores):
    assert gateway.stop() == 0
    gateway.start()
    known = secrets(gateway)
    pid = gateway.process.pid
    # They are in memory, or the search below would prove nothing.
    assert found_in(core_of(pid, everything=True), known) == set(known)
    assert found_in(core_of(pid), known) == set()
    limit = resource.prlimit(pid, resource.RLIMIT_CORE)
    assert limit[0] == 0
    # Even where the limit is lifted the kernel writes none.
    resource.prlimit(pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert not os.WCOREDUMP(crash(gateway))
    assert not list(cores.iterdir())


def test_who_asks_for_dumps_gets_them(bare, gateway, secrets, cores):
    """hardening.core_dumps: true; so what the test above finds missing is our doing."""
    other = Gateway(bare.lab, bare.gw, {**gateway.config, "hardening": {"core_dumps": True}},
                    gateway.peers, gateway.keys, bare.lab.dir / "dumping").write().start()
    known = secrets(other)
    # Without hugepages DPDK's memory, and so a session, is a file's, which a dump leaves out.
    assert {"private key", "preshared key"} <= found_in(core_of(other.process.pid), known)
    assert os.WCOREDUMP(crash(other))
    gateway.start()
