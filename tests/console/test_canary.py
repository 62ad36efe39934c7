"""A rater whose name, ID number, telephone and case number are canaries, and everywhere those rated may look (security.md T5, T20).

The order walks through every state by the console's own forms; after each step the rated side and those who only look on
read all that concerns it, at some moments every page that a link leads them to. What the rater wrote into their own words
is masked for all of these, and lies in the database as it was written, for it can be erased (`WORDS_KEPT`).
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import duckdb
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from haochaping.accounts import people
from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import SYSTEM, Role, citizen
from haochaping.accounts.signing import sign
from haochaping.analytics.commands import rebuild_lake
from haochaping.channels.my.acts import withdraw_words
from haochaping.evaluation.sealing import seal
from haochaping.exchange.commands import collect
from haochaping.kit import clock
from haochaping.kit.clock import held_at
from haochaping.project.logs import WithoutPersons
from haochaping.rectification import reminders
from haochaping.rectification.advance import advance
from haochaping.rectification.commands import contribute, perform
from tests.cast import NANJING, NOW, SUZHOU
from tests.console.foreign import picture
from tests.console.reading import read
from tests.console.stage import CANARIES, CARD, CASE, NAME, PHONE, bad_order
from tests.console.test_order_pages import SUBMIT, do
from tests.my.stage import logged_in, sms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from haochaping.rectification.models import Order

pytestmark = pytest.mark.django_db
TOLD = f"窗口态度差，排队两小时。我叫{NAME}，身份证{CARD}，电话{PHONE}，请回电"
READERS = ("rectifier", "foreign_rectifier", "clerk", "colleague", "observer", "analyst")
ONLOOKERS = ("clerk", "colleague", "observer", "analyst")  # for whom not even the rater's consent opens anything
MOST = 80  # pages that one reader follows
ALIKE = 2  # of them with one path
ASIDE = re.compile(r"/console/(logout|login|alive)|.*/export|.*[?&](sort|page|year|columns)=")
# tables that keep what the rater wrote, as it was written: each is emptied when the rater takes their words back
WORDS_KEPT = {
    "evaluation_words",
    "evaluation_followupwords",
    "rectification_relaymessage",
    "rectification_movewords",
}


@dataclass
class Watch:
    """Everybody who may learn nothing, and what they read."""

    as_: Callable[[str], Client]
    cast: Any
    order: Order
    readers: tuple[str, ...]
    asks_api: bool
    now: datetime = NOW + timedelta(hours=1)
    clients: dict[str, Client] = field(default_factory=dict)
    leaks: list[tuple[Any, ...]] = field(default_factory=list)
    seen: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clients = {who: self.as_(who) for who in self.readers}

    def do(self, who: str, verb: str, **facts: Any) -> None:
        self.now += timedelta(minutes=1)
        do(self.as_(who), self.order, verb, now=self.now, **facts)
        self.look(verb)

    def rater(self, verb: str, **facts: Any) -> None:
        self.now += timedelta(minutes=1)
        perform(order_id=self.order.pk, verb=verb, actor=citizen(self.order.pk), facts=facts, now=self.now)
        self.order.refresh_from_db()
        self.look(verb)

    def note(self, step: str, who: str, where: str, told: str, *, typed: str = "") -> None:
        found = [canary for canary in CANARIES if canary in told and canary != typed]
        if found:
            at = told.find(found[0])
            self.leaks.append((step, who, where, found, told[max(0, at - 80) : at + 80]))

    def look(self, step: str) -> None:
        """What concerns the order: lists, its page, its files, its paper, the API."""
        number = self.order.order_no
        pages = ["/console/", "/console/orders/?state=all", f"/console/orders/{number}/", "/console/consequences/"]
        if self.order.closed_at:
            pages.append(f"/console/orders/{number}/file.pdf")
        with held_at(self.now):
            for who, client in self.clients.items():
                for url in pages:
                    self.note(step, who, url, read(client.get(url)))
            if self.asks_api:
                for target in ("/api/v1/orders", f"/api/v1/orders/{number}"):
                    self.note(step, "app", target, read(self.ask(target)))

    def ask(self, target: str, method: str = "GET", body: Any = None) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        headers = sign(self.cast.app_id, self.cast.secret, method, target, raw, clock.now())
        return Client().generic(method, target, raw, content_type="application/json", headers=headers)

    def crawl(self, step: str) -> None:
        """Every page that a link leads these people to from their workbench."""
        with held_at(self.now):
            for who, client in self.clients.items():
                queue, known = ["/console/"], {"/console/"}
                visits: Counter[str] = Counter()  # by path: of a page that answers many questions two are read
                while queue and visits.total() < MOST:
                    url = queue.pop(0)
                    if visits[path := url.partition("?")[0]] == ALIKE:
                        continue
                    visits[path] += 1
                    answer = client.get(url, follow=True)
                    told = read(answer)
                    self.note(step, who, url, told)
                    links = re.findall(r'(?:href|action|hx-get)="(/console/[^"#]*)', told.replace("&amp;", "&"))
                    queue += [link for link in dict.fromkeys(links) if link not in known and not ASIDE.match(link)]
                    known.update(links)
                self.seen.setdefault(who, set()).update(known)

    def search(self, step: str) -> None:
        """By a canary nothing is found, and what is typed is never answered with what belongs to it."""
        number = self.order.order_no
        with held_at(self.now):
            for who, client in self.clients.items():
                for canary in (*CANARIES, PHONE[3:], NAME[1:], CARD[6:14]):
                    told = read(client.get("/console/orders/", {"state": "all", "q": canary}))
                    if number in told:
                        self.leaks.append((step, who, "search", [canary], "found"))
                    self.note(step, who, "search", told, typed=canary)
                    if canary in {
                        PHONE,
                        CARD,
                    }:  # what else somebody types into an address stands in the log as they typed it
                        self.note(step, who, "404", read(client.get(f"/console/orders/{canary}/")), typed=canary)
                    sent = {"seen": "0", "text": canary, "reason": canary, "confirmed": "1"}
                    for verb in ("sign", "statement", "appeal", "nothing"):
                        answer = client.post(f"/console/orders/{number}/{verb}", sent)
                        assert answer.status_code in {403, 404, 409, 422}, (who, verb, answer.status_code)
                        self.note(step, who, f"{verb} {answer.status_code}", read(answer), typed=canary)
            if self.asks_api:
                for canary in CANARIES:
                    told = json.loads(self.ask(f"/api/v1/orders?text={quote(canary)}").content)
                    assert told["total"] == 0, canary
                    refused = self.ask(f"/api/v1/orders/{number}/statement", "POST", {"text": canary})
                    self.note(step, "app", "refused", read(refused), typed=canary)

    def exports(self, step: str) -> None:
        with held_at(self.now):
            for who, client in self.clients.items():
                for kind in ("csv", "xlsx"):
                    sheet = client.post("/console/orders/export?state=all", {"format": kind})
                    assert sheet.status_code == (200 if who.endswith("rectifier") else 403)
                    self.note(step, who, f"export {kind}", read(sheet))


@contextmanager
def written_logs() -> Iterator[io.StringIO]:
    """What our log's handler writes, from the finest level on."""
    out, root = io.StringIO(), logging.getLogger()
    handler, loggers = logging.StreamHandler(out), [logging.getLogger(name) for name in ("", "haochaping", "django")]
    handler.addFilter(WithoutPersons())
    before = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield out
    finally:
        root.removeHandler(handler)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@pytest.fixture
def colleague(cast: Any) -> Person:
    """A clerk at the same window to whom nothing was opened."""
    person = Person.objects.create(username="colleague", name="同窗口员", password="!", created_at=NOW)
    Grant.objects.create(person=person, role=Role.CLERK, window="NJ-A01")
    return person


@pytest.mark.parametrize("consents", [False, True], ids=["sealed", "consents to be contacted"])
def test_no_canary_anywhere_for_those_rated_and_those_who_look_on(as_, cast, colleague, consents):
    consent = ["contact_department", "publish_text"] if consents else []
    with written_logs() as log, held_at(NOW):
        order = bad_order(writingEvaluation=TOLD, consent=consent)
        watch = Watch(as_, cast, order, ONLOOKERS if consents else READERS, asks_api=not consents)
        walk(watch)
        follow_on(watch)
    assert not watch.leaks, watch.leaks
    assert watch.order.state == "closed"
    assert all(len(known) > 8 for known in watch.seen.values()), {who: len(known) for who, known in watch.seen.items()}
    assert not [line for line in log.getvalue().splitlines() if any(canary in line for canary in CANARIES)]


def walk(watch: Watch) -> None:
    """Through every state, with everything that people say to each other on the way."""
    as_, order = watch.as_, watch.order
    watch.look("dispatched")
    watch.do("rectifier", "sign")
    watch.do("city", "urge", text=f"请抓紧联系{NAME}，办件{CASE}，电话{PHONE}。")
    watch.do("rectifier", "relay", text="请问当天是哪个时段？")
    watch.rater("respond", text=f"上午。{TOLD}")
    clerk = str(Person.objects.get(username="clerk").pk)
    watch.do("rectifier", "open_to_clerk", clerk=clerk, text="请说明当天情况。")
    watch.do("clerk", "statement", text="当天只开了一个窗口。")
    join = {"co_organs": SUZHOU, "text": "请协助核实。"}
    watch.do("supervisor", "join", **join)
    suzhou = Person.objects.get(username="foreign_rectifier").actor()
    contribute(order_id=order.pk, actor=suzhou, text="已协助核实。", now=watch.now)
    watch.do("city", "convene", text="请各方到会。")
    watch.crawl("verifying")
    with held_at(watch.now):
        answer = as_("rectifier").post(
            f"/console/orders/{order.order_no}/files", {"file": SimpleUploadedFile("录像.png", picture())}
        )
        assert answer.status_code == 302
    watch.do("rectifier", "appeal", kind="untrue", reason="当天只有两人排队。", evidence="窗口录像第三段。")
    watch.search("appealing")
    watch.do("reviewer", "dismiss", ruling="录像不足以证明，请按整改办理。")
    watch.do("rectifier", "request_extension", reason="要等设备到货。", until="2026-06-18")
    watch.do("city", "grant_extension", reason="同意。")
    watch.do("city", "conclude", text="由市局牵头办理。")
    watch.do("rectifier", "submit", cause="attitude", **SUBMIT)
    watch.do("city", "send_back", reason="请写明完成时间。")
    watch.do("rectifier", "submit", **SUBMIT | {"measures": "六月底前增开两个窗口。"})
    watch.do("city", "approve")
    with held_at(watch.now):
        shown = as_("operator").post(f"/console/orders/{order.order_no}/identity", {"reason": "回访核实整改结果"})
        assert PHONE in read(shown), "the operator must call somebody"
    watch.look("revealed")
    watch.rater("unsatisfied", reason=f"还是老样子。{TOLD}")
    watch.do("rectifier", "submit", **SUBMIT | {"measures": "已加派人手。", "reply": "已加派两人，现在不用排队。"})
    watch.do("city", "approve")
    watch.do("operator", "callback", result="satisfied", pressed="yes", note=f"{NAME}说窗口打过电话。{TOLD}")
    watch.do("supervisor", "reopen", reason="请再核对一次。")
    watch.do("rectifier", "submit", **SUBMIT | {"measures": "再次核对。", "reply": "已核对，窗口已增开。"})
    watch.do("city", "approve")
    watch.rater("satisfied")


def follow_on(watch: Watch) -> None:
    """What comes of it: the malicious rater's admonition, a notice, a brief, many moved at once, what the system does itself."""
    as_, city = watch.as_, watch.as_("city")
    other = bad_order(f"{CASE}-2", writingEvaluation=TOLD)
    own, watch.order = watch.order, other
    watch.do("rectifier", "sign")
    watch.do("rectifier", "appeal", kind="malicious", reason="一天内多次。", evidence="叫号记录。")
    watch.do("reviewer", "uphold", ruling="证据充分，不予采纳。")
    watch.now += timedelta(days=40)
    city = as_("city")
    with held_at(watch.now):
        assert city.post(f"/console/consequences/of/{other.order_no}", {"text": "请据实评价"}).status_code == 302
        made = {
            "kind": "notice",
            "subject_kind": "organ",
            "subject": NANJING,
            "title": "典型案例通报",
            "text": "排队过长。",
        }
        assert city.post("/console/consequences/new", made | {"cases": own.order_no}).status_code == 302
    third = bad_order(f"{CASE}-3", writingEvaluation=TOLD, now=watch.now, day="2026-07-20")
    watch.order = third
    with held_at(watch.now):
        many = {"pick": f"{third.order_no}:{third.moves}", "verb": "urge", "text": "请抓紧。", "confirmed": "1"}
        assert as_("city").post("/console/orders/many", many).status_code == 200
        brief = {"title": "六月差评专报", "case": [third.order_no]}
        assert as_("city").post("/console/briefs/new", brief).status_code == 302
    watch.now += timedelta(days=9)
    for _ in range(3):
        advance(watch.now)
    watch.look("overdue")
    watch.order = own
    own.refresh_from_db()
    watch.clients = {who: as_(who) for who in watch.readers}
    watch.exports("in the end")
    watch.search("in the end")
    watch.crawl("in the end")
    with held_at(watch.now):
        for url in ("/public/", "/metrics"):
            watch.note("in the end", "the public", url, read(Client().get(url)))


def test_the_database_holds_no_plaintext_of_the_rater_but_in_what_the_rater_wrote(as_, cast, settings, monkeypatch):
    """Name, ID number and telephone as text or as bytes, in no column of any table, after all that was done and sent."""
    for name, value in {"URL": "https://sms.example.gov.cn", "APP_ID": "hcp", "SECRET": "s" * 32}.items():
        monkeypatch.setenv(f"HCP_SMS_{name}", value)  # a gateway stands in the settings; nobody sends here
    with written_logs() as log, held_at(NOW):
        for username in ("rectifier", "city", "foreign_rectifier"):
            person = Person.objects.get(username=username)
            home = people.Home(person.organ_code, person.organ, person.area)
            people.change_person(person.pk, name=person.name, home=home, phone="13500000099", actor=SYSTEM, now=NOW)
        order = bad_order(writingEvaluation=TOLD)
        watch = Watch(as_, cast, order, (), asks_api=False)
        walk(watch)
        with held_at(watch.now):
            sent = logged_in(PHONE).post(f"/my/services/{order.pk}/follow-up", {"level": "5", "words": TOLD})
            assert sent["Location"].endswith("done=follow-up")
        follow_on(watch)
        reminders.remind(watch.now)
        reminders.text_staff(watch.now)
        collect(watch.now)
        seal(now=watch.now)
        rebuild_lake(now=watch.now)
    found = {
        (table, canary) for table, rows in dumped().items() for canary in (NAME, CARD, PHONE) if _holds(rows, canary)
    }
    assert {table for table, _ in found} <= WORDS_KEPT, found
    assert not [line for line in log.getvalue().splitlines() if any(canary in line for canary in CANARIES)]
    staff = [words for number, words in sms() if number != PHONE]
    assert staff, "somebody at work was texted"
    assert not [words for words in staff if any(canary in words for canary in CANARIES)]
    files = [str(file) for file in Path(settings.LAKE).rglob("*.parquet")]
    lake = [str(duckdb.sql(f"SELECT COLUMNS(*)::VARCHAR FROM read_parquet('{file}')").fetchall()) for file in files]
    assert lake
    assert not [rows for rows in lake if any(canary in rows for canary in (NAME, CARD, PHONE))]
    # what the rater wrote goes when they take it back
    withdraw_words(order.pk, now=watch.now)
    left = "".join(row for table in WORDS_KEPT for row in dumped()[table] if str(order.pk) in row)
    assert not [canary for canary in (NAME, CARD, PHONE) if canary in left]


def dumped() -> dict[str, list[str]]:
    """Every row of every table as text, as a dump of the database would hold it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        rows = {}
        for name in names:
            cursor.execute(f'SELECT t::text FROM "{name}" t')
            rows[name] = [row for (row,) in cursor.fetchall()]
    return rows


def _holds(rows: list[str], canary: str) -> bool:
    plain, raw = canary, canary.encode().hex()
    return any(plain in row or raw in row for row in rows)
