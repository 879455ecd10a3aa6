# SPDX-License-Identifier: BSD-3-Clause
"""After a crash the gateway calls its clients back: they send nothing by themselves.

                wan
    wg-blast --------- gw        cable: veth, AF_PACKET at both ends
    N clients
"""

import json
import time

import pytest

from lab import Process, silence, veth, wait_until
from test_blast import WAN, Blast, start_wgdp


def sessions(gateway, interface):
    n, after = 0, ""
    while after is not None:
        page = gateway.api("GET", f"/v1/interfaces/{interface}/peers?limit=1000"
                           + (f"&after={after}" if after else ""))
        n += sum(p["session"] is not None for p in page["peers"])
        after = page["next"]
    return n


@pytest.mark.parametrize("clients", (60, pytest.param(1000, marks=pytest.mark.long)))
def test_silent_clients_are_called_back(lab, clients):
    gw, far = lab.netns(f"rgw{clients}"), lab.netns(f"rcl{clients}")
    veth(far, "wan", gw, "wan")
    silence(far, "wan")
    silence(gw, "wan")
    device = "net_af_packet0,iface=wan"
    blast = Blast(lab, far, [device], None)
    gateway = start_wgdp(lab, gw, [device], 4, blast, clients)
    name = gateway.config["interfaces"][0]["name"]
    # All clients have addresses of their own on the gateway's network, so each costs an ARP too.
    out = lab.dir / f"blast{clients}.json"
    argv = blast.argv("-t", "none", "--stay", 300, "--handshake-rate", 500,
                                  "--handshake-window", 64, clients=clients)
    player = Process(far, argv, out)
    try:
        wait_until(lambda: sessions(gateway, name) == clients, 60, "all clients are connected")
        time.sleep(1)  # the file of last endpoints is written every quarter of a second
        gateway.kill()
        began = time.monotonic()
        gateway.start()
        up = time.monotonic() - began
        wait_until(lambda: sessions(gateway, name) >= clients * 95 // 100, 60,
                   "95 % of the sessions are back", every=0.05)
        back = time.monotonic() - began
        print(f"{clients} clients: ready after {up:.2f} s, 95 % back after {back:.2f} s")
        wait_until(lambda: sessions(gateway, name) == clients, 60, "all sessions are back")
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
    gw, far = lab.netns("rnone"), lab.netns("rnoneb")
    veth(far, "wan", gw, "wan")
    silence(far, "wan")
    silence(gw, "wan")
    device = "net_af_packet0,iface=wan"
    blast = Blast(lab, far, [device], None)
    gateway = start_wgdp(lab, gw, [device], 4, blast)
    gateway.kill()
    gateway.start()
    assert "recovery:" not in gateway.log.read_text()
    assert gateway.stop() == 0
