"""Paper forms: printed with numbers, keyed by two people who do not see each other's reading, decided where they differ."""

from __future__ import annotations

import io
from datetime import date, timedelta

import pytest
from PIL import Image

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import Role, Scope
from haochaping.channels.forgetting import forget_written
from haochaping.channels.models import Entry, PaperKeying, PaperSheet
from haochaping.channels.paper import commands, queries, rules
from haochaping.channels.paper.rules import State
from haochaping.evaluation.models import AttachmentBytes, Evaluation, Evaluator, ServiceEvent, Words
from haochaping.flow.services import admit_services
from haochaping.kit.errors import Refused
from haochaping.rectification.models import Order
from tests.cast import NOW, _person, settle, wire_service

TODAY = date(2026, 6, 10)


@pytest.fixture
def cast(db):
    return settle()


@pytest.fixture
def second(cast):
    return _person("second", "复录员", Role.OPERATOR, Scope("3201"), NOW)


@pytest.fixture
def run(cast):
    return commands.print_run("NJ", "", 20, actor=cast.city, now=NOW)


@pytest.fixture
def batch(run, cast):
    return commands.open_batch("NJ", TODAY, 5, actor=cast.city, now=NOW)


def number(run, n: int = 0) -> str:
    return rules.number_of(run.year, run.first + n)


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 60), "white").save(out, "PNG")
    return out.getvalue()


def refusal(act, *args, **more) -> Refused:
    with pytest.raises(Refused) as no:
        act(*args, now=NOW, **more)
    return no.value


def test_a_wrong_digit_and_most_exchanged_ones_are_found():
    good = rules.number_of(2026, 1234)
    assert rules.read_number(rules.in_parts(good)) == good
    for place in range(10):
        for digit in "0123456789":
            wrong = good[:place] + digit + good[place + 1 :]
            assert (rules.read_number(wrong) is None) == (wrong != good)
    swapped = [good[:n] + good[n + 1] + good[n] + good[n + 2 :] for n in range(9) if good[n] != good[n + 1]]
    assert sum(rules.read_number(wrong) is not None for wrong in swapped) <= 1, "as good as one digit can be"


def test_numbers_are_reserved_once_and_for_one_hall(cast, run):
    other = commands.print_run("SZ", "SZ-A01", 3, actor=cast.supervisor, now=NOW)
    assert (run.first, run.last, other.first, other.last) == (1, 20, 21, 23)
    assert queries.window_of(number(other)) == "SZ-A01"
    assert refusal(commands.print_run, "SZ", "", 1, actor=cast.city).code == "not_for_others"
    assert refusal(commands.print_run, "NJ", "SZ-A01", 1, actor=cast.city).fields[0].field == "window"
    assert refusal(commands.print_run, "NJ", "", 201, actor=cast.city).fields[0].field == "forms"


@pytest.mark.parametrize("who", ["clerk", "rectifier", "leader", "foreign_city"])
def test_those_who_are_rated_or_work_elsewhere_enter_nothing(cast, batch, run, who):
    actor = getattr(cast, who)
    assert refusal(commands.key, batch, {"number": number(run), "level": "5"}, actor=actor).status == 403
    assert refusal(commands.open_batch, "NJ", TODAY, 5, actor=actor).status == 403
    assert queries.batches_for(cast.foreign_city).count() == 0


def test_two_equal_readings_make_one_rating_with_both_names_and_the_form_as_proof(cast, run, batch, second):
    typed = {"number": number(run), "level": "1", "tags": "115 113", "words": "跑了三趟， 没办成", "consent": "1"}
    sheet = commands.key(batch, typed, actor=cast.operator, now=NOW)
    assert (sheet.state, Evaluation.objects.count()) == (State.ONCE, 0)
    sheet = commands.key(batch, typed | {"words": "跑了三趟,没办成。"}, actor=second, now=NOW)
    assert sheet.state == State.ADMITTED
    rated = Evaluation.objects.get(id=sheet.event_id)
    assert (rated.level, rated.pf, rated.indicators) == (1, 8, ["113", "115"])
    assert (rated.hall_code, rated.consent) == ("NJ", ["publish_text"])
    assert Words.objects.get(id=rated.id).text == "跑了三趟， 没办成"
    entry = Entry.objects.get(event_id=rated.id)
    assert (entry.way, entry.proof, entry.person_name, entry.second_name) == (
        "paper",
        number(run),
        "话务员",
        "复录员",
    )
    assert Order.objects.get(id=rated.id).state == "arbitrating"


def test_the_same_person_does_not_key_a_form_twice(cast, run, batch):
    typed = {"number": number(run), "level": "5"}
    commands.key(batch, typed, actor=cast.operator, now=NOW)
    assert refusal(commands.key, batch, typed, actor=cast.operator).code == "same_person"
    assert PaperKeying.objects.count() == 1


def test_different_readings_wait_until_somebody_who_did_not_key_first_decides(cast, run, batch, second):
    form = {"number": number(run), "level": "2", "tags": "214"}
    commands.key(batch, form, actor=cast.operator, now=NOW)
    sheet = commands.key(batch, form | {"level": "1", "tags": "115"}, actor=second, now=NOW)
    assert sheet.state == State.DIFFERS
    one, other = (queries.reading_of(keyed) for keyed in queries.keyings(sheet.number))
    assert rules.differing(one, other) == ["level", "tags"]
    assert refusal(commands.key, batch, form, actor=cast.city).code == "wants_decision"
    assert refusal(commands.decide, sheet, form, actor=cast.operator).code == "same_person"
    decided = commands.decide(sheet, form | {"level": "1", "tags": "115"}, actor=cast.city, now=NOW)
    assert (decided.state, decided.settled_by) == (State.ADMITTED, "南京主管")
    assert Evaluation.objects.get(id=decided.event_id).level == 1
    assert [k.person_name for k in queries.keyings(sheet.number)] == ["话务员", "复录员", "南京主管"]
    assert Audit.objects.filter(action="decide_paper_form", subject=sheet.number).exists()
    assert refusal(commands.decide, decided, form, actor=cast.city).code == "nothing_to_decide"


def test_the_second_person_may_decide_looking_at_the_form(cast, run, batch, second):
    form = {"number": number(run), "level": "4"}
    commands.key(batch, form, actor=cast.operator, now=NOW)
    sheet = commands.key(batch, form | {"level": "5"}, actor=second, now=NOW)
    assert commands.decide(sheet, form | {"level": "5"}, actor=second, now=NOW).state == State.ADMITTED


def test_a_form_with_a_case_number_rates_that_case(cast, run, batch, second):
    admit_services([wire_service("NJ-77")], source="test", now=NOW)
    form = {
        "number": number(run),
        "level": "5",
        "project_no": "nj-77 ".upper(),
        "name": "赵试样",
        "mobile": "13800000001",
    }
    for actor in (cast.operator, second):
        sheet = commands.key(batch, form, actor=actor, now=NOW)
    rated = Evaluation.objects.get(id=sheet.event_id)
    assert ServiceEvent.objects.get(id=rated.id).project_no == "NJ-77"
    assert rated.assurance == "real_name"
    assert Evaluator.objects.filter(id=rated.id).exists()
    assert "13800000001" not in str([bytes(k.blob) for k in queries.keyings(sheet.number)])


def test_what_cannot_be_taken_in_says_why_and_can_be_mended(cast, run, batch, second):
    admit_services([wire_service("NJ-77"), wire_service("NJ-78")], source="test", now=NOW)
    for n, case in ((0, "NJ-77"), (1, "NJ-77")):
        for actor in (cast.operator, second):
            sheet = commands.key(
                batch, {"number": number(run, n), "level": "5", "project_no": case}, actor=actor, now=NOW
            )
    assert (sheet.state, sheet.code) == (State.REFUSED, "already_rated")
    typed = {"level": "5", "project_no": "NJ-78"}
    assert commands.decide(sheet, typed, actor=cast.city, now=NOW).state == State.ADMITTED


def test_a_case_that_is_not_known_yet_waits_for_it(cast, run, batch, second):
    for actor in (cast.operator, second):
        sheet = commands.key(
            batch, {"number": number(run), "level": "3", "project_no": "NJ-LATER"}, actor=actor, now=NOW
        )
    assert sheet.state == State.ADMITTED
    assert not Evaluation.objects.filter(id=sheet.event_id).exists()
    admit_services([wire_service("NJ-LATER")], source="test", now=NOW)
    assert Evaluation.objects.get(id=sheet.event_id).level == 3


def test_a_bad_form_without_a_reason_counts_and_is_marked(cast, run, batch, second):
    for actor in (cast.operator, second):
        sheet = commands.key(batch, {"number": number(run), "level": "2"}, actor=actor, now=NOW)
    assert Evaluation.objects.get(id=sheet.event_id).no_reason
    assert Order.objects.filter(id=sheet.event_id).exists()


@pytest.mark.parametrize("level", range(1, 6))
def test_every_level_can_be_given_on_paper(cast, run, batch, second, level):
    for actor in (cast.operator, second):
        sheet = commands.key(batch, {"number": number(run), "level": str(level)}, actor=actor, now=NOW)
    assert Evaluation.objects.get(id=sheet.event_id).level == level


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"level": "6"}, "level"),
        ({"level": ""}, "level"),
        ({"tags": "115"}, "tags"),
        ({"tags": "999"}, "tags"),
        ({"day": "1345"}, "day"),
        ({"day": "0611"}, "day"),
        ({"mobile": "abc"}, "mobile"),
        ({"consent": "3"}, "consent"),
        ({"window_code": "SZ-A01"}, "window_code"),
        ({"words": "字" * 501}, "words"),
        ({"words": "a\x00"}, "words"),
        ({"number": "1234567890"}, "number"),
    ],
)
def test_what_cannot_be_on_the_form_is_refused_at_its_field(cast, run, batch, typed, field):
    no = refusal(commands.key, batch, {"number": number(run), "level": "5"} | typed, actor=cast.operator)
    assert (no.status, no.fields[0].field) == (422, field)
    assert PaperSheet.objects.count() == 0


def test_a_number_that_was_never_printed_or_lies_in_another_batch_is_refused(cast, run, batch):
    never = rules.number_of(2026, 500)
    assert (
        refusal(commands.key, batch, {"number": never, "level": "5"}, actor=cast.operator).fields[0].code
        == "never_printed"
    )
    commands.key(batch, {"number": number(run), "level": "5"}, actor=cast.operator, now=NOW)
    later = commands.open_batch("NJ", TODAY, 5, actor=cast.city, now=NOW)
    no = refusal(commands.key, later, {"number": number(run), "level": "5"}, actor=cast.city)
    assert (no.code, f"第 {batch.pk} 批" in no.message) == ("other_batch", True)


def test_a_form_of_another_hall_is_neither_keyed_nor_scanned_nor_set_aside_here(cast, run):
    there = commands.open_batch("SZ", TODAY, 5, actor=cast.foreign_city, now=NOW)
    acts = (
        (commands.key, ({"number": number(run), "level": "5"},)),
        (commands.attach, (number(run), "a.png", png())),
        (commands.void, (number(run), "没有勾选满意度")),
    )
    for act, given in acts:
        assert refusal(act, there, *given, actor=cast.foreign_city).fields[0].code == "other_hall"
    assert PaperSheet.objects.count() == 0


def test_a_batch_knows_how_far_it_is_and_takes_no_more_than_its_forms(cast, run, batch, second):
    commands.recount(batch, 3, actor=cast.city, now=NOW)
    batch.refresh_from_db()
    for actor in (cast.operator, second):
        commands.key(batch, {"number": number(run), "level": "5"}, actor=actor, now=NOW)
    commands.key(batch, {"number": number(run, 1), "level": "5"}, actor=cast.operator, now=NOW)
    commands.void(batch, number(run, 2), "没有勾选满意度", actor=cast.city, now=NOW)
    done = queries.progress([batch])[batch.pk]
    assert (done.forms, done.waiting, done.once, done.admitted, done.void, done.is_done) == (3, 0, 1, 1, 1, False)
    assert refusal(commands.key, batch, {"number": number(run, 3), "level": "5"}, actor=second).code == "batch_full"
    assert refusal(commands.recount, batch, 2, actor=cast.city).fields[0].field == "forms"


def test_a_superior_alone_sets_a_form_aside_and_says_why(cast, run, batch):
    assert refusal(commands.void, batch, number(run), "看不清", actor=cast.operator).code == "not_yours_to_void"
    assert refusal(commands.void, batch, number(run), "  ", actor=cast.city).fields[0].field == "reason"
    sheet = commands.void(batch, number(run), "污损看不清", actor=cast.city, now=NOW)
    assert (
        refusal(commands.key, batch, {"number": sheet.number, "level": "5"}, actor=cast.operator).code == "form_settled"
    )


def test_scans_find_their_form_by_file_name_and_the_next_one_is_offered(cast, run, batch):
    files = [(f"扫描-{number(run)}.png", png()), ("IMG_001.png", png()), (f"{number(run, 1)}.png", b"<svg/>")]
    wrong = commands.attach_named(batch, files, actor=cast.operator, now=NOW)
    assert [name for name, _ in wrong] == ["IMG_001.png", f"{number(run, 1)}.png"]
    first = queries.next_to_key(batch, cast.operator)
    assert first is not None
    assert first.number == number(run)
    assert first.state == State.WAITING
    commands.key(batch, {"number": first.number, "level": "5"}, actor=cast.operator, now=NOW)
    assert queries.next_to_key(batch, cast.operator) is None
    assert queries.next_to_key(batch, cast.city) is not None


def test_the_day_on_the_form_is_the_day_of_the_rating(cast, run, second):
    late = NOW + timedelta(days=3)
    batch = commands.open_batch("NJ", date(2026, 6, 12), 5, actor=cast.city, now=late)
    for actor in (cast.operator, second):
        sheet = commands.key(batch, {"number": number(run), "level": "5", "day": "0611"}, actor=actor, now=late)
    rated = Evaluation.objects.get(id=sheet.event_id)
    assert (rated.rated_day, ServiceEvent.objects.get(id=rated.id).service_day) == (
        date(2026, 6, 11),
        date(2026, 6, 11),
    )


def test_december_keyed_in_january_is_last_years():
    reading = rules.read({"level": "5", "day": "1230"}, batch_day=date(2027, 1, 4))
    assert reading.day == date(2026, 12, 30)


def test_what_the_rater_takes_back_is_gone_from_form_and_scan(cast, run, batch, second):
    form = {"number": number(run), "level": "1", "words": "排队两小时", "name": "赵试样", "mobile": "13800000001"}
    scan = commands.attach(batch, form["number"], "表.png", png(), actor=cast.operator, now=NOW)
    for actor in (cast.operator, second):
        sheet = commands.key(batch, form, actor=actor, now=NOW)
    forget_written(sheet.event_id, "words")
    assert [bytes(keyed.blob) for keyed in queries.keyings(sheet.number)] == [b"", b""]
    assert not AttachmentBytes.objects.filter(id=scan.id).exists()
