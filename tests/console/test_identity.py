"""Signing in by the government's identity service, through a real exchange: who is known comes in, nobody is made by it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import Client

from haochaping.accounts import identity, oidc
from haochaping.accounts.models import Audit, Grant, Person, Subject
from haochaping.accounts.rules import SecondFactorMode
from haochaping.console.rules import FRESH
from haochaping.kit import clock, config
from tests.cast import PASSWORD, Cast
from tests.console.stage import bad_order, text
from tests.fakes.oidc import FAULTS, STAFF, IdentityService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpResponse
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db
DOOR = "/console/login/oidc"
SHEET = "/console/orders/export?state=all"


@pytest.fixture
def service(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityService]:
    oidc.forget()
    with IdentityService(people=STAFF) as running:
        for name, value in running.staff_env.items():
            monkeypatch.setenv(name, value)
        yield running


def go(client: Client, person: str, where: str = DOOR) -> str:
    """Off to the service, be that person there; the address to which it sends the browser back."""
    off = client.get(where)
    assert off.status_code == 302, text(off.content.decode())
    back = httpx.get(off["Location"] + f"&person={person}")
    assert back.status_code == 302, back.text
    address = urlsplit(back.headers["Location"])
    assert address.path == f"{DOOR}/callback"
    return f"{address.path}?{address.query}"


def come_in(person: str, where: str = DOOR) -> tuple[Client, HttpResponse]:
    client = Client()
    return client, client.get(go(client, person, where))


def is_in(client: Client) -> bool:
    return client.get("/console/password").status_code == 200


def says(answer: HttpResponse) -> str:
    return text(answer.content.decode())


def test_whoever_is_known_here_comes_in_and_goes_where_they_wanted(service: IdentityService) -> None:
    client, answer = come_in("s-city", f"{DOOR}?next=/console/orders/%3Fstate%3Dall")
    assert (answer.status_code, answer["Location"]) == (302, "/console/orders/?state=all")
    assert is_in(client)
    assert service.refused == []
    trail = Audit.objects.filter(subject="city").order_by("id").values_list("action", "facts")
    assert list(trail) == [("link_identity", {}), ("login", {"by": "oidc"})]


def test_the_door_offers_it_where_it_is_configured_and_only_there(
    service: IdentityService, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Client().get("/console/login?next=/console/orders/").content.decode()
    assert 'href="/console/login/oidc?next=/console/orders/"' in page
    monkeypatch.delenv("HCP_STAFF_OIDC_ISSUER")
    assert "统一身份认证" not in Client().get("/console/login").content.decode()
    assert Client().get(DOOR)["Location"] == "/console/login"


def test_the_request_carries_state_nonce_and_pkce_and_the_secret_stays_here(service: IdentityService) -> None:
    client = Client()
    asked = parse_qs(urlsplit(client.get(DOOR)["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert service.client_secret not in str(asked)
    cookie = client.cookies["hcp_staff_oidc"]
    assert (cookie["httponly"], cookie["path"], cookie["samesite"]) == (True, DOOR, "Lax")


@pytest.mark.parametrize("person", ["s-nobody", "s-no-name"])
def test_a_stranger_is_told_what_to_do_and_nobody_is_made(service: IdentityService, person: str) -> None:
    before = Person.objects.count(), Grant.objects.count()
    client, answer = come_in(person)
    assert answer.status_code == 403
    assert "请联系本单位系统管理员开通" in says(answer)
    assert not is_in(client)
    assert (Person.objects.count(), Grant.objects.count(), Subject.objects.count()) == (*before, 0)


def test_who_left_reads_like_a_stranger_linked_or_not(service: IdentityService) -> None:
    come_in("s-city")
    Person.objects.update(is_active=False)
    for person in ("s-city", "s-analyst"):
        client, answer = come_in(person)
        assert (answer.status_code, "没有与之对应的在用账号" in says(answer)) == (403, True)
        assert not is_in(client)
    assert Audit.objects.filter(action="login", result="refused").count() == 2


@pytest.mark.parametrize("fault", [f for f in FAULTS if f != "new_key"])
def test_nothing_that_is_not_quite_right_lets_anybody_in(service: IdentityService, fault: str) -> None:
    service.fault = fault
    client, answer = come_in("s-city")
    assert answer.status_code in {403, 503}
    assert "用户名和密码登录" in says(answer)
    assert not is_in(client)
    assert not Subject.objects.exists()


def test_an_answer_is_good_for_the_browser_that_set_out_and_once(service: IdentityService) -> None:
    client, other = Client(), Client()
    back = go(client, "s-city")
    assert Client().get(back).status_code == 403, "a link that somebody else was sent"
    go(other, "s-analyst")
    assert other.get(back).status_code == 403, "an answer to another's question"
    assert client.get(back).status_code == 302
    assert client.get(back).status_code == 403


def test_after_the_first_time_the_subject_counts_and_the_name_no_more(service: IdentityService) -> None:
    come_in("s-city")
    service.people = STAFF | {
        "s-city": {"preferred_username": "renamed-there"},
        "s-thief": {"preferred_username": "city"},
    }
    client, _ = come_in("s-city")
    assert is_in(client)
    client, answer = come_in("s-thief")
    assert (answer.status_code, is_in(client)) == (403, False)
    assert "解除绑定" in says(answer)


def test_a_link_is_undone_by_the_security_administrator(service: IdentityService, as_: Callable[[str], Client]) -> None:
    come_in("s-city")
    service.people = STAFF | {"s-new": {"preferred_username": "city"}}
    page = f"/console/people/{Person.objects.get(username='city').pk}/identity"
    assert as_("admin").post(page).status_code == 403
    assert as_("security").post(page).status_code == 302
    assert Audit.objects.filter(action="unlink_identity", actor_name="保密员").exists()
    client, _ = come_in("s-new")
    assert is_in(client)


def test_our_code_is_asked_unless_the_service_states_a_second_factor(service: IdentityService) -> None:
    from haochaping.accounts import second_factor

    person, now = Person.objects.get(username="city"), clock.now()
    key = second_factor.begin(person)
    codes = second_factor.confirm(person, second_factor.code_at(key, now), now=now)
    client, answer = come_in("s-city")
    assert answer["Location"] == "/console/login/code"
    assert not is_in(client)
    assert client.post("/console/login/code", {"code": codes[0]}).status_code == 302
    assert is_in(client)
    Subject.objects.all().delete()
    client, answer = come_in("s-city-mfa")
    assert answer["Location"] == "/console/"
    assert is_in(client)


def test_where_a_second_factor_is_required_the_services_own_is_enough(
    service: IdentityService, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECOND_FACTOR = SecondFactorMode.REQUIRED
    client, _ = come_in("s-city")
    assert client.get("/console/password")["Location"] == "/console/account/second-factor"
    Subject.objects.all().delete()
    assert is_in(come_in("s-city-mfa")[0])
    Subject.objects.all().delete()
    monkeypatch.setenv("HCP_STAFF_OIDC_FACTORS", "otp hwk")
    assert not is_in(come_in("s-city-mfa")[0])
    monkeypatch.setenv("HCP_STAFF_OIDC_CLAIM_FACTOR", "acr")
    monkeypatch.setenv("HCP_STAFF_OIDC_FACTORS", "level3")
    Grant.objects.filter(person__username="analyst").update(role="city", area="3201")
    assert is_in(come_in("s-analyst")[0])


def test_an_old_or_unknown_password_of_ours_is_nothing_to_those_who_come_by_it(service: IdentityService) -> None:
    Person.objects.update(must_change_password=True)
    client, _ = come_in("s-city")
    assert client.get("/console/orders/").status_code == 200


def test_going_out_ends_our_session(service: IdentityService) -> None:
    client, _ = come_in("s-city")
    assert client.post("/console/logout")["Location"] == "/console/login"
    assert not is_in(client)


@pytest.mark.parametrize("way_on", ["https://evil.example/", "//evil.example", "/my", "/console/../../x\\@evil"])
def test_nobody_is_led_away(service: IdentityService, way_on: str) -> None:
    _, answer = come_in("s-analyst", f"{DOOR}?next={way_on}")
    assert urlsplit(answer["Location"]).netloc == ""
    assert answer["Location"].startswith("/console/")


def test_where_the_service_is_away_the_page_says_so_and_offers_the_password(
    service: IdentityService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCP_STAFF_OIDC_ISSUER", "http://127.0.0.1:9")
    answer = Client().get(DOOR)
    assert answer.status_code == 503
    assert "暂时不能用" in says(answer)
    assert 'name="password"' in answer.content.decode()
    monkeypatch.setenv("HCP_STAFF_OIDC_ISSUER", "http://sso.example.gov.cn")
    with pytest.raises(config.Misconfigured, match="HCP_STAFF_OIDC_ISSUER"):
        identity.provider()


def test_who_was_asked_long_ago_is_asked_again_before_an_export_and_the_form_waits(service: IdentityService) -> None:
    bad_order()
    client, _ = come_in("s-long-ago")
    asked = client.post(SHEET, {"columns": ["a", "b"]})
    page = asked.content.decode()
    assert (asked.status_code, page.count('name="columns"')) == (403, 2)
    assert 'name="proof"' not in page, "of a password here they may know nothing"
    assert client.post(SHEET, {"proof_of": "POST", "proof": PASSWORD}).status_code == 422
    answer = client.get(go(client, "s-long-ago", f"{DOOR}?again=1"))
    assert "已确认是您本人" in says(answer)
    assert client.post(SHEET, {"proof_of": "POST"})["X-Row-Count"] == "1"
    assert Audit.objects.filter(action="prove", result="ok").count() == 1


def test_a_fresh_sign_in_by_it_exports_at_once(service: IdentityService) -> None:
    client, _ = come_in("s-city")
    assert client.post(SHEET).status_code == 200


@pytest.mark.parametrize("fault", ["stale", "no_auth_time"])
def test_a_proof_counts_only_if_the_service_says_that_it_asked_anew(service: IdentityService, fault: str) -> None:
    client, _ = come_in("s-long-ago")
    service.fault = fault
    answer = client.get(go(client, "s-long-ago", f"{DOOR}?again=1"))
    assert (answer.status_code, "没有重新核对" in says(answer)) == (403, True)
    assert client.post(SHEET).status_code == 403


def test_a_proof_by_another_does_not_count_and_without_a_login_is_none(service: IdentityService) -> None:
    client, _ = come_in("s-long-ago")
    answer = client.get(go(client, "s-analyst", f"{DOOR}?again=1"))
    assert (answer.status_code, "不是当前登录的人" in says(answer)) == (403, True)
    assert client.post(SHEET).status_code == 403
    stranger, answer = come_in("s-city", f"{DOOR}?again=1")
    assert (answer.status_code, is_in(stranger)) == (403, False)


def test_a_session_of_fifteen_minutes_asks_again_here_too(service: IdentityService) -> None:
    client, _ = come_in("s-city")
    with clock.held_at(clock.now() + FRESH / 2):
        client.post("/console/alive")
    with clock.held_at(clock.now() + FRESH + timedelta(seconds=2)):
        assert client.post(SHEET).status_code == 403


def test_the_demo_offers_somebody_of_each_role(cast: Cast) -> None:
    from haochaping.project.demo.oidc import staff
    from tests.cast import PEOPLE

    roles = {PEOPLE[each["preferred_username"]][1] for each in staff().values()}
    assert roles == {role for _, role, _ in PEOPLE.values()}
    assert sum("mfa" in each["amr"] for each in staff().values()) == 1
