# SPDX-License-Identifier: BSD-3-Clause
"""What the gateway talks to: an interface of wireguard-go or of the Linux kernel, behind one face.

Both have their cables in one namespace (outer) and the tunnel in another (inner), so that any
number of them can share a cable, and what a tunnel's host sends goes through the tunnel or
nowhere. The UDP socket stays where the interface was made, in outer.
"""

from lab import LabError, WireguardGo, genkey, wg_dump
from linux_vm import GuestNetns

KINDS = ("wireguard-go", "linux")


class GoPeer(WireguardGo):
    """wireguard-go, whose interface moves to its inner namespace. All of set(), peer(), dump()
    reach it by its socket."""

    kind = "wireguard-go"

    def __init__(self, lab, outer, inner, name, addresses, **kw):
        super().__init__(lab, outer, name, addresses, **kw)
        self.inner = inner

    def start(self):
        addresses, self.addresses = self.addresses, []
        try:
            super().start()  # without addresses: they would be lost on the way
        finally:
            self.addresses = addresses
        self.ns.ip(f"link set {self.name} netns {self.inner.name}")
        for a in addresses:
            self.inner.ip(f"addr add {a} dev {self.name}" + (" nodad" if ":" in a else ""))
        self.inner.ip(f"link set {self.name} mtu {self.mtu} up")
        return self

    def routes(self, *prefixes):
        for p in prefixes:
            self.inner.ip(f"{'-6' if ':' in p else '-4'} route replace {p} dev {self.name}")


class LinuxPeer:
    """An interface of the guest's kernel."""

    kind = "linux"

    def __init__(self, vm, outer: GuestNetns, inner: GuestNetns, name, addresses, mtu=1420,
                 listen_port=0):
        self.vm, self.ns, self.inner, self.name = vm, outer, inner, name
        self.addresses, self.mtu, self.listen_port = addresses, mtu, listen_port
        self.private_key, self.public_key = genkey()

    def start(self):
        port = f"listen-port {self.listen_port}" if self.listen_port else ""
        on = f"ip -n {self.inner.name}"
        status, out, err = self.vm.script("\n".join([
            "set -e", f"ip -n {self.ns.name} link add {self.name} type wireguard",
            f"echo {self.private_key} | ip netns exec {self.ns.name} wg set {self.name} "
            f"private-key /dev/stdin {port}",
            f"ip -n {self.ns.name} link set {self.name} netns {self.inner.name}",
            f"{on} -batch - <<EOF",
            *[f"addr add {a} dev {self.name}" for a in self.addresses],
            f"link set {self.name} mtu {self.mtu} up", "EOF"]))
        if status != 0:
            raise LabError(f"{self.name}: {out} {err}")
        return self

    def set(self, *words, stdin=None):
        return self.inner.run(["wg", "set", self.name, *words],
                              stdin=None if stdin is None else stdin + "\n")

    peer = WireguardGo.peer
    routes = GoPeer.routes
    latest_handshake = WireguardGo.latest_handshake

    def dump(self):
        return wg_dump(self.name, self.inner.run)

    def stop(self):
        self.inner.ip(f"link del {self.name}", check=False)
