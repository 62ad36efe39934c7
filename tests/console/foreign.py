"""One of everything that lies in Suzhou, made by the rooms' own commands, and for every role somebody there and in Nanjing.

Which of these stands in the address of which route says `tests/console/samples.py`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from axes.models import AccessAttempt
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from haochaping.accounts import sessions
from haochaping.accounts.models import Grant, Person
from haochaping.accounts.queries import app_info
from haochaping.accounts.rules import Role, Scope
from haochaping.analytics.appraisal import commands as appraisals
from haochaping.analytics.appraisal import entering, objections
from haochaping.analytics.appraisal.models import Score
from haochaping.analytics.problems import cases
from haochaping.analytics.problems import commands as problems
from haochaping.analytics.problems.drafts import Draft as ProblemDraft
from haochaping.analytics.reports import commands as reports
from haochaping.analytics.reports.document import Document, to_json
from haochaping.analytics.reports.kinds import Kind as ReportKind
from haochaping.analytics.reports.kinds import Period
from haochaping.analytics.reports.models import ReportFile
from haochaping.channels.callouts.commands import draw_callouts, take_next
from haochaping.channels.desk.commands import record_entry
from haochaping.channels.desk.forms import Typed
from haochaping.channels.desk.rules import Way
from haochaping.channels.door import _admit_chunk
from haochaping.channels.forms import Draft
from haochaping.channels.inspections.commands import Findings, record_inspection
from haochaping.channels.letters import commands as letters
from haochaping.channels.letters.rules import read as read_letter
from haochaping.channels.paper import commands as paper
from haochaping.channels.paper.rules import number_of
from haochaping.channels.questionnaires import commands as questionnaires
from haochaping.channels.questionnaires.rules import Ask, Question
from haochaping.channels.windows import upkeep
from haochaping.channels.windows.commands import signs_for
from haochaping.console import commands as lists
from haochaping.console.screens import commands as walls
from haochaping.directory.models import Organ
from haochaping.directory.queries import snapshot
from haochaping.evaluation import batches
from haochaping.evaluation.models import Attachment, Parked, Rejected
from haochaping.flow.services import admit_services
from haochaping.flow.visits import Visit
from haochaping.kit.config import ROOT
from haochaping.kit.crypto import sm3
from haochaping.messaging.models import Notice
from haochaping.policy import calendars, drafts, pack_drafts
from haochaping.policy.commands import Day, load_local_days, load_pack, read_pack
from haochaping.rectification import evidence, reply_templates
from haochaping.rectification.briefs import commands as briefs
from haochaping.rectification.commands import perform
from haochaping.rectification.consequences import commands as consequences
from haochaping.rectification.consequences.rules import Kind, Subject
from tests.cast import (
    BAD,
    NANJING,
    NOW,
    PROVINCE_OFFICE,
    SUZHOU,
    SUZHOU_ITEM,
    _person,
    forget,
    wire_rating,
    wire_service,
)
from tests.console.stage import REAL_NAME, suzhou_order
from tests.device.tablet import enrolled

if TYPE_CHECKING:
    from haochaping.accounts.rules import Actor
    from tests.cast import Cast

LATER = NOW + timedelta(hours=1)
POLICE = "11320500014000790X"  # a second organ there, with a share in an order
MARK = "姑苏密物"  # stands in the name of everything that has one
PLACE = {"taskCode": SUZHOU_ITEM, "orgcode": SUZHOU, "areaCode": "320500000000", "windowNo": "SZ-A01", "clerkNo": ""}


def scopes_of(role: Role, area: str, organ: str, window: str) -> dict[str, Scope]:
    """The parts of a city that somebody of this role may be given: the city, an organ of it, a window."""
    if role is Role.CLERK:
        return {"window": Scope("", "", window)}
    path = f"/{PROVINCE_OFFICE}/{organ}/"
    if role is Role.HANDLER:
        return {"organ": Scope("", path)}
    return {"city": Scope(area), "organ": Scope("", path)}


def people_of(place: str, area: str, organ: str, window: str) -> dict[tuple[Role, str], Actor]:
    """Somebody of every role in every part of a city."""
    return {
        (role, part): _person(f"{place}-{role}-{part}", f"{place}{role.name_zh}", role, scope, NOW)
        for role in Role
        for part, scope in scopes_of(role, area, organ, window).items()
    }


@dataclass
class World:
    """What lies in Suzhou, by name, and who works there."""

    cast: Cast
    home: dict[tuple[Role, str], Actor] = field(default_factory=dict)
    away: dict[tuple[Role, str], Actor] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)

    def at_home(self, role: Role) -> Actor:
        return next(actor for (held, _), actor in self.home.items() if held is role)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["made"][name]
        except KeyError:
            raise AttributeError(name) from None


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 60), "white").save(out, "PNG")
    return out.getvalue()


def world_of(cast: Cast) -> World:
    """Everything of `samples.SAMPLES`, in Suzhou, at ten on the day of the stage."""
    world = World(cast)
    path = f"/{PROVINCE_OFFICE}/{POLICE}/"
    Organ.objects.create(code=POLICE, name="苏州市公安局", area="320500000000", parent=PROVINCE_OFFICE, path=path)
    forget()
    world.home = people_of("苏州", "3205", SUZHOU, "SZ-A01")
    world.home[Role.HANDLER, "other"] = _person("苏州公安", "苏州公安整改", Role.HANDLER, Scope("", path), NOW)
    world.away = people_of("南京", "3201", NANJING, "NJ-A01")
    for make in (_policy, _orders, _entered, _delivered, _places, _people, _appraised):
        world.made |= make(world)
    return world


def _orders(world: World) -> dict[str, Any]:
    order = suzhou_order("SZ-ORDER", **REAL_NAME)
    handler, city = world.at_home(Role.HANDLER), world.at_home(Role.CITY)
    moved = suzhou_order("SZ-MOVED")
    for verb, who, facts in (
        ("sign", handler, {}),
        ("confirm", handler, {"is_true": True, "is_reasonable": True, "cause": "attitude", "severity": "general", "findings": "属实"}),
        ("submit", handler, {"measures": "加开窗口", "reply": "已加开两个窗口。"}),
        ("approve", city, {}),
    ):  # fmt: skip
        perform(order_id=moved.pk, verb=verb, actor=who, facts=facts, now=NOW)
    police = {"co_organs": [POLICE], "text": MARK}
    heard = {"result": "satisfied", "pressed": "yes", "note": MARK}
    perform(order_id=moved.pk, verb="record", actor=world.at_home(Role.OPERATOR), facts=heard, now=NOW)
    moved.refresh_from_db()
    perform(order_id=order.pk, verb="join", actor=city, facts=police, now=NOW)
    perform(order_id=order.pk, verb="convene", actor=city, facts={"text": MARK}, now=NOW)
    record = consequences.propose(
        Kind.TALK, Subject.ORGAN, SUZHOU, title=f"{MARK}约谈", text="请说明原因", actor=city, now=NOW
    )
    template = reply_templates.keep(
        {"title": f"{MARK}模板", "text": "您好，{事项}的意见已收到。", "cause": "", "owner": "3205|"},
        actor=city,
        now=NOW,
    )
    asked = [("挑选", "逐件勾选")]
    brief = briefs.draft(f"{MARK}专报", [order.pk], asked=asked, office="苏州市", actor=city, now=NOW)
    report = _report(city)
    wall, _ = walls.open_link(city, name=f"{MARK}大屏", area="3205", days="30", now=NOW)
    files = evidence.bring(order_id=order.pk, actor=handler, name="大厅.png", raw=picture(), now=NOW)
    own = lists.save_filter(handler, "orders", name=f"{MARK}筛选", query="state=all", is_default=False, now=NOW)
    notice = Notice.objects.filter(recipient__in=[actor.id for actor in world.home.values()])[0]
    drafted = ProblemDraft(
        title=f"{MARK}问题", description="排队久", items=[SUZHOU_ITEM], orders=[order.order_no], due="2026-07-10"
    )
    problem = problems.register(drafted, actor=city, now=NOW)
    problems.act(problem.pk, "measure", {"text": f"{MARK}措施", "in_force": "2026-06-10"}, actor=handler, now=NOW)
    told = dict.fromkeys(("title", "background", "practice", "effect"), f"{MARK}案例")
    world.made |= {"problem": problem, "case": cases.nominate(SUZHOU, told, actor=handler, now=NOW)}
    world.made |= {"brief": brief, "report": report, "files": files, "filter": own, "notice": notice}
    return {"order": order, "moved": moved, "consequence": record, "template": template, "wall": wall}


def _report(city: Actor) -> Any:
    """An archived report, its files in the place of those that the worker draws for seconds."""
    period = Period(date(2026, 6, 1), date(2026, 6, 7))
    made = reports.ask(
        ReportKind.TOPIC, period, Scope("3205"), issuer=f"{MARK}办", title=f"{MARK}切片专报", actor=city, now=NOW
    )
    document = Document(head="专报", title=made.title, place="苏州市", period=period.words, issuer=made.issuer, sections=(), definitions=(), notes=())  # fmt: skip
    for name in ("pdf", "docx", "1.png"):
        content = picture()
        ReportFile.objects.create(report_id=made.pk, edition=0, name=name, content=content, sm3=sm3(content), at=NOW)
    made.state, made.content, made.year, made.n, made.archived_at = "archived", to_json(document), 2026, 1, NOW
    made.save()
    return made


def _entered(world: World) -> dict[str, Any]:
    """What people enter for others: paper, letters, telephone, call-outs, inspections, questionnaires."""
    operator, city = world.at_home(Role.OPERATOR), world.at_home(Role.CITY)
    run = paper.print_run("SZ", "", 3, actor=city, now=NOW)
    batch = paper.open_batch("SZ", date(2026, 6, 10), 3, actor=city, now=NOW)
    number = number_of(run.year, run.first)
    paper.attach_named(batch, [(f"{number}.png", picture())], actor=operator, now=NOW)
    sheet = paper.key(batch, {"number": number, "level": "2", "tags": "214"}, actor=operator, now=NOW)
    sheet = paper.key(batch, {"number": number, "level": "1", "tags": "115"}, actor=city, now=NOW)
    typed = {"way": "box", "number": "YJX-SZ-7731", "area": "320500000000", "words": f"{MARK}坏了", "level": "1"}
    typed |= {"target": f"organ:{SUZHOU}"}
    letter = letters.register(
        read_letter(typed, (), today=date(2026, 6, 10), day=date(2026, 6, 10)),
        actor=operator, now=NOW, scan=("信.png", picture()),
    )  # fmt: skip
    admit_services([wire_service("SZ-TOLD") | PLACE], source="test", now=NOW)
    told = record_entry(
        Typed(Draft(level="5")).submission(pf=6, now=NOW, project_no="SZ-TOLD", service_number=1),
        way=Way.TELEPHONE, proof="REC-20260610-7731", actor=operator, now=LATER,
    )  # fmt: skip
    yesterday = dict.fromkeys(("serviceTime", "acceptDate", "resultDate"), "2026-06-09 09:00:00")
    admit_services([wire_service("SZ-CALL", mobile="13800007731") | PLACE | yesterday], source="test", now=NOW)
    draw_callouts(now=NOW)
    called = take_next(actor=operator, now=LATER)
    assert called is not None, "the pack of Suzhou draws every service"
    seen = record_inspection(
        Typed(Draft(level="2", words=f"{MARK}坏了两天")).submission(pf=9, now=NOW),
        Visit(at=NOW, window_code="SZ-A01"),
        Findings(date(2026, 6, 10), "张检查", "JC-SZ-7731", [("大厅.png", picture())]),
        actor=city, now=NOW,
    )  # fmt: skip
    asked = questionnaires.draft(
        title=f"{MARK}征询", purpose="决定周末是否开放窗口", questions=(Question(Ask.LEVEL, "满意吗？", (), True),), area="320500000000",
        target="hall:SZ", starts=date(2026, 6, 10), ends=date(2026, 6, 20), actor=city, now=NOW,
    )  # fmt: skip
    return {
        "run": run, "paper": batch, "sheet": sheet, "letter": letter, "told": told, "called": called, "asked": asked,
        "photo": Attachment.objects.get(event_id=seen.id),
    }  # fmt: skip


def _delivered(world: World) -> dict[str, Any]:
    """A batch of Suzhou's app: one rating that was taken, one that waits, one that was refused."""
    app = app_info(world.cast.foreign_app_id)
    assert app is not None
    admit_services([wire_service(f"SZ-B{n}") | PLACE for n in (0, 2)], source=app.app_id, now=NOW)
    number = batches.open_batch(
        lane="batch", source=app.app_id, name=f"{MARK}批次", now=NOW, place=("3205", app.organ, "")
    )
    refused = wire_rating("SZ-B2", evalDetail="501,510")
    _admit_chunk([wire_rating("SZ-B0", **BAD), refused, wire_rating("SZ-LATER")], 0, number, app, NOW)
    return {"batch": number, "kept": Rejected.objects.get(batch=number), "waiting": Parked.objects.get()}


def _places(world: World) -> dict[str, Any]:
    city = world.at_home(Role.CITY)
    (sign,) = signs_for([snapshot().windows["SZ-A01"]], city, NOW)
    rows = "windowNo,windowName,hallCode,orgcode,windowKind,isActive\nNJ-X9,别处,NJ,x,,1\n".encode()
    file = SimpleUploadedFile("窗口.csv", rows)
    upload = upkeep.bring_in("窗口.csv", file, len(rows), actor=city, now=NOW)
    return {"sign": sign, "device": enrolled("SZ-A01", now=NOW), "upload": upload}


def _policy(world: World) -> dict[str, Any]:
    """Suzhou's own pack, one that is to come, a draft of the next, its own day off, and a draft of its own indicators."""
    _person("苏州督办二", "苏州督办二", Role.SUPERVISOR, Scope("3205"), NOW)
    table = dict(msgspec.to_builtins(dict(read_pack(ROOT / "policies" / "jiangsu.toml"))))
    own = table | {
        "region": "3205",
        "pack": "suzhou",
        "name": f"{MARK}规则",
        "callout": {**table["callout"], "share": 1.0},
    }
    load_pack(own | {"valid_from": date(2026, 1, 1)}, "苏州主管", NOW - timedelta(days=300))
    coming = load_pack(own | {"valid_from": date(2026, 12, 1)}, "苏州主管", NOW)
    supervisor = world.at_home(Role.SUPERVISOR)
    draft = pack_drafts.new_draft("3205", name="苏州市", actor=world.at_home(Role.CITY), now=NOW)
    load_local_days("3205", [Day(date(2026, 8, 3), is_workday=False, name=f"{MARK}节")], "苏州市政府")
    return {
        "pack": coming,
        "pack_draft": draft,
        "asked_day": calendars.change_local(
            "3205",
            [Day(date(2026, 9, 7), is_workday=False, name=f"{MARK}日")],
            source="苏州市通知一号",
            actor=supervisor,
            now=NOW,
        ),
        "indicators": drafts.new_draft("3205", actor=supervisor, now=NOW),
    }


def _people(world: World) -> dict[str, Any]:
    """Somebody who works in Suzhou, is logged in there, and is locked out elsewhere."""
    path = f"/{PROVINCE_OFFICE}/{SUZHOU}/"
    person = Person.objects.create(
        username="sz7731", name=f"{MARK}科员", password="!", created_at=NOW, organ_code=SUZHOU, organ=path, area="3205"
    )
    given = Grant.objects.create(person=person, role=Role.HANDLER, organ=path)
    session = sessions.begin(person, address="10.0.0.1", user_agent="x", now=LATER)
    lock = AccessAttempt.objects.create(
        username=person.username, ip_address="10.0.0.7", user_agent="x", failures_since_start=50, attempt_time=LATER,
        get_data="", post_data="", http_accept="", path_info="",
    )  # fmt: skip
    return {"person": person, "grant": given, "session": session, "lock": lock}


def _appraised(world: World) -> dict[str, Any]:
    """May of Suzhou as published, an appeal against it, and what was entered for June."""
    city, handler, may = world.at_home(Role.CITY), world.at_home(Role.HANDLER), date(2026, 5, 1)
    second = world.at_home(Role.SUPERVISOR)
    for key in ("live", "requests", "key_cases", "merged", "one_call"):
        one = entering.enter("3205", may, organ=SUZHOU, key=key, value="77.31", basis=MARK, actor=city, now=NOW)
        entering.confirm([one.pk], actor=second, now=NOW)
    made = appraisals.submit("3205", may, actor=city, now=NOW)
    appraisals.publish(made.pk, actor=second, now=NOW)
    score = Score.objects.get(appraisal=made, subject=SUZHOU)
    objection = objections.appeal(score.pk, key="live", reason=f"{MARK}不对", actor=handler, now=NOW)
    waiting = entering.enter(
        "3205", date(2026, 6, 1), organ=SUZHOU, key="live", value="77.31", basis=MARK, actor=city, now=NOW
    )
    return {"sheet_of_may": made, "score": score, "objection": objection, "index": waiting}
