"""Every write to rules, indicators and the calendar."""

from __future__ import annotations

import csv
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from django.db import connection, transaction

from haochaping.kit import clock, config
from haochaping.kit.crypto import sm3
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy import queries
from haochaping.policy.models import CalendarChange, CalendarDay, CalendarYear, Indicator, PolicyRule
from haochaping.policy.rules import NATIONAL_SET, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PACKS = config.ROOT / "policies"
INDICATORS = Path(__file__).parent / "data" / "indicators.csv"
# The day a code came into use is not known; the national set is taken to hold as long as there is 好差评 (2019).
INDICATORS_FROM = date(2019, 1, 1)
LAST_WEEK = 25  # of December, see kit.workdays.Calendar.is_settled


class Day(NamedTuple):
    """A day that differs from the plain rule."""

    day: date
    is_workday: bool
    name: str = ""


def read_pack(source: str | Path | Mapping[str, Any]) -> Mapping[str, Any]:
    """A pack's table from a mapping, a TOML file, or the name of a shipped pack (`jiangsu`); Refused if there is none."""
    if not isinstance(source, str | Path):
        return source
    path = PACKS / f"{source}.toml" if isinstance(source, str) and (PACKS / f"{source}.toml").exists() else Path(source)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        shipped = "、".join(sorted(pack.stem for pack in PACKS.glob("*.toml")))
        raise Refused(
            "no_pack", 404, f"读不到规则包 {source}：请给出 TOML 文件，或自带规则包之一（{shipped}）"
        ) from None
    except ValueError as error:  # not TOML, or not UTF-8
        message = f"不是有效的 TOML（UTF-8）：{error}"
        raise Refused(
            "policy_refused", 422, f"规则包 {path.name} {message}", (FieldError("", "toml", message),)
        ) from None


@transaction.atomic
def load_pack(source: str | Path | Mapping[str, Any], actor_name: str, now: datetime) -> PolicyRule:
    """The row of this pack, new or, for the same content again, the one that is there.

    Closes the older row of the region on the day the pack takes over and edits nothing else. Refused
    `policy_refused` (422) naming every wrong key; `policy_day_taken` (409) if another pack of the region starts that
    day; `policy_backdated` (409) if it would change rules of days past.
    """
    table = read_pack(source)
    policy = parse(table)
    body = msgspec.to_builtins(dict(table))
    digest = sm3(msgspec.json.encode(body, order="sorted"))
    rows = list(PolicyRule.objects.select_for_update().filter(region=policy.region).order_by("valid_from"))
    for row in rows:
        if row.valid_from == policy.valid_from:
            if bytes(row.digest) == digest:
                return row
            raise Refused(
                "policy_day_taken",
                409,
                f"该地区自 {row.valid_from} 起已有规则，旧规则不能修改：请另写更晚的 valid_from",
            )
    earlier = [row for row in rows if row.valid_from < policy.valid_from]
    later = [row for row in rows if row.valid_from > policy.valid_from]
    if earlier and (earlier[-1].valid_to is None or earlier[-1].valid_to > policy.valid_from):
        if policy.valid_from < clock.day(now):
            raise Refused(
                "policy_backdated",
                409,
                f"{policy.valid_from} 已过，当日的办件仍按旧规则：请把 valid_from 改为今天或以后",
            )
        earlier[-1].valid_to = policy.valid_from
        earlier[-1].save(update_fields=["valid_to"])
    row = PolicyRule.objects.create(
        region=policy.region,
        pack=policy.pack,
        valid_from=policy.valid_from,
        valid_to=later[0].valid_from if later else None,
        body=body,
        digest=digest,
        loaded_at=now,
        loaded_by=actor_name,
    )
    forget()
    return row


@transaction.atomic
def unload_pack(region: str, valid_from: date, now: datetime) -> None:
    """Take a pack out again whose day has not come; the one before it holds on. Refused 409 once the day has come."""
    rows = list(PolicyRule.objects.select_for_update().filter(region=region).order_by("valid_from"))
    row = next((row for row in rows if row.valid_from == valid_from), None)
    if row is None or valid_from <= clock.day(now):
        raise Refused("too_late", 409, f"没有自 {valid_from} 起、尚未生效的规则可以撤销。")
    row.delete()
    PolicyRule.objects.filter(region=region, valid_to=valid_from).update(valid_to=row.valid_to)
    forget()


@transaction.atomic
def load_indicators(
    file: Path = INDICATORS, *, region: str = "", set_name: str = NATIONAL_SET, valid_from: date = INDICATORS_FROM
) -> int:
    """Indicators of `region` from a CSV (code,name,level,core,active,dimension), repeatable; the number read.

    A later set closes the region's older one and keeps its texts. Refused `indicator_taken` (422) for a local code that
    the nation uses: local codes are never sent upward, so they must not be mistaken for one.
    """
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [
            Indicator(
                code=row["code"],
                name=row["name"],
                level=int(row["level"]),
                is_core=row["core"] == "1",
                is_active=row["active"] == "1",
                region=region,
                valid_from=valid_from,
                set_name=set_name,
                dimension=row.get("dimension") or "business",
            )
            for row in csv.DictReader(lines)
        ]
    if region:
        national = set(Indicator.objects.filter(region="").values_list("code", flat=True))
        if taken := [row.code for row in rows if row.code in national]:
            fields = tuple(FieldError(code, "indicator_taken", "国家指标已用此编码，请换一个") for code in taken)
            raise Refused("indicator_taken", 422, f"地方指标编码与国家指标重复：{'、'.join(taken)}", fields)
    Indicator.objects.filter(region=region, valid_to=None, valid_from__lt=valid_from).update(valid_to=valid_from)
    Indicator.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["region", "code", "valid_from"],
        update_fields=["name", "level", "is_core", "is_active", "set_name", "dimension"],
    )
    forget()
    return len(rows)


@transaction.atomic
def load_calendar_year(year: int, days: Iterable[Day], source: str, now: datetime) -> int:
    """The schedule of a year as announced (国办 holiday notice): its days off and made-up days; the number of days.

    From then on the year is known and its deadlines are no longer provisional. An amended notice replaces the first.
    """
    found = [Day(*day) for day in days]
    turn = date(year - 1, 12, LAST_WEEK)  # a notice may move the days around 元旦 of the year before
    if wrong := [day.day for day in found if not turn <= day.day <= date(year, 12, 31)]:
        message = f"{wrong[0]} 不属于 {year} 年的安排：请核对日历文件"
        raise Refused("day_of_other_year", 422, message, (FieldError("day", "day_of_other_year", message),))
    # The last week stays: the next year's notice may have spoken of it.
    CalendarDay.objects.filter(region="", day__gte=date(year, 1, 1), day__lt=date(year, 12, LAST_WEEK)).delete()
    CalendarYear.objects.update_or_create(year=year, defaults={"source": source, "loaded_at": now})
    _note_change("", turn)
    return _add_days("", found, source)


@transaction.atomic
def load_local_days(region: str, days: Iterable[Day], source: str) -> int:
    """Days that differ in one region only (local festival, typhoon); a day given again is replaced; the number of days."""
    found = [Day(*day) for day in days]
    if found:
        _note_change(region, min(day.day for day in found))
    return _add_days(region, found, source)


def _note_change(region: str, first_day: date) -> None:
    """Whoever set a clock by the days as they were will set it anew. One writer at a time, so that no number appears late."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('policy calendar'))")
    CalendarChange.objects.create(region=region, first_day=first_day)


@transaction.atomic
def drop_local_days(region: str, days: Iterable[date]) -> int:
    """Take days of a region's own out again: they are as the nation's; the number of days that were there."""
    asked = list(days)
    gone, _ = CalendarDay.objects.filter(region=region, day__in=asked).exclude(region="").delete()
    if gone:
        _note_change(region, min(asked))
    forget()
    return gone


def _add_days(region: str, days: list[Day], source: str) -> int:
    rows = {
        day: CalendarDay(day=day, is_workday=works, name=name, region=region, source=source)
        for day, works, name in days
    }
    CalendarDay.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["region", "day"],
        update_fields=["is_workday", "name", "source"],
    )
    forget()
    return len(rows)


def forget() -> None:
    """Other processes see the write within 2 s; this one at once, inside the transaction and again after it."""
    queries.forget()
    transaction.on_commit(queries.forget)
