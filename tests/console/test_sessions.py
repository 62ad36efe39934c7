"""Logins that are seen and ended, passwords that are asked for, locks that are lifted."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from haochaping.accounts import people, sessions
from haochaping.accounts.locks import COOL_OFF
from haochaping.accounts.models import Audit, PastPassword, Person, Session
from haochaping.accounts.passwords import made_password
from haochaping.accounts.rules import Role, Scope
from haochaping.console.rules import IDLE
from haochaping.kit import clock
from haochaping.kit.clock import held_at
from tests.cast import NOW, PASSWORD
from tests.console.stage import text

pytestmark = pytest.mark.django_db
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0"
WECHAT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/116.0 Mobile MicroMessenger/8.0"


def log_in(
    username: str = "rectifier", password: str = PASSWORD, agent: str = EDGE, address: str = "10.1.2.3"
) -> Client:
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    client.post("/console/login", {"username": username, "password": password})
    client.get("/console/")
    return client


def is_in(client: Client) -> bool:
    return client.get("/console/orders/").status_code == 200


def at(username: str, *more: str) -> str:
    return f"/console/people/{Person.objects.get(username=username).pk}/{'/'.join(more)}"


class TestSessions:
    def test_are_seen_with_time_place_and_browser_and_ended_one_by_one(self, as_, cast):
        desk, phone = log_in(), log_in(agent=WECHAT, address="10.9.9.9")
        page = text(as_("security").get(at("rectifier")).content.decode())
        assert "Edge · Windows 10.1.2.3" in page
        assert "微信 · Android 10.9.9.9" in page
        number = Session.objects.get(address="10.9.9.9").pk
        assert as_("security").post(at("rectifier", "sessions", str(number), "end")).status_code == 302
        assert (is_in(desk), is_in(phone)) == (True, False)
        assert Audit.objects.get(action="end_sessions").subject == "rectifier"

    def test_are_ended_all_at_once_after_a_confirmation(self, as_, cast):
        clients = [log_in(), log_in()]
        assert "确认结束全部登录" in as_("security").get(at("rectifier", "sessions", "end")).content.decode()
        assert as_("security").post(at("rectifier", "sessions", "end")).status_code == 302
        assert [is_in(client) for client in clients] == [False, False]

    def test_of_others_are_not_ended_under_a_foreign_name(self, as_, cast):
        client = log_in("operator")
        number = Session.objects.get(person__username="operator").pk
        assert as_("security").post(at("rectifier", "sessions", str(number), "end")).status_code == 404
        assert is_in(client)

    @pytest.mark.parametrize("username", ["admin", "audit", "supervisor", "rectifier"])
    def test_are_ended_by_the_security_administrator_alone(self, as_, cast, username):
        client = log_in("operator")
        assert as_(username).post(at("operator", "sessions", "end")).status_code == 403
        assert is_in(client)

    def test_of_ones_own_are_seen_and_the_others_ended(self, cast):
        here, there = log_in(), log_in(agent=WECHAT)
        page = text(here.get("/console/password").content.decode())
        assert "Edge · Windows 本机" in page
        assert "微信 · Android" in page
        assert here.post("/console/password/sessions").status_code == 302
        assert (is_in(here), is_in(there)) == (True, False)

    def test_end_with_a_new_password_but_for_the_one_that_changed_it(self, cast):
        here, there = log_in(), log_in()
        change = {"old_password": PASSWORD, "new_password1": "quiet-heron-77", "new_password2": "quiet-heron-77"}
        assert here.post("/console/password", change).status_code == 302
        assert (is_in(here), is_in(there)) == (True, False)
        person = Person.objects.get(username="rectifier")
        assert len(sessions.live(person, since=clock.now() - IDLE)) == 1

    def test_are_over_when_one_goes_out_or_rests(self, cast):
        person = Person.objects.get(username="rectifier")
        client = log_in()
        client.post("/console/logout")
        assert Session.objects.get().ended_at is not None
        resting = Client()
        resting.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        with held_at(NOW):
            assert is_in(resting)
            assert len(sessions.live(person, since=NOW - IDLE)) == 1
        with held_at(NOW + IDLE + timedelta(minutes=2)):
            assert sessions.live(person, since=clock.now() - IDLE) == []
            assert not is_in(resting)

    def test_are_forgotten_after_half_a_year(self, cast):
        log_in()
        assert sessions.forget(now=clock.now() + timedelta(days=179)) == 0
        assert sessions.forget(now=clock.now() + timedelta(days=181)) == 1

    @pytest.mark.parametrize(
        ("agent", "words"),
        [
            (EDGE, "Edge · Windows"),
            (WECHAT, "微信 · Android"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox · Linux"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1",
                "Safari · iPhone/iPad",
            ),
            ("curl/8", "其他浏览器"),
        ],
    )
    def test_name_the_browsers_family_and_no_more(self, agent, words):
        assert sessions.family_of(agent) == words


class TestPasswords:
    @pytest.mark.parametrize(
        ("password", "words"),
        [
            ("Ab1-xyz", "至少要有10个字符"),
            ("onlylowercase", "至少要有其中3种"),
            ("Password123", "常见"),
            ("Rectifier-1x", "相似"),
            (PASSWORD, "最近5次"),
        ],
    )
    def test_that_break_a_rule_are_refused_in_plain_words(self, as_, password, words):
        change = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
        answer = as_("rectifier").post("/console/password", change)
        assert answer.status_code == 422
        assert re.search(words, re.search(r'id="id_new_password[12]-wrong">([^<]+)<', answer.content.decode())[1])

    def test_of_the_last_five_times_do_not_come_back(self, cast):
        person = people.create_person("li", "李某", "first-Otter-00", [(Role.OPERATOR, Scope("32"))], now=NOW)
        for n in range(1, 5):
            people.change_own_password(person, f"first-Otter-0{n}", now=NOW + timedelta(days=n))
        with pytest.raises(ValidationError):
            validate_password("first-Otter-00", person)
        people.change_own_password(person, "first-Otter-05", now=NOW + timedelta(days=5))
        validate_password("first-Otter-00", person)
        assert PastPassword.objects.filter(person=person).count() == 5
        assert not PastPassword.objects.filter(password__contains="Otter").exists()

    def test_that_we_make_ourselves_keep_the_rules(self):
        for _ in range(50):
            validate_password(made_password(), Person(username="wang", name="王新"))

    def test_expire_after_the_days_that_were_set(self, as_, settings):
        settings.PASSWORD_DAYS = 90
        client = as_("rectifier")
        with held_at(NOW + timedelta(days=89)):
            assert is_in(client)
        client = as_("rectifier")
        with held_at(NOW + timedelta(days=90)):
            assert client.get("/console/orders/").url == "/console/password"
            assert client.post("/console/orders/export").url == "/console/password"
            page = client.get("/console/password").content.decode()
            assert "已用满90天" in page
            assert "每90天更换一次" in page
            change = {"old_password": PASSWORD, "new_password1": "quiet-heron-77", "new_password2": "quiet-heron-77"}
            client.post("/console/password", change)
            assert is_in(client)

    def test_never_expire_where_no_days_are_set(self, as_, settings):
        settings.PASSWORD_DAYS = 0
        with held_at(NOW + timedelta(days=9999)):
            assert is_in(as_("rectifier"))


class TestLocks:
    def guess(self, username: str, address: str = "10.7.7.7") -> None:
        for _ in range(5):
            Client(REMOTE_ADDR=address).post("/console/login", {"username": username, "password": "wrong"})

    def enters(self, username: str, address: str = "10.7.7.7") -> bool:
        client = Client(REMOTE_ADDR=address)
        return client.post("/console/login", {"username": username, "password": PASSWORD}).status_code == 302

    def test_are_listed_and_lifted_and_that_is_written_down(self, as_, cast):
        assert "现在没有人被锁定" in as_("security").get("/console/locks/").content.decode()
        self.guess("rectifier")
        assert not self.enters("rectifier")
        page = as_("security").get("/console/locks/").content.decode()
        assert "南京整改 rectifier" in text(page)
        assert "10.7.7.7" in page
        assert "登录锁定" in as_("admin").get(at("rectifier")).content.decode()
        assert "rectifier" in as_("admin").get("/console/people/?state=locked").content.decode()
        action = re.search(r'action="(/console/locks/\d+/unlock)"', page)[1]
        assert as_("security").post(action).status_code == 302
        assert self.enters("rectifier")
        line = Audit.objects.get(action="unlock")
        assert (line.actor_name, line.subject, line.facts) == ("保密员", "rectifier", {"来自": "10.7.7.7"})
        assert as_("security").post(action).status_code == 404

    @pytest.mark.parametrize("username", ["admin", "audit", "city", "rectifier"])
    def test_are_lifted_by_the_security_administrator_alone(self, as_, cast, username):
        self.guess("operator")
        assert as_(username).get("/console/locks/").status_code == 403
        assert as_(username).post("/console/locks/1/unlock").status_code == 403
        assert not self.enters("operator")

    def test_of_oneself_are_lifted_by_another(self, as_, cast):
        self.guess("security")
        page = as_("security").get("/console/locks/").content.decode()
        action = re.search(r'action="(/console/locks/\d+/unlock)"', page)[1]
        assert as_("security").post(action).status_code == 403
        assert not self.enters("security")

    def test_of_a_name_that_nobody_has_do_not_show_what_was_typed(self, as_, cast):
        self.guess("my-secret-password")
        page = as_("security").get("/console/locks/").content.decode()
        assert "my-secret" not in page
        assert "my***" in page
        as_("security").post(re.search(r'action="(/console/locks/\d+/unlock)"', page)[1])
        assert Audit.objects.get(action="unlock").subject == "unknown"

    def test_pass_by_themselves(self, as_, cast):
        self.guess("rectifier")
        with held_at(clock.now() + COOL_OFF + timedelta(minutes=1)):
            assert "现在没有人被锁定" in as_("security").get("/console/locks/").content.decode()

    def test_of_another_city_are_not_there(self, as_, cast):
        people.create_person("nj-security", "宁保密", "brave-otter-42", [(Role.SECURITY, Scope("3201"))], now=NOW)
        self.guess("foreign_city")
        self.guess("nobody")
        page = as_("nj-security").get("/console/locks/").content.decode()
        assert "现在没有人被锁定" in page
        (action,) = set(
            re.findall(
                r'action="(/console/locks/\d+/unlock)"', as_("security").get(at("foreign_city")).content.decode()
            )
        )
        assert as_("nj-security").post(action).status_code == 404


def test_the_first_three_administrators_come_from_the_command_line(cast, monkeypatch, capsys):
    import io

    from haochaping.project.cli import main

    for username, role, more in (
        ("one", "admin", []),
        ("two", "security", []),
        ("three", "auditor", ["--temporary"]),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO("brave-otter-42\n"))
        assert main(["person", "create", username, f"第{username}", "--role", role, *more]) in {0, None}
    assert "three: 安全审计员" in capsys.readouterr().out
    assert Client().post("/console/login", {"username": "two", "password": "brave-otter-42"}).status_code == 302
    assert log_in("one", "brave-otter-42").get("/console/people/").status_code == 200
    assert log_in("three", "brave-otter-42").get("/console/audit/").url == "/console/password"
