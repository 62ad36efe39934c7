"""What a report consists of, apart from how it is printed: a small model that is kept as JSON and drawn by every printer. Pure.

A chart cannot stand without its table: it is a part of one.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

_DIGITS = "零一二三四五六七八九"


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one line or bar; `lows` and `highs` are the ends of 95 % intervals. None: nothing to draw."""

    name: str
    values: tuple[float | None, ...]
    lows: tuple[float | None, ...] = ()
    highs: tuple[float | None, ...] = ()


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """`bars` begin at 0; `dots` are shares with their intervals, `lines` go over time."""

    shape: Literal["bars", "dots", "lines"]
    title: str
    unit: str  # 条, 件, %
    labels: tuple[str, ...]
    series: tuple[Series, ...]


class Paragraph(msgspec.Struct, frozen=True, kw_only=True, tag="paragraph"):
    words: str


class Heading(msgspec.Struct, frozen=True, kw_only=True, tag="heading"):
    """Of the second order: the printer numbers it （一）."""

    words: str


class Table(msgspec.Struct, frozen=True, kw_only=True, tag="table"):
    """Cells as they are printed. The first `texts` columns hold words, the others numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1
    note: str = ""
    chart: Chart | None = None


Block = Paragraph | Heading | Table


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Of the first order: the printer numbers it 一、."""

    heading: str
    blocks: tuple[Block, ...]


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the annex 指标口径: what a figure means, by which day its cases count, by what authority."""

    name: str
    formula: str
    day: str
    clause: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report. `number` and `day` are given when it is approved."""

    head: str  # 报头
    title: str
    place: str
    period: str
    issuer: str
    sections: tuple[Section, ...]
    definitions: tuple[Definition, ...]
    notes: tuple[str, ...]
    number: str = ""
    day: str = ""
    lead: str = ""

    @property
    def own_title(self) -> str:
        """What of the title the red head above it does not say already: of a periodical only （2026年11月16日至22日）."""
        return self.title.removeprefix(self.head)

    @property
    def tables(self) -> list[Table]:
        return [block for section in self.sections for block in section.blocks if isinstance(block, Table)]

    @property
    def charts(self) -> list[Chart]:
        """In the order in which they are printed."""
        return [table.chart for table in self.tables if table.chart is not None]


def to_json(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(document)
    return found


def from_json(told: dict[str, Any]) -> Document:
    return msgspec.convert(told, Document)


def issued(document: Document, *, number: str, day: str) -> Document:
    return msgspec.structs.replace(document, number=number, day=day)


def with_words(document: Document, *, title: str, lead: str, analysis: str, suggestion: str) -> Document:
    """The same with what a person wrote: before everything, and as sections at the end. What is empty is left out."""
    more = tuple(
        Section(heading=heading, blocks=tuple(Paragraph(words=line) for line in text.splitlines() if line.strip()))
        for heading, text in (("原因分析", analysis), ("工作建议", suggestion))
        if text.strip()
    )
    return msgspec.structs.replace(
        document, title=title or document.title, lead=lead, sections=(*document.sections, *more)
    )


def numeral(n: int) -> str:
    """一 … 九十九, as headings are counted."""
    if not 0 < n < 100:
        raise ValueError(f"no heading has the number {n}")
    tens, ones = divmod(n, 10)
    head = "" if not tens else "十" if tens == 1 else f"{_DIGITS[tens]}十"
    return head + (_DIGITS[ones] if ones else "")
