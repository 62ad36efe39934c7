"""Every write about briefs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max

from haochaping.accounts.commands import audit
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification.briefs import queries
from haochaping.rectification.briefs.models import Brief, BriefStep
from haochaping.rectification.briefs.rules import CASES_MOST, QUOTES_MOST, TEXTS, By, State, Step, read, step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.accounts.rules import Actor


def draft(
    title: str,
    cases: Sequence[UUID],
    *,
    asked: Sequence[tuple[str, str]],
    office: str,
    actor: Actor,
    now: datetime,
) -> Brief:
    """Begin a brief about these orders, all of them the author's to see. Refused 403, 422 `cases`, `title`."""
    scopes = queries.as_(actor, *queries.WRITE).scopes
    if not scopes:
        raise Refused("not_your_part", 403, "专报由督办人员起草。")
    if not cases or len(cases) > CASES_MOST:
        message = f"请挑选 1 至 {CASES_MOST} 件工单。"
        raise Refused("facts_refused", 422, message, (FieldError("cases", "not_allowed", message),))
    seen = set(queries.candidates(actor, now).filter(pk__in=list(cases)).values_list("pk", flat=True))
    if seen != set(cases):
        raise queries.NOT_FOUND
    with transaction.atomic():
        brief = Brief.objects.create(
            area_path=scopes[0].area,
            organ_path=scopes[0].organ,
            office=office[:200],
            title=read("title", TEXTS["title"], title, longest=100),
            asked=[list(pair) for pair in asked],
            cases=list(dict.fromkeys(cases)),
            made_by=actor.name,
            made_at=now,
        )
        _told(brief, "draft", actor, "", now)
    return brief


def write(pk: int, given: Mapping[str, str], quotes: Sequence[str], *, seen: str, actor: Actor) -> Brief:
    """Keep what the author wrote. Refused 404, 403, 409 once it was submitted or changed by somebody else, 422."""
    with transaction.atomic():
        brief = _locked(pk, actor)
        if By.AUTHOR not in queries.parts_in(brief, actor):
            raise Refused("not_your_part", 403, "专报由督办人员起草。")
        if brief.state != State.DRAFT or str(brief.revision) != seen:
            raise Refused("moved", 409, "这份专报刚刚由别人改过或已经报送，您的修改没有保存，请看过最新内容再改。")
        for name, label in TEXTS.items():
            text = read(
                name, label, given.get(name, ""), is_required=name == "title", longest=100 if name == "title" else 3000
            )
            setattr(brief, name, text)
        allowed = {str(quote.id): quote.id for quote in queries.quotes_of(brief.cases)}
        chosen = [allowed[id_] for id_ in dict.fromkeys(quotes) if id_ in allowed]
        if len(chosen) > QUOTES_MOST:
            message = f"典型反映最多 {QUOTES_MOST} 条。"
            raise Refused("facts_refused", 422, message, (FieldError("quotes", "not_allowed", message),))
        brief.quotes, brief.revision = chosen, brief.revision + 1
        brief.save(force_update=True)
    return brief


def act(pk: int, verb: str, text: str, *, actor: Actor, now: datetime) -> Brief:
    """Submit, instruct, return or archive it. Refused 404, 403, 409, 422 `text` or the part that is still empty."""
    with transaction.atomic():
        brief = _locked(pk, actor)
        found, text = check(brief, verb, text, actor=actor)
        brief.state = found.target
        if verb == "submit":
            brief.submitted_at, brief.figures = now, {**queries.figures_of(brief.cases, now), "at": clock.to_wire(now)}
        elif verb == "return":
            brief.figures = None  # drawn anew when it is submitted again
        elif verb == "approve":
            brief.decided_by, brief.decided_at, brief.instruction = actor.name, now, text
            _number(brief, now)
        elif verb == "archive":
            brief.archived_at = now
        brief.revision += 1
        brief.save(force_update=True)
        _told(brief, verb, actor, text, now)
        audit(actor, f"brief_{verb}", str(brief.pk), now=now, facts={"title": brief.title})
    return brief


def check(brief: Brief, verb: str, text: str, *, actor: Actor) -> tuple[Step, str]:
    """The step that would be taken and its text as kept; Refused as `act`."""
    found = step(State(brief.state), verb, queries.parts_in(brief, actor))
    if verb == "submit":
        for name, label in TEXTS.items():
            read(name, label, getattr(brief, name))
    return found, read("text", found.asks, text) if found.asks else ""


def _locked(pk: int, actor: Actor) -> Brief:
    queries.one_for(actor, pk)
    return Brief.objects.select_for_update().get(pk=pk)


def _number(brief: Brief, now: datetime) -> None:
    year = clock.day(now).year
    issued = Brief.objects.filter(area_path=brief.area_path, organ_path=brief.organ_path, year=year)
    brief.year, brief.n = year, (issued.aggregate(last=Max("n"))["last"] or 0) + 1


def _told(brief: Brief, verb: str, actor: Actor, text: str, now: datetime) -> None:
    n = BriefStep.objects.filter(brief_id=brief.pk).count() + 1
    BriefStep.objects.create(
        brief_id=brief.pk, n=n, verb=verb, actor_id=actor.id, actor_name=actor.name, text=text, at=now
    )
