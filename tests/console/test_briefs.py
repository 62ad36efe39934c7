"""信息专报: picked, written, submitted, instructed, archived; figures with their meaning, words only of who agreed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.evaluation.commands import erase_words
from haochaping.kit.clock import held_at
from haochaping.rectification.briefs.models import Brief, BriefStep
from haochaping.rectification.briefs.queries import quotes_of
from haochaping.rectification.briefs.rules import may_quote
from tests.cast import NOW
from tests.console.stage import CANARIES, PHONE, bad_order, suzhou_order, text
from tests.console.test_order_pages import CONFIRM, SUBMIT, do
from tests.console.test_supervision import words_of

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
TEXTS = {
    "title": "关于窗口排队问题的专报",
    "situation": "六月以来窗口排队问题集中。",
    "analysis": "高峰时段只开一个窗口。",
    "suggestion": "建议推行预约分流。",
}
INSTRUCTION = "请市局月底前整改到位，举一反三。"


def get(client, url, status=200):
    with held_at(LATER):
        answer = client.get(f"/console/briefs/{url}")
    assert answer.status_code == status
    return answer


def post(client, url, **facts):
    with held_at(LATER):
        return client.post(f"/console/briefs/{url}", facts)


@pytest.fixture
def orders(as_):
    """One whose rater agreed that the words are published, one who did not, one of another city."""
    open_ = bad_order(consent=["publish_text"], writingEvaluation="排队两小时，没有人管")
    shut = bad_order("NJ-SHUT", writingEvaluation="不愿公开的话")
    for order in (open_, shut):
        do(as_("rectifier"), order, "sign")
        do(as_("rectifier"), order, "confirm", **CONFIRM)
    do(as_("rectifier"), open_, "submit", **SUBMIT)
    do(as_("city"), open_, "approve")
    do(as_("operator"), open_, "callback", result="satisfied", pressed="no")
    return open_, shut, suzhou_order()


@pytest.fixture
def brief(as_, orders):
    answer = post(as_("city"), "new", all="1", title=TEXTS["title"])
    assert answer.status_code == 302
    return Brief.objects.get()


def written(as_, brief, *quotes):
    answer = post(
        as_("city"), f"{brief.pk}/write", seen=str(brief.revision), quote=[str(q.pk) for q in quotes], **TEXTS
    )
    assert answer.status_code == 302
    brief.refresh_from_db()
    return brief


def test_the_author_picks_by_filter_or_one_by_one_among_their_own_and_no_others(as_, orders):
    open_, shut, theirs = orders
    page = get(as_("city"), "new?cause=attitude&item=食品").content.decode()
    assert open_.order_no in page
    assert theirs.order_no not in page
    answer = post(as_("city"), "new", all="0", case=[shut.order_no, theirs.order_no], title="一件")
    assert answer.status_code == 302
    assert Brief.objects.get().cases == [shut.pk]
    assert post(as_("city"), "new", all="0", title="没有").status_code == 422
    assert post(as_("city"), "new", all="1", title="").status_code == 422


def test_figures_stand_with_their_parts_and_their_meaning_and_are_fixed_when_submitted(as_, brief, orders):
    said = text(get(as_("city"), f"{brief.pk}/").content.decode())
    for words in (
        "差评工单 2 件",
        "已答复 1 ÷ 2（50.0%）",
        "曾超期 0 ÷ 2（0.0%）",
        "已核验整改 1 ÷ 1（100.0%）",
        "服务态度 2 件",
    ):
        assert words in said
    written(as_, brief)
    assert post(as_("city"), f"{brief.pk}/submit", confirmed="1").status_code == 302
    do(as_("rectifier"), orders[1], "submit", **SUBMIT)
    assert "已答复 1 ÷ 2" in text(get(as_("leader"), f"{brief.pk}/").content.decode())


def test_only_words_whose_rater_agreed_are_offered_and_go_when_they_are_taken_back(as_, brief, orders):
    open_, shut, _ = orders
    page = get(as_("city"), f"{brief.pk}/").content.decode()
    assert "排队两小时" in page
    assert "不愿公开的话" not in page
    assert PHONE not in page
    written(as_, brief, open_, shut)
    assert brief.quotes == [open_.pk], "what may not be quoted is not, whatever is sent"
    paper = f"{brief.pk}/paper.pdf"
    assert "排队两小时" in words_of(get(as_("city"), paper).content)
    erase_words(open_.pk, by="评价人", now=LATER)
    assert "排队两小时" not in words_of(get(as_("city"), paper).content)


@pytest.mark.parametrize(
    "words",
    [f"排队两小时，请打{PHONE}找我", "我叫赵大样，排队两小时", "等了两小时，请给我回电", "请联系我", "麻烦打我电话"],
)
def test_words_with_personal_data_or_a_request_to_be_called_are_not_offered(cast, words):
    asked = bad_order("NJ-CALL", consent=["publish_text"], writingEvaluation=words)
    assert not may_quote(words)
    assert may_quote("窗口电话没人接，排队两小时")
    assert quotes_of([asked.pk]) == []


def test_the_leader_instructs_and_the_supervisor_sees_it_on_page_and_paper(as_, brief, orders):
    get(as_("leader"), f"{brief.pk}/", 404)
    assert post(as_("city"), f"{brief.pk}/submit", confirmed="1").status_code == 422, "nothing is written yet"
    written(as_, brief, orders[0])
    assert "确认后，专报报送领导" in post(as_("city"), f"{brief.pk}/submit").content.decode()
    assert post(as_("city"), f"{brief.pk}/submit", confirmed="1").status_code == 302
    assert post(as_("leader"), f"{brief.pk}/approve", text="", confirmed="1").status_code == 422
    assert post(as_("leader"), f"{brief.pk}/approve", text=INSTRUCTION, confirmed="1").status_code == 302
    assert INSTRUCTION in get(as_("city"), f"{brief.pk}/").content.decode()
    assert "已批示待归档" in text(_desk(as_("city")))
    said = words_of(get(as_("city"), f"{brief.pk}/paper.pdf").content)
    for words in ("信息专报", "〔2026〕1号", "2026年6月10日", *TEXTS.values(), INSTRUCTION, "÷", "曾超期"):
        assert words in said
    assert [canary for canary in CANARIES if canary in said] == []
    assert post(as_("city"), f"{brief.pk}/archive", confirmed="1").status_code == 302
    brief.refresh_from_db()
    assert brief.state == "archived"
    verbs = BriefStep.objects.filter(brief_id=brief.pk).order_by("n").values_list("verb", flat=True)
    assert list(verbs) == ["draft", "submit", "approve", "archive"]


def test_what_is_returned_may_be_written_again(as_, brief):
    written(as_, brief)
    post(as_("city"), f"{brief.pk}/submit", confirmed="1")
    assert post(as_("leader"), f"{brief.pk}/return", text="建议太空泛。", confirmed="1").status_code == 302
    brief.refresh_from_db()
    assert (brief.state, brief.figures) == ("draft", None)
    assert "建议太空泛。" in get(as_("city"), f"{brief.pk}/").content.decode()
    written(as_, brief)


def test_nobody_takes_anothers_part_and_another_city_finds_nothing(as_, brief):
    assert post(as_("foreign_city"), f"{brief.pk}/submit", confirmed="1").status_code == 404
    get(as_("foreign_city"), f"{brief.pk}/", 404)
    get(as_("foreign_city"), f"{brief.pk}/paper.pdf", 404)
    written(as_, brief)
    post(as_("city"), f"{brief.pk}/submit", confirmed="1")
    assert post(as_("city"), f"{brief.pk}/approve", text=INSTRUCTION, confirmed="1").status_code == 403
    assert post(as_("leader"), f"{brief.pk}/archive", confirmed="1").status_code == 409
    assert post(as_("city"), f"{brief.pk}/write", seen=str(brief.revision), **TEXTS).status_code == 409
    for username in ("rectifier", "observer", "clerk", "operator"):
        get(as_(username), f"{brief.pk}/", 403)


def test_two_who_write_at_once_do_not_undo_each_other(as_, brief):
    seen = str(brief.revision)
    written(as_, brief)
    answer = post(as_("supervisor"), f"{brief.pk}/write", seen=seen, **TEXTS | {"analysis": "另一种说法"})
    assert answer.status_code == 409
    assert "另一种说法" in answer.content.decode(), "what was typed is not lost"


def _desk(client) -> str:
    with held_at(LATER):
        return client.get("/console/").content.decode()
