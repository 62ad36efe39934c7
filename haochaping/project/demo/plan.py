"""What happens in the made-up province, decided beforehand: every service, every rating, by whom and when. Pure, by a seed."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from haochaping.kit.clock import CHINA, day
from haochaping.project.demo import names, sentences
from haochaping.project.demo.home import home_of, on_the_desk, rated_there
from haochaping.project.demo.province import credit_code, person_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from haochaping.kit.workdays import Calendar
    from haochaping.project.demo.province import Clerk, Item, Organ, Province, Window


class Scale(NamedTuple):
    """How much happens. `least_bad` keeps small ones interesting: with 1 % of 300 ratings no state would be seen."""

    services: int
    days: int
    least_bad: int
    most_pages: int


SCALES = {
    "tiny": Scale(300, 12, 34, 8),
    "small": Scale(2_000, 60, 50, 40),
    "medium": Scale(20_000, 60, 120, 150),
    "large": Scale(200_000, 60, 1_200, 400),
}
RATED = 0.62  # of the services whose window is over
BAD = 0.01  # of the ratings
EASED = 4  # items that a measure helped
TURNED = timedelta(days=26)  # how long ago that was, and since when another item gets worse
TROUBLED, RISING = 25.0, 100.0  # how much more often something goes wrong there
SAID_OF_RISING = "efficiency"
ON_SITE_HOURS = {9: 15, 10: 18, 11: 13, 12: 3, 13: 8, 14: 15, 15: 14, 16: 11, 17: 3}
ONLINE_HOURS = {8: 5, 9: 10, 10: 11, 11: 9, 12: 6, 13: 7, 14: 9, 15: 9, 16: 8, 17: 6, 18: 5, 19: 8, 20: 5}
WEEKDAYS = (115, 108, 102, 100, 90, 100, 100)
SENT_AT = (time(12, 10), time(18, 10))  # when business systems send what has gathered
AT_ONCE = timedelta(seconds=15)  # some systems send each service by itself
HALL_WEIGHT = {"centre": 40, "town": 12, "village": 4}


class Citizen(NamedTuple):
    """Somebody made up: no region has the code 9900, nobody has a number of 138 0000 0xxx."""

    name: str
    number: str
    mobile: str
    prop: int  # userProp: 1 a natural person, 2 an enterprise


@dataclass(frozen=True)
class Rating:
    """What the rater will say of one service, and the way it takes: batch, single, early (before the service is known) or page."""

    level: int
    pf: int
    at: datetime
    route: str
    codes: tuple[str, ...] = ()
    words: str = ""
    cause: str = ""
    signs: bool = False  # gives a name and a number
    consent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Visit:
    """One service event as it will be, and its rating if somebody rates it."""

    project_no: str
    number: int
    at: datetime
    known_at: datetime  # when the business system sends it
    item: Item
    organ: Organ
    area: str
    window: Window | None
    clerk: Clerk | None
    point: str
    is_online: bool
    citizen: Citizen
    accepted_at: datetime
    finished_at: datetime | None
    rating: Rating | None = None


@dataclass
class _Sites:
    """Where one may go, with weights."""

    windows: list[Window]
    weights: list[float]
    moods: dict[str, float] = field(default_factory=dict)  # how often people rate there, by city or county
    trouble: dict[str, float] = field(default_factory=dict)  # how much goes wrong, by organ


class Planner:
    """Draws the whole life of the province from one seed."""

    def __init__(
        self, province: Province, calendar: Calendar, codes: Mapping[int, Sequence[str]], until: datetime, seed: int
    ) -> None:
        self.province = province
        self.calendar = calendar
        self.codes = codes  # indicators in force, by level
        self.until = until
        self.random = Random(f"days {province.profile.key} {seed}")  # noqa: S311  made up, not secret
        self.people = [self._citizen(n) for n in range(1000)]
        self.sites = self._sites()
        self.home = home_of(province)
        self.sure: set[str] = (
            set()
        )  # project numbers of those who rate at the clerk's window, so that its desk has work

    def visits(self, scale: Scale) -> list[Visit]:
        """Every service of the last days up to `until`, by time, with who rates it how."""
        visits: list[Visit] = []
        for start, n in self._days(scale):
            visits += self._day(start, n)
        visits.sort(key=lambda visit: (visit.at, visit.project_no, visit.number))
        rated = [(place, rating) for place, visit in enumerate(visits) if (rating := self._rating(visit))]
        for place, rating in rated:
            visits[place] = replace(visits[place], rating=rating)
        self._make_bad(visits, [place for place, _ in rated], scale)
        self._choose_pages(visits, scale.most_pages)
        return visits

    def _citizen(self, n: int) -> Citizen:
        birth = f"{self.random.randint(1950, 2005)}{self.random.randint(1, 12):02}{self.random.randint(1, 28):02}"
        region, mobile = self.province.profile.region[:2] + "9900", f"13800000{n:03}"
        if n % 6 == 5:
            name = names.ENTERPRISES[n % 10] + self.random.choice(names.ENTERPRISE_FORMS) + "（演示）"
            return Citizen(name, credit_code(region, n, "91"), mobile, 2)
        seventeen = f"{region}{birth}{n:03}"
        total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(seventeen))  # GB 11643
        return Citizen(person_name(self.random), seventeen + "10X98765432"[total % 11], mobile, 1)

    def _sites(self) -> _Sites:
        windows = [w for w in self.province.windows if self.province.items_at(w)]
        sites = _Sites(windows, [])
        for window in windows:
            place = window.area[: 4 if self.province.profile.app_level == 2 else 9]
            if place not in sites.moods:
                sites.moods[place] = self.random.uniform(0.82, 1.16)
            share = HALL_WEIGHT[self.province.halls[window.hall].kind]
            sites.weights.append(share * self.random.lognormvariate(0, 0.5))
        for organ in self.province.organs:
            sites.trouble[organ] = self.random.lognormvariate(0, 0.8)
        return sites

    def _days(self, scale: Scale) -> list[tuple[datetime, int]]:
        """Each day's beginning in China, and how much happens on it: working days, weekdays, and how far today has got."""
        starts = [datetime.combine(date, time(), CHINA) for date in days_of(scale, self.calendar, self.until)]
        weights = [
            WEEKDAYS[start.weekday()] * (1.0 if self.calendar.is_workday(start.date()) else 0.16) for start in starts
        ]
        now = self.until.astimezone(CHINA)
        gone = sum(w for hour, w in ON_SITE_HOURS.items() if hour < now.hour) / sum(ON_SITE_HOURS.values())
        weights[-1] *= gone
        sums = list(accumulate(weights))
        marks = [round(scale.services * s / sums[-1]) for s in sums]
        return [(start, mark - before) for start, mark, before in zip(starts, marks, [0, *marks], strict=False)]

    def _day(self, start: datetime, n: int) -> list[Visit]:
        works = self.calendar.is_workday(start.date())
        sure = rated_there(start.date(), n, self.until) if n else 0
        windows = self.random.choices(self.sites.windows, self.sites.weights, k=max(n - sure, 0))
        found: list[Visit] = []
        for seq, window in enumerate([self.home.window] * sure + windows):
            is_online = seq >= sure and self.random.random() < (0.35 if works else 0.75)
            visit = self._visit(start, seq, window, is_online=is_online)
            if seq < sure:
                self.sure.add(visit.project_no)
            if visit.at < self.until:
                found.append(visit)
        return found

    def _visit(self, start: datetime, seq: int, window: Window, *, is_online: bool) -> Visit:
        items = self.province.items_at(window)
        item = self.random.choices(items, [3.0 if item.promise == 0 else 1.0 for item in items])[0]
        hours = ONLINE_HOURS if is_online else ON_SITE_HOURS
        hour = self.random.choices(list(hours), list(hours.values()))[0]
        at = start + timedelta(hours=hour, minutes=self.random.randint(0, 59), seconds=self.random.randint(0, 59))
        people = self.people
        citizen = self.random.choice(people)
        if item.who == "e":
            citizen = people[self.random.randrange(len(people) // 6) * 6 + 5]
        elif item.who == "c" and citizen.prop == 2:
            citizen = people[self.random.randrange(len(people) // 6) * 6]
        kind = "" if is_online else window.kind
        is_done = item.promise == 0 or kind == "issue" or (is_online and self.random.random() < 0.5)
        waited = timedelta(days=self.random.randint(0, max(item.promise, 1)), hours=1) if item.promise else timedelta()
        organ = self.province.organs[item.organ]
        return Visit(
            project_no=f"{window.area[:6]}{start:%y%m%d}{seq:05}",
            number=2 if kind == "issue" else 1,
            at=at,
            known_at=min(next_sending(at), self.until),
            item=item,
            organ=organ,
            area=window.area,
            window=None if is_online else window,
            clerk=None if is_online else self.random.choice(self.province.clerks[window.code]),
            point={"acceptance": "acceptance", "issue": "issue"}.get(kind, "")
            if self.province.profile.key == "shenzhen"
            else "",
            is_online=is_online,
            citizen=citizen,
            accepted_at=at - (waited if is_done else timedelta()) - timedelta(minutes=self.random.randint(3, 40)),
            finished_at=at - timedelta(minutes=1) if is_done else None,
        )

    def _rating(self, visit: Visit) -> Rating | None:
        place = visit.area[: 4 if self.province.profile.app_level == 2 else 9]
        is_sure = visit.project_no in self.sure
        if not is_sure and self.random.random() >= RATED * self.sites.moods.get(place, 1.0):
            return None
        at, pf, route = self._moment(visit, at_once=is_sure)
        if at >= self.until:
            return None
        level = self.random.choices((5, 4, 3), (925, 55, 20))[0]
        chosen = self.codes[level]
        codes = tuple(self.random.sample(chosen, self.random.choice((0, 1, 1, 2))))
        signs = self.random.random() < 0.4
        words = ""
        if self.random.random() < 0.12:
            words = self.random.choice({5: sentences.PRAISE, 4: sentences.GOOD, 3: sentences.FAIR}[level])
        consent = []
        if signs and self.random.random() < 0.3:
            consent.append("contact_department")
        if words and self.random.random() < 0.3:
            consent.append("publish_text")
        return Rating(level, pf, at, route, codes, words, "", signs, tuple(consent))

    def _moment(self, visit: Visit, *, at_once: bool) -> tuple[datetime, int, str]:
        """When it is rated, by which channel, and how that reaches us."""
        chance = 0.0 if at_once else self.random.random()
        soon = visit.at + timedelta(seconds=self.random.randint(20, 700))
        if visit.window is not None and chance < 0.68:
            if not at_once and self.random.random() < 0.01:
                return soon, 3, "early"
            pf = self.random.choices((4, 5, 3), (70, 8, 22))[0]
            return soon, pf, "batch"
        if visit.window is not None and self.province.halls[visit.window.hall].kind == "village" and chance < 0.8:
            return soon, 8, "batch"
        later = visit.known_at + timedelta(hours=self.random.expovariate(1 / 14), minutes=self.random.randint(3, 50))
        later = _awake(min(later, visit.known_at + timedelta(days=3)))
        pf = (
            self.random.choices((1, 2), (35, 65))[0]
            if visit.is_online
            else self.random.choices((7, 2, 6), (50, 40, 10))[0]
        )
        return later, pf, "single" if self.random.random() < 0.2 else "batch"

    def _make_bad(self, visits: list[Visit], rated: list[int], scale: Scale) -> None:
        """Exactly so many ratings are bad, more where more goes wrong; some of them have come in only just now.

        Among them those that the desks of the demo's own accounts need.
        """
        n = max(round(len(rated) * BAD), scale.least_bad)
        eased, rising = self._told_items(visits, rated)
        weights = [
            self.sites.trouble[visits[place].item.organ] * self._story(visits[place], eased, rising) for place in rated
        ]
        sums = list(accumulate(weights))
        chosen: set[int] = set()
        by_time = sorted(rated, key=lambda place: visits[place].rating.at)  # type: ignore[union-attr]  # they are rated
        chosen.update(by_time[-3:])
        chosen.update(by_time[-max(len(by_time) // 20, 12) :: 4][:8])
        chosen.update(self._desk(visits, rated))
        while len(chosen) < min(n, len(rated)):
            chosen.add(rated[min(bisect_left(sums, self.random.random() * sums[-1]), len(rated) - 1)])
        for place in sorted(chosen):
            old = visits[place].rating
            assert old is not None
            visit = visits[place]
            bad = self._bad(old, SAID_OF_RISING if visit.item.task_code in rising else "")
            told = visit.known_at if bad.route == "early" else min(visit.known_at, visit.at + AT_ONCE)
            visits[place] = replace(visit, rating=bad, known_at=told)

    def _desk(self, visits: list[Visit], rated: list[int]) -> list[int]:
        """What must go wrong at the home organ; whom somebody must call back gives a name."""
        places = {visits[p].project_no: p for p in rated if visits[p].project_no in self.sure}
        there = (visits[place] for place in places.values())
        found = on_the_desk(there, self.calendar, self.until, self.home.window.code)
        for visit, task in found:
            if task.signs and visit.rating:
                visits[places[visit.project_no]] = replace(visit, rating=replace(visit.rating, signs=True))
        return [places[visit.project_no] for visit, _ in found]

    def _told_items(self, visits: list[Visit], rated: list[int]) -> tuple[set[str], set[str]]:
        """Of the items of the home city that are rated most: those that a measure helped, and one that got worse of late."""
        counted = Counter(
            visits[place].item.task_code for place in rated if visits[place].area.startswith(self.home.city)
        )
        most = [code for code, _ in counted.most_common(EASED + 1)]
        return set(most[1:]), set(most[:1])

    def _story(self, visit: Visit, eased: set[str], rising: set[str]) -> float:
        """How much more goes wrong with this visit than elsewhere: what typical problems are about (`problems.py`)."""
        is_recent = self.until - visit.at < TURNED
        if visit.item.task_code in eased:
            return 0.0 if is_recent else TROUBLED
        return RISING if visit.item.task_code in rising and is_recent else 1.0

    def _bad(self, old: Rating, said: str = "") -> Rating:
        level = self.random.choices((2, 1), (65, 35))[0]
        cause = self.random.choices(list(sentences.BAD), (16, 18, 15, 12, 13, 12, 6, 6, 2))[0]
        cause = said or cause
        texts, codes = sentences.BAD[cause]
        code = next(code for code in codes if code.startswith(str(level)))
        words = self.random.choice(texts) if self.random.random() < 0.8 else ""
        is_silent = old.pf in {4, 5} and not words and self.random.random() < 0.5  # 未填原因, from a device
        consent = ("contact_department",) if old.signs and self.random.random() < 0.5 else ()
        if words and self.random.random() < 0.4:
            consent = (*consent, "publish_text")
        route = old.route if old.route in {"early", "page"} else "single"
        return replace(
            old, level=level, cause=cause, codes=() if is_silent else (code,), words=words, consent=consent, route=route
        )

    def _choose_pages(self, visits: list[Visit], most: int) -> None:
        """Some of those who rate later do it on the citizen's page: all levels, so that each is seen to get through."""
        able = [
            place
            for place, visit in enumerate(visits)
            if (rating := visit.rating)
            and rating.route != "early"
            and (
                rating.level > 2 or rating.codes
            )  # the page asks why; what a tablet sends without a reason stays there
            and rating.at > visit.known_at + timedelta(minutes=2)
        ]
        bad = [place for place in able if (rating := visits[place].rating) and rating.level < 3]
        chosen = set(self.random.sample(able, min(most, len(able)))) | set(bad[:: max(len(bad) * 4 // most, 2)])
        for place in sorted(chosen):
            rating = visits[place].rating
            assert rating is not None
            pf = 7 if rating.pf not in {2, 3, 7} else rating.pf
            visits[place] = replace(visits[place], rating=replace(rating, route="page", pf=pf))


def _awake(moment: datetime) -> datetime:
    """People rate between seven in the morning and eleven at night."""
    local = moment.astimezone(CHINA)
    if 7 <= local.hour < 23:
        return local
    wake = local.replace(hour=7, minute=local.minute, second=local.second)
    return wake if local.hour < 7 else wake + timedelta(days=1)


def days_of(scale: Scale, calendar: Calendar, until: datetime) -> list[date]:
    """The days that are lived through, oldest first: more than the scale says where holidays would leave too few to work in."""
    today, n = day(until), scale.days
    while calendar.workdays_between(today - timedelta(days=n), today) <= max(scale.days // 2, 7):
        n += 1
    return [today - timedelta(days=back) for back in range(n - 1, -1, -1)]


def next_sending(ready: datetime) -> datetime:
    """When business systems send next what is ready now."""
    for days in (0, 1):
        for slot in SENT_AT:
            sent = datetime.combine(day(ready) + timedelta(days=days), slot, CHINA)
            if sent >= ready:
                return sent
    raise AssertionError("there is a sending tomorrow")
