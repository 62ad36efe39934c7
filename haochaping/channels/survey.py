"""A first look through a whole file of items: which departments are in it, what their codes are, which names stand twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.channels import sheets
from haochaping.directory import commands, queries, rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from haochaping.channels.columns import ColumnMap

Department = tuple[str, str]  # area, name


@dataclass
class Survey:
    """What the first look found."""

    own: dict[Department, Counter[str]] = field(default_factory=dict)  # how often each department code is written
    in_items: dict[Department, Counter[str]] = field(default_factory=dict)  # how often each organ stands in item codes
    twins: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # (department, item name) → item codes
    settled: dict[Department, str] = field(default_factory=dict)

    def create_organs(self, mapping: ColumnMap) -> list[str]:
        """Give every department its organ: the one that is there by that name, else, if the map says so, a new one.

        One sentence for each that was made, with the ground on which it got its code.
        """
        directory = queries.snapshot()
        by_name: dict[Department, str] = {}
        for organ in directory.organs.values():
            by_name.setdefault((organ.area, organ.name), organ.code)
        self.settled = {department: by_name[department] for department in self.own if department in by_name}
        if not mapping.creates("organs"):
            return []
        open_ = {d: (self.own[d], self.in_items.get(d, Counter())) for d in self.own if d not in self.settled}
        found = rules.settle_organs(open_, taken=self.settled.values())
        with transaction.atomic():
            outcomes = commands.put_organs(
                [
                    {"orgcode": organ.code, "orgName": name, "areaCode": area}
                    for (area, name), organ in found.items()
                    if organ.code not in directory.organs  # it is there under another name, which stays
                ]
            )
        self.settled |= {department: organ.code for department, organ in found.items()}
        made = sum(outcome.status == "created" for outcome in outcomes)
        lines = [f"单位 {name} → {organ.code}（{organ.ground}）" for (_, name), organ in found.items()]
        lines += [f"单位 {name} 没有可用的代码" for _, name in open_ if (_, name) not in found]
        return [*lines, f"由文件新建单位 {made} 个"] if lines else []

    def settle(self, wire: dict[str, str]) -> None:
        """Name the row's organ by the code its department was given."""
        if (department := _department(wire)) in self.settled:
            wire["orgcode"] = self.settled[department]

    def notes(self, wire: Mapping[str, str]) -> list[str]:
        codes = self.twins.get(_twin(wire))
        others = [code for code in codes or [] if code != wire.get("taskCode")]
        return [f"名称重复：与 {others[0]} 同名"] if others else []


def survey(mapping: ColumnMap, path: Path) -> Survey:
    """Read the whole file once; only departments and repeated names stay in memory."""
    found = Survey()
    names: dict[int, str] = {}
    for row in sheets.read(path):
        if row.fault:
            continue
        wire, errors, _ = mapping.apply(row.values)
        if errors:
            continue
        department = _department(wire)
        if department[1]:
            own = found.own.setdefault(department, Counter())
            if written := wire.get("orgcode") or wire.get("deptCode"):
                own[written] += 1
            organ = rules.read_task_code(wire.get("taskCode", "")).organ
            if len(organ) == 18:
                found.in_items.setdefault(department, Counter())[organ.upper()] += 1
        _note_twin(found, names, wire)
    return found


def _note_twin(found: Survey, names: dict[int, str], wire: Mapping[str, str]) -> None:
    twin, code = _twin(wire), wire.get("taskCode", "")
    first = names.setdefault(hash(twin), code)
    if first != code and wire.get("taskName"):
        codes = found.twins.setdefault(twin, [first])
        if code not in codes:
            codes.append(code)


def _department(wire: Mapping[str, str]) -> Department:
    return rules.read_area(wire.get("areaCode", "")), wire.get("deptName") or wire.get("orgName", "")


def _twin(wire: Mapping[str, str]) -> tuple[str, str]:
    return wire.get("deptName") or wire.get("orgName") or wire.get("orgcode", ""), wire.get("taskName", "")
