# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the interop tests. A lab's names carry the pid, so parallel runs do not meet."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from counterparts import KINDS  # noqa: E402
from lab import UAPI_DIR, Gateway, Lab, LabError, preflight, remove_sockets, sweep  # noqa: E402
from linux_vm import LinuxVm  # noqa: E402
from sites import Site  # noqa: E402
from world import World  # noqa: E402

PROGRAMS = ("ip", "ss", "ethtool", "ping", "iperf3", "curl", "wg", "wireguard-go",
            "qemu-system-x86_64", "busybox", "modprobe", "depmod")
_labs = 0


def machine_lacks():
    """What is missing, a line each."""
    lacks = preflight(PROGRAMS)
    try:
        Gateway.program()
        Gateway.program("wgdp-ctl")
    except LabError as e:
        lacks.append(str(e))
    return lacks


@pytest.fixture(scope="session", autouse=True)
def machine():
    """One line and a failure when something is missing: a test that is silently skipped would
    be taken for one that passed."""
    lacks = machine_lacks()
    if lacks:
        pytest.exit(f"interop: {lacks[0]}", returncode=1)

    def owner_gone(match):
        return not Path(f"/proc/{match[1]}").exists()
    for name in sweep(r"wgt(\d+)x\d+-.*", owner_gone):
        remove_sockets(name.split("-")[0])


@pytest.fixture(scope="session")
def guest(tmp_path_factory):
    """The guest of linux_vm.py, booted when the first module wants it."""
    lab = Lab(f"wgt{os.getpid()}x0-", tmp_path_factory.mktemp("guest"))
    vm = LinuxVm(lab)
    try:
        yield vm.start()
    finally:
        vm.stop()
        lab.close()


@pytest.fixture(scope="module")
def vm(guest):
    """The guest for one module, which leaves it as it was."""
    yield guest
    guest.clear()


def make_site(request, tmp_path_factory, nat=False):
    """A Site for the module's parameter, one of counterparts.KINDS, and its end."""
    global _labs
    _labs += 1
    made_lab = Lab(f"wgt{os.getpid()}x{_labs}-", tmp_path_factory.mktemp("lab"))
    vm = request.getfixturevalue("guest") if request.param == "linux" else None
    try:
        made = Site(made_lab, request.param, vm, nat)
        yield made
        if made.gateway and made.gateway.alive():
            leave(made.gateway)
    finally:
        if vm:
            vm.clear()
        made_lab.close()


BOTH = [pytest.param(k, marks=pytest.mark.guest) if k == "linux" else k for k in KINDS]


@pytest.fixture(scope="module", params=BOTH)
def site(request, tmp_path_factory):
    """sites.py's topology with nothing running in it, for each counterpart in turn."""
    yield from make_site(request, tmp_path_factory)


@pytest.fixture(scope="module", params=BOTH)
def nat_site(request, tmp_path_factory):
    """... with c1's second cable behind a NAT."""
    yield from make_site(request, tmp_path_factory, nat=True)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Namespaces for one module."""
    global _labs
    _labs += 1
    made = Lab(f"wgt{os.getpid()}x{_labs}-", tmp_path_factory.mktemp("lab"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def bare(lab):
    """The topology of world.py with nothing running in it."""
    made = World(lab, lab.name("g0"), (lab.name("c1"), lab.name("c2")))
    yield made
    if made.gateway and made.gateway.alive():
        leave(made.gateway)


@pytest.fixture(scope="module")
def world(bare):
    """... with wgdp and both clients, each with a session."""
    bare.make_wgdp()
    bare.gateway.start()
    bare.start_clients()
    return bare


def leave(gateway):
    """Every module's last check: an orderly end leaves nothing behind."""
    names = [i["name"] for i in gateway.config["interfaces"]]
    status = gateway.stop()
    assert status == 0, f"SIGTERM ended wgdp with {status}: {gateway.process.tail()}"
    left = [p for p in [gateway.socket, *(UAPI_DIR / f"{n}.sock" for n in names)] if p.exists()]
    assert not left, f"sockets left behind: {left}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the gateway of its module said last."""
    outcome = yield
    report = outcome.get_result()
    made = next((item.funcargs[n] for n in ("world", "bare", "site", "nat_site")
                 if n in item.funcargs), None)
    if report.failed and made is not None and made.gateway and made.gateway.log.exists():
        report.sections.append(("wgdp's log", made.gateway.log.read_text(errors="replace")[-4000:]))
