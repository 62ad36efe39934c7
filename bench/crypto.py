"""How fast the national algorithms are here: `python bench/crypto.py`. The two SM2 backends are timed in turn, as a ratio."""

from __future__ import annotations

import os
import secrets
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from haochaping.kit import blobs, crypto, crypto_libcrypto, ids

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 0.5
ROUNDS = 3


def per_second(act: Callable[[], object]) -> float:
    act()
    done, start = 0, perf_counter()
    while (spent := perf_counter() - start) < SECONDS:
        act()
        done += 1
    return done / spent


def symmetric() -> None:
    kilobyte, key, nonce, row = secrets.token_bytes(1024), secrets.token_bytes(16), secrets.token_bytes(12), uuid4()
    person = {"name": "张小华", "mobile": "13812345678", "certKey": "320102199001011234"}
    blob = blobs.seal(person, table="bench", row=row)
    text = "工作人员张三态度恶劣，电话13812345678，我去了三次都没有办成。" * 6
    for name, act in {
        "SM3, 1 KB": lambda: crypto.sm3(kilobyte),
        "HMAC-SM3, 1 KB": lambda: crypto.hmac_sm3(key, kilobyte),
        "SM4-GCM seal, 1 KB": lambda: crypto.sm4_gcm_encrypt(key, nonce, kilobyte),
        "event id": lambda: ids.event_id("370000202603020001", 1),
        "person sealed": lambda: blobs.seal(person, table="bench", row=row),
        "person unsealed": lambda: blobs.unseal(blob, table="bench", row=row),
        "blind index": lambda: blobs.blind("phone", "138 1234 5678"),
        f"free text masked, {len(text)} characters": lambda: blobs.mask_text(text),
    }.items():
        print(f"{name:42}{per_second(act):12,.0f} /s")


def sm2(backend: str) -> dict[str, float]:
    os.environ["HCP_SM2_BACKEND"] = backend
    private, public = crypto.sm2_generate()
    data = secrets.token_bytes(1024)
    signature, sealed = crypto.sm2_sign(private, data), crypto.sm2_encrypt(public, data)
    return {
        "SM2 sign": per_second(lambda: crypto.sm2_sign(private, data)),
        "SM2 verify": per_second(lambda: crypto.sm2_verify(public, data, signature)),
        "SM2 encrypt, 1 KB": per_second(lambda: crypto.sm2_encrypt(public, data)),
        "SM2 decrypt, 1 KB": per_second(lambda: crypto.sm2_decrypt(private, sealed)),
    }


def main() -> None:
    crypto.self_test()
    symmetric()
    backends = ["libcrypto", "gmalg"] if crypto_libcrypto.available() else ["gmalg"]
    runs = {name: [] for name in backends}
    for _ in range(ROUNDS):  # in turn, so that a noisy neighbour meets both
        for name in backends:
            runs[name].append(sm2(name))
    for act in runs["gmalg"][0]:
        best = {name: max(run[act] for run in runs[name]) for name in backends}
        speeds = "".join(f"{name} {speed:10,.0f} /s   " for name, speed in best.items())
        ratio = f"ratio {best['libcrypto'] / best['gmalg']:.0f}" if len(best) == 2 else ""
        print(f"{act:42}{speeds}{ratio}")


if __name__ == "__main__":
    main()
