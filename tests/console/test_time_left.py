"""How time left until a limit is said; working days as announced."""

from __future__ import annotations

import pytest

from haochaping.console.rules import left
from haochaping.kit.clock import parse_wire
from haochaping.kit.workdays import Calendar

# now, the first moment that is too late, and what the page says
CASES = {
    "two working days": ("2026-06-10 10:00", "2026-06-13 00:00", "剩2个工作日", "calm"),
    "one": ("2026-06-10 10:00", "2026-06-12 00:00", "剩1个工作日", "soon"),
    "over a weekend only Monday counts": ("2026-06-12 10:00", "2026-06-16 00:00", "剩1个工作日", "soon"),
    "over 国庆 eight days are one": ("2026-09-30 10:00", "2026-10-09 00:00", "剩1个工作日", "soon"),
    "a worked Saturday counts": ("2026-10-09 10:00", "2026-10-13 00:00", "剩2个工作日", "calm"),
    "days without work left": ("2026-06-12 10:00", "2026-06-14 00:00", "剩1天", "soon"),
    "the last day": ("2026-06-10 10:00", "2026-06-11 00:00", "今天到期，剩14小时", "soon"),
    "half a day, tomorrow": ("2026-06-10 10:00", "2026-06-11 12:00", "剩1个工作日（12时前）", "soon"),
    "half a day, today": ("2026-06-10 10:00", "2026-06-10 12:00", "今天到期，剩2小时", "soon"),
    "the last hour": ("2026-06-10 23:30", "2026-06-11 00:00", "今天到期，剩不足1小时", "soon"),
    "the very moment is too late": ("2026-06-11 00:00", "2026-06-11 00:00", "超期1天", "late"),
    "a limit in hours that has just passed": ("2026-06-10 12:10", "2026-06-10 12:00", "超期1小时", "late"),
    "three days late": ("2026-06-13 09:00", "2026-06-11 00:00", "超期3天", "late"),
}


@pytest.mark.parametrize(("now", "due", "words", "urgency"), CASES.values(), ids=CASES)
def test_time_left(now: str, due: str, words: str, urgency: str) -> None:
    assert left(parse_wire(f"{due}:00"), parse_wire(f"{now}:00"), Calendar()) == (words, urgency)
