# SPDX-License-Identifier: BSD-3-Clause
"""wg-blast as the other side of a gateway: its keys, its ports, its runs.

               wan                       lan
    wg-blast ------- gw (wgdp, or -------- wg-blast       cables: memif, or veth with AF_PACKET
    N clients        wireguard-go)
"""

import json
import time

import yaml

from lab import Gateway, LabError, Process, genkey, memory_config, run, silence, veth, wait_until

CLIENTS = 300
INNER = {4: "10.8.1.0", 6: "fd00:8::1:0"}
GW_INNER = {4: "10.8.0.1", 6: "fd00:8::1"}
WAN = {4: "172.16.0.", 6: "2001:db8:1::"}
LAN = {4: "10.20.0.", 6: "fd00:20::"}
BITS = {4: 16, 6: 64}


def program():
    path = Gateway.program().parents[1] / "tests" / "pktgen" / "wg-blast"
    if not path.exists():
        raise LabError(f"{path} is missing: run scripts/build")
    return path


class Blast:
    """The generator's side of one topology: its keys, its ports, its runs."""

    def __init__(self, lab, ns, devices, server_key, family=4):
        self.lab, self.ns, self.devices, self.family = lab, ns, devices, family
        self.server_key = server_key
        self.seed = lab.dir / f"seed{lab.serial()}"

    def peers(self, option, clients=None, psk=True):
        file = self.lab.dir / f"peers{self.lab.serial()}"
        run([program(), "peers", "-k", self.seed, "-n", clients or CLIENTS,
             "--inner", INNER[self.family], option, file, *(["--psk"] if psk else [])])
        return file

    def argv(self, *more, clients=CLIENTS):
        wan, lan, f = WAN[self.family], LAN[self.family], self.family
        server = f"{wan}1:51820" if f == 4 else f"[{wan}1]:51820"
        argv = [program(), "run", "-k", self.seed, "-n", clients, "--psk", "--inner", INNER[f],
                "-p", self.devices[0], "-a", f"{wan}2/{BITS[f]}", "-s", server,
                "--server-key", self.server_key, "--json", "--progress", "0"]
        if len(self.devices) > 1:
            argv += ["--lan-port", self.devices[1], "--lan-address", f"{lan}2/{BITS[f]}",
                     "--lan-next-hop", f"{lan}1"]
        return [*argv, *more]

    def run(self, *more, **kw):
        """Its report. Exit status 0 with --strict means that nothing at all was lost."""
        argv = [str(a) for a in self.argv("--strict", *more, **kw)]
        done = self.ns.run(argv, check=False, timeout=90)
        assert done.returncode == 0, f"{done.returncode}: {done.stderr}{done.stdout}"
        return json.loads(done.stdout)


def start_wgdp(lab, ns, devices, family, blast, clients=None):
    name = lab.name(f"b{family}")
    key = genkey()
    blast.server_key = key[1]
    ports = [{"name": n, "device": d, "mtu": 1500, "addresses": [f"{a}1/{BITS[family]}"]}
             for n, d, a in zip(("wan", "lan"), devices, (WAN[family], LAN[family]))]
    config = memory_config(lab.dir, [{
        "name": name, "private_key_file": "key", "listen_port": 51820, "mtu": 1420,
        "addresses": [f"{GW_INNER[family]}/{BITS[family]}"], "hairpin": "allow",
        "peer_db": "db.yaml"}], ports)
    config["control"]["socket"] = str(lab.dir / f"{name}.sock")
    # The clients' network is behind one station, so nobody asks for 300 neighbours.
    far = {4: "198.18.0.0/16", 6: "2001:db8:99::/64"}[family]
    config["routes"] = [{"to": far, "via": f"{WAN[family]}2"}]
    peers = yaml.safe_load(blast.peers("--yaml", clients).read_text())["peers"]
    return Gateway(lab, ns, config, {name: peers}, {name: key}).write().start()


# ---- clients that wait to be called ---------------------------------------------------------


def veth_pair(lab, name, clients=CLIENTS):
    """(gateway, generator) with a cable between two namespaces. All clients have addresses of
    their own on the gateway's network, so each costs an ARP too."""
    gw, far = lab.netns(f"{name}gw"), lab.netns(f"{name}cl")
    veth(far, "wan", gw, "wan")
    silence(far, "wan")
    silence(gw, "wan")
    blast = Blast(lab, far, ["net_af_packet0,iface=wan"], None)
    return start_wgdp(lab, gw, blast.devices, 4, blast, clients), blast


def sessions(gateway):
    (interface,) = gateway.config["interfaces"]
    return sum(p["session"] is not None for p in gateway.list_peers(interface["name"]))


def connect_and_be_silent(gateway, blast, clients, out, timeout):
    """The generator's process, with all clients connected; from here on they send nothing by
    themselves, and the gateway knows where they are even after a crash."""
    player = Process(blast.ns, blast.argv("-t", "none", "--stay", 300, "--handshake-rate", 500,
                                          "--handshake-window", 64, clients=clients), out)
    try:
        wait_until(lambda: sessions(gateway) == clients, timeout, "all clients are connected")
    except LabError:
        player.stop()
        raise
    time.sleep(1)  # the file of last endpoints is written every quarter of a second
    return player
