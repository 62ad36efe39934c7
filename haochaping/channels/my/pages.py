"""`/my`: all my services over all departments, and what I may do with each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003  the routes' own type

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.channels import forms
from haochaping.channels.forms import Draft
from haochaping.channels.my import access, acts, data, queries, rules
from haochaping.channels.my.access import for_citizens, see_other
from haochaping.channels.queries import offered, subject
from haochaping.channels.rules import pf_of
from haochaping.evaluation.rules import Level
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.channels.my.queries import Citizen


@require_safe
@for_citizens
def services(request: HttpRequest, me: Citizen) -> HttpResponse:
    """`/my`: newest first, a page at a time."""
    page, lines = queries.page_of(me, request.GET.get("page", "1"), rules.PER_PAGE, clock.now())
    return render(request, "channels/my/services.html", {"me": me, "page": page, "lines": lines})


@require_safe
@for_citizens
def service(request: HttpRequest, me: Citizen, event_id: UUID) -> HttpResponse:
    """One service: its rating, each step of its order, who looked at my identity, what I may do."""
    found = queries.one(me, event_id, clock.now())
    done = rules.DONE.get(request.GET.get("done", ""), "")
    moves = [(verb, rules.MOVES[verb]) for verb in found.verbs if verb != rules.ANSWER]
    context = {"me": me, "found": found, "done": done, "moves": moves, "by": found.line.until}
    return render(request, "channels/my/service.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizens
def rate(request: HttpRequest, me: Citizen, event_id: UUID) -> HttpResponse:
    """The rating form that everybody gets, without the fields for who one is: that is proved."""
    now = clock.now()
    found = queries.one(me, event_id, now)
    if not found.line.is_open:
        return see_other(f"/my/services/{event_id}")
    if request.method != "POST":
        return _rating_form(request, me, found, Draft())
    draft, is_anonymous = Draft.read(request.POST), "anonymous" in request.POST
    pf = pf_of(request.headers.get("User-Agent", ""))
    try:
        is_first = acts.rate(me, event_id, draft, is_anonymous=is_anonymous, pf=pf, now=now)
    except Refused as no:
        if no.status != 422:
            raise
        return _rating_form(request, me, found, draft, no, is_anonymous=is_anonymous)
    return see_other(f"/my/services/{event_id}?done={'rated' if is_first else 'too-late'}")


def _rating_form(
    request: HttpRequest,
    me: Citizen,
    found: queries.Service,
    draft: Draft,
    refused: Refused | None = None,
    *,
    is_anonymous: bool = False,
) -> HttpResponse:
    norms = offered(found.event, pf_of(request.headers.get("User-Agent", "")), clock.today())
    context = forms.context(subject(found.event), draft, norms, refused)
    context |= {"me": me, "is_anonymous": is_anonymous}
    return render(request, "channels/my/rate.html", context, status=422 if refused else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizens
def follow_up(request: HttpRequest, me: Citizen, event_id: UUID) -> HttpResponse:
    """追评: a level and a sentence, once."""
    now = clock.now()
    found = queries.rated_by(me, event_id, now)
    if not found.may_follow_up:
        return see_other(f"/my/services/{event_id}")
    level, words = request.POST.get("level", ""), request.POST.get("words", "")
    refused: Refused | None = None
    if request.method == "POST":
        try:
            acts.follow_up(me, event_id, level=level, text=words, now=now)
        except Refused as no:
            if no.status != 422:
                raise
            refused = no
        else:
            return see_other(f"/my/services/{event_id}?done=follow-up")
    context = {
        "me": me,
        "found": found,
        "scale": [(n, forms.NAME_PARTS[Level(n)], level == str(n)) for n in range(5, 0, -1)],
        "words": words,
        "refused": refused,
        "wrong": {error.field: error.message for error in refused.fields} if refused else {},
    }
    return render(request, "channels/my/follow_up.html", context, status=422 if refused else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizens
def act(request: HttpRequest, me: Citizen, event_id: UUID, name: str) -> HttpResponse:
    """One act: the page says what comes of it and what stays, and asks; only the button does it."""
    now = clock.now()
    wanted = rules.ACTS.get(name)
    found = queries.rated_by(me, event_id, now)
    if wanted is None:
        raise Refused("not_found", 404, "没有这个操作。")
    if request.method != "POST" and name not in found.acts:
        return see_other(
            f"/my/services/{event_id}"
        )  # done already, or not yet: the page of the service says how it stands
    reason = request.POST.get("reason", "")
    refused: Refused | None = None
    if request.method == "POST":
        try:
            acts.act(me, event_id, name, reason=reason, now=now)
        except Refused as no:
            if no.status != 422:
                raise
            refused = no
        else:
            return see_other(f"/my/services/{event_id}?done={name}")
    context = {"me": me, "found": found, "act": wanted, "reason": reason, "refused": refused}
    context["is_answer"] = name == rules.ANSWER
    return render(request, "channels/my/act.html", context, status=422 if refused else 200)


@require_safe
@for_citizens
def my_data(request: HttpRequest, me: Citizen) -> HttpResponse:
    """`/my/data`: what is kept of me, a copy of it, its deletion."""
    return render(request, "channels/my/data.html", {"me": me, "count": queries.mine(me).count()})


@require_safe
@for_citizens
def copy(_request: HttpRequest, me: Citizen, kind: str) -> HttpResponse:
    """My data as a file: `json`, or `zip` with sheets."""
    now = clock.now()
    if kind == "json":
        body, mime = data.as_json(me, now), "application/json; charset=utf-8"
    else:
        body, mime = data.as_zip(me, now), "application/zip"
    name = f"my-data-{clock.day(now):%Y%m%d}.{kind}"
    return HttpResponse(body, mime, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizens
def forget(request: HttpRequest, me: Citizen) -> HttpResponse:
    """`/my/delete`: what goes, what stays; done by a tick and the button."""
    now = clock.now()
    problem = ""
    if request.method == "POST":
        if "understood" in request.POST:
            done = data.forget(me, now=now)
            answer = render(request, "channels/my/forgotten.html", {"done": done})
            answer.delete_cookie(access.COOKIE, path=access.PATH)
            answer.delete_cookie(access.BROWSER, path=access.PATH)
            return answer
        problem = "请先勾选“我知道删除后不能恢复”。"
    needed = len(queries.still_needed(me, now) & queries.cases_of(me))
    context: dict[str, Any] = {"me": me, "needed": needed, "problem": problem}
    return render(request, "channels/my/delete.html", context, status=422 if problem else 200)
