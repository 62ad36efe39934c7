"""综合点评: anybody comments on a hall, an organ, a platform or an item, once a day each, without a case or a name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from haochaping.channels.comments import commands, pages, queries, rules
from haochaping.channels.comments.rules import Kind
from haochaping.channels.forms import Draft
from haochaping.channels.models import CommentMark
from haochaping.directory.models import Hall, Region
from haochaping.evaluation.models import Evaluation, ServiceEvent
from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.policy.commands import load_pack
from haochaping.project import assets
from haochaping.rectification.models import Order
from tests.cast import NANJING, NANJING_ITEM, NOW, forget, settle

TARGETS = ("hall:NJ", f"organ:{NANJING}", "platform:320100000000:app", f"item:{NANJING_ITEM}")


@pytest.fixture(scope="module", autouse=True)
def published():
    assets.build()


@pytest.fixture
def cast(db):
    return settle()


@pytest.fixture(autouse=True)
def calm(monkeypatch):
    monkeypatch.setattr(pages, "limit", rules.pace())


def send(client: Client, target: str, **more):
    with clock.held_at(NOW):
        return client.post(f"/comment?target={target}", {"level": "5"} | more)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("level", range(1, 6))
def test_every_level_can_be_given_to_everything(cast, target, level):
    client = Client()
    answer = send(client, target, level=str(level), words="等得太久")
    assert answer.status_code == 303
    rated = Evaluation.objects.get()
    event = ServiceEvent.objects.get(id=rated.id)
    assert (rated.level, rated.pf, rated.assurance, event.mode) == (level, 1, "anonymous", "comment")
    assert rated.item_name
    with clock.held_at(NOW):
        page = client.get(answer["Location"]).content.decode()
    assert "评价已收到" in page
    order = Order.objects.filter(id=rated.id).first()
    assert bool(order) == (level <= 2)
    if order:
        has_organ = target.startswith(("organ", "item"))
        assert order.state == ("dispatched" if has_organ else "arbitrating")


def test_the_aspect_says_what_was_commented_on(cast):
    for target in TARGETS:
        send(Client(), target)
    aspects = dict(ServiceEvent.objects.values_list("item_name", "aspect"))
    assert aspects == {
        "NJ政务服务中心": "service",
        "南京市市场监督管理局": "service",
        "江苏省南京市政务服务手机应用": "platform",
        "食品经营许可（新办）": "item",
    }


def test_a_telephone_is_a_telephone(cast):
    with clock.held_at(NOW):
        Client(HTTP_USER_AGENT="Mozilla/5.0 (Linux; Android 12) Mobile").post("/comment?target=hall:NJ", {"level": "4"})
    assert Evaluation.objects.get().pf == 2


def test_a_bad_comment_wants_a_tag_or_a_sentence_and_loses_nothing(cast):
    answer = send(Client(), "hall:NJ", level="1", name="王先生")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "请至少选择一项不满意的方面" in page
    assert "王先生" in page
    assert not ServiceEvent.objects.exists()
    assert not CommentMark.objects.exists(), "nobody is locked out by a mistake"


def test_one_browser_comments_on_one_thing_once_a_day(cast):
    client = Client()
    assert send(client, "hall:NJ").status_code == 303
    again = send(client, "hall:NJ", words="再说一句")
    assert again.status_code == 409
    assert "今天已经点评过" in again.content.decode()
    assert "再说一句" in again.content.decode()
    assert send(client, f"organ:{NANJING}").status_code == 303
    assert send(Client(), "hall:NJ").status_code == 303, "another browser at the same address is not hindered"
    with clock.held_at(NOW + timedelta(days=1)):
        assert client.post("/comment?target=hall:NJ", {"level": "5"}).status_code == 303


def test_a_storm_on_one_thing_is_slowed_and_others_are_not(cast):
    for _ in range(300):
        pages.limit.miss("hall:NJ", NOW)
    slowed = send(Client(), "hall:NJ", words="别丢了")
    assert (slowed.status_code, "别丢了" in slowed.content.decode()) == (429, True)
    assert int(slowed["Retry-After"]) > 0
    assert send(Client(), "hall:SZ").status_code == 303


def test_what_to_comment_on_is_found_by_part_of_its_name_or_place(cast):
    assert [t.code for t in queries.search(Kind.HALL, "NJ")[0]] == ["NJ"]
    assert [t.code for t in queries.search(Kind.ORGAN, "南京 市场")[0]] == [NANJING]
    assert {t.name for t in queries.search(Kind.PLATFORM, "苏州")[0]} == set(rules.PLATFORMS.values())
    assert len(queries.search(Kind.ITEM, "食品")[0]) == 2
    page = Client().get("/comment?kind=organ&q=没有的单位").content.decode()
    assert "没有找到“没有的单位”" in page


@pytest.mark.parametrize("target", ["hall:X", "x", "platform:320100000000:x", "platform:12:web", "item:", "organ:\x00"])
def test_what_does_not_exist_leads_back_to_the_choice(cast, target):
    answer = Client().get("/comment", {"target": target})
    assert answer.status_code == 404
    assert "请重新选择" in answer.content.decode()


def test_supervisors_see_comments_of_their_area_masked(cast):
    draft = Draft(level="1", words="我叫王小明，电话13912345678，没人管")
    target = queries.target("hall:NJ")
    assert target
    commands.comment(target, draft, browser="b", pf=1, now=NOW)
    (seen,) = queries.told(queries.comments_for(cast.city), cast.city)
    assert (seen.target, seen.order_no[:2]) == ("NJ政务服务中心", "CP")
    assert "13912345678" not in seen.words
    assert "小明" not in seen.words
    assert not queries.comments_for(cast.foreign_city).exists()
    assert not queries.comments_for(cast.city, level=5).exists()


def test_a_comment_from_the_test_region_never_counts(cast, tmp_path):
    Region.objects.create(code="990000000000", name="测试区", level=1, parent="", path="99")
    Hall.objects.create(code="P", name="测试大厅", area="990000000000")
    pack = (ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8")
    (tmp_path / "probe.toml").write_text(pack.replace('\nregion = "32"', '\nregion = "99"', 1), encoding="utf-8")
    load_pack(tmp_path / "probe.toml", "test", NOW)
    forget()
    target = queries.target("hall:P")
    assert target
    commands.comment(target, Draft(level="5"), browser="b", pf=1, now=NOW)
    assert Evaluation.objects.get().is_probe
    assert queries.search(Kind.HALL, "测试") == ([], False)


def test_an_item_is_found_by_its_own_words_and_its_organs(cast):
    found, is_more = queries.search(Kind.ITEM, "食品 南京市")
    assert [(each.task_code, is_more) for each in found] == [(NANJING_ITEM, False)]
    assert not queries.search(Kind.ITEM, "食品 没有的词")[0]
