"""The parts of which reports consist: each a few sentences, and the table they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haochaping.analytics.dimensions import DIMENSIONS
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS, Unit
from haochaping.analytics.reports import sentences
from haochaping.analytics.reports.asking import PLACE_NAMES
from haochaping.analytics.reports.document import Block, Chart, Paragraph, Section, Series, Table
from haochaping.analytics.reports.kinds import DAY, KINDS, Kind, Period
from haochaping.analytics.rules import Ranked, Share, rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haochaping.analytics.queries import Figure, Row
    from haochaping.analytics.reports.asking import Asking
    from haochaping.analytics.reports.sentences import Beside

HEADLINE = (
    "services", "ratings", "active_rate", "good_rate", "bad_rate", "real_name_rate", "good_rate_with_default", "excluded",
)  # fmt: skip
MENDING = (
    "orders", "reply_rate", "on_time_rate", "overdue_rate", "rectified_rate", "callback_satisfied_rate", "reopen_rate",
)  # fmt: skip
PLACES_MOST, ITEMS_MOST, WORTH_DRAWING = 40, 10, 5
OVERLAP = "95%置信区间相互重叠的，高低可能出于偶然。"


def overall(asking: Asking) -> Section:
    """How much, how good, and how it went from day to day."""
    # to the public not the services: beside the rates their number tells what was excluded
    told = [key for key in HEADLINE if key != "services" or not asking.for_public]
    spec, beside = KINDS[asking.kind], asking.beside(told)
    least = asking.caution.minimum
    said = sentences.overall(beside, this=spec.this, place="", before=spec.before, minimum=least) + sentences.apart(
        beside
    )
    blocks: list[Block] = [Paragraph(words=words) for words in said]
    blocks.append(_compared("主要指标", beside, asking.kind))
    if (trend := _trend(asking)) is not None:
        blocks.append(trend)
    return Section(heading="总体情况", blocks=tuple(blocks))


def _compared(title: str, beside: dict[str, Beside], kind: Kind) -> Table:
    head: tuple[str, ...] = ("指标", "本期", "分子÷分母")
    rows: list[tuple[str, ...]] = [(each.now.name, each.now.text, _parts(each.now)) for each in beside.values()]
    for word, then in (
        (KINDS[kind].before, [each.before for each in beside.values()]),
        ("上年同期", [each.last_year for each in beside.values()]),
    ):
        if any(figure is not None for figure in then):  # else the data does not reach so far
            head = (*head, word, "分子÷分母")
            rows = [(*row, _text(figure), _parts(figure)) for row, figure in zip(rows, then, strict=True)]
    return Table(title=title, head=head, rows=tuple(rows))


def _parts(figure: Figure | None) -> str:
    return figure.parts.replace(" ", "") or "—" if figure else "—"


def _text(figure: Figure | None) -> str:
    return figure.text if figure else "—"


def _steps(asking: Asking) -> tuple[str, Period]:
    """By what, and how far back, a report looks at how it went."""
    period = asking.period
    if asking.kind is Kind.WEEKLY:
        return "day", Period(period.start - 7 * DAY, period.end)
    if asking.kind in {Kind.MONTHLY, Kind.APPRAISAL}:
        first = period.start
        return "month", Period(first.replace(year=first.year - 1), period.end)
    if period.days <= 16:
        return "day", period
    return ("month", period) if period.days > 200 else ("week", period)


def _trend(asking: Asking) -> Table | None:
    if asking.kind is Kind.DAILY or asking.for_public:  # earlier months stand on the public site as they were published
        return None
    step, period = _steps(asking)
    rows = asking.rows(("services", "ratings", "good_rate", "bad_rate"), [step], period)
    rows = [row for row in rows if row.keys[step] is not None]
    if len(rows) < 3:
        return None
    names = {"day": "日期", "week": "周", "month": "月份"}
    labels = [_when(step, row.keys[step]) for row in rows]
    chart = Chart(
        shape="lines",
        title="服务量和评价量",
        unit="件、条",
        labels=tuple(labels),
        series=tuple(
            Series(name=METRICS[key].name, values=tuple(_number(row[key]) for row in rows))
            for key in ("services", "ratings")
        ),
    )
    return Table(
        title=f"走势（{period.words}）",
        head=(names[step], "服务量", "评价量", "主动好评率", "好评÷评价", "差评率"),
        rows=tuple(
            (
                when,
                row["services"].text,
                row["ratings"].text,
                row["good_rate"].text,
                _parts(row["good_rate"]),
                row["bad_rate"].text,
            )
            for when, row in zip(labels, rows, strict=True)
        ),
        chart=chart,
    )


def _when(step: str, key: Any) -> str:
    return f"{key.month}月{key.day}日" if step == "day" else label(step, key)


def _number(figure: Figure) -> float | None:
    if figure.value is None:
        return None
    return round(float(figure.value) * 100, 4) if figure.metric.unit is Unit.RATIO else float(figure.value)


def places(asking: Asking, *, is_ranked: bool) -> Section | None:
    """The places below, by the fair rank of the good rate where they are ranked; ties honest, few unranked."""
    dimension = asking.places
    rows = asking.rows(("ratings", "good_rate", "bad_rate", "unrated_rate"), [dimension])
    rows = [row for row in rows if row.keys[dimension]]
    if len(rows) < 2:
        return None
    keys = {str(row.keys[dimension]): row for row in rows}
    names = {key: label(dimension, key) for key in keys}
    ranked = _ranked(keys, asking.caution.minimum)
    what = PLACE_NAMES[dimension]
    words = sentences.extremes(ranked, names, metric="主动好评率", what=what)
    blocks: list[Block] = [Paragraph(words=words)] if words else []
    unranked = [key for key in keys if key not in {one.share.key for one in ranked}]
    order = [(one.share.key, one.rank, one.is_apart) for one in ranked] + [(key, None, False) for key in unranked]
    if not is_ranked:
        order.sort(key=lambda line: line[0])
    lines = tuple(
        ((_place(place, is_apart=is_apart),) if is_ranked else ())
        + (
            names[key],
            keys[key]["good_rate"].text,
            _parts(keys[key]["good_rate"]),
            sentences.bounds(keys[key]["good_rate"]),
        )
        + (keys[key]["bad_rate"].text, keys[key]["unrated_rate"].text)
        for key, place, is_apart in order[:PLACES_MOST]
    )
    head = (*(("名次",) if is_ranked else ()), what, "主动好评率", "好评÷评价", "95%置信区间", "差评率", "未评率")
    note = OVERLAP
    if is_ranked:
        note = (
            f"名次按主动好评率95%置信区间下限排列，下限相同的并列；主动评价不足{asking.caution.minimum}条的不排名次。"
            "名次前加“≈”的，与前一名的区间重叠，先后可能出于偶然。"
        )
    blocks.append(
        Table(
            title=f"各{what}主动好评率",
            head=head,
            rows=lines,
            texts=2 if is_ranked else 1,
            note=note,
            chart=_dots(order, keys, names, what),
        )
    )
    return Section(heading=f"各{what}情况", blocks=tuple(blocks))


def _ranked(keys: dict[str, Row], minimum: int) -> list[Ranked]:
    shares = [
        Share(key, rate.numerator, rate.denominator or 0)
        for key, row in keys.items()
        if not (rate := row["good_rate"]).hidden_below
    ]
    return rank(shares, minimum=minimum)


def _place(place: int | None, *, is_apart: bool) -> str:
    if place is None:
        return "—"
    return str(place) if is_apart or place == 1 else f"≈{place}"


def _dots(
    order: Sequence[tuple[str, int | None, bool]], keys: dict[str, Row], names: dict[str, str], what: str
) -> Chart | None:
    shown = [key for key, _, _ in order if keys[key]["good_rate"].value is not None][:20]
    if len(shown) < 2:
        return None
    intervals = [keys[key]["good_rate"].interval or (0.0, 0.0) for key in shown]
    return Chart(
        shape="dots",
        title=f"各{what}主动好评率及95%置信区间",
        unit="%",
        labels=tuple(names[key] for key in shown),
        series=(
            Series(
                name="主动好评率",
                values=tuple(_number(keys[key]["good_rate"]) for key in shown),
                lows=tuple(round(low * 100, 4) for low, _ in intervals),
                highs=tuple(round(high * 100, 4) for _, high in intervals),
            ),
        ),
    )


def items(asking: Asking) -> Section | None:
    """Which items drew most bad ratings, by number, with the rate and its interval beside."""
    by = ["organ", "item"]
    rows = [row for row in asking.rows(("bad_rate",), by) if row["bad_rate"].numerator and row.keys["item"]]
    total = asking.total(("bad_rate",))["bad_rate"].numerator
    rows.sort(key=lambda row: (-row["bad_rate"].numerator, str(row.keys["organ"]), str(row.keys["item"])))
    rows = rows[:ITEMS_MOST]
    if not rows:
        return None
    names = [label("item", row.keys["item"]) for row in rows]
    full = [f"{label('organ', row.keys['organ'])}“{name}”" for row, name in zip(rows, names, strict=True)]
    table = Table(
        title=f"差评较多的事项（前{len(rows)}项）" if len(rows) == ITEMS_MOST else "收到差评的事项",
        head=("事项", "单位", "差评", "评价", "差评率", "95%置信区间"),
        rows=tuple(
            (name, label("organ", row.keys["organ"]), f"{row['bad_rate'].numerator:,}", f"{row['bad_rate'].denominator:,}", row["bad_rate"].text, sentences.bounds(row["bad_rate"]))
            for row, name in zip(rows, names, strict=True)
        ),
        texts=2,
        note="按差评条数排列。办件多的事项差评也多，评判时应看差评率及其区间。",
    )  # fmt: skip
    words = sentences.worst(rows, full, what="事项", total=total)
    return Section(heading="差评集中的事项", blocks=(Paragraph(words=words), table))


def channels(asking: Asking) -> Section | None:
    """By what way ratings came, and how good they are there."""
    rows = [
        row for row in asking.rows(("ratings", "good_rate", "bad_rate"), ["channel"]) if row.keys["channel"] is not None
    ]
    rows = sorted((row for row in rows if row["ratings"].size), key=lambda row: -row["ratings"].size)
    if not rows:
        return None
    names = asking.names(rows, "channel")
    table = Table(
        title="各渠道评价",
        head=("渠道", "评价量", "主动好评率", "好评÷评价", "95%置信区间", "差评率"),
        rows=tuple(
            (name, row["ratings"].text, row["good_rate"].text, _parts(row["good_rate"]), sentences.bounds(row["good_rate"]), row["bad_rate"].text)
            for name, row in zip(names, rows, strict=True)
        ),
        chart=_bars("各渠道评价量", "条", "评价量", names, [_number(row["ratings"]) for row in rows]),
    )  # fmt: skip
    first = rows[0]["ratings"]
    words = "" if first.hidden_below else f"主动评价来自{len(rows)}个渠道，最多的是{names[0]}（{first.text}条）。"
    return Section(heading="评价渠道", blocks=(*((Paragraph(words=words),) if words else ()), table))


def reasons(asking: Asking) -> Section | None:
    """What raters named in bad ratings, and what those who looked into them found."""
    blocks: list[Block] = []
    for dimension, metric, title, measure, more in (
        ("indicator", "ratings", "差评指向的评价指标", "条", {"level": [1, 2]}),
        ("cause", "orders", "核实后的差评原因", "件", {}),
    ):
        rows = [row for row in asking.rows((metric,), [dimension], more=more) if row.keys[dimension]]
        rows = [row for row in rows if row[metric].value]
        rows.sort(key=lambda row: -row[metric].size)
        if not rows:
            continue
        rows = rows[:ITEMS_MOST]
        names = asking.names(rows, dimension)
        several = [
            (name, row) for name, row in zip(names[:3], rows[:3], strict=True) if row[metric].size >= sentences.SEVERAL
        ]
        told = "、".join(f"{name}（{row[metric].text}{measure}）" for name, row in several)
        blocks.append(Paragraph(words=f"{title}较多的是：{told}。" if told else f"{title}较分散，没有集中的情况。"))
        blocks.append(
            Table(
                title=title,
                head=(
                    "指标" if dimension == "indicator" else "原因",
                    "差评" if dimension == "indicator" else "差评工单",
                ),
                rows=tuple((name, row[metric].text) for name, row in zip(names, rows, strict=True)),
                note="一条评价可以勾选多项，各行不能相加。" if dimension == "indicator" else "只含已核实原因的工单。",
                chart=_bars(title, measure, METRICS[metric].name, names, [_number(row[metric]) for row in rows]),
            )
        )
    return Section(heading="差评原因", blocks=tuple(blocks)) if blocks else None


def _bars(title: str, unit: str, name: str, names: Sequence[str], values: Sequence[float | None]) -> Chart | None:
    if len(values) < 3 or max((value or 0 for value in values), default=0) < WORTH_DRAWING:
        return None
    short = tuple(each if len(each) <= 16 else f"{each[:15]}…" for each in names)
    return Chart(shape="bars", title=title, unit=unit, labels=short, series=(Series(name=name, values=tuple(values)),))


def parties(asking: Asking) -> Section | None:
    """Who rated the items for enterprises: enterprises themselves, or people for them."""
    rows = [row for row in asking.rows(("ratings", "good_rate", "bad_rate"), ["party"]) if row["ratings"].size]
    if not rows:
        return None
    names = asking.names(rows, "party")
    table = Table(
        title="按评价对象",
        head=("评价对象", "评价量", "主动好评率", "好评÷评价", "95%置信区间", "差评率"),
        rows=tuple(
            (name, row["ratings"].text, row["good_rate"].text, _parts(row["good_rate"]), sentences.bounds(row["good_rate"]), row["bad_rate"].text)
            for name, row in zip(names, rows, strict=True)
        ),
    )  # fmt: skip
    return Section(heading="评价对象", blocks=(table,))


def mending(asking: Asking) -> Section:
    """What came of the bad ratings, in all and place by place."""
    spec, metrics = KINDS[asking.kind], tuple(key for key in MENDING if key in METRICS)
    beside = asking.beside(metrics)
    least = asking.caution.minimum
    said = sentences.rectification(beside, this=spec.this, before=spec.before, minimum=least)
    blocks: list[Block] = [Paragraph(words=words) for words in said]
    before = beside["orders"].before
    if beside["orders"].now.size or (before and before.size):
        blocks.append(_compared("整改指标", beside, asking.kind))
    dimension = asking.places
    rows = asking.rows(("orders", "on_time_rate", "overdue_rate", "rectified_rate"), [dimension])
    rows = [row for row in rows if row.keys[dimension] and row["orders"].size][:PLACES_MOST]
    if len(rows) > 1 and not asking.for_public:
        what = PLACE_NAMES[dimension]
        blocks.append(
            Table(
                title=f"各{what}整改情况",
                head=(what, "差评工单", "按期办结率", "按期÷应答", "超期率", "整改率", "整改÷应改"),
                rows=tuple(
                    (name, row["orders"].text, row["on_time_rate"].text, _parts(row["on_time_rate"]), row["overdue_rate"].text, row["rectified_rate"].text, _parts(row["rectified_rate"]))
                    for name, row in zip(asking.names(rows, dimension), rows, strict=True)
                ),
                note="比率只算期限已到、已答复或已办结的工单，新派出的还没有计入。",
            )
        )  # fmt: skip
    return Section(heading="差评整改", blocks=tuple(blocks))


def sliced(asking: Asking, dimension: str, name: str) -> Section | None:
    """A slice by one more dimension that the author of a brief chose."""
    if "services" not in DIMENSIONS[dimension].tables:
        return _sliced_orders(asking, dimension, name)
    rows = [
        row for row in asking.rows(("ratings", "good_rate", "bad_rate", "orders"), [dimension]) if row["ratings"].size
    ]
    rows = sorted(rows, key=lambda row: -row["ratings"].size)[:PLACES_MOST]
    if not rows:
        return None
    table = Table(
        title=f"按{name}",
        head=(name, "评价量", "主动好评率", "好评÷评价", "95%置信区间", "差评率", "差评工单"),
        rows=tuple(
            (each, row["ratings"].text, row["good_rate"].text, _parts(row["good_rate"]), sentences.bounds(row["good_rate"]), row["bad_rate"].text, row["orders"].text)
            for each, row in zip(asking.names(rows, dimension), rows, strict=True)
        ),
        note=f"按评价量排列。{OVERLAP}",
    )  # fmt: skip
    return Section(heading=f"按{name}分析", blocks=(table,))


def _sliced_orders(asking: Asking, dimension: str, name: str) -> Section | None:
    rows = [row for row in asking.rows(("orders", "on_time_rate", "rectified_rate"), [dimension]) if row["orders"].size]
    rows = sorted(rows, key=lambda row: -row["orders"].size)[:PLACES_MOST]
    if not rows:
        return None
    table = Table(
        title=f"差评工单按{name}",
        head=(name, "差评工单", "按期办结率", "按期÷应答", "整改率", "整改÷应改"),
        rows=tuple(
            (each, row["orders"].text, row["on_time_rate"].text, _parts(row["on_time_rate"]), row["rectified_rate"].text, _parts(row["rectified_rate"]))
            for each, row in zip(asking.names(rows, dimension), rows, strict=True)
        ),
    )  # fmt: skip
    return Section(heading=f"按{name}分析", blocks=(table,))
