"""A device comes into being by a one-time code, holds its own key, and can be stopped at once."""

from __future__ import annotations

import base64
import json
import tomllib
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client, RequestFactory

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import SYSTEM
from haochaping.channels.device import access, commands, pages, queries, rules
from haochaping.channels.device.rules import Kind, State
from haochaping.channels.rules import Misses
from haochaping.directory.models import Device
from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.kit.errors import Refused
from haochaping.policy.commands import load_pack
from tests.cast import NOW, forget
from tests.device.tablet import enrolled, public_of


@pytest.fixture(autouse=True)
def no_misses(monkeypatch):
    monkeypatch.setattr(pages, "misses", Misses())


def code_for(window="NJ-A01", actor=SYSTEM, **more):
    return commands.issue_code(Kind.TABLET, window=window, actor=actor, now=NOW, **more)[1]


def new_key():
    return public_of(ec.generate_private_key(ec.SECP256R1()))


def type_in(client, code, key=None, now=NOW):
    body = {"code": code, "publicKey": base64.b64encode(key or new_key()).decode()}
    with clock.held_at(now):
        return client.post("/device/", json.dumps(body), content_type="application/json")


class TestTheCode:
    def test_it_makes_the_browser_the_device_once(self, cast):
        client, code = Client(), code_for()
        answer = type_in(client, rules.in_halves(code).lower())
        assert answer.status_code == 200
        assert answer.json()["url"] == f"/device/{answer.json()['id']}"
        cookie = answer.cookies[access.COOKIE]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
        assert type_in(Client(), code).json()["error"]["code"] == "code_unknown"

    def test_neither_code_nor_cookie_nor_a_private_key_is_kept(self, cast):
        client, code = Client(), code_for()
        type_in(client, code)
        row = repr(Device.objects.values_list().get())
        assert code not in row
        assert client.cookies[access.COOKIE].value not in row
        assert len(bytes(Device.objects.get().public_key)) == 65

    def test_it_expires_after_a_day(self, cast):
        code = code_for()
        assert type_in(Client(), code, now=NOW + timedelta(days=1)).status_code == 404

    def test_it_reads_lookalikes_as_people_type_them(self):
        assert rules.code_of("01234-5678o") == "0123456780"
        assert rules.code_of(" lI234 56789 ") == "1123456789"
        assert rules.code_of("01234") is None

    def test_guesses_are_limited_and_the_right_code_waits_its_turn(self, cast):
        client, code = Client(), code_for()
        answers = [type_in(client, "AAAAA-AAAAA").status_code for _ in range(31)]
        assert answers == [404] * 30 + [429]
        assert type_in(client, code).status_code == 429
        assert type_in(client, code, now=NOW + timedelta(minutes=1)).status_code == 200

    def test_a_second_code_for_the_same_window_voids_the_first(self, cast):
        first, second = code_for(), code_for()
        assert type_in(Client(), first).status_code == 404
        assert type_in(Client(), second).status_code == 200

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"code":"x","publicKey":"!!"}'])
    def test_garbage_is_refused_in_words(self, cast, body):
        answer = Client().post("/device/", body, content_type="application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "malformed")

    def test_a_key_that_is_none_does_not_spend_the_code(self, cast):
        code = code_for()
        assert type_in(Client(), code, key=b"\x04" + b"\x01" * 64).json()["error"]["code"] == "key_malformed"
        assert type_in(Client(), code).status_code == 200

    def test_a_stranger_page_cannot_enrol_in_our_name(self, cast):
        assert type_in(Client(enforce_csrf_checks=True), code_for()).status_code == 403

    @pytest.mark.parametrize(("given", "field"), [({"window": "X"}, "window"), ({"window": ""}, "window")])
    def test_an_unknown_window_is_named(self, cast, given, field):
        with pytest.raises(Refused) as no:
            commands.issue_code(Kind.TABLET, actor=SYSTEM, now=NOW, **given)
        assert no.value.fields[0].field == field

    def test_a_kiosk_stands_in_a_hall(self, cast):
        device, code = commands.issue_code(Kind.KIOSK, hall="NJ", actor=SYSTEM, now=NOW)
        assert (device.hall, device.area_path, device.name) == ("NJ", "320102", "NJ政务服务中心自助终端")
        assert type_in(Client(), code).json()["url"] == "/kiosk"
        with pytest.raises(Refused):
            commands.issue_code(Kind.KIOSK, hall="nowhere", actor=SYSTEM, now=NOW)

    def test_codes_for_a_whole_hall_leave_out_windows_that_have_a_tablet(self, cast):
        enrolled(now=NOW)
        made = commands.issue_codes("NJ", actor=SYSTEM, now=NOW)
        assert [device.window for device, _ in made] == ["NJ-A02"]


class TestWhoItIs:
    def test_device_of_finds_it_by_its_cookie(self, cast):
        tablet = enrolled(now=NOW)
        request = RequestFactory().get("/kiosk")
        request.COOKIES[access.COOKIE] = tablet.cookie
        assert access.device_of(request).id == tablet.id
        assert access.device_of(request, tablet.id).id == tablet.id
        with pytest.raises(Refused, match="尚未注册"):
            access.device_of(request, "DOTHER")

    @pytest.mark.parametrize("cookie", ["", "x", "0" * 22])
    def test_no_cookie_of_ours_is_nobody(self, cast, cookie):
        request = RequestFactory().get("/kiosk")
        request.COOKIES[access.COOKIE] = cookie
        with pytest.raises(Refused) as no:
            access.device_of(request)
        assert (no.value.code, no.value.status) == ("device_unknown", 403)

    def test_a_stopped_one_is_refused_at_its_next_request(self, cast):
        tablet, client = enrolled(now=NOW), Client()
        client.cookies[access.COOKIE] = tablet.cookie
        assert client.get(f"/device/{tablet.id}/state").status_code == 200
        assert client.get(f"/device/{tablet.id}").status_code == 200
        commands.revoke(tablet.id, actor=SYSTEM, reason="遗失", now=NOW)
        for path in ("", "/state"):
            assert client.get(f"/device/{tablet.id}{path}").status_code == 403
        assert client.get(f"/device/{tablet.id}/state").json()["error"]["code"] == "device_revoked"
        assert "已停用" in client.get(f"/device/{tablet.id}").content.decode()

    def test_one_devices_cookie_does_not_open_anothers_screen(self, cast):
        tablet, other, client = enrolled(now=NOW), enrolled("NJ-A02", now=NOW), Client()
        client.cookies[access.COOKIE] = tablet.cookie
        assert client.get(f"/device/{other.id}").status_code == 403

    def test_a_new_tablet_takes_over_the_window(self, cast):
        old = enrolled(now=NOW)
        new = enrolled(now=NOW + timedelta(hours=1))
        row = Device.objects.get(id=old.id)
        assert (row.revoked_at, row.replaced_by) == (NOW + timedelta(hours=1), new.id)
        assert Audit.objects.filter(subject=f"device:{old.id}", action="device_replaced").exists()

    def test_a_kiosk_is_replaced_only_by_the_one_made_for_it(self, cast):
        old, beside = (enrolled("", hall="NJ", kind=Kind.KIOSK, now=NOW) for _ in range(2))
        device, code = commands.issue_code(Kind.KIOSK, hall="NJ", replaces=old.id, actor=SYSTEM, now=NOW)
        commands.enrol(code, new_key(), now=NOW)
        assert Device.objects.get(id=old.id).replaced_by == device.id
        assert Device.objects.get(id=beside.id).revoked_at is None


class TestWhoManages:
    def test_a_city_manages_its_own_and_an_operator_none(self, cast):
        nanjing, suzhou = enrolled(now=NOW), enrolled("SZ-A01", now=NOW)
        assert {d.id for d in queries.devices_for(cast.city)} == {nanjing.id}
        assert {d.id for d in queries.devices_for(cast.foreign_city)} == {suzhou.id}
        assert {d.id for d in queries.devices_for(cast.admin)} == {nanjing.id, suzhou.id}
        for actor in (cast.operator, cast.clerk, cast.rectifier, cast.observer):
            assert not queries.devices_for(actor)

    def test_nobody_enrols_or_stops_beyond_their_scope(self, cast):
        tablet = enrolled(now=NOW)
        with pytest.raises(Refused, match="管理范围"):
            code_for(actor=cast.foreign_city)
        with pytest.raises(Refused, match="管理范围"):
            commands.revoke(tablet.id, actor=cast.foreign_city, reason="x", now=NOW)
        with pytest.raises(Refused, match="原因"):
            commands.revoke(tablet.id, actor=cast.city, reason=" ", now=NOW)
        commands.revoke(tablet.id, actor=cast.city, reason="屏幕损坏", now=NOW)
        assert next(line.action for line in queries.history(Device.objects.get(id=tablet.id))) == "device_revoke"


def test_states_follow_from_what_is_known():
    def state(**more):
        known = {"enrolled_at": None, "code_expires_at": None, "revoked_at": None, "last_seen_at": None} | more
        return rules.state(now=NOW, **known)

    later, before = NOW + timedelta(minutes=1), NOW - timedelta(minutes=1)
    assert state(code_expires_at=later) is State.WAITING
    assert state(code_expires_at=before) is State.EXPIRED
    assert state(enrolled_at=before) is State.OFFLINE
    assert state(enrolled_at=before, last_seen_at=before) is State.ONLINE
    assert state(enrolled_at=before, last_seen_at=NOW - timedelta(minutes=3)) is State.OFFLINE
    assert state(enrolled_at=before, last_seen_at=NOW, revoked_at=NOW) is State.REVOKED


@pytest.mark.parametrize(
    ("staff", "shown", "hidden"), [("name", "李窗口", ""), ("number", "NJ-0001", "李窗口"), ("none", "", "工号")]
)
def test_the_idle_screen_names_who_serves_as_far_as_the_rules_allow(cast, staff, shown, hidden):
    table = tomllib.loads((ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8"))
    load_pack(table | {"region": "3201", "tablet": {"staff": staff, "stated": False}}, "test", NOW)
    forget()
    tablet, client = enrolled(now=NOW), Client()
    client.cookies[access.COOKIE] = tablet.cookie
    page = client.get(f"/device/{tablet.id}").content.decode()
    assert shown in page
    assert not hidden or hidden not in page
    assert "/w/NJ-A01" in page
