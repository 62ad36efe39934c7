"""How the made-up work orders go, told as scripts: one word a move, and how long people take. Pure.

A word is a verb of the work order's table, or `auto` (nobody signs, the system does), `follow_up` (a bad 追评), `stop` (nothing
more happens); `:x` chooses among its ways, `late:` lets the limit pass.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from haochaping.kit.clock import CHINA
from haochaping.project.demo.home import on_the_desk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from haochaping.kit.workdays import Calendar
    from haochaping.policy.rules import Policy
    from haochaping.project.demo.plan import Visit

_DONE = "submit approve record"
SCRIPTS = {  # script → how often
    f"sign contact confirm {_DONE}": 34,
    "sign contact confirm submit approve record:accepted": 8,
    f"sign confirm:simple {_DONE}": 8,
    "sign contact confirm submit approve satisfied": 5,
    "sign contact explain approve record:accepted": 8,
    f"auto urge late:confirm {_DONE}": 5,
    "sign contact confirm instruct note late:submit approve record:accepted": 5,
    f"sign contact confirm submit send_back {_DONE}": 4,
    "sign appeal:mistaken uphold": 2,
    "sign appeal:untrue uphold": 2,
    "sign appeal:malicious uphold": 1,
    f"sign contact appeal:untrue dismiss {_DONE}": 3,
    f"sign appeal:untrue uphold object dismiss:2 {_DONE}": 1,
    "sign appeal:mistaken uphold object uphold:2": 1,
    f"return assign sign contact confirm {_DONE}": 3,
    f"sign appeal:not_ours uphold assign:joint sign confirm {_DONE}": 1,
    f"sign contact confirm:complex request_extension grant_extension late:{_DONE}": 3,
    f"sign contact confirm request_extension refuse_extension {_DONE}": 1,
    f"sign contact confirm submit approve unsatisfied:citizen {_DONE}": 2,
    "sign contact confirm submit approve unsatisfied:operator submit approve unsatisfied:citizen": 1,
    f"sign contact confirm submit approve record:accepted reopen {_DONE}": 1,
    f"sign contact confirm submit approve record follow_up {_DONE}": 1,
    "sign confirm submit approve record:unreachable record:unreachable record:unreachable": 2,
    f"sign relay respond confirm {_DONE}": 3,
    f"sign contact join convene conclude confirm:complex {_DONE}": 1,
    "sign contact stop": 1,
    "sign relay stop": 1,
    "sign contact convene stop": 1,
    "sign contact confirm stop": 1,
}
# One for each open state, so that every one can be seen at the end, whatever the day.
WAITING = (
    "return stop",
    "sign contact stop",
    "sign appeal:untrue stop",
    "sign contact confirm stop",
    "sign contact confirm submit stop",
    "sign contact confirm submit approve stop",  # goes to somebody who must be called back
    "sign appeal:mistaken uphold",
    "sign contact convene stop",
)
UNRETURNED = (
    "sign appeal:not_ours uphold stop"  # where orders may not be returned, this is how one comes to the arbiter
)
HOURS = {  # how long each step takes its people, at least and at most
    "sign": (0.3, 5), "return": (0.3, 4), "assign": (0.5, 5), "contact": (0.3, 2), "confirm": (0.5, 6), "explain": (1, 7),
    "appeal": (0.5, 5), "uphold": (3, 24), "dismiss": (3, 24), "object": (3, 24), "submit": (2, 22), "approve": (0.5, 8),
    "send_back": (0.5, 6), "record": (1, 20), "satisfied": (2, 20), "unsatisfied": (2, 20), "reopen": (20, 40),
    "follow_up": (20, 50), "request_extension": (0.5, 4), "grant_extension": (0.5, 5), "refuse_extension": (0.5, 5),
    "open_to_clerk": (0.2, 2), "statement": (0.5, 4), "relay": (0.3, 3), "respond": (1, 10), "join": (0.5, 4), "convene": (0.5, 4), "conclude": (4, 24),
    "urge": (0.2, 2), "instruct": (0.5, 5), "note": (0.2, 2),
}  # fmt: skip
LATE = (70, 150)  # hours
QUICK = 0.25  # of these hours, for the orders that must have reached their state by the end
SETTLED = 2  # working days after which an order has reached its waiting state for sure
CITIZENS = {"object", "satisfied", "respond", "unsatisfied:citizen", "follow_up"}  # these keep no office hours


class Word(NamedTuple):
    """One word of a script, read."""

    verb: str
    way: str = ""
    is_late: bool = False


class Script(NamedTuple):
    """What will happen to one order, and how fast its people are."""

    words: tuple[Word, ...]
    seed: str
    pace: float = 1.0

    def random(self, place: int) -> Random:
        return Random(f"{self.seed} {place}")  # noqa: S311  made up, not secret

    def next_at(self, place: int, since: datetime, calendar: Calendar) -> datetime:
        """When the word at `place` is spoken, the one before it having been at `since`."""
        word = self.words[place]
        least, most = LATE if word.is_late else HOURS.get(word.verb, (1, 8))
        hours = self.random(place).uniform(least, most) * self.pace
        moment = since.astimezone(CHINA) + timedelta(hours=hours)
        return moment if f"{word.verb}:{word.way}".rstrip(":") in CITIZENS else at_work(moment, calendar)


def read(text: str) -> tuple[Word, ...]:
    words = []
    for part in text.split():
        bare = part.removeprefix("late:")
        verb, _, way = bare.partition(":")
        words.append(Word(verb, way, bare != part))
    return tuple(words)


def at_work(moment: datetime, calendar: Calendar) -> datetime:
    """That moment, or when the office opens next: nine to half past five on working days."""
    local = moment.astimezone(CHINA)
    opens, closes = local.replace(hour=9, minute=0, second=0), local.replace(hour=17, minute=30, second=0)
    into = timedelta(minutes=local.minute, seconds=local.second)
    if calendar.is_workday(local.date()) and local <= closes:
        return local if local >= opens else opens + into / 2
    day = local + timedelta(days=1)
    while not calendar.is_workday(day.date()):
        day += timedelta(days=1)
    return day.replace(hour=9, minute=0, second=0) + into


def assign(
    bad: Sequence[Visit], policy: Policy, calendar: Calendar, until: datetime, seed: int, *, home: str, window: str
) -> Mapping[tuple[str, int], Script]:
    """A script for each bad rating, by case: the organ `home` (its code) and the clerk's `window` get their desk, the newest are left alone, those a few
    days old wait in each state, the rest go their ways.
    """
    random = Random(f"scripts {seed}")  # noqa: S311
    usual = [text for text in SCRIPTS if policy.returns.allowed or not text.startswith("return")]
    weights = [SCRIPTS[text] for text in usual]
    newest = sorted(bad, key=_rated_at, reverse=True)
    scripts: dict[tuple[str, int], Script] = {}

    def give(visit: Visit, text: str, pace: float = 1.0) -> None:
        if text.startswith("return") and not policy.returns.allowed:
            text = UNRETURNED
        scripts[visit.project_no, visit.number] = Script(read(text), f"{seed} {visit.project_no}", pace)

    for visit, task in on_the_desk((v for v in newest if v.organ.code == home), calendar, until, window):
        give(visit, task.script, QUICK)
    newest = [visit for visit in newest if (visit.project_no, visit.number) not in scripts]
    for visit in newest[:2]:
        give(visit, "stop")
    today = until.astimezone(CHINA).date()
    old = [v for v in newest[2:] if calendar.workdays_between(_rated_at(v).astimezone(CHINA).date(), today) > SETTLED]
    for text in WAITING:
        fitting = [v for v in old if not text.endswith("approve stop") or (v.rating and v.rating.signs)]
        if fitting:
            old.remove(fitting[0])
            give(fitting[0], text, QUICK)
    for visit in newest:
        if (visit.project_no, visit.number) not in scripts:
            give(visit, random.choices(usual, weights)[0])
    return scripts


def _rated_at(visit: Visit) -> datetime:
    assert visit.rating is not None
    return visit.rating.at
