"""One work order with what one may do with it, and the callback. The list stands in `order_lists`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.console import moves, replying
from haochaping.console.access import needs
from haochaping.console.places import hotline_name
from haochaping.console.rules import MAY_OPEN, may_open
from haochaping.evaluation.papers import ACCEPT
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification import evidence, relay
from haochaping.rectification.cautions import cautions_for
from haochaping.rectification.commands import contribute, look_at_rater, reveal
from haochaping.rectification.consequences.queries import DECIDE, is_own
from haochaping.rectification.consequences.rules import Kind
from haochaping.rectification.effects import rulebook
from haochaping.rectification.facts import facts_for, timeline
from haochaping.rectification.queries import (
    by_number,
    followed_up,
    may_reveal,
    may_see_others_of_rater,
    moves_open_to,
    orders_for,
    parts_for,
    parts_in,
    same_item,
)
from haochaping.rectification.rules import State
from haochaping.rectification.sight import View, view_of
from haochaping.rectification.workflow import VERBS, Part

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.commands import Others, Revealed
    from haochaping.rectification.models import Order

CALLBACK_VERBS = frozenset({"record", "unsatisfied"})
STEERING = frozenset({"urge", "instruct", "join", "convene", "conclude", "note"})  # drawn apart, under 督办
APART = STEERING | {"relay"}  # in sections of their own
OURS = frozenset(
    {"csrfmiddlewaretoken", "seen", "confirmed", "back", "use", "template", "draft", "quote"}
)  # fields of the page, not facts of the move


@needs(*MAY_OPEN["orders"])
@require_safe
def order(request: HttpRequest, order_no: str) -> HttpResponse:
    """One order: what one may know of it, what happened, what one may do now."""
    return show(request, by_number(actor_of(request), order_no))


@needs(*MAY_OPEN["order_move"])
@require_POST
def move(request: HttpRequest, order_no: str, verb: str) -> HttpResponse:
    """Make a move with the facts of its form. What cannot be taken back is asked twice, on a page of its own."""
    actor = actor_of(request)
    found = by_number(actor, order_no)
    if verb not in VERBS:
        raise Refused("unknown_verb", 404, "没有这一操作。")
    typed = moves.typed(request.POST, OURS)
    return _make(request, found, verb, typed)


@needs(Role.OPERATOR)
@require_POST
def callback(request: HttpRequest, order_no: str) -> HttpResponse:
    """The operator's one form after a call: `record` what was said, or `unsatisfied` where the rater still is."""
    found = by_number(actor_of(request), order_no)
    typed = moves.typed(request.POST, OURS)
    verb = "unsatisfied" if typed.get("result") == "unsatisfied" else "record"
    answer = _make(request, found, verb, typed)
    return redirect("console:callbacks") if answer.status_code == 302 else answer  # done: on to the next call


def _make(request: HttpRequest, found: Order, verb: str, typed: dict[str, str]) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    offer = next((offer for offer in moves_open_to(found, actor, now) if offer.verb == verb), None)
    if request.POST.get("back"):
        return show(request, found, verb=verb, typed=typed)
    if (
        offer is not None
        and (helped := replying.helped(found, offer, request.POST, typed, actor=actor, now=now)) is not None
    ):
        return show(request, found, verb=verb, typed=helped)
    is_final = offer is None or not offer.is_final or bool(request.POST.get("confirmed"))
    try:
        outcome = moves.make(
            order_id=found.id,
            seen=request.POST.get("seen", ""),
            verb=verb,
            actor=actor,
            facts=typed,
            now=now,
            is_final=is_final,
        )
    except moves.Moved:
        found = by_number(actor, found.order_no)
        problem = f"这个工单刚刚由别人办理过，现为“{moves.stands_at(found)}”。您的操作没有提交，请看过最新情况再办。"
        return show(request, found, verb=verb, typed=typed, problem=problem, status=409)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        found = by_number(actor, found.order_no)
        problem = "没有提交，请按提示更正。" if no.fields else no.message
        return show(request, found, verb=verb, typed=typed, errors=no.fields, problem=problem, status=no.status)
    if not outcome.is_done and offer is not None:
        (form,) = moves.forms([offer], verb, typed)
        context = {
            "order": found,
            "form": form,
            "typed": typed,
            "after": outcome.after,
            "action": request.path,
            "cautions": cautions_for(found, typed) if "reply" in typed else (),
        }
        return render(request, "console/confirm.html", context)
    label = offer.label if offer else verb
    after = outcome.after
    is_there = orders_for(actor).filter(pk=after.pk).exists()
    changed = after.state != outcome.before.state
    messages.success(
        request, f"{found.order_no} 已办理“{label}”" + (f"，现为“{moves.stands_at(after)}”。" if changed else "。")
    )
    return redirect("console:order", found.order_no) if is_there else redirect("console:orders")


@needs(*MAY_OPEN["reveal"])
@require_POST
def identity(request: HttpRequest, order_no: str) -> HttpResponse:
    """Show the rater's name and number once, to who must call and says why; the rater sees that it was looked at."""
    actor = actor_of(request)
    found = by_number(actor, order_no)
    reason = request.POST.get("reason", "")
    try:
        revealed = reveal(found, actor=actor, reason=reason, now=clock.now())
    except Refused as no:
        if no.status == 404 and no.code == "not_found":
            raise
        return show(request, found, reveal_typed=reason, reveal_error=no.message, status=no.status)
    return show(request, found, revealed=revealed)


@needs(*MAY_OPEN["reveal"])
@require_POST
def others(request: HttpRequest, order_no: str) -> HttpResponse:
    """Show which other orders the same person's ratings opened; that somebody looked is written down."""
    actor = actor_of(request)
    found = by_number(actor, order_no)
    return show(request, found, others=look_at_rater(found, actor=actor, now=clock.now()))


@needs(Role.HANDLER)
@require_POST
def share(request: HttpRequest, order_no: str) -> HttpResponse:
    """A co-unit hands in its share."""
    actor = actor_of(request)
    found = by_number(actor, order_no)
    text = request.POST.get("text", "")
    try:
        contribute(order_id=found.id, actor=actor, text=text, now=clock.now())
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return show(request, found, share_typed=text, share_error=no.message, status=no.status)
    messages.success(request, "协办情况已提交给主办单位。")
    return redirect("console:order", found.order_no)


def show(
    request: HttpRequest,
    found: Order,
    *,
    verb: str = "",
    typed: dict[str, str] | None = None,
    errors: tuple[FieldError, ...] = (),
    problem: str = "",
    revealed: Revealed | None = None,
    others: Others | None = None,
    status: int = 200,
    **more: str,
) -> HttpResponse:
    """The order's page, with what was typed into its forms and what is wrong with it."""
    actor, now = actor_of(request), clock.now()
    forms = moves.forms(moves_open_to(found, actor, now), verb, typed, errors)
    view = view_of(found, actor)
    if view is not View.WHOLE:
        return _show_masked(
            request, found, forms=forms, view=view, verb=verb, problem=problem, status=status, more=more
        )
    events = timeline(found, actor)
    is_calling = actor.has(Role.OPERATOR) and State(found.state) is State.CALLBACK
    calling = moves.calling_form(forms, typed if verb in CALLBACK_VERBS else None, errors) if is_calling else None
    context = {
        "order": found,
        "facts": facts_for(found, actor),
        "followed_up": followed_up(found, actor),
        "timeline": events,
        "forms": [form for form in forms if form.verb not in APART and not (calling and form.verb in CALLBACK_VERBS)],
        "steering": [form for form in forms if form.verb in STEERING],
        "aside": next((e for e in reversed(events) if e.verb == "set_aside"), None) if found.set_aside else None,
        "may_file": not State(found.state).is_open and may_open("order_file", actor.roles),
        "hotline": hotline_name(found.rules_area),
        "said": relay.said(found, actor),
        "talk": next((form for form in forms if form.verb == "relay"), None),
        "may_talk": State(found.state) in relay.STATES and bool(parts_in(found, actor) & {Part.HANDLER, Part.OPERATOR}),
        "calling": calling,
        "tries": rulebook(found).policy.callback.tries,
        "verb_open": verb,
        "problem": problem,
        "wrong": [each for form in forms for each in form.errors] if not calling else calling.errors,
        "may_reveal": may_reveal(found, actor),
        "may_admonish": actor.has(*DECIDE)
        and found.upheld
        and found.appeal_kind == "malicious"
        and not is_own(Kind.ADMONITION, found.organ_path, actor),
        "revealed": revealed,
        **replying.help_for(found, forms, actor, now),
        "same_item": same_item(found, actor) if view_of(found, actor) is not View.OPENED else None,
        "may_see_others": may_see_others_of_rater(found, actor) and actor.has(*MAY_OPEN["reveal"]),
        "others": others,
        "shares": list(parts_for(actor).filter(order_id=found.id)),
        "materials": _materials(found, actor),
        **more,
    }
    return render(request, "console/order.html", context, status=status)


def _show_masked(
    request: HttpRequest,
    found: Order,
    *,
    forms: list[moves.Form],
    view: View,
    verb: str,
    problem: str,
    status: int,
    more: dict[str, str],
) -> HttpResponse:
    """For a clerk and those who only look on: a page of its own, so that nothing new on the other is theirs by oversight."""
    actor = actor_of(request)
    events = timeline(found, actor)
    asked_first = sorted(forms, key=lambda form: form.verb != "statement")  # what they were asked for, before an appeal
    forms = [replace(form, is_open=form.verb == (verb or "statement")) for form in asked_first]
    context = {
        "order_no": found.order_no,
        "seen": found.moves,
        "facts": facts_for(found, actor),
        "is_clerk": view is View.OPENED,
        "timeline": events,
        "ruled": next((event for event in reversed(events) if event.verb in {"uphold", "dismiss"}), None),
        "forms": forms,
        "verb_open": verb,
        "problem": problem,
        "wrong": [each for form in forms for each in form.errors],
        "materials": _materials(found, actor),
        "file_error": more.get("file_error", ""),
    }
    return render(request, "console/order_masked.html", context, status=status)


def _materials(found: Order, actor: Actor) -> dict[str, Any]:
    return {
        "files": evidence.files(found, actor),
        "may_bring": bool(evidence.part_of(found, actor)),
        "accept": ACCEPT,
    }
