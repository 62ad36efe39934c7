"""Bad ratings with their orders, brought in by the real door, and the forms of a page as a person without script sees them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.rectification.models import Order
from tests.cast import BAD, NOW, SUZHOU, SUZHOU_ITEM, wire_rating, wire_service

# What must never reach those who were rated.
CASE, NAME, PHONE, CARD = "NJ-CANARY-7731", "钱密探", "13912345678", "320102197703074419"
CANARIES = (CASE, NAME, PHONE, CARD)
REAL_NAME = {"name": NAME, "certKey": CARD, "mobile": PHONE}


def bad_order(project_no: str = CASE, *, now: Any = NOW, day: str = "2026-06-10", **rating: Any) -> Order:
    """A bad rating of a service in Nanjing, by somebody who gave their name, with the order that it opened."""
    times = dict.fromkeys(("serviceTime", "acceptDate", "resultDate"), f"{day} 09:00:00")
    served = wire_service(project_no, userName=NAME, creditNum=CARD, mobile=PHONE, **times)
    admit_services([served], source="test", now=now)
    return _rated(wire_rating(project_no, **(BAD | REAL_NAME | {"assessTime": f"{day} 09:30:00"} | rating)), now)


def suzhou_order(project_no: str = "SZ-0001", **rating: Any) -> Order:
    served = wire_service(
        project_no, taskCode=SUZHOU_ITEM, orgcode=SUZHOU, areaCode="320500000000", windowNo="SZ-A01", clerkNo=""
    )
    admit_services([served], source="test", now=NOW)
    return _rated(wire_rating(project_no, **(BAD | rating)), NOW)


def _rated(wire: dict[str, Any], now: Any) -> Order:
    (outcome,) = admit([read_evaluation(wire, source="test", best_is_one=False)], now=now)
    return Order.objects.get(pk=outcome.id)


class Forms(HTMLParser):
    """Every form of a page: its action, its method, and the values that would be sent as it stands."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, Any]] = []
        self._select = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.found.append({"action": given.get("action"), "method": given.get("method", "get"), "values": {}})
            return
        if not self.found or not (given.get("name") or tag == "option"):
            return
        values = self.found[-1]["values"]
        if tag == "select":
            self._select = given["name"] or ""
            values[self._select] = ""
        elif tag == "option" and "selected" in given and self._select:
            values[self._select] = given.get("value")
        elif tag == "textarea":
            values[given["name"]] = ""
        elif tag == "input":
            is_off = given.get("type") in {"radio", "checkbox"} and "checked" not in given
            values.setdefault(given["name"], "") if is_off else values.update({given["name"]: given.get("value") or ""})


def form(page: str, ending: str) -> dict[str, Any]:
    """The form of the page whose action ends so."""
    (found,) = [each for each in Forms(page).found if each["action"] and each["action"].endswith(ending)]
    return found


def text(page: str) -> str:
    """What the page says, tags left out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
