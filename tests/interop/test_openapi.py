# SPDX-License-Identifier: BSD-3-Clause
"""docs/openapi.yaml held against a live server: every route, method, status and member.

    c1 ====== gw (wgdp, control.sock)
"""

import copy
import json
import re

import jsonschema
import pytest
import yaml

from lab import REPO, UnixHttp, genkey

DOCUMENT = yaml.safe_load((REPO / "docs" / "openapi.yaml").read_text())
METHODS = ("get", "put", "patch", "delete", "post")


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        target = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def strict(schema):
    """OpenAPI 3.0's schema as JSON Schema's, and closed: what is not described is an error."""
    schema = copy.deepcopy(resolve(schema))
    if "properties" in schema:
        schema["properties"] = {k: strict(v) for k, v in schema["properties"].items()}
        schema.setdefault("additionalProperties", False)
    if "items" in schema:
        schema["items"] = strict(schema["items"])
    if schema.pop("nullable", False):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"].append(None)
    return schema


def operations():
    return {(path, method): op for path, item in DOCUMENT["paths"].items()
            for method, op in item.items() if method in METHODS}


def refs(node):
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for child in node.values():
            yield from refs(child)
    elif isinstance(node, list):
        for child in node:
            yield from refs(child)


class Checked:
    """Requests to the live server, each answer held against the document."""

    def __init__(self, gateway, wg):
        self.gateway, self.wg, self.seen = gateway, wg, set()

    def __call__(self, method, path, want, body=None, headers=None, query="", raw=None, **names):
        """path as the document has it; (answer, headers)"""
        op = operations()[path, method.lower()]
        url = path.replace("{if}", names.get("iface", self.wg)).replace(
            "{id}", names.get("id", "p1")) + query
        conn = UnixHttp(self.gateway.socket)
        try:
            conn.request(method, url, raw if raw is not None else
                         None if body is None else json.dumps(body), headers or {})
            answer = conn.getresponse()
            text = answer.read().decode()
        finally:
            conn.close()
        assert answer.status == want, f"{method} {url}: {answer.status} {text}"
        status = str(want) if str(want) in op["responses"] else "default"
        response = resolve(op["responses"][status])
        self.seen.add((path, method.lower(), status))
        self.check_headers(response, answer, f"{method} {url}")
        return self.check_body(response, answer, text), answer

    @staticmethod
    def check_headers(response, answer, what):
        for name in response.get("headers", {}):
            assert answer.getheader(name), f"{what} lacks the header {name}"
        if answer.getheader("ETag"):
            assert "ETag" in response.get("headers", {}), f"{what}: an ETag that is not described"

    @staticmethod
    def check_body(response, answer, text):
        if "content" not in response:
            assert text == ""
            return None
        kind = answer.getheader("Content-Type").split(";")[0]
        assert kind in response["content"], kind
        media = response["content"][kind]
        if "json" not in kind:
            return text
        validator = jsonschema.Draft202012Validator(strict(media["schema"]))
        rows = [json.loads(r) for r in (text.splitlines() if "ndjson" in kind else [text])]
        for row in rows:
            validator.validate(row)
        return rows if "ndjson" in kind else rows[0]


@pytest.fixture(scope="module")
def ask(world):
    return Checked(world.gateway, world.wg)


PEER, PEERS = "/v1/interfaces/{if}/peers/{id}", "/v1/interfaces/{if}/peers"
PEER_DROPS = PEER + "/drops"
BAD = {"query": "?no_such=1"}


def test_document_is_whole():
    assert DOCUMENT["openapi"].startswith("3.0")
    for ref in refs(DOCUMENT):
        assert resolve({"$ref": ref}) is not None
    for (path, method), op in operations().items():
        assert op["summary"] and "default" in op["responses"], (path, method)
        given = DOCUMENT["paths"][path].get("parameters", []) + op.get("parameters", [])
        in_path = {resolve(p)["name"] for p in given if resolve(p)["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), path
        for response in op["responses"].values():
            for media in resolve(response).get("content", {}).values():
                jsonschema.Draft202012Validator.check_schema(strict(media["schema"]))


def test_every_route_is_described_and_none_else():
    text = (REPO / "control" / "api.c").read_text()
    table = text[text.index("} routes[] = {"):]
    table = table[:table.index("};")]
    served = {(path, m.strip().lower()) for path, allow in
              re.findall(r'{"(/[^"]+)",\s*"([A-Z, ]+)"', table) for m in allow.split(",")}
    assert len(served) > 10
    assert served == set(operations())


def test_every_argument_is_described(ask):
    """The server takes what the document has, and no other."""
    for (path, method), op in operations().items():
        described = {resolve(p)["name"] for p in op.get("parameters", [])
                     if resolve(p)["in"] == "query"}
        for name in ("limit", "after", "dry_run", "follow", "peers"):
            if name not in described:
                ask(method.upper(), path, 400, query=f"?{name}=1",
                    body={} if method in ("put", "patch") else None)


def test_reading(ask):
    ask("GET", "/v1/status", 200)
    ask("GET", "/v1/interfaces", 200)
    ask("GET", "/v1/interfaces/{if}", 200)
    ask("GET", "/v1/interfaces/{if}", 404, iface="nope")
    ask("GET", "/v1/drops", 200)
    ask("GET", "/v1/memory", 200)
    ask("GET", "/v1/workers", 200)
    for path in ("/v1/status", "/v1/interfaces", "/v1/drops", "/v1/memory", "/v1/workers", "/metrics"):
        ask("GET", path, 400, **BAD)
    assert "wgdp_" in ask("GET", "/metrics", 200)[0]
    page, _ = ask("GET", PEERS, 200, query="?limit=1")
    assert page["next"] is not None and page["peers"][0]["session"]["role"] == "responder"
    ask("GET", PEERS, 200, query=f"?limit=1&after={page['next']}")
    ask("GET", PEERS, 400, query="?limit=0")
    ask("GET", PEERS, 400, query="?limit=1&limit=2")
    ask("GET", PEER, 200, id="c1")
    ask("GET", PEER, 404, id="nope")
    ask("GET", PEER_DROPS, 200, id="c1")
    ask("GET", PEER_DROPS, 404, id="nope")
    ask("GET", PEER_DROPS, 400, id="c1", **BAD)


def test_one_peer(ask):
    key = genkey()[1]
    body = {"public_key": key, "allowed_ips": ["10.8.3.1/32"], "preshared_key": genkey()[0],
            "endpoint": "[2001:db8::9]:9", "persistent_keepalive": 5, "name": "p1"}
    ask("PUT", PEER, 201, body, query="?dry_run=true")
    ask("GET", PEER, 404)
    made, answer = ask("PUT", PEER, 201, body)
    assert made["has_preshared_key"] and made["endpoint"] == "[2001:db8::9]:9"
    tag = answer.getheader("ETag")
    again, answer = ask("PUT", PEER, 200, body, {"If-Match": tag})
    assert again == made and answer.getheader("ETag") == tag  # idempotent
    ask("PUT", PEER, 409, body, {"If-None-Match": "*"})
    ask("PATCH", PEER, 200, {"persistent_keepalive": None})
    ask("PATCH", PEER, 412, {"persistent_keepalive": 7}, {"If-Match": tag})
    ask("PATCH", PEER, 200, {"allowed_ips": []}, query="?dry_run=true")
    got, _ = ask("GET", PEER, 200)
    assert got["persistent_keepalive"] == 0 and got["allowed_ips"] == ["10.8.3.1/32"]
    ask("PUT", PEER, 400, raw="{")
    ask("PUT", PEER, 415, body, {"Content-Type": "text/xml"})
    ask("PATCH", PEER, 400, {"colour": "red"})
    ask("PUT", PEER, 413, headers={"Content-Length": str(17 << 20)})
    ask("DELETE", PEER, 412, headers={"If-Match": '"x"'})
    ask("DELETE", PEER, 204, query="?dry_run=true")
    ask("DELETE", PEER, 204)
    ask("DELETE", PEER, 404)


def test_batch(ask):
    keys = [genkey()[1] for _ in range(3)]
    _, answer = ask("GET", PEERS, 200)
    tag = answer.getheader("ETag")
    changes = [{"op": "put", "id": f"b{i}", "public_key": k, "allowed_ips": [f"10.8.4.{i}/32"]}
               for i, k in enumerate(keys)]
    wrong, _ = ask("PATCH", PEERS, 400, changes + [{"op": "put", "id": "b9"}, {"op": "x"}])
    assert [e["index"] for e in wrong["errors"]] == [3, 4] and wrong["error"] == wrong["errors"][0]
    assert ask("PATCH", PEERS, 200, changes, query="?dry_run=true")[0] == {"applied": 0}
    done, answer = ask("PATCH", PEERS, 200, changes, {"If-Match": tag})
    assert done == {"applied": 3} and answer.getheader("ETag") != tag
    ask("PATCH", PEERS, 412, [], {"If-Match": tag})
    ask("PATCH", PEERS, 200, [{"op": "delete", "id": f"b{i}"} for i in range(3)])


def test_events(ask):
    rows, _ = ask("GET", "/v1/events", 200, query="?follow=false")
    kinds = {r["type"] for r in rows}
    assert {"connected", "peer_added", "peer_changed", "peer_removed"} <= kinds
    rest, _ = ask("GET", "/v1/events", 200, query=f"?follow=false&after={rows[-2]['seq']}")
    assert rest == rows[-1:]
    gap, _ = ask("GET", "/v1/events", 200, query="?follow=false&after=3")
    assert gap[0]["type"] == "gap" and gap[0]["lost"] is None and gap[1:] == rows
    ask("GET", "/v1/events", 400, query="?after=x")


def test_reload(ask, world):
    path = world.gateway.dir / f"{world.wg}.peers.yaml"
    good = path.read_text()

    def edit(text):
        """As editors do it: another file in its place."""
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").rename(path)
    db = yaml.safe_load(good)
    edit(yaml.safe_dump({"peers": db["peers"] + [{"name": "filed", "public_key": genkey()[1]}]}))
    dry, _ = ask("POST", "/v1/reload", 200, query="?dry_run=true")
    assert dry["dry_run"] and dry["added"] == 1 and dry["changes"][0]["peer"] == "filed"
    assert ask("POST", "/v1/reload", 200)[0]["added"] == 1
    edit("peers: 5\n")
    bad, _ = ask("POST", "/v1/reload", 422)
    assert f"{path}:1: peers: " in bad["error"]["message"]
    edit(good)
    assert ask("POST", "/v1/reload", 200)[0]["removed"] == 1


def test_all_that_is_described_was_seen(ask):
    """Runs last: no response of the document was left out above."""
    described = {(path, method, status) for (path, method), op in operations().items()
                 for status in op["responses"]}
    assert described - ask.seen == set()
