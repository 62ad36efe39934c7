"""典型问题 and 优秀案例 of the made-up province, in every state, by the commands that people use."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from haochaping.analytics.problems import cases, commands, effects, finding, queries
from haochaping.analytics.problems.drafts import Draft
from haochaping.analytics.problems.models import Problem
from haochaping.analytics.problems.rules import OBSERVED_LEAST, State, Verdict
from haochaping.analytics.queries import figures
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.project.demo import sentences

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.project.demo.home import Home
    from haochaping.project.demo.people import Cast

TRIED = range(OBSERVED_LEAST, 31)  # days ago on which the measure that helped may have begun
GROUP = 4  # items of a problem


def make(home: Home, cast: Cast, now: datetime) -> None:
    """Write them if there are none yet."""
    if Problem.objects.exists():
        return
    city, supervisor, today = cast.actors["city"], cast.actors["supervisor"], clock.day(now)
    finding.propose_problems(now=now)
    _sort_out(city, now)
    busy = _busy(home.city, today, now)
    if len(busy) < GROUP * 2:
        return
    days, fallen = _fallen(busy, today, now)
    found = {item for problem in Problem.objects.exclude(rule="") for item in problem.items}
    rest = [item for item in busy if item not in fallen and item not in found]
    if len(rest) < GROUP:
        return
    solved = _begin(city, 0, fallen, now, ago=days + 12)
    _measure(cast, solved, sentences.MEASURES[0], today - timedelta(days=days), now)
    judged = effects.effect(effects.around(Problem.objects.get(pk=solved.pk)), now=now)
    if judged.outcome.verdict is Verdict.EFFECTIVE:
        _act(solved, "judge", supervisor, now, verdict="effective", reason=sentences.VERDICTS[0])
    public = dict(zip(("public_title", "public_text", "public_reply"), sentences.PUBLISHED_PROBLEM, strict=True))
    _act(solved, "publish", city, now, **public)
    unsolved = _begin(city, 1, rest[:GROUP], now, ago=50)
    _measure(cast, unsolved, sentences.MEASURES[1], today - timedelta(days=20), now)
    _act(unsolved, "judge", supervisor, now, verdict="none", reason=sentences.VERDICTS[1])
    observed = _begin(city, 2, rest[GROUP : GROUP + 2] or rest[-1:], now, ago=25)
    _measure(cast, observed, sentences.MEASURES[2], today - timedelta(days=8), now)
    _begin(city, 3, rest[GROUP + 2 : GROUP + 4] or rest[:1], now, ago=45, due=30)  # nothing was done: late
    wide = _same_name(busy)
    _begin(supervisor, 4, wide, now, ago=6)
    _cases(cast, home, solved, now)


def _sort_out(city: Actor, now: datetime) -> None:
    """Of what the data found in the home city, one is taken up and one dismissed; the others wait."""
    own = queries.problems_for(city).filter(state=State.PROPOSED).order_by("pk")
    for problem, verb, facts in zip(
        own[1:3],
        ("accept", "dismiss"),
        ({"due": f"{clock.day(now) + timedelta(days=45)}"}, {"reason": sentences.DISMISSED}),
        strict=False,
    ):
        _act(problem, verb, city, now, **facts)


def _busy(area: str, today: date, now: datetime) -> list[str]:
    """The items of the city with the most bad ratings."""
    start = today - timedelta(days=60)
    rows = figures((effects.METRIC,), ("item",), start, today, {"area": area}, now=now).rows
    known = snapshot()
    counted = {row.keys["item"]: row[effects.METRIC].numerator for row in rows if row.keys["item"] in known.items}
    ours = [code for code in counted if known.area_path(known.items[code].area).startswith(area)]
    return sorted(ours, key=lambda code: (-counted[code], code))


def _fallen(busy: list[str], today: date, now: datetime) -> tuple[int, list[str]]:
    """The day, and the busy items, around which the made-up ratings fell most: there a measure shall have helped."""
    best: tuple[int, int, list[str]] = (0, TRIED[-1], busy[:GROUP])
    for ago in TRIED:
        day = today - timedelta(days=ago)
        found = effects.effects([effects.Around((code,), day, day) for code in busy[:40]], now=now)
        falls = sorted(
            (samples[1].bad - samples[0].bad, code)
            for code, each in zip(busy, found, strict=False)
            if (samples := each.samples) and min(side.rated for side in samples) > 0
        )[:GROUP]
        if falls:  # at the smallest scale none of them was rated on both sides
            best = min(best, (sum(fall for fall, _ in falls), ago, [code for _, code in falls]))
    return best[1], best[2]


def _same_name(busy: list[str]) -> list[str]:
    """One of the busy items, wherever in the province it is called the same."""
    items = snapshot().items
    name = items[busy[0]].name
    return sorted({item.task_code for item in items.values() if item.name == name})[:12]


def _begin(actor: Actor, n: int, items: list[str], now: datetime, *, ago: int, due: int = 90) -> Problem:
    at = now - timedelta(days=ago)
    title, description, cause = sentences.PROBLEMS[n]
    draft = Draft(
        title=title,
        description=description,
        items=items,
        due=f"{clock.day(at) + timedelta(days=due)}",
        causes=[cause],
        start=f"{clock.day(now) - timedelta(days=60)}",
        end=f"{clock.day(now)}",
    )
    return commands.register(draft, actor=actor, now=at)


def _measure(cast: Cast, problem: Problem, text: str, day: date, now: datetime) -> None:
    """By whoever rectifies for the organ in the lead, on the day itself."""
    lead = queries.units_of([problem])[problem.pk][0]
    who = cast.handler_of(lead.area_path, lead.organ_path)
    at = now - timedelta(days=(clock.day(now) - day).days)
    commands.act(problem.pk, "measure", {"text": text, "in_force": f"{day}"}, actor=who, now=at)


def _act(problem: Problem, verb: str, actor: Actor, now: datetime, **facts: str) -> None:
    commands.act(problem.pk, verb, facts, actor=actor, now=now)


def _cases(cast: Cast, home: Home, solved: Problem, now: datetime) -> None:
    """One that everybody may read, and one that waits for its review."""
    handler, city = cast.actors["rectifier"], cast.actors["city"]
    names = ("title", "background", "practice", "effect")
    told = [dict(zip(names, texts, strict=True)) for texts in sentences.CASES]
    lead = queries.units_of([solved])[solved.pk][0]
    who = cast.handler_of(lead.area_path, lead.organ_path)
    solved.refresh_from_db()
    about = solved.pk if solved.state == State.SOLVED else None
    first = cases.nominate(lead.organ_code, told[0], problem=about, actor=who, now=now - timedelta(days=3))
    cases.act_case(first.pk, "accept", {"reason": sentences.ACCEPTED_CASE}, actor=city, now=now - timedelta(days=2))
    cases.act_case(first.pk, "publish", {}, actor=city, now=now - timedelta(days=1))
    cases.nominate(home.organ.code, told[1], actor=handler, now=now - timedelta(hours=5))
