"""A month of one unit and its clerk, brought in by the real door: sixty ratings in May, four of them bad, by what was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import Role, Scope
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
NOW = datetime(2026, 6, 10, 2, 0, tzinfo=UTC)
SERVED = datetime(2026, 5, 12, 6, 0, tzinfo=UTC)
AREA = "3201"
PATH = f"/{PROVINCE_OFFICE}/{NANJING}/"
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
    month: date = MAY
    now: datetime = NOW


def month_of(cast: Cast, month: date = MAY, now: datetime = NOW) -> Month:
    """Everything is in the lake; nothing is entered or published yet. It all happened on the 12th and 13th."""
    second = _person("city2", "南京主管二", Role.CITY, Scope(AREA), now)
    person = Person.objects.get(username="clerk")
    person.name = "李窗口"
    person.save()
    Grant.objects.filter(person=person).update(organ=PATH)
    other = _person("clerk2", "王窗口", Role.CLERK, Scope("", PATH, "NJ-A02"), now)
    Clerk.objects.create(number="NJ-0002", name="王窗口", organ=NANJING, window="NJ-A02")
    forget()
    served = datetime(month.year, month.month, 12, 6, 0, tzinfo=UTC)
    day = dict.fromkeys(("serviceTime", "acceptDate", "resultDate"), f"{month:%Y-%m}-12 09:00:00")
    numbers = [f"NJ-MAY-{n}" for n in range(40)] + [f"NJ-TWO-{n}" for n in range(20)]
    at_two = {"windowNo": "NJ-A02", "clerkNo": "NJ-0002"}
    wires = [wire_service(number, **(day | (at_two if "TWO" in number else {}))) for number in numbers]
    admit_services(wires, source="test", now=served)
    when = {"assessTime": f"{month:%Y-%m}-12 09:30:00"}
    rated = [wire_rating(number, **when) for number in numbers[4:]]
    rated += [wire_rating(number, **(BAD | when)) for number in numbers[:4]]
    outcomes = admit([read_evaluation(one, source="test", best_is_one=False) for one in rated], now=served)
    orders = dict(zip((*CAUSES, "untouched"), (outcome.id for outcome in outcomes[-4:]), strict=True))
    for cause in CAUSES:
        _work(cast, orders[cause], cause, served + timedelta(hours=20))
    refresh_lake(now=now)
    return Month(cast, second, person.actor(), other, orders, month, now)


def _work(cast: Cast, order_id: Any, cause: str, at: datetime) -> None:
    found = {"is_true": True, "is_reasonable": True, "cause": cause, "severity": "general", "findings": "属实"}
    for verb, who, facts in (
        ("sign", cast.rectifier, {}),
        ("confirm", cast.rectifier, found),
        ("submit", cast.rectifier, {"measures": "整改", "reply": "已经整改，谢谢您的意见。"}),
        ("approve", cast.city, {}),
    ):
        perform(order_id=order_id, verb=verb, actor=who, facts=facts, now=at)


def entered(month: Month, value: str = "80") -> None:
    """One of the five indices, entered by one and checked by another."""
    told = {"organ": NANJING, "key": "live", "value": value, "basis": "省纠风办〔2026〕5号"}
    row = entering.enter(AREA, month.month, actor=month.cast.city, now=month.now, **told)
    entering.confirm([row.pk], actor=month.second, now=month.now)


def published(month: Month) -> Appraisal:
    """The sheet, drawn up by the city's office and published by a second person."""
    made = commands.submit(AREA, month.month, actor=month.cast.city, now=month.now)
    return commands.publish(made.pk, actor=month.second, now=month.now)
