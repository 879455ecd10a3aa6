# SPDX-License-Identifier: BSD-3-Clause
"""A client from nothing: address and keys made, its file and code, and then it connects.

    c1 ====== gw (wgdp) ------ lan
"""

import json

from lab import genkey, genpsk, run
from world import LAN_HOST4


def ctl(world, *words, **kw):
    return world.gateway.ctl(*words, **kw)


def refused(world, *words, naming, status=1, **kw):
    done = ctl(world, *words, check=False, **kw)
    assert done.returncode == status and naming in done.stderr, done


def add(world, name, *words):
    """A peer with keys and address made; its key file."""
    file = world.lab.dir / f"{name}.key"
    ctl(world, "add-peer", world.wg, name, "--generate-key", file, "--allowed-ips", "auto", *words)
    return file


def sections(text):
    """[(name, {key: value})]"""
    found = []
    for line in text.splitlines():
        if line.startswith("["):
            found.append((line.strip("[]"), {}))
        elif line:
            key, _, value = line.partition(" = ")
            found[-1][1][key] = value
    return found


def test_the_next_free_address(world):
    file = add(world, "auto1")
    assert file.stat().st_mode & 0o777 == 0o600
    shown = world.gateway.show(world.wg, "auto1")
    # .1 is the gateway's, .2 and .3 are c1's and c2's.
    assert shown["allowed_ips"] == ["10.8.0.4/32", "fd00:8::4/128"]
    assert shown["public_key"] == run(["wg", "pubkey"], stdin=file.read_text()).stdout.strip()
    add(world, "auto2")
    ctl(world, "del-peer", world.wg, "auto1")
    add(world, "auto3")
    assert world.gateway.show(world.wg, "auto3")["allowed_ips"][0] == "10.8.0.4/32"
    assert world.gateway.show(world.wg, "auto2")["allowed_ips"][0] == "10.8.0.5/32"


def test_auto_beside_a_network_and_again(world):
    body = {"public_key": genkey()[1], "allowed_ips": ["auto", "10.30.0.0/16"]}
    path = f"/v1/interfaces/{world.wg}/peers/branch"
    first = world.gateway.api("PUT", path, body)["allowed_ips"]
    assert "10.30.0.0/16" in first and len(first) == 3
    assert set(world.gateway.api("PUT", path, body)["allowed_ips"]) == set(first)


def test_a_key_file_is_never_replaced(world):
    file = world.lab.dir / "precious.key"
    file.write_text("precious")
    refused(world, "add-peer", world.wg, "p", "--generate-key", file, "--allowed-ips", "auto",
            naming="name a new file")
    assert file.read_text() == "precious"
    # ... and one that was made for nothing is not left behind.
    fresh = world.lab.dir / "fresh.key"
    refused(world, "add-peer", world.wg, "c1", "--generate-key", fresh, "--allowed-ips", "auto",
            naming="already has a peer c1")
    assert not fresh.exists()


def test_client_config_is_one_that_works(world):
    file, psk = add(world, "roadie"), world.lab.dir / "roadie.psk"
    psk.write_text(genpsk() + "\n")
    refused(world, "client-config", world.wg, "roadie", naming="--private-key-file", status=2)
    ctl(world, "set-peer", world.wg, "roadie", "--preshared-key-file", psk)
    words = ("client-config", world.wg, "roadie", "--private-key-file", file)
    refused(world, *words, naming="--preshared-key-file")
    text = ctl(world, *words, "--preshared-key-file", psk, "--dns", "10.20.0.2").stdout
    (first, interface), (second, peer) = sections(text)
    assert (first, second) == ("Interface", "Peer")
    address = world.gateway.show(world.wg, "roadie")["allowed_ips"]
    assert interface == {"PrivateKey": file.read_text().strip(), "Address": ", ".join(address),
                         "DNS": "10.20.0.2", "MTU": "1420"}
    assert peer == {"PublicKey": world.public_key, "PresharedKey": psk.read_text().strip(),
                    "Endpoint": world.endpoint("c1"), "AllowedIPs": "0.0.0.0/0, ::/0",
                    "PersistentKeepalive": "25"}
    # An unmodified client takes it (less what only wg-quick knows).
    conf = world.lab.dir / "roadie.conf"
    conf.write_text(text)
    stripped = world.lab.dir / "stripped.conf"
    stripped.write_text(run(["wg-quick", "strip", conf]).stdout)
    client = world.clients["c1"]
    client.ns.run(["wg", "setconf", client.name, stripped])
    client.ns.ip(f"addr add {address[0]} dev {client.name}")
    got, said = client.ns.ping(LAN_HOST4, 2, source=address[0].split("/")[0], wait=5)
    assert got == 2, said


def test_client_config_refuses_foreign_keys(world):
    file = world.lab.dir / "foreign.key"
    file.write_text(genkey()[0] + "\n")
    refused(world, "client-config", world.wg, "c1", "--private-key-file", file,
            naming="not that of peer c1")
    refused(world, "client-config", world.wg, "c9", "--private-key-file", file, naming="c9")


def test_the_code_is_what_qrencode_draws(world):
    file = add(world, "phone")
    words = ("client-config", world.wg, "phone", "--private-key-file", file)
    text = ctl(world, *words).stdout
    drawn = ctl(world, *words, "--qr").stdout.splitlines()
    upper = {"█": " ", "▀": " ", "▄": "#", " ": "#"}
    lower = {"█": " ", "▄": " ", "▀": "#", " ": "#"}
    ours = ["".join(half[c] for c in row) for row in drawn for half in (upper, lower)]
    plain = run(["qrencode", "-8", "-l", "L", "-m", "4", "-t", "ASCII"], stdin=text).stdout
    theirs = [row[::2].ljust(len(row) // 2) for row in plain.splitlines()]
    assert ours[:len(theirs)] == theirs
    assert json.loads(ctl(world, *words, "--json").stdout) == {"config": text}
