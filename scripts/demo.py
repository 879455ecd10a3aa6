# SPDX-License-Identifier: BSD-3-Clause
"""The demo behind scripts/demo; see tests/interop/world.py for the topology."""

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "interop"))
from lab import UAPI_DIR, Gateway, Lab, LabError, preflight, run, sweep  # noqa: E402
from world import LAN_HOST4, LAN_HOST6, World, tunnel_ips  # noqa: E402

PREFIX = "wgdp-demo-"
RUN_DIR = Path("/run/wgdp-demo")
NETNS_DIR, NETNS_MARK = Path("/run/netns"), RUN_DIR / "made-netns-mount"
GATEWAY, CLIENTS = "wgdemo0", ("wgc1", "wgc2")
PROGRAMS = ("ip", "ss", "ethtool", "ping", "iperf3", "wg", "wireguard-go")


def fail(text):
    print(f"demo: {text}", file=sys.stderr)
    sys.exit(1)


def only_one():
    """Held until this process ends, however it ends: an abstract socket leaves nothing behind."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind("\0wgdp-demo")
    except OSError:
        fail("another demo is running; wait for it to end")
    return lock


def down():
    """Remove all that a demo makes, whether it was kept or killed."""
    sweep(re.escape(PREFIX) + "(gw|c1|c2|lan)")
    for name in (GATEWAY, *CLIENTS):
        path = UAPI_DIR / f"{name}.sock"
        if answers(path):
            fail(f"an interface {name} that is not the demo's is running; stop it first")
        path.unlink(missing_ok=True)
    if NETNS_MARK.exists() and NETNS_DIR.exists() and not any(NETNS_DIR.iterdir()):
        run(["umount", NETNS_DIR], check=False)
        NETNS_DIR.rmdir()
    shutil.rmtree(RUN_DIR, ignore_errors=True)


def mark_netns_mount():
    """ip netns turns its directory into a mount at first use; remember when that was ours."""
    mounts = [line.split()[4] for line in open("/proc/self/mountinfo")]
    if str(NETNS_DIR) not in mounts:
        RUN_DIR.mkdir(parents=True, exist_ok=True)
        NETNS_MARK.touch()


def answers(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        try:
            s.connect(str(path))
            return True
        except OSError:
            return False


def say(text):
    print(f"\n## {text}", flush=True)


def show(ns, argv, shown=None):
    """Run a command, print it and its output line by line as it comes; return the output."""
    argv = [str(a) for a in argv]
    where = f"ip netns exec {ns.name} " if ns else ""
    print(f"$ {where}{shlex.join(shown or argv)}", flush=True)
    child = subprocess.Popen(ns.argv(argv) if ns else argv, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    lines = []
    for line in child.stdout:
        print("  " + line, end="", flush=True)
        lines.append(line)
    if child.wait() != 0:
        raise LabError(f"exit {child.returncode}: {shlex.join(argv)}")
    return "".join(lines)


def ping(ns, dest, count=3):
    # After a first answer ping waits no longer than an interval for the last one: a tenth of a
    # second is too short on a busy machine.
    said = show(ns, ["ping", "-n", "-c", count, "-i", "0.5", "-W", "2", dest])
    if f"{count} received" not in said:
        raise LabError(f"pings to {dest} were lost")


def stream(ns, dest, *extra):
    said = show(ns, ["iperf3", "-c", dest, "-t", 3, "-i", 3, "-f", "m", *extra])
    if not re.search(r"[1-9].*receiver", said):
        raise LabError("iperf3 moved no data")


def ctl(gateway, *words):
    return show(None, [Gateway.program("wgdp-ctl"), "--socket", gateway.socket, *words],
                shown=["wgdp-ctl", "--socket", str(gateway.socket), *[str(w) for w in words]])


def demo(lab):
    say("Four namespaces: the gateway, two clients, a LAN host")
    world = World(lab, GATEWAY, CLIENTS)
    for ns in (world.gw, world.c1, world.c2, world.lan):
        print(f"  {ns.name}")

    say("wgdp in the gateway's namespace, without hugepages, knowing one peer")
    gateway = world.make_wgdp(peers={GATEWAY: [world.peer_row("c1")]}, directory=RUN_DIR)
    show(None, ["cat", gateway.file])
    gateway.start()
    (lab.dir / "wgdp.pid").write_text(f"{gateway.process.pid}\n")
    for c in world.clients:
        world.start_client(c)

    say("Client 1 to the gateway's tunnel addresses")
    ping(world.c1, "10.8.0.1")
    ping(world.c1, "fd00:8::1")
    say("Client 1 to the LAN, and back")
    ping(world.c1, LAN_HOST4)
    ping(world.c1, LAN_HOST6)
    ping(world.lan, "10.8.0.2")
    ping(world.lan, "fd00:8::2")

    say("Client 2 is added while client 1 is connected")
    psk_file = lab.dir / "c2.psk"
    psk_file.touch(mode=0o600)
    psk_file.write_text(world.psk + "\n")
    ctl(gateway, "add-peer", GATEWAY, "c2", "--public-key", world.clients["c2"].public_key,
        "--allowed-ips", ",".join(tunnel_ips(3)), "--preshared-key-file", psk_file)
    ping(world.c2, "10.8.0.1")
    say("Client to client, through the gateway")
    ping(world.c1, "10.8.0.3")
    ping(world.c2, "fd00:8::2")

    say("Streams from client 1 to the LAN and from the LAN to client 1")
    server = lab.iperf3_server(world.lan)
    stream(world.c1, LAN_HOST4)
    stream(world.c1, LAN_HOST4, "-R")
    server.stop(signal.SIGKILL)

    say("The gateway, seen by the stock tool and by its own")
    show(None, ["wg", "show", GATEWAY])
    ctl(gateway, "show", GATEWAY)
    ctl(gateway, "drops")


def main():
    option = sys.argv[1] if len(sys.argv) > 1 else ""
    keep = option == "--keep"
    lock = only_one()
    if option == "--down":
        down()
        return
    def interrupted(number, frame):
        raise LabError(f"interrupted by {signal.Signals(number).name}")
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, interrupted)

    start = time.monotonic()
    done = False
    try:
        down()
        mark_netns_mount()
        for line in preflight(PROGRAMS):
            raise LabError(line)
        demo(Lab(PREFIX, RUN_DIR, outlive=keep))
        done = True
    except LabError as e:
        log = RUN_DIR / "wgdp.log"
        if log.exists():
            print(f"\nwgdp's last words:\n{log.read_text(errors='replace')[-2000:]}",
                  file=sys.stderr)
        print(f"demo: failed: {e}", file=sys.stderr)
    finally:
        if not (keep and done):
            for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(s, signal.SIG_IGN)
            down()
    lock.close()
    if not done:
        sys.exit(1)
    print(f"\ndemo: everything worked ({time.monotonic() - start:.0f} s)")
    if keep:
        print(f"""It is still running. Try:
  ip netns exec {PREFIX}c1 ping {LAN_HOST4}
  wg show {GATEWAY}
  build/app/wgdp-ctl --socket {RUN_DIR}/control.sock show {GATEWAY}
and remove it with: scripts/demo --down""")


if __name__ == "__main__":
    main()
