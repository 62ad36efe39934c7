"""The columns of the list of work orders: which there are, which somebody wants to see, and all of them as a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.accounts.rules import area_prefix
from haochaping.console import queries
from haochaping.evaluation.rules import LEVEL_NAMES, Level
from haochaping.kit import clock
from haochaping.kit.cells import text
from haochaping.policy.pack import ROUTES
from haochaping.policy.rules import SEVERITY_NAMES
from haochaping.rectification.facts import FOR_CLERKS, FOR_ONLOOKERS, last_day
from haochaping.rectification.needs import RESULTS
from haochaping.rectification.rules import CAUSE_NAMES, STATE_NAMES, State
from haochaping.rectification.sight import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from haochaping.rectification.models import Order


VERDICTS = RESULTS | {"confirmed": "督办确认", "unsatisfied": "仍不满意"}


class Column(NamedTuple):
    """One fact of an order in a list. `sort`: the field by which the list may be put in order; `fact`: its name in
    `rectification.facts`, where that is another: who may not know it has no such column.
    """

    key: str
    title: str
    value: Callable[[Order], Any]
    sort: str = ""
    fact: str = ""


COLUMNS = tuple(
    Column(*each)
    for each in (
        ("number", "工单编号", lambda o: o.order_no, "order_no", "order_no"),
        ("state", "状态", lambda o: STATE_NAMES[State(o.state)], "state"),
        ("level", "满意度", lambda o: LEVEL_NAMES[Level(o.level)], "level"),
        ("item", "事项", lambda o: o.item_name, "item_name", "item_name"),
        ("task", "实施编码", lambda o: o.task_code, "task_code", "task_code"),
        ("organ", "承办单位", lambda o: o.organ_name, "organ_name", "organ_name"),
        ("organ_code", "单位代码", lambda o: o.organ_code),
        ("area", "地区", lambda o: queries.area_name(area_prefix(o.area)), "area"),
        ("window", "窗口", lambda o: o.window_code, "window_code", "window_code"),
        ("service_day", "服务日期", lambda o: o.service_day, "service_day"),
        ("dispatch_day", "派发日期", lambda o: o.dispatch_day, "dispatch_day"),
        ("step", "本步期限", lambda o: last_day(o.step_due), "step_due", "step_due"),
        ("answer", "答复期限", lambda o: last_day(o.answer_due), "answer_due", "answer_due"),
        ("provisional", "期限暂定", lambda o: o.due_is_provisional, "", "is_provisional"),
        ("was_late", "曾超期", lambda o: o.was_late),
        ("route", "派发途径", lambda o: ROUTES.get(o.route, ""), "route"),
        ("real_name", "实名", lambda o: o.real_name),
        ("is_true", "属实", lambda o: o.is_true),
        ("is_reasonable", "合理", lambda o: o.is_reasonable),
        ("cause", "原因", lambda o: CAUSE_NAMES.get(o.cause, ""), "cause"),
        ("severity", "难易", lambda o: SEVERITY_NAMES.get(o.severity, ""), "severity"),
        ("answered", "答复日期", lambda o: clock.day(o.answered_at) if o.answered_at else None, "answered_at"),
        ("closed", "办结日期", lambda o: clock.day(o.closed_at) if o.closed_at else None, "closed_at"),
        ("verdict", "核验结果", lambda o: VERDICTS.get(o.verdict, ""), "verdict"),
        ("reopened", "重新打开", lambda o: o.reopened),
        ("appeals", "申诉", lambda o: o.appeals),
        ("urged", "催办", lambda o: o.urged),
    )
)
BY_KEY = {column.key: column for column in COLUMNS}
FIXED = ("number", "item")  # the list's first two, always there: the number leads on, the item says what it is about
DEFAULT = ("level", "state", "step", "answer")


SHOWN = {View.MASKED: FOR_ONLOOKERS, View.OPENED: FOR_CLERKS}


def may_know(view: View, fact: str) -> bool:
    return view is View.WHOLE or fact in SHOWN[view]


def columns_for(view: View) -> list[Column]:
    """The columns of who sees so much."""
    return [column for column in COLUMNS if may_know(view, column.fact or column.key)]


def chosen(kept: object, view: View) -> list[str]:
    """The columns behind the fixed two that somebody wants; the usual ones where nothing sensible is kept."""
    keys = kept if isinstance(kept, list) else DEFAULT
    return [column.key for column in columns_for(view) if column.key in keys and column.key not in FIXED]


def table(orders: Iterable[Order], keys: Sequence[str] = ()) -> tuple[list[str], Iterator[list[str]]]:
    """Head and lines of the orders' sheet, of these columns or of all of them. Of the rater nothing stands in any of them."""
    wanted = [column for column in COLUMNS if not keys or column.key in keys]
    lines = ([text(column.value(order)) for column in wanted] for order in orders)
    return [column.title for column in wanted], lines


def cells(order: Order, keys: Sequence[str]) -> list[tuple[str, str, str]]:
    """Key, title and plain words of each of these columns."""
    return [(key, BY_KEY[key].title, text(BY_KEY[key].value(order))) for key in keys]
