"""Who people are here, what they may reach, and the text that a machine signs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from haochaping.kit import signatures

WINDOW_MS, text_to_sign = signatures.WINDOW_MS, signatures.text_to_sign  # contract §3


class Role(StrEnum):
    """The jobs of people who work here (contract §4)."""

    ADMIN = "admin"  # 系统管理员
    AUDITOR = "auditor"  # 安全审计员
    LEADER = "leader"  # 领导
    SUPERVISOR = "supervisor"  # 督办（省级）
    CITY = "city"  # 市级政务办
    HANDLER = "handler"  # 整改承办
    REVIEWER = "reviewer"  # 申诉复核
    CLERK = "clerk"  # 窗口人员
    OPERATOR = "operator"  # 12345 话务员
    ANALYST = "analyst"  # 分析员
    OBSERVER = "observer"  # 观察员（人大、政协、媒体）

    @property
    def name_zh(self) -> str:
        return ROLE_NAMES[self]


ROLE_NAMES = {
    Role.ADMIN: "系统管理员",
    Role.AUDITOR: "安全审计员",
    Role.LEADER: "领导",
    Role.SUPERVISOR: "督办",
    Role.CITY: "市级主管",
    Role.HANDLER: "整改承办",
    Role.REVIEWER: "申诉复核",
    Role.CLERK: "窗口人员",
    Role.OPERATOR: "12345话务员",
    Role.ANALYST: "分析员",
    Role.OBSERVER: "观察员",
}


@dataclass(frozen=True)
class Scope:
    """A part of the province: everything whose area, organ path and window begin with these prefixes.

    `area` is an area code without its trailing zero pairs ("32" the province, "3201" a city, "320102" a county);
    `organ` an organ path ("/11320000…/11320100…/"). An empty prefix does not restrict.
    """

    area: str = ""
    organ: str = ""
    window: str = ""

    def covers(self, area: str, organ: str, window: str) -> bool:
        return area.startswith(self.area) and organ.startswith(self.organ) and self.window in {"", window}


@dataclass(frozen=True)
class Actor:
    """Whoever acts: a person, a machine, the citizen, or the system itself."""

    kind: str  # person | app | citizen | system
    id: str
    name: str
    roles: frozenset[Role] = frozenset()
    scopes: tuple[Scope, ...] = ()
    grants: tuple[tuple[Role, Scope], ...] = ()  # which role goes with which scope, where they were given apart

    def over(self, *, area: str, organ: str, window: str = "") -> Actor:
        """The actor with only the roles whose own scope covers that place: a role does not act in another grant's scope."""
        if not self.grants:
            return self
        return replace(self, roles=frozenset(role for role, scope in self.grants if scope.covers(area, organ, window)))

    @property
    def is_system(self) -> bool:
        return self.kind == "system"

    def has(self, *roles: Role) -> bool:
        return any(role in self.roles for role in roles)


SYSTEM = Actor("system", "system", "系统")


def citizen(event_id: object) -> Actor:
    """The rater of one service event, once they have proved it."""
    return Actor("citizen", str(event_id), "评价人")


_HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


_OWN_MACHINE = frozenset({"127.0.0.1", "localhost"})


def origin_of(url: str) -> str:
    """`https://host[:port]` of an absolute address in one spelling, "" for anything else.

    Plain http only to this very machine, for trials. Whatever a browser may read otherwise than we do (control characters,
    backslashes, user names, other schemes) is none.
    """
    if len(url) > 2000 or not url.isascii() or not url.isprintable() or re.search(r"[\s\\]", url):
        return ""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    usual = {"https": 443} | ({"http": 80} if host in _OWN_MACHINE else {})
    if parts.scheme not in usual or "@" in parts.netloc or not _HOST.fullmatch(host) or parts.netloc.endswith(":"):
        return ""
    return f"{parts.scheme}://{host}" if port in {None, usual[parts.scheme]} else f"{parts.scheme}://{host}:{port}"


def area_prefix(code: str) -> str:
    """The area code without trailing zeros, by level: 2, 4, 6, 9 or 12 digits."""
    for length in (2, 4, 6, 9):
        if code[length:].strip("0") == "":
            return code[:length]
    return code
