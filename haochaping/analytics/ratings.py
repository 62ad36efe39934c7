"""The single ratings behind a figure: which days hold them is asked of the lake, which they are of PostgreSQL.

So a page costs the rows of a few days of a few counties, however many ratings there are, and the list is as long as the
figure says. Nobody is told here who rated, in which case, at what time or served by whom (design §1.3): day, item, organ,
window, channel, level, what was ticked, and the words as everybody reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from haochaping.accounts.queries import visible
from haochaping.accounts.rules import Role
from haochaping.analytics.asked import refused
from haochaping.analytics.dimensions import DIMENSIONS, PARTIES, values_of
from haochaping.analytics.queries import figures, reach_of
from haochaping.directory.queries import snapshot
from haochaping.evaluation.models import Evaluation, ServiceEvent, Words
from haochaping.evaluation.queries import excluded, is_set_aside, secrets
from haochaping.flow.visits import CASE_OF_OURS
from haochaping.kit.errors import Refused
from haochaping.kit.masks import mask_text
from haochaping.rectification.sight import orders_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.periods import Period
    from haochaping.directory.queries import ItemInfo

PER_PAGE = 50
PAGES_MOST = 200  # beyond that one narrows the slice
COUNTED = ("ratings", "excluded")
_COLUMNS = {
    "organ": "organ_code", "hall": "hall_code", "window": "window_code", "clerk": "clerk_no", "item": "task_code",
    "aspect": "aspect", "point": "point", "channel": "pf", "level": "level",
}  # fmt: skip
_AREAS = {"province": 2, "city": 4, "county": 6}


@dataclass(frozen=True)
class Rating:
    """One rating as everybody may see it who may see ratings at all."""

    day: date
    level: int
    channel: int
    item: str
    organ: str
    window: str
    indicators: tuple[str, ...]
    words: str  # masked
    no_reason: bool
    is_excluded: bool
    order_no: str  # "" where there is none, or it is not for these eyes


@dataclass(frozen=True)
class Ratings:
    """A page of them, newest day first. `n` counts and `excluded` of it do not count in the figures."""

    lines: list[Rating]
    n: int
    excluded: int
    page: int
    pages: int


def ratings(
    actor: Actor,
    period: Period,
    filters: Mapping[str, Any],
    *,
    page: int,
    now: datetime,
    only_excluded: bool = False,
) -> Ratings:
    """The ratings of a slice by their day of rating, without inspections; Refused (403) to who is rated at a window.

    At most 200 pages of 50. Refused (422) for a filter that only orders know.
    """
    refuse_clerks(actor)
    condition = _condition(filters)
    wanted = ("excluded",) if only_excluded else COUNTED
    scopes = reach_of(actor)
    by_day = [
        (row.keys["day"], sum(row[key].numerator for key in wanted), row["excluded"].numerator)
        for row in figures(COUNTED, ["day"], *period, filters, now=now, scopes=scopes).rows
        if row.keys["day"] is not None
    ]
    by_day = sorted((each for each in by_day if each[1]), reverse=True)
    n = sum(count for _, count, _ in by_day)
    pages = min(max(-(-n // PER_PAGE), 1), PAGES_MOST)
    page = min(max(page, 1), pages)
    days, skipped = _days_of_page([(day, count) for day, count, _ in by_day], (page - 1) * PER_PAGE)
    found: list[Evaluation] = []
    if days:
        places = figures(COUNTED, ["county"], min(days), max(days), filters, now=now, scopes=scopes).rows
        rows = _rated_on(days, [str(row.keys["county"]) for row in places]).filter(condition)
        rows = rows.filter(is_set_aside()) if only_excluded else rows
        found = list(visible(rows, actor).order_by("-rated_day", "id")[skipped : skipped + PER_PAGE])
    return Ratings(_lines(found, actor), n, sum(out for _, _, out in by_day), page, pages)


def refuse_clerks(actor: Actor) -> None:
    """Refused (403) for who is a clerk somewhere: their own window's ratings lie within any wider reach of theirs."""
    if actor.has(Role.CLERK):
        raise Refused("not_your_role", 403, "窗口人员不查看单条评价。单位请您说明情况时，会把那一件工单开放给您。")


def _days_of_page(counts: Sequence[tuple[date, int]], first: int) -> tuple[list[date], int]:
    """The days on which the lines from `first` on lie, and how many lines of the first of these days come before."""
    days: list[date] = []
    at = skipped = 0
    for day, count in counts:
        if at + count > first and at < first + PER_PAGE:
            if not days:
                skipped = first - at
            days.append(day)
        at += count
    return days, skipped


def _rated_on(days: Sequence[date], counties: Sequence[str]) -> QuerySet[Evaluation]:
    """By the index over day and place; inspections apart, which have figures of their own."""
    inspected = ServiceEvent.objects.filter(pk=OuterRef("pk"), mode="inspection")
    rows = Evaluation.objects.filter(rated_day__in=days, is_probe=False).exclude(Exists(inspected))
    return rows.filter(_any(Q(area_path__startswith=at) for at in sorted(set(counties))))


def _lines(found: Sequence[Evaluation], actor: Actor) -> list[Rating]:
    ids, known = [rating.pk for rating in found], snapshot()
    out, hidden = excluded(ids), secrets(ids)
    texts = dict(Words.objects.filter(id__in=ids).values_list("id", "text"))
    orders = dict(orders_for(actor).filter(pk__in=ids).values_list("pk", "order_no"))
    lines = []
    for rating in found:
        window = known.windows.get(rating.window_code)
        organ = known.organs.get(rating.organ_code)
        lines.append(
            Rating(
                rating.rated_day,
                rating.level,
                rating.pf,
                rating.item_name or _item_name(known.items.get(rating.task_code), rating.task_code),
                organ.label if organ else rating.organ_name or rating.organ_code,
                window.name if window else rating.window_code,
                tuple(rating.indicator_names),
                mask_text(texts.get(rating.pk, ""), hidden[rating.pk]),
                rating.no_reason,
                rating.pk in out,
                orders.get(rating.pk, ""),
            )
        )
    return lines


def _item_name(item: ItemInfo | None, code: str) -> str:
    return item.name if item else code


def _condition(filters: Mapping[str, Any]) -> Q:
    """The filters of the lake over the table of ratings."""
    found = Q()
    for name, value in filters.items():
        found &= _matching(name, values_of(value))
    return found


def _matching(name: str, values: list[Any]) -> Q:
    if name in _COLUMNS:
        return Q(**{f"{_COLUMNS[name]}__in": values})
    if name in {"area", "organ_path"}:
        return _any(Q(**{f"{'area_path' if name == 'area' else name}__startswith": prefix}) for prefix in values)
    if name in _AREAS:  # what belongs to a level above stands under its own shorter prefix
        return _any(Q(area_path__startswith=v) if len(v) == _AREAS[name] else Q(area_path=v) for v in values)
    if name == "real_name":
        return _any(Q(assurance="real_name") if value else ~Q(assurance="real_name") for value in values)
    if name == "indicator":
        return _any(Q(indicators__contains=[code]) if code else Q(indicators=[]) for code in values)
    if name == "party":
        codes = [code for value in values for code in PARTIES.get(value, ())]
        return Q(user_prop__in=codes) | (Q(user_prop=None) & _served(user_prop__in=codes))
    if name == "mode":
        return _served(mode__in=values)
    if name == "has_case":
        ours = _served(project_no__regex=CASE_OF_OURS)
        return _any(~ours if value else ours for value in values)
    if name in DIMENSIONS and DIMENSIONS[name].is_of_item:
        return Q(task_code__in=_items_of(name, values))
    title = DIMENSIONS[name].name if name in DIMENSIONS else name
    raise refused(name, "not_of_ratings", f"单条评价不能按“{title}”筛选，请去掉这个条件。")


def _served(**wanted: Any) -> Q:
    return Q(Exists(ServiceEvent.objects.filter(pk=OuterRef("pk"), **wanted)))


def _items_of(name: str, values: list[Any]) -> list[str]:
    """The codes of the items of which the directory says so today."""
    known = snapshot()
    if name == "bundle":
        parts = {
            found.id
            for key in values
            if key in known.themes
            for code in known.themes[key].items
            if (found := known.items.get(code))
        }
        inside = {code for code, item in known.items.items() if item.id in parts}
        return sorted(inside)
    read = {"theme": lambda i: i.theme, "item_kind": lambda i: i.kind, "is_enterprise": lambda i: i.is_for_enterprises}
    return sorted(code for code, item in known.items.items() if read[name](item) in values)


def _any(conditions: Any) -> Q:
    found = Q(pk__in=[])
    for condition in conditions:
        found |= condition
    return found
