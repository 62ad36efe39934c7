"""What may be asked of a slice, as fields of a form: what is chosen from a list, and what is typed by name or code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.analytics.dimensions import DIMENSIONS, PARTIES, PREFIXES
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.periods import GRAINS
from haochaping.analytics.slices import EMPTY, WORDS, dimensions_for, filters_for, metrics_for
from haochaping.console.filters import areas_of, organs_offered
from haochaping.console.naming import code_of
from haochaping.console.queries import area_name
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import ITEM_TYPES
from haochaping.evaluation.rules import CHANNEL_NAMES, LEVEL_NAMES
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy.queries import indicator_names
from haochaping.policy.rules import SEVERITY_NAMES
from haochaping.rectification.rules import CAUSE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import QueryDict

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.slices import Slice

GROUPS = (
    ("时间", GRAINS),
    ("地区和单位", ("province", "city", "county", "branch", "organ", "hall", "window", "clerk")),
    ("事项", ("item", "theme", "item_kind", "is_enterprise", "bundle")),
    ("评价", ("aspect", "channel", "point", "mode", "has_case", "party", "level", "indicator", "real_name")),
    ("差评整改", ("cause", "severity")),
)
# Filters whose values are few enough to choose from, and those of which one types the name or the code.
CHOSEN = ("theme", "item_kind", "is_enterprise", "bundle", "aspect", "point", "channel", "level", "real_name", "party",
          "mode", "cause", "severity")  # fmt: skip
TYPED = ("organ_path", "hall", "window", "clerk", "item", "indicator")
OFFERED_MOST = 300  # names that are offered while one types
TITLES = {name: dimension.name for name, dimension in DIMENSIONS.items()} | {
    "area": "地区", "organ_path": "单位（含下属）", "period": "时段", "from": "起始日期", "to": "截止日期", "compare": "比较",
    "by": "行", "across": "列", "metrics": "指标",
}  # fmt: skip


class Field(NamedTuple):
    """A filter as drawn: a list to choose from, or a line to type in with names that are offered."""

    name: str
    title: str
    value: str
    choices: list[tuple[str, str]]
    offered: list[str]
    wrong: str = ""


def given_in(query: QueryDict) -> dict[str, str]:
    """The words of an address; what stands there several times is joined by commas."""
    return {name: ",".join(query.getlist(name)).replace("\x00", "")[:500] for name in query}


def understood(given: Mapping[str, str]) -> dict[str, str]:
    """The same with names turned into codes. Refused (422) with every field that names nothing, or more than one."""
    words, errors = dict(given), []
    for name in TYPED:
        typed = given.get(name, "").strip()
        if not typed or typed == EMPTY:
            continue
        try:
            words[name] = _meant(name, typed)
        except ValueError as no:
            errors.append(FieldError(name, "not_found", str(no)))
    if errors:
        raise Refused("fields_refused", 422, "".join(error.message for error in errors), tuple(errors))
    return words


def _meant(name: str, typed: str) -> str:
    if (
        typed.isascii()
    ):  # codes, a list of them too; one that the directory does not know (any more) is asked for as it is
        return typed
    names: dict[str, str] = _NAMES[name]()
    code = code_of(typed, names, TITLES[name].removesuffix("（含下属）"))
    return snapshot().organs[code].path if name == "organ_path" else code


def _active(listed: Mapping[str, Any]) -> dict[str, str]:
    return {code: each.name for code, each in listed.items() if each.is_active}


_NAMES: dict[str, Callable[[], dict[str, str]]] = {
    "organ_path": lambda: _active(snapshot().organs),
    "hall": lambda: _active(snapshot().halls),
    "window": lambda: _active(snapshot().windows),
    "clerk": lambda: _active(snapshot().clerks),
    "item": lambda: {item.task_code: item.name for item in snapshot().items.values()},
    "indicator": lambda: dict(indicator_names()),
}


def said(name: str, value: Any) -> str:
    """A value of a filter in words."""
    if name == "area":
        return area_name(str(value))
    if name == "organ_path":
        organ = snapshot().organs.get(str(value).strip("/").rpartition("/")[2])
        return organ.name if organ else str(value)
    return label(name, value)


def dimensions(actor: Actor) -> list[tuple[str, list[tuple[str, str]]]]:
    """By what this actor may tell figures apart, in groups."""
    open_to = dimensions_for(actor)
    groups = [(title, [(n, DIMENSIONS[n].name) for n in names if n in open_to]) for title, names in GROUPS]
    return [(title, names) for title, names in groups if names]


def metrics(actor: Actor, chosen: tuple[str, ...]) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """Every metric that is open to this actor in two groups: key, name and whether it is chosen."""
    open_to = [METRICS[key] for key in metrics_for(actor)]
    parts = (("services", "服务与评价"), ("orders", "差评整改"))
    return [
        (title, [(m.key, m.name, m.key in chosen) for m in open_to if m.basis.table == table]) for table, title in parts
    ]


def areas(actor: Actor, question: Slice | None) -> list[tuple[str, str]]:
    """Where one may look next: the areas right below the one that is looked at, and that one itself."""
    here = str(question.filters["area"][0]) if question and question.filters.get("area") else ""
    if not here:
        return areas_of(actor)
    below = [
        r for r in snapshot().regions.values() if r.path.startswith(here) and not r.merged_into and len(r.path) <= 6
    ]
    step = min((len(r.path) for r in below if len(r.path) > len(here)), default=0)
    return [(here, area_name(here)), *sorted((r.path, r.name) for r in below if len(r.path) == step)]


def fields(actor: Actor, given: Mapping[str, str], question: Slice | None, wrong: Mapping[str, str]) -> list[Field]:
    """The filters that are open to this actor, as drawn."""
    open_to = filters_for(actor)
    found = []
    if "area" in open_to and (choices := areas(actor, question)):
        found.append(Field("area", "地区", given.get("area", ""), choices, [], wrong.get("area", "")))
    for name in (*TYPED, *CHOSEN):
        if name not in open_to:
            continue
        value = given.get(name, "")
        if name in TYPED:
            is_one = question is not None and len(question.filters.get(name, ())) == 1
            shown = said(name, question.filters[name][0]) if question and is_one and value != EMPTY else value
            found.append(Field(name, TITLES[name], shown, [], _offered(name, actor), wrong.get(name, "")))
        elif choices := _choices(name):
            if value and value not in dict(choices):
                choices = [*choices, (value, _in_words(name, value, question))]
            found.append(Field(name, TITLES[name], value, choices, [], wrong.get(name, "")))
    return found


def _in_words(name: str, value: str, question: Slice | None) -> str:
    return "、".join(said(name, each) for each in question.filters.get(name, ())) if question else value


def _offered(name: str, actor: Actor) -> list[str]:
    if name == "organ_path":
        return organs_offered(actor)
    if name in {"hall", "indicator"}:
        names = sorted(set(_NAMES[name]().values()))
        return names if len(names) <= OFFERED_MOST else []
    return []


def _choices(name: str) -> list[tuple[str, str]]:
    known = snapshot()
    if name == "theme":
        return [(theme, theme) for theme in sorted({item.theme for item in known.items.values() if item.theme})]
    if name == "bundle":
        return sorted((code, theme.name) for code, theme in known.themes.items())
    if name in {"is_enterprise", "real_name"}:
        return [("true", label(name, True)), ("false", label(name, False))]
    keys: dict[str, list[Any]] = {
        "item_kind": list(ITEM_TYPES), "aspect": ["item", "platform", "service", "licence", "delivery"],
        "point": [EMPTY, "acceptance", "issue"], "channel": list(CHANNEL_NAMES), "level": sorted(LEVEL_NAMES, reverse=True),
        "party": list(PARTIES), "mode": ["on_site", "online", "comment", "inspection"], "cause": list(CAUSE_NAMES),
        "severity": [severity.value for severity in SEVERITY_NAMES],
    }  # fmt: skip
    return [(str(int(k)) if isinstance(k, int) else str(k), label(name, "" if k == EMPTY else k)) for k in keys[name]]


def filter_words(words: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text for name, text in words.items() if name not in WORDS and (name in DIMENSIONS or name in PREFIXES)
    }
