"""What the fake national platform lets in: its own reading of domain.md §3.3 and §3.4, independent of ours and unforgiving."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.fakes.national_norms import IN_USE, RETIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHINA = ZoneInfo("Asia/Shanghai")
AHEAD = timedelta(seconds=300)
SELF_MADE = "00000000"


class Refusal(Exception):  # noqa: N818
    """One record is not taken in; the words are the platform's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)


def _shape(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


def _among(*codes: str) -> Callable[[str], bool]:
    return frozenset(codes).__contains__


def _length(most: int) -> Callable[[str], bool]:
    return lambda value: 1 <= len(value) <= most and value.strip() == value and "\x00" not in value


def _time(value: str) -> bool:
    try:
        return len(value) == 19 and moment(value) is not None
    except ValueError:
        return False


class Field(NamedTuple):
    holds: Callable[[str], bool]
    must: bool = False


def _credit_code(value: str) -> bool:
    return len(value) == 18 and value.isascii() and value.isalnum() and value.upper() == value


KEY = {"projectNo": Field(_length(100), must=True)}
NUMBER = Field(_shape("[1-9][0-9]?"), must=True)
TASK_CODE = Field(_shape("[0-9A-Z]{31}"), must=True)
SOURCE = {"dataSource": Field(_shape("1[1-6][0-9]"), must=True)}
USER_PROP = _among("1", "2", "3", "4", "5", "6", "9")
PERSON = {
    "certKey": Field(_shape("[0-9a-fA-F]{32,128}")),
    "certKeyGOV": Field(_length(50)),
    "mobile": Field(_shape(r"\+?[0-9 \-]{5,20}")),
}

SERVICE = {
    **KEY,
    "serviceNumber": NUMBER,
    "taskCode": TASK_CODE,
    "taskHandleItem": Field(_shape("[0-9A-Z]{33}")),
    "taskName": Field(_length(500), must=True),
    "subMatter": Field(_length(50)),
    "taskType": Field(_among("01", "05", "07", "08", "09", "10", "20", "99"), must=True),
    "projectName": Field(_length(500), must=True),
    "proStatus": Field(_among("1", "2", "3"), must=True),
    "orgcode": Field(_credit_code, must=True),
    "orgName": Field(_length(200), must=True),
    "deptCode": Field(_credit_code, must=True),
    "deptName": Field(_length(200), must=True),
    "areaCode": Field(_shape("[0-9]{12}"), must=True),
    "acceptDate": Field(_time),
    "applydate": Field(_time),
    "resultDate": Field(_time),
    "serviceTime": Field(_time, must=True),
    "serviceName": Field(_length(100), must=True),
    "isService": Field(_among("0", "1"), must=True),
    "userProp": Field(USER_PROP, must=True),
    "userName": Field(_length(200), must=True),
    **PERSON,
    "creditType": Field(_shape("[0-9]{3}")),
    "creditNum": Field(_length(50)),
    "handleUserName": Field(_length(200)),
    "handleUserPageType": Field(_shape("[0-9]{3}")),
    "handleUserPageCode": Field(_length(50)),
    "projectType": Field(_among("1", "2")),
    "promiseDay": Field(_shape("[0-9]{1,4}")),
    "promiseType": Field(_among("0", "1", "2", "3")),
    "anticipateDay": Field(_shape("[0-9]{1,4}")),
    "anticipateType": Field(_among("0", "1", "2", "3")),
    "proChannel": Field(_among("1", "2"), must=True),
    "proManager": Field(_length(64)),
    "proManagerNo": Field(_length(64)),
    "eventType": Field(_among("1", "2")),
    **SOURCE,
}

EVALUATION = {
    **KEY,
    "assessNumber": NUMBER,
    "taskCode": TASK_CODE,
    "areaCode": Field(_shape("[0-9]{12}"), must=True),
    "satisfaction": Field(_among("1", "2", "3", "4", "5"), must=True),
    "pf": Field(_among("1", "2", "3", "4", "5", "6", "7"), must=True),
    "evalDetail": Field(_shape("[0-9]{3}(,[0-9]{3})*")),
    "writingEvaluation": Field(_length(600)),
    "assessTime": Field(_time, must=True),
    "name": Field(_length(200)),
    "userProp": Field(USER_PROP),
    **PERSON,
    "appStatus": Field(_among("0"), must=True),
    "isdefault": Field(_among("0"), must=True),
    "effectivEvalua": Field(_among("1"), must=True),
    **SOURCE,
}

_YES_NO = Field(_among("0", "1"))
RECTIFICATION = {
    **KEY,
    "serviceNumber": NUMBER,
    "rectifyNumber": Field(_shape("[1-9][0-9]{0,3}"), must=True),
    "rectifyOrderNo": Field(_length(24), must=True),
    "answer": Field(_length(4000)),
    "answerdate": Field(_time),
    "answerStatus": Field(_among("0", "1"), must=True),
    "iszg": _YES_NO,
    "sendcq": _YES_NO,
    "sfhf": Field(_among("0", "1"), must=True),
    "sfhfang": _YES_NO,
    "hfjg": Field(_among("1", "2", "3", "4")),
    "zgjg": Field(_among("0", "1", "2", "3", "4"), must=True),
    "sfss": _YES_NO,
    "sfhl": _YES_NO,
    "sfeypj": Field(_among("0", "1"), must=True),
    **SOURCE,
}

TABLES = {"projectService": SERVICE, "evaluate": EVALUATION, "rectify": RECTIFICATION}
PERSONAL = {"userName", "name", "certKey", "certKeyGOV", "creditNum", "mobile", "handleUserName", "handleUserPageCode"}


def inspect(kind: str, record: Any, now: datetime) -> dict[str, str]:
    """The record if every rule holds; `Refusal` with the platform's words for the first that does not."""
    if not isinstance(record, dict):
        raise Refusal("1001", f"{kind} 不是对象")
    table = TABLES[kind]
    for name, value in record.items():
        if name not in table:
            raise Refusal("1002", f"未知字段 {name}")
        if not isinstance(value, str):
            raise Refusal("1003", f"字段 {name} 类型错误，应为字符串")
        if not table[name].holds(value):
            raise Refusal("1004", f"字段 {name} 取值不符合规范")
    for name, field in table.items():
        if field.must and name not in record:
            raise Refusal("1005", f"缺少必填字段 {name}")
    {"projectService": _service, "evaluate": _evaluation, "rectify": _rectification}[kind](record, now)
    return record


def _service(record: Mapping[str, str], now: datetime) -> None:
    if SELF_MADE in record["taskCode"]:
        raise Refusal("1101", "办件对应事项不存在")
    if record["proStatus"] in "23" and "acceptDate" not in record:
        raise Refusal("1005", "proStatus 为 2、3 时 acceptDate 必填")
    if record["proStatus"] == "3" and "resultDate" not in record:
        raise Refusal("1005", "proStatus 为 3 时 resultDate 必填")
    if "certKey" not in record and "certKeyGOV" not in record:
        raise Refusal("1005", "certKey 与 certKeyGOV 至少填写一项")
    if ("creditType" in record) != ("creditNum" in record):
        raise Refusal("1005", "creditType 与 creditNum 应同时填写")
    if ("promiseDay" in record) != ("promiseType" in record):
        raise Refusal("1005", "promiseDay 与 promiseType 应同时填写")
    if not record.get("taskHandleItem", record["taskCode"]).startswith(record["taskCode"]):
        raise Refusal("1004", "字段 taskHandleItem 取值不符合规范")
    if moment(record["serviceTime"]) > now + AHEAD:
        raise Refusal("1102", "serviceTime 晚于当前时间")


def _evaluation(record: Mapping[str, str], now: datetime) -> None:
    codes = record.get("evalDetail", "").split(",") if "evalDetail" in record else []
    for code in codes:
        if int(code) not in IN_USE and int(code) not in RETIRED:
            raise Refusal("1201", f"评价指标 {code} 不存在")
        if code[0] != record["satisfaction"]:
            raise Refusal("1202", f"评价指标 {code} 与满意度不符")
    if record["satisfaction"] in "12" and not codes and "writingEvaluation" not in record:
        raise Refusal("1203", "差评必须勾选详情或填写文字评价")
    if moment(record["assessTime"]) > now + AHEAD:
        raise Refusal("1204", "assessTime 晚于当前时间")


def _rectification(record: Mapping[str, str], now: datetime) -> None:
    if record["sfeypj"] == "0" and not ({"answer", "answerdate"} <= record.keys()):
        raise Refusal("1301", "answer 与 answerdate 必填")
