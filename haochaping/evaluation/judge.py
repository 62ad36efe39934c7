"""Whether a rating may be taken, given its service event. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from haochaping.evaluation.rules import LATE_MS, LEVEL_NAMES, Level, may_lack_reason
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from haochaping.evaluation.records import Submission


class Waiver(StrEnum):
    """What a supervisor may leave aside, with a reason, for a rating that was kept (docs/decisions/0006)."""

    LATE = "late"  # given in time by the rater's clock, but it reached us after the grace for late arrival
    CLOCK = "clock"  # the device's clock was wrong: before the service, or ahead of ours when it arrived
    NO_REASON = "no_reason"  # a bad rating that names none: marked 未填原因, as from a device


@dataclass(frozen=True)
class IndicatorInfo:
    name: str
    level: int
    is_active: bool
    dimension: str = "business"  # policy.rules.DIMENSIONS


def judge_alone(
    s: Submission, indicators: Mapping[str, IndicatorInfo], now: datetime, *, is_place_known: bool = True
) -> None:
    """What can be said of the rating by itself; Refused (422) names the fields.

    While nobody knows where it was served, a code that the nation does not have may be that place's own: it is judged
    when the service event arrives.
    """
    errors: list[FieldError] = []
    for code in s.indicators:
        known = indicators.get(code)
        if known is None:
            if is_place_known:
                errors.append(FieldError("evalDetail", "indicator_unknown", f"指标 {code} 不在目录内。"))
        elif known.level != s.level:
            level = LEVEL_NAMES[Level(known.level)]
            errors.append(
                FieldError("evalDetail", "indicator_of_other_level", f"指标 {code}“{known.name}”属于“{level}”。")
            )
        elif not known.is_active:
            errors.append(FieldError("evalDetail", "indicator_retired", f"指标 {code}“{known.name}”已停用。"))
    is_ahead = s.assess_time > (s.arrived or now) + timedelta(milliseconds=LATE_MS)  # waiting makes no clock right
    if is_ahead and Waiver.CLOCK not in s.waives:
        errors.append(FieldError("assessTime", "in_the_future", "assessTime 晚于当前时间，请核对设备时钟。"))
    needs_reason = not may_lack_reason(s.pf) and Waiver.NO_REASON not in s.waives
    if Level(s.level).is_bad and not s.indicators and not s.words and needs_reason:
        errors.append(
            FieldError("evalDetail", "bad_rating_needs_reason", "请至少选择一项不满意的方面，或写一句话说明原因。")
        )
    if errors:
        raise Refused(errors[0].code, 422, errors[0].message, tuple(errors))


def judge_against(
    s: Submission, *, service_time: datetime, closes_at: datetime, grace: timedelta, now: datetime
) -> None:
    """Whether the time fits the service: not before it, and within its window.

    The window is judged by the rater's time; what was given in time may arrive up to `grace` later (design §4).
    """
    if s.assess_time < service_time and Waiver.CLOCK not in s.waives:
        raise Refused(
            "before_service",
            422,
            "评价时间早于服务时间。",
            (FieldError("assessTime", "before_service", "assessTime 早于 serviceTime，请核对时钟。"),),
        )
    is_too_late = (s.arrived or now) >= closes_at + grace and Waiver.LATE not in s.waives
    if s.assess_time >= closes_at or is_too_late:
        raise Refused("rating_window_closed", 409, "评价期限已过，如有意见请拨打 12345。")
