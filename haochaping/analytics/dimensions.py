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
_LAST_IN_ORDER = 0xD7FF  # behind it lie the surrogates, which no text holds


class Dimension(NamedTuple):
    """`key` is an expression over a table and the column of its day; null where it is not known."""

    name: str
    key: Callable[[Expr, str], Expr]
    needs_days: bool = False  # the month of a case is not enough
    tables: frozenset[str] = BOTH  # in which it can be asked
    codes: str = ""  # the column of codes that it tells apart: a case counts under each, so rows do not add up
    is_of_item: bool = False  # what the directory says today of the row's item


def _quarter(t: Expr, day: str) -> Expr:
    return t[day].year().cast("string") + ibis.literal("-Q") + t[day].quarter().cast("string")


def _party(t: Expr, _: str) -> Expr:
    (citizen,), enterprise = PARTIES["citizen"], PARTIES["enterprise"]
    told = (
        (t.user_prop == citizen, "citizen"),
        (t.user_prop.isin(enterprise), "enterprise"),
        (t.user_prop.notnull(), "other"),
    )
    return ibis.cases(*told)


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


def aggregated(
    t: Expr, day: str, by: Sequence[str], filters: Mapping[str, Any], parts: Callable[[Expr], dict[str, Expr]]
) -> Expr:
    """The parts of each combination of keys `by__<name>`; of all rows where nothing is asked by."""
    keys = {f"by__{name}": _key(t, day, name, filters) for name in by}
    found = t.group_by(**keys).aggregate(**parts(t)) if keys else t.aggregate(**parts(t))
    for name in by:  # codes that stand together are told apart when few rows are left
        if DIMENSIONS[name].codes in t.columns:
            key = f"by__{name}"
            apart = found.mutate(**{key: _listed(found[key]).unnest()})
            again = {part: _AGAIN.get(part.rpartition("__")[2], "sum") for part in found.columns if part not in keys}
            found = apart.group_by(list(keys)).aggregate(
                **{part: getattr(apart[part], how)() for part, how in again.items()}
            )
    return found


_AGAIN = {"low": "min", "high": "max"}  # how parts add up; all others are sums


def _key(t: Expr, day: str, name: str, filters: Mapping[str, Any]) -> Expr:
    if name == "branch":
        return below(t, values_of(filters.get("organ_path", ())))
    if codes := DIMENSIONS[name].codes:
        return t[codes] if codes in t.columns else t.code
    return DIMENSIONS[name].key(t, day)


def _listed(codes: Expr) -> Expr:
    """A list, or codes as a row of the lake holds them, as a list; one empty code where there is none."""
    if codes.type().is_array():
        return (codes.length() > 0).ifelse(codes, ibis.array([""]))
    joined = codes.fill_null("")
    return (joined == "").ifelse(joined, joined.substr(1, joined.length() - 2)).split(",")


def _names(codes: Expr, code: str) -> Expr:
    """Whether a code is among those of a row; "" = there are none."""
    if codes.type().is_array():
        return _listed(codes).contains(code)
    return codes.contains(f",{code},") if code else codes.fill_null("") == ""


def matches(t: Expr, day: str, name: str, value: Any) -> Expr:
    """Whether a row is one of those that a filter asks for: any of its values, or all that begins with one of them."""
    values = values_of(value)
    if name in PREFIXES:
        return any_of([begins(t[PREFIXES[name][1]], str(prefix)) for prefix in values])
    if codes := DIMENSIONS[name].codes:
        if codes not in t.columns:  # a cube of codes
            return t.code.isin(list(map(str, values)))
        return any_of([_names(t[codes], str(code)) for code in values])
    if name == "party":  # by what it is made of, which is read faster
        return t.user_prop.isin([code for party in values for code in PARTIES.get(party, ())])
    return DIMENSIONS[name].key(t, day).isin(values)


def begins(column: Expr, prefix: str) -> Expr:
    """As a range, by which what lies elsewhere in a file is skipped unread."""
    if not prefix:
        return ibis.literal(True)
    if ord(prefix[-1]) >= _LAST_IN_ORDER:  # no character comes next; nothing of ours begins so, but somebody may ask
        return column.startswith(prefix)
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
