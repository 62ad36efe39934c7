"""How a citizen proves who they are, whose rating it is, and what each act does and leaves. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from haochaping.kit.blobs import normal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

CODE_LIVES = timedelta(minutes=5)
TRIES = 5  # at one code
EVERY = timedelta(minutes=1)  # between two codes to one number, or from one browser
A_DAY = timedelta(days=1)
NUMBER_DAILY = 10
BROWSER_DAILY = 20  # a family's telephone, an assistant's tablet
REST = timedelta(minutes=30)  # without a request a visit is over
MOST = timedelta(hours=8)
PER_PAGE = 10
WORDS_MOST = 500

EVALUATOR, APPLICANT = "rater", "applicant"  # `Erasure.by`: in which capacity somebody withdrew

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_NEXT = re.compile(r"/my(/data|/services/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(/[a-z-]{1,20})?)?")


def mobile_of(typed: str) -> str | None:
    """A Chinese mobile number however it was typed, eleven digits; None if it is none."""
    plain = normal(typed[:40])
    return plain if _MOBILE.fullmatch(plain) else None


def code_of(typed: str) -> str:
    """The digits of what was typed, full width and blanks put right."""
    return normal(typed[:20])


def seconds_to_wait(now: datetime, number: Iterable[datetime], browser: Iterable[datetime]) -> int:
    """How long until one more code may be sent, by when codes went to this number and from this browser; 0 for now."""
    waits = [timedelta()]
    for sent, daily in ((sorted(number), NUMBER_DAILY), (sorted(browser), BROWSER_DAILY)):
        if sent:
            waits.append(sent[-1] + EVERY - now)
        if len(sent) >= daily:
            waits.append(sent[-daily] + A_DAY - now)
    return max(0, -(-max(waits) // timedelta(seconds=1)))


def waiting(seconds: int) -> str:
    """So many seconds as people say it."""
    if seconds <= 90:
        return f"{seconds} 秒"
    return f"{-(-seconds // 60)} 分钟" if seconds <= 5400 else f"{-(-seconds // 3600)} 小时"


def way_on(asked: str) -> str:
    """Where to go after the login: a page below /my and nothing else."""
    return asked if _NEXT.fullmatch(asked) else "/my"


class Person(NamedTuple):
    """The blind indexes of somebody; None where they are not known."""

    phone: bytes | None = None
    id: bytes | None = None

    def is_same(self, other: Person | None) -> bool:
        """Whether one of the indexes is known of both and equal."""
        if other is None:
            return False
        pairs = ((self.phone, other.phone), (self.id, other.id))
        return any(mine is not None and mine == theirs for mine, theirs in pairs)

    @property
    def is_nobody(self) -> bool:
        return self.phone is None and self.id is None


def is_raters_own(me: Person, *, applicant: Person | None, rater: Person | None, withdrawn_by: str) -> bool:
    """Whether I may act on this rating as the one who gave it.

    Whoever left a telephone or certificate with it is the rater; where nobody did, or they withdrew it, it is the person
    of the case, unless somebody else withdrew. So a stranger's rating of my case shows me that it is rated, no more.
    """
    if rater is not None and not rater.is_nobody:
        return me.is_same(rater) or (me.is_same(applicant) and rater.is_same(applicant))
    return me.is_same(applicant) and withdrawn_by in {"", APPLICANT}


class Act(NamedTuple):
    """Something that a citizen may do with a rating of theirs: what the page asks, what comes of it, what stays."""

    title: str
    button: str
    comes: str
    stays: str
    asks: str = ""  # the label of the sentence it needs; "" where none is needed
    fact: str = "reason"  # what the order's table calls that sentence
    done: str = ""
    is_grave: bool = False


ANSWER = "respond"
MOVES = {
    ANSWER: Act(
        "回复留言",
        "发送回复",
        "发送后，办理人员看得到您写的话。每条留言可以回复一次。",
        "办理人员看不到您的姓名和电话，您同意公开身份的除外。您写的话以后可以用“撤回我写的文字”删除。",
        "您的回复",
        fact="text",
        done="回复已发送给办理人员。",
    ),
    "satisfied": Act(
        "对整改满意",
        "确认满意",
        "确认后，工单办结。",
        "您原来的评价不变。以后仍可追评一次（还没有追评过的话）。",
        done="已登记：您对整改满意，工单办结。",
    ),
    "unsatisfied": Act(
        "对整改不满意",
        "确认不满意",
        "第一次不满意，退回承办单位重新整改；第二次不满意，工单办结并记为“不满意”，计入该单位的整改情况。",
        "您原来的评价不变。承办单位看得到您写的理由，看不到您是谁，您同意公开身份的除外。",
        "还有什么没有解决？",
        done="已登记：您对整改不满意。",
    ),
    "object": Act(
        "提出异议",
        "提交异议",
        "提交后，由另一位复核人员重新裁定，结论为最终结论。异议只能提一次。",
        "您原来的评价保留；异议成立的，重新计入统计并继续整改。",
        "为什么不同意这个结论？",
        done="异议已提交，由另一位复核人员重新裁定。",
    ),
}
WITHDRAWALS = {
    "withdraw-identity": Act(
        "撤回我的身份",
        "确认撤回身份",
        "撤回后，这条评价里您留下的姓名、证件号码和电话永久删除，任何人都不能再查看；此前同意单位联系您的，一并作废。",
        "满意度、选项和文字保留，仍计入统计；已形成的工单继续办理，但不会再打电话回访您。办件本身的申请人信息由业务部门提供，"
        "不在撤回之列，所以这条记录仍可能列在您的办件下；要删除它，请用“我的数据”里的“删除我的数据”。",
        done="身份已撤回。",
        is_grave=True,
    ),
    "withdraw-words": Act(
        "撤回我写的文字",
        "确认撤回文字",
        "撤回后，您在这条评价、追评和留言回复里写的文字永久删除，不再公开，也不能恢复。",
        "满意度和选项保留，仍计入统计；已形成的工单继续办理。办理人员此前看过的内容，以及他们写的答复，不会因此消失。",
        done="文字已撤回。",
        is_grave=True,
    ),
}


def what_a_follow_up_causes(*, is_open: bool, reopens_by: date | None) -> str:
    """What a bad 追评 does to the order of this rating, in words; `reopens_by`: until when it takes it up again."""
    if is_open:
        return "只有一次机会，建议看到答复、工单办结以后再写：现在写不会另外重新整改。"
    if reopens_by is not None:
        day = f"{reopens_by.year}年{reopens_by.month}月{reopens_by.day}日"
        return f"追评“不满意”或“非常不满意”的，工单重新整改一次，最迟{day}（含当日）提交。"
    return "工单不会因为追评再办一次，承办单位和主管部门看得到您的追评。"


ACTS = MOVES | WITHDRAWALS
DONE = {name: act.done for name, act in ACTS.items()} | {
    "rated": "评价已收到，谢谢您。",
    "follow-up": "追评已收到，谢谢您。",
    "too-late": "这次服务已经评价过，没有重复提交。",
}
