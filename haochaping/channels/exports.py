"""`hcp export`: every record of a kind with its wire names, as an import without a map expects them; formula-safe.

No applicant and no rater is in it, and the raters' words are masked.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from haochaping.accounts.rules import SYSTEM, Actor, area_prefix
from haochaping.channels import sheets
from haochaping.channels.kinds import WIRE
from haochaping.directory import queries, rules
from haochaping.directory.models import Clerk, Guide, Hall, Item, Organ, Region, Theme, Window
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.models import Evaluation, ServiceEvent, Words
from haochaping.kit.clock import to_wire
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.masks import mask_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

BLOCK = 2000
FILTERS = ("area", "organ", "from", "to")


@dataclass(frozen=True)
class Source:
    """Where a kind comes from: its rows in order, their columns in the order of the wire names, and what filters them."""

    rows: QuerySet[Any]
    columns: tuple[str, ...]
    area: str = ""  # the column with an area code or path
    organ: str = ""  # the column with an organ code
    day: str = ""


SOURCES: Mapping[str, Source] = {
    "regions": Source(Region.objects.order_by("code"), ("code", "name", "merged_into", "merged_on"), "code"),
    "organs": Source(
        Organ.objects.order_by("path"), ("code", "name", "short_name", "area", "parent", "is_active"), "area", "code"
    ),
    "halls": Source(Hall.objects.order_by("code"), ("code", "name", "kind", "area", "address", "is_active"), "area"),
    "windows": Source(
        Window.objects.order_by("code"), ("code", "name", "hall", "organ", "kind", "is_active"), organ="organ"
    ),
    "clerks": Source(Clerk.objects.order_by("number"), ("number", "name", "organ", "window", "is_active"), organ="organ"),
    "items": Source(
        Item.objects.order_by("task_code", "handle_item", "version"),
        (
            "task_code", "handle_item", "name", "kind", "organ", "area", "theme", "is_for_enterprises", "valid_from",
            "valid_to", "other_codes",
        ),
        "area",
        "organ",
    ),
    "guides": Source(
        Guide.objects.filter(item__valid_to=None).order_by("item__task_code", "item__handle_item"),
        (
            "item__task_code", "item__handle_item", "conditions", "materials", "steps", "promise_days", "statutory_days",
            "fees", "rating_channels",
        ),
        "item__area",
        "item__organ",
    ),
    "themes": Source(Theme.objects.order_by("code"), ("code", "name", "items")),
    "services": Source(
        ServiceEvent.objects.filter(is_probe=False).order_by("service_time", "id"),
        (
            "project_no", "service_number", "task_code", "task_handle_item", "item_name", "organ_code", "organ_name",
            "area", "project_name", "service_name", "service_time", "pro_status", "window_code", "clerk_no",
            "pro_channel", "project_type", "promise_day", "promise_type", "accept_date", "result_date", "user_prop",
            "aspect", "point", "mode",
        ),
        "area",
        "organ_code",
        "service_day",
    ),
    "evaluations": Source(
        Evaluation.objects.filter(is_probe=False).order_by("assess_time", "id"),
        ("id", "level", "pf", "indicators", "assess_time", "user_prop", "consent", "device_id"),
        "area",
        "organ_code",
        "rated_day",
    ),
}  # fmt: skip


def run(kind: str, out: Path | None, filters: Mapping[str, str], actor: Actor = SYSTEM) -> int:
    """Write all records of a kind that the filters leave, as of one moment; how many.

    `out` is CSV, XLSX or Parquet by its ending; None is CSV on standard output. Filters: `area` and `organ` (codes, each
    with everything below it), `from` and `to` (days, both included; services and evaluations). RuntimeError if the file
    does not hold what the database counted. Only the installation's own operator may take all of it out.
    """
    if not actor.is_system:
        raise Refused("export_not_allowed", 403, "整库导出由系统运维在命令行执行。")
    source = SOURCES.get(kind)
    if source is None:
        raise Refused("kind_not_exported", 404, f"不能导出 {kind}，可用 {'、'.join(SOURCES)}。")
    with _one_moment():
        rows = source.rows.filter(_filter(kind, source, filters))
        expected = rows.count()
        lines = _evaluations(rows) if kind == "evaluations" else _lines(rows, source.columns)
        written = (
            sheets.write_csv(sys.stdout, WIRE[kind], lines) if out is None else sheets.write(out, WIRE[kind], lines)
        )
    if written != expected:
        raise RuntimeError(f"{kind}: {written} rows written, the database counted {expected}")
    return written


@contextmanager
def _one_moment() -> Iterator[None]:
    """All queries inside see the same state."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _filter(kind: str, source: Source, filters: Mapping[str, str]) -> Q:
    have = {"area": source.area, "organ": source.organ, "from": source.day, "to": source.day}
    errors = [
        FieldError(
            name,
            "unknown_filter",
            f"{kind} 没有过滤条件 {name}，可用 {'、'.join(n for n in FILTERS if have[n]) or '无'}。",
        )
        for name in filters
        if not have.get(name)
    ]
    wanted = Q()
    if (code := filters.get("area")) and source.area:
        found = rules.read_area(code)
        if not found:
            errors.append(FieldError("area", "bad_code", "area 应为 12 位（或 6 位）行政区划代码。"))
        wanted &= Q(**{f"{source.area}__startswith": area_prefix(found)})
    if (code := filters.get("organ")) and source.organ:
        organ = queries.organ(code)
        if organ is None:
            errors.append(FieldError("organ", "organ_unknown", f"单位 {code} 尚未登记。"))
        else:
            below = Organ.objects.filter(path__startswith=organ.path).values("code")
            wanted &= Q(**{f"{source.organ}__in": below})
    for name, comparison in (("from", "gte"), ("to", "lte")):
        if (text := filters.get(name)) and source.day:
            try:
                wanted &= Q(**{f"{source.day}__{comparison}": date.fromisoformat(text)})
            except ValueError:
                errors.append(FieldError(name, "bad_time", f"{name} 应为 yyyy-MM-dd。"))
    if errors:
        raise Refused("filters_refused", 422, "过滤条件有误。", tuple(errors))
    return wanted


def _lines(rows: QuerySet[Any], columns: Sequence[str]) -> Iterator[list[str]]:
    for row in rows.values_list(*columns).iterator(BLOCK):
        yield [_text(value) for value in row]


def _evaluations(rows: QuerySet[Evaluation]) -> Iterator[list[str]]:
    """With the case beside each rating, and the words masked."""
    block: list[Evaluation] = []
    for row in rows.iterator(BLOCK):
        block.append(row)
        if len(block) == BLOCK:
            yield from _evaluation_block(block)
            block = []
    yield from _evaluation_block(block)


def _evaluation_block(block: list[Evaluation]) -> Iterator[list[str]]:
    ids = [row.id for row in block]
    cases = {
        e[0]: e[1:] for e in ServiceEvent.objects.filter(id__in=ids).values_list("id", "project_no", "service_number")
    }
    words = dict(Words.objects.filter(id__in=ids).values_list("id", "text"))
    hidden = evaluation.secrets(words)
    for row in block:
        said = mask_text(words.get(row.id, ""), hidden.get(row.id, ()))
        values = (
            *cases[row.id], row.level, row.pf, ",".join(row.indicators), said, row.assess_time, row.user_prop,
            ",".join(row.consent), row.device_id,
        )  # fmt: skip
        yield [_text(value) for value in values]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return to_wire(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)
