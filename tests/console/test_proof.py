"""Asked again who one is before an export: after fifteen minutes, by password or code, and nothing that was sent is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import Role
from haochaping.console import access, proof
from haochaping.console.rules import FRESH
from haochaping.kit.clock import held_at
from tests.cast import NOW, PASSWORD, Cast
from tests.console.stage import bad_order, text
from tests.console.test_second_factor import enrol

if TYPE_CHECKING:
    from django.http import HttpRequest

pytestmark = pytest.mark.django_db
LATER = NOW + FRESH + timedelta(seconds=1)
PAPERS = ("order_file", "meetings_paper", "brief_paper")  # PDFs that leave the house with what was rated in them
SHEET = "/console/orders/export?state=all"
(CONSOLE,) = [r for r in get_resolver().url_patterns if str(r.pattern) == "console/"]


def come_in(username: str = "city", now: object = NOW) -> Client:
    client = Client()
    with held_at(now):  # type: ignore[arg-type]
        assert client.post("/console/login", {"username": username, "password": PASSWORD}).status_code == 302
    return client


def stay(client: Client) -> None:
    """Somebody who works on: the session does not rest."""
    with held_at(NOW + FRESH / 2):
        client.post("/console/alive")


def test_every_export_and_every_paper_asks() -> None:
    exports = {p.name: p.callback for p in CONSOLE.url_patterns if p.name.endswith("export")}
    assert len(exports) >= 6
    papers = {p.name: p.callback for p in CONSOLE.url_patterns if p.name in PAPERS}
    assert len(papers) == len(PAPERS)
    assert [name for name, page in (exports | papers).items() if not page.is_fresh] == []


def test_a_fresh_login_exports_without_being_asked(cast: Cast) -> None:
    bad_order()
    client = come_in()
    with held_at(NOW + FRESH):
        assert client.post(SHEET)["X-Row-Count"] == "1"


def test_later_the_password_is_asked_and_then_the_sheet_comes(cast: Cast) -> None:
    bad_order()
    client = come_in()
    stay(client)
    with held_at(LATER):
        asked = client.post(SHEET, {"columns": ["a", "b"], "note": "第一行\n第二行"})
        page = asked.content.decode()
        assert (asked.status_code, "X-Row-Count" in asked) == (403, False)
        assert page.count('type="hidden" name="columns"') == 2
        assert "第一行\n第二行" in page
        wrong = client.post(SHEET, {"columns": ["a", "b"], "proof_of": "POST", "proof": "guess"})
        assert (wrong.status_code, wrong.content.decode().count('name="columns"')) == (422, 2)
        sheet = client.post(SHEET, {"columns": ["a", "b"], "proof_of": "POST", "proof": PASSWORD})
        assert sheet["X-Row-Count"] == "1"
        assert client.post(SHEET)["X-Row-Count"] == "1", "and that counts for the next"
    proofs = Audit.objects.filter(action="prove").order_by("id").values_list("result", flat=True)
    assert list(proofs) == ["refused", "ok"]


def test_what_was_a_link_goes_on_as_a_link(cast: Cast) -> None:
    client = come_in()
    stay(client)
    with held_at(LATER):
        address = "/console/windows/export?format=csv"
        asked = client.get(address, headers={"referer": "http://testserver/console/windows/?q=A"})
        page = asked.content.decode()
        assert asked.status_code == 403
        assert 'href="/console/windows/?q=A"' in page
        answer = client.post(address, {"proof_of": "GET", "proof": PASSWORD})
        assert (answer.status_code, answer["Location"]) == (303, address)
        assert client.get(address).status_code == 200


def test_a_paper_comes_after_the_proof_and_not_before(cast: Cast) -> None:
    client = come_in()
    stay(client)
    with held_at(LATER):
        address = "/console/meetings/paper.pdf"
        asked = client.get(address)
        assert (asked.status_code, asked["Content-Type"].split(";")[0]) == (403, "text/html")
        answer = client.post(address, {"proof_of": "GET", "proof": PASSWORD})
        assert (answer.status_code, answer["Location"]) == (303, address)
        assert client.get(address)["Content-Type"] == "application/pdf"


@pytest.mark.parametrize("referer", ["https://evil.example/x", "javascript:alert(1)", "//evil.example", ""])
def test_the_way_back_leads_to_no_foreign_site(cast: Cast, referer: str) -> None:
    client = come_in()
    stay(client)
    with held_at(LATER):
        page = client.get("/console/windows/export", headers={"referer": referer}).content.decode()
        assert 'href="/console/">返回上一页' in page
        page = client.post("/console/windows/export", {"proof_of": "GET", "proof_back": referer}).content.decode()
        assert 'href="/console/">返回上一页' in page


def test_who_has_a_second_factor_gives_a_code(cast: Cast) -> None:
    client = come_in()
    with held_at(NOW):
        _, codes = enrol(client)
    stay(client)
    with held_at(LATER):
        assert "验证码" in text(client.post(SHEET).content.decode())
        assert client.post(SHEET, {"proof_of": "POST", "proof": PASSWORD}).status_code == 422
        assert client.post(SHEET, {"proof_of": "POST", "proof": codes[0]}).status_code == 200


def test_guessing_here_locks_too_and_what_was_sent_stays_out_of_the_records(cast: Cast) -> None:
    from axes.models import AccessAttempt

    client = come_in()
    stay(client)
    with held_at(LATER):
        sent = {"proof_of": "POST", "proof": "guess-7731", "note": "NOTE-7731"}
        assert [client.post(SHEET, sent).status_code for _ in range(5)] == [422, 422, 422, 422, 429]
        assert client.post(SHEET, sent | {"proof": PASSWORD}).status_code == 429
    attempt = AccessAttempt.objects.get()
    assert "7731" not in attempt.post_data + attempt.get_data


def test_the_page_sees_the_form_as_it_was_without_our_fields(cast: Cast, rf: object) -> None:
    seen = {}

    @access.needs(*Role, fresh=True)
    def bulk(request: HttpRequest) -> HttpResponse:
        seen.update({name: request.POST.getlist(name) for name in request.POST})
        return HttpResponse("done")

    from haochaping.accounts.models import Person

    client = come_in()
    request = rf.post("/console/bulk", {"ids": ["1", "2"], proof.METHOD: "POST", proof.PROOF: PASSWORD})  # type: ignore[attr-defined]
    request.user, request.session = Person.objects.get(username="city"), client.session
    with held_at(LATER):
        request.session["seen"] = int(LATER.timestamp() // 60)
        assert bulk(request).content == b"done"
    assert seen == {"ids": ["1", "2"]}
