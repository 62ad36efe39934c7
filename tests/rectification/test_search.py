"""Full-text search in Chinese over orders: what is found by which words, and what by none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from haochaping.kit.masks import mask_text
from haochaping.rectification.commands import open_orders
from haochaping.rectification.models import Order, OrderSearch
from haochaping.rectification.queries import narrow, orders_for
from tests.cast import NANJING, NOW
from tests.rectification.conftest import Stage, rate_badly, stage_for
from tests.rectification.test_orders import bad

if TYPE_CHECKING:
    from haochaping.accounts.rules import Actor
    from tests.cast import Cast

pytestmark = pytest.mark.django_db
PHONE, CARD = "13912345678", "320102197703074419"


def found(actor: Actor, text: str) -> set[str]:
    return set(narrow(orders_for(actor), now=NOW, text=text).values_list("order_no", flat=True))


class TestFound:
    def test_by_one_character_by_a_word_by_a_phrase_and_by_several_words(self, cast: Cast) -> None:
        order = rate_badly(writingEvaluation="排队两小时，窗口态度差，APP 也打不开")
        for text in ("队", "排队", "排队两小时", "态度 食品", "市场监督管理局", "app", "队，APP打不开"):
            assert found(cast.supervisor, text) == {order.order_no}, text
        for text in ("骂", "排队三小时", "态度 药品", "小时两", "。", "%", "_"):
            assert found(cast.supervisor, text) == set(), text

    def test_by_the_beginning_of_its_number_alone_or_with_a_word(self, cast: Cast) -> None:
        order = rate_badly()
        for text in (order.order_no, order.order_no.lower(), order.order_no[:13], f"排队 {order.order_no[:12]}"):
            assert found(cast.supervisor, text) == {order.order_no}, text
        assert found(cast.supervisor, "CP20250101") == found(cast.supervisor, f"药品 {order.order_no}") == set()

    def test_by_what_was_found_done_and_answered_and_by_its_new_organ(self, stage: Stage) -> None:
        actor = stage.cast.supervisor
        mine = {stage.order.order_no}
        assert found(actor, "导办员") == set()
        stage.walk("sign confirm", findings="当日只开一个窗口")
        assert found(actor, "只开一个") == mine
        stage.walk("submit", measures="安排导办员", reply="已增开窗口")
        assert found(actor, "导办员") == found(actor, "增开窗口") == mine
        stage.walk("send_back submit", measures="轮换值守", reply="已整改到位")
        assert found(actor, "导办员 轮换") == mine, "earlier rounds stay in the history"
        other = stage_for(stage.cast, rate_badly("NJ-2"))
        other.walk("return assign")
        assert found(actor, "苏州市市场监督") == {other.order.order_no}

    def test_many_are_opened_in_as_many_statements_as_one_and_all_are_found(
        self, cast: Cast, django_assert_num_queries
    ) -> None:
        lots = [bad(words="叫号机坏了", organ_path=f"/{NANJING}/") for _ in range(30)]
        open_orders([bad()], now=NOW)
        with django_assert_num_queries(4):  # three of them for what is hidden in the words
            open_orders(lots, now=NOW)
        assert len(found(cast.supervisor, "叫号机")) == 30


class TestNotFound:
    def test_by_what_the_rater_withdrew(self, cast: Cast) -> None:
        from haochaping.channels.my.acts import withdraw_words

        order = rate_badly(writingEvaluation="排队两小时")
        stage_for(cast, order).walk("sign confirm", findings="人手不足")
        withdraw_words(order.id, now=NOW)
        assert found(cast.supervisor, "排队") == set()
        assert found(cast.supervisor, "人手不足") == {order.order_no}

    def test_by_a_telephone_a_card_or_a_name_that_the_page_masks(self, stage: Stage) -> None:
        words = f"我叫钱密探，电话{PHONE}，身份证{CARD}，请回电"
        order = rate_badly("NJ-3", writingEvaluation=words)
        assert PHONE not in mask_text(words)
        told = stage_for(stage.cast, order)
        told.walk("sign confirm", findings=f"已与评价人{PHONE}核对")
        for actor in (stage.cast.rectifier, stage.cast.supervisor):
            for text in (PHONE, PHONE[-8:], PHONE[3:8], CARD, CARD[6:14], "钱密探", "密探", "钱密"):
                assert found(actor, text) == set(), text
            assert found(actor, "请回电") == {order.order_no}
        assert not [gram for gram in OrderSearch.objects.get(id=order.id).grams if gram in {"密", "探"}]

    def test_by_those_of_another_place(self, cast: Cast) -> None:
        order = rate_badly()
        for text in ("排队", "食品", order.order_no):
            assert found(cast.foreign_rectifier, text) == found(cast.foreign_city, text) == set()
            assert found(cast.rectifier, text) == {order.order_no}

    def test_by_what_an_operator_was_told_in_confidence(self, stage: Stage) -> None:
        stage.walk("sign confirm submit approve record", note="评价人说主任找过他", pressed="yes")
        assert found(stage.cast.supervisor, "主任找过") == set()


def test_every_order_has_its_search_row(cast: Cast) -> None:
    rate_badly()
    open_orders([bad()], now=NOW)
    assert OrderSearch.objects.count() == Order.objects.count() == 2
