"""A person as one encrypted blob, the blind indexes that find it again, and how much of a person may be shown.

A blob is `version.keyid.nonce.ciphertext.tag` (1 + 1 + 12 + n + 16 bytes). The key of that id (`HCP_KEY_BLOB_<id>`, or the
installation's file) is the envelope: each row's own SM4 key is derived from it with HMAC-SM3, so that no two rows share
one. To rotate, set `HCP_BLOB_KEY` to the next id and `reseal` what is stored; the old key stays until nothing needs it.
"""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from typing import TYPE_CHECKING

from haochaping.kit import config, crypto, keys
from haochaping.kit.masks import mask_id, mask_name, mask_phone, mask_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

__all__ = [
    "blind", "mask_id", "mask_name", "mask_phone", "mask_text", "normal", "reseal", "seal", "seal_bytes", "unseal",
    "unseal_bytes",
]  # fmt: skip

VERSION = 1
NONCE_SIZE = 12
HEAD_SIZE = 2 + NONCE_SIZE

_IGNORED = re.compile(r"[\s\-‐-―−·.()]|\u200b|\ufeff")
_CHINESE_MOBILE = re.compile(r"(?:\+|00)?86(1[3-9][0-9]{9})")


def seal(fields: Mapping[str, str], *, table: str, row: UUID | str) -> bytes:
    """The fields, encrypted so that they open only as this row of this table."""
    plain = json.dumps(dict(fields), ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
    return seal_bytes(plain, table=table, row=row)


def unseal(blob: bytes, *, table: str, row: UUID | str) -> dict[str, str]:
    """What `seal` was given for this row of this table; `kit.crypto.Tampered` if the blob is anything else."""
    plain = unseal_bytes(blob, table=table, row=row)
    fields: dict[str, str] = json.loads(plain.decode(errors="surrogatepass"))
    return fields


def seal_bytes(plain: bytes, *, table: str, row: UUID | str) -> bytes:
    """Any bytes (a scan, a photograph), encrypted so that they open only as this row of this table."""
    key_id, nonce = _current_key_id(), secrets.token_bytes(NONCE_SIZE)
    head = bytes((VERSION, key_id)) + nonce
    return head + crypto.sm4_gcm_encrypt(_row_key(key_id, table, row), nonce, plain, head[:2] + _place(table, row))


def unseal_bytes(blob: bytes, *, table: str, row: UUID | str) -> bytes:
    """What `seal_bytes` was given; `kit.crypto.Tampered` if the blob is anything else."""
    blob = bytes(blob)  # the database may hand over a memoryview
    if len(blob) < HEAD_SIZE or blob[0] != VERSION or not 1 <= blob[1] <= _current_key_id():
        raise crypto.Tampered("not a blob of this installation")
    key, nonce = _row_key(blob[1], table, row), blob[2:HEAD_SIZE]
    return crypto.sm4_gcm_decrypt(key, nonce, blob[HEAD_SIZE:], blob[:2] + _place(table, row))


def reseal(blob: bytes, *, table: str, row: UUID | str) -> bytes:
    """The same fields under the current key; the blob itself if it is under that key already."""
    if blob[1] == _current_key_id():
        return bytes(blob)
    return seal(unseal(blob, table=table, row=row), table=table, row=row)


def blind(column: str, value: str) -> bytes:
    """16 bytes by which equal values of one column find each other and nothing else can be learnt.

    `column` is a short English name, as `phone` or `id_number`; each has a key of its own. ValueError if nothing is left
    of `value` once it is normalised: what is not known is stored as NULL, lest all unknown people be the same.
    """
    if not (plain := normal(value)):
        raise ValueError("an empty value cannot be indexed")
    return crypto.hmac_sm3(keys.key(f"index-{column}"), plain.encode(errors="surrogatepass"))[:16]


def normal(value: str) -> str:
    """One spelling for one thing: NFKC, no spaces, dashes or dots, capitals, a Chinese mobile number without 86."""
    plain = _IGNORED.sub("", unicodedata.normalize("NFKC", value)).upper()
    mobile = _CHINESE_MOBILE.fullmatch(plain)
    return mobile[1] if mobile else plain


def _current_key_id() -> int:
    key_id = config.integer("BLOB_KEY", 1)
    if not 1 <= key_id <= 255:
        raise config.Misconfigured(f"HCP_BLOB_KEY={key_id}: it is 1 … 255")
    return key_id


def _row_key(key_id: int, table: str, row: UUID | str) -> bytes:
    return crypto.hmac_sm3(keys.key(f"blob-{key_id}"), b"hcp.blob\x00" + _place(table, row))[:16]


def _place(table: str, row: UUID | str) -> bytes:
    return f"{table}|{row}".encode()
