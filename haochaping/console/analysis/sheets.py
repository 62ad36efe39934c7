"""Tables of figures as pages of analysis show them: every figure with its parts, its interval and what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.analytics.dimensions import DIMENSIONS
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.overview import Compared
from haochaping.console.pages.figures import bounds, tile
from haochaping.directory.queries import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from haochaping.analytics.looks import Look
    from haochaping.analytics.queries import Figure
    from haochaping.analytics.themes import Answer
    from haochaping.console.pages.figures import Tile

MANY = 9  # columns beyond which a table is rolled sideways on a telephone instead of becoming cards


class Head(NamedTuple):
    """A column: its name, whether it holds numbers, how the chart takes it ("" as usual, none, bar, line), its colour."""

    name: str
    is_number: bool = True
    draw: str = ""
    color: str = ""


class Cell(NamedTuple):
    """What stands in it; below it in small what it is made of; where it leads; what the chart takes instead."""

    text: str
    note: str = ""
    bounds: str = ""
    href: str = ""
    definition: str = ""
    value: str | None = None
    kind: str = ""


@dataclass(frozen=True)
class Sheet:
    """A card with one table, drawn above it where `chart` says how."""

    key: str
    title: str
    heads: list[Head]
    rows: list[list[Cell]]
    note: str = ""
    said: list[str] = field(default_factory=list)  # sentences before the table
    chart: str = ""
    options: str = ""  # of the chart, as attributes: across, newest, near, points
    meanings: list[tuple[str, str]] = field(default_factory=list)  # name and definition of what stands in the columns
    left: str = ""
    undrawn: frozenset[int] = frozenset()  # rows that are not drawn
    empty: str = "这个时段、这个范围还没有数据。可以把时间放长一些，或换个范围再看。"

    @property
    def lines(self) -> list[tuple[bool, list[tuple[Head, Cell]]]]:
        """Whether each is drawn, and its cells under their heads."""
        return [(n not in self.undrawn, list(zip(self.heads, row, strict=True))) for n, row in enumerate(self.rows)]

    @property
    def is_folded(self) -> bool:
        """Where the chart says all of it, the table is there for whoever opens it."""
        return bool(self.chart) and not any(head.draw == "none" for head in self.heads)

    @property
    def is_wide(self) -> bool:
        return len(self.heads) > MANY

    @property
    def across(self) -> bool:
        return "across" in self.options

    @property
    def newest(self) -> bool:
        return "newest" in self.options

    @property
    def points(self) -> bool:
        return "points" in self.options

    @property
    def near(self) -> bool:
        return "near" in self.options


def cell(figure: Figure, href: str = "") -> Cell:
    """A figure with its parts; what it means, and of a rate the interval, on pointing at it."""
    interval = bounds(figure)
    said = f"{figure.definition}95%置信区间 {interval}。" if interval else figure.definition
    return Cell(figure.text, figure.parts, href=href, definition=said)


def where(dimension: str, key: Any) -> str:
    """What tells two of one name apart: a window's hall, an item's organ, a clerk's window."""
    known = snapshot()
    if dimension == "window":
        hall = known.hall_of(str(key))
        return hall.name if hall else ""
    if dimension == "item":
        item = known.items.get(str(key))
        organ = known.organs.get(item.organ) if item else None
        return organ.name if organ else ""
    if dimension == "clerk":
        clerk = known.clerks.get(str(key))
        hall = known.hall_of(clerk.window) if clerk else None
        window = known.windows.get(clerk.window) if clerk else None
        return f"{hall.name}{window.name}" if hall and window else ""
    return ""


def meanings(figures: Sequence[Figure]) -> list[tuple[str, str]]:
    return [(figure.name, f"{figure.formula}。{figure.filter}。依据：{figure.metric.clause}") for figure in figures]


def sheet_of(found: Answer, href: Callable[[Any], str] | None = None, **more: Any) -> Sheet:
    """The table of a theme's part."""
    part = found.part
    drawn = set(part.drawn or part.metrics)
    heads = [Head(more.pop("called", DIMENSIONS[part.by].name), is_number=False)]
    heads += [Head(METRICS[key].name, draw="" if key in drawn else "none") for key in part.metrics]
    rows = [
        [
            Cell(name, "" if part.is_merged else where(part.by, key), href=href(key) if href else ""),
            *(cell(row[metric]) for metric in part.metrics),
        ]
        for key, name, row in found.lines
    ]
    first = found.lines[0][2] if found.lines else None
    left = f"另有{found.left:,}行没有列出，缩小范围或用“自助分析”可看全部。" if found.left else ""
    return Sheet(
        part.key,
        part.title,
        heads,
        rows,
        **({"note": part.note, "chart": part.chart, "left": left} | more),
        meanings=meanings(list(first.figures.values())) if first else [],
    )


def tiles(look: Look, metrics: Sequence[str], filters: dict[str, Any] | None = None) -> list[Tile]:
    """Headline figures beside those of the days before."""
    this, that = look.total(metrics, filters), look.before.total(metrics, filters)
    return [tile(Compared(this[key], that[key])) for key in metrics]
