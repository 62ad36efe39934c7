"""What a process tells the database of itself."""

from __future__ import annotations

from haochaping.project.database import django_database

URL = "postgresql://app:secret@db.example/hcp"


def test_a_web_process_lets_no_statement_and_no_lock_hang():
    options = django_database(URL, pool=4, seconds=30)["OPTIONS"]
    assert options["options"] == "-c statement_timeout=30s -c lock_timeout=10s"
    assert options["pool"]["max_size"] == 4


def test_the_worker_may_take_its_time():
    assert "options" not in django_database(URL, pool=0)["OPTIONS"]


def test_what_the_operator_says_in_the_url_holds():
    assert (
        django_database(f"{URL}?options=-c%20statement_timeout%3D5s", pool=0, seconds=30)["OPTIONS"]["options"]
        == "-c statement_timeout=5s"
    )
