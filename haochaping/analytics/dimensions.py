"""By what figures are told apart and filtered: each dimension an Ibis expression over the lake's columns. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import ibis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Expr = Any  # an Ibis expression; Ibis carries no types that mypy could follow

BOTH = frozenset({"services", "orders"})
_ORDERS = frozenset({"orders"})
PREFIXES = {"area": ("地区", "area_path"), "organ_path": ("单位及下属", "organ_path")}  # filters besides the dimensions
# 申请人类型, domain §3.1: 1 a natural person, 2 and 5 enterprises, others are institutions, associations, offices
PARTIES = {"citizen": (1,), "enterprise": (2, 5), "other": (3, 4, 6, 7, 8, 9)}


_SOME_DAY = "rated_day"


class Dimension(NamedTuple):
    """`key` is an expression over a table and the column of its day; null where it is not known."""

    name: str
    key: Callable[[Expr, str], Expr]
    needs_days: bool = False  # the month of a case is not enough
    tables: frozenset[str] = BOTH  # in which it can be asked
    codes: str = ""  # the list column whose entries it tells apart: a case counts under each, so rows do not add up
    is_of_item: bool = False  # what the directory says today of the row's item


def _quarter(t: Expr, day: str) -> Expr:
    return t[day].year().cast("string") + ibis.literal("-Q") + t[day].quarter().cast("string")


def _party(t: Expr, _: str) -> Expr:
    return ibis.cases(*((t.user_prop.isin(codes), party) for party, codes in PARTIES.items()))


DIMENSIONS: dict[str, Dimension] = {
    "day": Dimension("日期", lambda t, day: t[day], needs_days=True),
    "week": Dimension(  # its Monday
        "周", lambda t, day: t[day].cast("timestamp").truncate("W").cast("date"), needs_days=True
    ),
    "month": Dimension("月份", lambda t, day: t[day].strftime("%Y-%m")),
    "quarter": Dimension("季度", _quarter),
    "year": Dimension("年份", lambda t, day: t[day].strftime("%Y")),
    "province": Dimension("省", lambda t, _: t.area_path.substr(0, 2)),
    "city": Dimension("设区市", lambda t, _: t.area_path.substr(0, 4)),
    "county": Dimension("县（市、区）", lambda t, _: t.area_path.substr(0, 6)),
    "branch": Dimension("下级单位", lambda t, _: below(t, ())),
    "organ": Dimension("单位", lambda t, _: t.organ_code),
    "hall": Dimension("大厅", lambda t, _: t.hall),
    "window": Dimension("窗口", lambda t, _: t.window),
    "clerk": Dimension("窗口人员", lambda t, _: t.clerk),
    "item": Dimension("事项", lambda t, _: t.item),
    "theme": Dimension("事项主题", lambda t, _: t.theme, is_of_item=True),
    "item_kind": Dimension("事项类型", lambda t, _: t.item_kind, is_of_item=True),
    "is_enterprise": Dimension("涉企", lambda t, _: t.is_enterprise, is_of_item=True),
    "bundle": Dimension("一件事", lambda t, _: t.bundles, codes="bundles", is_of_item=True),
    "aspect": Dimension("环节", lambda t, _: t.aspect),
    "channel": Dimension("渠道", lambda t, _: t.channel),
    "point": Dimension("采集点", lambda t, _: t.point),
    "mode": Dimension("评价模式", lambda t, _: t["mode"]),
    "has_case": Dimension("有无办件", lambda t, _: t.has_case),
    "party": Dimension("评价对象", _party),
    "level": Dimension("满意度", lambda t, _: t.level),
    "indicator": Dimension("评价指标", lambda t, _: t.indicators, codes="indicators"),
    "real_name": Dimension("实名", lambda t, _: t.real_name),
    "cause": Dimension("原因", lambda t, _: t.cause, tables=_ORDERS),
    "severity": Dimension("难易", lambda t, _: t.severity, tables=_ORDERS),
}


def grouped(t: Expr, day: str, by: Sequence[str], filters: Mapping[str, Any]) -> tuple[Expr, dict[str, Expr]]:
    """The table, with a row for each entry where a list is asked by, and the keys `by__<name>` to group it by."""
    for name in by:
        codes = DIMENSIONS[name].codes
        if codes in t.columns:
            t = t.mutate(**{f"one__{name}": _or_none(t[codes]).unnest()})
    return t, {f"by__{name}": _key(t, day, name, filters) for name in by}


def _key(t: Expr, day: str, name: str, filters: Mapping[str, Any]) -> Expr:
    if name == "branch":
        return below(t, values_of(filters.get("organ_path", ())))
    if codes := DIMENSIONS[name].codes:
        return t[f"one__{name}"] if codes in t.columns else t.code
    return DIMENSIONS[name].key(t, day)


def _or_none(codes: Expr) -> Expr:
    """The list, or one empty code where it has none: whoever ticked nothing is a row of its own."""
    return (codes.length() > 0).ifelse(codes, ibis.array([""]))


def matches(t: Expr, day: str, name: str, value: Any) -> Expr:
    """Whether a row is one of those that a filter asks for: any of its values, or all that begins with one of them."""
    values = values_of(value)
    if name in PREFIXES:
        return any_of([begins(t[PREFIXES[name][1]], str(prefix)) for prefix in values])
    if codes := DIMENSIONS[name].codes:
        if codes not in t.columns:  # a cube of codes
            return t.code.isin(list(map(str, values)))
        found = _or_none(t[codes])
        return any_of([found.contains(str(code)) for code in values])
    return DIMENSIONS[name].key(t, day).isin(values)


def begins(column: Expr, prefix: str) -> Expr:
    """As a range, by which what lies elsewhere in a file is skipped unread."""
    if not prefix:
        return ibis.literal(True)
    return (column >= prefix) & (column < prefix[:-1] + chr(ord(prefix[-1]) + 1))


def below(t: Expr, paths: Sequence[str]) -> Expr:
    """The organ right below the path that all of `paths` begin with ("" = the top); that one itself for its own cases."""
    first, last = min(paths, default="/"), max(paths, default="/")
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    path = first[: first.rfind("/", 0, shared) + 1] or "/"
    following = t.organ_path.substr(len(path)).split("/")[0]
    return (following == "").ifelse(path.rstrip("/").rpartition("/")[2], following)


def reads(t: Expr, name: str) -> frozenset[str]:
    """The columns of single rows that a dimension or filter looks at, its day apart."""
    if name in PREFIXES:
        return frozenset({PREFIXES[name][1]})
    dimension = DIMENSIONS[name]
    if dimension.is_of_item:
        return frozenset({"item"})
    return frozenset({dimension.codes}) if dimension.codes else fields(dimension.key(t, _SOME_DAY)) - {_SOME_DAY}


def fields(expression: Expr) -> frozenset[str]:
    """The columns that an expression looks at."""
    return frozenset(field.name for field in expression.op().find(ibis.expr.operations.Field))


def values_of(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def any_of(conditions: list[Expr]) -> Expr:
    found = conditions[0]
    for condition in conditions[1:]:
        found |= condition
    return found
