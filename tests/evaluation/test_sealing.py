"""What was rated cannot be changed without `hcp verify` naming the row."""

from __future__ import annotations

import psycopg
import pytest

from haochaping.evaluation import commands, sealing
from haochaping.evaluation.models import Evaluation, Evaluator, Words
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from tests.cast import BAD, NOW, settle, wire_rating, wire_service


@pytest.fixture
def sealed(committing_db):
    """Five ratings, one with words and a name, under two seals."""
    settle()
    admit_services([wire_service(f"P{n}") for n in range(5)], source="test", now=NOW)
    wires = [wire_rating(f"P{n}") for n in range(4)] + [wire_rating("P4", **BAD, name="钱某")]
    submissions = [read_evaluation(w, source="test") for w in wires]
    admit(submissions[:3], now=NOW)
    assert sealing.seal(now=NOW) == 3
    admit(submissions[3:], now=NOW)
    assert sealing.seal(now=NOW) == 2
    return committing_db


def as_owner(database, statement, *values):
    """An insider with the owner's rights, who takes the trigger off first."""
    with psycopg.connect(database.owner_url) as connection:
        for table in ("evaluation_evaluation", "evaluation_sealedrow", "evaluation_seal"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
        connection.execute(statement, values)


def test_an_untouched_chain_verifies(sealed):
    report = sealing.verify()
    assert (report.faults, report.rows, report.seals, report.unsealed) == ([], 5, 2, 0)


def test_it_still_verifies_after_the_rater_withdrew_words_and_identity(sealed):
    rated = Words.objects.get().id
    commands.erase_words(rated, by="评价人", now=NOW)
    commands.erase_identity(rated, by="评价人", now=NOW)
    assert not Words.objects.exists()
    assert not Evaluator.objects.exists()
    assert sealing.verify().faults == []


@pytest.mark.parametrize("level", [1, 4])
def test_a_changed_rating_is_named(sealed, level):
    row = Evaluation.objects.filter(level=5).first()
    as_owner(sealed, "UPDATE evaluation_evaluation SET level = %s WHERE id = %s", level, row.id)
    assert sealing.verify().faults == [f"rating {row.id}: changed"]


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
    row = Evaluation.objects.first()
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
