"""证据材料: what those who work on an order bring to show how it was, and who may see it: whoever sees the order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction
from django.db.models import Sum

from haochaping.accounts.commands import audit
from haochaping.directory.queries import snapshot
from haochaping.evaluation import attachments
from haochaping.evaluation.papers import pictures_of
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification import sight, veil
from haochaping.rectification.models import Evidence, Move
from haochaping.rectification.rules import State
from haochaping.rectification.workflow import PART_NAMES, Part

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from haochaping.accounts.rules import Actor
    from haochaping.evaluation.models import Attachment
    from haochaping.rectification.models import Order

KIND = "evidence"  # of an attachment
FILES_MOST = 20  # of one order
BYTES_MOST = 50 * 1024 * 1024  # of one order, as kept
CO_UNIT = "co_unit"
BY_NAMES = {str(part): PART_NAMES[part] for part in Part} | {CO_UNIT: "协办单位"}
PARTS = (Part.HANDLER, Part.CLERK, Part.REVIEWER, Part.SUPERVISOR, Part.OPERATOR)
NO_FILE = Refused("not_found", 404, "没有这份材料。")


@dataclass(frozen=True)
class File:
    """A file of an order as somebody sees it listed."""

    id: UUID
    name: str
    size: int  # bytes
    pages: tuple[UUID, ...]
    who: str  # name and part
    organ: str
    at: datetime
    is_named: bool  # by a move: it stays
    is_mine: bool

    @property
    def may_go(self) -> bool:
        return self.is_mine and not self.is_named


def files(order: Order, actor: Actor) -> list[File]:
    """What was brought to this order, oldest first, as far as this actor may see it."""
    named = _named(order.pk)
    return [
        File(
            row.id,
            row.name,
            row.size,
            tuple(row.pages),
            f"{row.actor_name}（{BY_NAMES[row.by]}）",
            row.organ_name,
            row.at,
            str(row.id) in named,
            _is_bringers(row, actor),
        )
        for row in seen_by(order, actor)
    ]


def names(order: Order, actor: Actor) -> dict[str, str]:
    """What a move of this actor may name: the files by id."""
    return {str(row.id): row.name for row in seen_by(order, actor)}


def seen_by(order: Order, actor: Actor) -> list[Evidence]:
    """The files of an order: all for whom the order stands open, their own for a clerk, none for those who only look on."""
    sees_all = sight.may_see_files(order, actor)
    rows = Evidence.objects.filter(order_id=order.pk).order_by("at", "id")
    return [row for row in rows if sees_all or _is_bringers(row, actor)]


def kept(order: Order, actor: Actor) -> list[Attachment]:
    """Every page of what this actor may see, file by file, as it is kept."""
    rows = {each.id: each for each in attachments.kept(order.pk) if each.kind == KIND}
    return [rows[page] for row in seen_by(order, actor) for page in row.pages if page in rows]


def _named(order_id: UUID) -> set[str]:
    told = Move.objects.filter(order_id=order_id, facts__has_key="files").values_list("facts__files", flat=True)
    return {id_ for ids in told for id_ in ids}


def _is_bringers(row: Evidence, actor: Actor) -> bool:
    return (row.actor_kind, row.actor_id) == (actor.kind, actor.id)


def part_of(order: Order, actor: Actor) -> str:
    """As what this actor may bring files to this order now; "" for who only looks on, and once the order has ended."""
    if not State(order.state).is_open:
        return ""
    parts = sight.parts_in(order, actor)
    if part := next((part for part in PARTS if part in parts), None):
        return part
    return CO_UNIT if sight.parts_for(actor).filter(order_id=order.pk).exists() else ""


def bring(*, order_id: UUID, actor: Actor, name: str, raw: bytes, now: datetime) -> Evidence:
    """Keep a file with an order: pictures of it, and nothing else that was in it.

    Refused 404, 403 `not_your_part`, 422 `attachment_*` or `evidence_full`, 503 while another PDF is read.
    """
    order = sight.one_for(actor, order_id)
    _require_part(order, actor)
    _require_room(order_id, 0)
    pictures = pictures_of(raw)  # takes seconds: before anything is locked
    plain = attachments.tidy(name, veil.secrets_of(order)).removesuffix(".jpg")
    with transaction.atomic():
        locked = sight.orders_for(actor).select_for_update(of=("self",)).filter(pk=order_id).first()
        if locked is None:
            raise sight.NOT_FOUND
        part = _require_part(locked, actor)
        _require_room(order_id, sum(map(len, pictures)))
        drawn = [
            attachments.keep_drawn(order_id, KIND, _name(plain, n, len(pictures)), picture, by=actor.id, now=now)
            for n, picture in enumerate(pictures, 1)
        ]
        row = Evidence.objects.create(
            id=uuid4(),
            order_id=order_id,
            name=plain,
            pages=[each.id for each in drawn],
            size=sum(each.size for each in drawn),
            by=part,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            organ_name=_organ_of(actor),
            at=now,
        )
        audit(actor, "evidence_add", order.order_no, now=now, facts={"file": plain, "pages": len(drawn)})
    return row


def _name(plain: str, n: int, of: int) -> str:
    return f"{plain}_第{n}页.jpg" if of > 1 else f"{plain}.jpg"


def _organ_of(actor: Actor) -> str:
    paths = [actor.organ, *(scope.organ for scope in actor.scopes)]
    path = next((path for path in paths if path), "")
    organ = snapshot().organs.get(path.strip("/").rpartition("/")[2])
    return organ.name if organ else ""


def _require_part(order: Order, actor: Actor) -> str:
    part = part_of(order, actor)
    if not part:
        if not State(order.state).is_open:
            raise Refused("order_has_ended", 409, "工单已经结束，不能再上传材料。")
        raise Refused("not_your_part", 403, "只有办理这件工单的人能上传材料。")
    return part


def _require_room(order_id: UUID, more: int) -> None:
    rows = Evidence.objects.filter(order_id=order_id)
    if rows.count() >= FILES_MOST:
        raise _full(f"一件工单最多 {FILES_MOST} 份材料，请先删去不用的，或合成一个 PDF。")
    if (rows.aggregate(n=Sum("size"))["n"] or 0) + more > BYTES_MOST:
        raise _full(f"一件工单的材料共最多 {BYTES_MOST // 1024 // 1024} MB，请只留要紧的页，或降低分辨率。")


def _full(message: str) -> Refused:
    return Refused("evidence_full", 422, message, (FieldError("file", "evidence_full", message),))


def drop(*, order_id: UUID, file_id: UUID, actor: Actor, now: datetime) -> None:
    """Delete a file that one brought oneself and that no move names; its pictures are erased. Refused 404, 403, 409."""
    with transaction.atomic():
        order = sight.orders_for(actor).select_for_update(of=("self",)).filter(pk=order_id).first()
        row = Evidence.objects.filter(order_id=order_id, id=file_id).first()
        if order is None or row is None:
            raise NO_FILE
        if not _is_bringers(row, actor):
            raise Refused("not_yours", 403, "只有上传的人能删除这份材料。")
        if str(file_id) in _named(order_id):
            raise Refused("evidence_named", 409, "办理过程已经引用这份材料，不能删除。")
        attachments.forget(row.pages)
        row.delete()
        audit(actor, "evidence_drop", order.order_no, now=now, facts={"file": row.name})


def page(order: Order, page_id: UUID, *, actor: Actor, now: datetime) -> tuple[str, bytes]:
    """Name and bytes of one picture of an order that the caller may see; written down who looked. Refused 404."""
    row = next((row for row in seen_by(order, actor) if page_id in row.pages), None)
    found = attachments.one(page_id, KIND) if row else None
    if row is None or found is None or found.event_id != order.pk:
        raise NO_FILE
    picture = attachments.open_(found)
    audit(actor, "evidence_open", order.order_no, now=now, facts={"file": found.name})
    return found.name, picture
