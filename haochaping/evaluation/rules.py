"""Levels, assurance, windows of time, and what makes a service record or a rating acceptable. Pure."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class Level(IntEnum):
    """The five national levels; the number is the number of stars (国办发〔2019〕51号)."""

    VERY_BAD, BAD, FAIR, GOOD, VERY_GOOD = range(1, 6)

    @property
    def is_bad(self) -> bool:
        """差评: the two lowest levels, and only these, open a work order."""
        return self <= Level.BAD

    @property
    def name_zh(self) -> str:
        return LEVEL_NAMES[self]


LEVEL_NAMES = {
    Level.VERY_GOOD: "非常满意",
    Level.GOOD: "满意",
    Level.FAIR: "基本满意",
    Level.BAD: "不满意",
    Level.VERY_BAD: "非常不满意",
}


class Assurance(StrEnum):
    """How sure we are who rated (domain design list 16)."""

    ANONYMOUS = "anonymous"  # 匿名
    WEAK = "weak"  # 弱实名: phone tail, name and case number
    REAL_NAME = "real_name"  # 实名: name with certificate or verified telephone


class Consent(StrEnum):
    CONTACT_DEPARTMENT = "contact_department"  # the department may see and contact me
    PUBLISH_TEXT = "publish_text"  # my words may be published, masked


class Aspect(StrEnum):
    """The whole process 全过程 (founding document 2, clause 6)."""

    ITEM = "item"  # 事项设立
    PLATFORM = "platform"  # 应用上线
    SERVICE = "service"  # 办件服务
    LICENCE = "licence"  # 证照共享
    DELIVERY = "delivery"  # 结果送达


class Point(StrEnum):
    """The collection point of an integrated window (Shenzhen)."""

    NONE = ""
    ACCEPTANCE = "acceptance"  # 受理
    ISSUE = "issue"  # 出件


class Mode(StrEnum):
    ON_SITE = "on_site"  # 现场服务“一次一评”
    ONLINE = "online"  # 网上服务“一事一评”
    COMMENT = "comment"  # 社会各界“综合点评”
    INSPECTION = "inspection"  # 政府部门“监督查评”


class Channel(IntEnum):
    """pf on our wire (contract §3)."""

    PC, MOBILE, QR, TABLET, TERMINAL, TELEPHONE, SMS, PAPER, OTHER = range(1, 10)


CHANNEL_NAMES = {
    Channel.PC: "电脑端",
    Channel.MOBILE: "移动端",
    Channel.QR: "二维码",
    Channel.TABLET: "窗口评价器",
    Channel.TERMINAL: "自助终端",
    Channel.TELEPHONE: "电话",
    Channel.SMS: "短信",
    Channel.PAPER: "书面",
    Channel.OTHER: "其他",
}

LATE_MS = 300_000  # how far ahead of our clock a rating's time may lie (contract §3)


def assurance_of(
    *, name: str, cert: str, mobile: str, is_applicants_mobile: bool, knows_case: bool = False
) -> Assurance:
    """How sure we are who rated.

    Real-name: a name with a certificate number, or the very telephone that the business system holds for the case.
    Weak: a name or telephone that nobody has checked, or they named the case with its applicant (the ladder of domain, design point 16). Else
    anonymous.
    """
    if (name and cert) or (mobile and is_applicants_mobile):
        return Assurance.REAL_NAME
    return Assurance.WEAK if name or mobile or cert or knows_case else Assurance.ANONYMOUS


def may_lack_reason(pf: int) -> bool:
    """From a device or by telephone a bad rating is taken without a reason and marked 未填原因 (contract §3)."""
    return pf in {Channel.TABLET, Channel.TERMINAL, Channel.TELEPHONE}


_canonical = msgspec.json.Encoder(order="sorted")


def canonical(row: Mapping[str, Any]) -> bytes:
    """A row as bytes that never change: columns by name, moments in UTC as RFC 3339.

    Moments must be in UTC already, as `clock.parse_wire` and the database give them.
    """
    return _canonical.encode(row)
