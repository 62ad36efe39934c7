"""大屏链接: opened by a supervisor for a place and a time, closed by one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import visible
from haochaping.console.filters import areas_of
from haochaping.console.models import ScreenLink
from haochaping.console.queries import area_name
from haochaping.kit import ids
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor

NAME_MOST = 40
LONGEST = 366  # days; whoever forgets a wall's link leaves it open no longer
MOST = 50  # open links of one place and all below it


def links_for(actor: Actor) -> QuerySet[ScreenLink]:
    """The links of the places that somebody supervises, newest first."""
    whole = [scope for scope in actor.scopes if not scope.organ and not scope.window]
    if not whole:
        return ScreenLink.objects.none()
    return visible(ScreenLink.objects.order_by("-made_at", "-pk"), actor, organ="area_path", window="area_path")


def places_for(actor: Actor) -> list[tuple[str, str]]:
    """Which places somebody may put on a wall, as (prefix, name): their own, and those just below."""
    own = [scope.area for scope in actor.scopes if not scope.organ and not scope.window]
    return [*dict.fromkeys((prefix, area_name(prefix)) for prefix in own), *areas_of(actor)]


def open_link(actor: Actor, *, name: str, area: str, days: str, now: datetime) -> tuple[ScreenLink, str]:
    """A new link and its token, which is told this once. Refused 422 with the field."""
    name = " ".join(name.replace("\x00", "").split())
    errors = []
    if not 1 <= len(name) <= NAME_MOST:
        errors.append(FieldError("name", "malformed", f"请写明放在哪里，最多{NAME_MOST}个字，例如“一楼大厅”。"))
    if area not in dict(places_for(actor)):
        errors.append(FieldError("area", "not_yours", "请从列表里选一个您管辖的地区。"))
    if not (days.isascii() and days.isdigit() and 1 <= int(days) <= LONGEST):
        errors.append(FieldError("days", "out_of_range", f"有效天数请填1到{LONGEST}之间的整数。"))
    if errors:
        raise Refused("fields_refused", 422, "".join(error.message for error in errors), tuple(errors))
    with transaction.atomic():
        if links_for(actor).filter(closed_at=None, ends_at__gt=now).count() >= MOST:
            raise Refused("too_many_links", 409, f"有效的大屏链接已有{MOST}个，请先停用不用的。")
        token = ids.new_token()
        link = ScreenLink.objects.create(
            name=name,
            area_path=area,
            digest=ids.token_digest(token),
            made_by=actor.name,
            made_at=now,
            ends_at=now + timedelta(days=int(days)),
        )
        audit(actor, "screen_open", str(link.pk), now=now, facts={"area": area, "days": int(days)})
    return link, token


def close_link(link_id: int, *, actor: Actor, now: datetime) -> ScreenLink:
    """Whoever watches by it sees no more. Refused 404 for a link elsewhere, 409 for one that is closed."""
    with transaction.atomic():
        link = links_for(actor).select_for_update().filter(pk=link_id).first()
        if link is None:
            raise Refused("not_found", 404, "没有这个大屏链接，或者它不在您的管辖范围内。")
        if link.closed_at is not None:
            raise Refused("already_closed", 409, "这个大屏链接已经停用。")
        link.closed_at = now
        link.save(update_fields=["closed_at"])
        audit(actor, "screen_close", str(link.pk), now=now, facts={"area": link.area_path})
    return link


def link_by(token: str, *, now: datetime) -> ScreenLink:
    """The link that this token opens. Refused 404 where there is none, or none any more."""
    link = ScreenLink.objects.filter(digest=ids.token_digest(token), closed_at=None, ends_at__gt=now).first()
    if link is None:
        raise Refused("not_found", 404, "这个大屏链接不存在、已停用或已到期。请联系政务服务主管部门重新设立。")
    return link
