"""Out of PostgreSQL into Arrow: one COPY for a day of services or a month of orders. Nothing personal is read."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
from django.db import connection

from haochaping.analytics.columns import ITEMS, SERVICES, TABLES
from haochaping.directory.queries import recheck, snapshot
from haochaping.flow.visits import CASE_OF_OURS
from haochaping.kit.errors import Refused
from haochaping.policy.queries import book

if TYPE_CHECKING:
    from datetime import date

_HAS_CASE = f"s.project_no !~ '{CASE_OF_OURS}' AS has_case"
_INDICATORS = (
    "CASE WHEN e.indicators = '{}' THEN '' ELSE ',' || array_to_string(e.indicators, ',') || ',' END AS indicators"
)
# As rated where there is a rating (it keeps a copy of where and by whom), else as served.
_AS_RATED = f"""
    coalesce(e.area_path, s.area_path) AS area_path,
    coalesce(e.organ_code, s.organ_code) AS organ_code,
    coalesce(e.organ_path, s.organ_path) AS organ_path,
    coalesce(e.hall_code, s.hall_code) AS hall,
    coalesce(e.window_code, s.window_code) AS "window",
    coalesce(e.clerk_no, s.clerk_no) AS clerk,
    coalesce(e.task_code, s.task_code) AS item,
    coalesce(e.aspect, s.aspect) AS aspect,
    coalesce(e.point, s.point) AS point,
    s.mode, {_HAS_CASE}, coalesce(e.user_prop, s.user_prop) AS user_prop,
    e.pf AS channel, e.level, {_INDICATORS}, e.assurance = 'real_name' AS real_name,
    coalesce(r.excludes, false) AS excluded,
    s.is_probe OR coalesce(e.is_probe, false) AS is_probe
"""
_LAST_RULING = """
    LEFT JOIN LATERAL (
        SELECT excludes FROM evaluation_ruling WHERE event_id = s.id ORDER BY n DESC LIMIT 1
    ) r ON e.id IS NOT NULL
"""
_SERVICES = f"""
SELECT s.service_day, s.closes_at, e.rated_day, CASE WHEN e.id IS NULL THEN l.lapse_day ELSE e.rated_day END AS counted_day,
    {_AS_RATED}, l.level AS lapse_level, NULL AS score, NULL AS best, 1 AS n
FROM evaluation_serviceevent s
LEFT JOIN evaluation_evaluation e ON e.id = s.id
LEFT JOIN evaluation_lapse l ON l.id = s.id
{_LAST_RULING}
WHERE s.service_day >= %s AND s.service_day < %s
"""  # noqa: S608  names of ours


def _minutes_to(moment: str) -> str:
    return f"(extract(epoch FROM {moment} - o.dispatched_at) / 60)::int"


# The order says who must answer (the arbiter may have changed it); the rating says where and how it was given.
_ORDERS = f"""
SELECT o.dispatch_day, o.answer_due, o.answered_at,
    o.area_path, o.organ_code, o.organ_path, e.hall_code AS hall, o.window_code AS "window", e.clerk_no AS clerk,
    o.task_code AS item, e.aspect, e.point, s.mode, {_HAS_CASE}, coalesce(e.user_prop, s.user_prop) AS user_prop,
    e.pf AS channel, o.level, {_INDICATORS}, o.real_name,
    coalesce(r.excludes, false) AS excluded, o.is_probe,
    o.state, o.cause, o.severity, o.answer_kind, o.verdict,
    coalesce(m.was_called, false) AS was_called,
    m.signed_at IS NOT NULL AS was_signed, coalesce(m.was_verified, false) AS was_verified,
    coalesce(m.was_submitted, false) AS was_submitted, coalesce(m.passed_review, false) AS passed_review,
    o.was_late, coalesce(m.was_redone, false) AS was_redone, coalesce(m.was_returned, false) AS was_returned,
    {_minutes_to("m.signed_at")} AS sign_minutes, {_minutes_to("o.answered_at")} AS answer_minutes,
    {_minutes_to("o.closed_at")} AS close_minutes, coalesce(m.satisfied, 0) AS satisfied,
    coalesce(m.verdicts, 0) AS verdicts, coalesce(m.appealed, false) AS appealed,
    m.last_decision IS NOT NULL AND o.state <> 'appealing' AS decided,
    coalesce(m.last_decision = 'uphold', false) AS upheld, 1 AS n
FROM rectification_order o
JOIN evaluation_serviceevent s ON s.id = o.id
JOIN evaluation_evaluation e ON e.id = o.id
{_LAST_RULING}
LEFT JOIN LATERAL (
    SELECT bool_or(verb = 'approve') AS passed_review, bool_or(verb = 'appeal') AS appealed,
        min(at) FILTER (WHERE verb IN ('sign', 'auto_sign')) AS signed_at,
        bool_or(verb IN ('confirm', 'explain', 'dismiss')) AS was_verified,
        bool_or(verb IN ('submit', 'explain')) AS was_submitted,
        bool_or(verb IN ('send_back', 'reopen') OR verb = 'unsatisfied' AND target = 'rectifying') AS was_redone,
        bool_or(verb = 'return') AS was_returned,
        bool_or(verb = 'record' AND target = 'closed') AS was_called,  -- a try that failed and may be repeated is none
        count(*) FILTER (WHERE verb = 'satisfied' OR verb = 'record' AND facts->>'result' IN ('satisfied', 'accepted'))
            AS satisfied,
        count(*) FILTER (WHERE verb IN ('satisfied', 'unsatisfied')
            OR verb = 'record' AND facts->>'result' IN ('satisfied', 'accepted')) AS verdicts,
        (array_agg(verb ORDER BY n DESC) FILTER (WHERE verb IN ('uphold', 'dismiss')))[1] AS last_decision
    FROM rectification_move WHERE order_id = o.id
) m ON true
WHERE o.dispatch_day >= %s AND o.dispatch_day < %s
"""  # noqa: S608  names of ours
_STATEMENTS = {"services": _SERVICES, "orders": _ORDERS}


def rows(part: str, start: date, end: date) -> pa.Table:
    """The rows of `services` (by service day) or `orders` (by dispatch day) from `start` to before `end`.

    Read on this thread's connection, so within its transaction; columns as `columns.TABLES`.
    """
    schema = TABLES[part]
    buffer = BytesIO()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({_STATEMENTS[part]}) TO STDOUT (FORMAT csv, HEADER)", [start, end]) as copy,
    ):
        for block in copy:
            buffer.write(block)
    buffer.seek(0)
    table = pyarrow.csv.read_csv(buffer, convert_options=_as(schema)).select(schema.names)
    return _with_scores(table) if part == "services" else table


def items() -> pa.Table:
    """What the directory says now of every code under which an item is known."""
    recheck()
    known = snapshot()
    bundles: dict[int, list[str]] = {}
    for theme in sorted(known.themes.values(), key=lambda theme: theme.code):
        for item in {found.id for code in theme.items if (found := known.items.get(code))}:
            bundles.setdefault(item, []).append(theme.code)
    return pa.Table.from_pylist(
        [
            {
                "code": code,
                "theme": item.theme,
                "item_kind": item.kind,
                "is_enterprise": item.is_for_enterprises,
                "bundles": bundles.get(item.id, []),
            }
            for code, item in sorted(known.items.items())
        ],
        ITEMS,
    )


def _as(schema: pa.Schema) -> Any:
    """PostgreSQL's CSV: nothing is NULL, two quotes are the empty string."""
    return pyarrow.csv.ConvertOptions(
        column_types=schema,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
    )


def _with_scores(table: pa.Table) -> pa.Table:
    """Every rating's score by the policy of its place and rating day (design §1.5), null where that has none."""
    rules = book()
    keys = ["area_path", "rated_day", "level"]
    found: dict[tuple[str, date, int], tuple[int | None, int | None]] = {}
    for row in table.select(keys).group_by(keys).aggregate([]).to_pylist():
        if row["level"] is not None:
            try:
                policy = rules.at(row["area_path"], row["rated_day"])
            except Refused:  # a day or place before any pack
                continue
            found[row["area_path"], row["rated_day"], row["level"]] = policy.score_of(row["level"]), policy.best_score
    if not found:
        return table
    scores = pa.table(
        [
            pa.array([area for area, _, _ in found], pa.string()),
            pa.array([day for _, day, _ in found], pa.date32()),
            pa.array([level for _, _, level in found], pa.int8()),
            pa.array([score for score, _ in found.values()], pa.int16()),
            pa.array([best for _, best in found.values()], pa.int16()),
        ],
        names=[*keys, "score", "best"],
    )
    joined = table.drop_columns(["score", "best"]).join(scores, keys=keys, join_type="left outer")
    return joined.select(SERVICES.names)
