# SPDX-License-Identifier: BSD-3-Clause
"""The one topology that the demo, the tests and compare share.

      c1 (wireguard-go)                gw                          lan
    10.8.0.2, fd00:8::2 ~ ~ ~ ~  10.8.0.1/16                   10.20.0.2
    192.0.2.2 ---------- wan1    fd00:8::1/64   lan0 ---------- fd00:20::2
                      192.0.2.1                10.20.0.1
      c2 (wireguard-go)
    10.8.0.3, fd00:8::3 ~ ~ ~ ~
    198.51.100.2 ------- wan2
                   198.51.100.1

wan1, wan2 and lan0 are the gateway's ends of three veth cables. wgdp reads them by AF_PACKET and
the kernel of gw stays mute; wireguard-go in the gateway's place uses the kernel's own stack.
"""

from lab import Gateway, LabError, WireguardGo, genkey, genpsk, memory_config, silence, veth

TUN4, TUN6 = "10.8.0.0/16", "fd00:8::/64"
LAN4, LAN6 = "10.20.0.0/24", "fd00:20::/64"
LAN_HOST4, LAN_HOST6 = "10.20.0.2", "fd00:20::2"
PORT = 51820

# Per client: its number, its outer network and the gateway's port on it.
CLIENTS = {
    "c1": {"host": 2, "outer4": "192.0.2", "outer6": "2001:db8:1::", "port": "wan1"},
    "c2": {"host": 3, "outer4": "198.51.100", "outer6": "2001:db8:2::", "port": "wan2"},
}


def tunnel_ips(host):
    return [f"10.8.0.{host}/32", f"fd00:8::{host:x}/128"]


def port_device(number, iface):
    return f"net_af_packet{number},iface={iface}"


class World:
    """Namespaces, cables, keys and the config; start_wgdp() or start_go() brings the gateway up,
    start_clients() the clients."""

    def __init__(self, lab, gateway="gw0", clients=("wgc1", "wgc2"), listen_port=PORT):
        self.lab = lab
        self.gw, self.c1, self.c2, self.lan = (lab.netns(n) for n in ("gw", "c1", "c2", "lan"))
        self.wg, self.listen_port = gateway, listen_port
        self.keys = {gateway: genkey()}
        self.public_key = self.keys[gateway][1]
        self.psk = genpsk()
        self.clients = {}
        for (name, c), dev in zip(CLIENTS.items(), clients):
            ns = getattr(self, name)
            veth(self.gw, c["port"], ns, "eth0")
            ns.ip(f"addr add {c['outer4']}.2/24 dev eth0")
            ns.ip(f"addr add {c['outer6']}2/64 dev eth0 nodad")
            host = c["host"]
            self.clients[name] = WireguardGo(lab, ns, dev,
                                             [f"10.8.0.{host}/32", f"fd00:8::{host:x}/128"])
        veth(self.gw, "lan0", self.lan, "eth0")
        self.lan.ip(f"addr add {LAN_HOST4}/24 dev eth0")
        self.lan.ip(f"addr add {LAN_HOST6}/64 dev eth0 nodad")
        self.lan.ip(f"route add {TUN4} via 10.20.0.1")
        self.lan.ip(f"-6 route add {TUN6} via fd00:20::1")
        self.gateway = self.go = None

    # The gateway: wgdp

    def ports(self):
        out = [{"name": c["port"], "device": port_device(i, c["port"]), "mtu": 1500,
                "addresses": [f"{c['outer4']}.1/24", f"{c['outer6']}1/64"]}
               for i, c in enumerate(CLIENTS.values())]
        out.append({"name": "lan0", "device": port_device(len(out), "lan0"), "mtu": 1500,
                    "addresses": ["10.20.0.1/24", "fd00:20::1/64"]})
        return out

    def interface(self, **over):
        return {"name": self.wg, "private_key_file": f"{self.wg}.key",
                "listen_port": self.listen_port, "addresses": ["10.8.0.1/16", "fd00:8::1/64"],
                "mtu": 1420, "hairpin": "allow", "peer_db": f"{self.wg}.peers.yaml", **over}

    def peer_row(self, name, **over):
        """A client's line in the gateway's peer database."""
        return {"name": name, "public_key": self.clients[name].public_key,
                "allowed_ips": tunnel_ips(CLIENTS[name]["host"]), **over}

    def config(self, workers=1, memory_mb=512, **interface):
        return memory_config(self.lab.dir, [self.interface(**interface)], self.ports(),
                             workers=workers, memory_mb=memory_mb)

    def make_wgdp(self, config=None, peers=None, keys=None, directory=None):
        """Write wgdp's files; without starting it."""
        for dev in ("wan1", "wan2", "lan0"):
            silence(self.gw, dev)
        if peers is None:
            peers = {self.wg: [self.peer_row("c1"), self.peer_row("c2", preshared_key=self.psk)]}
        self.gateway = Gateway(self.lab, self.gw, config or self.config(), peers,
                               keys or self.keys, directory)
        return self.gateway.write()

    def start_wgdp(self, **kw):
        return self.make_wgdp(**kw).start()

    # The gateway: wireguard-go over the kernel's stack, to compare with

    def start_go(self):
        for port in self.ports():
            for a in port["addresses"]:
                self.gw.ip(f"addr add {a} dev {port['name']}" + (" nodad" if ":" in a else ""))
            self.gw.ip(f"link set {port['name']} up")
        for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self.gw.run(["sh", "-c", f"echo 1 > /proc/sys/net/{switch}"])
        self.go = WireguardGo(self.lab, self.gw, self.wg, self.interface()["addresses"],
                              listen_port=self.listen_port)
        self.go.private_key, self.go.public_key = self.keys[self.wg]
        self.go.start()
        for name in self.clients:
            row = self.peer_row(name)
            self.go.peer(row["public_key"], allowed_ips=row["allowed_ips"],
                         psk=self.psk if name == "c2" else None)
        return self.go

    # The clients

    def endpoint(self, client, family=4):
        """The gateway's address on the client's outer network."""
        c = CLIENTS[client]
        return (f"{c['outer4']}.1:{self.listen_port}" if family == 4
                else f"[{c['outer6']}1]:{self.listen_port}")

    def start_client(self, name, family=4, allowed_ips=(TUN4, TUN6, LAN4, LAN6), psk="default"):
        """Up and configured; nothing has been sent yet, so the gateway knows no endpoint."""
        client = self.clients[name].start()
        if psk == "default":
            psk = self.psk if name == "c2" else None
        client.peer(self.public_key, endpoint=self.endpoint(name, family),
                    allowed_ips=allowed_ips, psk=psk)
        client.routes(TUN4, TUN6, LAN4, LAN6)
        return client

    def start_clients(self):
        """Both clients with a session: each has made itself known by a ping."""
        for name, client in self.clients.items():
            self.start_client(name)
            self.expect_ping(client.ns, "10.8.0.1", wait=6)

    def fresh_clients(self):
        """New clients with the same keys, without sessions or learned endpoints."""
        for c in self.clients.values():
            c.stop()
        self.start_clients()

    def expect_ping(self, ns, dest, count=1, **kw):
        """All of count pings come back."""
        got, said = ns.ping(dest, count, **kw)
        if got != count:
            raise LabError(f"{ns.name} to {dest}: {got} of {count} pings answered: "
                           f"{said.strip().splitlines()[-1]}")
        return said
