"""What arrives on the wire, read into frozen records or refused field by field. Pure.

Values may be JSON strings or numbers (the national interface sends all as strings); an empty string is an absent one.
Fields we do not know are left alone: integrators send the whole national record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003  msgspec reads the annotations when a parked record is opened
from typing import TYPE_CHECKING, Any

from haochaping.evaluation.rules import Aspect, Channel, Consent, Level, Mode, Point
from haochaping.kit.clock import parse_wire, to_wire
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

WORDS_MOST = 500  # characters of free text (contract §3)
_CODES = re.compile(r"[,|]")
_USCC = re.compile(r"[0-9A-Z]{18}")


@dataclass(frozen=True)
class ServiceRecord:
    """办件服务数据 (domain §3.3) as far as we use it."""

    project_no: str
    service_number: int
    task_code: str
    task_handle_item: str
    organ_code: str
    area: str
    service_time: datetime
    pro_status: int
    project_name: str = ""
    service_name: str = ""
    window_code: str = ""
    clerk_no: str = ""
    pro_channel: int | None = None
    project_type: int | None = None
    promise_day: int | None = None
    promise_type: int | None = None
    accept_date: datetime | None = None
    result_date: datetime | None = None
    user_prop: int | None = None
    user_name: str = field(default="", repr=False)
    credit_type: str = ""
    credit_num: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    aspect: str = Aspect.SERVICE
    point: str = Point.NONE
    mode: str = Mode.ON_SITE


@dataclass(frozen=True)
class Submission:
    """One rating, whatever channel it came through."""

    project_no: str
    service_number: int
    level: int
    pf: int
    assess_time: datetime
    source: str
    indicators: tuple[str, ...] = ()
    words: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    cert: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    user_prop: int | None = None
    consent: frozenset[str] = frozenset()
    device_id: str = ""
    knows_case: bool = False  # the rater named the case with its applicant; who they are is still sealed from all
    batch: str = ""  # with which it came, if with others
    arrived: datetime | None = None  # when it first reached us, if it was parked or kept since
    waives: frozenset[str] = frozenset()  # what a supervisor's decision leaves aside (`judge.Waiver`)


class Reader:
    """Takes fields out of a wire record and collects what is wrong with them."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.errors: list[FieldError] = []

    def refuse(self, name: str, code: str, message: str) -> None:
        self.errors.append(FieldError(name, code, message))

    def text(self, name: str, most: int, *, required: bool = False) -> str:
        value: Any = self.record.get(name, "")
        if not isinstance(value, str):
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
                self.refuse(name, "not_text", f"{name} 应为文本。")
                return ""
            value = "" if value is None else str(value)
        text: str = value.strip()
        if "\x00" in text:
            self.refuse(name, "not_text", f"{name} 含有空字符，请去除。")
            return ""
        if len(text) > most:
            self.refuse(name, "too_long", f"{name} 最多 {most} 个字符，现有 {len(text)} 个。")
            return ""
        if required and not text:
            self.refuse(name, "required", f"缺少 {name}。")
        return text

    def number(self, name: str, least: int, most: int, *, required: bool = False) -> int | None:
        value = self.record.get(name)
        if type(value) is int and least <= value <= most:
            return value
        if value is None or value == "":
            if required:
                self.refuse(name, "required", f"缺少 {name}。")
            return None
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            self.refuse(name, "not_a_number", f"{name} 应为 {least} 至 {most} 的整数。")
            return None
        text = str(value).strip()
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            self.refuse(name, "out_of_range", f"{name} 应为 {least} 至 {most} 的整数。")
            return None
        return int(text)

    def moment(self, name: str, *, required: bool = False) -> datetime | None:
        text = self.text(name, 30, required=required)
        if not text:
            return None
        try:
            return parse_wire(text)
        except ValueError:
            self.refuse(name, "bad_time", f"{name} 应为 yyyy-MM-dd HH:mm:ss（北京时间）。")
            return None

    def choice(self, name: str, allowed: Container[str], default: str) -> str:
        text = self.text(name, 20)
        if text and text not in allowed:
            self.refuse(name, "unknown_value", f"{name} 的取值“{text}”不在代码表内。")
            return default
        return text or default

    def finish(self) -> None:
        if self.errors:
            raise Refused("fields_refused", 422, "有的内容不对，请逐项更正。", tuple(self.errors))


def read_service(record: Mapping[str, Any]) -> ServiceRecord:
    """A service record; Refused (422) names every wrong field at once."""
    r = Reader(record)
    task_code = r.text("taskCode", 100, required=True)
    handle_item = r.text("taskHandleItem", 33)
    if len(task_code) == 33 and task_code.isalnum():  # a 业务办理项编码 in the place of the 实施编码 (domain §2.5)
        task_code, handle_item = task_code[:31], handle_item or task_code
    elif len(task_code) > 64:
        r.refuse("taskCode", "too_long", "taskCode 应为 31 位实施编码（或 33 位业务办理项编码）。")
    organ = _organ(r)
    area = r.text("areaCode", 12, required=True)
    if area and not re.fullmatch(r"[0-9]{6}([0-9]{6})?", area):
        r.refuse("areaCode", "bad_code", "areaCode 应为 12 位行政区划代码。")
    status = r.number("proStatus", 1, 3, required=True)
    accept, result = r.moment("acceptDate"), r.moment("resultDate")
    service_time = r.moment("serviceTime", required=True)
    number = r.number("serviceNumber", 1, 99, required=True)
    read = {
        "project_no": r.text("projectNo", 100, required=True),
        "task_code": task_code,
        "task_handle_item": handle_item,
        "organ_code": organ,
        "area": area.ljust(12, "0") if area else "",
        "project_name": r.text("projectName", 500),
        "service_name": r.text("serviceName", 100),
        "window_code": r.text("windowNo", 64),
        "clerk_no": r.text("clerkNo", 64) or r.text("proManagerNo", 64),
        "pro_channel": r.number("proChannel", 1, 2),
        "project_type": r.number("projectType", 1, 2),
        "promise_day": r.number("promiseDay", 0, 9999),
        "promise_type": r.number("promiseType", 0, 3),
        "accept_date": accept,
        "result_date": result,
        "user_prop": r.number("userProp", 1, 9),
        "user_name": r.text("userName", 200),
        "credit_type": r.text("creditType", 10),
        "credit_num": r.text("creditNum", 50),
        "mobile": r.text("mobile", 30),
        "aspect": r.choice("aspect", tuple(Aspect), Aspect.SERVICE),
        "point": r.choice("point", tuple(Point), Point.NONE),
        "mode": r.choice("mode", tuple(Mode), Mode.ONLINE if str(record.get("proChannel")) == "1" else Mode.ON_SITE),
    }
    r.finish()
    assert service_time and status and number  # finish() raised otherwise  # noqa: PT018
    return ServiceRecord(service_number=number, service_time=service_time, pro_status=status, **read)  # type: ignore[arg-type]


def _organ(r: Reader) -> str:
    """The social credit code, bare or as the `areaCode_USCC` form of Shandong (domain §2.5)."""
    name = "orgcode" if r.record.get("orgcode") else "deptCode"
    text = r.text(name, 40).rpartition("_")[2].upper()
    if not text:
        r.refuse("orgcode", "required", "orgcode 与 deptCode 至少填写一个。")
    elif not _USCC.fullmatch(text):
        r.refuse(name, "bad_code", f"{name} 应为 18 位统一社会信用代码。")
    return text


def read_evaluation(
    record: Mapping[str, Any], *, source: str, best_is_one: bool = False, batch: str = ""
) -> Submission:
    """A rating off the wire; Refused (422) names every wrong field at once.

    `best_is_one` is the source's declared direction: GB/T 39046 table A.8 codes 1 as 非常满意, every interface seen
    codes 5 (domain §7). It is never guessed.
    """
    r = Reader(record)
    level = r.number("satisfaction", 1, 5, required=True)
    number = r.number("serviceNumber", 1, 99, required=True)
    pf = r.number("pf", 1, 9, required=True)
    assess_time = r.moment("assessTime", required=True)
    words = r.text("writingEvaluation", WORDS_MOST)
    codes = tuple(dict.fromkeys(c.strip() for c in _CODES.split(r.text("evalDetail", 400)) if c.strip()))
    given = record.get("consent") or []
    if not isinstance(given, list) or not all(isinstance(c, str) for c in given) or not set(given) <= set(Consent):
        r.refuse("consent", "unknown_value", f"consent 应为数组，取值 {'、'.join(Consent)}。")
        given = []
    read = {
        "project_no": r.text("projectNo", 100, required=True),
        "name": r.text("name", 200),
        "cert": r.text("certKey", 100),
        "mobile": r.text("mobile", 30),
        "user_prop": r.number("userProp", 1, 9),
        "device_id": r.text("deviceId", 64),
    }
    r.finish()
    assert level and number and pf and assess_time  # finish() raised otherwise  # noqa: PT018
    return Submission(
        service_number=number,
        level=int(Level(6 - level if best_is_one else level)),
        pf=int(Channel(pf)),
        assess_time=assess_time,
        source=source,
        indicators=codes,
        words=words,
        consent=frozenset(given),
        batch=batch,
        **read,  # type: ignore[arg-type]
    )


def content(s: Submission) -> dict[str, Any]:
    """What makes two submissions the same: everything the rater said and when, in wire names."""
    return {
        "projectNo": s.project_no,
        "serviceNumber": s.service_number,
        "satisfaction": s.level,
        "pf": s.pf,
        "evalDetail": ",".join(sorted(s.indicators)),
        "writingEvaluation": s.words,
        "assessTime": to_wire(s.assess_time),
        "name": s.name,
        "certKey": s.cert,
        "mobile": s.mobile,
        "userProp": s.user_prop,
        "consent": sorted(s.consent),
        "deviceId": s.device_id,
    }


def service_content(record: ServiceRecord) -> dict[str, Any]:
    """A service record in wire names, as `read_service` reads it back; what is empty is left out."""
    moments = {"serviceTime": record.service_time, "acceptDate": record.accept_date, "resultDate": record.result_date}
    given = {
        "projectNo": record.project_no,
        "serviceNumber": record.service_number,
        "taskCode": record.task_code,
        "taskHandleItem": record.task_handle_item,
        "orgcode": record.organ_code,
        "areaCode": record.area,
        "proStatus": record.pro_status,
        "projectName": record.project_name,
        "serviceName": record.service_name,
        "windowNo": record.window_code,
        "clerkNo": record.clerk_no,
        "proChannel": record.pro_channel,
        "projectType": record.project_type,
        "promiseDay": record.promise_day,
        "promiseType": record.promise_type,
        "userProp": record.user_prop,
        "userName": record.user_name,
        "creditType": record.credit_type,
        "creditNum": record.credit_num,
        "mobile": record.mobile,
        "aspect": record.aspect,
        "point": record.point,
        "mode": record.mode,
        **{name: to_wire(moment) for name, moment in moments.items() if moment},
    }
    return {name: value for name, value in given.items() if value not in (None, "")}
