"""The codes of the field, read as they really come: split, checked, repaired where that is certain, warned about. Pure.

A wrong check digit, a short department code or a missing zero is a warning and never a refusal (domain §2.5, §7): one of
34 verified item codes of two provinces has a wrong check digit itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

K = TypeVar("K")
ITEM_TYPES = {  # GB/T 39046-2020, table A.1
    "00": "行政权力事项",
    "01": "行政许可",
    "02": "行政处罚",
    "03": "行政强制",
    "04": "行政征收",
    "05": "行政给付",
    "06": "行政检查",
    "07": "行政确认",
    "08": "行政奖励",
    "09": "行政裁决",
    "10": "其他类别事项",
    "20": "公共服务事项",
}
EXERCISE_LEVELS = {  # table A.2, the 19th character of a task code
    "1": "国家级",
    "2": "省级",
    "3": "市级",
    "4": "县级",
    "5": "镇（乡、街道）级",
    "6": "村（社区）级",
    "7": "分级管理",
}
HALL_KINDS = {
    "hall": "政务服务大厅",
    "centre": "政务服务中心",
    "town": "便民服务中心",
    "village": "村级便民服务站",
    "self_service": "自助服务区",
}
WINDOW_KINDS = {"acceptance": "受理", "issue": "出件", "integrated": "综合"}

PROBE_AREA = "99"  # the marked test region: no province has this code, and nothing made there ever counts

_USCC_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100: no I O S V Z
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_NATIONAL = re.compile(r"(?P<organ>[0-9A-Z]{18})(?P<level>[0-9A-Z])(?P<basic>[0-9A-Z]{12})(?P<handle>[0-9A-Z]{2})?")
_DASHED = re.compile(
    r"(?P<item>\d\d[0-9A-Z]{10}(?:[0-9A-Z]{2})?|[A-Z]-\d{6}-\d{3,4}|\d[A-Z]-\d{4}-\d{5})"
    r"(?:-(?P<area>\d{12})-(?P<part>\d{3}))?"
    r"-(?P<organ>[0-9A-Za-z]+(?:-[0-9A-Z])?)"
    r"(?:-(?P<kind>\d)-(?P<version>\d\d))?"
)


def is_probe_area(path: str) -> bool:
    """Whether an area path lies in the marked test region, whoever made what lies there."""
    return path.startswith(PROBE_AREA)


def uscc_check(code: str) -> str:
    """The 18th character that GB 32100-2015 wants after the first 17; "" if one of those cannot stand in such a code."""
    places = [_USCC_CHARACTERS.find(character) for character in code[:17]]
    if len(places) != 17 or min(places) < 0:
        return ""
    return _USCC_CHARACTERS[-sum(p * w for p, w in zip(places, _USCC_WEIGHTS, strict=True)) % 31]


def is_uscc(code: str) -> bool:
    """Eighteen characters with the right check digit."""
    return len(code) == 18 and uscc_check(code) == code[17]


def uscc_warnings(code: str, what: str) -> tuple[str, ...]:
    """What is odd about an 18-character code that stands as `what`, as sentences."""
    if is_uscc(code):
        return ()
    if is_uscc(code.upper()):
        return (f"{what}校验位不符：{code} 含小写字母，改为大写后相符",)
    wanted = uscc_check(code.upper())
    return (f"{what}校验位不符：{code}" + (f" 末位应为 {wanted}" if wanted else " 含有不应出现的字符"),)


@dataclass(frozen=True)
class TaskCode:
    """An item code in its parts. `task_code` is what the item is known by, `handle_item` the 33 characters or ""."""

    task_code: str
    handle_item: str = ""
    form: str = "other"  # national | dashed | other
    organ: str = ""
    level: str = ""
    basic: str = ""
    area: str = ""
    warnings: tuple[str, ...] = ()


def read_task_code(code: str, handle_item: str = "") -> TaskCode:
    """An 实施编码 of 31, a 业务办理项编码 of 33, a province's dashed code, or any other, in parts and with warnings.

    31 = 18 unified social credit code + exercise level + 12 basic code (2 area, 2 item type, 8); 33 = + 2 handling item.
    A 33 in the place of a 31 is split. Other forms keep their code as it is: a national code is never made up.
    """
    code, handle_item = code.strip(), handle_item.strip()
    if national := _NATIONAL.fullmatch(code.upper()):
        return _national(national, code, handle_item)
    if dashed := _DASHED.fullmatch(code):
        organ = dashed["organ"]
        warnings = (
            uscc_warnings(organ, "事项编码主体") if len(organ) == 18 else (f"事项编码主体长度{len(organ)}：{organ}",)
        )
        return TaskCode(
            code,
            handle_item,
            "dashed",
            organ=organ.upper() if is_uscc(organ.upper()) else organ,
            basic=dashed["item"],
            area=dashed["area"] or "",
            warnings=warnings if dashed["area"] else (*warnings, "事项编码缺少区划段"),
        )
    return TaskCode(code, handle_item, warnings=(f"事项编码不是 31 或 33 位：{len(code)} 位",))


def _national(parts: re.Match[str], code: str, handle_item: str) -> TaskCode:
    warnings = list(uscc_warnings(parts["organ"], "事项编码主体"))
    if code != code.upper():
        warnings.append("事项编码含小写字母，已改为大写")
    if parts["level"] not in EXERCISE_LEVELS:
        warnings.append(f"行使层级代码不在 1 至 7 之内：{parts['level']}")
    if "00000000" in parts["basic"]:
        warnings.append("自建编码（含 00000000），不向国家平台上报")
    task_code = parts["organ"] + parts["level"] + parts["basic"]
    if parts["handle"]:
        warnings += [f"业务办理项编码与事项编码不一致：{handle_item}"] if handle_item not in {"", code} else []
        handle_item = handle_item or task_code + parts["handle"]
    return TaskCode(
        task_code,
        handle_item,
        "national",
        organ=parts["organ"],
        level=parts["level"],
        basic=parts["basic"],
        warnings=tuple(warnings),
    )


def item_type_of(code: TaskCode) -> str:
    """The item type a national code carries: characters 3 and 4 of its basic code; "" for other forms."""
    return code.basic[2:4] if code.form == "national" else ""


def read_type(code: str) -> tuple[str, tuple[str, ...]]:
    """An item type with its leading zero, and what was odd about it. Types may hold letters (`TC` 套餐)."""
    code = code.strip().upper()
    if len(code) == 1 and code.isdigit():
        return "0" + code, (f"类型代码缺前导零：{code} 改为 0{code}",)
    if len(code) == 2 and code.isdigit() and code not in ITEM_TYPES and code < "11":
        return code, (f"类型代码不在 GB/T 39046 表 A.1 内：{code}",)
    return code, ()


def read_area(code: str) -> str:
    """An area code as twelve digits: 2, 4, 6 or 9 digits are filled up with zeros. "" if it is none (domain §2.5)."""
    code = code.strip()
    return code.ljust(12, "0") if code.isascii() and code.isdigit() and len(code) in {2, 4, 6, 9, 12} else ""


def read_organ_code(code: str) -> tuple[str, tuple[str, ...]]:
    """A department code without what others put around it, in capitals; and what was odd about it.

    Shandong writes `areaCode_USCC`; Sichuan puts `_1234`, a number within the department, after it. Real files hold 5, 9,
    10, 17, 18, 19 and 22 characters.
    """
    text = code.strip()
    head, _, tail = text.rpartition("_")
    bare = (tail if len(head) == 12 and head.isdigit() else head) if head else text
    if not bare or is_uscc(bare):
        return bare, ()
    return bare.upper(), uscc_warnings(bare, "部门代码") if len(bare) == 18 else (f"部门代码长度{len(text)}：{text}",)


def kinship(code: str, uscc: str) -> str:
    """How a department code stands to a social credit code, or "" if they have nothing to do with each other.

    `same`; `organisation`: it is the 9 characters 组织机构代码 inside the other; `shortened`: one character was lost.
    """
    if code == uscc:
        return "same"
    if len(uscc) != 18:
        return ""
    if code.replace("-", "") == uscc[8:17]:
        return "organisation"
    if len(code) == 17 and any(uscc[:i] + uscc[i + 1 :] == code for i in range(18)):
        return "shortened"
    return ""


@dataclass(frozen=True)
class SettledOrgan:
    """The code a department gets, and on what ground."""

    code: str
    ground: str


def settle_organs(
    departments: Mapping[K, tuple[Mapping[str, int], Mapping[str, int]]], taken: Iterable[str] = ()
) -> dict[K, SettledOrgan]:
    """Which social credit code each department has, given how often each code stands in its rows and in its item codes.

    Best: it is written there and right; next: an item code holds it and what is written is part of it; else what most
    item codes say. The best grounded goes first, and no code goes to two. Who is left without one is not in the answer.
    """
    claims = []
    for department, (own, in_items) in departments.items():
        written = {read_organ_code(code)[0]: n for code, n in own.items()}
        for code, n in {**in_items, **written}.items():
            if len(code) == 18:
                kin = max((kinship(w, code) for w in written), key=_KIN.index, default="")
                claims.append(((_KIN.index(kin), is_uscc(code), n, code), department, kin))
    claims.sort(key=lambda claim: claim[0], reverse=True)
    found: dict[K, SettledOrgan] = {}
    gone = set(taken)
    for (_, _, _, code), department, kin in claims:
        if department not in found and code not in gone:
            found[department] = SettledOrgan(code, _GROUNDS[kin])
            gone.add(code)
    return {department: found[department] for department in departments if department in found}


_KIN = ("", "shortened", "organisation", "same")
_GROUNDS = {
    "same": "部门代码即统一社会信用代码",
    "organisation": "部门代码是组织机构代码，由事项编码补全",
    "shortened": "部门代码少一位，由事项编码补全",
    "": "部门代码不可用，按多数事项编码推定",
}


def split_list(text: str) -> list[str]:
    """`a, b；c` or one entry a line as a list without blanks."""
    return [part.strip() for part in re.split(r"[,，;；、|\n]", text) if part.strip()]
