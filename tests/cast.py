"""A small province and the people in it, so that every test reads as a story.

Nanjing (3201) and Suzhou (3205) each have a bureau with two windows and an item; the province office stands above. The
codes are made up but well formed. `settle()` writes all of it; `wire_service` and `wire_rating` say what a business
system would send.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.test import Client

from haochaping.accounts.commands import create_app
from haochaping.accounts.models import Grant, Person
from haochaping.accounts.queries import forget_apps
from haochaping.accounts.rules import Actor, Role, Scope
from haochaping.directory import queries as directory
from haochaping.directory.models import Clerk, Hall, Item, Organ, Region, Window
from haochaping.kit.config import ROOT
from haochaping.policy import queries as policy
from haochaping.policy.commands import load_indicators, load_pack

NOW = datetime(2026, 6, 10, 2, 0, tzinfo=UTC)  # Wednesday, 10:00 in China
PROVINCE_OFFICE = "11320000014000123X"
NANJING = "11320100014000456K"
SUZHOU = "11320500014000789M"
NANJING_ITEM = f"{NANJING}3320101001000"
SUZHOU_ITEM = f"{SUZHOU}3320501001000"
PASSWORD = "brave-otter-41"


@dataclass(frozen=True)
class Cast:
    """Who stands on the stage."""

    app_id: str
    secret: str
    foreign_app_id: str
    foreign_secret: str
    admin: Actor
    supervisor: Actor
    city: Actor
    foreign_city: Actor
    rectifier: Actor
    foreign_rectifier: Actor
    reviewer: Actor
    operator: Actor
    clerk: Actor
    leader: Actor
    observer: Actor


PEOPLE: dict[str, tuple[str, Role, Scope]] = {
    "admin": ("管理员", Role.ADMIN, Scope()),
    "security": ("保密员", Role.SECURITY, Scope()),
    "audit": ("审计员", Role.AUDITOR, Scope()),
    "supervisor": ("省督办", Role.SUPERVISOR, Scope("32")),
    "city": ("南京主管", Role.CITY, Scope("3201")),
    "foreign_city": ("苏州主管", Role.CITY, Scope("3205")),
    "rectifier": ("南京整改", Role.HANDLER, Scope("", f"/{PROVINCE_OFFICE}/{NANJING}/")),
    "foreign_rectifier": ("苏州整改", Role.HANDLER, Scope("", f"/{PROVINCE_OFFICE}/{SUZHOU}/")),
    "reviewer": ("省复核", Role.REVIEWER, Scope("32")),
    "operator": ("话务员", Role.OPERATOR, Scope("32")),
    "clerk": ("窗口员", Role.CLERK, Scope("", "", "NJ-A01")),
    "leader": ("领导", Role.LEADER, Scope("32")),
    "analyst": ("分析员", Role.ANALYST, Scope("32")),
    "observer": ("观察员", Role.OBSERVER, Scope("32")),
}


def settle(pack: str = "jiangsu", now: datetime = NOW) -> Cast:
    """Write the province, its pack, its people and two apps."""
    for code, name, level, parent, path in (
        ("320000000000", "江苏省", 1, "", "32"),
        ("320100000000", "南京市", 2, "320000000000", "3201"),
        ("320102000000", "玄武区", 3, "320100000000", "320102"),
        ("320500000000", "苏州市", 2, "320000000000", "3205"),
    ):
        Region.objects.create(code=code, name=name, level=level, parent=parent, path=path)
    for code, name, area, parent, path in (
        (PROVINCE_OFFICE, "江苏省政务服务管理办公室", "320000000000", "", f"/{PROVINCE_OFFICE}/"),
        (NANJING, "南京市市场监督管理局", "320100000000", PROVINCE_OFFICE, f"/{PROVINCE_OFFICE}/{NANJING}/"),
        (SUZHOU, "苏州市市场监督管理局", "320500000000", PROVINCE_OFFICE, f"/{PROVINCE_OFFICE}/{SUZHOU}/"),
    ):
        Organ.objects.create(code=code, name=name, area=area, parent=parent, path=path)
    for hall, area, organ, prefix in (
        ("NJ", "320102000000", NANJING, "NJ-A0"),
        ("SZ", "320500000000", SUZHOU, "SZ-A0"),
    ):
        Hall.objects.create(code=hall, name=f"{hall}政务服务中心", area=area)
        for n in (1, 2):
            Window.objects.create(code=f"{prefix}{n}", name=f"A0{n} 综合窗口", hall=hall, organ=organ)
    Clerk.objects.create(number="NJ-0001", name="李窗口", organ=NANJING, window="NJ-A01")
    for task, organ, area in ((NANJING_ITEM, NANJING, "320100000000"), (SUZHOU_ITEM, SUZHOU, "320500000000")):
        Item.objects.create(
            task_code=task, name="食品经营许可（新办）", kind="01", organ=organ, area=area, valid_from=date(2020, 1, 1)
        )
    load_pack(ROOT / "policies" / f"{pack}.toml", "test", now)
    load_indicators()
    forget()
    actors = {key: _person(key, name, role, scope, now) for key, (name, role, scope) in PEOPLE.items()}
    ours = create_app(
        "南京一体化平台", organ_code=NANJING, organ_path=f"/{PROVINCE_OFFICE}/{NANJING}/", area="3201", now=now
    )
    theirs = create_app(
        "苏州一体化平台", organ_code=SUZHOU, organ_path=f"/{PROVINCE_OFFICE}/{SUZHOU}/", area="3205", now=now
    )
    wanted = {name: actors[name] for name in Cast.__dataclass_fields__ if name in actors}
    return Cast(app_id=ours[0], secret=ours[1], foreign_app_id=theirs[0], foreign_secret=theirs[1], **wanted)


@cache
def _hashed(hashers: tuple[str, ...]) -> str:
    return make_password(PASSWORD)  # slow by design, so once a process


def _person(key: str, name: str, role: Role, scope: Scope, now: datetime) -> Actor:
    person = Person.objects.create(
        username=key, name=name, password=_hashed(tuple(settings.PASSWORD_HASHERS)), created_at=now
    )
    Grant.objects.create(person=person, role=role, area=scope.area, organ=scope.organ, window=scope.window)
    return person.actor()


def logged_in(person: Person) -> Client:
    """A browser in which that person has just logged in, a proof good for exports included."""
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["proved"] = int(datetime.now(UTC).timestamp())
    session.save()
    return client


def forget() -> None:
    """Let every cache in this process look at the database again."""
    policy.forget()
    directory.forget()
    forget_apps()


def wire_service(project_no: str = "NJ2026060001", number: int = 1, **more: Any) -> dict[str, Any]:
    """What Nanjing's system sends when a case was served on 10 June 2026 at 9:00."""
    return {
        "projectNo": project_no,
        "serviceNumber": number,
        "taskCode": NANJING_ITEM,
        "orgcode": NANJING,
        "areaCode": "320102000000",
        "serviceTime": "2026-06-10 09:00:00",
        "proStatus": 3,
        "acceptDate": "2026-06-09 09:00:00",
        "resultDate": "2026-06-10 09:00:00",
        "windowNo": "NJ-A01",
        "clerkNo": "NJ-0001",
        "proChannel": 2,
        "userProp": 1,
        "userName": "赵试样",
        "creditType": "111",
        "creditNum": "320102190001010018",
        "mobile": "13800000001",
    } | more


def wire_rating(project_no: str = "NJ2026060001", number: int = 1, **more: Any) -> dict[str, Any]:
    """A good rating of that service half an hour later, by tablet."""
    return {
        "projectNo": project_no,
        "serviceNumber": number,
        "satisfaction": 5,
        "pf": 4,
        "evalDetail": "510,517",
        "assessTime": "2026-06-10 09:30:00",
    } | more


BAD: dict[str, Any] = {"satisfaction": 1, "pf": 3, "evalDetail": "115", "writingEvaluation": "排队两小时，窗口态度差"}
