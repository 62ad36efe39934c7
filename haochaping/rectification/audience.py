"""Who hears of what, as one table. Pure: from a move, or a limit, to kinds of people and words without a citizen in them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from haochaping.accounts.rules import Role
from haochaping.messaging.rules import NoticeKind
from haochaping.rectification.rules import State
from haochaping.rectification.workflow import Part

ITEM_MOST = 40  # characters of an item's name


class Ear(StrEnum):
    """A circle of people around one order. Whoever cannot see the order is in none of them."""

    ACTING = "acting"  # whoever must act in the state where it stands
    HANDLER = "handler"  # the lead's
    NEW_CO_UNITS = "new_co_units"  # those who got a share just now
    CO_UNITS = "co_units"  # those who owe one
    SUPERVISOR = "supervisor"  # the nearest of the place
    SUPERVISORS = "supervisors"  # all above it
    LEADERS = "leaders"
    CLERK = "clerk"  # to whom it was opened


ROLES = {
    Part.HANDLER: frozenset({Role.HANDLER}),
    Part.ARBITER: frozenset({Role.SUPERVISOR, Role.CITY}),
    Part.SUPERVISOR: frozenset({Role.SUPERVISOR, Role.CITY}),
    Part.REVIEWER: frozenset({Role.REVIEWER}),
    Part.OPERATOR: frozenset({Role.OPERATOR}),
}
ACTING = {
    State.ARBITRATING: Part.ARBITER,
    State.DISPATCHED: Part.HANDLER,
    State.VERIFYING: Part.HANDLER,
    State.APPEALING: Part.REVIEWER,
    State.RECTIFYING: Part.HANDLER,
    State.REVIEWING: Part.SUPERVISOR,
    State.CALLBACK: Part.OPERATOR,
}


class Hears(NamedTuple):
    """What is told to whom. Whoever made the move is told nothing of it, nor is the part that made it of its own task."""

    kind: NoticeKind
    ears: tuple[Ear, ...]
    words: str


K, E = NoticeKind, Ear
OF_MOVES = {
    "open": Hears(K.TASK, (E.ACTING,), "新差评工单"),
    "auto_sign": Hears(K.TASK, (E.ACTING,), "到期未签收，系统已代签收，请核实"),
    "return": Hears(K.TASK, (E.ACTING,), "承办单位退单，请裁定"),
    "assign": Hears(K.TASK, (E.ACTING, E.NEW_CO_UNITS), "派发到本单位，请办理"),
    "appeal": Hears(K.TASK, (E.ACTING,), "承办单位申诉，请复核"),
    "object": Hears(K.TASK, (E.ACTING,), "对裁决有异议，请另行复核"),
    "uphold": Hears(K.NEWS, (E.HANDLER,), "申诉成立，工单终止"),
    "uphold.not_ours": Hears(K.TASK, (E.ACTING,), "经复核不属原单位职责，请重新裁定"),
    "dismiss": Hears(K.TASK, (E.ACTING,), "申诉不成立，请整改"),
    "explain": Hears(K.TASK, (E.ACTING,), "解释说明已提交，请审核"),
    "submit": Hears(K.TASK, (E.ACTING,), "整改结果已提交，请审核"),
    "request_extension": Hears(K.TASK, (E.SUPERVISOR,), "承办单位申请延期，请审批"),
    "grant_extension": Hears(K.NEWS, (E.HANDLER, E.CO_UNITS), "延期已批准"),
    "refuse_extension": Hears(K.NEWS, (E.HANDLER,), "延期未获批准，请按期办理"),
    "send_back": Hears(K.TASK, (E.ACTING,), "审核未通过，发回重办"),
    "approve": Hears(K.TASK, (E.ACTING,), "答复已审核通过，请回访"),
    "unsatisfied": Hears(K.TASK, (E.ACTING,), "对整改不满意，请重新整改"),
    "reopen": Hears(K.TASK, (E.ACTING,), "工单重新打开，请再次整改"),
    "restore": Hears(K.TASK, (E.ACTING,), "评价恢复计入，请继续办理"),
    "set_aside": Hears(K.NEWS, (E.HANDLER,), "评价不计入统计，工单终止"),
    "respond": Hears(K.TASK, (E.ACTING,), "留言已有回复，请查看"),
    "statement": Hears(K.NEWS, (E.HANDLER,), "窗口人员已作说明"),
    "urge": Hears(K.ASKED, (E.ACTING, E.HANDLER), "已催办，请抓紧办理"),
    "instruct": Hears(K.ASKED, (E.ACTING, E.HANDLER), "有督办批示，请查看"),
    "join": Hears(K.ASKED, (E.HANDLER, E.NEW_CO_UNITS), "由多个单位联合办理，请查看分工"),
    "convene": Hears(K.ASKED, (E.HANDLER, E.CO_UNITS), "已列入协调会议题"),
    "conclude": Hears(K.ASKED, (E.HANDLER, E.CO_UNITS), "协调会已有结论，请查看"),
    "open_to_clerk": Hears(K.ASKED, (E.CLERK,), "单位请您说明情况"),
    "escalate.supervisor": Hears(K.RAISED, (E.SUPERVISORS,), "办理超期，请督办"),
    "escalate.leader": Hears(K.RAISED, (E.LEADERS,), "办理严重超期，请督促"),
}
NEAR = Hears(K.DUE, (E.ACTING,), "即将到期")
LATE = Hears(K.LATE, (E.ACTING, E.SUPERVISOR), "已超期")
SHARE_NEAR = Hears(K.DUE, (E.CO_UNITS,), "协办即将到期")
SHARE_LATE = Hears(K.LATE, (E.CO_UNITS, E.HANDLER, E.SUPERVISOR), "协办已超期")


def of_move(verb: str, target: str, to: str = "") -> Hears | None:
    """Who hears of this move; None where nobody need be told (they made it themselves, or it only says how far they are)."""
    if verb == "uphold" and target == State.ARBITRATING:
        verb = "uphold.not_ours"
    elif verb == "escalate":
        verb = f"escalate.{to}"
    elif verb == "unsatisfied" and target == State.CLOSED:
        return None
    return OF_MOVES.get(verb)


def text(words: str, item: str, order_no: str) -> str:
    """As it stands in the list: 新差评工单：食品经营许可（新办）（CP…）."""
    item = item if len(item) <= ITEM_MOST else item[: ITEM_MOST - 1] + "…"
    return f"{words}：{item}（{order_no}）" if item else f"{words}（{order_no}）"
