#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Print tests/unit/noise_vector.h: one handshake with fixed keys, computed from
section 5.4 of the WireGuard paper with hashlib and the cryptography package, that
is, by nothing of this project."""
import hashlib
import hmac
from struct import pack

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


def blake(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def kdf(n, key, data):
    prk = hmac.new(key, data, hashlib.blake2s).digest()
    out, t = [], b""
    for i in range(n):
        t = hmac.new(prk, t + bytes([i + 1]), hashlib.blake2s).digest()
        out.append(t)
    return out


def dh(private, public):
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(public))


def pub(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def seal(key, text, ad):
    return ChaCha20Poly1305(key).encrypt(bytes(12), text, ad)


def key(name):
    k = bytearray(blake(b"wgdp test vector: " + name))
    k[0] &= 248
    k[31] = (k[31] & 127) | 64
    return bytes(k)


s_i, s_r, e_i, e_r = (key(n) for n in (b"static i", b"static r", b"ephemeral i", b"ephemeral r"))
psk = blake(b"wgdp test vector: psk")
index_i, index_r = 0x11223344, 0x55667788
stamp = pack(">QI", 0x400000000000000a + 1700000000, 29 << 24)

# initiation
ck = blake(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
h = blake(blake(ck, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), pub(s_r))
(ck,) = kdf(1, ck, pub(e_i))
h = blake(h, pub(e_i))
ck, k = kdf(2, ck, dh(e_i, pub(s_r)))
sealed_static = seal(k, pub(s_i), h)
h = blake(h, sealed_static)
ck, k = kdf(2, ck, dh(s_i, pub(s_r)))
sealed_stamp = seal(k, stamp, h)
h = blake(h, sealed_stamp)
initiation = pack("<II", 1, index_i) + pub(e_i) + sealed_static + sealed_stamp
initiation += mac(blake(b"mac1----", pub(s_r)), initiation) + bytes(16)
ck_initiation, hash_initiation = ck, h

# response
(ck,) = kdf(1, ck, pub(e_r))
h = blake(h, pub(e_r))
(ck,) = kdf(1, ck, dh(e_r, pub(e_i)))
(ck,) = kdf(1, ck, dh(e_r, pub(s_i)))
ck, tau, k = kdf(3, ck, psk)
h = blake(h, tau)
response = pack("<III", 2, index_r, index_i) + pub(e_r) + seal(k, b"", h)
response += mac(blake(b"mac1----", pub(s_i)), response) + bytes(16)
initiator_sends, responder_sends = kdf(2, ck, b"")

print("/* SPDX-License-Identifier: BSD-3-Clause */")
print("/* Printed by noise_vector.py. */")
print("/* clang-format off */")
for name in ("s_i", "s_r", "e_i", "psk", "stamp", "initiation", "ck_initiation",
             "hash_initiation", "response", "initiator_sends", "responder_sends"):
    data = globals()[name]
    print(f"static const uint8_t vector_{name}[{len(data)}] = {{")
    for i in range(0, len(data), 12):
        print("\t" + " ".join(f"0x{b:02x}," for b in data[i:i + 12]))
    print("};")
print(f"#define VECTOR_INDEX_I 0x{index_i:08x}\n#define VECTOR_INDEX_R 0x{index_r:08x}")
