# SPDX-License-Identifier: BSD-3-Clause
"""GET /metrics: its form, by promtool; its numbers, by a Prometheus that scrapes them.

    c1 ====== gw (wgdp, prometheus) ------ lan
    c2 ========|
"""

import json
import re
import socket
from urllib.parse import quote

import pytest
import yaml

from lab import Gateway, Process, run, wait_until
from world import LAN_HOST4

LISTEN = "127.0.0.1:9586"


@pytest.fixture(scope="module")
def scraped(bare):
    config = bare.config()
    config["control"]["metrics_listen"] = LISTEN
    bare.make_wgdp(config=config)
    bare.gateway.start()
    bare.start_clients()
    return bare


def metrics(world, query=""):
    status, text = world.gateway.request("GET", "/metrics" + query)
    assert status == 200, text
    return text


def samples(text, name):
    """{labels: value} of one family."""
    found = {}
    for line in text.splitlines():
        m = re.fullmatch(re.escape(name) + r"(?:\{(.*)\})? ([-0-9.e+]+)", line)
        if m:
            found[tuple(sorted(re.findall(r'(\w+)="([^"]*)"', m[1] or "")))] = float(m[2])
    return found


def by_peer(text, name):
    return {dict(labels)["friendly_name"]: v for labels, v in samples(text, name).items()}


@pytest.mark.parametrize("query", ("", "?peers=true"))
def test_promtool_accepts_it(scraped, query):
    done = run(["promtool", "check", "metrics"], stdin=metrics(scraped, query), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr.strip()


def test_drops_and_workers_as_the_control_socket_has_them(scraped):
    scraped.c1.ping("10.8.99.99")  # nobody's
    text = metrics(scraped)
    drops = scraped.gateway.api("GET", "/v1/drops")["drops"]
    series = samples(text, "wgdp_dropped_packets_total")
    assert len(series) == len(drops)
    for d in drops:
        key = tuple(sorted({"interface": d["interface"] or "", "reason": d["reason"]}.items()))
        assert key in series and series[key] <= d["packets"]
    cycles = samples(text, "wgdp_worker_cycles_total")
    assert {dict(k)["state"] for k in cycles} == {"busy", "idle"}
    ports = samples(text, "wgdp_port_received_packets_total")
    assert {dict(k)["port"] for k in ports} == {"wan1", "wan2", "lan0"}
    assert ports[(("port", "wan1"),)] > 0
    assert samples(text, "wgdp_peers") == {(("interface", scraped.wg),): 2}


def test_peers_only_when_asked_for(scraped):
    assert "wireguard_" not in metrics(scraped)
    assert "wireguard_" not in metrics(scraped, "?peers=false")
    status, answer = scraped.gateway.request("GET", "/metrics?peers=maybe")
    assert status == 400 and answer["error"]["field"] == "peers"
    before = metrics(scraped, "?peers=true")
    scraped.expect_ping(scraped.c2, LAN_HOST4, 3)
    shown = {n: scraped.gateway.show(scraped.wg, n) for n in ("c1", "c2")}
    text = metrics(scraped, "?peers=true")
    for name, row in shown.items():
        assert by_peer(text, "wireguard_sent_bytes_total")[name] >= row["tx_bytes"] > 0
        assert by_peer(text, "wireguard_received_bytes_total")[name] >= row["rx_bytes"] > 0
        assert by_peer(text, "wireguard_latest_handshake_seconds")[name] == \
            row["last_handshake_ns"] // 10**9
    assert (by_peer(text, "wireguard_received_bytes_total")["c2"]
            > by_peer(before, "wireguard_received_bytes_total")["c2"])
    labels = dict(next(k for k in samples(text, "wireguard_sent_bytes_total")
                       if ("friendly_name", "c1") in k))
    assert labels == {"interface": scraped.wg, "friendly_name": "c1",
                      "public_key": scraped.clients["c1"].public_key,
                      "allowed_ips": "10.8.0.2/32,fd00:8::2/128"}


def test_drops_of_peers(scraped):
    scraped.c1.ping("10.8.99.99", 2)  # nobody's
    text = metrics(scraped, "?peers=true")
    rows = [dict(k) | {"packets": v}
            for k, v in samples(text, "wgdp_peer_dropped_packets_total").items()]
    for name in ("c1", "c2"):
        drops = scraped.gateway.peer_drops(scraped.wg, name)
        mine = {r["reason"]: r["packets"] for r in rows if r["friendly_name"] == name}
        assert mine == {r: n for r, n in drops.items() if n}
        assert mine.get("no_peer", 0) >= (2 if name == "c1" else 0)
    run(["promtool", "check", "metrics"], stdin=text)
    assert "wgdp_peer_" not in metrics(scraped)


def by_tcp(world, method, path):
    """(status, body) on the TCP listener, in the gateway's namespace."""
    done = world.gw.run(["curl", "-sS", "--max-time", "10", "-X", method, "-w", "\n%{http_code}",
                         f"http://{LISTEN}{path}"])
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_tcp_has_metrics_and_nothing_else(scraped):
    status, body = by_tcp(scraped, "GET", "/metrics")
    assert status == 200 and "wgdp_info{" in body
    for method, path in (("GET", "/v1/status"), ("GET", f"/v1/interfaces/{scraped.wg}/peers"),
                         ("DELETE", f"/v1/interfaces/{scraped.wg}/peers/c1"),
                         ("POST", "/v1/reload"), ("GET", "/v1/events"), ("GET", "/")):
        assert by_tcp(scraped, method, path)[0] == 404, path
    assert by_tcp(scraped, "DELETE", "/metrics")[0] == 405


def test_idle_tcp_clients_keep_nobody_out(scraped):
    host, port = LISTEN.split(":")
    crowd = []
    for _ in range(200):
        s = scraped.gw.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(5)
        s.connect((host, int(port)))
        crowd.append(s)
    try:
        assert by_tcp(scraped, "GET", "/metrics")[0] == 200
        assert scraped.gateway.api("GET", "/v1/status")["ready"]
    finally:
        for s in crowd:
            s.close()


def test_a_prometheus_scrapes_a_peers_bytes(scraped):
    directory = scraped.lab.dir / "prometheus"
    directory.mkdir()
    (directory / "prometheus.yml").write_text(yaml.safe_dump({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "wgdp", "params": {"peers": ["true"]},
                            "static_configs": [{"targets": [LISTEN]}]}]}))
    run(["promtool", "check", "config", directory / "prometheus.yml"])
    server = Process(scraped.gw, [
        "prometheus", f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data", "--web.listen-address=127.0.0.1:9190"],
        directory / "log")

    def query(expression):
        done = scraped.gw.run(["curl", "-fsS", "--max-time", "5",
                               f"http://127.0.0.1:9190/api/v1/query?query={quote(expression)}"],
                              check=False)
        if done.returncode != 0 or not done.stdout:
            return []
        answer = json.loads(done.stdout)
        assert answer["status"] == "success", answer
        return answer["data"]["result"]
    try:
        sent = wait_until(lambda: query('wireguard_sent_bytes_total{friendly_name="c1"}'), 60,
                          f"Prometheus has c1's bytes (see {directory}/log)")
        assert float(sent[0]["value"][1]) > 0
        assert sent[0]["metric"]["interface"] == scraped.wg
        scraped.expect_ping(scraped.c1, LAN_HOST4, 5)
        now = scraped.gateway.show(scraped.wg, "c1")["tx_bytes"]
        wait_until(lambda: float(query('wireguard_sent_bytes_total{friendly_name="c1"}')
                                 [0]["value"][1]) >= now, 30, "the pings are in it")
        assert query("up{job='wgdp'}")[0]["value"][1] == "1"
    finally:
        server.stop()


def test_metrics_peers_never_and_always(scraped, tmp_path):
    base = scraped.gateway.file
    for policy, by_default, when_asked in (("never", False, False), ("always", True, True)):
        scraped.gateway.stop()
        scraped.gateway.config["control"]["metrics_peers"] = policy
        base.write_text(yaml.safe_dump(scraped.gateway.config, sort_keys=False))
        scraped.gateway.start()
        assert ("wireguard_" in metrics(scraped)) == by_default
        assert ("wireguard_" in metrics(scraped, "?peers=true")) == when_asked


@pytest.mark.parametrize("value", ("192.0.2.1:9586", "0.0.0.0:9586", "127.0.0.1", "[::]:9586",
                                   "localhost:9586"))
def test_it_listens_on_the_loopback_only(scraped, tmp_path, value):
    config = dict(scraped.gateway.config)
    config["control"] = {**config["control"], "metrics_listen": value}
    file = scraped.gateway.dir / "elsewhere.yaml"
    file.write_text(yaml.safe_dump(config))
    done = run([Gateway.program(), "-c", file, "--check"], check=False)
    assert done.returncode == 1 and "control.metrics_listen: expected" in done.stderr


def test_a_taken_port_is_one_clear_line(scraped):
    taken = scraped.gw.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    host, port = LISTEN.split(":")
    scraped.gateway.stop()
    taken.bind((host, int(port)))
    taken.listen()
    try:
        done = scraped.gw.run([Gateway.program(), "-c", scraped.gateway.file], check=False)
        assert done.returncode == 1
        assert f"control.metrics_listen: {LISTEN}: Address already in use" in done.stderr
    finally:
        taken.close()
    scraped.gateway.start()


def test_dpdk_telemetry(scraped):
    """For those who ask for it; others do not even read of it in the log."""
    assert "TELEMETRY" not in scraped.gateway.log.read_text()
    scraped.gateway.stop()
    scraped.gateway.config["dataplane"]["eal_args"] = ["--telemetry"]
    scraped.gateway.file.write_text(yaml.safe_dump(scraped.gateway.config, sort_keys=False))
    scraped.gateway.start()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(10)
    sock.connect(f"/var/run/dpdk/wgdp-{scraped.gateway.process.pid}/dpdk_telemetry.v2")

    def ask(command):
        sock.send(command.encode())
        return json.loads(sock.recv(1 << 16))[command.partition(",")[0]]
    try:
        sock.recv(1 << 16)  # who it is
        assert {"/wgdp/drops", "/wgdp/workers", "/wgdp/info"} <= set(ask("/"))
        assert set(ask("/wgdp/drops")) == {d["reason"] for d in
                                           scraped.gateway.api("GET", "/v1/drops")["drops"]}
        assert set(ask(f"/wgdp/drops,{scraped.wg}")) == set(ask("/wgdp/drops"))
        assert ask("/wgdp/drops,nope") is None
        lcores = ask("/wgdp/workers")
        assert lcores == [1] and ask("/wgdp/workers,1")["idle_cycles"] > 0
        assert ask("/wgdp/workers,7") is None
    finally:
        sock.close()
