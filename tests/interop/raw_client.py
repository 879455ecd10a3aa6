# SPDX-License-Identifier: BSD-3-Clause
"""A WireGuard peer made of single messages, so that a test may send what no client would:
Noise_IKpsk2 by section 5.4 of the paper, with hashlib and the cryptography package."""

import base64
import hashlib
import hmac
import os
import socket
import struct
import time
from struct import pack, unpack_from

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

INITIATION, RESPONSE, COOKIE_REPLY, DATA = 1, 2, 3, 4
NO_MAC2 = bytes(16)


def _hash(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def _kdf(n, key, data):
    prk, out = hmac.new(key, data, hashlib.blake2s).digest(), [b""]
    for i in range(n):
        out.append(hmac.new(prk, out[-1] + bytes([i + 1]), hashlib.blake2s).digest())
    return out[1:]


def _dh(private, public):
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(public))


def public_of(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _nonce(counter):
    return bytes(4) + pack("<Q", counter)


def _seal(key, counter, text, ad=b""):
    return ChaCha20Poly1305(key).encrypt(_nonce(counter), text, ad)


def _open(key, counter, sealed, ad=b""):
    return ChaCha20Poly1305(key).decrypt(_nonce(counter), sealed, ad)


def _hchacha20(key, nonce):
    s = list(unpack_from("<4I", b"expand 32-byte k") + unpack_from("<8I", key)
             + unpack_from("<4I", nonce))

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xffffffff
            v = s[z] ^ s[x]
            s[z] = (v << turn | v >> (32 - turn)) & 0xffffffff
    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return pack("<8I", *s[:4], *s[12:])


def _xaead(key, nonce):
    return ChaCha20Poly1305(_hchacha20(key, nonce[:16])), bytes(4) + nonce[16:]


_CHAIN = _hash(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
_START = _hash(_CHAIN, b"WireGuard v1 zx2c4 Jason@zx2c4.com")


class Session:
    def __init__(self, send_key, receive_key, index, remote_index):
        self.send_key, self.receive_key = send_key, receive_key
        self.index, self.remote_index, self.counter = index, remote_index, 0

    def data(self, text=b"", counter=None):
        """A transport message; without text it is a keepalive."""
        if counter is None:
            counter = self.counter
            self.counter += 1
        text += bytes(-len(text) % 16)
        return pack("<IIQ", DATA, self.remote_index, counter) + _seal(self.send_key, counter, text)

    def open(self, message):
        """The text of a message that came on this very session."""
        kind, index, counter = unpack_from("<IIQ", message)
        assert kind == DATA and index == self.index
        return _open(self.receive_key, counter, message[16:])


class RawClient:
    """Speaks from a UDP socket of its own in a namespace."""

    def __init__(self, ns, address, gateway_public, gateway_address):
        self.ns, self.address = ns, address
        self.private = os.urandom(32)
        self.public = public_of(self.private)
        self.gateway, self.to = base64.b64decode(gateway_public), gateway_address
        self.cookie = None
        self.sock = self.new_socket()

    @property
    def public_key(self):
        return base64.b64encode(self.public).decode()

    @property
    def port(self):
        return self.sock.getsockname()[1]

    def new_socket(self):
        sock = self.ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind((self.address, 0))
        return sock

    def send(self, message, sock=None):
        (sock or self.sock).sendto(message, self.to)

    def receive(self, timeout=3, kind=None):
        """The next message, of that kind if one is asked for; None when none comes in time."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                message = self.sock.recv(4096)
            except TimeoutError:
                return None
            if kind is None or message[0] == kind:
                return message
        return None

    def _add_macs(self, message):
        self.mac1 = mac(_hash(b"mac1----", self.gateway), message)
        message += self.mac1
        return message + (mac(self.cookie, message) if self.cookie else NO_MAC2)

    def initiation(self, ahead=0):
        """With a timestamp that many seconds ahead of our clock."""
        self.index = int.from_bytes(os.urandom(4), "little")
        self.ephemeral = os.urandom(32)
        e = public_of(self.ephemeral)
        h = _hash(_hash(_START, self.gateway), e)
        ck, = _kdf(1, _CHAIN, e)
        ck, k = _kdf(2, ck, _dh(self.ephemeral, self.gateway))
        static = _seal(k, 0, self.public, h)
        h = _hash(h, static)
        ck, k = _kdf(2, ck, _dh(self.private, self.gateway))
        now = time.time_ns() + ahead * 10**9
        stamp = _seal(k, 0, pack(">QI", 0x400000000000000a + now // 10**9, now % 10**9), h)
        self.chain, self.hash = ck, _hash(h, stamp)
        return self._add_macs(pack("<II", INITIATION, self.index) + e + static + stamp)

    def finish(self, response):
        """The session that the response to our last initiation gives."""
        kind, remote_index, index = unpack_from("<III", response)
        assert kind == RESPONSE and index == self.index
        e = response[12:44]
        h = _hash(self.hash, e)
        ck, = _kdf(1, self.chain, e)
        ck, = _kdf(1, ck, _dh(self.ephemeral, e))
        ck, = _kdf(1, ck, _dh(self.private, e))
        ck, tau, k = _kdf(3, ck, bytes(32))
        _open(k, 0, response[44:60], _hash(h, tau))
        return Session(*_kdf(2, ck, b""), index, remote_index)

    def connect(self):
        """A session with us as initiator, which the gateway may not use yet."""
        self.send(self.initiation())
        return self.finish(self.receive(kind=RESPONSE))

    def respond(self, initiation):
        """(response, session) to an initiation of the gateway."""
        kind, remote_index = unpack_from("<II", initiation)
        assert kind == INITIATION
        e = initiation[8:40]
        h = _hash(_hash(_START, self.public), e)
        ck, = _kdf(1, _CHAIN, e)
        ck, k = _kdf(2, ck, _dh(self.private, e))
        assert _open(k, 0, initiation[40:88], h) == self.gateway
        h = _hash(h, initiation[40:88])
        ck, k = _kdf(2, ck, _dh(self.private, self.gateway))
        _open(k, 0, initiation[88:116], h)
        h = _hash(h, initiation[88:116])
        ours = os.urandom(32)
        f = public_of(ours)
        h = _hash(h, f)
        for secret in (f, _dh(ours, e), _dh(ours, self.gateway)):
            ck, = _kdf(1, ck, secret)
        ck, tau, k = _kdf(3, ck, bytes(32))
        index = int.from_bytes(os.urandom(4), "little")
        nothing = _seal(k, 0, b"", _hash(h, tau))
        receive_key, send_key = _kdf(2, ck, b"")
        return (self._add_macs(pack("<III", RESPONSE, index, remote_index) + f + nothing),
                Session(send_key, receive_key, index, remote_index))

    def cookie_reply(self, message, cookie):
        """To a handshake message of the gateway."""
        nonce = os.urandom(24)
        aead, rest = _xaead(_hash(b"cookie--", self.public), nonce)
        return (pack("<I", COOKIE_REPLY) + message[4:8] + nonce
                + aead.encrypt(rest, cookie, message[-32:-16]))

    def take_cookie(self, reply):
        """From now on our messages carry mac2."""
        aead, rest = _xaead(_hash(b"cookie--", self.gateway), reply[8:32])
        self.cookie = aead.decrypt(rest, reply[32:], self.mac1)


def index_of(message):
    return struct.unpack_from("<I", message, 4)[0]
