"""Every write to a region's drafts of its pack 规则稿: made by one person, approved by another, loaded by `load_pack`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import IntegrityError, transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import Role
from haochaping.kit import clock
from haochaping.kit.crypto import sm3
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy import approval, queries, sets
from haochaping.policy.commands import load_pack, unload_pack
from haochaping.policy.models import PolicyDraft, PolicyRule
from haochaping.policy.rules import parse, restore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor
    from haochaping.policy.rules import Policy

TIES = ("pack", "region", "valid_from")  # what ties a pack to its place and day; nobody edits these
NO_OFFICE = "只有管辖该地区的督办或市级主管可以起草、修改规则。"


def may_draft(actor: Actor, region: str) -> bool:
    """A supervisor or a city's office whose scope is this region or one above, for any region but the nation."""
    over = actor.over(area=region, organ="")
    return len(region) in sets.LETTERS and over.has(Role.SUPERVISOR, Role.CITY)


def may_decide(actor: Actor, draft: PolicyDraft) -> bool:
    """Another person with the same office over the region: never one who worked on it."""
    return may_draft(actor, draft.region) and actor.id not in draft.authors


def new_draft(region: str, *, name: str, actor: Actor, now: datetime, like: PolicyDraft | None = None) -> PolicyDraft:
    """A draft like the region's newest pack, or like the nearest ancestor's under the region's own `name`.

    `like` takes over the words and figures of one that was refused, dropped or withdrawn. Refused 403, 409 `no_policy`
    without anything to copy, 409 `draft_open` if one is open.
    """
    if not may_draft(actor, region):
        raise Refused("not_your_role", 403, NO_OFFICE)
    newest = queries.newest_pack(region)
    if newest is None:
        raise Refused("no_policy", 409, "上级还没有规则包可以照抄：请系统管理员先用 hcp policy load 装载。")
    body = dict(newest.body)
    if newest.region != region:
        body |= {"region": region, "name": name, "pack": f"{re.sub(r'-[0-9]+$', '', newest.pack)}-{region}"}
    if like is not None:
        body = {**like.body, **{key: body[key] for key in TIES}}
    draft = _make(region, body, newest.body, actor=actor, now=now)
    _audit(actor, "draft", draft, now)
    return draft


@transaction.atomic
def save(draft: PolicyDraft, part: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    """Put whole sections (or the name, the sources) into a draft; Refused 422 with what `parse` says of just these.

    What other sections then want is told by `problems`, and must be mended before the draft can be handed in.
    """
    row = _draft(draft, actor)
    body = {**row.body, **{key: value for key, value in part.items() if key not in TIES}}
    if wrong := [error for error in _judged(body) if _section(error) in part]:
        raise Refused("policy_refused", 422, wrong[0].message, tuple(wrong))
    before, row.body = row.body, _plain(body)
    approval.touch(row, actor)
    _audit(actor, "edit", row, now, sections=[key for key in part if before.get(key) != row.body.get(key)])


@transaction.atomic
def bring_in(draft: PolicyDraft, table: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    """Put a whole pack from a file into a draft, or nothing of it; its day is taken over if it is to come."""
    row = _draft(draft, actor)
    policy = parse(table)
    if policy.region != row.region:
        message = f"文件里的 region 是 {policy.region or '全国'}，本稿是 {row.region}：请改成 {row.region} 再导入。"
        raise Refused("policy_refused", 422, message, (FieldError("region", "not_allowed", message),))
    if policy.valid_from > clock.day(now):
        row.valid_from = policy.valid_from
    row.body = _plain({**table, **{key: row.body[key] for key in TIES}})
    approval.touch(row, actor)
    _audit(actor, "edit", row, now, sections=["*"])


@transaction.atomic
def submit(draft: PolicyDraft, *, valid_from: date | None, note: str, actor: Actor, now: datetime) -> None:
    """Hand a draft in for approval, for a day to come; Refused where nothing is changed or `parse` has something to say."""
    row = _draft(draft, actor)
    row.valid_from, row.note = approval.day_to_come(valid_from, now), note.strip()[:200]
    _refuse_unsound(row)
    approval.hand_in(row, actor, now)
    _audit(actor, "submit", row, now, valid_from=str(valid_from))


@transaction.atomic
def ask_withdrawal(rule: PolicyRule, *, note: str, actor: Actor, now: datetime) -> PolicyDraft:
    """Ask that a pack whose day has not come never comes into force; it is gone once a second person agrees."""
    if not may_draft(actor, rule.region):
        raise Refused("not_your_role", 403, NO_OFFICE)
    if not note.strip():
        message = "请写明撤销的理由。"
        raise Refused("fields_refused", 422, message, (FieldError("note", "required", message),))
    if rule.valid_from <= clock.day(now):
        raise Refused("too_late", 409, "这一版已经生效，不能撤销：请另起草一版，从新的日期起改回来。")
    before = queries.pack_before(rule)
    draft = _make(rule.region, rule.body, before.body if before else rule.body, actor=actor, now=now, kind="withdrawal")
    draft.valid_from, draft.note = rule.valid_from, note.strip()[:200]
    approval.hand_in(draft, actor, now)
    _audit(actor, "ask_withdrawal", draft, now, valid_from=str(rule.valid_from))
    return draft


@transaction.atomic
def take_back(draft: PolicyDraft, *, actor: Actor, now: datetime) -> None:
    """A submitted draft may be worked on again; what asked for a withdrawal is given up."""
    row = approval.locked(draft, "submitted")
    if not may_draft(actor, row.region):
        raise Refused("not_your_role", 403, NO_OFFICE)
    row.state = "draft" if row.kind == "change" else "dropped"
    row.save(update_fields=["state"])
    _audit(actor, "take_back", row, now)


@transaction.atomic
def drop(draft: PolicyDraft, *, actor: Actor, now: datetime) -> None:
    """Give a draft up; it stays to be read."""
    row = _draft(draft, actor)
    row.state = "dropped"
    row.save(update_fields=["state"])
    _audit(actor, "drop", row, now)


@transaction.atomic
def refuse(draft: PolicyDraft, *, reason: str, actor: Actor, now: datetime) -> None:
    """Not approved, and why; what it holds can be taken over into a new draft."""
    row = _deciding(draft, actor)
    approval.decide(row, "refused", approval.reason_given(reason), actor, now)
    _audit(actor, "refused", row, now)


@transaction.atomic
def approve(draft: PolicyDraft, *, seen: str, reason: str = "", actor: Actor, now: datetime) -> None:
    """The pack is loaded for its day, or the one that was not to be is taken out again.

    `seen` is the fingerprint of what was shown to whoever approves: Refused 409 if it is another by now, if the day has
    come meanwhile, or if what it was copied from is no longer what it would replace.
    """
    row = _deciding(draft, actor)
    if seen != fingerprint(row):
        raise Refused("moved_on", 409, "您看过之后这份稿子又改过：请刷新页面，核对后再批准。")
    day = approval.day_in_time(row, now)
    if row.kind == "withdrawal":
        unload_pack(row.region, day, now)
        gone = PolicyDraft.objects.filter(region=row.region, valid_from=day, kind="change", state="approved")
        gone.update(state="withdrawn")
    else:
        _refuse_unsound(row)
        load_pack(table_of(row), f"{row.made_by}起草，{actor.name}批准", now)
    approval.decide(row, "approved", reason, actor, now)
    _audit(actor, "approved", row, now, kind=row.kind, valid_from=str(day))


def problems(draft: PolicyDraft) -> list[FieldError]:
    """What must be mended before the draft can be handed in; the day apart."""
    return _judged(draft.body)


def table_of(draft: PolicyDraft) -> dict[str, Any]:
    """The draft as a pack's table, for its day if it has one."""
    return dict(draft.body) | ({"valid_from": draft.valid_from} if draft.valid_from else {})


def policies_of(draft: PolicyDraft) -> tuple[Policy, Policy]:
    """What it was copied from, and what it says."""
    return restore(draft.base), restore(draft.body)


def fingerprint(draft: PolicyDraft) -> str:
    """What somebody saw when they decide: content and day."""
    return sm3(msgspec.json.encode([draft.kind, str(draft.valid_from), draft.body], order="sorted")).hex()


def _make(region: str, body: Any, base: Any, *, actor: Actor, now: datetime, kind: str = "change") -> PolicyDraft:
    packs = PolicyRule.objects.filter(region=region)
    try:
        with transaction.atomic():
            return PolicyDraft.objects.create(
                region=region,
                number=max(
                    approval.next_number(PolicyDraft, region), packs.count() + 1
                ),  # those loaded from a file count
                kind=kind,
                body=body,
                base=base,
                authors=[actor.id],
                made_by=actor.name,
                made_at=now,
            )
    except IntegrityError:
        raise Refused("draft_open", 409, "该地区已有一份起草中或待审批的规则稿，请先完成或作废它。") from None


def _refuse_unsound(row: PolicyDraft) -> None:
    assert row.valid_from is not None  # asked before
    before, after = policies_of(row)
    if _same(before, after):
        raise Refused("no_change", 422, "和现行规则一样，没有可以提交的修订。")
    parse(table_of(row))
    newest = queries.newest_pack(row.region)
    if newest is not None and newest.region == row.region and newest.valid_from >= row.valid_from:
        message = f"该地区已有规则自 {newest.valid_from} 起生效，请把生效日期定在它之后；还没有生效的也可以先撤销。"
        raise Refused("policy_day_taken", 409, message, (FieldError("valid_from", "not_allowed", message),))
    if queries.policy_at(row.region, row.valid_from) != before:
        message = (
            f"起草以后规则又变过：{row.valid_from} 适用的已不是本稿照抄的那一版。请作废本稿另起草，可以先导出再导入。"
        )
        raise Refused("draft_outdated", 409, message, (FieldError("valid_from", "not_allowed", message),))


def _same(before: Policy, after: Policy) -> bool:
    """Whether nothing but place and day differs; a place that copies its ancestor has a name of its own in any case."""
    name = after.name if after.region == before.region else before.name
    tied = {"pack": before.pack, "region": before.region, "valid_from": before.valid_from}
    return bool(msgspec.structs.replace(after, name=name, **tied) == before)


def _judged(body: Mapping[str, Any]) -> list[FieldError]:
    try:
        parse(body)
    except Refused as no:
        return list(no.fields)
    return []


def _section(error: FieldError) -> str:
    return re.split(r"[.\[]", error.field)[0]


def _plain(table: Mapping[str, Any]) -> Any:
    return msgspec.to_builtins(dict(table))


def _draft(draft: PolicyDraft, actor: Actor) -> PolicyDraft:
    row = approval.locked(draft, "draft")
    if not may_draft(actor, row.region):
        raise Refused("not_your_role", 403, NO_OFFICE)
    return row


def _deciding(draft: PolicyDraft, actor: Actor) -> PolicyDraft:
    row = approval.locked(draft, "submitted")
    if not may_decide(actor, row):
        raise Refused("not_your_role", 403, "规则由管辖该地区的另一位督办或市级主管审批，起草、修改过它的人不能审批。")
    return row


def _audit(actor: Actor, what: str, row: PolicyDraft, now: datetime, **facts: object) -> None:
    audit(actor, f"policy_{what}", str(row), now=now, facts=facts)
