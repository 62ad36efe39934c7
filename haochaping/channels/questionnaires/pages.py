"""`/q/{code}`: answer a questionnaire. Anonymous, once a browser, without a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from haochaping.channels.comments.queries import target
from haochaping.channels.pages import VISIT
from haochaping.channels.questionnaires import commands, queries
from haochaping.channels.questionnaires.rules import TEXT_MOST, Ask, Standing
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.channels.models import Questionnaire


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, code: str) -> HttpResponse:
    """The questions while it is open; afterwards, and once answered, a word of thanks."""
    now = clock.now()
    known = queries.open_one(code[:8], clock.day(now))
    if known is None:
        return render(request, "channels/questionnaires/unknown.html", status=404)
    found, stands = known
    browser = request.COOKIES.get(VISIT, "")[:64]
    if stands is not Standing.OPEN:
        return render(request, "channels/questionnaires/over.html", {"found": found, "stands": stands}, status=410)
    if queries.has_answered(found.code, browser):
        return render(request, "channels/questionnaires/thanks.html", {"found": found})
    if request.method != "POST":
        page = _form(request, found)
    else:
        browser = browser or ids.new_token()
        try:
            commands.answer(found, dict(request.POST.lists()), browser=browser, now=now)
        except Refused as no:
            if no.status != 422:
                raise
            page = _form(request, found, no)
        else:
            page = HttpResponseRedirect(request.path)
            page.status_code = 303
    if VISIT not in request.COOKIES:
        page.set_cookie(VISIT, browser or ids.new_token(), httponly=True, samesite="Lax", secure=request.is_secure())
    return page


def _form(request: HttpRequest, found: Questionnaire, refused: Refused | None = None) -> HttpResponse:
    wrong = {error.field: error.message for error in refused.fields} if refused else {}
    lines = []
    for n, question in enumerate(queries.questions_of(found), 1):
        given = request.POST.getlist(f"q{n}")
        lines.append(
            {
                "n": n,
                "name": f"q{n}",
                "question": question,
                "is_text": question.ask == Ask.TEXT,
                "is_many": question.ask == Ask.MULTIPLE,
                "choices": [(place, name, str(place) in given) for place, name in enumerate(question.choices)],
                "typed": given[0] if given and question.ask == Ask.TEXT else "",
                "wrong": wrong.get(f"q{n}", ""),
            }
        )
    about = target(found.target) if found.target else None
    context = {"found": found, "lines": lines, "wrong": wrong, "about": about, "text_most": TEXT_MOST}
    return render(request, "channels/questionnaires/answer.html", context, status=422 if refused else 200)
