"""SM2 in Python, with gmalg's curve arithmetic: the portable half of `kit.crypto`, some thirty times slower than libcrypto.

gmalg is pinned by hash in requirements/base.txt; the standard's vectors run against it at every start and in the tests.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from gmalg.base import PC_MODE, Hash
from gmalg.errors import GMError
from gmalg.sm2 import SM2Core, _ecdlp, bytes_to_point, point_to_bytes


class _Sm3(Hash):  # type: ignore[misc]  # gmalg has no types
    """SM3 of `cryptography` in gmalg's shape; gmalg's own is five hundred times slower."""

    def __init__(self) -> None:
        self.reset()

    @classmethod
    def hash_length(cls) -> int:
        return 32

    def reset(self) -> None:
        self._hash = hashes.Hash(hashes.SM3())

    def update(self, data: bytes) -> None:
        self._hash.update(bytes(data))

    def value(self) -> bytes:
        return self._hash.copy().finalize()


class _Prehashed(SM2Core):  # type: ignore[misc]  # gmalg has no types
    """Signs and verifies the digest e itself: `kit.crypto` has already hashed signer and message into it."""

    def entity_info(self, uid: bytes, pk: tuple[int, int]) -> bytes:  # noqa: ARG002
        return uid

    def _hash_fn(self, data: bytes) -> bytes:
        return data


def public_of(private: bytes) -> bytes:
    return bytes(point_to_bytes(_core().generate_pk(int.from_bytes(private)), PC_MODE.RAW))


def sign(private: bytes, public: bytes, digest: bytes) -> bytes:
    r, s = _Prehashed(_ecdlp, _Sm3()).sign(digest, int.from_bytes(private), b"", _point(public))
    return bytes(r.to_bytes(32) + s.to_bytes(32))


def verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    return bool(_Prehashed(_ecdlp, _Sm3()).verify(digest, r, s, b"", _point(public)))


def encrypt(public: bytes, data: bytes) -> bytes:
    c1, c2, c3 = _core().encrypt(data, _point(public))
    return bytes(point_to_bytes(c1, PC_MODE.RAW) + c3 + c2)


def decrypt(private: bytes, public: bytes, sealed: bytes) -> bytes:  # noqa: ARG001  libcrypto wants the public key too
    try:
        return bytes(_core().decrypt(_point(sealed[:65]), sealed[97:], sealed[65:97], int.from_bytes(private)))
    except GMError:
        raise ValueError("not decipherable") from None


def _core() -> SM2Core:
    return SM2Core(_ecdlp, _Sm3())  # a hash object of its own for each call: they are not thread-safe


def _point(public: bytes) -> tuple[int, int]:
    """The point on the curve that 04‖x‖y names; ValueError if it lies beside it (gmalg itself would go on)."""
    point = bytes_to_point(public)
    if max(point) >= _ecdlp.fp.p or not _ecdlp.ec.isvalid(point):
        raise ValueError("not a point of the SM2 curve")
    x, y = point
    return x, y
