# SPDX-License-Identifier: BSD-3-Clause
"""The systemd unit, the Debian package, the dashboard: what operators get besides the programs."""

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from lab import REPO, Gateway, genkey, run

UNIT = REPO / "configs" / "systemd" / "wgdp.service"
DASHBOARD = REPO / "configs" / "grafana" / "wgdp.json"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Of the release build, which stands already: no compiler runs for that."""
    out = tmp_path_factory.mktemp("deb")
    env = {**os.environ, "DEBEMAIL": "wgdp@packages.debian.org"}  # any that lintian believes in
    return Path(run([REPO / "scripts" / "deb", out], timeout=600, env=env).stdout.strip())


def unpacked(package, to):
    run(["dpkg-deb", "-R", package, to])
    return to


def test_package_has_what_it_promises(package, tmp_path):
    root = unpacked(package, tmp_path / "root")
    for file in ("usr/bin/wgdp", "usr/bin/wgdp-ctl", "usr/share/man/man8/wgdp.8.gz",
                 "usr/share/man/man5/wgdp.yaml.5.gz", "lib/systemd/system/wgdp.service",
                 "usr/share/bash-completion/completions/wgdp-ctl",
                 "usr/share/doc/wgdp/copyright", "usr/share/doc/wgdp/examples/wgdp.yaml"):
        assert (root / file).is_file(), file
    depends = re.search(r"^Depends: (.*)$", (root / "DEBIAN/control").read_text(), re.M)[1]
    assert "libc6" in depends and "librte-eal" in depends and "libsodium" in depends


def test_package_installs_starts_and_uninstalls(package, tmp_path):
    """Into a root of its own: dpkg itself, with its scripts and database, but no libraries (the
    dependencies are this machine's)."""
    root = tmp_path / "sysroot"
    for d in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/dpkg/triggers"):
        (root / d).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    before = {p.relative_to(root) for p in root.rglob("*") if "var/lib/dpkg" not in str(p)}

    def dpkg(*words):
        return run(["dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless",
                    "--log=/dev/null", *words], timeout=120)
    dpkg("--install", package)
    assert run([root / "usr/bin/wgdp", "--version"]).stdout.startswith("wgdp ")
    assert "ok installed" in run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-s",
                                  "wgdp"]).stdout
    dpkg("--purge", "wgdp")
    left = {p.relative_to(root) for p in root.rglob("*")
            if p.is_file() and "var/lib/dpkg" not in str(p)} - before
    assert not left, left


def test_lintian_has_no_errors(package):
    done = run(["lintian", "--allow-root", "--fail-on", "error", package], check=False, timeout=300)
    assert done.returncode == 0, done.stdout


def test_systemd_accepts_the_unit(package, tmp_path):
    root = unpacked(package, tmp_path / "root")
    # As installed, with the programs where it names them.
    unit = tmp_path / "wgdp.service"
    unit.write_text(UNIT.read_text().replace("/usr/bin/", f"{root}/usr/bin/"))
    done = run(["systemd-analyze", "verify", "--man=no", unit], check=False, timeout=60)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    said = run(["systemd-analyze", "security", "--offline=true", UNIT], timeout=60).stdout
    score = float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1])
    print(f"systemd-analyze security: {score}")
    assert score <= 3.5, said


def test_ready_and_stopping_are_told(tmp_path):
    """What Type=notify waits for, from the program itself."""
    name = f"wgt{os.getpid()}n"
    (tmp_path / "k").touch(mode=0o600)
    (tmp_path / "k").write_text(genkey()[0])
    (tmp_path / "wgdp.yaml").write_text(yaml.safe_dump({
        "dataplane": {"worker_lcores": [0], "hugepages": False, "memory_mb": 512,
                      "max_peers": 1000},
        "ports": [{"name": "p0", "device": "net_null0", "addresses": ["10.77.0.1/24"]}],
        "interfaces": [{"name": name, "private_key_file": "k", "listen_port": 51999,
                        "peer_db": "p.yaml"}],
        "control": {"socket": str(tmp_path / "c.sock")}}))
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(30)
    env = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1500000"}
    process = subprocess.Popen([Gateway.program(), "-c", tmp_path / "wgdp.yaml"], env=env,
                               stderr=subprocess.DEVNULL)
    try:
        assert told.recv(4096) == b"READY=1\nSTATUS=1 interface, 0 peers"
        assert told.recv(4096) == b"WATCHDOG=1"
        process.terminate()
        while (word := told.recv(4096)) == b"WATCHDOG=1":
            pass
        assert word == b"STOPPING=1"
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_the_dashboard_asks_for_series_that_there_are(world):
    status, text = world.gateway.request("GET", "/metrics?peers=true")
    assert status == 200
    there = set(re.findall(r"^# TYPE (\w+)", text, re.M)) | {"up"}
    dashboard = json.loads(DASHBOARD.read_text())
    asked = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            asked |= set(re.findall(r"\b((?:wgdp|wireguard)_\w+)\{", target["expr"]))
    assert asked and asked <= there, asked - there
    # ... and in words that Prometheus takes.
    rules = world.lab.dir / "rules.yml"
    expressions = [t["expr"].replace("$__rate_interval", "1m") for p in dashboard["panels"]
                   for t in p["targets"]]
    rules.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
        {"record": f"x:{i}", "expr": e} for i, e in enumerate(expressions)]}]}))
    run(["promtool", "check", "rules", rules])
