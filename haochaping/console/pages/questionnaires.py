"""主动征询 in the console: draft, approve by a second person, publish, close, read what came of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.channels.comments.queries import target
from haochaping.channels.pages import qr_svg
from haochaping.channels.questionnaires import commands, queries, rules
from haochaping.channels.questionnaires.commands import APPROVES, DRAFTS
from haochaping.channels.questionnaires.rules import ASK_NAMES, QUESTIONS_MOST, STANDING_NAMES, Standing
from haochaping.channels.sheets import write_csv
from haochaping.console.access import needs
from haochaping.console.pages.letters import found_places
from haochaping.console.pages.paper import day_of
from haochaping.console.places import own_areas
from haochaping.console.queries import area_name
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.channels.models import Questionnaire


@needs(*MAY_OPEN["questionnaires"])
@require_safe
def questionnaires(request: HttpRequest) -> HttpResponse:
    """The questionnaires of one's areas, the newest first."""
    actor, today = actor_of(request), clock.today()
    page = Paginator(queries.questionnaires_for(actor), PER_PAGE).get_page(request.GET.get("page"))
    answers = queries.answers([found.code for found in page])
    lines = []
    for found in page:
        stands = rules.standing(found.state, found.starts, found.ends, today)
        is_out = stands in {Standing.OPEN, Standing.OVER}
        lines.append(
            {
                "found": found,
                "stands": stands,
                "word": STANDING_NAMES[stands],
                "where": area_name(found.area_path),
                "answers": answers.get(found.code, 0) if is_out else None,
            }
        )
    context = {"page": page, "lines": lines, "may_draft": actor.has(*DRAFTS)}
    return render(request, "console/questionnaires.html", context)


@needs(*MAY_OPEN["questionnaires"])
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, code: str = "") -> HttpResponse:
    """Write a draft, or go on with one. Looking for what it is about keeps what was typed and stores nothing."""
    actor = actor_of(request)
    found = queries.found_for(actor, code) if code else None
    if found is not None and found.state != rules.State.DRAFT:
        raise Refused("not_a_draft", 409, "已经送审或发布的征询不能再改。")
    if not actor.has(*DRAFTS):
        raise commands.NOT_YOURS
    if request.method != "POST":
        return _form(request, actor, code, _typed(found) if found else {})
    typed = {name: str(value).replace("\x00", "") for name, value in request.POST.items()}
    if "find" in typed:
        return _form(request, actor, code, typed)
    try:
        starts, ends = day_of(typed.get("starts", "")), day_of(typed.get("ends", ""))
        if starts is None or ends is None:
            rules.refuse([("starts", "请填写开始和结束日期。")])
        assert starts is not None and ends is not None  # refused above  # noqa: PT018
        kept = commands.draft(
            title=typed.get("title", "").strip(),
            purpose=typed.get("purpose", "").strip(),
            questions=rules.read_questions(typed),
            area=typed.get("area", ""),
            target=typed.get("target", ""),
            starts=starts,
            ends=ends,
            actor=actor,
            now=clock.now(),
            code=code,
        )
    except Refused as no:
        if no.status not in {403, 422}:
            raise
        return _form(request, actor, code, typed, no)
    messages.success(request, "草稿已存。请看一遍，没有问题就送审。")
    return redirect("console:questionnaire", kept.code)


def _typed(found: Questionnaire) -> dict[str, str]:
    """A draft as its form would be typed."""
    typed = {
        "title": found.title,
        "purpose": found.purpose,
        "area": found.area,
        "target": found.target,
        "starts": found.starts.isoformat(),
        "ends": found.ends.isoformat(),
    }
    for n, question in enumerate(queries.questions_of(found), 1):
        typed |= {f"ask-{n}": question.ask, f"text-{n}": question.text, f"options-{n}": "\n".join(question.options)}
        if question.is_required:
            typed[f"required-{n}"] = "1"
    return typed


def _form(
    request: HttpRequest, actor: Actor, code: str, typed: dict[str, str], refused: Refused | None = None
) -> HttpResponse:
    wrong = {error.field: error.message for error in refused.fields} if refused else {}
    chosen = target(typed.get("target", ""))
    text = typed.get("q", "").strip()[:60]
    context: dict[str, Any] = {
        "code": code,
        "typed": typed,
        "wrong": wrong,
        "problem": refused.message if refused else "",
        "areas": own_areas(actor),
        "blocks": [
            {
                "n": n,
                "ask": typed.get(f"ask-{n}", "level"),
                "text": typed.get(f"text-{n}", ""),
                "options": typed.get(f"options-{n}", ""),
                "is_required": f"required-{n}" in typed,
                "wrong": wrong.get(f"text-{n}") or wrong.get(f"options-{n}") or wrong.get(f"ask-{n}", ""),
            }
            for n in range(1, QUESTIONS_MOST + 1)
        ],
        "asks": list(ASK_NAMES.items()),
        "found": [pair for pair in found_places(text) if not pair[0].startswith("window:")] if text else [],
        "is_searched": bool(text),
        "chosen": chosen,
        "today": clock.today(),
        "days_most": rules.DAYS_MOST,
    }
    return render(request, "console/questionnaire_edit.html", context, status=refused.status if refused else 200)


@needs(*MAY_OPEN["questionnaires"])
@require_safe
def questionnaire(request: HttpRequest, code: str) -> HttpResponse:
    """One questionnaire: its questions, where it stands, its address and QR code, what came of it."""
    return _show(request, queries.found_for(actor_of(request), code))


def _show(request: HttpRequest, found: Questionnaire, refused: Refused | None = None) -> HttpResponse:
    actor, stands = actor_of(request), rules.standing(found.state, found.starts, found.ends, clock.today())
    here = actor.over(area=found.area_path, organ="")
    is_out = stands in {Standing.OPEN, Standing.COMING, Standing.OVER}
    url = f"{settings.PUBLIC_URL}/q/{found.code}"
    context = {
        "found": found,
        "stands": stands,
        "word": STANDING_NAMES[stands],
        "where": area_name(found.area_path),
        "about": target(found.target) if found.target else None,
        "questions": [(question, ASK_NAMES[rules.Ask(question.ask)]) for question in queries.questions_of(found)],
        "url": url if is_out else "",
        "qr": qr_svg(url) if stands in {Standing.OPEN, Standing.COMING} else "",
        "answers": queries.answers([found.code]).get(found.code, 0) if is_out else 0,
        "results": queries.results_of(found) if stands in {Standing.OPEN, Standing.OVER} else [],
        "fewest": rules.FEWEST,
        "may_draft": here.has(*DRAFTS),
        "may_settle": here.has(*APPROVES) and actor.id not in {found.made_by_id, found.sent_by_id},
        "problem": refused.message if refused else "",
    }
    return render(request, "console/questionnaire.html", context, status=refused.status if refused else 200)


@needs(*MAY_OPEN["questionnaires"])
@require_POST
def act(request: HttpRequest, code: str, verb: str) -> HttpResponse:
    """Send it to be approved, approve it, give it back, close it."""
    actor, now = actor_of(request), clock.now()
    found = queries.found_for(actor, code)
    try:
        match verb:
            case "send":
                commands.send(code, actor=actor, now=now)
                messages.success(request, "已送审，等另一个人审批。")
            case "approve":
                commands.settle(code, approves=True, remark="", actor=actor, now=now)
                messages.success(request, "已审批，到开始日期自动开放。")
            case "return":
                commands.settle(code, approves=False, remark=request.POST.get("remark", ""), actor=actor, now=now)
                messages.success(request, "已退回修改。")
            case "close":
                if "sure" not in request.POST:
                    raise Refused("ask_first", 422, "结束后不能再开。确定要结束，请勾选“确定结束”再按。")
                commands.close(code, actor=actor, now=now)
                messages.success(request, "征询已结束。")
            case _:
                raise Refused("unknown_verb", 404, "没有这一操作。")
    except Refused as no:
        if no.status not in {403, 409, 422}:
            raise
        return _show(request, found, no)
    return redirect("console:questionnaire", code)


@needs(*MAY_OPEN["questionnaires"], fresh=True)
@require_safe
def export(request: HttpRequest, code: str) -> HttpResponse:
    """What came of it as CSV, with the same silence about few."""
    actor = actor_of(request)
    found = queries.found_for(actor, code)
    out = io.StringIO(newline="")
    head, rows = queries.table(found)
    n = write_csv(out, head, rows)
    audit(actor, "export", f"questionnaire {code}", now=clock.now(), facts={"rows": n})
    name = quote(f"征询结果_{found.title}.csv")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "X-Row-Count": str(n)}
    return HttpResponse(out.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8", headers=headers)
