"""Open data 开放数据: the published tables as files, made once with their issue and never changed.

One row for each line and metric of a month. What is not told is marked, never zero. CSV is safe to open in a spreadsheet;
JSON and Parquet hold the texts as they are.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet
from django.conf import settings

from haochaping.analytics.labels import area as area_name
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS, Unit
from haochaping.analytics.rules import wilson
from haochaping.kit.cells import safe
from haochaping.kit.crypto import sm3
from haochaping.publication.counts import METRICS_OF, SETS
from haochaping.publication.models import Issue, Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from pathlib import Path

    Row = tuple[Any, ...]

FORMATS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet", "json": "application/json"}
# Field, type, what it means: head of every file, and the dictionary page.
FIELDS = (
    ("month", pa.string(), "月份，yyyy-MM"),
    ("level", pa.string(), "行的层级：all 全部、city 设区市、county 县（市、区）、organ 单位、item 事项、channel 渠道"),
    ("areaCode", pa.string(), "行政区划代码，12 位；全部和渠道为空"),
    ("areaName", pa.string(), "行政区划名称"),
    ("orgcode", pa.string(), "单位统一社会信用代码"),
    ("organName", pa.string(), "单位名称"),
    ("taskCode", pa.string(), "事项实施编码"),
    ("itemName", pa.string(), "事项名称"),
    ("channel", pa.int8(), "渠道代码 pf，1 至 9"),
    ("channelName", pa.string(), "渠道名称"),
    ("metric", pa.string(), "指标代码，见指标表"),
    ("metricName", pa.string(), "指标名称"),
    ("value", pa.float64(), "指标值：数量，或 0 至 1 的比率；没有可以相除的为空"),
    ("numerator", pa.int64(), "分子"),
    ("denominator", pa.int64(), "分母；数量没有分母"),
    ("low", pa.float64(), "比率的 95% 置信区间（威尔逊）下限"),
    ("high", pa.float64(), "上限"),
    ("suppressed", pa.int8(), "1：样本过少，或公布后可推算出过少的数，不公布；此时数值各列为空"),
)
HEAD = [name for name, _, _ in FIELDS]
_SCHEMA = pa.schema([(name, kind) for name, kind, _ in FIELDS])


def rows(month: date, lines: Iterable[Line]) -> Iterator[Row]:
    """A row for every metric of every line, in the order of FIELDS."""
    for line in lines:
        area = line.area.ljust(12, "0") if line.area else ""
        place = (
            f"{month:%Y-%m}", line.kind, area, area_name(line.area) if line.area else "", line.organ,
            label("organ", line.organ) if line.organ else "", line.item, label("item", line.item) if line.item else "",
            line.channel or None, label("channel", line.channel) if line.channel else "",
        )  # fmt: skip
        for metric in METRICS_OF[line.kind]:
            told = line.parts.get(metric)
            yield (*place, metric, METRICS[metric].name, *_numbers(metric, told), int(told is None))


def _numbers(metric: str, told: list[int | None] | None) -> Row:
    """Value, numerator, denominator, low, high."""
    if told is None:
        return (None,) * 5
    numerator, denominator = told
    if denominator is None:
        return (numerator, numerator, None, None, None)
    value = (numerator or 0) / denominator if denominator else None
    is_ratio = METRICS[metric].unit is Unit.RATIO
    low, high = (wilson(numerator or 0, denominator) if is_ratio else None) or (None, None)
    return (value, numerator, denominator, low, high)


def write(issue: Issue, lines: list[Line]) -> dict[str, dict[str, Any]]:
    """The files of a final issue, whole or not at all; by ending, bytes and SM3."""
    lines = sorted(lines, key=lambda line: (line.kind, line.area, line.organ, line.item, line.channel))
    found = list(rows(issue.month, lines))
    made = {"csv": _csv(found), "json": _json(issue, found), "parquet": _parquet(found)}
    told = {}
    for ending, content in made.items():
        path = path_of(issue.month, ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".new")
        draft.write_bytes(content)
        draft.replace(path)
        told[ending] = {"size": len(content), "sm3": sm3(content).hex()}
    return told


def path_of(month: date, ending: str) -> Path:
    """Where a month's file lies; the same name as at its address below /public/data/."""
    return settings.OPEN_DATA / f"haochaping-{month:%Y-%m}.{ending}"


def _csv(found: list[Row]) -> bytes:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows([safe(cell) for cell in row] for row in found)
    return sheet.getvalue().encode("utf-8-sig")  # with the mark by which Excel knows UTF-8


def _json(issue: Issue, found: list[Row]) -> bytes:
    told = {
        "month": f"{issue.month:%Y-%m}",
        "publishedAt": issue.made_at.isoformat(),
        "licence": settings.OPEN_DATA_LICENCE,
        "minimumShown": issue.k,
        "minimumRanked": issue.minimum,
        "dictionary": "dictionary.json",
        "fields": HEAD,
        "rows": found,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _parquet(found: list[Row]) -> bytes:
    columns = list(zip(*found, strict=True)) if found else [()] * len(FIELDS)
    table = pa.table(
        [pa.array(column, kind) for column, (_, kind, _) in zip(columns, FIELDS, strict=True)], schema=_SCHEMA
    )
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def published(start: date, end: date) -> tuple[list[str], Iterator[Row]]:
    """Head and rows of the final months from that of `start` to that of `end`: the same as in their files."""
    found = Issue.objects.filter(is_final=True, month__gte=start.replace(day=1), month__lte=end).order_by("month")
    order = ("kind", "area", "organ", "item", "channel")
    return HEAD, (
        row
        for issue in found
        for row in rows(issue.month, Line.objects.filter(issue=issue).order_by(*order).iterator())
    )


def dictionary() -> dict[str, Any]:
    """What each field and each metric means, and under which licence the files may be used."""
    used = dict.fromkeys(metric for sets in SETS.values() for keys in sets.values() for metric in keys)
    return {
        "title": "政务服务“好差评”公开数据",
        "licence": settings.OPEN_DATA_LICENCE,
        "fields": [{"field": name, "type": str(kind), "meaning": meaning} for name, kind, meaning in FIELDS],
        "metrics": [
            {
                "metric": metric.key, "metricName": metric.name, "formula": metric.formula, "clause": metric.clause,
                "unit": metric.unit.value, "better": metric.better.value, "basis": metric.basis.name_zh,
                "levels": [kind for kind, keys in METRICS_OF.items() if metric.key in keys],
            }
            for metric in (METRICS[key] for key in used)
        ],
    }  # fmt: skip
