"""What may be asked of the list of work orders besides the state. All of it stands in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import django_filters as filters

from haochaping.console import queries
from haochaping.console.columns import VERDICTS, may_know
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation.rules import LEVEL_NAMES, Level
from haochaping.policy.pack import ROUTES
from haochaping.policy.rules import SEVERITY_NAMES
from haochaping.rectification.models import Order
from haochaping.rectification.queries import is_overdue, narrow
from haochaping.rectification.rules import CAUSE_NAMES
from haochaping.rectification.search import called, holding, marks_for, marks_of
from haochaping.rectification.sight import View, view_in_lists

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor

DUE = (("late", "已超期"), ("soon", "一个工作日内到期"))
FLAGS = {
    "mine": "等我办理",
    "reopened": "重新打开过",
    "appealed": "申诉过",
    "extension": "申请延期待批",
    "was_late": "曾超期",
}  # each narrows when it is ticked
MARKED = ("level", "area", "cause", "severity", "verdict", "real_name")  # what the index of words knows too
# The fact that a filter asks about, where it has another name.
FACTS = {
    "q": "order_no", "organ": "organ_name", "due": "step_due", "since": "dispatch_day", "until": "dispatch_day",
    "item": "task_code", "extension": "extension_asked",
}  # fmt: skip
FEW_ORGANS = 200  # organs that are offered while one types


class OrderFilter(filters.FilterSet):  # type: ignore[misc]
    """An answer that makes no sense is left aside."""

    q = filters.CharFilter(method="by_text", label="检索")
    organ = filters.CharFilter(method="by_organ", label="承办单位")
    area = filters.ChoiceFilter(method="by_area", label="地区", empty_label="全部", choices=())
    level = filters.TypedChoiceFilter(
        coerce=int,
        label="满意度",
        choices=[(int(n), LEVEL_NAMES[n]) for n in (Level.VERY_BAD, Level.BAD)],
    )
    due = filters.ChoiceFilter(method="by_due", label="时限", empty_label="全部", choices=DUE)
    since = filters.DateFilter(method="by_start", label="派发日自")
    until = filters.DateFilter(method="by_end", label="至")
    cause = filters.ChoiceFilter(label="原因", choices=tuple(CAUSE_NAMES.items()))
    severity = filters.ChoiceFilter(label="难易", choices=[(str(k), v) for k, v in SEVERITY_NAMES.items()])
    verdict = filters.ChoiceFilter(label="核验结果", choices=tuple(VERDICTS.items()))
    route = filters.ChoiceFilter(label="派发途径", choices=tuple(ROUTES.items()))
    real_name = filters.BooleanFilter(label="实名")
    item = filters.CharFilter(field_name="task_code", label="实施编码")
    mine = filters.BooleanFilter(method="by_mine")
    reopened = filters.BooleanFilter(method="by_flag")
    appealed = filters.BooleanFilter(method="by_flag")
    extension = filters.BooleanFilter(method="by_flag")
    was_late = filters.BooleanFilter(method="by_flag")

    class Meta:
        model = Order
        fields: tuple[str, ...] = ()

    def __init__(self, data: Any, rows: QuerySet[Order], *, actor: Actor, now: datetime) -> None:
        super().__init__(data, rows)
        self.now = now
        self.actor = actor
        self.view = view_in_lists(actor)
        for name in [name for name in self.filters if not may_know(self.view, FACTS.get(name, name))]:
            del self.filters[name]  # who may not know it may not find it out by asking
        if "mine" in self.filters and not actor.has(*queries.WAITING):
            del self.filters["mine"]
        if "area" in self.filters:
            self.filters["area"].extra["choices"] = areas_of(actor)

    def by_text(self, rows: QuerySet[Order], _name: str, _text: str) -> QuerySet[Order]:
        return rows  # `narrowed` does it, tab by tab

    def by_organ(self, rows: QuerySet[Order], _name: str, text: str) -> QuerySet[Order]:
        return rows.filter(organ_path__in=paths_named(text))

    def by_area(self, rows: QuerySet[Order], _name: str, area: str) -> QuerySet[Order]:
        return narrow(rows, now=self.now, area=area.ljust(12, "0"))

    def by_due(self, rows: QuerySet[Order], _name: str, asked: str) -> QuerySet[Order]:
        if asked == "late":
            return rows.filter(is_overdue(self.now))
        soon = queries.end_of_next_workday(self.now)
        return rows.filter(closed_at=None, step_due__gt=self.now, step_due__lte=soon)

    def by_flag(self, rows: QuerySet[Order], name: str, asked: bool) -> QuerySet[Order]:
        return narrow(rows, now=self.now, flags=(name,)) if asked else rows

    def by_mine(self, rows: QuerySet[Order], _name: str, asked: bool) -> QuerySet[Order]:
        return rows.filter(queries.waits_for(self.actor, self.now), closed_at=None) if asked else rows

    def by_start(self, rows: QuerySet[Order], _name: str, day: date) -> QuerySet[Order]:
        return narrow(rows, now=self.now, start=day)

    def by_end(self, rows: QuerySet[Order], _name: str, day: date) -> QuerySet[Order]:
        return narrow(rows, now=self.now, end=day)

    def narrowed(self, rows: QuerySet[Order], stage: str = "", *, are_many: bool = False) -> QuerySet[Order]:
        """Of these rows, which are filtered by all else already, those that hold the words. `stage`: that of them all."""
        asked = self.asked
        if self.view is View.OPENED:
            return called(rows, asked.get("q", ""))
        marks = marks_of(stage=stage, **{name: asked[name] for name in MARKED if name in asked}) + marks_for(self.actor)
        return holding(rows, asked["q"], marks, are_many=are_many) if "q" in asked else rows

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked and understood, by name."""
        self.form.is_valid()
        return {name: value for name, value in self.form.cleaned_data.items() if value not in (None, "")}

    @property
    def is_used(self) -> bool:
        return bool(self.asked)

    def shown(self, name: str) -> str:
        """What was typed, as the form shows it again."""
        return str(self.data.get(name, ""))


def selects(asked: OrderFilter, *names: str) -> list[tuple[str, str, list[tuple[str, str]], str]]:
    """Name, label, choices and what is chosen, for those of these that have something to choose."""
    found = []
    for name in names:
        if name not in asked.filters:
            continue
        if name == "real_name":
            choices: Any = [("true", "是"), ("false", "否")]
        else:
            choices = asked.filters[name].extra["choices"]
        if choices:
            found.append((name, asked.filters[name].label, [(str(k), v) for k, v in choices], asked.shown(name)))
    return found


def flags(asked: OrderFilter) -> list[tuple[str, str, bool]]:
    """Name, label and whether it is ticked."""
    return [(name, label, asked.asked.get(name) is True) for name, label in FLAGS.items() if name in asked.filters]


def in_words(asked: OrderFilter) -> dict[str, str]:
    """What was asked, for the audit trail. Words somebody searched for may name a citizen: only that there were some is kept."""
    return {name: "（有）" if name == "q" else str(value) for name, value in asked.asked.items()}


def query_of(given: Mapping[str, str], *names: str) -> str:
    """The address's query without what is empty, in one order: what is saved, linked and compared."""
    known = (*OrderFilter.base_filters, "state", "sort", *names)
    return urlencode([(name, given[name].strip()) for name in known if given.get(name, "").strip()])


def paths_named(text: str) -> list[str]:
    """The organs with this code or with this text in their name, and all below them."""
    text = text.replace("\x00", "").strip()
    known = snapshot().organs
    named = {text} if text in known else {organ.code for organ in known.values() if text and text in organ.name}
    return [organ.path for organ in known.values() if not named.isdisjoint(organ.path.strip("/").split("/"))]


def organs_offered(actor: Actor) -> list[str]:
    """The names of the organs in somebody's scopes, where they are few enough to be offered."""
    scopes = [scope for scope in actor.scopes if not scope.window]
    found = [
        organ.name
        for organ in snapshot().organs.values()
        if organ.is_active
        and any(organ.area.startswith(scope.area) and organ.path.startswith(scope.organ) for scope in scopes)
    ]
    return sorted(set(found)) if len(found) <= FEW_ORGANS else []


def areas_of(actor: Actor) -> list[tuple[str, str]]:
    """The cities of who works for a province, the counties of who works for a city; none where organs bound the view."""
    prefixes = {scope.area for scope in actor.scopes if not scope.organ}
    levels = {2: 2, 4: 3}
    found = [
        (region.path, region.name)
        for region in sorted(snapshot().regions.values(), key=lambda region: region.code)
        if not region.merged_into
        and any(region.level == levels.get(len(prefix), 0) and region.path.startswith(prefix) for prefix in prefixes)
    ]
    if "" in prefixes:
        found = [
            (r.path, r.name)
            for r in snapshot().regions.values()
            if r.level == 2 and not r.merged_into and not is_probe_area(r.path)
        ]
    return found
