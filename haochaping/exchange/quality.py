"""数据质检 before anything is sent: the far side's own field rules (domain.md §3.3, §3.4), each with its remedy. Pure.

What fails here would be refused over there; here it is found without sending a person's data in vain, and it says what to do.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from haochaping.exchange.rules import Phase
from haochaping.kit.clock import parse_wire
from haochaping.kit.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

AHEAD = timedelta(seconds=300)

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
USCC = r"[0-9A-Z]{18}"
BUSINESS = "请业务系统更正后重新报送该办件"
DIRECTORY = "请在事项与机构目录中补正"


class Rule(NamedTuple):
    """A field's shape, and who can mend it."""

    is_required: bool
    pattern: str
    says: str
    remedy: str


def _text(most: int) -> str:
    return rf"(?s).{{1,{most}}}"


SERVICE = {
    "projectNo": Rule(True, _text(100), "办件编号，1 至 100 个字符", BUSINESS),
    "serviceNumber": Rule(True, r"[1-9]\d?", "1 至 99", BUSINESS),
    "taskCode": Rule(True, r"[0-9A-Z]{31}", "31 位实施编码", DIRECTORY),
    "taskHandleItem": Rule(False, r"[0-9A-Z]{33}", "33 位业务办理项编码", DIRECTORY),
    "taskName": Rule(True, _text(500), "事项名称", DIRECTORY),
    "subMatter": Rule(False, _text(50), "事项主题，最多 50 个字符", DIRECTORY),
    "taskType": Rule(True, "01|05|07|08|09|10|20|99", "事项类型代码", DIRECTORY),
    "projectName": Rule(True, _text(500), "办件名称", BUSINESS),
    "proStatus": Rule(True, "[123]", "1 待受理、2 已受理、3 已办结", BUSINESS),
    "orgcode": Rule(True, USCC, "18 位统一社会信用代码", DIRECTORY),
    "orgName": Rule(True, _text(200), "受理单位名称", DIRECTORY),
    "deptCode": Rule(True, USCC, "18 位统一社会信用代码", DIRECTORY),
    "deptName": Rule(True, _text(200), "部门名称", DIRECTORY),
    "areaCode": Rule(True, r"\d{12}", "12 位行政区划代码", DIRECTORY),
    "acceptDate": Rule(False, TIME, "受理时间 yyyy-MM-dd HH:mm:ss", BUSINESS),
    "resultDate": Rule(False, TIME, "办结时间 yyyy-MM-dd HH:mm:ss", BUSINESS),
    "serviceTime": Rule(True, TIME, "服务时间 yyyy-MM-dd HH:mm:ss", BUSINESS),
    "serviceName": Rule(True, _text(100), "服务名称", BUSINESS),
    "isService": Rule(True, "[01]", "0 或 1", BUSINESS),
    "userProp": Rule(True, "[1234569]", "申请人类型代码", BUSINESS),
    "userName": Rule(True, _text(200), "申请人姓名或名称", BUSINESS),
    "certKey": Rule(False, _text(100), "身份标识", BUSINESS),
    "certKeyGOV": Rule(False, r"[0-9A-Za-z\-()（）]{5,50}", "证件号码或统一社会信用代码", BUSINESS),
    "creditType": Rule(False, r"\d{3}", "3 位证件类型代码（111 居民身份证）", BUSINESS),
    "creditNum": Rule(False, r"[0-9A-Za-z\-()（）]{5,50}", "证件号码", BUSINESS),
    "mobile": Rule(False, r"[0-9+\- ]{5,20}", "联系电话", BUSINESS),
    "projectType": Rule(False, "[12]", "1 即办件、2 承诺件", BUSINESS),
    "promiseDay": Rule(False, r"\d{1,4}", "承诺时限，0 至 9999", BUSINESS),
    "promiseType": Rule(False, "[0123]", "0 天、1 工作日、2 月、3 年", BUSINESS),
    "proChannel": Rule(True, "[12]", "1 线上、2 线下", BUSINESS),
    "proManagerNo": Rule(False, _text(64), "经办人编号", BUSINESS),
    "dataSource": Rule(True, r"\d{3}", "3 位数据来源代码", "请检查对接配置 national.toml"),
}

RATING = "评价不可更改；请核对对接配置 national.toml 与指标目录"
EVALUATION = {
    "projectNo": SERVICE["projectNo"],
    "assessNumber": SERVICE["serviceNumber"],
    "taskCode": SERVICE["taskCode"],
    "areaCode": SERVICE["areaCode"],
    "satisfaction": Rule(True, "[1-5]", "1 至 5", RATING),
    "pf": Rule(True, "[1-7]", "评价渠道 1 至 7", RATING),
    "evalDetail": Rule(False, r"\d{3}(,\d{3})*", "国家指标编码，以逗号分隔", RATING),
    "writingEvaluation": Rule(False, _text(600), "文字评价，最多 600 个字符", RATING),
    "assessTime": Rule(True, TIME, "评价时间 yyyy-MM-dd HH:mm:ss", RATING),
    "name": Rule(False, _text(200), "评价人姓名", RATING),
    "userProp": Rule(False, "[1234569]", "评价人类型代码", RATING),
    "certKey": SERVICE["certKey"],
    "certKeyGOV": SERVICE["certKeyGOV"],
    "mobile": SERVICE["mobile"],
    "appStatus": Rule(True, "0", "0", RATING),
    "isdefault": Rule(True, "0", "0：默认评价不上报", RATING),
    "effectivEvalua": Rule(True, "1", "1", RATING),
    "dataSource": SERVICE["dataSource"],
}

ORDER = "请在差评工单中补正"
RECTIFICATION = {
    "projectNo": SERVICE["projectNo"],
    "serviceNumber": SERVICE["serviceNumber"],
    "rectifyNumber": Rule(True, r"[1-9]\d{0,3}", "1 至 9999", ORDER),
    "rectifyOrderNo": Rule(True, _text(24), "工单编号", ORDER),
    "answer": Rule(False, _text(4000), "答复，最多 4000 个字符", ORDER),
    "answerdate": Rule(False, TIME, "答复时间 yyyy-MM-dd HH:mm:ss", ORDER),
    "dataSource": SERVICE["dataSource"],
}

TABLES = {Phase.SERVICE: SERVICE, Phase.EVALUATION: EVALUATION, Phase.RECTIFICATION: RECTIFICATION}


def check(phase: Phase, record: Mapping[str, str], now: datetime) -> list[FieldError]:
    """What the far side would refuse; empty if nothing. Each message names the rule and the remedy, never the value."""
    table = TABLES[phase]
    errors = []
    for name, rule in table.items():
        value = record.get(name, "")
        if value and not re.fullmatch(rule.pattern, value):
            errors.append(FieldError(name, "bad_value", f"应为{rule.says}；{rule.remedy}"))
        elif rule.is_required and not value:
            errors.append(FieldError(name, "required", f"缺少{rule.says}；{rule.remedy}"))
    if errors:
        return errors  # what follows reads them
    if phase is Phase.SERVICE:
        return _service(record, now)
    if phase is Phase.EVALUATION:
        return _evaluation(record, now)
    return _rectification(record)


def _service(record: Mapping[str, str], now: datetime) -> list[FieldError]:
    status = record["proStatus"]
    service = parse_wire(record["serviceTime"])
    wrong = [
        (status in "23" and "acceptDate" not in record, "acceptDate", "已受理、已办结的办件必填"),
        (status == "3" and "resultDate" not in record, "resultDate", "已办结的办件必填"),
        (not {"certKey", "certKeyGOV"} & record.keys(), "certKeyGOV", "与 certKey 至少填写一项（证件号码）"),
        (
            "taskHandleItem" in record and not record["taskHandleItem"].startswith(record["taskCode"]),
            "taskHandleItem",
            "应以 taskCode 开头",
        ),
        (("promiseDay" in record) != ("promiseType" in record), "promiseType", "承诺时限与单位应同时填写"),
        (service > now + AHEAD, "serviceTime", "晚于当前时间"),
        (record.get("resultDate", "9") < record.get("acceptDate", ""), "resultDate", "早于受理时间"),
    ]
    return [FieldError(name, "rule", f"{says}；{BUSINESS}") for is_wrong, name, says in wrong if is_wrong]


def _evaluation(record: Mapping[str, str], now: datetime) -> list[FieldError]:
    is_bad = record["satisfaction"] in "12"
    codes = [code for code in record.get("evalDetail", "").split(",") if code]
    wrong = [
        (is_bad and not codes and "writingEvaluation" not in record, "evalDetail", "差评须有指标或文字"),
        (any(code[0] != record["satisfaction"] for code in codes), "evalDetail", "指标不属于该满意度等级"),
        (parse_wire(record["assessTime"]) > now + AHEAD, "assessTime", "晚于当前时间"),
    ]
    return [FieldError(name, "rule", f"{says}；{RATING}") for is_wrong, name, says in wrong if is_wrong]


def _rectification(record: Mapping[str, str]) -> list[FieldError]:
    if record.get("sfeypj") != "1" and not ({"answer", "answerdate"} <= record.keys()):
        return [FieldError("answer", "rule", f"已答复的工单须有答复内容与时间；{ORDER}")]
    return []
