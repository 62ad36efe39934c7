"""Who people are here, what they may reach, and the text that a machine signs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from haochaping.kit import signatures
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

WINDOW_MS, text_to_sign = signatures.WINDOW_MS, signatures.text_to_sign  # contract §3


class Role(StrEnum):
    """The jobs of people who work here (contract §4)."""

    ADMIN = "admin"  # 系统管理员
    SECURITY = "security"  # 安全保密管理员
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
    Role.SECURITY: "安全保密管理员",
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
# 三员 (GB/T 22239-2019, level 3): one runs the system, one gives rights, one reads what both did. They see no citizen's data.
ADMINISTRATORS = frozenset({Role.ADMIN, Role.SECURITY, Role.AUDITOR})
ONLOOKERS = frozenset({Role.OBSERVER, Role.ANALYST})  # they read, masked, and change nothing: every page says 只读


class Act(StrEnum):
    """What is done with the people who work here."""

    CREATE = "create"
    CHANGE = "change"
    SWITCH = "switch"  # off, and on again
    RESET = "reset"  # their password
    GRANT = "grant"  # a role within a scope, and taking it back
    UNLOCK = "unlock"
    END = "end"  # their sessions
    REMOVE_FACTOR = "remove_factor"  # a lost second factor, a link to the identity service


# Whoever makes a person gives them no rights, whoever gives rights makes nobody; the auditor does neither.
BELONGS_TO = {
    Act.CREATE: Role.ADMIN,
    Act.CHANGE: Role.ADMIN,
    Act.SWITCH: Role.ADMIN,
    Act.RESET: Role.ADMIN,
    Act.GRANT: Role.SECURITY,
    Act.UNLOCK: Role.SECURITY,
    Act.END: Role.SECURITY,
    Act.REMOVE_FACTOR: Role.SECURITY,
}
NOT_TO_ONESELF = frozenset({Act.SWITCH, Act.RESET, Act.GRANT, Act.UNLOCK, Act.REMOVE_FACTOR})


def check_act(actor: Actor, act: Act, *, person_id: str = "", held: frozenset[Role] = frozenset()) -> None:
    """Refused (403) unless the actor may do this to a person of these roles; the system may.

    A system administrator who could reset the password of the other two would be all three.
    """
    if actor.is_system:
        return
    owner = BELONGS_TO[act]
    if not actor.has(owner):
        raise Refused("not_your_role", 403, f"这件事由{owner.name_zh}办理，您的角色不能办。")
    if act in NOT_TO_ONESELF and actor.id == person_id:
        raise Refused("not_yourself", 403, f"不能对自己的账号这样做，请由另一位{owner.name_zh}办理。")
    if act is Act.RESET and held & (ADMINISTRATORS - {Role.ADMIN}):
        message = "安全保密管理员和安全审计员的密码不由系统管理员重置：请本人修改；忘记时在服务器上运行 hcp person create 重设。"
        raise Refused("not_this_password", 403, message)


def check_mix(held: frozenset[Role], given: Role) -> None:
    """Refused (409) if nobody may hold this role beside those: an administrator of the three holds that one alone."""
    others = held - {given}
    if not others or not (others | {given}) & ADMINISTRATORS:
        return
    names = "、".join(role.name_zh for role in Role if role in others)
    message = f"三员分立：{given.name_zh}不能与{names}由同一人担任。请先撤销原有角色，或授权给另一人。"
    raise Refused("roles_exclude_each_other", 409, message)


def check_last(lost: frozenset[Role], others: Mapping[Role, int]) -> None:
    """Refused (409) if one of the three would be left without anybody; `others` counts its other active holders."""
    for role in Role:
        if role in lost & ADMINISTRATORS and not others.get(role):
            message = f"这是最后一位在用的{role.name_zh}，不能撤销或停用。请先让另一人担任{role.name_zh}。"
            raise Refused("last_administrator", 409, message)


PASSWORD_LENGTH, PASSWORD_KINDS, PASSWORDS_KEPT = 10, 3, 5  # characters; kinds of them; passwords that do not come back


def kinds_of(password: str) -> int:
    """How many kinds of characters stand in it: capitals, small letters, digits, anything else."""
    kinds = (str.isupper, str.islower, str.isdigit)
    found = {next((n for n, is_one in enumerate(kinds) if is_one(char)), len(kinds)) for char in password}
    return len(found)


def has_expired(changed_at: datetime, now: datetime, days: int) -> bool:
    """Whether a password of that moment is too old; `days` 0: none ever is."""
    return days > 0 and now - changed_at >= timedelta(days=days)


FIGURES_ONLY = frozenset({Role.CLERK, Role.ANALYST, Role.OBSERVER})  # they see figures, and nobody behind them


class SecondFactorMode(StrEnum):
    """`HCP_SECOND_FACTOR`: whether a code is asked for after the password."""

    OFF = "off"  # of nobody
    OPTIONAL = "optional"  # of those who set it up
    REQUIRED = "required"  # and whoever sees personal data or administers must set it up


def must_have_second_factor(mode: SecondFactorMode, roles: Iterable[Role]) -> bool:
    """Whether somebody with these roles may work only with a second factor: who administers or may see personal data."""
    return mode is SecondFactorMode.REQUIRED and not FIGURES_ONLY.issuperset(roles)


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

    def holds(self, other: Scope) -> bool:
        """Whether all of the other lies in this one."""
        return self.covers(other.area, other.organ, other.window)


@dataclass(frozen=True)
class Actor:
    """Whoever acts: a person, a machine, the citizen, or the system itself."""

    kind: str  # person | app | citizen | system
    id: str
    name: str
    roles: frozenset[Role] = frozenset()
    scopes: tuple[Scope, ...] = ()
    grants: tuple[tuple[Role, Scope], ...] = ()  # which role goes with which scope, where they were given apart
    organ: str = ""  # path of the unit somebody belongs to, where that is known

    def over(self, *, area: str, organ: str, window: str = "") -> Actor:
        """The actor with only the roles whose own scope covers that place: a role does not act in another grant's scope."""
        if not self.grants:
            return self
        return replace(self, roles=frozenset(role for role, scope in self.grants if scope.covers(area, organ, window)))

    def scopes_as(self, role: Role) -> tuple[Scope, ...]:
        """Where the actor holds this role."""
        if not self.grants:
            return self.scopes if role in self.roles else ()
        return tuple(scope for held, scope in self.grants if held is role)

    def only_as(self, roles: Iterable[Role]) -> Actor:
        """The actor with none but these roles, and where they hold one of them: what opens a page also bounds what it shows."""
        held = self.roles & frozenset(roles)
        if not self.grants or held == self.roles:
            return replace(self, roles=held)
        grants = tuple((role, scope) for role, scope in self.grants if role in held)
        return replace(self, roles=held, grants=grants, scopes=tuple(dict.fromkeys(scope for _, scope in grants)))

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
