"""The code of the telephone after the password: set up by its owner, good once, and nobody works without it who must not."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from haochaping.accounts import people, second_factor
from haochaping.accounts.models import Audit, BackupCode, Person, SecondFactor
from haochaping.accounts.rules import FIGURES_ONLY, SYSTEM, Role, SecondFactorMode, must_have_second_factor
from haochaping.console.rules import PENDING
from haochaping.kit.clock import held_at
from haochaping.kit.errors import Refused
from tests.cast import NOW, PASSWORD, PEOPLE, Cast
from tests.console.stage import form, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpResponse
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db
As = "Callable[[str], Client]"
PAGE = "/console/account/second-factor"
STEP = timedelta(seconds=30)
MUST = [username for username, (_, role, _) in PEOPLE.items() if role not in FIGURES_ONLY]


@pytest.fixture(autouse=True)
def ten_o_clock() -> Iterator[None]:
    with held_at(NOW):
        yield


def shown(page: str) -> list[str]:
    """The backup codes on the page."""
    return re.findall(r"<code>([0-9A-Z]{5}-[0-9A-Z]{5})</code>", page)


def key_on(page: str) -> str:
    (found,) = re.findall(r'<code class="key">([A-Z2-7 ]+)</code>', page)
    return found.replace(" ", "")


def enrol(client: Client) -> tuple[str, list[str]]:
    """Set it up as its owner does: the key and the backup codes."""
    client.post(PAGE, {"do": "begin"})
    key = key_on(client.get(PAGE).content.decode())
    answer = client.post(PAGE, {"do": "confirm", "code": second_factor.code_at(key, NOW)})
    return key, shown(answer.content.decode())


def password(client: Client, username: str = "rectifier", **more: str) -> HttpResponse:
    return client.post("/console/login", {"username": username, "password": PASSWORD} | more)


def code(client: Client, typed: str) -> HttpResponse:
    return client.post("/console/login/code", {"code": typed})


def is_in(client: Client) -> bool:
    return client.get("/console/password").status_code == 200


def trail(username: str = "rectifier") -> list[tuple[str, str, dict[str, Any]]]:
    return list(Audit.objects.filter(subject=username).order_by("id").values_list("action", "result", "facts"))


def test_it_is_set_up_with_qr_code_and_key_and_confirmed_by_one_code(as_: As) -> None:
    client = as_("rectifier")
    assert "未开启" in text(client.get("/console/password").content.decode())
    client.post(PAGE, {"do": "begin"})
    page = client.get(PAGE).content.decode()
    assert "<svg" in page
    key = key_on(page)
    wrong = client.post(PAGE, {"do": "confirm", "code": "000000"})
    assert (wrong.status_code, key_on(wrong.content.decode())) == (422, key), (
        "the same key, so that the telephone keeps it"
    )
    answer = client.post(PAGE, {"do": "confirm", "code": second_factor.code_at(key, NOW)})
    assert len(set(shown(answer.content.decode()))) == 10
    assert "已开启" in text(client.get("/console/password").content.decode())
    again = client.get(PAGE).content.decode()
    assert (key in again, shown(again)) == (False, []), "neither key nor codes are shown a second time"


def test_before_the_first_code_nothing_is_asked(as_: As) -> None:
    as_("rectifier").post(PAGE, {"do": "begin"})
    client = Client()
    assert password(client)["Location"] == "/console/"
    assert is_in(client)


def test_neither_key_nor_backup_codes_lie_in_plain_in_the_database(as_: As) -> None:
    import base64

    key, codes = enrol(as_("rectifier"))
    stored = bytes(SecondFactor.objects.get().secret)
    assert base64.b32decode(key) not in stored
    digests = b"".join(bytes(digest) for digest in BackupCode.objects.values_list("digest", flat=True))
    assert not [each for each in codes if each.replace("-", "").encode() in digests]


def test_the_password_alone_opens_nothing_and_the_code_leads_to_where_one_wanted(as_: As) -> None:
    key, _ = enrol(as_("rectifier"))
    client = Client()
    answer = password(client, next="/console/orders/?state=all")
    assert answer["Location"] == "/console/login/code"
    assert not is_in(client)
    with held_at(NOW + STEP):
        answer = code(client, second_factor.code_at(key, NOW + STEP))
    assert answer["Location"] == "/console/orders/?state=all"
    assert is_in(client)
    assert trail()[-1] == ("login", "ok", {"by": "totp"})


def test_a_code_is_good_once_and_what_came_before_it_no_more(as_: As) -> None:
    key, _ = enrol(as_("rectifier"))
    for typed in (second_factor.code_at(key, NOW), second_factor.code_at(key, NOW - STEP)):
        client = Client()
        password(client)
        assert code(client, typed).status_code == 422, "the one that confirmed, and the one before it"
    later = NOW + 2 * STEP
    with held_at(later):
        first, second = Client(), Client()
        password(first), password(second)
        assert code(first, second_factor.code_at(key, later)).status_code == 302
        assert code(second, second_factor.code_at(key, later)).status_code == 422


def test_a_telephone_whose_clock_is_off_by_a_step_comes_in_and_is_followed(as_: As) -> None:
    key, _ = enrol(as_("rectifier"))
    for steps, wanted in ((1, 302), (2, 302), (4, 422)):  # ahead by so many; more than one further at once is too much
        now = NOW + steps * 10 * STEP
        with held_at(now):
            client = Client()
            password(client)
            assert code(client, second_factor.code_at(key, now + steps * STEP)).status_code == wanted, steps


def test_spaces_and_full_width_digits_are_read_and_nonsense_is_not(as_: As) -> None:
    key, _ = enrol(as_("rectifier"))
    client = Client()
    password(client)
    for nonsense in ("", "12345", "abcdef", "１２３", "9" * 500, "\x00" * 6, "٣٣٣٣٣٣"):
        person = Person.objects.get(username="rectifier")
        assert second_factor.take(person, nonsense, now=NOW + STEP) == ""
    typed = second_factor.code_at(key, NOW + STEP).translate({ord(str(n)): 0xFF10 + n for n in range(10)})
    with held_at(NOW + STEP):
        assert code(client, f" {typed[:3]} {typed[3:]} ").status_code == 302


def test_a_backup_code_is_good_once_and_says_how_many_are_left(as_: As) -> None:
    _, codes = enrol(as_("rectifier"))
    client = Client()
    password(client)
    assert code(client, codes[0].lower().replace("-", " ")).status_code == 302
    assert "还剩9个" in text(client.get("/console/password").content.decode())
    again = Client()
    password(again)
    assert code(again, codes[0]).status_code == 422
    assert code(again, codes[1]).status_code == 302
    assert ("login", "ok", {"by": "backup"}) in trail()


def test_wrong_codes_are_written_down_and_lock_like_wrong_passwords(as_: As) -> None:
    _, codes = enrol(as_("rectifier"))
    client = Client()
    password(client)
    assert [code(client, "000000").status_code for _ in range(5)] == [422, 422, 422, 422, 429]
    assert code(client, codes[0]).status_code == 429, "the right one comes too late"
    assert password(Client()).status_code == 429
    assert trail().count(("login", "refused", {"by": "code"})) == 6
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    password(elsewhere)
    assert code(elsewhere, codes[0]).status_code == 302


def test_what_was_typed_is_not_kept_by_the_lock_out(as_: As) -> None:
    from axes.models import AccessAttempt

    enrol(as_("rectifier"))
    client = Client()
    password(client)
    code(client, "ABCDE-FGHJK")
    assert "FGHJK" not in AccessAttempt.objects.get().post_data


def test_the_second_step_waits_five_minutes_and_only_for_whose_password_was_right(as_: As) -> None:
    key, codes = enrol(as_("rectifier"))
    assert Client().get("/console/login/code")["Location"] == "/console/login"
    assert code(Client(), codes[0])["Location"] == "/console/login"
    client = Client()
    password(client)
    later = NOW + PENDING + timedelta(seconds=1)
    with held_at(later):
        assert code(client, second_factor.code_at(key, later))["Location"] == "/console/login"
        assert "请重新登录" in text(client.get("/console/login").content.decode())


def test_who_left_or_whose_password_changed_meanwhile_does_not_come_in(as_: As) -> None:
    _, codes = enrol(as_("rectifier"))
    client = Client()
    password(client)
    person = Person.objects.get(username="rectifier")
    person.set_password("another-otter-42")
    person.save()
    assert code(client, codes[0])["Location"] == "/console/login"
    client = Client()
    client.post("/console/login", {"username": "rectifier", "password": "another-otter-42"})
    Person.objects.update(is_active=False)
    assert code(client, codes[0])["Location"] == "/console/login"
    assert not is_in(client)


def test_it_is_switched_off_and_its_codes_are_renewed_only_with_a_code(as_: As) -> None:
    client = as_("rectifier")
    _, codes = enrol(client)
    for what in ("off", "codes"):
        answer = client.post(PAGE, {"do": what, "code": "000000"})
        assert (answer.status_code, shown(answer.content.decode())) == (422, [])
    fresh = shown(client.post(PAGE, {"do": "codes", "code": codes[0]}).content.decode())
    assert len(set(fresh) - set(codes)) == 10
    assert client.post(PAGE, {"do": "off", "code": codes[1]}).status_code == 422, "void since the new ones"
    assert client.post(PAGE, {"do": "off", "code": fresh[0]}).status_code == 302
    assert password(Client())["Location"] == "/console/"
    assert [action for action, _, _ in trail() if action.startswith("second")] == [
        "second_factor_on", "second_factor_codes", "second_factor_off",
    ]  # fmt: skip


def test_a_key_in_use_is_not_replaced_without_a_code(as_: As) -> None:
    client = as_("rectifier")
    enrol(client)
    assert client.post(PAGE, {"do": "begin"}).status_code == 409
    assert client.post(PAGE, {"do": "confirm", "code": "000000"}).status_code == 409
    assert password(Client())["Location"] == "/console/login/code"


def test_the_security_administrator_removes_a_lost_one_and_it_is_written_down(as_: As) -> None:
    client = as_("rectifier")
    enrol(client)
    page = f"/console/people/{Person.objects.get(username='rectifier').pk}/second-factor"
    assert as_("admin").post(page).status_code == 403
    guard = as_("security")
    assert "请先当面" in text(guard.get(page).content.decode())
    assert guard.post(page).status_code == 302
    assert trail()[-1][0] == "second_factor_remove"
    assert Audit.objects.get(action="second_factor_remove").actor_name == "保密员"
    assert not is_in(client), "what was logged in by the lost one has ended"
    assert password(Client())["Location"] == "/console/"
    assert guard.post(page).status_code == 404
    with pytest.raises(Refused, match="不用移除"):
        people.remove_second_factor(Person.objects.get(username="rectifier").pk, actor=SYSTEM, now=NOW)


def test_a_security_administrator_does_not_remove_their_own(as_: As) -> None:
    client = as_("security")
    enrol(client)
    answer = client.post(f"/console/people/{Person.objects.get(username='security').pk}/second-factor")
    assert (answer.status_code, "不能对自己的账号" in text(answer.content.decode())) == (403, True)


@pytest.mark.parametrize("username", PEOPLE)
def test_where_it_is_required_whoever_sees_persons_can_open_only_its_page(
    cast: Cast, settings: SettingsWrapper, username: str
) -> None:
    settings.SECOND_FACTOR = SecondFactorMode.REQUIRED
    client = Client()
    password(client, username)
    answer = client.get("/console/password")
    if username not in MUST:
        assert answer.status_code == 200
        return
    assert answer["Location"] == PAGE
    assert client.post("/console/orders/export")["Location"] == PAGE
    page = client.get(PAGE).content.decode()
    assert "主导航" not in page
    assert form(page, "/logout")["method"] == "post"
    enrol(client)
    assert is_in(client)


def test_a_session_without_it_ends_once_it_was_set_up_elsewhere(cast: Cast, settings: SettingsWrapper) -> None:
    settings.SECOND_FACTOR = SecondFactorMode.REQUIRED
    here, there = Client(), Client()
    password(here), password(there)
    assert here.get(PAGE).status_code == 200
    enrol(there)
    assert here.get("/console/orders/")["Location"].startswith("/console/login?next=")


def test_where_it_is_off_nobody_is_asked_and_nobody_is_offered_it(as_: As, settings: SettingsWrapper) -> None:
    client = as_("rectifier")
    enrol(client)
    settings.SECOND_FACTOR = SecondFactorMode.OFF
    assert password(Client())["Location"] == "/console/"
    assert "两步验证" not in client.get("/console/password").content.decode()
    assert client.get(PAGE).status_code == 404


def test_who_must_is_said_once_by_role() -> None:
    required = {role for role in Role if must_have_second_factor(SecondFactorMode.REQUIRED, {role})}
    assert required == set(Role) - FIGURES_ONLY
    assert must_have_second_factor(SecondFactorMode.REQUIRED, {Role.CLERK, Role.HANDLER})
    assert not must_have_second_factor(SecondFactorMode.REQUIRED, ())
    assert not any(must_have_second_factor(SecondFactorMode.OPTIONAL, {role}) for role in Role)
