"""评价规则 through its pages: draft, edit section by section, preview, submit, confirm by a second person, withdraw, compare."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import Role
from haochaping.console import packforms, packwords
from haochaping.kit import clock
from haochaping.kit.clock import held_at
from haochaping.policy import pack_drafts, queries, toml
from haochaping.policy.commands import read_pack
from haochaping.policy.models import PolicyDraft, PolicyRule
from haochaping.rectification.effects import rulebook
from tests.cast import NOW
from tests.console.stage import Forms, bad_order, text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=10)
HOME = "/console/policy/"
DRAFTS = HOME + "drafts/"


@pytest.fixture(autouse=True)
def at_that_hour():
    with held_at(LATER):
        yield


@pytest.fixture
def draft(as_):
    as_("supervisor").post(HOME + "draft", {"region": "32"})
    return PolicyDraft.objects.get()


@pytest.fixture
def second(cast):
    other = Person.objects.create(username="second", name="另一位督办", password="!", created_at=NOW)
    Grant.objects.create(person=other, role=Role.SUPERVISOR, area="32")
    return other


def edit(client, draft, section, **changed):
    """Open a section, change some fields, save."""
    url, field = f"{DRAFTS}{draft.pk}/section/{section}", packwords.sections()[section]
    draft.refresh_from_db()
    typed = packforms.written(field.type, draft.body[section], section)
    typed |= {f"{section}.{name.replace('__', '.')}": value for name, value in changed.items()}
    return client.post(url, typed)


def page_of(client, draft):
    return text(client.get(f"{DRAFTS}{draft.pk}/").content.decode())


def submit(client, draft, day="2026-07-01"):
    return client.post(f"{DRAFTS}{draft.pk}/submit", {"valid_from": day, "note": "提速"})


def confirm(client, draft):
    page = client.get(f"{DRAFTS}{draft.pk}/approve").content.decode()
    (sent,) = [form["values"] for form in Forms(page).found if "seen" in form["values"]]
    return client.post(f"{DRAFTS}{draft.pk}/approve", {"seen": sent["seen"], "checked": "1"})


def test_everybody_reads_the_rules_and_few_their_making(as_, draft):
    for who in ("clerk", "rectifier", "observer", "analyst"):
        page = as_(who).get(HOME + "?region=32").content.decode()
        assert "差评办理期限" in page
        assert "规则稿" not in text(page)
        assert as_(who).get(f"{DRAFTS}{draft.pk}/").status_code == 403
    for who in ("admin", "leader", "city"):
        page = as_(who).get(f"{DRAFTS}{draft.pk}/").content.decode()
        assert "起草中" in page
        assert "提交审批</button>" not in page
        assert as_(who).get(f"{DRAFTS}{draft.pk}/section/limits").status_code == 403
        assert submit(as_(who), draft).status_code == 403


def test_a_draft_of_another_city_is_not_there(as_):
    as_("city").post(HOME + "draft", {"region": "3201"})
    own = PolicyDraft.objects.get()
    assert as_("city").get(f"{DRAFTS}{own.pk}/").status_code == 200
    client = as_("foreign_city")
    for url in ("", "section/limits", "export", "approve"):
        assert client.get(f"{DRAFTS}{own.pk}/{url}").status_code == 404
    for url in ("submit", "import", "drop", "refuse", "approve", "take_back", "section/kiosk"):
        assert client.post(f"{DRAFTS}{own.pk}/{url}").status_code == 404
    assert client.get(f"{DRAFTS}4040404/").status_code == 404
    assert client.post(HOME + "draft", {"like": own.pk}).status_code == 404
    assert client.post(HOME + "draft", {"region": "3201"}).status_code == 403
    assert PolicyDraft.objects.count() == 1


def test_every_section_opens_with_what_stands_in_it(as_, draft):
    client = as_("supervisor")
    for name in packwords.sections():
        answer = client.get(f"{DRAFTS}{draft.pk}/section/{name}")
        assert answer.status_code == 200, name
        assert packwords.LABELS[f"Policy.{name}"].title in answer.content.decode()
    assert client.get(f"{DRAFTS}{draft.pk}/section/moon").status_code == 404


def test_a_form_sent_back_as_it_stands_changes_nothing(as_, draft):
    client, before = as_("supervisor"), pack_drafts.policies_of(draft)[1]
    for name in packwords.sections():
        assert edit(client, draft, name).status_code == 302, name
    draft.refresh_from_db()
    assert pack_drafts.policies_of(draft)[1] == before


def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(as_, draft):
    client = as_("supervisor")
    answer = edit(client, draft, "limits", sign__n=["两"], sign__note=["打字打到一半"], rectify__simple__n=["9"])
    page = answer.content.decode()
    assert answer.status_code == 422
    assert '<a href="#limits.sign.n">差评办理期限 · 签收 · 数值</a>：请填整数' in page
    assert 'value="两"' in page
    assert 'value="打字打到一半"' in page
    answer = edit(client, draft, "limits", rectify__simple__n=["9"], sign__note=["还在"])
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "简单、一般、复杂的时限应依次不减" in page
    assert 'value="还在"' in page
    answer = edit(client, draft, "kiosk", stated=[], source=[""])
    assert "请写明出处；没有出处的写 stated = false" in answer.content.decode()


def test_another_row_can_be_asked_for_without_saving(as_, draft):
    reasons = {
        "returns.reasons.4.code": ["moved"],
        "returns.reasons.4.name": ["窗口已撤"],
        "returns.reasons.rows": ["5"],
    }
    client = as_("supervisor")
    answer = client.post(f"{DRAFTS}{draft.pk}/section/returns", {**reasons, "more": "returns.reasons"})
    assert answer.status_code == 200
    assert 'name="returns.reasons.rows" value="6"' in answer.content.decode()
    draft.refresh_from_db()
    assert len(draft.body["returns"]["reasons"]) == 4


def test_the_preview_names_exactly_the_changed_figures_and_what_they_bring(as_, draft):
    bad_order()
    client = as_("supervisor")
    assert edit(client, draft, "limits", sign__n=["2"]).status_code == 302
    assert edit(client, draft, "callback", others=["25"]).status_code == 302
    submit(client, draft)
    page = page_of(client, draft)
    assert "修订内容 2 处" in page
    assert "差评办理期限 签收 1个工作日 2个工作日" in page
    assert "差评回访 其他差评抽查比例 10% 25%" in page
    assert "目前在办的 1 件工单都按派发日的规则办完" in page
    assert "随本版一起变的下级地区：南京市、苏州市" in page
    # 1 July 2026 is a Wednesday; the next holiday is the Mid-Autumn festival, Friday 25 September
    assert "2026年7月1日（周三）10时，生效当天上午派发 的差评" in page
    assert "签收 2026年7月2日（周四） 2026年7月3日（周五） 变" in page
    assert "2026年7月3日（周五）16时，周五下午派发 的差评" in page
    assert "签收 2026年7月6日（周一） 2026年7月7日（周二） 变" in page
    assert "2026年9月24日（周四）11时，节假日前最后一个工作日派发" in page
    assert "答复评价人（一般） 2026年7月8日（周三） 不变" in page


def test_from_draft_to_force_by_two_people_and_old_orders_keep_old_rules(as_, draft, second):
    old, client = bad_order(), as_("supervisor")
    edit(client, draft, "limits", sign__n=["2"])
    assert submit(client, draft).status_code == 302
    page = client.get(f"{DRAFTS}{draft.pk}/").content.decode()
    assert "您参与了起草或修改" in page
    assert "下一步：确认批准" not in page
    assert client.get(f"{DRAFTS}{draft.pk}/approve").status_code == 403
    draft.refresh_from_db()
    seen = pack_drafts.fingerprint(draft)
    assert client.post(f"{DRAFTS}{draft.pk}/approve", {"seen": seen, "checked": "1"}).status_code == 403
    assert as_("leader").post(f"{DRAFTS}{draft.pk}/approve", {"seen": seen, "checked": "1"}).status_code == 403
    other = as_("second")
    assert "下一步：确认批准" in other.get(f"{DRAFTS}{draft.pk}/").content.decode()
    assert other.post(f"{DRAFTS}{draft.pk}/approve", {"seen": seen}).status_code == 422
    assert confirm(other, draft).status_code == 302
    listed = text(other.get(HOME + "?region=32").content.decode())
    assert "2026年7月1日 待生效 江苏省 省督办起草，另一位督办批准" in listed
    july = NOW + timedelta(days=30)
    with held_at(july):
        queries.forget()
        new = bad_order("NJ-0002", now=july, day="2026-07-10")
    assert [str(rulebook(order).policy.limits.sign) for order in (old, new)] == ["1个工作日", "2个工作日"]
    assert clock.day(old.step_due - timedelta(seconds=1)) == date(2026, 6, 11)


def test_an_approval_of_what_was_not_seen_is_refused(as_, draft, second):
    client = as_("supervisor")
    edit(client, draft, "kiosk", days=["45"])
    submit(client, draft)
    page = as_("second").post(f"{DRAFTS}{draft.pk}/approve", {"seen": "old", "checked": "1"})
    assert page.status_code == 409
    assert "您看过之后这份稿子又改过" in page.content.decode()


def test_a_refusal_says_why_and_the_words_live_on(as_, draft, second):
    client = as_("supervisor")
    edit(client, draft, "kiosk", days=["45"])
    submit(client, draft)
    assert as_("second").post(f"{DRAFTS}{draft.pk}/refuse", {"reason": " "}).status_code == 422
    assert as_("second").post(f"{DRAFTS}{draft.pk}/refuse", {"reason": "依据不足"}).status_code == 302
    assert "依据不足" in page_of(client, draft)
    client.post(HOME + "draft", {"like": draft.pk})
    assert PolicyDraft.objects.get(number=2).body["kiosk"]["days"] == 45


@pytest.mark.parametrize("day", ["", "2026-06-10", "soon"])
def test_a_day_that_is_not_to_come_is_refused_and_says_so(as_, draft, day):
    edit(as_("supervisor"), draft, "kiosk", days=["45"])
    answer = submit(as_("supervisor"), draft, day)
    assert answer.status_code == 422
    assert "生效日期应晚于今天。" in answer.content.decode()
    assert "这一天起派发的工单按新规则，以前的仍按旧规则" in answer.content.decode()


def test_a_draft_goes_out_as_toml_and_a_file_comes_in(as_, draft):
    client = as_("supervisor")
    answer = client.get(f"{DRAFTS}{draft.pk}/export")
    assert answer["Content-Disposition"] == 'attachment; filename="jiangsu-draft-2.toml"', (
        "the pack in force is the first"
    )
    table = tomllib.loads(answer.content.decode())
    assert table["limits"] == read_pack("jiangsu")["limits"]
    file = SimpleUploadedFile("规则.toml", toml.dumps(table | {"reopen": {"times": 3, "stated": False}}).encode())
    assert client.post(f"{DRAFTS}{draft.pk}/import", {"file": file}).status_code == 302
    assert "办结后可以重新打开几次 1 3" in page_of(client, draft)
    wrong = SimpleUploadedFile("规则.toml", toml.dumps(table | {"kiosk": {"days": 0, "stated": False}}).encode())
    answer = client.post(f"{DRAFTS}{draft.pk}/import", {"file": wrong})
    assert answer.status_code == 422
    assert "自助终端 · 刷身份证后列出近几天的服务：应为 1 至 366 天" in answer.content.decode()
    for bad in (SimpleUploadedFile("x.toml", b"\xff\x00"), SimpleUploadedFile("x.toml", b"a = ")):
        assert client.post(f"{DRAFTS}{draft.pk}/import", {"file": bad}).status_code == 422
    assert client.post(f"{DRAFTS}{draft.pk}/import").status_code == 422


def test_a_city_makes_its_first_own_pack_and_may_decide_with_a_colleague(as_, cast):
    client = as_("city")
    page = text(client.get(HOME).content.decode())
    assert "江苏省南京市没有自己的规则，适用江苏省的规则" in page
    client.post(HOME + "draft", {"region": "3201"})
    own = PolicyDraft.objects.get()
    edit(client, own, "kiosk", days=["60"])
    submit(client, own)
    assert "从此江苏省南京市有自己的规则" in page_of(client, own)
    colleague = Person.objects.create(username="second", name="南京同事", password="!", created_at=NOW)
    Grant.objects.create(person=colleague, role=Role.CITY, area="3201")
    assert confirm(as_("second"), own).status_code == 302
    assert queries.policy_at("320102", date(2026, 7, 1)).kiosk.days == 60
    assert queries.policy_at("3205", date(2026, 7, 1)).kiosk.days == 30
    assert client.post(HOME + "draft", {"region": "32"}).status_code == 403


def test_a_scheduled_pack_is_withdrawn_by_two_people(as_, draft, second):
    client, other = as_("supervisor"), as_("second")
    edit(client, draft, "kiosk", days=["45"])
    submit(client, draft)
    confirm(other, draft)
    rule = PolicyRule.objects.get(valid_from="2026-07-01")
    page = client.get(f"{HOME}versions/{rule.pk}/").content.decode()
    assert "省督办起草，省督办提交，另一位督办批准" in text(page)
    assert "申请撤销</button>" in page
    client.post(f"{HOME}versions/{rule.pk}/withdraw", {"note": "文件未印发"})
    asked = PolicyDraft.objects.get(kind="withdrawal")
    assert "撤销后改回 1 处" in page_of(other, asked)
    assert "刷身份证后列出近几天的服务 45 30" in page_of(other, asked)
    assert client.get(f"{DRAFTS}{asked.pk}/approve").status_code == 403
    assert confirm(other, asked).status_code == 302
    assert not PolicyRule.objects.filter(pk=rule.pk).exists()
    assert "生效前撤销" in text(client.get(HOME + "?region=32").content.decode())


def test_any_two_versions_are_compared(as_, draft):
    client = as_("supervisor")
    edit(client, draft, "kiosk", days=["45"])
    rule = PolicyRule.objects.get(region="32")
    page = text(client.get(f"{HOME}compare?region=32&a=pack-{rule.pk}&b=draft-{draft.pk}").content.decode())
    assert "共 1 处不同" in page
    assert "自助终端 刷身份证后列出近几天的服务 30 45" in page
    assert "请选择两版" in client.get(f"{HOME}compare?region=32&a=x").content.decode()


def test_the_audit_tells_who_did_what(as_, draft):
    edit(as_("supervisor"), draft, "kiosk", days=["45"])
    page = text(as_("audit").get("/console/audit/").content.decode())
    assert "起草规则" in page
    assert "修改规则稿" in page
