"""Who works in the made-up province: the demo accounts of contract §4, those who rectify in each area, and the sending systems."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from haochaping.accounts import commands, people
from haochaping.accounts.models import App, Person
from haochaping.accounts.rules import Actor, Role, Scope
from haochaping.directory.queries import snapshot
from haochaping.project.demo.home import app_areas, home_of
from haochaping.project.demo.province import person_name
from haochaping.project.demo.wire import Sender

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.project.demo.province import Organ, Province


class Account(NamedTuple):
    """A demo account, and what one should try with it."""

    username: str
    role: Role
    scope: Scope
    title: str
    to_try: str


@dataclass(frozen=True)
class Cast:
    """Who can act: by username."""

    actors: dict[str, Actor]
    handlers: tuple[str, ...]  # usernames of those who rectify, the nearest scope first

    def handler_of(self, area_path: str, organ_path: str) -> Actor:
        """Whoever rectifies for that organ: the one with the narrowest scope that holds it."""
        for username in self.handlers:
            actor = self.actors[username]
            if any(area_path.startswith(s.area) and organ_path.startswith(s.organ) for s in actor.scopes):
                return actor
        raise LookupError(f"nobody rectifies for {organ_path} in {area_path}")

    def supervisor_of(self, area_path: str) -> Actor:
        """The city's own office where it has an account, else the province's."""
        city = self.actors["city"]
        return city if area_path.startswith(city.scopes[0].area) else self.actors["supervisor"]


def accounts(province: Province) -> list[Account]:
    """The accounts of contract §4 for this province, and two that the story of an objection needs."""
    region = province.profile.region
    city, organ, window = home_of(province)
    place = snapshot().regions[city.ljust(12, "0")].name
    everything = Scope(area=region)
    return [
        Account("admin", Role.ADMIN, Scope(), "系统管理员", "人员，数据接口，基础信息检查，评价规则"),
        Account("security", Role.SECURITY, Scope(), "安全保密管理员", "人员授权，登录锁定，结束登录"),
        Account("audit", Role.AUDITOR, Scope(), "安全审计员", "审计日志：谁登录、查看、导出过什么"),
        Account("leader", Role.LEADER, everything, "领导", "综合概览，大屏，报告审批，督办，批示信息专报"),
        Account(
            "supervisor",
            Role.SUPERVISOR,
            everything,
            f"{province.profile.title}政务办",
            "督办、协调会议、信息专报；超期工单，审核，批准延期，裁定；报告，月度考核，大屏链接",
        ),
        Account("city", Role.CITY, Scope(area=city), f"{place}政务办", "只见本地工单，审核与裁定"),
        Account("rectifier", Role.HANDLER, Scope(city, organ_path(organ)), organ.name, "签收、核实、整改、申诉"),
        Account("reviewer", Role.REVIEWER, everything, "申诉复核（司法行政部门）", "裁决申诉"),
        Account("reviewer2", Role.REVIEWER, everything, "申诉复核（第二人）", "复核评价人的异议"),
        Account(
            "clerk",
            Role.CLERK,
            Scope(city, organ_path(organ), window.code),
            window.name,
            "请我说明的工单：说明情况、申诉；本窗口一周前的汇总",
        ),
        Account("operator", Role.OPERATOR, everything, "12345话务员", "回访，登记结果"),
        Account("analyst", Role.ANALYST, everything, "分析员", "综合概览，自助分析，专题分析，效能排名，报告"),
        Account(
            "observer",
            Role.OBSERVER,
            everything,
            "观察员（人大、政协、媒体）",
            "差评工单（只读、隐去人名），综合概览，典型问题，评价规则",
        ),
    ]


def organ_path(organ: Organ) -> str:
    return snapshot().organs[organ.code].path


def create_people(province: Province, password: str, now: datetime, seed: int) -> None:
    """Every account, and one who rectifies for each area that has a platform; repeatable."""
    random = Random(f"people {province.profile.key} {seed}")  # noqa: S311
    for account in accounts(province):
        name = person_name(random)
        people.create_person(
            account.username,
            _own_name(province, account) or name,
            password,
            [(account.role, account.scope)],
            now=now,
            home=_home(province, account),
        )
    for area in [*app_areas(province), province.profile.region]:
        people.create_person(
            f"rectifier-{area}", person_name(random), password, [(Role.HANDLER, Scope(area=area))], now=now
        )


def _own_name(province: Province, account: Account) -> str:
    """Of who serves at a window: the clerk whose ratings are meant, so that what is said of them finds their account."""
    return province.clerks[account.scope.window][0].name if account.role is Role.CLERK else ""


def _home(province: Province, account: Account) -> people.Home:
    """The organ of one's scope, or the government office of its area; who decides appeals belongs to another.

    Who supervises or calls belongs to none here: nobody else could pass what is answered about that office itself.
    """
    if account.role in {Role.SUPERVISOR, Role.CITY, Role.OPERATOR}:
        return people.Home()
    scope, known = account.scope, snapshot()
    code = scope.organ.strip("/").rpartition("/")[2]
    if not code:
        area = (scope.area or province.profile.region).ljust(12, "0")
        kinds = ("justice", "government") if account.role is Role.REVIEWER else ("government",)
        here = {organ.kind: organ.code for organ in province.organs.values() if organ.area == area}
        code = next((here[kind] for kind in kinds if kind in here), "")
    organ = known.organs.get(code)
    return people.Home(code, organ.path, known.area_path(organ.area)) if organ else people.Home()


def cast() -> Cast:
    """The people as they act, from what is stored."""
    actors = {person.username: person.actor() for person in Person.objects.filter(is_active=True)}
    handlers = [name for name in actors if name.startswith("rectifier-")]
    handlers.sort(key=lambda name: -len(actors[name].scopes[0].area))
    return Cast(actors, ("rectifier", *handlers))


def create_apps(province: Province, known: list[Sender], now: datetime) -> list[Sender]:
    """A platform for each area and the labour department's own system; those in `known` are kept."""
    wanted = []
    office = {o.area: o for o in province.organs.values() if o.kind == "government"}
    for area in app_areas(province):
        code = area.ljust(12, "0")
        wanted.append((f"{snapshot().regions[code].name}一体化政务服务平台", area, "", office[code].code))
    top = next(o for o in province.organs.values() if o.kind == "labour" and not o.parent)
    wanted.append(("人社业务系统", province.profile.region, organ_path(top), top.code))
    region = province.profile.region
    wanted.append((f"{province.profile.title}政务服务总门户", region, "", office[region.ljust(12, "0")].code))
    live = set(App.objects.values_list("app_id", flat=True))
    kept = {sender.name: sender for sender in known if sender.app_id in live}
    for name, area, path, code in wanted:
        if name not in kept:
            app_id, secret = commands.create_app(name, organ_code=code, organ_path=path, area=area, now=now)
            kept[name] = Sender(name, area, path, app_id, secret)
    return list(kept.values())
