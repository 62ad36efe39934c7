"""Coming in: by one's own password, with no hint who exists, and not by guessing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from haochaping.accounts.models import Audit, Person
from haochaping.console.rules import IDLE
from haochaping.kit.clock import held_at
from tests.cast import NOW, PASSWORD

pytestmark = pytest.mark.django_db
WRONG = "用户名或密码不正确"


def log_in(client: Client, username: str, password: str, **more: str):
    return client.post("/console/login", {"username": username, "password": password} | more)


def test_a_stranger_is_sent_to_the_login_and_then_where_they_wanted_to_go(cast):
    client = Client()
    answer = client.get("/console/orders/?state=callback")
    assert answer.status_code == 302
    assert answer.url == "/console/login?next=/console/orders/%3Fstate%3Dcallback"
    answer = log_in(client, "operator", PASSWORD, next="/console/orders/?state=callback")
    assert answer.url == "/console/orders/?state=callback"


def test_nobody_is_led_away_to_a_foreign_site(cast):
    assert log_in(Client(), "operator", PASSWORD, next="https://evil.example/").url == "/console/"


def test_a_wrong_password_an_unknown_name_and_a_person_who_left_read_alike(cast):
    Person.objects.filter(username="city").update(is_active=False)
    pages = [
        log_in(Client(), name, password).content.decode().replace(name, "NAME")
        for name, password in (("rectifier", "wrong"), ("nobody", "wrong"), ("city", PASSWORD))
    ]
    bodies = {page.split("<form")[0] for page in pages}
    assert len(bodies) == 1
    assert WRONG in pages[0]


def test_the_sixth_try_finds_the_door_locked_and_others_still_come_in(cast):
    client = Client()
    answers = [log_in(client, "rectifier", "wrong").status_code for _ in range(5)]
    assert answers == [422, 422, 422, 422, 429]
    locked = log_in(client, "rectifier", PASSWORD)
    assert locked.status_code == 429
    assert "账号暂时锁定" in locked.content.decode()
    assert log_in(client, "reviewer", PASSWORD).status_code == 302
    assert log_in(Client(REMOTE_ADDR="192.0.2.7"), "rectifier", PASSWORD).status_code == 302


def test_an_unknown_name_is_locked_the_same_way(cast):
    client = Client()
    assert [log_in(client, "nobody", "wrong").status_code for _ in range(6)] == [422, 422, 422, 422, 429, 429]


def test_going_out_is_a_post_and_ends_the_session(as_):
    client = as_("rectifier")
    assert client.get("/console/logout").status_code == 405
    assert client.post("/console/logout").url == "/console/login"
    assert client.get("/console/").status_code == 302


def test_a_session_at_rest_ends_but_not_under_somebody_who_types(as_):
    client = as_("rectifier")
    with held_at(NOW):
        assert client.get("/console/orders/").status_code == 200
    with held_at(NOW + IDLE):
        assert client.post("/console/alive").status_code == 204
    with held_at(NOW + 2 * IDLE):
        assert client.get("/console/orders/").status_code == 200
    with held_at(NOW + 3 * IDLE + timedelta(minutes=1)):
        assert client.get("/console/orders/").status_code == 302
        assert client.get("/console/orders/").status_code == 302


def test_the_password_changes_only_with_the_old_one_and_within_the_rules(as_):
    client = as_("rectifier")

    def change(old: str, new: str, again: str) -> tuple[int, str]:
        answer = client.post("/console/password", {"old_password": old, "new_password1": new, "new_password2": again})
        return answer.status_code, answer.content.decode()

    assert change("wrong", "quiet-heron-77", "quiet-heron-77")[0] == 422
    status, page = change(PASSWORD, "short", "short")
    assert status == 422
    assert re.search(r"至少.*10", page.split("新密码</label>")[1].split("<input")[0])
    assert "两次输入的新密码不一样" in change(PASSWORD, "quiet-heron-77", "quiet-heron-78")[1]
    assert change(PASSWORD, "quiet-heron-77", "quiet-heron-77")[0] == 302
    assert log_in(Client(), "rectifier", "quiet-heron-77").status_code == 302


def test_who_came_who_went_and_who_failed_is_written_down(cast):
    client = Client()
    log_in(client, "rectifier", "wrong")
    log_in(client, "rectifier", PASSWORD)
    client.post("/console/logout")
    trail = Audit.objects.filter(actor_name="南京整改").order_by("id").values_list("action", "result")
    assert list(trail) == [("login", "refused"), ("login", "ok"), ("logout", "ok")]


def test_pages_are_never_kept_by_a_cache_and_carry_the_strict_policy(as_):
    answer = as_("rectifier").get("/console/orders/")
    assert "no-store" in answer["Cache-Control"]
    assert "unsafe" not in answer["Content-Security-Policy"]
