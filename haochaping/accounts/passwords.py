"""How passwords are kept, and what is asked of them: the one place (settings name these validators)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password
from django.core.exceptions import ValidationError

from haochaping.accounts.models import PastPassword, Person
from haochaping.accounts.rules import PASSWORD_KINDS, PASSWORD_LENGTH, PASSWORDS_KEPT, has_expired, kinds_of

if TYPE_CHECKING:
    from datetime import datetime

_LETTERS, _DIGITS = "abcdefghjkmnpqrstuvwxyz", "23456789"  # nothing that is mistaken for something else


class Argon2(Argon2PasswordHasher):
    """Argon2id with 64 MiB and one lane: a login flood must not take the memory of the machine (security §2.1)."""

    memory_cost = 64 * 1024
    parallelism = 1


class Length:
    """Ten characters at least. Django's own says it in English."""

    def validate(self, password: str, user: object = None) -> None:  # noqa: ARG002  Django's form
        if len(password) < PASSWORD_LENGTH:
            raise ValidationError(self.get_help_text(), code="password_too_short")

    def get_help_text(self) -> str:
        return f"密码太短，至少要有{PASSWORD_LENGTH}个字符。"


class Kinds:
    """Three kinds of characters out of four."""

    def validate(self, password: str, user: object = None) -> None:  # noqa: ARG002  Django's form
        if kinds_of(password) < PASSWORD_KINDS:
            raise ValidationError(self.get_help_text(), code="password_of_one_kind")

    def get_help_text(self) -> str:
        return f"大写字母、小写字母、数字、符号，至少要有其中{PASSWORD_KINDS}种。"


class NotRecent:
    """None of the last five, the present one among them."""

    def validate(self, password: str, user: object = None) -> None:
        if not isinstance(user, Person) or user.pk is None:
            return
        past = PastPassword.objects.filter(person=user).order_by("-at", "-id").values_list("password", flat=True)
        kept = dict.fromkeys([user.password, *past[:PASSWORDS_KEPT]])
        if any(check_password(password, hashed) for hashed in list(kept)[:PASSWORDS_KEPT] if hashed):
            raise ValidationError(self.get_help_text(), code="password_used_before")

    def get_help_text(self) -> str:
        return f"不能与最近{PASSWORDS_KEPT}次用过的密码相同。"


def asked() -> list[str]:
    """What is asked of a password, in the words of a page."""
    lines = [
        f"至少{PASSWORD_LENGTH}个字符",
        f"大写字母、小写字母、数字、符号，至少有其中{PASSWORD_KINDS}种",
        "不是常见密码，不与用户名或姓名相近",
        f"不与最近{PASSWORDS_KEPT}次用过的密码相同",
    ]
    return [*lines, f"每{settings.PASSWORD_DAYS}天更换一次"] if settings.PASSWORD_DAYS else lines


def why_to_change(person: Person, now: datetime) -> str:
    """Why this person must change their password before anything else, in their words; "" if they need not."""
    if not person.has_usable_password():
        return ""
    if person.must_change_password:
        return "这个密码是别人设置的，请先改成只有您自己知道的密码。"
    if has_expired(person.password_changed_at or person.created_at, now, settings.PASSWORD_DAYS):
        return f"您的密码已用满{settings.PASSWORD_DAYS}天，请先更换。"
    return ""


def made_password() -> str:
    """A password that can be read out over the telephone, and that the rules take."""
    parts = ["".join(secrets.choice(_LETTERS + _DIGITS) for _ in range(3)) for _ in range(4)]
    return "-".join(
        part + secrets.choice(letters) for part, letters in zip(parts, [_DIGITS, _LETTERS] * 2, strict=True)
    )
