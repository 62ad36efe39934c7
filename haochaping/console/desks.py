"""The workbenches of those who look on and of those who look after people: what is late, what changed, what needs a hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Exists, OuterRef, Q

from haochaping.accounts.locks import locks
from haochaping.accounts.models import Audit, Grant, Person, SecondFactor
from haochaping.accounts.rules import FIGURES_ONLY, Actor, Role
from haochaping.accounts.trail import Asked, lines
from haochaping.analytics.overview import TILES, headline
from haochaping.analytics.reports import queries as reports
from haochaping.console import queries
from haochaping.kit import clock
from haochaping.rectification import oversight
from haochaping.rectification.queries import is_overdue, orders_for

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.analytics.queries import Figure
    from haochaping.rectification.models import Order

LATEST = 10  # lines


@dataclass(frozen=True)
class Tile:
    """How many, of what, and where to see them."""

    title: str
    n: int | str
    url: str  # name of the route, with its query behind ?
    kind: str = ""  # late | none | ""
    hint: str = ""

    @property
    def route(self) -> str:
        return self.url.partition("?")[0]

    @property
    def query(self) -> str:
        return self.url.partition("?")[2]


@dataclass(frozen=True)
class Watch:
    """The workbench of a leader, an analyst, an observer."""

    tiles: list[Tile]
    figures: list[Figure]
    latest: list[Order]
    title: str
    news: list[queries.News] = field(default_factory=list)


def watch(actor: Actor, now: datetime) -> Watch:
    """What is open, late and changed in somebody's reach, with this month's figures; a leader also hears what came up to them."""
    orders = orders_for(actor)
    counts = orders.filter(closed_at=None).aggregate(open=Count("id"), late=Count("id", filter=is_overdue(now)))
    today = orders.filter(dispatch_day=clock.day(now)).count()
    tiles = [
        Tile(
            "今天新增差评",
            today,
            f"console:orders?state=all&since={clock.day(now)}&until={clock.day(now)}",
            "" if today else "none",
        ),
        Tile("在办工单", counts["open"], "console:orders?state=open", "" if counts["open"] else "none"),
        Tile("已超期", counts["late"], "console:orders?due=late", "late" if counts["late"] else "none"),
    ]
    latest, title = orders.filter(is_overdue(now)).order_by("step_due", "order_no")[:LATEST], "超期最久"
    if actor.has(Role.LEADER):
        until = queries.end_of_next_workday(now)
        mine, waiting = oversight.giving(actor, "leader", now, until), reports.waiting_for(actor)
        latest, title = mine[:LATEST], "上报给您的超期工单"
        tiles += [
            Tile("上报给您的", mine.count(), "console:supervision?show=leader", "late" if mine.exists() else "none"),
            Tile("待协调会议", oversight.giving(actor, "convened", now, until).count(), "console:meetings"),
            Tile("报告待审批", waiting, "console:reports?state=submitted", "" if waiting else "none"),
            Tile("疑似施压", oversight.giving(actor, "pressed", now, until).count(), "console:pressings"),
        ]
    news = [] if actor.roles <= {Role.OBSERVER} else queries.news(actor, now)
    return Watch(tiles, headline(actor, TILES, now=now), list(latest), title, news)


@dataclass(frozen=True)
class Care:
    """The workbench of the security administrator and of the auditor: counts, and the newest lines."""

    tiles: list[Tile]
    lines: list[Audit]
    title: str


def security(actor: Actor, now: datetime) -> Care:
    """Who is locked out, without a role, without a second factor; what was last done to rights."""
    active = Person.objects.filter(is_active=True)
    grants = Grant.objects.filter(person=OuterRef("pk"))
    roleless = active.exclude(Exists(grants)).count()
    named = active.filter(Exists(grants.exclude(role__in=FIGURES_ONLY)))
    bare = named.exclude(Exists(SecondFactor.objects.filter(person=OuterRef("pk"), confirmed_at__isnull=False))).count()
    locked = len(locks(actor, now))
    idle = active.filter(
        Q(last_login__lt=now - timedelta(days=90)) | Q(last_login=None, created_at__lt=now - timedelta(days=90))
    )
    tiles = [
        Tile("登录锁定", locked, "console:locks", "late" if locked else "none"),
        Tile("没有角色的人员", roleless, "console:people?role=none", "" if roleless else "none"),
        Tile("没有第二重验证", bare, "console:people", "" if bare else "none", "看得到个人信息或管理系统的人员"),
        Tile("九十天没有登录", idle.count(), "console:people", "" if idle.exists() else "none"),
    ]
    return Care(tiles, [], "")


WATCHED = {  # what an auditor looks at first
    "查看评价人身份": {"action": "reveal_identity"},
    "导出": {"action": "export"},
    "登录被拒": {"action": "login", "result": "refused"},
    "授权与撤销": {"action": "grant"},
}


def trail(now: datetime) -> Care:
    """What was done in the last day that an auditor looks at first, and the newest lines of it."""
    since = now - timedelta(days=1)
    tiles = []
    for title, asked in WATCHED.items():
        found: dict[str, Any] = {"since": since, **asked}
        n = lines(Asked(**found)).count()
        query = "&".join([*(f"{k}={v}" for k, v in asked.items()), f"since={clock.day(since)}"])
        tiles.append(Tile(title, n, f"console:audit?{query}", "" if n else "none", "最近一天"))
    newest = lines(Asked(action="reveal_identity")).order_by("-at", "-id")[:LATEST]
    return Care(tiles, list(newest), "最近查看评价人身份")
