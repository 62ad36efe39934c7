"""One rating per service through all channels at once, on a running system (item 10): fifty posts in the same moment."""

from __future__ import annotations

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from haochaping.accounts.rules import SYSTEM
from haochaping.channels.commands import make_link
from haochaping.channels.device import access
from haochaping.channels.device import commands as devices
from haochaping.channels.device.rules import Kind
from haochaping.channels.models import Entry
from haochaping.channels.probe.browser import Browser, Machine, Page
from haochaping.evaluation.models import Evaluation, Parked, Receipt, Rejected, ServiceEvent
from haochaping.evaluation.rules import Channel
from haochaping.flow.services import admit_services
from haochaping.kit import clock, ids
from haochaping.rectification.models import Order
from tests.cast import BAD, PASSWORD, wire_rating, wire_service
from tests.device.tablet import public_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.channels.probe.conftest import Running

CASE = "NJ-ONCE"
ID = ids.event_id(CASE, 1)


class Crowd:
    """Fifty who all stand ready, each with one last press to make: what each is told is won, repeat or no."""

    def __init__(self, running: Running, closing: ExitStack) -> None:
        self.running, self.closing = running, closing
        self.at = clock.to_wire(clock.now())

    def open(self, what: Any) -> Any:
        return self.closing.enter_context(what)

    def machine(self) -> Machine:
        cast = self.running.cast
        return self.open(Machine(self.running.url, cast.app_id, cast.secret, clock.now))

    def single(self, n: int) -> Callable[[], str]:
        body = json.dumps(wire_rating(CASE, **{**(BAD if n % 3 == 0 else {}), "assessTime": self.at})).encode()
        machine = self.machine()

        def press() -> str:
            answer = machine.send("POST", "/api/v1/evaluations", body)
            assert answer.status_code in {200, 201, 409}, answer.text
            if answer.status_code == 409:
                assert answer.json()["error"]["code"] == "already_rated"
            elif answer.json()["receipt"] != ids.receipt(ID):
                return "another receipt"
            return {201: "won", 200: "repeat", 409: "no"}[answer.status_code]

        return press

    def batch(self, n: int) -> Callable[[], str]:
        line = wire_rating(CASE, **{**(BAD if n % 2 else {}), "assessTime": self.at})
        machine = self.machine()

        def press() -> str:
            answer = machine.send("POST", "/api/v1/evaluations/batch", json.dumps([line]).encode())
            assert answer.status_code == 200, answer.text
            return {"created": "won", "duplicate": "repeat", "conflict": "no"}[answer.json()["results"][0]["status"]]

        return press

    def link(self, n: int) -> Callable[[], str]:
        visitor = self.open(Browser(self.running.url))
        page = visitor.get(f"/e/{make_link(ID, Channel.MOBILE, timedelta(days=1), 'test', clock.now())}")
        return self._page(visitor, page, n)

    def window(self, n: int) -> Callable[[], str]:
        """Found at the window by number and name."""
        visitor = self.open(Browser(self.running.url))
        page = visitor.get("/w/NJ-A01")
        page = visitor.submit(page, page.form("case"), {"case": CASE, "who": "赵试样"})
        return self._page(visitor, page, n)

    def _page(self, visitor: Browser, page: Page, n: int) -> Callable[[], str]:
        form = page.form("level")
        level = "1" if n % 2 else "5"
        typed = {"level": level, f"tags-{level}": form.choices[f"tags-{level}"][0]}

        def press() -> str:
            done = visitor.submit(page, form, typed)
            assert done.status == 200, done.told
            if ids.receipt(ID) in re.sub(r"\s", "", " ".join(done.links)):
                return "won"
            assert "已评价" in done.said, done.told
            return "no"

        return press

    def tablet(self) -> Callable[[int], Callable[[], str]]:
        """One tablet, whose batches come on lines of their own."""
        _, code = devices.issue_code(Kind.TABLET, window="NJ-A01", actor=SYSTEM, now=clock.now())
        key = ec.generate_private_key(ec.SECP256R1())
        device, _ = devices.enrol(code, public_of(key), now=clock.now())

        def tap(n: int) -> Callable[[], str]:
            path, http = f"/device/{device.id}/ratings", self.open(httpx.Client(base_url=self.running.url, timeout=30))
            tapped = {"uuid": str(uuid4()), "tappedAt": int(clock.now().timestamp() * 1000), "level": 1 + 4 * (n % 2)}
            body = json.dumps(
                {"waiting": 1, "ratings": [tapped | {"tags": [], "projectNo": CASE, "serviceNumber": 1}]}
            ).encode()

            def press() -> str:
                answer = http.post(path, content=body, headers=access.sign(key, path, body, clock.now()))
                assert answer.status_code == 200, answer.text
                return {"stored": "won", "repeat": "repeat", "parked": "no"}[answer.json()["results"][0]["outcome"]]

            return press

        return tap

    def telephone(self) -> Callable[[int], Callable[[], str]]:
        """One operator with many windows open."""
        visitor = self.open(Browser(self.running.url))
        page = visitor.get("/console/login")
        visitor.submit(page, page.form("username"), {"username": "operator", "password": PASSWORD})
        cookies = dict(visitor.http.cookies)

        def entry(n: int) -> Callable[[], str]:
            desk = self.open(Browser(self.running.url))
            desk.http.cookies.update(cookies)
            page = desk.get("/console/telephone/")
            page = desk.submit(page, page.form("number"), {"number": CASE, "who": "赵试样"})
            form = page.form("level")
            typed = {"level": "1" if n % 2 else "5", "event": str(ID), "proof": f"REC-20261124-{n}"}

            def press() -> str:
                done = desk.submit(page, form, typed)
                assert done.status in {200, 409}, done.told
                if done.status == 200:
                    assert "/telephone/done/" in done.url
                    return "won" if typed["proof"] in done.said else "repeat"  # the same said again in the same second
                assert "已经评价过" in done.alert
                return "no"

            return press

        return entry


@pytest.mark.parametrize("turn", [1, 2])
def test_fifty_posts_through_all_channels_at_once_are_one_row_and_one_receipt(running: Running, turn: int) -> None:
    """Fifteen signed singles of two contents, ten batches, ten links, five at the window, five taps, five by telephone."""
    served = clock.to_wire(clock.now() - timedelta(minutes=30))
    wire = wire_service(CASE, serviceTime=served, acceptDate=served, resultDate=served)
    admit_services([wire], source=running.cast.app_id, now=clock.now())
    with ExitStack() as closing:
        crowd = Crowd(running, closing)
        tablet, telephone = crowd.tablet(), crowd.telephone()
        presses = {
            "single": [crowd.single(n) for n in range(15)],
            "batch": [crowd.batch(n) for n in range(10)],
            "link": [crowd.link(n) for n in range(10)],
            "window": [crowd.window(n) for n in range(5)],
            "tablet": [tablet(n) for n in range(5)],
            "telephone": [telephone(n) for n in range(5)],
        }
        if turn == 2:  # whoever is last in the first turn is first in the second
            presses = dict(reversed(presses.items()))
        ready = [(channel, press) for channel, many in presses.items() for press in many]
        assert len(ready) == 50
        together = Barrier(len(ready))

        def go(one: tuple[str, Callable[[], str]]) -> tuple[str, str]:
            together.wait()
            return one[0], one[1]()

        with ThreadPoolExecutor(len(ready)) as pool:
            told = Counter(pool.map(go, ready))
    by_word = Counter[str]()
    for (_, word), n in told.items():
        by_word[word] += n
    assert by_word["won"] == 1, told
    assert by_word["another receipt"] == 0
    assert sum(by_word.values()) == 50, "everybody was answered"

    stored = Evaluation.objects.get()
    assert stored.id == ID
    assert (ServiceEvent.objects.count(), Receipt.objects.count(), Parked.objects.count()) == (1, 1, 0)
    assert Order.objects.count() == (1 if stored.level < 3 else 0)
    ((winner, _),) = [key for key in told if key[1] == "won"]
    assert Entry.objects.count() == (1 if winner == "telephone" else 0), "no entry without its rating"
    lost = set(Rejected.objects.values_list("state", flat=True))
    assert lost <= {"superseded"}, "what a batch or a tablet lost with is kept, and settled"
