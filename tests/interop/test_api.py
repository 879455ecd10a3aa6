# SPDX-License-Identifier: BSD-3-Clause
"""Every GET route by curl, against the shapes that operators script against; and errors.

    c1 ====== gw (wgdp, control.sock)
"""

import json

import pytest

from lab import genkey, run, wait_until

INT, TEXT, BOOL, LIST = int, str, bool, list


def curl(world, path, *options):
    """(HTTP status, content type, body)"""
    out = world.lab.dir / "body"
    done = run(["curl", "-sS", "--max-time", "10", "--unix-socket", world.gateway.socket,
                "-o", out, "-w", "%{http_code} %{content_type}",
                "-H", "Content-Type: application/json", *options,
                f"http://localhost{path}"])
    status, _, kind = done.stdout.partition(" ")
    return int(status), kind, out.read_text()


def get(world, path):
    status, kind, body = curl(world, path)
    assert status == 200, body
    assert kind.startswith("application/json")
    return json.loads(body)


def has(record, **shape):
    """Each named key is there and of the type; bool is no int here."""
    for key, kind in shape.items():
        assert key in record, f"{key} is missing in {sorted(record)}"
        kinds = kind if isinstance(kind, tuple) else (kind,)
        assert type(record[key]) in kinds, f"{key}: {record[key]!r}"


def test_status(world):
    s = get(world, "/v1/status")
    has(s, version=TEXT, ready=BOOL, uptime_s=(int, float), crypto=dict, mbufs=dict, memory=dict)
    has(s["crypto"], aead=TEXT, x25519=TEXT)
    has(s["mbufs"], total=INT, in_use=INT)
    has(s["memory"], peers_bytes=INT, sessions_bytes=INT)
    assert 0 <= s["mbufs"]["in_use"] <= s["mbufs"]["total"]
    m = get(world, "/v1/memory")
    assert m["dpdk_bytes"] > s["memory"]["peers_bytes"] > 0 and m["heap_bytes"] > 0


def check_interface(i):
    has(i, name=TEXT, public_key=TEXT, listen_port=INT, mtu=INT, addresses=LIST, peers=INT,
        rx_bytes=INT, tx_bytes=INT)


def test_interfaces(world):
    answer = get(world, "/v1/interfaces")
    rows = answer["interfaces"] if isinstance(answer, dict) else answer
    assert [r["name"] for r in rows] == [world.wg]
    check_interface(rows[0])
    one = get(world, f"/v1/interfaces/{world.wg}")
    check_interface(one)
    assert one["public_key"] == world.public_key and one["peers"] == 2
    assert one["addresses"] == ["10.8.0.1/16", "fd00:8::1/64"]


def check_peer(p):
    has(p, name=TEXT, public_key=TEXT, interface=TEXT, has_preshared_key=BOOL, allowed_ips=LIST,
        endpoint=(str, type(None)), persistent_keepalive=INT, last_handshake_ns=INT,
        rx_bytes=INT, tx_bytes=INT, rx_packets=INT, tx_packets=INT, session=(dict, type(None)))
    if p["session"]:
        has(p["session"], role=TEXT, age_ms=INT, local_index=INT)
        assert p["session"]["role"] in ("initiator", "responder")


def test_peers(world):
    answer = get(world, f"/v1/interfaces/{world.wg}/peers")
    assert answer["next"] is None and len(answer["peers"]) == 2
    for p in answer["peers"]:
        check_peer(p)
    assert any(p["session"] for p in answer["peers"])


def test_peers_in_pages(world):
    seen, after = [], ""
    for _ in range(3):
        page = get(world, f"/v1/interfaces/{world.wg}/peers?limit=1{after}")
        seen += [p["name"] for p in page["peers"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == ["c1", "c2"]


def test_one_peer_by_name_and_by_key(world):
    by_name = get(world, f"/v1/interfaces/{world.wg}/peers/c1")
    check_peer(by_name)
    key = by_name["public_key"].replace("+", "-").replace("/", "_")
    for form in (key, key.rstrip("=")):
        assert get(world, f"/v1/interfaces/{world.wg}/peers/{form}")["name"] == "c1"


def test_drops_include_zeros(world):
    rows = get(world, "/v1/drops")["drops"]
    for row in rows:
        has(row, reason=TEXT, interface=(str, type(None)), packets=INT)
    at_least = """rx_malformed rx_truncated rx_outer_fragment unknown_index mac1_invalid
        mac2_required handshake_rejected auth_failed replay inner_malformed source_not_allowed
        no_peer no_endpoint stage_full over_mtu ttl_exceeded no_route neigh_failed hairpin_denied
        queue_full""".split()
    assert set(at_least) <= {r["reason"] for r in rows}
    assert any(r["packets"] == 0 for r in rows)


def test_workers(world):
    answer = get(world, "/v1/workers")
    has(answer, tsc_hz=INT, workers=LIST)
    for w in answer["workers"]:
        has(w, lcore=INT, busy_cycles=INT, idle_cycles=INT, rx_packets=INT, tx_packets=INT,
            stages=LIST)
        for s in w["stages"]:
            has(s, name=TEXT, cycles=INT, packets=INT)
    before = sum(w["rx_packets"] for w in answer["workers"])
    world.expect_ping(world.c1, "10.8.0.1", 3)
    assert sum(w["rx_packets"] for w in get(world, "/v1/workers")["workers"]) >= before + 3


def test_no_secret_comes_out(world):
    secrets = [world.psk, world.keys[world.wg][0]]
    for path in ("/v1/status", "/v1/interfaces", f"/v1/interfaces/{world.wg}",
                 f"/v1/interfaces/{world.wg}/peers", f"/v1/interfaces/{world.wg}/peers/c2"):
        body = curl(world, path)[2]
        assert not any(s in body for s in secrets)
    log = world.gateway.log.read_text()
    assert not any(s in log for s in secrets)


def error(world, path, *options):
    status, kind, body = curl(world, path, *options)
    e = json.loads(body)["error"]
    has(e, code=TEXT, message=TEXT)
    assert "field" in e
    return status, e


@pytest.mark.parametrize("path", ("/", "/v1/nope", "/v1/interfaces/nope",
                                  "/v1/interfaces/nope/peers"))
def test_unknown_paths(world, path):
    assert error(world, path)[0] == 404


def test_unknown_peer(world):
    assert error(world, f"/v1/interfaces/{world.wg}/peers/nope")[0] == 404


def test_wrong_method(world):
    assert error(world, "/v1/status", "-X", "DELETE")[0] == 405


@pytest.mark.parametrize("body, field", (
    ('{"public_key": "AAAA", "allowed_ips": ["10.8.0.4/32"]}', "public_key"),
    ('{"public_key": 5, "allowed_ips": []}', "public_key"),
    ('{"public_key": "%s", "allowed_ips": "10.8.0.4/32"}', "allowed_ips"),
    ('{"public_key": "%s", "allowed_ips": [], "colour": "red"}', "colour"),
    ('{"allowed_ips": []}', "public_key"),
))
def test_bad_bodies_name_the_field(world, body, field):
    status, e = error(world, f"/v1/interfaces/{world.wg}/peers/c3", "-X", "PUT", "-d",
                      body.replace("%s", genkey()[1]))
    assert 400 <= status < 500
    assert e["field"] is not None and e["field"].startswith(field)


def test_no_json(world):
    status, _ = error(world, f"/v1/interfaces/{world.wg}/peers/c3", "-X", "PUT", "-d", "{nonsense")
    assert status == 400


def test_put_patch_delete(world):
    path = f"/v1/interfaces/{world.wg}/peers/c3"
    key = genkey()[1]
    body = json.dumps({"public_key": key, "allowed_ips": ["10.8.0.4/32"]})
    for _ in range(2):  # PUT is idempotent
        status, _, said = curl(world, path, "-X", "PUT", "-d", body)
        assert status in (200, 201), said
    status, _, said = curl(world, path, "-X", "PATCH", "-d", '{"persistent_keepalive": 7}')
    assert status == 200, said
    got = get(world, path)
    assert got["persistent_keepalive"] == 7 and got["allowed_ips"] == ["10.8.0.4/32"]
    status, _, said = curl(world, path, "-X", "DELETE")
    assert status in (200, 204), said
    assert curl(world, path)[0] == 404


def test_batch_is_all_or_nothing(world):
    path = f"/v1/interfaces/{world.wg}/peers"
    names = lambda: {p["name"] for p in get(world, path)["peers"]}  # noqa: E731
    status, answer = world.gateway.request("PATCH", path, {"peers": [
        {"name": "b1", "public_key": genkey()[1], "allowed_ips": ["10.8.9.1/32"]},
        {"name": "b2", "public_key": "bad", "allowed_ips": ["10.8.9.2/32"]}]})
    assert 400 <= status < 500, answer
    wait_until(lambda: names() == {"c1", "c2"}, 2, "nothing of a refused batch is there")
