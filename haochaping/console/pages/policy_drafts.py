"""规则稿: a region's pack from draft to approval by two people: its sections as forms, what it changes, and each step."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.console import packdiff, packeffects, packforms, packwords
from haochaping.console import queries as console
from haochaping.console.access import needs
from haochaping.console.pages import policies
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy import approval, pack_drafts, queries
from haochaping.policy.rules import restore

if TYPE_CHECKING:
    from haochaping.policy.models import PolicyDraft

FILE_MOST = 128 * 1024  # bytes of a pack
WRITERS = (Role.SUPERVISOR, Role.CITY)
DONE = {
    "submit": "已提交审批，由管辖该地区的另一位督办或市级主管审批。",
    "take_back": "已撤回。",
    "drop": "已作废。",
    "refuse": "已退回。",
}


@needs(*WRITERS)
@require_POST
def draft(request: HttpRequest) -> HttpResponse:
    """A new draft for the region, like its newest pack, or like one that did not come through."""
    actor = actor_of(request)
    like = policies.found_draft(request, int(request.POST["like"])) if request.POST.get("like", "").isdigit() else None
    region = like.region if like else request.POST.get("region", "")
    try:
        made = pack_drafts.new_draft(region, name=console.area_name(region), actor=actor, now=clock.now(), like=like)
    except Refused as no:
        if no.status != 409:
            raise
        messages.warning(request, no.message)
        return HttpResponseRedirect(f"{reverse('console:policy')}?region={region}")
    messages.success(request, f"已起草第{made.number}版，内容照抄现行规则，请逐节修订。")
    return _to(made)


@needs(*MAY_OPEN["policy_drafts"])
@require_safe
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """The draft: its sections, what it changes and brings about, and what whoever looks may do with it."""
    return _show(request, policies.found_draft(request, pk))


@needs(*WRITERS)
@require_http_methods(["GET", "HEAD", "POST"])
def section(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """One section of a draft as a form; each error beside its field, and nothing that was typed is lost."""
    row = policies.found_draft(request, pk)
    field = packwords.sections().get(name)
    if field is None:
        raise Http404
    if row.state != "draft" or not pack_drafts.may_draft(actor_of(request), row.region):
        raise Refused("not_your_role", 403, pack_drafts.NO_OFFICE)
    typed = packforms.written(field.type, row.body[name], name)
    refused: Refused | None = None
    if request.method == "POST":
        typed = {key: [str(each) for each in values] for key, values in request.POST.lists()}
        try:
            if "more" not in request.POST:
                value = _read(field, typed, name)
                typed = packforms.written(
                    field.type, value, name
                )  # rows that are gone are gone; errors count without them
                pack_drafts.save(row, {name: value}, actor=actor_of(request), now=clock.now())
                messages.success(request, f"已保存“{packwords.LABELS[f'Policy.{name}'].title}”。")
                return _to(row)
        except Refused as no:
            if no.status != 422:
                raise
            refused = no
    errors = packforms.places(refused.fields) if refused else {}
    label = packwords.LABELS[f"Policy.{name}"]
    sources: dict[str, str] = row.body["sources"]
    context = {
        "draft": row,
        "where": console.area_name(row.region),
        "name": name,
        "label": label,
        "node": packforms.draw(field, label, typed, name, errors=errors, sources=sources),
        "wrong": _named(errors),
        "others": [(key, packwords.LABELS[f"Policy.{key}"].title) for key in packwords.sections()],
    }
    return render(request, "console/policy_section.html", context, status=422 if refused else 200)


@needs(*WRITERS)
@require_POST
def bring_in(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a TOML file into a draft, all or nothing."""
    row, file = policies.found_draft(request, pk), request.FILES.get("file")
    try:
        if file is None or file.size is None or file.size > FILE_MOST:
            raise Refused("fields_refused", 422, f"请选择一个不超过 {FILE_MOST // 1024} KB 的 TOML 文件。")
        try:
            table = tomllib.loads(file.read().decode("utf-8-sig"))
        except ValueError as error:  # not TOML, or not UTF-8
            raise Refused("policy_refused", 422, f"不是有效的 TOML（UTF-8）文件：{error}") from None
        pack_drafts.bring_in(row, table, actor=actor_of(request), now=clock.now())
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, row, no, at="import")
    messages.success(request, "已导入，请核对下面的变化。")
    return _to(row)


@needs(*MAY_OPEN["policy_drafts"], fresh=True)
@require_safe
def export(request: HttpRequest, pk: int) -> HttpResponse:
    """The draft as a TOML file."""
    row = policies.found_draft(request, pk)
    return policies.as_file(pack_drafts.table_of(row), f"{row.body['pack']}-draft-{row.number}")


@needs(*WRITERS)
@require_http_methods(["GET", "HEAD", "POST"])
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """What will be once it is approved, to be confirmed; then it is loaded."""
    row, refused = policies.found_draft(request, pk), None
    if request.method == "POST":
        posted = request.POST
        try:
            if not posted.get("checked"):
                message = "请先核对，再勾选“我已核对”。"
                raise Refused("fields_refused", 422, message, (FieldError("checked", "required", message),))
            pack_drafts.approve(
                row,
                seen=posted.get("seen", ""),
                reason=posted.get("reason", ""),
                actor=actor_of(request),
                now=clock.now(),
            )
        except Refused as no:
            if no.status not in {409, 422}:
                raise
            refused = no
        else:
            messages.success(request, "已批准。" if row.kind == "change" else "已同意撤销，原规则继续适用。")
            return _to(row)
    row = policies.found_draft(request, pk)
    if row.state != "submitted" or not pack_drafts.may_decide(actor_of(request), row):
        if refused is None:
            raise Refused("not_your_role", 403, "这份规则稿现在不由您审批：状态已变，或您参与过起草、修改。")
        return _show(request, row, refused)
    context = _facts(request, row) | {"seen": pack_drafts.fingerprint(row), "refused": refused, "typed": request.POST}
    return render(request, "console/policy_approve.html", context, status=refused.status if refused else 200)


@needs(*WRITERS)
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that an approved pack never comes into force."""
    rule = policies.found_pack(request, pk)
    try:
        made = pack_drafts.ask_withdrawal(
            rule, note=request.POST.get("note", ""), actor=actor_of(request), now=clock.now()
        )
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        messages.warning(request, no.message)
        return HttpResponseRedirect(reverse("console:policy_version", args=[pk]))
    messages.success(request, "已申请撤销，由另一位督办或市级主管审批。")
    return _to(made)


@needs(*WRITERS)
@require_POST
def act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Submit, take back, drop, refuse."""
    row, actor, now, posted = policies.found_draft(request, pk), actor_of(request), clock.now(), request.POST
    try:
        match act:
            case "submit":
                day, note = _day(posted.get("valid_from", "")), posted.get("note", "")
                pack_drafts.submit(row, valid_from=day, note=note, actor=actor, now=now)
            case "take_back":
                pack_drafts.take_back(row, actor=actor, now=now)
            case "drop":
                pack_drafts.drop(row, actor=actor, now=now)
            case "refuse":
                pack_drafts.refuse(row, reason=posted.get("reason", ""), actor=actor, now=now)
            case _:
                raise Http404
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, row, no, at=act)
    messages.success(request, DONE[act])
    return _to(row)


def _show(request: HttpRequest, row: PolicyDraft, refused: Refused | None = None, at: str = "") -> HttpResponse:
    row = policies.found_draft(request, row.pk)
    actor = actor_of(request)
    may_write = pack_drafts.may_draft(actor, row.region)
    context = _facts(request, row) | {
        "may_edit": row.state == "draft" and may_write,
        "may_take_back": row.state == "submitted" and may_write,
        "may_decide": row.state == "submitted" and pack_drafts.may_decide(actor, row),
        "may_copy": row.kind == "change" and row.state in {"refused", "dropped", "withdrawn"} and may_write,
        "is_own": actor.id in row.authors,
        "tomorrow": clock.today() + timedelta(days=1),
        "typed": request.POST,
        "refused": refused,
        "at": at,
        "wrong": _named(packforms.places(refused.fields)) if refused else [],
    }
    return render(request, "console/policy_draft.html", context, status=refused.status if refused else 200)


def _facts(request: HttpRequest, row: PolicyDraft) -> dict[str, Any]:
    """What the draft changes and brings about; a withdrawal is told as the way back to what held before."""
    base, body = restore(row.base), restore(row.body)
    before, after = (body, base) if row.kind == "withdrawal" else (base, body)
    changes = packdiff.changes(before, after)
    is_open = row.state in approval.OPEN
    day = row.valid_from or clock.today() + timedelta(days=1)
    problems = packforms.places(tuple(pack_drafts.problems(row))) if is_open else {}
    counted = {key: sum(change.key == key for change in changes) for key in packwords.sections()}
    return {
        "draft": row,
        "state": policies.STATES[row.state],
        "kind": policies.KINDS[row.kind],
        "where": console.area_name(row.region),
        "whose": console.area_name(base.region),
        "is_first": base.region != row.region,
        "base_from": base.valid_from,
        "changes": changes,
        "figures": sum(change.is_figure for change in changes),
        "sections": [(key, packwords.LABELS[f"Policy.{key}"].title, n) for key, n in counted.items()],
        "problems": _named(problems),
        "day": day,
        "examples": packeffects.examples(before, after, day, queries.calendar(row.region)) if is_open else [],
        "orders": packeffects.open_orders(row.region, actor_of(request)) if is_open else None,
        "below": packeffects.below(row.region, day) if is_open else None,
    }


def _read(field: Any, typed: packforms.Typed, name: str) -> Any:
    errors: list[FieldError] = []
    value = packforms.read(field.type, typed, name, errors)
    if errors:
        raise Refused("fields_refused", 422, errors[0].message, tuple(errors))
    return value


def _named(errors: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """Each error with its field, its section and the field's name in words."""
    return [(path, path.split(".")[0], packwords.way(path), message) for path, message in errors.items()]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _to(row: PolicyDraft) -> HttpResponse:
    return HttpResponseRedirect(reverse("console:policy_draft", args=[row.pk]))
