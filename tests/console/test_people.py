"""人员: made by one administrator, given rights by another, read by the third; told apart by place."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.test import Client

from haochaping.accounts import people, sessions
from haochaping.accounts.models import Audit, Grant, Person
from haochaping.accounts.people import Home
from haochaping.accounts.rules import SYSTEM, Role, Scope
from tests.cast import NANJING, NOW, PASSWORD, PROVINCE_OFFICE, SUZHOU
from tests.console.stage import text

pytestmark = pytest.mark.django_db
PHONE = "13951234567"
NEW = {"username": "wang", "name": "王新", "organ": f"{NANJING} 南京市市场监督管理局", "phone": PHONE}
NANJING_PATH = f"/{PROVINCE_OFFICE}/{NANJING}/"


def person_of(username: str) -> Person:
    return Person.objects.get(username=username)


def at(username: str, *more: str) -> str:
    return f"/console/people/{person_of(username).pk}/{'/'.join(more)}"


def body(answer) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode("utf-8-sig")


def made(username: str = "wang", code: str = NANJING, path: str = NANJING_PATH, area: str = "3201") -> Person:
    person, _ = people.add_person(username, "王新", home=Home(code, path, area), phone=PHONE, actor=SYSTEM, now=NOW)
    return person


def granted(username: str, role: Role, scope: Scope = Scope()) -> Person:  # noqa: B008  frozen
    return people.create_person(username, username, "brave-otter-42", [(role, scope)], now=NOW)


class TestANewPerson:
    def test_comes_in_with_a_password_shown_once_and_has_first_to_change_it(self, as_):
        page = as_("admin").post("/console/people/new", NEW).content.decode()
        password = re.search(r'id="code">([^<]+)<', page)[1]
        assert password not in body(as_("admin").get(at("wang")))
        person = person_of("wang")
        assert (person.organ, person.organ_code, person.area) == (NANJING_PATH, NANJING, "3201")
        assert person.actor().organ == NANJING_PATH
        people.give(person.pk, Role.HANDLER, Scope("3201", NANJING_PATH), actor=SYSTEM, now=NOW)

        client = Client()
        assert client.post("/console/login", {"username": "wang", "password": password}).status_code == 302
        for page in ("/console/", "/console/orders/", "/console/policy/"):
            assert client.get(page).url == "/console/password"
        page = client.get("/console/password").content.decode()
        assert "别人设置的" in page
        change = {"old_password": password, "new_password1": "quiet-heron-77", "new_password2": "quiet-heron-77"}
        assert client.post("/console/password", change).status_code == 302
        assert client.get("/console/orders/").status_code == 200

    def test_without_a_role_opens_nothing_and_reads_whom_to_ask(self, as_, cast):
        page = as_("admin").post("/console/people/new", NEW).content.decode()
        password, client = re.search(r'id="code">([^<]+)<', page)[1], Client()
        client.post("/console/login", {"username": "wang", "password": password})
        change = {"old_password": password, "new_password1": "quiet-heron-77", "new_password2": "quiet-heron-77"}
        assert client.post("/console/password", change).status_code == 302
        answer = client.get("/console/")
        assert answer.status_code == 403
        assert "安全保密管理员授权" in answer.content.decode()

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("username", "rectifier", "已有人使用"),
            ("username", "RECTIFIER", "已有人使用"),
            ("username", "王", "以字母开头"),
            ("name", "", "请填写姓名"),
            ("organ", "没有这个", "没有这个单位"),
            ("phone", "打我电话", "手机号码"),
        ],
    )
    def test_is_refused_with_the_remedy_at_the_field(self, as_, field, value, words):
        answer = as_("admin").post("/console/people/new", NEW | {field: value})
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert not Person.objects.filter(name="王新").exists()

    def test_is_made_by_the_system_administrator_alone(self, as_):
        assert as_("security").get("/console/people/new").status_code == 403
        assert as_("security").post("/console/people/new", NEW).status_code == 403

    def test_of_a_scoped_administrator_belongs_to_their_own_part(self, as_, cast):
        granted("nj-admin", Role.ADMIN, Scope("3201"))
        foreign = as_("nj-admin").post("/console/people/new", NEW | {"organ": SUZHOU})
        assert foreign.status_code == 422
        assert "管理范围以内的单位" in foreign.content.decode()
        assert as_("nj-admin").post("/console/people/new", NEW | {"organ": ""}).status_code == 422
        assert as_("nj-admin").post("/console/people/new", NEW).status_code == 200


class TestATelephone:
    def test_is_sealed_masked_and_in_no_page_sheet_or_trail(self, as_):
        as_("admin").post("/console/people/new", NEW)
        as_("admin").post(at("wang", "edit"), {"name": "王新", "organ": NANJING, "phone": "13987654321"})
        person = person_of("wang")
        assert people.phone_of(person) == "13987654321"
        assert b"1398765" not in bytes(person.phone)
        seen = [body(as_(who).get(url)) for who in ("admin", "security") for url in ("/console/people/", at("wang"))]
        seen += [body(as_("admin").get(at("wang", "edit"))), body(as_("admin").get("/console/people/export"))]
        seen += [body(as_("audit").get("/console/audit/")), body(as_("audit").get("/console/audit/export"))]
        assert not [page for page in seen if PHONE in page or "13987654321" in page]
        assert "139****4321" in seen[1]
        assert not Audit.objects.filter(facts__icontains="1398765").exists()

    def test_stays_when_left_empty_and_goes_when_asked(self, as_):
        as_("admin").post("/console/people/new", NEW)
        as_("admin").post(at("wang", "edit"), {"name": "王又新", "organ": NANJING, "phone": ""})
        assert people.phone_of(person_of("wang")) == PHONE
        as_("admin").post(at("wang", "edit"), {"name": "王又新", "organ": NANJING, "phone": "", "no_phone": "1"})
        assert people.phone_of(person_of("wang")) == ""
        changes = Audit.objects.filter(action="person_change").order_by("id").values_list("facts__改动", flat=True)
        assert list(changes) == ["姓名", "工作电话"]


class TestAGrant:
    HANDLER = {"role": "handler", "area": "3201", "organ": NANJING}

    def test_is_picked_from_the_trees_by_links_alone_and_given(self, as_, cast):
        made()
        client, url = as_("security"), at("wang", "grants", "new")
        page = client.get(url + "?role=handler").content.decode()
        link = re.search(r'href="(\?[^"]*area=32[^"]*)"', page)[1].replace("&amp;", "&")
        page = client.get(url + link).content.decode()
        link = re.search(r'href="(\?[^"]*area=3201[^"]*)"', page)[1].replace("&amp;", "&")
        page = client.get(url + link).content.decode()
        link = re.search(rf'href="(\?[^"]*organ={NANJING}[^"]*)"', page)[1].replace("&amp;", "&")
        page = client.get(url + link).content.decode()
        assert "江苏省南京市，南京市市场监督管理局及下属单位" in text(page)
        hidden = dict(re.findall(r'<input type="hidden" name="(role|area|organ)" value="([^"]+)">', page))
        assert hidden == self.HANDLER
        assert client.post(url, hidden).url == at("wang")
        grant = Grant.objects.get(person=person_of("wang"))
        assert (grant.role, grant.area, grant.organ) == ("handler", "3201", NANJING_PATH)
        line = Audit.objects.get(action="grant")
        assert (line.subject, line.facts["角色"], line.facts["单位"]) == ("wang", "整改承办", NANJING)
        assert client.post(url, hidden).status_code == 409

    def test_of_a_clerk_names_a_window_and_of_others_none(self, as_, cast):
        made()
        client, url = as_("security"), at("wang", "grants", "new")
        assert "NJ-A01" in client.get(url + "?role=clerk&area=3201").content.decode()
        assert "SZ-A01" not in client.get(url + "?role=clerk&area=3201").content.decode()
        assert client.post(url, {"role": "clerk", "area": "3201"}).status_code == 422
        assert client.post(url, {"role": "handler", "area": "3201", "window": "NJ-A01"}).status_code == 422
        assert client.post(url, {"role": "clerk", "area": "3201", "window": "NJ-A01"}).status_code == 302

    @pytest.mark.parametrize(
        "wrong", [{"area": "99"}, {"organ": "X"}, {"window": "X", "role": "clerk"}, {"role": "king"}]
    )
    def test_of_what_is_not_there_is_refused_and_does_not_grow_wider(self, as_, cast, wrong):
        made()
        assert as_("security").post(at("wang", "grants", "new"), self.HANDLER | wrong).status_code == 422
        assert not Grant.objects.filter(person=person_of("wang")).exists()

    def test_to_oneself_is_refused(self, as_, cast):
        answer = as_("security").post(at("security", "grants", "new"), {"role": "supervisor", "area": "32"})
        assert answer.status_code == 403
        assert "不能对自己" in answer.content.decode()
        assert Grant.objects.get(person=person_of("security")).role == "security"

    @pytest.mark.parametrize("username", ["rectifier", "admin", "audit"])
    @pytest.mark.parametrize("role", ["admin", "security", "auditor"])
    def test_of_one_of_the_three_goes_with_nothing_else(self, as_, username, role):
        answer = as_("security").post(at(username, "grants", "new"), {"role": role, "area": ""})
        is_same = Grant.objects.get(person=person_of(username)).role == role
        assert answer.status_code == 409
        assert ("已有这项授权" if is_same else "三员分立") in answer.content.decode()

    def test_is_given_and_taken_by_the_security_administrator_alone(self, as_, cast):
        made()
        grant = Grant.objects.get(person=person_of("rectifier"))
        for username in ("admin", "audit", "supervisor"):
            assert as_(username).post(at("wang", "grants", "new"), self.HANDLER).status_code == 403
            assert as_(username).post(at("rectifier", "grants", str(grant.pk), "take")).status_code == 403
        assert Grant.objects.filter(pk=grant.pk).exists()

    def test_beyond_ones_own_scope_is_refused_and_foreign_people_are_not_there(self, as_, cast):
        made()
        made("zhao", SUZHOU, f"/{PROVINCE_OFFICE}/{SUZHOU}/", "3205")
        granted("nj-security", Role.SECURITY, Scope("3201"))
        client = as_("nj-security")
        for wider in ({"area": ""}, {"area": "32"}, {"area": "3205"}, {"area": "", "organ": NANJING}):
            assert client.post(at("wang", "grants", "new"), self.HANDLER | wider).status_code == 422
        for url in (at("zhao"), at("zhao", "grants", "new"), at("admin")):
            assert client.get(url).status_code == 404
        assert client.post(at("zhao", "grants", "new"), self.HANDLER).status_code == 404
        assert "zhao" not in client.get("/console/people/").content.decode()
        assert "zhao" not in body(client.get("/console/people/export"))
        assert client.post(at("wang", "grants", "new"), self.HANDLER).status_code == 302

    def test_of_somebody_who_reaches_further_is_not_for_a_lesser_administrator(self, as_, cast):
        person = made()
        people.give(person.pk, Role.SUPERVISOR, Scope("32"), actor=SYSTEM, now=NOW)
        granted("nj-admin", Role.ADMIN, Scope("3201"))
        answer = as_("nj-admin").post(at("wang", "password"))
        assert answer.status_code == 403
        assert "上级管理员" in answer.content.decode()

    def test_is_taken_after_a_confirmation_and_the_last_one_ends_every_login(self, as_, cast):
        client, grant = as_("rectifier"), Grant.objects.get(person=person_of("rectifier"))
        assert client.get("/console/orders/").status_code == 200
        url = at("rectifier", "grants", str(grant.pk), "take")
        assert "最后一项授权" in as_("security").get(url).content.decode()
        assert as_("security").post(url).status_code == 302
        assert client.get("/console/orders/").url.startswith("/console/login")
        assert Audit.objects.filter(action="revoke_grant", subject="rectifier").exists()


class TestTheThree:
    @pytest.mark.parametrize("username", ["admin", "security", "audit"])
    def test_never_lose_their_last_one(self, as_, cast, username):
        person, grant = person_of(username), Grant.objects.get(person=person_of(username))
        granted("other-admin", Role.ADMIN)
        granted("other-security", Role.SECURITY)
        if username == "audit":
            assert as_("security").post(at("audit", "grants", str(grant.pk), "take")).status_code == 409
            assert as_("admin").post(at("audit", "switch"), {"reason": "调离"}).status_code == 409
            granted("other-audit", Role.AUDITOR)
        assert as_("other-security").post(at(username, "grants", str(grant.pk), "take")).status_code == 302
        assert not Grant.objects.filter(person=person).exists()

    def test_switched_off_do_not_count(self, as_, cast):
        granted("other-audit", Role.AUDITOR)
        Person.objects.filter(username="other-audit").update(is_active=False)
        answer = as_("admin").post(at("audit", "switch"), {"reason": "调离"})
        assert answer.status_code == 409
        assert "最后一位在用的安全审计员" in answer.content.decode()

    def test_of_a_city_do_not_stand_in_for_the_provinces(self, as_, cast):
        granted("nj-audit", Role.AUDITOR, Scope("3201"))
        assert as_("admin").post(at("audit", "switch"), {"reason": "调离"}).status_code == 409

    @pytest.mark.parametrize("username", ["security", "audit"])
    def test_keep_their_password_from_the_system_administrator(self, as_, cast, username):
        answer = as_("admin").post(at(username, "password"))
        assert answer.status_code == 403
        assert person_of(username).check_password(PASSWORD)


class TestSwitchingOff:
    def test_asks_for_a_reason_ends_every_login_and_keeps_the_grants(self, as_, cast):
        client = as_("rectifier")
        assert client.get("/console/orders/").status_code == 200
        url = at("rectifier", "switch")
        assert as_("admin").post(url, {"reason": " "}).status_code == 422
        assert as_("admin").post(url, {"reason": "调离"}).status_code == 302
        assert client.get("/console/orders/").url.startswith("/console/login")
        assert Client().post("/console/login", {"username": "rectifier", "password": PASSWORD}).status_code == 422
        assert not sessions.live(person_of("rectifier"), since=NOW)
        assert as_("admin").post(url, {"reason": "回来"}).status_code == 302
        assert Client().post("/console/login", {"username": "rectifier", "password": PASSWORD}).status_code == 302
        trail = Audit.objects.filter(subject="rectifier", action__startswith="person_").order_by("id")
        assert list(trail.values_list("action", "facts__原因")) == [("person_off", "调离"), ("person_on", "回来")]

    def test_is_not_for_oneself(self, as_, cast):
        granted("other-admin", Role.ADMIN)
        assert as_("admin").post(at("admin", "switch"), {"reason": "试试"}).status_code == 403
        assert person_of("admin").is_active


def test_a_reset_password_is_shown_once_ends_the_logins_and_must_be_changed(as_):
    client = as_("rectifier")
    client.get("/console/orders/")
    assert "只显示一次" in as_("admin").get(at("rectifier", "password")).content.decode()
    page = as_("admin").post(at("rectifier", "password")).content.decode()
    password = re.search(r'id="code">([^<]+)<', page)[1]
    assert client.get("/console/orders/").url.startswith("/console/login")
    fresh = Client()
    assert fresh.post("/console/login", {"username": "rectifier", "password": PASSWORD}).status_code == 422
    fresh.post("/console/login", {"username": "rectifier", "password": password})
    assert fresh.get("/console/orders/").url == "/console/password"
    assert not Audit.objects.filter(facts__icontains=password).exists()


class TestTheList:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("q=南京", {"city", "rectifier"}),
            ("q=OPERA", {"operator"}),
            ("role=reviewer", {"reviewer"}),
            ("role=none", {"wang"}),
            ("area=3201", {"city", "wang"}),
            ("organ=南京市市场", {"wang"}),
            (f"organ={NANJING}", {"wang"}),
            ("state=off", {"leader"}),
            ("q=没有这样的人", set()),
        ],
    )
    def test_is_narrowed_and_the_sheet_says_the_same(self, as_, cast, query, found):
        made()
        Person.objects.filter(username="leader").update(is_active=False)
        page = as_("security").get(f"/console/people/?{query}").content.decode()
        listed = set(re.findall(r'<span class="muted nowrap">([a-z_-]+)</span></span></th>', page))
        sheet = csv.DictReader(io.StringIO(body(as_("security").get(f"/console/people/export?{query}"))))
        assert listed == found
        assert {row["用户名"] for row in sheet} == found

    def test_as_a_sheet_is_complete_safe_and_written_down(self, as_, cast):
        for n in range(25):
            Person.objects.create(username=f"p{n:02}", name="=HYPERLINK(1)", created_at=NOW)
        rows = list(csv.DictReader(io.StringIO(body(as_("admin").get("/console/people/export?q=p")))))
        assert [row["用户名"] for row in rows if row["用户名"].startswith("p") and row["用户名"][1:].isdigit()] == [
            f"p{n:02}" for n in range(25)
        ]
        assert {row["姓名"] for row in rows if row["用户名"] == "p01"} == {"'=HYPERLINK(1)"}
        line = Audit.objects.get(action="export", subject="people")
        assert (line.actor_name, line.facts) == ("管理员", {"rows": len(rows), "q": "p"})
