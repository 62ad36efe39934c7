"""`/w/{windowCode}`: three ways, no login, nothing said about what was wrong, nobody refused for their address."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from haochaping.accounts.rules import Actor
from haochaping.channels.models import Link, Sign, SignTally
from haochaping.channels.windows import commands, queries
from haochaping.channels.windows.rules import name_or_tail, visits, wrapped
from haochaping.directory import queries as directory
from haochaping.directory.models import Hall, Region, Window
from haochaping.evaluation.models import Evaluation, Evaluator, ServiceEvent
from haochaping.kit import clock, ids
from haochaping.kit.config import ROOT
from haochaping.policy.commands import load_pack
from haochaping.rectification.models import Order
from tests.cast import NANJING, NOW, forget

pytestmark = pytest.mark.django_db
URL = "/w/NJ-A01"
CASE, NAME, TAIL = "NJ2026060001", "赵试样", "0001"


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def sign(code="NJ-A01", now=NOW):
    (made,) = commands.signs_for([directory.snapshot().windows[code]], Actor("person", "1", "管理员"), now)
    return made


class TestTheThreeWays:
    def test_the_page_names_window_hall_and_organ_and_offers_them_all(self, phone, served):
        shown = phone.get(URL).content.decode()
        for told in (
            "A01 综合窗口",
            "NJ政务服务中心",
            "南京市市场监督管理局",
            "办件编号",
            "手机号后四位",
            "直接评价本次来访",
        ):
            assert told in shown
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", shown)

    @pytest.mark.parametrize("who", [NAME, " 赵试样 ", TAIL, "０００１"])
    def test_case_number_with_name_or_telephones_end_leads_to_the_form(self, phone, served, who):
        event = served()
        answer = phone.post(URL, {"case": CASE, "who": who})
        assert answer.status_code == 303
        assert phone.post(answer["Location"], {"level": 5}).status_code == 303
        rating = Evaluation.objects.get(id=event.id)
        assert (rating.level, rating.pf, rating.window_code) == (5, 3, "NJ-A01")
        assert rating.assurance == "weak", "they knew the case and its applicant"
        assert not Evaluator.objects.exists(), "and are sealed all the same"
        assert ids.receipt(event.id)[-4:] in phone.get(answer["Location"]).content.decode()

    @pytest.mark.parametrize(
        ("case", "who"),
        [(CASE, "钱别人"), ("NJ0000000000", NAME), (CASE, "9999"), ("NJ0000000000", TAIL), (CASE, "赵")],
    )
    def test_it_never_tells_whether_case_or_name_was_wrong(self, phone, served, case, who):
        served()
        answer = phone.post(URL, {"case": case, "who": who})
        assert answer.status_code == 404
        shown = text(answer)
        assert "没有查到可以评价的服务" in shown
        assert not Link.objects.exists()
        blank = text(Client().post(URL, {"case": "NJ-NOBODY", "who": "孙无名"}))
        assert shown.replace(case, "").replace(who, "") == blank.replace("NJ-NOBODY", "").replace("孙无名", "")

    def test_a_case_without_an_applicant_opens_for_nobody(self, phone, served):
        served(userName="", creditNum="", mobile="")
        assert phone.post(URL, {"case": CASE, "who": "0000"}).status_code == 404

    def test_several_services_are_offered_to_choose_from(self, phone, served):
        first = served(point="acceptance")
        second = served(CASE, 2, point="issue", windowNo="NJ-A02")
        answer = phone.post(URL, {"case": CASE, "who": NAME})
        assert answer.status_code == 200
        shown = text(answer)
        assert "受理环节" in shown
        assert "出件环节" in shown
        urls = re.findall(r'href="(/e/[^"]+)"', answer.content.decode())
        assert len(urls) == 2
        phone.post(urls[1], {"level": 2, "words": "等太久"})
        assert not Evaluation.objects.filter(id=first.id).exists()
        assert Evaluation.objects.get(id=second.id).window_code == "NJ-A02"

    def test_what_is_rated_or_over_is_offered_no_more(self, phone, served):
        served()
        other = served(CASE, 2)
        first = phone.post(URL, {"case": CASE, "who": NAME})
        urls = re.findall(r'href="(/e/[^"]+)"', first.content.decode())
        phone.post(urls[0], {"level": 5})
        answer = phone.post(URL, {"case": CASE, "who": NAME})
        assert answer.status_code == 303
        assert Link.objects.order_by("-made_at").filter(event_id=other.id).exists()
        phone.post(answer["Location"], {"level": 5})
        assert "都已经评价过，或者评价时间已过" in text(phone.post(URL, {"case": CASE, "who": NAME}))

    def test_what_is_missing_is_told_by_field_and_what_was_typed_stays(self, phone, served):
        answer = phone.post(URL, {"case": CASE, "who": " "})
        assert answer.status_code == 422
        assert 'href="#who"' in answer.content.decode()
        assert CASE in answer.content.decode()

    def test_a_visit_without_a_case_is_rated_at_once(self, phone, cast):
        assert not ServiceEvent.objects.exists()
        assert phone.get(URL + "/visit").status_code == 200
        assert not ServiceEvent.objects.exists(), "it is made with the rating and not before"
        answer = phone.post(URL + "/visit", {"level": 1, "words": "咨询台没有人"})
        assert answer.status_code == 303
        rating = Evaluation.objects.get()
        assert (rating.level, rating.pf, rating.window_code, rating.organ_code) == (1, 3, "NJ-A01", NANJING)
        event = ServiceEvent.objects.get(id=rating.id)
        assert (event.item_name, event.project_no[:3], event.source) == ("窗口来访", "HCP", "window")
        assert Order.objects.get(id=rating.id).organ_code == NANJING
        assert "回执号" in text(phone.get(answer["Location"]))
        assert "回执号 HP" not in text(Client().get(answer["Location"])), "only the rater's browser sees it"

    @pytest.mark.parametrize("level", [1, 2])
    def test_a_refused_visit_leaves_no_service_event(self, phone, cast, level):
        answer = phone.post(URL + "/visit", {"level": level})
        assert answer.status_code == 422
        assert "请至少选择一项不满意的方面" in answer.content.decode()
        assert not ServiceEvent.objects.exists()

    def test_an_issuing_windows_visit_is_of_that_point(self, phone, cast):
        Window.objects.filter(code="NJ-A01").update(kind="issue")
        forget()
        phone.post(URL + "/visit", {"level": 5})
        assert Evaluation.objects.get().point == "issue"

    def test_a_window_of_the_test_region_gives_ratings_that_never_count(self, phone, cast, tmp_path):
        Region.objects.create(code="990000000000", name="测试区", level=1, parent="", path="99")
        Hall.objects.create(code="P", name="测试大厅", area="990000000000")
        Window.objects.create(code="P-1", name="测试窗口", hall="P", organ=NANJING)
        pack = (ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8")
        (tmp_path / "probe.toml").write_text(re.sub(r'(?m)^region = "32"', 'region = "99"', pack), encoding="utf-8")
        load_pack(tmp_path / "probe.toml", "test", NOW)
        forget()
        assert phone.post("/w/P-1/visit", {"level": 5}).status_code == 303
        assert Evaluation.objects.get().is_probe


class TestLimits:
    def test_one_visit_a_browser_and_window_in_ten_minutes_and_other_windows_go_on(self, phone, cast):
        phone.post(URL + "/visit", {"level": 5})
        again = phone.post(URL + "/visit", {"level": 1, "words": "再来一次"})
        assert again.status_code == 409
        assert "十分钟内不用再评一次" in text(again)
        assert Evaluation.objects.count() == 1
        assert phone.post("/w/NJ-A02/visit", {"level": 4}).status_code == 303
        with clock.held_at(NOW + timedelta(minutes=10, seconds=1)):
            assert phone.post(URL + "/visit", {"level": 3}).status_code == 303
        assert Evaluation.objects.count() == 3

    def test_forty_windows_behind_one_address_rate_all_at_once(self, cast):
        for n in range(40):
            Window.objects.create(code=f"H-{n}", name=f"H{n} 窗口", hall="NJ", organ=NANJING)
        forget()
        codes = [Client(REMOTE_ADDR="10.0.0.1").post(f"/w/H-{n}/visit", {"level": 5}).status_code for n in range(40)]
        assert codes == [303] * 40

    def test_one_window_takes_no_flood(self, cast):
        codes = [Client().post(URL + "/visit", {"level": 5}).status_code for _ in range(42)]
        assert codes == [303] * 40 + [429] * 2
        slow = Client().post(URL + "/visit", {"level": 1, "words": "等了两个小时"})
        assert int(slow["Retry-After"]) > 0
        assert "用办件编号评价" in text(slow)
        assert "等了两个小时" in text(slow), "what somebody wrote is not lost by waiting"
        assert Client().post("/w/NJ-A02/visit", {"level": 5}).status_code == 303

    def test_a_provinces_peak_over_many_windows_is_no_flood(self):
        limit = visits()
        assert not any(limit.wait(f"W{n % 1000}", NOW) or limit.miss(f"W{n % 1000}", NOW) for n in range(20_000))

    def test_a_telephones_end_cannot_be_tried_out_even_with_a_new_browser_each_time(self, served):
        served()
        codes = [Client().post(URL, {"case": CASE, "who": f"{n:04}"}).status_code for n in range(2, 12)]
        assert codes == [404] * 5 + [429] * 5
        assert Client().post(URL, {"case": CASE, "who": TAIL}).status_code == 429, (
            "refused before anything is looked up"
        )
        served("NJ2026060002")
        assert Client().post(URL, {"case": "NJ2026060002", "who": TAIL}).status_code == 303
        with clock.held_at(NOW + timedelta(minutes=3)):
            assert Client().post(URL, {"case": CASE, "who": TAIL}).status_code == 303

    def test_a_browser_that_guesses_is_slowed_and_its_neighbour_is_not(self, served):
        served()
        one = Client(REMOTE_ADDR="10.0.0.1")
        one.get(URL)
        codes = [one.post(URL, {"case": f"NJ{n}", "who": NAME}).status_code for n in range(12)]
        assert codes == [404] * 10 + [429] * 2
        neighbour = Client(REMOTE_ADDR="10.0.0.1")
        assert neighbour.post(URL, {"case": CASE, "who": NAME}).status_code == 303

    def test_a_foreign_page_cannot_rate_a_visit(self, cast):
        assert Client(enforce_csrf_checks=True).post(URL + "/visit", {"level": 5}).status_code == 403


class TestSigns:
    def test_a_scan_is_counted_by_sign_and_day_and_a_rating_too(self, phone, served):
        made, event = sign(), served()
        for _ in range(3):
            phone.get(f"{URL}?q={made.serial}")
        phone.get(URL)
        answer = phone.post(f"{URL}?q={made.serial}", {"case": CASE, "who": NAME})
        phone.post(answer["Location"], {"level": 5})
        phone.post(f"{URL}/visit?q={made.serial}", {"level": 4})
        assert queries.tallies([made.serial])[made.serial] == (3, 2)
        assert set(SignTally.objects.values_list("day", flat=True)) == {clock.day(NOW)}
        assert Evaluation.objects.filter(id=event.id).exists()

    def test_scans_do_not_wait_for_each_other(self, phone, cast):
        made = sign()
        for _ in range(60):
            phone.get(f"{URL}?q={made.serial}")
        assert SignTally.objects.count() > 1, "spread over rows"
        assert queries.tallies([made.serial])[made.serial].scans == 60

    def test_a_replaced_sign_says_so_and_still_lets_the_citizen_rate(self, phone, cast):
        made = sign()
        following = commands.replace_sign(made.serial, "破损褪色", cast.admin, NOW)
        shown = text(phone.get(f"{URL}?q={made.serial}"))
        assert "这张二维码已经更换成新的" in shown
        assert "直接评价本次来访" in shown
        assert "已经更换成新的" not in text(phone.get(f"{URL}?q={following.serial}"))
        assert phone.post(f"{URL}/visit?q={made.serial}", {"level": 5}).status_code == 303

    @pytest.mark.parametrize("serial", ["", "NOSUCHONE", "'; DROP TABLE", "\x00", "二维码"])
    def test_a_made_up_serial_changes_nothing(self, phone, cast, serial):
        assert phone.get(URL, {"q": serial}).status_code == 200
        assert not SignTally.objects.exists()

    def test_another_windows_sign_does_not_count_here(self, phone, cast):
        made = sign("NJ-A02")
        phone.get(f"{URL}?q={made.serial}")
        assert not SignTally.objects.exists()

    def test_an_unknown_window_says_what_to_do(self, phone, cast):
        answer = phone.get("/w/NO-SUCH")
        assert answer.status_code == 404
        assert "没有找到这个窗口" in text(answer)
        assert "12345" in text(answer)

    def test_a_closed_window_can_still_be_rated(self, phone, cast):
        Window.objects.filter(code="NJ-A01").update(is_active=False)
        forget()
        assert "这个窗口已经停用" in text(phone.get(URL))
        assert phone.post(URL + "/visit", {"level": 5}).status_code == 303

    def test_a_window_has_one_sign_in_force_however_often_it_is_printed(self, cast):
        assert sign().serial == sign().serial
        assert Sign.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "read"),
    [("赵试样", ("赵试样", "")), ("1234", ("", "1234")), ("１２３４", ("", "1234")), ("12345", ("12345", ""))],
)
def test_four_digits_are_a_telephones_end_and_all_else_a_name(typed, read):
    assert name_or_tail(typed) == read


def test_long_names_are_broken_into_lines():
    assert wrapped("南京市玄武区政务服务中心", 5) == ["南京市玄武", "区政务服务", "中心"]
    assert wrapped("", 5) == []
