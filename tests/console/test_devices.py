"""设备 in the console: found, enrolled, replaced, stopped, by those in charge of the place."""

from __future__ import annotations

import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import SYSTEM
from haochaping.channels.device import commands
from haochaping.channels.device.rules import Kind
from haochaping.directory.models import Device
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from tests.cast import NOW
from tests.console.stage import text
from tests.device.tablet import enrolled, public_of


@pytest.fixture
def city(as_):
    return as_("city")


def listed(client, **want):
    return text(client.get("/console/devices/", want).content.decode())


def test_the_list_stands_by_place_with_state_and_what_waits(city):
    tablet = enrolled(now=NOW)
    Device.objects.filter(id=tablet.id).update(waiting=7)
    page = listed(city)
    assert re.search(f"{tablet.id}.*离线.*待上传 7.*NJ-A01.*NJ政务服务中心.*江苏省南京市玄武区", page)


@pytest.mark.parametrize("words", ["A01", "NJ-A01", "玄武", "NJ政务"])
def test_it_is_found_by_window_hall_and_area(city, words):
    tablet = enrolled(now=NOW)
    assert tablet.id in listed(city, q=words)
    assert tablet.id in listed(city, q=tablet.id.lower())
    assert "没有符合条件的设备" in listed(city, q="苏州")


def test_states_are_told_apart(city):
    tablet, other = enrolled(now=NOW), enrolled("NJ-A02", now=NOW)
    commands.issue_code(Kind.KIOSK, hall="NJ", actor=SYSTEM, now=NOW)
    commands.revoke(other.id, actor=SYSTEM, reason="x", now=NOW)
    assert tablet.id in listed(city, state="offline")
    assert other.id not in listed(city)
    assert other.id in listed(city, state="revoked")
    assert "自助终端" in listed(city, state="expired")
    assert tablet.id not in listed(city, state="revoked")
    assert tablet.id in listed(city, hall="NJ", area="3201")


def test_a_foreign_city_finds_and_reaches_nothing(as_):
    tablet, client = enrolled(now=NOW), as_("foreign_city")
    assert "还没有设备" in listed(client)
    for where in ("", "stop", "replace"):
        assert client.get(f"/console/devices/{tablet.id}/{where}").status_code == 404
    assert client.post("/console/devices/new", {"kind": "tablet", "window": "NJ-A01"}).status_code == 422
    assert client.post("/console/devices/hall", {"hall": "NJ"}).status_code == 403
    assert Device.objects.get().revoked_at is None


@pytest.mark.parametrize("who", ["operator", "clerk", "rectifier", "audit", "observer"])
def test_nobody_else_opens_it(as_, who):
    assert as_(who).get("/console/devices/").status_code == 403


def test_a_code_is_shown_once_and_makes_a_device(city):
    answer = city.post("/console/devices/new", {"kind": "tablet", "window": "NJ-A01 NJ政务服务中心 A01"})
    code = re.search(r'id="code">([0-9A-Z]{5}-[0-9A-Z]{5})<', answer.content.decode())[1]
    device = Device.objects.get()
    assert (device.window, device.name, device.made_by) == ("NJ-A01", "A01 综合窗口", "南京主管")
    again = city.get(f"/console/devices/{device.id}/").content.decode()
    assert code not in again
    assert "待注册" in again
    commands.enrol(code, public_of(ec.generate_private_key(ec.SECP256R1())), now=clock.now())
    assert "在线" in listed(city)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "tablet", "window": ""}, "请选择窗口"),
        ({"kind": "tablet", "window": "X"}, "没有编号为“X”的窗口"),
        ({"kind": "kiosk", "hall": ""}, "请选择大厅"),
        ({"kind": "kiosk", "hall": "SZ"}, "不在您的管理范围内"),
    ],
)
def test_what_is_missing_is_named(city, given, said):
    answer = city.post("/console/devices/new", given)
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_whole_hall_gets_its_codes_as_a_sheet(city):
    enrolled(now=NOW)
    answer = city.post("/console/devices/hall", {"hall": "NJ"})
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "窗口编号,窗口,注册码,有效期至,注册地址"
    assert [line.split(",")[0] for line in lines[1:]] == ["NJ-A02"]
    enrolled("NJ-A02", now=NOW)
    answer = city.post("/console/devices/hall", {"hall": "NJ"}, follow=True)
    assert "都已经有评价器" in answer.content.decode()


def test_stopping_asks_first_and_wants_a_reason(city):
    tablet = enrolled(now=NOW)
    page = city.get(f"/console/devices/{tablet.id}/stop").content.decode()
    assert "立即生效，不能恢复" in page
    assert city.post(f"/console/devices/{tablet.id}/stop", {"reason": " "}).status_code == 422
    done = city.post(f"/console/devices/{tablet.id}/stop", {"reason": "屏幕损坏"}, follow=True).content.decode()
    assert "已停用" in done
    assert re.search("停用.*屏幕损坏", text(done)), "its history says who, when and why"
    assert Audit.objects.filter(action="device_revoke", actor_name="南京主管").exists()


def test_replacing_gives_a_code_and_leaves_the_old_one_working(city):
    tablet = enrolled(now=NOW)
    assert "照常使用" in city.get(f"/console/devices/{tablet.id}/replace").content.decode()
    assert 'id="code"' in city.post(f"/console/devices/{tablet.id}/replace").content.decode()
    assert Device.objects.get(id=tablet.id).revoked_at is None
    assert Device.objects.get(replaces=tablet.id).window == "NJ-A01"


def test_the_list_goes_out_as_a_sheet(city):
    tablet = enrolled(now=NOW)
    sheet = city.get("/console/devices/export").content.decode("utf-8-sig")
    assert sheet.splitlines()[1].startswith(f"{tablet.id},窗口评价器,A01 综合窗口,NJ政务服务中心,NJ-A01,离线,0,")


def test_a_terminals_code_can_be_made_anew_and_the_old_one_is_void(city):
    device, code = commands.issue_code(Kind.KIOSK, hall="NJ", actor=SYSTEM, now=clock.now())
    beside, _ = commands.issue_code(Kind.KIOSK, hall="NJ", actor=SYSTEM, now=clock.now())
    assert "作废" in city.get(f"/console/devices/{device.id}/replace").content.decode()
    city.post(f"/console/devices/{device.id}/replace")
    assert not Device.objects.filter(id=device.id).exists()
    assert Device.objects.filter(id=beside.id).exists()
    with pytest.raises(Refused, match="注册码不正确"):
        commands.enrol(code, public_of(ec.generate_private_key(ec.SECP256R1())), now=clock.now())
