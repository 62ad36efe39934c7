"""What was rated cannot be changed without `hcp verify` naming the row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

import psycopg
import pytest
from django.db import connection, transaction

from haochaping.evaluation import commands, sealing
from haochaping.evaluation.models import Evaluation, Evaluator, Words
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import CHINA
from haochaping.project.cli import main
from tests.cast import BAD, NOW, settle, wire_rating, wire_service


@pytest.fixture
def sealed(committing_db):
    """Five ratings, one with words and a name, under two seals."""
    settle()
    admit_services([wire_service(f"P{n}") for n in range(5)], source="test", now=NOW)
    wires = [wire_rating(f"P{n}") for n in range(4)] + [wire_rating("P4", **BAD, name="钱某")]
    submissions = [read_evaluation(w, source="test") for w in wires]
    admit(submissions[:3], now=NOW)
    seal(3)
    admit(submissions[3:], now=NOW)
    seal(2)
    return committing_db


def seal(count):
    """Seal so many ratings. Another process's test on this server may hold an older transaction open for a moment, and
    what is younger is not sealed before that has ended."""
    sealed, never = 0, Event()
    for _ in range(2400):
        sealed += sealing.seal(now=NOW)
        if sealed >= count:
            break
        never.wait(0.05)
    assert sealed == count


def as_owner(database, statement, *values):
    """An insider with the owner's rights, who takes the trigger off first."""
    with psycopg.connect(database.owner_url) as connection:
        for table in ("evaluation_evaluation", "evaluation_sealedrow", "evaluation_seal"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
        connection.execute(statement, values)


def test_an_untouched_chain_verifies(sealed):
    report = sealing.verify()
    assert (report.faults, report.rows, report.seals, report.unsealed) == ([], 5, 2, 0)


def test_it_verifies_whatever_zone_the_moments_were_handed_over_in(committing_db):
    settle()
    admit_services([wire_service("P")], source="test", now=NOW)
    given = replace(read_evaluation(wire_rating("P"), source="test"), assess_time=NOW.astimezone(CHINA))
    assert admit([given], now=NOW.astimezone(CHINA) + timedelta(microseconds=7))[0].status == "created"
    seal(1)
    assert main(["verify"]) == 0


def test_it_still_verifies_after_the_rater_withdrew_words_and_identity(sealed):
    rated = Words.objects.get().id
    commands.erase_words(rated, by="评价人", now=NOW)
    commands.erase_identity(rated, by="评价人", now=NOW)
    assert not Words.objects.exists()
    assert not Evaluator.objects.exists()
    assert sealing.verify().faults == []


def test_no_transaction_that_commits_late_is_left_out(sealed):
    """Its number is older than those of ratings that were committed, and would have been sealed, before it."""
    admit_services([wire_service(f"L{n}") for n in range(3)], source="test", now=NOW)
    first, second, third = (read_evaluation(wire_rating(f"L{n}"), source="test") for n in range(3))
    begun, free = Event(), Event()

    def commit_late():
        try:
            with transaction.atomic():
                admit([first], now=NOW)
                begun.set()
                free.wait(30)
        finally:
            connection.close()

    thread = Thread(target=commit_late)
    thread.start()
    assert begun.wait(30)
    admit([second], now=NOW)
    assert sealing.seal(now=NOW) == 0, "while an older transaction is open"
    free.set()
    thread.join()
    admit([third], now=NOW)
    seal(3)
    assert (sealing.seal(now=NOW), sealing.verify().faults) == (0, [])


def test_it_looks_at_no_rating_before_the_last_sealed_one(sealed):
    """Or each minute's seal would read every rating that was ever given."""
    asked = []

    def listen(execute, sql, params, many, context):
        if sql == sealing._UNSEALED:
            asked.append(params[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        assert sealing.seal(now=NOW) == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT xid::text FROM evaluation_evaluation ORDER BY xid DESC LIMIT 1")
        assert asked == [cursor.fetchone()[0]]


def test_a_database_that_was_restored_elsewhere_seals_on(sealed):
    """There the old ratings bear numbers of transactions that have not come yet."""
    as_owner(sealed, "UPDATE evaluation_evaluation SET xid = '9999999999'")
    admit_services([wire_service("R")], source="test", now=NOW)
    admit([read_evaluation(wire_rating("R"), source="test")], now=NOW)
    seal(1)
    assert sealing.verify().faults == []


@pytest.mark.parametrize("level", [1, 4])
def test_a_changed_rating_is_named(sealed, capsys, level):
    row = Evaluation.objects.filter(level=5).first()
    assert main(["verify"]) == 0
    as_owner(sealed, "UPDATE evaluation_evaluation SET level = %s WHERE id = %s", level, row.id)
    assert sealing.verify().faults == [f"rating {row.id}: changed"]
    assert main(["verify"]) == 1
    assert str(row.id) in capsys.readouterr().out


def test_a_changed_rating_with_its_hash_made_anew_is_named_too(sealed):
    row = Evaluation.objects.filter(level=5).first()
    as_owner(sealed, "UPDATE evaluation_evaluation SET level = 1 WHERE id = %s", row.id)
    row.refresh_from_db()
    from haochaping.evaluation.queries import evaluation_row
    from haochaping.evaluation.rules import canonical
    from haochaping.kit.crypto import sm3

    as_owner(
        sealed,
        "UPDATE evaluation_evaluation SET row_sm3 = %s WHERE id = %s",
        sm3(canonical(evaluation_row(row))),
        row.id,
    )
    assert sealing.verify().faults == [f"rating {row.id}: changed"]


def test_a_deleted_rating_is_named(sealed):
    row = Evaluation.objects.filter(level=5).first()  # without words: theirs would be named as well
    as_owner(sealed, "DELETE FROM evaluation_evaluation WHERE id = %s", row.id)
    assert sealing.verify().faults == [f"rating {row.id}: deleted"]


def test_a_row_taken_out_of_its_seal_breaks_the_chain(sealed):
    as_owner(sealed, "DELETE FROM evaluation_sealedrow WHERE seal = 1 AND place = 2")
    assert any("seal 1" in fault for fault in sealing.verify().faults)


def test_a_missing_seal_is_named(sealed):
    as_owner(sealed, "DELETE FROM evaluation_seal WHERE n = 1")
    assert any("seal 1: missing" in fault for fault in sealing.verify().faults)


def test_other_words_than_were_rated_with_are_named(sealed):
    Words.objects.update(text="非常好")
    assert sealing.verify().faults == [f"words of {Words.objects.get().id}: not those that were rated with"]


def test_not_even_the_owner_changes_a_row_by_accident(sealed):
    with psycopg.connect(sealed.owner_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE evaluation_evaluation SET level = 5")
