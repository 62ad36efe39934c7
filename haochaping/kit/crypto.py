"""The Chinese national algorithms: SM3, HMAC-SM3, SM4-GCM and SM2, checked against the standards' own examples at start.

SM2 runs on the system's libcrypto where that is present and computes the examples rightly, else in Python;
`HCP_SM2_BACKEND` = `libcrypto` or `gmalg` insists on one. What integrators must know: user id `1234567812345678`,
signatures r‖s or DER, public keys 04‖x‖y, ciphertexts C1‖C3‖C2.
"""

from __future__ import annotations

import hmac as _hmac
import secrets
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from haochaping.kit import config, crypto_gmalg, crypto_libcrypto

if TYPE_CHECKING:
    from collections.abc import Iterator

BackendName = Literal["libcrypto", "gmalg"]
USER_ID = b"1234567812345678"  # GM/T 0009-2012 §10: the id of a signer who agreed on none
TAG_SIZE = 16

_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_CURVE = bytes.fromhex(  # a, b, and the generator's x and y of GB/T 32918.5, as they stand in every signer's digest
    "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"
    "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)


class SelfTestFailed(Exception):  # noqa: N818
    """An algorithm computes something else than its standard says: the process must not start."""


class Tampered(ValueError):  # noqa: N818
    """A ciphertext was changed, belongs elsewhere, or was made under another key. It never says which."""


class _Backend(Protocol):
    """SM2 over 32-byte digests and checked lengths; ValueError for a key or ciphertext that is none."""

    def public_of(self, private: bytes) -> bytes: ...
    def sign(self, private: bytes, public: bytes, digest: bytes) -> bytes: ...
    def verify(self, public: bytes, digest: bytes, signature: bytes) -> bool: ...
    def encrypt(self, public: bytes, data: bytes) -> bytes: ...
    def decrypt(self, private: bytes, public: bytes, sealed: bytes) -> bytes: ...


_BACKENDS: dict[BackendName, _Backend] = {"libcrypto": crypto_libcrypto, "gmalg": crypto_gmalg}


def sm3(data: bytes) -> bytes:
    """The 32-byte SM3 digest (GB/T 32905)."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """The 32-byte HMAC of `data` with SM3."""
    mac = hmac.HMAC(key, hashes.SM3())
    mac.update(data)
    return mac.finalize()


def hmac_sm3_matches(key: bytes, data: bytes, mac: bytes) -> bool:
    """Whether `mac` is the full HMAC-SM3 of `data`, in a time that does not depend on where they differ."""
    return equal(hmac_sm3(key, data), mac)


def equal(a: bytes, b: bytes) -> bool:
    """Whether two secrets are the same, in a time that does not depend on where they differ."""
    return _hmac.compare_digest(a, b)


def sm4_gcm_encrypt(key: bytes, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes:
    """Ciphertext‖16-byte tag (RFC 8998). `key` has 16 bytes; a `nonce`, normally 12 random bytes, serves once per key."""
    work = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    work.authenticate_additional_data(aad)
    return work.update(data) + work.finalize() + work.tag


def sm4_gcm_decrypt(key: bytes, nonce: bytes, sealed: bytes, aad: bytes = b"") -> bytes:
    """What `sm4_gcm_encrypt` sealed under the same key, nonce and `aad`; `Tampered` for anything else."""
    if len(sealed) < TAG_SIZE:
        raise Tampered("too short")
    work = Cipher(algorithms.SM4(key), modes.GCM(nonce, sealed[-TAG_SIZE:])).decryptor()
    work.authenticate_additional_data(aad)
    try:
        return work.update(sealed[:-TAG_SIZE]) + work.finalize()
    except InvalidTag:
        raise Tampered("not authentic") from None


def sm2_generate() -> tuple[bytes, bytes]:
    """A new key pair: the private key, 32 bytes, and the public key 04‖x‖y, 65 bytes."""
    private = (secrets.randbelow(_N - 2) + 1).to_bytes(32)
    return private, sm2_public(private)


def sm2_public(private: bytes) -> bytes:
    """The public key 04‖x‖y that belongs to a private key; ValueError if that is no number in 1 … n-2."""
    return _public(_chosen(), _checked_private(private))


def sm2_sign(private: bytes, data: bytes, uid: bytes = USER_ID) -> bytes:
    """The 64-byte signature r‖s of `data` by the signer `uid` (GB/T 32918.2); never the same twice."""
    name = _chosen()
    public = _public(name, _checked_private(private))
    return _BACKENDS[name].sign(private, public, _digest(public, data, uid))


def sm2_verify(public: bytes, data: bytes, signature: bytes, uid: bytes = USER_ID) -> bool:
    """Whether `signature`, r‖s or DER, is the signer's own for `data`. False for nonsense; ValueError for a key that is none."""
    return verify_digest(public, _digest(_checked_public(public), data, uid), signature)


def verify_digest(public: bytes, digest: bytes, signature: bytes) -> bool:
    """`sm2_verify` for the digest e, where signer and message are hashed already: for the standards' vectors."""
    numbers = _numbers(signature)
    if numbers is None:
        return False
    return _BACKENDS[_chosen()].verify(_checked_public(public), digest, b"".join(i.to_bytes(32) for i in numbers))


def sm2_encrypt(public: bytes, data: bytes) -> bytes:
    """C1‖C3‖C2 (97 bytes more than `data`, which must not be empty); ValueError for a key that is none."""
    if not data:
        raise ValueError("SM2 cannot encrypt nothing")
    return _BACKENDS[_chosen()].encrypt(_checked_public(public), data)


def sm2_decrypt(private: bytes, sealed: bytes) -> bytes:
    """What `sm2_encrypt` sealed for the owner of `private`; `Tampered` for anything else."""
    name = _chosen()
    public = _public(name, _checked_private(private))
    if len(sealed) < 98 or sealed[0] != 4:
        raise Tampered("not an SM2 ciphertext")
    try:
        return _BACKENDS[name].decrypt(private, public, sealed)
    except ValueError:
        raise Tampered("not authentic") from None


def backend() -> BackendName:
    """Which SM2 this process uses; `Misconfigured` if `HCP_SM2_BACKEND` asks for one that is not to be had."""
    return _chosen()


def self_test() -> None:
    """Computes each standard's example and one random round trip; `SelfTestFailed` names what is wrong. Under a second."""
    abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    _must("SM3", sm3(b"abc").hex() == abc)
    mac = "f9938b1b2515117f25dcd636c9a6a0e7f00bccaf5347e0e0df435cfca736cfc1"
    secret = bytes.fromhex("1e225cafb90339bba1b24076d4206c3e79c355805d851682bc818baa4f5a7779")
    _must("HMAC-SM3", hmac_sm3_matches(secret, b"", bytes.fromhex(mac)))
    _sm4_self_test()
    name = _chosen()
    try:
        for what, right in _sm2_examples(_BACKENDS[name]):
            _must(f"SM2 ({name}): {what}", right)
    except ValueError as error:
        raise SelfTestFailed(f"SM2 ({name}): {error}") from error


def _sm4_self_test() -> None:
    # RFC 8998 A.1
    key, nonce = bytes.fromhex("0123456789abcdeffedcba9876543210"), bytes.fromhex("00001234567800000000abcd")
    aad = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plain = bytes.fromhex("".join(2 * i * 8 for i in "abcdefea"))
    sealed = sm4_gcm_encrypt(key, nonce, plain, aad)
    _must("SM4-GCM", sealed[:16].hex() == "17f399f08c67d5ee19d0dc9969c4bb7d")
    _must("SM4-GCM tag", sealed[-16:].hex() == "83de3541e4c2b58177e065a9bf7b62ec")
    _must("SM4-GCM round trip", sm4_gcm_decrypt(key, nonce, sealed, aad) == plain)
    try:
        sm4_gcm_decrypt(key, nonce, sealed, aad + b"\x00")
    except Tampered:
        return
    _must("SM4-GCM refuses tampering", right=False)


def _sm2_examples(backend: _Backend) -> Iterator[tuple[str, bool]]:
    """Each thing an SM2 implementation must get right, and whether this one does (GB/T 32918.5 annexes A and C)."""
    private = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
    public = b"\x04" + bytes.fromhex(
        "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    )
    signature = bytes.fromhex(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
        "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
    )
    sealed = bytes.fromhex(
        "0404ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
        "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
        "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd876621886ca989ca9c7d58087307ca93092d651efa"
    )
    yield "public key", backend.public_of(private) == public
    digest = _digest(public, b"message digest", USER_ID)
    yield "verify", backend.verify(public, digest, signature)
    yield "refuse a changed message", not backend.verify(public, digest[::-1], signature)
    yield "decrypt", backend.decrypt(private, public, sealed) == b"encryption standard"
    fresh = secrets.token_bytes(32)
    yield "sign and verify", backend.verify(public, fresh, backend.sign(private, public, fresh))
    yield "encrypt and decrypt", backend.decrypt(private, public, backend.encrypt(public, fresh)) == fresh


def _must(what: str, right: bool) -> None:
    if not right:
        raise SelfTestFailed(f"{what} does not compute what the standard says")


def _chosen() -> BackendName:
    return _choose(config.text("SM2_BACKEND", "auto"))


@cache
def _choose(wish: str) -> BackendName:
    if wish not in ("auto", "libcrypto", "gmalg"):
        raise config.Misconfigured(f"HCP_SM2_BACKEND={wish!r}: it is auto, libcrypto or gmalg")
    if wish == "gmalg":
        return "gmalg"
    if _libcrypto_is_right():
        return "libcrypto"
    if wish == "libcrypto":
        raise config.Misconfigured("HCP_SM2_BACKEND=libcrypto, but this machine has no libcrypto ≥ 3 with a right SM2")
    return "gmalg"


def _libcrypto_is_right() -> bool:
    try:
        return crypto_libcrypto.available() and all(right for _, right in _sm2_examples(crypto_libcrypto))
    except ValueError:  # built without SM2, as some distributions do
        return False


@lru_cache(maxsize=64)
def _public(name: BackendName, private: bytes) -> bytes:
    return _BACKENDS[name].public_of(private)


def _digest(public: bytes, data: bytes, uid: bytes) -> bytes:
    """The digest e = SM3(Z‖data), where Z binds the signer's id, the curve and the public key (GB/T 32918.2 §5.5)."""
    if len(uid) >= 8192:
        raise ValueError("a user id has less than 8192 bytes")
    return sm3(sm3((len(uid) * 8).to_bytes(2) + uid + _CURVE + public[1:]) + data)


def _checked_private(private: bytes) -> bytes:
    if len(private) != 32 or not 0 < int.from_bytes(private) < _N - 1:
        raise ValueError("a private key has 32 bytes and lies in 1 … n-2")
    return private


def _checked_public(public: bytes) -> bytes:
    if len(public) != 65 or public[0] != 4 or max(int.from_bytes(public[1:33]), int.from_bytes(public[33:])) >= _P:
        raise ValueError("a public key is 04‖x‖y, 65 bytes")
    return public


def _numbers(signature: bytes) -> tuple[int, int] | None:
    """The numbers r and s, each in 1 … n-1, of r‖s or of DER; None if it is neither."""
    if len(signature) == 64:
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    else:
        try:
            r, s = decode_dss_signature(signature)
        except ValueError:
            return None
    return (r, s) if 0 < r < _N and 0 < s < _N else None
