# SPDX-License-Identifier: BSD-3-Clause
"""130 000 allowed-IPs: given by wg setconf and syncconf, listed by wg, wg-quick's showconf and
HTTP, and routed by.

    c1 ====== gw (wgdp) ------ lan
"""

import time

import pytest

from lab import genkey, run, wg_dump
from world import LAN_HOST4

A, B = range(1, 256), range(256)  # the kernel's own test has the same 130 560
PREFIXES = [p for a in A for b in B for p in (f"{a}.{b}.0.0/16", f"{a:x}::{b:x}/128")]
MINUTES = 300  # seconds: a bound, not what it takes


@pytest.fixture(scope="module")
def big(bare):
    config = bare.config(memory_mb=2048)
    config["dataplane"]["max_peers"] = 70000  # and with it the number of prefixes
    bare.make_wgdp(config=config, peers={})
    t = time.monotonic()
    bare.gateway.start()
    print("start", time.monotonic() - t)
    return bare


def conf(world, sections):
    rows = ["[Interface]", f"PrivateKey = {world.keys[world.wg][0]}",
            f"ListenPort = {world.listen_port}"]
    for key, prefixes in sections:
        rows += ["[Peer]", f"PublicKey = {key}"]
        rows += [f"AllowedIPs = {p}" for p in prefixes]
    file = world.lab.dir / "big.conf"
    file.write_text("\n".join(rows) + "\n")
    return file


def test_x(big):
    key = genkey()[1]
    f = conf(big, [(key, PREFIXES)])
    t = time.monotonic()
    run(["wg", "setconf", big.wg, f], timeout=MINUTES)
    print("setconf", time.monotonic() - t)
    t = time.monotonic()
    out = run(["wg", "show", big.wg, "allowed-ips"], timeout=MINUTES).stdout
    print("show", time.monotonic() - t, len(out.split()))
