"""Registering letters: with a stated level a rating, without one an opinion and never more."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db import connection, transaction

from haochaping.accounts.commands import audit
from haochaping.channels.comments.queries import target as target_of
from haochaping.channels.comments.rules import Kind
from haochaping.channels.desk.commands import NOT_YOURS, record_entry, refused
from haochaping.channels.desk.rules import Way, may_enter
from haochaping.channels.letters import queries
from haochaping.channels.letters.rules import NOTE_MOST, Draft, shortened
from haochaping.channels.models import Letter, LetterNote
from haochaping.directory.queries import snapshot
from haochaping.evaluation import attachments
from haochaping.evaluation.records import Submission
from haochaping.evaluation.rules import Channel, Mode
from haochaping.flow.visits import Visit
from haochaping.kit import blobs
from haochaping.kit.clock import CHINA
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from haochaping.accounts.rules import Actor

TABLE = Letter._meta.db_table


def register(draft: Draft, *, actor: Actor, now: datetime, scan: tuple[str, bytes] | None = None) -> Letter:
    """Keep a letter. Only if it states a level, it becomes a rating as well; its number and writer are its proof.

    Refused 409 `letter_known` for a number that its place has registered, 422 by field, 403 out of one's area or for the rated.
    """
    where = _where(draft)
    area_path = snapshot().area_path(where["area"])
    if not may_enter(actor, area=area_path, organ=where["organ_path"], window=where["window_code"]):
        raise NOT_YOURS
    with transaction.atomic():
        # Pressed twice at the same moment, the second finds the first.
        connection.cursor().execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s))", [f"letter {draft.way} {area_path} {draft.number}"]
        )
        if Letter.objects.filter(way=draft.way, area_path=area_path, number=draft.number).exists():
            raise Refused("letter_known", 409, f"编号 {draft.number} 已登记过，一封信只登记一次。")
        letter = Letter(
            id=uuid4(),
            way=draft.way,
            number=draft.number,
            day=draft.day,
            area=where["area"],
            area_path=area_path,
            organ_code=where["organ_code"],
            organ_path=where["organ_path"],
            hall_code=where["hall_code"],
            window_code=where["window_code"],
            task_code=where["task_code"],
            level=draft.level,
            by_id=actor.id,
            by=actor.name,
            at=now,
        )
        person = {"words": draft.words, "name": draft.name, "mobile": draft.mobile}
        letter.blob = blobs.seal(person, table=TABLE, row=letter.id)
        if scan is not None:
            letter.scan = attachments.keep(letter.id, "letter", *scan, by=actor.id, now=now).id
        if draft.level is not None:
            letter.event_id = _rate(draft, where, actor, now)
        letter.save(force_insert=True)
        audit(
            actor, "register_letter", draft.number, now=now, facts={"way": str(draft.way), "rated": bool(draft.level)}
        )
    return letter


def note(letter_id: UUID, text: str, organ_code: str, *, actor: Actor, now: datetime) -> LetterNote:
    """Write down what was done with a letter, and to which organ it was passed on, if to one."""
    letter = queries.letter_for(actor, letter_id)
    if not may_enter(actor, area=letter.area_path, organ=letter.organ_path, window=letter.window_code):
        raise NOT_YOURS
    text = text.replace("\x00", "").strip()
    if not 2 <= len(text) <= NOTE_MOST:
        raise refused("text", "required", f"请写明怎样处理，2 至 {NOTE_MOST} 字。")
    if organ_code and organ_code not in snapshot().organs:
        raise refused("organ", "unknown", "没有这个单位，请从列出的单位里选。")
    with transaction.atomic():
        added = LetterNote.objects.create(letter=letter, organ_code=organ_code, text=text, by=actor.name, at=now)
        audit(actor, "note_letter", letter.number, now=now, facts={"organ": organ_code})
    return added


def _rate(draft: Draft, where: dict[str, str], actor: Actor, now: datetime) -> UUID:
    end = datetime.combine(draft.day + timedelta(days=1), time(), CHINA) - timedelta(seconds=1)
    at = min(end.astimezone(UTC), now.replace(microsecond=0))
    assert draft.level is not None  # the caller asked
    visit = Visit(
        at=at,
        window_code=where["window_code"],
        hall_code=where["hall_code"],
        organ_code=where["organ_code"],
        area=where["area"],
        task_code=where["task_code"],
        name=where["name"],
        mode=Mode.COMMENT,
        key=f"{where['area']} {draft.number}",  # every place numbers its own letters
    )
    submission = Submission(
        project_no="-",
        service_number=1,
        level=draft.level,
        pf=Channel.PAPER if draft.way is Way.BOX else Channel.OTHER,
        assess_time=at,
        source=f"desk-{draft.way}",
        indicators=draft.tags,
        words=shortened(draft.words),
        name=draft.name,
        mobile=draft.mobile,
        consent=draft.consent,
    )
    return record_entry(submission, way=draft.way, proof=draft.number, actor=actor, now=now, visit=visit).id


def _where(draft: Draft) -> dict[str, str]:
    """What the letter is about, as far as it is known; at least the area. Nobody is invented to answer for it."""
    blank = dict.fromkeys(("hall_code", "organ_code", "organ_path", "window_code", "task_code", "name"), "")
    known = snapshot()
    kind, _, code = draft.target.partition(":")
    if kind == "window":
        window = known.windows.get(code)
        if window is None:
            raise refused("target", "unknown", "没有找到这个窗口，请重新查找。")
        hall, organ = known.halls.get(window.hall), known.organs.get(window.organ)
        return blank | {
            "window_code": code,
            "area": hall.area if hall else organ.area if organ else draft.area,
            "organ_code": window.organ if organ else "",
            "organ_path": organ.path if organ else "",
            "name": "意见来信",
        }
    if draft.target:
        found = target_of(draft.target)
        if found is None or found.kind is Kind.PLATFORM:
            raise refused("target", "unknown", "没有找到这个单位、大厅或事项，请重新查找。")
        organ = known.organs.get(found.organ_code)
        hall = known.halls.get(found.hall_code)
        area = found.area or (hall.area if hall else organ.area if organ else "")
        return blank | {
            "hall_code": found.hall_code,
            "organ_code": found.organ_code,
            "organ_path": organ.path if organ else "",
            "task_code": found.task_code,
            "area": area,
            "name": found.name,
        }
    region = known.region(draft.area) if draft.area.isdigit() else None
    if region is None:
        raise refused("area", "required", "不知道说的是谁时，请选择地区，由裁定人确定责任单位。")
    return blank | {"area": region.code, "name": "意见来信"}
