"""答复模板: whose they are, who sees and changes them, and how one is filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q, QuerySet

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import Role, area_prefix
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification.models import ReplyTemplate
from haochaping.rectification.rules import CAUSE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.models import Order

NOT_FOUND = Refused("not_found", 404, "没有这个答复模板，或它属于其他单位。")
READ_ONLY = Refused("not_yours", 403, "这个模板由上级维护，您可以套用，不能修改。需要时请另建本单位的模板。")
WRITERS = (Role.HANDLER, Role.SUPERVISOR, Role.CITY)
TITLE_MOST, TEXT_MOST = 40, 2000
PLACES = {"{事项}": "办理的事项", "{日期}": "填写当天的日期", "{措施}": "“整改措施”里已填的内容"}


@dataclass(frozen=True)
class Owner:
    """For whom somebody may write a template: an organ, or everybody in an area."""

    area_path: str
    organ_path: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.area_path}|{self.organ_path}"


def owners_for(actor: Actor) -> list[Owner]:
    """The organs in which this actor handles orders, and the areas that they supervise."""
    known, found = snapshot(), []
    for role in WRITERS:
        for scope in actor.scopes_as(role):
            organ = known.organs.get(scope.organ.strip("/").rpartition("/")[2]) if scope.organ else None
            if scope.window or (scope.organ and organ is None) or (role is Role.HANDLER and organ is None):
                continue
            if organ is not None:
                found.append(Owner(area_prefix(organ.area), scope.organ, organ.name))
            else:
                name = "".join(known.region_names(scope.area.ljust(12, "0"))) if scope.area else "全国"
                found.append(Owner(scope.area, "", f"{name}各单位"))
    return list(dict.fromkeys(found))


def templates_seen_by(actor: Actor) -> QuerySet[ReplyTemplate]:
    """Those that the actor may change, and those that hold where they work."""
    known, above = snapshot(), Q(pk__in=[])
    for scope in (scope for role in WRITERS for scope in actor.scopes_as(role)):
        organ = known.organs.get(scope.organ.strip("/").rpartition("/")[2])
        above |= _holding(area_prefix(organ.area) if organ else scope.area, scope.organ)
    return ReplyTemplate.objects.filter(above | Q(pk__in=changed_by(actor).values("pk")))


def changed_by(actor: Actor) -> QuerySet[ReplyTemplate]:
    """Those within the places in which the actor may write them."""
    found = ReplyTemplate.objects.none()
    for owner in owners_for(actor):
        found |= ReplyTemplate.objects.filter(
            area_path__startswith=owner.area_path, organ_path__startswith=owner.organ_path
        )
    return found


def templates_for(order: Order) -> list[ReplyTemplate]:
    """Those that hold for who answers this order: of its cause first, then of any; of the nearest organ first."""
    found = ReplyTemplate.objects.filter(_holding(order.area_path, order.organ_path), is_active=True)
    return sorted(found, key=lambda t: (t.cause != order.cause, bool(t.cause), -len(t.organ_path), t.title))


def one_for(actor: Actor, template_id: int) -> ReplyTemplate:
    """That template, or Refused 404."""
    found = templates_seen_by(actor).filter(pk=template_id).first()
    if found is None:
        raise NOT_FOUND
    return found


def filled(template: ReplyTemplate, order: Order, typed: Mapping[str, str], now: datetime) -> str:
    """The text for this order; a place for which nothing is known yet stays, and is warned of."""
    day = clock.day(now)
    text = template.text.replace("{事项}", order.item_name or "{事项}").replace("{日期}", f"{day.month}月{day.day}日")
    measures = typed.get("measures", "").strip().rstrip("。")
    return text.replace("{措施}", measures or "{措施}")


def keep(typed: Mapping[str, str], *, actor: Actor, now: datetime, template_id: int | None = None) -> ReplyTemplate:
    """Write a new template, or change one. Refused 403, 404, 422 with the fields."""
    title, text, cause = (typed.get(name, "").strip() for name in ("title", "text", "cause"))
    owner = next((owner for owner in owners_for(actor) if owner.key == typed.get("owner", "")), None)
    errors = []
    if not 0 < len(title) <= TITLE_MOST or "\x00" in title:
        errors.append(FieldError("title", "required", f"请填写名称，最多{TITLE_MOST}字。"))
    if not 0 < len(text) <= TEXT_MOST or "\x00" in text:
        errors.append(FieldError("text", "required", f"请填写正文，最多{TEXT_MOST}字。"))
    if cause and cause not in CAUSE_NAMES:
        errors.append(FieldError("cause", "unknown", "请从列出的原因里选择。"))
    if owner is None and template_id is None:
        errors.append(FieldError("owner", "required", "请选择适用的单位或地区。"))
    if errors:
        raise Refused("fields_refused", 422, "".join(error.message for error in errors), tuple(errors))
    with transaction.atomic():
        found = _mine(actor, template_id) if template_id is not None else ReplyTemplate()
        if template_id is None and owner is not None:
            found.area_path, found.organ_path, found.owner = owner.area_path, owner.organ_path, owner.name
        found.title, found.text, found.cause = title, text, cause
        found.changed_by, found.changed_at = actor.name, now
        found.save()
        audit(actor, "reply_template_save", f"reply_template:{found.pk}", now=now, facts={"title": title})
    return found


def switch(template_id: int, *, is_active: bool, actor: Actor, now: datetime) -> ReplyTemplate:
    """Switch a template on or off; the replies that began with it stay as they are. Refused 403, 404."""
    with transaction.atomic():
        found = _mine(actor, template_id)
        found.is_active, found.changed_by, found.changed_at = is_active, actor.name, now
        found.save(update_fields=["is_active", "changed_by", "changed_at"])
        audit(
            actor,
            "reply_template_on" if is_active else "reply_template_off",
            f"reply_template:{found.pk}",
            now=now,
            facts={"title": found.title},
        )
    return found


def _mine(actor: Actor, template_id: int) -> ReplyTemplate:
    one_for(actor, template_id)
    found = changed_by(actor).select_for_update().filter(pk=template_id).first()
    if found is None:
        raise READ_ONLY
    return found


def _holding(area_path: str, organ_path: str) -> Q:
    """Of the places that this one lies in, itself among them."""
    organs, path = [""], "/"
    for code in organ_path.strip("/").split("/"):
        if code:
            path += f"{code}/"
            organs.append(path)
    areas = [area_path[:n] for n in range(len(area_path) + 1)]
    return Q(area_path__in=areas, organ_path__in=organs) | Q(organ_path__in=organs[1:])
