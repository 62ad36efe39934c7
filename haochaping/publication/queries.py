"""What was published, as pages show it: lines of issues with name, figures, rank and interval (design §1.1, §1.3).

Nothing here asks the lake but `running`, where nothing of a month that is not final has been published yet.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from haochaping.analytics import lake
from haochaping.analytics.labels import area as area_name
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.queries import Figure, said
from haochaping.analytics.rules import Share, rank
from haochaping.directory.queries import snapshot
from haochaping.kit import clock, config
from haochaping.kit.errors import Refused
from haochaping.publication.counts import METRICS_OF, SETS, Count, counted
from haochaping.publication.disclosure import FAMILIES, Key, conceal
from haochaping.publication.limits import at, strictest
from haochaping.publication.models import Correction, Issue, Line
from haochaping.publication.rules import Mark, axis_start, last_day, mark, months_before

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("ratings", "good_rate", "unrated_rate", "bad_rate", "on_time_rate", "rectified_rate", "excluded")
HEADLINE = (
    "ratings", "good_rate", "bad_rate", "unrated_rate", "reply_rate", "on_time_rate", "rectified_rate",
    "callback_satisfied_rate",
)  # fmt: skip
ARCHIVE = ("ratings", "good_rate", "bad_rate", "rectified_rate")
BELOW = {"all": "city", "city": "county", "county": "organ", "organ": "item"}
KIND_NAMES = {"city": "设区市", "county": "县（市、区）", "organ": "单位", "item": "事项", "channel": "渠道"}
DIGITS = {"city": 4, "county": 6}
TREND = 12  # months
PROVINCE = 2  # digits of a province's code, without trailing zeros, at most
NOT_TOLD = "不公布"


class Told(Figure):
    """A figure as the public reads it: what is not told may be few, or tell few by subtraction."""

    @property
    def text(self) -> str:
        return NOT_TOLD if self.hidden_below else super().text

    @property
    def percents(self) -> tuple[str, str] | None:
        """The two ends of its interval."""
        return (f"{self.interval[0]:.2%}", f"{self.interval[1]:.2%}") if self.interval else None


@dataclass(frozen=True)
class Entry:
    """A line ready to be shown. `rank` is None below the minimum sample or where the rate is not told."""

    kind: str
    key: str  # code of area, organ, item, or channel's number
    name: str
    url: str  # below /public/; "" where it has no page of its own
    figures: dict[str, Told]
    reasons: tuple[str, ...] = ()
    rank: int | None = None
    is_apart: bool = False
    mark: Mark | None = None
    is_partial: bool = False  # some of its places are not told, and not in its figures

    @property
    def headline(self) -> list[Told]:
        return [self.figures[key] for key in HEADLINE if key in self.figures]

    @property
    def cells(self) -> list[Told]:
        return [self.figures[key] for key in COLUMNS if key in self.figures]

    @property
    def archive(self) -> list[Told]:
        return [self.figures[key] for key in ARCHIVE if key in self.figures]

    @property
    def good_rate(self) -> Told:
        return self.figures["good_rate"]


@dataclass(frozen=True)
class Ranking:
    """Places side by side, best first; then those without a rank, the larger sample first."""

    kind: str
    entries: list[Entry]
    axis: float  # where the chart begins, 0…1
    minimum: int
    k: int

    @property
    def name(self) -> str:
        return KIND_NAMES[self.kind]

    @property
    def has_chart(self) -> bool:
        return any(entry.mark for entry in self.entries)


def issues() -> list[Issue]:
    """The final issues, newest first."""
    return list(Issue.objects.filter(is_final=True).order_by("-month"))


def issue_of(month: date | None) -> Issue | None:
    """The final issue of that month; without a month the newest; None where there is none."""
    found = Issue.objects.filter(is_final=True)
    return (found.filter(month=month) if month else found.order_by("-month")).first()


def running_issue(month: date) -> Issue | None:
    """The cities of a month that is not final, as they were told last."""
    return Issue.objects.filter(is_final=False, month=month).order_by("-id").first()


def corrections(issue: Issue) -> list[tuple[datetime, list[Told]]]:
    """How the whole month stood later, by date."""
    rows = Correction.objects.filter(issue=issue).order_by("id")
    return [(row.at, [_told(issue, "all", "", key, part) for key, part in row.parts.items()]) for row in rows]


def lines(issue: Issue, kind: str, **where: str) -> list[Line]:
    return list(Line.objects.filter(issue=issue, kind=kind, **where).order_by("area", "organ", "item", "channel"))


def entry(issue: Issue, line: Line) -> Entry:
    name, key = _named(line)
    told = {metric: _told(issue, line.kind, name, metric, line.parts.get(metric)) for metric in METRICS_OF[line.kind]}
    return Entry(line.kind, key, name, _url(line, key), told, tuple(line.reasons))


def merged(issue: Issue, found: Sequence[Line], name: str, key: str, url: str = "") -> Entry | None:
    """One organ or item over all its places: those that are told, added up. None without any line."""
    if not found:
        return None
    kind, total = found[0].kind, Count()
    for line in found:
        total += Count({metric: list(part) for metric, part in line.parts.items()})
    told = {metric: _told(issue, kind, name, metric, total.parts.get(metric)) for metric in METRICS_OF[kind]}
    hidden = [set(line.hidden) for line in found]
    is_partial = any(0 < sum(family in families for families in hidden) < len(found) for family in FAMILIES)
    reasons = tuple(dict.fromkeys(reason for line in found for reason in line.reasons))
    return Entry(kind, key, name, url, told, reasons, is_partial=is_partial)


def ranked(issue: Issue, kind: str, found: Sequence[Entry]) -> Ranking:
    """Judged by the cautious end of the good rate's interval; where that overlaps the one before, the page says so."""
    by_key = {one.key: one for one in found}
    shares = [
        Share(one.key, rate.numerator, rate.denominator or 0)
        for one in found
        if not (rate := one.good_rate).hidden_below
    ]
    order = rank(shares, minimum=issue.minimum)
    start = axis_start([r.low for r in order if r.rank])
    entries = []
    for r in order:
        where = mark(r.low, r.share.numerator / r.share.denominator, r.high, start) if r.rank else None
        entries.append(replace(by_key.pop(r.share.key), rank=r.rank, is_apart=r.is_apart, mark=where))
    entries += sorted(by_key.values(), key=lambda one: one.key)
    return Ranking(kind, entries, start, issue.minimum, issue.k)


def below(issue: Issue, kind: str, area: str) -> Ranking:
    """What lies right below all ("") , a city or a county; further down where there is only one."""
    own = kind == "city" and len(area) <= PROVINCE  # what a province does itself: no city lies below it
    kind = BELOW[kind]
    while True:
        where = {"area__startswith": area} if kind in {"city", "county"} and not own else {"area": area}
        found = lines(issue, kind, **where)
        if len(found) != 1 or kind == "organ" or not issue.is_final:
            return ranked(issue, kind, [entry(issue, line) for line in found])
        area, kind = found[0].area, BELOW[kind]


def all_of(issue: Issue) -> Entry | None:
    """The whole month; None where nothing was published in it."""
    line = Line.objects.filter(issue=issue, kind="all").first()
    return entry(issue, line) if line else None


def place(issue: Issue, code: str) -> tuple[str, str, Entry] | None:
    """Kind, prefix and entry of a place by its code of 4 or 6 digits; None where it is not in the issue."""
    kind = {4: "city", 6: "county"}.get(len(code))
    if kind is None or not (code.isascii() and code.isdigit()):
        return None
    found = [
        line for line in lines(issue, kind, area__startswith=code[:2]) if line.area.ljust(DIGITS[kind], "0") == code
    ]
    return (kind, found[0].area, entry(issue, found[0])) if found else None


def history(kind: str, **where: str) -> list[tuple[Issue, list[Line]]]:
    """The lines of one place, organ or item in the last twelve final issues, oldest first; a month without any too."""
    known = issues()[:TREND][::-1]
    found: dict[int, list[Line]] = {issue.pk: [] for issue in known}
    for line in Line.objects.filter(kind=kind, issue__in=known, **where).order_by("id"):
        found[line.issue_id].append(line)
    return [(issue, found[issue.pk]) for issue in known]


def _named(line: Line) -> tuple[str, str]:
    if line.kind == "channel":
        return label("channel", line.channel), str(line.channel)
    if line.kind in {"city", "county"}:
        digits = DIGITS[line.kind]
        return area_name(line.area, digits=digits), line.area.ljust(digits, "0")
    if line.kind == "organ":
        return label("organ", line.organ), line.organ
    if line.kind == "item":
        return label("item", line.item), line.item
    return whole_name(), ""


def whole_name() -> str:
    """What all of it is called: the province, or the city of a city's own platform."""
    tops = [region for region in snapshot().regions.values() if region.level == 1 and not region.merged_into]
    return tops[0].name if len(tops) == 1 else ""


def url(line: Line) -> str:
    """Below /public/; "" for what has no page of its own."""
    return _url(line, _named(line)[1])


def of_item(issue: Issue, found: Sequence[Line]) -> Entry:
    """One item of one organ, over all places."""
    name, key = _named(found[0])
    told = merged(issue, found, name, key, _url(found[0], key))
    assert told is not None
    return told


def _url(line: Line, key: str) -> str:
    if line.kind in {"city", "county"}:
        return f"places/{key}/"
    known = snapshot()
    if line.kind == "organ" and key in known.organs:
        return f"organs/{key}/"
    return f"items/{key}/" if line.kind == "item" and key in known.items else ""


def _told(issue: Issue, kind: str, name: str, metric: str, part: Sequence[int | None] | None) -> Told:
    found = METRICS[metric]
    filters = {} if kind in {"all", ""} else {_FILTERS[kind]: name}
    text = said(found.basis, issue.month, issue.as_of, filters)
    if part is None:
        is_count = found.denominator is None
        return Told(found, 0, None if is_count else 0, text, hidden_below=issue.k)
    return Told(found, part[0] or 0, part[1], text)


_FILTERS = {"city": "area", "county": "area", "organ": "organ", "item": "item", "channel": "channel"}


@dataclass(frozen=True)
class Running:
    """The whole of a month that is not final, to yesterday; read at most `HCP_PUBLIC_CACHE` seconds ago."""

    month: date
    end: date
    entry: Entry
    updated_at: datetime | None

    @property
    def is_empty(self) -> bool:
        return not any(figure.size for figure in self.entry.figures.values()) and not any(
            figure.hidden_below for figure in self.entry.figures.values()
        )


def open_months(*, now: datetime) -> list[date]:
    """The months that are not final, newest first: this one, and those before it of which the lake has cases."""
    this = clock.day(now).replace(day=1)
    manifest = lake.read()
    known = {*manifest.months, this}
    final = set(Issue.objects.filter(is_final=True).values_list("month", flat=True))
    return sorted((m for m in known - final if months_before(this, TREND) <= m <= this), reverse=True)


def running(month: date, *, now: datetime) -> Running:
    """Refused 404 for a month that has nothing to be told."""
    if month not in open_months(now=now):
        raise Refused("not_found", 404, "没有这一期的公示数据。")
    kept = _kept.get(month)
    if kept is None or time.monotonic() >= kept[0]:
        kept = _kept[month] = (time.monotonic() + config.integer("PUBLIC_CACHE", 60), _run(month, now=now))
    return kept[1]


_kept: dict[date, tuple[float, Running]] = {}


def forget() -> None:
    """Read everything anew at the next question (tests)."""
    _kept.clear()


def _run(month: date, *, now: datetime) -> Running:
    """As its cities were told last, else to yesterday: who watches a counter of today would know who just pressed, and what."""
    early = running_issue(month)
    if early is not None and (whole := all_of(early)) is not None:
        return Running(month, early.as_of, whole, early.made_at)
    yesterday = clock.day(now) - timedelta(days=1)
    end = max(month, min(last_day(month), yesterday))
    rule = strictest(end)
    count = Count()
    for key, one in counted(month, end, 1, now=now).items() if end <= yesterday else ():
        if at(key.area, end).is_public:
            count += one
    hidden = conceal({Key(): count.sizes}, {}, rule.k)[Key()]
    families = {metric: family for family, keys in SETS["all"].items() for metric in keys}
    told = {}
    for metric in METRICS_OF["all"]:
        found = METRICS[metric]
        part = count.parts.get(metric, [0, None if found.denominator is None else 0])
        figure = Told(found, part[0] or 0, part[1], said(found.basis, month, end, {}))
        told[metric] = figure.hide(rule.k) if families[metric] in hidden else figure
    made_at = lake.read().made_at
    updated_at = datetime.fromisoformat(made_at) if made_at else None
    return Running(month, end, Entry("all", "", whole_name(), "", told), updated_at)  # type: ignore[arg-type]
