"""The identity ladder: what each way to rate proves, and that no more than that is recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from haochaping.channels.commands import make_link
from haochaping.channels.my import commands
from haochaping.evaluation.models import Evaluation, Evaluator
from haochaping.rectification.models import Order
from tests.cast import NOW, Cast
from tests.my.stage import CARD, MINE, NAME, OTHER, logged_in, served

if TYPE_CHECKING:
    from haochaping.evaluation.models import ServiceEvent

pytestmark = pytest.mark.django_db
BAD = {"level": 1, "words": "排队两小时"}


def by_link(event: ServiceEvent, **given: Any) -> None:
    token = make_link(event.id, 3, timedelta(days=1), "test", NOW)
    assert Client().post(f"/e/{token}", BAD | given).status_code == 303


def by_code(event: ServiceEvent, mobile: str = MINE, **given: Any) -> None:
    assert logged_in(mobile).post(f"/my/services/{event.id}/rate", BAD | given).status_code == 303


def by_identity_service(event: ServiceEvent, *, mobile: str = "", **given: Any) -> None:
    client = Client()
    client.cookies["hcp_my"] = commands.begin("oidc", name=NAME, cert=CARD, mobile=mobile, now=NOW)
    assert client.post(f"/my/services/{event.id}/rate", BAD | given).status_code == 303


WAYS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a link, nothing told": (by_link, {}, "anonymous"),
    "a link, a name": (by_link, {"name": "钱试样"}, "weak"),
    "a link, a telephone that is not the case's": (by_link, {"mobile": OTHER}, "weak"),
    "a link, the telephone that the business system holds": (by_link, {"mobile": MINE}, "real_name"),
    "a code to the telephone of the case": (by_code, {}, "real_name"),
    "a code, and anonymous at their wish": (by_code, {"anonymous": "1"}, "anonymous"),
    "the identity service": (by_identity_service, {}, "real_name"),
    "the identity service, and anonymous at their wish": (by_identity_service, {"anonymous": "1"}, "anonymous"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_assurance_that_each_way_gives(cast: Cast, way: str) -> None:
    event = served()
    rate, given, assurance = WAYS[way]
    rate(event, **given)
    rating = Evaluation.objects.get(id=event.id)
    assert (rating.assurance, rating.consent) == (assurance, []), "consent is its own tick, never preset"
    assert Evaluator.objects.filter(id=event.id).exists() == (assurance != "anonymous")
    order = Order.objects.get(id=event.id)
    assert (order.real_name, order.opens_identity) == (assurance == "real_name", False)


def test_consent_opens_the_identity_only_when_it_is_ticked(cast: Cast) -> None:
    event = served()
    by_code(event, consent=["contact_department"])
    assert Order.objects.get(id=event.id).opens_identity
