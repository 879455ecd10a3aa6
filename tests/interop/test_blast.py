# SPDX-License-Identifier: BSD-3-Clause
"""wg-blast against wgdp and against wireguard-go: all that it sends comes back, and both sides
count the same.

               wan                       lan
    wg-blast ------- gw (wgdp, or -------- wg-blast       cables: memif, or veth with AF_PACKET
    300 clients      wireguard-go)
"""

import json
import os
from pathlib import Path

import pytest
import yaml

from blast import BITS, CLIENTS, GW_INNER, WAN, Blast, program, start_wgdp
from lab import WireguardGo, genkey, run, silence, veth

# Zero loss in real time wants a machine that is not busy with other tests beside it.
pytestmark = pytest.mark.long

INITIATION, RESPONSE, KEEPALIVE = 148, 92, 32  # bytes


def complete(report, clients=CLIENTS):
    """The run of a report in which everything arrived once, in order or not."""
    assert report["handshakes"]["failed"] == 0
    assert report["handshakes"]["done"] >= clients
    (one,) = report["runs"]
    assert one["sent"] == one["received"] > 0
    for what in ("lost", "duplicates", "damaged", "misdelivered", "too_late", "no_session"):
        assert one[what] == 0, what
    for what in ("auth_failed", "replayed", "unknown_index", "frame_damaged", "misaddressed"):
        assert report["counters"][what] == 0, what
    assert 0 < one["latency_us"]["p50"] <= one["latency_us"]["p99"] <= one["latency_us"]["max"]
    return one


def wg_bytes(report):
    """What the server is to have counted, as wg counts: all UDP payloads, but not those of
    initiations that it answered with a cookie before it knew whose they were."""
    c, h = report["counters"], report["handshakes"]
    answered = h["initiations"] - h["cookies"]
    assert answered == h["done"]
    return {"rx_bytes": c["tx_data_bytes"] + KEEPALIVE * c["tx_keepalives"] +
            INITIATION * answered,
            "tx_bytes": c["rx_data_bytes"] + KEEPALIVE * c["rx_keepalives"] +
            RESPONSE * answered}


def totals(gateway, interface, keys=("rx_bytes", "tx_bytes", "rx_packets", "tx_packets")):
    peers = list(gateway.list_peers(interface, page=100))
    assert len(peers) == CLIENTS
    return {k: sum(p[k] for p in peers) for k in keys}


# ---- wgdp ------------------------------------------------------------------------------


FAR = {4: "198.18.1.0", 6: "2001:db8:99::1:0"}


@pytest.fixture(scope="module", params=(4, 6), ids=("v4", "v6"))
def memif(lab, request):
    """wgdp and wg-blast joined by two memif cables: no kernel in between."""
    family = request.param
    sockets = [lab.dir / f"memif{family}{i}" for i in range(2)]

    def devices(role, first):
        return [f"net_memif{first + i},role={role},id=0,socket-abstract=no,socket={s}"
                for i, s in enumerate(sockets)]
    ns = lab.netns(f"gw{family}")
    blast = Blast(lab, ns, devices("client", 0), None, family)
    gateway = start_wgdp(lab, ns, devices("server", 0), family, blast)
    yield gateway, blast
    assert gateway.stop() == 0


@pytest.mark.parametrize("traffic", ("hairpin", "both", "up", "down", "echo"))
def test_wgdp_returns_everything_and_counts_the_same(memif, traffic):
    gateway, blast = memif
    name = gateway.config["interfaces"][0]["name"]
    before = totals(gateway, name)
    kind = f"echo:{GW_INNER[blast.family]}" if traffic == "echo" else traffic
    # Echoes take the slow way through control, whose queues are short.
    rate = 300 if traffic == "echo" else 1000
    try:
        report = blast.run("--sources", FAR[blast.family], "-t", kind, "-d", 1, "-r", rate,
                           "--size", "68:7,576:4,1420:1")
    except AssertionError as e:
        drops = [d for d in gateway.api("GET", "/v1/drops")["drops"] if d["packets"]]
        raise AssertionError(f"{e}\nwgdp dropped {drops}") from None
    complete(report)
    after = totals(gateway, name)
    counted = {k: after[k] - before[k] for k in after}
    c = report["counters"]
    assert counted["rx_packets"] == c["tx_data"] + c["tx_keepalives"]
    assert counted["tx_packets"] == c["rx_data"] + c["rx_keepalives"]
    assert {k: counted[k] for k in ("rx_bytes", "tx_bytes")} == wg_bytes(report)
    for reason in ("auth_failed", "replay", "source_not_allowed", "unknown_index"):
        assert gateway.drops(reason) == 0, reason


def test_sealed_ahead_shared_addresses_and_rekeys(memif):
    _, blast = memif
    report = blast.run("--sources", FAR[blast.family], "--source-count", 7, "--ahead",
                       "--handshakes-ahead", "--rekey-rate", 50, "-r", 2000, "-d", 1,
                       "--spread", "zipf:1", "--icmp")
    complete(report)
    assert report["handshakes"]["done"] > CLIENTS + 20


def test_search_ends_with_a_rate(memif):
    _, blast = memif
    report = blast.run("--sources", FAR[blast.family], "--ndr", "-r", 4000, "-d", 0.5,
                       "--resolution", 25)
    assert 1 <= report["ndr"]["trials"] == len(report["runs"]) <= 20
    assert 0 < report["ndr"]["pps"] <= 4000 * 1.01


# ---- wireguard-go ------------------------------------------------------------------------


@pytest.fixture(scope="module", params=(4, 6), ids=("v4", "v6"))
def go(lab, request):
    """wireguard-go over the kernel's forwarding, joined by a veth cable."""
    family = request.param
    gw, far = lab.netns(f"go{family}"), lab.netns(f"blast{family}")
    veth(far, "wan", gw, "wan")
    silence(far, "wan")
    gw.ip(f"addr add {WAN[family]}1/{BITS[family]} dev wan"
          + (" nodad" if family == 6 else ""))
    for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        gw.run(["sh", "-c", f"echo 1 > /proc/sys/net/{switch}"])
    server = WireguardGo(lab, gw, lab.name(f"o{family}"),
                         [f"{GW_INNER[family]}/{BITS[family]}"], listen_port=51820).start()
    blast = Blast(lab, far, ["net_af_packet0,iface=wan"], server.public_key, family)
    gw.run(["wg", "addconf", server.name, blast.peers("--wg")])
    yield server, blast
    server.stop()


@pytest.mark.parametrize("traffic", ("hairpin", "echo"))
def test_wireguard_go_returns_everything_and_counts_the_same(go, traffic):
    server, blast = go

    def counted():
        rows = server.dump()[1].values()
        assert len(rows) == CLIENTS
        return {k: sum(int(r[k]) for r in rows) for k in ("rx_bytes", "tx_bytes")}
    before = counted()
    kind = f"echo:{GW_INNER[blast.family]}" if traffic == "echo" else traffic
    report = blast.run("-t", kind, "-r", 500, "-d", 1, "--size", "128", "--handshake-window", 16,
                       "--drain-ms", 3000)
    complete(report)
    after = counted()
    assert {k: after[k] - before[k] for k in after} == wg_bytes(report)


# ---- what goes wrong ---------------------------------------------------------------------


@pytest.mark.parametrize("change, said", (
    (("--clients", "0"), "from 1 to"),
    (("--rate", "fast"), "--rate fast"),
    (("--size", "20"), "sizes from"),
    (("--traffic", "sideways"), "--traffic sideways"),
    (("--spread", "wide"), "--spread wide"),
    (("--bogus",), "no such option"),
    (("--server-key", "short"), "a key in base64"),
    (("--server", "gateway:51820"), "an endpoint in numbers"),
    (("--duration",), "is missing"),
    (("--ndr", "--rate", "0"), "--ndr wants"),
    (("--ahead", "--duration", "60"), "--ahead"),
    (("--next-hop", "203.0.113.1"), "next hop"),
    (("-t", "up"), "--lan-port is missing"),
))
def test_usage_errors(tmp_path, change, said):
    argv = [program(), "run", "-k", tmp_path / "seed", "-n", 2, "--inner", "10.8.1.0", "-p",
            "net_null0", "-a", "192.0.2.2/24", "-s", "192.0.2.1:51820", "--server-key",
            genkey()[1], *change]
    done = run(argv, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "seed").exists()


def test_no_server_is_one_line_and_no_hang(lab):
    ns = lab.netns("alone")
    ns.ip("link add wan type veth peer name nobody")
    silence(ns, "wan")
    silence(ns, "nobody")
    blast = Blast(lab, ns, ["net_af_packet0,iface=wan"], genkey()[1])
    done = ns.run([str(a) for a in blast.argv()], check=False, timeout=30)
    assert done.returncode == 1
    assert "no answer from 172.16.0.1" in done.stderr


def test_server_without_our_keys_is_told_from_one_with(go):
    """Nobody gets a session, and it ends in time."""
    server, blast = go
    stranger = Blast(blast.lab, blast.ns, blast.devices, server.public_key, blast.family)
    argv = stranger.argv("--handshake-timeout", 1, clients=5)
    done = blast.ns.run([str(a) for a in argv], check=False, timeout=30)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["handshakes"]["done"] == 0 and report["handshakes"]["failed"] == 5
    assert report["runs"] == []


def test_keys_stay_private_and_the_same(tmp_path):
    seed = tmp_path / "seed"
    argv = [program(), "peers", "-k", seed, "-n", 3, "--inner", "10.8.1.0", "--psk"]
    first = run([*argv, "--yaml", "-"]).stdout
    assert os.stat(seed).st_mode & 0o777 == 0o600
    assert run([*argv, "--yaml", "-"]).stdout == first
    peers = yaml.safe_load(first)["peers"]
    assert [p["allowed_ips"] for p in peers] == [[f"10.8.1.{i}/32"] for i in range(3)]
    assert len({p["public_key"] for p in peers} | {p["preshared_key"] for p in peers}) == 6
    text = run([*argv, "--wg", "-"]).stdout
    assert all(p["public_key"] in text and p["preshared_key"] in text for p in peers)
    assert Path(seed).read_text().strip() not in text
