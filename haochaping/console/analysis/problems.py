"""典型问题: the ledger, one problem with what was done and what became of it, and every step of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.analytics.labels import label
from haochaping.analytics.problems import commands, effects, queries
from haochaping.analytics.problems.rules import (
    LABELS,
    THRESHOLDS,
    VERDICT_NAMES,
    WINDOW,
    State,
    Verdict,
    is_overdue,
)
from haochaping.analytics.queries import figures
from haochaping.analytics.rules import percent
from haochaping.channels.sheets import write
from haochaping.console.access import needs
from haochaping.console.analysis import curves, problem_steps
from haochaping.console.analysis.links import address
from haochaping.console.pages.figures import bounds
from haochaping.console.rules import MAY_OPEN, PER_PAGE, may_open
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.cells import text as cell
from haochaping.kit.errors import Refused
from haochaping.rectification.rules import CAUSE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.problems.effects import Effect
    from haochaping.analytics.problems.models import Problem, ProblemUnit

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHIPS = {
    State.PROPOSED: "chip-warn",
    State.OBSERVING: "",
    State.RECTIFYING: "chip-bad",
    State.SOLVED: "chip-good",
    State.MERGED: "chip-plain",
    State.DISMISSED: "chip-plain",
}
TABS = (("", "全部"), ("open", "未解决"), *((state, state.name_zh) for state in State))
FOR_KEEPERS = frozenset({State.PROPOSED, State.MERGED, State.DISMISSED})
ITEMS_SHOWN = 50
WORD_LONGEST = 500  # characters of one word in an address of analysis


@dataclass(frozen=True)
class Line:
    """One problem as the ledger lists it."""

    problem: Problem
    number: str
    state: State
    chip: str
    verdict: str
    units: list[ProblemUnit]
    is_late: bool
    effect: Effect


def lines_of(found: Iterable[Problem], now: datetime) -> list[Line]:
    rows = list(found)
    units = queries.units_of(rows)
    worth = effects.effects([effects.around(one) for one in rows], now=now)
    return [
        Line(
            one,
            queries.number_of(one),
            State(one.state),
            CHIPS[State(one.state)],
            VERDICT_NAMES[Verdict(one.verdict)] if one.verdict and one.state != State.SOLVED else "",
            units[one.pk],
            is_overdue(State(one.state), one.due, one.last_in_force, clock.day(now)),
            each,
        )
        for one, each in zip(rows, worth, strict=True)
    ]


def asked_of(request: HttpRequest, actor: Actor, today: date) -> tuple[dict[str, Any], QuerySet[Problem]]:
    """What the address asks for, and the problems that fit."""
    given = {name: str(value).replace("\x00", "").strip()[:100] for name, value in request.GET.items()}
    asked: dict[str, Any] = {name: given.get(name, "") for name in ("state", "text", "organ", "cause")}
    asked |= {name: given.get(name) == "1" for name in ("overdue", "public")}
    return asked, queries.narrow(queries.problems_for(actor), today=today, **asked)


@needs(*MAY_OPEN["problems"])
@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """The ledger: how many problems and items, how many completed, and the list."""
    actor, now = actor_of(request), clock.now()
    asked, found = asked_of(request, actor, clock.day(now))
    seen = queries.problems_for(actor)
    counted = queries.completion_of(seen)
    keeps = actor.has(*queries.KEEP)
    page = Paginator(found.order_by("-opened_at", "-made_at", "-pk"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": lines_of(page, now),
        "counted": counted,
        "rates": (percent(counted.solved, counted.problems), percent(counted.items_solved, counted.items)),
        "late": queries.narrow(seen, today=clock.day(now), overdue=True).count(),
        "waiting": seen.filter(state=State.PROPOSED).count() if keeps else None,
        "tabs": [(key, word) for key, word in TABS if keeps or key not in FOR_KEEPERS],
        "asked": asked,
        "is_filtered": any(value for name, value in asked.items() if name != "state"),
        "causes": list(CAUSE_NAMES.items()),
        "keeps": keeps,
        "thresholds": THRESHOLDS,
    }
    return render(request, "console/analysis/problems.html", context)


@needs(*MAY_OPEN["problems"], fresh=True)
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """The filtered ledger as XLSX, every line of it; who took it is written down."""
    actor, now = actor_of(request), clock.now()
    asked, found = asked_of(request, actor, clock.day(now))
    lines = lines_of(found.order_by("year", "n", "pk"), now)
    with tempfile.TemporaryDirectory(prefix="hcp-export-") as place:
        out = Path(place) / "problems.xlsx"
        rows = write(out, [title for title, _ in COLUMNS], ([cell(of(line)) for _, of in COLUMNS] for line in lines))
        body = out.read_bytes()
    told = {name: str(value) for name, value in asked.items() if value and name != "text"}
    audit(actor, "export", "problems", now=now, facts={"rows": rows, **told})
    name = quote(f"典型问题台账_{clock.to_wire(now)[:16].replace(':', '')}_{actor.name}.xlsx")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "X-Row-Count": str(rows)}
    return HttpResponse(body, content_type=XLSX, headers=headers)


def _of(name: str, part: str) -> Any:
    def value(line: Line) -> Any:
        figure = getattr(line.effect, name)
        return "" if figure is None else figure.text if part == "text" else getattr(figure, part)

    return value


COLUMNS: tuple[tuple[str, Any], ...] = (
    ("编号", lambda line: line.number),
    ("问题名称", lambda line: line.problem.title),
    ("问题描述", lambda line: line.problem.description),
    ("状态", lambda line: line.state.name_zh),
    ("最近结论", lambda line: VERDICT_NAMES[Verdict(line.problem.verdict)] if line.problem.verdict else ""),
    ("涉及事项数", lambda line: len(line.problem.items)),
    ("涉及事项", lambda line: "；".join(map(queries.item_name, line.problem.items))),
    ("牵头单位", lambda line: "；".join(u.organ_name for u in line.units if u.is_lead)),
    ("配合单位", lambda line: "；".join(u.organ_name for u in line.units if not u.is_lead)),
    ("措施", lambda line: "；".join(f"{m.in_force:%Y-%m-%d} {m.text}" for m in queries.measures_of(line.problem))),
    ("立项日期", lambda line: clock.day(line.problem.opened_at) if line.problem.opened_at else ""),
    ("整改期限", lambda line: line.problem.due),
    ("逾期", lambda line: line.is_late),
    ("解决日期", lambda line: clock.day(line.problem.solved_at) if line.problem.solved_at else ""),
    ("措施前差评率", _of("before", "text")),
    ("措施前差评", _of("before", "numerator")),
    ("措施前评价", _of("before", "denominator")),
    ("措施后差评率", _of("after", "text")),
    ("措施后差评", _of("after", "numerator")),
    ("措施后评价", _of("after", "denominator")),
    ("成效说明", lambda line: line.effect.outcome.words),
    ("公开", lambda line: line.problem.published_at is not None),
)


@needs(*MAY_OPEN["problems"])
@require_safe
def problem(request: HttpRequest, pk: int) -> HttpResponse:
    """One problem: why, what was done, before and after, and what one may do now."""
    return show(request, queries.one_for(actor_of(request), pk))


@needs(*MAY_OPEN["problems"])
@require_POST
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Go on with a problem; every step is shown once more before it is made."""
    actor, now = actor_of(request), clock.now()
    found = queries.one_for(actor, pk)
    typed = {name: str(request.POST.get(name, "")) for name in LABELS if name in request.POST}
    if request.POST.get("back"):
        return show(request, found, verb=verb, typed=typed)
    try:
        if not request.POST.get("confirmed"):
            step, facts = commands.check(found, verb, typed, actor=actor, now=now)
            return problem_steps.confirm(request, found, step, facts)
        after = commands.act(pk, verb, typed, actor=actor, now=now)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return show(request, queries.one_for(actor, pk), verb=verb, typed=typed, no=no)
    messages.success(request, f"已办理，现为“{State(after.state).name_zh}”。")
    return redirect("console:problem", pk)


def show(
    request: HttpRequest,
    found: Problem,
    *,
    verb: str = "",
    typed: dict[str, str] | None = None,
    no: Refused | None = None,
) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    (line,) = lines_of([found], now)
    measures = queries.measures_of(found)
    worth = effects.effects([effects.Around(tuple(found.items), m.in_force, m.in_force) for m in measures], now=now)
    orders = queries.orders_behind(found, actor)
    target = queries.problems_for(actor).filter(pk=found.merged_into).first() if found.merged_into else None
    context = {
        "line": line,
        "problem": found,
        "effect": line.effect,
        "sides": sides_of(line.effect),
        "measures": list(zip(measures, worth, strict=True)),
        "round_from": found.measures_from,
        "items": items_of(found, line.effect, now),
        "items_more": max(0, len(found.items) - ITEMS_SHOWN),
        "curve": curves.of(found.items, [m.in_force for m in measures], request.GET.get("unit", ""), now=now),
        "names": slice_words(found),
        "slices": slices_of(found, actor, clock.day(now)),
        "orders": list(orders[: queries.ORDERS_SHOWN]),
        "orders_n": orders.count(),
        "forms": problem_steps.forms(found, actor, line.effect, now, verb=verb, typed=typed, no=no),
        "may_change": queries.may_change(found, actor),
        "may_nominate": found.state == State.SOLVED and actor.has(*queries.KEEP, Role.HANDLER),
        "history": queries.history(found),
        "target": target,
        "no": no,
        "verb": verb,
        "judged": judged_of(found),
    }
    return render(request, "console/analysis/problem.html", context, status=no.status if no else 200)


def sides_of(effect: Effect) -> list[tuple[str, Any, Any, str]]:
    """The two windows as the table shows them: name, days, figure, and its interval in words."""
    if effect.windows is None or effect.before is None or effect.after is None:
        return []
    sides = (("措施前", effect.windows.before, effect.before), ("措施后", effect.windows.after, effect.after))
    return [(name, days, figure, bounds(figure)) for name, days, figure in sides]


def items_of(found: Problem, effect: Effect, now: datetime) -> list[dict[str, Any]]:
    """The affected items with their own figures before and after."""
    known = snapshot()
    sides: list[dict[str, Any]] = [{}, {}]
    if effect.windows:
        for n, days in enumerate((effect.windows.before, effect.windows.after)):
            table = figures((effects.METRIC,), ("item",), *days, {"item": found.items}, now=now)
            sides[n] = {row.keys["item"]: row[effects.METRIC] for row in table.rows}
    lines = []
    for code in found.items[:ITEMS_SHOWN]:
        item = known.items.get(code)
        organ = known.organs.get(item.organ) if item else None
        lines.append(
            {
                "code": code,
                "name": item.name if item else code,
                "organ": organ.name if organ else "",
                "before": sides[0].get(code),
                "after": sides[1].get(code),
            }
        )
    return lines


def slice_words(found: Problem) -> list[tuple[str, str]]:
    """The slice behind a problem, in words."""
    words = []
    if found.start and found.end:
        words.append(("评价日", f"{found.start:%Y-%m-%d} 至 {found.end:%Y-%m-%d}"))
    if found.indicators:
        words.append(("指标", "、".join(label("indicator", code) for code in found.indicators)))
    if found.causes:
        words.append(("原因", "、".join(CAUSE_NAMES.get(cause, cause) for cause in found.causes)))
    return words


def slices_of(found: Problem, actor: Actor, today: date) -> list[tuple[str, str]]:
    """Where the figures and the single bad ratings behind a problem are read: titles and addresses within analysis."""
    items = ",".join(found.items)
    if len(items) > WORD_LONGEST:
        return []
    start = found.start or today - timedelta(days=WINDOW - 1)
    words = {"item": items, "from": f"{start}", "to": f"{found.end or today}"}
    places = (
        ("slice", "在自助分析里看这些事项", {"by": "item", "metrics": "ratings,bad_rate"}),
        ("slice_ratings", "看这些差评", {"level": "1,2", "indicator": ",".join(found.indicators)}),
    )
    return [(title, address(route, words, **more)) for route, title, more in places if may_open(route, actor.roles)]


def judged_of(found: Problem) -> dict[str, Any] | None:
    """The figures on which the last verdict rests, as they stood."""
    if not found.judged:
        return None
    sides = [(label, *found.judged[name]) for name, label in (("before", "措施前"), ("after", "措施后"))]
    return {
        "sides": [(label, bad, rated, percent(bad, rated)) for label, bad, rated in sides],
        "days": found.judged["days"],
        "words": found.judged["words"],
    }
