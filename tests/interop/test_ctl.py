# SPDX-License-Identifier: BSD-3-Clause
"""wgdp-ctl: what it does, what it refuses, and how it says so.

    c1 ====== gw (wgdp) ------ lan
    c2 ========|
"""

import fcntl
import grp
import http.server
import json
import os
import pty
import socketserver
import struct
import subprocess
import termios
import threading

import pytest

from lab import PingStream, genkey, run, wait_until, wg_dump
from world import LAN_HOST4


def refused(world, *words, naming):
    done = world.gateway.ctl(*words, check=False)
    assert done.returncode == 1, done.stderr
    assert naming in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_bad_key_is_refused_by_the_fields_name(world):
    for key in ("AAAA", "x" * 44, genkey()[1][:-2] + "="):
        refused(world, "add-peer", world.wg, "c3", "--public-key", key, "--allowed-ips",
                "10.8.0.4/32", naming="public_key")


@pytest.mark.parametrize("option, value, field", (
    ("--allowed-ips", "10.8.0.4/33", "allowed_ips"),
    ("--allowed-ips", "10.8.0.4/32,nonsense", "allowed_ips"),
    ("--endpoint", "192.0.2.2:0", "endpoint"),
    ("--endpoint", "192.0.2.2", "endpoint"),
    ("--endpoint", "192.0.2.2:70000", "endpoint"),
    ("--persistent-keepalive", "70000", "persistent_keepalive"),
))
def test_other_bad_fields(world, option, value, field):
    words = {"--public-key": genkey()[1], "--allowed-ips": "10.8.0.4/32", option: value}
    refused(world, "add-peer", world.wg, "c3", *[w for kv in words.items() for w in kv],
            naming=field)
    assert len(wg_dump(world.wg)[1]) == 2


@pytest.mark.parametrize("name", ("a b", "a/b", "x" * 64, "A" * 43 + "="))
def test_bad_names(world, name):
    refused(world, "add-peer", world.wg, name, "--public-key", genkey()[1], "--allowed-ips",
            "10.8.0.4/32", naming="name")


def test_name_and_key_taken(world):
    refused(world, "add-peer", world.wg, "c1", "--public-key", genkey()[1], "--allowed-ips",
            "10.8.0.4/32", naming="c1")
    refused(world, "add-peer", world.wg, "c3", "--public-key", world.clients["c1"].public_key,
            "--allowed-ips", "10.8.0.4/32", naming="public_key")


@pytest.mark.parametrize("words", ((), ("add-peer",), ("add-peer", "gw"), ("no-such-verb",),
                                   ("show", "--no-such-option")))
def test_usage(world, words):
    done = world.gateway.ctl(*words, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr.lower() or "--help" in done.stderr


def test_unknown_interface_and_peer(world):
    refused(world, "show", "nope", naming="nope")
    refused(world, "show", world.wg, "nope", naming="nope")
    refused(world, "del-peer", world.wg, "nope", naming="nope")


def test_a_list_without_end(world):
    """... of whoever answers on the socket in the gateway's place."""
    path = world.lab.dir / "hostile.sock"
    for pages in ([([], "1")], [([{"name": "a"}], "1")],
                  [([{"name": "a"}] * 300000, str(n)) for n in range(9)]):
        answers = iter(pages)

        class Endless(http.server.BaseHTTPRequestHandler):
            last = pages[-1]

            def do_GET(self):
                self.last = next(answers, self.last)
                body = json.dumps({"peers": self.last[0], "next": self.last[1]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self):
                return "unix"

            def log_message(self, *args):
                pass

        path.unlink(missing_ok=True)
        with socketserver.UnixStreamServer(str(path), Endless) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            done = world.gateway.ctl("--socket", path, "show", "wg0", check=False)
            server.shutdown()
        assert done.returncode == 1
        assert "has no end" in done.stderr


def test_whose_allowed_ips_were_taken_is_told(world):
    key = genkey()[1]
    done = world.gateway.ctl("add-peer", world.wg, "thief", "--public-key", key,
                             "--allowed-ips", "10.8.0.77/32")
    assert done.stderr == ""
    key = genkey()[1]
    done = world.gateway.ctl("add-peer", world.wg, "typo", "--public-key", key,
                             "--allowed-ips", "10.8.0.77/32,10.8.0.78/32")
    assert "thief" in done.stderr and "typo" not in done.stderr
    done = world.gateway.ctl("set-peer", world.wg, "thief", "--allowed-ips", "10.8.0.77/32")
    assert "typo" in done.stderr
    for name in ("thief", "typo"):
        world.gateway.ctl("del-peer", world.wg, name)


def test_a_file_is_no_socket(world):
    for path in (world.lab.dir, world.gateway.file):
        done = world.gateway.ctl("--socket", path, "show", check=False)
        assert done.returncode == 1 and "no socket" in done.stderr


def test_a_configuration_that_was_named_has_to_be_there(world):
    done = world.gateway.ctl("doctor", "--config", "/nope.yaml", check=False)
    assert done.returncode == 1 and "/nope.yaml" in done.stdout


def test_no_gateway_behind_the_socket(world):
    done = world.gateway.ctl("--socket", world.lab.dir / "none.sock", "show", check=False)
    assert done.returncode == 1
    assert "none.sock" in done.stderr


def test_add_set_show_delete(world):
    key = genkey()[1]
    world.gateway.ctl("add-peer", world.wg, "c3", "--public-key", key, "--allowed-ips",
                      "10.8.0.4,fd00:8::4/128", "--endpoint", "[2001:db8:1::9]:1234",
                      "--persistent-keepalive", "21")
    shown = json.loads(world.gateway.ctl("show", world.wg, "c3", "--json").stdout)
    assert shown["public_key"] == key
    assert set(shown["allowed_ips"]) == {"10.8.0.4/32", "fd00:8::4/128"}
    assert shown["endpoint"] == "[2001:db8:1::9]:1234"
    assert shown["persistent_keepalive"] == 21
    assert shown["has_preshared_key"] is False and shown["session"] is None
    assert shown == world.gateway.show(world.wg, "c3")
    world.gateway.ctl("set-peer", world.wg, "c3", "--allowed-ips", "10.8.0.5/32")
    shown = world.gateway.show(world.wg, "c3")
    assert shown["allowed_ips"] == ["10.8.0.5/32"] and shown["persistent_keepalive"] == 21
    table = world.gateway.ctl("show", world.wg).stdout
    assert "c3" in table and "c1" in table
    world.gateway.ctl("del-peer", world.wg, "c3")
    assert key not in wg_dump(world.wg)[1]
    world.expect_ping(world.c1, LAN_HOST4)


def test_added_and_deleted_survive_kill_9(world):
    key = genkey()[1]
    world.gateway.ctl("add-peer", world.wg, "c3", "--public-key", key, "--allowed-ips",
                      "10.8.0.4/32")
    world.gateway.ctl("add-peer", world.wg, "c4", "--public-key", genkey()[1], "--allowed-ips",
                      "10.8.0.6/32")
    world.gateway.ctl("del-peer", world.wg, "c4")
    world.gateway.kill()
    world.gateway.start()
    peers = world.gateway.api("GET", f"/v1/interfaces/{world.wg}/peers")["peers"]
    assert {p["name"] for p in peers} == {"c1", "c2", "c3"}
    assert world.gateway.show(world.wg, "c3")["public_key"] == key
    # The client's session died with the gateway: it notices after 15 s without an answer.
    wait_until(lambda: world.c1.ping(LAN_HOST4)[0], 25, "the client is back")


def test_keys_are_of_the_stock_tools_form(world):
    private = world.gateway.ctl("genkey").stdout.strip()
    public = world.gateway.ctl("pubkey", stdin=private + "\n").stdout.strip()
    assert run(["wg", "pubkey"], stdin=private + "\n").stdout.strip() == public
    assert len(world.gateway.ctl("genpsk").stdout.strip()) == 44


def test_workers_and_drops(world):
    workers = json.loads(world.gateway.ctl("workers", "--json").stdout)
    assert workers["tsc_hz"] > 0 and workers["workers"][0]["stages"]
    drops = json.loads(world.gateway.ctl("drops", "--json").stdout)
    assert any(d["reason"] == "source_not_allowed" for d in drops["drops"])
    assert "source_not_allowed" in world.gateway.ctl("drops", "--all").stdout


def test_drops_of_a_peer(world):
    world.expect_ping(world.c1, LAN_HOST4, 3)
    world.c1.ping("10.8.99.99", 3)  # nobody's
    drops = world.gateway.peer_drops(world.wg, "c1")
    key = world.clients["c1"].public_key
    assert drops["no_peer"] >= 3
    for peer in ("c1", key, key[:12]):
        rows = dict(r.split() for r in
                    world.gateway.ctl("drops", world.wg, peer).stdout.splitlines()[1:])
        assert rows == {r: str(n) for r, n in drops.items() if n}
    everything = world.gateway.ctl("drops", world.wg, "c1", "--all").stdout
    assert all(reason in everything for reason in drops)
    told = json.loads(world.gateway.ctl("drops", world.wg, "c1", "--json").stdout)
    assert {d["reason"]: d["packets"] for d in told["drops"]} == drops
    lines = [r for r in world.gateway.ctl("show", world.wg, "c1").stdout.splitlines()
             if r.startswith("dropped: ")]
    assert f"{drops['no_peer']} no_peer" in lines[0]
    assert "drops" not in json.loads(world.gateway.ctl("show", world.wg, "c1", "--json").stdout)
    refused(world, "drops", world.wg, "nobody", naming="nobody")
    assert {"c1", "c2"} <= set(run([world.gateway.program("wgdp-ctl"), "complete", "--socket",
                                    str(world.gateway.socket), "drops", world.wg, ""]
                                   ).stdout.split())


def test_similar_names_are_told(world):
    refused(world, "show", world.wg[:-1] + "x", naming=f"did you mean {world.wg}?")
    refused(world, "show", "nope", naming=f"there is: {world.wg}")
    refused(world, "show", world.wg, "zzzz", naming=f"wgdp-ctl show {world.wg}")
    world.gateway.ctl("add-peer", world.wg, "alice-laptop", "--public-key", genkey()[1],
                      "--allowed-ips", "10.8.0.40")
    refused(world, "show", world.wg, "alice-lptop", naming="did you mean alice-laptop?")
    # To show, the beginning is enough; to change, it is not.
    assert "alice-laptop" in world.gateway.ctl("show", world.wg, "alice").stdout
    refused(world, "del-peer", world.wg, "alice", naming="did you mean alice-laptop?")
    assert world.gateway.ctl("del-peer", world.wg, "alice-laptop").stdout.endswith("removed\n")


def test_peers_by_key_prefix_and_file(world):
    key = genkey()[1]
    while "/" not in key[10:]:
        key = genkey()[1]
    file = world.lab.dir / "dave.pub"
    file.write_text(key + "\n")
    world.gateway.ctl("add-peer", world.wg, "dave", "--public-key", file, "--allowed-ips",
                      "10.8.0.41")
    for typed in (key, file, key[:10], key.replace("/", "_").replace("+", "-").rstrip("=")):
        shown = world.gateway.ctl("show", world.wg, typed).stdout
        assert f"public key:           {key}" in shown
    world.gateway.ctl("set-peer", world.wg, key[:10], "--persistent-keepalive", "7")
    assert world.gateway.show(world.wg, "dave")["persistent_keepalive"] == 7
    refused(world, "set-peer", world.wg, key[:5], "--persistent-keepalive", "8",
            naming="no peer")
    refused(world, "show", world.wg, "./no-such.pub", naming="no such file")
    world.gateway.ctl("del-peer", world.wg, file)


def on_terminal(world, columns, *words, env=None):
    """What wgdp-ctl writes to a terminal so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen(
        [world.gateway.program("wgdp-ctl"), "--socket", world.gateway.socket, *words],
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **(env or {})})
    os.close(theirs)
    said = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # EIO: the other end is closed
            break
        if not data:
            break
        said += data
    os.close(ours)
    assert child.wait(10) == 0, said
    return said.decode()


@pytest.mark.parametrize("columns", (40, 80, 120))
def test_tables_fit_the_terminal(world, columns):
    for words in (("show",), ("show", world.wg), ("workers",), ("drops", "--all")):
        said = on_terminal(world, columns, *words, env={"NO_COLOR": "1"})
        assert "\033" not in said
        lines = said.splitlines()
        assert max(len(line) for line in lines) <= columns, said
    assert "\033[1m" in on_terminal(world, columns, "show")
    assert "\033" not in world.gateway.ctl("show").stdout


def test_watch_shows_rates_and_orders_by_them(world):
    watch = world.lab.popen(None, [world.gateway.program("wgdp-ctl"), "--socket",
                                   world.gateway.socket, "show", world.wg, "--watch"])
    with PingStream(world.lab, world.c2, LAN_HOST4):
        def moving():
            tables = watch.log.read_text().split("PEER")[2:-1]
            return any("bit/s" in t and t.splitlines()[1].startswith("c2") for t in tables)
        wait_until(moving, 20, "c2 stands first, with a rate")
    watch.stop()


def test_no_permission_says_which_group(world):
    grp_name = grp.getgrgid(os.stat(world.gateway.socket).st_gid).gr_name
    done = run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                world.gateway.program("wgdp-ctl"), "--socket", world.gateway.socket, "show"],
               check=False)
    assert done.returncode == 1
    assert "permission denied" in done.stderr
    assert "sudo" in done.stderr or grp_name in done.stderr


def test_doctor_sees_offloads_and_addresses(world):
    """In the gateway's namespace, where the far ends of its veths cannot be seen; then with one."""
    gateway = world.gateway
    ask = [gateway.program("wgdp-ctl"), "--json", "doctor", "--config", gateway.file]
    checks = json.loads(world.gw.run(ask, check=False).stdout)["checks"]
    assert {"check": "gateway", "state": "ok", "found": f"answers on {gateway.socket}"} in checks
    assert [c["state"] for c in checks if c["check"] == "wan1"] == ["warn"]
    assert not [c for c in checks if c["state"] == "fail"], checks
    said = world.gw.run(ask[:1] + ask[2:], check=False).stdout
    assert "fix: there: ethtool -K DEV tx off gso off tso off" in said
    # A veth with both ends here, whose far end sends unfinished frames.
    world.gw.ip("link add wgdpva type veth peer name wgdpvb")
    world.gw.ip("link set wgdpva up")
    file = gateway.dir / "veth.yaml"
    file.write_text(gateway.file.read_text().replace("iface=wan1", "iface=wgdpva"))
    try:
        found = world.gw.run([*ask[:-1], file], check=False)
        bad = [c for c in json.loads(found.stdout)["checks"] if c["state"] == "fail"]
        assert found.returncode == 1
        assert [c["fix"] for c in bad] == ["ethtool -K wgdpvb tx off gso off tso off"]
        world.gw.run(["ethtool", "-K", "wgdpvb", "tx", "off", "gso", "off", "tso", "off"])
        assert world.gw.run([*ask[:-1], file], check=False).returncode == 0
    finally:
        world.gw.ip("link del wgdpva")


def test_completion(world):
    def complete(*words):
        return run([world.gateway.program("wgdp-ctl"), "complete", "--socket",
                    world.gateway.socket, *words]).stdout.split()
    assert {"add-peer", "show", "doctor"} <= set(complete(""))
    assert complete("show", "") == [world.wg]
    assert {"c1", "c2"} <= set(complete("show", world.wg, ""))
    assert "--allowed-ips" in complete("add-peer", world.wg, "x", "--")
    assert complete("add-peer", "--generate-key", "") == []
    # bash itself, with the program by its name on the path.
    script = run([world.gateway.program("wgdp-ctl"), "completion", "bash"]).stdout
    ask = (f"{script}\nPATH={world.gateway.program().parent}:$PATH WGDP_SOCKET="
           f"{world.gateway.socket}; export WGDP_SOCKET\n"
           f"COMP_WORDS=(wgdp-ctl show {world.wg} c) COMP_CWORD=3\n"
           "_wgdp_ctl; printf '%s\\n' \"${COMPREPLY[@]}\"")
    assert {"c1", "c2"} <= set(run(["bash", "-c", ask]).stdout.split())
