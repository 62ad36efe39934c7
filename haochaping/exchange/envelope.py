"""The national envelope (domain.md §3.1, Beijing's variant), and a strict reading of what comes back. Pure.

Form fields `appMark, sign, params, time`; `sign` = SM2 encryption of time‖appMark‖appWord, `params` = {"data": SM2
encryption of the records' JSON array}, both hexadecimal C1‖C3‖C2. The answer's envelope says whether the call was
understood; the inner body `data` says what became of each record, and it is the inner body that counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from haochaping.exchange.rules import clean
from haochaping.kit import crypto
from haochaping.kit.clock import CHINA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from haochaping.exchange.target import Access

TIME_FORMAT = "%Y%m%d%H%M%S"
REPLY_MOST = 2 * 2**20  # bytes of an answer that are read at all
Key = tuple[str, int]  # projectNo and serviceNumber: the record's id on both sides

Truth = bool | Literal["true", "false"]  # Yancheng's platform sends text
Code = int | Annotated[str, msgspec.Meta(max_length=40)] | None
Text = Annotated[str, msgspec.Meta(max_length=2000)] | None


class NoAnswer(Exception):  # noqa: N818
    """The call brought nothing that can be believed: what became of its records is unknown. `code` is one of rules.NO_ANSWER."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = clean(text)


@dataclass(frozen=True)
class Result:
    """What the far side said of one record, as it said it: judge it, clean it, then store it."""

    success: bool
    code: str
    message: str


class _Line(msgspec.Struct, frozen=True):
    projectNo: Annotated[str, msgspec.Meta(max_length=200)]  # noqa: N815  the wire's names
    serviceNumber: int | Annotated[str, msgspec.Meta(max_length=2)]  # noqa: N815
    success: Truth | None = None
    code: Code = None
    errorMessage: Text = None  # noqa: N815


class _Inner(msgspec.Struct, frozen=True):
    success: Truth
    message: Text = None
    total: Annotated[int, msgspec.Meta(ge=0)] | None = None
    serviceList: Annotated[list[_Line], msgspec.Meta(max_length=5000)] | None = None  # noqa: N815


class _Outer(msgspec.Struct, frozen=True):
    success: Truth
    code: Code = None
    errorMessage: Text = None  # noqa: N815
    data: _Inner | None = None


def sealed_form(access: Access, body: Any, now: datetime) -> dict[str, str]:
    """The form of one call. `now` is the moment of sending: the far side refuses a time that is minutes off."""
    time = now.astimezone(CHINA).strftime(TIME_FORMAT)
    plain = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return {
        "appMark": access.app_mark,
        "sign": crypto.sm2_encrypt(access.public_key, f"{time}{access.app_mark}{access.app_word}".encode()).hex(),
        "params": json.dumps({"data": crypto.sm2_encrypt(access.public_key, plain).hex()}),
        "time": time,
    }


def wrapped(wrapper: str, records: Sequence[Mapping[str, str]]) -> list[dict[str, Mapping[str, str]]]:
    return [{wrapper: record} for record in records]


def read_results(status: int, body: bytes) -> dict[Key, Result]:
    """What became of each record that the answer mentions; `NoAnswer` if it cannot be believed.

    Success must be said by the envelope, by the inner body and for the record itself. A record named twice with two
    outcomes was answered by nobody.
    """
    inner = _inner(status, body)
    results: dict[Key, Result] = {}
    doubted: set[Key] = set()
    for line in inner.serviceList or ():
        if line.success is None or (key := _key(line)) is None:
            continue
        result = Result(line.success in (True, "true"), _text(line.code), line.errorMessage or "")
        if results.setdefault(key, result) != result:
            doubted.add(key)
    if not results and inner.success not in (True, "true"):
        raise NoAnswer("envelope_refused", inner.message or "对方未说明原因")
    return {key: result for key, result in results.items() if key not in doubted}


def read_list(status: int, body: bytes) -> tuple[int, list[Key]]:
    """One page of the far side's ledger: how many there are in all, and the keys of this page."""
    inner = _inner(status, body)
    if inner.success not in (True, "true") or inner.total is None or inner.serviceList is None:
        raise NoAnswer("unreadable", "对账清单缺少 total 或 serviceList")
    keys = [_key(line) for line in inner.serviceList]
    if None in keys:
        raise NoAnswer("unreadable", "对账清单中的 serviceNumber 不是 1 至 99")
    return inner.total, [key for key in keys if key is not None]


def _inner(status: int, body: bytes) -> _Inner:
    if status != 200:
        raise NoAnswer("http_status", f"HTTP {status}")
    try:
        outer = msgspec.json.decode(body, type=_Outer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NoAnswer("unreadable", f"应答不合约定：{error}") from None
    if outer.success not in (True, "true"):
        raise NoAnswer("envelope_refused", f"{_text(outer.code)} {outer.errorMessage or '对方未说明原因'}")
    if outer.data is None:
        raise NoAnswer("unreadable", "应答没有 data")
    return outer.data


def _key(line: _Line) -> Key | None:
    """None for a service number that is none."""
    number = str(line.serviceNumber)
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 99):
        return None
    return line.projectNo, int(number)


def _text(code: Code) -> str:
    return "" if code is None else clean(str(code))[:40]
