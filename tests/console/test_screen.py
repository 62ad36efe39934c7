"""大屏: what it shows to whom; and what it may not show to whoever passes by."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from haochaping.accounts.models import Audit, Grant, Person
from haochaping.analytics.commands import rebuild_lake
from haochaping.analytics.queries import figures
from haochaping.console.models import ScreenLink
from haochaping.console.rules import IDLE
from haochaping.console.screens import walls
from haochaping.kit import clock
from haochaping.kit.clock import held_at
from tests.cast import NOW
from tests.console.stage import CANARIES, bad_order, suzhou_order, text

pytestmark = pytest.mark.django_db
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def order(cast):
    walls.forget()
    found = bad_order()
    suzhou_order()
    rebuild_lake(now=NOW)
    return found


def opened(as_, area: str = "3201", days: str = "30") -> str:
    """The address of a new link."""
    with held_at(NOW):
        page = as_("supervisor").post("/console/screens/", {"name": "一楼大厅", "area": area, "days": days})
    return re.search(r'value="http://testserver(/screen/w/[^"]+)"', page.content.decode())[1]


class TestLoggedIn:
    @pytest.mark.parametrize("username", ["leader", "supervisor", "city", "analyst", "observer"])
    def test_whoever_watches_over_a_place_sees_it(self, as_, username):
        with held_at(NOW):
            page = as_(username).get("/screen")
        assert page.status_code == 200
        assert [word for word in CANARIES if word in page.content.decode()] == []

    @pytest.mark.parametrize("username", ["clerk", "rectifier", "operator", "admin", "audit"])
    def test_nobody_who_is_rated_or_administers_does(self, as_, username):
        assert as_(username).get("/screen").status_code == 403

    def test_its_figures_are_the_dictionarys(self, as_):
        with held_at(NOW):
            page = text(as_("leader").get("/screen").content.decode())
        today = clock.day(NOW)
        row = figures(["ratings", "bad_rate"], [], today.replace(day=1), today, now=NOW).total
        assert f"{row['ratings'].text} 本月评价量" in page
        assert f"{row['bad_rate'].text} 差评率 {row['bad_rate'].parts}" in page

    def test_one_looks_into_a_place_and_no_further_than_ones_reach(self, as_):
        with held_at(NOW):
            city = as_("city").get("/screen?area=320102")
            assert city.status_code == 200
            assert "苏州" not in text(city.content.decode())
            assert as_("city").get("/screen?area=3205").status_code == 404
            assert as_("leader").get("/screen?area=99").status_code == 404

    def test_what_is_refreshed_is_one_answer_with_all_that_changes(self, as_, order):
        with held_at(NOW):
            part = as_("leader").get("/screen/fresh").content.decode()
        assert "<html" not in part
        for head in ("今日评价量", "近30天", "五级构成", "排名", "最新差评", "超期工单"):
            assert head in part
        assert order.item_name in part

    def test_a_screen_that_nobody_touches_keeps_no_login_alive(self, as_):
        client, now = as_("leader"), NOW
        with held_at(now):
            client.get("/screen")
        for _ in range(3):
            now += IDLE / 2
            with held_at(now):
                answer = client.get("/screen/fresh")
        assert answer.status_code == 302
        assert "/console/login" in answer["Location"]


class TestOnAWall:
    def test_it_needs_nobodys_login_and_counts_to_yesterday(self, as_, client, order):
        address = opened(as_)
        with held_at(NOW):
            page = client.get(address).content.decode()
        assert "只统计到昨天" in page
        assert order.item_name not in page  # who watches it today would know who pressed
        walls.forget()
        with held_at(TOMORROW):
            answer = client.get(address)
        page = answer.content.decode()
        assert "在办 1 件" in text(page)
        assert order.item_name not in page, "no single order stands where anybody may read it"
        assert [word for word in CANARIES if word in page] == []
        assert "no-store" in answer["Cache-Control"]

    def test_it_tells_nothing_of_few_and_nothing_of_an_organ(self, as_, client, order):
        address = opened(as_)
        with held_at(TOMORROW):
            page = text(client.get(address).content.decode())
            county = client.get(f"{address}?area=320102")
        assert "少于5 本月评价量" in page
        assert order.organ_name
        assert order.organ_name not in page, "the promise on the page of links holds for its lists too"
        assert county.status_code == 404

    def test_it_shows_no_other_place_than_its_own(self, as_, client):
        address = opened(as_)
        for area in ("32", "3205", "", "3201x"):
            with held_at(TOMORROW):
                answer = client.get(f"{address}?area={area}")
            assert answer.status_code == (200 if not area else 404)

    def test_a_place_that_is_none_is_not_there_and_not_kept(self, as_, client):
        address = opened(as_, area="32")
        for area, status in (("3201", 200), ("32zz", 404), ("3299", 404)):
            with held_at(TOMORROW):
                assert client.get(f"{address}?area={area}").status_code == status
        assert set(walls._kept) <= {"32", "3201"}

    def test_its_address_is_told_once_and_not_kept(self, as_):
        token = opened(as_).rpartition("/")[2]
        with held_at(NOW):
            page = as_("supervisor").get("/console/screens/").content.decode()
        assert "一楼大厅" in page
        assert token not in page
        assert token.encode() not in bytes(ScreenLink.objects.get().digest)

    def test_it_ends_when_it_is_closed_and_when_its_time_is_over(self, as_, client):
        address, other = opened(as_), opened(as_, days="1")
        with held_at(NOW):
            pk = ScreenLink.objects.order_by("pk")[0].pk
            assert "不能恢复" in as_("supervisor").get(f"/console/screens/{pk}/close").content.decode()
            assert as_("supervisor").post(f"/console/screens/{pk}/close").status_code == 302
            assert as_("supervisor").post(f"/console/screens/{pk}/close").status_code == 409
            assert client.get(address).status_code == client.get(f"{address}/fresh").status_code == 404
            assert client.get(other).status_code == 200
        with held_at(NOW + timedelta(days=2)):
            assert client.get(other).status_code == 404
        assert list(Audit.objects.filter(action__startswith="screen").order_by("pk").values_list("action", flat=True)) == [
            "screen_open", "screen_open", "screen_close",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"name": " "}, "放在哪里"),
            ({"area": "44"}, "您管辖的地区"),
            ({"days": "0"}, "有效天数"),
            ({"days": "²"}, "有效天数"),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_typed_is_lost(self, as_, wrong, said):
        asked = {"name": "一楼大厅", "area": "3201", "days": "30"} | wrong
        with held_at(NOW):
            page = as_("supervisor").post("/console/screens/", asked)
        assert page.status_code == 422
        assert said in page.content.decode()
        assert f'value="{asked["days"]}"' in page.content.decode()
        assert not ScreenLink.objects.exists()

    def test_a_citys_office_opens_and_closes_only_its_own(self, as_):
        opened(as_, area="3205")
        Grant.objects.create(person=Person.objects.get(username="city"), role="observer", area="32")
        with held_at(NOW):
            assert "一楼大厅" not in as_("city").get("/console/screens/").content.decode()
            assert as_("city").post("/console/screens/", {"name": "x", "area": "3205", "days": "3"}).status_code == 422
