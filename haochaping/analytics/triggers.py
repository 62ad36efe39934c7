"""The policy's rules that put a talk, a training or a commendation before those who supervise: looked at once a day.

Catch-up style: the last full month is looked at until the next one ends; what was proposed once is not proposed again.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from haochaping.accounts.rules import area_prefix
from haochaping.analytics.queries import figures
from haochaping.analytics.rules import Share, rank
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.policy.queries import policy_at
from haochaping.rectification.consequences.commands import propose_by_rule
from haochaping.rectification.consequences.queries import verified_faults
from haochaping.rectification.consequences.rules import KIND_NAMES, Kind, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from haochaping.analytics.queries import Row
    from haochaping.policy.pack import Trigger
    from haochaping.policy.rules import Policy

RANKED_FROM = 10  # day of the next month: by then what came late by tablets and batches is in
RIVALS_LEAST = 3  # so many must have been ranked that being last says something
TEXTS = {
    "faults": "按本地规则（{rule}），请核对所列月份的查实情况后决定。",
    "last": "按本地规则（{rule}），请先看样本、事项构成和置信区间，再作决定。",
    "first": "按本地规则（{rule}），请核对后决定是否表扬。",
}


class Hit(NamedTuple):
    """A subject for which a rule came true, and each month's figure."""

    subject: str
    grounds: tuple[tuple[str, str], ...]


def propose_consequences(*, now: datetime) -> int:
    """Propose whatever the packs' rules say of the last full month; how many were new."""
    today = clock.day(now)
    last = today.replace(day=1) - timedelta(days=1)
    made = 0
    for area in sorted({area_prefix(region.code)[:4] for region in snapshot().regions.values() if region.level >= 2}):
        if is_probe_area(area):
            continue
        try:
            policy = policy_at(area, last)
        except Refused:
            continue
        for trigger in policy.consequences.triggers:
            if trigger.rule == "faults" or today.day >= RANKED_FROM:
                made += sum(_propose(trigger, hit, last, now) for hit in _hits(trigger, area, last, now, policy))
    return made


def _propose(trigger: Trigger, hit: Hit, last: date, now: datetime) -> bool:
    kind, subject = Kind(trigger.kind), Subject(trigger.subject)
    words = f"连续{trigger.months}个月" if trigger.months > 1 else "当月"
    what = {"faults": "查实问题较多", "last": "主动好评率本市末位", "first": "主动好评率本市首位"}[trigger.rule]
    key = f"{trigger.kind}:{trigger.subject}:{trigger.rule}:{trigger.months}:{hit.subject}:{last:%Y-%m}"
    try:
        return propose_by_rule(
            kind,
            subject,
            hit.subject,
            rule=key,
            title=f"{words}{what}，拟{KIND_NAMES[kind]}",
            text=TEXTS[trigger.rule].format(rule=f"{words}{what}，每月不少于{trigger.at_least}"),
            grounds=hit.grounds,
            now=now,
        )
    except Refused:  # master data know the subject no more: nobody to talk to
        return False


def months_before(last: date, n: int) -> list[tuple[date, date]]:
    """The `n` full months up to that of `last`, oldest first, as first and last days."""
    found: list[tuple[date, date]] = []
    for _ in range(n):
        found.insert(0, (last.replace(day=1), last))
        last = last.replace(day=1) - timedelta(days=1)
    return found


def _hits(trigger: Trigger, area: str, last: date, now: datetime, policy: Policy) -> Iterator[Hit]:
    months = months_before(last, trigger.months)
    held: list[dict[str, str]] = []  # subject → words, month by month
    for start, end in months:
        found = (
            _faults(trigger, area, start, end)
            if trigger.rule == "faults"
            else _at_the_end(trigger, area, start, end, now)
        )
        held.append(found)
    for subject in sorted(set.intersection(*(set(found) for found in held))):
        if _nearest(subject, trigger.subject, area, last) == policy:
            yield Hit(
                subject,
                tuple((f"{start:%Y-%m}", found[subject]) for (start, _), found in zip(months, held, strict=True)),
            )


def _nearest(subject: str, kind: str, area: str, day: date) -> Policy:
    """The pack of the subject's own place: a county with rules of its own is not judged by the city's."""
    known = snapshot()
    hall = known.hall_of(known.clerks[subject].window if kind == "clerk" and subject in known.clerks else subject)
    organ = known.organs.get(subject)
    place = area_prefix(hall.area) if hall else area_prefix(organ.area) if organ else area
    return policy_at(place, day)


def _faults(trigger: Trigger, area: str, start: date, end: date) -> dict[str, str]:
    counted = verified_faults(Subject(trigger.subject), area, start, end)
    return {code: f"查实问题 {n} 件（派发于当月）" for code, n in counted.items() if n >= trigger.at_least}


def _at_the_end(trigger: Trigger, area: str, start: date, end: date, now: datetime) -> dict[str, str]:
    """Who is alone at the good or bad end of the city that month; nobody where the sample or the field is too small."""
    rows = figures(("good_rate",), (trigger.subject,), start, end, {"area": area}, now=now).rows
    ranked = [one for one in rank(_shares(rows, trigger.subject), minimum=trigger.at_least) if one.rank is not None]
    if len(ranked) < RIVALS_LEAST:
        return {}
    one, other = (ranked[0], ranked[1]) if trigger.rule == "first" else (ranked[-1], ranked[-2])
    if one.rank == other.rank:
        return {}
    share = one.share
    words = f"主动好评率 {share.numerator:,} ÷ {share.denominator:,}，排名 {one.rank}/{len(ranked)}"
    return {share.key: words}


def _shares(rows: Sequence[Row], dimension: str) -> list[Share]:
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        if key := row.keys[dimension]:
            sums[key][0] += row["good_rate"].numerator
            sums[key][1] += row["good_rate"].denominator or 0
    return [Share(key, good, of) for key, (good, of) in sums.items() if of]
