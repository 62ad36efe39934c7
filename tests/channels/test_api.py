"""Links, the catalogue and one rating, as business systems ask for them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from haochaping.accounts.queries import app_info
from haochaping.accounts.signing import sign
from haochaping.channels.models import Link
from haochaping.evaluation.commands import erase_identity
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit import clock, ids
from tests.cast import BAD, NOW, Cast, forget, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db
ASKED = {"projectNo": "NJ2026060001", "serviceNumber": 1, "channel": 7}
ONE = "/api/v1/evaluations/NJ2026060001/1"


@pytest.fixture
def cast(settings: SettingsWrapper) -> Iterator[Cast]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with clock.held_at(NOW):
        cast = settle()
        admit_services([wire_service()], source=cast.app_id, now=NOW)
        yield cast
    forget()


def call(app: tuple[str, str], method: str, target: str, body: Any = None) -> tuple[int, Any]:
    raw = b"" if body is None else json.dumps(body).encode()
    headers = sign(*app, method, target, raw, clock.now())
    answer = Client().generic(method, target, raw, content_type="application/json", headers=headers)
    return answer.status_code, json.loads(answer.content)


def ours(cast: Cast) -> tuple[str, str]:
    return cast.app_id, cast.secret


def theirs(cast: Cast) -> tuple[str, str]:
    return cast.foreign_app_id, cast.foreign_secret


def rated(cast: Cast, source: str, **more: Any) -> None:
    (outcome,) = admit([read_evaluation(wire_rating(**(BAD | more)), source=source)], now=NOW)
    assert outcome.status == "created"


class TestLinks:
    def test_a_link_opens_the_page_of_that_case(self, cast: Cast) -> None:
        status, made = call(ours(cast), "POST", "/api/v1/links", ASKED)
        assert status == 200
        assert made["url"].startswith("http://127.0.0.1:8000/e/")
        assert made["qrSvg"].startswith("<svg")
        assert made["expiresAt"] == "2026-06-18 00:00:00", "a link does not outlive the window of its service"
        assert Link.objects.get().pf == 7
        page = Client().get(made["url"].removeprefix("http://127.0.0.1:8000"))
        assert "食品经营许可（新办）" in page.content.decode()

    def test_it_lives_as_long_as_asked_and_no_longer_than_thirty_days(self, cast: Cast) -> None:
        assert (
            call(ours(cast), "POST", "/api/v1/links", ASKED | {"ttlDays": 2})[1]["expiresAt"] == "2026-06-12 10:00:00"
        )
        for days in (0, 31, -1, "x"):
            status, answer = call(ours(cast), "POST", "/api/v1/links", ASKED | {"ttlDays": days})
            assert status == 422
            assert [field["field"] for field in answer["error"]["fields"]] == ["ttlDays"]

    def test_only_for_services_of_the_apps_own_organs(self, cast: Cast) -> None:
        status, answer = call(theirs(cast), "POST", "/api/v1/links", ASKED)
        assert (status, answer["error"]["code"]) == (404, "service_not_found")
        assert call(ours(cast), "POST", "/api/v1/links", ASKED | {"serviceNumber": 2})[0] == 404
        assert not Link.objects.exists()

    def test_none_for_what_is_rated_or_too_late(self, cast: Cast) -> None:
        with clock.held_at(NOW + timedelta(days=30)):
            status, answer = call(ours(cast), "POST", "/api/v1/links", ASKED)
        assert (status, answer["error"]["code"]) == (409, "rating_window_closed")
        rated(cast, "page")
        status, answer = call(ours(cast), "POST", "/api/v1/links", ASKED)
        assert (status, answer["error"]["code"]) == (409, "already_rated")

    def test_unsigned_nothing(self, cast: Cast) -> None:
        assert Client().post("/api/v1/links", ASKED, content_type="application/json").status_code == 401


@pytest.mark.parametrize(
    ("raw", "told"),
    [(b"{broken", (422, "malformed")), (b'{"projectNo": "' + b"x" * 70_000 + b'"}', (413, "too_large"))],
)
def test_what_cannot_be_read_is_refused_in_the_one_shape_of_errors(
    cast: Cast, raw: bytes, told: tuple[int, str]
) -> None:
    headers = sign(*ours(cast), "POST", "/api/v1/links", raw, clock.now())
    answer = Client().generic("POST", "/api/v1/links", raw, content_type="application/json", headers=headers)
    assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == told


def test_the_catalogue_in_force(cast: Cast) -> None:
    status, norms = call(ours(cast), "GET", "/api/v1/indicators")
    assert status == 200
    assert len(norms) == 40
    assert norms[0] == {
        "normCode": "510",
        "normName": "一窗受理一次办结",
        "starLevel": 5,
        "usingStatus": True,
        "expandNorm": False,
    }
    assert sum(norm["expandNorm"] for norm in norms) == 25
    assert len(call(ours(cast), "GET", "/api/v1/indicators?retired=true")[1]) == 72


class TestOneRating:
    def test_before_there_is_one(self, cast: Cast) -> None:
        assert call(ours(cast), "GET", ONE) == (200, {"rated": False})

    def test_whoever_submitted_it_sees_it_with_its_progress(self, cast: Cast) -> None:
        rated(cast, cast.app_id)
        status, told = call(ours(cast), "GET", ONE)
        assert status == 200
        assert (told["rated"], told["satisfaction"], told["evalDetail"]) == (True, 1, "115")
        assert told["writingEvaluation"] == BAD["writingEvaluation"]
        assert told["assessTime"] == "2026-06-10 09:30:00"
        assert told["order"]["orderNo"].startswith("CP20260610-")

    def test_others_learn_only_that_it_is_rated_unless_the_rater_consented(self, cast: Cast) -> None:
        rated(cast, "page")
        assert call(ours(cast), "GET", ONE) == (200, {"rated": True})

    def test_with_the_raters_consent_the_department_sees_it(self, cast: Cast) -> None:
        rated(cast, "page", consent=["contact_department"], name="钱试样", mobile="13900000002")
        status, told = call(ours(cast), "GET", ONE)
        assert (status, told["satisfaction"]) == (200, 1)
        assert "钱试样" not in json.dumps(told, ensure_ascii=False)
        assert "13900000002" not in json.dumps(told)

    def test_the_department_sees_their_words_masked_and_nothing_more_once_they_withdrew(self, cast: Cast) -> None:
        words = "我叫钱试样，电话13900000002，排队两小时"
        rated(cast, "page", consent=["contact_department"], name="钱试样", writingEvaluation=words)
        told = call(ours(cast), "GET", ONE)[1]
        assert "排队两小时" in told["writingEvaluation"]
        assert "13900000002" not in told["writingEvaluation"]
        erase_identity(ids.event_id("NJ2026060001", 1), by="评价人", now=NOW)
        assert call(ours(cast), "GET", ONE) == (200, {"rated": True})

    def test_of_another_city_there_is_nothing(self, cast: Cast) -> None:
        rated(cast, "page")
        assert call(theirs(cast), "GET", ONE)[0] == 404
        assert app_info(cast.foreign_app_id) is not None
