"""评价规则: the packs in force, every version a region had, and what differs between any two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.queries import actor_of
from haochaping.console import packdiff, packs
from haochaping.console import queries as console
from haochaping.console.access import needs
from haochaping.console.places import own_and_below, works_near
from haochaping.console.rules import MAY_OPEN
from haochaping.directory.rules import is_probe_area
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.policy import approval, pack_drafts, queries, sets, toml
from haochaping.policy.rules import restore

if TYPE_CHECKING:
    from datetime import date

    from haochaping.accounts.rules import Actor
    from haochaping.policy.models import PolicyDraft, PolicyRule
    from haochaping.policy.rules import Policy, Rule

STATES = {
    "draft": ("起草中", "chip-warn"),
    "submitted": ("待审批", "chip-warn"),
    "approved": ("已批准", "chip-good"),
    "refused": ("已退回", "chip-bad"),
    "dropped": ("已作废", "chip-plain"),
    "withdrawn": ("生效前撤销", "chip-plain"),
}
KINDS = {"change": "修订", "withdrawal": "撤销"}


class Side(NamedTuple):
    """One of two packs to be compared: how it stands in an address, what it is called, what it says."""

    key: str
    title: str
    policy: Policy


@needs(*MAY_OPEN["policy"])
@require_safe
def policy(request: HttpRequest) -> HttpResponse:
    """The pack that holds in a region today, in plain words; its versions and drafts for those who work on them."""
    actor, today = actor_of(request), clock.today()
    region = region_of(request, actor)
    chosen = _in_force(region, today)
    days = queries.calendar(region)
    context: dict[str, Any] = {
        "region": region,
        "where": console.area_name(region),
        "regions": [(key, console.area_name(key)) for key in regions_of(actor)],
        "chosen": chosen,
        "whose": console.area_name(chosen.region) if chosen else "",
        "chapters": packs.chapters(chosen.policy) if chosen else [],
        "years": [(year, days.knows(year)) for year in (today.year, today.year + 1)],
    }
    if may_read(actor, region):
        drafts = queries.policy_drafts(region)
        context |= {
            "is_inside": True,
            "versions": [(row, standing(row, today)) for row in queries.packs_of(region)],
            "drafts": [(draft, STATES[draft.state], KINDS[draft.kind]) for draft in drafts],
            "may_draft": pack_drafts.may_draft(actor, region),
            "open": next((draft for draft in drafts if draft.state in approval.OPEN), None),
            "sides": _sides(region),
        }
    return render(request, "console/policy.html", context)


@needs(*MAY_OPEN["policy_drafts"])
@require_safe
def version(request: HttpRequest, pk: int) -> HttpResponse:
    """One version as it was loaded, in plain words; who made and who approved it; what it changed."""
    row, actor, today = found_pack(request, pk), actor_of(request), clock.today()
    before, said = queries.pack_before(row), restore(row.body)
    made = [
        draft
        for draft in queries.policy_drafts(row.region)
        if draft.valid_from == row.valid_from and draft.state == "approved" and draft.kind == "change"
    ]
    waiting = [draft for draft in queries.policy_drafts(row.region) if draft.state in approval.OPEN]
    context = {
        "row": row,
        "where": console.area_name(row.region),
        "state": standing(row, today),
        "policy": said,
        "chapters": packs.chapters(said),
        "draft": made[0] if made else None,
        "before": before,
        "changes": packdiff.changes(restore(before.body), said) if before else [],
        "may_withdraw": row.valid_from > today and pack_drafts.may_draft(actor, row.region) and not waiting,
        "waiting": waiting[0] if waiting and row.valid_from > today else None,
    }
    return render(request, "console/policy_version.html", context)


@needs(*MAY_OPEN["policy_drafts"], fresh=True)
@require_safe
def version_export(request: HttpRequest, pk: int) -> HttpResponse:
    """The version as a TOML file that `hcp policy load` and the editor take."""
    row = found_pack(request, pk)
    return as_file(row.body, f"{row.pack}-{row.valid_from}")


@needs(*MAY_OPEN["policy_drafts"])
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """What differs between any two versions or drafts of a region."""
    region = region_of(request, actor_of(request))
    if not may_read(actor_of(request), region):
        raise _nothing()
    sides = _sides(region)
    chosen = [next((side for side in sides if side.key == request.GET.get(name)), None) for name in ("a", "b")]
    one, other = chosen
    context = {
        "region": region,
        "where": console.area_name(region),
        "sides": sides,
        "one": one,
        "other": other,
        "changes": packdiff.changes(one.policy, other.policy) if one and other else [],
    }
    return render(request, "console/policy_compare.html", context)


def as_file(table: Any, name: str) -> HttpResponse:
    answer = HttpResponse(toml.dumps(table), content_type="application/toml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.toml"'
    return answer


def found_pack(request: HttpRequest, pk: int) -> PolicyRule:
    row = queries.pack(pk)
    if row is None or not may_read(actor_of(request), row.region):
        raise _nothing()
    return row


def found_draft(request: HttpRequest, pk: int) -> PolicyDraft:
    draft = queries.policy_draft(pk)
    if draft is None or not may_read(actor_of(request), draft.region):
        raise _nothing()
    return draft


def may_read(actor: Actor, region: str) -> bool:
    """Who works with rules, for what lies in, above or below where they work."""
    return actor.has(*MAY_OPEN["policy_drafts"]) and works_near(actor, region)


def standing(row: PolicyRule, today: date) -> tuple[str, str]:
    """How a loaded pack stands today: words and chip."""
    if row.valid_from > today:
        return "待生效", "chip-warn"
    return ("现行", "chip-good") if row.valid_to is None or today < row.valid_to else ("已被替代", "chip-plain")


def region_of(request: HttpRequest, actor: Actor) -> str:
    """The region asked for; without one the nearest to where this person works."""
    known = regions_of(actor)
    asked = request.GET.get("region", request.POST.get("region", ""))
    if asked in known:
        return asked
    own = [scope.area for scope in actor.scopes if scope.area in known]
    return own[0] if own else next(iter(known), "")


def regions_of(actor: Actor) -> list[str]:
    """Every region with a pack or draft of its own, where this person works, and one step below."""
    known = own_and_below(actor) | queries.regions_with_packs()
    return sorted(region for region in known if len(region) in sets.LETTERS and not is_probe_area(region))


def _in_force(region: str, today: date) -> Rule | None:
    try:
        return queries.book().rule_at(region, today)
    except Refused:
        return None


def _sides(region: str) -> list[Side]:
    """Everything of the region that can be compared, newest first, and what holds above it."""
    found = [
        Side(f"draft-{draft.pk}", f"规则稿第{draft.number}版（{STATES[draft.state][0]}）", restore(draft.body))
        for draft in queries.policy_drafts(region)
        if draft.kind == "change" and draft.state != "approved"
    ]
    found += [
        Side(f"pack-{row.pk}", f"{row.valid_from} 起的规则", restore(row.body)) for row in queries.packs_of(region)
    ]
    newest = queries.newest_pack(region[:-1])
    if newest is not None:
        title = f"{console.area_name(newest.region)} {newest.valid_from} 起的规则"
        found.append(Side(f"pack-{newest.pk}", title, restore(newest.body)))
    return found


def _nothing() -> Refused:
    return Refused("no_such_policy", 404, "没有这一版规则，请从“评价规则”里重新选择。")
