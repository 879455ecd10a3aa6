# SPDX-License-Identifier: BSD-3-Clause
"""wgdp-ctl: what it does, what it refuses, and how it says so.

    c1 ====== gw (wgdp) ------ lan
    c2 ========|
"""

import json

import pytest

from lab import genkey, run, wait_until, wg_dump
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
