# SPDX-License-Identifier: BSD-3-Clause
"""After a crash the gateway calls its clients back: they send nothing by themselves.

                wan
    wg-blast --------- gw        cable: veth, AF_PACKET at both ends
    N clients
"""

import json
import time

import pytest

from blast import WAN, connect_and_be_silent, sessions, veth_pair
from lab import wait_until


@pytest.mark.parametrize("clients", (60, pytest.param(1000, marks=pytest.mark.long)))
def test_silent_clients_are_called_back(lab, clients):
    gateway, blast = veth_pair(lab, f"r{clients}", clients)
    name = gateway.config["interfaces"][0]["name"]
    out = lab.dir / f"blast{clients}.json"
    player = connect_and_be_silent(gateway, blast, clients, out, 60)
    try:
        gateway.kill()
        began = time.monotonic()
        gateway.start()
        up = time.monotonic() - began
        wait_until(lambda: sessions(gateway) >= clients * 95 // 100, 60,
                   "95 % of the sessions are back", every=0.05)
        back = time.monotonic() - began
        print(f"{clients} clients: ready after {up:.2f} s, 95 % back after {back:.2f} s")
        wait_until(lambda: sessions(gateway) == clients, 60, "all sessions are back")
        log = gateway.log.read_text()
        assert "as initiator" in log
        page = gateway.api("GET", f"/v1/interfaces/{name}/peers?limit=1")["peers"][0]
        assert page["endpoint"].startswith(WAN[4].rsplit(".", 2)[0])
        assert page["session"]["role"] == "initiator"
    finally:
        player.stop()
    said = out.read_text()
    report = json.loads(said[said.index("{"):])
    assert report["counters"]["handshakes_answered"] >= clients
    assert report["counters"]["auth_failed"] == 0
    assert gateway.stop() == 0


def test_nobody_is_called_who_was_not_there(lab):
    """Peers that never had a session get nothing."""
    gateway, _ = veth_pair(lab, "rnone")
    gateway.kill()
    gateway.start()
    assert "recovery:" not in gateway.log.read_text()
    assert gateway.stop() == 0
