"""A month of one unit and its clerk, brought in by the real door: sixty ratings in May, four of them bad, by what was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import Role
from haochaping.analytics.appraisal import commands, entering
from haochaping.analytics.commands import refresh_lake
from haochaping.directory.models import Clerk
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.rectification.commands import perform
from tests.cast import BAD, NANJING, PROVINCE_OFFICE, _person, forget, wire_rating, wire_service

if TYPE_CHECKING:
    from haochaping.accounts.rules import Actor
    from haochaping.analytics.appraisal.models import Appraisal
    from tests.cast import Cast

MAY = date(2026, 5, 1)
SERVED = datetime(2026, 5, 12, 6, 0, tzinfo=UTC)
WORKED = datetime(2026, 5, 13, 2, 0, tzinfo=UTC)
NOW = datetime(2026, 6, 10, 2, 0, tzinfo=UTC)
DAY = dict.fromkeys(("serviceTime", "acceptDate", "resultDate"), "2026-05-12 09:00:00")
AREA = "3201"
CLERK = "NJ-0001"
CAUSES = ("attitude", "efficiency", "policy")  # of the bad ones that were verified; policy is no clerk's


@dataclass
class Month:
    """Who acts, and the orders of the bad ratings by cause."""

    cast: Cast
    second: Actor
    clerk: Actor
    other_clerk: Actor
    orders: dict[str, Any]


def month_of(cast: Cast) -> Month:
    """Everything is in the lake; nothing is entered or published yet."""
    second = _person("city2", "南京主管二", Role.CITY, _scope(), NOW)
    person = Person.objects.get(username="clerk")
    person.name = "李窗口"
    person.save()
    Grant.objects.filter(person=person).update(organ=f"/{PROVINCE_OFFICE}/{NANJING}/")
    other = _person("clerk2", "王窗口", Role.CLERK, _scope("NJ-A02"), NOW)
    Clerk.objects.create(number="NJ-0002", name="王窗口", organ=NANJING, window="NJ-A02")
    forget()
    wires = [_served(f"NJ-MAY-{n}") for n in range(40)]
    wires += [_served(f"NJ-TWO-{n}", windowNo="NJ-A02", clerkNo="NJ-0002") for n in range(20)]
    admit_services(wires, source="test", now=SERVED)
    rated = [_rated(wire["projectNo"]) for wire in wires[4:]] + [_rated(f"NJ-MAY-{n}", **BAD) for n in range(4)]
    outcomes = admit([read_evaluation(one, source="test", best_is_one=False) for one in rated], now=SERVED)
    bad = [outcome.id for outcome in outcomes[-4:]]
    orders = dict(zip((*CAUSES, "untouched"), bad, strict=True))
    for cause in CAUSES:
        _work(cast, orders[cause], cause)
    refresh_lake(now=NOW)
    return Month(cast, second, person.actor(), other, orders)


def _scope(window: str = "") -> Any:
    from haochaping.accounts.rules import Scope

    return Scope("", f"/{PROVINCE_OFFICE}/{NANJING}/", window) if window else Scope(AREA)


def _served(project_no: str, **more: Any) -> dict[str, Any]:
    return wire_service(project_no, **(DAY | more))


def _rated(project_no: str, **more: Any) -> dict[str, Any]:
    return wire_rating(project_no, **({"assessTime": "2026-05-12 09:30:00"} | more))


def _work(cast: Cast, order_id: Any, cause: str) -> None:
    found = {"is_true": True, "is_reasonable": True, "cause": cause, "severity": "general", "findings": "属实"}
    for verb, who, facts in (
        ("sign", cast.rectifier, {}),
        ("confirm", cast.rectifier, found),
        ("submit", cast.rectifier, {"measures": "整改", "reply": "已经整改，谢谢您的意见。"}),
        ("approve", cast.city, {}),
    ):
        perform(order_id=order_id, verb=verb, actor=who, facts=facts, now=WORKED)


def entered(month: Month, value: str = "80") -> None:
    """One of the five indices, entered by one and checked by another."""
    row = entering.enter(
        AREA, MAY, organ=NANJING, key="live", value=value, basis="省纠风办〔2026〕5号", actor=month.cast.city, now=NOW
    )
    entering.confirm([row.pk], actor=month.second, now=NOW)


def published(month: Month) -> Appraisal:
    """The sheet of May, drawn up by the city's office and published by a second person."""
    made = commands.submit(AREA, MAY, actor=month.cast.city, now=NOW)
    return commands.publish(made.pk, actor=month.second, now=NOW)
