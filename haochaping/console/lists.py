"""The list of work orders: what may be asked of it, its columns as a sheet."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import django_filters as filters
from django.db.models import F

from haochaping.accounts.rules import area_prefix
from haochaping.channels.sheets import write_csv
from haochaping.console import queries
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation.rules import LEVEL_NAMES, Level
from haochaping.kit import clock
from haochaping.kit.cells import text
from haochaping.policy.rules import SEVERITY_NAMES
from haochaping.rectification.facts import last_day
from haochaping.rectification.models import Order
from haochaping.rectification.needs import RESULTS
from haochaping.rectification.queries import is_overdue, narrow
from haochaping.rectification.rules import CAUSE_NAMES, STATE_NAMES, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor

DUE = (("late", "已超期"), ("soon", "一个工作日内到期"))
VERDICTS = RESULTS | {"confirmed": "督办确认", "unsatisfied": "仍不满意"}


class OrderFilter(filters.FilterSet):  # type: ignore[misc]
    """What can be asked of the list besides the state. An answer that makes no sense is left aside."""

    q = filters.CharFilter(method="by_text", label="工单编号或事项")
    organ = filters.CharFilter(field_name="organ_name", lookup_expr="icontains", label="承办单位")
    area = filters.ChoiceFilter(method="by_area", label="地区", empty_label="全部", choices=())
    level = filters.TypedChoiceFilter(
        coerce=int,
        label="满意度",
        choices=[(int(n), LEVEL_NAMES[n]) for n in (Level.VERY_BAD, Level.BAD)],
    )
    due = filters.ChoiceFilter(method="by_due", label="时限", empty_label="全部", choices=DUE)
    since = filters.DateFilter(method="from_day", label="派发日自")
    until = filters.DateFilter(method="to_day", label="至")
    extension = filters.BooleanFilter(method="by_extension")

    class Meta:
        model = Order
        fields: tuple[str, ...] = ()

    def __init__(self, data: Any, rows: QuerySet[Order], *, actor: Actor, now: datetime) -> None:
        super().__init__(data, rows)
        self.now = now
        self.filters["area"].extra["choices"] = areas_of(actor)

    def by_text(self, rows: QuerySet[Order], _name: str, text: str) -> QuerySet[Order]:
        return narrow(rows, now=self.now, text=text)

    def by_area(self, rows: QuerySet[Order], _name: str, area: str) -> QuerySet[Order]:
        return narrow(rows, now=self.now, area=area.ljust(12, "0"))

    def by_due(self, rows: QuerySet[Order], _name: str, asked: str) -> QuerySet[Order]:
        if asked == "late":
            return rows.filter(is_overdue(self.now))
        soon = queries.end_of_next_workday(self.now)
        return rows.filter(closed_at=None, step_due__gt=self.now, step_due__lte=soon)

    def by_extension(self, rows: QuerySet[Order], _name: str, asked: bool) -> QuerySet[Order]:
        return rows.filter(state=State.RECTIFYING, extension_asked__isnull=not asked)

    def from_day(self, rows: QuerySet[Order], _name: str, day: date) -> QuerySet[Order]:
        return narrow(rows, now=self.now, start=day)

    def to_day(self, rows: QuerySet[Order], _name: str, day: date) -> QuerySet[Order]:
        return narrow(rows, now=self.now, end=day)

    @property
    def is_used(self) -> bool:
        return (
            any(value not in (None, "") for value in self.form.cleaned_data.values()) if self.form.is_valid() else False
        )


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


def of_state(rows: QuerySet[Order], state: str, now: datetime) -> QuerySet[Order]:
    """The rows of a tab, most urgent first; ended ones newest first."""
    if state == "open":
        rows = rows.filter(state__in=queries.OPEN)
    elif state == "late":
        rows = rows.filter(is_overdue(now))
    elif state in tuple(State):
        rows = rows.filter(state=state)
    if state in {State.CLOSED, State.VOIDED}:
        return rows.order_by(F("closed_at").desc(nulls_last=True), "order_no")
    return rows.order_by(F("closed_at").asc(nulls_first=True), F("step_due").asc(nulls_last=True), "order_no")


COLUMNS = (
    ("工单编号", lambda o: o.order_no),
    ("状态", lambda o: STATE_NAMES[State(o.state)]),
    ("满意度", lambda o: LEVEL_NAMES[Level(o.level)]),
    ("事项", lambda o: o.item_name),
    ("实施编码", lambda o: o.task_code),
    ("承办单位", lambda o: o.organ_name),
    ("单位代码", lambda o: o.organ_code),
    ("地区", lambda o: queries.area_name(area_prefix(o.area))),
    ("窗口", lambda o: o.window_code),
    ("服务日期", lambda o: o.service_day),
    ("派发日期", lambda o: o.dispatch_day),
    ("本步期限", lambda o: last_day(o.step_due)),
    ("答复期限", lambda o: last_day(o.answer_due)),
    ("期限暂定", lambda o: o.due_is_provisional),
    ("曾超期", lambda o: o.was_late),
    ("属实", lambda o: o.is_true),
    ("合理", lambda o: o.is_reasonable),
    ("原因", lambda o: CAUSE_NAMES.get(o.cause, "")),
    ("难易", lambda o: SEVERITY_NAMES.get(o.severity, "")),
    ("答复日期", lambda o: clock.day(o.answered_at) if o.answered_at else None),
    ("办结日期", lambda o: clock.day(o.closed_at) if o.closed_at else None),
    ("核验结果", lambda o: VERDICTS.get(o.verdict, "")),
)


def sheet(orders: Iterable[Order]) -> tuple[bytes, int]:
    """Every one of the orders as CSV that spreadsheets open in Chinese and take for text, and how many rows it has."""
    out = io.StringIO(newline="")
    head, rows = table(orders)
    n = write_csv(out, head, rows)
    return out.getvalue().encode("utf-8-sig"), n


def table(orders: Iterable[Order]) -> tuple[list[str], Iterator[list[str]]]:
    """Head and lines of the orders' sheet."""
    return [title for title, _ in COLUMNS], ([text(value(order)) for _, value in COLUMNS] for order in orders)
