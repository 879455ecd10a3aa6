# SPDX-License-Identifier: BSD-3-Clause
"""wgdp-ctl import-conf: to files that wgdp takes, and into a running gateway.

    c1 ====== gw (wgdp)
"""

import yaml

from lab import Gateway, genkey, genpsk, run, wg_dump
from world import port_device

KEYS = [genkey()[1] for _ in range(3)]
PRIVATE = genkey()


def conf(extra="", psk=genpsk()):
    return f"""[Interface]
PrivateKey = {PRIVATE[0]}
Address = 10.9.0.1/24, fd00:9::1/64
ListenPort = 51877
MTU = 1380
{extra}
### Client alice
[Peer]
PublicKey = {KEYS[0]}
PresharedKey = {psk}
AllowedIPs = 10.8.9.2/32, fd00:8::902/128
Endpoint = 192.0.2.99:1234

[Peer]
PublicKey = {KEYS[1]}
AllowedIPs = 10.8.9.3/32
PersistentKeepalive = 25
"""


def ctl(*words, **kw):
    return run([Gateway.program("wgdp-ctl"), *words], **kw)


def check(directory):
    return run([Gateway.program(), "-c", directory / "wgdp.yaml", "--check"], check=False)


def test_files_that_wgdp_takes(tmp_path):
    file = tmp_path / "office.conf"
    file.write_text(conf())
    ctl("import-conf", file, "--output", tmp_path)
    assert (tmp_path / "office.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "office.key").read_text() == PRIVATE[0] + "\n"
    said = check(tmp_path)
    assert said.returncode == 1 and "ports: expected" in said.stderr
    config = yaml.safe_load((tmp_path / "wgdp.yaml").read_text())
    config["ports"] = [{"name": "wan0", "device": port_device(0, "lo"),
                        "addresses": ["192.0.2.1/24", "2001:db8::1/64"]}]
    config["dataplane"] = {"worker_lcores": [0]}
    (tmp_path / "wgdp.yaml").write_text(yaml.safe_dump(config))
    said = check(tmp_path)
    assert said.returncode == 0, said.stderr
    assert config["interfaces"] == [{
        "name": "office", "private_key_file": "office.key", "listen_port": 51877,
        "addresses": ["10.9.0.1/24", "fd00:9::1/64"], "mtu": 1380,
        "peer_db": "office.peers.yaml"}]
    peers = yaml.safe_load((tmp_path / "office.peers.yaml").read_text())["peers"]
    assert [p["public_key"] for p in peers] == KEYS[:2] and peers[0]["name"] == "alice"


def test_nothing_is_replaced_or_half_done(tmp_path):
    file = tmp_path / "wg5.conf"
    file.write_text(conf())
    (tmp_path / "wgdp.yaml").write_text("mine")
    done = ctl("import-conf", file, "--output", tmp_path, check=False)
    assert done.returncode == 1 and "--output" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["wg5.conf", "wgdp.yaml"]
    assert (tmp_path / "wgdp.yaml").read_text() == "mine"


def test_what_wgdp_does_otherwise_is_refused_by_line(tmp_path):
    file = tmp_path / "wg5.conf"
    file.write_text(conf("PostUp = iptables -t nat ...\nSaveConfig = true"))
    done = ctl("import-conf", file, "--output", tmp_path, check=False)
    assert done.returncode == 1
    assert f"{file}:6: PostUp: " in done.stderr and f"{file}:7: SaveConfig: " in done.stderr
    assert "--skip-unsupported" in done.stderr
    assert not (tmp_path / "wgdp.yaml").exists()
    assert ctl("import-conf", file, "--output", tmp_path, "--skip-unsupported").returncode == 0
    assert (tmp_path / "wgdp.yaml").exists()


def test_into_a_running_gateway(world, tmp_path):
    file = tmp_path / "old.conf"
    file.write_text(conf())
    world.gateway.ctl("import-conf", file, "--into", world.wg)
    _, peers = wg_dump(world.wg)
    assert peers[KEYS[0]]["endpoint"] == "192.0.2.99:1234"
    assert peers[KEYS[1]]["persistent_keepalive"] == "25"
    assert world.gateway.show(world.wg, "alice")["has_preshared_key"]
    # All or none: the second peer takes a name that another one has.
    file.write_text(f"[Peer]\nPublicKey = {KEYS[2]}\n\n# c1\n[Peer]\nPublicKey = {genkey()[1]}\n")
    done = world.gateway.ctl("import-conf", file, "--into", world.wg, check=False)
    assert done.returncode == 1 and f"{file}:5: peer c1: " in done.stderr
    assert KEYS[2] not in wg_dump(world.wg)[1]
