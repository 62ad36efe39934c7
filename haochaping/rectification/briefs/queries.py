"""Who sees which brief, what may be done with it, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q, QuerySet

from haochaping.accounts.queries import visible
from haochaping.accounts.rules import Actor, Role
from haochaping.evaluation.queries import published_words, secrets
from haochaping.kit.errors import Refused
from haochaping.kit.masks import mask_text
from haochaping.rectification.briefs.models import Brief, BriefStep
from haochaping.rectification.briefs.rules import STEPS, VERB_NAMES, By, Counted, State, Step, figures, may_quote
from haochaping.rectification.models import Order
from haochaping.rectification.queries import narrow, orders_for
from haochaping.rectification.rules import CAUSE_NAMES
from haochaping.rectification.rules import State as OrderState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from uuid import UUID

NOT_FOUND = Refused("not_found", 404, "没有这份专报。")
WRITE = (Role.SUPERVISOR, Role.CITY)
READ = (*WRITE, Role.LEADER)
VERIFIED = ("satisfied", "accepted", "confirmed")


def briefs_for(actor: Actor) -> QuerySet[Brief]:
    """Those of the actor's places; what is still being written only for who may write it."""
    seen = Brief.objects.none()
    if actor.kind == "person" and actor.has(*WRITE):
        seen |= visible(Brief.objects.all(), as_(actor, *WRITE))
    if actor.kind == "person" and actor.has(Role.LEADER):
        seen |= visible(Brief.objects.exclude(state=State.DRAFT), as_(actor, Role.LEADER))
    return seen


def as_(actor: Actor, *roles: Role) -> Actor:
    """The actor with the scopes of these roles alone."""
    scopes = tuple(scope for role in roles for scope in actor.scopes_as(role) if not scope.window)
    return replace(actor, roles=actor.roles & set(roles), scopes=scopes)


def one_for(actor: Actor, pk: int) -> Brief:
    """That brief, or Refused 404."""
    found = briefs_for(actor).filter(pk=pk).first()
    if found is None:
        raise NOT_FOUND
    return found


def parts_in(brief: Brief, actor: Actor) -> frozenset[By]:
    """What somebody is to this brief."""
    here = actor.over(area=brief.area_path, organ=brief.organ_path)
    found = {By.AUTHOR} if here.has(*WRITE) else set()
    return frozenset(found | {By.LEADER} if here.has(Role.LEADER) else found)


def open_steps(brief: Brief, actor: Actor) -> list[Step]:
    parts = parts_in(brief, actor)
    return [step for step in STEPS if step.source == brief.state and step.by in parts]


@dataclass(frozen=True)
class Told:
    """A line of a brief's history."""

    label: str
    who: str
    at: datetime
    text: str


def history(brief: Brief) -> list[Told]:
    lines = BriefStep.objects.filter(brief_id=brief.pk).order_by("n")
    return [Told(VERB_NAMES[line.verb], line.actor_name, line.at, line.text) for line in lines]


def candidates(
    actor: Actor,
    now: datetime,
    *,
    item: str = "",
    cause: str = "",
    organ: str = "",
    start: date | None = None,
    end: date | None = None,
) -> QuerySet[Order]:
    """The orders that an author may pick from: `item` a code or part of its name, `organ` a name or part of it."""
    found = narrow(orders_for(as_(actor, *WRITE)), now=now, start=start, end=end)
    if item:
        found = found.filter(Q(task_code=item) | Q(item_name__icontains=item))
    if cause in CAUSE_NAMES:
        found = found.filter(cause=cause)
    if organ:
        found = found.filter(organ_name__icontains=organ)
    return found.order_by("-dispatch_day", "order_no")


def figures_of(cases: Iterable[UUID], now: datetime) -> dict[str, Any]:
    """What stands in a brief about these orders: its figures with their definitions, by organ and by cause. For JSON."""
    picked = Order.objects.filter(pk__in=list(cases), is_probe=False)
    counts = picked.aggregate(n=Count("pk"), aside=Count("pk", filter=Q(state=OrderState.VOIDED)))
    adopted = picked.exclude(state=OrderState.VOIDED)
    calls = ~Q(answer_kind="explained") & (Q(answer_due__lte=now) | Q(state=OrderState.CLOSED))
    more = adopted.aggregate(
        answered=Count("pk", filter=Q(answered_at__isnull=False)),
        late=Count("pk", filter=Q(was_late=True) | Q(overdue_since__isnull=False)),
        due=Count("pk", filter=calls),
        verified=Count("pk", filter=calls & Q(verdict__in=VERIFIED)),
    )
    counted = Counted(
        counts["n"], counts["aside"], **more, organs=_grouped(adopted, "organ_name"), causes=_grouped(adopted, "cause")
    )
    return {
        "figures": [list(figure) for figure in figures(counted)],
        "organs": [[name or "待裁定", n] for name, n in counted.organs],
        "causes": [[CAUSE_NAMES.get(cause, "未核实"), n] for cause, n in counted.causes],
    }


def _grouped(orders: QuerySet[Order], name: str) -> tuple[tuple[str, int], ...]:
    rows = orders.order_by().values_list(name).annotate(n=Count("pk")).order_by("-n", name)[:10]
    return tuple((value, n) for value, n in rows)


@dataclass(frozen=True)
class Quote:
    """What a rater wrote who agreed that it is published; masked."""

    id: UUID
    item: str
    words: str


def quotes_of(cases: Iterable[UUID]) -> list[Quote]:
    """The words among these orders that may be quoted at this moment. Consent and words may be taken back at any time."""
    said = published_words(cases)
    hidden = secrets(said)
    items = dict(
        Order.objects.filter(pk__in=list(said)).exclude(state=OrderState.VOIDED).values_list("pk", "item_name")
    )
    return [
        Quote(id_, items[id_], words)
        for id_, words in said.items()
        if id_ in items and may_quote(words) and mask_text(words, hidden[id_]) == words
    ]


def chosen_quotes(brief: Brief) -> list[Quote]:
    """Those that the author chose, as far as they may still be quoted."""
    return quotes_of([id_ for id_ in brief.quotes if id_ in set(brief.cases)])


def number_of(brief: Brief) -> str:
    return f"〔{brief.year}〕{brief.n}号" if brief.n is not None else ""
