"""`/r/{receipt}`: every step of a rating, and nothing personal."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from haochaping.channels import pages
from haochaping.channels.rules import Misses, in_groups
from haochaping.evaluation.commands import rule
from haochaping.evaluation.models import Parked, Rejected
from haochaping.evaluation.records import read_evaluation
from haochaping.flow import repair
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit import clock, ids
from haochaping.rectification.commands import perform
from tests.cast import BAD, NOW, Cast, forget, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db
ID = ids.event_id("NJ2026060001", 1)
PERSONAL = (
    "赵试样",
    "钱试样",
    "13800000001",
    "13900000002",
    "NJ2026060001",
    "320102190001010018",
    "排队两小时",
    "李窗口",
)


@pytest.fixture
def cast(settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cast]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(pages, "misses", Misses())
    with clock.held_at(NOW):
        cast = settle()
        admit_services([wire_service()], source="test", now=NOW)
        yield cast
    forget()


def rated(**more: Any) -> str:
    person = {"name": "钱试样", "mobile": "13900000002"}
    (outcome,) = admit([read_evaluation(wire_rating(**(BAD | person | more)), source="page")], now=NOW)
    return f"/r/{outcome.receipt}"


def shown(url: str) -> str:
    answer = Client().get(url)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Robots-Tag"] == "noindex"
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
    assert not [hidden for hidden in PERSONAL if hidden in answer.content.decode()]
    return text


def test_each_step_says_when_who_and_by_when(cast: Cast) -> None:
    url = rated()
    assert re.search(
        r"形成差评工单.*进行中 等待承办单位签收 承办单位：南京市市场监督管理局 最迟2026年6月\d+日（含当日）完成",
        shown(url),
    )
    perform(order_id=ID, verb="sign", actor=cast.rectifier, facts={}, now=NOW)
    assert "承办单位已签收，正在核实" in shown(url)
    found = {"is_true": True, "is_reasonable": True, "cause": "attitude", "severity": "general", "findings": "属实"}
    perform(order_id=ID, verb="confirm", actor=cast.rectifier, facts=found, now=NOW)
    answer = {"measures": "加开窗口", "reply": "已加开两个窗口，咨询请拨13800000001。"}
    perform(order_id=ID, verb="submit", actor=cast.rectifier, facts=answer, now=NOW)
    assert "已加开两个窗口" not in shown(url), "an answer is shown once it is approved"
    perform(order_id=ID, verb="approve", actor=cast.supervisor, facts={}, now=NOW)
    assert "已加开两个窗口" in shown(url)


def test_a_good_rating_has_a_short_way(cast: Cast) -> None:
    assert "评价已计入统计" in shown(rated(satisfaction=5, evalDetail="510"))


def test_that_a_rating_was_set_aside_is_told_with_the_reason(cast: Cast) -> None:
    url = rated()
    rule(ID, excludes=True, kind="mistaken", reason="评价人误将他人窗口评为差评", by="复核人员", now=NOW)
    assert re.search("本次评价不计入统计。.*理由：评价人误将他人窗口评为差评", shown(url))
    rule(ID, excludes=False, kind="objection", reason="异议成立", by="复核人员", now=NOW + timedelta(hours=1))
    assert "不计入统计" not in shown(url)


def test_a_rating_that_waits_for_its_service_is_known_already(cast: Cast) -> None:
    (outcome,) = admit([read_evaluation(wire_rating("NJ-LATER"), source="page")], now=NOW)
    assert "评价已收到，正在核对办件信息" in shown(f"/r/{outcome.receipt}")
    admit_services([wire_service("NJ-LATER")], source="test", now=NOW)
    assert "评价已计入统计" in shown(f"/r/{outcome.receipt}")


def test_what_could_not_be_counted_is_told_with_the_reason(cast: Cast) -> None:
    """It was acknowledged while its service was unknown, and refused when that came."""
    early = read_evaluation(wire_rating("NJ-LATER"), source="page")
    (outcome,) = admit([early], now=NOW)
    admit_services([wire_service("NJ-LATER", serviceTime="2026-06-10 09:45:00")], source="test", now=NOW)
    url = f"/r/{outcome.receipt}"
    assert "评价已收到，正在人工核对" in shown(url)
    row = Rejected.objects.get()
    repair.discard(row.id, reason="评价早于服务，联系13800000001核实为误报", actor=cast.supervisor, now=NOW)
    assert re.search(r"这条评价未能计入 理由：评价早于服务，联系138\*{4}0001核实为误报", shown(url))
    assert "未能计入" not in shown(rated())


def test_a_receipt_leads_on_where_the_case_number_was_mended(cast: Cast) -> None:
    (outcome,) = admit([read_evaluation(wire_rating("NJ-TYPO"), source="page")], now=NOW)
    row = repair.take_in_hand(Parked.objects.get(), actor=cast.supervisor, now=NOW)
    repair.fix(row.id, {"projectNo": "NJ2026060001"}, actor=cast.supervisor, now=NOW)
    assert "评价已计入统计" in shown(f"/r/{outcome.receipt}")


class TestLookingUp:
    def test_the_form_takes_a_receipt_however_it_is_typed(self, cast: Cast) -> None:
        url = rated()
        typed = in_groups(url.removeprefix("/r/")).lower()
        answer = Client().get("/r/", {"receipt": typed})
        assert (answer.status_code, answer["Location"]) == (302, url)
        answer = Client().get(url.lower())
        assert (answer.status_code, answer["Location"]) == (302, url)

    def test_what_is_no_receipt_is_told(self, cast: Cast) -> None:
        answer = Client().get("/r/", {"receipt": "<b>HP12"})
        assert answer.status_code == 422
        assert "回执号以 HP 开头" in answer.content.decode()
        assert "&lt;b&gt;HP12" in answer.content.decode()
        assert Client().get("/r/").status_code == 200

    def test_guessing_finds_nothing_and_is_slowed(self, cast: Cast) -> None:
        url = rated()
        guesses = [f"/r/HP{n:020d}" for n in range(40)]
        seen = [Client().get(guess).status_code for guess in guesses]
        assert seen == [404] * 30 + [429] * 10
        assert Client().get(url).status_code == 200  # whoever shares the guesser's address is not refused

    def test_behind_proxies_the_client_is_counted_not_the_proxy(self, cast: Cast, settings: SettingsWrapper) -> None:
        settings.AXES_IPWARE_PROXY_COUNT = 1
        rated()
        for n in range(40):  # whatever a client writes in front itself is not believed
            Client().get(f"/r/HP{n:020d}", headers={"X-Forwarded-For": f"1.2.3.{n}, 9.9.9.9"})
        assert Client().get(f"/r/HP{41:020d}", headers={"X-Forwarded-For": "9.9.9.9"}).status_code == 429
        assert Client().get(f"/r/HP{41:020d}", headers={"X-Forwarded-For": "8.8.8.8"}).status_code == 404


def test_the_front_page_leads_on(cast: Cast) -> None:
    text = Client().get("/").content.decode()
    for link in ("/r/", "/public/", "/console/", "tel:12345"):
        assert f'"{link}"' in text
