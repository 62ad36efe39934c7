"""A region's pack by two people: drafted, judged, handed in, approved for a day to come, withdrawn before it."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from typing import Any

import pytest

from haochaping.accounts.models import Audit, Grant, Person
from haochaping.accounts.rules import Actor, Role
from haochaping.kit.errors import Refused
from haochaping.policy import pack_drafts, queries, toml
from haochaping.policy.commands import load_pack, read_pack
from haochaping.policy.models import PolicyDraft, PolicyRule
from tests.cast import NOW, Cast, forget, settle

JULY = date(2026, 7, 1)
QUICK = {"n": 3, "unit": "workday", "stated": False}
NAMES = ("jiangsu", "shenzhen", "qufu", "shanghai")


@pytest.fixture
def cast(db: None) -> Cast:
    return settle()


def second(role: Role = Role.SUPERVISOR, area: str = "32") -> Actor:
    person = Person.objects.create(username=f"second-{area}", name="另一位", password="!", created_at=NOW)
    Grant.objects.create(person=person, role=role, area=area)
    return person.actor()


def drafted(cast: Cast, *, region: str = "32", actor: Actor | None = None, **part: Any) -> PolicyDraft:
    actor = actor or cast.supervisor
    draft = pack_drafts.new_draft(region, name="南京市", actor=actor, now=NOW)
    pack_drafts.save(draft, part or {"reopen": {"times": 2, "stated": False}}, actor=actor, now=NOW)
    return draft


def submitted(cast: Cast, *, day: date = JULY, actor: Actor | None = None, **more: Any) -> PolicyDraft:
    draft = drafted(cast, actor=actor, **more)
    pack_drafts.submit(draft, valid_from=day, note="提速", actor=actor or cast.supervisor, now=NOW)
    draft.refresh_from_db()
    return draft


def approved(cast: Cast, by: Actor, **more: Any) -> PolicyDraft:
    draft = submitted(cast, **more)
    pack_drafts.approve(draft, seen=pack_drafts.fingerprint(draft), actor=by, now=NOW)
    draft.refresh_from_db()
    return draft


def test_an_approved_pack_holds_from_its_day_and_the_old_one_before(cast: Cast) -> None:
    limits = read_pack("jiangsu")["limits"]
    draft = approved(cast, second(), limits=limits | {"sign": {"n": 2, "unit": "day", "stated": False}})
    assert draft.state == "approved"
    assert str(queries.policy_at("3201", JULY - timedelta(days=1)).limits.sign) == "1个工作日"
    assert str(queries.policy_at("3201", JULY).limits.sign) == "2天"
    row = PolicyRule.objects.get(region="32", valid_to=None)
    assert (row.valid_from, row.loaded_by) == (JULY, "省督办起草，另一位批准")
    assert list(Audit.objects.filter(action__startswith="policy_").order_by("id").values_list("action", flat=True)) == [
        "policy_draft", "policy_edit", "policy_submit", "policy_approved",
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["supervisor", "city", "leader", "rectifier", "reviewer", "operator", "clerk", "admin"])
def test_nobody_decides_about_what_they_wrote_nor_without_the_office(cast: Cast, who: str) -> None:
    draft = submitted(cast)
    with pytest.raises(Refused, match="另一位督办或市级主管"):
        pack_drafts.approve(draft, seen=pack_drafts.fingerprint(draft), actor=getattr(cast, who), now=NOW)
    with pytest.raises(Refused, match="另一位督办或市级主管"):
        pack_drafts.refuse(draft, reason="不行", actor=getattr(cast, who), now=NOW)
    assert PolicyRule.objects.filter(region="32").count() == 1


def test_whoever_mended_anothers_draft_does_not_decide_about_it_either(cast: Cast) -> None:
    draft, other = drafted(cast), second()
    pack_drafts.save(draft, {"kiosk": {"days": 60, "stated": False}}, actor=other, now=NOW)
    pack_drafts.submit(draft, valid_from=JULY, note="", actor=cast.supervisor, now=NOW)
    draft.refresh_from_db()
    with pytest.raises(Refused, match="起草、修改过它的人不能审批"):
        pack_drafts.approve(draft, seen=pack_drafts.fingerprint(draft), actor=other, now=NOW)


@pytest.mark.parametrize("who", ["admin", "leader", "foreign_city", "rectifier", "clerk"])
def test_nobody_else_drafts_or_changes_a_regions_pack(cast: Cast, who: str) -> None:
    actor = getattr(cast, who)
    draft = drafted(cast, region="3201", actor=cast.city)
    for act in (
        lambda: pack_drafts.new_draft("3201", name="南京市", actor=actor, now=NOW),
        lambda: pack_drafts.save(draft, {"kiosk": {"days": 9}}, actor=actor, now=NOW),
        lambda: pack_drafts.submit(draft, valid_from=JULY, note="", actor=actor, now=NOW),
        lambda: pack_drafts.drop(draft, actor=actor, now=NOW),
    ):
        with pytest.raises(Refused, match="只有管辖该地区的"):
            act()


def test_a_city_may_not_touch_the_provinces_pack_nor_anybody_the_nations(cast: Cast) -> None:
    for region, actor in (("32", cast.city), ("", cast.supervisor), ("3", cast.supervisor)):
        with pytest.raises(Refused, match="只有管辖该地区的"):
            pack_drafts.new_draft(region, name="x", actor=actor, now=NOW)


def test_a_region_has_one_open_draft(cast: Cast) -> None:
    draft = drafted(cast)
    with pytest.raises(Refused) as no:
        pack_drafts.new_draft("32", name="", actor=second(), now=NOW)
    assert no.value.code == "draft_open"
    pack_drafts.drop(draft, actor=cast.supervisor, now=NOW)
    assert pack_drafts.new_draft("32", name="", actor=cast.supervisor, now=NOW).number == draft.number + 1
    assert drafted(cast, region="3201", actor=cast.city).number == 1, "each region has its own"


def test_a_citys_first_pack_begins_as_the_provinces_and_then_stands_alone(cast: Cast) -> None:
    draft = submitted(cast, region="3201", actor=cast.city, dispatch={"route": "direct", "stated": False})
    assert (draft.body["region"], draft.body["name"], draft.body["pack"]) == ("3201", "南京市", "jiangsu-3201")
    pack_drafts.approve(draft, seen=pack_drafts.fingerprint(draft), actor=second(Role.CITY, "3201"), now=NOW)
    assert queries.policy_at("320102", JULY).dispatch.route == "direct"
    assert queries.policy_at("320102", JULY - timedelta(days=1)).dispatch.route == "hotline"
    assert queries.policy_at("3205", JULY).dispatch.route == "hotline"
    assert queries.policy_at("3201", JULY).limits == queries.policy_at("32", JULY).limits


def test_a_copy_that_changes_nothing_is_no_pack_of_ones_own(cast: Cast) -> None:
    draft = pack_drafts.new_draft("3201", name="南京市", actor=cast.city, now=NOW)
    with pytest.raises(Refused, match="没有可以提交的修订"):
        pack_drafts.submit(draft, valid_from=JULY, note="", actor=cast.city, now=NOW)


@pytest.mark.parametrize("day", [None, date(2026, 6, 10), date(2020, 1, 1)])
def test_a_pack_holds_from_tomorrow_at_the_earliest(cast: Cast, day: date | None) -> None:
    draft = drafted(cast)
    with pytest.raises(Refused, match="生效日期应晚于今天") as no:
        pack_drafts.submit(draft, valid_from=day, note="", actor=cast.supervisor, now=NOW)
    assert no.value.fields[0].field == "valid_from"


def test_once_its_day_has_come_nobody_approves_it_any_more(cast: Cast) -> None:
    draft, late = submitted(cast), NOW + timedelta(days=30)
    with pytest.raises(Refused, match="生效日期已到"):
        pack_drafts.approve(draft, seen=pack_drafts.fingerprint(draft), actor=second(), now=late)


def test_a_section_that_is_wrong_is_refused_by_its_field_and_changes_nothing(cast: Cast) -> None:
    draft = drafted(cast)
    with pytest.raises(Refused) as no:
        pack_drafts.save(draft, {"kiosk": {"days": 0}}, actor=cast.supervisor, now=NOW)
    assert {error.field for error in no.value.fields} == {"kiosk.days", "kiosk.source"}
    draft.refresh_from_db()
    assert draft.body["kiosk"]["days"] == 30


def test_what_another_section_then_lacks_is_told_and_stops_the_hand_in(cast: Cast) -> None:
    draft = drafted(cast)
    kept = {key: title for key, title in draft.body["sources"].items() if key != "normcode"}
    pack_drafts.save(draft, {"sources": kept}, actor=cast.supervisor, now=NOW)
    draft.refresh_from_db()
    assert [error.field for error in pack_drafts.problems(draft)] == ["indicators.source"]
    with pytest.raises(Refused, match=r"indicators\.source"):
        pack_drafts.submit(draft, valid_from=JULY, note="", actor=cast.supervisor, now=NOW)


def test_place_and_day_are_not_for_editing(cast: Cast) -> None:
    draft = drafted(cast)
    pack_drafts.save(draft, {"region": "", "valid_from": "2020-01-01", "pack": "x", "name": "江苏"}, actor=cast.supervisor, now=NOW)  # fmt: skip
    draft.refresh_from_db()
    assert (draft.body["region"], draft.body["pack"], draft.body["name"]) == ("32", "jiangsu", "江苏")


def test_what_was_changed_after_somebody_looked_is_not_approved_unseen(cast: Cast) -> None:
    draft, other = submitted(cast), second()
    seen = pack_drafts.fingerprint(draft)
    pack_drafts.take_back(draft, actor=cast.supervisor, now=NOW)
    pack_drafts.save(draft, {"reopen": {"times": 9, "stated": False}}, actor=cast.supervisor, now=NOW)
    pack_drafts.submit(draft, valid_from=JULY, note="", actor=cast.supervisor, now=NOW)
    with pytest.raises(Refused, match="您看过之后这份稿子又改过"):
        pack_drafts.approve(draft, seen=seen, actor=other, now=NOW)


def test_a_draft_of_rules_that_are_no_longer_those_in_force_is_not_approved(cast: Cast) -> None:
    draft = submitted(cast)
    load_pack(dict(read_pack("jiangsu")) | {"valid_from": date(2026, 6, 20), "name": "江苏省（六月）"}, "ops", NOW)
    with pytest.raises(Refused, match="已不是本稿照抄的那一版"):
        pack_drafts.approve(draft, seen=pack_drafts.fingerprint(draft), actor=second(), now=NOW)


def test_the_next_draft_starts_from_the_scheduled_pack_and_comes_after_it(cast: Cast) -> None:
    approved(cast, second())
    draft = drafted(cast, kiosk={"days": 60, "stated": False})
    assert draft.body["reopen"]["times"] == 2
    with pytest.raises(Refused, match="请把生效日期定在它之后"):
        pack_drafts.submit(draft, valid_from=JULY, note="", actor=cast.supervisor, now=NOW)
    pack_drafts.submit(draft, valid_from=date(2026, 8, 1), note="", actor=cast.supervisor, now=NOW)


def test_a_refused_draft_lives_on_in_the_next(cast: Cast) -> None:
    draft, other = submitted(cast), second()
    with pytest.raises(Refused, match="请写明退回的理由"):
        pack_drafts.refuse(draft, reason=" ", actor=other, now=NOW)
    pack_drafts.refuse(draft, reason="依据不足", actor=other, now=NOW)
    draft.refresh_from_db()
    again = pack_drafts.new_draft("32", name="", actor=cast.supervisor, now=NOW, like=draft)
    assert again.body["reopen"]["times"] == 2
    assert again.base["reopen"]["times"] == 1


def test_two_people_withdraw_a_pack_before_its_day_and_the_old_one_holds_on(cast: Cast) -> None:
    other = second()
    change = approved(cast, other)
    rule = PolicyRule.objects.get(valid_from=JULY)
    with pytest.raises(Refused, match="请写明撤销的理由"):
        pack_drafts.ask_withdrawal(rule, note="", actor=cast.supervisor, now=NOW)
    asked = pack_drafts.ask_withdrawal(rule, note="文件未印发", actor=cast.supervisor, now=NOW)
    with pytest.raises(Refused, match="起草、修改过它的人不能审批"):
        pack_drafts.approve(asked, seen=pack_drafts.fingerprint(asked), actor=cast.supervisor, now=NOW)
    pack_drafts.approve(asked, seen=pack_drafts.fingerprint(asked), actor=other, now=NOW)
    change.refresh_from_db()
    assert change.state == "withdrawn"
    assert queries.policy_at("32", JULY).reopen.times == 1
    assert PolicyRule.objects.get(region="32").valid_to is None


def test_a_pack_in_force_is_not_withdrawn(cast: Cast) -> None:
    rule = PolicyRule.objects.get(region="32")
    with pytest.raises(Refused, match="已经生效，不能撤销"):
        pack_drafts.ask_withdrawal(rule, note="x", actor=cast.supervisor, now=NOW)
    approved(cast, second())
    scheduled = PolicyRule.objects.get(valid_from=JULY)
    asked = pack_drafts.ask_withdrawal(scheduled, note="x", actor=cast.supervisor, now=NOW)
    late = NOW + timedelta(days=40)
    with pytest.raises(Refused, match="生效日期已到"):
        pack_drafts.approve(asked, seen=pack_drafts.fingerprint(asked), actor=second(Role.CITY, ""), now=late)
    assert PolicyRule.objects.filter(valid_from=JULY).exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_pack_goes_out_as_toml_and_comes_back_the_same(name: str) -> None:
    table = read_pack(name)
    assert tomllib.loads(toml.dumps(table)) == table


def test_toml_takes_any_text() -> None:
    table = {"a b": 'quote " back \\ line\n\x7f', "x": {"键": [1, 0.5, True, {"d": date(2026, 1, 1)}], "y": {"z": {}}}}
    assert tomllib.loads(toml.dumps(table)) == table


def test_a_file_comes_in_whole_or_not_at_all(cast: Cast) -> None:
    draft = drafted(cast)
    table = dict(read_pack("jiangsu")) | {"valid_from": JULY, "kiosk": {"days": 45, "stated": False}}
    with pytest.raises(Refused, match="本稿是 32"):
        pack_drafts.bring_in(draft, table | {"region": "3205"}, actor=cast.supervisor, now=NOW)
    with pytest.raises(Refused, match=r"kiosk\.days"):
        pack_drafts.bring_in(draft, table | {"kiosk": {"days": 0, "stated": False}}, actor=cast.supervisor, now=NOW)
    pack_drafts.bring_in(draft, table, actor=cast.supervisor, now=NOW)
    draft.refresh_from_db()
    assert (draft.valid_from, draft.body["kiosk"]["days"], draft.body["reopen"]["times"]) == (JULY, 45, 1)
    forget()
    exported = tomllib.loads(toml.dumps(pack_drafts.table_of(draft)))
    assert exported == table
