"""Numbers of paper forms, what is read off a form, and when two people read the same. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from haochaping.channels.rules import phone_fault, phone_of
from haochaping.evaluation.records import WORDS_MOST, Submission
from haochaping.evaluation.rules import Channel, Consent, Level
from haochaping.kit.clock import CHINA
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

SERIAL_MOST = 9_999_999
RUN_MOST = 200  # forms of one print order
FORMS_MOST = 500  # forms of one batch
REASON_MOST = 200
_NUMBER = re.compile(r"\d{10}")
_IGNORED = re.compile(r"[\s\-－—.]")


class State(StrEnum):
    """How a form of a batch stands."""

    WAITING = "waiting"  # its scan is there, nobody has keyed it
    ONCE = "once"  # keyed by one person
    DIFFERS = "differs"  # two people read it differently: a decision is wanted
    ADMITTED = "admitted"  # its rating is taken in
    REFUSED = "refused"  # both read the same, but the rating could not be taken: a decision is wanted
    VOID = "void"  # spoiled, unreadable, or without a level

    @property
    def wants_decision(self) -> bool:
        return self in {State.DIFFERS, State.REFUSED}

    @property
    def is_settled(self) -> bool:
        return self in {State.ADMITTED, State.VOID}


STATE_NAMES = {
    State.WAITING: "待录入",
    State.ONCE: "待复录",
    State.DIFFERS: "两次不一致",
    State.ADMITTED: "已入库",
    State.REFUSED: "未能入库",
    State.VOID: "已作废",
}


def number_of(year: int, serial: int) -> str:
    """The number printed on a form: year, serial and a check digit by ISO 7064 MOD 11,10; ten digits."""
    body = f"{year % 100:02d}{serial:07d}"
    return body + _check_digit(body)


def in_parts(number: str) -> str:
    """A number as people read it: 26 0000 123 4."""
    return f"{number[:2]} {number[2:6]} {number[6:9]} {number[9:]}"


def read_number(typed: str) -> str | None:
    """The number as somebody typed or scanned it, None if its check digit does not fit."""
    plain = _IGNORED.sub("", unicodedata.normalize("NFKC", typed))
    return plain if _NUMBER.fullmatch(plain) and _check_digit(plain[:9]) == plain[9] else None


def serial_of(number: str) -> tuple[int, int]:
    """Year and serial of a number."""
    return 2000 + int(number[:2]), int(number[2:9])


def _check_digit(digits: str) -> str:
    rest = 10
    for digit in digits:
        rest = ((rest + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - rest) % 10)


@dataclass(frozen=True)
class Reading:
    """What one person read off a form."""

    level: int
    tags: tuple[str, ...] = ()
    words: str = field(default="", repr=False)
    project_no: str = ""
    service_number: int = 1
    window_code: str = ""
    day: date = date.min
    name: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    consent: tuple[str, ...] = ()

    def compared(self) -> dict[str, str]:
        """What counts when two readings are compared: free text without its spaces and punctuation."""
        told = {name: str(value) for name, value in self.as_fields().items()}
        told["words"], told["name"] = _letters(self.words), _letters(self.name)
        told["project_no"] = self.project_no.upper()
        return told

    def as_fields(self) -> dict[str, str]:
        """The reading as texts, as it is sealed."""
        return {
            "level": str(self.level),
            "tags": ",".join(self.tags),
            "words": self.words,
            "project_no": self.project_no,
            "service_number": str(self.service_number),
            "window_code": self.window_code,
            "day": self.day.isoformat(),
            "name": self.name,
            "mobile": self.mobile,
            "consent": ",".join(self.consent),
        }

    @classmethod
    def restore(cls, kept: Mapping[str, str]) -> Reading:
        return cls(
            level=int(kept["level"]),
            tags=_codes(kept["tags"]),
            words=kept["words"],
            project_no=kept["project_no"],
            service_number=int(kept["service_number"]),
            window_code=kept["window_code"],
            day=date.fromisoformat(kept["day"]),
            name=kept["name"],
            mobile=kept["mobile"],
            consent=_codes(kept["consent"]),
        )

    def submission(self, project_no: str, now: datetime) -> Submission:
        """The rating this reading is. It was given at the end of the day that stands on the form, or now if that is today."""
        end = datetime.combine(self.day + timedelta(days=1), time(), CHINA) - timedelta(seconds=1)
        return Submission(
            project_no=project_no,
            service_number=self.service_number,
            level=self.level,
            pf=Channel.PAPER,
            assess_time=min(end.astimezone(UTC), now),
            source="desk-paper",
            indicators=self.tags,
            words=self.words,
            name=self.name,
            mobile=self.mobile,
            consent=frozenset(self.consent),
        )


FIELD_NAMES = {
    "level": "满意度",
    "tags": "选项代码",
    "words": "意见",
    "project_no": "办件编号",
    "service_number": "第几次服务",
    "window_code": "窗口编号",
    "day": "评价日期",
    "name": "姓名",
    "mobile": "电话",
    "consent": "同意项",
}
CONSENTS = {"1": Consent.PUBLISH_TEXT, "2": Consent.CONTACT_DEPARTMENT}  # as they are numbered on the form


def differing(one: Reading, other: Reading) -> list[str]:
    """The fields in which two readings differ, in the form's order."""
    first, second = one.compared(), other.compared()
    return [name for name in FIELD_NAMES if first[name] != second[name]]


def read(typed: Mapping[str, str], *, batch_day: date) -> Reading:
    """What was typed for a form collected on `batch_day`; Refused (422) names every wrong field at once."""
    r = _Typed(typed)
    level = r.one("level", "满意度填 1 至 5：5 非常满意、4 满意、3 基本满意、2 不满意、1 非常不满意。", r"[1-5]")
    tags = _codes(re.sub(r"[\s,，、.]+", ",", r.text("tags", 200, "选项代码")))
    for tag in tags:
        if not re.fullmatch(r"[0-9A-Za-z]{3,8}", tag):
            r.refuse("tags", "malformed", f"“{tag}”不是选项代码。代码印在选项前，如 115；几个代码用空格隔开。")
            break
    number = r.text("service_number", 2, "第几次服务") or "1"
    if not re.fullmatch(r"[1-9][0-9]?", number):
        r.refuse("service_number", "malformed", "第几次服务填 1 至 99，不填为第 1 次。")
        number = "1"
    ticks = re.sub(r"\D", "", r.text("consent", 5, "同意项"))
    if not set(ticks) <= set(CONSENTS):
        r.refuse("consent", "malformed", "同意项填 1（公开文字）、2（单位联系），都勾选填 12，没有勾选不填。")
    mobile = r.text("mobile", 30, "电话")
    phone = phone_of(mobile) if mobile else ""
    if phone is None:
        r.refuse("mobile", "malformed", phone_fault(mobile, "电话号码应为数字，请对照原件。"))
    reading = Reading(
        level=int(level or Level.VERY_GOOD),
        tags=tags,
        words=r.text("words", WORDS_MOST, "意见"),
        project_no=re.sub(r"\s", "", r.text("project_no", 100, "办件编号")),
        service_number=int(number),
        window_code=r.text("window_code", 64, "窗口编号"),
        day=_day(r, batch_day),
        name=r.text("name", 200, "姓名"),
        mobile=phone or "",
        consent=tuple(str(CONSENTS[tick]) for tick in sorted(set(ticks) & set(CONSENTS))),
    )
    r.finish()
    return reading


def retyped(reading: Reading) -> dict[str, str]:
    """A reading as it would be typed."""
    numbers = {str(value): key for key, value in CONSENTS.items()}
    told = reading.as_fields()
    told["tags"] = " ".join(reading.tags)
    told["consent"] = "".join(sorted(numbers[c] for c in reading.consent))
    told["day"] = f"{reading.day:%m%d}"
    return told


def _day(r: _Typed, batch_day: date) -> date:
    """Month and day as on the form, four digits; nothing written is the day of the batch. Never after that day."""
    typed = re.sub(r"\D", "", r.text("day", 10, "评价日期"))
    if not typed:
        return batch_day
    try:
        day = date(int(typed[:4]), int(typed[4:6]), int(typed[6:])) if len(typed) == 8 else _near(typed, batch_day)
    except ValueError:
        r.refuse("day", "malformed", "评价日期填月日四位，如 0610；没有写的不填。")
        return batch_day
    if day > batch_day:
        r.refuse("day", "after_batch", "评价日期晚于收表日期，请对照原件。")
    return day


def _near(typed: str, batch_day: date) -> date:
    """That month and day, in the batch's year or, around New Year, the one before."""
    if len(typed) != 4:
        raise ValueError(typed)
    day = date(batch_day.year, int(typed[:2]), int(typed[2:]))
    return day if day <= batch_day or (day - batch_day).days < 300 else day.replace(year=day.year - 1)


def _codes(text: str) -> tuple[str, ...]:
    return tuple(sorted({code for code in text.split(",") if code}))


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in plain if unicodedata.category(c)[0] in "LN")


class _Typed:
    """Takes fields out of a form and collects what is wrong with them."""

    def __init__(self, typed: Mapping[str, str]) -> None:
        self.typed = typed
        self.errors: list[FieldError] = []

    def refuse(self, name: str, code: str, message: str) -> None:
        self.errors.append(FieldError(name, code, message))

    def text(self, name: str, most: int, label: str) -> str:
        value = unicodedata.normalize("NFC", self.typed.get(name, "")).replace("\r\n", "\n").strip()
        if "\x00" in value:
            self.refuse(name, "not_text", f"{label}里有无法保存的字符，请重新输入。")
            return ""
        if len(value) > most:
            self.refuse(name, "too_long", f"{label}最多 {most} 个字符。")
            return ""
        return value

    def one(self, name: str, message: str, pattern: str) -> str:
        value = unicodedata.normalize("NFKC", self.text(name, 10, ""))
        if not re.fullmatch(pattern, value):
            self.refuse(name, "required", message)
            return ""
        return value

    def finish(self) -> None:
        if self.errors:
            raise Refused("fields_refused", 422, self.errors[0].message, tuple(self.errors))
