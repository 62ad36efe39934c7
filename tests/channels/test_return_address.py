"""Back to where the rater came from: by a press, and only to a site that the app which made the link allows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from django.test import Client

from haochaping.accounts.commands import create_app, set_return_origins
from haochaping.accounts.models import App, Audit
from haochaping.accounts.rules import origin_of
from haochaping.accounts.signing import sign
from haochaping.evaluation.models import Evaluation
from haochaping.flow.services import admit_services
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.project import assets
from tests.cast import NANJING, NOW, PROVINCE_OFFICE, Cast, forget, settle, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import SettingsWrapper

SITE = "https://zwfw.nanjing.example.gov.cn"
BACK = SITE + "/cases/1?tab=done#end"


@pytest.fixture
def cast(db: None, settings: SettingsWrapper) -> Iterator[Cast]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    assets.build()
    with clock.held_at(NOW):
        cast = settle()
        set_return_origins(cast.app_id, [SITE], actor=cast.admin, now=NOW)
        admit_services([wire_service()], source=cast.app_id, now=NOW)
        yield cast
    forget()


def made(cast: Cast, **more: Any) -> Any:
    body = json.dumps({"projectNo": "NJ2026060001", "serviceNumber": 1, "channel": 2} | more).encode()
    headers = sign(cast.app_id, cast.secret, "POST", "/api/v1/links", body, NOW)
    return Client().post("/api/v1/links", body, "application/json", headers=headers)


def link(cast: Cast, **more: Any) -> str:
    url: str = made(cast, **more).json()["url"]
    return url[url.index("/e/") :]


def rate(url: str) -> tuple[Any, str]:
    client = Client()
    answer = client.post(url, {"level": 5})
    assert answer.status_code == 303
    return answer, client.get(answer["Location"]).content.decode()


def test_an_allowed_address_of_the_query_becomes_a_button_after_the_thanks(cast: Cast) -> None:
    answer, shown = rate(link(cast) + "?return=" + quote(BACK, safe=""))
    assert answer["Location"].startswith("/e/"), "never away by itself"
    assert f'href="{BACK}" rel="noreferrer">返回南京一体化平台</a>' in shown
    assert "refresh" not in shown.lower()


def test_so_does_one_that_the_link_was_made_with(cast: Cast) -> None:
    _, shown = rate(link(cast, returnUrl=BACK))
    assert f'href="{BACK}"' in shown


def test_making_a_link_to_elsewhere_is_refused_and_says_why(cast: Cast) -> None:
    answer = made(cast, returnUrl="https://evil.example/")
    assert answer.status_code == 422
    (field,) = answer.json()["error"]["fields"]
    assert (field["field"], field["code"]) == ("returnUrl", "origin_not_allowed")


@pytest.mark.parametrize(
    "bad",
    [
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        SITE + ".evil.example/",
        SITE + "@evil.example/",
        SITE.replace("https://", "https://evil.example\\@"),
        "http" + SITE.removeprefix("https"),
        SITE + ":8443/",
        "https:/" + SITE.removeprefix("https://"),
        " " + SITE,
        SITE + "\n/x",
        "https://ZWFW.nanjing.example.gov.cn.",
        "https://zwfw.nanjing.example.gov.cn\u3002evil.example",
        "x" * 600,
    ],
)
def test_any_other_address_is_ignored(cast: Cast, bad: str) -> None:
    answer, shown = rate(link(cast) + "?return=" + quote(bad, safe=""))
    assert "?" not in answer["Location"]
    assert "返回南京" not in shown
    assert "evil" not in shown
    assert Evaluation.objects.count() == 1, "the rating is taken all the same"


def test_what_one_app_allows_another_does_not(cast: Cast) -> None:
    theirs, _ = create_app(
        "外单位", organ_code=NANJING, organ_path=f"/{PROVINCE_OFFICE}/{NANJING}/", area="3201", now=NOW
    )
    App.objects.filter(pk=cast.app_id).update(return_origins=[])
    App.objects.filter(pk=theirs).update(return_origins=[SITE])
    assert made(cast, returnUrl=BACK).status_code == 422


def test_a_link_of_no_app_leads_nowhere(cast: Cast) -> None:
    from datetime import timedelta

    from haochaping.channels.commands import make_link
    from haochaping.kit import ids

    token = make_link(ids.event_id("NJ2026060001", 1), 3, timedelta(days=1), "console", NOW, return_url=BACK)
    _, shown = rate(f"/e/{token}?return={quote(BACK, safe='')}")
    assert "返回" not in shown.replace("返回首页", "")


def test_an_origin_that_was_taken_away_ends_the_buttons_of_old_links(cast: Cast) -> None:
    url = link(cast, returnUrl=BACK)
    set_return_origins(cast.app_id, [], actor=cast.admin, now=NOW)
    _, shown = rate(url)
    assert BACK not in shown


def test_who_changed_the_origins_is_written_down(cast: Cast) -> None:
    line = Audit.objects.get(action="set_return_origins")
    assert (line.actor_name, line.subject, line.facts) == ("管理员", cast.app_id, {"origins": SITE})


@pytest.mark.parametrize(
    "bad",
    [
        "http://www.example.gov.cn",
        "www.example.gov.cn",
        SITE + "/path",
        SITE + "?x",
        "*",
        "https://*.gov.cn",
        "ftp://x",
    ],
)
def test_an_origin_is_a_site_and_nothing_behind_it(cast: Cast, bad: str) -> None:
    with pytest.raises(Refused, match="不是网站地址"):
        set_return_origins(cast.app_id, [bad], actor=cast.admin, now=NOW)
    assert App.objects.get(pk=cast.app_id).return_origins == [SITE]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Www.Example.gov.CN/a?b#c", "https://www.example.gov.cn"),
        ("https://example.gov.cn:443/", "https://example.gov.cn"),
        ("https://example.gov.cn:8443", "https://example.gov.cn:8443"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000"),
        ("http://example.gov.cn/", ""),
        ("https://user@example.gov.cn/", ""),
        ("https://exam ple.gov.cn/", ""),
        ("https://example.gov.cn:99999/", ""),
        ("https://[::1]/", ""),
        ("https://例子.gov.cn/", ""),
        ("https:example.gov.cn", ""),
        ("", ""),
    ],
)
def test_the_origin_of_an_address(url: str, origin: str) -> None:
    assert origin_of(url) == origin
