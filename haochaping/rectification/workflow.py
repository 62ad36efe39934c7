"""The life of a bad-rating work order (差评工单), as one table.

Whatever may happen to an order is a line of MOVES (contract §5): pages draw their buttons from it, the API its verbs,
docs/flow.md its diagram (`python -m haochaping.rectification.workflow > docs/flow.md`), the tests their stories. A new
business rule is a new line, or a new condition that a line names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.accounts.rules import Actor, Role
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification import needs
from haochaping.rectification.rules import STATE_NAMES, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "MOVES",
    "TOGETHER",
    "Line",
    "Part",
    "Standing",
    "State",
    "diagram",
    "lines_open_to",
    "page",
    "parts_of",
    "read",
    "step",
]


class Part(StrEnum):
    """Who moves an order."""

    HANDLER = "handler"
    ARBITER = "arbiter"
    SUPERVISOR = "supervisor"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    CLERK = "clerk"
    CITIZEN = "citizen"
    SYSTEM = "system"

    @property
    def name_zh(self) -> str:
        return PART_NAMES[self]


PART_NAMES = {
    Part.HANDLER: "承办单位",
    Part.ARBITER: "裁定人员",
    Part.SUPERVISOR: "督办人员",
    Part.REVIEWER: "复核人员",
    Part.OPERATOR: "12345话务员",
    Part.CLERK: "窗口人员",
    Part.CITIZEN: "评价人",
    Part.SYSTEM: "系统",
}
PARTS_OF_ROLE = {
    Role.SUPERVISOR: (Part.SUPERVISOR, Part.ARBITER),
    Role.CITY: (Part.SUPERVISOR, Part.ARBITER),
    Role.HANDLER: (Part.HANDLER,),
    Role.REVIEWER: (Part.REVIEWER,),
    Role.OPERATOR: (Part.OPERATOR,),
    Role.CLERK: (Part.CLERK,),
}
VERB_NAMES = {
    "open": "形成工单",  # the first line of every history; no move, for nothing stood before it
    "sign": "签收",
    "auto_sign": "自动签收",
    "return": "退单",
    "assign": "裁定派发",
    "contact": "联系评价人",
    "confirm": "核实确认",
    "explain": "解释说明",
    "appeal": "申诉",
    "uphold": "裁定申诉成立",
    "dismiss": "驳回申诉",
    "object": "提出异议",
    "request_extension": "申请延期",
    "grant_extension": "同意延期",
    "refuse_extension": "不同意延期",
    "submit": "提交整改结果",
    "send_back": "发回重办",
    "approve": "审核通过",
    "record": "登记回访",
    "skip": "免予回访",
    "satisfied": "对整改满意",
    "unsatisfied": "对整改不满意",
    "reopen": "重新整改",
    "set_aside": "评价剔除，终止办理",
    "restore": "评价恢复，继续办理",
    "archive": "归档",
    "urge": "催办",
    "instruct": "督办批示",
    "join": "联合办理",
    "convene": "提请协调会议",
    "conclude": "登记会议结论",
    "relay": "经平台给评价人留言",
    "respond": "回复留言",
    "open_to_clerk": "请窗口人员说明",
    "statement": "窗口人员说明",
    "note": "备注",
    "escalate": "超期上报",
}


class Line(NamedTuple):
    """One way in which an order may move.

    `only_if` names the CONDITIONS that must hold; `unless` a condition under which the order goes elsewhere instead;
    `is_told` that somebody outside the unit hears of it at once, though the order stays where it is.
    """

    source: State
    verb: str
    by: tuple[Part, ...]
    target: State
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    only_if: tuple[str, ...] = ()
    unless: tuple[str, State] | None = None
    is_told: bool = False

    @property
    def label(self) -> str:
        return VERB_NAMES[self.verb]

    @property
    def is_final(self) -> bool:
        """Whether it cannot simply be taken back, so that a page asks again first."""
        return self.target is not self.source or self.unless is not None or self.is_told


S, P = State, Part
_MOVES = (
    Line(S.DISPATCHED, "sign", (P.HANDLER,), S.VERIFYING),
    Line(S.DISPATCHED, "auto_sign", (P.SYSTEM,), S.VERIFYING, only_if=("limit_passed",)),
    Line(S.DISPATCHED, "return", (P.HANDLER,), S.ARBITRATING, ("reason_code", "reason"), only_if=("may_return",)),
    Line(S.ARBITRATING, "assign", (P.ARBITER,), S.DISPATCHED, ("organ", "reason"), may=("co_organs",)),
    Line(S.VERIFYING, "contact", (P.HANDLER, P.OPERATOR), S.VERIFYING, ("way", "result"), only_if=("way_keeps_the_seal",)),
    Line(S.VERIFYING, "relay", (P.HANDLER, P.OPERATOR), S.VERIFYING, ("text",), only_if=("is_reachable", "has_been_answered"), is_told=True),
    Line(S.VERIFYING, "open_to_clerk", (P.HANDLER,), S.VERIFYING, ("clerk", "text"), only_if=("has_clerks",), is_told=True),
    Line(S.VERIFYING, "confirm", (P.HANDLER,), S.RECTIFYING, ("is_true", "is_reasonable", "cause", "severity", "findings")),
    Line(S.VERIFYING, "explain", (P.HANDLER,), S.REVIEWING, ("findings", "basis", "reply"), may=("files",)),
    Line(S.VERIFYING, "appeal", (P.HANDLER, P.CLERK), S.APPEALING, ("kind", "reason", "evidence"), may=("files",), only_if=("appeal_in_time",)),
    Line(S.APPEALING, "uphold", (P.REVIEWER,), S.VOIDED, ("ruling",), only_if=("is_impartial",), unless=("not_ours", S.ARBITRATING)),
    Line(S.APPEALING, "dismiss", (P.REVIEWER,), S.RECTIFYING, ("ruling",), only_if=("is_impartial",)),
    Line(S.VOIDED, "object", (P.CITIZEN,), S.APPEALING, ("reason",), only_if=("may_object", "objection_in_time")),
    Line(S.RECTIFYING, "relay", (P.HANDLER, P.OPERATOR), S.RECTIFYING, ("text",), only_if=("is_reachable", "has_been_answered"), is_told=True),
    Line(S.RECTIFYING, "open_to_clerk", (P.HANDLER,), S.RECTIFYING, ("clerk", "text"), only_if=("has_clerks",), is_told=True),
    Line(S.RECTIFYING, "request_extension", (P.HANDLER,), S.RECTIFYING, ("reason", "until"), only_if=("may_extend", "none_asked", "until_is_near")),
    Line(S.RECTIFYING, "grant_extension", (P.SUPERVISOR,), S.RECTIFYING, ("reason",), only_if=("one_asked", "is_anothers_work")),
    Line(S.RECTIFYING, "refuse_extension", (P.SUPERVISOR,), S.RECTIFYING, ("reason",), only_if=("one_asked", "is_anothers_work")),
    Line(S.RECTIFYING, "submit", (P.HANDLER,), S.REVIEWING, ("measures", "reply"), may=("cause", "files"), only_if=("cause_is_known",)),
    Line(S.REVIEWING, "send_back", (P.SUPERVISOR,), S.RECTIFYING, ("reason",), only_if=("is_anothers_work",)),
    Line(S.REVIEWING, "approve", (P.SUPERVISOR,), S.CALLBACK, only_if=("is_anothers_work",)),
    Line(S.CALLBACK, "record", (P.OPERATOR,), S.CLOSED, ("result",), may=("pressed", "note"), only_if=("was_called", "is_anothers_work"), unless=("tries_are_left", S.CALLBACK)),
    Line(S.CALLBACK, "skip", (P.SYSTEM,), S.CLOSED, only_if=("needs_no_callback", "limit_passed")),
    Line(S.CALLBACK, "satisfied", (P.CITIZEN,), S.CLOSED),
    Line(S.CALLBACK, "unsatisfied", (P.CITIZEN, P.OPERATOR), S.RECTIFYING, ("reason",), may=("pressed", "note"), unless=("second_time", S.CLOSED)),
    Line(S.CLOSED, "reopen", (P.SUPERVISOR, P.SYSTEM), S.RECTIFYING, ("reason",), only_if=("may_reopen", "is_not_archived")),
    Line(S.CLOSED, "archive", (P.SYSTEM,), S.CLOSED, only_if=("archive_is_due",)),
    Line(S.VOIDED, "archive", (P.SYSTEM,), S.VOIDED, only_if=("archive_is_due",)),
    Line(S.VOIDED, "restore", (P.SYSTEM,), S.DISPATCHED, ("reason",), only_if=("was_set_aside",), unless=("has_no_lead", S.ARBITRATING)),
)  # fmt: skip
_ANY = S.DISPATCHED  # stands for every open state
_ANY_OPEN = (
    Line(_ANY, "urge", (P.SUPERVISOR, P.OPERATOR), _ANY, ("text",)),
    Line(_ANY, "instruct", (P.SUPERVISOR,), _ANY, ("text",)),
    Line(_ANY, "join", (P.SUPERVISOR,), _ANY, ("co_organs", "text"), only_if=("has_lead",), is_told=True),
    Line(_ANY, "convene", (P.SUPERVISOR,), _ANY, ("text",), only_if=("is_not_convened",)),
    Line(_ANY, "conclude", (P.SUPERVISOR,), _ANY, ("text",), only_if=("is_convened",)),
    Line(_ANY, "respond", (P.CITIZEN,), _ANY, ("text",), only_if=("was_asked",)),
    Line(_ANY, "statement", (P.CLERK,), _ANY, ("text",), may=("files",)),
    Line(_ANY, "note", (P.SUPERVISOR, P.SYSTEM), _ANY, ("text",)),  # the system notes that a calendar moved a limit
    Line(_ANY, "escalate", (P.SYSTEM,), _ANY, ("to",)),
    Line(_ANY, "set_aside", (P.SYSTEM,), S.VOIDED, ("reason",)),  # the rating left the figures otherwise than by appeal
)  # fmt: skip
MOVES = _MOVES + tuple(
    line._replace(source=state, target=line.target if line.target is not _ANY else state)  # noqa: SLF001  public by its documentation
    for line in _ANY_OPEN
    for state in State
    if state.is_open
)
BY_SOURCE_AND_VERB = {(line.source, line.verb): line for line in MOVES}
VERBS = tuple(dict.fromkeys(line.verb for line in MOVES))
# What may be done to many orders at once: nothing that judges, answers or reports one rater's case.
TOGETHER = frozenset(
    {"sign", "assign", "urge", "instruct", "note", "grant_extension", "refuse_extension", "send_back", "approve"}
)


@dataclass(frozen=True)
class Standing:
    """What conditions ask about: the order, the policy of its dispatch day, and the actor. The defaults hinder nothing."""

    limit_passed: bool = True
    returns_left: int = 1
    appeal_in_time: bool = True
    appeal_kind: str = ""
    objections_left: int = 1
    objection_in_time: bool = True
    extensions_left: int = 1
    extension_asked: bool | None = None  # None: not known
    latest_extension: date = date.max
    today: date = date.min
    needs_callback: bool = False
    tries_left: int = 0  # after this one
    has_telephone: bool = True
    unsatisfied: int = 0
    reopens_left: int = 1
    opens_identity: bool = True
    actor_id: str = ""
    barred: frozenset[str] = frozenset()  # who appealed, and who ruled before
    is_of_rated_organ: bool = False
    hands: frozenset[str] = frozenset()  # who answered it or asked for more time: nobody passes their own work
    has_cause: bool = True
    has_lead: bool = True
    convened: bool | None = None  # None: not known
    is_reachable: bool = True
    unanswered: bool | None = None  # a message to the rater waits for its answer; None: not known
    archive_is_due: bool = True
    is_archived: bool = False
    was_set_aside: bool = True
    offered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # choices that policy or directory allow


class Condition(NamedTuple):
    """Whether it holds; the Chinese no where it must and does not; the fact that is to blame, if one is."""

    holds: Callable[[Standing, Mapping[str, Any]], bool]
    no: str
    field: str = ""


CONDITIONS = {
    "limit_passed": Condition(lambda s, _: s.limit_passed, "本步期限尚未到。"),
    "may_return": Condition(lambda s, _: s.returns_left > 0, "按本地规则，不能退单或退单次数已用完；如确非本单位职责，请在签收后申诉。"),
    "way_keeps_the_seal": Condition(lambda s, f: s.opens_identity or f["way"] not in needs.OPEN_WAYS, "评价人未同意公开身份，只能经平台转接或12345联系。", "way"),
    "appeal_in_time": Condition(lambda s, _: s.appeal_in_time, "申诉期限已过，请整改或解释说明。"),
    "not_ours": Condition(lambda s, _: s.appeal_kind == "not_ours", "非本单位责任"),
    "is_impartial": Condition(lambda s, _: s.actor_id not in s.barred and not s.is_of_rated_organ, "提出申诉的人、已作过裁决的人和被评单位自己的人不能复核，请由其他单位的另一位复核人员处理。"),
    "is_anothers_work": Condition(lambda s, _: s.actor_id not in s.hands, "答复或延期申请是您自己提交的，请由另一人审核、批准或回访。"),
    "cause_is_known": Condition(lambda s, f: s.has_cause or bool(f.get("cause")), "请选择“原因分类”：还没有核实过原因。", "cause"),
    "may_object": Condition(lambda s, _: s.objections_left > 0, "异议只能提出一次，复核结论为最终结论。"),
    "objection_in_time": Condition(lambda s, _: s.objection_in_time, "提出异议的期限已过。"),
    "may_extend": Condition(lambda s, _: s.extensions_left > 0, "延期次数已用完。"),
    "none_asked": Condition(lambda s, _: s.extension_asked is not True, "已有一次延期申请待批。"),
    "until_is_near": Condition(lambda s, f: s.today < date.fromisoformat(f["until"]) <= s.latest_extension, "延期日期应在今天之后，且不超过本地规则允许的最长延期。", "until"),
    "one_asked": Condition(lambda s, _: s.extension_asked is not False, "没有待批的延期申请。"),
    "was_called": Condition(lambda s, f: s.has_telephone or f["result"] == "unreachable", "评价人和办件人都没有留电话，不能登记“满意”或“基本认可”；请选“未联系上”。", "result"),
    "tries_are_left": Condition(lambda s, f: f["result"] == "unreachable" and s.tries_left > 0, "未联系上，还可再拨"),
    "needs_no_callback": Condition(lambda s, _: not s.needs_callback, "此工单须回访。"),
    "second_time": Condition(lambda s, _: s.unsatisfied > 0, "第二次不满意"),
    "may_reopen": Condition(lambda s, _: s.reopens_left > 0, "工单只能重新打开一次。"),
    "is_not_archived": Condition(lambda s, _: not s.is_archived, "工单已归档，不能再打开；评价人仍可追评。"),
    "archive_is_due": Condition(lambda s, _: s.archive_is_due, "归档时间未到，或已经归档。"),
    "was_set_aside": Condition(lambda s, _: s.was_set_aside, "这件工单不是因评价剔除而终止的。"),
    "has_no_lead": Condition(lambda s, _: not s.has_lead, "责任单位未定"),
    "has_lead": Condition(lambda s, _: s.has_lead, "主办单位未定，请先裁定派发。"),
    "is_not_convened": Condition(lambda s, _: s.convened is not True, "已列入协调会议题，请先登记会议结论。"),
    "is_convened": Condition(lambda s, _: s.convened is not False, "这件工单没有列入协调会议题。"),
    "is_reachable": Condition(lambda s, _: s.is_reachable, "评价人和办件人都没有留电话，或已撤回身份，平台无法转达。"),
    "has_been_answered": Condition(lambda s, _: s.unanswered is not True, "上一条留言评价人还没有回复，请不要重复打扰。"),
    "was_asked": Condition(lambda s, _: s.unanswered is not False, "没有等您回复的留言。"),
    "has_clerks": Condition(lambda s, _: s.offered.get("clerk") != {}, "这个窗口没有登记窗口人员账号。"),
}  # fmt: skip


def parts_of(actor: Actor) -> frozenset[Part]:
    """The parts an actor can play. A business system acts for its organ's handlers (contract §3)."""
    if actor.kind != "person":
        part = {"system": Part.SYSTEM, "citizen": Part.CITIZEN, "app": Part.HANDLER}.get(actor.kind)
        return frozenset({part} if part else ())
    return frozenset(part for role in actor.roles for part in PARTS_OF_ROLE.get(role, ()))


def line_for(state: State, verb: str) -> Line:
    """The line of that verb from that state; Refused `unknown_verb` (404) or `not_possible_now` (409)."""
    if verb not in VERBS:
        raise Refused("unknown_verb", 404, f"没有“{verb}”这一操作。")
    line = BY_SOURCE_AND_VERB.get((state, verb))
    if line is None:
        raise Refused(
            "not_possible_now", 409, f"工单现为“{STATE_NAMES[state]}”，不能“{VERB_NAMES[verb]}”，请刷新后再看。"
        )
    return line


def part_for(line: Line, parts: frozenset[Part]) -> Part:
    """The part in which one who plays these parts may take this line; Refused `not_your_part` (403) where none of them may."""
    for part in line.by:
        if part in parts:
            return part
    raise Refused("not_your_part", 403, f"“{line.label}”由{'或'.join(PART_NAMES[by] for by in line.by)}办理。")


def read(line: Line, facts: Mapping[str, Any], standing: Standing) -> dict[str, Any]:
    """The facts of a move in plain JSON types; Refused `facts_refused` (422) that names every wrong or missing field."""
    clean, errors = needs.read(line.verb, line.needs, line.may, standing.offered, facts)
    if errors:
        raise Refused("facts_refused", 422, "".join(error.message for error in errors), errors)
    return clean


def step(state: State, verb: str, part: Part, facts: Mapping[str, Any], standing: Standing | None = None) -> State:
    """The state after `verb`, or a Refused that says why not: 404, 409 for the state, 403 for the part, 422 for a fact."""
    standing = standing or Standing()
    line = line_for(state, verb)
    part_for(line, frozenset({part}))
    clean = read(line, facts, standing)
    for name in line.only_if:
        condition = CONDITIONS[name]
        if not condition.holds(standing, clean):
            if condition.field:
                raise Refused("facts_refused", 422, condition.no, (FieldError(condition.field, name, condition.no),))
            raise Refused(name, 409, condition.no)
    if line.unless and CONDITIONS[line.unless[0]].holds(standing, clean):
        return line.unless[1]
    return line.target


def lines_open_to(state: State, parts: frozenset[Part], standing: Standing) -> list[Line]:
    """The lines that one who plays these parts may take now, before anything is filled in."""
    return [
        line
        for line in MOVES
        if line.source is state
        and parts & set(line.by)
        and all(CONDITIONS[name].field or CONDITIONS[name].holds(standing, {}) for name in line.only_if)
    ]


def diagram() -> str:
    """MOVES as a mermaid state diagram; what keeps the state is left to the table."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state.name_zh}" as {state}' for state in State]
    lines += ["    [*] --> dispatched: 责任单位明确", "    [*] --> arbitrating: 责任单位不明"]
    for line in (*_MOVES, *(line for line in MOVES if line.verb == "set_aside")):
        said = f"{line.label}（{'、'.join(by.name_zh for by in line.by)}）"
        if line.target is not line.source:
            lines.append(f"    {line.source} --> {line.target}: {said}")
        if line.unless and line.unless[1] is not line.source:
            lines.append(f"    {line.source} --> {line.unless[1]}: {said}，{CONDITIONS[line.unless[0]].no}")
    lines += ["    closed --> [*]", "    voided --> [*]"]
    return "\n".join(lines)


def page() -> str:
    """docs/flow.md: the diagram, and every line with its part, its needs and its conditions."""
    rows = [*_MOVES, *_ANY_OPEN]
    table = []
    for n, line in enumerate(rows):
        source, target = str(line.source), str(line.target)
        if n >= len(_MOVES):
            source, target = "any open", "same" if line.target is _ANY else target
        unless = f"; {line.unless[1]} if {line.unless[0]}" if line.unless else ""
        told = ", ".join([*line.needs, *(f"{name}?" for name in line.may)])
        who = ", ".join(line.by)
        table.append(
            f"| {source} | `{line.verb}` {line.label} | {who} | {target}{unless} | {told} | {', '.join(line.only_if)} |"
        )
    return "\n".join((
        "# The life of a bad-rating order",
        "",
        "Made from `haochaping/rectification/workflow.py` by `python -m haochaping.rectification.workflow > docs/flow.md`.",
        "",
        "```mermaid",
        diagram(),
        "```",
        "",
        "| source | verb | by | target | needs | only if |",
        "|---|---|---|---|---|---|",
        *table,
        "",
        "Limits run in every state but `closed` and `voided`; the answer limit runs from dispatch and is never reset.",
        "",
    ))  # fmt: skip


if __name__ == "__main__":
    print(page(), end="")
