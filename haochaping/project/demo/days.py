"""Living through the planned days: services and ratings go through the front door, the nightly work runs, people act on orders."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.evaluation.commands import make_lapses
from haochaping.flow import services as flow_services
from haochaping.kit.clock import CHINA, day
from haochaping.project.demo import wire
from haochaping.project.demo.front import ShutOut
from haochaping.project.demo.plan import next_sending
from haochaping.rectification.advance import advance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from haochaping.project.demo.front import Front
    from haochaping.project.demo.plan import Visit
    from haochaping.project.demo.stories import Stories
    from haochaping.project.demo.wire import Sender

MOST = 500  # records a request
TOGETHER = 8  # single ratings under way at once, none of them bad
NIGHT = time(0, 5)
SINGLE_LATENCY = timedelta(seconds=2)


class Sending(NamedTuple):
    """One thing to do at the front door: services or ratings of one sender, one rating, or one visit to the page."""

    at: datetime
    kind: str  # services | batch | single | page
    sender: Sender
    visits: tuple[Visit, ...]


@dataclass
class Tally:
    """What came of it, counted by what the front door answered."""

    services: Counter[str] = field(default_factory=Counter)
    ratings: Counter[str] = field(default_factory=Counter)
    lapses: int = 0
    moves: int = 0


class Days:
    """The planned visits as sendings by day, and the clock that goes through them."""

    def __init__(
        self, visits: Sequence[Visit], senders: Sequence[Sender], paths: Mapping[str, tuple[str, str]]
    ) -> None:
        """`paths`: area path and organ path by organ code, to choose who sends."""
        self.senders = sorted(senders, key=lambda sender: (len(sender.organ), len(sender.area)), reverse=True)
        self.paths = paths
        self.tally = Tally()
        self.sendings: dict[date, list[Sending]] = defaultdict(list)
        for sending in self._sendings(visits):
            self.sendings[day(sending.at)].append(sending)
        for of_day in self.sendings.values():
            of_day.sort(key=lambda sending: (sending.at, sending.kind != "services"))

    def live(self, today: date, until: datetime, run: Callable[[Any], Any], front: Front, stories: Stories) -> None:
        """One day up to its end or to `until`: the night's work, what comes in, what people do about it."""
        night = min(datetime.combine(today, NIGHT, CHINA), until)
        flow_services.resume(now=night)
        self.tally.lapses += make_lapses(now=night)
        advance(night)
        run(self._come_in(self.sendings.get(today, []), front))
        stories.play(min(datetime.combine(today + timedelta(days=1), time(), CHINA), until))
        self.tally.moves = stories.moves

    def _sender(self, visit: Visit) -> Sender:
        """The nearest system that may speak for the service; a department's own one for a third of its services."""
        _, organ_path = self.paths[visit.organ.code]
        for sender in self.senders:
            if sender.sends_for(visit.area, organ_path) and (not sender.organ or visit.at.minute % 3 == 0):
                return sender
        raise LookupError(visit.area)

    def _sendings(self, visits: Sequence[Visit]) -> Iterator[Sending]:
        services: dict[tuple[datetime, Sender], list[Visit]] = defaultdict(list)
        batches: dict[tuple[datetime, Sender], list[Visit]] = defaultdict(list)
        moments = [visit.known_at for visit in visits] + [visit.rating.at for visit in visits if visit.rating]
        last = max(moments, default=datetime.min.replace(tzinfo=CHINA))
        for visit in visits:
            sender = self._sender(visit)
            services[visit.known_at, sender].append(visit)
            rating = visit.rating
            if rating is None:
                continue
            if rating.route == "batch":
                batches[min(next_sending(max(rating.at, visit.known_at)), last), sender].append(visit)
            elif rating.route == "early":
                yield Sending(rating.at + SINGLE_LATENCY, "single", sender, (visit,))
            else:
                at = max(rating.at, visit.known_at) + SINGLE_LATENCY
                yield Sending(at if rating.route == "single" else rating.at, rating.route, sender, (visit,))
        for kind, gathered in (("services", services), ("batch", batches)):
            for (at, sender), of_slot in gathered.items():
                for start in range(0, len(of_slot), MOST):
                    yield Sending(at, kind, sender, tuple(of_slot[start : start + MOST]))

    async def _come_in(self, sendings: Sequence[Sending], front: Front) -> None:
        for group in _groups(sendings):
            for answer in await asyncio.gather(*(self._send(sending, front) for sending in group)):
                for kind, counted in answer.items():
                    getattr(self.tally, kind).update(counted)

    async def _send(self, sending: Sending, front: Front) -> dict[str, Counter[str]]:
        at, kind, sender, visits = sending
        if kind == "services":
            answer = await front.send(sender, "/api/v1/services", [wire.service(v) for v in visits], at)
            return {"services": Counter(_status(result) for result in answer["results"])}
        if kind == "batch":
            answer = await front.send(sender, "/api/v1/evaluations/batch", [wire.evaluation(v) for v in visits], at)
            return {"ratings": Counter(_status(result) for result in answer["results"])}
        (visit,) = visits
        if kind == "single":
            answer = await front.send(sender, "/api/v1/evaluations", wire.evaluation(visit), at)
            status = answer.get("status") or ("duplicate" if answer.get("duplicate") else "created")
            return {"ratings": Counter([status])}
        assert visit.rating is not None
        wish = {"projectNo": visit.project_no, "serviceNumber": visit.number, "channel": visit.rating.pf}
        try:
            link = await front.send(sender, "/api/v1/links", wish, at - timedelta(minutes=1))
        except ShutOut as no:
            if no.code == "already_rated":  # an interrupted load goes on
                return {"ratings": Counter(["duplicate"])}
            raise
        await front.rate_on_page(link["url"], wire.page_form(visit), at)
        return {"ratings": Counter(["created"])}


def _status(result: Mapping[str, Any]) -> str:
    codes = ",".join(error["code"] for error in result.get("errors", ())) if result["status"] == "rejected" else ""
    return f"{result['status']} {codes}".strip()


def _groups(sendings: Iterable[Sending]) -> Iterator[list[Sending]]:
    """Sendings that may be under way together: those of one moment and kind, or a few single good ratings."""
    group: list[Sending] = []
    for sending in sendings:
        if group and not _together(group, sending):
            yield group
            group = []
        group.append(sending)
    if group:
        yield group


def _together(group: Sequence[Sending], sending: Sending) -> bool:
    first = group[0]
    if first.kind != sending.kind or sending.kind == "page":
        return False
    if sending.kind == "single":
        calm = all(v.rating is not None and v.rating.level > 2 for s in (first, sending) for v in s.visits)
        return calm and len(group) < TOGETHER and sending.at - first.at < timedelta(minutes=30)
    return first.at == sending.at
