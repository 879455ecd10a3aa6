# SPDX-License-Identifier: BSD-3-Clause
"""SIGTERM in the middle of traffic: exit 0, sockets gone, and a new start finds all in order.

    c1 ====== gw ------ lan
    c2 ========|
"""

import os
import signal
import time
from pathlib import Path

from lab import UAPI_DIR, Process, run, wait_until
from world import LAN_HOST4


def test_sigterm_under_traffic(world):
    lab, gateway = world.lab, world.gateway
    lab.iperf3_server(world.lan)
    stream = lab.popen(world.c1, ["iperf3", "-c", LAN_HOST4, "-t", "30"])
    wait_until(lambda: world.gateway.show(world.wg, "c1")["tx_packets"] > 1000, 10, "traffic")
    assert gateway.stop() == 0
    assert not gateway.socket.exists()
    assert not (UAPI_DIR / f"{world.wg}.sock").exists()
    stream.stop(signal.SIGKILL)
    gateway.start()
    # The client's session died with the gateway: it notices after 15 s without an answer.
    wait_until(lambda: world.c1.ping(LAN_HOST4)[0], 25, "the client is back")


def test_sigint_is_as_good(world):
    world.gateway.process.child.send_signal(signal.SIGINT)
    assert world.gateway.process.wait(10) == 0
    assert not world.gateway.socket.exists()
    world.gateway.start()


def test_stale_sockets_of_a_killed_run_do_not_matter(world):
    world.gateway.kill()
    assert world.gateway.socket.exists()
    world.gateway.start()
    run(["wg", "show", world.wg])


def test_signals_during_start(world):
    """Also the impatient one that repeats itself: an orderly end, whenever it begins."""
    gateway = world.gateway
    assert gateway.stop() == 0
    for delay in (0.1, 0.3, 0.6, 1, 1.5):
        gateway.process = Process(gateway.ns, [gateway.program(), "-c", gateway.file], gateway.log)
        # Before its main() runs nothing of ours can help.
        wait_until(lambda: "SigBlk:\t0000000000004003" in status_of(gateway), 5, "it starts")
        time.sleep(delay)
        gateway.process.child.send_signal(signal.SIGTERM)
        time.sleep(0.02)
        assert gateway.process.stop(signal.SIGINT) == 0
        assert not gateway.socket.exists()
        assert not (UAPI_DIR / f"{world.wg}.sock").exists()
    gateway.start()


def status_of(gateway):
    return Path(f"/proc/{gateway.process.pid}/status").read_text()


def test_socket_modes(world):
    assert os.stat(world.gateway.socket).st_mode & 0o777 == 0o660
    assert os.stat(UAPI_DIR / f"{world.wg}.sock").st_mode & 0o077 == 0


def test_second_instance_is_refused(world):
    """The sockets of a running gateway are not taken from it."""
    done = world.gw.run([world.gateway.program(), "-c", world.gateway.file], check=False)
    assert done.returncode == 1
    assert world.gateway.alive()
    assert world.gateway.api("GET", "/v1/status")["ready"]
    run(["wg", "show", world.wg])
