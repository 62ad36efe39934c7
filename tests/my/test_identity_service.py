"""Real-name login through a real OpenID Connect exchange, and every way in which it must not let anybody in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import Client

from haochaping.channels.models import CitizenSession
from haochaping.channels.my import oidc
from haochaping.evaluation.models import Evaluation
from haochaping.evaluation.queries import open_identity
from haochaping.kit import clock, config
from tests.cast import Cast, forget, settle
from tests.fakes.oidc import FAULTS, IdentityService
from tests.my.stage import CARD, MINE, NAME, OTHER, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpResponse

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Iterator[Cast]:
    """The stage, now: the service's tokens carry the time of day."""
    yield settle(now=clock.now())
    forget()


@pytest.fixture
def service(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityService]:
    with IdentityService() as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


def served(**more: object) -> object:
    from datetime import timedelta

    from haochaping.evaluation.models import ServiceEvent
    from haochaping.flow.services import admit_services
    from tests.cast import wire_service

    now = clock.now()
    at = clock.to_wire(now - timedelta(hours=1))
    (outcome,) = admit_services([wire_service(serviceTime=at, **more)], source="test", now=now)
    return ServiceEvent.objects.get(id=outcome.id)


def go(client: Client, person: str, where: str = "/my/oidc") -> str:
    """Off to the service, choose the person there; the address to which it sends the browser back."""
    off = client.get(where)
    assert off.status_code == 302, text(off)
    back = httpx.get(off["Location"] + f"&person={person}")
    assert back.status_code == 302, back.text
    address = urlsplit(back.headers["Location"])
    assert address.path == "/my/oidc/callback"
    return f"{address.path}?{address.query}"


def come_in(person: str, client: Client | None = None) -> tuple[Client, HttpResponse]:
    client = client or Client()
    return client, client.get(go(client, person))


def test_name_and_certificate_open_every_case_of_theirs_and_rate_by_real_name(service: IdentityService) -> None:
    event = served(mobile="13999999999")  # the case knows another number; the certificate finds it
    client, answer = come_in("zhao")
    assert (answer.status_code, answer["Location"]) == (303, "/my")
    assert "食品经营许可（新办）" in text(client.get("/my"))
    client.post(f"/my/services/{event.id}/rate", {"level": 5})
    assert Evaluation.objects.get(id=event.id).assurance == "real_name"
    who = open_identity(event.id)
    assert who is not None
    assert (who.name, who.cert, who.mobile) == (NAME, CARD, MINE)
    assert CitizenSession.objects.get().assurance == "real_name"
    assert service.refused == []


def test_a_telephone_alone_is_a_telephone_and_no_name(service: IdentityService) -> None:
    served(mobile=OTHER, creditNum="320102190001010026")
    client, answer = come_in("phone")
    assert answer.status_code == 303
    assert CitizenSession.objects.get().assurance == "weak"
    assert "还没有找到您的办件" in text(client.get("/my"))


@pytest.mark.parametrize("person", ["unverified", "nobody"])
def test_whoever_proves_nothing_does_not_come_in(service: IdentityService, person: str) -> None:
    _, answer = come_in(person)
    assert answer.status_code == 403
    assert "没有提供姓名和证件号码" in text(answer)
    assert not CitizenSession.objects.exists()


def test_the_request_carries_state_nonce_and_pkce_and_the_secret_stays_here(service: IdentityService) -> None:
    client = Client()
    asked = parse_qs(urlsplit(client.get("/my/oidc")["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert service.client_secret not in str(asked)
    cookie = client.cookies["hcp_my_oidc"]
    assert (cookie["httponly"], cookie["path"], cookie["samesite"]) == (True, "/my/oidc", "Lax")


@pytest.mark.parametrize("fault", [f for f in FAULTS if f != "new_key"])
def test_nothing_that_is_not_quite_right_lets_anybody_in(service: IdentityService, fault: str) -> None:
    service.fault = fault
    client, answer = come_in("zhao")
    assert answer.status_code in {403, 503}
    assert "手机验证码" in text(answer)
    assert not CitizenSession.objects.exists()
    assert client.get("/my").status_code == 303


def test_new_keys_of_the_service_are_fetched(service: IdentityService) -> None:
    come_in("zhao")
    service.fault = "new_key"
    _, answer = come_in("zhao")
    assert answer.status_code == 303


def test_an_answer_is_good_for_the_browser_that_set_out_and_once(service: IdentityService) -> None:
    client = Client()
    back = go(client, "zhao")
    assert Client().get(back).status_code == 403, "a link that somebody else was sent"
    other = Client()
    go(other, "qian")
    assert other.get(back).status_code == 403, "an answer to another's question"
    assert client.get(back).status_code == 303
    assert client.get(back).status_code == 403
    assert CitizenSession.objects.count() == 1


def test_one_who_changed_their_mind_comes_back_to_the_door(service: IdentityService) -> None:
    client = Client()
    client.get("/my/oidc")
    answer = client.get("/my/oidc/callback?error=access_denied&state=x")
    assert answer.status_code == 403
    assert "没有通过实名登录" in text(answer)


def test_it_leads_on_to_where_one_was(service: IdentityService) -> None:
    event = served()
    client = Client()
    answer = client.get(go(client, "zhao", f"/my/oidc?next=/my/services/{event.id}"))
    assert answer["Location"] == f"/my/services/{event.id}"
    client = Client()
    assert client.get(go(client, "zhao", "/my/oidc?next=//evil.example"))["Location"] == "/my"


def test_where_the_service_is_away_the_page_says_so_and_offers_the_code(
    service: IdentityService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCP_OIDC_ISSUER", "http://127.0.0.1:9")
    answer = Client().get("/my/oidc")
    assert answer.status_code == 503
    assert "实名登录暂时不能用" in text(answer)
    assert "获取验证码" in text(answer)


def test_a_metadata_document_of_another_issuer_is_not_believed(
    service: IdentityService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCP_OIDC_ISSUER", service.url.replace("127.0.0.1", "localhost"))
    assert Client().get("/my/oidc").status_code == 503


def test_without_a_service_there_is_no_button(cast: Cast) -> None:
    shown = text(Client().get("/my/login"))
    assert "实名登录" not in shown.replace("改用实名登录", "")
    assert Client().get("/my/oidc")["Location"] == "/my/login"


def test_plain_http_to_elsewhere_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCP_OIDC_ISSUER", "http://sso.example.gov.cn")
    with pytest.raises(config.Misconfigured, match="https"):
        oidc.provider()
