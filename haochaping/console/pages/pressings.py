"""疑似施压: what raters said of pressure to change their rating, and what was found when somebody looked into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification import pressings as heard

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor

TABS = (("", "待核实"), ("checked", "已核实"))


@needs(*MAY_OPEN["pressings"])
@require_safe
def pressings(request: HttpRequest) -> HttpResponse:
    """For those who supervise, never for those rated; what nobody has looked into comes first."""
    actor = actor_of(request)
    _only_who_may_hear(actor)
    chosen = "checked" if request.GET.get("show") == "checked" else ""
    seen = heard.pressings_for(actor)
    parts = {"": seen.filter(~heard.is_checked()), "checked": seen.filter(heard.is_checked())}
    page = Paginator(parts[chosen], PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": heard.pressed_lines(page, actor),
        "tabs": [(key, title, parts[key].count()) for key, title in TABS],
        "chosen": chosen,
    }
    return render(request, "console/pressings.html", context)


@needs(*MAY_OPEN["pressings"])
@require_http_methods(["GET", "HEAD", "POST"])
def pressing(request: HttpRequest, order_no: str, n: int) -> HttpResponse:
    """One report with what was found so far; who supervises the order writes down what they found."""
    actor = actor_of(request)
    _only_who_may_hear(actor)
    typed = {name: str(request.POST.get(name, "")) for name in ("result", "text")}
    no = None
    if request.method == "POST":
        try:
            heard.check(order_no, n, **typed, actor=actor, now=clock.now())
        except Refused as refused:
            if refused.status != 422:
                raise
            no = refused
        else:
            messages.success(request, f"{order_no} 的核实结果已登记：{heard.RESULTS[typed['result']]}。")
            return redirect("console:pressings")
    lines = heard.pressed_lines([heard.one_for(actor, order_no, n)], actor)
    context = {
        "line": lines[0],
        "typed": typed,
        "no": no,
        "wrong": {error.field: error.message for error in no.fields} if no else {},
        "results": list(heard.RESULTS.items()),
    }
    return render(request, "console/pressing.html", context, status=no.status if no else 200)


def _only_who_may_hear(actor: Actor) -> None:
    if not heard.may_hear_of_pressure(actor):
        raise Refused("not_your_role", 403, "您同时属于被评价的单位，不能查看疑似施压的反映。")
