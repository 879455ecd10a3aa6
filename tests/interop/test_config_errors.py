# SPDX-License-Identifier: BSD-3-Clause
"""Wrong configs: one line "FILE:LINE: KEY: what was expected", exit 1, nothing started.

Each row is made from the good config below by replacing text; the line and key that the error
must name are derived from where the replacement stands.
"""

import re

import pytest

from lab import UAPI_DIR, Gateway, genkey, genpsk, run, wait_until

GOOD = """\
dataplane:
  control_lcore: 0
  worker_lcores: [0]
  hugepages: false
  memory_mb: 512
  max_peers: 1000
  idle: adaptive
ports:
  - name: wan0
    device: "net_af_packet0,iface=wan0"
    mtu: 1500
    addresses: [192.0.2.1/24, "2001:db8::1/64"]
  - name: lan0
    device: "net_af_packet1,iface=lan0"
    addresses: [10.20.0.1/24]
routes:
  - {to: 0.0.0.0/0, via: 192.0.2.254}
interfaces:
  - name: WG0
    private_key_file: wg0.key
    listen_port: 51820
    addresses: [10.8.0.1/16]
    mtu: 1420
    hairpin: allow
    peer_db: wg0.peers.yaml
  - name: WG1
    private_key_file: wg1.key
    listen_port: 51821
    addresses: [10.9.0.1/16]
    peer_db: wg1.peers.yaml
control:
  socket: SOCKET
  mode: "0660"
  uapi_dir: UAPI
"""

PEERS0 = """\
peers:
  - name: alice
    public_key: KEY_A
    preshared_key: PSK_A
    allowed_ips: [10.8.0.2/32]
    endpoint: 192.0.2.10:51820
    persistent_keepalive: 25
  - name: bob
    public_key: KEY_B
    allowed_ips: [10.8.0.3/32, "fd00:8::3/128"]
"""

PEERS1 = """\
peers:
  - name: carol
    public_key: KEY_C
    allowed_ips: [10.9.0.2/32]
"""

MAIN, DB0, DB1, KEYFILE = "wgdp.yaml", "wg0.peers.yaml", "wg1.peers.yaml", "wg0.key"

# (what is wrong, file that is changed, text, its replacement, the key that the error names)
WRONG = (
    ("unknown key", MAIN, "  hugepages: false", "  huge_pages: false", "huge_pages"),
    ("unknown section", MAIN, "routes:", "rules:", "rules"),
    ("unknown key of a port", MAIN, "    mtu: 1500", "    mtuu: 1500", "mtuu"),
    ("wrong type: text", MAIN, "memory_mb: 512", "memory_mb: plenty", "memory_mb"),
    ("wrong type: list", MAIN, "worker_lcores: [0]", "worker_lcores: 0", "worker_lcores"),
    ("wrong type: map", MAIN, "memory_mb: 512", "memory_mb: {a: 1}", "memory_mb"),
    ("wrong type: bool", MAIN, "hugepages: false", "hugepages: 7", "hugepages"),
    ("too little memory", MAIN, "memory_mb: 512", "memory_mb: 8", "memory_mb"),
    ("no such CPU", MAIN, "control_lcore: 0", "control_lcore: 4095", "control_lcore"),
    ("no workers", MAIN, "worker_lcores: [0]", "worker_lcores: []", "worker_lcores"),
    ("bad choice", MAIN, "idle: adaptive", "idle: sometimes", "idle"),
    ("peers out of range", MAIN, "max_peers: 1000", "max_peers: 0", "max_peers"),
    ("bad CIDR", MAIN, "10.20.0.1/24", "10.20.0.1/33", "addresses"),
    ("no CIDR", MAIN, "10.20.0.1/24", "10.20.0.1", "addresses"),
    ("bad address", MAIN, "10.20.0.1/24", "10.20.0.256/24", "addresses"),
    ("port twice", MAIN, "  - name: lan0", "  - name: wan0", "name"),
    ("device twice", MAIN, "net_af_packet1,iface=lan0", "net_af_packet0,iface=wan0", "device"),
    ("address twice", MAIN, "10.20.0.1/24", "192.0.2.1/24", "addresses"),
    ("MTU too small", MAIN, "mtu: 1500", "mtu: 100", "mtu"),
    ("MTU of IPv6 too small", MAIN, "mtu: 1500", "mtu: 1000", "mtu"),
    ("gateway off the link", MAIN, "via: 192.0.2.254", "via: 203.0.113.1", "via"),
    ("route with host bits", MAIN, "to: 0.0.0.0/0", "to: 10.1.2.3/8", "to"),
    ("interface twice", MAIN, "  - name: WG1", "  - name: WG0", "name"),
    ("overlapping listen ports", MAIN, "listen_port: 51821", "listen_port: 51820",
     "listen_port"),
    ("listen port out of range", MAIN, "listen_port: 51820", "listen_port: 65536",
     "listen_port"),
    ("required key missing", MAIN, "    listen_port: 51820\n", "", "listen_port"),
    ("missing key file", MAIN, "wg0.key", "nowhere.key", "private_key_file"),
    ("interface name too long", MAIN, "  - name: WG1", "  - name: abcdefghijklmnop", "name"),
    ("bad mode", MAIN, 'mode: "0660"', 'mode: "0999"', "mode"),
    ("no such group", MAIN, 'mode: "0660"', 'mode: "0660"\n  group: no-such-group', "group"),
    ("key twice", MAIN, "    mtu: 1500", "    mtu: 1500\n    mtu: 1400", "mtu"),
    ("tabs", MAIN, "  memory_mb: 512", "\tmemory_mb: 512", ""),
    ("broken YAML", MAIN, "worker_lcores: [0]", "worker_lcores: [0", ""),
    ("short private key", KEYFILE, "=\n", "\n", ""),
    ("bad key length", DB0, "KEY_A", "KEY_A_SHORT", "public_key"),
    ("bad preshared key", DB0, "PSK_A", "nonsense", "preshared_key"),
    ("duplicate peer name", DB0, "name: bob", "name: alice", "name"),
    ("duplicate peer key", DB0, "KEY_B", "KEY_A", "public_key"),
    ("duplicate allowed-IP", DB0, "10.8.0.3/32", "10.8.0.2/32", "allowed_ips"),
    ("bad allowed-IP", DB0, "10.8.0.3/32", "10.8.0.3/99", "allowed_ips"),
    ("bad endpoint", DB0, "192.0.2.10:51820", "192.0.2.10", "endpoint"),
    ("bad keepalive", DB0, "keepalive: 25", "keepalive: 65536", "persistent_keepalive"),
    ("unknown key of a peer", DB0, "endpoint:", "endpiont:", "endpiont"),
    ("name shaped like a key", DB0, "name: bob", "name: KEY_D", "name"),
    ("same prefix on two interfaces", DB1, "10.9.0.2/32", "10.8.0.2/32", "allowed_ips"),
)


@pytest.fixture(scope="module")
def keys():
    made = {f"KEY_{x}": genkey()[1] for x in "ABCD"}
    made["KEY_A_SHORT"] = made["KEY_A"][:-4]
    made["PSK_A"] = genpsk()
    return made


def fill(text, keys, lab):
    for word, value in sorted(keys.items(), key=lambda kv: -len(kv[0])):
        text = re.sub(rf"\b{word}\b", value, text)
    return (text.replace("WG0", lab.name("e0")).replace("WG1", lab.name("e1"))
            .replace("SOCKET", str(lab.dir / "control.sock")).replace("UAPI", str(UAPI_DIR)))


def write(tmp_path, keys, lab, wrong=None):
    files = {MAIN: GOOD, DB0: PEERS0, DB1: PEERS1, KEYFILE: genkey()[0] + "\n",
             "wg1.key": genkey()[0] + "\n"}
    if wrong:
        _, name, text, replacement, _ = wrong
        assert text in files[name], "the row does not fit the good config"
        files[name] = files[name].replace(text, replacement, 1)
    for name, text in files.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(fill(text, keys, lab))
    return tmp_path / MAIN


@pytest.fixture(scope="module")
def space(lab):
    return lab.netns("gw")


def nothing_started(lab, space):
    assert space.pids() == []
    assert not (lab.dir / "control.sock").exists()
    assert not list(UAPI_DIR.glob(lab.name("e") + "*"))


def test_the_good_config_is_good(tmp_path, keys, lab):
    done = run([Gateway.program(), "-c", write(tmp_path, keys, lab), "--check"], check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wrong", WRONG, ids=[w[0].replace(" ", "-") for w in WRONG])
def test_wrong_config(tmp_path, keys, lab, space, wrong):
    file = write(tmp_path, keys, lab, wrong)
    what, changed, text, replacement, key = wrong
    for argv in ([Gateway.program(), "-c", file, "--check"], [Gateway.program(), "-c", file]):
        done = space.run(argv, check=False, timeout=10)
        assert done.returncode == 1, f"{what}: exit {done.returncode}: {done.stderr}"
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        match = re.fullmatch(r"(\S+?):(\d+): (?:([^:]*): )?(.+)", lines[0])
        assert match, lines[0]
        assert key in (match[3] or ""), lines[0]
        at = tmp_path / match[1] if not match[1].startswith("/") else match[1]
        number = int(match[2])
        total = len(open(at).read().splitlines())
        assert number <= total + 1, lines[0]
        if replacement and key and "same prefix" not in what and "missing" not in what:
            # The line is where the key stands.
            assert key in open(at).read().splitlines()[number - 1], lines[0]
        nothing_started(lab, space)


@pytest.mark.parametrize("what", ("missing", "directory", "empty", "binary"))
def test_unreadable_file(tmp_path, what):
    file = tmp_path / "wgdp.yaml"
    if what == "directory":
        file.mkdir()
    elif what == "empty":
        file.write_text("")
    elif what == "binary":
        file.write_bytes(bytes(range(256)))
    done = run([Gateway.program(), "-c", file, "--check"], check=False)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "wgdp.yaml" in done.stderr


@pytest.mark.parametrize("words", ((), ("--no-such-option",), ("-c",)))
def test_usage(words):
    done = run([Gateway.program(), *words], check=False)
    assert done.returncode == 2, done.stderr
    assert "usage" in done.stderr.lower()


def test_version():
    assert "wgdp" in run([Gateway.program(), "--version"]).stdout


def test_port_that_does_not_exist(tmp_path, keys, lab, space):
    """Only the start can see it: a clear end, and all that was opened is closed again."""
    done = space.run([Gateway.program(), "-c", write(tmp_path, keys, lab)], check=False)
    assert done.returncode == 1
    assert "wan0" in done.stderr, done.stderr
    wait_until(lambda: not space.pids(), 2, "no process is left")
    nothing_started(lab, space)
