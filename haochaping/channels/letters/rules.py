"""What a letter from the opinion box or by e-mail says. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from haochaping.channels.desk.rules import Way
from haochaping.channels.rules import phone_fault, phone_of
from haochaping.evaluation.records import WORDS_MOST
from haochaping.evaluation.rules import Consent
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

WAYS = (Way.BOX, Way.EMAIL)
WAY_NAMES = {Way.BOX: "意见箱", Way.EMAIL: "电子邮件"}
TEXT_MOST = 4000  # of a letter; a rating's words are the first 500
NOTE_MOST = 500
_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,63}")


@dataclass(frozen=True)
class Draft:
    """A letter as it was typed in."""

    way: Way
    number: str
    day: date
    area: str
    target: str = ""  # hall:…, organ:…, item:…, window:…; empty: not known
    level: int | None = None
    tags: tuple[str, ...] = ()
    words: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    consent: frozenset[str] = frozenset()


def read(typed: Mapping[str, str], consent: Collection[str], *, today: date, day: date | None) -> Draft:
    """What was typed; Refused (422) names every wrong field at once."""
    wrong: list[FieldError] = []

    def refuse(name: str, message: str) -> None:
        wrong.append(FieldError(name, "wrong", message))

    def text(name: str) -> str:
        return unicodedata.normalize("NFC", typed.get(name, "")).replace("\x00", "").replace("\r\n", "\n").strip()

    way = typed.get("way", "")
    if way not in WAYS:
        refuse("way", "请选择来源。")
    number = re.sub(r"\s", "", text("number"))
    if not _NUMBER.fullmatch(number):
        refuse("number", "请填写信件编号：字母、数字和横线，如 YJX-2026-015。")
    if day is None:
        refuse("day", "请填写收信日期。")
    elif day > today:
        refuse("day", "收信日期不能晚于今天。")
    level = text("level")
    if level and level not in {"1", "2", "3", "4", "5"}:
        refuse("level", "请按信里写明的选择；信里没有写明满意程度，选“没有写明”。")
    words = text("words")
    if not words:
        refuse("words", "请录入信的内容。")
    elif len(words) > TEXT_MOST:
        refuse("words", f"内容最多 {TEXT_MOST} 字，现有 {len(words)} 字。")
    mobile = text("mobile")
    phone = phone_of(mobile) if mobile else ""
    if phone is None:
        refuse("mobile", phone_fault(mobile, "电话号码应为数字，请对照原信。"))
    name = text("name")
    if len(name) > 200:
        refuse("name", "姓名太长，请核对。")
    if wrong:
        raise Refused("fields_refused", 422, wrong[0].message, tuple(wrong))
    assert day is not None  # refused above
    return Draft(
        way=Way(way),
        number=number,
        day=day,
        area=text("area"),
        target=text("target"),
        level=int(level) if level else None,
        tags=tuple(sorted(set(re.findall(r"[0-9A-Za-z]{3,8}", text("tags"))))),
        words=words,
        name=name,
        mobile=phone or "",
        consent=frozenset(consent) & frozenset(map(str, Consent)),
    )


def shortened(words: str) -> str:
    """A letter as a rating's words: whole, or its first 500 characters ending in …, the rest stays with the letter."""
    return words if len(words) <= WORDS_MOST else words[: WORDS_MOST - 1] + "…"
