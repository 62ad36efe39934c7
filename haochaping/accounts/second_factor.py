"""The code of a person's telephone after the password (TOTP, RFC 6238), and the backup codes that stand in for it.

django-otp does the arithmetic; the key lies sealed in a table of our own (docs/decisions/0008-second-factor.md).
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import transaction
from django_otp.oath import TOTP

from haochaping.accounts import sessions
from haochaping.accounts.commands import audit
from haochaping.accounts.models import BackupCode, Person, SecondFactor
from haochaping.accounts.rules import SecondFactorMode, must_have_second_factor
from haochaping.kit import blobs
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from datetime import datetime


KEY_SIZE = 20  # bytes, as RFC 4226 recommends
TOLERANCE = 1  # steps of 30 s, before and after
DRIFT_MOST = 20  # steps a telephone's clock may have wandered off in all
CODES = 10
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is mistaken for something else
CODE_LENGTH = 10  # 50 bits
ISSUER = "好差评"
TABLE = "accounts_secondfactor"
WRONG = "验证码不正确。请等验证器显示下一个6位数字再输入；总是不对的，请把手机时间设为自动校准。"


def is_asked_of(person: Person) -> bool:
    """Whether this person signs in by two steps."""
    return settings.SECOND_FACTOR is not SecondFactorMode.OFF and is_on(person)


def is_owed_by(person: Person) -> bool:
    """Whether this person may work only after signing in by two steps."""
    return must_have_second_factor(settings.SECOND_FACTOR, person.actor().roles)


def is_on(person: Person) -> bool:
    return SecondFactor.objects.filter(person=person).exclude(confirmed_at=None).exists()


def of(person: Person) -> SecondFactor | None:
    """The person's generator, confirmed or waiting for its first code."""
    return SecondFactor.objects.filter(person=person).first()


def codes_left(person: Person) -> int:
    """How many backup codes have not been used."""
    return BackupCode.objects.filter(person=person, used_at=None).count()


def begin(person: Person) -> str:
    """A new key in base32 that waits for its first code, in place of one that waited before. 409 if one is in use."""
    key = secrets.token_bytes(KEY_SIZE)
    with transaction.atomic():
        Person.objects.select_for_update().get(pk=person.pk)
        if is_on(person):
            raise Refused("second_factor_is_on", 409, "两步验证已经开启。要换手机，请先输入验证码关闭，再重新设置。")
        secret = blobs.seal_bytes(key, table=TABLE, row=str(person.pk))
        SecondFactor.objects.update_or_create(person=person, defaults={"secret": secret, "last_step": 0, "drift": 0})
    return base64.b32encode(key).decode()


def key_of(device: SecondFactor) -> str:
    """The key in base32, to be typed into a telephone: for its owner's eyes, before the first code only."""
    if device.confirmed_at is not None:
        raise Refused("second_factor_is_on", 409, "两步验证已经开启，密钥不再显示。")
    return base64.b32encode(_key(device)).decode()


def address_of(device: SecondFactor) -> str:
    """What a telephone reads from the QR code: `otpauth://totp/…`."""
    label = quote(f"{ISSUER}:{device.person.username}")
    return f"otpauth://totp/{label}?" + urlencode({"secret": key_of(device), "issuer": ISSUER}, quote_via=quote)


def confirm(person: Person, typed: str, *, now: datetime, here: int | None = None) -> list[str]:
    """The first code puts the generator into use; answers the backup codes, shown only here. 422 for a wrong code.

    The person's logins but the one `here` end: they were begun by the password alone.
    """
    with transaction.atomic():
        device = SecondFactor.objects.select_for_update().filter(person=person).first()
        if device is None or device.confirmed_at is not None:
            raise Refused("no_key_waits", 409, "没有待确认的密钥，请重新开始设置。")
        if not _fits(device, typed, now):
            raise Refused("wrong_code", 422, WRONG, (FieldError("code", "wrong", WRONG),))
        device.confirmed_at = now
        device.save()
        codes = _new_codes(person)
        sessions.end_all(person, by=person.name, now=now, but=here)
        audit(person.actor(), "second_factor_on", person.username, now=now)
    return codes


def take(person: Person, typed: str, *, now: datetime) -> str:
    """Use up the generator's code or a backup code: `totp` or `backup`, "" if it is neither, or was used before."""
    with transaction.atomic():
        device = SecondFactor.objects.select_for_update().filter(person=person).exclude(confirmed_at=None).first()
        if device is None:
            return ""
        if _fits(device, typed, now):
            device.save(update_fields=["last_step", "drift"])
            return "totp"
        code = _plain(typed)
        if len(code) != CODE_LENGTH:
            return ""
        unused = BackupCode.objects.filter(person=person, digest=_digest(person, code), used_at=None)
        return "backup" if unused.update(used_at=now) else ""


def renew_codes(person: Person, *, now: datetime) -> list[str]:
    """Ten new backup codes, shown only here; those before them are void. Whoever calls has just taken a code."""
    with transaction.atomic():
        codes = _new_codes(person)
        audit(person.actor(), "second_factor_codes", person.username, now=now)
    return codes


def switch_off(person: Person, *, now: datetime) -> None:
    """The password alone again. Whoever calls has just taken a code; for a lost one see `people.remove_second_factor`."""
    with transaction.atomic():
        BackupCode.objects.filter(person=person).delete()
        SecondFactor.objects.filter(person=person).delete()
        audit(person.actor(), "second_factor_off", person.username, now=now)


def code_at(key: str, now: datetime) -> str:
    """What a telephone with that base32 key shows then."""
    return f"{_totp(base64.b32decode(key), 0, now).token():06}"


def _fits(device: SecondFactor, typed: str, now: datetime) -> bool:
    """Whether it is the code of this half minute or one beside it, and later than every code taken; if so it is marked."""
    code = _plain(typed)
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return False
    totp = _totp(_key(device), device.drift, now)
    if not totp.verify(int(code), TOLERANCE, device.last_step + 1):
        return False
    device.last_step = totp.t()
    device.drift = max(-DRIFT_MOST, min(DRIFT_MOST, totp.drift))
    return True


def _totp(key: bytes, drift: int, now: datetime) -> TOTP:
    totp = TOTP(key, drift=drift)
    totp.time = now.timestamp()
    return totp


def _key(device: SecondFactor) -> bytes:
    return blobs.unseal_bytes(bytes(device.secret), table=TABLE, row=str(device.person_id))


def _new_codes(person: Person) -> list[str]:
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES)]
    BackupCode.objects.filter(person=person).delete()
    BackupCode.objects.bulk_create(BackupCode(person=person, digest=_digest(person, code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _digest(person: Person, code: str) -> bytes:
    return blobs.blind("backup-code", f"{person.pk}/{code}")


def _plain(typed: str) -> str:
    return blobs.normal(typed[:40])
