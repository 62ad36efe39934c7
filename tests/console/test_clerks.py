"""A clerk reads an order only when the unit opens it to them, states their view, appeals, and is told what came of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.accounts.models import Grant, Person
from haochaping.kit.clock import held_at
from haochaping.rectification.models import Move
from tests.cast import NANJING, NOW, PROVINCE_OFFICE
from tests.console.stage import CANARIES, PHONE, bad_order, form, text
from tests.console.test_order_pages import CONFIRM, SUBMIT, do, fill, page_of

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
APPEAL = {"kind": "untrue", "reason": "当天窗口只有两人排队。", "evidence": "窗口录像第三段，存于大厅监控室。"}


def visit(client, url):
    with held_at(LATER):
        return client.get(url)


@pytest.fixture
def order(as_):
    order = bad_order(writingEvaluation=f"排队两小时，请打{PHONE}找我")
    return do(as_("rectifier"), order, "sign")


def open_to_clerk(as_, order):
    clerk = str(Person.objects.get(username="clerk").pk)
    return do(as_("rectifier"), order, "open_to_clerk", clerk=clerk, text="请说明当天排队的情况。")


def test_before_it_is_opened_it_is_not_there_and_no_other_is_afterwards(as_, order):
    other, client = bad_order("NJ-OTHER"), as_("clerk")
    assert visit(client, f"/console/orders/{order.order_no}/").status_code == 404
    open_to_clerk(as_, order)
    assert visit(client, f"/console/orders/{order.order_no}/").status_code == 200
    assert visit(client, f"/console/orders/{other.order_no}/").status_code == 404
    listed = visit(client, "/console/orders/?state=all").content.decode()
    desk = visit(client, "/console/").content.decode()
    for page in (listed, desk):
        assert order.order_no in page
        assert other.order_no not in page


def test_they_see_item_window_day_and_masked_words_and_never_the_case_or_the_moment(as_, order):
    do(as_("city"), order, "instruct", text="内部批示内容")
    open_to_clerk(as_, order)
    pages = [page_of(as_("clerk"), order), visit(as_("clerk"), "/console/").content.decode()]
    pages.append(fill(as_("clerk"), order, "appeal", **APPEAL).content.decode())
    said = text(pages[0])
    for words in ("食品经营许可（新办）", "A01 综合窗口", "2026-06-10", "排队两小时", "请说明当天排队的情况。"):
        assert words in said
    for page in pages:
        assert [canary for canary in CANARIES if canary in page] == []
        assert "09:30" not in page
        assert "09:00" not in page
    for words in ("内部批示内容", "南京整改", "实名"):
        assert words not in said


def test_what_they_state_is_read_by_the_unit_and_leaves_their_list_of_what_is_asked(as_, order):
    open_to_clerk(as_, order)
    assert "待说明" in text(visit(as_("clerk"), "/console/").content.decode())
    do(as_("clerk"), order, "statement", text="当天只开了一个窗口，已请示加开。")
    assert "当天只开了一个窗口" in page_of(as_("rectifier"), order)
    assert "已说明" in text(visit(as_("clerk"), "/console/").content.decode())


def test_their_appeal_goes_to_a_reviewer_of_another_organ_and_they_are_told_why_it_failed(as_, order):
    open_to_clerk(as_, order)
    do(as_("clerk"), order, "appeal", **APPEAL)
    assert order.state == "appealing"
    own = Person.objects.get(username="reviewer")
    Grant.objects.filter(person=own).update(organ=f"/{PROVINCE_OFFICE}/{NANJING}/")
    with held_at(LATER):
        refused = as_("reviewer").post(
            f"/console/orders/{order.order_no}/dismiss",
            {"seen": str(order.moves), "confirmed": "1", "ruling": "证据不足。"},
        )
    assert refused.status_code == 409
    Grant.objects.filter(person=own).update(organ="")
    do(as_("reviewer"), order, "dismiss", ruling="录像只有一段，不足以否定评价。")
    said = text(page_of(as_("clerk"), order))
    assert "申诉不成立，由承办单位整改" in said
    assert "录像只有一段，不足以否定评价。" in said
    assert "省复核" not in said


def test_an_upheld_appeal_is_explained_too_and_the_rating_no_longer_counts(as_, order):
    open_to_clerk(as_, order)
    do(as_("clerk"), order, "appeal", **APPEAL)
    do(as_("reviewer"), order, "uphold", ruling="录像清楚，申诉成立。")
    assert "申诉成立，这条评价不计入统计" in text(page_of(as_("clerk"), order))


def test_they_take_no_move_but_their_two(as_, order):
    open_to_clerk(as_, order)
    client, before = as_("clerk"), Move.objects.filter(order_id=order.id).count()
    facts = {"seen": str(order.moves), "confirmed": "1", "text": "x", "reason": "x", **CONFIRM, **SUBMIT}
    for verb in ("confirm", "explain", "urge", "instruct", "open_to_clerk", "relay", "contact"):
        with held_at(LATER):
            assert client.post(f"/console/orders/{order.order_no}/{verb}", facts).status_code in {403, 422}, verb
    for route in ("export", f"{order.order_no}/identity", f"{order.order_no}/share", f"{order.order_no}/callback"):
        with held_at(LATER):
            assert client.post(f"/console/orders/{route}", facts).status_code == 403
    assert Move.objects.filter(order_id=order.id).count() == before
    verbs = {each["action"].rsplit("/", 1)[1] for each in _forms(page_of(client, order))}
    assert verbs == {"statement", "appeal", "files"}, "and they may bring material for them"


def test_an_order_that_goes_to_another_organ_is_closed_to_them_again(as_, order):
    open_to_clerk(as_, order)
    do(as_("rectifier"), order, "appeal", kind="not_ours", reason="不属本单位。", evidence="职责清单。")
    do(as_("reviewer"), order, "uphold", ruling="属省办。")
    do(as_("supervisor"), order, "assign", organ=PROVINCE_OFFICE, reason="省办牵头。")
    assert visit(as_("clerk"), f"/console/orders/{order.order_no}/").status_code == 404


def _forms(page):
    from tests.console.stage import Forms

    return [each for each in Forms(page).found if each["action"] and "/orders/" in each["action"]]


def test_a_wrong_form_says_what_is_missing_and_keeps_the_rest(as_, order):
    open_to_clerk(as_, order)
    answer = fill(as_("clerk"), order, "appeal", **APPEAL | {"evidence": ""})
    assert answer.status_code == 422
    assert "请填写“证据”。" in answer.content.decode()
    assert form(answer.content.decode(), "/appeal")["values"]["kind"] == "untrue"
    assert APPEAL["reason"] in answer.content.decode()
