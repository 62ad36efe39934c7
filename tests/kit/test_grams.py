"""Texts as grams: what is found by what."""

from __future__ import annotations

import pytest

from haochaping.kit.grams import grams, wanted

TEXT = "窗口排队两小时，APP打不开；ＶＩＰ通道 3号窗"


@pytest.mark.parametrize("query", ["窗", "排队", "排队两小时", "app", "PP", "vip", "VIP通道", "3号窗", "打不开，APP"])
def test_a_text_is_found_by_its_parts_whatever_their_case_and_width(query: str) -> None:
    assert set(wanted(query)) <= set(grams(TEXT))


@pytest.mark.parametrize("query", ["态", "窗台", "小时两", "apps", "4", "两个小时"])
def test_and_by_nothing_that_it_does_not_hold(query: str) -> None:
    assert not set(wanted(query)) <= set(grams(TEXT))


@pytest.mark.parametrize("query", ["", " ", "，。！", "%_", "\u200b"])
def test_what_is_no_word_finds_nothing(query: str) -> None:
    assert wanted(query) == []


def test_a_very_long_text_has_a_bounded_number_of_grams() -> None:
    assert len(grams("".join(chr(0x4E00 + n) for n in range(20_000)))) == 4_000
