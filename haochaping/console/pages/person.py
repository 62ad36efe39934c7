"""One person: who they are, what they may do, where they are logged in, what was done with their account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts import identity, second_factor, sessions, trail
from haochaping.accounts import people as accounts
from haochaping.accounts.locks import locks
from haochaping.accounts.models import Grant, Person, Session
from haochaping.accounts.queries import actor_of, looked_after
from haochaping.accounts.rules import BELONGS_TO, Act, Role, Scope
from haochaping.console.access import needs
from haochaping.console.pages.people import given, home_of, offered, organ_name, wrongs
from haochaping.console.pages.system import ACTIONS
from haochaping.console.pages.trail import facts_of
from haochaping.console.queries import reach_words
from haochaping.console.rules import IDLE, MAY_OPEN
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def one(request: HttpRequest, pk: int) -> Person:
    """That person, if the actor looks after them; else 404."""
    found = looked_after(actor_of(request)).filter(pk=pk).first()
    if found is None:
        raise accounts.NOT_THERE
    return found


@needs(*MAY_OPEN["people"])
@require_safe
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person, with what the actor may do."""
    actor, now, found = actor_of(request), clock.now(), one(request, pk)
    grants = list(Grant.objects.filter(person=found).order_by("id"))
    may_end = actor.has(BELONGS_TO[Act.END])
    context = {
        "person": found,
        "organ": organ_name(found),
        "phone": accounts.masked_phone(found),
        "grants": [(g, Role(g.role).name_zh, reach_words(Scope(g.area, g.organ, g.window))) for g in grants],
        "locks": locks(actor, now, username=found.username),
        "is_oneself": str(found.pk) == actor.id,
        "may_change": actor.has(BELONGS_TO[Act.CHANGE]),
        "may_grant": actor.has(BELONGS_TO[Act.GRANT]),
        "may_end": may_end,
        "sessions": sessions.live(found, since=now - IDLE) if may_end else [],
        "second": second_factor.is_on(found),
        "linked": identity.is_linked(found),
        "past": sessions.past(found, since=now - IDLE) if may_end else [],
        "history": [
            (row, ACTIONS.get(row.action, row.action), facts_of(row)) for row in trail.of_person(found.username)
        ],
    }
    return render(request, "console/person.html", context)


@needs(BELONGS_TO[Act.CHANGE])
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Name, organ, telephone at work. A telephone is never shown in full: left empty, it stays."""
    actor, found, refused = actor_of(request), one(request, pk), None
    values = {"name": found.name, "organ": f"{found.organ_code} {organ_name(found)}".strip(), "phone": ""}
    if request.method == "POST":
        values = given(request)
        phone = "" if request.POST.get("no_phone") else values["phone"] or None
        try:
            changed = accounts.change_person(
                pk, name=values["name"], home=home_of(values["organ"]), phone=phone, actor=actor, now=clock.now()
            )
        except Refused as no:
            if no.status != 422:
                raise
            refused = no
        else:
            messages.success(request, f"已保存：{'、'.join(changed)}。" if changed else "没有改动。")
            return redirect("console:person", pk)
    context = {"person": found, "values": values, "phone": accounts.masked_phone(found), "organs": offered(actor)}
    return render(request, "console/person_edit.html", context | wrongs(refused), status=422 if refused else 200)


@needs(BELONGS_TO[Act.SWITCH])
@require_http_methods(["GET", "POST"])
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody in no more, or again, with a reason, once it was confirmed."""
    found = one(request, pk)
    turns_off = found.is_active
    ask = {
        "title": "停用" if turns_off else "恢复",
        "words": "停用后立即不能登录，正在用的登录全部结束。授权保留，恢复后照旧；办过的事和留下的记录不受影响。"
        if turns_off
        else "恢复后可以用原来的密码登录，原有授权照旧有效。",
        "asks_reason": True,
    }
    if request.method == "POST":
        reason = request.POST.get("reason", "").replace("\x00", "")
        try:
            accounts.switch(pk, is_active=not turns_off, reason=reason, actor=actor_of(request), now=clock.now())
        except Refused as no:
            return _ask(request, found, ask, no)
        messages.success(request, f"“{found.name}”已{'停用' if turns_off else '恢复'}。")
        return redirect("console:person", pk)
    return _ask(request, found, ask)


@needs(BELONGS_TO[Act.RESET])
@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, pk: int) -> HttpResponse:
    """A new password, shown in this answer and nowhere else."""
    found = one(request, pk)
    ask = {
        "title": "重置密码",
        "words": "确认后原密码立即作废，正在用的登录全部结束。新密码只显示一次，请当面或电话告诉本人；本人下次登录须先改掉它。",
    }
    if request.method == "POST":
        try:
            found, password = accounts.reset_password(pk, actor=actor_of(request), now=clock.now())
        except Refused as no:
            return _ask(request, found, ask, no)
        return render(request, "console/person_password.html", {"person": found, "password": password})
    return _ask(request, found, ask)


@needs(BELONGS_TO[Act.END])
@require_http_methods(["GET", "POST"])
def end_all(request: HttpRequest, pk: int) -> HttpResponse:
    """End every login of somebody."""
    found = one(request, pk)
    ask = {
        "title": "结束全部登录",
        "words": "确认后，此人在所有浏览器上的下一步操作都要重新登录，没有提交的内容会丢失。",
    }
    if request.method == "POST":
        ended = accounts.end_sessions(pk, actor=actor_of(request), now=clock.now())
        messages.success(request, f"已结束“{found.name}”的{ended}处登录。")
        return redirect("console:person", pk)
    return _ask(request, found, ask)


@needs(BELONGS_TO[Act.REMOVE_FACTOR])
@require_http_methods(["GET", "POST"])
def remove_factor(request: HttpRequest, pk: int) -> HttpResponse:
    """Take away a second factor that its owner has lost."""
    found = one(request, pk)
    ask = {
        "title": "移除两步验证",
        "words": "请先当面或按登记的电话核实是本人。确认后，此人原来的验证器和备用码作废，正在用的登录全部结束，"
        "下次只凭密码登录；须用两步验证的角色，登录后要先重新设置。",
    }
    if request.method == "POST":
        try:
            accounts.remove_second_factor(pk, actor=actor_of(request), now=clock.now())
        except Refused as no:
            return _ask(request, found, ask, no)
        messages.success(request, f"“{found.name}”的两步验证已移除。")
        return redirect("console:person", pk)
    return _ask(request, found, ask)


@needs(BELONGS_TO[Act.REMOVE_FACTOR])
@require_http_methods(["GET", "POST"])
def unlink(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget who somebody is at the identity service."""
    found = one(request, pk)
    ask = {
        "title": "解除统一身份认证绑定",
        "words": "确认后，正在用的登录全部结束。下次有人以这个用户名通过统一身份认证登录时，重新绑定；请先核实统一身份认证中的账号是本人的。",
    }
    if request.method == "POST":
        try:
            accounts.unlink_identity(pk, actor=actor_of(request), now=clock.now())
        except Refused as no:
            return _ask(request, found, ask, no)
        messages.success(request, f"“{found.name}”与统一身份认证的绑定已解除。")
        return redirect("console:person", pk)
    return _ask(request, found, ask)


@needs(BELONGS_TO[Act.END])
@require_POST
def end_one(request: HttpRequest, pk: int, session_id: int) -> HttpResponse:
    """End one login."""
    found = one(request, pk)
    known = Session.objects.filter(pk=session_id, person=found).exists()
    if not known:
        raise Refused("session_not_found", 404, "没有这个登录。")
    accounts.end_sessions(pk, actor=actor_of(request), now=clock.now(), session_id=session_id)
    messages.success(request, "这处登录已结束。")
    return redirect("console:person", pk)


def _ask(request: HttpRequest, found: Person, ask: dict[str, Any], refused: Refused | None = None) -> HttpResponse:
    """Once more before it is done; what speaks against it stands above."""
    context = {"person": found, "ask": ask, "refused": refused, "reason": request.POST.get("reason", "")}
    return render(request, "console/person_ask.html", context, status=refused.status if refused else 200)
