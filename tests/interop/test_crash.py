# SPDX-License-Identifier: BSD-3-Clause
"""The whole gateway killed while it takes changes, and on disks that are full or read-only.

    c1 ====== gw ------ lan
    c2 ========|
"""

import base64
import http.client
import os
import random
import threading
import time

import pytest

from lab import run
from world import LAN_HOST4


def put(gateway, interface, number):
    body = {"public_key": base64.b64encode(number.to_bytes(4, "big") + bytes(27) + b"\x01").decode(),
            "allowed_ips": [f"10.8.{10 + number // 250}.{number % 250}"]}
    return gateway.request("PUT", f"/v1/interfaces/{interface}/peers/k{number}", body)


def names(gateway, interface):
    return {p["name"]: p for p in gateway.list_peers(interface)}


@pytest.mark.parametrize("kills", (4, pytest.param(40, marks=pytest.mark.long)))
def test_nothing_acknowledged_is_lost_by_kills(bare, kills):
    gateway = bare.make_wgdp()
    gateway.start()
    acknowledged, begun, counter = set(), set(), iter(range(10**6))
    lock = threading.Lock()

    def write(until):
        while time.monotonic() < until:
            with lock:
                number = next(counter) % 900
            begun.add(number)
            try:
                if put(gateway, bare.wg, number)[0] in (200, 201):
                    acknowledged.add(number)
            except (OSError, http.client.HTTPException, ValueError):
                return

    for _ in range(kills):
        threads = [threading.Thread(target=write, args=(time.monotonic() + 5,)) for _ in range(3)]
        for t in threads:
            t.start()
        time.sleep(random.uniform(0.1, 2.5))
        gateway.kill()
        for t in threads:
            t.join()
        run([gateway.program(), "-c", gateway.file, "--check"])
        gateway.start()
        there = {int(n[1:]) for n in names(gateway, bare.wg) if n.startswith("k")}
        assert acknowledged <= there <= begun
    assert acknowledged
    assert gateway.stop() == 0
    # A clean stop leaves the YAML alone to say it all.
    assert not list(gateway.dir.glob("*.journal-*"))
    text = (gateway.dir / f"{bare.wg}.peers.yaml").read_text()
    assert all(f'"k{n}"' in text for n in acknowledged)


@pytest.fixture
def small_disk(bare):
    place = bare.lab.dir / f"small{bare.lab.serial()}"
    place.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", place])
    yield place
    if bare.gateway.alive():
        bare.gateway.stop()
    run(["umount", "-l", place])


def test_full_and_read_only_disks_are_errors_and_packets_pass(bare, small_disk):
    gateway = bare.make_wgdp(directory=small_disk)
    gateway.log = bare.lab.dir / "small.log"
    gateway.start()
    bare.start_clients()
    assert put(gateway, bare.wg, 1)[0] == 201
    filler = small_disk / "filler"
    with pytest.raises(OSError), open(filler, "wb", buffering=0) as f:
        while True:
            f.write(bytes(4096))
    refused = None
    for number in range(2, 2000):  # the journal has some room of its own
        status, answer = put(gateway, bare.wg, number)
        if status != 201:
            refused = number
            break
    assert status == 507 and "No space left on device" in answer["error"]["message"]
    assert f"k{refused}" not in names(gateway, bare.wg)
    bare.expect_ping(bare.c1, LAN_HOST4, 3)
    filler.unlink()
    assert put(gateway, bare.wg, refused)[0] == 201
    # Read-only from the start on: it starts, forwards and answers, and refuses changes.
    assert gateway.stop() == 0
    run(["mount", "-o", "remount,ro", small_disk])
    gateway.start()
    status, answer = put(gateway, bare.wg, 3000)
    assert status == 500 and "Read-only file system" in answer["error"]["message"]
    assert "k3000" not in names(gateway, bare.wg)
    bare.fresh_clients()
    bare.expect_ping(bare.c1, LAN_HOST4, 3)
    # What has to be written at the end cannot be: an orderly end all the same.
    assert gateway.stop() == 0
    run(["mount", "-o", "remount,rw", small_disk])
    gateway.start()
    assert put(gateway, bare.wg, 3000)[0] == 201
    gateway.kill()
    gateway.start()
    there = names(gateway, bare.wg)
    assert {"c1", "c2", "k1", f"k{refused}", "k3000"} <= there.keys()
    assert os.path.getsize(small_disk / f"{bare.wg}.peers.yaml") > 0
