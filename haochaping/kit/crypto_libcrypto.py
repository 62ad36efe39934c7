"""SM2 on the system's libcrypto (OpenSSL 3 or later) through ctypes: the fast half of `kit.crypto`, not for anyone else.

Every call makes its own handles and frees them, so any number of threads may call at once. The error queue is emptied
after each call, because Python's own TLS reads the same queue.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_size_t, c_ubyte, c_ulong, c_void_p, create_string_buffer
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES = ("libcrypto.so.4", "libcrypto.so.3", "libcrypto.4.dylib", "libcrypto.3.dylib", "libcrypto-3-x64.dll")
OPENSSL_3 = 0x30000000

# AlgorithmIdentifier { id-ecPublicKey 1.2.840.10045.2.1, SM2 1.2.156.10197.1.301 }
_ALGORITHM = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")


class Unusable(Exception):  # noqa: N818
    """No libcrypto on this machine can do SM2."""


class _Failed(Exception):  # noqa: N818
    """libcrypto said no; it does not say why to anyone."""


def available() -> bool:
    """Whether this machine has a libcrypto of version 3 or later."""
    try:
        _library()
    except Unusable:
        return False
    return True


def public_of(private: bytes) -> bytes:
    with _key("d2i_AutoPrivateKey", _private_der(private)) as key:
        size = _library().i2d_PUBKEY(key, None)
        buffer = create_string_buffer(max(size, 1))
        if _library().i2d_PUBKEY(key, byref(ctypes.cast(buffer, POINTER(c_ubyte)))) != size:
            raise _Failed
        return buffer.raw[-65:]


def sign(private: bytes, public: bytes, digest: bytes) -> bytes:
    with _key("d2i_AutoPrivateKey", _private_der(private, public)) as key:
        r, s = decode_dss_signature(_run("sign", key, digest))
    return r.to_bytes(32) + s.to_bytes(32)


def verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    lib = _library()
    der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    with _key("d2i_PUBKEY", _public_der(public)) as key, _context(key) as context:
        if lib.EVP_PKEY_verify_init(context) != 1:
            raise _Failed
        return bool(lib.EVP_PKEY_verify(context, der, len(der), digest, len(digest)) == 1)


def encrypt(public: bytes, data: bytes) -> bytes:
    with _key("d2i_PUBKEY", _public_der(public)) as key:
        while True:
            sealed = c1c3c2_from_asn1(_run("encrypt", key, data))
            if sealed[97:] != data:  # GB/T 32918.4 step A5: a key stream of zeros is drawn again
                return sealed


def decrypt(private: bytes, public: bytes, sealed: bytes) -> bytes:
    with _key("d2i_AutoPrivateKey", _private_der(private, public)) as key:
        return _run("decrypt", key, asn1_from_c1c3c2(sealed))


def c1c3c2_from_asn1(der: bytes) -> bytes:
    """OpenSSL's SEQUENCE { x, y, C3, C2 } as 04‖x‖y‖C3‖C2; ValueError if it is anything else."""
    body, rest = _element(der, 0x30)
    x, body = _element(body, 0x02)
    y, body = _element(body, 0x02)
    c3, body = _element(body, 0x04)
    c2, body = _element(body, 0x04)
    if rest or body or len(c3) != 32:
        raise ValueError("not an SM2 ciphertext")
    return b"\x04" + _coordinate(x) + _coordinate(y) + c3 + c2


def asn1_from_c1c3c2(sealed: bytes) -> bytes:
    """04‖x‖y‖C3‖C2 as OpenSSL's SEQUENCE { x, y, C3, C2 }."""
    x, y = (b"\x00" + sealed[a : a + 32] for a in (1, 33))
    x, y = (i.lstrip(b"\x00") or b"\x00" for i in (x, y))
    x, y = (b"\x00" + i if i[0] & 0x80 else i for i in (x, y))
    return _der(0x30, _der(2, x) + _der(2, y) + _der(4, sealed[65:97]) + _der(4, sealed[97:]))


def _coordinate(integer: bytes) -> bytes:
    value = int.from_bytes(integer, signed=True)
    if not 0 <= value < 1 << 256:
        raise ValueError("not a coordinate")
    return value.to_bytes(32)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _element(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first element, which must have this tag, and what follows it."""
    if len(der) < 2 or der[0] != tag:
        raise ValueError("not the expected DER element")
    start, size = 2, der[1]
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[2:start])
    if len(der) < start + size:
        raise ValueError("truncated DER")
    return der[start : start + size], der[start + size :]


def _public_der(public: bytes) -> bytes:
    return _der(0x30, _ALGORITHM + _der(3, b"\x00" + public))


def _private_der(private: bytes, public: bytes | None = None) -> bytes:
    point = _der(0xA1, _der(3, b"\x00" + public)) if public else b""  # left out: libcrypto computes it
    return _der(0x30, _der(2, b"\x00") + _ALGORITHM + _der(4, _der(0x30, _der(2, b"\x01") + _der(4, private) + point)))


def _run(verb: str, key: c_void_p, data: bytes) -> bytes:
    lib = _library()
    act = getattr(lib, f"EVP_PKEY_{verb}")
    with _context(key) as context:
        size = c_size_t()
        if getattr(lib, f"EVP_PKEY_{verb}_init")(context) != 1 or act(context, None, byref(size), data, len(data)) != 1:
            raise _Failed
        buffer = create_string_buffer(size.value)
        if act(context, buffer, byref(size), data, len(data)) != 1:
            raise _Failed
        return buffer.raw[: size.value]


@contextmanager
def _key(reader: str, der: bytes) -> Iterator[c_void_p]:
    """The key that `der` holds, freed at the end; ValueError if it is none, or if libcrypto refuses the work in the block."""
    lib = _library()
    key = c_void_p(getattr(lib, reader)(None, byref(c_char_p(der)), len(der)))
    try:
        if not key:
            raise ValueError("not an SM2 key")
        yield key
    except _Failed:
        raise ValueError("libcrypto refused") from None
    finally:
        lib.EVP_PKEY_free(key)
        lib.ERR_clear_error()


@contextmanager
def _context(key: c_void_p) -> Iterator[c_void_p]:
    lib = _library()
    context = c_void_p(lib.EVP_PKEY_CTX_new_from_pkey(None, key, None))
    try:
        if not context:
            raise _Failed
        yield context
    finally:
        lib.EVP_PKEY_CTX_free(context)


@cache
def _library() -> ctypes.CDLL:
    for name in LIBRARIES:
        try:
            lib = ctypes.CDLL(name)
            version = lib.OpenSSL_version_num
        except (OSError, AttributeError):
            continue
        version.restype = c_ulong
        if version() >= OPENSSL_3:
            return _declared(lib)
    raise Unusable("no libcrypto of version 3 or later")


def _declared(lib: ctypes.CDLL) -> ctypes.CDLL:
    work = [c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t]
    signatures = {
        "d2i_AutoPrivateKey": (c_void_p, [c_void_p, POINTER(c_char_p), c_long]),
        "d2i_PUBKEY": (c_void_p, [c_void_p, POINTER(c_char_p), c_long]),
        "i2d_PUBKEY": (c_int, [c_void_p, c_void_p]),
        "EVP_PKEY_free": (None, [c_void_p]),
        "EVP_PKEY_CTX_new_from_pkey": (c_void_p, [c_void_p, c_void_p, c_char_p]),
        "EVP_PKEY_CTX_free": (None, [c_void_p]),
        "EVP_PKEY_sign_init": (c_int, [c_void_p]),
        "EVP_PKEY_sign": (c_int, work),
        "EVP_PKEY_verify_init": (c_int, [c_void_p]),
        "EVP_PKEY_verify": (c_int, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t]),
        "EVP_PKEY_encrypt_init": (c_int, [c_void_p]),
        "EVP_PKEY_encrypt": (c_int, work),
        "EVP_PKEY_decrypt_init": (c_int, [c_void_p]),
        "EVP_PKEY_decrypt": (c_int, work),
        "ERR_clear_error": (None, []),
    }
    for name, (restype, argtypes) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = restype, argtypes
    return lib
