"""The national algorithms against the vectors of the standards, of OpenSSL, pyca and Wycheproof, on both SM2 backends."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from haochaping.kit import crypto, crypto_gmalg, crypto_libcrypto
from haochaping.kit.config import ROOT, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

has_libcrypto = pytest.mark.skipif(not crypto_libcrypto.available(), reason="no libcrypto ≥ 3 on this machine")
BACKENDS = [pytest.param("libcrypto", marks=has_libcrypto), "gmalg"]

PRIVATE = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HCP_SM2_BACKEND", request.param)
    assert crypto.backend() == request.param
    return request.param


def records(path: Path, separator: str = " = ") -> Iterator[dict[str, str]]:
    """The `Name = value` paragraphs of a vector file, names in lower case."""
    for paragraph in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
        lines = [line.partition(separator) for line in paragraph.splitlines() if separator in line and line[0] != "#"]
        if record := {name.strip().lower(): value.strip() for name, _, value in lines}:
            yield record


def wycheproof(path: Path) -> Iterator[tuple[dict, dict]]:
    document = json.loads(path.read_text(encoding="utf-8"))
    cases = [(group, case) for group in document["testGroups"] for case in group["tests"]]
    assert len(cases) == document["numberOfTests"]
    return iter(cases)


# SM3


def test_sm3_agrees_with_openssl(shared_data):
    cases = [r for r in records(shared_data / "sm_vectors/openssl__evpmd_sm3.txt") if "input" in r]
    assert len(cases) == 6
    for case in cases:
        assert crypto.sm3(bytes.fromhex(case["input"])).hex() == case["output"].lower()


def test_sm3_agrees_with_the_state_cryptography_administration(shared_data):
    cases = [r for r in records(shared_data / "sm_vectors/pyca__oscca.txt") if "md" in r]
    assert len(cases) == 6
    for case in cases:
        message = bytes.fromhex(case["msg"])[: int(case["len"]) // 8]
        assert crypto.sm3(message).hex() == case["md"]


def test_hmac_sm3_agrees_with_wycheproof_and_refuses_its_forgeries(shared_data):
    seen = {"valid": 0, "invalid": 0}
    for group, case in wycheproof(shared_data / "sm_vectors/hmac_sm3_test.json"):
        key, message, tag = (bytes.fromhex(case[name]) for name in ("key", "msg", "tag"))
        ours = crypto.hmac_sm3(key, message)[: group["tagSize"] // 8]
        assert crypto.equal(ours, tag) is (case["result"] == "valid"), case["tcId"]
        if group["tagSize"] == 256:
            assert crypto.hmac_sm3_matches(key, message, tag) is (case["result"] == "valid"), case["tcId"]
        seen[case["result"]] += 1
    assert all(seen.values())


def test_a_truncated_mac_is_refused():
    mac = crypto.hmac_sm3(b"key", b"data")
    assert crypto.hmac_sm3_matches(b"key", b"data", mac)
    assert not crypto.hmac_sm3_matches(b"key", b"data", mac[:16])
    assert not crypto.hmac_sm3_matches(b"key", b"data", b"")


# SM4-GCM


def test_sm4_gcm_agrees_with_rfc_8998(shared_data):
    cases = [r for r in records(shared_data / "sm_vectors/pyca__rfc8998.txt") if "ciphertext" in r]
    assert cases
    for case in cases:
        key, nonce, aad, plain, sealed, tag = (
            bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "plaintext", "ciphertext", "tag")
        )
        assert crypto.sm4_gcm_encrypt(key, nonce, plain, aad) == sealed + tag


def test_sm4_gcm_agrees_with_wycheproof_and_refuses_its_forgeries(shared_data):
    seen = {"valid": 0, "invalid": 0, "odd nonce": 0}
    for _, case in wycheproof(shared_data / "sm_vectors/sm4_gcm_test.json"):
        key, nonce, aad, plain = (bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "msg"))
        sealed = bytes.fromhex(case["ct"] + case["tag"])
        if not 8 <= len(nonce) <= 128:  # the library declines such nonces, right or wrong
            with pytest.raises(ValueError):
                crypto.sm4_gcm_decrypt(key, nonce, sealed, aad)
            seen["odd nonce"] += 1
        elif case["result"] == "valid":
            assert crypto.sm4_gcm_encrypt(key, nonce, plain, aad) == sealed, case["tcId"]
            assert crypto.sm4_gcm_decrypt(key, nonce, sealed, aad) == plain, case["tcId"]
            seen["valid"] += 1
        else:
            with pytest.raises(ValueError):
                crypto.sm4_gcm_decrypt(key, nonce, sealed, aad)
            seen["invalid"] += 1
    assert seen["valid"] > 50
    assert seen["invalid"] > 20


@settings(deadline=None)
@given(
    key=st.binary(min_size=16, max_size=16),
    nonce=st.binary(min_size=12, max_size=12),
    data=st.binary(),
    aad=st.binary(),
)
def test_what_sm4_gcm_seals_it_opens(key, nonce, data, aad):
    assert crypto.sm4_gcm_decrypt(key, nonce, crypto.sm4_gcm_encrypt(key, nonce, data, aad), aad) == data


@settings(deadline=None)
@given(data=st.binary(), bit=st.integers(min_value=0))
def test_one_flipped_bit_anywhere_is_refused(data, bit):
    key, nonce = b"k" * 16, b"n" * 12
    sealed = bytearray(crypto.sm4_gcm_encrypt(key, nonce, data, b"here"))
    sealed[bit // 8 % len(sealed)] ^= 1 << bit % 8
    with pytest.raises(crypto.Tampered):
        crypto.sm4_gcm_decrypt(key, nonce, bytes(sealed), b"here")


def test_a_seal_does_not_open_elsewhere_or_under_another_key():
    sealed = crypto.sm4_gcm_encrypt(b"k" * 16, b"n" * 12, b"data", b"here")
    for key, nonce, text, aad in (
        (b"K" * 16, b"n" * 12, sealed, b"here"),
        (b"k" * 16, b"N" * 12, sealed, b"here"),
        (b"k" * 16, b"n" * 12, sealed, b"there"),
        (b"k" * 16, b"n" * 12, sealed[:-1], b"here"),
        (b"k" * 16, b"n" * 12, b"", b"here"),
    ):
        with pytest.raises(crypto.Tampered):
            crypto.sm4_gcm_decrypt(key, nonce, text, aad)


# SM2


def example(shared_data: Path) -> dict[str, str]:
    return json.loads((shared_data / "sm_vectors/gbt32918_sm2_sign_example.json").read_text(encoding="utf-8"))


def test_the_signature_of_gb_t_32918_verifies(shared_data, backend):
    given = example(shared_data)
    public = bytes.fromhex("04" + given["pub_x"] + given["pub_y"])
    message, uid = given["msg_ascii"].encode(), given["ida_ascii"].encode()
    signature = bytes.fromhex(given["r"] + given["s"])
    assert crypto.sm2_public(bytes.fromhex(given["d"])) == public
    assert crypto.sm2_verify(public, message, signature, uid)
    assert crypto.sm2_verify(public, message, encode_dss_signature(int(given["r"], 16), int(given["s"], 16)))
    assert crypto.verify_digest(public, bytes.fromhex(given["e"]), signature)
    assert not crypto.sm2_verify(public, message, signature, b"1234567812345679")


def openssl_key(shared_data: Path) -> tuple[bytes, bytes]:
    text = (shared_data / "sm_vectors/openssl__evppkey_sm2.txt").read_text(encoding="utf-8")
    der = base64.b64decode(text.split("-----")[2])
    start = der.index(b"\x02\x01\x01\x04\x20") + 5  # ECPrivateKey: version 1, the number
    return der[start : start + 32], der[-65:]


def test_the_signatures_of_openssl_verify(shared_data, backend):
    private, public = openssl_key(shared_data)
    assert crypto.sm2_public(private) == public
    cases = [r for r in records(shared_data / "sm_vectors/openssl__evppkey_sm2.txt") if "verify" in r]
    assert len(cases) == 2
    for case in cases:
        digest, signature = bytes.fromhex(case["input"]), bytes.fromhex(case["output"])
        assert crypto.verify_digest(public, digest, signature)
        assert not crypto.verify_digest(public, digest[::-1], signature)


def test_the_ciphertext_of_openssl_opens(shared_data, backend):
    private, _ = openssl_key(shared_data)
    (case,) = (r for r in records(shared_data / "sm_vectors/openssl__evppkey_sm2.txt") if "decrypt" in r)
    sealed = crypto_libcrypto.c1c3c2_from_asn1(bytes.fromhex(case["input"]))
    assert crypto_libcrypto.asn1_from_c1c3c2(sealed).hex() == case["input"].lower()
    assert crypto.sm2_decrypt(private, sealed).decode() == case["output"].strip('"')


def test_a_new_pair_signs_and_opens(backend):
    private, public = crypto.sm2_generate()
    assert (len(private), len(public), public[0]) == (32, 65, 4)
    signature = crypto.sm2_sign(private, "差评".encode())
    assert len(signature) == 64
    assert crypto.sm2_verify(public, "差评".encode(), signature)
    assert crypto.sm2_sign(private, "差评".encode()) != signature
    assert crypto.sm2_decrypt(private, crypto.sm2_encrypt(public, b"x")) == b"x"


@has_libcrypto
@settings(deadline=None, max_examples=12)
@given(data=st.binary(min_size=1, max_size=300), uid=st.binary(max_size=40), secret=st.integers(1, N - 2))
def test_each_backend_understands_the_other(data, uid, secret):
    private = secret.to_bytes(32)
    with pytest.MonkeyPatch.context() as patch:
        for here, there in (("libcrypto", "gmalg"), ("gmalg", "libcrypto")):
            patch.setenv("HCP_SM2_BACKEND", here)
            public = crypto.sm2_public(private)
            signature, sealed = crypto.sm2_sign(private, data, uid), crypto.sm2_encrypt(public, data)
            patch.setenv("HCP_SM2_BACKEND", there)
            assert crypto.sm2_public(private) == public
            assert crypto.sm2_verify(public, data, signature, uid)
            assert crypto.sm2_decrypt(private, sealed) == data
            assert len(sealed) == len(data) + 97


def test_nonsense_for_a_signature_is_no_signature(backend):
    public = crypto.sm2_public(PRIVATE)
    good = crypto.sm2_sign(PRIVATE, b"data")
    r, s = good[:32], good[32:]
    n = N.to_bytes(32)
    for bad in (
        b"",
        good[:-1],
        good + b"\x00",
        bytes(64),
        r + bytes(32),
        bytes(32) + s,
        n + s,
        r + n,
        r + (N - int.from_bytes(r)).to_bytes(32),  # r + s = 0 mod n
        s + r,
        good[:5] + bytes((good[5] ^ 1,)) + good[6:],
        b"\x30\x80garbage",
        encode_dss_signature(int.from_bytes(r), int.from_bytes(s) + N),
        encode_dss_signature(int.from_bytes(r), int.from_bytes(s)) + b"\x00",
        good.hex().encode(),
    ):
        assert not crypto.sm2_verify(public, b"data", bad), bad.hex()
    assert crypto.sm2_verify(public, b"data", good)


def test_a_changed_ciphertext_does_not_open(backend):
    sealed = crypto.sm2_encrypt(crypto.sm2_public(PRIVATE), b"a secret of some length")
    for place in (0, 1, 33, 65, 96, 97, len(sealed) - 1):
        bad = bytearray(sealed)
        bad[place] ^= 1
        with pytest.raises(crypto.Tampered):
            crypto.sm2_decrypt(PRIVATE, bytes(bad))
    for bad in (b"", b"\x04", sealed[:97], sealed[:-1], bytes(200), b"\x04" + bytes(200), b"\x04" + b"\xff" * 200):
        with pytest.raises(crypto.Tampered):
            crypto.sm2_decrypt(PRIVATE, bad)
    with pytest.raises(crypto.Tampered):
        crypto.sm2_decrypt(crypto.sm2_generate()[0], sealed)


def test_keys_that_are_none_are_refused(backend):
    public = crypto.sm2_public(PRIVATE)
    beside = public[:64] + bytes((public[64] ^ 1,))  # a point beside the curve: the invalid-curve attack
    for bad in (b"", public[1:], b"\x02" + public[1:33], b"\x04" + bytes(64), b"\x04" + b"\xff" * 64, beside):
        with pytest.raises(ValueError):
            crypto.sm2_encrypt(bad, b"data")
        with pytest.raises(ValueError):
            crypto.sm2_verify(bad, b"data", b"\x01" * 64)
    for bad in (b"", bytes(32), PRIVATE[1:], (N - 1).to_bytes(32), b"\xff" * 32):
        with pytest.raises(ValueError):
            crypto.sm2_sign(bad, b"data")
        with pytest.raises(ValueError):
            crypto.sm2_decrypt(bad, b"\x04" + bytes(100))
    with pytest.raises(ValueError):
        crypto.sm2_encrypt(public, b"")


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_der_upsets_the_reader(der):
    try:
        sealed = crypto_libcrypto.c1c3c2_from_asn1(der)
    except ValueError:
        return
    assert len(sealed) >= 97


@settings(deadline=None)
@given(x=st.integers(0, 2**256 - 1), y=st.integers(0, 300), tail=st.binary(min_size=32, max_size=400))
def test_ciphertexts_keep_their_meaning_between_the_two_forms(x, y, tail):
    sealed = b"\x04" + x.to_bytes(32) + y.to_bytes(32) + tail
    assert crypto_libcrypto.c1c3c2_from_asn1(crypto_libcrypto.asn1_from_c1c3c2(sealed)) == sealed


@has_libcrypto
def test_many_threads_may_sign_at_once(monkeypatch):
    monkeypatch.setenv("HCP_SM2_BACKEND", "libcrypto")
    public = crypto.sm2_public(PRIVATE)

    def walk(i: int) -> bool:
        data = str(i).encode()
        opened = crypto.sm2_decrypt(PRIVATE, crypto.sm2_encrypt(public, data))
        return opened == data and crypto.sm2_verify(public, data, crypto.sm2_sign(PRIVATE, data))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(walk, range(200)))


@has_libcrypto
def test_libcrypto_leaves_no_memory_and_no_errors_behind():
    """In a process of its own: a thousand failures and successes hold no more than the first hundred, and TLS still works."""
    program = """
import os, psutil, ssl
from haochaping.kit import crypto
private, public = crypto.sm2_generate()
beside = public[:64] + bytes((public[64] ^ 1,))
def round():
    for i in range(250):
        sealed = crypto.sm2_encrypt(public, b"data")
        crypto.sm2_decrypt(private, sealed)
        crypto.sm2_verify(public, b"data", crypto.sm2_sign(private, b"data"))
        for act in (lambda: crypto.sm2_encrypt(beside, b"x"), lambda: crypto.sm2_decrypt(private, sealed[:-1])):
            try: act()
            except ValueError: pass
            else: raise SystemExit("accepted")
round()
before = psutil.Process().memory_info().rss
for i in range(4): round()
assert psutil.Process().memory_info().rss - before < 2_000_000
ssl.create_default_context()
"""
    subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=ROOT, env={"HCP_SM2_BACKEND": "libcrypto"}, timeout=120
    )


# Choosing and checking


def test_the_self_test_passes_on_each_backend(backend):
    crypto.self_test()


@has_libcrypto
def test_libcrypto_is_taken_where_it_is_right(monkeypatch):
    monkeypatch.delenv("HCP_SM2_BACKEND", raising=False)
    assert crypto.backend() == "libcrypto"


@pytest.fixture
def chosen_afresh() -> Iterator[None]:
    crypto._choose.cache_clear()
    yield
    crypto._choose.cache_clear()


def test_python_is_taken_where_libcrypto_is_absent(monkeypatch, chosen_afresh):
    monkeypatch.setattr(crypto_libcrypto, "available", lambda: False)
    monkeypatch.setenv("HCP_SM2_BACKEND", "auto")
    assert crypto.backend() == "gmalg"
    monkeypatch.setenv("HCP_SM2_BACKEND", "libcrypto")
    with pytest.raises(Misconfigured, match="libcrypto"):
        crypto.backend()


@has_libcrypto
def test_python_is_taken_where_libcrypto_computes_wrongly(monkeypatch, chosen_afresh):
    monkeypatch.setenv("HCP_SM2_BACKEND", "auto")
    monkeypatch.setattr(crypto_libcrypto, "verify", lambda *_: True)
    assert crypto.backend() == "gmalg"


def test_a_setting_that_names_no_backend_is_refused(monkeypatch):
    monkeypatch.setenv("HCP_SM2_BACKEND", "gmssl")
    with pytest.raises(Misconfigured, match="gmssl"):
        crypto.backend()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("sm3", lambda _: bytes(32)),
        ("hmac_sm3", lambda *_: bytes(32)),
        ("sm4_gcm_encrypt", lambda *_: bytes(80)),
        ("sm4_gcm_decrypt", lambda *_: b""),
    ],
)
def test_the_self_test_names_what_computes_wrongly(monkeypatch, name, wrong):
    monkeypatch.setattr(crypto, name, wrong)
    with pytest.raises(crypto.SelfTestFailed):
        crypto.self_test()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("public_of", lambda _: bytes(65)),
        ("verify", lambda *_: True),
        ("verify", lambda *_: False),
        ("decrypt", lambda *_: b""),
        ("encrypt", lambda *_: bytes(120)),
        ("sign", lambda *_: bytes(64)),
    ],
)
def test_the_self_test_catches_a_wrong_sm2(monkeypatch, name, wrong):
    monkeypatch.setenv("HCP_SM2_BACKEND", "gmalg")
    monkeypatch.setattr(crypto_gmalg, name, wrong)
    with pytest.raises(crypto.SelfTestFailed, match="SM2"):
        crypto.self_test()
