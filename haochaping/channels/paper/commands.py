"""Printing numbered forms, and bringing what people wrote on them in: keyed twice, compared, decided, admitted."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from haochaping.accounts.commands import audit
from haochaping.accounts.models import Person
from haochaping.channels.desk.commands import NOT_YOURS, record_entry, refused
from haochaping.channels.desk.rules import CHECKS, Way, may_enter
from haochaping.channels.models import PaperBatch, PaperKeying, PaperRun, PaperSheet
from haochaping.channels.paper import queries, rules
from haochaping.channels.paper.rules import Reading, State
from haochaping.directory.queries import snapshot
from haochaping.evaluation import attachments
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.judge import Waiver, judge_alone
from haochaping.evaluation.rules import canonical
from haochaping.flow.visits import Visit
from haochaping.kit import blobs, clock, crypto, keys
from haochaping.kit.clock import CHINA
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from haochaping.accounts.rules import Actor
    from haochaping.directory.queries import HallInfo
    from haochaping.evaluation.models import Attachment
    from haochaping.evaluation.records import Submission

_TABLE = PaperKeying._meta.db_table
_OF_WIRE = {"evalDetail": "tags", "assessTime": "day"}  # where a rating's fault stands on the form


def print_run(hall_code: str, window_code: str, forms: int, *, actor: Actor, now: datetime) -> PaperRun:
    """Reserve that many numbers for a hall, or one of its windows; nobody else ever gets them."""
    hall = _hall(hall_code, actor)
    if not 1 <= forms <= rules.RUN_MOST:
        raise refused("forms", "out_of_range", f"一次印 1 至 {rules.RUN_MOST} 张。")
    window = snapshot().windows.get(window_code) if window_code else None
    if window_code and (window is None or window.hall != hall.code):
        raise refused("window", "unknown", "这个窗口不在所选大厅，请重新选择。")
    year = clock.day(now).year
    with transaction.atomic():
        connection.cursor().execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"paper {year}"])
        last = PaperRun.objects.filter(year=year).aggregate(last=Max("last"))["last"] or 0
        if last + forms > rules.SERIAL_MOST:
            raise Refused("numbers_used_up", 409, "今年的编号已经用完，请联系系统管理员。")
        run = PaperRun.objects.create(
            hall_code=hall.code,
            window_code=window_code,
            area_path=snapshot().area_path(hall.area),
            year=year,
            first=last + 1,
            last=last + forms,
            by=actor.name,
            at=now,
        )
        facts = {"forms": forms, "first": rules.number_of(year, run.first)}
        audit(actor, "print_paper_forms", hall.code, now=now, facts=facts)
    return run


def open_batch(hall_code: str, day: date, forms: int, *, actor: Actor, now: datetime) -> PaperBatch:
    """Begin to bring in the forms that were collected in a hall on a day."""
    hall = _hall(hall_code, actor)
    if day > clock.day(now):
        raise refused("day", "in_the_future", "收表日期不能晚于今天。")
    if not 1 <= forms <= rules.FORMS_MOST:
        raise refused("forms", "out_of_range", f"一批 1 至 {rules.FORMS_MOST} 张，更多的请分批。")
    with transaction.atomic():
        batch = PaperBatch.objects.create(
            hall_code=hall.code,
            area_path=snapshot().area_path(hall.area),
            day=day,
            forms=forms,
            by_id=actor.id,
            by=actor.name,
            at=now,
        )
        audit(actor, "open_paper_batch", str(batch.pk), now=now, facts={"hall": hall.code, "forms": forms})
    return batch


def recount(batch: PaperBatch, forms: int, *, actor: Actor, now: datetime) -> None:
    """Correct how many forms the batch has; not below what has been brought in."""
    _guard(batch, actor)
    with transaction.atomic():
        PaperBatch.objects.select_for_update().get(pk=batch.pk)
        there = PaperSheet.objects.filter(batch=batch).count()
        if not max(there, 1) <= forms <= rules.FORMS_MOST:
            least = max(there, 1)
            raise refused("forms", "out_of_range", f"张数填 {least} 至 {rules.FORMS_MOST}（已登记 {there} 张）。")
        PaperBatch.objects.filter(pk=batch.pk).update(forms=forms)
        audit(actor, "recount_paper_batch", str(batch.pk), now=now, facts={"from": batch.forms, "to": forms})


def attach(batch: PaperBatch, number: str, name: str, raw: bytes, *, actor: Actor, now: datetime) -> Attachment:
    """Keep the scan of one form of the batch. A better scan takes its place in view; the first one stays kept too."""
    _guard(batch, actor)
    with transaction.atomic():
        sheet = _sheet(batch, number)
        if State(sheet.state).is_settled and sheet.scan is not None:
            raise Refused("form_settled", 409, f"{rules.in_parts(sheet.number)} 已办结，扫描件不能再换。")
        kept = attachments.keep(subject_of(sheet.number), "paper", name, raw, by=actor.id, now=now)
        PaperSheet.objects.filter(pk=sheet.pk).update(scan=kept.id)
    return kept


def attach_named(
    batch: PaperBatch, files: Iterable[tuple[str, bytes]], *, actor: Actor, now: datetime
) -> list[tuple[str, str]]:
    """Keep scans whose file names hold their form's number; what could not be kept, each with why."""
    wrong = []
    for name, raw in files:
        numbers = [number for part in re.findall(r"(?<!\d)\d{10}(?!\d)", name) if (number := rules.read_number(part))]
        if not numbers:
            wrong.append((name, "文件名里没有 10 位的评价表编号，请改名后再传，或在录入时逐张上传。"))
            continue
        try:
            attach(batch, numbers[0], name, raw, actor=actor, now=now)
        except Refused as no:
            wrong.append((name, no.message))
    return wrong


def key(batch: PaperBatch, typed: Mapping[str, str], *, actor: Actor, now: datetime) -> PaperSheet:
    """Take down what this person read off one form; the second person's reading, if it is the same, admits the rating.

    Refused 422 for what cannot be read so, 409 `same_person`, `form_settled`, `wants_decision`, `other_batch`.
    """
    _guard(batch, actor)
    number = _number(typed.get("number", ""))
    reading = _read(batch, number, typed, now)
    with transaction.atomic():
        sheet = _sheet(batch, number)
        state = State(sheet.state)
        if state.is_settled:
            raise Refused("form_settled", 409, f"{rules.in_parts(number)} {rules.STATE_NAMES[state]}，不用再录。")
        if state.wants_decision:
            raise Refused("wants_decision", 409, f"{rules.in_parts(number)} 已录过两遍，请在本批列表里核定。")
        first = PaperKeying.objects.filter(number=number, n=1).first()
        if first is not None and first.person_id == actor.id:
            raise Refused(
                "same_person", 409, f"{rules.in_parts(number)} 的第一遍是您录的，第二遍要由另一个人对照原件录。"
            )
        kept = _keep(number, 2 if first else 1, reading, actor, now)
        if first is None:
            sheet.state = State.ONCE
        elif bytes(first.digest) == bytes(kept.digest):
            _admit(sheet, queries.reading_of(first), _person(first.person_id), actor, now)
        else:
            sheet.state = State.DIFFERS
        sheet.save(force_update=True)
    return sheet


def decide(sheet: PaperSheet, typed: Mapping[str, str], *, actor: Actor, now: datetime) -> PaperSheet:
    """Settle what two people read differently, or what could not be taken in, by what stands on the form itself.

    Not by who keyed first alone: `same_person` (409). What is decided is kept as a further reading.
    """
    batch = sheet.batch
    _guard(batch, actor)
    reading = _read(batch, sheet.number, typed, now)
    with transaction.atomic():
        sheet = PaperSheet.objects.select_for_update().get(pk=sheet.pk)
        if not State(sheet.state).wants_decision:
            raise Refused("nothing_to_decide", 409, f"{rules.in_parts(sheet.number)} 不需要核定。")
        keyed = list(PaperKeying.objects.filter(number=sheet.number).order_by("n"))
        first, second = keyed[0], keyed[1]
        if first.person_id == actor.id:
            raise Refused("same_person", 409, "这张表的第一遍是您录的，请由复录人或第三个人核定。")
        _keep(sheet.number, keyed[-1].n + 1, reading, actor, now)
        other = first if second.person_id == actor.id else second
        _admit(sheet, reading, _person(other.person_id), actor, now)
        sheet.save(force_update=True)
        audit(actor, "decide_paper_form", sheet.number, now=now, facts={"second": second.person_name})
    return sheet


def void(batch: PaperBatch, number: str, reason: str, *, actor: Actor, now: datetime) -> PaperSheet:
    """A form without a level, spoiled or unreadable counts as brought in, with the reason; by a superior only."""
    _guard(batch, actor)
    if not actor.over(area=batch.area_path, organ="", window="").has(*CHECKS):
        raise Refused("not_yours_to_void", 403, "作废要由督办或市级主管办理。")
    reason = reason.strip()
    if not 4 <= len(reason) <= rules.REASON_MOST or "\x00" in reason:
        raise refused("reason", "required", f"请写明为什么作废，4 至 {rules.REASON_MOST} 字，如“没有勾选满意度”。")
    with transaction.atomic():
        sheet = _sheet(batch, number)
        if State(sheet.state).is_settled:
            raise Refused("form_settled", 409, f"{rules.in_parts(sheet.number)} 已办结，不能作废。")
        sheet.state, sheet.reason, sheet.code = State.VOID, reason, ""
        sheet.settled_by, sheet.settled_at = actor.name, now
        sheet.save(force_update=True)
        audit(actor, "void_paper_form", sheet.number, now=now, facts={"reason": reason})
    return sheet


def _admit(sheet: PaperSheet, reading: Reading, first: Actor, second: Actor, now: datetime) -> None:
    """Bring the rating in; where it is refused, say so on the form, which keeps every reading."""
    submission = _submission(reading, now)
    try:
        outcome = record_entry(
            submission,
            way=Way.PAPER,
            proof=sheet.number,
            actor=first,
            second=second,
            now=now,
            visit=None if reading.project_no else _visit(sheet.number, sheet.batch, reading, submission),
            may_wait=True,
        )
        if outcome.status == "duplicate":
            raise Refused("already_rated", 409, "本次服务已评价，一次服务只评价一次。")
    except Refused as no:
        sheet.state, sheet.code, sheet.reason = State.REFUSED, no.code[:40], no.message[: rules.REASON_MOST]
        return
    sheet.state, sheet.event_id, sheet.code, sheet.reason = State.ADMITTED, outcome.id, "", ""
    sheet.settled_by, sheet.settled_at = second.name, now


def _submission(reading: Reading, now: datetime) -> Submission:
    """Whoever wrote on paper cannot be asked for a reason any more: as from a device, it is marked 未填原因."""
    return replace(reading.submission(reading.project_no, now), waives=frozenset({Waiver.NO_REASON}))


def _visit(number: str, batch: PaperBatch, reading: Reading, submission: Submission) -> Visit:
    window = reading.window_code or queries.window_of(number)
    noon = datetime.combine(reading.day, time(12), CHINA).astimezone(UTC)
    return Visit(
        at=min(noon, submission.assess_time),
        window_code=window,
        hall_code="" if window else batch.hall_code,
        name="现场服务（纸质评价）",
        key=number,
    )


def _read(batch: PaperBatch, number: str, typed: Mapping[str, str], now: datetime) -> Reading:
    """What was typed, judged while the paper is still in hand."""
    reading = rules.read(typed, batch_day=batch.day)
    if reading.window_code:
        window = snapshot().windows.get(reading.window_code)
        if window is None or window.hall != batch.hall_code:
            raise refused("window_code", "unknown", f"窗口 {reading.window_code} 不在这个大厅，请对照原件。")
    try:
        judge_alone(_submission(reading, now), evaluation.catalogue(batch.area_path, reading.day), now)
    except Refused as no:
        fields = tuple(FieldError(_OF_WIRE.get(e.field, e.field), e.code, e.message) for e in no.fields)
        raise Refused(no.code, no.status, no.message, fields) from None
    _printed_for(batch, number)
    return reading


def _keep(number: str, n: int, reading: Reading, actor: Actor, now: datetime) -> PaperKeying:
    return PaperKeying.objects.create(
        number=number,
        n=n,
        person_id=actor.id,
        person_name=actor.name,
        blob=blobs.seal(reading.as_fields(), table=_TABLE, row=f"{number}/{n}"),
        digest=crypto.hmac_sm3(keys.key("content"), canonical(reading.compared())),
        at=now,
    )


def _sheet(batch: PaperBatch, number: str) -> PaperSheet:
    """The form's row, locked; made if it is new and the batch has room. Refused for numbers of other batches."""
    plain = _number(number)
    _printed_for(batch, plain)
    PaperBatch.objects.select_for_update().get(pk=batch.pk)  # forms of one batch are counted one after the other
    sheet = PaperSheet.objects.select_for_update().filter(number=plain).first()
    if sheet is None:
        if PaperSheet.objects.filter(batch=batch).count() >= batch.forms:
            raise Refused("batch_full", 409, f"本批登记了 {batch.forms} 张，已经录满。实际更多时，请先改本批张数。")
        sheet, is_new = PaperSheet.objects.get_or_create(number=plain, defaults={"batch": batch})
        if is_new:
            return sheet
    if sheet.batch.pk != batch.pk:
        raise Refused("other_batch", 409, f"{rules.in_parts(plain)} 已在第 {sheet.batch.pk} 批里，一张表只录一次。")
    return sheet


def _printed_for(batch: PaperBatch, number: str) -> None:
    """Refused for a number that was never given out, or to another hall: numbers run on, and anybody can reckon the next."""
    hall = queries.hall_of(number)
    if hall is None:
        raise refused("number", "never_printed", "这个编号没有印发过，请对照原件。")
    if hall != batch.hall_code:
        raise refused(
            "number", "other_hall", "这个编号是给别的大厅印发的，请对照原件；表放错了的，请交给那个大厅录入。"
        )


def _number(typed: str) -> str:
    number = rules.read_number(typed)
    if number is None:
        raise refused("number", "malformed", "编号不对：应为 10 位数字，最后一位是校验位，请逐位核对。")
    return number


def _hall(code: str, actor: Actor) -> HallInfo:
    hall = snapshot().halls.get(code)
    if hall is None:
        raise refused("hall", "unknown", "请选择大厅。")
    if not may_enter(actor, area=snapshot().area_path(hall.area), organ="", window=""):
        raise NOT_YOURS
    return hall


def _guard(batch: PaperBatch, actor: Actor) -> None:
    if not may_enter(actor, area=batch.area_path, organ="", window=""):
        raise NOT_YOURS


def _person(id_: str) -> Actor:
    return Person.objects.get(pk=id_).actor()


def subject_of(number: str) -> UUID:
    """Under which id a form's scan is kept, before and after it is known what it rates."""
    return UUID(bytes=crypto.sm3(b"paper\x00" + number.encode())[:16])
