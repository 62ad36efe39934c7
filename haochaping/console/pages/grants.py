"""授权: a role within a scope that is picked from the trees of areas and organs; and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from haochaping.accounts import people as accounts
from haochaping.accounts.models import Grant
from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import BELONGS_TO, Act, Role, Scope
from haochaping.channels.windows.queries import place
from haochaping.console import trees
from haochaping.console.access import needs
from haochaping.console.pages.people import organ_name
from haochaping.console.pages.person import one
from haochaping.console.queries import reach_words
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

WINDOWS_MOST = 100
DOES = {
    Role.ADMIN: "建立和停用人员、重置密码，管接口和设备；不授权，不看审计",
    Role.SECURITY: "授予和撤销角色，解除锁定，结束登录；不建人员",
    Role.AUDITOR: "查审计日志；什么都不改",
    Role.LEADER: "看概览和工单，批准指标；不办理工单",
    Role.SUPERVISOR: "所辖地区督办：裁定、审核、延期、督办",
    Role.CITY: "所辖地区督办：裁定、审核、延期、窗口和设备",
    Role.HANDLER: "签收、核实、整改本单位的工单",
    Role.REVIEWER: "裁决申诉",
    Role.CLERK: "看本窗口的汇总，说明情况、申诉",
    Role.OPERATOR: "回访，电话评价",
    Role.ANALYST: "看概览和分析",
    Role.OBSERVER: "只读工单（隐去人名）和概览（人大、政协、媒体）",
}


def _picked(source: Mapping[str, str]) -> dict[str, str]:
    names = ("role", "area", "organ", "window", "q")
    return {name: source.get(name, "").replace("\x00", "").strip()[:100] for name in names}


def _scope(picked: dict[str, str]) -> Scope:
    """The scope that was picked; what is not there is refused, not left out, lest the grant grow wider."""
    known = snapshot()
    if picked["area"] and not any(r.path == picked["area"] for r in known.regions.values()):
        raise Refused("unknown_area", 422, "没有这个地区，请从地区树中重新选择。")
    organ = known.organs.get(picked["organ"])
    if picked["organ"] and organ is None:
        raise Refused("unknown_organ", 422, "没有这个单位，请从单位树中重新选择。")
    if picked["window"] and picked["window"] not in known.windows:
        raise Refused("unknown_window", 422, "没有这个窗口，请重新选择。")
    return Scope(picked["area"], organ.path if organ else "", picked["window"])


@needs(BELONGS_TO[Act.GRANT])
@require_http_methods(["GET", "POST"])
def grant(request: HttpRequest, pk: int) -> HttpResponse:
    """Pick role and scope; the page says what they come to before it is given."""
    actor, found = actor_of(request), one(request, pk)
    picked = _picked(request.POST if request.method == "POST" else request.GET)
    role = Role(picked["role"]) if picked["role"] in set(Role) else None
    own, refused = actor.scopes_as(Role.SECURITY), None
    if request.method == "POST":
        try:
            if role is None:
                raise Refused("role_missing", 422, "请先选择角色。")
            accounts.give(pk, role, _scope(picked), actor=actor, now=clock.now())
        except Refused as no:
            if no.code == accounts.NOT_THERE.code:
                raise
            refused = no
        else:
            messages.success(request, f"已授予“{found.name}”{role.name_zh}。")
            return redirect("console:person", pk)
    context = {
        "person": found,
        "organ": organ_name(found),
        "held": [Role(name).name_zh for name in Grant.objects.filter(person=found).values_list("role", flat=True)],
        "picked": picked,
        "role": role,
        "roles": [(each, DOES[each]) for each in Role],
        "areas": trees.areas(own, picked["area"]),
        "organs": trees.organs(own, picked["area"], picked["organ"], picked["q"]),
        "sees_all": Scope() in own,
        "windows": _windows(own, picked) if role is Role.CLERK else [],
        "refused": refused,
    } | _sum(picked)
    return render(request, "console/grant.html", context, status=refused.status if refused else 200)


def _sum(picked: dict[str, str]) -> dict[str, Any]:
    try:
        scope = _scope(picked)
    except Refused:
        return {"reach": "", "is_everything": False}
    return {"reach": reach_words(scope), "is_everything": scope == Scope()}


def _windows(own: tuple[Scope, ...], picked: dict[str, str]) -> list[tuple[str, str, bool]]:
    """The windows within what was picked: code, name, whether it is the one."""
    known = snapshot()
    organ = known.organs.get(picked["organ"])
    path, found = organ.path if organ else "", []
    for window in known.windows.values():
        at = place(window)
        if not window.is_active or not at.area_path.startswith(picked["area"]) or not at.organ_path.startswith(path):
            continue
        if any(scope.covers(at.area_path, at.organ_path, window.code) for scope in own):
            found.append((window.code, f"{at.hall_name} {window.name}", window.code == picked["window"]))
    return sorted(found, key=lambda line: (not line[2], line[0]))[:WINDOWS_MOST]


@needs(BELONGS_TO[Act.GRANT])
@require_http_methods(["GET", "POST"])
def take(request: HttpRequest, pk: int, grant_id: int) -> HttpResponse:
    """Take a grant back, once it was confirmed."""
    found = one(request, pk)
    row = Grant.objects.filter(pk=grant_id, person=found).first()
    if row is None:
        raise Refused("grant_not_found", 404, "没有这项授权，或它已被撤销。")
    role, reach = Role(row.role).name_zh, reach_words(Scope(row.area, row.organ, row.window))
    is_last = Grant.objects.filter(person=found).count() == 1
    words = f"确认后，“{found.name}”立即不再是{role}（{reach}）。" + (
        "这是此人最后一项授权：正在用的登录全部结束，再登录也打不开业务页面。" if is_last else "其他授权不变。"
    )
    refused = None
    if request.method == "POST":
        try:
            accounts.take(pk, grant_id, actor=actor_of(request), now=clock.now())
        except Refused as no:
            refused = no
        else:
            messages.success(request, f"已撤销“{found.name}”的{role}。")
            return redirect("console:person", pk)
    context = {"person": found, "ask": {"title": f"撤销{role}", "words": words}, "refused": refused}
    return render(request, "console/person_ask.html", context, status=refused.status if refused else 200)
