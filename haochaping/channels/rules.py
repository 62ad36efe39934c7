"""How a link stands, what a receipt looks like, and how often somebody may guess. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from threading import Lock

from haochaping.evaluation.rules import Channel
from haochaping.kit.clock import CHINA
from haochaping.kit.ids import CROCKFORD

LINK_DAYS_DEFAULT = 15
LINK_DAYS_MOST = 30  # security T2: links of messages live 7 to 30 days
RECEIPT_SHOWN_FOR = timedelta(minutes=10)
_RECEIPT = re.compile(rf"HP[{CROCKFORD}]{{20}}")
_LOOKALIKES = str.maketrans("OIL", "011")
_HANDHELD = re.compile(r"Mobile|Android|iPhone|iPad|HarmonyOS|OpenHarmony|MicroMessenger", re.IGNORECASE)
_PHONE = re.compile(r"\+?[0-9]{7,15}")
_MOBILE = re.compile(r"1[0-9]{10}")
MOBILE_LENGTH = "手机号码应为 11 位，请核对。"


class Standing(StrEnum):
    """What whoever opens a link finds."""

    OPEN = "open"
    JUST_RATED = "just_rated"  # by this browser, a moment ago: the receipt is shown
    RATED = "rated"
    CLOSED = "closed"  # the window to rate this service is over
    EXPIRED = "expired"


def standing(
    *,
    now: datetime,
    expires_at: datetime,
    is_rated: bool,
    rated_at: datetime | None,
    is_raters_browser: bool,
    is_open: bool,
) -> Standing:
    """The first that holds: rated beats expired, so that nobody is sent away to rate elsewhere what is rated."""
    if is_rated:
        fresh = rated_at is not None and now - rated_at < RECEIPT_SHOWN_FOR
        return Standing.JUST_RATED if fresh and is_raters_browser else Standing.RATED
    if not is_open:
        return Standing.CLOSED
    return Standing.OPEN if now < expires_at else Standing.EXPIRED


def receipt_of(typed: str) -> str | None:
    """A receipt as somebody typed it, without spaces and dashes and with O, I, L read as 0, 1, 1; None if it is none."""
    plain = re.sub(r"[\s\-－—]", "", typed).upper()
    plain = plain[:2] + plain[2:].translate(_LOOKALIKES)
    return plain if _RECEIPT.fullmatch(plain) else None


def in_groups(receipt: str) -> str:
    """A receipt as people read it: HP and five groups of four."""
    return " ".join([receipt[:2], *(receipt[n : n + 4] for n in range(2, len(receipt), 4))])


def phone_of(typed: str) -> str | None:
    """A telephone number without spaces and dashes; None if it is none, or begins as a mobile's and has not its 11 digits."""
    plain = _without_marks(typed)
    return plain if (_MOBILE if plain.startswith("1") else _PHONE).fullmatch(plain) else None


def phone_fault(typed: str, otherwise: str) -> str:
    """What to say at the field of a number that `phone_of` refused: too many or too few digits of a mobile, or `otherwise`."""
    return MOBILE_LENGTH if re.fullmatch(r"1[0-9]*", _without_marks(typed)) else otherwise


def _without_marks(typed: str) -> str:
    return re.sub(r"[\s\-－()（）]", "", typed)


@dataclass
class Bucket:
    """Tokens that come back with time: `size` at most, one every `every`."""

    size: int
    every: timedelta
    left: float
    at: datetime

    def refill(self, now: datetime) -> float:
        self.left = min(self.size, self.left + max(timedelta(), now - self.at) / self.every)
        self.at = max(self.at, now)
        return self.left


class Misses:
    """How many wrong links and receipts one client, and all together, may try (security T3). One a process, safe for threads.

    `wait` before anything is looked up: a client without tokens is refused and learns nothing. Where many people share an
    address (a service hall, a mobile network) ask `storm` before and take `miss` after: who holds a good link is served
    however often others behind that address missed, and only in a storm over all addresses those of them that missed
    lately wait. How fast anybody can guess stays bounded by what all together may miss. Memory is bounded: at most `clients_most` are remembered, those with most tokens left are forgotten first.
    """

    def __init__(
        self,
        size: int = 30,
        every: timedelta = timedelta(seconds=4),
        all_size: int = 3000,
        all_every: timedelta = timedelta(milliseconds=50),
        clients_most: int = 20_000,
    ) -> None:
        self.size, self.every, self.clients_most = size, every, clients_most
        self.everybody = Bucket(all_size, all_every, all_size, datetime.min.replace(tzinfo=UTC))
        self.clients: dict[str, Bucket] = {}
        self.lock = Lock()

    def wait(self, client: str, now: datetime) -> int:
        """Seconds until this client may ask again; 0 if it may now."""
        with self.lock:
            bucket = self.clients.get(client)
            if bucket is None:
                return 0
            if bucket.refill(now) >= self.size:
                del self.clients[client]
                return 0
            if bucket.left < 1:
                return self._seconds(bucket)
            return self._seconds(self.everybody) if self.everybody.refill(now) < 1 else 0

    def storm(self, client: str, now: datetime) -> int:
        """Seconds that this client must wait because all together have missed too often, and it among them; else 0."""
        with self.lock:
            bucket = self.clients.get(client)
            if bucket is None or bucket.refill(now) >= self.size or self.everybody.refill(now) >= 1:
                return 0
            return self._seconds(self.everybody)

    def miss(self, client: str, now: datetime) -> int:
        """This client asked for something that there is not; seconds until it should ask again, 0 if it may now."""
        with self.lock:
            if len(self.clients) >= self.clients_most and client not in self.clients:
                self._forget(now)
            bucket = self.clients.setdefault(client, Bucket(self.size, self.every, self.size, now))
            wait = self._seconds(bucket) if bucket.refill(now) < 1 else 0
            for each in (bucket, self.everybody):
                each.left = max(0.0, each.refill(now) - 1)
            return wait

    def _forget(self, now: datetime) -> None:
        fullest = sorted(self.clients, key=lambda name: self.clients[name].refill(now))
        for name in fullest[self.clients_most // 2 :]:
            del self.clients[name]

    @staticmethod
    def _seconds(bucket: Bucket) -> int:
        return max(1, round((1 - bucket.left) * bucket.every.total_seconds() + 0.5))


def latest(limit: datetime) -> str:
    """The same as a promise: 最迟2026年6月17日（含当日）, or 最迟2026年6月17日15:00 where a term was in hours."""
    return f"最迟{by_when(limit)}" + ("（含当日）" if limit.astimezone(CHINA).time() == time() else "")


def by_when(limit: datetime) -> str:
    """The first moment that is too late, as people say it: the last day, or day and hour where a term was in hours."""
    china = limit.astimezone(CHINA)
    if china.time() == time():
        last = (china - timedelta(days=1)).date()
        return f"{last.year}年{last.month}月{last.day}日"
    return f"{china.year}年{china.month}月{china.day}日{china:%H:%M}"


def pf_of(user_agent: str) -> Channel:
    """Through which channel a page was opened that says nothing of it: in the hand, or at a desk."""
    return Channel.MOBILE if _HANDHELD.search(user_agent) else Channel.PC
