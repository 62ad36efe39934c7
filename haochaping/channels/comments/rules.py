"""What people may comment on without a case 综合点评, and how one thing is named in an address. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from haochaping.channels.rules import Misses
from haochaping.evaluation.rules import Aspect

FOUND_MOST = 30  # lines of a search
LINK_LIVES = timedelta(days=1)  # the link under which the rater sees the receipt


class Kind(StrEnum):
    """What can be commented on."""

    HALL = "hall"
    ORGAN = "organ"
    PLATFORM = "platform"
    ITEM = "item"


KIND_NAMES = {Kind.HALL: "办事大厅", Kind.ORGAN: "政府部门", Kind.PLATFORM: "网上平台", Kind.ITEM: "办事事项"}
KIND_HINTS = {
    Kind.HALL: "大厅、便民服务中心、村级便民服务站的环境、秩序和服务",
    Kind.ORGAN: "一个部门的服务和作风",
    Kind.PLATFORM: "政务服务网站、手机应用、小程序和自助终端好不好用",
    Kind.ITEM: "一件事要什么材料、跑几趟、等多久",
}
ASPECTS = {
    Kind.HALL: Aspect.SERVICE,
    Kind.ORGAN: Aspect.SERVICE,
    Kind.PLATFORM: Aspect.PLATFORM,
    Kind.ITEM: Aspect.ITEM,
}
PLATFORMS = {
    "web": "政务服务网站",
    "app": "政务服务手机应用",
    "mini": "政务服务小程序",
    "terminal": "自助服务终端",
}


class Target(NamedTuple):
    """One thing that can be commented on."""

    kind: Kind
    code: str
    name: str
    where: str  # the organ or place beside the name
    area_path: str
    hall_code: str = ""
    organ_code: str = ""
    task_code: str = ""
    area: str = ""

    @property
    def key(self) -> str:
        """As it stands in an address: hall:NJ."""
        return f"{self.kind}:{self.code}"

    @property
    def aspect(self) -> Aspect:
        return ASPECTS[self.kind]


def kind_of(typed: str) -> Kind | None:
    return Kind(typed) if typed in set(Kind) else None


def pace() -> Misses:
    """How many comments one target takes at once: 300, then one every two seconds. A storm is slowed, never one address."""
    return Misses(
        size=300,
        every=timedelta(seconds=2),
        all_size=1_000_000,
        all_every=timedelta(milliseconds=1),
        clients_most=5_000,
    )
