"""The way of a typical problem and of an excellent case as tables, and what a measure was worth. Pure.

A problem is completed when somebody of another organ than those responsible has found it solved; nothing else counts.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from enum import StrEnum
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.analytics.rules import percent, wilson
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.masks import mask_text

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST, TITLE_LONGEST = 3000, 100
ITEMS_MOST, UNITS_MOST, ORDERS_MOST = 200, 20, 50


class State(StrEnum):
    PROPOSED = "proposed"  # found by the data; nobody has taken it up
    RECTIFYING = "rectifying"
    OBSERVING = "observing"  # a measure was reported; whether it helps shows in the ratings
    SOLVED = "solved"
    MERGED = "merged"
    DISMISSED = "dismissed"

    @property
    def name_zh(self) -> str:
        return STATE_NAMES[self]

    @property
    def is_listed(self) -> bool:
        """Whether it is a problem of the ledger: taken up, and counted in the completion rate."""
        return self in LISTED


STATE_NAMES = {
    State.PROPOSED: "待立项",
    State.RECTIFYING: "整改中",
    State.OBSERVING: "观察成效",
    State.SOLVED: "已解决",
    State.MERGED: "已并入",
    State.DISMISSED: "不予立项",
}
OPEN = (State.RECTIFYING, State.OBSERVING)
LISTED = (*OPEN, State.SOLVED)


class Verdict(StrEnum):
    EFFECTIVE = "effective"
    PARTLY = "partly"
    NONE = "none"

    @property
    def name_zh(self) -> str:
        return VERDICT_NAMES[self]


VERDICT_NAMES = {Verdict.EFFECTIVE: "已解决", Verdict.PARTLY: "部分改善", Verdict.NONE: "未见成效"}


class By(StrEnum):
    KEEPER = "keeper"  # supervisor or city office of the problem's place: keeps the ledger
    UNIT = "unit"  # who rectifies for a responsible organ
    JUDGE = "judge"  # a keeper who belongs to none of the responsible organs and reported none of the measures
    NOMINATOR = "nominator"  # of a case: its unit, or who keeps the ledger there
    REVIEWER = "reviewer"  # of a case: a keeper who neither belongs to its unit nor nominated it


class Step(NamedTuple):
    """One way in which a problem or a case goes on; `needs` are the names of what must be said."""

    sources: tuple[Any, ...]
    verb: str
    label: str
    by: tuple[By, ...]
    target: Any  # None: as it was
    needs: tuple[str, ...]


S = State
STEPS = (
    Step((S.PROPOSED,), "accept", "立项", (By.KEEPER,), S.RECTIFYING, ("due",)),
    Step((S.RECTIFYING, S.OBSERVING), "measure", "登记措施", (By.UNIT, By.KEEPER), S.OBSERVING, ("text", "in_force")),
    # solved only where it was found effective: `target_of`
    Step((S.OBSERVING,), "judge", "认定成效", (By.JUDGE,), S.SOLVED, ("verdict", "reason")),
    Step((S.SOLVED,), "reopen", "重新整改", (By.KEEPER,), S.RECTIFYING, ("due", "reason")),
    Step((S.PROPOSED, S.RECTIFYING), "merge", "并入其他问题", (By.KEEPER,), S.MERGED, ("into", "reason")),
    Step((S.PROPOSED,), "dismiss", "不予立项", (By.KEEPER,), S.DISMISSED, ("reason",)),
    Step(LISTED, "publish", "公开", (By.KEEPER,), None, ("public_title", "public_text", "public_reply")),
    Step(LISTED, "withdraw", "撤下公开", (By.KEEPER,), None, ("reason",)),
)
VERB_NAMES = {
    "propose": "数据发现",
    "register": "登记立项",
    "change": "修改",
    "absorb": "并入另一问题",
    "relapse": "成效反弹，重新整改",
    **{step.verb: step.label for step in STEPS},
}


class CaseState(StrEnum):
    NOMINATED = "nominated"
    RETURNED = "returned"
    ACCEPTED = "accepted"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"

    @property
    def name_zh(self) -> str:
        return CASE_STATE_NAMES[self]


CASE_STATE_NAMES = {
    CaseState.NOMINATED: "待评审",
    CaseState.RETURNED: "退回修改",
    CaseState.ACCEPTED: "已入选",
    CaseState.PUBLISHED: "已公开",
    CaseState.WITHDRAWN: "已撤下",
}
C = CaseState
CASE_STEPS = (
    Step((C.RETURNED,), "resubmit", "重新报送", (By.NOMINATOR,), C.NOMINATED, ()),
    Step((C.NOMINATED,), "accept", "评审入选", (By.REVIEWER,), C.ACCEPTED, ("reason",)),
    Step((C.NOMINATED,), "return", "退回修改", (By.REVIEWER,), C.RETURNED, ("reason",)),
    Step((C.ACCEPTED, C.WITHDRAWN), "publish", "公开", (By.REVIEWER,), C.PUBLISHED, ()),
    Step((C.PUBLISHED,), "withdraw", "撤下", (By.REVIEWER,), C.WITHDRAWN, ("reason",)),
)
CASE_VERB_NAMES = {"nominate": "报送", "change": "修改", **{step.verb: step.label for step in CASE_STEPS}}
CASE_TEXTS = {"title": "标题", "background": "背景和问题", "practice": "主要做法", "effect": "成效"}

LABELS = {
    "title": "问题名称",
    "description": "问题描述",
    "items": "涉及事项",
    "lead": "牵头单位",
    "co": "配合单位",
    "due": "整改期限",
    "text": "措施内容",
    "in_force": "生效日期",
    "verdict": "结论",
    "reason": "理由",
    "into": "并入的问题",
    "public_title": "公开标题",
    "public_text": "问题说明",
    "public_reply": "整改情况",
    "causes": "原因",
    "indicators": "指标",
    "start": "评价日自",
    "end": "至",
    "orders": "工单编号",
    "changed": "修改了",
    "merged": "并入的问题",
    "figures": "成效数据",
}
DATES = frozenset({"due", "in_force", "start", "end"})
PUBLIC = frozenset({"public_title", "public_text", "public_reply"})
REASON_LABELS = {"judge": "认定理由", "accept": "入选理由", "return": "退回意见"}
IN_FORCE_BACK, IN_FORCE_AHEAD = timedelta(days=400), timedelta(days=180)
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def step(steps: tuple[Step, ...], state: Any, verb: str, parts: frozenset[By]) -> Step:
    """The step of that verb; Refused 404 for none such, 403 to others wherever it stands, 409 where it stands otherwise."""
    found = next((one for one in steps if one.verb == verb), None)
    if found is None:
        raise Refused("unknown_verb", 404, "没有这一操作。")
    if parts.isdisjoint(found.by):
        raise Refused("not_your_part", 403, WHO[found.by[0]])
    if state not in found.sources:
        raise Refused("not_possible_now", 409, f"现为“{state.name_zh}”，不能“{found.label}”，请刷新后再看。")
    return found


WHO = {
    By.KEEPER: "这件事由主管本地台账的督办人员办理。",
    By.UNIT: "措施由责任单位登记，或由督办人员代为登记。",
    By.JUDGE: "成效由责任单位以外、没有登记过措施的督办人员认定，请换一位同事办理。",
    By.NOMINATOR: "案例由报送单位修改和重新报送。",
    By.REVIEWER: "案例由报送单位以外、不是报送人本人的督办人员评审，请换一位同事办理。",
}


def target_of(found: Step, state: Any, facts: Mapping[str, str]) -> Any:
    """Where a step leads: what was not found solved goes on being rectified."""
    if found.verb == "judge" and facts["verdict"] != Verdict.EFFECTIVE:
        return State.RECTIFYING
    return found.target if found.target is not None else state


def read(needs: tuple[str, ...], given: Mapping[str, Any], *, today: date) -> dict[str, str]:
    """What a step must say, as kept; Refused `facts_refused` (422) naming every field that is missing or wrong."""
    clean, errors = {}, []
    for name in needs:
        text = str(given.get(name) or "").replace("\r\n", "\n").strip()
        if message := _wrong(name, text, today):
            errors.append(FieldError(name, "required" if not text else "not_allowed", message))
        clean[name] = text
    if errors:
        raise refused(errors)
    return clean


def refused(errors: list[FieldError]) -> Refused:
    return Refused("facts_refused", 422, "".join(error.message for error in errors), tuple(errors))


def text_wrong(label: str, text: str, longest: int = LONGEST, *, is_required: bool = True) -> str:
    """What is wrong with a text, "" if nothing."""
    if not text:
        return f"请填写“{label}”。" if is_required else ""
    if len(text) > longest:
        return f"“{label}”最多 {longest} 字，现有 {len(text)} 字。"
    return f"“{label}”含有无法保存的字符，请删去后重试。" if _UNSTORABLE.search(text) else ""


def private_wrong(label: str, text: str) -> str:
    """What is wrong with a text that everybody may read: nothing personal may stand in it."""
    if mask_text(text) != text:
        return f"“{label}”里像是有姓名、电话或证件号码，公开前请删去。"
    return ""


def _wrong(name: str, text: str, today: date) -> str:
    label = LABELS[name]
    if name == "verdict" and text not in tuple(Verdict):
        return "请选择结论。"
    if name == "into" and not text.isdecimal():
        return "请选择并入哪个问题。"
    if name in DATES:
        return _day_wrong(name, label, text, today)
    message = text_wrong(label, text, TITLE_LONGEST if name == "public_title" else LONGEST)
    return message or (private_wrong(label, text) if name in PUBLIC else "")


def _day_wrong(name: str, label: str, text: str, today: date) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return f"请填写“{label}”，如 {today:%Y-%m-%d}。"
    if name == "due" and day < today:
        return f"“{label}”不能早于今天。"
    if name == "in_force" and not today - IN_FORCE_BACK <= day <= today + IN_FORCE_AHEAD:
        return "“生效日期”应在一年以内，最多提前半年登记。"
    return ""


def is_overdue(state: State, due: date | None, last_in_force: date | None, today: date) -> bool:
    """Whether nothing came into force by the day by which it had to: a measure that is late stays late."""
    if due is None or state not in OPEN:
        return False
    if state is State.RECTIFYING or last_in_force is None:
        return due < today
    return due < min(last_in_force, today)


# What a measure was worth

WINDOW = 30  # days before a measure, and as many from it on, at most
OBSERVED_LEAST = 14  # days from a measure on, before anything is proposed
RATED_LEAST = 20  # ratings on either side, before anything is proposed
HALVED = 0.5  # solved: at most this part of the rate before


class Sample(NamedTuple):
    """Bad ratings of all that counted, in one window."""

    bad: int
    rated: int

    @property
    def rate(self) -> float:
        return self.bad / self.rated if self.rated else 0.0


class Windows(NamedTuple):
    """Equally many days before the first measure and from the last one on, ends included; today is never in them."""

    before: tuple[date, date]
    after: tuple[date, date]
    days: int


def windows(first: date, last: date, today: date, most: int = WINDOW) -> Windows | None:
    """The days to compare around measures of these dates, as many as are over since the last; None where none is."""
    days = min(most, (today - last).days)
    if days <= 0:
        return None
    span = timedelta(days=days - 1)
    return Windows((first - timedelta(days=1) - span, first - timedelta(days=1)), (last, last + span), days)


class Outcome(NamedTuple):
    """What the ratings say of a measure: a sentence for people, and a verdict where there is enough to propose one."""

    verdict: Verdict | None
    words: str
    is_clear: bool = False  # the difference is not chance


def difference(before: Sample, after: Sample) -> tuple[float, float] | None:
    """The 95 % interval of rate after − rate before (Newcombe 1998, method 10, from the two Wilson intervals)."""
    one, two = wilson(*before), wilson(*after)
    if one is None or two is None:
        return None
    change = after.rate - before.rate
    low = change - sqrt((after.rate - two[0]) ** 2 + (one[1] - before.rate) ** 2)
    high = change + sqrt((two[1] - after.rate) ** 2 + (before.rate - one[0]) ** 2)
    return low, high


def outcome(before: Sample, after: Sample, days: int) -> Outcome:
    """Whether the rate fell, whether that could be chance, and what to propose of it."""
    if days < OBSERVED_LEAST:
        return Outcome(None, f"措施生效才 {days} 个整天，满 {OBSERVED_LEAST} 天后再看是否见效。")
    if before.rated < RATED_LEAST or after.rated < RATED_LEAST:
        return Outcome(
            None,
            f"样本太少：措施前 {before.rated} 条、措施后 {after.rated} 条评价，各不少于 {RATED_LEAST} 条才提出结论，请结合工单判断。",
        )
    low, high = difference(before, after) or (0.0, 0.0)
    change = after.rate - before.rate
    direction = "下降" if change < 0 else "上升" if change > 0 else ""
    moved = f"差评率由 {percent(*before)} 变为 {percent(*after)}"
    moved += f"，{direction} {abs(change) * 100:.2f} 个百分点" if direction else "，没有变化"
    bounds = f"差的95%置信区间 {low * 100:+.2f} 至 {high * 100:+.2f} 个百分点"
    if low <= 0 <= high:
        return Outcome(Verdict.NONE, f"{moved}；{bounds}，包含 0，这点差别可能只是偶然。")
    if change > 0:
        return Outcome(Verdict.NONE, f"{moved}；{bounds}，不是偶然，情况变差了。", is_clear=True)
    if after.rate <= HALVED * before.rate:
        return Outcome(Verdict.EFFECTIVE, f"{moved}，降了一半以上；{bounds}，不像是偶然。", is_clear=True)
    return Outcome(Verdict.PARTLY, f"{moved}，还没有降到一半以下；{bounds}，不像是偶然。", is_clear=True)


def has_relapsed(before: Sample, solved: Sample, recent: Sample) -> bool:
    """Whether a solved problem is back: clearly worse than when it was found solved, and above half of what it once was."""
    interval = difference(solved, recent)
    if interval is None or recent.rated < RATED_LEAST:
        return False
    return interval[0] > 0 and recent.rate > HALVED * before.rate


# What the data propose

FOUND_WITHIN = 30  # days looked back
NAMED_LEAST = 5  # bad ratings that name the same indicator in one item
FORGOTTEN = timedelta(days=180)  # how long a proposal that was dismissed is not made again


class Spot(NamedTuple):
    """One item and an indicator that its bad ratings name: how many did, and how the item stands beside its peers."""

    item: str
    indicator: str
    named: int
    own: Sample
    peers: Sample


def is_concentrated(spot: Spot) -> bool:
    """Enough bad ratings name one thing, and the item is rated worse than the others of its city, not by chance."""
    if spot.named < NAMED_LEAST or spot.own.rated < RATED_LEAST:
        return False
    own, peers = wilson(*spot.own), wilson(*spot.peers)
    return own is not None and peers is not None and own[0] > peers[1]


THRESHOLDS = (
    f"近{FOUND_WITHIN}天内，同一事项有不少于{NAMED_LEAST}条差评点了同一指标、评价不少于{RATED_LEAST}条，且差评率的95%置信区间"
    "高于本市其他事项合计的，列为待立项；同一城市、同一指标的事项合为一个问题。"
)


class Completion(NamedTuple):
    """The ledger in figures: problems and the items they affect, and those completed."""

    problems: int
    solved: int
    items: int
    items_solved: int


def completion(problems: list[tuple[State, list[str]]]) -> Completion:
    """Of the problems that were taken up; an item is completed when none of the problems that affect it is open."""
    listed = [(state, items) for state, items in problems if state.is_listed]
    affected = {item for _, items in listed for item in items}
    waiting = {item for state, items in listed if state is not State.SOLVED for item in items}
    solved = sum(state is State.SOLVED for state, _ in listed)
    return Completion(len(listed), solved, len(affected), len(affected - waiting))
