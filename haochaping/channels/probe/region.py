"""The marked test region: its master data, its rules, and who acts in it while the probe runs."""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from haochaping.accounts import second_factor
from haochaping.accounts.commands import create_app, new_key, revoke_key
from haochaping.accounts.models import App, AppKey, Person
from haochaping.accounts.people import create_person, remove_second_factor, switch_off
from haochaping.accounts.rules import Actor, Role, Scope
from haochaping.channels.device.commands import forget_devices, revoke
from haochaping.directory.commands import put_clerks, put_halls, put_organs, put_regions, put_windows
from haochaping.directory.items import put_items
from haochaping.directory.models import Device
from haochaping.directory.rules import PROBE_AREA
from haochaping.kit.errors import Refused
from haochaping.policy.commands import load_pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from haochaping.directory.commands import Outcome

PACK = Path(__file__).parent / "pack.toml"
AREA = PROBE_AREA.ljust(12, "0")
COUNTY = "990101000000"
ORGAN = "12990000TCTCTCTCTT"
ITEM = f"{ORGAN}4990020001000"
HALL = "TZ-HALL"
WINDOW, TABLET_WINDOW = "TZ-A01", "TZ-A02"
CLERK = "TZ-0001"
NAME = "探针测试区"
APP = "渠道探针"
STAFF = ("probe-operator-1", "probe-operator-2")
ITSELF = Actor("system", "probe", APP, frozenset({Role.ADMIN}), (Scope(PROBE_AREA),))


class Login(NamedTuple):
    """Each sign-in uses up a backup code: a telephone's code would be good for one in half a minute."""

    username: str
    password: str
    codes: list[str]


class Hands(NamedTuple):
    """What the probe acts with: an app's key and two people, all of them void after the run."""

    app_id: str
    secret: str
    people: tuple[Login, Login]


def settle(now: datetime) -> None:
    """The region with its organ, hall, windows, clerk, item and rules, as it should be; repeatable."""
    _must(
        put_regions(
            [
                {"areaCode": AREA, "areaName": NAME},
                {"areaCode": "990100000000", "areaName": "探针测试市"},
                {"areaCode": COUNTY, "areaName": "探针测试县"},
            ]
        )
    )
    _must(put_organs([{"orgcode": ORGAN, "orgName": "探针测试单位", "areaCode": COUNTY}]))
    _must(put_halls([{"hallCode": HALL, "hallName": "探针测试大厅", "areaCode": COUNTY}]))
    windows = ((WINDOW, "探针测试窗口"), (TABLET_WINDOW, "探针评价器窗口"))
    _must(
        put_windows(
            [{"windowNo": code, "windowName": name, "hallCode": HALL, "orgcode": ORGAN} for code, name in windows]
        )
    )
    clerk = {"clerkNo": CLERK, "clerkName": "探针", "orgcode": ORGAN, "windowNo": TABLET_WINDOW}
    _must(put_clerks([clerk]))
    item = {"taskCode": ITEM, "taskName": "探针测试事项", "taskType": "20", "orgcode": ORGAN, "areaCode": COUNTY}
    _must(put_items([item | {"validFrom": date(2019, 1, 1).isoformat()}], now))
    load_pack(PACK, APP, now)


def _must(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.errors:
            raise Refused("probe_region", 500, f"{NAME}建不起来：{outcome.key} {outcome.errors[0].message}")


@contextmanager
def hands(now: datetime) -> Iterator[Hands]:
    """Keys and people for one run, with random secrets. Whatever happens, none of them opens anything afterwards."""
    clear(now)
    app_id = _app(now)
    try:
        secret = new_key(app_id, actor=ITSELF, now=now)
        yield Hands(app_id, secret, (_person(STAFF[0], now), _person(STAFF[1], now)))
    finally:
        clear(now)


def clear(now: datetime) -> None:
    """End what a run made or what one that was killed left: people, keys, devices."""
    for username in STAFF:
        switch_off(username)
        for person_id in Person.objects.filter(username=username).values_list("id", flat=True):
            with suppress(Refused):  # has none
                remove_second_factor(person_id, actor=ITSELF, now=now)
    live = AppKey.objects.filter(app__is_probe=True, app__name=APP, revoked_at=None)
    for app_id, key in live.values_list("app_id", "id"):
        revoke_key(app_id, key, actor=ITSELF, now=now)
    here = Device.objects.filter(area_path__startswith=PROBE_AREA, revoked_at=None)
    for device_id in here.values_list("id", flat=True):
        revoke(device_id, actor=ITSELF, reason="巡检结束", now=now)
    forget_devices(PROBE_AREA)


def _app(now: datetime) -> str:
    """The app of the probe, the same in every run; made with a first key that `clear` ends."""
    known = App.objects.filter(is_probe=True, name=APP).values_list("app_id", flat=True).first()
    if known is not None:
        return known
    app_id, _ = create_app(APP, organ_code=ORGAN, organ_path=f"/{ORGAN}/", area=PROBE_AREA, is_probe=True, now=now)
    return app_id


def _person(username: str, now: datetime) -> Login:
    password = secrets.token_urlsafe(24)
    person = create_person(username, "渠道探针", password, [(Role.OPERATOR, Scope(PROBE_AREA))], now=now)
    key = second_factor.begin(person)
    return Login(username, password, second_factor.confirm(person, second_factor.code_at(key, now), now=now))
