"""Charts of a report, drawn once: SVG with text as text for the PDF, PNG for Word. Bars begin at 0 (look.md §5)."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.kit.crypto import sm3

if TYPE_CHECKING:
    from haochaping.analytics.reports.document import Chart

COLOURS = ("#1550B5", "#B34700", "#0A6B4F", "#7A5C00")  # brand, and what stays apart from it in print
HATCHES = ("", "//", "..", "xx")  # colour is never the only sign
MARKERS = ("o", "s", "^", "D")
INK, LINE = "#1B2430", "#CFD6E0"
WIDE, ROW, LOW, HIGH = 6.1, 0.27, 1.9, 6.4  # inches: the type area of A4 is 156 mm wide
FONT = "Noto Sans CJK SC"
DPI = 200
WIDE_LABELS = 44  # characters that stand side by side under a line


class Drawn(NamedTuple):
    svg: bytes
    png: bytes


def draw(chart: Chart) -> Drawn:
    """The chart in both forms; the same chart gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure  # without pyplot: nothing global, safe in a thread

    settings: Any = {
        "font.family": [FONT, "DejaVu Sans"],
        "font.size": 9,
        "svg.fonttype": "none",
        "svg.hashsalt": sm3(repr(chart).encode()).hex()[:16],  # ids in one page do not meet
        "axes.edgecolor": LINE,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.unicode_minus": False,
        "hatch.linewidth": 0.6,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(WIDE, _height(chart)), layout="constrained")
        axes = figure.subplots()
        {"bars": _bars, "dots": _dots, "lines": _lines}[chart.shape](axes, chart)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=0)
        if len(chart.series) > 1:
            figure.legend(loc="outside upper right", ncols=len(chart.series), frameon=False, fontsize=8.5)
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    return Drawn(_body(svg.getvalue()), png.getvalue())


def _body(svg: bytes) -> bytes:
    """The <svg> element alone, as it stands within a page beside others: without the names of its groups."""
    return re.sub(rb'<g id="[^"]*">', b"<g>", svg[svg.index(b"<svg") :])


def _height(chart: Chart) -> float:
    if chart.shape == "lines":
        return 2.3
    rows = len(chart.labels) * (1 if chart.shape == "dots" else max(1, len(chart.series)))
    return max(LOW, min(HIGH, 0.75 + ROW * rows))


def _places(axes: Any, chart: Chart) -> range:
    places = range(len(chart.labels))
    axes.set_yticks(list(places), chart.labels)
    axes.invert_yaxis()  # the first of the table stands on top
    axes.set_xlabel(chart.unit, loc="right", labelpad=1)
    axes.grid(axis="x", color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    return places


def _bars(axes: Any, chart: Chart) -> None:
    places, thick = _places(axes, chart), 0.7 / max(1, len(chart.series))
    most = max((value for one in chart.series for value in one.values if value is not None), default=0)
    for n, one in enumerate(chart.series):
        at = [place + (n - (len(chart.series) - 1) / 2) * thick for place in places]
        values = [value or 0 for value in one.values]
        axes.barh(
            at,
            values,
            height=thick * 0.9,
            color=COLOURS[n % 4],
            hatch=HATCHES[n % 4],
            edgecolor="white",
            label=one.name,
        )
        for y, value in zip(at, one.values, strict=True):
            if value is not None:
                axes.text(value + most * 0.01, y, f"{value:,.0f}", va="center", fontsize=8, color=INK)
    axes.set_xlim(0, most * 1.12 or 1)


def _dots(axes: Any, chart: Chart) -> None:
    """A point and its interval for each; points may stand on an axis that does not begin at 0, bars may not."""
    _places(axes, chart)
    for n, one in enumerate(chart.series):
        known = [
            (y, value, low, high)
            for y, (value, low, high) in enumerate(zip(one.values, one.lows, one.highs, strict=True))
            if value is not None and low is not None and high is not None
        ]
        if not known:
            continue
        ys, values, lows, highs = (list(column) for column in zip(*known, strict=True))
        spread = [
            [v - low for v, low in zip(values, lows, strict=True)],
            [h - v for v, h in zip(values, highs, strict=True)],
        ]
        axes.errorbar(
            values, ys, xerr=spread, fmt=MARKERS[n % 4], color=COLOURS[n % 4], ecolor="#6B8FCB", capsize=2.5, markersize=4.5, label=one.name,
        )  # fmt: skip


def _lines(axes: Any, chart: Chart) -> None:
    places = list(range(len(chart.labels)))
    for n, one in enumerate(chart.series):
        values = [float("nan") if value is None else value for value in one.values]
        axes.plot(
            places, values, marker=MARKERS[n % 4], markersize=3.5, linewidth=1.4, color=COLOURS[n % 4], label=one.name
        )
    step = max(1, -(-len(places) // (WIDE_LABELS // max(map(len, chart.labels), default=1))))
    axes.set_xticks(places[::step], chart.labels[::step])
    axes.set_ylabel(chart.unit, rotation=0, loc="top", labelpad=4)
    axes.grid(axis="y", color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    if chart.unit != "%":
        axes.set_ylim(bottom=0)
