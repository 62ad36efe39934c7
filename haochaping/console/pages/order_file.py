"""归档单: the whole file of an order that has ended, on paper, as far as its reader may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.http import require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.console import papers
from haochaping.console.access import needs
from haochaping.console.places import hotline_name
from haochaping.console.queries import area_name
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification import evidence
from haochaping.rectification.facts import facts_for, timeline
from haochaping.rectification.needs import VERDICTS
from haochaping.rectification.queries import by_number
from haochaping.rectification.rules import State
from haochaping.rectification.sight import may_see_files

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@needs(*MAY_OPEN["order_file"], fresh=True)
@require_safe
def order_file(request: HttpRequest, order_no: str) -> HttpResponse:
    """Facts, history, reply, verdict and evidence with its SM3; sealed as the order's page is. Who printed it is written down."""
    actor, now = actor_of(request), clock.now()
    order = by_number(actor, order_no)
    if not may_see_files(order, actor):
        raise Refused("not_your_role", 403, "您只能查看这个工单，不能打印归档单。")
    if State(order.state).is_open:
        raise Refused("not_possible_now", 409, "工单办结以后才有归档单。")
    context = {
        "order": order,
        "facts": facts_for(order, actor),
        "timeline": timeline(order, actor),
        "verdict": VERDICTS.get(order.verdict, ""),
        "evidence": [(each, bytes(each.sm3).hex()) for each in evidence.kept(order, actor)],
        "area": area_name(order.area_path),
        "hotline": hotline_name(order.rules_area),
        "day": clock.day(now),
        "by": actor.name,
    }
    content = papers.pdf("console/papers/order.html", context)
    audit(actor, "print_file", str(order.pk), now=now, facts={"order_no": order.order_no})
    return papers.answer(content, f"归档单_{order.order_no}")
