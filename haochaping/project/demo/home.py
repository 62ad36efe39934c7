"""Where the demo's own accounts work, and what must lie on their desks at the end, whatever the day. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from haochaping.accounts.rules import area_prefix
from haochaping.kit.clock import day

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from haochaping.kit.workdays import Calendar
    from haochaping.project.demo.plan import Visit
    from haochaping.project.demo.province import Organ, Province, Window

AT_LEAST = 2  # ratings at the clerk's window each day
ONE_IN = 75  # services are at that window
TOLD_AFTER = timedelta(days=7)  # a clerk sees sums of five and more, a week late, of that month to date:
TOLD = 6  # so many are rated in it by then


class Home(NamedTuple):
    """The organ of `rectifier` and the window of `clerk`, in the area (a prefix) of `city`."""

    city: str
    organ: Organ
    window: Window


class Task(NamedTuple):
    """A script that one of the home organ's orders must have, and how many working days ago it was rated at least.

    So old, people have done by the end what the script says, however the day lies; the newest such rating is taken,
    so most are still in time. `signs`: the rater must be one who is called back. `at_window`: at the clerk's window.
    """

    script: str
    age: int = 0
    signs: bool = False
    at_window: bool = False


DESK = (  # ages ascend, so that giving each the newest rating that fits leaves what the later ones need
    Task("stop"),
    Task("stop"),
    Task("sign contact open_to_clerk stop", 2, at_window=True),
    Task("sign open_to_clerk statement contact confirm stop", 2, at_window=True),
    Task("sign appeal:untrue stop", 2),
    Task("return stop", 3),
    Task("sign contact confirm submit approve stop", 3, signs=True),
    Task("sign contact confirm submit stop", 3),
    Task("sign contact confirm:complex request_extension stop", 3),
    Task("auto urge stop", 4),  # late
    Task("sign appeal:mistaken uphold object stop", 4),
    Task("sign appeal:mistaken uphold", 4),
    Task("sign contact confirm submit approve satisfied", 4),
    Task("sign contact explain approve record:accepted", 4, signs=True),
    Task("sign contact confirm submit approve record", 4, signs=True),
)


def home_of(province: Province) -> Home:
    """The first area that has a platform of its own, its labour office or what is like it, and that one's first window."""
    city = app_areas(province)[0]
    organ = department(province, city)
    return Home(city, organ, next(window for window in province.windows if window.organ == organ.code))


def app_areas(province: Province) -> list[str]:
    """Prefixes of the areas that have a platform of their own."""
    profile = province.profile
    found = {
        area_prefix(area)[: {2: 4, 3: 6}[profile.app_level]]
        for area in province.in_area
        if area_prefix(area).startswith(profile.region) and len(area_prefix(area)) >= {2: 4, 3: 6}[profile.app_level]
    }
    return sorted(found)


def department(province: Province, city: str) -> Organ:
    """The department whose people log in as `rectifier` and `clerk`: the labour office of the area, or what is like it."""
    organs = province.in_area[city.ljust(12, "0")]
    with_windows = {window.organ for window in province.windows}
    usual = [organ for organ in organs if organ.code in with_windows and organ.kind in {"labour", "police"}]
    return max(usual or [o for o in organs if o.code in with_windows], key=lambda organ: organ.kind == "labour")


def rated_there(date: date, services: int, until: datetime) -> int:
    """How many people rate at the clerk's window on that day, of so many services in the whole province."""
    least = max(AT_LEAST, services // ONE_IN)
    told = day(until - TOLD_AFTER)
    return max(least, -(-TOLD // told.day)) if told.replace(day=1) <= date <= told else least


def on_the_desk(visits: Iterable[Visit], calendar: Calendar, until: datetime, window: str) -> list[tuple[Visit, Task]]:
    """Which of these rated visits gets which task of DESK: each the newest that is old enough; without one it is left out.

    `window` is the code of the clerk's.
    """
    newest = sorted(visits, key=_rated_at, reverse=True)
    ages = {id(visit): calendar.workdays_between(day(_rated_at(visit)), day(until)) for visit in newest}
    given: list[tuple[Visit, Task]] = []
    for task in DESK:
        able = [
            visit for visit in newest if ages[id(visit)] >= task.age and (not task.at_window or _is_at(visit, window))
        ]
        if found := _first(able, signs=task.signs):
            newest.remove(found)
            given.append((found, task))
    return given


def _first(visits: Sequence[Visit], *, signs: bool) -> Visit | None:
    """The newest; where the rater must sign, the newest of those who do, if there is one."""
    signing = [visit for visit in visits if visit.rating and visit.rating.signs] if signs else []
    return next(iter(signing or visits), None)


def _is_at(visit: Visit, window: str) -> bool:
    return visit.window is not None and visit.window.code == window


def _rated_at(visit: Visit) -> datetime:
    assert visit.rating is not None
    return visit.rating.at
