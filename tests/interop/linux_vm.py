# SPDX-License-Identifier: BSD-3-Clause
"""The Linux kernel's WireGuard as a counterpart: a virtual machine, and what runs in it.

                     namespace "vm"                      guest
    this process ---- tap vmmgmt -------------------- mgmt    (one shell script a connection)
    gateway wanN ---- veth ---- bridge ---- tap ----- eth0
    gateway wanM ---- veth ---- bridge ---- tap ----- eth1

The guest boots in seconds under plain emulation, without KVM, and is shared by all modules of a
session: what a module needs it makes in namespaces of the guest, which end with the module, as
the cables end with the namespaces of its lab.
"""

import shlex
import socket
import subprocess
import time

import vm_image
from lab import Lab, LabError, Netns, Process, run, wait_until

CABLES = ("eth0", "eth1")


class LinuxVm:
    """The guest. Bounded waits; ends by its process' id."""

    def __init__(self, lab: Lab):
        self.lab = lab
        self.ns = lab.netns("vm")
        self.process = None
        self.cables, self.namespaces = 0, []

    def start(self, timeout=120):
        try:
            kernel = vm_image.kernel()
            image = self.lab.dir / "initrd"
            image.write_bytes(vm_image.initrd(kernel))
        except (vm_image.ImageError, OSError, subprocess.TimeoutExpired) as e:
            raise LabError(f"no image of the Linux guest: {e}") from None
        argv = ["qemu-system-x86_64", "-accel", "tcg,tb-size=128", "-cpu", "max", "-m", "384", "-smp", "1",
                "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
                "-no-reboot",
                "-kernel", kernel / "vmlinuz", "-initrd", image, "-append",
                "console=ttyS0 quiet panic=-1 mitigations=off nokaslr net.ifnames=0 "
                "random.trust_cpu=on tsc=reliable"]
        for name, mac in vm_image.NICS.items():
            self.ns.ip(f"tuntap add dev vm{name} mode tap")
            self.ns.ip(f"link set vm{name} addrgenmode none")
            if name in CABLES:
                self.ns.ip(f"link add br{name} type bridge mcast_snooping 0")
                self.ns.ip(f"link set br{name} addrgenmode none")
                self.ns.ip(f"link set br{name} up")
                self.ns.ip(f"link set vm{name} master br{name}")
            self.ns.ip(f"link set vm{name} up")
            # Without offloads the guest puts whole frames with checksums on the cable.
            argv += ["-netdev", f"tap,id={name},ifname=vm{name},script=no,downscript=no,"
                     "vnet_hdr=off",
                     "-device", f"virtio-net-pci,netdev={name},mac={mac},romfile=,csum=off,"
                     "gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ufo=off"]
        self.ns.ip(f"addr add {vm_image.HOST_IP}/30 dev vmmgmt")
        self.process = Process(self.ns, argv, self.lab.dir / "guest.log")

        def ready():
            if not self.process.alive():
                raise LabError(f"qemu ended: {self.process.tail()}")
            try:
                return self.run(["true"], timeout=2).returncode == 0
            except (LabError, OSError):
                return False
        wait_until(ready, timeout, f"the Linux guest answers (see {self.process.log})", every=0.2)
        return self

    def script(self, text, timeout=30):
        """Run a shell script in the guest: (exit status, output, errors)."""
        sock = self.ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        end = time.monotonic() + timeout
        try:
            sock.settimeout(min(timeout, 5))
            sock.connect((vm_image.GUEST_IP, vm_image.AGENT_PORT))
            sock.sendall(b"{\n" + text.encode() + b"\n} < /dev/null\n")
            sock.shutdown(socket.SHUT_WR)
            data = b""
            while True:
                sock.settimeout(max(0.1, end - time.monotonic()))
                piece = sock.recv(65536)
                if not piece:
                    break
                data += piece
        except TimeoutError:
            raise LabError(f"no end after {timeout} s in the guest: {text}") from None
        finally:
            sock.close()
        head, _, rest = data.partition(b"\n")
        numbers = head.split()
        if len(numbers) != 3:
            raise LabError(f"the guest answers {data[:80]!r} to: {text}")
        status, length = int(numbers[0]), int(numbers[1])
        return status, rest[:length].decode(), rest[length:].decode()

    def run(self, argv, check=True, timeout=30, stdin=None):
        """As lab.run, in the guest."""
        words = shlex.join(str(a) for a in argv)
        text = words if stdin is None else f"printf %s {shlex.quote(stdin)} | {words}"
        status, out, err = self.script(text, timeout)
        if check and status != 0:
            said = " | ".join((err or out).strip().splitlines()[-3:])
            raise LabError(f"exit {status} in the guest: {words}: {said}")
        return subprocess.CompletedProcess(argv, status, out, err)

    def attach(self, cable, ns, dev):
        """A cable from an interface of the guest to a new one of a namespace. It ends with that
        namespace."""
        self.cables += 1
        port = f"{cable}.{self.cables}"
        run(["ip", "link", "add", dev, "netns", ns.name, "type", "veth",
             "peer", "name", port, "netns", self.ns.name])
        self.ns.ip(f"link set {port} addrgenmode none")
        self.ns.ip(f"link set {port} master br{cable}")
        self.ns.ip(f"link set {port} up")

    def clear(self):
        """The end of all namespaces, and with them of all that a module made."""
        names = " ".join(n.name for n in self.namespaces)
        self.namespaces = []
        self.script(f"for n in {names}; do kill -9 $(ip netns pids $n); ip netns del $n; done",
                    timeout=60)

    def stop(self):
        if self.process:
            self.process.child.kill()  # nothing in the guest is worth an orderly end
            self.process.child.wait(5)


class GuestNetns(Netns):
    """A namespace of the guest."""

    def __init__(self, vm, name):
        super().__init__(name)
        self.vm = vm

    def create(self):
        self.vm.run(["ip", "netns", "add", self.name])
        self.ip("link set lo up")
        self.vm.namespaces.append(self)
        return self

    def run(self, argv, **kw):
        return self.vm.run(["ip", "netns", "exec", self.name, *argv], **kw)

    def ip(self, line, **kw):
        return self.vm.run(["ip", "-n", self.name, *line.split()], **kw)

    def socket(self, *args):
        raise LabError("sockets in the guest cannot be reached from here")

    def take(self, cable):
        """Move an interface of the guest in here. It returns some time after the end of the
        namespace, so the one before may still have it."""
        status, _, err = self.vm.script(
            f"for i in $(seq 50); do ip link set {cable} netns {self.name} && break; "
            f"sleep 0.1; done; ip -n {self.name} link set {cable} up")
        if status != 0:
            raise LabError(f"the guest's {cable}: {err.strip().splitlines()[-1:]}")

    def destroy(self):
        raise LabError("the guest's namespaces end by LinuxVm.clear()")
