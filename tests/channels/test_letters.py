"""The opinion box and e-mail: a letter with a stated level is a rating, one without stays an opinion, and none is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import connection

from haochaping.channels.letters import commands, queries, rules
from haochaping.channels.models import Entry, Letter
from haochaping.evaluation.models import Attachment, Evaluation, ServiceEvent
from haochaping.kit.errors import Refused
from haochaping.rectification.models import Order
from tests.cast import NANJING, NANJING_ITEM, NOW, SUZHOU, settle
from tests.channels.test_paper import png

TODAY = date(2026, 6, 10)
TYPED = {
    "way": "box",
    "number": "YJX-2026-015",
    "area": "320102000000",
    "words": "我叫王小明，电话13912345678。饮水机坏了半个月没人修。",
}


@pytest.fixture
def cast(db):
    return settle()


def letter(cast, *, actor=None, scan=None, consent=(), **more) -> Letter:
    draft = rules.read(TYPED | more, consent, today=TODAY, day=TODAY)
    return commands.register(draft, actor=actor or cast.operator, now=NOW, scan=scan)


def test_a_letter_without_a_level_becomes_no_rating(cast):
    kept = letter(cast)
    assert (kept.level, kept.event_id) == (None, None)
    assert not Evaluation.objects.exists()
    assert not ServiceEvent.objects.exists()


@pytest.mark.parametrize("level", range(1, 6))
@pytest.mark.parametrize(("way", "pf"), [("box", 8), ("email", 9)])
def test_a_letter_with_a_level_is_a_rating_proved_by_its_number(cast, level, way, pf):
    kept = letter(cast, level=str(level), way=way, target=f"organ:{NANJING}")
    rated = Evaluation.objects.get(id=kept.event_id)
    assert (rated.level, rated.pf, rated.organ_code) == (level, pf, NANJING)
    assert ServiceEvent.objects.get(id=rated.id).mode == "comment"
    entry = Entry.objects.get(event_id=rated.id)
    assert (entry.way, entry.proof, entry.person_name) == (way, "YJX-2026-015", "话务员")
    assert Order.objects.filter(id=rated.id).exists() == (level <= 2)


def test_who_answers_is_never_invented(cast):
    kept = letter(cast, level="1")
    assert Order.objects.get(id=kept.event_id).state == "arbitrating"


@pytest.mark.parametrize("target", ["hall:NJ", f"organ:{NANJING}", f"item:{NANJING_ITEM}", "window:NJ-A01"])
def test_it_belongs_where_it_was_put(cast, target):
    kept = letter(cast, level="2", target=target, area="")
    assert kept.area_path.startswith("3201")
    assert Evaluation.objects.get(id=kept.event_id).item_name


def test_a_letter_about_a_hall_says_which(cast):
    assert letter(cast, target="hall:NJ", area="").hall_code == "NJ"


def test_every_place_numbers_its_own_letters(cast):
    here, there = (
        letter(cast, level="2", target=f"organ:{NANJING}", area=""),
        letter(cast, level="2", target=f"organ:{SUZHOU}", area=""),
    )
    assert here.number == there.number
    assert Evaluation.objects.filter(id__in=[here.event_id, there.event_id]).count() == 2


def test_one_letter_is_registered_once(cast):
    letter(cast)
    with pytest.raises(Refused) as no:
        letter(cast, level="5")
    assert no.value.code == "letter_known"
    assert letter(cast, way="email").pk


def test_pressed_twice_at_once_it_is_registered_once(committing_db):
    cast, both = settle(), Barrier(2)

    def press(_: int) -> str:
        try:
            both.wait(10)
            letter(cast, level="2")
        except Refused as no:
            return no.code
        finally:
            connection.close()
        return "registered"

    with ThreadPoolExecutor(2) as hands:
        assert sorted(hands.map(press, range(2))) == ["letter_known", "registered"]
    assert Letter.objects.count() == Evaluation.objects.count() == 1


def test_who_wrote_is_sealed_and_shown_masked(cast):
    kept = letter(cast, name="王小明", mobile="139 1234 5678")
    assert b"13912345678" not in bytes(kept.blob)
    told = queries.content(kept)
    assert (told.name, told.mobile) == ("王*明", "139****5678")
    assert "13912345678" not in told.words
    assert "饮水机坏了" in told.words


def test_a_scan_stays_with_its_letter(cast):
    kept = letter(cast, scan=("信.png", png()))
    assert Attachment.objects.get(id=kept.scan).event_id == kept.id


def test_a_scan_that_is_no_picture_registers_nothing(cast):
    with pytest.raises(Refused):
        letter(cast, scan=("信.svg", b"<svg/>"))
    assert not Letter.objects.exists()


def test_a_long_letter_is_kept_whole_and_rated_by_its_beginning(cast):
    kept = letter(cast, level="4", words="好" * 1200)
    assert len(queries.content(kept).words) == 1200
    assert len(rules.shortened("好" * 1200)) == 500


def test_what_was_done_with_it_is_written_down(cast):
    kept = letter(cast)
    commands.note(kept.id, "已转大厅后勤", NANJING, actor=cast.city, now=NOW)
    assert [(n.text, n.organ_code, n.by) for n in queries.notes(kept)] == [("已转大厅后勤", NANJING, "南京主管")]
    for text, organ in (("", ""), ("转办", "X")):
        with pytest.raises(Refused):
            commands.note(kept.id, text, organ, actor=cast.city, now=NOW)


@pytest.mark.parametrize("who", ["clerk", "rectifier", "foreign_city", "leader"])
def test_neither_the_rated_nor_strangers_register_or_see_letters(cast, who):
    actor = getattr(cast, who)
    with pytest.raises(Refused) as no:
        letter(cast, actor=actor, target="window:NJ-A01")
    assert no.value.status == 403
    kept = letter(cast)
    if who != "leader":
        with pytest.raises(Refused) as no:
            queries.letter_for(actor, kept.id)
        assert no.value.status == 404


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"way": "x"}, "way"),
        ({"number": ""}, "number"),
        ({"number": "<a>"}, "number"),
        ({"level": "6"}, "level"),
        ({"words": ""}, "words"),
        ({"words": "字" * 4001}, "words"),
        ({"mobile": "abc"}, "mobile"),
        ({"target": "hall:X"}, "target"),
        ({"target": "window:X"}, "target"),
        ({"area": ""}, "area"),
        ({"level": "5", "tags": "115"}, "evalDetail"),
    ],
)
def test_what_is_wrong_is_named(cast, more, field):
    with pytest.raises(Refused) as no:
        letter(cast, **more)
    assert (no.value.status, no.value.fields[0].field) == (422, field)
    assert not Letter.objects.exists()


def test_a_day_that_has_not_come_is_refused(cast):
    for day in (None, date(2026, 6, 11)):
        with pytest.raises(Refused) as no:
            rules.read(TYPED, (), today=TODAY, day=day)
        assert no.value.fields[0].field == "day"
