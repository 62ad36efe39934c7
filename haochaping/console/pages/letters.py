"""意见箱: letters from the box and by e-mail, and what was done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.channels.comments.queries import search, target
from haochaping.channels.comments.rules import FOUND_MOST, Kind
from haochaping.channels.desk.rules import Way
from haochaping.channels.letters import commands, queries, rules
from haochaping.console.access import needs
from haochaping.console.pages.paper import day_of
from haochaping.console.pages.paper_keying import picture
from haochaping.console.places import own_areas
from haochaping.console.queries import area_name
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.directory.queries import snapshot
from haochaping.evaluation import attachments
from haochaping.evaluation.attachments import ACCEPT
from haochaping.evaluation.rules import LEVEL_NAMES
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification.queries import orders_for

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.channels.models import Letter

KINDS = ("all", "opinions", "ratings")
OF_RATING = {"evalDetail": "tags", "writingEvaluation": "words", "proof": "number", "areaCode": "area"}


@needs(*MAY_OPEN["letters"])
@require_safe
def letters(request: HttpRequest) -> HttpResponse:
    """The letters of one's areas: all, opinions without a level, those that became ratings."""
    asked = request.GET.get("kind", "all")
    kind = asked if asked in KINDS else "all"
    rows = queries.letters_for(actor_of(request))
    if kind != "all":
        rows = rows.filter(level__isnull=kind == "opinions")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "lines": [_line(each) for each in page], "kind": kind}
    return render(request, "console/letters.html", context)


def _line(letter: Letter) -> dict[str, Any]:
    return {
        "letter": letter,
        "way": rules.WAY_NAMES[Way(letter.way)],
        "about": _about(letter),
        "words": queries.content(letter).words[:60],
    }


def _about(letter: Letter) -> str:
    known = snapshot()
    if window := known.windows.get(letter.window_code):
        return f"{window.name}（{window.code}）"
    item, organ = known.items.get(letter.task_code), known.organs.get(letter.organ_code)
    if item:
        return item.name
    if hall := known.halls.get(letter.hall_code):
        return hall.name
    return organ.name if organ else area_name(letter.area_path)


@needs(*MAY_OPEN["letters"])
@require_http_methods(["GET", "HEAD", "POST"])
def letter_new(request: HttpRequest) -> HttpResponse:
    """Register a letter. Looking for what it is about keeps what was typed and stores nothing."""
    actor, now = actor_of(request), clock.now()
    if request.method != "POST":
        return _form(request, actor, {})
    typed = {name: str(value).replace("\x00", "") for name, value in request.POST.items()}
    if "find" in typed:
        return _form(request, actor, typed)
    try:
        draft = rules.read(
            typed, request.POST.getlist("consent"), today=clock.day(now), day=day_of(typed.get("day", ""))
        )
        file = request.FILES.get("scan")
        scan = (file.name or "", file.read()) if file else None
        letter = commands.register(draft, actor=actor, now=now, scan=scan)
    except Refused as no:
        if no.status not in {403, 404, 409, 422}:
            raise
        return _form(request, actor, typed, no)
    messages.success(
        request, "已登记，并作为评价入库。" if letter.event_id else "已登记为意见。信里没有写明满意程度，不算评价。"
    )
    return redirect("console:letter", letter.pk)


def _form(request: HttpRequest, actor: Actor, typed: dict[str, str], refused: Refused | None = None) -> HttpResponse:
    wrong = {OF_RATING.get(error.field, error.field): error.message for error in refused.fields} if refused else {}
    text, chosen = typed.get("q", "").strip()[:60], typed.get("target", "")
    context = {
        "typed": typed,
        "consent": request.POST.getlist("consent"),
        "wrong": wrong,
        "problem": refused.message if refused else "",
        "ways": list(rules.WAY_NAMES.items()),
        "levels": [(str(int(each)), LEVEL_NAMES[each]) for each in sorted(LEVEL_NAMES, reverse=True)],
        "areas": own_areas(actor),
        "found": found_places(text) if text else [],
        "chosen": chosen,
        "chosen_name": _name(chosen),
        "is_searched": bool(text),
        "today": clock.today(),
        "accept": ACCEPT,
    }
    return render(request, "console/letter_new.html", context, status=refused.status if refused else 200)


def found_places(text: str) -> list[tuple[str, str]]:
    """Windows, halls, organs and items of that name, each with its key."""
    known = snapshot()
    windows = [
        (f"window:{window.code}", f"窗口　{window.name}（{window.code}），{known.halls[window.hall].name}")
        for window in known.windows.values()
        if window.is_active and window.hall in known.halls and text in f"{window.name}{window.code}"
    ]
    named = {Kind.HALL: "大厅", Kind.ORGAN: "单位", Kind.ITEM: "事项"}
    others = [
        (each.key, f"{word}　{each.name}{'，' + each.where if each.where else ''}")
        for kind, word in named.items()
        for each in search(kind, text)[0][:10]
    ]
    return [*others, *windows[:10]][:FOUND_MOST]


def _name(key: str) -> str:
    if key.startswith("window:"):
        window = snapshot().windows.get(key.removeprefix("window:"))
        return f"{window.name}（{window.code}）" if window else ""
    found = target(key)
    return found.name if found else ""


@needs(*MAY_OPEN["letters"])
@require_safe
def letter(request: HttpRequest, letter_id: UUID) -> HttpResponse:
    """One letter, masked, with what was done about it."""
    return _show(request, queries.letter_for(actor_of(request), letter_id))


@needs(*MAY_OPEN["letters"])
@require_POST
def letter_note(request: HttpRequest, letter_id: UUID) -> HttpResponse:
    """Write down what was done: passed on to an organ, answered, solved."""
    actor = actor_of(request)
    found = queries.letter_for(actor, letter_id)
    text, typed = request.POST.get("text", ""), request.POST.get("organ", "").strip()
    try:
        commands.note(found.pk, text, _organ(typed), actor=actor, now=clock.now())
    except Refused as no:
        if no.status not in {403, 422}:
            raise
        return _show(request, found, text, typed, no)
    messages.success(request, "已记下。")
    return redirect("console:letter", found.pk)


def _organ(typed: str) -> str:
    """An organ by code or whole name; what is neither stays as it is and is refused."""
    return next((organ.code for organ in snapshot().organs.values() if typed == organ.name), typed)


def _show(
    request: HttpRequest, found: Letter, text: str = "", organ: str = "", refused: Refused | None = None
) -> HttpResponse:
    known = snapshot()
    order = orders_for(actor_of(request)).filter(pk=found.event_id).first() if found.event_id else None
    near = [o for o in known.organs.values() if o.is_active and known.area_path(o.area).startswith(found.area_path[:4])]
    context = {
        "letter": found,
        "way": rules.WAY_NAMES[Way(found.way)],
        "about": _about(found),
        "content": queries.content(found),
        "notes": [
            (note, known.organs[note.organ_code].name if note.organ_code in known.organs else "")
            for note in queries.notes(found)
        ],
        "order": order,
        "organs": [(o.code, o.name) for o in near[:300]],
        "text": text,
        "organ": organ,
        "problem": refused.message if refused else "",
    }
    return render(request, "console/letter.html", context, status=refused.status if refused else 200)


@needs(*MAY_OPEN["letters"])
@require_safe
def letter_scan(request: HttpRequest, letter_id: UUID) -> HttpResponse:
    """The scan of a letter."""
    found = queries.letter_for(actor_of(request), letter_id)
    kept = attachments.one(found.scan, "letter") if found.scan else None
    if kept is None:
        raise Refused("not_found", 404, "这封信没有扫描件。")
    return picture(attachments.open_for(found.event_id, kept), kept.name)
