"""Signs made, printed, replaced and counted; a visit without a case rated; windows kept up by the people in charge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.channels import signs
from haochaping.channels.commands import make_link
from haochaping.channels.models import Link, Sign
from haochaping.channels.windows import queries
from haochaping.channels.windows.rules import AGAIN_AFTER, new_serial
from haochaping.flow.admit import admit
from haochaping.flow.visits import Visit, open_visit
from haochaping.kit import clock, ids
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.channels.forms import Draft
    from haochaping.directory.queries import WindowInfo

VISIT_NAME = "窗口来访"
QR = 3  # pf
POINTS = {"acceptance": "acceptance", "issue": "issue"}  # of a window's kind; an integrated one is neither
TOO_SOON = Refused("visited_already", 409, "您刚才已经评价过本窗口的来访，十分钟内不用再评一次。")


def signs_for(windows: Iterable[WindowInfo], actor: Actor, now: datetime) -> list[Sign]:
    """The sign in force of each window, made where there is none, in the order of the windows."""
    windows = list(windows)
    codes = [window.code for window in windows]
    with transaction.atomic():
        have = queries.signs_in_force(codes)
        new = [
            Sign(serial=new_serial(), window_code=code, made_at=now, made_by=actor.name)
            for code in dict.fromkeys(codes)
            if code not in have
        ]
        if new:
            Sign.objects.bulk_create(new, ignore_conflicts=True)  # somebody else may print the same window now
            have = queries.signs_in_force(codes)
    return [have[code] for code in codes]


def print_signs(printed: Iterable[Sign], actor: Actor, now: datetime) -> None:
    """Write down that these go on paper."""
    printed = list(printed)
    with transaction.atomic():
        Sign.objects.filter(serial__in=[sign.serial for sign in printed]).update(printed_at=now, printed_by=actor.name)
        for sign in printed:
            audit(actor, "sign_print", sign.window_code, now=now, facts={"序列号": sign.serial})


def replace_sign(serial: str, reason: str, actor: Actor, now: datetime) -> Sign:
    """Take a sign out of force and make the next one; the old one still leads to the window and says that it was replaced."""
    if not reason.strip():
        raise Refused(
            "fields_refused", 422, "请填写更换原因。", (FieldError("reason", "required", "请填写更换原因。"),)
        )
    with transaction.atomic():
        sign = Sign.objects.select_for_update().filter(serial=serial).first()
        if sign is None or sign.replaced_at is not None:
            raise Refused("sign_replaced", 409, "这张二维码已经更换过了，请刷新后查看。")
        sign.replaced_at, sign.reason = now, reason.strip()[:200]
        following = Sign(serial=new_serial(), window_code=sign.window_code, made_at=now, made_by=actor.name)
        sign.replaced_by = following.serial
        sign.save(update_fields=["replaced_at", "reason", "replaced_by"])
        following.save(force_insert=True)
        facts = {"旧序列号": serial, "新序列号": following.serial, "原因": sign.reason}
        audit(actor, "sign_replace", sign.window_code, now=now, facts=facts)
    return following


def rate_visit(window: WindowInfo, draft: Draft, *, browser: str, serial: str, now: datetime) -> str:
    """Admit the rating of a visit without a case: its service event is made with it, in one transaction.

    The token of a link that shows this browser, and no other, the receipt. Refused `visited_already` where the browser
    rated a visit to this window within ten minutes; otherwise as `flow.admit` says, and then no service event is left.
    """
    at = now.replace(microsecond=0)  # a rating's time has whole seconds and must not lie before the service
    with transaction.atomic():
        if queries.visited(window.code, browser, since=now - AGAIN_AFTER):
            raise TOO_SOON
        visit = Visit(
            at=at,
            window_code=window.code,
            name=VISIT_NAME,
            point=POINTS.get(window.kind, ""),
            key=f"{window.code}\x00{browser}\x00{int(now.timestamp() // AGAIN_AFTER.total_seconds())}",
        )
        event = open_visit(visit, source=signs.WINDOW, now=now)
        submission = draft.submission(project_no=event.project_no, service_number=1, pf=QR, now=now)
        (outcome,) = admit([submission], now=now)
        if outcome.refused is not None and outcome.refused.code != "already_rated":
            raise outcome.refused
        if outcome.status != "created":  # the same browser pressed twice at the same moment
            raise TOO_SOON
        token = make_link(event.id, QR, AGAIN_AFTER, signs.maker(serial), now)
        Link.objects.filter(digest=ids.token_digest(token)).update(rated_by=ids.token_digest(browser), rated_at=now)
        if serial:
            signs.tally(serial, clock.day(now), ratings=1)
    return token
