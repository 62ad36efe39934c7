"""Names nobody outside can compute: ids, receipts and order numbers by HMAC-SM3 under one key that never rotates; link tokens.

The same input always gives the same name, so a repeated delivery is found by its primary key and gets its old receipt.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING
from uuid import UUID

from haochaping.kit import crypto, keys

if TYPE_CHECKING:
    from datetime import date

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: it is read out over the telephone
SHORT = 13  # characters of a short token
_TO_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", CROCKFORD)
_LOOKALIKES = str.maketrans("OIL", "011")

# Each use has a prefix of its own, so that no name of one kind tells anything of another's.
_EVENT, _RECEIPT, _ORDER = b"event\x00", b"receipt\x00", b"order\x00"


def event_id(project_no: str, service_number: int) -> UUID:
    """The one id, all 128 bits of it a keyed digest, of the n-th service of a case (design.md §3)."""
    return UUID(bytes=_name(_EVENT, f"{service_number}\x00{project_no}".encode())[:16])


def receipt(event_id: UUID) -> str:
    """What the rater keeps: `HP` and 20 characters, 100 bits."""
    return "HP" + _crockford(_name(_RECEIPT, event_id.bytes), 20)


def order_no(event_id: UUID, day: date) -> str:
    """A work order's number: `CP`, the day it was opened, and 8 characters; two of one day differ but for 1 in 10¹² pairs."""
    return f"CP{day:%Y%m%d}-{_crockford(_name(_ORDER, event_id.bytes), 8)}"


def new_token() -> str:
    """The secret of a link: 128 random bits, 22 characters that need no escaping in a URL. Only its digest is stored."""
    return secrets.token_urlsafe(16)


def new_short_token() -> str:
    """The secret of a link that is typed or sent by SMS: 65 random bits, 13 characters; guessing is limited by misses (T3)."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(SHORT))


def plain_token(typed: str) -> str:
    """A token as it was made: a short one in capitals and with O, I, L read as 0, 1, 1; a long one as it stands."""
    short = typed.upper().translate(_LOOKALIKES)
    return short if len(short) == SHORT and set(short) <= set(CROCKFORD) else typed


def token_digest(token: str) -> bytes:
    """The 32 bytes under which a token is found again; whoever reads them cannot open the link."""
    return crypto.sm3(b"token\x00" + token.encode())


def _name(kind: bytes, what: bytes) -> bytes:
    return crypto.hmac_sm3(keys.key("ids"), b"hcp.ids\x00" + kind + what)


def _crockford(digest: bytes, characters: int) -> str:
    return base64.b32encode(digest[: characters * 5 // 8 + 1]).decode().translate(_TO_CROCKFORD)[:characters]
