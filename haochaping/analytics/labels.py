"""What a key of a dimension is called on screen."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from haochaping.directory.queries import snapshot
from haochaping.directory.rules import ITEM_TYPES
from haochaping.evaluation.rules import CHANNEL_NAMES, LEVEL_NAMES, Channel, Level
from haochaping.policy.queries import indicator_names
from haochaping.policy.rules import SEVERITY_NAMES
from haochaping.rectification.rules import CAUSE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

_AREAS = {"province": 2, "city": 4, "county": 6}
_ASPECTS = {
    "item": "事项设立",
    "platform": "应用上线",
    "service": "办件服务",
    "licence": "证照共享",
    "delivery": "结果送达",
}
_POINTS = {"": "不分环节", "acceptance": "受理", "issue": "出件"}
_MODES = {"on_site": "一次一评", "online": "一事一评", "comment": "综合点评", "inspection": "监督查评"}
_PARTIES = {"citizen": "个人", "enterprise": "企业", "other": "其他组织"}
_CAUSES = {"": "尚未核实", **CAUSE_NAMES}
_FIXED: dict[str, Mapping[str, str]] = {
    "aspect": _ASPECTS,
    "point": _POINTS,
    "mode": _MODES,
    "party": _PARTIES,
    "cause": _CAUSES,
    "severity": {severity.value: name for severity, name in SEVERITY_NAMES.items()},
    "item_kind": {"": "未注明", **ITEM_TYPES},
}
_OF_RATINGS = {"day", "week", "month", "quarter", "year", "channel", "level", "real_name"}
UNRATED = "未评价"
UNKNOWN = "未注明"


def label(dimension: str, key: Any) -> str:
    """The Chinese name of a key; the key itself where the directory does not know it."""
    if key is None:
        return UNRATED if dimension in _OF_RATINGS else UNKNOWN
    if isinstance(key, date):
        return f"{key:%G}年第{key:%V}周" if dimension == "week" else f"{key:%Y-%m-%d}"
    if dimension in _AREAS:
        return area(str(key), digits=_AREAS[dimension])
    if dimension == "level":
        return LEVEL_NAMES[Level(key)]
    if dimension == "channel":
        return CHANNEL_NAMES[Channel(key)]
    if dimension == "real_name":
        return "实名" if key else "非实名"
    if dimension == "has_case":
        return "有办件" if key else "无办件"
    if dimension == "is_enterprise":
        return "涉企事项" if key else "其他事项"
    if dimension == "quarter":
        return str(key).replace("-Q", "年第") + "季度"
    if dimension == "indicator":
        return indicator_names().get(key, key) if key else "未选指标"
    fixed = _FIXED.get(dimension)
    return fixed.get(key, key) if fixed else _listed(dimension, str(key))


def area(prefix: str, *, digits: int = 0) -> str:
    """The name of an area; "…本级" for what belongs to a level above the one that is asked for."""
    found = snapshot().region(prefix) if prefix else None
    name = found.name if found else prefix or "全部地区"
    return f"{name}本级" if prefix and len(prefix) < digits else name


def _listed(dimension: str, key: str) -> str:
    known = snapshot()
    listed: Any = {
        "organ": known.organs, "branch": known.organs, "hall": known.halls, "window": known.windows,
        "clerk": known.clerks, "item": known.items, "bundle": known.themes,
    }.get(dimension)  # fmt: skip
    found = listed.get(key) if listed else None
    return found.name if found else key or ("不属一件事" if dimension == "bundle" else UNKNOWN)
