"""What a probe asks for and how its findings are read. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.evaluation.rules import CHANNEL_NAMES, LEVEL_NAMES, Channel, Level, may_lack_reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STALE_AFTER = timedelta(hours=36)  # a night was missed
LEVELS = tuple(sorted(Level, reverse=True))
EXCERPT = 160  # characters of what a page said


class CannotGive(Exception):  # noqa: N818  said as what happened, like Refused
    """A level could not be given: what happened instead, for the operator who is to mend it."""


class Asked(NamedTuple):
    """One rating to be given: its level, and for a bad one whether without any reason."""

    level: Level
    is_bare: bool = False

    @property
    def name(self) -> str:
        return LEVEL_NAMES[self.level] + ("（不填原因）" if self.is_bare else "")


class Kind(NamedTuple):
    """A channel: how it is called, through which `pf` it must be stored, whether a bad rating may lack a reason there."""

    key: str
    name: str
    pf: int
    lacks_reason: bool = False

    @property
    def asked(self) -> tuple[Asked, ...]:
        bare = (Asked(Level.BAD, is_bare=True), Asked(Level.VERY_BAD, is_bare=True)) if self.lacks_reason else ()
        return tuple(Asked(level) for level in LEVELS) + bare


_SIGNED = tuple(
    Kind(f"api-{pf}", f"接口单条（{CHANNEL_NAMES[pf]}）", pf, lacks_reason=may_lack_reason(pf)) for pf in Channel
)
KINDS = (
    *_SIGNED,
    Kind("batch", "接口批量", Channel.OTHER),
    Kind("link-pc", "链接（电脑）", Channel.PC),
    Kind("link-mobile", "链接（手机）", Channel.MOBILE),
    Kind("link-qr", "动态二维码", Channel.QR),
    Kind("sms", "短信短链接", Channel.SMS),
    Kind("window-name", "窗口码：编号加姓名", Channel.QR),
    Kind("window-tail", "窗口码：编号加手机尾号", Channel.QR),
    Kind("visit", "窗口码：没有办件号", Channel.QR),
    Kind("tablet", "窗口评价器", Channel.TABLET, lacks_reason=True),
    Kind("kiosk", "自助终端", Channel.TERMINAL, lacks_reason=True),
    Kind("my", "我的办件", Channel.PC),
    Kind("follow-up", "我的办件：追评", Channel.PC),
    Kind("telephone", "12345 电话评价", Channel.TELEPHONE, lacks_reason=True),
    Kind("paper", "纸质评价（双人录入）", Channel.PAPER, lacks_reason=True),
    Kind("comment", "综合点评", Channel.PC),
)
KIND = {kind.key: kind for kind in KINDS}


class Line(NamedTuple):
    """What came of one rating; `fault` is empty where it was given and stored."""

    channel: str
    level: int
    is_bare: bool
    fault: str
    ms: int

    @property
    def kind(self) -> Kind:
        return KIND.get(self.channel) or Kind(self.channel, self.channel, 0)  # of an older edition of the probe

    @property
    def asked(self) -> Asked:
        return Asked(Level(self.level), self.is_bare)

    def told(self) -> str:
        """The line as the command prints it."""
        return f"{'好  ' if not self.fault else '不行'} {self.kind.name} {self.asked.name} {self.ms} ms" + (
            f"：{self.fault}" if self.fault else ""
        )


def excerpt(text: str) -> str:
    """The beginning of what a page said, on one line."""
    plain = " ".join(text.split())
    return plain if len(plain) <= EXCERPT else plain[: EXCERPT - 1] + "…"


@dataclass(frozen=True)
class Row:
    """A channel of the table: one cell a level with its head, best first, then the bad ones without a reason."""

    name: str
    cells: tuple[tuple[str, Line | None], ...]


HEADS = tuple(Asked(level).name for level in LEVELS) + tuple(
    Asked(level, is_bare=True).name for level in (Level.BAD, Level.VERY_BAD)
)


def table(lines: Iterable[Sequence[Any]]) -> list[Row]:
    """Channel × level, in the order in which they were asked."""
    places = {(int(level), False): n for n, level in enumerate(LEVELS)}
    places |= {(2, True): len(LEVELS), (1, True): len(LEVELS) + 1}
    rows: dict[str, list[Line | None]] = {}
    for each in lines:
        line = Line(*each)
        rows.setdefault(line.channel, [None] * len(places))[places[line.level, line.is_bare]] = line
    return [
        Row(next(c for c in cells if c).kind.name, tuple(zip(HEADS, cells, strict=True))) for cells in rows.values()
    ]
