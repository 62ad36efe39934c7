"""A made-up province on real region codes: organs, halls, windows, clerks, items, guides and themes. Pure, and the same for the same seed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from haochaping.directory.rules import uscc_check
from haochaping.project.demo import names
from haochaping.project.demo.catalogue import KINDS, TOWN_ORGANS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from haochaping.directory.queries import RegionInfo
    from haochaping.project.demo.catalogue import Kind

KNOWN_SINCE = "2024-01-01"
KIND_OF = {kind.key: kind for kind in KINDS}


class Tier(NamedTuple):
    """What each area of one level has: kinds of organs, items an organ, windows in its hall; `most` areas of them get a hall."""

    kinds: int
    items: int
    windows: int
    most: int = 1000


class Profile(NamedTuple):
    """One of the four packs, and how large its made-up part of the country is. `tiers` by level: 1 province … 5 village."""

    key: str
    title: str
    region: str  # the prefix for which the policy pack holds
    app_level: int  # areas of this level have a platform of their own that sends
    tiers: Mapping[int, Tier]


PROFILES = {
    p.key: p
    for p in (
        Profile("jiangsu", "江苏", "32", 2, {1: Tier(14, 8, 14), 2: Tier(7, 4, 14), 3: Tier(1, 5, 3), 4: Tier(0, 0, 1, 60), 5: Tier(0, 0, 1, 40)}),
        Profile("shenzhen", "深圳", "4403", 3, {2: Tier(20, 9, 60), 3: Tier(12, 6, 30), 4: Tier(1, 2, 3), 5: Tier(0, 0, 1, 50)}),
        Profile("qufu", "曲阜", "370881", 3, {3: Tier(20, 15, 100), 4: Tier(7, 15, 32), 5: Tier(0, 0, 1, 120)}),
        Profile("shanghai", "上海", "31", 3, {1: Tier(20, 9, 40), 3: Tier(11, 5, 20), 4: Tier(0, 0, 2, 80), 5: Tier(0, 0, 1, 80)}),
    )
}  # fmt: skip
SMALLEST_TOP = 14  # kinds of organs an area above the pack's region has: parents only, they serve nobody here


class Organ(NamedTuple):
    code: str
    name: str
    short: str
    kind: str
    area: str
    level: int
    parent: str


class Hall(NamedTuple):
    code: str
    name: str
    kind: str
    area: str


class Window(NamedTuple):
    code: str
    name: str
    hall: str
    organ: str
    kind: str
    area: str


class Clerk(NamedTuple):
    number: str
    name: str
    organ: str
    window: str


class Item(NamedTuple):
    task_code: str
    handle_item: str
    name: str
    type: str
    who: str  # c citizens, e enterprises, b both
    theme: str
    promise: int
    organ: str
    area: str


@dataclass
class Province:
    """Everything there is before the first service, with what belongs together found by code."""

    profile: Profile
    organs: dict[str, Organ] = field(default_factory=dict)
    halls: dict[str, Hall] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)
    clerks: dict[str, list[Clerk]] = field(default_factory=dict)  # by window
    items: dict[str, list[Item]] = field(default_factory=dict)  # by organ
    in_area: dict[str, list[Organ]] = field(default_factory=dict)

    def items_at(self, window: Window) -> list[Item]:
        """What one can have done there: at a window of the government office whatever the organs of its area offer."""
        organ = self.organs[window.organ]
        organs = self.in_area[organ.area] if organ.kind == "government" else [organ]
        return [item for each in organs for item in self.items.get(each.code, ())]

    def rows(self) -> dict[str, list[dict[str, str]]]:
        """All of it as rows of wire names, for the commands of the directory, in the order in which they must go."""
        items = [item for of_organ in self.items.values() for item in of_organ]
        return {
            "organs": [_row(orgcode=o.code, orgName=o.name, shortName=o.short, areaCode=o.area, parentCode=o.parent) for o in self.organs.values()],
            "halls": [_row(hallCode=h.code, hallName=h.name, hallKind=h.kind, areaCode=h.area) for h in self.halls.values()],
            "windows": [_row(windowNo=w.code, windowName=w.name, hallCode=w.hall, orgcode=w.organ, windowKind=w.kind) for w in self.windows],
            "clerks": [_row(clerkNo=c.number, clerkName=c.name, orgcode=c.organ, windowNo=c.window) for of in self.clerks.values() for c in of],
            "items": [_item_row(item) for item in items],
            "guides": [_guide_row(item) for item in items],
            "themes": _theme_rows(items),
        }  # fmt: skip


def _row(**columns: str) -> dict[str, str]:
    return columns


def credit_code(area: str, number: int, head: str = "11") -> str:
    """A made-up unified social credit code with right check digits: its 9th and 10th characters are DM, for demo."""
    eight = f"DM{number:06}"
    values = [int(c) if c.isdigit() else ord(c) - 55 for c in eight]
    eleventh = 11 - sum(v * w for v, w in zip(values, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11  # GB 11714
    code = head + area[:6] + eight + {10: "X", 11: "0"}.get(eleventh, str(eleventh))
    return code + uscc_check(code)


def person_name(random: Random) -> str:
    return random.choice(names.SURNAMES) + random.choice(names.GIVEN)


def make(profile: Profile, regions: Mapping[str, RegionInfo], seed: int) -> Province:
    """The province of this profile; `regions` as the directory has them, by twelve digits."""
    return _Builder(profile, regions, Random(f"{profile.key} {seed}")).build()  # noqa: S311  made up, not secret


class _Builder:
    def __init__(self, profile: Profile, regions: Mapping[str, RegionInfo], random: Random) -> None:
        self.p = Province(profile)
        self.regions = regions
        self.random = random
        self.number = 0
        self.by_kind: dict[tuple[str, str], Organ] = {}  # (area path, kind)

    def build(self) -> Province:
        region = self.p.profile.region
        for above in (2, 4):
            if above < len(region):
                self._organs(self.regions[region[:above].ljust(12, "0")], Tier(SMALLEST_TOP, 0, 0))
        for level, tier in sorted(self.p.profile.tiers.items()):
            areas = self._areas(level) if level < 5 else []
            for n, area in enumerate(areas):
                self._organs(area, tier, n)
            chosen = self.random.sample(areas, min(tier.most, len(areas)))
            for area in sorted(chosen, key=lambda a: a.code):
                self._hall(area, tier)
        self._villages(self.p.profile.tiers[5])
        return self.p

    def _areas(self, level: int) -> list[RegionInfo]:
        return sorted(
            (
                region
                for region in self.regions.values()
                if region.level == level
                and region.path.startswith(self.p.profile.region)
                and not region.merged_into
                and region.name != "市辖区"
            ),
            key=lambda region: region.code,
        )

    def _organs(self, area: RegionInfo, tier: Tier, n: int = 0) -> None:
        if area.level == 4:
            made = [(name.format(a=area.name), key) for name, key in TOWN_ORGANS[: tier.kinds]]
            if "街道" in area.name:
                made = [(name.replace("人民政府", ""), key) for name, key in made]
        else:
            made = [(kind.name(area.level, self._full_name(area)), kind.key) for kind in self._kinds(tier, n)]
        for name, key in made:
            self.number += 1
            organ = Organ(
                credit_code(area.code, self.number),
                name,
                KIND_OF[key].short if area.level < 4 else name[len(area.name) :],
                key,
                area.code,
                area.level,
                self._parent(area.path, key),
            )
            self.p.organs[organ.code] = self.by_kind[area.path, key] = organ
            self.p.in_area.setdefault(area.code, []).append(organ)
            if tier.items:
                self.p.items[organ.code] = self._items(organ, tier)

    def _kinds(self, tier: Tier, n: int) -> Sequence[Kind]:
        """The first kinds everywhere; where an area has few, the last two differ from area to area."""
        if tier.kinds >= SMALLEST_TOP or tier.kinds < 3:
            return KINDS[: tier.kinds]
        fixed, rest = KINDS[: tier.kinds - 2], KINDS[tier.kinds - 2 :]
        return (*fixed, rest[2 * n % len(rest)], rest[(2 * n + 1) % len(rest)])

    def _full_name(self, area: RegionInfo) -> str:
        """District names repeat all over the country, so they stand behind their city's."""
        parent = self.regions.get(area.parent)
        return parent.name + area.name if area.level == 3 and parent and parent.name != "市辖区" else area.name

    def _parent(self, path: str, key: str) -> str:
        for length in (6, 4, 2):
            if length < len(path) and (found := self.by_kind.get((path[:length], key))):
                return found.code
        return ""

    def _items(self, organ: Organ, tier: Tier) -> list[Item]:
        """Its own kind's items; an approval office alone in its area takes those of all kinds (相对集中审批)."""
        pool = [(KIND_OF[organ.kind], n) for n in range(len(KIND_OF[organ.kind].items))]
        if organ.kind == "government" and tier.kinds == 1:
            pool += [(kind, n) for kind in KINDS[1:] for n in range(len(kind.items))]
        chosen = sorted(self.random.sample(range(len(pool)), min(tier.items, len(pool))))
        return [self._item(organ, *pool[place]) for place in chosen]

    def _item(self, organ: Organ, kind: Kind, n: int) -> Item:
        name, type_, who, theme, promise = kind.items[n].split("|")
        basic = f"{organ.area[:2]}{type_}{KINDS.index(kind) + 1:03}{n + 1:03}01"
        task_code = f"{organ.code}{min(organ.level, 5) + 1}{basic}"
        handle_item = task_code + "01" if self.random.random() < 0.15 else ""
        return Item(task_code, handle_item, name, type_, who, theme, int(promise), organ.code, organ.area)

    def _hall(self, area: RegionInfo, tier: Tier) -> None:
        name = "为民服务中心" if area.level == 4 else "政务服务中心"
        kind = "town" if area.level == 4 else "centre"
        hall = Hall(f"{area.path}H01", f"{self._full_name(area)}{name}", kind, area.code)
        self.p.halls[hall.code] = hall
        organs = self.p.in_area.get(area.code) or [self._office(area)]
        offices = [organ for organ in organs if organ.kind == "government"] or organs[:1]
        for n in range(tier.windows):
            organ = offices[0] if n % 3 else organs[n // 3 % len(organs)]
            self._window(hall, organ, n + 1)

    def _office(self, area: RegionInfo) -> Organ:
        """The approval office that answers for a town without organs of its own."""
        for length in (6, 4, 2):
            if found := self.by_kind.get((area.path[:length], "government")):
                return found
        raise LookupError(area.code)

    def _villages(self, tier: Tier) -> None:
        towns = [hall for hall in self.p.halls.values() if hall.kind == "town"]
        for n in range(min(tier.most, len(towns) * len(names.VILLAGES))):
            town = towns[n % len(towns)]
            place = self.regions[town.area]
            village = names.VILLAGES[(n // len(towns) * 7 + n) % len(names.VILLAGES)]
            hall = Hall(f"{place.path}V{n:03}", f"{place.name}{village}村便民服务站", "village", town.area)
            self.p.halls[hall.code] = hall
            organs = self.p.in_area.get(town.area) or [self._office(place)]
            self._window(hall, organs[0], 1)

    def _window(self, hall: Hall, organ: Organ, n: int) -> None:
        if hall.kind == "village":
            kind, name = "integrated", "综合服务窗口"
        elif organ.kind != "government":
            kind, name = "integrated", f"{organ.short}{n}号窗口"
        else:
            kind = ("acceptance", "acceptance", "integrated", "issue")[n % 4]
            name = {"acceptance": "综合受理", "issue": "统一出件", "integrated": "综合服务"}[kind] + f"{n}号窗口"
        window = Window(f"{hall.code}W{n:03}", name, hall.code, organ.code, kind, hall.area)
        self.p.windows.append(window)
        self.p.clerks[window.code] = [
            Clerk(f"{window.code}-{m}", person_name(self.random), organ.code, window.code)
            for m in range(1, 3 if n % 2 else 2)
        ]


def _item_row(item: Item) -> dict[str, str]:
    return {
        "taskCode": item.task_code,
        "taskHandleItem": item.handle_item,
        "taskName": item.name,
        "taskType": item.type,
        "orgcode": item.organ,
        "areaCode": item.area,
        "subMatter": item.theme,
        "isForEnterprises": "1" if item.who == "e" else "0",
        "validFrom": KNOWN_SINCE,
    }


def _guide_row(item: Item) -> dict[str, str]:
    random = Random(item.task_code)  # noqa: S311
    first, *others = names.MATERIALS["e" if item.who == "e" else "c"]
    materials = [first, *sorted(random.sample(others, random.randint(1, 3)))]
    conditions = random.choice(names.CONDITIONS).format(who="企业、个体工商户" if item.who == "e" else "申请人")
    return {
        "taskCode": item.task_code,
        "taskHandleItem": item.handle_item,
        "conditions": conditions,
        "materials": json.dumps(materials, ensure_ascii=False),
        "steps": json.dumps(names.STEPS if item.promise else names.SPOT_STEPS, ensure_ascii=False),
        "promiseDay": str(item.promise),
        "anticipateDay": str(max(item.promise * 2, 1)),
        "fees": random.choice(names.FEES),
        "ratingChannels": '["1","2","3","4","5","6","7","8"]',
    }


def _theme_rows(items: Iterable[Item]) -> list[dict[str, str]]:
    """The items of these names, of all areas: a bundle is one for the whole province."""
    rows = []
    listed = list(items)
    for code, name, starts in names.THEMES:
        found = [item for item in listed if item.name.startswith(tuple(starts))]
        bundled = [item.handle_item or item.task_code for item in found]
        if len({item.name for item in found}) > 1:
            rows.append({"themeCode": code, "themeName": name, "taskCodes": json.dumps(bundled)})
    return rows
