"""Between many requests and one statement: ratings gathered into groups, each group written by one `flow.admit`."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from haochaping.channels.asgi import TRY_AGAIN, connected
from haochaping.channels.rules import Bucket
from haochaping.flow.admit import admit
from haochaping.kit.errors import Refused, let_go

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from haochaping.accounts.queries import AppInfo
    from haochaping.accounts.signing import SignedBy
    from haochaping.evaluation.records import Submission
    from haochaping.flow.admit import Outcome

GATHER_SECONDS, GATHER_MOST = 0.001, 500
PATIENCE = 0.02  # seconds that ratings wait at most for a group under way before a few of them go as a second one
WORTH_IT = 32  # ratings that make a second group worth its round trips while a first is being written
WAITING_MOST = 2_000  # ratings between their requests and their group
APP_MOST = WAITING_MOST * 3 // 4  # of one app: however much it sends, another's rating finds a place
WRITERS = 2  # groups written at once: while one is in the database, the next is made ready
BURST = 10  # seconds
TOO_FAST = Refused("too_fast", 503, "已超过为该应用设定的速度，请稍后重试，数据请勿丢弃。")


@dataclass(slots=True)
class Waiting:
    """A rating between its request and its group."""

    submission: Submission
    signed: SignedBy
    now: datetime
    answer: asyncio.Future[Outcome]


class Lane:
    """A group is what arrives within 1 ms, or while the one before is being written. Lives on one event loop."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(WRITERS, thread_name_prefix="lane")
        self.waiting: list[Waiting] = []
        self.places: Counter[str] = Counter()  # taken in `waiting`, by app
        self.idle = WRITERS
        self.timer: asyncio.TimerHandle | None = None
        self.groups: set[asyncio.Future[Any]] = set()

    @property
    def is_full(self) -> bool:
        return len(self.waiting) >= WAITING_MOST

    def put(self, submission: Submission, signed: SignedBy, now: datetime) -> asyncio.Future[Outcome]:
        """The outcome, once the group is on disk. Refused 503 rather than pile up what the database cannot take."""
        app = signed.app.app_id
        if self.is_full or self.places[app] >= APP_MOST:
            raise TRY_AGAIN
        self.places[app] += 1
        loop = asyncio.get_running_loop()
        item = Waiting(submission, signed, now, loop.create_future())
        self.waiting.append(item)
        if self.idle and len(self.waiting) >= WORTH_IT:
            self._go()
        elif self.idle and self.timer is None:
            self.timer = loop.call_later(GATHER_SECONDS if self.idle == WRITERS else PATIENCE, self._go)
        return item.answer

    async def empty(self) -> None:
        """Until nothing waits and nothing is under way."""
        while pending := [item.answer for item in self.waiting] + [*self.groups]:
            await asyncio.wait(pending)

    def _go(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        while self.waiting and self.idle:
            group, self.waiting = self.waiting[:GATHER_MOST], self.waiting[GATHER_MOST:]
            self.idle -= 1
            self.places -= Counter(item.signed.app.app_id for item in group)
            context = copy_context()
            writing = asyncio.get_running_loop().run_in_executor(self.threads, context.run, connected, _write, (group,))
            self.groups.add(writing)
            writing.add_done_callback(partial(self._tell, group))

    def _tell(self, group: list[Waiting], done: asyncio.Future[Any]) -> None:
        self.groups.discard(done)
        self.idle += 1
        if error := done.exception():  # each waiting request answers for itself
            for item in group:
                if not item.answer.done():
                    item.answer.set_exception(error)
        else:
            for item, outcome in zip(group, done.result(), strict=True):
                if not item.answer.done():
                    item.answer.set_result(outcome)
        if self.waiting:
            self._go()


class Paces:
    """The pace that an app's administrator set for it: ten seconds' worth at once, more with time."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}

    def keep(self, app: AppInfo, ratings: int, now: datetime) -> None:
        """Refused 503 `too_fast` while the app has used up more than its time has brought; a batch counts by its lines."""
        if not app.most_per_second:
            return
        size = BURST * app.most_per_second
        bucket = self.buckets.get(app.app_id)
        if bucket is None or bucket.size != size:
            every = timedelta(seconds=1) / app.most_per_second
            bucket = self.buckets[app.app_id] = Bucket(size, every, size, now)
        if bucket.refill(now) < 1:
            raise TOO_FAST
        bucket.left -= ratings  # a large batch may leave less than nothing: the next one waits the longer


def _write(group: list[Waiting]) -> list[Outcome]:
    try:
        return admit(
            [item.submission for item in group],
            now=max(item.now for item in group),
            nonces=[item.signed.nonce_key for item in group],
            apps=[item.signed.app for item in group],
        )
    finally:
        let_go()
