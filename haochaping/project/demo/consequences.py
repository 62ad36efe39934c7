"""约谈与通报 in the made-up province: what the rules propose, and what the city's office decided itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from haochaping.analytics.triggers import propose_consequences
from haochaping.kit import clock
from haochaping.rectification.consequences.commands import act, propose
from haochaping.rectification.consequences.models import Consequence
from haochaping.rectification.consequences.rules import Kind, Subject
from haochaping.rectification.models import Order

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.project.demo.home import Home
    from haochaping.project.demo.people import Cast

NOTICE = (
    "近一个月差评集中在三类问题：指南之外要求补材料、承诺网办仍须到场、窗口业务不熟练。请各单位对照办事指南逐项自查，"
    "能当场改的当场改，需要协调系统的报市政务办统筹，两周内书面反馈。"
)
PRAISE = "连续三个月好评稳定，主动为老年人和带小孩的群众提供帮办，值得推广。"
TALK_TITLE = "近期差评较多，约谈单位负责人"
TALK = "请单位负责人到市政务办说明近期差评较多的原因和整改安排，带上整改清单。"


def make(home: Home, cast: Cast, now: datetime) -> None:
    """Repeatable: what stands there already is left alone."""
    propose_consequences(now=now)
    if Consequence.objects.filter(kind=Kind.NOTICE).exists():
        return
    city, region = cast.actors["city"], home.city.ljust(12, "0")
    cases = Order.objects.filter(area_path__startswith=home.city, verdict__in=("satisfied", "accepted")).order_by(
        "order_no"
    )[:3]
    numbers = [order.order_no for order in cases]
    notice = propose(
        Kind.NOTICE, Subject.REGION, region, title="典型差评问题通报", text=NOTICE, cases=numbers, actor=city, now=now
    )
    act(notice.pk, "publish", {}, actor=city, now=now)
    praise = propose(
        Kind.COMMENDATION, Subject.WINDOW, home.window.code, title="表扬窗口", text=PRAISE, actor=city, now=now
    )
    act(praise.pk, "publish", {}, actor=city, now=now)
    talk = propose(Kind.TALK, Subject.ORGAN, home.organ.code, title=TALK_TITLE, text=TALK, actor=city, now=now)
    due = clock.day(now) + timedelta(days=7)
    act(talk.pk, "decide", {"text": TALK, "due": due.isoformat()}, actor=city, now=now)
