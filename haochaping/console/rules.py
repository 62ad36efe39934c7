"""Who may open which page, how long a session may rest, and how time left is said. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from haochaping.accounts.rules import ADMINISTRATORS, ONLOOKERS, Role
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from haochaping.kit.workdays import Calendar

IDLE = timedelta(minutes=15)  # 等保三级: a session that nobody uses ends
FRESH = timedelta(minutes=15)  # how long a password or code counts before an export or a bulk move (security T17)
PENDING = timedelta(minutes=5)  # between the password and the code
PER_PAGE = 20

R = Role
EVERYONE = frozenset(Role)
MAY_OPEN = {
    "workbench": EVERYONE,
    # observers and analysts read orders masked, a clerk those that a unit opened to them (design §1.3)
    "orders": EVERYONE - ADMINISTRATORS,
    "orders_export": EVERYONE - ADMINISTRATORS - ONLOOKERS - {R.CLERK},
    "order_move": frozenset({R.SUPERVISOR, R.CITY, R.HANDLER, R.REVIEWER, R.OPERATOR, R.CLERK}),
    "order_file": frozenset({R.SUPERVISOR, R.CITY, R.LEADER, R.HANDLER}),
    "supervision": frozenset({R.SUPERVISOR, R.CITY, R.LEADER}),
    "meetings": frozenset({R.SUPERVISOR, R.CITY, R.LEADER}),
    "briefs": frozenset({R.SUPERVISOR, R.CITY, R.LEADER}),
    "orders_many": frozenset({R.SUPERVISOR, R.CITY, R.HANDLER, R.OPERATOR}),
    "reveal": frozenset({R.SUPERVISOR, R.CITY, R.HANDLER, R.OPERATOR}),
    "repair": frozenset({R.SUPERVISOR, R.CITY, R.ADMIN}),
    "batches": frozenset({R.SUPERVISOR, R.CITY}),
    "overview": EVERYONE - ADMINISTRATORS - {R.OPERATOR, R.REVIEWER},
    # aggregates of others, to the single window: not for who is rated there
    "themes": EVERYONE - ADMINISTRATORS - {R.OPERATOR, R.REVIEWER, R.CLERK},
    "ranking": EVERYONE - ADMINISTRATORS - {R.OPERATOR, R.REVIEWER, R.CLERK},
    "slice": EVERYONE - ADMINISTRATORS - {R.OPERATOR, R.REVIEWER},
    "slice_export": EVERYONE - ADMINISTRATORS - {R.OPERATOR, R.REVIEWER, R.CLERK},
    "slice_ratings": EVERYONE - ADMINISTRATORS - {R.OPERATOR, R.REVIEWER, R.CLERK},
    "appraisal": EVERYONE - ADMINISTRATORS - {R.OPERATOR},
    "appraisal_entries": frozenset({R.SUPERVISOR, R.CITY, R.LEADER}),
    "appraisal_objections": frozenset({R.SUPERVISOR, R.CITY, R.LEADER, R.HANDLER, R.REVIEWER, R.CLERK}),
    "metrics": EVERYONE - ADMINISTRATORS - {R.OPERATOR, R.REVIEWER},
    "problems": frozenset({R.SUPERVISOR, R.CITY, R.LEADER, R.HANDLER, R.ANALYST, R.OBSERVER}),
    "effects": frozenset({R.SUPERVISOR, R.CITY, R.LEADER, R.HANDLER, R.ANALYST, R.OBSERVER}),
    "cases": frozenset({R.SUPERVISOR, R.CITY, R.LEADER, R.HANDLER, R.ANALYST, R.OBSERVER}),
    "reports": frozenset({R.SUPERVISOR, R.CITY, R.LEADER, R.ANALYST, R.OBSERVER}),
    "screen": frozenset({R.SUPERVISOR, R.CITY, R.LEADER, R.ANALYST, R.OBSERVER}),
    "screens": frozenset({R.SUPERVISOR, R.CITY}),
    "directory": EVERYONE - {R.SECURITY, R.AUDITOR, R.OBSERVER},
    "policy": EVERYONE,
    "calendar": EVERYONE,
    "policy_drafts": frozenset({R.SUPERVISOR, R.CITY, R.LEADER, R.ADMIN, R.AUDITOR}),
    "indicators": EVERYONE,
    "telephone": frozenset({R.OPERATOR, R.CITY, R.SUPERVISOR}),
    "callouts": frozenset({R.OPERATOR, R.CITY, R.SUPERVISOR}),
    "callbacks": frozenset({R.OPERATOR, R.CITY, R.SUPERVISOR}),
    "pressings": frozenset({R.CITY, R.SUPERVISOR, R.LEADER}),
    "reply_templates": frozenset({R.HANDLER, R.CITY, R.SUPERVISOR}),
    "entries": frozenset({R.CITY, R.SUPERVISOR}),
    "consequences": frozenset({R.SUPERVISOR, R.CITY, R.LEADER, R.HANDLER, R.CLERK}),
    "inspections": frozenset({R.CITY, R.SUPERVISOR, R.LEADER, R.OBSERVER}),
    "messages": frozenset({R.ADMIN, R.SUPERVISOR, R.CITY}),
    "paper": frozenset({R.OPERATOR, R.CITY, R.SUPERVISOR}),
    "letters": frozenset({R.OPERATOR, R.CITY, R.SUPERVISOR}),
    "comments": frozenset({R.SUPERVISOR, R.CITY, R.LEADER}),
    "questionnaires": frozenset({R.SUPERVISOR, R.CITY, R.LEADER}),
    "exchange": frozenset({R.ADMIN, R.SUPERVISOR}),
    "apps": frozenset({R.ADMIN}),
    "audit": frozenset({R.AUDITOR}),
    "people": frozenset({R.ADMIN, R.SECURITY}),
    "locks": frozenset({R.SECURITY}),
    "windows": frozenset({R.ADMIN, R.CITY, R.SUPERVISOR}),
    "signs": frozenset({R.ADMIN, R.CITY, R.SUPERVISOR}),
    "devices": frozenset({R.ADMIN, R.CITY, R.SUPERVISOR}),
    "probe": frozenset({R.ADMIN, R.SUPERVISOR}),
    "notices": EVERYONE,
    "password": EVERYONE,
}


class Entry(NamedTuple):
    """A line of the navigation."""

    page: str  # key of MAY_OPEN and name of the route
    title: str
    group: str


NAVIGATION = (
    Entry("workbench", "工作台", ""),
    Entry("orders", "差评工单", "差评整改"),
    Entry("supervision", "督办", "差评整改"),
    Entry("meetings", "协调会议", "差评整改"),
    Entry("briefs", "信息专报", "差评整改"),
    Entry("callbacks", "回访名单", "差评整改"),
    Entry("pressings", "疑似施压", "差评整改"),
    Entry("reply_templates", "答复模板", "差评整改"),
    Entry("consequences", "约谈与通报", "差评整改"),
    Entry("telephone", "电话评价", "代录与征询"),
    Entry("callouts", "满意度回访", "代录与征询"),
    Entry("paper", "纸质评价", "代录与征询"),
    Entry("letters", "意见箱", "代录与征询"),
    Entry("comments", "综合点评", "代录与征询"),
    Entry("entries", "录入核对", "代录与征询"),
    Entry("inspections", "监督查评", "代录与征询"),
    Entry("questionnaires", "主动征询", "代录与征询"),
    Entry("repair", "异常数据", "采集"),
    Entry("batches", "批次", "采集"),
    Entry("messages", "短信", "采集"),
    Entry("windows", "窗口管理", "采集"),
    Entry("signs", "二维码管理", "采集"),
    Entry("devices", "设备", "采集"),
    Entry("probe", "渠道巡检", "采集"),
    Entry("overview", "综合概览", "分析"),
    Entry("slice", "自助分析", "分析"),
    Entry("themes", "专题分析", "分析"),
    Entry("ranking", "效能排名", "分析"),
    Entry("metrics", "指标口径", "分析"),
    Entry("problems", "典型问题", "分析"),
    Entry("effects", "以评促优", "分析"),
    Entry("cases", "优秀案例", "分析"),
    Entry("reports", "报告", "分析"),
    Entry("appraisal", "月度考核", "分析"),
    Entry("screen", "大屏", "分析"),
    Entry("screens", "大屏链接", "分析"),
    Entry("directory", "事项与窗口", "基础信息"),
    Entry("policy", "评价规则", "基础信息"),
    Entry("calendar", "工作日历", "基础信息"),
    Entry("indicators", "指标管理", "基础信息"),
    Entry("people", "人员", "系统管理"),
    Entry("locks", "登录锁定", "系统管理"),
    Entry("exchange", "数据接口", "系统管理"),
    Entry("apps", "接入应用", "系统管理"),
    Entry("audit", "审计日志", "系统管理"),
)


def may_open(page: str, roles: Iterable[Role]) -> bool:
    return not MAY_OPEN[page].isdisjoint(roles)


def navigation(roles: Iterable[Role]) -> list[Entry]:
    """The lines that these roles may open, in order."""
    held = frozenset(roles)
    return [entry for entry in NAVIGATION if may_open(entry.page, held)]


class Left(NamedTuple):
    """How much time is left until a limit: words, and how urgent it is (late, soon, calm)."""

    words: str
    urgency: str


def left(due: datetime, now: datetime, calendar: Calendar) -> Left:
    """Time left in words: 剩2个工作日, 今天到期 (剩5小时), 超期3小时, 超期1天.

    Working days count up to and with the last day on which it is still in time; days late are calendar days after it. A
    limit that ends within its last day says the hour.
    """
    today, last = clock.day(now), clock.day(due - timedelta(microseconds=1))
    if now >= due:
        days = (today - last).days
        hours = int((now - due) / timedelta(hours=1))
        return Left(f"超期{days}天" if days else f"超期{max(hours, 1)}小时", "late")
    if last == today:
        hours = int((due - now) / timedelta(hours=1))
        return Left(f"今天到期，剩{hours}小时" if hours else "今天到期，剩不足1小时", "soon")
    days, by = calendar.workdays_between(today, last), by_hour(due)
    if not days:
        return Left(f"剩{(last - today).days}天{by}", "soon")
    return Left(f"剩{days}个工作日{by}", "soon" if days == 1 else "calm")


def day_word(moment: datetime, now: datetime) -> str:
    """今天, 昨天, else the date in China."""
    day, days = clock.day(moment), (clock.day(now) - clock.day(moment)).days
    return {0: "今天", 1: "昨天"}.get(days, f"{day:%Y-%m-%d}")


def by_hour(due: datetime | None) -> str:
    """（12时前） where a limit ends before its day does; "" at midnight."""
    if due is None or not (hour := due.astimezone(clock.CHINA).hour):
        return ""
    return f"（{hour}时前）"
