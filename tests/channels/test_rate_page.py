"""`/e/{token}`: everybody can give every level, once, and only the rater sees the receipt."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client

from haochaping.channels import commands, pages
from haochaping.channels.models import Link
from haochaping.channels.rules import Misses
from haochaping.evaluation.models import Evaluation, Evaluator, Receipt, ServiceEvent, Words
from haochaping.evaluation.queries import open_identity
from haochaping.flow.services import admit_services
from haochaping.kit import clock, ids
from haochaping.rectification.models import Order
from tests.cast import NOW, forget, settle, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.http import HttpResponse
    from pytest_django.fixtures import SettingsWrapper

WORDS = "排队两小时，窗口态度差"


@pytest.fixture(autouse=True)
def at_ten_oclock(monkeypatch: pytest.MonkeyPatch, settings: SettingsWrapper) -> Iterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # nobody logs in here
    monkeypatch.setattr(pages, "misses", Misses())
    with clock.held_at(NOW):
        yield
    forget()


def served(project_no: str = "NJ2026060001", **more: object) -> ServiceEvent:
    (outcome,) = admit_services([wire_service(project_no, **more)], source="test", now=NOW)
    return ServiceEvent.objects.get(id=outcome.id)


def link_to(event: ServiceEvent, now: datetime = NOW, days: int = 15) -> str:
    return "/e/" + commands.make_link(event.id, 3, timedelta(days=days), "test", now)


@pytest.fixture
def event() -> ServiceEvent:
    settle()
    return served()


@pytest.fixture
def url(event: ServiceEvent) -> str:
    return link_to(event)


@pytest.fixture
def phone() -> Client:
    return Client()


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.django_db
class TestThePage:
    def test_it_names_the_service_and_nobody(self, phone, url):
        shown = phone.get(url).content.decode()
        for told in ("食品经营许可（新办）", "南京市市场监督管理局", "A01 综合窗口", "2026年6月10日"):
            assert told in shown
        for hidden in ("赵试样", "13800000001", "320102190001010018", "NJ2026060001", "李窗口", "NJ-0001"):
            assert hidden not in shown

    def test_it_offers_every_level_with_all_its_tags_in_the_html(self, phone, url):
        shown = phone.get(url).content.decode()
        assert re.findall(r'name="level" id="lv\d" class="c\d" value="(\d)"', shown) == ["5", "4", "3", "2", "1"]
        assert {n: len(re.findall(rf'name="tags-{n}"', shown)) for n in range(1, 6)} == dict.fromkeys(range(1, 6), 8)

    def test_it_carries_no_inline_script_or_style_and_is_not_kept(self, phone, url):
        answer = phone.get(url)
        shown = answer.content.decode()
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", shown)
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Robots-Tag"] == "noindex"

    def test_large_type_is_remembered(self, phone, url):
        assert 'class="elder"' in phone.get(url + "?elder=1").content.decode()
        assert 'class="elder"' in phone.get(url).content.decode()
        assert 'class="elder"' not in phone.get(url + "?elder=0").content.decode()
        assert 'class="elder"' not in phone.get(url).content.decode()

    def test_only_the_tokens_sm3_is_stored(self, url):
        token = url.removeprefix("/e/")
        assert len(token) == 22
        link = Link.objects.get()
        assert bytes(link.digest) == ids.token_digest(token)
        assert token not in repr(vars(link))


@pytest.mark.django_db
class TestRating:
    @pytest.mark.parametrize(("level", "tag"), [(5, "510"), (4, "406"), (3, "307"), (2, "209"), (1, "115")])
    def test_every_level_can_be_given(self, phone, url, event, level, tag):
        answer = phone.post(url, {"level": level, f"tags-{level}": [tag], "words": WORDS})
        assert (answer.status_code, answer["Location"]) == (303, url)
        rating = Evaluation.objects.get(id=event.id)
        assert (rating.level, rating.indicators, rating.pf, rating.source) == (level, [tag], 3, "page")
        assert rating.assurance == "anonymous"
        assert Words.objects.get(id=event.id).text == WORDS
        assert Order.objects.filter(id=event.id).exists() == (level <= 2)

    @pytest.mark.parametrize("level", [5, 4, 3])
    def test_one_press_is_enough_for_a_good_one(self, phone, url, event, level):
        assert phone.post(url, {"level": level}).status_code == 303
        assert Evaluation.objects.get(id=event.id).level == level

    @pytest.mark.parametrize("level", [2, 1])
    def test_one_sentence_or_one_tag_is_enough_for_a_bad_one(self, phone, url, level):
        answer = phone.post(url, {"level": level, "mobile": "13900000002"})
        assert answer.status_code == 422
        assert "请至少选择一项不满意的方面，或写一句话说明原因。" in answer.content.decode()
        assert 'value="13900000002"' in answer.content.decode(), "what was typed is kept"
        assert phone.post(url, {"level": level, "words": "等太久"}).status_code == 303

    def test_tags_ticked_at_another_level_stay_behind(self, phone, url, event):
        phone.post(url, {"level": 5, "tags-5": ["510"], "tags-1": ["115"]})
        assert Evaluation.objects.get(id=event.id).indicators == ["510"]

    def test_a_forged_tag_is_refused(self, phone, url, event):
        answer = phone.post(url, {"level": 5, "tags-5": ["115"]})
        assert answer.status_code == 422
        assert "有的选项不属于这个满意程度，请重新选择。" in answer.content.decode()
        assert not Evaluation.objects.exists()

    def test_no_level_is_no_rating(self, phone, url):
        answer = phone.post(url, {"words": WORDS})
        assert answer.status_code == 422
        shown = answer.content.decode()
        assert 'href="#lv5"' in shown
        assert "请选择满意程度。" in shown
        assert WORDS in shown

    @pytest.mark.parametrize("level", ["0", "6", "abc", "５", "1e0", "-1"])
    def test_no_other_level_exists(self, phone, url, level):
        assert phone.post(url, {"level": level}).status_code == 422
        assert not Evaluation.objects.exists()

    def test_words_have_an_end(self, phone, url):
        answer = phone.post(url, {"level": 5, "words": "好" * 501})
        assert answer.status_code == 422
        assert "文字最多 500 字" in answer.content.decode()
        assert phone.post(url, {"level": 5, "words": "好\r\n" * 250}).status_code == 303, (
            "a line break is one character"
        )

    def test_what_cannot_be_stored_is_told(self, phone, url):
        answer = phone.post(url, {"level": 5, "words": "好\x00"})
        assert answer.status_code == 422
        assert "请删去后再提交" in answer.content.decode()

    def test_contact_and_consent_are_the_raters_own_choice(self, phone, url, event):
        given = {"level": 2, "words": WORDS, "name": "钱试样", "mobile": "139-0000 0002"}
        phone.post(url, given | {"consent": ["contact_department", "publish_text", "nonsense"]})
        rating = Evaluation.objects.get(id=event.id)
        assert rating.consent == ["contact_department", "publish_text"]
        assert rating.assurance == "weak"
        who = open_identity(event.id)
        assert who is not None
        assert (who.name, who.mobile) == ("钱试样", "13900000002")
        assert "钱试样".encode() not in bytes(Evaluator.objects.get().blob)

    def test_a_number_that_is_none_is_told_and_nothing_is_lost(self, phone, url):
        answer = phone.post(url, {"level": 2, "tags-2": ["209"], "words": WORDS, "mobile": "12ab"})
        shown = answer.content.decode()
        assert answer.status_code == 422
        assert 'href="#mobile"' in shown
        assert re.search(r'id="lv2"[^>]* checked', shown)
        assert re.search(r'id="t209"[^>]* checked', shown)
        assert "<details" in shown
        assert " open>" in shown

    @pytest.mark.parametrize("mobile", ["1380000000", "138000000012", "139-0000 000"])
    def test_a_mobile_number_has_eleven_digits_and_its_field_says_so(self, phone, url, mobile):
        answer = phone.post(url, {"level": 2, "tags-2": ["209"], "mobile": mobile})
        assert answer.status_code == 422
        assert "手机号码应为 11 位，请核对。" in answer.content.decode()
        assert not Evaluation.objects.exists()

    def test_what_is_typed_is_never_markup(self, phone, url):
        evil = '"><script>alert(1)</script>'
        shown = phone.post(url, {"level": 1, "words": evil, "name": evil, "mobile": evil}).content.decode()
        assert evil not in shown
        assert "&lt;script&gt;" in shown

    def test_a_foreign_page_cannot_rate(self, url):
        answer = Client(enforce_csrf_checks=True).post(url, {"level": 5})
        assert answer.status_code == 403
        assert "没有提交" in answer.content.decode()


@pytest.mark.django_db
class TestTheReceipt:
    def test_the_rater_sees_it_for_ten_minutes_and_others_never(self, phone, url, event):
        phone.post(url, {"level": 5})
        receipt = ids.receipt(event.id)
        for answer in (phone.get(url), phone.get(url)):
            assert receipt in answer.content.decode()
        other = Client().get(url)
        assert other.status_code == 200
        assert "已评价" in text(other)
        assert receipt not in other.content.decode()
        with clock.held_at(NOW + timedelta(minutes=11)):
            later = phone.get(url)
        assert "已评价" in text(later)
        assert receipt not in later.content.decode()

    def test_a_bad_rating_is_told_its_order_and_the_day(self, phone, url, event):
        phone.post(url, {"level": 1, "words": WORDS})
        shown = phone.get(url).content.decode()
        order = Order.objects.get(id=event.id)
        assert order.order_no in shown
        assert re.search(r"最迟2026年\d+月\d+日（含当日）</strong>答复您", shown)

    def test_the_second_press_finds_the_same_receipt_and_changes_nothing(self, phone, url, event):
        for level in (5, 1):
            assert phone.post(url, {"level": level, "words": WORDS}).status_code == 303
        assert ids.receipt(event.id) in phone.get(url).content.decode()
        assert Evaluation.objects.get().level == 5

    def test_somebody_elses_second_rating_finds_only_that_it_is_rated(self, phone, url, event):
        phone.post(url, {"level": 5})
        other = Client()
        answer = other.post(url, {"level": 1, "words": WORDS}, follow=True)
        assert "已评价" in text(answer)
        assert ids.receipt(event.id) not in answer.content.decode()

    def test_another_link_to_the_same_service_is_used_up_too(self, phone, url, event):
        other = link_to(event)
        phone.post(url, {"level": 5})
        assert "已评价" in text(phone.get(other))
        assert ids.receipt(event.id) not in phone.get(other).content.decode()

    def test_it_can_be_hidden_at_once(self, phone, url, event):
        phone.post(url, {"level": 5})
        phone.post(url, {"hide": "1"})
        assert ids.receipt(event.id) not in phone.get(url).content.decode()

    def test_nobody_can_hide_or_see_it_with_a_made_up_cookie(self, phone, url, event):
        phone.post(url, {"level": 5})
        other = Client()
        other.cookies["hcp_visit"] = "x" * 22
        other.post(url, {"hide": "1"})
        assert ids.receipt(event.id) not in other.get(url).content.decode()
        assert ids.receipt(event.id) in phone.get(url).content.decode()

    def test_the_table_of_receipts_opens_nobodys_progress(self, phone, url, event):
        phone.post(url, {"level": 5})
        row = Receipt.objects.get()
        assert ids.receipt(event.id).encode() not in bytes(row.digest)


@pytest.mark.django_db
class TestAClosedDoor:
    def test_an_expired_link_says_what_to_do(self, event):
        url = link_to(event, days=0)
        answer = Client().get(url)
        assert answer.status_code == 410
        assert "链接已过期" in text(answer)
        assert "12345" in text(answer)
        assert Client().post(url, {"level": 5}).status_code == 303
        assert not Evaluation.objects.exists()

    def test_after_its_window_a_service_is_rated_no_more(self, event, url):
        with clock.held_at(event.closes_at):
            answer = Client().get(url)
            Client().post(url, {"level": 5})
        assert answer.status_code == 410
        assert "评价时间已过" in text(answer)
        assert "2026年6月17日" in text(answer), "five working days after the 10th, to the end of the day"
        assert not Evaluation.objects.exists()

    def test_every_unknown_link_gets_one_and_the_same_answer(self, url):
        guesses = [ids.new_token(), "x", "a" * 500, url.removeprefix("/e/")[:-1], "%F0%9F%99%82"]
        answers = [Client().get(f"/e/{guess}") for guess in guesses]
        assert {answer.status_code for answer in answers} == {404}
        assert len({re.sub(r"elder=1", "", answer.content.decode()) for answer in answers}) == 1

    def test_who_guesses_is_slowed_and_whoever_shares_the_address_still_rates(self, url):
        """A hall of 40 windows stands behind one address (peers: what limits by IP break)."""
        guesses = [Client().get(f"/e/{ids.new_token()}") for _ in range(40)]
        assert [guess.status_code for guess in guesses] == [404] * 30 + [429] * 10
        assert int(guesses[-1]["Retry-After"]) > 0
        assert "12345" in text(guesses[-1])
        assert Client().get(url).status_code == 200
        assert Client(REMOTE_ADDR="10.9.8.7").get(f"/e/{ids.new_token()}").status_code == 404
        with clock.held_at(NOW + timedelta(minutes=5)):
            assert Client().get(f"/e/{ids.new_token()}").status_code == 404

    def test_in_a_storm_only_those_who_missed_lately_wait(self, url, monkeypatch):
        monkeypatch.setattr(pages, "misses", Misses(all_size=50))
        for n in range(50):
            Client(REMOTE_ADDR=f"10.0.0.{n}").get(f"/e/{ids.new_token()}")
        assert Client(REMOTE_ADDR="10.0.0.7").get(url).status_code == 429
        assert Client(REMOTE_ADDR="10.9.8.7").get(url).status_code == 200


def test_fifty_who_press_at_once_make_one_rating(committing_db) -> None:
    settle()
    event = served(f"NJ-{uuid4()}")
    url = link_to(event)

    def press(_: int) -> str:
        with clock.held_at(NOW):
            client = Client()
            client.post(url, {"level": 1, "words": WORDS})
            shown = client.get(url).content.decode()
        connections.close_all()
        return "receipt" if ids.receipt(event.id) in shown else "rated"

    with ThreadPoolExecutor(10) as pool:
        seen = sorted(pool.map(press, range(50)))
    assert seen == ["rated"] * 49 + ["receipt"]
    assert Evaluation.objects.count() == 1
    assert Order.objects.count() == 1
