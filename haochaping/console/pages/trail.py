"""审计日志: who did what to which subject, searched by the auditor and taken out whole."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts import trail
from haochaping.accounts.commands import audit as write_down
from haochaping.accounts.locks import UNKNOWN
from haochaping.accounts.models import Person
from haochaping.accounts.queries import actor_of
from haochaping.accounts.trail import KINDS, RESULTS, Asked, Place
from haochaping.console.access import needs
from haochaping.console.packwords import label
from haochaping.console.pages.system import ACTIONS
from haochaping.console.queries import area_name
from haochaping.console.rules import MAY_OPEN
from haochaping.console.streams import Sheet
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.policy.pack import Policy
from haochaping.rectification.consequences.rules import KIND_NAMES
from haochaping.rectification.sight import id_of, numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

    from haochaping.accounts.models import Audit

LINES = 40
BATCH = 500
# What the trail's facts are called; keys that are Chinese already stand as they are.
FACTS = {
    "approved": "结果", "area": "地区", "by": "方式", "cases": "办件数", "code": "编码", "codes": "编码", "count": "条数",
    "due": "时限", "done": "完成数", "fields": "字段", "fixed": "成功数", "forms": "张数", "found": "找到", "from": "原为",
    "hall": "大厅", "key": "密钥", "kind": "类型", "level": "满意度", "organ": "单位", "origins": "返回地址", "part": "范围",
    "proof": "依据", "q": "查找", "rated": "含评价", "ratings": "评价数", "reason": "原因", "remark": "意见", "replaces": "替换",
    "result": "结果", "role": "角色", "rows": "行数", "second": "第二录入人", "since": "自", "state": "状态", "tab": "分类",
    "to": "改为", "tried": "尝试数", "until": "至", "valid_from": "生效日", "way": "方式", "who": "人员", "window": "窗口",
    "action": "操作", "subject": "对象", "sections": "章节", "days": "日期", "day": "日期", "source": "依据", "title": "标题",
    "file": "文件", "pages": "页数", "orders": "工单数", "format": "格式", "order_no": "工单编号",
}  # fmt: skip
KIND_WORDS = {
    **{str(kind): word for kind, word in KIND_NAMES.items()},
    "notice": "通报",
    "change": "修订",
    "withdrawal": "撤销",
}
VALUES = {
    "password": "密码",
    "oidc": "统一身份认证",
    "totp": "动态口令",
    "operator": "回访用",
    "handler": "整改用",
    True: "是",
    False: "否",
    None: "无",
    "": "无",
}
OF_ACCOUNTS = frozenset({"login", "logout", *trail.OF_PEOPLE})  # their subject is a user name
SUBJECTS = {
    "people": "人员名单", "orders": "差评工单名单", "audit": "审计日志", "windows": "窗口名单", "devices": "设备名单",
    "repair": "异常数据名单", "telephone": "电话评价", "channels": "渠道巡检", "sms": "短信", "my": "本人数据", "all": "全部",
    "unknown": "没有这个用户名", "rejected": "异常数据",
}  # fmt: skip


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=clock.CHINA)


def _given(request: HttpRequest) -> dict[str, str]:
    names = ("who", "action", "subject", "result", "kind", "since", "until")
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:128] for name in names}


def _asked(want: dict[str, str]) -> Asked:
    """What was asked for. An order's number finds the lines about it, a device's the lines about the device."""
    since, until = _day(want["since"]), _day(want["until"])
    subject = want["subject"]
    subjects = [subject, id_of(subject), f"device:{subject}"] if subject else []
    return Asked(
        who=want["who"],
        action=want["action"],
        subjects=tuple(filter(None, subjects)),
        result=want["result"] if want["result"] in RESULTS else "",
        kind=want["kind"] if want["kind"] in KINDS else "",
        since=midnight(since) if since else None,
        until=midnight(until) + timedelta(days=1) if until else None,
    )


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


@needs(*MAY_OPEN["audit"])
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first; read only."""
    want = _given(request)
    found, before = trail.page(trail.lines(_asked(want)), Place.read(request.GET.get("before", "")), LINES)
    context = {
        "want": want,
        "lines": list(told(found)),
        "before": str(before) if before else "",
        "is_later": bool(request.GET.get("before")),
        "is_narrowed": any(want.values()),
        "actions": sorted(ACTIONS.items(), key=lambda line: line[1]),
        "results": RESULTS.items(),
        "kinds": KINDS.items(),
    }
    return render(request, "console/audit.html", context)


@needs(*MAY_OPEN["audit"], fresh=True)
@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Every line that was asked for, up to now, as a sheet; that it was taken is a line itself."""
    want, now = _given(request), clock.now()
    write_down(
        actor_of(request), "export", "audit", now=now, facts={name: value for name, value in want.items() if value}
    )
    rows = trail.lines(_asked(want)).filter(at__lte=now)
    head = ["时间", "身份", "人员", "用户名或编号", "操作", "对象", "对象编号", "结果", "说明"]
    return Sheet(head, _cells(trail.all_of(rows)), f"审计日志_{clock.to_wire(now)[:16].replace(':', '')}.csv")


def _cells(rows: Iterable[Audit]) -> Iterator[list[str]]:
    batch: list[Audit] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield from _sheet_lines(batch)
            batch = []
    yield from _sheet_lines(batch)


def _sheet_lines(batch: list[Audit]) -> Iterator[list[str]]:
    for line in told(batch):
        row = line["row"]
        yield [
            clock.to_wire(row.at),
            line["kind"],
            row.actor_name,
            line["username"],
            line["action"],
            line["subject"],
            row.subject,
            line["result"],
            "；".join(f"{key}：{value}" for key, value in line["facts"]),
        ]


def told(found: list[Audit]) -> Iterator[dict[str, Any]]:
    """Lines in words: whom, what and which order they speak of."""
    numbers = numbers_of({row.subject for row in found})
    ids = {int(row.actor_id) for row in found if row.actor_kind == "person" and row.actor_id.isdecimal()}
    names = dict(Person.objects.filter(pk__in=ids).values_list("pk", "username"))
    for row in found:
        number = numbers.get(row.subject, "")
        is_person = row.actor_kind == "person" and row.actor_id.isdecimal()
        yield {
            "row": row,
            "kind": KINDS.get(row.actor_kind, row.actor_kind),
            "username": names.get(int(row.actor_id), "")
            if is_person
            else row.actor_id
            if row.actor_kind == "app"
            else "",
            "action": ACTIONS.get(row.action, row.action),
            "order_no": number,
            "subject": f"工单 {number}" if number else _subject(row),
            "result": RESULTS.get(row.result, row.result),
            "facts": facts_of(row),
        }


def _subject(row: Audit) -> str:
    kind, _, rest = row.subject.partition(":")
    if row.action.startswith("consequence_") and row.subject.isdecimal():
        return f"约谈与通报第{row.subject}号"
    if rest and kind in {"device", "event"}:
        return f"{'设备' if kind == 'device' else '办件'} {rest}"
    is_username = row.action in OF_ACCOUNTS and row.subject != UNKNOWN
    return row.subject if is_username else SUBJECTS.get(row.subject, row.subject)


def facts_of(row: Audit) -> list[tuple[str, str]]:
    """The facts of a line in words: organs and areas by their names."""
    return [(name, _value(name, value)) for key, value in row.facts.items() for name in (FACTS.get(key, key),)]


def _day_name(day: str) -> str:
    """2026-12-21 as 12月21日; what is no day stays."""
    found = _day(day)
    return f"{found.month}月{found.day}日" if found else day


def _value(name: str, value: object) -> str:
    if name == "章节" and isinstance(value, list):
        return "、".join("整份" if key == "*" else label(Policy, str(key)).title for key in value)
    if name == "日期" and isinstance(value, dict):
        return "、".join(f"{_day_name(str(day))}{what}" for day, what in value.items())
    if name == "日期" and isinstance(value, int):
        return f"{value}天"
    if name == "类型" and (kind := KIND_WORDS.get(str(value))):
        return kind
    if isinstance(value, list):
        return "、".join(map(str, value))
    if name == "操作":
        return ACTIONS.get(str(value), str(value))
    if name == "单位" and (organ := snapshot().organs.get(str(value))):
        return organ.name
    if name == "地区" and value:
        return area_name(str(value))
    return VALUES.get(value, str(value)) if isinstance(value, str | bool | None) else str(value)
