"""纸质评价: printing forms, bringing them in batch by batch."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.channels.desk.rules import CHECKS
from haochaping.channels.paper import commands, printing, queries, rules
from haochaping.console.access import needs
from haochaping.console.places import OFFERED_MOST, hall_name, hall_of, halls_of
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.evaluation.attachments import ACCEPT
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.channels.models import PaperBatch

RUNS_SHOWN = 8
UPLOAD_MOST = 100 * 1024 * 1024  # bytes of one upload of many scans


@needs(*MAY_OPEN["paper"])
@require_http_methods(["GET", "HEAD", "POST"])
def paper(request: HttpRequest) -> HttpResponse:
    """The batches one may see with how far they are; a new batch, a print order, one form by its number."""
    given = {name: str(value).replace("\x00", "") for name, value in request.POST.items()}
    if request.method == "POST":
        act = _print if given.get("do") == "print" else _open
        try:
            return act(request, given)
        except Refused as no:
            if no.status not in {403, 409, 422}:
                raise
            return _list(request, given, no)
    if number := request.GET.get("number", "").strip():
        return _find(request, number)
    return _list(request, {})


def _find(request: HttpRequest, typed: str) -> HttpResponse:
    number = rules.read_number(typed[:40])
    if number is None:
        wrong = "编号不对：应为 10 位数字，最后一位是校验位，请逐位核对。"
        return _list(request, {"find": typed[:40], "do": "find"}, Refused("malformed", 422, wrong))
    try:
        queries.sheet_for(actor_of(request), number)
    except Refused:
        wrong = "这张表还没有录过，或不在您的工作范围内。请先在它所在的批次里录入。"
        return _list(request, {"find": typed[:40], "do": "find"}, Refused("not_found", 404, wrong))
    return redirect("console:paper_form", number)


def _open(request: HttpRequest, given: dict[str, str]) -> HttpResponse:
    batch = commands.open_batch(
        hall_of(given.get("hall", "")),
        day_of(given.get("day", "")) or clock.today(),
        count_of(given.get("forms", "")),
        actor=actor_of(request),
        now=clock.now(),
    )
    return redirect("console:paper_key", batch.pk)


def _print(request: HttpRequest, given: dict[str, str]) -> HttpResponse:
    run = commands.print_run(
        hall_of(given.get("hall", "")),
        given.get("window", "").strip(),
        count_of(given.get("forms", "")),
        actor=actor_of(request),
        now=clock.now(),
    )
    last = rules.in_parts(rules.number_of(run.year, run.last))
    messages.success(
        request, f"已留出编号 {rules.in_parts(rules.number_of(run.year, run.first))} 至 {last}，请在下面下载打印。"
    )
    return redirect("console:paper")


def _list(request: HttpRequest, given: dict[str, str], refused: Refused | None = None) -> HttpResponse:
    actor = actor_of(request)
    page = Paginator(queries.batches_for(actor), PER_PAGE).get_page(request.GET.get("page"))
    done = queries.progress(page)
    halls = halls_of(actor)
    context = {
        "page": page,
        "lines": [(batch, hall_name(batch.hall_code), done[batch.pk]) for batch in page],
        "halls": halls[:OFFERED_MOST],
        "only_hall": halls[0][1] if len(halls) == 1 else "",
        "runs": [
            {
                "run": run,
                "hall": hall_name(run.hall_code),
                "first": rules.in_parts(rules.number_of(run.year, run.first)),
                "n": run.last - run.first + 1,
                "parts": range(1, printing.parts(run) + 1),
            }
            for run in queries.runs_for(actor)[:RUNS_SHOWN]
        ],
        "given": given,
        "problem": refused.message if refused else "",
        "today": clock.today(),
        "run_most": rules.RUN_MOST,
        "forms_most": rules.FORMS_MOST,
    }
    return render(request, "console/paper.html", context, status=refused.status if refused else 200)


@needs(*MAY_OPEN["paper"])
@require_safe
def forms(request: HttpRequest, run_id: int, part: int) -> HttpResponse:
    """One part of a print order as a PDF; printing it again keeps the numbers and is written down."""
    actor, now = actor_of(request), clock.now()
    run = queries.run_for(actor, run_id)
    if not 1 <= part <= printing.parts(run):
        raise Refused("not_found", 404, "这次印制没有这一份。")
    audit(actor, "download_paper_forms", str(run.pk), now=now, facts={"part": part})
    name = quote(f"纸质评价表_{hall_name(run.hall_code)}_{printing.numbers(run)[0]}_{part}.pdf")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return HttpResponse(printing.pdf(run, part, clock.day(now)), content_type="application/pdf", headers=headers)


@needs(*MAY_OPEN["paper"])
@require_safe
def batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    """One batch: how far it is, its forms, scans, setting one aside."""
    return _draw(request, queries.batch_for(actor_of(request), batch_id))


@needs(*MAY_OPEN["paper"])
@require_POST
def act(request: HttpRequest, batch_id: int, verb: str) -> HttpResponse:
    """Correct the batch's count (recount), set a form aside (void), bring scans in (scans)."""
    actor, now = actor_of(request), clock.now()
    found = queries.batch_for(actor, batch_id)
    given = {name: str(value).replace("\x00", "") for name, value in request.POST.items()}
    try:
        if verb == "recount":
            commands.recount(found, count_of(given.get("forms", "")), actor=actor, now=now)
            messages.success(request, "张数已改。")
        elif verb == "void":
            number, reason = given.get("number", ""), given.get("reason", "")
            sheet = commands.void(found, number, reason, actor=actor, now=now)
            messages.success(request, f"{rules.in_parts(sheet.number)} 已作废，原因已记录。")
        elif verb == "scans":
            return _scans(request, found)
        else:
            raise Refused("unknown_verb", 404, "没有这一操作。")
    except Refused as no:
        if no.status not in {403, 409, 422}:
            raise
        return _draw(request, found, given, no, verb)
    return redirect("console:paper_batch", found.pk)


def _scans(request: HttpRequest, found: PaperBatch) -> HttpResponse:
    if int(request.META.get("CONTENT_LENGTH") or 0) > UPLOAD_MOST:
        raise Refused("too_large", 422, "一次最多传 100 MB，请分几次传。")
    files = request.FILES.getlist("scans")
    if not files:
        raise Refused("required", 422, "请选择扫描件。")
    named = ((file.name or "", file.read()) for file in files)
    wrong = commands.attach_named(found, named, actor=actor_of(request), now=clock.now())
    if kept := len(files) - len(wrong):
        messages.success(request, f"收到扫描件 {kept} 张。")
    for name, why in wrong:
        messages.warning(request, f"{name[:60]}：{why}")
    return redirect("console:paper_batch", found.pk)


def _draw(
    request: HttpRequest,
    found: PaperBatch,
    given: dict[str, str] | None = None,
    refused: Refused | None = None,
    verb: str = "",
) -> HttpResponse:
    actor = actor_of(request)
    page = Paginator(queries.sheets(found), 50).get_page(request.GET.get("page"))
    here = actor.over(area=found.area_path, organ="", window="")
    context: dict[str, Any] = {
        "batch": found,
        "hall": hall_name(found.hall_code),
        "progress": queries.progress([found])[found.pk],
        "page": page,
        "lines": [
            {
                "sheet": sheet,
                "number": rules.in_parts(sheet.number),
                "state": rules.STATE_NAMES[rules.State(sheet.state)],
                "wants_decision": rules.State(sheet.state).wants_decision,
            }
            for sheet in page
        ],
        "may_void": here.has(*CHECKS),
        "given": given or {},
        "problem": refused.message if refused else "",
        "verb": verb,
        "accept": ACCEPT,
        "forms_most": rules.FORMS_MOST,
    }
    return render(request, "console/paper_batch.html", context, status=refused.status if refused else 200)


def count_of(typed: str) -> int:
    """A number as typed; 0, which no command takes, for anything else."""
    typed = typed.strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 6 else 0


def day_of(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        return None
