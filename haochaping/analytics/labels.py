"""What a key of a dimension is called on screen."""

from __future__ import annotations

from datetime import date
from typing import Any

from haochaping.directory.queries import snapshot
from haochaping.evaluation.rules import CHANNEL_NAMES, LEVEL_NAMES, Channel, Level

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
UNRATED = "未评价"


def label(dimension: str, key: Any) -> str:
    """The Chinese name of a key; the key itself where the directory does not know it."""
    if key is None:
        return UNRATED
    if isinstance(key, date):
        return f"{key:%Y-%m-%d}"
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
    fixed = {"aspect": _ASPECTS, "point": _POINTS, "mode": _MODES}.get(dimension)
    return fixed.get(key, key) if fixed else _listed(dimension, str(key))


def area(prefix: str, *, digits: int = 0) -> str:
    """The name of an area; "…本级" for what belongs to a level above the one that is asked for."""
    found = snapshot().region(prefix) if prefix else None
    name = found.name if found else prefix or "全部地区"
    return f"{name}本级" if prefix and len(prefix) < digits else name


def _listed(dimension: str, key: str) -> str:
    known = snapshot()
    listed: Any = {"organ": known.organs, "hall": known.halls, "window": known.windows, "item": known.items}.get(
        dimension
    )
    found = listed.get(key) if listed else None
    return found.name if found else key or "未注明"
