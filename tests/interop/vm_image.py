# SPDX-License-Identifier: BSD-3-Clause
"""The kernel and the initrd of linux_vm.py: Debian's kernel, this machine's programs.

The kernel is unpacked from its package and never installed. It is kept, with the few modules that
are wanted of it, in CACHE, so that only a machine's first run needs the mirror. The initrd is made
anew for every run, in a second: the programs that the tests run are those that are tested here.

    python3 vm_image.py       fetch the kernel, say where it is
"""

import fcntl
import lzma
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path("/var/cache/wgdp-test")
MODULES = ("virtio_pci", "virtio_net", "wireguard")
PROGRAMS = ("dash", "wg", "ip", "ping", "iperf3")
AGENT_PORT = 7000
# By their MACs: the console of the tests, and the cables to the gateway.
NICS = {"mgmt": "52:54:00:77:64:00", "eth0": "52:54:00:77:64:01", "eth1": "52:54:00:77:64:02"}
HOST_IP, GUEST_IP = "169.254.77.1", "169.254.77.2"

# Each connection brings one shell script and takes its exit status and output: see
# LinuxVm.script. The shell is dash, for busybox's own prefers applets to programs.
AGENT = """#!/usr/bin/dash
o=/tmp/out.$$ e=/tmp/err.$$
PATH=/usr/bin:/bin /usr/bin/dash -s > $o 2> $e
echo $? $(stat -c %s $o $e)
cat $o $e
rm $o $e
"""

INIT = f"""#!/busybox sh
/busybox mkdir -p /bin /proc /sys /dev /run /tmp /etc
/busybox --install -s /bin
export PATH=/usr/bin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
for m in $(cat /modules/order); do insmod /modules/$m || echo "no $m"; done
for d in /sys/class/net/*; do
    case $(cat $d/address) in
{chr(10).join(f'    {mac}) ip link set ${{d##*/}} down name nic-{name} ;;' for name, mac in NICS.items())}
    esac
done
{chr(10).join(f'ip link set nic-{name} name {name}' for name in NICS)}
ip link set lo up
ip addr add {GUEST_IP}/30 dev mgmt
ip link set mgmt up
nc -ll -p {AGENT_PORT} -e /agent &
while :; do wait; sleep 3600; done
"""


class ImageError(Exception):
    """No image can be made; the text is one line to act on."""


def _sh(*argv, **kw):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=300, **kw)
    if done.returncode != 0:
        raise ImageError(f"{' '.join(str(a) for a in argv)}: "
                         f"{(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    return done.stdout


def kernel():
    """The directory of an unpacked kernel: vmlinuz, its modules, and their order in "order"."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = sorted(p.parent for p in CACHE.glob("linux-image-*/order"))
        if ready:
            return ready[-1]
        for stale in CACHE.glob("tmp*"):
            shutil.rmtree(stale)
        with tempfile.TemporaryDirectory(dir=CACHE) as tmp:
            return _unpack(Path(tmp), _download(Path(tmp)))


def _download(into):
    def fetch():
        found = re.findall(r"Depends: (linux-image-\d\S*)",
                           _sh("apt-cache", "depends", "linux-image-amd64"))
        if not found:
            raise ImageError("apt knows no linux-image-amd64")
        _sh("apt-get", "-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3",
            "download", found[0], cwd=into)
    try:
        fetch()
    except ImageError:  # a stale list names what the mirror has dropped
        _sh("apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", "update")
        fetch()
    return next(into.glob("*.deb"))


def _unpack(tmp, package):
    root = tmp / "root"
    _sh("dpkg-deb", "-x", package, root)
    modules = next((p for p in (root / "lib/modules", root / "usr/lib/modules") if p.is_dir()))
    version = next(modules.iterdir()).name
    base = root if modules.parent.parent == root else root / "usr"
    _sh("depmod", "-b", base, version)
    out = tmp / "out"
    out.mkdir()
    order = []
    for name in MODULES:
        for line in _sh("modprobe", "-d", base, "-S", version, "--show-depends",
                        name).splitlines():
            if not line.startswith("insmod "):  # "builtin"
                continue
            source = Path(line.split()[1])
            data = source.read_bytes()
            if source.suffix == ".xz":  # the kernel takes only what is unpacked
                source, data = source.with_suffix(""), lzma.decompress(data)
            if source.name not in order:
                order.append(source.name)
                (out / source.name).write_bytes(data)
    shutil.copy(next((root / "boot").glob("vmlinuz-*")), out / "vmlinuz")
    (out / "order").write_text("\n".join(order) + "\n")
    final = CACHE / f"linux-image-{version}"
    shutil.rmtree(final, ignore_errors=True)
    out.rename(final)
    return final


class Cpio:
    """An archive of the kind that kernels take as initrd (newc)."""

    def __init__(self):
        self.parts, self.names, self.ino = [], set(), 0

    def _entry(self, name, mode, data=b""):
        self.ino += 1
        raw = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def _parents(self, name):
        for p in reversed(Path(name).parents):
            if str(p) != "." and str(p) not in self.names:
                self.names.add(str(p))
                self._entry(str(p), stat.S_IFDIR | 0o755)

    def add(self, name, data, mode=0o644):
        if name not in self.names:
            self._parents(name)
            self.names.add(name)
            self._entry(name, stat.S_IFREG | mode, data)

    def node(self, name, major, minor):
        self._parents(name)
        self.ino += 1
        raw = name.encode() + b"\0"
        fields = (self.ino, stat.S_IFCHR | 0o600, 0, 0, 1, 0, 0, 0, 0, major, minor, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        self.parts += [head, b"\0" * (-len(head) % 4)]

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        return b"".join(self.parts)


def _libraries(program):
    for line in _sh("ldd", program).splitlines():
        found = re.search(r"(/\S+) \(0x", line)
        if found:
            yield found.group(1)


def initrd(kernel_dir):
    """The initrd's bytes."""
    cpio = Cpio()
    cpio.node("dev/console", 5, 1)
    busybox = shutil.which("busybox")
    if not busybox:
        raise ImageError("busybox is not installed: run scripts/install-deps")
    cpio.add("busybox", Path(busybox).read_bytes(), 0o755)
    cpio.add("init", INIT.encode(), 0o755)
    cpio.add("agent", AGENT.encode(), 0o755)
    for name in PROGRAMS:
        path = shutil.which(name)
        if not path:
            raise ImageError(f"{name} is not installed: run scripts/install-deps")
        cpio.add(f"usr/bin/{name}", Path(path).read_bytes(), 0o755)
        for lib in _libraries(path):
            cpio.add(lib.lstrip("/"), Path(lib).read_bytes(), 0o755)
    order = (kernel_dir / "order").read_text()
    cpio.add("modules/order", order.encode())
    for name in order.split():
        cpio.add(f"modules/{name}", (kernel_dir / name).read_bytes())
    return cpio.bytes()


if __name__ == "__main__":
    try:
        if os.geteuid() != 0:
            raise ImageError("not root: run it with sudo")
        where = kernel()
        print(f"{where}, initrd of {len(initrd(where)) >> 20} MB")
    except (ImageError, OSError) as e:
        sys.exit(f"vm_image: {e}")
