#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the seeds in corpus/: inputs that lead each harness deep at once.

Names that begin with "found-" are of inputs that found something; the comment says what.
"""

import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
KEY = "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU="
OTHER = "BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY="


def seed(harness, name, data):
    folder = HERE / "corpus" / harness
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


# ---- fuzz_rx: an order's byte, then what it reads --------------------------------------

RUN = b"\x0b"


def packet(pair, shape=0, length=100, spoil=b"", repair=7):
    body = bytes([pair, shape | (64 if spoil else 0)]) + struct.pack(">H", length)
    return body + spoil + bytes([repair])


def plain(port, *args, **kw):
    return b"\x01" + bytes([port]) + packet(*args, **kw)


def sealed(session, *args, how=0, place=0, **kw):
    """From client `session`, at place[place] of the harness."""
    return b"\x0c" + bytes([how, session | place << 3]) + packet(*args, **kw)


def raw_packet(data, repair=0):
    return bytes([0xff, len(data) - 1]) + data + bytes([repair])


def rx():
    seed("fuzz_rx", "sealed", b"".join(sealed(0, i) for i in (0, 1, 2, 3, 4, 5, 6, 7, 20, 21)) + RUN)
    seed("fuzz_rx", "sealed-long", sealed(0, 0, shape=8, length=1400) +
         sealed(0, 1, shape=8, length=1300) + sealed(1, 3, shape=8, length=1350, place=2) + RUN)
    seed("fuzz_rx", "keepalive", b"\x0c\x08\x00" + b"\x0c\x08\x09" + b"\x0c\x18\x02" + RUN)
    # Answered with a keepalive 10 s later, but to where no route leads.
    seed("fuzz_rx", "keepalive-no-way", sealed(0, 0, place=7) + RUN + b"\x07\x06" + RUN)
    seed("fuzz_rx", "counters", b"\x0c\x09\x00\xff\xf0" + b"\x0c\x0b\x00\x7f\xff" +
         b"\x0c\x09\x00\x80\x00" + b"\x0c\x0c\x00\x00\x01" + b"\x0c\x0c\x00\x40\x01" + RUN)
    seed("fuzz_rx", "to-clients", b"".join(plain(1, i, length=(3 << 11) | 90)
                                           for i in (8, 9, 10, 11, 16, 22)) + RUN)
    # Longer than the tunnel's MTU: fragments, or packet too big.
    seed("fuzz_rx", "long", b"".join(plain(1, i, shape=8 | df, length=(3 << 11) | 1420)
                                     for i in (8, 10, 22) for df in (0, 32)) + RUN)
    seed("fuzz_rx", "last-hop", plain(1, 8, length=40) + plain(1, 22, length=40) + RUN)
    seed("fuzz_rx", "icmp", b"".join(plain(1, i, shape=s) for i in (18, 27, 13) for s in (3, 4)) +
         b"".join(sealed(0, i, shape=3) for i in (3, 21)) + RUN)
    seed("fuzz_rx", "discovery", b"".join(plain(1, i, shape=s) for i in (28, 29, 30, 24)
                                          for s in (5, 6)) + RUN)
    seed("fuzz_rx", "udp", b"".join(plain(p, i, shape=1) for i in (13, 14, 18, 26) for p in (0, 1)) +
         RUN)
    seed("fuzz_rx", "arp", b"".join(b"\x05" + bytes([how, who]) for how in (0, 1, 2, 4, 5, 6)
                                    for who in (0x20, 0x21, 0x2a, 0x2b)) + RUN)
    seed("fuzz_rx", "neighbours", plain(1, 5, length=3 << 11) + sealed(0, 5) + RUN +
         b"\x05\x05\x21" + RUN + b"\x07\x03" + b"\x07\x07" + b"\x07\x08")
    seed("fuzz_rx", "handshakes", b"".join(b"\x04" + bytes([0x10 | i, cut]) + bytes(144)
                                           for i in range(3) for cut in (0, 7)) + RUN)
    seed("fuzz_rx", "staged", b"\xf9\x01" + packet(10, length=3 << 11) + b"\xf9\x01" +
         packet(16, length=3 << 11) + RUN + b"\x06\x02" + b"\x06\x86" + RUN)
    seed("fuzz_rx", "timers", sealed(0, 0) + RUN + b"".join(b"\x07" + bytes([i]) for i in (4, 6, 9)) +
         sealed(0, 0) + b"\x07\x0a" + sealed(0, 0) + b"\x07\x0b" + sealed(0, 0) + b"\x07\x0e")
    seed("fuzz_rx", "removed", plain(1, 8) + b"\x1a\x00" + sealed(0, 0) + RUN + sealed(0, 0) + RUN)
    seed("fuzz_rx", "full", b"\x08\x04" + b"\x08\x05" + b"".join(plain(1, 8) for _ in range(4)) + RUN)
    seed("fuzz_rx", "segments", b"\x00\x1b" + struct.pack(">H", 100) +
         bytes.fromhex("0200000000010200000000020800") + b"\x45" + bytes(80) + RUN)
    # An inner packet with a congestion mark outside, and one with options.
    options = bytes.fromhex("46000020000000004011000000000000") + bytes.fromhex("0a080002") + \
        bytes.fromhex("0a140002") + bytes(16)
    seed("fuzz_rx", "inner", sealed(0, 0, how=192) + b"\x0c\x00\x00" + raw_packet(options, 2) +
         b"\x0c\x00\x00" + raw_packet(b"\x60" + bytes(10)) + b"\x0c\x00\x00" + raw_packet(b"\x45") +
         RUN)
    # Transport data for an index that nobody has: a prefetch computed with a null pointer.
    seed("fuzz_rx", "found-unknown-index", sealed(4, 0) + RUN)


# ---- fuzz_handshake: pairs of bytes ----------------------------------------------------

def handshake():
    def order(what, client=0, how=0):
        return bytes([what | client << 4, how])
    run = b"\x0f\x00"
    whole = b"".join(order(0, i) + run + order(3, i) + run for i in range(4))
    seed("fuzz_handshake", "all-clients", whole)
    seed("fuzz_handshake", "gateway-starts", b"".join(order(8, i) + run + order(2, i) + run
                                                      for i in range(4)))
    seed("fuzz_handshake", "forbidden", order(0, 4) + run + order(0, 5) + run + order(8, 4) + run +
         order(8, 5) + run + order(2, 5) + run)
    spoiled = b"".join(order(0, i, 1) + b"\x01" + struct.pack(">HB", at, 1) + run +
                       order(7, 0, 2) for i, at in ((0, 8), (1, 40), (0, 70), (1, 90), (0, 110)))
    seed("fuzz_handshake", "spoiled", spoiled)
    seed("fuzz_handshake", "spoiled-response", order(8) + run + order(2, 0, 1) + b"\x01\x00\x10\x01" +
         run + order(8) + run + order(2) + run)
    seed("fuzz_handshake", "replay", order(0) + run + order(6, 0, 0) + b"\x00" + run +
         order(7, 0, 2) + order(6, 0, 0x20) + b"\x00" + run)
    cookie = order(9, 0, 1) + order(0) + run + order(4, 0, 8) + order(7, 0, 2) + order(9, 0, 1) + \
        order(0) + run
    seed("fuzz_handshake", "load", cookie)
    seed("fuzz_handshake", "cookie-for-us", order(8) + run + order(4) + run + order(7, 0, 6) + run +
         order(2) + run)
    seed("fuzz_handshake", "rekey", whole[:8] + order(7, 0, 11) + order(0) + run + order(3) + run +
         order(7, 0, 13) + order(7, 0, 15))
    seed("fuzz_handshake", "keys", order(10, 0, 5) + order(0) + run + order(10, 0, 6) + order(0) +
         run + order(7, 0, 2) + order(0) + run)
    seed("fuzz_handshake", "removed", order(0) + order(11) + run + order(0) + run + order(11) +
         order(0) + run)
    seed("fuzz_handshake", "both", order(8) + run + order(0) + order(2) + run + order(3) + run)
    seed("fuzz_handshake", "persistent", order(12, 0, 25) + run + order(2) + run +
         b"".join(order(7, 0, i) for i in (7, 7, 9)))
    seed("fuzz_handshake", "raw", b"".join(order(5, 0, how) + bytes(145)
                                           for how in (0, 4, 5, 13, 2, 10)) + run)
    seed("fuzz_handshake", "lengths", b"".join(order(0, i, 4) + bytes([n]) + run
                                               for i, n in ((0, 0), (1, 60), (2, 115), (3, 130))))


# ---- fuzz_http: order, bytes, ff fe ------------------------------------------------------

METHODS = ["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD", "OPTIONS"]


def piece(order, data):
    return order + data + b"\xff\xfe"


def request(method, path, body="", flags=0):
    return piece(b"q", bytes([METHODS.index(method) | flags]) + f"{path}\n{body}".encode())


def http():
    alice = (f'{{"name":"alice","public_key":"{KEY}","allowed_ips":["10.8.0.2/32","fd00::2/128"],'
             f'"endpoint":"192.0.2.9:7","persistent_keepalive":25,"preshared_key":"{OTHER}"}}')
    put = request("PUT", "interfaces/wg0/peers/alice", alice)
    h = "fuzz_http"
    seed(h, "put", put + request("GET", "interfaces/wg0/peers/alice") +
         request("GET", "interfaces/wg0/peers?limit=5"))
    seed(h, "patch", put + request("PATCH", "interfaces/wg0/peers/alice",
                                   '{"endpoint":null,"preshared_key":null,"name":"bob"}') +
         request("DELETE", "interfaces/wg0/peers/bob"))
    seed(h, "batch", put + request(
        "PATCH", "interfaces/wg0/peers",
        f'[{{"op":"put","public_key":"{OTHER}","allowed_ips":["10.8.0.3/32"]}},'
        f'{{"op":"patch","id":"alice","persistent_keepalive":7}},{{"op":"delete","name":"alice"}}]') +
        request("GET", "interfaces"))
    seed(h, "get", b"".join(request("GET", p) for p in (
        "status", "interfaces", "interfaces/wg1", "drops", "workers", "events",
        f"interfaces/wg0/peers?limit=2&after={KEY[:43]}")))
    seed(h, "create-only", put + request("PUT", "interfaces/wg0/peers/alice", alice, 16))
    # As long as may be: one more, and a bound is tried.
    for name in ("a" * 63, KEY):
        seed(h, f"longest-{len(name)}", request("GET", f"interfaces/wg0/peers/{name}") + request(
            "PUT", f"interfaces/wg0/peers/{name}", f'{{"name":"{name}","public_key":"{KEY}"}}') +
            request("PATCH", "interfaces/wg0/peers",
                    f'[{{"op":"patch","id":"{name}","name":"{name}"}}]'))
    seed(h, "refused", piece(b"r", b"\1") + put + put)
    seed(h, "disk", put + piece(b"d", b"\1") + request("PATCH", "interfaces/wg0/peers/alice",
                                             '{"allowed_ips":[]}') + put)
    seed(h, "restart", put + piece(b"s", b"") + request("DELETE", f"interfaces/wg0/peers/{KEY[:43]}") +
         piece(b"s", b""))
    seed(h, "address", request("PUT", "interfaces/wg0/peers/bob",
                               f'{{"public_key":"{KEY}","allowed_ips":"auto"}}') +
         request("POST", "reload?dry_run=true"))
    one, two = "05" * 32, "06" * 32
    seed(h, "uapi-set", piece(b"u", (
        f"set=1\npublic_key={one}\npreshared_key={two}\nendpoint=192.0.2.1:9\n"
        "persistent_keepalive_interval=25\nreplace_allowed_ips=true\nallowed_ip=10.8.0.2/32\n"
        f"allowed_ip=fd00::2/128\nprotocol_version=1\npublic_key={two}\nallowed_ip=10.8.0.3/32\n\n"
        "get=1\n\n").encode()))
    seed(h, "uapi-key", piece(b"u", (f"set=1\nprivate_key={'77' * 32}\nlisten_port=51820\nfwmark=0\n"
                                     "replace_peers=true\n\n").encode()) + piece(b"u", b"get=1\n\n"))
    seed(h, "uapi-remove", put + piece(b"u", (
        f"set=1\npublic_key={one}\nupdate_only=true\nallowed_ip=-10.8.0.2/32\n\n"
        f"set=1\npublic_key={one}\nremove=true\n\n").encode()))
    seed(h, "pipelined", piece(b"h", b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
                                     b"GET /v1/interfaces/wg%30 HTTP/1.1\r\nHost: x\r\n"
                                     b"Connection: close\r\n\r\n"))
    seed(h, "chunked", piece(b"h", (
        "PUT /v1/interfaces/wg0/peers/alice HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        f"Content-Type: application/json\r\n\r\n{len(alice):x}\r\n{alice}\r\n").encode()) +
        piece(b"h", b"0\r\n\r\n"))
    seed(h, "follow", piece(b"h", b"GET /v1/events?follow=true HTTP/1.1\r\nHost: x\r\n\r\n") + put)


# ---- fuzz_yaml: which file, and its text -------------------------------------------------

def yaml():
    h = "fuzz_yaml"
    example = (REPO / "configs" / "wgdp.yaml").read_bytes()
    seed(h, "example", b"\0" + example)
    seed(h, "example-peers", b"\1" + (REPO / "configs" / "wg0.peers.yaml").read_bytes())
    seed(h, "whole", b"\0" + b"""\
dataplane: {control_lcore: 0, worker_lcores: [0], hugepages: true, memory_mb: 1024, max_peers: 100, idle: poll, eal_args: ["-n", "2"]}
ports:
  - {name: wan0, device: "net_null0", mtu: 1500, addresses: [192.0.2.1/24, "2001:db8::1/64"]}
  - {name: lan0, device: 'net_null1', addresses: [10.20.0.1/24]}
routes:
  - {to: 0.0.0.0/0, via: 192.0.2.254}
  - to: ::/0
    via: "2001:db8::254"
interfaces:
  - {name: wg0, private_key_file: wg0.key, listen_port: 51820, addresses: [10.8.0.1/16], mtu: 1420, hairpin: allow, peer_db: wg0.peers.yaml}
control: {socket: /run/wgdp/control.sock, mode: "0660", group: root, uapi_dir: /var/run/wireguard}
""")
    seed(h, "peers", b"\1" + f"""\
peers:
  - name: alice
    public_key: {KEY}
    preshared_key: "{OTHER}"
    allowed_ips: [10.8.0.2/32, "fd00::2/128", 192.168.0.0/16]
    endpoint: "[2001:db8::9]:51820"
    persistent_keepalive: 25
  - {{name: bob, public_key: {OTHER}, allowed_ips: [], endpoint: 192.0.2.9:1}}
""".encode())
    seed(h, "longest", b"\1" + f"""\
peers:
  - {{name: {"a" * 63}, public_key: {KEY}, allowed_ips: ["fd00:1111:2222:3333:4444:5555:6666:7777/128"]}}
  - {{name: {"b" * 63}, public_key: {OTHER}x, endpoint: "{"1" * 56}"}}
""".encode())
    # U+009B in an error line: to a terminal it is the beginning of a command.
    seed(h, "found-c1", b'\0"a\\x9b2J": {}\n')
    delta = b"\1" + bytes([5] * 32) + b"\x05alice\x01" + bytes([6] * 32) + b"\x19\0\x04" + \
        bytes([192, 0, 2, 9]) + bytes(12) + b"\x07\0\x01\0\0\0\x04\x20\x0a\x08\0\x02" + bytes(12)
    gone = b"\2" + bytes([6] * 32)
    seed(h, "records", b"\2" + b"".join(struct.pack(">H", len(r)) + r for r in (delta, gone)))
    journal = b"wgdp-journal-1\n\0" + bytes(16) + bytes(48)
    seed(h, "journal", b"\3" + journal)


# ---- fuzz_ctl: arguments, a file, answers -------------------------------------------------

def command(name, *args, file=b"", answers=()):
    data = b"".join(a.encode() + b"\0" for a in args) + b"\0" + file + b"\0"
    for status, text in answers:
        data += bytes([status]) + text.encode() + b"\0"
    seed("fuzz_ctl", name, data)


def ctl():
    peer = (f'{{"name":"alice","public_key":"{KEY}","interface":"wg0","has_preshared_key":true,'
            '"allowed_ips":["10.8.0.2/32","fd00::2/128"],"endpoint":"192.0.2.1:5",'
            '"persistent_keepalive":25,"last_handshake_ns":1699999999000000000,"rx_bytes":123456,'
            '"tx_bytes":2,"rx_packets":3,"tx_packets":4,'
            '"session":{"role":"initiator","age_ms":5000,"local_index":7}}')
    interface = ('{"name":"wg0","public_key":"x","listen_port":51820,"mtu":1420,'
                 '"addresses":["10.8.0.1/16"],"peers":3,"rx_bytes":1048576,"tx_bytes":5}')
    interfaces = f'{{"interfaces":[{interface}]}}'
    page = f'{{"peers":[{peer}],"next":null}}'
    missing = '{"error":{"code":"no_such_peer","message":"wg0 has no peer alcie","field":null}}'
    workers = ('{"tsc_hz":2000000000,"workers":[{"lcore":1,"busy_cycles":500,"idle_cycles":900,'
               '"rx_packets":5,"tx_packets":6,"stages":[{"name":"rx","cycles":77,"packets":5},'
               '{"name":"open","cycles":0,"packets":0}]}]}')
    drops = ('{"drops":[{"reason":"replay","interface":"wg0","packets":5},'
             '{"reason":"martian","interface":null,"packets":0}]}')
    key = KEY.encode() + b"\n"
    conf = (f"[Interface]\nPrivateKey = {OTHER}\nListenPort = 51820\nAddress = 10.8.0.1/24, fd00::1/64\n"
            f"MTU = 1420\nDNS = 10.8.0.1\nPostUp = true\n\n# alice\n[Peer]\nPublicKey = {KEY}\n"
            f"PresharedKey = {OTHER}\nAllowedIPs = 10.8.0.2/32\nEndpoint = 192.0.2.1:5\n"
            "PersistentKeepalive = 25\n").encode()
    command("show", "show", answers=[(0, interfaces)])
    command("show-peers", "show", "wg0",
            answers=[(0, f'{{"peers":[{peer}],"next":"abc"}}'), (0, page)])
    command("show-peer", "show", "wg0", "alice", answers=[(0, peer)])
    command("show-typo", "show", "wg0", "alcie", answers=[(5, missing), (0, page), (0, peer)])
    command("show-json", "--json", "show", "wg0", answers=[(0, page)])
    command("show-nowhere", "show", "wg9", answers=[
        (5, '{"error":{"code":"no_such_interface","message":"no interface wg9"}}'), (0, interfaces)])
    # The gateway goes while an interface's name is looked for: a list was lost.
    command("found-lost-list", "show", "wg9", answers=[
        (5, '{"error":{"code":"no_such_interface","message":"no interface wg9"}}')])
    command("drops", "drops", "--all", answers=[(0, drops)])
    command("drops-watch", "drops", "--watch", answers=[(0, drops), (0, drops.replace("5", "9"))])
    command("workers", "workers", "--watch", answers=[(0, workers), (0, workers)])
    command("add", "add-peer", "wg0", "alice", "--public-key", KEY, "--allowed-ips",
            "10.8.0.2/32,fd00::2/128", "--endpoint", "192.0.2.1:5", "--preshared-key-file", "@k",
            "--persistent-keepalive", "25", file=key, answers=[(3, peer)])
    command("add-generated", "add-peer", "wg0", "alice", "--generate-key", "k", "--allowed-ips", "auto",
            answers=[(3, peer)])
    command("add-exists", "add-peer", "wg0", "alice", "--public-key", KEY, "--allowed-ips",
            "10.8.0.2/32", answers=[(6, '{"error":{"code":"exists","message":"wg0 already has this '
                                        'peer","field":"name"}}')])
    command("set", "set-peer", "wg0", "alice", "--endpoint", "none", "--preshared-key-file", "none",
            "--persistent-keepalive", "off", "--name", "bob", answers=[(0, peer)])
    command("delete", "del-peer", "wg0", "alice", answers=[(4, "")])
    command("client-config", "client-config", "wg0", "alice", "--endpoint", "192.0.2.1:51820",
            "--private-key-file", "@k", "--qr", file=key, answers=[(0, peer), (0, interface)])
    command("import", "import-conf", "@wg0.conf", file=conf)
    command("import-into", "import-conf", "@wg0.conf", "--into", "wg0", file=conf,
            answers=[(0, interface), (0, "{}")])
    command("genkey", "genkey")
    command("genpsk", "--json", "genpsk")
    command("pubkey", "pubkey", file=key)
    command("help", "--help")
    command("typo", "shwo")
    command("option", "drops", "--al")
    # As long as may be: one more, and a bound is tried.
    command("longest-command", "s" * 32)
    command("longest-option", "drops", "--" + "a" * 32)
    command("longest-name", "show", "wg0", "a" * 63, answers=[(5, missing), (0, page)])
    command("longest-answer", "show", "wg0", "alcie", answers=[
        (5, missing), (0, page.replace("alice", "b" * 32))])
    command("longest-key", "pubkey", file=key + b" " * (127 - len(key)))
    command("socket", "--socket", "/x", "workers")


if __name__ == "__main__":
    rx()
    handshake()
    http()
    yaml()
    ctl()
