"""From rows in PostgreSQL through the lake to figures."""

from __future__ import annotations

import os
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from django.db import connection

from haochaping.analytics import lake
from haochaping.analytics.columns import ORDERS, SERVICES
from haochaping.analytics.commands import rebuild_lake, refresh_lake
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.models import Stale
from haochaping.analytics.queries import figures
from haochaping.directory.models import Edition, Item, Theme
from haochaping.directory.queries import forget as forget_directory
from haochaping.evaluation.models import Evaluation, ServiceEvent
from haochaping.kit.config import ROOT
from haochaping.outbox.commands import tell
from haochaping.outbox.models import Note
from haochaping.policy.queries import forget as forget_policy
from haochaping.rectification.models import Order
from tests.analytics.lake_rows import day, noon
from tests.analytics.record import AS_SERVED, event, lapse, order, rating, ruling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from haochaping.analytics.queries import Row

NOW = noon("11-20")


def november(*metrics: str) -> Row:
    return figures(metrics or list(METRICS), [], day("11-01"), day("11-30"), now=NOW).total


def content() -> dict[str, Any]:
    """Everything a reader can find, without the names of the files."""
    found = lake.read()
    return {
        f"{part} {on}": pq.read_table(lake.root() / file.path).to_pylist()
        for part in lake.PARTS
        for on, file in found.files[part].items()
    }


@pytest.fixture
def a_month(db: None) -> None:
    """Five services: rated 5, rated 2 with an order, excluded with its order, lapsed, probe."""
    rating(event(1), 5, assurance="real_name")
    bad = event(2)
    rating(bad, 2, "11-03", assurance="real_name")
    calls = [("return", "arbitrating", {}), ("assign", "dispatched", {}), ("sign", "verifying", {}), ("confirm", "rectifying", {}), ("submit", "reviewing", {}), ("send_back", "rectifying", {}), ("approve", "callback", {}), ("record", "callback", {"result": "unreachable"}), ("record", "closed", {"result": "accepted"})]  # fmt: skip
    order(bad, "11-03", "11-10", ("open", "dispatched", {}), *calls, state="closed", real_name=True,
          answered_at=noon("11-07"), closed_at=noon("11-08"), answer_kind="submitted", verdict="accepted", was_called=True)  # fmt: skip
    untrue = event(3, "11-04")
    rating(untrue, 1, "11-04")
    order(untrue, "11-04", "11-11", ("appeal", "appealing", {}), ("uphold", "voided", {}), state="voided", upheld=True)
    ruling(untrue, 1, excludes=True)
    lapse(event(4, "11-05"), 5, "11-12")
    rating(event(5, "11-05", is_probe=True), 1, "11-05", is_probe=True)


def test_rows_become_figures(a_month: None) -> None:
    done = refresh_lake(now=NOW)
    assert (done.files, done.rows, done.left) == (4, 7, 0)  # the 2nd, 4th, 5th; the orders of November
    row = november()
    assert {key: (f.numerator, f.denominator) for key, f in row.figures.items()} == {
        "services": (4, None),
        "ratings": (2, None),
        "excluded": (1, None),
        "active_rate": (2, 3),
        "unrated_rate": (1, 3),
        "good_rate": (1, 2),
        "good_rate_with_default": (2, 3),
        "bad_rate": (1, 2),
        "bad": (1, None),
        "score": (0, 2),  # no policy is loaded
        "real_name_rate": (2, 2),
        "inspections": (0, None),
        "inspection_good_rate": (0, 0),
        "orders": (1, None),
        "reply_rate": (1, 1),
        "on_time_rate": (1, 1),
        "rectified_rate": (1, 1),
        "callback_rate": (1, 1),
        "callback_satisfied_rate": (1, 1),
        "appeal_rate": (1, 2),
        "upheld_rate": (1, 1),
        "signed": (1, None),
        "verified_in": (1, None),
        "submitted": (1, None),
        "reviewed": (1, None),
        "past_callback": (1, None),
        "closed": (1, None),
        "overdue_rate": (0, 1),
        "reopen_rate": (1, 1),
        "return_rate": (1, 1),
        "hours_to_sign": (0, 1),
        "days_to_answer": (4 * 24 * 60, 1),
        "days_to_close": (5 * 24 * 60, 1),
    }


def test_a_rebuilt_lake_equals_a_refreshed_one(a_month: None) -> None:
    refresh_lake(now=NOW)
    rating(event(6, "10-30"), 4, "11-01")
    refresh_lake(now=NOW)
    refreshed = content()
    rebuild_lake(now=NOW)
    assert content() == refreshed
    assert len(refreshed) == 4 + 1 + 5 * 2 + 6 * 1  # days, month of orders, months of the cubes by either axis


def test_the_directory_of_today_is_in_the_lake_and_written_anew_when_it_changes(db: None) -> None:
    rating(event(1, user_prop=2), 1, indicators=["101"], user_prop=2)
    known = {"task_code": AS_SERVED["task_code"], "name": "不动产转移登记", "organ": "O", "area": "32"}
    item = Item.objects.create(**known, kind="07", theme="住房", valid_from=day("01-01"), other_codes=["A-1"])
    Theme.objects.create(code="home", name="买房一件事", items=["A-1"])
    forget_directory()
    refresh_lake(now=NOW)

    def counted(**filters: Any) -> int:
        return figures(["ratings"], [], day("11-01"), day("11-30"), filters, now=NOW).total["ratings"].numerator

    assert counted(bundle="home", theme="住房", item_kind="07", party="enterprise", indicator="101") == 1
    assert counted(is_enterprise=True) == 0
    version = lake.read().version
    refresh_lake(now=NOW)
    assert lake.read().version == version, "nothing changed, nothing is written"
    Item.objects.filter(pk=item.pk).update(is_for_enterprises=True)
    Edition.objects.create(kind="items", mark=uuid4())
    refresh_lake(now=NOW)
    assert counted(is_enterprise=True) == 1
    refreshed = content()
    rebuild_lake(now=NOW)
    assert content() == refreshed
    forget_directory()


def test_what_was_made_for_a_rating_is_known_by_its_case_number_and_an_inspection_by_its_mode(db: None) -> None:
    ours = {"project_no": "HCP20261102" + "0A" * 10}
    for number, level, more in ((1, 5, {}), (2, 4, ours), (3, 1, ours | {"mode": "inspection"})):
        id_ = event(number)
        ServiceEvent.objects.filter(id=id_).update(**more)
        rating(id_, level)
    not_ours = event(4)
    ServiceEvent.objects.filter(id=not_ours).update(project_no="HCP-2026-17")
    refresh_lake(now=NOW)
    row = november("services", "ratings", "good_rate", "inspections", "active_rate")
    assert [(f.numerator, f.denominator) for f in row.figures.values()] == [
        (2, None), (2, None), (2, 2), (1, None), (1, 2),
    ]  # fmt: skip


def test_a_lake_with_the_columns_of_an_older_release_is_made_anew(a_month: None) -> None:
    refresh_lake(now=NOW)
    whole = content()
    manifest = lake.root() / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(lake.SHAPE, "older"), encoding="utf-8")
    assert lake.read().is_empty, "its files are not read"
    refresh_lake(now=NOW)
    assert content() == whole


def test_what_changes_later_reaches_its_old_day(a_month: None) -> None:
    refresh_lake(now=NOW)
    ruling(Evaluation.objects.get(level=1, is_probe=False).id, 2, excludes=False)
    done = refresh_lake(now=NOW)
    assert done.files == 2  # its service day and its order's month, though the note named only the day
    assert november("ratings", "excluded", "orders")["ratings"].numerator == 3
    assert november("orders")["orders"].numerator == 2


def test_a_moved_or_vanished_service_leaves_its_old_day(a_month: None) -> None:
    refresh_lake(now=NOW)
    moved = ServiceEvent.objects.get(service_day=day("11-04"))
    ServiceEvent.objects.filter(id=moved.id).update(service_day=day("11-06"))
    from tests.analytics.record import hear

    hear(moved.id, "service", day("11-04"), NOW)
    refresh_lake(now=NOW)
    assert [on for on in lake.read().files["services"] if on.day in {4, 6}] == [day("11-06")]
    assert november("services")["services"].numerator == 4


def test_a_rating_keeps_the_place_as_rated(db: None) -> None:
    id_ = event(1)
    rating(id_, 5, area_path="320508")
    refresh_lake(now=NOW)
    found = figures(["ratings"], ["county"], day("11-01"), day("11-30"), now=NOW).rows
    assert [row.keys for row in found] == [{"county": "320508"}]


def test_scores_come_from_the_policy_of_the_rating_day(db: None) -> None:
    from haochaping.policy.commands import load_pack

    load_pack(ROOT / "policies" / "qufu.toml", "test", NOW)
    forget_policy()
    place = {"area_path": "370881", "area": "370881000000"}
    for n, level in enumerate((5, 4, 1)):
        rating(event(n, **place), level, **place)
    refresh_lake(now=NOW)
    score = november("score")["score"]
    assert (score.numerator, score.denominator, score.text) == (10 + 8 + 0, 3, "6.00")
    forget_policy()


def test_today_goes_first_and_older_days_have_a_minutes_patience(db: None) -> None:
    event(1, "11-20")
    event(2, "11-02")
    Note.objects.filter().update(at=NOW)
    done = refresh_lake(now=NOW, everything=False)
    assert (done.files, done.left) == (1, 1)
    done = refresh_lake(now=noon("11-21"), everything=False)
    assert (done.files, done.left) == (1, 0)


def test_so_do_the_orders_of_this_month(db: None) -> None:
    for number, on in ((1, "10-02"), (2, "11-02")):
        id_ = event(number, on)
        rating(id_, 1, on)
        order(id_, on, on)
    refresh_lake(now=NOW)
    for found in Order.objects.all():
        tell([(found.id, "order", found.dispatch_day)], now=NOW)
    done = refresh_lake(now=NOW, everything=False)
    assert (done.files, done.left) == (1, 1)
    assert Stale.objects.get().day == day("10-01")


def test_what_is_done_with_an_order_writes_no_services_anew(a_month: None) -> None:
    refresh_lake(now=NOW)
    files = lake.read().files["services"]
    for found in Order.objects.all():
        tell([(found.id, "order", found.dispatch_day)], now=NOW)
    assert refresh_lake(now=NOW).files == 1
    assert lake.read().files["services"] == files


def test_no_personal_data_is_in_the_lake(a_month: None) -> None:
    refresh_lake(now=NOW)
    blobs = b"".join(path.read_bytes() for path in lake.root().rglob("*.parquet"))
    assert b"CANARY" not in blobs
    told = str(content())
    assert "CANARY" not in told
    for leading_there in ("id", "project_no", "receipt", "phone", "name", "assess_time", "device", "words"):
        assert leading_there not in {*SERVICES.names, *ORDERS.names}


def test_without_a_lake_there_are_empty_figures_and_no_error(db: None) -> None:
    assert lake.read().is_empty
    assert november("ratings")["ratings"].numerator == 0
    assert refresh_lake(now=NOW).files == 0
    rebuild_lake(now=NOW)
    assert lake.read().is_empty
    assert november("good_rate")["good_rate"].value is None


def test_replaced_files_stay_for_an_hour(a_month: None) -> None:
    refresh_lake(now=NOW)
    old = [lake.root() / file.path for file in lake.read().files["services"].values()]
    rebuild_lake(now=NOW)
    assert all(path.exists() for path in old), "a reader may have taken the old manifest"
    for path in old:
        os.utime(path, (0, path.stat().st_mtime - 3601))
    rebuild_lake(now=NOW)
    assert not any(path.exists() for path in old)


WRITER = """
import sys, random
import django
django.setup()
from datetime import datetime, UTC
from django.db import transaction
from tests.analytics.record import event, rating
from haochaping.analytics.commands import refresh_lake
start = int(sys.argv[1])
print("ready", flush=True)
for n in range(start, start + 10_000):
    with transaction.atomic():
        rating(event(n, f"11-{n % 9 + 1:02}"), n % 5 + 1)
    print(n, flush=True)
    refresh_lake(now=datetime.now(UTC))
"""


@pytest.fixture
def writer_env(committing_db: Any, lake_directory: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A process of its own whose lake is ours: HCP_DATA's `lake`."""
    forget_directory()
    here = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "analytics")])
    yield committing_db.env | {
        "HCP_DATA": str(lake_directory.parent),
        "PYTHONPATH": here,
        "DJANGO_SETTINGS_MODULE": "haochaping.project.settings",
        "PYTHONWARNINGS": "ignore",
    }
    connection.close()


def test_killed_at_any_moment_the_lake_stays_readable_and_nothing_is_lost(writer_env: dict[str, str]) -> None:
    chance = Random(20261120)
    told = 0
    for round_ in range(6):
        command = [sys.executable, "-c", WRITER, str(round_ * 10_000)]
        with subprocess.Popen(command, env=writer_env, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip() != "ready":
                    told += 1
                    if chance.random() < 0.3:
                        break
            process.kill()  # in the middle of a refresh, most likely
            told += sum(1 for line in process.stdout if line.strip().isdigit())
        ratings = november("ratings")["ratings"].numerator
        assert ratings <= Evaluation.objects.count()
    refresh_lake(now=NOW)
    assert Evaluation.objects.count() >= told > 0
    assert november("ratings")["ratings"].numerator == Evaluation.objects.count()
    assert not Stale.objects.exists()
    assert not Note.objects.filter(topic="lake").exists()
    refreshed = content()
    rebuild_lake(now=NOW)
    assert content() == refreshed
