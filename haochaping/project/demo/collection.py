"""What else has come in, so that every screen of collection shows something: signs, paper, comments, calls, drafts, faults.

Each part is one transaction and looks whether it is there already: a load that was interrupted goes on without doubling it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from django.db import transaction

from haochaping.channels.callouts.commands import draw_callouts
from haochaping.channels.comments import commands as comments
from haochaping.channels.comments import queries as targets
from haochaping.channels.desk.forms import NO_CASE
from haochaping.channels.desk.rules import Way
from haochaping.channels.forms import Draft
from haochaping.channels.inspections.commands import Findings, record_inspection
from haochaping.channels.letters import commands as letters
from haochaping.channels.letters.rules import Draft as LetterDraft
from haochaping.channels.models import CommentMark, Inspection, Letter, PaperRun, Questionnaire, Sign
from haochaping.channels.paper import commands as paper
from haochaping.channels.paper.rules import number_of
from haochaping.channels.questionnaires import commands as questionnaires
from haochaping.channels.questionnaires.rules import Ask, Question
from haochaping.channels.windows.commands import print_signs, signs_for
from haochaping.directory.queries import snapshot
from haochaping.evaluation.models import Evaluation, Rejected
from haochaping.evaluation.rules import Channel
from haochaping.flow.visits import Visit
from haochaping.kit import clock
from haochaping.messaging import commands as messaging
from haochaping.policy import calendars, drafts, pack_drafts, queries
from haochaping.policy.models import CalendarDay, IndicatorSet, PolicyDraft
from haochaping.policy.sets import Line
from haochaping.project.demo import voices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from haochaping.accounts.rules import Actor
    from haochaping.project.demo.home import Home
    from haochaping.project.demo.people import Cast
    from haochaping.project.demo.wire import Sender

FORMS = 6  # of the paper batch: some keyed twice, some once, one read differently
ANSWERS = 48
TELEPHONE = "19900000001"  # nobody's
NO_SOURCE = "演示用，并无此文件"


class Collection:
    """The parts, for the area in which the demo's accounts are at home."""

    def __init__(self, home: Home, region: str, cast: Cast, until: datetime, seed: int) -> None:
        self.region, self.until = region, until
        self.actors: dict[str, Actor] = cast.actors
        self.window = snapshot().windows[home.window.code]
        self.hall = snapshot().halls[self.window.hall]
        self.random = Random(f"collection {seed}")  # noqa: S311  made up, not secret

    def make(self) -> None:
        """Every part that is not there yet."""
        parts: dict[type[Any], Callable[[], None]] = {
            Sign: self.signs,
            CommentMark: self.comments,
            PaperRun: self.forms,
            Letter: self.letters,
            Inspection: self.inspections,
            Questionnaire: self.questionnaires,
            IndicatorSet: self.indicators,
            PolicyDraft: self.rules,
            CalendarDay: self.festival,
        }
        for model, part in parts.items():
            if not model._default_manager.exists():  # noqa: SLF001
                with transaction.atomic():
                    part()
        draw_callouts(now=self.until)
        messaging.send(
            kind="notice",
            mobile=TELEPHONE,
            text="这是一条测试短信，收到说明短信通道正常，无需回复。",
            key="demo",
            now=self.until,
        )

    def signs(self) -> None:
        """The signs of the hall, printed; one was replaced since."""
        from haochaping.channels.windows.commands import replace_sign

        admin, printed = self.actors["admin"], self.until - timedelta(days=30)
        here = [w for w in snapshot().windows.values() if w.hall == self.hall.code and w.is_active]
        made = signs_for(sorted(here, key=lambda w: w.code), admin, printed)
        print_signs(made, admin, printed)
        replace_sign(made[-1].serial, "破损褪色", admin, self.until - timedelta(days=6))

    def comments(self) -> None:
        """What people say of the hall, the organ and the website."""
        keys = (f"hall:{self.hall.code}", f"organ:{self.window.organ}", f"platform:{self.region.ljust(12, '0')}:web")
        for n, (level, words) in enumerate(voices.COMMENTS):
            found = targets.target(keys[n % len(keys)])
            if found is None:
                continue
            draft = Draft(level=str(level), words=words, consent=frozenset({"publish_text"} if n % 2 else ()))
            at = self.until - timedelta(hours=1 + n)
            comments.comment(found, draft, browser=f"demo-{n}", pf=Channel.MOBILE if n % 3 else Channel.PC, now=at)

    def forms(self) -> None:
        """A batch of paper half done: the second person has come as far as the third form and read one differently."""
        operator, city, now = self.actors["operator"], self.actors["city"], self.until
        run = paper.print_run(self.hall.code, self.window.code, FORMS * 2, actor=operator, now=now - timedelta(days=9))
        batch = paper.open_batch(self.hall.code, clock.day(now) - timedelta(days=1), FORMS, actor=operator, now=now)
        keyed = [
            {"number": number_of(run.year, run.first + n), "level": str(level), "words": words}
            for n, (level, words) in enumerate(voices.FORMS)
        ]
        for typed in keyed:
            paper.key(batch, typed, actor=operator, now=now)
        for typed in (*keyed[:2], keyed[2] | {"level": "4"}):
            paper.key(batch, typed, actor=city, now=now)

    def letters(self) -> None:
        """Two from the opinion box, one by e-mail; only one states a level."""
        day, operator = clock.day(self.until) - timedelta(days=2), self.actors["operator"]
        for n, (way, level, words) in enumerate(voices.LETTERS, 1):
            draft = LetterDraft(
                way=Way(way),
                number=f"{'YJX' if way == 'box' else 'DZYJ'}-{day:%Y%m%d}-{n:02d}",
                day=day,
                area=self.hall.area,
                target=f"hall:{self.hall.code}",
                level=level,
                words=words,
            )
            letters.register(draft, actor=operator, now=self.until)

    def inspections(self) -> None:
        """Two visits by those who supervise."""
        city = self.actors["city"]
        for days, level, words in voices.INSPECTIONS:
            at = self.until - timedelta(days=days)
            day = clock.day(at)
            submission = Draft(level=str(level), words=words).submission(
                project_no=NO_CASE, service_number=1, pf=Channel.OTHER, now=at
            )
            visit = Visit(at=at, window_code=self.window.code, name="监督查评")
            findings = Findings(day, "市作风办巡查组", f"XC-{day:%Y%m%d}")
            record_inspection(submission, visit, findings, actor=city, now=at)

    def questionnaires(self) -> None:
        """One that people are answering, one that waits for approval."""
        supervisor, leader, today = self.actors["supervisor"], self.actors["leader"], clock.day(self.until)
        began = self.until - timedelta(days=9)
        questions = (
            Question(Ask.LEVEL, "您对大厅的总体印象是否满意？", is_required=True),
            Question(Ask.SINGLE, "您最希望延长哪个时段的服务？", ("中午", "傍晚", "周六上午", "不用延长")),
            Question(Ask.TEXT, "还有什么建议？"),
        )
        first = self._draft("大厅服务时间征询", questions, clock.day(began), today + timedelta(days=20), began)
        questionnaires.send(first.code, actor=supervisor, now=began)
        questionnaires.settle(first.code, approves=True, remark="", actor=leader, now=began)
        first.refresh_from_db()
        for n in range(ANSWERS):
            given = {"q1": [str(self.random.choices(range(5), (9, 12, 6, 2, 1))[0])], "q2": [str(n % 4)]}
            if n % 6 == 0:
                given["q3"] = [voices.WISHES[n // 6 % len(voices.WISHES)]]
            at = began + timedelta(hours=4 * n)
            questionnaires.answer(first, given, browser=f"demo-{n}", now=min(at, self.until))
        second = self._draft("网上办事指南好不好懂", questions[:1], today, today + timedelta(days=30), self.until)
        questionnaires.send(second.code, actor=supervisor, now=self.until)

    def _draft(
        self, title: str, questions: Sequence[Question], starts: date, ends: date, now: datetime
    ) -> Questionnaire:
        return questionnaires.draft(
            title=title,
            purpose="听取群众意见，用来调整大厅的服务安排。结果汇总后公布，不收集个人信息。",
            questions=questions,
            area=self.region.ljust(12, "0"),
            target="",
            starts=starts,
            ends=ends,
            actor=self.actors["supervisor"],
            now=now,
        )

    def indicators(self) -> None:
        """A set of the region's own that waits for approval."""
        supervisor = self.actors["supervisor"]
        version = drafts.new_draft(self.region, actor=supervisor, now=self.until)
        for level, dimension, name in voices.INDICATORS:
            line = Line("", name, level, dimension)
            drafts.save_line(version, line, actor=supervisor, now=self.until)
            version.refresh_from_db()
        starts = clock.day(self.until) + timedelta(days=14)
        drafts.submit(version, valid_from=starts, note="群众反映较多，增列两项", actor=supervisor, now=self.until)

    def rules(self) -> None:
        """The city wants to do better than its province: its own pack waits for a second person, the supervisor."""
        city = self.actors["city"]
        region = city.scopes[0].area
        name = snapshot().regions[region.ljust(12, "0")].name
        draft = pack_drafts.new_draft(region, name=name, actor=city, now=self.until)
        limits = dict(draft.body["limits"])
        limits["contact"] = {"n": 4, "unit": "hour", "stated": False, "note": "当天先联系"}
        part = {"limits": limits, "callback": draft.body["callback"] | {"others": 0.2}}
        pack_drafts.save(draft, part, actor=city, now=self.until)
        starts = clock.day(self.until) + timedelta(days=10)
        note = "不满意的当天先联系，多回访一些"
        pack_drafts.submit(draft, valid_from=starts, note=note, actor=city, now=self.until)

    def festival(self) -> None:
        """A day of the city's own in the next weeks, and another that waits for the supervisor."""
        city, supervisor = self.actors["city"], self.actors["supervisor"]
        region, held = city.scopes[0].area, queries.calendar(city.scopes[0].area)
        day = held.add_workdays(clock.day(self.until) + timedelta(days=20), 1)
        days = calendars.local_days(region, day, None, "民俗节放假（演示）", works=False, now=self.until)
        asked = calendars.change_local(region, days, source=NO_SOURCE, actor=city, now=self.until)
        if asked is not None:
            calendars.agree(asked.pk, actor=supervisor, now=self.until)
        day = held.add_workdays(day, 10)
        days = calendars.local_days(region, day, None, "运动会放假（演示）", works=False, now=self.until)
        calendars.change_local(region, days, source=NO_SOURCE, actor=city, now=self.until)


def faulty(sender: Sender, until: datetime) -> list[dict[str, Any]]:
    """A batch in which nothing is as it should be, as business systems send them: for 异常数据. Empty once it was sent."""
    if Rejected.objects.exists():
        return []
    rated = Evaluation.objects.filter(source=sender.app_id, level=5).order_by("-assess_time")
    known: UUID | None = rated.values_list("id", flat=True).first()
    case = _case(known) if known else ("YC-0001", 1)
    line = {"projectNo": "YC-0001", "serviceNumber": 1, "satisfaction": 5, "pf": 9}
    at = {"assessTime": clock.to_wire(until - timedelta(hours=1))}
    return [
        line | at | {"projectNo": f"YC-{until:%Y%m%d}-1"},  # its service has not come yet
        line | at | {"projectNo": f"YC-{until:%Y%m%d}-2", "satisfaction": 4},
        line | at | {"satisfaction": 9},
        line | at | {"satisfaction": 2, "evalDetail": "510"},
        line | {"assessTime": clock.to_wire(until + timedelta(days=1))},
        line | at | {"projectNo": case[0], "serviceNumber": case[1], "satisfaction": 2, "evalDetail": "215"},
    ]


def _case(event_id: UUID) -> tuple[str, int]:
    from haochaping.evaluation.queries import event

    found = event(event_id)
    assert found is not None  # a rating's own
    return found.project_no, found.service_number
