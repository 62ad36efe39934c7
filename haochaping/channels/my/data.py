"""A citizen's copy of what is kept about them, and its deletion (个人信息保护法 §45, §47)."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import Actor
from haochaping.channels.models import CitizenSession, LoginCode
from haochaping.channels.my import acts, queries
from haochaping.channels.sheets import write_csv
from haochaping.evaluation import commands as evaluation
from haochaping.kit import clock
from haochaping.kit.cells import text
from haochaping.messaging import commands as messaging

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from haochaping.channels.my.queries import Citizen, Service

README = """这是您在政务服务“好差评”平台的数据副本，导出时间 {at}（北京时间）。

办件.csv      业务部门报送的您的办件，和申请人信息
评价.csv      您提交的评价和追评
办理过程.csv  差评工单的每一步，包括谁查看过您的身份信息、理由是什么
留言.csv      办理人员经平台给您的留言和您的回复

文件用表格软件（Excel、WPS）可以直接打开。里面有您的个人信息，请妥善保管，不要转发。
对内容有疑问，请拨打 12345。
"""


def copy_of(me: Citizen, now: datetime) -> dict[str, Any]:
    """All of it, in plain Chinese: what business systems reported, what was rated, every step, every view of the seal."""
    services = queries.everything(me, now)
    people = queries.applicants_data(me, [service.event.id for service in services])
    return {
        "导出时间": clock.to_wire(now),
        "登录身份": {"姓名": me.name, "证件号码": me.cert, "手机号码": me.mobile},
        "办件": [_case(service, people.get(service.event.id, {})) for service in services],
    }


def _case(service: Service, person: dict[str, str]) -> dict[str, Any]:
    event = service.event
    told: dict[str, Any] = {
        "办件编号": event.project_no,
        "服务次数": event.service_number,
        "事项": event.item_name,
        "单位": event.organ_name,
        "窗口": service.window,
        "服务时间": clock.to_wire(event.service_time),
        "评价截止": clock.to_wire(event.closes_at),
        "申请人": {
            "姓名": person.get("name", ""),
            "证件号码": person.get("cert", ""),
            "电话": person.get("mobile", ""),
        },
        "是否已评价": service.line.rating is not None,
    }
    return told | ({"评价": _rating(service)} if service.rating else {})


def _rating(service: Service) -> dict[str, Any]:
    rating, order = service.rating, service.line.order
    assert rating is not None
    told: dict[str, Any] = {
        "满意度": service.line.level_name,
        "选项": list(rating.indicator_names),
        "文字": "（已撤回）" if service.words_are_withdrawn else service.words,
        "渠道": service.channel,
        "时间": clock.to_wire(rating.assess_time),
        "实名程度": service.assurance_name,
        "身份": "已撤回" if service.identity_is_withdrawn else ("保密保存" if service.has_identity else "未留"),
        "同意单位联系": "contact_department" in rating.consent and not service.identity_is_withdrawn,
        "同意公开文字": "publish_text" in rating.consent and not service.words_are_withdrawn,
        "计入统计": service.ruling is None,
    }
    if service.follow_up:
        words = "（已撤回）" if service.words_are_withdrawn else service.follow_up_words
        at = clock.to_wire(service.follow_up.at)
        told["追评"] = {"满意度": service.follow_up_level_name, "文字": words, "时间": at}
    if order:
        told["差评工单"] = {
            "工单编号": order.order_no,
            "状态": service.line.order_state,
            "答复期限": clock.to_wire(order.answer_due),
            "过程": [
                {"日期": step.day.isoformat() if step.day else "进行中", "事项": step.text, "内容": step.detail}
                for step in service.steps
            ],
            "留言": [
                {"谁": each.who, "日期": each.day.isoformat(), "内容": each.text or "（已撤回）"}
                for each in service.said
            ],
        }
    return told


def as_json(me: Citizen, now: datetime) -> bytes:
    return json.dumps(copy_of(me, now), ensure_ascii=False, indent=2).encode()


def as_zip(me: Citizen, now: datetime) -> bytes:
    """The copy as three sheets that spreadsheets open in Chinese and take for text, and a note that says what they are."""
    cases = copy_of(me, now)["办件"]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("说明.txt", README.format(at=clock.to_wire(now)))
        archive.writestr("办件.csv", _sheet(_case_rows(cases)))
        archive.writestr("评价.csv", _sheet(_rating_rows(cases)))
        archive.writestr("办理过程.csv", _sheet(_step_rows(cases)))
        archive.writestr("留言.csv", _sheet(_said_rows(cases)))
    return out.getvalue()


CASE_COLUMNS = ("办件编号", "服务次数", "事项", "单位", "窗口", "服务时间", "评价截止", "是否已评价")
RATING_COLUMNS = (
    "满意度", "选项", "文字", "渠道", "时间", "实名程度", "身份", "同意单位联系", "同意公开文字", "计入统计",
)  # fmt: skip
FOLLOW_UP_COLUMNS = ("满意度", "文字", "时间")


def _case_rows(cases: list[dict[str, Any]]) -> Iterator[list[Any]]:
    yield [*CASE_COLUMNS, "申请人", "证件号码", "电话"]
    for case in cases:
        yield [*(case[name] for name in CASE_COLUMNS), *case["申请人"].values()]


def _rating_rows(cases: list[dict[str, Any]]) -> Iterator[list[Any]]:
    yield ["办件编号", "服务次数", *RATING_COLUMNS, *(f"追评{name}" for name in FOLLOW_UP_COLUMNS)]
    for case in cases:
        if rating := case.get("评价"):
            plain = rating | {"选项": "、".join(rating["选项"])}
            more = rating.get("追评", {})
            yield [
                *(case[name] for name in CASE_COLUMNS[:2]),
                *(plain[name] for name in RATING_COLUMNS),
                *(more.get(name, "") for name in FOLLOW_UP_COLUMNS),
            ]


def _step_rows(cases: list[dict[str, Any]]) -> Iterator[list[Any]]:
    yield ["办件编号", "服务次数", "工单编号", "日期", "事项", "内容"]
    for case in cases:
        if order := case.get("评价", {}).get("差评工单"):
            for step in order["过程"]:
                yield [*(case[name] for name in CASE_COLUMNS[:2]), order["工单编号"], *step.values()]


def _said_rows(cases: list[dict[str, Any]]) -> Iterator[list[Any]]:
    yield ["办件编号", "服务次数", "工单编号", "谁", "日期", "内容"]
    for case in cases:
        if order := case.get("评价", {}).get("差评工单"):
            for each in order["留言"]:
                yield [*(case[name] for name in CASE_COLUMNS[:2]), order["工单编号"], *each.values()]


def _sheet(rows: Iterable[list[Any]]) -> bytes:
    out = io.StringIO(newline="")
    lines = [[text(cell) for cell in row] for row in rows]
    write_csv(out, lines[0], lines[1:])
    return out.getvalue().encode("utf-8-sig")


@dataclass(frozen=True)
class Forgotten:
    """What a deletion did: ratings without a person now, cases without an applicant, cases that still need theirs."""

    ratings: int
    cases: int
    remaining: int


def forget(me: Citizen, *, now: datetime) -> Forgotten:
    """Delete this person: who they are and what they wrote in all their ratings, the applicant of every case that is over,
    codes and sessions; and never contact them again. The stars stay, without a person. All of it or nothing.
    """
    with transaction.atomic():
        services = queries.everything(me, now)
        own = [service for service in services if service.rating is not None]
        for service in own:
            if service.has_identity:
                acts.withdraw_identity(me, service.event.id, now=now)
            if service.has_words:
                acts.withdraw_words(service.event.id, now=now)
        needed = queries.still_needed(me, now)
        cases = queries.cases_of(me)
        gone = evaluation.forget_applicants(sorted(cases - needed))
        if me.mobile:
            messaging.stop_texting(me.mobile, now=now, by="citizen")
            messaging.stop_calling(me.mobile, now=now, by="citizen")
            messaging.forget_number(me.mobile, now=now)
        _end_everywhere(me)
        done = Forgotten(len(own), gone, len(cases & needed))
        actor = Actor("citizen", me.digest.hex()[:32], "评价人")
        audit(actor, "forget_citizen", "my", now=now, facts={"ratings": done.ratings, "cases": done.cases})
    return done


def _end_everywhere(me: Citizen) -> None:
    is_me = Q(digest=me.digest)
    if me.person.phone is not None:
        is_me |= Q(phone_index=me.person.phone)
        LoginCode.objects.filter(phone_index=me.person.phone).delete()
    if me.person.id is not None:
        is_me |= Q(id_index=me.person.id)
    CitizenSession.objects.filter(is_me).delete()
